
/*
 * Copyright (C) LLMBroker contributors
 *
 * The JSON writer: what it writes parses to what was meant, bad text makes no
 * bad JSON, and every misuse is told at the end.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "codec/ngx_http_llmbroker_json.h"
#include "codec/ngx_http_llmbroker_json_write.h"
#include "unit.h"


#define TEST_SIZE  16


static void test_document(void);
static void test_scalars(void);
static void test_text(void);
static void test_names(void);
static void test_pieces(void);
static void test_refer(void);
static void test_round_trip(void);
static void test_misuse(void);
static void test_members(void);
static void test_depth(void);
static void test_no_memory(void);
static void test_stream(void);

static void call(char c);
static void start(void);
static ngx_int_t end(void);
static void copy(ngx_http_llmbroker_json_t *v);
static size_t flat(ngx_chain_t *cl, u_char *p);


static int                                test_tag;
static u_char                             got[65536];
static size_t                             got_len;
static ngx_pool_t                        *pool;
static ngx_http_llmbroker_out_t           out;
static ngx_http_llmbroker_json_writer_t   w;


int
main(void)
{
    pool = ngx_create_pool(4096, NULL);

    test_document();
    test_scalars();
    test_text();
    test_names();
    test_pieces();
    test_refer();
    test_round_trip();
    test_misuse();
    test_members();
    test_depth();
    test_no_memory();
    test_stream();

    ngx_destroy_pool(pool);

    return done_testing();
}


static void
test_document(void)
{
    ngx_str_t  s;

    start();

    ngx_http_llmbroker_json_open(&w);
    ngx_http_llmbroker_json_key(&w, "id");
    ngx_http_llmbroker_json_text(&w, "chatcmpl-1");
    ngx_http_llmbroker_json_key(&w, "created");
    ngx_http_llmbroker_json_number(&w, 1700000000);
    ngx_http_llmbroker_json_key(&w, "choices");
    ngx_http_llmbroker_json_open_array(&w);
    ngx_http_llmbroker_json_open(&w);
    ngx_http_llmbroker_json_key(&w, "index");
    ngx_http_llmbroker_json_number(&w, 0);
    ngx_http_llmbroker_json_key(&w, "logprobs");
    ngx_http_llmbroker_json_null(&w);
    ngx_http_llmbroker_json_close(&w);
    ngx_http_llmbroker_json_open_array(&w);
    ngx_http_llmbroker_json_close_array(&w);
    ngx_http_llmbroker_json_open(&w);
    ngx_http_llmbroker_json_close(&w);
    ngx_http_llmbroker_json_bool(&w, 1);
    ngx_http_llmbroker_json_bool(&w, 0);
    ngx_http_llmbroker_json_bool(&w, 256);
    ngx_http_llmbroker_json_number(&w, INT64_MIN);
    ngx_http_llmbroker_json_number(&w, INT64_MAX);
    ngx_str_set(&s, "1.50e+400");
    ngx_http_llmbroker_json_raw(&w, &s);
    ngx_str_set(&s, "{ \"a\" : [\"\\ud83d\"] }");
    ngx_http_llmbroker_json_raw(&w, &s);
    ngx_http_llmbroker_json_close_array(&w);
    ngx_str_set(&s, "\"quoted\"");
    ngx_http_llmbroker_json_key_str(&w, &s);
    ngx_str_null(&s);
    ngx_http_llmbroker_json_str(&w, &s);
    ngx_http_llmbroker_json_key(&w, "");
    ngx_http_llmbroker_json_bool(&w, 0);
    ngx_http_llmbroker_json_close(&w);

    is(end(), NGX_OK, "a document");
    is_str(got, got_len, "{\"id\":\"chatcmpl-1\",\"created\":1700000000,"
           "\"choices\":[{\"index\":0,\"logprobs\":null},[],{},true,false,true,"
           "-9223372036854775808,9223372036854775807,1.50e+400,"
           "{ \"a\" : [\"\\ud83d\"] }],\"\\\"quoted\\\"\":\"\",\"\":false}",
           "is written as meant");
    is(out.length, got_len, "and its length is known");
}


static void
test_scalars(void)
{
    start();
    ngx_http_llmbroker_json_number(&w, -5);
    is(end(), NGX_OK, "a number alone");
    is_str(got, got_len, "-5", "it is written");

    start();
    ngx_http_llmbroker_json_text(&w, "a");
    is(end(), NGX_OK, "a string alone");
    is_str(got, got_len, "\"a\"", "it is written");

    start();
    ngx_http_llmbroker_json_null(&w);
    is(end(), NGX_OK, "null alone");
    is_str(got, got_len, "null", "it is written");

    (void) ngx_http_llmbroker_out_copy(&out, "\n\ndata: ", 8);
    ngx_http_llmbroker_json_write_start(&w, &out);
    ngx_http_llmbroker_json_open_array(&w);
    ngx_http_llmbroker_json_close_array(&w);
    is(ngx_http_llmbroker_json_write_end(&w), NGX_OK, "a second document");

    got_len = flat(out.chain, got);
    is_str(got, got_len, "null\n\ndata: []", "goes behind what is there");
}


static void
test_text(void)
{
    u_char                      c;
    ngx_str_t                   s, name;
    ngx_uint_t                  i, bad;
    ngx_http_llmbroker_json_t  *v;

    static const struct {
        const char  *text;
        const char  *expected;
    } texts[] = {
        { "\"\\/", "\"\\\"\\\\/\"" },
        { "\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\"" },
        { "\x01\x1f\x7f", "\"\\u0001\\u001f\x7f\"" },
        { "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
          "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"" },
        { "a\x80z", "\"a\xef\xbf\xbdz\"" },
        { "\xc0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
        { "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
        { "\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
        { "\xc3\xa4\xff\xc3\xa4\n", "\"\xc3\xa4\xef\xbf\xbd\xc3\xa4\\n\"" },
        { "\xf0\x9f\x98", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
        { "\xe2\"", "\"\xef\xbf\xbd\\\"\"" },
        { "eight by eight by", "\"eight by eight by\"" },
        { "eight by\"eight by", "\"eight by\\\"eight by\"" },
        { "eight by\xff", "\"eight by\xef\xbf\xbd\"" },
        { "eight byte\n", "\"eight byte\\n\"" }
    };

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {

        start();
        ngx_http_llmbroker_json_text(&w, texts[i].text);
        is(end(), NGX_OK, "a text is written");
        is_str(got, got_len, texts[i].expected, "with its escapes");

        start();
        ngx_http_llmbroker_json_open(&w);
        ngx_http_llmbroker_json_key(&w, "a");
        ngx_http_llmbroker_json_null(&w);
        name.data = (u_char *) texts[i].text;
        name.len = ngx_strlen(texts[i].text);
        ngx_http_llmbroker_json_key_str(&w, &name);
        ngx_http_llmbroker_json_null(&w);
        ngx_http_llmbroker_json_close(&w);
        is(end(), NGX_OK, "it is written as a name");

        ok(got_len == strlen(texts[i].expected) + sizeof("{\"a\":null,:null}")
                      - 1
           && ngx_memcmp(got + sizeof("{\"a\":null,") - 1, texts[i].expected,
                         strlen(texts[i].expected)) == 0,
           "with its escapes");
    }

    bad = 0;

    for (i = 0; i < 256; i++) {

        c = (u_char) i;
        s.data = &c;
        s.len = 1;

        start();
        ngx_http_llmbroker_json_str(&w, &s);

        if (end() != NGX_OK
            || ngx_http_llmbroker_json_parse(pool, got, got_len, &v) != NGX_OK
            || ngx_http_llmbroker_json_string(pool, v, &s) != NGX_OK)
        {
            bad++;
            continue;
        }

        if (i < 0x80 ? (s.len != 1 || s.data[0] != i)
                     : (s.len != 3 || ngx_memcmp(s.data, "\xef\xbf\xbd", 3)))
        {
            bad++;
        }
    }

    is(bad, 0, "every byte alone makes JSON that gives it back");
}


/* names about the length that is written at once */

