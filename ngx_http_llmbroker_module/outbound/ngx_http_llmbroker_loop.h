
/*
 * libcurl's multi-socket interface on nginx's event loop: HTTP transfers that
 * happen beside requests and never block the worker.
 */


#ifndef _NGX_HTTP_LLMBROKER_LOOP_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_LOOP_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "outbound/ngx_http_llmbroker_transfer.h"


/* at a time; more of them wait */
#define NGX_HTTP_LLMBROKER_LOOP_TRANSFERS  32


/*
 * Prepares libcurl; in a process that will start transfers, before it does.
 * Return: NGX_OK, NGX_ERROR (logged).
 */
ngx_int_t ngx_http_llmbroker_loop_init(ngx_log_t *log);

/*
 * Starts a transfer, or queues it behind those that run.  The handler is
 * called once, later, never from inside of this function; then the transfer is
 * the caller's again, and its pool may go.
 * Return: NGX_OK; NGX_DECLINED when the process is about to exit; NGX_ERROR.
 * The handler is not called when it is not NGX_OK.
 */
ngx_int_t ngx_http_llmbroker_loop_start(ngx_http_llmbroker_transfer_t *t);

/*
 * Ends all transfers and gives everything back; for exit_process.  Handlers
 * are not called.  Does nothing where ..._init() was not called.
 */
void ngx_http_llmbroker_loop_exit(void);


#endif /* _NGX_HTTP_LLMBROKER_LOOP_H_INCLUDED_ */
