
/*
 * Choosing one of several deployments that can be asked.  Nothing here knows
 * requests or shared memory, so that each rule can be tested alone.
 *
 * A ticket is a number from a counter that all workers share.  What is chosen
 * by it needs no lock and no memory, and is the same in every worker.
 */


#ifndef _NGX_HTTP_LLMBROKER_BALANCE_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_BALANCE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef struct {
    ngx_uint_t                       index;      /* the caller's */
    ngx_uint_t                       weight;     /* at least 1 */
    uint64_t                         id;         /* for affinity */
    ngx_uint_t                       in_flight;  /* for least_... */
    ngx_msec_t                       latency;    /* to the first token; 0: not
                                                    known */
} ngx_http_llmbroker_candidate_t;


/*
 * By weight: over consecutive tickets the shares are proportional, and each
 * candidate's turns are spread evenly.
 *
 * n:    of candidates, at least 1
 * nth:  choices by the same ticket need different ones to be independent
 *
 * Return: a place in c.
 */
ngx_uint_t ngx_http_llmbroker_balance_weighted(
    const ngx_http_llmbroker_candidate_t *c, ngx_uint_t n, ngx_uint_t ticket,
    ngx_uint_t nth);

/*
 * The fewest in flight for its weight; those that tie take turns.
 * Return: a place in c.
 */
ngx_uint_t ngx_http_llmbroker_balance_busy(
    const ngx_http_llmbroker_candidate_t *c, ngx_uint_t n, ngx_uint_t ticket);

/*
 * The power of two choices: two different places below n, which is at least 2.
 */
void ngx_http_llmbroker_balance_pair(ngx_uint_t n, ngx_uint_t ticket,
    ngx_uint_t *pair);

/*
 * Whether two will answer sooner than one: by the latency times the calls that
 * then are in flight.  One whose latency is not known is tried first, but by a
 * single call: it may hang.
 */
ngx_uint_t ngx_http_llmbroker_balance_faster(
    const ngx_http_llmbroker_candidate_t *one,
    const ngx_http_llmbroker_candidate_t *two);

/*
 * The candidate that a key belongs to, by weighted rendezvous hashing: without
 * one of the candidates only its keys belong to others.
 * Return: a place in c.
 */
ngx_uint_t ngx_http_llmbroker_balance_affinity(
    const ngx_http_llmbroker_candidate_t *c, ngx_uint_t n, uint64_t key);


#endif /* _NGX_HTTP_LLMBROKER_BALANCE_H_INCLUDED_ */
