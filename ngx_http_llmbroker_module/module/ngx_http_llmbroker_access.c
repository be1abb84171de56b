
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <openssl/sha.h>

#include "module/ngx_http_llmbroker_module.h"
#include "request/ngx_http_llmbroker_headers.h"


static ngx_int_t ngx_http_llmbroker_client_key(ngx_http_request_t *r,
    ngx_str_t *key);


/*
 * All keys are compared, each in constant time and over hashes of one length,
 * so that the time tells nothing about any of them.
 */

ngx_int_t
ngx_http_llmbroker_access(ngx_http_request_t *r,
    ngx_http_llmbroker_conf_t *conf)
{
    u_char                           hash[SHA256_DIGEST_LENGTH], diff;
    ngx_str_t                        key;
    ngx_uint_t                       i, j, found;
    ngx_http_llmbroker_client_key_t *keys;

    if (ngx_http_llmbroker_client_key(r, &key) != NGX_OK) {
        return NGX_DECLINED;
    }

    SHA256(key.data, key.len, hash);

    found = 0;
    keys = conf->client_keys.elts;

    for (i = 0; i < conf->client_keys.nelts; i++) {

        diff = 0;

        for (j = 0; j < SHA256_DIGEST_LENGTH; j++) {
            diff |= keys[i].hash[j] ^ hash[j];
        }

        found |= (diff == 0);
    }

    return found ? NGX_OK : NGX_DECLINED;
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
