
/*
 * Copyright (C) LLMBroker contributors
 *
 * The circuit breaker: when it opens and for how long, that there is one probe
 * whoever asks at the same time, and that no clock and no dead process keeps
 * it open.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "state/ngx_http_llmbroker_breaker.h"
#include "zone.h"


#define TEST_CHILDREN  4
#define TEST_ROUNDS    500000


typedef struct {
    volatile ngx_uint_t  probing;    /* probes that run */
    volatile ngx_uint_t  probes;
    volatile ngx_uint_t  clashes;
    volatile ngx_uint_t  opened;
    volatile ngx_uint_t  closed;
} test_shared_t;


static void test_in_a_row(void);
static void test_probe(void);
static void test_neutral(void);
static void test_late(void);
static void test_lease(void);
static void test_flapping(void);
static void test_rate(void);
static void test_rate_success(void);
static void test_window(void);
static void test_window_cleared(void);
static void test_off(void);
static void test_clock(void);
static void test_health(void);
static void test_due(void);
static void test_row(void);
static void test_quiet(void);
static void test_concurrent(void);
static void test_child(ngx_http_llmbroker_state_t *state,
    test_shared_t *shared, ngx_uint_t n);

static ngx_http_llmbroker_state_t *fresh(void);
static ngx_int_t call(ngx_http_llmbroker_state_t *state, ngx_msec_t now,
    const char *notes);
static ngx_int_t probe(ngx_http_llmbroker_state_t *state, ngx_msec_t now,
    ngx_http_llmbroker_note_e note);


static ngx_shm_zone_t  *test_zone;

static const ngx_http_llmbroker_breaker_conf_t  test_conf = {
    3, 50, 10, 30000, 10000, 120000
};

#define NOW      1000000
#define SUCCESS  NGX_HTTP_LLMBROKER_NOTE_SUCCESS
#define FAILURE  NGX_HTTP_LLMBROKER_NOTE_FAILURE
#define NEUTRAL  NGX_HTTP_LLMBROKER_NOTE_NEUTRAL


int
main(void)
{
    test_zone = zone_create(1024 * 1024, 2);
    ngx_pid = getpid();
    ngx_http_llmbroker_state_process(test_zone, 1);

    test_in_a_row();
    test_probe();
    test_neutral();
    test_late();
    test_lease();
    test_flapping();
    test_rate();
    test_rate_success();
    test_window();
    test_window_cleared();
    test_off();
    test_clock();
    test_health();
    test_due();
    test_row();
    test_quiet();
    test_concurrent();

    return done_testing();
}


static void
test_in_a_row(void)
{
    ngx_http_llmbroker_state_t  *state;

    state = fresh();

    is(ngx_http_llmbroker_breaker(state, NOW),
       NGX_HTTP_LLMBROKER_BREAKER_CLOSED, "closed at first");
    is(ngx_http_llmbroker_breaker_take(state, NOW, 1000), NGX_OK,
       "closed: may be called");
    is(ngx_http_llmbroker_breaker_wait(state, NOW), 0, "closed: no wait");

    is(call(state, NOW, "ff"), NGX_OK, "two failures do not open it");
    is(ngx_http_llmbroker_breaker_failures(state), 2, "they are counted");
    is(call(state, NOW, "s"), NGX_OK, "a success changes nothing");
    is(ngx_http_llmbroker_breaker_failures(state), 0, "the row is broken");
    is(call(state, NOW, "ff"), NGX_OK, "two more");
    is(call(state, NOW, "f"), NGX_DONE, "the third in a row opens it");

    is(ngx_http_llmbroker_breaker(state, NOW),
       NGX_HTTP_LLMBROKER_BREAKER_OPEN, "open");
    is(ngx_http_llmbroker_breaker_failures(state), 3, "failures are kept");
    is(ngx_http_llmbroker_breaker_take(state, NOW, 1000), NGX_DECLINED,
       "open: may not be called");
    is(ngx_http_llmbroker_breaker_wait(state, NOW), 10000, "for 10 s");
    is(ngx_http_llmbroker_breaker_wait(state, NOW + 9999), 1, "to the end");
    is(ngx_http_llmbroker_breaker_take(state, NOW + 9999, 1000),
       NGX_DECLINED, "a msec too early");
    is(state->failures, 5, "failures ever");
}


