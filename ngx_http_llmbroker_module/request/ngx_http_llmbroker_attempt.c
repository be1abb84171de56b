
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llmbroker_compat.h"
#include "provider/ngx_http_llmbroker_answer.h"
#include "provider/ngx_http_llmbroker_embedding.h"
#include "request/ngx_http_llmbroker_adapt.h"
#include "request/ngx_http_llmbroker_attempt.h"
#include "request/ngx_http_llmbroker_run.h"


static ngx_int_t ngx_http_llmbroker_attempt_build(
    ngx_http_llmbroker_attempt_t *at);
static ngx_int_t ngx_http_llmbroker_attempt_adapt(
    ngx_http_llmbroker_attempt_t *at, ngx_http_llmbroker_edit_t *edit);
static ngx_int_t ngx_http_llmbroker_attempt_encoding(
    ngx_http_llmbroker_attempt_t *at, ngx_http_llmbroker_edit_t *edit);
static ngx_int_t ngx_http_llmbroker_attempt_tree(
    ngx_http_llmbroker_attempt_t *at, ngx_http_llmbroker_edit_t *edit);
static ngx_int_t ngx_http_llmbroker_attempt_translate(
    ngx_http_llmbroker_attempt_t *at);
static ngx_int_t ngx_http_llmbroker_attempt_subrequest(
    ngx_http_llmbroker_attempt_t *at);
static ngx_int_t ngx_http_llmbroker_attempt_done(ngx_http_request_t *r,
    void *data, ngx_int_t rc);
static ngx_int_t ngx_http_llmbroker_attempt_wait(ngx_http_request_t *r,
    ngx_http_llmbroker_attempt_t *at);
static void ngx_http_llmbroker_attempt_resume(void *data);
static ngx_http_upstream_conf_t *ngx_http_llmbroker_attempt_conf(
    ngx_http_llmbroker_attempt_t *at);
static ngx_int_t ngx_http_llmbroker_create_request(ngx_http_request_t *r);
static ngx_int_t ngx_http_llmbroker_reinit_request(ngx_http_request_t *r);
static void ngx_http_llmbroker_abort_request(ngx_http_request_t *r);
static void ngx_http_llmbroker_finalize_request(ngx_http_request_t *r,
    ngx_int_t rc);


ngx_int_t
ngx_http_llmbroker_attempt_prepare(ngx_http_llmbroker_ctx_t *ctx,
    ngx_http_llmbroker_pick_t *pick, ngx_http_llmbroker_attempt_t *previous)
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
    at->pick = *pick;
    at->deployment = pick->deployment;
    at->previous = previous;

    ex = &at->exchange;

    ex->pool = r->pool;
    ex->log = r->connection->log;
    ex->target = &at->deployment->target;
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

    if (previous) {
        ex->part = previous->exchange.part + 1;
        ngx_http_llmbroker_answer_continue(ex, &previous->exchange);
    }

    rc = ngx_http_llmbroker_attempt_build(at);

    if (rc != NGX_OK) {
        at->pick.probe = 0;
    }

    return rc;
}


