
/*
 * Copyright (C) LLMBroker contributors
 *
 * Images and documents of a Claude request.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_claude.h"
#include "provider/ngx_http_llmbroker_params.h"


static ngx_int_t ngx_http_llmbroker_claude_image(
    ngx_http_llmbroker_claude_build_t *b, ngx_uint_t i,
    ngx_http_llmbroker_json_t *part);
static ngx_int_t ngx_http_llmbroker_claude_file(
    ngx_http_llmbroker_claude_build_t *b, ngx_uint_t i,
    ngx_http_llmbroker_json_t *part);
static ngx_int_t ngx_http_llmbroker_claude_data_url(ngx_pool_t *pool,
    ngx_str_t *url, ngx_http_llmbroker_claude_block_t *block);
static ngx_int_t ngx_http_llmbroker_claude_plain(ngx_pool_t *pool,
    ngx_str_t *data);


ngx_int_t
ngx_http_llmbroker_claude_media(ngx_http_llmbroker_claude_build_t *b,
    ngx_uint_t i, ngx_http_llmbroker_json_t *part)
{
    ngx_http_llmbroker_json_t  *type;

    type = ngx_http_llmbroker_json_get(part, "type");

    if (ngx_http_llmbroker_json_is(type, "image_url")) {
        return ngx_http_llmbroker_claude_image(b, i, part);
    }

    if (ngx_http_llmbroker_json_is(type, "file")) {
        return ngx_http_llmbroker_claude_file(b, i, part);
    }

    return ngx_http_llmbroker_params_message(b->ex, "unsupported_value", i,
                               "content",
                               "This model does not support a part of the "
                               "content.");
}


/* R34 */

