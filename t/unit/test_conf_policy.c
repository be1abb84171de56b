
/*
 * Copyright (C) LLMBroker contributors
 *
 * The policy that a file's keys become: defaults, each key, what a model
 * inherits from "proxy", times that move each other's default, lack of memory.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "config/ngx_http_llmbroker_conf_policy.h"
#include "unit.h"


static void test_defaults(void);
static void test_keys(void);
static void test_percent(void);
static void test_inheritance(void);
static void test_nested_inheritance(void);
static void test_off(void);
static void test_pairs(void);
static void test_monitoring(void);
static void test_affinity(void);
static void test_no_memory(void);

static ngx_int_t read_policy(ngx_msec_t monitoring, const char *proxy,
    const char *model, ngx_http_llmbroker_policy_t *policy);
static ngx_int_t read_map(ngx_http_llmbroker_reader_t *rd, const char *text,
    ngx_http_llmbroker_policy_t *policy);


ngx_module_t  ngx_http_core_module;

static ngx_pool_t                 *pool;
static ngx_log_t                   no_log;
static ngx_http_llmbroker_conf_t   conf;
static ngx_str_t                   variable;   /* asked for last */


int
main(void)
{
    pool = ngx_create_pool(4096, NULL);

    test_defaults();
    test_keys();
    test_percent();
    test_inheritance();
    test_nested_inheritance();
    test_off();
    test_pairs();
    test_monitoring();
    test_affinity();
    test_no_memory();

    ngx_destroy_pool(pool);

    return done_testing();
}


static void
test_defaults(void)
{
    ngx_http_llmbroker_policy_t  p;

    is(read_policy(0, NULL, "{}", &p), NGX_OK, "nothing is said");

    is(p.strategy, NGX_HTTP_LLMBROKER_WEIGHTED, "strategy");
    is(p.affinity, NGX_HTTP_LLMBROKER_AFFINITY_NONE, "affinity");
    is(p.max_attempts, 0, "max_attempts");
    is(p.deadline, 0, "deadline");
    is(p.backoff, 100, "backoff");
    is(p.backoff_max, 5000, "backoff_max");
    is(p.retry_within, 0, "retry_on_failure_within");
    is(p.commit_header, 0, "stream_commit");
    is(p.drain, 0, "on_client_abort");
    is(p.least_bad, 0, "when_all_ejected");
    is(p.hedge_after, 0, "no hedge");
    is(p.hedge_max, 1, "hedge.max");
    is(p.hedge_share, 10, "hedge.share");

    /* design 2.9 */

    is(p.breaker.failures, 3, "breaker.failures");
    is(p.breaker.error_rate, 50, "breaker.error_rate");
    is(p.breaker.min_requests, 10, "breaker.min_requests");
    is(p.breaker.window, 30000, "breaker.window");
    is(p.breaker.open, 10000, "breaker.open");
    is(p.breaker.open_max, 120000, "breaker.open_max");

    is(p.health_interval, 0, "no health checks");

    is(read_policy(0, NULL, "{health_check: {}}", &p), NGX_OK, "checks");
    is(p.health_interval, 30000, "health_check.interval");
    is(p.health_timeout, 5000, "health_check.timeout");
    is(p.health_path.len, 0, "no path");
    is(p.health_model.len, 0, "no model");
}


