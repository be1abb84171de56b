
/*
 * Copyright (C) LLMBroker contributors
 */


#include "config/ngx_http_llmbroker_resolve.h"


/*
 * Between two queries: at least, at most; after a failure, with addresses that
 * stay in use and without.
 */

#define NGX_HTTP_LLMBROKER_RESOLVE_MIN    1000
#define NGX_HTTP_LLMBROKER_RESOLVE_MAX    86400000
#define NGX_HTTP_LLMBROKER_RESOLVE_RETRY  5000
#define NGX_HTTP_LLMBROKER_RESOLVE_NONE   1000

/* a first answer takes so long, or it is not waited for */

#define NGX_HTTP_LLMBROKER_RESOLVE_FIRST  2000


static void ngx_http_llmbroker_resolve_forget(void *data);
static void ngx_http_llmbroker_resolve_query(ngx_event_t *ev);
static void ngx_http_llmbroker_resolve_handler(ngx_resolver_ctx_t *ctx);
static void ngx_http_llmbroker_resolve_failed(
    ngx_http_llmbroker_resolve_t *name, ngx_int_t state);
static void ngx_http_llmbroker_resolve_wake(
    ngx_http_llmbroker_resolve_t *name);
static ngx_msec_t ngx_http_llmbroker_resolve_delay(time_t valid);
static ngx_int_t ngx_http_llmbroker_resolve_update(
    ngx_http_llmbroker_resolve_t *name, ngx_resolver_addr_t *addrs,
    ngx_uint_t n);
static ngx_http_llmbroker_addrs_t *ngx_http_llmbroker_addrs_create(
    ngx_http_llmbroker_resolve_t *name, ngx_resolver_addr_t *addrs,
    ngx_uint_t n);
static ngx_int_t ngx_http_llmbroker_addr_init(ngx_pool_t *pool,
    ngx_http_llmbroker_addr_t *addr, ngx_resolver_addr_t *from,
    in_port_t port);
static ngx_uint_t ngx_http_llmbroker_addrs_inherit(
    ngx_http_llmbroker_addrs_t *list, ngx_http_llmbroker_addrs_t *old);
static ngx_http_llmbroker_addr_t *ngx_http_llmbroker_addrs_find(
    ngx_http_llmbroker_addrs_t *list, ngx_http_llmbroker_addr_t *addr);
static void ngx_http_llmbroker_addrs_release(void *data);
static void ngx_http_llmbroker_resolve_cleanup(void *data);


