
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "codec/ngx_http_llmbroker_sse.h"


#define NGX_HTTP_LLMBROKER_SSE_CARRY  1024


/* sw_bom is the number of the mark's bytes that have been seen: 0, 1 or 2 */

typedef enum {
    sw_bom = 0,
    sw_lines = 3,
    sw_failed
} ngx_http_llmbroker_sse_state_e;


static ngx_int_t ngx_http_llmbroker_sse_lines(ngx_http_llmbroker_sse_t *sse,
    u_char *p, u_char *last);
static ngx_int_t ngx_http_llmbroker_sse_bom(ngx_http_llmbroker_sse_t *sse,
    u_char **pp, u_char *last);
static ngx_int_t ngx_http_llmbroker_sse_line(ngx_http_llmbroker_sse_t *sse,
    u_char *p, u_char *eol);
static ngx_int_t ngx_http_llmbroker_sse_field(ngx_http_llmbroker_sse_t *sse,
    u_char *p, u_char *eol);
static void ngx_http_llmbroker_sse_status(ngx_http_llmbroker_sse_t *sse,
    u_char *p, u_char *eol);
static ngx_uint_t ngx_http_llmbroker_sse_named(u_char *p, u_char *eol,
    const char *name, size_t len, u_char **value);
static ngx_int_t ngx_http_llmbroker_sse_data(ngx_http_llmbroker_sse_t *sse,
    u_char *p, u_char *eol);
static ngx_int_t ngx_http_llmbroker_sse_dispatch(ngx_http_llmbroker_sse_t *sse,
    u_char *end);
static ngx_int_t ngx_http_llmbroker_sse_own(ngx_http_llmbroker_sse_t *sse);
static ngx_int_t ngx_http_llmbroker_sse_append(ngx_http_llmbroker_sse_t *sse,
    ngx_buf_t *b, u_char *p, u_char *last);


static const u_char  ngx_http_llmbroker_sse_mark[] = { 0xef, 0xbb, 0xbf };


void
ngx_http_llmbroker_sse_init(ngx_http_llmbroker_sse_t *sse, ngx_pool_t *pool,
    size_t max, ngx_http_llmbroker_sse_pt handler, void *data)
{
    ngx_memzero(sse, sizeof(ngx_http_llmbroker_sse_t));

    sse->handler = handler;
    sse->data = data;
    sse->pool = pool;
    sse->max = max;
    sse->state = sw_bom;
}


ngx_int_t
ngx_http_llmbroker_sse(ngx_http_llmbroker_sse_t *sse, u_char *p, u_char *last)
{
    u_char     *nul;
    ngx_int_t   rc;

    if (sse->state == sw_failed) {
        return NGX_DECLINED;
    }

    if (p == last) {
        return NGX_OK;
    }

    /* what comes before a NUL counts, however the stream was cut to pieces */

    nul = memchr(p, '\0', last - p);

    rc = ngx_http_llmbroker_sse_lines(sse, p, nul != NULL ? nul : last);

    if (rc == NGX_OK && nul != NULL) {
        sse->state = sw_failed;
        return NGX_DECLINED;
    }

    return rc;
}


