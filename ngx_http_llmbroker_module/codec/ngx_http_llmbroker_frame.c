
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "codec/ngx_http_llmbroker_frame.h"
#include "codec/ngx_http_llmbroker_json_write.h"


/*
 * u32 total, u32 size of the headers, u32 sum of these 8 bytes, headers,
 * payload, u32 sum of everything before; the byte order is the network's
 */
#define NGX_HTTP_LLMBROKER_FRAME_PRELUDE  12
#define NGX_HTTP_LLMBROKER_FRAME_SUM      4
#define NGX_HTTP_LLMBROKER_FRAME_MIN                                          \
    (NGX_HTTP_LLMBROKER_FRAME_PRELUDE + NGX_HTTP_LLMBROKER_FRAME_SUM)

#define NGX_HTTP_LLMBROKER_FRAME_CARRY    1024

/* the type of a header's value: a text */
#define NGX_HTTP_LLMBROKER_FRAME_STRING   7

/* bytes in place of a size: u16 length and so many bytes */
#define NGX_HTTP_LLMBROKER_FRAME_LENGTH   255


#define ngx_http_llmbroker_frame_u16(p)                                       \
    ((size_t) (p)[0] << 8 | (p)[1])

#define ngx_http_llmbroker_frame_u32(p)                                       \
    ((size_t) (p)[0] << 24 | (size_t) (p)[1] << 16                            \
     | (size_t) (p)[2] << 8 | (p)[3])


typedef enum {
    NGX_HTTP_LLMBROKER_FRAME_MESSAGE_TYPE = 0,
    NGX_HTTP_LLMBROKER_FRAME_EVENT_TYPE,
    NGX_HTTP_LLMBROKER_FRAME_EXCEPTION_TYPE,
    NGX_HTTP_LLMBROKER_FRAME_ERROR_CODE,
    NGX_HTTP_LLMBROKER_FRAME_ERROR_MESSAGE,
    NGX_HTTP_LLMBROKER_FRAME_NAMES            /* number of the above */
} ngx_http_llmbroker_frame_name_e;


static ngx_int_t ngx_http_llmbroker_frame_carry(
    ngx_http_llmbroker_frame_t *fr, u_char **pp, u_char *last);
static ngx_int_t ngx_http_llmbroker_frame_prelude(
    ngx_http_llmbroker_frame_t *fr, u_char *p);
static ngx_int_t ngx_http_llmbroker_frame_read(ngx_http_llmbroker_frame_t *fr,
    u_char *p);
static ngx_int_t ngx_http_llmbroker_frame_headers(u_char *p, u_char *last,
    ngx_str_t *values);
static void ngx_http_llmbroker_frame_header(ngx_str_t *name, ngx_str_t *value,
    ngx_str_t *values);
static ngx_int_t ngx_http_llmbroker_frame_dispatch(
    ngx_http_llmbroker_frame_t *fr, ngx_str_t *values, ngx_str_t *payload);
static ngx_int_t ngx_http_llmbroker_frame_error(ngx_pool_t *pool,
    ngx_str_t *message, ngx_str_t *data);
static ngx_uint_t ngx_http_llmbroker_frame_sum(u_char *p, size_t len);
static ngx_int_t ngx_http_llmbroker_frame_append(
    ngx_http_llmbroker_frame_t *fr, u_char *p, size_t n);
static ngx_int_t ngx_http_llmbroker_frame_failed(
    ngx_http_llmbroker_frame_t *fr);


static ngx_str_t  ngx_http_llmbroker_frame_names[] = {
    ngx_string(":message-type"),
    ngx_string(":event-type"),
    ngx_string(":exception-type"),
    ngx_string(":error-code"),
    ngx_string(":error-message")
};


/* by type: true, false, i8, i16, i32, i64, bytes, text, time, UUID */

static const u_char  ngx_http_llmbroker_frame_sizes[] = {
    0, 0, 1, 2, 4, 8, NGX_HTTP_LLMBROKER_FRAME_LENGTH,
    NGX_HTTP_LLMBROKER_FRAME_LENGTH, 8, 16
};


void
ngx_http_llmbroker_frame_init(ngx_http_llmbroker_frame_t *fr,
    ngx_pool_t *pool, size_t max, ngx_http_llmbroker_sse_pt handler,
    void *data)
{
    ngx_memzero(fr, sizeof(ngx_http_llmbroker_frame_t));

    fr->handler = handler;
    fr->data = data;
    fr->pool = pool;
    fr->max = max;
}


