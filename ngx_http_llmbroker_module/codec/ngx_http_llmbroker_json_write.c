
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <yajl/yajl_gen.h>

#include "codec/ngx_http_llmbroker_json_write.h"
#include "codec/ngx_http_llmbroker_utf8.h"


/* a name of an API with its quotes, bytes */
#define NGX_HTTP_LLMBROKER_JSON_WRITE_NAME  64

#define ngx_http_llmbroker_json_bytes(b)  (0x0101010101010101ULL * (b))


static void ngx_http_llmbroker_json_generator(
    ngx_http_llmbroker_json_writer_t *w);
static ngx_uint_t ngx_http_llmbroker_json_ready(
    ngx_http_llmbroker_json_writer_t *w);
static ngx_uint_t ngx_http_llmbroker_json_names(
    ngx_http_llmbroker_json_writer_t *w);
static void ngx_http_llmbroker_json_value(
    ngx_http_llmbroker_json_writer_t *w, const void *p, size_t len);
static void ngx_http_llmbroker_json_opened(
    ngx_http_llmbroker_json_writer_t *w, yajl_gen_status status,
    ngx_uint_t object);
static ngx_uint_t ngx_http_llmbroker_json_closes(
    ngx_http_llmbroker_json_writer_t *w, ngx_uint_t object);
static void ngx_http_llmbroker_json_status(
    ngx_http_llmbroker_json_writer_t *w, yajl_gen_status status);

static void ngx_http_llmbroker_json_escape(
    ngx_http_llmbroker_json_writer_t *w, u_char *p, size_t len);
static u_char *ngx_http_llmbroker_json_plain(u_char *p, u_char *last);
static u_char *ngx_http_llmbroker_json_replace(u_char *p, u_char ch);
static size_t ngx_http_llmbroker_json_character(u_char *p, u_char *last);
static void ngx_http_llmbroker_json_copy(ngx_http_llmbroker_json_writer_t *w,
    const void *p, size_t len);

static void ngx_http_llmbroker_json_print(void *data, const char *p,
    size_t len);
static void *ngx_http_llmbroker_json_write_malloc(void *data, size_t size);
static void *ngx_http_llmbroker_json_write_realloc(void *data, void *p,
    size_t size);
static void ngx_http_llmbroker_json_write_free(void *data, void *p);


void
ngx_http_llmbroker_json_write_start(ngx_http_llmbroker_json_writer_t *w,
    ngx_http_llmbroker_out_t *out)
{
    ngx_http_llmbroker_json_write_members(w, out);

    w->members = 0;

    ngx_http_llmbroker_json_generator(w);
}


void
ngx_http_llmbroker_json_write_members(ngx_http_llmbroker_json_writer_t *w,
    ngx_http_llmbroker_out_t *out)
{
    w->gen = NULL;
    w->out = out;
    w->depth = 0;
    w->objects = 0;
    w->used = 0;
    w->failed = 0;
    w->key = 0;
    w->string = 0;
    w->quiet = 0;
    w->name = 0;
    w->refer = 0;
    w->members = 1;
}


static void
ngx_http_llmbroker_json_generator(ngx_http_llmbroker_json_writer_t *w)
{
    yajl_alloc_funcs  functions;

    functions.malloc = ngx_http_llmbroker_json_write_malloc;
    functions.realloc = ngx_http_llmbroker_json_write_realloc;
    functions.free = ngx_http_llmbroker_json_write_free;
    functions.ctx = w;

    w->gen = yajl_gen_alloc(&functions);
    if (w->gen == NULL) {
        w->failed = 1;
        return;
    }

    if (yajl_gen_config(w->gen, yajl_gen_print_callback,
                        ngx_http_llmbroker_json_print, w)
        == 0)
    {
        w->failed = 1;
        return;
    }

    if (!w->members) {
        return;
    }

    /* the object that is open, with its member */

    w->quiet = 1;

    ngx_http_llmbroker_json_opened(w, yajl_gen_map_open(w->gen), 1);
    ngx_http_llmbroker_json_status(w, yajl_gen_string(w->gen,
                                                      (u_char *) "", 0));
    ngx_http_llmbroker_json_status(w, yajl_gen_null(w->gen));

    w->quiet = 0;
}


