
/*
 * Copyright (C) LLMBroker contributors
 *
 * The conversation: DashScope's messages are OpenAI's of the past, with the
 * roles system, user, assistant and tool, and functions for tools.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_params.h"
#include "provider/ngx_http_llmbroker_qwen.h"


static ngx_int_t ngx_http_llmbroker_qwen_check_message(
    ngx_http_llmbroker_qwen_build_t *b, ngx_uint_t i,
    ngx_http_llmbroker_json_t *message);
static ngx_int_t ngx_http_llmbroker_qwen_check_calls(
    ngx_http_llmbroker_qwen_build_t *b, ngx_uint_t i,
    ngx_http_llmbroker_json_t *message);
static const char *ngx_http_llmbroker_qwen_role(
    ngx_http_llmbroker_json_t *message);
static ngx_uint_t ngx_http_llmbroker_qwen_plain(
    ngx_http_llmbroker_json_t *message);
static ngx_int_t ngx_http_llmbroker_qwen_write_conversation(
    ngx_http_llmbroker_qwen_build_t *b);
static ngx_int_t ngx_http_llmbroker_qwen_write_message(
    ngx_http_llmbroker_qwen_build_t *b, ngx_uint_t i,
    ngx_http_llmbroker_json_t *message);
static ngx_int_t ngx_http_llmbroker_qwen_write_legacy(
    ngx_http_llmbroker_qwen_build_t *b, ngx_uint_t i,
    ngx_http_llmbroker_json_t *call);
static ngx_int_t ngx_http_llmbroker_qwen_write_calls(
    ngx_http_llmbroker_qwen_build_t *b, ngx_http_llmbroker_json_t *calls);
static ngx_int_t ngx_http_llmbroker_qwen_write_custom(
    ngx_http_llmbroker_qwen_build_t *b, ngx_http_llmbroker_json_t *call,
    ngx_http_llmbroker_json_t *custom);


/* what is only used is the echo of an answer */

