
/*
 * Copyright (C) LLMBroker contributors
 *
 * OpenAI's two forms of one answer: an object where a stream was asked for,
 * a chat where a completion was, and what a stream's end lacks.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_openai.h"


static ngx_int_t ngx_http_llmbroker_openai_event_out(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_t *root);
static ngx_int_t ngx_http_llmbroker_openai_last(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_openai_t *o,
    ngx_uint_t n, ngx_str_t *calls, ngx_str_t *reason);
static ngx_int_t ngx_http_llmbroker_openai_head(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_openai_t *o);
static ngx_int_t ngx_http_llmbroker_openai_index_calls(
    ngx_http_llmbroker_openai_t *o, ngx_pool_t *pool,
    ngx_http_llmbroker_json_t *choice);

#define ngx_http_llmbroker_openai_lit(ex, text)                              \
    ngx_http_llmbroker_out_copy((ex)->out, text, sizeof(text) - 1)


ngx_int_t
ngx_http_llmbroker_openai_choice(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o, ngx_uint_t n,
    ngx_http_llmbroker_openai_choice_t **choice)
{
    ngx_uint_t                           i;
    ngx_http_llmbroker_openai_choice_t  *c;

    if (n < o->choices.nelts) {
        c = o->choices.elts;
        *choice = &c[n];
        return NGX_OK;
    }

    if (n >= NGX_HTTP_LLMBROKER_ANSWER_CHOICES) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider answered with too many "
                               "choices.");
    }

    if (o->choices.elts == NULL
        && ngx_array_init(&o->choices, ex->pool, 1,
                          sizeof(ngx_http_llmbroker_openai_choice_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    i = o->choices.nelts;

    c = ngx_array_push_n(&o->choices, n + 1 - i);
    if (c == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(c, (n + 1 - i) * sizeof(ngx_http_llmbroker_openai_choice_t));

    *choice = &c[n - i];

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_openai_owed(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o)
{
    ngx_str_t                            reason, calls;
    ngx_uint_t                           i;
    ngx_http_llmbroker_openai_choice_t  *c;

    c = o->choices.elts;

    for (i = 0; i < o->choices.nelts; i++) {

        if (!c[i].open || c[i].finished) {
            continue;
        }

        if (c[i].tools) {
            ngx_str_set(&reason, "\"tool_calls\"");

        } else {
            ngx_str_set(&reason, "\"stop\"");
        }

        if (ex->finish_reason.len == 0) {
            ex->finish_reason.data = reason.data + 1;
            ex->finish_reason.len = reason.len - 2;
        }

        c[i].finished = 1;

        if (c[i].empty) {

            if (ngx_http_llmbroker_openai_fill(ex->pool, &c[i], &calls)
                != NGX_OK)
            {
                return NGX_ERROR;
            }

        } else {
            ngx_str_null(&calls);
        }

        if (ngx_http_llmbroker_openai_last(ex, o, i, &calls, &reason)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return ngx_http_llmbroker_openai_owed_usage(ex, o);
}


/* the chunk as it came, or one for usage that stood elsewhere */

