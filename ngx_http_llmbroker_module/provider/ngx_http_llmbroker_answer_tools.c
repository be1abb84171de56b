
/*
 * Copyright (C) LLMBroker contributors
 *
 * The tool calls of an answer, in the form that the request asked in:
 * functions, custom tools (R43, R62) or the legacy function_call (R45).
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_answer_write.h"
#include "provider/ngx_http_llmbroker_text.h"


#define NGX_HTTP_LLMBROKER_ANSWER_ARGUMENTS  512


static ngx_int_t ngx_http_llmbroker_answer_keep_str(
    ngx_http_llmbroker_exchange_t *ex, ngx_str_t *dst, ngx_str_t *src);
static ngx_uint_t ngx_http_llmbroker_answer_custom(
    ngx_http_llmbroker_exchange_t *ex, ngx_str_t *name);
static ngx_int_t ngx_http_llmbroker_answer_tool_chunk(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_http_llmbroker_answer_choice_t *c, ngx_uint_t index, ngx_str_t *id,
    ngx_str_t *name);
static ngx_int_t ngx_http_llmbroker_answer_piece(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n, ngx_uint_t index,
    ngx_uint_t custom, ngx_str_t *inner);
static ngx_int_t ngx_http_llmbroker_answer_input(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_answer_tool_t *tool,
    ngx_str_t *inner);
static void ngx_http_llmbroker_answer_call(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_answer_tool_t *tool);
static void ngx_http_llmbroker_answer_extra(ngx_http_llmbroker_answer_t *a,
    ngx_http_llmbroker_answer_tool_t *tool);


ngx_int_t
ngx_http_llmbroker_answer_tool(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t choice, ngx_uint_t index, ngx_str_t *id, ngx_str_t *name)
{
    return ngx_http_llmbroker_answer_tool_extra(ex, choice, index, id, name,
                                                NULL);
}


ngx_int_t
ngx_http_llmbroker_answer_tool_extra(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t choice, ngx_uint_t index, ngx_str_t *id, ngx_str_t *name,
    ngx_str_t *extra)
{
    ngx_int_t                            rc;
    ngx_http_llmbroker_answer_tool_t    *tool;
    ngx_http_llmbroker_answer_choice_t  *c;

    rc = ngx_http_llmbroker_answer_choice(ex, &choice, &c);
    if (rc != NGX_OK || ex->call != NGX_HTTP_LLMBROKER_CHAT) {
        return rc;
    }

    rc = ngx_http_llmbroker_answer_open_still(ex, c);
    if (rc != NGX_OK) {
        return rc;
    }

    if (index != c->tools.nelts || index >= NGX_HTTP_LLMBROKER_ANSWER_TOOLS) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider answered with a tool call out "
                               "of order.");
    }

    if (id->len == 0 || name->len == 0) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider called a tool without an id or "
                               "a name.");
    }

    tool = ngx_array_push(&c->tools);
    if (tool == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(tool, sizeof(ngx_http_llmbroker_answer_tool_t));

    tool->custom = ngx_http_llmbroker_answer_custom(ex, name);

    if (extra) {
        tool->extra = *extra;
    }

    ngx_http_llmbroker_out_init(&tool->arguments, ex->pool, NULL, NULL,
                                NGX_HTTP_LLMBROKER_ANSWER_ARGUMENTS);

    if (ex->stream) {
        return ngx_http_llmbroker_answer_tool_chunk(ex, choice, c, index, id,
                                                    name);
    }

    if (ngx_http_llmbroker_answer_keep_str(ex, &tool->id, id) != NGX_OK
        || ngx_http_llmbroker_answer_keep_str(ex, &tool->extra, &tool->extra)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_answer_keep_str(ex, &tool->name, name);
}


static ngx_int_t
ngx_http_llmbroker_answer_keep_str(ngx_http_llmbroker_exchange_t *ex,
    ngx_str_t *dst, ngx_str_t *src)
{
    *dst = *src;

    if (ex->temp == NULL || src->len == 0) {
        return NGX_OK;
    }

    dst->data = ngx_pstrdup(ex->pool, src);

    return dst->data ? NGX_OK : NGX_ERROR;
}


static ngx_uint_t
ngx_http_llmbroker_answer_custom(ngx_http_llmbroker_exchange_t *ex,
    ngx_str_t *name)
{
    ngx_str_t   *custom;
    ngx_uint_t   i;

    if (ex->custom == NULL) {
        return 0;
    }

    custom = ex->custom->elts;

    for (i = 0; i < ex->custom->nelts; i++) {

        if (custom[i].len == name->len
            && ngx_memcmp(custom[i].data, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* an answer that begins with a tool call has both in one chunk (S2) */