ngx_http_llmbroker_resolve_t *
ngx_http_llmbroker_resolve_create(ngx_conf_t *cf, ngx_str_t *name,
    in_port_t port, ngx_resolver_addr_t *addrs, ngx_uint_t n)
{
    ngx_pool_cleanup_t            *cln;
    ngx_http_llmbroker_resolve_t  *rn;

    rn = ngx_pcalloc(cf->pool, sizeof(ngx_http_llmbroker_resolve_t));
    if (rn == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     rn->addrs = NULL;
     *     rn->resolver = NULL;
     *     rn->ctx = NULL;
     *     rn->failed = 0;
     */

    rn->name = *name;
    rn->ident = -1;
    rn->port = port;

    /* cf->log is gone by the time that a worker uses it */

    rn->log = &cf->cycle->new_log;

    ngx_queue_init(&rn->waiting);

    rn->timer.handler = ngx_http_llmbroker_resolve_query;
    rn->timer.data = rn;
    rn->timer.log = rn->log;

    /* or a worker that is to exit would wait for it */

    rn->timer.cancelable = 1;

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_llmbroker_resolve_cleanup;
    cln->data = rn;

    if (n) {
        rn->addrs = ngx_http_llmbroker_addrs_create(rn, addrs, n);
        if (rn->addrs == NULL) {
            return NULL;
        }
    }

    return rn;
}


void
ngx_http_llmbroker_resolve_start(ngx_http_llmbroker_resolve_t *name)
{
    if (name->resolver) {
        ngx_http_llmbroker_resolve_query(&name->timer);
    }
}


ngx_int_t
ngx_http_llmbroker_resolve_wait(ngx_http_llmbroker_resolve_t *name,
    ngx_pool_t *pool, ngx_http_llmbroker_wait_t *wait)
{
    ngx_pool_cleanup_t  *cln;

    if (name->addrs || name->failed || name->ctx == NULL) {
        return NGX_DECLINED;
    }

    cln = ngx_pool_cleanup_add(pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_llmbroker_resolve_forget;
    cln->data = wait;

    ngx_queue_insert_tail(&name->waiting, &wait->queue);
    wait->queued = 1;

    return NGX_AGAIN;
}


static void
ngx_http_llmbroker_resolve_forget(void *data)
{
    (void) ngx_http_llmbroker_resolve_leave(data);
}


ngx_uint_t
ngx_http_llmbroker_resolve_leave(ngx_http_llmbroker_wait_t *wait)
{
    if (!wait->queued) {
        return 0;
    }

    ngx_queue_remove(&wait->queue);
    wait->queued = 0;

    return 1;
}


ngx_int_t
ngx_http_llmbroker_resolve_addrs(ngx_http_llmbroker_resolve_t *name,
    ngx_pool_t *pool, ngx_http_llmbroker_addrs_t **addrs)
{
    ngx_pool_cleanup_t  *cln;

    *addrs = name->addrs;

    if (name->addrs == NULL) {
        return NGX_OK;
    }

    cln = ngx_pool_cleanup_add(pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    name->addrs->users++;

    cln->handler = ngx_http_llmbroker_addrs_release;
    cln->data = name->addrs;

    return NGX_OK;
}


static void
ngx_http_llmbroker_resolve_query(ngx_event_t *ev)
{
    ngx_resolver_ctx_t            *ctx;
    ngx_http_llmbroker_resolve_t  *name;

    name = ev->data;

    ctx = ngx_resolve_start(name->resolver, NULL);

    if (ctx == NULL || ctx == NGX_NO_RESOLVER) {
        ngx_http_llmbroker_resolve_failed(name, NGX_RESOLVE_SERVFAIL);
        return;
    }

    ctx->name = name->name;
    ctx->handler = ngx_http_llmbroker_resolve_handler;
    ctx->data = name;
    ctx->timeout = name->timeout;
    ctx->cancelable = 1;

    if (name->addrs == NULL && !name->failed) {
        ctx->timeout = ngx_min(name->timeout,
                               NGX_HTTP_LLMBROKER_RESOLVE_FIRST);
    }

    name->ctx = ctx;

    /* the handler may have been called when it returns */

    if (ngx_resolve_name(ctx) != NGX_OK) {
        name->ctx = NULL;
        ngx_http_llmbroker_resolve_failed(name, NGX_RESOLVE_SERVFAIL);
    }
}


static void
ngx_http_llmbroker_resolve_handler(ngx_resolver_ctx_t *ctx)
{
    ngx_http_llmbroker_resolve_t  *name;

    name = ctx->data;

    name->ctx = NULL;

    if (ctx->state != NGX_OK || ctx->naddrs == 0) {
        ngx_http_llmbroker_resolve_failed(name, ctx->state);

    } else if (ngx_http_llmbroker_resolve_update(name, ctx->addrs, ctx->naddrs)
               != NGX_OK)
    {
        name->failed = 1;
        ngx_add_timer(&name->timer, NGX_HTTP_LLMBROKER_RESOLVE_RETRY);

    } else {
        ngx_add_timer(&name->timer,
                      ngx_http_llmbroker_resolve_delay(ctx->valid));
    }

    ngx_resolve_name_done(ctx);

    ngx_http_llmbroker_resolve_wake(name);
}


/* addresses that were good stay in use, as nothing better is known */

static void
ngx_http_llmbroker_resolve_failed(ngx_http_llmbroker_resolve_t *name,
    ngx_int_t state)
{
    ngx_add_timer(&name->timer, name->addrs ? NGX_HTTP_LLMBROKER_RESOLVE_RETRY
                                            : NGX_HTTP_LLMBROKER_RESOLVE_NONE);

    if (name->failed) {
        return;
    }

    name->failed = 1;

    ngx_log_error(NGX_LOG_WARN, name->log, 0,
                  "%V could not be resolved (%i: %s), %s",
                  &name->name, state, ngx_resolver_strerror(state),
                  name->addrs ? "its last addresses stay in use"
                              : "it has no address");
}


static void
ngx_http_llmbroker_resolve_wake(ngx_http_llmbroker_resolve_t *name)
{
    ngx_queue_t                *q;
    ngx_http_llmbroker_wait_t  *wait;

    /* one that goes on may take others with it */

    while (!ngx_queue_empty(&name->waiting)) {

        q = ngx_queue_head(&name->waiting);
        wait = ngx_queue_data(q, ngx_http_llmbroker_wait_t, queue);

        (void) ngx_http_llmbroker_resolve_leave(wait);

        wait->handler(wait->data);
    }
}


/*
 * The resolver's cache answers until the second "valid" is over.  The time of
 * day and the timers' clock differ a little.
 */

static ngx_msec_t
ngx_http_llmbroker_resolve_delay(time_t valid)
{
    time_t       left;
    ngx_time_t  *tp;
    ngx_msec_t   delay;

    tp = ngx_timeofday();

    left = valid + 1 - tp->sec;

    if (left > NGX_HTTP_LLMBROKER_RESOLVE_MAX / 1000) {
        return NGX_HTTP_LLMBROKER_RESOLVE_MAX;
    }

    if (left <= 1) {
        return NGX_HTTP_LLMBROKER_RESOLVE_MIN;
    }

    delay = (ngx_msec_t) left * 1000 - tp->msec + 10;

    return ngx_max(delay, NGX_HTTP_LLMBROKER_RESOLVE_MIN);
}


static ngx_int_t
ngx_http_llmbroker_resolve_update(ngx_http_llmbroker_resolve_t *name,
    ngx_resolver_addr_t *addrs, ngx_uint_t n)
{
    ngx_uint_t                   same;
    ngx_http_llmbroker_addrs_t  *old, *list;

    list = ngx_http_llmbroker_addrs_create(name, addrs, n);
    if (list == NULL) {
        return NGX_ERROR;
    }

    if (name->failed) {
        name->failed = 0;

        ngx_log_error(NGX_LOG_NOTICE, name->log, 0,
                      "%V is resolved again", &name->name);
    }

    /* requests that run keep the list that they have */

    old = name->addrs;
    name->addrs = list;

    same = 0;

    if (old) {
        same = ngx_http_llmbroker_addrs_inherit(list, old);
        same = (same == list->n && same == old->n);

        ngx_http_llmbroker_addrs_release(old);
    }

    if (!same) {
        ngx_log_error(NGX_LOG_INFO, name->log, 0,
                      "%V is now at %V%s", &name->name, &list->elts[0].name,
                      list->n > 1 ? ", ..." : "");
    }

    return NGX_OK;
}


static ngx_http_llmbroker_addrs_t *
ngx_http_llmbroker_addrs_create(ngx_http_llmbroker_resolve_t *name,
    ngx_resolver_addr_t *addrs, ngx_uint_t n)
{
    ngx_pool_t                  *pool;
    ngx_uint_t                   i;
    ngx_http_llmbroker_addrs_t  *list;

    n = ngx_min(n, NGX_HTTP_LLMBROKER_ADDRS);

    pool = ngx_create_pool(1024, name->log);
    if (pool == NULL) {
        return NULL;
    }

    list = ngx_palloc(pool, sizeof(ngx_http_llmbroker_addrs_t));
    if (list == NULL) {
        goto failed;
    }

    list->pool = pool;
    list->users = 1;
    list->n = n;

    list->elts = ngx_pcalloc(pool, n * sizeof(ngx_http_llmbroker_addr_t));
    if (list->elts == NULL) {
        goto failed;
    }

    for (i = 0; i < n; i++) {
        if (ngx_http_llmbroker_addr_init(pool, &list->elts[i], &addrs[i],
                                         name->port)
            != NGX_OK)
        {
            goto failed;
        }
    }

    return list;

failed:

    ngx_destroy_pool(pool);

    return NULL;
}


static ngx_int_t
ngx_http_llmbroker_addr_init(ngx_pool_t *pool, ngx_http_llmbroker_addr_t *addr,
    ngx_resolver_addr_t *from, in_port_t port)
{
    addr->sockaddr = ngx_palloc(pool, from->socklen);
    if (addr->sockaddr == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(addr->sockaddr, from->sockaddr, from->socklen);
    addr->socklen = from->socklen;

    ngx_inet_set_port(addr->sockaddr, port);

    addr->name.data = ngx_pnalloc(pool, NGX_SOCKADDR_STRLEN);
    if (addr->name.data == NULL) {
        return NGX_ERROR;
    }

    addr->name.len = ngx_sock_ntop(addr->sockaddr, addr->socklen,
                                   addr->name.data, NGX_SOCKADDR_STRLEN, 1);
    return NGX_OK;
}


/*
 * What is known of the addresses that both lists have moves to the new one.
 * Return: their number.
 */

static ngx_uint_t
ngx_http_llmbroker_addrs_inherit(ngx_http_llmbroker_addrs_t *list,
    ngx_http_llmbroker_addrs_t *old)
{
    ngx_uint_t                  i, same;
    ngx_http_llmbroker_addr_t  *a, *b;

    same = 0;

    for (i = 0; i < list->n; i++) {

        a = &list->elts[i];
        b = ngx_http_llmbroker_addrs_find(old, a);

        if (b == NULL) {
            continue;
        }

        same++;

        a->bad = b->bad;
        a->failed = b->failed;

#if (NGX_HTTP_SSL)
        a->session = b->session;
        b->session = NULL;
#endif
    }

    return same;
}


static ngx_http_llmbroker_addr_t *
ngx_http_llmbroker_addrs_find(ngx_http_llmbroker_addrs_t *list,
    ngx_http_llmbroker_addr_t *addr)
{
    ngx_uint_t                  i;
    ngx_http_llmbroker_addr_t  *elts;

    elts = list->elts;

    for (i = 0; i < list->n; i++) {
        if (ngx_cmp_sockaddr(elts[i].sockaddr, elts[i].socklen,
                             addr->sockaddr, addr->socklen, 1)
            == NGX_OK)
        {
            return &elts[i];
        }
    }

    return NULL;
}


static void
ngx_http_llmbroker_addrs_release(void *data)
{
    ngx_http_llmbroker_addrs_t *addrs = data;

#if (NGX_HTTP_SSL)
    ngx_uint_t  i;
#endif

    if (--addrs->users) {
        return;
    }

#if (NGX_HTTP_SSL)

    for (i = 0; i < addrs->n; i++) {
        if (addrs->elts[i].session) {
            ngx_ssl_free_session(addrs->elts[i].session);
        }
    }

#endif

    ngx_destroy_pool(addrs->pool);
}


/*
 * A query that runs is left alone: the resolver goes with the same pool, and
 * may be gone already.
 */

static void
ngx_http_llmbroker_resolve_cleanup(void *data)
{
    ngx_http_llmbroker_resolve_t *name = data;

    if (name->timer.timer_set) {
        ngx_del_timer(&name->timer);
    }

    if (name->addrs) {
        ngx_http_llmbroker_addrs_release(name->addrs);
    }
}
