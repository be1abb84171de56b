
/*
 * Copyright (C) LLMBroker contributors
 */


/*
 * The conversation of a request of Bedrock's Converse: what is refused.
 */


#include "mock/ngx_http_llmbroker_mock.h"


/* bounds the comparison of tool calls with their results */
#define NGX_HTTP_LLMBROKER_MOCK_BEDROCK_BLOCKS  1024


typedef ngx_int_t (*ngx_http_llmbroker_mock_bedrock_pt)(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_json_t *value,
    ngx_uint_t i, ngx_uint_t k);


typedef struct {
    const char                          *name;
    unsigned                             assistant:1;  /* has such blocks */
    unsigned                             user:1;
    unsigned                             result:1;     /* so has a result */
    ngx_http_llmbroker_mock_bedrock_pt   check;
} ngx_http_llmbroker_mock_bedrock_block_t;


static ngx_int_t ngx_http_llmbroker_mock_bedrock_message(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_json_t *message,
    ngx_http_llmbroker_json_t *previous, ngx_uint_t i);
static ngx_int_t ngx_http_llmbroker_mock_bedrock_role(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_json_t *message,
    ngx_http_llmbroker_json_t *previous, ngx_uint_t i);
static ngx_int_t ngx_http_llmbroker_mock_bedrock_block(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_json_t *block,
    ngx_uint_t assistant, ngx_uint_t i, ngx_uint_t k);
static const ngx_http_llmbroker_mock_bedrock_block_t *
    ngx_http_llmbroker_mock_bedrock_kind(ngx_http_llmbroker_json_t *block);
static ngx_int_t ngx_http_llmbroker_mock_bedrock_text(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_json_t *value,
    ngx_uint_t i, ngx_uint_t k);
static ngx_int_t ngx_http_llmbroker_mock_bedrock_source(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_json_t *value,
    ngx_uint_t i, ngx_uint_t k);
static ngx_int_t ngx_http_llmbroker_mock_bedrock_document(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_json_t *value,
    ngx_uint_t i, ngx_uint_t k);
static ngx_int_t ngx_http_llmbroker_mock_bedrock_use(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_json_t *value,
    ngx_uint_t i, ngx_uint_t k);
static ngx_int_t ngx_http_llmbroker_mock_bedrock_result(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_json_t *value,
    ngx_uint_t i, ngx_uint_t k);
static ngx_int_t ngx_http_llmbroker_mock_bedrock_results(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_json_t *calls,
    ngx_http_llmbroker_json_t *content, ngx_uint_t i);
static ngx_http_llmbroker_json_t *ngx_http_llmbroker_mock_bedrock_find(
    ngx_http_llmbroker_json_t *content, const char *kind,
    ngx_http_llmbroker_json_t *id);
static void ngx_http_llmbroker_mock_bedrock_user(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_json_t *content);


static const ngx_http_llmbroker_mock_bedrock_block_t
    ngx_http_llmbroker_mock_bedrock_blocks[] =
{
    { "text", 1, 1, 1, ngx_http_llmbroker_mock_bedrock_text },
    { "image", 0, 1, 1, ngx_http_llmbroker_mock_bedrock_source },
    { "document", 0, 1, 1, ngx_http_llmbroker_mock_bedrock_document },
    { "video", 0, 1, 1, ngx_http_llmbroker_mock_bedrock_source },
    { "audio", 0, 1, 0, ngx_http_llmbroker_mock_bedrock_source },
    { "json", 0, 0, 1, NULL },
    { "toolUse", 1, 0, 0, ngx_http_llmbroker_mock_bedrock_use },
    { "toolResult", 0, 1, 0, ngx_http_llmbroker_mock_bedrock_result },
    { "reasoningContent", 1, 0, 0, NULL },
    { "citationsContent", 1, 0, 0, NULL },
    { "cachePoint", 1, 1, 0, NULL },
    { "guardContent", 0, 1, 0, NULL },
    { "searchResult", 0, 1, 1, NULL },
    { NULL, 0, 0, 0, NULL }
};


