
/*
 * How a model's calls are routed, retried and given up: the keys that stand in
 * a model and, as the defaults of all models, in "proxy".
 */


#ifndef _NGX_HTTP_LLMBROKER_CONF_POLICY_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_CONF_POLICY_H_INCLUDED_


#include "config/ngx_http_llmbroker_conf_log.h"
#include "config/ngx_http_llmbroker_conf_value.h"


#define NGX_HTTP_LLMBROKER_POLICY_KEYS          13
#define NGX_HTTP_LLMBROKER_DAY                  86400000
#define NGX_HTTP_LLMBROKER_MIN_HEALTH_INTERVAL  100


/* for ..._conf_tables(); into an ngx_http_llmbroker_policy_t */
extern const ngx_http_llmbroker_conf_key_t
    ngx_http_llmbroker_conf_policy_keys[NGX_HTTP_LLMBROKER_POLICY_KEYS + 1];


/*
 * Sets rd->policy to the defaults; what depends on other keys is left at
 * NGX_CONF_UNSET_MSEC.  Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_conf_policy_init(ngx_http_llmbroker_reader_t *rd);

/*
 * Completes a policy that has been read, and checks that its values agree.
 *
 * v:  the mapping that it was read from, for messages
 *
 * Return: NGX_OK, NGX_ERROR (logged).
 */
ngx_int_t ngx_http_llmbroker_conf_policy(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_http_llmbroker_policy_t *policy);


#endif /* _NGX_HTTP_LLMBROKER_CONF_POLICY_H_INCLUDED_ */
