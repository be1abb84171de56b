
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_md5.h>

#include "state/ngx_http_llmbroker_zone.h"


#define NGX_HTTP_LLMBROKER_MIN_ROWS   4
#define NGX_HTTP_LLMBROKER_MAX_CELLS  64

/*
 * The first word of the memory.  The number changes with the meaning of what
 * is kept, the sizes with its form.
 */
#define NGX_HTTP_LLMBROKER_LAYOUT                                            \
    (((uint64_t) 0x4c4c4d42 << 32) | ((uint64_t) 2 << 24)                    \
     | (sizeof(ngx_http_llmbroker_state_t) << 12)                            \
     | sizeof(ngx_http_llmbroker_states_t))


static ngx_uint_t ngx_http_llmbroker_state_ncells(ngx_uint_t nrows);
static ngx_http_llmbroker_state_t *ngx_http_llmbroker_state_find(
    ngx_http_llmbroker_states_t *states, ngx_rbtree_key_t key, uint64_t hash);
static ngx_http_llmbroker_state_t *ngx_http_llmbroker_state_alloc(
    ngx_shm_zone_t *zone);
static void ngx_http_llmbroker_state_recycle(
    ngx_http_llmbroker_states_t *states);
static uint32_t ngx_http_llmbroker_state_oldest(
    ngx_http_llmbroker_states_t *states);
static void ngx_http_llmbroker_state_zero(ngx_http_llmbroker_state_t *state);


ngx_int_t
ngx_http_llmbroker_state_init(ngx_shm_zone_t *zone, void *old,
    ngx_uint_t workers)
{
    ngx_slab_pool_t              *shpool;
    ngx_http_llmbroker_states_t  *states;

    shpool = (ngx_slab_pool_t *) zone->shm.addr;
    states = shpool->data;

    if ((old || zone->shm.exists)
        && states && states->layout == NGX_HTTP_LLMBROKER_LAYOUT)
    {
        states->generation++;
        zone->data = states;
        return NGX_OK;
    }

    states = ngx_slab_calloc(shpool, sizeof(ngx_http_llmbroker_states_t));
    if (states == NULL) {
        return NGX_ERROR;
    }

    ngx_rbtree_init(&states->rbtree, &states->sentinel,
                    ngx_rbtree_insert_value);

    /* old workers live on for a while behind a reload */

    states->nrows = ngx_min(2 * workers + 2, NGX_HTTP_LLMBROKER_MAX_ROWS);
    states->nrows = ngx_max(states->nrows, NGX_HTTP_LLMBROKER_MIN_ROWS);
    states->ncells = ngx_http_llmbroker_state_ncells(states->nrows);
    states->generation = 1;
    states->layout = NGX_HTTP_LLMBROKER_LAYOUT;

    shpool->data = states;
    zone->data = states;

    /* a single process that reloads with another zone is not started anew */

    ngx_http_llmbroker_state_again(zone, states->generation);

    return NGX_OK;
}


/* what wastes least of the slab's pages; eight words are a cache line */

static ngx_uint_t
ngx_http_llmbroker_state_ncells(ngx_uint_t nrows)
{
    size_t      size, waste, least;
    ngx_uint_t  n, best;

    best = 8;
    least = (size_t) -1;

    for (n = 8; n <= NGX_HTTP_LLMBROKER_MAX_CELLS; n += 8) {
        size = ngx_http_llmbroker_block_size(n, nrows);
        waste = (ngx_align(size, ngx_pagesize) - size) / n;

        if (waste < least) {
            least = waste;
            best = n;
        }
    }

    return best;
}


ngx_http_llmbroker_state_t *
ngx_http_llmbroker_state_get(ngx_shm_zone_t *zone, ngx_str_t *name)
{
    u_char                        digest[16];
    uint64_t                      hash;
    ngx_md5_t                     md5;
    ngx_rbtree_key_t              key;
    ngx_http_llmbroker_state_t   *state;
    ngx_http_llmbroker_states_t  *states;

    states = zone->data;

    ngx_md5_init(&md5);
    ngx_md5_update(&md5, name->data, name->len);
    ngx_md5_final(digest, &md5);

    ngx_memcpy(&key, digest, sizeof(ngx_rbtree_key_t));
    ngx_memcpy(&hash, digest + 8, sizeof(uint64_t));

    state = ngx_http_llmbroker_state_find(states, key, hash);

    if (state) {
        state->generation = states->generation;
        return state;
    }

    state = ngx_http_llmbroker_state_alloc(zone);
    if (state == NULL) {
        return NULL;
    }

    state->node.key = key;
    state->hash = hash;
    state->generation = states->generation;

    ngx_rbtree_insert(&states->rbtree, &state->node);

    return state;
}


