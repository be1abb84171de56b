
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


static ngx_int_t ngx_http_llmbroker_claude_message(
    ngx_http_llmbroker_claude_build_t *b, ngx_uint_t i,
    ngx_http_llmbroker_json_t *message);
static ngx_int_t ngx_http_llmbroker_claude_user(
    ngx_http_llmbroker_claude_build_t *b, ngx_uint_t i,
    ngx_http_llmbroker_json_t *message);
static ngx_int_t ngx_http_llmbroker_claude_assistant(
    ngx_http_llmbroker_claude_build_t *b, ngx_uint_t i,
    ngx_http_llmbroker_json_t *message);
static ngx_int_t ngx_http_llmbroker_claude_tool(
    ngx_http_llmbroker_claude_build_t *b, ngx_uint_t i,
    ngx_http_llmbroker_json_t *message);
static ngx_int_t ngx_http_llmbroker_claude_content(
    ngx_http_llmbroker_claude_build_t *b, ngx_array_t *blocks, ngx_uint_t i,
    ngx_http_llmbroker_json_t *message);
static ngx_int_t ngx_http_llmbroker_claude_part(
    ngx_http_llmbroker_claude_build_t *b, ngx_array_t *blocks, ngx_uint_t i,
    ngx_http_llmbroker_json_t *part);
static ngx_int_t ngx_http_llmbroker_claude_thoughts(
    ngx_http_llmbroker_claude_build_t *b, ngx_http_llmbroker_json_t *message);
static ngx_int_t ngx_http_llmbroker_claude_calls(
    ngx_http_llmbroker_claude_build_t *b, ngx_uint_t i,
    ngx_http_llmbroker_json_t *calls);
static ngx_int_t ngx_http_llmbroker_claude_arguments(
    ngx_http_llmbroker_claude_build_t *b, ngx_http_llmbroker_json_t *v,
    ngx_str_t *data);
static ngx_int_t ngx_http_llmbroker_claude_id(
    ngx_http_llmbroker_claude_build_t *b, ngx_http_llmbroker_json_t *v,
    ngx_str_t *id);
static void ngx_http_llmbroker_claude_write_system(
    ngx_http_llmbroker_claude_build_t *b);
static void ngx_http_llmbroker_claude_write_run(
    ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_claude_block_t *block,
    ngx_http_llmbroker_claude_block_t *end);
static void ngx_http_llmbroker_claude_write_block(
    ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_claude_block_t *block);
