
/*
 * Copyright (C) LLMBroker contributors
 *
 * The JSON tree: exact text of every value, what is refused, escapes,
 * numbers, lack of memory, and that time is linear.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "codec/ngx_http_llmbroker_json.h"
#include "json_check.h"
#include "unit.h"


typedef struct {
    const char  *text;
    const char  *expected;
} pair_t;


static void test_tree(void);
static void test_scalars(void);
static void test_accepted(void);
static void test_refused(void);
static void test_utf8(void);
static void test_long(void);
static void test_cut(void);
static void test_depth(void);
static void test_members(void);
static void test_strings(void);
static void test_is(void);
static void test_decode(void);
static void test_numbers(void);
static void test_positions(void);
static void test_no_memory(void);
static void test_many(void);
static void test_time(void);

static ngx_int_t parse(const char *text, ngx_http_llmbroker_json_t **root);
static ngx_int_t parse_n(const void *text, size_t len,
    ngx_http_llmbroker_json_t **root);
static u_char *rebuild(u_char *p, ngx_http_llmbroker_json_t *v);
static double seconds(void);


static const char  document[] =
    " { \"a\" : [ 1 , -0.5e+10 , \"x\\\"y\" , true , false , null , {} , [] ]"
    " , \"b\\u0041\" : { \"\" : \"\" , \"c\" : \"\\\\\" } ,\n\t\"d\":\"\" } ";

static ngx_pool_t  *pool;
static u_char      *copy;


int
main(void)
{
    pool = ngx_create_pool(4096, NULL);

    test_tree();
    test_scalars();
    test_accepted();
    test_refused();
    test_utf8();
    test_long();
    test_cut();
    test_depth();
    test_members();
    test_strings();
    test_is();
    test_decode();
    test_numbers();
    test_positions();
    test_no_memory();
    test_time();
    test_many();

    free(copy);
    ngx_destroy_pool(pool);

    return done_testing();
}


static void
test_tree(void)
{
    ngx_http_llmbroker_json_t  *root, *v;

    is(parse(document, &root), NGX_OK, "a document with all kinds of values");

    is(root->type, NGX_HTTP_LLMBROKER_JSON_OBJECT, "object");
    is(root->n, 3, "object: members");
    ok(root->next == NULL && root->key.len == 0, "the root stands alone");
    is_str(root->raw.data, root->raw.len,
           "{ \"a\" : [ 1 , -0.5e+10 , \"x\\\"y\" , true , false , null , {} ,"
           " [] ] , \"b\\u0041\" : { \"\" : \"\" , \"c\" : \"\\\\\" } ,"
           "\n\t\"d\":\"\" }", "object: text");

    v = root->child;
    is(v->type, NGX_HTTP_LLMBROKER_JSON_ARRAY, "array");
    is(v->n, 8, "array: elements");
    is_str(v->key.data, v->key.len, "a", "array: name");
    is_str(v->raw.data, v->raw.len, "[ 1 , -0.5e+10 , \"x\\\"y\" , true ,"
           " false , null , {} , [] ]", "array: text");

    v = v->child;
    is(v->type, NGX_HTTP_LLMBROKER_JSON_NUMBER, "number");
    is_str(v->raw.data, v->raw.len, "1", "number: text");
    ok(v->key.len == 0 && v->child == NULL && v->n == 0, "number: no more");

    v = v->next;
    is_str(v->raw.data, v->raw.len, "-0.5e+10", "number with all: text");

    v = v->next;
    is(v->type, NGX_HTTP_LLMBROKER_JSON_STRING, "string");
    is_str(v->raw.data, v->raw.len, "\"x\\\"y\"", "string: text");
    is(v->escaped, 1, "string: escaped");

    v = v->next;
    is(v->type, NGX_HTTP_LLMBROKER_JSON_BOOL, "true");
    is_str(v->raw.data, v->raw.len, "true", "true: text");
    is(ngx_http_llmbroker_json_true(v), 1, "true is true");

    v = v->next;
    is(v->type, NGX_HTTP_LLMBROKER_JSON_BOOL, "false");
    is_str(v->raw.data, v->raw.len, "false", "false: text");
    is(ngx_http_llmbroker_json_true(v), 0, "false is not");

    v = v->next;
    is(v->type, NGX_HTTP_LLMBROKER_JSON_NULL, "null");
    is_str(v->raw.data, v->raw.len, "null", "null: text");
    is(ngx_http_llmbroker_json_true(v), 0, "null is not true");

    v = v->next;
    is(v->type, NGX_HTTP_LLMBROKER_JSON_OBJECT, "empty object");
    is_str(v->raw.data, v->raw.len, "{}", "empty object: text");
    ok(v->child == NULL && v->n == 0, "empty object: nothing in it");

    v = v->next;
    is(v->type, NGX_HTTP_LLMBROKER_JSON_ARRAY, "empty array");
    is_str(v->raw.data, v->raw.len, "[]", "empty array: text");
    ok(v->child == NULL && v->next == NULL, "empty array: the last");

    v = root->child->next;
    is_str(v->key.data, v->key.len, "bA", "a name with an escape is decoded");
    is(v->n, 2, "inner object: members");

    v = v->child;
    ok(v->key.len == 0 && v->raw.len == 2, "an empty name, an empty string");
    is(v->escaped, 0, "an empty string has no escape");

    v = v->next;
    is_str(v->raw.data, v->raw.len, "\"\\\\\"", "a backslash before the quote");

    v = root->child->next->next;
    is_str(v->key.data, v->key.len, "d", "the last member");
    ok(v->next == NULL, "nothing behind it");
}


static void
test_scalars(void)
{
    ngx_uint_t                  i;
    ngx_http_llmbroker_json_t  *v;

    static const struct {
        const char                      *text;
        const char                      *raw;
        ngx_http_llmbroker_json_type_e   type;
    } scalars[] = {
        { "1", "1", NGX_HTTP_LLMBROKER_JSON_NUMBER },
        { " -1.5e3\n", "-1.5e3", NGX_HTTP_LLMBROKER_JSON_NUMBER },
        { "0", "0", NGX_HTTP_LLMBROKER_JSON_NUMBER },
        { "true", "true", NGX_HTTP_LLMBROKER_JSON_BOOL },
        { "\r\nfalse\t", "false", NGX_HTTP_LLMBROKER_JSON_BOOL },
        { "null ", "null", NGX_HTTP_LLMBROKER_JSON_NULL },
        { "\"\"", "\"\"", NGX_HTTP_LLMBROKER_JSON_STRING },
        { " \"a\\\\\" ", "\"a\\\\\"", NGX_HTTP_LLMBROKER_JSON_STRING }
    };

    for (i = 0; i < sizeof(scalars) / sizeof(scalars[0]); i++) {

        if (!ok(parse(scalars[i].text, &v) == NGX_OK, "alone: %s",
                scalars[i].raw))
        {
            continue;
        }

        is(v->type, scalars[i].type, "its type");
        is_str(v->raw.data, v->raw.len, scalars[i].raw, "its text");
    }
}


static void
test_accepted(void)
{
    ngx_uint_t                  i;
    ngx_http_llmbroker_json_t  *v;

    static const char *const texts[] = {
        "{}", "[]", " [ ] ", "{\"\":0}", "[0]", "[-0]", "[1e999]", "[-1E-999]",
        "[123456789012345678901234567890]", "[0.1e+1,0e0]",
        "[0.123456789012345678901234567890]",
        "[\"\\ud800\"]", "[\"\\udc00\\ud800\"]", "[\"\\ud83d\\ude00\"]",
        "[\"\\ud800\\\\x\"]", "[\"\\ud800\\\\u12\"]", "[\"\\ud800\\ud800\"]",
        "{\"\\ud800\\\\x\":\"\\ud800\\\\u1\"}",
        "[\"\\u0000\"]", "{\"\\u0000\":1}", "[\"\\/\\b\\f\\n\\r\\t\\\"\"]",
        "[\"\x7f\"]", "[\"/*\",\"//\"]", "[\"]\",\"}\",\"[\",\",\"]",
        "{\"a\":1,\"a\":2}", "\r\n\t [\r\n\t 1\r\n\t ]\r\n\t "
    };

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        ok(parse(texts[i], &v) == NGX_OK, "accepted: number %u", (u_int) i);
    }
}


static void
test_refused(void)
{
    ngx_uint_t                  i;
    ngx_http_llmbroker_json_t  *v;

    static const char *const texts[] = {
        "", " ", "\n", "x", "{", "}", "[", "]", "\"", "-", "+1", "01", "1.",
        ".5", "1e", "1e+", "0x10", "1 2", "tru", "truex", "True", "nul", "NaN",
        "Infinity", "-Infinity", "nullnull", "\"a\"\"b\"", "'a'",
        "{} {}", "{}{}", "[][]", "{}x", "{}tru", "{},", "[]\"", "[] 1", "[]]",
        "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}", "{1:2}", "{\"a\" 1}",
        "{\"a\":1 \"b\":2}", "{\"a\":1,,\"b\":2}", "{\"a\"::1}", "{null:1}",
        "{\"a\":1:2}", "{[]:1}", "{\"a\",\"b\"}", "{a:1}",
        "[1,]", "[,1]", "[,]", "[1 2]", "[1,,2]", "[1:2]", "[\"a\" \"b\"]",
        "[\"a\":1]", "[1}", "{\"a\":1]", "[01]", "[1.]", "[.5]", "[-]", "[+1]",
        "[1e]", "[1.e1]", "[--1]", "[0x1]", "[1a]", "[tru]", "[nulll]",
        "[\"\\x\"]", "[\"\\u12\"]", "[\"\\u12g4\"]", "[\"\\ud800\\u\"]",
        "[\"\\\"]", "[\"\t\"]", "[\"\n\"]", "[\"\x01\"]", "[\"\x1f\"]",
        "/* a */ 1", "[1 /* a */]", "[1] // a", "// a\n1", "[/**/]",
        "\v[1]", "[\v1]", "[1\v]", "[1]\v", "[1,\f2]", "{\f}", "{\"a\"\v:1}",
        "{\"a\":\v\"b\"}", "[\"a\"\f]", "\v1", "1\v", "\f\"a\"", "\"a\"\f",
        "1\"n", "-1 \"", "true\"x", "null\"", "\"a\"\"b", "\"a\" \"", "[1]\"a",
        "{} \"", "1\"\v", "null\f", "1 \v", "\v", "\"a\" \v"
    };

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {

        if (!ok(parse(texts[i], &v) == NGX_DECLINED, "refused: number %u",
                (u_int) i))
        {
            diag("text: %s", texts[i]);
        }
    }

    is(parse_n("[1]\0", 4, &v), NGX_DECLINED, "refused: NUL behind");
    is(parse_n("\0[1]", 4, &v), NGX_DECLINED, "refused: NUL before");
    is(parse_n("[\0]", 3, &v), NGX_DECLINED, "refused: NUL within");
    is(parse_n("[\"\0\"]", 5, &v), NGX_DECLINED, "refused: NUL in a string");
    is(parse_n("1\0", 2, &v), NGX_DECLINED, "refused: NUL behind a number");
    is(ngx_http_llmbroker_json_parse(pool, NULL, 0, &v), NGX_DECLINED,
       "refused: nothing");
}