static void
test_probe(void)
{
    ngx_uint_t                   i;
    ngx_msec_t                   now;
    ngx_http_llmbroker_state_t  *state;

    static ngx_msec_t  ejection[] = {
        20000, 40000, 80000, 120000, 120000, 120000
    };

    state = fresh();
    now = NOW;
    (void) call(state, now, "fff");

    now += 10000;

    is(ngx_http_llmbroker_breaker(state, now),
       NGX_HTTP_LLMBROKER_BREAKER_HALF_OPEN, "half open when time is over");
    is(ngx_http_llmbroker_breaker_wait(state, now), 0, "half open: no wait");

    for (i = 0; i < sizeof(ejection) / sizeof(ejection[0]); i++) {
        is(ngx_http_llmbroker_breaker_take(state, now, 60000), NGX_DONE,
           "one is the probe");
        is(ngx_http_llmbroker_breaker_take(state, now, 60000), NGX_DECLINED,
           "the next is not");
        is(ngx_http_llmbroker_breaker(state, now),
           NGX_HTTP_LLMBROKER_BREAKER_HALF_OPEN, "half open while it runs");
        is(ngx_http_llmbroker_breaker_wait(state, now), 1000,
           "its end is not known");
        is(ngx_http_llmbroker_breaker_note(state, &test_conf, now, FAILURE,
                                           1),
           NGX_DONE, "it fails: open again");
        is(ngx_http_llmbroker_breaker_wait(state, now), ejection[i],
           "twice as long, up to open_max");

        now += ejection[i];
    }

    is(ngx_http_llmbroker_breaker_failures(state), 9, "all in a row");
    is(probe(state, now, SUCCESS), NGX_DONE, "a good probe closes it");
    is(ngx_http_llmbroker_breaker(state, now),
       NGX_HTTP_LLMBROKER_BREAKER_CLOSED, "closed");
    is(ngx_http_llmbroker_breaker_failures(state), 0, "no failure in a row");
    is(ngx_http_llmbroker_breaker_take(state, now, 1000), NGX_OK,
       "all may call");
}


static void
test_neutral(void)
{
    ngx_http_llmbroker_state_t  *state;

    state = fresh();
    (void) call(state, NOW, "fff");

    is(probe(state, NOW + 10000, NEUTRAL), NGX_OK,
       "a probe that tells nothing changes nothing");
    is(ngx_http_llmbroker_breaker_wait(state, NOW + 10000), 0,
       "it is given back");
    is(probe(state, NOW + 10000, FAILURE), NGX_DONE, "another probes");
    is(ngx_http_llmbroker_breaker_wait(state, NOW + 10000), 20000,
       "it counted as one ejection");

    state = fresh();

    is(call(state, NOW, "fnnfnn"), NGX_OK, "neutral calls");
    is(ngx_http_llmbroker_breaker_failures(state), 2,
       "do not break a row");
    is(ngx_http_llmbroker_state_counted(state), 2, "and are not counted");
}


static void
test_late(void)
{
    ngx_http_llmbroker_state_t  *state;

    state = fresh();
    (void) call(state, NOW, "fff");

    is(call(state, NOW + 5000, "f"), NGX_OK, "a late failure");
    is(ngx_http_llmbroker_breaker_wait(state, NOW + 5000), 5000,
       "does not lengthen it");
    is(ngx_http_llmbroker_breaker_failures(state), 4, "and is counted");

    is(call(state, NOW + 5000, "sssss"), NGX_OK, "late successes");
    is(ngx_http_llmbroker_breaker(state, NOW + 5000),
       NGX_HTTP_LLMBROKER_BREAKER_OPEN, "do not close it");

    is(ngx_http_llmbroker_breaker_take(state, NOW + 10000, 60000), NGX_DONE,
       "a probe runs");
    is(call(state, NOW + 10000, "sf"), NGX_OK, "late calls during it");
    is(ngx_http_llmbroker_breaker_take(state, NOW + 10000, 60000),
       NGX_DECLINED, "do not end it");
    is(ngx_http_llmbroker_breaker_close(state), NGX_DONE,
       "a health check closes it");
    is(ngx_http_llmbroker_breaker_note(state, &test_conf, NOW + 10000,
                                       FAILURE, 1),
       NGX_OK, "the probe's failure");
    is(ngx_http_llmbroker_breaker_failures(state), 1, "is one of three");
}


