
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "codec/ngx_http_llmbroker_utf8.h"
#include "provider/ngx_http_llmbroker_delay.h"
#include "provider/ngx_http_llmbroker_fault.h"
#include "provider/ngx_http_llmbroker_meaning.h"


#define NGX_HTTP_LLMBROKER_FAULT_TEXT  1024


typedef struct {
    ngx_str_t    word;
    ngx_uint_t   status;
} ngx_http_llmbroker_fault_word_t;


static void ngx_http_llmbroker_fault_members(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_t *object);
static void ngx_http_llmbroker_fault_value(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *object, const char *name, ngx_str_t *dst);
static void ngx_http_llmbroker_fault_text(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *v, ngx_str_t *dst);
static size_t ngx_http_llmbroker_fault_cut(ngx_str_t *text);
static ngx_http_llmbroker_json_t *ngx_http_llmbroker_fault_root(
    ngx_http_llmbroker_json_t *root);
static void ngx_http_llmbroker_fault_own_code(
    ngx_http_llmbroker_fault_t *fault);
static ngx_uint_t ngx_http_llmbroker_fault_word(ngx_str_t *word);


/* codes and types of OpenAI, Anthropic and those who follow them */

static const ngx_http_llmbroker_fault_word_t  ngx_http_llmbroker_words[] = {
    { ngx_string("rate_limit_exceeded"), 429 },
    { ngx_string("rate_limit_error"), 429 },
    { ngx_string("insufficient_quota"), 429 },
    { ngx_string("limit_requests"), 429 },
    { ngx_string("RateLimitReached"), 429 },
    { ngx_string("engine_overloaded_error"), 429 },
    { ngx_string("invalid_api_key"), 401 },
    { ngx_string("authentication_error"), 401 },
    { ngx_string("billing_error"), 402 },
    { ngx_string("permission_denied"), 403 },
    { ngx_string("permission_error"), 403 },
    { ngx_string("model_not_found"), 404 },
    { ngx_string("not_found_error"), 404 },
    { ngx_string("conflict_error"), 409 },
    { ngx_string("request_too_large"), 413 },
    { ngx_string("invalid_request_error"), 400 },
    { ngx_string("invalid_parameter_error"), 400 },
    { ngx_string("invalid-argument"), 400 },
    { ngx_string("data_inspection_failed"), 400 },
    { ngx_string("content_filter"), 400 },
    { ngx_string("context_length_exceeded"), 400 },
    { ngx_string("server_error"), 500 },
    { ngx_string("internal_error"), 500 },
    { ngx_string("internal_server_error"), 500 },
    { ngx_string("api_error"), 500 },
    { ngx_string("overloaded"), 503 },
    { ngx_string("service_unavailable"), 503 },
    { ngx_string("slow_down"), 503 },
    { ngx_string("timeout_error"), 504 },
    { ngx_string("overloaded_error"), 529 },
    { ngx_null_string, 0 }
};


void
ngx_http_llmbroker_fault_read(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t status, ngx_http_llmbroker_json_t *root, ngx_str_t *text)
{
    ngx_str_t                   *message;
    ngx_http_llmbroker_json_t   *error;
    ngx_http_llmbroker_fault_t  *fault;

    fault = &ex->fault;
    message = &fault->message;

    ngx_memzero(fault, sizeof(ngx_http_llmbroker_fault_t));

    fault->status = status;

    root = ngx_http_llmbroker_fault_root(root);
    error = ngx_http_llmbroker_json_get(root, "error");

    if (error == NULL || error->type == NGX_HTTP_LLMBROKER_JSON_NULL) {
        error = ngx_http_llmbroker_json_get(root, "errors");
    }

    error = ngx_http_llmbroker_fault_root(error);

    if (error && error->type == NGX_HTTP_LLMBROKER_JSON_OBJECT) {
        ngx_http_llmbroker_fault_members(ex, error);

    } else {
        ngx_http_llmbroker_fault_members(ex, root);

        if (message->len == 0) {
            ngx_http_llmbroker_fault_text(ex, error, message);
        }
    }

    /* a page of HTML tells a client nothing */

    if (root == NULL && text && text->len && text->data[0] != '<') {
        (void) ngx_http_llmbroker_fault_copy(ex, message, text);
    }

    if (message->len == 0) {
        ngx_str_set(message, "The provider answered with an error.");
    }

    ngx_http_llmbroker_delay_fault(fault, root, error);
}


ngx_uint_t
ngx_http_llmbroker_fault_status(ngx_http_llmbroker_fault_t *fault)
{
    ngx_int_t   n;
    ngx_uint_t  status;

    n = ngx_atoi(fault->code.data, fault->code.len);

    if (n >= 400 && n < 600) {
        return n;
    }

    status = ngx_http_llmbroker_fault_word(&fault->code);

    if (status == 0) {
        status = ngx_http_llmbroker_fault_word(&fault->type);
    }

    return status;
}


void
ngx_http_llmbroker_fault_own(ngx_http_llmbroker_fault_t *fault)
{
    ngx_uint_t  account;

    account = 0;

    switch (fault->status) {

    case 429:
        account = ngx_http_llmbroker_means_account(&fault->code,
                                                   &fault->message)
                  || ngx_http_llmbroker_means_account(&fault->type,
                                                      &fault->message);
        break;

    case 401:
    case 403:
    case 404:
        break;

    default:

        if (fault->status < 400 || fault->status >= 500) {
            break;
        }

        if (fault->status == 400
            && ngx_http_llmbroker_means_key(&fault->code, &fault->message))
        {
            fault->status = 401;
            break;
        }

        ngx_http_llmbroker_fault_own_code(fault);

        return;
    }

    ngx_str_null(&fault->type);
    ngx_str_null(&fault->code);
    ngx_str_null(&fault->param);

    /* OpenAI's own word for a limit that no time lifts (section 1.6) */

    if (account) {
        ngx_str_set(&fault->type, "insufficient_quota");
        ngx_str_set(&fault->code, "insufficient_quota");
    }
}


