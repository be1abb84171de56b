
/*
 * Copyright (C) LLMBroker contributors
 *
 * Runs the scanner over a text cut to pieces and writes down all that it
 * says, so that two runs can be compared.
 */


#ifndef _SCAN_CHECK_H_INCLUDED_
#define _SCAN_CHECK_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <yajl/yajl_parse.h>

#include "codec/ngx_http_llmbroker_scan.h"


#define SCAN_CHECK_LOG    4096
#define SCAN_CHECK_LEVEL  NGX_HTTP_LLMBROKER_SCAN_MAX_REPORT

#define SCAN_CHECK_ALL    (NGX_HTTP_LLMBROKER_SCAN_UTF8                       \
                           |NGX_HTTP_LLMBROKER_SCAN_ESCAPES)


typedef struct {
    const u_char  *text;             /* the whole text, to compare with */
    ngx_uint_t     flags;
    ngx_uint_t     report;

    ngx_int_t      rc;
    const char    *error;
    off_t          offset;
    ngx_uint_t     events;
    uint64_t       hash;             /* of the whole log */
    const char    *bug;              /* a broken promise of the header */
    size_t         len;
    char           log[SCAN_CHECK_LOG];
} scan_check_t;


static inline void
scan_check_write(scan_check_t *c, const void *data, size_t len)
{
    size_t         i;
    const u_char  *p;

    p = data;

    for (i = 0; i < len; i++) {
        c->hash = (c->hash ^ p[i]) * 0x100000001b3;

        if (c->len < SCAN_CHECK_LOG) {
            c->log[c->len++] = (char) p[i];
        }
    }
}


static inline void
scan_check_number(scan_check_t *c, off_t n)
{
    char  text[32];

    scan_check_write(c, text, snprintf(text, sizeof(text), " %lld",
                                       (long long) n));
}


/* a line is: depth type index [key_start "key"] start end text */

static inline ngx_int_t
scan_check_event(ngx_http_llmbroker_scan_t *s, ngx_uint_t depth, off_t end,
    ngx_str_t *text)
{
    ngx_uint_t                        i;
    scan_check_t                     *c;
    ngx_http_llmbroker_scan_level_t  *level;

    c = s->data;
    level = &s->level[depth];
    c->events++;

    for (i = 1; i <= depth; i++) {
        scan_check_write(c, "/", 1);
        scan_check_write(c, s->level[i].key.data, s->level[i].key.len);
        scan_check_write(c, "*", s->level[i].long_key);
        scan_check_number(c, s->level[i].index);

        if (i < depth && s->level[i].start < s->level[i - 1].start) {
            c->bug = "a value begins before the value around it";
        }
    }

    scan_check_number(c, level->type);
    scan_check_number(c, level->key_start);
    scan_check_number(c, level->start);
    scan_check_number(c, end);
    scan_check_write(c, "\n", 1);

    if (end != s->offset) {
        c->bug = "s->offset is not the value's end";
    }

    if (level->type >= NGX_HTTP_LLMBROKER_JSON_ARRAY) {

        if (text->data != NULL) {
            c->bug = "a container has a text";
        }

        return NGX_OK;
    }

    if (text->data == NULL) {

        if (end - level->start <= NGX_HTTP_LLMBROKER_SCAN_TEXT) {
            c->bug = "a short scalar has no text";
        }

        return NGX_OK;
    }

    if ((off_t) text->len != end - level->start
        || memcmp(text->data, c->text + level->start, text->len) != 0)
    {
        c->bug = "a scalar's text is not what stands in the text";
    }

    return NGX_OK;
}


/*
 * cut is the length of the first piece, then is that of all the others; 0:
 * the rest.  Each piece is memory of its own, which is gone afterwards.
 */
static inline void
scan_check_run(scan_check_t *c, const void *text, size_t len, size_t cut,
    size_t then)
{
    size_t                     n, pos;
    u_char                    *piece;
    ngx_http_llmbroker_scan_t  s;

    c->text = text;
    c->rc = NGX_OK;
    c->error = NULL;
    c->events = 0;
    c->hash = 0xcbf29ce484222325;
    c->bug = NULL;
    c->len = 0;

    ngx_http_llmbroker_scan_init(&s, c->flags, c->report, scan_check_event, c);

    for (pos = 0; pos < len; pos += n) {
        n = (pos == 0) ? cut : then;
        n = (n == 0 || n > len - pos) ? len - pos : n;

        piece = malloc(n);
        memcpy(piece, c->text + pos, n);

        c->rc = ngx_http_llmbroker_scan(&s, piece, piece + n);

        free(piece);

        if (c->rc != NGX_OK) {
            break;
        }

        if (s.offset != (off_t) (pos + n)) {
            c->bug = "s->offset is not the number of bytes consumed";
        }
    }

    if (c->rc == NGX_OK) {
        c->rc = ngx_http_llmbroker_scan_end(&s);
    }

    c->error = s.error;
    c->offset = s.offset;

    if ((c->rc == NGX_OK) != (c->error == NULL)) {
        c->bug = "s->error does not match the return code";
    }
}


static inline ngx_uint_t
scan_check_same(scan_check_t *a, scan_check_t *b)
{
    return a->rc == b->rc && a->error == b->error && a->offset == b->offset
           && a->events == b->events && a->hash == b->hash
           && a->bug == NULL && b->bug == NULL;
}


/*
 * What yajl thinks of the text; utf8: strings are checked.  It overlooks an
 * unfinished token behind the value, so that the text must do as an array's
 * only element as well.
 */
static inline ngx_uint_t
scan_check_yajl(const void *text, size_t len, ngx_uint_t utf8)
{
    ngx_uint_t   i, valid;
    yajl_handle  y;

    valid = 1;

    for (i = 0; i < 2 && valid; i++) {
        y = yajl_alloc(NULL, NULL, NULL);
        yajl_config(y, yajl_dont_validate_strings, !utf8);

        valid = (i == 0 || yajl_parse(y, (u_char *) "[", 1) == yajl_status_ok)
                && yajl_parse(y, text, len) == yajl_status_ok
                && (i == 0
                    || yajl_parse(y, (u_char *) "]", 1) == yajl_status_ok)
                && yajl_complete_parse(y) == yajl_status_ok;

        yajl_free(y);
    }

    return valid;
}


/* yajl takes vertical tabs and form feeds for blanks, RFC 8259 does not */
static inline ngx_uint_t
scan_check_comparable(const void *text, size_t len)
{
    return memchr(text, '\v', len) == NULL && memchr(text, '\f', len) == NULL;
}


#endif /* _SCAN_CHECK_H_INCLUDED_ */
