
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <math.h>

#include "request/ngx_http_llmbroker_balance.h"


static uint64_t ngx_http_llmbroker_balance_mix(uint64_t x);


/*
 * Multiples of such a fraction fill the unit interval evenly, and together
 * they fill the square, the cube etc. (Weyl, Kronecker): the golden section,
 * then the square roots of 2, 3, 7, 11, 13, 17 and 19, without what is before
 * the point, times 2^64.
 */

static const uint64_t  ngx_http_llmbroker_balance_steps[] = {
    0x9e3779b97f4a7c15, 0x6a09e667f3bcc908,
    0xbb67ae8584caa73b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f,
    0x1f83d9abfb41bd6b, 0x5be0cd19137e2179
};


ngx_uint_t
ngx_http_llmbroker_balance_weighted(const ngx_http_llmbroker_candidate_t *c,
    ngx_uint_t n, ngx_uint_t ticket, ngx_uint_t nth)
{
    uint64_t    x, total;
    ngx_uint_t  i;

    total = 0;

    for (i = 0; i < n; i++) {
        total += c[i].weight;
    }

    x = ticket * ngx_http_llmbroker_balance_steps[nth % 8];

    /* a fraction of 24 bits leaves the sum of the weights 40 */

    x = (x >> 40) * total >> 24;

    for (i = 0; i < n - 1; i++) {

        if (x < c[i].weight) {
            break;
        }

        x -= c[i].weight;
    }

    return i;
}


ngx_uint_t
ngx_http_llmbroker_balance_busy(const ngx_http_llmbroker_candidate_t *c,
    ngx_uint_t n, ngx_uint_t ticket)
{
    uint64_t    a, b;
    ngx_uint_t  i, best, ties;

    best = 0;
    ties = 1;

    for (i = 1; i < n; i++) {
        a = (uint64_t) c[i].in_flight * c[best].weight;
        b = (uint64_t) c[best].in_flight * c[i].weight;

        if (a < b) {
            best = i;
            ties = 1;

        } else if (a == b) {
            ties++;
        }
    }

    if (ties == 1) {
        return best;
    }

    ties = ticket % ties;

    for (i = best; ties; /* void */) {
        i++;

        ties -= ((uint64_t) c[i].in_flight * c[best].weight
                 == (uint64_t) c[best].in_flight * c[i].weight);
    }

    return i;
}


void
ngx_http_llmbroker_balance_pair(ngx_uint_t n, ngx_uint_t ticket,
    ngx_uint_t *pair)
{
    uint64_t  x;

    x = ngx_http_llmbroker_balance_mix(ticket);

    pair[0] = (ngx_uint_t) ((x & 0xffffffff) * n >> 32);
    pair[1] = (ngx_uint_t) ((x >> 32) * (n - 1) >> 32);

    if (pair[1] >= pair[0]) {
        pair[1]++;
    }
}


ngx_uint_t
ngx_http_llmbroker_balance_faster(const ngx_http_llmbroker_candidate_t *one,
    const ngx_http_llmbroker_candidate_t *two)
{
    uint64_t  a, b;

    a = one->latency;
    b = two->latency;

    if (a == 0 && b == 0) {
        return two->in_flight < one->in_flight;
    }

    if (a == 0) {
        if (one->in_flight == 0) {
            return 0;
        }

        a = b;
    }

    if (b == 0) {
        if (two->in_flight == 0) {
            return 1;
        }

        b = a;
    }

    return b * (two->in_flight + 1) < a * (one->in_flight + 1);
}


ngx_uint_t
ngx_http_llmbroker_balance_affinity(const ngx_http_llmbroker_candidate_t *c,
    ngx_uint_t n, uint64_t key)
{
    double      score, least;
    uint64_t    x;
    ngx_uint_t  i, best;

    best = 0;
    least = 0;

    for (i = 0; i < n; i++) {

        x = ngx_http_llmbroker_balance_mix(key ^ c[i].id);

        /*
         * The first of several random events whose rates are the weights; a
         * fraction of 52 bits and a half is neither 0 nor 1.
         */

        score = -log(((double) (x >> 12) + 0.5) / 4503599627370496.0)
                / (double) c[i].weight;

        if (i == 0 || score < least) {
            best = i;
            least = score;
        }
    }

    return best;
}


/* every bit of the result depends on every bit (the end of splitmix64) */

static uint64_t
ngx_http_llmbroker_balance_mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;

    return x ^ (x >> 31);
}
