
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


/* members of an answer, its output, a choice or a message; NULL: not there */
typedef struct {
    ngx_http_llmbroker_json_t           *output;
    ngx_http_llmbroker_json_t           *usage;
    ngx_http_llmbroker_json_t           *code;
    ngx_http_llmbroker_json_t           *choices;
    ngx_http_llmbroker_json_t           *text;
    ngx_http_llmbroker_json_t           *finish_reason;
    ngx_http_llmbroker_json_t           *index;
    ngx_http_llmbroker_json_t           *message;
    ngx_http_llmbroker_json_t           *role;
    ngx_http_llmbroker_json_t           *logprobs;
    ngx_http_llmbroker_json_t           *content;
    ngx_http_llmbroker_json_t           *reasoning;
    ngx_http_llmbroker_json_t           *tool_calls;
    unsigned                             more:1;  /* others, or of a root */
} ngx_http_llmbroker_qwen_members_t;


#define ngx_http_llmbroker_qwen_is(key, literal)                             \
    (ngx_memcmp((key)->data, literal, sizeof(literal) - 1) == 0)


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
static void ngx_http_llmbroker_qwen_members(ngx_http_llmbroker_json_t *object,
    ngx_http_llmbroker_qwen_members_t *m);
static ngx_uint_t ngx_http_llmbroker_qwen_only_usage(
    ngx_http_llmbroker_json_t *root);
static ngx_int_t ngx_http_llmbroker_qwen_simple(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_qwen_members_t *m,
    ngx_uint_t whole);
static ngx_int_t ngx_http_llmbroker_qwen_chosen(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t position,
    ngx_http_llmbroker_json_t *choice, ngx_uint_t whole);