static const ngx_http_llmbroker_rule_t
    ngx_http_llmbroker_qwen_message_rules[] =
{
    { ngx_string("role"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("content"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("name"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("reasoning_content"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("tool_calls"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("tool_call_id"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("partial"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("function_call"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("refusal"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("annotations"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("provider_specific_fields"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("audio"), NGX_HTTP_LLMBROKER_USE },

    { ngx_null_string, NGX_HTTP_LLMBROKER_DROP }
};


/* OpenAI's, DashScope's */

static const char  *ngx_http_llmbroker_qwen_roles[][2] = {
    { "user", "user" },
    { "assistant", "assistant" },
    { "tool", "tool" },
    { "system", "system" },
    { "developer", "system" },
    { "function", "tool" },
    { NULL, NULL }
};


/* of messages that need nothing but their text, as they stand there */

static const ngx_str_t  ngx_http_llmbroker_qwen_plain_roles[] = {
    ngx_string("\"user\""),
    ngx_string("\"assistant\""),
    ngx_string("\"system\""),
    ngx_null_string
};


ngx_int_t
ngx_http_llmbroker_qwen_check_messages(ngx_http_llmbroker_qwen_build_t *b)
{
    ngx_int_t                               rc;
    ngx_uint_t                              i;
    ngx_http_llmbroker_json_t              *v;
    const ngx_http_llmbroker_qwen_model_t  *model;

    model = b->ex->target->abilities;
    b->media = model->media;

    if (b->ex->call == NGX_HTTP_LLMBROKER_COMPLETIONS) {
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_qwen_param(b, NGX_HTTP_LLMBROKER_QWEN_P_MESSAGES,
                                       NGX_HTTP_LLMBROKER_JSON_ARRAY, &v);
    if (rc != NGX_OK) {
        return rc;
    }

    if (v == NULL || v->n == 0) {
        return ngx_http_llmbroker_fault(b->ex, 400, "empty_array",
                               "messages", "The conversation is empty.");
    }

    v = v->child;
    b->plain = 1;

    for (i = 0; v; v = v->next, i++) {

        if (ngx_http_llmbroker_qwen_plain(v)) {
            continue;
        }

        b->plain = 0;

        rc = ngx_http_llmbroker_qwen_check_message(b, i, v);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    /* the parts that a multimodal model wants are made of each text */

    if (b->media) {
        b->plain = 0;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_qwen_check_message(ngx_http_llmbroker_qwen_build_t *b,
    ngx_uint_t i, ngx_http_llmbroker_json_t *message)
{
    ngx_int_t                               rc;
    ngx_uint_t                              media;
    ngx_http_llmbroker_json_t              *v;
    const ngx_http_llmbroker_qwen_model_t  *model;

    if (message->type != NGX_HTTP_LLMBROKER_JSON_OBJECT) {
        return ngx_http_llmbroker_params_message(b->ex, "invalid_type", i,
                                   NULL, "A message must be an object.");
    }

    if (ngx_http_llmbroker_qwen_role(message) == NULL) {
        return ngx_http_llmbroker_params_message(b->ex, "unsupported_value",
                                   i, "role",
                                   "This model does not support the role.");
    }

    /* R12 */

    v = ngx_http_llmbroker_json_get(message, "audio");

    if (v && v->type != NGX_HTTP_LLMBROKER_JSON_NULL) {
        return ngx_http_llmbroker_params_message(b->ex, "unsupported_value",
                                   i, "audio",
                                   "This model does not support the "
                                   "parameter.");
    }

    rc = ngx_http_llmbroker_qwen_check_calls(b, i, message);
    if (rc != NGX_OK) {
        return rc;
    }

    v = ngx_http_llmbroker_json_get(message, "content");

    rc = ngx_http_llmbroker_qwen_check_content(b, i, v, &media);
    if (rc != NGX_OK) {
        return rc;
    }

    model = b->ex->target->abilities;

    if (media && model->text_only) {
        return ngx_http_llmbroker_params_message(b->ex, "unsupported_value",
                                   i, "content",
                                   "This model reads text only.");
    }

    if (media) {
        b->media = 1;
    }

    return ngx_http_llmbroker_params_check(b->ex, message,
                                       ngx_http_llmbroker_qwen_message_rules);
}


static ngx_int_t
ngx_http_llmbroker_qwen_check_calls(ngx_http_llmbroker_qwen_build_t *b,
    ngx_uint_t i, ngx_http_llmbroker_json_t *message)
{
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get(message, "function_call");

    if (v && v->type != NGX_HTTP_LLMBROKER_JSON_NULL
        && ngx_http_llmbroker_json_get_type(v, "name",
                                            NGX_HTTP_LLMBROKER_JSON_STRING)
           == NULL)
    {
        return ngx_http_llmbroker_params_message(b->ex, "invalid_value", i,
                                   "function_call", "A call has no name.");
    }

    v = ngx_http_llmbroker_json_get(message, "tool_calls");

    for (v = v ? v->child : NULL; v; v = v->next) {

        if (ngx_http_llmbroker_json_get(v, "function") == NULL
            && ngx_http_llmbroker_json_get_type(v, "custom",
                                              NGX_HTTP_LLMBROKER_JSON_OBJECT)
               == NULL)
        {
            return ngx_http_llmbroker_params_message(b->ex,
                                   "unsupported_value", i, "tool_calls",
                                   "A tool call must be of a function or of "
                                   "a custom tool.");
        }
    }

    return NGX_OK;
}


static const char *
ngx_http_llmbroker_qwen_role(ngx_http_llmbroker_json_t *message)
{
    ngx_uint_t                  i;
    ngx_http_llmbroker_json_t  *role;

    role = ngx_http_llmbroker_json_get(message, "role");

    for (i = 0; ngx_http_llmbroker_qwen_roles[i][0]; i++) {

        if (ngx_http_llmbroker_json_is(role,
                                       ngx_http_llmbroker_qwen_roles[i][0]))
        {
            break;
        }
    }

    return ngx_http_llmbroker_qwen_roles[i][1];
}


/* 1 for a message that DashScope reads as it is: a role and a text */

static ngx_uint_t
ngx_http_llmbroker_qwen_plain(ngx_http_llmbroker_json_t *message)
{
    const ngx_str_t            *name;
    ngx_http_llmbroker_json_t  *role, *content;

    if (message->type != NGX_HTTP_LLMBROKER_JSON_OBJECT || message->n != 2) {
        return 0;
    }

    role = message->child;
    content = role->next;

    if (content->type != NGX_HTTP_LLMBROKER_JSON_STRING
        || content->key.len != sizeof("content") - 1
        || ngx_memcmp(content->key.data, "content", content->key.len) != 0
        || role->key.len != sizeof("role") - 1
        || ngx_memcmp(role->key.data, "role", role->key.len) != 0)
    {
        return 0;
    }

    for (name = ngx_http_llmbroker_qwen_plain_roles; name->len; name++) {

        if (role->raw.len == name->len
            && ngx_memcmp(role->raw.data, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_http_llmbroker_qwen_write_messages(ngx_http_llmbroker_qwen_build_t *b)
{
    ngx_int_t                   rc, done;
    ngx_http_llmbroker_json_t  *v;

    if (b->plain) {
        v = b->params[NGX_HTTP_LLMBROKER_QWEN_P_MESSAGES];
        ngx_http_llmbroker_qwen_put(b, v->raw.data, v->raw.len);
        return NGX_OK;
    }

    ngx_http_llmbroker_json_write_start(&b->w, b->ex->body);
    ngx_http_llmbroker_json_write_refer(&b->w);

    ngx_http_llmbroker_json_open_array(&b->w);
    rc = ngx_http_llmbroker_qwen_write_conversation(b);
    ngx_http_llmbroker_json_close_array(&b->w);

    done = ngx_http_llmbroker_json_write_end(&b->w);

    return rc != NGX_OK ? rc : done;
}


static ngx_int_t
ngx_http_llmbroker_qwen_write_conversation(ngx_http_llmbroker_qwen_build_t *b)
{
    ngx_int_t                          rc;
    ngx_uint_t                         i;
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->w;

    if (b->ex->call == NGX_HTTP_LLMBROKER_COMPLETIONS) {
        rc = ngx_http_llmbroker_params_prompt_probs(b->ex, &v, &b->logprobs);
        if (rc != NGX_OK) {
            return rc;
        }

        ngx_http_llmbroker_json_open(w);
        ngx_http_llmbroker_json_key(w, "role");
        ngx_http_llmbroker_json_text(w, "user");
        ngx_http_llmbroker_qwen_write_content(b, v);
        ngx_http_llmbroker_json_close(w);

        return NGX_OK;
    }

    v = b->params[NGX_HTTP_LLMBROKER_QWEN_P_MESSAGES]->child;

    for (i = 0; v; v = v->next, i++) {

        if (!b->media && ngx_http_llmbroker_qwen_plain(v)) {
            ngx_http_llmbroker_json_raw(w, &v->raw);
            continue;
        }

        rc = ngx_http_llmbroker_qwen_write_message(b, i, v);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_qwen_write_message(ngx_http_llmbroker_qwen_build_t *b,
    ngx_uint_t i, ngx_http_llmbroker_json_t *message)
{
    ngx_int_t                          rc;
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->w;

    ngx_http_llmbroker_json_open(w);

    ngx_http_llmbroker_json_key(w, "role");
    ngx_http_llmbroker_json_text(w, ngx_http_llmbroker_qwen_role(message));

    v = ngx_http_llmbroker_json_get(message, "content");

    if (v == NULL || v->type == NGX_HTTP_LLMBROKER_JSON_NULL) {
        v = ngx_http_llmbroker_json_get_type(message, "refusal",
                                             NGX_HTTP_LLMBROKER_JSON_STRING);
    }

    ngx_http_llmbroker_qwen_write_content(b, v);

    ngx_http_llmbroker_qwen_write_raw(w, message, "name");
    ngx_http_llmbroker_qwen_write_raw(w, message, "reasoning_content");

    v = ngx_http_llmbroker_json_get(message, "tool_calls");

    if (v && v->n) {
        rc = ngx_http_llmbroker_qwen_write_calls(b, v);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    v = ngx_http_llmbroker_json_get_type(message, "function_call",
                                         NGX_HTTP_LLMBROKER_JSON_OBJECT);
    if (v) {
        rc = ngx_http_llmbroker_qwen_write_legacy(b, i, v);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    v = ngx_http_llmbroker_json_get(message, "role");

    if (!ngx_http_llmbroker_json_is(v, "function")) {
        ngx_http_llmbroker_qwen_write_raw(w, message, "tool_call_id");

    } else if (b->call.len) {
        ngx_http_llmbroker_json_key(w, "tool_call_id");
        ngx_http_llmbroker_json_str(w, &b->call);
    }

    ngx_http_llmbroker_qwen_write_raw(w, message, "partial");

    ngx_http_llmbroker_json_close(w);

    return NGX_OK;
}


/* R45: the result that follows has no name of the call either */

static ngx_int_t
ngx_http_llmbroker_qwen_write_legacy(ngx_http_llmbroker_qwen_build_t *b,
    ngx_uint_t i, ngx_http_llmbroker_json_t *call)
{
    ngx_http_llmbroker_json_writer_t  *w;

    b->call.data = ngx_pnalloc(b->ex->pool, sizeof("call_") + NGX_INT_T_LEN);
    if (b->call.data == NULL) {
        return NGX_ERROR;
    }

    b->call.len = ngx_sprintf(b->call.data, "call_%ui", i) - b->call.data;

    w = &b->w;

    ngx_http_llmbroker_json_key(w, "tool_calls");
    ngx_http_llmbroker_json_open_array(w);
    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "id");
    ngx_http_llmbroker_json_str(w, &b->call);
    ngx_http_llmbroker_json_key(w, "type");
    ngx_http_llmbroker_json_text(w, "function");
    ngx_http_llmbroker_json_key(w, "function");
    ngx_http_llmbroker_json_raw(w, &call->raw);
    ngx_http_llmbroker_json_close(w);
    ngx_http_llmbroker_json_close_array(w);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_qwen_write_calls(ngx_http_llmbroker_qwen_build_t *b,
    ngx_http_llmbroker_json_t *calls)
{
    ngx_http_llmbroker_json_t         *call, *custom;
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->w;

    ngx_http_llmbroker_json_key(w, "tool_calls");
    ngx_http_llmbroker_json_open_array(w);

    for (call = calls->child; call; call = call->next) {

        custom = ngx_http_llmbroker_json_get(call, "custom");

        if (ngx_http_llmbroker_json_get(call, "function")) {
            ngx_http_llmbroker_json_raw(w, &call->raw);

        } else if (ngx_http_llmbroker_qwen_write_custom(b, call, custom)
                   != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    ngx_http_llmbroker_json_close_array(w);

    return NGX_OK;
}


/* R43 */

static ngx_int_t
ngx_http_llmbroker_qwen_write_custom(ngx_http_llmbroker_qwen_build_t *b,
    ngx_http_llmbroker_json_t *call, ngx_http_llmbroker_json_t *custom)
{
    ngx_str_t                          inner, text;
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->w;

    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_qwen_write_raw(w, call, "id");
    ngx_http_llmbroker_json_key(w, "type");
    ngx_http_llmbroker_json_text(w, "function");
    ngx_http_llmbroker_json_key(w, "function");
    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_qwen_write_raw(w, custom, "name");

    ngx_http_llmbroker_json_key(w, "arguments");
    ngx_http_llmbroker_json_open_string(w);

    v = ngx_http_llmbroker_json_get_type(custom, "input",
                                         NGX_HTTP_LLMBROKER_JSON_STRING);

    ngx_str_set(&inner, "\\\"\\\"");

    if (v && ngx_http_llmbroker_text_quote(b->ex->pool, &v->raw, &inner)
             != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&text, "{\\\"input\\\":");
    ngx_http_llmbroker_json_inner_piece(w, &text);
    ngx_http_llmbroker_json_inner_piece(w, &inner);
    ngx_str_set(&text, "}");
    ngx_http_llmbroker_json_inner_piece(w, &text);

    ngx_http_llmbroker_json_close_string(w);

    ngx_http_llmbroker_json_close(w);
    ngx_http_llmbroker_json_close(w);

    return NGX_OK;
}
