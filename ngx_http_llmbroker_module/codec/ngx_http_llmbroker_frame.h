
/*
 * A resumable reader of application/vnd.amazon.eventstream, AWS's frames of
 * binary events (wire format section 7.3).
 */


#ifndef _NGX_HTTP_LLMBROKER_FRAME_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_FRAME_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "codec/ngx_http_llmbroker_sse.h"


#define NGX_HTTP_LLMBROKER_FRAME_TYPE     "application/vnd.amazon.eventstream"

/* bytes of one frame's headers, as AWS bounds them */
#define NGX_HTTP_LLMBROKER_FRAME_HEADERS  131072


typedef struct {
    ngx_http_llmbroker_sse_pt        handler;
    void                            *data;
    ngx_pool_t                      *pool;
    size_t                           max;     /* bytes of one frame */

    /* private */
    ngx_buf_t                        carry;   /* a frame cut by a piece's end */
    size_t                           total;   /* of that frame; 0: unknown */
    unsigned                         failed:1;
    unsigned                         error:1; /* was told */
} ngx_http_llmbroker_frame_t;


/*
 * Prepares *fr for a new stream.
 *
 * pool:     holds the carry buffer, which is reused from frame to frame and
 *           grows to max at most, and the text of an error
 * max:      bytes of one frame; more is an error
 * handler:  called for each frame as for an event of the text form: the type
 *           is the value of ":event-type", with event->exception that of
 *           ":exception-type" or ":error-code"; data is the payload, for an
 *           error an object {"message":...} of its ":error-message"; raw is
 *           NULL
 */
void ngx_http_llmbroker_frame_init(ngx_http_llmbroker_frame_t *fr,
    ngx_pool_t *pool, size_t max, ngx_http_llmbroker_sse_pt handler,
    void *data);

/*
 * Consumes the next piece [p, last), which may end anywhere.
 * Return: NGX_OK; NGX_DECLINED on a frame that is too large, does not add up,
 * has a wrong sum or comes behind an error, which is a stream's last frame;
 * NGX_ERROR on a lack of memory; or what the handler returned (then the rest
 * of the piece is lost).  After NGX_DECLINED of its own every further call
 * returns it too.
 */
ngx_int_t ngx_http_llmbroker_frame(ngx_http_llmbroker_frame_t *fr, u_char *p,
    u_char *last);

/*
 * The stream has ended.  Return: NGX_OK; NGX_DECLINED within a frame or when
 * the reader has failed.
 */
ngx_int_t ngx_http_llmbroker_frame_eof(ngx_http_llmbroker_frame_t *fr);


#endif /* _NGX_HTTP_LLMBROKER_FRAME_H_INCLUDED_ */
