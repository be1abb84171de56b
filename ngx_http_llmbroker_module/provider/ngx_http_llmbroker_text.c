
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_text.h"


ngx_int_t
ngx_http_llmbroker_text_append(ngx_pool_t *pool,
    ngx_http_llmbroker_text_t *text, const void *p, size_t len)
{
    size_t   size;
    u_char  *data;

    if (text->size - text->len < len) {

        size = ngx_max(text->size * 2, text->len + len);

        data = ngx_pnalloc(pool, size);
        if (data == NULL) {
            return NGX_ERROR;
        }

        if (text->data) {
            ngx_memcpy(data, text->data, text->len);
            (void) ngx_pfree(pool, text->data);
        }

        text->data = data;
        text->size = size;
    }

    if (p && len) {
        ngx_memcpy(text->data + text->len, p, len);
    }

    text->len += len;

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_text_quote(ngx_pool_t *pool, ngx_str_t *raw,
    ngx_str_t *inner)
{
    u_char      *p, *dst, *last;
    ngx_uint_t   string;

    dst = ngx_pnalloc(pool, raw->len * 2);
    if (dst == NULL) {
        return NGX_ERROR;
    }

    inner->data = dst;

    string = 0;
    p = raw->data;
    last = p + raw->len;

    for ( /* void */ ; p < last; p++) {

        switch (*p) {

        case ' ':
        case '\t':
        case LF:
        case CR:
            if (!string) {
                continue;
            }

            break;

        case '"':
            string ^= 1;
            *dst++ = '\\';
            break;

        case '\\':

            /* an escape, of which the next byte may be a quote */

            *dst++ = '\\';
            *dst++ = '\\';
            p++;

            if (*p == '"' || *p == '\\') {
                *dst++ = '\\';
            }

            break;
        }

        *dst++ = *p;
    }

    inner->len = dst - inner->data;

    return NGX_OK;
}


ngx_uint_t
ngx_http_llmbroker_text_points(ngx_str_t *inner)
{
    u_char      *p, *last, c;
    ngx_uint_t   n;

    n = 0;
    p = inner->data;
    last = p + inner->len;

    while (p < last) {

        if (*p != '\\') {
            n += (*p & 0xc0) != 0x80;
            p++;
            continue;
        }

        if (p[1] != 'u') {
            n++;
            p += 2;
            continue;
        }

        /* the second half of a surrogate pair, \udc00 to \udfff, is no more */

        c = p[3] | 0x20;

        if ((p[2] | 0x20) != 'd' || c < 'c' || c > 'f') {
            n++;
        }

        p += 6;
    }

    return n;
}
