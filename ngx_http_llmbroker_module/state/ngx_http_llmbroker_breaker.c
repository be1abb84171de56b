
/*
 * Copyright (C) LLMBroker contributors
 *
 * All that a breaker knows is one word, so that each change is one compare and
 * swap:
 *
 *     2 bits   closed, open, probing
 *     7 bits   row of the process whose call is the probe
 *     5 bits   ejections that followed one another
 *    12 bits   failures in a row
 *    38 bits   open: its end; probing: the end of the lease; closed: when the
 *              ejections are forgotten
 *
 * Zero is closed, and nothing ever went wrong.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "state/ngx_http_llmbroker_breaker.h"
#include "state/ngx_http_llmbroker_window.h"


#define NGX_HTTP_LLMBROKER_CLOSED        0
#define NGX_HTTP_LLMBROKER_OPEN          1
#define NGX_HTTP_LLMBROKER_PROBING       2

#define NGX_HTTP_LLMBROKER_MAX_FAILURES  4095
#define NGX_HTTP_LLMBROKER_MAX_EJECTION  31

/* while a probe runs, nobody knows for how long */
#define NGX_HTTP_LLMBROKER_PROBE_WAIT    1000

#define ngx_http_llmbroker_breaker_state(word)      ((word) & 3)
#define ngx_http_llmbroker_breaker_row(word)        ((word) >> 2 & 127)
#define ngx_http_llmbroker_breaker_ejections(word)  ((word) >> 9 & 31)
#define ngx_http_llmbroker_breaker_in_a_row(word)   ((word) >> 14 & 4095)
#define ngx_http_llmbroker_breaker_until(word)      ((word) >> 26)


static uint64_t ngx_http_llmbroker_breaker_word(uint64_t state,
    uint64_t ejections, uint64_t failures, uint64_t until);
static uint64_t ngx_http_llmbroker_breaker_open(uint64_t word,
    const ngx_http_llmbroker_breaker_conf_t *conf, ngx_msec_t now,
    uint64_t failures);
static uint64_t ngx_http_llmbroker_breaker_after(
    ngx_http_llmbroker_state_t *state, uint64_t word,
    const ngx_http_llmbroker_breaker_conf_t *conf, ngx_msec_t now,
    ngx_http_llmbroker_note_e note, ngx_uint_t probe);
static uint64_t ngx_http_llmbroker_breaker_probed(uint64_t word,
    const ngx_http_llmbroker_breaker_conf_t *conf, ngx_msec_t now,
    ngx_http_llmbroker_note_e note);
static ngx_msec_t ngx_http_llmbroker_breaker_msec(
    const ngx_http_llmbroker_breaker_conf_t *conf, uint64_t n);


ngx_msec_t
ngx_http_llmbroker_breaker_wait(ngx_http_llmbroker_state_t *state,
    ngx_msec_t now)
{
    uint64_t    word;
    ngx_msec_t  down, wait;

    down = ngx_http_llmbroker_state_down(state, now);
    word = ngx_http_llmbroker_word_load(&state->breaker);

    if (ngx_http_llmbroker_breaker_state(word) == NGX_HTTP_LLMBROKER_CLOSED) {
        return down;
    }

    wait = ngx_http_llmbroker_word_left(ngx_http_llmbroker_breaker_until(word),
                                        now);

    if (ngx_http_llmbroker_breaker_state(word) == NGX_HTTP_LLMBROKER_PROBING) {
        wait = ngx_min(wait, NGX_HTTP_LLMBROKER_PROBE_WAIT);
    }

    return ngx_max(wait, down);
}


