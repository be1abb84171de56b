
/*
 * What becomes of a request whose attempt has failed: the one table of failure
 * classes, and the times to wait.  Nothing here knows a request.
 */


#ifndef _NGX_HTTP_LLMBROKER_RETRY_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_RETRY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "state/ngx_http_llmbroker_breaker.h"


/* how an attempt ended */
typedef enum {
    NGX_HTTP_LLMBROKER_CLASS_SUCCESS = 0,
    NGX_HTTP_LLMBROKER_CLASS_CLIENT,    /* the request is no good anywhere */
    NGX_HTTP_LLMBROKER_CLASS_CONTEXT,   /* it is too long for the model */
    NGX_HTTP_LLMBROKER_CLASS_LIMIT,     /* too many requests or tokens */
    NGX_HTTP_LLMBROKER_CLASS_KEY,       /* the key, or its account, is dead */
    NGX_HTTP_LLMBROKER_CLASS_TIMEOUT,   /* the provider's or ours */
    NGX_HTTP_LLMBROKER_CLASS_FAILURE,   /* connection, TLS, bad answer, 5xx */
    NGX_HTTP_LLMBROKER_CLASS_LOCAL,     /* no memory or connection here */
    NGX_HTTP_LLMBROKER_CLASSES          /* number of the above */
} ngx_http_llmbroker_class_e;


/* what follows */
typedef struct {
    unsigned                         next:1;     /* another is asked */
    unsigned                         fallback:1; /* of another alias only */
    unsigned                         cools:1;    /* the deployment rests */
    ngx_http_llmbroker_note_e        note;       /* for its breaker */
} ngx_http_llmbroker_class_t;


/* never NULL; static */
const ngx_http_llmbroker_class_t *ngx_http_llmbroker_class(
    ngx_http_llmbroker_class_e class);

/*
 * The class of a refusal.
 *
 * status:   HTTP status of the provider's meaning; 0: a bad answer
 * code:     as the provider or its dialect told it; may be empty
 * message:  the same
 */
ngx_http_llmbroker_class_e ngx_http_llmbroker_classify(ngx_uint_t status,
    ngx_str_t *code, ngx_str_t *message);

/*
 * When a provider that refused may be asked again: by "retry-after-ms", by
 * "retry-after", by the body, by the "x-ratelimit-reset..." of what is used up
 * (the last of them) or else of what is not (the first).
 *
 * headers:       of the attempt, array of ngx_keyval_t with lower case
 *                keys, after the dialect has renamed what it knows; or NULL
 * body_seconds:  ngx_http_llmbroker_fault_t.retry_after; 0: not told
 *
 * Return: msec, an hour at most, 0: at once; (ngx_msec_t) -1 when nothing was
 * told that can be understood.
 */
ngx_msec_t ngx_http_llmbroker_retry_after(ngx_array_t *headers,
    ngx_uint_t body_seconds, time_t now);

/*
 * How long to wait before attempt n (0: the first one that follows another):
 * a random time of 0 to base << n msec, of 0 to max at most.
 */
ngx_msec_t ngx_http_llmbroker_backoff(ngx_msec_t base, ngx_msec_t max,
    ngx_uint_t n);


#endif /* _NGX_HTTP_LLMBROKER_RETRY_H_INCLUDED_ */