static void
test_utf8(void)
{
    ngx_uint_t                  i;
    ngx_http_llmbroker_json_t  *v;

    static const char *const good[] = {
        "[\"\xc2\x80\"]", "[\"\xe0\xa0\x80\"]", "[\"\xed\x9f\xbf\"]",
        "[\"\xef\xbf\xbf\"]", "[\"\xf0\x90\x80\x80\"]",
        "[\"\xf4\x8f\xbf\xbf\"]", "\"\xf0\x9f\x98\x80\"",
        "{\"\xc3\xa4\":1}"
    };

    static const char *const bad[] = {
        "[\"\x80\"]", "[\"\xc0\x80\"]", "[\"\xc1\xbf\"]", "[\"\xe0\x80\x80\"]",
        "[\"\xe0\x9f\xbf\"]", "[\"\xed\xa0\x80\"]", "[\"\xed\xbf\xbf\"]",
        "[\"\xf0\x80\x80\x80\"]", "[\"\xf4\x90\x80\x80\"]",
        "[\"\xf5\x80\x80\x80\"]", "[\"\xff\"]", "[\"\xc3\"]", "[\"\xe2\x82\"]",
        "{\"\xc3\":1}", "\"\xed\xa0\x80\"", "\xef\xbb\xbf[1]", "[\xef\xbb\xbf]",
        "\xef\xbb\xbf", "[1]\xc3", "[\xc2\xa0 1]"
    };

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        ok(parse(good[i], &v) == NGX_OK, "UTF-8: number %u", (u_int) i);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ok(parse(bad[i], &v) == NGX_DECLINED, "not UTF-8: number %u",
           (u_int) i);
    }
}