static void
test_lease(void)
{
    ngx_http_llmbroker_state_t  *state;

    state = fresh();
    (void) call(state, NOW, "fff");

    is(ngx_http_llmbroker_breaker_take(state, NOW + 10000, 5000), NGX_DONE,
       "a probe with a lease");
    is(ngx_http_llmbroker_breaker_take(state, NOW + 14999, 5000),
       NGX_DECLINED, "until its end");
    is(ngx_http_llmbroker_breaker_wait(state, NOW + 14999), 1,
       "which is told");
    is(ngx_http_llmbroker_breaker_take(state, NOW + 15000, 5000), NGX_DONE,
       "then another may probe");
    is(ngx_http_llmbroker_breaker_note(state, &test_conf, NOW + 15000,
                                       FAILURE, 1),
       NGX_DONE, "and fail");
    is(ngx_http_llmbroker_breaker_note(state, &test_conf, NOW + 15001,
                                       FAILURE, 1),
       NGX_OK, "the first comes too late to fail");
    is(ngx_http_llmbroker_breaker_wait(state, NOW + 15001), 19999,
       "it does not lengthen what the second began");
    is(ngx_http_llmbroker_breaker_note(state, &test_conf, NOW + 15002,
                                       SUCCESS, 1),
       NGX_DONE, "a good answer is never too late");
}


static void
test_flapping(void)
{
    ngx_http_llmbroker_state_t  *state;

    state = fresh();
    (void) call(state, NOW, "fff");
    (void) probe(state, NOW + 10000, SUCCESS);
    is(call(state, NOW + 10000, "fff"), NGX_DONE, "open, closed, open");
    is(ngx_http_llmbroker_breaker_wait(state, NOW + 10000), 20000,
       "one good answer between: twice as long");

    (void) probe(state, NOW + 30000, SUCCESS);
    is(call(state, NOW + 49999, "fff"), NGX_DONE, "it held for 19 s");
    is(ngx_http_llmbroker_breaker_wait(state, NOW + 49999), 40000,
       "twice as long again");

    (void) probe(state, NOW + 100000, SUCCESS);
    is(call(state, NOW + 140000, "fff"), NGX_DONE, "it held for 40 s");
    is(ngx_http_llmbroker_breaker_wait(state, NOW + 140000), 10000,
       "the ejections are forgotten");
}


static void
test_rate(void)
{
    ngx_http_llmbroker_state_t  *state;

    state = fresh();
    is(call(state, NOW, "sfsfsfsfs"), NGX_OK, "4 of 9 fail");
    is(call(state, NOW, "f"), NGX_DONE, "5 of 10 open it");

    state = fresh();
    is(call(state, NOW, "ffsffsffs"), NGX_OK, "6 of 9: too few calls");

    state = fresh();
    is(call(state, NOW, "sssssssssssssssssssssffsffsffsffsffsffsffsff"),
       NGX_OK, "16 of 44 do not open it");
    is(call(state, NOW, "sffsffsffsffsffsffsffsffsffsffsffsff"), NGX_DONE,
       "more do, after some time");
}


static void
test_rate_success(void)
{
    ngx_http_llmbroker_state_t  *state;

    state = fresh();
    is(call(state, NOW, "ffsffsffs"), NGX_OK, "6 of 9");
    is(call(state, NOW, "s"), NGX_DONE, "the tenth call opens it, if good");
    is(ngx_http_llmbroker_breaker(state, NOW),
       NGX_HTTP_LLMBROKER_BREAKER_OPEN, "open");
}


