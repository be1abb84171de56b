
/*
 * Shared memory: what all workers know about each deployment.  It survives a
 * reload; a deployment is found again by its name, wherever the file lists it.
 *
 * There is no lock: each word changes by itself.  A worker that is killed
 * leaves calls in flight and maybe a probe behind; they lie in a row of its
 * own, which the worker that follows it clears.
 */


#ifndef _NGX_HTTP_LLMBROKER_STATE_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_STATE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "state/ngx_http_llmbroker_word.h"


#define NGX_HTTP_LLMBROKER_NO_ROW   127
#define NGX_HTTP_LLMBROKER_BUCKETS  6


typedef enum {
    NGX_HTTP_LLMBROKER_HEALTH_UNKNOWN = 0,
    NGX_HTTP_LLMBROKER_HEALTH_UP,
    NGX_HTTP_LLMBROKER_HEALTH_DOWN
} ngx_http_llmbroker_health_e;


typedef struct ngx_http_llmbroker_state_s  ngx_http_llmbroker_state_t;

/*
 * Three cache lines and, elsewhere, a word in each process's row.  The first
 * line is read by each call and written when something happens, the second is
 * written once in a part of the breaker's window and on failures, the third by
 * each call.
 */
struct ngx_http_llmbroker_state_s {
    ngx_rbtree_node_t                node;       /* key: half of the hash */
    ngx_http_llmbroker_word_t        breaker;    /* ..._breaker.c */
    ngx_http_llmbroker_word_t        health;     /* until, health: 2 bits */
    ngx_http_llmbroker_word_t        cool;       /* until */

    ngx_http_llmbroker_word_t       *rows;       /* row r: rows[r * stride] */
    ngx_http_llmbroker_word_t        buckets[NGX_HTTP_LLMBROKER_BUCKETS];
    uint32_t                         generation; /* newest that names it */
    uint16_t                         stride;
    u_char                           nrows;
    volatile u_char                  answered;

    uint64_t                         hash;       /* the other half */
    ngx_http_llmbroker_word_t        failures;   /* ever */
    ngx_http_llmbroker_word_t        last;       /* failure, ngx_time() */
    ngx_http_llmbroker_word_t        latency;    /* ..._load.c */
    volatile uint32_t                turn;
    volatile uint32_t                debt;       /* of hedges, in percent */
    volatile u_char                  listed;     /* 0: unknown; 1: not; 2 */
    u_char                           unused[7];
    uint64_t                         spare[2];
};


/*
 * Prepares a zone's memory, or takes over that of the cycle before; for the
 * zone's init callback.  What an other version of this module left there is
 * not touched.  workers: how many processes will use new memory at a time.
 * Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_state_init(ngx_shm_zone_t *zone, void *old,
    ngx_uint_t workers);

/*
 * The state kept under a name, created when there is none.  In one process at
 * a time, the master.  Return: NULL when the zone is full.
 */
ngx_http_llmbroker_state_t *ngx_http_llmbroker_state_get(
    ngx_shm_zone_t *zone, ngx_str_t *name);

/* The number of the configuration that the zone was last prepared for. */
ngx_uint_t ngx_http_llmbroker_state_generation(ngx_shm_zone_t *zone);

/*
 * A process begins: it takes a row, after rows of processes that have died
 * were cleared.  When there is none, it counts in somebody else's.
 * generation: of its configuration, whose cells are kept while it lives.
 */
void ngx_http_llmbroker_state_process(ngx_shm_zone_t *zone,
    ngx_uint_t generation);

/* The same for a process that has begun already and gets another zone. */
void ngx_http_llmbroker_state_again(ngx_shm_zone_t *zone,
    ngx_uint_t generation);

/* A process ends in good order: what it still has in flight is taken off. */
void ngx_http_llmbroker_state_process_exit(ngx_shm_zone_t *zone);

/*
 * Clears the rows of processes that have died and that nobody followed: old
 * ones behind a reload.  To be called now and then.
 */
void ngx_http_llmbroker_state_reap(ngx_shm_zone_t *zone);

