
/*
 * Copyright (C) LLMBroker contributors
 *
 * The tools of a Converse request, the choice among them, and the format of
 * the answer.
 *
 * Converse has no choice "none": the tools are left out.  But a conversation
 * with calls in it is refused without tools (R46), so then they are offered,
 * the choice is the model's, and the client is told that its own was dropped:
 * a call that it did not want is better than a conversation that breaks off.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_bedrock.h"


static ngx_uint_t ngx_http_llmbroker_bedrock_is_choice(
    ngx_http_llmbroker_bedrock_build_t *b, const char *choice);
static ngx_int_t ngx_http_llmbroker_bedrock_schemas(
    ngx_http_llmbroker_bedrock_build_t *b);
static ngx_int_t ngx_http_llmbroker_bedrock_schema(
    ngx_http_llmbroker_bedrock_build_t *b, ngx_http_llmbroker_json_t *schema,
    ngx_uint_t input, ngx_str_t *text);
static void ngx_http_llmbroker_bedrock_write_tool(
    ngx_http_llmbroker_bedrock_build_t *b,
    ngx_http_llmbroker_claude_tool_t *tool, ngx_str_t *schema);
static void ngx_http_llmbroker_bedrock_write_called(
    ngx_http_llmbroker_bedrock_build_t *b, ngx_str_t *name);
static void ngx_http_llmbroker_bedrock_write_format_tool(
    ngx_http_llmbroker_bedrock_build_t *b);
static void ngx_http_llmbroker_bedrock_write_string(
    ngx_http_llmbroker_bedrock_build_t *b, const char *name,
    ngx_http_llmbroker_json_t *v);


ngx_int_t
ngx_http_llmbroker_bedrock_tools(ngx_http_llmbroker_bedrock_build_t *b)
{
    ngx_uint_t                          i, called;
    const char                         *name;
    ngx_http_llmbroker_claude_block_t  *block;
    ngx_http_llmbroker_claude_build_t  *claude;

    claude = &b->claude;

    called = 0;
    block = claude->blocks.elts;

    for (i = 0; i < claude->blocks.nelts; i++) {
        called |= (block[i].kind == NGX_HTTP_LLMBROKER_CLAUDE_TOOL_USE
                   || block[i].kind == NGX_HTTP_LLMBROKER_CLAUDE_TOOL_RESULT);
    }

    if (ngx_http_llmbroker_bedrock_is_choice(b, "none")) {

        b->no_tools = !called;

        name = claude->ex->legacy ? "function_call" : "tool_choice";

        /* tools that were invented are nobody's choice */

        if (called && claude->tools.nelts
            && ngx_http_llmbroker_claude_drop(claude, name) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    /* R66: Claude's own word for it leaves no room for Converse's choice */

    if (claude->single && claude->tools.nelts && !b->no_tools) {

        b->apart = b->is_claude
                   && ngx_http_llmbroker_bedrock_is_choice(b, "auto");

        if (!b->apart && !claude->ex->legacy
            && ngx_http_llmbroker_claude_drop(claude, "parallel_tool_calls")
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return ngx_http_llmbroker_bedrock_schemas(b);
}


static ngx_uint_t
ngx_http_llmbroker_bedrock_is_choice(ngx_http_llmbroker_bedrock_build_t *b,
    const char *choice)
{
    return b->claude.choice && ngx_strcmp(b->claude.choice, choice) == 0;
}


/*
 * Strict schemas are written on their own: that of native output is text which
 * is JSON (R70), and that of a tool lies deeper than in the client's request.
 */

static ngx_int_t
ngx_http_llmbroker_bedrock_schemas(ngx_http_llmbroker_bedrock_build_t *b)
{
    ngx_str_t                          *text;
    ngx_uint_t                          i;
    ngx_http_llmbroker_json_t          *v;
    ngx_http_llmbroker_claude_tool_t   *tool;
    ngx_http_llmbroker_claude_build_t  *claude;

    claude = &b->claude;

    if (claude->format == NGX_HTTP_LLMBROKER_CLAUDE_NATIVE
        && ngx_http_llmbroker_bedrock_schema(b, claude->schema, 0, &b->schema)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    tool = claude->tools.elts;

    for (i = 0; i < claude->tools.nelts; i++) {

        text = ngx_array_push(&b->schemas);
        if (text == NULL) {
            return NGX_ERROR;
        }

        ngx_str_null(text);

        if (!ngx_http_llmbroker_claude_strict(&tool[i])) {
            continue;
        }

        v = ngx_http_llmbroker_json_get_type(tool[i].function, "parameters",
                                             NGX_HTTP_LLMBROKER_JSON_OBJECT);

        if (ngx_http_llmbroker_bedrock_schema(b, v, 1, text) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_bedrock_schema(ngx_http_llmbroker_bedrock_build_t *b,
    ngx_http_llmbroker_json_t *schema, ngx_uint_t input, ngx_str_t *text)
{
    ngx_pool_t                         *pool;
    ngx_http_llmbroker_out_t            out;
    ngx_http_llmbroker_claude_build_t  *claude;

    claude = &b->claude;
    pool = claude->ex->pool;

    ngx_http_llmbroker_out_init(&out, pool, NULL, NULL,
                                schema ? schema->raw.len + 64 : 64);

    ngx_http_llmbroker_json_write_start(&claude->w, &out);
    ngx_http_llmbroker_claude_write_strict(claude, schema, input);

    if (ngx_http_llmbroker_json_write_end(&claude->w) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_out_text(&out, pool, text);
}


void
ngx_http_llmbroker_bedrock_write_tools(ngx_http_llmbroker_bedrock_build_t *b)
{
    ngx_str_t                          *name, *schema;
    ngx_uint_t                          i, one;
    ngx_http_llmbroker_claude_tool_t   *tool;
    ngx_http_llmbroker_claude_build_t  *claude;
    ngx_http_llmbroker_json_writer_t   *w;

    claude = &b->claude;
    w = &claude->w;

    if (b->no_tools
        || (claude->tools.nelts == 0 && claude->called.nelts == 0
            && claude->format != NGX_HTTP_LLMBROKER_CLAUDE_BY_TOOL))
    {
        return;
    }

    ngx_http_llmbroker_json_key(w, "toolConfig");
    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "tools");
    ngx_http_llmbroker_json_open_array(w);

    tool = claude->tools.elts;
    schema = b->schemas.elts;

    for (i = 0; i < claude->tools.nelts; i++) {
        ngx_http_llmbroker_bedrock_write_tool(b, &tool[i], &schema[i]);
    }

    name = claude->called.elts;

    for (i = 0; i < claude->called.nelts; i++) {
        ngx_http_llmbroker_bedrock_write_called(b, &name[i]);
    }

    ngx_http_llmbroker_bedrock_write_format_tool(b);

    ngx_http_llmbroker_json_close_array(w);

    /* R63, R64; "auto" is the default, and some models refuse the word */

    one = ngx_http_llmbroker_bedrock_is_choice(b, "tool");

    if (one || ngx_http_llmbroker_bedrock_is_choice(b, "any")) {
        ngx_http_llmbroker_json_key(w, "toolChoice");
        ngx_http_llmbroker_json_open(w);
        ngx_http_llmbroker_json_key(w, claude->choice);
        ngx_http_llmbroker_json_open(w);

        if (one) {
            ngx_http_llmbroker_json_key(w, "name");
            ngx_http_llmbroker_json_str(w, &claude->chosen);
        }

        ngx_http_llmbroker_json_close(w);
        ngx_http_llmbroker_json_close(w);
    }

    ngx_http_llmbroker_json_close(w);
}


static void
ngx_http_llmbroker_bedrock_write_tool(ngx_http_llmbroker_bedrock_build_t *b,
    ngx_http_llmbroker_claude_tool_t *tool, ngx_str_t *schema)
{
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->claude.w;

    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "toolSpec");
    ngx_http_llmbroker_json_open(w);

    v = ngx_http_llmbroker_json_get(tool->function, "name");
    ngx_http_llmbroker_claude_write_raw(&b->claude, "name", v);

    v = ngx_http_llmbroker_json_get(tool->function, "description");
    ngx_http_llmbroker_bedrock_write_string(b, "description", v);

    if (schema->len) {
        ngx_http_llmbroker_json_key(w, "strict");
        ngx_http_llmbroker_json_bool(w, 1);
    }

    ngx_http_llmbroker_json_key(w, "inputSchema");
    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "json");

    if (schema->len) {
        ngx_http_llmbroker_json_raw(w, schema);

    } else {
        ngx_http_llmbroker_claude_write_parameters(&b->claude, tool);
    }

    ngx_http_llmbroker_json_close(w);

    ngx_http_llmbroker_json_close(w);
    ngx_http_llmbroker_json_close(w);

    v = ngx_http_llmbroker_json_get(tool->tool, "cache_control");
    ngx_http_llmbroker_bedrock_write_cache(b, v);
}


/* R46 */

static void
ngx_http_llmbroker_bedrock_write_called(ngx_http_llmbroker_bedrock_build_t *b,
    ngx_str_t *name)
{
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->claude.w;

    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "toolSpec");
    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_claude_write_inner(&b->claude, "name", *name);
    ngx_http_llmbroker_json_key(w, "inputSchema");
    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "json");
    ngx_http_llmbroker_claude_write_schema(&b->claude, NULL);
    ngx_http_llmbroker_json_close(w);
    ngx_http_llmbroker_json_close(w);
    ngx_http_llmbroker_json_close(w);
}


/* R71 */

static void
ngx_http_llmbroker_bedrock_write_format_tool(
    ngx_http_llmbroker_bedrock_build_t *b)
{
    ngx_http_llmbroker_claude_t       *c;
    ngx_http_llmbroker_json_writer_t  *w;

    if (b->claude.format != NGX_HTTP_LLMBROKER_CLAUDE_BY_TOOL) {
        return;
    }

    w = &b->claude.w;
    c = b->claude.ex->state;

    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "toolSpec");
    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "name");
    ngx_http_llmbroker_json_str(w, &c->json_tool);
    ngx_http_llmbroker_json_key(w, "description");
    ngx_http_llmbroker_json_text(w, "Gives the answer.");
    ngx_http_llmbroker_json_key(w, "inputSchema");
    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "json");
    ngx_http_llmbroker_claude_write_format_schema(&b->claude);
    ngx_http_llmbroker_json_close(w);
    ngx_http_llmbroker_json_close(w);
    ngx_http_llmbroker_json_close(w);
}


