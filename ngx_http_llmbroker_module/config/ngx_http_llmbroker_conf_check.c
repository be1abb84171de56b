
/*
 * Copyright (C) LLMBroker contributors
 */


#include "config/ngx_http_llmbroker_conf_check.h"
#include "config/ngx_http_llmbroker_conf_params.h"
#include "config/ngx_http_llmbroker_conf_value.h"


static ngx_int_t ngx_http_llmbroker_conf_buckets(
    ngx_http_llmbroker_conf_t *conf, ngx_pool_t *pool);
static ngx_int_t ngx_http_llmbroker_conf_fallbacks(
    ngx_http_llmbroker_reader_t *rd, ngx_http_llmbroker_yaml_t *list,
    ngx_http_llmbroker_model_t *model);
static ngx_http_llmbroker_model_t *ngx_http_llmbroker_conf_refer(
    ngx_http_llmbroker_reader_t *rd, ngx_http_llmbroker_yaml_t *v,
    ngx_str_t *name);


ngx_int_t
ngx_http_llmbroker_conf_check(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *models,
    ngx_http_llmbroker_yaml_t *default_model, ngx_str_t *name)
{
    ngx_http_llmbroker_conf_t   *conf;
    ngx_http_llmbroker_yaml_t   *v, *list;
    ngx_http_llmbroker_model_t  *model;

    conf = rd->conf;

    if (ngx_http_llmbroker_conf_buckets(conf, rd->cf->pool) != NGX_OK) {
        return NGX_ERROR;
    }

    model = conf->models.elts;

    for (v = models->child; v; v = v->next, model++) {

        list = ngx_http_llmbroker_yaml_get(v, "fallbacks");

        if (list == NULL || list->n == 0) {
            continue;
        }

        if (ngx_http_llmbroker_conf_fallbacks(rd, list, model) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (default_model == NULL) {
        return NGX_OK;
    }

    conf->default_model = ngx_http_llmbroker_conf_refer(rd, default_model,
                                                        name);

    return conf->default_model ? NGX_OK : NGX_ERROR;
}


/* not ngx_hash_t, which is blind to case: aliases are not */

static ngx_int_t
ngx_http_llmbroker_conf_buckets(ngx_http_llmbroker_conf_t *conf,
    ngx_pool_t *pool)
{
    ngx_uint_t                   i, n, key;
    ngx_http_llmbroker_model_t  *model;

    for (n = 16; n < conf->models.nelts; n *= 2) { /* void */ }

    conf->mask = n - 1;

    conf->buckets = ngx_pcalloc(pool,
                                n * sizeof(ngx_http_llmbroker_model_t *));
    if (conf->buckets == NULL) {
        return NGX_ERROR;
    }

    model = conf->models.elts;

    for (i = 0; i < conf->models.nelts; i++) {
        key = ngx_hash_key(model[i].name.data, model[i].name.len) & conf->mask;

        model[i].next = conf->buckets[key];
        conf->buckets[key] = &model[i];
    }

    return NGX_OK;
}


ngx_http_llmbroker_model_t *
ngx_http_llmbroker_conf_model(ngx_http_llmbroker_conf_t *conf, ngx_str_t *name)
{
    ngx_uint_t                   key;
    ngx_http_llmbroker_model_t  *model;

    if (name->len == 0 || name->len > NGX_HTTP_LLMBROKER_MAX_ALIAS) {
        return NULL;
    }

    key = ngx_hash_key(name->data, name->len) & conf->mask;

    for (model = conf->buckets[key]; model; model = model->next) {
        if (model->name.len == name->len
            && ngx_memcmp(model->name.data, name->data, name->len) == 0)
        {
            return model;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_llmbroker_conf_fallbacks(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *list, ngx_http_llmbroker_model_t *model)
{
    ngx_int_t                     rc;
    ngx_str_t                    *name;
    ngx_array_t                   names;
    ngx_http_llmbroker_yaml_t    *v;
    ngx_http_llmbroker_model_t   *other, **fallback;

    rc = ngx_http_llmbroker_conf_names(rd, list, &names);

    if (rc == NGX_DECLINED) {
        return ngx_http_llmbroker_conf_unset(rd, list);
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_array_init(&model->fallbacks, rd->cf->pool, list->n,
                       sizeof(ngx_http_llmbroker_model_t *))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    name = names.elts;

    for (v = list->child; v; v = v->next, name++) {

        other = ngx_http_llmbroker_conf_refer(rd, v, name);

        if (other == NULL) {
            return NGX_ERROR;
        }

        if (other == model) {
            return ngx_http_llmbroker_conf_invalid(rd, v,
                                         "a model cannot be its own fallback");
        }

        fallback = ngx_array_push(&model->fallbacks);
        if (fallback == NULL) {
            return NGX_ERROR;
        }

        *fallback = other;
    }

    return NGX_OK;
}


static ngx_http_llmbroker_model_t *
ngx_http_llmbroker_conf_refer(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_str_t *name)
{
    ngx_uint_t                       i;
    ngx_http_llmbroker_model_t      *model;
    ngx_http_llmbroker_conf_near_t   near;

    model = ngx_http_llmbroker_conf_model(rd->conf, name);

    if (model) {
        return model;
    }

    ngx_http_llmbroker_conf_near(&near, name);

    model = rd->conf->models.elts;

    for (i = 0; i < rd->conf->models.nelts; i++) {
        ngx_http_llmbroker_conf_offer(&near, &model[i].name);
    }

    (void) ngx_http_llmbroker_conf_unknown(rd, v, "model", &near);

    return NULL;
}
