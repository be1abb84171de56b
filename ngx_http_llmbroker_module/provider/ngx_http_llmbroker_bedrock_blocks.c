
/*
 * Copyright (C) LLMBroker contributors
 *
 * The content blocks of a Converse answer, whole or as a stream opens, fills
 * and closes them.  A block is an object with one member, whose name is its
 * kind; a stream opens only tools and what they gave, all else begins with its
 * first piece.  Pieces of several tools may be mixed.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_answer.h"
#include "provider/ngx_http_llmbroker_bedrock.h"


static ngx_int_t ngx_http_llmbroker_bedrock_shape(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_t *block);
static ngx_int_t ngx_http_llmbroker_bedrock_enter(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_bedrock_t *b,
    ngx_uint_t n, ngx_http_llmbroker_claude_in_e in);
static ngx_int_t ngx_http_llmbroker_bedrock_tool(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_bedrock_t *b,
    ngx_http_llmbroker_json_t *use);
static ngx_int_t ngx_http_llmbroker_bedrock_text(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_bedrock_t *b,
    ngx_http_llmbroker_json_t *text);
static ngx_int_t ngx_http_llmbroker_bedrock_cited(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_bedrock_t *b,
    ngx_http_llmbroker_json_t *cited);
static ngx_int_t ngx_http_llmbroker_bedrock_citation(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_bedrock_t *b,
    ngx_http_llmbroker_json_t *citation);
static ngx_int_t ngx_http_llmbroker_bedrock_reasoning(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_bedrock_t *b,
    ngx_http_llmbroker_json_t *reasoning);
static ngx_int_t ngx_http_llmbroker_bedrock_redacted(
    ngx_http_llmbroker_exchange_t *ex, ngx_str_t *data);
static ngx_int_t ngx_http_llmbroker_bedrock_server(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_bedrock_t *b,
    const char *kind, ngx_http_llmbroker_json_t *v, const char *to_come);
static ngx_int_t ngx_http_llmbroker_bedrock_result(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_bedrock_t *b,
    ngx_http_llmbroker_json_t *content);
static ngx_int_t ngx_http_llmbroker_bedrock_piece(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_bedrock_t *b,
    const char *text);
static ngx_int_t ngx_http_llmbroker_bedrock_arguments(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_bedrock_t *b,
    ngx_uint_t n, ngx_http_llmbroker_json_t *use);
static ngx_int_t ngx_http_llmbroker_bedrock_other(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_bedrock_t *b,
    ngx_http_llmbroker_json_t *block);


/* a tool's pieces have no handler here: they may be of a block before */

typedef struct {
    const char                       *name;
    ngx_http_llmbroker_json_type_e    type;
    ngx_http_llmbroker_claude_in_e    in;
    ngx_int_t                       (*handler)(
                                          ngx_http_llmbroker_exchange_t *ex,
                                          ngx_http_llmbroker_bedrock_t *b,
                                          ngx_http_llmbroker_json_t *v);
} ngx_http_llmbroker_bedrock_kind_t;


static const ngx_http_llmbroker_bedrock_kind_t
    ngx_http_llmbroker_bedrock_kinds[] =
{
    { "text",
      NGX_HTTP_LLMBROKER_JSON_STRING,
      NGX_HTTP_LLMBROKER_CLAUDE_IN_TEXT,
      ngx_http_llmbroker_bedrock_text },

    { "toolUse",
      NGX_HTTP_LLMBROKER_JSON_OBJECT,
      NGX_HTTP_LLMBROKER_CLAUDE_IN_TOOL,
      NULL },

    { "reasoningContent",
      NGX_HTTP_LLMBROKER_JSON_OBJECT,
      NGX_HTTP_LLMBROKER_CLAUDE_IN_THINKING,
      ngx_http_llmbroker_bedrock_reasoning },

    { "citationsContent",
      NGX_HTTP_LLMBROKER_JSON_OBJECT,
      NGX_HTTP_LLMBROKER_CLAUDE_IN_TEXT,
      ngx_http_llmbroker_bedrock_cited },

    { "citation",
      NGX_HTTP_LLMBROKER_JSON_OBJECT,
      NGX_HTTP_LLMBROKER_CLAUDE_IN_TEXT,
      ngx_http_llmbroker_bedrock_citation },

    { NULL,
      NGX_HTTP_LLMBROKER_JSON_NULL,
      NGX_HTTP_LLMBROKER_CLAUDE_IN_NOTHING,
      NULL }
};


