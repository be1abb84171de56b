
/*
 * Copyright (C) LLMBroker contributors
 *
 * The time that an attempt may take.  One timer, which is not moved when bytes
 * come: when it fires it looks what is late, and else waits for the rest; it
 * is moved only where something may be late sooner than before.  nginx's own
 * timers of reading would be moved with each event, and are exact to 300 ms
 * only, since ngx_add_timer() leaves one alone that is near enough.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "request/ngx_http_llmbroker_attempt.h"


static void ngx_http_llmbroker_attempt_timer(ngx_event_t *ev);
static ngx_msec_int_t ngx_http_llmbroker_attempt_left(
    ngx_http_llmbroker_attempt_t *at);
static ngx_msec_int_t ngx_http_llmbroker_attempt_until(ngx_msec_t start,
    ngx_msec_t timeout);


void
ngx_http_llmbroker_attempt_watch(ngx_http_llmbroker_attempt_t *at)
{
    ngx_msec_int_t  left;

    at->timer.handler = ngx_http_llmbroker_attempt_timer;
    at->timer.data = at;
    at->timer.log = at->exchange.log;

    left = ngx_http_llmbroker_attempt_left(at);

    ngx_add_timer(&at->timer, (ngx_msec_t) ngx_max(left, 0));
}


void
ngx_http_llmbroker_attempt_limit(ngx_http_llmbroker_attempt_t *at,
    ngx_msec_t msec)
{
    at->limited = 1;
    at->limit = ngx_current_msec + msec;

    ngx_http_llmbroker_attempt_sooner(at);
}


void
ngx_http_llmbroker_attempt_sooner(ngx_http_llmbroker_attempt_t *at)
{
    ngx_msec_t      key;
    ngx_msec_int_t  left;

    if (!at->timer.timer_set) {
        return;
    }

    left = ngx_http_llmbroker_attempt_left(at);
    left = ngx_max(left, 0);

    key = ngx_current_msec + left;

    if ((ngx_msec_int_t) (at->timer.timer.key - key) > 0) {
        ngx_del_timer(&at->timer);
        ngx_add_timer(&at->timer, (ngx_msec_t) left);
    }
}


static void
ngx_http_llmbroker_attempt_timer(ngx_event_t *ev)
{
    ngx_msec_int_t                 left;
    ngx_connection_t              *c;
    ngx_http_request_t            *r;
    ngx_http_llmbroker_attempt_t  *at;

    at = ev->data;
    r = at->request;

    /* nothing is read while the client is slow */

    if (r->upstream && r->upstream->busy_bufs) {
        at->last = ngx_current_msec;
    }

    left = ngx_http_llmbroker_attempt_left(at);

    if (left > 0) {
        ngx_add_timer(ev, (ngx_msec_t) left);
        return;
    }

    c = r->connection;

    ngx_http_set_log_request(c->log, r->main);

    /* a complete answer whose provider lingers is no failure */

    if (!at->exchange.done) {
        ngx_log_error(NGX_LOG_ERR, c->log, NGX_ETIMEDOUT,
                      "upstream gave no %s answer in %Mms",
                      at->begun ? "complete" : "first",
                      ngx_current_msec - at->own);

        at->timed_out = 1;
    }

    ngx_http_llmbroker_attempt_abort(at);

    ngx_http_run_posted_requests(c);
}


/* msec until something is late */

static ngx_msec_int_t
ngx_http_llmbroker_attempt_left(ngx_http_llmbroker_attempt_t *at)
{
    ngx_msec_t                        deadline;
    ngx_msec_int_t                    left, other;
    ngx_http_llmbroker_deployment_t  *d;

    d = at->deployment;

    left = ngx_http_llmbroker_attempt_until(at->start, d->timeout);

    other = at->begun
            ? ngx_http_llmbroker_attempt_until(at->last, d->idle_timeout)
            : ngx_http_llmbroker_attempt_until(at->own,
                                               d->first_token_timeout);

    left = ngx_min(left, other);

    deadline = at->ctx->model->policy.deadline;

    if (deadline) {
        other = ngx_http_llmbroker_attempt_until(at->ctx->start, deadline);
        left = ngx_min(left, other);
    }

    if (at->limited) {
        other = ngx_http_llmbroker_attempt_until(at->limit, 0);
        left = ngx_min(left, other);
    }

    return left;
}


static ngx_msec_int_t
ngx_http_llmbroker_attempt_until(ngx_msec_t start, ngx_msec_t timeout)
{
    return (ngx_msec_int_t) (start + timeout - ngx_current_msec);
}