ngx_int_t
ngx_http_llmbroker_breaker_take(ngx_http_llmbroker_state_t *state,
    ngx_msec_t now, ngx_msec_t lease)
{
    uint64_t  old, new;

    if (ngx_http_llmbroker_state_down(state, now) != 0) {
        return NGX_DECLINED;
    }

    do {
        old = ngx_http_llmbroker_word_load(&state->breaker);

        if (ngx_http_llmbroker_breaker_state(old)
            == NGX_HTTP_LLMBROKER_CLOSED)
        {
            return NGX_OK;
        }

        if (ngx_http_llmbroker_word_left(ngx_http_llmbroker_breaker_until(old),
                                         now)
            != 0)
        {
            return NGX_DECLINED;
        }

        new = ngx_http_llmbroker_breaker_word(NGX_HTTP_LLMBROKER_PROBING,
                                    ngx_http_llmbroker_breaker_ejections(old),
                                    ngx_http_llmbroker_breaker_in_a_row(old),
                                    ngx_http_llmbroker_word_until(now, lease));

        new |= (uint64_t) ngx_http_llmbroker_state_row() << 2;

    } while (!ngx_http_llmbroker_word_cas(&state->breaker, old, new));

    return NGX_DONE;
}


ngx_int_t
ngx_http_llmbroker_breaker_note(ngx_http_llmbroker_state_t *state,
    const ngx_http_llmbroker_breaker_conf_t *conf, ngx_msec_t now,
    ngx_http_llmbroker_note_e note, ngx_uint_t probe)
{
    uint64_t  old, new;

    if (note != NGX_HTTP_LLMBROKER_NOTE_NEUTRAL) {
        ngx_http_llmbroker_window_note(state, conf, now,
                                    note == NGX_HTTP_LLMBROKER_NOTE_FAILURE);
    }

    if (note == NGX_HTTP_LLMBROKER_NOTE_FAILURE) {
        (void) ngx_http_llmbroker_word_add(&state->failures, 1);
        ngx_http_llmbroker_word_store(&state->last, ngx_time());
    }

    if (note == NGX_HTTP_LLMBROKER_NOTE_SUCCESS && !state->answered) {
        state->answered = 1;
    }

    do {
        old = ngx_http_llmbroker_word_load(&state->breaker);
        new = ngx_http_llmbroker_breaker_after(state, old, conf, now, note,
                                               probe);
        if (new == old) {
            return NGX_OK;
        }

        if (ngx_http_llmbroker_breaker_state(new) == NGX_HTTP_LLMBROKER_CLOSED
            && ngx_http_llmbroker_breaker_state(old)
               != NGX_HTTP_LLMBROKER_CLOSED)
        {
            /* before: what comes after is counted anew */

            ngx_http_llmbroker_window_clear(state);
        }

    } while (!ngx_http_llmbroker_word_cas(&state->breaker, old, new));

    if (ngx_http_llmbroker_breaker_state(new)
        == ngx_http_llmbroker_breaker_state(old)
        || note == NGX_HTTP_LLMBROKER_NOTE_NEUTRAL)
    {
        return NGX_OK;
    }

    return NGX_DONE;
}


/* the breaker's word behind a call */

static uint64_t
ngx_http_llmbroker_breaker_after(ngx_http_llmbroker_state_t *state,
    uint64_t word, const ngx_http_llmbroker_breaker_conf_t *conf,
    ngx_msec_t now, ngx_http_llmbroker_note_e note, ngx_uint_t probe)
{
    uint64_t  st, failures, limit;

    st = ngx_http_llmbroker_breaker_state(word);

    if (probe
        && (st == NGX_HTTP_LLMBROKER_PROBING
            || (st == NGX_HTTP_LLMBROKER_OPEN
                && note == NGX_HTTP_LLMBROKER_NOTE_SUCCESS)))
    {
        return ngx_http_llmbroker_breaker_probed(word, conf, now, note);
    }

    if (note == NGX_HTTP_LLMBROKER_NOTE_NEUTRAL) {
        return word;
    }

    failures = 0;

    if (note == NGX_HTTP_LLMBROKER_NOTE_FAILURE) {
        failures = ngx_http_llmbroker_breaker_in_a_row(word) + 1;
        failures = ngx_min(failures, NGX_HTTP_LLMBROKER_MAX_FAILURES);
    }

    limit = ngx_min(conf->failures, NGX_HTTP_LLMBROKER_MAX_FAILURES);

    if (st == NGX_HTTP_LLMBROKER_CLOSED
        && ((limit != 0 && failures >= limit)
            || ngx_http_llmbroker_window_failing(state, conf, now,
                                                 failures != 0)))
    {
        return ngx_http_llmbroker_breaker_open(word, conf, now, failures);
    }

    return (word & ~((uint64_t) NGX_HTTP_LLMBROKER_MAX_FAILURES << 14))
           | failures << 14;
}


