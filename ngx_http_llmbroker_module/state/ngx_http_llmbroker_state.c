
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_md5.h>

#include "state/ngx_http_llmbroker_state.h"
#include "state/ngx_http_llmbroker_breaker.h"


#define NGX_HTTP_LLMBROKER_LINE        64
#define NGX_HTTP_LLMBROKER_MIN_ROWS    4
#define NGX_HTTP_LLMBROKER_MAX_CELLS   64

/*
 * The first word of the memory.  The number changes with the meaning of what
 * is kept, the sizes with its form.
 */
#define NGX_HTTP_LLMBROKER_LAYOUT                                            \
    (((uint64_t) 0x4c4c4d42 << 32) | ((uint64_t) 2 << 24)                    \
     | (sizeof(ngx_http_llmbroker_state_t) << 12)                            \
     | sizeof(ngx_http_llmbroker_states_t))


typedef struct ngx_http_llmbroker_block_s  ngx_http_llmbroker_block_t;

/*
 * Cells are allocated many at a time, so that their words in a process's row
 * are neighbours and share no cache line with those of another process.
 */
struct ngx_http_llmbroker_block_s {
    ngx_http_llmbroker_block_t      *next;
    ngx_uint_t                       used;
};


typedef struct {
    uint64_t                         layout;
    ngx_rbtree_t                     rbtree;
    ngx_rbtree_node_t                sentinel;
    ngx_http_llmbroker_block_t      *blocks;
    ngx_uint_t                       ncells;    /* of a block */
    ngx_uint_t                       nrows;

    /* of each row: pid, slot of nginx's table of processes; 0: free */
    ngx_http_llmbroker_word_t        owners[NGX_HTTP_LLMBROKER_MAX_ROWS];
} ngx_http_llmbroker_states_t;


#define ngx_http_llmbroker_block_size(ncells, nrows)                         \
    (NGX_HTTP_LLMBROKER_LINE                                                 \
     + (ncells) * (sizeof(ngx_http_llmbroker_state_t)                        \
                   + (nrows) * sizeof(ngx_http_llmbroker_word_t)))

#define ngx_http_llmbroker_block_cells(block)                                \
    ((ngx_http_llmbroker_state_t *)                                          \
        ((u_char *) (block) + NGX_HTTP_LLMBROKER_LINE))


static ngx_uint_t ngx_http_llmbroker_state_ncells(ngx_uint_t nrows);
static ngx_http_llmbroker_state_t *ngx_http_llmbroker_state_find(
    ngx_http_llmbroker_states_t *states, ngx_rbtree_key_t key, uint64_t hash);
static ngx_http_llmbroker_state_t *ngx_http_llmbroker_state_alloc(
    ngx_shm_zone_t *zone);
static ngx_uint_t ngx_http_llmbroker_state_dead(uint64_t owner);
static void ngx_http_llmbroker_state_clear(
    ngx_http_llmbroker_states_t *states, ngx_uint_t row);
static ngx_http_llmbroker_word_t *ngx_http_llmbroker_state_word(
    ngx_http_llmbroker_state_t *state);


/* this process's row, and whether it owns it */

