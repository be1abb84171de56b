
/*
 * Copyright (C) LLMBroker contributors
 *
 * Anthropic's Messages API (version 2023-06-01, read in 2026-08): an answer
 * is a list of content blocks; a stream opens, fills and closes them one
 * after the other.  Told as OpenAI's chat completion by the rules P and S of
 * the wire format, sections 4.2 and 4.3.  Requests: ..._claude_request.c.
 *
 * Blocks of tools that Anthropic runs itself are left out (P6): a client
 * would try to run them.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_answer.h"
#include "provider/ngx_http_llmbroker_claude.h"
#include "provider/ngx_http_llmbroker_fault.h"
#include "provider/ngx_http_llmbroker_text.h"


/* of what is kept until a block of a stream ends, bytes */
#define NGX_HTTP_LLMBROKER_CLAUDE_KEPT  (1024 * 1024)


typedef enum {
    NGX_HTTP_LLMBROKER_CLAUDE_IN_NOTHING = 0,
    NGX_HTTP_LLMBROKER_CLAUDE_IN_TEXT,
    NGX_HTTP_LLMBROKER_CLAUDE_IN_THINKING,
    NGX_HTTP_LLMBROKER_CLAUDE_IN_TOOL,
    NGX_HTTP_LLMBROKER_CLAUDE_IN_OTHER
} ngx_http_llmbroker_claude_in_e;


/* of an answer; what is kept of a block is reused for the next one */
typedef struct {
    ngx_str_t                        id;         /* inner */
    ngx_http_llmbroker_claude_in_e   in;         /* the open block */
    ngx_uint_t                       tools;      /* opened so far */
    ngx_uint_t                       points;     /* of all text so far */
    ngx_uint_t                       begin;      /* of the block's text */

    ngx_http_llmbroker_text_t        thinking;   /* inner; not of a stream */
    ngx_http_llmbroker_text_t        signature;  /* inner */
    ngx_http_llmbroker_text_t        citations;  /* members, with NULs */

    ngx_int_t                        input;      /* tokens; -1: not told */
    ngx_int_t                        read;
    ngx_int_t                        creation;
    ngx_int_t                        output;
    ngx_int_t                        thought;

    unsigned                         started:1;
    unsigned                         filled:1;   /* the tool has arguments */
} ngx_http_llmbroker_claude_t;


typedef struct {
    const char                      *stop;
    const char                      *finish;
} ngx_http_llmbroker_claude_reason_t;


/* one type of event and what reads it */
typedef struct {
    ngx_str_t                        type;
    ngx_int_t                      (*handler)(
                                         ngx_http_llmbroker_exchange_t *ex,
                                         ngx_http_llmbroker_claude_t *c,
                                         ngx_http_llmbroker_json_t *root);
} ngx_http_llmbroker_claude_event_t;


static ngx_int_t ngx_http_llmbroker_claude_configure(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target);
static ngx_int_t ngx_http_llmbroker_claude_response(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_t *root);
static ngx_int_t ngx_http_llmbroker_claude_event(
    ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_sse_event_t *event);
static ngx_int_t ngx_http_llmbroker_claude_end(
    ngx_http_llmbroker_exchange_t *ex);
static void ngx_http_llmbroker_claude_error(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t status, ngx_http_llmbroker_json_t *root, ngx_str_t *text);
static ngx_int_t ngx_http_llmbroker_claude_error_event(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c,
    ngx_http_llmbroker_json_t *root);
static void ngx_http_llmbroker_claude_fault(ngx_http_llmbroker_fault_t *fault);

static ngx_http_llmbroker_claude_t *ngx_http_llmbroker_claude_state(
    ngx_http_llmbroker_exchange_t *ex);
static ngx_int_t ngx_http_llmbroker_claude_start(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c,
    ngx_http_llmbroker_json_t *message);
static ngx_int_t ngx_http_llmbroker_claude_message_start(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c,
    ngx_http_llmbroker_json_t *root);
static ngx_int_t ngx_http_llmbroker_claude_message_delta(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c,
    ngx_http_llmbroker_json_t *root);
static ngx_int_t ngx_http_llmbroker_claude_message_stop(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c,
    ngx_http_llmbroker_json_t *root);
