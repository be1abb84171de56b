
/*
 * Copyright (C) LLMBroker contributors
 *
 * OpenAI's own dialect (API reference of 2026-08: chat completions, legacy
 * completions, embeddings), which many vendors speak.  The client's bytes go
 * to the provider and the provider's to the client: answers are checked with
 * a scanner that learns usage and finish reason on the way.
 *
 * What the scanner finds to be of a server's own kind (wire format sections
 * 6.2, 7.2 and 7.4) is put right, and where one side streams and the other
 * does not, an answer is told anew; anything else passes byte for byte.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "codec/ngx_http_llmbroker_utf8.h"
#include "provider/ngx_http_llmbroker_capability.h"
#include "provider/ngx_http_llmbroker_embedding.h"
#include "provider/ngx_http_llmbroker_fault.h"
#include "provider/ngx_http_llmbroker_openai.h"
#include "provider/ngx_http_llmbroker_openai_prompt.h"


static ngx_int_t ngx_http_llmbroker_openai_configure(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target);
static ngx_int_t ngx_http_llmbroker_openai_check(
    ngx_http_llmbroker_exchange_t *ex, u_char *p, u_char *last);
static ngx_int_t ngx_http_llmbroker_openai_response(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_t *root);
static ngx_int_t ngx_http_llmbroker_openai_refuse(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_t *root,
    const char *what);
static ngx_uint_t ngx_http_llmbroker_openai_fails(
    ngx_http_llmbroker_json_t *root);
static ngx_int_t ngx_http_llmbroker_openai_event(
    ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_sse_event_t *event);
static void ngx_http_llmbroker_openai_trim(ngx_str_t *text);
static ngx_int_t ngx_http_llmbroker_openai_done(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_openai_t *o);
static ngx_int_t ngx_http_llmbroker_openai_no_choices(
    ngx_http_llmbroker_exchange_t *ex);
static ngx_int_t ngx_http_llmbroker_openai_chunk(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_openai_t *o,
    ngx_str_t *data);
static void ngx_http_llmbroker_openai_begin(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o);
static ngx_int_t ngx_http_llmbroker_openai_parse(
    ngx_http_llmbroker_exchange_t *ex, ngx_str_t *data,
    ngx_http_llmbroker_json_t **root);
static ngx_int_t ngx_http_llmbroker_openai_replace(ngx_pool_t *pool,
    ngx_str_t *data);
static ngx_int_t ngx_http_llmbroker_openai_usage_event(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_openai_t *o,
    ngx_http_llmbroker_json_t *root);
static ngx_int_t ngx_http_llmbroker_openai_error_event(
    ngx_http_llmbroker_exchange_t *ex, ngx_str_t *data);
static ngx_int_t ngx_http_llmbroker_openai_end(
    ngx_http_llmbroker_exchange_t *ex);
static ngx_uint_t ngx_http_llmbroker_openai_finished(
    ngx_http_llmbroker_openai_t *o);
static void ngx_http_llmbroker_openai_error(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t status, ngx_http_llmbroker_json_t *root, ngx_str_t *text);
static ngx_http_llmbroker_openai_t *ngx_http_llmbroker_openai_state(
    ngx_http_llmbroker_exchange_t *ex);


const ngx_http_llmbroker_dialect_t  ngx_http_llmbroker_openai = {
    ngx_string("openai"),
    1,
    1 << NGX_HTTP_LLMBROKER_CHAT
    | 1 << NGX_HTTP_LLMBROKER_COMPLETIONS
    | 1 << NGX_HTTP_LLMBROKER_EMBEDDINGS,
    0,
    ngx_http_llmbroker_openai_configure,
    ngx_http_llmbroker_openai_build,
    ngx_http_llmbroker_openai_check,
    ngx_http_llmbroker_openai_response,
    ngx_http_llmbroker_openai_event,
    ngx_http_llmbroker_openai_end,
    ngx_http_llmbroker_openai_error,
    NULL,
    NULL
};


static ngx_int_t
ngx_http_llmbroker_openai_configure(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target)
{
    if (ngx_http_llmbroker_target_path(pool, target, NGX_HTTP_LLMBROKER_CHAT,
                                       "/chat/completions")
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_llmbroker_target_path(pool, target,
                                NGX_HTTP_LLMBROKER_COMPLETIONS,
                                (target->calls
                                 & (1 << NGX_HTTP_LLMBROKER_COMPLETIONS))
                                ? "/completions" : "/chat/completions")
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_llmbroker_target_path(pool, target,
                                       NGX_HTTP_LLMBROKER_EMBEDDINGS,
                                       "/embeddings")
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_llmbroker_target_models(pool, target, target->base_path.len,
                                         "/models")
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_llmbroker_target_headers(pool, target,
                                          "Authorization: Bearer ", "")
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_llmbroker_target_model(pool, target) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_capabilities(pool, target, NULL, NULL);
}


static ngx_int_t
ngx_http_llmbroker_openai_check(ngx_http_llmbroker_exchange_t *ex, u_char *p,
    u_char *last)
{
    ngx_int_t                     rc;
    ngx_uint_t                    need;
    ngx_http_llmbroker_openai_t  *o;

    o = ngx_http_llmbroker_openai_state(ex);
    if (o == NULL) {
        return NGX_ERROR;
    }

    if (o->scan == NULL) {
        o->scan = ngx_palloc(ex->pool, sizeof(ngx_http_llmbroker_scan_t));
        if (o->scan == NULL) {
            return NGX_ERROR;
        }

        ngx_http_llmbroker_openai_scan(ex, o, o->scan);
    }

    if (p < last) {
        rc = ngx_http_llmbroker_scan(o->scan, p, last);

    } else {
        rc = ngx_http_llmbroker_scan_end(o->scan);
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider's answer is not valid JSON.");
    }

    if (rc != NGX_OK || p < last) {
        return rc;
    }

    /* without a choice there is nothing to put right */

    need = (o->elements == 0) ? NGX_HTTP_LLMBROKER_OPENAI_ARRAY
                              : NGX_HTTP_LLMBROKER_OPENAI_TOP;

    if ((o->seen & need) != need
        || (o->seen & NGX_HTTP_LLMBROKER_OPENAI_ERROR))
    {
        return NGX_DONE;
    }

    if ((o->seen & NGX_HTTP_LLMBROKER_OPENAI_USAGE_2)
        && !(o->seen & NGX_HTTP_LLMBROKER_OPENAI_USAGE))
    {
        return NGX_DONE;
    }

    if (o->suspect
        || (o->seen & NGX_HTTP_LLMBROKER_OPENAI_ODD))
    {
        return NGX_DONE;
    }

    if (o->differs) {
        ex->flat = 1;
        return NGX_DONE;
    }

    return NGX_OK;
}


