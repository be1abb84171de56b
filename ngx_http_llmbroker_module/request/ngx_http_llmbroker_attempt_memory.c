
/*
 * Copyright (C) LLMBroker contributors
 *
 * What an attempt holds while its events come, which may take minutes: no
 * more than a stream needs that brings an event now and then.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "request/ngx_http_llmbroker_attempt.h"


/* buffers of a stream, until one read fills the first: bytes */
#define NGX_HTTP_LLMBROKER_READ_SIZE    1024
#define NGX_HTTP_LLMBROKER_WRITE_SIZE   1024

/* blocks of memory for one event that are kept for the next, pages */
#define NGX_HTTP_LLMBROKER_TEMP_BLOCKS  8


/* an event is read at once, so that all the streams of a worker share it */

static ngx_pool_t  *ngx_http_llmbroker_temp;


ngx_int_t
ngx_http_llmbroker_attempt_events(ngx_http_llmbroker_attempt_t *at)
{
    size_t                size;
    ngx_chain_t         **free;
    ngx_http_upstream_t  *u;

    u = at->request->upstream;

    free = at->exchange.stream ? &u->free_bufs : NULL;
    size = at->exchange.stream ? NGX_HTTP_LLMBROKER_WRITE_SIZE : ngx_pagesize;

    ngx_http_llmbroker_out_init(&at->out, at->request->pool, free,
                                u->output.tag, size);

    if (ngx_http_llmbroker_temp == NULL) {

        ngx_http_llmbroker_temp = ngx_create_pool(ngx_pagesize,
                                                  ngx_cycle->log);
        if (ngx_http_llmbroker_temp == NULL) {
            return NGX_ERROR;
        }
    }

    /* a process may outlive the cycle that it was made in */

    ngx_http_llmbroker_temp->log = ngx_cycle->log;

    at->exchange.temp = ngx_http_llmbroker_temp;

    return NGX_OK;
}


void
ngx_http_llmbroker_attempt_event_done(ngx_http_llmbroker_attempt_t *at)
{
    ngx_uint_t   n;
    ngx_pool_t  *p, *next;

    p = at->exchange.temp;

    ngx_reset_pool(p);

    for (n = 1; p->d.next; n++) {

        if (n < NGX_HTTP_LLMBROKER_TEMP_BLOCKS) {
            p = p->d.next;
            continue;
        }

        /* it was an event of an unusual size */

        next = p->d.next->d.next;
        ngx_free(p->d.next);
        p->d.next = next;
    }
}


void
ngx_http_llmbroker_attempt_begun(ngx_http_llmbroker_attempt_t *at)
{
    ngx_http_upstream_t           *u;
    ngx_http_llmbroker_ctx_t      *ctx;
    ngx_http_llmbroker_attempt_t  *other;

    u = at->request->upstream;
    ctx = at->ctx;

    if (ctx->draft == NULL
        || at->refers || at->exchange.parts > 1 || !u->request_body_sent)
    {
        return;
    }

    for (other = ctx->running; other; other = other->next) {
        if (other != at && !other->done) {
            return;
        }
    }

    at->body = NULL;
    at->exchange.request = NULL;
    u->request_bufs = NULL;

    ngx_memzero(&ctx->body, sizeof(ngx_http_llmbroker_body_t));

    ngx_destroy_pool(ctx->draft);
    ctx->draft = NULL;
}


ngx_int_t
ngx_http_llmbroker_attempt_narrow(ngx_http_llmbroker_attempt_t *at)
{
    size_t      len;
    u_char     *p;
    ngx_buf_t  *b;

    b = &at->request->upstream->buffer;
    len = b->last - b->pos;

    if (len >= NGX_HTTP_LLMBROKER_READ_SIZE) {
        return NGX_OK;
    }

    p = ngx_palloc(at->request->pool, NGX_HTTP_LLMBROKER_READ_SIZE);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, b->pos, len);

    (void) ngx_pfree(at->request->pool, b->start);

    b->start = p;
    b->pos = p;
    b->last = p + len;
    b->end = p + NGX_HTTP_LLMBROKER_READ_SIZE;

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_attempt_widen(ngx_http_llmbroker_attempt_t *at,
    ssize_t bytes)
{
    u_char               *p;
    size_t                size;
    ngx_buf_t            *b;
    ngx_http_upstream_t  *u;

    u = at->request->upstream;
    b = &u->buffer;

    if (bytes != b->end - b->start
        || (size_t) bytes >= u->conf->buffer_size)
    {
        return NGX_OK;
    }

    size = ngx_min((size_t) bytes * 4, u->conf->buffer_size);

    p = ngx_palloc(at->request->pool, size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    /* what was read stays where it is, until it is sent */

    b->start = p;
    b->pos = p;
    b->last = p;
    b->end = p + size;

    at->out.size = ngx_pagesize;

    return NGX_OK;
}