void
ngx_http_llmbroker_json_write_refer(ngx_http_llmbroker_json_writer_t *w)
{
    w->refer = 1;
}


ngx_int_t
ngx_http_llmbroker_json_write_end(ngx_http_llmbroker_json_writer_t *w)
{
    if (w->gen == NULL) {
        return (w->members && !w->failed) ? NGX_OK : NGX_ERROR;
    }

    if (w->depth != w->members || w->key || w->string) {
        w->failed = 1;
    }

    if (!w->failed && !w->members) {

        /* only after a whole value yajl_gen refuses one more, unprinted */

        if (yajl_gen_null(w->gen) != yajl_gen_generation_complete) {
            w->failed = 1;
        }
    }

    yajl_gen_free(w->gen);
    w->gen = NULL;

    return w->failed ? NGX_ERROR : NGX_OK;
}


void
ngx_http_llmbroker_json_open(ngx_http_llmbroker_json_writer_t *w)
{
    if (ngx_http_llmbroker_json_ready(w)) {
        ngx_http_llmbroker_json_opened(w, yajl_gen_map_open(w->gen), 1);
    }
}


void
ngx_http_llmbroker_json_close(ngx_http_llmbroker_json_writer_t *w)
{
    if (ngx_http_llmbroker_json_closes(w, 1)) {
        ngx_http_llmbroker_json_status(w, yajl_gen_map_close(w->gen));
    }
}


void
ngx_http_llmbroker_json_open_array(ngx_http_llmbroker_json_writer_t *w)
{
    if (ngx_http_llmbroker_json_ready(w)) {
        ngx_http_llmbroker_json_opened(w, yajl_gen_array_open(w->gen), 0);
    }
}


void
ngx_http_llmbroker_json_close_array(ngx_http_llmbroker_json_writer_t *w)
{
    if (ngx_http_llmbroker_json_closes(w, 0)) {
        ngx_http_llmbroker_json_status(w, yajl_gen_array_close(w->gen));
    }
}


void
ngx_http_llmbroker_json_key_name(ngx_http_llmbroker_json_writer_t *w,
    const char *name, size_t len)
{
    u_char  buf[NGX_HTTP_LLMBROKER_JSON_WRITE_NAME];

    if (!ngx_http_llmbroker_json_names(w)) {
        return;
    }

    /* names of APIs are short: written at once */

    if (len > sizeof(buf) - 2) {
        ngx_http_llmbroker_json_copy(w, "\"", 1);
        ngx_http_llmbroker_json_copy(w, name, len);
        ngx_http_llmbroker_json_copy(w, "\"", 1);
        return;
    }

    buf[0] = '"';
    ngx_memcpy(buf + 1, name, len);
    buf[len + 1] = '"';

    ngx_http_llmbroker_json_copy(w, buf, len + 2);
}


void
ngx_http_llmbroker_json_key_str(ngx_http_llmbroker_json_writer_t *w,
    ngx_str_t *name)
{
    if (!ngx_http_llmbroker_json_names(w)) {
        return;
    }

    ngx_http_llmbroker_json_copy(w, "\"", 1);
    ngx_http_llmbroker_json_escape(w, name->data, name->len);
    ngx_http_llmbroker_json_copy(w, "\"", 1);
}


/* 1 when a name comes next, which the caller writes */

