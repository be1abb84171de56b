
/*
 * Copyright (C) LLMBroker contributors
 *
 * The JSON tree and the writer: the tree agrees with the scanner on what is
 * JSON, and with yajl on what it says, each value's text is that value again,
 * and what is written from any input is JSON that says the same.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "codec/ngx_http_llmbroker_json.h"
#include "codec/ngx_http_llmbroker_json_write.h"
#include "codec/ngx_http_llmbroker_scan.h"
#include "codec/ngx_http_llmbroker_utf8.h"

#include "json_check.h"
#include "ngx_shim.h"


#define FUZZ_VALUES  200


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_tree(ngx_pool_t *pool, ngx_http_llmbroker_json_t *root);
static void fuzz_value(ngx_pool_t *pool, ngx_http_llmbroker_json_t *v);
static void fuzz_same(ngx_http_llmbroker_json_t *a,
    ngx_http_llmbroker_json_t *b);
static void fuzz_write(ngx_http_llmbroker_json_writer_t *w,
    ngx_http_llmbroker_json_t *v);
static void fuzz_text(ngx_pool_t *pool, ngx_str_t *text);
static ngx_str_t fuzz_flat(ngx_pool_t *pool, ngx_http_llmbroker_out_t *out);
static void fuzz_check(ngx_uint_t v);


static ngx_uint_t  fuzz_left;


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char                     *p;
    ngx_int_t                   rc, expected;
    ngx_str_t                   text;
    ngx_pool_t                 *pool;
    ngx_http_llmbroker_json_t  *root;
    ngx_http_llmbroker_scan_t   scan;

    pool = ngx_create_pool(4096, NULL);

    /* memory of just this size, so that a byte too far is seen */

    p = ngx_palloc(pool, size);
    ngx_memcpy(p, data, size);

    ngx_http_llmbroker_scan_init(&scan, NGX_HTTP_LLMBROKER_SCAN_UTF8, 0, NULL,
                                 NULL);
    expected = ngx_http_llmbroker_scan(&scan, p, p + size);

    if (expected == NGX_OK) {
        expected = ngx_http_llmbroker_scan_end(&scan);
    }

    rc = ngx_http_llmbroker_json_parse(pool, p, size, &root);

    fuzz_check(rc == expected);

    if (rc == NGX_OK) {
        fuzz_check(json_check_yajl(pool, p, size, root));
        fuzz_tree(pool, root);
    }

    text.data = p;
    text.len = size;

    fuzz_text(pool, &text);

    ngx_destroy_pool(pool);

    return 0;
}


static void
fuzz_tree(ngx_pool_t *pool, ngx_http_llmbroker_json_t *root)
{
    ngx_str_t                          text;
    ngx_http_llmbroker_out_t           out;
    ngx_http_llmbroker_json_t         *again;
    ngx_http_llmbroker_json_writer_t   w;

    fuzz_left = FUZZ_VALUES;
    fuzz_value(pool, root);

    ngx_http_llmbroker_out_init(&out, pool, NULL, NULL, 100);
    ngx_http_llmbroker_json_write_start(&w, &out);
    fuzz_write(&w, root);
    fuzz_check(ngx_http_llmbroker_json_write_end(&w) == NGX_OK);

    text = fuzz_flat(pool, &out);

    fuzz_check(ngx_http_llmbroker_json_parse(pool, text.data, text.len, &again)
               == NGX_OK);
    fuzz_same(root, again);
}


/* the depth is bounded by the parser */

static void
fuzz_value(ngx_pool_t *pool, ngx_http_llmbroker_json_t *v)
{
    u_char                     *p;
    ngx_str_t                   s;
    ngx_uint_t                  n;
    ngx_http_llmbroker_json_t  *c;

    if (fuzz_left == 0) {
        return;
    }

    fuzz_left--;

    fuzz_check(v->raw.len != 0);

    p = ngx_palloc(pool, v->raw.len);
    ngx_memcpy(p, v->raw.data, v->raw.len);

    fuzz_check(ngx_http_llmbroker_json_parse(pool, p, v->raw.len, &c)
               == NGX_OK);
    fuzz_check(c->raw.len == v->raw.len);
    fuzz_same(v, c);

    fuzz_check(ngx_http_llmbroker_json_int(v, -1) >= -1);
    (void) ngx_http_llmbroker_json_is(v, "a");

    if (v->type == NGX_HTTP_LLMBROKER_JSON_STRING) {
        fuzz_check(ngx_http_llmbroker_json_string(pool, v, &s) == NGX_OK);
        fuzz_check(s.len <= v->raw.len - 2);
        fuzz_check(ngx_http_llmbroker_utf8(NGX_HTTP_LLMBROKER_UTF8_ACCEPT,
                                           s.data, s.data + s.len)
                   == NGX_HTTP_LLMBROKER_UTF8_ACCEPT);
        fuzz_check(v->escaped
                   == (ngx_strlchr(v->raw.data, v->raw.data + v->raw.len,
                                   '\\') != NULL));
    }

    for (n = 0, c = v->child; c != NULL; c = c->next) {
        fuzz_check(c->raw.data > v->raw.data
                   && c->raw.data + c->raw.len < v->raw.data + v->raw.len);
        fuzz_value(pool, c);
        n++;
    }

    fuzz_check(n == v->n);
}


