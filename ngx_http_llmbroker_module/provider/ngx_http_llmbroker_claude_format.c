
/*
 * Copyright (C) LLMBroker contributors
 *
 * Structured output of a Claude request (R70-R74): natively, by a tool that
 * the model is made to call, or by words.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_claude.h"
#include "provider/ngx_http_llmbroker_params.h"


/* what a container holds while a schema is gone over */
typedef enum {
    NGX_HTTP_LLMBROKER_CLAUDE_SCHEMA = 0,  /* keywords */
    NGX_HTTP_LLMBROKER_CLAUDE_SCHEMA_INPUT, /* those of a tool's input */
    NGX_HTTP_LLMBROKER_CLAUDE_SCHEMA_MAP,  /* schemas by name */
    NGX_HTTP_LLMBROKER_CLAUDE_SCHEMA_LIST
} ngx_http_llmbroker_claude_level_e;


typedef struct {
    ngx_http_llmbroker_claude_level_e  kind;
    ngx_http_llmbroker_json_t         *node;
    ngx_http_llmbroker_json_t         *next;
} ngx_http_llmbroker_claude_level_t;


static ngx_int_t ngx_http_llmbroker_claude_format_schema(
    ngx_http_llmbroker_claude_build_t *b, ngx_http_llmbroker_json_t *format);
static ngx_int_t ngx_http_llmbroker_claude_format_tool(
    ngx_http_llmbroker_claude_build_t *b);
static ngx_uint_t ngx_http_llmbroker_claude_may_force(
    ngx_http_llmbroker_claude_build_t *b);
static ngx_int_t ngx_http_llmbroker_claude_format_told(
    ngx_http_llmbroker_claude_build_t *b);
static void ngx_http_llmbroker_claude_write_wrapped(
    ngx_http_llmbroker_claude_build_t *b);
static ngx_uint_t ngx_http_llmbroker_claude_of_object(
    ngx_http_llmbroker_json_t *schema);
static ngx_uint_t ngx_http_llmbroker_claude_keeps(
    ngx_http_llmbroker_json_t *schema, ngx_http_llmbroker_json_t *v);
static ngx_uint_t ngx_http_llmbroker_claude_among(ngx_str_t *name,
    const ngx_str_t *names);
static void ngx_http_llmbroker_claude_keyword(
    ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_claude_level_t **level, ngx_http_llmbroker_json_t *v);
static void ngx_http_llmbroker_claude_enter(
    ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_claude_level_t **level, ngx_http_llmbroker_json_t *v);
static void ngx_http_llmbroker_claude_enter_input(
    ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_claude_level_t **level, ngx_http_llmbroker_json_t *v);
static void ngx_http_llmbroker_claude_leave(
    ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_claude_level_t *level);
static ngx_uint_t ngx_http_llmbroker_claude_may_be_object(
    ngx_http_llmbroker_json_t *schema);
static void ngx_http_llmbroker_claude_describe(
    ngx_http_llmbroker_claude_build_t *b, ngx_http_llmbroker_json_t *schema);


/* R72: keywords that are passed on, and formats of strings */

static const ngx_str_t  ngx_http_llmbroker_claude_keywords[] = {
    ngx_string("type"),
    ngx_string("required"),
    ngx_string("enum"),
    ngx_string("const"),
    ngx_string("$ref"),
    ngx_string("title"),
    ngx_null_string
};

static const ngx_str_t  ngx_http_llmbroker_claude_formats[] = {
    ngx_string("\"date-time\""),
    ngx_string("\"time\""),
    ngx_string("\"date\""),
    ngx_string("\"duration\""),
    ngx_string("\"email\""),
    ngx_string("\"hostname\""),
    ngx_string("\"uri\""),
    ngx_string("\"ipv4\""),
    ngx_string("\"ipv6\""),
    ngx_string("\"uuid\""),
    ngx_null_string
};

static const ngx_str_t  ngx_http_llmbroker_claude_maps[] = {
    ngx_string("properties"),
    ngx_string("$defs"),
    ngx_string("definitions"),
    ngx_null_string
};

