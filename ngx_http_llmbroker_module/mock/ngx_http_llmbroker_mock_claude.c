
/*
 * Copyright (C) LLMBroker contributors
 */


/*
 * Anthropic: messages and count_tokens, after the API reference of 2026-08.
 * Most events of a stream have spaces before their last brace, as those of
 * the real one have.
 */


#include "mock/ngx_http_llmbroker_mock.h"


/* bounds the comparison of tool calls with their results */
#define NGX_HTTP_LLMBROKER_MOCK_CLAUDE_BLOCKS  1024


typedef struct {
    const char  *name;
    ngx_uint_t   assistant;  /* may be in such a message */
    ngx_uint_t   user;
} ngx_http_llmbroker_mock_claude_block_t;


typedef struct {
    ngx_uint_t   status;
    const char  *type;
} ngx_http_llmbroker_mock_claude_error_t;


static ngx_int_t ngx_http_llmbroker_mock_claude_read(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_claude_read_fields(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_claude_read_options(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_claude_read_format(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_claude_read_thinking(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_claude_read_stop(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_claude_read_system(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_claude_read_tools(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_claude_read_choice(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_claude_read_messages(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_claude_message(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_json_t *message,
    ngx_http_llmbroker_json_t *previous, ngx_uint_t i);
static ngx_int_t ngx_http_llmbroker_mock_claude_block(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_json_t *block,
    ngx_uint_t assistant, ngx_uint_t i, ngx_uint_t k);
static ngx_int_t ngx_http_llmbroker_mock_claude_check_text(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_json_t *text,
    ngx_uint_t blank);
static ngx_int_t ngx_http_llmbroker_mock_claude_check_end(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_json_t *message);
static ngx_int_t ngx_http_llmbroker_mock_claude_check_results(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_json_t *calls,
    ngx_http_llmbroker_json_t *content, ngx_uint_t i);
static ngx_http_llmbroker_json_t *ngx_http_llmbroker_mock_claude_find(
    ngx_http_llmbroker_json_t *content, const char *type, const char *name,
    ngx_http_llmbroker_json_t *id);
static void ngx_http_llmbroker_mock_claude_user(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_json_t *content);
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


/* what is known at the top level: anything else is refused */

static const char  *ngx_http_llmbroker_mock_claude_fields[] = {
    "model", "max_tokens", "messages", "system", "stream", "stop_sequences",
    "temperature", "top_p", "top_k", "tools", "tool_choice", "thinking",
    "output_config", "output_format", "cache_control", "metadata",
    "service_tier", "container", "inference_geo", "context_management",
    "mcp_servers", "fallbacks", "fallback_credit_token", "speed",
    "diagnostics", NULL
};


static const ngx_http_llmbroker_mock_claude_block_t
    ngx_http_llmbroker_mock_claude_blocks[] =
{
    { "text", 1, 1 },
    { "image", 0, 1 },
    { "document", 0, 1 },
    { "search_result", 0, 1 },
    { "tool_use", 1, 0 },
    { "tool_result", 0, 1 },
    { "thinking", 1, 0 },
    { "redacted_thinking", 1, 0 },
    { "server_tool_use", 1, 0 },
    { "web_search_tool_result", 1, 0 },
    { "web_fetch_tool_result", 1, 0 },
    { "container_upload", 0, 1 },
    { NULL, 0, 0 }
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
ngx_http_llmbroker_mock_claude_read(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    static ngx_int_t  (*const steps[])(ngx_http_llmbroker_mock_ctx_t *ctx) = {
        ngx_http_llmbroker_mock_parse,
        ngx_http_llmbroker_mock_claude_read_fields,
        ngx_http_llmbroker_mock_claude_read_options,
        ngx_http_llmbroker_mock_claude_read_format,
        ngx_http_llmbroker_mock_claude_read_stop,
        ngx_http_llmbroker_mock_claude_read_system,
        ngx_http_llmbroker_mock_claude_read_tools,
        ngx_http_llmbroker_mock_claude_read_choice,
        ngx_http_llmbroker_mock_claude_read_thinking,
        ngx_http_llmbroker_mock_claude_read_messages,
        NULL
    };

    if (ctx->api_key.len == 0 && ctx->bearer.len == 0) {
        return ngx_http_llmbroker_mock_refuse(ctx, 401, NULL, NULL,
                                              "x-api-key header is required");
    }

    if (ctx->version.len == 0) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                      "anthropic-version: header is required");
    }

    for (i = 0; steps[i]; i++) {
        rc = steps[i](ctx);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_claude_read_fields(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    const char                **name;
    ngx_http_llmbroker_json_t  *v;

    for (v = ctx->root->child; v; v = v->next) {

        for (name = ngx_http_llmbroker_mock_claude_fields; *name; name++) {
            if (ngx_strlen(*name) == v->key.len
                && ngx_memcmp(*name, v->key.data, v->key.len) == 0)
            {
                break;
            }
        }

        if (*name == NULL) {
            return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                     "%V: Extra inputs are not permitted",
                                     &v->key);
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_claude_read_options(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_http_llmbroker_json_t  *root, *v;

    root = ctx->root;

    v = ngx_http_llmbroker_json_get_type(root, "max_tokens",
                                         NGX_HTTP_LLMBROKER_JSON_NUMBER);

    if (v == NULL && ctx->call != NGX_HTTP_LLMBROKER_MOCK_COUNT) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                              "max_tokens: Field required");
    }

    if (!ngx_http_llmbroker_mock_range(v, 0, 1e6)) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                     "max_tokens: Input should be greater "
                                     "than or equal to 0");
    }

    ctx->max_tokens = ngx_http_llmbroker_json_int(v, -1);

    if (!ngx_http_llmbroker_mock_range(
             ngx_http_llmbroker_json_get(root, "temperature"), 0, 1))
    {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                              "temperature: range: 0..1");
    }

    if (!ngx_http_llmbroker_mock_range(
             ngx_http_llmbroker_json_get(root, "top_p"), 0, 1))
    {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                              "top_p: range: 0..1");
    }

    v = ngx_http_llmbroker_json_get(root, "stream");

    if (v && v->type != NGX_HTTP_LLMBROKER_JSON_BOOL) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                     "stream: Input should be a valid "
                                     "boolean");
    }

    ctx->stream = ngx_http_llmbroker_json_true(v);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_claude_read_format(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_http_llmbroker_json_t  *format;

    format = ngx_http_llmbroker_json_get(
                 ngx_http_llmbroker_json_get(ctx->root, "output_config"),
                 "format");

    if (format == NULL) {
        format = ngx_http_llmbroker_json_get(ctx->root, "output_format");
    }

    if (format == NULL) {
        return NGX_OK;
    }

    ctx->schema = ngx_http_llmbroker_json_get(format, "schema");
    ctx->json_answer = 1;

    if (!ngx_http_llmbroker_json_is(ngx_http_llmbroker_json_get(format,
                                                                "type"),
                                    "json_schema")
        || ctx->schema == NULL)
    {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                     "output_config.format: Input should be "
                                     "a json_schema with a schema");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_claude_read_thinking(
    ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_http_llmbroker_json_t  *thinking, *type;

    thinking = ngx_http_llmbroker_json_get(ctx->root, "thinking");
    type = ngx_http_llmbroker_json_get(thinking, "type");

    if (ngx_http_llmbroker_json_is(type, "enabled")) {
        ctx->thoughts = 1;
        ctx->thoughts_shown = 1;

    } else if (ngx_http_llmbroker_json_is(type, "adaptive")) {
        ctx->thoughts = 1;
        ctx->thoughts_shown = ngx_http_llmbroker_json_is(
                                  ngx_http_llmbroker_json_get(thinking,
                                                              "display"),
                                  "summarized");
    }

    if (ctx->thoughts
        && (ctx->tool_choice == NGX_HTTP_LLMBROKER_MOCK_ANY
            || ctx->tool_choice == NGX_HTTP_LLMBROKER_MOCK_NAMED))
    {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                     "Thinking may not be enabled when "
                                     "tool_choice forces tool use.");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_claude_read_stop(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_str_t                   text;
    ngx_http_llmbroker_json_t  *v;

    ctx->stop = ngx_http_llmbroker_json_get(ctx->root, "stop_sequences");

    if (ctx->stop == NULL) {
        return NGX_OK;
    }

    if (ctx->stop->type != NGX_HTTP_LLMBROKER_JSON_ARRAY) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                     "stop_sequences: Input should be a valid "
                                     "list");
    }

    for (v = ctx->stop->child; v; v = v->next) {
        text = ngx_http_llmbroker_json_inner(v);

        if (ngx_http_llmbroker_mock_words(&text) == 0) {
            return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                     "stop_sequences: each stop sequence must "
                                     "contain non-whitespace");
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_claude_read_system(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *system, *v;

    system = ngx_http_llmbroker_json_get(ctx->root, "system");

    if (system == NULL) {
        return NGX_OK;
    }

    switch (system->type) {

    case NGX_HTTP_LLMBROKER_JSON_STRING:
        break;

    case NGX_HTTP_LLMBROKER_JSON_ARRAY:
        for (v = system->child; v; v = v->next) {

            if (!ngx_http_llmbroker_json_is(
                     ngx_http_llmbroker_json_get(v, "type"), "text"))
            {
                return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                     "system: Input should be 'text'");
            }

            rc = ngx_http_llmbroker_mock_claude_check_text(ctx,
                                   ngx_http_llmbroker_json_get(v, "text"), 0);
            if (rc != NGX_OK) {
                return rc;
            }
        }

        break;

    default:
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                     "system: Input should be a valid list");
    }

    ctx->prompt_words = ngx_http_llmbroker_mock_content_words(system);
    ngx_http_llmbroker_mock_content(&ctx->system, system, " ");

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_claude_read_tools(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_uint_t                  i;
    ngx_http_llmbroker_json_t  *tool, *v;

    ctx->tools = ngx_http_llmbroker_json_get_type(ctx->root, "tools",
                                               NGX_HTTP_LLMBROKER_JSON_ARRAY);
    if (ctx->tools == NULL) {
        return NGX_OK;
    }

    for (tool = ctx->tools->child, i = 0; tool; tool = tool->next, i++) {

        v = ngx_http_llmbroker_json_get_type(tool, "name",
                                             NGX_HTTP_LLMBROKER_JSON_STRING);

        if (v == NULL) {
            return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                     "tools.%ui.name: Field required", i);
        }

        v = ngx_http_llmbroker_json_get(tool, "type");

        if (v && v->type != NGX_HTTP_LLMBROKER_JSON_NULL
            && !ngx_http_llmbroker_json_is(v, "custom"))
        {
            /* a server tool has no schema */
            continue;
        }

        v = ngx_http_llmbroker_json_get(tool, "input_schema");

        if (!ngx_http_llmbroker_json_is(ngx_http_llmbroker_json_get(v, "type"),
                                        "object"))
        {
            return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                     "tools.%ui.custom.input_schema.type: "
                                     "Input should be 'object'", i);
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_claude_read_choice(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_http_llmbroker_json_t  *choice, *type;

    choice = ngx_http_llmbroker_json_get(ctx->root, "tool_choice");

    if (choice == NULL) {
        return NGX_OK;
    }

    if (ctx->tools == NULL || ctx->tools->n == 0) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                     "tool_choice may only be specified while "
                                     "providing tools.");
    }

    type = ngx_http_llmbroker_json_get(choice, "type");

    if (ngx_http_llmbroker_json_is(type, "none")) {
        ctx->tool_choice = NGX_HTTP_LLMBROKER_MOCK_NONE;

    } else if (ngx_http_llmbroker_json_is(type, "any")) {
        ctx->tool_choice = NGX_HTTP_LLMBROKER_MOCK_ANY;

    } else if (ngx_http_llmbroker_json_is(type, "tool")) {
        ctx->tool_choice = NGX_HTTP_LLMBROKER_MOCK_NAMED;
        ctx->tool_name = ngx_http_llmbroker_json_get(choice, "name");

    } else if (!ngx_http_llmbroker_json_is(type, "auto")) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                     "tool_choice: Input tag does not match "
                                     "any of the expected tags: 'auto', "
                                     "'any', 'tool', 'none'");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_claude_read_messages(
    ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_int_t                   rc;
    ngx_uint_t                  i;
    ngx_http_llmbroker_json_t  *messages, *message, *previous;

    messages = ngx_http_llmbroker_json_get_type(ctx->root, "messages",
                                               NGX_HTTP_LLMBROKER_JSON_ARRAY);

    if (messages == NULL) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                              "messages: Field required");
    }

    if (messages->child == NULL) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                     "messages: at least one message is "
                                     "required");
    }

    previous = NULL;

    for (message = messages->child, i = 0; message;
         message = message->next, i++)
    {
        rc = ngx_http_llmbroker_mock_claude_message(ctx, message, previous, i);
        if (rc != NGX_OK) {
            return rc;
        }

        previous = message;
    }

    return ngx_http_llmbroker_mock_claude_check_end(ctx, previous);
}


static ngx_int_t
ngx_http_llmbroker_mock_claude_message(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_json_t *message, ngx_http_llmbroker_json_t *previous,
    ngx_uint_t i)
{
    ngx_int_t                   rc;
    ngx_uint_t                  k, assistant;
    ngx_http_llmbroker_json_t  *role, *content, *block;

    role = ngx_http_llmbroker_json_get(message, "role");
    content = ngx_http_llmbroker_json_get(message, "content");

    assistant = ngx_http_llmbroker_json_is(role, "assistant");

    if (ngx_http_llmbroker_json_is(role, "system")) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                      "messages.%ui: role 'system' is not supported on this "
                      "model", i);
    }

    if (!assistant && !ngx_http_llmbroker_json_is(role, "user")) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                      "messages.%ui.role: Input should be 'user' or "
                      "'assistant'", i);
    }

    if (assistant && previous == NULL) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                      "messages: first message must use the \"user\" role");
    }

    if (content == NULL
        || (content->type != NGX_HTTP_LLMBROKER_JSON_STRING
            && content->type != NGX_HTTP_LLMBROKER_JSON_ARRAY)
        || content->n > NGX_HTTP_LLMBROKER_MOCK_CLAUDE_BLOCKS)
    {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                      "messages.%ui: Input does not match the expected shape.",
                      i);
    }

    if (content->type == NGX_HTTP_LLMBROKER_JSON_ARRAY
        ? content->n == 0 : content->raw.len == 2)
    {
        if (assistant && message->next == NULL) {
            return NGX_OK;
        }

        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                      "messages.%ui: all messages must have non-empty content "
                      "except for the optional final assistant message", i);
    }

    if (content->type == NGX_HTTP_LLMBROKER_JSON_STRING) {
        rc = ngx_http_llmbroker_mock_claude_check_text(ctx, content,
                                                       assistant);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    for (block = content->child, k = 0; block; block = block->next, k++) {
        rc = ngx_http_llmbroker_mock_claude_block(ctx, block, assistant, i, k);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    rc = ngx_http_llmbroker_mock_claude_check_results(ctx,
                         ngx_http_llmbroker_json_get(previous, "content"),
                         content, i);
    if (rc != NGX_OK) {
        return rc;
    }

    ctx->prompt_words += ngx_http_llmbroker_mock_content_words(content);

    if (!assistant) {
        ngx_http_llmbroker_mock_claude_user(ctx, content);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_claude_block(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_json_t *block, ngx_uint_t assistant, ngx_uint_t i,
    ngx_uint_t k)
{
    ngx_http_llmbroker_json_t                     *type;
    const ngx_http_llmbroker_mock_claude_block_t  *row;

    type = ngx_http_llmbroker_json_get(block, "type");

    for (row = ngx_http_llmbroker_mock_claude_blocks; row->name; row++) {
        if (ngx_http_llmbroker_json_is(type, row->name)) {
            break;
        }
    }

    if (row->name == NULL) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                      "messages.%ui.content.%ui: Input tag found using 'type' "
                      "does not match any of the expected tags", i, k);
    }

    if (assistant ? !row->assistant : !row->user) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                      "messages.%ui: `%s` blocks can only be in `%s` messages",
                      i, row->name, assistant ? "user" : "assistant");
    }

    if (ngx_http_llmbroker_json_is(type, "text")) {
        return ngx_http_llmbroker_mock_claude_check_text(ctx,
                      ngx_http_llmbroker_json_get(block, "text"), assistant);
    }

    if ((ngx_http_llmbroker_json_is(type, "image")
         || ngx_http_llmbroker_json_is(type, "document"))
        && ngx_http_llmbroker_json_get_type(block, "source",
                                            NGX_HTTP_LLMBROKER_JSON_OBJECT)
           == NULL)
    {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                      "messages.%ui.content.%ui.%s.source: Field required",
                      i, k, row->name);
    }

    if (ngx_http_llmbroker_json_is(type, "tool_use")) {

        if (ngx_http_llmbroker_json_get_type(block, "input",
                                             NGX_HTTP_LLMBROKER_JSON_OBJECT)
            == NULL)
        {
            return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                      "messages.%ui.content.%ui.tool_use.input: Input should "
                      "be a valid dictionary", i, k);
        }

        if (ctx->tools == NULL) {
            return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                      "Requests which have `tool_use` or `tool_result` blocks "
                      "in `messages` must define tools");
        }
    }

    return NGX_OK;
}


