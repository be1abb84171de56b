
/*
 * One call of one provider: a cloned subrequest with an upstream of its own.
 * It reads and translates, and streams through the main request; it decides
 * nothing about the request as a whole.
 */


#ifndef _NGX_HTTP_LLMBROKER_ATTEMPT_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_ATTEMPT_H_INCLUDED_


#include "codec/ngx_http_llmbroker_frame.h"
#include "request/ngx_http_llmbroker_request.h"
#include "request/ngx_http_llmbroker_retry.h"


/* bounds of a buffered answer, of one event, of an error's text: bytes */
#define NGX_HTTP_LLMBROKER_MAX_ANSWER  (32 * 1024 * 1024)
#define NGX_HTTP_LLMBROKER_MAX_EVENT   (16 * 1024 * 1024)
#define NGX_HTTP_LLMBROKER_MAX_ERROR   (64 * 1024)

/* of a stream, kept until its first content: bytes */
#define NGX_HTTP_LLMBROKER_MAX_HELD    (64 * 1024)


typedef enum {
    NGX_HTTP_LLMBROKER_READ_NOTHING = 0,
    NGX_HTTP_LLMBROKER_READ_ANSWER,      /* a JSON body of status 200 */
    NGX_HTTP_LLMBROKER_READ_EVENTS,
    NGX_HTTP_LLMBROKER_READ_ERROR        /* the body of another status */
} ngx_http_llmbroker_read_e;


struct ngx_http_llmbroker_attempt_s {
    ngx_http_request_t              *request;   /* the subrequest */
    ngx_http_llmbroker_ctx_t        *ctx;
    ngx_http_llmbroker_pick_t        pick;
    ngx_http_llmbroker_deployment_t *deployment; /* of pick */
    ngx_http_llmbroker_attempt_t    *previous;  /* told the answer's part
                                                   before, or NULL */
    ngx_http_llmbroker_attempt_t    *next;      /* in ctx->running */

    ngx_event_t                      timer;     /* see ..._attempt_time.c */
    ngx_msec_t                       start;     /* of the first part */
    ngx_msec_t                       own;       /* of this one */
    ngx_msec_t                       last;      /* bytes came */
    ngx_msec_t                       limit;     /* see ..._attempt_limit() */
    ngx_http_llmbroker_exchange_t    exchange;
    ngx_http_llmbroker_wait_t        wait;      /* for an address */

    ngx_chain_t                     *body;      /* to the provider */
    off_t                            length;    /* of body, bytes */
    ngx_http_llmbroker_out_t         request_body;

    ngx_http_status_t                status;
    ngx_http_chunked_t               chunked;
    ngx_http_llmbroker_read_e        read;
    union {
        ngx_http_llmbroker_sse_t     sse;
        ngx_http_llmbroker_frame_t   frame;
    } reader;                                   /* of events */
    ngx_http_llmbroker_out_t         out;       /* to the client */

    ngx_chain_t                     *answer;    /* pieces of a body */
    ngx_chain_t                     *last_answer;
    off_t                            received;  /* bytes of the above */
    off_t                            events;    /* bytes of what is kept of a
                                                   stream for a whole answer */

    /* response headers that are passed on */
    ngx_array_t                     *headers;   /* ngx_keyval_t */

    ngx_uint_t                       provider_status;
    ngx_int_t                        rc;        /* of the upstream */
    ngx_int_t                        result;    /* of ..._outcome() */
    ngx_http_llmbroker_class_e       class;     /* of a failure */

    unsigned                         done:1;    /* the subrequest has ended */
    unsigned                         finalized:1; /* rc is set */
    unsigned                         counted:1; /* as in flight */
    unsigned                         begun:1;   /* something to tell came */
    unsigned                         committed:1; /* the client has it */
    unsigned                         lost:1;    /* another one was faster */
    unsigned                         limited:1; /* limit is set */
    unsigned                         timed_out:1;
    unsigned                         stale:1;   /* its kept connection was
                                                   dead */
    unsigned                         fresh:1;   /* it replaces a stale one */
    unsigned                         failed:1;  /* exchange.fault tells */
    unsigned                         no_memory:1;
    unsigned                         ended:1;   /* the body's end was seen */
    unsigned                         has_length:1;
    unsigned                         frames:1;  /* events come in frames */
    unsigned                         refers:1;  /* to what is in ctx->draft */
};


