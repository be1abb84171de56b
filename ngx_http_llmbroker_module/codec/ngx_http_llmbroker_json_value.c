
/*
 * Copyright (C) LLMBroker contributors
 *
 * What is asked of a tree: members, and the meaning of strings and numbers.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "codec/ngx_http_llmbroker_json.h"
#include "codec/ngx_http_llmbroker_utf8.h"


/* of these no number overflows, on any machine */
#define NGX_HTTP_LLMBROKER_JSON_DIGITS    9

/* where the exponent of a number is cut: no text is that long */
#define NGX_HTTP_LLMBROKER_JSON_EXPONENT  0x40000000


static ngx_int_t ngx_http_llmbroker_json_exponent(u_char *p, u_char *last);
static u_char *ngx_http_llmbroker_json_hex(u_char *p, u_char *last,
    uint32_t *code);


ngx_http_llmbroker_json_t *
ngx_http_llmbroker_json_member(ngx_http_llmbroker_json_t *object,
    const char *name, size_t len)
{
    ngx_http_llmbroker_json_t  *v, *found;

    if (object == NULL || object->type != NGX_HTTP_LLMBROKER_JSON_OBJECT) {
        return NULL;
    }

    found = NULL;

    for (v = object->child; v != NULL; v = v->next) {

        if (v->key.len == len && ngx_memcmp(v->key.data, name, len) == 0) {
            found = v;
        }
    }

    return found;
}


ngx_http_llmbroker_json_t *
ngx_http_llmbroker_json_member_type(ngx_http_llmbroker_json_t *object,
    const char *name, size_t len, ngx_http_llmbroker_json_type_e type)
{
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_member(object, name, len);

    if (v == NULL || v->type != type) {
        return NULL;
    }

    return v;
}


