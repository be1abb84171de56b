
/*
 * The usable deployments of a model by rising priority number, and the order
 * in which each such tier is asked when its weights decide.
 */


#ifndef _NGX_HTTP_LLMBROKER_CONF_TIER_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_CONF_TIER_H_INCLUDED_


#include "config/ngx_http_llmbroker_conf.h"


/* a longer sequence is not kept: its turns are computed */
#define NGX_HTTP_LLMBROKER_TIER_TURNS  1024


/* one turn of the smooth weighted round robin */
typedef struct {
    u_short                          index;  /* of the deployment */
    u_short                          nth;    /* of the deployment's turns in
                                                the sequence, from 0 */
} ngx_http_llmbroker_turn_t;


struct ngx_http_llmbroker_tier_s {
    ngx_uint_t                        n;
    ngx_http_llmbroker_deployment_t **deployments;  /* file's order */
    uint64_t                         *ids;      /* hashes of what they are,
                                                   wherever they are listed */
    ngx_uint_t                        divisor;  /* of all weights, greatest */
    ngx_uint_t                        length;   /* of sequence, or 0 */
    ngx_http_llmbroker_turn_t        *sequence;
};


/*
 * Fills model->tiers with those of its deployments that no unset variable
 * keeps from being used; to be called when these are known.
 * Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_conf_tiers(ngx_pool_t *pool,
    ngx_http_llmbroker_model_t *model);

/*
 * Goes on with a hash (FNV-1a; 0 begins one) that is the same in every process
 * and on every day.
 */
uint64_t ngx_http_llmbroker_conf_hash(uint64_t hash, u_char *data, size_t len);


#endif /* _NGX_HTTP_LLMBROKER_CONF_TIER_H_INCLUDED_ */
