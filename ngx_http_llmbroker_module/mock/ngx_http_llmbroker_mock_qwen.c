
/*
 * Copyright (C) LLMBroker contributors
 */


/*
 * DashScope's native generation and embeddings, after recordings of 2025-12:
 * an event has no space after its colons, carries the status as a comment and
 * the usage so far, and holds the whole text so far unless
 * "incremental_output" is set (N1 to N8).  The last event of a tool call
 * holds both its last piece and the finish reason, with "quirks" that of a
 * text does, too (N3).  Multimodal generation has parts in place of texts.
 */


#include "mock/ngx_http_llmbroker_mock.h"


typedef struct {
    ngx_uint_t   status;
    const char  *code;
} ngx_http_llmbroker_mock_qwen_error_t;


static ngx_int_t ngx_http_llmbroker_mock_qwen_read(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_qwen_read_input(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_json_t *input);
static ngx_int_t ngx_http_llmbroker_mock_qwen_check_parts(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_json_t *messages);
static ngx_int_t ngx_http_llmbroker_mock_qwen_read_parameters(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_json_t *p);
static ngx_uint_t ngx_http_llmbroker_mock_qwen_wants_stream(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_qwen_answer(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_qwen_embeddings(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_qwen_next(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static void ngx_http_llmbroker_mock_qwen_frame(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_uint_t finished);
static void ngx_http_llmbroker_mock_qwen_calls(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_uint_t n);
static void ngx_http_llmbroker_mock_qwen_choices(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static void ngx_http_llmbroker_mock_qwen_usage(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static const char *ngx_http_llmbroker_mock_qwen_finish(
    ngx_http_llmbroker_mock_text_t *t);
static void ngx_http_llmbroker_mock_qwen_error(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_uint_t event);


const ngx_http_llmbroker_mock_dialect_t  ngx_http_llmbroker_mock_qwen = {
    ngx_string("text/event-stream;charset=UTF-8"),
    ngx_string("x-request-id"),
    ngx_string("id:0\nevent:result\n:HTTP_STATUS/200\n"
               "data:{\"output\":{\"choices\":[{\"message\":\n\n"),
    ngx_http_llmbroker_mock_qwen_read,
    ngx_http_llmbroker_mock_qwen_answer,
    ngx_http_llmbroker_mock_qwen_next,
    ngx_http_llmbroker_mock_qwen_error
};


static const ngx_http_llmbroker_mock_qwen_error_t
    ngx_http_llmbroker_mock_qwen_errors[] =
{
    { 401, "InvalidApiKey" },
    { 403, "AccessDenied" },
    { 404, "ModelNotFound" },
    { 408, "RequestTimeOut" },
    { 409, "Conflict" },
    { 413, "BadRequest.TooLarge" },
    { 429, "Throttling.RateQuota" },
    { 500, "InternalError" },
    { 503, "ModelUnavailable" },
    { 0, NULL }
};


static ngx_int_t
ngx_http_llmbroker_mock_qwen_read(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *input, *parameters;

    if (ctx->bearer.len == 0) {
        return ngx_http_llmbroker_mock_refuse(ctx, 401, NULL, NULL,
                                              "No API-key provided.");
    }

    rc = ngx_http_llmbroker_mock_parse(ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    input = ngx_http_llmbroker_json_get_type(ctx->root, "input",
                                             NGX_HTTP_LLMBROKER_JSON_OBJECT);
    if (input == NULL) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400,
                                       "BadRequest.EmptyInput", NULL,
                                       "Required input parameter is missing.");
    }

    parameters = ngx_http_llmbroker_json_get(ctx->root, "parameters");

    if (ctx->call == NGX_HTTP_LLMBROKER_MOCK_EMBEDDINGS) {
        return ngx_http_llmbroker_mock_embed_read(ctx,
                   ngx_http_llmbroker_json_get(input, "texts"),
                   ngx_http_llmbroker_json_int(
                       ngx_http_llmbroker_json_get(parameters, "dimension"),
                       8));
    }

    rc = ngx_http_llmbroker_mock_qwen_read_input(ctx, input);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_mock_format(ctx, input,
                                 ngx_http_llmbroker_json_get(parameters,
                                                           "response_format"));
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llmbroker_mock_qwen_read_parameters(ctx, parameters);
}


static ngx_int_t
ngx_http_llmbroker_mock_qwen_read_input(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_json_t *input)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *prompt, *messages;

    static u_char  media[] = "/multimodal-generation/";

    ctx->media = (ngx_strlcasestrn(ctx->request->uri.data,
                                   ctx->request->uri.data
                                   + ctx->request->uri.len,
                                   media, sizeof(media) - 2)
                  != NULL);

    prompt = ngx_http_llmbroker_json_get_type(input, "prompt",
                                              NGX_HTTP_LLMBROKER_JSON_STRING);

    if (prompt && ngx_http_llmbroker_json_get(input, "messages") == NULL) {
        ctx->user = prompt;
        ctx->prompt_words = ngx_http_llmbroker_mock_content_words(prompt);

        return NGX_OK;
    }

    messages = ngx_http_llmbroker_json_get(input, "messages");

    rc = ngx_http_llmbroker_mock_qwen_check_parts(ctx, messages);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llmbroker_mock_messages(ctx, messages);
}


static ngx_int_t
ngx_http_llmbroker_mock_qwen_check_parts(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_json_t *messages)
{
    ngx_http_llmbroker_json_t  *message, *content, *part;

    message = messages ? messages->child : NULL;

    for ( /* void */ ; message; message = message->next) {

        content = ngx_http_llmbroker_json_get(message, "content");

        if (content == NULL) {
            continue;
        }

        if (ctx->media && content->type != NGX_HTTP_LLMBROKER_JSON_ARRAY) {
            return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                          "Input should be a valid list: messages.content");
        }

        for (part = content->child; part; part = part->next) {

            if (!ctx->media
                && !ngx_http_llmbroker_json_get(part, "text"))
            {
                return ngx_http_llmbroker_mock_refuse(ctx, 400, "InvalidURL",
                                  NULL, "url error, please check url!");
            }
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_qwen_read_parameters(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_json_t *p)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *v;

    rc = ngx_http_llmbroker_mock_tools(ctx, p);
    if (rc != NGX_OK) {
        return rc;
    }

    /* N6: growing is the default, and so is the form without choices */

    ctx->stream = ngx_http_llmbroker_mock_qwen_wants_stream(ctx);
    ctx->cumulative = ctx->knobs->growing
                      || !ngx_http_llmbroker_json_true(
                         ngx_http_llmbroker_json_get(p, "incremental_output"));
    ctx->thoughts = ngx_http_llmbroker_json_true(
                         ngx_http_llmbroker_json_get(p, "enable_thinking"));

    v = ngx_http_llmbroker_json_get(p, "result_format");

    if (v && !ngx_http_llmbroker_json_is(v, "message")
        && !ngx_http_llmbroker_json_is(v, "text"))
    {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                      "Parameter \"result_format\" must be message or text");
    }

    ctx->plain = (!ngx_http_llmbroker_json_is(v, "message")
                  && ctx->tools == NULL && !ctx->media);

    if (!ngx_http_llmbroker_mock_range(
             ngx_http_llmbroker_json_get(p, "temperature"), 0, 1.9999999))
    {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                "Temperature should be in [0.0, 2.0)");
    }

    if (!ngx_http_llmbroker_mock_range(ngx_http_llmbroker_json_get(p, "top_p"),
                                       1e-9, 1))
    {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                "Range of top_p should be (0.0, 1.0]");
    }

    v = ngx_http_llmbroker_json_get(p, "max_tokens");

    if (!ngx_http_llmbroker_mock_range(v, 1, 1e9)) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                "Range of max_tokens should be [1, 8192]");
    }

    ctx->max_tokens = ngx_http_llmbroker_json_int(v, -1);

    v = ngx_http_llmbroker_json_get(p, "n");

    if (!ngx_http_llmbroker_mock_range(v, 1, 4)) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                "Range of n should be [1, 4]");
    }

    ctx->n = (ctx->plain || ctx->media) ? 1 : ngx_http_llmbroker_json_int(v, 1);

    ctx->stop = ngx_http_llmbroker_json_get(p, "stop");

    return NGX_OK;
}


