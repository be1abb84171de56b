
/*
 * Copyright (C) LLMBroker contributors
 *
 * Legacy completions that are told as chats (wire format section 2.1): the
 * prompt is a user's message.  Several prompts are several calls, one after
 * the other, whose choices make one answer.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_params.h"


static ngx_int_t ngx_http_llmbroker_prompt_suffix(
    ngx_http_llmbroker_exchange_t *ex);
static ngx_int_t ngx_http_llmbroker_prompt_best_of(
    ngx_http_llmbroker_exchange_t *ex);
static ngx_int_t ngx_http_llmbroker_prompt_logprobs(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t echo, ngx_int_t *logprobs);
static ngx_int_t ngx_http_llmbroker_prompt_find(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_t **prompt);


ngx_int_t
ngx_http_llmbroker_params_prompt(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t **prompt)
{
    ngx_int_t  rc, logprobs;

    rc = ngx_http_llmbroker_params_prompt_probs(ex, prompt, &logprobs);

    if (rc != NGX_OK || logprobs == -1) {
        return rc;
    }

    return ngx_http_llmbroker_fault(ex, 400, "unsupported_value", "logprobs",
                           "This model does not tell log probabilities.");
}


ngx_int_t
ngx_http_llmbroker_params_prompt_probs(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t **prompt, ngx_int_t *logprobs)
{
    ngx_int_t                   rc;
    ngx_uint_t                  wanted;
    ngx_http_llmbroker_json_t  *echo;

    rc = ngx_http_llmbroker_prompt_suffix(ex);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_prompt_best_of(ex);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_params_get(ex, "echo", NGX_HTTP_LLMBROKER_JSON_BOOL,
                                       &echo);
    if (rc != NGX_OK) {
        return rc;
    }

    wanted = ngx_http_llmbroker_json_true(echo);

    rc = ngx_http_llmbroker_prompt_logprobs(ex, wanted, logprobs);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_prompt_find(ex, prompt);
    if (rc != NGX_OK) {
        return rc;
    }

    if (wanted) {
        ex->echo = ngx_http_llmbroker_json_inner(*prompt);
    }

    return NGX_OK;
}


/* a chat has no text behind the answer */

static ngx_int_t
ngx_http_llmbroker_prompt_suffix(ngx_http_llmbroker_exchange_t *ex)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *v;

    rc = ngx_http_llmbroker_params_get(ex, "suffix",
                                       NGX_HTTP_LLMBROKER_JSON_STRING, &v);

    if (rc != NGX_OK || ngx_http_llmbroker_json_inner(v).len == 0) {
        return rc;
    }

    return ngx_http_llmbroker_fault(ex, 400, "unsupported_value", "suffix",
                           "This model chats: it cannot complete a text "
                           "before a suffix.");
}


/* the best of as many as are asked for are all of them */

static ngx_int_t
ngx_http_llmbroker_prompt_best_of(ngx_http_llmbroker_exchange_t *ex)
{
    ngx_int_t                   rc, n, best;
    ngx_http_llmbroker_json_t  *v;

    rc = ngx_http_llmbroker_params_get(ex, "n", NGX_HTTP_LLMBROKER_JSON_NUMBER,
                                       &v);
    if (rc != NGX_OK) {
        return rc;
    }

    n = ngx_http_llmbroker_json_int(v, 1);

    rc = ngx_http_llmbroker_params_get(ex, "best_of",
                                       NGX_HTTP_LLMBROKER_JSON_NUMBER, &v);
    if (rc != NGX_OK || v == NULL) {
        return rc;
    }

    best = ngx_http_llmbroker_json_int(v, 0);

    if (best == n || (best <= 1 && n == 1)) {
        return NGX_OK;
    }

    if (best < n) {
        return ngx_http_llmbroker_fault(ex, 400, "invalid_value", "best_of",
                               "The parameter must not be less than n.");
    }

    return ngx_http_llmbroker_fault(ex, 400, "unsupported_value", "best_of",
                           "This model cannot choose among its answers.");
}


static ngx_int_t
ngx_http_llmbroker_prompt_logprobs(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t echo, ngx_int_t *logprobs)
{
    ngx_http_llmbroker_json_t  *v;

    *logprobs = -1;

    v = ngx_http_llmbroker_json_get(ex->request, "logprobs");

    if (v == NULL
        || v->type == NGX_HTTP_LLMBROKER_JSON_NULL
        || (v->type == NGX_HTTP_LLMBROKER_JSON_BOOL
            && !ngx_http_llmbroker_json_true(v)))
    {
        return NGX_OK;
    }

    if (v->type != NGX_HTTP_LLMBROKER_JSON_NUMBER) {
        return ngx_http_llmbroker_fault(ex, 400, "invalid_type", "logprobs",
                               "The parameter has the wrong type.");
    }

    *logprobs = ngx_http_llmbroker_json_int(v, -1);

    if (*logprobs < 0 || *logprobs > 20) {
        return ngx_http_llmbroker_fault(ex, 400, "invalid_value", "logprobs",
                               "The parameter is out of range.");
    }

    if (echo) {
        return ngx_http_llmbroker_fault(ex, 400, "unsupported_value",
                               "logprobs",
                               "This model does not tell log probabilities "
                               "of a prompt.");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_prompt_find(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t **prompt)
{
    ngx_uint_t                  n;
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get(ex->request, "prompt");

    if (v && v->type == NGX_HTTP_LLMBROKER_JSON_STRING) {
        *prompt = v;
        return NGX_OK;
    }

    if (v == NULL || v->type != NGX_HTTP_LLMBROKER_JSON_ARRAY || v->n == 0) {
        return ngx_http_llmbroker_fault(ex, 400, "invalid_value", "prompt",
                               "The parameter must be a text or a list of "
                               "texts.");
    }

    if (v->n > NGX_HTTP_LLMBROKER_PROMPTS) {
        return ngx_http_llmbroker_fault(ex, 400, "invalid_value", "prompt",
                               "The parameter holds too many texts.");
    }

    ex->parts = v->n;
    *prompt = NULL;

    v = v->child;

    for (n = 0; v; v = v->next, n++) {

        if (v->type != NGX_HTTP_LLMBROKER_JSON_STRING) {
            return ngx_http_llmbroker_fault(ex, 400, "unsupported_value",
                                   "prompt",
                                   "This model takes prompts that are text.");
        }

        if (n == ex->part) {
            *prompt = v;
        }
    }

    return *prompt ? NGX_OK : NGX_ERROR;
}
