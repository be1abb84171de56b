
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
static ngx_int_t ngx_http_llmbroker_loop_options(
    ngx_http_llmbroker_transfer_t *t);
static ngx_int_t ngx_http_llmbroker_loop_tls(ngx_http_llmbroker_transfer_t *t);
static ngx_int_t ngx_http_llmbroker_loop_headers(
    ngx_http_llmbroker_transfer_t *t);
static ngx_int_t ngx_http_llmbroker_loop_add(ngx_http_llmbroker_transfer_t *t,
    const char *line);

static void ngx_http_llmbroker_loop_clear_errors(void);
static void ngx_http_llmbroker_loop_event_handler(ngx_event_t *ev);
static void ngx_http_llmbroker_loop_timer_handler(ngx_event_t *ev);
static void ngx_http_llmbroker_loop_act(curl_socket_t fd, int mask);
static void ngx_http_llmbroker_loop_finished(void);
static void ngx_http_llmbroker_loop_abort(ngx_uint_t all);
static void ngx_http_llmbroker_loop_result(ngx_http_llmbroker_transfer_t *t,
    CURLcode code);
static void ngx_http_llmbroker_loop_reason(ngx_http_llmbroker_transfer_t *t,
    const char *text);
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
static size_t ngx_http_llmbroker_loop_on_header(char *p, size_t size, size_t n,
    void *data);
static size_t ngx_http_llmbroker_loop_on_body(char *p, size_t size, size_t n,
    void *data);
static ngx_int_t ngx_http_llmbroker_loop_keep(ngx_http_llmbroker_transfer_t *t,
    char *p, size_t len);


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

    if (ngx_http_llmbroker_loop_options(t) != NGX_OK
        || ngx_http_llmbroker_loop_tls(t) != NGX_OK
        || ngx_http_llmbroker_loop_headers(t) != NGX_OK
        || curl_multi_add_handle(loop->multi, t->easy) != CURLM_OK)
    {
        ngx_http_llmbroker_loop_free(t);
        return NGX_ERROR;
    }

    ngx_queue_insert_tail(&loop->active, &t->queue);
    loop->nactive++;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_loop_options(ngx_http_llmbroker_transfer_t *t)
{
    u_char    *url;
    CURL      *easy;
    CURLcode   rc;

    easy = t->easy;

    url = ngx_pnalloc(t->pool, t->url.len + 1);
    t->error = ngx_pcalloc(t->pool, CURL_ERROR_SIZE);

    if (url == NULL || t->error == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_cpystrn(url, t->url.data, t->url.len + 1);

    rc = curl_easy_setopt(easy, CURLOPT_URL, url);

    /* signals are nginx's, and the environment has no say */

    rc |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    rc |= curl_easy_setopt(easy, CURLOPT_PROXY, "");

#if (LIBCURL_VERSION_NUM >= 0x075500)
    rc |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    rc |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS,
                           CURLPROTO_HTTP|CURLPROTO_HTTPS);
#endif

    rc |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    rc |= curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    rc |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);

    /* a check that reused a connection would not tell whether one is made */

    rc |= curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    rc |= curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    rc |= curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L);

    rc |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long) t->timeout);
    rc |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long) t->timeout);

#if (LIBCURL_VERSION_NUM >= 0x075700)
    /* or the end of a transfer waits for the thread that looks up its name */

    rc |= curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif

    rc |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION,
                           ngx_http_llmbroker_loop_on_open);
    rc |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, t);
    rc |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION,
                           ngx_http_llmbroker_loop_on_header);
    rc |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
    rc |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION,
                           ngx_http_llmbroker_loop_on_body);
    rc |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
    rc |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->error);
    rc |= curl_easy_setopt(easy, CURLOPT_PRIVATE, t);

    if (t->post) {
        rc |= curl_easy_setopt(easy, CURLOPT_POST, 1L);
        rc |= curl_easy_setopt(easy, CURLOPT_POSTFIELDS, t->body.data);
        rc |= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                               (curl_off_t) t->body.len);
    }

    return (rc == CURLE_OK) ? NGX_OK : NGX_ERROR;
}


#if (NGX_SSL)

/*
 * The certificates were read when nginx started: a bundle of them takes
 * milliseconds, in which no request is served.
 */

static CURLcode
ngx_http_llmbroker_loop_on_tls(CURL *easy, void *ssl_ctx, void *data)
{
    ngx_http_llmbroker_transfer_t *t = data;

    X509_STORE  *store;

    store = SSL_CTX_get_cert_store(t->trusted);

    if (X509_STORE_up_ref(store) == 0) {
        return CURLE_OUT_OF_MEMORY;
    }

    SSL_CTX_set_cert_store(ssl_ctx, store);

    return CURLE_OK;
}


static ngx_int_t
ngx_http_llmbroker_loop_tls(ngx_http_llmbroker_transfer_t *t)
{
    CURL      *easy;
    CURLcode   rc;

    easy = t->easy;

    rc = curl_easy_setopt(easy, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
    rc |= curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
    rc |= curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);

    /* nginx's own store: nothing is added to it, nor is it kept for others */

    rc |= curl_easy_setopt(easy, CURLOPT_SSL_OPTIONS,
                           CURLSSLOPT_NO_PARTIALCHAIN);

#if (LIBCURL_VERSION_NUM >= 0x075700)
    rc |= curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
#endif

    if (t->trusted == NULL) {
        rc |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        rc |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);

    } else {
        rc |= curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION,
                               ngx_http_llmbroker_loop_on_tls);
        rc |= curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, t);
    }

    return (rc == CURLE_OK) ? NGX_OK : NGX_ERROR;
}