/*
 * what is refused and taken in a string is so in a long one, of which many
 * bytes are looked at together: at each place, as a value, a name, and alone
 */

static void
test_long(void)
{
    u_char                     *p, text[500], string[200];
    ngx_int_t                   rc;
    ngx_uint_t                  i, n, form, wrong;
    ngx_http_llmbroker_json_t  *v;

    static const struct {
        const char  *inner;
        ngx_uint_t   escaped;
        ngx_int_t    rc;
    } inners[] = {
        { "", 0, NGX_OK },
        { "\x7f]},:", 0, NGX_OK },
        { "\\\"", 1, NGX_OK },
        { "\\\\", 1, NGX_OK },
        { "\\\\\\\"", 1, NGX_OK },
        { "\\/\\b\\f\\n\\r\\t", 1, NGX_OK },
        { "\\u00aF\\ud800\\ude00", 1, NGX_OK },
        { "\xe2\x82\xac", 0, NGX_OK },
        { "\x1f", 0, NGX_DECLINED },
        { "\t", 0, NGX_DECLINED },
        { "\n", 0, NGX_DECLINED },
        { "\\x", 0, NGX_DECLINED },
        { "\\u00g0", 0, NGX_DECLINED },
        { "\\n\x01", 0, NGX_DECLINED },
        { "\xe2\x82", 0, NGX_DECLINED },
        { "\"", 0, NGX_DECLINED }
    };

    static const char *const forms[] = {
        "[0,\"%s\",{\"k\":\"%s\"}]", "{\"%s\":1,\"k\":[\"%s\"]}", "\"%s%s\""
    };

    wrong = 0;

    for (i = 0; i < sizeof(inners) / sizeof(inners[0]); i++) {
        for (form = 0; form < 3; form++) {
            for (n = 40; n < 90; n++) {

                p = string;
                ngx_memset(p, 'a', n);
                p = ngx_sprintf(p + n, "%s", inners[i].inner);
                ngx_memset(p, 'b', n % 9);
                p[n % 9] = '\0';

                p = ngx_sprintf(text, forms[form], string, string);
                rc = parse_n(text, p - text, &v);

                if (rc != inners[i].rc) {
                    diag("%d: %.*s", (int) rc, (int) (p - text), text);
                    wrong++;
                    continue;
                }

                if (rc != NGX_OK || v->n == 0) {
                    continue;
                }

                v = v->child->next;

                if (form == 1) {
                    v = v->child;
                }

                if (v->escaped != inners[i].escaped
                    || v->raw.len != ngx_strlen(string) + 2
                    || ngx_strncmp(v->raw.data + 1, string,
                                   v->raw.len - 2) != 0)
                {
                    wrong++;
                }
            }
        }
    }

    is(wrong, 0, "long strings are as strict, and keep their texts");
}


