
/*
 * Copyright (C) LLMBroker contributors
 *
 * The tools of a Claude request and the choice among them.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_claude.h"
#include "provider/ngx_http_llmbroker_params.h"


static ngx_int_t ngx_http_llmbroker_claude_called(
    ngx_http_llmbroker_claude_build_t *b);
static ngx_int_t ngx_http_llmbroker_claude_function(
    ngx_http_llmbroker_claude_build_t *b, ngx_http_llmbroker_json_t *tool);
static ngx_int_t ngx_http_llmbroker_claude_choice(
    ngx_http_llmbroker_claude_build_t *b);
static ngx_int_t ngx_http_llmbroker_claude_named(
    ngx_http_llmbroker_claude_build_t *b, ngx_http_llmbroker_json_t *choice);
static ngx_int_t ngx_http_llmbroker_claude_allowed(
    ngx_http_llmbroker_claude_build_t *b, ngx_http_llmbroker_json_t *choice);
static ngx_int_t ngx_http_llmbroker_claude_keep_tools(
    ngx_http_llmbroker_claude_build_t *b, ngx_http_llmbroker_json_t *first,
    ngx_str_t *name);
static ngx_int_t ngx_http_llmbroker_claude_tool_name(
    ngx_http_llmbroker_claude_build_t *b, ngx_http_llmbroker_json_t *tool,
    ngx_str_t *name);
static void ngx_http_llmbroker_claude_write_tool(
    ngx_http_llmbroker_claude_build_t *b, ngx_http_llmbroker_json_t *tool);
static void ngx_http_llmbroker_claude_write_schema(
    ngx_http_llmbroker_claude_build_t *b, ngx_http_llmbroker_json_t *schema);


ngx_int_t
ngx_http_llmbroker_claude_tools(ngx_http_llmbroker_claude_build_t *b)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *v;

    if (b->ex->call != NGX_HTTP_LLMBROKER_CHAT) {
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_params_get(b->ex, "tools",
                                       NGX_HTTP_LLMBROKER_JSON_ARRAY, &v);
    if (rc != NGX_OK) {
        return rc;
    }

    if (v && v->n > NGX_HTTP_LLMBROKER_CLAUDE_TOOLS) {
        return ngx_http_llmbroker_fault(b->ex, 400, "invalid_value", "tools",
                               "There are too many tools.");
    }

    for (v = v ? v->child : NULL; v; v = v->next) {
        rc = ngx_http_llmbroker_claude_function(b, v);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (b->tools.nelts) {
        return ngx_http_llmbroker_claude_choice(b);
    }

    return ngx_http_llmbroker_claude_called(b);
}


/*
 * R46: Claude refuses the calls of a conversation whose request has no tools,
 * so those that were called are invented, and none may be called again.
 */

static ngx_int_t
ngx_http_llmbroker_claude_called(ngx_http_llmbroker_claude_build_t *b)
{
    ngx_str_t                          *name;
    ngx_uint_t                          i, j;
    ngx_http_llmbroker_claude_block_t  *block;

    block = b->blocks.elts;

    for (i = 0; i < b->blocks.nelts; i++) {

        if (block[i].kind != NGX_HTTP_LLMBROKER_CLAUDE_TOOL_USE) {
            continue;
        }

        name = b->called.elts;

        for (j = 0; j < b->called.nelts; j++) {

            if (name[j].len == block[i].name.len
                && ngx_memcmp(name[j].data, block[i].name.data, name[j].len)
                   == 0)
            {
                break;
            }
        }

        if (j < b->called.nelts || j == NGX_HTTP_LLMBROKER_CLAUDE_TOOLS) {
            continue;
        }

        name = ngx_array_push(&b->called);
        if (name == NULL) {
            return NGX_ERROR;
        }

        *name = block[i].name;
        b->choice = "none";
    }

    return NGX_OK;
}


/* R60, R61, R62 */

static ngx_int_t
ngx_http_llmbroker_claude_function(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_json_t *tool)
{
    ngx_http_llmbroker_json_t  *function, *parameters, **p, *v;

    function = ngx_http_llmbroker_json_get_type(tool, "function",
                                              NGX_HTTP_LLMBROKER_JSON_OBJECT);

    v = ngx_http_llmbroker_json_get_type(function, "name",
                                         NGX_HTTP_LLMBROKER_JSON_STRING);

    if (v == NULL
        || !ngx_http_llmbroker_json_is(ngx_http_llmbroker_json_get(tool,
                                                                   "type"),
                                       "function"))
    {
        return ngx_http_llmbroker_fault(b->ex, 400, "unsupported_value",
                               "tools",
                               "This model supports functions as tools only.");
    }

    parameters = ngx_http_llmbroker_json_get(function, "parameters");

    if (parameters
        && parameters->type != NGX_HTTP_LLMBROKER_JSON_NULL
        && parameters->type != NGX_HTTP_LLMBROKER_JSON_OBJECT)
    {
        return ngx_http_llmbroker_fault(b->ex, 400, "invalid_type", "tools",
                               "The parameters of a function must be a "
                               "JSON Schema.");
    }

    p = ngx_array_push(&b->tools);
    if (p == NULL) {
        return NGX_ERROR;
    }

    *p = tool;

    v = ngx_http_llmbroker_json_get(function, "strict");

    if (ngx_http_llmbroker_json_true(v)) {
        return ngx_http_llmbroker_claude_drop(b, "tools.strict");
    }

    return NGX_OK;
}


