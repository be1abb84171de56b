
/*
 * Copyright (C) LLMBroker contributors
 *
 * Images and documents of a Converse request.  Bedrock fetches nothing: the
 * client sends what it means.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_bedrock.h"
#include "provider/ngx_http_llmbroker_params.h"


/* a media type, the end of a file's name, and Converse's word for both */
typedef struct {
    ngx_str_t                        type;
    ngx_str_t                        format;
} ngx_http_llmbroker_bedrock_format_t;


static ngx_int_t ngx_http_llmbroker_bedrock_image(
    ngx_http_llmbroker_bedrock_build_t *b, ngx_uint_t i,
    ngx_http_llmbroker_json_t *part);
static ngx_int_t ngx_http_llmbroker_bedrock_file(
    ngx_http_llmbroker_bedrock_build_t *b, ngx_uint_t i,
    ngx_http_llmbroker_json_t *part);
static ngx_int_t ngx_http_llmbroker_bedrock_document(
    ngx_http_llmbroker_bedrock_build_t *b, ngx_str_t *data, ngx_str_t *name);
static ngx_uint_t ngx_http_llmbroker_bedrock_format(ngx_str_t *type,
    ngx_str_t *end, ngx_str_t *format);
static ngx_int_t ngx_http_llmbroker_bedrock_title(
    ngx_http_llmbroker_bedrock_build_t *b, ngx_str_t *name, ngx_str_t *title);
static ngx_uint_t ngx_http_llmbroker_bedrock_taken(
    ngx_http_llmbroker_bedrock_build_t *b, ngx_str_t *title);


static const ngx_http_llmbroker_bedrock_format_t
    ngx_http_llmbroker_bedrock_images[] =
{
    { ngx_string("image/jpeg"), ngx_string("jpeg") },
    { ngx_string("image/png"), ngx_string("png") },
    { ngx_string("image/gif"), ngx_string("gif") },
    { ngx_string("image/webp"), ngx_string("webp") },
    { ngx_null_string, ngx_null_string }
};


static const ngx_http_llmbroker_bedrock_format_t
    ngx_http_llmbroker_bedrock_documents[] =
{
    { ngx_string("application/pdf"), ngx_string("pdf") },
    { ngx_string("text/plain"), ngx_string("txt") },
    { ngx_string("text/markdown"), ngx_string("md") },
    { ngx_string("text/csv"), ngx_string("csv") },
    { ngx_string("text/html"), ngx_string("html") },
    { ngx_string("application/msword"), ngx_string("doc") },
    { ngx_string("application/vnd.openxmlformats-officedocument."
                 "wordprocessingml.document"), ngx_string("docx") },
    { ngx_string("application/vnd.ms-excel"), ngx_string("xls") },
    { ngx_string("application/vnd.openxmlformats-officedocument."
                 "spreadsheetml.sheet"), ngx_string("xlsx") },
    { ngx_null_string, ngx_null_string }
};


ngx_int_t
ngx_http_llmbroker_bedrock_media(ngx_http_llmbroker_claude_build_t *claude,
    ngx_uint_t i, ngx_http_llmbroker_json_t *part)
{
    ngx_http_llmbroker_json_t           *type;
    ngx_http_llmbroker_bedrock_build_t  *b;

    b = (ngx_http_llmbroker_bedrock_build_t *) claude;

    type = ngx_http_llmbroker_json_get(part, "type");

    if (ngx_http_llmbroker_json_is(type, "image_url")) {
        return ngx_http_llmbroker_bedrock_image(b, i, part);
    }

    if (ngx_http_llmbroker_json_is(type, "file")) {
        return ngx_http_llmbroker_bedrock_file(b, i, part);
    }

    return ngx_http_llmbroker_params_message(claude->ex, "unsupported_value",
                               i, "content",
                               "This model does not support a part of the "
                               "content.");
}


/* R34 */