/* every cut of a text, each in memory of exactly its length */

static void
test_cut(void)
{
    size_t                      i, len;
    ngx_uint_t                  bad;
    ngx_http_llmbroker_json_t  *v;

    bad = 0;
    len = sizeof(document) - 1;

    while (document[len - 1] == ' ') {
        len--;
    }

    for (i = 0; i < len; i++) {

        if (parse_n(document, i, &v) != NGX_DECLINED) {
            diag("cut at %u is taken", (u_int) i);
            bad++;
        }
    }

    is(bad, 0, "a text cut anywhere is refused");

    is(parse_n(document, len, &v), NGX_OK, "and taken when it is whole");

    bad = 0;

    for (i = 1; i < len; i++) {

        if (parse_n(document + i, len - i, &v) == NGX_ERROR) {
            bad++;
        }
    }

    is(bad, 0, "a text without its head is no lack of memory");
}


static void
test_depth(void)
{
    size_t                      i, n;
    u_char                     *p, text[1024];
    double                      start;
    ngx_uint_t                  depth;
    ngx_http_llmbroker_json_t  *v;

    for (depth = 64; depth <= 65; depth++) {

        ngx_memset(text, '[', depth);
        ngx_memset(text + depth, ']', depth);

        is(parse_n(text, 2 * depth, &v), depth == 64 ? NGX_OK : NGX_DECLINED,
           depth == 64 ? "64 arrays" : "65 arrays");

        p = text;

        for (i = 0; i < depth; i++) {
            p = ngx_cpymem(p, "{\"a\":", 5);
        }

        *p++ = '0';
        ngx_memset(p, '}', depth);
        p += depth;

        is(parse_n(text, p - text, &v), depth == 64 ? NGX_OK : NGX_DECLINED,
           depth == 64 ? "64 objects" : "65 objects");
    }

    ngx_memset(text, '[', 64);
    ngx_memset(text + 66, ']', 64);

    text[64] = '"';
    text[65] = '"';

    is(parse_n(text, 130, &v), NGX_OK, "a string in 64 arrays");

    for (i = 0; v->child != NULL; i++) {
        v = v->child;
    }

    is(i, 64, "it is that deep");

    n = 1000000;
    p = malloc(n);

    ngx_memset(p, '[', n);
    start = seconds();
    is(ngx_http_llmbroker_json_parse(pool, p, n, &v), NGX_DECLINED,
       "a million opening brackets");

    ngx_memset(p, ']', n);
    is(ngx_http_llmbroker_json_parse(pool, p, n, &v), NGX_DECLINED,
       "a million closing brackets");

    ngx_memset(p, '"', n);
    is(ngx_http_llmbroker_json_parse(pool, p, n, &v), NGX_DECLINED,
       "a million quotes");

    ngx_memset(p, '\\', n);
    p[0] = '"';
    is(ngx_http_llmbroker_json_parse(pool, p, n, &v), NGX_DECLINED,
       "a million backslashes");

    ok(seconds() - start < 0.5, "and fast: %.3f s", seconds() - start);

    free(p);
}