/*
 * What check() found suspect, a JSON answer to a streamed call, or a chat that
 * is told as a completion.  With nothing written the bytes pass as they are.
 */

static ngx_int_t
ngx_http_llmbroker_openai_response(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *root)
{
    u_char                       *p;
    ngx_int_t                     rc;
    ngx_http_llmbroker_openai_t  *o;

    o = ngx_http_llmbroker_openai_state(ex);
    if (o == NULL) {
        return NGX_ERROR;
    }

    if (o->scan == NULL) {
        p = root->raw.data;

        rc = ngx_http_llmbroker_openai_check(ex, p, p + root->raw.len);

        if (rc == NGX_OK) {
            rc = ngx_http_llmbroker_openai_check(ex, p, p);
        }

        if (rc != NGX_OK && rc != NGX_DONE) {
            return rc;
        }
    }

    if (!(o->seen & NGX_HTTP_LLMBROKER_OPENAI_ARRAY)
        || (o->seen & NGX_HTTP_LLMBROKER_OPENAI_ERROR))
    {
        return ngx_http_llmbroker_openai_refuse(ex, root,
                            ex->call == NGX_HTTP_LLMBROKER_EMBEDDINGS
                            ? "The provider's answer has no \"data\"."
                            : "The provider's answer has no \"choices\".");
    }

    if (ex->call == NGX_HTTP_LLMBROKER_EMBEDDINGS) {
        return o->differs ? ngx_http_llmbroker_embedding_answer(ex, root)
                          : NGX_OK;
    }

    rc = ngx_http_llmbroker_openai_repair(ex, o, ex->pool, root, 0);
    if (rc != NGX_OK) {
        return rc;
    }

    if (!ex->splice) {
        rc = ngx_http_llmbroker_openai_tell(ex, o, root);
        return (rc == NGX_OK) ? ngx_http_llmbroker_answer_end(ex) : rc;
    }

    if (ex->stream) {
        ex->begun = 1;
        return ngx_http_llmbroker_openai_stream(ex, o, root);
    }

    if (o->changes == 0) {
        return NGX_OK;
    }

    return ngx_http_llmbroker_openai_write(ex->out, root);
}


/* an answer of status 200 that is none; what: when it says nothing itself */

