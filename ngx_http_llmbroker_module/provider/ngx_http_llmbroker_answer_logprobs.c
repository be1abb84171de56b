
/*
 * Copyright (C) LLMBroker contributors
 *
 * Log probabilities: a chat's {"content":[...],"refusal":[...]}, whose
 * elements are {"token","logprob","bytes","top_logprobs"}, for a chat as they
 * are, and for a legacy completion as its four parallel arrays (wire format
 * sections 1.4 and 2.1).
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_answer_write.h"
#include "provider/ngx_http_llmbroker_text.h"


#define NGX_HTTP_LLMBROKER_ANSWER_PROBS  2048


static ngx_http_llmbroker_answer_logprobs_t *
    ngx_http_llmbroker_answer_new_logprobs(ngx_pool_t *pool);
static ngx_int_t ngx_http_llmbroker_answer_elements(
    ngx_http_llmbroker_out_t *out, ngx_http_llmbroker_json_t *array);
static ngx_int_t ngx_http_llmbroker_answer_tokens(
    ngx_http_llmbroker_answer_choice_t *c,
    ngx_http_llmbroker_answer_logprobs_t *l, ngx_http_llmbroker_json_t *array);
static ngx_int_t ngx_http_llmbroker_answer_alternatives(
    ngx_http_llmbroker_out_t *out, ngx_http_llmbroker_json_t *array);
static ngx_int_t ngx_http_llmbroker_answer_add_raw(
    ngx_http_llmbroker_out_t *out, ngx_str_t *raw);
static void ngx_http_llmbroker_answer_probs(ngx_http_llmbroker_answer_t *a,
    const char *name, ngx_http_llmbroker_out_t *out, ngx_uint_t null);


ngx_int_t
ngx_http_llmbroker_answer_logprobs(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t choice, ngx_http_llmbroker_json_t *logprobs)
{
    ngx_int_t                              rc;
    ngx_http_llmbroker_json_t             *content, *refusal;
    ngx_http_llmbroker_answer_choice_t    *c;
    ngx_http_llmbroker_answer_logprobs_t  *l;

    content = ngx_http_llmbroker_json_get_type(logprobs, "content",
                                               NGX_HTTP_LLMBROKER_JSON_ARRAY);
    refusal = ngx_http_llmbroker_json_get_type(logprobs, "refusal",
                                               NGX_HTTP_LLMBROKER_JSON_ARRAY);

    if (content == NULL && refusal == NULL) {
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_answer_choice(ex, &choice, &c);
    if (rc != NGX_OK) {
        return rc;
    }

    l = ex->stream ? NULL : c->logprobs;

    if (l == NULL) {
        l = ngx_http_llmbroker_answer_new_logprobs(ex->stream && ex->temp
                                                   ? ex->temp : ex->pool);
        if (l == NULL) {
            return NGX_ERROR;
        }
    }

    if (ex->call == NGX_HTTP_LLMBROKER_COMPLETIONS) {
        rc = ngx_http_llmbroker_answer_tokens(c, l, content);

    } else {
        rc = ngx_http_llmbroker_answer_elements(&l->content, content);

        if (rc == NGX_OK) {
            rc = ngx_http_llmbroker_answer_elements(&l->refusal, refusal);
        }
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    if (!ex->stream) {
        c->logprobs = l;
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_answer_role(ex, choice, c, "\"\"");
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_llmbroker_answer_open(ex, choice);

    return ngx_http_llmbroker_answer_close_logprobs(ex, choice, NULL, l);
}


static ngx_http_llmbroker_answer_logprobs_t *
ngx_http_llmbroker_answer_new_logprobs(ngx_pool_t *pool)
{
    ngx_http_llmbroker_answer_logprobs_t  *l;

    l = ngx_palloc(pool, sizeof(ngx_http_llmbroker_answer_logprobs_t));
    if (l == NULL) {
        return NULL;
    }

    ngx_http_llmbroker_out_init(&l->content, pool, NULL, NULL,
                                NGX_HTTP_LLMBROKER_ANSWER_PROBS);
    ngx_http_llmbroker_out_init(&l->refusal, pool, NULL, NULL,
                                NGX_HTTP_LLMBROKER_ANSWER_PROBS);
    ngx_http_llmbroker_out_init(&l->top, pool, NULL, NULL,
                                NGX_HTTP_LLMBROKER_ANSWER_PROBS);
    ngx_http_llmbroker_out_init(&l->offset, pool, NULL, NULL,
                                NGX_HTTP_LLMBROKER_ANSWER_PROBS);

    return l;
}


static ngx_int_t
ngx_http_llmbroker_answer_elements(ngx_http_llmbroker_out_t *out,
    ngx_http_llmbroker_json_t *array)
{
    ngx_http_llmbroker_json_t  *v;

    for (v = array ? array->child : NULL; v; v = v->next) {
        if (ngx_http_llmbroker_answer_add_raw(out, &v->raw) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_answer_tokens(ngx_http_llmbroker_answer_choice_t *c,
    ngx_http_llmbroker_answer_logprobs_t *l, ngx_http_llmbroker_json_t *array)
{
    u_char                      buf[NGX_INT_T_LEN];
    ngx_str_t                   text, inner;
    ngx_http_llmbroker_json_t  *v, *token, *logprob, *top;

    static ngx_str_t  null = ngx_string("null");

    for (v = array ? array->child : NULL; v; v = v->next) {

        token = ngx_http_llmbroker_json_get_type(v, "token",
                                             NGX_HTTP_LLMBROKER_JSON_STRING);
        if (token == NULL) {
            continue;
        }

        logprob = ngx_http_llmbroker_json_get(v, "logprob");
        top = ngx_http_llmbroker_json_get(v, "top_logprobs");

        text.data = buf;
        text.len = ngx_sprintf(buf, "%ui", c->points) - buf;

        if (ngx_http_llmbroker_answer_add_raw(&l->content, &token->raw)
            != NGX_OK
            || ngx_http_llmbroker_answer_add_raw(&l->refusal,
                                                 logprob ? &logprob->raw
                                                         : &null)
               != NGX_OK
            || ngx_http_llmbroker_answer_alternatives(&l->top, top) != NGX_OK
            || ngx_http_llmbroker_answer_add_raw(&l->offset, &text) != NGX_OK)
        {
            return NGX_ERROR;
        }

        inner = ngx_http_llmbroker_json_inner(token);
        c->points += ngx_http_llmbroker_text_points(&inner);
    }

    return NGX_OK;
}


/* [{"token","logprob"}, ...] as {token: logprob, ...} */

