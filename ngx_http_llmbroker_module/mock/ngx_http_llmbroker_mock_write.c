
/*
 * Copyright (C) LLMBroker contributors
 */


/*
 * One buffer carries the whole body, whatever its length: it is filled from
 * the frames, sent, and filled again when the connection has taken it.
 */


#include "mock/ngx_http_llmbroker_mock.h"


#define NGX_HTTP_LLMBROKER_MOCK_BUFFER  16384
#define NGX_HTTP_LLMBROKER_MOCK_SLOW    4096

/* writes before others have their turn */
#define NGX_HTTP_LLMBROKER_MOCK_TURNS   16


static ngx_int_t ngx_http_llmbroker_mock_wait(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_msec_t delay,
    ngx_event_handler_pt handler);
static void ngx_http_llmbroker_mock_cleanup(void *data);
static void ngx_http_llmbroker_mock_header_event(ngx_event_t *ev);
static void ngx_http_llmbroker_mock_body_event(ngx_event_t *ev);
static void ngx_http_llmbroker_mock_header(ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_header_fields(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_header_field(
    ngx_http_request_t *r, ngx_str_t *name, ngx_str_t *value,
    ngx_table_elt_t **hp);
static ngx_int_t ngx_http_llmbroker_mock_buffer(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static off_t ngx_http_llmbroker_mock_length(
    ngx_http_llmbroker_mock_frame_t *f);
static void ngx_http_llmbroker_mock_body(ngx_http_llmbroker_mock_ctx_t *ctx);
static void ngx_http_llmbroker_mock_write_handler(ngx_http_request_t *r);
static void ngx_http_llmbroker_mock_block(ngx_http_llmbroker_mock_ctx_t *ctx);
static void ngx_http_llmbroker_mock_limit(ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_fill(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_next(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_uint_t ngx_http_llmbroker_mock_in_middle(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static u_char *ngx_http_llmbroker_mock_frame_copy(u_char *p, u_char *last,
    ngx_http_llmbroker_mock_frame_t *f);


void
ngx_http_llmbroker_mock_send(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    if (ctx->knobs->delay == 0) {
        ngx_http_llmbroker_mock_header(ctx);
        return;
    }

    if (ngx_http_llmbroker_mock_wait(ctx, ctx->knobs->delay,
                                     ngx_http_llmbroker_mock_header_event)
        != NGX_OK)
    {
        ngx_http_finalize_request(ctx->request,
                                  NGX_HTTP_INTERNAL_SERVER_ERROR);
    }
}


/*
 * Calls the handler later: after a delay or, when it is 0, after the events
 * that are there.  A client that leaves is noticed meanwhile.
 */

static ngx_int_t
ngx_http_llmbroker_mock_wait(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_msec_t delay, ngx_event_handler_pt handler)
{
    ngx_event_t         *ev;
    ngx_http_cleanup_t  *cln;
    ngx_http_request_t  *r;

    r = ctx->request;
    ev = &ctx->timer;

    if (!ctx->clean) {
        cln = ngx_http_cleanup_add(r, 0);
        if (cln == NULL) {
            return NGX_ERROR;
        }

        cln->handler = ngx_http_llmbroker_mock_cleanup;
        cln->data = ctx;

        ev->data = ctx;
        ev->log = r->connection->log;

        ctx->clean = 1;
    }

    ev->handler = handler;

    if (delay) {
        ngx_add_timer(ev, delay);

    } else {
        ngx_post_event(ev, &ngx_posted_next_events);
    }

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    return ngx_handle_read_event(r->connection->read, 0);
}


static void
ngx_http_llmbroker_mock_cleanup(void *data)
{
    ngx_http_llmbroker_mock_ctx_t *ctx = data;

    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }

    if (ctx->timer.posted) {
        ngx_delete_posted_event(&ctx->timer);
    }
}


static void
ngx_http_llmbroker_mock_header_event(ngx_event_t *ev)
{
    ngx_connection_t               *c;
    ngx_http_llmbroker_mock_ctx_t  *ctx;

    ctx = ev->data;
    c = ctx->request->connection;

    ngx_http_set_log_request(c->log, ctx->request);

    ngx_http_llmbroker_mock_header(ctx);

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_llmbroker_mock_body_event(ngx_event_t *ev)
{
    ngx_connection_t               *c;
    ngx_http_llmbroker_mock_ctx_t  *ctx;

    ctx = ev->data;
    c = ctx->request->connection;

    ngx_http_set_log_request(c->log, ctx->request);

    ngx_http_llmbroker_mock_body(ctx);

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_llmbroker_mock_header(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = ctx->request;

    r->headers_out.status = ctx->status;

    if (!ctx->stream) {
        r->headers_out.content_length_n =
                                   ngx_http_llmbroker_mock_length(&ctx->frame);
    }

    if (ngx_http_llmbroker_mock_header_fields(ctx) != NGX_OK
        || ngx_http_llmbroker_mock_buffer(ctx) != NGX_OK)
    {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    r->read_event_handler = ngx_http_test_reading;

    if (ctx->knobs->first_delay == 0) {
        ngx_http_llmbroker_mock_body(ctx);
        return;
    }

    if (ngx_http_send_special(r, NGX_HTTP_FLUSH) == NGX_ERROR
        || ngx_http_llmbroker_mock_wait(ctx, ctx->knobs->first_delay,
                                        ngx_http_llmbroker_mock_body_event)
           != NGX_OK)
    {
        ngx_http_finalize_request(r, NGX_ERROR);
    }
}


static ngx_int_t
ngx_http_llmbroker_mock_header_fields(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_str_t                        *type, name;
    ngx_uint_t                        i;
    ngx_http_request_t               *r;
    ngx_http_llmbroker_mock_knobs_t  *k;

    static ngx_str_t  json = ngx_string("application/json");
    static ngx_str_t  id = ngx_string("req_mock");
    static ngx_str_t  retry_after = ngx_string("Retry-After");
    static ngx_str_t  encoding = ngx_string("Content-Encoding");

    r = ctx->request;
    k = ctx->knobs;

    name = ctx->dialect->id_header;

    if (name.len
        && ngx_http_llmbroker_mock_header_field(r, &name, &id, NULL) != NGX_OK)
    {
        return NGX_ERROR;
    }

    name = ctx->error_header.key;

    if (name.len
        && ngx_http_llmbroker_mock_header_field(r, &name,
                                                &ctx->error_header.value, NULL)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    r->headers_out.content_type = ctx->stream ? ctx->dialect->stream_type
                                              : json;

    if (k->retry_after.len
        && ngx_http_llmbroker_mock_header_field(r, &retry_after,
                                                &k->retry_after, NULL)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (k->encoding.len
        && ngx_http_llmbroker_mock_header_field(r, &encoding, &k->encoding,
                                           &r->headers_out.content_encoding)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    type = &r->headers_out.content_type;

    for (i = 0; i < k->nheaders; i++) {

        if (k->headers[i].key.len == sizeof("Content-Type") - 1
            && ngx_strncasecmp(k->headers[i].key.data,
                               (u_char *) "Content-Type",
                               sizeof("Content-Type") - 1)
               == 0)
        {
            *type = k->headers[i].value;
            continue;
        }

        if (ngx_http_llmbroker_mock_header_field(r, &k->headers[i].key,
                                                 &k->headers[i].value, NULL)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    r->headers_out.content_type_len = type->len;
    r->headers_out.content_type_lowcase = NULL;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_header_field(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *value, ngx_table_elt_t **hp)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    /* newer versions have a member "next" */

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->hash = 1;
    h->key = *name;
    h->value = *value;

    if (hp) {
        *hp = h;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_buffer(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    off_t                             size, length;
    ngx_connection_t                 *c;
    ngx_http_core_loc_conf_t         *clcf;
    ngx_http_llmbroker_mock_knobs_t  *k;

    k = ctx->knobs;
    c = ctx->request->connection;

    size = k->spacing ? NGX_HTTP_LLMBROKER_MOCK_SLOW
                      : NGX_HTTP_LLMBROKER_MOCK_BUFFER;

    if (!ctx->stream) {
        length = ngx_http_llmbroker_mock_length(&ctx->frame);
        size = ngx_min(size, ngx_max(length, 1));
    }

    if (k->bytes > 0) {
        size = ngx_min(size, k->bytes);
    }

    ctx->buf = ngx_create_temp_buf(ctx->pool, size);
    if (ctx->buf == NULL) {
        return NGX_ERROR;
    }

    ctx->out.buf = ctx->buf;
    ctx->out.next = NULL;

    ctx->limit = k->cut;

    if (k->stall != -1 && (ctx->limit == -1 || k->stall < ctx->limit)) {
        ctx->limit = k->stall;
    }

    /* small writes must leave one by one */

    clcf = ngx_http_get_module_loc_conf(ctx->request, ngx_http_core_module);

    if ((ctx->stream || k->bytes > 0) && clcf->tcp_nodelay
        && ngx_tcp_nodelay(c) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static off_t
ngx_http_llmbroker_mock_length(ngx_http_llmbroker_mock_frame_t *f)
{
    return f->before.len + (f->to - f->from) + f->after.len;
}


static void
ngx_http_llmbroker_mock_body(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_int_t            rc, filled;
    ngx_buf_t           *b;
    ngx_uint_t           turns;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = ctx->request;
    c = r->connection;
    b = ctx->buf;

    for (turns = 0; /* void */ ; turns++) {

        if (c->buffered && c->write->ready && !c->write->delayed
            && ngx_http_output_filter(r, NULL) == NGX_ERROR)
        {
            rc = NGX_ERROR;
            break;
        }

        if (c->buffered) {
            ngx_http_llmbroker_mock_block(ctx);
            return;
        }

        if (ctx->sent == ctx->limit) {
            ngx_http_llmbroker_mock_limit(ctx);
            return;
        }

        if (turns == NGX_HTTP_LLMBROKER_MOCK_TURNS) {
            rc = ngx_http_llmbroker_mock_wait(ctx, 0,
                                          ngx_http_llmbroker_mock_body_event);
            break;
        }

        filled = ngx_http_llmbroker_mock_fill(ctx);

        if (filled == NGX_ERROR) {
            rc = NGX_ERROR;
            break;
        }

        b->temporary = (b->pos != b->last);
        b->flush = !ctx->done;
        b->last_buf = ctx->done;

        rc = ngx_http_output_filter(r, &ctx->out);

        if (rc == NGX_ERROR || ctx->done) {
            ngx_http_finalize_request(r, rc);
            return;
        }

        if (filled == NGX_AGAIN) {
            rc = ngx_http_llmbroker_mock_wait(ctx, ctx->knobs->spacing,
                                          ngx_http_llmbroker_mock_body_event);
            break;
        }
    }

    if (rc != NGX_OK) {
        ngx_http_finalize_request(r, NGX_ERROR);
    }
}


static void
ngx_http_llmbroker_mock_write_handler(ngx_http_request_t *r)
{
    ngx_event_t                    *wev;
    ngx_connection_t               *c;
    ngx_http_llmbroker_mock_ctx_t  *ctx;

    c = r->connection;
    wev = c->write;

    ctx = ngx_http_get_module_ctx(r, ngx_http_llmbroker_mock_module);

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
                      "client timed out");
        c->timedout = 1;

        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (wev->timer_set && !wev->delayed) {
        ngx_del_timer(wev);
    }

    r->write_event_handler = ngx_http_request_empty_handler;

    ngx_http_llmbroker_mock_body(ctx);
}


/* Waits until the connection has taken what it was given. */

static void
ngx_http_llmbroker_mock_block(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_event_t               *wev;
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;

    r = ctx->request;
    wev = r->connection->write;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    r->write_event_handler = ngx_http_llmbroker_mock_write_handler;

    if (!wev->delayed) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_ERROR);
    }
}


/* The limit of "cut" or "stall" is reached. */

static void
ngx_http_llmbroker_mock_limit(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_http_request_t  *r;

    r = ctx->request;

    if (ctx->sent == 0
        && ngx_http_send_special(r, NGX_HTTP_FLUSH) == NGX_ERROR)
    {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    if (ctx->sent != ctx->knobs->cut) {
        r->write_event_handler = ngx_http_request_empty_handler;
        return;
    }

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "llmbroker mock cut:%O", ctx->sent);

    ngx_http_finalize_request(r, NGX_ERROR);
}


/*
 * Fills the buffer.  NGX_OK; NGX_AGAIN when the rest must wait; NGX_ERROR.
 * ctx->done is set when there is no rest.
 */

static ngx_int_t
ngx_http_llmbroker_mock_fill(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    u_char                           *last;
    ngx_int_t                         rc;
    ngx_buf_t                        *b;
    ngx_http_llmbroker_mock_frame_t  *f;

    b = ctx->buf;
    f = &ctx->frame;

    b->pos = b->start;
    b->last = b->start;
    last = b->end;

    if (ctx->limit != -1 && ctx->limit - ctx->sent < last - b->pos) {
        last = b->pos + (ctx->limit - ctx->sent);
    }

    for ( ;; ) {

        if (f->pos == ngx_http_llmbroker_mock_length(f)) {

            rc = ngx_http_llmbroker_mock_next(ctx);

            if (rc == NGX_ERROR) {
                return NGX_ERROR;
            }

            if (rc == NGX_DONE) {

                /* a cut at the very end still breaks the framing */

                ctx->done = (ctx->sent + (b->last - b->pos) != ctx->limit);
                rc = NGX_OK;
                break;
            }

            continue;
        }

        if (f->paced && ctx->knobs->spacing) {
            f->paced = 0;
            rc = NGX_AGAIN;
            break;
        }

        if (b->last == last) {
            rc = NGX_OK;
            break;
        }

        b->last = ngx_http_llmbroker_mock_frame_copy(b->last, last, f);
    }

    ctx->sent += b->last - b->pos;

    return rc;
}


static ngx_int_t
ngx_http_llmbroker_mock_next(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_int_t                         rc;
    ngx_http_llmbroker_mock_frame_t  *f;
    ngx_http_llmbroker_mock_knobs_t  *k;

    if (!ctx->stream) {
        return NGX_DONE;
    }

    f = &ctx->frame;
    k = ctx->knobs;

    ngx_memzero(f, sizeof(ngx_http_llmbroker_mock_frame_t));

    ctx->head.pos = ctx->head.start;
    ctx->tail.pos = ctx->tail.start;

    rc = NGX_OK;

    if (ctx->stage == NGX_HTTP_LLMBROKER_MOCK_AT_TEXT
        && k->error_event == (ngx_int_t) ctx->chunk)
    {
        ngx_str_set(&ctx->message, "mock error in the stream");
        ctx->status = NGX_HTTP_INTERNAL_SERVER_ERROR;
        ctx->dialect->error(ctx, 1);
        ctx->stage = NGX_HTTP_LLMBROKER_MOCK_AT_END;

    } else if (k->malformed && ngx_http_llmbroker_mock_in_middle(ctx)) {
        ctx->broken = 1;
        f->before = ctx->dialect->broken;
        return NGX_OK;

    } else {
        rc = ctx->dialect->next(ctx);
    }

    if (ctx->head.failed || ctx->tail.failed) {
        return NGX_ERROR;
    }

    f->before = ngx_http_llmbroker_mock_str(&ctx->head);
    f->after = ngx_http_llmbroker_mock_str(&ctx->tail);

    return rc;
}


static ngx_uint_t
ngx_http_llmbroker_mock_in_middle(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    return !ctx->broken && ctx->stage == NGX_HTTP_LLMBROKER_MOCK_AT_TEXT
           && 2 * ctx->texts[0].sent >= ctx->texts[0].length;
}


static u_char *
ngx_http_llmbroker_mock_frame_copy(u_char *p, u_char *last,
    ngx_http_llmbroker_mock_frame_t *f)
{
    off_t   pos, text;
    size_t  n;

    pos = f->pos;

    if (pos < (off_t) f->before.len) {
        n = ngx_min((size_t) (last - p), f->before.len - (size_t) pos);
        f->pos += n;
        return ngx_cpymem(p, f->before.data + pos, n);
    }

    pos -= f->before.len;
    text = f->to - f->from;

    if (pos < text) {
        n = (size_t) ngx_min((off_t) (last - p), text - pos);
        f->pos += n;
        return ngx_http_llmbroker_mock_copy(p, f->text, f->from + pos, n);
    }

    pos -= text;

    n = ngx_min((size_t) (last - p), f->after.len - (size_t) pos);
    f->pos += n;

    return ngx_cpymem(p, f->after.data + pos, n);
}
