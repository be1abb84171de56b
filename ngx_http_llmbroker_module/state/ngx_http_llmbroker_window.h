
/*
 * The calls of a deployment in a sliding window: how many, and how many have
 * failed.  Successes write to the process's own row only.
 */


#ifndef _NGX_HTTP_LLMBROKER_WINDOW_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_WINDOW_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "state/ngx_http_llmbroker_breaker.h"


/* Counts a call that has ended. */
void ngx_http_llmbroker_window_note(ngx_http_llmbroker_state_t *state,
    const ngx_http_llmbroker_breaker_conf_t *conf, ngx_msec_t now,
    ngx_uint_t failed);

/*
 * Tells whether too many calls have failed; failed: the last did.
 * Return: 1 or 0.
 */
ngx_uint_t ngx_http_llmbroker_window_failing(
    ngx_http_llmbroker_state_t *state,
    const ngx_http_llmbroker_breaker_conf_t *conf, ngx_msec_t now,
    ngx_uint_t failed);

/* Forgets all calls so far. */
void ngx_http_llmbroker_window_clear(ngx_http_llmbroker_state_t *state);


#endif /* _NGX_HTTP_LLMBROKER_WINDOW_H_INCLUDED_ */
