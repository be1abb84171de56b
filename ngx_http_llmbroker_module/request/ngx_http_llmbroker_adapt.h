
/*
 * What a provider's servers refuse although they speak OpenAI's dialect: the
 * edits that its row asks for (ngx_http_llmbroker_adapt_t).
 */


#ifndef _NGX_HTTP_LLMBROKER_ADAPT_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_ADAPT_H_INCLUDED_


#include "request/ngx_http_llmbroker_edit.h"


/*
 * Applies the rules of the exchange's provider to a request that is passed
 * on.  What is dropped is named in ex->dropped.
 * Return: NGX_OK; NGX_DECLINED with ex->fault set; NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_adapt(ngx_http_llmbroker_edit_t *edit,
    ngx_http_llmbroker_exchange_t *ex);


#endif /* _NGX_HTTP_LLMBROKER_ADAPT_H_INCLUDED_ */