static ngx_uint_t  ngx_http_llmbroker_row;
static uint64_t    ngx_http_llmbroker_owner;


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
    states->layout = NGX_HTTP_LLMBROKER_LAYOUT;

    shpool->data = states;
    zone->data = states;

    /* a single process that reloads with another zone is not started anew */

    if (ngx_http_llmbroker_owner >> 32 == (uint64_t) ngx_pid) {
        ngx_http_llmbroker_state_process(zone);
    }

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
        return state;
    }

    state = ngx_http_llmbroker_state_alloc(zone);
    if (state == NULL) {
        return NULL;
    }

    state->node.key = key;
    state->hash = hash;

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
    ngx_slab_pool_t              *shpool;
    ngx_http_llmbroker_block_t   *block;
    ngx_http_llmbroker_state_t   *state;
    ngx_http_llmbroker_states_t  *states;

    states = zone->data;
    block = states->blocks;

    if (block == NULL || block->used == states->ncells) {

        shpool = (ngx_slab_pool_t *) zone->shm.addr;

        block = ngx_slab_calloc(shpool,
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


void
ngx_http_llmbroker_state_process(ngx_shm_zone_t *zone)
{
    uint64_t                      id;
    ngx_uint_t                    r;
    ngx_http_llmbroker_states_t  *states;

    states = zone->data;

    ngx_http_llmbroker_state_reap(zone);

    id = (uint64_t) ngx_pid << 32 | (uint32_t) ngx_process_slot;

    for (r = 0; r < states->nrows; r++) {

        if (ngx_http_llmbroker_word_load(&states->owners[r]) == 0
            && ngx_http_llmbroker_word_cas(&states->owners[r], 0, id))
        {
            ngx_http_llmbroker_row = r;
            ngx_http_llmbroker_owner = id;
            return;
        }
    }

    /*
     * Many old workers are about.  The counts of this one are lost when the
     * owner of the row goes: they are too small for a while.
     */

    ngx_http_llmbroker_row = ngx_pid % states->nrows;
    ngx_http_llmbroker_owner = 0;
}


void
ngx_http_llmbroker_state_process_exit(ngx_shm_zone_t *zone)
{
    ngx_http_llmbroker_states_t  *states;

    if (ngx_http_llmbroker_owner == 0) {
        return;
    }

    states = zone->data;

    if (ngx_http_llmbroker_word_load(&states->owners[ngx_http_llmbroker_row])
        != ngx_http_llmbroker_owner)
    {
        return;
    }

    ngx_http_llmbroker_state_clear(states, ngx_http_llmbroker_row);

    ngx_http_llmbroker_word_store(&states->owners[ngx_http_llmbroker_row], 0);

    ngx_http_llmbroker_owner = 0;
}


void
ngx_http_llmbroker_state_reap(ngx_shm_zone_t *zone)
{
    uint64_t                      id, owner;
    ngx_uint_t                    r;
    ngx_http_llmbroker_states_t  *states;

    states = zone->data;

    id = (uint64_t) ngx_pid << 32 | (uint32_t) ngx_process_slot;

    for (r = 0; r < states->nrows; r++) {

        owner = ngx_http_llmbroker_word_load(&states->owners[r]);

        if (!ngx_http_llmbroker_state_dead(owner)) {
            continue;
        }

        /* nobody takes the row before it is clear, and one clears it */

        if (ngx_http_llmbroker_word_cas(&states->owners[r], owner, id)) {
            ngx_http_llmbroker_state_clear(states, r);
            ngx_http_llmbroker_word_store(&states->owners[r], 0);
        }
    }
}


/*
 * The master gives a slot of its table to another process when the one before
 * is gone, whoever may have its pid by now.
 */

static ngx_uint_t
ngx_http_llmbroker_state_dead(uint64_t owner)
{
    ngx_pid_t  pid;

    pid = (ngx_pid_t) (owner >> 32);

    if (pid == 0 || pid == ngx_pid) {
        return 0;
    }

    if ((uint32_t) owner == (uint32_t) ngx_process_slot) {
        return 1;
    }

    return kill(pid, 0) == -1 && ngx_errno == NGX_ESRCH;
}


static void
ngx_http_llmbroker_state_clear(ngx_http_llmbroker_states_t *states,
    ngx_uint_t row)
{
    ngx_uint_t                   i;
    ngx_http_llmbroker_word_t   *word;
    ngx_http_llmbroker_block_t  *block;
    ngx_http_llmbroker_state_t  *state;

    for (block = states->blocks; block; block = block->next) {

        state = ngx_http_llmbroker_block_cells(block);

        for (i = 0; i < block->used; i++) {
            word = &state[i].rows[row * state[i].stride];

            if ((uint32_t) ngx_http_llmbroker_word_load(word) != 0) {
                (void) __sync_fetch_and_and(word, ~(uint64_t) 0xffffffff);
            }

            ngx_http_llmbroker_breaker_release(&state[i], row,
                                               ngx_current_msec);
        }
    }
}


ngx_uint_t
ngx_http_llmbroker_state_row(void)
{
    return ngx_http_llmbroker_owner ? ngx_http_llmbroker_row
                                    : NGX_HTTP_LLMBROKER_NO_ROW;
}


/* the process's word: calls that have ended << 32 | calls in flight */

static ngx_http_llmbroker_word_t *
ngx_http_llmbroker_state_word(ngx_http_llmbroker_state_t *state)
{
    ngx_uint_t  row;

    /* a single process that reloads may have a row of another zone */

    row = ngx_http_llmbroker_row;

    if (row >= state->nrows) {
        row = 0;
    }

    return &state->rows[row * state->stride];
}


void
ngx_http_llmbroker_state_begin(ngx_http_llmbroker_state_t *state)
{
    (void) ngx_http_llmbroker_word_add(ngx_http_llmbroker_state_word(state),
                                       1);
}


void
ngx_http_llmbroker_state_end(ngx_http_llmbroker_state_t *state)
{
    uint64_t                    old;
    ngx_http_llmbroker_word_t  *word;

    word = ngx_http_llmbroker_state_word(state);

    do {
        old = ngx_http_llmbroker_word_load(word);

        if ((uint32_t) old == 0) {
            return;
        }

    } while (!ngx_http_llmbroker_word_cas(word, old, old - 1));
}


ngx_uint_t
ngx_http_llmbroker_state_in_flight(ngx_http_llmbroker_state_t *state)
{
    ngx_uint_t  r, n;

    n = 0;

    for (r = 0; r < state->nrows; r++) {
        n += (uint32_t) ngx_http_llmbroker_word_load(
                                             &state->rows[r * state->stride]);
    }

    return n;
}


void
ngx_http_llmbroker_state_count(ngx_http_llmbroker_state_t *state)
{
    (void) ngx_http_llmbroker_word_add(ngx_http_llmbroker_state_word(state),
                                       (uint64_t) 1 << 32);
}


uint32_t
ngx_http_llmbroker_state_counted(ngx_http_llmbroker_state_t *state)
{
    uint32_t    n;
    ngx_uint_t  r;

    n = 0;

    for (r = 0; r < state->nrows; r++) {
        n += ngx_http_llmbroker_word_load(&state->rows[r * state->stride])
             >> 32;
    }

    return n;
}