static const ngx_str_t  ngx_http_llmbroker_claude_roots[] = {
    ngx_string("$defs"),
    ngx_string("definitions"),
    ngx_null_string
};

static const ngx_str_t  ngx_http_llmbroker_claude_lists[] = {
    ngx_string("anyOf"),
    ngx_string("allOf"),
    ngx_string("oneOf"),
    ngx_null_string
};


ngx_int_t
ngx_http_llmbroker_claude_format(ngx_http_llmbroker_claude_build_t *b)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *format, *type;

    if (b->ex->call != NGX_HTTP_LLMBROKER_CHAT) {
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_params_get(b->ex, "response_format",
                                       NGX_HTTP_LLMBROKER_JSON_OBJECT,
                                       &format);

    if (rc != NGX_OK || format == NULL) {
        return rc;
    }

    type = ngx_http_llmbroker_json_get(format, "type");

    /* R74 */

    if (ngx_http_llmbroker_json_is(type, "text")) {
        return NGX_OK;
    }

    if (ngx_http_llmbroker_json_is(type, "json_schema")) {
        return ngx_http_llmbroker_claude_format_schema(b, format);
    }

    if (!ngx_http_llmbroker_json_is(type, "json_object")) {
        return ngx_http_llmbroker_fault(b->ex, 400, "unsupported_value",
                               "response_format",
                               "This model does not support the format.");
    }

    /* R73 */

    if (b->tools.nelts == 0 && b->called.nelts == 0
        && ngx_http_llmbroker_claude_may_force(b))
    {
        return ngx_http_llmbroker_claude_format_tool(b);
    }

    return ngx_http_llmbroker_claude_format_told(b);
}


/* R70, R71 */

static ngx_int_t
ngx_http_llmbroker_claude_format_schema(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_json_t *format)
{
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get(format, "json_schema");

    b->schema = ngx_http_llmbroker_json_get_type(v, "schema",
                                              NGX_HTTP_LLMBROKER_JSON_OBJECT);
    b->purpose = ngx_http_llmbroker_json_get_type(v, "description",
                                              NGX_HTTP_LLMBROKER_JSON_STRING);

    if (b->schema == NULL) {
        return ngx_http_llmbroker_fault(b->ex, 400,
                               "missing_required_parameter",
                               "response_format.json_schema.schema",
                               "The format has no schema.");
    }

    if (b->model->flags & NGX_HTTP_LLMBROKER_CLAUDE_STRUCTURED) {
        b->format = NGX_HTTP_LLMBROKER_CLAUDE_NATIVE;
        return NGX_OK;
    }

    /* a client that wants a tool called in any case gets no other answer */

    if (b->forced) {
        return NGX_OK;
    }

    if (ngx_http_llmbroker_claude_may_force(b)) {
        return ngx_http_llmbroker_claude_format_tool(b);
    }

    return ngx_http_llmbroker_claude_format_told(b);
}


/* R68 */

static ngx_uint_t
ngx_http_llmbroker_claude_may_force(ngx_http_llmbroker_claude_build_t *b)
{
    return !b->active && (b->model->flags & NGX_HTTP_LLMBROKER_CLAUDE_FORCED);
}


static ngx_int_t
ngx_http_llmbroker_claude_format_tool(ngx_http_llmbroker_claude_build_t *b)
{
    ngx_str_t                    *name;
    ngx_http_llmbroker_claude_t  *c;

    c = ngx_http_llmbroker_claude_state(b->ex);
    if (c == NULL) {
        return NGX_ERROR;
    }

    name = &c->json_tool;

    ngx_str_set(name, "json_response");

    if (ngx_http_llmbroker_claude_has_tool(b, name)) {
        ngx_str_set(name, "json_response_of_llmbroker");
    }

    /* the input of a tool is an object */

    c->wrapped = (b->schema
                  && !ngx_http_llmbroker_claude_of_object(b->schema));

    b->format = NGX_HTTP_LLMBROKER_CLAUDE_BY_TOOL;

    if (b->tools.nelts && (b->choice == NULL
                           || ngx_strcmp(b->choice, "auto") == 0))
    {
        b->choice = "any";

    } else {
        b->choice = "tool";
        b->chosen = *name;
    }

    return NGX_OK;
}


