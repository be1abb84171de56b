
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "request/ngx_http_llmbroker_drain.h"


/* an answer that nobody hears ends by then: msec */
#define NGX_HTTP_LLMBROKER_DRAIN  30000


static void ngx_http_llmbroker_drain_start(ngx_http_llmbroker_attempt_t *at);
static void ngx_http_llmbroker_drain_chain(ngx_chain_t *cl);


void
ngx_http_llmbroker_drain(ngx_http_llmbroker_attempt_t *at, ngx_chain_t *in)
{
    if (!at->ctx->gone) {
        at->ctx->gone = 1;
        ngx_http_llmbroker_drain_start(at);
    }

    ngx_http_llmbroker_drain_chain(in);

    /* else nginx would wait for it, and read no more */

    ngx_http_llmbroker_drain_chain(at->request->upstream->busy_bufs);
}


static void
ngx_http_llmbroker_drain_start(ngx_http_llmbroker_attempt_t *at)
{
    ngx_log_error(NGX_LOG_INFO, at->request->connection->log, 0,
                  "client left, the rest of the answer is read "
                  "for its usage");

    ngx_http_llmbroker_attempt_limit(at, NGX_HTTP_LLMBROKER_DRAIN);
}


static void
ngx_http_llmbroker_drain_chain(ngx_chain_t *cl)
{
    for ( /* void */ ; cl; cl = cl->next) {
        cl->buf->pos = cl->buf->last;
    }
}
