
/*
 * Copyright (C) LLMBroker contributors
 *
 * Gemini's generateContent (Google's Gemini API and Vertex AI, read in
 * 2026-11; wire format section 7.1).  The model stands in the path.  A request
 * is {"contents", "systemInstruction", "tools", "toolConfig",
 * "generationConfig"}; an answer has candidates, each a list of parts: text,
 * thoughts, whole function calls.  A stream is asked for by another method,
 * its events are answers with new parts and the usage so far, and it ends
 * with the connection.  The OpenAI interface of Google is OpenAI's dialect.
 * Requests: ..._gemini_request.c.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_answer.h"
#include "provider/ngx_http_llmbroker_fault.h"
#include "provider/ngx_http_llmbroker_gemini.h"


typedef struct {
    const char                      *word;
    const char                      *finish;
} ngx_http_llmbroker_gemini_finish_t;


typedef struct {
    const char                      *word;
    ngx_uint_t                       status;
} ngx_http_llmbroker_gemini_status_t;


static ngx_int_t ngx_http_llmbroker_gemini_response(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_t *root);
static ngx_int_t ngx_http_llmbroker_gemini_event(
    ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_sse_event_t *event);
static ngx_int_t ngx_http_llmbroker_gemini_end(
    ngx_http_llmbroker_exchange_t *ex);
static ngx_int_t ngx_http_llmbroker_gemini_finish(
    ngx_http_llmbroker_exchange_t *ex);
static void ngx_http_llmbroker_gemini_error(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t status, ngx_http_llmbroker_json_t *root, ngx_str_t *text);
static ngx_int_t ngx_http_llmbroker_gemini_frames(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_t *root);
static ngx_int_t ngx_http_llmbroker_gemini_frame(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_t *root);
static ngx_int_t ngx_http_llmbroker_gemini_start(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_gemini_t *g,
    ngx_http_llmbroker_json_t *root);
static void ngx_http_llmbroker_gemini_usage(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_gemini_t *g, ngx_http_llmbroker_json_t *usage);
static ngx_int_t ngx_http_llmbroker_gemini_blocked(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_t *feedback);
static ngx_int_t ngx_http_llmbroker_gemini_choice(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_http_llmbroker_gemini_choice_t **choice);
static ngx_int_t ngx_http_llmbroker_gemini_candidate(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_http_llmbroker_json_t *candidate);
static ngx_int_t ngx_http_llmbroker_gemini_reason(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_http_llmbroker_gemini_choice_t *c,
    ngx_http_llmbroker_json_t *candidate);
static void ngx_http_llmbroker_gemini_fault(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *root);


const ngx_http_llmbroker_dialect_t  ngx_http_llmbroker_gemini = {
    ngx_string("gemini"),
    0,
    1 << NGX_HTTP_LLMBROKER_CHAT
    | 1 << NGX_HTTP_LLMBROKER_COMPLETIONS
    | 1 << NGX_HTTP_LLMBROKER_EMBEDDINGS,
    0,
    ngx_http_llmbroker_gemini_configure,
    ngx_http_llmbroker_gemini_build,
    NULL,
    ngx_http_llmbroker_gemini_response,
    ngx_http_llmbroker_gemini_event,
    ngx_http_llmbroker_gemini_end,
    ngx_http_llmbroker_gemini_error,
    NULL,
    NULL
};


/* those that are in no row, known or not, are a stop */

static const ngx_http_llmbroker_gemini_finish_t
    ngx_http_llmbroker_gemini_finishes[] =
{
    { "MAX_TOKENS", "length" },
    { "SAFETY", "content_filter" },
    { "RECITATION", "content_filter" },
    { "BLOCKLIST", "content_filter" },
    { "PROHIBITED_CONTENT", "content_filter" },
    { "SPII", "content_filter" },
    { "LANGUAGE", "content_filter" },
    { "MODEL_ARMOR", "content_filter" },
    { "IMAGE_SAFETY", "content_filter" },
    { "IMAGE_PROHIBITED_CONTENT", "content_filter" },
    { "IMAGE_RECITATION", "content_filter" },
    { NULL, NULL }
};


