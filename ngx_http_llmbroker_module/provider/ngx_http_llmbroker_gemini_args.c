
/*
 * Copyright (C) LLMBroker contributors
 *
 * Arguments of a function call that Vertex AI streams: each piece has the path
 * of a value, such as $.a.b[0], and the value or, of a string, a part of it.
 * They come in the order of the JSON text, which is written as they come.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_answer.h"
#include "provider/ngx_http_llmbroker_gemini.h"


#define NGX_HTTP_LLMBROKER_GEMINI_PATH    1024
#define NGX_HTTP_LLMBROKER_GEMINI_LEVELS  32

#define ngx_http_llmbroker_gemini_lit(a, literal)                            \
    ngx_http_llmbroker_gemini_put(a, literal, sizeof(literal) - 1)


/* the inside of a JSON string in the making; a lack of memory sticks */
typedef struct {
    ngx_pool_t                      *pool;
    ngx_http_llmbroker_text_t        inner;
    unsigned                         failed:1;
} ngx_http_llmbroker_gemini_args_t;


/* a step of a path: the name of a member, inner, or a place in an array */
typedef struct {
    ngx_str_t                        name;
    ngx_uint_t                       array;
} ngx_http_llmbroker_gemini_step_t;


static ngx_int_t ngx_http_llmbroker_gemini_piece(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_gemini_choice_t *c,
    ngx_http_llmbroker_gemini_args_t *a, ngx_http_llmbroker_json_t *piece);
static ngx_int_t ngx_http_llmbroker_gemini_descend(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_gemini_choice_t *c,
    ngx_http_llmbroker_gemini_args_t *a, ngx_str_t *path);
static void ngx_http_llmbroker_gemini_value(
    ngx_http_llmbroker_gemini_choice_t *c,
    ngx_http_llmbroker_gemini_args_t *a, ngx_http_llmbroker_json_t *piece);
static void ngx_http_llmbroker_gemini_end_string(
    ngx_http_llmbroker_gemini_choice_t *c,
    ngx_http_llmbroker_gemini_args_t *a);
static void ngx_http_llmbroker_gemini_end_args(
    ngx_http_llmbroker_gemini_choice_t *c,
    ngx_http_llmbroker_gemini_args_t *a);
static ngx_int_t ngx_http_llmbroker_gemini_tell(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_http_llmbroker_gemini_choice_t *c,
    ngx_http_llmbroker_gemini_args_t *a);
static ngx_uint_t ngx_http_llmbroker_gemini_steps(ngx_str_t *path,
    ngx_http_llmbroker_gemini_step_t *step);
static u_char *ngx_http_llmbroker_gemini_step(u_char *p, u_char *last,
    ngx_http_llmbroker_gemini_step_t *step);
static ngx_uint_t ngx_http_llmbroker_gemini_same(
    ngx_http_llmbroker_gemini_step_t *a, ngx_http_llmbroker_gemini_step_t *b);
static void ngx_http_llmbroker_gemini_put(ngx_http_llmbroker_gemini_args_t *a,
    const void *text, size_t len);


