
/*
 * Copyright (C) LLMBroker contributors
 *
 * What a scanner sees of an answer of OpenAI's dialect: usage and finish
 * reason are learned, and an answer or chunk that OpenAI would not have
 * written is found without a tree.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_embedding.h"
#include "provider/ngx_http_llmbroker_openai.h"


#define ngx_http_llmbroker_openai_is_word(level, text)                       \
    ((level)->type == NGX_HTTP_LLMBROKER_JSON_STRING                         \
     && ((text)->data == NULL || (text)->len > 2))


typedef struct {
    ngx_str_t    word;
    const char  *reason;
} ngx_http_llmbroker_openai_reason_t;


typedef struct {
    ngx_str_t    name;
    ngx_str_t    detail;
    size_t       offset;
} ngx_http_llmbroker_openai_count_t;


#define NGX_HTTP_LLMBROKER_OPENAI_COUNT(member)                              \
    offsetof(ngx_http_llmbroker_usage_t, member)


static ngx_int_t ngx_http_llmbroker_openai_value(
    ngx_http_llmbroker_scan_t *s, ngx_uint_t depth, off_t end,
    ngx_str_t *text);
static ngx_int_t ngx_http_llmbroker_openai_top(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_scan_level_t *level,
    ngx_str_t *text);
static ngx_int_t ngx_http_llmbroker_openai_named(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_scan_level_t *level,
    ngx_str_t *text, ngx_str_t *name, ngx_uint_t bit);
static ngx_int_t ngx_http_llmbroker_openai_keep(
    ngx_http_llmbroker_exchange_t *ex, ngx_str_t *dst, ngx_str_t *text);
static ngx_uint_t ngx_http_llmbroker_openai_is_object(
    ngx_http_llmbroker_exchange_t *ex, ngx_str_t *text);
static ngx_uint_t ngx_http_llmbroker_openai_is_error(
    ngx_http_llmbroker_scan_level_t *level, ngx_str_t *text);
static void ngx_http_llmbroker_openai_end_choice(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_openai_t *o);
static ngx_uint_t ngx_http_llmbroker_openai_member(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_openai_t *o,
    ngx_http_llmbroker_scan_level_t *level, ngx_str_t *text);
static ngx_uint_t ngx_http_llmbroker_openai_finish(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_openai_t *o,
    ngx_http_llmbroker_scan_level_t *level, ngx_str_t *text);
static ngx_uint_t ngx_http_llmbroker_openai_piece(
    ngx_http_llmbroker_openai_t *o, ngx_http_llmbroker_scan_level_t *level,
    ngx_str_t *text);
static ngx_uint_t ngx_http_llmbroker_openai_said(
    ngx_http_llmbroker_scan_level_t *level, ngx_str_t *text);
static void ngx_http_llmbroker_openai_end_call(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_openai_t *o);
static ngx_uint_t ngx_http_llmbroker_openai_call(
    ngx_http_llmbroker_openai_t *o, ngx_http_llmbroker_scan_level_t *level,
    ngx_str_t *text);
static ngx_uint_t ngx_http_llmbroker_openai_function(
    ngx_http_llmbroker_openai_t *o, ngx_http_llmbroker_scan_level_t *level,
    ngx_str_t *text);
static ngx_int_t ngx_http_llmbroker_openai_number(
    ngx_http_llmbroker_scan_level_t *level, ngx_str_t *text, ngx_uint_t *n);
static ngx_uint_t ngx_http_llmbroker_openai_well_formed(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_openai_t *o,
    ngx_http_llmbroker_openai_choice_t *c);
static ngx_uint_t ngx_http_llmbroker_openai_well_formed_call(
    ngx_http_llmbroker_openai_t *o, ngx_http_llmbroker_openai_choice_t *c);
static void ngx_http_llmbroker_openai_usage(ngx_http_llmbroker_usage_t *usage,
    ngx_http_llmbroker_scan_level_t *level, ngx_uint_t depth,
    ngx_str_t *text);
static void ngx_http_llmbroker_openai_count(ngx_http_llmbroker_usage_t *usage,
    ngx_str_t *name, ngx_str_t *detail, ngx_int_t n);


/* wire format section 7.4: what other servers say */

