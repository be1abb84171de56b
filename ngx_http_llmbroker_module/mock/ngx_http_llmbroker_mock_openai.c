
/*
 * Copyright (C) LLMBroker contributors
 */


/*
 * OpenAI: chat completions, completions, embeddings and models, after the API
 * reference of 2026-08; with "quirks" a stream and its tool calls deviate the
 * way DashScope's compatible mode does (C16 to C18).
 */


#include "mock/ngx_http_llmbroker_mock.h"


typedef struct {
    ngx_uint_t   status;
    const char  *type;
    const char  *code;
} ngx_http_llmbroker_mock_openai_error_t;


static ngx_int_t ngx_http_llmbroker_mock_openai_read(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_openai_read_options(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_openai_read_prompt(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_uint_t ngx_http_llmbroker_mock_openai_one_prompt(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_json_t *v);
static ngx_int_t ngx_http_llmbroker_mock_openai_read_input(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_openai_answer(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static void ngx_http_llmbroker_mock_openai_choices(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static void ngx_http_llmbroker_mock_openai_calls(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_openai_embeddings(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static void ngx_http_llmbroker_mock_openai_models(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static void ngx_http_llmbroker_mock_openai_model(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_str_t *id);
static void ngx_http_llmbroker_mock_openai_usage(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_mock_string_t *s);
static const char *ngx_http_llmbroker_mock_openai_finish(
    ngx_http_llmbroker_mock_text_t *t);
static ngx_int_t ngx_http_llmbroker_mock_openai_next(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static void ngx_http_llmbroker_mock_openai_start(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_openai_text(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static void ngx_http_llmbroker_mock_openai_call_start(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_uint_t i);
static void ngx_http_llmbroker_mock_openai_call(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_uint_t i);
static void ngx_http_llmbroker_mock_openai_end_choice(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static void ngx_http_llmbroker_mock_openai_open(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_uint_t i);
static void ngx_http_llmbroker_mock_openai_close(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_mock_string_t *s,
    ngx_http_llmbroker_mock_text_t *finished);
static void ngx_http_llmbroker_mock_openai_error(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_uint_t event);


const ngx_http_llmbroker_mock_dialect_t  ngx_http_llmbroker_mock_openai = {
    ngx_string("text/event-stream; charset=utf-8"),
    ngx_string("x-request-id"),
    ngx_string("data: {\"id\":\"chatcmpl-mock\",\"choices\":[{\"index\":0,"
               "\"delta\":{\"content\":\"cut\n\n"),
    ngx_http_llmbroker_mock_openai_read,
    ngx_http_llmbroker_mock_openai_answer,
    ngx_http_llmbroker_mock_openai_next,
    ngx_http_llmbroker_mock_openai_error
};


static const ngx_http_llmbroker_mock_openai_error_t
    ngx_http_llmbroker_mock_openai_errors[] =
{
    { 401, "invalid_request_error", "invalid_api_key" },
    { 403, "invalid_request_error", "unsupported_country_region_territory" },
    { 404, "invalid_request_error", "model_not_found" },
    { 429, "requests", "rate_limit_exceeded" },
    { 503, "service_unavailable", NULL },
    { 0, NULL, NULL }
};


static ngx_int_t
ngx_http_llmbroker_mock_openai_read(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ctx->bearer.len == 0) {
        return ngx_http_llmbroker_mock_refuse(ctx, 401, NULL, NULL,
                             "You didn't provide an API key. You need to "
                             "provide your API key in an Authorization header "
                             "using Bearer auth.");
    }

    if (ctx->call == NGX_HTTP_LLMBROKER_MOCK_MODELS) {
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_mock_parse(ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ctx->call == NGX_HTTP_LLMBROKER_MOCK_EMBEDDINGS) {
        return ngx_http_llmbroker_mock_openai_read_input(ctx);
    }

    rc = ngx_http_llmbroker_mock_openai_read_options(ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ctx->call == NGX_HTTP_LLMBROKER_MOCK_COMPLETIONS) {
        return ngx_http_llmbroker_mock_openai_read_prompt(ctx);
    }

    rc = ngx_http_llmbroker_mock_messages(ctx,
                           ngx_http_llmbroker_json_get(ctx->root, "messages"));
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_mock_format(ctx,
                           ngx_http_llmbroker_json_get(ctx->root, "messages"),
                           ngx_http_llmbroker_json_get(ctx->root,
                                                       "response_format"));
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llmbroker_mock_tools(ctx, ctx->root);
}


static ngx_int_t
ngx_http_llmbroker_mock_openai_read_options(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_http_llmbroker_json_t  *root, *v;

    root = ctx->root;

    v = ngx_http_llmbroker_json_get(root, "stream");

    if (v && v->type != NGX_HTTP_LLMBROKER_JSON_BOOL
        && v->type != NGX_HTTP_LLMBROKER_JSON_NULL)
    {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, "invalid_type",
                                   "stream",
                                   "Invalid type for 'stream': expected a "
                                   "boolean.");
    }

    ctx->stream = ngx_http_llmbroker_json_true(v);

    v = ngx_http_llmbroker_json_get_type(root, "stream_options",
                                         NGX_HTTP_LLMBROKER_JSON_OBJECT);
    if (v && !ctx->stream) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL,
                                   "stream_options",
                                   "The 'stream_options' parameter is only "
                                   "allowed when 'stream' is enabled.");
    }

    ctx->usage = ngx_http_llmbroker_json_true(
                            ngx_http_llmbroker_json_get(v, "include_usage"));

    v = ngx_http_llmbroker_json_get(root, "max_completion_tokens");

    if (v == NULL || v->type == NGX_HTTP_LLMBROKER_JSON_NULL) {
        v = ngx_http_llmbroker_json_get(root, "max_tokens");
    }

    if (!ngx_http_llmbroker_mock_range(v, 0, 1e9)) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400,
                                   "integer_below_min_value", "max_tokens",
                                   "Invalid 'max_tokens': integer below "
                                   "minimum value.");
    }

    ctx->max_tokens = ngx_http_llmbroker_json_int(v, -1);

    ctx->thoughts = ngx_http_llmbroker_json_true(
                         ngx_http_llmbroker_json_get(root, "enable_thinking"));

    v = ngx_http_llmbroker_json_get(root, "n");

    if (!ngx_http_llmbroker_mock_range(v, 1, NGX_HTTP_LLMBROKER_MOCK_TEXTS)) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, "n",
                                   "Invalid 'n': expected an integer from 1 "
                                   "to %d.", NGX_HTTP_LLMBROKER_MOCK_TEXTS);
    }

    ctx->n = ngx_http_llmbroker_json_int(v, 1);

    if (!ngx_http_llmbroker_mock_range(
             ngx_http_llmbroker_json_get(root, "temperature"), 0, 2))
    {
        return ngx_http_llmbroker_mock_refuse(ctx, 400,
                                   "decimal_above_max_value", "temperature",
                                   "Invalid 'temperature': expected a value "
                                   "from 0 to 2.");
    }

    ctx->stop = ngx_http_llmbroker_json_get(root, "stop");

    if (ctx->stop && ctx->stop->n > 4) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400,
                                   "array_above_max_length", "stop",
                                   "Invalid 'stop': array too long. Expected "
                                   "an array with maximum length 4.");
    }

    return NGX_OK;
}


/* A string, an array of numbers, or an array of either. */

static ngx_int_t
ngx_http_llmbroker_mock_openai_read_prompt(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_uint_t                  n;
    ngx_http_llmbroker_json_t  *prompt, *v;

    prompt = ngx_http_llmbroker_json_get(ctx->root, "prompt");

    if (ngx_http_llmbroker_mock_openai_one_prompt(ctx, prompt)) {
        n = 1;

    } else if (prompt && prompt->type == NGX_HTTP_LLMBROKER_JSON_ARRAY) {

        for (v = prompt->child; v; v = v->next) {
            if (!ngx_http_llmbroker_mock_openai_one_prompt(ctx, v)) {
                break;
            }
        }

        n = v ? 0 : prompt->n;

    } else {
        n = 0;
    }

    if (n == 0 || n * ctx->n > NGX_HTTP_LLMBROKER_MOCK_TEXTS) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, "prompt",
                                              "'$.prompt' is invalid.");
    }

    ctx->user = prompt;

    return NGX_OK;
}


static ngx_uint_t
ngx_http_llmbroker_mock_openai_one_prompt(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_json_t *v)
{
    ngx_http_llmbroker_json_t  *number;

    if (v == NULL) {
        return 0;
    }

    if (v->type == NGX_HTTP_LLMBROKER_JSON_STRING) {
        ctx->prompt_words += ngx_http_llmbroker_mock_content_words(v);
        return 1;
    }

    if (v->type != NGX_HTTP_LLMBROKER_JSON_ARRAY || v->child == NULL) {
        return 0;
    }

    for (number = v->child; number; number = number->next) {
        if (number->type != NGX_HTTP_LLMBROKER_JSON_NUMBER) {
            return 0;
        }
    }

    ctx->prompt_words += v->n;

    return 1;
}


static ngx_int_t
ngx_http_llmbroker_mock_openai_read_input(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_http_llmbroker_json_t  *format;

    format = ngx_http_llmbroker_json_get(ctx->root, "encoding_format");

    if (format && format->type != NGX_HTTP_LLMBROKER_JSON_NULL
        && !ngx_http_llmbroker_json_is(format, "float")
        && !ngx_http_llmbroker_json_is(format, "base64"))
    {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL,
                                              "encoding_format",
                                              "'$.encoding_format' is "
                                              "invalid.");
    }

    return ngx_http_llmbroker_mock_embed_read(ctx,
               ngx_http_llmbroker_json_get(ctx->root, "input"),
               ngx_http_llmbroker_json_int(
                   ngx_http_llmbroker_json_get(ctx->root, "dimensions"), 8));
}


static ngx_int_t
ngx_http_llmbroker_mock_openai_answer(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_http_llmbroker_mock_frame_t  *f;

    f = &ctx->frame;

    switch (ctx->call) {

    case NGX_HTTP_LLMBROKER_MOCK_MODELS:
        ngx_http_llmbroker_mock_openai_models(ctx);
        break;

    case NGX_HTTP_LLMBROKER_MOCK_EMBEDDINGS:
        if (ngx_http_llmbroker_mock_openai_embeddings(ctx) != NGX_OK) {
            return NGX_ERROR;
        }

        break;

    default:
        ngx_http_llmbroker_mock_openai_choices(ctx);
        break;
    }

    if (ctx->head.failed || ctx->tail.failed) {
        return NGX_ERROR;
    }

    f->before = ngx_http_llmbroker_mock_str(&ctx->head);
    f->after = ngx_http_llmbroker_mock_str(&ctx->tail);

    return NGX_OK;
}


/* The first choice's text is sent from where it is, others are copied. */

static void
ngx_http_llmbroker_mock_openai_choices(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_uint_t                         i, chat;
    ngx_http_llmbroker_mock_text_t    *t;
    ngx_http_llmbroker_mock_string_t  *s;

    chat = (ctx->call == NGX_HTTP_LLMBROKER_MOCK_CHAT);

    ngx_http_llmbroker_mock_printf(&ctx->head,
              "{\"id\":\"%s-mock\",\"object\":\"%s\","
              "\"created\":" NGX_HTTP_LLMBROKER_MOCK_CREATED ","
              "\"model\":%V,\"choices\":[",
              chat ? "chatcmpl" : "cmpl",
              chat ? "chat.completion" : "text_completion", &ctx->model);

    if (ctx->calls) {
        ngx_http_llmbroker_mock_openai_calls(ctx);

    } else {
        s = &ctx->head;

        for (i = 0; i < ctx->ntexts; i++) {
            t = &ctx->texts[i];

            ngx_http_llmbroker_mock_printf(s, "%s{\"index\":%ui,\"%s%s\":\"",
                          i ? "," : "", i,
                          chat ? "message\":{\"role\":\"assistant\",\"" : "",
                          !chat ? "text"
                          : ctx->thoughts
                            ? "reasoning_content\":\"hmm\",\"content"
                            : "content");

            if (i == 0) {
                ctx->frame.text = t;
                ctx->frame.to = t->length;
                s = &ctx->tail;

            } else {
                ngx_http_llmbroker_mock_append(s, t->data.data, t->data.len);
            }

            ngx_http_llmbroker_mock_printf(s,
                          "\"%s,\"logprobs\":null,\"finish_reason\":\"%s\"}",
                          !chat ? ""
                          : ctx->knobs->quirks ? "}"
                          : ",\"refusal\":null,\"annotations\":[]}",
                          ngx_http_llmbroker_mock_openai_finish(t));
        }
    }

    ngx_http_llmbroker_mock_printf(&ctx->tail, "]");

    if (!ctx->knobs->no_usage) {
        ngx_http_llmbroker_mock_printf(&ctx->tail, ",\"usage\":");
        ngx_http_llmbroker_mock_openai_usage(ctx, &ctx->tail);
    }

    ngx_http_llmbroker_mock_printf(&ctx->tail,
                                   ",\"system_fingerprint\":\"fp_mock\"}");
}


static void
ngx_http_llmbroker_mock_openai_calls(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_uint_t                         i;
    ngx_http_llmbroker_mock_text_t    *t;
    ngx_http_llmbroker_mock_string_t  *s;

    s = &ctx->head;

    ngx_http_llmbroker_mock_printf(s,
              "{\"index\":0,\"message\":{\"role\":\"assistant\","
              "%s\"content\":%s,\"tool_calls\":[",
              ctx->thoughts ? "\"reasoning_content\":\"hmm\"," : "",
              ctx->knobs->quirks ? "\"\"" : "null");

    for (i = 0; i < ctx->ntexts; i++) {
        t = &ctx->texts[i];

        ngx_http_llmbroker_mock_printf(s, "%s{", i ? "," : "");

        if (ctx->knobs->quirks) {
            ngx_http_llmbroker_mock_printf(s, "\"index\":%ui,", i);
        }

        ngx_http_llmbroker_mock_printf(s,
              "\"id\":\"call_mock_%ui\",\"type\":\"function\","
              "\"function\":{\"name\":\"%V\",\"arguments\":\"%V\"}}",
              i, &t->name, &t->data);
    }

    ngx_http_llmbroker_mock_printf(&ctx->tail,
              "]%s},\"logprobs\":null,\"finish_reason\":\"tool_calls\"}",
              ctx->knobs->quirks ? "" : ",\"refusal\":null");
}


static ngx_int_t
ngx_http_llmbroker_mock_openai_embeddings(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_http_llmbroker_json_t         *root;
    ngx_http_llmbroker_mock_string_t  *s;

    root = ctx->root;
    s = &ctx->head;

    ngx_http_llmbroker_mock_printf(s, "{\"object\":\"list\",\"data\":[");

    if (ngx_http_llmbroker_mock_embed(ctx,
            ngx_http_llmbroker_json_get(root, "input"),
            ngx_http_llmbroker_json_int(
                ngx_http_llmbroker_json_get(root, "dimensions"), 8),
            ngx_http_llmbroker_json_is(
                ngx_http_llmbroker_json_get(root, "encoding_format"),
                "base64"),
            "{\"object\":\"embedding\",\"index\":", ",\"embedding\":")
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_llmbroker_mock_printf(s, "],\"model\":%V", &ctx->model);

    if (ctx->knobs->echo_request) {
        ngx_http_llmbroker_mock_printf(s, ",\"request\":\"");
        ngx_http_llmbroker_mock_echo(ctx, s);
        ngx_http_llmbroker_mock_printf(s, "\"");
    }

    if (!ctx->knobs->no_usage) {
        ngx_http_llmbroker_mock_printf(s,
                      ",\"usage\":{\"prompt_tokens\":%ui,"
                      "\"total_tokens\":%ui}",
                      ctx->prompt_words, ctx->prompt_words);
    }

    ngx_http_llmbroker_mock_printf(s, "}");

    return NGX_OK;
}


static void
ngx_http_llmbroker_mock_openai_models(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    static ngx_str_t  model = ngx_string("mock-model");

    if (ctx->id.len) {
        ngx_http_llmbroker_mock_openai_model(ctx, &ctx->id);
        return;
    }

    ngx_http_llmbroker_mock_printf(&ctx->head,
                                   "{\"object\":\"list\",\"data\":[");
    ngx_http_llmbroker_mock_openai_model(ctx, &model);
    ngx_http_llmbroker_mock_printf(&ctx->head, "]}");
}


static void
ngx_http_llmbroker_mock_openai_model(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_str_t *id)
{
    ngx_http_llmbroker_mock_string_t  *s;

    s = &ctx->head;

    ngx_http_llmbroker_mock_printf(s, "{\"id\":\"");
    ngx_http_llmbroker_mock_escape(s, id->data, id->len);
    ngx_http_llmbroker_mock_printf(s, "\",\"object\":\"model\",\"created\":"
                                   NGX_HTTP_LLMBROKER_MOCK_CREATED
                                   ",\"owned_by\":\"mock\"}");
}


static void
ngx_http_llmbroker_mock_openai_usage(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_mock_string_t *s)
{
    ngx_uint_t  words;

    words = ngx_http_llmbroker_mock_answer_words(ctx);

    ngx_http_llmbroker_mock_printf(s,
              "{\"prompt_tokens\":%ui,\"completion_tokens\":%ui,"
              "\"total_tokens\":%ui,"
              "\"prompt_tokens_details\":{\"cached_tokens\":%i},"
              "\"completion_tokens_details\":{\"reasoning_tokens\":0}}",
              ctx->prompt_words, words, ctx->prompt_words + words,
              ngx_max(ctx->knobs->cached, 0));
}


static const char *
ngx_http_llmbroker_mock_openai_finish(ngx_http_llmbroker_mock_text_t *t)
{
    switch (t->finish) {

    case NGX_HTTP_LLMBROKER_MOCK_LENGTH:
        return "length";

    case NGX_HTTP_LLMBROKER_MOCK_TOOLS:
        return "tool_calls";

    default: /* STOP, SEQUENCE */
        return "stop";
    }
}


static ngx_int_t
ngx_http_llmbroker_mock_openai_next(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    switch (ctx->stage) {

    case NGX_HTTP_LLMBROKER_MOCK_AT_START:
        ngx_http_llmbroker_mock_openai_start(ctx);
        break;

    case NGX_HTTP_LLMBROKER_MOCK_AT_TEXT:
        if (ngx_http_llmbroker_mock_openai_text(ctx) == NGX_OK) {
            break;
        }

        ctx->stage = NGX_HTTP_LLMBROKER_MOCK_AT_FINISH;
        ctx->index = 0;

        /* fall through */

    case NGX_HTTP_LLMBROKER_MOCK_AT_FINISH:
        ngx_http_llmbroker_mock_openai_end_choice(ctx);
        break;

    case NGX_HTTP_LLMBROKER_MOCK_AT_USAGE:
        ctx->stage = NGX_HTTP_LLMBROKER_MOCK_AT_DONE;

        if (ctx->usage && !ctx->knobs->usage_in_finish
            && !ctx->knobs->no_usage)
        {
            ngx_http_llmbroker_mock_printf(&ctx->head, "%V],\"usage\":",
                                           &ctx->chunk_head);
            ngx_http_llmbroker_mock_openai_usage(ctx, &ctx->head);
            ngx_http_llmbroker_mock_printf(&ctx->head, "}\n\n");
            break;
        }

        /* fall through */

    case NGX_HTTP_LLMBROKER_MOCK_AT_DONE:
        if (ctx->knobs->no_done) {
            return NGX_DONE;
        }

        ngx_http_llmbroker_mock_printf(&ctx->head, "data: [DONE]\n\n");
        ctx->stage = NGX_HTTP_LLMBROKER_MOCK_AT_END;
        break;

    default: /* AT_END */
        return NGX_DONE;
    }

    return NGX_OK;
}


static void
ngx_http_llmbroker_mock_openai_start(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_uint_t                        chat;
    ngx_http_llmbroker_mock_string_t  s;

    chat = (ctx->call == NGX_HTTP_LLMBROKER_MOCK_CHAT);

    if (ctx->index == 0) {

        ngx_memzero(&s, sizeof(ngx_http_llmbroker_mock_string_t));
        s.pool = ctx->pool;

        ngx_http_llmbroker_mock_printf(&s,
                  "data: {\"id\":\"%s-mock\",\"object\":\"%s\","
                  "\"created\":" NGX_HTTP_LLMBROKER_MOCK_CREATED ","
                  "\"model\":%V,\"system_fingerprint\":\"fp_mock\","
                  "\"choices\":[",
                  chat ? "chatcmpl" : "cmpl",
                  chat ? "chat.completion.chunk" : "text_completion",
                  &ctx->model);

        ctx->head.failed |= s.failed;
        ctx->chunk_head = ngx_http_llmbroker_mock_str(&s);
    }

    if (!chat) {
        ctx->stage = NGX_HTTP_LLMBROKER_MOCK_AT_TEXT;
        return;
    }

    ngx_http_llmbroker_mock_openai_open(ctx, ctx->index);

    ngx_http_llmbroker_mock_printf(&ctx->head,
              "\"role\":\"assistant\",%s\"content\":%s",
              ctx->thoughts ? "\"reasoning_content\":\"hmm\"," : "",
              ctx->calls && !ctx->knobs->quirks ? "null" : "\"\"");

    if (ctx->calls) {
        ngx_http_llmbroker_mock_openai_call_start(ctx, 0);
    }

    if (!ctx->knobs->quirks) {
        ngx_http_llmbroker_mock_printf(&ctx->head, ",\"refusal\":null");
    }

    ngx_http_llmbroker_mock_openai_close(ctx, &ctx->head, NULL);

    ctx->index++;

    if (ctx->calls || ctx->index == ctx->ntexts) {
        ctx->stage = NGX_HTTP_LLMBROKER_MOCK_AT_TEXT;
    }
}


static ngx_int_t
ngx_http_llmbroker_mock_openai_text(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_uint_t  i;

    if (ngx_http_llmbroker_mock_chunk(ctx) != NGX_OK) {
        return NGX_DONE;
    }

    i = ctx->frame.text - ctx->texts;

    if (ctx->calls) {
        ngx_http_llmbroker_mock_openai_call(ctx, i);
        return NGX_OK;
    }

    ngx_http_llmbroker_mock_openai_open(ctx, i);

    if (ctx->call == NGX_HTTP_LLMBROKER_MOCK_COMPLETIONS) {
        ngx_http_llmbroker_mock_printf(&ctx->head, "\"text\":\"");

    } else {
        ngx_http_llmbroker_mock_printf(&ctx->head, "%s\"content\":\"",
                                       ctx->knobs->quirks ? "\"role\":null,"
                                                          : "");
    }

    ngx_http_llmbroker_mock_printf(&ctx->tail, "\"");
    ngx_http_llmbroker_mock_openai_close(ctx, &ctx->tail, NULL);

    return NGX_OK;
}


static void
ngx_http_llmbroker_mock_openai_call_start(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_uint_t i)
{
    ngx_http_llmbroker_mock_printf(&ctx->head,
              "%s\"tool_calls\":[{\"index\":%ui,\"id\":\"call_mock_%ui\","
              "\"type\":\"function\",\"function\":{\"name\":\"%V\","
              "\"arguments\":\"\"}}]",
              i ? "" : ",", i, i, &ctx->texts[i].name);

    ctx->texts[i].opened = 1;
}


static void
ngx_http_llmbroker_mock_openai_call(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_uint_t i)
{
    if (!ctx->texts[i].opened) {
        ngx_http_llmbroker_mock_openai_open(ctx, 0);
        ngx_http_llmbroker_mock_openai_call_start(ctx, i);
        ngx_http_llmbroker_mock_openai_close(ctx, &ctx->head, NULL);
    }

    ngx_http_llmbroker_mock_openai_open(ctx, 0);

    if (ctx->knobs->quirks) {
        ngx_http_llmbroker_mock_printf(&ctx->head,
                  "\"role\":null,\"content\":\"\",\"tool_calls\":["
                  "{\"index\":%ui,\"id\":\"\",\"type\":\"function\","
                  "\"function\":{\"name\":\"\",\"arguments\":\"", i);

    } else {
        ngx_http_llmbroker_mock_printf(&ctx->head,
                  "\"tool_calls\":[{\"index\":%ui,"
                  "\"function\":{\"arguments\":\"", i);
    }

    ngx_http_llmbroker_mock_printf(&ctx->tail, "\"}}]");
    ngx_http_llmbroker_mock_openai_close(ctx, &ctx->tail, NULL);
}


static void
ngx_http_llmbroker_mock_openai_end_choice(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_uint_t  i;

    i = ctx->index++;

    ngx_http_llmbroker_mock_openai_open(ctx, i);

    if (ctx->call == NGX_HTTP_LLMBROKER_MOCK_COMPLETIONS) {
        ngx_http_llmbroker_mock_printf(&ctx->head, "\"text\":\"\"");
    }

    ngx_http_llmbroker_mock_openai_close(ctx, &ctx->head, &ctx->texts[i]);

    if (ctx->calls || ctx->index == ctx->ntexts) {
        ctx->stage = NGX_HTTP_LLMBROKER_MOCK_AT_USAGE;
    }
}


static void
ngx_http_llmbroker_mock_openai_open(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_uint_t i)
{
    ngx_http_llmbroker_mock_append(&ctx->head, ctx->chunk_head.data,
                                   ctx->chunk_head.len);

    ngx_http_llmbroker_mock_printf(&ctx->head, "{\"index\":%ui,%s", i,
              ctx->call == NGX_HTTP_LLMBROKER_MOCK_CHAT ? "\"delta\":{" : "");
}


static void
ngx_http_llmbroker_mock_openai_close(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_mock_string_t *s,
    ngx_http_llmbroker_mock_text_t *finished)
{
    ngx_http_llmbroker_mock_knobs_t  *k;

    k = ctx->knobs;

    if (ctx->call == NGX_HTTP_LLMBROKER_MOCK_CHAT) {
        ngx_http_llmbroker_mock_printf(s, "}");
    }

    if (finished) {
        ngx_http_llmbroker_mock_printf(s,
                      ",\"logprobs\":null,\"finish_reason\":\"%s\"",
                      ngx_http_llmbroker_mock_openai_finish(finished));

    } else if (!k->quirks) {
        ngx_http_llmbroker_mock_printf(s,
                      ",\"logprobs\":null,\"finish_reason\":null");
    }

    if (finished && k->usage_in_finish && !k->no_usage) {
        ngx_http_llmbroker_mock_printf(s, "}],\"usage\":");
        ngx_http_llmbroker_mock_openai_usage(ctx, s);
        ngx_http_llmbroker_mock_printf(s, "}\n\n");

    } else if (ctx->usage || k->quirks) {
        ngx_http_llmbroker_mock_printf(s, "}],\"usage\":null}\n\n");

    } else {
        ngx_http_llmbroker_mock_printf(s, "}]}\n\n");
    }
}


static void
ngx_http_llmbroker_mock_openai_error(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_uint_t event)
{
    const char                                    *type, *code;
    const ngx_http_llmbroker_mock_openai_error_t  *e;
    ngx_http_llmbroker_mock_string_t              *s;

    for (e = ngx_http_llmbroker_mock_openai_errors; e->status; e++) {
        if (e->status == ctx->status) {
            break;
        }
    }

    type = e->type;
    code = ctx->code ? ctx->code : e->code;

    if (type == NULL) {
        type = (ctx->status < 500) ? "invalid_request_error" : "server_error";
    }

    s = &ctx->head;

    ngx_http_llmbroker_mock_printf(s,
              "%s{\"error\":{\"message\":\"%V\",\"type\":\"%s\","
              "\"param\":%s%s%s,\"code\":%s%s%s}}%s",
              event ? "data: " : "", &ctx->message, type,
              ctx->param ? "\"" : "", ctx->param ? ctx->param : "null",
              ctx->param ? "\"" : "",
              code ? "\"" : "", code ? code : "null", code ? "\"" : "",
              event ? "\n\n" : "");
}
