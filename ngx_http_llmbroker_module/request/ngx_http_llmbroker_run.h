
/*
 * The attempts of one request: whom to ask, whom to ask next, and when to give
 * up.  A state machine in the main request, woken by the end of an attempt or
 * by a timer.
 */


#ifndef _NGX_HTTP_LLMBROKER_RUN_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_RUN_H_INCLUDED_


#include "request/ngx_http_llmbroker_attempt.h"


/*
 * Starts the first attempt; all that follows, up to the finalization of the
 * request, comes by itself.
 * Return: NGX_OK; NGX_DECLINED when nobody can be asked, with ctx->error set;
 * NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_run(ngx_http_llmbroker_ctx_t *ctx);

/*
 * Picks the next deployment that can be asked this and prepares an attempt,
 * ctx->attempt, which is not started.
 *
 * flags:  as of ngx_http_llmbroker_route()
 *
 * Return: as ngx_http_llmbroker_run().
 */
ngx_int_t ngx_http_llmbroker_run_pick(ngx_http_llmbroker_ctx_t *ctx,
    ngx_uint_t flags);

/* Return: 1 when another attempt may follow the one that has failed. */
ngx_uint_t ngx_http_llmbroker_run_allowed(ngx_http_llmbroker_ctx_t *ctx,
    ngx_http_llmbroker_attempt_t *at);

/* Return: 1 when the request may not make one more attempt. */
ngx_uint_t ngx_http_llmbroker_run_spent(ngx_http_llmbroker_ctx_t *ctx);

/*
 * The first of an attempt's answer has come: notes the time and ends the
 * attempts that were slower.  Later calls do nothing.  May be called within
 * the attempt's upstream handlers.
 */
void ngx_http_llmbroker_run_first(ngx_http_llmbroker_attempt_t *at);

/*
 * The client is to get this attempt's stream, and no other's: sends the
 * response's header.  May be called within the attempt's upstream handlers.
 * Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_run_commit(ngx_http_llmbroker_attempt_t *at);

/*
 * The client has left, and with this attempt, which is done, the request ends:
 * learns what an answer that was read to its end has told.  Within the
 * finalization of the subrequest.
 */
void ngx_http_llmbroker_run_left(ngx_http_llmbroker_attempt_t *at);

/*
 * The process is about to end, and so is the call: with an error that its
 * client can tell.  From a clean stack; the request may be gone afterwards.
 */
void ngx_http_llmbroker_run_quit(ngx_http_llmbroker_ctx_t *ctx);

/* Gives back what the request holds; when its pool is destroyed. */
void ngx_http_llmbroker_run_cleanup(ngx_http_llmbroker_ctx_t *ctx);


#endif /* _NGX_HTTP_LLMBROKER_RUN_H_INCLUDED_ */
