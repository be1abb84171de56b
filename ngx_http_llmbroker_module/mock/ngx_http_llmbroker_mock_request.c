
/*
 * Copyright (C) LLMBroker contributors
 */


#include "mock/ngx_http_llmbroker_mock.h"


typedef enum {
    NGX_HTTP_LLMBROKER_MOCK_SYSTEM = 0,
    NGX_HTTP_LLMBROKER_MOCK_USER,
    NGX_HTTP_LLMBROKER_MOCK_ASSISTANT,
    NGX_HTTP_LLMBROKER_MOCK_TOOL
} ngx_http_llmbroker_mock_role_e;


typedef struct {
    const char                      *name;
    ngx_http_llmbroker_mock_role_e   role;
} ngx_http_llmbroker_mock_role_t;


static ngx_int_t ngx_http_llmbroker_mock_message(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_json_t *message,
    ngx_uint_t i, ngx_uint_t *called);
static ngx_int_t ngx_http_llmbroker_mock_check_content(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_json_t *content,
    ngx_uint_t i);
static ngx_int_t ngx_http_llmbroker_mock_compose_prompts(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_compose_calls(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_str_t *user);
static ngx_str_t ngx_http_llmbroker_mock_tool_name(
    ngx_http_llmbroker_json_t *tool);
static ngx_http_llmbroker_json_t *ngx_http_llmbroker_mock_tool_inside(
    ngx_http_llmbroker_json_t *tool);
static ngx_uint_t ngx_http_llmbroker_mock_called(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_str_t *user,
    ngx_http_llmbroker_json_t *tool);
static ngx_int_t ngx_http_llmbroker_mock_add_call(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_str_t *user,
    ngx_http_llmbroker_json_t *tool);
static ngx_http_llmbroker_json_t *ngx_http_llmbroker_mock_parameters(
    ngx_http_llmbroker_json_t *tool);
static ngx_int_t ngx_http_llmbroker_mock_add_text(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_str_t *user);
static void ngx_http_llmbroker_mock_add_answer(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_mock_string_t *s,
    ngx_str_t *user);
static void ngx_http_llmbroker_mock_add_json(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_mock_string_t *s,
    ngx_str_t *user);
static void ngx_http_llmbroker_mock_object(ngx_http_llmbroker_mock_string_t *s,
    ngx_http_llmbroker_json_t *schema, ngx_str_t *text);


static const ngx_http_llmbroker_mock_role_t
    ngx_http_llmbroker_mock_roles[] =
{
    { "user", NGX_HTTP_LLMBROKER_MOCK_USER },
    { "assistant", NGX_HTTP_LLMBROKER_MOCK_ASSISTANT },
    { "system", NGX_HTTP_LLMBROKER_MOCK_SYSTEM },
    { "developer", NGX_HTTP_LLMBROKER_MOCK_SYSTEM },
    { "tool", NGX_HTTP_LLMBROKER_MOCK_TOOL },
    { "function", NGX_HTTP_LLMBROKER_MOCK_TOOL },
    { NULL, NGX_HTTP_LLMBROKER_MOCK_USER }
};


/* the answer to every request, with "fixed" */

static ngx_str_t  ngx_http_llmbroker_mock_fixed = ngx_string(
    "The quick brown fox jumps over the lazy dog, and the lazy dog does not"
    " mind: it has seen quick brown foxes before.");


ngx_int_t ngx_cdecl
ngx_http_llmbroker_mock_refuse(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_uint_t status, const char *code, const char *param, const char *fmt,
    ...)
{
    u_char                            *p;
    va_list                            args;
    ngx_http_llmbroker_mock_string_t   s;
    u_char                             text[NGX_MAX_ERROR_STR];

    va_start(args, fmt);
    p = ngx_vslprintf(text, text + sizeof(text), fmt, args);
    va_end(args);

    ngx_memzero(&s, sizeof(ngx_http_llmbroker_mock_string_t));
    s.pool = ctx->pool;

    ngx_http_llmbroker_mock_escape(&s, text, p - text);

    if (s.failed) {
        return NGX_ERROR;
    }

    ctx->status = status;
    ctx->code = code;
    ctx->param = param;
    ctx->message = ngx_http_llmbroker_mock_str(&s);

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_llmbroker_mock_parse(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *model;

    rc = ngx_http_llmbroker_json_parse(ctx->pool, ctx->body.data,
                                       ctx->body.len, &ctx->root);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc != NGX_OK || ctx->root->type != NGX_HTTP_LLMBROKER_JSON_OBJECT) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                               "We could not parse the JSON body of your "
                               "request.");
    }

    model = ngx_http_llmbroker_json_get_type(ctx->root, "model",
                                             NGX_HTTP_LLMBROKER_JSON_STRING);

    if (model == NULL || model->raw.len <= 2) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, "model",
                                        "you must provide a model parameter");
    }

    ctx->model = model->raw;

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_mock_messages(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_json_t *messages)
{
    ngx_int_t                   rc;
    ngx_uint_t                  i, called;
    ngx_http_llmbroker_json_t  *message;

    if (messages == NULL) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400,
                                   "missing_required_parameter", "messages",
                                   "Missing required parameter: 'messages'.");
    }

    if (messages->type != NGX_HTTP_LLMBROKER_JSON_ARRAY) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, "invalid_type",
                                   "messages",
                                   "Invalid type for 'messages': expected an "
                                   "array of objects.");
    }

    if (messages->n == 0) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, "empty_array",
                                   "messages",
                                   "Invalid 'messages': empty array. Expected "
                                   "an array with minimum length 1.");
    }

    called = 0;

    for (message = messages->child, i = 0; message;
         message = message->next, i++)
    {
        rc = ngx_http_llmbroker_mock_message(ctx, message, i, &called);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_message(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_json_t *message, ngx_uint_t i, ngx_uint_t *called)
{
    ngx_int_t                              rc;
    ngx_http_llmbroker_json_t             *role, *content, *calls;
    const ngx_http_llmbroker_mock_role_t  *row;

    role = ngx_http_llmbroker_json_get(message, "role");

    for (row = ngx_http_llmbroker_mock_roles; row->name; row++) {
        if (ngx_http_llmbroker_json_is(role, row->name)) {
            break;
        }
    }

    if (row->name == NULL) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, "invalid_value",
                                   "messages",
                                   "Invalid value for 'messages[%ui].role'.",
                                   i);
    }

    content = ngx_http_llmbroker_json_get(message, "content");
    calls = ngx_http_llmbroker_json_get_type(message, "tool_calls",
                                             NGX_HTTP_LLMBROKER_JSON_ARRAY);

    if (content == NULL || content->type == NGX_HTTP_LLMBROKER_JSON_NULL) {

        if (row->role != NGX_HTTP_LLMBROKER_MOCK_ASSISTANT
            || (calls == NULL
                && ngx_http_llmbroker_json_get(message, "function_call")
                   == NULL
                && ngx_http_llmbroker_json_get(message, "refusal") == NULL))
        {
            return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, "messages",
                                   "Invalid value for 'content' of "
                                   "messages[%ui]: expected a string, got "
                                   "null.", i);
        }

        content = NULL;

    } else {
        rc = ngx_http_llmbroker_mock_check_content(ctx, content, i);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    ctx->prompt_words += ngx_http_llmbroker_mock_content_words(content);

    switch (row->role) {

    case NGX_HTTP_LLMBROKER_MOCK_SYSTEM:
        if (ctx->system.pos != ctx->system.start) {
            ngx_http_llmbroker_mock_append(&ctx->system, (u_char *) " ", 1);
        }

        ngx_http_llmbroker_mock_content(&ctx->system, content, " ");
        break;

    case NGX_HTTP_LLMBROKER_MOCK_USER:
        ctx->user = content;
        ctx->tool_result = 0;
        *called = 0;
        break;

    case NGX_HTTP_LLMBROKER_MOCK_TOOL:
        if (!*called) {
            return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, "messages",
                                   "Invalid parameter: messages with role "
                                   "'tool' must be a response to a preceding "
                                   "message with 'tool_calls'.");
        }

        ctx->user = content;
        ctx->tool_result = 1;
        break;

    case NGX_HTTP_LLMBROKER_MOCK_ASSISTANT:
        *called = (calls != NULL
                   || ngx_http_llmbroker_json_get(message, "function_call"));
        break;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_check_content(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_json_t *content, ngx_uint_t i)
{
    ngx_http_llmbroker_json_t  *part;

    if (content->type == NGX_HTTP_LLMBROKER_JSON_STRING) {
        return NGX_OK;
    }

    if (content->type == NGX_HTTP_LLMBROKER_JSON_ARRAY && content->n) {

        for (part = content->child; part; part = part->next) {
            if (part->type != NGX_HTTP_LLMBROKER_JSON_OBJECT) {
                break;
            }
        }

        if (part == NULL) {
            return NGX_OK;
        }
    }

    return ngx_http_llmbroker_mock_refuse(ctx, 400, "invalid_type", "messages",
                                   "Invalid type for 'messages[%ui].content': "
                                   "expected one of a string or array of "
                                   "objects.", i);
}


ngx_int_t
ngx_http_llmbroker_mock_tools(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_json_t *object)
{
    ngx_http_llmbroker_json_t  *choice, *tool;

    ctx->tools = ngx_http_llmbroker_json_get_type(object, "tools",
                                               NGX_HTTP_LLMBROKER_JSON_ARRAY);
    choice = ngx_http_llmbroker_json_get(object, "tool_choice");

    if (choice && choice->type == NGX_HTTP_LLMBROKER_JSON_NULL) {
        choice = NULL;
    }

    if (choice && ctx->tools == NULL) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, "tool_choice",
                                   "Invalid value for 'tool_choice': "
                                   "'tool_choice' is only allowed when "
                                   "'tools' are specified.");
    }

    if (ngx_http_llmbroker_json_is(choice, "none")) {
        ctx->tool_choice = NGX_HTTP_LLMBROKER_MOCK_NONE;

    } else if (ngx_http_llmbroker_json_is(choice, "required")) {
        ctx->tool_choice = NGX_HTTP_LLMBROKER_MOCK_ANY;

    } else {
        ctx->tool_name = ngx_http_llmbroker_json_get(
                             ngx_http_llmbroker_json_get(choice, "function"),
                             "name");

        if (ctx->tool_name) {
            ctx->tool_choice = NGX_HTTP_LLMBROKER_MOCK_NAMED;
        }
    }

    if (ctx->tools == NULL) {
        return NGX_OK;
    }

    for (tool = ctx->tools->child; tool; tool = tool->next) {

        if (ngx_http_llmbroker_json_get_type(
                ngx_http_llmbroker_json_get(tool, "function"), "name",
                NGX_HTTP_LLMBROKER_JSON_STRING)
            == NULL
            && !ngx_http_llmbroker_json_is(
                   ngx_http_llmbroker_json_get(tool, "type"), "custom"))
        {
            return ngx_http_llmbroker_mock_refuse(ctx, 400,
                                   "missing_required_parameter", "tools",
                                   "Missing required parameter: "
                                   "'tools[].function.name'.");
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_mock_format(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_json_t *messages, ngx_http_llmbroker_json_t *format)
{
    ngx_str_t                  *text;
    ngx_http_llmbroker_json_t  *type;

    type = ngx_http_llmbroker_json_get(format, "type");

    if (ngx_http_llmbroker_json_is(type, "json_schema")) {

        format = ngx_http_llmbroker_json_get(format, "json_schema");
        ctx->schema = ngx_http_llmbroker_json_get(format, "schema");

        if (ctx->schema == NULL) {
            return ngx_http_llmbroker_mock_refuse(ctx, 400,
                                   "missing_required_parameter",
                                   "response_format.json_schema",
                                   "Missing required parameter: "
                                   "'response_format.json_schema.schema'.");
        }

        ctx->json_answer = 1;
        return NGX_OK;
    }

    if (!ngx_http_llmbroker_json_is(type, "json_object")) {
        return NGX_OK;
    }

    /* the messages have to speak of it (C11) */

    text = &messages->raw;

    if (ngx_strlcasestrn(text->data, text->data + text->len,
                         (u_char *) "json", 4 - 1)
        == NULL)
    {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, "messages",
                                   "'messages' must contain the word 'json' "
                                   "in some form, to use 'response_format' "
                                   "of type 'json_object'.");
    }

    ctx->json_answer = 1;

    return NGX_OK;
}


ngx_uint_t
ngx_http_llmbroker_mock_range(ngx_http_llmbroker_json_t *v, double min,
    double max)
{
    double  n;
    u_char  text[64];

    if (v == NULL || v->type == NGX_HTTP_LLMBROKER_JSON_NULL) {
        return 1;
    }

    if (v->type != NGX_HTTP_LLMBROKER_JSON_NUMBER
        || v->raw.len >= sizeof(text))
    {
        return 0;
    }

    ngx_cpystrn(text, v->raw.data, v->raw.len + 1);

    n = strtod((char *) text, NULL);

    return n >= min && n <= max;
}


ngx_int_t
ngx_http_llmbroker_mock_compose(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_int_t                         rc;
    ngx_str_t                         user;
    ngx_uint_t                        i;
    ngx_http_llmbroker_mock_string_t  s;

    if (ctx->call == NGX_HTTP_LLMBROKER_MOCK_COMPLETIONS
        && !ctx->knobs->fixed)
    {
        return ngx_http_llmbroker_mock_compose_prompts(ctx);
    }

    ngx_memzero(&s, sizeof(ngx_http_llmbroker_mock_string_t));
    s.pool = ctx->pool;

    ngx_http_llmbroker_mock_content(&s, ctx->user, "");

    if (s.failed) {
        return NGX_ERROR;
    }

    user = ngx_http_llmbroker_mock_str(&s);

    if (ctx->knobs->script) {
        rc = ngx_http_llmbroker_mock_script(ctx, &user);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (ctx->tools) {
        rc = ngx_http_llmbroker_mock_compose_calls(ctx, &user);
        if (rc != NGX_OK) {
            return rc;
        }

        if (ctx->calls) {
            return NGX_OK;
        }
    }

    for (i = 0; i < ctx->n; i++) {
        if (ngx_http_llmbroker_mock_add_text(ctx, &user) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* Choice number "prompt * n + i" answers to a prompt. */

static ngx_int_t
ngx_http_llmbroker_mock_compose_prompts(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_int_t                   rc;
    ngx_str_t                   text;
    ngx_uint_t                  i;
    ngx_http_llmbroker_json_t  *prompt, *v;

    prompt = ctx->user;

    /* an array of numbers is one prompt */

    v = (prompt->type == NGX_HTTP_LLMBROKER_JSON_ARRAY && prompt->child
         && prompt->child->type != NGX_HTTP_LLMBROKER_JSON_NUMBER)
        ? prompt->child : prompt;

    for ( /* void */ ; v; v = v->next) {

        /* token numbers are echoed as they stand: they need no escapes */

        text = (v->type == NGX_HTTP_LLMBROKER_JSON_STRING)
               ? ngx_http_llmbroker_json_inner(v) : v->raw;

        if (ctx->knobs->script) {
            rc = ngx_http_llmbroker_mock_script(ctx, &text);
            if (rc != NGX_OK) {
                return rc;
            }
        }

        for (i = 0; i < ctx->n; i++) {
            if (ngx_http_llmbroker_mock_add_text(ctx, &text) != NGX_OK) {
                return NGX_ERROR;
            }
        }

        if (v == prompt) {
            break;
        }
    }

    return NGX_OK;
}


/*
 * Calls the tools that the user speaks of.  Who is forced and knows none takes
 * the first, or the last when there is a result already: a tool for the final
 * answer stands behind the others (R71).
 */

static ngx_int_t
ngx_http_llmbroker_mock_compose_calls(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_str_t *user)
{
    ngx_http_llmbroker_json_t  *tool, *forced;

    if (ctx->tool_choice == NGX_HTTP_LLMBROKER_MOCK_NONE) {
        return NGX_OK;
    }

    forced = NULL;

    for (tool = ctx->tools->child; tool; tool = tool->next) {

        if (ngx_http_llmbroker_mock_tool_name(tool).len == 0) {
            continue;
        }

        if (forced == NULL || ctx->tool_result) {
            forced = tool;
        }

        if (ctx->ntexts < NGX_HTTP_LLMBROKER_MOCK_TEXTS
            && ngx_http_llmbroker_mock_called(ctx, user, tool)
            && ngx_http_llmbroker_mock_add_call(ctx, user, tool) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (ctx->tool_choice == NGX_HTTP_LLMBROKER_MOCK_ANY && forced
        && !ctx->calls)
    {
        return ngx_http_llmbroker_mock_add_call(ctx, user, forced);
    }

    return NGX_OK;
}


static ngx_str_t
ngx_http_llmbroker_mock_tool_name(ngx_http_llmbroker_json_t *tool)
{
    return ngx_http_llmbroker_json_inner(
               ngx_http_llmbroker_json_get(
                   ngx_http_llmbroker_mock_tool_inside(tool), "name"));
}


/* what a tool of OpenAI's or Bedrock's form has inside, others itself */

static ngx_http_llmbroker_json_t *
ngx_http_llmbroker_mock_tool_inside(ngx_http_llmbroker_json_t *tool)
{
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get(tool, "function");

    if (v == NULL) {
        v = ngx_http_llmbroker_json_get(tool, "toolSpec");
    }

    return v ? v : tool;
}


static ngx_uint_t
ngx_http_llmbroker_mock_called(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_str_t *user, ngx_http_llmbroker_json_t *tool)
{
    u_char     *p, *last;
    ngx_str_t   name, forced;

    name = ngx_http_llmbroker_mock_tool_name(tool);

    if (ctx->tool_choice == NGX_HTTP_LLMBROKER_MOCK_NAMED) {
        forced = ngx_http_llmbroker_json_inner(ctx->tool_name);

        return forced.len == name.len
               && ngx_memcmp(forced.data, name.data, name.len) == 0;
    }

    if (ctx->tool_result) {
        return 0;
    }

    p = user->data;
    last = p + user->len;

    while ((p = ngx_strnstr(p, "call ", last - p)) != NULL) {

        p += sizeof("call ") - 1;

        if ((size_t) (last - p) < name.len) {
            break;
        }

        if (ngx_memcmp(p, name.data, name.len) != 0) {
            continue;
        }

        if (p + name.len == last
            || (!isalnum(p[name.len]) && p[name.len] != '_'
                && p[name.len] != '-'))
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_llmbroker_mock_add_call(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_str_t *user, ngx_http_llmbroker_json_t *tool)
{
    ngx_str_t                          request;
    ngx_http_llmbroker_mock_text_t    *t;
    ngx_http_llmbroker_mock_string_t   s;

    t = &ctx->texts[ctx->ntexts++];

    ngx_memzero(&s, sizeof(ngx_http_llmbroker_mock_string_t));
    s.pool = ctx->pool;

    if (ctx->knobs->echo_request) {
        ngx_http_llmbroker_mock_echo(ctx, &s);

        request = ngx_http_llmbroker_mock_str(&s);

        ngx_memzero(&s, sizeof(ngx_http_llmbroker_mock_string_t));
        s.pool = ctx->pool;

        ngx_http_llmbroker_mock_object(&s, NULL, &request);

    } else {
        ngx_http_llmbroker_mock_object(&s,
                            ngx_http_llmbroker_mock_parameters(tool), user);
    }

    t->arguments = ngx_http_llmbroker_mock_str(&s);

    ngx_memzero(&s, sizeof(ngx_http_llmbroker_mock_string_t));
    s.pool = ctx->pool;

    ngx_http_llmbroker_mock_escape(&s, t->arguments.data, t->arguments.len);

    if (t->arguments.data == NULL || s.failed) {
        return NGX_ERROR;
    }

    t->name = ngx_http_llmbroker_mock_tool_name(tool);
    t->data = ngx_http_llmbroker_mock_str(&s);
    t->length = t->data.len;
    t->words = ngx_http_llmbroker_mock_words(&t->data);
    t->finish = NGX_HTTP_LLMBROKER_MOCK_TOOLS;

    ctx->calls = 1;

    return NGX_OK;
}


/* What a tool of any dialect takes. */

static ngx_http_llmbroker_json_t *
ngx_http_llmbroker_mock_parameters(ngx_http_llmbroker_json_t *tool)
{
    ngx_uint_t                  i;
    ngx_http_llmbroker_json_t  *v;

    static const char  *names[] = {
        "parameters", "input_schema", "parametersJsonSchema", "inputSchema",
        NULL
    };

    tool = ngx_http_llmbroker_mock_tool_inside(tool);

    for (i = 0, v = NULL; names[i] && v == NULL; i++) {
        v = ngx_http_llmbroker_json_get(tool, names[i]);
    }

    /* Bedrock's is {"json": schema} */

    tool = ngx_http_llmbroker_json_get(v, "json");

    return tool ? tool : v;
}


static ngx_int_t
ngx_http_llmbroker_mock_add_text(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_str_t *user)
{
    ngx_http_llmbroker_mock_text_t    *t;
    ngx_http_llmbroker_mock_string_t   s;

    t = &ctx->texts[ctx->ntexts];

    if (ctx->knobs->size != -1) {

        /* a buffered answer has room for one filler */

        if (ctx->ntexts == 0) {
            ctx->ntexts++;
            ngx_http_llmbroker_mock_filler(t, ctx->knobs->size,
                                           ctx->knobs->varied);
        }

        return NGX_OK;
    }

    ctx->ntexts++;

    if (ctx->knobs->fixed && !ctx->knobs->echo_request) {
        t->data = ngx_http_llmbroker_mock_fixed;
        t->length = t->data.len;
        t->words = 23;
        return NGX_OK;
    }

    ngx_memzero(&s, sizeof(ngx_http_llmbroker_mock_string_t));
    s.pool = ctx->pool;

    if (ctx->knobs->echo_request) {
        ngx_http_llmbroker_mock_echo(ctx, &s);

    } else if (ctx->json_answer) {
        ngx_http_llmbroker_mock_add_json(ctx, &s, user);

    } else {
        ngx_http_llmbroker_mock_add_answer(ctx, &s, user);
    }

    if (s.failed) {
        return NGX_ERROR;
    }

    t->data = ngx_http_llmbroker_mock_str(&s);
    t->length = t->data.len;

    if (ctx->knobs->echo_request) {
        t->words = ngx_http_llmbroker_mock_words(&t->data);
        return NGX_OK;
    }

    if (ngx_http_llmbroker_mock_stop(ctx->pool, t, ctx->stop) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_llmbroker_mock_cut(t, ctx->max_tokens);

    return NGX_OK;
}


static void
ngx_http_llmbroker_mock_add_answer(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_mock_string_t *s, ngx_str_t *user)
{
    size_t     size;
    ngx_str_t  system;

    system = ngx_http_llmbroker_mock_str(&ctx->system);

    size = system.len + user->len + 64;

    s->start = ngx_pnalloc(ctx->pool, size);
    if (s->start == NULL) {
        s->failed = 1;
        return;
    }

    s->pos = s->start;
    s->end = s->start + size;

    if (system.len) {
        ngx_http_llmbroker_mock_printf(s, "[system: %V] ", &system);
    }

    ngx_http_llmbroker_mock_append(s, (u_char *) "echo: ", 6);
    ngx_http_llmbroker_mock_append(s, user->data, user->len);
}


/* An answer that is JSON, escaped. */

static void
ngx_http_llmbroker_mock_add_json(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_mock_string_t *s, ngx_str_t *user)
{
    ngx_str_t                         value;
    ngx_http_llmbroker_mock_string_t  json;

    ngx_memzero(&json, sizeof(ngx_http_llmbroker_mock_string_t));
    json.pool = ctx->pool;

    if (ctx->schema) {
        ngx_http_llmbroker_mock_value(&json, ctx->schema, user);

    } else {
        ngx_http_llmbroker_mock_object(&json, NULL, user);
    }

    value = ngx_http_llmbroker_mock_str(&json);

    ngx_http_llmbroker_mock_escape(s, value.data, value.len);

    s->failed |= json.failed;
}


/* An object of a schema; one that says nothing of its members has a text. */

static void
ngx_http_llmbroker_mock_object(ngx_http_llmbroker_mock_string_t *s,
    ngx_http_llmbroker_json_t *schema, ngx_str_t *text)
{
    if (ngx_http_llmbroker_json_get(schema, "properties")
        || ngx_http_llmbroker_json_get(schema, "$ref"))
    {
        ngx_http_llmbroker_mock_value(s, schema, text);
        return;
    }

    ngx_http_llmbroker_mock_append(s, (u_char *) "{\"text\":\"", 9);
    ngx_http_llmbroker_mock_append(s, text->data, text->len);
    ngx_http_llmbroker_mock_append(s, (u_char *) "\"}", 2);
}


ngx_uint_t
ngx_http_llmbroker_mock_answer_words(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_uint_t  i, n;

    for (i = 0, n = 0; i < ctx->ntexts; i++) {
        n += ctx->texts[i].words;
    }

    return n;
}


void
ngx_http_llmbroker_mock_echo(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_mock_string_t *s)
{
    ngx_uint_t           i;
    ngx_list_part_t     *part;
    ngx_table_elt_t     *h;
    ngx_http_request_t  *r;

    r = ctx->request;

    ngx_http_llmbroker_mock_escape(s, r->method_name.data, r->method_name.len);
    ngx_http_llmbroker_mock_append(s, (u_char *) " ", 1);
    ngx_http_llmbroker_mock_escape(s, r->unparsed_uri.data,
                                   r->unparsed_uri.len);
    ngx_http_llmbroker_mock_append(s, (u_char *) "\\n", 2);

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        ngx_http_llmbroker_mock_escape(s, h[i].key.data, h[i].key.len);
        ngx_http_llmbroker_mock_append(s, (u_char *) ": ", 2);
        ngx_http_llmbroker_mock_escape(s, h[i].value.data, h[i].value.len);
        ngx_http_llmbroker_mock_append(s, (u_char *) "\\n", 2);
    }

    ngx_http_llmbroker_mock_append(s, (u_char *) "\\n", 2);
    ngx_http_llmbroker_mock_escape(s, ctx->body.data, ctx->body.len);
}
