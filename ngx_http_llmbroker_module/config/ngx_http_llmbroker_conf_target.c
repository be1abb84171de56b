
/*
 * Copyright (C) LLMBroker contributors
 */


#include "config/ngx_http_llmbroker_conf_endpoint.h"
#include "config/ngx_http_llmbroker_conf_params.h"
#include "config/ngx_http_llmbroker_conf_target.h"


#define NGX_HTTP_LLMBROKER_CONF_REGION  "{region}"


static ngx_int_t ngx_http_llmbroker_conf_region(
    ngx_http_llmbroker_reader_t *rd, ngx_http_llmbroker_yaml_t *v,
    ngx_http_llmbroker_settings_t *settings,
    ngx_http_llmbroker_target_t *target, ngx_str_t *url);
static ngx_uint_t ngx_http_llmbroker_conf_lacks(
    ngx_http_llmbroker_settings_t *settings);
static ngx_int_t ngx_http_llmbroker_conf_unknown_provider(
    ngx_http_llmbroker_reader_t *rd, ngx_http_llmbroker_yaml_t *v,
    ngx_str_t *name);


ngx_int_t
ngx_http_llmbroker_conf_target(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_http_llmbroker_settings_t *settings,
    ngx_http_llmbroker_model_t *model, ngx_http_llmbroker_deployment_t *d)
{
    ngx_int_t                             rc;
    ngx_pool_t                           *pool;
    ngx_http_llmbroker_yaml_t            *url;
    ngx_http_llmbroker_target_t          *target;
    ngx_http_llmbroker_conf_seen_t       *seen;
    const ngx_http_llmbroker_provider_t  *provider;

    pool = rd->cf->pool;
    seen = settings->seen;
    target = &d->target;

    if (seen[NGX_HTTP_LLMBROKER_KEY_PROVIDER].unset.len) {
        return NGX_OK;
    }

    if (seen[NGX_HTTP_LLMBROKER_KEY_PROVIDER].value == NULL) {
        return ngx_http_llmbroker_conf_invalid_hidden(rd, v,
                                                      "it has no \"provider\"");
    }

    provider = ngx_http_llmbroker_provider_find(&settings->provider);

    if (provider == NULL) {
        return ngx_http_llmbroker_conf_unknown_provider(rd,
                                  seen[NGX_HTTP_LLMBROKER_KEY_PROVIDER].value,
                                  &settings->provider);
    }

    target->row = provider;
    target->provider = provider->name;

    if (seen[NGX_HTTP_LLMBROKER_KEY_MODEL_NAME].unset.len == 0) {
        target->model = settings->model_name;
    }

    if (target->model.len == 0) {
        target->model = model->name;
    }

    if (ngx_http_llmbroker_conf_quote(rd, &target->model, &d->json_model)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    target->api_key = settings->api_key;
    target->region = settings->region;
    target->api_version = settings->api_version;
    target->access_key_id = settings->access_key_id;
    target->secret_access_key = settings->secret_access_key;
    target->session_token = settings->session_token;

    if (settings->capabilities) {
        rc = ngx_http_llmbroker_conf_object(rd, settings->capabilities,
                                            &target->capabilities);

        if (rc == NGX_DECLINED) {
            return ngx_http_llmbroker_conf_invalid_hidden(rd,
                                            settings->capabilities,
                                            "a variable in it is not set");
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }
    }

    url = seen[NGX_HTTP_LLMBROKER_KEY_BASE_URL].value;

    if (seen[NGX_HTTP_LLMBROKER_KEY_BASE_URL].unset.len) {
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_conf_region(rd, v, settings, target, &d->base_url);

    if (rc == NGX_DECLINED) {
        return NGX_OK;
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_llmbroker_conf_base_url(rd, url ? url : v, d) != NGX_OK) {
        return NGX_ERROR;
    }

    target->dialect = ngx_http_llmbroker_provider_dialect(provider,
                                                          &target->base_path);

    target->host = d->host_header;
    target->calls = target->dialect->calls;

    if (provider->calls) {
        target->calls &= provider->calls;
    }

    if (provider->configure) {
        rc = provider->configure(pool, target);

    } else {
        rc = target->dialect->configure(pool, target);
    }

    if (rc == NGX_DECLINED) {

        /* what the provider misses may be what a variable was to give */

        return ngx_http_llmbroker_conf_lacks(settings)
               ? NGX_OK
               : ngx_http_llmbroker_conf_invalid_hidden(rd, v, target->why);
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_conf_headers(pool, d);
}


/*
 * The base URL; a provider's default may be different in every region.
 * NGX_DECLINED: the variable that was to tell the region is not set.
 */

static ngx_int_t
ngx_http_llmbroker_conf_region(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_http_llmbroker_settings_t *settings,
    ngx_http_llmbroker_target_t *target, ngx_str_t *url)
{
    u_char     *p, *place;
    ngx_str_t   text;

    *url = settings->base_url.len ? settings->base_url
                                  : target->row->base_url;

    if (url->len == 0) {
        return ngx_http_llmbroker_conf_invalid_hidden(rd, v,
                                                      "it has no \"base_url\"");
    }

    if (settings->base_url.len) {
        return NGX_OK;
    }

    place = ngx_strnstr(url->data, NGX_HTTP_LLMBROKER_CONF_REGION, url->len);

    if (place == NULL) {
        return NGX_OK;
    }

    if (settings->seen[NGX_HTTP_LLMBROKER_KEY_REGION].unset.len) {
        return NGX_DECLINED;
    }

    if (settings->region.len == 0) {
        return ngx_http_llmbroker_conf_invalid_hidden(rd, v,
                                 "it has neither \"region\" nor \"base_url\"");
    }

    text.data = ngx_pnalloc(rd->cf->pool, url->len + settings->region.len + 1);
    if (text.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(text.data, url->data, place - url->data);
    p = ngx_cpymem(p, settings->region.data, settings->region.len);

    place += sizeof(NGX_HTTP_LLMBROKER_CONF_REGION) - 1;

    p = ngx_cpymem(p, place, url->data + url->len - place);
    *p = '\0';

    text.len = p - text.data;
    *url = text;

    return NGX_OK;
}


/* whether one of the keys that only some dialects need awaits a variable */

static ngx_uint_t
ngx_http_llmbroker_conf_lacks(ngx_http_llmbroker_settings_t *settings)
{
    ngx_uint_t  i;

    for (i = NGX_HTTP_LLMBROKER_KEY_REGION;
         i <= NGX_HTTP_LLMBROKER_KEY_SESSION_TOKEN;
         i++)
    {
        if (settings->seen[i].unset.len) {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_llmbroker_conf_unknown_provider(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_str_t *name)
{
    ngx_http_llmbroker_conf_near_t        near;
    const ngx_http_llmbroker_provider_t  *p;

    ngx_http_llmbroker_conf_near(&near, name);

    for (p = ngx_http_llmbroker_providers; p->name.len; p++) {
        ngx_http_llmbroker_conf_offer(&near, (ngx_str_t *) &p->name);
        ngx_http_llmbroker_conf_offer(&near, (ngx_str_t *) &p->alias);
    }

    return ngx_http_llmbroker_conf_unknown(rd, v, "provider", &near);
}
