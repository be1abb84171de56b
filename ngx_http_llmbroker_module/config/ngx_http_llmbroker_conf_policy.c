
/*
 * Copyright (C) LLMBroker contributors
 */


#include "config/ngx_http_llmbroker_conf_policy.h"


#define NGX_HTTP_LLMBROKER_CONF_NESTED           6  /* keys, at most */
#define NGX_HTTP_LLMBROKER_CONF_WORDS            4  /* at most */

#define NGX_HTTP_LLMBROKER_CONF_BACKOFF          100
#define NGX_HTTP_LLMBROKER_CONF_BACKOFF_MAX      5000
#define NGX_HTTP_LLMBROKER_CONF_OPEN             10000
#define NGX_HTTP_LLMBROKER_CONF_OPEN_MAX         120000
#define NGX_HTTP_LLMBROKER_CONF_HEALTH_INTERVAL  30000
#define NGX_HTTP_LLMBROKER_CONF_HEALTH_TIMEOUT   5000


/* two times of which the first is not above the second */
typedef struct {
    const char                      *section;  /* mapping, or NULL */
    const char                      *low;
    const char                      *high;
    ngx_msec_t                       low_default;
    ngx_msec_t                       high_default;
} ngx_http_llmbroker_conf_pair_t;


/* the words of a field, whose indexes are its values */
typedef struct {
    size_t                           offset;   /* of the field */
    const char                      *what;     /* they are, for messages */
    ngx_str_t                        words[NGX_HTTP_LLMBROKER_CONF_WORDS + 1];
} ngx_http_llmbroker_conf_words_t;


/* a variable and the first value that names it */
typedef struct {
    ngx_int_t                        index;
    ngx_http_llmbroker_yaml_t       *value;
} ngx_http_llmbroker_conf_affinity_t;


static ngx_int_t ngx_http_llmbroker_conf_set_word(
    ngx_http_llmbroker_reader_t *rd, ngx_http_llmbroker_yaml_t *v,
    const ngx_http_llmbroker_conf_key_t *k, void *field);
static ngx_int_t ngx_http_llmbroker_conf_set_affinity(
    ngx_http_llmbroker_reader_t *rd, ngx_http_llmbroker_yaml_t *v,
    const ngx_http_llmbroker_conf_key_t *k, void *field);
static ngx_int_t ngx_http_llmbroker_conf_affinity(
    ngx_http_llmbroker_reader_t *rd, ngx_http_llmbroker_yaml_t *v,
    ngx_http_llmbroker_policy_t *policy, ngx_str_t *name);
static ngx_uint_t ngx_http_llmbroker_conf_known(
    ngx_http_core_main_conf_t *cmcf, ngx_str_t *name,
    ngx_http_llmbroker_conf_near_t *near);
static ngx_int_t ngx_http_llmbroker_conf_set_hedge(
    ngx_http_llmbroker_reader_t *rd, ngx_http_llmbroker_yaml_t *v,
    const ngx_http_llmbroker_conf_key_t *k, void *field);
static ngx_int_t ngx_http_llmbroker_conf_set_breaker(
    ngx_http_llmbroker_reader_t *rd, ngx_http_llmbroker_yaml_t *v,
    const ngx_http_llmbroker_conf_key_t *k, void *field);
static ngx_int_t ngx_http_llmbroker_conf_set_health(
    ngx_http_llmbroker_reader_t *rd, ngx_http_llmbroker_yaml_t *v,
    const ngx_http_llmbroker_conf_key_t *k, void *field);
static ngx_int_t ngx_http_llmbroker_conf_health_path(
    ngx_http_llmbroker_reader_t *rd, ngx_http_llmbroker_yaml_t *v,
    const ngx_http_llmbroker_conf_key_t *k, void *field);