/* the model is asked for it, which it may not heed: so it is named */

static ngx_int_t
ngx_http_llmbroker_claude_format_told(ngx_http_llmbroker_claude_build_t *b)
{
    ngx_http_llmbroker_claude_block_t  *block;

    static const char  object[] =
        "Answer with one JSON object only, without any text around it.";
    static const char  value[] =
        "Answer with one JSON value only, without any text around it, that is "
        "valid against this JSON Schema: ";

    block = ngx_http_llmbroker_claude_push(&b->system,
                                  NGX_HTTP_LLMBROKER_CLAUDE_PLAIN, b->schema);
    if (block == NULL) {
        return NGX_ERROR;
    }

    if (b->schema) {
        block->data.len = sizeof(value) - 1;
        block->data.data = (u_char *) value;
        block->id = b->schema->raw;

    } else {
        block->data.len = sizeof(object) - 1;
        block->data.data = (u_char *) object;
    }

    return ngx_http_llmbroker_claude_drop(b, "response_format");
}


void
ngx_http_llmbroker_claude_write_format(ngx_http_llmbroker_claude_build_t *b)
{
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->w;

    ngx_http_llmbroker_json_key(w, "format");
    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "type");
    ngx_http_llmbroker_json_text(w, "json_schema");
    ngx_http_llmbroker_json_key(w, "schema");
    ngx_http_llmbroker_claude_write_strict(b, b->schema, 0);
    ngx_http_llmbroker_json_close(w);
}


void
ngx_http_llmbroker_claude_write_format_tool(
    ngx_http_llmbroker_claude_build_t *b)
{
    ngx_http_llmbroker_claude_t       *c;
    ngx_http_llmbroker_json_writer_t  *w;

    if (b->format != NGX_HTTP_LLMBROKER_CLAUDE_BY_TOOL) {
        return;
    }

    w = &b->w;
    c = b->ex->state;

    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "name");
    ngx_http_llmbroker_json_str(w, &c->json_tool);
    ngx_http_llmbroker_json_key(w, "description");

    if (b->purpose && !ngx_http_llmbroker_params_blank(b->purpose)) {
        ngx_http_llmbroker_json_raw(w, &b->purpose->raw);

    } else {
        ngx_http_llmbroker_json_text(w, "Gives the answer.");
    }

    ngx_http_llmbroker_json_key(w, "input_schema");
    ngx_http_llmbroker_claude_write_format_schema(b);
    ngx_http_llmbroker_json_close(w);
}


void
ngx_http_llmbroker_claude_write_format_schema(
    ngx_http_llmbroker_claude_build_t *b)
{
    ngx_http_llmbroker_claude_t       *c;
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->w;
    c = b->ex->state;

    if (c->wrapped) {
        ngx_http_llmbroker_claude_write_wrapped(b);
        return;
    }

    if (b->schema) {
        ngx_http_llmbroker_claude_write_schema(b, b->schema);
        return;
    }

    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "type");
    ngx_http_llmbroker_json_text(w, "object");
    ngx_http_llmbroker_json_key(w, "additionalProperties");
    ngx_http_llmbroker_json_bool(w, 1);
    ngx_http_llmbroker_json_close(w);
}


/* R71; definitions stay at the root, which references begin from */

