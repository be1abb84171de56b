
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <math.h>

#include "provider/ngx_http_llmbroker_embedding.h"


/* floats that are encoded at once: their bytes are a multiple of three */
#define NGX_HTTP_LLMBROKER_EMBEDDING_FLOATS  192

/* "-1.17549435e-38" */
#define NGX_HTTP_LLMBROKER_EMBEDDING_NUMBER  24


static ngx_int_t ngx_http_llmbroker_embedding_encode(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_writer_t *w,
    ngx_http_llmbroker_json_t *vector);
static ngx_int_t ngx_http_llmbroker_embedding_decode(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_writer_t *w,
    ngx_http_llmbroker_json_t *vector);
static void ngx_http_llmbroker_embedding_flush(
    ngx_http_llmbroker_json_writer_t *w, u_char *p, size_t len);
static ngx_int_t ngx_http_llmbroker_embedding_write(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_writer_t *w,
    ngx_http_llmbroker_json_t *root);
static ngx_int_t ngx_http_llmbroker_embedding_list(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_writer_t *w,
    ngx_http_llmbroker_json_t *list);
static ngx_int_t ngx_http_llmbroker_embedding_fault(
    ngx_http_llmbroker_exchange_t *ex);


ngx_http_llmbroker_encoding_e
ngx_http_llmbroker_embedding_encoding(ngx_str_t *format)
{
    if (format->data == NULL
        || (format->len == 4 && ngx_memcmp(format->data, "null", 4) == 0)
        || (format->len == 7 && ngx_memcmp(format->data, "\"float\"", 7) == 0))
    {
        return NGX_HTTP_LLMBROKER_ENCODING_FLOAT;
    }

    if (format->len == 8 && ngx_memcmp(format->data, "\"base64\"", 8) == 0) {
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


ngx_int_t
ngx_http_llmbroker_embedding_vector(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_writer_t *w, ngx_http_llmbroker_json_t *vector)
{
    if (vector->type != NGX_HTTP_LLMBROKER_JSON_ARRAY
        && vector->type != NGX_HTTP_LLMBROKER_JSON_STRING)
    {
        return ngx_http_llmbroker_embedding_fault(ex);
    }

    if (!ngx_http_llmbroker_embedding_differs(ex, vector->type)) {
        ngx_http_llmbroker_json_raw(w, &vector->raw);
        return NGX_OK;
    }

    if (vector->type == NGX_HTTP_LLMBROKER_JSON_ARRAY) {
        return ngx_http_llmbroker_embedding_encode(ex, w, vector);
    }

    return ngx_http_llmbroker_embedding_decode(ex, w, vector);
}


static ngx_int_t
ngx_http_llmbroker_embedding_encode(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_writer_t *w, ngx_http_llmbroker_json_t *vector)
{
    float                       f;
    u_char                     *p, *last;
    uint32_t                    bits;
    ngx_http_llmbroker_json_t  *v;
    u_char                      buf[NGX_HTTP_LLMBROKER_EMBEDDING_FLOATS * 4];

    p = buf;
    last = buf + sizeof(buf);

    ngx_http_llmbroker_json_open_string(w);

    for (v = vector->child; v; v = v->next) {

        if (v->type != NGX_HTTP_LLMBROKER_JSON_NUMBER) {
            return ngx_http_llmbroker_embedding_fault(ex);
        }

        /* a number in a list is followed by what is no part of a number */

        f = strtof((char *) v->raw.data, NULL);

        if (!isfinite(f)) {
            return ngx_http_llmbroker_embedding_fault(ex);
        }

        ngx_memcpy(&bits, &f, sizeof(uint32_t));

        *p++ = (u_char) bits;
        *p++ = (u_char) (bits >> 8);
        *p++ = (u_char) (bits >> 16);
        *p++ = (u_char) (bits >> 24);

        if (p == last) {
            ngx_http_llmbroker_embedding_flush(w, buf, p - buf);
            p = buf;
        }
    }

    if (p != buf) {
        ngx_http_llmbroker_embedding_flush(w, buf, p - buf);
    }

    ngx_http_llmbroker_json_close_string(w);

    return NGX_OK;
}


static void
ngx_http_llmbroker_embedding_flush(ngx_http_llmbroker_json_writer_t *w,
    u_char *p, size_t len)
{
    ngx_str_t  src, dst;
    u_char     buf[ngx_base64_encoded_length(
                       NGX_HTTP_LLMBROKER_EMBEDDING_FLOATS * 4)];

    src.data = p;
    src.len = len;

    dst.data = buf;

    ngx_encode_base64(&dst, &src);
    ngx_http_llmbroker_json_inner_piece(w, &dst);
}


static ngx_int_t
ngx_http_llmbroker_embedding_decode(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_writer_t *w, ngx_http_llmbroker_json_t *vector)
{
    float      f;
    u_char    *p;
    uint32_t   bits;
    ngx_str_t  text, floats, number;
    u_char     buf[NGX_HTTP_LLMBROKER_EMBEDDING_NUMBER];

    if (ngx_http_llmbroker_json_string(ex->pool, vector, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    floats.data = ngx_pnalloc(ex->pool, ngx_base64_decoded_length(text.len));
    if (floats.data == NULL) {
        return NGX_ERROR;
    }

    if (ngx_decode_base64(&floats, &text) != NGX_OK
        || floats.len == 0
        || floats.len % 4)
    {
        return ngx_http_llmbroker_embedding_fault(ex);
    }

    ngx_http_llmbroker_json_open_array(w);

    number.data = buf;

    for (p = floats.data; p < floats.data + floats.len; p += 4) {
        bits = p[0] | p[1] << 8 | p[2] << 16 | (uint32_t) p[3] << 24;

        ngx_memcpy(&f, &bits, sizeof(float));

        if (!isfinite(f)) {
            return ngx_http_llmbroker_embedding_fault(ex);
        }

        /* nine digits tell any two floats apart */

        number.len = snprintf((char *) buf, sizeof(buf), "%.9g", f);

        ngx_http_llmbroker_json_raw(w, &number);
    }

    ngx_http_llmbroker_json_close_array(w);

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_embedding_answer(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *root)
{
    ngx_int_t                         rc, end;
    ngx_http_llmbroker_json_writer_t  w;

    ngx_http_llmbroker_json_write_start(&w, ex->out);

    rc = ngx_http_llmbroker_embedding_write(ex, &w, root);

    end = ngx_http_llmbroker_json_write_end(&w);

    return rc == NGX_OK ? end : rc;
}


static ngx_int_t
ngx_http_llmbroker_embedding_write(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_writer_t *w, ngx_http_llmbroker_json_t *root)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *v, *list;

    list = ngx_http_llmbroker_json_get_type(root, "data",
                                            NGX_HTTP_LLMBROKER_JSON_ARRAY);
    if (list == NULL) {
        return ngx_http_llmbroker_embedding_fault(ex);
    }

    ngx_http_llmbroker_json_open(w);

    for (v = root->child; v; v = v->next) {
        ngx_http_llmbroker_json_key_str(w, &v->key);

        if (v != list) {
            ngx_http_llmbroker_json_raw(w, &v->raw);
            continue;
        }

        rc = ngx_http_llmbroker_embedding_list(ex, w, list);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    ngx_http_llmbroker_json_close(w);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_embedding_list(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_writer_t *w, ngx_http_llmbroker_json_t *list)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *entry, *v, *vector;

    ngx_http_llmbroker_json_open_array(w);

    for (entry = list->child; entry; entry = entry->next) {

        vector = ngx_http_llmbroker_json_get(entry, "embedding");

        if (vector == NULL) {
            return ngx_http_llmbroker_embedding_fault(ex);
        }

        ngx_http_llmbroker_json_open(w);

        for (v = entry->child; v; v = v->next) {
            ngx_http_llmbroker_json_key_str(w, &v->key);

            if (v != vector) {
                ngx_http_llmbroker_json_raw(w, &v->raw);
                continue;
            }

            rc = ngx_http_llmbroker_embedding_vector(ex, w, v);
            if (rc != NGX_OK) {
                return rc;
            }
        }

        ngx_http_llmbroker_json_close(w);
    }

    ngx_http_llmbroker_json_close_array(w);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_embedding_fault(ngx_http_llmbroker_exchange_t *ex)
{
    return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                                    "The provider's answer has no vectors.");
}
