
/*
 * The breaker of a deployment.
 */


#ifndef _NGX_HTTP_LLMBROKER_BREAKER_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_BREAKER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* what opens it and for how long; of the YAML file's "breaker" */
typedef struct {
    ngx_uint_t                       failures;     /* in a row; 0: any */
    ngx_uint_t                       error_rate;   /* percent of the window;
                                                      0: any */
    ngx_uint_t                       min_requests; /* of the window */
    ngx_msec_t                       window;
    ngx_msec_t                       open;         /* first, then doubled */
    ngx_msec_t                       open_max;
} ngx_http_llmbroker_breaker_conf_t;


#endif /* _NGX_HTTP_LLMBROKER_BREAKER_H_INCLUDED_ */
