
/*
 * AWS Signature Version 4 of a request (wire format section 7.3).
 */


#ifndef _NGX_HTTP_LLMBROKER_SIGV4_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_SIGV4_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef struct {
    ngx_str_t    method;
    ngx_str_t    host;               /* of the Host header */
    ngx_str_t    path;               /* and query, as in the request line */
    ngx_str_t    content_type;       /* as sent; empty: it is not signed */

    ngx_str_t    region;
    ngx_str_t    service;

    ngx_str_t    access_key_id;
    ngx_str_t    secret_access_key;
    ngx_str_t    session_token;      /* empty: there is none */
} ngx_http_llmbroker_sigv4_t;


/*
 * Signs a request whose body is in memory, for every service but S3: the path
 * is encoded once more than it is sent, "%3A" as "%253A".
 *
 * body:   may be NULL
 * lines:  set to the header lines "X-Amz-Date", "X-Amz-Security-Token" when
 *         there is a token, and "Authorization", each with its CRLF; from pool
 *
 * Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_sigv4(ngx_pool_t *pool,
    ngx_http_llmbroker_sigv4_t *request, ngx_chain_t *body, time_t now,
    ngx_str_t *lines);


#endif /* _NGX_HTTP_LLMBROKER_SIGV4_H_INCLUDED_ */
