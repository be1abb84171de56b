
/*
 * Copyright (C) LLMBroker contributors
 *
 * Converse and ConverseStream of Amazon Bedrock (API version 2023-09-30, read
 * in 2026-11; wire format section 7.3).  The model stands in the path.  A
 * request is {"messages", "system", "inferenceConfig", "toolConfig", ...}, an
 * answer {"output":{"message"}, "stopReason", "usage"}.  A stream comes in
 * binary frames, each with a name and a JSON object: messageStart, blocks that
 * open, fill and close, messageStop, and metadata with the usage before or
 * behind it; an exception may take the place of any of them.  The OpenAI
 * interfaces of Bedrock are OpenAI's dialect.  Content: ..._bedrock_blocks.c,
 * requests: ..._bedrock_request.c, addresses and keys: ..._bedrock_model.c.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_answer.h"
#include "provider/ngx_http_llmbroker_bedrock.h"


typedef struct {
    const char                      *stop;
    const char                      *finish;
    ngx_uint_t                       told;   /* as it is, too */
} ngx_http_llmbroker_bedrock_reason_t;


/* one type of event and what reads it */
typedef struct {
    ngx_str_t                        type;
    ngx_int_t                      (*handler)(
                                         ngx_http_llmbroker_exchange_t *ex,
                                         ngx_http_llmbroker_bedrock_t *b,
                                         ngx_http_llmbroker_json_t *root);
} ngx_http_llmbroker_bedrock_event_t;


static ngx_int_t ngx_http_llmbroker_bedrock_response(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_t *root);
static ngx_int_t ngx_http_llmbroker_bedrock_event(
    ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_sse_event_t *event);
static ngx_int_t ngx_http_llmbroker_bedrock_end(
    ngx_http_llmbroker_exchange_t *ex);
static ngx_int_t ngx_http_llmbroker_bedrock_start(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_t *tier);
static ngx_int_t ngx_http_llmbroker_bedrock_message_start(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_bedrock_t *b,
    ngx_http_llmbroker_json_t *root);
static ngx_int_t ngx_http_llmbroker_bedrock_block_start(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_bedrock_t *b,
    ngx_http_llmbroker_json_t *root);
static ngx_int_t ngx_http_llmbroker_bedrock_block_delta(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_bedrock_t *b,
    ngx_http_llmbroker_json_t *root);
static ngx_int_t ngx_http_llmbroker_bedrock_block_stop(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_bedrock_t *b,
    ngx_http_llmbroker_json_t *root);
static ngx_uint_t ngx_http_llmbroker_bedrock_index(
    ngx_http_llmbroker_bedrock_t *b, ngx_http_llmbroker_json_t *root);
static ngx_int_t ngx_http_llmbroker_bedrock_message_stop(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_bedrock_t *b,
    ngx_http_llmbroker_json_t *root);
static ngx_int_t ngx_http_llmbroker_bedrock_metadata(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_bedrock_t *b,
    ngx_http_llmbroker_json_t *root);
static void ngx_http_llmbroker_bedrock_usage(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_t *usage);
static ngx_int_t ngx_http_llmbroker_bedrock_finish(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_bedrock_t *b,
    ngx_http_llmbroker_json_t *root);
static ngx_int_t ngx_http_llmbroker_bedrock_specific(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_bedrock_t *b,
    ngx_http_llmbroker_json_t *root, ngx_uint_t told);

const ngx_http_llmbroker_dialect_t  ngx_http_llmbroker_bedrock = {
    ngx_string("bedrock"),
    0,
    1 << NGX_HTTP_LLMBROKER_CHAT | 1 << NGX_HTTP_LLMBROKER_COMPLETIONS,
    1,
    ngx_http_llmbroker_bedrock_address,
    ngx_http_llmbroker_bedrock_build,
    NULL,
    ngx_http_llmbroker_bedrock_response,
    ngx_http_llmbroker_bedrock_event,
    ngx_http_llmbroker_bedrock_end,
    ngx_http_llmbroker_bedrock_error,
    ngx_http_llmbroker_bedrock_header,
    ngx_http_llmbroker_bedrock_sign
};


static const ngx_http_llmbroker_bedrock_event_t
    ngx_http_llmbroker_bedrock_events[] =
{
    { ngx_string("contentBlockDelta"),
      ngx_http_llmbroker_bedrock_block_delta },
    { ngx_string("contentBlockStart"),
      ngx_http_llmbroker_bedrock_block_start },
    { ngx_string("contentBlockStop"),
      ngx_http_llmbroker_bedrock_block_stop },
    { ngx_string("messageStart"), ngx_http_llmbroker_bedrock_message_start },
    { ngx_string("messageStop"), ngx_http_llmbroker_bedrock_message_stop },
    { ngx_string("metadata"), ngx_http_llmbroker_bedrock_metadata },
    { ngx_null_string, NULL }
};


