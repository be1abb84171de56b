
/*
 * Copyright (C) LLMBroker contributors
 *
 * Runs the event reader over a stream cut to pieces, and a second reader that
 * does literally what WHATWG HTML 9.2.6 says, so that they can be compared.
 */


#ifndef _SSE_CHECK_H_INCLUDED_
#define _SSE_CHECK_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "codec/ngx_http_llmbroker_sse.h"


#define SSE_CHECK_LOG  8192


typedef struct {
    size_t       max;
    ngx_int_t    stop;               /* the event that the handler refuses */

    ngx_int_t    rc;
    ngx_int_t    eof;
    ngx_int_t    events;
    ngx_uint_t   raw;                /* events with their own bytes */
    uint64_t     hash;
    const char  *bug;
    u_char      *piece;
    u_char      *piece_last;
    size_t       len;
    char         log[SSE_CHECK_LOG];
} sse_check_t;


static inline void
sse_check_write(sse_check_t *c, const void *data, size_t len)
{
    size_t         i;
    const u_char  *p;

    p = data;

    for (i = 0; i < len; i++) {
        c->hash = (c->hash ^ p[i]) * 0x100000001b3;

        if (c->len < SSE_CHECK_LOG) {
            c->log[c->len++] = (char) p[i];
        }
    }
}


/* the log: type|data; */

static inline void
sse_check_log(sse_check_t *c, const void *type, size_t type_len,
    const void *data, size_t len)
{
    sse_check_write(c, type, type_len);
    sse_check_write(c, "|", 1);
    sse_check_write(c, data, len);
    sse_check_write(c, ";", 1);
}


static inline ngx_int_t
sse_check_event(void *data, ngx_http_llmbroker_sse_event_t *event)
{
    size_t        len;
    u_char       *raw;
    sse_check_t  *c;

    c = data;

    sse_check_log(c, event->type.data, event->type.len, event->data.data,
                  event->data.len);

    if (event->data.data == NULL) {
        c->bug = "data is NULL";
    }

    raw = event->raw.data;
    len = event->data.len;

    if (raw != NULL) {
        c->raw++;

        if (raw < c->piece || raw + event->raw.len > c->piece_last
            || event->type.len != 0
            || event->raw.len != len + 8
            || memcmp(raw, "data: ", 6) != 0
            || memcmp(raw + 6, event->data.data, len) != 0
            || memcmp(raw + 6 + len, "\n\n", 2) != 0)
        {
            c->bug = "raw is not the event's own bytes";
        }
    }

    return ++c->events == c->stop ? NGX_DONE : NGX_OK;
}


static inline void
sse_check_start(sse_check_t *c)
{
    c->rc = NGX_OK;
    c->eof = NGX_OK;
    c->events = 0;
    c->raw = 0;
    c->hash = 0xcbf29ce484222325;
    c->bug = NULL;
    c->len = 0;
}


/*
 * cut is the length of the first piece, then is that of all the others; 0:
 * the rest.  Each piece is memory of its own, which is gone afterwards.
 */
static inline void
sse_check_run(sse_check_t *c, const void *text, size_t len, size_t cut,
    size_t then)
{
    size_t                     n, pos;
    ngx_pool_t                *pool;
    ngx_http_llmbroker_sse_t   sse;

    sse_check_start(c);

    pool = ngx_create_pool(4096, NULL);
    ngx_http_llmbroker_sse_init(&sse, pool, c->max, sse_check_event, c);

    for (pos = 0; pos < len; pos += n) {
        n = (pos == 0) ? cut : then;
        n = (n == 0 || n > len - pos) ? len - pos : n;

        c->piece = malloc(n);
        c->piece_last = c->piece + n;
        memcpy(c->piece, (const u_char *) text + pos, n);

        c->rc = ngx_http_llmbroker_sse(&sse, c->piece, c->piece_last);

        free(c->piece);

        if (c->rc != NGX_OK) {
            break;
        }
    }

    if (c->rc == NGX_OK) {
        c->piece = NULL;
        c->piece_last = NULL;
        c->eof = ngx_http_llmbroker_sse_eof(&sse);
    }

    ngx_destroy_pool(pool);
}


/* one line of the reference; returns the length of the event's data so far */

static inline size_t
sse_check_reference_line(const u_char *p, size_t n, u_char *data, size_t len,
    u_char *type, size_t *type_len)
{
    size_t         name;
    const u_char  *colon, *value;

    colon = memchr(p, ':', n);
    name = colon != NULL ? (size_t) (colon - p) : n;
    value = p + n;

    if (colon != NULL) {
        value = colon + 1;

        if (value < p + n && *value == ' ') {
            value++;
        }
    }

    n = p + n - value;

    if (name == 4 && memcmp(p, "data", 4) == 0) {
        memcpy(data + len, value, n);
        data[len + n] = '\n';
        return len + n + 1;
    }

    if (name == 5 && memcmp(p, "event", 5) == 0) {
        *type_len = n < 64 ? n : 64;
        memcpy(type, value, *type_len);
    }

    return len;
}


/*
 * The standard's algorithm over the whole stream, with our three rules more:
 * a NUL is an error, the end of the stream ends a line and an event, a type
 * is cut at 64 bytes.
 */
static inline void
sse_check_reference(sse_check_t *c, const u_char *text, size_t len)
{
    size_t         n, data_len, type_len;
    u_char         type[64], *data;
    const u_char  *p, *last;

    sse_check_start(c);

    data = malloc(len + 2);
    data_len = 0;
    type_len = 0;
    p = text;
    last = text + len;

    for (n = 0; n < len; n++) {
        if (text[n] == '\0') {
            c->rc = NGX_DECLINED;
            last = text + n;
            break;
        }
    }

    if (last - p >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) {
        p += 3;
    }

    for ( ;; ) {

        for (n = 0; p + n < last && p[n] != '\n' && p[n] != '\r'; n++) {
            /* void */
        }

        if (p + n == last && c->rc != NGX_OK) {
            break;
        }

        if (n != 0) {
            data_len = sse_check_reference_line(p, n, data, data_len, type,
                                                &type_len);
        }

        if (n == 0 || p + n == last) {

            if (data_len != 0) {
                sse_check_log(c, type, type_len, data, data_len - 1);
                c->events++;
            }

            data_len = 0;
            type_len = 0;
        }

        if (p + n == last) {
            break;
        }

        p += n;
        p += (last - p > 1 && p[0] == '\r' && p[1] == '\n') ? 2 : 1;
    }

    free(data);
}


static inline ngx_uint_t
sse_check_same(sse_check_t *a, sse_check_t *b)
{
    return a->rc == b->rc && a->eof == b->eof && a->events == b->events
           && a->hash == b->hash && a->bug == NULL && b->bug == NULL;
}


#endif /* _SSE_CHECK_H_INCLUDED_ */
