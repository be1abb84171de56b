
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "request/ngx_http_llmbroker_quit.h"
#include "request/ngx_http_llmbroker_run.h"


/* what a client needs to get the last event before nginx cuts it off: msec */
#define NGX_HTTP_LLMBROKER_QUIT_MARGIN  500


typedef struct {
    ngx_queue_t                      calls;    /* ctx_t.queue */
    ngx_msec_t                       timeout;  /* 0: none */
    ngx_uint_t                       over;     /* the timeout has passed */
    ngx_event_t                      timer;
} ngx_http_llmbroker_quit_t;


static void ngx_http_llmbroker_quit_begin(ngx_event_t *ev);
static void ngx_http_llmbroker_quit_end(ngx_event_t *ev);


static ngx_http_llmbroker_quit_t  ngx_http_llmbroker_quit;


/*
 * nginx has no hook for the moment a process is told to quit, but it tells all
 * idle connections then: this one, of a socket that is never connected, is for
 * that alone.
 */

ngx_int_t
ngx_http_llmbroker_quit_init(ngx_cycle_t *cycle, ngx_msec_t drain_timeout)
{
    ngx_msec_t         timeout;
    ngx_socket_t       s;
    ngx_core_conf_t   *ccf;
    ngx_connection_t  *c;

    ngx_queue_init(&ngx_http_llmbroker_quit.calls);

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    timeout = drain_timeout;

    if (ccf->shutdown_timeout) {
        timeout = ccf->shutdown_timeout
                  - ngx_min(ccf->shutdown_timeout / 2,
                            NGX_HTTP_LLMBROKER_QUIT_MARGIN);

        if (drain_timeout) {
            timeout = ngx_min(timeout, drain_timeout);
        }
    }

    ngx_http_llmbroker_quit.timeout = timeout;

    if (timeout == 0) {
        return NGX_OK;
    }

    ngx_http_llmbroker_quit.timer.handler = ngx_http_llmbroker_quit_end;
    ngx_http_llmbroker_quit.timer.log = cycle->log;
    ngx_http_llmbroker_quit.timer.data = &ngx_http_llmbroker_quit;
    ngx_http_llmbroker_quit.timer.cancelable = 1;

    s = ngx_socket(AF_UNIX, SOCK_STREAM, 0);

    if (s == (ngx_socket_t) -1) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_socket_errno,
                      ngx_socket_n " failed");
        return NGX_ERROR;
    }

    c = ngx_get_connection(s, cycle->log);

    if (c == NULL) {
        (void) ngx_close_socket(s);
        return NGX_ERROR;
    }

    c->log = cycle->log;
    c->read->log = cycle->log;
    c->write->log = cycle->log;
    c->read->handler = ngx_http_llmbroker_quit_begin;
    c->idle = 1;

    return NGX_OK;
}


ngx_uint_t
ngx_http_llmbroker_quit_over(void)
{
    return ngx_http_llmbroker_quit.over;
}


void
ngx_http_llmbroker_quit_watch(ngx_http_llmbroker_ctx_t *ctx)
{
    ngx_queue_insert_tail(&ngx_http_llmbroker_quit.calls, &ctx->queue);
    ctx->watched = 1;
}


void
ngx_http_llmbroker_quit_forget(ngx_http_llmbroker_ctx_t *ctx)
{
    if (ctx->watched) {
        ngx_queue_remove(&ctx->queue);
        ctx->watched = 0;
    }
}


static void
ngx_http_llmbroker_quit_begin(ngx_event_t *ev)
{
    ngx_connection_t  *c;

    c = ev->data;

    if (!c->close) {
        return;
    }

    ngx_close_connection(c);

    ngx_add_timer(&ngx_http_llmbroker_quit.timer,
                  ngx_http_llmbroker_quit.timeout);
}


static void
ngx_http_llmbroker_quit_end(ngx_event_t *ev)
{
    ngx_queue_t               *q, *calls;
    ngx_http_llmbroker_ctx_t  *ctx;

    calls = &ngx_http_llmbroker_quit.calls;

    ngx_http_llmbroker_quit.over = 1;

    /* one call's end may be another's: of one HTTP/2 connection, say */

    while (!ngx_queue_empty(calls)) {
        q = ngx_queue_head(calls);
        ctx = ngx_queue_data(q, ngx_http_llmbroker_ctx_t, queue);

        ngx_http_llmbroker_quit_forget(ctx);
        ngx_http_llmbroker_run_quit(ctx);
    }
}
