
/*
 * The tables that the YAML file becomes, read-only once nginx runs.
 */


#ifndef _NGX_HTTP_LLMBROKER_CONF_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_CONF_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "config/ngx_http_llmbroker_clients.h"
#include "config/ngx_http_llmbroker_resolve.h"
#include "provider/ngx_http_llmbroker_provider.h"
#include "state/ngx_http_llmbroker_breaker.h"


#define NGX_HTTP_LLMBROKER_VERSION       "0.1.0"
#define NGX_HTTP_LLMBROKER_MAX_ALIAS     256
#define NGX_HTTP_LLMBROKER_MAX_ATTEMPTS  8


/* one member of default_params, override_params; JSON made at start */
typedef struct {
    ngx_str_t                        name;    /* decoded */
    ngx_str_t                        key;     /* quoted, escaped: "name" */
    ngx_str_t                        value;   /* JSON */
    ngx_http_llmbroker_json_t       *tree;    /* of value */
} ngx_http_llmbroker_param_t;


typedef enum {
    NGX_HTTP_LLMBROKER_WEIGHTED = 0,
    NGX_HTTP_LLMBROKER_LEAST_LATENCY,
    NGX_HTTP_LLMBROKER_LEAST_BUSY,
    NGX_HTTP_LLMBROKER_PRIORITY
} ngx_http_llmbroker_strategy_e;


typedef enum {
    NGX_HTTP_LLMBROKER_AFFINITY_NONE = 0,
    NGX_HTTP_LLMBROKER_AFFINITY_USER,             /* the request's member */
    NGX_HTTP_LLMBROKER_AFFINITY_VARIABLE          /* of nginx */
} ngx_http_llmbroker_affinity_e;


/* how a model's calls are routed, retried and given up */
typedef struct {
    ngx_uint_t                       strategy;
    ngx_uint_t                       affinity;
    ngx_int_t                        affinity_index;  /* of the variable */

    ngx_uint_t                       max_attempts; /* 0: each deployment once,
                                                      MAX_ATTEMPTS in all */
    ngx_msec_t                       deadline;     /* of all attempts of one
                                                      request; 0: none */
    ngx_msec_t                       backoff;      /* before full jitter */
    ngx_msec_t                       backoff_max;
    ngx_msec_t                       retry_within; /* none follows an attempt
                                                      that failed later;
                                                      0: no limit */

    ngx_uint_t                       commit_header; /* 1: a stream is on at its
                                                       header, 0: at its first
                                                       content */
    ngx_uint_t                       drain;        /* read what a client that
                                                      left does not want */
    ngx_uint_t                       least_bad;    /* if all are ejected */

    ngx_msec_t                       hedge_after;  /* 0: no hedges */
    ngx_uint_t                       hedge_max;    /* of one request */
    ngx_uint_t                       hedge_share;  /* percent of requests */

    ngx_http_llmbroker_breaker_conf_t  breaker;

    ngx_msec_t                       health_interval;  /* 0: no checks */
    ngx_msec_t                       health_timeout;
    ngx_str_t                        health_path;  /* of a GET, or empty */
    ngx_str_t                        health_model; /* for a chat, or empty */
} ngx_http_llmbroker_policy_t;


/* one address that a model can be asked at */
typedef struct {
    ngx_http_llmbroker_target_t      target;
    ngx_str_t                        json_model;  /* target.model, quoted and
                                                     escaped for JSON */

    ngx_str_t                        base_url;    /* as configured */
    ngx_str_t                        host;        /* of the base URL */
    ngx_str_t                        host_header; /* with a port when needed */
    in_port_t                        port;
    unsigned                         ssl:1;

    /* NULL: the host's addresses stay as they are */
    ngx_http_llmbroker_resolve_t    *resolve;

    /*
     * Header lines of a request but its Content-Length, ready to be copied:
     * Host, User-Agent, Content-Type, Accept, Accept-Encoding and the target's
     * own; [1] for a streamed call.
     */
    ngx_str_t                        headers[2];

    /* .upstream is NULL when "missing" is set */
    ngx_http_upstream_conf_t         upstream;

    ngx_msec_t                       timeout;     /* of one answer */
    ngx_msec_t                       first_token_timeout;
    ngx_msec_t                       idle_timeout; /* behind the first */

    ngx_uint_t                       weight;      /* default 1 */
    ngx_uint_t                       priority;    /* default 0 */
    ngx_uint_t                       slot;        /* in the shared memory */

    /* name of the unset variable that keeps it from being used, or empty */
    ngx_str_t                        missing;
} ngx_http_llmbroker_deployment_t;