ngx_int_t
ngx_http_llmbroker_attempt_start(ngx_http_llmbroker_attempt_t *at)
{
    ngx_http_llmbroker_ctx_t  *ctx;

    ctx = at->ctx;

    at->own = ngx_current_msec;
    at->start = at->previous ? at->previous->start : at->own;

    if (ngx_http_llmbroker_attempt_subrequest(at) != NGX_OK) {
        return NGX_ERROR;
    }

    ctx->attempts++;

    at->next = ctx->running;
    ctx->running = at;

    at->counted = 1;
    ngx_http_llmbroker_state_begin(
                              ctx->shared->states[at->deployment->slot]);

    ngx_http_llmbroker_attempt_watch(at);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_attempt_build(ngx_http_llmbroker_attempt_t *at)
{
    ngx_int_t                            rc;
    ngx_str_t                            text;
    ngx_http_llmbroker_ctx_t            *ctx;
    ngx_http_llmbroker_edit_t            edit;
    ngx_http_llmbroker_exchange_t       *ex, *before;
    const ngx_http_llmbroker_dialect_t  *dialect;

    ctx = at->ctx;
    ex = &at->exchange;
    dialect = ex->target->dialect;

    if ((dialect->calls & (1 << ctx->call)) == 0
        || (!ex->splice && dialect->build == NULL)
        || (ctx->call == NGX_HTTP_LLMBROKER_EMBEDDINGS
            && (ex->target->calls & (1 << ctx->call)) == 0))
    {
        ngx_http_llmbroker_error_text(ex->pool, &ctx->error,
                                      NGX_HTTP_LLMBROKER_UNSUPPORTED_VALUE,
                                      "model",
                                      "The model \"%V\" does not support this "
                                      "endpoint.", &at->pick.model->name);
        return NGX_DECLINED;
    }

    if (at->previous) {

        /* the same request, of which this is the next part */

        before = &at->previous->exchange;

        ex->request = before->request;
        ex->stream = before->stream;
        ex->usage_wanted = before->usage_wanted;

        return ngx_http_llmbroker_attempt_translate(at);
    }

    rc = ngx_http_llmbroker_edit(&edit, ctx->draft, &ctx->body, at->pick.model,
                                 ctx->call, ctx->shared->conf->injection);

    if (rc == NGX_DECLINED) {
        ngx_http_llmbroker_error(&ctx->error, NGX_HTTP_LLMBROKER_TOO_LARGE);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_llmbroker_edit_set(&edit, "model",
                                    &at->deployment->json_model)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx->call == NGX_HTTP_LLMBROKER_EMBEDDINGS
        && ngx_http_llmbroker_attempt_encoding(at, &edit) != NGX_OK)
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

    if (dialect->splice) {
        rc = ngx_http_llmbroker_attempt_adapt(at, &edit);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (ex->splice) {
        return ngx_http_llmbroker_edit_chain(&edit, &at->body, &at->length);
    }

    rc = ngx_http_llmbroker_attempt_tree(at, &edit);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llmbroker_attempt_translate(at);
}


static ngx_int_t
ngx_http_llmbroker_attempt_adapt(ngx_http_llmbroker_attempt_t *at,
    ngx_http_llmbroker_edit_t *edit)
{
    ngx_int_t                       rc;
    ngx_uint_t                      wanted;
    ngx_http_llmbroker_ctx_t       *ctx;
    ngx_http_llmbroker_exchange_t  *ex;

    static ngx_str_t  stream_options = ngx_string("stream_options");

    ctx = at->ctx;
    ex = &at->exchange;

    rc = ngx_http_llmbroker_adapt(edit, ex);

    if (rc == NGX_DECLINED) {
        ngx_http_llmbroker_error_fault(ex->pool, &ctx->error, &ex->fault,
                                       NULL);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (!ex->stream) {
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_edit_usage(edit, at->pick.model, &wanted);

    if (rc == NGX_DECLINED) {
        ngx_http_llmbroker_error(&ctx->error, NGX_HTTP_LLMBROKER_TOO_LARGE);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    ex->usage_wanted = wanted;

    if (ex->target->row->usage_unasked) {
        ngx_http_llmbroker_edit_drop(edit, &stream_options);
        return NGX_OK;
    }

    if (ex->target->usage_untold) {
        ngx_http_llmbroker_edit_drop(edit, &stream_options);
        return wanted ? ngx_http_llmbroker_dropped(ex, &stream_options)
                      : NGX_OK;
    }

    return NGX_OK;
}


/*
 * What the client itself says counts, whatever the provider is asked: one
 * that does not know encoding_format needs it dropped.
 */

static ngx_int_t
ngx_http_llmbroker_attempt_encoding(ngx_http_llmbroker_attempt_t *at,
    ngx_http_llmbroker_edit_t *edit)
{
    ngx_int_t                     rc;
    ngx_str_t                     text;
    ngx_http_llmbroker_body_t    *body;
    ngx_http_llmbroker_member_t  *m;

    static ngx_str_t  name = ngx_string("encoding_format");

    ngx_str_null(&text);

    body = &at->ctx->body;
    m = ngx_http_llmbroker_body_find(body, &name);

    if (m) {
        rc = ngx_http_llmbroker_body_bytes(at->exchange.pool, body, m->start,
                                           m->end, &text);
    } else {
        rc = ngx_http_llmbroker_edit_get(edit, "encoding_format", &text);
    }

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    at->exchange.encoding = ngx_http_llmbroker_embedding_encoding(&text);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_attempt_tree(ngx_http_llmbroker_attempt_t *at,
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

    if (rc != NGX_OK || ex->target->dialect->splice) {
        return rc;
    }

    options = ngx_http_llmbroker_json_get(ex->request, "stream_options");

    ex->usage_wanted = ex->stream
                       && ngx_http_llmbroker_json_true(
                              ngx_http_llmbroker_json_get(options,
                                                          "include_usage"));
    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_attempt_translate(ngx_http_llmbroker_attempt_t *at)
{
    ngx_int_t                       rc;
    ngx_http_llmbroker_ctx_t       *ctx;
    ngx_http_llmbroker_exchange_t  *ex;

    ctx = at->ctx;
    ex = &at->exchange;

    ngx_http_llmbroker_out_init(&at->request_body, ctx->draft, NULL, NULL,
                                4096);
    ex->body = &at->request_body;

    rc = ex->target->dialect->build(ex);

    /* some of what build() leaves points into the request's texts */

    at->refers = (ex->custom || ex->echo.len || ex->state);

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

    if (r->connection->error && !at->done) {
        /* nobody will resume the main request, which ends here */
        ngx_http_llmbroker_run_left(at);
    }

    at->done = 1;

    if (rc == NGX_HTTP_CLIENT_CLOSED_REQUEST
        || rc == NGX_HTTP_REQUEST_TIME_OUT)
    {
        return rc;
    }

    return r->connection->error ? NGX_HTTP_CLIENT_CLOSED_REQUEST : NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_attempt_handler(ngx_http_request_t *r,
    ngx_http_llmbroker_attempt_t *at)
{
    ngx_int_t                         rc;
    ngx_http_upstream_t              *u;
    ngx_http_llmbroker_deployment_t  *deployment;

    if (at->lost || at->timed_out) {
        /* it was aborted before it could begin */
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_attempt_wait(r, at);

    if (rc == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc == NGX_AGAIN) {
        r->main->count++;
        return NGX_DONE;
    }

    deployment = at->deployment;

    if (ngx_http_upstream_create(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    u = r->upstream;

    u->conf = ngx_http_llmbroker_attempt_conf(at);
    if (u->conf == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

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

    u->create_request = ngx_http_llmbroker_create_request;
    u->reinit_request = ngx_http_llmbroker_reinit_request;
    u->process_header = ngx_http_llmbroker_attempt_status_line;
    u->abort_request = ngx_http_llmbroker_abort_request;
    u->finalize_request = ngx_http_llmbroker_finalize_request;

    u->input_filter_init = ngx_http_llmbroker_attempt_filter_init;
    u->input_filter = ngx_http_llmbroker_attempt_filter;
    u->input_filter_ctx = at;

    r->main->count++;

    ngx_http_upstream_init(r);

    return NGX_DONE;
}


/* NGX_AGAIN: the attempt goes on when its host has an address, or has none */

static ngx_int_t
ngx_http_llmbroker_attempt_wait(ngx_http_request_t *r,
    ngx_http_llmbroker_attempt_t *at)
{
    ngx_int_t  rc;

    if (at->deployment->resolve == NULL) {
        return NGX_DECLINED;
    }

    at->wait.handler = ngx_http_llmbroker_attempt_resume;
    at->wait.data = at;

    rc = ngx_http_llmbroker_resolve_wait(at->deployment->resolve, r->pool,
                                         &at->wait);
    if (rc != NGX_AGAIN) {
        return rc;
    }

    /* a client that leaves is not waited for */

    r->read_event_handler = ngx_http_test_reading;

    return NGX_AGAIN;
}


static void
ngx_http_llmbroker_attempt_resume(void *data)
{
    ngx_http_llmbroker_attempt_t *at = data;

    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = at->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_http_finalize_request(r, ngx_http_llmbroker_attempt_handler(r, at));
    ngx_http_run_posted_requests(c);
}


/*
 * The deployment's, unless it is of a fallback that treats clients that leave
 * in another way than the alias that was asked for.
 */

static ngx_http_upstream_conf_t *
ngx_http_llmbroker_attempt_conf(ngx_http_llmbroker_attempt_t *at)
{
    ngx_flag_t                 drain;
    ngx_http_upstream_conf_t  *conf, *copy;

    conf = &at->deployment->upstream;
    drain = at->ctx->model->policy.drain;

    if (conf->ignore_client_abort == drain) {
        return conf;
    }

    copy = ngx_palloc(at->exchange.pool, sizeof(ngx_http_upstream_conf_t));
    if (copy == NULL) {
        return NULL;
    }

    *copy = *conf;
    copy->ignore_client_abort = drain;

    return copy;
}


void
ngx_http_llmbroker_attempt_abort(ngx_http_llmbroker_attempt_t *at)
{
    ngx_http_request_t   *r;
    ngx_http_upstream_t  *u;

    r = at->request;
    u = r->upstream;

    if (ngx_http_llmbroker_resolve_leave(&at->wait)) {
        ngx_http_finalize_request(r, NGX_OK);
        return;
    }

    if (at->done || u == NULL || u->cleanup == NULL) {
        return;
    }

    if (at->timed_out && u->state && u->state->status == 0) {
        u->state->status = NGX_HTTP_GATEWAY_TIME_OUT;
    }

    /*
     * The way ngx_http_upstream_create() gets rid of an upstream that runs:
     * its cleanup handler closes the connection, and finalizes the request
     * with NGX_DONE, which takes off nothing but the count.
     */

    r->main->count++;

    (*u->cleanup)(r);

    ngx_http_finalize_request(r, NGX_OK);
}


void
ngx_http_llmbroker_attempt_release(ngx_http_llmbroker_attempt_t *at)
{
    if (at->timer.timer_set) {
        ngx_del_timer(&at->timer);
    }

    if (at->counted) {
        at->counted = 0;
        ngx_http_llmbroker_state_end(
                          at->ctx->shared->states[at->deployment->slot]);
    }
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


ngx_str_t *
ngx_http_llmbroker_attempt_path(ngx_http_llmbroker_attempt_t *at)
{
    ngx_http_llmbroker_exchange_t  *ex;

    ex = &at->exchange;

    if (ex->path.len) {
        return &ex->path;
    }

    return &at->deployment->target.paths[ex->call][ex->stream];
}


ngx_int_t
ngx_http_llmbroker_attempt_sign(ngx_http_llmbroker_attempt_t *at,
    ngx_str_t *path, ngx_str_t *lines)
{
    ngx_http_llmbroker_exchange_t  *ex;

    ngx_str_set(lines, "");

    ex = &at->exchange;

    if (ex->target->dialect->sign == NULL) {
        return NGX_OK;
    }

    return ex->target->dialect->sign(ex, path, at->body, ngx_time(), lines);
}


static ngx_int_t
ngx_http_llmbroker_create_request(ngx_http_request_t *r)
{
    size_t                         len;
    ngx_buf_t                     *b;
    ngx_str_t                     *path, *headers, lines;
    ngx_chain_t                   *cl;
    ngx_uint_t                     stream;
    ngx_http_llmbroker_attempt_t  *at;

    at = ngx_http_get_module_ctx(r, ngx_http_llmbroker_module);

    stream = at->exchange.stream;
    path = ngx_http_llmbroker_attempt_path(at);
    headers = &at->deployment->headers[stream];

    if (ngx_http_llmbroker_attempt_sign(at, path, &lines) != NGX_OK) {
        return NGX_ERROR;
    }

    len = sizeof("POST  HTTP/1.1" CRLF "Content-Length: " CRLF CRLF) - 1
          + path->len + headers->len + lines.len + NGX_OFF_T_LEN;

    b = ngx_create_temp_buf(at->ctx->draft, len);
    if (b == NULL) {
        return NGX_ERROR;
    }

    cl = ngx_alloc_chain_link(at->ctx->draft);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    b->last = ngx_cpymem(b->last, "POST ", 5);
    b->last = ngx_cpymem(b->last, path->data, path->len);
    b->last = ngx_cpymem(b->last, " HTTP/1.1" CRLF, 11);
    b->last = ngx_cpymem(b->last, headers->data, headers->len);
    b->last = ngx_cpymem(b->last, lines.data, lines.len);
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
    at->headers = NULL;

    r->upstream->process_header = ngx_http_llmbroker_attempt_status_line;
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

    /* the buffer does not tell: it is empty again between pieces of a body */

    at->stale = (rc == NGX_HTTP_BAD_GATEWAY && u->peer.cached
                 && u->state && u->state->bytes_received == 0);

    ngx_http_llmbroker_attempt_release(at);

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