static ngx_uint_t ngx_http_llmbroker_conf_off(ngx_http_llmbroker_yaml_t *v);
static ngx_int_t ngx_http_llmbroker_conf_nested(
    ngx_http_llmbroker_reader_t *rd, ngx_http_llmbroker_yaml_t *v,
    const ngx_http_llmbroker_conf_key_t *keys,
    ngx_http_llmbroker_policy_t *policy, ngx_http_llmbroker_conf_seen_t *seen);
static ngx_int_t ngx_http_llmbroker_conf_pair(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, const ngx_http_llmbroker_conf_pair_t *pair,
    ngx_msec_t *low, ngx_msec_t *high);


/* each field whose key has the setter of words */

static ngx_http_llmbroker_conf_words_t  ngx_http_llmbroker_conf_words[] = {

    { offsetof(ngx_http_llmbroker_policy_t, strategy), "strategy",
      { ngx_string("weighted"), ngx_string("least_latency"),
        ngx_string("least_busy"), ngx_string("priority"), ngx_null_string } },

    { offsetof(ngx_http_llmbroker_policy_t, commit_header), "word",
      { ngx_string("content"), ngx_string("header"), ngx_null_string } },

    { offsetof(ngx_http_llmbroker_policy_t, drain), "word",
      { ngx_string("cancel"), ngx_string("drain"), ngx_null_string } },

    { offsetof(ngx_http_llmbroker_policy_t, least_bad), "word",
      { ngx_string("fail"), ngx_string("least_bad"), ngx_null_string } }
};


static const ngx_http_llmbroker_conf_pair_t  ngx_http_llmbroker_conf_backoffs =
    { NULL, "backoff", "backoff_max",
      NGX_HTTP_LLMBROKER_CONF_BACKOFF, NGX_HTTP_LLMBROKER_CONF_BACKOFF_MAX };


static const ngx_http_llmbroker_conf_pair_t  ngx_http_llmbroker_conf_opens =
    { "breaker", "open", "open_max",
      NGX_HTTP_LLMBROKER_CONF_OPEN, NGX_HTTP_LLMBROKER_CONF_OPEN_MAX };


static const ngx_http_llmbroker_conf_pair_t  ngx_http_llmbroker_conf_checks =
    { "health_check", "timeout", "interval",
      NGX_HTTP_LLMBROKER_CONF_HEALTH_TIMEOUT,
      NGX_HTTP_LLMBROKER_CONF_HEALTH_INTERVAL };


#define ngx_http_llmbroker_conf_policy_key(name, set, field, min, max)        \
    { ngx_string(name),                                                       \
      NGX_HTTP_LLMBROKER_IN_SECTION|NGX_HTTP_LLMBROKER_IN_MODEL,              \
      set,                                                                    \
      offsetof(ngx_http_llmbroker_policy_t, field),                           \
      min, max }

/* a setter that sets several fields gets the policy */

#define ngx_http_llmbroker_conf_policy_keys_of(name, set)                     \
    { ngx_string(name),                                                       \
      NGX_HTTP_LLMBROKER_IN_SECTION|NGX_HTTP_LLMBROKER_IN_MODEL,              \
      set, 0, 0, 0 }

#define ngx_http_llmbroker_conf_end                                           \
    { ngx_null_string, 0, NULL, 0, 0, 0 }


