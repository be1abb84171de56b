
/*
 * What an attempt has come to when its subrequest is done.
 */


#ifndef _NGX_HTTP_LLMBROKER_OUTCOME_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_OUTCOME_H_INCLUDED_


#include "request/ngx_http_llmbroker_attempt.h"


/*
 * Reads what is left to be read of the answer or error; sets at->class.
 *
 * Return: NGX_OK with the rest of the answer in at->out, or its pieces in
 * at->answer; NGX_DECLINED with ctx->error set; NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_outcome(ngx_http_llmbroker_attempt_t *at);


#endif /* _NGX_HTTP_LLMBROKER_OUTCOME_H_INCLUDED_ */
