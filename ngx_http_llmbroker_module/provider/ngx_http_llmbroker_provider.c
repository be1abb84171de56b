
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_provider.h"


#define NGX_HTTP_LLMBROKER_DROPPED       1024
#define NGX_HTTP_LLMBROKER_DROPPED_NAME  64


static ngx_uint_t ngx_http_llmbroker_listed(ngx_str_t *list, u_char *p,
    size_t len);


const ngx_http_llmbroker_provider_t *
ngx_http_llmbroker_provider_find(ngx_str_t *name)
{
    const ngx_http_llmbroker_provider_t  *p;

    if (name->len == 0) {
        return NULL;
    }

    for (p = ngx_http_llmbroker_providers; p->name.len; p++) {

        if (p->name.len == name->len
            && ngx_memcmp(p->name.data, name->data, name->len) == 0)
        {
            return p;
        }

        if (p->alias.len == name->len
            && ngx_memcmp(p->alias.data, name->data, name->len) == 0)
        {
            return p;
        }
    }

    return NULL;
}


const ngx_http_llmbroker_dialect_t *
ngx_http_llmbroker_provider_dialect(
    const ngx_http_llmbroker_provider_t *provider, ngx_str_t *base_path)
{
    const ngx_str_t  *suffix;

    suffix = &provider->suffix;

    if (suffix->len
        && base_path->len >= suffix->len
        && ngx_memcmp(base_path->data + base_path->len - suffix->len,
                      suffix->data, suffix->len)
           == 0)
    {
        return provider->suffix_dialect;
    }

    return provider->dialect;
}


ngx_int_t
ngx_http_llmbroker_target_path(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target, ngx_http_llmbroker_call_e call,
    const char *path)
{
    u_char     *p;
    ngx_str_t  *dst;

    dst = target->paths[call];

    dst[0].len = target->base_path.len + ngx_strlen(path);
    dst[0].data = ngx_pnalloc(pool, dst[0].len);
    if (dst[0].data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(dst[0].data, target->base_path.data, target->base_path.len);
    ngx_memcpy(p, path, ngx_strlen(path));

    dst[1] = dst[0];

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_target_headers(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target, const char *name, const char *more)
{
    u_char  *p;
    size_t   len;

    len = ngx_strlen(more);

    if (target->api_key.len) {
        len += ngx_strlen(name) + target->api_key.len + sizeof(CRLF) - 1;
    }

    p = ngx_pnalloc(pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    target->headers[0].len = len;
    target->headers[0].data = p;

    if (target->api_key.len) {
        p = ngx_cpymem(p, name, ngx_strlen(name));
        p = ngx_cpymem(p, target->api_key.data, target->api_key.len);
        *p++ = CR; *p++ = LF;
    }

    ngx_memcpy(p, more, ngx_strlen(more));

    target->headers[1] = target->headers[0];

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_target_models(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target, size_t len, const char *path)
{
    u_char  *p;

    p = ngx_pnalloc(pool, len + ngx_strlen(path));
    if (p == NULL) {
        return NGX_ERROR;
    }

    target->models_path.data = p;
    target->models_path.len = len + ngx_strlen(path);

    p = ngx_cpymem(p, target->base_path.data, len);
    ngx_memcpy(p, path, ngx_strlen(path));

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_target_model(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target)
{
    ngx_buf_t                         *b;
    ngx_http_llmbroker_out_t           out;
    ngx_http_llmbroker_json_writer_t   w;

    /* an escape takes 6 bytes at most, so the text lies in one buffer */

    ngx_http_llmbroker_out_init(&out, pool, NULL, NULL,
                                target->model.len * 6 + 2);

    ngx_http_llmbroker_json_write_start(&w, &out);
    ngx_http_llmbroker_json_str(&w, &target->model);

    if (ngx_http_llmbroker_json_write_end(&w) != NGX_OK) {
        return NGX_ERROR;
    }

    b = out.chain->buf;

    target->inner_model.data = b->pos + 1;
    target->inner_model.len = b->last - b->pos - 2;

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_sum(ngx_int_t a, ngx_int_t b)
{
    a = ngx_max(a, 0);
    b = ngx_max(b, 0);

    if (a > NGX_MAX_INT_T_VALUE - b) {
        return NGX_MAX_INT_T_VALUE;
    }

    return a + b;
}


ngx_int_t
ngx_http_llmbroker_fault(ngx_http_llmbroker_exchange_t *ex, ngx_uint_t status,
    const char *code, const char *param, const char *message)
{
    ngx_http_llmbroker_fault_t  *fault;

    fault = &ex->fault;

    ngx_memzero(fault, sizeof(ngx_http_llmbroker_fault_t));

    fault->status = status;
    fault->message.len = ngx_strlen(message);
    fault->message.data = (u_char *) message;

    if (code) {
        fault->code.len = ngx_strlen(code);
        fault->code.data = (u_char *) code;
    }

    if (param == NULL) {
        return NGX_DECLINED;
    }

    fault->param.len = ngx_strlen(param);
    fault->param.data = ngx_pnalloc(ex->pool, fault->param.len);
    if (fault->param.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(fault->param.data, param, fault->param.len);

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_llmbroker_dropped(ngx_http_llmbroker_exchange_t *ex, ngx_str_t *name)
{
    u_char     *p, c;
    size_t      len, i;
    ngx_str_t  *list;
    u_char      buf[NGX_HTTP_LLMBROKER_DROPPED_NAME];

    len = ngx_min(name->len, NGX_HTTP_LLMBROKER_DROPPED_NAME);

    for (i = 0; i < len; i++) {
        c = name->data[i];
        buf[i] = (c > ' ' && c < 0x7f && c != ',') ? c : '_';
    }

    list = &ex->dropped;

    if (len == 0
        || list->len + 2 + len > NGX_HTTP_LLMBROKER_DROPPED
        || ngx_http_llmbroker_listed(list, buf, len))
    {
        return NGX_OK;
    }

    if (list->data == NULL) {
        list->data = ngx_pnalloc(ex->pool, NGX_HTTP_LLMBROKER_DROPPED);
        if (list->data == NULL) {
            return NGX_ERROR;
        }
    }

    p = list->data + list->len;

    if (list->len) {
        *p++ = ','; *p++ = ' ';
    }

    p = ngx_cpymem(p, buf, len);
    list->len = p - list->data;

    return NGX_OK;
}


/* whether a name is in a list "a, b" */

static ngx_uint_t
ngx_http_llmbroker_listed(ngx_str_t *list, u_char *p, size_t len)
{
    u_char  *s, *end, *last;

    if (list->len == 0) {
        return 0;
    }

    s = list->data;
    last = s + list->len;

    while (s < last) {
        end = ngx_strlchr(s, last, ',');

        if (end == NULL) {
            end = last;
        }

        if ((size_t) (end - s) == len && ngx_memcmp(s, p, len) == 0) {
            return 1;
        }

        s = end + 2;
    }

    return 0;
}
