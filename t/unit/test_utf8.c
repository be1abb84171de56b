
/*
 * Copyright (C) LLMBroker contributors
 *
 * The automaton accepts exactly what RFC 3629 allows: compared with the
 * definition for every character and for every sequence of up to three bytes.
 */


#include "unit.h"
#include "codec/ngx_http_llmbroker_utf8.h"


#define ACCEPT  NGX_HTTP_LLMBROKER_UTF8_ACCEPT
#define REJECT  NGX_HTTP_LLMBROKER_UTF8_REJECT


/* one character by the definition: its length, 0 when there is none */

static size_t
reference(const u_char *p, size_t len)
{
    size_t    i, n;
    uint32_t  code;

    static const uint32_t  least[] = { 0, 0, 0x80, 0x800, 0x10000 };

    if (p[0] < 0x80) {
        return 1;
    }

    n = (p[0] & 0xe0) == 0xc0 ? 2
      : (p[0] & 0xf0) == 0xe0 ? 3
      : (p[0] & 0xf8) == 0xf0 ? 4 : 0;

    if (n == 0 || n > len) {
        return 0;
    }

    code = p[0] & (0x7f >> n);

    for (i = 1; i < n; i++) {

        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }

        code = (code << 6) | (p[i] & 0x3f);
    }

    if (code < least[n] || code > 0x10ffff
        || (code >= 0xd800 && code <= 0xdfff))
    {
        return 0;
    }

    return n;
}


static ngx_uint_t
reference_valid(const u_char *p, size_t len)
{
    size_t  i, n;

    for (i = 0; i < len; i += n) {
        n = reference(p + i, len - i);

        if (n == 0) {
            return 0;
        }
    }

    return 1;
}


static uint32_t
by_bytes(u_char *p, size_t len)
{
    size_t    i;
    uint32_t  state;

    state = ACCEPT;

    for (i = 0; i < len; i++) {
        state = ngx_http_llmbroker_utf8(state, p + i, p + i + 1);
    }

    return state;
}


static void
test_all_characters(void)
{
    u_char      *last, text[4];
    uint32_t     code;
    ngx_uint_t   failed;

    failed = 0;

    for (code = 0; code <= 0x10ffff; code++) {

        if (code >= 0xd800 && code <= 0xdfff) {
            continue;
        }

        last = ngx_http_llmbroker_utf8_write(text, code);

        failed += reference(text, last - text) != (size_t) (last - text);
        failed += ngx_http_llmbroker_utf8(ACCEPT, text, last) != ACCEPT;
        failed += by_bytes(text, last - text) != ACCEPT;

        if (last - text > 1) {
            failed += ngx_http_llmbroker_utf8(ACCEPT, text, last - 1) <= REJECT;
        }
    }

    is(failed, 0, "each of the 1112064 characters is written and accepted");
}


static void
test_all_sequences(void)
{
    u_char      text[4];
    uint32_t    i;
    ngx_uint_t  failed;

    failed = 0;

    for (i = 0; i < 0x1000000; i++) {
        text[0] = (u_char) (i >> 16);
        text[1] = (u_char) (i >> 8);
        text[2] = (u_char) i;

        failed += (ngx_http_llmbroker_utf8(ACCEPT, text, text + 3) == ACCEPT)
                  != reference_valid(text, 3);
    }

    is(failed, 0, "all sequences of three bytes");

    for (i = 0; i < 0x1000000; i++) {
        text[0] = (u_char) (0xf0 + (i >> 20));
        text[1] = (u_char) (i >> 12);
        text[2] = (u_char) (i >> 4);
        text[3] = (u_char) (0x78 + (i & 0xf));

        failed += (ngx_http_llmbroker_utf8(ACCEPT, text, text + 4) == ACCEPT)
                  != reference_valid(text, 4);
    }

    is(failed, 0, "sequences of four bytes");
}


