
/*
 * What the client is sent: the answer of the attempt that it is of, or the
 * error.
 */


#ifndef _NGX_HTTP_LLMBROKER_REPLY_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_REPLY_H_INCLUDED_


#include "request/ngx_http_llmbroker_request.h"


/*
 * Sends the header of a streamed answer; once, before the first of its bytes.
 * Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_reply_header(ngx_http_llmbroker_ctx_t *ctx);

/*
 * Sends the answer of ctx->attempt, or what is left of its stream, and ends
 * the response.
 *
 * rc:  NGX_OK; else ctx->error is told, in a stream as its last event
 *
 * Return: for ngx_http_finalize_request().
 */
ngx_int_t ngx_http_llmbroker_reply(ngx_http_llmbroker_ctx_t *ctx,
    ngx_int_t rc);


#endif /* _NGX_HTTP_LLMBROKER_REPLY_H_INCLUDED_ */
