
/*
 * What the reading of a configuration has in common: its state and the
 * messages, which all end in " in FILE:LINE" and hold no secret.
 */


#ifndef _NGX_HTTP_LLMBROKER_CONF_LOG_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_CONF_LOG_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "codec/ngx_http_llmbroker_yaml.h"
#include "config/ngx_http_llmbroker_conf.h"


#define NGX_HTTP_LLMBROKER_CONF_PATH  512


typedef struct {
    ngx_conf_t                      *cf;
    ngx_http_llmbroker_conf_t       *conf;

    ngx_msec_t                       timeout;  /* proxy.timeout */
    ngx_msec_t                       health_interval; /* of monitoring; 0 */
    ngx_http_llmbroker_policy_t      policy;   /* proxy's; see conf_policy.h */
    ngx_str_t                        unset;    /* the variable, after a getter
                                                  has returned NGX_DECLINED */
    ngx_uint_t                       strict_env;

    ngx_chain_t                     *free;     /* of ..._conf_params.c */

    /* of ..._conf_upstream.c */
    ngx_http_upstream_conf_t         upstream;   /* what all have in common */
    ngx_rbtree_t                     upstreams;  /* one for each address */
    ngx_rbtree_t                     hosts;      /* looked up already */
    ngx_rbtree_node_t                sentinel;   /* of both */
    ngx_uint_t                       nupstreams;
    ngx_str_t                        etc_hosts;  /* its text, once read */
    ngx_array_t                      tls;        /* TLS contexts */
} ngx_http_llmbroker_reader_t;


/* search for the word that a mistyped one may have meant */
typedef struct {
    ngx_str_t                       *name;
    ngx_str_t                       *best;     /* NULL: none is near */
    ngx_uint_t                       distance;
} ngx_http_llmbroker_conf_near_t;


/* Logs a message about a line of the file; fmt as for ngx_log_error(). */
void ngx_http_llmbroker_conf_log(ngx_http_llmbroker_reader_t *rd,
    ngx_uint_t level, ngx_uint_t line, const char *fmt, ...);

/* The line that a value is to be looked for at: its name's, if it has one. */
ngx_uint_t ngx_http_llmbroker_conf_line(ngx_http_llmbroker_yaml_t *v);

/*
 * Logs 'invalid value "VALUE" for PATH, WHY', without the value when it is no
 * scalar or may be a secret (2.9: below a key with "key", "token" or
 * "secret" in its name).  Return: NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_conf_invalid(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, const char *why);

/* The same, but the value is never told. */
ngx_int_t ngx_http_llmbroker_conf_invalid_hidden(
    ngx_http_llmbroker_reader_t *rd, ngx_http_llmbroker_yaml_t *v,
    const char *why);

/*
 * Logs 'unknown WHAT "VALUE" for PATH, did you mean "BEST"?', or without the
 * question when nothing is near.  what == NULL: 'unknown key PATH, ...'.
 * Return: NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_conf_unknown(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, const char *what,
    ngx_http_llmbroker_conf_near_t *near);

/*
 * Logs 'WHAT "FILE" for PATH failed (ERRNO: TEXT)'.
 * Return: NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_conf_failed(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_err_t err, const char *what,
    ngx_str_t *file);

/* Logs that rd->unset is needed for v.  Return: NGX_ERROR. */
ngx_int_t ngx_http_llmbroker_conf_unset(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v);

/*
 * Warns 'PATH has no effect in this version': for what is switched on but not
 * done yet.
 */
void ngx_http_llmbroker_conf_later(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v);

/* Starts a search for what name may have meant; then offer the candidates. */
void ngx_http_llmbroker_conf_near(ngx_http_llmbroker_conf_near_t *near,
    ngx_str_t *name);
void ngx_http_llmbroker_conf_offer(ngx_http_llmbroker_conf_near_t *near,
    ngx_str_t *candidate);


#endif /* _NGX_HTTP_LLMBROKER_CONF_LOG_H_INCLUDED_ */