static ngx_uint_t
ngx_http_llmbroker_mock_qwen_wants_stream(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    if (ctx->sse.len == sizeof("enable") - 1
        && ngx_strncasecmp(ctx->sse.data, (u_char *) "enable",
                           sizeof("enable") - 1)
           == 0)
    {
        return 1;
    }

    if (ctx->accept.len
        && ngx_strlcasestrn(ctx->accept.data,
                            ctx->accept.data + ctx->accept.len,
                            (u_char *) "text/event-stream",
                            sizeof("text/event-stream") - 2)
           != NULL)
    {
        return 1;
    }

    return 0;
}


static ngx_int_t
ngx_http_llmbroker_mock_qwen_answer(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_uint_t                        i;
    ngx_http_llmbroker_mock_frame_t  *f;

    f = &ctx->frame;

    if (ctx->call == NGX_HTTP_LLMBROKER_MOCK_EMBEDDINGS) {
        if (ngx_http_llmbroker_mock_qwen_embeddings(ctx) != NGX_OK) {
            return NGX_ERROR;
        }

    } else {
        for (i = 0; i < ctx->ntexts; i++) {
            ctx->texts[i].sent = ctx->texts[i].length;
        }

        ctx->cumulative = 1;

        f->text = &ctx->texts[ctx->calls ? ctx->ntexts - 1 : 0];
        f->to = f->text->length;

        ngx_http_llmbroker_mock_qwen_frame(ctx, 1);
    }

    if (ctx->head.failed || ctx->tail.failed) {
        return NGX_ERROR;
    }

    f->before = ngx_http_llmbroker_mock_str(&ctx->head);
    f->after = ngx_http_llmbroker_mock_str(&ctx->tail);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_qwen_embeddings(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_http_llmbroker_json_t         *input, *parameters;
    ngx_http_llmbroker_mock_string_t  *s;

    s = &ctx->head;

    input = ngx_http_llmbroker_json_get(ctx->root, "input");
    parameters = ngx_http_llmbroker_json_get(ctx->root, "parameters");

    ngx_http_llmbroker_mock_printf(s, "{\"output\":{\"embeddings\":[");

    if (ngx_http_llmbroker_mock_embed(ctx,
            ngx_http_llmbroker_json_get(input, "texts"),
            ngx_http_llmbroker_json_int(
                ngx_http_llmbroker_json_get(parameters, "dimension"), 8),
            0, "{\"text_index\":", ",\"embedding\":")
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_llmbroker_mock_printf(s, "]}");

    if (ctx->knobs->echo_request) {
        ngx_http_llmbroker_mock_printf(s, ",\"request\":\"");
        ngx_http_llmbroker_mock_echo(ctx, s);
        ngx_http_llmbroker_mock_printf(s, "\"");
    }

    if (!ctx->knobs->no_usage) {
        ngx_http_llmbroker_mock_printf(s, ",\"usage\":{\"total_tokens\":%ui}",
                                       ctx->prompt_words);
    }

    ngx_http_llmbroker_mock_printf(s, ",\"request_id\":\"req-mock\"}");

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_qwen_next(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_uint_t                        finished;
    ngx_http_llmbroker_mock_frame_t  *f;

    f = &ctx->frame;

    switch (ctx->stage) {

    case NGX_HTTP_LLMBROKER_MOCK_AT_START:
        ctx->stage = NGX_HTTP_LLMBROKER_MOCK_AT_TEXT;

        if (ctx->thoughts && !ctx->plain && !ctx->calls) {
            f->text = ctx->texts;
            f->from = 0;
            f->to = 0;

            ngx_http_llmbroker_mock_qwen_frame(ctx, 0);
            ctx->thoughts = 0;
        }

        return NGX_OK;

    case NGX_HTTP_LLMBROKER_MOCK_AT_TEXT:
        if (ngx_http_llmbroker_mock_chunk(ctx) == NGX_OK) {

            if (ctx->calls) {
                finished = f->last
                           && f->text == &ctx->texts[ctx->ntexts - 1];
            } else {
                finished = f->last && ctx->knobs->quirks;
            }

            f->text->closed = finished;

            ngx_http_llmbroker_mock_qwen_frame(ctx, finished);

            return NGX_OK;
        }

        ctx->stage = NGX_HTTP_LLMBROKER_MOCK_AT_FINISH;

        /* fall through */

    case NGX_HTTP_LLMBROKER_MOCK_AT_FINISH:
        if (ctx->calls || ctx->knobs->no_done || ctx->index == ctx->ntexts) {
            return NGX_DONE;
        }

        f->text = &ctx->texts[ctx->index++];

        if (!f->text->closed) {
            f->from = f->text->length;
            f->to = f->text->length;
            ngx_http_llmbroker_mock_qwen_frame(ctx, 1);
        }

        return NGX_OK;

    default:
        return NGX_DONE;
    }
}


static void
ngx_http_llmbroker_mock_qwen_frame(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_uint_t finished)
{
    ngx_uint_t                         i;
    const char                        *finish;
    ngx_http_llmbroker_mock_frame_t   *f;
    ngx_http_llmbroker_mock_string_t  *s;

    f = &ctx->frame;
    s = &ctx->head;
    i = f->text - ctx->texts;

    /* an unfinished answer says so with a string */

    finish = "null";

    if (finished && !(ctx->stream && ctx->knobs->no_done)) {
        finish = ngx_http_llmbroker_mock_qwen_finish(f->text);
    }

    if (ctx->cumulative) {
        f->from = 0;
    }

    if (ctx->stream) {
        ngx_http_llmbroker_mock_printf(s,
                      "id:%ui\nevent:result\n:HTTP_STATUS/200\ndata:",
                      ++ctx->events);
    }

    if (ctx->plain) {
        ngx_http_llmbroker_mock_printf(s,
                      "{\"output\":{\"finish_reason\":\"%s\",\"text\":\"",
                      finish);
        ngx_http_llmbroker_mock_printf(&ctx->tail, "\"}");

    } else {
        ngx_http_llmbroker_mock_printf(s,
                      "{\"output\":{\"choices\":[{\"message\":{%s\"content\":%s"
                      "\"",
                      ctx->thoughts && !ctx->calls
                      ? "\"reasoning_content\":\"hmm\"," : "",
                      ctx->media ? "[{\"text\":" : "");

        if (ctx->calls) {
            ngx_http_llmbroker_mock_qwen_calls(ctx, i);
        }

        ngx_http_llmbroker_mock_printf(&ctx->tail,
                      "\"%s,\"role\":\"assistant\"},\"index\":%ui,"
                      "\"finish_reason\":\"%s\"}",
                      ctx->calls ? "}}]" : ctx->media ? "}]" : "",
                      ctx->calls ? 0 : i, finish);

        if (!ctx->stream && !ctx->calls) {
            ngx_http_llmbroker_mock_qwen_choices(ctx);
        }

        ngx_http_llmbroker_mock_printf(&ctx->tail, "]}");
    }

    ngx_http_llmbroker_mock_qwen_usage(ctx);

    ngx_http_llmbroker_mock_printf(&ctx->tail,
                                   ",\"request_id\":\"req-mock\"}%s",
                                   ctx->stream ? "\n\n" : "");
}


/*
 * Tool calls up to number n, which the frame's text goes on with.  Later
 * events have neither id nor name (N5) unless all is told each time.
 */

static void
ngx_http_llmbroker_mock_qwen_calls(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_uint_t n)
{
    ngx_uint_t                         i;
    ngx_http_llmbroker_mock_text_t    *t;
    ngx_http_llmbroker_mock_string_t  *s;

    s = &ctx->head;
    i = ctx->cumulative ? 0 : n;

    ngx_http_llmbroker_mock_printf(s, "\"%s,\"tool_calls\":[",
                                   ctx->media ? "}]" : "");

    for ( /* void */ ; i <= n; i++) {
        t = &ctx->texts[i];

        if (t->opened && !ctx->cumulative) {
            ngx_http_llmbroker_mock_printf(s,
                          "{\"index\":%ui,\"id\":\"\",\"type\":\"function\","
                          "\"function\":{\"arguments\":\"", i);

        } else {
            ngx_http_llmbroker_mock_printf(s,
                          "{\"index\":%ui,\"id\":\"call_mock_%ui\","
                          "\"type\":\"function\",\"function\":{"
                          "\"name\":\"%V\",\"arguments\":\"",
                          i, i, &t->name);
        }

        t->opened = 1;

        if (i < n) {
            ngx_http_llmbroker_mock_append(s, t->data.data, t->data.len);
            ngx_http_llmbroker_mock_printf(s, "\"}},");
        }
    }
}


/* The choices of a buffered answer but the first. */

static void
ngx_http_llmbroker_mock_qwen_choices(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_uint_t                       i;
    ngx_http_llmbroker_mock_text_t  *t;

    for (i = 1; i < ctx->ntexts; i++) {
        t = &ctx->texts[i];

        ngx_http_llmbroker_mock_printf(&ctx->tail,
                      ",{\"message\":{\"content\":\"%V\","
                      "\"role\":\"assistant\"},\"index\":%ui,"
                      "\"finish_reason\":\"%s\"}",
                      &t->data, i, ngx_http_llmbroker_mock_qwen_finish(t));
    }
}


static void
ngx_http_llmbroker_mock_qwen_usage(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_uint_t  i, words;

    if (ctx->knobs->no_usage) {
        return;
    }

    for (i = 0, words = 0; i < ctx->ntexts; i++) {
        words += ngx_http_llmbroker_mock_told(&ctx->texts[i]);
    }

    ngx_http_llmbroker_mock_printf(&ctx->tail,
              ",\"usage\":{\"total_tokens\":%ui,\"output_tokens\":%ui,"
              "\"input_tokens\":%ui,"
              "\"prompt_tokens_details\":{\"cached_tokens\":%i}}",
              ctx->prompt_words + words, words, ctx->prompt_words,
              ngx_max(ctx->knobs->cached, 0));
}


static const char *
ngx_http_llmbroker_mock_qwen_finish(ngx_http_llmbroker_mock_text_t *t)
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


static void
ngx_http_llmbroker_mock_qwen_error(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_uint_t event)
{
    const char                                  *code;
    ngx_http_llmbroker_mock_string_t            *s;
    const ngx_http_llmbroker_mock_qwen_error_t  *e;

    for (e = ngx_http_llmbroker_mock_qwen_errors; e->status; e++) {
        if (e->status == ctx->status) {
            break;
        }
    }

    code = e->code;

    if (code == NULL) {
        code = (ctx->status < 500) ? "InvalidParameter" : "SystemError";
    }

    /* OpenAI's codes, of checks that both share, do not exist here */

    if (ctx->code && ctx->code[0] >= 'A' && ctx->code[0] <= 'Z') {
        code = ctx->code;
    }

    s = &ctx->head;

    if (event) {
        ngx_http_llmbroker_mock_printf(s,
                      "id:%ui\nevent:error\n:HTTP_STATUS/%ui\ndata:",
                      ++ctx->events, ctx->status);
    }

    ngx_http_llmbroker_mock_printf(s,
                  "{\"code\":\"%s\",\"message\":\"%V\","
                  "\"request_id\":\"req-mock\"}%s",
                  code, &ctx->message, event ? "\n\n" : "");
}
