
/*
 * Copyright (C) LLMBroker contributors
 *
 * What keeps calls away from a deployment beside its breaker: a health check
 * that fails, and a provider that said when to come back.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "state/ngx_http_llmbroker_state.h"


#define ngx_http_llmbroker_eject_health(word)                                \
    ((ngx_http_llmbroker_health_e) ((word) & 3))


ngx_int_t
ngx_http_llmbroker_state_set_health(ngx_http_llmbroker_state_t *state,
    ngx_http_llmbroker_health_e health, ngx_msec_t now, ngx_msec_t ttl)
{
    uint64_t  old, new;

    new = ngx_http_llmbroker_word_until(now, ttl) << 2 | health;

    do {
        old = ngx_http_llmbroker_word_load(&state->health);

        /* UP again: the line is not written to until it is half as old */

        if (health != NGX_HTTP_LLMBROKER_HEALTH_DOWN
            && ngx_http_llmbroker_eject_health(old) == health
            && ngx_http_llmbroker_word_left(old >> 2, now) > ttl / 2)
        {
            break;
        }

    } while (old != new
             && !ngx_http_llmbroker_word_cas(&state->health, old, new));

    if (health != NGX_HTTP_LLMBROKER_HEALTH_DOWN) {
        return (ngx_http_llmbroker_eject_health(old)
                == NGX_HTTP_LLMBROKER_HEALTH_DOWN)
               ? NGX_DONE : NGX_OK;
    }

    return (ngx_http_llmbroker_eject_health(old) != health
            || ngx_http_llmbroker_word_left(old >> 2, now) == 0)
           ? NGX_DONE : NGX_OK;
}


ngx_http_llmbroker_health_e
ngx_http_llmbroker_state_health(ngx_http_llmbroker_state_t *state,
    ngx_msec_t now)
{
    uint64_t  word;

    word = ngx_http_llmbroker_word_load(&state->health);

    if (ngx_http_llmbroker_word_left(word >> 2, now) == 0) {
        return NGX_HTTP_LLMBROKER_HEALTH_UNKNOWN;
    }

    return ngx_http_llmbroker_eject_health(word);
}


ngx_msec_t
ngx_http_llmbroker_state_down(ngx_http_llmbroker_state_t *state,
    ngx_msec_t now)
{
    uint64_t  word;

    word = ngx_http_llmbroker_word_load(&state->health);

    if (ngx_http_llmbroker_eject_health(word)
        != NGX_HTTP_LLMBROKER_HEALTH_DOWN)
    {
        return 0;
    }

    return ngx_http_llmbroker_word_left(word >> 2, now);
}


ngx_int_t
ngx_http_llmbroker_state_set_listed(ngx_http_llmbroker_state_t *state,
    ngx_uint_t listed)
{
    u_char  new;

    new = listed ? 2 : 1;

    if (state->listed == new) {
        return NGX_OK;
    }

    state->listed = new;

    return NGX_DONE;
}


ngx_int_t
ngx_http_llmbroker_state_listed(ngx_http_llmbroker_state_t *state)
{
    u_char  listed;

    listed = state->listed;

    return listed ? listed - 1 : NGX_DECLINED;
}


void
ngx_http_llmbroker_state_cool(ngx_http_llmbroker_state_t *state,
    ngx_msec_t now, ngx_msec_t msec)
{
    uint64_t  old;

    do {
        old = ngx_http_llmbroker_word_load(&state->cool);

        if (ngx_http_llmbroker_word_left(old, now) >= msec) {
            return;
        }

    } while (!ngx_http_llmbroker_word_cas(&state->cool, old,
                                   ngx_http_llmbroker_word_until(now, msec)));
}


ngx_msec_t
ngx_http_llmbroker_state_cooling(ngx_http_llmbroker_state_t *state,
    ngx_msec_t now)
{
    uint64_t  until;

    until = ngx_http_llmbroker_word_load(&state->cool);

    return until ? ngx_http_llmbroker_word_left(until, now) : 0;
}
