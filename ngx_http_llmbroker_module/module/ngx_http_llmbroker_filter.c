
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "request/ngx_http_llmbroker_drain.h"
#include "request/ngx_http_llmbroker_headers.h"
#include "request/ngx_http_llmbroker_send.h"
#include "module/ngx_http_llmbroker_module.h"


/* values of limit_req_status and limit_conn_status that are refusals */
#define NGX_HTTP_LLMBROKER_LIMIT_REQ_REJECTED   3
#define NGX_HTTP_LLMBROKER_LIMIT_CONN_REJECTED  2


static ngx_int_t ngx_http_llmbroker_header_filter(ngx_http_request_t *r);
static ngx_int_t ngx_http_llmbroker_refusal(ngx_http_request_t *r,
    ngx_http_llmbroker_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_add_headers(ngx_http_request_t *r,
    ngx_http_llmbroker_ctx_t *ctx, ngx_http_llmbroker_main_conf_t *mcf);
static ngx_int_t ngx_http_llmbroker_add_provider_headers(
    ngx_http_request_t *r, ngx_array_t *headers, ngx_uint_t *request_id);
static ngx_int_t ngx_http_llmbroker_request_body_filter(
    ngx_http_request_t *r, ngx_chain_t *in);
static ngx_int_t ngx_http_llmbroker_attempt_body(ngx_http_request_t *r,
    ngx_http_llmbroker_ctx_t *ctx, ngx_chain_t *in);
static ngx_int_t ngx_http_llmbroker_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;
static ngx_http_request_body_filter_pt   ngx_http_next_request_body_filter;


void
ngx_http_llmbroker_filter_install(void)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_llmbroker_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_llmbroker_body_filter;

    ngx_http_next_request_body_filter = ngx_http_top_request_body_filter;
    ngx_http_top_request_body_filter = ngx_http_llmbroker_request_body_filter;
}


