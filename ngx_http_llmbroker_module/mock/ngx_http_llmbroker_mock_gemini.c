
/*
 * Copyright (C) LLMBroker contributors
 */


/*
 * Gemini's generateContent and streamGenerateContent, after recordings of
 * 2026-07: the model stands in the path, an event is a whole answer with new
 * parts and the usage so far, a tool call comes in one piece, and the last
 * event has the finish reason.  With "quirks" calls have no id, as those of
 * older models, and the finish reason comes in an event of its own.  Streams
 * are known with "alt=sse" only.
 */


#include "mock/ngx_http_llmbroker_mock.h"


typedef struct {
    ngx_uint_t   status;
    const char  *word;
} ngx_http_llmbroker_mock_gemini_status_t;


/* of a turn of the conversation */
typedef struct {
    ngx_uint_t   model;       /* the model's, else the user's */
    ngx_uint_t   calls;
    ngx_uint_t   responses;
} ngx_http_llmbroker_mock_gemini_turn_t;


static ngx_int_t ngx_http_llmbroker_mock_gemini_read(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_gemini_parse(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_gemini_model(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_gemini_check(
    ngx_http_llmbroker_mock_ctx_t *ctx, const char *place,
    ngx_http_llmbroker_json_t *object, const char **known);
static ngx_uint_t ngx_http_llmbroker_mock_gemini_is(ngx_str_t *key,
    const char *name);
static ngx_int_t ngx_http_llmbroker_mock_gemini_contents(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_json_t *contents);
static ngx_int_t ngx_http_llmbroker_mock_gemini_content(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_json_t *content,
    ngx_uint_t i, ngx_http_llmbroker_mock_gemini_turn_t *before);
static ngx_int_t ngx_http_llmbroker_mock_gemini_parts(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_json_t *parts,
    ngx_http_llmbroker_mock_gemini_turn_t *turn);
static ngx_int_t ngx_http_llmbroker_mock_gemini_turns(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_uint_t i,
    ngx_http_llmbroker_mock_gemini_turn_t *before,
    ngx_http_llmbroker_mock_gemini_turn_t *turn);
static ngx_int_t ngx_http_llmbroker_mock_gemini_response(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_json_t *part);
static ngx_int_t ngx_http_llmbroker_mock_gemini_tools(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static void ngx_http_llmbroker_mock_gemini_choice(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_gemini_config(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_json_t *config);
static ngx_int_t ngx_http_llmbroker_mock_gemini_answer(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_gemini_next(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_gemini_text(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static void ngx_http_llmbroker_mock_gemini_thought(
    ngx_http_llmbroker_mock_string_t *s);
static void ngx_http_llmbroker_mock_gemini_call(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_uint_t i);
static void ngx_http_llmbroker_mock_gemini_end(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_mock_string_t *s,
    ngx_uint_t i, ngx_uint_t finished);
static void ngx_http_llmbroker_mock_gemini_usage(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_mock_string_t *s);
static void ngx_http_llmbroker_mock_gemini_error(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_uint_t event);


const ngx_http_llmbroker_mock_dialect_t  ngx_http_llmbroker_mock_gemini = {
    ngx_string("text/event-stream"),
    ngx_null_string,
    ngx_string("data: {\"candidates\": [{\"content\":\r\n\r\n"),
    ngx_http_llmbroker_mock_gemini_read,
    ngx_http_llmbroker_mock_gemini_answer,
    ngx_http_llmbroker_mock_gemini_next,
    ngx_http_llmbroker_mock_gemini_error
};


static const ngx_http_llmbroker_mock_gemini_status_t
    ngx_http_llmbroker_mock_gemini_statuses[] =
{
    { 400, "INVALID_ARGUMENT" },
    { 401, "UNAUTHENTICATED" },
    { 403, "PERMISSION_DENIED" },
    { 404, "NOT_FOUND" },
    { 409, "ABORTED" },
    { 429, "RESOURCE_EXHAUSTED" },
    { 499, "CANCELLED" },
    { 501, "UNIMPLEMENTED" },
    { 503, "UNAVAILABLE" },
    { 504, "DEADLINE_EXCEEDED" },
    { 0, NULL }
};


/* what is known; anything else is refused */

static const char  *ngx_http_llmbroker_mock_gemini_members[] = {
    "contents", "systemInstruction", "tools", "toolConfig",
    "generationConfig", "safetySettings", "cachedContent", "labels", NULL
};


static const char  *ngx_http_llmbroker_mock_gemini_settings[] = {
    "maxOutputTokens", "temperature", "topP", "topK", "stopSequences",
    "candidateCount", "seed", "presencePenalty", "frequencyPenalty",
    "responseMimeType", "responseSchema", "responseJsonSchema",
    "responseLogprobs", "logprobs", "responseModalities", "thinkingConfig",
    "mediaResolution", "speechConfig", "imageConfig", NULL
};


static const char  *ngx_http_llmbroker_mock_gemini_kinds[] = {
    "text", "inlineData", "fileData", "functionCall", "functionResponse",
    "executableCode", "codeExecutionResult", NULL
};


static const char  *ngx_http_llmbroker_mock_gemini_fields[] = {
    "text", "inlineData", "fileData", "functionCall", "functionResponse",
    "executableCode", "codeExecutionResult", "thought", "thoughtSignature",
    "videoMetadata", NULL
};


ngx_uint_t
ngx_http_llmbroker_mock_gemini_streams(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_str_t  *uri;

    static u_char  method[] = ":streamGenerateContent";

    uri = &ctx->request->uri;

    return uri->len > sizeof(method) - 1
           && ngx_memcmp(uri->data + uri->len - (sizeof(method) - 1), method,
                         sizeof(method) - 1)
              == 0;
}


static ngx_int_t
ngx_http_llmbroker_mock_gemini_read(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_int_t                   rc;
    ngx_str_t                   alt;
    ngx_http_llmbroker_json_t  *v;

    if (ctx->goog_key.len == 0 && ctx->bearer.len == 0) {
        return ngx_http_llmbroker_mock_refuse(ctx, 403, NULL, NULL,
                               "Method doesn't allow unregistered callers.");
    }

    if (ctx->call == NGX_HTTP_LLMBROKER_MOCK_MODELS) {
        return NGX_OK;
    }

    ctx->stream = ngx_http_llmbroker_mock_gemini_streams(ctx);

    if (ctx->stream
        && (ngx_http_arg(ctx->request, (u_char *) "alt", 3, &alt) != NGX_OK
            || alt.len != 3
            || ngx_memcmp(alt.data, "sse", 3) != 0))
    {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                               "The mock streams with \"alt=sse\" only.");
    }

    rc = ngx_http_llmbroker_mock_gemini_parse(ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ctx->call == NGX_HTTP_LLMBROKER_MOCK_EMBEDDINGS) {
        return ngx_http_llmbroker_mock_gemini_embed_read(ctx);
    }

    rc = ngx_http_llmbroker_mock_gemini_contents(ctx,
             ngx_http_llmbroker_mock_gemini_get(ctx->root, "contents"));
    if (rc != NGX_OK) {
        return rc;
    }

    v = ngx_http_llmbroker_mock_gemini_get(ctx->root, "systemInstruction");
    v = ngx_http_llmbroker_json_get(v, "parts");

    if (v) {
        ctx->prompt_words += ngx_http_llmbroker_mock_content_words(v);
        ngx_http_llmbroker_mock_content(&ctx->system, v, " ");
    }

    rc = ngx_http_llmbroker_mock_gemini_tools(ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llmbroker_mock_gemini_config(ctx,
             ngx_http_llmbroker_mock_gemini_get(ctx->root,
                                                "generationConfig"));
}


static ngx_int_t
ngx_http_llmbroker_mock_gemini_parse(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = ngx_http_llmbroker_json_parse(ctx->pool, ctx->body.data,
                                       ctx->body.len, &ctx->root);

    if (rc == NGX_ERROR
        || ngx_http_llmbroker_mock_gemini_model(ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (rc != NGX_OK || ctx->root->type != NGX_HTTP_LLMBROKER_JSON_OBJECT) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                               "Invalid JSON payload received.");
    }

    if (ctx->call == NGX_HTTP_LLMBROKER_MOCK_EMBEDDINGS) {
        return NGX_OK;
    }

    return ngx_http_llmbroker_mock_gemini_check(ctx, "", ctx->root,
                                     ngx_http_llmbroker_mock_gemini_members);
}


/* .../models/{model}:generateContent */

static ngx_int_t
ngx_http_llmbroker_mock_gemini_model(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    u_char                            *p, *last;
    ngx_str_t                         *uri;
    ngx_http_llmbroker_mock_string_t   s;

    uri = &ctx->request->uri;

    for (last = uri->data + uri->len - 1; last > uri->data; last--) {
        if (*last == ':') {
            break;
        }
    }

    for (p = last; p > uri->data; p--) {
        if (p[-1] == '/') {
            break;
        }
    }

    ngx_memzero(&s, sizeof(ngx_http_llmbroker_mock_string_t));
    s.pool = ctx->pool;

    ngx_http_llmbroker_mock_append(&s, (u_char *) "\"", 1);
    ngx_http_llmbroker_mock_escape(&s, p, last - p);
    ngx_http_llmbroker_mock_append(&s, (u_char *) "\"", 1);

    ctx->model = ngx_http_llmbroker_mock_str(&s);

    return s.failed ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_gemini_check(ngx_http_llmbroker_mock_ctx_t *ctx,
    const char *place, ngx_http_llmbroker_json_t *object, const char **known)
{
    const char                **name;
    ngx_http_llmbroker_json_t  *v;

    for (v = object->child; v; v = v->next) {

        for (name = known; *name; name++) {
            if (ngx_http_llmbroker_mock_gemini_is(&v->key, *name)) {
                break;
            }
        }

        if (*name == NULL) {
            return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                               "Invalid JSON payload received. Unknown name "
                               "\"%V\"%s: Cannot find field.",
                               &v->key, place);
        }
    }

    return NGX_OK;
}


/* the servers read names in lowerCamelCase and in snake_case */

ngx_http_llmbroker_json_t *
ngx_http_llmbroker_mock_gemini_get(ngx_http_llmbroker_json_t *object,
    const char *name)
{
    ngx_http_llmbroker_json_t  *v;

    if (object == NULL || object->type != NGX_HTTP_LLMBROKER_JSON_OBJECT) {
        return NULL;
    }

    for (v = object->child; v; v = v->next) {
        if (ngx_http_llmbroker_mock_gemini_is(&v->key, name)) {
            return v;
        }
    }

    return NULL;
}


static ngx_uint_t
ngx_http_llmbroker_mock_gemini_is(ngx_str_t *key, const char *name)
{
    size_t      i;
    ngx_uint_t  upper;

    for (i = 0, upper = 0; i < key->len; i++) {

        if (key->data[i] == '_') {
            upper = 1;
            continue;
        }

        if ((upper ? ngx_toupper(key->data[i]) : key->data[i])
            != (u_char) *name)
        {
            return 0;
        }

        name++;
        upper = 0;
    }

    return *name == '\0';
}


static ngx_int_t
ngx_http_llmbroker_mock_gemini_contents(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_json_t *contents)
{
    ngx_int_t                               rc;
    ngx_uint_t                              i;
    ngx_http_llmbroker_json_t              *content;
    ngx_http_llmbroker_mock_gemini_turn_t   turn;

    if (contents == NULL
        || contents->type != NGX_HTTP_LLMBROKER_JSON_ARRAY
        || contents->n == 0)
    {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                               "* GenerateContentRequest.contents: contents "
                               "is not specified");
    }

    ngx_memzero(&turn, sizeof(ngx_http_llmbroker_mock_gemini_turn_t));
    turn.model = 1;

    content = contents->child;

    for (i = 0; content; content = content->next, i++) {
        rc = ngx_http_llmbroker_mock_gemini_content(ctx, content, i, &turn);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (turn.calls) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                               "Please ensure that function call turn is "
                               "followed by a function response turn.");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_gemini_content(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_json_t *content, ngx_uint_t i,
    ngx_http_llmbroker_mock_gemini_turn_t *before)
{
    ngx_int_t                               rc;
    ngx_http_llmbroker_json_t              *role, *parts;
    ngx_http_llmbroker_mock_gemini_turn_t   turn;

    ngx_memzero(&turn, sizeof(ngx_http_llmbroker_mock_gemini_turn_t));

    role = ngx_http_llmbroker_json_get(content, "role");
    turn.model = ngx_http_llmbroker_json_is(role, "model");

    if (role && !turn.model && !ngx_http_llmbroker_json_is(role, "user")) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                               "Please use a valid role: user, model.");
    }

    parts = ngx_http_llmbroker_json_get_type(content, "parts",
                                             NGX_HTTP_LLMBROKER_JSON_ARRAY);

    if (parts == NULL || parts->n == 0) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                               "* GenerateContentRequest.contents[%ui].parts:"
                               " contents.parts must not be empty.", i);
    }

    ctx->prompt_words += ngx_http_llmbroker_mock_content_words(parts);

    if (!turn.model) {
        ctx->user = parts;
        ctx->tool_result = 0;
    }

    rc = ngx_http_llmbroker_mock_gemini_parts(ctx, parts, &turn);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_mock_gemini_turns(ctx, i, before, &turn);

    *before = turn;

    return rc;
}


static ngx_int_t
ngx_http_llmbroker_mock_gemini_parts(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_json_t *parts,
    ngx_http_llmbroker_mock_gemini_turn_t *turn)
{
    ngx_int_t                   rc;
    ngx_uint_t                  kinds;
    const char                **name;
    ngx_http_llmbroker_json_t  *part;

    for (part = parts->child; part; part = part->next) {

        for (name = ngx_http_llmbroker_mock_gemini_kinds, kinds = 0; *name;
             name++)
        {
            if (ngx_http_llmbroker_mock_gemini_get(part, *name)) {
                kinds++;
            }
        }

        if (kinds != 1) {
            return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                               "* GenerateContentRequest.contents: contents."
                               "parts.data: required oneof field 'data' must "
                               "have one initialized field");
        }

        rc = ngx_http_llmbroker_mock_gemini_check(ctx, " at 'contents.parts'",
                               part, ngx_http_llmbroker_mock_gemini_fields);
        if (rc != NGX_OK) {
            return rc;
        }

        if (ngx_http_llmbroker_mock_gemini_get(part, "functionCall")) {

            if (turn->calls++ == 0
                && ngx_strncmp(ctx->model.data, "\"gemini-3", 9) == 0
                && ngx_http_llmbroker_mock_gemini_get(part,
                                                      "thoughtSignature")
                   == NULL)
            {
                return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                               "Function call is missing a thought_signature "
                               "in functionCall parts.");
            }
        }

        if (ngx_http_llmbroker_mock_gemini_get(part, "functionResponse")) {
            turn->responses++;

            rc = ngx_http_llmbroker_mock_gemini_response(ctx, part);
            if (rc != NGX_OK) {
                return rc;
            }
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_gemini_turns(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_uint_t i, ngx_http_llmbroker_mock_gemini_turn_t *before,
    ngx_http_llmbroker_mock_gemini_turn_t *turn)
{
    if (turn->calls && (!turn->model || i == 0 || before->model)) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                               "Please ensure that function call turn comes "
                               "immediately after a user turn or after a "
                               "function response turn.");
    }

    if (turn->responses && before->calls == 0) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                               "Please ensure that function response turn "
                               "comes immediately after a function call "
                               "turn.");
    }

    if (turn->responses != before->calls) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                               "Please ensure that the number of function "
                               "response parts is equal to the number of "
                               "function call parts of the function call "
                               "turn.");
    }

    return NGX_OK;
}


