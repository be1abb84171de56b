
/*
 * Copyright (C) LLMBroker contributors
 *
 * The header of a provider's response: framing, and what of it a client gets.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llmbroker_compat.h"
#include "request/ngx_http_llmbroker_attempt.h"


/* the longest that a dialect asks for has 42 bytes */
#define NGX_HTTP_LLMBROKER_HEADER_NAME  64

/* as many as OpenAI sends */
#define NGX_HTTP_LLMBROKER_HEADERS      10


typedef ngx_int_t (*ngx_http_llmbroker_header_pt)(
    ngx_http_llmbroker_attempt_t *at, ngx_str_t *name, ngx_str_t *value);


typedef struct {
    ngx_str_t                      name;
    ngx_http_llmbroker_header_pt   handler;
} ngx_http_llmbroker_header_t;


static ngx_int_t ngx_http_llmbroker_process_header(ngx_http_request_t *r);
static ngx_int_t ngx_http_llmbroker_header_line(
    ngx_http_llmbroker_attempt_t *at);
static ngx_int_t ngx_http_llmbroker_header_done(
    ngx_http_llmbroker_attempt_t *at);
static ngx_int_t ngx_http_llmbroker_content_length(
    ngx_http_llmbroker_attempt_t *at, ngx_str_t *name, ngx_str_t *value);
static ngx_int_t ngx_http_llmbroker_transfer_encoding(
    ngx_http_llmbroker_attempt_t *at, ngx_str_t *name, ngx_str_t *value);
static ngx_int_t ngx_http_llmbroker_connection(
    ngx_http_llmbroker_attempt_t *at, ngx_str_t *name, ngx_str_t *value);
static ngx_int_t ngx_http_llmbroker_content_type(
    ngx_http_llmbroker_attempt_t *at, ngx_str_t *name, ngx_str_t *value);
static ngx_int_t ngx_http_llmbroker_content_encoding(
    ngx_http_llmbroker_attempt_t *at, ngx_str_t *name, ngx_str_t *value);
static ngx_int_t ngx_http_llmbroker_pass_error_header(
    ngx_http_llmbroker_attempt_t *at, ngx_str_t *name, ngx_str_t *value);
static ngx_int_t ngx_http_llmbroker_retry_msec(
    ngx_http_llmbroker_attempt_t *at, ngx_str_t *name, ngx_str_t *value);
static ngx_int_t ngx_http_llmbroker_request_id(
    ngx_http_llmbroker_attempt_t *at, ngx_str_t *name, ngx_str_t *value);


/* what of a provider's header is read at all: nothing else has an effect */

static ngx_http_llmbroker_header_t  ngx_http_llmbroker_headers[] = {
    { ngx_string("content-length"), ngx_http_llmbroker_content_length },
    { ngx_string("transfer-encoding"), ngx_http_llmbroker_transfer_encoding },
    { ngx_string("connection"), ngx_http_llmbroker_connection },
    { ngx_string("content-type"), ngx_http_llmbroker_content_type },
    { ngx_string("content-encoding"), ngx_http_llmbroker_content_encoding },
    { ngx_string("x-request-id"), ngx_http_llmbroker_request_id },
    { ngx_string("request-id"), ngx_http_llmbroker_request_id },
    { ngx_string("retry-after"), ngx_http_llmbroker_pass_error_header },
    { ngx_string("retry-after-ms"), ngx_http_llmbroker_pass_error_header },
    { ngx_string("x-ms-retry-after-ms"), ngx_http_llmbroker_retry_msec },
    { ngx_string("x-should-retry"), ngx_http_llmbroker_pass_error_header },
    { ngx_string("openai-processing-ms"), ngx_http_llmbroker_attempt_pass },
    { ngx_string("openai-version"), ngx_http_llmbroker_attempt_pass },
    { ngx_null_string, NULL }
};


static ngx_str_t  ngx_http_llmbroker_ratelimit = ngx_string("x-ratelimit-");


ngx_int_t
ngx_http_llmbroker_attempt_status_line(ngx_http_request_t *r)
{
    ngx_int_t                      rc;
    ngx_http_upstream_t           *u;
    ngx_http_llmbroker_attempt_t  *at;

    at = ngx_http_get_module_ctx(r, ngx_http_llmbroker_module);

    u = r->upstream;

    rc = ngx_http_parse_status_line(r, &u->buffer, &at->status);

    if (rc == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    if (rc == NGX_ERROR || at->status.code < 100) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "upstream sent no valid HTTP/1.0 header");
        ngx_http_llmbroker_attempt_bad(at, "no valid HTTP response");
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    if (u->state && u->state->status == 0 && at->status.code >= 200) {
        u->state->status = at->status.code;
    }

    u->headers_in.status_n = at->status.code;
    at->provider_status = at->status.code;

    if (at->status.http_version < NGX_HTTP_VERSION_11) {
        u->headers_in.connection_close = 1;
    }

    u->process_header = ngx_http_llmbroker_process_header;

    return ngx_http_llmbroker_process_header(r);
}


