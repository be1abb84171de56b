
/*
 * Copyright (C) LLMBroker contributors
 */


/*
 * Requests of Bedrock's Converse: what is refused, and what is asked for.  A
 * signature's form is looked at; what it signs is not.
 */


#include "mock/ngx_http_llmbroker_mock.h"


#define NGX_HTTP_LLMBROKER_MOCK_BEDROCK_NAME  64


static ngx_int_t ngx_http_llmbroker_mock_bedrock_auth(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_bedrock_parse(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_bedrock_model(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_bedrock_known(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_json_t *object,
    const char **known);
static ngx_int_t ngx_http_llmbroker_mock_bedrock_config(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_bedrock_stops(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_bedrock_format(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_bedrock_system(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_bedrock_tools(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_bedrock_tool(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_json_t *tool,
    ngx_uint_t i);
static ngx_int_t ngx_http_llmbroker_mock_bedrock_choice(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_bedrock_thinking(
    ngx_http_llmbroker_mock_ctx_t *ctx);


/* what is known; anything else is refused */

static const char  *ngx_http_llmbroker_mock_bedrock_members[] = {
    "messages", "system", "inferenceConfig", "toolConfig", "guardrailConfig",
    "additionalModelRequestFields", "additionalModelResponseFieldPaths",
    "outputConfig", "performanceConfig", "promptVariables", "requestMetadata",
    "serviceTier", NULL
};


static const char  *ngx_http_llmbroker_mock_bedrock_settings[] = {
    "maxTokens", "temperature", "topP", "stopSequences", NULL
};


ngx_uint_t
ngx_http_llmbroker_mock_bedrock_streams(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_str_t  *uri;

    static u_char  method[] = "/converse-stream";

    uri = &ctx->request->uri;

    return uri->len > sizeof(method) - 1
           && ngx_memcmp(uri->data + uri->len - (sizeof(method) - 1), method,
                         sizeof(method) - 1)
              == 0;
}


ngx_int_t
ngx_http_llmbroker_mock_bedrock_read(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    static ngx_int_t  (*const steps[])(ngx_http_llmbroker_mock_ctx_t *ctx) = {
        ngx_http_llmbroker_mock_bedrock_auth,
        ngx_http_llmbroker_mock_bedrock_model,
        ngx_http_llmbroker_mock_bedrock_parse,
        ngx_http_llmbroker_mock_bedrock_config,
        ngx_http_llmbroker_mock_bedrock_format,
        ngx_http_llmbroker_mock_bedrock_system,
        ngx_http_llmbroker_mock_bedrock_tools,
        ngx_http_llmbroker_mock_bedrock_choice,
        ngx_http_llmbroker_mock_bedrock_thinking,
        ngx_http_llmbroker_mock_bedrock_messages,
        NULL
    };

    ctx->stream = ngx_http_llmbroker_mock_bedrock_streams(ctx);

    for (i = 0; steps[i]; i++) {
        rc = steps[i](ctx);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_bedrock_auth(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    u_char           *p, *last;
    ngx_str_t        *value;
    ngx_uint_t        i;
    ngx_table_elt_t  *h;

    static const char  *parts[] = {
        "AWS4-HMAC-SHA256 Credential=", "/aws4_request, SignedHeaders=",
        "host", "x-amz-date", ", Signature=", NULL
    };

    if (ctx->bearer.len) {
        return NGX_OK;
    }

    h = ctx->request->headers_in.authorization;

    if (h == NULL) {
        return ngx_http_llmbroker_mock_refuse(ctx, 403,
                                      "MissingAuthenticationTokenException",
                                      NULL, "Missing Authentication Token");
    }

    value = &h->value;

    p = value->data;
    last = p + value->len;

    for (i = 0; parts[i]; i++) {

        p = ngx_strnstr(p, (char *) parts[i], last - p);

        if (p == NULL) {
            break;
        }

        p += ngx_strlen(parts[i]);
    }

    if (parts[i] || last - p != 64 || ctx->amz_date.len != 16) {
        return ngx_http_llmbroker_mock_refuse(ctx, 403,
                                      "IncompleteSignatureException", NULL,
                                      "Authorization header or 'X-Amz-Date' "
                                      "is not as it must be.");
    }

    return NGX_OK;
}


/* .../model/{model}/converse; an ARN has "/" in it */

static ngx_int_t
ngx_http_llmbroker_mock_bedrock_model(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    u_char                            *p, *last;
    ngx_str_t                         *uri;
    ngx_http_llmbroker_mock_string_t   s;

    static u_char  model[] = "/model/";

    uri = &ctx->request->uri;
    last = uri->data + uri->len;

    while (*--last != '/') { /* void */ }

    p = ngx_strnstr(uri->data, (char *) model, last - uri->data);

    if (p == NULL || p + sizeof(model) - 1 >= last) {
        return ngx_http_llmbroker_mock_refuse(ctx, 404,
                                      "UnknownOperationException", NULL,
                                      "There is no model in the path.");
    }

    p += sizeof(model) - 1;

    ngx_memzero(&s, sizeof(ngx_http_llmbroker_mock_string_t));
    s.pool = ctx->pool;

    ngx_http_llmbroker_mock_append(&s, (u_char *) "\"", 1);
    ngx_http_llmbroker_mock_escape(&s, p, last - p);
    ngx_http_llmbroker_mock_append(&s, (u_char *) "\"", 1);

    ctx->model = ngx_http_llmbroker_mock_str(&s);

    return s.failed ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_bedrock_parse(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = ngx_http_llmbroker_json_parse(ctx->pool, ctx->body.data,
                                       ctx->body.len, &ctx->root);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc != NGX_OK || ctx->root->type != NGX_HTTP_LLMBROKER_JSON_OBJECT) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400,
                                      "SerializationException", NULL,
                                      "The request is no JSON object.");
    }

    return ngx_http_llmbroker_mock_bedrock_known(ctx, ctx->root,
                                     ngx_http_llmbroker_mock_bedrock_members);
}


static ngx_int_t
ngx_http_llmbroker_mock_bedrock_known(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_json_t *object, const char **known)
{
    const char                **name;
    ngx_http_llmbroker_json_t  *v;

    for (v = object->child; v; v = v->next) {

        for (name = known; *name; name++) {
            if (ngx_strlen(*name) == v->key.len
                && ngx_memcmp(*name, v->key.data, v->key.len) == 0)
            {
                break;
            }
        }

        if (*name == NULL) {
            return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                      "extraneous key [%V] is not permitted",
                                      &v->key);
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_bedrock_config(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_int_t                   rc;
    ngx_uint_t                  i;
    ngx_http_llmbroker_json_t  *config, *v;

    static const struct {
        const char  *name;
        double       min;
        double       max;
    } ranges[] = {
        { "maxTokens", 1, 1e6 },
        { "temperature", 0, 1 },
        { "topP", 0, 1 },
        { NULL, 0, 0 }
    };

    config = ngx_http_llmbroker_json_get(ctx->root, "inferenceConfig");

    if (config == NULL) {
        return NGX_OK;
    }

    if (config->type != NGX_HTTP_LLMBROKER_JSON_OBJECT) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                      "inferenceConfig must be an object.");
    }

    rc = ngx_http_llmbroker_mock_bedrock_known(ctx, config,
                                    ngx_http_llmbroker_mock_bedrock_settings);
    if (rc != NGX_OK) {
        return rc;
    }

    for (i = 0; ranges[i].name; i++) {
        v = ngx_http_llmbroker_json_get(config, ranges[i].name);

        if (!ngx_http_llmbroker_mock_range(v, ranges[i].min, ranges[i].max)) {
            return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                      "Value at 'inferenceConfig.%s' failed "
                                      "to satisfy constraint",
                                      ranges[i].name);
        }
    }

    v = ngx_http_llmbroker_json_get(config, "maxTokens");
    ctx->max_tokens = ngx_http_llmbroker_json_int(v, -1);

    ctx->stop = ngx_http_llmbroker_json_get(config, "stopSequences");

    return ngx_http_llmbroker_mock_bedrock_stops(ctx);
}


static ngx_int_t
ngx_http_llmbroker_mock_bedrock_stops(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_http_llmbroker_json_t  *v;

    if (ctx->stop == NULL) {
        return NGX_OK;
    }

    v = (ctx->stop->type == NGX_HTTP_LLMBROKER_JSON_ARRAY) ? ctx->stop->child
                                                           : ctx->stop;

    for ( /* void */ ; v; v = v->next) {

        if (v == ctx->stop || ngx_http_llmbroker_json_inner(v).len == 0) {
            return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                      "Value at 'inferenceConfig."
                                      "stopSequences' failed to satisfy "
                                      "constraint");
        }
    }

    return NGX_OK;
}


/* the schema is a text */

static ngx_int_t
ngx_http_llmbroker_mock_bedrock_format(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_int_t                   rc;
    ngx_str_t                   text;
    ngx_http_llmbroker_json_t  *format, *v;

    v = ngx_http_llmbroker_json_get(ctx->root, "outputConfig");
    format = ngx_http_llmbroker_json_get(v, "textFormat");

    if (format == NULL) {
        return NGX_OK;
    }

    v = ngx_http_llmbroker_json_get(format, "structure");
    v = ngx_http_llmbroker_json_get(v, "jsonSchema");
    v = ngx_http_llmbroker_json_get_type(v, "schema",
                                         NGX_HTTP_LLMBROKER_JSON_STRING);

    rc = NGX_DECLINED;

    if (v && ngx_http_llmbroker_json_is(
                 ngx_http_llmbroker_json_get(format, "type"), "json_schema"))
    {
        rc = ngx_http_llmbroker_json_string(ctx->pool, v, &text);

        if (rc == NGX_OK) {
            rc = ngx_http_llmbroker_json_parse(ctx->pool, text.data, text.len,
                                               &ctx->schema);
        }
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                      "outputConfig.textFormat must be a "
                                      "json_schema with a schema in a string");
    }

    ctx->json_answer = 1;

    return rc;
}


static ngx_int_t
ngx_http_llmbroker_mock_bedrock_system(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_str_t                   text;
    ngx_uint_t                  i;
    ngx_http_llmbroker_json_t  *system, *v;

    system = ngx_http_llmbroker_json_get(ctx->root, "system");

    if (system == NULL) {
        return NGX_OK;
    }

    if (system->type != NGX_HTTP_LLMBROKER_JSON_ARRAY) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                      "system must be a list.");
    }

    for (v = system->child, i = 0; v; v = v->next, i++) {

        text = ngx_http_llmbroker_json_inner(
                   ngx_http_llmbroker_json_get(v, "text"));

        if (ngx_http_llmbroker_mock_words(&text) == 0
            && ngx_http_llmbroker_json_get(v, "cachePoint") == NULL
            && ngx_http_llmbroker_json_get(v, "guardContent") == NULL)
        {
            return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                      "The text field in the "
                                      "SystemContentBlock object at system.%ui "
                                      "is blank. Add text to the text field, "
                                      "and try again.", i);
        }
    }

    ctx->prompt_words = ngx_http_llmbroker_mock_content_words(system);
    ngx_http_llmbroker_mock_content(&ctx->system, system, " ");

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_bedrock_tools(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_int_t                   rc;
    ngx_uint_t                  i;
    ngx_http_llmbroker_json_t  *config, *tool;

    config = ngx_http_llmbroker_json_get(ctx->root, "toolConfig");

    if (config == NULL) {
        return NGX_OK;
    }

    ctx->tools = ngx_http_llmbroker_json_get_type(config, "tools",
                                               NGX_HTTP_LLMBROKER_JSON_ARRAY);

    if (ctx->tools == NULL || ctx->tools->n == 0) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                      "Value at 'toolConfig.tools' failed to "
                                      "satisfy constraint: Member must have "
                                      "length greater than or equal to 1");
    }

    for (tool = ctx->tools->child, i = 0; tool; tool = tool->next, i++) {
        rc = ngx_http_llmbroker_mock_bedrock_tool(ctx, tool, i);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_bedrock_tool(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_json_t *tool, ngx_uint_t i)
{
    ngx_http_llmbroker_json_t  *spec, *v;

    spec = ngx_http_llmbroker_json_get(tool, "toolSpec");

    if (spec == NULL) {

        if (ngx_http_llmbroker_json_get(tool, "cachePoint")
            || ngx_http_llmbroker_json_get(tool, "systemTool"))
        {
            return NGX_OK;
        }

        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                      "toolConfig.tools.%ui is no tool.", i);
    }

    if (!ngx_http_llmbroker_mock_bedrock_name(
             ngx_http_llmbroker_json_get(spec, "name")))
    {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                      "Value at 'toolConfig.tools.%ui.member."
                                      "toolSpec.name' failed to satisfy "
                                      "constraint: Member must satisfy regular "
                                      "expression pattern: [a-zA-Z0-9_-]+", i);
    }

    v = ngx_http_llmbroker_json_get(spec, "description");

    if (v && ngx_http_llmbroker_json_inner(v).len == 0) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                      "Value at 'toolConfig.tools.%ui.member."
                                      "toolSpec.description' failed to satisfy "
                                      "constraint: Member must have length "
                                      "greater than or equal to 1", i);
    }

    v = ngx_http_llmbroker_json_get(spec, "inputSchema");
    v = ngx_http_llmbroker_json_get(v, "json");

    if (!ngx_http_llmbroker_json_is(ngx_http_llmbroker_json_get(v, "type"),
                                    "object"))
    {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                      "The value at toolConfig.tools.%ui."
                                      "toolSpec.inputSchema.json.type must be "
                                      "one of the following: object.", i);
    }

    return NGX_OK;
}