ngx_int_t
ngx_http_llmbroker_mock_bedrock_messages(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_int_t                   rc;
    ngx_uint_t                  i;
    ngx_http_llmbroker_json_t  *messages, *message, *previous;

    messages = ngx_http_llmbroker_json_get_type(ctx->root, "messages",
                                               NGX_HTTP_LLMBROKER_JSON_ARRAY);

    if (messages == NULL || messages->child == NULL) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                      "A conversation must start with a user "
                                      "message. Try again with a conversation "
                                      "that starts with a user message.");
    }

    previous = NULL;

    for (message = messages->child, i = 0; message;
         message = message->next, i++)
    {
        rc = ngx_http_llmbroker_mock_bedrock_message(ctx, message, previous,
                                                     i);
        if (rc != NGX_OK) {
            return rc;
        }

        previous = message;
    }

    if (ngx_http_llmbroker_mock_bedrock_find(
            ngx_http_llmbroker_json_get(previous, "content"), "toolUse", NULL))
    {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                      "Expected toolResult blocks at "
                                      "messages.%ui.content", i);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_bedrock_message(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_json_t *message, ngx_http_llmbroker_json_t *previous,
    ngx_uint_t i)
{
    ngx_int_t                   rc;
    ngx_uint_t                  k, assistant;
    ngx_http_llmbroker_json_t  *content, *block;

    rc = ngx_http_llmbroker_mock_bedrock_role(ctx, message, previous, i);
    if (rc != NGX_OK) {
        return rc;
    }

    assistant = (i & 1);

    content = ngx_http_llmbroker_json_get_type(message, "content",
                                               NGX_HTTP_LLMBROKER_JSON_ARRAY);

    if (content == NULL || content->n == 0
        || content->n > NGX_HTTP_LLMBROKER_MOCK_BEDROCK_BLOCKS)
    {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                      "The content field in the Message object at "
                      "messages.%ui is empty. Add a ContentBlock object to "
                      "the content field and try again.", i);
    }

    for (block = content->child, k = 0; block; block = block->next, k++) {
        rc = ngx_http_llmbroker_mock_bedrock_block(ctx, block, assistant, i,
                                                   k);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (ngx_http_llmbroker_mock_bedrock_find(content, "document", NULL)
        && !ngx_http_llmbroker_mock_bedrock_find(content, "text", NULL))
    {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                      "Include a text ContentBlock with your document "
                      "ContentBlock.");
    }

    rc = ngx_http_llmbroker_mock_bedrock_results(ctx,
                         ngx_http_llmbroker_json_get(previous, "content"),
                         content, i);
    if (rc != NGX_OK) {
        return rc;
    }

    ctx->prompt_words += ngx_http_llmbroker_mock_content_words(content);

    if (!assistant) {
        ngx_http_llmbroker_mock_bedrock_user(ctx, content);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_bedrock_role(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_json_t *message, ngx_http_llmbroker_json_t *previous,
    ngx_uint_t i)
{
    ngx_uint_t                  assistant;
    ngx_http_llmbroker_json_t  *role;

    role = ngx_http_llmbroker_json_get(message, "role");

    assistant = ngx_http_llmbroker_json_is(role, "assistant");

    if (!assistant && !ngx_http_llmbroker_json_is(role, "user")) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                      "Value at 'messages.%ui.member.role' failed to satisfy "
                      "constraint: Member must satisfy enum value set: "
                      "[user, assistant]", i);
    }

    if (assistant == (i & 1)) {
        return NGX_OK;
    }

    return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                      previous == NULL
                      ? "A conversation must start with a user message. Try "
                        "again with a conversation that starts with a user "
                        "message."
                      : "A conversation must alternate between user and "
                        "assistant roles. Make sure the conversation "
                        "alternates between user and assistant roles and try "
                        "again.");
}


