
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "config/ngx_http_llmbroker_conf_tier.h"
#include "request/ngx_http_llmbroker_headers.h"
#include "request/ngx_http_llmbroker_hedge.h"
#include "request/ngx_http_llmbroker_note.h"
#include "request/ngx_http_llmbroker_outcome.h"
#include "request/ngx_http_llmbroker_quit.h"
#include "request/ngx_http_llmbroker_reply.h"
#include "request/ngx_http_llmbroker_run.h"


static ngx_int_t ngx_http_llmbroker_run_next(ngx_http_llmbroker_ctx_t *ctx);
static void ngx_http_llmbroker_run_nobody(ngx_http_llmbroker_ctx_t *ctx,
    ngx_msec_t wait);

static void ngx_http_llmbroker_run_resume(ngx_http_request_t *r);
static void ngx_http_llmbroker_run_judge(ngx_http_llmbroker_attempt_t *at);
static ngx_uint_t ngx_http_llmbroker_run_final(
    ngx_http_llmbroker_attempt_t *at);
static ngx_uint_t ngx_http_llmbroker_run_more(
    ngx_http_llmbroker_attempt_t *at);
static void ngx_http_llmbroker_run_decide(ngx_http_llmbroker_ctx_t *ctx);
static void ngx_http_llmbroker_run_again(ngx_http_llmbroker_attempt_t *at);
static ngx_int_t ngx_http_llmbroker_run_retry(ngx_http_llmbroker_ctx_t *ctx,
    ngx_http_llmbroker_attempt_t *at);
static ngx_int_t ngx_http_llmbroker_run_pause(ngx_http_llmbroker_ctx_t *ctx);
static void ngx_http_llmbroker_run_finish(ngx_http_llmbroker_ctx_t *ctx,
    ngx_int_t rc);
static ngx_uint_t ngx_http_llmbroker_run_lone(
    ngx_http_llmbroker_model_t *model);
static void ngx_http_llmbroker_run_retry_after(
    ngx_http_llmbroker_ctx_t *ctx);
static void ngx_http_llmbroker_run_wake(ngx_event_t *ev);


