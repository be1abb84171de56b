
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_answer_write.h"
#include "provider/ngx_http_llmbroker_text.h"


#define NGX_HTTP_LLMBROKER_ANSWER_TEXT  4096
#define NGX_HTTP_LLMBROKER_ANSWER_PART  512


static ngx_int_t ngx_http_llmbroker_answer_new_choice(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_answer_t *a);
static ngx_int_t ngx_http_llmbroker_answer_begin(
    ngx_http_llmbroker_exchange_t *ex);
static ngx_int_t ngx_http_llmbroker_answer_item(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n, ngx_uint_t block,
    ngx_str_t *raw);
static void ngx_http_llmbroker_answer_total(
    ngx_http_llmbroker_exchange_t *ex);
static void ngx_http_llmbroker_answer_add(ngx_int_t *n, ngx_int_t before);


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

    rc = ngx_http_llmbroker_answer_choice(ex, &choice, &c);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_answer_open_still(ex, c);
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
        ex->begun = 1;

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

    rc = ngx_http_llmbroker_answer_choice(ex, &choice, &c);
    if (rc != NGX_OK || ex->call != NGX_HTTP_LLMBROKER_CHAT) {
        return rc;
    }

    if (inner->len) {
        rc = ngx_http_llmbroker_answer_open_still(ex, c);
        if (rc != NGX_OK) {
            return rc;
        }
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

    rc = ngx_http_llmbroker_answer_choice(ex, &choice, &c);
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
ngx_http_llmbroker_answer_member(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t choice, const char *name, ngx_str_t *raw)
{
    ngx_int_t                            rc;
    ngx_http_llmbroker_answer_t         *a;
    ngx_http_llmbroker_answer_choice_t  *c;

    rc = ngx_http_llmbroker_answer_choice(ex, &choice, &c);
    if (rc != NGX_OK || ex->call != NGX_HTTP_LLMBROKER_CHAT) {
        return rc;
    }

    if (!ex->stream) {
        if (ngx_http_llmbroker_out_copy(&c->members, ",\"", 2) != NGX_OK
            || ngx_http_llmbroker_out_copy(&c->members, name,
                                           ngx_strlen(name))
               != NGX_OK
            || ngx_http_llmbroker_out_copy(&c->members, "\":", 2) != NGX_OK)
        {
            return NGX_ERROR;
        }

        return ngx_http_llmbroker_answer_keep(ex, &c->members, raw);
    }

    rc = ngx_http_llmbroker_answer_role(ex, choice, c, "null");
    if (rc != NGX_OK) {
        return rc;
    }

    a = ex->answer;

    ngx_http_llmbroker_answer_open(ex, choice);
    ngx_http_llmbroker_answer_lit(a, "\"");
    ngx_http_llmbroker_answer_put(a, name, ngx_strlen(name));
    ngx_http_llmbroker_answer_lit(a, "\":");
    ngx_http_llmbroker_answer_raw(a, raw);

    return ngx_http_llmbroker_answer_close(ex, choice, NULL);
}


ngx_int_t
ngx_http_llmbroker_answer_top(ngx_http_llmbroker_exchange_t *ex,
    const char *name, ngx_str_t *raw)
{
    u_char                       *p, *last;
    size_t                        len;
    ngx_str_t                     top;
    ngx_http_llmbroker_answer_t  *a;

    if (ngx_http_llmbroker_answer_begin(ex) != NGX_OK) {
        return NGX_ERROR;
    }

    a = ex->answer;
    len = ngx_strlen(name);

    top.len = a->tops.len + len + raw->len + sizeof(",\"\":") - 1;
    top.data = ngx_pnalloc(ex->pool, top.len);
    if (top.data == NULL) {
        return NGX_ERROR;
    }

    p = top.data;

    if (a->tops.len) {
        p = ngx_cpymem(p, a->tops.data, a->tops.len);
    }

    *p++ = ','; *p++ = '"';
    p = ngx_cpymem(p, name, len);
    *p++ = '"'; *p++ = ':';
    ngx_memcpy(p, raw->data, raw->len);

    /* the end of a line would end an event */

    for (last = p + raw->len; p < last; p++) {

        if (*p == CR || *p == LF) {
            *p = ' ';
        }
    }

    a->tops = top;

    /* of a stream that goes on, only the chunks to come have it */

    return ngx_http_llmbroker_answer_frame(ex, a);
}


ngx_int_t
ngx_http_llmbroker_answer_finish(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t choice, const char *reason)
{
    ngx_int_t                            rc;
    ngx_http_llmbroker_answer_choice_t  *c;

    rc = ngx_http_llmbroker_answer_choice(ex, &choice, &c);
    if (rc != NGX_OK || c->finish) {
        return rc;
    }

    rc = ngx_http_llmbroker_answer_close_tools(ex, choice, c);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ex->legacy && ngx_strcmp(reason, "tool_calls") == 0) {
        reason = "function_call";
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

    if (choice >= ngx_http_llmbroker_answer_choices(ex)) {
        return 0;
    }

    a = ex->answer;
    c = a->choices.elts;

    return c[ex->first + choice].finish != NULL;
}


ngx_uint_t
ngx_http_llmbroker_answer_choices(ngx_http_llmbroker_exchange_t *ex)
{
    ngx_http_llmbroker_answer_t  *a;

    a = ex->answer;

    return a ? a->choices.nelts - ex->first : 0;
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

    if (ngx_http_llmbroker_answer_begin(ex) != NGX_OK) {
        return NGX_ERROR;
    }

    a = ex->answer;

    ngx_http_llmbroker_answer_total(ex);

    ex->done = 1;

    if (ex->part + 1 < ex->parts) {
        return NGX_OK;
    }

    if (!ex->stream) {
        ngx_http_llmbroker_answer_object(ex);
        return a->failed ? NGX_ERROR : NGX_OK;
    }

    if (ex->usage_wanted) {
        ngx_http_llmbroker_answer_str(a, &a->head);
        ngx_http_llmbroker_answer_lit(a, "]");
        ngx_http_llmbroker_answer_str(a, &a->tops);
        ngx_http_llmbroker_answer_usage(ex);
        ngx_http_llmbroker_answer_lit(a, "}\n\n");
    }

    ngx_http_llmbroker_answer_lit(a, "data: [DONE]\n\n");

    ex->begun = 1;

    return a->failed ? NGX_ERROR : NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_answer_open_still(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_answer_choice_t *c)
{
    if (c->finish == NULL) {
        return NGX_OK;
    }

    return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                           "The provider went on after the end of the "
                           "answer.");
}


ngx_int_t
ngx_http_llmbroker_answer_typed(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *v, ngx_http_llmbroker_json_type_e type)
{
    if (v == NULL
        || v->type == type
        || v->type == NGX_HTTP_LLMBROKER_JSON_NULL)
    {
        return NGX_OK;
    }

    return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                           "The provider sent a part of the answer of a wrong "
                           "type.");
}