static void
test_members(void)
{
    ngx_http_llmbroker_json_t  *root, *v;

    (void) parse("{\"a\":1,\"b\":\"x\",\"a\":2,\"\":3,\"a\\u0062\":4,\"ab\":5,"
                 "\"c\\u0000d\":6,\"e\":{\"a\":7}}", &root);

    v = ngx_http_llmbroker_json_get(root, "a");
    is_str(v->raw.data, v->raw.len, "2", "of one name the last counts");

    v = ngx_http_llmbroker_json_get(root, "");
    is_str(v->raw.data, v->raw.len, "3", "the empty name");

    v = ngx_http_llmbroker_json_get(root, "ab");
    is_str(v->raw.data, v->raw.len, "5", "names are compared decoded");

    v = ngx_http_llmbroker_json_get(root, "e");
    v = ngx_http_llmbroker_json_get(v, "a");
    is_str(v->raw.data, v->raw.len, "7", "a member of a member");

    ok(ngx_http_llmbroker_json_get(root, "c") == NULL,
       "a NUL does not cut a name");
    ok(ngx_http_llmbroker_json_get(root, "abc") == NULL, "no such member");
    ok(ngx_http_llmbroker_json_get(NULL, "a") == NULL, "of no object");
    ok(ngx_http_llmbroker_json_get(v, "a") == NULL, "of a number");
    ok(ngx_http_llmbroker_json_get_type(root, "b",
                                        NGX_HTTP_LLMBROKER_JSON_STRING)
       != NULL, "a member of the type asked for");
    ok(ngx_http_llmbroker_json_get_type(root, "b",
                                        NGX_HTTP_LLMBROKER_JSON_NUMBER)
       == NULL, "and not of another");
    ok(ngx_http_llmbroker_json_get_type(root, "x",
                                        NGX_HTTP_LLMBROKER_JSON_NULL)
       == NULL, "a missing member has no type");

    (void) parse("{\"\\u0061\":1,\"\\u0062\":{\"\\u0063c\":2},\"\\n\":3}",
                 &root);
    v = ngx_http_llmbroker_json_get(ngx_http_llmbroker_json_get(root, "b"),
                                    "cc");
    ok(ngx_http_llmbroker_json_get(root, "a") != NULL && v != NULL
       && ngx_http_llmbroker_json_get(root, "\n") != NULL,
       "several escaped names");

    (void) parse("[{\"a\":1}]", &root);
    ok(ngx_http_llmbroker_json_get(root, "a") == NULL, "of an array");
}


