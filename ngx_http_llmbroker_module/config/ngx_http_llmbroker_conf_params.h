
/*
 * default_params, override_params and drop_params: YAML values become JSON
 * texts at start, so that a request only copies them.
 */


#ifndef _NGX_HTTP_LLMBROKER_CONF_PARAMS_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_CONF_PARAMS_H_INCLUDED_


#include "config/ngx_http_llmbroker_conf_log.h"


/*
 * Fills model->defaults from default_params.  Plain ones are for chat and
 * completions.  Nested ones, with nothing but mappings named "chat",
 * "completions" and "embeddings", are for that kind of call; without
 * "completions" those of "chat" are for both.
 *
 * Return: NGX_OK; NGX_DECLINED with rd->unset set; NGX_ERROR (logged).
 */
ngx_int_t ngx_http_llmbroker_conf_defaults(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *map, ngx_http_llmbroker_model_t *model);

/* Fills an array of param_t from a mapping.  Return: as above. */
ngx_int_t ngx_http_llmbroker_conf_params(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *map, ngx_array_t *params);

/* A mapping as the tree of a JSON object.  Return: as above. */
ngx_int_t ngx_http_llmbroker_conf_object(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *map, ngx_http_llmbroker_json_t **object);

/* Fills an array of ngx_str_t from a list of names.  Return: as above. */
ngx_int_t ngx_http_llmbroker_conf_names(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *list, ngx_array_t *names);

/*
 * A text as a JSON string, quoted and escaped, from the configuration's pool.
 * Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_conf_quote(ngx_http_llmbroker_reader_t *rd,
    ngx_str_t *text, ngx_str_t *json);


#endif /* _NGX_HTTP_LLMBROKER_CONF_PARAMS_H_INCLUDED_ */
