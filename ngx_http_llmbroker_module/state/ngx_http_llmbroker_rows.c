
/*
 * Copyright (C) LLMBroker contributors
 *
 * Each process counts in a row of its own, so that what a killed one has left
 * behind can be told from the rest.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "state/ngx_http_llmbroker_breaker.h"
#include "state/ngx_http_llmbroker_zone.h"


static ngx_uint_t ngx_http_llmbroker_rows_dead(uint64_t owner);
static void ngx_http_llmbroker_rows_free(ngx_http_llmbroker_states_t *states,
    ngx_uint_t row);
static ngx_http_llmbroker_word_t *ngx_http_llmbroker_rows_word(
    ngx_http_llmbroker_state_t *state);


#define ngx_http_llmbroker_rows_id()                                         \
    ((uint64_t) ngx_pid << 32 | (uint32_t) ngx_process_slot)


/* this process's row; owner is 0 when it is another's */

static ngx_uint_t  ngx_http_llmbroker_row;
static uint64_t    ngx_http_llmbroker_owner;


void
ngx_http_llmbroker_state_process(ngx_shm_zone_t *zone, ngx_uint_t generation)
{
    uint64_t                      id;
    ngx_uint_t                    r;
    ngx_http_llmbroker_states_t  *states;

    states = zone->data;

    ngx_http_llmbroker_owner = 0;
    ngx_http_llmbroker_state_reap(zone);

    id = ngx_http_llmbroker_rows_id();

    for (r = 0; r < states->nrows; r++) {

        if (ngx_http_llmbroker_word_load(&states->rows[r].owner) == 0
            && ngx_http_llmbroker_word_cas(&states->rows[r].owner, 0, id))
        {
            states->rows[r].generation = (uint32_t) generation;

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
    states->crowded = 1;
}


void
ngx_http_llmbroker_state_again(ngx_shm_zone_t *zone, ngx_uint_t generation)
{
    if (ngx_http_llmbroker_owner >> 32 == (uint64_t) ngx_pid) {
        ngx_http_llmbroker_state_process(zone, generation);
    }
}


void
ngx_http_llmbroker_state_process_exit(ngx_shm_zone_t *zone)
{
    ngx_http_llmbroker_states_t  *states;

    states = zone->data;

    if (ngx_http_llmbroker_owner != 0
        && states->rows[ngx_http_llmbroker_row].owner
           == ngx_http_llmbroker_owner)
    {
        ngx_http_llmbroker_rows_free(states, ngx_http_llmbroker_row);
    }

    ngx_http_llmbroker_owner = 0;
}


void
ngx_http_llmbroker_state_reap(ngx_shm_zone_t *zone)
{
    uint64_t                      owner;
    ngx_uint_t                    r;
    ngx_http_llmbroker_states_t  *states;

    states = zone->data;

    for (r = 0; r < states->nrows; r++) {

        owner = ngx_http_llmbroker_word_load(&states->rows[r].owner);

        if (owner == 0 || !ngx_http_llmbroker_rows_dead(owner)) {
            continue;
        }

        /* nobody takes the row before it is clear, and one clears it */

        if (ngx_http_llmbroker_word_cas(&states->rows[r].owner, owner,
                                        ngx_http_llmbroker_rows_id()))
        {
            ngx_http_llmbroker_rows_free(states, r);
        }
    }
}


/*
 * The master gives a slot of its table to another process when the one before
 * is gone, whoever may have its pid by now.
 */

static ngx_uint_t
ngx_http_llmbroker_rows_dead(uint64_t owner)
{
    ngx_pid_t  pid;

    if (owner == ngx_http_llmbroker_owner) {
        return 0;
    }

    pid = (ngx_pid_t) (owner >> 32);

    if (pid == ngx_pid || (uint32_t) owner == (uint32_t) ngx_process_slot) {
        return 1;
    }

    return kill(pid, 0) == -1 && ngx_errno == NGX_ESRCH;
}


/* of the row's calls in flight and probes nothing is left */

static void
ngx_http_llmbroker_rows_free(ngx_http_llmbroker_states_t *states,
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

    states->rows[row].generation = 0;

    ngx_http_llmbroker_word_store(&states->rows[row].owner, 0);
}


ngx_uint_t
ngx_http_llmbroker_state_row(void)
{
    return ngx_http_llmbroker_owner ? ngx_http_llmbroker_row
                                    : NGX_HTTP_LLMBROKER_NO_ROW;
}


/* the process's word: calls that have ended << 32 | calls in flight */

static ngx_http_llmbroker_word_t *
ngx_http_llmbroker_rows_word(ngx_http_llmbroker_state_t *state)
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
    (void) ngx_http_llmbroker_word_add(ngx_http_llmbroker_rows_word(state),
                                       1);
}


void
ngx_http_llmbroker_state_end(ngx_http_llmbroker_state_t *state)
{
    uint64_t                    old;
    ngx_http_llmbroker_word_t  *word;

    word = ngx_http_llmbroker_rows_word(state);

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
    (void) ngx_http_llmbroker_word_add(ngx_http_llmbroker_rows_word(state),
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
