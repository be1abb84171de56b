
/*
 * Copyright (C) LLMBroker contributors
 *
 * libcurl tells which sockets it waits for and when it wants to be called
 * (CURLMOPT_SOCKETFUNCTION, CURLMOPT_TIMERFUNCTION); each socket borrows one
 * of nginx's connections for as long.  Its events are level-triggered: libcurl
 * does not promise to read until there is nothing left.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <curl/curl.h>

#include "outbound/ngx_http_llmbroker_loop.h"


typedef struct {
    CURLM                           *multi;     /* NULL: not there, or over */
    ngx_log_t                       *log;
    ngx_event_t                      timer;     /* libcurl's */
    ngx_queue_t                      sockets;   /* ngx_connection_t */
    ngx_queue_t                      active;
    ngx_queue_t                      waiting;
    ngx_uint_t                       nactive;
    unsigned                         lacking:1; /* a transfer of "active" is */
} ngx_http_llmbroker_loop_t;


static ngx_int_t ngx_http_llmbroker_loop_run(ngx_http_llmbroker_transfer_t *t);

static void ngx_http_llmbroker_loop_clear_errors(void);
static void ngx_http_llmbroker_loop_event_handler(ngx_event_t *ev);
static void ngx_http_llmbroker_loop_timer_handler(ngx_event_t *ev);
static void ngx_http_llmbroker_loop_act(curl_socket_t fd, int mask);
static void ngx_http_llmbroker_loop_finished(void);
static void ngx_http_llmbroker_loop_abort(ngx_uint_t all);
static void ngx_http_llmbroker_loop_end(ngx_http_llmbroker_transfer_t *t);
static void ngx_http_llmbroker_loop_free(ngx_http_llmbroker_transfer_t *t);
static void ngx_http_llmbroker_loop_stop(void);

static int ngx_http_llmbroker_loop_on_socket(CURL *easy, curl_socket_t fd,
    int what, void *data, void *socket);
static ngx_connection_t *ngx_http_llmbroker_loop_connection(curl_socket_t fd);
static ngx_int_t ngx_http_llmbroker_loop_event(ngx_event_t *ev,
    ngx_int_t event, ngx_uint_t wanted);
static int ngx_http_llmbroker_loop_on_timer(CURLM *multi, long timeout,
    void *data);
static void ngx_http_llmbroker_loop_remove(ngx_connection_t *c);
static curl_socket_t ngx_http_llmbroker_loop_number(curl_socket_t fd);
static curl_socket_t ngx_http_llmbroker_loop_on_open(void *data,
    curlsocktype purpose, struct curl_sockaddr *addr);


static ngx_http_llmbroker_loop_t  ngx_http_llmbroker_loop;


ngx_int_t
ngx_http_llmbroker_loop_init(ngx_log_t *log)
{
    CURLM                      *multi;
    ngx_http_llmbroker_loop_t  *loop;

    loop = &ngx_http_llmbroker_loop;

    if (curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK) {
        ngx_log_error(NGX_LOG_ERR, log, 0, "curl_global_init() failed");
        return NGX_ERROR;
    }

    multi = curl_multi_init();

    if (multi == NULL) {
        ngx_log_error(NGX_LOG_ERR, log, 0, "curl_multi_init() failed");
        curl_global_cleanup();
        return NGX_ERROR;
    }

    ngx_memzero(loop, sizeof(ngx_http_llmbroker_loop_t));

    ngx_queue_init(&loop->sockets);
    ngx_queue_init(&loop->active);
    ngx_queue_init(&loop->waiting);

    loop->multi = multi;
    loop->log = log;

    loop->timer.handler = ngx_http_llmbroker_loop_timer_handler;
    loop->timer.data = loop;
    loop->timer.log = log;
    loop->timer.cancelable = 1;

    if (curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION,
                          ngx_http_llmbroker_loop_on_socket)
        != CURLM_OK
        || curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION,
                             ngx_http_llmbroker_loop_on_timer)
           != CURLM_OK)
    {
        ngx_log_error(NGX_LOG_ERR, log, 0, "curl_multi_setopt() failed");
        ngx_http_llmbroker_loop_exit();
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_loop_start(ngx_http_llmbroker_transfer_t *t)
{
    ngx_http_llmbroker_loop_t  *loop;

    loop = &ngx_http_llmbroker_loop;

    if (loop->multi == NULL || ngx_exiting || ngx_quit || ngx_terminate) {
        return NGX_DECLINED;
    }

    if (loop->nactive < NGX_HTTP_LLMBROKER_LOOP_TRANSFERS) {
        return ngx_http_llmbroker_loop_run(t);
    }

    ngx_queue_insert_tail(&loop->waiting, &t->queue);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_loop_run(ngx_http_llmbroker_transfer_t *t)
{
    ngx_http_llmbroker_loop_t  *loop;

    loop = &ngx_http_llmbroker_loop;

    t->easy = curl_easy_init();
    if (t->easy == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_llmbroker_transfer_options(t) != NGX_OK
        || curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETFUNCTION,
                            ngx_http_llmbroker_loop_on_open)
           != CURLE_OK
        || curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETDATA, t) != CURLE_OK
        || curl_multi_add_handle(loop->multi, t->easy) != CURLM_OK)
    {
        ngx_http_llmbroker_loop_free(t);
        return NGX_ERROR;
    }

    ngx_queue_insert_tail(&loop->active, &t->queue);
    loop->nactive++;

    return NGX_OK;
}