ngx_int_t
ngx_http_llmbroker_bedrock_block(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_bedrock_t *b, ngx_http_llmbroker_json_t *block)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *v;

    rc = ngx_http_llmbroker_bedrock_leave(ex, b);
    if (rc != NGX_OK) {
        return rc;
    }

    b->block++;

    rc = ngx_http_llmbroker_bedrock_shape(ex, block);
    if (rc != NGX_OK) {
        return rc;
    }

    v = ngx_http_llmbroker_json_get_type(block, "toolUse",
                                         NGX_HTTP_LLMBROKER_JSON_OBJECT);
    if (v) {
        if (ngx_http_llmbroker_json_is(ngx_http_llmbroker_json_get(v, "type"),
                                       "server_tool_use"))
        {
            return ngx_http_llmbroker_claude_keep(ex, &b->claude,
                                                  &block->raw);
        }

        rc = ngx_http_llmbroker_bedrock_tool(ex, b, v);
        if (rc != NGX_OK) {
            return rc;
        }

        return ngx_http_llmbroker_bedrock_close(ex, b, b->block);
    }

    return ngx_http_llmbroker_bedrock_delta(ex, b, b->block, block);
}


ngx_int_t
ngx_http_llmbroker_bedrock_open(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_bedrock_t *b, ngx_uint_t n,
    ngx_http_llmbroker_json_t *start)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *v;

    rc = ngx_http_llmbroker_bedrock_shape(ex, start);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_bedrock_enter(ex, b, n,
                                        NGX_HTTP_LLMBROKER_CLAUDE_IN_NOTHING);
    if (rc != NGX_OK) {
        return rc;
    }

    v = ngx_http_llmbroker_json_get_type(start, "toolUse",
                                         NGX_HTTP_LLMBROKER_JSON_OBJECT);
    if (v) {
        if (ngx_http_llmbroker_json_is(ngx_http_llmbroker_json_get(v, "type"),
                                       "server_tool_use"))
        {
            return ngx_http_llmbroker_bedrock_server(ex, b, "toolUse", v,
                                                     "input");
        }

        return ngx_http_llmbroker_bedrock_tool(ex, b, v);
    }

    v = ngx_http_llmbroker_json_get_type(start, "toolResult",
                                         NGX_HTTP_LLMBROKER_JSON_OBJECT);
    if (v) {
        b->result = 1;
        return ngx_http_llmbroker_bedrock_server(ex, b, "toolResult", v,
                                                 "content");
    }

    return ngx_http_llmbroker_bedrock_other(ex, b, start);
}


/* a piece of a block, or a whole one that is not a tool's */

ngx_int_t
ngx_http_llmbroker_bedrock_delta(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_bedrock_t *b, ngx_uint_t n,
    ngx_http_llmbroker_json_t *delta)
{
    ngx_int_t                                 rc;
    ngx_http_llmbroker_json_t                *v;
    const ngx_http_llmbroker_bedrock_kind_t  *kind;

    rc = ngx_http_llmbroker_bedrock_shape(ex, delta);
    if (rc != NGX_OK) {
        return rc;
    }

    for (kind = ngx_http_llmbroker_bedrock_kinds; kind->name; kind++) {

        v = ngx_http_llmbroker_json_get_type(delta, kind->name, kind->type);
        if (v == NULL) {
            continue;
        }

        if (kind->handler == NULL) {
            return ngx_http_llmbroker_bedrock_arguments(ex, b, n, v);
        }

        rc = ngx_http_llmbroker_bedrock_enter(ex, b, n, kind->in);
        if (rc != NGX_OK) {
            return rc;
        }

        return kind->handler(ex, b, v);
    }

    v = ngx_http_llmbroker_json_get_type(delta, "toolResult",
                                         NGX_HTTP_LLMBROKER_JSON_ARRAY);

    if (v && n == b->block && b->result) {
        return ngx_http_llmbroker_bedrock_result(ex, b, v);
    }

    return ngx_http_llmbroker_bedrock_other(ex, b, delta);
}