static void
test_window(void)
{
    ngx_uint_t                   i;
    ngx_msec_t                   now;
    ngx_http_llmbroker_state_t  *state;

    state = fresh();
    (void) call(state, NOW, "fsfsfsfs");
    is(call(state, NOW + 24000, "sf"), NGX_DONE,
       "what failed 24 s ago counts");

    state = fresh();
    (void) call(state, NOW, "fsfsfsfs");
    is(call(state, NOW + 30000, "sf"), NGX_OK,
       "what failed 30 s ago does not");

    /* each second a call: one in three fails, for five minutes */

    state = fresh();

    for (i = 0, now = NOW; i < 300; i++, now += 1000) {
        if (call(state, now, i % 3 ? "s" : "f") != NGX_OK) {
            break;
        }
    }

    is(i, 300, "a third that fails does not open it, however long");

    for (i = 0; i < 60; i++, now += 1000) {
        if (call(state, now, i % 3 ? "f" : "s") != NGX_OK) {
            break;
        }
    }

    ok(i < 30, "two thirds do, within the window");

    /* a long silence: the tags come round */

    state = fresh();
    (void) call(state, NOW, "fsfsfsfs");
    is(call(state, NOW + 0x8000 * (ngx_msec_t) 5000, "sf"), NGX_OK,
       "the calls of 45 hours ago");
    is(call(state, NOW + 0x8000 * (ngx_msec_t) 5000 + 60000, "fs"), NGX_OK,
       "are forgotten in the end");
}


static void
test_window_cleared(void)
{
    ngx_http_llmbroker_state_t  *state;

    state = fresh();
    (void) call(state, NOW, "sfsfsfsfsf");
    is(probe(state, NOW + 10000, SUCCESS), NGX_DONE, "open by rate, closed");
    is(call(state, NOW + 10000, "sf"), NGX_OK,
       "what failed before does not open it again");
    is(call(state, NOW + 10000, "sfsfsfsf"), NGX_DONE, "ten anew do");
}


static void
test_off(void)
{
    ngx_uint_t                         i;
    ngx_http_llmbroker_state_t        *state;
    ngx_http_llmbroker_breaker_conf_t  conf;

    conf = test_conf;
    conf.failures = 0;
    conf.error_rate = 0;
    state = fresh();

    for (i = 0; i < 5000; i++) {
        if (ngx_http_llmbroker_breaker_note(state, &conf, NOW, FAILURE, 0)
            != NGX_OK)
        {
            break;
        }
    }

    is(i, 5000, "without failures and error_rate it never opens");
    is(ngx_http_llmbroker_breaker_failures(state), 4095,
       "the row has a limit");

    conf.failures = 1;
    conf.open = 500;
    conf.open_max = 100;
    state = fresh();

    is(ngx_http_llmbroker_breaker_note(state, &conf, NOW, FAILURE, 0),
       NGX_DONE, "one failure may do");
    is(ngx_http_llmbroker_breaker_wait(state, NOW), 500,
       "open_max is at least open");
}


static void
test_clock(void)
{
    ngx_uint_t                   i;
    ngx_msec_t                   now;
    ngx_http_llmbroker_state_t  *state;

    static ngx_msec_t  clock[] = {
        0, 1, 5000, 0x7fffffff - 5000, 0xffffffff - 5000,
        ((ngx_msec_t) 1 << 37) - 5000, ((ngx_msec_t) 1 << 38) - 5000,
        ((ngx_msec_t) 1 << 63) - 5000, (ngx_msec_t) -5000
    };

    for (i = 0; i < sizeof(clock) / sizeof(clock[0]); i++) {
        now = clock[i];
        state = fresh();

        is(call(state, now, "fff"), NGX_DONE, "opens at any time");
        is(ngx_http_llmbroker_breaker_wait(state, now), 10000, "10 s");
        is(ngx_http_llmbroker_breaker_wait(state, now + 6000), 4000,
           "across the clock's end");
        is(ngx_http_llmbroker_breaker_take(state, now + 9999, 1),
           NGX_DECLINED, "still open");
        is(probe(state, now + 10000, SUCCESS), NGX_DONE, "closes");
    }

    /* nobody asks for long */

    for (i = 1; i < 8; i++) {
        state = fresh();
        (void) call(state, NOW, "fff");

        is(ngx_http_llmbroker_breaker_take(state,
                               NOW + (ngx_msec_t) i * 365 * 86400000, 1),
           NGX_DONE, "half open for years");
    }
}


