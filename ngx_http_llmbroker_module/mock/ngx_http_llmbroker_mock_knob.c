
/*
 * Copyright (C) LLMBroker contributors
 */


/*
 * The knobs, as "name=value" of the directive, as a header "x-mock-name" or in
 * a script at the beginning of the last user message:
 *
 *   delay=T            before the response header
 *   first_delay=T      from the header to the body
 *   spacing=T          between two chunks of text in a stream
 *   chunks=N           number of chunks of text; otherwise one for each word
 *   size=N             the text is a filler of N bytes (see _text.c); streamed
 *                      in chunks of 64 to 256 bytes
 *   varied=1           the filler begins elsewhere in each answer of a worker
 *   status=N           an error in the dialect's form, if N is 300 or more
 *   body=TEXT          the body as it is, instead of the dialect's
 *   retry_after=TEXT   a Retry-After header
 *   encoding=NAME      a Content-Encoding header, which is not true
 *   header=NAME:VALUE  a header, up to 8 of them
 *   cut=N              closes the connection after N bytes of the body
 *   stall=N            sends no more after N bytes of the body
 *   bytes=N            sends N bytes with each write
 *   malformed=1        breaks an event in the middle of a stream, or the end
 *                      of a buffered answer
 *   error_event=N      an error after N chunks of text, and the end
 *   no_done=1          no [DONE], message_stop, messageStop (Bedrock) or finish
 *                      reason (DashScope)
 *   no_usage=1         no token counts
 *   usage_in_finish=1  token counts in OpenAI's last chunk of a choice
 *   cached=N           N of the prompt's tokens came from a cache
 *   json=1             a buffered answer to a streamed request
 *   sse=1              a stream for a buffered request
 *   empty=1            no body
 *   quirks=1           deviations: C16 to C18, N3; Bedrock's metadata before
 *                      its messageStop
 *   growing=1          a stream of DashScope's that repeats all so far (N6)
 *   echo_request=1     the text, or an error's message, is the request as it
 *                      came: first line, headers, empty line, body
 *   times=N            of the directive only: its knobs are for the first N
 *                      requests of each worker, later ones get plain answers
 *   script=on          obeys scripts, "!mock name=value ... !"
 *   fixed=1            the same text for every request, whose body is not
 *                      parsed: for benchmarks
 */


#include "mock/ngx_http_llmbroker_mock.h"


#define ngx_http_llmbroker_mock_knob_offset(field)                            \
    offsetof(ngx_http_llmbroker_mock_knobs_t, field)


typedef enum {
    NGX_HTTP_LLMBROKER_MOCK_FLAG = 0,
    NGX_HTTP_LLMBROKER_MOCK_NUMBER,
    NGX_HTTP_LLMBROKER_MOCK_SIZE,
    NGX_HTTP_LLMBROKER_MOCK_MSEC,
    NGX_HTTP_LLMBROKER_MOCK_STRING,
    NGX_HTTP_LLMBROKER_MOCK_STATUS,
    NGX_HTTP_LLMBROKER_MOCK_HEADER
} ngx_http_llmbroker_mock_knob_type_e;


typedef struct {
    ngx_str_t                            name;
    ngx_http_llmbroker_mock_knob_type_e  type;
    size_t                               offset;
} ngx_http_llmbroker_mock_knob_row_t;


static const ngx_http_llmbroker_mock_knob_row_t *
    ngx_http_llmbroker_mock_knob_find(ngx_str_t *name);
static ngx_uint_t ngx_http_llmbroker_mock_knob_clean(ngx_str_t *value);
static ngx_int_t ngx_http_llmbroker_mock_knob_flag(ngx_flag_t *fp,
    ngx_str_t *value);
static ngx_int_t ngx_http_llmbroker_mock_knob_header(
    ngx_http_llmbroker_mock_knobs_t *k, ngx_str_t *value);


