
/*
 * The one table of errors (design 2.6) and the one JSON form they take.
 */


#ifndef _NGX_HTTP_LLMBROKER_ERROR_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_ERROR_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "provider/ngx_http_llmbroker_provider.h"


typedef enum {
    NGX_HTTP_LLMBROKER_INVALID_JSON = 0,
    NGX_HTTP_LLMBROKER_MISSING_PARAMETER,
    NGX_HTTP_LLMBROKER_INVALID_TYPE,
    NGX_HTTP_LLMBROKER_UNSUPPORTED_VALUE,
    NGX_HTTP_LLMBROKER_BAD_REQUEST,
    NGX_HTTP_LLMBROKER_INVALID_KEY,
    NGX_HTTP_LLMBROKER_FORBIDDEN,
    NGX_HTTP_LLMBROKER_MODEL_NOT_FOUND,
    NGX_HTTP_LLMBROKER_UNKNOWN_URL,
    NGX_HTTP_LLMBROKER_METHOD_NOT_ALLOWED,
    NGX_HTTP_LLMBROKER_REQUEST_TIMEOUT,
    NGX_HTTP_LLMBROKER_TOO_LARGE,
    NGX_HTTP_LLMBROKER_RATE_LIMIT,
    NGX_HTTP_LLMBROKER_INTERNAL,
    NGX_HTTP_LLMBROKER_PROVIDER_AUTH,
    NGX_HTTP_LLMBROKER_PROVIDER_UNAVAILABLE,
    NGX_HTTP_LLMBROKER_PROVIDER_OVERLOADED,
    NGX_HTTP_LLMBROKER_PROVIDER_BAD_RESPONSE,
    NGX_HTTP_LLMBROKER_MODEL_NOT_AVAILABLE,
    NGX_HTTP_LLMBROKER_NO_HEALTHY_DEPLOYMENT,
    NGX_HTTP_LLMBROKER_SERVER_OVERLOADED,
    NGX_HTTP_LLMBROKER_SERVER_SHUTDOWN,
    NGX_HTTP_LLMBROKER_PROVIDER_TIMEOUT
} ngx_http_llmbroker_error_e;


/* texts are plain, an empty code or param is null in JSON */
typedef struct {
    ngx_uint_t                       status;
    ngx_str_t                        type;
    ngx_str_t                        code;
    ngx_str_t                        message;
    ngx_str_t                        param;
} ngx_http_llmbroker_error_t;


/*
 * Fills *error from the table's row; the message is the row's own and no
 * parameter is named.
 */
void ngx_http_llmbroker_error(ngx_http_llmbroker_error_t *error,
    ngx_http_llmbroker_error_e kind);

/*
 * The same with a message, formatted as by ngx_sprintf(), and the parameter
 * that is wrong (static text or NULL).  On a lack of memory the row's own
 * message stays.
 */
void ngx_cdecl ngx_http_llmbroker_error_text(ngx_pool_t *pool,
    ngx_http_llmbroker_error_t *error, ngx_http_llmbroker_error_e kind,
    const char *param, const char *fmt, ...);

/*
 * Fills *error from what a dialect has read in a provider's answer (design
 * 2.6 and 2.9).  Whatever in it repeats a key of the target is masked; target
 * may be NULL.
 */
void ngx_http_llmbroker_error_fault(ngx_pool_t *pool,
    ngx_http_llmbroker_error_t *error, ngx_http_llmbroker_fault_t *fault,
    const ngx_http_llmbroker_target_t *target);

/*
 * Fills *error for a status that nginx itself gave a request; "limited": by
 * limit_req or limit_conn.
 */
void ngx_http_llmbroker_error_status(ngx_http_llmbroker_error_t *error,
    ngx_uint_t status, ngx_uint_t limited);

/*
 * The error as a chain of one JSON text, or of one event
 * "data: {...}\n\n" when event is 1.  Return: NULL on a lack of memory.
 */
ngx_chain_t *ngx_http_llmbroker_error_chain(ngx_pool_t *pool,
    ngx_http_llmbroker_error_t *error, ngx_uint_t event, off_t *length);

/*
 * Answers the main request r with the error.  Return: for
 * ngx_http_finalize_request().
 */
ngx_int_t ngx_http_llmbroker_error_send(ngx_http_request_t *r,
    ngx_http_llmbroker_error_t *error);


#endif /* _NGX_HTTP_LLMBROKER_ERROR_H_INCLUDED_ */
