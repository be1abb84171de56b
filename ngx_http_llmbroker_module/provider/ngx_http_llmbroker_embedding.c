
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "codec/ngx_http_llmbroker_scan.h"
#include "provider/ngx_http_llmbroker_embedding.h"


/* bytes that are gathered; floats that fill whole groups of base64 */
#define NGX_HTTP_LLMBROKER_VECTOR_TEXT      1024
#define NGX_HTTP_LLMBROKER_VECTOR_FLOATS    768

/* no more digits are added to a mantissa of 19 */
#define NGX_HTTP_LLMBROKER_VECTOR_DIGITS    1000000000000000000ULL

/* the exponent of infinity and of what is no number */
#define NGX_HTTP_LLMBROKER_VECTOR_INFINITE  0x7f800000

/* a comma, a sign and one float32 */
#define NGX_HTTP_LLMBROKER_VECTOR_NUMBER    32

/* 10^0 to this power are exact as a double */
#define NGX_HTTP_LLMBROKER_VECTOR_POWER     22


typedef struct {
    ngx_http_llmbroker_scan_t        scan;
    ngx_http_llmbroker_exchange_t   *ex;
    u_char                          *text;     /* the whole */
    u_char                          *copied;   /* up to here */
    ngx_uint_t                       found;    /* 1: this entry's vector */
} ngx_http_llmbroker_embedding_t;


static ngx_int_t ngx_http_llmbroker_embedding_value(
    ngx_http_llmbroker_scan_t *s, ngx_uint_t depth, off_t end,
    ngx_str_t *text);
static ngx_uint_t ngx_http_llmbroker_embedding_key(ngx_str_t *key,
    const char *name);
static ngx_int_t ngx_http_llmbroker_embedding_convert(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_out_t *out,
    ngx_http_llmbroker_json_type_e type, ngx_str_t *vector);
static ngx_int_t ngx_http_llmbroker_embedding_fault(
    ngx_http_llmbroker_exchange_t *ex);
static ngx_int_t ngx_http_llmbroker_vector_to_base64(
    ngx_http_llmbroker_out_t *out, ngx_str_t *array);
static ngx_int_t ngx_http_llmbroker_vector_to_numbers(ngx_pool_t *pool,
    ngx_http_llmbroker_out_t *out, ngx_str_t *string);
static ngx_int_t ngx_http_llmbroker_vector_decode(
    ngx_http_llmbroker_out_t *out, u_char *p, u_char *last);
static ngx_int_t ngx_http_llmbroker_vector_value(u_char c);
static u_char *ngx_http_llmbroker_vector_read(u_char *p, u_char *last,
    float *f);
static ngx_int_t ngx_http_llmbroker_vector_float(uint64_t mantissa,
    ngx_int_t exponent, float *f);
static u_char *ngx_http_llmbroker_vector_print(u_char *p, float f);
static u_char *ngx_http_llmbroker_vector_decimal(u_char *p, uint64_t n,
    ngx_uint_t places);


static const double  ngx_http_llmbroker_vector_powers[] = {
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13,
    1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22
};


ngx_http_llmbroker_encoding_e
ngx_http_llmbroker_embedding_encoding(ngx_str_t *format)
{
    ngx_http_llmbroker_json_t  v;

    if (format->data == NULL || format->data[0] == 'n') {
        return NGX_HTTP_LLMBROKER_ENCODING_FLOAT;
    }

    if (format->data[0] != '"') {
        return NGX_HTTP_LLMBROKER_ENCODING_OTHER;
    }

    ngx_memzero(&v, sizeof(ngx_http_llmbroker_json_t));

    v.type = NGX_HTTP_LLMBROKER_JSON_STRING;
    v.escaped = 1;  /* for all that is known */
    v.raw = *format;

    if (ngx_http_llmbroker_json_is(&v, "float")) {
        return NGX_HTTP_LLMBROKER_ENCODING_FLOAT;
    }

    if (ngx_http_llmbroker_json_is(&v, "base64")) {
        return NGX_HTTP_LLMBROKER_ENCODING_BASE64;
    }

    return NGX_HTTP_LLMBROKER_ENCODING_OTHER;
}


