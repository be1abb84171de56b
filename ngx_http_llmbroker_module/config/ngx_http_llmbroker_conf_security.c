
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "config/ngx_http_llmbroker_conf_security.h"
#include "config/ngx_http_llmbroker_conf_value.h"


typedef struct {
    ngx_uint_t                       auth;
    ngx_http_llmbroker_yaml_t       *keys;
    ngx_http_llmbroker_yaml_t       *origins;
} ngx_http_llmbroker_security_t;


static ngx_int_t ngx_http_llmbroker_conf_client_keys(
    ngx_http_llmbroker_reader_t *rd, ngx_http_llmbroker_yaml_t *list);
static ngx_int_t ngx_http_llmbroker_conf_origins(
    ngx_http_llmbroker_reader_t *rd, ngx_http_llmbroker_yaml_t *list);
static ngx_uint_t ngx_http_llmbroker_conf_is_origin(ngx_str_t *text);
static void ngx_http_llmbroker_conf_skipped(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v);


static const ngx_http_llmbroker_conf_key_t
    ngx_http_llmbroker_conf_security_keys[] =
{
    { ngx_string("enable_api_key_auth"),
      NGX_HTTP_LLMBROKER_IN_SECTION,
      ngx_http_llmbroker_conf_set_flag,
      offsetof(ngx_http_llmbroker_security_t, auth),
      0, 0 },

    { ngx_string("api_keys"),
      NGX_HTTP_LLMBROKER_IN_SECTION,
      ngx_http_llmbroker_conf_set_list,
      offsetof(ngx_http_llmbroker_security_t, keys),
      0, 0 },

    { ngx_string("allowed_origins"),
      NGX_HTTP_LLMBROKER_IN_SECTION,
      ngx_http_llmbroker_conf_set_list,
      offsetof(ngx_http_llmbroker_security_t, origins),
      0, 0 },

    { ngx_null_string, 0, NULL, 0, 0, 0 }
};


ngx_int_t
ngx_http_llmbroker_conf_security(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *map)
{
    ngx_http_llmbroker_security_t  security;

    ngx_memzero(&security, sizeof(ngx_http_llmbroker_security_t));

    if (ngx_http_llmbroker_conf_map(rd, map,
                                    ngx_http_llmbroker_conf_security_keys,
                                    NGX_HTTP_LLMBROKER_IN_SECTION, &security,
                                    NULL)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (security.keys
        && ngx_http_llmbroker_conf_client_keys(rd, security.keys) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (security.origins
        && ngx_http_llmbroker_conf_origins(rd, security.origins) != NGX_OK)
    {
        return NGX_ERROR;
    }

    rd->conf->auth = security.auth;

    if (security.auth
        && (rd->conf->clients == NULL || rd->conf->clients->n == 0))
    {
        return ngx_http_llmbroker_conf_invalid_hidden(rd,
                                     security.keys ? security.keys : map,
                                     "\"enable_api_key_auth\" needs a key");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_conf_client_keys(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *list)
{
    ngx_int_t                      rc;
    ngx_str_t                      text;
    ngx_http_llmbroker_yaml_t     *v;
    ngx_http_llmbroker_clients_t  *clients;

    clients = ngx_http_llmbroker_clients_create(rd->cf->pool, list->n);
    if (clients == NULL) {
        return NGX_ERROR;
    }

    rd->conf->clients = clients;

    for (v = list->child; v; v = v->next) {

        rc = ngx_http_llmbroker_conf_str(rd, v, &text);

        if (rc == NGX_DECLINED) {
            ngx_http_llmbroker_conf_skipped(rd, v);
            continue;
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }

        if (text.len == 0) {
            return ngx_http_llmbroker_conf_invalid(rd, v, "the key is empty");
        }

        if (ngx_http_llmbroker_clients_add(clients, rd->cf->pool, &text)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        /* the hash is all that is needed from now on */

        ngx_explicit_memzero(text.data, text.len);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_conf_origins(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *list)
{
    ngx_int_t                   rc;
    ngx_str_t                   text, *origin;
    ngx_http_llmbroker_yaml_t  *v;

    if (ngx_array_init(&rd->conf->origins, rd->cf->pool,
                       list->n ? list->n : 1, sizeof(ngx_str_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (v = list->child; v; v = v->next) {

        rc = ngx_http_llmbroker_conf_str(rd, v, &text);

        if (rc == NGX_DECLINED) {
            ngx_http_llmbroker_conf_skipped(rd, v);
            continue;
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }

        if (text.len == 1 && text.data[0] == '*') {
            rd->conf->any_origin = 1;
            continue;
        }

        if (!ngx_http_llmbroker_conf_is_origin(&text)) {
            return ngx_http_llmbroker_conf_invalid(rd, v,
                          "expected \"*\" or one such as https://example.com");
        }

        origin = ngx_array_push(&rd->conf->origins);
        if (origin == NULL) {
            return NGX_ERROR;
        }

        *origin = text;
    }

    return NGX_OK;
}


/* scheme "://" host [":" port]: what a browser sends and no more */

static ngx_uint_t
ngx_http_llmbroker_conf_is_origin(ngx_str_t *text)
{
    u_char  *p, *last;

    last = text->data + text->len;

    p = ngx_strlchr(text->data, last, ':');

    if (p == NULL || p == text->data
        || last - p < 4 || ngx_strncmp(p, "://", 3) != 0)
    {
        return 0;
    }

    for (p += 3; p < last; p++) {
        if (*p <= 0x20 || *p == '/' || *p == '?' || *p == '#' || *p == '*') {
            return 0;
        }
    }

    return 1;
}


static void
ngx_http_llmbroker_conf_skipped(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v)
{
    u_char  *p;
    u_char   path[NGX_HTTP_LLMBROKER_CONF_PATH];

    p = ngx_http_llmbroker_yaml_path(path, path + sizeof(path), v);

    ngx_http_llmbroker_conf_log(rd, NGX_LOG_WARN,
                                ngx_http_llmbroker_conf_line(v),
                                "variable \"%V\" is not set, %*s is left out",
                                &rd->unset, (size_t) (p - path), path);
}