static void
test_health(void)
{
    ngx_http_llmbroker_state_t  *state;

    state = fresh();

    is(ngx_http_llmbroker_state_health(state, NOW),
       NGX_HTTP_LLMBROKER_HEALTH_UNKNOWN, "not checked");
    is(ngx_http_llmbroker_state_set_health(state,
                           NGX_HTTP_LLMBROKER_HEALTH_UP, NOW, 60000),
       NGX_OK, "up at first is no change");
    is(ngx_http_llmbroker_state_health(state, NOW),
       NGX_HTTP_LLMBROKER_HEALTH_UP, "up");
    is(ngx_http_llmbroker_state_health(state, NOW + 60000),
       NGX_HTTP_LLMBROKER_HEALTH_UNKNOWN, "for a while");

    is(ngx_http_llmbroker_state_set_health(state,
                           NGX_HTTP_LLMBROKER_HEALTH_DOWN, NOW, 60000),
       NGX_DONE, "down is a change");
    is(ngx_http_llmbroker_breaker_take(state, NOW, 1), NGX_DECLINED,
       "down: may not be called");
    is(ngx_http_llmbroker_breaker_wait(state, NOW), 60000, "while it holds");
    is(ngx_http_llmbroker_breaker(state, NOW),
       NGX_HTTP_LLMBROKER_BREAKER_CLOSED, "the breaker is another thing");
    is(ngx_http_llmbroker_state_set_health(state,
                           NGX_HTTP_LLMBROKER_HEALTH_DOWN, NOW + 30000, 60000),
       NGX_OK, "down still");
    is(ngx_http_llmbroker_state_down(state, NOW + 30000), 60000,
       "for longer");
    is(ngx_http_llmbroker_breaker_take(state, NOW + 90000, 1), NGX_OK,
       "a checker that died does not eject for ever");
    is(ngx_http_llmbroker_state_set_health(state,
                           NGX_HTTP_LLMBROKER_HEALTH_UP, NOW + 90000, 60000),
       NGX_DONE, "up is a change");

    (void) call(state, NOW, "fff");
    is(ngx_http_llmbroker_state_set_health(state,
                           NGX_HTTP_LLMBROKER_HEALTH_UP, NOW, 60000),
       NGX_OK, "up of an open breaker is no change");
    is(ngx_http_llmbroker_breaker_wait(state, NOW), 10000,
       "which stays open");

    state = fresh();
    (void) call(state, NOW, "fff");
    (void) ngx_http_llmbroker_state_set_health(state,
                               NGX_HTTP_LLMBROKER_HEALTH_DOWN, NOW, 15000);
    is(ngx_http_llmbroker_breaker_wait(state, NOW), 15000,
       "the longer of both");
    is(ngx_http_llmbroker_breaker_take(state, NOW + 12000, 1), NGX_DECLINED,
       "no probe while a check says down");
    is(ngx_http_llmbroker_state_set_health(state,
                           NGX_HTTP_LLMBROKER_HEALTH_UNKNOWN, NOW, 15000),
       NGX_DONE, "not checked any more");
    is(ngx_http_llmbroker_breaker_wait(state, NOW), 10000,
       "the breaker is left");
}


/* a sign of life is no answer: it brings the probe forward, and no more */