ngx_int_t
ngx_http_llmbroker_run(ngx_http_llmbroker_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ngx_http_llmbroker_quit_over()) {
        /* its body took longer to come than the process is to last */
        ngx_http_llmbroker_error(&ctx->error,
                                 NGX_HTTP_LLMBROKER_SERVER_SHUTDOWN);
        return NGX_DECLINED;
    }

    /* a client's slow upload is no time of the provider's */

    ctx->start = ngx_current_msec;

    ctx->timer.handler = ngx_http_llmbroker_run_wake;
    ctx->timer.data = ctx;
    ctx->timer.log = ctx->request->connection->log;

    rc = ngx_http_llmbroker_run_next(ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_llmbroker_quit_watch(ctx);

    ctx->request->write_event_handler = ngx_http_llmbroker_run_resume;

    if (ctx->model->policy.hedge_after) {
        ngx_http_llmbroker_note_hedge_earn(ctx);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_run_next(ngx_http_llmbroker_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = ngx_http_llmbroker_run_pick(ctx, 0);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_llmbroker_attempt_start(ctx->attempt) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_llmbroker_hedge_arm(ctx);

    return NGX_OK;
}


/*
 * Deployments that cannot be asked this are passed over.  A request that none
 * of an alias's can be asked is the client's fault and no reason to ask another
 * model, unless a provider's failure already was.
 */

ngx_int_t
ngx_http_llmbroker_run_pick(ngx_http_llmbroker_ctx_t *ctx, ngx_uint_t flags)
{
    ngx_int_t                      rc;
    ngx_msec_t                     wait;
    ngx_uint_t                     declined;
    ngx_http_llmbroker_pick_t      pick;
    ngx_http_llmbroker_error_t     error;
    ngx_http_llmbroker_attempt_t  *before;

    declined = 0;

    for ( ;; ) {

        rc = ngx_http_llmbroker_route(ctx, flags, &pick, &wait);

        if (rc != NGX_OK) {

            if (rc == NGX_DECLINED && ctx->attempts == 0 && !declined) {
                ngx_http_llmbroker_run_nobody(ctx, wait);
            }

            return rc;
        }

        if (declined && ctx->attempts == 0 && pick.model != ctx->model) {
            ngx_http_llmbroker_note_unused(ctx, &pick);
            return NGX_DECLINED;
        }

        before = ctx->attempt;
        error = ctx->error;

        rc = ngx_http_llmbroker_attempt_prepare(ctx, &pick, NULL);

        if (rc == NGX_OK) {
            return NGX_OK;
        }

        ngx_http_llmbroker_note_unused(ctx, &pick);

        if (rc != NGX_DECLINED) {
            return rc;
        }

        if (before) {
            ctx->attempt = before;
            ctx->error = error;
        }

        declined = 1;
    }
}


static void
ngx_http_llmbroker_run_nobody(ngx_http_llmbroker_ctx_t *ctx, ngx_msec_t wait)
{
    if (ctx->model->missing.len && wait == 0) {
        ngx_http_llmbroker_error_text(ctx->request->pool, &ctx->error,
                                      NGX_HTTP_LLMBROKER_MODEL_NOT_AVAILABLE,
                                      "model",
                                      "The model '%V' is not available: the "
                                      "environment variable %V is not set.",
                                      &ctx->model->name, &ctx->model->missing);
        return;
    }

    ngx_http_llmbroker_error(&ctx->error,
                             NGX_HTTP_LLMBROKER_NO_HEALTHY_DEPLOYMENT);

    ngx_http_llmbroker_run_retry_after(ctx);
}


/* the parent's write handler: nginx posts it when an attempt has ended */

static void
ngx_http_llmbroker_run_resume(ngx_http_request_t *r)
{
    ngx_connection_t               *c;
    ngx_http_llmbroker_ctx_t       *ctx;
    ngx_http_llmbroker_attempt_t   *at, **next;

    c = r->connection;
    ctx = ngx_http_get_module_ctx(r, ngx_http_llmbroker_module);

    if (c->data == r && r->postponed) {

        /*
         * One subrequest writes at a time: it is the next one's turn.  What it
         * has written before goes out at once, since its upstream would not
         * come back to a flush alone.
         */

        if (ngx_http_output_filter(r, NULL) == NGX_ERROR
            || (c->data != r
                && ngx_http_output_filter(c->data, NULL) == NGX_ERROR))
        {
            ngx_http_finalize_request(r, NGX_ERROR);
            return;
        }
    }

    for (next = &ctx->running; *next; /* void */) {
        at = *next;

        if (!at->done) {
            next = &at->next;
            continue;
        }

        *next = at->next;

        ngx_http_llmbroker_run_judge(at);

        /* others may have ended by it */
        next = &ctx->running;
    }

    if (ctx->running || c->data != r || r->postponed || ctx->paused) {
        return;
    }

    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }

    ngx_http_llmbroker_run_decide(ctx);
}


static void
ngx_http_llmbroker_run_judge(ngx_http_llmbroker_attempt_t *at)
{
    ngx_http_llmbroker_ctx_t  *ctx;

    ctx = at->ctx;

    ngx_http_llmbroker_attempt_release(at);

    if (at->lost) {
        /* it has not failed: when the winner does, it may be asked again */
        ngx_http_llmbroker_note_lost(at);
        ngx_http_llmbroker_route_return(ctx, &at->pick);
        return;
    }

    if (ctx->winner == NULL || ctx->winner == at) {
        ctx->attempt = at;
    }

    if (ctx->quitting
        && (!at->exchange.done || ngx_http_llmbroker_run_more(at)))
    {
        ngx_http_llmbroker_error(&ctx->error,
                                 NGX_HTTP_LLMBROKER_SERVER_SHUTDOWN);
        at->class = NGX_HTTP_LLMBROKER_CLASS_LOCAL;
        at->result = NGX_DECLINED;
        ngx_http_llmbroker_note_unused(ctx, &at->pick);
        return;
    }

    if (at->stale && !at->fresh && !at->timed_out) {
        ngx_http_llmbroker_run_again(at);
        return;
    }

    at->result = ngx_http_llmbroker_outcome(at);

    ngx_http_llmbroker_note(at);

    if (ctx->winner && ctx->winner != at) {
        return;
    }

    if (at->result == NGX_OK || ngx_http_llmbroker_run_final(at)) {
        ngx_http_llmbroker_hedge_won(at);

    } else if (ctx->winner == NULL && at->result == NGX_DECLINED) {
        ngx_http_llmbroker_hedge_beside(at);
    }
}


/* 1 when the failure would be the same of the alias's other deployments */

static ngx_uint_t
ngx_http_llmbroker_run_final(ngx_http_llmbroker_attempt_t *at)
{
    return at->class == NGX_HTTP_LLMBROKER_CLASS_CLIENT
           || at->class == NGX_HTTP_LLMBROKER_CLASS_CONTEXT;
}


/* 1 when the answer has another part behind this one */

static ngx_uint_t
ngx_http_llmbroker_run_more(ngx_http_llmbroker_attempt_t *at)
{
    return at->exchange.part + 1 < at->exchange.parts;
}


/* no attempt runs: what has come of the one that counts, and what now */

static void
ngx_http_llmbroker_run_decide(ngx_http_llmbroker_ctx_t *ctx)
{
    ngx_int_t                      rc;
    ngx_http_llmbroker_attempt_t  *at;

    at = ctx->attempt;
    rc = at->result;

    if (rc == NGX_OK && ngx_http_llmbroker_run_more(at)) {

        ctx->winner = NULL;

        rc = ngx_http_llmbroker_attempt_prepare(ctx, &at->pick, at);

        if (rc == NGX_OK) {
            rc = ngx_http_llmbroker_attempt_start(ctx->attempt);
        }

        if (rc == NGX_OK) {
            return;
        }

    } else if (rc == NGX_DECLINED && !ctx->streaming) {

        ctx->winner = NULL;

        rc = ngx_http_llmbroker_run_retry(ctx, at);

        if (rc == NGX_OK) {
            return;
        }
    }

    ngx_http_llmbroker_run_finish(ctx, rc);
}


/*
 * P10: a kept connection was dead, which is no fault of the endpoint.  Asks it
 * again at once, whatever else runs, unless another one is the answer already.
 */

static void
ngx_http_llmbroker_run_again(ngx_http_llmbroker_attempt_t *at)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_ctx_t   *ctx;
    ngx_http_llmbroker_pick_t   pick;

    ctx = at->ctx;

    pick = at->pick;
    at->pick.probe = 0;

    if (ctx->winner) {
        ngx_http_llmbroker_note_unused(ctx, &pick);
        return;
    }

    ngx_log_error(NGX_LOG_INFO, ctx->request->connection->log, 0,
                  "upstream closed a kept connection, trying a new one");

    rc = ngx_http_llmbroker_attempt_prepare(ctx, &pick, at->previous);

    if (rc == NGX_OK) {
        ctx->attempt->fresh = 1;
        ctx->replaced++;

        rc = ngx_http_llmbroker_attempt_start(ctx->attempt);
    }

    if (rc != NGX_OK) {
        ngx_http_llmbroker_note_unused(ctx, &pick);

        ctx->attempt = at;
        at->result = rc;
    }
}