static ngx_uint_t
ngx_http_llmbroker_json_names(ngx_http_llmbroker_json_writer_t *w)
{
    if (!ngx_http_llmbroker_json_ready(w)) {
        return 0;
    }

    if (w->depth == 0 || w->key
        || !(w->objects & ((uint64_t) 1 << (w->depth - 1))))
    {
        w->failed = 1;
        return 0;
    }

    /*
     * yajl_gen takes a name from yajl_gen_string() only, which would pass on
     * what is not UTF-8: it prints the comma, the name is written here
     */

    w->name = 1;
    ngx_http_llmbroker_json_status(w, yajl_gen_string(w->gen,
                                                      (u_char *) "", 0));
    w->name = 0;
    w->key = 1;

    return 1;
}


void
ngx_http_llmbroker_json_text(ngx_http_llmbroker_json_writer_t *w,
    const char *text)
{
    ngx_str_t  s;

    s.data = (u_char *) text;
    s.len = ngx_strlen(text);

    ngx_http_llmbroker_json_str(w, &s);
}


void
ngx_http_llmbroker_json_str(ngx_http_llmbroker_json_writer_t *w,
    ngx_str_t *text)
{
    ngx_http_llmbroker_json_open_string(w);
    ngx_http_llmbroker_json_text_piece(w, text);
    ngx_http_llmbroker_json_close_string(w);
}


void
ngx_http_llmbroker_json_raw(ngx_http_llmbroker_json_writer_t *w,
    ngx_str_t *raw)
{
    if (raw->len == 0) {
        w->failed = 1;
        return;
    }

    ngx_http_llmbroker_json_value(w, raw->data, raw->len);
}


void
ngx_http_llmbroker_json_number(ngx_http_llmbroker_json_writer_t *w, int64_t n)
{
    u_char  *p, *last, buf[NGX_INT64_LEN];

    last = buf + sizeof(buf);
    p = ngx_http_llmbroker_json_digits(last, n);

    ngx_http_llmbroker_json_value(w, p, last - p);
}


u_char *
ngx_http_llmbroker_json_digits(u_char *last, int64_t n)
{
    uint64_t  u;

    u = (n < 0) ? 0 - (uint64_t) n : (uint64_t) n;

    do {
        *--last = (u_char) (u % 10 + '0');
        u /= 10;
    } while (u != 0);

    if (n < 0) {
        *--last = '-';
    }

    return last;
}


void
ngx_http_llmbroker_json_bool(ngx_http_llmbroker_json_writer_t *w,
    ngx_uint_t v)
{
    if (ngx_http_llmbroker_json_ready(w)) {
        w->key = 0;
        ngx_http_llmbroker_json_status(w, yajl_gen_bool(w->gen, v != 0));
    }
}


void
ngx_http_llmbroker_json_null(ngx_http_llmbroker_json_writer_t *w)
{
    if (ngx_http_llmbroker_json_ready(w)) {
        w->key = 0;
        ngx_http_llmbroker_json_status(w, yajl_gen_null(w->gen));
    }
}


void
ngx_http_llmbroker_json_open_string(ngx_http_llmbroker_json_writer_t *w)
{
    ngx_http_llmbroker_json_value(w, "\"", 1);

    w->string = 1;
}


void
ngx_http_llmbroker_json_inner_piece(ngx_http_llmbroker_json_writer_t *w,
    ngx_str_t *inner)
{
    if (!w->string) {
        w->failed = 1;
        return;
    }

    ngx_http_llmbroker_json_copy(w, inner->data, inner->len);
}


void
ngx_http_llmbroker_json_text_piece(ngx_http_llmbroker_json_writer_t *w,
    ngx_str_t *text)
{
    if (!w->string) {
        w->failed = 1;
        return;
    }

    ngx_http_llmbroker_json_escape(w, text->data, text->len);
}


void
ngx_http_llmbroker_json_close_string(ngx_http_llmbroker_json_writer_t *w)
{
    if (!w->string) {
        w->failed = 1;
        return;
    }

    w->string = 0;

    ngx_http_llmbroker_json_copy(w, "\"", 1);
}