static ngx_int_t ngx_http_llmbroker_qwen_told(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_http_llmbroker_json_t *message, ngx_http_llmbroker_json_t *logprobs,
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
    ngx_int_t                           rc;
    ngx_uint_t                          position;
    ngx_http_llmbroker_json_t          *choice;
    ngx_http_llmbroker_qwen_members_t   m, output;

    rc = ngx_http_llmbroker_answer_typed(ex, root,
                                         NGX_HTTP_LLMBROKER_JSON_OBJECT);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_llmbroker_qwen_members(root, &m);

    rc = ngx_http_llmbroker_answer_typed(ex, m.output,
                                         NGX_HTTP_LLMBROKER_JSON_OBJECT);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_llmbroker_qwen_members(m.output, &output);

    rc = ngx_http_llmbroker_answer_typed(ex, output.choices,
                                         NGX_HTTP_LLMBROKER_JSON_ARRAY);
    if (rc != NGX_OK) {
        return rc;
    }

    if (m.output && m.output->type == NGX_HTTP_LLMBROKER_JSON_NULL) {
        m.output = NULL;
    }

    if (output.choices
        && output.choices->type == NGX_HTTP_LLMBROKER_JSON_NULL)
    {
        output.choices = NULL;
    }

    if ((m.output == NULL
         && (whole || !ngx_http_llmbroker_qwen_only_usage(root)))
        || (output.choices == NULL
            && ngx_http_llmbroker_json_inner(m.code).len))
    {
        return ngx_http_llmbroker_qwen_failed(ex, root, status);
    }

    if (ngx_http_llmbroker_qwen_start(ex, root) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_http_llmbroker_qwen_usage(ex, m.usage, output.choices);
    if (rc != NGX_OK) {
        return rc;
    }

    if (output.more) {
        rc = ngx_http_llmbroker_qwen_extras(ex, 0, m.output);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (output.choices == NULL) {
        return ngx_http_llmbroker_qwen_simple(ex, &output, whole);
    }

    choice = output.choices->child;

    for (position = 0; choice; choice = choice->next, position++) {

        rc = ngx_http_llmbroker_qwen_chosen(ex, position, choice, whole);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/* all that is asked of an object, found in one go; of equal names the last */

static void
ngx_http_llmbroker_qwen_members(ngx_http_llmbroker_json_t *object,
    ngx_http_llmbroker_qwen_members_t *m)
{
    ngx_str_t                  *key;
    ngx_http_llmbroker_json_t  *v, **place;

    ngx_memzero(m, sizeof(ngx_http_llmbroker_qwen_members_t));

    if (object == NULL || object->type != NGX_HTTP_LLMBROKER_JSON_OBJECT) {
        return;
    }

    for (v = object->child; v; v = v->next) {

        key = &v->key;
        place = NULL;

        switch (key->len) {

        case 4:
            if (ngx_http_llmbroker_qwen_is(key, "role")) {
                place = &m->role;

            } else if (ngx_http_llmbroker_qwen_is(key, "text")) {
                place = &m->text;

            } else if (ngx_http_llmbroker_qwen_is(key, "code")) {
                m->code = v;
            }

            break;

        case 5:
            if (ngx_http_llmbroker_qwen_is(key, "index")) {
                place = &m->index;

            } else if (ngx_http_llmbroker_qwen_is(key, "usage")) {
                m->usage = v;
            }

            break;

        case 6:
            if (ngx_http_llmbroker_qwen_is(key, "output")) {
                m->output = v;
            }

            break;

        case 7:
            if (ngx_http_llmbroker_qwen_is(key, "content")) {
                place = &m->content;

            } else if (ngx_http_llmbroker_qwen_is(key, "message")) {
                place = &m->message;

            } else if (ngx_http_llmbroker_qwen_is(key, "choices")) {
                place = &m->choices;
            }

            break;

        case 8:
            if (ngx_http_llmbroker_qwen_is(key, "logprobs")) {
                place = &m->logprobs;
            }

            break;

        case 10:
            if (ngx_http_llmbroker_qwen_is(key, "tool_calls")) {
                place = &m->tool_calls;
            }

            break;

        case 13:
            if (ngx_http_llmbroker_qwen_is(key, "finish_reason")) {
                place = &m->finish_reason;
            }

            break;

        case 17:
            if (ngx_http_llmbroker_qwen_is(key, "reasoning_content")) {
                place = &m->reasoning;
            }

            break;
        }

        if (place) {
            *place = v;

        } else {
            m->more = 1;
        }
    }
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


/* the older form: one text */

static ngx_int_t
ngx_http_llmbroker_qwen_simple(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_qwen_members_t *m, ngx_uint_t whole)
{
    ngx_int_t  rc;

    if (whole
        && (m->text == NULL || m->text->type == NGX_HTTP_LLMBROKER_JSON_NULL))
    {
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_qwen_content(ex, 0, m->text, whole);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llmbroker_qwen_finish(ex, 0, m->finish_reason, whole);
}


static ngx_int_t
ngx_http_llmbroker_qwen_chosen(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t position, ngx_http_llmbroker_json_t *choice, ngx_uint_t whole)
{
    ngx_int_t                          rc;
    ngx_uint_t                         n;
    ngx_http_llmbroker_qwen_members_t  m;

    rc = ngx_http_llmbroker_answer_typed(ex, choice,
                                         NGX_HTTP_LLMBROKER_JSON_OBJECT);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_llmbroker_qwen_members(choice, &m);

    n = ngx_http_llmbroker_json_int(m.index, position);

    rc = ngx_http_llmbroker_answer_typed(ex, m.message,
                                         NGX_HTTP_LLMBROKER_JSON_OBJECT);
    if (rc != NGX_OK) {
        return rc;
    }

    if (whole
        && (m.message == NULL
            || m.message->type == NGX_HTTP_LLMBROKER_JSON_NULL))
    {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider's answer has no \"message\".");
    }

    rc = ngx_http_llmbroker_qwen_told(ex, n, m.message, m.logprobs, whole);
    if (rc != NGX_OK) {
        return rc;
    }

    if (m.more) {
        rc = ngx_http_llmbroker_qwen_extras(ex, n, choice);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_http_llmbroker_qwen_finish(ex, n, m.finish_reason, whole);
}


static ngx_int_t
ngx_http_llmbroker_qwen_told(ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_http_llmbroker_json_t *message, ngx_http_llmbroker_json_t *logprobs,
    ngx_uint_t whole)
{
    ngx_int_t                           rc;
    ngx_str_t                           inner;
    ngx_http_llmbroker_qwen_choice_t   *c;
    ngx_http_llmbroker_qwen_members_t   m;

    rc = ngx_http_llmbroker_qwen_choice(ex, n, &c);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_llmbroker_qwen_members(message, &m);

    rc = ngx_http_llmbroker_answer_typed(ex, m.reasoning,
                                         NGX_HTTP_LLMBROKER_JSON_STRING);
    if (rc != NGX_OK) {
        return rc;
    }

    if (m.reasoning && m.reasoning->type == NGX_HTTP_LLMBROKER_JSON_STRING) {
        inner = ngx_http_llmbroker_json_inner(m.reasoning);

        rc = ngx_http_llmbroker_qwen_reasoning(ex, n, &inner, whole);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    rc = ngx_http_llmbroker_qwen_content(ex, n, m.content, whole);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_qwen_logprobs(ex, n, logprobs, whole);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_qwen_calls(ex, n, m.tool_calls, whole);
    if (rc != NGX_OK) {
        return rc;
    }

    return m.more ? ngx_http_llmbroker_qwen_extras(ex, n, message) : NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_qwen_start(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *root)
{
    u_char                            *p;
    ngx_str_t                          id, name, prefix;
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

    ngx_str_set(&prefix, "chatcmpl-");

    if (ex->call == NGX_HTTP_LLMBROKER_COMPLETIONS) {
        ngx_str_set(&prefix, "cmpl-");
    }

    name.len = prefix.len + id.len;
    name.data = ngx_pnalloc(ex->pool, name.len);
    if (name.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(name.data, prefix.data, prefix.len);
    ngx_memcpy(p, id.data, id.len);

    q->id.len = id.len;
    q->id.data = p;

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