/* R63-R68 */

static ngx_int_t
ngx_http_llmbroker_claude_choice(ngx_http_llmbroker_claude_build_t *b)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get(b->ex->request, "parallel_tool_calls");

    if (v && v->type == NGX_HTTP_LLMBROKER_JSON_BOOL
        && !ngx_http_llmbroker_json_true(v))
    {
        b->single = 1;
    }

    v = ngx_http_llmbroker_json_get(b->ex->request, "tool_choice");
    rc = NGX_OK;

    if (v == NULL || v->type == NGX_HTTP_LLMBROKER_JSON_NULL) {

        if (b->single) {
            b->choice = "auto";
        }

        return NGX_OK;
    }

    if (ngx_http_llmbroker_json_is(v, "auto")) {
        b->choice = "auto";

    } else if (ngx_http_llmbroker_json_is(v, "none")) {
        b->choice = "none";

    } else if (ngx_http_llmbroker_json_is(v, "required")) {
        b->choice = "any";
        b->forced = 1;

    } else if (ngx_http_llmbroker_json_is(
                                     ngx_http_llmbroker_json_get(v, "type"),
                                     "function"))
    {
        rc = ngx_http_llmbroker_claude_named(b, v);

    } else if (ngx_http_llmbroker_json_is(
                                     ngx_http_llmbroker_json_get(v, "type"),
                                     "allowed_tools"))
    {
        rc = ngx_http_llmbroker_claude_allowed(b, v);

    } else {
        return ngx_http_llmbroker_fault(b->ex, 400, "unsupported_value",
                               "tool_choice",
                               "This model does not support the choice.");
    }

    if (rc != NGX_OK) {
        return rc;
    }

    /* R68: a model that thinks, or one that cannot be forced, may only try */

    if (!b->forced
        || (!b->active
            && (b->model->flags & NGX_HTTP_LLMBROKER_CLAUDE_FORCED)))
    {
        return NGX_OK;
    }

    if (b->chosen.len) {
        rc = ngx_http_llmbroker_claude_keep_tools(b, NULL, &b->chosen);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    b->choice = "auto";

    return ngx_http_llmbroker_claude_drop(b, "tool_choice");
}


/* R65 */

static ngx_int_t
ngx_http_llmbroker_claude_named(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_json_t *choice)
{
    ngx_int_t                    rc;
    ngx_str_t                    name;
    ngx_uint_t                   i;
    ngx_http_llmbroker_json_t  **tool;

    rc = ngx_http_llmbroker_claude_tool_name(b, choice, &b->chosen);
    if (rc != NGX_OK) {
        return rc;
    }

    b->choice = "tool";
    b->forced = 1;

    tool = b->tools.elts;

    for (i = 0; i < b->tools.nelts; i++) {
        rc = ngx_http_llmbroker_claude_tool_name(b, tool[i], &name);
        if (rc != NGX_OK) {
            return rc;
        }

        if (name.len == b->chosen.len
            && ngx_memcmp(name.data, b->chosen.data, name.len) == 0)
        {
            return NGX_OK;
        }
    }

    return ngx_http_llmbroker_fault(b->ex, 400, "invalid_value", "tool_choice",
                           "The chosen tool is not among the tools.");
}


/* R67 */

static ngx_int_t
ngx_http_llmbroker_claude_allowed(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_json_t *choice)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *allowed, *tools;

    allowed = ngx_http_llmbroker_json_get_type(choice, "allowed_tools",
                                              NGX_HTTP_LLMBROKER_JSON_OBJECT);

    tools = ngx_http_llmbroker_json_get_type(allowed, "tools",
                                             NGX_HTTP_LLMBROKER_JSON_ARRAY);

    if (tools == NULL
        || tools->n == 0
        || tools->n > NGX_HTTP_LLMBROKER_CLAUDE_TOOLS)
    {
        return ngx_http_llmbroker_fault(b->ex, 400, "invalid_value",
                               "tool_choice",
                               "The list of allowed tools is not valid.");
    }

    rc = ngx_http_llmbroker_claude_keep_tools(b, tools->child, NULL);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_llmbroker_json_is(ngx_http_llmbroker_json_get(allowed,
                                                               "mode"),
                                   "required"))
    {
        b->choice = "any";
        b->forced = 1;

    } else {
        b->choice = "auto";
    }

    return NGX_OK;
}


/* leaves only the tools in the list that begins with first, or of one name */

