
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "request/ngx_http_llmbroker_attempt.h"
#include "request/ngx_http_llmbroker_dry_run.h"
#include "request/ngx_http_llmbroker_request.h"
#include "request/ngx_http_llmbroker_send.h"
#include "state/ngx_http_llmbroker_breaker.h"


static ngx_int_t ngx_http_llmbroker_request_model(
    ngx_http_llmbroker_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_request_check(
    ngx_http_llmbroker_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_request_start(
    ngx_http_llmbroker_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_request_dry_run(
    ngx_http_llmbroker_ctx_t *ctx,
    ngx_http_llmbroker_deployment_t *deployment);
static ngx_http_llmbroker_deployment_t *ngx_http_llmbroker_request_route(
    ngx_http_llmbroker_model_t *model);
static void ngx_http_llmbroker_request_timer(ngx_event_t *ev);
static void ngx_http_llmbroker_request_cleanup(void *data);

static void ngx_http_llmbroker_request_resume(ngx_http_request_t *r);
static ngx_int_t ngx_http_llmbroker_request_part(
    ngx_http_llmbroker_ctx_t *ctx,
    ngx_http_llmbroker_deployment_t *deployment);
static ngx_int_t ngx_http_llmbroker_request_outcome(
    ngx_http_llmbroker_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_request_complete(
    ngx_http_llmbroker_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_request_answer(
    ngx_http_llmbroker_attempt_t *at);
static ngx_int_t ngx_http_llmbroker_request_provider_error(
    ngx_http_llmbroker_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_request_fault(
    ngx_http_llmbroker_ctx_t *ctx);
static void ngx_http_llmbroker_request_note(ngx_http_llmbroker_ctx_t *ctx,
    ngx_int_t rc);

static ngx_int_t ngx_http_llmbroker_request_send(
    ngx_http_llmbroker_ctx_t *ctx, ngx_int_t rc);
static ngx_int_t ngx_http_llmbroker_request_send_tail(
    ngx_http_llmbroker_ctx_t *ctx, ngx_int_t rc);
static ngx_int_t ngx_http_llmbroker_request_send_body(
    ngx_http_llmbroker_ctx_t *ctx);


/* what each kind of call must have, in the order of call_e */

static const struct {
    ngx_str_t   name;
    ngx_uint_t  array;
} ngx_http_llmbroker_required[] = {
    { ngx_string("messages"), 1 },
    { ngx_string("prompt"), 0 },
    { ngx_string("input"), 0 }
};


ngx_http_llmbroker_ctx_t *
ngx_http_llmbroker_ctx(ngx_http_request_t *r,
    ngx_http_llmbroker_shared_t *shared)
{
    ngx_pool_cleanup_t        *cln;
    ngx_http_llmbroker_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_llmbroker_module);

    if (ctx) {
        return ctx;
    }

    /*
     * ngx_pcalloc() sets: everything that is not known yet to nothing
     */

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_llmbroker_ctx_t));
    if (ctx == NULL) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_llmbroker_request_cleanup;
    cln->data = ctx;

    ctx->request = r;
    ctx->shared = shared;
    ctx->ttft = (ngx_msec_t) -1;

    ngx_http_set_ctx(r, ctx, ngx_http_llmbroker_module);

    return ctx;
}


static void
ngx_http_llmbroker_request_cleanup(void *data)
{
    ngx_http_llmbroker_ctx_t *ctx = data;

    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }
}


ngx_int_t
ngx_http_llmbroker_request_scan(ngx_http_llmbroker_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ctx->scanned) {
        return NGX_OK;
    }

    if (ctx->scan_failed) {
        return NGX_DECLINED;
    }

    rc = ngx_http_llmbroker_body_scan(ctx->request, &ctx->body, &ctx->error);

    if (rc == NGX_OK) {
        rc = ngx_http_llmbroker_request_model(ctx);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_llmbroker_request_check(ctx);
    }

    ctx->scanned = (rc == NGX_OK);
    ctx->scan_failed = (rc == NGX_DECLINED);

    return rc;
}


static ngx_int_t
ngx_http_llmbroker_request_model(ngx_http_llmbroker_ctx_t *ctx)
{
    u_char                       *p;
    ngx_str_t                     text;
    ngx_pool_t                   *pool;
    ngx_http_llmbroker_member_t  *m;

    static ngx_str_t  name = ngx_string("model");

    pool = ctx->request->pool;

    m = ngx_http_llmbroker_body_find(&ctx->body, &name);

    if (m == NULL || m->type == NGX_HTTP_LLMBROKER_JSON_NULL) {
        ctx->model = ctx->shared->conf->default_model;

        if (ctx->model) {
            ctx->model_name = ctx->model->name;
            return NGX_OK;
        }

        ngx_http_llmbroker_error_text(pool, &ctx->error,
                                     NGX_HTTP_LLMBROKER_MISSING_PARAMETER,
                                     "model",
                                     "Missing required parameter: 'model'.");
        return NGX_DECLINED;
    }

    if (m->type != NGX_HTTP_LLMBROKER_JSON_STRING) {
        ngx_http_llmbroker_error_text(pool, &ctx->error,
                                      NGX_HTTP_LLMBROKER_INVALID_TYPE, "model",
                                      "Invalid type for 'model': "
                                      "expected a string.");
        return NGX_DECLINED;
    }

    text = m->text;

    if (text.data == NULL
        && ngx_http_llmbroker_body_bytes(pool, &ctx->body, m->start, m->end,
                                         &text)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ctx->model_name.data = ngx_pnalloc(pool, text.len);
    if (ctx->model_name.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_http_llmbroker_json_decode(ctx->model_name.data, text.data + 1,
                                       text.len - 2);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ctx->model_name.len = p - ctx->model_name.data;

    ctx->model = ngx_http_llmbroker_conf_model(ctx->shared->conf,
                                               &ctx->model_name);

    if (ctx->model) {
        return NGX_OK;
    }

    text = ctx->model_name;
    text.len = ngx_min(text.len, 256);

    ngx_http_llmbroker_error_text(pool, &ctx->error,
                                  NGX_HTTP_LLMBROKER_MODEL_NOT_FOUND, "model",
                                  "The model '%V' does not exist.", &text);

    ngx_str_null(&ctx->model_name);

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_llmbroker_request_check(ngx_http_llmbroker_ctx_t *ctx)
{
    const ngx_str_t              *name;
    ngx_http_llmbroker_member_t  *m;

    static ngx_str_t  stream = ngx_string("stream");
    static ngx_str_t  options = ngx_string("stream_options");

    name = &ngx_http_llmbroker_required[ctx->call].name;

    m = ngx_http_llmbroker_body_find(&ctx->body, (ngx_str_t *) name);

    if (m == NULL || m->type == NGX_HTTP_LLMBROKER_JSON_NULL) {
        ngx_http_llmbroker_error_text(ctx->request->pool, &ctx->error,
                                      NGX_HTTP_LLMBROKER_MISSING_PARAMETER,
                                      (char *) name->data,
                                      "Missing required parameter: '%V'.",
                                      name);
        return NGX_DECLINED;
    }

    if (ngx_http_llmbroker_required[ctx->call].array
            ? m->type != NGX_HTTP_LLMBROKER_JSON_ARRAY
            : (m->type != NGX_HTTP_LLMBROKER_JSON_ARRAY
               && m->type != NGX_HTTP_LLMBROKER_JSON_STRING))
    {
        goto invalid;
    }

    m = ngx_http_llmbroker_body_find(&ctx->body, &stream);

    if (m) {
        name = &stream;

        if (m->type != NGX_HTTP_LLMBROKER_JSON_BOOL
            && m->type != NGX_HTTP_LLMBROKER_JSON_NULL)
        {
            goto invalid;
        }

        ctx->stream = (m->end - m->start == 4
                       && m->type == NGX_HTTP_LLMBROKER_JSON_BOOL);
    }

    m = ngx_http_llmbroker_body_find(&ctx->body, &options);

    if (m
        && m->type != NGX_HTTP_LLMBROKER_JSON_OBJECT
        && m->type != NGX_HTTP_LLMBROKER_JSON_NULL)
    {
        name = &options;
        goto invalid;
    }

    return NGX_OK;

invalid:

    ngx_http_llmbroker_error_text(ctx->request->pool, &ctx->error,
                                  NGX_HTTP_LLMBROKER_INVALID_TYPE,
                                  (char *) name->data,
                                  "Invalid type for '%V'.", name);
    return NGX_DECLINED;
}


void
ngx_http_llmbroker_request(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_http_llmbroker_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_llmbroker_module);

    ctx->answering = 1;

    rc = ngx_http_llmbroker_request_scan(ctx);

    if (rc == NGX_OK) {
        rc = ngx_http_llmbroker_request_start(ctx);
    }

    if (rc == NGX_OK) {
        r->write_event_handler = ngx_http_llmbroker_request_resume;
        return;
    }

    if (rc == NGX_DONE) {
        rc = ngx_http_llmbroker_request_send_body(ctx);

    } else if (rc == NGX_DECLINED) {
        rc = ngx_http_llmbroker_error_send(r, &ctx->error);

    } else {
        ngx_http_llmbroker_error(&ctx->error, NGX_HTTP_LLMBROKER_INTERNAL);
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
        ctx->answering = 0;
    }

    ngx_http_finalize_request(r, rc);
}


static ngx_int_t
ngx_http_llmbroker_request_start(ngx_http_llmbroker_ctx_t *ctx)
{
    ngx_int_t                         rc;
    ngx_http_llmbroker_deployment_t  *deployment;

    deployment = ngx_http_llmbroker_request_route(ctx->model);

    if (deployment == NULL) {
        ngx_http_llmbroker_error_text(ctx->request->pool, &ctx->error,
                                      NGX_HTTP_LLMBROKER_MODEL_NOT_AVAILABLE,
                                      "model",
                                      "The model '%V' is not available: the "
                                      "environment variable %V is not set.",
                                      &ctx->model->name, &ctx->model->missing);
        return NGX_DECLINED;
    }

    if (ctx->shared->conf->dry_run
        && ngx_http_llmbroker_dry_run_asked(ctx->request))
    {
        return ngx_http_llmbroker_request_dry_run(ctx, deployment);
    }

    /* a client's slow upload is no time of the provider's */

    ctx->start = ngx_current_msec;

    rc = ngx_http_llmbroker_attempt_start(ctx, deployment);

    if (rc != NGX_OK) {
        return rc;
    }

    ctx->timer.handler = ngx_http_llmbroker_request_timer;
    ctx->timer.data = ctx;
    ctx->timer.log = ctx->request->connection->log;

    ngx_add_timer(&ctx->timer, ngx_min(deployment->timeout,
                                       deployment->first_token_timeout));

    return NGX_OK;
}


/* NGX_DONE: the answer is in the attempt's out chain, nobody was called */

static ngx_int_t
ngx_http_llmbroker_request_dry_run(ngx_http_llmbroker_ctx_t *ctx,
    ngx_http_llmbroker_deployment_t *deployment)
{
    ngx_int_t  rc;

    rc = ngx_http_llmbroker_attempt_prepare(ctx, deployment);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_llmbroker_dry_run(ctx->attempt) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_DONE;
}


void
ngx_http_llmbroker_request_first(ngx_http_llmbroker_ctx_t *ctx)
{
    ngx_http_llmbroker_deployment_t  *deployment;

    if (ctx->ttft != (ngx_msec_t) -1) {
        return;
    }

    ctx->ttft = ngx_current_msec - ctx->start;

    deployment = ctx->attempt->deployment;

    if (deployment->first_token_timeout < deployment->timeout
        && ctx->timer.timer_set)
    {
        ngx_add_timer(&ctx->timer, deployment->timeout
                                   - ngx_min(ctx->ttft, deployment->timeout));
    }
}


/* the first in the file that can be used, of the lowest priority number */

static ngx_http_llmbroker_deployment_t *
ngx_http_llmbroker_request_route(ngx_http_llmbroker_model_t *model)
{
    ngx_uint_t                        i;
    ngx_http_llmbroker_deployment_t  *d, *best;

    best = NULL;
    d = model->deployments;

    for (i = 0; i < model->ndeployments; i++) {
        if (d[i].missing.len == 0
            && (best == NULL || d[i].priority < best->priority))
        {
            best = &d[i];
        }
    }

    return best;
}


static void
ngx_http_llmbroker_request_timer(ngx_event_t *ev)
{
    ngx_http_request_t        *r;
    ngx_http_llmbroker_ctx_t  *ctx;

    ctx = ev->data;
    r = ctx->request;

    ngx_http_set_log_request(r->connection->log, r);

    /* a complete answer whose provider lingers is no failure */

    if (!ctx->attempt->exchange.done) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, NGX_ETIMEDOUT,
                      "upstream gave no %s answer in %Mms",
                      (ctx->ttft == (ngx_msec_t) -1) ? "first" : "complete",
                      ngx_current_msec - ctx->start);

        ctx->timed_out = 1;
    }

    ngx_http_llmbroker_attempt_abort(ctx->attempt);
}


/* the parent's write handler: nginx posts it when an attempt has ended */

static void
ngx_http_llmbroker_request_resume(ngx_http_request_t *r)
{
    ngx_int_t                      rc;
    ngx_http_llmbroker_ctx_t      *ctx;
    ngx_http_llmbroker_attempt_t  *at;

    ctx = ngx_http_get_module_ctx(r, ngx_http_llmbroker_module);
    at = ctx->attempt;

    if (!at->done) {
        return;
    }

    if (at->stale && !ctx->stale && !ctx->timed_out) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "upstream closed a kept connection, trying a new one");

        ctx->stale = 1;

        if (ngx_http_llmbroker_attempt_start(ctx, at->deployment) == NGX_OK) {
            return;
        }
    }

    rc = ngx_http_llmbroker_request_outcome(ctx);

    ngx_http_llmbroker_request_note(ctx, rc);

    if (rc == NGX_OK && at->exchange.part + 1 < at->exchange.parts) {

        rc = ngx_http_llmbroker_request_part(ctx, at->deployment);
        if (rc == NGX_OK) {
            return;
        }
    }

    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }

    r->write_event_handler = ngx_http_request_empty_handler;

    if (rc == NGX_ERROR) {
        ngx_http_llmbroker_error(&ctx->error, NGX_HTTP_LLMBROKER_INTERNAL);
        rc = NGX_DECLINED;
    }

    ngx_http_finalize_request(r, ngx_http_llmbroker_request_send(ctx, rc));
}


