
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_answer_write.h"


#define NGX_HTTP_LLMBROKER_ANSWER_TEXT  4096
#define NGX_HTTP_LLMBROKER_ANSWER_PART  512


static ngx_int_t ngx_http_llmbroker_answer_choice(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_http_llmbroker_answer_choice_t **choice);
static ngx_int_t ngx_http_llmbroker_answer_new_choice(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_answer_choice_t *c);
static ngx_int_t ngx_http_llmbroker_answer_keep(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_out_t *out,
    ngx_str_t *text);
static ngx_int_t ngx_http_llmbroker_answer_keep_str(
    ngx_http_llmbroker_exchange_t *ex, ngx_str_t *dst, ngx_str_t *src);
static ngx_int_t ngx_http_llmbroker_answer_item(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n, ngx_uint_t block,
    ngx_str_t *raw);
static void ngx_http_llmbroker_answer_total(
    ngx_http_llmbroker_exchange_t *ex);


ngx_int_t
ngx_http_llmbroker_answer_start(ngx_http_llmbroker_exchange_t *ex,
    ngx_str_t *id, ngx_str_t *model, const char *tier)
{
    ngx_http_llmbroker_answer_t  *a;

    if (ex->answer) {
        return NGX_OK;
    }

    a = ngx_pcalloc(ex->pool, sizeof(ngx_http_llmbroker_answer_t));
    if (a == NULL) {
        return NGX_ERROR;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     a->begun = 0;
     *     a->failed = 0;
     */

    a->out = ex->out;

    if (ngx_array_init(&a->choices, ex->pool, 1,
                       sizeof(ngx_http_llmbroker_answer_choice_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_llmbroker_answer_head(ex, a, id, model, tier) != NGX_OK
        || ngx_http_llmbroker_answer_frame(ex, a) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ex->answer = a;

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_answer_text(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t choice, ngx_str_t *inner)
{
    ngx_int_t                            rc;
    ngx_http_llmbroker_answer_t         *a;
    ngx_http_llmbroker_answer_choice_t  *c;

    if (inner->len == 0) {
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_answer_choice(ex, choice, &c);
    if (rc != NGX_OK) {
        return rc;
    }

    if (!ex->stream) {
        return ngx_http_llmbroker_answer_keep(ex, &c->text, inner);
    }

    rc = ngx_http_llmbroker_answer_role(ex, choice, c, "\"\"");
    if (rc != NGX_OK) {
        return rc;
    }

    if (choice == 0) {
        a = ex->answer;
        a->begun = 1;

        ngx_http_llmbroker_answer_str(a, &a->text_head);
        ngx_http_llmbroker_answer_str(a, inner);
        ngx_http_llmbroker_answer_str(a, &a->text_tail);

        return a->failed ? NGX_ERROR : NGX_OK;
    }

    if (ex->call == NGX_HTTP_LLMBROKER_COMPLETIONS) {
        ngx_http_llmbroker_answer_open(ex, choice);
        ngx_http_llmbroker_answer_str(ex->answer, inner);
        return ngx_http_llmbroker_answer_close(ex, choice, NULL);
    }

    return ngx_http_llmbroker_answer_chunk(ex, choice, "content", inner);
}


ngx_int_t
ngx_http_llmbroker_answer_reasoning(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t choice, ngx_str_t *inner)
{
    ngx_int_t                            rc;
    ngx_http_llmbroker_answer_choice_t  *c;

    rc = ngx_http_llmbroker_answer_choice(ex, choice, &c);
    if (rc != NGX_OK || ex->call != NGX_HTTP_LLMBROKER_CHAT) {
        return rc;
    }

    if (!ex->stream) {
        return ngx_http_llmbroker_answer_keep(ex, &c->reasoning, inner);
    }

    rc = ngx_http_llmbroker_answer_role(ex, choice, c, "null");
    if (rc != NGX_OK || inner->len == 0) {
        return rc;
    }

    return ngx_http_llmbroker_answer_chunk(ex, choice, "reasoning_content",
                                           inner);
}


ngx_int_t
ngx_http_llmbroker_answer_refusal(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t choice, ngx_str_t *inner)
{
    ngx_int_t                            rc;
    ngx_http_llmbroker_answer_choice_t  *c;

    if (inner->len == 0) {
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_answer_choice(ex, choice, &c);
    if (rc != NGX_OK || ex->call != NGX_HTTP_LLMBROKER_CHAT) {
        return rc;
    }

    if (!ex->stream) {
        return ngx_http_llmbroker_answer_keep(ex, &c->refusal, inner);
    }

    rc = ngx_http_llmbroker_answer_role(ex, choice, c, "null");
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llmbroker_answer_chunk(ex, choice, "refusal", inner);
}


ngx_int_t
ngx_http_llmbroker_answer_block(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t choice, ngx_str_t *raw)
{
    return ngx_http_llmbroker_answer_item(ex, choice, 1, raw);
}


ngx_int_t
ngx_http_llmbroker_answer_annotation(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t choice, ngx_str_t *raw)
{
    return ngx_http_llmbroker_answer_item(ex, choice, 0, raw);
}


ngx_int_t
ngx_http_llmbroker_answer_tool(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t choice, ngx_uint_t index, ngx_str_t *id, ngx_str_t *name)
{
    ngx_int_t                            rc;
    ngx_http_llmbroker_answer_tool_t    *tool;
    ngx_http_llmbroker_answer_choice_t  *c;

    rc = ngx_http_llmbroker_answer_choice(ex, choice, &c);
    if (rc != NGX_OK || ex->call != NGX_HTTP_LLMBROKER_CHAT) {
        return rc;
    }

    if (index != c->tools.nelts || index >= NGX_HTTP_LLMBROKER_ANSWER_TOOLS) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider answered with a tool call out "
                               "of order.");
    }

    tool = ngx_array_push(&c->tools);
    if (tool == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(tool, sizeof(ngx_http_llmbroker_answer_tool_t));

    if (ex->stream) {
        return ngx_http_llmbroker_answer_tool_chunk(ex, choice, c, index, id,
                                                    name);
    }

    ngx_http_llmbroker_out_init(&tool->arguments, ex->pool, NULL, NULL,
                                NGX_HTTP_LLMBROKER_ANSWER_PART);

    if (ngx_http_llmbroker_answer_keep_str(ex, &tool->id, id) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_answer_keep_str(ex, &tool->name, name);
}


ngx_int_t
ngx_http_llmbroker_answer_arguments(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t choice, ngx_uint_t index, ngx_str_t *inner)
{
    ngx_int_t                            rc;
    ngx_http_llmbroker_answer_t         *a;
    ngx_http_llmbroker_answer_tool_t    *tool;
    ngx_http_llmbroker_answer_choice_t  *c;

    if (inner->len == 0) {
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_answer_choice(ex, choice, &c);
    if (rc != NGX_OK || ex->call != NGX_HTTP_LLMBROKER_CHAT) {
        return rc;
    }

    if (index >= c->tools.nelts) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider answered with arguments of an "
                               "unknown tool call.");
    }

    tool = c->tools.elts;
    tool += index;
    tool->filled = 1;

    if (!ex->stream) {
        return ngx_http_llmbroker_answer_keep(ex, &tool->arguments, inner);
    }

    a = ex->answer;

    ngx_http_llmbroker_answer_open(ex, choice);
    ngx_http_llmbroker_answer_lit(a, "\"tool_calls\":[{\"index\":");
    ngx_http_llmbroker_answer_number(a, index);
    ngx_http_llmbroker_answer_lit(a, ",\"function\":{\"arguments\":\"");
    ngx_http_llmbroker_answer_str(a, inner);
    ngx_http_llmbroker_answer_lit(a, "\"}}]");

    return ngx_http_llmbroker_answer_close(ex, choice, NULL);
}


ngx_int_t
ngx_http_llmbroker_answer_finish(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t choice, const char *reason)
{
    ngx_int_t                            rc;
    ngx_str_t                            empty;
    ngx_uint_t                           i;
    ngx_http_llmbroker_answer_tool_t    *tool;
    ngx_http_llmbroker_answer_choice_t  *c;

    rc = ngx_http_llmbroker_answer_choice(ex, choice, &c);
    if (rc != NGX_OK || c->finish) {
        return rc;
    }

    ngx_str_set(&empty, "{}");
    tool = c->tools.elts;

    for (i = 0; i < c->tools.nelts; i++) {

        if (tool[i].filled) {
            continue;
        }

        rc = ngx_http_llmbroker_answer_arguments(ex, choice, i, &empty);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (choice == 0) {
        ex->finish_reason.len = ngx_strlen(reason);
        ex->finish_reason.data = (u_char *) reason;
    }

    c->finish = reason;

    if (!ex->stream) {
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_answer_role(ex, choice, c, "\"\"");
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_llmbroker_answer_open(ex, choice);

    return ngx_http_llmbroker_answer_close(ex, choice, reason);
}


ngx_uint_t
ngx_http_llmbroker_answer_finished(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t choice)
{
    ngx_http_llmbroker_answer_t         *a;
    ngx_http_llmbroker_answer_choice_t  *c;

    a = ex->answer;

    if (a == NULL || choice >= a->choices.nelts) {
        return 0;
    }

    c = a->choices.elts;

    return c[choice].finish != NULL;
}


ngx_uint_t
ngx_http_llmbroker_answer_choices(ngx_http_llmbroker_exchange_t *ex)
{
    ngx_http_llmbroker_answer_t  *a;

    a = ex->answer;

    return a ? a->choices.nelts : 0;
}


ngx_uint_t
ngx_http_llmbroker_answer_complete(ngx_http_llmbroker_exchange_t *ex)
{
    ngx_uint_t  i, n;

    n = ngx_http_llmbroker_answer_choices(ex);

    for (i = 0; i < n; i++) {
        if (!ngx_http_llmbroker_answer_finished(ex, i)) {
            return 0;
        }
    }

    return n > 0;
}


ngx_uint_t
ngx_http_llmbroker_answer_tools(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t choice)
{
    ngx_http_llmbroker_answer_t         *a;
    ngx_http_llmbroker_answer_choice_t  *c;

    a = ex->answer;

    if (a == NULL || choice >= a->choices.nelts) {
        return 0;
    }

    c = a->choices.elts;

    return c[choice].tools.nelts;
}


ngx_int_t
ngx_http_llmbroker_answer_ping(ngx_http_llmbroker_exchange_t *ex)
{
    ngx_http_llmbroker_answer_t  *a;

    a = ex->answer;

    if (a == NULL || !a->begun || ex->done) {
        return NGX_OK;
    }

    ngx_http_llmbroker_answer_lit(a, ": ping\n\n");

    return a->failed ? NGX_ERROR : NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_answer_end(ngx_http_llmbroker_exchange_t *ex)
{
    ngx_http_llmbroker_answer_t  *a;

    if (ex->done) {
        return NGX_OK;
    }

    if (ngx_http_llmbroker_answer_start(ex, NULL, NULL, NULL) != NGX_OK) {
        return NGX_ERROR;
    }

    a = ex->answer;

    ngx_http_llmbroker_answer_total(ex);

    if (!ex->stream) {
        ngx_http_llmbroker_answer_object(ex);
        ex->done = 1;
        return a->failed ? NGX_ERROR : NGX_OK;
    }

    if (ex->usage_wanted) {
        ngx_http_llmbroker_answer_str(a, &a->head);
        ngx_http_llmbroker_answer_lit(a, "]");
        ngx_http_llmbroker_answer_usage(ex);
        ngx_http_llmbroker_answer_lit(a, "}\n\n");
    }

    ngx_http_llmbroker_answer_lit(a, "data: [DONE]\n\n");

    ex->done = 1;

    return a->failed ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_answer_choice(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_answer_choice_t **choice)
{
    ngx_http_llmbroker_answer_t         *a;
    ngx_http_llmbroker_answer_choice_t  *c;

    if (ex->answer == NULL
        && ngx_http_llmbroker_answer_start(ex, NULL, NULL, NULL) != NGX_OK)
    {
        return NGX_ERROR;
    }

    a = ex->answer;

    if (n >= NGX_HTTP_LLMBROKER_ANSWER_CHOICES) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider answered with too many "
                               "choices.");
    }

    while (n >= a->choices.nelts) {

        c = ngx_array_push(&a->choices);
        if (c == NULL) {
            return NGX_ERROR;
        }

        if (ngx_http_llmbroker_answer_new_choice(ex, c) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    c = a->choices.elts;
    *choice = &c[n];

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_answer_new_choice(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_answer_choice_t *c)
{
    ngx_memzero(c, sizeof(ngx_http_llmbroker_answer_choice_t));

    ngx_http_llmbroker_out_init(&c->text, ex->pool, NULL, NULL,
                                NGX_HTTP_LLMBROKER_ANSWER_TEXT);
    ngx_http_llmbroker_out_init(&c->reasoning, ex->pool, NULL, NULL,
                                NGX_HTTP_LLMBROKER_ANSWER_TEXT);
    ngx_http_llmbroker_out_init(&c->refusal, ex->pool, NULL, NULL,
                                NGX_HTTP_LLMBROKER_ANSWER_PART);
    ngx_http_llmbroker_out_init(&c->blocks, ex->pool, NULL, NULL,
                                NGX_HTTP_LLMBROKER_ANSWER_PART);
    ngx_http_llmbroker_out_init(&c->annotations, ex->pool, NULL, NULL,
                                NGX_HTTP_LLMBROKER_ANSWER_PART);

    return ngx_array_init(&c->tools, ex->pool, 1,
                          sizeof(ngx_http_llmbroker_answer_tool_t));
}


static ngx_int_t
ngx_http_llmbroker_answer_keep(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_out_t *out, ngx_str_t *text)
{
    if (text->len == 0) {
        return NGX_OK;
    }

    if (ex->temp) {
        return ngx_http_llmbroker_out_copy(out, text->data, text->len);
    }

    return ngx_http_llmbroker_out_refer(out, text->data, text->len);
}


static ngx_int_t
ngx_http_llmbroker_answer_keep_str(ngx_http_llmbroker_exchange_t *ex,
    ngx_str_t *dst, ngx_str_t *src)
{
    *dst = *src;

    if (ex->temp == NULL || src->len == 0) {
        return NGX_OK;
    }

    dst->data = ngx_pstrdup(ex->pool, src);

    return dst->data ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_llmbroker_answer_item(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_uint_t block, ngx_str_t *raw)
{
    ngx_int_t                            rc;
    ngx_http_llmbroker_out_t            *kept;
    ngx_http_llmbroker_answer_t         *a;
    ngx_http_llmbroker_answer_choice_t  *c;

    rc = ngx_http_llmbroker_answer_choice(ex, n, &c);
    if (rc != NGX_OK || ex->call != NGX_HTTP_LLMBROKER_CHAT) {
        return rc;
    }

    if (!ex->stream) {
        kept = block ? &c->blocks : &c->annotations;

        if (kept->length
            && ngx_http_llmbroker_out_copy(kept, ",", 1) != NGX_OK)
        {
            return NGX_ERROR;
        }

        return ngx_http_llmbroker_answer_keep(ex, kept, raw);
    }

    rc = ngx_http_llmbroker_answer_role(ex, n, c, "null");
    if (rc != NGX_OK) {
        return rc;
    }

    a = ex->answer;

    ngx_http_llmbroker_answer_open(ex, n);

    if (block) {
        ngx_http_llmbroker_answer_lit(a, "\"thinking_blocks\":[");

    } else {
        ngx_http_llmbroker_answer_lit(a, "\"annotations\":[");
    }

    ngx_http_llmbroker_answer_str(a, raw);
    ngx_http_llmbroker_answer_lit(a, "]");

    return ngx_http_llmbroker_answer_close(ex, n, NULL);
}


static void
ngx_http_llmbroker_answer_total(ngx_http_llmbroker_exchange_t *ex)
{
    ngx_http_llmbroker_usage_t  *u;

    u = &ex->usage;

    if (u->total == -1 && (u->prompt != -1 || u->completion != -1)) {
        u->total = ngx_http_llmbroker_sum(u->prompt, u->completion);
    }
}