static ngx_int_t
ngx_http_llmbroker_answer_tool_chunk(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_answer_choice_t *c, ngx_uint_t index,
    ngx_str_t *id, ngx_str_t *name)
{
    ngx_http_llmbroker_answer_t       *a;
    ngx_http_llmbroker_answer_tool_t  *tool;

    if (ex->legacy && index > 0) {
        return NGX_OK;
    }

    a = ex->answer;
    tool = c->tools.elts;

    ngx_http_llmbroker_answer_open(ex, n);

    if (!c->role) {
        ngx_http_llmbroker_answer_lit(a,
                                      "\"role\":\"assistant\","
                                      "\"content\":null,");
    }

    if (ex->legacy) {
        ngx_http_llmbroker_answer_lit(a, "\"function_call\":{\"name\":\"");
        ngx_http_llmbroker_answer_str(a, name);
        ngx_http_llmbroker_answer_lit(a, "\",\"arguments\":\"\"}");

    } else {
        ngx_http_llmbroker_answer_lit(a, "\"tool_calls\":[{\"index\":");
        ngx_http_llmbroker_answer_number(a, index);
        ngx_http_llmbroker_answer_lit(a, ",\"id\":\"");
        ngx_http_llmbroker_answer_str(a, id);

        if (tool[index].custom) {
            ngx_http_llmbroker_answer_lit(a, "\",\"type\":\"custom\","
                                          "\"custom\":{\"name\":\"");
            ngx_http_llmbroker_answer_str(a, name);
            ngx_http_llmbroker_answer_lit(a, "\",\"input\":\"\"}");

        } else {
            ngx_http_llmbroker_answer_lit(a, "\",\"type\":\"function\","
                                          "\"function\":{\"name\":\"");
            ngx_http_llmbroker_answer_str(a, name);
            ngx_http_llmbroker_answer_lit(a, "\",\"arguments\":\"\"}");
        }

        ngx_http_llmbroker_answer_extra(a, &tool[index]);
        ngx_http_llmbroker_answer_lit(a, "}]");
    }

    if (!c->role) {
        ngx_http_llmbroker_answer_lit(a, ",\"refusal\":null");
        c->role = 1;
    }

    return ngx_http_llmbroker_answer_close(ex, n, NULL);
}


ngx_int_t
ngx_http_llmbroker_answer_arguments(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t choice, ngx_uint_t index, ngx_str_t *inner)
{
    ngx_int_t                            rc;
    ngx_http_llmbroker_answer_tool_t    *tool;
    ngx_http_llmbroker_answer_choice_t  *c;

    if (inner->len == 0) {
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_answer_choice(ex, &choice, &c);
    if (rc != NGX_OK || ex->call != NGX_HTTP_LLMBROKER_CHAT) {
        return rc;
    }

    rc = ngx_http_llmbroker_answer_open_still(ex, c);
    if (rc != NGX_OK) {
        return rc;
    }

    if (index >= c->tools.nelts) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider answered with arguments of an "
                               "unknown tool call.");
    }

    tool = c->tools.elts;
    tool += index;
    tool->filled = 1;

    if (ex->stream && !tool->custom) {
        return ngx_http_llmbroker_answer_piece(ex, choice, index, 0, inner);
    }

    /* only its end tells a custom tool's input */

    if (ex->stream
        && tool->arguments.length + (off_t) inner->len
           > NGX_HTTP_LLMBROKER_ANSWER_KEPT)
    {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider sent an endless input.");
    }

    return ngx_http_llmbroker_answer_keep(ex, &tool->arguments, inner);
}


/* a fragment of arguments, or a custom tool's input */

static ngx_int_t
ngx_http_llmbroker_answer_piece(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_uint_t index, ngx_uint_t custom, ngx_str_t *inner)
{
    ngx_http_llmbroker_answer_t  *a;

    if (ex->legacy && index > 0) {
        return NGX_OK;
    }

    a = ex->answer;

    ngx_http_llmbroker_answer_open(ex, n);

    if (ex->legacy) {
        ngx_http_llmbroker_answer_lit(a, "\"function_call\":{\"arguments\":\"");
        ngx_http_llmbroker_answer_str(a, inner);
        ngx_http_llmbroker_answer_lit(a, "\"}");

        return ngx_http_llmbroker_answer_close(ex, n, NULL);
    }

    ngx_http_llmbroker_answer_lit(a, "\"tool_calls\":[{\"index\":");
    ngx_http_llmbroker_answer_number(a, index);

    if (custom) {
        ngx_http_llmbroker_answer_lit(a, ",\"custom\":{\"input\":\"");

    } else {
        ngx_http_llmbroker_answer_lit(a, ",\"function\":{\"arguments\":\"");
    }

    ngx_http_llmbroker_answer_str(a, inner);
    ngx_http_llmbroker_answer_lit(a, "\"}}]");

    return ngx_http_llmbroker_answer_close(ex, n, NULL);
}


ngx_uint_t
ngx_http_llmbroker_answer_tools(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t choice)
{
    ngx_http_llmbroker_answer_t         *a;
    ngx_http_llmbroker_answer_choice_t  *c;

    if (choice >= ngx_http_llmbroker_answer_choices(ex)) {
        return 0;
    }

    a = ex->answer;
    c = a->choices.elts;

    return c[ex->first + choice].tools.nelts;
}


