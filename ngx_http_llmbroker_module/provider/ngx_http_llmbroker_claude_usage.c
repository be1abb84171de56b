
/*
 * Copyright (C) LLMBroker contributors
 *
 * The tokens that Claude counts (P12).
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_claude.h"


static void ngx_http_llmbroker_claude_iterations(
    ngx_http_llmbroker_claude_t *c, ngx_http_llmbroker_json_t *iterations);
static ngx_int_t ngx_http_llmbroker_claude_count(
    ngx_http_llmbroker_json_t *usage, const char *name, ngx_int_t old);


/* P12; the counts of a stream are cumulative, an absent one stays (S8) */

void
ngx_http_llmbroker_claude_usage(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_http_llmbroker_json_t *usage)
{
    ngx_http_llmbroker_json_t   *v;
    ngx_http_llmbroker_usage_t  *u;

    c->input = ngx_http_llmbroker_claude_count(usage, "input_tokens",
                                               c->input);
    c->read = ngx_http_llmbroker_claude_count(usage,
                                              "cache_read_input_tokens",
                                              c->read);
    c->creation = ngx_http_llmbroker_claude_count(usage,
                                              "cache_creation_input_tokens",
                                              c->creation);
    c->output = ngx_http_llmbroker_claude_count(usage, "output_tokens",
                                                c->output);

    v = ngx_http_llmbroker_json_get(usage, "output_tokens_details");
    c->thought = ngx_http_llmbroker_claude_count(v, "thinking_tokens",
                                                 c->thought);

    v = ngx_http_llmbroker_json_get_type(usage, "iterations",
                                         NGX_HTTP_LLMBROKER_JSON_ARRAY);
    if (v) {
        ngx_http_llmbroker_claude_iterations(c, v);
    }

    u = &ex->usage;

    u->cached = c->read;
    u->cache_write = c->creation;
    u->completion = c->output;
    u->reasoning = c->thought;

    if (c->input != -1) {
        u->prompt = ngx_http_llmbroker_sum(c->input,
                              ngx_http_llmbroker_sum(c->read, c->creation));
    }

    if (u->prompt != -1 || u->completion != -1) {
        u->total = ngx_http_llmbroker_sum(u->prompt, u->completion);
    }
}


/* the sums of what was said and compacted, unless another model took over */

static void
ngx_http_llmbroker_claude_iterations(ngx_http_llmbroker_claude_t *c,
    ngx_http_llmbroker_json_t *iterations)
{
    ngx_int_t                   input, read, creation, output;
    ngx_http_llmbroker_json_t  *v, *type;

    input = -1;
    read = -1;
    creation = -1;
    output = -1;

    for (v = iterations->child; v; v = v->next) {
        type = ngx_http_llmbroker_json_get(v, "type");

        if (ngx_http_llmbroker_json_is(type, "fallback_message")) {
            return;
        }

        if (!ngx_http_llmbroker_json_is(type, "message")
            && !ngx_http_llmbroker_json_is(type, "compaction"))
        {
            continue;
        }

        input = ngx_http_llmbroker_sum(input,
                     ngx_http_llmbroker_claude_count(v, "input_tokens", -1));
        read = ngx_http_llmbroker_sum(read,
                     ngx_http_llmbroker_claude_count(v,
                                          "cache_read_input_tokens", -1));
        creation = ngx_http_llmbroker_sum(creation,
                     ngx_http_llmbroker_claude_count(v,
                                          "cache_creation_input_tokens", -1));
        output = ngx_http_llmbroker_sum(output,
                     ngx_http_llmbroker_claude_count(v, "output_tokens", -1));
    }

    if (input == -1) {
        return;
    }

    c->input = input;
    c->read = read;
    c->creation = creation;
    c->output = output;
}


static ngx_int_t
ngx_http_llmbroker_claude_count(ngx_http_llmbroker_json_t *usage,
    const char *name, ngx_int_t old)
{
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get(usage, name);

    return ngx_http_llmbroker_json_int(v, old);
}
