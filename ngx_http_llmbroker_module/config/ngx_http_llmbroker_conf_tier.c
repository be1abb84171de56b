
/*
 * Copyright (C) LLMBroker contributors
 */


#include "config/ngx_http_llmbroker_conf_tier.h"


static int ngx_libc_cdecl ngx_http_llmbroker_conf_tier_cmp(const void *one,
    const void *two);
static ngx_int_t ngx_http_llmbroker_conf_tier(ngx_pool_t *pool,
    ngx_http_llmbroker_tier_t *tier);
static void ngx_http_llmbroker_conf_tier_ids(ngx_http_llmbroker_tier_t *tier);
static ngx_uint_t ngx_http_llmbroker_conf_tier_divisor(
    ngx_http_llmbroker_tier_t *tier);
static ngx_int_t ngx_http_llmbroker_conf_tier_sequence(ngx_pool_t *pool,
    ngx_http_llmbroker_tier_t *tier);


ngx_int_t
ngx_http_llmbroker_conf_tiers(ngx_pool_t *pool,
    ngx_http_llmbroker_model_t *model)
{
    uint64_t                          *ids;
    ngx_uint_t                         i, n, ntiers;
    ngx_http_llmbroker_tier_t         *tier;
    ngx_http_llmbroker_deployment_t   *d, **usable;

    d = model->deployments;

    model->ntiers = 0;
    model->tiers = NULL;

    usable = ngx_palloc(pool, model->ndeployments * sizeof(*usable));
    ids = ngx_palloc(pool, model->ndeployments * sizeof(uint64_t));

    if (usable == NULL || ids == NULL) {
        return NGX_ERROR;
    }

    n = 0;

    for (i = 0; i < model->ndeployments; i++) {
        if (d[i].missing.len == 0) {
            usable[n++] = &d[i];
        }
    }

    if (n == 0) {
        return NGX_OK;
    }

    ngx_qsort(usable, n, sizeof(*usable), ngx_http_llmbroker_conf_tier_cmp);

    ntiers = 1;

    for (i = 1; i < n; i++) {
        ntiers += (usable[i]->priority != usable[i - 1]->priority);
    }

    tier = ngx_pcalloc(pool, ntiers * sizeof(ngx_http_llmbroker_tier_t));
    if (tier == NULL) {
        return NGX_ERROR;
    }

    model->tiers = tier;
    model->ntiers = ntiers;

    for (i = 0; i < n; i++) {

        if (i && usable[i]->priority != usable[i - 1]->priority) {
            tier++;
        }

        if (tier->n++ == 0) {
            tier->deployments = &usable[i];
            tier->ids = &ids[i];
        }
    }

    for (i = 0; i < ntiers; i++) {
        if (ngx_http_llmbroker_conf_tier(pool, &model->tiers[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* the deployments are one array: where they are is their order in the file */

static int ngx_libc_cdecl
ngx_http_llmbroker_conf_tier_cmp(const void *one, const void *two)
{
    ngx_http_llmbroker_deployment_t  *first, *second;

    first = *(ngx_http_llmbroker_deployment_t **) one;
    second = *(ngx_http_llmbroker_deployment_t **) two;

    if (first->priority != second->priority) {
        return (first->priority < second->priority) ? -1 : 1;
    }

    return (first < second) ? -1 : 1;
}


static ngx_int_t
ngx_http_llmbroker_conf_tier(ngx_pool_t *pool, ngx_http_llmbroker_tier_t *tier)
{
    ngx_uint_t  i, weights;

    ngx_http_llmbroker_conf_tier_ids(tier);

    tier->divisor = ngx_http_llmbroker_conf_tier_divisor(tier);

    weights = 0;

    for (i = 0; i < tier->n; i++) {
        weights += tier->deployments[i]->weight / tier->divisor;
    }

    if (tier->n == 1 || weights > NGX_HTTP_LLMBROKER_TIER_TURNS) {
        return NGX_OK;
    }

    tier->length = weights;

    return ngx_http_llmbroker_conf_tier_sequence(pool, tier);
}


/*
 * An id must be neither a place in the file, which changes, nor a secret.  Of
 * those that only differ by their keys the first, the second etc. are told
 * apart: with one id, the sessions of all would go to one.
 */

static void
ngx_http_llmbroker_conf_tier_ids(ngx_http_llmbroker_tier_t *tier)
{
    uint64_t                          hash;
    ngx_uint_t                        i, j, nth;
    ngx_http_llmbroker_deployment_t  *d;

    for (i = 0; i < tier->n; i++) {
        d = tier->deployments[i];

        hash = ngx_http_llmbroker_conf_hash(0, d->base_url.data,
                                            d->base_url.len);
        hash = ngx_http_llmbroker_conf_hash(hash, (u_char *) "|", 1);

        tier->ids[i] = ngx_http_llmbroker_conf_hash(hash, d->target.model.data,
                                                    d->target.model.len);
    }

    for (i = tier->n; i-- > 0; /* void */) {

        nth = 0;

        for (j = 0; j < i; j++) {
            nth += (tier->ids[j] == tier->ids[i]);
        }

        while (nth--) {
            tier->ids[i] = ngx_http_llmbroker_conf_hash(tier->ids[i],
                                                        (u_char *) "|", 1);
        }
    }
}


static ngx_uint_t
ngx_http_llmbroker_conf_tier_divisor(ngx_http_llmbroker_tier_t *tier)
{
    ngx_uint_t  i, a, b, rest;

    a = tier->deployments[0]->weight;

    for (i = 1; i < tier->n; i++) {

        for (b = tier->deployments[i]->weight; b; b = rest) {
            rest = a % b;
            a = b;
        }
    }

    return a;
}


/* as nginx's own round robin: 3:1 is "aaba" */

static ngx_int_t
ngx_http_llmbroker_conf_tier_sequence(ngx_pool_t *pool,
    ngx_http_llmbroker_tier_t *tier)
{
    ngx_int_t                  *current;
    ngx_uint_t                  i, j, best;
    ngx_http_llmbroker_turn_t  *turn;

    current = ngx_pcalloc(pool, tier->n * sizeof(ngx_int_t));
    if (current == NULL) {
        return NGX_ERROR;
    }

    turn = ngx_palloc(pool, tier->length * sizeof(ngx_http_llmbroker_turn_t));
    if (turn == NULL) {
        return NGX_ERROR;
    }

    tier->sequence = turn;

    for (i = 0; i < tier->length; i++) {

        best = 0;

        for (j = 0; j < tier->n; j++) {
            current[j] += tier->deployments[j]->weight / tier->divisor;

            if (current[j] > current[best]) {
                best = j;
            }
        }

        current[best] -= tier->length;

        turn[i].index = (u_short) best;
        turn[i].nth = 0;

        for (j = i; j-- > 0; /* void */) {
            if (turn[j].index == best) {
                turn[i].nth = turn[j].nth + 1;
                break;
            }
        }
    }

    ngx_pfree(pool, current);

    return NGX_OK;
}


uint64_t
ngx_http_llmbroker_conf_hash(uint64_t hash, u_char *data, size_t len)
{
    size_t  i;

    if (hash == 0) {
        hash = 0xcbf29ce484222325;
    }

    for (i = 0; i < len; i++) {
        hash = (hash ^ data[i]) * 0x100000001b3;
    }

    return hash;
}
