
/*
 * Copyright (C) LLMBroker contributors
 *
 * Fuzzes the dialects with a request, a buffered answer or a stream.  The
 * first byte names the dialect (c, q, g, o or b for Claude, Qwen, Gemini,
 * OpenAI, Bedrock), the second says what follows:
 *
 *     0x03  0: a request, 1: a buffered answer, 2: a stream of events
 *     0x04  the client wants a stream, and the usage
 *     0x08  a completion in place of a chat
 *     0x30  0: nothing was asked, 1: custom tools, 2: an array as the format,
 *           3: legacy functions
 *
 * What is written must be JSON, or events of JSON; what is not written must be
 * told why; a stream ends once, and is the same whole and byte by byte.
 */


#include "exchange.h"

#include <yajl/yajl_parse.h>


#define FUZZ_KIND         0x03
#define FUZZ_STREAM       0x04
#define FUZZ_COMPLETIONS  0x08

#define FUZZ_REQUEST      0
#define FUZZ_BUFFERED     1

#define FUZZ_FORMAT                                                          \
    ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"         \
    "{\"name\":\"n\",\"schema\":{\"type\":\"array\"}}}"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_die(const char *why, const char *text, size_t len);
static void fuzz_object(const char *text, size_t len);
static void fuzz_events(const char *text);
static void fuzz_refused(ngx_uint_t status);
static void fuzz_ask(uint8_t how);
static void fuzz_build(const uint8_t *data, size_t size);
static void fuzz_response(const uint8_t *data, size_t size);
static ngx_int_t fuzz_event(void *data,
    ngx_http_llmbroker_sse_event_t *event);
static ngx_int_t fuzz_stream(uint8_t how, const uint8_t *data, size_t size,
    size_t cut);
static void fuzz_streams(uint8_t how, const uint8_t *data, size_t size);


static const struct {
    char         letter;
    const char  *provider;
    const char  *base;
    const char  *model;
} dialects[] = {
    { 'c', "claude", "/v1", "claude-sonnet-4-0" },
    { 'q', "qwen", "/api/v1", "qwen-plus" },
    { 'g', "gemini", "/v1beta", "gemini-2.5-flash" },
    { 'o', "openai", "/v1", "gpt-4o" },
    { 'b', "bedrock", "", "anthropic.claude-sonnet-4-20250514-v1:0" },
    { '\0', NULL, NULL, NULL }
};


static const char  *asked[] = {
    "",
    ",\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"f\"}}]",
    FUZZ_FORMAT,
    ",\"functions\":[{\"name\":\"f\"}]"
};


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t     how;
    ngx_uint_t  i;

    if (size < 2) {
        return -1;
    }

    for (i = 0; dialects[i].letter; i++) {
        if (dialects[i].letter == data[0]) {
            break;
        }
    }

    if (dialects[i].letter == '\0') {
        return -1;
    }

    how = data[1];

    ex_provider = dialects[i].provider;
    ex_base = dialects[i].base;
    ex_model = dialects[i].model;

    data += 2;
    size -= 2;

    switch (how & FUZZ_KIND) {

    case FUZZ_REQUEST:
        fuzz_ask(how & ~0x30);
        fuzz_build(data, size);
        break;

    case FUZZ_BUFFERED:
        fuzz_ask(how);
        fuzz_response(data, size);
        break;

    default:
        fuzz_streams(how, data, size);
        break;
    }

    return 0;
}


static void
fuzz_die(const char *why, const char *text, size_t len)
{
    fprintf(stderr, "fuzz_dialect: %s: \"%.*s\"\n", why, (int) len, text);
    abort();
}


/* not by the project's own parser, which knows a depth that is too great */

static void
fuzz_object(const char *text, size_t len)
{
    yajl_handle  parser;

    parser = yajl_alloc(NULL, NULL, NULL);

    if (parser == NULL
        || text[0] != '{'
        || yajl_parse(parser, (const u_char *) text, len) != yajl_status_ok
        || yajl_complete_parse(parser) != yajl_status_ok)
    {
        fuzz_die("no JSON object", text, len);
    }

    yajl_free(parser);
}


/* events of one line each, comments between them, "[DONE]" at the end */

static void
fuzz_events(const char *text)
{
    const char  *end, *done;

    static const char  last[] = "data: [DONE]\n\n";

    done = NULL;

    for ( /* void */ ; *text; text = end + 2) {

        end = strstr(text, "\n\n");

        if (end == NULL || memchr(text, '\n', end - text + 1) != end
            || memchr(text, '\r', end - text) || done)
        {
            fuzz_die("no event", text, strlen(text));
        }

        if (strncmp(text, last, sizeof(last) - 1) == 0) {
            done = text;
            continue;
        }

        if (text[0] == ':') {
            continue;
        }

        if (strncmp(text, "data: ", 6) != 0) {
            fuzz_die("no data", text, end - text);
        }

        fuzz_object(text + 6, end - text - 6);
    }

    if (done == NULL) {
        fuzz_die("no end", "", 0);
    }
}


static void
fuzz_refused(ngx_uint_t status)
{
    if (ex.fault.message.len == 0 || (status && ex.fault.status != status)) {
        fuzz_die("a refusal without a reason",
                 (char *) ex.fault.message.data, ex.fault.message.len);
    }
}


/* begins an exchange; an answer is that of a request */