ngx_uint_t
ngx_http_llmbroker_embedding_differs(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_type_e type)
{
    switch (ex->encoding) {

    case NGX_HTTP_LLMBROKER_ENCODING_FLOAT:
        return type == NGX_HTTP_LLMBROKER_JSON_STRING;

    case NGX_HTTP_LLMBROKER_ENCODING_BASE64:
        return type == NGX_HTTP_LLMBROKER_JSON_ARRAY;

    default: /* NGX_HTTP_LLMBROKER_ENCODING_OTHER */
        return 0;
    }
}


ngx_uint_t
ngx_http_llmbroker_embedding_at(ngx_http_llmbroker_scan_level_t *level)
{
    return ngx_http_llmbroker_embedding_key(&level[1].key, "data")
           && ngx_http_llmbroker_embedding_key(&level[3].key, "embedding");
}


static ngx_uint_t
ngx_http_llmbroker_embedding_key(ngx_str_t *key, const char *name)
{
    return key->len == ngx_strlen(name)
           && ngx_memcmp(key->data, name, key->len) == 0;
}


ngx_int_t
ngx_http_llmbroker_embedding_vector(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_writer_t *w, ngx_http_llmbroker_json_t *vector)
{
    ngx_int_t                   rc;
    ngx_str_t                   text;
    ngx_http_llmbroker_out_t    out;
    ngx_http_llmbroker_json_t  *v;

    for (v = vector->child; v; v = v->next) {
        if (v->type != NGX_HTTP_LLMBROKER_JSON_NUMBER) {
            return ngx_http_llmbroker_embedding_fault(ex);
        }
    }

    ngx_http_llmbroker_out_init(&out, ex->pool, NULL, NULL, ngx_pagesize);

    rc = ngx_http_llmbroker_embedding_convert(ex, &out, vector->type,
                                              &vector->raw);

    if (rc == NGX_DECLINED) {
        return ngx_http_llmbroker_embedding_fault(ex);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_llmbroker_out_text(&out, ex->pool, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_llmbroker_json_raw(w, &text);

    return NGX_OK;
}


/*
 * The spans of the vectors come from a scanner, not from a tree: a batch has
 * more numbers than a tree may have.
 */

ngx_int_t
ngx_http_llmbroker_embedding_answer(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *root)
{
    u_char                          *last;
    ngx_int_t                        rc;
    ngx_http_llmbroker_embedding_t   e;

    last = root->raw.data + root->raw.len;

    e.ex = ex;
    e.text = root->raw.data;
    e.copied = e.text;
    e.found = 0;

    ngx_http_llmbroker_scan_init(&e.scan, NGX_HTTP_LLMBROKER_SCAN_OBJECT, 3,
                                 ngx_http_llmbroker_embedding_value, &e);

    rc = ngx_http_llmbroker_scan(&e.scan, e.text, last);

    if (rc == NGX_OK) {
        rc = ngx_http_llmbroker_scan_end(&e.scan);
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_llmbroker_embedding_fault(ex);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    ex->done = 1;

    return ngx_http_llmbroker_out_refer(ex->out, e.copied, last - e.copied);
}


static ngx_int_t
ngx_http_llmbroker_embedding_value(ngx_http_llmbroker_scan_t *s,
    ngx_uint_t depth, off_t end, ngx_str_t *text)
{
    size_t                            len;
    ngx_str_t                         vector;
    ngx_http_llmbroker_embedding_t   *e;
    ngx_http_llmbroker_scan_level_t  *level;

    e = s->data;
    level = s->level;

    if (depth == 2 && ngx_http_llmbroker_embedding_key(&level[1].key, "data"))
    {
        if (!e->found) {
            return NGX_DECLINED;
        }

        e->found = 0;
    }

    if (depth != 3 || !ngx_http_llmbroker_embedding_at(level)) {
        return NGX_OK;
    }

    e->found = 1;

    vector.data = e->text + level[3].start;
    vector.len = end - level[3].start;

    len = vector.data - e->copied;

    if (ngx_http_llmbroker_out_refer(e->ex->out, e->copied, len) != NGX_OK) {
        return NGX_ERROR;
    }

    e->copied = vector.data + vector.len;

    return ngx_http_llmbroker_embedding_convert(e->ex, e->ex->out,
                                                level[3].type, &vector);
}


/* NGX_DECLINED: it is no vector of finite float32 */

static ngx_int_t
ngx_http_llmbroker_embedding_convert(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_out_t *out, ngx_http_llmbroker_json_type_e type,
    ngx_str_t *vector)
{
    if (type != NGX_HTTP_LLMBROKER_JSON_ARRAY
        && type != NGX_HTTP_LLMBROKER_JSON_STRING)
    {
        return NGX_DECLINED;
    }

    if (!ngx_http_llmbroker_embedding_differs(ex, type)) {
        return ngx_http_llmbroker_out_refer(out, vector->data, vector->len);
    }

    if (type == NGX_HTTP_LLMBROKER_JSON_ARRAY) {
        return ngx_http_llmbroker_vector_to_base64(out, vector);
    }

    return ngx_http_llmbroker_vector_to_numbers(ex->pool, out, vector);
}


static ngx_int_t
ngx_http_llmbroker_embedding_fault(ngx_http_llmbroker_exchange_t *ex)
{
    return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                                    "The provider's answer has no vectors.");
}


static ngx_int_t
ngx_http_llmbroker_vector_to_base64(ngx_http_llmbroker_out_t *out,
    ngx_str_t *array)
{
    float      f;
    size_t     n;
    u_char    *p, *last;
    uint32_t   bits;
    ngx_str_t  floats, base64;
    u_char     bytes[NGX_HTTP_LLMBROKER_VECTOR_FLOATS];
    u_char     text[NGX_HTTP_LLMBROKER_VECTOR_TEXT];

    if (ngx_http_llmbroker_out_copy(out, "\"", 1) != NGX_OK) {
        return NGX_ERROR;
    }

    p = array->data + 1;
    last = array->data + array->len - 1;
    n = 0;

    floats.data = bytes;
    base64.data = text;

    for ( ;; ) {

        while (p < last && (*p == ',' || *p == ' ' || *p == '\t' || *p == LF
                            || *p == CR))
        {
            p++;
        }

        if (n == sizeof(bytes) || p == last) {
            floats.len = n;
            n = 0;

            ngx_encode_base64(&base64, &floats);

            if (ngx_http_llmbroker_out_copy(out, text, base64.len) != NGX_OK) {
                return NGX_ERROR;
            }
        }

        if (p == last) {
            break;
        }

        p = ngx_http_llmbroker_vector_read(p, last, &f);
        if (p == NULL) {
            return NGX_DECLINED;
        }

        ngx_memcpy(&bits, &f, sizeof(uint32_t));

        bytes[n++] = (u_char) bits;
        bytes[n++] = (u_char) (bits >> 8);
        bytes[n++] = (u_char) (bits >> 16);
        bytes[n++] = (u_char) (bits >> 24);
    }

    return ngx_http_llmbroker_out_copy(out, "\"", 1);
}


static ngx_int_t
ngx_http_llmbroker_vector_to_numbers(ngx_pool_t *pool,
    ngx_http_llmbroker_out_t *out, ngx_str_t *string)
{
    size_t   len;
    u_char  *p, *plain;

    p = string->data + 1;
    len = string->len - 2;

    if (len && memchr(p, '\\', len)) {

        /* some servers write "/" as "\/" */

        plain = ngx_pnalloc(pool, len);
        if (plain == NULL) {
            return NGX_ERROR;
        }

        p = ngx_http_llmbroker_json_decode(plain, p, len);
        if (p == NULL) {
            return NGX_DECLINED;
        }

        len = p - plain;
        p = plain;
    }

    return ngx_http_llmbroker_vector_decode(out, p, p + len);
}


static ngx_int_t
ngx_http_llmbroker_vector_decode(ngx_http_llmbroker_out_t *out, u_char *p,
    u_char *last)
{
    float        f;
    u_char      *dst, *end;
    uint32_t     bits, group;
    ngx_int_t    v;
    ngx_uint_t   have, bytes, n;
    u_char       text[NGX_HTTP_LLMBROKER_VECTOR_TEXT];

    if ((last - p) % 4 == 0) {
        for (n = 0; n < 2 && p < last && last[-1] == '='; n++) {
            last--;
        }
    }

    end = text + sizeof(text) - NGX_HTTP_LLMBROKER_VECTOR_NUMBER;
    dst = text;
    *dst++ = '[';

    bits = 0;
    group = 0;
    have = 0;
    bytes = 0;
    n = 0;

    for ( /* void */ ; p < last; p++) {
        v = ngx_http_llmbroker_vector_value(*p);
        if (v == -1) {
            return NGX_DECLINED;
        }

        group = (group << 6 | v) & 0xffff;
        have += 6;

        if (have < 8) {
            continue;
        }

        have -= 8;
        bits |= (group >> have & 0xff) << 8 * bytes;

        if (++bytes < sizeof(uint32_t)) {
            continue;
        }

        if ((bits & NGX_HTTP_LLMBROKER_VECTOR_INFINITE)
            == NGX_HTTP_LLMBROKER_VECTOR_INFINITE)
        {
            return NGX_DECLINED;
        }

        ngx_memcpy(&f, &bits, sizeof(uint32_t));

        bits = 0;
        bytes = 0;

        if (dst > end) {
            if (ngx_http_llmbroker_out_copy(out, text, dst - text) != NGX_OK) {
                return NGX_ERROR;
            }

            dst = text;
        }

        if (n++) {
            *dst++ = ',';
        }

        dst = ngx_http_llmbroker_vector_print(dst, f);
    }

    if (bytes || have >= 6) {
        return NGX_DECLINED;
    }

    *dst++ = ']';

    return ngx_http_llmbroker_out_copy(out, text, dst - text);
}


static ngx_int_t
ngx_http_llmbroker_vector_value(u_char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }

    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }

    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }

    switch (c) {

    case '+':
        return 62;

    case '/':
        return 63;

    default:
        return -1;
    }
}


