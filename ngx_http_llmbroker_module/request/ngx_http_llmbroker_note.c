
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "request/ngx_http_llmbroker_note.h"


/* a deployment is not asked again for so long: msec */
#define NGX_HTTP_LLMBROKER_COOL_MAX    60000  /* whatever it says (2.9) */
#define NGX_HTTP_LLMBROKER_COOL_LIMIT  3000   /* a 429 that does not say */
#define NGX_HTTP_LLMBROKER_COOL_KEY    60000  /* its key was refused */


static void ngx_http_llmbroker_note_breaker(ngx_http_llmbroker_attempt_t *at,
    ngx_http_llmbroker_note_e note);
static void ngx_http_llmbroker_note_cool(ngx_http_llmbroker_attempt_t *at);
static ngx_http_llmbroker_state_t *ngx_http_llmbroker_note_budget(
    ngx_http_llmbroker_ctx_t *ctx);


void
ngx_http_llmbroker_note(ngx_http_llmbroker_attempt_t *at)
{
    ngx_http_llmbroker_note_cool(at);
    ngx_http_llmbroker_note_breaker(at,
                                 ngx_http_llmbroker_class(at->class)->note);
}


static void
ngx_http_llmbroker_note_breaker(ngx_http_llmbroker_attempt_t *at,
    ngx_http_llmbroker_note_e note)
{
    ngx_int_t                    rc;
    ngx_uint_t                   open, level;
    ngx_http_llmbroker_state_t  *state;

    state = at->ctx->shared->states[at->deployment->slot];

    rc = ngx_http_llmbroker_breaker_note(state,
                                         &at->pick.model->policy.breaker,
                                         ngx_current_msec, note,
                                         at->pick.probe);
    at->pick.probe = 0;

    if (rc != NGX_DONE) {
        return;
    }

    open = (ngx_http_llmbroker_breaker(state, ngx_current_msec)
            != NGX_HTTP_LLMBROKER_BREAKER_CLOSED);

    level = open ? NGX_LOG_WARN : NGX_LOG_NOTICE;

    ngx_log_error(level, at->ctx->request->connection->log, 0,
                  "llmbroker deployment \"%V\" of model \"%V\" %s",
                  &at->deployment->base_url, &at->pick.model->name,
                  open ? "is not asked for a while, it has failed too often"
                       : "works again");
}


/* a limit, a key that is refused, or an overload that tells its end */

static void
ngx_http_llmbroker_note_cool(ngx_http_llmbroker_attempt_t *at)
{
    ngx_uint_t  cools;
    ngx_msec_t  msec;

    cools = ngx_http_llmbroker_class(at->class)->cools;

    if (!cools && at->class != NGX_HTTP_LLMBROKER_CLASS_FAILURE) {
        return;
    }

    msec = ngx_http_llmbroker_retry_after(at->headers,
                                          at->exchange.fault.retry_after,
                                          ngx_time());

    if (msec == (ngx_msec_t) -1) {

        if (!cools) {
            return;
        }

        msec = (at->class == NGX_HTTP_LLMBROKER_CLASS_LIMIT)
                   ? NGX_HTTP_LLMBROKER_COOL_LIMIT
                   : NGX_HTTP_LLMBROKER_COOL_KEY;
    }

    msec = ngx_min(msec, NGX_HTTP_LLMBROKER_COOL_MAX);

    ngx_http_llmbroker_state_cool(
                             at->ctx->shared->states[at->deployment->slot],
                             ngx_current_msec, msec);
}


void
ngx_http_llmbroker_note_first(ngx_http_llmbroker_attempt_t *at)
{
    if (at->previous) {
        /* it is not the first token of the answer */
        return;
    }

    if (at->pick.probe) {
        /* others need not wait for the end of its stream */
        ngx_http_llmbroker_note_breaker(at, NGX_HTTP_LLMBROKER_NOTE_SUCCESS);
    }

    ngx_http_llmbroker_state_latency(
                             at->ctx->shared->states[at->deployment->slot],
                             ngx_current_msec, ngx_current_msec - at->start);
}


void
ngx_http_llmbroker_note_lost(ngx_http_llmbroker_attempt_t *at)
{
    ngx_http_llmbroker_note_unused(at->ctx, &at->pick);

    if (!at->begun) {
        /* it would have taken longer still */
        ngx_http_llmbroker_note_first(at);
    }
}


void
ngx_http_llmbroker_note_unused(ngx_http_llmbroker_ctx_t *ctx,
    ngx_http_llmbroker_pick_t *pick)
{
    if (!pick->probe) {
        return;
    }

    pick->probe = 0;

    (void) ngx_http_llmbroker_breaker_note(
                               ctx->shared->states[pick->deployment->slot],
                               &pick->model->policy.breaker, ngx_current_msec,
                               NGX_HTTP_LLMBROKER_NOTE_NEUTRAL, 1);
}


void
ngx_http_llmbroker_note_hedge_earn(ngx_http_llmbroker_ctx_t *ctx)
{
    ngx_http_llmbroker_state_hedge_earn(ngx_http_llmbroker_note_budget(ctx),
                                        ctx->model->policy.hedge_share);
}


ngx_int_t
ngx_http_llmbroker_note_hedge_spend(ngx_http_llmbroker_ctx_t *ctx)
{
    return ngx_http_llmbroker_state_hedge_spend(
                                         ngx_http_llmbroker_note_budget(ctx));
}


void
ngx_http_llmbroker_note_hedge_return(ngx_http_llmbroker_ctx_t *ctx)
{
    /* all of it */
    ngx_http_llmbroker_state_hedge_earn(ngx_http_llmbroker_note_budget(ctx),
                                        100);
}


/* a model's budget is kept with its first deployment */

static ngx_http_llmbroker_state_t *
ngx_http_llmbroker_note_budget(ngx_http_llmbroker_ctx_t *ctx)
{
    return ctx->shared->states[ctx->model->deployments[0].slot];
}
