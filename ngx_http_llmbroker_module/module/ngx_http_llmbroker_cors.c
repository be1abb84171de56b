
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "module/ngx_http_llmbroker_module.h"
#include "request/ngx_http_llmbroker_headers.h"


static ngx_uint_t ngx_http_llmbroker_origin_allowed(
    ngx_http_llmbroker_conf_t *conf, ngx_str_t *origin);
static ngx_uint_t ngx_http_llmbroker_has_control(ngx_str_t *value);


ngx_int_t
ngx_http_llmbroker_cors(ngx_http_request_t *r,
    ngx_http_llmbroker_conf_t *conf)
{
    ngx_str_t         allowed;
    ngx_table_elt_t  *origin;

    static ngx_str_t  expose = ngx_string("x-request-id, x-llmbroker-model, "
                                          "x-llmbroker-provider, "
                                          "x-llmbroker-attempts, "
                                          "x-llmbroker-dropped-params, "
                                          "retry-after");
    static ngx_str_t  vary = ngx_string("Origin");

    if (!conf->any_origin && conf->origins.nelts == 0) {
        return NGX_OK;
    }

    origin = ngx_http_llmbroker_header_in(r, "origin");

    if (conf->any_origin) {

        if (origin == NULL) {
            return NGX_OK;
        }

        ngx_str_set(&allowed, "*");

    } else {

        /* what is answered depends on the origin, also when there is none */

        if (ngx_http_llmbroker_add_header(r, "Vary", &vary) != NGX_OK) {
            return NGX_ERROR;
        }

        if (origin == NULL
            || !ngx_http_llmbroker_origin_allowed(conf, &origin->value))
        {
            return NGX_OK;
        }

        allowed = origin->value;
    }

    if (ngx_http_llmbroker_add_header(r, "Access-Control-Allow-Origin",
                                      &allowed)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_add_header(r, "Access-Control-Expose-Headers",
                                         &expose);
}


static ngx_uint_t
ngx_http_llmbroker_origin_allowed(ngx_http_llmbroker_conf_t *conf,
    ngx_str_t *origin)
{
    ngx_str_t   *origins;
    ngx_uint_t   i;

    origins = conf->origins.elts;

    for (i = 0; i < conf->origins.nelts; i++) {
        if (origins[i].len == origin->len
            && ngx_strncasecmp(origins[i].data, origin->data, origin->len)
               == 0)
        {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_http_llmbroker_cors_preflight(ngx_http_request_t *r)
{
    ngx_str_t         value;
    ngx_table_elt_t  *h;

    ngx_str_set(&value, "GET, POST, OPTIONS");

    if (ngx_http_llmbroker_add_header(r, "Access-Control-Allow-Methods",
                                      &value)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* "*" does not cover Authorization: what is asked for is named */

    h = ngx_http_llmbroker_header_in(r, "access-control-request-headers");

    if (h && h->value.len && !ngx_http_llmbroker_has_control(&h->value)) {
        value = h->value;

    } else {
        ngx_str_set(&value, "Authorization, Content-Type, x-api-key");
    }

    if (ngx_http_llmbroker_add_header(r, "Access-Control-Allow-Headers",
                                      &value)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&value, "86400");

    return ngx_http_llmbroker_add_header(r, "Access-Control-Max-Age", &value);
}


static ngx_uint_t
ngx_http_llmbroker_has_control(ngx_str_t *value)
{
    size_t  i;

    for (i = 0; i < value->len; i++) {
        if (value->data[i] < 0x20 || value->data[i] == 0x7f) {
            return 1;
        }
    }

    return 0;
}
