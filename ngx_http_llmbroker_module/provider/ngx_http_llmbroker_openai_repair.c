
/*
 * Copyright (C) LLMBroker contributors
 *
 * Puts an answer right that a server of OpenAI's dialect has written in its
 * own way (wire format sections 6.2, 7.2 and 7.4).  A tree is changed where
 * it must be: members that nobody here knows and the text of numbers stay.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_openai.h"


/* members of chunks without a name that wait for the first one */
#define NGX_HTTP_LLMBROKER_OPENAI_CARRY  32


static ngx_int_t ngx_http_llmbroker_openai_repair_top(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_openai_t *o,
    ngx_pool_t *pool, ngx_http_llmbroker_json_t *root, ngx_uint_t chunk);
static ngx_int_t ngx_http_llmbroker_openai_repair_name(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_openai_t *o,
    ngx_pool_t *pool, ngx_http_llmbroker_json_t *root);
static ngx_int_t ngx_http_llmbroker_openai_repair_usage(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_openai_t *o,
    ngx_pool_t *pool, ngx_http_llmbroker_json_t *root, ngx_uint_t chunk);
static ngx_http_llmbroker_json_t *ngx_http_llmbroker_openai_other_usage(
    ngx_http_llmbroker_openai_t *o, ngx_http_llmbroker_json_t *root);
static ngx_int_t ngx_http_llmbroker_openai_carry(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_openai_t *o,
    ngx_http_llmbroker_json_t *root);
static void ngx_http_llmbroker_openai_deliver(ngx_http_llmbroker_openai_t *o,
    ngx_http_llmbroker_json_t *root);
static ngx_uint_t ngx_http_llmbroker_openai_has(ngx_http_llmbroker_json_t *v,
    ngx_str_t *key);
static ngx_int_t ngx_http_llmbroker_openai_repair_choice(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_openai_t *o,
    ngx_pool_t *pool, ngx_http_llmbroker_json_t *choice, ngx_uint_t position,
    ngx_uint_t chunk);
static ngx_int_t ngx_http_llmbroker_openai_repair_inside(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_openai_t *o,
    ngx_pool_t *pool, ngx_http_llmbroker_json_t *choice,
    ngx_http_llmbroker_openai_choice_t *c);
static ngx_http_llmbroker_json_t *ngx_http_llmbroker_openai_repair_piece(
    ngx_http_llmbroker_openai_t *o, ngx_pool_t *pool,
    ngx_http_llmbroker_json_t *choice, ngx_uint_t chunk);
static ngx_int_t ngx_http_llmbroker_openai_repair_role(
    ngx_http_llmbroker_openai_t *o, ngx_pool_t *pool,
    ngx_http_llmbroker_openai_choice_t *c, ngx_http_llmbroker_json_t *piece);
static ngx_int_t ngx_http_llmbroker_openai_repair_finish(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_openai_t *o,
    ngx_pool_t *pool, ngx_http_llmbroker_json_t *choice);
static ngx_int_t ngx_http_llmbroker_openai_repair_end(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_openai_t *o,
    ngx_pool_t *pool, ngx_http_llmbroker_openai_choice_t *c,
    ngx_http_llmbroker_json_t *choice);
static ngx_int_t ngx_http_llmbroker_openai_repair_calls(
    ngx_http_llmbroker_openai_t *o, ngx_pool_t *pool,
    ngx_http_llmbroker_openai_choice_t *c, ngx_http_llmbroker_json_t *choice);
static ngx_int_t ngx_http_llmbroker_openai_set_reason(
    ngx_http_llmbroker_openai_t *o, ngx_pool_t *pool,
    ngx_http_llmbroker_json_t *choice, const char *reason);
static ngx_uint_t ngx_http_llmbroker_openai_says_nothing(
    ngx_http_llmbroker_json_t *choice);


