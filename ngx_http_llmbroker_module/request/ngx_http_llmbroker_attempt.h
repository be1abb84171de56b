
/*
 * One call of one provider: a cloned subrequest with an upstream of its own.
 * It reads and translates, and streams through the main request; it decides
 * nothing about the request as a whole.
 */


#ifndef _NGX_HTTP_LLMBROKER_ATTEMPT_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_ATTEMPT_H_INCLUDED_


#include "codec/ngx_http_llmbroker_frame.h"
#include "request/ngx_http_llmbroker_request.h"


/* bounds of a buffered answer, of one event, of an error's text: bytes */
#define NGX_HTTP_LLMBROKER_MAX_ANSWER  (32 * 1024 * 1024)
#define NGX_HTTP_LLMBROKER_MAX_EVENT   (16 * 1024 * 1024)
#define NGX_HTTP_LLMBROKER_MAX_ERROR   (64 * 1024)


typedef enum {
    NGX_HTTP_LLMBROKER_READ_NOTHING = 0,
    NGX_HTTP_LLMBROKER_READ_ANSWER,      /* a JSON body of status 200 */
    NGX_HTTP_LLMBROKER_READ_EVENTS,
    NGX_HTTP_LLMBROKER_READ_ERROR        /* the body of another status */
} ngx_http_llmbroker_read_e;


struct ngx_http_llmbroker_attempt_s {
    ngx_http_request_t              *request;   /* the subrequest */
    ngx_http_llmbroker_ctx_t        *ctx;
    ngx_http_llmbroker_deployment_t *deployment;
    ngx_http_llmbroker_attempt_t    *previous;  /* told the answer's part
                                                   before, or NULL */
    ngx_http_llmbroker_exchange_t    exchange;

    ngx_chain_t                     *body;      /* to the provider */
    off_t                            length;    /* of body, bytes */
    ngx_http_llmbroker_out_t         request_body;

    ngx_http_status_t                status;
    ngx_http_chunked_t               chunked;
    ngx_http_llmbroker_read_e        read;
    ngx_http_llmbroker_sse_t         sse;
    ngx_http_llmbroker_frame_t       frame;     /* in place of sse */
    ngx_http_llmbroker_out_t         out;       /* to the client */

    ngx_chain_t                     *answer;    /* pieces of a body */
    ngx_chain_t                     *last_answer;
    off_t                            received;  /* bytes of the above */
    off_t                            events;    /* bytes of what is kept of a
                                                   stream for a whole answer */

    ngx_uint_t                       provider_status;
    ngx_int_t                        rc;        /* of the upstream */

    unsigned                         done:1;    /* the subrequest has ended */
    unsigned                         finalized:1; /* rc is set */
    unsigned                         stale:1;
    unsigned                         failed:1;  /* exchange.fault tells */
    unsigned                         no_memory:1;
    unsigned                         ended:1;   /* the body's end was seen */
    unsigned                         has_length:1;
    unsigned                         frames:1;  /* events come in frames */
};


/*
 * Makes an attempt at a deployment and builds the request's body for it; it
 * becomes ctx->attempt.  Behind one that is done it is for the next part of
 * the answer.
 *
 * Return: NGX_OK; NGX_DECLINED when the provider cannot be asked this, with
 * ctx->error set; NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_attempt_prepare(ngx_http_llmbroker_ctx_t *ctx,
    ngx_http_llmbroker_deployment_t *deployment);

/*
 * Prepares an attempt and starts it.  Afterwards the main request's
 * write_event_handler is called once, when the attempt is done.
 *
 * Return: as ngx_http_llmbroker_attempt_prepare().
 */
ngx_int_t ngx_http_llmbroker_attempt_start(ngx_http_llmbroker_ctx_t *ctx,
    ngx_http_llmbroker_deployment_t *deployment);

/* The content handler of the subrequest. */
ngx_int_t ngx_http_llmbroker_attempt_handler(ngx_http_request_t *r,
    ngx_http_llmbroker_attempt_t *at);

/* Ends a running attempt at once, as if the provider had timed out. */
void ngx_http_llmbroker_attempt_abort(ngx_http_llmbroker_attempt_t *at);

/*
 * The pieces of a body that was read as one text.
 * Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_attempt_text(ngx_http_llmbroker_attempt_t *at,
    ngx_str_t *text);

/* The path and query of the request line; points into the attempt. */
ngx_str_t *ngx_http_llmbroker_attempt_path(ngx_http_llmbroker_attempt_t *at);

/*
 * The header lines that depend on the request, see
 * ngx_http_llmbroker_dialect_t.sign; often none.  Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_attempt_sign(ngx_http_llmbroker_attempt_t *at,
    ngx_str_t *path, ngx_str_t *lines);

/* ngx_http_upstream_t.process_header, at the beginning of a response */
ngx_int_t ngx_http_llmbroker_attempt_status_line(ngx_http_request_t *r);

/* ngx_http_upstream_t.input_filter_init and input_filter; data: the attempt */
ngx_int_t ngx_http_llmbroker_attempt_filter_init(void *data);
ngx_int_t ngx_http_llmbroker_attempt_filter(void *data, ssize_t bytes);

/*
 * The provider has ended its events: reads what is left of them.
 * Return: NGX_OK; NGX_DECLINED with exchange.fault set; NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_attempt_eof(ngx_http_llmbroker_attempt_t *at);

/*
 * Lets the client have a response header, unless it is odd or there is one of
 * this name; name is in lower case.  Both are copied.
 * Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_attempt_pass(ngx_http_llmbroker_attempt_t *at,
    ngx_str_t *name, ngx_str_t *value);

/*
 * The provider's message is unusable: ends the attempt with the fault "The
 * provider sent <what>.".
 */
void ngx_http_llmbroker_attempt_bad(ngx_http_llmbroker_attempt_t *at,
    const char *what);


#endif /* _NGX_HTTP_LLMBROKER_ATTEMPT_H_INCLUDED_ */
