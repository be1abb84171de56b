
/*
 * The interface between the gateway and the dialects that providers speak.
 *
 * A dialect is a table of functions over byte ranges and JSON trees.  It
 * knows no request, connection or configuration file, never blocks and
 * allocates only from the pools that an exchange carries.
 *
 * To add a provider: one row in ngx_http_llmbroker_providers.c when it speaks
 * a dialect that is there, and one new dialect when it does not.
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


/* how the client wants its embeddings */
typedef enum {
    NGX_HTTP_LLMBROKER_ENCODING_FLOAT = 0,
    NGX_HTTP_LLMBROKER_ENCODING_BASE64,
    NGX_HTTP_LLMBROKER_ENCODING_OTHER  /* the provider's matter */
} ngx_http_llmbroker_encoding_e;


typedef struct ngx_http_llmbroker_dialect_s   ngx_http_llmbroker_dialect_t;
typedef struct ngx_http_llmbroker_exchange_s  ngx_http_llmbroker_exchange_t;
typedef struct ngx_http_llmbroker_provider_s  ngx_http_llmbroker_provider_t;


/*
 * What is asked of and known about one address, made at configuration time.
 * "paths", "headers", "models_path", "inner_model", "abilities" and "why" are
 * the dialect's to fill (ngx_http_llmbroker_dialect_t.configure), the rest is
 * given to it.
 */
typedef struct {
    const ngx_http_llmbroker_dialect_t  *dialect;
    const ngx_http_llmbroker_provider_t *row;
    ngx_str_t                            provider;  /* name to show */
    ngx_str_t                            model;     /* the provider's name */
    ngx_str_t                            api_key;   /* may be empty */
    ngx_str_t                            host;      /* of the Host header */
    ngx_str_t                            base_path; /* "/v1", no final "/" */

    /* keys of the YAML file that some dialects need; may be empty */
    ngx_str_t                            api_version;
    ngx_str_t                            region;
    ngx_str_t                            access_key_id;
    ngx_str_t                            secret_access_key;
    ngx_str_t                            session_token;

    /* the YAML file's "capabilities" as a JSON object, or NULL */
    ngx_http_llmbroker_json_t           *capabilities;

    /* 1 << NGX_HTTP_LLMBROKER_CHAT | ...: what the provider serves itself;
       of the row and the dialect */
    ngx_uint_t                           calls;

    /* path and query for each kind of call; [1] when it is streamed */
    ngx_str_t                            paths[NGX_HTTP_LLMBROKER_CALLS][2];

    /*
     * header lines "Name: value\r\n" for the dialect: authentication, version
     * and what else it needs; [1] when the call is streamed.  Host,
     * Connection, Content-Type, Content-Length, Accept, Accept-Encoding and
     * User-Agent are not among them.
     */
    ngx_str_t                            headers[2];

    /* path and query of a GET, with headers[0], for the provider's list of its
       models; empty: it has none */
    ngx_str_t                            models_path;

    /* model as the inside of a JSON string */
    ngx_str_t                            inner_model;

    unsigned                             usage_untold:1; /* streams cannot
                                                      be asked for the usage:
                                                      "stream_options" is
                                                      refused */
    unsigned                             models_other:1; /* "model" is not
                                                      a name of that list */

    void                                *abilities; /* the dialect's own */

    const char                          *why;       /* configure() declined */
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
    ngx_uint_t                           retry_after; /* seconds, told in the
                                                         body; 0: not told */
} ngx_http_llmbroker_fault_t;


/* One call of one target, from the request's body to the answer's end. */
struct ngx_http_llmbroker_exchange_s {
    ngx_pool_t                          *pool;     /* the request's */
    ngx_pool_t                          *temp;     /* emptied between events */
    ngx_log_t                           *log;

    const ngx_http_llmbroker_target_t   *target;
    ngx_http_llmbroker_call_e            call;
    ngx_http_llmbroker_encoding_e        encoding;
    time_t                               created;