static ngx_int_t
ngx_http_llmbroker_mock_bedrock_block(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_json_t *block, ngx_uint_t assistant, ngx_uint_t i,
    ngx_uint_t k)
{
    const ngx_http_llmbroker_mock_bedrock_block_t  *row;

    row = ngx_http_llmbroker_mock_bedrock_kind(block);

    if (row == NULL) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                      "The ContentBlock object at messages.%ui.content.%ui "
                      "must set one of the following keys: text, image, "
                      "toolUse, toolResult, document, video, cachePoint, "
                      "reasoningContent.", i, k);
    }

    if (assistant ? !row->assistant : !row->user) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                      "messages.%ui: `%s` blocks can only be in `%s` messages",
                      i, row->name, assistant ? "user" : "assistant");
    }

    return row->check ? row->check(ctx, block->child, i, k) : NGX_OK;
}


/* a block has one member, whose name is its kind */

static const ngx_http_llmbroker_mock_bedrock_block_t *
ngx_http_llmbroker_mock_bedrock_kind(ngx_http_llmbroker_json_t *block)
{
    const ngx_http_llmbroker_mock_bedrock_block_t  *row;

    if (block->type != NGX_HTTP_LLMBROKER_JSON_OBJECT || block->n != 1) {
        return NULL;
    }

    for (row = ngx_http_llmbroker_mock_bedrock_blocks; row->name; row++) {
        if (ngx_http_llmbroker_json_get(block, row->name)) {
            return row;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_llmbroker_mock_bedrock_text(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_json_t *value, ngx_uint_t i, ngx_uint_t k)
{
    ngx_str_t  text;

    text = ngx_http_llmbroker_json_inner(value);

    if (ngx_http_llmbroker_mock_words(&text) == 0) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                      "The text field in the ContentBlock object at "
                      "messages.%ui.content.%ui is blank. Add text to the "
                      "text field, and try again.", i, k);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_bedrock_source(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_json_t *value, ngx_uint_t i, ngx_uint_t k)
{
    ngx_http_llmbroker_json_t  *source, *bytes;

    source = ngx_http_llmbroker_json_get(value, "source");
    bytes = ngx_http_llmbroker_json_get(source, "bytes");

    if (ngx_http_llmbroker_json_inner(
            ngx_http_llmbroker_json_get(value, "format")).len == 0
        || source == NULL || source->n != 1
        || (bytes && ngx_http_llmbroker_json_inner(bytes).len == 0))
    {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                      "The %V at messages.%ui.content.%ui must have a format "
                      "and one source.", &value->key, i, k);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_bedrock_document(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_json_t *value, ngx_uint_t i, ngx_uint_t k)
{
    size_t     n;
    ngx_str_t  name;

    name = ngx_http_llmbroker_json_inner(
               ngx_http_llmbroker_json_get(value, "name"));

    for (n = 0; n < name.len; n++) {

        if (!isalnum(name.data[n])
            && ngx_strchr(" -()[]", name.data[n]) == NULL)
        {
            break;
        }

        if (n && name.data[n] == ' ' && name.data[n - 1] == ' ') {
            break;
        }
    }

    if (name.len == 0 || n < name.len) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                      "The document file name can only contain alphanumeric "
                      "characters, whitespace characters, hyphens, "
                      "parentheses, and square brackets. The name can't "
                      "contain more than one consecutive whitespace "
                      "character.");
    }

    return ngx_http_llmbroker_mock_bedrock_source(ctx, value, i, k);
}


static ngx_int_t
ngx_http_llmbroker_mock_bedrock_use(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_json_t *value, ngx_uint_t i, ngx_uint_t k)
{
    if (ctx->tools == NULL) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                      "The toolConfig field must be defined when using "
                      "toolUse and toolResult content blocks.");
    }

    if (!ngx_http_llmbroker_mock_bedrock_name(
             ngx_http_llmbroker_json_get(value, "toolUseId"))
        || !ngx_http_llmbroker_mock_bedrock_name(
                ngx_http_llmbroker_json_get(value, "name"))
        || ngx_http_llmbroker_json_get_type(value, "input",
                                            NGX_HTTP_LLMBROKER_JSON_OBJECT)
           == NULL)
    {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                      "The toolUse at messages.%ui.content.%ui must have a "
                      "toolUseId and a name of [a-zA-Z0-9_-]{1,64}, and an "
                      "input that is an object.", i, k);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_bedrock_result(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_json_t *value, ngx_uint_t i, ngx_uint_t k)
{
    ngx_http_llmbroker_json_t                      *status, *content, *v;
    const ngx_http_llmbroker_mock_bedrock_block_t  *row;

    if (ctx->tools == NULL) {
        return ngx_http_llmbroker_mock_bedrock_use(ctx, value, i, k);
    }

    status = ngx_http_llmbroker_json_get(value, "status");
    content = ngx_http_llmbroker_json_get_type(value, "content",
                                               NGX_HTTP_LLMBROKER_JSON_ARRAY);

    if (content == NULL
        || (status && !ngx_http_llmbroker_json_is(status, "success")
            && !ngx_http_llmbroker_json_is(status, "error")))
    {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                      "The toolResult at messages.%ui.content.%ui must have a "
                      "content, and a status of success or error.", i, k);
    }

    for (v = content->child; v; v = v->next) {

        row = ngx_http_llmbroker_mock_bedrock_kind(v);

        if (row == NULL || !row->result) {
            return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                      "The toolResult at messages.%ui.content.%ui has a block "
                      "that a result cannot have.", i, k);
        }
    }

    return NGX_OK;
}