/* the next part of the answer has what is left of the time for the whole */

static ngx_int_t
ngx_http_llmbroker_request_part(ngx_http_llmbroker_ctx_t *ctx,
    ngx_http_llmbroker_deployment_t *deployment)
{
    ngx_msec_t  elapsed;

    ctx->stale = 0;

    elapsed = ngx_min(ngx_current_msec - ctx->start, deployment->timeout);

    ngx_add_timer(&ctx->timer, deployment->timeout - elapsed);

    return ngx_http_llmbroker_attempt_start(ctx, deployment);
}


/*
 * What the attempt has come to.  Return: NGX_OK with the rest of the answer in
 * its out chain, or the pieces of the answer in place; NGX_DECLINED with
 * ctx->error set; NGX_ERROR.
 */

static ngx_int_t
ngx_http_llmbroker_request_outcome(ngx_http_llmbroker_ctx_t *ctx)
{
    ngx_http_llmbroker_attempt_t  *at;

    at = ctx->attempt;

    if (at->no_memory) {
        return NGX_ERROR;
    }

    if (at->exchange.done) {
        return NGX_OK;
    }

    if (ctx->timed_out) {
        ngx_http_llmbroker_error(&ctx->error,
                                 NGX_HTTP_LLMBROKER_PROVIDER_TIMEOUT);
        return NGX_DECLINED;
    }

    if (at->failed) {
        return ngx_http_llmbroker_request_fault(ctx);
    }

    if (at->read == NGX_HTTP_LLMBROKER_READ_ERROR) {
        return ngx_http_llmbroker_request_provider_error(ctx);
    }

    if (!at->finalized) {
        return NGX_ERROR;
    }

    /* S12: a stream that was cut may lack nothing but its end */

    if (at->rc == NGX_OK || at->ended
        || (at->rc == NGX_HTTP_BAD_GATEWAY
            && at->read == NGX_HTTP_LLMBROKER_READ_EVENTS
            && at->request->upstream->header_sent))
    {
        return ngx_http_llmbroker_request_complete(ctx);
    }

    if (at->rc == NGX_HTTP_GATEWAY_TIME_OUT) {
        ngx_http_llmbroker_error(&ctx->error,
                                 NGX_HTTP_LLMBROKER_PROVIDER_TIMEOUT);

    } else if (at->provider_status >= 200) {
        ngx_http_llmbroker_error_text(ctx->request->pool, &ctx->error,
                                     NGX_HTTP_LLMBROKER_PROVIDER_BAD_RESPONSE,
                                     NULL, "The provider closed the "
                                     "connection before its answer was "
                                     "complete.");

    } else {
        ngx_http_llmbroker_error(&ctx->error,
                                 NGX_HTTP_LLMBROKER_PROVIDER_UNAVAILABLE);
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_llmbroker_request_fault(ngx_http_llmbroker_ctx_t *ctx)
{
    u_char                          buf[NGX_INT_T_LEN];
    ngx_str_t                       value;
    ngx_http_llmbroker_exchange_t  *ex;

    static ngx_str_t  retry_after = ngx_string("retry-after");

    ex = &ctx->attempt->exchange;

    if (ex->fault.retry_after && !ctx->streaming) {
        value.data = buf;
        value.len = ngx_sprintf(buf, "%ui", ex->fault.retry_after) - buf;

        if (ngx_http_llmbroker_attempt_pass(ctx->attempt, &retry_after, &value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    ngx_http_llmbroker_error_fault(ex->pool, &ctx->error, &ex->fault,
                                   ex->target);

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_llmbroker_request_provider_error(ngx_http_llmbroker_ctx_t *ctx)
{
    ngx_str_t                       text;
    ngx_http_llmbroker_json_t      *root;
    ngx_http_llmbroker_attempt_t   *at;
    ngx_http_llmbroker_exchange_t  *ex;

    at = ctx->attempt;
    ex = &at->exchange;

    if (ngx_http_llmbroker_attempt_text(at, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    root = NULL;

    if (ngx_http_llmbroker_json_parse(ex->pool, text.data, text.len, &root)
        == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    ex->fault.status = at->provider_status;
    ex->target->dialect->error(ex, at->provider_status, root, &text);

    return ngx_http_llmbroker_request_fault(ctx);
}


static ngx_int_t
ngx_http_llmbroker_request_complete(ngx_http_llmbroker_ctx_t *ctx)
{
    ngx_int_t                            rc;
    ngx_http_llmbroker_attempt_t        *at;
    ngx_http_llmbroker_exchange_t       *ex;
    const ngx_http_llmbroker_dialect_t  *dialect;

    at = ctx->attempt;
    ex = &at->exchange;
    dialect = ex->target->dialect;

    if (at->read == NGX_HTTP_LLMBROKER_READ_EVENTS) {

        rc = ngx_http_llmbroker_attempt_eof(at);

        if (rc == NGX_OK && !ex->done) {
            rc = dialect->end(ex);
        }

    } else if (ex->splice && !ex->stream) {
        rc = dialect->check(ex, NULL, NULL);

        if (rc == NGX_DONE) {
            rc = ngx_http_llmbroker_request_answer(at);
        }

    } else {
        rc = ngx_http_llmbroker_request_answer(at);
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_llmbroker_request_fault(ctx);
    }

    return rc;
}


static ngx_int_t
ngx_http_llmbroker_request_answer(ngx_http_llmbroker_attempt_t *at)
{
    ngx_int_t                       rc;
    ngx_str_t                       text;
    ngx_http_llmbroker_json_t      *root;
    ngx_http_llmbroker_exchange_t  *ex;

    ex = &at->exchange;

    if (ngx_http_llmbroker_attempt_text(at, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ex->flat) {

        /* a batch of vectors has too many numbers for a tree */

        root = ngx_pcalloc(ex->pool, sizeof(ngx_http_llmbroker_json_t));
        if (root == NULL) {
            return NGX_ERROR;
        }

        root->type = NGX_HTTP_LLMBROKER_JSON_OBJECT;
        root->raw = text;

        return ex->target->dialect->response(ex, root);
    }

    rc = ngx_http_llmbroker_json_parse(ex->pool, text.data, text.len, &root);

    if (rc == NGX_DECLINED) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                                        "The provider's answer is not JSON.");
    }

    if (rc != NGX_OK) {
        return rc;
    }

    return ex->target->dialect->response(ex, root);
}


/* a deployment's health: what a client did wrong does not count */

static void
ngx_http_llmbroker_request_note(ngx_http_llmbroker_ctx_t *ctx, ngx_int_t rc)
{
    ngx_int_t                         probe;
    ngx_http_llmbroker_note_e         note;
    ngx_http_llmbroker_state_t       *state;
    ngx_http_llmbroker_deployment_t  *deployment;

    deployment = ctx->attempt->deployment;
    state = ctx->shared->states[deployment->slot];

    note = (rc == NGX_DECLINED && ctx->error.status >= 500)
               ? NGX_HTTP_LLMBROKER_NOTE_FAILURE
               : NGX_HTTP_LLMBROKER_NOTE_SUCCESS;

    /* the first call that ends behind an ejection is its probe */

    probe = ngx_http_llmbroker_breaker_take(state, ngx_current_msec, 1000);

    (void) ngx_http_llmbroker_breaker_note(state, &ctx->model->policy.breaker,
                                           ngx_current_msec, note,
                                           probe == NGX_DONE);
}


static ngx_int_t
ngx_http_llmbroker_request_send(ngx_http_llmbroker_ctx_t *ctx, ngx_int_t rc)
{
    ngx_http_request_t  *r;

    r = ctx->request;

    if (rc != NGX_OK && !ctx->streaming) {
        return ngx_http_llmbroker_error_send(r, &ctx->error);
    }

    if (!ctx->stream) {
        return ngx_http_llmbroker_request_send_body(ctx);
    }

    if (!ctx->streaming
        && ngx_http_llmbroker_request_stream(ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_request_send_tail(ctx, rc);
}


ngx_int_t
ngx_http_llmbroker_request_stream(ngx_http_llmbroker_ctx_t *ctx)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = ctx->request;

    r->headers_out.status = NGX_HTTP_OK;
    ngx_str_set(&r->headers_out.content_type,
                "text/event-stream; charset=utf-8");
    r->headers_out.content_type_len = sizeof("text/event-stream") - 1;
    r->headers_out.content_type_lowcase = NULL;

    ngx_http_clear_content_length(r);
    ngx_http_clear_accept_ranges(r);
    ngx_http_clear_etag(r);

    /*
     * an unbuffered response with a limit would never wake up again: nginx
     * lifts it too, but of the subrequest only
     */

    r->limit_rate = 0;
    r->limit_rate_set = 1;

    ctx->streaming = 1;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* the end of a stream: what is still owed, or the error event (design 2.6) */

static ngx_int_t
ngx_http_llmbroker_request_send_tail(ngx_http_llmbroker_ctx_t *ctx,
    ngx_int_t rc)
{
    off_t                          length;
    ngx_chain_t                   *cl, **ll, *error;
    ngx_http_llmbroker_attempt_t  *at;

    at = ctx->attempt;

    if (at->read == NGX_HTTP_LLMBROKER_READ_NOTHING && at->previous) {
        /* the part before may have left its end */
        at = at->previous;
    }

    cl = ngx_http_llmbroker_out_take(&at->out);

    if (rc == NGX_OK) {
        return ngx_http_llmbroker_send_last(ctx->request, cl);
    }

    error = ngx_http_llmbroker_error_chain(ctx->request->pool, &ctx->error, 1,
                                           &length);
    if (error == NULL) {
        return NGX_ERROR;
    }

    for (ll = &cl; *ll; ll = &(*ll)->next) { /* void */ }

    *ll = error;

    return ngx_http_llmbroker_send_last(ctx->request, cl);
}


static ngx_int_t
ngx_http_llmbroker_request_send_body(ngx_http_llmbroker_ctx_t *ctx)
{
    off_t                          length;
    ngx_chain_t                   *cl;
    ngx_http_llmbroker_attempt_t  *at;

    at = ctx->attempt;

    length = at->out.length;
    cl = ngx_http_llmbroker_out_take(&at->out);

    if (cl == NULL) {
        length = at->received;
        cl = at->answer;
    }

    return ngx_http_llmbroker_send_json(ctx->request, NGX_HTTP_OK, cl, length);
}
