
/*
 * Copyright (C) LLMBroker contributors
 *
 * DashScope's native interface (Alibaba Model Studio, read in 2026-11): text
 * and multimodal generation, embeddings.  A request is {"model", "input",
 * "parameters"}; an answer has OpenAI's choices under "output".  A stream is
 * asked for by a header, its frames have the usage so far, and it ends with
 * the connection (N1-N9 of the wire format, section 6.3).  The compatible mode
 * is OpenAI's dialect.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_answer.h"
#include "provider/ngx_http_llmbroker_qwen.h"


static ngx_int_t ngx_http_llmbroker_qwen_response(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_t *root);
static ngx_int_t ngx_http_llmbroker_qwen_event(
    ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_sse_event_t *event);
static ngx_int_t ngx_http_llmbroker_qwen_end(
    ngx_http_llmbroker_exchange_t *ex);
static ngx_int_t ngx_http_llmbroker_qwen_header(
    ngx_http_llmbroker_exchange_t *ex, ngx_str_t *name, ngx_str_t *value);
static ngx_int_t ngx_http_llmbroker_qwen_frame(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_t *root,
    ngx_uint_t whole, ngx_uint_t status);
static ngx_uint_t ngx_http_llmbroker_qwen_only_usage(
    ngx_http_llmbroker_json_t *root);
static ngx_int_t ngx_http_llmbroker_qwen_told(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_http_llmbroker_json_t *choice, ngx_http_llmbroker_json_t *message,
    ngx_uint_t whole);
static ngx_int_t ngx_http_llmbroker_qwen_start(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_t *root);
static ngx_int_t ngx_http_llmbroker_qwen_content(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_http_llmbroker_json_t *content, ngx_uint_t whole);
static ngx_int_t ngx_http_llmbroker_qwen_parts(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_http_llmbroker_json_t *content, ngx_str_t *inner, ngx_uint_t whole);
static ngx_int_t ngx_http_llmbroker_qwen_finish(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_http_llmbroker_json_t *reason, ngx_uint_t whole);
static ngx_int_t ngx_http_llmbroker_qwen_usage(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_t *root,
    ngx_http_llmbroker_json_t *choices);
static ngx_int_t ngx_http_llmbroker_qwen_output(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n, ngx_int_t output);


const ngx_http_llmbroker_dialect_t  ngx_http_llmbroker_qwen = {
    ngx_string("qwen"),
    0,
    1 << NGX_HTTP_LLMBROKER_CHAT
    | 1 << NGX_HTTP_LLMBROKER_COMPLETIONS
    | 1 << NGX_HTTP_LLMBROKER_EMBEDDINGS,
    0,
    ngx_http_llmbroker_qwen_configure,
    ngx_http_llmbroker_qwen_build,
    NULL,
    ngx_http_llmbroker_qwen_response,
    ngx_http_llmbroker_qwen_event,
    ngx_http_llmbroker_qwen_end,
    ngx_http_llmbroker_qwen_error,
    ngx_http_llmbroker_qwen_header,
    NULL
};


static ngx_int_t
ngx_http_llmbroker_qwen_response(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *root)
{
    ngx_int_t  rc;

    if (ex->call == NGX_HTTP_LLMBROKER_EMBEDDINGS) {
        return ngx_http_llmbroker_qwen_embedded(ex, root);
    }

    rc = ngx_http_llmbroker_qwen_frame(ex, root, 1, 0);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_llmbroker_answer_complete(ex)) {
        return ngx_http_llmbroker_answer_end(ex);
    }

    return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                           "The provider's answer has no \"choices\".");
}


static ngx_int_t
ngx_http_llmbroker_qwen_event(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_sse_event_t *event)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *root;

    if (ex->done) {
        return NGX_OK;
    }

    if (ex->call == NGX_HTTP_LLMBROKER_EMBEDDINGS) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider answered with a stream.");
    }

    rc = ngx_http_llmbroker_json_parse(ex->temp, event->data.data,
                                       event->data.len, &root);

    if (rc == NGX_DECLINED) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                          "The provider sent an event that is not JSON.");
    }

    if (rc != NGX_OK) {
        return rc;
    }

    /* N8 */

    if (event->type.len == sizeof("error") - 1
        && ngx_memcmp(event->type.data, "error", sizeof("error") - 1) == 0)
    {
        return ngx_http_llmbroker_qwen_failed(ex, root, event->status);
    }

    return ngx_http_llmbroker_qwen_frame(ex, root, 0, event->status);
}


