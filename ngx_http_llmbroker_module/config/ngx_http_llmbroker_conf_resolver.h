
/*
 * Who is asked at run time for the addresses of which names.
 */


#ifndef _NGX_HTTP_LLMBROKER_CONF_RESOLVER_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_CONF_RESOLVER_H_INCLUDED_


#include "config/ngx_http_llmbroker_conf_log.h"


/*
 * Whether a host stays what it was at start: it is an address, or a name that
 * /etc/hosts has, which DNS would not know or would know better.
 *
 * Return: 1, 0, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_conf_fixed(ngx_http_llmbroker_reader_t *rd,
    ngx_str_t *host);

/*
 * Gives all names a resolver; at postconfiguration.  One notice when nobody
 * can be asked.
 *
 * resolver:  what "resolver" has made; NULL: the system's name servers are
 *            asked
 * timeout:   of "resolver_timeout"
 *
 * Return: NGX_OK, NGX_ERROR (logged).
 */
ngx_int_t ngx_http_llmbroker_conf_resolver(ngx_conf_t *cf,
    ngx_http_llmbroker_conf_t *conf, ngx_resolver_t *resolver,
    ngx_msec_t timeout);


#endif /* _NGX_HTTP_LLMBROKER_CONF_RESOLVER_H_INCLUDED_ */