static void
test_names(void)
{
    ngx_uint_t  n, bad;
    char        name[201], expected[500];

    bad = 0;

    for (n = 0; n <= 200; n++) {

        ngx_memset(name, 'n', n);
        name[n] = '\0';

        (void) sprintf(expected, "{\"%s\":1,\"%s\":2}", name, name);

        start();
        ngx_http_llmbroker_json_open(&w);
        ngx_http_llmbroker_json_key(&w, name);
        ngx_http_llmbroker_json_number(&w, 1);
        ngx_http_llmbroker_json_key(&w, name);
        ngx_http_llmbroker_json_number(&w, 2);
        ngx_http_llmbroker_json_close(&w);

        if (end() != NGX_OK || got_len != strlen(expected)
            || ngx_memcmp(got, expected, got_len) != 0)
        {
            bad++;
        }
    }

    is(bad, 0, "names of any length");
}


static void
test_pieces(void)
{
    ngx_str_t  text, inner;

    ngx_str_set(&text, "a\"\n");
    ngx_str_set(&inner, "\\ud83d");

    start();
    ngx_http_llmbroker_json_open_array(&w);
    ngx_http_llmbroker_json_open_string(&w);
    ngx_http_llmbroker_json_close_string(&w);
    ngx_http_llmbroker_json_open_string(&w);
    ngx_http_llmbroker_json_text_piece(&w, &text);
    ngx_http_llmbroker_json_inner_piece(&w, &inner);
    ngx_str_set(&inner, "\\ude00");
    ngx_http_llmbroker_json_inner_piece(&w, &inner);
    ngx_str_null(&inner);
    ngx_http_llmbroker_json_inner_piece(&w, &inner);
    ngx_http_llmbroker_json_text_piece(&w, &inner);
    ngx_http_llmbroker_json_close_string(&w);
    ngx_http_llmbroker_json_number(&w, 1);
    ngx_http_llmbroker_json_close_array(&w);

    is(end(), NGX_OK, "strings put together from pieces");
    is_str(got, got_len, "[\"\",\"a\\\"\\n\\ud83d\\ude00\",1]",
           "plain text is escaped, the rest is not");
}


