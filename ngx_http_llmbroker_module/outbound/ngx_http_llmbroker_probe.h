
/*
 * One health check of a deployment: what is asked, and what the answer says.
 */


#ifndef _NGX_HTTP_LLMBROKER_PROBE_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_PROBE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "config/ngx_http_llmbroker_conf.h"
#include "outbound/ngx_http_llmbroker_loop.h"


typedef enum {
    NGX_HTTP_LLMBROKER_PROBE_PATH = 0,   /* GET of health_check's path */
    NGX_HTTP_LLMBROKER_PROBE_MODEL,      /* a tiny chat with its model */
    NGX_HTTP_LLMBROKER_PROBE_LIST,       /* GET of the provider's models */
    NGX_HTTP_LLMBROKER_PROBE_BASE        /* GET of the base URL */
} ngx_http_llmbroker_probe_e;


typedef struct {
    ngx_http_llmbroker_probe_e              kind;
    const ngx_http_llmbroker_deployment_t  *deployment;
    const ngx_http_llmbroker_policy_t      *policy;
    ngx_http_llmbroker_target_t             target;  /* with health_check's
                                                        model */
    ngx_str_t                               path;    /* of a GET */
    unsigned                                legacy:1; /* "max_tokens" is the
                                                         name to use */
} ngx_http_llmbroker_probe_t;


/*
 * Prepares a zeroed probe.  pool: as long as the probe lives.
 * Return: NGX_OK; NGX_DECLINED when the check's model cannot be configured;
 * NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_probe_init(ngx_http_llmbroker_probe_t *probe,
    ngx_pool_t *pool, const ngx_http_llmbroker_deployment_t *deployment,
    const ngx_http_llmbroker_policy_t *policy);

/*
 * Fills in a transfer, of which the pool and the log are set.
 * Return: NGX_OK; NGX_DECLINED when the host has no address now; NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_probe_ask(ngx_http_llmbroker_probe_t *probe,
    ngx_http_llmbroker_transfer_t *t);

/*
 * What a transfer that has ended says of the deployment.
 *
 * reason:  set with NGX_ERROR; from the transfer's pool
 *
 * Return: NGX_OK, it is up; NGX_DONE, it even answers chats; NGX_ERROR, it is
 * not up; NGX_DECLINED, nothing.
 */
ngx_int_t ngx_http_llmbroker_probe_verdict(ngx_http_llmbroker_probe_t *probe,
    ngx_http_llmbroker_transfer_t *t, ngx_str_t *reason);

/*
 * Whether the provider's list names the deployment's model.
 * Return: NGX_OK; NGX_DECLINED, it does not; NGX_ERROR, that is not known.
 */
ngx_int_t ngx_http_llmbroker_probe_listed(ngx_http_llmbroker_probe_t *probe,
    ngx_http_llmbroker_transfer_t *t);


#endif /* _NGX_HTTP_LLMBROKER_PROBE_H_INCLUDED_ */
