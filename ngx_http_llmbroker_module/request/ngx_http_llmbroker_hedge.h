
/*
 * Attempts beside each other: a deployment that is slow to answer is joined by
 * another one, and the first that has something to tell is the answer.
 */


#ifndef _NGX_HTTP_LLMBROKER_HEDGE_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_HEDGE_H_INCLUDED_


#include "request/ngx_http_llmbroker_attempt.h"


/* Sets ctx->timer to the time of the next hedge, if there may be one. */
void ngx_http_llmbroker_hedge_arm(ngx_http_llmbroker_ctx_t *ctx);

/*
 * Starts one more attempt beside those that have sent nothing yet, unless
 * the budget is spent or nobody else can be asked.
 * Return: NGX_OK; NGX_DECLINED: nobody can; NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_hedge(ngx_http_llmbroker_ctx_t *ctx);

/*
 * An attempt has failed while others may run, of which nobody knows how long
 * they take: starts another, so that as many run as before.  A lack of memory
 * is for those to meet.
 */
void ngx_http_llmbroker_hedge_beside(ngx_http_llmbroker_attempt_t *at);

/* This attempt is the answer: ends those beside it. */
void ngx_http_llmbroker_hedge_won(ngx_http_llmbroker_attempt_t *winner);


#endif /* _NGX_HTTP_LLMBROKER_HEDGE_H_INCLUDED_ */
