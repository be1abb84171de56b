
/*
 * The upstream{} blocks and TLS contexts that deployments share.
 */


#ifndef _NGX_HTTP_LLMBROKER_CONF_UPSTREAM_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_CONF_UPSTREAM_H_INCLUDED_


#include "config/ngx_http_llmbroker_conf_log.h"


typedef struct {
    ngx_str_t                        ca_file;    /* empty: the system's */
    ngx_http_llmbroker_yaml_t       *ca;         /* its value, for messages */
    ngx_uint_t                       verify;
    ngx_msec_t                       connect_timeout;
} ngx_http_llmbroker_conf_transport_t;


/* Prepares rd->upstream and the registries.  Return: NGX_OK, NGX_ERROR. */
ngx_int_t ngx_http_llmbroker_conf_upstream_init(
    ngx_http_llmbroker_reader_t *rd);

/*
 * Fills d->upstream and d->resolve.  Deployments with the same scheme, host,
 * port and TLS settings share one upstream{} and so its connections.  A host
 * is looked up once; one that is not found is a warning.
 *
 * v:  for messages
 *
 * Return: NGX_OK, NGX_ERROR (logged).
 */
ngx_int_t ngx_http_llmbroker_conf_upstream(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_http_llmbroker_deployment_t *d,
    ngx_http_llmbroker_conf_transport_t *transport);


#endif /* _NGX_HTTP_LLMBROKER_CONF_UPSTREAM_H_INCLUDED_ */
