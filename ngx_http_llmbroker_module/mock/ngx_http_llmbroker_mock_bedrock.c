
/*
 * Copyright (C) LLMBroker contributors
 */


/*
 * Bedrock's Converse and ConverseStream, after AWS's API reference of 2026-08
 * and recordings of 2026-07: the model stands in the path, a stream comes in
 * frames of application/vnd.amazon.eventstream with padding in their payloads,
 * text has no event of its beginning.  With "quirks" a stream's metadata comes
 * before its messageStop.
 */


#include "mock/ngx_http_llmbroker_mock.h"


#define NGX_HTTP_LLMBROKER_MOCK_PRELUDE  12

/* bytes of a text that are summed up at once */
#define NGX_HTTP_LLMBROKER_MOCK_PIECE    1024


typedef struct {
    ngx_uint_t   status;
    const char  *name;
} ngx_http_llmbroker_mock_bedrock_error_t;


static ngx_int_t ngx_http_llmbroker_mock_bedrock_answer(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static void ngx_http_llmbroker_mock_bedrock_content(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static void ngx_http_llmbroker_mock_bedrock_stop_reason(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_mock_string_t *s);
static void ngx_http_llmbroker_mock_bedrock_metadata(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_mock_string_t *s);
static ngx_int_t ngx_http_llmbroker_mock_bedrock_next(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static void ngx_http_llmbroker_mock_bedrock_start(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static void ngx_http_llmbroker_mock_bedrock_thought(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_bedrock_delta(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static void ngx_http_llmbroker_mock_bedrock_block_start(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_uint_t i);
static void ngx_http_llmbroker_mock_bedrock_block_stop(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_mock_string_t *s,
    ngx_uint_t i);
static void ngx_http_llmbroker_mock_bedrock_stop(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static void ngx_http_llmbroker_mock_bedrock_usage(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static size_t ngx_http_llmbroker_mock_bedrock_open(
    ngx_http_llmbroker_mock_string_t *s, const char *message,
    const char *type);
static void ngx_http_llmbroker_mock_bedrock_header(
    ngx_http_llmbroker_mock_string_t *s, const char *name, const char *value);
static void ngx_http_llmbroker_mock_bedrock_close(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_mock_string_t *s,
    size_t start);
static void ngx_http_llmbroker_mock_bedrock_close_text(
    ngx_http_llmbroker_mock_ctx_t *ctx, size_t start);
static void ngx_http_llmbroker_mock_bedrock_padding(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_mock_string_t *s);
static void ngx_http_llmbroker_mock_bedrock_prelude(u_char *p, size_t len);
static void ngx_http_llmbroker_mock_bedrock_sum(
    ngx_http_llmbroker_mock_string_t *s, uint32_t crc);
static void ngx_http_llmbroker_mock_bedrock_sum_text(uint32_t *crc,
    ngx_http_llmbroker_mock_frame_t *f);
static void ngx_http_llmbroker_mock_bedrock_u32(u_char *p, uint32_t n);
static void ngx_http_llmbroker_mock_bedrock_error(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_uint_t event);


/* the malformed event has a wrong sum */

const ngx_http_llmbroker_mock_dialect_t  ngx_http_llmbroker_mock_bedrock = {
    ngx_string("application/vnd.amazon.eventstream"),
    ngx_string("x-amzn-RequestId"),
    ngx_string("\0\0\0\x12" "\0\0\0\0" "\x7f\x02\x1b\x8b" "{}" "sum?"),
    ngx_http_llmbroker_mock_bedrock_read,
    ngx_http_llmbroker_mock_bedrock_answer,
    ngx_http_llmbroker_mock_bedrock_next,
    ngx_http_llmbroker_mock_bedrock_error
};


static const ngx_http_llmbroker_mock_bedrock_error_t
    ngx_http_llmbroker_mock_bedrock_errors[] =
{
    { 400, "ValidationException" },
    { 403, "AccessDeniedException" },
    { 404, "ResourceNotFoundException" },
    { 408, "ModelTimeoutException" },
    { 424, "ModelErrorException" },
    { 429, "ThrottlingException" },
    { 503, "ServiceUnavailableException" },
    { 0, NULL }
};


static ngx_int_t
ngx_http_llmbroker_mock_bedrock_answer(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_http_llmbroker_mock_frame_t   *f;
    ngx_http_llmbroker_mock_string_t  *s;

    ngx_http_llmbroker_mock_printf(&ctx->head,
                  "{\"output\":{\"message\":{\"role\":\"assistant\","
                  "\"content\":[");

    ngx_http_llmbroker_mock_bedrock_content(ctx);

    s = &ctx->tail;

    ngx_http_llmbroker_mock_printf(s, "]}},");
    ngx_http_llmbroker_mock_bedrock_stop_reason(ctx, s);
    ngx_http_llmbroker_mock_printf(s, ",");
    ngx_http_llmbroker_mock_bedrock_metadata(ctx, s);
    ngx_http_llmbroker_mock_printf(s, "}");

    if (ctx->head.failed || ctx->tail.failed) {
        return NGX_ERROR;
    }

    f = &ctx->frame;

    f->before = ngx_http_llmbroker_mock_str(&ctx->head);
    f->after = ngx_http_llmbroker_mock_str(&ctx->tail);

    return NGX_OK;
}


static void
ngx_http_llmbroker_mock_bedrock_content(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_uint_t                         i;
    ngx_http_llmbroker_mock_text_t    *t;
    ngx_http_llmbroker_mock_string_t  *s;

    s = &ctx->head;
    t = ctx->texts;

    if (ctx->thoughts) {
        ngx_http_llmbroker_mock_printf(s,
                      "{\"reasoningContent\":{\"reasoningText\":{"
                      "\"text\":\"%s\",\"signature\":\"c2lnbmF0dXJl\"}}}",
                      ctx->thoughts_shown ? "hmm" : "");
    }

    if (!ctx->calls) {

        if (t->length == 0) {
            return;
        }

        ngx_http_llmbroker_mock_printf(s, "%s{\"text\":\"",
                                       ctx->thoughts ? "," : "");

        ctx->frame.text = t;
        ctx->frame.to = t->length;

        ngx_http_llmbroker_mock_printf(&ctx->tail, "\"}");

        return;
    }

    for (i = 0; i < ctx->ntexts; i++) {
        ngx_http_llmbroker_mock_printf(s,
                      "%s{\"toolUse\":{\"toolUseId\":\"tooluse_mock_%ui\","
                      "\"name\":\"%V\",\"input\":%V}}",
                      (i || ctx->thoughts) ? "," : "", i, &t[i].name,
                      &t[i].arguments);
    }
}


static void
ngx_http_llmbroker_mock_bedrock_stop_reason(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_mock_string_t *s)
{
    const char  *reason;

    switch (ctx->texts->finish) {

    case NGX_HTTP_LLMBROKER_MOCK_SEQUENCE:
        reason = "stop_sequence";
        break;

    case NGX_HTTP_LLMBROKER_MOCK_LENGTH:
        reason = "max_tokens";
        break;

    case NGX_HTTP_LLMBROKER_MOCK_TOOLS:
        reason = "tool_use";
        break;

    default: /* STOP */
        reason = "end_turn";
        break;
    }

    ngx_http_llmbroker_mock_printf(s, "\"stopReason\":\"%s\"", reason);
}


/* tokens that came from a cache are not among the input tokens */

static void
ngx_http_llmbroker_mock_bedrock_metadata(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_mock_string_t *s)
{
    ngx_int_t   cached, input;
    ngx_uint_t  output;

    if (!ctx->knobs->no_usage) {
        cached = ngx_max(ctx->knobs->cached, 0);
        input = ngx_max((ngx_int_t) ctx->prompt_words - cached, 0);
        output = ngx_http_llmbroker_mock_answer_words(ctx) + ctx->thoughts;

        ngx_http_llmbroker_mock_printf(s,
                      "\"usage\":{\"inputTokens\":%i,\"outputTokens\":%ui,"
                      "\"totalTokens\":%ui,\"cacheReadInputTokens\":%i,"
                      "\"cacheWriteInputTokens\":0},",
                      input, output, input + cached + output, cached);
    }

    ngx_http_llmbroker_mock_printf(s, "\"metrics\":{\"latencyMs\":1}");
}


static ngx_int_t
ngx_http_llmbroker_mock_bedrock_next(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    switch (ctx->stage) {

    case NGX_HTTP_LLMBROKER_MOCK_AT_START:
        ngx_http_llmbroker_mock_bedrock_start(ctx);

        if (ctx->thoughts) {
            ngx_http_llmbroker_mock_bedrock_thought(ctx);
        }

        ctx->stage = NGX_HTTP_LLMBROKER_MOCK_AT_TEXT;
        break;

    case NGX_HTTP_LLMBROKER_MOCK_AT_TEXT:
        if (ngx_http_llmbroker_mock_bedrock_delta(ctx) == NGX_OK) {
            break;
        }

        ctx->stage = NGX_HTTP_LLMBROKER_MOCK_AT_END;

        if (ctx->knobs->quirks) {
            ngx_http_llmbroker_mock_bedrock_usage(ctx);
        }

        if (!ctx->knobs->no_done) {
            ngx_http_llmbroker_mock_bedrock_stop(ctx);
        }

        if (!ctx->knobs->quirks) {
            ngx_http_llmbroker_mock_bedrock_usage(ctx);
        }

        break;

    default: /* AT_END */
        return NGX_DONE;
    }

    return NGX_OK;
}


static void
ngx_http_llmbroker_mock_bedrock_start(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    size_t                             start;
    ngx_http_llmbroker_mock_string_t  *s;

    s = &ctx->head;

    start = ngx_http_llmbroker_mock_bedrock_open(s, "event", "messageStart");
    ngx_http_llmbroker_mock_printf(s, "{\"role\":\"assistant\"");
    ngx_http_llmbroker_mock_bedrock_close(ctx, s, start);
}


/* the first block of an answer that was thought about */

static void
ngx_http_llmbroker_mock_bedrock_thought(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    size_t                             start;
    ngx_uint_t                         i;
    ngx_http_llmbroker_mock_string_t  *s;

    static const char  *pieces[] = {
        "\"text\":\"hmm\"", "\"signature\":\"c2lnbmF0dXJl\""
    };

    s = &ctx->head;

    for (i = ctx->thoughts_shown ? 0 : 1; i < 2; i++) {
        start = ngx_http_llmbroker_mock_bedrock_open(s, "event",
                                                     "contentBlockDelta");
        ngx_http_llmbroker_mock_printf(s,
                      "{\"contentBlockIndex\":0,"
                      "\"delta\":{\"reasoningContent\":{%s}}", pieces[i]);
        ngx_http_llmbroker_mock_bedrock_close(ctx, s, start);
    }

    ngx_http_llmbroker_mock_bedrock_block_stop(ctx, s, 0);
}


static ngx_int_t
ngx_http_llmbroker_mock_bedrock_delta(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    size_t                           start;
    ngx_uint_t                       i;
    ngx_http_llmbroker_mock_text_t  *t;

    if (ngx_http_llmbroker_mock_chunk(ctx) != NGX_OK) {
        return NGX_DONE;
    }

    t = ctx->frame.text;
    i = t - ctx->texts + ctx->thoughts;

    if (!t->opened && ctx->calls) {
        ngx_http_llmbroker_mock_bedrock_block_start(ctx, i);
    }

    t->opened = 1;

    if (ctx->calls && t->length == 2) {

        /* {}: nothing is said of no arguments */

        ctx->frame.from = ctx->frame.to;
        ngx_http_llmbroker_mock_bedrock_block_stop(ctx, &ctx->tail, i);

        return NGX_OK;
    }

    start = ngx_http_llmbroker_mock_bedrock_open(&ctx->head, "event",
                                                 "contentBlockDelta");

    ngx_http_llmbroker_mock_printf(&ctx->head,
                  "{\"contentBlockIndex\":%ui,\"delta\":{%s\"", i,
                  ctx->calls ? "\"toolUse\":{\"input\":" : "\"text\":");

    ngx_http_llmbroker_mock_printf(&ctx->tail, ctx->calls ? "\"}}" : "\"}");

    ngx_http_llmbroker_mock_bedrock_close_text(ctx, start);

    if (ctx->frame.last) {
        ngx_http_llmbroker_mock_bedrock_block_stop(ctx, &ctx->tail, i);
    }

    return NGX_OK;
}


static void
ngx_http_llmbroker_mock_bedrock_block_start(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_uint_t i)
{
    size_t                             start;
    ngx_uint_t                         n;
    ngx_http_llmbroker_mock_string_t  *s;

    s = &ctx->head;
    n = i - ctx->thoughts;

    start = ngx_http_llmbroker_mock_bedrock_open(s, "event",
                                                 "contentBlockStart");
    ngx_http_llmbroker_mock_printf(s,
                  "{\"contentBlockIndex\":%ui,\"start\":{\"toolUse\":{"
                  "\"toolUseId\":\"tooluse_mock_%ui\",\"name\":\"%V\"}}",
                  i, n, &ctx->texts[n].name);
    ngx_http_llmbroker_mock_bedrock_close(ctx, s, start);
}


static void
ngx_http_llmbroker_mock_bedrock_block_stop(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_mock_string_t *s, ngx_uint_t i)
{
    size_t  start;

    start = ngx_http_llmbroker_mock_bedrock_open(s, "event",
                                                 "contentBlockStop");
    ngx_http_llmbroker_mock_printf(s, "{\"contentBlockIndex\":%ui", i);
    ngx_http_llmbroker_mock_bedrock_close(ctx, s, start);
}


static void
ngx_http_llmbroker_mock_bedrock_stop(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    size_t                             start;
    ngx_http_llmbroker_mock_string_t  *s;

    s = &ctx->head;

    start = ngx_http_llmbroker_mock_bedrock_open(s, "event", "messageStop");
    ngx_http_llmbroker_mock_printf(s, "{");
    ngx_http_llmbroker_mock_bedrock_stop_reason(ctx, s);
    ngx_http_llmbroker_mock_bedrock_close(ctx, s, start);
}


static void
ngx_http_llmbroker_mock_bedrock_usage(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    size_t                             start;
    ngx_http_llmbroker_mock_string_t  *s;

    s = &ctx->head;

    start = ngx_http_llmbroker_mock_bedrock_open(s, "event", "metadata");
    ngx_http_llmbroker_mock_printf(s, "{");
    ngx_http_llmbroker_mock_bedrock_metadata(ctx, s);
    ngx_http_llmbroker_mock_bedrock_close(ctx, s, start);
}


/*
 * Begins a frame at the end of s: room for the prelude, and the headers, whose
 * length stands in that room.  Returns where in s it begins.
 */

static size_t
ngx_http_llmbroker_mock_bedrock_open(ngx_http_llmbroker_mock_string_t *s,
    const char *message, const char *type)
{
    char    name[sizeof(":exception-type")];
    size_t  start, headers;

    static u_char  prelude[NGX_HTTP_LLMBROKER_MOCK_PRELUDE];

    start = s->pos - s->start;

    ngx_http_llmbroker_mock_append(s, prelude, sizeof(prelude));

    *ngx_snprintf((u_char *) name, sizeof(name) - 1, ":%s-type", message)
        = '\0';

    ngx_http_llmbroker_mock_bedrock_header(s, name, type);
    ngx_http_llmbroker_mock_bedrock_header(s, ":content-type",
                                           "application/json");
    ngx_http_llmbroker_mock_bedrock_header(s, ":message-type", message);

    if (s->failed) {
        return 0;
    }

    headers = s->pos - s->start - start - sizeof(prelude);

    ngx_http_llmbroker_mock_bedrock_u32(s->start + start + 4, headers);

    return start;
}


/* a header that is a text: type 7 */

static void
ngx_http_llmbroker_mock_bedrock_header(ngx_http_llmbroker_mock_string_t *s,
    const char *name, const char *value)
{
    size_t  len;
    u_char  head[3];

    len = ngx_strlen(name);
    head[0] = (u_char) len;

    ngx_http_llmbroker_mock_append(s, head, 1);
    ngx_http_llmbroker_mock_append(s, (u_char *) name, len);

    len = ngx_strlen(value);
    head[0] = 7;
    head[1] = (u_char) (len >> 8);
    head[2] = (u_char) len;

    ngx_http_llmbroker_mock_append(s, head, 3);
    ngx_http_llmbroker_mock_append(s, (u_char *) value, len);
}


/* ends a payload, an object, and the frame that begins at "start" */

static void
ngx_http_llmbroker_mock_bedrock_close(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_mock_string_t *s, size_t start)
{
    size_t    len;
    u_char   *p;
    uint32_t  crc;

    ngx_http_llmbroker_mock_bedrock_padding(ctx, s);

    if (s->failed) {
        return;
    }

    p = s->start + start;
    len = s->pos - p;

    ngx_http_llmbroker_mock_bedrock_prelude(p, len);

    ngx_crc32_init(crc);
    ngx_crc32_update(&crc, p, len);
    ngx_http_llmbroker_mock_bedrock_sum(s, crc);
}


/* the same for the frame of which a chunk is between ctx->head and tail */

static void
ngx_http_llmbroker_mock_bedrock_close_text(ngx_http_llmbroker_mock_ctx_t *ctx,
    size_t start)
{
    size_t                             len;
    u_char                            *p;
    uint32_t                           crc;
    ngx_http_llmbroker_mock_frame_t   *f;
    ngx_http_llmbroker_mock_string_t  *s, *tail;

    f = &ctx->frame;
    s = &ctx->head;
    tail = &ctx->tail;

    ngx_http_llmbroker_mock_bedrock_padding(ctx, tail);

    if (s->failed || tail->failed) {
        return;
    }

    p = s->start + start;
    len = s->pos - p;

    ngx_http_llmbroker_mock_bedrock_prelude(p, len + (f->to - f->from)
                                               + (tail->pos - tail->start));

    ngx_crc32_init(crc);
    ngx_crc32_update(&crc, p, len);
    ngx_http_llmbroker_mock_bedrock_sum_text(&crc, f);
    ngx_crc32_update(&crc, tail->start, tail->pos - tail->start);
    ngx_http_llmbroker_mock_bedrock_sum(tail, crc);
}


static void
ngx_http_llmbroker_mock_bedrock_padding(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_mock_string_t *s)
{
    static u_char  letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTU"
                               "VWXYZ0123456789";

    ngx_http_llmbroker_mock_append(s, (u_char *) ",\"p\":\"", 6);
    ngx_http_llmbroker_mock_append(s, letters,
                                   1 + 23 * ctx->events++
                                       % (sizeof(letters) - 1));
    ngx_http_llmbroker_mock_append(s, (u_char *) "\"}", 2);
}


/* len: of the frame without its last sum */

static void
ngx_http_llmbroker_mock_bedrock_prelude(u_char *p, size_t len)
{
    uint32_t  crc;

    ngx_http_llmbroker_mock_bedrock_u32(p, (uint32_t) len + 4);

    ngx_crc32_init(crc);
    ngx_crc32_update(&crc, p, 8);
    ngx_crc32_final(crc);

    ngx_http_llmbroker_mock_bedrock_u32(p + 8, crc);
}


static void
ngx_http_llmbroker_mock_bedrock_sum(ngx_http_llmbroker_mock_string_t *s,
    uint32_t crc)
{
    u_char  sum[4];

    ngx_crc32_final(crc);

    ngx_http_llmbroker_mock_bedrock_u32(sum, crc);
    ngx_http_llmbroker_mock_append(s, sum, sizeof(sum));
}


static void
ngx_http_llmbroker_mock_bedrock_sum_text(uint32_t *crc,
    ngx_http_llmbroker_mock_frame_t *f)
{
    off_t   pos;
    size_t  n;
    u_char  piece[NGX_HTTP_LLMBROKER_MOCK_PIECE];

    for (pos = f->from; pos < f->to; pos += n) {
        n = (size_t) ngx_min(f->to - pos, (off_t) sizeof(piece));

        (void) ngx_http_llmbroker_mock_copy(piece, f->text, pos, n);
        ngx_crc32_update(crc, piece, n);
    }
}


static void
ngx_http_llmbroker_mock_bedrock_u32(u_char *p, uint32_t n)
{
    p[0] = (u_char) (n >> 24);
    p[1] = (u_char) (n >> 16);
    p[2] = (u_char) (n >> 8);
    p[3] = (u_char) n;
}


static void
ngx_http_llmbroker_mock_bedrock_error(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_uint_t event)
{
    size_t                                          start;
    const char                                     *name;
    ngx_http_llmbroker_mock_string_t               *s;
    const ngx_http_llmbroker_mock_bedrock_error_t  *e;

    s = &ctx->head;

    if (event) {
        start = ngx_http_llmbroker_mock_bedrock_open(s, "exception",
                                                   "internalServerException");
        ngx_http_llmbroker_mock_printf(s, "{\"message\":\"%V\"",
                                       &ctx->message);
        ngx_http_llmbroker_mock_bedrock_close(ctx, s, start);
        return;
    }

    for (e = ngx_http_llmbroker_mock_bedrock_errors; e->status; e++) {
        if (e->status == ctx->status) {
            break;
        }
    }

    name = e->name;

    if (name == NULL) {
        name = (ctx->status < 500) ? "ValidationException"
                                   : "InternalServerException";
    }

    /* a refusal may have a name of its own */

    if (ctx->code) {
        name = ctx->code;
    }

    ngx_str_set(&ctx->error_header.key, "x-amzn-ErrorType");
    ctx->error_header.value.data = (u_char *) name;
    ctx->error_header.value.len = ngx_strlen(name);

    ngx_http_llmbroker_mock_printf(s, "{\"message\":\"%V\"}", &ctx->message);
}
