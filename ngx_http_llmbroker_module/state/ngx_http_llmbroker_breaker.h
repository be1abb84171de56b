
/*
 * The circuit breaker of a deployment.  After some failures in a row, or too
 * many in a window, it opens: nobody calls for a while.  Then one call is the
 * probe, which closes it, or opens it for twice as long.
 */


#ifndef _NGX_HTTP_LLMBROKER_BREAKER_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_BREAKER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "state/ngx_http_llmbroker_state.h"


typedef struct {
    ngx_uint_t                       failures;     /* in a row; 0: not asked */
    ngx_uint_t                       error_rate;   /* percent; 0: not asked */
    ngx_uint_t                       min_requests; /* for error_rate */
    ngx_msec_t                       window;       /* for error_rate */
    ngx_msec_t                       open;         /* at first */
    ngx_msec_t                       open_max;
} ngx_http_llmbroker_breaker_conf_t;


typedef enum {
    NGX_HTTP_LLMBROKER_BREAKER_CLOSED = 0,
    NGX_HTTP_LLMBROKER_BREAKER_OPEN,
    NGX_HTTP_LLMBROKER_BREAKER_HALF_OPEN
} ngx_http_llmbroker_breaker_e;


typedef enum {
    NGX_HTTP_LLMBROKER_NOTE_SUCCESS = 0,
    NGX_HTTP_LLMBROKER_NOTE_FAILURE,
    NGX_HTTP_LLMBROKER_NOTE_NEUTRAL      /* tells nothing of the deployment */
} ngx_http_llmbroker_note_e;


/*
 * Msec until the deployment may be asked, 0: now.  While a probe runs, its end
 * is not known: a second at most.  Changes nothing.
 */
ngx_msec_t ngx_http_llmbroker_breaker_wait(ngx_http_llmbroker_state_t *state,
    ngx_msec_t now);

/*
 * Asks for permission to call.  lease: msec for which nobody else may probe
 * if this one is never noted; longer than the call can last.
 * Return: NGX_OK; NGX_DONE when the caller is the probe and must note its end;
 * NGX_DECLINED: open, another probe runs, or a health check says down.
 */
ngx_int_t ngx_http_llmbroker_breaker_take(ngx_http_llmbroker_state_t *state,
    ngx_msec_t now, ngx_msec_t lease);

/*
 * Notes how a call ended; probe: that ..._take() made it the probe.  NEUTRAL
 * of a probe lets the next caller probe at once.  Calls that end while the
 * breaker is open and are not the probe are counted, and change nothing.
 * Return: NGX_DONE when by this call the breaker is open or closed, to be
 * logged; else NGX_OK.
 */
ngx_int_t ngx_http_llmbroker_breaker_note(ngx_http_llmbroker_state_t *state,
    const ngx_http_llmbroker_breaker_conf_t *conf, ngx_msec_t now,
    ngx_http_llmbroker_note_e note, ngx_uint_t probe);

/* Ends an open breaker.  Return: NGX_DONE when it was; else NGX_OK. */
ngx_int_t ngx_http_llmbroker_breaker_close(ngx_http_llmbroker_state_t *state);

/*
 * Makes the probe of an open breaker due: there is a sign that the deployment
 * is back, but none that it answers.  Changes nothing else.
 */
void ngx_http_llmbroker_breaker_due(ngx_http_llmbroker_state_t *state,
    ngx_msec_t now);

/* A process has died: its probe, by its row, is given back. */
void ngx_http_llmbroker_breaker_release(ngx_http_llmbroker_state_t *state,
    ngx_uint_t row, ngx_msec_t now);

/* HALF_OPEN: the time is over, or the probe runs. */
ngx_http_llmbroker_breaker_e ngx_http_llmbroker_breaker(
    ngx_http_llmbroker_state_t *state, ngx_msec_t now);

/* Failures in a row, up to 4095. */
ngx_uint_t ngx_http_llmbroker_breaker_failures(
    ngx_http_llmbroker_state_t *state);


#endif /* _NGX_HTTP_LLMBROKER_BREAKER_H_INCLUDED_ */
