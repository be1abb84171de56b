
/*
 * Copyright (C) LLMBroker contributors
 *
 * What the content blocks of a Claude answer are made of, whole or in pieces:
 * rules P4-P9 and S14.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_answer.h"
#include "provider/ngx_http_llmbroker_claude.h"


static ngx_int_t ngx_http_llmbroker_claude_annotations(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c);
static ngx_int_t ngx_http_llmbroker_claude_thought(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c);
static ngx_int_t ngx_http_llmbroker_claude_json(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c,
    ngx_http_llmbroker_json_t *block);
static ngx_int_t ngx_http_llmbroker_claude_json_text(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c,
    ngx_http_llmbroker_json_t *v);
static ngx_int_t ngx_http_llmbroker_claude_json_stop(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c);
static ngx_int_t ngx_http_llmbroker_claude_server(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c,
    ngx_http_llmbroker_json_t *block);
static ngx_int_t ngx_http_llmbroker_claude_server_stop(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c);
static ngx_int_t ngx_http_llmbroker_claude_input_parse(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c,
    ngx_http_llmbroker_json_t **root);


/* a block with what it holds: all in a buffered answer, little in a stream */

ngx_int_t
ngx_http_llmbroker_claude_block(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_http_llmbroker_json_t *block)
{
    ngx_int_t                   rc;
    ngx_str_t                   text;
    ngx_http_llmbroker_json_t  *type, *v;

    type = ngx_http_llmbroker_json_get_type(block, "type",
                                            NGX_HTTP_LLMBROKER_JSON_STRING);
    if (type == NULL) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider sent a part of the answer of no "
                               "type.");
    }

    c->whole = 0;

    if (ngx_http_llmbroker_json_is(type, "text")) {
        c->in = NGX_HTTP_LLMBROKER_CLAUDE_IN_TEXT;
        c->begin = c->points;

        rc = ngx_http_llmbroker_answer_member_typed(ex, block, "text",
                                              NGX_HTTP_LLMBROKER_JSON_STRING);
        if (rc != NGX_OK) {
            return rc;
        }

        text = ngx_http_llmbroker_claude_inner(block, "text");

        rc = ngx_http_llmbroker_claude_text(ex, c, text);
        if (rc != NGX_OK) {
            return rc;
        }

        v = ngx_http_llmbroker_json_get(block, "citations");

        for (v = v ? v->child : NULL; v; v = v->next) {

            if (ngx_http_llmbroker_claude_citation(ex, c, v) != NGX_OK) {
                return NGX_ERROR;
            }
        }

        return NGX_OK;
    }

    if (ngx_http_llmbroker_json_is(type, "thinking")) {
        c->in = NGX_HTTP_LLMBROKER_CLAUDE_IN_THINKING;

        text = ngx_http_llmbroker_claude_inner(block, "signature");

        rc = ngx_http_llmbroker_claude_signature(ex, c, &text);
        if (rc != NGX_OK) {
            return rc;
        }

        rc = ngx_http_llmbroker_answer_member_typed(ex, block, "thinking",
                                              NGX_HTTP_LLMBROKER_JSON_STRING);
        if (rc != NGX_OK) {
            return rc;
        }

        text = ngx_http_llmbroker_claude_inner(block, "thinking");

        return ngx_http_llmbroker_claude_think(ex, c, text);
    }

    if (ngx_http_llmbroker_json_is(type, "tool_use")) {

        if (ngx_http_llmbroker_claude_inner(block, "id").len == 0
            || ngx_http_llmbroker_claude_inner(block, "name").len == 0)
        {
            return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                                   "The provider called a tool without an id "
                                   "or a name.");
        }

        return ngx_http_llmbroker_claude_tool_use(ex, c, block, "id");
    }

    c->in = NGX_HTTP_LLMBROKER_CLAUDE_IN_OTHER;

    if (ngx_http_llmbroker_json_is(type, "redacted_thinking")) {
        return ngx_http_llmbroker_answer_block(ex, 0, &block->raw);
    }

    return ngx_http_llmbroker_claude_server(ex, c, block);
}


/* P5, S3 */

