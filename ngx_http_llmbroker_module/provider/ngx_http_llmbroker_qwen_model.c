
/*
 * Copyright (C) LLMBroker contributors
 *
 * Where a model of DashScope is called, and what it can do.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_qwen.h"


#define NGX_HTTP_LLMBROKER_QWEN_SERVICES  "/services/aigc/"
#define NGX_HTTP_LLMBROKER_QWEN_EMBED                                        \
    "/services/embeddings/text-embedding/text-embedding"


static ngx_int_t ngx_http_llmbroker_qwen_models(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target);
static ngx_int_t ngx_http_llmbroker_qwen_headers(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target);
static ngx_int_t ngx_http_llmbroker_qwen_abilities(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target);
static ngx_int_t ngx_http_llmbroker_qwen_head(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target, ngx_str_t *head);
static ngx_int_t ngx_http_llmbroker_qwen_media_path(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target, ngx_str_t *path);
static ngx_uint_t ngx_http_llmbroker_qwen_quiet(ngx_str_t *model);
static ngx_uint_t ngx_http_llmbroker_qwen_begins(ngx_str_t *text,
    const char *prefix);


/*
 * Models that are asked for by multimodal generation, whatever the request
 * holds; others are when it holds more than text.  "capabilities" may say
 * {"multimodal":true}, or false for a model that never is.
 */

static const char  *ngx_http_llmbroker_qwen_media[] = {
    "qwen-vl",
    "qwen2-vl",
    "qwen2.5-vl",
    "qwen3-vl",
    "qvq-",
    "qwen-audio",
    "qwen2-audio",
    "qwen3-asr",
    "qwen-image",
    "qwen3.5-",
    "qwen3.6-plus",
    "qwen3.6-flash",
    "qwen3.7-plus",
    "qwen3.7-flash",
    NULL
};


ngx_int_t
ngx_http_llmbroker_qwen_configure(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target)
{
    if (ngx_http_llmbroker_target_path(pool, target, NGX_HTTP_LLMBROKER_CHAT,
                                       NGX_HTTP_LLMBROKER_QWEN_SERVICES
                                       "text-generation/generation")
        != NGX_OK
        || ngx_http_llmbroker_target_path(pool, target,
                                          NGX_HTTP_LLMBROKER_COMPLETIONS,
                                          NGX_HTTP_LLMBROKER_QWEN_SERVICES
                                          "text-generation/generation")
           != NGX_OK
        || ngx_http_llmbroker_target_path(pool, target,
                                          NGX_HTTP_LLMBROKER_EMBEDDINGS,
                                          NGX_HTTP_LLMBROKER_QWEN_EMBED)
           != NGX_OK
        || ngx_http_llmbroker_qwen_models(pool, target) != NGX_OK
        || ngx_http_llmbroker_qwen_headers(pool, target) != NGX_OK
        || ngx_http_llmbroker_target_model(pool, target) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_qwen_abilities(pool, target);
}


/* the compatible interface of the same host has a list, with the same key */

static ngx_int_t
ngx_http_llmbroker_qwen_models(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target)
{
    size_t      len;
    ngx_str_t  *base;

    static const u_char  suffix[] = "/api/v1";

    base = &target->base_path;
    len = sizeof(suffix) - 1;

    if (base->len < len
        || ngx_memcmp(base->data + base->len - len, suffix, len) != 0)
    {
        return NGX_OK;
    }

    return ngx_http_llmbroker_target_models(pool, target, base->len - len,
                                            "/compatible-mode/v1/models");
}


static ngx_int_t
ngx_http_llmbroker_qwen_headers(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target)
{
    ngx_str_t  streamed;

    if (ngx_http_llmbroker_target_headers(pool, target,
                                          "Authorization: Bearer ",
                                          "X-DashScope-SSE: enable" CRLF)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    streamed = target->headers[1];

    if (ngx_http_llmbroker_target_headers(pool, target,
                                          "Authorization: Bearer ", "")
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    target->headers[1] = streamed;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_qwen_abilities(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target)
{
    const char                      **prefix;
    ngx_http_llmbroker_json_t        *v;
    ngx_http_llmbroker_qwen_model_t  *model;

    model = ngx_pcalloc(pool, sizeof(ngx_http_llmbroker_qwen_model_t));
    if (model == NULL) {
        return NGX_ERROR;
    }

    target->abilities = model;

    if (ngx_http_llmbroker_qwen_head(pool, target, &model->head) != NGX_OK
        || ngx_http_llmbroker_qwen_media_path(pool, target, &model->media_path)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (prefix = ngx_http_llmbroker_qwen_media; *prefix; prefix++) {
        if (ngx_http_llmbroker_qwen_begins(&target->model, *prefix)) {
            model->media = 1;
            break;
        }
    }

    model->quiet = ngx_http_llmbroker_qwen_quiet(&target->model);

    if (target->capabilities == NULL) {
        return NGX_OK;
    }

    v = ngx_http_llmbroker_json_get_type(target->capabilities, "multimodal",
                                         NGX_HTTP_LLMBROKER_JSON_BOOL);

    if (v == NULL || target->capabilities->n != 1) {
        target->why = "the one capability of a Qwen model is \"multimodal\", "
                      "true or false";
        return NGX_DECLINED;
    }

    model->media = ngx_http_llmbroker_json_true(v);
    model->text_only = !model->media;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_qwen_head(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target, ngx_str_t *head)
{
    head->len = sizeof("{\"model\":\"\",\"input\":{\"messages\":") - 1
                + target->inner_model.len;

    head->data = ngx_pnalloc(pool, head->len);
    if (head->data == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_sprintf(head->data, "{\"model\":\"%V\",\"input\":"
                       "{\"messages\":", &target->inner_model);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_qwen_media_path(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target, ngx_str_t *path)
{
    u_char     *p;
    ngx_str_t   end;

    ngx_str_set(&end, NGX_HTTP_LLMBROKER_QWEN_SERVICES
                      "multimodal-generation/generation");

    path->len = target->base_path.len + end.len;
    path->data = ngx_pnalloc(pool, path->len);
    if (path->data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(path->data, target->base_path.data, target->base_path.len);
    ngx_memcpy(p, end.data, end.len);

    return NGX_OK;
}


/* C1: the open models of Qwen3 that may think, such as qwen3-32b */

static ngx_uint_t
ngx_http_llmbroker_qwen_quiet(ngx_str_t *model)
{
    u_char  *last;

    if (!ngx_http_llmbroker_qwen_begins(model, "qwen3-")
        || model->len == sizeof("qwen3-") - 1
        || model->data[6] < '0' || model->data[6] > '9')
    {
        return 0;
    }

    last = model->data + model->len;

    return ngx_strlcasestrn(model->data, last, (u_char *) "-instruct",
                            sizeof("-instruct") - 2)
           == NULL
           && ngx_strlcasestrn(model->data, last, (u_char *) "-thinking",
                               sizeof("-thinking") - 2)
              == NULL;
}


static ngx_uint_t
ngx_http_llmbroker_qwen_begins(ngx_str_t *text, const char *prefix)
{
    size_t  len;

    len = ngx_strlen(prefix);

    return text->len >= len && ngx_memcmp(text->data, prefix, len) == 0;
}
