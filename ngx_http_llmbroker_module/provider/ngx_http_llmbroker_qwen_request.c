
/*
 * Copyright (C) LLMBroker contributors
 *
 * From OpenAI's chat request to DashScope's: the messages go under "input",
 * what is asked of the model goes under "parameters", mostly by the same
 * names (wire format section 6.3).
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_params.h"
#include "provider/ngx_http_llmbroker_qwen.h"


static ngx_int_t ngx_http_llmbroker_qwen_write(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_writer_t *w);
static ngx_int_t ngx_http_llmbroker_qwen_write_messages(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_writer_t *w);
static ngx_int_t ngx_http_llmbroker_qwen_write_message(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_writer_t *w,
    ngx_uint_t i, ngx_http_llmbroker_json_t *message);
static ngx_int_t ngx_http_llmbroker_qwen_write_role(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_writer_t *w,
    ngx_uint_t i, ngx_http_llmbroker_json_t *message);
static ngx_int_t ngx_http_llmbroker_qwen_write_content(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_writer_t *w,
    ngx_uint_t i, ngx_http_llmbroker_json_t *message);
static ngx_int_t ngx_http_llmbroker_qwen_check_message(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t i,
    ngx_http_llmbroker_json_t *message);
static ngx_int_t ngx_http_llmbroker_qwen_check_tools(
    ngx_http_llmbroker_exchange_t *ex);
static ngx_int_t ngx_http_llmbroker_qwen_write_parameters(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_writer_t *w);
static ngx_int_t ngx_http_llmbroker_qwen_write_sampling(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_writer_t *w);
static ngx_int_t ngx_http_llmbroker_qwen_write_thinking(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_writer_t *w);
static void ngx_http_llmbroker_qwen_write_raw(
    ngx_http_llmbroker_json_writer_t *w, ngx_http_llmbroker_json_t *object,
    const char *name);


static const ngx_http_llmbroker_rule_t  ngx_http_llmbroker_qwen_rules[] = {
    { ngx_string("model"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("messages"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("max_tokens"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("max_completion_tokens"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("stream"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("stream_options"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("temperature"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("top_p"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("top_k"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("n"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("seed"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("stop"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("presence_penalty"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("frequency_penalty"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("repetition_penalty"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("enable_search"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("search_options"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("enable_thinking"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("thinking_budget"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("tools"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("tool_choice"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("parallel_tool_calls"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("response_format"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("reasoning_effort"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("modalities"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("prompt"), NGX_HTTP_LLMBROKER_USE_COMPLETIONS },
    { ngx_string("suffix"), NGX_HTTP_LLMBROKER_USE_COMPLETIONS },
    { ngx_string("echo"), NGX_HTTP_LLMBROKER_USE_COMPLETIONS },
    { ngx_string("best_of"), NGX_HTTP_LLMBROKER_USE_COMPLETIONS },
    { ngx_string("logprobs"), NGX_HTTP_LLMBROKER_USE_COMPLETIONS },

    { ngx_string("audio"), NGX_HTTP_LLMBROKER_REFUSE },
    { ngx_string("web_search_options"), NGX_HTTP_LLMBROKER_REFUSE },
    { ngx_string("functions"), NGX_HTTP_LLMBROKER_REFUSE },
    { ngx_string("function_call"), NGX_HTTP_LLMBROKER_REFUSE },

    { ngx_null_string, NGX_HTTP_LLMBROKER_DROP }
};


/* of a message; annotations and refusal are the echo of an answer */