/*
 * Asks another one, if the failure allows it (the table of ..._retry.c) and
 * there is one, or the same ones again after a pause, if the configuration
 * says so.  Return: NGX_OK; NGX_DECLINED: the error stands; NGX_ERROR.
 */

static ngx_int_t
ngx_http_llmbroker_run_retry(ngx_http_llmbroker_ctx_t *ctx,
    ngx_http_llmbroker_attempt_t *at)
{
    ngx_int_t                          rc;
    const ngx_http_llmbroker_class_t  *class;

    class = ngx_http_llmbroker_class(at->class);

    if (!ngx_http_llmbroker_run_allowed(ctx, at)) {
        return NGX_DECLINED;
    }

    if (class->fallback && ngx_http_llmbroker_route_leave(ctx) != NGX_OK) {
        return NGX_DECLINED;
    }

    rc = ngx_http_llmbroker_run_next(ctx);

    if (rc == NGX_DECLINED
        && ctx->model->policy.max_attempts && !class->fallback)
    {
        return ngx_http_llmbroker_run_pause(ctx);
    }

    return rc;
}


ngx_uint_t
ngx_http_llmbroker_run_allowed(ngx_http_llmbroker_ctx_t *ctx,
    ngx_http_llmbroker_attempt_t *at)
{
    ngx_msec_t                          now;
    const ngx_http_llmbroker_policy_t  *policy;

    now = ngx_current_msec;
    policy = &ctx->model->policy;

    return ngx_http_llmbroker_class(at->class)->next
           && !ctx->request->connection->error
           && !ngx_http_llmbroker_run_spent(ctx)
           && (!policy->retry_within || now - at->start <= policy->retry_within)
           && (!policy->deadline || now - ctx->start < policy->deadline);
}


