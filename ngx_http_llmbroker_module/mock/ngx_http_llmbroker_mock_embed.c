
/*
 * Copyright (C) LLMBroker contributors
 */


/*
 * Vectors follow from the text alone.  Their elements are multiples of 1/64,
 * which a float and six decimals both hold exactly.
 */


#include "mock/ngx_http_llmbroker_mock.h"


static ngx_int_t ngx_http_llmbroker_mock_embed_check(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_json_t *v);
static ngx_http_llmbroker_json_t *ngx_http_llmbroker_mock_embed_first(
    ngx_http_llmbroker_json_t *input);
static ngx_int_t ngx_http_llmbroker_mock_vector(
    ngx_http_llmbroker_mock_string_t *s, ngx_str_t *text,
    ngx_int_t dimensions, ngx_uint_t base64);


ngx_int_t
ngx_http_llmbroker_mock_embed_read(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_json_t *input, ngx_int_t dimensions)
{
    ngx_int_t                   rc;
    ngx_uint_t                  n;
    ngx_http_llmbroker_json_t  *v, *first;

    if (input == NULL) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400,
                                      "missing_required_parameter", "input",
                                      "Missing required parameter: 'input'.");
    }

    first = ngx_http_llmbroker_mock_embed_first(input);

    if (first == NULL) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, "input",
                                              "'$.input' is invalid.");
    }

    for (v = first, n = 0; v; v = v->next) {

        rc = ngx_http_llmbroker_mock_embed_check(ctx, v);
        if (rc != NGX_OK) {
            return rc;
        }

        n++;

        if (v == input) {
            break;
        }
    }

    if (n > 2048) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, "input",
                            "'$.input' is invalid: too many inputs, %ui", n);
    }

    if (dimensions < 1
        || dimensions > NGX_HTTP_LLMBROKER_MOCK_NUMBERS / (ngx_int_t) n)
    {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, "dimensions",
                                              "'$.dimensions' is invalid.");
    }

    if (ctx->prompt_words == 0) {
        ctx->prompt_words = 1;
    }

    ctx->user = first;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_embed_check(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_json_t *v)
{
    if (v->type == NGX_HTTP_LLMBROKER_JSON_STRING && v->raw.len > 2) {
        ctx->prompt_words += ngx_http_llmbroker_mock_content_words(v);
        return NGX_OK;
    }

    if (v->type == NGX_HTTP_LLMBROKER_JSON_ARRAY && v->child
        && v->child->type == NGX_HTTP_LLMBROKER_JSON_NUMBER)
    {
        ctx->prompt_words += v->n;
        return NGX_OK;
    }

    return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, "input",
                                          "'$.input' is invalid.");
}


/* A string, an array of strings, of numbers, or of arrays of numbers. */

static ngx_http_llmbroker_json_t *
ngx_http_llmbroker_mock_embed_first(ngx_http_llmbroker_json_t *input)
{
    if (input->type != NGX_HTTP_LLMBROKER_JSON_ARRAY
        || (input->child
            && input->child->type == NGX_HTTP_LLMBROKER_JSON_NUMBER))
    {
        return input;
    }

    return input->child;
}


ngx_int_t
ngx_http_llmbroker_mock_embed(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_json_t *input, ngx_int_t dimensions, ngx_uint_t base64,
    const char *prefix, const char *middle)
{
    ngx_str_t                   text;
    ngx_uint_t                  i;
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_mock_embed_first(input);

    for (i = 0; v; v = v->next, i++) {

        text = v->raw;

        if (v->type == NGX_HTTP_LLMBROKER_JSON_STRING
            && ngx_http_llmbroker_json_string(ctx->pool, v, &text) != NGX_OK)
        {
            return NGX_ERROR;
        }

        ngx_http_llmbroker_mock_printf(&ctx->head, "%s%s", i ? "," : "",
                                       prefix);

        if (middle) {
            ngx_http_llmbroker_mock_printf(&ctx->head, "%ui%s", i, middle);
        }

        if (ngx_http_llmbroker_mock_vector(&ctx->head, &text, dimensions,
                                           base64)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        ngx_http_llmbroker_mock_append(&ctx->head, (u_char *) "}", 1);

        if (v == input) {
            break;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_vector(ngx_http_llmbroker_mock_string_t *s,
    ngx_str_t *text, ngx_int_t dimensions, ngx_uint_t base64)
{
    float       f;
    u_char     *p;
    uint32_t    hash, bits;
    ngx_int_t   i, n;
    ngx_str_t   floats, encoded;

    floats.data = NULL;
    p = NULL;

    if (base64) {
        floats.len = 4 * dimensions;
        floats.data = ngx_pnalloc(s->pool, floats.len);
        if (floats.data == NULL) {
            return NGX_ERROR;
        }

        p = floats.data;

    } else {
        ngx_http_llmbroker_mock_append(s, (u_char *) "[", 1);
    }

    hash = ngx_murmur_hash2(text->data, text->len);

    for (i = 0; i < dimensions; i++) {
        hash = hash * 1664525 + 1013904223;
        n = (ngx_int_t) (hash >> 25) - 64;

        if (!base64) {
            ngx_http_llmbroker_mock_printf(s, "%s%.6f", i ? "," : "",
                                           (double) n / 64);
            continue;
        }

        f = (float) n / 64;
        ngx_memcpy(&bits, &f, 4);

        *p++ = (u_char) bits;
        *p++ = (u_char) (bits >> 8);
        *p++ = (u_char) (bits >> 16);
        *p++ = (u_char) (bits >> 24);
    }

    if (!base64) {
        ngx_http_llmbroker_mock_append(s, (u_char *) "]", 1);
        return NGX_OK;
    }

    encoded.data = ngx_pnalloc(s->pool, ngx_base64_encoded_length(floats.len));
    if (encoded.data == NULL) {
        return NGX_ERROR;
    }

    ngx_encode_base64(&encoded, &floats);

    ngx_http_llmbroker_mock_printf(s, "\"%V\"", &encoded);

    return NGX_OK;
}