/*
 * P10; for other words the answer's content decides.  What a guardrail says
 * in place of the model stands in the content.  A call that is malformed is
 * none that a client should make.
 */

static const ngx_http_llmbroker_bedrock_reason_t
    ngx_http_llmbroker_bedrock_reasons[] =
{
    { "end_turn", "stop", 0 },
    { "stop_sequence", "stop", 0 },
    { "max_tokens", "length", 0 },
    { "tool_use", "tool_calls", 0 },
    { "model_context_window_exceeded", "length", 1 },
    { "guardrail_intervened", "content_filter", 1 },
    { "content_filtered", "content_filter", 1 },
    { "malformed_model_output", "stop", 1 },
    { "malformed_tool_use", "stop", 1 },
    { NULL, NULL, 1 }
};


ngx_http_llmbroker_bedrock_t *
ngx_http_llmbroker_bedrock_state(ngx_http_llmbroker_exchange_t *ex)
{
    ngx_http_llmbroker_bedrock_t  *b;

    if (ex->state) {
        return ex->state;
    }

    b = ngx_pcalloc(ex->pool, sizeof(ngx_http_llmbroker_bedrock_t));
    if (b == NULL) {
        return NULL;
    }

    if (ngx_array_init(&b->tools, ex->pool, 1, sizeof(ngx_uint_t)) != NGX_OK) {
        return NULL;
    }

    /* the first block is number 0 */

    b->block = (ngx_uint_t) -1;

    ex->state = b;

    return b;
}


static ngx_int_t
ngx_http_llmbroker_bedrock_response(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *root)
{
    ngx_int_t                      rc;
    ngx_http_llmbroker_json_t     *output, *v;
    ngx_http_llmbroker_bedrock_t  *b;

    b = ngx_http_llmbroker_bedrock_state(ex);
    if (b == NULL) {
        return NGX_ERROR;
    }

    output = ngx_http_llmbroker_json_get_type(root, "output",
                                              NGX_HTTP_LLMBROKER_JSON_OBJECT);

    if (output == NULL
        && (ngx_http_llmbroker_json_get(root, "message")
            || ngx_http_llmbroker_json_get(root, "Message")))
    {
        ngx_http_llmbroker_bedrock_error(ex, 0, root, NULL);
        return NGX_DECLINED;
    }

    v = ngx_http_llmbroker_json_get(output, "message");
    v = ngx_http_llmbroker_json_get_type(v, "content",
                                         NGX_HTTP_LLMBROKER_JSON_ARRAY);
    if (v == NULL) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider's answer has no \"content\".");
    }

    ngx_http_llmbroker_bedrock_usage(ex,
                                  ngx_http_llmbroker_json_get(root, "usage"));

    rc = ngx_http_llmbroker_bedrock_start(ex,
                            ngx_http_llmbroker_json_get(root, "serviceTier"));
    if (rc != NGX_OK) {
        return rc;
    }

    for (v = v->child; v; v = v->next) {
        rc = ngx_http_llmbroker_bedrock_block(ex, b, v);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    rc = ngx_http_llmbroker_bedrock_finish(ex, b, root);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llmbroker_answer_end(ex);
}


static ngx_int_t
ngx_http_llmbroker_bedrock_event(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_sse_event_t *event)
{
    ngx_int_t                                  rc;
    ngx_http_llmbroker_json_t                 *root;
    ngx_http_llmbroker_bedrock_t              *b;
    const ngx_http_llmbroker_bedrock_event_t  *e;

    if (ex->done) {
        return NGX_OK;
    }

    b = ngx_http_llmbroker_bedrock_state(ex);
    if (b == NULL) {
        return NGX_ERROR;
    }

    for (e = ngx_http_llmbroker_bedrock_events; e->handler; e++) {

        if (e->type.len == event->type.len
            && ngx_memcmp(e->type.data, event->type.data, e->type.len) == 0)
        {
            break;
        }
    }

    if (e->handler == NULL && !event->exception) {
        /* S13: whatever it holds */
        return NGX_OK;
    }

    root = NULL;

    rc = ngx_http_llmbroker_json_parse(ex->temp, event->data.data,
                                       event->data.len, &root);
    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (event->exception) {
        ngx_http_llmbroker_bedrock_fault(ex, 0, event->type,
                                         (rc == NGX_OK) ? root : NULL,
                                         &event->data);
        return NGX_DECLINED;
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                          "The provider sent an event that is not JSON.");
    }

    if (root->type != NGX_HTTP_LLMBROKER_JSON_OBJECT) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider sent an event that is no object.");
    }

    return e->handler(ex, b, root);
}