ngx_int_t
ngx_http_llmbroker_openai_repair(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o, ngx_pool_t *pool,
    ngx_http_llmbroker_json_t *root, ngx_uint_t chunk)
{
    ngx_int_t                    rc;
    ngx_uint_t                   position;
    ngx_http_llmbroker_json_t   *choices, *choice, **next;

    if (ngx_http_llmbroker_openai_repair_usage(ex, o, pool, root, chunk)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    choices = ngx_http_llmbroker_json_get_type(root, "choices",
                                               NGX_HTTP_LLMBROKER_JSON_ARRAY);
    if (choices == NULL) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider's answer has no \"choices\".");
    }

    if (chunk && !o->counted && choices->child == NULL
        && o->choices.nelts == 0
        && (o->seen & NGX_HTTP_LLMBROKER_OPENAI_TOP)
           != NGX_HTTP_LLMBROKER_OPENAI_TOP)
    {
        return ngx_http_llmbroker_openai_carry(ex, o, root);
    }

    if (ngx_http_llmbroker_openai_repair_top(ex, o, pool, root, chunk)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (choices->child && o->carry) {
        ngx_http_llmbroker_openai_deliver(o, root);
    }

    position = 0;
    next = &choices->child;

    while (*next) {
        choice = *next;

        rc = ngx_http_llmbroker_openai_repair_choice(ex, o, pool, choice,
                                                     position++, chunk);

        if (rc != NGX_OK && rc != NGX_DONE) {
            return rc;
        }

        if (choice->raw.data == NULL || rc == NGX_DONE) {
            ngx_str_null(&choices->raw);
        }

        if (rc == NGX_DONE) {
            *next = choice->next;
            o->changes++;

        } else {
            next = &choice->next;
        }
    }

    if (choices->raw.data == NULL) {
        ngx_str_null(&root->raw);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_openai_repair_top(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o, ngx_pool_t *pool,
    ngx_http_llmbroker_json_t *root, ngx_uint_t chunk)
{
    u_char     *p;
    ngx_int_t   rc;
    ngx_str_t   created;

    if (ngx_http_llmbroker_openai_repair_name(ex, o, pool, root) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!(o->seen & NGX_HTTP_LLMBROKER_OPENAI_OBJECT)) {

        if (!ngx_http_llmbroker_openai_chat(ex)) {
            rc = ngx_http_llmbroker_openai_set_word(o, pool, root, "object",
                                                    "text_completion");

        } else if (chunk) {
            rc = ngx_http_llmbroker_openai_set_word(o, pool, root, "object",
                                                    "chat.completion.chunk");

        } else {
            rc = ngx_http_llmbroker_openai_set_word(o, pool, root, "object",
                                                    "chat.completion");
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (o->seen & NGX_HTTP_LLMBROKER_OPENAI_CREATED) {
        return NGX_OK;
    }

    if (o->created.len) {
        created = o->created;

    } else {
        p = ngx_pnalloc(pool, NGX_TIME_T_LEN);
        if (p == NULL) {
            return NGX_ERROR;
        }

        created.data = p;
        created.len = ngx_sprintf(p, "%T", ex->created) - p;
    }

    return ngx_http_llmbroker_openai_set(o, pool, root, "created",
                                         NGX_HTTP_LLMBROKER_JSON_NUMBER,
                                         &created);
}


/* id and model, the same in all chunks (wire format section 1.5) */

static ngx_int_t
ngx_http_llmbroker_openai_repair_name(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o, ngx_pool_t *pool,
    ngx_http_llmbroker_json_t *root)
{
    const char  *prefix;

    if (o->id.len == 0) {
        prefix = ngx_http_llmbroker_openai_chat(ex) ? "chatcmpl-" : "cmpl-";

        if (ngx_http_llmbroker_openai_random(ex->pool, prefix, &o->id)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (!(o->seen & NGX_HTTP_LLMBROKER_OPENAI_ID)
        && ngx_http_llmbroker_openai_set(o, pool, root, "id",
                                         NGX_HTTP_LLMBROKER_JSON_STRING,
                                         &o->id)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (o->model.len == 0) {
        o->model.data = ngx_pnalloc(ex->pool, ex->target->inner_model.len + 2);
        if (o->model.data == NULL) {
            return NGX_ERROR;
        }

        o->model.len = ngx_sprintf(o->model.data, "\"%V\"",
                                   &ex->target->inner_model)
                       - o->model.data;
    }

    if (o->seen & NGX_HTTP_LLMBROKER_OPENAI_MODEL) {
        return NGX_OK;
    }

    return ngx_http_llmbroker_openai_set(o, pool, root, "model",
                                         NGX_HTTP_LLMBROKER_JSON_STRING,
                                         &o->model);
}


/*
 * Usage is read wherever it stands.  A stream's client gets it once, in a
 * chunk of its own, when it has asked for it (wire format section 1.5).
 */

static ngx_int_t
ngx_http_llmbroker_openai_repair_usage(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o, ngx_pool_t *pool,
    ngx_http_llmbroker_json_t *root, ngx_uint_t chunk)
{
    ngx_http_llmbroker_json_t  *usage, *choices;

    if (chunk
        && ngx_http_llmbroker_json_get_type(root, "choices",
                                            NGX_HTTP_LLMBROKER_JSON_ARRAY)
           == NULL
        && ngx_http_llmbroker_openai_set_text(o, pool, root, "choices",
                                       NGX_HTTP_LLMBROKER_JSON_ARRAY, "[]")
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    usage = ngx_http_llmbroker_json_get_type(root, "usage",
                                             NGX_HTTP_LLMBROKER_JSON_OBJECT);
    if (usage == NULL) {
        usage = ngx_http_llmbroker_openai_other_usage(o, root);

        if (usage == NULL) {
            return NGX_OK;
        }

        ngx_http_llmbroker_openai_read_usage(&ex->usage, usage);

        if (!chunk
            && ngx_http_llmbroker_openai_set(o, pool, root, "usage",
                                             usage->type, &usage->raw)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    o->counted = 1;

    if (!chunk) {
        return NGX_OK;
    }

    o->usage.len = 0;
    o->chunk.len = 0;

    if (ngx_http_llmbroker_text_append(ex->pool, &o->usage, usage->raw.data,
                                       usage->raw.len)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    choices = ngx_http_llmbroker_json_get(root, "choices");

    if (choices->child == NULL
        || ngx_http_llmbroker_json_get_type(root, "usage",
                                            NGX_HTTP_LLMBROKER_JSON_OBJECT)
           == NULL)
    {
        return NGX_OK;
    }

    if (ex->usage_wanted) {
        return ngx_http_llmbroker_openai_set_text(o, pool, root, "usage",
                                                  NGX_HTTP_LLMBROKER_JSON_NULL,
                                                  "null");
    }

    ngx_http_llmbroker_openai_drop(o, root, "usage");

    return NGX_OK;
}


/* Groq's and Moonshot's places; the latter's is emptied */

static ngx_http_llmbroker_json_t *
ngx_http_llmbroker_openai_other_usage(ngx_http_llmbroker_openai_t *o,
    ngx_http_llmbroker_json_t *root)
{
    ngx_http_llmbroker_json_t  *choices, *choice, *usage, *v;

    v = ngx_http_llmbroker_json_get(root, "x_groq");

    usage = ngx_http_llmbroker_json_get_type(v, "usage",
                                             NGX_HTTP_LLMBROKER_JSON_OBJECT);

    choices = ngx_http_llmbroker_json_get(root, "choices");

    for (choice = choices ? choices->child : NULL;
         choice;
         choice = choice->next)
    {
        v = ngx_http_llmbroker_json_get_type(choice, "usage",
                                             NGX_HTTP_LLMBROKER_JSON_OBJECT);
        if (v) {
            usage = v;
            ngx_http_llmbroker_openai_drop(o, choice, "usage");
        }
    }

    return usage;
}


/*
 * Azure's first chunk has no name and no choice, but may say what the content
 * filter thinks of the prompt: the next chunk tells it (section 7.2).
 */

static ngx_int_t
ngx_http_llmbroker_openai_carry(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o, ngx_http_llmbroker_json_t *root)
{
    ngx_uint_t                   i, n;
    ngx_http_llmbroker_json_t   *v, *copy, **last;

    static ngx_str_t  names[] = {
        ngx_string("id"),
        ngx_string("object"),
        ngx_string("created"),
        ngx_string("model"),
        ngx_string("choices"),
        ngx_string("usage"),
        ngx_null_string
    };

    o->carried = 1;
    n = 0;

    for (last = &o->carry; *last; last = &(*last)->next) {
        n++;
    }

    for (v = root->child; v; v = v->next) {

        for (i = 0; names[i].len; i++) {

            if (names[i].len == v->key.len
                && ngx_memcmp(names[i].data, v->key.data, v->key.len) == 0)
            {
                break;
            }
        }

        if (names[i].len
            || n == NGX_HTTP_LLMBROKER_OPENAI_CARRY
            || ngx_http_llmbroker_openai_has(o->carry, &v->key))
        {
            continue;
        }

        n++;

        copy = ngx_palloc(ex->pool, sizeof(ngx_http_llmbroker_json_t));
        if (copy == NULL) {
            return NGX_ERROR;
        }

        *copy = *v;
        copy->child = NULL;
        copy->next = NULL;

        copy->raw.data = ngx_pstrdup(ex->pool, &v->raw);
        if (copy->raw.data == NULL) {
            return NGX_ERROR;
        }

        if (v->key.len) {
            copy->key.data = ngx_pstrdup(ex->pool, &v->key);
            if (copy->key.data == NULL) {
                return NGX_ERROR;
            }
        }

        *last = copy;
        last = &copy->next;
    }

    return NGX_OK;
}


static void
ngx_http_llmbroker_openai_deliver(ngx_http_llmbroker_openai_t *o,
    ngx_http_llmbroker_json_t *root)
{
    ngx_http_llmbroker_json_t  *v, *next, **last;

    for (last = &root->child; *last; last = &(*last)->next) { /* void */ }

    for (v = o->carry; v; v = next) {
        next = v->next;

        if (!ngx_http_llmbroker_openai_has(root->child, &v->key)) {
            v->next = NULL;
            *last = v;
            last = &v->next;
        }
    }

    o->carry = NULL;
    o->changes++;

    ngx_str_null(&root->raw);
}


static ngx_uint_t
ngx_http_llmbroker_openai_has(ngx_http_llmbroker_json_t *v, ngx_str_t *key)
{
    for ( /* void */ ; v; v = v->next) {

        if (v->key.len == key->len
            && ngx_memcmp(v->key.data, key->data, key->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* NGX_DONE: the choice tells nothing that was not told before */

static ngx_int_t
ngx_http_llmbroker_openai_repair_choice(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o, ngx_pool_t *pool,
    ngx_http_llmbroker_json_t *choice, ngx_uint_t position, ngx_uint_t chunk)
{
    u_char                              *p;
    ngx_int_t                            rc, n;
    ngx_str_t                            index;
    ngx_http_llmbroker_json_t           *v;
    ngx_http_llmbroker_openai_choice_t  *c;

    if (choice->type != NGX_HTTP_LLMBROKER_JSON_OBJECT) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider's answer holds a choice that "
                               "is no object.");
    }

    v = ngx_http_llmbroker_json_get(choice, "index");
    n = ngx_http_llmbroker_json_int(v, NGX_ERROR);

    if (n == NGX_ERROR) {
        n = position;

        p = ngx_pnalloc(pool, NGX_INT_T_LEN);
        if (p == NULL) {
            return NGX_ERROR;
        }

        index.data = p;
        index.len = ngx_sprintf(p, "%ui", position) - p;

        if (ngx_http_llmbroker_openai_set(o, pool, choice, "index",
                                          NGX_HTTP_LLMBROKER_JSON_NUMBER,
                                          &index)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    c = NULL;

    if (chunk) {
        rc = ngx_http_llmbroker_openai_choice(ex, o, n, &c);
        if (rc != NGX_OK) {
            return rc;
        }

        c->open = 1;
    }

    rc = ngx_http_llmbroker_openai_repair_inside(ex, o, pool, choice, c);
    if (rc != NGX_OK) {
        return rc;
    }

    if (c == NULL) {
        return ngx_http_llmbroker_openai_repair_finish(ex, o, pool, choice);
    }

    return ngx_http_llmbroker_openai_repair_end(ex, o, pool, c, choice);
}


/* a message (c is NULL), a delta or a completion's text */

static ngx_int_t
ngx_http_llmbroker_openai_repair_inside(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o, ngx_pool_t *pool,
    ngx_http_llmbroker_json_t *choice, ngx_http_llmbroker_openai_choice_t *c)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *piece;

    if (!ngx_http_llmbroker_openai_chat(ex)) {
        piece = ngx_http_llmbroker_json_get(choice, "text");

        if (ngx_http_llmbroker_openai_string(piece)) {
            return NGX_OK;
        }

        return ngx_http_llmbroker_openai_set_word(o, pool, choice, "text", "");
    }

    piece = ngx_http_llmbroker_openai_repair_piece(o, pool, choice, c != NULL);
    if (piece == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_llmbroker_openai_repair_role(o, pool, c, piece) != NGX_OK
        || ngx_http_llmbroker_openai_repair_content(o, pool, c, piece)
           != NGX_OK
        || ngx_http_llmbroker_openai_repair_reasoning(o, pool, piece)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_http_llmbroker_openai_tools(ex, o, pool, c, piece);

    if (piece->raw.data == NULL) {
        ngx_str_null(&choice->raw);
    }

    return rc;
}


/* some servers call a delta a message, or the other way round */

static ngx_http_llmbroker_json_t *
ngx_http_llmbroker_openai_repair_piece(ngx_http_llmbroker_openai_t *o,
    ngx_pool_t *pool, ngx_http_llmbroker_json_t *choice, ngx_uint_t chunk)
{
    ngx_http_llmbroker_json_t  *piece;

    static ngx_str_t  delta = ngx_string("delta");
    static ngx_str_t  message = ngx_string("message");

    piece = ngx_http_llmbroker_json_get_type(choice,
                                             chunk ? "delta" : "message",
                                             NGX_HTTP_LLMBROKER_JSON_OBJECT);
    if (piece) {
        return piece;
    }

    piece = ngx_http_llmbroker_json_get_type(choice,
                                             chunk ? "message" : "delta",
                                             NGX_HTTP_LLMBROKER_JSON_OBJECT);
    if (piece) {
        ngx_http_llmbroker_openai_drop(o, choice,
                                       chunk ? "delta" : "message");

        piece->key = chunk ? delta : message;
        o->changes++;

        ngx_str_null(&choice->raw);

        return piece;
    }

    if (ngx_http_llmbroker_openai_set_text(o, pool, choice,
                                       chunk ? "delta" : "message",
                                       NGX_HTTP_LLMBROKER_JSON_OBJECT, "{}")
        != NGX_OK)
    {
        return NULL;
    }

    return ngx_http_llmbroker_json_get(choice, chunk ? "delta" : "message");
}


/*
 * A role is told once: clients that put a message together from deltas may
 * add the second one to the first.
 */

static ngx_int_t
ngx_http_llmbroker_openai_repair_role(ngx_http_llmbroker_openai_t *o,
    ngx_pool_t *pool, ngx_http_llmbroker_openai_choice_t *c,
    ngx_http_llmbroker_json_t *piece)
{
    ngx_http_llmbroker_json_t  *role;

    role = ngx_http_llmbroker_json_get(piece, "role");

    if (c && c->role) {

        if (role) {
            ngx_http_llmbroker_openai_drop(o, piece, "role");
        }

        return NGX_OK;
    }

    if (c) {
        c->role = 1;
    }

    if (ngx_http_llmbroker_openai_word(role)) {
        return NGX_OK;
    }

    return ngx_http_llmbroker_openai_set_word(o, pool, piece, "role",
                                              "assistant");
}


static ngx_int_t
ngx_http_llmbroker_openai_repair_finish(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o, ngx_pool_t *pool,
    ngx_http_llmbroker_json_t *choice)
{
    ngx_str_t                   word;
    const char                 *reason;
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get(choice, "finish_reason");
    word = ngx_http_llmbroker_json_inner(v);
    reason = ngx_http_llmbroker_openai_reason(word.data, word.len);

    if (reason == NULL) {
        v = ngx_http_llmbroker_json_get(choice, "message");
        v = ngx_http_llmbroker_json_get(v, "tool_calls");

        reason = v ? "tool_calls" : "stop";
    }

    if (ex->finish_reason.len == 0) {
        ex->finish_reason.len = ngx_strlen(reason);
        ex->finish_reason.data = (u_char *) reason;
    }

    return ngx_http_llmbroker_openai_set_reason(o, pool, choice, reason);
}


/* of a chunk: the second end of a choice is none */

static ngx_int_t
ngx_http_llmbroker_openai_repair_end(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o, ngx_pool_t *pool,
    ngx_http_llmbroker_openai_choice_t *c, ngx_http_llmbroker_json_t *choice)
{
    ngx_str_t                   word;
    const char                 *reason;
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get(choice, "finish_reason");
    word = ngx_http_llmbroker_json_inner(v);
    reason = ngx_http_llmbroker_openai_reason(word.data, word.len);

    if (reason && c->finished) {

        if (ngx_http_llmbroker_openai_says_nothing(choice)) {
            return NGX_DONE;
        }

        reason = NULL;
    }

    if (ngx_http_llmbroker_openai_set_reason(o, pool, choice, reason)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (reason == NULL) {
        return NGX_OK;
    }

    c->finished = 1;

    if (c->empty == 0 || !ex->stream) {
        return NGX_OK;
    }

    return ngx_http_llmbroker_openai_repair_calls(o, pool, c, choice);
}


/* with the end of a choice its calls get the arguments that they lack */

static ngx_int_t
ngx_http_llmbroker_openai_repair_calls(ngx_http_llmbroker_openai_t *o,
    ngx_pool_t *pool, ngx_http_llmbroker_openai_choice_t *c,
    ngx_http_llmbroker_json_t *choice)
{
    ngx_str_t                    word;
    ngx_http_llmbroker_json_t   *v, *delta, **last;

    if (ngx_http_llmbroker_openai_fill(pool, c, &word) != NGX_OK) {
        return NGX_ERROR;
    }

    delta = ngx_http_llmbroker_json_get(choice, "delta");
    v = ngx_http_llmbroker_json_get(delta, "tool_calls");

    ngx_str_null(&choice->raw);

    if (v == NULL) {
        return ngx_http_llmbroker_openai_set(o, pool, delta, "tool_calls",
                                             NGX_HTTP_LLMBROKER_JSON_ARRAY,
                                             &word);
    }

    /* the elements go behind those that are there */

    word.data++;
    word.len -= 2;

    for (last = &v->child; *last; last = &(*last)->next) { /* void */ }

    *last = ngx_pcalloc(pool, sizeof(ngx_http_llmbroker_json_t));
    if (*last == NULL) {
        return NGX_ERROR;
    }

    (*last)->type = NGX_HTTP_LLMBROKER_JSON_OBJECT;
    (*last)->raw = word;
    o->changes++;

    ngx_str_null(&v->raw);
    ngx_str_null(&delta->raw);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_openai_set_reason(ngx_http_llmbroker_openai_t *o,
    ngx_pool_t *pool, ngx_http_llmbroker_json_t *choice, const char *reason)
{
    u_char                     *p;
    size_t                      len;
    ngx_str_t                   raw;
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get(choice, "finish_reason");

    if (reason == NULL) {

        if (v && v->type == NGX_HTTP_LLMBROKER_JSON_NULL) {
            return NGX_OK;
        }

        return ngx_http_llmbroker_openai_set_text(o, pool, choice,
                                                  "finish_reason",
                                                  NGX_HTTP_LLMBROKER_JSON_NULL,
                                                  "null");
    }

    len = ngx_strlen(reason);

    if (v
        && v->raw.len == len + 2
        && ngx_memcmp(v->raw.data + 1, reason, len) == 0)
    {
        return NGX_OK;
    }

    p = ngx_pnalloc(pool, len + 2);
    if (p == NULL) {
        return NGX_ERROR;
    }

    raw.data = p;
    raw.len = ngx_sprintf(p, "\"%s\"", reason) - p;

    return ngx_http_llmbroker_openai_set(o, pool, choice, "finish_reason",
                                         NGX_HTTP_LLMBROKER_JSON_STRING,
                                         &raw);
}


static ngx_uint_t
ngx_http_llmbroker_openai_says_nothing(ngx_http_llmbroker_json_t *choice)
{
    ngx_http_llmbroker_json_t  *v, *delta;

    if (ngx_http_llmbroker_openai_word(
                              ngx_http_llmbroker_json_get(choice, "text")))
    {
        return 0;
    }

    delta = ngx_http_llmbroker_json_get(choice, "delta");

    for (v = delta ? delta->child : NULL; v; v = v->next) {

        if (v->type != NGX_HTTP_LLMBROKER_JSON_NULL
            && (v->type < NGX_HTTP_LLMBROKER_JSON_STRING || v->raw.len != 2))
        {
            return 0;
        }
    }

    /* log probabilities, findings of a filter; but no other words for it */

    for (v = choice->child; v; v = v->next) {

        if (v != delta
            && v->type >= NGX_HTTP_LLMBROKER_JSON_ARRAY && v->raw.len != 2)
        {
            return 0;
        }
    }

    return 1;
}
