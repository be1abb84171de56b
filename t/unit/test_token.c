
/*
 * Copyright (C) LLMBroker contributors
 *
 * The tokens that lie in memory as a whole: where they end, what is refused,
 * no byte read behind "last"; and that the path of any processor finds the
 * same as that which looks at 16 bytes together.
 */


#define NGX_HTTP_LLMBROKER_NO_SSE2    1

#define ngx_http_llmbroker_token_long    word_long
#define ngx_http_llmbroker_token_text    word_text
#define ngx_http_llmbroker_token_string  word_string
#define ngx_http_llmbroker_token_number  word_number

#include "codec/ngx_http_llmbroker_token.c"

#undef ngx_http_llmbroker_token_long
#undef ngx_http_llmbroker_token_text
#undef ngx_http_llmbroker_token_string
#undef ngx_http_llmbroker_token_number

#include "unit.h"


u_char *ngx_http_llmbroker_token_long(u_char *p, u_char *last);
u_char *ngx_http_llmbroker_token_string(u_char *p, u_char *last,
    ngx_uint_t *escaped);
u_char *ngx_http_llmbroker_token_number(u_char *p, u_char *last);


/* memory of just that size, so that a byte too far is seen */

static u_char *
copied(const void *text, size_t len)
{
    u_char  *p;

    p = malloc(len + (len == 0));
    memcpy(p, text, len);

    return p;
}


/* each byte at each place of runs that take all the steps */

static void
test_long(void)
{
    u_char      *p;
    size_t       len, i;
    ngx_uint_t   ch, failed;

    failed = 0;

    for (len = 1; len < 100; len++) {
        p = malloc(len);

        for (i = 0; i < len; i++) {

            for (ch = 0; ch < 256; ch++) {
                memset(p, 'a' + i % 20, len);
                p[i] = (u_char) ch;

                /* another behind it */

                if (i + 3 < len) {
                    p[i + 3] = '"';
                }

                if (ch >= 0x20 && ch < 0x80 && ch != '"' && ch != '\\') {
                    failed += word_long(p, p + len)
                              != (i + 3 < len ? p + i + 3 : p + len);
                } else {
                    failed += word_long(p, p + len) != p + i;
                }

                failed += word_long(p, p + len)
                          != ngx_http_llmbroker_token_long(p, p + len);
            }
        }

        free(p);
    }

    is(failed, 0, "every byte in every place of runs of up to 99 bytes");
}


static void
test_string(void)
{
    u_char      *p, *end;
    size_t       len, i;
    ngx_uint_t   escaped;

    static const struct {
        const char  *text;
        ngx_int_t    end;
        ngx_uint_t   escaped;
    } texts[] = {
        { "\"", 0, 0 },
        { "abc\",\"x\"", 3, 0 },
        { "abcdefghijklmnop\",\"", 16, 0 },
        { "abcdefghijklmnopqrstuvwxyz\x7f ~\"", 29, 0 },
        { "a\\\"b\\\\\"c\"", 6, 1 },
        { "\\n\\r\\t\\b\\f\\/\"", 12, 1 },
        { "\\u0000\\uD83d\\ude00\\udeFf\"", 24, 1 },
        { "\xc3\xa9\xe6\x97\xa5 \xf0\x9f\x98\x80\"", 10, 0 },
        { "", -1, 0 },
        { "abc", -1, 0 },
        { "\\", -1, 0 },
        { "\\\"", -1, 0 },
        { "\\u", -1, 0 },
        { "\\u123", -1, 0 },
        { "\\u123\"", -1, 0 },
        { "\\u12g4\"", -1, 0 },
        { "\\u12@4\"", -1, 0 },
        { "\\x\"", -1, 0 },
        { "\\U0041\"", -1, 0 },
        { "a\nb\"", -1, 0 },
        { "\xc3\xa9\x1f\"", -1, 0 },
        { "\xc3\"", -1, 0 },
        { "\xff\"", -1, 0 },
        { "\xe6\x97", -1, 0 }
    };

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        len = strlen(texts[i].text);
        p = copied(texts[i].text, len);

        end = ngx_http_llmbroker_token_string(p, p + len, &escaped);

        is(end ? end - p : -1, texts[i].end, "where a string ends");
        ok(end == NULL || escaped == texts[i].escaped, "its escapes");

        ok(word_string(p, p + len, &escaped) == end, "the same word by word");

        free(p);
    }
}


