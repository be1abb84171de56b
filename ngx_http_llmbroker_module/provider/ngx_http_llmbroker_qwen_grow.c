
/*
 * Copyright (C) LLMBroker contributors
 *
 * What comes in frames.  A stream is asked to hold what is new in each of
 * them, but a server that ignores this repeats all there is so far (N6).
 * Which of the two it does shows after a few frames: text that does not begin
 * with that of the frame before is new; text that always does is a growing
 * one.  Until then what may have been told before is held back.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_answer.h"
#include "provider/ngx_http_llmbroker_qwen.h"


/* when to believe that a text grows: frames, or bytes that were repeated */
#define NGX_HTTP_LLMBROKER_QWEN_GROWN  3
#define NGX_HTTP_LLMBROKER_QWEN_LONG   16

/* equal frames in a row: characters of several tokens do that, too */
#define NGX_HTTP_LLMBROKER_QWEN_SAME   8


typedef enum {
    NGX_HTTP_LLMBROKER_QWEN_TEXT = 0,
    NGX_HTTP_LLMBROKER_QWEN_REASONING,
    NGX_HTTP_LLMBROKER_QWEN_ARGUMENTS
} ngx_http_llmbroker_qwen_kind_e;


/* where a text belongs; a copy, as arrays move when they grow */
typedef struct {
    ngx_http_llmbroker_exchange_t   *ex;
    ngx_uint_t                       n;       /* choice */
    ngx_uint_t                       i;       /* tool call */
    ngx_http_llmbroker_qwen_kind_e   kind;
} ngx_http_llmbroker_qwen_place_t;


static ngx_int_t ngx_http_llmbroker_qwen_piece(
    ngx_http_llmbroker_qwen_place_t *place, ngx_str_t *inner,
    ngx_uint_t whole);
static ngx_int_t ngx_http_llmbroker_qwen_guess(
    ngx_http_llmbroker_qwen_place_t *place, ngx_str_t *inner);
static ngx_int_t ngx_http_llmbroker_qwen_force(
    ngx_http_llmbroker_exchange_t *ex);
static ngx_int_t ngx_http_llmbroker_qwen_decide(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_qwen_mode_e mode);
static ngx_int_t ngx_http_llmbroker_qwen_flush(
    ngx_http_llmbroker_qwen_place_t *place);
static ngx_int_t ngx_http_llmbroker_qwen_say(
    ngx_http_llmbroker_qwen_place_t *place, ngx_str_t *inner);
static ngx_http_llmbroker_qwen_field_t *ngx_http_llmbroker_qwen_field(
    ngx_http_llmbroker_qwen_place_t *place);
static void ngx_http_llmbroker_qwen_skip(ngx_str_t *inner, size_t len);
static size_t ngx_http_llmbroker_qwen_unit(u_char *p, u_char *last);
static ngx_int_t ngx_http_llmbroker_qwen_call(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n, ngx_uint_t position,
    ngx_http_llmbroker_json_t *call, ngx_uint_t whole);
static ngx_int_t ngx_http_llmbroker_qwen_tool(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_qwen_choice_t *c,
    ngx_int_t index, ngx_str_t *id, ngx_uint_t *i);
static ngx_int_t ngx_http_llmbroker_qwen_name(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_qwen_tool_t *tool,
    ngx_str_t *inner);
static ngx_int_t ngx_http_llmbroker_qwen_open(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n, ngx_uint_t last);
static ngx_int_t ngx_http_llmbroker_qwen_call_id(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n, ngx_uint_t i,
    ngx_str_t *id);


ngx_int_t
ngx_http_llmbroker_qwen_text(ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_str_t *inner, ngx_uint_t whole)
{
    ngx_http_llmbroker_qwen_place_t  place;

    place.ex = ex;
    place.n = n;
    place.i = 0;
    place.kind = NGX_HTTP_LLMBROKER_QWEN_TEXT;

    return ngx_http_llmbroker_qwen_piece(&place, inner, whole);
}


ngx_int_t
ngx_http_llmbroker_qwen_reasoning(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_str_t *inner, ngx_uint_t whole)
{
    ngx_http_llmbroker_qwen_place_t  place;

    place.ex = ex;
    place.n = n;
    place.i = 0;
    place.kind = NGX_HTTP_LLMBROKER_QWEN_REASONING;

    return ngx_http_llmbroker_qwen_piece(&place, inner, whole);
}