/* S12; the usage is not worth an answer */

static ngx_int_t
ngx_http_llmbroker_bedrock_end(ngx_http_llmbroker_exchange_t *ex)
{
    if (ngx_http_llmbroker_answer_complete(ex)) {
        return ngx_http_llmbroker_answer_end(ex);
    }

    return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                           "The provider ended the stream before the answer "
                           "was complete.");
}


/* P13; the answer has neither a name nor a model's */

static ngx_int_t
ngx_http_llmbroker_bedrock_start(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *tier)
{
    size_t  i;

    static const char  *tiers[] = { "default", "priority", "flex", NULL };

    tier = ngx_http_llmbroker_json_get(tier, "type");

    for (i = 0; tiers[i]; i++) {
        if (ngx_http_llmbroker_json_is(tier, tiers[i])) {
            break;
        }
    }

    return ngx_http_llmbroker_answer_start(ex, NULL, NULL, tiers[i]);
}


/* S1: there is nothing in it */

static ngx_int_t
ngx_http_llmbroker_bedrock_message_start(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_bedrock_t *b, ngx_http_llmbroker_json_t *root)
{
    return ngx_http_llmbroker_bedrock_start(ex, NULL);
}


static ngx_int_t
ngx_http_llmbroker_bedrock_block_start(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_bedrock_t *b, ngx_http_llmbroker_json_t *root)
{
    if (ngx_http_llmbroker_answer_finished(ex, 0)) {
        return NGX_OK;
    }

    return ngx_http_llmbroker_bedrock_open(ex, b,
                                  ngx_http_llmbroker_bedrock_index(b, root),
                                  ngx_http_llmbroker_json_get(root, "start"));
}


static ngx_int_t
ngx_http_llmbroker_bedrock_block_delta(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_bedrock_t *b, ngx_http_llmbroker_json_t *root)
{
    ngx_http_llmbroker_json_t  *delta;

    if (ngx_http_llmbroker_answer_finished(ex, 0)) {
        return NGX_OK;
    }

    delta = ngx_http_llmbroker_json_get_type(root, "delta",
                                             NGX_HTTP_LLMBROKER_JSON_OBJECT);
    if (delta == NULL) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider sent an event without its "
                               "content.");
    }

    return ngx_http_llmbroker_bedrock_delta(ex, b,
                                  ngx_http_llmbroker_bedrock_index(b, root),
                                  delta);
}


static ngx_int_t
ngx_http_llmbroker_bedrock_block_stop(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_bedrock_t *b, ngx_http_llmbroker_json_t *root)
{
    if (ngx_http_llmbroker_answer_finished(ex, 0)) {
        return NGX_OK;
    }

    return ngx_http_llmbroker_bedrock_close(ex, b,
                                  ngx_http_llmbroker_bedrock_index(b, root));
}


/* of the open block, when it is not told */

static ngx_uint_t
ngx_http_llmbroker_bedrock_index(ngx_http_llmbroker_bedrock_t *b,
    ngx_http_llmbroker_json_t *root)
{
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get(root, "contentBlockIndex");

    return (ngx_uint_t) ngx_http_llmbroker_json_int(v, (ngx_int_t) b->block);
}


/* S8; the usage may come behind it, or have come */

static ngx_int_t
ngx_http_llmbroker_bedrock_message_stop(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_bedrock_t *b, ngx_http_llmbroker_json_t *root)
{
    ngx_int_t  rc;

    rc = ngx_http_llmbroker_bedrock_finish(ex, b, root);

    if (rc != NGX_OK || ex->usage.completion == -1) {
        return rc;
    }

    return ngx_http_llmbroker_answer_end(ex);
}


/* S9 */

static ngx_int_t
ngx_http_llmbroker_bedrock_metadata(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_bedrock_t *b, ngx_http_llmbroker_json_t *root)
{
    ngx_http_llmbroker_bedrock_usage(ex,
                                  ngx_http_llmbroker_json_get(root, "usage"));

    if (!ngx_http_llmbroker_answer_complete(ex)) {
        return NGX_OK;
    }

    return ngx_http_llmbroker_answer_end(ex);
}