ngx_uint_t
ngx_http_llmbroker_run_spent(ngx_http_llmbroker_ctx_t *ctx)
{
    ngx_uint_t  max;

    max = ctx->model->policy.max_attempts;

    if (max == 0) {
        max = NGX_HTTP_LLMBROKER_MAX_ATTEMPTS;
    }

    return ctx->attempts - ctx->replaced >= max;
}


/* all were tried: waits before the next round */

static ngx_int_t
ngx_http_llmbroker_run_pause(ngx_http_llmbroker_ctx_t *ctx)
{
    ngx_msec_t                          pause, wait, elapsed;
    ngx_http_request_t                 *r;
    const ngx_http_llmbroker_policy_t  *policy;

    r = ctx->request;
    policy = &ctx->model->policy;

    pause = ngx_http_llmbroker_backoff(policy->backoff, policy->backoff_max,
                                       ctx->rounds++);

    wait = ngx_http_llmbroker_route_wait(ctx);
    wait = ngx_min(wait, policy->backoff_max);
    pause = ngx_max(pause, wait);

    elapsed = ngx_current_msec - ctx->start;

    if (policy->deadline && elapsed + pause >= policy->deadline) {
        return NGX_DECLINED;
    }

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "llmbroker waits %Mms before another attempt", pause);

    /* C2: a client that leaves meanwhile is noticed */

    r->read_event_handler = ngx_http_test_reading;

    if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    ctx->paused = 1;
    ngx_add_timer(&ctx->timer, pause);

    return NGX_OK;
}


static void
ngx_http_llmbroker_run_finish(ngx_http_llmbroker_ctx_t *ctx, ngx_int_t rc)
{
    ngx_http_request_t  *r;

    r = ctx->request;

    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }

    r->write_event_handler = ngx_http_request_empty_handler;

    if (rc == NGX_OK) {
        ngx_memzero(&ctx->error, sizeof(ngx_http_llmbroker_error_t));

    } else if (rc == NGX_ERROR) {
        ngx_http_llmbroker_error(&ctx->error, NGX_HTTP_LLMBROKER_INTERNAL);

    } else if (!ctx->streaming && !ngx_http_llmbroker_run_lone(ctx->model)) {
        ngx_http_llmbroker_run_retry_after(ctx);
    }

    ngx_http_finalize_request(r, ngx_http_llmbroker_reply(ctx, rc));
}


/* 1 when nobody else could be asked: what a provider tells stands */

static ngx_uint_t
ngx_http_llmbroker_run_lone(ngx_http_llmbroker_model_t *model)
{
    return model->ntiers == 1 && model->tiers[0].n == 1
           && model->fallbacks.nelts == 0;
}


/*
 * When the client may come back: when the first of all that could be asked is
 * to be asked again, which one provider's own header does not know.
 */

static void
ngx_http_llmbroker_run_retry_after(ngx_http_llmbroker_ctx_t *ctx)
{
    u_char      *p;
    ngx_str_t    value;
    ngx_msec_t   wait;

    static ngx_str_t  seconds = ngx_string("retry-after");
    static ngx_str_t  msec = ngx_string("retry-after-ms");

    if (ctx->error.status != NGX_HTTP_TOO_MANY_REQUESTS
        && ctx->error.status != NGX_HTTP_SERVICE_UNAVAILABLE)
    {
        return;
    }

    wait = ngx_http_llmbroker_route_wait(ctx);

    if (wait == 0) {
        return;
    }

    p = ngx_pnalloc(ctx->request->pool, NGX_INT_T_LEN);
    if (p == NULL) {
        return;
    }

    value.data = p;
    value.len = ngx_sprintf(p, "%M", (wait + 999) / 1000) - p;

    if (ctx->attempt) {
        ngx_http_llmbroker_attempt_forget(ctx->attempt, &seconds);
        ngx_http_llmbroker_attempt_forget(ctx->attempt, &msec);
    }

    (void) ngx_http_llmbroker_add_header(ctx->request, "Retry-After", &value);
}


