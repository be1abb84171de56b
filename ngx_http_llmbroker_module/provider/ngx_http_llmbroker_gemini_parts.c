
/*
 * Copyright (C) LLMBroker contributors
 *
 * The parts of Gemini's answers.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_answer.h"
#include "provider/ngx_http_llmbroker_gemini.h"


static ngx_int_t ngx_http_llmbroker_gemini_said(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_http_llmbroker_gemini_choice_t *c, ngx_http_llmbroker_json_t *text);
static ngx_int_t ngx_http_llmbroker_gemini_called(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_http_llmbroker_gemini_choice_t *c, ngx_http_llmbroker_json_t *call,
    ngx_str_t *signature);
static ngx_int_t ngx_http_llmbroker_gemini_going(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_http_llmbroker_gemini_choice_t *c, ngx_http_llmbroker_json_t *call);
static ngx_int_t ngx_http_llmbroker_gemini_call_id(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n, ngx_uint_t index,
    ngx_str_t *id);
static ngx_int_t ngx_http_llmbroker_gemini_image(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_gemini_choice_t *c,
    ngx_http_llmbroker_gemini_rest_t *rest, ngx_http_llmbroker_json_t *data);
static ngx_int_t ngx_http_llmbroker_gemini_signed(
    ngx_http_llmbroker_exchange_t *ex, ngx_str_t *signature, ngx_str_t *raw);


ngx_int_t
ngx_http_llmbroker_gemini_part(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_gemini_choice_t *c,
    ngx_http_llmbroker_gemini_rest_t *rest, ngx_http_llmbroker_json_t *part)
{
    ngx_int_t                   rc;
    ngx_str_t                   inner, signature;
    ngx_pool_t                 *pool;
    ngx_uint_t                  thought;
    ngx_http_llmbroker_json_t  *v;

    rc = ngx_http_llmbroker_answer_member_typed(ex, part, "functionCall",
                                              NGX_HTTP_LLMBROKER_JSON_OBJECT);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_answer_member_typed(ex, part, "text",
                                              NGX_HTTP_LLMBROKER_JSON_STRING);
    if (rc != NGX_OK) {
        return rc;
    }

    v = ngx_http_llmbroker_json_get(part, "thoughtSignature");
    signature = ngx_http_llmbroker_json_inner(v);

    v = ngx_http_llmbroker_json_get_type(part, "functionCall",
                                         NGX_HTTP_LLMBROKER_JSON_OBJECT);
    if (v) {
        return ngx_http_llmbroker_gemini_called(ex, n, c, v, &signature);
    }

    if (signature.len) {
        rest->signature = signature;
    }

    v = ngx_http_llmbroker_json_get(part, "thought");
    thought = ngx_http_llmbroker_json_true(v);

    v = ngx_http_llmbroker_json_get(part, "text");

    if (v && thought) {
        inner = ngx_http_llmbroker_json_inner(v);
        return ngx_http_llmbroker_answer_reasoning(ex, n, &inner);
    }

    if (v) {
        return ngx_http_llmbroker_gemini_said(ex, n, c, v);
    }

    v = ngx_http_llmbroker_json_get(part, "inlineData");

    if (v && !thought) {
        inner = ngx_http_llmbroker_json_inner(
                                 ngx_http_llmbroker_json_get(v, "mimeType"));

        if (ngx_http_llmbroker_gemini_begins(&inner, "image/")) {
            return ngx_http_llmbroker_gemini_image(ex, c, rest, v);
        }
    }

    if (part->type != NGX_HTTP_LLMBROKER_JSON_OBJECT || part->n == 0) {
        return NGX_OK;
    }

    pool = ngx_http_llmbroker_gemini_pool(ex);

    if (rest->parts.len
        && ngx_http_llmbroker_text_append(pool, &rest->parts, ",", 1)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_text_append(pool, &rest->parts, part->raw.data,
                                          part->raw.len);
}


static ngx_int_t
ngx_http_llmbroker_gemini_said(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_gemini_choice_t *c,
    ngx_http_llmbroker_json_t *text)
{
    ngx_int_t                     rc;
    ngx_str_t                     inner, decoded;
    ngx_http_llmbroker_gemini_t  *g;

    g = ex->state;

    if (g->search) {
        rc = ngx_http_llmbroker_json_string(ngx_http_llmbroker_gemini_pool(ex),
                                            text, &decoded);

        if (rc == NGX_OK
            && c->text.len + decoded.len < NGX_HTTP_LLMBROKER_GEMINI_TEXT)
        {
            rc = ngx_http_llmbroker_text_append(ex->pool, &c->text,
                                                decoded.data, decoded.len);
        }

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }
    }

    inner = ngx_http_llmbroker_json_inner(text);

    return ngx_http_llmbroker_answer_text(ex, n, &inner);
}


static ngx_int_t
ngx_http_llmbroker_gemini_called(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_gemini_choice_t *c,
    ngx_http_llmbroker_json_t *call, ngx_str_t *signature)
{
    ngx_int_t                   rc;
    ngx_str_t                   id, name, inner, extra;
    ngx_uint_t                  index;
    ngx_http_llmbroker_json_t  *v;

    rc = ngx_http_llmbroker_gemini_going(ex, n, c, call);
    if (rc != NGX_DONE) {
        return rc;
    }

    index = ngx_http_llmbroker_answer_tools(ex, n);

    v = ngx_http_llmbroker_json_get(call, "name");
    name = ngx_http_llmbroker_json_inner(v);

    v = ngx_http_llmbroker_json_get(call, "id");
    id = ngx_http_llmbroker_json_inner(v);

    if (id.len == 0
        && ngx_http_llmbroker_gemini_call_id(ex, n, index, &id) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (signature->len
        && ngx_http_llmbroker_gemini_signed(ex, signature, &extra) != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_http_llmbroker_answer_tool_extra(ex, n, index, &id, &name,
                                              signature->len ? &extra : NULL);
    if (rc != NGX_OK || ex->call != NGX_HTTP_LLMBROKER_CHAT) {
        return rc;
    }

    v = ngx_http_llmbroker_json_get(call, "willContinue");

    if (ngx_http_llmbroker_json_true(v)
        || ngx_http_llmbroker_json_get(call, "partialArgs"))
    {
        ngx_str_null(&c->name);

        if (name.len) {
            c->name.data = ngx_pstrdup(ex->pool, &name);
            if (c->name.data == NULL) {
                return NGX_ERROR;
            }

            c->name.len = name.len;
        }

        c->call = index;
        c->calling = 1;

        return ngx_http_llmbroker_gemini_pieces(ex, n, c, call);
    }

    v = ngx_http_llmbroker_json_get(call, "args");

    rc = ngx_http_llmbroker_answer_typed(ex, v,
                                         NGX_HTTP_LLMBROKER_JSON_OBJECT);
    if (rc != NGX_OK) {
        return rc;
    }

    if (v == NULL || v->type == NGX_HTTP_LLMBROKER_JSON_NULL) {
        return NGX_OK;
    }

    if (ngx_http_llmbroker_text_quote(ngx_http_llmbroker_gemini_pool(ex),
                                      &v->raw, &inner)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_answer_arguments(ex, n, index, &inner);
}


/* NGX_DONE: this is another call than the one before */