static void
test_keys(void)
{
    ngx_http_llmbroker_policy_t  p;

    static const char  text[] =
        "strategy: least_busy\n"
        "max_attempts: 8\n"
        "deadline: 1m500ms\n"
        "backoff: 0\n"
        "backoff_max: 1.5\n"
        "retry_on_failure_within: 700ms\n"
        "stream_commit: header\n"
        "on_client_abort: drain\n"
        "when_all_ejected: least_bad\n"
        "hedge: {after: 800ms, max: 3, share: 100}\n"
        "breaker:\n"
        "  failures: 0\n"
        "  error_rate: 0\n"
        "  min_requests: 1\n"
        "  window: 100ms\n"
        "  open: 1ms\n"
        "  open_max: 1d\n"
        "health_check: {interval: 100ms, timeout: 1ms, path: /healthz}\n";

    is(read_policy(0, NULL, text, &p), NGX_OK, "all is said");

    is(p.strategy, NGX_HTTP_LLMBROKER_LEAST_BUSY, "strategy");
    is(p.max_attempts, 8, "max_attempts");
    is(p.deadline, 60500, "deadline");
    is(p.backoff, 0, "backoff");
    is(p.backoff_max, 1500, "backoff_max");
    is(p.retry_within, 700, "retry_on_failure_within");
    is(p.commit_header, 1, "stream_commit");
    is(p.drain, 1, "on_client_abort");
    is(p.least_bad, 1, "when_all_ejected");
    is(p.hedge_after, 800, "hedge.after");
    is(p.hedge_max, 3, "hedge.max");
    is(p.hedge_share, 100, "hedge.share");
    is(p.breaker.failures, 0, "breaker.failures");
    is(p.breaker.error_rate, 0, "breaker.error_rate");
    is(p.breaker.min_requests, 1, "breaker.min_requests");
    is(p.breaker.window, 100, "breaker.window");
    is(p.breaker.open, 1, "breaker.open");
    is(p.breaker.open_max, 86400000, "breaker.open_max");
    is(p.health_interval, 100, "health_check.interval");
    is(p.health_timeout, 1, "health_check.timeout");
    is_str(p.health_path.data, p.health_path.len, "/healthz",
           "health_check.path");

    is(read_policy(0, NULL, "strategy: weighted", &p), NGX_OK, "weighted");
    is(p.strategy, NGX_HTTP_LLMBROKER_WEIGHTED, "weighted: its number");
    is(read_policy(0, NULL, "strategy: least_latency", &p), NGX_OK, "latency");
    is(p.strategy, NGX_HTTP_LLMBROKER_LEAST_LATENCY, "latency: its number");
    is(read_policy(0, NULL, "strategy: priority", &p), NGX_OK, "priority");
    is(p.strategy, NGX_HTTP_LLMBROKER_PRIORITY, "priority: its number");

    is(read_policy(0, NULL, "health_check: {model: tiny}", &p), NGX_OK,
       "a model to check with");
    is_str(p.health_model.data, p.health_model.len, "tiny", "its name");
}


static void
test_percent(void)
{
    ngx_uint_t                   i;
    ngx_http_llmbroker_policy_t  p;

    static const char  *good[] = {
        "breaker: {error_rate: 25}",
        "breaker: {error_rate: 25%}",
        "breaker: {error_rate: '25%'}",
        "breaker: {error_rate: \"25\"}",
        NULL
    };

    static const char  *bad[] = {
        "breaker: {error_rate: 0.25}",
        "breaker: {error_rate: 25%%}",
        "breaker: {error_rate: '%'}",
        "breaker: {error_rate: ''}",
        "breaker: {error_rate: -1}",
        "breaker: {error_rate: 101}",
        "breaker: {error_rate: 18446744073709551641}",
        "breaker: {error_rate: 25 %}",
        "breaker: {error_rate: {}}",
        NULL
    };

    for (i = 0; good[i]; i++) {
        is(read_policy(0, NULL, good[i], &p), NGX_OK, good[i]);
        is(p.breaker.error_rate, 25, "it is 25");
    }

    for (i = 0; bad[i]; i++) {
        is(read_policy(0, NULL, bad[i], &p), NGX_ERROR, bad[i]);
    }
}