/* parsed and written again: bytes are the same, numbers and escapes too */

/* a long text is not copied once the writer may refer to it */

static void
test_refer(void)
{
    u_char        *p;
    ngx_str_t      text;
    ngx_uint_t     i, found;
    ngx_chain_t   *cl;

    text.len = NGX_HTTP_LLMBROKER_JSON_WRITE_REFER;
    text.data = malloc(text.len);
    memset(text.data, 'x', text.len);

    for (i = 0; i < 4; i++) {

        if (i == 3) {
            text.len--;
        }

        start();

        if (i > 0) {
            ngx_http_llmbroker_json_write_refer(&w);
        }

        ngx_http_llmbroker_json_open_array(&w);
        ngx_http_llmbroker_json_open_string(&w);

        if (i == 2) {
            ngx_http_llmbroker_json_inner_piece(&w, &text);

        } else {
            ngx_http_llmbroker_json_text_piece(&w, &text);
        }

        ngx_http_llmbroker_json_close_string(&w);
        ngx_http_llmbroker_json_close_array(&w);

        found = 0;

        for (cl = out.chain; cl; cl = cl->next) {
            found |= (cl->buf->pos == text.data);
        }

        is(found, i == 1 || i == 2, "what is long is referred to");
        is(end(), NGX_OK, "and the document is whole");

        p = (u_char *) got;
        ok(got_len == text.len + 4 && memcmp(p, "[\"x", 3) == 0
           && memcmp(p + got_len - 3, "x\"]", 3) == 0,
           "with all of its bytes");
    }

    free(text.data);
}