static const ngx_http_llmbroker_mock_knob_row_t
    ngx_http_llmbroker_mock_knob_rows[] =
{
    { ngx_string("delay"), NGX_HTTP_LLMBROKER_MOCK_MSEC,
      ngx_http_llmbroker_mock_knob_offset(delay) },

    { ngx_string("first_delay"), NGX_HTTP_LLMBROKER_MOCK_MSEC,
      ngx_http_llmbroker_mock_knob_offset(first_delay) },

    { ngx_string("spacing"), NGX_HTTP_LLMBROKER_MOCK_MSEC,
      ngx_http_llmbroker_mock_knob_offset(spacing) },

    { ngx_string("chunks"), NGX_HTTP_LLMBROKER_MOCK_NUMBER,
      ngx_http_llmbroker_mock_knob_offset(chunks) },

    { ngx_string("size"), NGX_HTTP_LLMBROKER_MOCK_SIZE,
      ngx_http_llmbroker_mock_knob_offset(size) },

    { ngx_string("status"), NGX_HTTP_LLMBROKER_MOCK_STATUS,
      ngx_http_llmbroker_mock_knob_offset(status) },

    { ngx_string("cut"), NGX_HTTP_LLMBROKER_MOCK_SIZE,
      ngx_http_llmbroker_mock_knob_offset(cut) },

    { ngx_string("stall"), NGX_HTTP_LLMBROKER_MOCK_SIZE,
      ngx_http_llmbroker_mock_knob_offset(stall) },

    { ngx_string("bytes"), NGX_HTTP_LLMBROKER_MOCK_SIZE,
      ngx_http_llmbroker_mock_knob_offset(bytes) },

    { ngx_string("error_event"), NGX_HTTP_LLMBROKER_MOCK_NUMBER,
      ngx_http_llmbroker_mock_knob_offset(error_event) },

    { ngx_string("cached"), NGX_HTTP_LLMBROKER_MOCK_NUMBER,
      ngx_http_llmbroker_mock_knob_offset(cached) },

    { ngx_string("times"), NGX_HTTP_LLMBROKER_MOCK_NUMBER,
      ngx_http_llmbroker_mock_knob_offset(times) },

    { ngx_string("body"), NGX_HTTP_LLMBROKER_MOCK_STRING,
      ngx_http_llmbroker_mock_knob_offset(body) },

    { ngx_string("retry_after"), NGX_HTTP_LLMBROKER_MOCK_STRING,
      ngx_http_llmbroker_mock_knob_offset(retry_after) },

    { ngx_string("encoding"), NGX_HTTP_LLMBROKER_MOCK_STRING,
      ngx_http_llmbroker_mock_knob_offset(encoding) },

    { ngx_string("header"), NGX_HTTP_LLMBROKER_MOCK_HEADER, 0 },

    { ngx_string("script"), NGX_HTTP_LLMBROKER_MOCK_FLAG,
      ngx_http_llmbroker_mock_knob_offset(script) },

    { ngx_string("fixed"), NGX_HTTP_LLMBROKER_MOCK_FLAG,
      ngx_http_llmbroker_mock_knob_offset(fixed) },

    { ngx_string("varied"), NGX_HTTP_LLMBROKER_MOCK_FLAG,
      ngx_http_llmbroker_mock_knob_offset(varied) },

    { ngx_string("malformed"), NGX_HTTP_LLMBROKER_MOCK_FLAG,
      ngx_http_llmbroker_mock_knob_offset(malformed) },

    { ngx_string("no_done"), NGX_HTTP_LLMBROKER_MOCK_FLAG,
      ngx_http_llmbroker_mock_knob_offset(no_done) },

    { ngx_string("no_usage"), NGX_HTTP_LLMBROKER_MOCK_FLAG,
      ngx_http_llmbroker_mock_knob_offset(no_usage) },

    { ngx_string("usage_in_finish"), NGX_HTTP_LLMBROKER_MOCK_FLAG,
      ngx_http_llmbroker_mock_knob_offset(usage_in_finish) },

    { ngx_string("json"), NGX_HTTP_LLMBROKER_MOCK_FLAG,
      ngx_http_llmbroker_mock_knob_offset(json) },

    { ngx_string("sse"), NGX_HTTP_LLMBROKER_MOCK_FLAG,
      ngx_http_llmbroker_mock_knob_offset(sse) },

    { ngx_string("quirks"), NGX_HTTP_LLMBROKER_MOCK_FLAG,
      ngx_http_llmbroker_mock_knob_offset(quirks) },

    { ngx_string("growing"), NGX_HTTP_LLMBROKER_MOCK_FLAG,
      ngx_http_llmbroker_mock_knob_offset(growing) },

    { ngx_string("empty"), NGX_HTTP_LLMBROKER_MOCK_FLAG,
      ngx_http_llmbroker_mock_knob_offset(empty) },

    { ngx_string("echo_request"), NGX_HTTP_LLMBROKER_MOCK_FLAG,
      ngx_http_llmbroker_mock_knob_offset(echo_request) },

    { ngx_null_string, NGX_HTTP_LLMBROKER_MOCK_FLAG, 0 }
};


