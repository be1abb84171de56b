
/*
 * Copyright (C) LLMBroker contributors
 *
 * OpenAI's own dialect (API reference of 2026-08: chat completions, legacy
 * completions, embeddings), which many vendors speak.  The client's bytes go
 * to the provider and the provider's to the client: answers are checked with
 * a scanner that learns usage and finish reason on the way, never rewritten.
 * Only where one side streams and the other does not is an answer told anew.
 *
 * Where servers differ (wire format section 7.4): errors of many shapes, also
 * with status 200; no "[DONE]"; usage in any chunk, of which the last counts.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "codec/ngx_http_llmbroker_scan.h"
#include "provider/ngx_http_llmbroker_answer.h"
#include "provider/ngx_http_llmbroker_capability.h"
#include "provider/ngx_http_llmbroker_embedding.h"
#include "provider/ngx_http_llmbroker_fault.h"


typedef struct {
    ngx_http_llmbroker_scan_t        scan;
    ngx_uint_t                       elements;   /* of choices or data */
    unsigned                         array:1;    /* choices or data is one */
    unsigned                         error:1;    /* a true "error" */
    unsigned                         usage:1;    /* an object */
    unsigned                         finished:1; /* of the whole answer */
    unsigned                         started:1;  /* check() was called */
    unsigned                         convert:1;  /* vectors of another form */
} ngx_http_llmbroker_openai_t;


#define ngx_http_llmbroker_openai_key(level, text)                           \
    ((level)->key.len == sizeof(text) - 1                                    \
     && ngx_memcmp((level)->key.data, text, sizeof(text) - 1) == 0)


static ngx_int_t ngx_http_llmbroker_openai_configure(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target);
static ngx_int_t ngx_http_llmbroker_openai_check(
    ngx_http_llmbroker_exchange_t *ex, u_char *p, u_char *last);
static ngx_int_t ngx_http_llmbroker_openai_verdict(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_openai_t *o);
static ngx_int_t ngx_http_llmbroker_openai_response(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_t *root);
static ngx_int_t ngx_http_llmbroker_openai_event(
    ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_sse_event_t *event);
static ngx_int_t ngx_http_llmbroker_openai_error_event(
    ngx_http_llmbroker_exchange_t *ex, ngx_str_t *data);
static ngx_int_t ngx_http_llmbroker_openai_aggregate(
    ngx_http_llmbroker_exchange_t *ex, ngx_str_t *data);
static ngx_int_t ngx_http_llmbroker_openai_end(
    ngx_http_llmbroker_exchange_t *ex);
static void ngx_http_llmbroker_openai_error(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t status, ngx_http_llmbroker_json_t *root, ngx_str_t *text);
static ngx_http_llmbroker_openai_t *ngx_http_llmbroker_openai_state(
    ngx_http_llmbroker_exchange_t *ex);
static void ngx_http_llmbroker_openai_start(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_openai_t *o);
static ngx_int_t ngx_http_llmbroker_openai_value(
    ngx_http_llmbroker_scan_t *s, ngx_uint_t depth, off_t end,
    ngx_str_t *text);
static ngx_int_t ngx_http_llmbroker_openai_member(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_scan_level_t *level,
    ngx_str_t *text);
static void ngx_http_llmbroker_openai_usage(ngx_http_llmbroker_usage_t *usage,
    ngx_http_llmbroker_scan_level_t *level, ngx_uint_t depth,
    ngx_str_t *text);
static ngx_int_t ngx_http_llmbroker_openai_fault(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_scan_level_t *level,
    ngx_str_t *text);
static const char *ngx_http_llmbroker_openai_reason(u_char *p, size_t len);
static ngx_int_t ngx_http_llmbroker_openai_choices(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_t *root,
    const char *member);
static ngx_int_t ngx_http_llmbroker_openai_piece(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_http_llmbroker_json_t *piece);
static ngx_int_t ngx_http_llmbroker_openai_content(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_http_llmbroker_json_t *content);
static ngx_int_t ngx_http_llmbroker_openai_tools(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_http_llmbroker_json_t *calls);


const ngx_http_llmbroker_dialect_t  ngx_http_llmbroker_openai = {
    ngx_string("openai"),
    1,
    1 << NGX_HTTP_LLMBROKER_CHAT
    | 1 << NGX_HTTP_LLMBROKER_COMPLETIONS
    | 1 << NGX_HTTP_LLMBROKER_EMBEDDINGS,
    0,
    ngx_http_llmbroker_openai_configure,
    NULL,
    ngx_http_llmbroker_openai_check,
    ngx_http_llmbroker_openai_response,
    ngx_http_llmbroker_openai_event,
    ngx_http_llmbroker_openai_end,
    ngx_http_llmbroker_openai_error,
    NULL,
    NULL
};