ngx_int_t
ngx_http_llmbroker_frame(ngx_http_llmbroker_frame_t *fr, u_char *p,
    u_char *last)
{
    ngx_int_t  rc;

    if (fr->failed) {
        return NGX_DECLINED;
    }

    while (p < last) {

        if (fr->error) {
            return ngx_http_llmbroker_frame_failed(fr);
        }

        if (fr->carry.last != fr->carry.start
            || last - p < NGX_HTTP_LLMBROKER_FRAME_PRELUDE)
        {
            rc = ngx_http_llmbroker_frame_carry(fr, &p, last);

        } else {
            rc = ngx_http_llmbroker_frame_prelude(fr, p);

            if (rc == NGX_OK && fr->total > (size_t) (last - p)) {
                return ngx_http_llmbroker_frame_append(fr, p, last - p);
            }

            if (rc == NGX_OK) {
                rc = ngx_http_llmbroker_frame_read(fr, p);
                p += fr->total;
                fr->total = 0;
            }
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_frame_eof(ngx_http_llmbroker_frame_t *fr)
{
    if (fr->failed || fr->carry.last != fr->carry.start) {
        return ngx_http_llmbroker_frame_failed(fr);
    }

    return NGX_OK;
}


/* completes the prelude that is kept, then the frame */

static ngx_int_t
ngx_http_llmbroker_frame_carry(ngx_http_llmbroker_frame_t *fr, u_char **pp,
    u_char *last)
{
    size_t      n, used;
    ngx_int_t   rc;
    ngx_buf_t  *b;

    b = &fr->carry;
    used = b->last - b->start;

    n = (fr->total != 0) ? fr->total : NGX_HTTP_LLMBROKER_FRAME_PRELUDE;
    n = ngx_min(n - used, (size_t) (last - *pp));

    rc = ngx_http_llmbroker_frame_append(fr, *pp, n);
    if (rc != NGX_OK) {
        return rc;
    }

    *pp += n;
    used += n;

    if (fr->total == 0) {

        if (used < NGX_HTTP_LLMBROKER_FRAME_PRELUDE) {
            return NGX_OK;
        }

        /* the smallest frame is larger than a prelude */

        return ngx_http_llmbroker_frame_prelude(fr, b->start);
    }

    if (used < fr->total) {
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_frame_read(fr, b->start);

    b->last = b->start;
    fr->total = 0;

    return rc;
}


static ngx_int_t
ngx_http_llmbroker_frame_prelude(ngx_http_llmbroker_frame_t *fr, u_char *p)
{
    size_t  total, headers;

    total = ngx_http_llmbroker_frame_u32(p);
    headers = ngx_http_llmbroker_frame_u32(p + 4);

    if (total < NGX_HTTP_LLMBROKER_FRAME_MIN
        || total > fr->max
        || headers > total - NGX_HTTP_LLMBROKER_FRAME_MIN
        || headers > NGX_HTTP_LLMBROKER_FRAME_HEADERS
        || ngx_http_llmbroker_frame_sum(p, 8)
           != ngx_http_llmbroker_frame_u32(p + 8))
    {
        return ngx_http_llmbroker_frame_failed(fr);
    }

    fr->total = total;

    return NGX_OK;
}


/* a whole frame, whose prelude is right */

static ngx_int_t
ngx_http_llmbroker_frame_read(ngx_http_llmbroker_frame_t *fr, u_char *p)
{
    u_char     *headers, *end;
    ngx_str_t   payload, values[NGX_HTTP_LLMBROKER_FRAME_NAMES];

    end = p + fr->total - NGX_HTTP_LLMBROKER_FRAME_SUM;

    if (ngx_http_llmbroker_frame_sum(p, end - p)
        != ngx_http_llmbroker_frame_u32(end))
    {
        return ngx_http_llmbroker_frame_failed(fr);
    }

    headers = p + NGX_HTTP_LLMBROKER_FRAME_PRELUDE;

    payload.data = headers + ngx_http_llmbroker_frame_u32(p + 4);
    payload.len = end - payload.data;

    ngx_memzero(values, sizeof(values));

    if (ngx_http_llmbroker_frame_headers(headers, payload.data, values)
        != NGX_OK)
    {
        return ngx_http_llmbroker_frame_failed(fr);
    }

    return ngx_http_llmbroker_frame_dispatch(fr, values, &payload);
}


/* u8 length of the name, name, u8 type, value */

static ngx_int_t
ngx_http_llmbroker_frame_headers(u_char *p, u_char *last, ngx_str_t *values)
{
    size_t      size;
    ngx_str_t   name, value;
    ngx_uint_t  type;

    while (p < last) {

        name.len = *p++;
        name.data = p;

        if (name.len == 0 || name.len + 1 > (size_t) (last - p)) {
            return NGX_DECLINED;
        }

        p += name.len;
        type = *p++;

        if (type >= sizeof(ngx_http_llmbroker_frame_sizes)) {
            return NGX_DECLINED;
        }

        size = ngx_http_llmbroker_frame_sizes[type];

        if (size == NGX_HTTP_LLMBROKER_FRAME_LENGTH) {

            if (last - p < 2) {
                return NGX_DECLINED;
            }

            size = ngx_http_llmbroker_frame_u16(p);
            p += 2;
        }

        if (size > (size_t) (last - p)) {
            return NGX_DECLINED;
        }

        value.data = p;
        value.len = size;
        p += size;

        if (type == NGX_HTTP_LLMBROKER_FRAME_STRING) {
            ngx_http_llmbroker_frame_header(&name, &value, values);
        }
    }

    return NGX_OK;
}


static void
ngx_http_llmbroker_frame_header(ngx_str_t *name, ngx_str_t *value,
    ngx_str_t *values)
{
    ngx_str_t   *known;
    ngx_uint_t   i;

    for (i = 0; i < NGX_HTTP_LLMBROKER_FRAME_NAMES; i++) {

        known = &ngx_http_llmbroker_frame_names[i];

        if (known->len == name->len
            && ngx_memcmp(known->data, name->data, name->len) == 0)
        {
            values[i] = *value;
            return;
        }
    }
}


static ngx_int_t
ngx_http_llmbroker_frame_dispatch(ngx_http_llmbroker_frame_t *fr,
    ngx_str_t *values, ngx_str_t *payload)
{
    ngx_str_t                       *type;
    ngx_http_llmbroker_sse_event_t   event;

    static ngx_str_t  exception = ngx_string("exception");
    static ngx_str_t  error = ngx_string("error");

    ngx_memzero(&event, sizeof(ngx_http_llmbroker_sse_event_t));

    type = &values[NGX_HTTP_LLMBROKER_FRAME_MESSAGE_TYPE];
    event.type = values[NGX_HTTP_LLMBROKER_FRAME_EVENT_TYPE];
    event.data = *payload;

    if (type->len == exception.len
        && ngx_memcmp(type->data, exception.data, type->len) == 0)
    {
        event.exception = 1;
        event.type = values[NGX_HTTP_LLMBROKER_FRAME_EXCEPTION_TYPE];

    } else if (type->len == error.len
               && ngx_memcmp(type->data, error.data, type->len) == 0)
    {
        event.exception = 1;
        event.type = values[NGX_HTTP_LLMBROKER_FRAME_ERROR_CODE];

        fr->error = 1;

        if (ngx_http_llmbroker_frame_error(fr->pool,
                              &values[NGX_HTTP_LLMBROKER_FRAME_ERROR_MESSAGE],
                              &event.data)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (event.type.data == NULL) {
        ngx_str_set(&event.type, "");
    }

    return fr->handler(fr->data, &event);
}


/* {"message":...} */

static ngx_int_t
ngx_http_llmbroker_frame_error(ngx_pool_t *pool, ngx_str_t *message,
    ngx_str_t *data)
{
    size_t                             size;
    ngx_buf_t                         *b;
    ngx_http_llmbroker_out_t           out;
    ngx_http_llmbroker_json_writer_t   w;

    /* an escape takes 6 bytes at most, so the text lies in one buffer */

    size = sizeof("{\"message\":\"\"}") - 1 + message->len * 6;

    ngx_http_llmbroker_out_init(&out, pool, NULL, NULL, size);

    ngx_http_llmbroker_json_write_start(&w, &out);
    ngx_http_llmbroker_json_open(&w);
    ngx_http_llmbroker_json_key(&w, "message");
    ngx_http_llmbroker_json_str(&w, message);
    ngx_http_llmbroker_json_close(&w);

    if (ngx_http_llmbroker_json_write_end(&w) != NGX_OK) {
        return NGX_ERROR;
    }

    b = out.chain->buf;

    data->data = b->pos;
    data->len = b->last - b->pos;

    return NGX_OK;
}


static ngx_uint_t
ngx_http_llmbroker_frame_sum(u_char *p, size_t len)
{
    uint32_t  crc;

    ngx_crc32_init(crc);
    ngx_crc32_update(&crc, p, len);
    ngx_crc32_final(crc);

    return crc;
}


/* grows with what has come, not with what a prelude says will come */

static ngx_int_t
ngx_http_llmbroker_frame_append(ngx_http_llmbroker_frame_t *fr, u_char *p,
    size_t n)
{
    size_t      used, size;
    u_char     *start;
    ngx_buf_t  *b;

    b = &fr->carry;
    used = b->last - b->start;

    if (n > (size_t) (b->end - b->last)) {

        size = b->end - b->start;
        size = ngx_max(size * 2, NGX_HTTP_LLMBROKER_FRAME_CARRY);
        size = ngx_max(ngx_min(size, fr->max), used + n);

        start = ngx_pnalloc(fr->pool, size);
        if (start == NULL) {
            return NGX_ERROR;
        }

        if (b->start != NULL) {
            ngx_memcpy(start, b->start, used);
            (void) ngx_pfree(fr->pool, b->start);
        }

        b->start = start;
        b->last = start + used;
        b->end = start + size;
    }

    b->last = ngx_cpymem(b->last, p, n);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_frame_failed(ngx_http_llmbroker_frame_t *fr)
{
    fr->failed = 1;

    return NGX_DECLINED;
}
