
/*
 * Copyright (C) LLMBroker contributors
 */


#include "config/ngx_http_llmbroker_conf_log.h"


#define NGX_HTTP_LLMBROKER_CONF_NEAR   64
#define NGX_HTTP_LLMBROKER_CONF_VALUE  64


typedef struct {
    ngx_str_t                        str;
    u_char                           buf[NGX_HTTP_LLMBROKER_CONF_PATH];
} ngx_http_llmbroker_conf_path_t;


static ngx_str_t *ngx_http_llmbroker_conf_path(
    ngx_http_llmbroker_conf_path_t *path, ngx_http_llmbroker_yaml_t *v);
static ngx_uint_t ngx_http_llmbroker_conf_secret(ngx_http_llmbroker_yaml_t *v);
static ngx_uint_t ngx_http_llmbroker_conf_distance(ngx_str_t *a,
    ngx_str_t *b);


static const char *ngx_http_llmbroker_conf_secrets[] = {
    "key",
    "token",
    "secret",
    NULL
};


void
ngx_http_llmbroker_conf_log(ngx_http_llmbroker_reader_t *rd, ngx_uint_t level,
    ngx_uint_t line, const char *fmt, ...)
{
    u_char    *p, *last;
    u_char     text[NGX_MAX_CONF_ERRSTR];
    va_list    args;

    va_start(args, fmt);
    last = ngx_vslprintf(text, text + NGX_MAX_CONF_ERRSTR, fmt, args);
    va_end(args);

    /* a quoted name or value may hold a line feed */

    for (p = text; p < last; p++) {
        if (*p < 0x20 || *p == 0x7f) {
            *p = '?';
        }
    }

    ngx_log_error(level, rd->cf->log, 0, "%*s in %V:%ui",
                  (size_t) (last - text), text, &rd->conf->file, line);
}


ngx_uint_t
ngx_http_llmbroker_conf_line(ngx_http_llmbroker_yaml_t *v)
{
    return v->key_line ? v->key_line : v->line;
}


static ngx_str_t *
ngx_http_llmbroker_conf_path(ngx_http_llmbroker_conf_path_t *path,
    ngx_http_llmbroker_yaml_t *v)
{
    path->str.data = path->buf;
    path->str.len = ngx_http_llmbroker_yaml_path(path->buf,
                               path->buf + NGX_HTTP_LLMBROKER_CONF_PATH, v)
                    - path->buf;

    if (path->str.len == 0) {
        ngx_str_set(&path->str, "the file");
    }

    return &path->str;
}


static ngx_uint_t
ngx_http_llmbroker_conf_secret(ngx_http_llmbroker_yaml_t *v)
{
    const char  **word;

    for ( /* void */ ; v; v = v->parent) {

        if (v->key.len == 0) {
            continue;
        }

        for (word = ngx_http_llmbroker_conf_secrets; *word; word++) {
            if (ngx_strcasestrn(v->key.data, (char *) *word,
                                ngx_strlen(*word) - 1))
            {
                return 1;
            }
        }
    }

    return 0;
}


ngx_int_t
ngx_http_llmbroker_conf_invalid(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, const char *why)
{
    size_t                          len;
    ngx_http_llmbroker_conf_path_t  path;

    /* a file of one scalar is no configuration but may be a secret */

    if (v->parent == NULL
        || v->type != NGX_HTTP_LLMBROKER_YAML_SCALAR
        || ngx_http_llmbroker_conf_secret(v))
    {
        return ngx_http_llmbroker_conf_invalid_hidden(rd, v, why);
    }

    len = ngx_min(v->value.len, NGX_HTTP_LLMBROKER_CONF_VALUE);

    ngx_http_llmbroker_conf_log(rd, NGX_LOG_EMERG,
                                ngx_http_llmbroker_conf_line(v),
                                "invalid value \"%*s%s\" for %V, %s",
                                len, v->value.data,
                                len < v->value.len ? "..." : "",
                                ngx_http_llmbroker_conf_path(&path, v), why);

    return NGX_ERROR;
}


ngx_int_t
ngx_http_llmbroker_conf_invalid_hidden(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, const char *why)
{
    ngx_http_llmbroker_conf_path_t  path;

    ngx_http_llmbroker_conf_log(rd, NGX_LOG_EMERG,
                                ngx_http_llmbroker_conf_line(v),
                                "invalid value for %V, %s",
                                ngx_http_llmbroker_conf_path(&path, v), why);

    return NGX_ERROR;
}