static void
fuzz_same(ngx_http_llmbroker_json_t *a, ngx_http_llmbroker_json_t *b)
{
    fuzz_check(a->type == b->type && a->n == b->n
               && a->escaped == b->escaped);

    if (a->type < NGX_HTTP_LLMBROKER_JSON_ARRAY) {
        fuzz_check(a->raw.len == b->raw.len
                   && ngx_memcmp(a->raw.data, b->raw.data, a->raw.len) == 0);
    }

    a = a->child;
    b = b->child;

    while (a != NULL && b != NULL) {
        fuzz_check(a->key.len == b->key.len
                   && (a->key.len == 0
                       || ngx_memcmp(a->key.data, b->key.data, a->key.len)
                          == 0));
        fuzz_same(a, b);

        a = a->next;
        b = b->next;
    }

    fuzz_check(a == NULL && b == NULL);
}


static void
fuzz_write(ngx_http_llmbroker_json_writer_t *w, ngx_http_llmbroker_json_t *v)
{
    ngx_str_t                   inner;
    ngx_http_llmbroker_json_t  *c;

    switch (v->type) {

    case NGX_HTTP_LLMBROKER_JSON_OBJECT:
        ngx_http_llmbroker_json_open(w);

        for (c = v->child; c != NULL; c = c->next) {
            ngx_http_llmbroker_json_key_str(w, &c->key);
            fuzz_write(w, c);
        }

        ngx_http_llmbroker_json_close(w);
        break;

    case NGX_HTTP_LLMBROKER_JSON_ARRAY:
        ngx_http_llmbroker_json_open_array(w);

        for (c = v->child; c != NULL; c = c->next) {
            fuzz_write(w, c);
        }

        ngx_http_llmbroker_json_close_array(w);
        break;

    case NGX_HTTP_LLMBROKER_JSON_STRING:
        inner = ngx_http_llmbroker_json_inner(v);
        ngx_http_llmbroker_json_open_string(w);
        ngx_http_llmbroker_json_inner_piece(w, &inner);
        ngx_http_llmbroker_json_close_string(w);
        break;

    default:
        ngx_http_llmbroker_json_raw(w, &v->raw);
    }
}


/* any bytes as a name and as a value */

static void
fuzz_text(ngx_pool_t *pool, ngx_str_t *text)
{
    ngx_str_t                          s, got;
    ngx_uint_t                         valid;
    ngx_http_llmbroker_out_t           out;
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_json_writer_t   w;

    ngx_http_llmbroker_out_init(&out, pool, NULL, NULL, 100);
    ngx_http_llmbroker_json_write_start(&w, &out);
    ngx_http_llmbroker_json_open(&w);
    ngx_http_llmbroker_json_key_str(&w, text);
    ngx_http_llmbroker_json_str(&w, text);
    ngx_http_llmbroker_json_close(&w);
    fuzz_check(ngx_http_llmbroker_json_write_end(&w) == NGX_OK);

    s = fuzz_flat(pool, &out);

    fuzz_check(ngx_http_llmbroker_json_parse(pool, s.data, s.len, &v)
               == NGX_OK);
    fuzz_check(v->n == 1);

    v = v->child;

    fuzz_check(ngx_http_llmbroker_json_string(pool, v, &got) == NGX_OK);
    fuzz_check(got.len == v->key.len
               && ngx_memcmp(got.data, v->key.data, got.len) == 0);

    valid = (ngx_http_llmbroker_utf8(NGX_HTTP_LLMBROKER_UTF8_ACCEPT,
                                     text->data, text->data + text->len)
             == NGX_HTTP_LLMBROKER_UTF8_ACCEPT);

    fuzz_check(valid == (got.len == text->len
                         && ngx_memcmp(got.data, text->data, got.len) == 0));
}


static ngx_str_t
fuzz_flat(ngx_pool_t *pool, ngx_http_llmbroker_out_t *out)
{
    u_char       *p;
    ngx_str_t     s;
    ngx_chain_t  *cl;

    s.len = (size_t) out->length;
    s.data = ngx_palloc(pool, s.len);

    p = s.data;

    for (cl = ngx_http_llmbroker_out_take(out); cl != NULL; cl = cl->next) {
        p = ngx_cpymem(p, cl->buf->pos, cl->buf->last - cl->buf->pos);
    }

    fuzz_check(p == s.data + s.len);

    return s;
}


static void
fuzz_check(ngx_uint_t v)
{
    if (!v) {
        abort();
    }
}