ngx_int_t
ngx_http_llmbroker_claude_tool_use(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_http_llmbroker_json_t *block,
    const char *id_name)
{
    ngx_int_t                   rc;
    ngx_str_t                   id, name, inner;
    ngx_http_llmbroker_json_t  *input;

    c->in = NGX_HTTP_LLMBROKER_CLAUDE_IN_TOOL;
    c->filled = 0;
    c->whole = 0;

    id = ngx_http_llmbroker_claude_inner(block, id_name);
    name = ngx_http_llmbroker_claude_inner(block, "name");

    if (c->json_tool.len
        && c->json_tool.len == name.len
        && ngx_memcmp(c->json_tool.data, name.data, name.len) == 0)
    {
        return ngx_http_llmbroker_claude_json(ex, c, block);
    }

    c->tool = c->tools++;

    rc = ngx_http_llmbroker_answer_tool(ex, 0, c->tool, &id, &name);
    if (rc != NGX_OK) {
        return rc;
    }

    input = ngx_http_llmbroker_json_get(block, "input");

    if (input == NULL || input->n == 0) {
        return NGX_OK;
    }

    c->filled = 1;
    c->whole = 1;

    if (ngx_http_llmbroker_text_quote(ex->temp ? ex->temp : ex->pool,
                                        &input->raw, &inner)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_answer_arguments(ex, 0, c->tool, &inner);
}


ngx_int_t
ngx_http_llmbroker_claude_text(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_str_t inner)
{
    if (!c->uncited) {
        c->points += ngx_http_llmbroker_text_points(&inner);
    }

    return ngx_http_llmbroker_answer_text(ex, 0, &inner);
}


/* P7 */

ngx_int_t
ngx_http_llmbroker_claude_think(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_str_t inner)
{
    if (!ex->stream
        && ngx_http_llmbroker_text_append(ex->pool, &c->thinking,
                                            inner.data, inner.len)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_answer_reasoning(ex, 0, &inner);
}


ngx_int_t
ngx_http_llmbroker_claude_signature(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_str_t *inner)
{
    if (c->signature.len > NGX_HTTP_LLMBROKER_CLAUDE_KEPT) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider sent an endless signature.");
    }

    return ngx_http_llmbroker_text_append(ex->pool, &c->signature, inner->data,
                                          inner->len);
}


/* P8: only what has an address can be told */

ngx_int_t
ngx_http_llmbroker_claude_citation(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_http_llmbroker_json_t *citation)
{
    ngx_str_t                   url, title;
    ngx_http_llmbroker_json_t  *type;

    type = ngx_http_llmbroker_json_get(citation, "type");

    if (!ngx_http_llmbroker_json_is(type, "web_search_result_location")) {
        return NGX_OK;
    }

    url = ngx_http_llmbroker_claude_inner(citation, "url");
    title = ngx_http_llmbroker_claude_inner(citation, "title");

    return ngx_http_llmbroker_claude_cite(ex, c, &url, &title);
}


ngx_int_t
ngx_http_llmbroker_claude_cite(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_str_t *url, ngx_str_t *title)
{
    u_char                     *p;
    size_t                      len;
    ngx_http_llmbroker_text_t  *text;

    if (c->citations.len > NGX_HTTP_LLMBROKER_CLAUDE_KEPT) {
        return NGX_OK;
    }

    text = &c->citations;
    len = sizeof("\"title\":\"\",\"url\":\"\"") + title->len + url->len;

    if (ngx_http_llmbroker_text_append(ex->pool, text, NULL, len)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    p = ngx_sprintf(text->data + text->len - len,
                    "\"title\":\"%V\",\"url\":\"%V\"", title, url);
    *p = '\0';

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_claude_block_stop(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c)
{
    ngx_int_t                       rc;
    ngx_str_t                       empty;
    ngx_http_llmbroker_claude_in_e  in;

    in = c->in;
    c->in = NGX_HTTP_LLMBROKER_CLAUDE_IN_NOTHING;

    switch (in) {

    case NGX_HTTP_LLMBROKER_CLAUDE_IN_TEXT:
        rc = ngx_http_llmbroker_claude_annotations(ex, c);
        break;

    case NGX_HTTP_LLMBROKER_CLAUDE_IN_THINKING:
        rc = ngx_http_llmbroker_claude_thought(ex, c);
        break;

    case NGX_HTTP_LLMBROKER_CLAUDE_IN_TOOL:

        if (c->filled) {
            return NGX_OK;
        }

        /* S5 */

        ngx_str_set(&empty, "{}");
        return ngx_http_llmbroker_answer_arguments(ex, 0, c->tool, &empty);

    case NGX_HTTP_LLMBROKER_CLAUDE_IN_JSON:
        rc = ngx_http_llmbroker_claude_json_stop(ex, c);
        break;

    case NGX_HTTP_LLMBROKER_CLAUDE_IN_SERVER:
        rc = ngx_http_llmbroker_claude_server_stop(ex, c);
        break;

    default:
        return NGX_OK;
    }

    c->thinking.len = 0;
    c->json.len = 0;
    c->signature.len = 0;
    c->citations.len = 0;

    return rc;
}


static ngx_int_t
ngx_http_llmbroker_claude_annotations(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c)
{
    u_char      *p, *last;
    size_t       len;
    ngx_int_t    rc;
    ngx_str_t    raw;
    ngx_pool_t  *pool;

    if (c->citations.len == 0) {
        return NGX_OK;
    }

    pool = ex->temp ? ex->temp : ex->pool;

    p = c->citations.data;
    last = p + c->citations.len;

    while (p < last) {
        len = ngx_strlen(p);

        raw.data = ngx_pnalloc(pool, len + 2 * NGX_INT_T_LEN
                               + sizeof("{\"type\":\"url_citation\","
                                        "\"url_citation\":{\"end_index\":,"
                                        "\"start_index\":,}}"));
        if (raw.data == NULL) {
            return NGX_ERROR;
        }

        raw.len = ngx_sprintf(raw.data, "{\"type\":\"url_citation\","
                              "\"url_citation\":{\"end_index\":%ui,"
                              "\"start_index\":%ui,%s}}",
                              c->points, c->begin, p)
                  - raw.data;

        rc = ngx_http_llmbroker_answer_annotation(ex, 0, &raw);
        if (rc != NGX_OK) {
            return rc;
        }

        p += len + 1;
    }

    return NGX_OK;
}


/* what a client has to replay; in a stream it has the text already (S7) */

static ngx_int_t
ngx_http_llmbroker_claude_thought(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c)
{
    u_char      *p;
    ngx_str_t    raw;
    ngx_pool_t  *pool;

    if (c->signature.len == 0) {
        return NGX_OK;
    }

    pool = ex->temp ? ex->temp : ex->pool;

    p = ngx_pnalloc(pool, c->thinking.len + c->signature.len
                    + sizeof("{\"type\":\"thinking\",\"thinking\":\"\","
                             "\"signature\":\"\"}"));
    if (p == NULL) {
        return NGX_ERROR;
    }

    raw.data = p;

    p = ngx_cpymem(p, "{\"type\":\"thinking\",\"thinking\":\"",
                   sizeof("{\"type\":\"thinking\",\"thinking\":\"") - 1);

    if (c->thinking.len) {
        p = ngx_cpymem(p, c->thinking.data, c->thinking.len);
    }

    p = ngx_cpymem(p, "\",\"signature\":\"",
                   sizeof("\",\"signature\":\"") - 1);
    p = ngx_cpymem(p, c->signature.data, c->signature.len);
    p = ngx_cpymem(p, "\"}", sizeof("\"}") - 1);

    raw.len = p - raw.data;

    return ngx_http_llmbroker_answer_block(ex, 0, &raw);
}


/* P9, S14: the input of a format's tool is the answer's content */

static ngx_int_t
ngx_http_llmbroker_claude_json(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_http_llmbroker_json_t *block)
{
    ngx_http_llmbroker_json_t  *input, *v;

    /* two JSON texts in a row would be none */

    if (c->formatted) {
        c->in = NGX_HTTP_LLMBROKER_CLAUDE_IN_OTHER;
        return NGX_OK;
    }

    c->in = NGX_HTTP_LLMBROKER_CLAUDE_IN_JSON;
    c->formatted = 1;

    input = ngx_http_llmbroker_json_get(block, "input");

    if (input == NULL || (input->n == 0 && ex->temp)) {
        return NGX_OK;
    }

    c->filled = 1;
    c->whole = 1;

    v = ngx_http_llmbroker_json_get(input, "value");

    return ngx_http_llmbroker_claude_json_text(ex, c,
                                               (c->wrapped && v) ? v : input);
}


static ngx_int_t
ngx_http_llmbroker_claude_json_text(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_http_llmbroker_json_t *v)
{
    ngx_str_t  inner;

    if (ngx_http_llmbroker_text_quote(ex->temp ? ex->temp : ex->pool,
                                      &v->raw, &inner)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_claude_text(ex, c, inner);
}


/* what was wrapped is known when it is whole; if it is cut, it stays so */

static ngx_int_t
ngx_http_llmbroker_claude_json_stop(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c)
{
    ngx_int_t                   rc;
    ngx_str_t                   inner;
    ngx_http_llmbroker_json_t  *root, *v;

    if (c->json.len == 0) {

        /* S5: an input of nothing is an object of nothing */

        ngx_str_set(&inner, "{}");

        return c->filled ? NGX_OK
                         : ngx_http_llmbroker_claude_text(ex, c, inner);
    }

    rc = ngx_http_llmbroker_claude_input_parse(ex, c, &root);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    v = (rc == NGX_OK) ? ngx_http_llmbroker_json_get(root, "value") : NULL;

    if (v) {
        return ngx_http_llmbroker_claude_json_text(ex, c, v);
    }

    inner.len = c->json.len;
    inner.data = c->json.data;

    return ngx_http_llmbroker_claude_text(ex, c, inner);
}


/* of a block that is no tool of the client's */

ngx_int_t
ngx_http_llmbroker_claude_input(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_str_t *inner)
{
    c->filled |= (inner->len != 0);

    if (c->in == NGX_HTTP_LLMBROKER_CLAUDE_IN_JSON && !c->wrapped) {
        return ngx_http_llmbroker_claude_text(ex, c, *inner);
    }

    if (c->in != NGX_HTTP_LLMBROKER_CLAUDE_IN_JSON
        && c->in != NGX_HTTP_LLMBROKER_CLAUDE_IN_SERVER)
    {
        return NGX_OK;
    }

    if (c->json.len + inner->len > NGX_HTTP_LLMBROKER_CLAUDE_KEPT) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider sent an endless input.");
    }

    return ngx_http_llmbroker_text_append(ex->pool, &c->json, inner->data,
                                          inner->len);
}


/* P6: the calls of tools that Anthropic runs, and what they gave */

static ngx_int_t
ngx_http_llmbroker_claude_server(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_http_llmbroker_json_t *block)
{
    u_char                     *p;
    ngx_str_t                   type;
    ngx_http_llmbroker_json_t  *input;

    type = ngx_http_llmbroker_claude_inner(block, "type");

    if (type.len > sizeof("_tool_result") - 1
        && ngx_memcmp(type.data + type.len - (sizeof("_tool_result") - 1),
                      "_tool_result", sizeof("_tool_result") - 1)
           == 0)
    {
        return ngx_http_llmbroker_claude_keep(ex, c, &block->raw);
    }

    if (type.len <= sizeof("_tool_use") - 1
        || ngx_memcmp(type.data + type.len - (sizeof("_tool_use") - 1),
                      "_tool_use", sizeof("_tool_use") - 1)
           != 0)
    {
        return NGX_OK;
    }

    input = ngx_http_llmbroker_json_get(block, "input");

    if (input == NULL || input->n || ex->temp == NULL) {
        return ngx_http_llmbroker_claude_keep(ex, c, &block->raw);
    }

    /* the input is to come: all before it and all behind it is kept */

    c->in = NGX_HTTP_LLMBROKER_CLAUDE_IN_SERVER;

    p = ngx_pnalloc(ex->pool, block->raw.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    c->server.data = p;

    p = ngx_cpymem(p, block->raw.data, input->raw.data - block->raw.data);

    c->server_tail.data = p;
    c->server.len = p - c->server.data;

    p = ngx_cpymem(p, input->raw.data + input->raw.len,
                   block->raw.data + block->raw.len
                   - (input->raw.data + input->raw.len));

    c->server_tail.len = p - c->server_tail.data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_claude_server_stop(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c)
{
    u_char                     *p;
    ngx_int_t                   rc;
    ngx_str_t                   input, raw;
    ngx_pool_t                 *pool;
    ngx_http_llmbroker_json_t  *root;

    ngx_str_set(&input, "{}");

    if (c->json.len) {
        rc = ngx_http_llmbroker_claude_input_parse(ex, c, &root);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_OK) {
            input = root->raw;
        }
    }

    pool = ex->temp ? ex->temp : ex->pool;

    raw.len = c->server.len + input.len + c->server_tail.len;

    p = ngx_pnalloc(pool, raw.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    raw.data = p;

    p = ngx_cpymem(p, c->server.data, c->server.len);
    p = ngx_cpymem(p, input.data, input.len);
    ngx_memcpy(p, c->server_tail.data, c->server_tail.len);

    return ngx_http_llmbroker_claude_keep(ex, c, &raw);
}


/* NGX_DECLINED when it is no JSON, cut by max_tokens for one */

static ngx_int_t
ngx_http_llmbroker_claude_input_parse(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_http_llmbroker_json_t **root)
{
    u_char      *p, *last;
    ngx_pool_t  *pool;

    pool = ex->temp ? ex->temp : ex->pool;

    p = ngx_pnalloc(pool, c->json.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    last = ngx_http_llmbroker_json_decode(p, c->json.data, c->json.len);

    if (last == NULL) {
        return NGX_DECLINED;
    }

    return ngx_http_llmbroker_json_parse(pool, p, last - p, root);
}


/* beyond what can be kept, the rest is left out */

ngx_int_t
ngx_http_llmbroker_claude_keep(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_str_t *raw)
{
    if (c->servers.len + raw->len > NGX_HTTP_LLMBROKER_CLAUDE_KEPT) {
        return NGX_OK;
    }

    if (c->servers.len
        && ngx_http_llmbroker_text_append(ex->pool, &c->servers, ",", 1)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_text_append(ex->pool, &c->servers, raw->data,
                                          raw->len);
}


ngx_int_t
ngx_http_llmbroker_claude_specific(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_http_llmbroker_json_t *stop)
{
    u_char                     *p;
    ngx_str_t                   raw, sequence;
    ngx_uint_t                  paused;
    ngx_pool_t                 *pool;
    ngx_http_llmbroker_json_t  *reason;

    sequence = ngx_http_llmbroker_claude_inner(stop, "stop_sequence");
    reason = ngx_http_llmbroker_json_get(stop, "stop_reason");
    paused = ngx_http_llmbroker_json_is(reason, "pause_turn");

    if (c->servers.len == 0 && sequence.len == 0 && !paused) {
        return NGX_OK;
    }

    pool = ex->temp ? ex->temp : ex->pool;

    p = ngx_pnalloc(pool, c->servers.len + sequence.len
                    + sizeof("{\"server_blocks\":[],\"stop_sequence\":\"\","
                             "\"stop_reason\":\"pause_turn\"}"));
    if (p == NULL) {
        return NGX_ERROR;
    }

    raw.data = p;
    *p++ = '{';

    if (c->servers.len) {
        p = ngx_cpymem(p, "\"server_blocks\":[",
                       sizeof("\"server_blocks\":[") - 1);
        p = ngx_cpymem(p, c->servers.data, c->servers.len);
        *p++ = ']'; *p++ = ',';
    }

    if (sequence.len) {
        p = ngx_sprintf(p, "\"stop_sequence\":\"%V\",", &sequence);
    }

    if (paused) {
        p = ngx_cpymem(p, "\"stop_reason\":\"pause_turn\",",
                       sizeof("\"stop_reason\":\"pause_turn\",") - 1);
    }

    /* in place of the last comma */

    p[-1] = '}';

    raw.len = p - raw.data;

    return ngx_http_llmbroker_answer_member(ex, 0,
                                            "provider_specific_fields", &raw);
}
