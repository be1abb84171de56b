
/*
 * Active health checks: one process asks each deployment now and then, and
 * tells all of them by the shared memory what it has found.
 */


#ifndef _NGX_HTTP_LLMBROKER_HEALTH_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_HEALTH_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "config/ngx_http_llmbroker_conf.h"
#include "state/ngx_http_llmbroker_state.h"


/*
 * Starts the checks that a configuration asks for, in the process whose task
 * they are; for init_process.  A process without them works on: what prevents
 * them is logged.
 *
 * states:  by deployment's slot
 */
void ngx_http_llmbroker_health_init(ngx_cycle_t *cycle,
    ngx_http_llmbroker_conf_t *conf, ngx_http_llmbroker_state_t **states);

/* Ends them; for exit_process. */
void ngx_http_llmbroker_health_exit(void);


#endif /* _NGX_HTTP_LLMBROKER_HEALTH_H_INCLUDED_ */
