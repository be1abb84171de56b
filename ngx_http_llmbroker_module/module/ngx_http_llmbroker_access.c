
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "module/ngx_http_llmbroker_module.h"
#include "request/ngx_http_llmbroker_headers.h"


static ngx_int_t ngx_http_llmbroker_client_key(ngx_http_request_t *r,
    ngx_str_t *key);


ngx_int_t
ngx_http_llmbroker_access(ngx_http_request_t *r,
    ngx_http_llmbroker_conf_t *conf)
{
    ngx_str_t  key;

    if (ngx_http_llmbroker_client_key(r, &key) != NGX_OK) {
        return NGX_DECLINED;
    }

    return ngx_http_llmbroker_clients_find(conf->clients, &key)
           ? NGX_OK
           : NGX_DECLINED;
}


static ngx_int_t
ngx_http_llmbroker_client_key(ngx_http_request_t *r, ngx_str_t *key)
{
    ngx_str_t        *value;
    ngx_table_elt_t  *h;

    if (r->headers_in.authorization) {

        value = &r->headers_in.authorization->value;

        if (value->len > 7
            && ngx_strncasecmp(value->data, (u_char *) "Bearer ", 7) == 0)
        {
            key->data = value->data + 7;
            key->len = value->len - 7;

            while (key->len && key->data[0] == ' ') {
                key->data++;
                key->len--;
            }

            return NGX_OK;
        }
    }

    h = ngx_http_llmbroker_header_in(r, "x-api-key");

    if (h == NULL) {
        return NGX_DECLINED;
    }

    *key = h->value;

    return NGX_OK;
}