static ngx_int_t
ngx_http_llmbroker_process_header(ngx_http_request_t *r)
{
    ngx_int_t                      rc;
    ngx_http_llmbroker_attempt_t  *at;

    at = ngx_http_get_module_ctx(r, ngx_http_llmbroker_module);

    for ( ;; ) {

        rc = ngx_http_parse_header_line(r, &r->upstream->buffer, 1);

        if (rc == NGX_OK) {
            rc = ngx_http_llmbroker_header_line(at);

            if (rc != NGX_OK) {
                return rc;
            }

            continue;
        }

        if (rc == NGX_HTTP_PARSE_HEADER_DONE) {
            return ngx_http_llmbroker_header_done(at);
        }

        if (rc == NGX_AGAIN) {
            return NGX_AGAIN;
        }

        /* rc == NGX_HTTP_PARSE_INVALID_HEADER */

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "upstream sent invalid header");
        ngx_http_llmbroker_attempt_bad(at, "an invalid header");

        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }
}


static ngx_int_t
ngx_http_llmbroker_header_line(ngx_http_llmbroker_attempt_t *at)
{
    u_char                        low[NGX_HTTP_LLMBROKER_HEADER_NAME];
    ngx_int_t                     rc;
    ngx_str_t                     name, value;
    ngx_http_request_t           *r;
    ngx_http_llmbroker_header_t  *h;

    r = at->request;

    name.len = r->header_name_end - r->header_name_start;
    value.data = r->header_start;
    value.len = r->header_end - r->header_start;

    if (name.len > NGX_HTTP_LLMBROKER_HEADER_NAME) {
        return NGX_OK;
    }

    if (name.len == r->lowcase_index) {
        name.data = r->lowcase_header;

    } else {
        /* nginx keeps the first bytes only, and none of an odd name */
        ngx_strlow(low, r->header_name_start, name.len);
        name.data = low;
    }

    for (h = ngx_http_llmbroker_headers; h->name.len; h++) {

        if (h->name.len == name.len
            && ngx_memcmp(h->name.data, name.data, name.len) == 0)
        {
            return h->handler(at, &name, &value);
        }
    }

    if (name.len > ngx_http_llmbroker_ratelimit.len
        && ngx_memcmp(name.data, ngx_http_llmbroker_ratelimit.data,
                      ngx_http_llmbroker_ratelimit.len)
           == 0)
    {
        return ngx_http_llmbroker_attempt_pass(at, &name, &value);
    }

    if (at->exchange.target->dialect->header == NULL) {
        return NGX_OK;
    }

    rc = at->exchange.target->dialect->header(&at->exchange, &name, &value);

    if (rc == NGX_OK) {
        /* a dialect may know better what it has told under the same name */
        ngx_http_llmbroker_attempt_forget(at, &name);
        return ngx_http_llmbroker_attempt_pass(at, &name, &value);
    }

    return (rc == NGX_DECLINED) ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_llmbroker_header_done(ngx_http_llmbroker_attempt_t *at)
{
    ngx_http_request_t   *r;
    ngx_http_upstream_t  *u;

    r = at->request;
    u = r->upstream;

    if (at->provider_status < 200) {
        /* RFC 9110, 15.2: an interim response, the real one follows */

        if (u->headers_in.chunked || at->has_length
            || at->provider_status == NGX_HTTP_SWITCHING_PROTOCOLS)
        {
            ngx_http_llmbroker_attempt_bad(at, "an invalid interim response");
            return NGX_HTTP_UPSTREAM_INVALID_HEADER;
        }

        ngx_memzero(&at->status, sizeof(ngx_http_status_t));
        at->headers = NULL;
        u->process_header = ngx_http_llmbroker_attempt_status_line;

        return ngx_http_llmbroker_attempt_status_line(r);
    }

    if (at->failed || (u->headers_in.chunked && at->has_length)) {
        /* RFC 9112, 6.3: both framings at once are an attack or a bug */

        if (!at->failed) {
            ngx_http_llmbroker_attempt_bad(at, "an ambiguous message length");
        }

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "upstream sent an unusable header");

        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    if (u->headers_in.status_n == NGX_HTTP_NO_CONTENT
        || u->headers_in.status_n == NGX_HTTP_NOT_MODIFIED)
    {
        u->headers_in.chunked = 0;
        u->headers_in.content_length_n = 0;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_content_length(ngx_http_llmbroker_attempt_t *at,
    ngx_str_t *name, ngx_str_t *value)
{
    off_t  n;

    n = ngx_atoof(value->data, value->len);

    if (n == NGX_ERROR || at->has_length) {
        ngx_http_llmbroker_attempt_bad(at, "an invalid Content-Length");
        return NGX_OK;
    }

    at->has_length = 1;
    at->request->upstream->headers_in.content_length_n = n;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_transfer_encoding(ngx_http_llmbroker_attempt_t *at,
    ngx_str_t *name, ngx_str_t *value)
{
    if (value->len != 7
        || ngx_strncasecmp(value->data, (u_char *) "chunked", 7) != 0
        || at->request->upstream->headers_in.chunked)
    {
        ngx_http_llmbroker_attempt_bad(at, "an unknown Transfer-Encoding");
        return NGX_OK;
    }

    at->request->upstream->headers_in.chunked = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_connection(ngx_http_llmbroker_attempt_t *at,
    ngx_str_t *name, ngx_str_t *value)
{
    if (ngx_strlcasestrn(value->data, value->data + value->len,
                         (u_char *) "close", 5 - 1)
        != NULL)
    {
        at->request->upstream->headers_in.connection_close = 1;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_content_type(ngx_http_llmbroker_attempt_t *at,
    ngx_str_t *name, ngx_str_t *value)
{
    static ngx_str_t  events = ngx_string("text/event-stream");
    static ngx_str_t  frames = ngx_string(NGX_HTTP_LLMBROKER_FRAME_TYPE);

    if (value->len >= events.len
        && ngx_strncasecmp(value->data, events.data, events.len) == 0)
    {
        at->read = NGX_HTTP_LLMBROKER_READ_EVENTS;
        at->frames = 0;

    } else if (at->exchange.target->dialect->frames
               && value->len >= frames.len
               && ngx_strncasecmp(value->data, frames.data, frames.len) == 0)
    {
        at->read = NGX_HTTP_LLMBROKER_READ_EVENTS;
        at->frames = 1;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_content_encoding(ngx_http_llmbroker_attempt_t *at,
    ngx_str_t *name, ngx_str_t *value)
{
    if (value->len
        && (value->len != 8
            || ngx_strncasecmp(value->data, (u_char *) "identity", 8) != 0))
    {
        ngx_http_llmbroker_attempt_bad(at,
                                       "an encoding that was not asked for");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_request_id(ngx_http_llmbroker_attempt_t *at,
    ngx_str_t *name, ngx_str_t *value)
{
    ngx_str_t  passed;

    ngx_str_set(&passed, "x-request-id");

    return ngx_http_llmbroker_attempt_pass(at, &passed, value);
}


/* Retry-After comes with many 200 answers, where it means nothing (H) */

static ngx_int_t
ngx_http_llmbroker_pass_error_header(ngx_http_llmbroker_attempt_t *at,
    ngx_str_t *name, ngx_str_t *value)
{
    if (at->provider_status < 400) {
        return NGX_OK;
    }

    return ngx_http_llmbroker_attempt_pass(at, name, value);
}


/* the same by another name */

static ngx_int_t
ngx_http_llmbroker_retry_msec(ngx_http_llmbroker_attempt_t *at,
    ngx_str_t *name, ngx_str_t *value)
{
    ngx_str_t  passed;

    ngx_str_set(&passed, "retry-after-ms");

    return ngx_http_llmbroker_pass_error_header(at, &passed, value);
}


ngx_int_t
ngx_http_llmbroker_attempt_pass(ngx_http_llmbroker_attempt_t *at,
    ngx_str_t *name, ngx_str_t *value)
{
    u_char        *p;
    size_t         i;
    ngx_pool_t    *pool;
    ngx_keyval_t  *h;

    pool = at->exchange.pool;

    if (value->len == 0 || value->len > 256) {
        return NGX_OK;
    }

    for (i = 0; i < value->len; i++) {
        if (value->data[i] < 0x20 || value->data[i] == 0x7f) {
            return NGX_OK;
        }
    }

    if (at->headers == NULL) {
        at->headers = ngx_array_create(pool, NGX_HTTP_LLMBROKER_HEADERS,
                                       sizeof(ngx_keyval_t));
        if (at->headers == NULL) {
            return NGX_ERROR;
        }
    }

    h = at->headers->elts;

    for (i = 0; i < at->headers->nelts; i++) {
        if (h[i].key.len == name->len
            && ngx_memcmp(h[i].key.data, name->data, name->len) == 0)
        {
            return NGX_OK;
        }
    }

    if (at->headers->nelts == 32) {
        return NGX_OK;
    }

    h = ngx_array_push(at->headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(pool, name->len + value->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    h->key.len = name->len;
    h->key.data = p;
    p = ngx_cpymem(p, name->data, name->len);

    h->value.len = value->len;
    h->value.data = p;
    ngx_memcpy(p, value->data, value->len);

    return NGX_OK;
}


void
ngx_http_llmbroker_attempt_forget(ngx_http_llmbroker_attempt_t *at,
    ngx_str_t *name)
{
    ngx_uint_t     i;
    ngx_keyval_t  *h;

    if (at->headers == NULL) {
        return;
    }

    h = at->headers->elts;

    for (i = 0; i < at->headers->nelts; i++) {

        if (h[i].key.len == name->len
            && ngx_memcmp(h[i].key.data, name->data, name->len) == 0)
        {
            h[i] = h[--at->headers->nelts];
            return;
        }
    }
}
