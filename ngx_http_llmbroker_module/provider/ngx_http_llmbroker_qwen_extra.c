
/*
 * Copyright (C) LLMBroker contributors
 *
 * What DashScope's answers have and OpenAI's do not: images, the results of
 * a web search, members of the future.  A stream may repeat them in each
 * frame, so they are told when a choice ends: images as "images", the others
 * under "provider_specific_fields".
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_answer.h"
#include "provider/ngx_http_llmbroker_qwen.h"


/* what a stream may bring that is no text, in which each part is looked up */
#define NGX_HTTP_LLMBROKER_QWEN_PARTS       64
#define NGX_HTTP_LLMBROKER_QWEN_PARTS_SIZE  (4 * 1024 * 1024)

#define ngx_http_llmbroker_qwen_lit(ex, text, literal)                       \
    ngx_http_llmbroker_text_append((ex)->pool, text, literal,                \
                                   sizeof(literal) - 1)


static ngx_http_llmbroker_qwen_choice_t *ngx_http_llmbroker_qwen_get(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n);
static ngx_int_t ngx_http_llmbroker_qwen_keep(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n, ngx_str_t *name,
    ngx_str_t *raw);
static ngx_uint_t ngx_http_llmbroker_qwen_more(
    ngx_http_llmbroker_json_t *part);
static ngx_uint_t ngx_http_llmbroker_qwen_listed(const char **names,
    ngx_str_t *name);
static ngx_uint_t ngx_http_llmbroker_qwen_nothing(
    ngx_http_llmbroker_json_t *v);
static ngx_int_t ngx_http_llmbroker_qwen_add(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_text_t *list,
    ngx_str_t *before, ngx_str_t *raw, ngx_str_t *after);
static ngx_int_t ngx_http_llmbroker_qwen_list(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_text_t *list,
    ngx_http_llmbroker_text_t *text);


/* of an output, a choice or a message: told in another way */

static const char  *ngx_http_llmbroker_qwen_known[] = {
    "choices",
    "text",
    "finish_reason",
    "index",
    "message",
    "logprobs",
    "role",
    "content",
    "reasoning_content",
    "tool_calls",
    NULL
};


/* of a part that is text: told as such */

static const char  *ngx_http_llmbroker_qwen_said[] = {
    "text",
    "type",
    NULL
};


/* of an usage */

static const char  *ngx_http_llmbroker_qwen_counted[] = {
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "prompt_tokens_details",
    "output_tokens_details",
    NULL
};


ngx_int_t
ngx_http_llmbroker_qwen_part(ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_http_llmbroker_json_t *part, ngx_uint_t whole)
{
    ngx_str_t                          before, after, raw;
    ngx_http_llmbroker_json_t         *v, *text;
    ngx_http_llmbroker_text_t         *list;
    ngx_http_llmbroker_qwen_choice_t  *c;

    text = ngx_http_llmbroker_json_get_type(part, "text",
                                            NGX_HTTP_LLMBROKER_JSON_STRING);

    if (text && !ngx_http_llmbroker_qwen_more(part)) {
        return NGX_OK;
    }

    c = ngx_http_llmbroker_qwen_get(ex, n);

    ngx_str_set(&before, "");
    ngx_str_set(&after, "");

    raw = part->raw;
    list = &c->parts;

    v = ngx_http_llmbroker_json_get_type(part, "image",
                                         NGX_HTTP_LLMBROKER_JSON_STRING);
    if (v) {
        ngx_str_set(&before, "{\"type\":\"image_url\",\"image_url\":"
                             "{\"url\":");
        ngx_str_set(&after, "}}");

        raw = v->raw;
        list = &c->images;
    }

    if (!whole) {

        if (list->len
            && memmem(list->data, list->len, raw.data, raw.len) != NULL)
        {
            return NGX_OK;
        }

        if (c->nparts++ == NGX_HTTP_LLMBROKER_QWEN_PARTS
            || list->len + raw.len > NGX_HTTP_LLMBROKER_QWEN_PARTS_SIZE)
        {
            c->nparts = NGX_HTTP_LLMBROKER_QWEN_PARTS;

            if (text) {
                return NGX_OK;
            }

            return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                                   "The provider answered with too many "
                                   "parts.");
        }
    }

    return ngx_http_llmbroker_qwen_add(ex, list, &before, &raw, &after);
}