static void
test_round_trip(void)
{
    ngx_str_t                   doc;
    ngx_uint_t                  i;
    ngx_http_llmbroker_json_t  *v;

    static const char *const docs[] = {
        "{\"a\":[1,-0.5e+10,\"x\\\"y\",true,false,null,{},[]],\"a\":1e999}",
        "{\"b\":{\"\":\"\"},\"\":123456789012345678901234567890}",
        "[\"\\ud800\",\"\\u00e4\xc3\xa4\",\"\\/\",-0,-0.0,1E5,\"\\u0000\"]",
        "[[[[[[[[[[]]]]]]]]],{\"a\":{\"b\":{\"c\":[{\"d\":0}]}}}]",
        "\"text\"", "12", "[]", "{}"
    };

    for (i = 0; i < sizeof(docs) / sizeof(docs[0]); i++) {

        doc.data = (u_char *) docs[i];
        doc.len = strlen(docs[i]);

        if (ngx_http_llmbroker_json_parse(pool, doc.data, doc.len, &v)
            != NGX_OK)
        {
            ok(0, "parsed: %s", docs[i]);
            continue;
        }

        start();
        copy(v);
        is(end(), NGX_OK, "written again");
        is_str(got, got_len, docs[i], "and the same");
    }
}


static void
test_misuse(void)
{
    ngx_uint_t   i;
    const char  *p;

    /* a letter per call */

    static const char *const calls[] = {
        "", "{", "[", "}", "]", "{]", "[}", "{}}", "[]]", "{}{", "[][", "nn",
        "{}n", "{}k", "k", "kn", "[k", "[kn]", "{n}", "{t}", "{kkn}", "{k}",
        "{kn", "{knn}", "{k[}", "{k{]", "{kn]", "{{", "{[", "(", ")", "()(",
        "(p", "[p]", "p", "i", "[(p]", "[(n)]", "[()", "((", "[(k)]", "{k()",
        "{k(p}", "{()kn}", "(})", "[(])]", "r", "[r]", "{kr}", "[n", "()n",
        "[(b)]", "[(#)]", "[({)]", "[([)]", "{(p)}", "]{kn}", "[}n]"
    };

    for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {

        start();

        for (p = calls[i]; *p != '\0'; p++) {
            call(*p);
        }

        ok(ngx_http_llmbroker_json_write_end(&w) == NGX_ERROR, "misuse: \"%s\"",
           calls[i]);
    }

    is(ngx_http_llmbroker_json_write_end(&w), NGX_ERROR, "ended twice");
}


/* members of an object that has one and stays open */

static void
test_members(void)
{
    ngx_int_t    rc;
    ngx_uint_t   i;
    const char  *p;

    static const struct {
        const char  *calls;
        const char  *text;      /* NULL: misuse */
    } tests[] = {
        { "", "" },
        { "kn", ",\"x\":null" },
        { "kbk#", ",\"x\":true,\"x\":1" },
        { "k{}k[]", ",\"x\":{},\"x\":[]" },
        { "k{knkn}kt", ",\"x\":{\"x\":null,\"x\":null},\"x\":\"x\"" },
        { "k[n{kn}]k(pp)", ",\"x\":[null,{\"x\":null}],\"x\":\"xx\"" },
        { "n", NULL }, { "t", NULL }, { "{", NULL }, { "}", NULL },
        { "[", NULL }, { "]", NULL }, { "(", NULL }, { ")", NULL },
        { "p", NULL }, { "r", NULL }, { "{kn}", NULL }, { "k", NULL },
        { "kk", NULL }, { "knn", NULL }, { "kn}", NULL }, { "kn]", NULL },
        { "kn}kn", NULL }, { "k{", NULL }, { "k{]", NULL }, { "k(", NULL },
        { "k{}}", NULL }, { "kn{", NULL }, { "kr", NULL }
    };

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {

        ngx_http_llmbroker_out_init(&out, pool, NULL, NULL, TEST_SIZE);
        ngx_http_llmbroker_json_write_members(&w, &out);

        for (p = tests[i].calls; *p != '\0'; p++) {
            call(*p);
        }

        rc = ngx_http_llmbroker_json_write_end(&w);

        if (tests[i].text == NULL) {
            is(rc, NGX_ERROR, "misuse of members");
            continue;
        }

        got_len = flat(out.chain, got);

        is(rc, NGX_OK, "members");
        is_str(got, got_len, tests[i].text, "members, what is written");
    }
}