const ngx_http_llmbroker_conf_key_t
    ngx_http_llmbroker_conf_policy_keys[NGX_HTTP_LLMBROKER_POLICY_KEYS + 1] =
{
    ngx_http_llmbroker_conf_policy_key("strategy",
        ngx_http_llmbroker_conf_set_word, strategy, 0, 0),

    ngx_http_llmbroker_conf_policy_keys_of("affinity",
        ngx_http_llmbroker_conf_set_affinity),

    ngx_http_llmbroker_conf_policy_key("max_attempts",
        ngx_http_llmbroker_conf_set_num, max_attempts,
        1, NGX_HTTP_LLMBROKER_MAX_ATTEMPTS),

    ngx_http_llmbroker_conf_policy_key("deadline",
        ngx_http_llmbroker_conf_set_msec, deadline,
        0, NGX_HTTP_LLMBROKER_DAY),

    ngx_http_llmbroker_conf_policy_key("backoff",
        ngx_http_llmbroker_conf_set_msec, backoff,
        0, NGX_HTTP_LLMBROKER_DAY),

    ngx_http_llmbroker_conf_policy_key("backoff_max",
        ngx_http_llmbroker_conf_set_msec, backoff_max,
        0, NGX_HTTP_LLMBROKER_DAY),

    ngx_http_llmbroker_conf_policy_key("retry_on_failure_within",
        ngx_http_llmbroker_conf_set_msec, retry_within,
        0, NGX_HTTP_LLMBROKER_DAY),

    ngx_http_llmbroker_conf_policy_key("stream_commit",
        ngx_http_llmbroker_conf_set_word, commit_header, 0, 0),

    ngx_http_llmbroker_conf_policy_key("on_client_abort",
        ngx_http_llmbroker_conf_set_word, drain, 0, 0),

    ngx_http_llmbroker_conf_policy_key("when_all_ejected",
        ngx_http_llmbroker_conf_set_word, least_bad, 0, 0),

    ngx_http_llmbroker_conf_policy_keys_of("hedge",
        ngx_http_llmbroker_conf_set_hedge),

    ngx_http_llmbroker_conf_policy_keys_of("breaker",
        ngx_http_llmbroker_conf_set_breaker),

    ngx_http_llmbroker_conf_policy_keys_of("health_check",
        ngx_http_llmbroker_conf_set_health),

    ngx_http_llmbroker_conf_end
};


static const ngx_http_llmbroker_conf_key_t
    ngx_http_llmbroker_conf_hedge_keys[] =
{
    ngx_http_llmbroker_conf_policy_key("after",
        ngx_http_llmbroker_conf_set_msec, hedge_after,
        1, NGX_HTTP_LLMBROKER_DAY),

    ngx_http_llmbroker_conf_policy_key("max",
        ngx_http_llmbroker_conf_set_num, hedge_max, 1, 3),

    ngx_http_llmbroker_conf_policy_key("share",
        ngx_http_llmbroker_conf_set_percent, hedge_share, 1, 100),

    ngx_http_llmbroker_conf_end
};


static const ngx_http_llmbroker_conf_key_t
    ngx_http_llmbroker_conf_breaker_keys[] =
{
    ngx_http_llmbroker_conf_policy_key("failures",
        ngx_http_llmbroker_conf_set_num, breaker.failures, 0, 1000),

    ngx_http_llmbroker_conf_policy_key("error_rate",
        ngx_http_llmbroker_conf_set_percent, breaker.error_rate, 0, 100),

    ngx_http_llmbroker_conf_policy_key("min_requests",
        ngx_http_llmbroker_conf_set_num, breaker.min_requests, 1, 10000),

    ngx_http_llmbroker_conf_policy_key("window",
        ngx_http_llmbroker_conf_set_msec, breaker.window,
        100, NGX_HTTP_LLMBROKER_DAY),

    ngx_http_llmbroker_conf_policy_key("open",
        ngx_http_llmbroker_conf_set_msec, breaker.open,
        1, NGX_HTTP_LLMBROKER_DAY),

    ngx_http_llmbroker_conf_policy_key("open_max",
        ngx_http_llmbroker_conf_set_msec, breaker.open_max,
        1, NGX_HTTP_LLMBROKER_DAY),

    ngx_http_llmbroker_conf_end
};


/* the last two are known by their place */

#define NGX_HTTP_LLMBROKER_CONF_HEALTH_PATH   2
#define NGX_HTTP_LLMBROKER_CONF_HEALTH_MODEL  3