static ngx_int_t ngx_http_llmbroker_claude_open(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c,
    ngx_http_llmbroker_json_t *root);
static ngx_int_t ngx_http_llmbroker_claude_close(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c,
    ngx_http_llmbroker_json_t *root);
static ngx_int_t ngx_http_llmbroker_claude_ping(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c,
    ngx_http_llmbroker_json_t *root);
static ngx_int_t ngx_http_llmbroker_claude_block(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c,
    ngx_http_llmbroker_json_t *block);
static ngx_int_t ngx_http_llmbroker_claude_tool_use(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c,
    ngx_http_llmbroker_json_t *block);
static ngx_int_t ngx_http_llmbroker_claude_delta(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c,
    ngx_http_llmbroker_json_t *root);
static ngx_int_t ngx_http_llmbroker_claude_text(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c,
    ngx_str_t inner);
static ngx_int_t ngx_http_llmbroker_claude_think(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c,
    ngx_str_t inner);
static ngx_int_t ngx_http_llmbroker_claude_citation(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c,
    ngx_http_llmbroker_json_t *citation);
static ngx_int_t ngx_http_llmbroker_claude_block_stop(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c);
static ngx_int_t ngx_http_llmbroker_claude_annotations(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c);
static ngx_int_t ngx_http_llmbroker_claude_thought(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c);
static ngx_int_t ngx_http_llmbroker_claude_finish(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c,
    ngx_http_llmbroker_json_t *root);
static void ngx_http_llmbroker_claude_usage(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_http_llmbroker_json_t *usage);
static void ngx_http_llmbroker_claude_iterations(
    ngx_http_llmbroker_claude_t *c, ngx_http_llmbroker_json_t *iterations);
static ngx_int_t ngx_http_llmbroker_claude_count(
    ngx_http_llmbroker_json_t *usage, const char *name, ngx_int_t old);
static ngx_str_t ngx_http_llmbroker_claude_inner(
    ngx_http_llmbroker_json_t *object, const char *name);


const ngx_http_llmbroker_dialect_t  ngx_http_llmbroker_claude = {
    ngx_string("claude"),
    0,
    1 << NGX_HTTP_LLMBROKER_CHAT | 1 << NGX_HTTP_LLMBROKER_COMPLETIONS,
    0,
    ngx_http_llmbroker_claude_configure,
    ngx_http_llmbroker_claude_build,
    NULL,
    ngx_http_llmbroker_claude_response,
    ngx_http_llmbroker_claude_event,
    ngx_http_llmbroker_claude_end,
    ngx_http_llmbroker_claude_error,
    NULL,
    NULL
};


static const ngx_http_llmbroker_claude_event_t
    ngx_http_llmbroker_claude_events[] =
{
    { ngx_string("content_block_delta"), ngx_http_llmbroker_claude_delta },
    { ngx_string("content_block_start"), ngx_http_llmbroker_claude_open },
    { ngx_string("content_block_stop"), ngx_http_llmbroker_claude_close },
    { ngx_string("ping"), ngx_http_llmbroker_claude_ping },
    { ngx_string("message_start"), ngx_http_llmbroker_claude_message_start },
    { ngx_string("message_delta"), ngx_http_llmbroker_claude_message_delta },
    { ngx_string("message_stop"), ngx_http_llmbroker_claude_message_stop },
    { ngx_string("error"), ngx_http_llmbroker_claude_error_event },
    { ngx_null_string, NULL }
};


/* P10; for other words the answer's content decides */

static const ngx_http_llmbroker_claude_reason_t
    ngx_http_llmbroker_claude_reasons[] =
{
    { "end_turn", "stop" },
    { "stop_sequence", "stop" },
    { "max_tokens", "length" },
    { "model_context_window_exceeded", "length" },
    { "tool_use", "tool_calls" },
    { "refusal", "content_filter" },
    { "pause_turn", "stop" },
    { NULL, NULL }
};