static ngx_int_t
ngx_http_llmbroker_openai_refuse(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *root, const char *what)
{
    ngx_uint_t                   status;
    ngx_http_llmbroker_json_t   *choices, *v;
    ngx_http_llmbroker_openai_t *o;

    o = ex->state;

    if (!(o->seen & NGX_HTTP_LLMBROKER_OPENAI_ERROR)
        && !ngx_http_llmbroker_openai_fails(root))
    {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL, what);
    }

    /* OpenRouter may tell in a choice why it failed */

    if (ngx_http_llmbroker_json_get(root, "error")) {
        choices = NULL;

    } else {
        choices = ngx_http_llmbroker_json_get(root, "choices");
    }

    for (v = choices ? choices->child : NULL; v; v = v->next) {

        if (ngx_http_llmbroker_json_get(v, "error")) {
            root = v;
            break;
        }
    }

    ngx_http_llmbroker_fault_read(ex, 0, root, NULL);

    status = ngx_http_llmbroker_fault_status(&ex->fault);

    if (status) {
        ex->fault.status = status;
    }

    ngx_http_llmbroker_fault_own(&ex->fault);

    return NGX_DECLINED;
}


/* 1 when a body without choices is an error of one of the known shapes */

static ngx_uint_t
ngx_http_llmbroker_openai_fails(ngx_http_llmbroker_json_t *root)
{
    ngx_http_llmbroker_json_t  *v;

    if (root->type == NGX_HTTP_LLMBROKER_JSON_ARRAY) {
        root = root->child;
    }

    v = ngx_http_llmbroker_json_get(root, "error");

    if (v && v->type != NGX_HTTP_LLMBROKER_JSON_NULL) {
        return 1;
    }

    v = ngx_http_llmbroker_json_get(root, "errors");

    if (v && v->child) {
        return 1;
    }

    v = ngx_http_llmbroker_json_get(root, "detail");

    if (v && v->type >= NGX_HTTP_LLMBROKER_JSON_STRING) {
        return 1;
    }

    v = ngx_http_llmbroker_json_get(root, "message");

    return ngx_http_llmbroker_openai_string(v)
           || ngx_http_llmbroker_json_get(v, "detail") != NULL;
}


static ngx_int_t
ngx_http_llmbroker_openai_event(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_sse_event_t *event)
{
    ngx_int_t                     rc;
    ngx_str_t                     data;
    ngx_uint_t                    error;
    ngx_http_llmbroker_openai_t  *o;

    if (ex->done) {
        return NGX_OK;
    }

    o = ngx_http_llmbroker_openai_state(ex);
    if (o == NULL) {
        return NGX_ERROR;
    }

    data = event->data;
    ngx_http_llmbroker_openai_trim(&data);

    if (data.len == sizeof("[DONE]") - 1
        && ngx_memcmp(data.data, "[DONE]", sizeof("[DONE]") - 1) == 0)
    {
        /* clients look at the first byte: no space passes */

        if (data.len != event->data.len) {
            event->data = data;
            ngx_str_null(&event->raw);
        }

        return ngx_http_llmbroker_openai_done(ex, o);
    }

    /* a sign of life */

    if (data.len == 0) {
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_openai_scan_chunk(ex, o, &data);

    error = (event->type.len == sizeof("error") - 1
             && ngx_memcmp(event->type.data, "error", sizeof("error") - 1)
                == 0);

    if (rc == NGX_DECLINED) {

        if (error) {
            ngx_http_llmbroker_fault_read(ex, 0, NULL, &data);
            return NGX_DECLINED;
        }

        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                          "The provider sent an event that is not JSON.");
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (error || (o->seen & NGX_HTTP_LLMBROKER_OPENAI_ERROR)) {
        return ngx_http_llmbroker_openai_error_event(ex, &data);
    }

    if (ex->stream && ex->splice) {
        rc = ngx_http_llmbroker_openai_judge(ex, o);

        /* OpenAI's moderation comes behind the usage */

        if (rc == NGX_OK && o->elements == 0
            && ngx_http_llmbroker_openai_finished(o))
        {
            rc = ngx_http_llmbroker_openai_owed_usage(ex, o);
        }

        if (rc == NGX_OK) {
            ngx_http_llmbroker_openai_begin(ex, o);
            return NGX_DONE;
        }

        if (rc != NGX_DONE) {
            return rc;
        }

    } else if (ex->call == NGX_HTTP_LLMBROKER_EMBEDDINGS) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider answered with a stream.");
    }

    return ngx_http_llmbroker_openai_chunk(ex, o, &data);
}