/* P12: inputTokens are those that no cache knows */

static void
ngx_http_llmbroker_bedrock_usage(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *usage)
{
    ngx_int_t                    input;
    ngx_http_llmbroker_json_t   *v;
    ngx_http_llmbroker_usage_t  *u;

    u = &ex->usage;

    v = ngx_http_llmbroker_json_get(usage, "cacheReadInputTokens");
    u->cached = ngx_http_llmbroker_json_int(v, u->cached);

    v = ngx_http_llmbroker_json_get(usage, "cacheWriteInputTokens");
    u->cache_write = ngx_http_llmbroker_json_int(v, u->cache_write);

    v = ngx_http_llmbroker_json_get(usage, "outputTokens");
    u->completion = ngx_http_llmbroker_json_int(v, u->completion);

    v = ngx_http_llmbroker_json_get(usage, "inputTokens");
    input = ngx_http_llmbroker_json_int(v, -1);

    if (input != -1) {
        u->prompt = ngx_http_llmbroker_sum(input,
                          ngx_http_llmbroker_sum(u->cached, u->cache_write));
    }

    if (u->prompt != -1 || u->completion != -1) {
        u->total = ngx_http_llmbroker_sum(u->prompt, u->completion);
    }
}


/* P10; root has stopReason */

static ngx_int_t
ngx_http_llmbroker_bedrock_finish(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_bedrock_t *b, ngx_http_llmbroker_json_t *root)
{
    ngx_int_t                                   rc;
    const char                                 *finish;
    ngx_http_llmbroker_json_t                  *stop;
    const ngx_http_llmbroker_bedrock_reason_t  *reason;

    if (ngx_http_llmbroker_answer_finished(ex, 0)) {
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_bedrock_leave(ex, b);
    if (rc != NGX_OK) {
        return rc;
    }

    stop = ngx_http_llmbroker_json_get_type(root, "stopReason",
                                            NGX_HTTP_LLMBROKER_JSON_STRING);

    for (reason = ngx_http_llmbroker_bedrock_reasons; reason->stop; reason++) {
        if (ngx_http_llmbroker_json_is(stop, reason->stop)) {
            break;
        }
    }

    finish = reason->finish;

    if (finish == NULL) {
        finish = b->claude.tools ? "tool_calls" : "stop";

    } else if (b->claude.tools == 0 && ngx_strcmp(finish, "tool_calls") == 0) {

        /* P9: a format's tool is none of the client's */

        finish = "stop";
    }

    rc = ngx_http_llmbroker_bedrock_specific(ex, b, root,
                                             stop && reason->told);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llmbroker_answer_finish(ex, 0, finish);
}


/* P6; what has no place in OpenAI's answer */

static ngx_int_t
ngx_http_llmbroker_bedrock_specific(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_bedrock_t *b, ngx_http_llmbroker_json_t *root,
    ngx_uint_t told)
{
    u_char                     *p;
    ngx_str_t                   raw, blocks;
    ngx_http_llmbroker_json_t  *stop, *fields;

    stop = ngx_http_llmbroker_json_get(root, "stopReason");
    fields = ngx_http_llmbroker_json_get(root, "additionalModelResponseFields");

    if (fields && fields->type == NGX_HTTP_LLMBROKER_JSON_NULL) {
        fields = NULL;
    }

    blocks.len = b->claude.servers.len;
    blocks.data = b->claude.servers.data;

    if (blocks.len == 0 && !told && fields == NULL) {
        return NGX_OK;
    }

    p = ngx_pnalloc(ngx_http_llmbroker_bedrock_pool(ex),
                    sizeof("{\"server_blocks\":[],\"stop_reason\":,"
                           "\"additionalModelResponseFields\":,")
                    + blocks.len + (told ? stop->raw.len : 0)
                    + (fields ? fields->raw.len : 0));
    if (p == NULL) {
        return NGX_ERROR;
    }

    raw.data = p;
    *p++ = '{';

    if (blocks.len) {
        p = ngx_sprintf(p, "\"server_blocks\":[%V],", &blocks);
    }

    if (told) {
        p = ngx_sprintf(p, "\"stop_reason\":%V,", &stop->raw);
    }

    if (fields) {
        p = ngx_sprintf(p, "\"additionalModelResponseFields\":%V,",
                        &fields->raw);
    }

    /* in place of the last comma */

    p[-1] = '}';

    raw.len = p - raw.data;

    return ngx_http_llmbroker_answer_member(ex, 0,
                                            "provider_specific_fields", &raw);
}