ngx_int_t
ngx_http_llmbroker_gemini_pieces(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_gemini_choice_t *c,
    ngx_http_llmbroker_json_t *call)
{
    ngx_int_t                          rc;
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_gemini_args_t   a;

    ngx_memzero(&a, sizeof(ngx_http_llmbroker_gemini_args_t));

    a.pool = ngx_http_llmbroker_gemini_pool(ex);

    v = ngx_http_llmbroker_json_get_type(call, "partialArgs",
                                         NGX_HTTP_LLMBROKER_JSON_ARRAY);

    for (v = v ? v->child : NULL; v; v = v->next) {
        rc = ngx_http_llmbroker_gemini_piece(ex, c, &a, v);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    v = ngx_http_llmbroker_json_get(call, "willContinue");

    if (!ngx_http_llmbroker_json_true(v)) {
        ngx_http_llmbroker_gemini_end_args(c, &a);
    }

    return ngx_http_llmbroker_gemini_tell(ex, n, c, &a);
}


ngx_int_t
ngx_http_llmbroker_gemini_end_pieces(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_gemini_choice_t *c)
{
    ngx_http_llmbroker_gemini_args_t  a;

    if (!c->calling) {
        return NGX_OK;
    }

    ngx_memzero(&a, sizeof(ngx_http_llmbroker_gemini_args_t));

    a.pool = ex->pool;

    ngx_http_llmbroker_gemini_end_args(c, &a);

    return ngx_http_llmbroker_gemini_tell(ex, n, c, &a);
}


static ngx_int_t
ngx_http_llmbroker_gemini_piece(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_gemini_choice_t *c,
    ngx_http_llmbroker_gemini_args_t *a, ngx_http_llmbroker_json_t *piece)
{
    ngx_int_t                   rc;
    ngx_str_t                   path, inner;
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get(piece, "jsonPath");
    path = ngx_http_llmbroker_json_inner(v);

    v = ngx_http_llmbroker_json_get_type(piece, "stringValue",
                                         NGX_HTTP_LLMBROKER_JSON_STRING);

    if (v && c->quoted
        && path.len == c->path.len
        && ngx_memcmp(path.data, c->path.data, path.len) == 0)
    {
        inner = ngx_http_llmbroker_json_inner(v);
        ngx_http_llmbroker_gemini_put(a, inner.data, inner.len);

    } else {
        ngx_http_llmbroker_gemini_end_string(c, a);

        rc = ngx_http_llmbroker_gemini_descend(ex, c, a, &path);
        if (rc != NGX_OK) {
            return rc;
        }

        ngx_http_llmbroker_gemini_value(c, a, piece);
    }

    v = ngx_http_llmbroker_json_get(piece, "willContinue");

    if (!ngx_http_llmbroker_json_true(v)) {
        ngx_http_llmbroker_gemini_end_string(c, a);
    }

    return NGX_OK;
}


/* closes what the value before was in and opens what this one is in */

static ngx_int_t
ngx_http_llmbroker_gemini_descend(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_gemini_choice_t *c,
    ngx_http_llmbroker_gemini_args_t *a, ngx_str_t *path)
{
    ngx_str_t                         before;
    ngx_uint_t                        i, k, n, m;
    ngx_http_llmbroker_gemini_step_t  step[NGX_HTTP_LLMBROKER_GEMINI_LEVELS];
    ngx_http_llmbroker_gemini_step_t  old[NGX_HTTP_LLMBROKER_GEMINI_LEVELS];

    n = ngx_http_llmbroker_gemini_steps(path, step);

    if (n == 0) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider answered with arguments at an "
                               "unknown place.");
    }

    before.len = c->path.len;
    before.data = c->path.data;

    m = ngx_http_llmbroker_gemini_steps(&before, old);
    k = 0;

    if (m == 0) {
        ngx_http_llmbroker_gemini_lit(a, "{");

    } else {

        while (k + 1 < n && k + 1 < m
               && ngx_http_llmbroker_gemini_same(&step[k], &old[k]))
        {
            k++;
        }

        /* a value that was an object is an array now */

        while (step[k].array != old[k].array) {
            k--;
        }

        for (i = m - 1; i > k; i--) {
            ngx_http_llmbroker_gemini_put(a, old[i].array ? "]" : "}", 1);
        }

        ngx_http_llmbroker_gemini_lit(a, ",");
    }

    for (i = k; i < n; i++) {

        if (i > k) {
            ngx_http_llmbroker_gemini_put(a, step[i].array ? "[" : "{", 1);
        }

        if (!step[i].array) {
            ngx_http_llmbroker_gemini_lit(a, "\"");
            ngx_http_llmbroker_gemini_put(a, step[i].name.data,
                                          step[i].name.len);
            ngx_http_llmbroker_gemini_lit(a, "\":");
        }
    }

    c->path.len = 0;

    return ngx_http_llmbroker_text_append(ex->pool, &c->path, path->data,
                                          path->len);
}


/* a string is left open */

static void
ngx_http_llmbroker_gemini_value(ngx_http_llmbroker_gemini_choice_t *c,
    ngx_http_llmbroker_gemini_args_t *a, ngx_http_llmbroker_json_t *piece)
{
    ngx_str_t                   inner;
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get_type(piece, "stringValue",
                                         NGX_HTTP_LLMBROKER_JSON_STRING);

    if (v) {
        inner = ngx_http_llmbroker_json_inner(v);

        ngx_http_llmbroker_gemini_lit(a, "\"");
        ngx_http_llmbroker_gemini_put(a, inner.data, inner.len);

        c->quoted = 1;
        return;
    }

    v = ngx_http_llmbroker_json_get_type(piece, "numberValue",
                                         NGX_HTTP_LLMBROKER_JSON_NUMBER);

    if (v == NULL) {
        v = ngx_http_llmbroker_json_get_type(piece, "boolValue",
                                             NGX_HTTP_LLMBROKER_JSON_BOOL);
    }

    if (v) {
        ngx_http_llmbroker_gemini_put(a, v->raw.data, v->raw.len);

    } else {
        ngx_http_llmbroker_gemini_lit(a, "null");
    }
}


static void
ngx_http_llmbroker_gemini_end_string(ngx_http_llmbroker_gemini_choice_t *c,
    ngx_http_llmbroker_gemini_args_t *a)
{
    if (c->quoted) {
        ngx_http_llmbroker_gemini_lit(a, "\"");
        c->quoted = 0;
    }
}


