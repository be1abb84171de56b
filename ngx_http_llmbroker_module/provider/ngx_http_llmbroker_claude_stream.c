
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

#include "codec/ngx_http_llmbroker_token.h"
#include "provider/ngx_http_llmbroker_answer.h"
#include "provider/ngx_http_llmbroker_claude.h"


/* blocks that are open at once; the oldest is closed for another one */
#define NGX_HTTP_LLMBROKER_CLAUDE_WAITING  16

/* of an event before its piece of text, bytes */
#define NGX_HTTP_LLMBROKER_CLAUDE_LIKE     256


/* a type of delta that is a piece of a text: its member, and whose it is */
struct ngx_http_llmbroker_claude_delta_s {
    const char                      *type;
    const char                      *member;
    ngx_http_llmbroker_claude_in_e   in;       /* IN_NOTHING: of any block */
    ngx_int_t                      (*handler)(
                                         ngx_http_llmbroker_exchange_t *ex,
                                         ngx_http_llmbroker_claude_t *c,
                                         ngx_str_t *text, ngx_uint_t found);
};


static ngx_int_t ngx_http_llmbroker_claude_fill(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c,
    const ngx_http_llmbroker_claude_delta_t *d, ngx_http_llmbroker_json_t *v,
    ngx_uint_t found);
static ngx_int_t ngx_http_llmbroker_claude_text_delta(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c,
    ngx_str_t *text, ngx_uint_t found);
static ngx_int_t ngx_http_llmbroker_claude_input_delta(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c,
    ngx_str_t *text, ngx_uint_t found);
static ngx_int_t ngx_http_llmbroker_claude_thinking_delta(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c,
    ngx_str_t *text, ngx_uint_t found);
static ngx_int_t ngx_http_llmbroker_claude_signature_delta(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c,
    ngx_str_t *text, ngx_uint_t found);
static ngx_int_t ngx_http_llmbroker_claude_remember(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c,
    const ngx_http_llmbroker_claude_delta_t *d,
    ngx_http_llmbroker_json_t *root, ngx_http_llmbroker_json_t *piece);
static ngx_uint_t ngx_http_llmbroker_claude_ends(u_char *p, u_char *last);
static ngx_int_t ngx_http_llmbroker_claude_over(
    ngx_http_llmbroker_exchange_t *ex);
static ngx_uint_t ngx_http_llmbroker_claude_select(
    ngx_http_llmbroker_claude_t *c, ngx_int_t index);
static ngx_int_t ngx_http_llmbroker_claude_wait(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c);
static void ngx_http_llmbroker_claude_swap(ngx_http_llmbroker_claude_t *c,
    ngx_http_llmbroker_claude_waiting_t *w);


static const ngx_http_llmbroker_claude_delta_t
    ngx_http_llmbroker_claude_deltas[] =
{
    { "text_delta", "text", NGX_HTTP_LLMBROKER_CLAUDE_IN_NOTHING,
      ngx_http_llmbroker_claude_text_delta },
    { "input_json_delta", "partial_json", NGX_HTTP_LLMBROKER_CLAUDE_IN_NOTHING,
      ngx_http_llmbroker_claude_input_delta },
    { "thinking_delta", "thinking", NGX_HTTP_LLMBROKER_CLAUDE_IN_NOTHING,
      ngx_http_llmbroker_claude_thinking_delta },
    { "signature_delta", "signature", NGX_HTTP_LLMBROKER_CLAUDE_IN_THINKING,
      ngx_http_llmbroker_claude_signature_delta },
    { NULL, NULL, NGX_HTTP_LLMBROKER_CLAUDE_IN_NOTHING, NULL }
};


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
    ngx_int_t                                 rc;
    ngx_uint_t                                found;
    ngx_http_llmbroker_json_t                *v, *delta;
    const ngx_http_llmbroker_claude_delta_t  *d;

    rc = ngx_http_llmbroker_claude_over(ex);
    if (rc != NGX_OK) {
        return rc;
    }

    v = ngx_http_llmbroker_json_get(root, "index");

    found = ngx_http_llmbroker_claude_select(c,
                                        ngx_http_llmbroker_json_int(v, -1));

    delta = ngx_http_llmbroker_json_get_type(root, "delta",
                                             NGX_HTTP_LLMBROKER_JSON_OBJECT);
    if (delta == NULL) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider sent an event without its "
                               "content.");
    }

    v = ngx_http_llmbroker_json_get_type(delta, "type",
                                         NGX_HTTP_LLMBROKER_JSON_STRING);
    if (v == NULL) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider sent a part of the answer of no "
                               "type.");
    }

    for (d = ngx_http_llmbroker_claude_deltas; d->type; d++) {

        if (ngx_http_llmbroker_json_is(v, d->type)) {
            v = ngx_http_llmbroker_json_get(delta, d->member);

            rc = ngx_http_llmbroker_claude_fill(ex, c, d, v, found);

            return (rc == NGX_OK)
                   ? ngx_http_llmbroker_claude_remember(ex, c, d, root, v)
                   : rc;
        }
    }

    if (ngx_http_llmbroker_json_is(v, "citations_delta")
        && c->in == NGX_HTTP_LLMBROKER_CLAUDE_IN_TEXT)
    {
        v = ngx_http_llmbroker_json_get(delta, "citation");
        return ngx_http_llmbroker_claude_citation(ex, c, v);
    }

    /* S13 */

    return NGX_OK;
}


