
/*
 * The orchestrator: what happens to one client request between the content
 * handler and its answer.  It lives in the main request; each call of a
 * provider is an attempt, a subrequest of its own.
 */


#ifndef _NGX_HTTP_LLMBROKER_REQUEST_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_REQUEST_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "config/ngx_http_llmbroker_conf.h"
#include "state/ngx_http_llmbroker_state.h"
#include "request/ngx_http_llmbroker_body.h"
#include "request/ngx_http_llmbroker_edit.h"
#include "request/ngx_http_llmbroker_error.h"
#include "request/ngx_http_llmbroker_router.h"


extern ngx_module_t  ngx_http_llmbroker_module;


typedef struct ngx_http_llmbroker_attempt_s  ngx_http_llmbroker_attempt_t;


/* what the rest of the module gives to every request */
typedef struct {
    ngx_http_llmbroker_conf_t       *conf;
    ngx_http_llmbroker_state_t     **states;    /* by deployment's slot */
} ngx_http_llmbroker_shared_t;


/* the module's context in a main request */
struct ngx_http_llmbroker_ctx_s {
    ngx_http_request_t              *request;
    ngx_http_llmbroker_shared_t     *shared;

    /* of what is needed until the answer begins only, or NULL */
    ngx_pool_t                      *draft;

    ngx_http_llmbroker_call_e        call;
    ngx_http_llmbroker_body_t        body;
    ngx_http_llmbroker_model_t      *model;
    ngx_str_t                        model_name;  /* as the client wrote it */
    ngx_http_llmbroker_route_t       route;


    /* the one that the answer is of: the newest, or the one that has won */
    ngx_http_llmbroker_attempt_t    *attempt;
    ngx_http_llmbroker_attempt_t    *winner;      /* has begun to answer */
    ngx_http_llmbroker_attempt_t    *running;     /* not judged yet */
    ngx_uint_t                       attempts;
    ngx_uint_t                       replaced;    /* ... a stale connection */
    ngx_uint_t                       hedges;
    ngx_uint_t                       rounds;      /* behind which it waited */

    ngx_http_llmbroker_error_t       error;       /* status 0: none */
    ngx_chain_t                     *refusal;     /* in place of nginx's page */

    /* nginx's own, while the body is read */
    ngx_http_event_handler_pt        read_event_handler;

    ngx_event_t                      timer;       /* of a hedge or a pause */
    ngx_queue_t                      queue;       /* of ..._quit.c */
    ngx_msec_t                       start;       /* of the first attempt */
    ngx_msec_t                       ttft;        /* (ngx_msec_t) -1: none */

    unsigned                         scanned:1;   /* body and model are set */
    unsigned                         scan_failed:1;
    unsigned                         stream:1;    /* the client asked for it */
    unsigned                         streaming:1; /* the header is sent */
    unsigned                         paused:1;    /* between two rounds */
    unsigned                         watched:1;   /* queue is in use */
    unsigned                         quitting:1;  /* the process is */
    unsigned                         gone:1;      /* the client, and what is
                                                     left of the answer is
                                                     read for its usage */
    unsigned                         answering:1; /* the response is ours */
    unsigned                         refused:1;   /* refusal is sent */
    unsigned                         early:1;     /* read before access */
};


/*
 * The context of the main request r, created when there is none.
 * Return: NULL on a lack of memory.
 */
ngx_http_llmbroker_ctx_t *ngx_http_llmbroker_ctx(ngx_http_request_t *r,
    ngx_http_llmbroker_shared_t *shared);

/*
 * Scans the body that was read and finds the model; for early use in access
 * phases and by ngx_http_llmbroker_request().  The second call does nothing.
 * Return: NGX_OK; NGX_DECLINED with ctx->error set; NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_request_scan(ngx_http_llmbroker_ctx_t *ctx);

/*
 * Serves a call whose body was read: the post handler of
 * ngx_http_read_client_request_body() in the content phase.  Finalizes r.
 */
void ngx_http_llmbroker_request(ngx_http_request_t *r);


#endif /* _NGX_HTTP_LLMBROKER_REQUEST_H_INCLUDED_ */