/*
 * The JSON number at p as the nearest float32.  Return: the byte after it;
 * NULL when there is no number or it is too large.
 */

static u_char *
ngx_http_llmbroker_vector_read(u_char *p, u_char *last, float *f)
{
    u_char      *start;
    uint32_t     bits;
    uint64_t     mantissa;
    ngx_int_t    exponent, e;
    ngx_uint_t   negative, fraction;

    if (*p != '-' && (*p < '0' || *p > '9')) {
        return NULL;
    }

    start = p;
    negative = (*p == '-');
    p += negative;

    mantissa = 0;
    exponent = 0;
    fraction = 0;

    for ( /* void */ ; p < last; p++) {

        if (*p == '.') {
            fraction = 1;
            continue;
        }

        if (*p < '0' || *p > '9') {
            break;
        }

        if (mantissa < NGX_HTTP_LLMBROKER_VECTOR_DIGITS) {
            mantissa = mantissa * 10 + (*p - '0');
            exponent -= fraction;

        } else {
            exponent += !fraction;
        }
    }

    if (p < last && (*p == 'e' || *p == 'E')) {
        fraction = (p[1] == '-');
        p += 1 + (p[1] == '-' || p[1] == '+');

        for (e = 0; p < last && *p >= '0' && *p <= '9'; p++) {
            e = ngx_min(e * 10 + (*p - '0'), 100000);
        }

        exponent += fraction ? -e : e;
    }

    if (ngx_http_llmbroker_vector_float(mantissa, exponent, f) == NGX_OK) {
        *f = negative ? -*f : *f;
        return p;
    }

    /* the number is followed by a comma or a bracket at least */

    *f = strtof((char *) start, NULL);

    ngx_memcpy(&bits, f, sizeof(uint32_t));

    if ((bits & NGX_HTTP_LLMBROKER_VECTOR_INFINITE)
        == NGX_HTTP_LLMBROKER_VECTOR_INFINITE)
    {
        return NULL;
    }

    return p;
}


