
/*
 * Copyright (C) LLMBroker contributors
 */


/*
 * Anthropic's requests: what is refused, and what is asked for.
 */


#include "mock/ngx_http_llmbroker_mock.h"


/* bounds the comparison of tool calls with their results */
#define NGX_HTTP_LLMBROKER_MOCK_CLAUDE_BLOCKS  1024


typedef struct {
    const char  *name;
    ngx_uint_t   assistant;  /* may be in such a message */
    ngx_uint_t   user;
} ngx_http_llmbroker_mock_claude_block_t;


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


ngx_int_t
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

    if (ctx->call == NGX_HTTP_LLMBROKER_MOCK_MODELS) {
        return NGX_OK;
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
