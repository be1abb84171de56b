
/*
 * "on_client_abort: drain": the client has left, the provider is listened to
 * until it has told the usage.
 */


#ifndef _NGX_HTTP_LLMBROKER_DRAIN_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_DRAIN_H_INCLUDED_


#include "request/ngx_http_llmbroker_attempt.h"


/*
 * Throws away what an attempt would send, now and from now on; its time ends
 * soon, too.
 *
 * in:  what the attempt sends; may be NULL
 */
void ngx_http_llmbroker_drain(ngx_http_llmbroker_attempt_t *at,
    ngx_chain_t *in);


#endif /* _NGX_HTTP_LLMBROKER_DRAIN_H_INCLUDED_ */
