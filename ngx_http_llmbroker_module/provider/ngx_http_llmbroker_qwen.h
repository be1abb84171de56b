
/*
 * Between the two halves of the native Qwen dialect: ..._qwen.c reads
 * answers, ..._qwen_request.c writes requests.
 */


#ifndef _NGX_HTTP_LLMBROKER_QWEN_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_QWEN_H_INCLUDED_


#include "provider/ngx_http_llmbroker_provider.h"


/* ngx_http_llmbroker_dialect_t.build of the native Qwen dialect */
ngx_int_t ngx_http_llmbroker_qwen_build(ngx_http_llmbroker_exchange_t *ex);


#endif /* _NGX_HTTP_LLMBROKER_QWEN_H_INCLUDED_ */
