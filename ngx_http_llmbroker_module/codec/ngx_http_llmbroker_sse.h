
/*
 * A resumable reader of server-sent events (WHATWG HTML 9.2.5 and 9.2.6,
 * wire format section 8).
 */


#ifndef _NGX_HTTP_LLMBROKER_SSE_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_SSE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef struct {
    ngx_str_t                        type;  /* of "event:", else empty */
    ngx_str_t                        data;  /* lines joined by LF */

    /*
     * The event's own bytes when they were exactly "data: ...\n\n" in one
     * piece of input, so that they can be passed on as they are; otherwise
     * raw.data is NULL.
     */
    ngx_str_t                        raw;

    /* of a comment ":HTTP_STATUS/400" or a field "status", else 0 (N8) */
    ngx_uint_t                       status;

    /* of a binary stream: the type is that of an exception or error */
    unsigned                         exception:1;
} ngx_http_llmbroker_sse_event_t;


/*
 * Called for each event that has data.  All strings are valid during the call
 * only (raw: as long as the piece of input).
 * Return: NGX_OK to go on; anything else stops the reader and is what
 * ngx_http_llmbroker_sse() returns.
 */
typedef ngx_int_t (*ngx_http_llmbroker_sse_pt)(void *data,
    ngx_http_llmbroker_sse_event_t *event);


typedef struct {
    ngx_http_llmbroker_sse_pt        handler;
    void                            *data;
    ngx_pool_t                      *pool;
    size_t                           max;     /* bytes of one event's data */

    /* private */
    ngx_uint_t                       state;
    ngx_buf_t                        line;    /* a line cut by a piece's end */
    ngx_buf_t                        joined;  /* data of the event so far */
    u_char                           type[64];
    size_t                           type_len;
    ngx_uint_t                       status;
    u_char                          *event_start;
    ngx_uint_t                       lines;   /* of this event */
    ngx_uint_t                       data_lines;
    unsigned                         skip_lf:1;
    unsigned                         plain:1;
} ngx_http_llmbroker_sse_t;


/*
 * Prepares *sse for a new stream.
 *
 * pool:  holds the carry buffers, which are reused from event to event and
 *        grow to max at most
 * max:   bytes of one line and of one event's data; more is an error
 */
void ngx_http_llmbroker_sse_init(ngx_http_llmbroker_sse_t *sse,
    ngx_pool_t *pool, size_t max, ngx_http_llmbroker_sse_pt handler,
    void *data);

/*
 * Consumes the next piece [p, last), which may end anywhere.
 * Return: NGX_OK; NGX_DECLINED on an event longer than max or a NUL byte;
 * NGX_ERROR on a lack of memory; or what the handler returned (then the rest
 * of the piece is lost).  After NGX_DECLINED of its own every further call
 * returns it too.
 */
ngx_int_t ngx_http_llmbroker_sse(ngx_http_llmbroker_sse_t *sse, u_char *p,
    u_char *last);

/*
 * The stream has ended: hands over an event whose blank line is missing, as
 * some servers leave it out (wire format section 8, "EOF in practice").
 * A line without its end counts, so that the data may have been cut anywhere.
 * Return: as ngx_http_llmbroker_sse().
 */
ngx_int_t ngx_http_llmbroker_sse_eof(ngx_http_llmbroker_sse_t *sse);


#endif /* _NGX_HTTP_LLMBROKER_SSE_H_INCLUDED_ */
