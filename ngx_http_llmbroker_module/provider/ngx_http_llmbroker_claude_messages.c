
/*
 * Copyright (C) LLMBroker contributors
 *
 * The conversation of a Claude request.  It is first gathered as one flat
 * list of content blocks, each with the role that says it, and then written:
 * a message is a run of blocks of one role.  So turns of one role merge
 * (R39), tool results come together (R33) and what is empty vanishes (R38)
 * without a second look.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_claude.h"
#include "provider/ngx_http_llmbroker_params.h"


static ngx_int_t ngx_http_llmbroker_claude_ending(
    ngx_http_llmbroker_claude_build_t *b);
static ngx_int_t ngx_http_llmbroker_claude_settle(
    ngx_http_llmbroker_claude_build_t *b, ngx_array_t *blocks);
static ngx_array_t *ngx_http_llmbroker_claude_place(
    ngx_http_llmbroker_claude_build_t *b);
static ngx_int_t ngx_http_llmbroker_claude_prefill(
    ngx_http_llmbroker_claude_build_t *b);
static ngx_int_t ngx_http_llmbroker_claude_message(
    ngx_http_llmbroker_claude_build_t *b, ngx_uint_t i,
    ngx_http_llmbroker_json_t *message);
static ngx_int_t ngx_http_llmbroker_claude_user(
    ngx_http_llmbroker_claude_build_t *b, ngx_uint_t i,
    ngx_http_llmbroker_json_t *message);
static ngx_int_t ngx_http_llmbroker_claude_assistant(
    ngx_http_llmbroker_claude_build_t *b, ngx_uint_t i,
    ngx_http_llmbroker_json_t *message);
static ngx_int_t ngx_http_llmbroker_claude_result(
    ngx_http_llmbroker_claude_build_t *b, ngx_uint_t i,
    ngx_http_llmbroker_json_t *message, ngx_uint_t legacy);
static ngx_int_t ngx_http_llmbroker_claude_content(
    ngx_http_llmbroker_claude_build_t *b, ngx_array_t *blocks, ngx_uint_t i,
    ngx_http_llmbroker_json_t *message);
static ngx_int_t ngx_http_llmbroker_claude_part(
    ngx_http_llmbroker_claude_build_t *b, ngx_array_t *blocks, ngx_uint_t i,
    ngx_http_llmbroker_json_t *part);


/* of a message; annotations and the like are the echo of an answer */

