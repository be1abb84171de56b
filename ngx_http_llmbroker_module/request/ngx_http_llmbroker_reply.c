
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "request/ngx_http_llmbroker_attempt.h"
#include "request/ngx_http_llmbroker_reply.h"
#include "request/ngx_http_llmbroker_send.h"


static ngx_int_t ngx_http_llmbroker_reply_tail(ngx_http_llmbroker_ctx_t *ctx,
    ngx_int_t rc);
static ngx_int_t ngx_http_llmbroker_reply_body(ngx_http_llmbroker_ctx_t *ctx);


ngx_int_t
ngx_http_llmbroker_reply(ngx_http_llmbroker_ctx_t *ctx, ngx_int_t rc)
{
    ngx_http_request_t  *r;

    r = ctx->request;

    if (rc != NGX_OK && !ctx->streaming) {
        return ngx_http_llmbroker_error_send(r, &ctx->error);
    }

    if (!ctx->stream) {
        return ngx_http_llmbroker_reply_body(ctx);
    }

    if (!ctx->streaming
        && ngx_http_llmbroker_reply_header(ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_reply_tail(ctx, rc);
}


ngx_int_t
ngx_http_llmbroker_reply_header(ngx_http_llmbroker_ctx_t *ctx)
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
ngx_http_llmbroker_reply_tail(ngx_http_llmbroker_ctx_t *ctx, ngx_int_t rc)
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
ngx_http_llmbroker_reply_body(ngx_http_llmbroker_ctx_t *ctx)
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
