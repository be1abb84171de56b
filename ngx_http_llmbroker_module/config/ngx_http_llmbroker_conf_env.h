
/*
 * ${VAR}, ${VAR:-default} and ${file:/path} inside the strings of the file.
 */


#ifndef _NGX_HTTP_LLMBROKER_CONF_ENV_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_CONF_ENV_H_INCLUDED_


#include "config/ngx_http_llmbroker_conf_log.h"


/*
 * The text of the scalar v with all references replaced, allocated from the
 * configuration's pool and NUL-terminated.  A variable that is set but empty
 * counts as unset, as an empty key would be a wrong one.
 *
 * Return: NGX_OK; NGX_DECLINED when a variable is not set, with its name in
 * rd->unset; NGX_ERROR, which has been logged: a malformed reference, a file
 * that cannot be read, an unset variable with proxy.strict_env.
 */
ngx_int_t ngx_http_llmbroker_conf_expand(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_str_t *text);

/* 1 when the scalar v has a reference in it, else 0 */
ngx_uint_t ngx_http_llmbroker_conf_reference(ngx_http_llmbroker_yaml_t *v);


#endif /* _NGX_HTTP_LLMBROKER_CONF_ENV_H_INCLUDED_ */
