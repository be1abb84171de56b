
/*
 * Copyright (C) LLMBroker contributors
 *
 * How a model is to think (R50-R56), and the sampling that goes with it
 * (R5-R7).
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_claude.h"
#include "provider/ngx_http_llmbroker_params.h"


static ngx_int_t ngx_http_llmbroker_claude_effort(
    ngx_http_llmbroker_claude_build_t *b);
static ngx_uint_t ngx_http_llmbroker_claude_forgot(
    ngx_http_llmbroker_claude_build_t *b);


/* R50-R56: whether and how the model is to think */

ngx_int_t
ngx_http_llmbroker_claude_thinking(ngx_http_llmbroker_claude_build_t *b)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *thinking, *effort, *v;

    rc = ngx_http_llmbroker_params_get(b->ex, "thinking",
                                       NGX_HTTP_LLMBROKER_JSON_OBJECT,
                                       &thinking);
    if (rc != NGX_OK) {
        return rc;
    }

    effort = NULL;

    if (b->ex->call == NGX_HTTP_LLMBROKER_CHAT) {
        rc = ngx_http_llmbroker_params_get(b->ex, "reasoning_effort",
                                           NGX_HTTP_LLMBROKER_JSON_STRING,
                                           &effort);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (thinking) {
        b->thinking = NGX_HTTP_LLMBROKER_CLAUDE_VERBATIM;

        v = ngx_http_llmbroker_json_get(thinking, "type");

        b->active = !ngx_http_llmbroker_json_is(v, "disabled");
        b->fixed = ngx_http_llmbroker_json_is(v, "enabled");

        if (effort) {
            return ngx_http_llmbroker_claude_drop(b, "reasoning_effort");
        }

        return NGX_OK;
    }

    if (effort == NULL) {
        return NGX_OK;
    }

    if (ngx_http_llmbroker_json_is(effort, "none")) {

        if (b->model->flags & NGX_HTTP_LLMBROKER_CLAUDE_ADAPTIVE) {
            b->thinking = NGX_HTTP_LLMBROKER_CLAUDE_DISABLED;
        }

        return NGX_OK;
    }

    b->effort = effort;
    b->budget = ngx_http_llmbroker_params_budget(effort);

    if (b->budget == -1) {
        return ngx_http_llmbroker_fault(b->ex, 400, "invalid_value",
                               "reasoning_effort",
                               "The value of the parameter is unknown.");
    }

    return ngx_http_llmbroker_claude_effort(b);
}


static ngx_int_t
ngx_http_llmbroker_claude_effort(ngx_http_llmbroker_claude_build_t *b)
{
    ngx_uint_t  flags;

    flags = b->model->flags;

    if (!(flags & NGX_HTTP_LLMBROKER_CLAUDE_EFFORT)) {
        b->effort = NULL;
    }

    if (flags & NGX_HTTP_LLMBROKER_CLAUDE_ADAPTIVE) {
        b->thinking = NGX_HTTP_LLMBROKER_CLAUDE_ADAPTIVELY;
        b->active = 1;
        return NGX_OK;
    }

    /* R54, R55; the budget is part of max_tokens */

    b->budget = ngx_min(b->budget, b->max_tokens - 1);

    if (!(flags & NGX_HTTP_LLMBROKER_CLAUDE_BUDGET)
        || b->budget < NGX_HTTP_LLMBROKER_CLAUDE_MIN_BUDGET
        || ngx_http_llmbroker_claude_forgot(b))
    {
        if (b->effort) {
            return NGX_OK;
        }

        return ngx_http_llmbroker_claude_drop(b, "reasoning_effort");
    }

    b->thinking = NGX_HTTP_LLMBROKER_CLAUDE_BUDGETED;
    b->active = 1;
    b->fixed = 1;

    return NGX_OK;
}


/* whether the last answer's tool call has lost the thinking before it (R55) */

static ngx_uint_t
ngx_http_llmbroker_claude_forgot(ngx_http_llmbroker_claude_build_t *b)
{
    ngx_uint_t                          i, called;
    ngx_http_llmbroker_claude_block_t  *block;

    block = b->blocks.elts;
    i = b->blocks.nelts;

    while (i > 0 && !block[i - 1].assistant) {
        i--;
    }

    called = 0;

    while (i > 0 && block[i - 1].assistant) {
        i--;

        switch (block[i].kind) {

        case NGX_HTTP_LLMBROKER_CLAUDE_RAW:
        case NGX_HTTP_LLMBROKER_CLAUDE_THINKING:
            return 0;

        case NGX_HTTP_LLMBROKER_CLAUDE_TOOL_USE:
            called = 1;
            break;

        default:
            break;
        }
    }

    return called;
}


/* R5, R6, R7 */

