
/*
 * The dry run: a client is answered with the request that its provider would
 * be sent (proxy.allow_dry_run, x-llmbroker-dry-run: 1).
 */


#ifndef _NGX_HTTP_LLMBROKER_DRY_RUN_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_DRY_RUN_H_INCLUDED_


#include "request/ngx_http_llmbroker_attempt.h"


/* 1 when the client's header asks for a dry run, else 0 */
ngx_uint_t ngx_http_llmbroker_dry_run_asked(ngx_http_request_t *r);

/*
 * Writes the answer for an attempt that is prepared to at->out: method, url,
 * headers with secrets masked, body, and the parameters that were dropped.
 * Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_dry_run(ngx_http_llmbroker_attempt_t *at);


#endif /* _NGX_HTTP_LLMBROKER_DRY_RUN_H_INCLUDED_ */