/*
 * Most numbers without strtof(), which is slow: a double that is wrong by some
 * of its last bits rounds to the right float, unless it lies next to the
 * middle of two.  NGX_DECLINED when that cannot be told.
 */

static ngx_int_t
ngx_http_llmbroker_vector_float(uint64_t mantissa, ngx_int_t exponent,
    float *f)
{
    double         d;
    uint64_t       bits;
    const double  *powers;

    if (mantissa == 0) {
        *f = 0;
        return NGX_OK;
    }

    powers = ngx_http_llmbroker_vector_powers;
    d = (double) mantissa;

    if (exponent >= 0 && exponent <= NGX_HTTP_LLMBROKER_VECTOR_POWER) {
        d *= powers[exponent];

    } else if (exponent < 0 && exponent >= -NGX_HTTP_LLMBROKER_VECTOR_POWER) {
        d /= powers[-exponent];

    } else {
        return NGX_DECLINED;
    }

    /* 1e-22 <= d < 1e42: a float may be infinite, but is not subnormal */

    if (d > 1e38) {
        return NGX_DECLINED;
    }

    ngx_memcpy(&bits, &d, sizeof(uint64_t));

    /* of 52 bits a float keeps 23 */

    bits = (bits & 0x1fffffff) - (0x10000000 - 8);

    if (bits <= 16) {
        return NGX_DECLINED;
    }

    *f = (float) d;

    return NGX_OK;
}


