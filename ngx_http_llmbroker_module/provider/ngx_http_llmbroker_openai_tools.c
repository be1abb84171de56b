
/*
 * Copyright (C) LLMBroker contributors
 *
 * Tool calls of OpenAI's dialect (rules C17, C18 and wire format section
 * 7.4).  In a stream each call is known to the client by its place in the
 * order of their starts, whatever index the server gives or does not give.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_openai.h"


/* the index of a call was given to another one */
#define NGX_HTTP_LLMBROKER_OPENAI_TAKEN  -2


/* what one element of tool_calls says */
typedef struct {
    ngx_http_llmbroker_json_t  *call;
    ngx_http_llmbroker_json_t  *function;  /* or custom; NULL: the call is
                                              of the server's own kind */
    ngx_http_llmbroker_json_t  *id;        /* NULL when it says nothing */
    ngx_http_llmbroker_json_t  *name;      /* the same */
    ngx_int_t                   given;     /* index or -1 */
    unsigned                    custom:1;
} ngx_http_llmbroker_openai_call_t;


static ngx_http_llmbroker_json_t *ngx_http_llmbroker_openai_calls(
    ngx_http_llmbroker_openai_t *o, ngx_pool_t *pool,
    ngx_http_llmbroker_json_t *piece);
static ngx_int_t ngx_http_llmbroker_openai_call_read(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_openai_t *o,
    ngx_pool_t *pool, ngx_http_llmbroker_openai_choice_t *c,
    ngx_http_llmbroker_json_t *v, ngx_http_llmbroker_openai_call_t *call);
static ngx_int_t ngx_http_llmbroker_openai_call_function(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_openai_t *o,
    ngx_pool_t *pool, ngx_http_llmbroker_openai_choice_t *c,
    ngx_http_llmbroker_openai_call_t *call);
static ngx_int_t ngx_http_llmbroker_openai_call_whole(
    ngx_http_llmbroker_openai_t *o, ngx_pool_t *pool,
    ngx_http_llmbroker_openai_call_t *call);
static ngx_int_t ngx_http_llmbroker_openai_call_head(
    ngx_http_llmbroker_openai_t *o, ngx_pool_t *pool,
    ngx_http_llmbroker_openai_call_t *call, ngx_str_t *id);
static ngx_int_t ngx_http_llmbroker_openai_arguments(
    ngx_http_llmbroker_openai_t *o, ngx_pool_t *pool,
    ngx_http_llmbroker_openai_call_t *call, const char *missing);
static ngx_int_t ngx_http_llmbroker_openai_call_delta(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_openai_t *o,
    ngx_pool_t *pool, ngx_http_llmbroker_openai_choice_t *c,
    ngx_http_llmbroker_openai_call_t *call, ngx_uint_t before);
static ngx_uint_t ngx_http_llmbroker_openai_call_find(
    ngx_http_llmbroker_openai_choice_t *c,
    ngx_http_llmbroker_openai_call_t *call, ngx_uint_t before);
static ngx_uint_t ngx_http_llmbroker_openai_has_arguments(
    ngx_http_llmbroker_openai_call_t *call);
static ngx_uint_t ngx_http_llmbroker_openai_is_whole(
    ngx_http_llmbroker_json_t *v);
static ngx_uint_t ngx_http_llmbroker_openai_same(ngx_str_t *raw,
    ngx_http_llmbroker_json_t *v);
static ngx_int_t ngx_http_llmbroker_openai_call_open(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_openai_t *o,
    ngx_pool_t *pool, ngx_http_llmbroker_openai_choice_t *c,
    ngx_http_llmbroker_openai_call_t *call);
static ngx_int_t ngx_http_llmbroker_openai_call_more(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_openai_t *o,
    ngx_pool_t *pool, ngx_http_llmbroker_openai_choice_t *c,
    ngx_http_llmbroker_openai_call_t *call, ngx_uint_t n);
static ngx_int_t ngx_http_llmbroker_openai_call_index(
    ngx_http_llmbroker_openai_t *o, ngx_pool_t *pool,
    ngx_http_llmbroker_openai_call_t *call, ngx_uint_t n);
static ngx_int_t ngx_http_llmbroker_openai_copy(ngx_pool_t *pool,
    ngx_str_t *dst, ngx_http_llmbroker_json_t *v);