static void
test_number(void)
{
    u_char  *p, *end;
    size_t   len, i;

    static const struct {
        const char  *text;
        ngx_int_t    end;
    } texts[] = {
        { "0", 1 }, { "-0", 2 }, { "12", 2 }, { "-1.5e+7,", 7 }, { "1E5]", 3 },
        { "0.10e-01 ", 8 }, { "01", 1 }, { "0x1", 1 }, { "1-2", 1 },
        { "1e5.5", 3 }, { "1.2.3", 3 }, { "-", -1 }, { "", -1 }, { "+1", -1 },
        { ".5", -1 }, { "1.", -1 }, { "1.e5", -1 }, { "1e", -1 }, { "1e+", -1 },
        { "-a", -1 }, { "1ex", -1 }, { "--1", -1 }, { "-.1", -1 }
    };

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        len = strlen(texts[i].text);
        p = copied(texts[i].text, len);

        end = ngx_http_llmbroker_token_number(p, p + len);

        is(end ? end - p : -1, texts[i].end, texts[i].text);

        free(p);
    }
}


/* the same byte by byte, as RFC 8259 has it */

static u_char *
slow_string(u_char *p, u_char *last)
{
    size_t  n;

    while (p < last && *p >= 0x20) {

        if (*p == '"') {
            return p;
        }

        if (*p >= 0x80) {

            for (n = 2; n <= 4 && n <= (size_t) (last - p); n++) {

                if (ngx_http_llmbroker_utf8(NGX_HTTP_LLMBROKER_UTF8_ACCEPT, p,
                                            p + n)
                    == NGX_HTTP_LLMBROKER_UTF8_ACCEPT)
                {
                    break;
                }
            }

            if (n > 4 || n > (size_t) (last - p)) {
                return NULL;
            }

            p += n;
            continue;
        }

        if (*p++ != '\\') {
            continue;
        }

        if (p == last || *p == '\0' || strchr("\"\\/bfnrtu", *p) == NULL) {
            return NULL;
        }

        if (*p++ == 'u') {

            for (n = 0; n < 4; n++, p++) {
                if (p == last || *p == '\0'
                    || strchr("0123456789abcdefABCDEF", *p) == NULL)
                {
                    return NULL;
                }
            }
        }
    }

    return NULL;
}


/* texts of all that a string may have, in any order and at any place */

static void
test_mixed(void)
{
    u_char      *p, *end, text[512];
    size_t       len, n, most;
    ngx_uint_t   i, ends, escaped, failed;

    static const char *pieces[] = {
        "a", "the ", "quick brown fox jumps over the lazy dog ", "\\n",
        "\\\"", "\\\\", "\\/", "\\u0041", "\\u4f60\\u597d", "\\u0000",
        "\\ud83d\\ude00", "\\udc00", "\xc3\xa9", "\xd0\x9f\xd1\x80",
        "\xe4\xb8\x96\xe7\x95\x8c", "\xed\x95\x9c", "\xe0\xa4\x85",
        "\xf0\x9f\x98\x80", "0123456789abcde",

        /* seldom */
        "\"", "\n", "\\x", "\\u12g4", "\xc3", "\xed\xa0\x80", "\xe0\x80\x80",
        "\xc0\x80", "\xf4\x90\x80\x80", "\x80", "\xe4\xb8", "\\"
    };

    failed = 0;
    ends = 0;

    srandom(1);

    for (i = 0; i < 200000; i++) {
        most = random() % 400;
        n = 0;

        while (n < most) {
            const char  *piece;

            piece = pieces[random() % (random() % 24 ? 19 : 31)];
            len = strlen(piece);

            memcpy(text + n, piece, len);
            n += len;
        }

        text[n++] = '"';

        if (i % 16 == 0) {
            n = random() % n;
        }

        p = copied(text, n);
        end = slow_string(p, p + n);

        failed += ngx_http_llmbroker_token_string(p, p + n, &escaped) != end;
        failed += (end && escaped != (memchr(p, '\\', end - p) != NULL));
        failed += word_string(p, p + n, &escaped) != end;

        ends += (end != NULL);

        free(p);
    }

    is(failed, 0, "strings of all kinds of characters end where they do");
    ok(ends > 50000 && ends < 190000, "many of them end: %u", (unsigned) ends);
}


int
main(void)
{
    test_long();
    test_string();
    test_mixed();
    test_number();

    return done_testing();
}