static const char  *ngx_http_llmbroker_openai_reasons[] = {
    "stop", "length", "tool_calls", "content_filter", "function_call", NULL
};


static ngx_int_t
ngx_http_llmbroker_openai_configure(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target)
{
    if (ngx_http_llmbroker_target_path(pool, target, NGX_HTTP_LLMBROKER_CHAT,
                                       "/chat/completions")
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_llmbroker_target_path(pool, target,
                                       NGX_HTTP_LLMBROKER_COMPLETIONS,
                                       "/completions")
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_llmbroker_target_path(pool, target,
                                       NGX_HTTP_LLMBROKER_EMBEDDINGS,
                                       "/embeddings")
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_llmbroker_target_headers(pool, target,
                                          "Authorization: Bearer ", "")
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_llmbroker_target_model(pool, target) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_capabilities(pool, target, NULL, NULL);
}


static ngx_int_t
ngx_http_llmbroker_openai_check(ngx_http_llmbroker_exchange_t *ex, u_char *p,
    u_char *last)
{
    ngx_int_t                     rc;
    ngx_http_llmbroker_openai_t  *o;

    o = ngx_http_llmbroker_openai_state(ex);
    if (o == NULL) {
        return NGX_ERROR;
    }

    if (!o->started) {
        o->started = 1;
        ngx_http_llmbroker_openai_start(ex, o);
    }

    if (p < last) {
        rc = ngx_http_llmbroker_scan(&o->scan, p, last);

    } else {
        rc = ngx_http_llmbroker_scan_end(&o->scan);
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider's answer is not valid JSON.");
    }

    if (rc != NGX_OK || p < last) {
        return rc;
    }

    return ngx_http_llmbroker_openai_verdict(ex, o);
}


static ngx_int_t
ngx_http_llmbroker_openai_verdict(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o)
{
    ngx_http_llmbroker_fault_t  *fault;

    if (o->error) {
        fault = &ex->fault;
        fault->status = ngx_http_llmbroker_fault_status(fault);
        ngx_http_llmbroker_fault_own(fault);

        if (fault->message.len == 0) {
            ngx_str_set(&fault->message,
                        "The provider answered with an error.");
        }

        return NGX_DECLINED;
    }

    if (o->array) {
        return (o->convert && !ex->stream) ? NGX_DONE : NGX_OK;
    }

    if (ex->call == NGX_HTTP_LLMBROKER_EMBEDDINGS) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider's answer has no \"data\".");
    }

    return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider's answer has no \"choices\".");
}


/* a JSON answer to a streamed call becomes a stream */