ngx_int_t
ngx_http_llmbroker_sse_eof(ngx_http_llmbroker_sse_t *sse)
{
    ngx_int_t  rc;

    if (sse->state == sw_failed) {
        return NGX_DECLINED;
    }

    sse->event_start = NULL;

    if (sse->line.last != sse->line.start) {
        rc = ngx_http_llmbroker_sse_line(sse, NULL, NULL);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_http_llmbroker_sse_dispatch(sse, NULL);
}


static ngx_int_t
ngx_http_llmbroker_sse_lines(ngx_http_llmbroker_sse_t *sse, u_char *p,
    u_char *last)
{
    u_char     *lf, *eol;
    ngx_int_t   rc;

    if (sse->state < sw_lines) {
        rc = ngx_http_llmbroker_sse_bom(sse, &p, last);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    lf = NULL;
    sse->event_start = NULL;

    while (p < last) {

        if (sse->skip_lf) {
            sse->skip_lf = 0;

            if (*p == LF) {
                p++;
                continue;
            }
        }

        /* the next LF is remembered: lines may end in CR alone */

        if (lf == NULL || lf < p) {
            lf = memchr(p, LF, last - p);
            lf = (lf != NULL) ? lf : last;
        }

        eol = memchr(p, CR, lf - p);
        eol = (eol != NULL) ? eol : lf;

        if (eol == last) {
            break;
        }

        rc = ngx_http_llmbroker_sse_line(sse, p, eol);
        if (rc != NGX_OK) {
            return rc;
        }

        p = eol + 1;

        if (*eol == CR) {
            sse->skip_lf = 1;
        }
    }

    rc = ngx_http_llmbroker_sse_own(sse);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llmbroker_sse_append(sse, &sse->line, p, last);
}


/* drops the byte order mark, or gives its first bytes to the first line */

static ngx_int_t
ngx_http_llmbroker_sse_bom(ngx_http_llmbroker_sse_t *sse, u_char **pp,
    u_char *last)
{
    u_char      *p, *mark;
    ngx_uint_t   n;

    mark = (u_char *) ngx_http_llmbroker_sse_mark;

    for (p = *pp; p < last && sse->state < sw_lines; p++) {

        if (*p != mark[sse->state]) {
            n = sse->state;
            sse->state = sw_lines;
            *pp = p;

            return ngx_http_llmbroker_sse_append(sse, &sse->line, mark,
                                                 mark + n);
        }

        sse->state++;
    }

    *pp = p;

    return NGX_OK;
}


/* a line has ended before eol; its beginning may have come in other pieces */

static ngx_int_t
ngx_http_llmbroker_sse_line(ngx_http_llmbroker_sse_t *sse, u_char *p,
    u_char *eol)
{
    ngx_int_t  rc;

    if (sse->line.last != sse->line.start) {

        rc = ngx_http_llmbroker_sse_append(sse, &sse->line, p, eol);
        if (rc != NGX_OK) {
            return rc;
        }

        p = sse->line.start;
        eol = sse->line.last;

        /* the bytes stay until the piece ends */

        sse->line.last = sse->line.start;

        return ngx_http_llmbroker_sse_field(sse, p, eol);
    }

    if ((size_t) (eol - p) > sse->max) {
        sse->state = sw_failed;
        return NGX_DECLINED;
    }

    if (p == eol) {
        return ngx_http_llmbroker_sse_dispatch(sse,
                                               *eol == LF ? eol + 1 : NULL);
    }

    if (sse->lines == 0) {
        sse->event_start = p;
    }

    return ngx_http_llmbroker_sse_field(sse, p, eol);
}


static ngx_int_t
ngx_http_llmbroker_sse_field(ngx_http_llmbroker_sse_t *sse, u_char *p,
    u_char *eol)
{
    u_char  *value;

    sse->lines++;
    sse->plain = 0;

    if (ngx_http_llmbroker_sse_named(p, eol, "data", 4, &value)) {

        if (sse->lines == 1 && sse->event_start == p && value == p + 6
            && *eol == LF)
        {
            sse->plain = 1;
        }

        return ngx_http_llmbroker_sse_data(sse, value, eol);
    }

    if (ngx_http_llmbroker_sse_named(p, eol, "event", 5, &value)) {

        sse->type_len = ngx_min((size_t) (eol - value), sizeof(sse->type));
        ngx_memcpy(sse->type, value, sse->type_len);

    } else if (ngx_http_llmbroker_sse_named(p, eol, "status", 6, &value)) {
        ngx_http_llmbroker_sse_status(sse, value, eol);

    } else if (eol - p > 13 && ngx_memcmp(p, ":HTTP_STATUS/", 13) == 0) {
        ngx_http_llmbroker_sse_status(sse, p + 13, eol);
    }

    /* comments, "id", "retry" and unknown fields mean nothing here */

    return NGX_OK;
}


static void
ngx_http_llmbroker_sse_status(ngx_http_llmbroker_sse_t *sse, u_char *p,
    u_char *eol)
{
    ngx_int_t  n;

    n = ngx_atoi(p, eol - p);

    if (n >= 100 && n <= 599) {
        sse->status = n;
    }
}


static ngx_uint_t
ngx_http_llmbroker_sse_named(u_char *p, u_char *eol, const char *name,
    size_t len, u_char **value)
{
    if ((size_t) (eol - p) < len || ngx_memcmp(p, name, len) != 0) {
        return 0;
    }

    p += len;

    if (p < eol) {

        if (*p++ != ':') {
            return 0;
        }

        if (p < eol && *p == ' ') {
            p++;
        }
    }

    *value = p;

    return 1;
}


static ngx_int_t
ngx_http_llmbroker_sse_data(ngx_http_llmbroker_sse_t *sse, u_char *p,
    u_char *eol)
{
    u_char     lf;
    ngx_int_t  rc;

    if (sse->data_lines++ == 0) {
        sse->joined.pos = p;
        sse->joined.last = eol;
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_sse_own(sse);
    if (rc != NGX_OK) {
        return rc;
    }

    lf = LF;

    rc = ngx_http_llmbroker_sse_append(sse, &sse->joined, &lf, &lf + 1);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llmbroker_sse_append(sse, &sse->joined, p, eol);
}


/* end is the byte after the blank line, if that was an LF, otherwise NULL */

static ngx_int_t
ngx_http_llmbroker_sse_dispatch(ngx_http_llmbroker_sse_t *sse, u_char *end)
{
    ngx_uint_t                      lines;
    ngx_http_llmbroker_sse_event_t  event;

    ngx_memzero(&event, sizeof(ngx_http_llmbroker_sse_event_t));

    event.status = sse->status;
    event.type.len = sse->type_len;
    event.type.data = sse->type;

    event.data.len = sse->joined.last - sse->joined.pos;
    event.data.data = event.data.len != 0 ? sse->joined.pos : (u_char *) "";

    if (sse->plain && sse->event_start != NULL && end != NULL) {
        event.raw.len = end - sse->event_start;
        event.raw.data = sse->event_start;
    }

    lines = sse->data_lines;

    sse->lines = 0;
    sse->data_lines = 0;
    sse->type_len = 0;
    sse->status = 0;
    sse->plain = 0;
    sse->joined.pos = sse->joined.start;
    sse->joined.last = sse->joined.start;

    if (lines == 0) {
        return NGX_OK;
    }

    return sse->handler(sse->data, &event);
}


/*
 * The data of the event so far lies in the input or in "line" until a second
 * line follows or the piece ends: only then it is copied.
 */

static ngx_int_t
ngx_http_llmbroker_sse_own(ngx_http_llmbroker_sse_t *sse)
{
    u_char  *p, *last;

    if (sse->data_lines == 0 || sse->joined.pos == sse->joined.start) {
        return NGX_OK;
    }

    p = sse->joined.pos;
    last = sse->joined.last;

    sse->joined.pos = sse->joined.start;
    sse->joined.last = sse->joined.start;

    return ngx_http_llmbroker_sse_append(sse, &sse->joined, p, last);
}


static ngx_int_t
ngx_http_llmbroker_sse_append(ngx_http_llmbroker_sse_t *sse, ngx_buf_t *b,
    u_char *p, u_char *last)
{
    size_t   n, used, size;
    u_char  *start;

    n = last - p;
    used = b->last - b->start;

    if (n == 0) {
        return NGX_OK;
    }

    if (n > sse->max - used) {
        sse->state = sw_failed;
        return NGX_DECLINED;
    }

    if (n > (size_t) (b->end - b->last)) {

        size = b->end - b->start;
        size = ngx_max(size * 2, NGX_HTTP_LLMBROKER_SSE_CARRY);
        size = ngx_min(ngx_max(size, used + n), sse->max);

        start = ngx_pnalloc(sse->pool, size);
        if (start == NULL) {
            return NGX_ERROR;
        }

        if (b->start != NULL) {
            ngx_memcpy(start, b->start, used);
            (void) ngx_pfree(sse->pool, b->start);
        }

        b->start = start;
        b->pos = start;
        b->last = start + used;
        b->end = start + size;
    }

    b->last = ngx_cpymem(b->last, p, n);

    return NGX_OK;
}
