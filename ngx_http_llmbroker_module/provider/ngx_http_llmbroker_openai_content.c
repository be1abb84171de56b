
/*
 * Copyright (C) LLMBroker contributors
 *
 * What a message or delta of OpenAI's dialect says: content that is no text,
 * and reasoning under another name (wire format section 7.4).
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_openai.h"


static ngx_int_t ngx_http_llmbroker_openai_parts(
    ngx_http_llmbroker_openai_t *o, ngx_pool_t *pool,
    ngx_http_llmbroker_openai_choice_t *c, ngx_http_llmbroker_json_t *piece,
    ngx_http_llmbroker_json_t *content);
static ngx_uint_t ngx_http_llmbroker_openai_part(
    ngx_http_llmbroker_json_t *part, u_char **text, u_char **thought);
static u_char *ngx_http_llmbroker_openai_put(u_char *p,
    ngx_http_llmbroker_json_t *v);


ngx_int_t
ngx_http_llmbroker_openai_repair_content(ngx_http_llmbroker_openai_t *o,
    ngx_pool_t *pool, ngx_http_llmbroker_openai_choice_t *c,
    ngx_http_llmbroker_json_t *piece)
{
    u_char                     *p;
    ngx_str_t                   text;
    ngx_http_llmbroker_json_t  *content;

    content = ngx_http_llmbroker_json_get(piece, "content");

    if (content == NULL) {

        if (c) {
            return NGX_OK;
        }

        return ngx_http_llmbroker_openai_set_text(o, pool, piece, "content",
                                                  NGX_HTTP_LLMBROKER_JSON_NULL,
                                                  "null");
    }

    switch (content->type) {

    case NGX_HTTP_LLMBROKER_JSON_NULL:
    case NGX_HTTP_LLMBROKER_JSON_STRING:
        return NGX_OK;

    case NGX_HTTP_LLMBROKER_JSON_ARRAY:
    case NGX_HTTP_LLMBROKER_JSON_OBJECT:
        return ngx_http_llmbroker_openai_parts(o, pool, c, piece, content);

    default: /* a number or boolean */
        break;
    }

    p = ngx_pnalloc(pool, content->raw.len + 2);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text.data = p;
    text.len = ngx_sprintf(p, "\"%V\"", &content->raw) - p;

    return ngx_http_llmbroker_openai_set(o, pool, piece, "content",
                                         NGX_HTTP_LLMBROKER_JSON_STRING,
                                         &text);
}


/* "reasoning" stays beside what OpenAI's clients know it as */

ngx_int_t
ngx_http_llmbroker_openai_repair_reasoning(ngx_http_llmbroker_openai_t *o,
    ngx_pool_t *pool, ngx_http_llmbroker_json_t *piece)
{
    ngx_http_llmbroker_json_t  *v, *reasoning;

    reasoning = ngx_http_llmbroker_json_get(piece, "reasoning");
    v = ngx_http_llmbroker_json_get(piece, "reasoning_content");

    if (!ngx_http_llmbroker_openai_word(reasoning)
        || ngx_http_llmbroker_openai_string(v))
    {
        return NGX_OK;
    }

    return ngx_http_llmbroker_openai_set(o, pool, piece, "reasoning_content",
                                         NGX_HTTP_LLMBROKER_JSON_STRING,
                                         &reasoning->raw);
}


/*
 * Mistral's parts: the texts are the content, the thoughts are the reasoning.
 * What is lost that way stands in provider_specific_fields.
 */

