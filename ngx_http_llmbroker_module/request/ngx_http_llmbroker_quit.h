
/*
 * The end of a worker process, after a reload or at "quit": calls go on for
 * "drain_timeout", or until shortly before "worker_shutdown_timeout", and are
 * ended in a way that their clients can tell.
 */


#ifndef _NGX_HTTP_LLMBROKER_QUIT_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_QUIT_H_INCLUDED_


#include "request/ngx_http_llmbroker_request.h"


/*
 * Prepares a process that will serve requests.
 *
 * drain_timeout:  msec; 0: none
 *
 * Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_quit_init(ngx_cycle_t *cycle,
    ngx_msec_t drain_timeout);

/* 1: the calls of this process were ended, and no other begins. */
ngx_uint_t ngx_http_llmbroker_quit_over(void);

/* A call is to be ended with the process; until ..._forget(). */
void ngx_http_llmbroker_quit_watch(ngx_http_llmbroker_ctx_t *ctx);
void ngx_http_llmbroker_quit_forget(ngx_http_llmbroker_ctx_t *ctx);


#endif /* _NGX_HTTP_LLMBROKER_QUIT_H_INCLUDED_ */
