
/*
 * Copyright (C) LLMBroker contributors
 *
 * The events of a stream that open, fill and close content blocks: rules S2-S7
 * and S13.  Anthropic sends one block after the other, but every event has the
 * index of its block, and a server in between may mix them: those that are not
 * filled at the moment wait.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_answer.h"
#include "provider/ngx_http_llmbroker_claude.h"


/* blocks that are open at once; the oldest is closed for another one */
#define NGX_HTTP_LLMBROKER_CLAUDE_WAITING  16


static ngx_int_t ngx_http_llmbroker_claude_fill(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c,
    ngx_http_llmbroker_json_t *delta, ngx_uint_t found);
static ngx_int_t ngx_http_llmbroker_claude_piece(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_t *delta,
    const char *name, ngx_str_t *inner);
static ngx_int_t ngx_http_llmbroker_claude_over(
    ngx_http_llmbroker_exchange_t *ex);
static ngx_uint_t ngx_http_llmbroker_claude_select(
    ngx_http_llmbroker_claude_t *c, ngx_int_t index);
static ngx_int_t ngx_http_llmbroker_claude_wait(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c);
static void ngx_http_llmbroker_claude_swap(ngx_http_llmbroker_claude_t *c,
    ngx_http_llmbroker_claude_waiting_t *w);


ngx_int_t
ngx_http_llmbroker_claude_open(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_http_llmbroker_json_t *root)
{
    ngx_int_t                   rc, index;
    ngx_http_llmbroker_json_t  *v;

    rc = ngx_http_llmbroker_claude_over(ex);
    if (rc != NGX_OK) {
        return rc;
    }

    v = ngx_http_llmbroker_json_get(root, "index");
    index = ngx_http_llmbroker_json_int(v, -1);

    /* without an index, or with the same once more, the one before is closed */

    if (ngx_http_llmbroker_claude_select(c, index)) {
        rc = ngx_http_llmbroker_claude_block_stop(ex, c);

    } else {
        rc = ngx_http_llmbroker_claude_wait(ex, c);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    c->index = index;

    v = ngx_http_llmbroker_json_get(root, "content_block");

    return ngx_http_llmbroker_claude_block(ex, c, v);
}


ngx_int_t
ngx_http_llmbroker_claude_delta(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_http_llmbroker_json_t *root)
{
    ngx_int_t                   rc;
    ngx_uint_t                  found;
    ngx_http_llmbroker_json_t  *v;

    rc = ngx_http_llmbroker_claude_over(ex);
    if (rc != NGX_OK) {
        return rc;
    }

    v = ngx_http_llmbroker_json_get(root, "index");

    found = ngx_http_llmbroker_claude_select(c,
                                        ngx_http_llmbroker_json_int(v, -1));

    v = ngx_http_llmbroker_json_get_type(root, "delta",
                                         NGX_HTTP_LLMBROKER_JSON_OBJECT);
    if (v == NULL) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider sent an event without its "
                               "content.");
    }

    return ngx_http_llmbroker_claude_fill(ex, c, v, found);
}


static ngx_int_t
ngx_http_llmbroker_claude_fill(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_http_llmbroker_json_t *delta,
    ngx_uint_t found)
{
    ngx_int_t                   rc;
    ngx_str_t                   text;
    ngx_http_llmbroker_json_t  *type, *v;

    type = ngx_http_llmbroker_json_get_type(delta, "type",
                                            NGX_HTTP_LLMBROKER_JSON_STRING);
    if (type == NULL) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider sent a part of the answer of no "
                               "type.");
    }

    /* S6 */

    if (ngx_http_llmbroker_json_is(type, "text_delta")) {
        rc = ngx_http_llmbroker_claude_piece(ex, delta, "text", &text);
        return (rc == NGX_OK) ? ngx_http_llmbroker_claude_text(ex, c, text)
                              : rc;
    }

    /* S4 */

    if (ngx_http_llmbroker_json_is(type, "input_json_delta")) {
        rc = ngx_http_llmbroker_claude_piece(ex, delta, "partial_json", &text);

        if (rc == NGX_OK && !found && text.len) {
            return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                                   "The provider sent the input of a tool "
                                   "that it has not called.");
        }

        if (rc != NGX_OK || c->whole) {
            return rc;
        }

        if (c->in != NGX_HTTP_LLMBROKER_CLAUDE_IN_TOOL) {
            return ngx_http_llmbroker_claude_input(ex, c, &text);
        }

        c->filled |= (text.len != 0);

        return ngx_http_llmbroker_answer_arguments(ex, 0, c->tool, &text);
    }

    /* S7 */

    if (ngx_http_llmbroker_json_is(type, "thinking_delta")) {
        rc = ngx_http_llmbroker_claude_piece(ex, delta, "thinking", &text);
        return (rc == NGX_OK) ? ngx_http_llmbroker_claude_think(ex, c, text)
                              : rc;
    }

    if (ngx_http_llmbroker_json_is(type, "signature_delta")
        && c->in == NGX_HTTP_LLMBROKER_CLAUDE_IN_THINKING)
    {
        rc = ngx_http_llmbroker_claude_piece(ex, delta, "signature", &text);
        return (rc == NGX_OK)
               ? ngx_http_llmbroker_claude_signature(ex, c, &text) : rc;
    }

    if (ngx_http_llmbroker_json_is(type, "citations_delta")
        && c->in == NGX_HTTP_LLMBROKER_CLAUDE_IN_TEXT)
    {
        v = ngx_http_llmbroker_json_get(delta, "citation");
        return ngx_http_llmbroker_claude_citation(ex, c, v);
    }

    /* S13 */

    return NGX_OK;
}


