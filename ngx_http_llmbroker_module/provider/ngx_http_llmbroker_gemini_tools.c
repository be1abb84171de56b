
/*
 * Copyright (C) LLMBroker contributors
 *
 * The tools of a Gemini request and the choice among them.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_gemini.h"
#include "provider/ngx_http_llmbroker_params.h"


static ngx_int_t ngx_http_llmbroker_gemini_tool(
    ngx_http_llmbroker_gemini_build_t *b, ngx_http_llmbroker_json_t *tool);
static ngx_int_t ngx_http_llmbroker_gemini_native(
    ngx_http_llmbroker_gemini_build_t *b, ngx_http_llmbroker_json_t *tool);
static ngx_int_t ngx_http_llmbroker_gemini_custom(
    ngx_http_llmbroker_gemini_build_t *b, ngx_http_llmbroker_json_t *custom);
static ngx_int_t ngx_http_llmbroker_gemini_function(
    ngx_http_llmbroker_gemini_build_t *b, ngx_http_llmbroker_json_t *function,
    ngx_uint_t custom);
static ngx_int_t ngx_http_llmbroker_gemini_functions(
    ngx_http_llmbroker_gemini_build_t *b);
static ngx_int_t ngx_http_llmbroker_gemini_search(
    ngx_http_llmbroker_gemini_build_t *b);
static ngx_int_t ngx_http_llmbroker_gemini_choice(
    ngx_http_llmbroker_gemini_build_t *b);
static ngx_int_t ngx_http_llmbroker_gemini_chosen(
    ngx_http_llmbroker_gemini_build_t *b, const char *param,
    ngx_http_llmbroker_json_t *choice);
static ngx_int_t ngx_http_llmbroker_gemini_named(
    ngx_http_llmbroker_gemini_build_t *b, const char *param,
    ngx_http_llmbroker_json_t *choice);
static ngx_int_t ngx_http_llmbroker_gemini_allowed(
    ngx_http_llmbroker_gemini_build_t *b, ngx_http_llmbroker_json_t *choice);
static ngx_int_t ngx_http_llmbroker_gemini_allow(
    ngx_http_llmbroker_gemini_build_t *b, const char *param,
    ngx_http_llmbroker_json_t *tool);
static void ngx_http_llmbroker_gemini_write_function(
    ngx_http_llmbroker_gemini_build_t *b,
    ngx_http_llmbroker_gemini_tool_t *tool);
static void ngx_http_llmbroker_gemini_write_choice(
    ngx_http_llmbroker_gemini_build_t *b);


ngx_int_t
ngx_http_llmbroker_gemini_tools(ngx_http_llmbroker_gemini_build_t *b)
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

    for (v = v ? v->child : NULL; v; v = v->next) {
        rc = ngx_http_llmbroker_gemini_tool(b, v);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (b->tools.nelts == 0) {
        rc = ngx_http_llmbroker_gemini_functions(b);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    rc = ngx_http_llmbroker_gemini_search(b);

    /* R69 */

    if (rc != NGX_OK || b->tools.nelts == 0) {
        return rc;
    }

    v = ngx_http_llmbroker_json_get_type(b->ex->request,
                                         "parallel_tool_calls",
                                         NGX_HTTP_LLMBROKER_JSON_BOOL);

    if (v && !ngx_http_llmbroker_json_true(v)
        && ngx_http_llmbroker_gemini_drop(b, "parallel_tool_calls") != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_gemini_choice(b);
}


