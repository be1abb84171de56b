
/*
 * Copyright (C) LLMBroker contributors
 *
 * Strings whose bytes come one piece after the other: escapes, UTF-8, and the
 * decoded names.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "codec/ngx_http_llmbroker_scan_string.h"
#include "codec/ngx_http_llmbroker_token.h"
#include "codec/ngx_http_llmbroker_utf8.h"


#define ngx_http_llmbroker_scan_high(code)  (((code) & 0xfc00) == 0xd800)
#define ngx_http_llmbroker_scan_low(code)   (((code) & 0xfc00) == 0xdc00)


/* where in an escape the next byte is */

typedef enum {
    sw_none = 0,
    sw_backslash,
    sw_hex_1,
    sw_hex_2,
    sw_hex_3,
    sw_hex_4
} ngx_http_llmbroker_scan_escape_e;


static u_char *ngx_http_llmbroker_scan_plain(ngx_http_llmbroker_scan_t *s,
    u_char *p, u_char *last);
static u_char *ngx_http_llmbroker_scan_escape(ngx_http_llmbroker_scan_t *s,
    u_char *p);
static u_char ngx_http_llmbroker_scan_decode(u_char ch);
static u_char *ngx_http_llmbroker_scan_hex(ngx_http_llmbroker_scan_t *s,
    u_char *p);
static u_char *ngx_http_llmbroker_scan_unicode(ngx_http_llmbroker_scan_t *s,
    u_char *p);
static u_char *ngx_http_llmbroker_scan_lone(ngx_http_llmbroker_scan_t *s,
    u_char *p, off_t back);
static void ngx_http_llmbroker_scan_name(ngx_http_llmbroker_scan_t *s,
    u_char *p, u_char *last);
static void ngx_http_llmbroker_scan_name_code(ngx_http_llmbroker_scan_t *s,
    uint32_t code);
static void ngx_http_llmbroker_scan_cut(ngx_str_t *name);


u_char *
ngx_http_llmbroker_scan_string(ngx_http_llmbroker_scan_t *s, u_char *p,
    u_char *last)
{
    while (p != NULL && p < last) {

        if (s->escape == sw_backslash) {
            p = ngx_http_llmbroker_scan_escape(s, p);
            continue;
        }

        if (s->escape != sw_none) {
            p = ngx_http_llmbroker_scan_hex(s, p);
            continue;
        }

        if (s->high == 0) {
            p = ngx_http_llmbroker_scan_plain(s, p, last);

            if (p == NULL || p == last) {
                break;
            }
        }

        if (*p == '\\') {
            s->escape = sw_backslash;
            p++;
            continue;
        }

        if (s->high == 0) {

            /* *p == '"' */

            break;
        }

        p = ngx_http_llmbroker_scan_lone(s, p, 6);
    }

    return p;
}


/* the return value points at a quote, at a backslash or is last */

static u_char *
ngx_http_llmbroker_scan_plain(ngx_http_llmbroker_scan_t *s, u_char *p,
    u_char *last)
{
    u_char  *start;

    for (start = p; p < last; /* void */ ) {

        if (s->utf8 == NGX_HTTP_LLMBROKER_UTF8_ACCEPT) {
            p = ngx_http_llmbroker_token_plain(p, last);

            /* names are decoded, so that they need each escape alone */

            if (!s->in_key && p < last && *p != '"') {
                p = ngx_http_llmbroker_token_text(p, last);
            }

            if (p == last || *p == '"' || *p == '\\') {
                break;
            }

            if (*p < 0x20) {
                return ngx_http_llmbroker_scan_fail(s, p, 0,
                                              "control character in a string");
            }
        }

        if ((s->flags & NGX_HTTP_LLMBROKER_SCAN_UTF8) == 0) {

            while (p < last && *p >= 0x80) {
                p++;
            }

            continue;
        }

        p = ngx_http_llmbroker_utf8_run(&s->utf8, p, last);

        if (s->utf8 == NGX_HTTP_LLMBROKER_UTF8_REJECT) {
            return ngx_http_llmbroker_scan_fail(s, p, 0, "invalid utf-8");
        }
    }

    ngx_http_llmbroker_scan_name(s, start, p);

    return p;
}


static u_char *
ngx_http_llmbroker_scan_escape(ngx_http_llmbroker_scan_t *s, u_char *p)
{
    u_char  ch;

    if (*p == 'u') {
        s->escape = sw_hex_1;
        s->code = 0;
        return p + 1;
    }

    if (s->high != 0) {
        return ngx_http_llmbroker_scan_lone(s, p, 7);
    }

    ch = ngx_http_llmbroker_scan_decode(*p);

    if (ch == 0) {
        return ngx_http_llmbroker_scan_fail(s, p, 0, "invalid escape");
    }

    s->escape = sw_none;
    ngx_http_llmbroker_scan_name(s, &ch, &ch + 1);

    return p + 1;
}


