
/*
 * Copyright (C) LLMBroker contributors
 *
 * TAP for unit tests: ok(), is(), is_str(), done_testing().
 */


#ifndef _UNIT_H_INCLUDED_
#define _UNIT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_shim.h"


static ngx_uint_t  unit_tests;
static ngx_uint_t  unit_failed;


/* one test: passed when v is not 0; returns v */
static inline int
ok(int v, const char *fmt, ...)
{
    va_list  args;

    unit_tests++;

    printf("%sok %u - ", v ? "" : "not ", (unsigned) unit_tests);

    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);

    printf("\n");

    if (!v) {
        unit_failed++;
    }

    return v;
}


/* a line of explanation, for the reader of a failure */
static inline void
diag(const char *fmt, ...)
{
    va_list  args;

    printf("# ");

    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);

    printf("\n");
}


/* one test: two numbers are equal */
static inline int
is(long long got, long long expected, const char *name)
{
    if (!ok(got == expected, "%s", name)) {
        diag("got:      %lld", got);
        diag("expected: %lld", expected);
        return 0;
    }

    return 1;
}


/* one test: len bytes at p are the text */
static inline int
is_str(const void *p, size_t len, const char *text, const char *name)
{
    if (!ok(len == strlen(text) && (len == 0 || memcmp(p, text, len) == 0),
            "%s", name))
    {
        diag("got:      \"%.*s\"", (int) len, (const char *) p);
        diag("expected: \"%s\"", text);
        return 0;
    }

    return 1;
}


/* the plan; the program's exit status: return done_testing() from main() */
static inline int
done_testing(void)
{
    printf("1..%u\n", (unsigned) unit_tests);

    return unit_failed != 0;
}


/* xorshift64*: the same numbers on every machine */
static inline uint64_t
unit_random(uint64_t *seed)
{
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;

    return *seed * 0x2545f4914f6cdd1d;
}


#endif /* _UNIT_H_INCLUDED_ */