ngx_int_t
ngx_http_llmbroker_answer_close_tools(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_answer_choice_t *c)
{
    ngx_int_t                          rc;
    ngx_str_t                          inner;
    ngx_uint_t                         i;
    ngx_http_llmbroker_answer_tool_t  *tool;

    tool = c->tools.elts;

    for (i = 0; i < c->tools.nelts; i++) {

        if (!tool[i].filled) {
            rc = ngx_http_llmbroker_out_copy(&tool[i].arguments, "{}", 2);
            if (rc != NGX_OK) {
                return NGX_ERROR;
            }
        }

        if (!ex->stream || (tool[i].filled && !tool[i].custom)) {
            continue;
        }

        if (tool[i].custom) {
            rc = ngx_http_llmbroker_answer_input(ex, &tool[i], &inner);
            if (rc != NGX_OK) {
                return NGX_ERROR;
            }

        } else {
            ngx_str_set(&inner, "{}");
        }

        if (inner.len == 0) {
            continue;
        }

        rc = ngx_http_llmbroker_answer_piece(ex, n, i, tool[i].custom, &inner);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/*
 * The member "input" of a custom tool's arguments; arguments of another shape
 * are the input as they are.
 */

static ngx_int_t
ngx_http_llmbroker_answer_input(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_answer_tool_t *tool, ngx_str_t *inner)
{
    u_char                     *p;
    ngx_int_t                   rc;
    ngx_str_t                   text;
    ngx_http_llmbroker_json_t  *root, *input;

    if (ngx_http_llmbroker_out_text(&tool->arguments, ex->pool, inner)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    text.data = ngx_pnalloc(ex->pool, inner->len);
    if (text.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_http_llmbroker_json_decode(text.data, inner->data, inner->len);
    if (p == NULL) {
        return NGX_OK;
    }

    text.len = p - text.data;

    rc = ngx_http_llmbroker_json_parse(ex->pool, text.data, text.len, &root);
    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? NGX_OK : NGX_ERROR;
    }

    input = ngx_http_llmbroker_json_get(root, "input");

    if (input && input->type == NGX_HTTP_LLMBROKER_JSON_STRING) {
        *inner = ngx_http_llmbroker_json_inner(input);

    } else if (root->type == NGX_HTTP_LLMBROKER_JSON_OBJECT && root->n == 0) {
        ngx_str_null(inner);
    }

    return NGX_OK;
}


void
ngx_http_llmbroker_answer_calls(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_answer_choice_t *c)
{
    ngx_uint_t                         i;
    ngx_http_llmbroker_answer_t       *a;
    ngx_http_llmbroker_answer_tool_t  *tool;

    a = ex->answer;
    tool = c->tools.elts;

    if (ex->legacy) {
        ngx_http_llmbroker_answer_lit(a, ",\"function_call\":{\"name\":\"");
        ngx_http_llmbroker_answer_str(a, &tool->name);
        ngx_http_llmbroker_answer_lit(a, "\",\"arguments\":\"");
        ngx_http_llmbroker_answer_kept(a, &tool->arguments);
        ngx_http_llmbroker_answer_lit(a, "\"}");
        return;
    }

    ngx_http_llmbroker_answer_lit(a, ",\"tool_calls\":[");

    for (i = 0; i < c->tools.nelts; i++) {

        if (i > 0) {
            ngx_http_llmbroker_answer_lit(a, ",");
        }

        ngx_http_llmbroker_answer_call(ex, &tool[i]);
    }

    ngx_http_llmbroker_answer_lit(a, "]");
}


static void
ngx_http_llmbroker_answer_call(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_answer_tool_t *tool)
{
    ngx_str_t                     inner;
    ngx_http_llmbroker_answer_t  *a;

    a = ex->answer;

    ngx_http_llmbroker_answer_lit(a, "{\"id\":\"");
    ngx_http_llmbroker_answer_str(a, &tool->id);

    if (tool->custom) {

        if (ngx_http_llmbroker_answer_input(ex, tool, &inner) != NGX_OK) {
            a->failed = 1;
            return;
        }

        ngx_http_llmbroker_answer_lit(a, "\",\"type\":\"custom\","
                                      "\"custom\":{\"name\":\"");
        ngx_http_llmbroker_answer_str(a, &tool->name);
        ngx_http_llmbroker_answer_lit(a, "\",\"input\":\"");
        ngx_http_llmbroker_answer_str(a, &inner);

    } else {
        ngx_http_llmbroker_answer_lit(a, "\",\"type\":\"function\","
                                      "\"function\":{\"name\":\"");
        ngx_http_llmbroker_answer_str(a, &tool->name);
        ngx_http_llmbroker_answer_lit(a, "\",\"arguments\":\"");
        ngx_http_llmbroker_answer_kept(a, &tool->arguments);
    }

    ngx_http_llmbroker_answer_lit(a, "\"}");
    ngx_http_llmbroker_answer_extra(a, tool);
    ngx_http_llmbroker_answer_lit(a, "}");
}


static void
ngx_http_llmbroker_answer_extra(ngx_http_llmbroker_answer_t *a,
    ngx_http_llmbroker_answer_tool_t *tool)
{
    if (tool->extra.len) {
        ngx_http_llmbroker_answer_lit(a, ",\"extra_content\":");
        ngx_http_llmbroker_answer_raw(a, &tool->extra);
    }
}
