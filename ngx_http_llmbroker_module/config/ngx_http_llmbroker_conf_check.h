
/*
 * What can be checked only when all models are known: references by alias.
 */


#ifndef _NGX_HTTP_LLMBROKER_CONF_CHECK_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_CONF_CHECK_H_INCLUDED_


#include "config/ngx_http_llmbroker_conf_log.h"


/*
 * Builds the table of names and resolves the fallbacks.
 *
 * models:         the section
 * default_model:  its value, or NULL
 * name:           its text
 *
 * Return: NGX_OK, NGX_ERROR (logged).
 */
ngx_int_t ngx_http_llmbroker_conf_check(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *models,
    ngx_http_llmbroker_yaml_t *default_model, ngx_str_t *name);


#endif /* _NGX_HTTP_LLMBROKER_CONF_CHECK_H_INCLUDED_ */
