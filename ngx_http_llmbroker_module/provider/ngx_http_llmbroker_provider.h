
/*
 * The interface between the gateway and the dialects that providers speak.
 *
 * A dialect is a table of functions over byte ranges and JSON trees.  It
 * knows no request, connection or configuration file, never blocks and
 * allocates only from the pools that an exchange carries.
 *
 * To add a provider: one row in ngx_http_llmbroker_provider.c when it speaks
 * a dialect that is there, and one new file when it does not.
 */


#ifndef _NGX_HTTP_LLMBROKER_PROVIDER_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_PROVIDER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "codec/ngx_http_llmbroker_json.h"
#include "codec/ngx_http_llmbroker_json_write.h"
#include "codec/ngx_http_llmbroker_sse.h"


typedef enum {
    NGX_HTTP_LLMBROKER_CHAT = 0,
    NGX_HTTP_LLMBROKER_COMPLETIONS,
    NGX_HTTP_LLMBROKER_EMBEDDINGS,
    NGX_HTTP_LLMBROKER_CALLS          /* number of the above */
} ngx_http_llmbroker_call_e;


typedef struct ngx_http_llmbroker_dialect_s   ngx_http_llmbroker_dialect_t;
typedef struct ngx_http_llmbroker_exchange_s  ngx_http_llmbroker_exchange_t;


/*
 * What is asked of and known about one address, made at configuration time.
 * "paths", "headers" and "inner_model" are the dialect's to fill
 * (ngx_http_llmbroker_dialect_t.configure), the rest is given to it.
 */
typedef struct {
    const ngx_http_llmbroker_dialect_t  *dialect;
    ngx_str_t                            provider;  /* name to show */
    ngx_str_t                            model;     /* the provider's name */
    ngx_str_t                            api_key;   /* may be empty */
    ngx_str_t                            base_path; /* "/v1", no final "/" */

    /* path and query for each kind of call; [1] when it is streamed */
    ngx_str_t                            paths[NGX_HTTP_LLMBROKER_CALLS][2];

    /*
     * header lines "Name: value\r\n" for the dialect: authentication, version
     * and what else it needs; [1] when the call is streamed.  Host,
     * Connection, Content-Type, Content-Length, Accept, Accept-Encoding and
     * User-Agent are not among them.
     */
    ngx_str_t                            headers[2];

    /* model as the inside of a JSON string */
    ngx_str_t                            inner_model;
} ngx_http_llmbroker_target_t;


/* token counts; -1 where the provider did not tell */
typedef struct {
    ngx_int_t                            prompt;
    ngx_int_t                            completion;
    ngx_int_t                            total;
    ngx_int_t                            cached;       /* within prompt */
    ngx_int_t                            cache_write;  /* within prompt */
    ngx_int_t                            reasoning;    /* within completion */
} ngx_http_llmbroker_usage_t;


/*
 * A refusal or failure as a dialect reports it.  status is an HTTP status of
 * the provider's meaning (429, 529, 400, ...; 0: a bad answer), from which the
 * gateway's error table makes the client's status, type and code; type, code
 * and param, when not empty, win over the table's.  Texts are decoded.
 */
typedef struct {
    ngx_uint_t                           status;
    ngx_str_t                            message;
    ngx_str_t                            type;
    ngx_str_t                            code;
    ngx_str_t                            param;
} ngx_http_llmbroker_fault_t;


/* One call of one target, from the request's body to the answer's end. */
struct ngx_http_llmbroker_exchange_s {
    ngx_pool_t                          *pool;     /* the request's */
    ngx_pool_t                          *temp;     /* emptied between events */
    ngx_log_t                           *log;

    const ngx_http_llmbroker_target_t   *target;
    ngx_http_llmbroker_call_e            call;
    time_t                               created;

    unsigned                             stream:1; /* the client's wish */
    unsigned                             usage_wanted:1; /* include_usage */

    /* build() */
    ngx_http_llmbroker_json_t           *request;  /* OpenAI's form, after
                                                      injection; NULL when the
                                                      dialect splices */
    ngx_http_llmbroker_out_t            *body;     /* to the provider */
    ngx_str_t                            dropped;  /* "a, b": names that the
                                                      translation dropped */

    /* response(), event(), end(): the client's bytes are written here */
    ngx_http_llmbroker_out_t            *out;

    /* what the answer has told so far; for logs, headers and limits */
    ngx_http_llmbroker_usage_t           usage;
    ngx_str_t                            finish_reason;  /* static text */

    ngx_http_llmbroker_fault_t           fault;

    unsigned                             done:1;   /* the answer is complete:
                                                      what follows is noise */
    void                                *answer;   /* of ..._answer.c */
    void                                *state;    /* the dialect's own */
};


struct ngx_http_llmbroker_dialect_s {
    ngx_str_t                            name;

    /*
     * The dialect is OpenAI's own: a request's bytes are edited in place
     * (build is NULL), and answers that check() or event() approve of are
     * passed on as they are.
     */
    unsigned                             splice:1;

    /* 1 << NGX_HTTP_LLMBROKER_CHAT | ...: what it can be asked */
    ngx_uint_t                           calls;

