
/*
 * Where a request goes: which deployment of the alias that was asked for, or
 * of its fallbacks, is asked next.
 */


#ifndef _NGX_HTTP_LLMBROKER_ROUTER_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_ROUTER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "config/ngx_http_llmbroker_conf.h"


/* only what the current alias can do now: for a hedge */
#define NGX_HTTP_LLMBROKER_SAME_ALIAS  0x01

/* of one round; more than are called: some may be found not to fit */
#define NGX_HTTP_LLMBROKER_MAX_TRIED   32


typedef struct ngx_http_llmbroker_ctx_s  ngx_http_llmbroker_ctx_t;


/* an alias that the request may be sent to */
typedef struct {
    ngx_http_llmbroker_model_t      *model;
    ngx_uint_t                       ticket;     /* of its round robin */
    unsigned                         ticketed:1; /* ticket is set */
    unsigned                         left:1;     /* it is not asked again */
} ngx_http_llmbroker_hop_t;


/* where a request may go and has been; all zero at first */
typedef struct {
    ngx_http_llmbroker_hop_t         first;      /* the alias asked for */
    ngx_array_t                     *fallbacks;  /* hop_t; NULL until one is
                                                    needed, then each alias
                                                    that can be reached, the
                                                    nearest first */
    ngx_uint_t                       current;    /* hop that was picked last;
                                                    0: the first */

    ngx_http_llmbroker_deployment_t *tried[NGX_HTTP_LLMBROKER_MAX_TRIED];
    ngx_uint_t                       ntried;     /* in this round */

    /* whose affinity gave the key, or NULL; hash of the key, 0: it has none */
    ngx_http_llmbroker_model_t      *keyed;
    uint64_t                         key;
} ngx_http_llmbroker_route_t;


typedef struct {
    ngx_http_llmbroker_model_t      *model;      /* whose deployment it is */
    ngx_http_llmbroker_deployment_t *deployment;
    ngx_uint_t                       probe;      /* it is its breaker's one
                                                    probe: its end must be
                                                    noted */
} ngx_http_llmbroker_pick_t;


/*
 * Picks the deployment to ask next and marks it as tried.  Looked for are, in
 * the order of aliases and tiers, by strategy or affinity:
 *
 *     1. one that neither its breaker nor a limit keeps away, or whose probe
 *        is due: then the pick is the probe;
 *     2. one that a limit or a refused key keeps away: there is no better one;
 *     3. of an alias with "when_all_ejected: least_bad", the one whose breaker
 *        would let a call through first.
 *
 * flags:  NGX_HTTP_LLMBROKER_SAME_ALIAS: only the first of the three, and
 *         without fallbacks; *wait is 0
 *
 * Return: NGX_OK with *pick filled; NGX_DECLINED when none is left, with
 * *wait as of ngx_http_llmbroker_route_wait(); NGX_ERROR on a lack of memory
 * or a failed read of the request's body.
 */
ngx_int_t ngx_http_llmbroker_route(ngx_http_llmbroker_ctx_t *ctx,
    ngx_uint_t flags, ngx_http_llmbroker_pick_t *pick, ngx_msec_t *wait);

/*
 * The pick was not used after all: it may be picked again in this round.  That
 * it is a probe is for the caller to note, as ever.
 */
void ngx_http_llmbroker_route_return(ngx_http_llmbroker_ctx_t *ctx,
    ngx_http_llmbroker_pick_t *pick);

/*
 * The alias that was picked last cannot serve this request: it is not asked
 * again, in no round.  Return: NGX_OK; NGX_DECLINED when no alias is left, all
 * fallbacks included; NGX_ERROR on a lack of memory.
 */
ngx_int_t ngx_http_llmbroker_route_leave(ngx_http_llmbroker_ctx_t *ctx);

/* Begins another round: all that were tried may be tried again. */
void ngx_http_llmbroker_route_again(ngx_http_llmbroker_ctx_t *ctx);

/*
 * In how many msec the soonest deployment, tried or not, of all aliases that
 * were not left may be asked; 0: now, or there is none.
 */
ngx_msec_t ngx_http_llmbroker_route_wait(ngx_http_llmbroker_ctx_t *ctx);


#endif /* _NGX_HTTP_LLMBROKER_ROUTER_H_INCLUDED_ */
