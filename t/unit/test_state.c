
/*
 * Copyright (C) LLMBroker contributors
 *
 * What workers share of a deployment: it is found again behind a reload, its
 * calls in flight are right whatever happens to a worker, and what a router
 * weighs is what was noted.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "state/ngx_http_llmbroker_breaker.h"
#include "zone.h"


#define TEST_CELLS  10000
#define TEST_CALLS  200000

#define NOW         1000000


static void test_names(void);
static void test_many(void);
static void test_full(void);
static void test_layout(void);
static void test_in_flight(void);
static void test_killed(void);
static void test_slot(void);
static void test_exit(void);
static void test_crowd(void);
static void test_reload(void);
static void test_recycle(void);
static void test_reloads(void);
static void test_concurrent(void);
static void test_cooling(void);
static void test_ewma(void);
static void test_ewma_clock(void);
static void test_turn(void);
static void test_hedge(void);

static ngx_http_llmbroker_state_t *numbered(ngx_shm_zone_t *zone,
    ngx_uint_t n);
static ngx_uint_t ended(ngx_pid_t pid);


int
main(void)
{
    ngx_pid = getpid();

    test_names();
    test_many();
    test_full();
    test_layout();
    test_in_flight();
    test_killed();
    test_slot();
    test_exit();
    test_crowd();
    test_reload();
    test_recycle();
    test_reloads();
    test_concurrent();
    test_cooling();
    test_ewma();
    test_ewma_clock();
    test_turn();
    test_hedge();

    return done_testing();
}


static void
test_names(void)
{
    ngx_uint_t                   i, bad;
    ngx_shm_zone_t              *zone, next;
    ngx_http_llmbroker_state_t  *state[100], *empty;

    zone = zone_create(256 * 1024, 2);

    for (i = 0; i < 100; i++) {
        state[i] = numbered(zone, i);
        state[i]->failures = i;
    }

    empty = zone_state(zone, "");
    ok(empty != NULL && empty->failures == 0, "an empty name is a name");

    /* the next cycle, with the file's order changed */

    next = *zone;
    next.data = NULL;

    is(ngx_http_llmbroker_state_init(&next, zone->data, 7), NGX_OK,
       "the memory is taken over");

    for (i = 100, bad = 0; i-- > 0; /* void */ ) {
        bad += (numbered(&next, i) != state[i] || state[i]->failures != i);
    }

    is(bad, 0, "each name has its cell still");
    ok(numbered(&next, 100)->failures == 0, "another name has another");
}


static void
test_many(void)
{
    ngx_uint_t                    i, j, bad;
    ngx_shm_zone_t               *zone;
    ngx_http_llmbroker_state_t   *state;
    ngx_http_llmbroker_state_t  **all;

    ok(sizeof(ngx_http_llmbroker_state_t) <= 256, "a cell's size: %u",
       (unsigned) sizeof(ngx_http_llmbroker_state_t));

    zone = zone_create(4 * 1024 * 1024, 4);
    all = calloc(TEST_CELLS, sizeof(ngx_http_llmbroker_state_t *));

    for (i = 0; i < TEST_CELLS; i++) {
        all[i] = numbered(zone, i);

        if (all[i] == NULL) {
            break;
        }
    }

    is(i, TEST_CELLS, "10,000 deployments fit into 4m, for four workers");

    /* every word of every row is one cell's own */

    for (i = 0, bad = 0; i < TEST_CELLS; i++) {
        state = all[i];
        bad += (((uintptr_t) state) % 64 != 0);

        for (j = 0; j < state->nrows; j++) {
            bad += (state->rows[j * state->stride] != 0);
            state->rows[j * state->stride] = i;
        }
    }

    for (i = 0; i < TEST_CELLS; i++) {
        for (j = 0; j < all[i]->nrows; j++) {
            bad += (all[i]->rows[j * all[i]->stride] != i);
        }

        bad += (numbered(zone, i) != all[i]);
    }

    is(bad, 0, "each is on a cache line, and its rows are its own");

    free(all);
}


