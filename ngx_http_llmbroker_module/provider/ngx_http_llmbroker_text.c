
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_text.h"


static ngx_uint_t ngx_http_llmbroker_text_plain_points(u_char *p,
    u_char *last);


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
    u_char      *p, *last, *escape, c;
    ngx_uint_t   n;

    if (inner->len == 0) {
        return 0;
    }

    n = 0;
    p = inner->data;
    last = p + inner->len;

    while (p < last) {
        escape = memchr(p, '\\', last - p);

        if (escape == NULL) {
            n += ngx_http_llmbroker_text_plain_points(p, last);
            break;
        }

        n += ngx_http_llmbroker_text_plain_points(p, escape);
        p = escape;

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


/* the characters of UTF-8 without escapes: all bytes but those that continue */

static ngx_uint_t
ngx_http_llmbroker_text_plain_points(u_char *p, u_char *last)
{
    uint64_t    w;
    ngx_uint_t  n;

    n = last - p;

    /* eight together: a bit for each 10xxxxxx, added up in the top byte */

    for ( /* void */ ; last - p >= (ssize_t) sizeof(w); p += sizeof(w)) {
        ngx_memcpy(&w, p, sizeof(w));

        if ((w & 0x8080808080808080ULL) == 0) {
            continue;
        }

        w = (w >> 7) & ~(w >> 6) & 0x0101010101010101ULL;
        n -= (w * 0x0101010101010101ULL) >> 56;
    }

    for ( /* void */ ; p < last; p++) {
        n -= (*p & 0xc0) == 0x80;
    }

    return n;
}


ngx_int_t
ngx_http_llmbroker_text_data_url(ngx_pool_t *pool, ngx_str_t *url,
    ngx_str_t *type, ngx_str_t *data)
{
    u_char  *p, *last, *comma, *end;

    p = url->data;
    last = p + url->len;

    if (url->len < 5 || ngx_strncasecmp(p, (u_char *) "data:", 5) != 0) {
        return NGX_DECLINED;
    }

    p += 5;

    comma = ngx_strlchr(p, last, ',');

    if (comma == NULL
        || comma - p < 7
        || ngx_strncasecmp(comma - 7, (u_char *) ";base64", 7) != 0)
    {
        return NGX_DECLINED;
    }

    end = ngx_strlchr(p, comma, ';');

    type->len = end - p;
    type->data = ngx_pnalloc(pool, type->len);
    if (type->data == NULL) {
        return NGX_ERROR;
    }

    ngx_strlow(type->data, p, type->len);

    if (type->len == 9 && ngx_memcmp(type->data, "image/jpg", 9) == 0) {
        ngx_str_set(type, "image/jpeg");
    }

    data->data = comma + 1;
    data->len = last - comma - 1;

    return NGX_OK;
}


u_char *
ngx_http_llmbroker_text_escape(u_char *dst, const ngx_str_t *text,
    const char *keep)
{
    u_char  c;
    size_t  i;

    static const u_char  hex[] = "0123456789ABCDEF";

    for (i = 0; i < text->len; i++) {
        c = text->data[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9')
            || c == '-' || c == '.' || c == '_' || c == '~'
            || (c && ngx_strchr(keep, c)))
        {
            *dst++ = c;

        } else {
            *dst++ = '%';
            *dst++ = hex[c >> 4];
            *dst++ = hex[c & 0xf];
        }
    }

    return dst;
}