static ngx_int_t
ngx_http_llmbroker_bedrock_text(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_bedrock_t *b, ngx_http_llmbroker_json_t *text)
{
    return ngx_http_llmbroker_claude_text(ex, &b->claude,
                                          ngx_http_llmbroker_json_inner(text));
}


/* what is known must be what it should be; null is nothing */

static ngx_int_t
ngx_http_llmbroker_bedrock_shape(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *block)
{
    ngx_int_t                                 rc;
    const ngx_http_llmbroker_bedrock_kind_t  *kind;

    for (kind = ngx_http_llmbroker_bedrock_kinds; kind->name; kind++) {

        rc = ngx_http_llmbroker_answer_member_typed(ex, block, kind->name,
                                                    kind->type);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/* only the block that is open: all others have told what they hold */

ngx_int_t
ngx_http_llmbroker_bedrock_close(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_bedrock_t *b, ngx_uint_t n)
{
    ngx_int_t  rc;

    if (n != b->block) {
        return NGX_OK;
    }

    if (b->result) {
        b->result = 0;

        rc = ngx_http_llmbroker_bedrock_piece(ex, b,
                                          b->claude.json.len ? "]" : "[]");
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_http_llmbroker_claude_block_stop(ex, &b->claude);
}


/* a call stays open: pieces of it may follow those of another block */

ngx_int_t
ngx_http_llmbroker_bedrock_leave(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_bedrock_t *b)
{
    if (b->claude.in == NGX_HTTP_LLMBROKER_CLAUDE_IN_TOOL) {
        b->claude.in = NGX_HTTP_LLMBROKER_CLAUDE_IN_NOTHING;
        return NGX_OK;
    }

    return ngx_http_llmbroker_bedrock_close(ex, b, b->block);
}


/* what comes next is of block n; nothing happens when it is open already */

static ngx_int_t
ngx_http_llmbroker_bedrock_enter(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_bedrock_t *b, ngx_uint_t n,
    ngx_http_llmbroker_claude_in_e in)
{
    ngx_int_t  rc;

    if (n == b->block && in == b->claude.in
        && in != NGX_HTTP_LLMBROKER_CLAUDE_IN_NOTHING)
    {
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_bedrock_leave(ex, b);
    if (rc != NGX_OK) {
        return rc;
    }

    b->block = n;
    b->claude.in = in;
    b->claude.begin = b->claude.points;

    return NGX_OK;
}


/* P5, P9, S3 */

static ngx_int_t
ngx_http_llmbroker_bedrock_tool(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_bedrock_t *b, ngx_http_llmbroker_json_t *use)
{
    ngx_int_t    rc;
    ngx_uint_t  *block;

    rc = ngx_http_llmbroker_claude_tool_use(ex, &b->claude, use, "toolUseId");

    /* a completions call knows no tools */

    if (rc != NGX_OK
        || b->claude.in != NGX_HTTP_LLMBROKER_CLAUDE_IN_TOOL
        || ex->call != NGX_HTTP_LLMBROKER_CHAT)
    {
        return rc;
    }

    block = ngx_array_push(&b->tools);
    if (block == NULL) {
        return NGX_ERROR;
    }

    *block = b->block;

    return NGX_OK;
}


/* S4 */

static ngx_int_t
ngx_http_llmbroker_bedrock_arguments(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_bedrock_t *b, ngx_uint_t n,
    ngx_http_llmbroker_json_t *use)
{
    ngx_int_t                     rc;
    ngx_str_t                     inner;
    ngx_uint_t                   *block, i;
    ngx_http_llmbroker_claude_t  *c;

    rc = ngx_http_llmbroker_answer_member_typed(ex, use, "input",
                                              NGX_HTTP_LLMBROKER_JSON_STRING);
    if (rc != NGX_OK) {
        return rc;
    }

    c = &b->claude;
    inner = ngx_http_llmbroker_claude_inner(use, "input");

    if (n == b->block
        && (c->in == NGX_HTTP_LLMBROKER_CLAUDE_IN_JSON
            || (c->in == NGX_HTTP_LLMBROKER_CLAUDE_IN_SERVER && !b->result)))
    {
        return ngx_http_llmbroker_claude_input(ex, c, &inner);
    }

    /* the last one first: mostly it is the one */

    block = b->tools.elts;

    for (i = b->tools.nelts; i > 0; i--) {

        if (block[i - 1] != n) {
            continue;
        }

        if (i == c->tools && n == b->block) {
            c->filled |= (inner.len != 0);
        }

        return ngx_http_llmbroker_answer_arguments(ex, 0, i - 1, &inner);
    }

    if (ex->call != NGX_HTTP_LLMBROKER_CHAT || inner.len == 0) {
        return NGX_OK;
    }

    return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                           "The provider sent the input of a tool that it has "
                           "not called.");
}


/* a text with its sources; a stream tells them one by one */

static ngx_int_t
ngx_http_llmbroker_bedrock_cited(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_bedrock_t *b, ngx_http_llmbroker_json_t *cited)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get_type(cited, "content",
                                         NGX_HTTP_LLMBROKER_JSON_ARRAY);

    for (v = v ? v->child : NULL; v; v = v->next) {
        rc = ngx_http_llmbroker_claude_text(ex, &b->claude,
                                   ngx_http_llmbroker_claude_inner(v, "text"));
        if (rc != NGX_OK) {
            return rc;
        }
    }

    v = ngx_http_llmbroker_json_get_type(cited, "citations",
                                         NGX_HTTP_LLMBROKER_JSON_ARRAY);

    for (v = v ? v->child : NULL; v; v = v->next) {
        rc = ngx_http_llmbroker_bedrock_citation(ex, b, v);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/* P8: an annotation is of a URL; a place in a document is kept as it is */

static ngx_int_t
ngx_http_llmbroker_bedrock_citation(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_bedrock_t *b, ngx_http_llmbroker_json_t *citation)
{
    u_char                     *p;
    ngx_str_t                   url, title, raw;
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get(citation, "location");
    v = ngx_http_llmbroker_json_get(v, "web");
    url = ngx_http_llmbroker_claude_inner(v, "url");

    if (url.len) {
        title = ngx_http_llmbroker_claude_inner(citation, "title");
        return ngx_http_llmbroker_claude_cite(ex, &b->claude, &url, &title);
    }

    p = ngx_pnalloc(ngx_http_llmbroker_bedrock_pool(ex),
                    sizeof("{\"citation\":}") - 1 + citation->raw.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    raw.data = p;
    raw.len = ngx_sprintf(p, "{\"citation\":%V}", &citation->raw) - p;

    return ngx_http_llmbroker_claude_keep(ex, &b->claude, &raw);
}


/* P7, S7: {"reasoningText":{"text","signature"}}, or these alone */

static ngx_int_t
ngx_http_llmbroker_bedrock_reasoning(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_bedrock_t *b, ngx_http_llmbroker_json_t *reasoning)
{
    ngx_int_t                   rc;
    ngx_str_t                   inner;
    ngx_http_llmbroker_json_t  *v;

    inner = ngx_http_llmbroker_claude_inner(reasoning, "redactedContent");

    if (inner.len) {
        return ngx_http_llmbroker_bedrock_redacted(ex, &inner);
    }

    v = ngx_http_llmbroker_json_get_type(reasoning, "reasoningText",
                                         NGX_HTTP_LLMBROKER_JSON_OBJECT);
    if (v) {
        reasoning = v;
    }

    inner = ngx_http_llmbroker_claude_inner(reasoning, "signature");

    rc = ngx_http_llmbroker_claude_signature(ex, &b->claude, &inner);
    if (rc != NGX_OK) {
        return rc;
    }

    inner = ngx_http_llmbroker_claude_inner(reasoning, "text");

    return ngx_http_llmbroker_claude_think(ex, &b->claude, inner);
}


/* in the form that is replayed whichever provider it came from (R50) */

static ngx_int_t
ngx_http_llmbroker_bedrock_redacted(ngx_http_llmbroker_exchange_t *ex,
    ngx_str_t *data)
{
    u_char     *p;
    ngx_str_t   raw;

    p = ngx_pnalloc(ngx_http_llmbroker_bedrock_pool(ex),
                    sizeof("{\"type\":\"redacted_thinking\",\"data\":\"\"}")
                    + data->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    raw.data = p;
    raw.len = ngx_sprintf(p, "{\"type\":\"redacted_thinking\",\"data\":\"%V\"}",
                          data)
              - p;

    return ngx_http_llmbroker_answer_block(ex, 0, &raw);
}


/*
 * P6: a block of a tool that Amazon runs, of which the member "to_come" is told
 * in pieces.  All that stands around it is kept.
 */

static ngx_int_t
ngx_http_llmbroker_bedrock_server(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_bedrock_t *b, const char *kind,
    ngx_http_llmbroker_json_t *v, const char *to_come)
{
    u_char                       *p, *last;
    ngx_str_t                     members;
    ngx_http_llmbroker_claude_t  *c;

    c = &b->claude;
    c->in = NGX_HTTP_LLMBROKER_CLAUDE_IN_SERVER;

    /* without the braces; what is said to be told in pieces is not here */

    members.data = v->raw.data + 1;
    members.len = v->raw.len - 2;

    if (v->n == 0 || ngx_http_llmbroker_json_get(v, to_come)) {
        members.len = 0;
    }

    p = ngx_pnalloc(ex->pool, sizeof("{\"\":{,\"\":") + ngx_strlen(kind)
                              + members.len + ngx_strlen(to_come));
    if (p == NULL) {
        return NGX_ERROR;
    }

    last = ngx_sprintf(p, "{\"%s\":{%V%s\"%s\":", kind, &members,
                       members.len ? "," : "", to_come);

    c->server.data = p;
    c->server.len = last - p;
    ngx_str_set(&c->server_tail, "}}");

    return NGX_OK;
}


/* pieces of a list: the elements of all of them become one */

static ngx_int_t
ngx_http_llmbroker_bedrock_result(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_bedrock_t *b, ngx_http_llmbroker_json_t *content)
{
    ngx_int_t                   rc;
    ngx_str_t                   inner;
    ngx_http_llmbroker_json_t  *v;

    for (v = content->child; v; v = v->next) {

        rc = ngx_http_llmbroker_bedrock_piece(ex, b,
                                            b->claude.json.len ? "," : "[");
        if (rc != NGX_OK) {
            return rc;
        }

        if (ngx_http_llmbroker_text_quote(ngx_http_llmbroker_bedrock_pool(ex),
                                          &v->raw, &inner)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        rc = ngx_http_llmbroker_claude_input(ex, &b->claude, &inner);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_bedrock_piece(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_bedrock_t *b, const char *text)
{
    ngx_str_t  inner;

    inner.len = ngx_strlen(text);
    inner.data = (u_char *) text;

    return ngx_http_llmbroker_claude_input(ex, &b->claude, &inner);
}


/* a kind that OpenAI has no place for, or that is not known */

static ngx_int_t
ngx_http_llmbroker_bedrock_other(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_bedrock_t *b, ngx_http_llmbroker_json_t *block)
{
    if (block == NULL
        || block->type != NGX_HTTP_LLMBROKER_JSON_OBJECT
        || block->n == 0)
    {
        return NGX_OK;
    }

    return ngx_http_llmbroker_claude_keep(ex, &b->claude, &block->raw);
}