/* R66 */

void
ngx_http_llmbroker_bedrock_write_choice(ngx_http_llmbroker_bedrock_build_t *b)
{
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->claude.w;

    ngx_http_llmbroker_json_key(w, "tool_choice");
    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "type");
    ngx_http_llmbroker_json_text(w, "auto");
    ngx_http_llmbroker_json_key(w, "disable_parallel_tool_use");
    ngx_http_llmbroker_json_bool(w, 1);
    ngx_http_llmbroker_json_close(w);
}


/* R70 */

void
ngx_http_llmbroker_bedrock_write_output(ngx_http_llmbroker_bedrock_build_t *b)
{
    ngx_http_llmbroker_json_t         *format, *v;
    ngx_http_llmbroker_json_writer_t  *w;

    if (b->claude.format != NGX_HTTP_LLMBROKER_CLAUDE_NATIVE) {
        return;
    }

    w = &b->claude.w;

    format = ngx_http_llmbroker_json_get(b->claude.ex->request,
                                         "response_format");
    format = ngx_http_llmbroker_json_get(format, "json_schema");

    ngx_http_llmbroker_json_key(w, "outputConfig");
    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "textFormat");
    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "type");
    ngx_http_llmbroker_json_text(w, "json_schema");
    ngx_http_llmbroker_json_key(w, "structure");
    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "jsonSchema");
    ngx_http_llmbroker_json_open(w);

    v = ngx_http_llmbroker_json_get(format, "name");
    ngx_http_llmbroker_bedrock_write_string(b, "name", v);

    v = ngx_http_llmbroker_json_get(format, "description");
    ngx_http_llmbroker_bedrock_write_string(b, "description", v);

    ngx_http_llmbroker_json_key(w, "schema");
    ngx_http_llmbroker_json_str(w, &b->schema);

    ngx_http_llmbroker_json_close(w);
    ngx_http_llmbroker_json_close(w);
    ngx_http_llmbroker_json_close(w);
    ngx_http_llmbroker_json_close(w);
}


/* Converse refuses a text of nothing, and anything else in its place */

static void
ngx_http_llmbroker_bedrock_write_string(ngx_http_llmbroker_bedrock_build_t *b,
    const char *name, ngx_http_llmbroker_json_t *v)
{
    if (ngx_http_llmbroker_json_inner(v).len == 0) {
        return;
    }

    ngx_http_llmbroker_claude_write_raw(&b->claude, name, v);
}
