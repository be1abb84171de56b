
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "codec/ngx_http_llmbroker_token.h"
#include "codec/ngx_http_llmbroker_utf8.h"


#define ngx_http_llmbroker_token_bytes(b)  (0x0101010101010101ULL * (b))


static u_char *ngx_http_llmbroker_token_escape(u_char *p, u_char *last);
static u_char *ngx_http_llmbroker_token_digits(u_char *p, u_char *last);


u_char *
ngx_http_llmbroker_token_long(u_char *p, u_char *last)
{
    uint64_t  stops;

#if (NGX_HTTP_LLMBROKER_SSE2)

    while (last - p >= 64) {
        stops = ngx_http_llmbroker_token_stops(p)
                | ngx_http_llmbroker_token_stops(p + 16) << 16
                | ngx_http_llmbroker_token_stops(p + 32) << 32
                | ngx_http_llmbroker_token_stops(p + 48) << 48;

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


u_char *
ngx_http_llmbroker_token_string(u_char *p, u_char *last, ngx_uint_t *escaped)
{
    uint32_t  state;

    *escaped = 0;

    for ( ;; ) {
        p = ngx_http_llmbroker_token_plain(p, last);

        if (p == last) {
            return NULL;
        }

        if (*p == '"') {
            return p;
        }

        if (*p == '\\') {
            *escaped = 1;

            p = ngx_http_llmbroker_token_escape(p + 1, last);
            if (p == NULL) {
                return NULL;
            }

            continue;
        }

        if (*p < 0x80) {
            return NULL;
        }

        p = ngx_http_llmbroker_utf8_pairs(p, last);

        if (p == last || *p < 0x80) {
            continue;
        }

        state = NGX_HTTP_LLMBROKER_UTF8_ACCEPT;
        p = ngx_http_llmbroker_utf8_run(&state, p, last);

        if (state != NGX_HTTP_LLMBROKER_UTF8_ACCEPT) {
            return NULL;
        }
    }
}


/* from behind the backslash to behind the escape; surrogates may be lone */

static u_char *
ngx_http_llmbroker_token_escape(u_char *p, u_char *last)
{
    u_char  *end;

    if (p == last) {
        return NULL;
    }

    switch (*p++) {

    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return p;

    case 'u':
        break;

    default:
        return NULL;
    }

    if (last - p < 4) {
        return NULL;
    }

    for (end = p + 4; p < end; p++) {

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