    unsigned                             stream:1; /* the client's wish */
    unsigned                             usage_wanted:1; /* include_usage */
    unsigned                             splice:1; /* the bytes of request and
                                                      answer are passed on */

    /*
     * A completions call of several prompts that is told as one answer: this
     * exchange is for prompt number "part", and its choices come behind the
     * "first" choices of the parts before; build() sets "parts".
     */
    ngx_uint_t                           part;
    ngx_uint_t                           parts;
    ngx_uint_t                           first;

    /* build(): what the request's form asks of the answer's */
    ngx_array_t                         *custom;   /* of ngx_str_t, inner:
                                                      names of custom tools */
    ngx_str_t                            echo;     /* inner: a completion
                                                      begins with its prompt */
    unsigned                             legacy:1; /* function_call in place
                                                      of tool_calls (R45) */

    /* build() */
    ngx_http_llmbroker_json_t           *request;  /* OpenAI's form, after
                                                      injection; NULL when the
                                                      dialect splices */
    uint64_t                             names;    /* of ..._params.c: a bit
                                                      for what it may have;
                                                      0: not yet known */
    ngx_http_llmbroker_out_t            *body;     /* to the provider */
    ngx_str_t                            path;     /* in place of the target's,
                                                      or empty */
    ngx_str_t                            dropped;  /* "a, b": names that the
                                                      translation dropped */

    /* response(), event(), end(): the client's bytes are written here */
    ngx_http_llmbroker_out_t            *out;

    /* what the answer has told so far; for logs, headers and limits */
    ngx_http_llmbroker_usage_t           usage;
    ngx_str_t                            finish_reason;  /* static text */

    ngx_http_llmbroker_fault_t           fault;

    unsigned                             flat:1;   /* check(): response()
                                                      needs no tree */

    /*
     * Of a stream: a piece of the answer was written, or is in the event that
     * is passed on: text, reasoning, a refusal, a tool call, the reason for
     * which a choice ended.  A role, usage or a comment is none, so that until
     * then another provider can still be asked.
     */
    unsigned                             begun:1;

    unsigned                             done:1;   /* the answer is complete:
                                                      what follows is noise */
    void                                *answer;   /* of ..._answer.c */
    void                                *state;    /* the dialect's own */
};


struct ngx_http_llmbroker_dialect_s {
    ngx_str_t                            name;

    /*
     * The dialect is OpenAI's own: a request's bytes are edited in place, and
     * answers that check() or event() approve of are passed on as they are.
     * build() is for calls that the provider does not serve itself.
     */
    unsigned                             splice:1;

    /* 1 << NGX_HTTP_LLMBROKER_CHAT | ...: what it can be asked */
    ngx_uint_t                           calls;

    /* a stream comes in frames of application/vnd.amazon.eventstream */
    unsigned                             frames:1;

    /*
     * Fills target->paths, target->headers and the like from the rest; at
     * configuration time.  Return: NGX_OK; NGX_DECLINED when this
     * configuration cannot work, with target->why set (static text);
     * NGX_ERROR.
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
     * Return: NGX_OK; at the end also NGX_DONE when the answer is usable but
     * not well-formed, so that response() must write it anew; NGX_DECLINED
     * when the answer is not what the call must answer, with ex->fault set;
     * NGX_ERROR.
     */
    ngx_int_t  (*check)(ngx_http_llmbroker_exchange_t *ex, u_char *p,
        u_char *last);

    /*
     * Translates a whole buffered 200 answer by way of ..._answer.h, which
     * writes a JSON object or, for a streamed call, events.  root has its type
     * and text only when check() has set ex->flat.
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

    /*
     * A header line of the provider's answer that the core does not know, of
     * any status and before the functions that read the body; both texts are
     * gone afterwards.  name is in lower case and may be replaced, like value,
     * by what OpenAI says (rules H), from ex->pool.  What was told under the
     * same name before is forgotten.
     * Return: NGX_OK to pass it to the client, NGX_DECLINED not to, NGX_ERROR.
     * May be NULL.
     */
    ngx_int_t  (*header)(ngx_http_llmbroker_exchange_t *ex, ngx_str_t *name,
        ngx_str_t *value);