static void
ngx_http_llmbroker_claude_write_wrapped(ngx_http_llmbroker_claude_build_t *b)
{
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->w;

    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "type");
    ngx_http_llmbroker_json_text(w, "object");
    ngx_http_llmbroker_json_key(w, "properties");
    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "value");
    ngx_http_llmbroker_json_open(w);

    for (v = b->schema->child; v; v = v->next) {

        if (!ngx_http_llmbroker_claude_among(&v->key,
                                           ngx_http_llmbroker_claude_roots))
        {
            ngx_http_llmbroker_json_key_str(w, &v->key);
            ngx_http_llmbroker_json_raw(w, &v->raw);
        }
    }

    ngx_http_llmbroker_json_close(w);
    ngx_http_llmbroker_json_close(w);
    ngx_http_llmbroker_json_key(w, "required");
    ngx_http_llmbroker_json_open_array(w);
    ngx_http_llmbroker_json_text(w, "value");
    ngx_http_llmbroker_json_close_array(w);

    for (v = b->schema->child; v; v = v->next) {

        if (ngx_http_llmbroker_claude_among(&v->key,
                                           ngx_http_llmbroker_claude_roots))
        {
            ngx_http_llmbroker_json_key_str(w, &v->key);
            ngx_http_llmbroker_json_raw(w, &v->raw);
        }
    }

    ngx_http_llmbroker_json_close(w);
}


/* whether what a schema allows is an object and nothing else */

static ngx_uint_t
ngx_http_llmbroker_claude_of_object(ngx_http_llmbroker_json_t *schema)
{
    ngx_http_llmbroker_json_t  *type;

    type = ngx_http_llmbroker_json_get(schema, "type");

    return type ? ngx_http_llmbroker_json_is(type, "object")
                : ngx_http_llmbroker_json_get(schema, "properties") != NULL;
}


/* R72; the tree's depth bounds the levels */

void
ngx_http_llmbroker_claude_write_strict(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_json_t *schema, ngx_uint_t input)
{
    ngx_http_llmbroker_json_t          *v;
    ngx_http_llmbroker_claude_level_t  *level;
    ngx_http_llmbroker_claude_level_t
                             levels[NGX_HTTP_LLMBROKER_SCAN_MAX_DEPTH + 2];

    level = levels;

    if (input) {
        ngx_http_llmbroker_claude_enter_input(b, &level, schema);

    } else {
        ngx_http_llmbroker_claude_enter(b, &level, schema);
    }

    while (level > levels) {

        v = level->next;

        if (v == NULL) {
            ngx_http_llmbroker_claude_leave(b, level);
            level--;
            continue;
        }

        level->next = v->next;

        switch (level->kind) {

        case NGX_HTTP_LLMBROKER_CLAUDE_SCHEMA_INPUT:

            if (v->key.len == 4 && ngx_memcmp(v->key.data, "type", 4) == 0) {
                break;
            }

            /* fall through */

        case NGX_HTTP_LLMBROKER_CLAUDE_SCHEMA:
            ngx_http_llmbroker_claude_keyword(b, &level, v);
            break;

        case NGX_HTTP_LLMBROKER_CLAUDE_SCHEMA_MAP:
            ngx_http_llmbroker_json_key_str(&b->w, &v->key);
            ngx_http_llmbroker_claude_enter(b, &level, v);
            break;

        default: /* NGX_HTTP_LLMBROKER_CLAUDE_SCHEMA_LIST */
            ngx_http_llmbroker_claude_enter(b, &level, v);
            break;
        }
    }
}


