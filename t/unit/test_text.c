
/*
 * Copyright (C) LLMBroker contributors
 *
 * The characters of a JSON string, which citations count from: the counting of
 * eight bytes together against one that looks at each.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_text.h"

#include "unit.h"


static void test_points(void);
static void test_random(void);


int
main(void)
{
    test_points();
    test_random();

    return done_testing();
}


static void
test_points(void)
{
    ngx_str_t   inner;
    ngx_uint_t  i;

    static const struct {
        const char  *inner;
        ngx_uint_t   points;
    } cases[] = {
        { "", 0 },
        { "a", 1 },
        { "eight by", 8 },
        { "eight bytes and more", 20 },
        { "\xe2\x82\xac", 1 },
        { "\xf0\x9f\x98\x80\xe2\x82\xac\xc3\xa4 ", 4 },
        { "eight by\xc3\xa4 \xf0\x9f\x98\x80 eight by", 20 },
        { "\\n", 1 },
        { "\\\\\\\"\\u00e4", 3 },
        { "\\ud83d\\ude00", 1 },
        { "eight by\\uD83D\\uDE00eight by\\u20ac", 18 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        inner.data = (u_char *) cases[i].inner;
        inner.len = ngx_strlen(inner.data);

        ok(ngx_http_llmbroker_text_points(&inner) == cases[i].points,
           "characters: number %u", (unsigned) i);
    }
}


/* whole characters of one to four bytes, and escapes, in any order */

static void
test_random(void)
{
    u_char      *p, text[400];
    uint64_t     seed;
    ngx_str_t    inner;
    ngx_uint_t   i, n, wrong;

    static const char *const points[] = {
        "a", " ", "~", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\\n",
        "\\u0041", "\\ud83d\\ude00"
    };

    wrong = 0;
    seed = 7;

    for (i = 0; i < 5000; i++) {

        p = text;
        n = unit_random(&seed) % 33;

        inner.data = text;
        inner.len = 0;

        while (inner.len < n) {
            p = ngx_sprintf(p, "%s", points[unit_random(&seed)
                                            % (i % 2 ? 6 : 9)]);
            inner.len++;
        }

        inner.len = p - text;

        wrong += ngx_http_llmbroker_text_points(&inner) != n;
    }

    is(wrong, 0, "random texts");
}
