
/*
 * Headers of a client's request and of its response.
 */


#ifndef _NGX_HTTP_LLMBROKER_HEADERS_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_HEADERS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/*
 * Adds a response header; name and value must live as long as the request.
 * Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_add_header(ngx_http_request_t *r,
    const char *name, ngx_str_t *value);

/*
 * A request header by its lower-case name.  Return: NULL when there is none.
 */
ngx_table_elt_t *ngx_http_llmbroker_header_in(ngx_http_request_t *r,
    const char *name);


#endif /* _NGX_HTTP_LLMBROKER_HEADERS_H_INCLUDED_ */
