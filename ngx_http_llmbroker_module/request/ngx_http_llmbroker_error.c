
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "codec/ngx_http_llmbroker_json_write.h"
#include "request/ngx_http_llmbroker_error.h"
#include "request/ngx_http_llmbroker_send.h"


typedef struct {
    ngx_uint_t   status;
    ngx_str_t    type;
    ngx_str_t    code;
    ngx_str_t    message;
} ngx_http_llmbroker_error_row_t;


static void ngx_http_llmbroker_mask_all(ngx_pool_t *pool, ngx_str_t *text,
    const ngx_http_llmbroker_target_t *target);
static void ngx_http_llmbroker_mask(ngx_pool_t *pool, ngx_str_t *text,
    const ngx_str_t *secret);
static ngx_http_llmbroker_error_e ngx_http_llmbroker_fault_kind(
    ngx_uint_t status);


#define NGX_HTTP_LLMBROKER_REQUEST_ERROR   ngx_string("invalid_request_error")
#define NGX_HTTP_LLMBROKER_UPSTREAM_ERROR  ngx_string("upstream_error")


/* in the order of ngx_http_llmbroker_error_e; design 2.6 and 2.9 */

static const ngx_http_llmbroker_error_row_t  ngx_http_llmbroker_errors[] = {

    { 400, NGX_HTTP_LLMBROKER_REQUEST_ERROR,
      ngx_string("invalid_json"),
      ngx_string("The request body is not valid JSON.") },

    { 400, NGX_HTTP_LLMBROKER_REQUEST_ERROR,
      ngx_string("missing_required_parameter"),
      ngx_string("A required parameter is missing.") },

    { 400, NGX_HTTP_LLMBROKER_REQUEST_ERROR,
      ngx_string("invalid_type"),
      ngx_string("A parameter has the wrong type.") },

    { 400, NGX_HTTP_LLMBROKER_REQUEST_ERROR,
      ngx_string("unsupported_value"),
      ngx_string("The provider does not support a parameter.") },

    { 400, NGX_HTTP_LLMBROKER_REQUEST_ERROR,
      ngx_null_string,
      ngx_string("The request is not valid.") },

    { 401, ngx_string("authentication_error"),
      ngx_string("invalid_api_key"),
      ngx_string("A valid API key is required.") },

    { 403, ngx_string("permission_error"),
      ngx_string("permission_denied"),
      ngx_string("Access is not permitted.") },

    { 404, NGX_HTTP_LLMBROKER_REQUEST_ERROR,
      ngx_string("model_not_found"),
      ngx_string("The model does not exist.") },

    { 404, NGX_HTTP_LLMBROKER_REQUEST_ERROR,
      ngx_string("unknown_url"),
      ngx_string("Unknown request URL.") },

    { 405, NGX_HTTP_LLMBROKER_REQUEST_ERROR,
      ngx_string("method_not_allowed"),
      ngx_string("The method is not allowed for this URL.") },

    { 408, NGX_HTTP_LLMBROKER_REQUEST_ERROR,
      ngx_string("request_timeout"),
      ngx_string("The request did not arrive in time.") },

    { 413, NGX_HTTP_LLMBROKER_REQUEST_ERROR,
      ngx_string("request_too_large"),
      ngx_string("The request body is too large.") },

    { 429, ngx_string("rate_limit_error"),
      ngx_string("rate_limit_exceeded"),
      ngx_string("Too many requests.") },

    { 500, ngx_string("server_error"),
      ngx_string("internal_error"),
      ngx_string("The request could not be processed.") },

    { 502, NGX_HTTP_LLMBROKER_UPSTREAM_ERROR,
      ngx_string("provider_authentication_failed"),
      ngx_string("The provider rejected the configured API key.") },

    { 502, NGX_HTTP_LLMBROKER_UPSTREAM_ERROR,
      ngx_string("provider_unavailable"),
      ngx_string("The provider could not be reached.") },

    { 503, NGX_HTTP_LLMBROKER_UPSTREAM_ERROR,
      ngx_string("provider_unavailable"),
      ngx_string("The provider is overloaded.") },

    { 502, NGX_HTTP_LLMBROKER_UPSTREAM_ERROR,
      ngx_string("provider_bad_response"),
      ngx_string("The provider sent an invalid answer.") },

    { 503, NGX_HTTP_LLMBROKER_UPSTREAM_ERROR,
      ngx_string("model_not_available"),
      ngx_string("The model is not available.") },

    { 503, NGX_HTTP_LLMBROKER_UPSTREAM_ERROR,
      ngx_string("no_healthy_deployment"),
      ngx_string("No deployment of the model works at the moment.") },

    { 503, ngx_string("server_error"),
      ngx_string("server_overloaded"),
      ngx_string("The gateway has no free connections.") },

    { 503, ngx_string("server_error"),
      ngx_string("server_shutdown"),
      ngx_string("The gateway is restarting, the answer was ended.") },

    { 504, NGX_HTTP_LLMBROKER_UPSTREAM_ERROR,
      ngx_string("provider_timeout"),
      ngx_string("The provider did not answer in time.") },
};