static void
ngx_http_llmbroker_claude_keyword(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_claude_level_t **level, ngx_http_llmbroker_json_t *v)
{
    ngx_http_llmbroker_claude_level_t  *l;

    if (!ngx_http_llmbroker_claude_keeps((*level)->node, v)) {
        return;
    }

    if (v->key.len == 5 && ngx_memcmp(v->key.data, "oneOf", 5) == 0) {
        ngx_http_llmbroker_json_key(&b->w, "anyOf");

    } else {
        ngx_http_llmbroker_json_key_str(&b->w, &v->key);
    }

    if (v->key.len == 5 && ngx_memcmp(v->key.data, "items", 5) == 0) {
        ngx_http_llmbroker_claude_enter(b, level, v);
        return;
    }

    if (ngx_http_llmbroker_claude_among(&v->key,
                                        ngx_http_llmbroker_claude_maps))
    {
        l = ++(*level);
        l->kind = NGX_HTTP_LLMBROKER_CLAUDE_SCHEMA_MAP;
        ngx_http_llmbroker_json_open(&b->w);

    } else if (ngx_http_llmbroker_claude_among(&v->key,
                                           ngx_http_llmbroker_claude_lists))
    {
        l = ++(*level);
        l->kind = NGX_HTTP_LLMBROKER_CLAUDE_SCHEMA_LIST;
        ngx_http_llmbroker_json_open_array(&b->w);

    } else {
        ngx_http_llmbroker_json_raw(&b->w, &v->raw);
        return;
    }

    l->node = v;
    l->next = v->child;
}


/* whether a member of a schema stays one; else its description tells it */

static ngx_uint_t
ngx_http_llmbroker_claude_keeps(ngx_http_llmbroker_json_t *schema,
    ngx_http_llmbroker_json_t *v)
{
    ngx_int_t  n;

    if (ngx_http_llmbroker_claude_among(&v->key,
                                        ngx_http_llmbroker_claude_keywords))
    {
        return 1;
    }

    /* an array is a tuple's schemas, of an older draft */

    if (v->key.len == 5 && ngx_memcmp(v->key.data, "items", 5) == 0) {
        return v->type != NGX_HTTP_LLMBROKER_JSON_ARRAY;
    }

    if (ngx_http_llmbroker_claude_among(&v->key,
                                        ngx_http_llmbroker_claude_maps))
    {
        return v->type == NGX_HTTP_LLMBROKER_JSON_OBJECT;
    }

    if (ngx_http_llmbroker_claude_among(&v->key,
                                        ngx_http_llmbroker_claude_lists))
    {
        return v->type == NGX_HTTP_LLMBROKER_JSON_ARRAY
               && (v->key.data[0] != 'o'
                   || ngx_http_llmbroker_json_get(schema, "anyOf") == NULL);
    }

    if (v->key.len == 6 && ngx_memcmp(v->key.data, "format", 6) == 0) {
        return ngx_http_llmbroker_claude_among(&v->raw,
                                           ngx_http_llmbroker_claude_formats);
    }

    if (v->key.len == 8 && ngx_memcmp(v->key.data, "minItems", 8) == 0) {
        n = ngx_http_llmbroker_json_int(v, 2);
        return n == 0 || n == 1;
    }

    return 0;
}


