
/*
 * Copyright (C) LLMBroker contributors
 *
 * The body of a provider's response: an input filter of the unbuffered
 * upstream, which keeps an answer or reads events.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llmbroker_compat.h"
#include "request/ngx_http_llmbroker_attempt.h"
#include "request/ngx_http_llmbroker_run.h"


/* an answer is complete, its HTTP message is not: msec */
#define NGX_HTTP_LLMBROKER_LINGER     500

/* room that is still read into, and the first buffer behind nginx's: bytes */
#define NGX_HTTP_LLMBROKER_ROOM       1024
#define NGX_HTTP_LLMBROKER_PIECE      65536


static ngx_int_t ngx_http_llmbroker_filter_init_events(
    ngx_http_llmbroker_attempt_t *at);
static ngx_int_t ngx_http_llmbroker_filter_header(
    ngx_http_llmbroker_attempt_t *at);
static ngx_int_t ngx_http_llmbroker_filter_sniff(
    ngx_http_llmbroker_attempt_t *at, u_char **pp, u_char *last);
static void ngx_http_llmbroker_filter_owed(ngx_http_llmbroker_attempt_t *at,
    ngx_http_llmbroker_out_t *owed);
static ngx_int_t ngx_http_llmbroker_filter_chunked(
    ngx_http_llmbroker_attempt_t *at, ngx_buf_t *b);
static ngx_int_t ngx_http_llmbroker_filter_end(
    ngx_http_llmbroker_attempt_t *at);
static ngx_int_t ngx_http_llmbroker_filter_data(
    ngx_http_llmbroker_attempt_t *at, u_char *p, u_char *last);
static ngx_int_t ngx_http_llmbroker_filter_keep(
    ngx_http_llmbroker_attempt_t *at, u_char *p, u_char *last);
static ngx_int_t ngx_http_llmbroker_filter_next_piece(
    ngx_http_llmbroker_attempt_t *at, ngx_buf_t *b);
static ngx_int_t ngx_http_llmbroker_filter_event(void *data,
    ngx_http_llmbroker_sse_event_t *event);
static ngx_int_t ngx_http_llmbroker_filter_pass(
    ngx_http_llmbroker_attempt_t *at, ngx_http_llmbroker_sse_event_t *event);
static ngx_int_t ngx_http_llmbroker_filter_flush(
    ngx_http_llmbroker_attempt_t *at);
static void ngx_http_llmbroker_filter_stop(ngx_http_llmbroker_attempt_t *at);


ngx_int_t
ngx_http_llmbroker_attempt_filter_init(void *data)
{
    ngx_http_llmbroker_attempt_t *at = data;

    ngx_http_request_t   *r;
    ngx_http_upstream_t  *u;

    r = at->request;
    u = r->upstream;

    ngx_http_llmbroker_fix_recv(u->peer.connection);

    if (u->headers_in.chunked) {
        u->length = 1;

    } else {
        u->length = u->headers_in.content_length_n;
    }

    if (u->headers_in.status_n >= 300) {
        at->read = NGX_HTTP_LLMBROKER_READ_ERROR;

    } else if (at->read != NGX_HTTP_LLMBROKER_READ_EVENTS) {
        at->read = NGX_HTTP_LLMBROKER_READ_ANSWER;
    }

    if (at->read == NGX_HTTP_LLMBROKER_READ_EVENTS) {

        if (ngx_http_llmbroker_filter_init_events(at) != NGX_OK
            || ngx_http_llmbroker_attempt_narrow(at) != NGX_OK
            || ngx_http_llmbroker_filter_header(at) != NGX_OK)
        {
            return NGX_ERROR;
        }

    } else {
        ngx_http_llmbroker_out_init(&at->out, r->pool, NULL, u->output.tag,
                                    ngx_pagesize);
    }

    if (at->previous) {
        at->committed = at->ctx->streaming;
        ngx_http_llmbroker_filter_owed(at, &at->previous->out);
    }

    return (u->length == 0) ? ngx_http_llmbroker_filter_end(at) : NGX_OK;
}


/* "stream_commit: header": the client learns at once that there is a stream */