static void
ngx_http_llmbroker_fault_own_code(ngx_http_llmbroker_fault_t *fault)
{
    ngx_str_t  *code;

    code = &fault->code;

    /* a number is the status once more, OpenAI's codes are words */

    if (ngx_atoi(code->data, code->len) != NGX_ERROR) {
        ngx_str_null(code);
    }

    /* a word that says no more than the status leaves it to the message */

    if ((code->len == 0 || ngx_http_llmbroker_fault_word(code) == 400)
        && ngx_http_llmbroker_means_context(code, &fault->message))
    {
        ngx_str_set(code, "context_length_exceeded");
    }
}


ngx_int_t
ngx_http_llmbroker_fault_copy(ngx_http_llmbroker_exchange_t *ex,
    ngx_str_t *dst, ngx_str_t *text)
{
    ngx_str_t  cut;

    cut.len = ngx_http_llmbroker_fault_cut(text);
    cut.data = text->data;

    if (cut.len == 0) {
        return NGX_OK;
    }

    cut.data = ngx_pstrdup(ex->pool, &cut);
    if (cut.data == NULL) {
        return NGX_ERROR;
    }

    *dst = cut;

    return NGX_OK;
}


ngx_uint_t
ngx_http_llmbroker_fault_says(ngx_http_llmbroker_fault_t *fault,
    const char *text)
{
    u_char     *p;
    ngx_str_t  *message;

    message = &fault->message;

    p = ngx_strlcasestrn(message->data, message->data + message->len,
                         (u_char *) text, ngx_strlen(text) - 1);

    return p != NULL;
}


static void
ngx_http_llmbroker_fault_members(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *object)
{
    ngx_str_t                   *message;
    ngx_http_llmbroker_json_t   *detail;
    ngx_http_llmbroker_fault_t  *fault;

    fault = &ex->fault;
    message = &fault->message;

    ngx_http_llmbroker_fault_value(ex, object, "message", message);
    ngx_http_llmbroker_fault_value(ex, object, "type", &fault->type);
    ngx_http_llmbroker_fault_value(ex, object, "code", &fault->code);
    ngx_http_llmbroker_fault_value(ex, object, "param", &fault->param);

    if (message->len == 0) {
        ngx_http_llmbroker_fault_value(ex, object, "msg", message);
    }

    if (message->len) {
        return;
    }

    /* Mistral has the latter in a "message" */

    if (ngx_http_llmbroker_json_get(object, "detail") == NULL) {
        object = ngx_http_llmbroker_json_get(object, "message");
    }

    /* FastAPI: a text, {"message":"..."}, [{"msg":"..."}] or ["..."] */

    detail = ngx_http_llmbroker_json_get(object, "detail");
    detail = ngx_http_llmbroker_fault_root(detail);

    ngx_http_llmbroker_fault_text(ex, detail, message);
    ngx_http_llmbroker_fault_value(ex, detail, "message", message);
    ngx_http_llmbroker_fault_value(ex, detail, "msg", message);
}


static void
ngx_http_llmbroker_fault_value(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *object, const char *name, ngx_str_t *dst)
{
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get(object, name);

    ngx_http_llmbroker_fault_text(ex, v, dst);
}


static void
ngx_http_llmbroker_fault_text(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *v, ngx_str_t *dst)
{
    ngx_str_t  text;

    if (v == NULL) {
        return;
    }

    if (v->type == NGX_HTTP_LLMBROKER_JSON_STRING) {

        if (ngx_http_llmbroker_json_string(ex->pool, v, &text) != NGX_OK) {
            return;
        }

    } else if (v->type == NGX_HTTP_LLMBROKER_JSON_NUMBER) {
        text = v->raw;

    } else {
        return;
    }

    (void) ngx_http_llmbroker_fault_copy(ex, dst, &text);
}


/* the length of a text's beginning that is valid UTF-8 */

static size_t
ngx_http_llmbroker_fault_cut(ngx_str_t *text)
{
    size_t    i, len;
    uint32_t  state;

    len = 0;
    state = NGX_HTTP_LLMBROKER_UTF8_ACCEPT;

    for (i = 0; i < text->len && i < NGX_HTTP_LLMBROKER_FAULT_TEXT; i++) {
        state = ngx_http_llmbroker_utf8(state, text->data + i,
                                        text->data + i + 1);

        if (state == NGX_HTTP_LLMBROKER_UTF8_REJECT) {
            break;
        }

        if (state == NGX_HTTP_LLMBROKER_UTF8_ACCEPT) {
            len = i + 1;
        }
    }

    return len;
}


/* Google's servers wrap the object in an array */

static ngx_http_llmbroker_json_t *
ngx_http_llmbroker_fault_root(ngx_http_llmbroker_json_t *root)
{
    if (root && root->type == NGX_HTTP_LLMBROKER_JSON_ARRAY && root->child) {
        return root->child;
    }

    return root;
}


static ngx_uint_t
ngx_http_llmbroker_fault_word(ngx_str_t *word)
{
    const ngx_http_llmbroker_fault_word_t  *w;

    for (w = ngx_http_llmbroker_words; w->status; w++) {

        if (w->word.len == word->len
            && ngx_memcmp(w->word.data, word->data, word->len) == 0)
        {
            return w->status;
        }
    }

    return 0;
}