/* blank: a text of white space only is allowed */

static ngx_int_t
ngx_http_llmbroker_mock_claude_check_text(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_json_t *text, ngx_uint_t blank)
{
    ngx_str_t  inner;

    inner = ngx_http_llmbroker_json_inner(text);

    if (inner.len == 0) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                      "messages: text content blocks must be non-empty");
    }

    if (!blank && ngx_http_llmbroker_mock_words(&inner) == 0) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                      "messages: text content blocks must contain "
                      "non-whitespace text");
    }

    return NGX_OK;
}


/* What the last message may not be. */

static ngx_int_t
ngx_http_llmbroker_mock_claude_check_end(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_json_t *message)
{
    ngx_str_t                   text;
    ngx_http_llmbroker_json_t  *content, *block;

    if (ngx_http_llmbroker_json_is(
            ngx_http_llmbroker_json_get(message, "role"), "user"))
    {
        return NGX_OK;
    }

    content = ngx_http_llmbroker_json_get(message, "content");

    if (ngx_http_llmbroker_mock_claude_find(content, "tool_use", NULL, NULL)) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                      "messages: `tool_use` ids were found without "
                      "`tool_result` blocks immediately after");
    }

    if (content->type == NGX_HTTP_LLMBROKER_JSON_ARRAY) {

        for (block = content->child; block && block->next;
             block = block->next)
        {
            /* void */
        }

        content = ngx_http_llmbroker_json_get(block, "text");
    }

    text = ngx_http_llmbroker_json_inner(content);

    if (text.len
        && (text.data[text.len - 1] == ' '
            || (text.len > 1 && text.data[text.len - 2] == '\\'
                && text.data[text.len - 1] == 'n')))
    {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                      "messages: final assistant content cannot end with "
                      "trailing whitespace");
    }

    return NGX_OK;
}


