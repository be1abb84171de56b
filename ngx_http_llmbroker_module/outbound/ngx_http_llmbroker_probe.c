
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include <curl/curl.h>

#include "outbound/ngx_http_llmbroker_probe.h"


/*
 * One would do for most; but models that think first refuse to begin with so
 * few.
 */
#define NGX_HTTP_LLMBROKER_PROBE_TOKENS  16

#define NGX_HTTP_LLMBROKER_PROBE_HEADERS                                     \
    "User-Agent: llmbroker/" NGX_HTTP_LLMBROKER_VERSION CRLF                 \
    "Accept: application/json" CRLF                                          \
    "Accept-Encoding: identity" CRLF


static ngx_int_t ngx_http_llmbroker_probe_target(
    ngx_http_llmbroker_probe_t *probe, ngx_pool_t *pool);
static ngx_int_t ngx_http_llmbroker_probe_base_path(ngx_pool_t *pool,
    const ngx_str_t *base_url, ngx_str_t *path);
static ngx_uint_t ngx_http_llmbroker_probe_legacy(
    const ngx_http_llmbroker_provider_t *row);
static ngx_int_t ngx_http_llmbroker_probe_resolve(
    ngx_http_llmbroker_probe_t *probe, ngx_http_llmbroker_transfer_t *t);
static u_char *ngx_http_llmbroker_probe_entry(
    const ngx_http_llmbroker_deployment_t *d, ngx_http_llmbroker_transfer_t *t,
    ngx_uint_t n);
static u_char *ngx_http_llmbroker_probe_addr(u_char *p,
    struct sockaddr *sockaddr, socklen_t socklen);
static ngx_int_t ngx_http_llmbroker_probe_chat(
    ngx_http_llmbroker_probe_t *probe, ngx_http_llmbroker_transfer_t *t,
    ngx_str_t *path, ngx_str_t *lines);
static ngx_int_t ngx_http_llmbroker_probe_body(
    ngx_http_llmbroker_probe_t *probe, ngx_http_llmbroker_exchange_t *ex,
    ngx_str_t *body);
static ngx_int_t ngx_http_llmbroker_probe_url(
    ngx_http_llmbroker_probe_t *probe, ngx_http_llmbroker_transfer_t *t,
    ngx_str_t *path);
static ngx_int_t ngx_http_llmbroker_probe_headers(
    ngx_http_llmbroker_probe_t *probe, ngx_http_llmbroker_transfer_t *t,
    ngx_str_t *lines);
static ngx_uint_t ngx_http_llmbroker_probe_names(ngx_str_t *model,
    ngx_str_t *id);


ngx_int_t
ngx_http_llmbroker_probe_init(ngx_http_llmbroker_probe_t *probe,
    ngx_pool_t *pool, const ngx_http_llmbroker_deployment_t *deployment,
    const ngx_http_llmbroker_policy_t *policy)
{
    probe->deployment = deployment;
    probe->policy = policy;
    probe->target = deployment->target;

    if (policy->health_path.len) {
        probe->kind = NGX_HTTP_LLMBROKER_PROBE_PATH;
        probe->path = policy->health_path;

        return NGX_OK;
    }

    if (policy->health_model.len) {
        probe->kind = NGX_HTTP_LLMBROKER_PROBE_MODEL;
        probe->legacy = ngx_http_llmbroker_probe_legacy(probe->target.row);

        return ngx_http_llmbroker_probe_target(probe, pool);
    }

    if (probe->target.models_path.len) {
        probe->kind = NGX_HTTP_LLMBROKER_PROBE_LIST;
        probe->path = probe->target.models_path;

        return NGX_OK;
    }

    probe->kind = NGX_HTTP_LLMBROKER_PROBE_BASE;
    probe->path = probe->target.base_path;

    if (probe->path.len == 0) {
        ngx_str_set(&probe->path, "/");
    }

    return NGX_OK;
}


/* the model may be a part of paths: the dialect makes them anew */

