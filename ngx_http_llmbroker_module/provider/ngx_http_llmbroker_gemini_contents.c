
/*
 * Copyright (C) LLMBroker contributors
 *
 * The conversation of a Gemini request, gathered as one flat list of parts,
 * each the user's or the model's, from which ..._gemini_write.c makes contents.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_gemini.h"
#include "provider/ngx_http_llmbroker_params.h"


static ngx_int_t ngx_http_llmbroker_gemini_message(
    ngx_http_llmbroker_gemini_build_t *b, ngx_uint_t i,
    ngx_http_llmbroker_json_t *message);
static ngx_int_t ngx_http_llmbroker_gemini_check_message(
    ngx_http_llmbroker_gemini_build_t *b, ngx_uint_t i,
    ngx_http_llmbroker_json_t *message);
static ngx_int_t ngx_http_llmbroker_gemini_user(
    ngx_http_llmbroker_gemini_build_t *b, ngx_uint_t i,
    ngx_http_llmbroker_json_t *message);
static ngx_int_t ngx_http_llmbroker_gemini_assistant(
    ngx_http_llmbroker_gemini_build_t *b, ngx_uint_t i,
    ngx_http_llmbroker_json_t *message);
static ngx_int_t ngx_http_llmbroker_gemini_said(
    ngx_http_llmbroker_gemini_build_t *b, ngx_uint_t i,
    ngx_http_llmbroker_json_t *message);
static ngx_int_t ngx_http_llmbroker_gemini_calls(
    ngx_http_llmbroker_gemini_build_t *b, ngx_uint_t i,
    ngx_http_llmbroker_json_t *message);
static ngx_int_t ngx_http_llmbroker_gemini_call(
    ngx_http_llmbroker_gemini_build_t *b, ngx_uint_t i, const char *place,
    ngx_http_llmbroker_json_t *call);
static ngx_int_t ngx_http_llmbroker_gemini_arguments(
    ngx_http_llmbroker_gemini_build_t *b, ngx_http_llmbroker_json_t *v,
    ngx_str_t *data);
static ngx_http_llmbroker_json_t *ngx_http_llmbroker_gemini_signature(
    ngx_http_llmbroker_json_t *object);
static ngx_int_t ngx_http_llmbroker_gemini_result(
    ngx_http_llmbroker_gemini_build_t *b, ngx_uint_t i,
    ngx_http_llmbroker_json_t *message);
static ngx_int_t ngx_http_llmbroker_gemini_called(
    ngx_http_llmbroker_gemini_build_t *b, ngx_uint_t i,
    ngx_http_llmbroker_json_t *message, ngx_str_t *name);
static ngx_int_t ngx_http_llmbroker_gemini_in_turn(
    ngx_http_llmbroker_gemini_build_t *b, ngx_str_t *name);
static ngx_int_t ngx_http_llmbroker_gemini_object(
    ngx_http_llmbroker_gemini_build_t *b, ngx_uint_t n);
static ngx_int_t ngx_http_llmbroker_gemini_content(
    ngx_http_llmbroker_gemini_build_t *b, ngx_array_t *parts, ngx_uint_t i,
    ngx_http_llmbroker_json_t *message);
static ngx_int_t ngx_http_llmbroker_gemini_piece(
    ngx_http_llmbroker_gemini_build_t *b, ngx_array_t *parts, ngx_uint_t i,
    ngx_http_llmbroker_json_t *piece);
static ngx_int_t ngx_http_llmbroker_gemini_text(ngx_array_t *parts,
    ngx_http_llmbroker_json_t *text);


/* annotations and the like are the echo of an answer */