/*
 * The tool calls of a message must all be answered at the beginning of the
 * next one, and nothing else may be answered.
 */

static ngx_int_t
ngx_http_llmbroker_mock_claude_check_results(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_json_t *calls,
    ngx_http_llmbroker_json_t *content, ngx_uint_t i)
{
    ngx_uint_t                  other;
    ngx_http_llmbroker_json_t  *block;

    for (block = content->child, other = 0; block; block = block->next) {

        if (!ngx_http_llmbroker_json_is(
                 ngx_http_llmbroker_json_get(block, "type"), "tool_result"))
        {
            other = 1;
            continue;
        }

        if (other) {
            return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                      "messages.%ui: `tool_result` blocks must come before "
                      "other content", i);
        }

        if (ngx_http_llmbroker_mock_claude_find(calls, "tool_use", "id",
                      ngx_http_llmbroker_json_get(block, "tool_use_id"))
            == NULL)
        {
            return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                      "messages.%ui: unexpected `tool_use_id` found in "
                      "`tool_result` blocks", i);
        }
    }

    if (calls == NULL) {
        return NGX_OK;
    }

    for (block = calls->child; block; block = block->next) {

        if (!ngx_http_llmbroker_json_is(
                 ngx_http_llmbroker_json_get(block, "type"), "tool_use"))
        {
            continue;
        }

        if (ngx_http_llmbroker_mock_claude_find(content, "tool_result",
                      "tool_use_id",
                      ngx_http_llmbroker_json_get(block, "id"))
            == NULL)
        {
            return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                      "messages.%ui: `tool_use` ids were found without "
                      "`tool_result` blocks immediately after", i - 1);
        }
    }

    return NGX_OK;
}


