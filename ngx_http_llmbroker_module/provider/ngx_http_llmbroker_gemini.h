
/*
 * Between the parts of the Gemini dialect: ..._model.c knows addresses and
 * models; ..._gemini.c reads answers, with ..._parts.c and, for what is
 * unusual in them, ..._args.c and ..._extra.c; ..._embed.c is about
 * embeddings; the others write requests.  Functions that return ngx_int_t
 * return NGX_OK; NGX_DECLINED with the exchange's fault set; NGX_ERROR on a
 * lack of memory.
 */


#ifndef _NGX_HTTP_LLMBROKER_GEMINI_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_GEMINI_H_INCLUDED_


#include "provider/ngx_http_llmbroker_provider.h"
#include "provider/ngx_http_llmbroker_text.h"


#define NGX_HTTP_LLMBROKER_GEMINI_STOPS  5
#define NGX_HTTP_LLMBROKER_GEMINI_TOOLS  512   /* OpenAI has 128 */
#define NGX_HTTP_LLMBROKER_GEMINI_CALLS  1024  /* in which an id is looked up */

/* of a choice's text, in which citations are looked up */
#define NGX_HTTP_LLMBROKER_GEMINI_TEXT   (1024 * 1024)


typedef enum {
    NGX_HTTP_LLMBROKER_GEMINI_NO_THINKING = 0,
    NGX_HTTP_LLMBROKER_GEMINI_BUDGET,    /* thinkingBudget */
    NGX_HTTP_LLMBROKER_GEMINI_LEVEL      /* thinkingLevel, signatures */
} ngx_http_llmbroker_gemini_thinking_e;


/* what a model can do, by the beginning of its name */
typedef struct {
    ngx_str_t                            prefix;
    ngx_uint_t                           thinking;
    ngx_int_t                            min;     /* of a budget */
    ngx_int_t                            max;
    const char                          *least;   /* level */
    const char                          *medium;
} ngx_http_llmbroker_gemini_model_t;


typedef enum {
    NGX_HTTP_LLMBROKER_GEMINI_TEXT_PART = 0,  /* value */
    NGX_HTTP_LLMBROKER_GEMINI_EMPTY,     /* a user's message of nothing */
    NGX_HTTP_LLMBROKER_GEMINI_DATA,      /* MIME type in name, data */
    NGX_HTTP_LLMBROKER_GEMINI_URI,       /* MIME type or nothing, data */
    NGX_HTTP_LLMBROKER_GEMINI_CALL,      /* id, name, data (JSON) */
    NGX_HTTP_LLMBROKER_GEMINI_RESULT     /* id, name, the next n parts */
} ngx_http_llmbroker_gemini_kind_e;


/* id and name are inner, but a MIME type is not */
typedef struct {
    ngx_http_llmbroker_gemini_kind_e     kind;
    ngx_http_llmbroker_json_t           *value;
    ngx_http_llmbroker_json_t           *signature;  /* or NULL */
    ngx_str_t                            id;
    ngx_str_t                            name;
    ngx_str_t                            data;
    ngx_uint_t                           n;
    unsigned                             model:1;    /* else the user's */
    unsigned                             answered:1; /* of a call */
} ngx_http_llmbroker_gemini_part_t;


/* a function to declare */
typedef struct {
    ngx_str_t                            name;       /* decoded */
    ngx_http_llmbroker_json_t           *function;
    unsigned                             custom:1;   /* R62 */
    unsigned                             hidden:1;   /* not allowed (R67) */
} ngx_http_llmbroker_gemini_tool_t;


typedef struct {
    ngx_http_llmbroker_exchange_t       *ex;
    const ngx_http_llmbroker_gemini_model_t  *model;
    ngx_http_llmbroker_json_writer_t     w;

    ngx_http_llmbroker_json_t           *google;  /* extra_body.google */
    ngx_http_llmbroker_json_t           *config;  /* generation_config */

    ngx_array_t                          system;  /* of part_t */
    ngx_array_t                          parts;   /* of part_t */
    ngx_array_t                          calls;   /* of ngx_uint_t: parts */
    ngx_array_t                          stops;   /* of json_t * */
    ngx_array_t                          tools;   /* of tool_t */
    ngx_array_t                          native;  /* of json_t *: tools */
    ngx_array_t                          allowed; /* of ngx_str_t */

    ngx_int_t                            max_tokens;
    ngx_int_t                            logprobs;  /* of a completion, or
                                                       -1 */
    const char                          *mode;    /* of calls, or NULL */
    const char                          *level;   /* or NULL */
    ngx_int_t                            budget;  /* -1: none */
    unsigned                             thoughts:1;  /* are wanted */
    unsigned                             search:1;    /* googleSearch */
} ngx_http_llmbroker_gemini_build_t;


/* of an answer */
typedef struct {
    const char                          *finish;  /* or NULL so far */
    ngx_http_llmbroker_text_t            text;    /* decoded; of a search */
    ngx_uint_t                           cited;   /* pieces of it */
    ngx_uint_t                           images;

    /* a call whose arguments come in pieces */
    ngx_uint_t                           call;    /* its index */
    ngx_str_t                            name;    /* inner */
    ngx_http_llmbroker_text_t            path;    /* inner: of the last piece */
    unsigned                             calling:1;
    unsigned                             quoted:1;   /* within a string */
} ngx_http_llmbroker_gemini_choice_t;