static ngx_int_t
ngx_http_llmbroker_bedrock_image(ngx_http_llmbroker_bedrock_build_t *b,
    ngx_uint_t i, ngx_http_llmbroker_json_t *part)
{
    ngx_int_t                                   rc;
    ngx_str_t                                   url, type, data;
    ngx_http_llmbroker_json_t                  *v;
    ngx_http_llmbroker_exchange_t              *ex;
    ngx_http_llmbroker_claude_block_t          *block;
    const ngx_http_llmbroker_bedrock_format_t  *format;

    ex = b->claude.ex;

    v = ngx_http_llmbroker_json_get(part, "image_url");

    if (v && v->type == NGX_HTTP_LLMBROKER_JSON_OBJECT) {
        v = ngx_http_llmbroker_json_get(v, "url");
    }

    rc = ngx_http_llmbroker_json_string(ex->pool, v, &url);

    if (rc == NGX_DECLINED) {
        return ngx_http_llmbroker_params_message(ex, "invalid_type", i,
                                   "content", "An image has no URL.");
    }

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_text_data_url(ex->pool, &url, &type, &data);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    format = ngx_http_llmbroker_bedrock_images;

    for ( /* void */ ; rc == NGX_OK && format->type.len; format++) {

        if (format->type.len != type.len
            || ngx_memcmp(format->type.data, type.data, type.len) != 0)
        {
            continue;
        }

        block = ngx_http_llmbroker_claude_push(&b->claude.blocks,
                                      NGX_HTTP_LLMBROKER_CLAUDE_IMAGE, NULL);
        if (block == NULL) {
            return NGX_ERROR;
        }

        block->name = format->format;
        block->data = data;

        return NGX_OK;
    }

    return ngx_http_llmbroker_params_message(ex, "unsupported_value", i,
                               "content",
                               "An image must be a data URL with base64 of "
                               "JPEG, PNG, GIF or WebP.");
}


/* R35 */

static ngx_int_t
ngx_http_llmbroker_bedrock_file(ngx_http_llmbroker_bedrock_build_t *b,
    ngx_uint_t i, ngx_http_llmbroker_json_t *part)
{
    ngx_int_t                       rc;
    ngx_str_t                       data, name;
    ngx_http_llmbroker_json_t      *file, *v;
    ngx_http_llmbroker_exchange_t  *ex;

    ex = b->claude.ex;

    file = ngx_http_llmbroker_json_get(part, "file");

    v = ngx_http_llmbroker_json_get(file, "filename");
    rc = ngx_http_llmbroker_json_string(ex->pool, v, &name);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED) {
        ngx_str_set(&name, "");
    }

    v = ngx_http_llmbroker_json_get(file, "file_data");
    rc = ngx_http_llmbroker_json_string(ex->pool, v, &data);

    if (rc == NGX_OK) {
        rc = ngx_http_llmbroker_bedrock_document(b, &data, &name);
    }

    if (rc != NGX_DECLINED) {
        return rc;
    }

    return ngx_http_llmbroker_params_message(ex, "unsupported_value", i,
                               "content",
                               "A file must be base64 of PDF, text, Markdown, "
                               "CSV, HTML, Word or Excel.");
}


/* bare base64 is what its name says, else a PDF */