static const ngx_http_llmbroker_rule_t
    ngx_http_llmbroker_claude_message_rules[] =
{
    { ngx_string("role"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("content"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("refusal"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("annotations"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("thinking_blocks"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("reasoning_content"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("tool_calls"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("tool_call_id"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("is_error"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("cache_control"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("audio"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("function_call"), NGX_HTTP_LLMBROKER_USE },

    { ngx_null_string, NGX_HTTP_LLMBROKER_DROP }
};


ngx_int_t
ngx_http_llmbroker_claude_conversation(ngx_http_llmbroker_claude_build_t *b)
{
    ngx_int_t                           rc;
    ngx_uint_t                          i;
    ngx_http_llmbroker_json_t          *v;
    ngx_http_llmbroker_exchange_t      *ex;
    ngx_http_llmbroker_claude_block_t  *block;

    ex = b->ex;

    if (ex->call == NGX_HTTP_LLMBROKER_COMPLETIONS) {
        rc = ngx_http_llmbroker_params_prompt(ex, &v);
        if (rc != NGX_OK) {
            return rc;
        }

        block = ngx_http_llmbroker_claude_push(&b->blocks,
                      ngx_http_llmbroker_params_blank(v)
                      ? NGX_HTTP_LLMBROKER_CLAUDE_EMPTY
                      : NGX_HTTP_LLMBROKER_CLAUDE_TEXT, v);

        return block ? NGX_OK : NGX_ERROR;
    }

    rc = ngx_http_llmbroker_params_get(ex, "messages",
                                       NGX_HTTP_LLMBROKER_JSON_ARRAY, &v);
    if (rc != NGX_OK) {
        return rc;
    }

    v = v ? v->child : NULL;

    for (i = 0; v; v = v->next, i++) {
        rc = ngx_http_llmbroker_claude_message(b, i, v);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_http_llmbroker_claude_ending(b);
}


static ngx_int_t
ngx_http_llmbroker_claude_ending(ngx_http_llmbroker_claude_build_t *b)
{
    ngx_array_t                        *place;
    ngx_http_llmbroker_claude_block_t  *block, *last;

    /* R21: one that no turn of the user precedes cannot stay */

    place = &b->blocks;
    block = b->blocks.elts;

    if (b->pending.nelts
        && b->model->mid_system == NGX_HTTP_LLMBROKER_CLAUDE_INLINE
        && block[b->blocks.nelts - 1].assistant)
    {
        place = &b->system;
    }

    if (ngx_http_llmbroker_claude_settle(b, place) != NGX_OK) {
        return NGX_ERROR;
    }

    if (b->blocks.nelts) {
        return ngx_http_llmbroker_claude_prefill(b);
    }

    if (b->system.nelts == 0) {
        return ngx_http_llmbroker_fault(b->ex, 400, "empty_array",
                               "messages", "The conversation is empty.");
    }

    /* R22 */

    b->system.nelts--;
    last = b->system.elts;
    last += b->system.nelts;

    block = ngx_array_push(&b->blocks);
    if (block == NULL) {
        return NGX_ERROR;
    }

    *block = *last;

    return NGX_OK;
}


/* moves the system messages that wait to where they may stand */

static ngx_int_t
ngx_http_llmbroker_claude_settle(ngx_http_llmbroker_claude_build_t *b,
    ngx_array_t *blocks)
{
    ngx_uint_t                          i;
    ngx_http_llmbroker_claude_block_t  *block, *pending;

    pending = b->pending.elts;

    for (i = 0; i < b->pending.nelts; i++) {

        block = ngx_array_push(blocks);
        if (block == NULL) {
            return NGX_ERROR;
        }

        *block = pending[i];

        if (b->model->mid_system == NGX_HTTP_LLMBROKER_CLAUDE_USER_TAG) {
            block->kind = NGX_HTTP_LLMBROKER_CLAUDE_TAGGED;

        } else {
            block->system = (blocks == &b->blocks);
        }
    }

    b->pending.nelts = 0;

    return NGX_OK;
}


/* R20, R21: where a system message goes */

static ngx_array_t *
ngx_http_llmbroker_claude_place(ngx_http_llmbroker_claude_build_t *b)
{
    if (b->blocks.nelts == 0
        || b->model->mid_system == NGX_HTTP_LLMBROKER_CLAUDE_HOIST
        || (b->model->mid_system == NGX_HTTP_LLMBROKER_CLAUDE_INLINE
            && !(b->model->flags & NGX_HTTP_LLMBROKER_CLAUDE_MIDDLE)))
    {
        return &b->system;
    }

    return &b->pending;
}


/*
 * R41: a conversation that ends with the beginning of the answer.  Models
 * that know it refuse white space at its end.
 */

static ngx_int_t
ngx_http_llmbroker_claude_prefill(ngx_http_llmbroker_claude_build_t *b)
{
    ngx_http_llmbroker_claude_block_t  *block;

    block = b->blocks.elts;
    block += b->blocks.nelts - 1;

    if (!block->assistant) {
        return NGX_OK;
    }

    if (!(b->model->flags & NGX_HTTP_LLMBROKER_CLAUDE_PREFILL)) {

        if (!(b->model->flags & NGX_HTTP_LLMBROKER_CLAUDE_FIXUP)) {
            return NGX_OK;
        }

        block = ngx_http_llmbroker_claude_push(&b->blocks,
                                     NGX_HTTP_LLMBROKER_CLAUDE_INNER, NULL);
        if (block == NULL) {
            return NGX_ERROR;
        }

        ngx_str_set(&block->data, "Continue.");

        return NGX_OK;
    }

    if (block->kind != NGX_HTTP_LLMBROKER_CLAUDE_TEXT) {
        return NGX_OK;
    }

    block->data = ngx_http_llmbroker_params_trimmed(block->value);
    block->kind = NGX_HTTP_LLMBROKER_CLAUDE_INNER;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_claude_message(ngx_http_llmbroker_claude_build_t *b,
    ngx_uint_t i, ngx_http_llmbroker_json_t *message)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *role, *v;

    if (message->type != NGX_HTTP_LLMBROKER_JSON_OBJECT) {
        return ngx_http_llmbroker_params_message(b->ex, "invalid_type", i,
                                   NULL, "A message must be an object.");
    }

    v = ngx_http_llmbroker_json_get(message, "audio");

    if (v && v->type != NGX_HTTP_LLMBROKER_JSON_NULL) {
        return ngx_http_llmbroker_params_message(b->ex, "unsupported_value", i,
                                   "audio",
                                   "This model does not support audio.");
    }

    rc = ngx_http_llmbroker_params_check(b->ex, message,
                                    ngx_http_llmbroker_claude_message_rules);
    if (rc != NGX_OK) {
        return rc;
    }

    role = ngx_http_llmbroker_json_get(message, "role");

    if (ngx_http_llmbroker_json_is(role, "user")) {
        return ngx_http_llmbroker_claude_user(b, i, message);
    }

    if (ngx_http_llmbroker_json_is(role, "assistant")) {
        return ngx_http_llmbroker_claude_assistant(b, i, message);
    }

    if (ngx_http_llmbroker_json_is(role, "tool")) {
        return ngx_http_llmbroker_claude_result(b, i, message, 0);
    }

    if (ngx_http_llmbroker_json_is(role, "function")) {
        return ngx_http_llmbroker_claude_result(b, i, message, 1);
    }

    /* R20, R21 */

    if (ngx_http_llmbroker_json_is(role, "system")
        || ngx_http_llmbroker_json_is(role, "developer"))
    {
        return ngx_http_llmbroker_claude_content(b,
                                       ngx_http_llmbroker_claude_place(b), i,
                                       message);
    }

    return ngx_http_llmbroker_params_message(b->ex, "unsupported_value", i,
                                   "role",
                                   "This model does not support the role.");
}


static ngx_int_t
ngx_http_llmbroker_claude_user(ngx_http_llmbroker_claude_build_t *b,
    ngx_uint_t i, ngx_http_llmbroker_json_t *message)
{
    ngx_int_t   rc;
    ngx_uint_t  n;

    n = b->blocks.nelts;

    rc = ngx_http_llmbroker_claude_content(b, &b->blocks, i, message);

    if (rc != NGX_OK || b->blocks.nelts > n) {
        return rc;
    }

    if (ngx_http_llmbroker_claude_push(&b->blocks,
                                       NGX_HTTP_LLMBROKER_CLAUDE_EMPTY, NULL)
        == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_claude_assistant(ngx_http_llmbroker_claude_build_t *b,
    ngx_uint_t i, ngx_http_llmbroker_json_t *message)
{
    ngx_int_t                           rc;
    ngx_uint_t                          n;
    ngx_http_llmbroker_json_t          *v;
    ngx_http_llmbroker_claude_block_t  *block;

    block = b->blocks.elts;

    if (b->blocks.nelts && !block[b->blocks.nelts - 1].assistant
        && ngx_http_llmbroker_claude_settle(b, &b->blocks) != NGX_OK)
    {
        return NGX_ERROR;
    }

    n = b->blocks.nelts;

    /* R32: the order of the blocks */

    rc = ngx_http_llmbroker_claude_thoughts(b, message);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_claude_content(b, &b->blocks, i, message);
    if (rc != NGX_OK) {
        return rc;
    }

    v = ngx_http_llmbroker_json_get_type(message, "refusal",
                                         NGX_HTTP_LLMBROKER_JSON_STRING);

    if (v && !ngx_http_llmbroker_params_blank(v)
        && ngx_http_llmbroker_claude_push(&b->blocks,
                                          NGX_HTTP_LLMBROKER_CLAUDE_TEXT, v)
           == NULL)
    {
        return NGX_ERROR;
    }

    v = ngx_http_llmbroker_json_get(message, "tool_calls");

    if (v && v->type == NGX_HTTP_LLMBROKER_JSON_ARRAY) {
        rc = ngx_http_llmbroker_claude_calls(b, i, v);
        if (rc != NGX_OK) {
            return rc;
        }

    } else if (v && v->type != NGX_HTTP_LLMBROKER_JSON_NULL) {
        return ngx_http_llmbroker_params_message(b->ex, "invalid_type", i,
                                   "tool_calls",
                                   "The parameter must be an array.");
    }

    v = ngx_http_llmbroker_json_get(message, "function_call");

    if (v && v->type != NGX_HTTP_LLMBROKER_JSON_NULL) {
        rc = ngx_http_llmbroker_claude_function_call(b, i, v);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    block = b->blocks.elts;

    for ( /* void */ ; n < b->blocks.nelts; n++) {
        block[n].assistant = 1;
    }

    return NGX_OK;
}


/* R33, R36; a result that nobody asked for is Claude's to refuse (R47) */

static ngx_int_t
ngx_http_llmbroker_claude_result(ngx_http_llmbroker_claude_build_t *b,
    ngx_uint_t i, ngx_http_llmbroker_json_t *message, ngx_uint_t legacy)
{
    ngx_int_t                           rc;
    ngx_uint_t                          n;
    ngx_http_llmbroker_json_t          *v;
    ngx_http_llmbroker_claude_block_t  *block;

    n = b->blocks.nelts;

    block = ngx_http_llmbroker_claude_push(&b->blocks,
                               NGX_HTTP_LLMBROKER_CLAUDE_TOOL_RESULT, NULL);
    if (block == NULL) {
        return NGX_ERROR;
    }

    /* R37: whether it failed cannot be guessed */

    v = ngx_http_llmbroker_json_get(message, "is_error");
    block->failed = ngx_http_llmbroker_json_true(v);

    if (legacy) {
        rc = ngx_http_llmbroker_claude_function_id(b, &block->id);

    } else {
        v = ngx_http_llmbroker_json_get(message, "tool_call_id");
        rc = ngx_http_llmbroker_claude_id(b, v, &block->id);
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_llmbroker_params_message(b->ex,
                                   "missing_required_parameter", i,
                                   "tool_call_id",
                                   "A tool's message must name its call.");
    }

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_claude_content(b, &b->blocks, i, message);
    if (rc != NGX_OK) {
        return rc;
    }

    block = b->blocks.elts;
    block[n].n = b->blocks.nelts - n - 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_claude_content(ngx_http_llmbroker_claude_build_t *b,
    ngx_array_t *blocks, ngx_uint_t i, ngx_http_llmbroker_json_t *message)
{
    ngx_int_t                           rc;
    ngx_uint_t                          n;
    ngx_http_llmbroker_json_t          *content, *part;
    ngx_http_llmbroker_claude_block_t  *block;

    content = ngx_http_llmbroker_json_get(message, "content");

    if (content == NULL || content->type == NGX_HTTP_LLMBROKER_JSON_NULL) {
        return NGX_OK;
    }

    n = blocks->nelts;

    if (content->type == NGX_HTTP_LLMBROKER_JSON_STRING) {

        if (!ngx_http_llmbroker_params_blank(content)
            && ngx_http_llmbroker_claude_push(blocks,
                                     NGX_HTTP_LLMBROKER_CLAUDE_TEXT, content)
               == NULL)
        {
            return NGX_ERROR;
        }

    } else if (content->type == NGX_HTTP_LLMBROKER_JSON_ARRAY) {

        for (part = content->child; part; part = part->next) {
            rc = ngx_http_llmbroker_claude_part(b, blocks, i, part);
            if (rc != NGX_OK) {
                return rc;
            }
        }

    } else {
        return ngx_http_llmbroker_params_message(b->ex, "invalid_type", i,
                                   "content",
                                   "The content must be text or an array.");
    }

    if (blocks->nelts > n) {
        block = blocks->elts;
        block += blocks->nelts - 1;

        if (block->cache == NULL) {
            block->cache = ngx_http_llmbroker_json_get_type(message,
                                              "cache_control",
                                              NGX_HTTP_LLMBROKER_JSON_OBJECT);
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_claude_part(ngx_http_llmbroker_claude_build_t *b,
    ngx_array_t *blocks, ngx_uint_t i, ngx_http_llmbroker_json_t *part)
{
    ngx_int_t                           rc;
    ngx_uint_t                          n;
    ngx_http_llmbroker_json_t          *type, *text;
    ngx_http_llmbroker_claude_block_t  *block;

    n = blocks->nelts;
    type = ngx_http_llmbroker_json_get(part, "type");

    if (ngx_http_llmbroker_json_is(type, "text")
        || ngx_http_llmbroker_json_is(type, "refusal"))
    {
        text = ngx_http_llmbroker_json_get_type(part,
                             ngx_http_llmbroker_json_is(type, "text")
                             ? "text" : "refusal",
                             NGX_HTTP_LLMBROKER_JSON_STRING);
        if (text == NULL) {
            return ngx_http_llmbroker_params_message(b->ex, "invalid_type", i,
                                       "content", "A text part has no text.");
        }

        if (ngx_http_llmbroker_params_blank(text)) {
            return NGX_OK;
        }

        rc = ngx_http_llmbroker_claude_push(blocks,
                                            NGX_HTTP_LLMBROKER_CLAUDE_TEXT,
                                            text)
             ? NGX_OK : NGX_ERROR;

    } else if (blocks == &b->blocks) {
        rc = b->media(b, i, part);

    } else {
        return ngx_http_llmbroker_params_message(b->ex, "unsupported_value", i,
                                   "content",
                                   "This model does not support a part of "
                                   "the content.");
    }

    if (rc != NGX_OK) {
        return rc;
    }

    /* R31 */

    block = blocks->elts;
    block += n;

    block->cache = ngx_http_llmbroker_json_get_type(part, "cache_control",
                                              NGX_HTTP_LLMBROKER_JSON_OBJECT);

    if (block->cache == NULL) {
        block->cache = ngx_http_llmbroker_json_get_type(part,
                                              "prompt_cache_breakpoint",
                                              NGX_HTTP_LLMBROKER_JSON_OBJECT);
    }

    return NGX_OK;
}


ngx_http_llmbroker_claude_block_t *
ngx_http_llmbroker_claude_push(ngx_array_t *blocks,
    ngx_http_llmbroker_claude_kind_e kind, ngx_http_llmbroker_json_t *value)
{
    ngx_http_llmbroker_claude_block_t  *block;

    block = ngx_array_push(blocks);
    if (block == NULL) {
        return NULL;
    }

    ngx_memzero(block, sizeof(ngx_http_llmbroker_claude_block_t));

    block->kind = kind;
    block->value = value;

    return block;
}