static ngx_int_t
ngx_http_llmbroker_qwen_piece(ngx_http_llmbroker_qwen_place_t *place,
    ngx_str_t *inner, ngx_uint_t whole)
{
    size_t                            told;
    ngx_int_t                         rc;
    ngx_http_llmbroker_qwen_t        *q;
    ngx_http_llmbroker_qwen_field_t  *f;

    q = place->ex->state;

    if (!whole && q->mode == NGX_HTTP_LLMBROKER_QWEN_UNKNOWN) {

        rc = ngx_http_llmbroker_qwen_guess(place, inner);
        if (rc != NGX_DONE) {
            return rc;
        }
    }

    if (whole || q->mode != NGX_HTTP_LLMBROKER_QWEN_GROWING) {
        return ngx_http_llmbroker_qwen_say(place, inner);
    }

    f = ngx_http_llmbroker_qwen_field(place);

    if (inner->len <= f->told) {
        return NGX_OK;
    }

    told = f->told;
    f->told = inner->len;

    ngx_http_llmbroker_qwen_skip(inner, told);

    return ngx_http_llmbroker_qwen_say(place, inner);
}


/* NGX_DONE: this text is to be told, in the mode that is now known or not */

static ngx_int_t
ngx_http_llmbroker_qwen_guess(ngx_http_llmbroker_qwen_place_t *place,
    ngx_str_t *inner)
{
    size_t                             before;
    ngx_int_t                          rc;
    ngx_http_llmbroker_qwen_t         *q;
    ngx_http_llmbroker_exchange_t     *ex;
    ngx_http_llmbroker_qwen_field_t   *f;
    ngx_http_llmbroker_qwen_choice_t  *c;

    ex = place->ex;
    q = ex->state;
    c = q->choices.elts;
    c += place->n;
    f = ngx_http_llmbroker_qwen_field(place);
    before = f->last.len;

    if (before == 0) {

        if (inner->len == 0) {
            return NGX_OK;
        }

        /* another text begins behind one that is held */

        if (c->holds) {
            rc = ngx_http_llmbroker_qwen_force(ex);
            return (rc == NGX_OK) ? NGX_DONE : rc;
        }

        f->told = inner->len;

        return ngx_http_llmbroker_text_append(ex->pool, &f->last, inner->data,
                                              inner->len)
               == NGX_OK ? NGX_DONE : NGX_ERROR;
    }

    if (inner->len < before
        || ngx_memcmp(inner->data, f->last.data, before) != 0)
    {
        rc = ngx_http_llmbroker_qwen_decide(ex,
                                            NGX_HTTP_LLMBROKER_QWEN_PIECES);
        return (rc == NGX_OK) ? NGX_DONE : rc;
    }

    if (ngx_http_llmbroker_text_append(ex->pool, &f->held, inner->data,
                                       inner->len)
        != NGX_OK
        || ngx_http_llmbroker_text_append(ex->pool, &f->last,
                                          inner->data + before,
                                          inner->len - before)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    c->holds = 1;

    if (inner->len > before) {
        q->grown++;
        q->same = 0;

    } else if (!q->idle) {
        q->same++;
    }

    /* text without a token has been there before (N2) */

    if (q->idle
        || q->grown == NGX_HTTP_LLMBROKER_QWEN_GROWN
        || (inner->len > before && before >= NGX_HTTP_LLMBROKER_QWEN_LONG))
    {
        return ngx_http_llmbroker_qwen_decide(ex,
                                            NGX_HTTP_LLMBROKER_QWEN_GROWING);
    }

    if (q->same == NGX_HTTP_LLMBROKER_QWEN_SAME) {
        return ngx_http_llmbroker_qwen_decide(ex,
                                            NGX_HTTP_LLMBROKER_QWEN_PIECES);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_qwen_settle(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n)
{
    ngx_int_t                          rc;
    ngx_http_llmbroker_qwen_t         *q;
    ngx_http_llmbroker_qwen_choice_t  *c;

    q = ex->state;
    c = q->choices.elts;
    c += n;

    if (c->holds) {
        rc = ngx_http_llmbroker_qwen_force(ex);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_http_llmbroker_qwen_open(ex, n, c->tools.nelts);
}


/* what is likelier, as there is no time left */

static ngx_int_t
ngx_http_llmbroker_qwen_force(ngx_http_llmbroker_exchange_t *ex)
{
    ngx_http_llmbroker_qwen_t  *q;

    q = ex->state;

    return ngx_http_llmbroker_qwen_decide(ex, q->grown
                                          ? NGX_HTTP_LLMBROKER_QWEN_GROWING
                                          : NGX_HTTP_LLMBROKER_QWEN_PIECES);
}


static ngx_int_t
ngx_http_llmbroker_qwen_decide(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_qwen_mode_e mode)
{
    ngx_int_t                          rc;
    ngx_uint_t                         n;
    ngx_http_llmbroker_qwen_t         *q;
    ngx_http_llmbroker_qwen_place_t    place;
    ngx_http_llmbroker_qwen_choice_t  *c;

    q = ex->state;
    q->mode = mode;

    place.ex = ex;

    for (n = 0; n < q->choices.nelts; n++) {

        c = q->choices.elts;
        c += n;
        c->holds = 0;

        place.n = n;
        place.i = 0;
        place.kind = NGX_HTTP_LLMBROKER_QWEN_REASONING;

        rc = ngx_http_llmbroker_qwen_flush(&place);
        if (rc != NGX_OK) {
            return rc;
        }

        place.kind = NGX_HTTP_LLMBROKER_QWEN_TEXT;

        rc = ngx_http_llmbroker_qwen_flush(&place);
        if (rc != NGX_OK) {
            return rc;
        }

        rc = ngx_http_llmbroker_qwen_flush_probs(ex, n);
        if (rc != NGX_OK) {
            return rc;
        }

        place.kind = NGX_HTTP_LLMBROKER_QWEN_ARGUMENTS;

        for (place.i = 0; place.i < c->tools.nelts; place.i++) {
            rc = ngx_http_llmbroker_qwen_flush(&place);
            if (rc != NGX_OK) {
                return rc;
            }
        }
    }

    return NGX_OK;
}


/* what was held of one text */

static ngx_int_t
ngx_http_llmbroker_qwen_flush(ngx_http_llmbroker_qwen_place_t *place)
{
    ngx_str_t                         inner;
    ngx_http_llmbroker_qwen_t        *q;
    ngx_http_llmbroker_qwen_field_t  *f;

    q = place->ex->state;
    f = ngx_http_llmbroker_qwen_field(place);

    inner.len = f->held.len;
    inner.data = f->held.data;

    if (q->mode == NGX_HTTP_LLMBROKER_QWEN_GROWING) {
        inner.len = f->last.len - f->told;
        inner.data = f->last.data + f->told;
        f->told = f->last.len;
    }

    ngx_memzero(&f->held, sizeof(ngx_http_llmbroker_text_t));
    ngx_memzero(&f->last, sizeof(ngx_http_llmbroker_text_t));

    return inner.len ? ngx_http_llmbroker_qwen_say(place, &inner) : NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_qwen_say(ngx_http_llmbroker_qwen_place_t *place,
    ngx_str_t *inner)
{
    ngx_int_t                       rc;
    ngx_http_llmbroker_exchange_t  *ex;

    ex = place->ex;

    switch (place->kind) {

    case NGX_HTTP_LLMBROKER_QWEN_TEXT:
        return ngx_http_llmbroker_answer_text(ex, place->n, inner);

    case NGX_HTTP_LLMBROKER_QWEN_REASONING:

        if (inner->len == 0) {
            return NGX_OK;
        }

        return ngx_http_llmbroker_answer_reasoning(ex, place->n, inner);

    default: /* NGX_HTTP_LLMBROKER_QWEN_ARGUMENTS */

        if (inner->len == 0) {
            return NGX_OK;
        }

        rc = ngx_http_llmbroker_qwen_open(ex, place->n, place->i + 1);
        if (rc != NGX_OK) {
            return rc;
        }

        return ngx_http_llmbroker_answer_arguments(ex, place->n, place->i,
                                                   inner);
    }
}


static ngx_http_llmbroker_qwen_field_t *
ngx_http_llmbroker_qwen_field(ngx_http_llmbroker_qwen_place_t *place)
{
    ngx_http_llmbroker_qwen_t         *q;
    ngx_http_llmbroker_qwen_tool_t    *tool;
    ngx_http_llmbroker_qwen_choice_t  *c;

    q = place->ex->state;
    c = q->choices.elts;
    c += place->n;

    switch (place->kind) {

    case NGX_HTTP_LLMBROKER_QWEN_TEXT:
        return &c->text;

    case NGX_HTTP_LLMBROKER_QWEN_REASONING:
        return &c->reasoning;

    default: /* NGX_HTTP_LLMBROKER_QWEN_ARGUMENTS */
        tool = c->tools.elts;
        return &tool[place->i].arguments;
    }
}


/*
 * Takes the first len bytes off.  A text that was changed in what had been
 * told may have another character there: none is told in part.
 */

static void
ngx_http_llmbroker_qwen_skip(ngx_str_t *inner, size_t len)
{
    u_char  *p, *last, *from;

    p = inner->data;
    last = p + inner->len;
    from = p + len;

    while (p < from) {
        p += ngx_http_llmbroker_qwen_unit(p, last);
    }

    inner->len = last - p;
    inner->data = p;
}


/* the length of a character or escape, of both halves of a surrogate pair */

static size_t
ngx_http_llmbroker_qwen_unit(u_char *p, u_char *last)
{
    size_t  len;

    if (*p == '\\') {
        len = 2;

        if (last - p >= 12
            && p[1] == 'u' && (p[2] | 0x20) == 'd'
            && ngx_strchr("89abAB", p[3]) != NULL
            && p[6] == '\\' && p[7] == 'u')
        {
            len = 12;

        } else if (last - p >= 6 && p[1] == 'u') {
            len = 6;
        }

    } else if (*p < 0xc0) {
        len = 1;

    } else if (*p < 0xe0) {
        len = 2;

    } else {
        len = (*p < 0xf0) ? 3 : 4;
    }

    return ngx_min(len, (size_t) (last - p));
}


ngx_int_t
ngx_http_llmbroker_qwen_calls(ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_http_llmbroker_json_t *calls, ngx_uint_t whole)
{
    ngx_int_t                   rc;
    ngx_uint_t                  position;
    ngx_http_llmbroker_json_t  *call;

    rc = ngx_http_llmbroker_answer_typed(ex, calls,
                                         NGX_HTTP_LLMBROKER_JSON_ARRAY);
    if (rc != NGX_OK) {
        return rc;
    }

    call = calls ? calls->child : NULL;

    for (position = 0; call; call = call->next, position++) {

        rc = ngx_http_llmbroker_qwen_call(ex, n, position, call, whole);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/* N5: id and name may come in pieces, and empty in what follows */

static ngx_int_t
ngx_http_llmbroker_qwen_call(ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_uint_t position, ngx_http_llmbroker_json_t *call, ngx_uint_t whole)
{
    ngx_int_t                          rc, index;
    ngx_str_t                          id, inner;
    ngx_http_llmbroker_json_t         *function, *v;
    ngx_http_llmbroker_qwen_tool_t    *tool;
    ngx_http_llmbroker_qwen_place_t    place;
    ngx_http_llmbroker_qwen_choice_t  *c;

    rc = ngx_http_llmbroker_qwen_choice(ex, n, &c);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_answer_member_typed(ex, call, "function",
                                              NGX_HTTP_LLMBROKER_JSON_OBJECT);
    if (rc != NGX_OK) {
        return rc;
    }

    v = ngx_http_llmbroker_json_get(call, "index");
    index = ngx_http_llmbroker_json_int(v, position);

    v = ngx_http_llmbroker_json_get(call, "id");
    id = ngx_http_llmbroker_json_inner(v);

    place.ex = ex;
    place.n = n;
    place.kind = NGX_HTTP_LLMBROKER_QWEN_ARGUMENTS;

    rc = ngx_http_llmbroker_qwen_tool(ex, c, index, &id, &place.i);
    if (rc != NGX_OK) {
        return rc;
    }

    tool = c->tools.elts;
    tool += place.i;

    if (tool->id.len == 0 && id.len) {
        tool->id.data = ngx_pstrdup(ex->pool, &id);
        if (tool->id.data == NULL) {
            return NGX_ERROR;
        }

        tool->id.len = id.len;
    }

    function = ngx_http_llmbroker_json_get(call, "function");

    v = ngx_http_llmbroker_json_get(function, "name");
    inner = ngx_http_llmbroker_json_inner(v);

    if (place.i >= c->opened
        && ngx_http_llmbroker_qwen_name(ex, tool, &inner) != NGX_OK)
    {
        return NGX_ERROR;
    }

    v = ngx_http_llmbroker_json_get(function, "arguments");

    if (v == NULL) {
        return NGX_OK;
    }

    if (v->type == NGX_HTTP_LLMBROKER_JSON_OBJECT) {

        /* OpenAI's arguments are a text */

        if (ngx_http_llmbroker_text_quote(ngx_http_llmbroker_qwen_pool(ex),
                                          &v->raw, &inner)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

    } else if (v->type == NGX_HTTP_LLMBROKER_JSON_STRING) {
        inner = ngx_http_llmbroker_json_inner(v);

    } else {
        return ngx_http_llmbroker_answer_typed(ex, v,
                                              NGX_HTTP_LLMBROKER_JSON_STRING);
    }

    return ngx_http_llmbroker_qwen_piece(&place, &inner, whole);
}


/*
 * The place of the tool call that the provider counts as "index".  Servers
 * that count all as one tell calls apart by their ids.
 */

static ngx_int_t
ngx_http_llmbroker_qwen_tool(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_qwen_choice_t *c, ngx_int_t index, ngx_str_t *id,
    ngx_uint_t *i)
{
    ngx_http_llmbroker_qwen_tool_t  *tool;

    tool = c->tools.elts;

    for (*i = c->tools.nelts; *i > 0; (*i)--) {

        if (tool[*i - 1].index != index) {
            continue;
        }

        if (id->len == 0
            || tool[*i - 1].id.len == 0
            || (tool[*i - 1].id.len == id->len
                && ngx_memcmp(tool[*i - 1].id.data, id->data, id->len) == 0))
        {
            (*i)--;
            return NGX_OK;
        }
    }

    if (c->tools.nelts >= NGX_HTTP_LLMBROKER_QWEN_TOOLS) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider answered with too many tool "
                               "calls.");
    }

    *i = c->tools.nelts;

    if (c->tools.elts == NULL
        && ngx_array_init(&c->tools, ex->pool, 1,
                          sizeof(ngx_http_llmbroker_qwen_tool_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    tool = ngx_array_push(&c->tools);
    if (tool == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(tool, sizeof(ngx_http_llmbroker_qwen_tool_t));

    tool->index = index;

    return NGX_OK;
}


/* a name that begins with the one before is that once more */

static ngx_int_t
ngx_http_llmbroker_qwen_name(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_qwen_tool_t *tool, ngx_str_t *inner)
{
    ngx_http_llmbroker_text_t  *name;

    name = &tool->name;

    if (name->len
        && inner->len >= name->len
        && ngx_memcmp(inner->data, name->data, name->len) == 0)
    {
        name->len = 0;
    }

    if (name->len >= NGX_HTTP_LLMBROKER_QWEN_NAME) {
        return NGX_OK;
    }

    return ngx_http_llmbroker_text_append(ex->pool, name, inner->data,
                                          inner->len);
}


/* opens the tool calls before "last" that the client does not know yet */

static ngx_int_t
ngx_http_llmbroker_qwen_open(ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_uint_t last)
{
    ngx_int_t                          rc;
    ngx_str_t                          name;
    ngx_http_llmbroker_qwen_t         *q;
    ngx_http_llmbroker_qwen_tool_t    *tool;
    ngx_http_llmbroker_qwen_choice_t  *c;

    q = ex->state;
    c = q->choices.elts;
    c += n;
    tool = c->tools.elts;

    for ( /* void */ ; c->opened < last; c->opened++) {

        name.len = tool[c->opened].name.len;
        name.data = tool[c->opened].name.data;

        if (tool[c->opened].id.len == 0
            && ngx_http_llmbroker_qwen_call_id(ex, n, c->opened,
                                               &tool[c->opened].id)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        rc = ngx_http_llmbroker_answer_tool(ex, n, c->opened,
                                            &tool[c->opened].id, &name);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/*
 * Older models do not name their calls: a name that differs from answer to
 * answer, by which a client tells the results apart.
 */

static ngx_int_t
ngx_http_llmbroker_qwen_call_id(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_uint_t i, ngx_str_t *id)
{
    u_char                     *p;
    ngx_http_llmbroker_qwen_t  *q;

    q = ex->state;

    p = ngx_pnalloc(ex->pool, sizeof("call___") + q->id.len
                              + 2 * NGX_INT_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    id->data = p;

    p = ngx_sprintf(p, "call_%V%s%ui_%ui", &q->id, q->id.len ? "_" : "", n, i);

    id->len = p - id->data;

    return NGX_OK;
}