static void
test_full(void)
{
    ngx_uint_t                   i;
    ngx_shm_zone_t              *zone;
    ngx_http_llmbroker_state_t  *first;

    zone = zone_create(32 * 1024, 2);
    first = numbered(zone, 0);

    for (i = 1; i < TEST_CELLS && numbered(zone, i) != NULL; i++) {
        /* void */
    }

    ok(i > 60 && i < 150, "a small zone is full after %u", (unsigned) i);
    ok(numbered(zone, 0) == first, "what is there is found still");
}


static void
test_layout(void)
{
    ngx_shm_zone_t              *zone;
    ngx_http_llmbroker_state_t  *old, *state;

    zone = zone_create(256 * 1024, 2);
    old = zone_state(zone, "a");
    old->failures = 7;

    (*(uint64_t *) ((ngx_slab_pool_t *) zone->shm.addr)->data)++;

    is(ngx_http_llmbroker_state_init(zone, zone->data, 2), NGX_OK,
       "memory of another version");

    state = zone_state(zone, "a");

    ok(state != NULL && state != old && state->failures == 0,
       "all begins anew");
    is(old->failures, 7, "the old processes keep theirs");
}


static void
test_in_flight(void)
{
    ngx_shm_zone_t              *zone;
    ngx_http_llmbroker_state_t  *state;

    zone = zone_create(256 * 1024, 2);
    state = zone_state(zone, "a");

    ngx_http_llmbroker_state_process(zone, 1);

    ngx_http_llmbroker_state_begin(state);
    ngx_http_llmbroker_state_begin(state);
    is(ngx_http_llmbroker_state_in_flight(state), 2, "two in flight");

    ngx_http_llmbroker_state_count(state);
    ngx_http_llmbroker_state_end(state);
    is(ngx_http_llmbroker_state_in_flight(state), 1, "one ended");

    ngx_http_llmbroker_state_end(state);
    ngx_http_llmbroker_state_end(state);
    ngx_http_llmbroker_state_end(state);
    is(ngx_http_llmbroker_state_in_flight(state), 0, "never less than none");
    is(ngx_http_llmbroker_state_counted(state), 1, "other counts are left");

    ngx_http_llmbroker_state_begin(state);
    ngx_http_llmbroker_state_process_exit(zone);
    is(ngx_http_llmbroker_state_in_flight(state), 0, "an end in good order");
    is(ngx_http_llmbroker_state_row(), NGX_HTTP_LLMBROKER_NO_ROW, "no row");
}


/* a worker is killed while it has calls in flight, one of them a probe */

static void
test_killed(void)
{
    ngx_pid_t                    pid;
    volatile ngx_uint_t         *word;
    ngx_shm_zone_t              *zone;
    ngx_http_llmbroker_state_t  *state, *other;

    static ngx_http_llmbroker_breaker_conf_t  conf = {
        1, 0, 10, 30000, 10000, 120000
    };

    zone = zone_create(256 * 1024, 2);
    word = zone_memory(sizeof(ngx_uint_t));
    state = zone_state(zone, "a");
    other = zone_state(zone, "b");

    (void) ngx_http_llmbroker_breaker_note(state, &conf, NOW,
                                           NGX_HTTP_LLMBROKER_NOTE_FAILURE, 0);

    ngx_process_slot = 0;
    ngx_http_llmbroker_state_process(zone, 1);
    ngx_http_llmbroker_state_begin(other);

    pid = zone_fork(zone, 1);

    if (pid == 0) {
        ngx_http_llmbroker_state_begin(state);
        ngx_http_llmbroker_state_begin(state);
        ngx_http_llmbroker_state_begin(other);

        *word = ngx_http_llmbroker_breaker_take(state, NOW + 10000, 60000)
                == NGX_DONE ? 1 : 2;

        (void) poll(NULL, 0, 60000);
        _exit(0);
    }

    zone_await(word, 1);
    is(*word, 1, "a worker probes");
    is(ngx_http_llmbroker_state_in_flight(state), 2, "and calls");

    ngx_http_llmbroker_state_reap(zone);
    is(ngx_http_llmbroker_state_in_flight(state), 2, "it lives");

    zone_kill(pid);
    is(ngx_http_llmbroker_state_in_flight(state), 2, "it dies");

    ngx_current_msec = NOW + 10001;
    ngx_http_llmbroker_state_reap(zone);

    is(ngx_http_llmbroker_state_in_flight(state), 0, "its calls are gone");
    is(ngx_http_llmbroker_state_in_flight(other), 1, "and no others");
    is(ngx_http_llmbroker_breaker_take(state, NOW + 10001, 60000), NGX_DONE,
       "its probe is given back");

    ngx_http_llmbroker_state_process_exit(zone);
}