static ngx_int_t
ngx_http_llmbroker_filter_header(ngx_http_llmbroker_attempt_t *at)
{
    ngx_chain_t          *cl;
    ngx_http_upstream_t  *u;

    if (!at->exchange.stream || !at->ctx->model->policy.commit_header
        || at->ctx->streaming)
    {
        return NGX_OK;
    }

    if (ngx_http_llmbroker_run_commit(at) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_llmbroker_attempt_begun(at);

    u = at->request->upstream;

    cl = ngx_chain_get_free_buf(at->request->pool, &u->free_bufs);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    cl->buf->flush = 1;
    cl->buf->tag = u->output.tag;

    u->out_bufs = cl;

    return NGX_OK;
}


/*
 * OpenAI's own clients do not look at the type of a stream that they have
 * asked for, and so some servers name it wrongly: its first byte tells.
 */

static ngx_int_t
ngx_http_llmbroker_filter_sniff(ngx_http_llmbroker_attempt_t *at, u_char **pp,
    u_char *last)
{
    u_char  *p;

    for (p = *pp; p < last; p++) {

        if (*p != ' ' && *p != '\t' && *p != CR && *p != LF) {
            break;
        }
    }

    *pp = p;

    if (p == last) {
        return NGX_OK;
    }

    switch (*p) {

    case ':':
    case 'd': /* data */
    case 'e': /* event */
    case 'i': /* id */
    case 'r': /* retry */
        break;

    default:
        return NGX_OK;
    }

    at->read = NGX_HTTP_LLMBROKER_READ_EVENTS;

    if (ngx_http_llmbroker_filter_init_events(at) != NGX_OK) {
        return NGX_ERROR;
    }

    if (at->previous) {
        ngx_http_llmbroker_filter_owed(at, &at->previous->out);
    }

    return NGX_OK;
}


/* what the answer's part before has written and not sent goes first */

static void
ngx_http_llmbroker_filter_owed(ngx_http_llmbroker_attempt_t *at,
    ngx_http_llmbroker_out_t *owed)
{
    at->out.chain = owed->chain;
    at->out.last = owed->last;
    at->out.length = owed->length;
}


static ngx_int_t
ngx_http_llmbroker_filter_init_events(ngx_http_llmbroker_attempt_t *at)
{
    ngx_http_request_t  *r;

    r = at->request;

    if (ngx_http_llmbroker_attempt_events(at) != NGX_OK) {
        return NGX_ERROR;
    }

    if (at->frames) {
        ngx_http_llmbroker_frame_init(&at->reader.frame, r->pool,
                                      NGX_HTTP_LLMBROKER_MAX_EVENT,
                                      ngx_http_llmbroker_filter_event, at);

    } else {
        ngx_http_llmbroker_sse_init(&at->reader.sse, r->pool,
                                    NGX_HTTP_LLMBROKER_MAX_EVENT,
                                    ngx_http_llmbroker_filter_event, at);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_attempt_filter(void *data, ssize_t bytes)
{
    ngx_http_llmbroker_attempt_t *at = data;

    ngx_int_t             rc;
    ngx_buf_t            *b;
    ngx_http_upstream_t  *u;

    u = at->request->upstream;
    b = &u->buffer;

    at->last = ngx_current_msec;

    /*
     * "last" must move on although the bytes may be copied: a full buffer is
     * what stops nginx from reading a provider that is faster than the client
     */

    b->pos = b->last;
    b->last += bytes;

    if (at->ended) {
        /* bytes behind the end of the response: never reuse the connection */
        u->keepalive = 0;
        return NGX_OK;
    }

    if (u->headers_in.chunked) {
        rc = ngx_http_llmbroker_filter_chunked(at, b);

    } else if (u->length == -1) {
        rc = ngx_http_llmbroker_filter_data(at, b->pos, b->last);

    } else {
        bytes = ngx_min((off_t) bytes, u->length);

        rc = ngx_http_llmbroker_filter_data(at, b->pos, b->pos + bytes);

        if (!at->failed && !at->ended) {
            u->length -= bytes;

            if (rc == NGX_OK && u->length == 0) {
                rc = ngx_http_llmbroker_filter_end(at);

                if (b->pos + bytes != b->last) {
                    u->keepalive = 0;
                }
            }
        }
    }

    if (rc != NGX_OK) {
        at->no_memory = 1;
        return NGX_ERROR;
    }

    if (at->read == NGX_HTTP_LLMBROKER_READ_EVENTS) {
        rc = ngx_http_llmbroker_filter_flush(at);

        if (rc != NGX_OK) {
            return rc;
        }

        return ngx_http_llmbroker_attempt_widen(at, bytes);
    }

    if (at->failed || at->ended) {
        return NGX_OK;
    }

    return ngx_http_llmbroker_filter_next_piece(at, b);
}


static ngx_int_t
ngx_http_llmbroker_filter_chunked(ngx_http_llmbroker_attempt_t *at,
    ngx_buf_t *b)
{
    u_char     *last;
    ngx_int_t   rc;

    for ( ;; ) {

        rc = ngx_http_llmbroker_parse_chunked(at->request, b, &at->chunked);

        if (rc == NGX_OK) {

            /* a chunk has been parsed successfully */

            last = b->pos + ngx_min(at->chunked.size,
                                    (off_t) (b->last - b->pos));

            rc = ngx_http_llmbroker_filter_data(at, b->pos, last);

            if (rc != NGX_OK || at->failed) {
                return rc;
            }

            at->chunked.size -= last - b->pos;
            b->pos = last;

            continue;
        }

        if (rc == NGX_DONE) {

            /* a whole response has been parsed successfully */

            rc = ngx_http_llmbroker_filter_end(at);

            if (b->pos != b->last) {
                at->request->upstream->keepalive = 0;
            }

            return rc;
        }

        if (rc == NGX_AGAIN) {
            return NGX_OK;
        }

        /* invalid response */

        ngx_log_error(NGX_LOG_ERR, at->request->connection->log, 0,
                      "upstream sent invalid chunked response");
        ngx_http_llmbroker_attempt_bad(at, "an invalid chunked body");

        return NGX_OK;
    }
}


/* the response is complete as HTTP knows it: the connection can be reused */

static ngx_int_t
ngx_http_llmbroker_filter_end(ngx_http_llmbroker_attempt_t *at)
{
    ngx_http_upstream_t  *u;

    u = at->request->upstream;

    at->ended = 1;

    u->length = 0;
    u->keepalive = !u->headers_in.connection_close;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_filter_data(ngx_http_llmbroker_attempt_t *at, u_char *p,
    u_char *last)
{
    ngx_int_t  rc;

    if (p == last) {
        return NGX_OK;
    }

    if (at->read == NGX_HTTP_LLMBROKER_READ_ANSWER
        && at->exchange.stream && at->received == 0)
    {
        if (ngx_http_llmbroker_filter_sniff(at, &p, last) != NGX_OK) {
            return NGX_ERROR;
        }

        if (p == last) {
            return NGX_OK;
        }
    }

    if (at->read == NGX_HTTP_LLMBROKER_READ_EVENTS) {

        /* what is told at once is kept, and has its bound (P15) */

        if (!at->exchange.stream) {
            at->events += last - p;

            if (at->events > NGX_HTTP_LLMBROKER_MAX_ANSWER) {
                ngx_http_llmbroker_attempt_bad(at,
                                               "an answer that is too large");
                return NGX_OK;
            }
        }

        rc = at->frames ? ngx_http_llmbroker_frame(&at->reader.frame, p, last)
                        : ngx_http_llmbroker_sse(&at->reader.sse, p, last);

        if (rc == NGX_DECLINED && !at->failed) {
            ngx_http_llmbroker_attempt_bad(at, "an invalid event");
        }

        return (rc == NGX_ERROR) ? NGX_ERROR : NGX_OK;
    }

    if (at->read == NGX_HTTP_LLMBROKER_READ_ANSWER) {
        ngx_http_llmbroker_run_first(at);
    }

    if (at->read == NGX_HTTP_LLMBROKER_READ_ANSWER
        && at->exchange.splice && !at->exchange.stream)
    {
        rc = at->exchange.target->dialect->check(&at->exchange, p, last);

        if (rc == NGX_DECLINED) {
            at->failed = 1;
            ngx_http_llmbroker_filter_stop(at);
            return NGX_OK;
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_http_llmbroker_filter_keep(at, p, last);
}


/* keeps the piece [p, last) of a body where it was read */

static ngx_int_t
ngx_http_llmbroker_filter_keep(ngx_http_llmbroker_attempt_t *at, u_char *p,
    u_char *last)
{
    off_t         max;
    ngx_buf_t    *b;
    ngx_pool_t   *pool;
    ngx_chain_t  *cl;

    max = (at->read == NGX_HTTP_LLMBROKER_READ_ERROR)
              ? NGX_HTTP_LLMBROKER_MAX_ERROR : NGX_HTTP_LLMBROKER_MAX_ANSWER;

    if (at->received + (last - p) > max) {

        if (at->read == NGX_HTTP_LLMBROKER_READ_ERROR) {
            /* its beginning will do */
            ngx_http_llmbroker_filter_stop(at);
            return NGX_OK;
        }

        ngx_http_llmbroker_attempt_bad(at, "an answer that is too large");
        return NGX_OK;
    }

    at->received += last - p;

    if (at->last_answer && at->last_answer->buf->last == p) {
        at->last_answer->buf->last = last;
        return NGX_OK;
    }

    pool = at->exchange.pool;

    b = ngx_calloc_buf(pool);
    cl = ngx_alloc_chain_link(pool);

    if (b == NULL || cl == NULL) {
        return NGX_ERROR;
    }

    b->memory = 1;
    b->start = p;
    b->pos = p;
    b->last = last;

    cl->buf = b;
    cl->next = NULL;

    if (at->last_answer) {
        at->last_answer->next = cl;

    } else {
        at->answer = cl;
    }

    at->last_answer = cl;

    return NGX_OK;
}


/*
 * Lets the upstream's read buffer begin behind what was kept, so that the
 * next bytes arrive there instead of over it; a new one when it is full.
 */

static ngx_int_t
ngx_http_llmbroker_filter_next_piece(ngx_http_llmbroker_attempt_t *at,
    ngx_buf_t *b)
{
    u_char               *p;
    size_t                room, size, kept;
    ngx_uint_t            known;
    ngx_http_upstream_t  *u;

    u = at->request->upstream;

    room = b->end - b->last;
    known = (!u->headers_in.chunked && u->length > 0);

    if (room >= NGX_HTTP_LLMBROKER_ROOM
        || (known && (off_t) room >= u->length))
    {
        b->start = b->last;
        return NGX_OK;
    }

    /* pages that stay empty cost nothing, blocks that come and go do */

    size = (size_t) ngx_max(at->received, NGX_HTTP_LLMBROKER_PIECE);
    kept = 0;

    if (known) {
        size = (size_t) ngx_min(u->length, NGX_HTTP_LLMBROKER_MAX_ANSWER);

        if (at->answer == at->last_answer && !at->exchange.splice) {
            /* what is read as one text shall be one */
            kept = (size_t) at->received;
        }
    }

    p = ngx_palloc(at->exchange.pool, kept + size);
    if (p == NULL) {
        at->no_memory = 1;
        return NGX_ERROR;
    }

    if (kept) {
        ngx_memcpy(p, at->answer->buf->pos, kept);

        at->answer->buf->start = p;
        at->answer->buf->pos = p;
        at->answer->buf->last = p + kept;
    }

    b->start = p + kept;
    b->pos = b->start;
    b->last = b->start;
    b->end = b->start + size;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_filter_event(void *data,
    ngx_http_llmbroker_sse_event_t *event)
{
    ngx_http_llmbroker_attempt_t *at = data;

    ngx_int_t                       rc;
    ngx_http_llmbroker_exchange_t  *ex;

    ex = &at->exchange;

    if (ex->done) {
        /* section 8: what follows the end of an answer is ignored */
        return NGX_OK;
    }

    rc = ex->target->dialect->event(ex, event);

    if (rc == NGX_DONE) {
        rc = ngx_http_llmbroker_filter_pass(at, event);
    }

    ngx_http_llmbroker_attempt_event_done(at);

    if (rc == NGX_DECLINED) {
        at->failed = 1;
        ngx_http_llmbroker_filter_stop(at);
    }

    return rc;
}


static ngx_int_t
ngx_http_llmbroker_filter_pass(ngx_http_llmbroker_attempt_t *at,
    ngx_http_llmbroker_sse_event_t *event)
{
    u_char  *p, *last, *lf;

    if (event->raw.data) {
        return ngx_http_llmbroker_out_refer(&at->out, event->raw.data,
                                            event->raw.len);
    }

    if (ngx_http_llmbroker_out_copy(&at->out, "data: ", 6) != NGX_OK) {
        return NGX_ERROR;
    }

    /* several data lines: in JSON a line feed between them is but space */

    p = event->data.data;
    last = p + event->data.len;

    while (p < last) {
        lf = memchr(p, LF, last - p);

        if (lf == NULL) {
            lf = last;
        }

        if (ngx_http_llmbroker_out_copy(&at->out, p, lf - p) != NGX_OK) {
            return NGX_ERROR;
        }

        if (lf < last
            && ngx_http_llmbroker_out_copy(&at->out, " ", 1) != NGX_OK)
        {
            return NGX_ERROR;
        }

        p = lf + 1;
    }

    return ngx_http_llmbroker_out_copy(&at->out, "\n\n", 2);
}


/* hands what the last read has brought to nginx, to be flushed at once */

static ngx_int_t
ngx_http_llmbroker_filter_flush(ngx_http_llmbroker_attempt_t *at)
{
    ngx_chain_t                    *cl, **ll;
    ngx_http_upstream_t            *u;
    ngx_http_llmbroker_exchange_t  *ex;

    ex = &at->exchange;

    if (ex->begun) {
        ngx_http_llmbroker_run_first(at);
    }

    if (!ex->stream || at->out.chain == NULL) {
        return NGX_OK;
    }

    if (!at->committed) {

        /* until then another provider may still be asked */

        if (!ex->begun && !ex->done
            && at->out.length < NGX_HTTP_LLMBROKER_MAX_HELD)
        {
            return ngx_http_llmbroker_out_own(&at->out);
        }

        if (ngx_http_llmbroker_run_commit(at) != NGX_OK) {
            return NGX_ERROR;
        }

        ngx_http_llmbroker_attempt_begun(at);
    }

    u = at->request->upstream;

    for (ll = &u->out_bufs; *ll; ll = &(*ll)->next) { /* void */ }

    *ll = ngx_http_llmbroker_out_take(&at->out);

    for (cl = *ll; cl->next; cl = cl->next) { /* void */ }

    cl->buf->flush = 1;

    if (ex->done && !at->ended) {
        /* wait for the end of the message, but not for long */
        ngx_http_llmbroker_attempt_limit(at, NGX_HTTP_LLMBROKER_LINGER);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_attempt_eof(ngx_http_llmbroker_attempt_t *at)
{
    ngx_int_t                       rc;
    ngx_http_llmbroker_exchange_t  *ex;

    ex = &at->exchange;

    rc = at->frames ? ngx_http_llmbroker_frame_eof(&at->reader.frame)
                    : ngx_http_llmbroker_sse_eof(&at->reader.sse);

    if (rc == NGX_DECLINED && !at->failed) {

        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                                        "The provider's stream ended within "
                                        "an event.");
    }

    return rc;
}


/* ends the upstream when all is sent, without reusing its connection */

static void
ngx_http_llmbroker_filter_stop(ngx_http_llmbroker_attempt_t *at)
{
    at->ended = 1;
    at->request->upstream->length = 0;
    at->request->upstream->keepalive = 0;
}


void
ngx_http_llmbroker_attempt_bad(ngx_http_llmbroker_attempt_t *at,
    const char *what)
{
    u_char  *p;
    size_t   len;

    at->failed = 1;
    at->exchange.fault.status = 0;

    len = sizeof("The provider sent .") - 1 + ngx_strlen(what);

    p = ngx_pnalloc(at->exchange.pool, len);

    if (p) {
        at->exchange.fault.message.data = p;
        at->exchange.fault.message.len = len;
        (void) ngx_sprintf(p, "The provider sent %s.", what);
    }

    ngx_http_llmbroker_filter_stop(at);
}