static void
test_due(void)
{
    ngx_http_llmbroker_state_t  *state;

    state = fresh();

    ngx_http_llmbroker_breaker_due(state, NOW);
    is(ngx_http_llmbroker_word_load(&state->breaker), 0,
       "closed: there is no probe");

    (void) call(state, NOW, "fff");
    ngx_http_llmbroker_breaker_due(state, NOW + 1000);

    is(ngx_http_llmbroker_breaker(state, NOW + 1000),
       NGX_HTTP_LLMBROKER_BREAKER_HALF_OPEN, "open: half open now");
    is(ngx_http_llmbroker_breaker_wait(state, NOW + 1000), 0, "without wait");
    is(ngx_http_llmbroker_breaker_failures(state), 3, "failures are kept");
    is(ngx_http_llmbroker_breaker_take(state, NOW + 1000, 5000), NGX_DONE,
       "the next call is the probe");

    ngx_http_llmbroker_breaker_due(state, NOW + 2000);
    is(ngx_http_llmbroker_breaker_take(state, NOW + 2000, 5000), NGX_DECLINED,
       "while it runs there is no other");

    is(ngx_http_llmbroker_breaker_note(state, &test_conf, NOW + 2000, FAILURE,
                                       1),
       NGX_DONE, "it fails: open again");
    is(ngx_http_llmbroker_breaker_wait(state, NOW + 2000), 20000,
       "twice as long: ejections are kept");

    ngx_http_llmbroker_breaker_due(state, NOW + 3000);
    is(probe(state, NOW + 3000, SUCCESS), NGX_DONE, "a good probe closes it");
    is(ngx_http_llmbroker_breaker(state, NOW + 3000),
       NGX_HTTP_LLMBROKER_BREAKER_CLOSED, "closed");

    (void) call(state, NOW + 3000, "fff");
    is(ngx_http_llmbroker_breaker_wait(state, NOW + 3000), 40000,
       "which is its third ejection");
    is(ngx_http_llmbroker_breaker_close(state), NGX_DONE, "an open one ends");
    is(ngx_http_llmbroker_breaker_take(state, NOW + 3000, 1), NGX_OK,
       "it may be called");
}


/* a probe of a process that was killed is given back with its row */

static void
test_row(void)
{
    ngx_uint_t                   row;
    ngx_http_llmbroker_state_t  *state;

    row = ngx_http_llmbroker_state_row();
    state = fresh();
    (void) call(state, NOW, "fff");

    (void) ngx_http_llmbroker_breaker_take(state, NOW + 10000, 60000);

    ngx_http_llmbroker_breaker_release(state, row + 1, NOW + 10001);
    is(ngx_http_llmbroker_breaker_take(state, NOW + 10001, 1), NGX_DECLINED,
       "another process's end does not end a probe");

    ngx_http_llmbroker_breaker_release(state, row, NOW + 10001);
    is(ngx_http_llmbroker_breaker_take(state, NOW + 10001, 60000), NGX_DONE,
       "the process's own does");

    (void) ngx_http_llmbroker_breaker_note(state, &test_conf, NOW + 10001,
                                           SUCCESS, 1);
    ngx_http_llmbroker_breaker_release(state, row, NOW + 10002);
    is(ngx_http_llmbroker_breaker(state, NOW + 10002),
       NGX_HTTP_LLMBROKER_BREAKER_CLOSED, "a closed one stays closed");
}


/* while all is well, a call writes to the process's own row only */

static void
test_quiet(void)
{
    ngx_uint_t                   i;
    ngx_http_llmbroker_state_t  *state, before;

    state = fresh();
    (void) call(state, NOW, "s");
    before = *state;

    for (i = 0; i < 100; i++) {
        (void) ngx_http_llmbroker_breaker_take(state, NOW + i, 1000);
        (void) call(state, NOW + i, "s");
    }

    ok(ngx_memcmp(&before, state, sizeof(before)) == 0,
       "good calls write nothing to the cell");
    is(ngx_http_llmbroker_state_counted(state), 101, "and are counted");
}