/*
 * OpenSSL keeps errors by thread: one that libcurl leaves would be taken for
 * that of the next connection that nginx serves.
 */

static void
ngx_http_llmbroker_loop_clear_errors(void)
{
#if (NGX_SSL)
    ERR_clear_error();
#endif
}


static void
ngx_http_llmbroker_loop_event_handler(ngx_event_t *ev)
{
    ngx_connection_t  *c;

    c = ev->data;

    if (c->close) {
        /* the worker exits: ngx_close_idle_connections() */
        ngx_http_llmbroker_loop_stop();
        return;
    }

    ngx_http_llmbroker_loop_act(c->fd, ev->write ? CURL_CSELECT_OUT
                                                 : CURL_CSELECT_IN);
}


static void
ngx_http_llmbroker_loop_timer_handler(ngx_event_t *ev)
{
    if (ngx_exiting || ngx_quit || ngx_terminate) {
        ngx_http_llmbroker_loop_stop();
        return;
    }

    ngx_http_llmbroker_loop_act(CURL_SOCKET_TIMEOUT, 0);
}


static void
ngx_http_llmbroker_loop_act(curl_socket_t fd, int mask)
{
    int                         running;
    CURLMcode                   rc;
    ngx_http_llmbroker_loop_t  *loop;

    loop = &ngx_http_llmbroker_loop;

    rc = curl_multi_socket_action(loop->multi, fd, mask, &running);

    ngx_http_llmbroker_loop_clear_errors();
    ngx_http_llmbroker_loop_finished();

    if (rc != CURLM_OK) {
        ngx_log_error(NGX_LOG_ALERT, loop->log, 0,
                      "curl_multi_socket_action() failed: %s",
                      curl_multi_strerror(rc));

        ngx_http_llmbroker_loop_abort(1);

    } else if (loop->lacking) {
        ngx_http_llmbroker_loop_abort(0);
    }
}


static void
ngx_http_llmbroker_loop_finished(void)
{
    int                             left;
    char                           *private;
    CURLMsg                        *msg;
    ngx_http_llmbroker_loop_t      *loop;
    ngx_http_llmbroker_transfer_t  *t;

    loop = &ngx_http_llmbroker_loop;

    for ( ;; ) {
        msg = curl_multi_info_read(loop->multi, &left);

        if (msg == NULL) {
            return;
        }

        if (msg->msg != CURLMSG_DONE
            || curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &private)
               != CURLE_OK)
        {
            continue;
        }

        t = (ngx_http_llmbroker_transfer_t *) private;

        ngx_http_llmbroker_transfer_result(t, msg->data.result);
        ngx_http_llmbroker_loop_end(t);
    }
}


/* ends the transfers that lack something here, or all of them */

static void
ngx_http_llmbroker_loop_abort(ngx_uint_t all)
{
    ngx_queue_t                    *q, *next;
    ngx_http_llmbroker_loop_t      *loop;
    ngx_http_llmbroker_transfer_t  *t;

    loop = &ngx_http_llmbroker_loop;
    loop->lacking = 0;

    for (q = ngx_queue_head(&loop->active);
         q != ngx_queue_sentinel(&loop->active);
         q = next)
    {
        next = ngx_queue_next(q);
        t = ngx_queue_data(q, ngx_http_llmbroker_transfer_t, queue);

        if (!all && !t->lacking) {
            continue;
        }

        t->rc = NGX_DECLINED;
        ngx_http_llmbroker_transfer_reason(t, "no free connection here");
        ngx_http_llmbroker_loop_end(t);
    }
}


