
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "request/ngx_http_llmbroker_body.h"


#define NGX_HTTP_LLMBROKER_FILE_PIECE  65536

/* a body that is longer is scanned as it comes, bytes */
#define NGX_HTTP_LLMBROKER_LONG        65536

/* a slice of a file that is not longer is read: a send costs more, bytes */
#define NGX_HTTP_LLMBROKER_FILE_LEAST  1024

/* above this number of members names are looked up by hash */
#define NGX_HTTP_LLMBROKER_FEW         16


struct ngx_http_llmbroker_body_scan_s {
    ngx_http_llmbroker_body_t  *body;
    ngx_int_t                   rc;
    ngx_http_llmbroker_scan_t   scan;
};


static ngx_int_t ngx_http_llmbroker_body_begin(
    ngx_http_llmbroker_body_t *body, ngx_http_llmbroker_body_scan_t *bs);
static ngx_int_t ngx_http_llmbroker_body_bufs(ngx_http_request_t *r,
    ngx_http_llmbroker_body_t *body);
static ngx_int_t ngx_http_llmbroker_body_member(ngx_http_llmbroker_scan_t *s,
    ngx_uint_t depth, off_t end, ngx_str_t *text);
static ngx_int_t ngx_http_llmbroker_body_index(ngx_pool_t *pool,
    ngx_http_llmbroker_body_t *body);
static void ngx_http_llmbroker_body_index_add(ngx_http_llmbroker_body_t *body,
    ngx_uint_t n);
static ngx_int_t ngx_http_llmbroker_body_scan_bufs(ngx_http_request_t *r,
    ngx_http_llmbroker_body_t *body, ngx_http_llmbroker_scan_t *s);
static ngx_int_t ngx_http_llmbroker_body_scan_buf(ngx_http_request_t *r,
    ngx_http_llmbroker_scan_t *s, ngx_buf_t *b, u_char **piece);
static ngx_int_t ngx_http_llmbroker_body_copy(u_char *dst, ngx_buf_t *b,
    off_t from, size_t size);
static ngx_int_t ngx_http_llmbroker_body_part(ngx_pool_t *pool, ngx_buf_t *b,
    ngx_buf_t *src, off_t from, off_t to);


ngx_int_t
ngx_http_llmbroker_body_expect(ngx_http_request_t *r,
    ngx_http_llmbroker_body_t *body)
{
    off_t                            length;
    ngx_http_llmbroker_body_scan_t  *bs;

    length = r->headers_in.content_length_n;

    if (length >= 0 && length <= NGX_HTTP_LLMBROKER_LONG) {
        return NGX_OK;
    }

    bs = ngx_palloc(body->pool, sizeof(ngx_http_llmbroker_body_scan_t));
    if (bs == NULL) {
        return NGX_ERROR;
    }

    body->scan = bs;

    return ngx_http_llmbroker_body_begin(body, bs);
}


void
ngx_http_llmbroker_body_feed(ngx_http_llmbroker_body_t *body, ngx_chain_t *in)
{
    ngx_http_llmbroker_body_scan_t  *bs;

    bs = body->scan;

    for ( /* void */ ; in && bs->rc == NGX_OK; in = in->next) {

        if (ngx_buf_in_memory(in->buf)) {
            bs->rc = ngx_http_llmbroker_scan(&bs->scan, in->buf->pos,
                                             in->buf->last);
        }
    }
}


static ngx_int_t
ngx_http_llmbroker_body_begin(ngx_http_llmbroker_body_t *body,
    ngx_http_llmbroker_body_scan_t *bs)
{
    bs->body = body;
    bs->rc = NGX_OK;

    ngx_http_llmbroker_scan_init(&bs->scan, NGX_HTTP_LLMBROKER_SCAN_OBJECT
                                            |NGX_HTTP_LLMBROKER_SCAN_UTF8
                                            |NGX_HTTP_LLMBROKER_SCAN_ESCAPES,
                                 1, ngx_http_llmbroker_body_member, bs);

    body->index = NULL;
    body->nindex = 0;

    return ngx_array_init(&body->members, body->pool, NGX_HTTP_LLMBROKER_FEW,
                          sizeof(ngx_http_llmbroker_member_t));
}


