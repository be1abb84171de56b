
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llmbroker_compat.h"
#include "request/ngx_http_llmbroker_attempt.h"


/* an answer is complete, its HTTP message is not: msec */
#define NGX_HTTP_LLMBROKER_LINGER     500

/* buffers for pieces of an answer beyond the first, bytes */
#define NGX_HTTP_LLMBROKER_PIECE_MIN  1024
#define NGX_HTTP_LLMBROKER_PIECE_MAX  65536


typedef ngx_int_t (*ngx_http_llmbroker_header_pt)(
    ngx_http_llmbroker_attempt_t *at, ngx_str_t *name, ngx_str_t *value);


typedef struct {
    ngx_str_t                      name;
    ngx_http_llmbroker_header_pt   handler;
} ngx_http_llmbroker_header_t;


static ngx_int_t ngx_http_llmbroker_attempt_build(
    ngx_http_llmbroker_attempt_t *at);
static ngx_int_t ngx_http_llmbroker_attempt_translate(
    ngx_http_llmbroker_attempt_t *at, ngx_http_llmbroker_edit_t *edit);
static ngx_int_t ngx_http_llmbroker_attempt_subrequest(
    ngx_http_llmbroker_attempt_t *at);
static ngx_int_t ngx_http_llmbroker_attempt_done(ngx_http_request_t *r,
    void *data, ngx_int_t rc);

static ngx_int_t ngx_http_llmbroker_create_request(ngx_http_request_t *r);
static ngx_int_t ngx_http_llmbroker_reinit_request(ngx_http_request_t *r);
static void ngx_http_llmbroker_abort_request(ngx_http_request_t *r);
static void ngx_http_llmbroker_finalize_request(ngx_http_request_t *r,
    ngx_int_t rc);

static ngx_int_t ngx_http_llmbroker_process_status_line(
    ngx_http_request_t *r);
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
static ngx_int_t ngx_http_llmbroker_pass_header(
    ngx_http_llmbroker_attempt_t *at, ngx_str_t *name, ngx_str_t *value);
static ngx_int_t ngx_http_llmbroker_pass_error_header(
    ngx_http_llmbroker_attempt_t *at, ngx_str_t *name, ngx_str_t *value);
static ngx_int_t ngx_http_llmbroker_request_id(
    ngx_http_llmbroker_attempt_t *at, ngx_str_t *name, ngx_str_t *value);

static ngx_int_t ngx_http_llmbroker_filter_init(void *data);
static ngx_int_t ngx_http_llmbroker_filter_init_events(
    ngx_http_llmbroker_attempt_t *at);
static ngx_int_t ngx_http_llmbroker_filter(void *data, ssize_t bytes);
static ngx_int_t ngx_http_llmbroker_filter_chunked(
    ngx_http_llmbroker_attempt_t *at, ngx_buf_t *b);
static ngx_int_t ngx_http_llmbroker_filter_end(
    ngx_http_llmbroker_attempt_t *at);
static ngx_int_t ngx_http_llmbroker_filter_data(
    ngx_http_llmbroker_attempt_t *at, u_char *p, u_char *last);
static ngx_int_t ngx_http_llmbroker_filter_keep(
    ngx_http_llmbroker_attempt_t *at, u_char *p, u_char *last);
static ngx_int_t ngx_http_llmbroker_filter_next_piece(
    ngx_http_llmbroker_attempt_t *at, ngx_buf_t *b);
static ngx_int_t ngx_http_llmbroker_filter_event(void *data,
    ngx_http_llmbroker_sse_event_t *event);
static ngx_int_t ngx_http_llmbroker_filter_pass(
    ngx_http_llmbroker_attempt_t *at, ngx_http_llmbroker_sse_event_t *event);
static ngx_int_t ngx_http_llmbroker_filter_flush(
    ngx_http_llmbroker_attempt_t *at);
static void ngx_http_llmbroker_filter_stop(ngx_http_llmbroker_attempt_t *at);
static void ngx_http_llmbroker_filter_bad(ngx_http_llmbroker_attempt_t *at,
    const char *message);
static void ngx_http_llmbroker_destroy_pool(void *data);


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
    { ngx_string("x-should-retry"), ngx_http_llmbroker_pass_error_header },
    { ngx_string("openai-processing-ms"), ngx_http_llmbroker_pass_header },
    { ngx_string("openai-version"), ngx_http_llmbroker_pass_header },
    { ngx_null_string, NULL }
};


static ngx_str_t  ngx_http_llmbroker_ratelimit = ngx_string("x-ratelimit-");


