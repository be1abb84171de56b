
/*
 * Copyright (C) LLMBroker contributors
 *
 * Changes a JSON tree: a value whose inside was changed loses its raw text,
 * and is written member by member.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_openai.h"


/* nesting of what may be changed: from the root to a function's members */
#define NGX_HTTP_LLMBROKER_OPENAI_DEPTH  10


ngx_int_t
ngx_http_llmbroker_openai_set(ngx_http_llmbroker_openai_t *o, ngx_pool_t *pool,
    ngx_http_llmbroker_json_t *object, const char *name,
    ngx_http_llmbroker_json_type_e type, ngx_str_t *raw)
{
    ngx_http_llmbroker_json_t  *v, **last;

    v = ngx_http_llmbroker_json_get(object, name);

    if (v == NULL) {
        v = ngx_pcalloc(pool, sizeof(ngx_http_llmbroker_json_t));
        if (v == NULL) {
            return NGX_ERROR;
        }

        v->key.len = ngx_strlen(name);
        v->key.data = (u_char *) name;

        for (last = &object->child; *last; last = &(*last)->next) {
            /* void */
        }

        *last = v;
        object->n++;
    }

    v->type = type;
    v->raw = *raw;
    v->child = NULL;
    v->n = 0;
    v->escaped = (type == NGX_HTTP_LLMBROKER_JSON_STRING);

    ngx_str_null(&object->raw);
    o->changes++;

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_openai_set_text(ngx_http_llmbroker_openai_t *o,
    ngx_pool_t *pool, ngx_http_llmbroker_json_t *object, const char *name,
    ngx_http_llmbroker_json_type_e type, const char *raw)
{
    ngx_str_t  text;

    text.len = ngx_strlen(raw);
    text.data = (u_char *) raw;

    return ngx_http_llmbroker_openai_set(o, pool, object, name, type, &text);
}


void
ngx_http_llmbroker_openai_drop(ngx_http_llmbroker_openai_t *o,
    ngx_http_llmbroker_json_t *object, const char *name)
{
    size_t                       len;
    ngx_http_llmbroker_json_t   *v, **next;

    len = ngx_strlen(name);
    next = &object->child;

    while (*next) {
        v = *next;

        if (v->key.len != len || ngx_memcmp(v->key.data, name, len) != 0) {
            next = &v->next;
            continue;
        }

        *next = v->next;
        object->n--;
        o->changes++;

        ngx_str_null(&object->raw);
    }
}


ngx_int_t
ngx_http_llmbroker_openai_random(ngx_pool_t *pool, const char *prefix,
    ngx_str_t *raw)
{
    u_char    *p;
    uint32_t   n[3];

    p = ngx_pnalloc(pool, ngx_strlen(prefix) + 26);
    if (p == NULL) {
        return NGX_ERROR;
    }

    /* ngx_random() has 31 bits */

    n[0] = (uint32_t) ngx_random() ^ (uint32_t) ngx_random() << 1;
    n[1] = (uint32_t) ngx_random() ^ (uint32_t) ngx_random() << 1;
    n[2] = (uint32_t) ngx_random() ^ (uint32_t) ngx_random() << 1;

    raw->data = p;
    raw->len = ngx_sprintf(p, "\"%s%08xD%08xD%08xD\"", prefix, n[0], n[1],
                           n[2])
               - p;

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_openai_write(ngx_http_llmbroker_out_t *out,
    ngx_http_llmbroker_json_t *root)
{
    ngx_uint_t                         depth;
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_json_t         *stack[NGX_HTTP_LLMBROKER_OPENAI_DEPTH];
    ngx_http_llmbroker_json_writer_t   w;

    ngx_http_llmbroker_json_write_start(&w, out);

    if (root->raw.data) {
        ngx_http_llmbroker_json_raw(&w, &root->raw);
        return ngx_http_llmbroker_json_write_end(&w);
    }

    ngx_http_llmbroker_json_open(&w);

    stack[0] = root;
    depth = 1;
    v = root->child;

    for ( ;; ) {

        if (v == NULL) {
            v = stack[--depth];

            if (v->type == NGX_HTTP_LLMBROKER_JSON_OBJECT) {
                ngx_http_llmbroker_json_close(&w);

            } else {
                ngx_http_llmbroker_json_close_array(&w);
            }

            if (depth == 0) {
                return ngx_http_llmbroker_json_write_end(&w);
            }

            v = v->next;
            continue;
        }

        if (stack[depth - 1]->type == NGX_HTTP_LLMBROKER_JSON_OBJECT) {
            ngx_http_llmbroker_json_key_str(&w, &v->key);
        }

        if (v->raw.data) {
            ngx_http_llmbroker_json_raw(&w, &v->raw);
            v = v->next;
            continue;
        }

        if (depth == NGX_HTTP_LLMBROKER_OPENAI_DEPTH) {
            return NGX_ERROR;
        }

        if (v->type == NGX_HTTP_LLMBROKER_JSON_OBJECT) {
            ngx_http_llmbroker_json_open(&w);

        } else {
            ngx_http_llmbroker_json_open_array(&w);
        }

        stack[depth++] = v;
        v = v->child;
    }
}