ngx_int_t
ngx_http_llmbroker_openai_tools(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o, ngx_pool_t *pool,
    ngx_http_llmbroker_openai_choice_t *c, ngx_http_llmbroker_json_t *piece)
{
    ngx_int_t                          rc;
    ngx_uint_t                         before;
    ngx_http_llmbroker_json_t         *calls, *v, **next;
    ngx_http_llmbroker_openai_call_t   call;

    calls = ngx_http_llmbroker_openai_calls(o, pool, piece);
    if (calls == NULL) {
        return NGX_OK;
    }

    if (calls->n > NGX_HTTP_LLMBROKER_ANSWER_TOOLS) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider answered with too many tool "
                               "calls.");
    }

    before = (c && c->tools) ? c->tools->nelts : 0;
    next = &calls->child;

    while (*next) {
        v = *next;

        rc = ngx_http_llmbroker_openai_call_read(ex, o, pool, c, v, &call);

        if (rc != NGX_OK) {
            /* void */

        } else if (c) {
            rc = ngx_http_llmbroker_openai_call_delta(ex, o, pool, c, &call,
                                                      before);
        } else {
            rc = ngx_http_llmbroker_openai_call_whole(o, pool, &call);
        }

        if (rc != NGX_OK && rc != NGX_DONE) {
            return rc;
        }

        if (call.function && call.function->raw.data == NULL) {
            ngx_str_null(&v->raw);
        }

        if (v->raw.data == NULL || rc == NGX_DONE) {
            ngx_str_null(&calls->raw);
            ngx_str_null(&piece->raw);
        }

        if (rc == NGX_DONE) {
            *next = v->next;
            o->changes++;

        } else {
            next = &v->next;
        }
    }

    if (calls->child == NULL) {
        ngx_http_llmbroker_openai_drop(o, piece, "tool_calls");
    }

    return NGX_OK;
}


/* the array, made of what is none; NULL: there is no call */

static ngx_http_llmbroker_json_t *
ngx_http_llmbroker_openai_calls(ngx_http_llmbroker_openai_t *o,
    ngx_pool_t *pool, ngx_http_llmbroker_json_t *piece)
{
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get(piece, "tool_calls");

    if (v == NULL) {
        return NULL;
    }

    if (v->type != NGX_HTTP_LLMBROKER_JSON_ARRAY || v->child == NULL) {
        ngx_http_llmbroker_openai_drop(o, piece, "tool_calls");
        return NULL;
    }

    return v;
}


/* NGX_DONE: the element is null */

static ngx_int_t
ngx_http_llmbroker_openai_call_read(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o, ngx_pool_t *pool,
    ngx_http_llmbroker_openai_choice_t *c, ngx_http_llmbroker_json_t *v,
    ngx_http_llmbroker_openai_call_t *call)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *index;

    call->call = v;
    call->custom = 0;
    call->function = NULL;

    if (v->type == NGX_HTTP_LLMBROKER_JSON_NULL) {
        return NGX_DONE;
    }

    call->function = ngx_http_llmbroker_json_get_type(v, "function",
                                               NGX_HTTP_LLMBROKER_JSON_OBJECT);
    if (call->function == NULL) {
        call->function = ngx_http_llmbroker_json_get_type(v, "custom",
                                               NGX_HTTP_LLMBROKER_JSON_OBJECT);
        call->custom = 1;
    }

    if (call->function == NULL) {
        rc = ngx_http_llmbroker_openai_call_function(ex, o, pool, c, call);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    call->id = ngx_http_llmbroker_json_get(v, "id");

    if (!ngx_http_llmbroker_openai_word(call->id)) {
        call->id = NULL;
    }

    call->name = ngx_http_llmbroker_json_get(call->function, "name");

    if (!ngx_http_llmbroker_openai_word(call->name)) {
        call->name = NULL;
    }

    index = ngx_http_llmbroker_json_get(v, "index");
    call->given = ngx_http_llmbroker_json_int(index, -1);

    return NGX_OK;
}


/* a delta may begin a call without its function; Zhipu has kinds of its own */

