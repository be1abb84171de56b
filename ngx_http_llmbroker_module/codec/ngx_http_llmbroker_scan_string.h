
/*
 * Between the parts of the scanner.
 */


#ifndef _NGX_HTTP_LLMBROKER_SCAN_STRING_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_SCAN_STRING_H_INCLUDED_


#include "codec/ngx_http_llmbroker_scan.h"


/*
 * Goes on in a string or, with s->in_key, in a name, which is decoded.
 * Return: the quote that ends it, last when the piece ends before; NULL after
 * ..._scan_fail().
 */
u_char *ngx_http_llmbroker_scan_string(ngx_http_llmbroker_scan_t *s, u_char *p,
    u_char *last);

/* An error "back" bytes before p, maybe in another piece.  Return: NULL. */
u_char *ngx_http_llmbroker_scan_fail(ngx_http_llmbroker_scan_t *s, u_char *p,
    off_t back, const char *error);


#endif /* _NGX_HTTP_LLMBROKER_SCAN_STRING_H_INCLUDED_ */
