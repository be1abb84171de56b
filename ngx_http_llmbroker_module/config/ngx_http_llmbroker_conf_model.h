
/*
 * The section "models": aliases, their deployments and what these inherit.
 */


#ifndef _NGX_HTTP_LLMBROKER_CONF_MODEL_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_CONF_MODEL_H_INCLUDED_


#include "config/ngx_http_llmbroker_conf_log.h"


/*
 * Fills rd->conf->models and the number of slots.
 * Return: NGX_OK, NGX_ERROR (logged).
 */
ngx_int_t ngx_http_llmbroker_conf_models(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *map);


#endif /* _NGX_HTTP_LLMBROKER_CONF_MODEL_H_INCLUDED_ */
