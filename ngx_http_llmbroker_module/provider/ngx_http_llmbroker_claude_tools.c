
/*
 * Copyright (C) LLMBroker contributors
 *
 * The tools of a Claude request and the choice among them.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_claude.h"
#include "provider/ngx_http_llmbroker_params.h"


static ngx_int_t ngx_http_llmbroker_claude_functions(
    ngx_http_llmbroker_claude_build_t *b);
static ngx_int_t ngx_http_llmbroker_claude_called(
    ngx_http_llmbroker_claude_build_t *b);
static ngx_int_t ngx_http_llmbroker_claude_tool(
    ngx_http_llmbroker_claude_build_t *b, ngx_http_llmbroker_json_t *tool);
static ngx_int_t ngx_http_llmbroker_claude_custom(
    ngx_http_llmbroker_claude_build_t *b, ngx_http_llmbroker_json_t *custom);
static ngx_int_t ngx_http_llmbroker_claude_function(
    ngx_http_llmbroker_claude_build_t *b, ngx_http_llmbroker_json_t *tool,
    ngx_http_llmbroker_json_t *function);
static ngx_int_t ngx_http_llmbroker_claude_choice(
    ngx_http_llmbroker_claude_build_t *b);
static ngx_int_t ngx_http_llmbroker_claude_chosen(
    ngx_http_llmbroker_claude_build_t *b, ngx_http_llmbroker_json_t *choice);
static ngx_int_t ngx_http_llmbroker_claude_named(
    ngx_http_llmbroker_claude_build_t *b, ngx_http_llmbroker_json_t *choice);
static ngx_int_t ngx_http_llmbroker_claude_allowed(
    ngx_http_llmbroker_claude_build_t *b, ngx_http_llmbroker_json_t *choice);
static ngx_int_t ngx_http_llmbroker_claude_keep_tools(
    ngx_http_llmbroker_claude_build_t *b, ngx_str_t *name, ngx_uint_t names);
static ngx_int_t ngx_http_llmbroker_claude_tool_name(
    ngx_http_llmbroker_claude_build_t *b, ngx_http_llmbroker_json_t *tool,
    ngx_str_t *name);
static void ngx_http_llmbroker_claude_write_tool(
    ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_claude_tool_t *tool);
static void ngx_http_llmbroker_claude_write_search(
    ngx_http_llmbroker_claude_build_t *b);


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
        rc = ngx_http_llmbroker_claude_tool(b, v);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (b->tools.nelts == 0) {
        rc = ngx_http_llmbroker_claude_functions(b);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (b->tools.nelts) {
        return ngx_http_llmbroker_claude_choice(b);
    }

    return ngx_http_llmbroker_claude_called(b);
}


/* R45: the form of before there were tools */