/* what a tool said is echoed: its "result", or all of it */

static ngx_int_t
ngx_http_llmbroker_mock_gemini_response(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_json_t *part)
{
    ngx_http_llmbroker_json_t         *function, *response, *v;
    ngx_http_llmbroker_mock_string_t   s;

    function = ngx_http_llmbroker_mock_gemini_get(part, "functionResponse");

    response = ngx_http_llmbroker_json_get_type(function, "response",
                                              NGX_HTTP_LLMBROKER_JSON_OBJECT);

    if (response == NULL
        || ngx_http_llmbroker_json_get_type(function, "name",
                                            NGX_HTTP_LLMBROKER_JSON_STRING)
           == NULL)
    {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                               "* GenerateContentRequest.contents: function_"
                               "response needs a name and a response");
    }

    ctx->tool_result = 1;

    v = ngx_http_llmbroker_json_get_type(response, "result",
                                         NGX_HTTP_LLMBROKER_JSON_STRING);

    if (v && response->n == 1) {
        ctx->user = v;
        ctx->prompt_words += ngx_http_llmbroker_mock_content_words(v);
        return NGX_OK;
    }

    ngx_memzero(&s, sizeof(ngx_http_llmbroker_mock_string_t));
    s.pool = ctx->pool;

    ngx_http_llmbroker_mock_append(&s, (u_char *) "\"", 1);
    ngx_http_llmbroker_mock_escape(&s, response->raw.data, response->raw.len);
    ngx_http_llmbroker_mock_append(&s, (u_char *) "\"", 1);

    v = ngx_pcalloc(ctx->pool, sizeof(ngx_http_llmbroker_json_t));

    if (v == NULL || s.failed) {
        return NGX_ERROR;
    }

    v->type = NGX_HTTP_LLMBROKER_JSON_STRING;
    v->raw = ngx_http_llmbroker_mock_str(&s);

    ctx->user = v;
    ctx->prompt_words += ngx_http_llmbroker_mock_content_words(v);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_gemini_tools(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_http_llmbroker_json_t  *tools, *tool, *function;

    tools = ngx_http_llmbroker_json_get_type(ctx->root, "tools",
                                             NGX_HTTP_LLMBROKER_JSON_ARRAY);

    for (tool = tools ? tools->child : NULL; tool; tool = tool->next) {

        function = ngx_http_llmbroker_mock_gemini_get(tool,
                                                      "functionDeclarations");

        if (function && function->type == NGX_HTTP_LLMBROKER_JSON_ARRAY) {
            ctx->tools = function;
        }
    }

    if (ctx->tools == NULL) {
        return NGX_OK;
    }

    for (function = ctx->tools->child; function; function = function->next) {

        if (ngx_http_llmbroker_json_get_type(function, "name",
                                             NGX_HTTP_LLMBROKER_JSON_STRING)
            == NULL)
        {
            return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                               "* GenerateContentRequest.tools[0].function_"
                               "declarations: Invalid function name.");
        }

        if (ngx_http_llmbroker_mock_gemini_get(function, "parameters")
            && ngx_http_llmbroker_mock_gemini_get(function,
                                                  "parametersJsonSchema"))
        {
            return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                               "parameters and parameters_json_schema are "
                               "mutually exclusive.");
        }
    }

    ngx_http_llmbroker_mock_gemini_choice(ctx);

    return NGX_OK;
}


