
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "config/ngx_http_llmbroker_conf_tier.h"
#include "state/ngx_http_llmbroker_breaker.h"
#include "request/ngx_http_llmbroker_balance.h"
#include "request/ngx_http_llmbroker_request.h"
#include "request/ngx_http_llmbroker_router.h"


/* a tier of more takes memory from the request's pool when it is searched */
#define NGX_HTTP_LLMBROKER_ROUTER_FEW    64

/* of a key, bytes that count */
#define NGX_HTTP_LLMBROKER_ROUTER_KEY    1024

/* a probe whose worker was killed is given up this long after its timeout */
#define NGX_HTTP_LLMBROKER_ROUTER_LEASE  1000

/* numbers between the first turns of deployments that are dealt out */
#define NGX_HTTP_LLMBROKER_ROUTER_APART  64


/* one search for a deployment */
typedef struct {
    ngx_http_llmbroker_ctx_t        *ctx;
    ngx_http_llmbroker_route_t      *route;
    ngx_http_llmbroker_hop_t        *hop;
    ngx_http_llmbroker_pick_t       *pick;
    ngx_msec_t                       now;
    ngx_uint_t                       cooling;   /* 1: only those that cool */
} ngx_http_llmbroker_router_t;


static ngx_int_t ngx_http_llmbroker_router_find(
    ngx_http_llmbroker_router_t *rt, ngx_uint_t flags);
static ngx_int_t ngx_http_llmbroker_router_pass(
    ngx_http_llmbroker_router_t *rt);
static ngx_int_t ngx_http_llmbroker_router_alias(
    ngx_http_llmbroker_router_t *rt);
static ngx_int_t ngx_http_llmbroker_router_tier(
    ngx_http_llmbroker_router_t *rt, ngx_http_llmbroker_tier_t *tier);
static ngx_int_t ngx_http_llmbroker_router_in_order(
    ngx_http_llmbroker_router_t *rt, ngx_http_llmbroker_tier_t *tier);
static ngx_int_t ngx_http_llmbroker_router_search(
    ngx_http_llmbroker_router_t *rt, ngx_http_llmbroker_tier_t *tier,
    ngx_uint_t ticket);
static ngx_uint_t ngx_http_llmbroker_router_choose(
    ngx_http_llmbroker_router_t *rt, ngx_http_llmbroker_tier_t *tier,
    ngx_http_llmbroker_candidate_t *c, ngx_uint_t n, ngx_uint_t ticket);
static ngx_uint_t ngx_http_llmbroker_router_faster(
    ngx_http_llmbroker_router_t *rt, ngx_http_llmbroker_tier_t *tier,
    ngx_http_llmbroker_candidate_t *c, ngx_uint_t n, ngx_uint_t ticket);
static ngx_int_t ngx_http_llmbroker_router_least_bad(
    ngx_http_llmbroker_router_t *rt);

static ngx_uint_t ngx_http_llmbroker_router_tried(
    ngx_http_llmbroker_route_t *route, ngx_http_llmbroker_deployment_t *d);
static ngx_uint_t ngx_http_llmbroker_router_usable(
    ngx_http_llmbroker_router_t *rt, ngx_http_llmbroker_deployment_t *d);
static ngx_int_t ngx_http_llmbroker_router_take(
    ngx_http_llmbroker_router_t *rt, ngx_http_llmbroker_deployment_t *d);
static ngx_int_t ngx_http_llmbroker_router_picked(
    ngx_http_llmbroker_router_t *rt, ngx_http_llmbroker_deployment_t *d,
    ngx_uint_t probe);

static ngx_uint_t ngx_http_llmbroker_router_ticket(
    ngx_http_llmbroker_router_t *rt);
static ngx_int_t ngx_http_llmbroker_router_key(
    ngx_http_llmbroker_router_t *rt);
static ngx_int_t ngx_http_llmbroker_router_user(ngx_http_llmbroker_ctx_t *ctx,
    ngx_str_t *text);

static ngx_http_llmbroker_hop_t *ngx_http_llmbroker_router_hop(
    ngx_http_llmbroker_ctx_t *ctx, ngx_uint_t n);
