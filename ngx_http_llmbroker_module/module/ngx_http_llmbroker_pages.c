
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "module/ngx_http_llmbroker_module.h"
#include "request/ngx_http_llmbroker_send.h"
#include "state/ngx_http_llmbroker_breaker.h"


typedef enum {
    NGX_HTTP_LLMBROKER_UP = 0,
    NGX_HTTP_LLMBROKER_IS_DOWN,
    NGX_HTTP_LLMBROKER_UNRESOLVED,
    NGX_HTTP_LLMBROKER_UNAVAILABLE
} ngx_http_llmbroker_status_e;


static ngx_int_t ngx_http_llmbroker_page_text(ngx_http_request_t *r,
    const char *type, u_char *text, size_t len);
static ngx_int_t ngx_http_llmbroker_page_send(ngx_http_request_t *r,
    ngx_uint_t status, ngx_http_llmbroker_out_t *out);
static ngx_int_t ngx_http_llmbroker_page_root(ngx_http_request_t *r);
static ngx_int_t ngx_http_llmbroker_page_model(ngx_http_request_t *r,
    ngx_str_t *alias);
static void ngx_http_llmbroker_write_model(
    ngx_http_llmbroker_json_writer_t *w, ngx_http_llmbroker_model_t *model,
    ngx_http_llmbroker_main_conf_t *mcf);
static ngx_int_t ngx_http_llmbroker_page_health(ngx_http_request_t *r);
static void ngx_http_llmbroker_write_health(
    ngx_http_llmbroker_json_writer_t *w, ngx_http_llmbroker_model_t *model,
    ngx_http_llmbroker_shared_t *shared);
static void ngx_http_llmbroker_write_state(
    ngx_http_llmbroker_json_writer_t *w, ngx_http_llmbroker_state_t *state);
static ngx_uint_t ngx_http_llmbroker_model_health(
    ngx_http_llmbroker_model_t *model, ngx_http_llmbroker_shared_t *shared);
static ngx_http_llmbroker_status_e ngx_http_llmbroker_deployment_status(
    ngx_http_llmbroker_deployment_t *d, ngx_http_llmbroker_shared_t *shared);


/* the two files as they are, with their ends */

#define ngx_http_llmbroker_embed(name, file)                                 \
    __asm__(".section .rodata\n"                                             \
            #name ":\n"                                                      \
            ".incbin \"" file "\"\n"                                         \
            #name "_end:\n"                                                  \
            ".byte 0\n"                                                      \
            ".previous\n");                                                  \
    extern u_char name[] __attribute__((visibility("hidden")));              \
    extern u_char name##_end[] __attribute__((visibility("hidden")))


ngx_http_llmbroker_embed(ngx_http_llmbroker_docs, "docs.html");
ngx_http_llmbroker_embed(ngx_http_llmbroker_openapi, "openapi.json");


/* in the order of ngx_http_llmbroker_status_e */

static const char  *ngx_http_llmbroker_statuses[] = {
    "up",
    "down",
    "unresolved",
    "unavailable"
};


/* in the order of ngx_http_llmbroker_health_e */

static const char  *ngx_http_llmbroker_checked[] = {
    "unknown",
    "up",
    "down"
};


/* in the order of ngx_http_llmbroker_breaker_e */

static const char  *ngx_http_llmbroker_breakers[] = {
    "closed",
    "open",
    "half_open"
};