/*
 * OpenSSL keeps errors by thread: one that libcurl leaves would be taken for
 * that of the next connection that nginx serves.
 */

static void
ngx_http_llmbroker_loop_clear_errors(void)
{
    ERR_clear_error();
}

#else

static ngx_int_t
ngx_http_llmbroker_loop_tls(ngx_http_llmbroker_transfer_t *t)
{
    return NGX_OK;
}


static void
ngx_http_llmbroker_loop_clear_errors(void)
{
}

#endif


static ngx_int_t
ngx_http_llmbroker_loop_headers(ngx_http_llmbroker_transfer_t *t)
{
    u_char  *p, *last, *end, *line;

    p = t->headers.data;
    last = p + t->headers.len;

    while (p < last) {
        end = ngx_strlchr(p, last, CR);

        if (end == NULL) {
            break;
        }

        line = ngx_pnalloc(t->pool, end - p + 1);
        if (line == NULL) {
            return NGX_ERROR;
        }

        (void) ngx_cpystrn(line, p, end - p + 1);

        if (ngx_http_llmbroker_loop_add(t, (char *) line) != NGX_OK) {
            return NGX_ERROR;
        }

        p = end + 2;
    }

    /* no waiting for 100 (Continue) */

    if (ngx_http_llmbroker_loop_add(t, "Expect:") != NGX_OK) {
        return NGX_ERROR;
    }

    return (curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->list) == CURLE_OK)
           ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_llmbroker_loop_add(ngx_http_llmbroker_transfer_t *t, const char *line)
{
    struct curl_slist  *list;

    list = curl_slist_append(t->list, line);
    if (list == NULL) {
        return NGX_ERROR;
    }

    t->list = list;

    return NGX_OK;
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

        ngx_http_llmbroker_loop_result(t, msg->data.result);
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
        ngx_http_llmbroker_loop_reason(t, "no free connection here");
        ngx_http_llmbroker_loop_end(t);
    }
}


static void
ngx_http_llmbroker_loop_result(ngx_http_llmbroker_transfer_t *t, CURLcode code)
{
    long  status;

    status = 0;

    (void) curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);

    if ((code == CURLE_OK || t->cut) && status) {
        t->rc = NGX_OK;
        t->status = status;
        return;
    }

    t->rc = (t->lacking || code == CURLE_OUT_OF_MEMORY) ? NGX_DECLINED
                                                        : NGX_ERROR;

    ngx_http_llmbroker_loop_reason(t, t->error[0] ? t->error
                                                  : curl_easy_strerror(code));
}


/* a text of libcurl's may repeat what the server said */

static void
ngx_http_llmbroker_loop_reason(ngx_http_llmbroker_transfer_t *t,
    const char *text)
{
    u_char  *p;
    size_t   i;

    t->reason.len = ngx_strlen(text);
    t->reason.data = ngx_pnalloc(t->pool, t->reason.len);

    if (t->reason.data == NULL) {
        t->reason.len = 0;
        return;
    }

    p = t->reason.data;

    for (i = 0; i < t->reason.len; i++) {
        p[i] = (text[i] >= 0x20 && text[i] < 0x7f) ? text[i] : '?';
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
            ngx_http_llmbroker_loop_reason(next, "it could not be started");
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

    ngx_http_llmbroker_loop_clear_errors();

    t->easy = NULL;
    t->list = NULL;
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


static size_t
ngx_http_llmbroker_loop_on_header(char *p, size_t size, size_t n, void *data)
{
    ngx_http_llmbroker_transfer_t *t = data;

    t->received += size * n;

    if (t->received > NGX_HTTP_LLMBROKER_LOOP_ANSWER) {
        return 0;
    }

    return size * n;
}


static size_t
ngx_http_llmbroker_loop_on_body(char *p, size_t size, size_t n, void *data)
{
    ngx_http_llmbroker_transfer_t *t = data;

    size_t  len;

    len = size * n;

    if (t->received + len > NGX_HTTP_LLMBROKER_LOOP_ANSWER) {
        t->cut = 1;
        return 0;
    }

    t->received += len;

    if (t->keep && ngx_http_llmbroker_loop_keep(t, p, len) != NGX_OK) {
        t->lacking = 1;
        return 0;
    }

    return len;
}


static ngx_int_t
ngx_http_llmbroker_loop_keep(ngx_http_llmbroker_transfer_t *t, char *p,
    size_t len)
{
    u_char  *data;
    size_t   size;

    if (len > t->size - t->answer.len) {
        size = ngx_max(2 * t->size, t->answer.len + len);
        size = ngx_max(size, 2 * ngx_pagesize);

        data = ngx_pnalloc(t->pool, size);
        if (data == NULL) {
            return NGX_ERROR;
        }

        if (t->size) {
            ngx_memcpy(data, t->answer.data, t->answer.len);
            (void) ngx_pfree(t->pool, t->answer.data);
        }

        t->answer.data = data;
        t->size = size;
    }

    ngx_memcpy(t->answer.data + t->answer.len, p, len);
    t->answer.len += len;

    return NGX_OK;
}