ngx_int_t
ngx_http_llmbroker_body_scan(ngx_http_request_t *r,
    ngx_http_llmbroker_body_t *body, ngx_http_llmbroker_error_t *error)
{
    ngx_int_t                        rc;
    ngx_http_llmbroker_body_scan_t  *bs, once;

    if (ngx_http_llmbroker_body_bufs(r, body) != NGX_OK) {
        return NGX_ERROR;
    }

    bs = body->scan;

    if (bs == NULL || (bs->rc == NGX_OK && bs->scan.offset != body->length)) {

        /* it is short, or another module has read it, or changed it */

        bs = &once;

        if (ngx_http_llmbroker_body_begin(body, bs) != NGX_OK) {
            return NGX_ERROR;
        }

        bs->rc = ngx_http_llmbroker_body_scan_bufs(r, body, &bs->scan);
    }

    rc = bs->rc;

    if (rc == NGX_OK) {
        rc = ngx_http_llmbroker_scan_end(&bs->scan);
    }

    if (rc == NGX_DECLINED) {
        ngx_http_llmbroker_error_text(r->pool, error,
                                      NGX_HTTP_LLMBROKER_INVALID_JSON, NULL,
                                      "The request body is not valid: "
                                      "%s at byte %O.", bs->scan.error,
                                      bs->scan.offset);
    }

    body->parsed = (rc == NGX_OK);

    return rc;
}


/*
 * nginx has a buffer for each read of a body that comes slowly: those that lie
 * together become one, or every slice would be of thousands of them
 */

static ngx_int_t
ngx_http_llmbroker_body_bufs(ngx_http_request_t *r,
    ngx_http_llmbroker_body_t *body)
{
    ngx_buf_t    *b, *last;
    ngx_chain_t  *cl, *new, **ll;

    body->length = 0;
    body->bufs = r->request_body ? r->request_body->bufs : NULL;

    if (body->bufs == NULL) {
        return NGX_OK;
    }

    if (body->bufs->next == NULL) {
        body->length = ngx_buf_size(body->bufs->buf);
        return NGX_OK;
    }

    last = NULL;
    ll = &body->bufs;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        b = cl->buf;

        body->length += ngx_buf_size(b);

        if (last && ngx_buf_in_memory(b) && b->pos == last->last) {
            last->last = b->last;
            last->end = b->end;
            continue;
        }

        new = ngx_alloc_chain_link(body->pool);
        last = ngx_alloc_buf(body->pool);

        if (new == NULL || last == NULL) {
            return NGX_ERROR;
        }

        *last = *b;

        new->buf = last;
        *ll = new;
        ll = &new->next;
    }

    *ll = NULL;

    return NGX_OK;
}


void
ngx_http_llmbroker_body_join(ngx_http_request_t *r,
    ngx_http_llmbroker_body_t *body)
{
    size_t        size;
    ngx_buf_t    *a, *b;
    ngx_chain_t  *cl;

    cl = body->bufs;

    if (cl == NULL || cl->next == NULL || cl->next->next != NULL) {
        return;
    }

    a = cl->buf;
    b = cl->next->buf;

    if (!ngx_buf_in_memory(a) || !b->temporary) {
        return;
    }

    size = a->last - a->pos;

    if ((size_t) (b->end - b->last) < size) {
        return;
    }

    ngx_memmove(b->pos + size, b->pos, b->last - b->pos);
    ngx_memcpy(b->pos, a->pos, size);

    b->last += size;

    body->bufs = cl->next;
    r->request_body->bufs = cl->next;
}


static ngx_int_t
ngx_http_llmbroker_body_scan_bufs(ngx_http_request_t *r,
    ngx_http_llmbroker_body_t *body, ngx_http_llmbroker_scan_t *s)
{
    u_char       *piece;
    ngx_int_t     rc;
    ngx_chain_t  *cl;

    rc = NGX_OK;
    piece = NULL;

    for (cl = body->bufs; cl && rc == NGX_OK; cl = cl->next) {
        rc = ngx_http_llmbroker_body_scan_buf(r, s, cl->buf, &piece);
    }

    if (piece) {
        ngx_pfree(r->pool, piece);
    }

    return rc;
}


