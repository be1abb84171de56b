
/*
 * What is asked of one address: the provider's part of a deployment.
 */


#ifndef _NGX_HTTP_LLMBROKER_CONF_TARGET_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_CONF_TARGET_H_INCLUDED_


#include "config/ngx_http_llmbroker_conf_policy.h"


/* indexes of the first keys of a model; from the base URL on, a provider's */

enum {
    NGX_HTTP_LLMBROKER_KEY_PROVIDER = 0,
    NGX_HTTP_LLMBROKER_KEY_MODEL_NAME,
    NGX_HTTP_LLMBROKER_KEY_CA_FILE,
    NGX_HTTP_LLMBROKER_KEY_BASE_URL,
    NGX_HTTP_LLMBROKER_KEY_API_KEY,
    NGX_HTTP_LLMBROKER_KEY_REGION,
    NGX_HTTP_LLMBROKER_KEY_API_VERSION,
    NGX_HTTP_LLMBROKER_KEY_ACCESS_KEY_ID,
    NGX_HTTP_LLMBROKER_KEY_SECRET_ACCESS_KEY,
    NGX_HTTP_LLMBROKER_KEY_SESSION_TOKEN,
    NGX_HTTP_LLMBROKER_KEYS = 23      /* of all */
};


/* the keys of a model, or those of a deployment over those of its model */
typedef struct {
    ngx_str_t                        provider;
    ngx_str_t                        model_name;
    ngx_str_t                        base_url;
    ngx_str_t                        ca_file;
    ngx_str_t                        api_key;
    ngx_str_t                        region;
    ngx_str_t                        api_version;
    ngx_str_t                        access_key_id;
    ngx_str_t                        secret_access_key;
    ngx_str_t                        session_token;
    ngx_uint_t                       tls_verify;

    ngx_msec_t                       timeout;
    ngx_msec_t                       connect_timeout;      /* 0: default */
    ngx_msec_t                       first_token_timeout;  /* 0: none */
    ngx_msec_t                       idle_timeout;         /* 0: default */

    ngx_uint_t                       weight;
    ngx_uint_t                       priority;

    ngx_http_llmbroker_yaml_t       *deployments;
    ngx_http_llmbroker_yaml_t       *fallbacks;
    ngx_http_llmbroker_yaml_t       *default_params;
    ngx_http_llmbroker_yaml_t       *override_params;
    ngx_http_llmbroker_yaml_t       *drop_params;
    ngx_http_llmbroker_yaml_t       *capabilities;

    ngx_http_llmbroker_conf_seen_t   seen[NGX_HTTP_LLMBROKER_KEYS];

    /* of a model only */
    ngx_http_llmbroker_policy_t      policy;
    ngx_http_llmbroker_conf_seen_t   policy_seen[
                                               NGX_HTTP_LLMBROKER_POLICY_KEYS];
} ngx_http_llmbroker_settings_t;


/*
 * Fills d->target, d->base_url, d->headers and what the URL says, as far as no
 * variable that it needs is unset.
 *
 * v:  the mapping of the model or deployment, for messages
 *
 * Return: NGX_OK, NGX_ERROR (logged).
 */
ngx_int_t ngx_http_llmbroker_conf_target(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_http_llmbroker_settings_t *settings,
    ngx_http_llmbroker_model_t *model, ngx_http_llmbroker_deployment_t *d);


#endif /* _NGX_HTTP_LLMBROKER_CONF_TARGET_H_INCLUDED_ */