ngx_int_t
ngx_http_llmbroker_qwen_extras(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_json_t *object)
{
    ngx_http_llmbroker_json_t  *v;

    if (object == NULL || object->type != NGX_HTTP_LLMBROKER_JSON_OBJECT) {
        return NGX_OK;
    }

    for (v = object->child; v; v = v->next) {

        if (ngx_http_llmbroker_qwen_listed(ngx_http_llmbroker_qwen_known,
                                           &v->key)
            || ngx_http_llmbroker_qwen_nothing(v))
        {
            continue;
        }

        if (ngx_http_llmbroker_qwen_keep(ex, n, &v->key, &v->raw) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_qwen_counts(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *usage)
{
    ngx_str_t                   name;
    ngx_http_llmbroker_json_t  *v;

    for (v = usage->child; v; v = v->next) {

        if (!ngx_http_llmbroker_qwen_listed(ngx_http_llmbroker_qwen_counted,
                                            &v->key)
            && !ngx_http_llmbroker_qwen_nothing(v))
        {
            ngx_str_set(&name, "usage");
            return ngx_http_llmbroker_qwen_keep(ex, 0, &name, &usage->raw);
        }
    }

    return NGX_OK;
}


static ngx_http_llmbroker_qwen_choice_t *
ngx_http_llmbroker_qwen_get(ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n)
{
    ngx_http_llmbroker_qwen_t         *q;
    ngx_http_llmbroker_qwen_choice_t  *c;

    q = ex->state;
    c = q->choices.elts;

    return &c[n];
}


/* the memory is used again, so that it does not grow with the frames */

static ngx_int_t
ngx_http_llmbroker_qwen_keep(ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_str_t *name, ngx_str_t *raw)
{
    size_t                             k;
    ngx_uint_t                         i;
    ngx_http_llmbroker_qwen_extra_t   *extra;
    ngx_http_llmbroker_qwen_choice_t  *c;

    /* a name that would have to be escaped is none of DashScope's */

    for (k = 0; k < name->len; k++) {

        if (name->data[k] < ' '
            || name->data[k] == '"' || name->data[k] == '\\')
        {
            return NGX_OK;
        }
    }

    c = ngx_http_llmbroker_qwen_get(ex, n);
    extra = c->extras.elts;

    for (i = 0; i < c->extras.nelts; i++, extra++) {

        if (extra->name.len == name->len
            && ngx_memcmp(extra->name.data, name->data, name->len) == 0)
        {
            extra->raw.len = 0;

            return ngx_http_llmbroker_text_append(ex->pool, &extra->raw,
                                                  raw->data, raw->len);
        }
    }

    if (i == NGX_HTTP_LLMBROKER_QWEN_EXTRAS) {
        return NGX_OK;
    }

    if (c->extras.elts == NULL
        && ngx_array_init(&c->extras, ex->pool, 1,
                          sizeof(ngx_http_llmbroker_qwen_extra_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    extra = ngx_array_push(&c->extras);
    if (extra == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(extra, sizeof(ngx_http_llmbroker_qwen_extra_t));

    extra->name.data = ngx_pstrdup(ex->pool, name);
    if (extra->name.data == NULL) {
        return NGX_ERROR;
    }

    extra->name.len = name->len;

    return ngx_http_llmbroker_text_append(ex->pool, &extra->raw, raw->data,
                                          raw->len);
}


/* 1 when a part has more than its text */

static ngx_uint_t
ngx_http_llmbroker_qwen_more(ngx_http_llmbroker_json_t *part)
{
    ngx_http_llmbroker_json_t  *v;

    for (v = part->child; v; v = v->next) {

        if (!ngx_http_llmbroker_qwen_listed(ngx_http_llmbroker_qwen_said,
                                            &v->key)
            && v->type != NGX_HTTP_LLMBROKER_JSON_NULL)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_llmbroker_qwen_listed(const char **names, ngx_str_t *name)
{
    for ( /* void */ ; *names; names++) {

        if (name->len == ngx_strlen(*names)
            && ngx_memcmp(name->data, *names, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_llmbroker_qwen_nothing(ngx_http_llmbroker_json_t *v)
{
    switch (v->type) {

    case NGX_HTTP_LLMBROKER_JSON_NULL:
        return 1;

    case NGX_HTTP_LLMBROKER_JSON_STRING:
        return ngx_http_llmbroker_json_inner(v).len == 0;

    case NGX_HTTP_LLMBROKER_JSON_OBJECT:
    case NGX_HTTP_LLMBROKER_JSON_ARRAY:
        return v->n == 0;

    default:
        return 0;
    }
}


static ngx_int_t
ngx_http_llmbroker_qwen_add(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_text_t *list, ngx_str_t *before, ngx_str_t *raw,
    ngx_str_t *after)
{
    if ((list->len && ngx_http_llmbroker_qwen_lit(ex, list, ",") != NGX_OK)
        || ngx_http_llmbroker_text_append(ex->pool, list, before->data,
                                          before->len)
           != NGX_OK
        || ngx_http_llmbroker_text_append(ex->pool, list, raw->data, raw->len)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_text_append(ex->pool, list, after->data,
                                          after->len);
}


ngx_int_t
ngx_http_llmbroker_qwen_rest(ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n)
{
    ngx_int_t                          rc;
    ngx_str_t                          raw;
    ngx_uint_t                         i;
    ngx_http_llmbroker_text_t          text;
    ngx_http_llmbroker_qwen_extra_t   *extra;
    ngx_http_llmbroker_qwen_choice_t  *c;

    c = ngx_http_llmbroker_qwen_get(ex, n);

    if (c->images.len) {
        ngx_memzero(&text, sizeof(ngx_http_llmbroker_text_t));

        if (ngx_http_llmbroker_qwen_list(ex, &c->images, &text) != NGX_OK) {
            return NGX_ERROR;
        }

        raw.len = text.len;
        raw.data = text.data;

        rc = ngx_http_llmbroker_answer_member(ex, n, "images", &raw);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (c->parts.len == 0 && c->extras.nelts == 0) {
        return NGX_OK;
    }

    ngx_memzero(&text, sizeof(ngx_http_llmbroker_text_t));

    extra = c->extras.elts;

    for (i = 0; i < c->extras.nelts; i++, extra++) {

        if (ngx_http_llmbroker_text_append(ex->pool, &text,
                                           i ? ",\"" : "{\"", 2)
            != NGX_OK
            || ngx_http_llmbroker_text_append(ex->pool, &text,
                                              extra->name.data,
                                              extra->name.len)
               != NGX_OK
            || ngx_http_llmbroker_qwen_lit(ex, &text, "\":") != NGX_OK
            || ngx_http_llmbroker_text_append(ex->pool, &text,
                                              extra->raw.data, extra->raw.len)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (c->parts.len
        && (ngx_http_llmbroker_text_append(ex->pool, &text,
                                           text.len ? "," : "{", 1)
            != NGX_OK
            || ngx_http_llmbroker_qwen_lit(ex, &text, "\"parts\":") != NGX_OK
            || ngx_http_llmbroker_qwen_list(ex, &c->parts, &text) != NGX_OK))
    {
        return NGX_ERROR;
    }

    if (ngx_http_llmbroker_qwen_lit(ex, &text, "}") != NGX_OK) {
        return NGX_ERROR;
    }

    raw.len = text.len;
    raw.data = text.data;

    return ngx_http_llmbroker_answer_member(ex, n, "provider_specific_fields",
                                            &raw);
}


static ngx_int_t
ngx_http_llmbroker_qwen_list(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_text_t *list, ngx_http_llmbroker_text_t *text)
{
    if (ngx_http_llmbroker_qwen_lit(ex, text, "[") != NGX_OK
        || ngx_http_llmbroker_text_append(ex->pool, text, list->data,
                                          list->len)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_qwen_lit(ex, text, "]");
}
