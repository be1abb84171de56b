
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_capability.h"


static ngx_int_t ngx_http_llmbroker_capability_set(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target,
    const ngx_http_llmbroker_capability_t *known, void *abilities,
    ngx_http_llmbroker_json_t *v);
static ngx_int_t ngx_http_llmbroker_capability_unknown(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target,
    const ngx_http_llmbroker_capability_t *known, ngx_str_t *name);
static ngx_int_t ngx_http_llmbroker_capability_wrong(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target,
    const ngx_http_llmbroker_capability_t *known);
static ngx_int_t ngx_http_llmbroker_capability_why(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target, ngx_str_t *begin, const char *middle,
    const char *end);


ngx_int_t
ngx_http_llmbroker_capabilities(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target,
    const ngx_http_llmbroker_capability_t *known, void *abilities)
{
    ngx_int_t                               rc;
    ngx_http_llmbroker_json_t              *v;
    const ngx_http_llmbroker_capability_t  *c;

    if (target->capabilities == NULL) {
        return NGX_OK;
    }

    for (v = target->capabilities->child; v; v = v->next) {

        for (c = known; c && c->name.len; c++) {
            if (c->name.len == v->key.len
                && ngx_memcmp(c->name.data, v->key.data, v->key.len) == 0)
            {
                break;
            }
        }

        if (c == NULL || c->name.len == 0) {
            return ngx_http_llmbroker_capability_unknown(pool, target, known,
                                                         &v->key);
        }

        rc = ngx_http_llmbroker_capability_set(pool, target, c, abilities, v);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_capability_set(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target,
    const ngx_http_llmbroker_capability_t *known, void *abilities,
    ngx_http_llmbroker_json_t *v)
{
    ngx_int_t    n;
    ngx_uint_t   i, *flags;

    flags = (ngx_uint_t *) ((u_char *) abilities + known->offset);

    if (known->bit) {

        if (v->type != NGX_HTTP_LLMBROKER_JSON_BOOL) {
            return ngx_http_llmbroker_capability_wrong(pool, target, known);
        }

        if (ngx_http_llmbroker_json_true(v)) {
            *flags |= known->bit;

        } else {
            *flags &= ~known->bit;
        }

        return NGX_OK;
    }

    if (known->words) {

        for (i = 0; known->words[i]; i++) {
            if (ngx_http_llmbroker_json_is(v, known->words[i])) {
                *flags = i;
                return NGX_OK;
            }
        }

        return ngx_http_llmbroker_capability_wrong(pool, target, known);
    }

    n = ngx_http_llmbroker_json_int(v, 0);

    if (n < 1) {
        return ngx_http_llmbroker_capability_wrong(pool, target, known);
    }

    *(ngx_int_t *) flags = n;

    return NGX_OK;
}


/* tells those that there are */

static ngx_int_t
ngx_http_llmbroker_capability_unknown(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target,
    const ngx_http_llmbroker_capability_t *known, ngx_str_t *name)
{
    u_char                                 *p, *list;
    size_t                                  len;
    const ngx_http_llmbroker_capability_t  *c;

    if (known == NULL) {
        target->why = "its provider has no \"capabilities\" to set";
        return NGX_DECLINED;
    }

    len = 1;

    for (c = known; c->name.len; c++) {
        len += c->name.len + 2;
    }

    list = ngx_pnalloc(pool, len);
    if (list == NULL) {
        return NGX_ERROR;
    }

    p = list;

    for (c = known; c->name.len; c++) {

        if (p != list) {
            *p++ = ','; *p++ = ' ';
        }

        p = ngx_cpymem(p, c->name.data, c->name.len);
    }

    *p = '\0';

    return ngx_http_llmbroker_capability_why(pool, target, name,
                                        "\" is none of its \"capabilities\": ",
                                        (char *) list);
}


/* tells what may be said */

static ngx_int_t
ngx_http_llmbroker_capability_wrong(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target,
    const ngx_http_llmbroker_capability_t *known)
{
    u_char      *p, *list;
    size_t       len;
    ngx_uint_t   i;

    if (known->words == NULL) {
        return ngx_http_llmbroker_capability_why(pool, target,
                                      (ngx_str_t *) &known->name,
                                      "\" in its \"capabilities\" is ",
                                      known->bit ? "true or false"
                                                 : "an integer above 0");
    }

    len = 1;

    for (i = 0; known->words[i]; i++) {
        len += ngx_strlen(known->words[i]) + 4;
    }

    list = ngx_pnalloc(pool, len);
    if (list == NULL) {
        return NGX_ERROR;
    }

    p = list;

    for (i = 0; known->words[i]; i++) {

        if (i) {
            p = ngx_cpymem(p, " or ", 4);
        }

        p = ngx_cpymem(p, known->words[i], ngx_strlen(known->words[i]));
    }

    *p = '\0';

    return ngx_http_llmbroker_capability_why(pool, target,
                                      (ngx_str_t *) &known->name,
                                      "\" in its \"capabilities\" is ",
                                      (char *) list);
}


static ngx_int_t
ngx_http_llmbroker_capability_why(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target, ngx_str_t *begin, const char *middle,
    const char *end)
{
    u_char  *p;
    size_t   len;

    len = 1 + begin->len + ngx_strlen(middle) + ngx_strlen(end) + 1;

    p = ngx_pnalloc(pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    target->why = (char *) p;

    ngx_sprintf(p, "\"%V%s%s%Z", begin, middle, end);

    return NGX_DECLINED;
}