static void
test_strings(void)
{
    ngx_int_t                   rc;
    ngx_str_t                   s;
    ngx_uint_t                  i;
    ngx_http_llmbroker_json_t  *root, *v;

    static const pair_t pairs[] = {
        { "\"\"", "" },
        { "\"plain\"", "plain" },
        { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t" },
        { "\"a\\u0041\\u00e4\\u20AC\\uffff\"",
          "aA\xc3\xa4\xe2\x82\xac\xef\xbf\xbf" },
        { "\"\\ud83d\\ude00\\uD83D\\uDE00\"",
          "\xf0\x9f\x98\x80\xf0\x9f\x98\x80" },
        { "\"\\ud800\\udc00\\udbff\\udfff\"",
          "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf" },
        { "\"\\ud83d\"", "\xef\xbf\xbd" },
        { "\"\\ude00\"", "\xef\xbf\xbd" },
        { "\"\\ud83dx\"", "\xef\xbf\xbdx" },
        { "\"\\ud83d\\n\"", "\xef\xbf\xbd\n" },
        { "\"\\ud83d\\u0041\"", "\xef\xbf\xbd""A" },
        { "\"\\ud83d\\ud83d\\ude00\"", "\xef\xbf\xbd\xf0\x9f\x98\x80" },
        { "\"\\ud83d\\ue000\"", "\xef\xbf\xbd\xee\x80\x80" },
        { "\"\\ude00\\ud83d\"", "\xef\xbf\xbd\xef\xbf\xbd" },
        { "\"\\ud800\\\\u1234\"", "\xef\xbf\xbd\\u1234" },
        { "\"\xe2\x82\xac\\n\xe2\x82\xac\"", "\xe2\x82\xac\n\xe2\x82\xac" }
    };

    for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {

        (void) parse(pairs[i].text, &v);
        rc = ngx_http_llmbroker_json_string(pool, v, &s);

        is(rc, NGX_OK, "a string is decoded");
        is_str(s.data, s.len, pairs[i].expected, pairs[i].text);

        s = ngx_http_llmbroker_json_inner(v);
        ok(s.len == strlen(pairs[i].text) - 2
           && ngx_strncmp(s.data, pairs[i].text + 1, s.len) == 0,
           "its inside is as it stands");
    }

    (void) parse("\"a\\u0000b\"", &v);
    (void) ngx_http_llmbroker_json_string(pool, v, &s);
    ok(s.len == 3 && ngx_memcmp(s.data, "a\0b", 3) == 0, "a NUL");

    (void) parse("{\"a\":\"no escape\",\"b\":1}", &root);
    v = ngx_http_llmbroker_json_get(root, "a");
    (void) ngx_http_llmbroker_json_string(pool, v, &s);
    ok(s.data == v->raw.data + 1, "a string without escapes is not copied");

    v = ngx_http_llmbroker_json_get(root, "b");
    is(ngx_http_llmbroker_json_string(pool, v, &s), NGX_DECLINED, "a number");
    is(ngx_http_llmbroker_json_string(pool, NULL, &s), NGX_DECLINED, "NULL");
    is(ngx_http_llmbroker_json_inner(v).len, 0, "inside of a number");
    is(ngx_http_llmbroker_json_inner(NULL).len, 0, "inside of NULL");
}


static void
test_is(void)
{
    ngx_http_llmbroker_json_t  *v;

    (void) parse("\"stop\"", &v);
    is(ngx_http_llmbroker_json_is(v, "stop"), 1, "is: equal");
    is(ngx_http_llmbroker_json_is(v, "sto"), 0, "is: shorter");
    is(ngx_http_llmbroker_json_is(v, "stopp"), 0, "is: longer");
    is(ngx_http_llmbroker_json_is(v, "Stop"), 0, "is: case");
    is(ngx_http_llmbroker_json_is(v, ""), 0, "is: empty");

    (void) parse("\"\\u0073t\\u006fp\\n\"", &v);
    is(ngx_http_llmbroker_json_is(v, "stop\n"), 1, "is: escapes");
    is(ngx_http_llmbroker_json_is(v, "stop"), 0, "is: escapes, shorter");

    (void) parse("\"a\\u0000\"", &v);
    is(ngx_http_llmbroker_json_is(v, "a"), 0, "is: NUL");

    (void) parse("\"\"", &v);
    is(ngx_http_llmbroker_json_is(v, ""), 1, "is: both empty");

    (void) parse("1", &v);
    is(ngx_http_llmbroker_json_is(v, "1"), 0, "is: a number");
    is(ngx_http_llmbroker_json_is(NULL, ""), 0, "is: NULL");
}


static void
test_decode(void)
{
    u_char      buf[64], src[64];
    ngx_uint_t  i, bad;

    static const char *const malformed[] = {
        "\\", "a\\", "\\x", "\\u", "\\u1", "\\u12", "\\u123", "\\u123g",
        "\\U0041", "\\'", "\\ud800\\", "\\ud800\\x", "\\ud800\\u12"
    };

    bad = 0;

    for (i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {

        ngx_memcpy(src, malformed[i], strlen(malformed[i]));

        if (ngx_http_llmbroker_json_decode(buf, src, strlen(malformed[i]))
            != NULL)
        {
            diag("decoded: %s", malformed[i]);
            bad++;
        }
    }

    is(bad, 0, "a malformed escape is told");
    ok(ngx_http_llmbroker_json_decode(buf, src, 0) == buf, "nothing to decode");
}


static void
test_numbers(void)
{
    u_char                      text[600];
    ngx_uint_t                  i;
    ngx_http_llmbroker_json_t  *v;

    static const struct {
        const char  *text;
        ngx_int_t    n;
    } numbers[] = {
        { "0", 0 },
        { "1", 1 },
        { "42", 42 },
        { "4096.0", 4096 },
        { "3.99", 3 },
        { "0.9", 0 },
        { "-0", 0 },
        { "-0.0e5", 0 },
        { "-1", -7 },
        { "-0.5", -7 },
        { "-1e999", -7 },
        { "1e3", 1000 },
        { "1E+3", 1000 },
        { "1.5e1", 15 },
        { "1.25e1", 12 },
        { "12345e-3", 12 },
        { "12345e-5", 0 },
        { "12345e-99", 0 },
        { "0.00012e5", 12 },
        { "1e999", NGX_MAX_INT_T_VALUE },
        { "1e99999999999999999999999", NGX_MAX_INT_T_VALUE },
        { "1e-99999999999999999999999", 0 },
        { "0e99999999999999999999999", 0 },
        { "0.0e99999999999999999999999", 0 },
        { "9223372036854775806", 9223372036854775806 },
        { "9223372036854775807", 9223372036854775807 },
        { "9223372036854775808", NGX_MAX_INT_T_VALUE },
        { "92233720368547758070", NGX_MAX_INT_T_VALUE },
        { "123456789012345678901234567890", NGX_MAX_INT_T_VALUE },
        { "922337203685477580.7e1", 9223372036854775807 }
    };

    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        (void) parse(numbers[i].text, &v);
        is_str(v->raw.data, v->raw.len, numbers[i].text, "a number as it is");
        is(ngx_http_llmbroker_json_int(v, -7), numbers[i].n, numbers[i].text);
    }

    ngx_memset(text, '0', sizeof(text));
    text[1] = '.';
    ngx_memcpy(text + 500, "12e500", 6);
    (void) parse_n(text, 506, &v);
    is(ngx_http_llmbroker_json_int(v, -7), 12, "many zeros after the point");

    (void) parse("\"1\"", &v);
    is(ngx_http_llmbroker_json_int(v, -7), -7, "a string is no number");
    is(ngx_http_llmbroker_json_int(NULL, -7), -7, "nor is NULL");
    is(ngx_http_llmbroker_json_true(NULL), 0, "NULL is not true");
}


/* random documents: gluing the values' texts together gives the document */

static void
test_positions(void)
{
    u_char                     *p, text[4096], got[4096];
    size_t                      len;
    uint64_t                    seed, stack;
    ngx_uint_t                  i, j, bad, depth, object;
    ngx_http_llmbroker_json_t  *v;

    static const char *const values[] = {
        "0", "-1.5e+7", "true", "false", "null", "\"\"", "\"a\"", "\"\\\"\"",
        "\"\\\\\"", "\"]}\"", "\"\\ud83d\\ude00\"", "{}", "[]",
        "123456789012345678901234567890", "\"\xe2\x82\xac\"", "\",:\""
    };

    bad = 0;
    seed = 3;

    for (i = 0; i < 2000; i++) {

        p = text;
        stack = 0;
        depth = 0;

        for (j = 0; j < 60; j++) {

            /* containers open and close in the order of the bits */

            object = stack & 1;

            if (depth != 0 && unit_random(&seed) % 4 == 0) {
                *p++ = object ? '}' : ']';
                stack >>= 1;
                depth--;

                if (depth == 0) {
                    break;
                }

                continue;
            }

            if (depth != 0) {

                if (p[-1] != '{' && p[-1] != '[') {
                    *p++ = ',';
                }

                if (object) {
                    p = ngx_sprintf(p, "\"k%ui\":", j);
                }
            }

            if (depth == 0 || (depth < 20 && unit_random(&seed) % 3 == 0)) {
                object = unit_random(&seed) & 1;
                stack = (stack << 1) | object;
                depth++;
                *p++ = object ? '{' : '[';
                continue;
            }

            p = ngx_sprintf(p, "%s", values[unit_random(&seed) % 16]);
        }

        for ( /* void */ ; depth != 0; depth--) {
            *p++ = (stack & 1) ? '}' : ']';
            stack >>= 1;
        }

        len = p - text;

        if (parse_n(text, len, &v) != NGX_OK) {
            bad++;
            continue;
        }

        if (rebuild(got, v) != got + len || ngx_memcmp(got, text, len) != 0) {
            bad++;
        }

        bad += !json_check_yajl(pool, copy, len, v);
    }

    is(bad, 0, "the values' texts make the document again, yajl says the same");
}


static void
test_no_memory(void)
{
    ngx_int_t                   n, rc;
    ngx_str_t                   s;
    ngx_uint_t                  errors;
    ngx_http_llmbroker_json_t  *v;

    rc = NGX_ERROR;
    errors = 0;

    for (n = 0; n < 100 && rc != NGX_OK; n++) {

        ngx_shim_allocs_left = n;
        rc = ngx_http_llmbroker_json_parse(pool, (u_char *) document,
                                           sizeof(document) - 1, &v);
        ngx_shim_allocs_left = -1;

        errors += (rc == NGX_ERROR);
    }

    is(rc, NGX_OK, "with enough memory it goes");
    is(errors, 2, "allocations for values and for escaped names, both checked");

    (void) parse("\"\\n\"", &v);

    ngx_shim_allocs_left = 0;
    is(ngx_http_llmbroker_json_string(pool, v, &s), NGX_ERROR,
       "no memory to decode");

    is(ngx_http_llmbroker_json_parse(pool, (u_char *) "1", 1, &v), NGX_ERROR,
       "no memory for a scalar alone");

    is(ngx_http_llmbroker_json_parse(pool, (u_char *) "\"\"", 2, &v),
       NGX_ERROR, "no memory for a string alone");
    ngx_shim_allocs_left = -1;
}


static void
test_time(void)
{
    size_t                      n;
    u_char                     *p, *text;
    double                      start, one, ten;
    ngx_uint_t                  keys, allocs;
    ngx_http_llmbroker_json_t  *v;

    text = malloc(3000000);
    allocs = 0;
    one = 0;
    ten = 0;

    for (keys = 10000; keys <= 100000; keys *= 10) {

        p = text;
        *p++ = '{';

        for (n = 0; n < keys; n++) {
            p = ngx_sprintf(p, "%s\"\\u006bey%uz\":\"\\n\"",
                            n != 0 ? "," : "", n);
        }

        *p++ = '}';

        ngx_reset_pool(pool);
        allocs = ngx_shim_allocs;
        start = seconds();
        (void) ngx_http_llmbroker_json_parse(pool, text, p - text, &v);

        one = ten;
        ten = seconds() - start;
    }

    is(v->n, 100000, "100,000 names");
    ok(ngx_http_llmbroker_json_get(v, "key99999") != NULL, "the last is found");
    ok(ngx_shim_allocs - allocs < 120, "few allocations: %u",
       (u_int) (ngx_shim_allocs - allocs));
    ok(ten < 30 * one + 0.05, "their time is linear: %.4f s, %.4f s", one, ten);

    ngx_memset(text, 'a', 3000000);
    text[0] = '[';
    text[1] = '"';

    is(ngx_http_llmbroker_json_parse(pool, text, 3000000, &v), NGX_DECLINED,
       "a long string that does not end");

    is(ngx_http_llmbroker_json_parse(pool, text + 1, 2999999, &v),
       NGX_DECLINED, "alone");

    ngx_memset(text, '1', 3000000);

    is(ngx_http_llmbroker_json_parse(pool, text, 3000000, &v), NGX_OK,
       "a number of 3,000,000 digits");

    is(v->raw.len, 3000000, "all of them");
    is(ngx_http_llmbroker_json_int(v, 0), NGX_MAX_INT_T_VALUE, "clamped");

    free(text);
    ngx_reset_pool(pool);
}


static ngx_int_t
parse(const char *text, ngx_http_llmbroker_json_t **root)
{
    return parse_n(text, strlen(text), root);
}


/* the text in memory of just its size; it lives until the next call */

static ngx_int_t
parse_n(const void *text, size_t len, ngx_http_llmbroker_json_t **root)
{
    free(copy);

    copy = malloc(len + (len == 0));

    if (len != 0) {
        ngx_memcpy(copy, text, len);
    }

    return ngx_http_llmbroker_json_parse(pool, copy, len, root);
}


/* a document without white space, from the scalars' texts and the names */

static u_char *
rebuild(u_char *p, ngx_http_llmbroker_json_t *v)
{
    ngx_http_llmbroker_json_t  *c;

    if (v->type != NGX_HTTP_LLMBROKER_JSON_ARRAY
        && v->type != NGX_HTTP_LLMBROKER_JSON_OBJECT)
    {
        return ngx_cpymem(p, v->raw.data, v->raw.len);
    }

    *p++ = v->raw.data[0];

    for (c = v->child; c != NULL; c = c->next) {

        if (v->type == NGX_HTTP_LLMBROKER_JSON_OBJECT) {
            p = ngx_sprintf(p, "\"%V\":", &c->key);
        }

        p = rebuild(p, c);

        if (c->next != NULL) {
            *p++ = ',';
        }
    }

    *p++ = v->raw.data[v->raw.len - 1];

    return p;
}


static double
seconds(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);

    return ts.tv_sec + ts.tv_nsec / 1e9;
}


/* a tree of tiny values would take many times the text's memory */

static void
test_many(void)
{
    u_char                     *p, *text;
    ngx_int_t                   rc;
    ngx_uint_t                  i, n;
    ngx_pool_t                 *many;
    ngx_http_llmbroker_json_t  *root;

    for (n = 1000000; n <= 1100000; n += 100000) {

        many = ngx_create_pool(4096, NULL);

        text = malloc(2 * n + 1);
        p = text;

        for (i = 0; i < n; i++) {
            *p++ = i ? ',' : '[';
            *p++ = '1';
        }

        *p++ = ']';

        rc = ngx_http_llmbroker_json_parse(many, text, p - text, &root);

        ok(rc == (n > NGX_HTTP_LLMBROKER_JSON_MAX_VALUES ? NGX_DECLINED
                                                         : NGX_OK),
           "%u values in an array", (unsigned) n);

        free(text);
        ngx_destroy_pool(many);
    }
}
