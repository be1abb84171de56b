
/*
 * One HTTP request that libcurl makes, beside those of clients.
 */


#ifndef _NGX_HTTP_LLMBROKER_TRANSFER_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_TRANSFER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* of an answer, its header included */
#define NGX_HTTP_LLMBROKER_ANSWER  (4 * 1024 * 1024)


typedef struct ngx_http_llmbroker_transfer_s  ngx_http_llmbroker_transfer_t;

typedef void (*ngx_http_llmbroker_transfer_pt)(
    ngx_http_llmbroker_transfer_t *t);

struct ngx_http_llmbroker_transfer_s {
    /* the caller's to fill; zeroed but for that */
    ngx_pool_t                      *pool;     /* outlives the transfer */
    ngx_log_t                       *log;
    ngx_str_t                        url;
    ngx_str_t                        resolve;  /* "host:port:addr,addr", the
                                                  only addresses of the URL's
                                                  host; empty: it is one */
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
                                                  ANSWER, what is there is
                                                  its beginning */

    /* private */
    ngx_queue_t                      queue;
    void                            *easy;     /* CURL */
    void                            *list;     /* struct curl_slist */
    void                            *hosts;    /* the same */
    char                            *error;    /* CURL_ERROR_SIZE */
    size_t                           received;
    size_t                           size;     /* of the memory of answer */
    unsigned                         lacking:1;
};


/*
 * Tells t->easy what the transfer wants.  Of the loop, like what follows.
 * Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_transfer_options(
    ngx_http_llmbroker_transfer_t *t);

/* Sets what the handler is told; code: the CURLcode with which it has ended. */
void ngx_http_llmbroker_transfer_result(ngx_http_llmbroker_transfer_t *t,
    ngx_uint_t code);

/*
 * Sets t->reason; what is not plain in the text, which may repeat what the
 * server said, becomes "?".
 */
void ngx_http_llmbroker_transfer_reason(ngx_http_llmbroker_transfer_t *t,
    const char *text);


#endif /* _NGX_HTTP_LLMBROKER_TRANSFER_H_INCLUDED_ */
