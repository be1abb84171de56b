
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>

#include "outbound/ngx_http_llmbroker_health.h"
#include "outbound/ngx_http_llmbroker_probe.h"


/* in a row; then a deployment is down */
#define NGX_HTTP_LLMBROKER_HEALTH_FAILURES  2

/* between a first failure and the next check, at most */
#define NGX_HTTP_LLMBROKER_HEALTH_AGAIN     1000

/* the first checks of many are this far apart */
#define NGX_HTTP_LLMBROKER_HEALTH_SPREAD    30

#define NGX_HTTP_LLMBROKER_HEALTH_POOL      4096


typedef struct ngx_http_llmbroker_check_s  ngx_http_llmbroker_check_t;

/* of all deployments that would be asked the same in the same way */
struct ngx_http_llmbroker_check_s {
    ngx_event_t                      timer;
    ngx_http_llmbroker_probe_t       probe;
    ngx_str_t                        model;     /* alias of the first */
    ngx_array_t                      states;    /* ..._state_t * */

    ngx_pool_t                      *pool;      /* of a running transfer */
    ngx_uint_t                       failures;  /* in a row */
    ngx_int_t                        listed;    /* of ..._probe_listed() */

    uint32_t                         hash;
    ngx_http_llmbroker_check_t      *next;      /* in its bucket */
};


typedef struct {
    ngx_pool_t                      *pool;      /* NULL: no checks */
    ngx_log_t                       *log;
    ngx_array_t                      checks;    /* ..._check_t * */
    ngx_http_llmbroker_check_t     **buckets;
    ngx_uint_t                       mask;
} ngx_http_llmbroker_checks_t;


static ngx_int_t ngx_http_llmbroker_health_checks(
    ngx_http_llmbroker_checks_t *hc, ngx_http_llmbroker_conf_t *conf,
    ngx_http_llmbroker_state_t **states);
static ngx_int_t ngx_http_llmbroker_health_check(
    ngx_http_llmbroker_checks_t *hc, ngx_http_llmbroker_model_t *model,
    ngx_http_llmbroker_deployment_t *d, ngx_http_llmbroker_state_t *state);
static ngx_http_llmbroker_check_t *ngx_http_llmbroker_health_find(
    ngx_http_llmbroker_checks_t *hc, ngx_http_llmbroker_deployment_t *d,
    ngx_http_llmbroker_policy_t *policy, uint32_t hash);
static ngx_uint_t ngx_http_llmbroker_health_same(
    ngx_http_llmbroker_probe_t *probe, ngx_http_llmbroker_deployment_t *d,
    ngx_http_llmbroker_policy_t *policy);
static ngx_uint_t ngx_http_llmbroker_health_equal(const void *a,
    const void *b, size_t offset);
static void ngx_http_llmbroker_health_first(ngx_http_llmbroker_checks_t *hc);

static void ngx_http_llmbroker_health_handler(ngx_event_t *ev);
static ngx_int_t ngx_http_llmbroker_health_ask(
    ngx_http_llmbroker_check_t *check);
static void ngx_http_llmbroker_health_unresolved(
    ngx_http_llmbroker_check_t *check);
static void ngx_http_llmbroker_health_answer(ngx_http_llmbroker_transfer_t *t);
static void ngx_http_llmbroker_health_up(ngx_http_llmbroker_check_t *check,
    ngx_uint_t answers);
static ngx_uint_t ngx_http_llmbroker_health_breakers(
    ngx_http_llmbroker_check_t *check, ngx_uint_t answers);
static void ngx_http_llmbroker_health_failed(
    ngx_http_llmbroker_check_t *check, ngx_str_t *reason);
static ngx_uint_t ngx_http_llmbroker_health_publish(
    ngx_http_llmbroker_check_t *check, ngx_http_llmbroker_health_e health);
static void ngx_http_llmbroker_health_listed(
    ngx_http_llmbroker_check_t *check, ngx_int_t listed);
static void ngx_http_llmbroker_health_next(ngx_http_llmbroker_check_t *check,
    ngx_uint_t again);


/* what makes two deployments differ, for a check */

#define ngx_http_llmbroker_health_field(name)                                \
    offsetof(ngx_http_llmbroker_deployment_t, name)