ngx_int_t
ngx_http_llmbroker_claude_sampling(ngx_http_llmbroker_claude_build_t *b)
{
    ngx_int_t    rc;
    ngx_uint_t   flags;

    flags = b->model->flags;

    rc = ngx_http_llmbroker_params_get(b->ex, "temperature",
                                       NGX_HTTP_LLMBROKER_JSON_NUMBER,
                                       &b->temperature);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_params_get(b->ex, "top_p",
                                       NGX_HTTP_LLMBROKER_JSON_NUMBER,
                                       &b->top_p);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_params_get(b->ex, "top_k",
                                       NGX_HTTP_LLMBROKER_JSON_NUMBER,
                                       &b->top_k);
    if (rc != NGX_OK) {
        return rc;
    }

    if (b->temperature) {
        rc = ngx_http_llmbroker_params_double(b->ex, b->temperature,
                                              &b->degree);
        if (rc != NGX_OK) {
            return rc;
        }

        if (!(flags & NGX_HTTP_LLMBROKER_CLAUDE_SAMPLING)
            || (b->active && b->degree != 1))
        {
            b->temperature = NULL;

            if (ngx_http_llmbroker_claude_drop(b, "temperature") != NGX_OK) {
                return NGX_ERROR;
            }
        }
    }

    if (b->top_p
        && (!(flags & NGX_HTTP_LLMBROKER_CLAUDE_SAMPLING)
            || b->active
            || (b->temperature
                && !(flags & NGX_HTTP_LLMBROKER_CLAUDE_BOTH))))
    {
        b->top_p = NULL;

        if (ngx_http_llmbroker_claude_drop(b, "top_p") != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (b->top_k
        && (!(flags & NGX_HTTP_LLMBROKER_CLAUDE_SAMPLING) || b->active))
    {
        b->top_k = NULL;
        return ngx_http_llmbroker_claude_drop(b, "top_k");
    }

    return NGX_OK;
}


void
ngx_http_llmbroker_claude_write_thinking(ngx_http_llmbroker_claude_build_t *b)
{
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->w;

    switch (b->thinking) {

    case NGX_HTTP_LLMBROKER_CLAUDE_VERBATIM:
        v = ngx_http_llmbroker_json_get(b->ex->request, "thinking");
        ngx_http_llmbroker_claude_write_raw(b, "thinking", v);
        break;

    case NGX_HTTP_LLMBROKER_CLAUDE_DISABLED:
        ngx_http_llmbroker_json_key(w, "thinking");
        ngx_http_llmbroker_json_open(w);
        ngx_http_llmbroker_json_key(w, "type");
        ngx_http_llmbroker_json_text(w, "disabled");
        ngx_http_llmbroker_json_close(w);
        break;

    case NGX_HTTP_LLMBROKER_CLAUDE_ADAPTIVELY:
        ngx_http_llmbroker_json_key(w, "thinking");
        ngx_http_llmbroker_json_open(w);
        ngx_http_llmbroker_json_key(w, "type");
        ngx_http_llmbroker_json_text(w, "adaptive");
        ngx_http_llmbroker_json_key(w, "display");
        ngx_http_llmbroker_json_text(w, "summarized");
        ngx_http_llmbroker_json_close(w);
        break;

    case NGX_HTTP_LLMBROKER_CLAUDE_BUDGETED:
        ngx_http_llmbroker_json_key(w, "thinking");
        ngx_http_llmbroker_json_open(w);
        ngx_http_llmbroker_json_key(w, "type");
        ngx_http_llmbroker_json_text(w, "enabled");
        ngx_http_llmbroker_json_key(w, "budget_tokens");
        ngx_http_llmbroker_json_number(w, b->budget);
        ngx_http_llmbroker_json_close(w);
        break;

    default: /* NGX_HTTP_LLMBROKER_CLAUDE_NO_THINKING */
        break;
    }
}


void
ngx_http_llmbroker_claude_write_effort(ngx_http_llmbroker_claude_build_t *b)
{
    const char  *effort;

    effort = NULL;

    if (ngx_http_llmbroker_json_is(b->effort, "minimal")) {
        effort = "low";

    } else if (ngx_http_llmbroker_json_is(b->effort, "xhigh")
               && !(b->model->flags & NGX_HTTP_LLMBROKER_CLAUDE_XHIGH))
    {
        effort = "high";

    } else if (ngx_http_llmbroker_json_is(b->effort, "max")
               && !(b->model->flags & NGX_HTTP_LLMBROKER_CLAUDE_ADAPTIVE))
    {
        effort = "high";
    }

    ngx_http_llmbroker_json_key(&b->w, "effort");

    if (effort) {
        ngx_http_llmbroker_json_text(&b->w, effort);

    } else {
        ngx_http_llmbroker_json_raw(&b->w, &b->effort->raw);
    }
}
