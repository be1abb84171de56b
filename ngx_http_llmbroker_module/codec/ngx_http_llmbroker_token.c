
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "codec/ngx_http_llmbroker_token.h"
#include "codec/ngx_http_llmbroker_utf8.h"


#define ngx_http_llmbroker_token_bytes(b)  (0x0101010101010101ULL * (b))


#if (NGX_HTTP_LLMBROKER_SSE2)
static ngx_inline uint64_t ngx_http_llmbroker_token_block(u_char *p);
#endif
static ngx_inline ngx_uint_t ngx_http_llmbroker_token_pair(u_char *p);
static u_char *ngx_http_llmbroker_token_other(u_char *p, u_char *last);
static u_char *ngx_http_llmbroker_token_unicode(u_char *p, u_char *last);
static u_char *ngx_http_llmbroker_token_digits(u_char *p, u_char *last);


/* what may follow a backslash alone: no branch could foresee which one does */

static const u_char  ngx_http_llmbroker_token_simple[256] = {
    ['"'] = 1, ['\\'] = 1, ['/'] = 1,
    ['b'] = 1, ['f'] = 1, ['n'] = 1, ['r'] = 1, ['t'] = 1
};

/* 16 and what a hexadecimal digit stands for; 0: it is none */

static const uint8_t  ngx_http_llmbroker_token_hex[256] = {
    ['0'] = 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19,
    ['A'] = 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f,
    ['a'] = 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f
};


u_char *
ngx_http_llmbroker_token_long(u_char *p, u_char *last)
{
    uint64_t  stops;

#if (NGX_HTTP_LLMBROKER_SSE2)

    while (last - p >= 64) {
        stops = ngx_http_llmbroker_token_block(p);

        if (stops != 0) {
            return p + __builtin_ctzll(stops);
        }

        p += 64;
    }

    while (last - p >= 16) {
        stops = ngx_http_llmbroker_token_stops(p);

        if (stops != 0) {
            return p + __builtin_ctzll(stops);
        }

        p += 16;
    }

#else

    /*
     * The high bit of a byte of "stops" is set for each byte that is looked
     * for.  A borrow can raise a false alarm, but only above a true one.
     */

    while (last - p >= (ssize_t) sizeof(uint64_t)) {
        uint64_t  w;

        ngx_memcpy(&w, p, sizeof(uint64_t));

        stops = (w ^ ngx_http_llmbroker_token_bytes('"'))
                - ngx_http_llmbroker_token_bytes(0x01);
        stops |= (w ^ ngx_http_llmbroker_token_bytes('\\'))
                 - ngx_http_llmbroker_token_bytes(0x01);
        stops |= w - ngx_http_llmbroker_token_bytes(0x20);
        stops |= w;

        if ((stops & ngx_http_llmbroker_token_bytes(0x80)) != 0) {
            break;
        }

        p += sizeof(uint64_t);
    }

#endif

    while (p < last && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\') {
        p++;
    }

    return p;
}


/* 1 when p is an escape or a character of two bytes; both can be read */

static ngx_inline ngx_uint_t
ngx_http_llmbroker_token_pair(u_char *p)
{
    if (*p == '\\') {
        return ngx_http_llmbroker_token_simple[p[1]];
    }

    return *p >= 0xc2 && *p <= 0xdf && (p[1] & 0xc0) == 0x80;
}


u_char *
ngx_http_llmbroker_token_text(u_char *p, u_char *last)
{
    u_char  *next;

#if (NGX_HTTP_LLMBROKER_SSE2)

    uint64_t     stops, stop, second;
    ngx_uint_t   n;

    second = 0;

    while (last - p > 64) {
        stops = ngx_http_llmbroker_token_block(p) & ~second;
        second = 0;

        while (stops != 0) {
            n = __builtin_ctzll(stops);

            if (!ngx_http_llmbroker_token_pair(p + n)) {
                break;
            }

            /* the second byte is no stop, be it the first of the next block */

            stop = stops & (0 - stops);
            stops &= ~(stop | stop << 1);
            second = stop >> 63;
        }

        if (stops == 0) {
            p += 64;
            continue;
        }

        p += __builtin_ctzll(stops);
        next = ngx_http_llmbroker_token_other(p, last);

        if (next == p) {
            return p;
        }

        p = next;
        second = 0;
    }

    p += second;

#endif

    for ( ;; ) {
        p = ngx_http_llmbroker_token_plain(p, last);

        if (last - p < 2) {
            return p;
        }

        if (ngx_http_llmbroker_token_pair(p)) {
            p += 2;
            continue;
        }

        next = ngx_http_llmbroker_token_other(p, last);

        if (next == p) {
            return p;
        }

        p = next;
    }
}