static void
ngx_http_llmbroker_openai_trim(ngx_str_t *text)
{
    u_char  *p, *last;

    p = text->data;
    last = p + text->len;

    while (p < last && (*p == ' ' || *p == '\t' || *p == LF)) {
        p++;
    }

    while (p < last && (last[-1] == ' ' || last[-1] == '\t' || last[-1] == LF))
    {
        last--;
    }

    text->data = p;
    text->len = last - p;
}


static ngx_int_t
ngx_http_llmbroker_openai_done(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o)
{
    if (o->choices.nelts == 0) {
        return ngx_http_llmbroker_openai_no_choices(ex);
    }

    if (!ex->splice) {
        return ngx_http_llmbroker_answer_end(ex);
    }

    if (!ex->stream) {
        return ngx_http_llmbroker_openai_gathered(ex, o);
    }

    if (ngx_http_llmbroker_openai_owed(ex, o) != NGX_OK) {
        return NGX_ERROR;
    }

    ex->begun = 1;
    ex->done = 1;

    return NGX_DONE;
}


static ngx_int_t
ngx_http_llmbroker_openai_no_choices(ngx_http_llmbroker_exchange_t *ex)
{
    return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider's answer has no \"choices\".");
}


/* a chunk that is suspect, or not to be passed on as it is */

static ngx_int_t
ngx_http_llmbroker_openai_chunk(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o, ngx_str_t *data)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *root;

    rc = ngx_http_llmbroker_openai_parse(ex, data, &root);
    if (rc != NGX_OK) {
        return rc;
    }

    if (!(o->seen & (NGX_HTTP_LLMBROKER_OPENAI_ARRAY
                     | NGX_HTTP_LLMBROKER_OPENAI_USAGE)))
    {
        /* no chunk: an error in a shape of its own, or a foreign event */

        if (ngx_http_llmbroker_openai_fails(root)
            || root->type != NGX_HTTP_LLMBROKER_JSON_OBJECT)
        {
            return ngx_http_llmbroker_openai_refuse(ex, root,
                              "The provider sent an event that is no object.");
        }

        return NGX_OK;
    }

    rc = ngx_http_llmbroker_openai_repair(ex, o, ex->temp, root, 1);

    if (rc != NGX_OK || o->carried) {
        return rc;
    }

    if (!ex->splice) {
        return ngx_http_llmbroker_openai_tell(ex, o, root);
    }

    if (!ex->stream) {
        rc = ngx_http_llmbroker_openai_gather(ex, o, root);

        if (rc == NGX_ERROR && o->overflow) {
            return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider's answer has too many members.");
        }

        return rc;
    }

    if (ngx_http_llmbroker_json_get(root, "choices")->child == NULL) {

        if (o->counted) {
            return ngx_http_llmbroker_openai_usage_event(ex, o, root);
        }

        /* the end of a choice that was told before */

        if (o->elements) {
            return NGX_OK;
        }
    }

    ngx_http_llmbroker_openai_begin(ex, o);

    if (o->changes == 0) {
        return NGX_DONE;
    }

    if (ngx_http_llmbroker_out_copy(ex->out, "data: ", 6) != NGX_OK
        || ngx_http_llmbroker_openai_write(ex->out, root) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_out_copy(ex->out, "\n\n", 2);
}


static void
ngx_http_llmbroker_openai_begin(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o)
{
    if ((o->seen & NGX_HTTP_LLMBROKER_OPENAI_SAID) || o->ended) {
        ex->begun = 1;
    }
}


/* the tree of an event, which may be of several lines and not quite UTF-8 */

static ngx_int_t
ngx_http_llmbroker_openai_parse(ngx_http_llmbroker_exchange_t *ex,
    ngx_str_t *data, ngx_http_llmbroker_json_t **root)
{
    u_char     *p, *last;
    ngx_int_t   rc;
    ngx_str_t   text;

    text = *data;
    last = text.data + text.len;

    if (memchr(text.data, LF, text.len)) {

        text.data = ngx_pstrdup(ex->temp, data);
        if (text.data == NULL) {
            return NGX_ERROR;
        }

        last = text.data + text.len;

        for (p = text.data; p < last; p++) {

            if (*p == LF) {
                *p = ' ';
            }
        }
    }

    rc = ngx_http_llmbroker_json_parse(ex->temp, text.data, text.len, root);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (ngx_http_llmbroker_openai_replace(ex->temp, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_http_llmbroker_json_parse(ex->temp, text.data, text.len, root);

    if (rc == NGX_DECLINED) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                          "The provider sent an event that is not JSON.");
    }

    return rc;
}


/* what is no UTF-8 becomes U+FFFD (wire format section 8) */