static ngx_int_t ngx_http_llmbroker_router_fallbacks(
    ngx_http_llmbroker_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_router_add(ngx_http_llmbroker_ctx_t *ctx,
    ngx_http_llmbroker_model_t *from);


ngx_int_t
ngx_http_llmbroker_route(ngx_http_llmbroker_ctx_t *ctx, ngx_uint_t flags,
    ngx_http_llmbroker_pick_t *pick, ngx_msec_t *wait)
{
    ngx_int_t                    rc;
    ngx_http_llmbroker_router_t  rt;

    rt.ctx = ctx;
    rt.route = &ctx->route;
    rt.pick = pick;
    rt.now = ngx_current_msec;
    rt.cooling = 0;

    *wait = 0;
    rc = NGX_DECLINED;

    if (rt.route->ntried < NGX_HTTP_LLMBROKER_MAX_TRIED) {
        rc = ngx_http_llmbroker_router_find(&rt, flags);
    }

    if (rc == NGX_DECLINED && !(flags & NGX_HTTP_LLMBROKER_SAME_ALIAS)) {
        *wait = ngx_http_llmbroker_route_wait(ctx);
    }

    return rc;
}


static ngx_int_t
ngx_http_llmbroker_router_find(ngx_http_llmbroker_router_t *rt,
    ngx_uint_t flags)
{
    ngx_int_t  rc;

    if (flags & NGX_HTTP_LLMBROKER_SAME_ALIAS) {
        rt->hop = ngx_http_llmbroker_router_hop(rt->ctx, rt->route->current);

        return ngx_http_llmbroker_router_alias(rt);
    }

    rc = ngx_http_llmbroker_router_pass(rt);

    if (rc == NGX_DECLINED) {
        rt->cooling = 1;
        rc = ngx_http_llmbroker_router_pass(rt);
    }

    if (rc == NGX_DECLINED) {
        rc = ngx_http_llmbroker_router_least_bad(rt);
    }

    return rc;
}


static ngx_int_t
ngx_http_llmbroker_router_pass(ngx_http_llmbroker_router_t *rt)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    for (i = 0; /* void */; i++) {

        /* not before one is needed: most requests never need any */

        if (i == 1 && ngx_http_llmbroker_router_fallbacks(rt->ctx) != NGX_OK) {
            return NGX_ERROR;
        }

        rt->hop = ngx_http_llmbroker_router_hop(rt->ctx, i);

        if (rt->hop == NULL) {
            return NGX_DECLINED;
        }

        rc = ngx_http_llmbroker_router_alias(rt);

        if (rc == NGX_OK) {
            rt->route->current = i;
        }

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }
}


