
/*
 * Between the parts of the native Qwen dialect: ..._model.c knows addresses
 * and models; ..._qwen.c reads answers, with ..._grow.c and ..._probs.c for
 * what comes in pieces, ..._usage.c for what was counted and ..._extra.c for
 * what OpenAI does not have; ..._error.c knows DashScope's codes; ..._embed.c
 * is about embeddings; the others write requests.  Functions that return
 * ngx_int_t return NGX_OK; NGX_DECLINED with the exchange's fault set;
 * NGX_ERROR on a lack of memory.
 */


#ifndef _NGX_HTTP_LLMBROKER_QWEN_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_QWEN_H_INCLUDED_


#include "provider/ngx_http_llmbroker_provider.h"
#include "provider/ngx_http_llmbroker_text.h"


#define NGX_HTTP_LLMBROKER_QWEN_TOOLS   512
#define NGX_HTTP_LLMBROKER_QWEN_NAME    4096
#define NGX_HTTP_LLMBROKER_QWEN_EXTRAS  16      /* names, of a choice */


/* what is made of a model once; the dialect's target->abilities */
typedef struct {
    ngx_str_t                            head;        /* of a request, as far
                                                         as its messages */
    ngx_str_t                            media_path;  /* of generation */
    unsigned                             media:1;     /* is asked there */
    unsigned                             text_only:1; /* never */
    unsigned                             quiet:1;     /* thinks only when it
                                                         streams */
} ngx_http_llmbroker_qwen_model_t;


typedef struct {
    ngx_str_t                            name;        /* inner */
    ngx_http_llmbroker_json_t           *function;
    unsigned                             custom:1;    /* R62 */
    unsigned                             hidden:1;    /* not allowed (R67) */
} ngx_http_llmbroker_qwen_function_t;


/* members of a request, in the order of the rules about them */
typedef enum {
    NGX_HTTP_LLMBROKER_QWEN_P_MODEL = 0,
    NGX_HTTP_LLMBROKER_QWEN_P_MESSAGES,
    NGX_HTTP_LLMBROKER_QWEN_P_STREAM,
    NGX_HTTP_LLMBROKER_QWEN_P_MAX_TOKENS,
    NGX_HTTP_LLMBROKER_QWEN_P_TEMPERATURE,
    NGX_HTTP_LLMBROKER_QWEN_P_TOP_P,
    NGX_HTTP_LLMBROKER_QWEN_P_TOP_K,      /* from here on as they are */
    NGX_HTTP_LLMBROKER_QWEN_P_N,
    NGX_HTTP_LLMBROKER_QWEN_P_OCR = NGX_HTTP_LLMBROKER_QWEN_P_TOP_K + 12,
    NGX_HTTP_LLMBROKER_QWEN_P_LOGPROBS,
    NGX_HTTP_LLMBROKER_QWEN_P_TOP_LOGPROBS,
    NGX_HTTP_LLMBROKER_QWEN_P_WEB_SEARCH,
    NGX_HTTP_LLMBROKER_QWEN_P_SEARCH,
    NGX_HTTP_LLMBROKER_QWEN_P_SEARCH_OPTIONS,
    NGX_HTTP_LLMBROKER_QWEN_P_EFFORT,
    NGX_HTTP_LLMBROKER_QWEN_P_THINKING,
    NGX_HTTP_LLMBROKER_QWEN_P_BUDGET,
    NGX_HTTP_LLMBROKER_QWEN_P_MODALITIES,
    NGX_HTTP_LLMBROKER_QWEN_P_TOOLS,
    NGX_HTTP_LLMBROKER_QWEN_P_FUNCTIONS,
    NGX_HTTP_LLMBROKER_QWEN_P_PARALLEL
} ngx_http_llmbroker_qwen_param_e;


/* a request in the making */
typedef struct {
    ngx_http_llmbroker_exchange_t       *ex;
    ngx_http_llmbroker_json_t          **params;      /* by qwen_param_e */

    ngx_array_t                          functions;   /* of qwen_function_t */
    ngx_str_t                            choice;      /* raw, or empty */
    ngx_str_t                            chosen;      /* inner, or empty */
    ngx_int_t                            logprobs;    /* of a completion,
                                                         or -1 */
    ngx_str_t                            call;        /* raw: the id of the
                                                         last legacy call */
    unsigned                             media:1;     /* multimodal */
    unsigned                             plain:1;     /* messages are sent as
                                                         they are */
    unsigned                             failed:1;    /* no memory; sticks */

    /* for what has to be made anew: messages, tools */
    ngx_http_llmbroker_json_writer_t     w;
} ngx_http_llmbroker_qwen_build_t;


