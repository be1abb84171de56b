
/*
 * Copyright (C) LLMBroker contributors
 *
 * A stream that was not asked for becomes an object.  What its chunks hold is
 * merged as OpenAI's clients do it: texts are joined, lists go on, and of
 * anything else the last word counts.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_openai.h"


/* nesting of parts: from the answer to a function's arguments */
#define NGX_HTTP_LLMBROKER_OPENAI_LEVELS   8

/* of an object, which are looked through one by one */
#define NGX_HTTP_LLMBROKER_OPENAI_MEMBERS  256


typedef struct ngx_http_llmbroker_openai_part_s
    ngx_http_llmbroker_openai_part_t;

/* a value in the making */
struct ngx_http_llmbroker_openai_part_s {
    ngx_str_t                          key;
    ngx_uint_t                         index;    /* in an array of parts */
    ngx_http_llmbroker_json_type_e     type;
    ngx_http_llmbroker_text_t          text;     /* raw; of a string its
                                                    inside, of an array its
                                                    elements */
    ngx_http_llmbroker_openai_part_t  *child;
    ngx_http_llmbroker_openai_part_t  *next;
};


static ngx_int_t ngx_http_llmbroker_openai_gather_choice(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_openai_part_t *part,
    ngx_http_llmbroker_json_t *choice);
static ngx_int_t ngx_http_llmbroker_openai_gather_piece(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_openai_part_t *part,
    ngx_http_llmbroker_json_t *piece);
static ngx_int_t ngx_http_llmbroker_openai_gather_calls(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_openai_part_t *part,
    ngx_http_llmbroker_json_t *calls);
static ngx_int_t ngx_http_llmbroker_openai_gather_call(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_openai_part_t *part,
    ngx_http_llmbroker_json_t *call);
static ngx_int_t ngx_http_llmbroker_openai_gather_object(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_openai_part_t *part,
    ngx_http_llmbroker_json_t *object);
static ngx_int_t ngx_http_llmbroker_openai_gather_value(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_openai_part_t *part,
    ngx_http_llmbroker_json_t *v, ngx_uint_t list);
static ngx_uint_t ngx_http_llmbroker_openai_joined(ngx_str_t *name);
static ngx_http_llmbroker_openai_part_t *ngx_http_llmbroker_openai_member_of(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_openai_part_t *part,
    ngx_str_t *key);
static ngx_http_llmbroker_openai_part_t *ngx_http_llmbroker_openai_element_of(
    ngx_pool_t *pool, ngx_http_llmbroker_openai_part_t *part,
    ngx_uint_t index);
static ngx_int_t ngx_http_llmbroker_openai_complete(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_openai_part_t *part);
static ngx_int_t ngx_http_llmbroker_openai_complete_calls(
    ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_part_t *calls);
static ngx_int_t ngx_http_llmbroker_openai_say(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_openai_part_t *part,
    const char *name, ngx_http_llmbroker_json_type_e type, const char *text);
static ngx_int_t ngx_http_llmbroker_openai_write_parts(
    ngx_http_llmbroker_out_t *out, ngx_http_llmbroker_openai_part_t *root);
static void ngx_http_llmbroker_openai_write_part(
    ngx_http_llmbroker_json_writer_t *w,
    ngx_http_llmbroker_openai_part_t *part);


static ngx_str_t  ngx_http_llmbroker_openai_choices_key =
    ngx_string("choices");
static ngx_str_t  ngx_http_llmbroker_openai_message_key =
    ngx_string("message");


#define ngx_http_llmbroker_openai_name(v, text)                              \
    ((v)->key.len == sizeof(text) - 1                                        \
     && ngx_memcmp((v)->key.data, text, sizeof(text) - 1) == 0)

#define ngx_http_llmbroker_openai_is_object_of(v, text)                      \
    ((v)->type == NGX_HTTP_LLMBROKER_JSON_OBJECT                             \
     && ngx_http_llmbroker_openai_name(v, text))