static ngx_int_t
ngx_http_llmbroker_openai_call_function(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o, ngx_pool_t *pool,
    ngx_http_llmbroker_openai_choice_t *c,
    ngx_http_llmbroker_openai_call_t *call)
{
    ngx_http_llmbroker_json_t  *type;

    call->custom = 0;

    type = ngx_http_llmbroker_json_get(call->call, "type");

    if (ngx_http_llmbroker_openai_word(type)
        && !ngx_http_llmbroker_json_is(type, "function")
        && !ngx_http_llmbroker_json_is(type, "custom"))
    {
        return NGX_OK;
    }

    if (c == NULL || call->call->type != NGX_HTTP_LLMBROKER_JSON_OBJECT) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider's answer holds a tool call that "
                               "is no function.");
    }

    if (ngx_http_llmbroker_openai_set_text(o, pool, call->call, "function",
                                       NGX_HTTP_LLMBROKER_JSON_OBJECT, "{}")
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    call->function = ngx_http_llmbroker_json_get(call->call, "function");

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_openai_call_whole(ngx_http_llmbroker_openai_t *o,
    ngx_pool_t *pool, ngx_http_llmbroker_openai_call_t *call)
{
    ngx_str_t  id;

    if (call->id == NULL
        && ngx_http_llmbroker_openai_random(pool, "call_", &id) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_llmbroker_openai_call_head(o, pool, call, &id) != NGX_OK) {
        return NGX_ERROR;
    }

    return call->function
           ? ngx_http_llmbroker_openai_arguments(o, pool, call, "\"{}\"")
           : NGX_OK;
}


/* what the first delta and a whole call have: id is for a call without one */

static ngx_int_t
ngx_http_llmbroker_openai_call_head(ngx_http_llmbroker_openai_t *o,
    ngx_pool_t *pool, ngx_http_llmbroker_openai_call_t *call, ngx_str_t *id)
{
    ngx_http_llmbroker_json_t  *type;

    if (call->id == NULL
        && ngx_http_llmbroker_openai_set(o, pool, call->call, "id",
                                         NGX_HTTP_LLMBROKER_JSON_STRING, id)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    type = ngx_http_llmbroker_json_get(call->call, "type");

    if (ngx_http_llmbroker_openai_word(type)) {
        return NGX_OK;
    }

    return ngx_http_llmbroker_openai_set_text(o, pool, call->call, "type",
                             NGX_HTTP_LLMBROKER_JSON_STRING,
                             call->custom ? "\"custom\"" : "\"function\"");
}


/* arguments are the text of an object, not an object */

static ngx_int_t
ngx_http_llmbroker_openai_arguments(ngx_http_llmbroker_openai_t *o,
    ngx_pool_t *pool, ngx_http_llmbroker_openai_call_t *call,
    const char *missing)
{
    u_char                     *p;
    ngx_str_t                   inner, raw;
    const char                 *name;
    ngx_http_llmbroker_json_t  *v;

    name = call->custom ? "input" : "arguments";

    v = ngx_http_llmbroker_json_get(call->function, name);

    if (ngx_http_llmbroker_openai_string(v)) {
        return NGX_OK;
    }

    if (v == NULL || v->type == NGX_HTTP_LLMBROKER_JSON_NULL) {
        return ngx_http_llmbroker_openai_set_text(o, pool, call->function,
                                          name, NGX_HTTP_LLMBROKER_JSON_STRING,
                                          call->custom ? "\"\"" : missing);
    }

    if (ngx_http_llmbroker_text_quote(pool, &v->raw, &inner) != NGX_OK) {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(pool, inner.len + 2);
    if (p == NULL) {
        return NGX_ERROR;
    }

    raw.data = p;
    raw.len = ngx_sprintf(p, "\"%V\"", &inner) - p;

    return ngx_http_llmbroker_openai_set(o, pool, call->function, name,
                                         NGX_HTTP_LLMBROKER_JSON_STRING, &raw);
}


/* NGX_DONE: the delta tells nothing */

static ngx_int_t
ngx_http_llmbroker_openai_call_delta(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o, ngx_pool_t *pool,
    ngx_http_llmbroker_openai_choice_t *c,
    ngx_http_llmbroker_openai_call_t *call, ngx_uint_t before)
{
    ngx_uint_t  n;

    if (c->tools == NULL) {
        c->tools = ngx_array_create(ex->pool, 2,
                                    sizeof(ngx_http_llmbroker_openai_tool_t));
        if (c->tools == NULL) {
            return NGX_ERROR;
        }
    }

    n = ngx_http_llmbroker_openai_call_find(c, call, before);

    if (n == c->tools->nelts) {
        return ngx_http_llmbroker_openai_call_open(ex, o, pool, c, call);
    }

    return ngx_http_llmbroker_openai_call_more(ex, o, pool, c, call, n);
}


/*
 * The call that a delta goes on with, or the next one.  Some servers say "" or
 * nothing where an id or a name was told, some tell them every time, some make
 * a new id each time, and some give all calls of one delta the index 0.
 *
 * before: the calls that earlier deltas have opened
 */

static ngx_uint_t
ngx_http_llmbroker_openai_call_find(ngx_http_llmbroker_openai_choice_t *c,
    ngx_http_llmbroker_openai_call_t *call, ngx_uint_t before)
{
    ngx_uint_t                         i, n;
    ngx_http_llmbroker_openai_tool_t  *tool;

    n = c->tools->nelts;
    tool = c->tools->elts;

    for (i = 0; call->id && i < n; i++) {

        if (ngx_http_llmbroker_openai_same(&tool[i].id, call->id)
            && (call->given == -1 || tool[i].given < 0
                || tool[i].given == call->given))
        {
            return i;
        }
    }

    if (call->given == -1) {

        if (n == 0 || (call->function == NULL && call->id)) {
            return n;
        }

        i = n;

    } else {

        for (i = n; i > 0; i--) {

            if (tool[i - 1].given == call->given) {
                break;
            }
        }
    }

    if (i == 0) {

        /* a call that was opened without an index has its place */

        i = call->given;

        return (call->name == NULL && i < n && tool[i].given == -1) ? i : n;
    }

    i--;

    if (call->name == NULL || tool[i].name.len == 0) {
        return i;
    }

    /*
     * A name that is told again, unless the id says that it is another call,
     * or arguments that come behind all of them.
     */

    if (i < before
        && ngx_http_llmbroker_openai_same(&tool[i].name, call->name)
        && (call->id == NULL || tool[i].invented)
        && !(tool[i].whole && ngx_http_llmbroker_openai_has_arguments(call)))
    {
        return i;
    }

    return n;
}


static ngx_uint_t
ngx_http_llmbroker_openai_has_arguments(ngx_http_llmbroker_openai_call_t *call)
{
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get(call->function, "arguments");

    return v && v->type != NGX_HTTP_LLMBROKER_JSON_NULL && v->raw.len > 2;
}


/* 1 when the raw string holds a whole JSON object */

static ngx_uint_t
ngx_http_llmbroker_openai_is_whole(ngx_http_llmbroker_json_t *v)
{
    u_char      c, *p, *last;
    ngx_str_t   inner;
    ngx_uint_t  depth, quoted, escaped;

    inner = ngx_http_llmbroker_json_inner(v);

    p = inner.data;
    last = p + inner.len;

    depth = 0;
    quoted = 0;
    escaped = 0;

    if (inner.len == 0 || *p != '{') {
        return 0;
    }

    while (p < last) {
        c = *p++;

        if (c == '\\') {
            c = *p++;
            c = (c == '"' || c == '\\') ? c : ' ';
        }

        if (escaped) {
            escaped = 0;

        } else if (c == '"') {
            quoted = !quoted;

        } else if (quoted) {
            escaped = (c == '\\');

        } else if (c == '{' || c == '[') {
            depth++;

        } else if ((c == '}' || c == ']') && --depth == 0) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_llmbroker_openai_same(ngx_str_t *raw, ngx_http_llmbroker_json_t *v)
{
    return raw->len == v->raw.len
           && ngx_memcmp(raw->data, v->raw.data, raw->len) == 0;
}


static ngx_int_t
ngx_http_llmbroker_openai_call_open(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o, ngx_pool_t *pool,
    ngx_http_llmbroker_openai_choice_t *c,
    ngx_http_llmbroker_openai_call_t *call)
{
    ngx_uint_t                         i, n;
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_openai_tool_t  *tool;

    n = c->tools->nelts;

    if (n >= NGX_HTTP_LLMBROKER_ANSWER_TOOLS) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider answered with too many tool "
                               "calls.");
    }

    /* from here on the index means the new call */

    tool = c->tools->elts;

    for (i = 0; i < n; i++) {

        if (call->given != -1 && tool[i].given == call->given) {
            tool[i].given = NGX_HTTP_LLMBROKER_OPENAI_TAKEN;
        }
    }

    tool = ngx_array_push(c->tools);
    if (tool == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(tool, sizeof(ngx_http_llmbroker_openai_tool_t));

    tool->given = call->given;
    tool->custom = call->custom;

    if (call->id) {

        if (ngx_http_llmbroker_openai_copy(ex->pool, &tool->id, call->id)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

    } else {
        tool->invented = 1;

        if (ngx_http_llmbroker_openai_random(ex->pool, "call_", &tool->id)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (call->name
        && ngx_http_llmbroker_openai_copy(ex->pool, &tool->name, call->name)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_llmbroker_openai_call_index(o, pool, call, n) != NGX_OK
        || ngx_http_llmbroker_openai_call_head(o, pool, call, &tool->id)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (call->function == NULL) {
        tool->filled = 1;
        return NGX_OK;
    }

    if (ngx_http_llmbroker_openai_arguments(o, pool, call, "\"\"")
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    v = ngx_http_llmbroker_json_get(call->function, "arguments");

    if (call->custom || ngx_http_llmbroker_openai_word(v)) {
        tool->filled = 1;
        tool->whole = ngx_http_llmbroker_openai_is_whole(v);

    } else {
        c->empty++;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_openai_call_more(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o, ngx_pool_t *pool,
    ngx_http_llmbroker_openai_choice_t *c,
    ngx_http_llmbroker_openai_call_t *call, ngx_uint_t n)
{
    ngx_uint_t                         members;
    const char                        *name;
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_openai_tool_t  *tool;

    tool = c->tools->elts;
    tool += n;

    if (ngx_http_llmbroker_openai_call_index(o, pool, call, n) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_llmbroker_openai_drop(o, call->call, "id");
    ngx_http_llmbroker_openai_drop(o, call->call, "type");

    if (call->function == NULL) {
        return (call->call->n == 1) ? NGX_DONE : NGX_OK;
    }

    if (call->name && tool->name.len == 0) {

        if (ngx_http_llmbroker_openai_copy(ex->pool, &tool->name, call->name)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

    } else {
        ngx_http_llmbroker_openai_drop(o, call->function, "name");
    }

    name = call->custom ? "input" : "arguments";
    v = ngx_http_llmbroker_json_get(call->function, name);

    if (v == NULL || v->type == NGX_HTTP_LLMBROKER_JSON_NULL
        || (ngx_http_llmbroker_openai_string(v) && v->raw.len == 2))
    {
        ngx_http_llmbroker_openai_drop(o, call->function, name);

    } else {

        if (ngx_http_llmbroker_openai_arguments(o, pool, call, "\"\"")
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (!tool->filled) {
            tool->filled = 1;
            tool->whole = ngx_http_llmbroker_openai_is_whole(
                                 ngx_http_llmbroker_json_get(call->function,
                                                             name));
            c->empty--;
        }
    }

    /* nothing but the index and an empty function */

    members = call->call->n;

    return (members == 2 && call->function->child == NULL) ? NGX_DONE : NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_openai_call_index(ngx_http_llmbroker_openai_t *o,
    ngx_pool_t *pool, ngx_http_llmbroker_openai_call_t *call, ngx_uint_t n)
{
    u_char     *p;
    ngx_str_t   raw;

    if (call->given == (ngx_int_t) n) {
        return NGX_OK;
    }

    p = ngx_pnalloc(pool, NGX_INT_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    raw.data = p;
    raw.len = ngx_sprintf(p, "%ui", n) - p;

    return ngx_http_llmbroker_openai_set(o, pool, call->call, "index",
                                         NGX_HTTP_LLMBROKER_JSON_NUMBER, &raw);
}


static ngx_int_t
ngx_http_llmbroker_openai_copy(ngx_pool_t *pool, ngx_str_t *dst,
    ngx_http_llmbroker_json_t *v)
{
    dst->data = ngx_pstrdup(pool, &v->raw);
    if (dst->data == NULL) {
        return NGX_ERROR;
    }

    dst->len = v->raw.len;

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_openai_fill(ngx_pool_t *pool,
    ngx_http_llmbroker_openai_choice_t *c, ngx_str_t *raw)
{
    u_char                            *p;
    ngx_uint_t                         i;
    ngx_http_llmbroker_openai_tool_t  *tool;

    static const char  call[] =
        "{\"index\":%ui,\"function\":{\"arguments\":\"{}\"}}";

    p = ngx_pnalloc(pool, 2 + c->empty * (sizeof(call) + NGX_INT_T_LEN));
    if (p == NULL) {
        return NGX_ERROR;
    }

    raw->data = p;
    *p++ = '[';

    tool = c->tools ? c->tools->elts : NULL;

    for (i = 0; c->empty; i++) {

        if (tool[i].filled) {
            continue;
        }

        if (p > raw->data + 1) {
            *p++ = ',';
        }

        p = ngx_sprintf(p, call, i);

        tool[i].filled = 1;
        c->empty--;
    }

    *p++ = ']';
    raw->len = p - raw->data;

    return NGX_OK;
}