/* A block of a type, whose member "name" equals id unless name is NULL. */

static ngx_http_llmbroker_json_t *
ngx_http_llmbroker_mock_claude_find(ngx_http_llmbroker_json_t *content,
    const char *type, const char *name, ngx_http_llmbroker_json_t *id)
{
    ngx_http_llmbroker_json_t  *block, *v;

    if (content == NULL || (name && id == NULL)) {
        return NULL;
    }

    for (block = content->child; block; block = block->next) {

        if (!ngx_http_llmbroker_json_is(
                 ngx_http_llmbroker_json_get(block, "type"), type))
        {
            continue;
        }

        if (name == NULL) {
            return block;
        }

        v = ngx_http_llmbroker_json_get(block, name);

        if (v && v->raw.len == id->raw.len
            && ngx_memcmp(v->raw.data, id->raw.data, id->raw.len) == 0)
        {
            return block;
        }
    }

    return NULL;
}


/* The text of a message or, when it has none, its last tool result. */

static void
ngx_http_llmbroker_mock_claude_user(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_json_t *content)
{
    ngx_uint_t                  text;
    ngx_http_llmbroker_json_t  *block, *type, *result;

    ctx->user = content;
    ctx->tool_result = 0;

    text = 0;

    for (block = content->child; block; block = block->next) {

        type = ngx_http_llmbroker_json_get(block, "type");

        if (ngx_http_llmbroker_json_is(type, "text")) {
            text = 1;
            ctx->user = content;
            ctx->tool_result = 0;
            continue;
        }

        if (!ngx_http_llmbroker_json_is(type, "tool_result")) {
            continue;
        }

        result = ngx_http_llmbroker_json_get(block, "content");

        ctx->prompt_words += ngx_http_llmbroker_mock_content_words(result);

        if (!text) {
            ctx->user = result;
            ctx->tool_result = 1;
        }
    }
}


static ngx_int_t
ngx_http_llmbroker_mock_claude_answer(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_http_llmbroker_mock_frame_t   *f;
    ngx_http_llmbroker_mock_string_t  *s;

    f = &ctx->frame;

    if (ctx->call == NGX_HTTP_LLMBROKER_MOCK_COUNT) {
        ngx_http_llmbroker_mock_printf(&ctx->head, "{\"input_tokens\":%ui}",
                                       ctx->prompt_words);

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