/* The process's row, for what must not outlive it, or ..._NO_ROW. */
ngx_uint_t ngx_http_llmbroker_state_row(void);

/* A call begins. */
void ngx_http_llmbroker_state_begin(ngx_http_llmbroker_state_t *state);

/* A call that began has ended. */
void ngx_http_llmbroker_state_end(ngx_http_llmbroker_state_t *state);

/* Calls in flight in all processes. */
ngx_uint_t ngx_http_llmbroker_state_in_flight(
    ngx_http_llmbroker_state_t *state);

/* Counts one call that has ended, by success or by the deployment's fault. */
void ngx_http_llmbroker_state_count(ngx_http_llmbroker_state_t *state);

/* What ..._state_count() was called for, modulo 2 ** 32. */
uint32_t ngx_http_llmbroker_state_counted(ngx_http_llmbroker_state_t *state);

/*
 * Keeps later requests away where there is a better deployment (429, a dead
 * key), for msec from now.  Never shortens what was said before.
 */
void ngx_http_llmbroker_state_cool(ngx_http_llmbroker_state_t *state,
    ngx_msec_t now, ngx_msec_t msec);

/* Msec that are left of it; 0: none. */
ngx_msec_t ngx_http_llmbroker_state_cooling(ngx_http_llmbroker_state_t *state,
    ngx_msec_t now);

/*
 * What a health check has found.  DOWN ejects the deployment for ttl msec at
 * most, since a checker that died must not eject for ever; the others end that.
 * The breaker is left alone.  Return: NGX_DONE when by this call the deployment
 * is ejected or is no longer, to be logged; else NGX_OK.
 */
ngx_int_t ngx_http_llmbroker_state_set_health(
    ngx_http_llmbroker_state_t *state, ngx_http_llmbroker_health_e health,
    ngx_msec_t now, ngx_msec_t ttl);

/* What a health check has found, UNKNOWN when that is too old. */
ngx_http_llmbroker_health_e ngx_http_llmbroker_state_health(
    ngx_http_llmbroker_state_t *state, ngx_msec_t now);

/* Msec for which a health check keeps calls away; 0: it does not. */
ngx_msec_t ngx_http_llmbroker_state_down(ngx_http_llmbroker_state_t *state,
    ngx_msec_t now);

/*
 * Notes whether the provider's list of models names the deployment's.
 * Return: NGX_DONE when that is news, to be logged; else NGX_OK.
 */
ngx_int_t ngx_http_llmbroker_state_set_listed(
    ngx_http_llmbroker_state_t *state, ngx_uint_t listed);

/* Return: 1, 0; NGX_DECLINED: not known. */
ngx_int_t ngx_http_llmbroker_state_listed(ngx_http_llmbroker_state_t *state);

/* Notes the time to the first token, in msec, for a peak EWMA. */
void ngx_http_llmbroker_state_latency(ngx_http_llmbroker_state_t *state,
    ngx_msec_t now, ngx_msec_t sample);

/*
 * The peak EWMA in msec, which decays (tau 10 s) while nothing is noted.
 * Return: at least 1; 0: not known, or long ago.
 */
ngx_msec_t ngx_http_llmbroker_state_ewma(ngx_http_llmbroker_state_t *state,
    ngx_msec_t now);

/* The counter of a round robin.  Return: the value before. */
ngx_uint_t ngx_http_llmbroker_state_turn(ngx_http_llmbroker_state_t *state);

/* A request came: it earns a share (percent) of a hedged call. */
void ngx_http_llmbroker_state_hedge_earn(ngx_http_llmbroker_state_t *state,
    ngx_uint_t share);

/*
 * Takes a hedged call off what was earned; ten are given in advance.
 * Return: NGX_OK; NGX_DECLINED: too many already.
 */
ngx_int_t ngx_http_llmbroker_state_hedge_spend(
    ngx_http_llmbroker_state_t *state);


#endif /* _NGX_HTTP_LLMBROKER_STATE_H_INCLUDED_ */