    /*
     * Adds header lines ("Name: value\r\n") that depend on the request, to be
     * sent behind target->headers: a signature.  Called each time a request
     * line is made for the body, which is in memory.  May be NULL.
     *
     * path:   of the request line, as it is sent
     * lines:  set; from ex->pool
     *
     * Return: NGX_OK, NGX_ERROR.
     */
    ngx_int_t  (*sign)(ngx_http_llmbroker_exchange_t *ex, ngx_str_t *path,
        ngx_chain_t *body, time_t now, ngx_str_t *lines);
};


/* What becomes of a member of a request that a provider's servers refuse. */
typedef enum {
    NGX_HTTP_LLMBROKER_ADAPT_DROP = 0,    /* and named as dropped */
    NGX_HTTP_LLMBROKER_ADAPT_RENAME,      /* to "to", unless that is there */
    NGX_HTTP_LLMBROKER_ADAPT_ONE,         /* 400 unless it is 1 or null */
    NGX_HTTP_LLMBROKER_ADAPT_LEAST,       /* "to" in place of less */
    NGX_HTTP_LLMBROKER_ADAPT_MOST         /* "to" in place of more */
} ngx_http_llmbroker_adapt_e;


/* a table of them ends with an empty name */
typedef struct {
    ngx_str_t                            name;
    ngx_http_llmbroker_adapt_e           action;
    ngx_str_t                            to;
} ngx_http_llmbroker_adapt_t;


/* One word that a YAML file may write as "provider:". */
struct ngx_http_llmbroker_provider_s {
    ngx_str_t                            name;
    ngx_str_t                            alias;      /* or empty */
    ngx_str_t                            base_url;   /* the default, or empty:
                                                        the file must say */
    const ngx_http_llmbroker_dialect_t  *dialect;
    /* another dialect when the base URL's path ends in suffix; or empty */
    ngx_str_t                            suffix;
    const ngx_http_llmbroker_dialect_t  *suffix_dialect;

    /* of dialect->calls; 0: all.  Others are told as chats, or refused. */
    ngx_uint_t                           calls;

    /* a spliced request's members that need care, or NULL */
    const ngx_http_llmbroker_adapt_t    *adapt;

    /* in place of the dialect's configure(), which it calls; or NULL */
    ngx_int_t  (*configure)(ngx_pool_t *pool,
        ngx_http_llmbroker_target_t *target);

    /* its streams tell the usage unasked, and it refuses "stream_options" */
    unsigned                             usage_unasked:1;
};


extern const ngx_http_llmbroker_dialect_t  ngx_http_llmbroker_openai;
extern const ngx_http_llmbroker_dialect_t  ngx_http_llmbroker_claude;
extern const ngx_http_llmbroker_dialect_t  ngx_http_llmbroker_qwen;
extern const ngx_http_llmbroker_dialect_t  ngx_http_llmbroker_gemini;
extern const ngx_http_llmbroker_dialect_t  ngx_http_llmbroker_bedrock;

/* rows of their own (ngx_http_llmbroker_provider_s.configure) */
ngx_int_t ngx_http_llmbroker_azure_configure(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target);
ngx_int_t ngx_http_llmbroker_bedrock_configure(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target);

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
 * be empty), the same too; the path of the list of models, behind the first
 * "len" bytes of the base path; and the model's JSON form.
 * Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_target_path(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target, ngx_http_llmbroker_call_e call,
    const char *path);
ngx_int_t ngx_http_llmbroker_target_headers(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target, const char *name, const char *more);
ngx_int_t ngx_http_llmbroker_target_models(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target, size_t len, const char *path);
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
