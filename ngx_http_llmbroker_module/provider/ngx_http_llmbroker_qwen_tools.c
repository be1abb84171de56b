
/*
 * Copyright (C) LLMBroker contributors
 *
 * The tools of a request and the choice among them.  DashScope has OpenAI's
 * functions; custom tools are functions with one argument (R62).
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_params.h"
#include "provider/ngx_http_llmbroker_qwen.h"


static ngx_int_t ngx_http_llmbroker_qwen_tool(
    ngx_http_llmbroker_qwen_build_t *b, ngx_http_llmbroker_json_t *tool);
static ngx_int_t ngx_http_llmbroker_qwen_custom(
    ngx_http_llmbroker_qwen_build_t *b, ngx_http_llmbroker_json_t *custom);
static ngx_int_t ngx_http_llmbroker_qwen_function(
    ngx_http_llmbroker_qwen_build_t *b, ngx_http_llmbroker_json_t *function,
    ngx_uint_t custom);
static ngx_int_t ngx_http_llmbroker_qwen_legacy(
    ngx_http_llmbroker_qwen_build_t *b);
static ngx_int_t ngx_http_llmbroker_qwen_choose(
    ngx_http_llmbroker_qwen_build_t *b);
static ngx_int_t ngx_http_llmbroker_qwen_named(
    ngx_http_llmbroker_qwen_build_t *b, const char *param,
    ngx_http_llmbroker_json_t *choice);
static ngx_int_t ngx_http_llmbroker_qwen_allowed(
    ngx_http_llmbroker_qwen_build_t *b, ngx_http_llmbroker_json_t *choice);
static ngx_int_t ngx_http_llmbroker_qwen_forced(
    ngx_http_llmbroker_qwen_build_t *b);
static ngx_http_llmbroker_qwen_function_t *ngx_http_llmbroker_qwen_meant(
    ngx_http_llmbroker_qwen_build_t *b, ngx_http_llmbroker_json_t *tool);
static void ngx_http_llmbroker_qwen_write_function(
    ngx_http_llmbroker_qwen_build_t *b,
    ngx_http_llmbroker_qwen_function_t *f);


ngx_int_t
ngx_http_llmbroker_qwen_tools(ngx_http_llmbroker_qwen_build_t *b)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *v;

    if (b->ex->call != NGX_HTTP_LLMBROKER_CHAT) {
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_qwen_param(b, NGX_HTTP_LLMBROKER_QWEN_P_TOOLS,
                                       NGX_HTTP_LLMBROKER_JSON_ARRAY, &v);
    if (rc != NGX_OK) {
        return rc;
    }

    for (v = v ? v->child : NULL; v; v = v->next) {
        rc = ngx_http_llmbroker_qwen_tool(b, v);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (b->functions.nelts == 0) {
        rc = ngx_http_llmbroker_qwen_legacy(b);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    /* R69 */

    if (b->functions.nelts == 0) {
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_qwen_choose(b);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llmbroker_qwen_forced(b);
}


static ngx_int_t
ngx_http_llmbroker_qwen_tool(ngx_http_llmbroker_qwen_build_t *b,
    ngx_http_llmbroker_json_t *tool)
{
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get_type(tool, "function",
                                         NGX_HTTP_LLMBROKER_JSON_OBJECT);
    if (v) {
        return ngx_http_llmbroker_qwen_function(b, v, 0);
    }

    v = ngx_http_llmbroker_json_get_type(tool, "custom",
                                         NGX_HTTP_LLMBROKER_JSON_OBJECT);
    if (v) {
        return ngx_http_llmbroker_qwen_custom(b, v);
    }

    return ngx_http_llmbroker_fault(b->ex, 400, "unsupported_value", "tools",
                           "This model supports functions and custom tools "
                           "only.");
}


/* R62 */

static ngx_int_t
ngx_http_llmbroker_qwen_custom(ngx_http_llmbroker_qwen_build_t *b,
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

    return ngx_http_llmbroker_qwen_function(b, custom, 1);
}


