
/*
 * Copyright (C) LLMBroker contributors
 */


#include "config/ngx_http_llmbroker_conf_env.h"


#define NGX_HTTP_LLMBROKER_CONF_SECRET  65536


static u_char *ngx_http_llmbroker_conf_dollar(u_char *p, u_char *last);
static ngx_int_t ngx_http_llmbroker_conf_resolve(
    ngx_http_llmbroker_reader_t *rd, ngx_http_llmbroker_yaml_t *v,
    ngx_str_t *reference, ngx_str_t *text);
static ngx_int_t ngx_http_llmbroker_conf_file(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_str_t *name, ngx_str_t *text);
static ngx_int_t ngx_http_llmbroker_conf_join(ngx_pool_t *pool,
    ngx_array_t *pieces, ngx_str_t *text);


ngx_int_t
ngx_http_llmbroker_conf_expand(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_str_t *text)
{
    u_char       *p, *q, *last;
    ngx_int_t     rc;
    ngx_str_t    *piece, reference;
    ngx_array_t   pieces;

    if (ngx_array_init(&pieces, rd->cf->temp_pool, 4, sizeof(ngx_str_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    p = v->value.data;
    last = p + v->value.len;

    for ( ;; ) {
        q = ngx_http_llmbroker_conf_dollar(p, last);

        piece = ngx_array_push(&pieces);
        if (piece == NULL) {
            return NGX_ERROR;
        }

        piece->data = p;
        piece->len = q - p;

        if (q == last) {
            break;
        }

        p = ngx_strlchr(q + 2, last, '}');

        if (p == NULL) {
            return ngx_http_llmbroker_conf_invalid(rd, v,
                                                   "\"${\" has no \"}\"");
        }

        reference.data = q + 2;
        reference.len = p - reference.data;

        piece = ngx_array_push(&pieces);
        if (piece == NULL) {
            return NGX_ERROR;
        }

        rc = ngx_http_llmbroker_conf_resolve(rd, v, &reference, piece);

        if (rc != NGX_OK) {
            return rc;
        }

        p++;
    }

    return ngx_http_llmbroker_conf_join(rd->cf->pool, &pieces, text);
}


ngx_uint_t
ngx_http_llmbroker_conf_reference(ngx_http_llmbroker_yaml_t *v)
{
    u_char  *last;

    last = v->value.data + v->value.len;

    return ngx_http_llmbroker_conf_dollar(v->value.data, last) != last;
}


static u_char *
ngx_http_llmbroker_conf_dollar(u_char *p, u_char *last)
{
    for ( /* void */ ; last - p >= 2; p++) {
        if (p[0] == '$' && p[1] == '{') {
            return p;
        }
    }

    return last;
}


static ngx_int_t
ngx_http_llmbroker_conf_resolve(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_str_t *reference, ngx_str_t *text)
{
    char       *value;
    size_t      n;
    u_char     *p, *name;
    ngx_str_t   rest;

    p = reference->data;

    if (reference->len > 5 && ngx_strncmp(p, "file:", 5) == 0) {
        rest.data = p + 5;
        rest.len = reference->len - 5;

        return ngx_http_llmbroker_conf_file(rd, v, &rest, text);
    }

    for (n = 0; n < reference->len; n++) {
        if ((p[n] < 'A' || p[n] > 'Z') && (p[n] < 'a' || p[n] > 'z')
            && p[n] != '_' && (p[n] < '0' || p[n] > '9' || n == 0))
        {
            break;
        }
    }

    rest.data = p + n;
    rest.len = reference->len - n;

    if (n == 0
        || (rest.len && (rest.len < 2 || ngx_strncmp(rest.data, ":-", 2) != 0))
        || ngx_strlchr(rest.data, rest.data + rest.len, '{'))
    {
        return ngx_http_llmbroker_conf_invalid(rd, v,
                  "expected ${NAME}, ${NAME:-default} or ${file:/path}");
    }

    name = ngx_pnalloc(rd->cf->pool, n + 1);
    if (name == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_cpystrn(name, p, n + 1);

    value = getenv((char *) name);

    if (value && *value) {
        text->data = (u_char *) value;
        text->len = ngx_strlen(value);
        return NGX_OK;
    }

    if (rest.len) {
        text->data = rest.data + 2;
        text->len = rest.len - 2;
        return NGX_OK;
    }

    rd->unset.data = name;
    rd->unset.len = n;

    if (rd->strict_env) {
        return ngx_http_llmbroker_conf_unset(rd, v);
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_llmbroker_conf_file(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_str_t *name, ngx_str_t *text)
{
    u_char     *buf;
    ssize_t     n;
    ngx_fd_t    fd;
    ngx_str_t   path;

    path.len = name->len;
    path.data = ngx_pnalloc(rd->cf->temp_pool, name->len + 1);
    if (path.data == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_cpystrn(path.data, name->data, name->len + 1);

    if (ngx_conf_full_name(rd->cf->cycle, &path, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    buf = ngx_pnalloc(rd->cf->temp_pool, NGX_HTTP_LLMBROKER_CONF_SECRET + 1);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    /* a FIFO must not hold up the start */

    fd = ngx_open_file(path.data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        return ngx_http_llmbroker_conf_failed(rd, v, ngx_errno,
                                              ngx_open_file_n, &path);
    }

    n = ngx_read_fd(fd, buf, NGX_HTTP_LLMBROKER_CONF_SECRET + 1);

    if (n == -1) {
        (void) ngx_http_llmbroker_conf_failed(rd, v, ngx_errno, ngx_read_fd_n,
                                              &path);
        (void) ngx_close_file(fd);
        return NGX_ERROR;
    }

    (void) ngx_close_file(fd);

    if (n > NGX_HTTP_LLMBROKER_CONF_SECRET) {
        return ngx_http_llmbroker_conf_invalid(rd, v,
                                             "the file is larger than 64 KB");
    }

    if (n && buf[n - 1] == LF) {
        n--;
    }

    text->len = n;
    text->data = ngx_pnalloc(rd->cf->temp_pool, n + 1);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(text->data, buf, n);

    /* a large piece of a pool is freed at once: thousands of files may come */

    ngx_explicit_memzero(buf, n);
    (void) ngx_pfree(rd->cf->temp_pool, buf);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_conf_join(ngx_pool_t *pool, ngx_array_t *pieces,
    ngx_str_t *text)
{
    u_char      *p;
    ngx_str_t   *piece;
    ngx_uint_t   i;

    piece = pieces->elts;
    text->len = 0;

    for (i = 0; i < pieces->nelts; i++) {
        text->len += piece[i].len;
    }

    text->data = ngx_pnalloc(pool, text->len + 1);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    p = text->data;

    for (i = 0; i < pieces->nelts; i++) {
        p = ngx_cpymem(p, piece[i].data, piece[i].len);
    }

    *p = '\0';

    return NGX_OK;
}
