
/*
 * What a provider's refusal means where its status does not say so: codes and
 * messages in the providers' own words.
 *
 * code and message may be empty.  A message repeats what a client sent, at
 * times: it may send a client's own request elsewhere, but does not tell
 * anything of a key unless it begins with the words.
 *
 * All return 1 or 0.
 */


#ifndef _NGX_HTTP_LLMBROKER_MEANING_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_MEANING_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* the request is longer than what the model can read */
ngx_uint_t ngx_http_llmbroker_means_context(ngx_str_t *code,
    ngx_str_t *message);

/* the account of our key is empty, closed or not paid: waiting is no help */
ngx_uint_t ngx_http_llmbroker_means_account(ngx_str_t *code,
    ngx_str_t *message);

/* our key is no good, whatever the status */
ngx_uint_t ngx_http_llmbroker_means_key(ngx_str_t *code, ngx_str_t *message);

/* what the client asked is not wanted there: not our key's fault */
ngx_uint_t ngx_http_llmbroker_means_content(ngx_str_t *code,
    ngx_str_t *message);


#endif /* _NGX_HTTP_LLMBROKER_MEANING_H_INCLUDED_ */