/* whether a frame of a stream holds what is new or all there is (N6) */
typedef enum {
    NGX_HTTP_LLMBROKER_QWEN_UNKNOWN = 0,
    NGX_HTTP_LLMBROKER_QWEN_PIECES,
    NGX_HTTP_LLMBROKER_QWEN_GROWING
} ngx_http_llmbroker_qwen_mode_e;


/* a text that comes in frames; all inner */
typedef struct {
    size_t                               told;    /* bytes of a growing text */
    ngx_http_llmbroker_text_t            last;    /* frame, while unknown */
    ngx_http_llmbroker_text_t            held;    /* frames, while unknown */
} ngx_http_llmbroker_qwen_field_t;


/* a tool call of a stream; it is told when its name is whole (N5) */
typedef struct {
    ngx_int_t                            index;   /* the provider's */
    ngx_str_t                            id;      /* inner */
    ngx_http_llmbroker_text_t            name;    /* inner */
    ngx_http_llmbroker_qwen_field_t      arguments;
} ngx_http_llmbroker_qwen_tool_t;


/* a member that is told at the end, as it was last */
typedef struct {
    ngx_str_t                            name;
    ngx_http_llmbroker_text_t            raw;
} ngx_http_llmbroker_qwen_extra_t;


typedef struct {
    ngx_http_llmbroker_qwen_field_t      text;
    ngx_http_llmbroker_qwen_field_t      reasoning;
    ngx_array_t                          tools;   /* of qwen_tool_t; none:
                                                     not initialized */
    ngx_uint_t                           opened;  /* of tools */
    ngx_int_t                            output;  /* tokens so far */

    ngx_http_llmbroker_text_t            probs;   /* held, raw with commas */
    ngx_http_llmbroker_text_t            probs_last; /* raw, of a frame */
    ngx_uint_t                           probs_told; /* elements */

    ngx_http_llmbroker_text_t            images;  /* raw, with commas */
    ngx_http_llmbroker_text_t            parts;   /* raw, with commas */
    ngx_uint_t                           nparts;  /* of both, in a stream */
    ngx_array_t                          extras;  /* of qwen_extra_t; none:
                                                     not initialized */
    unsigned                             holds:1; /* a field or probs */
    unsigned                             finished:1;
} ngx_http_llmbroker_qwen_choice_t;


/* of an answer */
typedef struct {
    ngx_array_t                          choices; /* of qwen_choice_t */
    ngx_str_t                            id;      /* inner: request_id */
    ngx_http_llmbroker_qwen_mode_e       mode;
    ngx_uint_t                           grown;   /* frames in a row that */
    ngx_uint_t                           same;    /* speak for a mode */
    unsigned                             idle:1;  /* no token was added */
} ngx_http_llmbroker_qwen_t;


/* what is told at once need not live longer than the event */
#define ngx_http_llmbroker_qwen_pool(ex)                                     \
    ((ex)->temp ? (ex)->temp : (ex)->pool)


/* ngx_http_llmbroker_dialect_t.configure */
ngx_int_t ngx_http_llmbroker_qwen_configure(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target);

/* ngx_http_llmbroker_dialect_t.build */
ngx_int_t ngx_http_llmbroker_qwen_build(ngx_http_llmbroker_exchange_t *ex);

/* the same of a call for embeddings */
ngx_int_t ngx_http_llmbroker_qwen_embed(ngx_http_llmbroker_exchange_t *ex);

/* ngx_http_llmbroker_dialect_t.response of a call for embeddings */
ngx_int_t ngx_http_llmbroker_qwen_embedded(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *root);

/* ngx_http_llmbroker_params_get() of b->params[i] */
ngx_int_t ngx_http_llmbroker_qwen_param(ngx_http_llmbroker_qwen_build_t *b,
    ngx_uint_t i, ngx_http_llmbroker_json_type_e type,
    ngx_http_llmbroker_json_t **v);

/* Decides whether the request is multimodal and checks its messages. */
ngx_int_t ngx_http_llmbroker_qwen_check_messages(
    ngx_http_llmbroker_qwen_build_t *b);

/* the member messages */
ngx_int_t ngx_http_llmbroker_qwen_write_messages(
    ngx_http_llmbroker_qwen_build_t *b);