/* a piece: null is nothing; what is no text cannot be told */

static ngx_int_t
ngx_http_llmbroker_claude_fill(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, const ngx_http_llmbroker_claude_delta_t *d,
    ngx_http_llmbroker_json_t *v, ngx_uint_t found)
{
    ngx_str_t  text;

    if (d->in != NGX_HTTP_LLMBROKER_CLAUDE_IN_NOTHING && d->in != c->in) {
        return NGX_OK;
    }

    if (v
        && v->type != NGX_HTTP_LLMBROKER_JSON_STRING
        && v->type != NGX_HTTP_LLMBROKER_JSON_NULL)
    {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider sent a piece of the answer that "
                               "is no text.");
    }

    text = ngx_http_llmbroker_json_inner(v);

    if (text.len == 0) {
        ngx_str_set(&text, "");
    }

    return d->handler(ex, c, &text, found);
}


/* S6 */

static ngx_int_t
ngx_http_llmbroker_claude_text_delta(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_str_t *text, ngx_uint_t found)
{
    return ngx_http_llmbroker_claude_text(ex, c, *text);
}


/* S4 */

static ngx_int_t
ngx_http_llmbroker_claude_input_delta(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_str_t *text, ngx_uint_t found)
{
    if (!found && text->len) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider sent the input of a tool that it "
                               "has not called.");
    }

    if (c->whole) {
        return NGX_OK;
    }

    if (c->in != NGX_HTTP_LLMBROKER_CLAUDE_IN_TOOL) {
        return ngx_http_llmbroker_claude_input(ex, c, text);
    }

    c->filled |= (text->len != 0);

    return ngx_http_llmbroker_answer_arguments(ex, 0, c->tool, text);
}


/* S7 */

static ngx_int_t
ngx_http_llmbroker_claude_thinking_delta(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_str_t *text, ngx_uint_t found)
{
    return ngx_http_llmbroker_claude_think(ex, c, *text);
}


static ngx_int_t
ngx_http_llmbroker_claude_signature_delta(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_str_t *text, ngx_uint_t found)
{
    return ngx_http_llmbroker_claude_signature(ex, c, text);
}


/*
 * Keeps the beginning of an event that says itself what it is and has nothing
 * behind its piece: one that begins and ends alike differs in the piece only.
 */

static ngx_int_t
ngx_http_llmbroker_claude_remember(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, const ngx_http_llmbroker_claude_delta_t *d,
    ngx_http_llmbroker_json_t *root, ngx_http_llmbroker_json_t *piece)
{
    size_t                      len;
    ngx_http_llmbroker_json_t  *v;

    if (piece == NULL || piece->type != NGX_HTTP_LLMBROKER_JSON_STRING) {
        return NGX_OK;
    }

    len = piece->raw.data + 1 - root->raw.data;

    if (len > NGX_HTTP_LLMBROKER_CLAUDE_LIKE
        || !ngx_http_llmbroker_claude_ends(piece->raw.data + piece->raw.len,
                                           root->raw.data + root->raw.len)
        || ngx_http_llmbroker_claude_inner(root, "type").len == 0)
    {
        return NGX_OK;
    }

    v = ngx_http_llmbroker_json_get(root, "index");

    c->like_index = ngx_http_llmbroker_json_int(v, -1);
    c->like_delta = d;
    c->like.len = 0;

    return ngx_http_llmbroker_text_append(ex->pool, &c->like, root->raw.data,
                                          len);
}


ngx_uint_t
ngx_http_llmbroker_claude_like(ngx_http_llmbroker_claude_t *c, ngx_str_t *data,
    ngx_str_t *text)
{
    u_char      *p, *last;
    ngx_uint_t   escaped;

    if (c->like.len == 0
        || data->len < c->like.len
        || ngx_memcmp(data->data, c->like.data, c->like.len) != 0)
    {
        return 0;
    }

    text->data = data->data + c->like.len;
    last = data->data + data->len;

    p = ngx_http_llmbroker_token_string(text->data, last, &escaped);

    if (p == NULL || !ngx_http_llmbroker_claude_ends(p + 1, last)) {
        return 0;
    }

    text->len = p - text->data;

    return 1;
}


/* whether nothing but the ends of two objects is there */

static ngx_uint_t
ngx_http_llmbroker_claude_ends(u_char *p, u_char *last)
{
    ngx_uint_t  n;

    for (n = 0; p < last; p++) {

        if (*p == '}') {
            n++;

        } else if (!ngx_http_llmbroker_token_space(*p)) {
            return 0;
        }
    }

    return n == 2;
}


ngx_int_t
ngx_http_llmbroker_claude_again(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_str_t *text)
{
    ngx_int_t                                 rc;
    ngx_uint_t                                found;
    const ngx_http_llmbroker_claude_delta_t  *d;

    rc = ngx_http_llmbroker_claude_over(ex);
    if (rc != NGX_OK) {
        return rc;
    }

    d = c->like_delta;
    found = ngx_http_llmbroker_claude_select(c, c->like_index);

    if (d->in != NGX_HTTP_LLMBROKER_CLAUDE_IN_NOTHING && d->in != c->in) {
        return NGX_OK;
    }

    return d->handler(ex, c, text, found);
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