static u_char *
ngx_http_llmbroker_vector_print(u_char *p, float f)
{
    float          back;
    double         d;
    uint32_t       bits;
    uint64_t       n;
    ngx_int_t      exponent;
    ngx_uint_t     digits, places;
    const double  *powers;

    ngx_memcpy(&bits, &f, sizeof(uint32_t));

    if (bits >> 31) {
        *p++ = '-';
        f = -f;
    }

    if (f == 0) {
        return ngx_cpymem(p, "0.0", 3);
    }

    d = f;

    if (d < 1e-9 || d >= 1e6) {
        return p + snprintf((char *) p, NGX_HTTP_LLMBROKER_VECTOR_NUMBER - 2,
                            "%.9g", d);
    }

    powers = ngx_http_llmbroker_vector_powers;

    /* 10^exponent <= d */

    exponent = 5;

    while (exponent >= 0 && d < powers[exponent]) {
        exponent--;
    }

    while (exponent < 0 && d * powers[-exponent] < 1) {
        exponent--;
    }

    /* any float32 differs from the others in nine digits */

    for (digits = 6; /* void */ ; digits++) {
        places = digits - 1 - exponent;
        n = (uint64_t) (d * powers[places] + 0.5);

        if (digits == 9
            || (ngx_http_llmbroker_vector_float(n, -(ngx_int_t) places, &back)
                == NGX_OK
                && back == f))
        {
            return ngx_http_llmbroker_vector_decimal(p, n, places);
        }
    }
}


/* n / 10^places, with one place at least */

static u_char *
ngx_http_llmbroker_vector_decimal(u_char *p, uint64_t n, ngx_uint_t places)
{
    u_char      *last;
    uint64_t     whole;
    ngx_uint_t   i;

    for (whole = n, i = 0; i < places; i++) {
        whole /= 10;
    }

    p = ngx_sprintf(p, "%uL.", whole);

    if (places == 0) {
        *p++ = '0';
        return p;
    }

    for (i = places; i > 0; i--) {
        p[i - 1] = '0' + n % 10;
        n /= 10;
    }

    last = p + places;

    while (last > p + 1 && last[-1] == '0') {
        last--;
    }

    return last;
}