static ngx_int_t
ngx_http_llmbroker_claude_configure(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target)
{
    if (ngx_http_llmbroker_target_path(pool, target, NGX_HTTP_LLMBROKER_CHAT,
                                       "/messages")
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_llmbroker_target_path(pool, target,
                                       NGX_HTTP_LLMBROKER_COMPLETIONS,
                                       "/messages")
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_llmbroker_target_headers(pool, target, "x-api-key: ",
                                          "anthropic-version: 2023-06-01"
                                          CRLF)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_target_model(pool, target);
}


static ngx_int_t
ngx_http_llmbroker_claude_response(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *root)
{
    ngx_int_t                     rc;
    ngx_http_llmbroker_json_t    *v, *block;
    ngx_http_llmbroker_claude_t  *c;

    c = ngx_http_llmbroker_claude_state(ex);
    if (c == NULL) {
        return NGX_ERROR;
    }

    v = ngx_http_llmbroker_json_get(root, "type");

    if (ngx_http_llmbroker_json_is(v, "error")) {
        return ngx_http_llmbroker_claude_error_event(ex, c, root);
    }

    v = ngx_http_llmbroker_json_get_type(root, "content",
                                         NGX_HTTP_LLMBROKER_JSON_ARRAY);
    if (v == NULL) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider's answer has no \"content\".");
    }

    rc = ngx_http_llmbroker_claude_start(ex, c, root);
    if (rc != NGX_OK) {
        return rc;
    }

    for (block = v->child; block; block = block->next) {

        rc = ngx_http_llmbroker_claude_block(ex, c, block);
        if (rc != NGX_OK) {
            return rc;
        }

        rc = ngx_http_llmbroker_claude_block_stop(ex, c);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    rc = ngx_http_llmbroker_claude_finish(ex, c, root);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llmbroker_answer_end(ex);
}


static ngx_int_t
ngx_http_llmbroker_claude_event(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_sse_event_t *event)
{
    ngx_int_t                                 rc;
    ngx_str_t                                 type;
    ngx_http_llmbroker_json_t                *root;
    ngx_http_llmbroker_claude_t              *c;
    const ngx_http_llmbroker_claude_event_t  *e;

    if (ex->done) {
        return NGX_OK;
    }

    c = ngx_http_llmbroker_claude_state(ex);
    if (c == NULL) {
        return NGX_ERROR;
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

    type = ngx_http_llmbroker_claude_inner(root, "type");

    if (type.len == 0) {
        type = event->type;
    }

    for (e = ngx_http_llmbroker_claude_events; e->handler; e++) {

        if (e->type.len == type.len
            && ngx_memcmp(e->type.data, type.data, type.len) == 0)
        {
            return e->handler(ex, c, root);
        }
    }

    /* S13 */

    return NGX_OK;
}


/* S12 */

static ngx_int_t
ngx_http_llmbroker_claude_end(ngx_http_llmbroker_exchange_t *ex)
{
    if (ngx_http_llmbroker_answer_complete(ex)) {
        return ngx_http_llmbroker_answer_end(ex);
    }

    return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                           "The provider ended the stream before the answer "
                           "was complete.");
}


static void
ngx_http_llmbroker_claude_error(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t status, ngx_http_llmbroker_json_t *root, ngx_str_t *text)
{
    ngx_http_llmbroker_fault_read(ex, status, root, text);
    ngx_http_llmbroker_claude_fault(&ex->fault);
}


static ngx_int_t
ngx_http_llmbroker_claude_error_event(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_http_llmbroker_json_t *root)
{
    ngx_http_llmbroker_fault_read(ex, 0, root, NULL);

    ex->fault.status = ngx_http_llmbroker_fault_status(&ex->fault);
    ngx_http_llmbroker_claude_fault(&ex->fault);

    return NGX_DECLINED;
}


/* section 4.4; Anthropic's types are not OpenAI's */

static void
ngx_http_llmbroker_claude_fault(ngx_http_llmbroker_fault_t *fault)
{
    ngx_str_null(&fault->type);
    ngx_str_null(&fault->code);
    ngx_str_null(&fault->param);

    if (fault->status == 402
        || (fault->status == 400
            && ngx_http_llmbroker_fault_says(fault,
                                             "credit balance is too low")))
    {
        fault->status = 429;
        ngx_str_set(&fault->type, "insufficient_quota");
        ngx_str_set(&fault->code, "insufficient_quota");
        return;
    }

    if (fault->status == 400
        && (ngx_http_llmbroker_fault_says(fault, "prompt is too long")
            || ngx_http_llmbroker_fault_says(fault, "exceed context limit")))
    {
        ngx_str_set(&fault->code, "context_length_exceeded");
    }
}


static ngx_http_llmbroker_claude_t *
ngx_http_llmbroker_claude_state(ngx_http_llmbroker_exchange_t *ex)
{
    ngx_http_llmbroker_claude_t  *c;

    if (ex->state) {
        return ex->state;
    }

    c = ngx_pcalloc(ex->pool, sizeof(ngx_http_llmbroker_claude_t));
    if (c == NULL) {
        return NULL;
    }

    c->input = -1;
    c->read = -1;
    c->creation = -1;
    c->output = -1;
    c->thought = -1;

    ex->state = c;

    return c;
}


/* P1, P3, P13 */

static ngx_int_t
ngx_http_llmbroker_claude_start(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_http_llmbroker_json_t *message)
{
    ngx_str_t                   id, model;
    const char                 *tier;
    ngx_http_llmbroker_json_t  *usage, *v;

    c->started = 1;

    id = ngx_http_llmbroker_claude_inner(message, "id");
    model = ngx_http_llmbroker_claude_inner(message, "model");
    usage = ngx_http_llmbroker_json_get(message, "usage");

    v = ngx_http_llmbroker_json_get(usage, "service_tier");
    tier = NULL;

    if (ngx_http_llmbroker_json_is(v, "priority")) {
        tier = "priority";

    } else if (ngx_http_llmbroker_json_is(v, "standard")
               || ngx_http_llmbroker_json_is(v, "batch"))
    {
        tier = "default";
    }

    ngx_http_llmbroker_claude_usage(ex, c, usage);

    c->id.data = ngx_pstrdup(ex->pool, &id);
    if (c->id.data == NULL) {
        return NGX_ERROR;
    }

    c->id.len = id.len;

    return ngx_http_llmbroker_answer_start(ex, &c->id, &model, tier);
}


/* S1 */

static ngx_int_t
ngx_http_llmbroker_claude_message_start(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_http_llmbroker_json_t *root)
{
    ngx_str_t                   id;
    ngx_http_llmbroker_json_t  *message;

    message = ngx_http_llmbroker_json_get(root, "message");

    if (!c->started) {
        return ngx_http_llmbroker_claude_start(ex, c, message);
    }

    id = ngx_http_llmbroker_claude_inner(message, "id");

    if (id.len == c->id.len
        && ngx_memcmp(id.data, c->id.data, id.len) == 0)
    {
        return NGX_OK;
    }

    return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                           "The provider sent a second message.");
}