static ngx_int_t
ngx_http_llmbroker_qwen_function(ngx_http_llmbroker_qwen_build_t *b,
    ngx_http_llmbroker_json_t *function, ngx_uint_t custom)
{
    ngx_str_t                            name;
    ngx_http_llmbroker_json_t           *v;
    ngx_http_llmbroker_qwen_function_t  *f;

    if (b->functions.nelts == NGX_HTTP_LLMBROKER_QWEN_TOOLS) {
        return ngx_http_llmbroker_fault(b->ex, 400, "invalid_value", "tools",
                               "There are too many tools.");
    }

    v = ngx_http_llmbroker_json_get(function, "name");
    name = ngx_http_llmbroker_json_inner(v);

    if (name.len == 0) {
        return ngx_http_llmbroker_fault(b->ex, 400, "invalid_value", "tools",
                               "A tool has no name.");
    }

    if (b->functions.elts == NULL
        && ngx_array_init(&b->functions, b->ex->pool, 4,
                          sizeof(ngx_http_llmbroker_qwen_function_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    f = ngx_array_push(&b->functions);
    if (f == NULL) {
        return NGX_ERROR;
    }

    f->name = name;
    f->function = function;
    f->custom = custom;
    f->hidden = 0;

    return NGX_OK;
}


/* R45 */

static ngx_int_t
ngx_http_llmbroker_qwen_legacy(ngx_http_llmbroker_qwen_build_t *b)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *v;

    rc = ngx_http_llmbroker_qwen_param(b, NGX_HTTP_LLMBROKER_QWEN_P_FUNCTIONS,
                                       NGX_HTTP_LLMBROKER_JSON_ARRAY, &v);
    if (rc != NGX_OK) {
        return rc;
    }

    for (v = v ? v->child : NULL; v; v = v->next) {
        rc = ngx_http_llmbroker_qwen_function(b, v, 0);
        if (rc != NGX_OK) {
            return rc;
        }

        b->ex->legacy = 1;
    }

    return NGX_OK;
}


/* R64, R65, R67 */

static ngx_int_t
ngx_http_llmbroker_qwen_choose(ngx_http_llmbroker_qwen_build_t *b)
{
    const char                 *param;
    ngx_http_llmbroker_json_t  *choice, *type;

    param = b->ex->legacy ? "function_call" : "tool_choice";
    choice = ngx_http_llmbroker_json_get(b->ex->request, param);

    if (choice == NULL || choice->type == NGX_HTTP_LLMBROKER_JSON_NULL) {
        return NGX_OK;
    }

    if (ngx_http_llmbroker_json_is(choice, "auto")
        || ngx_http_llmbroker_json_is(choice, "none")
        || ngx_http_llmbroker_json_is(choice, "required"))
    {
        b->choice = choice->raw;
        return NGX_OK;
    }

    type = ngx_http_llmbroker_json_get(choice, "type");

    if (ngx_http_llmbroker_json_is(type, "allowed_tools")) {
        return ngx_http_llmbroker_qwen_allowed(b, choice);
    }

    if (choice->type == NGX_HTTP_LLMBROKER_JSON_OBJECT
        && (b->ex->legacy
            || ngx_http_llmbroker_json_is(type, "function")
            || ngx_http_llmbroker_json_is(type, "custom")))
    {
        return ngx_http_llmbroker_qwen_named(b, param, choice);
    }

    return ngx_http_llmbroker_fault(b->ex, 400, "unsupported_value", param,
                           "This model does not support the choice.");
}


static ngx_int_t
ngx_http_llmbroker_qwen_named(ngx_http_llmbroker_qwen_build_t *b,
    const char *param, ngx_http_llmbroker_json_t *choice)
{
    ngx_http_llmbroker_qwen_function_t  *f;

    f = ngx_http_llmbroker_qwen_meant(b, choice);

    if (f == NULL) {
        return ngx_http_llmbroker_fault(b->ex, 400, "invalid_value", param,
                               "The chosen tool is not among the tools.");
    }

    b->chosen = f->name;

    return NGX_OK;
}


/* DashScope has no such list: the other tools are not told of */

static ngx_int_t
ngx_http_llmbroker_qwen_allowed(ngx_http_llmbroker_qwen_build_t *b,
    ngx_http_llmbroker_json_t *choice)
{
    ngx_uint_t                           i, n;
    ngx_http_llmbroker_json_t           *allowed, *v;
    ngx_http_llmbroker_qwen_function_t  *f;

    allowed = ngx_http_llmbroker_json_get_type(choice, "allowed_tools",
                                              NGX_HTTP_LLMBROKER_JSON_OBJECT);
    v = ngx_http_llmbroker_json_get_type(allowed, "tools",
                                         NGX_HTTP_LLMBROKER_JSON_ARRAY);

    if (v && v->n > NGX_HTTP_LLMBROKER_QWEN_TOOLS) {
        v = NULL;
    }

    f = b->functions.elts;

    for (i = 0; i < b->functions.nelts; i++) {
        f[i].hidden = 1;
    }

    n = 0;

    for (v = v ? v->child : NULL; v; v = v->next) {
        f = ngx_http_llmbroker_qwen_meant(b, v);

        if (f) {
            f->hidden = 0;
            n++;
        }
    }

    if (n == 0) {
        return ngx_http_llmbroker_fault(b->ex, 400, "invalid_value",
                               "tool_choice",
                               "No allowed tool is among the tools.");
    }

    v = ngx_http_llmbroker_json_get(allowed, "mode");

    if (ngx_http_llmbroker_json_is(v, "required")) {
        ngx_str_set(&b->choice, "\"required\"");

    } else {
        ngx_str_set(&b->choice, "\"auto\"");
    }

    return NGX_OK;
}


/* C10, R68: a model that thinks cannot be forced to call */

static ngx_int_t
ngx_http_llmbroker_qwen_forced(ngx_http_llmbroker_qwen_build_t *b)
{
    ngx_str_t                            name;
    ngx_uint_t                           i;
    ngx_http_llmbroker_json_t           *v, *effort;
    ngx_http_llmbroker_qwen_function_t  *f;

    if (b->chosen.len == 0
        && (b->choice.len == 0
            || ngx_strncmp(b->choice.data, "\"required\"", b->choice.len)
               != 0))
    {
        return NGX_OK;
    }

    v = ngx_http_llmbroker_json_get_type(b->ex->request, "enable_thinking",
                                         NGX_HTTP_LLMBROKER_JSON_BOOL);
    effort = ngx_http_llmbroker_json_get_type(b->ex->request,
                                              "reasoning_effort",
                                              NGX_HTTP_LLMBROKER_JSON_STRING);

    if (v ? !ngx_http_llmbroker_json_true(v)
          : (effort == NULL || ngx_http_llmbroker_json_is(effort, "none")))
    {
        return NGX_OK;
    }

    f = b->functions.elts;

    for (i = 0; b->chosen.len && i < b->functions.nelts; i++) {
        f[i].hidden = (f[i].name.data != b->chosen.data);
    }

    ngx_str_null(&b->chosen);
    ngx_str_set(&b->choice, "\"auto\"");
    ngx_str_set(&name, "tool_choice");

    return ngx_http_llmbroker_dropped(b->ex, &name);
}


static ngx_http_llmbroker_qwen_function_t *
ngx_http_llmbroker_qwen_meant(ngx_http_llmbroker_qwen_build_t *b,
    ngx_http_llmbroker_json_t *tool)
{
    ngx_str_t                            name;
    ngx_uint_t                           i;
    ngx_http_llmbroker_json_t           *v;
    ngx_http_llmbroker_qwen_function_t  *f;

    v = ngx_http_llmbroker_json_get(tool, "function");

    if (v == NULL) {
        v = ngx_http_llmbroker_json_get(tool, "custom");
    }

    v = ngx_http_llmbroker_json_get(v ? v : tool, "name");
    name = ngx_http_llmbroker_json_inner(v);

    f = b->functions.elts;

    for (i = 0; i < b->functions.nelts; i++) {

        if (f[i].name.len == name.len
            && ngx_memcmp(f[i].name.data, name.data, name.len) == 0)
        {
            return &f[i];
        }
    }

    return NULL;
}


void
ngx_http_llmbroker_qwen_write_tools(ngx_http_llmbroker_qwen_build_t *b)
{
    ngx_uint_t                           i;
    ngx_http_llmbroker_json_writer_t    *w;
    ngx_http_llmbroker_qwen_function_t  *f;

    if (b->functions.nelts == 0) {
        return;
    }

    w = &b->w;
    f = b->functions.elts;

    ngx_http_llmbroker_qwen_put_lit(b, ",\"tools\":");

    ngx_http_llmbroker_json_write_start(w, b->ex->body);
    ngx_http_llmbroker_json_write_refer(w);

    ngx_http_llmbroker_json_open_array(w);

    for (i = 0; i < b->functions.nelts; i++) {
        if (!f[i].hidden) {
            ngx_http_llmbroker_qwen_write_function(b, &f[i]);
        }
    }

    ngx_http_llmbroker_json_close_array(w);

    if (ngx_http_llmbroker_json_write_end(w) != NGX_OK) {
        b->failed = 1;
    }

    if (b->choice.len) {
        ngx_http_llmbroker_qwen_member(b, "tool_choice", &b->choice);

    } else if (b->chosen.len) {
        ngx_http_llmbroker_qwen_put_lit(b, ",\"tool_choice\":{\"type\":"
                                    "\"function\",\"function\":"
                                    "{\"name\":\"");
        ngx_http_llmbroker_qwen_put(b, b->chosen.data, b->chosen.len);
        ngx_http_llmbroker_qwen_put_lit(b, "\"}}");
    }

    if (!b->ex->legacy) {
        ngx_http_llmbroker_qwen_same(b, NGX_HTTP_LLMBROKER_QWEN_P_PARALLEL);
    }
}


static void
ngx_http_llmbroker_qwen_write_function(ngx_http_llmbroker_qwen_build_t *b,
    ngx_http_llmbroker_qwen_function_t *f)
{
    ngx_str_t                          schema;
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->w;

    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "type");
    ngx_http_llmbroker_json_text(w, "function");
    ngx_http_llmbroker_json_key(w, "function");

    if (!f->custom) {
        ngx_http_llmbroker_json_raw(w, &f->function->raw);
        ngx_http_llmbroker_json_close(w);
        return;
    }

    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_qwen_write_raw(w, f->function, "name");
    ngx_http_llmbroker_qwen_write_raw(w, f->function, "description");

    ngx_str_set(&schema, "{\"type\":\"object\",\"properties\":{\"input\":"
                         "{\"type\":\"string\"}},\"required\":[\"input\"]}");

    ngx_http_llmbroker_json_key(w, "parameters");
    ngx_http_llmbroker_json_raw(w, &schema);

    ngx_http_llmbroker_json_close(w);
    ngx_http_llmbroker_json_close(w);
}