/* the calls of a message must all be answered in the next, and no others */

static ngx_int_t
ngx_http_llmbroker_mock_bedrock_results(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_json_t *calls, ngx_http_llmbroker_json_t *content,
    ngx_uint_t i)
{
    ngx_uint_t                  results;
    ngx_http_llmbroker_json_t  *block, *v, *id;

    results = 0;

    for (block = content->child; block; block = block->next) {

        v = ngx_http_llmbroker_json_get(block, "toolResult");

        if (v == NULL) {
            continue;
        }

        id = ngx_http_llmbroker_json_get(v, "toolUseId");
        results++;

        if (id == NULL
            || !ngx_http_llmbroker_mock_bedrock_find(calls, "toolUse", id))
        {
            return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                      "The number of toolResult blocks at "
                      "messages.%ui.content exceeds the number of toolUse "
                      "blocks of previous turn.", i);
        }
    }

    for (block = calls ? calls->child : NULL; block; block = block->next) {

        v = ngx_http_llmbroker_json_get(block, "toolUse");

        if (v == NULL) {
            continue;
        }

        id = ngx_http_llmbroker_json_get(v, "toolUseId");

        if (results == 0
            || !ngx_http_llmbroker_mock_bedrock_find(content, "toolResult",
                                                     id))
        {
            return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                      "Expected toolResult blocks at messages.%ui.content for "
                      "the following Ids: %V", i, &id->raw);
        }
    }

    return NGX_OK;
}


/* a block of a kind, with this toolUseId unless that is NULL */

static ngx_http_llmbroker_json_t *
ngx_http_llmbroker_mock_bedrock_find(ngx_http_llmbroker_json_t *content,
    const char *kind, ngx_http_llmbroker_json_t *id)
{
    ngx_http_llmbroker_json_t  *block, *v;

    if (content == NULL) {
        return NULL;
    }

    for (block = content->child; block; block = block->next) {

        v = ngx_http_llmbroker_json_get(block, kind);

        if (v == NULL) {
            continue;
        }

        if (id == NULL) {
            return v;
        }

        v = ngx_http_llmbroker_json_get(v, "toolUseId");

        if (v && v->raw.len == id->raw.len
            && ngx_memcmp(v->raw.data, id->raw.data, id->raw.len) == 0)
        {
            return v;
        }
    }

    return NULL;
}


/* the text of a message or, when it has none, its last tool result */

static void
ngx_http_llmbroker_mock_bedrock_user(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_json_t *content)
{
    ngx_http_llmbroker_json_t  *block, *result;

    ctx->user = content;
    ctx->tool_result = 0;

    for (block = content->child; block; block = block->next) {

        result = ngx_http_llmbroker_json_get(
                     ngx_http_llmbroker_json_get(block, "toolResult"),
                     "content");

        if (result == NULL) {
            continue;
        }

        ctx->prompt_words += ngx_http_llmbroker_mock_content_words(result);

        if (!ngx_http_llmbroker_mock_bedrock_find(content, "text", NULL)) {
            ctx->user = result;
            ctx->tool_result = 1;
        }
    }
}