static ngx_int_t
ngx_http_llmbroker_answer_alternatives(ngx_http_llmbroker_out_t *out,
    ngx_http_llmbroker_json_t *array)
{
    ngx_uint_t                  n;
    ngx_http_llmbroker_json_t  *v, *token, *logprob;

    static ngx_str_t  open = ngx_string("{");

    if (ngx_http_llmbroker_answer_add_raw(out, &open) != NGX_OK) {
        return NGX_ERROR;
    }

    n = 0;

    for (v = array ? array->child : NULL; v; v = v->next) {

        token = ngx_http_llmbroker_json_get_type(v, "token",
                                             NGX_HTTP_LLMBROKER_JSON_STRING);
        logprob = ngx_http_llmbroker_json_get(v, "logprob");

        if (token == NULL || logprob == NULL) {
            continue;
        }

        if (n++ && ngx_http_llmbroker_out_copy(out, ",", 1) != NGX_OK) {
            return NGX_ERROR;
        }

        if (ngx_http_llmbroker_out_copy(out, token->raw.data, token->raw.len)
            != NGX_OK
            || ngx_http_llmbroker_out_copy(out, ":", 1) != NGX_OK
            || ngx_http_llmbroker_out_copy(out, logprob->raw.data,
                                           logprob->raw.len)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return ngx_http_llmbroker_out_copy(out, "}", 1);
}


static ngx_int_t
ngx_http_llmbroker_answer_add_raw(ngx_http_llmbroker_out_t *out,
    ngx_str_t *raw)
{
    if (out->length && ngx_http_llmbroker_out_copy(out, ",", 1) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_answer_line(out, raw);
}


void
ngx_http_llmbroker_answer_write_logprobs(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_answer_logprobs_t *logprobs)
{
    ngx_http_llmbroker_answer_t  *a;

    a = ex->answer;

    if (logprobs == NULL) {
        /* P14 */
        ngx_http_llmbroker_answer_lit(a, ",\"logprobs\":null");
        return;
    }

    ngx_http_llmbroker_answer_lit(a, ",\"logprobs\":{");

    if (ex->call == NGX_HTTP_LLMBROKER_COMPLETIONS) {
        ngx_http_llmbroker_answer_probs(a, "\"tokens\":", &logprobs->content,
                                        0);
        ngx_http_llmbroker_answer_probs(a, ",\"token_logprobs\":",
                                        &logprobs->refusal, 0);
        ngx_http_llmbroker_answer_probs(a, ",\"top_logprobs\":",
                                        &logprobs->top, 0);
        ngx_http_llmbroker_answer_probs(a, ",\"text_offset\":",
                                        &logprobs->offset, 0);

    } else {
        ngx_http_llmbroker_answer_probs(a, "\"content\":", &logprobs->content,
                                        1);
        ngx_http_llmbroker_answer_probs(a, ",\"refusal\":",
                                        &logprobs->refusal, 1);
    }

    ngx_http_llmbroker_answer_lit(a, "}");
}


static void
ngx_http_llmbroker_answer_probs(ngx_http_llmbroker_answer_t *a,
    const char *name, ngx_http_llmbroker_out_t *out, ngx_uint_t null)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    ngx_http_llmbroker_answer_put(a, name, ngx_strlen(name));

    if (out->length == 0 && null) {
        ngx_http_llmbroker_answer_lit(a, "null");
        return;
    }

    ngx_http_llmbroker_answer_lit(a, "[");

    for (cl = out->chain; cl; cl = cl->next) {
        b = cl->buf;
        ngx_http_llmbroker_answer_put(a, b->pos, b->last - b->pos);
    }

    ngx_http_llmbroker_answer_lit(a, "]");
}