/* goes through characters at p that are not ASCII, or escaped by their code */

static u_char *
ngx_http_llmbroker_token_other(u_char *p, u_char *last)
{
    uint32_t  a, b, c, d, code;

    if (*p >= 0x80) {
        return ngx_http_llmbroker_utf8_whole(p, last);
    }

    while (last - p >= 6 && p[0] == '\\' && p[1] == 'u') {

        a = ngx_http_llmbroker_token_hex[p[2]];
        b = ngx_http_llmbroker_token_hex[p[3]];
        c = ngx_http_llmbroker_token_hex[p[4]];
        d = ngx_http_llmbroker_token_hex[p[5]];

        code = (a & 15) << 12 | (b & 15) << 8 | (c & 15) << 4 | (d & 15);

        if ((a & b & c & d) < 16 || code == 0 || (code & 0xf800) == 0xd800) {
            break;
        }

        p += 6;
    }

    return p;
}


#if (NGX_HTTP_LLMBROKER_SSE2)

static ngx_inline uint64_t
ngx_http_llmbroker_token_block(u_char *p)
{
    return ngx_http_llmbroker_token_stops(p)
           | ngx_http_llmbroker_token_stops(p + 16) << 16
           | ngx_http_llmbroker_token_stops(p + 32) << 32
           | ngx_http_llmbroker_token_stops(p + 48) << 48;
}

#endif


u_char *
ngx_http_llmbroker_token_string(u_char *p, u_char *last, ngx_uint_t *escaped)
{
    u_char    *start;
    uint32_t   state;

    start = p;
    p = ngx_http_llmbroker_token_plain(p, last);

    if (p < last && *p == '"') {
        *escaped = 0;
        return p;
    }

    for ( ;; ) {
        p = ngx_http_llmbroker_token_text(p, last);

        if (p == last) {
            return NULL;
        }

        if (*p == '"') {
            *escaped = (memchr(start, '\\', p - start) != NULL);
            return p;
        }

        if (*p == '\\') {
            p = ngx_http_llmbroker_token_unicode(p, last);
            if (p == NULL) {
                return NULL;
            }

            continue;
        }

        if (*p < 0x80) {
            return NULL;
        }

        state = NGX_HTTP_LLMBROKER_UTF8_ACCEPT;
        p = ngx_http_llmbroker_utf8_run(&state, p, last);

        if (state != NGX_HTTP_LLMBROKER_UTF8_ACCEPT) {
            return NULL;
        }
    }
}


/* from the backslash to behind the escape; surrogates may be lone */

static u_char *
ngx_http_llmbroker_token_unicode(u_char *p, u_char *last)
{
    u_char  *end;

    if (last - p < 6 || p[1] != 'u') {
        return NULL;
    }

    end = p + 6;

    for (p += 2; p < end; p++) {

        if (!ngx_http_llmbroker_token_digit(*p)
            && ((*p | 0x20) < 'a' || (*p | 0x20) > 'f'))
        {
            return NULL;
        }
    }

    return p;
}


u_char *
ngx_http_llmbroker_token_number(u_char *p, u_char *last)
{
    if (p < last && *p == '-') {
        p++;
    }

    if (p < last && *p == '0') {
        p++;

    } else {
        p = ngx_http_llmbroker_token_digits(p, last);
    }

    if (p != NULL && p < last && *p == '.') {
        p = ngx_http_llmbroker_token_digits(p + 1, last);
    }

    if (p != NULL && p < last && (*p == 'e' || *p == 'E')) {
        p++;

        if (p < last && (*p == '+' || *p == '-')) {
            p++;
        }

        p = ngx_http_llmbroker_token_digits(p, last);
    }

    return p;
}


/* at least one */

static u_char *
ngx_http_llmbroker_token_digits(u_char *p, u_char *last)
{
    u_char  *start;

    for (start = p; p < last && ngx_http_llmbroker_token_digit(*p); p++) {
        /* void */
    }

    return (p > start) ? p : NULL;
}