static ngx_int_t
ngx_http_llmbroker_claude_functions(ngx_http_llmbroker_claude_build_t *b)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *v;

    rc = ngx_http_llmbroker_params_get(b->ex, "functions",
                                       NGX_HTTP_LLMBROKER_JSON_ARRAY, &v);

    if (rc != NGX_OK || v == NULL || v->n == 0) {
        return rc;
    }

    if (v->n > NGX_HTTP_LLMBROKER_CLAUDE_TOOLS) {
        return ngx_http_llmbroker_fault(b->ex, 400, "invalid_value",
                               "functions", "There are too many functions.");
    }

    b->ex->legacy = 1;

    for (v = v->child; v; v = v->next) {
        rc = ngx_http_llmbroker_claude_function(b, v, v);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
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


static ngx_int_t
ngx_http_llmbroker_claude_tool(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_json_t *tool)
{
    ngx_http_llmbroker_json_t  *type, *v;

    type = ngx_http_llmbroker_json_get(tool, "type");

    if (ngx_http_llmbroker_json_is(type, "custom")) {
        v = ngx_http_llmbroker_json_get(tool, "custom");
        return ngx_http_llmbroker_claude_custom(b, v);
    }

    if (ngx_http_llmbroker_json_is(type, "function")) {
        v = ngx_http_llmbroker_json_get(tool, "function");
        return ngx_http_llmbroker_claude_function(b, tool, v);
    }

    return ngx_http_llmbroker_fault(b->ex, 400, "unsupported_value", "tools",
                           "This model does not support a tool's type.");
}


/* R62 */

static ngx_int_t
ngx_http_llmbroker_claude_custom(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_json_t *custom)
{
    ngx_int_t                          rc;
    ngx_str_t                         *name;
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_claude_tool_t  *tool;

    v = ngx_http_llmbroker_json_get(custom, "format");
    v = ngx_http_llmbroker_json_get(v, "type");

    if (v && !ngx_http_llmbroker_json_is(v, "text")) {
        return ngx_http_llmbroker_fault(b->ex, 400, "unsupported_value",
                               "tools",
                               "This model does not support a custom tool's "
                               "grammar.");
    }

    rc = ngx_http_llmbroker_claude_function(b, custom, custom);
    if (rc != NGX_OK) {
        return rc;
    }

    tool = b->tools.elts;
    tool += b->tools.nelts - 1;
    tool->custom = 1;

    if (b->ex->custom == NULL) {
        b->ex->custom = ngx_array_create(b->ex->pool, 2, sizeof(ngx_str_t));
        if (b->ex->custom == NULL) {
            return NGX_ERROR;
        }
    }

    name = ngx_array_push(b->ex->custom);
    if (name == NULL) {
        return NGX_ERROR;
    }

    v = ngx_http_llmbroker_json_get(custom, "name");
    *name = ngx_http_llmbroker_json_inner(v);

    return NGX_OK;
}


/* R60, R61 */

static ngx_int_t
ngx_http_llmbroker_claude_function(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_json_t *tool, ngx_http_llmbroker_json_t *function)
{
    ngx_int_t                          rc;
    ngx_str_t                          name;
    ngx_http_llmbroker_json_t         *parameters, *v;
    ngx_http_llmbroker_claude_tool_t  *t;

    v = ngx_http_llmbroker_json_get(function, "name");

    rc = ngx_http_llmbroker_json_string(b->ex->pool, v, &name);

    if (rc == NGX_DECLINED) {
        return ngx_http_llmbroker_fault(b->ex, 400,
                               "missing_required_parameter",
                               b->ex->legacy ? "functions" : "tools",
                               "A tool has no name.");
    }

    if (rc != NGX_OK) {
        return rc;
    }

    parameters = ngx_http_llmbroker_json_get(function, "parameters");

    if (parameters
        && parameters->type != NGX_HTTP_LLMBROKER_JSON_NULL
        && parameters->type != NGX_HTTP_LLMBROKER_JSON_OBJECT)
    {
        return ngx_http_llmbroker_fault(b->ex, 400, "invalid_type",
                               b->ex->legacy ? "functions" : "tools",
                               "The parameters of a function must be a "
                               "JSON Schema.");
    }

    t = ngx_array_push(&b->tools);
    if (t == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(t, sizeof(ngx_http_llmbroker_claude_tool_t));

    t->name = name;
    t->tool = tool;
    t->function = function;

    v = ngx_http_llmbroker_json_get(function, "strict");

    if (!ngx_http_llmbroker_json_true(v)) {
        return NGX_OK;
    }

    if (b->model->flags & NGX_HTTP_LLMBROKER_CLAUDE_STRUCTURED) {
        t->strict = 1;
        return NGX_OK;
    }

    return ngx_http_llmbroker_claude_drop(b, "tools.strict");
}


/* R63-R68 */

static ngx_int_t
ngx_http_llmbroker_claude_choice(ngx_http_llmbroker_claude_build_t *b)
{
    ngx_int_t                   rc;
    const char                 *name;
    ngx_http_llmbroker_json_t  *v;

    rc = ngx_http_llmbroker_params_get(b->ex, "parallel_tool_calls",
                                       NGX_HTTP_LLMBROKER_JSON_BOOL, &v);
    if (rc != NGX_OK) {
        return rc;
    }

    /* a function_call is one (R45) */

    b->single = b->ex->legacy || (v && !ngx_http_llmbroker_json_true(v));

    name = b->ex->legacy ? "function_call" : "tool_choice";
    v = ngx_http_llmbroker_json_get(b->ex->request, name);

    if (v == NULL || v->type == NGX_HTTP_LLMBROKER_JSON_NULL) {

        if (b->single) {
            b->choice = "auto";
        }

        return NGX_OK;
    }

    rc = ngx_http_llmbroker_claude_chosen(b, v);
    if (rc != NGX_OK) {
        return rc;
    }

    /*
     * R68: a model that thinks within a budget, or one that cannot be forced,
     * may only try; one that thinks adaptively can be forced
     */

    if (!b->forced
        || (!b->fixed
            && (b->model->flags & NGX_HTTP_LLMBROKER_CLAUDE_FORCED)))
    {
        return NGX_OK;
    }

    if (b->chosen.len) {
        rc = ngx_http_llmbroker_claude_keep_tools(b, &b->chosen, 1);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    b->choice = "auto";

    return ngx_http_llmbroker_claude_drop(b, name);
}


static ngx_int_t
ngx_http_llmbroker_claude_chosen(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_json_t *choice)
{
    ngx_http_llmbroker_json_t  *type;

    type = ngx_http_llmbroker_json_get(choice, "type");

    if (ngx_http_llmbroker_json_is(choice, "auto")) {
        b->choice = "auto";

    } else if (ngx_http_llmbroker_json_is(choice, "none")) {
        b->choice = "none";

    } else if (ngx_http_llmbroker_json_is(choice, "required")) {
        b->choice = "any";
        b->forced = 1;

    } else if (ngx_http_llmbroker_json_is(type, "allowed_tools")) {
        return ngx_http_llmbroker_claude_allowed(b, choice);

    } else if (ngx_http_llmbroker_json_is(type, "function")
               || ngx_http_llmbroker_json_is(type, "custom")
               || (b->ex->legacy
                   && choice->type == NGX_HTTP_LLMBROKER_JSON_OBJECT))
    {
        return ngx_http_llmbroker_claude_named(b, choice);

    } else {
        return ngx_http_llmbroker_fault(b->ex, 400, "unsupported_value",
                               b->ex->legacy ? "function_call"
                                             : "tool_choice",
                               "This model does not support the choice.");
    }

    return NGX_OK;
}


/* R65 */

static ngx_int_t
ngx_http_llmbroker_claude_named(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_json_t *choice)
{
    ngx_int_t  rc;

    rc = ngx_http_llmbroker_claude_tool_name(b, choice, &b->chosen);
    if (rc != NGX_OK) {
        return rc;
    }

    b->choice = "tool";
    b->forced = 1;

    if (ngx_http_llmbroker_claude_has_tool(b, &b->chosen)) {
        return NGX_OK;
    }

    return ngx_http_llmbroker_fault(b->ex, 400, "invalid_value",
                           b->ex->legacy ? "function_call" : "tool_choice",
                           "The chosen tool is not among the tools.");
}


ngx_uint_t
ngx_http_llmbroker_claude_has_tool(ngx_http_llmbroker_claude_build_t *b,
    ngx_str_t *name)
{
    ngx_uint_t                         i;
    ngx_http_llmbroker_claude_tool_t  *tool;

    tool = b->tools.elts;

    for (i = 0; i < b->tools.nelts; i++) {

        if (tool[i].name.len == name->len
            && ngx_memcmp(tool[i].name.data, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* R67 */

static ngx_int_t
ngx_http_llmbroker_claude_allowed(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_json_t *choice)
{
    ngx_int_t                   rc;
    ngx_str_t                  *name;
    ngx_uint_t                  n;
    ngx_http_llmbroker_json_t  *allowed, *tools, *v;

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

    name = ngx_palloc(b->ex->pool, tools->n * sizeof(ngx_str_t));
    if (name == NULL) {
        return NGX_ERROR;
    }

    n = 0;

    for (v = tools->child; v; v = v->next) {
        rc = ngx_http_llmbroker_claude_tool_name(b, v, &name[n++]);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    rc = ngx_http_llmbroker_claude_keep_tools(b, name, n);
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


/* leaves only the tools of these names */

static ngx_int_t
ngx_http_llmbroker_claude_keep_tools(ngx_http_llmbroker_claude_build_t *b,
    ngx_str_t *name, ngx_uint_t names)
{
    ngx_uint_t                         i, j, n;
    ngx_http_llmbroker_claude_tool_t  *tool;

    tool = b->tools.elts;
    n = 0;

    for (i = 0; i < b->tools.nelts; i++) {

        for (j = 0; j < names; j++) {

            if (tool[i].name.len == name[j].len
                && ngx_memcmp(tool[i].name.data, name[j].data, name[j].len)
                   == 0)
            {
                tool[n++] = tool[i];
                break;
            }
        }
    }

    b->tools.nelts = n;

    if (n) {
        return NGX_OK;
    }

    return ngx_http_llmbroker_fault(b->ex, 400, "invalid_value", "tool_choice",
                           "No allowed tool is among the tools.");
}


/* of a choice of a tool, or what it holds */

static ngx_int_t
ngx_http_llmbroker_claude_tool_name(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_json_t *tool, ngx_str_t *name)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get_type(tool, "function",
                                         NGX_HTTP_LLMBROKER_JSON_OBJECT);
    if (v == NULL) {
        v = ngx_http_llmbroker_json_get_type(tool, "custom",
                                             NGX_HTTP_LLMBROKER_JSON_OBJECT);
    }

    v = ngx_http_llmbroker_json_get(v ? v : tool, "name");

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
    ngx_str_t                         *name;
    ngx_uint_t                         i;
    ngx_http_llmbroker_claude_tool_t  *tool;
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->w;

    if (b->tools.nelts == 0 && b->called.nelts == 0 && b->search == NULL
        && b->format != NGX_HTTP_LLMBROKER_CLAUDE_BY_TOOL)
    {
        return;
    }

    ngx_http_llmbroker_json_key(w, "tools");
    ngx_http_llmbroker_json_open_array(w);

    tool = b->tools.elts;

    for (i = 0; i < b->tools.nelts; i++) {
        ngx_http_llmbroker_claude_write_tool(b, &tool[i]);
    }

    name = b->called.elts;

    for (i = 0; i < b->called.nelts; i++) {
        ngx_http_llmbroker_json_open(w);
        ngx_http_llmbroker_claude_write_inner(b, "name", name[i]);
        ngx_http_llmbroker_json_key(w, "input_schema");
        ngx_http_llmbroker_claude_write_schema(b, NULL);
        ngx_http_llmbroker_json_close(w);
    }

    ngx_http_llmbroker_claude_write_format_tool(b);
    ngx_http_llmbroker_claude_write_search(b);

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
    ngx_http_llmbroker_claude_tool_t *tool)
{
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->w;

    ngx_http_llmbroker_json_open(w);

    v = ngx_http_llmbroker_json_get(tool->function, "name");
    ngx_http_llmbroker_claude_write_raw(b, "name", v);

    v = ngx_http_llmbroker_json_get(tool->function, "description");
    ngx_http_llmbroker_claude_write_raw(b, "description", v);

    if (ngx_http_llmbroker_claude_strict(tool)) {
        ngx_http_llmbroker_json_key(w, "strict");
        ngx_http_llmbroker_json_bool(w, 1);
    }

    ngx_http_llmbroker_json_key(w, "input_schema");
    ngx_http_llmbroker_claude_write_parameters(b, tool);

    v = ngx_http_llmbroker_json_get(tool->tool, "cache_control");
    ngx_http_llmbroker_claude_write_cache(b, v);

    ngx_http_llmbroker_json_close(w);
}


ngx_uint_t
ngx_http_llmbroker_claude_strict(ngx_http_llmbroker_claude_tool_t *tool)
{
    return tool->strict && !tool->custom;
}


void
ngx_http_llmbroker_claude_write_parameters(
    ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_claude_tool_t *tool)
{
    ngx_http_llmbroker_json_t  *v;

    /* R62: a custom tool's input is text */

    static ngx_str_t  input =
        ngx_string("{\"type\":\"object\",\"properties\":{\"input\":"
                   "{\"type\":\"string\"}},\"required\":[\"input\"]}");

    v = ngx_http_llmbroker_json_get_type(tool->function, "parameters",
                                         NGX_HTTP_LLMBROKER_JSON_OBJECT);

    if (tool->custom) {
        ngx_http_llmbroker_json_raw(&b->w, &input);

    } else if (ngx_http_llmbroker_claude_strict(tool)) {
        ngx_http_llmbroker_claude_write_strict(b, v, 1);

    } else {
        ngx_http_llmbroker_claude_write_schema(b, v);
    }
}


/* R60: its type is "object", whatever the client says; all else is kept */

void
ngx_http_llmbroker_claude_write_schema(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_json_t *schema)
{
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->w;

    if (ngx_http_llmbroker_json_is(ngx_http_llmbroker_json_get(schema, "type"),
                                   "object"))
    {
        ngx_http_llmbroker_json_raw(w, &schema->raw);
        return;
    }

    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "type");
    ngx_http_llmbroker_json_text(w, "object");

    if (ngx_http_llmbroker_json_get(schema, "properties") == NULL) {
        ngx_http_llmbroker_json_key(w, "properties");
        ngx_http_llmbroker_json_open(w);
        ngx_http_llmbroker_json_close(w);
    }

    for (v = schema ? schema->child : NULL; v; v = v->next) {

        if (v->key.len == 4 && ngx_memcmp(v->key.data, "type", 4) == 0) {
            continue;
        }

        ngx_http_llmbroker_json_key_str(w, &v->key);
        ngx_http_llmbroker_json_raw(w, &v->raw);
    }

    ngx_http_llmbroker_json_close(w);
}


/* R14 */

static void
ngx_http_llmbroker_claude_write_search(ngx_http_llmbroker_claude_build_t *b)
{
    ngx_http_llmbroker_json_t         *v, *place;
    ngx_http_llmbroker_json_writer_t  *w;

    if (b->search == NULL) {
        return;
    }

    w = &b->w;

    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "type");
    ngx_http_llmbroker_json_text(w, "web_search_20250305");
    ngx_http_llmbroker_json_key(w, "name");
    ngx_http_llmbroker_json_text(w, "web_search");

    v = ngx_http_llmbroker_json_get(b->search, "search_context_size");

    if (v) {
        ngx_http_llmbroker_json_key(w, "max_uses");
        ngx_http_llmbroker_json_number(w,
                               ngx_http_llmbroker_json_is(v, "low") ? 1
                               : ngx_http_llmbroker_json_is(v, "high") ? 10
                               : 5);
    }

    v = ngx_http_llmbroker_json_get(b->search, "user_location");
    place = ngx_http_llmbroker_json_get_type(v, "approximate",
                                             NGX_HTTP_LLMBROKER_JSON_OBJECT);

    if (place) {
        ngx_http_llmbroker_json_key(w, "user_location");
        ngx_http_llmbroker_json_open(w);
        ngx_http_llmbroker_json_key(w, "type");
        ngx_http_llmbroker_json_text(w, "approximate");

        for (v = place->child; v; v = v->next) {
            ngx_http_llmbroker_json_key_str(w, &v->key);
            ngx_http_llmbroker_json_raw(w, &v->raw);
        }

        ngx_http_llmbroker_json_close(w);
    }

    ngx_http_llmbroker_json_close(w);
}