static void
call(char c)
{
    ngx_str_t  s, empty;

    ngx_str_set(&s, "x");
    ngx_str_null(&empty);

    switch (c) {

    case '{':
        ngx_http_llmbroker_json_open(&w);
        break;

    case '}':
        ngx_http_llmbroker_json_close(&w);
        break;

    case '[':
        ngx_http_llmbroker_json_open_array(&w);
        break;

    case ']':
        ngx_http_llmbroker_json_close_array(&w);
        break;

    case '(':
        ngx_http_llmbroker_json_open_string(&w);
        break;

    case ')':
        ngx_http_llmbroker_json_close_string(&w);
        break;

    case 'k':
        ngx_http_llmbroker_json_key_str(&w, &s);
        break;

    case 'n':
        ngx_http_llmbroker_json_null(&w);
        break;

    case 'b':
        ngx_http_llmbroker_json_bool(&w, 1);
        break;

    case '#':
        ngx_http_llmbroker_json_number(&w, 1);
        break;

    case 't':
        ngx_http_llmbroker_json_str(&w, &s);
        break;

    case 'p':
        ngx_http_llmbroker_json_text_piece(&w, &s);
        break;

    case 'i':
        ngx_http_llmbroker_json_inner_piece(&w, &s);
        break;

    case 'r':
        ngx_http_llmbroker_json_raw(&w, &empty);
        break;
    }
}


static void
test_depth(void)
{
    ngx_uint_t  i, depth;

    static const ngx_uint_t  depths[] = { 64, 65, 127, 128, 129, 1000 };

    for (i = 0; i < 6; i++) {

        start();

        for (depth = 0; depth < depths[i]; depth++) {

            if (depth % 2) {
                ngx_http_llmbroker_json_open_array(&w);

            } else {
                ngx_http_llmbroker_json_open(&w);
                ngx_http_llmbroker_json_key(&w, "");
            }
        }

        ngx_http_llmbroker_json_null(&w);

        while (depth-- != 0) {

            if (depth % 2) {
                ngx_http_llmbroker_json_close_array(&w);

            } else {
                ngx_http_llmbroker_json_close(&w);
            }
        }

        is(ngx_http_llmbroker_json_write_end(&w),
           depths[i] == 64 ? NGX_OK : NGX_ERROR, "depth");
    }
}


static void
test_no_memory(void)
{
    ngx_int_t   n, rc;
    ngx_uint_t  failed;

    failed = 0;
    rc = NGX_ERROR;

    for (n = 0; n < 20 && rc != NGX_OK; n++) {

        start();

        ngx_shim_allocs_left = n;

        ngx_http_llmbroker_json_open(&w);
        ngx_http_llmbroker_json_key(&w, "a long name that takes some buffers");
        ngx_http_llmbroker_json_text(&w, "\n");
        ngx_http_llmbroker_json_close(&w);
        rc = ngx_http_llmbroker_json_write_end(&w);

        ngx_shim_allocs_left = -1;

        failed += (rc == NGX_ERROR);
    }

    is(rc, NGX_OK, "with enough memory it goes");
    is(failed, 9, "three buffers, three allocations each, all checked");
}