    /*
     * Fills target->paths and target->headers from the rest; at configuration
     * time.  Return: NGX_OK, NGX_ERROR.
     */
    ngx_int_t  (*configure)(ngx_pool_t *pool,
        ngx_http_llmbroker_target_t *target);

    /*
     * Translates ex->request to the provider's body in ex->body.
     * Return: NGX_OK; NGX_DECLINED when it cannot be expressed, with ex->fault
     * set (status 400, param); NGX_ERROR.
     */
    ngx_int_t  (*build)(ngx_http_llmbroker_exchange_t *ex);

    /*
     * Checks the next piece of a buffered 200 answer that is passed on as it
     * is, and learns usage and finish reason; p == last at the end.  Only of
     * a dialect with splice.
     * Return: NGX_OK; NGX_DECLINED when the answer is not what the call must
     * answer, with ex->fault set; NGX_ERROR.
     */
    ngx_int_t  (*check)(ngx_http_llmbroker_exchange_t *ex, u_char *p,
        u_char *last);

    /*
     * Translates a whole buffered 200 answer by way of ..._answer.h, which
     * writes a JSON object or, for a streamed call, events.
     * Return: NGX_OK; NGX_DECLINED when it is an error or no answer, with
     * ex->fault set; NGX_ERROR.
     */
    ngx_int_t  (*response)(ngx_http_llmbroker_exchange_t *ex,
        ngx_http_llmbroker_json_t *root);

    /*
     * Translates one event of a stream, again by way of ..._answer.h.
     * Return:
     *   NGX_OK        done; nothing, one or several events are in ex->out
     *   NGX_DONE      pass the event on as it is (splice only)
     *   NGX_DECLINED  it is an error or malformed; ex->fault is set
     *   NGX_ERROR     lack of memory
     */
    ngx_int_t  (*event)(ngx_http_llmbroker_exchange_t *ex,
        ngx_http_llmbroker_sse_event_t *event);

    /*
     * The provider has ended its stream: writes what is still owed (a finish,
     * the usage, "[DONE]").
     * Return: NGX_OK; NGX_DECLINED when the stream was cut short, with
     * ex->fault set; NGX_ERROR.
     */
    ngx_int_t  (*end)(ngx_http_llmbroker_exchange_t *ex);

    /*
     * Reads an answer that is no 200: fills ex->fault, whose status is given
     * as "status" and may be changed to what the body really says.
     *
     * root:  the body's tree, NULL when it is no JSON
     * text:  the body, or its beginning
     */
    void       (*error)(ngx_http_llmbroker_exchange_t *ex, ngx_uint_t status,
        ngx_http_llmbroker_json_t *root, ngx_str_t *text);
};


/* One word that a YAML file may write as "provider:". */
typedef struct {
    ngx_str_t                            name;
    ngx_str_t                            alias;      /* or empty */
    ngx_str_t                            base_url;   /* the default */
    const ngx_http_llmbroker_dialect_t  *dialect;
    /* another dialect when the base URL's path ends in suffix; or empty */
    ngx_str_t                            suffix;
    const ngx_http_llmbroker_dialect_t  *suffix_dialect;
} ngx_http_llmbroker_provider_t;


extern const ngx_http_llmbroker_dialect_t  ngx_http_llmbroker_openai;
extern const ngx_http_llmbroker_dialect_t  ngx_http_llmbroker_claude;
extern const ngx_http_llmbroker_dialect_t  ngx_http_llmbroker_qwen;

/* the registration array; ends with an empty name */
extern const ngx_http_llmbroker_provider_t  ngx_http_llmbroker_providers[];


/* The row of a provider's name or alias; NULL when there is none. */
const ngx_http_llmbroker_provider_t *ngx_http_llmbroker_provider_find(
    ngx_str_t *name);

/* The dialect that a provider speaks at an address with this base path. */
const ngx_http_llmbroker_dialect_t *ngx_http_llmbroker_provider_dialect(
    const ngx_http_llmbroker_provider_t *provider, ngx_str_t *base_path);

/*
 * For configure(): a call's path, the same buffered and streamed, and the
 * header lines, made of name and key when there is a key and of "more" (may
 * be empty), the same too; and the model's JSON form.
 * Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_target_path(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target, ngx_http_llmbroker_call_e call,
    const char *path);
ngx_int_t ngx_http_llmbroker_target_headers(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target, const char *name, const char *more);
ngx_int_t ngx_http_llmbroker_target_model(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target);

/*
 * The sum of two token counts, of which -1 counts as 0; what does not fit is
 * clamped to NGX_MAX_INT_T_VALUE.
 */
ngx_int_t ngx_http_llmbroker_sum(ngx_int_t a, ngx_int_t b);

/*
 * Sets ex->fault from literals and a name, which is copied; for dialects.
 * code and param may be NULL.
 * Return: NGX_DECLINED, or NGX_ERROR on a lack of memory.
 */
ngx_int_t ngx_http_llmbroker_fault(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t status, const char *code, const char *param,
    const char *message);

/*
 * Adds a parameter's name to ex->dropped (at most 1 KB in all, each name
 * once).  It is the client's text on its way to a header: what is not plain
 * becomes "_", and a long name is cut.  Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_dropped(ngx_http_llmbroker_exchange_t *ex,
    ngx_str_t *name);


#endif /* _NGX_HTTP_LLMBROKER_PROVIDER_H_INCLUDED_ */