static const ngx_http_llmbroker_openai_reason_t
    ngx_http_llmbroker_openai_reasons[] = {

    { ngx_string("stop"), "stop" },
    { ngx_string("length"), "length" },
    { ngx_string("tool_calls"), "tool_calls" },
    { ngx_string("content_filter"), "content_filter" },
    { ngx_string("function_call"), "function_call" },

    { ngx_string("max_tokens"), "length" },
    { ngx_string("max_length"), "length" },
    { ngx_string("model_length"), "length" },
    { ngx_string("model_context_window_exceeded"), "length" },
    { ngx_string("insufficient_system_resource"), "length" },
    { ngx_string("MAX_TOKENS"), "length" },
    { ngx_string("tool_call"), "tool_calls" },
    { ngx_string("tool_use"), "tool_calls" },
    { ngx_string("content_filtered"), "content_filter" },
    { ngx_string("refusal"), "content_filter" },
    { ngx_string("safety"), "content_filter" },
    { ngx_string("sensitive"), "content_filter" },
    { ngx_string("SAFETY"), "content_filter" },

    { ngx_null_string, NULL }
};


/* the names are OpenAI's, DashScope's (C15), Moonshot's and DeepSeek's */

static const ngx_http_llmbroker_openai_count_t
    ngx_http_llmbroker_openai_counts[] = {

    { ngx_string("prompt_tokens"), ngx_string(""),
      NGX_HTTP_LLMBROKER_OPENAI_COUNT(prompt) },

    { ngx_string("completion_tokens"), ngx_string(""),
      NGX_HTTP_LLMBROKER_OPENAI_COUNT(completion) },

    { ngx_string("total_tokens"), ngx_string(""),
      NGX_HTTP_LLMBROKER_OPENAI_COUNT(total) },

    { ngx_string("cached_tokens"), ngx_string(""),
      NGX_HTTP_LLMBROKER_OPENAI_COUNT(cached) },

    { ngx_string("prompt_cache_hit_tokens"), ngx_string(""),
      NGX_HTTP_LLMBROKER_OPENAI_COUNT(cached) },

    { ngx_string("prompt_tokens_details"), ngx_string("cached_tokens"),
      NGX_HTTP_LLMBROKER_OPENAI_COUNT(cached) },

    { ngx_string("prompt_tokens_details"),
      ngx_string("cache_write_tokens"),
      NGX_HTTP_LLMBROKER_OPENAI_COUNT(cache_write) },

    { ngx_string("prompt_tokens_details"),
      ngx_string("cache_creation_input_tokens"),
      NGX_HTTP_LLMBROKER_OPENAI_COUNT(cache_write) },

    { ngx_string("completion_tokens_details"),
      ngx_string("reasoning_tokens"),
      NGX_HTTP_LLMBROKER_OPENAI_COUNT(reasoning) },

    { ngx_null_string, ngx_null_string, 0 }
};


void
ngx_http_llmbroker_openai_scan(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o, ngx_http_llmbroker_scan_t *scan)
{
    o->seen = 0;
    o->elements = 0;
    o->calls = 0;
    o->changes = 0;
    o->suspect = 0;
    o->differs = 0;
    o->ended = 0;
    o->filled = 0;
    o->counted = 0;
    o->carried = 0;

    ngx_http_llmbroker_scan_init(scan, 0,
                                 (ex->call == NGX_HTTP_LLMBROKER_EMBEDDINGS)
                                 ? 3 : 7,
                                 ngx_http_llmbroker_openai_value, ex);
}