static void
test_inheritance(void)
{
    ngx_http_llmbroker_policy_t  p;

    static const char  proxy[] =
        "strategy: priority\n"
        "affinity: user\n"
        "max_attempts: 5\n"
        "deadline: 9\n"
        "backoff: 1\n"
        "backoff_max: 2\n"
        "retry_on_failure_within: 3\n"
        "stream_commit: header\n"
        "on_client_abort: drain\n"
        "when_all_ejected: least_bad\n";

    static const char  model[] =
        "strategy: weighted\n"
        "affinity: none\n"
        "max_attempts: 1\n"
        "deadline: 0\n"
        "backoff: 0\n"
        "backoff_max: 4\n"
        "retry_on_failure_within: 0\n"
        "stream_commit: content\n"
        "on_client_abort: cancel\n"
        "when_all_ejected: fail\n";

    is(read_policy(0, proxy, "{}", &p), NGX_OK, "a model that says nothing");
    is(p.strategy, NGX_HTTP_LLMBROKER_PRIORITY, "strategy of proxy");
    is(p.affinity, NGX_HTTP_LLMBROKER_AFFINITY_USER, "affinity of proxy");
    is(p.max_attempts, 5, "max_attempts of proxy");
    is(p.deadline, 9000, "deadline of proxy");
    is(p.backoff, 1000, "backoff of proxy");
    is(p.backoff_max, 2000, "backoff_max of proxy");
    is(p.retry_within, 3000, "retry_on_failure_within of proxy");
    is(p.commit_header, 1, "stream_commit of proxy");
    is(p.drain, 1, "on_client_abort of proxy");
    is(p.least_bad, 1, "when_all_ejected of proxy");

    is(read_policy(0, proxy, model, &p), NGX_OK, "a model that says it all");
    is(p.strategy, NGX_HTTP_LLMBROKER_WEIGHTED, "its own strategy");
    is(p.affinity, NGX_HTTP_LLMBROKER_AFFINITY_NONE, "its own affinity");
    is(p.max_attempts, 1, "its own max_attempts");
    is(p.deadline, 0, "its own deadline");
    is(p.backoff, 0, "its own backoff");
    is(p.backoff_max, 4000, "its own backoff_max");
    is(p.retry_within, 0, "its own retry_on_failure_within");
    is(p.commit_header, 0, "its own stream_commit");
    is(p.drain, 0, "its own on_client_abort");
    is(p.least_bad, 0, "its own when_all_ejected");
}


static void
test_nested_inheritance(void)
{
    ngx_http_llmbroker_policy_t  p;

    static const char  proxy[] =
        "hedge: {after: 1, max: 2, share: 50}\n"
        "breaker: {failures: 7, open: 20}\n"
        "health_check: {interval: 10, timeout: 2, path: /healthz}\n";

    is(read_policy(0, proxy,
                   "hedge: {after: 2}\n"
                   "breaker: {failures: 8}\n"
                   "health_check: {interval: 20}\n", &p),
       NGX_OK, "mappings are merged by their keys");

    is(p.hedge_after, 2000, "the model's hedge.after");
    is(p.hedge_max, 2, "hedge.max of proxy");
    is(p.hedge_share, 50, "hedge.share of proxy");
    is(p.breaker.failures, 8, "the model's breaker.failures");
    is(p.breaker.open, 20000, "breaker.open of proxy");
    is(p.breaker.open_max, 120000, "breaker.open_max of nobody");
    is(p.health_interval, 20000, "the model's health_check.interval");
    is(p.health_timeout, 2000, "health_check.timeout of proxy");
    is_str(p.health_path.data, p.health_path.len, "/healthz",
           "health_check.path of proxy");

    is(read_policy(0, proxy, "hedge: {max: 3}", &p), NGX_OK,
       "a hedge without a time of its own");
    is(p.hedge_after, 1000, "hedge.after of proxy");

    is(read_policy(0, proxy, "health_check: {model: tiny}", &p), NGX_OK,
       "another kind of check");
    is(p.health_path.len, 0, "replaces that of proxy");
    is_str(p.health_model.data, p.health_model.len, "tiny", "with the model's");

    is(read_policy(0, "health_check: {model: tiny}",
                   "health_check: {path: /}", &p),
       NGX_OK, "and the other way round");
    is(p.health_model.len, 0, "the model of proxy is gone");
    is_str(p.health_path.data, p.health_path.len, "/", "the path is there");
}