/* the time of a hedge has come, or a pause is over */

static void
ngx_http_llmbroker_run_wake(ngx_event_t *ev)
{
    ngx_int_t                  rc;
    ngx_connection_t          *c;
    ngx_http_request_t        *r;
    ngx_http_llmbroker_ctx_t  *ctx;

    ctx = ev->data;
    r = ctx->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    if (ctx->running) {

        if (ngx_http_llmbroker_hedge(ctx) == NGX_ERROR) {
            ngx_http_finalize_request(r, NGX_ERROR);
        }

    } else {

        ctx->paused = 0;

        ngx_http_llmbroker_route_again(ctx);

        rc = ngx_http_llmbroker_run_next(ctx);

        if (rc != NGX_OK) {
            ngx_http_llmbroker_run_finish(ctx, rc);
        }
    }

    ngx_http_run_posted_requests(c);
}


void
ngx_http_llmbroker_run_first(ngx_http_llmbroker_attempt_t *at)
{
    if (at->begun) {
        return;
    }

    at->begun = 1;

    ngx_http_llmbroker_attempt_sooner(at);

    if (at->previous == NULL) {
        at->ctx->ttft = ngx_current_msec - at->ctx->start;
    }

    ngx_http_llmbroker_note_first(at);
    ngx_http_llmbroker_hedge_won(at);
}


ngx_int_t
ngx_http_llmbroker_run_commit(ngx_http_llmbroker_attempt_t *at)
{
    ngx_int_t                  rc;
    ngx_http_llmbroker_ctx_t  *ctx;

    ctx = at->ctx;

    at->committed = 1;

    ngx_http_llmbroker_hedge_won(at);

    if (ctx->streaming) {
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_reply_header(ctx);

    if (rc != NGX_OK
        && ctx->request->connection->error && ctx->model->policy.drain)
    {
        /* the client has left already: its answer is read all the same */
        return NGX_OK;
    }

    return rc;
}


void
ngx_http_llmbroker_run_left(ngx_http_llmbroker_attempt_t *at)
{
    ngx_http_llmbroker_ctx_t  *ctx;

    ctx = at->ctx;

    if (!ctx->model->policy.drain || at->lost || !at->finalized
        || at->rc != NGX_OK)
    {
        return;
    }

    ctx->attempt = at;

    at->result = ngx_http_llmbroker_outcome(at);

    ngx_http_llmbroker_note(at);
}


void
ngx_http_llmbroker_run_quit(ngx_http_llmbroker_ctx_t *ctx)
{
    ngx_connection_t              *c;
    ngx_http_llmbroker_attempt_t  *at;

    c = ctx->request->connection;

    ngx_http_set_log_request(c->log, ctx->request);

    ctx->quitting = 1;

    for (at = ctx->running; at; at = at->next) {
        ngx_http_llmbroker_attempt_abort(at);
    }

    if (ctx->paused) {
        ctx->paused = 0;
        ngx_http_llmbroker_run_finish(ctx, NGX_DECLINED);
    }

    ngx_http_run_posted_requests(c);
}


void
ngx_http_llmbroker_run_cleanup(ngx_http_llmbroker_ctx_t *ctx)
{
    ngx_http_llmbroker_attempt_t  *at;

    ngx_http_llmbroker_quit_forget(ctx);

    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }

    for (at = ctx->running; at; at = at->next) {
        ngx_http_llmbroker_attempt_release(at);
        ngx_http_llmbroker_note_unused(ctx, &at->pick);
    }

    if (ctx->attempt) {
        ngx_http_llmbroker_note_unused(ctx, &ctx->attempt->pick);
    }
}