/* N1 */

static ngx_int_t
ngx_http_llmbroker_qwen_end(ngx_http_llmbroker_exchange_t *ex)
{
    if (ngx_http_llmbroker_answer_complete(ex)) {
        return ngx_http_llmbroker_answer_end(ex);
    }

    return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                           "The provider ended the stream before the answer "
                           "was complete.");
}


/* C19 */

static ngx_int_t
ngx_http_llmbroker_qwen_header(ngx_http_llmbroker_exchange_t *ex,
    ngx_str_t *name, ngx_str_t *value)
{
    if (name->len == sizeof("req-cost-time") - 1
        && ngx_memcmp(name->data, "req-cost-time", name->len) == 0)
    {
        ngx_str_set(name, "openai-processing-ms");
        return NGX_OK;
    }

    return NGX_DECLINED;
}


/* an answer, or a part of it */

static ngx_int_t
ngx_http_llmbroker_qwen_frame(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *root, ngx_uint_t whole, ngx_uint_t status)
{
    ngx_int_t                   rc;
    ngx_uint_t                  n, position;
    ngx_http_llmbroker_json_t  *output, *choices, *choice, *v;

    rc = ngx_http_llmbroker_answer_member_typed(ex, root, "output",
                                              NGX_HTTP_LLMBROKER_JSON_OBJECT);
    if (rc != NGX_OK) {
        return rc;
    }

    output = ngx_http_llmbroker_json_get_type(root, "output",
                                              NGX_HTTP_LLMBROKER_JSON_OBJECT);

    rc = ngx_http_llmbroker_answer_member_typed(ex, output, "choices",
                                               NGX_HTTP_LLMBROKER_JSON_ARRAY);
    if (rc != NGX_OK) {
        return rc;
    }

    choices = ngx_http_llmbroker_json_get_type(output, "choices",
                                               NGX_HTTP_LLMBROKER_JSON_ARRAY);

    v = ngx_http_llmbroker_json_get(root, "code");

    if ((output == NULL
         && (whole || !ngx_http_llmbroker_qwen_only_usage(root)))
        || (choices == NULL && ngx_http_llmbroker_json_inner(v).len))
    {
        return ngx_http_llmbroker_qwen_failed(ex, root, status);
    }

    if (ngx_http_llmbroker_qwen_start(ex, root) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_http_llmbroker_qwen_usage(ex, root, choices);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_qwen_extras(ex, 0, output);
    if (rc != NGX_OK) {
        return rc;
    }

    /* the older form: one text */

    if (choices == NULL) {
        v = ngx_http_llmbroker_json_get(output, "text");

        if (whole && (v == NULL || v->type == NGX_HTTP_LLMBROKER_JSON_NULL)) {
            return NGX_OK;
        }

        rc = ngx_http_llmbroker_qwen_content(ex, 0, v, whole);
        if (rc != NGX_OK) {
            return rc;
        }

        v = ngx_http_llmbroker_json_get(output, "finish_reason");
        return ngx_http_llmbroker_qwen_finish(ex, 0, v, whole);
    }

    choice = choices->child;

    for (position = 0; choice; choice = choice->next, position++) {

        v = ngx_http_llmbroker_json_get(choice, "index");
        n = ngx_http_llmbroker_json_int(v, position);

        rc = ngx_http_llmbroker_answer_member_typed(ex, choice, "message",
                                              NGX_HTTP_LLMBROKER_JSON_OBJECT);
        if (rc != NGX_OK) {
            return rc;
        }

        v = ngx_http_llmbroker_json_get(choice, "message");

        if (whole && (v == NULL || v->type == NGX_HTTP_LLMBROKER_JSON_NULL)) {
            return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                                   "The provider's answer has no \"message\".");
        }

        rc = ngx_http_llmbroker_qwen_told(ex, n, choice, v, whole);
        if (rc != NGX_OK) {
            return rc;
        }

        v = ngx_http_llmbroker_json_get(choice, "finish_reason");

        rc = ngx_http_llmbroker_qwen_finish(ex, n, v, whole);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/* 1 when a frame has the usage, and no error, to tell */

static ngx_uint_t
ngx_http_llmbroker_qwen_only_usage(ngx_http_llmbroker_json_t *root)
{
    return ngx_http_llmbroker_json_get_type(root, "usage",
                                            NGX_HTTP_LLMBROKER_JSON_OBJECT)
           && ngx_http_llmbroker_json_get(root, "error") == NULL
           && ngx_http_llmbroker_json_inner(
                            ngx_http_llmbroker_json_get(root, "message")).len
              == 0;
}


static ngx_int_t
ngx_http_llmbroker_qwen_told(ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_http_llmbroker_json_t *choice, ngx_http_llmbroker_json_t *message,
    ngx_uint_t whole)
{
    ngx_int_t                          rc;
    ngx_str_t                          inner;
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_qwen_choice_t  *c;

    rc = ngx_http_llmbroker_qwen_choice(ex, n, &c);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_answer_member_typed(ex, message,
                                              "reasoning_content",
                                              NGX_HTTP_LLMBROKER_JSON_STRING);
    if (rc != NGX_OK) {
        return rc;
    }

    v = ngx_http_llmbroker_json_get_type(message, "reasoning_content",
                                         NGX_HTTP_LLMBROKER_JSON_STRING);
    if (v) {
        inner = ngx_http_llmbroker_json_inner(v);

        rc = ngx_http_llmbroker_qwen_reasoning(ex, n, &inner, whole);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    v = ngx_http_llmbroker_json_get(message, "content");

    rc = ngx_http_llmbroker_qwen_content(ex, n, v, whole);
    if (rc != NGX_OK) {
        return rc;
    }

    v = ngx_http_llmbroker_json_get(choice, "logprobs");

    rc = ngx_http_llmbroker_qwen_logprobs(ex, n, v, whole);
    if (rc != NGX_OK) {
        return rc;
    }

    v = ngx_http_llmbroker_json_get(message, "tool_calls");

    rc = ngx_http_llmbroker_qwen_calls(ex, n, v, whole);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_qwen_extras(ex, n, message);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llmbroker_qwen_extras(ex, n, choice);
}


static ngx_int_t
ngx_http_llmbroker_qwen_start(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *root)
{
    u_char                            *p;
    ngx_str_t                          id, name;
    const char                        *prefix;
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_qwen_t         *q;
    ngx_http_llmbroker_qwen_choice_t  *c;

    if (ex->state) {
        return NGX_OK;
    }

    q = ngx_pcalloc(ex->pool, sizeof(ngx_http_llmbroker_qwen_t));
    if (q == NULL) {
        return NGX_ERROR;
    }

    if (ngx_array_init(&q->choices, ex->pool, 1,
                       sizeof(ngx_http_llmbroker_qwen_choice_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ex->state = q;

    if (ngx_http_llmbroker_qwen_choice(ex, 0, &c) != NGX_OK) {
        return NGX_ERROR;
    }

    v = ngx_http_llmbroker_json_get(root, "request_id");
    id = ngx_http_llmbroker_json_inner(v);

    if (id.len == 0) {
        return ngx_http_llmbroker_answer_start(ex, NULL, NULL, NULL);
    }

    name.data = ngx_pnalloc(ex->pool, sizeof("chatcmpl-") + id.len);
    if (name.data == NULL) {
        return NGX_ERROR;
    }

    prefix = (ex->call == NGX_HTTP_LLMBROKER_COMPLETIONS) ? "cmpl-"
                                                          : "chatcmpl-";

    p = ngx_sprintf(name.data, "%s%V", prefix, &id);

    name.len = p - name.data;

    q->id.len = id.len;
    q->id.data = p - id.len;

    return ngx_http_llmbroker_answer_start(ex, &name, NULL, NULL);
}


ngx_int_t
ngx_http_llmbroker_qwen_choice(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_qwen_choice_t **choice)
{
    ngx_http_llmbroker_qwen_t         *q;
    ngx_http_llmbroker_qwen_choice_t  *c;

    q = ex->state;

    if (n >= NGX_HTTP_LLMBROKER_ANSWER_CHOICES) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider answered with too many "
                               "choices.");
    }

    while (n >= q->choices.nelts) {

        c = ngx_array_push(&q->choices);
        if (c == NULL) {
            return NGX_ERROR;
        }

        ngx_memzero(c, sizeof(ngx_http_llmbroker_qwen_choice_t));

        c->output = -1;

        if (ngx_array_init(&c->tools, ex->pool, 1,
                           sizeof(ngx_http_llmbroker_qwen_tool_t))
            != NGX_OK
            || ngx_array_init(&c->extras, ex->pool, 1,
                              sizeof(ngx_http_llmbroker_qwen_extra_t))
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    c = q->choices.elts;
    *choice = &c[n];

    return NGX_OK;
}


/* a string; of multimodal models, parts */

static ngx_int_t
ngx_http_llmbroker_qwen_content(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_json_t *content, ngx_uint_t whole)
{
    ngx_int_t  rc;
    ngx_str_t  inner;

    if (content == NULL) {
        return NGX_OK;
    }

    switch (content->type) {

    case NGX_HTTP_LLMBROKER_JSON_STRING:
        inner = ngx_http_llmbroker_json_inner(content);
        break;

    case NGX_HTTP_LLMBROKER_JSON_ARRAY:

        rc = ngx_http_llmbroker_qwen_parts(ex, n, content, &inner, whole);
        if (rc != NGX_OK) {
            return rc;
        }

        break;

    default:
        return ngx_http_llmbroker_answer_typed(ex, content,
                                              NGX_HTTP_LLMBROKER_JSON_STRING);
    }

    return ngx_http_llmbroker_qwen_text(ex, n, &inner, whole);
}


/* their text as one, and what is none */

static ngx_int_t
ngx_http_llmbroker_qwen_parts(ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_http_llmbroker_json_t *content, ngx_str_t *inner, ngx_uint_t whole)
{
    u_char                     *p;
    ngx_int_t                   rc;
    ngx_str_t                   piece;
    ngx_http_llmbroker_json_t  *part, *v;

    ngx_str_null(inner);
    p = NULL;

    for (part = content->child; part; part = part->next) {

        rc = ngx_http_llmbroker_answer_member_typed(ex, part, "text",
                                              NGX_HTTP_LLMBROKER_JSON_STRING);
        if (rc != NGX_OK) {
            return rc;
        }

        v = ngx_http_llmbroker_json_get_type(part, "text",
                                             NGX_HTTP_LLMBROKER_JSON_STRING);

        if (v == NULL || part->n > 1) {
            rc = ngx_http_llmbroker_qwen_part(ex, n, part, whole);
            if (rc != NGX_OK) {
                return rc;
            }
        }

        piece = ngx_http_llmbroker_json_inner(v);

        if (piece.len == 0) {
            continue;
        }

        if (inner->len == 0) {
            *inner = piece;
            continue;
        }

        if (p == NULL) {
            p = ngx_pnalloc(ngx_http_llmbroker_qwen_pool(ex),
                            content->raw.len);
            if (p == NULL) {
                return NGX_ERROR;
            }

            ngx_memcpy(p, inner->data, inner->len);
            inner->data = p;
        }

        ngx_memcpy(p + inner->len, piece.data, piece.len);
        inner->len += piece.len;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_qwen_finish(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_json_t *reason, ngx_uint_t whole)
{
    ngx_int_t                          rc;
    const char                        *finish;
    ngx_http_llmbroker_qwen_choice_t  *c;

    rc = ngx_http_llmbroker_qwen_choice(ex, n, &c);
    if (rc != NGX_OK || c->finished) {
        return rc;
    }

    if (reason == NULL
        || reason->type != NGX_HTTP_LLMBROKER_JSON_STRING
        || ngx_http_llmbroker_json_is(reason, "null")
        || ngx_http_llmbroker_json_is(reason, ""))
    {
        if (!whole) {
            return NGX_OK;
        }

        finish = c->tools.nelts ? "tool_calls" : "stop";

    } else if (ngx_http_llmbroker_json_is(reason, "length")) {
        finish = "length";

    } else if (ngx_http_llmbroker_json_is(reason, "tool_calls")) {
        finish = "tool_calls";

    } else if (ngx_http_llmbroker_json_is(reason, "content_filter")) {
        finish = "content_filter";

    } else {
        finish = "stop";
    }

    c->finished = 1;

    rc = ngx_http_llmbroker_qwen_settle(ex, n);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_qwen_rest(ex, n);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llmbroker_answer_finish(ex, n, finish);
}


/* N2 */

static ngx_int_t
ngx_http_llmbroker_qwen_usage(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *root, ngx_http_llmbroker_json_t *choices)
{
    ngx_int_t                    rc, n;
    ngx_http_llmbroker_json_t   *usage, *v;
    ngx_http_llmbroker_qwen_t   *q;
    ngx_http_llmbroker_usage_t  *u;

    q = ex->state;
    q->idle = 0;

    usage = ngx_http_llmbroker_json_get_type(root, "usage",
                                             NGX_HTTP_LLMBROKER_JSON_OBJECT);
    if (usage == NULL) {
        return NGX_OK;
    }

    u = &ex->usage;

    v = ngx_http_llmbroker_json_get(usage, "input_tokens");
    u->prompt = ngx_http_llmbroker_json_int(v, u->prompt);

    v = ngx_http_llmbroker_json_get(usage, "total_tokens");
    u->total = ngx_http_llmbroker_json_int(v, u->total);

    v = ngx_http_llmbroker_json_get(usage, "prompt_tokens_details");
    u->cached = ngx_http_llmbroker_json_int(
                               ngx_http_llmbroker_json_get(v, "cached_tokens"),
                               u->cached);
    u->cache_write = ngx_http_llmbroker_json_int(
                               ngx_http_llmbroker_json_get(v,
                                              "cache_creation_input_tokens"),
                               u->cache_write);

    v = ngx_http_llmbroker_json_get(usage, "output_tokens_details");
    u->reasoning = ngx_http_llmbroker_json_int(
                               ngx_http_llmbroker_json_get(v,
                                                        "reasoning_tokens"),
                               u->reasoning);

    rc = ngx_http_llmbroker_qwen_counts(ex, usage);
    if (rc != NGX_OK) {
        return rc;
    }

    v = ngx_http_llmbroker_json_get(usage, "output_tokens");
    n = ngx_http_llmbroker_json_int(v, -1);

    if (n == -1) {
        return NGX_OK;
    }

    u->completion = n;

    if (choices ? choices->n != 1 : q->choices.nelts > 1) {
        return NGX_OK;
    }

    v = choices ? ngx_http_llmbroker_json_get(choices->child, "index") : NULL;

    return ngx_http_llmbroker_qwen_output(ex,
                                          ngx_http_llmbroker_json_int(v, 0),
                                          n);
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