static ngx_int_t
ngx_http_llmbroker_gemini_tool(ngx_http_llmbroker_gemini_build_t *b,
    ngx_http_llmbroker_json_t *tool)
{
    ngx_http_llmbroker_json_t  *type, *v;

    type = ngx_http_llmbroker_json_get(tool, "type");

    if (ngx_http_llmbroker_json_is(type, "function")) {
        v = ngx_http_llmbroker_json_get(tool, "function");
        return ngx_http_llmbroker_gemini_function(b, v, 0);
    }

    if (ngx_http_llmbroker_json_is(type, "custom")) {
        v = ngx_http_llmbroker_json_get(tool, "custom");
        return ngx_http_llmbroker_gemini_custom(b, v);
    }

    if (type == NULL && tool->type == NGX_HTTP_LLMBROKER_JSON_OBJECT
        && tool->n)
    {
        return ngx_http_llmbroker_gemini_native(b, tool);
    }

    return ngx_http_llmbroker_fault(b->ex, 400, "unsupported_value", "tools",
                           "This model does not support the type of a tool.");
}


/* in Gemini's words: {"googleSearch":{}}, {"codeExecution":{}}, ... */

static ngx_int_t
ngx_http_llmbroker_gemini_native(ngx_http_llmbroker_gemini_build_t *b,
    ngx_http_llmbroker_json_t *tool)
{
    ngx_http_llmbroker_json_t  **p;

    if (b->native.nelts == NGX_HTTP_LLMBROKER_GEMINI_TOOLS) {
        return ngx_http_llmbroker_fault(b->ex, 400, "invalid_value", "tools",
                               "There are too many tools.");
    }

    p = ngx_array_push(&b->native);
    if (p == NULL) {
        return NGX_ERROR;
    }

    *p = tool;

    if (ngx_http_llmbroker_gemini_get(tool, "googleSearch")) {
        b->search = 1;
    }

    return NGX_OK;
}


/* R62 */

static ngx_int_t
ngx_http_llmbroker_gemini_custom(ngx_http_llmbroker_gemini_build_t *b,
    ngx_http_llmbroker_json_t *custom)
{
    ngx_str_t                  *name;
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get(custom, "format");
    v = ngx_http_llmbroker_json_get(v, "type");

    if (v && !ngx_http_llmbroker_json_is(v, "text")) {
        return ngx_http_llmbroker_fault(b->ex, 400, "unsupported_value",
                               "tools",
                               "This model does not support a custom tool's "
                               "grammar.");
    }

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

    return ngx_http_llmbroker_gemini_function(b, custom, 1);
}


static ngx_int_t
ngx_http_llmbroker_gemini_function(ngx_http_llmbroker_gemini_build_t *b,
    ngx_http_llmbroker_json_t *function, ngx_uint_t custom)
{
    ngx_int_t                          rc;
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_gemini_tool_t  *tool;

    if (b->tools.nelts == NGX_HTTP_LLMBROKER_GEMINI_TOOLS) {
        return ngx_http_llmbroker_fault(b->ex, 400, "invalid_value", "tools",
                               "There are too many tools.");
    }

    tool = ngx_array_push(&b->tools);
    if (tool == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(tool, sizeof(ngx_http_llmbroker_gemini_tool_t));

    tool->function = function;
    tool->custom = custom;

    v = ngx_http_llmbroker_json_get(function, "name");

    rc = ngx_http_llmbroker_json_string(b->ex->pool, v, &tool->name);

    if (rc == NGX_DECLINED) {
        return ngx_http_llmbroker_fault(b->ex, 400, "invalid_value", "tools",
                               "A tool has no name.");
    }

    if (rc != NGX_OK) {
        return rc;
    }

    v = ngx_http_llmbroker_json_get(function, "parameters");

    if (v
        && v->type != NGX_HTTP_LLMBROKER_JSON_NULL
        && v->type != NGX_HTTP_LLMBROKER_JSON_OBJECT)
    {
        return ngx_http_llmbroker_fault(b->ex, 400, "invalid_type", "tools",
                               "The parameters of a function must be a "
                               "JSON Schema.");
    }

    /* R61 */

    v = ngx_http_llmbroker_json_get(function, "strict");

    if (ngx_http_llmbroker_json_true(v)) {
        return ngx_http_llmbroker_gemini_drop(b, "tools.strict");
    }

    return NGX_OK;
}


/* R45 */

static ngx_int_t
ngx_http_llmbroker_gemini_functions(ngx_http_llmbroker_gemini_build_t *b)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *v;

    rc = ngx_http_llmbroker_params_get(b->ex, "functions",
                                       NGX_HTTP_LLMBROKER_JSON_ARRAY, &v);
    if (rc != NGX_OK) {
        return rc;
    }

    for (v = v ? v->child : NULL; v; v = v->next) {
        rc = ngx_http_llmbroker_gemini_function(b, v, 0);
        if (rc != NGX_OK) {
            return rc;
        }

        b->ex->legacy = 1;
    }

    return NGX_OK;
}