static uint64_t
ngx_http_llmbroker_breaker_probed(uint64_t word,
    const ngx_http_llmbroker_breaker_conf_t *conf, ngx_msec_t now,
    ngx_http_llmbroker_note_e note)
{
    uint64_t    ejections, failures;
    ngx_msec_t  msec;

    ejections = ngx_http_llmbroker_breaker_ejections(word);
    failures = ngx_http_llmbroker_breaker_in_a_row(word);

    switch (note) {

    case NGX_HTTP_LLMBROKER_NOTE_SUCCESS:

        /*
         * One good answer does not make a deployment that comes and goes a
         * good one: the ejections count until it has held for as long as the
         * last took.
         */

        msec = ngx_http_llmbroker_breaker_msec(conf, ejections);

        return ngx_http_llmbroker_breaker_word(NGX_HTTP_LLMBROKER_CLOSED,
                                     ejections, 0,
                                     ngx_http_llmbroker_word_until(now, msec));

    case NGX_HTTP_LLMBROKER_NOTE_FAILURE:
        failures = ngx_min(failures + 1, NGX_HTTP_LLMBROKER_MAX_FAILURES);
        return ngx_http_llmbroker_breaker_open(word, conf, now, failures);

    default: /* NGX_HTTP_LLMBROKER_NOTE_NEUTRAL */
        return ngx_http_llmbroker_breaker_word(NGX_HTTP_LLMBROKER_OPEN,
                                        ejections, failures,
                                        ngx_http_llmbroker_word_until(now, 0));
    }
}


static uint64_t
ngx_http_llmbroker_breaker_open(uint64_t word,
    const ngx_http_llmbroker_breaker_conf_t *conf, ngx_msec_t now,
    uint64_t failures)
{
    uint64_t    ejections;
    ngx_msec_t  msec;

    ejections = ngx_http_llmbroker_breaker_ejections(word);

    if (ngx_http_llmbroker_breaker_state(word) == NGX_HTTP_LLMBROKER_CLOSED
        && ngx_http_llmbroker_word_left(ngx_http_llmbroker_breaker_until(word),
                                        now)
           == 0)
    {
        ejections = 0;
    }

    ejections = ngx_min(ejections + 1, NGX_HTTP_LLMBROKER_MAX_EJECTION);
    msec = ngx_http_llmbroker_breaker_msec(conf, ejections);

    return ngx_http_llmbroker_breaker_word(NGX_HTTP_LLMBROKER_OPEN, ejections,
                                     failures,
                                     ngx_http_llmbroker_word_until(now, msec));
}


/* how long the nth ejection takes */

static ngx_msec_t
ngx_http_llmbroker_breaker_msec(const ngx_http_llmbroker_breaker_conf_t *conf,
    uint64_t n)
{
    uint64_t  msec;

    msec = ngx_min(conf->open, NGX_HTTP_LLMBROKER_LONGEST);

    while (n-- > 1 && msec < conf->open_max) {
        msec *= 2;
    }

    if (msec > conf->open_max) {
        msec = ngx_max(conf->open, conf->open_max);
    }

    return (ngx_msec_t) msec;
}


