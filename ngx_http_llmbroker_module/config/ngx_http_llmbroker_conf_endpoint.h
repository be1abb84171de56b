
/*
 * What a base URL says, and the header lines that go with it.
 */


#ifndef _NGX_HTTP_LLMBROKER_CONF_ENDPOINT_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_CONF_ENDPOINT_H_INCLUDED_


#include "config/ngx_http_llmbroker_conf_log.h"


/*
 * Takes d->base_url apart: host, host_header, port, ssl, target.base_path.
 *
 * v:  for messages; the value, or what stands for it
 *
 * Return: NGX_OK, NGX_ERROR (logged).
 */
ngx_int_t ngx_http_llmbroker_conf_base_url(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_http_llmbroker_deployment_t *d);

/*
 * Makes d->headers from the host and the target's own headers.
 * Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_conf_headers(ngx_pool_t *pool,
    ngx_http_llmbroker_deployment_t *d);

/* 1 when a host's name or address is of this machine, else 0 */
ngx_uint_t ngx_http_llmbroker_conf_loopback(ngx_str_t *host);


#endif /* _NGX_HTTP_LLMBROKER_CONF_ENDPOINT_H_INCLUDED_ */