static ngx_http_llmbroker_state_t *
ngx_http_llmbroker_state_find(ngx_http_llmbroker_states_t *states,
    ngx_rbtree_key_t key, uint64_t hash)
{
    ngx_rbtree_node_t           *node;
    ngx_http_llmbroker_state_t  *state;

    node = states->rbtree.root;

    while (node != &states->sentinel) {

        if (key == node->key) {
            state = ngx_rbtree_data(node, ngx_http_llmbroker_state_t, node);

            if (state->hash == hash) {
                return state;
            }
        }

        node = (key < node->key) ? node->left : node->right;
    }

    return NULL;
}


static ngx_http_llmbroker_state_t *
ngx_http_llmbroker_state_alloc(ngx_shm_zone_t *zone)
{
    ngx_rbtree_node_t            *node;
    ngx_http_llmbroker_block_t   *block;
    ngx_http_llmbroker_state_t   *state;
    ngx_http_llmbroker_states_t  *states;

    states = zone->data;
    block = states->blocks;

    if (states->free == NULL
        && (block == NULL || block->used == states->ncells))
    {
        ngx_http_llmbroker_state_recycle(states);
    }

    node = states->free;

    if (node) {
        states->free = node->parent;

        state = ngx_rbtree_data(node, ngx_http_llmbroker_state_t, node);
        ngx_http_llmbroker_state_zero(state);

        return state;
    }

    if (block == NULL || block->used == states->ncells) {

        block = ngx_slab_calloc((ngx_slab_pool_t *) zone->shm.addr,
                                ngx_http_llmbroker_block_size(states->ncells,
                                                              states->nrows));
        if (block == NULL) {
            return NULL;
        }

        block->next = states->blocks;
        states->blocks = block;
    }

    state = ngx_http_llmbroker_block_cells(block) + block->used;

    state->rows = (ngx_http_llmbroker_word_t *)
                      (ngx_http_llmbroker_block_cells(block) + states->ncells)
                  + block->used;
    state->stride = (uint16_t) states->ncells;
    state->nrows = (u_char) states->nrows;

    block->used++;

    return state;
}


/*
 * Takes back the cells that no process uses: those that no configuration has
 * named since the oldest process that lives was started.
 */

static void
ngx_http_llmbroker_state_recycle(ngx_http_llmbroker_states_t *states)
{
    uint32_t                     oldest;
    ngx_uint_t                   i;
    ngx_http_llmbroker_block_t  *block;
    ngx_http_llmbroker_state_t  *state;

    oldest = ngx_http_llmbroker_state_oldest(states);

    if (oldest == 0) {
        return;
    }

    ngx_rbtree_init(&states->rbtree, &states->sentinel,
                    ngx_rbtree_insert_value);

    for (block = states->blocks; block; block = block->next) {

        state = ngx_http_llmbroker_block_cells(block);

        for (i = 0; i < block->used; i++) {

            if (state[i].generation >= oldest) {
                ngx_rbtree_insert(&states->rbtree, &state[i].node);
                continue;
            }

            state[i].node.parent = states->free;
            states->free = &state[i].node;
        }
    }
}


/* the oldest configuration in use; 0: not known */

static uint32_t
ngx_http_llmbroker_state_oldest(ngx_http_llmbroker_states_t *states)
{
    uint32_t    oldest;
    ngx_uint_t  r;

    if (states->crowded) {
        return 0;
    }

    oldest = NGX_MAX_UINT32_VALUE;

    for (r = 0; r < states->nrows; r++) {

        if (ngx_http_llmbroker_word_load(&states->rows[r].owner) != 0) {
            oldest = ngx_min(oldest, states->rows[r].generation);
        }
    }

    return oldest == NGX_MAX_UINT32_VALUE ? 0 : oldest;
}


/* a cell that was used before: only its place is kept */

static void
ngx_http_llmbroker_state_zero(ngx_http_llmbroker_state_t *state)
{
    ngx_uint_t                   r;
    ngx_http_llmbroker_state_t   old;

    old = *state;

    ngx_memzero(state, sizeof(ngx_http_llmbroker_state_t));

    state->rows = old.rows;
    state->stride = old.stride;
    state->nrows = old.nrows;

    for (r = 0; r < state->nrows; r++) {
        state->rows[r * state->stride] = 0;
    }
}


ngx_uint_t
ngx_http_llmbroker_state_generation(ngx_shm_zone_t *zone)
{
    ngx_http_llmbroker_states_t  *states;

    states = zone->data;

    return states->generation;
}