static void
ngx_http_llmbroker_loop_end(ngx_http_llmbroker_transfer_t *t)
{
    ngx_queue_t                    *q;
    ngx_http_llmbroker_loop_t      *loop;
    ngx_http_llmbroker_transfer_t  *next;

    loop = &ngx_http_llmbroker_loop;

    ngx_queue_remove(&t->queue);
    loop->nactive--;

    ngx_http_llmbroker_loop_free(t);

    t->handler(t);

    while (loop->nactive < NGX_HTTP_LLMBROKER_LOOP_TRANSFERS
           && !ngx_queue_empty(&loop->waiting))
    {
        q = ngx_queue_head(&loop->waiting);
        next = ngx_queue_data(q, ngx_http_llmbroker_transfer_t, queue);

        ngx_queue_remove(q);

        if (ngx_http_llmbroker_loop_run(next) != NGX_OK) {
            next->rc = NGX_DECLINED;
            ngx_http_llmbroker_transfer_reason(next, "it could not be started");
            next->handler(next);
        }
    }
}


static void
ngx_http_llmbroker_loop_free(ngx_http_llmbroker_transfer_t *t)
{
    /* does nothing for one that was not added */

    (void) curl_multi_remove_handle(ngx_http_llmbroker_loop.multi, t->easy);

    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->list);
    curl_slist_free_all(t->hosts);

    ngx_http_llmbroker_loop_clear_errors();

    t->easy = NULL;
    t->list = NULL;
    t->hosts = NULL;
}


static void
ngx_http_llmbroker_loop_stop(void)
{
    ngx_queue_t                *q;
    ngx_http_llmbroker_loop_t  *loop;

    loop = &ngx_http_llmbroker_loop;

    if (loop->multi == NULL) {
        return;
    }

    while (!ngx_queue_empty(&loop->active)) {
        q = ngx_queue_head(&loop->active);
        ngx_queue_remove(q);

        ngx_http_llmbroker_loop_free(ngx_queue_data(q,
                                      ngx_http_llmbroker_transfer_t, queue));
    }

    ngx_queue_init(&loop->waiting);
    loop->nactive = 0;

    (void) curl_multi_cleanup(loop->multi);
    loop->multi = NULL;

    if (loop->timer.timer_set) {
        ngx_del_timer(&loop->timer);
    }

    curl_global_cleanup();
}


void
ngx_http_llmbroker_loop_exit(void)
{
    ngx_http_llmbroker_loop_stop();
}


/*
 * Returning -1 would end all transfers, so that it is never done: the one that
 * lacks something is ended when libcurl has returned.
 */

static int
ngx_http_llmbroker_loop_on_socket(CURL *easy, curl_socket_t fd, int what,
    void *data, void *socket)
{
    char                           *private;
    ngx_connection_t               *c;
    ngx_http_llmbroker_loop_t      *loop;
    ngx_http_llmbroker_transfer_t  *t;

    c = socket;
    loop = &ngx_http_llmbroker_loop;

    if (what == CURL_POLL_REMOVE) {

        if (c == NULL) {
            return 0;
        }

        ngx_http_llmbroker_loop_remove(c);
        return 0;
    }

    if (c == NULL) {
        c = ngx_http_llmbroker_loop_connection(fd);

        if (c) {
            (void) curl_multi_assign(loop->multi, fd, c);
        }
    }

    if (c
        && ngx_http_llmbroker_loop_event(c->read, NGX_READ_EVENT,
                                         what & CURL_POLL_IN)
           == NGX_OK
        && ngx_http_llmbroker_loop_event(c->write, NGX_WRITE_EVENT,
                                         what & CURL_POLL_OUT)
           == NGX_OK)
    {
        return 0;
    }

    if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private) == CURLE_OK
        && private)
    {
        t = (ngx_http_llmbroker_transfer_t *) private;
        t->lacking = 1;
        loop->lacking = 1;
    }

    return 0;
}


static ngx_connection_t *
ngx_http_llmbroker_loop_connection(curl_socket_t fd)
{
    struct stat        st;
    ngx_connection_t  *c;

    /* ngx_get_connection() would log an alert */

    if (ngx_cycle->free_connections == NULL || fstat(fd, &st) == -1) {
        return NULL;
    }

    c = ngx_get_connection(fd, ngx_http_llmbroker_loop.log);
    if (c == NULL) {
        return NULL;
    }

    c->read->handler = ngx_http_llmbroker_loop_event_handler;
    c->read->log = c->log;
    c->write->handler = ngx_http_llmbroker_loop_event_handler;
    c->write->log = c->log;

    /* a worker that is to exit calls the read handler of such ones at once */

    c->idle = 1;

    c->data = (void *) (uintptr_t) st.st_ino;

    ngx_queue_insert_tail(&ngx_http_llmbroker_loop.sockets, &c->queue);

    return c;
}


