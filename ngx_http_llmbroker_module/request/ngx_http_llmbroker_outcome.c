
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "request/ngx_http_llmbroker_outcome.h"


static ngx_int_t ngx_http_llmbroker_outcome_failed(
    ngx_http_llmbroker_attempt_t *at);
static ngx_int_t ngx_http_llmbroker_outcome_fault(
    ngx_http_llmbroker_attempt_t *at);
static ngx_int_t ngx_http_llmbroker_outcome_error(
    ngx_http_llmbroker_attempt_t *at);
static ngx_int_t ngx_http_llmbroker_outcome_complete(
    ngx_http_llmbroker_attempt_t *at);
static ngx_int_t ngx_http_llmbroker_outcome_answer(
    ngx_http_llmbroker_attempt_t *at);


ngx_int_t
ngx_http_llmbroker_outcome(ngx_http_llmbroker_attempt_t *at)
{
    at->class = NGX_HTTP_LLMBROKER_CLASS_SUCCESS;

    if (at->exchange.done && !at->no_memory) {
        return NGX_OK;
    }

    if (at->no_memory || (!at->finalized && !at->timed_out)) {
        at->class = NGX_HTTP_LLMBROKER_CLASS_LOCAL;
        return NGX_ERROR;
    }

    if (at->failed) {
        return ngx_http_llmbroker_outcome_fault(at);
    }

    /* a refusal whose text did not come is a refusal still */

    if (at->read == NGX_HTTP_LLMBROKER_READ_ERROR) {
        return ngx_http_llmbroker_outcome_error(at);
    }

    if (at->timed_out) {
        return ngx_http_llmbroker_outcome_failed(at);
    }

    /* S12: a stream that was cut may lack nothing but its end */

    if (at->rc == NGX_OK || at->ended
        || (at->rc == NGX_HTTP_BAD_GATEWAY
            && at->read == NGX_HTTP_LLMBROKER_READ_EVENTS
            && at->request->upstream->header_sent))
    {
        return ngx_http_llmbroker_outcome_complete(at);
    }

    return ngx_http_llmbroker_outcome_failed(at);
}


/* no answer, and nothing that the provider said */

static ngx_int_t
ngx_http_llmbroker_outcome_failed(ngx_http_llmbroker_attempt_t *at)
{
    ngx_http_llmbroker_ctx_t  *ctx;

    ctx = at->ctx;

    if (at->timed_out || at->rc == NGX_HTTP_GATEWAY_TIME_OUT) {
        at->class = NGX_HTTP_LLMBROKER_CLASS_TIMEOUT;
        ngx_http_llmbroker_error(&ctx->error,
                                 NGX_HTTP_LLMBROKER_PROVIDER_TIMEOUT);
        return NGX_DECLINED;
    }

    if (at->rc == NGX_HTTP_INTERNAL_SERVER_ERROR) {
        /* no connection could be made, for want of one */
        at->class = NGX_HTTP_LLMBROKER_CLASS_LOCAL;
        ngx_http_llmbroker_error(&ctx->error,
                                 NGX_HTTP_LLMBROKER_SERVER_OVERLOADED);
        return NGX_DECLINED;
    }

    at->class = NGX_HTTP_LLMBROKER_CLASS_FAILURE;

    if (at->provider_status >= 200) {
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
ngx_http_llmbroker_outcome_fault(ngx_http_llmbroker_attempt_t *at)
{
    u_char                          buf[NGX_INT_T_LEN];
    ngx_str_t                       value;
    ngx_http_llmbroker_exchange_t  *ex;

    static ngx_str_t  retry_after = ngx_string("retry-after");

    ex = &at->exchange;

    at->class = ngx_http_llmbroker_classify(ex->fault.status, &ex->fault.code,
                                            &ex->fault.message);

    if (ex->fault.retry_after) {
        value.data = buf;
        value.len = ngx_sprintf(buf, "%ui", ex->fault.retry_after) - buf;

        if (ngx_http_llmbroker_attempt_pass(at, &retry_after, &value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    ngx_http_llmbroker_error_fault(ex->pool, &at->ctx->error, &ex->fault,
                                   ex->target);

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_llmbroker_outcome_error(ngx_http_llmbroker_attempt_t *at)
{
    ngx_str_t                       text;
    ngx_http_llmbroker_json_t      *root;
    ngx_http_llmbroker_exchange_t  *ex;

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

    return ngx_http_llmbroker_outcome_fault(at);
}


static ngx_int_t
ngx_http_llmbroker_outcome_complete(ngx_http_llmbroker_attempt_t *at)
{
    ngx_int_t                            rc;
    ngx_http_llmbroker_exchange_t       *ex;
    const ngx_http_llmbroker_dialect_t  *dialect;

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
            rc = ngx_http_llmbroker_outcome_answer(at);
        }

    } else {
        rc = ngx_http_llmbroker_outcome_answer(at);
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_llmbroker_outcome_fault(at);
    }

    return rc;
}


static ngx_int_t
ngx_http_llmbroker_outcome_answer(ngx_http_llmbroker_attempt_t *at)
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