/* S8 */

static ngx_int_t
ngx_http_llmbroker_claude_message_delta(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_http_llmbroker_json_t *root)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *delta, *v;

    v = ngx_http_llmbroker_json_get(root, "usage");
    ngx_http_llmbroker_claude_usage(ex, c, v);

    delta = ngx_http_llmbroker_json_get(root, "delta");

    if (ngx_http_llmbroker_json_get_type(delta, "stop_reason",
                                         NGX_HTTP_LLMBROKER_JSON_STRING)
        == NULL)
    {
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_claude_block_stop(ex, c);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llmbroker_claude_finish(ex, c, delta);
}


/* S9 */

static ngx_int_t
ngx_http_llmbroker_claude_message_stop(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_http_llmbroker_json_t *root)
{
    ngx_int_t  rc;

    if (!c->started) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider ended a message that it has not "
                               "begun.");
    }

    rc = ngx_http_llmbroker_claude_block_stop(ex, c);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_claude_finish(ex, c, NULL);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llmbroker_answer_end(ex);
}


static ngx_int_t
ngx_http_llmbroker_claude_open(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_http_llmbroker_json_t *root)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *block;

    rc = ngx_http_llmbroker_claude_block_stop(ex, c);
    if (rc != NGX_OK) {
        return rc;
    }

    block = ngx_http_llmbroker_json_get(root, "content_block");

    return ngx_http_llmbroker_claude_block(ex, c, block);
}


static ngx_int_t
ngx_http_llmbroker_claude_close(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_http_llmbroker_json_t *root)
{
    return ngx_http_llmbroker_claude_block_stop(ex, c);
}