void
ngx_http_llmbroker_error(ngx_http_llmbroker_error_t *error,
    ngx_http_llmbroker_error_e kind)
{
    const ngx_http_llmbroker_error_row_t  *row;

    row = &ngx_http_llmbroker_errors[kind];

    error->status = row->status;
    error->type = row->type;
    error->code = row->code;
    error->message = row->message;
    ngx_str_null(&error->param);
}


void ngx_cdecl
ngx_http_llmbroker_error_text(ngx_pool_t *pool,
    ngx_http_llmbroker_error_t *error, ngx_http_llmbroker_error_e kind,
    const char *param, const char *fmt, ...)
{
    u_char   *p, *last;
    va_list   args;
    u_char    buf[512];

    ngx_http_llmbroker_error(error, kind);

    if (param) {
        error->param.data = (u_char *) param;
        error->param.len = ngx_strlen(param);
    }

    va_start(args, fmt);
    last = ngx_vslprintf(buf, buf + sizeof(buf), fmt, args);
    va_end(args);

    p = ngx_pnalloc(pool, last - buf);
    if (p == NULL) {
        return;
    }

    ngx_memcpy(p, buf, last - buf);

    error->message.data = p;
    error->message.len = last - buf;
}


void
ngx_http_llmbroker_error_fault(ngx_pool_t *pool,
    ngx_http_llmbroker_error_t *error, ngx_http_llmbroker_fault_t *fault,
    const ngx_http_llmbroker_target_t *target)
{
    ngx_uint_t  status;

    status = fault->status;

    ngx_http_llmbroker_error(error, ngx_http_llmbroker_fault_kind(status));

    if (status == 401) {
        /* what a provider says of our key is not the client's business */
        return;
    }

    if (status >= 400 && status < 500) {
        error->status = status;
    }

    if (fault->message.len) {
        error->message = fault->message;
        ngx_http_llmbroker_mask_all(pool, &error->message, target);
    }

    if (status >= 500 || status == 0) {
        /* design 2.9: the client is told one code for each of these */
        return;
    }

    if (fault->type.len) {
        error->type = fault->type;
        ngx_http_llmbroker_mask_all(pool, &error->type, target);
    }

    if (fault->code.len) {
        error->code = fault->code;
        ngx_http_llmbroker_mask_all(pool, &error->code, target);
    }

    error->param = fault->param;
    ngx_http_llmbroker_mask_all(pool, &error->param, target);
}


static ngx_http_llmbroker_error_e
ngx_http_llmbroker_fault_kind(ngx_uint_t status)
{
    switch (status) {

    case 401:
        return NGX_HTTP_LLMBROKER_PROVIDER_AUTH;

    case 403:
        return NGX_HTTP_LLMBROKER_FORBIDDEN;

    case 404:
        return NGX_HTTP_LLMBROKER_MODEL_NOT_FOUND;

    case 408:
        return NGX_HTTP_LLMBROKER_REQUEST_TIMEOUT;

    case 413:
        return NGX_HTTP_LLMBROKER_TOO_LARGE;

    case 429:
        return NGX_HTTP_LLMBROKER_RATE_LIMIT;

    case 503:
        return NGX_HTTP_LLMBROKER_PROVIDER_OVERLOADED;
    }

    if (status >= 500) {
        return NGX_HTTP_LLMBROKER_PROVIDER_UNAVAILABLE;
    }

    if (status >= 400) {
        return NGX_HTTP_LLMBROKER_BAD_REQUEST;
    }

    return NGX_HTTP_LLMBROKER_PROVIDER_BAD_RESPONSE;
}


static void
ngx_http_llmbroker_mask_all(ngx_pool_t *pool, ngx_str_t *text,
    const ngx_http_llmbroker_target_t *target)
{
    if (target == NULL) {
        return;
    }

    ngx_http_llmbroker_mask(pool, text, &target->api_key);
    ngx_http_llmbroker_mask(pool, text, &target->access_key_id);
    ngx_http_llmbroker_mask(pool, text, &target->secret_access_key);
    ngx_http_llmbroker_mask(pool, text, &target->session_token);
}