ngx_int_t
ngx_http_llmbroker_pages_init(ngx_conf_t *cf,
    ngx_http_llmbroker_main_conf_t *mcf)
{
    ngx_uint_t                         i;
    ngx_http_llmbroker_out_t           out;
    ngx_http_llmbroker_conf_t         *conf;
    ngx_http_llmbroker_model_t        *model;
    ngx_http_llmbroker_json_writer_t   w;

    conf = mcf->shared.conf;
    model = conf->models.elts;

    ngx_http_llmbroker_out_init(&out, cf->temp_pool, NULL, NULL,
                                ngx_pagesize);
    ngx_http_llmbroker_json_write_start(&w, &out);

    ngx_http_llmbroker_json_open(&w);
    ngx_http_llmbroker_json_key(&w, "object");
    ngx_http_llmbroker_json_text(&w, "list");
    ngx_http_llmbroker_json_key(&w, "data");
    ngx_http_llmbroker_json_open_array(&w);

    for (i = 0; i < conf->models.nelts; i++) {
        ngx_http_llmbroker_write_model(&w, &model[i], mcf);
    }

    ngx_http_llmbroker_json_close_array(&w);

    /* for clients of the first LLMBroker */

    ngx_http_llmbroker_json_key(&w, "models");
    ngx_http_llmbroker_json_open_array(&w);

    for (i = 0; i < conf->models.nelts; i++) {
        ngx_http_llmbroker_json_str(&w, &model[i].name);
    }

    ngx_http_llmbroker_json_close_array(&w);
    ngx_http_llmbroker_json_close(&w);

    if (ngx_http_llmbroker_json_write_end(&w) != NGX_OK
        || ngx_http_llmbroker_out_copy(&out, "\n", 1) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_out_text(&out, cf->pool, &mcf->models);
}


ngx_int_t
ngx_http_llmbroker_page(ngx_http_request_t *r,
    ngx_http_llmbroker_endpoint_t *endpoint)
{
    ngx_int_t                        rc;
    ngx_http_llmbroker_main_conf_t  *mcf;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    switch (endpoint->page) {

    case NGX_HTTP_LLMBROKER_PAGE_MODELS:
        mcf = ngx_http_get_module_main_conf(r, ngx_http_llmbroker_module);

        return ngx_http_llmbroker_page_text(r, "application/json",
                                            mcf->models.data,
                                            mcf->models.len);

    case NGX_HTTP_LLMBROKER_PAGE_MODEL:
        return ngx_http_llmbroker_page_model(r, &endpoint->alias);

    case NGX_HTTP_LLMBROKER_PAGE_HEALTH:
        return ngx_http_llmbroker_page_health(r);

    case NGX_HTTP_LLMBROKER_PAGE_DOCS:
        return ngx_http_llmbroker_page_text(r, "text/html; charset=utf-8",
                                            ngx_http_llmbroker_docs,
                                            ngx_http_llmbroker_docs_end
                                            - ngx_http_llmbroker_docs);

    case NGX_HTTP_LLMBROKER_PAGE_OPENAPI:
        return ngx_http_llmbroker_page_text(r, "application/json",
                                            ngx_http_llmbroker_openapi,
                                            ngx_http_llmbroker_openapi_end
                                            - ngx_http_llmbroker_openapi);

    default:
        return ngx_http_llmbroker_page_root(r);
    }
}


static ngx_int_t
ngx_http_llmbroker_page_text(ngx_http_request_t *r, const char *type,
    u_char *text, size_t len)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    b = ngx_calloc_buf(r->pool);
    cl = ngx_alloc_chain_link(r->pool);

    if (b == NULL || cl == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->memory = 1;
    b->pos = text;
    b->last = text + len;

    cl->buf = b;
    cl->next = NULL;

    return ngx_http_llmbroker_send(r, NGX_HTTP_OK, type, cl, len);
}


static ngx_int_t
ngx_http_llmbroker_page_send(ngx_http_request_t *r, ngx_uint_t status,
    ngx_http_llmbroker_out_t *out)
{
    off_t  length;

    if (ngx_http_llmbroker_out_copy(out, "\n", 1) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    length = out->length;

    return ngx_http_llmbroker_send_json(r, status,
                                        ngx_http_llmbroker_out_take(out),
                                        length);
}


static ngx_int_t
ngx_http_llmbroker_page_root(ngx_http_request_t *r)
{
    ngx_http_llmbroker_out_t          out;
    ngx_http_llmbroker_json_writer_t  w;

    ngx_http_llmbroker_out_init(&out, r->pool, NULL, NULL, 256);
    ngx_http_llmbroker_json_write_start(&w, &out);

    ngx_http_llmbroker_json_open(&w);
    ngx_http_llmbroker_json_key(&w, "service");
    ngx_http_llmbroker_json_text(&w, "LLMBroker");
    ngx_http_llmbroker_json_key(&w, "version");
    ngx_http_llmbroker_json_text(&w, NGX_HTTP_LLMBROKER_VERSION);
    ngx_http_llmbroker_json_key(&w, "status");
    ngx_http_llmbroker_json_text(&w, "ok");
    ngx_http_llmbroker_json_close(&w);

    if (ngx_http_llmbroker_json_write_end(&w) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_llmbroker_page_send(r, NGX_HTTP_OK, &out);
}


static ngx_int_t
ngx_http_llmbroker_page_model(ngx_http_request_t *r, ngx_str_t *alias)
{
    ngx_str_t                         shown;
    ngx_http_llmbroker_out_t          out;
    ngx_http_llmbroker_ctx_t         *ctx;
    ngx_http_llmbroker_model_t       *model;
    ngx_http_llmbroker_main_conf_t   *mcf;
    ngx_http_llmbroker_json_writer_t  w;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_llmbroker_module);

    model = ngx_http_llmbroker_conf_model(mcf->shared.conf, alias);

    if (model == NULL) {
        ctx = ngx_http_get_module_ctx(r, ngx_http_llmbroker_module);

        shown = *alias;
        shown.len = ngx_min(shown.len, 256);

        ngx_http_llmbroker_error_text(r->pool, &ctx->error,
                                      NGX_HTTP_LLMBROKER_MODEL_NOT_FOUND,
                                      "model",
                                      "The model '%V' does not exist.",
                                      &shown);

        return ngx_http_llmbroker_error_send(r, &ctx->error);
    }

    ngx_http_llmbroker_out_init(&out, r->pool, NULL, NULL, 256);
    ngx_http_llmbroker_json_write_start(&w, &out);
    ngx_http_llmbroker_write_model(&w, model, mcf);

    if (ngx_http_llmbroker_json_write_end(&w) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_llmbroker_page_send(r, NGX_HTTP_OK, &out);
}


static void
ngx_http_llmbroker_write_model(ngx_http_llmbroker_json_writer_t *w,
    ngx_http_llmbroker_model_t *model, ngx_http_llmbroker_main_conf_t *mcf)
{
    ngx_str_t  provider;

    provider = model->deployments[0].target.provider;

    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "id");
    ngx_http_llmbroker_json_str(w, &model->name);
    ngx_http_llmbroker_json_key(w, "object");
    ngx_http_llmbroker_json_text(w, "model");
    ngx_http_llmbroker_json_key(w, "created");
    ngx_http_llmbroker_json_number(w, mcf->created);
    ngx_http_llmbroker_json_key(w, "owned_by");
    ngx_http_llmbroker_json_str(w, &provider);
    ngx_http_llmbroker_json_close(w);
}


static ngx_int_t
ngx_http_llmbroker_page_health(ngx_http_request_t *r)
{
    ngx_uint_t                        i, n, available;
    const char                       *status;
    ngx_http_llmbroker_out_t          out;
    ngx_http_llmbroker_model_t       *model;
    ngx_http_llmbroker_main_conf_t   *mcf;
    ngx_http_llmbroker_json_writer_t  w;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_llmbroker_module);
    model = mcf->shared.conf->models.elts;
    n = mcf->shared.conf->models.nelts;

    available = 0;

    for (i = 0; i < n; i++) {
        available += ngx_http_llmbroker_model_health(&model[i], &mcf->shared);
    }

    if (available == n) {
        status = "healthy";

    } else {
        status = available ? "degraded" : "unhealthy";
    }

    ngx_http_llmbroker_out_init(&out, r->pool, NULL, NULL, ngx_pagesize);
    ngx_http_llmbroker_json_write_start(&w, &out);

    ngx_http_llmbroker_json_open(&w);
    ngx_http_llmbroker_json_key(&w, "status");
    ngx_http_llmbroker_json_text(&w, status);
    ngx_http_llmbroker_json_key(&w, "version");
    ngx_http_llmbroker_json_text(&w, NGX_HTTP_LLMBROKER_VERSION);
    ngx_http_llmbroker_json_key(&w, "models");
    ngx_http_llmbroker_json_open_array(&w);

    for (i = 0; i < n; i++) {
        ngx_http_llmbroker_write_health(&w, &model[i], &mcf->shared);
    }

    ngx_http_llmbroker_json_close_array(&w);
    ngx_http_llmbroker_json_close(&w);

    if (ngx_http_llmbroker_json_write_end(&w) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_llmbroker_page_send(r, available
                                            ? NGX_HTTP_OK
                                            : NGX_HTTP_SERVICE_UNAVAILABLE,
                                        &out);
}


static void
ngx_http_llmbroker_write_health(ngx_http_llmbroker_json_writer_t *w,
    ngx_http_llmbroker_model_t *model, ngx_http_llmbroker_shared_t *shared)
{
    ngx_uint_t                        i, available;
    ngx_http_llmbroker_status_e       status;
    ngx_http_llmbroker_deployment_t  *d;

    d = model->deployments;
    available = ngx_http_llmbroker_model_health(model, shared);

    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "name");
    ngx_http_llmbroker_json_str(w, &model->name);
    ngx_http_llmbroker_json_key(w, "status");
    ngx_http_llmbroker_json_text(w, available ? "available" : "unavailable");

    if (model->missing.len) {
        ngx_http_llmbroker_json_key(w, "missing");
        ngx_http_llmbroker_json_str(w, &model->missing);
    }

    ngx_http_llmbroker_json_key(w, "deployments");
    ngx_http_llmbroker_json_open_array(w);

    for (i = 0; i < model->ndeployments; i++) {
        status = ngx_http_llmbroker_deployment_status(&d[i], shared);

        ngx_http_llmbroker_json_open(w);
        ngx_http_llmbroker_json_key(w, "provider");
        ngx_http_llmbroker_json_str(w, &d[i].target.provider);
        ngx_http_llmbroker_json_key(w, "model");
        ngx_http_llmbroker_json_str(w, &d[i].target.model);
        ngx_http_llmbroker_json_key(w, "endpoint");
        ngx_http_llmbroker_json_str(w, &d[i].base_url);
        ngx_http_llmbroker_json_key(w, "status");
        ngx_http_llmbroker_json_text(w, ngx_http_llmbroker_statuses[status]);

        if (status != NGX_HTTP_LLMBROKER_UNAVAILABLE) {
            ngx_http_llmbroker_write_state(w, shared->states[d[i].slot]);
        }

        ngx_http_llmbroker_json_close(w);
    }

    ngx_http_llmbroker_json_close_array(w);
    ngx_http_llmbroker_json_close(w);
}


/* times are told in seconds, rounded up */

static void
ngx_http_llmbroker_write_state(ngx_http_llmbroker_json_writer_t *w,
    ngx_http_llmbroker_state_t *state)
{
    ngx_int_t   listed;
    ngx_msec_t  msec;

    ngx_http_llmbroker_json_key(w, "checked");
    ngx_http_llmbroker_json_text(w, ngx_http_llmbroker_checked[
                 ngx_http_llmbroker_state_health(state, ngx_current_msec)]);

    listed = ngx_http_llmbroker_state_listed(state);

    if (listed != NGX_DECLINED) {
        ngx_http_llmbroker_json_key(w, "listed");
        ngx_http_llmbroker_json_bool(w, listed);
    }

    ngx_http_llmbroker_json_key(w, "breaker");
    ngx_http_llmbroker_json_text(w, ngx_http_llmbroker_breakers[
                       ngx_http_llmbroker_breaker(state, ngx_current_msec)]);

    msec = ngx_http_llmbroker_breaker_wait(state, ngx_current_msec);

    if (msec) {
        ngx_http_llmbroker_json_key(w, "retry_in");
        ngx_http_llmbroker_json_number(w, (msec + 999) / 1000);
    }

    msec = ngx_http_llmbroker_state_cooling(state, ngx_current_msec);

    if (msec) {
        ngx_http_llmbroker_json_key(w, "cooling");
        ngx_http_llmbroker_json_number(w, (msec + 999) / 1000);
    }

    ngx_http_llmbroker_json_key(w, "failures");
    ngx_http_llmbroker_json_number(w,
                                 ngx_http_llmbroker_breaker_failures(state));
    ngx_http_llmbroker_json_key(w, "in_flight");
    ngx_http_llmbroker_json_number(w,
                                  ngx_http_llmbroker_state_in_flight(state));
}


/* returns 1 when the model can be asked, else 0 */

static ngx_uint_t
ngx_http_llmbroker_model_health(ngx_http_llmbroker_model_t *model,
    ngx_http_llmbroker_shared_t *shared)
{
    ngx_uint_t                        i;
    ngx_http_llmbroker_deployment_t  *d;

    d = model->deployments;

    for (i = 0; i < model->ndeployments; i++) {
        if (ngx_http_llmbroker_deployment_status(&d[i], shared)
            == NGX_HTTP_LLMBROKER_UP)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_http_llmbroker_status_e
ngx_http_llmbroker_deployment_status(ngx_http_llmbroker_deployment_t *d,
    ngx_http_llmbroker_shared_t *shared)
{
    ngx_http_llmbroker_state_t  *state;

    if (d->missing.len) {
        return NGX_HTTP_LLMBROKER_UNAVAILABLE;
    }

    state = shared->states[d->slot];

    /* half open is not down: without a request nothing would close it */

    if (ngx_http_llmbroker_breaker(state, ngx_current_msec)
        == NGX_HTTP_LLMBROKER_BREAKER_OPEN
        || ngx_http_llmbroker_state_down(state, ngx_current_msec) != 0)
    {
        return NGX_HTTP_LLMBROKER_IS_DOWN;
    }

    if (d->resolve && d->resolve->addrs == NULL) {
        return NGX_HTTP_LLMBROKER_UNRESOLVED;
    }

    return NGX_HTTP_LLMBROKER_UP;
}