/* 1 when yajl_gen may be called: never again after an error */

static ngx_uint_t
ngx_http_llmbroker_json_ready(ngx_http_llmbroker_json_writer_t *w)
{
    if (w->string) {
        w->failed = 1;
    }

    if (w->gen == NULL && !w->failed) {
        ngx_http_llmbroker_json_generator(w);
    }

    return !w->failed;
}


static void
ngx_http_llmbroker_json_value(ngx_http_llmbroker_json_writer_t *w,
    const void *p, size_t len)
{
    if (ngx_http_llmbroker_json_ready(w)) {

        /* yajl_gen_number() prints its text as it is */

        w->key = 0;
        ngx_http_llmbroker_json_status(w, yajl_gen_number(w->gen, p, len));
    }
}


static void
ngx_http_llmbroker_json_opened(ngx_http_llmbroker_json_writer_t *w,
    yajl_gen_status status, ngx_uint_t object)
{
    uint64_t  bit;

    if (w->depth == NGX_HTTP_LLMBROKER_JSON_WRITE_DEPTH) {
        w->failed = 1;
        return;
    }

    bit = (uint64_t) 1 << w->depth;

    if (object) {
        w->objects |= bit;

    } else {
        w->objects &= ~bit;
    }

    w->depth++;
    w->key = 0;

    ngx_http_llmbroker_json_status(w, status);
}


/* yajl_gen would close anything as anything */

static ngx_uint_t
ngx_http_llmbroker_json_closes(ngx_http_llmbroker_json_writer_t *w,
    ngx_uint_t object)
{
    if (!ngx_http_llmbroker_json_ready(w)) {
        return 0;
    }

    if (w->depth == w->members || w->key
        || ((w->objects >> (w->depth - 1)) & 1) != object)
    {
        w->failed = 1;
        return 0;
    }

    w->depth--;

    return 1;
}


static void
ngx_http_llmbroker_json_status(ngx_http_llmbroker_json_writer_t *w,
    yajl_gen_status status)
{
    if (status != yajl_gen_status_ok) {
        w->failed = 1;
    }
}


static void
ngx_http_llmbroker_json_escape(ngx_http_llmbroker_json_writer_t *w, u_char *p,
    size_t len)
{
    size_t       n;
    u_char      *start, *last, buf[sizeof("\\u001f") - 1];
    ngx_uint_t   valid;

    if (len == 0) {
        return;
    }

    start = p;
    last = p + len;

    p = ngx_http_llmbroker_json_plain(p, last);

    if (p == last) {
        ngx_http_llmbroker_json_copy(w, start, len);
        return;
    }

    valid = (ngx_http_llmbroker_utf8(NGX_HTTP_LLMBROKER_UTF8_ACCEPT, p, last)
             == NGX_HTTP_LLMBROKER_UTF8_ACCEPT);

    while (p < last) {

        if (*p < 0x80 || valid) {

            if (*p >= ' ' && *p != '"' && *p != '\\') {
                p++;
                continue;
            }

        } else {
            n = ngx_http_llmbroker_json_character(p, last);

            if (n != 0) {
                p += n;
                continue;
            }
        }

        ngx_http_llmbroker_json_copy(w, start, p - start);

        n = ngx_http_llmbroker_json_replace(buf, *p) - buf;

        ngx_http_llmbroker_json_copy(w, buf, n);

        start = ++p;
    }

    ngx_http_llmbroker_json_copy(w, start, p - start);
}


/*
 * Most texts have nothing to escape and are ASCII: the first word of eight
 * bytes with something else, or byte of the last seven.  The high bit of a byte
 * of "stop" is set for each quote, backslash, control byte and byte beyond.
 */

