
/*
 * Reads what providers write when they fail, whatever its shape: an object, a
 * string or an array, "error", "detail" or "message" (wire format section
 * 7.4, last paragraph).  For dialects.
 */


#ifndef _NGX_HTTP_LLMBROKER_FAULT_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_FAULT_H_INCLUDED_


#include "provider/ngx_http_llmbroker_provider.h"


/*
 * Fills ex->fault with the status and with what is found of message, type,
 * code, param and of when to come back.
 *
 * root:  the answer's tree, or NULL
 * text:  the answer's bytes, whose beginning is the message when root is
 *        NULL; may be NULL
 *
 * On a lack of memory what was found so far stays.
 */
void ngx_http_llmbroker_fault_read(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t status, ngx_http_llmbroker_json_t *root, ngx_str_t *text);

/*
 * The HTTP status that an error in a 200 answer means: its code where that is
 * a number, else by a word of its code or type.  Return: 0 when nothing tells.
 */
ngx_uint_t ngx_http_llmbroker_fault_status(ngx_http_llmbroker_fault_t *fault);

/*
 * Forgets type, code and param unless the status is a client's error that is
 * told to the client as it is (design 2.9), and tells in OpenAI's words what
 * the message says: that a request is too long for its model, that an account
 * is empty; a key that is no good is 401.
 */
void ngx_http_llmbroker_fault_own(ngx_http_llmbroker_fault_t *fault);

/*
 * Copies the beginning of a text that is valid UTF-8, at most 1 KB, to the
 * request's pool; an empty text changes nothing.  Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_fault_copy(ngx_http_llmbroker_exchange_t *ex,
    ngx_str_t *dst, ngx_str_t *text);

/* 1 when the message contains the ASCII text, ignoring case, else 0 */
ngx_uint_t ngx_http_llmbroker_fault_says(ngx_http_llmbroker_fault_t *fault,
    const char *text);


#endif /* _NGX_HTTP_LLMBROKER_FAULT_H_INCLUDED_ */