ngx_int_t
ngx_http_llmbroker_conf_unknown(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, const char *what,
    ngx_http_llmbroker_conf_near_t *near)
{
    u_char                         *p;
    u_char                          best[NGX_HTTP_LLMBROKER_CONF_NEAR + 32];
    ngx_uint_t                      line;
    ngx_http_llmbroker_conf_path_t  path;

    p = best;

    if (near->best) {
        p = ngx_slprintf(best, best + sizeof(best),
                         ", did you mean \"%V\"?", near->best);
    }

    line = ngx_http_llmbroker_conf_line(v);

    (void) ngx_http_llmbroker_conf_path(&path, v);

    if (what == NULL) {
        ngx_http_llmbroker_conf_log(rd, NGX_LOG_EMERG, line,
                                    "unknown key %V%*s", &path.str,
                                    (size_t) (p - best), best);

    } else {
        ngx_http_llmbroker_conf_log(rd, NGX_LOG_EMERG, line,
                                    "unknown %s \"%V\" for %V%*s", what,
                                    &v->value, &path.str,
                                    (size_t) (p - best), best);
    }

    return NGX_ERROR;
}


ngx_int_t
ngx_http_llmbroker_conf_failed(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_err_t err, const char *what,
    ngx_str_t *file)
{
    u_char                         *p;
    u_char                          text[NGX_HTTP_LLMBROKER_CONF_VALUE];
    ngx_http_llmbroker_conf_path_t  path;

    p = ngx_strerror(err, text, sizeof(text));

    ngx_http_llmbroker_conf_log(rd, NGX_LOG_EMERG,
                                ngx_http_llmbroker_conf_line(v),
                                "%s \"%V\" for %V failed (%d: %*s)",
                                what, file,
                                ngx_http_llmbroker_conf_path(&path, v), err,
                                (size_t) (p - text), text);

    return NGX_ERROR;
}


ngx_int_t
ngx_http_llmbroker_conf_unset(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v)
{
    ngx_http_llmbroker_conf_path_t  path;

    ngx_http_llmbroker_conf_log(rd, NGX_LOG_EMERG,
                                ngx_http_llmbroker_conf_line(v),
                                "variable \"%V\" for %V is not set",
                                &rd->unset,
                                ngx_http_llmbroker_conf_path(&path, v));

    return NGX_ERROR;
}


void
ngx_http_llmbroker_conf_later(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v)
{
    ngx_http_llmbroker_conf_path_t  path;

    ngx_http_llmbroker_conf_log(rd, NGX_LOG_WARN,
                                ngx_http_llmbroker_conf_line(v),
                                "%V has no effect in this version",
                                ngx_http_llmbroker_conf_path(&path, v));
}


void
ngx_http_llmbroker_conf_near(ngx_http_llmbroker_conf_near_t *near,
    ngx_str_t *name)
{
    near->name = name;
    near->best = NULL;

    /* farther words are no typing mistakes */

    near->distance = 1 + ngx_min(name->len / 3, 3);
}


void
ngx_http_llmbroker_conf_offer(ngx_http_llmbroker_conf_near_t *near,
    ngx_str_t *candidate)
{
    ngx_uint_t  distance;

    if (near->name->len > NGX_HTTP_LLMBROKER_CONF_NEAR
        || candidate->len > NGX_HTTP_LLMBROKER_CONF_NEAR)
    {
        return;
    }

    distance = ngx_http_llmbroker_conf_distance(near->name, candidate);

    if (distance < near->distance && distance < candidate->len) {
        near->distance = distance;
        near->best = candidate;
    }
}


/*
 * The fewest insertions, deletions, replacements and swaps of neighbours that
 * turn one word into the other, whatever its case (optimal string alignment).
 */

static ngx_uint_t
ngx_http_llmbroker_conf_distance(ngx_str_t *a, ngx_str_t *b)
{
    u_char       ca, cb;
    ngx_uint_t   i, j, n;
    ngx_uint_t  *two, *one, *row, *t;
    ngx_uint_t   rows[3][NGX_HTTP_LLMBROKER_CONF_NEAR + 1];

    two = rows[0];
    one = rows[1];
    row = rows[2];

    for (j = 0; j <= b->len; j++) {
        row[j] = j;
    }

    for (i = 1; i <= a->len; i++) {
        t = two;
        two = one;
        one = row;
        row = t;

        row[0] = i;
        ca = ngx_tolower(a->data[i - 1]);

        for (j = 1; j <= b->len; j++) {
            cb = ngx_tolower(b->data[j - 1]);

            n = ngx_min(one[j], row[j - 1]) + 1;
            n = ngx_min(n, one[j - 1] + (ca != cb));

            if (i > 1 && j > 1
                && ca == ngx_tolower(b->data[j - 2])
                && cb == ngx_tolower(a->data[i - 2]))
            {
                n = ngx_min(n, two[j - 2] + 1);
            }

            row[j] = n;
        }
    }

    return row[b->len];
}
