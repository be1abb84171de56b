
/*
 * Small tools for pieces of JSON text.
 */


#ifndef _NGX_HTTP_LLMBROKER_TEXT_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_TEXT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* a text that grows; all zero at first */
typedef struct {
    u_char                          *data;
    size_t                           len;
    size_t                           size;
} ngx_http_llmbroker_text_t;


/* copies a literal to p: the byte behind it */
#define ngx_http_llmbroker_text_lit(p, text)                                 \
    ngx_cpymem(p, text, sizeof(text) - 1)


/*
 * Makes room for len bytes at the end and fills it from p unless that is
 * NULL; the memory doubles, so that many appends are linear.
 * Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_text_append(ngx_pool_t *pool,
    ngx_http_llmbroker_text_t *text, const void *p, size_t len);

/*
 * A JSON value, which must be valid, as the inside of a JSON string, without
 * white space between its tokens.  Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_text_quote(ngx_pool_t *pool, ngx_str_t *raw,
    ngx_str_t *inner);

/* the code points of the inside of a JSON string, escapes considered */
ngx_uint_t ngx_http_llmbroker_text_points(ngx_str_t *inner);

/*
 * Reads "data:TYPE[;PARAMETERS];base64,DATA".
 *
 * type:  set to the media type in lower case, of the right spelling for JPEG;
 *        may be empty; from pool
 * data:  set to what stands behind the comma, in url
 *
 * Return: NGX_OK; NGX_DECLINED when it is no such URL; NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_text_data_url(ngx_pool_t *pool, ngx_str_t *url,
    ngx_str_t *type, ngx_str_t *data);

/*
 * Copies a text as a part of a path: all but letters, digits, "-", ".", "_",
 * "~" and the characters in "keep" become "%XX".  dst has room for three times
 * its length.  Return: the byte after the last one written.
 */
u_char *ngx_http_llmbroker_text_escape(u_char *dst, const ngx_str_t *text,
    const char *keep);


#endif /* _NGX_HTTP_LLMBROKER_TEXT_H_INCLUDED_ */