static const size_t  ngx_http_llmbroker_health_fields[] = {
    ngx_http_llmbroker_health_field(base_url),
    ngx_http_llmbroker_health_field(target.model),
    ngx_http_llmbroker_health_field(target.headers[0]),
    ngx_http_llmbroker_health_field(target.api_version),
    ngx_http_llmbroker_health_field(target.region),
    ngx_http_llmbroker_health_field(target.access_key_id),
    ngx_http_llmbroker_health_field(target.secret_access_key),
    ngx_http_llmbroker_health_field(target.session_token)
};


static ngx_http_llmbroker_checks_t  ngx_http_llmbroker_checks;


void
ngx_http_llmbroker_health_init(ngx_cycle_t *cycle,
    ngx_http_llmbroker_conf_t *conf, ngx_http_llmbroker_state_t **states)
{
    ngx_http_llmbroker_checks_t  *hc;

    if (ngx_process != NGX_PROCESS_SINGLE
        && (ngx_process != NGX_PROCESS_WORKER || ngx_worker != 0))
    {
        return;
    }

    hc = &ngx_http_llmbroker_checks;

    ngx_memzero(hc, sizeof(ngx_http_llmbroker_checks_t));

    hc->log = cycle->log;

    hc->pool = ngx_create_pool(NGX_HTTP_LLMBROKER_HEALTH_POOL, cycle->log);
    if (hc->pool == NULL) {
        return;
    }

    if (ngx_http_llmbroker_health_checks(hc, conf, states) == NGX_OK) {

        if (hc->checks.nelts == 0) {
            ngx_http_llmbroker_health_exit();
            return;
        }

        if (ngx_http_llmbroker_loop_init(cycle->log) == NGX_OK) {
            ngx_http_llmbroker_health_first(hc);
            return;
        }
    }

    ngx_log_error(NGX_LOG_ERR, cycle->log, 0, "no health checks are made");

    ngx_http_llmbroker_health_exit();
}


