
/*
 * Copyright (C) LLMBroker contributors
 *
 * Anthropic's Messages API (version 2023-06-01, read in 2026-08): an answer
 * is a list of content blocks; a stream opens, fills and closes them one
 * after the other.  Told as OpenAI's chat completion by the rules P and S of
 * the wire format, sections 4.2 and 4.3.  Requests: ..._claude_request.c.
 *
 * Tools that Anthropic runs itself are told apart from the client's (P6): it
 * would try to run them.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_answer.h"
#include "provider/ngx_http_llmbroker_claude.h"
#include "provider/ngx_http_llmbroker_delay.h"
#include "provider/ngx_http_llmbroker_fault.h"
#include "provider/ngx_http_llmbroker_meaning.h"


typedef struct {
    const char                      *stop;
    const char                      *finish;
} ngx_http_llmbroker_claude_reason_t;


/* a header of rate limits */
typedef struct {
    ngx_str_t                        name;
    ngx_str_t                        told;
    ngx_uint_t                       time;   /* a time, told as seconds */
    ngx_uint_t                       wins;   /* bit: told of all tokens, */
    ngx_uint_t                       loses;  /* of those of the input only */
} ngx_http_llmbroker_claude_limit_t;


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
static ngx_uint_t ngx_http_llmbroker_claude_cited(
    ngx_http_llmbroker_json_t *content);
static ngx_int_t ngx_http_llmbroker_claude_event(
    ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_sse_event_t *event);
static ngx_uint_t ngx_http_llmbroker_claude_has_error(
    ngx_http_llmbroker_json_t *root);
static ngx_int_t ngx_http_llmbroker_claude_end(
    ngx_http_llmbroker_exchange_t *ex);
static void ngx_http_llmbroker_claude_error(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t status, ngx_http_llmbroker_json_t *root, ngx_str_t *text);
static ngx_int_t ngx_http_llmbroker_claude_header(
    ngx_http_llmbroker_exchange_t *ex, ngx_str_t *name, ngx_str_t *value);
static ngx_int_t ngx_http_llmbroker_claude_limit(
    ngx_http_llmbroker_exchange_t *ex,
    const ngx_http_llmbroker_claude_limit_t *limit, ngx_str_t *name,
    ngx_str_t *value);
static ngx_int_t ngx_http_llmbroker_claude_seconds(
    ngx_http_llmbroker_exchange_t *ex, ngx_str_t *value);
static ngx_int_t ngx_http_llmbroker_claude_sign(
    ngx_http_llmbroker_exchange_t *ex, ngx_str_t *path, ngx_chain_t *body,
    time_t now, ngx_str_t *lines);
static ngx_int_t ngx_http_llmbroker_claude_error_event(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c,
    ngx_http_llmbroker_json_t *root);
static void ngx_http_llmbroker_claude_fault(ngx_http_llmbroker_fault_t *fault);

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
static ngx_int_t ngx_http_llmbroker_claude_ping(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c,
    ngx_http_llmbroker_json_t *root);
static ngx_int_t ngx_http_llmbroker_claude_finish(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c,
    ngx_http_llmbroker_json_t *root);


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
    ngx_http_llmbroker_claude_header,
    ngx_http_llmbroker_claude_sign
};


/* rules H: Anthropic's names after "anthropic-ratelimit-", and OpenAI's */

