
/*
 * How long a provider wants to be left alone, in the many forms in which
 * headers and bodies say it.
 */


#ifndef _NGX_HTTP_LLMBROKER_DELAY_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_DELAY_H_INCLUDED_


#include "provider/ngx_http_llmbroker_provider.h"


/* nobody plans for longer, msec */
#define NGX_HTTP_LLMBROKER_DELAY_MAX   3600000

/* nothing was told, or garbage */
#define NGX_HTTP_LLMBROKER_DELAY_NONE  ((ngx_msec_t) -1)


/*
 * Reads a whole text: a number ("30", "0.5"), a duration ("20ms", "1m30.5s",
 * "2 minutes"), an HTTP date or a time of RFC 3339.
 *
 * unit:   msec that 1 means in a number without a unit
 * times:  1: a large number is the seconds or milliseconds since 1970
 *
 * Return: msec from now, rounded up; 0 when the time is over;
 * NGX_HTTP_LLMBROKER_DELAY_MAX at most; NGX_HTTP_LLMBROKER_DELAY_NONE.
 */
ngx_msec_t ngx_http_llmbroker_delay(ngx_str_t *text, ngx_msec_t unit,
    ngx_uint_t times, time_t now);

/* The time that RFC 3339 writes.  Return: NGX_ERROR when it is none. */
time_t ngx_http_llmbroker_delay_time(ngx_str_t *text);

/*
 * Sets fault->retry_after from an error's body, if it tells: "retryDelay",
 * "retry_after" and the like in error or root (each may be NULL), or, of a
 * fault that waiting may end, words of fault->message: "try again in 20s".
 */
void ngx_http_llmbroker_delay_fault(ngx_http_llmbroker_fault_t *fault,
    ngx_http_llmbroker_json_t *root, ngx_http_llmbroker_json_t *error);


#endif /* _NGX_HTTP_LLMBROKER_DELAY_H_INCLUDED_ */
