
/*
 * Copyright (C) LLMBroker contributors
 */


/*
 * Texts are kept as they stand between the quotes of a JSON string: escapes
 * go from the request to the answer unchanged, and no chunk ends within one
 * or within a UTF-8 character.
 *
 * A filler is not kept at all: its bytes follow from their offsets.  It
 * consists of records of 16 bytes, "%07x " and a word of 7 letters and a
 * space, so that a client can check each byte that it gets.
 */


#include "mock/ngx_http_llmbroker_mock.h"

#include "codec/ngx_http_llmbroker_utf8.h"


#define NGX_HTTP_LLMBROKER_MOCK_RECORD  16


static void ngx_http_llmbroker_mock_grow(ngx_http_llmbroker_mock_string_t *s,
    size_t len);
static ngx_uint_t ngx_http_llmbroker_mock_count(u_char *p, u_char *last,
    ngx_uint_t in_word);
static ngx_uint_t ngx_http_llmbroker_mock_is_space(u_char *p, u_char *last);
static u_char *ngx_http_llmbroker_mock_word(u_char *p, u_char *last);
static ngx_uint_t ngx_http_llmbroker_mock_filler_words(off_t length);
static off_t ngx_http_llmbroker_mock_decoded(ngx_str_t *data, size_t offset);
static void ngx_http_llmbroker_mock_record(u_char *p, off_t number);
static off_t ngx_http_llmbroker_mock_chunk_end(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_mock_text_t *t);
static ngx_http_llmbroker_mock_text_t *ngx_http_llmbroker_mock_next_text(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_uint_t ngx_http_llmbroker_mock_exhausted(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_mock_text_t *t);


static const u_char  ngx_http_llmbroker_mock_filler_text[16][8] = {
    "apricot", "balloon", "cabinet", "diamond", "emerald", "foxtrot",
    "gateway", "harvest", "insight", "journey", "kitchen", "lantern",
    "machine", "network", "opinion", "pattern"
};


void ngx_cdecl
ngx_http_llmbroker_mock_printf(ngx_http_llmbroker_mock_string_t *s,
    const char *fmt, ...)
{
    u_char   *p;
    va_list   args;

    while (!s->failed) {

        va_start(args, fmt);
        p = ngx_vslprintf(s->pos, s->end, fmt, args);
        va_end(args);

        if (p < s->end) {
            s->pos = p;
            return;
        }

        /* it may have been cut: once more with twice the room */

        ngx_http_llmbroker_mock_grow(s, s->end - s->start + 256);
    }
}


void
ngx_http_llmbroker_mock_append(ngx_http_llmbroker_mock_string_t *s,
    u_char *p, size_t len)
{
    if (len == 0) {
        return;
    }

    if ((size_t) (s->end - s->pos) < len) {
        ngx_http_llmbroker_mock_grow(s, len);
    }

    if (!s->failed) {
        s->pos = ngx_cpymem(s->pos, p, len);
    }
}


/* Makes room for "len" more bytes, and as many again. */

static void
ngx_http_llmbroker_mock_grow(ngx_http_llmbroker_mock_string_t *s, size_t len)
{
    u_char  *p;
    size_t   used, size;

    used = s->pos - s->start;
    size = 2 * (used + len);

    p = ngx_pnalloc(s->pool, size);
    if (p == NULL) {
        s->failed = 1;
        return;
    }

    s->pos = used ? ngx_cpymem(p, s->start, used) : p;
    s->start = p;
    s->end = p + size;
}


void
ngx_http_llmbroker_mock_escape(ngx_http_llmbroker_mock_string_t *s,
    u_char *p, size_t len)
{
    u_char    *dst, *start;
    size_t     i, n;
    uint32_t   state;

    state = ngx_http_llmbroker_utf8(NGX_HTTP_LLMBROKER_UTF8_ACCEPT, p,
                                    p + len);

    if (state != NGX_HTTP_LLMBROKER_UTF8_ACCEPT) {

        dst = ngx_pnalloc(s->pool, 2 * len);
        if (dst == NULL) {
            s->failed = 1;
            return;
        }

        start = dst;

        for (i = 0; i < len; i++) {
            dst = ngx_http_llmbroker_utf8_write(dst, p[i]);
        }

        p = start;
        len = dst - start;
    }

    n = ngx_escape_json(NULL, p, len);

    if (n == 0) {
        ngx_http_llmbroker_mock_append(s, p, len);
        return;
    }

    dst = ngx_pnalloc(s->pool, len + n);
    if (dst == NULL) {
        s->failed = 1;
        return;
    }

    (void) ngx_escape_json(dst, p, len);

    ngx_http_llmbroker_mock_append(s, dst, len + n);
}


ngx_str_t
ngx_http_llmbroker_mock_str(ngx_http_llmbroker_mock_string_t *s)
{
    ngx_str_t  str;

    str.data = s->start;
    str.len = s->pos - s->start;

    return str;
}


ngx_uint_t
ngx_http_llmbroker_mock_words(ngx_str_t *text)
{
    return ngx_http_llmbroker_mock_count(text->data, text->data + text->len,
                                         0);
}


/* Counts the words that begin in [p, last). */

static ngx_uint_t
ngx_http_llmbroker_mock_count(u_char *p, u_char *last, ngx_uint_t in_word)
{
    ngx_uint_t  n, space;

    for (n = 0; p < last; p++) {

        space = ngx_http_llmbroker_mock_is_space(p, last);

        if (!space && !in_word) {
            n++;
        }

        in_word = !space;

        if (*p == '\\') {
            p++;
        }
    }

    return n;
}


static ngx_uint_t
ngx_http_llmbroker_mock_is_space(u_char *p, u_char *last)
{
    if (*p == '\\' && p + 1 < last) {
        return p[1] == 'n' || p[1] == 't' || p[1] == 'r';
    }

    return *p == ' ';
}


ngx_uint_t
ngx_http_llmbroker_mock_content_words(ngx_http_llmbroker_json_t *content)
{
    ngx_str_t                   inner;
    ngx_uint_t                  n;
    ngx_http_llmbroker_json_t  *part;

    if (content == NULL) {
        return 0;
    }

    if (content->type != NGX_HTTP_LLMBROKER_JSON_ARRAY) {
        inner = ngx_http_llmbroker_json_inner(content);
        return ngx_http_llmbroker_mock_words(&inner);
    }

    n = 0;

    for (part = content->child; part; part = part->next) {
        inner = ngx_http_llmbroker_json_inner(
                                    ngx_http_llmbroker_json_get(part, "text"));
        n += ngx_http_llmbroker_mock_words(&inner);
    }

    return n;
}


void
ngx_http_llmbroker_mock_content(ngx_http_llmbroker_mock_string_t *s,
    ngx_http_llmbroker_json_t *content, const char *sep)
{
    ngx_str_t                   inner;
    ngx_uint_t                  more;
    ngx_http_llmbroker_json_t  *part;

    if (content == NULL) {
        return;
    }

    if (content->type != NGX_HTTP_LLMBROKER_JSON_ARRAY) {
        inner = ngx_http_llmbroker_json_inner(content);
        ngx_http_llmbroker_mock_append(s, inner.data, inner.len);
        return;
    }

    for (part = content->child, more = 0; part; part = part->next) {

        inner = ngx_http_llmbroker_json_inner(
                                    ngx_http_llmbroker_json_get(part, "text"));

        if (inner.len == 0) {
            continue;
        }

        if (more++) {
            ngx_http_llmbroker_mock_append(s, (u_char *) sep, ngx_strlen(sep));
        }

        ngx_http_llmbroker_mock_append(s, inner.data, inner.len);
    }
}


u_char *
ngx_http_llmbroker_mock_unit(u_char *p, u_char *last)
{
    if (*p == '\\') {

        if (p + 1 == last || p[1] != 'u') {
            p += 2;

        } else if (last - p >= 12 && (p[2] | 0x20) == 'd'
                   && ngx_strchr("89abAB", p[3]) != NULL && p[6] == '\\')
        {
            p += 12;

        } else {
            p += 6;
        }

        return ngx_min(p, last);
    }

    do {
        p++;
    } while (p < last && (*p & 0xc0) == 0x80);

    return p;
}


/* The end of the next word, with the white space before it. */

static u_char *
ngx_http_llmbroker_mock_word(u_char *p, u_char *last)
{
    while (p < last && ngx_http_llmbroker_mock_is_space(p, last)) {
        p = ngx_http_llmbroker_mock_unit(p, last);
    }

    while (p < last && !ngx_http_llmbroker_mock_is_space(p, last)) {
        p = ngx_http_llmbroker_mock_unit(p, last);
    }

    return p;
}


static ngx_uint_t
ngx_http_llmbroker_mock_filler_words(off_t length)
{
    off_t  rest;

    rest = length % NGX_HTTP_LLMBROKER_MOCK_RECORD;

    return 2 * (length / NGX_HTTP_LLMBROKER_MOCK_RECORD)
           + (rest > 0) + (rest > 8);
}


/*
 * Answers that are all alike flatter those who keep strings once.  The step is
 * odd: it comes back to a number, of 28 bits, after all others.
 */

void
ngx_http_llmbroker_mock_filler(ngx_http_llmbroker_mock_text_t *t, off_t length,
    ngx_uint_t varied)
{
    static off_t  record;

    if (varied) {
        t->record = record;
        record = (record + 0x9e3779b) & 0xfffffff;
    }

    t->length = length;
    t->words = ngx_http_llmbroker_mock_filler_words(length);
}


void
ngx_http_llmbroker_mock_cut(ngx_http_llmbroker_mock_text_t *t, ngx_int_t max)
{
    u_char      *p, *last;
    ngx_uint_t   n;

    t->words = ngx_http_llmbroker_mock_words(&t->data);

    if (max == -1 || t->words <= (ngx_uint_t) max) {
        return;
    }

    p = t->data.data;
    last = p + t->data.len;

    for (n = 0; n < (ngx_uint_t) max; n++) {
        p = ngx_http_llmbroker_mock_word(p, last);
    }

    t->data.len = p - t->data.data;
    t->length = t->data.len;
    t->words = max;
    t->finish = NGX_HTTP_LLMBROKER_MOCK_LENGTH;
}


ngx_int_t
ngx_http_llmbroker_mock_stop(ngx_pool_t *pool,
    ngx_http_llmbroker_mock_text_t *t, ngx_http_llmbroker_json_t *stop)
{
    u_char                     *p, *found;
    ngx_str_t                   text, sequence;
    ngx_http_llmbroker_json_t  *v;

    if (stop == NULL) {
        return NGX_OK;
    }

    /* escapes may differ: the search is for what they mean */

    text.data = ngx_pnalloc(pool, t->data.len + 1);
    if (text.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_http_llmbroker_json_decode(text.data, t->data.data, t->data.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text.len = p - text.data;

    v = (stop->type == NGX_HTTP_LLMBROKER_JSON_ARRAY) ? stop->child : stop;

    for ( /* void */ ; v; v = v->next) {

        if (ngx_http_llmbroker_json_string(pool, v, &sequence) != NGX_OK
            || sequence.len == 0)
        {
            continue;
        }

        found = memmem(text.data, text.len, sequence.data, sequence.len);

        if (found) {
            text.len = found - text.data;

            t->finish = NGX_HTTP_LLMBROKER_MOCK_SEQUENCE;
            t->stop = ngx_http_llmbroker_json_inner(v);
        }

        if (v == stop) {
            break;
        }
    }

    if (t->finish == NGX_HTTP_LLMBROKER_MOCK_SEQUENCE) {
        t->length = ngx_http_llmbroker_mock_decoded(&t->data, text.len);
        t->data.len = t->length;
    }

    return NGX_OK;
}


/* Where in escaped data the byte "offset" of the decoded text begins. */

static off_t
ngx_http_llmbroker_mock_decoded(ngx_str_t *data, size_t offset)
{
    u_char  *p, *next, *last, *end;
    size_t   n;
    u_char   unit[12];

    p = data->data;
    last = p + data->len;

    for (n = 0; n < offset && p < last; p = next) {

        next = ngx_http_llmbroker_mock_unit(p, last);

        if (*p == '\\') {
            end = ngx_http_llmbroker_json_decode(unit, p, next - p);
            n += end - unit;

        } else {
            n += next - p;
        }
    }

    return p - data->data;
}


u_char *
ngx_http_llmbroker_mock_copy(u_char *p, ngx_http_llmbroker_mock_text_t *t,
    off_t from, size_t n)
{
    size_t  skip, len;
    u_char  record[NGX_HTTP_LLMBROKER_MOCK_RECORD];

    if (t->data.data) {
        return ngx_cpymem(p, t->data.data + from, n);
    }

    while (n) {
        skip = from % NGX_HTTP_LLMBROKER_MOCK_RECORD;
        len = ngx_min(n, NGX_HTTP_LLMBROKER_MOCK_RECORD - skip);

        ngx_http_llmbroker_mock_record(record, t->record
                                       + from / NGX_HTTP_LLMBROKER_MOCK_RECORD);

        p = ngx_cpymem(p, record + skip, len);

        from += len;
        n -= len;
    }

    return p;
}


static void
ngx_http_llmbroker_mock_record(u_char *p, off_t number)
{
    ngx_uint_t     i;
    const u_char  *word;

    static const u_char  hex[] = "0123456789abcdef";

    word = ngx_http_llmbroker_mock_filler_text[number & 0xf];

    for (i = 7; i; i--) {
        p[i - 1] = hex[number & 0xf];
        number >>= 4;
    }

    p[7] = ' ';
    ngx_memcpy(p + 8, word, 7);
    p[15] = ' ';
}


ngx_int_t
ngx_http_llmbroker_mock_chunk(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_http_llmbroker_mock_text_t   *t;
    ngx_http_llmbroker_mock_frame_t  *f;

    t = ngx_http_llmbroker_mock_next_text(ctx);
    if (t == NULL) {
        return NGX_DONE;
    }

    f = &ctx->frame;

    f->text = t;
    f->from = t->sent;

    t->sent = ngx_http_llmbroker_mock_chunk_end(ctx, t);
    t->chunk++;

    f->to = t->sent;
    f->paced = (ctx->chunk != 0);
    f->last = ngx_http_llmbroker_mock_exhausted(ctx, t);

    ctx->chunk++;

    return NGX_OK;
}


static ngx_http_llmbroker_mock_text_t *
ngx_http_llmbroker_mock_next_text(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_uint_t                       i;
    ngx_http_llmbroker_mock_text_t  *t, *next;

    next = NULL;

    for (i = 0; i < ctx->ntexts; i++) {
        t = &ctx->texts[i];

        if (ngx_http_llmbroker_mock_exhausted(ctx, t)) {
            continue;
        }

        if (ctx->calls) {
            return t;
        }

        if (next == NULL || t->chunk < next->chunk) {
            next = t;
        }
    }

    return next;
}


static ngx_uint_t
ngx_http_llmbroker_mock_exhausted(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_mock_text_t *t)
{
    if (ctx->knobs->chunks > 0) {
        return t->chunk >= (ngx_uint_t) ctx->knobs->chunks;
    }

    return t->sent == t->length;
}


static off_t
ngx_http_llmbroker_mock_chunk_end(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_mock_text_t *t)
{
    off_t    end;
    u_char  *p, *last;

    if (t->data.data == NULL) {

        if (ctx->knobs->chunks > 0) {
            return t->length / ctx->knobs->chunks * (t->chunk + 1)
                   + t->length % ctx->knobs->chunks * (t->chunk + 1)
                     / ctx->knobs->chunks;
        }

        /* 64 to 256 bytes */

        end = t->sent + 64 + (t->chunk * 2654435761u >> 7) % 193;

        return ngx_min(end, t->length);
    }

    p = t->data.data + t->sent;
    last = t->data.data + t->length;

    if (ctx->knobs->chunks <= 0) {
        return ngx_http_llmbroker_mock_word(p, last) - t->data.data;
    }

    end = t->length * (off_t) (t->chunk + 1) / ctx->knobs->chunks;

    while (p < last && p - t->data.data < end) {
        p = ngx_http_llmbroker_mock_unit(p, last);
    }

    return p - t->data.data;
}


ngx_uint_t
ngx_http_llmbroker_mock_told(ngx_http_llmbroker_mock_text_t *t)
{
    u_char  *p, *last;

    if (t->data.data == NULL) {
        return ngx_http_llmbroker_mock_filler_words(t->sent);
    }

    p = t->data.data + t->counted;
    last = t->data.data + t->sent;

    t->told += ngx_http_llmbroker_mock_count(p, last, t->in_word);

    while (p < last) {
        t->in_word = !ngx_http_llmbroker_mock_is_space(p, last);
        p = ngx_http_llmbroker_mock_unit(p, last);
    }

    t->counted = t->sent;

    return t->told;
}
