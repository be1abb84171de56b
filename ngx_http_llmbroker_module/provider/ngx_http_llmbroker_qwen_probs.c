
/*
 * Copyright (C) LLMBroker contributors
 *
 * Log probabilities of a stream: they grow like the text that they are about,
 * and are held back with it.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_answer.h"
#include "provider/ngx_http_llmbroker_qwen.h"


static ngx_int_t ngx_http_llmbroker_qwen_hold_probs(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_qwen_choice_t *c,
    ngx_http_llmbroker_json_t *logprobs, ngx_http_llmbroker_json_t *content);
static ngx_int_t ngx_http_llmbroker_qwen_rest_probs(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_http_llmbroker_qwen_choice_t *c, ngx_http_llmbroker_json_t *logprobs,
    ngx_http_llmbroker_json_t *content);


ngx_int_t
ngx_http_llmbroker_qwen_logprobs(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_json_t *logprobs, ngx_uint_t whole)
{
    ngx_http_llmbroker_qwen_t         *q;
    ngx_http_llmbroker_json_t         *content;
    ngx_http_llmbroker_qwen_choice_t  *c;

    content = ngx_http_llmbroker_json_get_type(logprobs, "content",
                                               NGX_HTTP_LLMBROKER_JSON_ARRAY);
    if (content == NULL || content->n == 0) {
        return NGX_OK;
    }

    q = ex->state;
    c = q->choices.elts;
    c += n;

    if (whole || q->mode == NGX_HTTP_LLMBROKER_QWEN_PIECES) {
        return ngx_http_llmbroker_answer_logprobs(ex, n, logprobs);
    }

    if (q->mode == NGX_HTTP_LLMBROKER_QWEN_UNKNOWN && c->holds) {
        return ngx_http_llmbroker_qwen_hold_probs(ex, c, logprobs, content);
    }

    if (q->mode == NGX_HTTP_LLMBROKER_QWEN_UNKNOWN) {
        c->probs_told = content->n;
        return ngx_http_llmbroker_answer_logprobs(ex, n, logprobs);
    }

    return ngx_http_llmbroker_qwen_rest_probs(ex, n, c, logprobs, content);
}


static ngx_int_t
ngx_http_llmbroker_qwen_hold_probs(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_qwen_choice_t *c, ngx_http_llmbroker_json_t *logprobs,
    ngx_http_llmbroker_json_t *content)
{
    ngx_http_llmbroker_json_t  *v;

    c->probs_last.len = 0;

    if (ngx_http_llmbroker_text_append(ex->pool, &c->probs_last,
                                       logprobs->raw.data, logprobs->raw.len)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (v = content->child; v; v = v->next) {

        if ((c->probs.len
             && ngx_http_llmbroker_text_append(ex->pool, &c->probs, ",", 1)
                != NGX_OK)
            || ngx_http_llmbroker_text_append(ex->pool, &c->probs,
                                              v->raw.data, v->raw.len)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_qwen_flush_probs(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n)
{
    u_char                            *p;
    ngx_str_t                          raw;
    ngx_http_llmbroker_qwen_t         *q;
    ngx_http_llmbroker_json_t         *root;
    ngx_http_llmbroker_qwen_choice_t  *c;

    q = ex->state;
    c = q->choices.elts;
    c += n;

    if (c->probs.len == 0) {
        return NGX_OK;
    }

    raw.len = c->probs_last.len;
    raw.data = c->probs_last.data;

    if (q->mode == NGX_HTTP_LLMBROKER_QWEN_PIECES) {
        raw.data = ngx_pnalloc(ex->pool,
                               c->probs.len + sizeof("{\"content\":[]}"));
        if (raw.data == NULL) {
            return NGX_ERROR;
        }

        p = ngx_cpymem(raw.data, "{\"content\":[",
                       sizeof("{\"content\":[") - 1);
        p = ngx_cpymem(p, c->probs.data, c->probs.len);
        *p++ = ']'; *p++ = '}';

        raw.len = p - raw.data;
    }

    ngx_memzero(&c->probs, sizeof(ngx_http_llmbroker_text_t));
    ngx_memzero(&c->probs_last, sizeof(ngx_http_llmbroker_text_t));

    if (ngx_http_llmbroker_json_parse(ex->pool, raw.data, raw.len, &root)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_qwen_logprobs(ex, n, root, 0);
}


/* those of a list that grows which are new */

static ngx_int_t
ngx_http_llmbroker_qwen_rest_probs(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_qwen_choice_t *c,
    ngx_http_llmbroker_json_t *logprobs, ngx_http_llmbroker_json_t *content)
{
    ngx_uint_t  told;

    told = c->probs_told;

    if (content->n <= told) {
        return NGX_OK;
    }

    c->probs_told = content->n;

    while (told > 0) {
        content->child = content->child->next;
        content->n--;
        told--;
    }

    return ngx_http_llmbroker_answer_logprobs(ex, n, logprobs);
}
