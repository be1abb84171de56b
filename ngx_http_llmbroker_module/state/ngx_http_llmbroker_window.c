
/*
 * Copyright (C) LLMBroker contributors
 *
 * The window is six buckets.  A bucket keeps the failures of its part of time,
 * and how many calls had been counted before; how many calls there were since
 * is a difference.  Nobody has to empty a bucket in time: it tells what part
 * of time it is for.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "state/ngx_http_llmbroker_window.h"


/* a bucket: 1 bit that it is set, 15 of its number, 16, 32 */

#define ngx_http_llmbroker_bucket_tag(epoch)                                 \
    ((((epoch) & 0x7fff) | 0x8000) << 48)

#define NGX_HTTP_LLMBROKER_BUCKET_TAG       ((uint64_t) 0xffff << 48)
#define NGX_HTTP_LLMBROKER_BUCKET_FAILURE   ((uint64_t) 1 << 32)
#define NGX_HTTP_LLMBROKER_BUCKET_FAILURES  ((uint64_t) 0xffff << 32)


static ngx_uint_t ngx_http_llmbroker_window_failed(
    ngx_http_llmbroker_state_t *state);
static uint64_t ngx_http_llmbroker_window_epoch(
    const ngx_http_llmbroker_breaker_conf_t *conf, ngx_msec_t now);


void
ngx_http_llmbroker_window_note(ngx_http_llmbroker_state_t *state,
    const ngx_http_llmbroker_breaker_conf_t *conf, ngx_msec_t now,
    ngx_uint_t failed)
{
    uint64_t                    epoch, tag, old, new;
    ngx_http_llmbroker_word_t  *bucket;

    epoch = ngx_http_llmbroker_window_epoch(conf, now);
    tag = ngx_http_llmbroker_bucket_tag(epoch);
    bucket = &state->buckets[epoch % NGX_HTTP_LLMBROKER_BUCKETS];

    for ( ;; ) {
        old = ngx_http_llmbroker_word_load(bucket);
        new = old;

        if ((old & NGX_HTTP_LLMBROKER_BUCKET_TAG) != tag) {
            new = tag | ngx_http_llmbroker_state_counted(state);
        }

        if (failed
            && (new & NGX_HTTP_LLMBROKER_BUCKET_FAILURES)
               != NGX_HTTP_LLMBROKER_BUCKET_FAILURES)
        {
            new += NGX_HTTP_LLMBROKER_BUCKET_FAILURE;
        }

        if (new == old || ngx_http_llmbroker_word_cas(bucket, old, new)) {
            break;
        }
    }

    ngx_http_llmbroker_state_count(state);
}


ngx_uint_t
ngx_http_llmbroker_window_failing(ngx_http_llmbroker_state_t *state,
    const ngx_http_llmbroker_breaker_conf_t *conf, ngx_msec_t now,
    ngx_uint_t failed)
{
    uint32_t    first, requests, failures;
    uint64_t    epoch, bucket;
    ngx_uint_t  i;

    if (conf->error_rate == 0
        || (!failed && !ngx_http_llmbroker_window_failed(state)))
    {
        return 0;
    }

    epoch = ngx_http_llmbroker_window_epoch(conf, now);
    failures = 0;
    first = 0;

    for (i = 0; i < NGX_HTTP_LLMBROKER_BUCKETS && i <= epoch; i++) {

        bucket = ngx_http_llmbroker_word_load(
                    &state->buckets[(epoch - i) % NGX_HTTP_LLMBROKER_BUCKETS]);

        if ((bucket & NGX_HTTP_LLMBROKER_BUCKET_TAG)
            == ngx_http_llmbroker_bucket_tag(epoch - i))
        {
            failures += (bucket & NGX_HTTP_LLMBROKER_BUCKET_FAILURES) >> 32;
            first = (uint32_t) bucket;
        }
    }

    if ((uint64_t) failures * 100
        < (uint64_t) conf->error_rate * conf->min_requests)
    {
        return 0;
    }

    /*
     * A success only makes the rate smaller: it opens the breaker when it is
     * the one that was missing.  All rows are read for that: not for more.
     */

    if (failures == 0 || (!failed && failures > conf->min_requests)) {
        return 0;
    }

    requests = ngx_http_llmbroker_state_counted(state) - first;

    return requests >= conf->min_requests
           && (uint64_t) failures * 100
              >= (uint64_t) conf->error_rate * requests;
}


/* whether any bucket, even one of long ago, has a failure */

static ngx_uint_t
ngx_http_llmbroker_window_failed(ngx_http_llmbroker_state_t *state)
{
    uint64_t    all;
    ngx_uint_t  i;

    all = 0;

    for (i = 0; i < NGX_HTTP_LLMBROKER_BUCKETS; i++) {
        all |= ngx_http_llmbroker_word_load(&state->buckets[i]);
    }

    return (all & NGX_HTTP_LLMBROKER_BUCKET_FAILURES) != 0;
}


void
ngx_http_llmbroker_window_clear(ngx_http_llmbroker_state_t *state)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_LLMBROKER_BUCKETS; i++) {
        ngx_http_llmbroker_word_store(&state->buckets[i], 0);
    }
}


static uint64_t
ngx_http_llmbroker_window_epoch(const ngx_http_llmbroker_breaker_conf_t *conf,
    ngx_msec_t now)
{
    ngx_msec_t  part;

    part = conf->window / NGX_HTTP_LLMBROKER_BUCKETS;

    return now / ngx_max(part, 1);
}