static ngx_int_t
ngx_http_llmbroker_bedrock_document(ngx_http_llmbroker_bedrock_build_t *b,
    ngx_str_t *data, ngx_str_t *name)
{
    u_char                             *p, *last;
    ngx_int_t                           rc;
    ngx_str_t                           type, end, format;
    ngx_pool_t                         *pool;
    ngx_http_llmbroker_claude_block_t  *block;

    pool = b->claude.ex->pool;

    ngx_str_set(&type, "");

    if (ngx_strlchr(data->data, data->data + data->len, ':')) {
        rc = ngx_http_llmbroker_text_data_url(pool, data, &type, data);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    ngx_str_set(&end, "");
    last = name->data + name->len;

    for (p = last; p > name->data; p--) {
        if (p[-1] == '.') {
            end.data = p;
            end.len = last - p;
            break;
        }
    }

    if (!ngx_http_llmbroker_bedrock_format(&type, &end, &format)) {

        if (type.len > 5 && ngx_memcmp(type.data, "text/", 5) == 0) {
            ngx_str_set(&format, "txt");

        } else if (type.len == 0) {
            ngx_str_set(&format, "pdf");

        } else {
            return NGX_DECLINED;
        }
    }

    block = ngx_http_llmbroker_claude_push(&b->claude.blocks,
                                   NGX_HTTP_LLMBROKER_CLAUDE_DOCUMENT, NULL);
    if (block == NULL) {
        return NGX_ERROR;
    }

    block->name = format;
    block->data = *data;

    /* the title is without the end that the format tells */

    if (end.len && end.data > name->data
        && ngx_http_llmbroker_bedrock_format(&end, &end, &format))
    {
        name->len = end.data - name->data - 1;
    }

    return ngx_http_llmbroker_bedrock_title(b, name, &block->id);
}


/* by the media type, else by the name's end; 0: neither is known */

static ngx_uint_t
ngx_http_llmbroker_bedrock_format(ngx_str_t *type, ngx_str_t *end,
    ngx_str_t *format)
{
    const ngx_http_llmbroker_bedrock_format_t  *row;

    for (row = ngx_http_llmbroker_bedrock_documents; row->type.len; row++) {

        if (row->type.len == type->len
            && ngx_memcmp(row->type.data, type->data, type->len) == 0)
        {
            *format = row->format;
            return 1;
        }
    }

    for (row = ngx_http_llmbroker_bedrock_documents; row->type.len; row++) {

        if (row->format.len == end->len
            && ngx_strncasecmp(row->format.data, end->data, end->len) == 0)
        {
            *format = row->format;
            return 1;
        }
    }

    return 0;
}


/*
 * Converse takes letters, digits, single spaces, "-", "(", ")", "[" and "]" in
 * a document's name, and no name twice: a run of anything else becomes "-".
 */

static ngx_int_t
ngx_http_llmbroker_bedrock_title(ngx_http_llmbroker_bedrock_build_t *b,
    ngx_str_t *name, ngx_str_t *title)
{
    u_char      *p, *start, *last, c;
    size_t       i;
    ngx_str_t   *taken;

    start = ngx_pnalloc(b->claude.ex->pool, NGX_HTTP_LLMBROKER_BEDROCK_NAME
                                            + sizeof("-") + NGX_INT_T_LEN);
    if (start == NULL) {
        return NGX_ERROR;
    }

    p = start;
    last = start + NGX_HTTP_LLMBROKER_BEDROCK_NAME;

    for (i = 0; i < name->len && p < last; i++) {
        c = name->data[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9')
            || c == '(' || c == ')' || c == '[' || c == ']')
        {
            *p++ = c;
            continue;
        }

        c = (c == ' ') ? ' ' : '-';

        if (p == start || (p[-1] != ' ' && p[-1] != '-')) {
            *p++ = c;

        } else if (c == '-') {
            p[-1] = c;
        }
    }

    while (p > start && (p[-1] == ' ' || p[-1] == '-')) {
        p--;
    }

    while (start < p && (*start == ' ' || *start == '-')) {
        start++;
    }

    if (p == start) {
        p = ngx_cpymem(p, "document", sizeof("document") - 1);
    }

    title->data = start;
    title->len = p - start;

    if (ngx_http_llmbroker_bedrock_taken(b, title)) {
        p = ngx_sprintf(p, "-%ui", b->names.nelts + 1);
        title->len = p - start;
    }

    taken = ngx_array_push(&b->names);
    if (taken == NULL) {
        return NGX_ERROR;
    }

    *taken = *title;

    return NGX_OK;
}


/* beyond that number each has its number in its name */

static ngx_uint_t
ngx_http_llmbroker_bedrock_taken(ngx_http_llmbroker_bedrock_build_t *b,
    ngx_str_t *title)
{
    ngx_str_t   *name;
    ngx_uint_t   i;

    if (b->names.nelts >= NGX_HTTP_LLMBROKER_BEDROCK_DOCUMENTS) {
        return 1;
    }

    name = b->names.elts;

    for (i = 0; i < b->names.nelts; i++) {
        if (name[i].len == title->len
            && ngx_memcmp(name[i].data, title->data, title->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}