static void
ngx_http_llmbroker_gemini_end_args(ngx_http_llmbroker_gemini_choice_t *c,
    ngx_http_llmbroker_gemini_args_t *a)
{
    ngx_str_t                         path;
    ngx_uint_t                        i;
    ngx_http_llmbroker_gemini_step_t  step[NGX_HTTP_LLMBROKER_GEMINI_LEVELS];

    ngx_http_llmbroker_gemini_end_string(c, a);

    path.len = c->path.len;
    path.data = c->path.data;

    for (i = ngx_http_llmbroker_gemini_steps(&path, step); i > 0; i--) {
        ngx_http_llmbroker_gemini_put(a, step[i - 1].array ? "]" : "}", 1);
    }

    c->path.len = 0;
    c->calling = 0;
}


static ngx_int_t
ngx_http_llmbroker_gemini_tell(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_gemini_choice_t *c,
    ngx_http_llmbroker_gemini_args_t *a)
{
    ngx_str_t  inner;

    if (a->failed) {
        return NGX_ERROR;
    }

    inner.len = a->inner.len;
    inner.data = a->inner.data;

    return ngx_http_llmbroker_answer_arguments(ex, n, c->call, &inner);
}


/*
 * The number of a path's steps, of which the first is a member of the
 * arguments; 0 for another path, or one that is out of bounds.
 */

static ngx_uint_t
ngx_http_llmbroker_gemini_steps(ngx_str_t *path,
    ngx_http_llmbroker_gemini_step_t *step)
{
    u_char      *p, *last;
    ngx_uint_t   n;

    p = path->data;
    last = p + path->len;

    if (path->len > NGX_HTTP_LLMBROKER_GEMINI_PATH) {
        return 0;
    }

    if (p < last && *p == '$') {
        p++;
    }

    for (n = 0; p < last; n++) {

        if (n == NGX_HTTP_LLMBROKER_GEMINI_LEVELS) {
            return 0;
        }

        p = ngx_http_llmbroker_gemini_step(p, last, &step[n]);
        if (p == NULL) {
            return 0;
        }
    }

    return (n && step[0].array) ? 0 : n;
}


/* the end of .name, [0], ['name'] or [\"name\"], NULL when it is none */

static u_char *
ngx_http_llmbroker_gemini_step(u_char *p, u_char *last,
    ngx_http_llmbroker_gemini_step_t *step)
{
    u_char     *start;
    size_t      len;
    ngx_str_t   quote;

    step->array = 0;

    if (*p == '.') {
        start = ++p;

        while (p < last && *p != '.' && *p != '[') {
            p++;
        }

        step->name.len = p - start;
        step->name.data = start;

        return (p == start) ? NULL : p;
    }

    if (*p++ != '[') {
        return NULL;
    }

    ngx_str_null(&quote);

    if (last - p > 1 && *p == '\'') {
        ngx_str_set(&quote, "'");

    } else if (last - p > 2 && *p == '\\' && p[1] == '"') {
        ngx_str_set(&quote, "\\\"");

    } else {
        step->array = 1;
    }

    start = p + quote.len;
    len = quote.len + 1;

    for (p = start; (size_t) (last - p) >= len; p++) {

        if (p[quote.len] == ']'
            && (step->array || ngx_memcmp(p, quote.data, quote.len) == 0))
        {
            step->name.len = p - start;
            step->name.data = start;

            return p + len;
        }
    }

    return NULL;
}


static ngx_uint_t
ngx_http_llmbroker_gemini_same(ngx_http_llmbroker_gemini_step_t *a,
    ngx_http_llmbroker_gemini_step_t *b)
{
    return a->array == b->array
           && a->name.len == b->name.len
           && ngx_memcmp(a->name.data, b->name.data, a->name.len) == 0;
}


/* JSON text, which has no control characters */

static void
ngx_http_llmbroker_gemini_put(ngx_http_llmbroker_gemini_args_t *a,
    const void *text, size_t len)
{
    const u_char  *p, *last, *start;

    p = text;
    last = p + len;

    while (p < last && !a->failed) {
        start = p;

        while (p < last && *p != '"' && *p != '\\') {
            p++;
        }

        if (ngx_http_llmbroker_text_append(a->pool, &a->inner, start,
                                           p - start)
            != NGX_OK
            || (p < last
                && (ngx_http_llmbroker_text_append(a->pool, &a->inner, "\\",
                                                   1)
                    != NGX_OK
                    || ngx_http_llmbroker_text_append(a->pool, &a->inner, p,
                                                      1)
                       != NGX_OK)))
        {
            a->failed = 1;
        }

        p++;
    }
}