typedef struct {
    ngx_array_t                          choices; /* of choice_t */
    ngx_str_t                            id;      /* inner */
    ngx_int_t                            prompt;
    ngx_int_t                            results; /* toolUsePromptTokenCount */
    ngx_int_t                            output;
    ngx_int_t                            thoughts;
    unsigned                             started:1;
    unsigned                             search:1;  /* the request asks */
} ngx_http_llmbroker_gemini_t;


/* what the parts of one candidate leave for its end */
typedef struct {
    ngx_http_llmbroker_text_t            images;     /* raw, with commas */
    ngx_http_llmbroker_text_t            parts;      /* raw, with commas */
    ngx_str_t                            signature;  /* inner */
} ngx_http_llmbroker_gemini_rest_t;


/* what is told at once need not live longer than the event */
#define ngx_http_llmbroker_gemini_pool(ex)                                   \
    ((ex)->temp ? (ex)->temp : (ex)->pool)


/* ngx_http_llmbroker_dialect_t.configure */
ngx_int_t ngx_http_llmbroker_gemini_configure(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target);

/* 1 when a text begins so, else 0 */
ngx_uint_t ngx_http_llmbroker_gemini_begins(ngx_str_t *text,
    const char *prefix);

/* 1 when a project of Vertex AI is asked, 0 for the Gemini API */
ngx_uint_t ngx_http_llmbroker_gemini_project(
    const ngx_http_llmbroker_target_t *target);

/* ngx_http_llmbroker_dialect_t.build */
ngx_int_t ngx_http_llmbroker_gemini_build(ngx_http_llmbroker_exchange_t *ex);

/* the same of a call for embeddings */
ngx_int_t ngx_http_llmbroker_gemini_embed(ngx_http_llmbroker_exchange_t *ex);

/* ngx_http_llmbroker_dialect_t.response of a call for embeddings */
ngx_int_t ngx_http_llmbroker_gemini_embedded(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_t *root);

/* gathers b->system and b->parts; the latter is not empty afterwards */
ngx_int_t ngx_http_llmbroker_gemini_conversation(
    ngx_http_llmbroker_gemini_build_t *b);

/* the members systemInstruction and contents */
void ngx_http_llmbroker_gemini_write_contents(
    ngx_http_llmbroker_gemini_build_t *b);

/* adds a part; NULL on a lack of memory */
ngx_http_llmbroker_gemini_part_t *ngx_http_llmbroker_gemini_push(
    ngx_array_t *parts, ngx_http_llmbroker_gemini_kind_e kind,
    ngx_http_llmbroker_json_t *value);

/*
 * Adds a part of messages[i] that is no text to b->parts: an image, audio, a
 * video, a file.
 */
ngx_int_t ngx_http_llmbroker_gemini_media(ngx_http_llmbroker_gemini_build_t *b,
    ngx_uint_t i, ngx_http_llmbroker_json_t *part);

/* gathers b->tools and b->native and decides on the choice among them */
ngx_int_t ngx_http_llmbroker_gemini_tools(
    ngx_http_llmbroker_gemini_build_t *b);

/* the members tools and toolConfig */
void ngx_http_llmbroker_gemini_write_tools(
    ngx_http_llmbroker_gemini_build_t *b);

/*
 * The member of an object by its name in lowerCamelCase or snake_case, both of
 * which Google's servers read; NULL when there is none or it is null.
 */
ngx_http_llmbroker_json_t *ngx_http_llmbroker_gemini_get(
    ngx_http_llmbroker_json_t *object, const char *name);

/* adds to the names of what was dropped */
ngx_int_t ngx_http_llmbroker_gemini_drop(ngx_http_llmbroker_gemini_build_t *b,
    const char *name);

/* ex->state, made when it is not there; NULL on a lack of memory */
ngx_http_llmbroker_gemini_t *ngx_http_llmbroker_gemini_state(
    ngx_http_llmbroker_exchange_t *ex);

/* Tells a part of candidate n; what cannot be told yet goes to "rest". */
ngx_int_t ngx_http_llmbroker_gemini_part(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_gemini_choice_t *c,
    ngx_http_llmbroker_gemini_rest_t *rest, ngx_http_llmbroker_json_t *part);

/* Tells what a functionCall adds to the arguments of call c->call. */
ngx_int_t ngx_http_llmbroker_gemini_pieces(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_gemini_choice_t *c,
    ngx_http_llmbroker_json_t *call);

/* The arguments of the call, if there is one, are complete. */
ngx_int_t ngx_http_llmbroker_gemini_end_pieces(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_http_llmbroker_gemini_choice_t *c);

/* Tells images and a signature; rest->parts remain. */
ngx_int_t ngx_http_llmbroker_gemini_rest(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_gemini_rest_t *rest);

/* Tells a candidate's logprobsResult as OpenAI's logprobs. */
ngx_int_t ngx_http_llmbroker_gemini_logprobs(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_json_t *result);

/* Tells the citations of a candidate's groundingMetadata as annotations. */
ngx_int_t ngx_http_llmbroker_gemini_grounding(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_http_llmbroker_gemini_choice_t *c,
    ngx_http_llmbroker_json_t *grounding);

/*
 * Tells the parts in "parts" (raw, with commas) and those members of a
 * candidate that OpenAI has no place for as provider_specific_fields.
 */
ngx_int_t ngx_http_llmbroker_gemini_specific(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_json_t *candidate,
    ngx_http_llmbroker_text_t *parts);


#endif /* _NGX_HTTP_LLMBROKER_GEMINI_H_INCLUDED_ */
