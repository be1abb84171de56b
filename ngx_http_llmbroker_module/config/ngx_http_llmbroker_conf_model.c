
/*
 * Copyright (C) LLMBroker contributors
 */


#include "config/ngx_http_llmbroker_conf_model.h"
#include "config/ngx_http_llmbroker_conf_params.h"
#include "config/ngx_http_llmbroker_conf_target.h"
#include "config/ngx_http_llmbroker_conf_tier.h"
#include "config/ngx_http_llmbroker_conf_upstream.h"


#define NGX_HTTP_LLMBROKER_CONF_CONNECT  10000


static ngx_int_t ngx_http_llmbroker_conf_one_model(
    ngx_http_llmbroker_reader_t *rd, ngx_http_llmbroker_yaml_t *v,
    ngx_http_llmbroker_model_t *model);
static ngx_int_t ngx_http_llmbroker_conf_alias(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_http_llmbroker_model_t *model);
static ngx_int_t ngx_http_llmbroker_conf_model_map(
    ngx_http_llmbroker_reader_t *rd, ngx_http_llmbroker_yaml_t *v,
    ngx_uint_t where, ngx_http_llmbroker_settings_t *settings);
static ngx_int_t ngx_http_llmbroker_conf_model_policy(
    ngx_http_llmbroker_reader_t *rd, ngx_http_llmbroker_yaml_t *v,
    ngx_http_llmbroker_settings_t *settings,
    ngx_http_llmbroker_model_t *model, ngx_str_t *unset);
static ngx_int_t ngx_http_llmbroker_conf_model_params(
    ngx_http_llmbroker_reader_t *rd, ngx_http_llmbroker_settings_t *settings,
    ngx_http_llmbroker_model_t *model);
static ngx_int_t ngx_http_llmbroker_conf_deployments(
    ngx_http_llmbroker_reader_t *rd, ngx_http_llmbroker_yaml_t *v,
    ngx_http_llmbroker_settings_t *settings,
    ngx_http_llmbroker_model_t *model);
static void ngx_http_llmbroker_conf_disinherit(ngx_http_llmbroker_yaml_t *v,
    ngx_http_llmbroker_settings_t *settings);
static ngx_int_t ngx_http_llmbroker_conf_deployment(
    ngx_http_llmbroker_reader_t *rd, ngx_http_llmbroker_yaml_t *v,
    ngx_http_llmbroker_settings_t *settings,
    ngx_http_llmbroker_model_t *model, ngx_http_llmbroker_deployment_t *d);
static void ngx_http_llmbroker_conf_missing(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_http_llmbroker_yaml_t *owner,
    ngx_str_t *unset);
static ngx_int_t ngx_http_llmbroker_conf_set_capabilities(
    ngx_http_llmbroker_reader_t *rd, ngx_http_llmbroker_yaml_t *v,
    const ngx_http_llmbroker_conf_key_t *k, void *field);


#define NGX_HTTP_LLMBROKER_IN_BOTH                                            \
    (NGX_HTTP_LLMBROKER_IN_MODEL|NGX_HTTP_LLMBROKER_IN_DEPLOYMENT)