static ngx_int_t
ngx_http_llmbroker_gemini_going(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_gemini_choice_t *c,
    ngx_http_llmbroker_json_t *call)
{
    ngx_int_t                   rc;
    ngx_str_t                   name;
    ngx_http_llmbroker_json_t  *v;

    if (!c->calling) {
        return NGX_DONE;
    }

    v = ngx_http_llmbroker_json_get(call, "name");
    name = ngx_http_llmbroker_json_inner(v);

    if (name.len == 0
        || (name.len == c->name.len
            && ngx_memcmp(name.data, c->name.data, name.len) == 0))
    {
        return ngx_http_llmbroker_gemini_pieces(ex, n, c, call);
    }

    rc = ngx_http_llmbroker_gemini_end_pieces(ex, n, c);

    return (rc == NGX_OK) ? NGX_DONE : rc;
}


/* older models name no call; a name that differs from answer to answer */

static ngx_int_t
ngx_http_llmbroker_gemini_call_id(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_uint_t index, ngx_str_t *id)
{
    u_char                       *p;
    ngx_http_llmbroker_gemini_t  *g;

    g = ex->state;

    p = ngx_pnalloc(ngx_http_llmbroker_gemini_pool(ex),
                    sizeof("call___") + g->id.len + 2 * NGX_INT_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    id->data = p;

    p = ngx_cpymem(p, "call_", sizeof("call_") - 1);

    if (g->id.len) {
        p = ngx_sprintf(p, "%V_", &g->id);
    }

    if (n > 0) {
        p = ngx_sprintf(p, "%ui_", n);
    }

    p = ngx_sprintf(p, "%ui", index);

    id->len = p - id->data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_gemini_image(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_gemini_choice_t *c,
    ngx_http_llmbroker_gemini_rest_t *rest, ngx_http_llmbroker_json_t *data)
{
    u_char      *p;
    size_t       len;
    ngx_str_t    mime, base64;
    ngx_uint_t   start;

    mime = ngx_http_llmbroker_json_inner(
                              ngx_http_llmbroker_json_get(data, "mimeType"));
    base64 = ngx_http_llmbroker_json_inner(
                              ngx_http_llmbroker_json_get(data, "data"));

    if (base64.len == 0) {
        return NGX_OK;
    }

    len = sizeof(",{\"index\":,\"type\":\"image_url\",\"image_url\":"
                 "{\"url\":\"data:;base64,\"}}")
          + NGX_INT_T_LEN + mime.len + base64.len;

    start = rest->images.len;

    if (ngx_http_llmbroker_text_append(ngx_http_llmbroker_gemini_pool(ex),
                                       &rest->images, NULL, len)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    p = ngx_sprintf(rest->images.data + start,
                    "%s{\"index\":%ui,\"type\":\"image_url\",\"image_url\":"
                    "{\"url\":\"data:%V;base64,",
                    start ? "," : "", c->images++, &mime);
    p = ngx_cpymem(p, base64.data, base64.len);
    p = ngx_cpymem(p, "\"}}", sizeof("\"}}") - 1);

    rest->images.len = p - rest->images.data;

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_gemini_rest(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_gemini_rest_t *rest)
{
    u_char     *p;
    ngx_int_t   rc;
    ngx_str_t   raw;

    if (rest->images.len) {
        raw.len = rest->images.len + 2;
        raw.data = ngx_pnalloc(ngx_http_llmbroker_gemini_pool(ex), raw.len);
        if (raw.data == NULL) {
            return NGX_ERROR;
        }

        p = raw.data;
        *p++ = '[';
        p = ngx_cpymem(p, rest->images.data, rest->images.len);
        *p = ']';

        rc = ngx_http_llmbroker_answer_member(ex, n, "images", &raw);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (rest->signature.len == 0) {
        return NGX_OK;
    }

    if (ngx_http_llmbroker_gemini_signed(ex, &rest->signature, &raw)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_answer_member(ex, n, "extra_content", &raw);
}


/* extra_content as Google's OpenAI interface has it */

static ngx_int_t
ngx_http_llmbroker_gemini_signed(ngx_http_llmbroker_exchange_t *ex,
    ngx_str_t *signature, ngx_str_t *raw)
{
    u_char  *p;

    raw->data = ngx_pnalloc(ngx_http_llmbroker_gemini_pool(ex),
                            sizeof("{\"google\":{\"thought_signature\":\"\"}}")
                            + signature->len);
    if (raw->data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(raw->data, "{\"google\":{\"thought_signature\":\"",
                   sizeof("{\"google\":{\"thought_signature\":\"") - 1);
    p = ngx_cpymem(p, signature->data, signature->len);
    p = ngx_cpymem(p, "\"}}", sizeof("\"}}") - 1);

    raw->len = p - raw->data;

    return NGX_OK;
}
