
/*
 * What attempts teach about the deployments, in the memory that all workers
 * share.
 */


#ifndef _NGX_HTTP_LLMBROKER_NOTE_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_NOTE_H_INCLUDED_


#include "request/ngx_http_llmbroker_attempt.h"


/* The end of an attempt whose outcome is known: at->class. */
void ngx_http_llmbroker_note(ngx_http_llmbroker_attempt_t *at);

/* The first of an attempt's answer has come. */
void ngx_http_llmbroker_note_first(ngx_http_llmbroker_attempt_t *at);

/* The end of an attempt that another one was faster than. */
void ngx_http_llmbroker_note_lost(ngx_http_llmbroker_attempt_t *at);

/* A deployment was picked and nothing is known of it afterwards. */
void ngx_http_llmbroker_note_unused(ngx_http_llmbroker_ctx_t *ctx,
    ngx_http_llmbroker_pick_t *pick);

/* A request that may be hedged begins: it earns its share of a hedge. */
void ngx_http_llmbroker_note_hedge_earn(ngx_http_llmbroker_ctx_t *ctx);

/*
 * It is about to be hedged.
 * Return: NGX_OK; NGX_DECLINED: too many have been.
 */
ngx_int_t ngx_http_llmbroker_note_hedge_spend(ngx_http_llmbroker_ctx_t *ctx);

/* It was not hedged after all. */
void ngx_http_llmbroker_note_hedge_return(ngx_http_llmbroker_ctx_t *ctx);


#endif /* _NGX_HTTP_LLMBROKER_NOTE_H_INCLUDED_ */