static ngx_int_t
ngx_http_llmbroker_openai_response(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *root)
{
    u_char                     *p;
    ngx_int_t                   rc;
    ngx_str_t                   id, model;
    ngx_http_llmbroker_json_t  *v;

    if (ex->call == NGX_HTTP_LLMBROKER_EMBEDDINGS) {
        return ngx_http_llmbroker_embedding_answer(ex, root);
    }

    p = root->raw.data;

    rc = ngx_http_llmbroker_openai_check(ex, p, p + root->raw.len);

    if (rc == NGX_OK) {
        rc = ngx_http_llmbroker_openai_check(ex, p, p);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    v = ngx_http_llmbroker_json_get(root, "id");
    id = ngx_http_llmbroker_json_inner(v);

    v = ngx_http_llmbroker_json_get(root, "model");
    model = ngx_http_llmbroker_json_inner(v);

    if (ngx_http_llmbroker_answer_start(ex, &id, &model, NULL) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_http_llmbroker_openai_choices(ex, root, "message");
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llmbroker_answer_end(ex);
}


static ngx_int_t
ngx_http_llmbroker_openai_event(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_sse_event_t *event)
{
    u_char                       *p, *last;
    ngx_int_t                     rc;
    ngx_str_t                     data;
    ngx_http_llmbroker_openai_t  *o;

    if (ex->done) {
        return NGX_OK;
    }

    p = event->data.data;
    last = p + event->data.len;

    while (p < last && (*p == ' ' || *p == '\t' || *p == LF)) {
        p++;
    }

    while (p < last && (last[-1] == ' ' || last[-1] == '\t' || last[-1] == LF))
    {
        last--;
    }

    data.data = p;
    data.len = last - p;

    if (data.len == sizeof("[DONE]") - 1
        && ngx_memcmp(p, "[DONE]", sizeof("[DONE]") - 1) == 0)
    {
        if (ex->stream) {
            ex->done = 1;
            return NGX_DONE;
        }

        if (ngx_http_llmbroker_answer_choices(ex)) {
            return ngx_http_llmbroker_answer_end(ex);
        }

        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider's answer has no \"choices\".");
    }

    o = ngx_http_llmbroker_openai_state(ex);
    if (o == NULL) {
        return NGX_ERROR;
    }

    ngx_http_llmbroker_openai_start(ex, o);

    rc = ngx_http_llmbroker_scan(&o->scan, p, last);

    if (rc == NGX_OK) {
        rc = ngx_http_llmbroker_scan_end(&o->scan);
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                          "The provider sent an event that is not JSON.");
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (o->error
        || (event->type.len == sizeof("error") - 1
            && ngx_memcmp(event->type.data, "error", sizeof("error") - 1)
               == 0))
    {
        return ngx_http_llmbroker_openai_error_event(ex, &data);
    }

    if (!ex->stream) {
        return ngx_http_llmbroker_openai_aggregate(ex, &data);
    }

    /* usage was asked for our log, not for this client */

    if (o->usage && o->array && o->elements == 0 && !ex->usage_wanted) {
        return NGX_OK;
    }

    return NGX_DONE;
}


static ngx_int_t
ngx_http_llmbroker_openai_error_event(ngx_http_llmbroker_exchange_t *ex,
    ngx_str_t *data)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *root;

    rc = ngx_http_llmbroker_json_parse(ex->temp, data->data, data->len, &root);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc != NGX_OK) {
        root = NULL;
    }

    ngx_http_llmbroker_fault_read(ex, 0, root, NULL);

    ex->fault.status = ngx_http_llmbroker_fault_status(&ex->fault);
    ngx_http_llmbroker_fault_own(&ex->fault);

    return NGX_DECLINED;
}


/* an event of a stream that was not asked for */

static ngx_int_t
ngx_http_llmbroker_openai_aggregate(ngx_http_llmbroker_exchange_t *ex,
    ngx_str_t *data)
{
    ngx_int_t                   rc;
    ngx_str_t                   id, model;
    ngx_http_llmbroker_json_t  *root, *v;

    if (ex->call == NGX_HTTP_LLMBROKER_EMBEDDINGS) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider answered with a stream.");
    }

    rc = ngx_http_llmbroker_json_parse(ex->temp, data->data, data->len, &root);

    if (rc == NGX_DECLINED) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider sent an event that is not valid "
                               "UTF-8.");
    }

    if (rc != NGX_OK) {
        return rc;
    }

    /* Azure's first chunk has neither a name nor a choice */

    v = ngx_http_llmbroker_json_get_type(root, "choices",
                                         NGX_HTTP_LLMBROKER_JSON_ARRAY);
    if (v == NULL || v->child == NULL) {
        return NGX_OK;
    }

    v = ngx_http_llmbroker_json_get(root, "id");
    id = ngx_http_llmbroker_json_inner(v);

    v = ngx_http_llmbroker_json_get(root, "model");
    model = ngx_http_llmbroker_json_inner(v);

    if (ngx_http_llmbroker_answer_start(ex, &id, &model, NULL) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_openai_choices(ex, root, "delta");
}


static ngx_int_t
ngx_http_llmbroker_openai_end(ngx_http_llmbroker_exchange_t *ex)
{
    ngx_http_llmbroker_openai_t  *o;

    if (ex->done) {
        return NGX_OK;
    }

    o = ex->state;

    if (o == NULL || !o->finished) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider ended the stream before the "
                               "answer was complete.");
    }

    if (!ex->stream) {
        return ngx_http_llmbroker_answer_end(ex);
    }

    ex->done = 1;

    return ngx_http_llmbroker_out_copy(ex->out, "data: [DONE]\n\n",
                                       sizeof("data: [DONE]\n\n") - 1);
}


static void
ngx_http_llmbroker_openai_error(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t status, ngx_http_llmbroker_json_t *root, ngx_str_t *text)
{
    ngx_http_llmbroker_fault_read(ex, status, root, text);
    ngx_http_llmbroker_fault_own(&ex->fault);
}