static void
ngx_http_llmbroker_mask(ngx_pool_t *pool, ngx_str_t *text,
    const ngx_str_t *secret)
{
    u_char  *p, *last, *dst, *masked;

    if (secret->len == 0 || text->len < secret->len) {
        return;
    }

    masked = ngx_pnalloc(pool, text->len);
    if (masked == NULL) {
        ngx_str_set(text, "The provider reported an error.");
        return;
    }

    dst = masked;
    last = text->data + text->len;

    for (p = text->data; p < last; /* void */) {

        if ((size_t) (last - p) >= secret->len
            && ngx_memcmp(p, secret->data, secret->len) == 0)
        {
            *dst++ = '*';
            p += secret->len;
            continue;
        }

        *dst++ = *p++;
    }

    text->data = masked;
    text->len = dst - masked;
}


void
ngx_http_llmbroker_error_status(ngx_http_llmbroker_error_t *error,
    ngx_uint_t status, ngx_uint_t limited)
{
    ngx_http_llmbroker_error_e  kind;

    switch (status) {

    case 401:
        kind = NGX_HTTP_LLMBROKER_INVALID_KEY;
        break;

    case 403:
        kind = NGX_HTTP_LLMBROKER_FORBIDDEN;
        break;

    case 404:
        kind = NGX_HTTP_LLMBROKER_UNKNOWN_URL;
        break;

    case 405:
        kind = NGX_HTTP_LLMBROKER_METHOD_NOT_ALLOWED;
        break;

    case 408:
        kind = NGX_HTTP_LLMBROKER_REQUEST_TIMEOUT;
        break;

    case 413:
        kind = NGX_HTTP_LLMBROKER_TOO_LARGE;
        break;

    case 429:
        kind = NGX_HTTP_LLMBROKER_RATE_LIMIT;
        break;

    default:
        kind = (status < 500) ? NGX_HTTP_LLMBROKER_BAD_REQUEST
                              : NGX_HTTP_LLMBROKER_INTERNAL;
        break;
    }

    if (limited) {
        kind = NGX_HTTP_LLMBROKER_RATE_LIMIT;
    }

    ngx_http_llmbroker_error(error, kind);

    error->status = status;
}


ngx_chain_t *
ngx_http_llmbroker_error_chain(ngx_pool_t *pool,
    ngx_http_llmbroker_error_t *error, ngx_uint_t event, off_t *length)
{
    ngx_int_t                         rc;
    ngx_http_llmbroker_out_t          out;
    ngx_http_llmbroker_json_writer_t  w;

    ngx_http_llmbroker_out_init(&out, pool, NULL, NULL, 512);

    if (event && ngx_http_llmbroker_out_copy(&out, "data: ", 6) != NGX_OK) {
        return NULL;
    }

    ngx_http_llmbroker_json_write_start(&w, &out);

    ngx_http_llmbroker_json_open(&w);
    ngx_http_llmbroker_json_key(&w, "error");
    ngx_http_llmbroker_json_open(&w);

    ngx_http_llmbroker_json_key(&w, "message");
    ngx_http_llmbroker_json_str(&w, &error->message);

    ngx_http_llmbroker_json_key(&w, "type");
    ngx_http_llmbroker_json_str(&w, &error->type);

    ngx_http_llmbroker_json_key(&w, "param");

    if (error->param.len) {
        ngx_http_llmbroker_json_str(&w, &error->param);

    } else {
        ngx_http_llmbroker_json_null(&w);
    }

    ngx_http_llmbroker_json_key(&w, "code");

    if (error->code.len) {
        ngx_http_llmbroker_json_str(&w, &error->code);

    } else {
        ngx_http_llmbroker_json_null(&w);
    }

    ngx_http_llmbroker_json_close(&w);
    ngx_http_llmbroker_json_close(&w);

    rc = ngx_http_llmbroker_json_write_end(&w);

    if (rc == NGX_OK) {
        rc = event ? ngx_http_llmbroker_out_copy(&out, "\n\n", 2)
                   : ngx_http_llmbroker_out_copy(&out, "\n", 1);
    }

    if (rc != NGX_OK) {
        return NULL;
    }

    *length = out.length;

    return ngx_http_llmbroker_out_take(&out);
}


ngx_int_t
ngx_http_llmbroker_error_send(ngx_http_request_t *r,
    ngx_http_llmbroker_error_t *error)
{
    off_t         length;
    ngx_int_t     rc;
    ngx_chain_t  *cl;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    cl = ngx_http_llmbroker_error_chain(r->pool, error, 0, &length);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_send_json(r, error->status, cl, length);
}
