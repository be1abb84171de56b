
/*
 * Copyright (C) LLMBroker contributors
 *
 * Makes frames, and runs the frame reader over a stream cut to pieces.
 */


#ifndef _FRAME_CHECK_H_INCLUDED_
#define _FRAME_CHECK_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "codec/ngx_http_llmbroker_frame.h"


#define FRAME_CHECK_LOG  8192


typedef struct {
    size_t       max;
    ngx_int_t    stop;               /* the event that the handler refuses */

    ngx_int_t    rc;
    ngx_int_t    eof;
    ngx_int_t    events;
    ngx_uint_t   inside;             /* events that were not copied */
    uint64_t     hash;
    const char  *bug;
    u_char      *piece;
    u_char      *piece_last;
    size_t       len;
    char         log[FRAME_CHECK_LOG];
} frame_check_t;


typedef struct {
    size_t       len;
    size_t       start;              /* of the frame that is written */
    u_char       data[65536];
} frame_stream_t;


static inline void
frame_u32(u_char *p, uint32_t n)
{
    p[0] = (u_char) (n >> 24);
    p[1] = (u_char) (n >> 16);
    p[2] = (u_char) (n >> 8);
    p[3] = (u_char) n;
}


static inline void
frame_bytes(frame_stream_t *s, const void *p, size_t len)
{
    memcpy(s->data + s->len, p, len);
    s->len += len;
}


/* a frame is opened, has headers, then a payload that closes it */

static inline void
frame_open(frame_stream_t *s)
{
    s->start = s->len;
    s->len += 12;
}


static inline void
frame_header(frame_stream_t *s, const char *name, u_char type,
    const void *value, size_t len)
{
    u_char  n;

    n = (u_char) strlen(name);

    frame_bytes(s, &n, 1);
    frame_bytes(s, name, n);
    frame_bytes(s, &type, 1);
    frame_bytes(s, value, len);
}


static inline void
frame_text(frame_stream_t *s, const char *name, const char *value)
{
    u_char  length[65538];
    size_t  len;

    len = strlen(value);

    length[0] = (u_char) (len >> 8);
    length[1] = (u_char) len;
    memcpy(length + 2, value, len);

    frame_header(s, name, 7, length, len + 2);
}


/* CRC-32 bit by bit, as its polynomial is written */

static inline uint32_t
frame_crc(const u_char *p, size_t len)
{
    uint32_t    c;
    ngx_uint_t  bit;

    for (c = 0xffffffff; len != 0; len--, p++) {
        for (c ^= *p, bit = 0; bit < 8; bit++) {
            c = (c >> 1) ^ (0xedb88320 & (0 - (c & 1)));
        }
    }

    return ~c;
}


static inline void
frame_sum(u_char *p, size_t total)
{
    frame_u32(p + 8, frame_crc(p, 8));
    frame_u32(p + total - 4, frame_crc(p, total - 4));
}


static inline void
frame_close(frame_stream_t *s, const void *payload, size_t len)
{
    size_t   headers;
    u_char  *p;

    p = s->data + s->start;
    headers = s->len - s->start - 12;

    frame_bytes(s, payload, len);
    s->len += 4;

    frame_u32(p, (uint32_t) (s->len - s->start));
    frame_u32(p + 4, (uint32_t) headers);
    frame_sum(p, s->len - s->start);
}


static inline void
frame_event(frame_stream_t *s, const char *type, const char *payload)
{
    frame_open(s);
    frame_text(s, ":event-type", type);
    frame_text(s, ":content-type", "application/json");
    frame_text(s, ":message-type", "event");
    frame_close(s, payload, strlen(payload));
}


static inline void
frame_check_write(frame_check_t *c, const void *data, size_t len)
{
    size_t         i;
    const u_char  *p;

    p = data;

    for (i = 0; i < len; i++) {
        c->hash = (c->hash ^ p[i]) * 0x100000001b3;

        if (c->len < FRAME_CHECK_LOG) {
            c->log[c->len++] = (char) p[i];
        }
    }
}


/* the log: type|data; or type!data; of an exception */

static inline ngx_int_t
frame_check_event(void *data, ngx_http_llmbroker_sse_event_t *event)
{
    frame_check_t  *c;

    c = data;

    if (event->type.data == NULL || event->data.data == NULL) {
        c->bug = "a text is NULL";
    }

    if (event->raw.data != NULL) {
        c->bug = "raw is not NULL";
    }

    if (event->data.data >= c->piece && event->data.data < c->piece_last) {
        c->inside++;
    }

    frame_check_write(c, event->type.data, event->type.len);
    frame_check_write(c, event->exception ? "!" : "|", 1);
    frame_check_write(c, event->data.data, event->data.len);
    frame_check_write(c, ";", 1);

    return ++c->events == c->stop ? NGX_DONE : NGX_OK;
}


/*
 * cut is the length of the first piece, then is that of all the others; 0:
 * the rest.  Each piece is memory of its own, which is gone afterwards.
 */
static inline void
frame_check_run(frame_check_t *c, const void *text, size_t len, size_t cut,
    size_t then)
{
    size_t                       n, pos;
    ngx_pool_t                  *pool;
    ngx_http_llmbroker_frame_t   fr;

    c->rc = NGX_OK;
    c->eof = NGX_OK;
    c->events = 0;
    c->inside = 0;
    c->hash = 0xcbf29ce484222325;
    c->bug = NULL;
    c->len = 0;

    pool = ngx_create_pool(4096, NULL);
    ngx_http_llmbroker_frame_init(&fr, pool, c->max, frame_check_event, c);

    for (pos = 0; pos < len; pos += n) {
        n = (pos == 0) ? cut : then;
        n = (n == 0 || n > len - pos) ? len - pos : n;

        c->piece = malloc(n);
        c->piece_last = c->piece + n;
        memcpy(c->piece, (const u_char *) text + pos, n);

        c->rc = ngx_http_llmbroker_frame(&fr, c->piece, c->piece_last);

        if (c->rc == NGX_DECLINED
            && (ngx_http_llmbroker_frame(&fr, c->piece, c->piece_last)
                != NGX_DECLINED
                || ngx_http_llmbroker_frame_eof(&fr) != NGX_DECLINED))
        {
            c->bug = "goes on behind a failure";
        }

        free(c->piece);

        if (c->rc != NGX_OK) {
            break;
        }
    }

    c->piece = NULL;
    c->piece_last = NULL;

    if (c->rc == NGX_OK) {
        c->eof = ngx_http_llmbroker_frame_eof(&fr);
    }

    ngx_destroy_pool(pool);
}


static inline ngx_uint_t
frame_check_same(frame_check_t *a, frame_check_t *b)
{
    return a->rc == b->rc && a->eof == b->eof && a->events == b->events
           && a->hash == b->hash && a->bug == NULL && b->bug == NULL;
}


#endif /* _FRAME_CHECK_H_INCLUDED_ */