void
ngx_http_llmbroker_mock_knobs_init(ngx_http_llmbroker_mock_knobs_t *k)
{
    ngx_memzero(k, sizeof(ngx_http_llmbroker_mock_knobs_t));

    k->chunks = -1;
    k->size = -1;
    k->status = -1;
    k->cut = -1;
    k->stall = -1;
    k->bytes = -1;
    k->error_event = -1;
    k->cached = -1;
    k->times = -1;
}


ngx_int_t
ngx_http_llmbroker_mock_knob(ngx_http_llmbroker_mock_knobs_t *k,
    ngx_str_t *name, ngx_str_t *value)
{
    u_char                                    *field;
    ngx_int_t                                  n;
    const ngx_http_llmbroker_mock_knob_row_t  *row;

    row = ngx_http_llmbroker_mock_knob_find(name);
    if (row == NULL) {
        return NGX_DECLINED;
    }

    field = (u_char *) k + row->offset;

    switch (row->type) {

    case NGX_HTTP_LLMBROKER_MOCK_FLAG:
        return ngx_http_llmbroker_mock_knob_flag((ngx_flag_t *) field, value);

    case NGX_HTTP_LLMBROKER_MOCK_STRING:
        if (row->offset != ngx_http_llmbroker_mock_knob_offset(body)
            && !ngx_http_llmbroker_mock_knob_clean(value))
        {
            return NGX_DECLINED;
        }

        *(ngx_str_t *) field = *value;
        return NGX_OK;

    case NGX_HTTP_LLMBROKER_MOCK_HEADER:
        return ngx_http_llmbroker_mock_knob_header(k, value);

    case NGX_HTTP_LLMBROKER_MOCK_MSEC:
        n = ngx_parse_time(value, 0);
        break;

    case NGX_HTTP_LLMBROKER_MOCK_SIZE:
        n = (ngx_int_t) ngx_parse_offset(value);
        break;

    default: /* NUMBER, STATUS */
        n = ngx_atoi(value->data, value->len);
        break;
    }

    if (n == NGX_ERROR) {
        return NGX_DECLINED;
    }

    if (row->type == NGX_HTTP_LLMBROKER_MOCK_STATUS && (n < 200 || n > 599)) {
        return NGX_DECLINED;
    }

    /* ngx_msec_t and ngx_int_t have the same size */

    *(ngx_int_t *) field = n;

    return NGX_OK;
}


static const ngx_http_llmbroker_mock_knob_row_t *
ngx_http_llmbroker_mock_knob_find(ngx_str_t *name)
{
    u_char                                     ch;
    size_t                                     i;
    const ngx_http_llmbroker_mock_knob_row_t  *row;

    for (row = ngx_http_llmbroker_mock_knob_rows; row->name.len; row++) {

        if (row->name.len != name->len) {
            continue;
        }

        for (i = 0; i < name->len; i++) {
            ch = (name->data[i] == '-') ? '_' : name->data[i];

            if (ch != row->name.data[i]) {
                break;
            }
        }

        if (i == name->len) {
            return row;
        }
    }

    return NULL;
}