/* null is nothing; what is no text cannot be told */

static ngx_int_t
ngx_http_llmbroker_claude_piece(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *delta, const char *name, ngx_str_t *inner)
{
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get(delta, name);

    if (v
        && v->type != NGX_HTTP_LLMBROKER_JSON_STRING
        && v->type != NGX_HTTP_LLMBROKER_JSON_NULL)
    {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider sent a piece of the answer that "
                               "is no text.");
    }

    *inner = ngx_http_llmbroker_claude_inner(delta, name);

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_claude_close(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_http_llmbroker_json_t *root)
{
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get(root, "index");

    if (!ngx_http_llmbroker_claude_select(c,
                                         ngx_http_llmbroker_json_int(v, -1)))
    {
        return NGX_OK;
    }

    return ngx_http_llmbroker_claude_block_stop(ex, c);
}


ngx_int_t
ngx_http_llmbroker_claude_close_all(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c)
{
    ngx_int_t                             rc;
    ngx_uint_t                            i;
    ngx_http_llmbroker_claude_waiting_t  *w;

    rc = ngx_http_llmbroker_claude_block_stop(ex, c);

    w = c->waiting ? c->waiting->elts : NULL;

    for (i = 0; w && i < c->waiting->nelts && rc == NGX_OK; i++) {
        ngx_http_llmbroker_claude_swap(c, &w[i]);
        rc = ngx_http_llmbroker_claude_block_stop(ex, c);
    }

    return rc;
}


/* what comes behind the finish could be told to nobody */

static ngx_int_t
ngx_http_llmbroker_claude_over(ngx_http_llmbroker_exchange_t *ex)
{
    if (!ngx_http_llmbroker_answer_finished(ex, 0)) {
        return NGX_OK;
    }

    return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                           "The provider went on after the end of the "
                           "answer.");
}


/* makes the block of this index the one that is filled; 0: it is not open */

static ngx_uint_t
ngx_http_llmbroker_claude_select(ngx_http_llmbroker_claude_t *c,
    ngx_int_t index)
{
    ngx_uint_t                            i;
    ngx_http_llmbroker_claude_waiting_t  *w;

    if (index == -1
        || (index == c->index && c->in != NGX_HTTP_LLMBROKER_CLAUDE_IN_NOTHING))
    {
        return c->in != NGX_HTTP_LLMBROKER_CLAUDE_IN_NOTHING;
    }

    w = c->waiting ? c->waiting->elts : NULL;

    for (i = 0; w && i < c->waiting->nelts; i++) {

        if (w[i].in != NGX_HTTP_LLMBROKER_CLAUDE_IN_NOTHING
            && w[i].index == index)
        {
            ngx_http_llmbroker_claude_swap(c, &w[i]);
            return 1;
        }
    }

    return 0;
}


/* puts the block that is filled aside, if there is one */

static ngx_int_t
ngx_http_llmbroker_claude_wait(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c)
{
    ngx_uint_t                            i;
    ngx_http_llmbroker_claude_waiting_t  *w;

    if (c->in == NGX_HTTP_LLMBROKER_CLAUDE_IN_NOTHING) {
        return NGX_OK;
    }

    if (c->waiting == NULL) {
        c->waiting = ngx_array_create(ex->pool, 2,
                                 sizeof(ngx_http_llmbroker_claude_waiting_t));
        if (c->waiting == NULL) {
            return NGX_ERROR;
        }
    }

    w = c->waiting->elts;

    for (i = 0; i < c->waiting->nelts; i++) {

        if (w[i].in == NGX_HTTP_LLMBROKER_CLAUDE_IN_NOTHING) {
            ngx_http_llmbroker_claude_swap(c, &w[i]);
            return NGX_OK;
        }
    }

    if (i == NGX_HTTP_LLMBROKER_CLAUDE_WAITING) {
        i = c->oldest++ % NGX_HTTP_LLMBROKER_CLAUDE_WAITING;
        ngx_http_llmbroker_claude_swap(c, &w[i]);
        return ngx_http_llmbroker_claude_block_stop(ex, c);
    }

    w = ngx_array_push(c->waiting);
    if (w == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(w, sizeof(ngx_http_llmbroker_claude_waiting_t));
    ngx_http_llmbroker_claude_swap(c, w);

    return NGX_OK;
}


static void
ngx_http_llmbroker_claude_swap(ngx_http_llmbroker_claude_t *c,
    ngx_http_llmbroker_claude_waiting_t *w)
{
    ngx_http_llmbroker_claude_waiting_t  t;

    t = *w;

    w->in = c->in;
    w->index = c->index;
    w->tool = c->tool;
    w->begin = c->begin;
    w->thinking = c->thinking;
    w->signature = c->signature;
    w->citations = c->citations;
    w->json = c->json;
    w->server = c->server;
    w->server_tail = c->server_tail;
    w->filled = c->filled;
    w->whole = c->whole;

    c->in = t.in;
    c->index = t.index;
    c->tool = t.tool;
    c->begin = t.begin;
    c->thinking = t.thinking;
    c->signature = t.signature;
    c->citations = t.citations;
    c->json = t.json;
    c->server = t.server;
    c->server_tail = t.server_tail;
    c->filled = t.filled;
    c->whole = t.whole;
}
