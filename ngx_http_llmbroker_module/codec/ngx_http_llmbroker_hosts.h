
/*
 * The files hosts and resolv.conf, as far as they say who knows a name.
 */


#ifndef _NGX_HTTP_LLMBROKER_HOSTS_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_HOSTS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Whether hosts(5), or RFC 6761 (localhost), has a name.
 *
 * text:  of the file
 * name:  lower case
 */
ngx_uint_t ngx_http_llmbroker_hosts_find(ngx_str_t *text, ngx_str_t *name);

/*
 * Finds the name servers of resolv.conf(5), in order.
 *
 * text:     of the file
 * servers:  n of them at most; what they point to is in text
 *
 * Return: their number.
 */
ngx_uint_t ngx_http_llmbroker_hosts_servers(ngx_str_t *text,
    ngx_str_t *servers, ngx_uint_t n);


#endif /* _NGX_HTTP_LLMBROKER_HOSTS_H_INCLUDED_ */
