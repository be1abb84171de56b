
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "codec/ngx_http_llmbroker_json_write.h"
#include "request/ngx_http_llmbroker_dry_run.h"
#include "request/ngx_http_llmbroker_headers.h"


static void ngx_http_llmbroker_dry_run_url(
    ngx_http_llmbroker_json_writer_t *w, ngx_http_llmbroker_deployment_t *d,
    ngx_str_t *path);
static void ngx_http_llmbroker_dry_run_headers(
    ngx_http_llmbroker_json_writer_t *w, ngx_str_t *lines);
static ngx_uint_t ngx_http_llmbroker_dry_run_secret(ngx_str_t *name);
static void ngx_http_llmbroker_dry_run_dropped(
    ngx_http_llmbroker_json_writer_t *w, ngx_str_t *list);


/* in the name of a header: its value is masked */

static const char  *ngx_http_llmbroker_dry_run_secrets[] = {
    "authorization", "key", "token", "secret", "cookie", NULL
};


ngx_uint_t
ngx_http_llmbroker_dry_run_asked(ngx_http_request_t *r)
{
    ngx_table_elt_t  *h;

    h = ngx_http_llmbroker_header_in(r, "x-llmbroker-dry-run");

    return h && h->value.len == 1 && h->value.data[0] == '1';
}


ngx_int_t
ngx_http_llmbroker_dry_run(ngx_http_llmbroker_attempt_t *at)
{
    ngx_str_t                         *path, lines, text;
    ngx_pool_t                        *pool;
    ngx_http_llmbroker_body_t          body;
    ngx_http_llmbroker_exchange_t     *ex;
    ngx_http_llmbroker_json_writer_t   w;

    ex = &at->exchange;
    pool = ex->pool;
    path = ngx_http_llmbroker_attempt_path(at);

    ngx_memzero(&body, sizeof(ngx_http_llmbroker_body_t));
    body.bufs = at->body;

    if (ngx_http_llmbroker_body_bytes(pool, &body, 0, at->length, &text)
        != NGX_OK
        || ngx_http_llmbroker_attempt_sign(at, path, &lines) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* the answer is one object, whatever the request asks for */

    at->ctx->stream = 0;

    ngx_http_llmbroker_out_init(&at->out, pool, NULL, NULL, ngx_pagesize);

    ngx_http_llmbroker_json_write_start(&w, &at->out);
    ngx_http_llmbroker_json_open(&w);

    ngx_http_llmbroker_json_key(&w, "object");
    ngx_http_llmbroker_json_text(&w, "llmbroker.dry_run");
    ngx_http_llmbroker_json_key(&w, "model");
    ngx_http_llmbroker_json_str(&w, &at->ctx->model->name);
    ngx_http_llmbroker_json_key(&w, "provider");
    ngx_http_llmbroker_json_str(&w, (ngx_str_t *) &ex->target->provider);
    ngx_http_llmbroker_json_key(&w, "method");
    ngx_http_llmbroker_json_text(&w, "POST");

    ngx_http_llmbroker_dry_run_url(&w, at->deployment, path);

    ngx_http_llmbroker_json_key(&w, "headers");
    ngx_http_llmbroker_json_open(&w);
    ngx_http_llmbroker_dry_run_headers(&w,
                                       &at->deployment->headers[ex->stream]);
    ngx_http_llmbroker_dry_run_headers(&w, &lines);
    ngx_http_llmbroker_json_close(&w);

    ngx_http_llmbroker_json_key(&w, "body");
    ngx_http_llmbroker_json_raw(&w, &text);

    ngx_http_llmbroker_json_key(&w, "dropped_params");
    ngx_http_llmbroker_dry_run_dropped(&w, &ex->dropped);

    /* one for each prompt of a completion; this is the first */

    ngx_http_llmbroker_json_key(&w, "calls");
    ngx_http_llmbroker_json_number(&w, ex->parts);

    ngx_http_llmbroker_json_close(&w);

    return ngx_http_llmbroker_json_write_end(&w);
}


static void
ngx_http_llmbroker_dry_run_url(ngx_http_llmbroker_json_writer_t *w,
    ngx_http_llmbroker_deployment_t *d, ngx_str_t *path)
{
    ngx_str_t  scheme;

    if (d->ssl) {
        ngx_str_set(&scheme, "https://");

    } else {
        ngx_str_set(&scheme, "http://");
    }

    ngx_http_llmbroker_json_key(w, "url");
    ngx_http_llmbroker_json_open_string(w);
    ngx_http_llmbroker_json_text_piece(w, &scheme);
    ngx_http_llmbroker_json_text_piece(w, &d->host_header);
    ngx_http_llmbroker_json_text_piece(w, path);
    ngx_http_llmbroker_json_close_string(w);
}


static void
ngx_http_llmbroker_dry_run_headers(ngx_http_llmbroker_json_writer_t *w,
    ngx_str_t *lines)
{
    u_char     *p, *colon, *end, *last;
    ngx_str_t   name, value, mask;

    static ngx_str_t  authorization = ngx_string("Authorization");

    ngx_str_set(&mask, "***");

    p = lines->data;
    last = p + lines->len;

    for ( /* void */ ; p < last; p = end + 2) {

        end = ngx_strlchr(p, last, CR);
        colon = ngx_strlchr(p, last, ':');

        if (end == NULL || colon == NULL) {
            return;
        }

        name.data = p;
        name.len = colon - p;
        value.data = colon + 2;
        value.len = end - value.data;

        ngx_http_llmbroker_json_key_str(w, &name);

        if (!ngx_http_llmbroker_dry_run_secret(&name)) {
            ngx_http_llmbroker_json_str(w, &value);
            continue;
        }

        /* a scheme is no secret, any other first word is a part of one */

        p = NULL;

        if (name.len == authorization.len
            && ngx_strncasecmp(name.data, authorization.data, name.len) == 0)
        {
            p = ngx_strlchr(value.data, end, ' ');
        }

        value.len = p ? (size_t) (p + 1 - value.data) : 0;

        ngx_http_llmbroker_json_open_string(w);
        ngx_http_llmbroker_json_text_piece(w, &value);
        ngx_http_llmbroker_json_text_piece(w, &mask);
        ngx_http_llmbroker_json_close_string(w);
    }
}


static ngx_uint_t
ngx_http_llmbroker_dry_run_secret(ngx_str_t *name)
{
    const char  **secret;

    for (secret = ngx_http_llmbroker_dry_run_secrets; *secret; secret++) {

        if (ngx_strlcasestrn(name->data, name->data + name->len,
                             (u_char *) *secret, ngx_strlen(*secret) - 1))
        {
            return 1;
        }
    }

    return 0;
}


/* "a, b" as ["a","b"] */

static void
ngx_http_llmbroker_dry_run_dropped(ngx_http_llmbroker_json_writer_t *w,
    ngx_str_t *list)
{
    u_char     *p, *last;
    ngx_str_t   name;

    ngx_http_llmbroker_json_open_array(w);

    p = list->data;
    last = p + list->len;

    while (p < last) {
        name.data = p;

        p = ngx_strlchr(p, last, ',');
        if (p == NULL) {
            p = last;
        }

        name.len = p - name.data;
        p += 2;

        ngx_http_llmbroker_json_str(w, &name);
    }

    ngx_http_llmbroker_json_close_array(w);
}
