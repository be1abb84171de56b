
/*
 * The end of every response of ours: a JSON body, or the rest of a stream.
 */


#ifndef _NGX_HTTP_LLMBROKER_SEND_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_SEND_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/*
 * Sends a whole response of a type, such as "application/json".
 *
 * type:    static text
 * cl:      the body, at least one buffer
 * length:  its bytes
 *
 * Return: for ngx_http_finalize_request().
 */
ngx_int_t ngx_http_llmbroker_send(ngx_http_request_t *r, ngx_uint_t status,
    const char *type, ngx_chain_t *cl, off_t length);

/* The same for JSON. */
ngx_int_t ngx_http_llmbroker_send_json(ngx_http_request_t *r,
    ngx_uint_t status, ngx_chain_t *cl, off_t length);

/*
 * Sends a chain, which may be empty, as the end of a response whose header
 * was sent.  Return: for ngx_http_finalize_request().
 */
ngx_int_t ngx_http_llmbroker_send_last(ngx_http_request_t *r, ngx_chain_t *cl);

/* Marks the last buffer of a chain as the end of the response. */
void ngx_http_llmbroker_mark_last(ngx_chain_t *cl);


#endif /* _NGX_HTTP_LLMBROKER_SEND_H_INCLUDED_ */