ngx_int_t
ngx_http_llmbroker_attempt_start(ngx_http_llmbroker_ctx_t *ctx,
    ngx_http_llmbroker_deployment_t *deployment)
{
    ngx_int_t                       rc;
    ngx_http_request_t             *r;
    ngx_http_llmbroker_attempt_t   *at;
    ngx_http_llmbroker_exchange_t  *ex;

    r = ctx->request;

    at = ngx_pcalloc(r->pool, sizeof(ngx_http_llmbroker_attempt_t));
    if (at == NULL) {
        return NGX_ERROR;
    }

    at->ctx = ctx;
    at->deployment = deployment;

    ex = &at->exchange;

    ex->pool = r->pool;
    ex->temp = r->pool;
    ex->log = r->connection->log;
    ex->target = &deployment->target;
    ex->call = ctx->call;
    ex->splice = ex->target->dialect->splice
                 && (ex->target->calls & (1 << ctx->call));
    ex->created = ngx_time();
    ex->parts = 1;
    ex->out = &at->out;

    ex->usage.prompt = -1;
    ex->usage.completion = -1;
    ex->usage.total = -1;
    ex->usage.cached = -1;
    ex->usage.cache_write = -1;
    ex->usage.reasoning = -1;

    ctx->attempt = at;
    ctx->headers = NULL;

    rc = ngx_http_llmbroker_attempt_build(at);

    if (rc != NGX_OK) {
        return rc;
    }

    ctx->attempts++;

    return ngx_http_llmbroker_attempt_subrequest(at);
}