static const ngx_http_llmbroker_conf_key_t
    ngx_http_llmbroker_conf_health_keys[] =
{
    ngx_http_llmbroker_conf_policy_key("interval",
        ngx_http_llmbroker_conf_set_msec, health_interval,
        NGX_HTTP_LLMBROKER_MIN_HEALTH_INTERVAL, NGX_HTTP_LLMBROKER_DAY),

    ngx_http_llmbroker_conf_policy_key("timeout",
        ngx_http_llmbroker_conf_set_msec, health_timeout,
        1, NGX_HTTP_LLMBROKER_DAY),

    ngx_http_llmbroker_conf_policy_key("path",
        ngx_http_llmbroker_conf_health_path, health_path, 0, 0),

    ngx_http_llmbroker_conf_policy_key("model",
        ngx_http_llmbroker_conf_set_str, health_model, 0, 0),

    ngx_http_llmbroker_conf_end
};


ngx_int_t
ngx_http_llmbroker_conf_policy_init(ngx_http_llmbroker_reader_t *rd)
{
    ngx_http_llmbroker_policy_t  *policy;

    policy = &rd->policy;

    /*
     * set by ngx_memzero():
     *
     *     policy->strategy = NGX_HTTP_LLMBROKER_WEIGHTED;
     *     policy->affinity = NGX_HTTP_LLMBROKER_AFFINITY_NONE;
     *     policy->max_attempts = 0;
     *     policy->deadline = 0;
     *     policy->retry_within = 0;
     *     policy->commit_header = 0;
     *     policy->drain = 0;
     *     policy->least_bad = 0;
     *     policy->hedge_after = 0;
     *     policy->health_path = { 0, NULL };
     *     policy->health_model = { 0, NULL };
     */

    ngx_memzero(policy, sizeof(ngx_http_llmbroker_policy_t));

    policy->affinity_index = NGX_ERROR;

    policy->backoff = NGX_CONF_UNSET_MSEC;
    policy->backoff_max = NGX_CONF_UNSET_MSEC;

    policy->hedge_max = 1;
    policy->hedge_share = 10;

    policy->breaker.failures = 3;
    policy->breaker.error_rate = 50;
    policy->breaker.min_requests = 10;
    policy->breaker.window = 30000;
    policy->breaker.open = NGX_CONF_UNSET_MSEC;
    policy->breaker.open_max = NGX_CONF_UNSET_MSEC;

    policy->health_interval = rd->health_interval;
    policy->health_timeout = NGX_CONF_UNSET_MSEC;

    /* read once more when the http block is complete */

    return ngx_array_init(&rd->conf->affinities, rd->cf->temp_pool, 4,
                          sizeof(ngx_http_llmbroker_conf_affinity_t));
}


