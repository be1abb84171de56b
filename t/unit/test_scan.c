
/*
 * Copyright (C) LLMBroker contributors
 *
 * The scanner accepts exactly RFC 8259 within its limits, points at the byte
 * that is wrong, and says the same however the text was cut.
 */


#include "unit.h"
#include "scan_check.h"

#include <time.h>


#define NONE   0
#define UTF8   NGX_HTTP_LLMBROKER_SCAN_UTF8
#define ESC    NGX_HTTP_LLMBROKER_SCAN_ESCAPES
#define OBJ    NGX_HTTP_LLMBROKER_SCAN_OBJECT
#define ALL    (UTF8|ESC|OBJ)

#define UNEXPECTED  "unexpected character"
#define CONTROL     "control character in a string"
#define ESCAPE      "invalid escape"
#define LONE        "lone surrogate"
#define BAD_UTF8    "invalid utf-8"
#define TRUNCATED   "truncated"

#define text(s)     s, sizeof(s) - 1


typedef struct {
    const char  *text;
    size_t       len;
    ngx_uint_t   flags;
} valid_t;


typedef struct {
    const char  *text;
    size_t       len;
    ngx_uint_t   flags;
    const char  *error;
    off_t        offset;
} invalid_t;


static const valid_t  valid[] = {
    { text("{}"), ALL },
    { text("[]"), NONE },
    { text(" \t\r\n{ \t\r\n} \t\r\n"), ALL },
    { text("null"), NONE },
    { text("true"), NONE },
    { text("false"), NONE },
    { text("0"), NONE },
    { text("-0"), NONE },
    { text("10"), NONE },
    { text("-1.5e+10"), NONE },
    { text("1e999"), NONE },
    { text("0e0"), NONE },
    { text("0.0"), NONE },
    { text("0E-1"), NONE },
    { text("123456789012345678901234567890"), NONE },
    { text("\"\""), NONE },
    { text("\"\x7f\""), UTF8 },
    { text("{\"a\":1,\"b\":[true,false,null,-0.5e-3,\"x\"],\"c\":{}}"), ALL },
    { text("{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":{\"f\":[[[[1]]]]}}}}}}"), ALL },
    { text("{\"\":\"\"}"), ALL },
    { text("[{\"a\":1},[1,2],{\"a\":1,\"b\":2},[[3],{}],{}]"), NONE },
    { text("{\"a\":1,\"a\":2}"), ALL },
    { text("[1 , 2\n,\t[ ] ,{ } ]"), NONE },
    { text("{\"x\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\uABcd\"}"), ALL },
    { text("{\"x\":\"\\uD83D\\uDE00\\ud800\\udc00\\udBFF\\uDFFF\"}"), ALL },
    { text("{\"\\uD83D\\uDE00\":\"\\\\uD83D\"}"), ALL },
    { text("[\"\\uD83D\",\"\\uDE00\",\"\\uDE00\\uD83D\",\"\\uD83D\\uD83D\"]"),
      NONE },
    { text("[\"\\uD83Dx\",\"\\uD83D\\n\",\"\\u0000\"]"), UTF8 },
    { text("{\"\xd1\x8f\":\"\xe6\x97\xa5\xe6\x9c\xac\xf0\x9f\x98\x80\"}"),
      ALL },
    { text("[\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\"]"),
      UTF8 },
    { text("[\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\xef\xbf\xbf\"]"), UTF8 },
    { text("[\"\xff\xc0\xaf \xed\xa0\x80\xe2\"]"), ESC },
    { text("[\"12345678\xd1\x8f""12345678\xd1\x8f\\n12345678\"]"), UTF8 },
    { text("\"0123456\\\"89abcdef\\\\\""), NONE },
    { text("[\"\xe2\x80\xa8\xe2\x80\xa9\xef\xbb\xbf\"]"), UTF8 }
};


static const invalid_t  invalid[] = {
    { text(""), NONE, TRUNCATED, 0 },
    { text(" \n"), NONE, TRUNCATED, 2 },
    { text("{"), NONE, TRUNCATED, 1 },
    { text("["), NONE, TRUNCATED, 1 },
    { text("[1"), NONE, TRUNCATED, 2 },
    { text("[1,"), NONE, TRUNCATED, 3 },
    { text("{\"a"), NONE, TRUNCATED, 3 },
    { text("{\"a\""), NONE, TRUNCATED, 4 },
    { text("{\"a\":"), NONE, TRUNCATED, 5 },
    { text("{\"a\":1"), NONE, TRUNCATED, 6 },
    { text("tru"), NONE, TRUNCATED, 3 },
    { text("-"), NONE, TRUNCATED, 1 },
    { text("1."), NONE, TRUNCATED, 2 },
    { text("1e"), NONE, TRUNCATED, 2 },
    { text("1e+"), NONE, TRUNCATED, 3 },
    { text("\"a\\"), NONE, TRUNCATED, 3 },
    { text("\"\\u12"), NONE, TRUNCATED, 5 },
    { text("\"\\ud83d"), ESC, TRUNCATED, 7 },
    { text("\"\xe6\x97"), UTF8, TRUNCATED, 3 },

    { text("\xef\xbb\xbf{}"), NONE, UNEXPECTED, 0 },
    { text("x"), NONE, UNEXPECTED, 0 },
    { text("\0{}"), NONE, UNEXPECTED, 0 },
    { text("{}\0"), NONE, UNEXPECTED, 2 },
    { text("{}x"), NONE, UNEXPECTED, 2 },
    { text("{} {}"), NONE, UNEXPECTED, 3 },
    { text("{},"), NONE, UNEXPECTED, 2 },
    { text("[]]"), NONE, UNEXPECTED, 2 },
    { text("[1}"), NONE, UNEXPECTED, 2 },
    { text("{\"a\":1]"), NONE, UNEXPECTED, 6 },
    { text("[}"), NONE, UNEXPECTED, 1 },
    { text("[[],{1}]"), NONE, UNEXPECTED, 5 },
    { text("[{},[\"a\":1]]"), NONE, UNEXPECTED, 8 },
    { text("{]"), NONE, UNEXPECTED, 1 },
    { text("[1,]"), NONE, UNEXPECTED, 3 },
    { text("[,1]"), NONE, UNEXPECTED, 1 },
    { text("[1,,2]"), NONE, UNEXPECTED, 3 },
    { text("[1 2]"), NONE, UNEXPECTED, 3 },
    { text("[1:2]"), NONE, UNEXPECTED, 2 },
    { text("{\"a\":1,}"), NONE, UNEXPECTED, 7 },
    { text("{,}"), NONE, UNEXPECTED, 1 },
    { text("{\"a\"}"), NONE, UNEXPECTED, 4 },
    { text("{\"a\" 1}"), NONE, UNEXPECTED, 5 },
    { text("{\"a\":}"), NONE, UNEXPECTED, 5 },
    { text("{\"a\"::1}"), NONE, UNEXPECTED, 5 },
    { text("{\"a\":1 \"b\":2}"), NONE, UNEXPECTED, 7 },
    { text("{a:1}"), NONE, UNEXPECTED, 1 },
    { text("{'a':1}"), NONE, UNEXPECTED, 1 },
    { text("{1:1}"), NONE, UNEXPECTED, 1 },
    { text("['a']"), NONE, UNEXPECTED, 1 },
    { text("NaN"), NONE, UNEXPECTED, 0 },
    { text("[NaN]"), NONE, UNEXPECTED, 1 },
    { text("[Infinity]"), NONE, UNEXPECTED, 1 },
    { text("[-Infinity]"), NONE, UNEXPECTED, 2 },
    { text("[nan]"), NONE, UNEXPECTED, 2 },
    { text("[True]"), NONE, UNEXPECTED, 1 },
    { text("[truE]"), NONE, UNEXPECTED, 4 },
    { text("[truex]"), NONE, UNEXPECTED, 5 },
    { text("[nul]"), NONE, UNEXPECTED, 4 },
    { text("[/* x */1]"), NONE, UNEXPECTED, 1 },
    { text("[1// x\n]"), NONE, UNEXPECTED, 2 },
    { text("[1]# x"), NONE, UNEXPECTED, 3 },
    { text("[01]"), NONE, UNEXPECTED, 2 },
    { text("[-01]"), NONE, UNEXPECTED, 3 },
    { text("[00]"), NONE, UNEXPECTED, 2 },
    { text("[+1]"), NONE, UNEXPECTED, 1 },
    { text("[.5]"), NONE, UNEXPECTED, 1 },
    { text("[-.5]"), NONE, UNEXPECTED, 2 },
    { text("[1.]"), NONE, UNEXPECTED, 3 },
    { text("[1.e1]"), NONE, UNEXPECTED, 3 },
    { text("[1e]"), NONE, UNEXPECTED, 3 },
    { text("[1e+]"), NONE, UNEXPECTED, 4 },
    { text("[1e1.5]"), NONE, UNEXPECTED, 4 },
    { text("[1.2.3]"), NONE, UNEXPECTED, 4 },
    { text("[0x10]"), NONE, UNEXPECTED, 2 },
    { text("[1_000]"), NONE, UNEXPECTED, 2 },
    { text("[1a]"), NONE, UNEXPECTED, 2 },
    { text("[--1]"), NONE, UNEXPECTED, 2 },
    { text("[\xc2\xa0]"), NONE, UNEXPECTED, 1 },
    { text("[\v1]"), NONE, UNEXPECTED, 1 },
    { text("[\f1]"), NONE, UNEXPECTED, 1 },

    { text("[\"a\nb\"]"), NONE, CONTROL, 3 },
    { text("[\"a\tb\"]"), NONE, CONTROL, 3 },
    { text("[\"\0\"]"), NONE, CONTROL, 2 },
    { text("[\"\x1f\"]"), NONE, CONTROL, 2 },
    { text("[\"01234567\x01\"]"), NONE, CONTROL, 10 },
    { text("{\"a\rb\":1}"), NONE, CONTROL, 3 },
    { text("[\"\\\n\"]"), NONE, ESCAPE, 3 },
    { text("[\"\\x41\"]"), NONE, ESCAPE, 3 },
    { text("[\"\\'\"]"), NONE, ESCAPE, 3 },
    { text("[\"\\U0041\"]"), NONE, ESCAPE, 3 },
    { text("[\"\\\xc3\xa9\"]"), NONE, ESCAPE, 3 },
    { text("[\"\\u00g0\"]"), NONE, ESCAPE, 6 },
    { text("[\"\\u 041\"]"), NONE, ESCAPE, 4 },
    { text("[\"\\u00\"]"), NONE, ESCAPE, 6 },
    { text("[\"\\u+041\"]"), NONE, ESCAPE, 4 },
    { text("[\"\\u@041\"]"), NONE, ESCAPE, 4 },
    { text("[\"\\u`041\"]"), NONE, ESCAPE, 4 },

    { text("[\"a\\u0000\"]"), ESC, "zero character", 3 },
    { text("{\"\\u0000\":1}"), ESC, "zero character", 2 },
    { text("[\"a\\uD83D\"]"), ESC, LONE, 3 },
    { text("[\"\\uD83Dx\"]"), ESC, LONE, 2 },
    { text("[\"\\uD83D\xe6\x97\xa5\"]"), ESC|UTF8, LONE, 2 },
    { text("[\"\\uD83D\\n\"]"), ESC, LONE, 2 },
    { text("[\"\\uD83D\\q\"]"), ESC, LONE, 2 },
    { text("[\"\\uD83D\\u0041\"]"), ESC, LONE, 2 },
    { text("[\"\\uD83D\\uD83D\\uDE00\"]"), ESC, LONE, 2 },
    { text("[\"\\uDE00\"]"), ESC, LONE, 2 },
    { text("[\"\\uD83D\\uDE00\\uDE00\"]"), ESC, LONE, 14 },
    { text("{\"\\uDFFF\":1}"), ESC, LONE, 2 },

    { text("[\"\xff\"]"), UTF8, BAD_UTF8, 2 },
    { text("[\"\x80\"]"), UTF8, BAD_UTF8, 2 },
    { text("[\"\xc0\xaf\"]"), UTF8, BAD_UTF8, 2 },
    { text("[\"\xc1\xbf\"]"), UTF8, BAD_UTF8, 2 },
    { text("[\"\xe0\x9f\xbf\"]"), UTF8, BAD_UTF8, 3 },
    { text("[\"\xed\xa0\x80\"]"), UTF8, BAD_UTF8, 3 },
    { text("[\"\xf0\x8f\xbf\xbf\"]"), UTF8, BAD_UTF8, 3 },
    { text("[\"\xf4\x90\x80\x80\"]"), UTF8, BAD_UTF8, 3 },
    { text("[\"\xf5\x80\x80\x80\"]"), UTF8, BAD_UTF8, 2 },
    { text("[\"\xe6\x97\"]"), UTF8, BAD_UTF8, 4 },
    { text("[\"\xe6\"]"), UTF8, BAD_UTF8, 3 },
    { text("[\"\xf0\x9f\x98x\"]"), UTF8, BAD_UTF8, 5 },
    { text("[\"\xe6\\n\"]"), UTF8, BAD_UTF8, 3 },
    { text("{\"0123456789\xff\":1}"), UTF8, BAD_UTF8, 12 },

    { text("[]"), OBJ, "not an object", 0 },
    { text(" \"a\""), OBJ, "not an object", 1 },
    { text("null"), OBJ, "not an object", 0 },
    { text("1"), OBJ, "not an object", 0 },
    { text("<html>"), OBJ, UNEXPECTED, 0 },
    { text(""), OBJ, TRUNCATED, 0 }
};


static scan_check_t  whole, cut;


static const char *
printable(const char *text, size_t len)
{
    size_t       i, n;
    static char  out[256];

    for (i = 0, n = 0; i < len && n < sizeof(out) - 8; i++) {
        n += snprintf(out + n, sizeof(out) - n,
                      text[i] >= 0x20 && text[i] < 0x7f ? "%c" : "<%02x>",
                      (u_char) text[i]);
    }

    out[n] = '\0';

    return out;
}


/* the same with every cut in two, byte by byte, and in every other width */

static ngx_uint_t
same_however_cut(const void *text, size_t len, ngx_uint_t flags)
{
    size_t      n;
    ngx_uint_t  report;

    for (report = 0; report <= SCAN_CHECK_LEVEL; report++) {

        whole.flags = cut.flags = flags;
        whole.report = cut.report = report;

        scan_check_run(&whole, text, len, 0, 0);

        for (n = 1; n <= len; n++) {

            scan_check_run(&cut, text, len, n, 0);

            if (!scan_check_same(&whole, &cut)) {
                diag("report %u, cut at %u", (unsigned) report, (unsigned) n);
                return 0;
            }

            if (n > 17) {
                continue;
            }

            scan_check_run(&cut, text, len, n, n);

            if (!scan_check_same(&whole, &cut)) {
                diag("report %u, pieces of %u", (unsigned) report,
                     (unsigned) n);
                return 0;
            }
        }
    }

    return 1;
}


static void
test_valid(void)
{
    size_t          i;
    const valid_t  *v;

    for (i = 0; i < sizeof(valid) / sizeof(valid[0]); i++) {
        v = &valid[i];

        whole.flags = v->flags;
        whole.report = 0;
        scan_check_run(&whole, v->text, v->len, 0, 0);

        ok(whole.rc == NGX_OK && whole.offset == (off_t) v->len
           && same_however_cut(v->text, v->len, v->flags),
           "accepts %s", printable(v->text, v->len));
    }
}


static void
test_invalid(void)
{
    size_t            i;
    const invalid_t  *v;

    for (i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
        v = &invalid[i];

        whole.flags = v->flags;
        whole.report = 0;
        scan_check_run(&whole, v->text, v->len, 0, 0);

        if (!ok(whole.rc == NGX_DECLINED && whole.offset == v->offset
                && strcmp(whole.error, v->error) == 0
                && same_however_cut(v->text, v->len, v->flags),
                "refuses %s", printable(v->text, v->len)))
        {
            diag("%s at %d, expected %s at %d", whole.error,
                 (int) whole.offset, v->error, (int) v->offset);
        }
    }
}


static void
test_flags_are_separate(void)
{
    size_t            i, n;
    const invalid_t  *v;

    n = 0;

    for (i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
        v = &invalid[i];

        if (v->flags == NONE || strcmp(v->error, UNEXPECTED) == 0
            || strcmp(v->error, TRUNCATED) == 0)
        {
            continue;
        }

        /* two of the table's texts are wrong with any flags */

        whole.flags = NONE;
        whole.report = 0;
        scan_check_run(&whole, v->text, v->len, 0, 0);

        n++;

        if (whole.rc != NGX_OK && strcmp(whole.error, ESCAPE) != 0) {
            ok(0, "accepts %s without flags", printable(v->text, v->len));
        }
    }

    ok(n > 25, "what a flag refuses passes without it, %u texts",
       (unsigned) n);
}


static void
test_events(void)
{
    const char  *expected =
        "/model 0 3 1 10 17\n"
        "/n 1/ 0 2 25 25 26\n"
        "/n 1/ 1/k 0/x 0 3 34 38 41\n"
        "/n 1/ 1/k 0/y 1 0 42 46 50\n"
        "/n 1/ 1/k 0 5 29 33 51\n"
        "/n 1/ 1 5 28 28 52\n"
        "/n 1/ 2 4 54 54 56\n"
        "/n 1 4 19 24 57\n"
        "/\xf0\x9f\x98\x80\xef\xbf\xbd\n 2 1 59 83 88\n";

    static const char  text[] =
        "{\"model\": \"gpt-4\", \"n\": [1, {\"k\":{\"x\":\"1\",\"y\":null}}, "
        "[]], \"\\ud83d\\uDE00\\udc00\\n\": false}";

    whole.flags = UTF8|OBJ;
    whole.report = 4;

    scan_check_run(&whole, text, sizeof(text) - 1, 0, 0);

    is(whole.rc, NGX_OK, "a text with all kinds of values");
    is_str(whole.log, whole.len, expected, "names, places, types, offsets");
    is(whole.bug != NULL, 0, "the promises of the header are kept");

    whole.report = 1;
    scan_check_run(&whole, text, sizeof(text) - 1, 0, 0);
    is(whole.events, 3, "report 1: the outermost object's members only");

    whole.report = 99;
    scan_check_run(&whole, text, sizeof(text) - 1, 0, 0);
    is(whole.events, 9, "report is limited");

    ok(same_however_cut(text, sizeof(text) - 1, UTF8|OBJ),
       "the same however it is cut");
}


/* nothing of a value, name or container stays behind for the next one */

static void
test_nothing_stays(void)
{
    char  key[128], text[1024], expected[1024];

    memset(key, 'k', 127);
    key[127] = '\0';

    snprintf(text, sizeof(text),
             "[{\"%skk\":[7,8],\"a\":\"%s%s\",\"b\":1},[9,9],{\"c\":[0]},"
             "{\"%skk\":1},[5]]", key, key, key, key);

    snprintf(expected, sizeof(expected),
             "/ 0/%s* 0/ 0 2 135 135 136\n"
             "/ 0/%s* 0/ 1 2 137 137 138\n"
             "/ 0/%s* 0 4 2 134 139\n"
             "/ 0/a 1 3 140 144 400\n"
             "/ 0/b 2 2 401 405 406\n"
             "/ 0 5 1 1 407\n"
             "/ 1/ 0 2 409 409 410\n"
             "/ 1/ 1 2 411 411 412\n"
             "/ 1 4 408 408 413\n"
             "/ 2/c 0/ 0 2 420 420 421\n"
             "/ 2/c 0 4 415 419 422\n"
             "/ 2 5 414 414 423\n"
             "/ 3/%s* 0 2 425 557 558\n"
             "/ 3 5 424 424 559\n"
             "/ 4/ 0 2 561 561 562\n"
             "/ 4 4 560 560 563\n", key, key, key, key);

    whole.flags = UTF8|ESC;
    whole.report = 4;
    scan_check_run(&whole, text, strlen(text), 0, 0);

    is_str(whole.log, whole.len, expected, "one value after the other");
    ok(same_however_cut(text, strlen(text), UTF8|ESC),
       "the same however they are cut");
}


static void
test_text_lengths(void)
{
    char         text[400];
    size_t       n;
    ngx_uint_t   failed;

    failed = 0;

    for (n = 100; n < 150; n++) {
        memset(text, 'x', sizeof(text));
        memcpy(text, "{\"k\":\"", 6);
        memcpy(text + 6 + n, "\"}", 2);
        failed += !same_however_cut(text, n + 8, UTF8);

        memset(text, '7', sizeof(text));
        memcpy(text, "[", 1);
        memcpy(text + 1 + n, "]", 1);
        failed += !same_however_cut(text, n + 2, UTF8);
    }

    is(failed, 0, "scalars around the carry buffer's size");
}


static ngx_int_t
keep_text(ngx_http_llmbroker_scan_t *s, ngx_uint_t depth, off_t end,
    ngx_str_t *text)
{
    (void) depth;
    (void) end;

    *(ngx_str_t *) s->data = *text;

    return NGX_OK;
}


static void
test_text_is_not_copied(void)
{
    u_char                     text[1000];
    ngx_str_t                  got;
    ngx_http_llmbroker_scan_t  s;

    memset(text, 'x', sizeof(text));
    memcpy(text, "[\"", 2);
    memcpy(text + sizeof(text) - 2, "\"]", 2);

    ngx_http_llmbroker_scan_init(&s, UTF8, 1, keep_text, &got);
    (void) ngx_http_llmbroker_scan(&s, text, text + sizeof(text));

    ok(got.data == text + 1 && got.len == sizeof(text) - 2,
       "a long scalar in one piece points into the piece");

    ngx_http_llmbroker_scan_init(&s, UTF8, 1, keep_text, &got);
    (void) ngx_http_llmbroker_scan(&s, text, text + 1);
    (void) ngx_http_llmbroker_scan(&s, text + 1, text + sizeof(text));

    ok(got.data == text + 1 && got.len == sizeof(text) - 2,
       "also when the text before it came in another piece");

    ngx_http_llmbroker_scan_init(&s, UTF8, 1, keep_text, &got);
    (void) ngx_http_llmbroker_scan(&s, text, text + 2);
    (void) ngx_http_llmbroker_scan(&s, text + 2, text + sizeof(text));

    ok(got.data == NULL && got.len == 0, "a long scalar in two pieces");
}


static void
test_long_keys(void)
{
    char                              text[1000];
    size_t                            n, pad;
    ngx_str_t                         got;
    ngx_uint_t                        failed;
    ngx_http_llmbroker_scan_t         s;
    ngx_http_llmbroker_scan_level_t  *level;

    static const char  *tail[] = {
        "", "x", "\xd1\x8f", "\xe6\x97\xa5", "\xf0\x9f\x98\x80", "\\u044f",
        "\\u65e5", "\\ud83d\\ude00", "\\n"
    };

    level = &s.level[1];
    failed = 0;

    for (n = 0; n < sizeof(tail) / sizeof(tail[0]); n++) {

        for (pad = 120; pad < 140; pad++) {
            memset(text, 'k', sizeof(text));
            memcpy(text, "{\"", 2);
            strcpy(text + 2 + pad, tail[n]);
            strcat(text, "\":1}");

            if (!same_however_cut(text, strlen(text), UTF8|ESC|OBJ)) {
                failed++;
            }

            ngx_http_llmbroker_scan_init(&s, UTF8, 1, keep_text, &got);
            (void) ngx_http_llmbroker_scan(&s, (u_char *) text,
                                           (u_char *) text + strlen(text));

            if (s.error != NULL
                || level->key.len > NGX_HTTP_LLMBROKER_SCAN_TEXT - 1
                || level->key.len < ngx_min(pad, 124)
                || (level->key.len < pad && !level->long_key)
                || (pad > 127 && !level->long_key)
                || (pad < 123 && level->long_key)
                || (level->key.len > 1 && level->key.data[0] != 'k')
                || (level->key.data[level->key.len - 1] & 0xc0) == 0xc0)
            {
                diag("key of %u and \"%s\": %u bytes", (unsigned) pad,
                     tail[n], (unsigned) level->key.len);
                failed++;
            }
        }
    }

    is(failed, 0, "names around the limit are cut between characters");
}


static ngx_int_t
refuse_second(ngx_http_llmbroker_scan_t *s, ngx_uint_t depth, off_t end,
    ngx_str_t *text)
{
    (void) end;
    (void) text;

    if (s->level[depth].index == 0) {
        return NGX_OK;
    }

    if (s->data != NULL) {
        s->error = s->data;
        s->offset = s->level[depth].key_start;
        return NGX_DECLINED;
    }

    return NGX_ERROR;
}


static void
test_handler_stops(void)
{
    char                      *text = "{\"a\":1, \"a\":2 }";
    u_char                    *p;
    size_t                     len;
    ngx_http_llmbroker_scan_t  s;

    p = (u_char *) text;
    len = strlen(text);

    ngx_http_llmbroker_scan_init(&s, ALL, 1, refuse_second, "duplicate");
    is(ngx_http_llmbroker_scan(&s, p, p + len), NGX_DECLINED,
       "the handler refuses");
    is_str(s.error, strlen(s.error), "duplicate", "the handler's error");
    is(s.offset, 8, "the handler's offset");
    is(ngx_http_llmbroker_scan(&s, p, p + len), NGX_DECLINED, "it sticks");
    is(ngx_http_llmbroker_scan_end(&s), NGX_DECLINED, "also at the end");

    ngx_http_llmbroker_scan_init(&s, ALL, 1, refuse_second, NULL);
    is(ngx_http_llmbroker_scan(&s, p, p + len), NGX_ERROR,
       "the handler has no memory");
    is(ngx_http_llmbroker_scan(&s, p, p + len), NGX_ERROR, "it sticks");

    ngx_http_llmbroker_scan_init(&s, ALL, 4, NULL, NULL);
    is(ngx_http_llmbroker_scan(&s, p, p + len), NGX_OK, "no handler");
    is(ngx_http_llmbroker_scan(&s, NULL, NULL), NGX_OK, "an empty piece");
    is(ngx_http_llmbroker_scan_end(&s), NGX_OK, "a complete text");
}


static void
test_depth(void)
{
    char    *text;
    size_t   n;

    text = malloc(2000000);
    whole.flags = NONE;
    whole.report = 4;

    memset(text, '[', 64);
    memset(text + 64, ']', 64);
    scan_check_run(&whole, text, 128, 0, 0);
    is(whole.rc, NGX_OK, "64 arrays in each other");

    memset(text, '[', 65);
    memset(text + 65, ']', 65);
    scan_check_run(&whole, text, 130, 0, 0);
    is(whole.offset, 64, "65 are refused at the 65th bracket");
    is_str(whole.error, strlen(whole.error), "nesting is too deep",
           "and the error says so");

    memset(text, '[', 2000000);
    scan_check_run(&whole, text, 2000000, 0, 0);
    is(whole.offset, 64, "two million brackets cost nothing");

    for (n = 0; n < 64; n++) {
        memcpy(text + n * 5, "{\"a\":", 5);
    }

    text[320] = '1';
    memset(text + 321, '}', 64);
    scan_check_run(&whole, text, 385, 0, 0);
    is(whole.rc, NGX_OK, "64 objects in each other");
    ok(same_however_cut(text, 385, ALL), "the same however they are cut");

    whole.flags = NONE;
    whole.report = 4;

    memset(text, '[', 63);
    memcpy(text + 63, "{}", 2);
    memset(text + 65, ']', 63);
    scan_check_run(&whole, text, 128, 0, 0);
    is(whole.rc, NGX_OK, "an object at the deepest place");

    text[64] = ']';
    scan_check_run(&whole, text, 128, 0, 0);
    is(whole.offset, 64, "the brackets must match there too");

    free(text);
}


static void
test_all_short_texts(void)
{
    char                text[8];
    size_t              len, x;
    ngx_uint_t          i, n, rest, failed;
    static const char   set[] = "[]{}\",:1\\ ";

    failed = 0;
    whole.flags = NONE;
    whole.report = 2;

    for (len = 0, n = 1; len <= 5; len++, n *= sizeof(set) - 1) {

        for (i = 0; i < n; i++) {

            for (x = 0, rest = i; x < len; x++, rest /= sizeof(set) - 1) {
                text[x] = set[rest % (sizeof(set) - 1)];
            }

            scan_check_run(&whole, text, len, 0, 0);

            if ((whole.rc == NGX_OK) != scan_check_yajl(text, len, 0)) {
                diag("\"%.*s\": %s", (int) len, text, whole.error);
                failed++;
            }
        }
    }

    is(failed, 0, "all texts of up to five bytes, compared with yajl");
}


/* a text that is nearly JSON: two of the tables' texts, with some bytes lost */

static size_t
mutate(char *text, uint64_t *seed)
{
    size_t          len, n;
    uint64_t        r;
    const valid_t  *a, *b;

    r = unit_random(seed);

    a = &valid[r % (sizeof(valid) / sizeof(valid[0]))];
    b = &valid[(r >> 16) % (sizeof(valid) / sizeof(valid[0]))];

    n = (r >> 32) % (a->len + 1);

    text[0] = '[';
    memcpy(text + 1, a->text, n);
    memcpy(text + 1 + n, b->text, b->len);
    memcpy(text + 1 + n + b->len, a->text + n, a->len - n);
    len = 1 + a->len + b->len;
    text[len++] = ']';

    for (n = (r >> 48) % 4; n != 0; n--) {
        r = unit_random(seed);

        switch (r % 4) {

        case 0:
            text[(r >> 8) % len] = (char) (r >> 40);
            break;

        case 1:
            text[(r >> 8) % len] = "\"\\{}[]:,0eu\xed\xa0 "[(r >> 40) % 14];
            break;

        case 2:
            text[(r >> 8) % len] ^= (char) (1 << ((r >> 40) % 8));
            break;

        default:
            len -= (len > 1);
            memmove(text + (r >> 8) % len, text + (r >> 8) % len + 1,
                    len - (r >> 8) % len);
        }
    }

    return len;
}


static void
test_random_texts(void)
{
    char        text[512];
    size_t      len;
    clock_t     end;
    uint64_t    seed;
    ngx_uint_t  i, accepted, failed;

    seed = 42;
    accepted = 0;
    failed = 0;
    end = clock() + 2 * CLOCKS_PER_SEC;

    for (i = 0; i < 100000 && clock() < end; i++) {
        len = mutate(text, &seed);

        whole.flags = cut.flags = (ngx_uint_t) seed % 8;
        whole.report = cut.report = (ngx_uint_t) (seed >> 8) % 5;

        scan_check_run(&whole, text, len, 0, 0);
        scan_check_run(&cut, text, len, 1, 1);

        if (!scan_check_same(&whole, &cut)) {
            diag("byte by byte: %s", printable(text, len));
            failed++;
        }

        scan_check_run(&cut, text, len, 1 + (seed >> 16) % len,
                       1 + (seed >> 32) % len);

        if (!scan_check_same(&whole, &cut)) {
            diag("in pieces: %s", printable(text, len));
            failed++;
        }

        if (whole.rc == NGX_OK) {
            accepted++;

            if (!scan_check_yajl(text, len, whole.flags & UTF8)) {
                diag("yajl refuses: %s", printable(text, len));
                failed++;
            }
        }

        whole.flags = NONE;
        scan_check_run(&whole, text, len, 0, 0);

        if (scan_check_comparable(text, len)
            && (whole.rc == NGX_OK) != scan_check_yajl(text, len, 0))
        {
            diag("yajl differs: %s", printable(text, len));
            failed++;
        }
    }

    ok(accepted > i / 100 && accepted < i / 2,
       "%u random texts, %u of them valid", (unsigned) i, (unsigned) accepted);

    is(failed, 0, "all the same however they are cut, and as yajl says");
}


int
main(void)
{
    test_valid();
    test_invalid();
    test_flags_are_separate();
    test_events();
    test_nothing_stays();
    test_text_lengths();
    test_text_is_not_copied();
    test_long_keys();
    test_handler_stops();
    test_depth();
    test_all_short_texts();
    test_random_texts();

    return done_testing();
}