/* R14: the search is Google's; where the user is it does not ask */

static ngx_int_t
ngx_http_llmbroker_gemini_search(ngx_http_llmbroker_gemini_build_t *b)
{
    ngx_int_t                   rc;
    ngx_str_t                   name;
    ngx_http_llmbroker_json_t  *options, *v;
    u_char                      buf[64];

    rc = ngx_http_llmbroker_params_get(b->ex, "web_search_options",
                                       NGX_HTTP_LLMBROKER_JSON_OBJECT,
                                       &options);
    if (rc != NGX_OK || options == NULL) {
        return rc;
    }

    b->search = 1;

    for (v = options->child; v; v = v->next) {
        name.data = buf;
        name.len = ngx_snprintf(buf, sizeof(buf), "web_search_options.%V",
                                &v->key)
                   - buf;

        if (v->type != NGX_HTTP_LLMBROKER_JSON_NULL
            && ngx_http_llmbroker_dropped(b->ex, &name) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_gemini_choice(ngx_http_llmbroker_gemini_build_t *b)
{
    const char                 *param;
    ngx_http_llmbroker_json_t  *choice;

    param = b->ex->legacy ? "function_call" : "tool_choice";
    choice = ngx_http_llmbroker_json_get(b->ex->request, param);

    if (choice == NULL || choice->type == NGX_HTTP_LLMBROKER_JSON_NULL) {
        return NGX_OK;
    }

    return ngx_http_llmbroker_gemini_chosen(b, param, choice);
}


/* R64, R65, R67 */

static ngx_int_t
ngx_http_llmbroker_gemini_chosen(ngx_http_llmbroker_gemini_build_t *b,
    const char *param, ngx_http_llmbroker_json_t *choice)
{
    ngx_http_llmbroker_json_t  *type;

    if (ngx_http_llmbroker_json_is(choice, "auto")) {
        b->mode = "AUTO";
        return NGX_OK;
    }

    if (ngx_http_llmbroker_json_is(choice, "none")) {
        b->mode = "NONE";
        return NGX_OK;
    }

    if (ngx_http_llmbroker_json_is(choice, "required")) {
        b->mode = "ANY";
        return NGX_OK;
    }

    type = ngx_http_llmbroker_json_get(choice, "type");

    if (ngx_http_llmbroker_json_is(type, "allowed_tools")) {
        return ngx_http_llmbroker_gemini_allowed(b, choice);
    }

    if (choice->type == NGX_HTTP_LLMBROKER_JSON_OBJECT
        && (b->ex->legacy
            || ngx_http_llmbroker_json_is(type, "function")
            || ngx_http_llmbroker_json_is(type, "custom")))
    {
        return ngx_http_llmbroker_gemini_named(b, param, choice);
    }

    return ngx_http_llmbroker_fault(b->ex, 400, "unsupported_value", param,
                           "This model does not support the choice.");
}


static ngx_int_t
ngx_http_llmbroker_gemini_named(ngx_http_llmbroker_gemini_build_t *b,
    const char *param, ngx_http_llmbroker_json_t *choice)
{
    ngx_int_t  rc;

    rc = ngx_http_llmbroker_gemini_allow(b, param, choice);
    if (rc != NGX_OK) {
        return rc;
    }

    if (b->allowed.nelts) {
        b->mode = "ANY";
        return NGX_OK;
    }

    return ngx_http_llmbroker_fault(b->ex, 400, "invalid_value", param,
                           "The chosen tool is not among the tools.");
}


/*
 * Gemini reads a list of names only where it must call one of them; where it
 * may, the others are not declared.
 */

static ngx_int_t
ngx_http_llmbroker_gemini_allowed(ngx_http_llmbroker_gemini_build_t *b,
    ngx_http_llmbroker_json_t *choice)
{
    ngx_int_t                          rc;
    ngx_uint_t                         i, k;
    ngx_str_t                         *name;
    ngx_http_llmbroker_json_t         *allowed, *v;
    ngx_http_llmbroker_gemini_tool_t  *tool;

    allowed = ngx_http_llmbroker_json_get_type(choice, "allowed_tools",
                                              NGX_HTTP_LLMBROKER_JSON_OBJECT);
    v = ngx_http_llmbroker_json_get_type(allowed, "tools",
                                         NGX_HTTP_LLMBROKER_JSON_ARRAY);

    if (v && v->n > NGX_HTTP_LLMBROKER_GEMINI_TOOLS) {
        v = NULL;
    }

    for (v = v ? v->child : NULL; v; v = v->next) {
        rc = ngx_http_llmbroker_gemini_allow(b, "tool_choice", v);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (b->allowed.nelts == 0) {
        return ngx_http_llmbroker_fault(b->ex, 400, "invalid_value",
                               "tool_choice",
                               "No allowed tool is among the tools.");
    }

    v = ngx_http_llmbroker_json_get(allowed, "mode");

    if (ngx_http_llmbroker_json_is(v, "required")) {
        b->mode = "ANY";
        return NGX_OK;
    }

    b->mode = "AUTO";

    tool = b->tools.elts;
    name = b->allowed.elts;

    for (i = 0; i < b->tools.nelts; i++) {
        tool[i].hidden = 1;

        for (k = 0; k < b->allowed.nelts; k++) {

            if (tool[i].name.data == name[k].data) {
                tool[i].hidden = 0;
                break;
            }
        }
    }

    b->allowed.nelts = 0;

    return NGX_OK;
}


/* adds the tool that is meant, if it is declared */

static ngx_int_t
ngx_http_llmbroker_gemini_allow(ngx_http_llmbroker_gemini_build_t *b,
    const char *param, ngx_http_llmbroker_json_t *meant)
{
    ngx_int_t                          rc;
    ngx_str_t                          name, *allowed;
    ngx_uint_t                         i;
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_gemini_tool_t  *tool;

    v = ngx_http_llmbroker_json_get(meant, "function");

    if (v == NULL) {
        v = ngx_http_llmbroker_json_get(meant, "custom");
    }

    v = ngx_http_llmbroker_json_get(v ? v : meant, "name");

    rc = ngx_http_llmbroker_json_string(b->ex->pool, v, &name);

    if (rc == NGX_DECLINED) {
        return ngx_http_llmbroker_fault(b->ex, 400, "invalid_value", param,
                               "A tool has no name.");
    }

    if (rc != NGX_OK) {
        return rc;
    }

    tool = b->tools.elts;

    for (i = 0; i < b->tools.nelts; i++) {

        if (tool[i].name.len == name.len
            && ngx_memcmp(tool[i].name.data, name.data, name.len) == 0)
        {
            allowed = ngx_array_push(&b->allowed);
            if (allowed == NULL) {
                return NGX_ERROR;
            }

            *allowed = tool[i].name;
            break;
        }
    }

    return NGX_OK;
}


void
ngx_http_llmbroker_gemini_write_tools(ngx_http_llmbroker_gemini_build_t *b)
{
    ngx_uint_t                          i, searched;
    ngx_http_llmbroker_json_t         **native;
    ngx_http_llmbroker_gemini_tool_t   *tool;
    ngx_http_llmbroker_json_writer_t   *w;

    if (b->tools.nelts == 0 && b->native.nelts == 0 && !b->search) {
        return;
    }

    w = &b->w;
    tool = b->tools.elts;
    native = b->native.elts;
    searched = 0;

    ngx_http_llmbroker_json_key(w, "tools");
    ngx_http_llmbroker_json_open_array(w);

    if (b->tools.nelts) {
        ngx_http_llmbroker_json_open(w);
        ngx_http_llmbroker_json_key(w, "functionDeclarations");
        ngx_http_llmbroker_json_open_array(w);

        for (i = 0; i < b->tools.nelts; i++) {
            if (!tool[i].hidden) {
                ngx_http_llmbroker_gemini_write_function(b, &tool[i]);
            }
        }

        ngx_http_llmbroker_json_close_array(w);
        ngx_http_llmbroker_json_close(w);
    }

    for (i = 0; i < b->native.nelts; i++) {
        ngx_http_llmbroker_json_raw(w, &native[i]->raw);

        if (ngx_http_llmbroker_gemini_get(native[i], "googleSearch")) {
            searched = 1;
        }
    }

    if (b->search && !searched) {
        ngx_http_llmbroker_json_open(w);
        ngx_http_llmbroker_json_key(w, "googleSearch");
        ngx_http_llmbroker_json_open(w);
        ngx_http_llmbroker_json_close(w);
        ngx_http_llmbroker_json_close(w);
    }

    ngx_http_llmbroker_json_close_array(w);

    ngx_http_llmbroker_gemini_write_choice(b);
}


/* R60: parametersJsonSchema has all of JSON Schema's keywords */

static void
ngx_http_llmbroker_gemini_write_function(ngx_http_llmbroker_gemini_build_t *b,
    ngx_http_llmbroker_gemini_tool_t *tool)
{
    ngx_str_t                          schema;
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->w;

    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "name");
    ngx_http_llmbroker_json_str(w, &tool->name);

    v = ngx_http_llmbroker_json_get_type(tool->function, "description",
                                         NGX_HTTP_LLMBROKER_JSON_STRING);
    if (v) {
        ngx_http_llmbroker_json_key(w, "description");
        ngx_http_llmbroker_json_raw(w, &v->raw);
    }

    ngx_str_null(&schema);

    v = ngx_http_llmbroker_json_get_type(tool->function, "parameters",
                                         NGX_HTTP_LLMBROKER_JSON_OBJECT);

    if (tool->custom) {
        ngx_str_set(&schema, "{\"type\":\"object\",\"properties\":{\"input\":"
                             "{\"type\":\"string\"}},\"required\":"
                             "[\"input\"]}");

    } else if (v && v->n) {
        schema = v->raw;
    }

    if (schema.len) {
        ngx_http_llmbroker_json_key(w, "parametersJsonSchema");
        ngx_http_llmbroker_json_raw(w, &schema);
    }

    ngx_http_llmbroker_json_close(w);
}


static void
ngx_http_llmbroker_gemini_write_choice(ngx_http_llmbroker_gemini_build_t *b)
{
    ngx_str_t                         *name;
    ngx_uint_t                         i;
    ngx_http_llmbroker_json_writer_t  *w;

    if (b->mode == NULL) {
        return;
    }

    w = &b->w;
    name = b->allowed.elts;

    ngx_http_llmbroker_json_key(w, "toolConfig");
    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "functionCallingConfig");
    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "mode");
    ngx_http_llmbroker_json_text(w, b->mode);

    if (b->allowed.nelts) {
        ngx_http_llmbroker_json_key(w, "allowedFunctionNames");
        ngx_http_llmbroker_json_open_array(w);

        for (i = 0; i < b->allowed.nelts; i++) {
            ngx_http_llmbroker_json_str(w, &name[i]);
        }

        ngx_http_llmbroker_json_close_array(w);
    }

    ngx_http_llmbroker_json_close(w);
    ngx_http_llmbroker_json_close(w);
}
