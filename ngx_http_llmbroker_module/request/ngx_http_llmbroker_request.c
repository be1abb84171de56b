
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "request/ngx_http_llmbroker_attempt.h"
#include "request/ngx_http_llmbroker_dry_run.h"
#include "request/ngx_http_llmbroker_reply.h"
#include "request/ngx_http_llmbroker_request.h"
#include "request/ngx_http_llmbroker_run.h"


static ngx_int_t ngx_http_llmbroker_request_model(
    ngx_http_llmbroker_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_request_check(
    ngx_http_llmbroker_ctx_t *ctx);
static ngx_uint_t ngx_http_llmbroker_request_translated(
    ngx_http_llmbroker_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_request_dry_run(
    ngx_http_llmbroker_ctx_t *ctx);
static void ngx_http_llmbroker_request_cleanup(void *data);


/* what each kind of call must have, in the order of call_e */

static const struct {
    ngx_str_t   name;
    ngx_uint_t  array;
} ngx_http_llmbroker_required[] = {
    { ngx_string("messages"), 1 },
    { ngx_string("prompt"), 0 },
    { ngx_string("input"), 0 }
};


ngx_http_llmbroker_ctx_t *
ngx_http_llmbroker_ctx(ngx_http_request_t *r,
    ngx_http_llmbroker_shared_t *shared)
{
    ngx_pool_cleanup_t        *cln;
    ngx_http_llmbroker_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_llmbroker_module);

    if (ctx) {
        return ctx;
    }

    /*
     * ngx_pcalloc() sets: everything that is not known yet to nothing
     */

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_llmbroker_ctx_t));
    if (ctx == NULL) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_llmbroker_request_cleanup;
    cln->data = ctx;

    ctx->request = r;
    ctx->shared = shared;
    ctx->ttft = (ngx_msec_t) -1;

    ngx_http_set_ctx(r, ctx, ngx_http_llmbroker_module);

    return ctx;
}


static void
ngx_http_llmbroker_request_cleanup(void *data)
{
    ngx_http_llmbroker_ctx_t *ctx = data;

    ngx_http_llmbroker_run_cleanup(ctx);

    if (ctx->draft) {
        ngx_destroy_pool(ctx->draft);
    }
}


ngx_int_t
ngx_http_llmbroker_request_scan(ngx_http_llmbroker_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ctx->scanned) {
        return NGX_OK;
    }

    if (ctx->scan_failed) {
        return NGX_DECLINED;
    }

    rc = ngx_http_llmbroker_body_scan(ctx->request, &ctx->body, &ctx->error);

    if (rc == NGX_OK) {
        rc = ngx_http_llmbroker_request_model(ctx);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_llmbroker_request_check(ctx);
    }

    if (rc == NGX_OK && ctx->body.bufs->next
        && ngx_http_llmbroker_request_translated(ctx))
    {
        ngx_http_llmbroker_body_join(ctx->request, &ctx->body);
    }

    ctx->scanned = (rc == NGX_OK);
    ctx->scan_failed = (rc == NGX_DECLINED);

    return rc;
}


