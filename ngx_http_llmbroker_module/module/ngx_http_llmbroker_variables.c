
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "request/ngx_http_llmbroker_attempt.h"
#include "module/ngx_http_llmbroker_module.h"


/* what a variable reads; "data" of the handlers */
typedef enum {
    NGX_HTTP_LLMBROKER_VAR_MODEL = 0,
    NGX_HTTP_LLMBROKER_VAR_PROVIDER,
    NGX_HTTP_LLMBROKER_VAR_UPSTREAM_MODEL,
    NGX_HTTP_LLMBROKER_VAR_FINISH_REASON,
    NGX_HTTP_LLMBROKER_VAR_ERROR,
    NGX_HTTP_LLMBROKER_VAR_STREAM,
    NGX_HTTP_LLMBROKER_VAR_ATTEMPTS,
    NGX_HTTP_LLMBROKER_VAR_TTFT,
    NGX_HTTP_LLMBROKER_VAR_PROMPT,
    NGX_HTTP_LLMBROKER_VAR_COMPLETION,
    NGX_HTTP_LLMBROKER_VAR_TOTAL,
    NGX_HTTP_LLMBROKER_VAR_CACHED,
    NGX_HTTP_LLMBROKER_VAR_REASONING
} ngx_http_llmbroker_var_e;


static ngx_int_t ngx_http_llmbroker_text_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_llmbroker_number_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_llmbroker_token_count(ngx_http_llmbroker_ctx_t *ctx,
    uintptr_t data);
static ngx_http_llmbroker_ctx_t *ngx_http_llmbroker_variable_ctx(
    ngx_http_request_t *r);