static void
fuzz_ask(uint8_t how)
{
    u_char                     *p;
    ngx_str_t                   text;
    ngx_http_llmbroker_call_e   call;

    call = (how & FUZZ_COMPLETIONS) ? COMPLETIONS : CHAT;

    srandom(1);

    if (ex_start(call, (how & FUZZ_STREAM) != 0, (how & FUZZ_STREAM) != 0)
        != NGX_OK)
    {
        fuzz_die("no exchange", "", 0);
    }

    if (call == COMPLETIONS || ex.splice || (how & 0x30) == 0) {
        return;
    }

    p = ngx_pnalloc(ex_pool, 512);
    if (p == NULL) {
        fuzz_die("no memory", "", 0);
    }

    text.data = p;
    text.len = ngx_sprintf(p, "{\"messages\":[{\"role\":\"user\",\"content\":"
                           "\"x\"}]%s}", asked[(how & 0x30) >> 4])
               - p;

    if (ngx_http_llmbroker_json_parse(ex_pool, text.data, text.len,
                                      &ex.request)
        != NGX_OK
        || ex_target.dialect->build(&ex) == NGX_ERROR)
    {
        fuzz_die("no request", (char *) text.data, text.len);
    }
}


static void
fuzz_build(const uint8_t *data, size_t size)
{
    char       *text;
    size_t      i;
    ngx_int_t   rc;

    if (ex.splice
        || ngx_http_llmbroker_json_parse(ex_pool, (u_char *) data, size,
                                         &ex.request)
           != NGX_OK
        || ex.request->type != NGX_HTTP_LLMBROKER_JSON_OBJECT)
    {
        return;
    }

    rc = ex_target.dialect->build(&ex);

    for (i = 0; i < ex.dropped.len; i++) {

        if (ex.dropped.data[i] < ' ' || ex.dropped.data[i] > '~') {
            fuzz_die("no header", (char *) ex.dropped.data, ex.dropped.len);
        }
    }

    switch (rc) {

    case NGX_OK:
        text = ex_text(&ex_body);
        fuzz_object(text, strlen(text));
        break;

    case NGX_DECLINED:
        fuzz_refused(400);
        break;

    default:
        fuzz_die("no request", (char *) data, size);
    }
}


static void
fuzz_response(const uint8_t *data, size_t size)
{
    u_char                     *p, *last;
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *root;

    p = (u_char *) data;
    last = p + size;
    rc = NGX_DONE;

    if (ex.splice) {
        rc = ex_target.dialect->check(&ex, p, last);

        if (rc == NGX_OK) {
            rc = ex_target.dialect->check(&ex, last, last);
        }
    }

    if (rc == NGX_DONE) {
        rc = ngx_http_llmbroker_json_parse(ex_pool, p, size, &root);

        if (rc != NGX_OK) {
            return;
        }

        rc = ex_target.dialect->response(&ex, root);

        if (rc == NGX_OK && ex.stream) {
            fuzz_events(ex_answer());

        } else if (rc == NGX_OK) {
            fuzz_object(ex_answer(), ex_out.length);
        }
    }

    if (rc == NGX_DECLINED) {
        fuzz_refused(0);

    } else if (rc != NGX_OK) {
        fuzz_die("no answer", (char *) data, size);
    }
}


/* as the gateway does it: what follows the end is noise */

static ngx_int_t
fuzz_event(void *data, ngx_http_llmbroker_sse_event_t *event)
{
    return ex.done ? NGX_OK : ex_on_event(data, event);
}


/* the events of a stream, in pieces of "cut" bytes in memory of their own */

static ngx_int_t
fuzz_stream(uint8_t how, const uint8_t *data, size_t size, size_t cut)
{
    u_char                    *p;
    size_t                     i, n;
    ngx_int_t                  rc;
    ngx_http_llmbroker_sse_t   sse;

    fuzz_ask(how);

    ex.temp = ngx_create_pool(4096, &ngx_shim_log);

    if (ex.temp == NULL) {
        fuzz_die("no memory", "", 0);
    }

    ngx_http_llmbroker_sse_init(&sse, ex_pool, 65536, fuzz_event, NULL);

    rc = NGX_OK;

    for (i = 0; i < size && rc == NGX_OK; i += cut) {
        n = ngx_min(cut, size - i);

        p = malloc(n);
        memcpy(p, data + i, n);
        rc = ngx_http_llmbroker_sse(&sse, p, p + n);
        free(p);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_llmbroker_sse_eof(&sse);
    }

    if (rc == NGX_OK && !ex.done) {
        rc = ex_target.dialect->end(&ex);
    }

    return rc;
}


static void
fuzz_streams(uint8_t how, const uint8_t *data, size_t size)
{
    char       *whole;
    ngx_int_t   rc;

    rc = fuzz_stream(how, data, size, size);

    if (memchr(data, '\0', size) && ex.splice) {
        return;
    }

    whole = strdup(ex_answer());

    if (whole == NULL) {
        fuzz_die("no memory", "", 0);
    }

    if (rc == NGX_OK && !ex.splice && ex.stream) {
        fuzz_events(whole);

    } else if (rc == NGX_OK && !ex.splice) {
        fuzz_object(whole, strlen(whole));
    }

    if (fuzz_stream(how, data, size, 1) != rc
        || strcmp(ex_answer(), whole) != 0)
    {
        fuzz_die("cut, it differs from", whole, strlen(whole));
    }

    free(whole);
}