static ngx_int_t
ngx_http_llmbroker_claude_image(ngx_http_llmbroker_claude_build_t *b,
    ngx_uint_t i, ngx_http_llmbroker_json_t *part)
{
    ngx_int_t                           rc;
    ngx_str_t                           url;
    ngx_http_llmbroker_json_t          *v;
    ngx_http_llmbroker_claude_block_t  *block;

    v = ngx_http_llmbroker_json_get(part, "image_url");

    if (v && v->type == NGX_HTTP_LLMBROKER_JSON_OBJECT) {
        v = ngx_http_llmbroker_json_get(v, "url");
    }

    rc = ngx_http_llmbroker_json_string(b->ex->pool, v, &url);

    if (rc == NGX_DECLINED) {
        return ngx_http_llmbroker_params_message(b->ex, "invalid_type", i,
                                   "content", "An image has no URL.");
    }

    if (rc != NGX_OK) {
        return rc;
    }

    block = ngx_http_llmbroker_claude_push(&b->blocks,
                                NGX_HTTP_LLMBROKER_CLAUDE_IMAGE_URL, NULL);
    if (block == NULL) {
        return NGX_ERROR;
    }

    if (url.len > 8
        && ngx_strncasecmp(url.data, (u_char *) "https://", 8) == 0)
    {
        block->data = url;
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_claude_data_url(b->ex->pool, &url, block);

    if (rc == NGX_DECLINED
        || (rc == NGX_OK
            && block->kind == NGX_HTTP_LLMBROKER_CLAUDE_TEXT_FILE))
    {
        return ngx_http_llmbroker_params_message(b->ex, "unsupported_value", i,
                                   "content",
                                   "An image must be an https URL, or base64 "
                                   "of JPEG, PNG, GIF, WebP or PDF.");
    }

    return rc;
}


/* R35 */

static ngx_int_t
ngx_http_llmbroker_claude_file(ngx_http_llmbroker_claude_build_t *b,
    ngx_uint_t i, ngx_http_llmbroker_json_t *part)
{
    ngx_int_t                           rc;
    ngx_str_t                           data;
    ngx_http_llmbroker_json_t          *file, *v;
    ngx_http_llmbroker_claude_block_t  *block;

    block = NULL;

    file = ngx_http_llmbroker_json_get(part, "file");
    v = ngx_http_llmbroker_json_get(file, "file_data");

    rc = ngx_http_llmbroker_json_string(b->ex->pool, v, &data);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    v = ngx_http_llmbroker_json_get_type(file, "filename",
                                         NGX_HTTP_LLMBROKER_JSON_STRING);

    if (rc == NGX_OK) {
        block = ngx_http_llmbroker_claude_push(&b->blocks,
                                           NGX_HTTP_LLMBROKER_CLAUDE_PDF, v);
        if (block == NULL) {
            return NGX_ERROR;
        }

        if (ngx_strlchr(data.data, data.data + data.len, ':') == NULL) {
            block->data = data;
            return NGX_OK;
        }

        rc = ngx_http_llmbroker_claude_data_url(b->ex->pool, &data, block);
    }

    if (rc == NGX_OK
        && (block->kind == NGX_HTTP_LLMBROKER_CLAUDE_PDF
            || block->kind == NGX_HTTP_LLMBROKER_CLAUDE_TEXT_FILE))
    {
        return NGX_OK;
    }

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_params_message(b->ex, "unsupported_value", i,
                                   "content",
                                   "A file must be base64 of a PDF or of "
                                   "text.");
}


static ngx_int_t
ngx_http_llmbroker_claude_data_url(ngx_pool_t *pool, ngx_str_t *url,
    ngx_http_llmbroker_claude_block_t *block)
{
    ngx_int_t    rc;
    ngx_str_t   *type;
    ngx_uint_t   i;

    static ngx_str_t  types[] = {
        ngx_string("image/jpeg"),
        ngx_string("image/png"),
        ngx_string("image/gif"),
        ngx_string("image/webp"),
        ngx_string("application/pdf"),
        ngx_null_string
    };

    type = &block->name;

    rc = ngx_http_llmbroker_text_data_url(pool, url, type, &block->data);
    if (rc != NGX_OK) {
        return rc;
    }

    if (type->len > 5 && ngx_memcmp(type->data, "text/", 5) == 0) {
        block->kind = NGX_HTTP_LLMBROKER_CLAUDE_TEXT_FILE;
        return ngx_http_llmbroker_claude_plain(pool, &block->data);
    }

    for (i = 0; types[i].len; i++) {

        if (types[i].len == type->len
            && ngx_memcmp(types[i].data, type->data, type->len) == 0)
        {
            break;
        }
    }

    if (types[i].len == 0) {
        return NGX_DECLINED;
    }

    block->kind = (i == 4) ? NGX_HTTP_LLMBROKER_CLAUDE_PDF
                           : NGX_HTTP_LLMBROKER_CLAUDE_IMAGE;

    return NGX_OK;
}


/* base64 becomes what it says */

static ngx_int_t
ngx_http_llmbroker_claude_plain(ngx_pool_t *pool, ngx_str_t *data)
{
    ngx_str_t  text;

    text.data = ngx_pnalloc(pool, ngx_base64_decoded_length(data->len));
    if (text.data == NULL) {
        return NGX_ERROR;
    }

    if (ngx_decode_base64(&text, data) != NGX_OK) {
        return NGX_DECLINED;
    }

    *data = text;

    return NGX_OK;
}


/* the type of an image or a document, and where it comes from */

void
ngx_http_llmbroker_claude_write_source(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_claude_block_t *block)
{
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->w;

    if (block->kind == NGX_HTTP_LLMBROKER_CLAUDE_PDF
        || block->kind == NGX_HTTP_LLMBROKER_CLAUDE_TEXT_FILE)
    {
        ngx_http_llmbroker_json_text(w, "document");
        ngx_http_llmbroker_claude_write_raw(b, "title", block->value);
        ngx_str_set(&block->name, "application/pdf");

    } else {
        ngx_http_llmbroker_json_text(w, "image");
    }

    ngx_http_llmbroker_json_key(w, "source");
    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "type");

    if (block->kind == NGX_HTTP_LLMBROKER_CLAUDE_IMAGE_URL) {
        ngx_http_llmbroker_json_text(w, "url");
        ngx_http_llmbroker_json_key(w, "url");

    } else if (block->kind == NGX_HTTP_LLMBROKER_CLAUDE_TEXT_FILE) {
        ngx_http_llmbroker_json_text(w, "text");
        ngx_http_llmbroker_json_key(w, "media_type");
        ngx_http_llmbroker_json_text(w, "text/plain");
        ngx_http_llmbroker_json_key(w, "data");

    } else {
        ngx_http_llmbroker_json_text(w, "base64");
        ngx_http_llmbroker_json_key(w, "media_type");
        ngx_http_llmbroker_json_str(w, &block->name);
        ngx_http_llmbroker_json_key(w, "data");
    }

    ngx_http_llmbroker_json_str(w, &block->data);
    ngx_http_llmbroker_json_close(w);
}