static ngx_uint_t
ngx_http_llmbroker_claude_among(ngx_str_t *name, const ngx_str_t *names)
{
    for ( /* void */ ; names->len; names++) {
        if (names->len == name->len
            && ngx_memcmp(names->data, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static void
ngx_http_llmbroker_claude_enter(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_claude_level_t **level, ngx_http_llmbroker_json_t *v)
{
    ngx_http_llmbroker_claude_level_t  *l;

    if (v->type != NGX_HTTP_LLMBROKER_JSON_OBJECT) {
        ngx_http_llmbroker_json_raw(&b->w, &v->raw);
        return;
    }

    l = ++(*level);

    l->kind = NGX_HTTP_LLMBROKER_CLAUDE_SCHEMA;
    l->node = v;
    l->next = v->child;

    ngx_http_llmbroker_json_open(&b->w);
}


static void
ngx_http_llmbroker_claude_enter_input(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_claude_level_t **level, ngx_http_llmbroker_json_t *v)
{
    ngx_http_llmbroker_claude_level_t  *l;

    l = ++(*level);

    l->kind = NGX_HTTP_LLMBROKER_CLAUDE_SCHEMA_INPUT;
    l->node = v;
    l->next = v ? v->child : NULL;

    ngx_http_llmbroker_json_open(&b->w);
    ngx_http_llmbroker_json_key(&b->w, "type");
    ngx_http_llmbroker_json_text(&b->w, "object");

    if (ngx_http_llmbroker_json_get(v, "properties") == NULL) {
        ngx_http_llmbroker_json_key(&b->w, "properties");
        ngx_http_llmbroker_json_open(&b->w);
        ngx_http_llmbroker_json_close(&b->w);
    }
}


static void
ngx_http_llmbroker_claude_leave(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_claude_level_t *level)
{
    if (level->kind == NGX_HTTP_LLMBROKER_CLAUDE_SCHEMA_LIST) {
        ngx_http_llmbroker_json_close_array(&b->w);
        return;
    }

    if (level->kind != NGX_HTTP_LLMBROKER_CLAUDE_SCHEMA_MAP) {

        if (level->kind == NGX_HTTP_LLMBROKER_CLAUDE_SCHEMA_INPUT
            || ngx_http_llmbroker_claude_may_be_object(level->node))
        {
            ngx_http_llmbroker_json_key(&b->w, "additionalProperties");
            ngx_http_llmbroker_json_bool(&b->w, 0);
        }

        ngx_http_llmbroker_claude_describe(b, level->node);
    }

    ngx_http_llmbroker_json_close(&b->w);
}


/* "type" may be an array of types */

static ngx_uint_t
ngx_http_llmbroker_claude_may_be_object(ngx_http_llmbroker_json_t *schema)
{
    ngx_http_llmbroker_json_t  *v;

    if (ngx_http_llmbroker_json_get(schema, "properties")) {
        return 1;
    }

    v = ngx_http_llmbroker_json_get(schema, "type");

    if (v == NULL || v->type != NGX_HTTP_LLMBROKER_JSON_ARRAY) {
        return ngx_http_llmbroker_json_is(v, "object");
    }

    for (v = v->child; v; v = v->next) {

        if (ngx_http_llmbroker_json_is(v, "object")) {
            return 1;
        }
    }

    return 0;
}


/* a description, and what could not stay a keyword: "{k: v, k: v}" */

static void
ngx_http_llmbroker_claude_describe(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_json_t *schema)
{
    ngx_str_t                          text;
    ngx_uint_t                         more;
    ngx_http_llmbroker_json_t         *v, *description, *additional;
    ngx_http_llmbroker_json_writer_t  *w;

    static ngx_str_t  begin = ngx_string("{");
    static ngx_str_t  gap = ngx_string("\n\n");
    static ngx_str_t  comma = ngx_string(", ");
    static ngx_str_t  colon = ngx_string(": ");
    static ngx_str_t  end = ngx_string("}");

    w = &b->w;
    more = 0;

    description = ngx_http_llmbroker_json_get(schema, "description");
    additional = ngx_http_llmbroker_json_get(schema, "additionalProperties");

    text = ngx_http_llmbroker_json_inner(description);

    for (v = schema ? schema->child : NULL; v; v = v->next) {

        if (v == description
            || (v == additional
                && v->type == NGX_HTTP_LLMBROKER_JSON_BOOL)
            || ngx_http_llmbroker_claude_keeps(schema, v))
        {
            continue;
        }

        if (more++ == 0) {
            ngx_http_llmbroker_json_key(w, "description");
            ngx_http_llmbroker_json_open_string(w);
            ngx_http_llmbroker_json_inner_piece(w, &text);

            if (text.len) {
                ngx_http_llmbroker_json_text_piece(w, &gap);
            }

            ngx_http_llmbroker_json_text_piece(w, &begin);

        } else {
            ngx_http_llmbroker_json_text_piece(w, &comma);
        }

        ngx_http_llmbroker_json_text_piece(w, &v->key);
        ngx_http_llmbroker_json_text_piece(w, &colon);
        ngx_http_llmbroker_json_text_piece(w, &v->raw);
    }

    if (more) {
        ngx_http_llmbroker_json_text_piece(w, &end);
        ngx_http_llmbroker_json_close_string(w);

    } else {
        ngx_http_llmbroker_claude_write_raw(b, "description", description);
    }
}