static void
test_pieces(void)
{
    u_char     *text;
    size_t      i, n, len;
    uint32_t    state;
    uint64_t    seed;
    ngx_uint_t  round, failed;

    static const char  *parts[] = {
        "a", "plain ascii, longer than a word ", "\xd1\x8f", "\xe6\x97\xa5",
        "\xf0\x9f\x98\x80", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf", "\xe6\x97",
        "\xff", "\xc0\xaf", "\xed\xa0\x80", "\x80"
    };

    seed = 7;
    failed = 0;

    for (round = 0; round < 3000; round++) {

        /* a memory block of the exact size, for AddressSanitizer */

        text = malloc(512);
        len = 0;

        for (i = 0; i < 12; i++) {
            n = unit_random(&seed) % (round % 2 ? 12 : 7);
            memcpy(text + len, parts[n], strlen(parts[n]));
            len += strlen(parts[n]);
        }

        text = realloc(text, len);

        failed += (ngx_http_llmbroker_utf8(ACCEPT, text, text + len) == ACCEPT)
                  != reference_valid(text, len);

        for (i = 0; i <= len; i++) {
            state = ngx_http_llmbroker_utf8(ACCEPT, text, text + i);
            state = ngx_http_llmbroker_utf8(state, text + i, text + len);

            failed += (state == ACCEPT) != reference_valid(text, len);
        }

        failed += (by_bytes(text, len) == ACCEPT)
                  != reference_valid(text, len);

        free(text);
    }

    is(failed, 0, "3000 random texts, cut everywhere");
}


/* each byte in each place of characters that are checked together */

static void
test_together(void)
{
    u_char                     *p, *end;
    size_t                      i, k, len;
    uint32_t                    state;
    ngx_uint_t                  ch, failed;

    static const char *const  texts[] = {
        "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xef\xbc\x8c\xe2\x80\x94"
        "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xef\xbc\x8c\xe2\x80\x94"
        "\xe6\x97\xa5\xe6\x9c\xac",
        "\xed\x95\x9c\xea\xb5\xad\xec\x96\xb4\xe0\xa4\xa8\xe0\xb8\x81"
        "\xe1\x83\x90\xee\x80\x80",
        "\xd0\x9f\xd1\x80\xd0\xb8\xc3\xbc\xdf\xbf\xf0\x9f\x98\x80\xf4\x8f"
        "\xbf\xbf\xf1\x80\x80\x80"
    };

    failed = 0;

    for (k = 0; k < sizeof(texts) / sizeof(texts[0]); k++) {
        len = strlen(texts[k]);
        p = malloc(len);

        for (i = 0; i < len; i++) {

            for (ch = 0; ch < 256; ch++) {
                memcpy(p, texts[k], len);
                p[i] = (u_char) ch;

                failed += ngx_http_llmbroker_utf8(ACCEPT, p, p + len)
                          != by_bytes(p, len);

                state = ACCEPT;
                end = ngx_http_llmbroker_utf8_run(&state, p, p + len);

                failed += state != by_bytes(p, end - p)
                          && state != REJECT;
                failed += state == REJECT
                          && by_bytes(p, end + 1 - p) != REJECT;
                failed += end < p + len && state != REJECT
                          && (state != ACCEPT || *end >= 0x80);
            }
        }

        free(p);
    }

    is(failed, 0, "characters that are checked together");
}


static void
test_run(void)
{
    u_char    *p;
    uint32_t   state;
    u_char     text[] = "\xd1\x8f\xe6\x97\xa5""a\xff";

    state = ACCEPT;
    p = ngx_http_llmbroker_utf8_run(&state, text, text + 7);
    ok(p == text + 5 && state == ACCEPT, "a run ends at ASCII");

    p = ngx_http_llmbroker_utf8_run(&state, text + 6, text + 7);
    ok(p == text + 6 && state == REJECT, "and at an invalid byte");

    state = ACCEPT;
    p = ngx_http_llmbroker_utf8_run(&state, text, text + 4);
    ok(p == text + 4 && state > REJECT, "and where the text ends");

    p = ngx_http_llmbroker_utf8_run(&state, text + 5, text + 7);
    ok(p == text + 5 && state == REJECT, "ASCII inside a character is wrong");

    state = ngx_http_llmbroker_utf8(REJECT, text, text + 5);
    is(state, REJECT, "once rejected, rejected for ever");

    is(ngx_http_llmbroker_utf8(ACCEPT, text, text), ACCEPT, "nothing is valid");
}


int
main(void)
{
    test_all_characters();
    test_all_sequences();
    test_pieces();
    test_together();
    test_run();

    return done_testing();
}