ngx_int_t
ngx_http_llmbroker_conf_policy(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_http_llmbroker_policy_t *policy)
{
    if (ngx_http_llmbroker_conf_pair(rd, v, &ngx_http_llmbroker_conf_backoffs,
                                     &policy->backoff, &policy->backoff_max)
        != NGX_OK
        || ngx_http_llmbroker_conf_pair(rd, v, &ngx_http_llmbroker_conf_opens,
                                        &policy->breaker.open,
                                        &policy->breaker.open_max)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (policy->health_interval == 0) {
        policy->health_timeout = 0;
        return NGX_OK;
    }

    return ngx_http_llmbroker_conf_pair(rd, v,
                                        &ngx_http_llmbroker_conf_checks,
                                        &policy->health_timeout,
                                        &policy->health_interval);
}


/* a default gives way to what is given, so that one of the two is enough */

static ngx_int_t
ngx_http_llmbroker_conf_pair(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, const ngx_http_llmbroker_conf_pair_t *pair,
    ngx_msec_t *low, ngx_msec_t *high)
{
    u_char                      why[NGX_HTTP_LLMBROKER_CONF_PATH];
    ngx_http_llmbroker_yaml_t  *member;

    if (*low == NGX_CONF_UNSET_MSEC) {
        *low = ngx_min(pair->low_default, *high);
    }

    if (*high == NGX_CONF_UNSET_MSEC) {
        *high = ngx_max(pair->high_default, *low);
    }

    if (*low <= *high) {
        return NGX_OK;
    }

    /* one of them may have been given elsewhere */

    if (pair->section && ngx_http_llmbroker_yaml_get(v, pair->section)) {
        v = ngx_http_llmbroker_yaml_get(v, pair->section);
    }

    member = ngx_http_llmbroker_yaml_get(v, pair->low);

    if (member == NULL || ngx_http_llmbroker_conf_null(member)) {
        member = ngx_http_llmbroker_yaml_get(v, pair->high);
    }

    (void) ngx_sprintf(why, "\"%s\" is longer than \"%s\"%Z",
                       pair->low, pair->high);

    return ngx_http_llmbroker_conf_invalid(rd, member ? member : v,
                                           (char *) why);
}


static ngx_int_t
ngx_http_llmbroker_conf_set_word(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, const ngx_http_llmbroker_conf_key_t *k,
    void *field)
{
    ngx_http_llmbroker_conf_words_t  *w;

    for (w = ngx_http_llmbroker_conf_words; w->offset != k->offset; w++) {
        /* void */
    }

    return ngx_http_llmbroker_conf_word(rd, v, w->what, w->words, field);
}


static ngx_int_t
ngx_http_llmbroker_conf_set_affinity(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, const ngx_http_llmbroker_conf_key_t *k,
    void *field)
{
    ngx_http_llmbroker_policy_t  *policy = field;

    ngx_int_t   rc;
    ngx_str_t   text;

    rc = ngx_http_llmbroker_conf_str(rd, v, &text);
    if (rc != NGX_OK) {
        return rc;
    }

    if (text.len && text.data[0] == '$') {
        text.len--;
        text.data++;

        return ngx_http_llmbroker_conf_affinity(rd, v, policy, &text);
    }

    if (text.len == 4 && ngx_strncmp(text.data, "none", 4) == 0) {
        policy->affinity = NGX_HTTP_LLMBROKER_AFFINITY_NONE;
        return NGX_OK;
    }

    if (text.len == 4 && ngx_strncmp(text.data, "user", 4) == 0) {
        policy->affinity = NGX_HTTP_LLMBROKER_AFFINITY_USER;
        return NGX_OK;
    }

    return ngx_http_llmbroker_conf_invalid(rd, v,
               "expected none, user or a variable such as $http_x_session_id");
}


static ngx_int_t
ngx_http_llmbroker_conf_affinity(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_http_llmbroker_policy_t *policy,
    ngx_str_t *name)
{
    u_char                               ch;
    size_t                               i;
    ngx_uint_t                           n;
    ngx_array_t                         *affinities;
    ngx_http_llmbroker_conf_affinity_t  *affinity;

    for (i = 0; i < name->len; i++) {
        ch = ngx_tolower(name->data[i]);

        if ((ch < 'a' || ch > 'z') && (ch < '0' || ch > '9') && ch != '_') {
            break;
        }
    }

    if (i == 0 || i < name->len) {
        return ngx_http_llmbroker_conf_invalid(rd, v,
                      "expected one variable, such as $http_x_session_id");
    }

    policy->affinity = NGX_HTTP_LLMBROKER_AFFINITY_VARIABLE;
    policy->affinity_index = ngx_http_get_variable_index(rd->cf, name);

    if (policy->affinity_index == NGX_ERROR) {
        return NGX_ERROR;
    }

    affinities = &rd->conf->affinities;
    affinity = affinities->elts;

    for (n = 0; n < affinities->nelts; n++) {
        if (affinity[n].index == policy->affinity_index) {
            return NGX_OK;
        }
    }

    affinity = ngx_array_push(affinities);
    if (affinity == NULL) {
        return NGX_ERROR;
    }

    affinity->index = policy->affinity_index;
    affinity->value = v;

    return NGX_OK;
}


/* nginx would tell neither the file nor the line */

ngx_int_t
ngx_http_llmbroker_conf_variables(ngx_conf_t *cf,
    ngx_http_llmbroker_conf_t *conf)
{
    ngx_str_t                           *name;
    ngx_uint_t                           i;
    ngx_http_variable_t                 *v;
    ngx_http_core_main_conf_t           *cmcf;
    ngx_http_llmbroker_reader_t          rd;
    ngx_http_llmbroker_conf_near_t       near;
    ngx_http_llmbroker_conf_affinity_t  *affinity;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    v = cmcf->variables.elts;
    affinity = conf->affinities.elts;

    for (i = 0; i < conf->affinities.nelts; i++) {

        name = &v[affinity[i].index].name;

        if (ngx_http_llmbroker_conf_known(cmcf, name, &near)) {
            continue;
        }

        ngx_memzero(&rd, sizeof(ngx_http_llmbroker_reader_t));

        rd.cf = cf;
        rd.conf = conf;

        return ngx_http_llmbroker_conf_unknown(&rd, affinity[i].value,
                                               "variable", &near);
    }

    return NGX_OK;
}


/* near: when it is not known, what it may have meant */

static ngx_uint_t
ngx_http_llmbroker_conf_known(ngx_http_core_main_conf_t *cmcf, ngx_str_t *name,
    ngx_http_llmbroker_conf_near_t *near)
{
    ngx_uint_t            i;
    ngx_hash_key_t       *key;
    ngx_http_variable_t  *prefix;

    prefix = cmcf->prefix_variables.elts;

    for (i = 0; i < cmcf->prefix_variables.nelts; i++) {
        if (name->len >= prefix[i].name.len
            && ngx_strncmp(name->data, prefix[i].name.data, prefix[i].name.len)
               == 0)
        {
            return 1;
        }
    }

    key = cmcf->variables_keys->keys.elts;

    for (i = 0; i < cmcf->variables_keys->keys.nelts; i++) {
        if (name->len == key[i].key.len
            && ngx_strncmp(name->data, key[i].key.data, name->len) == 0)
        {
            return 1;
        }
    }

    ngx_http_llmbroker_conf_near(near, name);

    for (i = 0; i < cmcf->variables_keys->keys.nelts; i++) {
        ngx_http_llmbroker_conf_offer(near, &key[i].key);
    }

    return 0;
}


static ngx_int_t
ngx_http_llmbroker_conf_set_hedge(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, const ngx_http_llmbroker_conf_key_t *k,
    void *field)
{
    ngx_http_llmbroker_policy_t  *policy = field;

    ngx_int_t                        rc;
    ngx_http_llmbroker_conf_seen_t   seen[NGX_HTTP_LLMBROKER_CONF_NESTED];

    if (ngx_http_llmbroker_conf_off(v)) {
        policy->hedge_after = 0;
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_conf_nested(rd, v,
                                        ngx_http_llmbroker_conf_hedge_keys,
                                        policy, seen);
    if (rc != NGX_OK) {
        return rc;
    }

    if (policy->hedge_after == 0) {
        return ngx_http_llmbroker_conf_invalid(rd, v, "it has no \"after\"");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_conf_set_breaker(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, const ngx_http_llmbroker_conf_key_t *k,
    void *field)
{
    ngx_http_llmbroker_policy_t  *policy = field;

    ngx_http_llmbroker_conf_seen_t  seen[NGX_HTTP_LLMBROKER_CONF_NESTED];

    if (ngx_http_llmbroker_conf_off(v)) {
        policy->breaker.failures = 0;
        policy->breaker.error_rate = 0;
        return NGX_OK;
    }

    return ngx_http_llmbroker_conf_nested(rd, v,
                                          ngx_http_llmbroker_conf_breaker_keys,
                                          policy, seen);
}


static ngx_int_t
ngx_http_llmbroker_conf_set_health(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, const ngx_http_llmbroker_conf_key_t *k,
    void *field)
{
    ngx_http_llmbroker_policy_t  *policy = field;

    ngx_int_t                        rc;
    ngx_http_llmbroker_yaml_t       *path, *model;
    ngx_http_llmbroker_conf_seen_t   seen[NGX_HTTP_LLMBROKER_CONF_NESTED];

    if (ngx_http_llmbroker_conf_off(v)) {
        policy->health_interval = 0;
        return NGX_OK;
    }

    if (policy->health_interval == 0) {
        policy->health_interval = rd->health_interval
                                      ? rd->health_interval
                                      : NGX_HTTP_LLMBROKER_CONF_HEALTH_INTERVAL;
    }

    rc = ngx_http_llmbroker_conf_nested(rd, v,
                                        ngx_http_llmbroker_conf_health_keys,
                                        policy, seen);
    if (rc != NGX_OK) {
        return rc;
    }

    path = seen[NGX_HTTP_LLMBROKER_CONF_HEALTH_PATH].value;
    model = seen[NGX_HTTP_LLMBROKER_CONF_HEALTH_MODEL].value;

    if (model && policy->health_model.len == 0) {
        return ngx_http_llmbroker_conf_invalid(rd, model, "expected a name");
    }

    if (path && model) {
        return ngx_http_llmbroker_conf_invalid(rd, v,
                                       "it has both \"path\" and \"model\"");
    }

    /* a model's own kind of check replaces that of proxy */

    if (path) {
        ngx_str_null(&policy->health_model);
    }

    if (model) {
        ngx_str_null(&policy->health_path);
    }

    return NGX_OK;
}


/* it is sent as it is */

static ngx_int_t
ngx_http_llmbroker_conf_health_path(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, const ngx_http_llmbroker_conf_key_t *k,
    void *field)
{
    ngx_str_t  *path = field;

    size_t      i;
    ngx_int_t   rc;

    rc = ngx_http_llmbroker_conf_str(rd, v, path);
    if (rc != NGX_OK) {
        return rc;
    }

    for (i = 0; i < path->len; i++) {
        if (path->data[i] <= 0x20 || path->data[i] >= 0x7f
            || path->data[i] == '#')
        {
            break;
        }
    }

    if (i < path->len || path->len == 0 || path->data[0] != '/') {
        return ngx_http_llmbroker_conf_invalid(rd, v,
                                         "expected a path such as /healthz");
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_llmbroker_conf_off(ngx_http_llmbroker_yaml_t *v)
{
    return v->type == NGX_HTTP_LLMBROKER_YAML_SCALAR && v->plain
           && ngx_http_llmbroker_conf_boolean(&v->value) == 0;
}


/* seen: for NGX_HTTP_LLMBROKER_CONF_NESTED keys; returns as the setters */

static ngx_int_t
ngx_http_llmbroker_conf_nested(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, const ngx_http_llmbroker_conf_key_t *keys,
    ngx_http_llmbroker_policy_t *policy, ngx_http_llmbroker_conf_seen_t *seen)
{
    ngx_uint_t  i;

    if (v->type != NGX_HTTP_LLMBROKER_YAML_MAPPING) {
        return ngx_http_llmbroker_conf_invalid(rd, v,
                                               "expected a mapping or false");
    }

    ngx_memzero(seen, NGX_HTTP_LLMBROKER_CONF_NESTED
                      * sizeof(ngx_http_llmbroker_conf_seen_t));

    if (ngx_http_llmbroker_conf_map(rd, v, keys, NGX_HTTP_LLMBROKER_IN_SECTION,
                                    policy, seen)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; keys[i].name.len; i++) {
        if (seen[i].unset.len) {
            rd->unset = seen[i].unset;
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}