ngx_int_t
ngx_http_llmbroker_json_string(ngx_pool_t *pool, ngx_http_llmbroker_json_t *v,
    ngx_str_t *out)
{
    u_char     *p, *last;
    ngx_str_t   inner;

    if (v == NULL || v->type != NGX_HTTP_LLMBROKER_JSON_STRING) {
        return NGX_DECLINED;
    }

    inner = ngx_http_llmbroker_json_inner(v);

    if (!v->escaped) {
        *out = inner;
        return NGX_OK;
    }

    p = ngx_pnalloc(pool, inner.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    last = ngx_http_llmbroker_json_decode(p, inner.data, inner.len);
    if (last == NULL) {
        return NGX_DECLINED;
    }

    out->data = p;
    out->len = last - p;

    return NGX_OK;
}


ngx_str_t
ngx_http_llmbroker_json_inner(ngx_http_llmbroker_json_t *v)
{
    ngx_str_t  inner;

    if (v == NULL || v->type != NGX_HTTP_LLMBROKER_JSON_STRING) {
        ngx_str_null(&inner);
        return inner;
    }

    inner.data = v->raw.data + 1;
    inner.len = v->raw.len - 2;

    return inner;
}


ngx_uint_t
ngx_http_llmbroker_json_equal(ngx_http_llmbroker_json_t *v, const char *text,
    size_t len)
{
    u_char      *p, *last;
    uint32_t     code;
    const char  *end;

    if (v == NULL || v->type != NGX_HTTP_LLMBROKER_JSON_STRING) {
        return 0;
    }

    p = v->raw.data + 1;
    last = v->raw.data + v->raw.len - 1;

    if (!v->escaped) {
        return (size_t) (last - p) == len && ngx_memcmp(p, text, len) == 0;
    }

    end = text + len;

    while (p < last) {

        code = *p++;

        if (code == '\\') {
            p = ngx_http_llmbroker_json_unescape(p, last, &code);
            if (p == NULL) {
                return 0;
            }
        }

        if (text == end || code != (u_char) *text) {
            return 0;
        }

        text++;
    }

    return text == end;
}


ngx_int_t
ngx_http_llmbroker_json_int(ngx_http_llmbroker_json_t *v, ngx_int_t missing)
{
    u_char     *p, *point, *end, *last;
    ngx_int_t   n, digit, digits;

    if (v == NULL || v->type != NGX_HTTP_LLMBROKER_JSON_NUMBER) {
        return missing;
    }

    p = v->raw.data;
    last = p + v->raw.len;

    /* most are a few digits and nothing else */

    if (v->raw.len <= NGX_HTTP_LLMBROKER_JSON_DIGITS) {

        for (n = 0; p < last && *p >= '0' && *p <= '9'; p++) {
            n = n * 10 + (*p - '0');
        }

        if (p == last) {
            return n;
        }

        p = v->raw.data;
    }

    for (end = p; end < last && *end != 'e' && *end != 'E'; end++) {
        /* void */
    }

    if (*p == '-') {

        while (++p < end) {

            if (*p >= '1' && *p <= '9') {
                return missing;
            }
        }

        return 0;
    }

    for (point = p; point < end && *point != '.'; point++) { /* void */ }

    /* digits before the point, after the exponent has moved it */

    digits = point - p + ngx_http_llmbroker_json_exponent(end, last);

    for (n = 0; digits > 0; digits--) {

        if (p == point) {
            p++;
        }

        digit = 0;

        if (p < end) {
            digit = *p++ - '0';

        } else if (n == 0) {
            break;
        }

        if (n > (NGX_MAX_INT_T_VALUE - digit) / 10) {
            return NGX_MAX_INT_T_VALUE;
        }

        n = n * 10 + digit;
    }

    return n;
}


/* the value of "e-5", 0 of nothing */

static ngx_int_t
ngx_http_llmbroker_json_exponent(u_char *p, u_char *last)
{
    ngx_int_t   n;
    ngx_uint_t  negative;

    if (p == last) {
        return 0;
    }

    p++;

    negative = (*p == '-');

    if (*p == '-' || *p == '+') {
        p++;
    }

    for (n = 0; p < last && n < NGX_HTTP_LLMBROKER_JSON_EXPONENT; p++) {
        n = n * 10 + (*p - '0');
    }

    return negative ? -n : n;
}


ngx_uint_t
ngx_http_llmbroker_json_true(ngx_http_llmbroker_json_t *v)
{
    return v != NULL && v->type == NGX_HTTP_LLMBROKER_JSON_BOOL
           && v->raw.len == 4;
}


u_char *
ngx_http_llmbroker_json_decode(u_char *dst, u_char *src, size_t len)
{
    u_char    *p, *last;
    uint32_t   code;

    if (len == 0) {
        return dst;
    }

    last = src + len;

    while (src < last) {

        p = memchr(src, '\\', last - src);

        if (p == NULL) {
            return ngx_cpymem(dst, src, last - src);
        }

        dst = ngx_cpymem(dst, src, p - src);

        src = ngx_http_llmbroker_json_unescape(p + 1, last, &code);
        if (src == NULL) {
            return NULL;
        }

        dst = ngx_http_llmbroker_utf8_write(dst, code);
    }

    return dst;
}


u_char *
ngx_http_llmbroker_json_unescape(u_char *p, u_char *last, uint32_t *code)
{
    u_char    *end;
    uint32_t   low;

    if (p == last) {
        return NULL;
    }

    switch (*p++) {

    case '"':
    case '\\':
    case '/':
        *code = p[-1];
        return p;

    case 'b':
        *code = '\b';
        return p;

    case 'f':
        *code = '\f';
        return p;

    case 'n':
        *code = LF;
        return p;

    case 'r':
        *code = CR;
        return p;

    case 't':
        *code = '\t';
        return p;

    case 'u':
        break;

    default:
        return NULL;
    }

    p = ngx_http_llmbroker_json_hex(p, last, code);

    if (p == NULL || *code < 0xd800 || *code > 0xdfff) {
        return p;
    }

    if (*code < 0xdc00 && last - p >= 2 && p[0] == '\\' && p[1] == 'u') {

        end = ngx_http_llmbroker_json_hex(p + 2, last, &low);

        if (end != NULL && low >= 0xdc00 && low <= 0xdfff) {
            *code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);
            return end;
        }
    }

    /* a lone surrogate */

    *code = 0xfffd;

    return p;
}


static u_char *
ngx_http_llmbroker_json_hex(u_char *p, u_char *last, uint32_t *code)
{
    ngx_int_t  n;

    if (last - p < 4) {
        return NULL;
    }

    n = ngx_hextoi(p, 4);
    if (n == NGX_ERROR) {
        return NULL;
    }

    *code = (uint32_t) n;

    return p + 4;
}