static const ngx_http_llmbroker_gemini_status_t
    ngx_http_llmbroker_gemini_statuses[] =
{
    { "INVALID_ARGUMENT", 400 },
    { "FAILED_PRECONDITION", 400 },
    { "OUT_OF_RANGE", 400 },
    { "UNAUTHENTICATED", 401 },
    { "PERMISSION_DENIED", 403 },
    { "NOT_FOUND", 404 },
    { "ABORTED", 409 },
    { "ALREADY_EXISTS", 409 },
    { "RESOURCE_EXHAUSTED", 429 },
    { "CANCELLED", 499 },
    { "INTERNAL", 500 },
    { "UNKNOWN", 500 },
    { "DATA_LOSS", 500 },
    { "UNIMPLEMENTED", 501 },
    { "UNAVAILABLE", 503 },
    { "DEADLINE_EXCEEDED", 504 },
    { NULL, 0 }
};


static ngx_int_t
ngx_http_llmbroker_gemini_response(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *root)
{
    ngx_int_t                            rc;
    ngx_uint_t                           i;
    ngx_http_llmbroker_gemini_t         *g;
    ngx_http_llmbroker_gemini_choice_t  *c;

    if (ex->call == NGX_HTTP_LLMBROKER_EMBEDDINGS
        && ngx_http_llmbroker_json_get(root, "error") == NULL)
    {
        return ngx_http_llmbroker_gemini_embedded(ex, root);
    }

    rc = ngx_http_llmbroker_gemini_frames(ex, root);
    if (rc != NGX_OK) {
        return rc;
    }

    g = ex->state;

    if (g == NULL || g->choices.nelts == 0) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                              "The provider's answer has no \"candidates\".");
    }

    /* a whole answer need not say why it ended */

    c = g->choices.elts;

    for (i = 0; i < g->choices.nelts; i++) {
        if (c[i].finish == NULL) {
            c[i].finish = "stop";
        }
    }

    return ngx_http_llmbroker_gemini_finish(ex);
}


static ngx_int_t
ngx_http_llmbroker_gemini_event(ngx_http_llmbroker_exchange_t *ex,
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

    return ngx_http_llmbroker_gemini_frames(ex, root);
}


static ngx_int_t
ngx_http_llmbroker_gemini_end(ngx_http_llmbroker_exchange_t *ex)
{
    ngx_uint_t                           i;
    ngx_http_llmbroker_gemini_t         *g;
    ngx_http_llmbroker_gemini_choice_t  *c;

    g = ex->state;

    if (g == NULL || g->choices.nelts == 0) {
        goto cut;
    }

    c = g->choices.elts;

    for (i = 0; i < g->choices.nelts; i++) {
        if (c[i].finish == NULL) {
            goto cut;
        }
    }

    return ngx_http_llmbroker_gemini_finish(ex);

cut:

    return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                           "The provider ended the stream before the answer "
                           "was complete.");
}


/* a reason may come in several events, and text behind it: it waits */