static ngx_int_t
ngx_http_llmbroker_openai_value(ngx_http_llmbroker_scan_t *s,
    ngx_uint_t depth, off_t end, ngx_str_t *text)
{
    ngx_http_llmbroker_openai_t      *o;
    ngx_http_llmbroker_exchange_t    *ex;
    ngx_http_llmbroker_scan_level_t  *level;

    ex = s->data;
    o = ex->state;
    level = s->level;

    if (depth == 1) {

        if (ex->temp) {
            ngx_http_llmbroker_openai_text(o, level, depth, end, text);
        }

        return ngx_http_llmbroker_openai_top(ex, &level[1], text);
    }

    if (ngx_http_llmbroker_openai_key(&level[1], "choices")) {

        if (ex->temp) {
            ngx_http_llmbroker_openai_text(o, level, depth, end, text);
        }

        switch (depth) {

        case 2:
            ngx_http_llmbroker_openai_end_choice(ex, o);
            break;

        case 3:
            o->seen |= ngx_http_llmbroker_openai_member(ex, o, &level[3],
                                                        text);
            break;

        case 4:
            if (ngx_http_llmbroker_openai_key(&level[3], "delta")
                || ngx_http_llmbroker_openai_key(&level[3], "message"))
            {
                o->seen |= ngx_http_llmbroker_openai_piece(o, &level[4],
                                                           text);
            }

            break;

        default:
            if (level[depth].type != NGX_HTTP_LLMBROKER_JSON_NULL
                && ngx_http_llmbroker_openai_key(&level[3], "delta"))
            {
                o->seen |= NGX_HTTP_LLMBROKER_OPENAI_SAID;
            }

            if (!ngx_http_llmbroker_openai_key(&level[4], "tool_calls")) {
                break;
            }

            if (depth == 5) {
                ngx_http_llmbroker_openai_end_call(ex, o);

            } else if (depth == 6) {
                o->seen |= ngx_http_llmbroker_openai_call(o, &level[6], text);

            } else {
                o->seen |= ngx_http_llmbroker_openai_function(o, &level[6],
                                                              text);
            }
        }

        return NGX_OK;
    }

    if (ngx_http_llmbroker_openai_key(&level[1], "usage")) {
        ngx_http_llmbroker_openai_usage(&ex->usage, level, depth, text);
        return NGX_OK;
    }

    if (ex->call == NGX_HTTP_LLMBROKER_EMBEDDINGS) {

        if (depth == 3 && ngx_http_llmbroker_embedding_at(level)) {
            o->differs |= ngx_http_llmbroker_embedding_differs(ex,
                                                               level[3].type);
        }

        return NGX_OK;
    }

    if (depth == 2
        && ngx_http_llmbroker_openai_key(&level[1], "x_groq")
        && ngx_http_llmbroker_openai_key(&level[2], "usage")
        && level[2].type == NGX_HTTP_LLMBROKER_JSON_OBJECT)
    {
        o->seen |= NGX_HTTP_LLMBROKER_OPENAI_USAGE_2;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_openai_top(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_scan_level_t *level, ngx_str_t *text)
{
    ngx_http_llmbroker_openai_t  *o;

    o = ex->state;

    if (ngx_http_llmbroker_openai_key(level, "id")) {
        return ngx_http_llmbroker_openai_named(ex, level, text, &o->id,
                                              NGX_HTTP_LLMBROKER_OPENAI_ID);
    }

    if (ngx_http_llmbroker_openai_key(level, "model")) {
        return ngx_http_llmbroker_openai_named(ex, level, text, &o->model,
                                            NGX_HTTP_LLMBROKER_OPENAI_MODEL);
    }

    if (ngx_http_llmbroker_openai_key(level, "created")) {

        if (level->type == NGX_HTTP_LLMBROKER_JSON_NUMBER) {

            /* Azure's chunks without an answer say 0 */

            if (text->data && text->data[0] != '0') {
                o->seen |= NGX_HTTP_LLMBROKER_OPENAI_CREATED;
                return ngx_http_llmbroker_openai_keep(ex, &o->created, text);
            }

            if (o->created.len == 0) {
                o->seen |= NGX_HTTP_LLMBROKER_OPENAI_CREATED;
            }
        }

    } else if (ngx_http_llmbroker_openai_key(level, "object")) {

        if (ngx_http_llmbroker_openai_is_object(ex, text)) {
            o->seen |= NGX_HTTP_LLMBROKER_OPENAI_OBJECT;
        }

    } else if (level->type == NGX_HTTP_LLMBROKER_JSON_ARRAY
               && (ex->call == NGX_HTTP_LLMBROKER_EMBEDDINGS
                   ? ngx_http_llmbroker_openai_key(level, "data")
                   : ngx_http_llmbroker_openai_key(level, "choices")))
    {
        o->seen |= NGX_HTTP_LLMBROKER_OPENAI_ARRAY;

    } else if (ngx_http_llmbroker_openai_key(level, "usage")) {

        if (level->type == NGX_HTTP_LLMBROKER_JSON_OBJECT) {
            o->seen |= NGX_HTTP_LLMBROKER_OPENAI_USAGE;
        }

    } else if (ngx_http_llmbroker_openai_is_error(level, text)) {
        o->seen |= NGX_HTTP_LLMBROKER_OPENAI_ERROR;
    }

    return NGX_OK;
}


/* id and model; chunks that lack them get those of the chunks before */

static ngx_int_t
ngx_http_llmbroker_openai_named(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_scan_level_t *level, ngx_str_t *text, ngx_str_t *name,
    ngx_uint_t bit)
{
    ngx_http_llmbroker_openai_t  *o;

    o = ex->state;

    if (!ngx_http_llmbroker_openai_is_word(level, text)) {
        return NGX_OK;
    }

    o->seen |= bit;

    return ngx_http_llmbroker_openai_keep(ex, name, text);
}


static ngx_int_t
ngx_http_llmbroker_openai_keep(ngx_http_llmbroker_exchange_t *ex,
    ngx_str_t *dst, ngx_str_t *text)
{
    if (dst->len || text->data == NULL) {
        return NGX_OK;
    }

    /* an object is whole: it lends nothing to what follows */

    if (ex->temp == NULL && !ex->stream) {
        return NGX_OK;
    }

    dst->data = ngx_pstrdup(ex->pool, text);
    if (dst->data == NULL) {
        return NGX_ERROR;
    }

    dst->len = text->len;

    return NGX_OK;
}


static ngx_uint_t
ngx_http_llmbroker_openai_is_object(ngx_http_llmbroker_exchange_t *ex,
    ngx_str_t *text)
{
    ngx_str_t  word;

    if (!ngx_http_llmbroker_openai_chat(ex)) {
        ngx_str_set(&word, "\"text_completion\"");

    } else if (ex->temp) {
        ngx_str_set(&word, "\"chat.completion.chunk\"");

    } else {
        ngx_str_set(&word, "\"chat.completion\"");
    }

    return text->data
           && text->len == word.len
           && ngx_memcmp(text->data, word.data, word.len) == 0;
}


static ngx_uint_t
ngx_http_llmbroker_openai_is_error(ngx_http_llmbroker_scan_level_t *level,
    ngx_str_t *text)
{
    if (!ngx_http_llmbroker_openai_key(level, "error")) {
        return 0;
    }

    switch (level->type) {

    case NGX_HTTP_LLMBROKER_JSON_NULL:
        return 0;

    case NGX_HTTP_LLMBROKER_JSON_BOOL:
        return text->len == 4;

    case NGX_HTTP_LLMBROKER_JSON_STRING:
        return text->data == NULL || text->len > 2;

    default:
        return 1;
    }
}


/* of a stream's chunk the facts are kept for ..._judge() */

static void
ngx_http_llmbroker_openai_end_choice(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o)
{
    ngx_uint_t  need;

    o->elements++;

    if (ex->temp) {
        return;
    }

    need = NGX_HTTP_LLMBROKER_OPENAI_INDEX
           | NGX_HTTP_LLMBROKER_OPENAI_PIECE
           | NGX_HTTP_LLMBROKER_OPENAI_FINISH;

    if (ngx_http_llmbroker_openai_chat(ex)) {
        need |= NGX_HTTP_LLMBROKER_OPENAI_ROLE
                | NGX_HTTP_LLMBROKER_OPENAI_CONTENT;
    }

    if ((o->seen & need) != need
        || (o->seen & NGX_HTTP_LLMBROKER_OPENAI_USAGE_3)
        || ((o->seen & NGX_HTTP_LLMBROKER_OPENAI_THOUGHT)
            && !(o->seen & NGX_HTTP_LLMBROKER_OPENAI_REASONING))
        || !o->ended)
    {
        o->suspect = 1;
    }

    o->seen &= ~NGX_HTTP_LLMBROKER_OPENAI_CHOICE;
    o->ended = 0;
    o->calls = 0;
}


static ngx_uint_t
ngx_http_llmbroker_openai_member(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o, ngx_http_llmbroker_scan_level_t *level,
    ngx_str_t *text)
{
    if (ngx_http_llmbroker_openai_key(level, "index")) {

        if (ngx_http_llmbroker_openai_number(level, text, &o->index)
            == NGX_OK)
        {
            return NGX_HTTP_LLMBROKER_OPENAI_INDEX;
        }

        return NGX_HTTP_LLMBROKER_OPENAI_ODD;
    }

    if (ngx_http_llmbroker_openai_key(level, "finish_reason")) {
        return ngx_http_llmbroker_openai_finish(ex, o, level, text);
    }

    if (level->type == NGX_HTTP_LLMBROKER_JSON_STRING) {

        if (!ngx_http_llmbroker_openai_chat(ex)
            && ngx_http_llmbroker_openai_key(level, "text"))
        {
            return NGX_HTTP_LLMBROKER_OPENAI_PIECE
                   | ngx_http_llmbroker_openai_said(level, text);
        }

        return 0;
    }

    if (level->type != NGX_HTTP_LLMBROKER_JSON_OBJECT) {
        return 0;
    }

    if (ex->temp ? ngx_http_llmbroker_openai_key(level, "delta")
                 : ngx_http_llmbroker_openai_key(level, "message"))
    {
        return NGX_HTTP_LLMBROKER_OPENAI_PIECE;
    }

    if (ngx_http_llmbroker_openai_key(level, "usage")) {
        return NGX_HTTP_LLMBROKER_OPENAI_USAGE_3;
    }

    /* OpenRouter: a model that failed on the way */

    if (ngx_http_llmbroker_openai_key(level, "error")) {
        return NGX_HTTP_LLMBROKER_OPENAI_ERROR;
    }

    return 0;
}


static ngx_uint_t
ngx_http_llmbroker_openai_finish(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o, ngx_http_llmbroker_scan_level_t *level,
    ngx_str_t *text)
{
    const char  *reason;

    if (level->type == NGX_HTTP_LLMBROKER_JSON_NULL) {
        return NGX_HTTP_LLMBROKER_OPENAI_FINISH;
    }

    if (level->type != NGX_HTTP_LLMBROKER_JSON_STRING || text->data == NULL) {
        return NGX_HTTP_LLMBROKER_OPENAI_ODD;
    }

    reason = ngx_http_llmbroker_openai_reason(text->data + 1, text->len - 2);

    if (reason == NULL) {
        return NGX_HTTP_LLMBROKER_OPENAI_ODD;
    }

    o->ended = 1;

    if (ex->finish_reason.len == 0) {
        ex->finish_reason.len = ngx_strlen(reason);
        ex->finish_reason.data = (u_char *) reason;
    }

    if (ngx_strlen(reason) == text->len - 2
        && ngx_memcmp(text->data + 1, reason, text->len - 2) == 0)
    {
        return NGX_HTTP_LLMBROKER_OPENAI_FINISH;
    }

    return NGX_HTTP_LLMBROKER_OPENAI_ODD;
}


static ngx_uint_t
ngx_http_llmbroker_openai_piece(ngx_http_llmbroker_openai_t *o,
    ngx_http_llmbroker_scan_level_t *level, ngx_str_t *text)
{
    ngx_uint_t  said;

    if (ngx_http_llmbroker_openai_key(level, "content")) {

        if (level->type == NGX_HTTP_LLMBROKER_JSON_STRING
            || level->type == NGX_HTTP_LLMBROKER_JSON_NULL)
        {
            return NGX_HTTP_LLMBROKER_OPENAI_CONTENT
                   | ngx_http_llmbroker_openai_said(level, text);
        }

        return NGX_HTTP_LLMBROKER_OPENAI_ODD;
    }

    if (ngx_http_llmbroker_openai_key(level, "role")) {

        if (ngx_http_llmbroker_openai_is_word(level, text)) {
            return NGX_HTTP_LLMBROKER_OPENAI_ROLE;
        }

        return NGX_HTTP_LLMBROKER_OPENAI_ODD;
    }

    if (ngx_http_llmbroker_openai_key(level, "tool_calls")) {

        if (level->type == NGX_HTTP_LLMBROKER_JSON_ARRAY && o->calls) {
            return NGX_HTTP_LLMBROKER_OPENAI_TOOLS;
        }

        return NGX_HTTP_LLMBROKER_OPENAI_ODD;
    }

    said = ngx_http_llmbroker_openai_said(level, text);

    if (level->type != NGX_HTTP_LLMBROKER_JSON_STRING) {
        return said;
    }

    if (ngx_http_llmbroker_openai_key(level, "reasoning_content")) {
        return NGX_HTTP_LLMBROKER_OPENAI_REASONING | said;
    }

    if (said && ngx_http_llmbroker_openai_key(level, "reasoning")) {
        return NGX_HTTP_LLMBROKER_OPENAI_THOUGHT | said;
    }

    return said;
}


/* a scalar that is not empty; what is in a container tells by itself */

static ngx_uint_t
ngx_http_llmbroker_openai_said(ngx_http_llmbroker_scan_level_t *level,
    ngx_str_t *text)
{
    switch (level->type) {

    case NGX_HTTP_LLMBROKER_JSON_STRING:
        if (text->data && text->len == 2) {
            return 0;
        }

        return NGX_HTTP_LLMBROKER_OPENAI_SAID;

    case NGX_HTTP_LLMBROKER_JSON_BOOL:
        return text->len == 4 ? NGX_HTTP_LLMBROKER_OPENAI_SAID : 0;

    case NGX_HTTP_LLMBROKER_JSON_NUMBER:
        return NGX_HTTP_LLMBROKER_OPENAI_SAID;

    default:
        return 0;
    }
}


static void
ngx_http_llmbroker_openai_end_call(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o)
{
    ngx_uint_t  need;

    o->calls++;

    if (ex->temp) {
        return;
    }

    need = NGX_HTTP_LLMBROKER_OPENAI_CALL_ID
           | NGX_HTTP_LLMBROKER_OPENAI_CALL_TYPE
           | NGX_HTTP_LLMBROKER_OPENAI_CALL_NAME
           | NGX_HTTP_LLMBROKER_OPENAI_CALL_TEXT;

    if ((o->seen & need) != need) {
        o->suspect = 1;
    }

    o->seen &= ~NGX_HTTP_LLMBROKER_OPENAI_CALL;
}


static ngx_uint_t
ngx_http_llmbroker_openai_call(ngx_http_llmbroker_openai_t *o,
    ngx_http_llmbroker_scan_level_t *level, ngx_str_t *text)
{
    if (ngx_http_llmbroker_openai_key(level, "index")) {

        if (ngx_http_llmbroker_openai_number(level, text, &o->call)
            == NGX_OK)
        {
            return NGX_HTTP_LLMBROKER_OPENAI_CALL_INDEX;
        }

        return NGX_HTTP_LLMBROKER_OPENAI_ODD;
    }

    if (ngx_http_llmbroker_openai_key(level, "id")) {

        if (ngx_http_llmbroker_openai_is_word(level, text)) {
            return NGX_HTTP_LLMBROKER_OPENAI_CALL_ID;
        }

        return NGX_HTTP_LLMBROKER_OPENAI_ODD;
    }

    if (ngx_http_llmbroker_openai_key(level, "type")) {

        if (ngx_http_llmbroker_openai_is_word(level, text)) {
            return NGX_HTTP_LLMBROKER_OPENAI_CALL_TYPE;
        }

        return NGX_HTTP_LLMBROKER_OPENAI_ODD;
    }

    if (ngx_http_llmbroker_openai_key(level, "function")
        && level->type != NGX_HTTP_LLMBROKER_JSON_OBJECT)
    {
        return NGX_HTTP_LLMBROKER_OPENAI_ODD;
    }

    return 0;
}


/* level: of the function, which has the value in the next level */

static ngx_uint_t
ngx_http_llmbroker_openai_function(ngx_http_llmbroker_openai_t *o,
    ngx_http_llmbroker_scan_level_t *level, ngx_str_t *text)
{
    const char                       *arguments;
    ngx_http_llmbroker_scan_level_t  *member;

    member = level + 1;

    if (ngx_http_llmbroker_openai_key(level, "function")) {
        arguments = "arguments";

    } else if (ngx_http_llmbroker_openai_key(level, "custom")) {
        arguments = "input";

    } else {
        return 0;
    }

    if (ngx_http_llmbroker_openai_key(member, "name")) {

        if (ngx_http_llmbroker_openai_is_word(member, text)) {
            return NGX_HTTP_LLMBROKER_OPENAI_CALL_NAME;
        }

        return NGX_HTTP_LLMBROKER_OPENAI_ODD;
    }

    if (member->key.len != ngx_strlen(arguments)
        || ngx_memcmp(member->key.data, arguments, member->key.len) != 0)
    {
        return 0;
    }

    if (member->type == NGX_HTTP_LLMBROKER_JSON_STRING) {
        o->filled = (text->data == NULL || text->len > 2);
        return NGX_HTTP_LLMBROKER_OPENAI_CALL_TEXT;
    }

    return NGX_HTTP_LLMBROKER_OPENAI_ODD;
}


static ngx_int_t
ngx_http_llmbroker_openai_number(ngx_http_llmbroker_scan_level_t *level,
    ngx_str_t *text, ngx_uint_t *n)
{
    ngx_int_t  value;

    if (level->type != NGX_HTTP_LLMBROKER_JSON_NUMBER) {
        return NGX_ERROR;
    }

    value = ngx_atoi(text->data, text->len);

    if (value == NGX_ERROR) {
        return NGX_ERROR;
    }

    *n = value;

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_openai_judge(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o)
{
    ngx_int_t                            rc;
    ngx_http_llmbroker_openai_choice_t  *c;

    if ((o->seen & NGX_HTTP_LLMBROKER_OPENAI_TOP)
        != NGX_HTTP_LLMBROKER_OPENAI_TOP
        || (o->seen & NGX_HTTP_LLMBROKER_OPENAI_ODD)
        || o->carry)
    {
        return NGX_DONE;
    }

    if ((o->seen & NGX_HTTP_LLMBROKER_OPENAI_USAGE_2)
        && !(o->seen & NGX_HTTP_LLMBROKER_OPENAI_USAGE))
    {
        return NGX_DONE;
    }

    if (o->elements == 0) {
        return (o->seen & NGX_HTTP_LLMBROKER_OPENAI_USAGE) ? NGX_DONE : NGX_OK;
    }

    if (o->elements > 1
        || !(o->seen & NGX_HTTP_LLMBROKER_OPENAI_INDEX)
        || (o->seen & NGX_HTTP_LLMBROKER_OPENAI_USAGE))
    {
        return NGX_DONE;
    }

    rc = ngx_http_llmbroker_openai_choice(ex, o, o->index, &c);
    if (rc != NGX_OK) {
        return rc;
    }

    if (!ngx_http_llmbroker_openai_well_formed(ex, o, c)) {
        return NGX_DONE;
    }

    c->open = 1;

    if (o->seen & NGX_HTTP_LLMBROKER_OPENAI_ROLE) {
        c->role = 1;
    }

    if (o->ended) {
        c->finished = 1;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_llmbroker_openai_well_formed(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o, ngx_http_llmbroker_openai_choice_t *c)
{
    ngx_uint_t  seen;

    seen = o->seen;

    if (!(seen & NGX_HTTP_LLMBROKER_OPENAI_PIECE)
        || !(seen & NGX_HTTP_LLMBROKER_OPENAI_FINISH)
        || (seen & NGX_HTTP_LLMBROKER_OPENAI_USAGE_3)
        || (o->ended && (c->finished || c->empty)))
    {
        return 0;
    }

    if (!ngx_http_llmbroker_openai_chat(ex)) {
        return 1;
    }

    /* a role once, with the first delta */

    if (c->role == ((seen & NGX_HTTP_LLMBROKER_OPENAI_ROLE) != 0)) {
        return 0;
    }

    if ((seen & NGX_HTTP_LLMBROKER_OPENAI_THOUGHT)
        && !(seen & NGX_HTTP_LLMBROKER_OPENAI_REASONING))
    {
        return 0;
    }

    if (seen & NGX_HTTP_LLMBROKER_OPENAI_TOOLS) {
        return ngx_http_llmbroker_openai_well_formed_call(o, c);
    }

    return 1;
}


/* more arguments of a call that is known */

static ngx_uint_t
ngx_http_llmbroker_openai_well_formed_call(ngx_http_llmbroker_openai_t *o,
    ngx_http_llmbroker_openai_choice_t *c)
{
    ngx_uint_t                         call;
    ngx_http_llmbroker_openai_tool_t  *tool;

    call = o->seen & NGX_HTTP_LLMBROKER_OPENAI_CALL;

    if (call != (NGX_HTTP_LLMBROKER_OPENAI_CALL_INDEX
                 | NGX_HTTP_LLMBROKER_OPENAI_CALL_TEXT)
        || o->calls != 1
        || !o->filled
        || c->tools == NULL
        || o->call >= c->tools->nelts)
    {
        return 0;
    }

    tool = c->tools->elts;
    tool += o->call;

    if (tool->given != (ngx_int_t) o->call) {
        return 0;
    }

    if (!tool->filled) {
        tool->filled = 1;
        c->empty--;
    }

    return 1;
}


const char *
ngx_http_llmbroker_openai_reason(u_char *p, size_t len)
{
    const ngx_http_llmbroker_openai_reason_t  *r;

    if (len == 0 || (len == 4 && ngx_memcmp(p, "null", 4) == 0)) {
        return NULL;
    }

    for (r = ngx_http_llmbroker_openai_reasons; r->reason; r++) {

        if (r->word.len == len && ngx_memcmp(r->word.data, p, len) == 0) {
            return r->reason;
        }
    }

    return "stop";
}


static void
ngx_http_llmbroker_openai_usage(ngx_http_llmbroker_usage_t *usage,
    ngx_http_llmbroker_scan_level_t *level, ngx_uint_t depth, ngx_str_t *text)
{
    size_t     len;
    ngx_int_t  n;

    if (depth > 3 || level[depth].type != NGX_HTTP_LLMBROKER_JSON_NUMBER) {
        return;
    }

    /* some servers count in floats */

    len = text->len;

    if (len > 2 && ngx_memcmp(text->data + len - 2, ".0", 2) == 0) {
        len -= 2;
    }

    n = ngx_atoi(text->data, len);

    if (n == NGX_ERROR) {
        return;
    }

    ngx_http_llmbroker_openai_count(usage, &level[2].key,
                                    depth == 3 ? &level[3].key : NULL, n);
}


void
ngx_http_llmbroker_openai_read_usage(ngx_http_llmbroker_usage_t *usage,
    ngx_http_llmbroker_json_t *v)
{
    ngx_int_t                   n;
    ngx_http_llmbroker_json_t  *detail;

    for (v = v->child; v; v = v->next) {

        n = ngx_http_llmbroker_json_int(v, NGX_ERROR);

        if (n != NGX_ERROR) {
            ngx_http_llmbroker_openai_count(usage, &v->key, NULL, n);
        }

        if (v->type != NGX_HTTP_LLMBROKER_JSON_OBJECT) {
            continue;
        }

        for (detail = v->child; detail; detail = detail->next) {
            n = ngx_http_llmbroker_json_int(detail, NGX_ERROR);

            if (n != NGX_ERROR) {
                ngx_http_llmbroker_openai_count(usage, &v->key, &detail->key,
                                                n);
            }
        }
    }
}


static void
ngx_http_llmbroker_openai_count(ngx_http_llmbroker_usage_t *usage,
    ngx_str_t *name, ngx_str_t *detail, ngx_int_t n)
{
    const ngx_http_llmbroker_openai_count_t  *c;

    static ngx_str_t  none = ngx_string("");

    if (detail == NULL) {
        detail = &none;
    }

    for (c = ngx_http_llmbroker_openai_counts; c->name.len; c++) {

        if (c->name.len == name->len
            && c->detail.len == detail->len
            && ngx_memcmp(c->name.data, name->data, name->len) == 0
            && ngx_memcmp(c->detail.data, detail->data, detail->len) == 0)
        {
            *(ngx_int_t *) ((u_char *) usage + c->offset) = n;
            return;
        }
    }
}
