
/*
 * Copyright (C) LLMBroker contributors
 *
 * What an assistant's message of a Claude request has beside its content:
 * thoughts and calls of tools.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_claude.h"
#include "provider/ngx_http_llmbroker_params.h"


static ngx_int_t ngx_http_llmbroker_claude_thought(
    ngx_http_llmbroker_claude_build_t *b, ngx_http_llmbroker_json_t *part);
static ngx_int_t ngx_http_llmbroker_claude_call(
    ngx_http_llmbroker_claude_build_t *b, ngx_uint_t i, const char *member,
    ngx_http_llmbroker_json_t *call);
static ngx_int_t ngx_http_llmbroker_claude_custom_input(
    ngx_http_llmbroker_claude_build_t *b, ngx_http_llmbroker_json_t *v,
    ngx_str_t *data);
static ngx_int_t ngx_http_llmbroker_claude_arguments(
    ngx_http_llmbroker_claude_build_t *b, ngx_http_llmbroker_json_t *v,
    ngx_str_t *data);


/*
 * R50.  A streamed answer tells the text of its one thinking block as
 * reasoning_content only (S7): it is put back.
 */

ngx_int_t
ngx_http_llmbroker_claude_thoughts(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_json_t *message)
{
    ngx_str_t                           reasoning;
    ngx_uint_t                          i, n, first;
    ngx_http_llmbroker_json_t          *v, *part;
    ngx_http_llmbroker_claude_block_t  *block;

    v = ngx_http_llmbroker_json_get(message, "reasoning_content");
    reasoning = ngx_http_llmbroker_json_inner(v);

    v = ngx_http_llmbroker_json_get_type(message, "thinking_blocks",
                                         NGX_HTTP_LLMBROKER_JSON_ARRAY);
    first = b->blocks.nelts;

    for (part = v ? v->child : NULL; part; part = part->next) {

        if (ngx_http_llmbroker_claude_thought(b, part) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (reasoning.len == 0) {
        return NGX_OK;
    }

    block = b->blocks.elts;
    n = 0;

    for (i = first; i < b->blocks.nelts; i++) {

        if (block[i].kind == NGX_HTTP_LLMBROKER_CLAUDE_THINKING) {
            n++;
            first = i;
        }
    }

    if (n == 1 && block[first].data.len == 0) {
        block[first].data = reasoning;
    }

    /* without a signature it cannot be replayed */

    return n ? NGX_OK : ngx_http_llmbroker_claude_drop(b, "reasoning_content");
}


/* a signature or the data is what Claude knows a thought by */

static ngx_int_t
ngx_http_llmbroker_claude_thought(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_json_t *part)
{
    ngx_str_t                           proof;
    ngx_http_llmbroker_json_t          *type, *v;
    ngx_http_llmbroker_claude_kind_e    kind;
    ngx_http_llmbroker_claude_block_t  *block;

    type = ngx_http_llmbroker_json_get(part, "type");
    ngx_str_null(&proof);
    kind = NGX_HTTP_LLMBROKER_CLAUDE_THINKING;

    if (ngx_http_llmbroker_json_is(type, "thinking")) {
        proof = ngx_http_llmbroker_claude_inner(part, "signature");

    } else if (ngx_http_llmbroker_json_is(type, "redacted_thinking")) {
        proof = ngx_http_llmbroker_claude_inner(part, "data");
        kind = NGX_HTTP_LLMBROKER_CLAUDE_RAW;
    }

    if (proof.len == 0) {
        return ngx_http_llmbroker_claude_drop(b, "thinking_blocks");
    }

    block = ngx_http_llmbroker_claude_push(&b->blocks, kind, part);
    if (block == NULL) {
        return NGX_ERROR;
    }

    v = ngx_http_llmbroker_json_get(part, "thinking");
    block->data = ngx_http_llmbroker_json_inner(v);

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_claude_calls(ngx_http_llmbroker_claude_build_t *b,
    ngx_uint_t i, ngx_http_llmbroker_json_t *calls)
{
    u_char                     *p;
    ngx_int_t                   rc;
    ngx_uint_t                  j;
    ngx_http_llmbroker_json_t  *call;
    u_char                      member[64];

    call = calls->child;

    for (j = 0; call; call = call->next, j++) {

        p = ngx_snprintf(member, sizeof(member) - 1, "tool_calls[%ui]", j);
        *p = '\0';

        rc = ngx_http_llmbroker_claude_call(b, i, (char *) member, call);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_claude_call(ngx_http_llmbroker_claude_build_t *b,
    ngx_uint_t i, const char *member, ngx_http_llmbroker_json_t *call)
{
    ngx_int_t                           rc;
    ngx_http_llmbroker_json_t          *function, *custom, *name, *v;
    ngx_http_llmbroker_claude_block_t  *block;

    function = ngx_http_llmbroker_json_get_type(call, "function",
                                              NGX_HTTP_LLMBROKER_JSON_OBJECT);
    custom = ngx_http_llmbroker_json_get_type(call, "custom",
                                              NGX_HTTP_LLMBROKER_JSON_OBJECT);

    name = ngx_http_llmbroker_json_get_type(function ? function : custom,
                                            "name",
                                            NGX_HTTP_LLMBROKER_JSON_STRING);
    if (name == NULL) {
        return ngx_http_llmbroker_params_message(b->ex, "unsupported_value", i,
                                   member,
                                   "A tool call must be of a function or a "
                                   "custom tool.");
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
                                   "missing_required_parameter", i, member,
                                   "A tool call must have an id.");
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (function) {
        v = ngx_http_llmbroker_json_get(function, "arguments");
        rc = ngx_http_llmbroker_claude_arguments(b, v, &block->data);

    } else {
        v = ngx_http_llmbroker_json_get(custom, "input");
        rc = ngx_http_llmbroker_claude_custom_input(b, v, &block->data);
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_llmbroker_params_message(b->ex, "invalid_value", i,
                                   member,
                                   "The arguments of a tool call must be "
                                   "a JSON object.");
    }

    return rc;
}


/* R45 */

ngx_int_t
ngx_http_llmbroker_claude_function_call(ngx_http_llmbroker_claude_build_t *b,
    ngx_uint_t i, ngx_http_llmbroker_json_t *call)
{
    ngx_int_t                           rc;
    ngx_http_llmbroker_json_t          *v;
    ngx_http_llmbroker_claude_block_t  *block;

    v = ngx_http_llmbroker_json_get_type(call, "name",
                                         NGX_HTTP_LLMBROKER_JSON_STRING);
    if (v == NULL) {
        return ngx_http_llmbroker_params_message(b->ex, "invalid_type", i,
                                   "function_call",
                                   "A function call must have a name.");
    }

    block = ngx_http_llmbroker_claude_push(&b->blocks,
                                   NGX_HTTP_LLMBROKER_CLAUDE_TOOL_USE, call);
    if (block == NULL) {
        return NGX_ERROR;
    }

    b->calls++;
    block->name = ngx_http_llmbroker_json_inner(v);

    if (ngx_http_llmbroker_claude_function_id(b, &block->id) != NGX_OK) {
        return NGX_ERROR;
    }

    v = ngx_http_llmbroker_json_get(call, "arguments");

    rc = ngx_http_llmbroker_claude_arguments(b, v, &block->data);

    if (rc == NGX_DECLINED) {
        return ngx_http_llmbroker_params_message(b->ex, "invalid_value", i,
                                   "function_call",
                                   "The arguments of a function call must be "
                                   "a JSON object.");
    }

    return rc;
}


/* of the last function_call, which has none: its number in the conversation */

ngx_int_t
ngx_http_llmbroker_claude_function_id(ngx_http_llmbroker_claude_build_t *b,
    ngx_str_t *id)
{
    id->data = ngx_pnalloc(b->ex->pool, sizeof("call_") - 1 + NGX_INT_T_LEN);
    if (id->data == NULL) {
        return NGX_ERROR;
    }

    id->len = ngx_sprintf(id->data, "call_%ui", b->calls) - id->data;

    return NGX_OK;
}


/* R43 */

static ngx_int_t
ngx_http_llmbroker_claude_custom_input(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_json_t *v, ngx_str_t *data)
{
    if (v == NULL || v->type != NGX_HTTP_LLMBROKER_JSON_STRING) {
        return NGX_DECLINED;
    }

    data->data = ngx_pnalloc(b->ex->pool,
                             sizeof("{\"input\":}") - 1 + v->raw.len);
    if (data->data == NULL) {
        return NGX_ERROR;
    }

    data->len = ngx_sprintf(data->data, "{\"input\":%V}", &v->raw)
                - data->data;

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

    if (root->type == NGX_HTTP_LLMBROKER_JSON_NULL) {
        ngx_str_set(data, "{}");
        return NGX_OK;
    }

    if (root->type != NGX_HTTP_LLMBROKER_JSON_OBJECT) {
        return NGX_DECLINED;
    }

    *data = root->raw;

    return NGX_OK;
}


/* R44 */

ngx_int_t
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