static ngx_int_t
ngx_http_llmbroker_openai_replace(ngx_pool_t *pool, ngx_str_t *data)
{
    u_char    *p, *last, *dst, *next, *end;
    uint32_t   state;

    dst = ngx_pnalloc(pool, data->len * 3);
    if (dst == NULL) {
        return NGX_ERROR;
    }

    p = data->data;
    last = p + data->len;

    data->data = dst;

    while (p < last) {
        next = ngx_min(p + 4, last);
        state = NGX_HTTP_LLMBROKER_UTF8_ACCEPT;

        for (end = p; end < next; end++) {
            state = ngx_http_llmbroker_utf8(state, end, end + 1);

            if (state <= NGX_HTTP_LLMBROKER_UTF8_REJECT) {
                break;
            }
        }

        if (state == NGX_HTTP_LLMBROKER_UTF8_ACCEPT && end < next) {
            dst = ngx_cpymem(dst, p, end + 1 - p);
            p = end + 1;
            continue;
        }

        dst = ngx_http_llmbroker_utf8_write(dst, 0xfffd);
        p++;
    }

    data->len = dst - data->data;

    return NGX_OK;
}


/*
 * Usage is told at the end, as some servers tell it more than once: the last
 * word counts.
 */

static ngx_int_t
ngx_http_llmbroker_openai_usage_event(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o, ngx_http_llmbroker_json_t *root)
{
    ngx_chain_t               *cl;
    ngx_http_llmbroker_out_t   out;

    if (!ex->usage_wanted || o->told
        || ngx_http_llmbroker_json_get_type(root, "usage",
                                            NGX_HTTP_LLMBROKER_JSON_OBJECT)
           == NULL)
    {
        return NGX_OK;
    }

    if (root->raw.data) {
        return ngx_http_llmbroker_text_append(ex->pool, &o->chunk,
                                              root->raw.data, root->raw.len);
    }

    ngx_http_llmbroker_out_init(&out, ex->temp, NULL, NULL, 1024);

    if (ngx_http_llmbroker_openai_write(&out, root) != NGX_OK) {
        return NGX_ERROR;
    }

    for (cl = out.chain; cl; cl = cl->next) {

        if (ngx_http_llmbroker_text_append(ex->pool, &o->chunk, cl->buf->pos,
                                           cl->buf->last - cl->buf->pos)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_openai_error_event(ngx_http_llmbroker_exchange_t *ex,
    ngx_str_t *data)
{
    ngx_int_t                     rc;
    ngx_http_llmbroker_json_t    *root;
    ngx_http_llmbroker_openai_t  *o;

    o = ex->state;
    o->seen |= NGX_HTTP_LLMBROKER_OPENAI_ERROR;

    rc = ngx_http_llmbroker_openai_parse(ex, data, &root);

    return (rc == NGX_OK) ? ngx_http_llmbroker_openai_refuse(ex, root, NULL)
                          : rc;
}


static ngx_int_t
ngx_http_llmbroker_openai_end(ngx_http_llmbroker_exchange_t *ex)
{
    ngx_int_t                     rc;
    ngx_http_llmbroker_openai_t  *o;

    if (ex->done) {
        return NGX_OK;
    }

    o = ex->state;

    if (o == NULL || !ngx_http_llmbroker_openai_finished(o)) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider ended the stream before the "
                               "answer was complete.");
    }

    rc = ngx_http_llmbroker_openai_done(ex, o);

    if (rc != NGX_DONE) {
        return rc;
    }

    return ngx_http_llmbroker_out_copy(ex->out, "data: [DONE]\n\n",
                                       sizeof("data: [DONE]\n\n") - 1);
}


/* wire format section 8: without "[DONE]" all choices must have ended */

static ngx_uint_t
ngx_http_llmbroker_openai_finished(ngx_http_llmbroker_openai_t *o)
{
    ngx_uint_t                           i;
    ngx_http_llmbroker_openai_choice_t  *c;

    c = o->choices.elts;

    for (i = 0; i < o->choices.nelts; i++) {

        if (c[i].open && !c[i].finished) {
            return 0;
        }
    }

    return o->choices.nelts > 0;
}


static void
ngx_http_llmbroker_openai_error(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t status, ngx_http_llmbroker_json_t *root, ngx_str_t *text)
{
    ngx_http_llmbroker_fault_read(ex, status, root, text);
    ngx_http_llmbroker_fault_own(&ex->fault);
}


static ngx_http_llmbroker_openai_t *
ngx_http_llmbroker_openai_state(ngx_http_llmbroker_exchange_t *ex)
{
    if (ex->state == NULL) {
        ex->state = ngx_pcalloc(ex->pool, sizeof(ngx_http_llmbroker_openai_t));
    }

    return ex->state;
}