/* the next process in a slot: the pid may be anybody's by now */

static void
test_slot(void)
{
    ngx_pid_t                    pid;
    ngx_shm_zone_t              *zone;
    volatile ngx_uint_t         *word;
    ngx_http_llmbroker_state_t  *state;

    zone = zone_create(256 * 1024, 2);
    word = zone_memory(sizeof(ngx_uint_t));
    state = zone_state(zone, "a");

    pid = zone_fork(zone, 3);

    if (pid == 0) {
        ngx_http_llmbroker_state_begin(state);
        *word = 1;
        (void) poll(NULL, 0, 60000);
        _exit(0);
    }

    zone_await(word, 1);
    is(ngx_http_llmbroker_state_in_flight(state), 1, "a call in flight");

    ngx_process_slot = 4;
    ngx_http_llmbroker_state_process(zone, 1);
    is(ngx_http_llmbroker_state_in_flight(state), 1, "another slot");
    ngx_http_llmbroker_state_process_exit(zone);

    ngx_process_slot = 3;
    ngx_http_llmbroker_state_process(zone, 1);
    is(ngx_http_llmbroker_state_in_flight(state), 0,
       "who follows in a slot clears what was left there");
    ngx_http_llmbroker_state_process_exit(zone);

    ngx_process_slot = 0;
    zone_kill(pid);
}


static void
test_exit(void)
{
    ngx_uint_t                   i, failed;
    ngx_pid_t                    pid;
    ngx_shm_zone_t              *zone;
    ngx_http_llmbroker_state_t  *state;

    zone = zone_create(256 * 1024, 1);
    state = zone_state(zone, "a");
    failed = 0;

    /* more processes, one after the other, than there are rows */

    for (i = 0; i < 20; i++) {
        pid = zone_fork(zone, i);

        if (pid == 0) {
            failed = (ngx_http_llmbroker_state_row()
                      == NGX_HTTP_LLMBROKER_NO_ROW);

            ngx_http_llmbroker_state_begin(state);
            ngx_http_llmbroker_state_count(state);
            ngx_http_llmbroker_state_process_exit(zone);
            _exit(failed);
        }

        failed += ended(pid);
    }

    is(failed, 0, "each found a row");
    is(ngx_http_llmbroker_state_in_flight(state), 0, "and left it empty");
    is(ngx_http_llmbroker_state_counted(state), 20, "but for what ended");
}


/* there are more old workers than rows */

static void
test_crowd(void)
{
    ngx_pid_t                    pid[10];
    ngx_uint_t                   i, owners;
    ngx_shm_zone_t              *zone;
    volatile ngx_uint_t         *rows, *begun;
    ngx_http_llmbroker_state_t  *state;

    zone = zone_create(256 * 1024, 1);
    rows = zone_memory(2 * sizeof(ngx_uint_t));
    begun = rows + 1;
    state = zone_state(zone, "a");

    for (i = 0; i < 10; i++) {
        pid[i] = zone_fork(zone, i);

        if (pid[i] == 0) {
            if (ngx_http_llmbroker_state_row() != NGX_HTTP_LLMBROKER_NO_ROW) {
                (void) __sync_fetch_and_add(rows, 1);
            }

            ngx_http_llmbroker_state_begin(state);
            (void) __sync_fetch_and_add(begun, 1);
            (void) poll(NULL, 0, 60000);
            _exit(0);
        }
    }

    zone_await(begun, 10);
    owners = *rows;

    is(owners, 4, "four of ten have a row");
    is(ngx_http_llmbroker_state_in_flight(state), 10, "all are counted");

    for (i = 0; i < 10; i++) {
        zone_kill(pid[i]);
    }

    ngx_http_llmbroker_state_reap(zone);
    is(ngx_http_llmbroker_state_in_flight(state), 0, "nothing is stuck");
}


/* a single process that reloads with a zone of another size */