static ngx_int_t
ngx_http_llmbroker_attempt_build(ngx_http_llmbroker_attempt_t *at)
{
    ngx_int_t                            rc;
    ngx_str_t                            text;
    ngx_uint_t                           wanted;
    ngx_http_llmbroker_ctx_t            *ctx;
    ngx_http_llmbroker_edit_t            edit;
    ngx_http_llmbroker_exchange_t       *ex;
    const ngx_http_llmbroker_dialect_t  *dialect;

    ctx = at->ctx;
    ex = &at->exchange;
    dialect = ex->target->dialect;

    if ((dialect->calls & (1 << ctx->call)) == 0) {
        ngx_http_llmbroker_error_text(ex->pool, &ctx->error,
                                      NGX_HTTP_LLMBROKER_UNSUPPORTED_VALUE,
                                      "model",
                                      "The model \"%V\" does not support this "
                                      "endpoint.", &ctx->model->name);
        return NGX_DECLINED;
    }

    rc = ngx_http_llmbroker_edit(&edit, ex->pool, &ctx->body, ctx->model,
                                 ctx->call, ctx->shared->conf->injection);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_llmbroker_edit_set(&edit, "model",
                                    &at->deployment->json_model)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_http_llmbroker_edit_get(&edit, "stream", &text);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    ex->stream = (rc == NGX_OK && ctx->call != NGX_HTTP_LLMBROKER_EMBEDDINGS
                  && text.len == 4 && ngx_memcmp(text.data, "true", 4) == 0);

    ctx->stream = ex->stream;

    if (!ex->splice) {
        return ngx_http_llmbroker_attempt_translate(at, &edit);
    }

    if (ex->stream) {
        if (ngx_http_llmbroker_edit_usage(&edit, ctx->model, &wanted)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        ex->usage_wanted = wanted;
    }

    return ngx_http_llmbroker_edit_chain(&edit, &at->body, &at->length);
}


static ngx_int_t
ngx_http_llmbroker_attempt_translate(ngx_http_llmbroker_attempt_t *at,
    ngx_http_llmbroker_edit_t *edit)
{
    ngx_int_t                       rc;
    ngx_http_llmbroker_ctx_t       *ctx;
    ngx_http_llmbroker_json_t      *options;
    ngx_http_llmbroker_exchange_t  *ex;

    ctx = at->ctx;
    ex = &at->exchange;

    rc = ngx_http_llmbroker_edit_tree(edit, &ex->request);

    if (rc == NGX_DECLINED) {
        ngx_http_llmbroker_error(&ctx->error, NGX_HTTP_LLMBROKER_TOO_LARGE);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    options = ngx_http_llmbroker_json_get(ex->request, "stream_options");

    ex->usage_wanted = ex->stream
                       && ngx_http_llmbroker_json_true(
                              ngx_http_llmbroker_json_get(options,
                                                          "include_usage"));

    ngx_http_llmbroker_out_init(&at->request_body, ex->pool, NULL, NULL, 4096);
    ex->body = &at->request_body;

    rc = ex->target->dialect->build(ex);

    if (rc == NGX_DECLINED) {
        ngx_http_llmbroker_error_fault(ex->pool, &ctx->error, &ex->fault,
                                       NULL);
    }

    at->length = at->request_body.length;
    at->body = ngx_http_llmbroker_out_take(&at->request_body);

    return rc;
}


static ngx_int_t
ngx_http_llmbroker_attempt_subrequest(ngx_http_llmbroker_attempt_t *at)
{
    ngx_http_request_t          *r;
    ngx_http_post_subrequest_t  *ps;

    r = at->ctx->request;

    ps = ngx_palloc(r->pool, sizeof(ngx_http_post_subrequest_t));
    if (ps == NULL) {
        return NGX_ERROR;
    }

    ps->handler = ngx_http_llmbroker_attempt_done;
    ps->data = at;

    if (ngx_http_subrequest(r, &r->uri, &r->args, &at->request, ps,
                            NGX_HTTP_SUBREQUEST_CLONE)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* it is only posted, so that the context is there when it runs */

    ngx_http_set_ctx(at->request, at, ngx_http_llmbroker_module);

    return NGX_OK;
}


/*
 * Takes notice only: finalizing or sending here would run inside of the
 * finalization of the subrequest.  The rc is not to be trusted, since a
 * failure after the header arrives as NGX_OK; and it may be called twice.
 */

static ngx_int_t
ngx_http_llmbroker_attempt_done(ngx_http_request_t *r, void *data,
    ngx_int_t rc)
{
    ngx_http_llmbroker_attempt_t *at = data;

    at->done = 1;

    if (r->connection->error
        || rc == NGX_HTTP_CLIENT_CLOSED_REQUEST
        || rc == NGX_HTTP_REQUEST_TIME_OUT)
    {
        return rc;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_attempt_handler(ngx_http_request_t *r,
    ngx_http_llmbroker_attempt_t *at)
{
    ngx_http_upstream_t              *u;
    ngx_http_llmbroker_deployment_t  *deployment;

    if (ngx_http_upstream_create(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    deployment = at->deployment;

    u = r->upstream;

    u->conf = &deployment->upstream;
    u->buffering = 0;
    u->output.tag = (ngx_buf_tag_t) &ngx_http_llmbroker_module;

    if (deployment->ssl) {
        ngx_str_set(&u->schema, "https://");

#if (NGX_HTTP_SSL)
        u->ssl = 1;
#endif

    } else {
        ngx_str_set(&u->schema, "http://");
    }

    if (deployment->unresolved) {
        u->resolved = ngx_pcalloc(r->pool,
                                  sizeof(ngx_http_upstream_resolved_t));
        if (u->resolved == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        u->resolved->host = deployment->host;
        u->resolved->port = deployment->port;
    }

    u->create_request = ngx_http_llmbroker_create_request;
    u->reinit_request = ngx_http_llmbroker_reinit_request;
    u->process_header = ngx_http_llmbroker_process_status_line;
    u->abort_request = ngx_http_llmbroker_abort_request;
    u->finalize_request = ngx_http_llmbroker_finalize_request;

    u->input_filter_init = ngx_http_llmbroker_filter_init;
    u->input_filter = ngx_http_llmbroker_filter;
    u->input_filter_ctx = at;

    r->main->count++;

    ngx_http_upstream_init(r);

    return NGX_DONE;
}


void
ngx_http_llmbroker_attempt_abort(ngx_http_llmbroker_attempt_t *at)
{
    ngx_connection_t     *c;
    ngx_http_request_t   *r;
    ngx_http_upstream_t  *u;

    r = at->request;
    u = r->upstream;

    if (at->done || u == NULL || u->cleanup == NULL) {
        return;
    }

    c = u->peer.connection;

    if (c) {
        /* no other address of the endpoint: the time is up for all */

        u->peer.tries = 0;
        c->read->timedout = 1;
        c->read->handler(c->read);
        return;
    }

    /* the name is still being resolved */

    if (u->resolved && u->resolved->ctx) {
        ngx_resolve_name_done(u->resolved->ctx);
        u->resolved->ctx = NULL;
    }

    *u->cleanup = NULL;
    u->cleanup = NULL;

    at->finalized = 1;
    at->rc = NGX_HTTP_GATEWAY_TIME_OUT;

    c = r->connection;

    ngx_http_finalize_request(r, NGX_HTTP_GATEWAY_TIME_OUT);
    ngx_http_run_posted_requests(c);
}


ngx_int_t
ngx_http_llmbroker_attempt_text(ngx_http_llmbroker_attempt_t *at,
    ngx_str_t *text)
{
    ngx_http_llmbroker_body_t  body;

    ngx_memzero(&body, sizeof(ngx_http_llmbroker_body_t));

    body.bufs = at->answer;

    return ngx_http_llmbroker_body_bytes(at->exchange.pool, &body, 0,
                                         at->received, text);
}


static ngx_int_t
ngx_http_llmbroker_create_request(ngx_http_request_t *r)
{
    size_t                         len;
    ngx_buf_t                     *b;
    ngx_str_t                     *path, *headers;
    ngx_chain_t                   *cl;
    ngx_uint_t                     stream;
    ngx_http_llmbroker_attempt_t  *at;

    at = ngx_http_get_module_ctx(r, ngx_http_llmbroker_module);

    stream = at->exchange.stream;
    path = &at->deployment->target.paths[at->ctx->call][stream];
    headers = &at->deployment->headers[stream];

    len = sizeof("POST  HTTP/1.1" CRLF "Content-Length: " CRLF CRLF) - 1
          + path->len + headers->len + NGX_OFF_T_LEN;

    b = ngx_create_temp_buf(r->pool, len);
    if (b == NULL) {
        return NGX_ERROR;
    }

    cl = ngx_alloc_chain_link(r->pool);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    b->last = ngx_cpymem(b->last, "POST ", 5);
    b->last = ngx_cpymem(b->last, path->data, path->len);
    b->last = ngx_cpymem(b->last, " HTTP/1.1" CRLF, 11);
    b->last = ngx_cpymem(b->last, headers->data, headers->len);
    b->last = ngx_sprintf(b->last, "Content-Length: %O" CRLF CRLF, at->length);

    cl->buf = b;
    cl->next = at->body;

    r->upstream->request_bufs = cl;

    /* or the TLS buffer keeps a short request on a reused connection */

    while (cl->next) {
        cl = cl->next;
    }

    cl->buf->flush = 1;

    return NGX_OK;
}


/*
 * Called when another address of the same endpoint is tried before a byte was
 * sent; the request's buffers are nginx's to rewind.
 */

static ngx_int_t
ngx_http_llmbroker_reinit_request(ngx_http_request_t *r)
{
    ngx_http_llmbroker_attempt_t  *at;

    at = ngx_http_get_module_ctx(r, ngx_http_llmbroker_module);

    ngx_memzero(&at->status, sizeof(ngx_http_status_t));
    ngx_memzero(&at->chunked, sizeof(ngx_http_chunked_t));

    at->has_length = 0;
    at->ctx->headers = NULL;

    r->upstream->process_header = ngx_http_llmbroker_process_status_line;
    r->state = 0;

    return NGX_OK;
}


static void
ngx_http_llmbroker_abort_request(ngx_http_request_t *r)
{
    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "llmbroker abort request");
}


static void
ngx_http_llmbroker_finalize_request(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_uint_t                     i;
    ngx_http_request_t            *mr;
    ngx_http_upstream_t           *u;
    ngx_http_upstream_state_t     *state, *own;
    ngx_http_llmbroker_attempt_t  *at;

    at = ngx_http_get_module_ctx(r, ngx_http_llmbroker_module);

    u = r->upstream;
    mr = r->main;

    at->finalized = 1;
    at->rc = rc;

    at->stale = (rc == NGX_HTTP_BAD_GATEWAY && u->peer.cached
                 && u->buffer.last == u->buffer.start);

    if (r->upstream_states == NULL) {
        return;
    }

    /* here and not later: a client that leaves ends the main request next */

    if (mr->upstream_states == NULL) {
        mr->upstream_states = ngx_array_create(mr->pool, 4,
                                            sizeof(ngx_http_upstream_state_t));
        if (mr->upstream_states == NULL) {
            return;
        }
    }

    own = r->upstream_states->elts;

    for (i = 0; i < r->upstream_states->nelts; i++) {
        state = ngx_array_push(mr->upstream_states);
        if (state == NULL) {
            return;
        }

        *state = own[i];
    }
}


static ngx_int_t
ngx_http_llmbroker_process_status_line(ngx_http_request_t *r)
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
        ngx_http_llmbroker_filter_bad(at, "no valid HTTP response");
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
        ngx_http_llmbroker_filter_bad(at, "an invalid header");

        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }
}


static ngx_int_t
ngx_http_llmbroker_header_line(ngx_http_llmbroker_attempt_t *at)
{
    u_char                        low[NGX_HTTP_LC_HEADER_LEN];
    ngx_str_t                     name, value;
    ngx_http_request_t           *r;
    ngx_http_llmbroker_header_t  *h;

    r = at->request;

    name.len = r->header_name_end - r->header_name_start;
    value.data = r->header_start;
    value.len = r->header_end - r->header_start;

    if (name.len > NGX_HTTP_LC_HEADER_LEN) {
        return NGX_OK;
    }

    ngx_strlow(low, r->header_name_start, name.len);
    name.data = low;

    for (h = ngx_http_llmbroker_headers; h->name.len; h++) {

        if (h->name.len == name.len
            && ngx_memcmp(h->name.data, low, name.len) == 0)
        {
            return h->handler(at, &name, &value);
        }
    }

    if (name.len > ngx_http_llmbroker_ratelimit.len
        && ngx_memcmp(low, ngx_http_llmbroker_ratelimit.data,
                      ngx_http_llmbroker_ratelimit.len)
           == 0)
    {
        return ngx_http_llmbroker_pass_header(at, &name, &value);
    }

    return NGX_OK;
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
            ngx_http_llmbroker_filter_bad(at, "an invalid interim response");
            return NGX_HTTP_UPSTREAM_INVALID_HEADER;
        }

        ngx_memzero(&at->status, sizeof(ngx_http_status_t));
        at->ctx->headers = NULL;
        u->process_header = ngx_http_llmbroker_process_status_line;

        return ngx_http_llmbroker_process_status_line(r);
    }

    if (at->failed || (u->headers_in.chunked && at->has_length)) {
        /* RFC 9112, 6.3: both framings at once are an attack or a bug */

        if (!at->failed) {
            ngx_http_llmbroker_filter_bad(at, "an ambiguous message length");
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
        ngx_http_llmbroker_filter_bad(at, "an invalid Content-Length");
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
        ngx_http_llmbroker_filter_bad(at, "an unknown Transfer-Encoding");
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
    static ngx_str_t  type = ngx_string("text/event-stream");

    if (value->len >= type.len
        && ngx_strncasecmp(value->data, type.data, type.len) == 0)
    {
        at->read = NGX_HTTP_LLMBROKER_READ_EVENTS;
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
        ngx_http_llmbroker_filter_bad(at, "an encoding that was not asked for");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_request_id(ngx_http_llmbroker_attempt_t *at,
    ngx_str_t *name, ngx_str_t *value)
{
    ngx_str_t  passed;

    ngx_str_set(&passed, "x-request-id");

    return ngx_http_llmbroker_pass_header(at, &passed, value);
}


/* Retry-After comes with many 200 answers, where it means nothing (H) */

static ngx_int_t
ngx_http_llmbroker_pass_error_header(ngx_http_llmbroker_attempt_t *at,
    ngx_str_t *name, ngx_str_t *value)
{
    if (at->provider_status < 400) {
        return NGX_OK;
    }

    return ngx_http_llmbroker_pass_header(at, name, value);
}


static ngx_int_t
ngx_http_llmbroker_pass_header(ngx_http_llmbroker_attempt_t *at,
    ngx_str_t *name, ngx_str_t *value)
{
    u_char                    *p;
    size_t                     i;
    ngx_table_elt_t           *h;
    ngx_http_llmbroker_ctx_t  *ctx;

    ctx = at->ctx;

    if (value->len == 0 || value->len > 256) {
        return NGX_OK;
    }

    for (i = 0; i < value->len; i++) {
        if (value->data[i] < 0x20 || value->data[i] == 0x7f) {
            return NGX_OK;
        }
    }

    if (ctx->headers == NULL) {
        ctx->headers = ngx_array_create(ctx->request->pool, 8,
                                        sizeof(ngx_table_elt_t));
        if (ctx->headers == NULL) {
            return NGX_ERROR;
        }
    }

    h = ctx->headers->elts;

    for (i = 0; i < ctx->headers->nelts; i++) {
        if (h[i].key.len == name->len
            && ngx_memcmp(h[i].key.data, name->data, name->len) == 0)
        {
            return NGX_OK;
        }
    }

    if (ctx->headers->nelts == 32) {
        return NGX_OK;
    }

    h = ngx_array_push(ctx->headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(ctx->request->pool, name->len + value->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->hash = 1;
    h->key.len = name->len;
    h->key.data = p;
    h->lowcase_key = p;
    p = ngx_cpymem(p, name->data, name->len);

    h->value.len = value->len;
    h->value.data = p;
    ngx_memcpy(p, value->data, value->len);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_filter_init(void *data)
{
    ngx_http_llmbroker_attempt_t *at = data;

    ngx_http_request_t   *r;
    ngx_http_upstream_t  *u;

    r = at->request;
    u = r->upstream;

    ngx_http_llmbroker_fix_recv(u->peer.connection);

    if (u->headers_in.chunked) {
        u->length = 1;

    } else {
        u->length = u->headers_in.content_length_n;
    }

    if (u->headers_in.status_n >= 300) {
        at->read = NGX_HTTP_LLMBROKER_READ_ERROR;

    } else if (at->read != NGX_HTTP_LLMBROKER_READ_EVENTS) {
        at->read = NGX_HTTP_LLMBROKER_READ_ANSWER;
    }

    if (at->read == NGX_HTTP_LLMBROKER_READ_EVENTS) {

        if (ngx_http_llmbroker_filter_init_events(at) != NGX_OK) {
            return NGX_ERROR;
        }

    } else {
        ngx_http_llmbroker_out_init(&at->out, r->pool, NULL, u->output.tag,
                                    ngx_pagesize);
    }

    return (u->length == 0) ? ngx_http_llmbroker_filter_end(at) : NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_filter_init_events(ngx_http_llmbroker_attempt_t *at)
{
    ngx_pool_cleanup_t   *cln;
    ngx_http_request_t   *r;
    ngx_http_upstream_t  *u;

    r = at->request;
    u = r->upstream;

    ngx_http_llmbroker_out_init(&at->out, r->pool,
                                at->exchange.stream ? &u->free_bufs : NULL,
                                u->output.tag, ngx_pagesize);

    ngx_http_llmbroker_sse_init(&at->sse, r->pool,
                                NGX_HTTP_LLMBROKER_MAX_EVENT,
                                ngx_http_llmbroker_filter_event, at);

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    at->exchange.temp = ngx_create_pool(2048, r->connection->log);
    if (at->exchange.temp == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_llmbroker_destroy_pool;
    cln->data = at->exchange.temp;

    return NGX_OK;
}


static void
ngx_http_llmbroker_destroy_pool(void *data)
{
    ngx_pool_t *pool = data;

    ngx_destroy_pool(pool);
}


static ngx_int_t
ngx_http_llmbroker_filter(void *data, ssize_t bytes)
{
    ngx_http_llmbroker_attempt_t *at = data;

    ngx_int_t             rc;
    ngx_buf_t            *b;
    ngx_http_upstream_t  *u;

    u = at->request->upstream;
    b = &u->buffer;

    /*
     * "last" must move on although the bytes may be copied: a full buffer is
     * what stops nginx from reading a provider that is faster than the client
     */

    b->pos = b->last;
    b->last += bytes;

    if (at->ended) {
        /* bytes behind the end of the response: never reuse the connection */
        u->keepalive = 0;
        return NGX_OK;
    }

    if (u->headers_in.chunked) {
        rc = ngx_http_llmbroker_filter_chunked(at, b);

    } else if (u->length == -1) {
        rc = ngx_http_llmbroker_filter_data(at, b->pos, b->last);

    } else {
        bytes = ngx_min((off_t) bytes, u->length);

        rc = ngx_http_llmbroker_filter_data(at, b->pos, b->pos + bytes);

        if (!at->failed && !at->ended) {
            u->length -= bytes;

            if (rc == NGX_OK && u->length == 0) {
                rc = ngx_http_llmbroker_filter_end(at);

                if (b->pos + bytes != b->last) {
                    u->keepalive = 0;
                }
            }
        }
    }

    if (rc != NGX_OK) {
        at->no_memory = 1;
        return NGX_ERROR;
    }

    if (at->read == NGX_HTTP_LLMBROKER_READ_EVENTS) {
        return ngx_http_llmbroker_filter_flush(at);
    }

    if (at->failed || at->ended) {
        return NGX_OK;
    }

    return ngx_http_llmbroker_filter_next_piece(at, b);
}


static ngx_int_t
ngx_http_llmbroker_filter_chunked(ngx_http_llmbroker_attempt_t *at,
    ngx_buf_t *b)
{
    u_char     *last;
    ngx_int_t   rc;

    for ( ;; ) {

        rc = ngx_http_llmbroker_parse_chunked(at->request, b, &at->chunked);

        if (rc == NGX_OK) {

            /* a chunk has been parsed successfully */

            last = b->pos + ngx_min(at->chunked.size,
                                    (off_t) (b->last - b->pos));

            rc = ngx_http_llmbroker_filter_data(at, b->pos, last);

            if (rc != NGX_OK || at->failed) {
                return rc;
            }

            at->chunked.size -= last - b->pos;
            b->pos = last;

            continue;
        }

        if (rc == NGX_DONE) {

            /* a whole response has been parsed successfully */

            rc = ngx_http_llmbroker_filter_end(at);

            if (b->pos != b->last) {
                at->request->upstream->keepalive = 0;
            }

            return rc;
        }

        if (rc == NGX_AGAIN) {
            return NGX_OK;
        }

        /* invalid response */

        ngx_log_error(NGX_LOG_ERR, at->request->connection->log, 0,
                      "upstream sent invalid chunked response");
        ngx_http_llmbroker_filter_bad(at, "an invalid chunked body");

        return NGX_OK;
    }
}


/* the response is complete as HTTP knows it: the connection can be reused */

static ngx_int_t
ngx_http_llmbroker_filter_end(ngx_http_llmbroker_attempt_t *at)
{
    ngx_http_upstream_t  *u;

    u = at->request->upstream;

    at->ended = 1;

    u->length = 0;
    u->keepalive = !u->headers_in.connection_close;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_filter_data(ngx_http_llmbroker_attempt_t *at, u_char *p,
    u_char *last)
{
    ngx_int_t                  rc;
    ngx_http_llmbroker_ctx_t  *ctx;

    if (p == last) {
        return NGX_OK;
    }

    ctx = at->ctx;

    if (at->read == NGX_HTTP_LLMBROKER_READ_EVENTS) {

        rc = ngx_http_llmbroker_sse(&at->sse, p, last);

        if (rc == NGX_DECLINED && !at->failed) {
            ngx_http_llmbroker_filter_bad(at, "an invalid event");
        }

        return (rc == NGX_ERROR) ? NGX_ERROR : NGX_OK;
    }

    ngx_http_llmbroker_request_first(ctx);

    if (at->read == NGX_HTTP_LLMBROKER_READ_ANSWER
        && at->exchange.splice && !at->exchange.stream)
    {
        rc = at->exchange.target->dialect->check(&at->exchange, p, last);

        if (rc == NGX_DECLINED) {
            at->failed = 1;
            ngx_http_llmbroker_filter_stop(at);
            return NGX_OK;
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_http_llmbroker_filter_keep(at, p, last);
}


/* keeps the piece [p, last) of a body where it was read */

static ngx_int_t
ngx_http_llmbroker_filter_keep(ngx_http_llmbroker_attempt_t *at, u_char *p,
    u_char *last)
{
    off_t         max;
    ngx_buf_t    *b;
    ngx_pool_t   *pool;
    ngx_chain_t  *cl;

    max = (at->read == NGX_HTTP_LLMBROKER_READ_ERROR)
              ? NGX_HTTP_LLMBROKER_MAX_ERROR : NGX_HTTP_LLMBROKER_MAX_ANSWER;

    if (at->received + (last - p) > max) {

        if (at->read == NGX_HTTP_LLMBROKER_READ_ERROR) {
            /* its beginning will do */
            ngx_http_llmbroker_filter_stop(at);
            return NGX_OK;
        }

        ngx_http_llmbroker_filter_bad(at, "an answer that is too large");
        return NGX_OK;
    }

    at->received += last - p;

    if (at->last_answer && at->last_answer->buf->last == p) {
        at->last_answer->buf->last = last;
        return NGX_OK;
    }

    pool = at->exchange.pool;

    b = ngx_calloc_buf(pool);
    cl = ngx_alloc_chain_link(pool);

    if (b == NULL || cl == NULL) {
        return NGX_ERROR;
    }

    b->memory = 1;
    b->start = p;
    b->pos = p;
    b->last = last;

    cl->buf = b;
    cl->next = NULL;

    if (at->last_answer) {
        at->last_answer->next = cl;

    } else {
        at->answer = cl;
    }

    at->last_answer = cl;

    return NGX_OK;
}


/*
 * Lets the upstream's read buffer begin behind what was kept, so that the
 * next bytes arrive there instead of over it; a new one when it is full.
 */

static ngx_int_t
ngx_http_llmbroker_filter_next_piece(ngx_http_llmbroker_attempt_t *at,
    ngx_buf_t *b)
{
    size_t                size;
    ngx_http_upstream_t  *u;

    u = at->request->upstream;

    if (b->end - b->last >= NGX_HTTP_LLMBROKER_PIECE_MIN) {
        b->start = b->last;
        return NGX_OK;
    }

    size = NGX_HTTP_LLMBROKER_PIECE_MAX;

    if (!u->headers_in.chunked && u->length > 0) {
        size = (size_t) ngx_min(u->length, (off_t) size);
        size = ngx_max(size, NGX_HTTP_LLMBROKER_PIECE_MIN);
    }

    b->start = ngx_palloc(at->exchange.pool, size);
    if (b->start == NULL) {
        at->no_memory = 1;
        return NGX_ERROR;
    }

    b->pos = b->start;
    b->last = b->start;
    b->end = b->start + size;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_filter_event(void *data,
    ngx_http_llmbroker_sse_event_t *event)
{
    ngx_http_llmbroker_attempt_t *at = data;

    ngx_int_t                       rc;
    ngx_http_llmbroker_exchange_t  *ex;

    ex = &at->exchange;

    if (ex->done) {
        /* section 8: what follows the end of an answer is ignored */
        return NGX_OK;
    }

    rc = ex->target->dialect->event(ex, event);

    if (rc == NGX_DONE) {
        rc = ngx_http_llmbroker_filter_pass(at, event);
    }

    ngx_reset_pool(ex->temp);

    if (rc == NGX_DECLINED) {
        at->failed = 1;
        ngx_http_llmbroker_filter_stop(at);
    }

    return rc;
}


static ngx_int_t
ngx_http_llmbroker_filter_pass(ngx_http_llmbroker_attempt_t *at,
    ngx_http_llmbroker_sse_event_t *event)
{
    u_char  *p, *last, *lf;

    if (event->raw.data) {
        return ngx_http_llmbroker_out_refer(&at->out, event->raw.data,
                                            event->raw.len);
    }

    if (ngx_http_llmbroker_out_copy(&at->out, "data: ", 6) != NGX_OK) {
        return NGX_ERROR;
    }

    /* several data lines: in JSON a line feed between them is but space */

    p = event->data.data;
    last = p + event->data.len;

    while (p < last) {
        lf = memchr(p, LF, last - p);

        if (lf == NULL) {
            lf = last;
        }

        if (ngx_http_llmbroker_out_copy(&at->out, p, lf - p) != NGX_OK) {
            return NGX_ERROR;
        }

        if (lf < last
            && ngx_http_llmbroker_out_copy(&at->out, " ", 1) != NGX_OK)
        {
            return NGX_ERROR;
        }

        p = lf + 1;
    }

    return ngx_http_llmbroker_out_copy(&at->out, "\n\n", 2);
}


/* hands what the last read has brought to nginx, to be flushed at once */

static ngx_int_t
ngx_http_llmbroker_filter_flush(ngx_http_llmbroker_attempt_t *at)
{
    ngx_chain_t               *cl, **ll;
    ngx_http_upstream_t       *u;
    ngx_http_llmbroker_ctx_t  *ctx;

    ctx = at->ctx;

    if (!at->exchange.stream || at->out.chain == NULL) {
        return NGX_OK;
    }

    ngx_http_llmbroker_request_first(ctx);

    if (!ctx->streaming
        && ngx_http_llmbroker_request_stream(ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    u = at->request->upstream;

    for (ll = &u->out_bufs; *ll; ll = &(*ll)->next) { /* void */ }

    *ll = ngx_http_llmbroker_out_take(&at->out);

    for (cl = *ll; cl->next; cl = cl->next) { /* void */ }

    cl->buf->flush = 1;

    if (at->exchange.done && !at->ended) {
        /* wait for the end of the message, but not for long */
        ngx_add_timer(&ctx->timer, NGX_HTTP_LLMBROKER_LINGER);
    }

    return NGX_OK;
}


/* ends the upstream when all is sent, without reusing its connection */

static void
ngx_http_llmbroker_filter_stop(ngx_http_llmbroker_attempt_t *at)
{
    at->ended = 1;
    at->request->upstream->length = 0;
    at->request->upstream->keepalive = 0;
}


static void
ngx_http_llmbroker_filter_bad(ngx_http_llmbroker_attempt_t *at,
    const char *message)
{
    u_char  *p;
    size_t   len;

    at->failed = 1;
    at->exchange.fault.status = 0;

    len = sizeof("The provider sent .") - 1 + ngx_strlen(message);

    p = ngx_pnalloc(at->exchange.pool, len);

    if (p) {
        at->exchange.fault.message.data = p;
        at->exchange.fault.message.len = len;
        (void) ngx_sprintf(p, "The provider sent %s.", message);
    }

    ngx_http_llmbroker_filter_stop(at);
}