static ngx_int_t
ngx_http_llmbroker_probe_target(ngx_http_llmbroker_probe_t *probe,
    ngx_pool_t *pool)
{
    ngx_http_llmbroker_target_t  *target;

    target = &probe->target;

    target->model = probe->policy->health_model;
    target->calls = target->dialect->calls;
    target->usage_untold = 0;
    target->models_other = 0;
    target->abilities = NULL;
    target->why = NULL;

    ngx_memzero(target->paths, sizeof(target->paths));
    ngx_memzero(target->headers, sizeof(target->headers));
    ngx_str_null(&target->models_path);

    if (target->row->calls) {
        target->calls &= target->row->calls;
    }

    /* configuring may have changed it */

    if (ngx_http_llmbroker_probe_base_path(pool, &probe->deployment->base_url,
                                           &target->base_path)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return target->row->configure
           ? target->row->configure(pool, target)
           : target->dialect->configure(pool, target);
}


static ngx_int_t
ngx_http_llmbroker_probe_base_path(ngx_pool_t *pool, const ngx_str_t *base_url,
    ngx_str_t *path)
{
    char       *part;
    CURLU      *url;
    ngx_str_t   text;

    part = NULL;

    url = curl_url();
    if (url == NULL) {
        return NGX_ERROR;
    }

    if (curl_url_set(url, CURLUPART_URL, (char *) base_url->data, 0)
        == CURLUE_OK)
    {
        (void) curl_url_get(url, CURLUPART_PATH, &part, 0);
    }

    curl_url_cleanup(url);

    if (part == NULL) {
        return NGX_ERROR;
    }

    text.data = (u_char *) part;
    text.len = ngx_strlen(part);

    while (text.len && text.data[text.len - 1] == '/') {
        text.len--;
    }

    path->len = text.len;
    path->data = ngx_pstrdup(pool, &text);

    curl_free(part);

    return (path->data == NULL) ? NGX_ERROR : NGX_OK;
}


/* servers that do not know "max_completion_tokens" */

static ngx_uint_t
ngx_http_llmbroker_probe_legacy(const ngx_http_llmbroker_provider_t *row)
{
    const ngx_http_llmbroker_adapt_t  *rule;

    static ngx_str_t  name = ngx_string("max_completion_tokens");

    for (rule = row->adapt; rule && rule->name.len; rule++) {
        if (rule->name.len == name.len
            && ngx_memcmp(rule->name.data, name.data, name.len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_http_llmbroker_probe_ask(ngx_http_llmbroker_probe_t *probe,
    ngx_http_llmbroker_transfer_t *t)
{
    ngx_int_t  rc;
    ngx_str_t  path, lines;

    rc = ngx_http_llmbroker_probe_resolve(probe, t);

    if (rc != NGX_OK) {
        return rc;
    }

    path = probe->path;
    ngx_str_set(&lines, "");

    if (probe->kind == NGX_HTTP_LLMBROKER_PROBE_MODEL
        && ngx_http_llmbroker_probe_chat(probe, t, &path, &lines) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_llmbroker_probe_url(probe, t, &path) != NGX_OK
        || ngx_http_llmbroker_probe_headers(probe, t, &lines) != NGX_OK)
    {
        return NGX_ERROR;
    }

    t->timeout = probe->policy->health_timeout;
    t->keep = (probe->kind == NGX_HTTP_LLMBROKER_PROBE_LIST);

#if (NGX_HTTP_SSL)
    if (probe->deployment->ssl && probe->deployment->upstream.ssl_verify) {
        t->trusted = probe->deployment->upstream.ssl->ctx;
    }
#endif

    return NGX_OK;
}


/* the addresses that a request would use now */

static ngx_int_t
ngx_http_llmbroker_probe_resolve(ngx_http_llmbroker_probe_t *probe,
    ngx_http_llmbroker_transfer_t *t)
{
    u_char                                 *p;
    ngx_uint_t                              i, j, n, servers;
    ngx_http_upstream_server_t             *server;
    ngx_http_llmbroker_addrs_t             *list;
    const ngx_http_llmbroker_deployment_t  *d;

    d = probe->deployment;

    if (d->host.data[0] == '[') {
        /* libcurl would take its first colon for the end of the host */
        return NGX_OK;
    }

    if (d->resolve) {
        list = d->resolve->addrs;

        if (list == NULL) {
            return NGX_DECLINED;
        }

        p = ngx_http_llmbroker_probe_entry(d, t, list->n);
        if (p == NULL) {
            return NGX_ERROR;
        }

        for (i = 0; i < list->n; i++) {
            p = ngx_http_llmbroker_probe_addr(p, list->elts[i].sockaddr,
                                              list->elts[i].socklen);
        }

    } else {
        server = d->upstream.upstream->servers->elts;
        servers = d->upstream.upstream->servers->nelts;

        for (i = 0, n = 0; i < servers; i++) {
            n += server[i].naddrs;
        }

        p = ngx_http_llmbroker_probe_entry(d, t, n);
        if (p == NULL) {
            return NGX_ERROR;
        }

        for (i = 0; i < servers; i++) {
            for (j = 0; j < server[i].naddrs; j++) {
                p = ngx_http_llmbroker_probe_addr(p,
                                                  server[i].addrs[j].sockaddr,
                                                  server[i].addrs[j].socklen);
            }
        }
    }

    /* without the last comma */

    t->resolve.len = p - t->resolve.data - 1;

    return NGX_OK;
}


/* begins t->resolve, with room for n addresses; returns its end, or NULL */

static u_char *
ngx_http_llmbroker_probe_entry(const ngx_http_llmbroker_deployment_t *d,
    ngx_http_llmbroker_transfer_t *t, ngx_uint_t n)
{
    t->resolve.data = ngx_pnalloc(t->pool,
                                  d->host.len + sizeof(":65535:") - 1
                                  + n * (sizeof("[],") - 1
                                         + NGX_SOCKADDR_STRLEN));
    if (t->resolve.data == NULL) {
        return NULL;
    }

    return ngx_sprintf(t->resolve.data, "%V:%ui:", &d->host,
                       (ngx_uint_t) d->port);
}


static u_char *
ngx_http_llmbroker_probe_addr(u_char *p, struct sockaddr *sockaddr,
    socklen_t socklen)
{
    if (sockaddr->sa_family == AF_INET) {
        p += ngx_sock_ntop(sockaddr, socklen, p, NGX_SOCKADDR_STRLEN, 0);

    } else {
        *p++ = '[';
        p += ngx_sock_ntop(sockaddr, socklen, p, NGX_SOCKADDR_STRLEN, 0);
        *p++ = ']';
    }

    *p++ = ',';

    return p;
}


static ngx_int_t
ngx_http_llmbroker_probe_chat(ngx_http_llmbroker_probe_t *probe,
    ngx_http_llmbroker_transfer_t *t, ngx_str_t *path, ngx_str_t *lines)
{
    ngx_buf_t                      b;
    ngx_chain_t                    cl;
    ngx_http_llmbroker_out_t       out;
    ngx_http_llmbroker_exchange_t  ex;

    ngx_memzero(&ex, sizeof(ngx_http_llmbroker_exchange_t));

    ngx_http_llmbroker_out_init(&out, t->pool, NULL, NULL, 1024);

    ex.pool = t->pool;
    ex.temp = t->pool;
    ex.log = t->log;
    ex.target = &probe->target;
    ex.call = NGX_HTTP_LLMBROKER_CHAT;
    ex.splice = ex.target->dialect->splice;
    ex.created = ngx_time();
    ex.parts = 1;
    ex.body = &out;

    if (ngx_http_llmbroker_probe_body(probe, &ex, &t->body) != NGX_OK) {
        return NGX_ERROR;
    }

    t->post = 1;

    *path = ex.path.len ? ex.path
                        : probe->target.paths[NGX_HTTP_LLMBROKER_CHAT][0];

    if (ex.target->dialect->sign == NULL) {
        return NGX_OK;
    }

    ngx_memzero(&b, sizeof(ngx_buf_t));

    b.pos = t->body.data;
    b.last = t->body.data + t->body.len;
    b.memory = 1;

    cl.buf = &b;
    cl.next = NULL;

    return ex.target->dialect->sign(&ex, path, &cl, ngx_time(), lines);
}


/* OpenAI's form, and the dialect's where that is another */

static ngx_int_t
ngx_http_llmbroker_probe_body(ngx_http_llmbroker_probe_t *probe,
    ngx_http_llmbroker_exchange_t *ex, ngx_str_t *body)
{
    ngx_http_llmbroker_out_t          out;
    ngx_http_llmbroker_json_writer_t  w;

    ngx_http_llmbroker_out_init(&out, ex->pool, NULL, NULL, 1024);
    ngx_http_llmbroker_json_write_start(&w, &out);

    ngx_http_llmbroker_json_open(&w);
    ngx_http_llmbroker_json_key(&w, "model");
    ngx_http_llmbroker_json_str(&w, &probe->target.model);
    ngx_http_llmbroker_json_key(&w, "messages");
    ngx_http_llmbroker_json_open_array(&w);
    ngx_http_llmbroker_json_open(&w);
    ngx_http_llmbroker_json_key(&w, "role");
    ngx_http_llmbroker_json_text(&w, "user");
    ngx_http_llmbroker_json_key(&w, "content");
    ngx_http_llmbroker_json_text(&w, "ping");
    ngx_http_llmbroker_json_close(&w);
    ngx_http_llmbroker_json_close_array(&w);
    ngx_http_llmbroker_json_key(&w, probe->legacy ? "max_tokens"
                                                  : "max_completion_tokens");
    ngx_http_llmbroker_json_number(&w, NGX_HTTP_LLMBROKER_PROBE_TOKENS);
    ngx_http_llmbroker_json_close(&w);

    if (ngx_http_llmbroker_json_write_end(&w) != NGX_OK
        || ngx_http_llmbroker_out_text(&out, ex->pool, body) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ex->splice) {
        return NGX_OK;
    }

    if (ngx_http_llmbroker_json_parse(ex->pool, body->data, body->len,
                                      &ex->request)
        != NGX_OK
        || ex->target->dialect->build(ex) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_out_text(ex->body, ex->pool, body);
}


static ngx_int_t
ngx_http_llmbroker_probe_url(ngx_http_llmbroker_probe_t *probe,
    ngx_http_llmbroker_transfer_t *t, ngx_str_t *path)
{
    const ngx_http_llmbroker_deployment_t  *d;

    d = probe->deployment;

    t->url.data = ngx_pnalloc(t->pool, sizeof("https://") - 1
                                       + d->host_header.len + path->len);
    if (t->url.data == NULL) {
        return NGX_ERROR;
    }

    t->url.len = ngx_sprintf(t->url.data, "http%s://%V%V", d->ssl ? "s" : "",
                             &d->host_header, path)
                 - t->url.data;

    return NGX_OK;
}


/* the key is shown where it is needed only */

static ngx_int_t
ngx_http_llmbroker_probe_headers(ngx_http_llmbroker_probe_t *probe,
    ngx_http_llmbroker_transfer_t *t, ngx_str_t *lines)
{
    ngx_str_t   own;
    const char  *type;

    own = probe->target.headers[0];
    type = t->post ? "Content-Type: application/json" CRLF : "";

    if (probe->kind == NGX_HTTP_LLMBROKER_PROBE_BASE) {
        own.len = 0;
    }

    t->headers.data = ngx_pnalloc(t->pool,
                                  sizeof(NGX_HTTP_LLMBROKER_PROBE_HEADERS) - 1
                                  + ngx_strlen(type) + own.len + lines->len);
    if (t->headers.data == NULL) {
        return NGX_ERROR;
    }

    t->headers.len = ngx_sprintf(t->headers.data,
                                 NGX_HTTP_LLMBROKER_PROBE_HEADERS "%s%V%V",
                                 type, &own, lines)
                     - t->headers.data;

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_probe_verdict(ngx_http_llmbroker_probe_t *probe,
    ngx_http_llmbroker_transfer_t *t, ngx_str_t *reason)
{
    ngx_uint_t  up;

    if (t->rc != NGX_OK) {
        *reason = t->reason;
        return t->rc;
    }

    switch (probe->kind) {

    case NGX_HTTP_LLMBROKER_PROBE_BASE:
        up = (t->status < 500);
        break;

    case NGX_HTTP_LLMBROKER_PROBE_MODEL:

        if (t->status >= 200 && t->status < 300) {
            return NGX_DONE;
        }

        /* too many requests: it is alive */

        up = (t->status == 429);

        if (t->status == 400 || t->status == 422) {
            probe->legacy = !probe->legacy;
        }

        break;

    default: /* PATH, LIST */

        /* a server that does not know the path, or has no time, is there */

        up = (t->status < 500 && t->status != 401 && t->status != 402
              && t->status != 403);
    }

    if (up) {
        return NGX_OK;
    }

    reason->data = ngx_pnalloc(t->pool, sizeof("HTTP status ") - 1
                                        + NGX_INT_T_LEN);
    if (reason->data == NULL) {
        return NGX_DECLINED;
    }

    reason->len = ngx_sprintf(reason->data, "HTTP status %ui", t->status)
                  - reason->data;

    return NGX_ERROR;
}


ngx_int_t
ngx_http_llmbroker_probe_listed(ngx_http_llmbroker_probe_t *probe,
    ngx_http_llmbroker_transfer_t *t)
{
    ngx_str_t                   id;
    ngx_http_llmbroker_json_t  *root, *list, *v, *name;

    if (probe->kind != NGX_HTTP_LLMBROKER_PROBE_LIST
        || probe->target.models_other
        || t->rc != NGX_OK || t->status != 200 || t->cut
        || ngx_http_llmbroker_json_parse(t->pool, t->answer.data,
                                         t->answer.len, &root)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    list = ngx_http_llmbroker_json_get_type(root, "data",
                                            NGX_HTTP_LLMBROKER_JSON_ARRAY);
    if (list == NULL) {
        list = ngx_http_llmbroker_json_get_type(root, "models",
                                                NGX_HTTP_LLMBROKER_JSON_ARRAY);
    }

    if (list == NULL) {
        return NGX_ERROR;
    }

    for (v = list->child; v; v = v->next) {
        name = ngx_http_llmbroker_json_get(v, "id");

        if (name == NULL) {
            name = ngx_http_llmbroker_json_get(v, "name");
        }

        if (ngx_http_llmbroker_json_string(t->pool, name, &id) == NGX_OK
            && ngx_http_llmbroker_probe_names(&probe->target.model, &id))
        {
            return NGX_OK;
        }
    }

    /* an empty list tells nothing, and the rest of it may be on other pages */

    if (list->child == NULL
        || ngx_http_llmbroker_json_true(
               ngx_http_llmbroker_json_get(root, "has_more"))
        || ngx_http_llmbroker_json_get(root, "nextPageToken"))
    {
        return NGX_ERROR;
    }

    return NGX_DECLINED;
}


/*
 * A name may stand for its newest version: "m" and "m-latest" for "m-20250101"
 * or "m:latest"; and lists may say "models/m".
 */

static ngx_uint_t
ngx_http_llmbroker_probe_names(ngx_str_t *model, ngx_str_t *id)
{
    u_char     *p, *last;
    ngx_str_t   a, b;

    static const u_char  models[] = "models/";
    static const u_char  latest[] = "-latest";

    a = *model;
    b = *id;

    if (b.len > sizeof(models) - 1
        && ngx_memcmp(b.data, models, sizeof(models) - 1) == 0
        && (a.len < sizeof(models) - 1
            || ngx_memcmp(a.data, models, sizeof(models) - 1) != 0))
    {
        b.data += sizeof(models) - 1;
        b.len -= sizeof(models) - 1;
    }

    if (a.len == b.len && ngx_memcmp(a.data, b.data, a.len) == 0) {
        return 1;
    }

    if (a.len > sizeof(latest) - 1
        && ngx_memcmp(a.data + a.len - (sizeof(latest) - 1), latest,
                      sizeof(latest) - 1)
           == 0)
    {
        a.len -= sizeof(latest) - 1;
    }

    if (b.len <= a.len || ngx_memcmp(a.data, b.data, a.len) != 0) {
        return 0;
    }

    p = b.data + a.len;
    last = b.data + b.len;

    if (last - p == sizeof(latest) - 1
        && (p[0] == ':' || p[0] == '-')
        && ngx_memcmp(p + 1, latest + 1, sizeof(latest) - 2) == 0)
    {
        return 1;
    }

    if (p[0] != '-' && p[0] != '@') {
        return 0;
    }

    for (p++; p < last; p++) {
        if ((*p < '0' || *p > '9') && *p != '-') {
            return 0;
        }
    }

    return 1;
}