static void
test_reload(void)
{
    ngx_shm_zone_t              *zone, *next;
    ngx_http_llmbroker_state_t  *state;

    zone = zone_create(256 * 1024, 30);
    ngx_http_llmbroker_state_process(zone, 1);

    next = zone_create(256 * 1024, 1);
    state = zone_state(next, "a");

    ok(ngx_http_llmbroker_state_row() < state->nrows,
       "there is a row in the new zone");
    ngx_http_llmbroker_state_begin(state);
    is(ngx_http_llmbroker_state_in_flight(state), 1, "calls are counted");
    ngx_http_llmbroker_state_process_exit(next);
    is(ngx_http_llmbroker_state_in_flight(state), 0, "and taken off");
}


/* cells are used again when no process can know them any more */

static void
test_recycle(void)
{
    u_char                      *start;
    ngx_uint_t                   i, bad;
    ngx_shm_zone_t              *zone;
    ngx_slab_pool_t             *shpool;
    ngx_http_llmbroker_state_t  *state;

    zone = zone_create(256 * 1024, 1);
    shpool = (ngx_slab_pool_t *) zone->shm.addr;

    for (i = 0; i < 200; i++) {
        state = numbered(zone, i);
        state->failures = 1000 + i;
        state->cool = i;
    }

    ngx_http_llmbroker_state_process(zone, 1);
    ngx_http_llmbroker_state_begin(numbered(zone, 7));

    (void) ngx_http_llmbroker_state_init(zone, zone->data, 1);
    start = shpool->start;

    for (i = 200; i < 400; i++) {
        numbered(zone, i)->failures = 1000 + i;
    }

    ok(shpool->start > start, "a worker of the first cycle lives");
    is(numbered(zone, 7)->failures, 1007, "its cells are kept");

    /* the worker of the second cycle takes over */

    ngx_http_llmbroker_state_process_exit(zone);
    ngx_http_llmbroker_state_process(zone, 2);

    (void) ngx_http_llmbroker_state_init(zone, zone->data, 1);
    start = shpool->start;

    for (i = 400, bad = 0; i < 580; i++) {
        state = numbered(zone, i);

        bad += (state->failures != 0 || state->cool != 0
                || state->hash == 0
                || ngx_http_llmbroker_state_in_flight(state) != 0);
    }

    is(bad, 0, "cells of the first cycle are used again, and are empty");
    ok(shpool->start == start, "without more memory");

    for (i = 200, bad = 0; i < 400; i++) {
        bad += (numbered(zone, i)->failures != 1000 + i);
    }

    is(bad, 0, "those of the second are what they were");

    ngx_http_llmbroker_state_process_exit(zone);
}


/* names that change with each reload do not fill the zone */

static void
test_reloads(void)
{
    ngx_uint_t       i, j;
    ngx_shm_zone_t  *zone;

    zone = zone_create(64 * 1024, 1);

    for (i = 1; i < 1000; i++) {
        ngx_http_llmbroker_state_process(zone, i);

        (void) ngx_http_llmbroker_state_init(zone, zone->data, 1);

        for (j = 0; j < 40; j++) {
            if (numbered(zone, i * 40 + j) == NULL) {
                break;
            }
        }

        if (j < 40) {
            break;
        }

        ngx_http_llmbroker_state_process_exit(zone);
    }

    is(i, 1000, "a thousand reloads with other names");
}


static void
test_concurrent(void)
{
    uint64_t                     seed;
    ngx_pid_t                    pid[4];
    ngx_uint_t                   i, j, n, failed;
    ngx_shm_zone_t              *zone;
    ngx_http_llmbroker_state_t  *state;

    zone = zone_create(256 * 1024, 4);
    state = zone_state(zone, "a");
    failed = 0;

    for (i = 0; i < 4; i++) {
        pid[i] = zone_fork(zone, i);

        if (pid[i] == 0) {
            seed = i + 1;

            for (j = 0, n = 0; j < TEST_CALLS; j++) {
                if (n > 0 && unit_random(&seed) % 2) {
                    ngx_http_llmbroker_state_end(state);
                    n--;

                } else {
                    ngx_http_llmbroker_state_begin(state);
                    n++;
                }

                ngx_http_llmbroker_state_count(state);
                (void) ngx_http_llmbroker_state_turn(state);

                if (ngx_http_llmbroker_state_in_flight(state)
                    > 4 * TEST_CALLS)
                {
                    _exit(1);
                }
            }

            while (n-- > 0) {
                ngx_http_llmbroker_state_end(state);
            }

            _exit(0);
        }
    }

    for (i = 0; i < 4; i++) {
        failed += ended(pid[i]);
    }

    is(failed, 0, "never negative");
    is(ngx_http_llmbroker_state_in_flight(state), 0, "all have ended");
    is(ngx_http_llmbroker_state_counted(state), 4 * TEST_CALLS,
       "all were counted");
    is(ngx_http_llmbroker_state_turn(state), 4 * TEST_CALLS,
       "each turn was taken once");
}


