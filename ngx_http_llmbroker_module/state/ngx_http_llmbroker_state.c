
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "state/ngx_http_llmbroker_state.h"


typedef struct {
    ngx_rbtree_t       rbtree;
    ngx_rbtree_node_t  sentinel;
} ngx_http_llmbroker_states_t;


ngx_int_t
ngx_http_llmbroker_state_init(ngx_shm_zone_t *zone, void *old)
{
    ngx_slab_pool_t              *shpool;
    ngx_http_llmbroker_states_t  *states;

    if (old) {
        zone->data = old;
        return NGX_OK;
    }

    shpool = (ngx_slab_pool_t *) zone->shm.addr;

    if (zone->shm.exists) {
        zone->data = shpool->data;
        return NGX_OK;
    }

    states = ngx_slab_alloc(shpool, sizeof(ngx_http_llmbroker_states_t));
    if (states == NULL) {
        return NGX_ERROR;
    }

    ngx_rbtree_init(&states->rbtree, &states->sentinel,
                    ngx_str_rbtree_insert_value);

    shpool->data = states;
    zone->data = states;

    return NGX_OK;
}


ngx_http_llmbroker_state_t *
ngx_http_llmbroker_state_get(ngx_shm_zone_t *zone, ngx_str_t *name)
{
    uint32_t                      hash;
    ngx_slab_pool_t              *shpool;
    ngx_http_llmbroker_state_t   *state;
    ngx_http_llmbroker_states_t  *states;

    states = zone->data;
    shpool = (ngx_slab_pool_t *) zone->shm.addr;

    hash = ngx_crc32_long(name->data, name->len);

    state = (ngx_http_llmbroker_state_t *)
                ngx_str_rbtree_lookup(&states->rbtree, name, hash);

    if (state) {
        return state;
    }

    state = ngx_slab_calloc(shpool, offsetof(ngx_http_llmbroker_state_t, text)
                                    + name->len);
    if (state == NULL) {
        return NULL;
    }

    ngx_memcpy(state->text, name->data, name->len);

    state->name.node.key = hash;
    state->name.str.len = name->len;
    state->name.str.data = state->text;

    ngx_rbtree_insert(&states->rbtree, &state->name.node);

    return state;
}


void
ngx_http_llmbroker_state_note(ngx_http_llmbroker_state_t *state,
    ngx_uint_t failed)
{
    if (failed) {
        (void) ngx_atomic_fetch_add(&state->failures, 1);
        return;
    }

    /* not written to while all is well: the line stays in every cache */

    if (state->failures != 0) {
        state->failures = 0;
    }

    if (state->answered == 0) {
        state->answered = 1;
    }
}