/* 10,000 events with recycled buffers */

static void
test_stream(void)
{
    ngx_str_t                   s;
    ngx_uint_t                  i, allocs, bad;
    ngx_chain_t                *spare, *busy, *cl;
    ngx_http_llmbroker_out_t    o;

    spare = NULL;
    busy = NULL;
    allocs = 0;
    bad = 0;

    for (i = 0; i < 10000; i++) {

        if (i == 5) {
            allocs = ngx_shim_allocs;
        }

        ngx_http_llmbroker_out_init(&o, pool, &spare, &test_tag, 256);
        (void) ngx_http_llmbroker_out_copy(&o, "data: ", 6);

        ngx_http_llmbroker_json_write_start(&w, &o);
        ngx_http_llmbroker_json_open(&w);
        ngx_http_llmbroker_json_key(&w, "delta");
        ngx_http_llmbroker_json_open_string(&w);
        ngx_str_set(&s, "some text \xe2\x82\xac\n");
        ngx_http_llmbroker_json_text_piece(&w, &s);
        ngx_http_llmbroker_json_close_string(&w);
        ngx_http_llmbroker_json_close(&w);

        bad += ngx_http_llmbroker_json_write_end(&w) != NGX_OK;

        (void) ngx_http_llmbroker_out_copy(&o, "\n\n", 2);

        cl = ngx_http_llmbroker_out_take(&o);
        got_len = flat(cl, got);

        ngx_chain_update_chains(pool, &spare, &busy, &cl, &test_tag);

        for (cl = busy; cl != NULL; cl = cl->next) {
            cl->buf->pos = cl->buf->last;
        }

        ngx_chain_update_chains(pool, &spare, &busy, &cl, &test_tag);
    }

    is(bad, 0, "10,000 events");
    is(ngx_shim_allocs, allocs, "no allocation after the first ones");
    is_str(got, got_len, "data: {\"delta\":\"some text \xe2\x82\xac\\n\"}\n\n",
           "the last is as meant");
}


static void
start(void)
{
    ngx_http_llmbroker_out_init(&out, pool, NULL, &test_tag, TEST_SIZE);
    ngx_http_llmbroker_json_write_start(&w, &out);
}


static ngx_int_t
end(void)
{
    got_len = flat(out.chain, got);

    return ngx_http_llmbroker_json_write_end(&w);
}


static void
copy(ngx_http_llmbroker_json_t *v)
{
    ngx_str_t                   inner;
    ngx_http_llmbroker_json_t  *c;

    switch (v->type) {

    case NGX_HTTP_LLMBROKER_JSON_OBJECT:
        ngx_http_llmbroker_json_open(&w);

        for (c = v->child; c != NULL; c = c->next) {
            ngx_http_llmbroker_json_key_str(&w, &c->key);
            copy(c);
        }

        ngx_http_llmbroker_json_close(&w);
        return;

    case NGX_HTTP_LLMBROKER_JSON_ARRAY:
        ngx_http_llmbroker_json_open_array(&w);

        for (c = v->child; c != NULL; c = c->next) {
            copy(c);
        }

        ngx_http_llmbroker_json_close_array(&w);
        return;

    case NGX_HTTP_LLMBROKER_JSON_STRING:
        inner = ngx_http_llmbroker_json_inner(v);
        ngx_http_llmbroker_json_open_string(&w);
        ngx_http_llmbroker_json_inner_piece(&w, &inner);
        ngx_http_llmbroker_json_close_string(&w);
        return;

    default:
        ngx_http_llmbroker_json_raw(&w, &v->raw);
    }
}


static size_t
flat(ngx_chain_t *cl, u_char *p)
{
    u_char  *last;

    last = p;

    for ( /* void */ ; cl != NULL; cl = cl->next) {
        last = ngx_cpymem(last, cl->buf->pos, cl->buf->last - cl->buf->pos);
    }

    return last - p;
}