static ngx_int_t
ngx_http_llmbroker_router_alias(ngx_http_llmbroker_router_t *rt)
{
    ngx_int_t                    rc;
    ngx_uint_t                   i;
    ngx_http_llmbroker_model_t  *model;

    model = rt->hop->model;

    if (rt->hop->left) {
        return NGX_DECLINED;
    }

    for (i = 0; i < model->ntiers; i++) {

        rc = ngx_http_llmbroker_router_tier(rt, &model->tiers[i]);

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_llmbroker_router_tier(ngx_http_llmbroker_router_t *rt,
    ngx_http_llmbroker_tier_t *tier)
{
    ngx_uint_t                        ticket;
    ngx_http_llmbroker_turn_t        *turn;
    ngx_http_llmbroker_policy_t      *policy;
    ngx_http_llmbroker_deployment_t  *d;

    policy = &rt->hop->model->policy;

    if (tier->n == 1) {
        return ngx_http_llmbroker_router_in_order(rt, tier);
    }

    if (ngx_http_llmbroker_router_key(rt) != NGX_OK) {
        return NGX_ERROR;
    }

    if (rt->route->key) {
        return ngx_http_llmbroker_router_search(rt, tier, 0);
    }

    if (policy->strategy == NGX_HTTP_LLMBROKER_PRIORITY) {
        return ngx_http_llmbroker_router_in_order(rt, tier);
    }

    ticket = ngx_http_llmbroker_router_ticket(rt);

    if (policy->strategy != NGX_HTTP_LLMBROKER_WEIGHTED || tier->length == 0) {
        return ngx_http_llmbroker_router_search(rt, tier, ticket);
    }

    turn = &tier->sequence[ticket % tier->length];
    d = tier->deployments[turn->index];

    if (ngx_http_llmbroker_router_usable(rt, d)
        && ngx_http_llmbroker_router_take(rt, d) == NGX_OK)
    {
        return NGX_OK;
    }

    /*
     * The turns of this one are dealt out to the others by their weights,
     * counted, so that what the others get is as even as what it had.  Each
     * begins elsewhere: or the first turns of all would go to the same one.
     */

    ticket = ticket / tier->length * (d->weight / tier->divisor) + turn->nth
             + turn->index * NGX_HTTP_LLMBROKER_ROUTER_APART;

    return ngx_http_llmbroker_router_search(rt, tier, ticket);
}


/* the file's order; a lone deployment has no other */

static ngx_int_t
ngx_http_llmbroker_router_in_order(ngx_http_llmbroker_router_t *rt,
    ngx_http_llmbroker_tier_t *tier)
{
    ngx_uint_t                        i;
    ngx_http_llmbroker_deployment_t  *d;

    for (i = 0; i < tier->n; i++) {
        d = tier->deployments[i];

        if (ngx_http_llmbroker_router_usable(rt, d)
            && ngx_http_llmbroker_router_take(rt, d) == NGX_OK)
        {
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_llmbroker_router_search(ngx_http_llmbroker_router_t *rt,
    ngx_http_llmbroker_tier_t *tier, ngx_uint_t ticket)
{
    ngx_uint_t                       i, n;
    ngx_http_llmbroker_candidate_t  *c;
    ngx_http_llmbroker_candidate_t   few[NGX_HTTP_LLMBROKER_ROUTER_FEW];

    c = few;

    if (tier->n > NGX_HTTP_LLMBROKER_ROUTER_FEW) {
        c = ngx_palloc(rt->ctx->request->pool,
                       tier->n * sizeof(ngx_http_llmbroker_candidate_t));
        if (c == NULL) {
            return NGX_ERROR;
        }
    }

    n = 0;

    for (i = 0; i < tier->n; i++) {

        if (ngx_http_llmbroker_router_usable(rt, tier->deployments[i])) {
            c[n].index = i;
            c[n].weight = tier->deployments[i]->weight;
            c[n].id = tier->ids[i];
            n++;
        }
    }

    while (n) {
        i = (n == 1) ? 0 : ngx_http_llmbroker_router_choose(rt, tier, c, n,
                                                            ticket);

        if (ngx_http_llmbroker_router_take(rt, tier->deployments[c[i].index])
            == NGX_OK)
        {
            return NGX_OK;
        }

        /* another worker's request has become its probe */

        n--;

        ngx_memmove(&c[i], &c[i + 1],
                    (n - i) * sizeof(ngx_http_llmbroker_candidate_t));
    }

    return NGX_DECLINED;
}


static ngx_uint_t
ngx_http_llmbroker_router_choose(ngx_http_llmbroker_router_t *rt,
    ngx_http_llmbroker_tier_t *tier, ngx_http_llmbroker_candidate_t *c,
    ngx_uint_t n, ngx_uint_t ticket)
{
    ngx_uint_t                    i;
    ngx_http_llmbroker_state_t  **states;

    if (rt->route->key) {
        return ngx_http_llmbroker_balance_affinity(c, n, rt->route->key);
    }

    if (rt->hop->model->policy.strategy == NGX_HTTP_LLMBROKER_LEAST_LATENCY) {
        return ngx_http_llmbroker_router_faster(rt, tier, c, n, ticket);
    }

    if (rt->hop->model->policy.strategy == NGX_HTTP_LLMBROKER_LEAST_BUSY) {
        states = rt->ctx->shared->states;

        for (i = 0; i < n; i++) {
            c[i].in_flight = ngx_http_llmbroker_state_in_flight(
                                states[tier->deployments[c[i].index]->slot]);
        }

        return ngx_http_llmbroker_balance_busy(c, n, ticket);
    }

    return ngx_http_llmbroker_balance_weighted(c, n, ticket,
                                               rt->route->ntried);
}


static ngx_uint_t
ngx_http_llmbroker_router_faster(ngx_http_llmbroker_router_t *rt,
    ngx_http_llmbroker_tier_t *tier, ngx_http_llmbroker_candidate_t *c,
    ngx_uint_t n, ngx_uint_t ticket)
{
    ngx_uint_t                        i, pair[2];
    ngx_http_llmbroker_state_t       *state;
    ngx_http_llmbroker_deployment_t  *d;

    ngx_http_llmbroker_balance_pair(n, ticket, pair);

    for (i = 0; i < 2; i++) {
        d = tier->deployments[c[pair[i]].index];
        state = rt->ctx->shared->states[d->slot];

        c[pair[i]].in_flight = ngx_http_llmbroker_state_in_flight(state);
        c[pair[i]].latency = ngx_http_llmbroker_state_ewma(state, rt->now);
    }

    i = ngx_http_llmbroker_balance_faster(&c[pair[0]], &c[pair[1]]);

    return pair[i];
}


/* better a call that may fail than none, where the file says so */

static ngx_int_t
ngx_http_llmbroker_router_least_bad(ngx_http_llmbroker_router_t *rt)
{
    ngx_uint_t                         i, j, n;
    ngx_msec_t                         wait, least;
    ngx_http_llmbroker_tier_t         *tier;
    ngx_http_llmbroker_deployment_t   *d, *best;

    for (n = 0; /* void */; n++) {

        rt->hop = ngx_http_llmbroker_router_hop(rt->ctx, n);

        if (rt->hop == NULL) {
            return NGX_DECLINED;
        }

        if (rt->hop->left || !rt->hop->model->policy.least_bad) {
            continue;
        }

        best = NULL;
        least = 0;

        for (i = 0; i < rt->hop->model->ntiers; i++) {
            tier = &rt->hop->model->tiers[i];

            for (j = 0; j < tier->n; j++) {
                d = tier->deployments[j];

                if (ngx_http_llmbroker_router_tried(rt->route, d)) {
                    continue;
                }

                wait = ngx_http_llmbroker_breaker_wait(
                                  rt->ctx->shared->states[d->slot], rt->now);

                if (best == NULL || wait < least) {
                    best = d;
                    least = wait;
                }
            }
        }

        if (best) {
            rt->route->current = n;
            return ngx_http_llmbroker_router_picked(rt, best, 0);
        }
    }
}


static ngx_uint_t
ngx_http_llmbroker_router_tried(ngx_http_llmbroker_route_t *route,
    ngx_http_llmbroker_deployment_t *d)
{
    ngx_uint_t  i;

    for (i = 0; i < route->ntried; i++) {
        if (route->tried[i] == d) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_llmbroker_router_usable(ngx_http_llmbroker_router_t *rt,
    ngx_http_llmbroker_deployment_t *d)
{
    ngx_http_llmbroker_state_t  *state;

    if (ngx_http_llmbroker_router_tried(rt->route, d)) {
        return 0;
    }

    state = rt->ctx->shared->states[d->slot];

    if (ngx_http_llmbroker_breaker_wait(state, rt->now) != 0) {
        return 0;
    }

    return (ngx_http_llmbroker_state_cooling(state, rt->now) != 0)
           == rt->cooling;
}


/* NGX_DECLINED: the breaker does not let this call through, after all */

static ngx_int_t
ngx_http_llmbroker_router_take(ngx_http_llmbroker_router_t *rt,
    ngx_http_llmbroker_deployment_t *d)
{
    ngx_int_t  rc;

    rc = ngx_http_llmbroker_breaker_take(rt->ctx->shared->states[d->slot],
                                         rt->now,
                                         d->timeout
                                         + NGX_HTTP_LLMBROKER_ROUTER_LEASE);

    if (rc == NGX_DECLINED) {
        return NGX_DECLINED;
    }

    return ngx_http_llmbroker_router_picked(rt, d, rc == NGX_DONE);
}


static ngx_int_t
ngx_http_llmbroker_router_picked(ngx_http_llmbroker_router_t *rt,
    ngx_http_llmbroker_deployment_t *d, ngx_uint_t probe)
{
    rt->pick->model = rt->hop->model;
    rt->pick->deployment = d;
    rt->pick->probe = probe;

    rt->route->tried[rt->route->ntried++] = d;

    return NGX_OK;
}


/*
 * The number of this request among those of the alias: requests that come from
 * another one count here as well, or they would all meet the same turn.
 */

static ngx_uint_t
ngx_http_llmbroker_router_ticket(ngx_http_llmbroker_router_t *rt)
{
    ngx_http_llmbroker_hop_t         *hop;
    ngx_http_llmbroker_deployment_t  *d;

    hop = rt->hop;

    if (!hop->ticketed) {
        d = hop->model->tiers[0].deployments[0];

        hop->ticket = ngx_http_llmbroker_state_turn(
                                             rt->ctx->shared->states[d->slot]);
        hop->ticketed = 1;
    }

    return hop->ticket;
}


static ngx_int_t
ngx_http_llmbroker_router_key(ngx_http_llmbroker_router_t *rt)
{
    ngx_str_t                     text;
    ngx_http_llmbroker_route_t   *route;
    ngx_http_variable_value_t    *vv;
    ngx_http_llmbroker_policy_t  *policy;

    route = rt->route;
    policy = &rt->hop->model->policy;

    if (route->keyed == rt->hop->model) {
        return NGX_OK;
    }

    ngx_str_null(&text);

    if (policy->affinity == NGX_HTTP_LLMBROKER_AFFINITY_USER) {

        if (ngx_http_llmbroker_router_user(rt->ctx, &text) != NGX_OK) {
            return NGX_ERROR;
        }

    } else if (policy->affinity == NGX_HTTP_LLMBROKER_AFFINITY_VARIABLE) {

        vv = ngx_http_get_indexed_variable(rt->ctx->request,
                                           policy->affinity_index);

        if (vv && !vv->not_found) {
            text.len = vv->len;
            text.data = vv->data;
        }
    }

    route->keyed = rt->hop->model;
    route->key = 0;

    if (text.len) {
        route->key = ngx_http_llmbroker_conf_hash(0, text.data,
                                ngx_min(text.len,
                                        NGX_HTTP_LLMBROKER_ROUTER_KEY));
    }

    return NGX_OK;
}


/* as the client wrote it: that two spellings of a name differ does no harm */

static ngx_int_t
ngx_http_llmbroker_router_user(ngx_http_llmbroker_ctx_t *ctx, ngx_str_t *text)
{
    off_t                         end;
    ngx_http_llmbroker_member_t  *m;

    static ngx_str_t  name = ngx_string("user");

    m = ngx_http_llmbroker_body_find(&ctx->body, &name);

    if (m == NULL
        || m->type != NGX_HTTP_LLMBROKER_JSON_STRING
        || m->end - m->start == sizeof("\"\"") - 1)
    {
        return NGX_OK;
    }

    if (m->text.data) {
        *text = m->text;
        return NGX_OK;
    }

    end = ngx_min(m->end, m->start + NGX_HTTP_LLMBROKER_ROUTER_KEY);

    return ngx_http_llmbroker_body_bytes(ctx->request->pool, &ctx->body,
                                         m->start, end, text);
}


void
ngx_http_llmbroker_route_return(ngx_http_llmbroker_ctx_t *ctx,
    ngx_http_llmbroker_pick_t *pick)
{
    ngx_uint_t                   i, n;
    ngx_http_llmbroker_route_t  *route;

    route = &ctx->route;

    for (n = 0, i = 0; i < route->ntried; i++) {
        if (route->tried[i] != pick->deployment) {
            route->tried[n++] = route->tried[i];
        }
    }

    route->ntried = n;
}


ngx_int_t
ngx_http_llmbroker_route_leave(ngx_http_llmbroker_ctx_t *ctx)
{
    ngx_uint_t                 i;
    ngx_http_llmbroker_hop_t  *hop;

    hop = ngx_http_llmbroker_router_hop(ctx, ctx->route.current);

    hop->left = 1;

    if (ngx_http_llmbroker_router_fallbacks(ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; /* void */; i++) {
        hop = ngx_http_llmbroker_router_hop(ctx, i);

        if (hop == NULL) {
            return NGX_DECLINED;
        }

        if (!hop->left) {
            return NGX_OK;
        }
    }
}


void
ngx_http_llmbroker_route_again(ngx_http_llmbroker_ctx_t *ctx)
{
    ngx_uint_t                 i;
    ngx_http_llmbroker_hop_t  *hop;

    ctx->route.ntried = 0;

    for (i = 0; /* void */; i++) {
        hop = ngx_http_llmbroker_router_hop(ctx, i);

        if (hop == NULL) {
            return;
        }

        hop->ticketed = 0;
    }
}


ngx_msec_t
ngx_http_llmbroker_route_wait(ngx_http_llmbroker_ctx_t *ctx)
{
    ngx_uint_t                         i, j, n, found;
    ngx_msec_t                         now, wait, cooling, least;
    ngx_http_llmbroker_hop_t          *hop;
    ngx_http_llmbroker_tier_t         *tier;
    ngx_http_llmbroker_state_t        *state;

    now = ngx_current_msec;
    least = 0;
    found = 0;

    for (n = 0; /* void */; n++) {
        hop = ngx_http_llmbroker_router_hop(ctx, n);

        if (hop == NULL) {
            return least;
        }

        for (i = 0; i < hop->model->ntiers && !hop->left; i++) {
            tier = &hop->model->tiers[i];

            for (j = 0; j < tier->n; j++) {
                state = ctx->shared->states[tier->deployments[j]->slot];

                wait = ngx_http_llmbroker_breaker_wait(state, now);
                cooling = ngx_http_llmbroker_state_cooling(state, now);

                wait = ngx_max(wait, cooling);

                if (wait == 0) {
                    return 0;
                }

                if (!found || wait < least) {
                    least = wait;
                    found = 1;
                }
            }
        }
    }
}


/* NULL: there is none, or the fallbacks are not known yet */

static ngx_http_llmbroker_hop_t *
ngx_http_llmbroker_router_hop(ngx_http_llmbroker_ctx_t *ctx, ngx_uint_t n)
{
    ngx_http_llmbroker_hop_t    *hop;
    ngx_http_llmbroker_route_t  *route;

    route = &ctx->route;

    if (n == 0) {
        route->first.model = ctx->model;
        return &route->first;
    }

    if (route->fallbacks == NULL || n > route->fallbacks->nelts) {
        return NULL;
    }

    hop = route->fallbacks->elts;

    return &hop[n - 1];
}


/* breadth first, so that an alias's own fallbacks come before theirs */

static ngx_int_t
ngx_http_llmbroker_router_fallbacks(ngx_http_llmbroker_ctx_t *ctx)
{
    ngx_uint_t                 i;
    ngx_array_t               *fallbacks;
    ngx_http_llmbroker_hop_t  *hop;

    if (ctx->route.fallbacks || ctx->model->fallbacks.nelts == 0) {
        return NGX_OK;
    }

    fallbacks = ngx_array_create(ctx->request->pool, 4,
                                 sizeof(ngx_http_llmbroker_hop_t));
    if (fallbacks == NULL) {
        return NGX_ERROR;
    }

    ctx->route.fallbacks = fallbacks;

    if (ngx_http_llmbroker_router_add(ctx, ctx->model) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < fallbacks->nelts; i++) {
        hop = fallbacks->elts;

        if (ngx_http_llmbroker_router_add(ctx, hop[i].model) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* an alias that is met again cuts the cycle (design 2.9) */

static ngx_int_t
ngx_http_llmbroker_router_add(ngx_http_llmbroker_ctx_t *ctx,
    ngx_http_llmbroker_model_t *from)
{
    ngx_uint_t                    i, j;
    ngx_http_llmbroker_hop_t     *hop;
    ngx_http_llmbroker_model_t  **model;

    model = from->fallbacks.elts;

    for (i = 0; i < from->fallbacks.nelts; i++) {

        for (j = 0; /* void */; j++) {
            hop = ngx_http_llmbroker_router_hop(ctx, j);

            if (hop == NULL || hop->model == model[i]) {
                break;
            }
        }

        if (hop) {
            continue;
        }

        hop = ngx_array_push(ctx->route.fallbacks);
        if (hop == NULL) {
            return NGX_ERROR;
        }

        ngx_memzero(hop, sizeof(ngx_http_llmbroker_hop_t));

        hop->model = model[i];
    }

    return NGX_OK;
}