static void
test_off(void)
{
    ngx_http_llmbroker_policy_t  p;

    static const char  off[] =
        "hedge: false\n"
        "breaker: off\n"
        "health_check: no\n";

    is(read_policy(0, "hedge: {after: 1}\nhealth_check: {}", off, &p), NGX_OK,
       "switched off by the model");
    is(p.hedge_after, 0, "hedge");
    is(p.breaker.failures, 0, "breaker, by failures");
    is(p.breaker.error_rate, 0, "breaker, by rate");
    is(p.health_interval, 0, "health_check");

    is(read_policy(0, off, "health_check: {}\nbreaker: {failures: 2}", &p),
       NGX_OK, "switched off by proxy, on by the model");
    is(p.health_interval, 30000, "health_check, with its default");
    is(p.breaker.failures, 2, "breaker");

    is(read_policy(0, off, "hedge: {max: 2}", &p), NGX_ERROR,
       "a hedge needs a time again");

    is(read_policy(0, NULL, "hedge: 'false'", &p), NGX_ERROR,
       "a text is no boolean");
}


static void
test_pairs(void)
{
    ngx_http_llmbroker_policy_t  p;

    is(read_policy(0, NULL, "backoff: 10", &p), NGX_OK, "a longer backoff");
    is(p.backoff_max, 10000, "moves backoff_max");

    is(read_policy(0, NULL, "backoff_max: 10ms", &p), NGX_OK,
       "a shorter backoff_max");
    is(p.backoff, 10, "moves backoff");

    is(read_policy(0, NULL, "breaker: {open: 5m}", &p), NGX_OK,
       "a longer breaker.open");
    is(p.breaker.open_max, 300000, "moves breaker.open_max");

    is(read_policy(0, NULL, "breaker: {open_max: 1}", &p), NGX_OK,
       "a shorter breaker.open_max");
    is(p.breaker.open, 1000, "moves breaker.open");

    is(read_policy(0, NULL, "health_check: {interval: 1}", &p), NGX_OK,
       "a shorter interval");
    is(p.health_timeout, 1000, "moves the timeout");

    is(read_policy(0, NULL, "health_check: {interval: 1, timeout: 1}", &p),
       NGX_OK, "equal ones");
    is(read_policy(0, NULL, "health_check: {interval: 1, timeout: 2}", &p),
       NGX_ERROR, "a timeout above the interval");
    is(read_policy(0, "breaker: {open: 9}", "breaker: {open_max: 8}", &p),
       NGX_ERROR, "an open_max below the open of proxy");
    is(read_policy(0, "backoff: 9", "backoff_max: 8", &p),
       NGX_ERROR, "a backoff_max below the backoff of proxy");
    is(read_policy(0, "health_check: {timeout: 9}", "health_check: no", &p),
       NGX_OK, "a timeout of checks that are off does not matter");
}


static void
test_monitoring(void)
{
    ngx_http_llmbroker_policy_t  p;

    is(read_policy(3000, NULL, "{}", &p), NGX_OK, "monitoring has an interval");
    is(p.health_interval, 3000, "it is that of a model that says nothing");
    is(p.health_timeout, 3000, "the timeout is not above it");

    is(read_policy(3000, NULL, "health_check: {}", &p), NGX_OK, "defaults");
    is(p.health_interval, 3000, "it is the default");

    is(read_policy(3000, NULL, "health_check: {interval: 9}", &p), NGX_OK,
       "a model with its own");
    is(p.health_interval, 9000, "has it");

    is(read_policy(3000, "health_check: {interval: 8}", "{}", &p), NGX_OK,
       "proxy with its own");
    is(p.health_interval, 8000, "has it");

    is(read_policy(3000, NULL, "health_check: false", &p), NGX_OK,
       "a model that has none");
    is(p.health_interval, 0, "has none");

    is(read_policy(3000, "health_check: false", "health_check: {path: /}", &p),
       NGX_OK, "a model that has it though proxy has not");
    is(p.health_interval, 3000, "has that of monitoring");
}