static const ngx_http_llmbroker_claude_limit_t
    ngx_http_llmbroker_claude_limits[] =
{
    { ngx_string("requests-limit"),
      ngx_string("x-ratelimit-limit-requests"), 0, 0, 0 },
    { ngx_string("requests-remaining"),
      ngx_string("x-ratelimit-remaining-requests"), 0, 0, 0 },
    { ngx_string("requests-reset"),
      ngx_string("x-ratelimit-reset-requests"), 1, 0, 0 },
    { ngx_string("tokens-limit"),
      ngx_string("x-ratelimit-limit-tokens"), 0, 1, 0 },
    { ngx_string("tokens-remaining"),
      ngx_string("x-ratelimit-remaining-tokens"), 0, 2, 0 },
    { ngx_string("tokens-reset"),
      ngx_string("x-ratelimit-reset-tokens"), 1, 4, 0 },
    { ngx_string("input-tokens-limit"),
      ngx_string("x-ratelimit-limit-tokens"), 0, 0, 1 },
    { ngx_string("input-tokens-remaining"),
      ngx_string("x-ratelimit-remaining-tokens"), 0, 0, 2 },
    { ngx_string("input-tokens-reset"),
      ngx_string("x-ratelimit-reset-tokens"), 1, 0, 4 },
    { ngx_null_string, ngx_null_string, 0, 0, 0 }
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

    if (ngx_http_llmbroker_target_models(pool, target, target->base_path.len,
                                         "/models?limit=1000")
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

    if (ngx_http_llmbroker_target_model(pool, target) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_claude_abilities(pool, target);
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
    if (v == NULL && ngx_http_llmbroker_claude_has_error(root)) {
        return ngx_http_llmbroker_claude_error_event(ex, c, root);
    }

    if (v == NULL) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider's answer has no \"content\".");
    }

    rc = ngx_http_llmbroker_claude_start(ex, c, root);
    if (rc != NGX_OK) {
        return rc;
    }

    c->uncited = !ngx_http_llmbroker_claude_cited(v);

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


/* whether a block has sources, which are told with their place in the text */

static ngx_uint_t
ngx_http_llmbroker_claude_cited(ngx_http_llmbroker_json_t *content)
{
    ngx_http_llmbroker_json_t  *block;

    for (block = content->child; block; block = block->next) {

        if (ngx_http_llmbroker_json_get(block, "citations")) {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_llmbroker_claude_event(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_sse_event_t *event)
{
    ngx_int_t                                 rc;
    ngx_str_t                                 type, text;
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

    /* OpenAI's end of a stream, of a server in between */

    if (event->data.len == 6 && ngx_memcmp(event->data.data, "[DONE]", 6) == 0)
    {
        return ngx_http_llmbroker_claude_end(ex);
    }

    if (ngx_http_llmbroker_claude_like(c, &event->data, &text)) {
        return ngx_http_llmbroker_claude_again(ex, c, &text);
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
            break;
        }
    }

    if (e->handler && root->type != NGX_HTTP_LLMBROKER_JSON_OBJECT) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider sent an event that is no object.");
    }

    if (e->handler) {
        return e->handler(ex, c, root);
    }

    /* an error that has no type, of a server in between */

    if (ngx_http_llmbroker_claude_has_error(root)) {
        return ngx_http_llmbroker_claude_error_event(ex, c, root);
    }

    /* S13 */

    return NGX_OK;
}


static ngx_uint_t
ngx_http_llmbroker_claude_has_error(ngx_http_llmbroker_json_t *root)
{
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get(root, "error");

    return v
           && (v->type == NGX_HTTP_LLMBROKER_JSON_OBJECT
               || v->type == NGX_HTTP_LLMBROKER_JSON_STRING);
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
ngx_http_llmbroker_claude_header(ngx_http_llmbroker_exchange_t *ex,
    ngx_str_t *name, ngx_str_t *value)
{
    size_t                                    len;
    const ngx_http_llmbroker_claude_limit_t  *limit;

    len = sizeof("anthropic-ratelimit-") - 1;

    if (name->len <= len
        || ngx_memcmp(name->data, "anthropic-ratelimit-", len) != 0)
    {
        return NGX_DECLINED;
    }

    for (limit = ngx_http_llmbroker_claude_limits; limit->name.len; limit++) {

        if (limit->name.len == name->len - len
            && ngx_memcmp(limit->name.data, name->data + len, limit->name.len)
               == 0)
        {
            return ngx_http_llmbroker_claude_limit(ex, limit, name, value);
        }
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_llmbroker_claude_limit(ngx_http_llmbroker_exchange_t *ex,
    const ngx_http_llmbroker_claude_limit_t *limit, ngx_str_t *name,
    ngx_str_t *value)
{
    ngx_int_t                     rc;
    ngx_http_llmbroker_claude_t  *c;

    c = ngx_http_llmbroker_claude_state(ex);
    if (c == NULL) {
        return NGX_ERROR;
    }

    /* the headers come in any order */

    if (c->limits & limit->loses) {
        return NGX_DECLINED;
    }

    if (limit->time) {
        rc = ngx_http_llmbroker_claude_seconds(ex, value);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    c->limits |= limit->wins;
    *name = limit->told;

    return NGX_OK;
}


/* a time of RFC 3339 becomes "<n>s" from now */

static ngx_int_t
ngx_http_llmbroker_claude_seconds(ngx_http_llmbroker_exchange_t *ex,
    ngx_str_t *value)
{
    time_t   time;
    u_char  *p;

    time = ngx_http_llmbroker_delay_time(value);

    if (time == NGX_ERROR) {
        return NGX_DECLINED;
    }

    p = ngx_pnalloc(ex->pool, NGX_TIME_T_LEN + sizeof("s") - 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value->data = p;
    value->len = ngx_sprintf(p, "%Ts", ngx_max(time - ngx_time(), 0)) - p;

    return NGX_OK;
}


/* R15 */

static ngx_int_t
ngx_http_llmbroker_claude_sign(ngx_http_llmbroker_exchange_t *ex,
    ngx_str_t *path, ngx_chain_t *body, time_t now, ngx_str_t *lines)
{
    ngx_str_t                     betas;
    ngx_http_llmbroker_claude_t  *c;

    ngx_str_set(lines, "");

    c = ex->state;

    if (c == NULL || c->betas.len == 0) {
        return NGX_OK;
    }

    betas.len = c->betas.len;
    betas.data = c->betas.data;

    lines->data = ngx_pnalloc(ex->pool, sizeof("anthropic-beta: " CRLF) - 1
                                        + betas.len);
    if (lines->data == NULL) {
        return NGX_ERROR;
    }

    lines->len = ngx_sprintf(lines->data, "anthropic-beta: %V" CRLF, &betas)
                 - lines->data;

    return NGX_OK;
}


/* S11 */

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

    if (fault->status == 409) {
        ngx_str_set(&fault->code, "conflict");
        return;
    }

    if (fault->status == 400
        && ngx_http_llmbroker_means_context(&fault->code, &fault->message))
    {
        ngx_str_set(&fault->code, "context_length_exceeded");
    }
}


ngx_http_llmbroker_claude_t *
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

    rc = ngx_http_llmbroker_claude_close_all(ex, c);
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

    if (!c->started && ngx_http_llmbroker_answer_choices(ex) == 0) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider ended a message that it has not "
                               "begun.");
    }

    rc = ngx_http_llmbroker_claude_close_all(ex, c);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_claude_finish(ex, c, NULL);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llmbroker_answer_end(ex);
}


/* S10 */

static ngx_int_t
ngx_http_llmbroker_claude_ping(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_http_llmbroker_json_t *root)
{
    return ngx_http_llmbroker_answer_ping(ex);
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

    /* P9: a format's tool is none of the client's */

    if (c->tools == 0 && ngx_strcmp(finish, "tool_calls") == 0) {
        finish = "stop";
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

    rc = ngx_http_llmbroker_claude_specific(ex, c, root);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llmbroker_answer_finish(ex, 0, finish);
}


ngx_str_t
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