static ngx_int_t
ngx_http_llmbroker_header_filter(ngx_http_request_t *r)
{
    ngx_http_llmbroker_ctx_t        *ctx;
    ngx_http_llmbroker_loc_conf_t   *llcf;
    ngx_http_llmbroker_main_conf_t  *mcf;

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_llmbroker_module);

    if (!llcf->enable) {
        return ngx_http_next_header_filter(r);
    }

    if (r != r->main) {
        /* an attempt's header is for us alone */
        r->header_sent = 1;
        return NGX_OK;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_llmbroker_module);

    ctx = ngx_http_llmbroker_ctx(r, &mcf->shared);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    if (r->headers_out.status >= NGX_HTTP_BAD_REQUEST && !ctx->answering
        && ngx_http_llmbroker_refusal(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_llmbroker_add_headers(r, ctx, mcf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_next_header_filter(r);
}


/* gives what nginx itself refuses the one error format (design 2.9) */

static ngx_int_t
ngx_http_llmbroker_refusal(ngx_http_request_t *r,
    ngx_http_llmbroker_ctx_t *ctx)
{
    off_t       length;
    ngx_uint_t  limited;

    limited = (r->main->limit_req_status
               == NGX_HTTP_LLMBROKER_LIMIT_REQ_REJECTED
               || r->main->limit_conn_status
                  == NGX_HTTP_LLMBROKER_LIMIT_CONN_REJECTED);

    ngx_http_llmbroker_error_status(&ctx->error, r->headers_out.status,
                                    limited);

    ctx->refusal = ngx_http_llmbroker_error_chain(r->pool, &ctx->error, 0,
                                                  &length);
    if (ctx->refusal == NULL) {
        return NGX_ERROR;
    }

    ngx_http_clear_accept_ranges(r);
    ngx_http_clear_last_modified(r);
    ngx_http_clear_etag(r);
    ngx_http_clear_content_length(r);

    r->headers_out.content_length_n = length;
    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_add_headers(ngx_http_request_t *r,
    ngx_http_llmbroker_ctx_t *ctx, ngx_http_llmbroker_main_conf_t *mcf)
{
    ngx_str_t                   value;
    ngx_uint_t                  request_id;
    ngx_http_variable_value_t  *v;

    static ngx_str_t  no_cache = ngx_string("no-cache");
    static ngx_str_t  no = ngx_string("no");

    if (ngx_http_llmbroker_cors(r, mcf->shared.conf) != NGX_OK) {
        return NGX_ERROR;
    }

    request_id = 0;

    if (ctx->attempt && ctx->attempt->headers
        && ngx_http_llmbroker_add_provider_headers(r, ctx->attempt->headers,
                                                   &request_id)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!request_id) {
        v = ngx_http_get_indexed_variable(r, mcf->request_id);

        if (v && !v->not_found) {
            value.len = v->len;
            value.data = v->data;

            if (ngx_http_llmbroker_add_header(r, "x-request-id", &value)
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    if (ctx->model
        && ngx_http_llmbroker_add_header(r, "x-llmbroker-model",
                                         &ctx->model->name)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx->attempt) {

        value = ctx->attempt->exchange.target->provider;

        if (ngx_http_llmbroker_add_header(r, "x-llmbroker-provider", &value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (ngx_http_llmbroker_number(r->pool, ctx->attempts, 0, &value)
            != NGX_OK
            || ngx_http_llmbroker_add_header(r, "x-llmbroker-attempts", &value)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        value = ctx->attempt->exchange.dropped;

        if (value.len
            && ngx_http_llmbroker_add_header(r, "x-llmbroker-dropped-params",
                                             &value)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (ctx->streaming
        && (ngx_http_llmbroker_add_header(r, "Cache-Control", &no_cache)
            != NGX_OK
            || ngx_http_llmbroker_add_header(r, "X-Accel-Buffering", &no)
               != NGX_OK))
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_add_provider_headers(ngx_http_request_t *r,
    ngx_array_t *headers, ngx_uint_t *request_id)
{
    ngx_uint_t        i;
    ngx_keyval_t     *passed;
    ngx_table_elt_t  *h;

    passed = headers->elts;

    for (i = 0; i < headers->nelts; i++) {

        h = ngx_list_push(&r->headers_out.headers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        ngx_memzero(h, sizeof(ngx_table_elt_t));

        h->hash = 1;
        h->key = passed[i].key;
        h->value = passed[i].value;
        h->lowcase_key = h->key.data;

        if (h->key.len == sizeof("x-request-id") - 1
            && ngx_memcmp(h->key.data, "x-request-id", h->key.len) == 0)
        {
            *request_id = 1;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_chain_t                    *cl;
    ngx_http_llmbroker_ctx_t       *ctx;
    ngx_http_llmbroker_loc_conf_t  *llcf;

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_llmbroker_module);

    if (!llcf->enable) {
        return ngx_http_next_body_filter(r, in);
    }

    ctx = ngx_http_get_module_ctx(r->main, ngx_http_llmbroker_module);

    if (r != r->main) {

        if (in && (ctx == NULL || !ctx->streaming)) {
            /* nginx ends or flushes a response whose header was not sent */
            return NGX_OK;
        }

        return ngx_http_llmbroker_attempt_body(r, ctx, in);
    }

    if (ctx == NULL || ctx->refusal == NULL || in == NULL) {
        return ngx_http_next_body_filter(r, in);
    }

    /* nginx's own page is dropped, ours goes out once in its place */

    for (cl = in; cl; cl = cl->next) {
        cl->buf->pos = cl->buf->last;
        cl->buf->file_pos = cl->buf->file_last;
    }

    if (ctx->refused) {
        return NGX_OK;
    }

    ctx->refused = 1;

    ngx_http_llmbroker_mark_last(ctx->refusal);

    return ngx_http_next_body_filter(r, ctx->refusal);
}


static ngx_int_t
ngx_http_llmbroker_request_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_http_llmbroker_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_llmbroker_module);

    if (r == r->main && ctx && ctx->body.scan) {
        ngx_http_llmbroker_body_feed(&ctx->body, in);
    }

    return ngx_http_next_request_body_filter(r, in);
}


/* an answer that is read to its end need not have a client any more */

static ngx_int_t
ngx_http_llmbroker_attempt_body(ngx_http_request_t *r,
    ngx_http_llmbroker_ctx_t *ctx, ngx_chain_t *in)
{
    ngx_int_t                      rc;
    ngx_http_llmbroker_attempt_t  *at;

    if (ctx == NULL || !ctx->gone) {

        rc = ngx_http_next_body_filter(r, in);

        if (rc != NGX_ERROR || ctx == NULL || !ctx->model->policy.drain) {
            return rc;
        }
    }

    at = ngx_http_get_module_ctx(r, ngx_http_llmbroker_module);

    ngx_http_llmbroker_drain(at, in);

    return NGX_OK;
}