static void
test_concurrent(void)
{
    int                          status;
    ngx_pid_t                    pid[TEST_CHILDREN];
    ngx_uint_t                   i, failed;
    test_shared_t               *shared;
    ngx_http_llmbroker_state_t  *state;

    state = fresh();
    shared = zone_memory(sizeof(test_shared_t));

    for (i = 0; i < TEST_CHILDREN; i++) {
        pid[i] = zone_fork(test_zone, i + 1);

        if (pid[i] == 0) {
            test_child(state, shared, i);
            ngx_http_llmbroker_state_process_exit(test_zone);
            _exit(0);
        }
    }

    failed = 0;

    for (i = 0; i < TEST_CHILDREN; i++) {
        failed += (waitpid(pid[i], &status, 0) != pid[i] || status != 0);
    }

    is(failed, 0, "all children end well");
    ok(shared->probes > 1000, "many probes: %u", (unsigned) shared->probes);
    is(shared->clashes, 0, "never two at a time");
    is((long long) (shared->opened - shared->closed),
       ngx_http_llmbroker_breaker(state, NOW)
       != NGX_HTTP_LLMBROKER_BREAKER_CLOSED,
       "each change was told to one");
    is(ngx_http_llmbroker_state_in_flight(state), 0, "nothing is in flight");
}


static void
test_child(ngx_http_llmbroker_state_t *state, test_shared_t *shared,
    ngx_uint_t n)
{
    uint64_t                           seed;
    ngx_int_t                          rc;
    ngx_uint_t                         i;
    ngx_http_llmbroker_note_e          note;
    ngx_http_llmbroker_breaker_conf_t  conf;

    conf = test_conf;
    conf.failures = 2;
    conf.error_rate = 0;
    conf.open = 0;
    seed = n + 1;

    for (i = 0; i < TEST_ROUNDS; i++) {
        ngx_http_llmbroker_state_begin(state);

        rc = ngx_http_llmbroker_breaker_take(state, NOW, 60000);
        note = unit_random(&seed) % 3;

        if (rc == NGX_DONE) {
            if (__sync_fetch_and_add(&shared->probing, 1) != 0) {
                (void) __sync_fetch_and_add(&shared->clashes, 1);
            }

            if (i % 64 == 0) {
                (void) sched_yield();
            }

            (void) __sync_fetch_and_add(&shared->probes, 1);
            (void) __sync_fetch_and_sub(&shared->probing, 1);
        }

        if (rc != NGX_DECLINED
            && ngx_http_llmbroker_breaker_note(state, &conf, NOW, note,
                                               rc == NGX_DONE)
               == NGX_DONE)
        {
            if (note == SUCCESS) {
                (void) __sync_fetch_and_add(&shared->closed, 1);

            } else if (rc == NGX_OK) {
                (void) __sync_fetch_and_add(&shared->opened, 1);
            }
        }

        ngx_http_llmbroker_state_end(state);
    }
}


static ngx_http_llmbroker_state_t *
fresh(void)
{
    char               name[32];
    static ngx_uint_t  n;

    (void) snprintf(name, sizeof(name), "fresh %u", (unsigned) n++);

    return zone_state(test_zone, name);
}


/* calls that end: s, f or n; returns what the last note returned */

static ngx_int_t
call(ngx_http_llmbroker_state_t *state, ngx_msec_t now, const char *notes)
{
    ngx_int_t  rc;

    rc = NGX_OK;

    while (*notes != '\0' && rc == NGX_OK) {
        rc = ngx_http_llmbroker_breaker_note(state, &test_conf, now,
                                             *notes == 's' ? SUCCESS
                                             : *notes == 'f' ? FAILURE
                                             : NEUTRAL,
                                             0);
        notes++;
    }

    return *notes == '\0' ? rc : NGX_ERROR - (ngx_int_t) strlen(notes);
}


/* a probe that ends; returns what its note returned */

static ngx_int_t
probe(ngx_http_llmbroker_state_t *state, ngx_msec_t now,
    ngx_http_llmbroker_note_e note)
{
    if (ngx_http_llmbroker_breaker_take(state, now, 60000) != NGX_DONE) {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_breaker_note(state, &test_conf, now, note, 1);
}