typedef struct ngx_http_llmbroker_tier_s   ngx_http_llmbroker_tier_t;
typedef struct ngx_http_llmbroker_model_s  ngx_http_llmbroker_model_t;

struct ngx_http_llmbroker_model_s {
    ngx_str_t                        name;        /* the alias */
    ngx_str_t                        json_name;   /* quoted and escaped */

    ngx_uint_t                       ndeployments;
    ngx_http_llmbroker_deployment_t *deployments; /* at least one */
    ngx_uint_t                       ntiers;
    ngx_http_llmbroker_tier_t       *tiers;       /* of usable deployments, by
                                                     rising priority */
    ngx_array_t                      fallbacks;   /* of model_t * */
    ngx_http_llmbroker_policy_t      policy;

    /* [call]: default_params and override_params for that kind of call */
    ngx_array_t              defaults[NGX_HTTP_LLMBROKER_CALLS]; /* param_t */
    ngx_array_t                      overrides;   /* param_t */
    ngx_array_t                      drop;        /* ngx_str_t */

    /* set when no deployment can be used: the first one's unset variable */
    ngx_str_t                        missing;
    ngx_uint_t                       line;

    ngx_http_llmbroker_model_t      *next;        /* in its bucket */
};


typedef struct {
    ngx_str_t                        file;        /* full name */

    ngx_array_t                      models;      /* model_t, file's order */
    ngx_http_llmbroker_model_t     **buckets;     /* names, case matters */
    ngx_uint_t                       mask;        /* number of buckets - 1 */
    ngx_http_llmbroker_model_t      *default_model;   /* or NULL */
    ngx_uint_t                       slots;       /* deployments in all */
    ngx_msec_t                       drain_timeout;   /* 0: not given */

    unsigned                         injection:1; /* default on */
    unsigned                         request_logging:1; /* default on */
    unsigned                         dry_run:1;   /* clients may ask for it */
    unsigned                         auth:1;      /* client keys are needed */
    unsigned                         any_origin:1;

    ngx_array_t                      affinities;  /* for conf_variables() */
    ngx_array_t                      names;       /* resolve_t *: what is
                                                     asked for at run time */

    ngx_http_llmbroker_clients_t    *clients;     /* NULL: no keys */
    ngx_array_t                      origins;     /* ngx_str_t */
} ngx_http_llmbroker_conf_t;


/*
 * Reads a YAML file into tables in cf->pool, creates the upstreams it needs
 * (so it must run while the http block is parsed) and logs notices and
 * warnings.
 *
 * name:  the file, relative to the nginx configuration's folder or absolute
 *
 * Return: the tables; NULL when the configuration is wrong, which has been
 * logged with file, line, YAML path and value.
 */
ngx_http_llmbroker_conf_t *ngx_http_llmbroker_conf_read(ngx_conf_t *cf,
    ngx_str_t *name);

/*
 * Checks that nginx has the variables that the file names; as soon as nginx
 * knows them all, after the http block.
 *
 * Return: NGX_OK; NGX_ERROR, logged as by ..._conf_read().
 */
ngx_int_t ngx_http_llmbroker_conf_variables(ngx_conf_t *cf,
    ngx_http_llmbroker_conf_t *conf);

/* The model of an alias, exact match; NULL when there is none. */
ngx_http_llmbroker_model_t *ngx_http_llmbroker_conf_model(
    ngx_http_llmbroker_conf_t *conf, ngx_str_t *name);


#endif /* _NGX_HTTP_LLMBROKER_CONF_H_INCLUDED_ */