static const ngx_http_llmbroker_conf_key_t
    ngx_http_llmbroker_conf_model_keys[NGX_HTTP_LLMBROKER_KEYS + 1] =
{
    { ngx_string("provider"),
      NGX_HTTP_LLMBROKER_IN_BOTH,
      ngx_http_llmbroker_conf_set_str,
      offsetof(ngx_http_llmbroker_settings_t, provider),
      0, 0 },

    { ngx_string("model_name"),
      NGX_HTTP_LLMBROKER_IN_BOTH,
      ngx_http_llmbroker_conf_set_str,
      offsetof(ngx_http_llmbroker_settings_t, model_name),
      0, 0 },

    { ngx_string("ca_file"),
      NGX_HTTP_LLMBROKER_IN_BOTH,
      ngx_http_llmbroker_conf_set_str,
      offsetof(ngx_http_llmbroker_settings_t, ca_file),
      0, 0 },

    { ngx_string("base_url"),
      NGX_HTTP_LLMBROKER_IN_BOTH,
      ngx_http_llmbroker_conf_set_str,
      offsetof(ngx_http_llmbroker_settings_t, base_url),
      0, 0 },

    { ngx_string("api_key"),
      NGX_HTTP_LLMBROKER_IN_BOTH,
      ngx_http_llmbroker_conf_set_str,
      offsetof(ngx_http_llmbroker_settings_t, api_key),
      0, 0 },

    { ngx_string("region"),
      NGX_HTTP_LLMBROKER_IN_BOTH,
      ngx_http_llmbroker_conf_set_str,
      offsetof(ngx_http_llmbroker_settings_t, region),
      0, 0 },

    { ngx_string("api_version"),
      NGX_HTTP_LLMBROKER_IN_BOTH,
      ngx_http_llmbroker_conf_set_str,
      offsetof(ngx_http_llmbroker_settings_t, api_version),
      0, 0 },

    { ngx_string("access_key_id"),
      NGX_HTTP_LLMBROKER_IN_BOTH,
      ngx_http_llmbroker_conf_set_str,
      offsetof(ngx_http_llmbroker_settings_t, access_key_id),
      0, 0 },

    { ngx_string("secret_access_key"),
      NGX_HTTP_LLMBROKER_IN_BOTH,
      ngx_http_llmbroker_conf_set_str,
      offsetof(ngx_http_llmbroker_settings_t, secret_access_key),
      0, 0 },

    { ngx_string("session_token"),
      NGX_HTTP_LLMBROKER_IN_BOTH,
      ngx_http_llmbroker_conf_set_str,
      offsetof(ngx_http_llmbroker_settings_t, session_token),
      0, 0 },

    { ngx_string("first_token_timeout"),
      NGX_HTTP_LLMBROKER_IN_BOTH,
      ngx_http_llmbroker_conf_set_msec,
      offsetof(ngx_http_llmbroker_settings_t, first_token_timeout),
      1, 0 },

    { ngx_string("deployments"),
      NGX_HTTP_LLMBROKER_IN_MODEL,
      ngx_http_llmbroker_conf_set_list,
      offsetof(ngx_http_llmbroker_settings_t, deployments),
      0, 0 },

    { ngx_string("fallbacks"),
      NGX_HTTP_LLMBROKER_IN_MODEL,
      ngx_http_llmbroker_conf_set_list,
      offsetof(ngx_http_llmbroker_settings_t, fallbacks),
      0, 0 },

    { ngx_string("tls_verify"),
      NGX_HTTP_LLMBROKER_IN_BOTH,
      ngx_http_llmbroker_conf_set_flag,
      offsetof(ngx_http_llmbroker_settings_t, tls_verify),
      0, 0 },

    { ngx_string("timeout"),
      NGX_HTTP_LLMBROKER_IN_BOTH,
      ngx_http_llmbroker_conf_set_msec,
      offsetof(ngx_http_llmbroker_settings_t, timeout),
      1, 0 },

    { ngx_string("connect_timeout"),
      NGX_HTTP_LLMBROKER_IN_BOTH,
      ngx_http_llmbroker_conf_set_msec,
      offsetof(ngx_http_llmbroker_settings_t, connect_timeout),
      1, 0 },

    { ngx_string("idle_timeout"),
      NGX_HTTP_LLMBROKER_IN_BOTH,
      ngx_http_llmbroker_conf_set_msec,
      offsetof(ngx_http_llmbroker_settings_t, idle_timeout),
      1, 0 },

    { ngx_string("weight"),
      NGX_HTTP_LLMBROKER_IN_DEPLOYMENT,
      ngx_http_llmbroker_conf_set_num,
      offsetof(ngx_http_llmbroker_settings_t, weight),
      1, 1000000 },

    { ngx_string("priority"),
      NGX_HTTP_LLMBROKER_IN_DEPLOYMENT,
      ngx_http_llmbroker_conf_set_num,
      offsetof(ngx_http_llmbroker_settings_t, priority),
      0, 1000000 },

    { ngx_string("default_params"),
      NGX_HTTP_LLMBROKER_IN_MODEL,
      ngx_http_llmbroker_conf_set_mapping,
      offsetof(ngx_http_llmbroker_settings_t, default_params),
      0, 0 },

    { ngx_string("override_params"),
      NGX_HTTP_LLMBROKER_IN_MODEL,
      ngx_http_llmbroker_conf_set_mapping,
      offsetof(ngx_http_llmbroker_settings_t, override_params),
      0, 0 },

    { ngx_string("drop_params"),
      NGX_HTTP_LLMBROKER_IN_MODEL,
      ngx_http_llmbroker_conf_set_list,
      offsetof(ngx_http_llmbroker_settings_t, drop_params),
      0, 0 },

    { ngx_string("capabilities"),
      NGX_HTTP_LLMBROKER_IN_BOTH,
      ngx_http_llmbroker_conf_set_capabilities,
      offsetof(ngx_http_llmbroker_settings_t, capabilities),
      0, 0 },

    { ngx_null_string, 0, NULL, 0, 0, 0 }
};