ngx_int_t
ngx_http_llmbroker_openai_gather(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o, ngx_http_llmbroker_json_t *root)
{
    ngx_int_t                          n;
    ngx_http_llmbroker_json_t         *v, *choice;
    ngx_http_llmbroker_openai_part_t  *whole, *choices, *part;

    whole = o->whole;

    if (whole == NULL) {
        whole = ngx_pcalloc(ex->pool,
                            sizeof(ngx_http_llmbroker_openai_part_t));
        if (whole == NULL) {
            return NGX_ERROR;
        }

        whole->type = NGX_HTTP_LLMBROKER_JSON_OBJECT;
        o->whole = whole;
    }

    for (v = root->child; v; v = v->next) {

        if (!ngx_http_llmbroker_openai_name(v, "choices")
            && ngx_http_llmbroker_openai_gather_value(ex, whole, v, 0)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    choices = ngx_http_llmbroker_openai_member_of(ex, whole,
                                      &ngx_http_llmbroker_openai_choices_key);
    if (choices == NULL) {
        return NGX_ERROR;
    }

    choices->type = NGX_HTTP_LLMBROKER_JSON_ARRAY;

    choice = ngx_http_llmbroker_json_get(root, "choices")->child;

    for ( /* void */ ; choice; choice = choice->next) {

        v = ngx_http_llmbroker_json_get(choice, "index");
        n = ngx_http_llmbroker_json_int(v, 0);

        part = ngx_http_llmbroker_openai_element_of(ex->pool, choices, n);

        if (part == NULL
            || ngx_http_llmbroker_openai_gather_choice(ex, part, choice)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_openai_gather_choice(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_part_t *part, ngx_http_llmbroker_json_t *choice)
{
    ngx_int_t                          rc;
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_openai_part_t  *p;

    for (v = choice->child; v; v = v->next) {

        if (ngx_http_llmbroker_openai_is_object_of(v, "delta")) {
            p = ngx_http_llmbroker_openai_member_of(ex, part,
                                      &ngx_http_llmbroker_openai_message_key);
            if (p == NULL) {
                return NGX_ERROR;
            }

            rc = ngx_http_llmbroker_openai_gather_piece(ex, p, v);

        } else if (ngx_http_llmbroker_openai_is_object_of(v, "logprobs")) {
            rc = ngx_http_llmbroker_openai_gather_object(ex, part, v);

        } else {
            rc = ngx_http_llmbroker_openai_gather_value(ex, part, v, 1);
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_openai_gather_piece(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_part_t *part, ngx_http_llmbroker_json_t *piece)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *v;

    part->type = NGX_HTTP_LLMBROKER_JSON_OBJECT;

    for (v = piece->child; v; v = v->next) {

        if (ngx_http_llmbroker_openai_name(v, "tool_calls")) {
            rc = ngx_http_llmbroker_openai_gather_calls(ex, part, v);

        } else if (ngx_http_llmbroker_openai_is_object_of(v, "function_call")
                   || ngx_http_llmbroker_openai_is_object_of(v, "audio")
                   || ngx_http_llmbroker_openai_is_object_of(v,
                                                  "provider_specific_fields"))
        {
            rc = ngx_http_llmbroker_openai_gather_object(ex, part, v);

        } else {
            rc = ngx_http_llmbroker_openai_gather_value(ex, part, v, 1);
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_openai_gather_calls(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_part_t *part, ngx_http_llmbroker_json_t *calls)
{
    ngx_int_t                          n;
    ngx_http_llmbroker_json_t         *call, *v;
    ngx_http_llmbroker_openai_part_t  *list, *p;

    list = ngx_http_llmbroker_openai_member_of(ex, part, &calls->key);
    if (list == NULL) {
        return NGX_ERROR;
    }

    list->type = NGX_HTTP_LLMBROKER_JSON_ARRAY;

    for (call = calls->child; call; call = call->next) {

        v = ngx_http_llmbroker_json_get(call, "index");
        n = ngx_http_llmbroker_json_int(v, 0);

        p = ngx_http_llmbroker_openai_element_of(ex->pool, list, n);

        if (p == NULL
            || ngx_http_llmbroker_openai_gather_call(ex, p, call) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_openai_gather_call(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_part_t *part, ngx_http_llmbroker_json_t *call)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *v;

    for (v = call->child; v; v = v->next) {

        if (ngx_http_llmbroker_openai_name(v, "index")) {
            continue;
        }

        if (ngx_http_llmbroker_openai_is_object_of(v, "function")
            || ngx_http_llmbroker_openai_is_object_of(v, "custom"))
        {
            rc = ngx_http_llmbroker_openai_gather_object(ex, part, v);

        } else {
            rc = ngx_http_llmbroker_openai_gather_value(ex, part, v, 1);
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* a member that is an object whose members go on */

static ngx_int_t
ngx_http_llmbroker_openai_gather_object(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_part_t *part, ngx_http_llmbroker_json_t *object)
{
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_openai_part_t  *p;

    p = ngx_http_llmbroker_openai_member_of(ex, part, &object->key);
    if (p == NULL) {
        return NGX_ERROR;
    }

    p->type = NGX_HTTP_LLMBROKER_JSON_OBJECT;
    p->text.len = 0;

    for (v = object->child; v; v = v->next) {

        if (ngx_http_llmbroker_openai_gather_value(ex, p, v, 1) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_openai_gather_value(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_part_t *part, ngx_http_llmbroker_json_t *v,
    ngx_uint_t list)
{
    ngx_str_t                          text;
    ngx_http_llmbroker_openai_part_t  *p;

    p = ngx_http_llmbroker_openai_member_of(ex, part, &v->key);
    if (p == NULL) {
        return NGX_ERROR;
    }

    if (v->type == NGX_HTTP_LLMBROKER_JSON_NULL) {
        return NGX_OK;
    }

    text = v->raw;

    switch (v->type) {

    case NGX_HTTP_LLMBROKER_JSON_STRING:
        text = ngx_http_llmbroker_json_inner(v);

        if (p->type != v->type || !ngx_http_llmbroker_openai_joined(&v->key)) {
            p->text.len = 0;
        }

        break;

    case NGX_HTTP_LLMBROKER_JSON_ARRAY:
        text.data++;
        text.len -= 2;

        if (p->type != v->type || !list) {
            p->text.len = 0;

        } else if (p->text.len && v->child
                   && ngx_http_llmbroker_text_append(ex->pool, &p->text, ",",
                                                     1)
                      != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (v->child == NULL) {
            text.len = 0;
        }

        break;

    default:
        p->text.len = 0;
        break;
    }

    p->type = v->type;
    p->child = NULL;

    return ngx_http_llmbroker_text_append(ex->pool, &p->text, text.data,
                                          text.len);
}


static ngx_uint_t
ngx_http_llmbroker_openai_joined(ngx_str_t *name)
{
    ngx_str_t  *joined;

    static ngx_str_t  names[] = {
        ngx_string("content"),
        ngx_string("text"),
        ngx_string("arguments"),
        ngx_string("reasoning_content"),
        ngx_string("reasoning"),
        ngx_string("refusal"),
        ngx_string("input"),
        ngx_string("data"),
        ngx_string("transcript"),
        ngx_null_string
    };

    for (joined = names; joined->len; joined++) {

        if (joined->len == name->len
            && ngx_memcmp(joined->data, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* an object's member, made null when it is new */

static ngx_http_llmbroker_openai_part_t *
ngx_http_llmbroker_openai_member_of(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_part_t *part, ngx_str_t *key)
{
    ngx_uint_t                          n;
    ngx_http_llmbroker_openai_t        *o;
    ngx_http_llmbroker_openai_part_t   *p, **last;

    n = 0;

    for (last = &part->child; *last; last = &(*last)->next) {
        p = *last;
        n++;

        if (p->key.len == key->len
            && ngx_memcmp(p->key.data, key->data, key->len) == 0)
        {
            return p;
        }
    }

    if (n == NGX_HTTP_LLMBROKER_OPENAI_MEMBERS) {
        o = ex->state;
        o->overflow = 1;
        return NULL;
    }

    p = ngx_pcalloc(ex->pool, sizeof(ngx_http_llmbroker_openai_part_t));
    if (p == NULL) {
        return NULL;
    }

    if (key->len) {
        p->key.data = ngx_pstrdup(ex->pool, key);
        if (p->key.data == NULL) {
            return NULL;
        }

        p->key.len = key->len;
    }

    *last = p;

    return p;
}


/* an array's object of this index, made when it is new */

static ngx_http_llmbroker_openai_part_t *
ngx_http_llmbroker_openai_element_of(ngx_pool_t *pool,
    ngx_http_llmbroker_openai_part_t *part, ngx_uint_t index)
{
    ngx_http_llmbroker_openai_part_t  *p, **last;

    for (last = &part->child; *last; last = &(*last)->next) {

        if ((*last)->index == index) {
            return *last;
        }

        if ((*last)->index > index) {
            break;
        }
    }

    p = ngx_pcalloc(pool, sizeof(ngx_http_llmbroker_openai_part_t));
    if (p == NULL) {
        return NULL;
    }

    p->index = index;
    p->type = NGX_HTTP_LLMBROKER_JSON_OBJECT;

    p->next = *last;
    *last = p;

    return p;
}


ngx_int_t
ngx_http_llmbroker_openai_gathered(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o)
{
    ngx_http_llmbroker_openai_part_t  *whole, *choices, *p;

    whole = o->whole;

    choices = ngx_http_llmbroker_openai_member_of(ex, whole,
                                      &ngx_http_llmbroker_openai_choices_key);
    if (choices == NULL) {
        return NGX_ERROR;
    }

    for (p = choices->child; p; p = p->next) {

        if (ngx_http_llmbroker_openai_complete(ex, p) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (ngx_http_llmbroker_openai_chat(ex)
        && ngx_http_llmbroker_openai_say(ex, whole, "object",
                                         NGX_HTTP_LLMBROKER_JSON_STRING,
                                         "chat.completion")
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (o->usage.len) {
        if (ngx_http_llmbroker_text_append(ex->pool, &o->usage, "", 1)
            != NGX_OK
            || ngx_http_llmbroker_openai_say(ex, whole, "usage",
                                             NGX_HTTP_LLMBROKER_JSON_OBJECT,
                                             (char *) o->usage.data)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    ex->done = 1;

    return ngx_http_llmbroker_openai_write_parts(ex->out, whole);
}


/* a choice without a reason, its message without content */

static ngx_int_t
ngx_http_llmbroker_openai_complete(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_part_t *part)
{
    const char                        *reason;
    ngx_http_llmbroker_openai_part_t  *p, *message;

    static ngx_str_t  content = ngx_string("content");
    static ngx_str_t  finish = ngx_string("finish_reason");

    reason = "stop";

    if (ngx_http_llmbroker_openai_chat(ex)) {
        message = ngx_http_llmbroker_openai_member_of(ex, part,
                                      &ngx_http_llmbroker_openai_message_key);

        if (message == NULL
            || ngx_http_llmbroker_openai_member_of(ex, message, &content)
               == NULL)
        {
            return NGX_ERROR;
        }

        for (p = message->child; p; p = p->next) {

            if (!ngx_http_llmbroker_openai_name(p, "tool_calls")) {
                continue;
            }

            reason = "tool_calls";

            if (ngx_http_llmbroker_openai_complete_calls(ex, p) != NGX_OK) {
                return NGX_ERROR;
            }
        }
    }

    p = ngx_http_llmbroker_openai_member_of(ex, part, &finish);
    if (p == NULL) {
        return NGX_ERROR;
    }

    if (p->type == NGX_HTTP_LLMBROKER_JSON_STRING) {
        return NGX_OK;
    }

    if (ex->finish_reason.len == 0) {
        ex->finish_reason.len = ngx_strlen(reason);
        ex->finish_reason.data = (u_char *) reason;
    }

    return ngx_http_llmbroker_openai_say(ex, part, "finish_reason",
                                      NGX_HTTP_LLMBROKER_JSON_STRING, reason);
}


/* a call without arguments has those of an empty object (S5) */

static ngx_int_t
ngx_http_llmbroker_openai_complete_calls(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_part_t *calls)
{
    ngx_http_llmbroker_openai_part_t  *call, *function, *p;

    static ngx_str_t  arguments = ngx_string("arguments");

    for (call = calls->child; call; call = call->next) {

        for (function = call->child; function; function = function->next) {

            if (!ngx_http_llmbroker_openai_name(function, "function")) {
                continue;
            }

            p = ngx_http_llmbroker_openai_member_of(ex, function,
                                                    &arguments);
            if (p == NULL) {
                return NGX_ERROR;
            }

            if (p->text.len == 0
                && ngx_http_llmbroker_openai_say(ex, function, "arguments",
                                               NGX_HTTP_LLMBROKER_JSON_STRING,
                                               "{}")
                   != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_openai_say(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_part_t *part, const char *name,
    ngx_http_llmbroker_json_type_e type, const char *text)
{
    ngx_str_t                          key;
    ngx_http_llmbroker_openai_part_t  *p;

    key.len = ngx_strlen(name);
    key.data = (u_char *) name;

    p = ngx_http_llmbroker_openai_member_of(ex, part, &key);
    if (p == NULL) {
        return NGX_ERROR;
    }

    p->type = type;
    p->text.len = 0;
    p->child = NULL;

    return ngx_http_llmbroker_text_append(ex->pool, &p->text, text,
                                          ngx_strlen(text));
}


static ngx_int_t
ngx_http_llmbroker_openai_write_parts(ngx_http_llmbroker_out_t *out,
    ngx_http_llmbroker_openai_part_t *root)
{
    ngx_uint_t                         depth;
    ngx_http_llmbroker_json_writer_t   w;
    ngx_http_llmbroker_openai_part_t  *p;
    ngx_http_llmbroker_openai_part_t  *stack[NGX_HTTP_LLMBROKER_OPENAI_LEVELS];

    ngx_http_llmbroker_json_write_start(&w, out);

    ngx_http_llmbroker_json_open(&w);

    stack[0] = root;
    depth = 1;
    p = root->child;

    while (depth) {

        if (p == NULL) {
            p = stack[--depth];

            if (p->type == NGX_HTTP_LLMBROKER_JSON_OBJECT) {
                ngx_http_llmbroker_json_close(&w);

            } else {
                ngx_http_llmbroker_json_close_array(&w);
            }

            p = p->next;
            continue;
        }

        if (stack[depth - 1]->type == NGX_HTTP_LLMBROKER_JSON_OBJECT) {
            ngx_http_llmbroker_json_key_str(&w, &p->key);
        }

        if (p->child == NULL || depth == NGX_HTTP_LLMBROKER_OPENAI_LEVELS) {
            ngx_http_llmbroker_openai_write_part(&w, p);
            p = p->next;
            continue;
        }

        if (p->type == NGX_HTTP_LLMBROKER_JSON_OBJECT) {
            ngx_http_llmbroker_json_open(&w);

        } else {
            ngx_http_llmbroker_json_open_array(&w);
        }

        stack[depth++] = p;
        p = p->child;
    }

    return ngx_http_llmbroker_json_write_end(&w);
}


static void
ngx_http_llmbroker_openai_write_part(ngx_http_llmbroker_json_writer_t *w,
    ngx_http_llmbroker_openai_part_t *part)
{
    ngx_str_t  text;

    text.data = part->text.data;
    text.len = part->text.len;

    switch (part->type) {

    case NGX_HTTP_LLMBROKER_JSON_NULL:
        ngx_http_llmbroker_json_null(w);
        break;

    case NGX_HTTP_LLMBROKER_JSON_STRING:
        ngx_http_llmbroker_json_open_string(w);
        ngx_http_llmbroker_json_inner_piece(w, &text);
        ngx_http_llmbroker_json_close_string(w);
        break;

    case NGX_HTTP_LLMBROKER_JSON_ARRAY:
        ngx_http_llmbroker_json_open_array(w);

        if (text.len) {
            ngx_http_llmbroker_json_raw(w, &text);
        }

        ngx_http_llmbroker_json_close_array(w);
        break;

    case NGX_HTTP_LLMBROKER_JSON_OBJECT:
        if (text.len == 0) {
            ngx_http_llmbroker_json_open(w);
            ngx_http_llmbroker_json_close(w);
            break;
        }

        /* fall through */

    default:
        ngx_http_llmbroker_json_raw(w, &text);
        break;
    }
}