static void ngx_http_llmbroker_claude_write_result(
    ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_claude_block_t *block);


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
    ngx_http_llmbroker_claude_block_t  *block, *last;

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

    if (b->blocks.nelts) {
        return NGX_OK;
    }

    if (b->system.nelts == 0) {
        return ngx_http_llmbroker_fault(ex, 400, "invalid_value", "messages",
                               "The conversation is empty.");
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

    v = ngx_http_llmbroker_json_get(message, "function_call");

    if (v && v->type != NGX_HTTP_LLMBROKER_JSON_NULL) {
        return ngx_http_llmbroker_params_message(b->ex, "unsupported_value", i,
                                   "function_call",
                                   "This model supports tool_calls only.");
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
        return ngx_http_llmbroker_claude_tool(b, i, message);
    }

    /* R20, R21 */

    if (ngx_http_llmbroker_json_is(role, "system")
        || ngx_http_llmbroker_json_is(role, "developer"))
    {
        return ngx_http_llmbroker_claude_content(b, &b->system, i, message);
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

    block = b->blocks.elts;

    for ( /* void */ ; n < b->blocks.nelts; n++) {
        block[n].assistant = 1;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_claude_tool(ngx_http_llmbroker_claude_build_t *b,
    ngx_uint_t i, ngx_http_llmbroker_json_t *message)
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

    v = ngx_http_llmbroker_json_get(message, "is_error");
    block->failed = ngx_http_llmbroker_json_true(v);

    v = ngx_http_llmbroker_json_get(message, "tool_call_id");

    rc = ngx_http_llmbroker_claude_id(b, v, &block->id);

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
            block->cache = ngx_http_llmbroker_json_get(message,
                                                       "cache_control");
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

    } else if (ngx_http_llmbroker_json_is(type, "image_url")
               && blocks == &b->blocks)
    {
        rc = ngx_http_llmbroker_claude_image(b, i, part);

    } else if (ngx_http_llmbroker_json_is(type, "file")
               && blocks == &b->blocks)
    {
        rc = ngx_http_llmbroker_claude_file(b, i, part);

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

    block->cache = ngx_http_llmbroker_json_get(part, "cache_control");

    if (block->cache == NULL) {
        block->cache = ngx_http_llmbroker_json_get(part,
                                                   "prompt_cache_breakpoint");
    }

    return NGX_OK;
}


/*
 * R50.  A streamed answer tells the text of its one thinking block as
 * reasoning_content only (S7): it is put back.
 */

static ngx_int_t
ngx_http_llmbroker_claude_thoughts(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_json_t *message)
{
    ngx_str_t                           reasoning;
    ngx_uint_t                          n, used;
    ngx_http_llmbroker_json_t          *v, *part, *type;
    ngx_http_llmbroker_claude_kind_e    kind;
    ngx_http_llmbroker_claude_block_t  *block;

    v = ngx_http_llmbroker_json_get(message, "reasoning_content");
    reasoning = ngx_http_llmbroker_json_inner(v);

    v = ngx_http_llmbroker_json_get_type(message, "thinking_blocks",
                                         NGX_HTTP_LLMBROKER_JSON_ARRAY);
    n = v ? v->n : 0;
    used = 0;

    for (part = v ? v->child : NULL; part; part = part->next) {
        type = ngx_http_llmbroker_json_get(part, "type");

        if (ngx_http_llmbroker_json_is(type, "thinking")) {
            kind = NGX_HTTP_LLMBROKER_CLAUDE_THINKING;

        } else if (ngx_http_llmbroker_json_is(type, "redacted_thinking")) {
            kind = NGX_HTTP_LLMBROKER_CLAUDE_RAW;

        } else {
            continue;
        }

        block = ngx_http_llmbroker_claude_push(&b->blocks, kind, part);
        if (block == NULL) {
            return NGX_ERROR;
        }

        v = ngx_http_llmbroker_json_get(part, "thinking");
        block->data = ngx_http_llmbroker_json_inner(v);
        used = 1;

        if (block->data.len == 0 && n == 1) {
            block->data = reasoning;
        }
    }

    if (reasoning.len == 0 || used) {
        return NGX_OK;
    }

    /* without a signature it cannot be replayed */

    return ngx_http_llmbroker_claude_drop(b, "reasoning_content");
}


static ngx_int_t
ngx_http_llmbroker_claude_calls(ngx_http_llmbroker_claude_build_t *b,
    ngx_uint_t i, ngx_http_llmbroker_json_t *calls)
{
    u_char                             *p;
    ngx_int_t                           rc;
    ngx_uint_t                          j;
    ngx_http_llmbroker_json_t          *call, *function, *name, *v;
    ngx_http_llmbroker_claude_block_t  *block;
    u_char                              member[64];

    call = calls->child;

    for (j = 0; call; call = call->next, j++) {

        p = ngx_snprintf(member, sizeof(member) - 1, "tool_calls[%ui]", j);
        *p = '\0';

        function = ngx_http_llmbroker_json_get(call, "function");
        name = ngx_http_llmbroker_json_get_type(function, "name",
                                              NGX_HTTP_LLMBROKER_JSON_STRING);
        if (name == NULL) {
            return ngx_http_llmbroker_params_message(b->ex,
                                       "unsupported_value", i, (char *) member,
                                       "A tool call must be of a function.");
        }

        block = ngx_http_llmbroker_claude_push(&b->blocks,
                                   NGX_HTTP_LLMBROKER_CLAUDE_TOOL_USE, call);
        if (block == NULL) {
            return NGX_ERROR;
        }

        block->name = ngx_http_llmbroker_json_inner(name);

        v = ngx_http_llmbroker_json_get(call, "id");

        rc = ngx_http_llmbroker_claude_id(b, v, &block->id);

        if (rc == NGX_DECLINED) {
            return ngx_http_llmbroker_params_message(b->ex,
                                       "missing_required_parameter", i,
                                       (char *) member,
                                       "A tool call must have an id.");
        }

        if (rc != NGX_OK) {
            return rc;
        }

        v = ngx_http_llmbroker_json_get(function, "arguments");

        rc = ngx_http_llmbroker_claude_arguments(b, v, &block->data);

        if (rc == NGX_DECLINED) {
            return ngx_http_llmbroker_params_message(b->ex, "invalid_value", i,
                                       (char *) member,
                                       "The arguments of a tool call must be "
                                       "a JSON object.");
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/* R42: a string that holds JSON becomes an object */

static ngx_int_t
ngx_http_llmbroker_claude_arguments(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_json_t *v, ngx_str_t *data)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *root;

    ngx_str_set(data, "{}");

    if (v == NULL
        || v->type == NGX_HTTP_LLMBROKER_JSON_NULL
        || ngx_http_llmbroker_json_is(v, "null")
        || (v->type == NGX_HTTP_LLMBROKER_JSON_STRING
            && ngx_http_llmbroker_params_blank(v)))
    {
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_json_string(b->ex->pool, v, data);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_json_parse(b->ex->pool, data->data, data->len,
                                       &root);
    if (rc != NGX_OK) {
        return rc;
    }

    if (root->type != NGX_HTTP_LLMBROKER_JSON_OBJECT) {
        return NGX_DECLINED;
    }

    *data = root->raw;

    return NGX_OK;
}


/* R44 */

static ngx_int_t
ngx_http_llmbroker_claude_id(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_json_t *v, ngx_str_t *id)
{
    u_char     *p, c;
    size_t      i;
    ngx_int_t   rc;
    ngx_str_t   text;

    rc = ngx_http_llmbroker_json_string(b->ex->pool, v, &text);
    if (rc != NGX_OK) {
        return rc;
    }

    if (text.len == 0) {
        return NGX_DECLINED;
    }

    p = ngx_pnalloc(b->ex->pool, text.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < text.len; i++) {
        c = text.data[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9') || c == '-')
        {
            p[i] = c;

        } else {
            p[i] = '_';
        }
    }

    id->len = text.len;
    id->data = p;

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


static void
ngx_http_llmbroker_claude_write_system(ngx_http_llmbroker_claude_build_t *b)
{
    ngx_uint_t                          i;
    ngx_http_llmbroker_claude_block_t  *block;

    if (b->system.nelts == 0) {
        return;
    }

    block = b->system.elts;

    ngx_http_llmbroker_json_key(&b->w, "system");

    if (b->system.nelts == 1 && block->cache == NULL) {
        ngx_http_llmbroker_json_raw(&b->w, &block->value->raw);
        return;
    }

    ngx_http_llmbroker_json_open_array(&b->w);

    for (i = 0; i < b->system.nelts; i++) {
        ngx_http_llmbroker_claude_write_block(b, &block[i]);
    }

    ngx_http_llmbroker_json_close_array(&b->w);
}


void
ngx_http_llmbroker_claude_write_messages(ngx_http_llmbroker_claude_build_t *b)
{
    ngx_http_llmbroker_json_writer_t   *w;
    ngx_http_llmbroker_claude_block_t  *block, *last, *end;

    ngx_http_llmbroker_claude_write_system(b);

    w = &b->w;

    block = b->blocks.elts;
    last = block + b->blocks.nelts;

    ngx_http_llmbroker_json_key(w, "messages");
    ngx_http_llmbroker_json_open_array(w);

    /* R40 */

    if (block->assistant) {
        ngx_http_llmbroker_json_open(w);
        ngx_http_llmbroker_json_key(w, "role");
        ngx_http_llmbroker_json_text(w, "user");
        ngx_http_llmbroker_json_key(w, "content");
        ngx_http_llmbroker_json_text(w, ".");
        ngx_http_llmbroker_json_close(w);
    }

    while (block < last) {

        for (end = block + 1; end < last; end++) {
            if (end->assistant != block->assistant) {
                break;
            }
        }

        ngx_http_llmbroker_json_open(w);
        ngx_http_llmbroker_json_key(w, "role");
        ngx_http_llmbroker_json_text(w, block->assistant ? "assistant"
                                                         : "user");
        ngx_http_llmbroker_json_key(w, "content");
        ngx_http_llmbroker_claude_write_run(b, block, end);
        ngx_http_llmbroker_json_close(w);

        block = end;
    }

    ngx_http_llmbroker_json_close_array(w);
}


/* the content of one message: the blocks from block to end */

static void
ngx_http_llmbroker_claude_write_run(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_claude_block_t *block,
    ngx_http_llmbroker_claude_block_t *end)
{
    ngx_uint_t  empty;

    /* R38: what is empty counts only where nothing else is */

    for (empty = 0; block < end; block++) {
        if (block->kind != NGX_HTTP_LLMBROKER_CLAUDE_EMPTY) {
            break;
        }

        empty = 1;
    }

    if (empty && block == end) {
        ngx_http_llmbroker_json_text(&b->w, ".");
        return;
    }

    if (end - block == 1
        && block->kind == NGX_HTTP_LLMBROKER_CLAUDE_TEXT
        && block->cache == NULL)
    {
        ngx_http_llmbroker_json_raw(&b->w, &block->value->raw);
        return;
    }

    ngx_http_llmbroker_json_open_array(&b->w);

    while (block < end) {
        ngx_http_llmbroker_claude_write_block(b, block);
        block += 1 + block->n;
    }

    ngx_http_llmbroker_json_close_array(&b->w);
}


static void
ngx_http_llmbroker_claude_write_block(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_claude_block_t *block)
{
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->w;

    if (block->kind == NGX_HTTP_LLMBROKER_CLAUDE_EMPTY) {
        return;
    }

    if (block->kind == NGX_HTTP_LLMBROKER_CLAUDE_RAW) {
        ngx_http_llmbroker_json_raw(w, &block->value->raw);
        return;
    }

    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "type");

    switch (block->kind) {

    case NGX_HTTP_LLMBROKER_CLAUDE_THINKING:
        ngx_http_llmbroker_json_text(w, "thinking");
        ngx_http_llmbroker_claude_write_inner(b, "thinking", block->data);
        v = ngx_http_llmbroker_json_get(block->value, "signature");
        ngx_http_llmbroker_claude_write_raw(b, "signature", v);
        break;

    case NGX_HTTP_LLMBROKER_CLAUDE_IMAGE:
    case NGX_HTTP_LLMBROKER_CLAUDE_IMAGE_URL:
    case NGX_HTTP_LLMBROKER_CLAUDE_PDF:
        ngx_http_llmbroker_claude_write_source(b, block);
        break;

    case NGX_HTTP_LLMBROKER_CLAUDE_TOOL_USE:
        ngx_http_llmbroker_json_text(w, "tool_use");
        ngx_http_llmbroker_json_key(w, "id");
        ngx_http_llmbroker_json_str(w, &block->id);
        ngx_http_llmbroker_claude_write_inner(b, "name", block->name);
        ngx_http_llmbroker_json_key(w, "input");
        ngx_http_llmbroker_json_raw(w, &block->data);
        break;

    case NGX_HTTP_LLMBROKER_CLAUDE_TOOL_RESULT:
        ngx_http_llmbroker_claude_write_result(b, block);
        break;

    default: /* NGX_HTTP_LLMBROKER_CLAUDE_TEXT */
        ngx_http_llmbroker_json_text(w, "text");
        ngx_http_llmbroker_claude_write_raw(b, "text", block->value);
    }

    ngx_http_llmbroker_claude_write_cache(b, block->cache);
    ngx_http_llmbroker_json_close(w);
}


/* R36; the blocks that follow are the result's content */

static void
ngx_http_llmbroker_claude_write_result(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_claude_block_t *block)
{
    ngx_uint_t                          i;
    ngx_http_llmbroker_json_writer_t   *w;
    ngx_http_llmbroker_claude_block_t  *part;

    w = &b->w;
    part = block + 1;

    ngx_http_llmbroker_json_text(w, "tool_result");
    ngx_http_llmbroker_json_key(w, "tool_use_id");
    ngx_http_llmbroker_json_str(w, &block->id);

    if (block->failed) {
        ngx_http_llmbroker_json_key(w, "is_error");
        ngx_http_llmbroker_json_bool(w, 1);
    }

    if (block->n == 0) {
        return;
    }

    if (block->n == 1
        && part->kind == NGX_HTTP_LLMBROKER_CLAUDE_TEXT
        && part->cache == NULL)
    {
        ngx_http_llmbroker_claude_write_raw(b, "content", part->value);
        return;
    }

    ngx_http_llmbroker_json_key(w, "content");
    ngx_http_llmbroker_json_open_array(w);

    for (i = 0; i < block->n; i++) {

        ngx_http_llmbroker_json_open(w);
        ngx_http_llmbroker_json_key(w, "type");

        if (part[i].kind == NGX_HTTP_LLMBROKER_CLAUDE_TEXT) {
            ngx_http_llmbroker_json_text(w, "text");
            ngx_http_llmbroker_claude_write_raw(b, "text", part[i].value);

        } else {
            ngx_http_llmbroker_claude_write_source(b, &part[i]);
        }

        ngx_http_llmbroker_claude_write_cache(b, part[i].cache);
        ngx_http_llmbroker_json_close(w);
    }

    ngx_http_llmbroker_json_close_array(w);
}
