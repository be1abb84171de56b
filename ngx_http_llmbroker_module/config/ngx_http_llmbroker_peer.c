
/*
 * Copyright (C) LLMBroker contributors
 */


#include "config/ngx_http_llmbroker_peer.h"


/* an address that could not be connected to comes last for so long */

#define NGX_HTTP_LLMBROKER_PEER_BAD  10000


typedef struct {
    ngx_http_upstream_t             *upstream;
    ngx_str_t                       *name;      /* of the upstream{} */
    ngx_http_llmbroker_addrs_t      *addrs;     /* NULL: none */
    ngx_uint_t                       first;
    ngx_uint_t                       current;
    uint64_t                         tried;     /* a bit for each address */
} ngx_http_llmbroker_peer_t;


static ngx_int_t ngx_http_llmbroker_peer_init_upstream(ngx_conf_t *cf,
    ngx_http_upstream_srv_conf_t *us);
static ngx_int_t ngx_http_llmbroker_peer_init(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *us);
static ngx_int_t ngx_http_llmbroker_peer_get(ngx_peer_connection_t *pc,
    void *data);
static ngx_int_t ngx_http_llmbroker_peer_choose(ngx_http_llmbroker_peer_t *p);
static void ngx_http_llmbroker_peer_free(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t state);
#if (NGX_HTTP_SSL)
static ngx_int_t ngx_http_llmbroker_peer_set_session(
    ngx_peer_connection_t *pc, void *data);
static void ngx_http_llmbroker_peer_save_session(ngx_peer_connection_t *pc,
    void *data);
#endif


extern ngx_module_t  ngx_http_llmbroker_module;


char *
ngx_http_llmbroker_peer_endpoint(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_upstream_srv_conf_t  *us;

    us = ngx_http_conf_get_module_srv_conf(cf, ngx_http_upstream_module);

    if (us->peer.init_upstream) {
        return "is duplicate";
    }

    us->peer.init_upstream = ngx_http_llmbroker_peer_init_upstream;

    return NGX_CONF_OK;
}


void
ngx_http_llmbroker_peer_bind(ngx_http_upstream_srv_conf_t *us,
    ngx_http_llmbroker_resolve_t *name)
{
    us->srv_conf[ngx_http_llmbroker_module.ctx_index] = name;
}


static ngx_int_t
ngx_http_llmbroker_peer_init_upstream(ngx_conf_t *cf,
    ngx_http_upstream_srv_conf_t *us)
{
    if (ngx_http_conf_upstream_srv_conf(us, ngx_http_llmbroker_module)
        == NULL)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"llmbroker_endpoint\" is not for upstream \"%V\" "
                      "in %s:%ui", &us->host, us->file_name, us->line);
        return NGX_ERROR;
    }

    /* for modules that show what us->peer.data has in every upstream{} */

    if (ngx_http_upstream_init_round_robin(cf, us) != NGX_OK) {
        return NGX_ERROR;
    }

    us->peer.init = ngx_http_llmbroker_peer_init;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_peer_init(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *us)
{
    ngx_http_upstream_t           *u;
    ngx_http_llmbroker_peer_t     *p;
    ngx_http_llmbroker_resolve_t  *name;

    name = ngx_http_conf_upstream_srv_conf(us, ngx_http_llmbroker_module);

    p = ngx_pcalloc(r->pool, sizeof(ngx_http_llmbroker_peer_t));
    if (p == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_llmbroker_resolve_addrs(name, r->pool, &p->addrs) != NGX_OK) {
        return NGX_ERROR;
    }

    u = r->upstream;

    p->upstream = u;
    p->name = &us->host;
    p->first = name->turn++;

    u->peer.data = p;
    u->peer.get = ngx_http_llmbroker_peer_get;
    u->peer.free = ngx_http_llmbroker_peer_free;
    u->peer.tries = p->addrs ? p->addrs->n : 0;

#if (NGX_HTTP_SSL)
    u->peer.set_session = ngx_http_llmbroker_peer_set_session;
    u->peer.save_session = ngx_http_llmbroker_peer_save_session;
#endif

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_peer_get(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_llmbroker_peer_t *p = data;

    ngx_http_llmbroker_addr_t  *addr;

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, pc->log, 0,
                   "llmbroker get peer, try: %ui", pc->tries);

    pc->cached = 0;
    pc->connection = NULL;

    if (ngx_http_llmbroker_peer_choose(p) != NGX_OK) {
        pc->name = p->name;
        return NGX_BUSY;
    }

    addr = &p->addrs->elts[p->current];

    pc->sockaddr = addr->sockaddr;
    pc->socklen = addr->socklen;
    pc->name = &addr->name;

    return NGX_OK;
}


/* each address in turn, those that are better not asked at last */

static ngx_int_t
ngx_http_llmbroker_peer_choose(ngx_http_llmbroker_peer_t *p)
{
    ngx_uint_t                  i, n, bad;
    ngx_http_llmbroker_addr_t  *addr;

    if (p->addrs == NULL) {
        return NGX_BUSY;
    }

    for (bad = 0; bad < 2; bad++) {

        for (n = 0; n < p->addrs->n; n++) {

            i = (p->first + n) % p->addrs->n;
            addr = &p->addrs->elts[i];

            if (p->tried & ((uint64_t) 1 << i)) {
                continue;
            }

            if (!bad && addr->bad
                && ngx_current_msec - addr->failed
                   < NGX_HTTP_LLMBROKER_PEER_BAD)
            {
                continue;
            }

            p->current = i;
            p->tried |= (uint64_t) 1 << i;

            return NGX_OK;
        }
    }

    return NGX_BUSY;
}


static void
ngx_http_llmbroker_peer_free(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t state)
{
    ngx_http_llmbroker_peer_t *p = data;

    ngx_http_llmbroker_addr_t  *addr;

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, pc->log, 0,
                   "llmbroker free peer, tries: %ui, state: %ui",
                   pc->tries, state);

    addr = &p->addrs->elts[p->current];

    if (p->upstream->state->connect_time != (ngx_msec_t) -1) {

        if (!pc->cached) {
            addr->bad = 0;

        } else if (state & NGX_PEER_FAILED) {

            /* a kept connection has ended: nginx goes for a new one */

            p->tried &= ~((uint64_t) 1 << p->current);
        }

    } else if (state & NGX_PEER_FAILED) {
        addr->bad = 1;
        addr->failed = ngx_current_msec;
    }

    if (pc->tries) {
        pc->tries--;
    }
}


#if (NGX_HTTP_SSL)

static ngx_int_t
ngx_http_llmbroker_peer_set_session(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_llmbroker_peer_t *p = data;

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, pc->log, 0, "set session: %p",
                   p->addrs->elts[p->current].session);

    return ngx_ssl_set_session(pc->connection,
                               p->addrs->elts[p->current].session);
}


static void
ngx_http_llmbroker_peer_save_session(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_llmbroker_peer_t *p = data;

    ngx_ssl_session_t          *session;
    ngx_http_llmbroker_addr_t  *addr;

    session = ngx_ssl_get_session(pc->connection);

    if (session == NULL) {
        return;
    }

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, pc->log, 0, "save session: %p",
                   session);

    addr = &p->addrs->elts[p->current];

    if (addr->session) {
        ngx_ssl_free_session(addr->session);
    }

    addr->session = session;
}

#endif