static void
test_cooling(void)
{
    ngx_shm_zone_t              *zone;
    ngx_http_llmbroker_state_t  *state;

    zone = zone_create(256 * 1024, 1);
    state = zone_state(zone, "a");

    is(ngx_http_llmbroker_state_cooling(state, NOW), 0, "does not cool");

    ngx_http_llmbroker_state_cool(state, NOW, 5000);
    is(ngx_http_llmbroker_state_cooling(state, NOW), 5000, "cools");

    ngx_http_llmbroker_state_cool(state, NOW + 1000, 2000);
    is(ngx_http_llmbroker_state_cooling(state, NOW + 1000), 4000,
       "is never shortened");

    ngx_http_llmbroker_state_cool(state, NOW + 1000, 9000);
    is(ngx_http_llmbroker_state_cooling(state, NOW + 1000), 9000,
       "the later wins");

    is(ngx_http_llmbroker_state_cooling(state, NOW + 9999), 1, "to the end");
    is(ngx_http_llmbroker_state_cooling(state, NOW + 10000), 0, "is over");

    state = zone_state(zone, "b");
    ngx_http_llmbroker_state_cool(state, (ngx_msec_t) -1000, 3000);
    is(ngx_http_llmbroker_state_cooling(state, 500), 1500,
       "across the clock's end");

    state = zone_state(zone, "c");
    ngx_http_llmbroker_state_cool(state, NOW, (ngx_msec_t) -1);
    is(ngx_http_llmbroker_state_cooling(state, NOW), 86400000,
       "a day at most");
    is(ngx_http_llmbroker_breaker_take(state, NOW, 1), NGX_OK,
       "it ejects nobody");
}


static void
test_ewma(void)
{
    ngx_uint_t                   i;
    ngx_msec_t                   now, ewma;
    ngx_shm_zone_t              *zone;
    ngx_http_llmbroker_state_t  *state;

    zone = zone_create(256 * 1024, 1);
    state = zone_state(zone, "a");

    is(ngx_http_llmbroker_state_ewma(state, NOW), 0, "not known");

    ngx_http_llmbroker_state_latency(state, NOW, 0);
    is(ngx_http_llmbroker_state_ewma(state, NOW), 1, "none is known");

    ngx_http_llmbroker_state_latency(state, NOW, 100);
    is(ngx_http_llmbroker_state_ewma(state, NOW), 100, "a peak counts at once");

    ngx_http_llmbroker_state_latency(state, NOW, 1000);
    is(ngx_http_llmbroker_state_ewma(state, NOW), 1000, "a higher one too");

    is(ngx_http_llmbroker_state_ewma(state, NOW + 10000), 368,
       "after 10 s, 1/e of it is left");
    is(ngx_http_llmbroker_state_ewma(state, NOW + 20000), 136,
       "after 20 s, 1/e/e");

    ewma = ngx_http_llmbroker_state_ewma(state, NOW + 1000);
    ok(ewma >= 904 && ewma <= 906, "after a second, 90 %%: %u",
       (unsigned) ewma);

    ngx_http_llmbroker_state_latency(state, NOW, 100);
    is(ngx_http_llmbroker_state_ewma(state, NOW), 1000,
       "at the same time, a lower one has no weight");

    ngx_http_llmbroker_state_latency(state, NOW + 10000, 100);
    is(ngx_http_llmbroker_state_ewma(state, NOW + 10000), 432,
       "1000 / e + 100 * (1 - 1 / e)");

    for (i = 0, now = NOW + 10000; i < 100; i++) {
        now += 1000;
        ngx_http_llmbroker_state_latency(state, now, 100);
    }

    ewma = ngx_http_llmbroker_state_ewma(state, now);
    ok(ewma >= 99 && ewma <= 101, "after 100 s of 100 msec: %u",
       (unsigned) ewma);

    is(ngx_http_llmbroker_state_ewma(state, now + 300000), 0,
       "not known after five minutes");

    /* it only falls with time, and smoothly */

    ngx_http_llmbroker_state_latency(state, now, 60000);

    for (i = 0, ewma = 60000; i < 300000; i += 7) {
        if (ngx_http_llmbroker_state_ewma(state, now + i) > ewma
            || ngx_http_llmbroker_state_ewma(state, now + i) + 60 < ewma)
        {
            break;
        }

        ewma = ngx_http_llmbroker_state_ewma(state, now + i);
    }

    ok(i >= 300000, "it falls smoothly");
}


