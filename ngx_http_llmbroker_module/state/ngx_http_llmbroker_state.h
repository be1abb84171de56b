
/*
 * Shared memory: what all workers know about each deployment.  It survives a
 * reload; a deployment is found again by its name, wherever the file lists it.
 */


#ifndef _NGX_HTTP_LLMBROKER_STATE_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_STATE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* this many failures in a row, and /health calls a deployment down */
#define NGX_HTTP_LLMBROKER_DOWN  3


typedef struct ngx_http_llmbroker_state_s  ngx_http_llmbroker_state_t;

struct ngx_http_llmbroker_state_s {
    ngx_str_node_t                   name;
    ngx_atomic_t                     failures;  /* in a row */
    ngx_atomic_t                     answered;  /* at least once */
    u_char                           text[1];   /* of name */
};


/*
 * Prepares a zone's memory, or takes over that of the cycle before; for the
 * zone's init callback.  Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_state_init(ngx_shm_zone_t *zone, void *old);

/*
 * The state kept under a name, created when there is none.  Before workers
 * run.  Return: NULL when the zone is full.
 */
ngx_http_llmbroker_state_t *ngx_http_llmbroker_state_get(
    ngx_shm_zone_t *zone, ngx_str_t *name);

/* Notes how a call ended: "failed" by the deployment's fault, or not. */
void ngx_http_llmbroker_state_note(ngx_http_llmbroker_state_t *state,
    ngx_uint_t failed);


#endif /* _NGX_HTTP_LLMBROKER_STATE_H_INCLUDED_ */