static u_char *
ngx_http_llmbroker_json_plain(u_char *p, u_char *last)
{
    uint64_t  w, stop;

    while (last - p >= (ssize_t) sizeof(w)) {
        ngx_memcpy(&w, p, sizeof(w));

        stop = (w ^ ngx_http_llmbroker_json_bytes('"'))
               - ngx_http_llmbroker_json_bytes(0x01);
        stop |= (w ^ ngx_http_llmbroker_json_bytes('\\'))
                - ngx_http_llmbroker_json_bytes(0x01);
        stop |= w - ngx_http_llmbroker_json_bytes(0x20);
        stop |= w;

        if ((stop & ngx_http_llmbroker_json_bytes(0x80)) != 0) {
            return p;
        }

        p += sizeof(w);
    }

    while (p < last && *p >= ' ' && *p < 0x80 && *p != '"' && *p != '\\') {
        p++;
    }

    return p;
}


/* what stands in JSON for a byte that may not stand there itself */

static u_char *
ngx_http_llmbroker_json_replace(u_char *p, u_char ch)
{
    if (ch >= 0x80) {
        return ngx_http_llmbroker_utf8_write(p, 0xfffd);
    }

    *p++ = '\\';

    switch (ch) {

    case '\b':
        *p++ = 'b';
        return p;

    case '\f':
        *p++ = 'f';
        return p;

    case LF:
        *p++ = 'n';
        return p;

    case CR:
        *p++ = 'r';
        return p;

    case '\t':
        *p++ = 't';
        return p;

    case '"':
    case '\\':
        *p++ = ch;
        return p;
    }

    return ngx_sprintf(p, "u%04xi", (ngx_uint_t) ch);
}


/* the length of the character at p, 0 when it is not UTF-8 */

static size_t
ngx_http_llmbroker_json_character(u_char *p, u_char *last)
{
    size_t    n, len;
    uint32_t  state;

    len = ngx_min(4, last - p);
    state = NGX_HTTP_LLMBROKER_UTF8_ACCEPT;

    for (n = 1; n <= len; n++) {
        state = ngx_http_llmbroker_utf8(state, p + n - 1, p + n);

        if (state == NGX_HTTP_LLMBROKER_UTF8_ACCEPT) {
            return n;
        }

        if (state == NGX_HTTP_LLMBROKER_UTF8_REJECT) {
            return 0;
        }
    }

    return 0;
}


static void
ngx_http_llmbroker_json_copy(ngx_http_llmbroker_json_writer_t *w,
    const void *p, size_t len)
{
    ngx_int_t  rc;

    if (w->failed) {
        return;
    }

    if (w->refer && len >= NGX_HTTP_LLMBROKER_JSON_WRITE_REFER) {
        rc = ngx_http_llmbroker_out_refer(w->out, (u_char *) p, len);

    } else {
        rc = ngx_http_llmbroker_out_copy(w->out, p, len);
    }

    if (rc != NGX_OK) {
        w->failed = 1;
    }
}


static void
ngx_http_llmbroker_json_print(void *data, const char *p, size_t len)
{
    ngx_http_llmbroker_json_writer_t *w = data;

    if (w->quiet || (w->name && *p == '"')) {
        return;
    }

    ngx_http_llmbroker_json_copy(w, p, len);
}


static void *
ngx_http_llmbroker_json_write_malloc(void *data, size_t size)
{
    ngx_http_llmbroker_json_writer_t *w = data;

    u_char  *p;

    size = ngx_align(size, 16);

    if (size > sizeof(w->memory) - w->used) {
        return NULL;
    }

    p = (u_char *) w->memory + w->used;
    w->used += size;

    return p;
}


static void *
ngx_http_llmbroker_json_write_realloc(void *data, void *p, size_t size)
{
    (void) p;

    /* yajl_gen asks for it with its own buffer only, which is not used */

    return ngx_http_llmbroker_json_write_malloc(data, size);
}


static void
ngx_http_llmbroker_json_write_free(void *data, void *p)
{
    (void) data;
    (void) p;
}