static ngx_int_t
ngx_http_llmbroker_claude_keep_tools(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_json_t *first, ngx_str_t *name)
{
    ngx_int_t                    rc;
    ngx_str_t                    have, want;
    ngx_uint_t                   i, n;
    ngx_http_llmbroker_json_t   *v, **tool;

    tool = b->tools.elts;
    n = 0;

    for (i = 0; i < b->tools.nelts; i++) {
        rc = ngx_http_llmbroker_claude_tool_name(b, tool[i], &have);
        if (rc != NGX_OK) {
            return rc;
        }

        v = first;

        do {
            if (v) {
                rc = ngx_http_llmbroker_claude_tool_name(b, v, &want);
                if (rc != NGX_OK) {
                    return rc;
                }

                v = v->next;

            } else {
                want = *name;
            }

            if (want.len == have.len
                && ngx_memcmp(want.data, have.data, have.len) == 0)
            {
                tool[n++] = tool[i];
                break;
            }

        } while (v);
    }

    b->tools.nelts = n;

    if (n) {
        return NGX_OK;
    }

    return ngx_http_llmbroker_fault(b->ex, 400, "invalid_value", "tool_choice",
                           "No allowed tool is among the tools.");
}


static ngx_int_t
ngx_http_llmbroker_claude_tool_name(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_json_t *tool, ngx_str_t *name)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get(tool, "function");
    v = ngx_http_llmbroker_json_get(v, "name");

    rc = ngx_http_llmbroker_json_string(b->ex->pool, v, name);

    if (rc == NGX_DECLINED) {
        return ngx_http_llmbroker_fault(b->ex, 400, "invalid_value",
                               "tool_choice", "A tool has no name.");
    }

    return rc;
}


void
ngx_http_llmbroker_claude_write_tools(ngx_http_llmbroker_claude_build_t *b)
{
    ngx_str_t                          *name;
    ngx_uint_t                          i;
    ngx_http_llmbroker_json_t         **tool;
    ngx_http_llmbroker_json_writer_t   *w;

    w = &b->w;

    if (b->tools.nelts == 0 && b->called.nelts == 0) {
        return;
    }

    ngx_http_llmbroker_json_key(w, "tools");
    ngx_http_llmbroker_json_open_array(w);

    tool = b->tools.elts;

    for (i = 0; i < b->tools.nelts; i++) {
        ngx_http_llmbroker_claude_write_tool(b, tool[i]);
    }

    name = b->called.elts;

    for (i = 0; i < b->called.nelts; i++) {
        ngx_http_llmbroker_json_open(w);
        ngx_http_llmbroker_claude_write_inner(b, "name", name[i]);
        ngx_http_llmbroker_claude_write_schema(b, NULL);
        ngx_http_llmbroker_json_close(w);
    }

    ngx_http_llmbroker_json_close_array(w);

    if (b->choice == NULL) {
        return;
    }

    ngx_http_llmbroker_json_key(w, "tool_choice");
    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "type");
    ngx_http_llmbroker_json_text(w, b->choice);

    if (ngx_strcmp(b->choice, "tool") == 0) {
        ngx_http_llmbroker_json_key(w, "name");
        ngx_http_llmbroker_json_str(w, &b->chosen);
    }

    /* R66 */

    if (b->single && ngx_strcmp(b->choice, "none") != 0) {
        ngx_http_llmbroker_json_key(w, "disable_parallel_tool_use");
        ngx_http_llmbroker_json_bool(w, 1);
    }

    ngx_http_llmbroker_json_close(w);
}


static void
ngx_http_llmbroker_claude_write_tool(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_json_t *tool)
{
    ngx_http_llmbroker_json_t         *function, *v;
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->w;
    function = ngx_http_llmbroker_json_get(tool, "function");

    ngx_http_llmbroker_json_open(w);

    v = ngx_http_llmbroker_json_get(function, "name");
    ngx_http_llmbroker_claude_write_raw(b, "name", v);

    v = ngx_http_llmbroker_json_get(function, "description");
    ngx_http_llmbroker_claude_write_raw(b, "description", v);

    v = ngx_http_llmbroker_json_get(function, "parameters");
    ngx_http_llmbroker_claude_write_schema(b, v);

    v = ngx_http_llmbroker_json_get(tool, "cache_control");
    ngx_http_llmbroker_claude_write_cache(b, v);

    ngx_http_llmbroker_json_close(w);
}


/* R60 */

static void
ngx_http_llmbroker_claude_write_schema(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_json_t *schema)
{
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->w;

    if (ngx_http_llmbroker_json_get(schema, "type")) {
        ngx_http_llmbroker_claude_write_raw(b, "input_schema", schema);
        return;
    }

    ngx_http_llmbroker_json_key(w, "input_schema");
    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "type");
    ngx_http_llmbroker_json_text(w, "object");

    if (ngx_http_llmbroker_json_get(schema, "properties") == NULL) {
        ngx_http_llmbroker_json_key(w, "properties");
        ngx_http_llmbroker_json_open(w);
        ngx_http_llmbroker_json_close(w);
    }

    for (v = schema ? schema->child : NULL; v; v = v->next) {
        ngx_http_llmbroker_json_key_str(w, &v->key);
        ngx_http_llmbroker_json_raw(w, &v->raw);
    }

    ngx_http_llmbroker_json_close(w);
}
