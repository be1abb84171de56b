
/*
 * Copyright (C) LLMBroker contributors
 *
 * What a router weighs: how long a deployment takes, whose turn it is, and how
 * many calls may be hedged.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "state/ngx_http_llmbroker_state.h"


#define NGX_HTTP_LLMBROKER_TAU         10000

/* the latency is kept in 1/64 msec, up to 18 hours */
#define NGX_HTTP_LLMBROKER_FRACTION    64
#define NGX_HTTP_LLMBROKER_MAX_SAMPLE  0x3ffffff

/* another process's clock may be ahead, by no more than that */
#define NGX_HTTP_LLMBROKER_SKEW        60000

#define NGX_HTTP_LLMBROKER_HEDGE       100      /* percent of a request */
#define NGX_HTTP_LLMBROKER_HEDGES      10       /* given in advance */


static uint64_t ngx_http_llmbroker_load_decay(uint64_t latency,
    ngx_msec_t now);


/* 2 ** (-i / 16), in 1/65536 */

static const uint32_t  ngx_http_llmbroker_load_powers[] = {
    65536, 62757, 60097, 57549, 55109, 52773, 50535, 48393, 46341,
    44376, 42495, 40693, 38968, 37316, 35734, 34219, 32768
};


void
ngx_http_llmbroker_state_latency(ngx_http_llmbroker_state_t *state,
    ngx_msec_t now, ngx_msec_t sample)
{
    uint64_t  old, new, value, decayed, factor;

    value = ngx_min(sample, NGX_HTTP_LLMBROKER_MAX_SAMPLE);
    value = value ? value * NGX_HTTP_LLMBROKER_FRACTION : 1;

    do {
        old = ngx_http_llmbroker_word_load(&state->latency);
        new = value;

        /*
         * A peak counts at once; less counts the more, the older the mean is:
         *
         *     mean * w + sample * (1 - w), w = exp(-age / tau)
         */

        if ((old & 0xffffffff) > value) {
            factor = ngx_http_llmbroker_load_decay((old & ~0xffffffffULL)
                                                   | 0x10000, now);
            decayed = ngx_http_llmbroker_load_decay(old, now);
            new = decayed + value * (0x10000 - factor) / 0x10000;
        }

        new = (uint64_t) (uint32_t) now << 32 | ngx_max(new, 1);

        if (new == old) {
            return;
        }

    } while (!ngx_http_llmbroker_word_cas(&state->latency, old, new));
}


ngx_msec_t
ngx_http_llmbroker_state_ewma(ngx_http_llmbroker_state_t *state,
    ngx_msec_t now)
{
    uint64_t  latency;

    latency = ngx_http_llmbroker_word_load(&state->latency);
    latency = ngx_http_llmbroker_load_decay(latency, now);

    return (ngx_msec_t) ((latency + NGX_HTTP_LLMBROKER_FRACTION - 1)
                         / NGX_HTTP_LLMBROKER_FRACTION);
}


/* value * exp(-age / tau), of the word: when it was noted << 32 | value */

static uint64_t
ngx_http_llmbroker_load_decay(uint64_t latency, ngx_msec_t now)
{
    int32_t   age;
    uint32_t  i;
    uint64_t  value, power, steps;

    value = latency & 0xffffffff;
    age = (int32_t) ((uint32_t) now - (uint32_t) (latency >> 32));

    if (age <= 0) {
        return age > -NGX_HTTP_LLMBROKER_SKEW ? value : 0;
    }

    /* exp(-age / tau) is 2 ** -(age / tau / ln 2), in steps of 1/16/256 */

    steps = (uint64_t) age * 16 * 256 * 10000 / 6931
            / NGX_HTTP_LLMBROKER_TAU;

    if (steps >= 32 * 16 * 256) {
        return 0;
    }

    i = (steps / 256) % 16;

    power = ngx_http_llmbroker_load_powers[i] * 256
            - (ngx_http_llmbroker_load_powers[i]
               - ngx_http_llmbroker_load_powers[i + 1]) * (steps % 256);

    return (value * power >> 24) >> (steps / (16 * 256));
}


ngx_uint_t
ngx_http_llmbroker_state_turn(ngx_http_llmbroker_state_t *state)
{
    return ngx_http_llmbroker_word_add(&state->turn, 1);
}


/* nothing is written while nothing is hedged */

void
ngx_http_llmbroker_state_hedge_earn(ngx_http_llmbroker_state_t *state,
    ngx_uint_t share)
{
    uint32_t  debt;

    do {
        debt = ngx_http_llmbroker_word_load(&state->debt);

        if (debt == 0) {
            return;
        }

    } while (!ngx_http_llmbroker_word_cas(&state->debt, debt,
                                          debt - ngx_min(debt, share)));
}


ngx_int_t
ngx_http_llmbroker_state_hedge_spend(ngx_http_llmbroker_state_t *state)
{
    uint32_t  debt;

    do {
        debt = ngx_http_llmbroker_word_load(&state->debt);

        if (debt + NGX_HTTP_LLMBROKER_HEDGE
            > NGX_HTTP_LLMBROKER_HEDGE * NGX_HTTP_LLMBROKER_HEDGES)
        {
            return NGX_DECLINED;
        }

    } while (!ngx_http_llmbroker_word_cas(&state->debt, debt,
                                          debt + NGX_HTTP_LLMBROKER_HEDGE));

    return NGX_OK;
}