ngx_int_t
ngx_http_llmbroker_answer_member_typed(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *object, const char *name,
    ngx_http_llmbroker_json_type_e type)
{
    ngx_int_t  rc;

    rc = ngx_http_llmbroker_answer_typed(ex, object,
                                         NGX_HTTP_LLMBROKER_JSON_OBJECT);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llmbroker_answer_typed(ex,
                                           ngx_http_llmbroker_json_get(object,
                                                                       name),
                                           type);
}


ngx_int_t
ngx_http_llmbroker_answer_choice(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t *n, ngx_http_llmbroker_answer_choice_t **choice)
{
    ngx_int_t                            rc;
    ngx_http_llmbroker_answer_t         *a;
    ngx_http_llmbroker_answer_choice_t  *c;

    if (ngx_http_llmbroker_answer_begin(ex) != NGX_OK) {
        return NGX_ERROR;
    }

    a = ex->answer;

    if (*n >= NGX_HTTP_LLMBROKER_ANSWER_CHOICES) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider answered with too many "
                               "choices.");
    }

    *n += ex->first;

    while (*n >= a->choices.nelts) {
        rc = ngx_http_llmbroker_answer_new_choice(ex, a);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    c = a->choices.elts;
    *choice = &c[*n];

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_answer_begin(ngx_http_llmbroker_exchange_t *ex)
{
    if (ex->answer) {
        return NGX_OK;
    }

    return ngx_http_llmbroker_answer_start(ex, NULL, NULL, NULL);
}


static ngx_int_t
ngx_http_llmbroker_answer_new_choice(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_answer_t *a)
{
    ngx_int_t                            rc;
    ngx_uint_t                           begun;
    ngx_http_llmbroker_answer_choice_t  *c;

    c = ngx_array_push(&a->choices);
    if (c == NULL) {
        return NGX_ERROR;
    }

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
    ngx_http_llmbroker_out_init(&c->members, ex->pool, NULL, NULL,
                                NGX_HTTP_LLMBROKER_ANSWER_PART);

    if (ngx_array_init(&c->tools, ex->pool, 1,
                       sizeof(ngx_http_llmbroker_answer_tool_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ex->call != NGX_HTTP_LLMBROKER_COMPLETIONS) {
        return NGX_OK;
    }

    c->points = ngx_http_llmbroker_text_points(&ex->echo);

    /* the prompt is not the provider's answer */

    begun = ex->begun;

    rc = ngx_http_llmbroker_answer_text(ex, a->choices.nelts - 1 - ex->first,
                                        &ex->echo);

    ex->begun = begun;

    return rc;
}


ngx_int_t
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
ngx_http_llmbroker_answer_item(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_uint_t block, ngx_str_t *raw)
{
    ngx_int_t                            rc;
    ngx_http_llmbroker_out_t            *kept;
    ngx_http_llmbroker_answer_t         *a;
    ngx_http_llmbroker_answer_choice_t  *c;

    rc = ngx_http_llmbroker_answer_choice(ex, &n, &c);
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

    ngx_http_llmbroker_answer_raw(a, raw);
    ngx_http_llmbroker_answer_lit(a, "]");

    return ngx_http_llmbroker_answer_close(ex, n, NULL);
}


/* the sums are of this exchange and of the parts before */

static void
ngx_http_llmbroker_answer_total(ngx_http_llmbroker_exchange_t *ex)
{
    ngx_http_llmbroker_usage_t  *u, *before;

    u = &ex->usage;

    if (u->total == -1 && (u->prompt != -1 || u->completion != -1)) {
        u->total = ngx_http_llmbroker_sum(u->prompt, u->completion);
    }

    before = ((ngx_http_llmbroker_answer_t *) ex->answer)->before;

    if (before == NULL) {
        return;
    }

    ngx_http_llmbroker_answer_add(&u->prompt, before->prompt);
    ngx_http_llmbroker_answer_add(&u->completion, before->completion);
    ngx_http_llmbroker_answer_add(&u->total, before->total);
    ngx_http_llmbroker_answer_add(&u->cached, before->cached);
    ngx_http_llmbroker_answer_add(&u->cache_write, before->cache_write);
    ngx_http_llmbroker_answer_add(&u->reasoning, before->reasoning);
}


static void
ngx_http_llmbroker_answer_add(ngx_int_t *n, ngx_int_t before)
{
    if (before != -1) {
        *n = ngx_http_llmbroker_sum(*n, before);
    }
}


void
ngx_http_llmbroker_answer_continue(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_exchange_t *before)
{
    ngx_http_llmbroker_answer_t  *a;

    a = before->answer;

    if (a == NULL) {
        return;
    }

    a->out = ex->out;
    a->before = &before->usage;

    ex->answer = a;
    ex->first = a->choices.nelts;
    ex->finish_reason = before->finish_reason;
}