static const ngx_http_llmbroker_rule_t
    ngx_http_llmbroker_gemini_message_rules[] =
{
    { ngx_string("role"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("content"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("name"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("refusal"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("annotations"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("provider_specific_fields"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("extra_content"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("tool_calls"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("tool_call_id"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("function_call"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("audio"), NGX_HTTP_LLMBROKER_USE },

    { ngx_null_string, NGX_HTTP_LLMBROKER_DROP }
};


/* of a part: Gemini finds by itself what it has seen before */

static const char  *ngx_http_llmbroker_gemini_marks[] = {
    "cache_control",
    "prompt_cache_breakpoint",
    NULL
};


ngx_int_t
ngx_http_llmbroker_gemini_conversation(ngx_http_llmbroker_gemini_build_t *b)
{
    ngx_int_t                          rc;
    ngx_uint_t                         i;
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_gemini_part_t  *part, *last;

    if (b->ex->call == NGX_HTTP_LLMBROKER_COMPLETIONS) {
        rc = ngx_http_llmbroker_params_prompt_probs(b->ex, &v, &b->logprobs);
        if (rc != NGX_OK) {
            return rc;
        }

        part = ngx_http_llmbroker_gemini_push(&b->parts,
                                   ngx_http_llmbroker_json_inner(v).len
                                   ? NGX_HTTP_LLMBROKER_GEMINI_TEXT_PART
                                   : NGX_HTTP_LLMBROKER_GEMINI_EMPTY, v);

        return part ? NGX_OK : NGX_ERROR;
    }

    rc = ngx_http_llmbroker_params_get(b->ex, "messages",
                                       NGX_HTTP_LLMBROKER_JSON_ARRAY, &v);
    if (rc != NGX_OK) {
        return rc;
    }

    v = v ? v->child : NULL;

    for (i = 0; v; v = v->next, i++) {
        rc = ngx_http_llmbroker_gemini_message(b, i, v);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (b->parts.nelts) {
        return NGX_OK;
    }

    if (b->system.nelts == 0) {
        return ngx_http_llmbroker_fault(b->ex, 400, "empty_array",
                               "messages", "The conversation is empty.");
    }

    /* R22 */

    b->system.nelts--;
    last = b->system.elts;
    last += b->system.nelts;

    part = ngx_array_push(&b->parts);
    if (part == NULL) {
        return NGX_ERROR;
    }

    *part = *last;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_gemini_message(ngx_http_llmbroker_gemini_build_t *b,
    ngx_uint_t i, ngx_http_llmbroker_json_t *message)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *role, *name;

    rc = ngx_http_llmbroker_gemini_check_message(b, i, message);
    if (rc != NGX_OK) {
        return rc;
    }

    role = ngx_http_llmbroker_json_get(message, "role");

    if (ngx_http_llmbroker_json_is(role, "tool")
        || ngx_http_llmbroker_json_is(role, "function"))
    {
        return ngx_http_llmbroker_gemini_result(b, i, message);
    }

    /* R23 */

    name = ngx_http_llmbroker_json_get_type(message, "name",
                                            NGX_HTTP_LLMBROKER_JSON_STRING);

    if (name && ngx_http_llmbroker_gemini_drop(b, "name") != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_llmbroker_json_is(role, "user")) {
        return ngx_http_llmbroker_gemini_user(b, i, message);
    }

    if (ngx_http_llmbroker_json_is(role, "assistant")) {
        return ngx_http_llmbroker_gemini_assistant(b, i, message);
    }

    /* R20, R21 */

    if (ngx_http_llmbroker_json_is(role, "system")
        || ngx_http_llmbroker_json_is(role, "developer"))
    {
        return ngx_http_llmbroker_gemini_content(b, &b->system, i, message);
    }

    return ngx_http_llmbroker_params_message(b->ex, "unsupported_value", i,
                                   "role",
                                   "This model does not support the role.");
}


static ngx_int_t
ngx_http_llmbroker_gemini_check_message(ngx_http_llmbroker_gemini_build_t *b,
    ngx_uint_t i, ngx_http_llmbroker_json_t *message)
{
    ngx_http_llmbroker_json_t  *v;

    if (message->type != NGX_HTTP_LLMBROKER_JSON_OBJECT) {
        return ngx_http_llmbroker_params_message(b->ex, "invalid_type", i,
                                   NULL, "A message must be an object.");
    }

    v = ngx_http_llmbroker_json_get(message, "audio");

    if (v && v->type != NGX_HTTP_LLMBROKER_JSON_NULL) {
        return ngx_http_llmbroker_params_message(b->ex, "unsupported_value", i,
                                   "audio",
                                   "This model does not know the audio of "
                                   "another answer.");
    }

    return ngx_http_llmbroker_params_check(b->ex, message,
                                    ngx_http_llmbroker_gemini_message_rules);
}


static ngx_int_t
ngx_http_llmbroker_gemini_user(ngx_http_llmbroker_gemini_build_t *b,
    ngx_uint_t i, ngx_http_llmbroker_json_t *message)
{
    ngx_int_t   rc;
    ngx_uint_t  n;

    n = b->parts.nelts;

    rc = ngx_http_llmbroker_gemini_content(b, &b->parts, i, message);

    if (rc != NGX_OK || b->parts.nelts > n) {
        return rc;
    }

    if (ngx_http_llmbroker_gemini_push(&b->parts,
                                       NGX_HTTP_LLMBROKER_GEMINI_EMPTY, NULL)
        == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_gemini_assistant(ngx_http_llmbroker_gemini_build_t *b,
    ngx_uint_t i, ngx_http_llmbroker_json_t *message)
{
    ngx_int_t                          rc;
    ngx_uint_t                         n;
    ngx_http_llmbroker_gemini_part_t  *part;

    n = b->parts.nelts;

    rc = ngx_http_llmbroker_gemini_said(b, i, message);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_gemini_calls(b, i, message);
    if (rc != NGX_OK) {
        return rc;
    }

    part = b->parts.elts;

    for ( /* void */ ; n < b->parts.nelts; n++) {
        part[n].model = 1;
    }

    return NGX_OK;
}


/* R32; a signature belongs to the last text */

static ngx_int_t
ngx_http_llmbroker_gemini_said(ngx_http_llmbroker_gemini_build_t *b,
    ngx_uint_t i, ngx_http_llmbroker_json_t *message)
{
    ngx_int_t                          rc;
    ngx_uint_t                         n;
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_gemini_part_t  *part;

    n = b->parts.nelts;

    rc = ngx_http_llmbroker_gemini_content(b, &b->parts, i, message);
    if (rc != NGX_OK) {
        return rc;
    }

    v = ngx_http_llmbroker_json_get_type(message, "refusal",
                                         NGX_HTTP_LLMBROKER_JSON_STRING);

    if (v && ngx_http_llmbroker_gemini_text(&b->parts, v) != NGX_OK) {
        return NGX_ERROR;
    }

    if (b->parts.nelts > n) {
        part = b->parts.elts;
        part[b->parts.nelts - 1].signature =
                               ngx_http_llmbroker_gemini_signature(message);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_gemini_calls(ngx_http_llmbroker_gemini_build_t *b,
    ngx_uint_t i, ngx_http_llmbroker_json_t *message)
{
    u_char                     *p;
    ngx_int_t                   rc;
    ngx_uint_t                  j;
    ngx_http_llmbroker_json_t  *v;
    u_char                      place[64];

    v = ngx_http_llmbroker_json_get(message, "function_call");

    /* R45 */

    if (v && v->type != NGX_HTTP_LLMBROKER_JSON_NULL) {
        rc = ngx_http_llmbroker_gemini_call(b, i, "function_call", v);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    v = ngx_http_llmbroker_json_get(message, "tool_calls");

    if (v == NULL || v->type == NGX_HTTP_LLMBROKER_JSON_NULL) {
        return NGX_OK;
    }

    if (v->type != NGX_HTTP_LLMBROKER_JSON_ARRAY) {
        return ngx_http_llmbroker_params_message(b->ex, "invalid_type", i,
                                   "tool_calls",
                                   "The parameter must be an array.");
    }

    v = v->child;

    for (j = 0; v; v = v->next, j++) {

        p = ngx_snprintf(place, sizeof(place) - 1, "tool_calls[%ui]", j);
        *p = '\0';

        rc = ngx_http_llmbroker_gemini_call(b, i, (char *) place, v);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/* a function's, a custom tool's (R43), or a function_call itself */

static ngx_int_t
ngx_http_llmbroker_gemini_call(ngx_http_llmbroker_gemini_build_t *b,
    ngx_uint_t i, const char *place, ngx_http_llmbroker_json_t *call)
{
    ngx_int_t                          rc;
    ngx_uint_t                        *n;
    ngx_http_llmbroker_json_t         *function, *custom, *name, *v;
    ngx_http_llmbroker_gemini_part_t  *part;

    custom = ngx_http_llmbroker_json_get_type(call, "custom",
                                              NGX_HTTP_LLMBROKER_JSON_OBJECT);
    function = ngx_http_llmbroker_json_get_type(call, "function",
                                              NGX_HTTP_LLMBROKER_JSON_OBJECT);

    if (function == NULL) {
        function = custom ? custom : call;
    }

    name = ngx_http_llmbroker_json_get_type(function, "name",
                                            NGX_HTTP_LLMBROKER_JSON_STRING);
    if (name == NULL) {
        return ngx_http_llmbroker_params_message(b->ex, "invalid_value", i,
                                   place, "A tool call must have a name.");
    }

    n = ngx_array_push(&b->calls);
    part = ngx_http_llmbroker_gemini_push(&b->parts,
                                          NGX_HTTP_LLMBROKER_GEMINI_CALL,
                                          NULL);
    if (n == NULL || part == NULL) {
        return NGX_ERROR;
    }

    *n = b->parts.nelts - 1;

    part->name = ngx_http_llmbroker_json_inner(name);
    part->signature = ngx_http_llmbroker_gemini_signature(call);

    v = ngx_http_llmbroker_json_get(call, "id");
    part->id = ngx_http_llmbroker_json_inner(v);

    if (function == custom) {
        part->value = ngx_http_llmbroker_json_get_type(custom, "input",
                                              NGX_HTTP_LLMBROKER_JSON_STRING);
        return NGX_OK;
    }

    v = ngx_http_llmbroker_json_get(function, "arguments");

    rc = ngx_http_llmbroker_gemini_arguments(b, v, &part->data);

    if (rc == NGX_DECLINED) {
        return ngx_http_llmbroker_params_message(b->ex, "invalid_value", i,
                                   place,
                                   "The arguments of a tool call must be a "
                                   "JSON object.");
    }

    return rc;
}


/* R42: a string that holds JSON becomes an object */

static ngx_int_t
ngx_http_llmbroker_gemini_arguments(ngx_http_llmbroker_gemini_build_t *b,
    ngx_http_llmbroker_json_t *v, ngx_str_t *data)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *root;

    ngx_str_set(data, "{}");

    if (v == NULL
        || v->type == NGX_HTTP_LLMBROKER_JSON_NULL
        || ngx_http_llmbroker_json_is(v, "null")
        || (v->type == NGX_HTTP_LLMBROKER_JSON_STRING
            && ngx_http_llmbroker_params_blank(v)))
    {
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_json_string(b->ex->pool, v, data);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_json_parse(b->ex->pool, data->data, data->len,
                                       &root);
    if (rc != NGX_OK) {
        return rc;
    }

    *data = root->raw;

    return root->type == NGX_HTTP_LLMBROKER_JSON_OBJECT ? NGX_OK
                                                        : NGX_DECLINED;
}


/* where Google's OpenAI interface puts it: extra_content.google */

static ngx_http_llmbroker_json_t *
ngx_http_llmbroker_gemini_signature(ngx_http_llmbroker_json_t *object)
{
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get(object, "extra_content");
    v = ngx_http_llmbroker_json_get(v, "google");
    v = ngx_http_llmbroker_json_get_type(v, "thought_signature",
                                         NGX_HTTP_LLMBROKER_JSON_STRING);

    return (v && ngx_http_llmbroker_json_inner(v).len) ? v : NULL;
}


static ngx_int_t
ngx_http_llmbroker_gemini_result(ngx_http_llmbroker_gemini_build_t *b,
    ngx_uint_t i, ngx_http_llmbroker_json_t *message)
{
    ngx_int_t                          rc;
    ngx_str_t                          name;
    ngx_uint_t                         n;
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_gemini_part_t  *part;

    rc = ngx_http_llmbroker_gemini_called(b, i, message, &name);
    if (rc != NGX_OK) {
        return rc;
    }

    n = b->parts.nelts;

    part = ngx_http_llmbroker_gemini_push(&b->parts,
                                          NGX_HTTP_LLMBROKER_GEMINI_RESULT,
                                          NULL);
    if (part == NULL) {
        return NGX_ERROR;
    }

    v = ngx_http_llmbroker_json_get(message, "tool_call_id");

    part->id = ngx_http_llmbroker_json_inner(v);
    part->name = name;

    rc = ngx_http_llmbroker_gemini_content(b, &b->parts, i, message);
    if (rc != NGX_OK) {
        return rc;
    }

    part = b->parts.elts;
    part[n].n = b->parts.nelts - n - 1;

    return ngx_http_llmbroker_gemini_object(b, n);
}


/* the name of the function whose result this is */

static ngx_int_t
ngx_http_llmbroker_gemini_called(ngx_http_llmbroker_gemini_build_t *b,
    ngx_uint_t i, ngx_http_llmbroker_json_t *message, ngx_str_t *name)
{
    ngx_str_t                          id;
    ngx_uint_t                        *call, k, n;
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_gemini_part_t  *part;

    v = ngx_http_llmbroker_json_get(message, "tool_call_id");
    id = ngx_http_llmbroker_json_inner(v);

    call = b->calls.elts;
    n = b->calls.nelts;

    for (k = 0; id.len && k < NGX_HTTP_LLMBROKER_GEMINI_CALLS && k < n; k++) {

        part = b->parts.elts;
        part += call[n - 1 - k];

        if (part->id.len == id.len
            && ngx_memcmp(part->id.data, id.data, id.len) == 0)
        {
            part->answered = 1;
            *name = part->name;
            return NGX_OK;
        }
    }

    v = ngx_http_llmbroker_json_get(message, "name");
    *name = ngx_http_llmbroker_json_inner(v);

    if (name->len) {
        return NGX_OK;
    }

    if (id.len == 0 && ngx_http_llmbroker_gemini_in_turn(b, name) == NGX_OK) {
        return NGX_OK;
    }

    return ngx_http_llmbroker_params_message(b->ex, "invalid_value", i,
                               "tool_call_id",
                               "A tool's message must answer a tool call "
                               "before it.");
}


/* calls without an id are answered in their order */

static ngx_int_t
ngx_http_llmbroker_gemini_in_turn(ngx_http_llmbroker_gemini_build_t *b,
    ngx_str_t *name)
{
    ngx_uint_t                        *call, k, n;
    ngx_http_llmbroker_gemini_part_t  *part, *first;

    call = b->calls.elts;
    n = b->calls.nelts;
    first = NULL;

    for (k = 0; k < NGX_HTTP_LLMBROKER_GEMINI_CALLS && k < n; k++) {

        part = b->parts.elts;
        part += call[n - 1 - k];

        if (part->answered || part->id.len) {
            break;
        }

        first = part;
    }

    if (first == NULL) {
        return NGX_DECLINED;
    }

    first->answered = 1;
    *name = first->name;

    return NGX_OK;
}


/* a text that is a JSON object is the response itself */

static ngx_int_t
ngx_http_llmbroker_gemini_object(ngx_http_llmbroker_gemini_build_t *b,
    ngx_uint_t n)
{
    ngx_int_t                          rc;
    ngx_str_t                          text;
    ngx_http_llmbroker_json_t         *root;
    ngx_http_llmbroker_gemini_part_t  *part;

    part = b->parts.elts;
    part += n;

    if (part->n != 1
        || part[1].kind != NGX_HTTP_LLMBROKER_GEMINI_TEXT_PART)
    {
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_json_string(b->ex->pool, part[1].value, &text);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_json_parse(b->ex->pool, text.data, text.len,
                                       &root);

    if (rc == NGX_DECLINED) {
        return NGX_OK;
    }

    if (rc == NGX_OK && root->type == NGX_HTTP_LLMBROKER_JSON_OBJECT) {
        part->data = root->raw;
    }

    return rc;
}


static ngx_int_t
ngx_http_llmbroker_gemini_content(ngx_http_llmbroker_gemini_build_t *b,
    ngx_array_t *parts, ngx_uint_t i, ngx_http_llmbroker_json_t *message)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *content, *piece;

    content = ngx_http_llmbroker_json_get(message, "content");

    if (content == NULL || content->type == NGX_HTTP_LLMBROKER_JSON_NULL) {
        return NGX_OK;
    }

    if (content->type == NGX_HTTP_LLMBROKER_JSON_STRING) {
        return ngx_http_llmbroker_gemini_text(parts, content);
    }

    if (content->type != NGX_HTTP_LLMBROKER_JSON_ARRAY) {
        return ngx_http_llmbroker_params_message(b->ex, "invalid_type", i,
                                   "content",
                                   "The content must be text or an array.");
    }

    for (piece = content->child; piece; piece = piece->next) {
        rc = ngx_http_llmbroker_gemini_piece(b, parts, i, piece);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_gemini_piece(ngx_http_llmbroker_gemini_build_t *b,
    ngx_array_t *parts, ngx_uint_t i, ngx_http_llmbroker_json_t *piece)
{
    ngx_uint_t                  k, refusal;
    const char                 *mark;
    ngx_http_llmbroker_json_t  *type, *text;

    for (k = 0; ngx_http_llmbroker_gemini_marks[k]; k++) {
        mark = ngx_http_llmbroker_gemini_marks[k];

        if (ngx_http_llmbroker_json_get(piece, mark)
            && ngx_http_llmbroker_gemini_drop(b, mark) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    type = ngx_http_llmbroker_json_get(piece, "type");
    refusal = ngx_http_llmbroker_json_is(type, "refusal");

    if (refusal || ngx_http_llmbroker_json_is(type, "text")) {
        text = ngx_http_llmbroker_json_get_type(piece,
                                              refusal ? "refusal" : "text",
                                              NGX_HTTP_LLMBROKER_JSON_STRING);
        if (text == NULL) {
            return ngx_http_llmbroker_params_message(b->ex, "invalid_type", i,
                                       "content", "A text part has no text.");
        }

        return ngx_http_llmbroker_gemini_text(parts, text);
    }

    if (parts == &b->parts) {
        return ngx_http_llmbroker_gemini_media(b, i, piece);
    }

    return ngx_http_llmbroker_params_message(b->ex, "unsupported_value", i,
                               "content",
                               "This model takes instructions as text only.");
}


/* R38, but white space is text to Gemini */

static ngx_int_t
ngx_http_llmbroker_gemini_text(ngx_array_t *parts,
    ngx_http_llmbroker_json_t *text)
{
    if (ngx_http_llmbroker_json_inner(text).len == 0) {
        return NGX_OK;
    }

    if (ngx_http_llmbroker_gemini_push(parts,
                                    NGX_HTTP_LLMBROKER_GEMINI_TEXT_PART, text)
        == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_http_llmbroker_gemini_part_t *
ngx_http_llmbroker_gemini_push(ngx_array_t *parts,
    ngx_http_llmbroker_gemini_kind_e kind, ngx_http_llmbroker_json_t *value)
{
    ngx_http_llmbroker_gemini_part_t  *part;

    part = ngx_array_push(parts);
    if (part == NULL) {
        return NULL;
    }

    ngx_memzero(part, sizeof(ngx_http_llmbroker_gemini_part_t));

    part->kind = kind;
    part->value = value;

    return part;
}
