
/*
 * Legacy completions for servers of OpenAI's dialect that only chat.
 */


#ifndef _NGX_HTTP_LLMBROKER_OPENAI_PROMPT_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_OPENAI_PROMPT_H_INCLUDED_


#include "provider/ngx_http_llmbroker_provider.h"


/*
 * ngx_http_llmbroker_dialect_t.build of a call that is not spliced: the
 * completion as a chat, with all that a chat may have as it stands.
 */
ngx_int_t ngx_http_llmbroker_openai_build(ngx_http_llmbroker_exchange_t *ex);


#endif /* _NGX_HTTP_LLMBROKER_OPENAI_PROMPT_H_INCLUDED_ */