ngx_int_t
ngx_http_llmbroker_breaker_close(ngx_http_llmbroker_state_t *state)
{
    uint64_t  old, new;

    do {
        old = ngx_http_llmbroker_word_load(&state->breaker);

        if (ngx_http_llmbroker_breaker_state(old)
            == NGX_HTTP_LLMBROKER_CLOSED)
        {
            return NGX_OK;
        }

        ngx_http_llmbroker_window_clear(state);

        new = ngx_http_llmbroker_breaker_word(NGX_HTTP_LLMBROKER_CLOSED,
                                    ngx_http_llmbroker_breaker_ejections(old),
                                    0, ngx_http_llmbroker_breaker_until(old));

    } while (!ngx_http_llmbroker_word_cas(&state->breaker, old, new));

    return NGX_DONE;
}


void
ngx_http_llmbroker_breaker_due(ngx_http_llmbroker_state_t *state,
    ngx_msec_t now)
{
    uint64_t  old, new;

    do {
        old = ngx_http_llmbroker_word_load(&state->breaker);

        if (ngx_http_llmbroker_breaker_state(old) != NGX_HTTP_LLMBROKER_OPEN
            || ngx_http_llmbroker_word_left(
                               ngx_http_llmbroker_breaker_until(old), now)
               == 0)
        {
            return;
        }

        new = ngx_http_llmbroker_breaker_word(NGX_HTTP_LLMBROKER_OPEN,
                                    ngx_http_llmbroker_breaker_ejections(old),
                                    ngx_http_llmbroker_breaker_in_a_row(old),
                                    ngx_http_llmbroker_word_until(now, 0));

    } while (!ngx_http_llmbroker_word_cas(&state->breaker, old, new));
}


void
ngx_http_llmbroker_breaker_release(ngx_http_llmbroker_state_t *state,
    ngx_uint_t row, ngx_msec_t now)
{
    uint64_t  old, new;

    old = ngx_http_llmbroker_word_load(&state->breaker);

    if (ngx_http_llmbroker_breaker_state(old) != NGX_HTTP_LLMBROKER_PROBING
        || ngx_http_llmbroker_breaker_row(old) != row)
    {
        return;
    }

    new = ngx_http_llmbroker_breaker_word(NGX_HTTP_LLMBROKER_OPEN,
                                    ngx_http_llmbroker_breaker_ejections(old),
                                    ngx_http_llmbroker_breaker_in_a_row(old),
                                    ngx_http_llmbroker_word_until(now, 0));

    /* failed: its call has just been noted, or the lease is another's */

    (void) ngx_http_llmbroker_word_cas(&state->breaker, old, new);
}


ngx_http_llmbroker_breaker_e
ngx_http_llmbroker_breaker(ngx_http_llmbroker_state_t *state, ngx_msec_t now)
{
    uint64_t  word;

    word = ngx_http_llmbroker_word_load(&state->breaker);

    if (ngx_http_llmbroker_breaker_state(word) == NGX_HTTP_LLMBROKER_CLOSED) {
        return NGX_HTTP_LLMBROKER_BREAKER_CLOSED;
    }

    if (ngx_http_llmbroker_breaker_state(word) == NGX_HTTP_LLMBROKER_OPEN
        && ngx_http_llmbroker_word_left(ngx_http_llmbroker_breaker_until(word),
                                        now)
           != 0)
    {
        return NGX_HTTP_LLMBROKER_BREAKER_OPEN;
    }

    return NGX_HTTP_LLMBROKER_BREAKER_HALF_OPEN;
}


ngx_uint_t
ngx_http_llmbroker_breaker_failures(ngx_http_llmbroker_state_t *state)
{
    return ngx_http_llmbroker_breaker_in_a_row(
                              ngx_http_llmbroker_word_load(&state->breaker));
}


static uint64_t
ngx_http_llmbroker_breaker_word(uint64_t state, uint64_t ejections,
    uint64_t failures, uint64_t until)
{
    return state | ejections << 9 | failures << 14 | until << 26;
}