static ngx_int_t
ngx_http_llmbroker_gemini_finish(ngx_http_llmbroker_exchange_t *ex)
{
    ngx_int_t                            rc;
    ngx_uint_t                           i;
    const char                          *finish;
    ngx_http_llmbroker_gemini_t         *g;
    ngx_http_llmbroker_gemini_choice_t  *c;

    g = ex->state;
    c = g->choices.elts;

    for (i = 0; i < g->choices.nelts; i++) {

        rc = ngx_http_llmbroker_gemini_end_pieces(ex, i, &c[i]);
        if (rc != NGX_OK) {
            return rc;
        }

        finish = c[i].finish;

        if (ngx_strcmp(finish, "stop") == 0
            && ngx_http_llmbroker_answer_tools(ex, i))
        {
            finish = "tool_calls";
        }

        rc = ngx_http_llmbroker_answer_finish(ex, i, finish);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_http_llmbroker_answer_end(ex);
}


static void
ngx_http_llmbroker_gemini_error(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t status, ngx_http_llmbroker_json_t *root, ngx_str_t *text)
{
    ngx_http_llmbroker_fault_read(ex, status, root, text);
    ngx_http_llmbroker_gemini_fault(ex, root);
}


/* without "alt=sse" a stream is an array of its events */

static ngx_int_t
ngx_http_llmbroker_gemini_frames(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *root)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *frame;

    if (root->type != NGX_HTTP_LLMBROKER_JSON_ARRAY) {
        return ngx_http_llmbroker_gemini_frame(ex, root);
    }

    for (frame = root->child; frame; frame = frame->next) {
        rc = ngx_http_llmbroker_gemini_frame(ex, frame);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/* an answer, or a part of it */

static ngx_int_t
ngx_http_llmbroker_gemini_frame(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *root)
{
    ngx_int_t                     rc;
    ngx_uint_t                    position;
    ngx_http_llmbroker_json_t    *v, *candidate;
    ngx_http_llmbroker_gemini_t  *g;

    if (root->type != NGX_HTTP_LLMBROKER_JSON_OBJECT
        || ngx_http_llmbroker_json_get(root, "error"))
    {
        ngx_http_llmbroker_gemini_error(ex, 0, root, NULL);
        return NGX_DECLINED;
    }

    g = ngx_http_llmbroker_gemini_state(ex);

    if (g == NULL || ngx_http_llmbroker_gemini_start(ex, g, root) != NGX_OK) {
        return NGX_ERROR;
    }

    v = ngx_http_llmbroker_json_get_type(root, "usageMetadata",
                                         NGX_HTTP_LLMBROKER_JSON_OBJECT);
    ngx_http_llmbroker_gemini_usage(ex, g, v);

    rc = ngx_http_llmbroker_answer_member_typed(ex, root, "candidates",
                                               NGX_HTTP_LLMBROKER_JSON_ARRAY);
    if (rc != NGX_OK) {
        return rc;
    }

    v = ngx_http_llmbroker_json_get_type(root, "candidates",
                                         NGX_HTTP_LLMBROKER_JSON_ARRAY);

    candidate = v ? v->child : NULL;

    for (position = 0; candidate; candidate = candidate->next, position++) {

        v = ngx_http_llmbroker_json_get(candidate, "index");

        rc = ngx_http_llmbroker_gemini_candidate(ex,
                                  ngx_http_llmbroker_json_int(v, position),
                                  candidate);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    v = ngx_http_llmbroker_json_get(root, "promptFeedback");

    if (g->choices.nelts == 0
        && ngx_http_llmbroker_json_get(v, "blockReason"))
    {
        return ngx_http_llmbroker_gemini_blocked(ex, v);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_gemini_start(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_gemini_t *g, ngx_http_llmbroker_json_t *root)
{
    ngx_str_t                   id, model;
    const char                 *tier;
    ngx_http_llmbroker_json_t  *v;

    if (g->started) {
        return NGX_OK;
    }

    g->started = 1;

    v = ngx_http_llmbroker_json_get(root, "responseId");
    id = ngx_http_llmbroker_json_inner(v);

    if (id.len) {
        g->id.data = ngx_pstrdup(ex->pool, &id);
        if (g->id.data == NULL) {
            return NGX_ERROR;
        }

        g->id.len = id.len;
    }

    v = ngx_http_llmbroker_json_get(root, "modelVersion");
    model = ngx_http_llmbroker_json_inner(v);

    tier = NULL;

    v = ngx_http_llmbroker_json_get(root, "usageMetadata");
    v = ngx_http_llmbroker_json_get(v, "serviceTier");

    /* P13 */

    if (ngx_http_llmbroker_json_is(v, "standard")) {
        tier = "default";

    } else if (ngx_http_llmbroker_json_is(v, "priority")) {
        tier = "priority";

    } else if (ngx_http_llmbroker_json_is(v, "flex")) {
        tier = "flex";
    }

    return ngx_http_llmbroker_answer_start(ex, &g->id, &model, tier);
}


/* the last counts of each kind hold */

static void
ngx_http_llmbroker_gemini_usage(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_gemini_t *g, ngx_http_llmbroker_json_t *usage)
{
    ngx_http_llmbroker_json_t   *v;
    ngx_http_llmbroker_usage_t  *u;

    if (usage == NULL) {
        return;
    }

    u = &ex->usage;

    v = ngx_http_llmbroker_json_get(usage, "promptTokenCount");
    g->prompt = ngx_http_llmbroker_json_int(v, g->prompt);

    v = ngx_http_llmbroker_json_get(usage, "toolUsePromptTokenCount");
    g->results = ngx_http_llmbroker_json_int(v, g->results);

    v = ngx_http_llmbroker_json_get(usage, "candidatesTokenCount");
    g->output = ngx_http_llmbroker_json_int(v, g->output);

    v = ngx_http_llmbroker_json_get(usage, "thoughtsTokenCount");
    g->thoughts = ngx_http_llmbroker_json_int(v, g->thoughts);

    v = ngx_http_llmbroker_json_get(usage, "cachedContentTokenCount");
    u->cached = ngx_http_llmbroker_json_int(v, u->cached);

    v = ngx_http_llmbroker_json_get(usage, "totalTokenCount");
    u->total = ngx_http_llmbroker_json_int(v, u->total);

    u->prompt = ngx_http_llmbroker_sum(g->prompt, g->results);
    u->completion = ngx_http_llmbroker_sum(g->output, g->thoughts);
    u->reasoning = g->thoughts;
}


/* the prompt was refused: there is no candidate */

static ngx_int_t
ngx_http_llmbroker_gemini_blocked(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *feedback)
{
    ngx_int_t                            rc;
    ngx_str_t                            inner;
    ngx_http_llmbroker_json_t           *v;
    ngx_http_llmbroker_gemini_choice_t  *c;

    rc = ngx_http_llmbroker_gemini_choice(ex, 0, &c);
    if (rc != NGX_OK) {
        return rc;
    }

    c->finish = "content_filter";

    v = ngx_http_llmbroker_json_get(feedback, "blockReasonMessage");
    inner = ngx_http_llmbroker_json_inner(v);

    if (inner.len == 0) {
        ngx_str_set(&inner, "The provider refused the prompt.");
    }

    rc = ngx_http_llmbroker_answer_refusal(ex, 0, &inner);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llmbroker_gemini_specific(ex, 0, feedback, NULL);
}


ngx_http_llmbroker_gemini_t *
ngx_http_llmbroker_gemini_state(ngx_http_llmbroker_exchange_t *ex)
{
    ngx_http_llmbroker_gemini_t  *g;

    if (ex->state) {
        return ex->state;
    }

    g = ngx_pcalloc(ex->pool, sizeof(ngx_http_llmbroker_gemini_t));
    if (g == NULL) {
        return NULL;
    }

    if (ngx_array_init(&g->choices, ex->pool, 1,
                       sizeof(ngx_http_llmbroker_gemini_choice_t))
        != NGX_OK)
    {
        return NULL;
    }

    g->prompt = -1;
    g->results = -1;
    g->output = -1;
    g->thoughts = -1;

    ex->state = g;

    return g;
}


static ngx_int_t
ngx_http_llmbroker_gemini_choice(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_gemini_choice_t **choice)
{
    ngx_http_llmbroker_gemini_t         *g;
    ngx_http_llmbroker_gemini_choice_t  *c;

    g = ex->state;
    *choice = NULL;

    if (n >= NGX_HTTP_LLMBROKER_ANSWER_CHOICES) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider answered with too many "
                               "choices.");
    }

    while (n >= g->choices.nelts) {

        c = ngx_array_push(&g->choices);
        if (c == NULL) {
            return NGX_ERROR;
        }

        ngx_memzero(c, sizeof(ngx_http_llmbroker_gemini_choice_t));
    }

    c = g->choices.elts;
    *choice = &c[n];

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_gemini_candidate(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_json_t *candidate)
{
    ngx_int_t                            rc;
    ngx_http_llmbroker_json_t           *v, *part, *grounding;
    ngx_http_llmbroker_gemini_rest_t     rest;
    ngx_http_llmbroker_gemini_choice_t  *c;

    rc = ngx_http_llmbroker_gemini_choice(ex, n, &c);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_answer_member_typed(ex, candidate, "content",
                                              NGX_HTTP_LLMBROKER_JSON_OBJECT);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_memzero(&rest, sizeof(ngx_http_llmbroker_gemini_rest_t));

    grounding = ngx_http_llmbroker_json_get(candidate, "groundingMetadata");

    if (grounding) {
        ((ngx_http_llmbroker_gemini_t *) ex->state)->search = 1;
    }

    v = ngx_http_llmbroker_json_get(candidate, "content");

    rc = ngx_http_llmbroker_answer_member_typed(ex, v, "parts",
                                               NGX_HTTP_LLMBROKER_JSON_ARRAY);
    if (rc != NGX_OK) {
        return rc;
    }

    v = ngx_http_llmbroker_json_get_type(v, "parts",
                                         NGX_HTTP_LLMBROKER_JSON_ARRAY);

    for (part = v ? v->child : NULL; part; part = part->next) {
        rc = ngx_http_llmbroker_gemini_part(ex, n, c, &rest, part);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    v = ngx_http_llmbroker_json_get(candidate, "logprobsResult");

    rc = ngx_http_llmbroker_gemini_logprobs(ex, n, v);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_gemini_rest(ex, n, &rest);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_gemini_grounding(ex, n, c, grounding);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_gemini_specific(ex, n, candidate, &rest.parts);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llmbroker_gemini_reason(ex, n, c, candidate);
}


static ngx_int_t
ngx_http_llmbroker_gemini_reason(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_gemini_choice_t *c,
    ngx_http_llmbroker_json_t *candidate)
{
    ngx_str_t                                  inner;
    ngx_http_llmbroker_json_t                 *reason, *v;
    const ngx_http_llmbroker_gemini_finish_t  *row;

    reason = ngx_http_llmbroker_json_get_type(candidate, "finishReason",
                                              NGX_HTTP_LLMBROKER_JSON_STRING);

    if (reason == NULL
        || ngx_http_llmbroker_json_is(reason, "")
        || ngx_http_llmbroker_json_is(reason, "FINISH_REASON_UNSPECIFIED"))
    {
        return NGX_OK;
    }

    for (row = ngx_http_llmbroker_gemini_finishes; row->word; row++) {
        if (ngx_http_llmbroker_json_is(reason, row->word)) {
            break;
        }
    }

    if (row->word == NULL) {
        c->finish = c->finish ? c->finish : "stop";
        return NGX_OK;
    }

    /* the reason may come again */

    if (c->finish && ngx_strcmp(c->finish, row->finish) == 0) {
        return NGX_OK;
    }

    c->finish = row->finish;

    /* P11 */

    if (ngx_strcmp(row->finish, "content_filter") == 0) {
        v = ngx_http_llmbroker_json_get(candidate, "finishMessage");
        inner = ngx_http_llmbroker_json_inner(v);

        return ngx_http_llmbroker_answer_refusal(ex, n, &inner);
    }

    return NGX_OK;
}


/* the word "status" says more than a number, and a bad key is a 400 */

static void
ngx_http_llmbroker_gemini_fault(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *root)
{
    ngx_str_t                                  reason;
    ngx_http_llmbroker_json_t                 *error, *v;
    ngx_http_llmbroker_fault_t                *fault;
    const ngx_http_llmbroker_gemini_status_t  *row;

    fault = &ex->fault;

    if (root && root->type == NGX_HTTP_LLMBROKER_JSON_ARRAY) {
        root = root->child;
    }

    error = ngx_http_llmbroker_json_get(root, "error");
    v = ngx_http_llmbroker_json_get(error, "status");

    for (row = ngx_http_llmbroker_gemini_statuses; row->word; row++) {

        if (ngx_http_llmbroker_json_is(v, row->word)) {
            fault->status = row->status;
            break;
        }
    }

    if (fault->status == 0) {
        fault->status = ngx_http_llmbroker_fault_status(fault);
    }

    v = ngx_http_llmbroker_json_get_type(error, "details",
                                         NGX_HTTP_LLMBROKER_JSON_ARRAY);

    for (v = v ? v->child : NULL; v; v = v->next) {
        reason = ngx_http_llmbroker_json_inner(
                                   ngx_http_llmbroker_json_get(v, "reason"));

        if (ngx_http_llmbroker_gemini_begins(&reason, "API_KEY_")) {
            fault->status = 401;
        }
    }

    ngx_http_llmbroker_fault_own(fault);
}