/*
 * Makes an attempt at a deployment and builds the request's body for it; it
 * becomes ctx->attempt.
 *
 * pick:      the deployment, and the alias that it stands behind; when it is
 *            a probe, that is for the attempt to note, after NGX_OK only
 * previous:  told the part of the answer before the one that this attempt is
 *            for; NULL: it is for the first
 *
 * Return: NGX_OK; NGX_DECLINED when the provider cannot be asked this, with
 * ctx->error set; NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_attempt_prepare(ngx_http_llmbroker_ctx_t *ctx,
    ngx_http_llmbroker_pick_t *pick, ngx_http_llmbroker_attempt_t *previous);

/*
 * Starts the attempt that was prepared.  Afterwards the main request's
 * write_event_handler is called when the attempt is done.
 * Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_attempt_start(ngx_http_llmbroker_attempt_t *at);

/*
 * Watches the time of an attempt that starts: it is aborted when its first
 * token, its next bytes, its end or the request's deadline are late.
 */
void ngx_http_llmbroker_attempt_watch(ngx_http_llmbroker_attempt_t *at);

/* Another time counts from now on, which may be over sooner. */
void ngx_http_llmbroker_attempt_sooner(ngx_http_llmbroker_attempt_t *at);

/* It ends in msec from now at the latest. */
void ngx_http_llmbroker_attempt_limit(ngx_http_llmbroker_attempt_t *at,
    ngx_msec_t msec);

/* The content handler of the subrequest. */
ngx_int_t ngx_http_llmbroker_attempt_handler(ngx_http_request_t *r,
    ngx_http_llmbroker_attempt_t *at);

/*
 * Ends an attempt at once, its connection included; not to be called within
 * the attempt's own upstream handlers.  Of one that is done: nothing.
 */
void ngx_http_llmbroker_attempt_abort(ngx_http_llmbroker_attempt_t *at);

/* Gives back what an attempt holds beside its memory; may be called again. */
void ngx_http_llmbroker_attempt_release(ngx_http_llmbroker_attempt_t *at);

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
 * Prepares at->out and exchange.temp for the answer's events.
 * Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_attempt_events(ngx_http_llmbroker_attempt_t *at);

/* Empties exchange.temp behind each event. */
void ngx_http_llmbroker_attempt_event_done(ngx_http_llmbroker_attempt_t *at);

/*
 * The answer has begun: frees what only the way to it has needed, if it is
 * sent and nobody else may need it.
 */
void ngx_http_llmbroker_attempt_begun(ngx_http_llmbroker_attempt_t *at);

/*
 * The header was read: takes a small buffer for the events, unless more than
 * fits has come with it.  Moves what was read, to which nothing may refer.
 * Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_attempt_narrow(ngx_http_llmbroker_attempt_t *at);

/*
 * Takes a large one again when a read has filled the small one: reads and
 * writes cost more than what they carry.  To what was read may be referred.
 *
 * bytes:  of the last read, with which everything is done
 *
 * Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_attempt_widen(ngx_http_llmbroker_attempt_t *at,
    ssize_t bytes);

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

/* Takes a response header back; name is in lower case. */
void ngx_http_llmbroker_attempt_forget(ngx_http_llmbroker_attempt_t *at,
    ngx_str_t *name);

/*
 * The provider's message is unusable: ends the attempt with the fault "The
 * provider sent <what>.".
 */
void ngx_http_llmbroker_attempt_bad(ngx_http_llmbroker_attempt_t *at,
    const char *what);


#endif /* _NGX_HTTP_LLMBROKER_ATTEMPT_H_INCLUDED_ */
