
/*
 * Addresses of names at run time, as long as DNS says that they are good for:
 * each worker process has lists of its own.
 */


#ifndef _NGX_HTTP_LLMBROKER_RESOLVE_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_RESOLVE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* more of them are left out */
#define NGX_HTTP_LLMBROKER_ADDRS  64


typedef struct {
    struct sockaddr                 *sockaddr;
    socklen_t                        socklen;
    ngx_str_t                        name;      /* with the port */

    ngx_msec_t                       failed;    /* when, if "bad" */
    unsigned                         bad:1;     /* no connection was made */

#if (NGX_HTTP_SSL)
    ngx_ssl_session_t               *session;   /* of the last connection */
#endif
} ngx_http_llmbroker_addr_t;


/* what a name resolved to; freed with its last user */
typedef struct {
    ngx_pool_t                      *pool;
    ngx_uint_t                       users;
    ngx_uint_t                       n;         /* at least one */
    ngx_http_llmbroker_addr_t       *elts;
} ngx_http_llmbroker_addrs_t;


/* a host and port, and what is known of it in this process */
typedef struct {
    ngx_str_t                        name;
    ngx_http_llmbroker_addrs_t      *addrs;     /* NULL: none yet */

    /* after 3 words, as in ngx_connection_t: the timer's debug messages */
    ngx_int_t                        ident;

    in_port_t                        port;
    ngx_uint_t                       turn;      /* of the round robin */

    ngx_resolver_t                  *resolver;  /* NULL: nobody can be asked */
    ngx_msec_t                       timeout;
    ngx_resolver_ctx_t              *ctx;       /* of a query that runs */
    ngx_event_t                      timer;     /* of the next query */
    ngx_queue_t                      waiting;   /* ..._wait_t */
    ngx_log_t                       *log;

    unsigned                         failed:1;  /* so did the last query */
} ngx_http_llmbroker_resolve_t;


/* a request that waits for the first addresses */
typedef struct {
    ngx_queue_t                      queue;
    void                           (*handler)(void *data);
    void                            *data;
    unsigned                         queued:1;
} ngx_http_llmbroker_wait_t;


/*
 * Makes a name with the addresses known so far; while nginx is configured.
 *
 * name:   lower case, lives as long as cf->pool; nginx's resolver writes to it
 * addrs:  n addresses, whose ports do not matter; copied
 *
 * Return: it, in cf->pool and still without a resolver; NULL: no memory.
 */
ngx_http_llmbroker_resolve_t *ngx_http_llmbroker_resolve_create(ngx_conf_t *cf,
    ngx_str_t *name, in_port_t port, ngx_resolver_addr_t *addrs, ngx_uint_t n);

/*
 * Asks for the addresses and goes on asking, if there is a resolver; once in
 * each process that serves requests.
 */
void ngx_http_llmbroker_resolve_start(ngx_http_llmbroker_resolve_t *name);

/*
 * Waits for the answer to the first query of this process, when there is no
 * address yet: a name that only "resolver" knows has none right after each
 * reload.
 *
 * wait:  with its handler, which is called once, in two seconds at most, unless
 *        "pool" is destroyed before
 *
 * Return: NGX_AGAIN; NGX_DECLINED: there is nothing to wait for, whatever is
 * known is known; NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_resolve_wait(ngx_http_llmbroker_resolve_t *name,
    ngx_pool_t *pool, ngx_http_llmbroker_wait_t *wait);

/*
 * Waits no more.  Return: whether it did wait; its handler is not called then.
 */
ngx_uint_t ngx_http_llmbroker_resolve_leave(ngx_http_llmbroker_wait_t *wait);

/*
 * The addresses of now, which stay as they are until "pool" is destroyed.
 *
 * *addrs:  NULL when there are none
 *
 * Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_resolve_addrs(ngx_http_llmbroker_resolve_t *name,
    ngx_pool_t *pool, ngx_http_llmbroker_addrs_t **addrs);


#endif /* _NGX_HTTP_LLMBROKER_RESOLVE_H_INCLUDED_ */