ngx_uint_t
ngx_http_llmbroker_mock_bedrock_name(ngx_http_llmbroker_json_t *v)
{
    size_t     i;
    ngx_str_t  name;

    name = ngx_http_llmbroker_json_inner(v);

    if (name.len == 0 || name.len > NGX_HTTP_LLMBROKER_MOCK_BEDROCK_NAME) {
        return 0;
    }

    for (i = 0; i < name.len; i++) {
        if (!isalnum(name.data[i]) && name.data[i] != '_'
            && name.data[i] != '-')
        {
            return 0;
        }
    }

    return 1;
}


static ngx_int_t
ngx_http_llmbroker_mock_bedrock_choice(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_http_llmbroker_json_t  *choice, *tool;

    choice = ngx_http_llmbroker_json_get(
                 ngx_http_llmbroker_json_get(ctx->root, "toolConfig"),
                 "toolChoice");

    if (choice == NULL) {
        return NGX_OK;
    }

    tool = ngx_http_llmbroker_json_get(choice, "tool");

    if (tool) {
        ctx->tool_choice = NGX_HTTP_LLMBROKER_MOCK_NAMED;
        ctx->tool_name = ngx_http_llmbroker_json_get(tool, "name");

    } else if (ngx_http_llmbroker_json_get(choice, "any")) {
        ctx->tool_choice = NGX_HTTP_LLMBROKER_MOCK_ANY;

    } else if (ngx_http_llmbroker_json_get(choice, "auto") == NULL) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                      "toolConfig.toolChoice must have one of "
                                      "the members auto, any, tool.");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_bedrock_thinking(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_http_llmbroker_json_t  *thinking, *v;

    v = ngx_http_llmbroker_json_get(ctx->root, "additionalModelRequestFields");
    thinking = ngx_http_llmbroker_json_get(v, "thinking");
    v = ngx_http_llmbroker_json_get(thinking, "type");

    if (ngx_http_llmbroker_json_is(v, "enabled")) {
        ctx->thoughts = 1;
        ctx->thoughts_shown = 1;

    } else if (ngx_http_llmbroker_json_is(v, "adaptive")) {
        ctx->thoughts = 1;
        ctx->thoughts_shown = ngx_http_llmbroker_json_is(
                                  ngx_http_llmbroker_json_get(thinking,
                                                              "display"),
                                  "summarized");
    }

    if (ctx->thoughts
        && (ctx->tool_choice == NGX_HTTP_LLMBROKER_MOCK_ANY
            || ctx->tool_choice == NGX_HTTP_LLMBROKER_MOCK_NAMED))
    {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                      "The model returned the following "
                                      "errors: Thinking may not be enabled "
                                      "when tool_choice forces tool use.");
    }

    return NGX_OK;
}
