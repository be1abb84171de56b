
/*
 * UTF-8 (RFC 3629) as a resumable automaton: no overlong form, no surrogate,
 * nothing above U+10FFFF.
 */


#ifndef _NGX_HTTP_LLMBROKER_UTF8_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_UTF8_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_HTTP_LLMBROKER_UTF8_ACCEPT  0
#define NGX_HTTP_LLMBROKER_UTF8_REJECT  1


/*
 * Runs the automaton over [p, last).
 *
 * state:  NGX_HTTP_LLMBROKER_UTF8_ACCEPT at first, then what the call before
 *         returned
 *
 * Return: the new state; UTF8_ACCEPT between two characters, UTF8_REJECT on
 * an invalid byte (and for ever after), any other value inside a character.
 */
uint32_t ngx_http_llmbroker_utf8(uint32_t state, u_char *p, u_char *last);

/*
 * Runs the automaton over the non-ASCII bytes at p only; *state as above.
 *
 * Return: the first ASCII byte between two characters (*state UTF8_ACCEPT),
 * the first invalid byte (*state UTF8_REJECT), or last.
 */
u_char *ngx_http_llmbroker_utf8_run(uint32_t *state, u_char *p, u_char *last);

/*
 * Goes through non-ASCII characters that lie there as a whole.
 * Return: the first byte that is of no such character; when it is not ASCII,
 * ngx_http_llmbroker_utf8_run() tells why.
 */
u_char *ngx_http_llmbroker_utf8_whole(u_char *p, u_char *last);

/*
 * Writes the character "code" (a scalar value up to U+10FFFF) at p, 4 bytes
 * at most.  Return: the byte after it.
 */
u_char *ngx_http_llmbroker_utf8_write(u_char *p, uint32_t code);


#endif /* _NGX_HTTP_LLMBROKER_UTF8_H_INCLUDED_ */