static const ngx_http_llmbroker_rule_t
    ngx_http_llmbroker_qwen_message_rules[] =
{
    { ngx_string("role"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("content"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("name"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("tool_calls"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("tool_call_id"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("partial"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("refusal"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("annotations"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("audio"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("function_call"), NGX_HTTP_LLMBROKER_USE },

    { ngx_null_string, NGX_HTTP_LLMBROKER_DROP }
};


/* parameters that are OpenAI's or the client already knows by their name */

static const char  *ngx_http_llmbroker_qwen_parameters[] = {
    "top_k",
    "n",
    "seed",
    "stop",
    "presence_penalty",
    "frequency_penalty",
    "repetition_penalty",
    "enable_search",
    "search_options",
    "response_format",
    NULL
};


ngx_int_t
ngx_http_llmbroker_qwen_build(ngx_http_llmbroker_exchange_t *ex)
{
    ngx_int_t                         rc, done;
    ngx_http_llmbroker_json_writer_t  w;

    rc = ngx_http_llmbroker_params_check(ex, ex->request,
                                         ngx_http_llmbroker_qwen_rules);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_qwen_check_tools(ex);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_llmbroker_json_write_start(&w, ex->body);
    ngx_http_llmbroker_json_write_refer(&w);

    rc = ngx_http_llmbroker_qwen_write(ex, &w);

    done = ngx_http_llmbroker_json_write_end(&w);

    return rc != NGX_OK ? rc : done;
}


static ngx_int_t
ngx_http_llmbroker_qwen_write(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_writer_t *w)
{
    ngx_int_t  rc;
    ngx_str_t  model;

    model = ex->target->inner_model;

    ngx_http_llmbroker_json_open(w);

    ngx_http_llmbroker_json_key(w, "model");
    ngx_http_llmbroker_json_open_string(w);
    ngx_http_llmbroker_json_inner_piece(w, &model);
    ngx_http_llmbroker_json_close_string(w);

    ngx_http_llmbroker_json_key(w, "input");
    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "messages");
    ngx_http_llmbroker_json_open_array(w);

    rc = ngx_http_llmbroker_qwen_write_messages(ex, w);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_llmbroker_json_close_array(w);
    ngx_http_llmbroker_json_close(w);

    ngx_http_llmbroker_json_key(w, "parameters");
    ngx_http_llmbroker_json_open(w);

    rc = ngx_http_llmbroker_qwen_write_parameters(ex, w);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_llmbroker_json_close(w);
    ngx_http_llmbroker_json_close(w);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_qwen_write_messages(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_writer_t *w)
{
    ngx_int_t                   rc;
    ngx_uint_t                  i;
    ngx_http_llmbroker_json_t  *v;

    if (ex->call == NGX_HTTP_LLMBROKER_COMPLETIONS) {
        rc = ngx_http_llmbroker_params_prompt(ex, &v);
        if (rc != NGX_OK) {
            return rc;
        }

        ngx_http_llmbroker_json_open(w);
        ngx_http_llmbroker_json_key(w, "role");
        ngx_http_llmbroker_json_text(w, "user");
        ngx_http_llmbroker_json_key(w, "content");
        ngx_http_llmbroker_json_raw(w, &v->raw);
        ngx_http_llmbroker_json_close(w);

        return NGX_OK;
    }

    rc = ngx_http_llmbroker_params_get(ex, "messages",
                                       NGX_HTTP_LLMBROKER_JSON_ARRAY, &v);
    if (rc != NGX_OK) {
        return rc;
    }

    if (v == NULL || v->n == 0) {
        return ngx_http_llmbroker_fault(ex, 400, "invalid_value", "messages",
                               "The conversation is empty.");
    }

    v = v->child;

    for (i = 0; v; v = v->next, i++) {
        rc = ngx_http_llmbroker_qwen_write_message(ex, w, i, v);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_qwen_write_message(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_writer_t *w, ngx_uint_t i,
    ngx_http_llmbroker_json_t *message)
{
    ngx_int_t  rc;

    rc = ngx_http_llmbroker_qwen_check_message(ex, i, message);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_llmbroker_json_open(w);

    rc = ngx_http_llmbroker_qwen_write_role(ex, w, i, message);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_qwen_write_content(ex, w, i, message);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_llmbroker_qwen_write_raw(w, message, "name");
    ngx_http_llmbroker_qwen_write_raw(w, message, "tool_calls");
    ngx_http_llmbroker_qwen_write_raw(w, message, "tool_call_id");
    ngx_http_llmbroker_qwen_write_raw(w, message, "partial");

    ngx_http_llmbroker_json_close(w);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_qwen_write_role(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_writer_t *w, ngx_uint_t i,
    ngx_http_llmbroker_json_t *message)
{
    const char                **name;
    ngx_http_llmbroker_json_t  *role;

    static const char  *names[] = {
        "system", "user", "assistant", "tool", NULL
    };

    ngx_http_llmbroker_json_key(w, "role");

    role = ngx_http_llmbroker_json_get(message, "role");

    if (ngx_http_llmbroker_json_is(role, "developer")) {
        ngx_http_llmbroker_json_text(w, "system");
        return NGX_OK;
    }

    for (name = names; *name; name++) {

        if (ngx_http_llmbroker_json_is(role, *name)) {
            ngx_http_llmbroker_json_text(w, *name);
            return NGX_OK;
        }
    }

    return ngx_http_llmbroker_params_message(ex, "unsupported_value", i,
                               "role",
                               "This model does not support the role.");
}


/* always a string: text parts become lines */

static ngx_int_t
ngx_http_llmbroker_qwen_write_content(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_writer_t *w, ngx_uint_t i,
    ngx_http_llmbroker_json_t *message)
{
    ngx_str_t                   inner, line;
    ngx_http_llmbroker_json_t  *content, *part, *type, *v;

    content = ngx_http_llmbroker_json_get(message, "content");

    if (content == NULL || content->type == NGX_HTTP_LLMBROKER_JSON_NULL) {
        content = ngx_http_llmbroker_json_get_type(message, "refusal",
                                              NGX_HTTP_LLMBROKER_JSON_STRING);
    }

    ngx_http_llmbroker_json_key(w, "content");

    if (content == NULL) {
        ngx_http_llmbroker_json_text(w, "");
        return NGX_OK;
    }

    if (content->type == NGX_HTTP_LLMBROKER_JSON_STRING) {
        ngx_http_llmbroker_json_raw(w, &content->raw);
        return NGX_OK;
    }

    if (content->type != NGX_HTTP_LLMBROKER_JSON_ARRAY) {
        return ngx_http_llmbroker_params_message(ex, "invalid_type", i,
                                   "content",
                                   "The content must be text or an array.");
    }

    ngx_str_set(&line, "\\n");

    ngx_http_llmbroker_json_open_string(w);

    for (part = content->child; part; part = part->next) {

        type = ngx_http_llmbroker_json_get(part, "type");
        v = NULL;

        if (ngx_http_llmbroker_json_is(type, "text")) {
            v = ngx_http_llmbroker_json_get_type(part, "text",
                                              NGX_HTTP_LLMBROKER_JSON_STRING);

        } else if (ngx_http_llmbroker_json_is(type, "refusal")) {
            v = ngx_http_llmbroker_json_get_type(part, "refusal",
                                              NGX_HTTP_LLMBROKER_JSON_STRING);
        }

        if (v == NULL) {
            return ngx_http_llmbroker_params_message(ex, "unsupported_value",
                                       i, "content",
                                       "This model does not support a part "
                                       "of the content.");
        }

        if (part != content->child) {
            ngx_http_llmbroker_json_inner_piece(w, &line);
        }

        inner = ngx_http_llmbroker_json_inner(v);
        ngx_http_llmbroker_json_inner_piece(w, &inner);
    }

    ngx_http_llmbroker_json_close_string(w);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_qwen_check_message(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t i, ngx_http_llmbroker_json_t *message)
{
    const char                **name;
    ngx_http_llmbroker_json_t  *v;

    static const char  *names[] = { "audio", "function_call", NULL };

    if (message->type != NGX_HTTP_LLMBROKER_JSON_OBJECT) {
        return ngx_http_llmbroker_params_message(ex, "invalid_type", i, NULL,
                                   "A message must be an object.");
    }

    for (name = names; *name; name++) {
        v = ngx_http_llmbroker_json_get(message, *name);

        if (v && v->type != NGX_HTTP_LLMBROKER_JSON_NULL) {
            return ngx_http_llmbroker_params_message(ex, "unsupported_value",
                                       i, *name,
                                       "This model does not support the "
                                       "parameter.");
        }
    }

    v = ngx_http_llmbroker_json_get(message, "tool_calls");

    for (v = v ? v->child : NULL; v; v = v->next) {

        if (ngx_http_llmbroker_json_get(v, "function") == NULL) {
            return ngx_http_llmbroker_params_message(ex, "unsupported_value",
                                       i, "tool_calls",
                                       "A tool call must be of a function.");
        }
    }

    return ngx_http_llmbroker_params_check(ex, message,
                                       ngx_http_llmbroker_qwen_message_rules);
}


static ngx_int_t
ngx_http_llmbroker_qwen_check_tools(ngx_http_llmbroker_exchange_t *ex)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get(ex->request, "modalities");

    for (v = v ? v->child : NULL; v; v = v->next) {

        if (!ngx_http_llmbroker_json_is(v, "text")) {
            return ngx_http_llmbroker_fault(ex, 400, "unsupported_value",
                                   "modalities",
                                   "This model answers with text only.");
        }
    }

    rc = ngx_http_llmbroker_params_get(ex, "tools",
                                       NGX_HTTP_LLMBROKER_JSON_ARRAY, &v);
    if (rc != NGX_OK) {
        return rc;
    }

    for (v = v ? v->child : NULL; v; v = v->next) {

        if (ngx_http_llmbroker_json_get_type(v, "function",
                                             NGX_HTTP_LLMBROKER_JSON_OBJECT)
            == NULL)
        {
            return ngx_http_llmbroker_fault(ex, 400, "unsupported_value",
                                   "tools",
                                   "This model supports functions as tools "
                                   "only.");
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_qwen_write_parameters(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_writer_t *w)
{
    ngx_int_t                   rc, max;
    const char                **name;
    ngx_http_llmbroker_json_t  *v;

    ngx_http_llmbroker_json_key(w, "result_format");
    ngx_http_llmbroker_json_text(w, "message");

    if (ex->stream) {
        ngx_http_llmbroker_json_key(w, "incremental_output");
        ngx_http_llmbroker_json_bool(w, 1);
    }

    rc = ngx_http_llmbroker_params_max_tokens(ex, &max);
    if (rc != NGX_OK) {
        return rc;
    }

    if (max != -1) {
        ngx_http_llmbroker_json_key(w, "max_tokens");
        ngx_http_llmbroker_json_number(w, max);
    }

    rc = ngx_http_llmbroker_qwen_write_sampling(ex, w);
    if (rc != NGX_OK) {
        return rc;
    }

    for (name = ngx_http_llmbroker_qwen_parameters; *name; name++) {
        ngx_http_llmbroker_qwen_write_raw(w, ex->request, *name);
    }

    rc = ngx_http_llmbroker_qwen_write_thinking(ex, w);
    if (rc != NGX_OK) {
        return rc;
    }

    v = ngx_http_llmbroker_json_get(ex->request, "tools");

    if (ex->call == NGX_HTTP_LLMBROKER_CHAT && v && v->n) {
        ngx_http_llmbroker_qwen_write_raw(w, ex->request, "tools");
        ngx_http_llmbroker_qwen_write_raw(w, ex->request, "tool_choice");
        ngx_http_llmbroker_qwen_write_raw(w, ex->request,
                                          "parallel_tool_calls");
    }

    return NGX_OK;
}


/* C7: the ends of OpenAI's ranges are outside of DashScope's */

static ngx_int_t
ngx_http_llmbroker_qwen_write_sampling(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_writer_t *w)
{
    double                      d;
    ngx_int_t                   rc;
    ngx_str_t                   edge;
    ngx_http_llmbroker_json_t  *v;

    rc = ngx_http_llmbroker_params_get(ex, "temperature",
                                       NGX_HTTP_LLMBROKER_JSON_NUMBER, &v);
    if (rc != NGX_OK) {
        return rc;
    }

    if (v) {
        rc = ngx_http_llmbroker_params_double(ex, v, &d);
        if (rc != NGX_OK) {
            return rc;
        }

        ngx_str_set(&edge, "1.99");

        ngx_http_llmbroker_json_key(w, "temperature");
        ngx_http_llmbroker_json_raw(w, d >= 2 ? &edge : &v->raw);
    }

    rc = ngx_http_llmbroker_params_get(ex, "top_p",
                                       NGX_HTTP_LLMBROKER_JSON_NUMBER, &v);
    if (rc != NGX_OK) {
        return rc;
    }

    if (v) {
        rc = ngx_http_llmbroker_params_double(ex, v, &d);
        if (rc != NGX_OK) {
            return rc;
        }

        ngx_str_set(&edge, "0.000001");

        ngx_http_llmbroker_json_key(w, "top_p");
        ngx_http_llmbroker_json_raw(w, d == 0 ? &edge : &v->raw);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_qwen_write_thinking(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_writer_t *w)
{
    ngx_int_t                   rc, budget;
    ngx_str_t                   name;
    ngx_http_llmbroker_json_t  *effort, *enable;

    effort = NULL;

    if (ex->call == NGX_HTTP_LLMBROKER_CHAT) {
        rc = ngx_http_llmbroker_params_get(ex, "reasoning_effort",
                                           NGX_HTTP_LLMBROKER_JSON_STRING,
                                           &effort);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    enable = ngx_http_llmbroker_json_get_type(ex->request, "enable_thinking",
                                              NGX_HTTP_LLMBROKER_JSON_BOOL);

    if (enable || effort == NULL) {
        ngx_http_llmbroker_qwen_write_raw(w, ex->request, "enable_thinking");
        ngx_http_llmbroker_qwen_write_raw(w, ex->request, "thinking_budget");

        if (effort) {
            ngx_str_set(&name, "reasoning_effort");
            return ngx_http_llmbroker_dropped(ex, &name);
        }

        return NGX_OK;
    }

    ngx_http_llmbroker_json_key(w, "enable_thinking");

    if (ngx_http_llmbroker_json_is(effort, "none")) {
        ngx_http_llmbroker_json_bool(w, 0);
        return NGX_OK;
    }

    ngx_http_llmbroker_json_bool(w, 1);

    budget = ngx_http_llmbroker_params_budget(effort);

    if (budget == -1) {
        return ngx_http_llmbroker_fault(ex, 400, "invalid_value",
                               "reasoning_effort",
                               "The value of the parameter is unknown.");
    }

    if (ngx_http_llmbroker_json_get(ex->request, "thinking_budget")) {
        ngx_http_llmbroker_qwen_write_raw(w, ex->request, "thinking_budget");
        return NGX_OK;
    }

    ngx_http_llmbroker_json_key(w, "thinking_budget");
    ngx_http_llmbroker_json_number(w, budget);

    return NGX_OK;
}


/* nothing for what is absent or null */

static void
ngx_http_llmbroker_qwen_write_raw(ngx_http_llmbroker_json_writer_t *w,
    ngx_http_llmbroker_json_t *object, const char *name)
{
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get(object, name);

    if (v && v->type != NGX_HTTP_LLMBROKER_JSON_NULL) {
        ngx_http_llmbroker_json_key(w, name);
        ngx_http_llmbroker_json_raw(w, &v->raw);
    }
}