/* the byte that a backslash and ch stand for, or 0 */

static u_char
ngx_http_llmbroker_scan_decode(u_char ch)
{
    switch (ch) {

    case '"':
    case '\\':
    case '/':
        return ch;

    case 'b':
        return '\b';

    case 'f':
        return '\f';

    case 'n':
        return LF;

    case 'r':
        return CR;

    case 't':
        return '\t';

    default:
        return 0;
    }
}


static u_char *
ngx_http_llmbroker_scan_hex(ngx_http_llmbroker_scan_t *s, u_char *p)
{
    u_char  ch;

    if (ngx_http_llmbroker_token_digit(*p)) {
        ch = *p - '0';

    } else {
        ch = (u_char) (*p | 0x20);

        if (ch < 'a' || ch > 'f') {
            return ngx_http_llmbroker_scan_fail(s, p, 0, "invalid escape");
        }

        ch = ch - 'a' + 10;
    }

    s->code = (s->code << 4) | ch;

    if (s->escape < sw_hex_4) {
        s->escape++;
        return p + 1;
    }

    s->escape = sw_none;

    return ngx_http_llmbroker_scan_unicode(s, p);
}


/* p is the last digit of an escape; the errors are at its backslash */

static u_char *
ngx_http_llmbroker_scan_unicode(ngx_http_llmbroker_scan_t *s, u_char *p)
{
    uint32_t  code;

    code = s->code;

    if (s->high != 0 && !ngx_http_llmbroker_scan_low(code)) {

        if (ngx_http_llmbroker_scan_lone(s, p, 11) == NULL) {
            return NULL;
        }
    }

    if (ngx_http_llmbroker_scan_high(code)) {
        s->high = code;
        return p + 1;
    }

    if (ngx_http_llmbroker_scan_low(code)) {

        if (s->high == 0) {

            if (ngx_http_llmbroker_scan_lone(s, p, 5) == NULL) {
                return NULL;
            }

            return p + 1;
        }

        code = 0x10000 + ((s->high & 0x3ff) << 10) + (code & 0x3ff);
        s->high = 0;
    }

    if (code == 0 && (s->flags & NGX_HTTP_LLMBROKER_SCAN_ESCAPES)) {
        return ngx_http_llmbroker_scan_fail(s, p, 5, "zero character");
    }

    ngx_http_llmbroker_scan_name_code(s, code);

    return p + 1;
}


/* the surrogate's escape began "back" bytes before p, maybe in another piece */

static u_char *
ngx_http_llmbroker_scan_lone(ngx_http_llmbroker_scan_t *s, u_char *p,
    off_t back)
{
    if (s->flags & NGX_HTTP_LLMBROKER_SCAN_ESCAPES) {
        return ngx_http_llmbroker_scan_fail(s, p, back, "lone surrogate");
    }

    s->high = 0;
    ngx_http_llmbroker_scan_name_code(s, 0xfffd);

    return p;
}


static void
ngx_http_llmbroker_scan_name(ngx_http_llmbroker_scan_t *s, u_char *p,
    u_char *last)
{
    size_t                            room;
    ngx_http_llmbroker_scan_level_t  *level;

    if (!s->in_key || s->depth > s->report) {
        return;
    }

    level = &s->level[s->depth];

    if (level->long_key) {
        return;
    }

    room = NGX_HTTP_LLMBROKER_SCAN_TEXT - 1 - level->key.len;

    if ((size_t) (last - p) > room) {
        last = p + room;
        level->long_key = 1;
    }

    ngx_memcpy(level->name + level->key.len, p, last - p);
    level->key.len += last - p;

    if (level->long_key) {
        ngx_http_llmbroker_scan_cut(&level->key);
    }
}


static void
ngx_http_llmbroker_scan_name_code(ngx_http_llmbroker_scan_t *s, uint32_t code)
{
    u_char  *last, text[4];

    last = ngx_http_llmbroker_utf8_write(text, code);

    ngx_http_llmbroker_scan_name(s, text, last);
}


/* takes a character away that the cut went through */

static void
ngx_http_llmbroker_scan_cut(ngx_str_t *name)
{
    size_t   len;
    u_char  *p, *last;

    last = name->data + name->len;
    p = last;

    while (p > name->data && last - p < 4 && (p[-1] & 0xc0) == 0x80) {
        p--;
    }

    if (p == name->data || p[-1] < 0xc0) {
        return;
    }

    p--;
    len = (*p >= 0xf0) ? 4 : (*p >= 0xe0) ? 3 : 2;

    if ((size_t) (last - p) < len) {
        name->len = p - name->data;
    }
}