static void
test_ewma_clock(void)
{
    ngx_shm_zone_t              *zone;
    ngx_http_llmbroker_state_t  *state;

    zone = zone_create(256 * 1024, 1);
    state = zone_state(zone, "a");

    ngx_http_llmbroker_state_latency(state, 0xffffffff - 4999, 1000);
    is(ngx_http_llmbroker_state_ewma(state, 0x100000000 + 5000), 368,
       "across 32 bits");
    is(ngx_http_llmbroker_state_ewma(state, 0xffffffff - 5100), 1000,
       "another process's clock is behind");
    is(ngx_http_llmbroker_state_ewma(state, 0xffffffff
                                            + 30 * (ngx_msec_t) 86400000),
       0, "not known after 30 days");

    ngx_http_llmbroker_state_latency(state, 0x200000000, (ngx_msec_t) -1);
    is(ngx_http_llmbroker_state_ewma(state, 0x200000000), 0x3ffffff,
       "a sample has a limit");
}


static void
test_turn(void)
{
    ngx_shm_zone_t              *zone;
    ngx_http_llmbroker_state_t  *state;

    zone = zone_create(256 * 1024, 1);
    state = zone_state(zone, "a");

    is(ngx_http_llmbroker_state_turn(state), 0, "the first turn");
    is(ngx_http_llmbroker_state_turn(state), 1, "the next");
}


static void
test_hedge(void)
{
    ngx_uint_t                   i, n;
    ngx_shm_zone_t              *zone;
    ngx_http_llmbroker_state_t  *state;

    zone = zone_create(256 * 1024, 1);
    state = zone_state(zone, "a");

    for (n = 0; ngx_http_llmbroker_state_hedge_spend(state) == NGX_OK; n++) {
        /* void */
    }

    is(n, 10, "ten in advance");

    for (i = 0; i < 9; i++) {
        ngx_http_llmbroker_state_hedge_earn(state, 10);
    }

    is(ngx_http_llmbroker_state_hedge_spend(state), NGX_DECLINED,
       "nine requests do not earn one");

    ngx_http_llmbroker_state_hedge_earn(state, 10);
    is(ngx_http_llmbroker_state_hedge_spend(state), NGX_OK, "ten do");
    is(ngx_http_llmbroker_state_hedge_spend(state), NGX_DECLINED, "but one");

    for (i = 0; i < 1000; i++) {
        ngx_http_llmbroker_state_hedge_earn(state, 100);
    }

    for (n = 0; ngx_http_llmbroker_state_hedge_spend(state) == NGX_OK; n++) {
        /* void */
    }

    is(n, 10, "no more than ten are saved");

    for (i = 0, n = 0; i < 10000; i++) {
        ngx_http_llmbroker_state_hedge_earn(state, 7);
        n += (ngx_http_llmbroker_state_hedge_spend(state) == NGX_OK);
    }

    is(n, 700, "7 % of 10,000");
}


static ngx_http_llmbroker_state_t *
numbered(ngx_shm_zone_t *zone, ngx_uint_t n)
{
    char  name[64];

    (void) snprintf(name, sizeof(name), "model-%u|https://host/v1|m",
                    (unsigned) n);

    return zone_state(zone, name);
}


/* 0 when a child has ended by itself, and well */

static ngx_uint_t
ended(ngx_pid_t pid)
{
    int  status;

    return waitpid(pid, &status, 0) != pid || status != 0;
}