static void
ngx_http_llmbroker_mock_gemini_choice(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_http_llmbroker_json_t  *config, *mode, *names;

    config = ngx_http_llmbroker_mock_gemini_get(ctx->root, "toolConfig");
    config = ngx_http_llmbroker_mock_gemini_get(config,
                                                "functionCallingConfig");
    mode = ngx_http_llmbroker_json_get(config, "mode");

    if (ngx_http_llmbroker_json_is(mode, "NONE")) {
        ctx->tool_choice = NGX_HTTP_LLMBROKER_MOCK_NONE;

    } else if (ngx_http_llmbroker_json_is(mode, "ANY")) {
        ctx->tool_choice = NGX_HTTP_LLMBROKER_MOCK_ANY;

        names = ngx_http_llmbroker_mock_gemini_get(config,
                                                   "allowedFunctionNames");

        if (names && names->child) {
            ctx->tool_choice = NGX_HTTP_LLMBROKER_MOCK_NAMED;
            ctx->tool_name = names->child;
        }
    }
}


static ngx_int_t
ngx_http_llmbroker_mock_gemini_config(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_json_t *config)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *v;

    if (config == NULL) {
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_mock_gemini_check(ctx, " at 'generation_config'",
                             config, ngx_http_llmbroker_mock_gemini_settings);
    if (rc != NGX_OK) {
        return rc;
    }

    if (!ngx_http_llmbroker_mock_range(
             ngx_http_llmbroker_mock_gemini_get(config, "temperature"), 0, 2))
    {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                               "The supported range of temperature is from 0 "
                               "(inclusive) to 2.0001 (exclusive).");
    }

    if (!ngx_http_llmbroker_mock_range(
             ngx_http_llmbroker_mock_gemini_get(config, "topP"), 0, 1))
    {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                               "top_p must be in the range [0.0, 1.0].");
    }

    v = ngx_http_llmbroker_mock_gemini_get(config, "maxOutputTokens");

    if (!ngx_http_llmbroker_mock_range(v, 1, 1e9)) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                               "max_output_tokens must be positive.");
    }

    ctx->max_tokens = ngx_http_llmbroker_json_int(v, -1);

    v = ngx_http_llmbroker_mock_gemini_get(config, "candidateCount");

    if (!ngx_http_llmbroker_mock_range(v, 1,
                                       NGX_HTTP_LLMBROKER_MOCK_TEXTS))
    {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                               "The specified number of candidates is not "
                               "between 1 and 8 (inclusive).");
    }

    ctx->n = ngx_http_llmbroker_json_int(v, 1);

    ctx->stop = ngx_http_llmbroker_mock_gemini_get(config, "stopSequences");

    if (ctx->stop
        && (ctx->stop->type != NGX_HTTP_LLMBROKER_JSON_ARRAY
            || ctx->stop->n > 5))
    {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                               "The number of stop sequences must be between "
                               "0 and 5.");
    }

    v = ngx_http_llmbroker_mock_gemini_get(config, "responseMimeType");

    ctx->json_answer = ngx_http_llmbroker_json_is(v, "application/json");

    v = ngx_http_llmbroker_mock_gemini_get(config, "responseJsonSchema");

    ctx->schema = v ? v : ngx_http_llmbroker_mock_gemini_get(config,
                                                            "responseSchema");

    if (ctx->schema && !ctx->json_answer) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                               "Function calling with a response mime type: "
                               "'text/plain' is unsupported");
    }

    v = ngx_http_llmbroker_mock_gemini_get(config, "thinkingConfig");
    v = ngx_http_llmbroker_mock_gemini_get(v, "includeThoughts");

    ctx->thoughts = ngx_http_llmbroker_json_true(v);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_gemini_answer(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_uint_t                         i;
    ngx_http_llmbroker_mock_frame_t   *f;
    ngx_http_llmbroker_mock_string_t  *head, *tail;

    if (ctx->call == NGX_HTTP_LLMBROKER_MOCK_EMBEDDINGS) {
        return ngx_http_llmbroker_mock_gemini_embed(ctx);
    }

    f = &ctx->frame;
    head = &ctx->head;
    tail = &ctx->tail;

    if (ctx->call == NGX_HTTP_LLMBROKER_MOCK_MODELS) {
        ngx_http_llmbroker_mock_printf(head,
                      "{\"models\":[{\"name\":\"models/mock-model\","
                      "\"displayName\":\"Mock\","
                      "\"supportedGenerationMethods\":"
                      "[\"generateContent\"]}]}");

        if (head->failed) {
            return NGX_ERROR;
        }

        f->before = ngx_http_llmbroker_mock_str(head);

        return NGX_OK;
    }

    for (i = 0; i < ctx->ntexts; i++) {
        ctx->texts[i].sent = ctx->texts[i].length;
    }

    ngx_http_llmbroker_mock_printf(head,
                              "{\"candidates\":[{\"content\":{\"parts\":[");

    if (ctx->thoughts) {
        ngx_http_llmbroker_mock_gemini_thought(head);
        ngx_http_llmbroker_mock_printf(head, ",");
    }

    if (ctx->calls) {
        for (i = 0; i < ctx->ntexts; i++) {
            ngx_http_llmbroker_mock_printf(head, i ? "," : "");
            ngx_http_llmbroker_mock_gemini_call(ctx, i);
        }

        ngx_http_llmbroker_mock_gemini_end(ctx, tail, 0, 1);

    } else {
        f->text = &ctx->texts[0];
        f->to = f->text->length;

        ngx_http_llmbroker_mock_printf(head, "{\"text\":\"");
        ngx_http_llmbroker_mock_printf(tail, "\"}");
        ngx_http_llmbroker_mock_gemini_end(ctx, tail, 0, 1);

        for (i = 1; i < ctx->ntexts; i++) {
            ngx_http_llmbroker_mock_printf(tail,
                      ",{\"content\":{\"parts\":[{\"text\":\"%V\"}",
                      &ctx->texts[i].data);
            ngx_http_llmbroker_mock_gemini_end(ctx, tail, i, 1);
        }
    }

    ngx_http_llmbroker_mock_printf(tail, "]");
    ngx_http_llmbroker_mock_gemini_usage(ctx, tail);

    if (head->failed || tail->failed) {
        return NGX_ERROR;
    }

    f->before = ngx_http_llmbroker_mock_str(head);
    f->after = ngx_http_llmbroker_mock_str(tail);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_gemini_next(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_http_llmbroker_mock_string_t  *head, *tail;

    head = &ctx->head;
    tail = &ctx->tail;

    switch (ctx->stage) {

    case NGX_HTTP_LLMBROKER_MOCK_AT_START:
        ctx->stage = NGX_HTTP_LLMBROKER_MOCK_AT_TEXT;

        if (ctx->thoughts) {
            ngx_http_llmbroker_mock_printf(head,
                      "data: {\"candidates\": [{\"content\": {\"parts\": [");
            ngx_http_llmbroker_mock_gemini_thought(head);
            ngx_http_llmbroker_mock_gemini_end(ctx, tail, 0, 0);
            break;
        }

        return NGX_OK;

    case NGX_HTTP_LLMBROKER_MOCK_AT_TEXT:
        if (ngx_http_llmbroker_mock_gemini_text(ctx) == NGX_OK) {
            break;
        }

        ctx->stage = NGX_HTTP_LLMBROKER_MOCK_AT_FINISH;
        ctx->index = 0;

        /* fall through */

    case NGX_HTTP_LLMBROKER_MOCK_AT_FINISH:

        while (ctx->index < ctx->ntexts && ctx->texts[ctx->index].closed) {
            ctx->index++;
        }

        if (ctx->knobs->no_done || ctx->index >= ctx->ntexts) {
            return NGX_DONE;
        }

        ctx->texts[ctx->index].closed = 1;

        ngx_http_llmbroker_mock_printf(head,
                      "data: {\"candidates\": [{\"content\": {\"parts\": ["
                      "{\"text\": \"\"}");
        ngx_http_llmbroker_mock_gemini_end(ctx, tail,
                                           ctx->calls ? 0 : ctx->index, 1);
        break;

    default:
        return NGX_DONE;
    }

    ngx_http_llmbroker_mock_printf(tail, "]");
    ngx_http_llmbroker_mock_gemini_usage(ctx, tail);
    ngx_http_llmbroker_mock_printf(tail, "\r\n\r\n");

    return NGX_OK;
}


/* a call is told at once, and only the last one finishes the answer */

static ngx_int_t
ngx_http_llmbroker_mock_gemini_text(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_uint_t                         i, finished;
    ngx_http_llmbroker_mock_frame_t   *f;
    ngx_http_llmbroker_mock_string_t  *head;

    f = &ctx->frame;
    head = &ctx->head;

    if (ctx->calls) {

        if (ctx->index == ctx->ntexts) {
            return NGX_DONE;
        }

        i = ctx->index++;
        f->paced = (ctx->chunk++ != 0);

        ctx->texts[i].sent = ctx->texts[i].length;
        ctx->texts[i].closed = (i + 1 < ctx->ntexts || !ctx->knobs->quirks);

        finished = (ctx->index == ctx->ntexts && ctx->texts[i].closed);

        ngx_http_llmbroker_mock_printf(head,
                      "data: {\"candidates\": [{\"content\": {\"parts\": [");
        ngx_http_llmbroker_mock_gemini_call(ctx, i);
        ngx_http_llmbroker_mock_gemini_end(ctx, &ctx->tail, 0, finished);

        return NGX_OK;
    }

    if (ngx_http_llmbroker_mock_chunk(ctx) != NGX_OK) {
        return NGX_DONE;
    }

    i = f->text - ctx->texts;
    finished = (f->last && !ctx->knobs->quirks);

    f->text->closed = finished;

    ngx_http_llmbroker_mock_printf(head,
                      "data: {\"candidates\": [{\"content\": {\"parts\": ["
                      "{\"text\": \"");
    ngx_http_llmbroker_mock_printf(&ctx->tail, "\"}");
    ngx_http_llmbroker_mock_gemini_end(ctx, &ctx->tail, i, finished);

    return NGX_OK;
}


static void
ngx_http_llmbroker_mock_gemini_thought(ngx_http_llmbroker_mock_string_t *s)
{
    ngx_http_llmbroker_mock_printf(s,
                                   "{\"text\":\"thinking\",\"thought\":true}");
}


/* the first call of a turn has a signature */

static void
ngx_http_llmbroker_mock_gemini_call(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_uint_t i)
{
    ngx_http_llmbroker_mock_text_t    *t;
    ngx_http_llmbroker_mock_string_t  *s;

    s = &ctx->head;
    t = &ctx->texts[i];

    ngx_http_llmbroker_mock_printf(s,
                      "{\"functionCall\":{\"name\":\"%V\",\"args\":",
                      &t->name);
    ngx_http_llmbroker_mock_append(s, t->arguments.data, t->arguments.len);

    if (!ctx->knobs->quirks) {
        ngx_http_llmbroker_mock_printf(s, ",\"id\":\"call_mock_%ui\"", i);
    }

    ngx_http_llmbroker_mock_printf(s, i ? "}}"
                      : "},\"thoughtSignature\":\"c2lnbmF0dXJl\"}");
}


/* closes the parts of candidate i */

static void
ngx_http_llmbroker_mock_gemini_end(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_mock_string_t *s, ngx_uint_t i, ngx_uint_t finished)
{
    ngx_http_llmbroker_mock_printf(s, "],\"role\":\"model\"}");

    if (finished && !(ctx->stream && ctx->knobs->no_done)) {
        ngx_http_llmbroker_mock_printf(s, ",\"finishReason\":\"%s\"",
                      ctx->texts[i].finish == NGX_HTTP_LLMBROKER_MOCK_LENGTH
                      ? "MAX_TOKENS" : "STOP");
    }

    ngx_http_llmbroker_mock_printf(s, ",\"index\":%ui}", i);
}


/* what stands behind the candidates */

static void
ngx_http_llmbroker_mock_gemini_usage(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_mock_string_t *s)
{
    ngx_uint_t  i, words, thoughts;

    if (!ctx->knobs->no_usage) {

        for (i = 0, words = 0; i < ctx->ntexts; i++) {
            words += ngx_http_llmbroker_mock_told(&ctx->texts[i]);
        }

        thoughts = ctx->thoughts ? 1 : 0;

        ngx_http_llmbroker_mock_printf(s,
                      ",\"usageMetadata\":{\"promptTokenCount\":%ui,"
                      "\"candidatesTokenCount\":%ui,"
                      "\"totalTokenCount\":%ui",
                      ctx->prompt_words, words,
                      ctx->prompt_words + words + thoughts);

        if (thoughts) {
            ngx_http_llmbroker_mock_printf(s, ",\"thoughtsTokenCount\":1");
        }

        if (ctx->knobs->cached != -1) {
            ngx_http_llmbroker_mock_printf(s,
                      ",\"cachedContentTokenCount\":%i", ctx->knobs->cached);
        }

        ngx_http_llmbroker_mock_printf(s, "}");
    }

    ngx_http_llmbroker_mock_printf(s,
                      ",\"modelVersion\":%V,\"responseId\":\"resp-mock\"}",
                      &ctx->model);
}


static void
ngx_http_llmbroker_mock_gemini_error(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_uint_t event)
{
    const char                                     *word;
    const ngx_http_llmbroker_mock_gemini_status_t  *row;

    for (row = ngx_http_llmbroker_mock_gemini_statuses; row->word; row++) {
        if (row->status == ctx->status) {
            break;
        }
    }

    word = row->word;

    if (word == NULL) {
        word = (ctx->status < 500) ? "INVALID_ARGUMENT" : "INTERNAL";
    }

    ngx_http_llmbroker_mock_printf(&ctx->head,
                      "%s{\"error\":{\"code\":%ui,\"message\":\"%V\","
                      "\"status\":\"%s\"}}%s",
                      event ? "data: " : "", ctx->status, &ctx->message, word,
                      event ? "\r\n\r\n" : "");
}
