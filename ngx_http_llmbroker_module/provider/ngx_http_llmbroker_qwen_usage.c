
/*
 * Copyright (C) LLMBroker contributors
 *
 * The usage: each frame of a stream has it, counted so far (N2).
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_qwen.h"


#define ngx_http_llmbroker_qwen_named(v, literal)                            \
    ((v)->key.len == sizeof(literal) - 1                                     \
     && ngx_memcmp((v)->key.data, literal, sizeof(literal) - 1) == 0)


static ngx_uint_t ngx_http_llmbroker_qwen_count(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_t *v);
static ngx_int_t ngx_http_llmbroker_qwen_output(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n, ngx_int_t output);


ngx_int_t
ngx_http_llmbroker_qwen_usage(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *usage, ngx_http_llmbroker_json_t *choices)
{
    ngx_int_t                   n;
    ngx_uint_t                  more;
    ngx_http_llmbroker_json_t  *v, *output;
    ngx_http_llmbroker_qwen_t  *q;

    q = ex->state;
    q->idle = 0;

    if (usage == NULL || usage->type != NGX_HTTP_LLMBROKER_JSON_OBJECT) {
        return NGX_OK;
    }

    more = 0;
    output = NULL;

    for (v = usage->child; v; v = v->next) {

        if (ngx_http_llmbroker_qwen_named(v, "output_tokens")) {
            output = v;

        } else if (!ngx_http_llmbroker_qwen_count(ex, v)) {
            more = 1;
        }
    }

    if (more && ngx_http_llmbroker_qwen_counts(ex, usage) != NGX_OK) {
        return NGX_ERROR;
    }

    n = ngx_http_llmbroker_json_int(output, -1);

    if (n == -1) {
        return NGX_OK;
    }

    ex->usage.completion = n;

    if (choices ? choices->n != 1 : q->choices.nelts > 1) {
        return NGX_OK;
    }

    v = choices ? ngx_http_llmbroker_json_get(choices->child, "index") : NULL;

    return ngx_http_llmbroker_qwen_output(ex,
                                          ngx_http_llmbroker_json_int(v, 0),
                                          n);
}


/* 1 for a member of the usage that OpenAI's has, too */

static ngx_uint_t
ngx_http_llmbroker_qwen_count(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *v)
{
    ngx_http_llmbroker_usage_t  *u;

    u = &ex->usage;

    if (ngx_http_llmbroker_qwen_named(v, "input_tokens")) {
        u->prompt = ngx_http_llmbroker_json_int(v, u->prompt);
        return 1;
    }

    if (ngx_http_llmbroker_qwen_named(v, "total_tokens")) {
        u->total = ngx_http_llmbroker_json_int(v, u->total);
        return 1;
    }

    if (ngx_http_llmbroker_qwen_named(v, "prompt_tokens_details")) {
        u->cached = ngx_http_llmbroker_json_int(
                               ngx_http_llmbroker_json_get(v, "cached_tokens"),
                               u->cached);
        u->cache_write = ngx_http_llmbroker_json_int(
                               ngx_http_llmbroker_json_get(v,
                                              "cache_creation_input_tokens"),
                               u->cache_write);
        return 1;
    }

    if (ngx_http_llmbroker_qwen_named(v, "output_tokens_details")) {
        u->reasoning = ngx_http_llmbroker_json_int(
                               ngx_http_llmbroker_json_get(v,
                                                        "reasoning_tokens"),
                               u->reasoning);
        return 1;
    }

    return 0;
}


/* N7: of one choice, where a frame has one of several */

static ngx_int_t
ngx_http_llmbroker_qwen_output(ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_int_t output)
{
    ngx_int_t                          rc;
    ngx_uint_t                         i;
    ngx_http_llmbroker_qwen_t         *q;
    ngx_http_llmbroker_usage_t        *u;
    ngx_http_llmbroker_qwen_choice_t  *c;

    rc = ngx_http_llmbroker_qwen_choice(ex, n, &c);
    if (rc != NGX_OK) {
        return rc;
    }

    q = ex->state;

    q->idle = (output > 0 && output == c->output);
    c->output = output;

    if (q->choices.nelts == 1) {
        return NGX_OK;
    }

    c = q->choices.elts;
    u = &ex->usage;
    u->completion = 0;

    for (i = 0; i < q->choices.nelts; i++) {
        u->completion = ngx_http_llmbroker_sum(u->completion, c[i].output);
    }

    u->total = ngx_http_llmbroker_sum(u->prompt, u->completion);

    return NGX_OK;
}