static ngx_int_t
ngx_http_llmbroker_request_model(ngx_http_llmbroker_ctx_t *ctx)
{
    u_char                       *p;
    ngx_str_t                     text;
    ngx_pool_t                   *pool;
    ngx_http_llmbroker_member_t  *m;

    static ngx_str_t  name = ngx_string("model");

    pool = ctx->request->pool;

    m = ngx_http_llmbroker_body_find(&ctx->body, &name);

    if (m == NULL || m->type == NGX_HTTP_LLMBROKER_JSON_NULL) {
        ctx->model = ctx->shared->conf->default_model;

        if (ctx->model) {
            ctx->model_name = ctx->model->name;
            return NGX_OK;
        }

        ngx_http_llmbroker_error_text(pool, &ctx->error,
                                     NGX_HTTP_LLMBROKER_MISSING_PARAMETER,
                                     "model",
                                     "Missing required parameter: 'model'.");
        return NGX_DECLINED;
    }

    if (m->type != NGX_HTTP_LLMBROKER_JSON_STRING) {
        ngx_http_llmbroker_error_text(pool, &ctx->error,
                                      NGX_HTTP_LLMBROKER_INVALID_TYPE, "model",
                                      "Invalid type for 'model': "
                                      "expected a string.");
        return NGX_DECLINED;
    }

    text = m->text;

    if (text.data == NULL
        && ngx_http_llmbroker_body_bytes(pool, &ctx->body, m->start, m->end,
                                         &text)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ctx->model_name.data = ngx_pnalloc(pool, text.len);
    if (ctx->model_name.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_http_llmbroker_json_decode(ctx->model_name.data, text.data + 1,
                                       text.len - 2);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ctx->model_name.len = p - ctx->model_name.data;

    ctx->model = ngx_http_llmbroker_conf_model(ctx->shared->conf,
                                               &ctx->model_name);

    if (ctx->model) {
        return NGX_OK;
    }

    text = ctx->model_name;
    text.len = ngx_min(text.len, 256);

    ngx_http_llmbroker_error_text(pool, &ctx->error,
                                  NGX_HTTP_LLMBROKER_MODEL_NOT_FOUND, "model",
                                  "The model '%V' does not exist.", &text);

    ngx_str_null(&ctx->model_name);

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_llmbroker_request_check(ngx_http_llmbroker_ctx_t *ctx)
{
    const ngx_str_t              *name;
    ngx_http_llmbroker_member_t  *m;

    static ngx_str_t  stream = ngx_string("stream");
    static ngx_str_t  options = ngx_string("stream_options");

    name = &ngx_http_llmbroker_required[ctx->call].name;

    m = ngx_http_llmbroker_body_find(&ctx->body, (ngx_str_t *) name);

    if (m == NULL || m->type == NGX_HTTP_LLMBROKER_JSON_NULL) {
        ngx_http_llmbroker_error_text(ctx->request->pool, &ctx->error,
                                      NGX_HTTP_LLMBROKER_MISSING_PARAMETER,
                                      (char *) name->data,
                                      "Missing required parameter: '%V'.",
                                      name);
        return NGX_DECLINED;
    }

    if (ngx_http_llmbroker_required[ctx->call].array
            ? m->type != NGX_HTTP_LLMBROKER_JSON_ARRAY
            : (m->type != NGX_HTTP_LLMBROKER_JSON_ARRAY
               && m->type != NGX_HTTP_LLMBROKER_JSON_STRING))
    {
        goto invalid;
    }

    m = ngx_http_llmbroker_body_find(&ctx->body, &stream);

    if (m) {
        name = &stream;

        if (m->type != NGX_HTTP_LLMBROKER_JSON_BOOL
            && m->type != NGX_HTTP_LLMBROKER_JSON_NULL)
        {
            goto invalid;
        }

        ctx->stream = (m->end - m->start == 4
                       && m->type == NGX_HTTP_LLMBROKER_JSON_BOOL);
    }

    m = ngx_http_llmbroker_body_find(&ctx->body, &options);

    if (m
        && m->type != NGX_HTTP_LLMBROKER_JSON_OBJECT
        && m->type != NGX_HTTP_LLMBROKER_JSON_NULL)
    {
        name = &options;
        goto invalid;
    }

    return NGX_OK;

invalid:

    ngx_http_llmbroker_error_text(ctx->request->pool, &ctx->error,
                                  NGX_HTTP_LLMBROKER_INVALID_TYPE,
                                  (char *) name->data,
                                  "Invalid type for '%V'.", name);
    return NGX_DECLINED;
}


/* 1 when a deployment of the model needs the body as one text */

static ngx_uint_t
ngx_http_llmbroker_request_translated(ngx_http_llmbroker_ctx_t *ctx)
{
    ngx_uint_t                    i;
    ngx_http_llmbroker_target_t  *target;

    for (i = 0; i < ctx->model->ndeployments; i++) {
        target = &ctx->model->deployments[i].target;

        if (!target->dialect->splice
            || (target->calls & (1 << ctx->call)) == 0)
        {
            return 1;
        }
    }

    return 0;
}


void
ngx_http_llmbroker_request(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_http_llmbroker_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_llmbroker_module);

    ctx->answering = 1;

    rc = ngx_http_llmbroker_request_scan(ctx);

    if (rc == NGX_OK && ctx->shared->conf->dry_run
        && ngx_http_llmbroker_dry_run_asked(r))
    {
        rc = ngx_http_llmbroker_request_dry_run(ctx);

    } else if (rc == NGX_OK) {
        rc = ngx_http_llmbroker_run(ctx);
    }

    if (rc == NGX_OK) {
        return;
    }

    if (rc == NGX_DONE || rc == NGX_DECLINED) {
        rc = ngx_http_llmbroker_reply(ctx, (rc == NGX_DONE) ? NGX_OK : rc);

    } else {
        ngx_http_llmbroker_error(&ctx->error, NGX_HTTP_LLMBROKER_INTERNAL);
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
        ctx->answering = 0;
    }

    ngx_http_finalize_request(r, rc);
}


/* NGX_DONE: the answer is in the attempt's out chain, nobody was called */

static ngx_int_t
ngx_http_llmbroker_request_dry_run(ngx_http_llmbroker_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = ngx_http_llmbroker_run_pick(ctx, 0);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_llmbroker_dry_run(ctx->attempt) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_DONE;
}
