
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "codec/ngx_http_llmbroker_out.h"


static ngx_buf_t *ngx_http_llmbroker_out_add(ngx_http_llmbroker_out_t *out,
    size_t size);
static ngx_chain_t *ngx_http_llmbroker_out_link(ngx_http_llmbroker_out_t *out);


void
ngx_http_llmbroker_out_init(ngx_http_llmbroker_out_t *out, ngx_pool_t *pool,
    ngx_chain_t **free, ngx_buf_tag_t tag, size_t size)
{
    out->pool = pool;
    out->free = free;
    out->tag = tag;
    out->size = size;
    out->chain = NULL;
    out->last = NULL;
    out->length = 0;
}


ngx_int_t
ngx_http_llmbroker_out_copy(ngx_http_llmbroker_out_t *out, const void *p,
    size_t len)
{
    size_t      n;
    ngx_buf_t  *b;

    b = (out->last != NULL) ? out->last->buf : NULL;

    /* most of what yajl_gen prints are single bytes */

    if (len == 1 && b != NULL && b->temporary && b->last != b->end) {
        *b->last++ = *(const u_char *) p;
        out->length++;
        return NGX_OK;
    }

    while (len != 0) {

        if (b == NULL || !b->temporary || b->last == b->end) {

            b = ngx_http_llmbroker_out_add(out, out->size);
            if (b == NULL) {
                return NGX_ERROR;
            }

            b->pos = b->start;
            b->last = b->start;
            b->temporary = 1;
        }

        n = ngx_min(len, (size_t) (b->end - b->last));

        b->last = ngx_cpymem(b->last, p, n);
        out->length += n;

        p = (const u_char *) p + n;
        len -= n;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_out_refer(ngx_http_llmbroker_out_t *out, u_char *p,
    size_t len)
{
    ngx_buf_t  *b;

    if (len == 0) {
        return NGX_OK;
    }

    /* what lay together goes on as one: events come several in a read */

    b = (out->last != NULL) ? out->last->buf : NULL;

    if (b == NULL || !b->memory || b->last != p) {

        b = ngx_http_llmbroker_out_add(out, 0);
        if (b == NULL) {
            return NGX_ERROR;
        }

        b->pos = p;
        b->memory = 1;
    }

    b->last = p + len;
    out->length += len;

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_out_own(ngx_http_llmbroker_out_t *out)
{
    size_t        len;
    u_char       *p;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    for (cl = out->chain; cl; cl = cl->next) {
        b = cl->buf;

        if (!b->memory) {
            continue;
        }

        len = b->last - b->pos;

        p = ngx_palloc(out->pool, len);
        if (p == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(p, b->pos, len);

        b->start = p;
        b->pos = p;
        b->last = p + len;
        b->end = b->last;
        b->memory = 0;
        b->temporary = 1;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_out_text(ngx_http_llmbroker_out_t *out, ngx_pool_t *pool,
    ngx_str_t *text)
{
    u_char       *p;
    ngx_chain_t  *cl;

    text->len = (size_t) out->length;
    text->data = ngx_pnalloc(pool, text->len);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    p = text->data;

    for (cl = out->chain; cl; cl = cl->next) {
        p = ngx_cpymem(p, cl->buf->pos, cl->buf->last - cl->buf->pos);
    }

    return NGX_OK;
}


ngx_chain_t *
ngx_http_llmbroker_out_take(ngx_http_llmbroker_out_t *out)
{
    ngx_chain_t  *cl;

    cl = out->chain;

    out->chain = NULL;
    out->last = NULL;
    out->length = 0;

    return cl;
}


static ngx_buf_t *
ngx_http_llmbroker_out_add(ngx_http_llmbroker_out_t *out, size_t size)
{
    u_char       *start, *end;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    cl = ngx_http_llmbroker_out_link(out);
    if (cl == NULL) {
        return NULL;
    }

    /*
     * "start" and "end" are the buffer's own memory or NULL, also while "pos"
     * is in foreign memory: ngx_chain_update_chains() sets "pos" to "start",
     * and a buffer that is used to refer must not lose what it owns
     */

    b = cl->buf;

    start = b->start;
    end = b->end;

    if (start == NULL && size != 0) {
        start = ngx_palloc(out->pool, size);
        if (start == NULL) {
            return NULL;
        }

        end = start + size;
    }

    ngx_memzero(b, sizeof(ngx_buf_t));

    b->start = start;
    b->end = end;
    b->tag = out->tag;

    if (out->last != NULL) {
        out->last->next = cl;

    } else {
        out->chain = cl;
    }

    out->last = cl;

    return b;
}


static ngx_chain_t *
ngx_http_llmbroker_out_link(ngx_http_llmbroker_out_t *out)
{
    ngx_chain_t  *cl;

    if (out->free != NULL) {
        return ngx_chain_get_free_buf(out->pool, out->free);
    }

    cl = ngx_alloc_chain_link(out->pool);
    if (cl == NULL) {
        return NULL;
    }

    cl->buf = ngx_calloc_buf(out->pool);
    if (cl->buf == NULL) {
        return NULL;
    }

    cl->next = NULL;

    return cl;
}