/*
 * Checks messages[i].content and tells by *media whether a text model cannot
 * read it.
 */
ngx_int_t ngx_http_llmbroker_qwen_check_content(
    ngx_http_llmbroker_qwen_build_t *b, ngx_uint_t i,
    ngx_http_llmbroker_json_t *content, ngx_uint_t *media);

/* the member content of a message, whose content may be NULL */
void ngx_http_llmbroker_qwen_write_content(ngx_http_llmbroker_qwen_build_t *b,
    ngx_http_llmbroker_json_t *content);

/* gathers b->functions and decides on the choice among them */
ngx_int_t ngx_http_llmbroker_qwen_tools(ngx_http_llmbroker_qwen_build_t *b);

/* the members tools and tool_choice, of parameters */
void ngx_http_llmbroker_qwen_write_tools(ngx_http_llmbroker_qwen_build_t *b);

/*
 * A request beyond what b->w writes: bytes, which are referred to when they
 * are many; a member of parameters behind another one; the same by the same
 * name, nothing for what is absent or null.
 */
void ngx_http_llmbroker_qwen_put(ngx_http_llmbroker_qwen_build_t *b,
    const void *p, size_t len);
void ngx_http_llmbroker_qwen_member(ngx_http_llmbroker_qwen_build_t *b,
    const char *name, ngx_str_t *raw);
void ngx_http_llmbroker_qwen_same(ngx_http_llmbroker_qwen_build_t *b,
    ngx_uint_t i);

#define ngx_http_llmbroker_qwen_put_lit(b, text)                             \
    ngx_http_llmbroker_qwen_put(b, text, sizeof(text) - 1)

/* a member of an object by the same name; nothing for what is null */
void ngx_http_llmbroker_qwen_write_raw(ngx_http_llmbroker_json_writer_t *w,
    ngx_http_llmbroker_json_t *object, const char *name);

/* choice n of the answer, made when it is not there */
ngx_int_t ngx_http_llmbroker_qwen_choice(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_qwen_choice_t **choice);

/*
 * Tells what a frame adds to a text of choice n, or what it may be decided
 * later to have added (N6).  In a whole answer that is all of it.
 */
ngx_int_t ngx_http_llmbroker_qwen_text(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_str_t *inner, ngx_uint_t whole);
ngx_int_t ngx_http_llmbroker_qwen_reasoning(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_str_t *inner, ngx_uint_t whole);

/* the same of the frame's array of tool calls, or NULL */
ngx_int_t ngx_http_llmbroker_qwen_calls(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_json_t *calls, ngx_uint_t whole);

/* the same of the frame's logprobs, behind its text */
ngx_int_t ngx_http_llmbroker_qwen_logprobs(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_json_t *logprobs, ngx_uint_t whole);

/* Tells those that were held of choice n, when the mode is known. */
ngx_int_t ngx_http_llmbroker_qwen_flush_probs(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n);

/* Tells what is held of choice n, and the tool calls without arguments. */
ngx_int_t ngx_http_llmbroker_qwen_settle(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n);

/* Keeps an element of a content that is no text; of a stream, each once. */
ngx_int_t ngx_http_llmbroker_qwen_part(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_json_t *part, ngx_uint_t whole);

/* Keeps the members of an object that OpenAI has no place for. */
ngx_int_t ngx_http_llmbroker_qwen_extras(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_json_t *object);

/*
 * Learns the usage, which may be NULL or nonsense, of an answer or of a frame
 * with these choices, or NULL.
 */
ngx_int_t ngx_http_llmbroker_qwen_usage(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *usage, ngx_http_llmbroker_json_t *choices);

/* Keeps the usage when it counts what OpenAI does not. */
ngx_int_t ngx_http_llmbroker_qwen_counts(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *usage);

/* Tells what was kept of choice n. */
ngx_int_t ngx_http_llmbroker_qwen_rest(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n);

/* ngx_http_llmbroker_dialect_t.error */
void ngx_http_llmbroker_qwen_error(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t status, ngx_http_llmbroker_json_t *root, ngx_str_t *text);

/*
 * The fault of an error in a 200 answer or in a stream, whose event tells a
 * status or 0.  NGX_DECLINED.
 */
ngx_int_t ngx_http_llmbroker_qwen_failed(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *root, ngx_uint_t told);


#endif /* _NGX_HTTP_LLMBROKER_QWEN_H_INCLUDED_ */