ngx_int_t
ngx_http_llmbroker_conf_models(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *map)
{
    ngx_http_llmbroker_yaml_t   *v;
    ngx_http_llmbroker_conf_t   *conf;
    ngx_http_llmbroker_model_t  *model;

    conf = rd->conf;

    if (map->n == 0) {
        return ngx_http_llmbroker_conf_invalid(rd, map, "it has no models");
    }

    /* the array never grows: others point into it */

    if (ngx_array_init(&conf->models, rd->cf->pool, map->n,
                       sizeof(ngx_http_llmbroker_model_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (v = map->child; v; v = v->next) {

        model = ngx_array_push(&conf->models);
        if (model == NULL) {
            return NGX_ERROR;
        }

        ngx_memzero(model, sizeof(ngx_http_llmbroker_model_t));

        if (ngx_http_llmbroker_conf_one_model(rd, v, model) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_conf_one_model(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_http_llmbroker_model_t *model)
{
    ngx_int_t                       rc;
    ngx_str_t                       unset;
    ngx_uint_t                      i;
    ngx_http_llmbroker_settings_t   settings;

    if (ngx_http_llmbroker_conf_alias(rd, v, model) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_memzero(&settings, sizeof(ngx_http_llmbroker_settings_t));

    settings.model_name = model->name;
    settings.timeout = rd->timeout;
    settings.tls_verify = 1;
    settings.weight = 1;
    settings.policy = rd->policy;

    if (ngx_http_llmbroker_conf_model_map(rd, v, NGX_HTTP_LLMBROKER_IN_MODEL,
                                          &settings)
        != NGX_OK
        || ngx_http_llmbroker_conf_model_policy(rd, v, &settings, model,
                                                &unset)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_http_llmbroker_conf_model_params(rd, &settings, model);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED) {
        unset = rd->unset;
        ngx_http_llmbroker_conf_missing(rd, v, v, &unset);
    }

    if (ngx_http_llmbroker_conf_deployments(rd, v, &settings, model)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (unset.len) {
        for (i = 0; i < model->ndeployments; i++) {
            model->deployments[i].missing = unset;
        }
    }

    if (ngx_http_llmbroker_conf_tiers(rd->cf->pool, model) != NGX_OK) {
        return NGX_ERROR;
    }

    if (model->ntiers == 0) {
        model->missing = model->deployments[0].missing;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_conf_model_map(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_uint_t where,
    ngx_http_llmbroker_settings_t *settings)
{
    ngx_http_llmbroker_conf_table_t  tables[] = {
        { ngx_http_llmbroker_conf_model_keys, settings, settings->seen },
        { ngx_http_llmbroker_conf_policy_keys, &settings->policy,
          settings->policy_seen },
        { NULL, NULL, NULL }
    };

    return ngx_http_llmbroker_conf_tables(rd, v, tables, where);
}


/* unset: the variable that the policy lacks, or empty */

static ngx_int_t
ngx_http_llmbroker_conf_model_policy(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_http_llmbroker_settings_t *settings,
    ngx_http_llmbroker_model_t *model, ngx_str_t *unset)
{
    ngx_uint_t                       i;
    ngx_http_llmbroker_conf_seen_t  *seen;

    ngx_str_null(unset);

    seen = settings->policy_seen;

    for (i = 0; i < NGX_HTTP_LLMBROKER_POLICY_KEYS; i++) {
        if (seen[i].unset.len) {
            *unset = seen[i].unset;
            ngx_http_llmbroker_conf_missing(rd, seen[i].value, v, unset);
            break;
        }
    }

    model->policy = settings->policy;

    return ngx_http_llmbroker_conf_policy(rd, v, &model->policy);
}


static ngx_int_t
ngx_http_llmbroker_conf_alias(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_http_llmbroker_model_t *model)
{
    size_t  i;

    if (v->key.len == 0 || v->key.len > NGX_HTTP_LLMBROKER_MAX_ALIAS) {
        return ngx_http_llmbroker_conf_invalid_hidden(rd, v,
                              "a model's name must have 1 to 256 bytes");
    }

    /* the alias becomes a response header */

    for (i = 0; i < v->key.len; i++) {
        if (v->key.data[i] < 0x20 || v->key.data[i] == 0x7f) {
            return ngx_http_llmbroker_conf_invalid_hidden(rd, v,
                    "a control character is not allowed in a model's name");
        }
    }

    model->line = v->key_line;

    model->name.len = v->key.len;
    model->name.data = ngx_pstrdup(rd->cf->pool, &v->key);
    if (model->name.data == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_conf_quote(rd, &model->name, &model->json_name);
}


static ngx_int_t
ngx_http_llmbroker_conf_model_params(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_settings_t *settings, ngx_http_llmbroker_model_t *model)
{
    ngx_int_t  rc;

    if (settings->default_params) {
        rc = ngx_http_llmbroker_conf_defaults(rd, settings->default_params,
                                              model);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (settings->override_params) {
        rc = ngx_http_llmbroker_conf_params(rd, settings->override_params,
                                            &model->overrides);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (settings->drop_params) {
        return ngx_http_llmbroker_conf_names(rd, settings->drop_params,
                                             &model->drop);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_conf_deployments(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_http_llmbroker_settings_t *settings,
    ngx_http_llmbroker_model_t *model)
{
    ngx_uint_t                        n;
    ngx_http_llmbroker_yaml_t        *list;
    ngx_http_llmbroker_settings_t     merged;
    ngx_http_llmbroker_deployment_t  *d;

    list = settings->deployments;
    n = list ? list->n : 1;

    if (n == 0) {
        return ngx_http_llmbroker_conf_invalid(rd, list,
                                               "it has no deployments");
    }

    d = ngx_pcalloc(rd->cf->pool, n * sizeof(ngx_http_llmbroker_deployment_t));
    if (d == NULL) {
        return NGX_ERROR;
    }

    model->deployments = d;
    model->ndeployments = n;

    if (list == NULL) {
        return ngx_http_llmbroker_conf_deployment(rd, v, settings, model, d);
    }

    for (v = list->child; v; v = v->next) {

        merged = *settings;

        ngx_http_llmbroker_conf_disinherit(v, &merged);

        if (ngx_http_llmbroker_conf_model_map(rd, v,
                                              NGX_HTTP_LLMBROKER_IN_DEPLOYMENT,
                                              &merged)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (ngx_http_llmbroker_conf_deployment(rd, v, &merged, model, d++)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/*
 * A key must not go to another company than it was given for, and its base
 * URL is of no use to another provider: with a provider of its own a
 * deployment inherits neither, nor what describes the other's model.
 */

static void
ngx_http_llmbroker_conf_disinherit(ngx_http_llmbroker_yaml_t *v,
    ngx_http_llmbroker_settings_t *settings)
{
    ngx_http_llmbroker_yaml_t       *provider;
    ngx_http_llmbroker_conf_seen_t  *seen;

    provider = ngx_http_llmbroker_yaml_get(v, "provider");

    if (provider == NULL
        || settings->provider.len == 0
        || provider->type != NGX_HTTP_LLMBROKER_YAML_SCALAR
        || ngx_http_llmbroker_conf_null(provider)
        || ngx_http_llmbroker_provider_find(&provider->value)
           == ngx_http_llmbroker_provider_find(&settings->provider))
    {
        return;
    }

    seen = settings->seen;

    ngx_str_null(&settings->base_url);
    ngx_str_null(&settings->api_key);
    ngx_str_null(&settings->region);
    ngx_str_null(&settings->api_version);
    ngx_str_null(&settings->access_key_id);
    ngx_str_null(&settings->secret_access_key);
    ngx_str_null(&settings->session_token);

    settings->capabilities = NULL;

    ngx_memzero(&seen[NGX_HTTP_LLMBROKER_KEY_BASE_URL],
                (NGX_HTTP_LLMBROKER_KEY_SESSION_TOKEN
                 - NGX_HTTP_LLMBROKER_KEY_BASE_URL + 1)
                * sizeof(ngx_http_llmbroker_conf_seen_t));
}


static ngx_int_t
ngx_http_llmbroker_conf_deployment(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_http_llmbroker_settings_t *settings,
    ngx_http_llmbroker_model_t *model, ngx_http_llmbroker_deployment_t *d)
{
    ngx_uint_t                            i;
    ngx_http_llmbroker_yaml_t            *url;
    ngx_http_llmbroker_conf_seen_t       *seen;
    ngx_http_llmbroker_conf_transport_t   transport;

    seen = settings->seen;

    d->slot = rd->conf->slots++;
    d->weight = settings->weight;
    d->priority = settings->priority;
    d->timeout = settings->timeout;

    d->idle_timeout = settings->idle_timeout ? settings->idle_timeout
                                             : settings->timeout;

    d->first_token_timeout = settings->first_token_timeout
                                 ? settings->first_token_timeout
                                 : d->idle_timeout;

    for (i = 0; i < NGX_HTTP_LLMBROKER_KEYS; i++) {
        if (seen[i].unset.len) {
            d->missing = seen[i].unset;
            ngx_http_llmbroker_conf_missing(rd, seen[i].value, v,
                                            &d->missing);
            break;
        }
    }

    if (ngx_http_llmbroker_conf_target(rd, v, settings, model, d) != NGX_OK) {
        return NGX_ERROR;
    }

    if (d->missing.len) {
        return NGX_OK;
    }

    transport.ca_file = settings->ca_file;
    transport.ca = seen[NGX_HTTP_LLMBROKER_KEY_CA_FILE].value;
    transport.verify = settings->tls_verify;

    transport.connect_timeout = settings->connect_timeout
                                ? settings->connect_timeout
                                : ngx_min(settings->timeout,
                                          NGX_HTTP_LLMBROKER_CONF_CONNECT);

    url = seen[NGX_HTTP_LLMBROKER_KEY_BASE_URL].value;

    if (ngx_http_llmbroker_conf_upstream(rd, url ? url : v, d, &transport)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    d->upstream.ignore_client_abort = model->policy.drain;

    return NGX_OK;
}


static void
ngx_http_llmbroker_conf_missing(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_http_llmbroker_yaml_t *owner,
    ngx_str_t *unset)
{
    u_char  *p;
    u_char   path[NGX_HTTP_LLMBROKER_CONF_PATH];

    p = ngx_http_llmbroker_yaml_path(path, path + sizeof(path), owner);

    ngx_http_llmbroker_conf_log(rd, NGX_LOG_WARN,
                                ngx_http_llmbroker_conf_line(v),
                                "variable \"%V\" is not set, %*s is not "
                                "available", unset, (size_t) (p - path), path);
}


/* name: a scalar or a list of scalars */

static ngx_int_t
ngx_http_llmbroker_conf_set_capabilities(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, const ngx_http_llmbroker_conf_key_t *k,
    void *field)
{
    ngx_http_llmbroker_yaml_t  *c, *e;

    if (ngx_http_llmbroker_conf_set_mapping(rd, v, k, field) != NGX_OK) {
        return NGX_ERROR;
    }

    for (c = v->child; c; c = c->next) {

        if (c->type == NGX_HTTP_LLMBROKER_YAML_MAPPING) {
            return ngx_http_llmbroker_conf_invalid(rd, c,
                                                   "expected a scalar or list");
        }

        for (e = c->child; e; e = e->next) {
            if (e->type != NGX_HTTP_LLMBROKER_YAML_SCALAR) {
                return ngx_http_llmbroker_conf_invalid(rd, e,
                                                       "expected a scalar");
            }
        }
    }

    return NGX_OK;
}