/* S10 */

static ngx_int_t
ngx_http_llmbroker_claude_ping(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_http_llmbroker_json_t *root)
{
    return ngx_http_llmbroker_answer_ping(ex);
}


/* a block with what it holds: all in a buffered answer, little in a stream */

static ngx_int_t
ngx_http_llmbroker_claude_block(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_http_llmbroker_json_t *block)
{
    ngx_int_t                   rc;
    ngx_str_t                   text;
    ngx_http_llmbroker_json_t  *type, *v;

    type = ngx_http_llmbroker_json_get(block, "type");

    if (ngx_http_llmbroker_json_is(type, "text")) {
        c->in = NGX_HTTP_LLMBROKER_CLAUDE_IN_TEXT;
        c->begin = c->points;

        text = ngx_http_llmbroker_claude_inner(block, "text");

        rc = ngx_http_llmbroker_claude_text(ex, c, text);
        if (rc != NGX_OK) {
            return rc;
        }

        v = ngx_http_llmbroker_json_get(block, "citations");

        for (v = v ? v->child : NULL; v; v = v->next) {

            if (ngx_http_llmbroker_claude_citation(ex, c, v) != NGX_OK) {
                return NGX_ERROR;
            }
        }

        return NGX_OK;
    }

    if (ngx_http_llmbroker_json_is(type, "thinking")) {
        c->in = NGX_HTTP_LLMBROKER_CLAUDE_IN_THINKING;

        text = ngx_http_llmbroker_claude_inner(block, "signature");

        if (ngx_http_llmbroker_text_append(ex->pool, &c->signature,
                                             text.data, text.len)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        text = ngx_http_llmbroker_claude_inner(block, "thinking");

        return ngx_http_llmbroker_claude_think(ex, c, text);
    }

    if (ngx_http_llmbroker_json_is(type, "tool_use")) {
        return ngx_http_llmbroker_claude_tool_use(ex, c, block);
    }

    c->in = NGX_HTTP_LLMBROKER_CLAUDE_IN_OTHER;

    if (ngx_http_llmbroker_json_is(type, "redacted_thinking")) {
        return ngx_http_llmbroker_answer_block(ex, 0, &block->raw);
    }

    return NGX_OK;
}


/* P5, S3 */

static ngx_int_t
ngx_http_llmbroker_claude_tool_use(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_http_llmbroker_json_t *block)
{
    ngx_int_t                   rc;
    ngx_str_t                   id, name, inner;
    ngx_http_llmbroker_json_t  *input;

    c->in = NGX_HTTP_LLMBROKER_CLAUDE_IN_TOOL;
    c->filled = 0;

    id = ngx_http_llmbroker_claude_inner(block, "id");
    name = ngx_http_llmbroker_claude_inner(block, "name");

    rc = ngx_http_llmbroker_answer_tool(ex, 0, c->tools++, &id, &name);
    if (rc != NGX_OK) {
        return rc;
    }

    input = ngx_http_llmbroker_json_get(block, "input");

    if (input == NULL || input->n == 0) {
        return NGX_OK;
    }

    c->filled = 1;

    if (ngx_http_llmbroker_text_quote(ex->temp ? ex->temp : ex->pool,
                                        &input->raw, &inner)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_answer_arguments(ex, 0, c->tools - 1, &inner);
}


static ngx_int_t
ngx_http_llmbroker_claude_delta(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_http_llmbroker_json_t *root)
{
    ngx_str_t                   text;
    ngx_http_llmbroker_json_t  *delta, *type, *v;

    delta = ngx_http_llmbroker_json_get(root, "delta");
    type = ngx_http_llmbroker_json_get(delta, "type");

    /* S6 */

    if (ngx_http_llmbroker_json_is(type, "text_delta")) {
        text = ngx_http_llmbroker_claude_inner(delta, "text");
        return ngx_http_llmbroker_claude_text(ex, c, text);
    }

    /* S4; the input of a tool that Anthropic runs is nobody's business */

    if (ngx_http_llmbroker_json_is(type, "input_json_delta")) {

        if (c->in != NGX_HTTP_LLMBROKER_CLAUDE_IN_TOOL) {
            return NGX_OK;
        }

        text = ngx_http_llmbroker_claude_inner(delta, "partial_json");
        c->filled |= (text.len != 0);

        return ngx_http_llmbroker_answer_arguments(ex, 0, c->tools - 1, &text);
    }

    /* S7 */

    if (ngx_http_llmbroker_json_is(type, "thinking_delta")) {
        text = ngx_http_llmbroker_claude_inner(delta, "thinking");
        return ngx_http_llmbroker_claude_think(ex, c, text);
    }

    if (ngx_http_llmbroker_json_is(type, "signature_delta")) {

        if (c->signature.len > NGX_HTTP_LLMBROKER_CLAUDE_KEPT) {
            return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                                   "The provider sent an endless signature.");
        }

        text = ngx_http_llmbroker_claude_inner(delta, "signature");
        return ngx_http_llmbroker_text_append(ex->pool, &c->signature,
                                                text.data, text.len);
    }

    if (ngx_http_llmbroker_json_is(type, "citations_delta")) {
        v = ngx_http_llmbroker_json_get(delta, "citation");
        return ngx_http_llmbroker_claude_citation(ex, c, v);
    }

    /* S13 */

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_claude_text(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_str_t inner)
{
    c->points += ngx_http_llmbroker_text_points(&inner);

    return ngx_http_llmbroker_answer_text(ex, 0, &inner);
}


/* P7 */

static ngx_int_t
ngx_http_llmbroker_claude_think(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_str_t inner)
{
    if (!ex->stream
        && ngx_http_llmbroker_text_append(ex->pool, &c->thinking,
                                            inner.data, inner.len)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_answer_reasoning(ex, 0, &inner);
}


/* P8: only what has an address can be told */

static ngx_int_t
ngx_http_llmbroker_claude_citation(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_http_llmbroker_json_t *citation)
{
    u_char                            *p;
    size_t                             len;
    ngx_str_t                          url, title;
    ngx_http_llmbroker_json_t         *type;
    ngx_http_llmbroker_text_t         *text;

    type = ngx_http_llmbroker_json_get(citation, "type");

    if (!ngx_http_llmbroker_json_is(type, "web_search_result_location")
        || c->citations.len > NGX_HTTP_LLMBROKER_CLAUDE_KEPT)
    {
        return NGX_OK;
    }

    url = ngx_http_llmbroker_claude_inner(citation, "url");
    title = ngx_http_llmbroker_claude_inner(citation, "title");

    text = &c->citations;
    len = sizeof("\"title\":\"\",\"url\":\"\"") + title.len + url.len;

    if (ngx_http_llmbroker_text_append(ex->pool, text, NULL, len)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    p = ngx_sprintf(text->data + text->len - len,
                    "\"title\":\"%V\",\"url\":\"%V\"", &title, &url);
    *p = '\0';

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_claude_block_stop(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c)
{
    ngx_int_t                       rc;
    ngx_str_t                       empty;
    ngx_http_llmbroker_claude_in_e  in;

    in = c->in;
    c->in = NGX_HTTP_LLMBROKER_CLAUDE_IN_NOTHING;

    switch (in) {

    case NGX_HTTP_LLMBROKER_CLAUDE_IN_TEXT:
        rc = ngx_http_llmbroker_claude_annotations(ex, c);
        break;

    case NGX_HTTP_LLMBROKER_CLAUDE_IN_THINKING:
        rc = ngx_http_llmbroker_claude_thought(ex, c);
        break;

    case NGX_HTTP_LLMBROKER_CLAUDE_IN_TOOL:

        if (c->filled) {
            return NGX_OK;
        }

        /* S5 */

        ngx_str_set(&empty, "{}");
        return ngx_http_llmbroker_answer_arguments(ex, 0, c->tools - 1,
                                                   &empty);

    default:
        return NGX_OK;
    }

    c->thinking.len = 0;
    c->signature.len = 0;
    c->citations.len = 0;

    return rc;
}


static ngx_int_t
ngx_http_llmbroker_claude_annotations(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c)
{
    u_char      *p, *last;
    size_t       len;
    ngx_int_t    rc;
    ngx_str_t    raw;
    ngx_pool_t  *pool;

    if (c->citations.len == 0) {
        return NGX_OK;
    }

    pool = ex->temp ? ex->temp : ex->pool;

    p = c->citations.data;
    last = p + c->citations.len;

    while (p < last) {
        len = ngx_strlen(p);

        raw.data = ngx_pnalloc(pool, len + 2 * NGX_INT_T_LEN
                               + sizeof("{\"type\":\"url_citation\","
                                        "\"url_citation\":{\"end_index\":,"
                                        "\"start_index\":,}}"));
        if (raw.data == NULL) {
            return NGX_ERROR;
        }

        raw.len = ngx_sprintf(raw.data, "{\"type\":\"url_citation\","
                              "\"url_citation\":{\"end_index\":%ui,"
                              "\"start_index\":%ui,%s}}",
                              c->points, c->begin, p)
                  - raw.data;

        rc = ngx_http_llmbroker_answer_annotation(ex, 0, &raw);
        if (rc != NGX_OK) {
            return rc;
        }

        p += len + 1;
    }

    return NGX_OK;
}


/* what a client has to replay; in a stream it has the text already (S7) */

static ngx_int_t
ngx_http_llmbroker_claude_thought(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c)
{
    u_char      *p;
    ngx_str_t    raw;
    ngx_pool_t  *pool;

    if (c->signature.len == 0) {
        return NGX_OK;
    }

    pool = ex->temp ? ex->temp : ex->pool;

    p = ngx_pnalloc(pool, c->thinking.len + c->signature.len
                    + sizeof("{\"type\":\"thinking\",\"thinking\":\"\","
                             "\"signature\":\"\"}"));
    if (p == NULL) {
        return NGX_ERROR;
    }

    raw.data = p;

    p = ngx_cpymem(p, "{\"type\":\"thinking\",\"thinking\":\"",
                   sizeof("{\"type\":\"thinking\",\"thinking\":\"") - 1);

    if (c->thinking.len) {
        p = ngx_cpymem(p, c->thinking.data, c->thinking.len);
    }

    p = ngx_cpymem(p, "\",\"signature\":\"",
                   sizeof("\",\"signature\":\"") - 1);
    p = ngx_cpymem(p, c->signature.data, c->signature.len);
    p = ngx_cpymem(p, "\"}", sizeof("\"}") - 1);

    raw.len = p - raw.data;

    return ngx_http_llmbroker_answer_block(ex, 0, &raw);
}


/* P10, P11; root has stop_reason and stop_details, or is NULL */

static ngx_int_t
ngx_http_llmbroker_claude_finish(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_http_llmbroker_json_t *root)
{
    ngx_int_t                                  rc;
    ngx_str_t                                  refusal;
    const char                                *finish;
    ngx_http_llmbroker_json_t                 *stop, *v;
    const ngx_http_llmbroker_claude_reason_t  *reason;

    if (ngx_http_llmbroker_answer_finished(ex, 0)) {
        return NGX_OK;
    }

    finish = c->tools ? "tool_calls" : "stop";
    stop = ngx_http_llmbroker_json_get(root, "stop_reason");

    for (reason = ngx_http_llmbroker_claude_reasons; reason->stop; reason++) {

        if (ngx_http_llmbroker_json_is(stop, reason->stop)) {
            finish = reason->finish;
            break;
        }
    }

    if (ngx_http_llmbroker_json_is(stop, "refusal")) {
        v = ngx_http_llmbroker_json_get(root, "stop_details");
        refusal = ngx_http_llmbroker_claude_inner(v, "explanation");

        if (refusal.len == 0) {
            ngx_str_set(&refusal, "The model refused to answer.");
        }

        rc = ngx_http_llmbroker_answer_refusal(ex, 0, &refusal);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_http_llmbroker_answer_finish(ex, 0, finish);
}


/* P12; the counts of a stream are cumulative, an absent one stays (S8) */

static void
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


static ngx_str_t
ngx_http_llmbroker_claude_inner(ngx_http_llmbroker_json_t *object,
    const char *name)
{
    ngx_str_t                   inner;
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get(object, name);
    inner = ngx_http_llmbroker_json_inner(v);

    if (inner.len == 0) {
        ngx_str_set(&inner, "");
    }

    return inner;
}