static ngx_int_t
ngx_http_llmbroker_health_checks(ngx_http_llmbroker_checks_t *hc,
    ngx_http_llmbroker_conf_t *conf, ngx_http_llmbroker_state_t **states)
{
    ngx_uint_t                        i, j, n;
    ngx_http_llmbroker_model_t       *model;
    ngx_http_llmbroker_deployment_t  *d;

    for (n = 16; n < conf->slots; n *= 2) { /* void */ }

    hc->mask = n - 1;

    hc->buckets = ngx_pcalloc(hc->pool, n
                                        * sizeof(ngx_http_llmbroker_check_t *));
    if (hc->buckets == NULL) {
        return NGX_ERROR;
    }

    if (ngx_array_init(&hc->checks, hc->pool, 16,
                       sizeof(ngx_http_llmbroker_check_t *))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    model = conf->models.elts;

    for (i = 0; i < conf->models.nelts; i++) {

        if (model[i].policy.health_interval == 0) {
            continue;
        }

        d = model[i].deployments;

        for (j = 0; j < model[i].ndeployments; j++) {

            if (d[j].missing.len) {
                continue;
            }

            if (ngx_http_llmbroker_health_check(hc, &model[i], &d[j],
                                                states[d[j].slot])
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_health_check(ngx_http_llmbroker_checks_t *hc,
    ngx_http_llmbroker_model_t *model, ngx_http_llmbroker_deployment_t *d,
    ngx_http_llmbroker_state_t *state)
{
    uint32_t                      hash;
    ngx_int_t                     rc;
    ngx_http_llmbroker_check_t   *check, **c;
    ngx_http_llmbroker_state_t  **s;

    ngx_crc32_init(hash);
    ngx_crc32_update(&hash, d->base_url.data, d->base_url.len);
    ngx_crc32_update(&hash, d->target.model.data, d->target.model.len);
    ngx_crc32_final(hash);

    check = ngx_http_llmbroker_health_find(hc, d, &model->policy, hash);

    if (check == NULL) {
        check = ngx_pcalloc(hc->pool, sizeof(ngx_http_llmbroker_check_t));
        if (check == NULL) {
            return NGX_ERROR;
        }

        if (ngx_array_init(&check->states, hc->pool, 1,
                           sizeof(ngx_http_llmbroker_state_t *))
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        check->model = model->name;
        check->hash = hash;
        check->listed = NGX_ERROR;

        check->timer.handler = ngx_http_llmbroker_health_handler;
        check->timer.data = check;
        check->timer.log = hc->log;
        check->timer.cancelable = 1;

        rc = ngx_http_llmbroker_probe_init(&check->probe, hc->pool, d,
                                           &model->policy);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_DECLINED) {
            ngx_log_error(NGX_LOG_WARN, hc->log, 0,
                          "health check: \"%V\" cannot be asked for the model "
                          "\"%V\"", &d->base_url,
                          &model->policy.health_model);
            return NGX_OK;
        }

        c = ngx_array_push(&hc->checks);
        if (c == NULL) {
            return NGX_ERROR;
        }

        *c = check;

        check->next = hc->buckets[hash & hc->mask];
        hc->buckets[hash & hc->mask] = check;
    }

    s = ngx_array_push(&check->states);
    if (s == NULL) {
        return NGX_ERROR;
    }

    *s = state;

    return NGX_OK;
}


static ngx_http_llmbroker_check_t *
ngx_http_llmbroker_health_find(ngx_http_llmbroker_checks_t *hc,
    ngx_http_llmbroker_deployment_t *d, ngx_http_llmbroker_policy_t *policy,
    uint32_t hash)
{
    ngx_http_llmbroker_check_t  *check;

    for (check = hc->buckets[hash & hc->mask]; check; check = check->next) {

        if (check->hash == hash
            && ngx_http_llmbroker_health_same(&check->probe, d, policy))
        {
            return check;
        }
    }

    return NULL;
}


static ngx_uint_t
ngx_http_llmbroker_health_same(ngx_http_llmbroker_probe_t *probe,
    ngx_http_llmbroker_deployment_t *d, ngx_http_llmbroker_policy_t *policy)
{
    size_t                                  i, n;
    const ngx_http_llmbroker_policy_t      *p;
    const ngx_http_llmbroker_deployment_t  *o;

    o = probe->deployment;
    p = probe->policy;

    if (o->target.row != d->target.row
        || o->target.dialect != d->target.dialect
        || p->health_interval != policy->health_interval
        || p->health_timeout != policy->health_timeout
        || !ngx_http_llmbroker_health_equal(p, policy,
                  offsetof(ngx_http_llmbroker_policy_t, health_path))
        || !ngx_http_llmbroker_health_equal(p, policy,
                  offsetof(ngx_http_llmbroker_policy_t, health_model)))
    {
        return 0;
    }

#if (NGX_HTTP_SSL)
    if (o->upstream.ssl != d->upstream.ssl
        || o->upstream.ssl_verify != d->upstream.ssl_verify)
    {
        return 0;
    }
#endif

    n = sizeof(ngx_http_llmbroker_health_fields) / sizeof(size_t);

    for (i = 0; i < n; i++) {
        if (!ngx_http_llmbroker_health_equal(o, d,
                                          ngx_http_llmbroker_health_fields[i]))
        {
            return 0;
        }
    }

    return 1;
}


/* whether a text is the same in two structures */

static ngx_uint_t
ngx_http_llmbroker_health_equal(const void *a, const void *b, size_t offset)
{
    const ngx_str_t  *s, *o;

    s = (const ngx_str_t *) ((const u_char *) a + offset);
    o = (const ngx_str_t *) ((const u_char *) b + offset);

    return s->len == o->len
           && (s->len == 0 || ngx_memcmp(s->data, o->data, s->len) == 0);
}


/* within a second, or an interval if that is shorter, unless there are many */

static void
ngx_http_llmbroker_health_first(ngx_http_llmbroker_checks_t *hc)
{
    ngx_uint_t                    i;
    ngx_msec_t                    span, spread;
    ngx_http_llmbroker_check_t  **check;

    check = hc->checks.elts;

    spread = ngx_max(hc->checks.nelts * NGX_HTTP_LLMBROKER_HEALTH_SPREAD,
                     NGX_HTTP_LLMBROKER_HEALTH_AGAIN);

    for (i = 0; i < hc->checks.nelts; i++) {
        span = ngx_min(check[i]->probe.policy->health_interval, spread);

        ngx_add_timer(&check[i]->timer, span * i / hc->checks.nelts);
    }
}


static void
ngx_http_llmbroker_health_handler(ngx_event_t *ev)
{
    ngx_http_llmbroker_check_t *check = ev->data;

    ngx_int_t  rc;

    /* the process that takes over makes them */

    if (ngx_exiting || ngx_quit || ngx_terminate) {
        return;
    }

    rc = ngx_http_llmbroker_health_ask(check);

    if (rc == NGX_DECLINED) {
        ngx_http_llmbroker_health_unresolved(check);
    }

    if (rc != NGX_OK) {
        ngx_http_llmbroker_health_next(check, 1);
    }
}


/* NGX_DECLINED: the host has no address now */

static ngx_int_t
ngx_http_llmbroker_health_ask(ngx_http_llmbroker_check_t *check)
{
    ngx_int_t                       rc;
    ngx_pool_t                     *pool;
    ngx_http_llmbroker_transfer_t  *t;

    pool = ngx_create_pool(NGX_HTTP_LLMBROKER_HEALTH_POOL,
                           ngx_http_llmbroker_checks.log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    t = ngx_pcalloc(pool, sizeof(ngx_http_llmbroker_transfer_t));
    if (t == NULL) {
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    t->pool = pool;
    t->log = ngx_http_llmbroker_checks.log;
    t->handler = ngx_http_llmbroker_health_answer;
    t->data = check;

    rc = ngx_http_llmbroker_probe_ask(&check->probe, t);

    if (rc == NGX_OK && ngx_http_llmbroker_loop_start(t) != NGX_OK) {
        rc = NGX_ERROR;
    }

    if (rc != NGX_OK) {
        ngx_destroy_pool(pool);
        return rc;
    }

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, t->log, 0,
                   "llmbroker health check: \"%V\"", &t->url);

    check->pool = pool;

    return NGX_OK;
}


/*
 * DNS is no part of the deployment: a name without an address ejects nobody.
 * What was found before a reload holds on until the first answer of DNS.
 */

static void
ngx_http_llmbroker_health_unresolved(ngx_http_llmbroker_check_t *check)
{
    check->failures = 0;

    if (check->probe.deployment->resolve->failed
        && ngx_http_llmbroker_health_publish(check,
                                           NGX_HTTP_LLMBROKER_HEALTH_UNKNOWN))
    {
        ngx_log_error(NGX_LOG_NOTICE, ngx_http_llmbroker_checks.log, 0,
                      "health check: \"%V\" of \"%V\" has no address, it is "
                      "not known whether it is down still",
                      &check->probe.deployment->base_url, &check->model);
    }
}


static void
ngx_http_llmbroker_health_answer(ngx_http_llmbroker_transfer_t *t)
{
    ngx_int_t                    rc;
    ngx_str_t                    reason;
    ngx_http_llmbroker_check_t  *check;

    check = t->data;

    ngx_str_set(&reason, "");

    rc = ngx_http_llmbroker_probe_verdict(&check->probe, t, &reason);

    ngx_log_debug4(NGX_LOG_DEBUG_HTTP, t->log, 0,
                   "llmbroker health check: \"%V\" rc:%i status:%ui \"%V\"",
                   &t->url, rc, t->status, &reason);

    switch (rc) {

    case NGX_OK:
    case NGX_DONE:
        ngx_http_llmbroker_health_up(check, rc == NGX_DONE);
        ngx_http_llmbroker_health_listed(check,
                         ngx_http_llmbroker_probe_listed(&check->probe, t));
        break;

    case NGX_ERROR:
        ngx_http_llmbroker_health_failed(check, &reason);
        break;

    default: /* NGX_DECLINED */
        ngx_http_llmbroker_health_next(check, 1);
        break;
    }

    check->pool = NULL;

    ngx_destroy_pool(t->pool);
}


static void
ngx_http_llmbroker_health_up(ngx_http_llmbroker_check_t *check,
    ngx_uint_t answers)
{
    ngx_uint_t  changed;

    check->failures = 0;

    changed = ngx_http_llmbroker_health_breakers(check, answers);
    changed |= ngx_http_llmbroker_health_publish(check,
                                                 NGX_HTTP_LLMBROKER_HEALTH_UP);

    if (changed) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_http_llmbroker_checks.log, 0,
                      "health check: \"%V\" of \"%V\" is up",
                      &check->probe.deployment->base_url, &check->model);
    }

    ngx_http_llmbroker_health_next(check, 0);
}


/*
 * What opened a breaker were chats, of which only a chat tells more.  Returns
 * 1 when a breaker was closed, else 0.
 */

static ngx_uint_t
ngx_http_llmbroker_health_breakers(ngx_http_llmbroker_check_t *check,
    ngx_uint_t answers)
{
    ngx_uint_t                    i, closed;
    ngx_http_llmbroker_state_t  **state;

    closed = 0;
    state = check->states.elts;

    for (i = 0; i < check->states.nelts; i++) {

        if (!answers) {
            ngx_http_llmbroker_breaker_due(state[i], ngx_current_msec);

        } else if (ngx_http_llmbroker_breaker_close(state[i]) == NGX_DONE) {
            closed = 1;
        }
    }

    return closed;
}


static void
ngx_http_llmbroker_health_failed(ngx_http_llmbroker_check_t *check,
    ngx_str_t *reason)
{
    check->failures++;

    if (check->failures < NGX_HTTP_LLMBROKER_HEALTH_FAILURES) {
        ngx_http_llmbroker_health_next(check, 1);
        return;
    }

    if (ngx_http_llmbroker_health_publish(check,
                                          NGX_HTTP_LLMBROKER_HEALTH_DOWN))
    {
        ngx_log_error(NGX_LOG_WARN, ngx_http_llmbroker_checks.log, 0,
                      "health check: \"%V\" of \"%V\" is down: %V",
                      &check->probe.deployment->base_url, &check->model,
                      reason);
    }

    ngx_http_llmbroker_health_next(check, 0);
}


/* returns 1 when that is news for some deployment, else 0 */

static ngx_uint_t
ngx_http_llmbroker_health_publish(ngx_http_llmbroker_check_t *check,
    ngx_http_llmbroker_health_e health)
{
    ngx_uint_t                          i, changed;
    ngx_msec_t                          ttl;
    ngx_http_llmbroker_state_t        **state;
    const ngx_http_llmbroker_policy_t  *policy;

    changed = 0;

    policy = check->probe.policy;
    ttl = 3 * policy->health_interval + policy->health_timeout;

    state = check->states.elts;

    for (i = 0; i < check->states.nelts; i++) {

        if (ngx_http_llmbroker_state_set_health(state[i], health,
                                                ngx_current_msec, ttl)
            == NGX_DONE)
        {
            changed = 1;
        }
    }

    return changed;
}


static void
ngx_http_llmbroker_health_listed(ngx_http_llmbroker_check_t *check,
    ngx_int_t listed)
{
    ngx_uint_t                    i, changed;
    ngx_http_llmbroker_state_t  **state;

    if (listed == NGX_ERROR || listed == check->listed) {
        return;
    }

    check->listed = listed;

    changed = 0;
    state = check->states.elts;

    for (i = 0; i < check->states.nelts; i++) {

        if (ngx_http_llmbroker_state_set_listed(state[i], listed == NGX_OK)
            == NGX_DONE)
        {
            changed = 1;
        }
    }

    if (changed && listed == NGX_DECLINED) {
        ngx_log_error(NGX_LOG_WARN, ngx_http_llmbroker_checks.log, 0,
                      "health check: \"%V\" of \"%V\" does not list the model "
                      "\"%V\"", &check->probe.deployment->base_url,
                      &check->model, &check->probe.target.model);
    }
}


static void
ngx_http_llmbroker_health_next(ngx_http_llmbroker_check_t *check,
    ngx_uint_t again)
{
    ngx_msec_t  interval;

    interval = check->probe.policy->health_interval;

    if (again) {
        interval = ngx_min(interval, NGX_HTTP_LLMBROKER_HEALTH_AGAIN);

    } else {
        /* 10 % less or more, so that checks do not go in step */

        interval += (ngx_msec_t) ngx_random() % (interval / 5 + 1);
        interval -= check->probe.policy->health_interval / 10;
    }

    ngx_add_timer(&check->timer, interval);
}


void
ngx_http_llmbroker_health_exit(void)
{
    ngx_uint_t                     i;
    ngx_http_llmbroker_check_t   **check;
    ngx_http_llmbroker_checks_t   *hc;

    hc = &ngx_http_llmbroker_checks;

    if (hc->pool == NULL) {
        return;
    }

    ngx_http_llmbroker_loop_exit();

    check = hc->checks.elts;

    for (i = 0; i < hc->checks.nelts; i++) {

        if (check[i]->timer.timer_set) {
            ngx_del_timer(&check[i]->timer);
        }

        if (check[i]->pool) {
            ngx_destroy_pool(check[i]->pool);
        }
    }

    ngx_destroy_pool(hc->pool);
    hc->pool = NULL;
}
