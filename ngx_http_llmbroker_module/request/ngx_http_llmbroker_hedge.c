
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "request/ngx_http_llmbroker_hedge.h"
#include "request/ngx_http_llmbroker_note.h"
#include "request/ngx_http_llmbroker_run.h"


static ngx_int_t ngx_http_llmbroker_hedge_start(ngx_http_llmbroker_ctx_t *ctx);


void
ngx_http_llmbroker_hedge_arm(ngx_http_llmbroker_ctx_t *ctx)
{
    const ngx_http_llmbroker_policy_t  *policy;

    policy = &ctx->model->policy;

    /* a fan-out's part is not the answer, whoever is the first with it */

    if (policy->hedge_after
        && ctx->hedges < policy->hedge_max
        && ctx->attempt->exchange.parts == 1)
    {
        ngx_add_timer(&ctx->timer, policy->hedge_after);
    }
}


ngx_int_t
ngx_http_llmbroker_hedge(ngx_http_llmbroker_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ctx->winner
        || ngx_http_llmbroker_run_spent(ctx)
        || ngx_http_llmbroker_note_hedge_spend(ctx) != NGX_OK)
    {
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_hedge_start(ctx);

    if (rc == NGX_DECLINED) {
        ngx_http_llmbroker_note_hedge_return(ctx);
    }

    return rc;
}


static ngx_int_t
ngx_http_llmbroker_hedge_start(ngx_http_llmbroker_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = ngx_http_llmbroker_run_pick(ctx, NGX_HTTP_LLMBROKER_SAME_ALIAS);

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_log_error(NGX_LOG_INFO, ctx->request->connection->log, 0,
                  "llmbroker asks a second deployment after %Mms",
                  ngx_current_msec - ctx->start);

    ctx->hedges++;

    if (ngx_http_llmbroker_attempt_start(ctx->attempt) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_llmbroker_hedge_arm(ctx);

    return NGX_OK;
}


void
ngx_http_llmbroker_hedge_beside(ngx_http_llmbroker_attempt_t *at)
{
    ngx_http_llmbroker_ctx_t      *ctx;
    ngx_http_llmbroker_attempt_t  *other;

    ctx = at->ctx;

    for (other = ctx->running; other; other = other->next) {
        if (!other->done) {
            break;
        }
    }

    if (other == NULL || !ngx_http_llmbroker_run_allowed(ctx, at)) {
        return;
    }

    if (ngx_http_llmbroker_run_pick(ctx, NGX_HTTP_LLMBROKER_SAME_ALIAS)
        == NGX_OK)
    {
        (void) ngx_http_llmbroker_attempt_start(ctx->attempt);
    }
}


void
ngx_http_llmbroker_hedge_won(ngx_http_llmbroker_attempt_t *winner)
{
    ngx_http_llmbroker_ctx_t      *ctx;
    ngx_http_llmbroker_attempt_t  *at;

    ctx = winner->ctx;

    ctx->winner = winner;
    ctx->attempt = winner;

    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }

    /* else the whole request is about to end, this attempt included */

    if (ctx->request->connection->error) {
        return;
    }

    for (at = ctx->running; at; at = at->next) {

        if (at != winner && !at->done) {
            at->lost = 1;
            ngx_http_llmbroker_attempt_abort(at);
        }
    }
}