static ngx_int_t
ngx_http_llmbroker_openai_parts(ngx_http_llmbroker_openai_t *o,
    ngx_pool_t *pool, ngx_http_llmbroker_openai_choice_t *c,
    ngx_http_llmbroker_json_t *piece, ngx_http_llmbroker_json_t *content)
{
    u_char                     *p, *t;
    ngx_str_t                   raw, text, thought;
    ngx_uint_t                  more;
    ngx_http_llmbroker_json_t  *part;

    raw = content->raw;

    text.data = ngx_pnalloc(pool, raw.len + 2);
    thought.data = ngx_pnalloc(pool, raw.len + 2);

    if (text.data == NULL || thought.data == NULL) {
        return NGX_ERROR;
    }

    p = text.data;
    t = thought.data;

    *p++ = '"';
    *t++ = '"';

    if (content->type == NGX_HTTP_LLMBROKER_JSON_OBJECT) {
        more = ngx_http_llmbroker_openai_part(content, &p, &t);

    } else {
        more = 0;

        for (part = content->child; part; part = part->next) {
            more |= ngx_http_llmbroker_openai_part(part, &p, &t);
        }
    }

    *p++ = '"';
    *t++ = '"';

    text.len = p - text.data;
    thought.len = t - thought.data;

    if (thought.len > 2) {

        if (ngx_http_llmbroker_openai_word(
                  ngx_http_llmbroker_json_get(piece, "reasoning_content")))
        {
            more = 1;

        } else if (ngx_http_llmbroker_openai_set(o, pool, piece,
                                             "reasoning_content",
                                             NGX_HTTP_LLMBROKER_JSON_STRING,
                                             &thought)
                   != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (c && thought.len > 2 && text.len == 2) {
        ngx_http_llmbroker_openai_drop(o, piece, "content");

    } else if (ngx_http_llmbroker_openai_set(o, pool, piece, "content",
                                             NGX_HTTP_LLMBROKER_JSON_STRING,
                                             &text)
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!more
        || ngx_http_llmbroker_json_get(piece, "provider_specific_fields"))
    {
        return NGX_OK;
    }

    p = ngx_pnalloc(pool, raw.len + sizeof("{\"content\":}"));
    if (p == NULL) {
        return NGX_ERROR;
    }

    text.data = p;
    text.len = ngx_sprintf(p, "{\"content\":%V}", &raw) - p;

    return ngx_http_llmbroker_openai_set(o, pool, piece,
                                         "provider_specific_fields",
                                         NGX_HTTP_LLMBROKER_JSON_OBJECT,
                                         &text);
}


/* 1 when the part has more to say than its text */

static ngx_uint_t
ngx_http_llmbroker_openai_part(ngx_http_llmbroker_json_t *part, u_char **text,
    u_char **thought)
{
    ngx_uint_t                  more;
    ngx_http_llmbroker_json_t  *v, *inner;

    if (part->type == NGX_HTTP_LLMBROKER_JSON_STRING) {
        *text = ngx_http_llmbroker_openai_put(*text, part);
        return 0;
    }

    v = ngx_http_llmbroker_json_get(part, "thinking");
    more = (part->n > 2);

    if (v == NULL) {
        v = ngx_http_llmbroker_json_get(part, "text");

        if (!ngx_http_llmbroker_openai_string(v)) {
            return 1;
        }

        *text = ngx_http_llmbroker_openai_put(*text, v);

        return more;
    }

    if (v->type == NGX_HTTP_LLMBROKER_JSON_STRING) {
        *thought = ngx_http_llmbroker_openai_put(*thought, v);
        return more;
    }

    if (v->type != NGX_HTTP_LLMBROKER_JSON_ARRAY) {
        return 1;
    }

    for (v = v->child; v; v = v->next) {

        if (v->type == NGX_HTTP_LLMBROKER_JSON_OBJECT) {
            inner = ngx_http_llmbroker_json_get(v, "text");
            more |= (v->n > 2);

        } else {
            inner = v;
        }

        if (ngx_http_llmbroker_openai_string(inner)) {
            *thought = ngx_http_llmbroker_openai_put(*thought, inner);

        } else {
            more = 1;
        }
    }

    return more;
}


static u_char *
ngx_http_llmbroker_openai_put(u_char *p, ngx_http_llmbroker_json_t *v)
{
    ngx_str_t  inner;

    inner = ngx_http_llmbroker_json_inner(v);

    return inner.len ? ngx_cpymem(p, inner.data, inner.len) : p;
}
