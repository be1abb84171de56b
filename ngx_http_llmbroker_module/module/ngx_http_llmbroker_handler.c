
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "request/ngx_http_llmbroker_attempt.h"
#include "request/ngx_http_llmbroker_headers.h"
#include "module/ngx_http_llmbroker_module.h"


typedef struct {
    ngx_str_t                        path;
    ngx_http_llmbroker_page_e        page;
    ngx_http_llmbroker_call_e        call;
} ngx_http_llmbroker_path_t;


static void ngx_http_llmbroker_endpoint(ngx_http_request_t *r,
    ngx_http_llmbroker_endpoint_t *endpoint);
static const ngx_http_llmbroker_path_t *ngx_http_llmbroker_find_path(
    ngx_str_t *rest);
static const ngx_http_llmbroker_path_t *ngx_http_llmbroker_find_suffix(
    ngx_str_t *uri);
static ngx_int_t ngx_http_llmbroker_refuse(ngx_http_request_t *r,
    ngx_http_llmbroker_ctx_t *ctx, ngx_http_llmbroker_error_e kind);
static ngx_int_t ngx_http_llmbroker_preflight(ngx_http_request_t *r,
    ngx_http_llmbroker_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_method(ngx_http_request_t *r,
    ngx_http_llmbroker_endpoint_t *endpoint);
static ngx_int_t ngx_http_llmbroker_read_body(ngx_http_request_t *r,
    ngx_http_client_body_handler_pt handler);
static void ngx_http_llmbroker_read_event(ngx_http_request_t *r);
static void ngx_http_llmbroker_early_done(ngx_http_request_t *r);


/* design 2.3; "v1/" in front is optional */

static const ngx_http_llmbroker_path_t  ngx_http_llmbroker_paths[] = {

    { ngx_string("chat/completions"),
      NGX_HTTP_LLMBROKER_PAGE_CALL, NGX_HTTP_LLMBROKER_CHAT },

    { ngx_string("completions"),
      NGX_HTTP_LLMBROKER_PAGE_CALL, NGX_HTTP_LLMBROKER_COMPLETIONS },

    { ngx_string("embeddings"),
      NGX_HTTP_LLMBROKER_PAGE_CALL, NGX_HTTP_LLMBROKER_EMBEDDINGS },

    { ngx_string("models"), NGX_HTTP_LLMBROKER_PAGE_MODELS, 0 },
    { ngx_string("health"), NGX_HTTP_LLMBROKER_PAGE_HEALTH, 0 },
    { ngx_string("docs"), NGX_HTTP_LLMBROKER_PAGE_DOCS, 0 },
    { ngx_string("openapi.json"), NGX_HTTP_LLMBROKER_PAGE_OPENAPI, 0 },
    { ngx_null_string, NGX_HTTP_LLMBROKER_PAGE_ROOT, 0 }
};


ngx_int_t
ngx_http_llmbroker_handler(ngx_http_request_t *r)
{
    ngx_int_t                        rc;
    ngx_http_llmbroker_ctx_t        *ctx;
    ngx_http_llmbroker_attempt_t    *at;
    ngx_http_llmbroker_endpoint_t    endpoint;
    ngx_http_llmbroker_main_conf_t  *mcf;

    if (r != r->main) {

        at = ngx_http_get_module_ctx(r, ngx_http_llmbroker_module);

        if (at) {
            return ngx_http_llmbroker_attempt_handler(r, at);
        }

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "\"llmbroker\" does not serve subrequests");
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_llmbroker_module);

    ctx = ngx_http_llmbroker_ctx(r, &mcf->shared);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (r->method == NGX_HTTP_OPTIONS) {
        rc = ngx_http_llmbroker_preflight(r, ctx);

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    ngx_http_llmbroker_endpoint(r, &endpoint);

    if (ctx->shared->conf->auth
        && endpoint.page != NGX_HTTP_LLMBROKER_PAGE_HEALTH
        && endpoint.page != NGX_HTTP_LLMBROKER_PAGE_ROOT
        && ngx_http_llmbroker_access(r, ctx->shared->conf) != NGX_OK)
    {
        return ngx_http_llmbroker_refuse(r, ctx,
                                         NGX_HTTP_LLMBROKER_INVALID_KEY);
    }

    if (endpoint.page == NGX_HTTP_LLMBROKER_PAGE_NONE) {
        return ngx_http_llmbroker_refuse(r, ctx,
                                         NGX_HTTP_LLMBROKER_UNKNOWN_URL);
    }

    rc = ngx_http_llmbroker_method(r, &endpoint);

    if (rc == NGX_DECLINED) {
        return ngx_http_llmbroker_refuse(r, ctx,
                                        NGX_HTTP_LLMBROKER_METHOD_NOT_ALLOWED);
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (endpoint.page != NGX_HTTP_LLMBROKER_PAGE_CALL) {
        ctx->answering = 1;
        return ngx_http_llmbroker_page(r, &endpoint);
    }

    ctx->call = endpoint.call;

    rc = ngx_http_llmbroker_read_body(r, ngx_http_llmbroker_request);

    return (rc >= NGX_HTTP_SPECIAL_RESPONSE) ? rc : NGX_DONE;
}


static void
ngx_http_llmbroker_endpoint(ngx_http_request_t *r,
    ngx_http_llmbroker_endpoint_t *endpoint)
{
    ngx_str_t                         rest;
    ngx_uint_t                        prefix;
    ngx_http_core_loc_conf_t         *clcf;
    const ngx_http_llmbroker_path_t  *path;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    prefix = (!clcf->exact_match && !clcf->noname && !clcf->named
              && clcf->name.len <= r->uri.len
              && ngx_strncmp(clcf->name.data, r->uri.data, clcf->name.len)
                 == 0);

    rest = r->uri;

    if (prefix) {
        rest.data += clcf->name.len;
        rest.len -= clcf->name.len;
    }

    if (rest.len && rest.data[0] == '/') {
        rest.data++;
        rest.len--;
    }

    if (rest.len >= 3 && ngx_strncmp(rest.data, "v1/", 3) == 0) {
        rest.data += 3;
        rest.len -= 3;
    }

    path = NULL;

    /* a location may name an endpoint itself, or no prefix at all */

    if (!prefix || rest.len == 0) {
        path = ngx_http_llmbroker_find_suffix(&r->uri);
    }

    if (path == NULL) {
        path = ngx_http_llmbroker_find_path(&rest);
    }

    if (path) {
        endpoint->page = path->page;
        endpoint->call = path->call;
        return;
    }

    if (rest.len > 7 && ngx_strncmp(rest.data, "models/", 7) == 0) {
        endpoint->page = NGX_HTTP_LLMBROKER_PAGE_MODEL;
        endpoint->alias.data = rest.data + 7;
        endpoint->alias.len = rest.len - 7;
        return;
    }

    endpoint->page = NGX_HTTP_LLMBROKER_PAGE_NONE;
}


static const ngx_http_llmbroker_path_t *
ngx_http_llmbroker_find_path(ngx_str_t *rest)
{
    const ngx_http_llmbroker_path_t  *path;

    for (path = ngx_http_llmbroker_paths; path->path.len; path++) {

        if (path->path.len == rest->len
            && ngx_memcmp(path->path.data, rest->data, rest->len) == 0)
        {
            return path;
        }
    }

    /* the last one is the root */

    return (rest->len == 0) ? path : NULL;
}


static const ngx_http_llmbroker_path_t *
ngx_http_llmbroker_find_suffix(ngx_str_t *uri)
{
    u_char                           *p;
    const ngx_http_llmbroker_path_t  *path;

    for (path = ngx_http_llmbroker_paths; path->path.len; path++) {

        if (uri->len <= path->path.len) {
            continue;
        }

        p = uri->data + uri->len - path->path.len;

        if (p[-1] == '/'
            && ngx_memcmp(p, path->path.data, path->path.len) == 0)
        {
            return path;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_llmbroker_refuse(ngx_http_request_t *r, ngx_http_llmbroker_ctx_t *ctx,
    ngx_http_llmbroker_error_e kind)
{
    static ngx_str_t  scheme = ngx_string("Bearer");

    ctx->answering = 1;

    ngx_http_llmbroker_error(&ctx->error, kind);

    if (kind == NGX_HTTP_LLMBROKER_INVALID_KEY
        && ngx_http_llmbroker_add_header(r, "WWW-Authenticate", &scheme)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_llmbroker_error_send(r, &ctx->error);
}


static ngx_int_t
ngx_http_llmbroker_preflight(ngx_http_request_t *r,
    ngx_http_llmbroker_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (!ctx->shared->conf->any_origin
        && ctx->shared->conf->origins.nelts == 0)
    {
        return NGX_DECLINED;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_llmbroker_cors_preflight(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->answering = 1;

    r->headers_out.status = NGX_HTTP_NO_CONTENT;
    r->header_only = 1;

    return ngx_http_send_header(r);
}


/* NGX_DECLINED: another method, and Allow tells which */

static ngx_int_t
ngx_http_llmbroker_method(ngx_http_request_t *r,
    ngx_http_llmbroker_endpoint_t *endpoint)
{
    ngx_str_t  allow;

    if (endpoint->page == NGX_HTTP_LLMBROKER_PAGE_CALL) {

        if (r->method == NGX_HTTP_POST) {
            return NGX_OK;
        }

        ngx_str_set(&allow, "POST");

    } else {

        if (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)) {
            return NGX_OK;
        }

        ngx_str_set(&allow, "GET, HEAD");
    }

    if (ngx_http_llmbroker_add_header(r, "Allow", &allow) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_DECLINED;
}


/*
 * Return: as ngx_http_read_client_request_body().  A client that does not
 * send its body in time is told so, where nginx would just close.
 */

static ngx_int_t
ngx_http_llmbroker_read_body(ngx_http_request_t *r,
    ngx_http_client_body_handler_pt handler)
{
    ngx_int_t                  rc;
    ngx_http_llmbroker_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_llmbroker_module);

    if (ctx->draft == NULL) {
        ctx->draft = ngx_create_pool(ngx_pagesize, r->connection->log);
        if (ctx->draft == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ctx->body.pool = ctx->draft;
    }

    if (r->request_body == NULL
        && ngx_http_llmbroker_body_expect(r, &ctx->body) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* room for ngx_http_llmbroker_body_join() */

    r->request_body_in_single_buf = 1;

    rc = ngx_http_read_client_request_body(r, handler);

    if (rc == NGX_AGAIN) {
        ctx->read_event_handler = r->read_event_handler;
        r->read_event_handler = ngx_http_llmbroker_read_event;
    }

    return rc;
}


static void
ngx_http_llmbroker_read_event(ngx_http_request_t *r)
{
    ngx_http_llmbroker_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_llmbroker_module);

    if (!r->connection->read->timedout) {
        ctx->read_event_handler(r);
        return;
    }

    ngx_log_error(NGX_LOG_INFO, r->connection->log, NGX_ETIMEDOUT,
                  "client timed out");

    r->keepalive = 0;
    r->write_event_handler = ngx_http_request_empty_handler;

    ngx_http_finalize_request(r,
                              ngx_http_llmbroker_refuse(r, ctx,
                                          NGX_HTTP_LLMBROKER_REQUEST_TIMEOUT));
}


ngx_int_t
ngx_http_llmbroker_early_handler(ngx_http_request_t *r)
{
    ngx_int_t                        rc;
    ngx_http_llmbroker_ctx_t        *ctx;
    ngx_http_llmbroker_endpoint_t    endpoint;
    ngx_http_llmbroker_loc_conf_t   *llcf;
    ngx_http_llmbroker_main_conf_t  *mcf;

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_llmbroker_module);

    if (!llcf->early_read || !llcf->enable || r != r->main
        || r->method != NGX_HTTP_POST)
    {
        return NGX_DECLINED;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_llmbroker_module);

    ctx = ngx_http_llmbroker_ctx(r, &mcf->shared);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ctx->early) {
        return NGX_DECLINED;
    }

    ngx_http_llmbroker_endpoint(r, &endpoint);

    if (endpoint.page != NGX_HTTP_LLMBROKER_PAGE_CALL) {
        return NGX_DECLINED;
    }

    ctx->early = 1;
    ctx->call = endpoint.call;

    rc = ngx_http_llmbroker_read_body(r, ngx_http_llmbroker_early_done);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    ngx_http_finalize_request(r, NGX_DONE);

    return NGX_DONE;
}


static void
ngx_http_llmbroker_early_done(ngx_http_request_t *r)
{
    ngx_http_llmbroker_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_llmbroker_module);

    /* a bad body is refused in the content phase, when access is granted */

    (void) ngx_http_llmbroker_request_scan(ctx);

    r->preserve_body = 1;

    r->write_event_handler = ngx_http_core_run_phases;
    ngx_http_core_run_phases(r);
}


ngx_int_t
ngx_http_llmbroker_log_handler(ngx_http_request_t *r)
{
    ngx_http_llmbroker_ctx_t       *ctx;
    ngx_http_llmbroker_exchange_t  *ex;

    if (r != r->main || r->connection->log->log_level < NGX_LOG_INFO) {
        return NGX_OK;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_llmbroker_module);

    if (ctx == NULL || ctx->attempts == 0) {
        return NGX_OK;
    }

    ex = &ctx->attempt->exchange;

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "llmbroker model:\"%V\" provider:%V status:%ui stream:%ui "
                  "prompt:%i completion:%i attempts:%ui error:\"%V\"",
                  &ctx->model->name, &ex->target->provider,
                  r->headers_out.status, (ngx_uint_t) ctx->stream,
                  ex->usage.prompt, ex->usage.completion, ctx->attempts,
                  &ctx->error.code);

    return NGX_OK;
}