ngx_int_t
ngx_http_llmbroker_openai_owed_usage(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o)
{
    if (!ex->usage_wanted || o->usage.len == 0 || o->told) {
        return NGX_OK;
    }

    o->told = 1;

    if (o->chunk.len) {

        if (ngx_http_llmbroker_openai_lit(ex, "data: ") != NGX_OK
            || ngx_http_llmbroker_out_copy(ex->out, o->chunk.data,
                                           o->chunk.len)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        return ngx_http_llmbroker_openai_lit(ex, "\n\n");
    }

    if (ngx_http_llmbroker_openai_head(ex, o) != NGX_OK
        || ngx_http_llmbroker_openai_lit(ex, "],\"usage\":") != NGX_OK
        || ngx_http_llmbroker_out_copy(ex->out, o->usage.data, o->usage.len)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_openai_lit(ex, "}\n\n");
}


/* the chunk that ends choice n */

static ngx_int_t
ngx_http_llmbroker_openai_last(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o, ngx_uint_t n, ngx_str_t *calls,
    ngx_str_t *reason)
{
    u_char     *p;
    ngx_str_t   text;

    p = ngx_pnalloc(ex->pool, calls->len + reason->len + NGX_INT_T_LEN
                    + sizeof("{\"index\":,\"delta\":{\"tool_calls\":},"
                             "\"logprobs\":null,\"finish_reason\":}]"
                             ",\"usage\":null}\n\n"));
    if (p == NULL) {
        return NGX_ERROR;
    }

    text.data = p;

    p = ngx_sprintf(p, "{\"index\":%ui,", n);

    if (!ngx_http_llmbroker_openai_chat(ex)) {
        p = ngx_sprintf(p, "\"text\":\"\"");

    } else if (calls->len) {
        p = ngx_sprintf(p, "\"delta\":{\"tool_calls\":%V}", calls);

    } else {
        p = ngx_sprintf(p, "\"delta\":{}");
    }

    p = ngx_sprintf(p, ",\"logprobs\":null,\"finish_reason\":%V}]%s}\n\n",
                    reason, ex->usage_wanted ? ",\"usage\":null" : "");

    text.len = p - text.data;

    if (ngx_http_llmbroker_openai_head(ex, o) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_out_copy(ex->out, text.data, text.len);
}


/* a chunk, up to its choices */

static ngx_int_t
ngx_http_llmbroker_openai_head(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o)
{
    u_char      *p;
    size_t       len;
    ngx_str_t    created, text;
    const char  *object;

    u_char  buf[NGX_TIME_T_LEN];

    created = o->created;

    if (created.len == 0) {
        created.data = buf;
        created.len = ngx_sprintf(buf, "%T", ex->created) - buf;
    }

    object = ngx_http_llmbroker_openai_chat(ex) ? "chat.completion.chunk"
                                                : "text_completion";

    len = sizeof("data: {\"id\":,\"object\":\"chat.completion.chunk\","
                 "\"created\":,\"model\":,\"choices\":[")
          + o->id.len + o->model.len + created.len;

    p = ngx_pnalloc(ex->temp ? ex->temp : ex->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text.data = p;

    p = ngx_sprintf(p, "data: {\"id\":%V,\"object\":\"%s\",\"created\":%V,"
                    "\"model\":%V,\"choices\":[",
                    &o->id, object, &created, &o->model);

    return ngx_http_llmbroker_out_copy(ex->out, text.data, p - text.data);
}


/*
 * Each choice's message becomes one delta, with all that it holds; its reason
 * follows in a chunk of its own.
 */

ngx_int_t
ngx_http_llmbroker_openai_stream(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o, ngx_http_llmbroker_json_t *root)
{
    ngx_int_t                   n;
    ngx_str_t                   usage, reason, none;
    ngx_http_llmbroker_json_t  *choices, *choice, *next, *v;

    static ngx_str_t  delta = ngx_string("delta");

    ngx_str_null(&none);
    ngx_str_null(&usage);

    v = ngx_http_llmbroker_json_get_type(root, "usage",
                                         NGX_HTTP_LLMBROKER_JSON_OBJECT);
    if (v) {
        usage = v->raw;
    }

    ngx_http_llmbroker_openai_drop(o, root, "usage");

    if (ex->usage_wanted
        && ngx_http_llmbroker_openai_set_text(o, ex->pool, root, "usage",
                                        NGX_HTTP_LLMBROKER_JSON_NULL, "null")
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_llmbroker_openai_chat(ex)
        && ngx_http_llmbroker_openai_set_word(o, ex->pool, root, "object",
                                              "chat.completion.chunk")
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    choices = ngx_http_llmbroker_json_get(root, "choices");
    ngx_str_null(&choices->raw);
    ngx_str_null(&root->raw);

    for (choice = choices->child; choice; choice = next) {
        next = choice->next;
        choice->next = NULL;
        choices->child = choice;

        n = ngx_http_llmbroker_json_int(
                            ngx_http_llmbroker_json_get(choice, "index"), 0);

        reason = ngx_http_llmbroker_json_get(choice, "finish_reason")->raw;

        v = ngx_http_llmbroker_json_get(choice, "message");

        if (v) {
            v->key = delta;

            if (ngx_http_llmbroker_openai_index_calls(o, ex->pool, v)
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }

        if (ngx_http_llmbroker_openai_set_text(o, ex->pool, choice,
                                               "finish_reason",
                                               NGX_HTTP_LLMBROKER_JSON_NULL,
                                               "null")
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (ngx_http_llmbroker_openai_event_out(ex, root) != NGX_OK
            || ngx_http_llmbroker_openai_last(ex, o, n, &none, &reason)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (ex->usage_wanted && usage.len) {
        choices->child = NULL;

        if (ngx_http_llmbroker_openai_set(o, ex->pool, root, "usage",
                                          NGX_HTTP_LLMBROKER_JSON_OBJECT,
                                          &usage)
            != NGX_OK
            || ngx_http_llmbroker_openai_event_out(ex, root) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    ex->done = 1;

    return ngx_http_llmbroker_openai_lit(ex, "data: [DONE]\n\n");
}


/* an event has one line, an answer may be laid out in many */

static ngx_int_t
ngx_http_llmbroker_openai_event_out(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *root)
{
    u_char                    *p;
    ngx_chain_t               *cl;
    ngx_http_llmbroker_out_t   out;

    ngx_http_llmbroker_out_init(&out, ex->pool, NULL, NULL, 4096);

    if (ngx_http_llmbroker_openai_lit(ex, "data: ") != NGX_OK
        || ngx_http_llmbroker_openai_write(&out, root) != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (cl = out.chain; cl; cl = cl->next) {

        for (p = cl->buf->pos; p < cl->buf->last; p++) {

            if (*p == LF || *p == CR) {
                *p = ' ';
            }
        }

        if (ngx_http_llmbroker_out_refer(ex->out, cl->buf->pos,
                                         cl->buf->last - cl->buf->pos)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return ngx_http_llmbroker_openai_lit(ex, "\n\n");
}


/* in a delta a tool call has an index */

static ngx_int_t
ngx_http_llmbroker_openai_index_calls(ngx_http_llmbroker_openai_t *o,
    ngx_pool_t *pool, ngx_http_llmbroker_json_t *piece)
{
    u_char                     *p;
    ngx_str_t                   raw;
    ngx_uint_t                  n;
    ngx_http_llmbroker_json_t  *calls, *call;

    calls = ngx_http_llmbroker_json_get(piece, "tool_calls");

    if (calls == NULL) {
        return NGX_OK;
    }

    ngx_str_null(&calls->raw);
    ngx_str_null(&piece->raw);

    n = 0;

    for (call = calls->child; call; call = call->next) {

        p = ngx_pnalloc(pool, NGX_INT_T_LEN);
        if (p == NULL) {
            return NGX_ERROR;
        }

        raw.data = p;
        raw.len = ngx_sprintf(p, "%ui", n++) - p;

        if (ngx_http_llmbroker_openai_set(o, pool, call, "index",
                                          NGX_HTTP_LLMBROKER_JSON_NUMBER,
                                          &raw)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_openai_tell(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o, ngx_http_llmbroker_json_t *root)
{
    ngx_int_t                   rc;
    ngx_str_t                   id, model, text;
    ngx_uint_t                  n;
    const char                 *reason;
    ngx_http_llmbroker_json_t  *choice, *v;

    v = ngx_http_llmbroker_json_get(root, "id");
    id = ngx_http_llmbroker_json_inner(v);

    v = ngx_http_llmbroker_json_get(root, "model");
    model = ngx_http_llmbroker_json_inner(v);

    if (ngx_http_llmbroker_answer_start(ex, &id, &model, NULL) != NGX_OK) {
        return NGX_ERROR;
    }

    choice = ngx_http_llmbroker_json_get(root, "choices")->child;

    for ( /* void */ ; choice; choice = choice->next) {

        v = ngx_http_llmbroker_json_get(choice, "index");
        n = ngx_http_llmbroker_json_int(v, 0);

        v = ngx_http_llmbroker_json_get(choice, ex->temp ? "delta"
                                                         : "message");
        v = ngx_http_llmbroker_json_get(v, "content");
        text = ngx_http_llmbroker_json_inner(v);

        rc = ngx_http_llmbroker_answer_text(ex, n, &text);
        if (rc != NGX_OK) {
            return rc;
        }

        v = ngx_http_llmbroker_json_get(choice, "logprobs");

        rc = ngx_http_llmbroker_answer_logprobs(ex, n, v);
        if (rc != NGX_OK) {
            return rc;
        }

        v = ngx_http_llmbroker_json_get(choice, "finish_reason");
        text = ngx_http_llmbroker_json_inner(v);
        reason = ngx_http_llmbroker_openai_reason(text.data, text.len);

        if (reason == NULL) {
            continue;
        }

        rc = ngx_http_llmbroker_answer_finish(ex, n, reason);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}
