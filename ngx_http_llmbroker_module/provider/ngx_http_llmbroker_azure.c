
/*
 * Copyright (C) LLMBroker contributors
 *
 * Where a model of Azure OpenAI is called; its dialect is OpenAI's.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_provider.h"


#define NGX_HTTP_LLMBROKER_AZURE_DEPLOYMENTS     "/deployments/"

/* the first version that knows them (wire format section 7.2) */
#define NGX_HTTP_LLMBROKER_AZURE_STREAM_OPTIONS  "2024-09-01"


static ngx_int_t ngx_http_llmbroker_azure_base(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target, ngx_str_t *version);
static ngx_int_t ngx_http_llmbroker_azure_models(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target, ngx_str_t *version);
static ngx_int_t ngx_http_llmbroker_azure_query(ngx_pool_t *pool,
    ngx_str_t *path, ngx_str_t *version);
static ngx_int_t ngx_http_llmbroker_azure_headers(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target);
static ngx_uint_t ngx_http_llmbroker_azure_ends(ngx_str_t *path,
    const char *end);


/*
 * A base URL may be the resource's, of which the API is then chosen: with an
 * "api_version" the one that names a deployment in its path, else "/openai/v1".
 * It may also be the base of either, or of Foundry's "/models".
 */

ngx_int_t
ngx_http_llmbroker_azure_configure(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target)
{
    ngx_int_t   rc;
    ngx_str_t   version;
    ngx_uint_t  i;

    if (ngx_http_llmbroker_azure_base(pool, target, &version) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = target->dialect->configure(pool, target);

    if (rc == NGX_OK) {
        rc = ngx_http_llmbroker_azure_headers(pool, target);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_llmbroker_azure_models(pool, target, &version);
    }

    if (rc != NGX_OK || version.len == 0) {
        return rc;
    }

    /* versions are dates */

    if (version.data[0] >= '0' && version.data[0] <= '9'
        && ngx_memn2cmp(version.data, (u_char *)
                        NGX_HTTP_LLMBROKER_AZURE_STREAM_OPTIONS, version.len,
                        sizeof(NGX_HTTP_LLMBROKER_AZURE_STREAM_OPTIONS) - 1)
           < 0
        && !ngx_http_llmbroker_azure_ends(&target->base_path, "/models"))
    {
        target->usage_untold = 1;
    }

    for (i = 0; i < NGX_HTTP_LLMBROKER_CALLS; i++) {

        if (ngx_http_llmbroker_azure_query(pool, &target->paths[i][0],
                                           &version)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        target->paths[i][1] = target->paths[i][0];
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_azure_base(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target, ngx_str_t *version)
{
    u_char     *p;
    size_t      len;
    ngx_str_t   base, *model;

    base = target->base_path;
    model = &target->model;

    *version = target->api_version;

    if (ngx_http_llmbroker_azure_ends(&base, "/models")) {

        if (version->len == 0) {
            ngx_str_set(version, "2024-05-01-preview");
        }

        return NGX_OK;
    }

    if (base.len
        && ngx_strnstr(base.data, NGX_HTTP_LLMBROKER_AZURE_DEPLOYMENTS,
                       base.len))
    {
        if (version->len == 0) {
            ngx_str_set(version, "2024-10-21");
        }

        return NGX_OK;
    }

    if (base.len && !ngx_http_llmbroker_azure_ends(&base, "/openai")) {
        return NGX_OK;
    }

    len = base.len + sizeof("/openai" NGX_HTTP_LLMBROKER_AZURE_DEPLOYMENTS) - 1
          + model->len + 2 * ngx_escape_uri(NULL, model->data, model->len,
                                            NGX_ESCAPE_URI_COMPONENT);

    p = ngx_pnalloc(pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    target->base_path.data = p;

    if (base.len) {
        p = ngx_cpymem(p, base.data, base.len);

    } else {
        p = ngx_cpymem(p, "/openai", sizeof("/openai") - 1);
    }

    if (version->len) {
        p = ngx_cpymem(p, NGX_HTTP_LLMBROKER_AZURE_DEPLOYMENTS,
                       sizeof(NGX_HTTP_LLMBROKER_AZURE_DEPLOYMENTS) - 1);
        p = (u_char *) ngx_escape_uri(p, model->data, model->len,
                                      NGX_ESCAPE_URI_COMPONENT);

    } else {
        p = ngx_cpymem(p, "/v1", sizeof("/v1") - 1);
    }

    target->base_path.len = p - target->base_path.data;

    return NGX_OK;
}


/* of a resource, which names the models themselves and not deployments */

static ngx_int_t
ngx_http_llmbroker_azure_models(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target, ngx_str_t *version)
{
    u_char     *p;
    size_t      len;
    ngx_str_t  *base;

    base = &target->base_path;
    len = base->len;

    target->models_other = 1;

    if (ngx_http_llmbroker_azure_ends(base, "/models")) {
        ngx_str_null(&target->models_path);
        return NGX_OK;
    }

    p = ngx_strnstr(base->data, NGX_HTTP_LLMBROKER_AZURE_DEPLOYMENTS, len);

    if (p) {
        len = p - base->data;
    }

    if (ngx_http_llmbroker_target_models(pool, target, len, "/models")
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return version->len ? ngx_http_llmbroker_azure_query(pool,
                                                         &target->models_path,
                                                         version)
                        : NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_azure_query(ngx_pool_t *pool, ngx_str_t *path,
    ngx_str_t *version)
{
    u_char     *p;
    ngx_str_t   line;

    line.len = path->len + sizeof("?api-version=") - 1 + version->len
               + 2 * ngx_escape_uri(NULL, version->data, version->len,
                                    NGX_ESCAPE_URI_COMPONENT);

    line.data = ngx_pnalloc(pool, line.len);
    if (line.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(line.data, path->data, path->len);
    p = ngx_cpymem(p, "?api-version=", sizeof("?api-version=") - 1);
    (void) ngx_escape_uri(p, version->data, version->len,
                          NGX_ESCAPE_URI_COMPONENT);

    *path = line;

    return NGX_OK;
}


/* a key is no token of Entra, which is a JWT: "eyJ..." */

static ngx_int_t
ngx_http_llmbroker_azure_headers(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target)
{
    ngx_str_t  *key;

    key = &target->api_key;

    if (key->len > 3 && ngx_strncmp(key->data, "eyJ", 3) == 0) {
        return NGX_OK;
    }

    return ngx_http_llmbroker_target_headers(pool, target, "api-key: ", "");
}


static ngx_uint_t
ngx_http_llmbroker_azure_ends(ngx_str_t *path, const char *end)
{
    size_t  len;

    len = ngx_strlen(end);

    return path->len >= len
           && ngx_memcmp(path->data + path->len - len, end, len) == 0;
}
