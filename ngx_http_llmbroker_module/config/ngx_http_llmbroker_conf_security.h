
/*
 * The section "security": who may call, and from which pages.
 */


#ifndef _NGX_HTTP_LLMBROKER_CONF_SECURITY_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_CONF_SECURITY_H_INCLUDED_


#include "config/ngx_http_llmbroker_conf_log.h"


/*
 * Fills the client keys' hashes and the origins of rd->conf.
 * Return: NGX_OK, NGX_ERROR (logged).
 */
ngx_int_t ngx_http_llmbroker_conf_security(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *map);


#endif /* _NGX_HTTP_LLMBROKER_CONF_SECURITY_H_INCLUDED_ */