/*
 * The descriptor is libcurl's to close.  Where an attempt to connect has
 * failed, some versions have done so already, and its number may even be of
 * another file by now: a socket is known by its inode.
 */

static void
ngx_http_llmbroker_loop_remove(ngx_connection_t *c)
{
    ngx_uint_t   flags;
    struct stat  st;

    flags = 0;

    if (fstat(c->fd, &st) == -1
        || c->data != (void *) (uintptr_t) st.st_ino)
    {
        flags = NGX_CLOSE_EVENT;
    }

    if (c->read->active) {
        (void) ngx_del_event(c->read, NGX_READ_EVENT, flags);
    }

    if (c->write->active) {
        (void) ngx_del_event(c->write, NGX_WRITE_EVENT, flags);
    }

    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }

    if (c->write->posted) {
        ngx_delete_posted_event(c->write);
    }

    ngx_queue_remove(&c->queue);

    ngx_free_connection(c);
    c->fd = (ngx_socket_t) -1;
}


static ngx_int_t
ngx_http_llmbroker_loop_event(ngx_event_t *ev, ngx_int_t event,
    ngx_uint_t wanted)
{
    ngx_int_t  rc;

    rc = NGX_OK;

    if (wanted && !ev->active) {
        rc = ngx_add_event(ev, event, NGX_LEVEL_EVENT);

    } else if (!wanted && ev->active) {
        rc = ngx_del_event(ev, event, 0);
    }

    if (!wanted && ev->posted) {
        ngx_delete_posted_event(ev);
    }

    return rc;
}


static int
ngx_http_llmbroker_loop_on_timer(CURLM *multi, long timeout, void *data)
{
    ngx_event_t  *timer;

    timer = &ngx_http_llmbroker_loop.timer;

    /* a timer that is set already would not be moved by less than 300 ms */

    if (timer->timer_set) {
        ngx_del_timer(timer);
    }

    /* 0 too: libcurl must not be called from inside of its callback */

    if (timeout >= 0) {
        ngx_add_timer(timer, (ngx_msec_t) timeout);
    }

    return 0;
}


/* tells a lack of descriptors here from a server that cannot be reached */

static curl_socket_t
ngx_http_llmbroker_loop_on_open(void *data, curlsocktype purpose,
    struct curl_sockaddr *addr)
{
    ngx_http_llmbroker_transfer_t *t = data;

    ngx_err_t      err;
    curl_socket_t  fd;

    if (ngx_cycle->free_connections == NULL) {
        t->lacking = 1;
        return CURL_SOCKET_BAD;
    }

    fd = socket(addr->family, addr->socktype, addr->protocol);

    if (fd != (curl_socket_t) -1) {
        fd = ngx_http_llmbroker_loop_number(fd);
    }

    if (fd != (curl_socket_t) -1) {
        return fd;
    }

    err = ngx_socket_errno;

    if (err == NGX_EMFILE || err == NGX_ENFILE || err == NGX_ENOMEM
        || err == ENOBUFS)
    {
        t->lacking = 1;
    }

    return CURL_SOCKET_BAD;
}


/*
 * A number that was closed without notice must not return as that of the next
 * attempt: libcurl would think that its events are watched already.
 */

static curl_socket_t
ngx_http_llmbroker_loop_number(curl_socket_t fd)
{
    ngx_uint_t                  known;
    ngx_queue_t                *q;
    curl_socket_t               new, max;
    ngx_connection_t           *c;
    ngx_http_llmbroker_loop_t  *loop;

    loop = &ngx_http_llmbroker_loop;

    known = 0;
    max = fd;

    for (q = ngx_queue_head(&loop->sockets);
         q != ngx_queue_sentinel(&loop->sockets);
         q = ngx_queue_next(q))
    {
        c = ngx_queue_data(q, ngx_connection_t, queue);

        if (c->fd == fd) {
            known = 1;
        }

        max = ngx_max(max, c->fd);
    }

    if (!known) {
        return fd;
    }

    new = fcntl(fd, F_DUPFD, max + 1);

    (void) ngx_close_socket(fd);

    return new;
}