static ngx_http_variable_t  ngx_http_llmbroker_vars[] = {

    { ngx_string("llmbroker_model"), NULL,
      ngx_http_llmbroker_text_variable, NGX_HTTP_LLMBROKER_VAR_MODEL,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llmbroker_provider"), NULL,
      ngx_http_llmbroker_text_variable, NGX_HTTP_LLMBROKER_VAR_PROVIDER,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llmbroker_upstream_model"), NULL,
      ngx_http_llmbroker_text_variable, NGX_HTTP_LLMBROKER_VAR_UPSTREAM_MODEL,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llmbroker_finish_reason"), NULL,
      ngx_http_llmbroker_text_variable, NGX_HTTP_LLMBROKER_VAR_FINISH_REASON,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llmbroker_error"), NULL,
      ngx_http_llmbroker_text_variable, NGX_HTTP_LLMBROKER_VAR_ERROR,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llmbroker_stream"), NULL,
      ngx_http_llmbroker_number_variable, NGX_HTTP_LLMBROKER_VAR_STREAM,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llmbroker_attempts"), NULL,
      ngx_http_llmbroker_number_variable, NGX_HTTP_LLMBROKER_VAR_ATTEMPTS,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llmbroker_ttft"), NULL,
      ngx_http_llmbroker_number_variable, NGX_HTTP_LLMBROKER_VAR_TTFT,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llmbroker_prompt_tokens"), NULL,
      ngx_http_llmbroker_number_variable, NGX_HTTP_LLMBROKER_VAR_PROMPT,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llmbroker_completion_tokens"), NULL,
      ngx_http_llmbroker_number_variable, NGX_HTTP_LLMBROKER_VAR_COMPLETION,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llmbroker_total_tokens"), NULL,
      ngx_http_llmbroker_number_variable, NGX_HTTP_LLMBROKER_VAR_TOTAL,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llmbroker_cached_tokens"), NULL,
      ngx_http_llmbroker_number_variable, NGX_HTTP_LLMBROKER_VAR_CACHED,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llmbroker_reasoning_tokens"), NULL,
      ngx_http_llmbroker_number_variable, NGX_HTTP_LLMBROKER_VAR_REASONING,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_http_llmbroker_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_llmbroker_vars; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


static ngx_http_llmbroker_ctx_t *
ngx_http_llmbroker_variable_ctx(ngx_http_request_t *r)
{
    return ngx_http_get_module_ctx(r->main, ngx_http_llmbroker_module);
}


static ngx_int_t
ngx_http_llmbroker_text_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t                  value;
    ngx_http_llmbroker_ctx_t  *ctx;

    v->not_found = 1;

    ctx = ngx_http_llmbroker_variable_ctx(r);

    if (ctx == NULL) {
        return NGX_OK;
    }

    ngx_str_null(&value);

    switch (data) {

    case NGX_HTTP_LLMBROKER_VAR_MODEL:
        value = ctx->model_name;
        break;

    case NGX_HTTP_LLMBROKER_VAR_ERROR:
        value = ctx->error.code;
        break;

    default:

        if (ctx->attempts == 0) {
            break;
        }

        if (data == NGX_HTTP_LLMBROKER_VAR_PROVIDER) {
            value = ctx->attempt->exchange.target->provider;

        } else if (data == NGX_HTTP_LLMBROKER_VAR_UPSTREAM_MODEL) {
            value = ctx->attempt->exchange.target->model;

        } else {
            value = ctx->attempt->exchange.finish_reason;
        }

        break;
    }

    if (value.len == 0) {
        return NGX_OK;
    }

    v->len = value.len;
    v->data = value.data;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_number_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_int_t                  n;
    ngx_str_t                  value;
    ngx_uint_t                 decimals;
    ngx_http_llmbroker_ctx_t  *ctx;

    v->not_found = 1;

    ctx = ngx_http_llmbroker_variable_ctx(r);

    if (ctx == NULL) {
        return NGX_OK;
    }

    switch (data) {

    case NGX_HTTP_LLMBROKER_VAR_STREAM:
        n = ctx->stream;
        break;

    case NGX_HTTP_LLMBROKER_VAR_ATTEMPTS:
        n = ctx->attempts;
        break;

    case NGX_HTTP_LLMBROKER_VAR_TTFT:
        n = (ctx->ttft == (ngx_msec_t) -1) ? -1 : (ngx_int_t) ctx->ttft;
        break;

    default:
        n = ngx_http_llmbroker_token_count(ctx, data);
        break;
    }

    if (n < 0) {
        return NGX_OK;
    }

    decimals = (data == NGX_HTTP_LLMBROKER_VAR_TTFT) ? 3 : 0;

    if (ngx_http_llmbroker_number(r->pool, n, decimals, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    v->len = value.len;
    v->data = value.data;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


/* -1: not known */

static ngx_int_t
ngx_http_llmbroker_token_count(ngx_http_llmbroker_ctx_t *ctx, uintptr_t data)
{
    ngx_http_llmbroker_usage_t  *usage;

    if (ctx->attempts == 0) {
        return -1;
    }

    usage = &ctx->attempt->exchange.usage;

    switch (data) {

    case NGX_HTTP_LLMBROKER_VAR_PROMPT:
        return usage->prompt;

    case NGX_HTTP_LLMBROKER_VAR_COMPLETION:
        return usage->completion;

    case NGX_HTTP_LLMBROKER_VAR_CACHED:
        return usage->cached;

    case NGX_HTTP_LLMBROKER_VAR_REASONING:
        return usage->reasoning;
    }

    /* NGX_HTTP_LLMBROKER_VAR_TOTAL */

    if (usage->total < 0 && usage->prompt >= 0 && usage->completion >= 0) {
        return usage->prompt + usage->completion;
    }

    return usage->total;
}


ngx_int_t
ngx_http_llmbroker_number(ngx_pool_t *pool, ngx_uint_t n, ngx_uint_t decimals,
    ngx_str_t *text)
{
    u_char         *p, *last;

    static u_char   digits[] = "0123456789";

    if (n < 10 && decimals == 0) {
        text->data = &digits[n];
        text->len = 1;
        return NGX_OK;
    }

    p = ngx_pnalloc(pool, NGX_INT_T_LEN + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    last = p + NGX_INT_T_LEN + 1;
    p = last;

    /* from the last digit on, one at least in front of the point */

    do {
        if (decimals && last - p == (ptrdiff_t) decimals) {
            *--p = '.';
        }

        *--p = (u_char) ('0' + n % 10);
        n /= 10;

    } while (n || (decimals && last - p < (ptrdiff_t) decimals + 2));

    text->data = p;
    text->len = last - p;

    return NGX_OK;
}
