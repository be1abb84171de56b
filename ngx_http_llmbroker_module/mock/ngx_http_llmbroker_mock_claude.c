
/*
 * Copyright (C) LLMBroker contributors
 */


/*
 * Anthropic: messages and count_tokens, after the API reference of 2026-08.
 * Most events of a stream have spaces before their last brace, as those of
 * the real one have.
 */


#include "mock/ngx_http_llmbroker_mock.h"


typedef struct {
    ngx_uint_t   status;
    const char  *type;
} ngx_http_llmbroker_mock_claude_error_t;


static ngx_int_t ngx_http_llmbroker_mock_claude_answer(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static void ngx_http_llmbroker_mock_claude_content(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static void ngx_http_llmbroker_mock_claude_stop_reason(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_mock_string_t *s);
static void ngx_http_llmbroker_mock_claude_usage(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_mock_string_t *s,
    ngx_uint_t output);
static ngx_int_t ngx_http_llmbroker_mock_claude_next(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static void ngx_http_llmbroker_mock_claude_start(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static void ngx_http_llmbroker_mock_claude_thought(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_claude_delta(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static void ngx_http_llmbroker_mock_claude_block_start(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_uint_t i);
static void ngx_http_llmbroker_mock_claude_block_stop(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_mock_string_t *s,
    ngx_uint_t i);
static void ngx_http_llmbroker_mock_claude_finish(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static void ngx_http_llmbroker_mock_claude_event_end(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_mock_string_t *s);
static void ngx_http_llmbroker_mock_claude_error(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_uint_t event);


const ngx_http_llmbroker_mock_dialect_t  ngx_http_llmbroker_mock_claude = {
    ngx_string("text/event-stream; charset=utf-8"),
    ngx_string("request-id"),
    ngx_string("event: content_block_delta\n"
               "data: {\"type\":\"content_block_delta\",\"index\":0,"
               "\"delta\":{\"type\":\"text_del\n\n"),
    ngx_http_llmbroker_mock_claude_read,
    ngx_http_llmbroker_mock_claude_answer,
    ngx_http_llmbroker_mock_claude_next,
    ngx_http_llmbroker_mock_claude_error
};


static const ngx_http_llmbroker_mock_claude_error_t
    ngx_http_llmbroker_mock_claude_errors[] =
{
    { 401, "authentication_error" },
    { 402, "billing_error" },
    { 403, "permission_error" },
    { 404, "not_found_error" },
    { 409, "conflict_error" },
    { 413, "request_too_large" },
    { 429, "rate_limit_error" },
    { 504, "timeout_error" },
    { 529, "overloaded_error" },
    { 0, NULL }
};


static ngx_int_t
ngx_http_llmbroker_mock_claude_answer(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_http_llmbroker_mock_frame_t   *f;
    ngx_http_llmbroker_mock_string_t  *s;

    f = &ctx->frame;

    if (ctx->call == NGX_HTTP_LLMBROKER_MOCK_COUNT) {
        ngx_http_llmbroker_mock_printf(&ctx->head, "{\"input_tokens\":%ui}",
                                       ctx->prompt_words);

    } else if (ctx->call == NGX_HTTP_LLMBROKER_MOCK_MODELS) {
        ngx_http_llmbroker_mock_printf(&ctx->head,
                      "{\"data\":[{\"type\":\"model\",\"id\":\"mock-model\","
                      "\"display_name\":\"Mock\","
                      "\"created_at\":\"2023-11-14T22:13:20Z\"}],"
                      "\"has_more\":false,\"first_id\":\"mock-model\","
                      "\"last_id\":\"mock-model\"}");

    } else {
        ngx_http_llmbroker_mock_printf(&ctx->head,
                      "{\"id\":\"msg_mock\",\"type\":\"message\","
                      "\"role\":\"assistant\",\"model\":%V,\"content\":[",
                      &ctx->model);

        ngx_http_llmbroker_mock_claude_content(ctx);

        s = &ctx->tail;

        ngx_http_llmbroker_mock_printf(s, "],");
        ngx_http_llmbroker_mock_claude_stop_reason(ctx, s);
        ngx_http_llmbroker_mock_claude_usage(ctx, s,
                                   ngx_http_llmbroker_mock_answer_words(ctx));
        ngx_http_llmbroker_mock_printf(s, "}");
    }

    if (ctx->head.failed || ctx->tail.failed) {
        return NGX_ERROR;
    }

    f->before = ngx_http_llmbroker_mock_str(&ctx->head);
    f->after = ngx_http_llmbroker_mock_str(&ctx->tail);

    return NGX_OK;
}


static void
ngx_http_llmbroker_mock_claude_content(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_uint_t                         i;
    ngx_http_llmbroker_mock_text_t    *t;
    ngx_http_llmbroker_mock_string_t  *s;

    s = &ctx->head;
    t = ctx->texts;

    if (ctx->thoughts) {
        ngx_http_llmbroker_mock_printf(s,
                      "{\"type\":\"thinking\",\"thinking\":\"%s\","
                      "\"signature\":\"c2lnbmF0dXJl\"}",
                      ctx->thoughts_shown ? "hmm" : "");
    }

    if (!ctx->calls) {

        if (t->length == 0) {
            return;
        }

        if (ctx->thoughts) {
            ngx_http_llmbroker_mock_append(s, (u_char *) ",", 1);
        }

        ngx_http_llmbroker_mock_printf(s, "{\"type\":\"text\",\"text\":\"");

        ctx->frame.text = t;
        ctx->frame.to = t->length;

        ngx_http_llmbroker_mock_printf(&ctx->tail, "\"}");

        return;
    }

    for (i = 0; i < ctx->ntexts; i++) {
        ngx_http_llmbroker_mock_printf(s,
                      "%s{\"type\":\"tool_use\",\"id\":\"toolu_mock_%ui\","
                      "\"name\":\"%V\",\"input\":%V}",
                      (i || ctx->thoughts) ? "," : "", i, &t[i].name,
                      &t[i].arguments);
    }
}


static void
ngx_http_llmbroker_mock_claude_stop_reason(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_mock_string_t *s)
{
    const char                      *reason;
    ngx_http_llmbroker_mock_text_t  *t;

    t = ctx->texts;

    switch (t->finish) {

    case NGX_HTTP_LLMBROKER_MOCK_SEQUENCE:
        ngx_http_llmbroker_mock_printf(s, "\"stop_reason\":\"stop_sequence\","
                                       "\"stop_sequence\":\"%V\"", &t->stop);
        return;

    case NGX_HTTP_LLMBROKER_MOCK_LENGTH:
        reason = "max_tokens";
        break;

    case NGX_HTTP_LLMBROKER_MOCK_TOOLS:
        reason = "tool_use";
        break;

    default: /* STOP */
        reason = "end_turn";
        break;
    }

    ngx_http_llmbroker_mock_printf(s, "\"stop_reason\":\"%s\","
                                   "\"stop_sequence\":null", reason);
}


/*
 * Tokens that came from a cache are not among the input tokens, one thought
 * is among those of the output.
 */

static void
ngx_http_llmbroker_mock_claude_usage(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_mock_string_t *s, ngx_uint_t output)
{
    ngx_int_t  cached, input;

    if (ctx->knobs->no_usage) {
        return;
    }

    cached = ngx_max(ctx->knobs->cached, 0);
    input = ngx_max((ngx_int_t) ctx->prompt_words - cached, 0);

    ngx_http_llmbroker_mock_printf(s,
                  ",\"usage\":{\"input_tokens\":%i,"
                  "\"cache_creation_input_tokens\":0,"
                  "\"cache_read_input_tokens\":%i,\"output_tokens\":%ui%s}",
                  input, cached, output + ctx->thoughts,
                  ctx->thoughts
                  ? ",\"output_tokens_details\":{\"thinking_tokens\":1}" : "");
}


static ngx_int_t
ngx_http_llmbroker_mock_claude_next(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    switch (ctx->stage) {

    case NGX_HTTP_LLMBROKER_MOCK_AT_START:
        ngx_http_llmbroker_mock_claude_start(ctx);

        if (ctx->thoughts) {
            ngx_http_llmbroker_mock_claude_thought(ctx);
        }

        ctx->stage = NGX_HTTP_LLMBROKER_MOCK_AT_TEXT;
        break;

    case NGX_HTTP_LLMBROKER_MOCK_AT_TEXT:
        if (ngx_http_llmbroker_mock_claude_delta(ctx) == NGX_OK) {
            break;
        }

        ngx_http_llmbroker_mock_claude_finish(ctx);
        ctx->stage = NGX_HTTP_LLMBROKER_MOCK_AT_DONE;
        break;

    case NGX_HTTP_LLMBROKER_MOCK_AT_DONE:
        if (ctx->knobs->no_done) {
            return NGX_DONE;
        }

        ngx_http_llmbroker_mock_printf(&ctx->head,
                      "event: message_stop\n"
                      "data: {\"type\":\"message_stop\"");
        ngx_http_llmbroker_mock_claude_event_end(ctx, &ctx->head);

        ctx->stage = NGX_HTTP_LLMBROKER_MOCK_AT_END;
        break;

    default: /* AT_END */
        return NGX_DONE;
    }

    return NGX_OK;
}


static void
ngx_http_llmbroker_mock_claude_start(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_http_llmbroker_mock_string_t  *s;

    s = &ctx->head;

    ngx_http_llmbroker_mock_printf(s,
                  "event: message_start\n"
                  "data: {\"type\":\"message_start\",\"message\":{"
                  "\"id\":\"msg_mock\",\"type\":\"message\","
                  "\"role\":\"assistant\",\"model\":%V,\"content\":[],"
                  "\"stop_reason\":null,\"stop_sequence\":null",
                  &ctx->model);

    ngx_http_llmbroker_mock_claude_usage(ctx, s, 1);
    ngx_http_llmbroker_mock_printf(s, "}");
    ngx_http_llmbroker_mock_claude_event_end(ctx, s);

    ngx_http_llmbroker_mock_printf(s,
                  "event: ping\ndata: {\"type\": \"ping\"}\n\n");
}


/* The first block of an answer that was thought about. */

static void
ngx_http_llmbroker_mock_claude_thought(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_http_llmbroker_mock_string_t  *s;

    s = &ctx->head;

    ngx_http_llmbroker_mock_printf(s,
                  "event: content_block_start\n"
                  "data: {\"type\":\"content_block_start\",\"index\":0,"
                  "\"content_block\":{\"type\":\"thinking\","
                  "\"thinking\":\"\",\"signature\":\"\"}");
    ngx_http_llmbroker_mock_claude_event_end(ctx, s);

    if (ctx->thoughts_shown) {
        ngx_http_llmbroker_mock_printf(s,
                  "event: content_block_delta\n"
                  "data: {\"type\":\"content_block_delta\",\"index\":0,"
                  "\"delta\":{\"type\":\"thinking_delta\","
                  "\"thinking\":\"hmm\"}");
        ngx_http_llmbroker_mock_claude_event_end(ctx, s);
    }

    ngx_http_llmbroker_mock_printf(s,
                  "event: content_block_delta\n"
                  "data: {\"type\":\"content_block_delta\",\"index\":0,"
                  "\"delta\":{\"type\":\"signature_delta\","
                  "\"signature\":\"c2lnbmF0dXJl\"}");
    ngx_http_llmbroker_mock_claude_event_end(ctx, s);

    ngx_http_llmbroker_mock_claude_block_stop(ctx, s, 0);
}


static ngx_int_t
ngx_http_llmbroker_mock_claude_delta(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_uint_t                       i;
    ngx_http_llmbroker_mock_text_t  *t;

    if (ngx_http_llmbroker_mock_chunk(ctx) != NGX_OK) {
        return NGX_DONE;
    }

    t = ctx->frame.text;
    i = t - ctx->texts + ctx->thoughts;

    if (!t->opened) {
        t->opened = 1;
        ngx_http_llmbroker_mock_claude_block_start(ctx, i);
    }

    if (ctx->calls && t->length == 2) {

        /* {}: nothing is said of no arguments */

        ctx->frame.from = ctx->frame.to;
        ngx_http_llmbroker_mock_claude_block_stop(ctx, &ctx->tail, i);

        return NGX_OK;
    }

    ngx_http_llmbroker_mock_printf(&ctx->head,
                  "event: content_block_delta\n"
                  "data: {\"type\":\"content_block_delta\",\"index\":%ui,"
                  "\"delta\":{\"type\":\"%s\":\"",
                  i, ctx->calls ? "input_json_delta\",\"partial_json"
                                : "text_delta\",\"text");

    ngx_http_llmbroker_mock_printf(&ctx->tail, "\"}");
    ngx_http_llmbroker_mock_claude_event_end(ctx, &ctx->tail);

    if (ctx->frame.last) {
        ngx_http_llmbroker_mock_claude_block_stop(ctx, &ctx->tail, i);
    }

    return NGX_OK;
}


static void
ngx_http_llmbroker_mock_claude_block_start(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_uint_t i)
{
    ngx_uint_t                         n;
    ngx_http_llmbroker_mock_string_t  *s;

    s = &ctx->head;
    n = i - ctx->thoughts;

    ngx_http_llmbroker_mock_printf(s,
                  "event: content_block_start\n"
                  "data: {\"type\":\"content_block_start\",\"index\":%ui,"
                  "\"content_block\":", i);

    if (!ctx->calls) {
        ngx_http_llmbroker_mock_printf(s, "{\"type\":\"text\",\"text\":\"\"}");
        ngx_http_llmbroker_mock_claude_event_end(ctx, s);
        return;
    }

    ngx_http_llmbroker_mock_printf(s,
                  "{\"type\":\"tool_use\",\"id\":\"toolu_mock_%ui\","
                  "\"name\":\"%V\",\"input\":{}}", n, &ctx->texts[n].name);
    ngx_http_llmbroker_mock_claude_event_end(ctx, s);

    /* the first piece of a call is always empty */

    ngx_http_llmbroker_mock_printf(s,
                  "event: content_block_delta\n"
                  "data: {\"type\":\"content_block_delta\",\"index\":%ui,"
                  "\"delta\":{\"type\":\"input_json_delta\","
                  "\"partial_json\":\"\"}", i);
    ngx_http_llmbroker_mock_claude_event_end(ctx, s);
}


static void
ngx_http_llmbroker_mock_claude_block_stop(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_mock_string_t *s, ngx_uint_t i)
{
    ngx_http_llmbroker_mock_printf(s,
                  "event: content_block_stop\n"
                  "data: {\"type\":\"content_block_stop\",\"index\":%ui", i);
    ngx_http_llmbroker_mock_claude_event_end(ctx, s);
}


static void
ngx_http_llmbroker_mock_claude_finish(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_http_llmbroker_mock_string_t  *s;

    s = &ctx->head;

    ngx_http_llmbroker_mock_printf(s,
                  "event: message_delta\n"
                  "data: {\"type\":\"message_delta\",\"delta\":{");
    ngx_http_llmbroker_mock_claude_stop_reason(ctx, s);
    ngx_http_llmbroker_mock_printf(s, "}");
    ngx_http_llmbroker_mock_claude_usage(ctx, s,
                                   ngx_http_llmbroker_mock_answer_words(ctx));
    ngx_http_llmbroker_mock_claude_event_end(ctx, s);
}


/* Closes an event's object behind 0 to 6 spaces. */

static void
ngx_http_llmbroker_mock_claude_event_end(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_mock_string_t *s)
{
    static u_char  spaces[] = "      ";

    ngx_http_llmbroker_mock_append(s, spaces, 5 * ctx->events++ % 7);
    ngx_http_llmbroker_mock_append(s, (u_char *) "}\n\n", 3);
}


static void
ngx_http_llmbroker_mock_claude_error(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_uint_t event)
{
    const char                                    *type;
    const ngx_http_llmbroker_mock_claude_error_t  *e;

    for (e = ngx_http_llmbroker_mock_claude_errors; e->status; e++) {
        if (e->status == ctx->status) {
            break;
        }
    }

    type = e->type;

    if (type == NULL) {
        type = (ctx->status < 500) ? "invalid_request_error" : "api_error";
    }

    /* what fails after the header is usually overload */

    if (event) {
        type = "overloaded_error";
    }

    ngx_http_llmbroker_mock_printf(&ctx->head,
                  "%s{\"type\":\"error\",\"error\":{\"type\":\"%s\","
                  "\"message\":\"%V\"}%s}%s",
                  event ? "event: error\ndata: " : "", type, &ctx->message,
                  event ? "" : ",\"request_id\":\"req_mock\"",
                  event ? "\n\n" : "");
}