static ngx_int_t
ngx_http_llmbroker_body_scan_buf(ngx_http_request_t *r,
    ngx_http_llmbroker_scan_t *s, ngx_buf_t *b, u_char **piece)
{
    off_t      pos;
    size_t     size;
    ssize_t    n;
    ngx_int_t  rc;

    if (ngx_buf_in_memory(b)) {
        return ngx_http_llmbroker_scan(s, b->pos, b->last);
    }

    if (!b->in_file) {
        return NGX_OK;
    }

    if (*piece == NULL) {
        *piece = ngx_palloc(r->pool, NGX_HTTP_LLMBROKER_FILE_PIECE);
        if (*piece == NULL) {
            return NGX_ERROR;
        }
    }

    for (pos = b->file_pos; pos < b->file_last; pos += n) {

        size = (size_t) ngx_min(b->file_last - pos,
                                NGX_HTTP_LLMBROKER_FILE_PIECE);

        n = ngx_read_file(b->file, *piece, size, pos);

        if (n == NGX_ERROR || n == 0) {
            return NGX_ERROR;
        }

        rc = ngx_http_llmbroker_scan(s, *piece, *piece + n);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_body_member(ngx_http_llmbroker_scan_t *s, ngx_uint_t depth,
    off_t end, ngx_str_t *text)
{
    ngx_http_llmbroker_body_t        *body;
    ngx_http_llmbroker_member_t      *m;
    ngx_http_llmbroker_body_scan_t   *data;
    ngx_http_llmbroker_scan_level_t  *level;

    data = s->data;
    body = data->body;
    level = &s->level[depth];

    if (level->long_key) {
        s->error = "a name is too long";
        s->offset = level->key_start;
        return NGX_DECLINED;
    }

    if (ngx_http_llmbroker_body_find(body, &level->key) != NULL) {
        s->error = "duplicate member";
        s->offset = level->key_start;
        return NGX_DECLINED;
    }

    m = ngx_array_push(&body->members);
    if (m == NULL) {
        return NGX_ERROR;
    }

    m->name.len = level->key.len;
    m->name.data = ngx_pnalloc(body->pool, ngx_max(level->key.len, 1));
    if (m->name.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(m->name.data, level->key.data, level->key.len);

    m->type = level->type;
    m->key_start = level->key_start;
    m->start = level->start;
    m->end = end;
    ngx_str_null(&m->text);

    if (text->data && text->len <= NGX_HTTP_LLMBROKER_SCAN_TEXT) {
        m->text.data = ngx_pnalloc(body->pool, text->len);
        if (m->text.data == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(m->text.data, text->data, text->len);
        m->text.len = text->len;
    }

    return ngx_http_llmbroker_body_index(body->pool, body);
}


/* keeps the search for duplicates linear when a body has very many members */

static ngx_int_t
ngx_http_llmbroker_body_index(ngx_pool_t *pool,
    ngx_http_llmbroker_body_t *body)
{
    ngx_uint_t  i, n;

    n = body->members.nelts;

    if (n <= NGX_HTTP_LLMBROKER_FEW) {
        return NGX_OK;
    }

    if (n * 2 <= body->nindex) {
        ngx_http_llmbroker_body_index_add(body, n - 1);
        return NGX_OK;
    }

    if (body->index) {
        ngx_pfree(pool, body->index);
    }

    body->nindex = body->nindex ? body->nindex * 4
                                : NGX_HTTP_LLMBROKER_FEW * 8;

    body->index = ngx_pcalloc(pool, body->nindex * sizeof(ngx_uint_t));
    if (body->index == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        ngx_http_llmbroker_body_index_add(body, i);
    }

    return NGX_OK;
}


static void
ngx_http_llmbroker_body_index_add(ngx_http_llmbroker_body_t *body,
    ngx_uint_t n)
{
    ngx_uint_t                    i;
    ngx_http_llmbroker_member_t  *m;

    m = body->members.elts;

    i = ngx_murmur_hash2(m[n].name.data, m[n].name.len) & (body->nindex - 1);

    while (body->index[i]) {
        i = (i + 1) & (body->nindex - 1);
    }

    body->index[i] = n + 1;
}


ngx_http_llmbroker_member_t *
ngx_http_llmbroker_body_find(ngx_http_llmbroker_body_t *body, ngx_str_t *name)
{
    ngx_uint_t                    i;
    ngx_http_llmbroker_member_t  *m, *found;

    m = body->members.elts;

    if (body->index == NULL) {

        for (i = 0; i < body->members.nelts; i++) {
            if (m[i].name.len == name->len
                && ngx_memcmp(m[i].name.data, name->data, name->len) == 0)
            {
                return &m[i];
            }
        }

        return NULL;
    }

    i = ngx_murmur_hash2(name->data, name->len) & (body->nindex - 1);

    while (body->index[i]) {
        found = &m[body->index[i] - 1];

        if (found->name.len == name->len
            && ngx_memcmp(found->name.data, name->data, name->len) == 0)
        {
            return found;
        }

        i = (i + 1) & (body->nindex - 1);
    }

    return NULL;
}


ngx_int_t
ngx_http_llmbroker_body_bytes(ngx_pool_t *pool,
    ngx_http_llmbroker_body_t *body, off_t start, off_t end, ngx_str_t *text)
{
    off_t         pos, size, from, to;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    text->len = (size_t) (end - start);
    text->data = NULL;

    for (pos = 0, cl = body->bufs; cl && pos < end; pos += size, cl = cl->next)
    {
        b = cl->buf;
        size = ngx_buf_size(b);

        from = ngx_max(start, pos);
        to = ngx_min(end, pos + size);

        if (from >= to) {
            continue;
        }

        if (from == start && to == end && ngx_buf_in_memory(b)) {
            text->data = b->pos + (from - pos);
            return NGX_OK;
        }

        if (text->data == NULL) {
            text->data = ngx_pnalloc(pool, text->len);
            if (text->data == NULL) {
                return NGX_ERROR;
            }
        }

        if (ngx_http_llmbroker_body_copy(text->data + (from - start), b,
                                         from - pos, (size_t) (to - from))
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_body_copy(u_char *dst, ngx_buf_t *b, off_t from,
    size_t size)
{
    ssize_t  n;

    if (ngx_buf_in_memory(b)) {
        ngx_memcpy(dst, b->pos + from, size);
        return NGX_OK;
    }

    from += b->file_pos;

    while (size) {
        n = ngx_read_file(b->file, dst, size, from);

        if (n == NGX_ERROR || n == 0) {
            return NGX_ERROR;
        }

        dst += n;
        from += n;
        size -= n;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_body_slice(ngx_pool_t *pool,
    ngx_http_llmbroker_body_t *body, off_t start, off_t end,
    ngx_chain_t ***ll)
{
    off_t         pos, size, from, to;
    ngx_buf_t    *b;
    ngx_chain_t  *cl, *new;

    for (pos = 0, cl = body->bufs; cl && pos < end; pos += size, cl = cl->next)
    {
        size = ngx_buf_size(cl->buf);

        from = ngx_max(start, pos);
        to = ngx_min(end, pos + size);

        if (from >= to) {
            continue;
        }

        new = ngx_alloc_chain_link(pool);
        b = ngx_calloc_buf(pool);

        if (new == NULL || b == NULL) {
            return NGX_ERROR;
        }

        if (ngx_http_llmbroker_body_part(pool, b, cl->buf, from - pos,
                                         to - pos)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        new->buf = b;
        new->next = NULL;

        **ll = new;
        *ll = &new->next;
    }

    return NGX_OK;
}


/* makes b the bytes [from, to) of src */

static ngx_int_t
ngx_http_llmbroker_body_part(ngx_pool_t *pool, ngx_buf_t *b, ngx_buf_t *src,
    off_t from, off_t to)
{
    b->memory = 1;

    if (ngx_buf_in_memory(src)) {
        b->pos = src->pos + from;

    } else if (to - from <= NGX_HTTP_LLMBROKER_FILE_LEAST) {
        b->pos = ngx_pnalloc(pool, (size_t) (to - from));
        if (b->pos == NULL) {
            return NGX_ERROR;
        }

        if (ngx_http_llmbroker_body_copy(b->pos, src, from,
                                         (size_t) (to - from))
            != NGX_OK)
        {
            return NGX_ERROR;
        }

    } else {
        b->memory = 0;
        b->in_file = 1;
        b->file = src->file;
        b->file_pos = src->file_pos + from;
        b->file_last = src->file_pos + to;

        return NGX_OK;
    }

    /* "start" is where nginx would rewind the buffer to */

    b->last = b->pos + (to - from);
    b->start = b->pos;
    b->end = b->last;

    return NGX_OK;
}