/* A script's value may hold any byte: none of them may split a header. */

static ngx_uint_t
ngx_http_llmbroker_mock_knob_clean(ngx_str_t *value)
{
    size_t  i;

    for (i = 0; i < value->len; i++) {
        if (value->data[i] < 0x20 || value->data[i] == 0x7f) {
            return 0;
        }
    }

    return 1;
}


static ngx_int_t
ngx_http_llmbroker_mock_knob_flag(ngx_flag_t *fp, ngx_str_t *value)
{
    if (value->len == 1 && value->data[0] == '1') {
        *fp = 1;
        return NGX_OK;
    }

    if (value->len == 1 && value->data[0] == '0') {
        *fp = 0;
        return NGX_OK;
    }

    if (value->len == 2 && ngx_strncmp(value->data, "on", 2) == 0) {
        *fp = 1;
        return NGX_OK;
    }

    if (value->len == 3 && ngx_strncmp(value->data, "off", 3) == 0) {
        *fp = 0;
        return NGX_OK;
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_llmbroker_mock_knob_header(ngx_http_llmbroker_mock_knobs_t *k,
    ngx_str_t *value)
{
    u_char        *p, *last;
    ngx_keyval_t  *kv;

    last = value->data + value->len;

    p = ngx_strlchr(value->data, last, ':');

    if (p == NULL || p == value->data
        || k->nheaders == NGX_HTTP_LLMBROKER_MOCK_HEADERS
        || !ngx_http_llmbroker_mock_knob_clean(value))
    {
        return NGX_DECLINED;
    }

    kv = &k->headers[k->nheaders++];

    kv->key.data = value->data;
    kv->key.len = p - value->data;

    do {
        p++;
    } while (p < last && *p == ' ');

    kv->value.data = p;
    kv->value.len = last - p;

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_mock_request_knob(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_str_t *name, ngx_str_t *value)
{
    ngx_http_llmbroker_mock_knobs_t  *k;

    if (!ctx->own_knobs) {
        k = ngx_palloc(ctx->pool, sizeof(ngx_http_llmbroker_mock_knobs_t));
        if (k == NULL) {
            return NGX_ERROR;
        }

        *k = *ctx->knobs;

        ctx->knobs = k;
        ctx->own_knobs = 1;
    }

    if (ngx_http_llmbroker_mock_knob(ctx->knobs, name, value) != NGX_OK) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                              "invalid mock knob \"%V=%V\"",
                                              name, value);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_mock_script(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_str_t *text)
{
    u_char     *p, *last, *end, *start;
    ngx_int_t   rc;
    ngx_str_t   name, value;

    if (text->len < sizeof("!mock ") - 1
        || ngx_strncmp(text->data, "!mock ", sizeof("!mock ") - 1) != 0)
    {
        return NGX_OK;
    }

    /* the end is a lone "!" */

    p = text->data + sizeof("!mock") - 1;
    end = ngx_strnstr(p, " !", text->data + text->len - p);

    if (end == NULL) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                                              "mock script has no end");
    }

    start = ngx_pnalloc(ctx->pool, end - p + 1);
    if (start == NULL) {
        return NGX_ERROR;
    }

    last = ngx_http_llmbroker_json_decode(start, p, end - p);
    if (last == NULL) {
        return NGX_ERROR;
    }

    *last++ = ' ';

    text->len -= end + 2 - text->data;
    text->data = end + 2;

    while (text->len && text->data[0] == ' ') {
        text->data++;
        text->len--;
    }

    for (p = start; p < last; p = end + 1) {

        end = ngx_strlchr(p, last, ' ');

        if (end == p) {
            continue;
        }

        name.data = p;
        value.data = ngx_strlchr(p, end, '=');

        if (value.data == NULL) {
            value.data = end;
        }

        name.len = value.data - p;

        if (value.data < end) {
            value.data++;
        }

        value.len = end - value.data;

        rc = ngx_http_llmbroker_mock_request_knob(ctx, &name, &value);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}