static void
test_affinity(void)
{
    ngx_http_llmbroker_policy_t  p;

    is(read_policy(0, NULL, "affinity: $Http_X_Session_Id", &p), NGX_OK,
       "a variable");
    is(p.affinity, NGX_HTTP_LLMBROKER_AFFINITY_VARIABLE, "is one");
    is(p.affinity_index, 5, "with nginx's index");
    is_str(variable.data, variable.len, "Http_X_Session_Id", "of its name");
    is(conf.affinities.nelts, 1, "it is to be looked at later");

    is(read_policy(0, "affinity: $a", "affinity: user", &p), NGX_OK, "user");
    is(p.affinity, NGX_HTTP_LLMBROKER_AFFINITY_USER, "wins over a variable");

    is(read_policy(0, "affinity: $a", "affinity: $b", &p), NGX_OK,
       "a variable in both");
    is(conf.affinities.nelts, 1, "an index is looked at once");

    is(read_policy(0, NULL, "affinity: $", &p), NGX_ERROR, "no name");
    is(read_policy(0, NULL, "affinity: $a-b", &p), NGX_ERROR, "more than one");
    is(read_policy(0, NULL, "affinity: User", &p), NGX_ERROR, "another case");
    is(read_policy(0, NULL, "affinity: a", &p), NGX_ERROR, "another word");
}


static void
test_no_memory(void)
{
    ngx_int_t                    n, rc;
    ngx_http_llmbroker_policy_t  p;

    static const char  text[] =
        "strategy: priority\n"
        "affinity: $a\n"
        "hedge: {after: 1, share: 5%}\n"
        "health_check: {path: /a}\n";

    for (n = 0; n < 200; n++) {
        ngx_shim_allocs_left = n;

        rc = read_policy(0, NULL, text, &p);

        ngx_shim_allocs_left = -1;

        if (rc == NGX_OK) {
            break;
        }
    }

    ok(n > 5 && n < 200, "a lack of memory is an error each time");
    is(p.hedge_share, 5, "and then all is read");
}


/* as the file's sections "monitoring" and "proxy" and a model would be read */

static ngx_int_t
read_policy(ngx_msec_t monitoring, const char *proxy, const char *model,
    ngx_http_llmbroker_policy_t *policy)
{
    ngx_conf_t                   cf;
    ngx_http_llmbroker_reader_t  rd;

    ngx_memzero(&cf, sizeof(ngx_conf_t));
    ngx_memzero(&rd, sizeof(ngx_http_llmbroker_reader_t));
    ngx_memzero(&conf, sizeof(ngx_http_llmbroker_conf_t));

    cf.pool = pool;
    cf.temp_pool = pool;
    cf.log = &no_log;

    rd.cf = &cf;
    rd.conf = &conf;
    rd.health_interval = monitoring;

    if (ngx_http_llmbroker_conf_policy_init(&rd) != NGX_OK
        || (proxy && read_map(&rd, proxy, &rd.policy) != NGX_OK))
    {
        return NGX_ERROR;
    }

    *policy = rd.policy;

    return read_map(&rd, model, policy);
}


static ngx_int_t
read_map(ngx_http_llmbroker_reader_t *rd, const char *text,
    ngx_http_llmbroker_policy_t *policy)
{
    ngx_http_llmbroker_policy_t       whole;
    ngx_http_llmbroker_yaml_t        *map;
    ngx_http_llmbroker_yaml_error_t   error;

    if (ngx_http_llmbroker_yaml_parse(pool, (u_char *) text, ngx_strlen(text),
                                      &map, &error)
        != NGX_OK
        || ngx_http_llmbroker_conf_map(rd, map,
                                       ngx_http_llmbroker_conf_policy_keys,
                                       NGX_HTTP_LLMBROKER_IN_SECTION, policy,
                                       NULL)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* what is inherited is not complete yet */

    whole = *policy;

    if (ngx_http_llmbroker_conf_policy(rd, map, &whole) != NGX_OK) {
        return NGX_ERROR;
    }

    if (policy != &rd->policy) {
        *policy = whole;
    }

    return NGX_OK;
}


/* what config/ needs of nginx beside the shim */

ngx_int_t
ngx_conf_full_name(ngx_cycle_t *cycle, ngx_str_t *name, ngx_uint_t conf_prefix)
{
    return NGX_ERROR;
}


ngx_int_t
ngx_http_get_variable_index(ngx_conf_t *cf, ngx_str_t *name)
{
    variable = *name;

    return 5;
}