static ngx_http_llmbroker_openai_t *
ngx_http_llmbroker_openai_state(ngx_http_llmbroker_exchange_t *ex)
{
    if (ex->state == NULL) {
        ex->state = ngx_pcalloc(ex->pool, sizeof(ngx_http_llmbroker_openai_t));
    }

    return ex->state;
}


static void
ngx_http_llmbroker_openai_start(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o)
{
    o->elements = 0;
    o->array = 0;
    o->error = 0;
    o->usage = 0;

    ngx_http_llmbroker_scan_init(&o->scan, NGX_HTTP_LLMBROKER_SCAN_OBJECT, 3,
                                 ngx_http_llmbroker_openai_value, ex);
}


static ngx_int_t
ngx_http_llmbroker_openai_value(ngx_http_llmbroker_scan_t *s,
    ngx_uint_t depth, off_t end, ngx_str_t *text)
{
    const char                       *reason;
    ngx_http_llmbroker_openai_t      *o;
    ngx_http_llmbroker_exchange_t    *ex;
    ngx_http_llmbroker_scan_level_t  *level;

    ex = s->data;
    o = ex->state;
    level = s->level;

    if (depth == 1) {
        return ngx_http_llmbroker_openai_member(ex, &level[1], text);
    }

    if (ngx_http_llmbroker_openai_key(&level[1], "usage")) {
        ngx_http_llmbroker_openai_usage(&ex->usage, level, depth, text);
        return NGX_OK;
    }

    if (depth == 2) {

        if (ngx_http_llmbroker_openai_key(&level[1], "error")) {
            return ngx_http_llmbroker_openai_fault(ex, &level[2], text);
        }

        o->elements += ngx_http_llmbroker_openai_key(&level[1], "choices");

        return NGX_OK;
    }

    /* depth == 3 */

    if (ngx_http_llmbroker_openai_key(&level[3], "embedding")) {
        o->convert |= ngx_http_llmbroker_embedding_differs(ex, level[3].type);
    }

    if (level[3].type != NGX_HTTP_LLMBROKER_JSON_STRING
        || text->data == NULL
        || !ngx_http_llmbroker_openai_key(&level[3], "finish_reason")
        || !ngx_http_llmbroker_openai_key(&level[1], "choices"))
    {
        return NGX_OK;
    }

    reason = ngx_http_llmbroker_openai_reason(text->data + 1, text->len - 2);

    if (reason == NULL) {
        return NGX_OK;
    }

    o->finished = 1;

    if (ex->finish_reason.len == 0) {
        ex->finish_reason.len = ngx_strlen(reason);
        ex->finish_reason.data = (u_char *) reason;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_openai_member(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_scan_level_t *level, ngx_str_t *text)
{
    ngx_http_llmbroker_openai_t  *o;

    o = ex->state;

    if (level->type == NGX_HTTP_LLMBROKER_JSON_ARRAY) {

        if (ex->call == NGX_HTTP_LLMBROKER_EMBEDDINGS) {
            o->array |= ngx_http_llmbroker_openai_key(level, "data");

        } else {
            o->array |= ngx_http_llmbroker_openai_key(level, "choices");
        }
    }

    if (level->type == NGX_HTTP_LLMBROKER_JSON_OBJECT
        && ngx_http_llmbroker_openai_key(level, "usage"))
    {
        o->usage = 1;
        return NGX_OK;
    }

    if (!ngx_http_llmbroker_openai_key(level, "error")
        || level->type == NGX_HTTP_LLMBROKER_JSON_NULL
        || (text->data && text->len == 5
            && ngx_memcmp(text->data, "false", 5) == 0)
        || (text->data && text->len == 2
            && ngx_memcmp(text->data, "\"\"", 2) == 0))
    {
        return NGX_OK;
    }

    o->error = 1;

    /* xAI's error is a string */

    if (level->type != NGX_HTTP_LLMBROKER_JSON_STRING) {
        return NGX_OK;
    }

    return ngx_http_llmbroker_openai_fault(ex, NULL, text);
}


static void
ngx_http_llmbroker_openai_usage(ngx_http_llmbroker_usage_t *usage,
    ngx_http_llmbroker_scan_level_t *level, ngx_uint_t depth, ngx_str_t *text)
{
    ngx_int_t  n;

    if (level[depth].type != NGX_HTTP_LLMBROKER_JSON_NUMBER) {
        return;
    }

    n = ngx_atoi(text->data, text->len);

    if (n == NGX_ERROR) {
        return;
    }

    if (depth == 2) {

        if (ngx_http_llmbroker_openai_key(&level[2], "prompt_tokens")) {
            usage->prompt = n;

        } else if (ngx_http_llmbroker_openai_key(&level[2],
                                                 "completion_tokens"))
        {
            usage->completion = n;

        } else if (ngx_http_llmbroker_openai_key(&level[2], "total_tokens")) {
            usage->total = n;
        }

        return;
    }

    /* depth == 3 */

    if (ngx_http_llmbroker_openai_key(&level[2], "prompt_tokens_details")) {

        if (ngx_http_llmbroker_openai_key(&level[3], "cached_tokens")) {
            usage->cached = n;

        } else if (ngx_http_llmbroker_openai_key(&level[3],
                                                 "cache_write_tokens"))
        {
            usage->cache_write = n;
        }

    } else if (ngx_http_llmbroker_openai_key(&level[2],
                                             "completion_tokens_details")
               && ngx_http_llmbroker_openai_key(&level[3],
                                                "reasoning_tokens"))
    {
        usage->reasoning = n;
    }
}


/* a member of an error, or the error itself when level is NULL */

static ngx_int_t
ngx_http_llmbroker_openai_fault(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_scan_level_t *level, ngx_str_t *text)
{
    u_char                      *last;
    ngx_str_t                   *dst, plain;
    ngx_http_llmbroker_fault_t  *fault;

    if (text->data == NULL) {
        return NGX_OK;
    }

    fault = &ex->fault;

    if (level == NULL || ngx_http_llmbroker_openai_key(level, "message")) {
        dst = &fault->message;

    } else if (ngx_http_llmbroker_openai_key(level, "type")) {
        dst = &fault->type;

    } else if (ngx_http_llmbroker_openai_key(level, "code")) {
        dst = &fault->code;

    } else if (ngx_http_llmbroker_openai_key(level, "param")) {
        dst = &fault->param;

    } else {
        return NGX_OK;
    }

    if (level && level->type == NGX_HTTP_LLMBROKER_JSON_NUMBER) {
        return ngx_http_llmbroker_fault_copy(ex, dst, text);
    }

    if (text->data[0] != '"') {
        return NGX_OK;
    }

    plain.data = ngx_pnalloc(ex->pool, text->len);
    if (plain.data == NULL) {
        return NGX_ERROR;
    }

    last = ngx_http_llmbroker_json_decode(plain.data, text->data + 1,
                                          text->len - 2);
    if (last == NULL) {
        return NGX_OK;
    }

    plain.len = last - plain.data;

    return ngx_http_llmbroker_fault_copy(ex, dst, &plain);
}


/*
 * The reason as static text; NULL where a choice has not ended, for which
 * some servers say "" or "null"; "stop" for words that OpenAI does not have.
 */

static const char *
ngx_http_llmbroker_openai_reason(u_char *p, size_t len)
{
    const char  **reason;

    if (len == 0 || (len == 4 && ngx_memcmp(p, "null", 4) == 0)) {
        return NULL;
    }

    for (reason = ngx_http_llmbroker_openai_reasons; *reason; reason++) {

        if (ngx_strlen(*reason) == len && ngx_memcmp(*reason, p, len) == 0) {
            return *reason;
        }
    }

    return "stop";
}


static ngx_int_t
ngx_http_llmbroker_openai_choices(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *root, const char *member)
{
    ngx_int_t                   rc;
    ngx_str_t                   text;
    ngx_uint_t                  n, position;
    const char                 *reason;
    ngx_http_llmbroker_json_t  *choice, *v;

    choice = ngx_http_llmbroker_json_get(root, "choices")->child;

    for (position = 0; choice; choice = choice->next, position++) {

        v = ngx_http_llmbroker_json_get(choice, "index");
        n = ngx_http_llmbroker_json_int(v, position);

        if (ex->call == NGX_HTTP_LLMBROKER_COMPLETIONS) {
            v = ngx_http_llmbroker_json_get(choice, "text");
            text = ngx_http_llmbroker_json_inner(v);
            rc = ngx_http_llmbroker_answer_text(ex, n, &text);

        } else {
            v = ngx_http_llmbroker_json_get(choice, member);
            rc = ngx_http_llmbroker_openai_piece(ex, n, v);
        }

        if (rc != NGX_OK) {
            return rc;
        }

        v = ngx_http_llmbroker_json_get(choice, "finish_reason");
        text = ngx_http_llmbroker_json_inner(v);
        reason = ngx_http_llmbroker_openai_reason(text.data, text.len);

        if (reason == NULL && ex->stream) {
            reason = "stop";
        }

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


/* a message or a delta */

static ngx_int_t
ngx_http_llmbroker_openai_piece(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_json_t *piece)
{
    ngx_int_t                   rc;
    ngx_str_t                   text;
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get_type(piece, "reasoning_content",
                                         NGX_HTTP_LLMBROKER_JSON_STRING);
    if (v == NULL) {
        v = ngx_http_llmbroker_json_get(piece, "reasoning");
    }

    text = ngx_http_llmbroker_json_inner(v);

    if (text.len) {
        rc = ngx_http_llmbroker_answer_reasoning(ex, n, &text);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    v = ngx_http_llmbroker_json_get(piece, "content");

    rc = ngx_http_llmbroker_openai_content(ex, n, v);
    if (rc != NGX_OK) {
        return rc;
    }

    v = ngx_http_llmbroker_json_get(piece, "refusal");
    text = ngx_http_llmbroker_json_inner(v);

    rc = ngx_http_llmbroker_answer_refusal(ex, n, &text);
    if (rc != NGX_OK) {
        return rc;
    }

    v = ngx_http_llmbroker_json_get_type(piece, "annotations",
                                         NGX_HTTP_LLMBROKER_JSON_ARRAY);

    for (v = v ? v->child : NULL; v; v = v->next) {
        rc = ngx_http_llmbroker_answer_annotation(ex, n, &v->raw);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (ngx_http_llmbroker_json_get_type(piece, "function_call",
                                         NGX_HTTP_LLMBROKER_JSON_OBJECT))
    {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider's answer holds a function_call, "
                               "which cannot be told in the form that was "
                               "asked for.");
    }

    v = ngx_http_llmbroker_json_get_type(piece, "tool_calls",
                                         NGX_HTTP_LLMBROKER_JSON_ARRAY);
    if (v == NULL) {
        return NGX_OK;
    }

    return ngx_http_llmbroker_openai_tools(ex, n, v);
}


/* a string, or with some servers parts, of which those with text count */

static ngx_int_t
ngx_http_llmbroker_openai_content(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_json_t *content)
{
    ngx_int_t                   rc;
    ngx_str_t                   text;
    ngx_http_llmbroker_json_t  *v, *part;

    text = ngx_http_llmbroker_json_inner(content);

    rc = ngx_http_llmbroker_answer_text(ex, n, &text);

    if (rc != NGX_OK
        || content == NULL
        || content->type != NGX_HTTP_LLMBROKER_JSON_ARRAY)
    {
        return rc;
    }

    for (part = content->child; part; part = part->next) {
        v = ngx_http_llmbroker_json_get(part, "text");
        text = ngx_http_llmbroker_json_inner(v);

        rc = ngx_http_llmbroker_answer_text(ex, n, &text);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_openai_tools(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_json_t *calls)
{
    ngx_int_t                   rc;
    ngx_str_t                   id, text;
    ngx_uint_t                  index, position;
    ngx_http_llmbroker_json_t  *call, *function, *v;

    call = calls->child;

    for (position = 0; call; call = call->next, position++) {

        v = ngx_http_llmbroker_json_get(call, "index");
        index = ngx_http_llmbroker_json_int(v, position);

        function = ngx_http_llmbroker_json_get(call, "function");

        if (index >= ngx_http_llmbroker_answer_tools(ex, n)) {

            if (function == NULL) {
                return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider's answer holds a tool call "
                               "that is no function.");
            }

            v = ngx_http_llmbroker_json_get(call, "id");
            id = ngx_http_llmbroker_json_inner(v);

            v = ngx_http_llmbroker_json_get(function, "name");
            text = ngx_http_llmbroker_json_inner(v);

            rc = ngx_http_llmbroker_answer_tool(ex, n, index, &id, &text);
            if (rc != NGX_OK) {
                return rc;
            }
        }

        v = ngx_http_llmbroker_json_get(function, "arguments");
        text = ngx_http_llmbroker_json_inner(v);

        rc = ngx_http_llmbroker_answer_arguments(ex, n, index, &text);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}
