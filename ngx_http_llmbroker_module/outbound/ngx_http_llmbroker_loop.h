
/*
 * libcurl's multi-socket interface on nginx's event loop: HTTP transfers that
 * happen beside requests and never block the worker.
 */


#ifndef _NGX_HTTP_LLMBROKER_LOOP_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_LOOP_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* at a time; more of them wait */
#define NGX_HTTP_LLMBROKER_LOOP_TRANSFERS  32

/* of an answer, its header included */
#define NGX_HTTP_LLMBROKER_LOOP_ANSWER     (4 * 1024 * 1024)


typedef struct ngx_http_llmbroker_transfer_s  ngx_http_llmbroker_transfer_t;

typedef void (*ngx_http_llmbroker_transfer_pt)(
    ngx_http_llmbroker_transfer_t *t);

struct ngx_http_llmbroker_transfer_s {
    /* the caller's to fill; zeroed but for that */
    ngx_pool_t                      *pool;     /* outlives the transfer */
    ngx_log_t                       *log;
    ngx_str_t                        url;
    ngx_str_t                        headers;  /* "Name: value\r\n" ... */
    ngx_str_t                        body;     /* of a POST */
    ngx_msec_t                       timeout;  /* of all of it */
    void                            *trusted;  /* SSL_CTX, whose certificates
                                                  are; NULL: none is needed */
    ngx_http_llmbroker_transfer_pt   handler;
    void                            *data;
    unsigned                         post:1;   /* else a GET */
    unsigned                         keep:1;   /* the answer's body is wanted */

    /*
     * For the handler.  rc: NGX_OK, there was an answer; NGX_ERROR, there was
     * none, by the server's fault or the net's; NGX_DECLINED, by a lack of
     * something here.
     */
    ngx_int_t                        rc;
    ngx_uint_t                       status;   /* of the answer */
    ngx_str_t                        answer;   /* the body, when it is kept */
    ngx_str_t                        reason;   /* when rc is not NGX_OK: plain
                                                  text for a log */
    unsigned                         cut:1;    /* the answer is longer than
                                                  LOOP_ANSWER, what is there is
                                                  its beginning */

    /* private */
    ngx_queue_t                      queue;
    void                            *easy;     /* CURL */
    void                            *list;     /* struct curl_slist */
    char                            *error;    /* CURL_ERROR_SIZE */
    size_t                           received;
    size_t                           size;     /* of the memory of answer */
    unsigned                         lacking:1;
};


/*
 * Prepares libcurl; in a process that will start transfers, before it does.
 * Return: NGX_OK, NGX_ERROR (logged).
 */
ngx_int_t ngx_http_llmbroker_loop_init(ngx_log_t *log);

/*
 * Starts a transfer, or queues it behind those that run.  The handler is
 * called once, later, never from inside of this function; then the transfer is
 * the caller's again, and its pool may go.
 * Return: NGX_OK; NGX_DECLINED when the process is about to exit; NGX_ERROR.
 * The handler is not called when it is not NGX_OK.
 */
ngx_int_t ngx_http_llmbroker_loop_start(ngx_http_llmbroker_transfer_t *t);

/*
 * Ends all transfers and gives everything back; for exit_process.  Handlers
 * are not called.  Does nothing where ..._init() was not called.
 */
void ngx_http_llmbroker_loop_exit(void);


#endif /* _NGX_HTTP_LLMBROKER_LOOP_H_INCLUDED_ */
