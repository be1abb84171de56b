
/*
 * Between the parts of the Bedrock dialect: ..._model.c knows addresses, keys
 * and models; ..._bedrock.c reads answers, with ..._blocks.c and ..._error.c;
 * the others write requests.  What a request asks for is gathered by the parts
 * of the Claude dialect, see ..._claude.h: Converse has the same blocks under
 * other names.
 */


#ifndef _NGX_HTTP_LLMBROKER_BEDROCK_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_BEDROCK_H_INCLUDED_


#include "provider/ngx_http_llmbroker_claude.h"


#define NGX_HTTP_LLMBROKER_BEDROCK_NAME       200  /* bytes of a document's */
#define NGX_HTTP_LLMBROKER_BEDROCK_DOCUMENTS  64   /* with names of their own */
#define NGX_HTTP_LLMBROKER_BEDROCK_ID         64   /* bytes of a call's */


/* of an answer; claude is the first member, as both are ex->state */
typedef struct {
    ngx_http_llmbroker_claude_t          claude;
    ngx_uint_t                           block;   /* of which claude.in is */
    ngx_array_t                          tools;   /* of ngx_uint_t: blocks */
    ngx_str_t                            error;   /* of x-amzn-errortype */
    unsigned                             result:1; /* in is a toolResult */
} ngx_http_llmbroker_bedrock_t;


/* claude is the first member, as its functions are given it */
typedef struct {
    ngx_http_llmbroker_claude_build_t    claude;
    ngx_http_llmbroker_json_t           *fields;  /* the client's own, or
                                                     NULL */
    ngx_int_t                            max_tokens;  /* -1: not asked */
    ngx_array_t                          names;   /* of ngx_str_t */
    ngx_array_t                          schemas; /* of ngx_str_t: one for each
                                                     tool, empty if it is not
                                                     strict */
    const char                          *tier;    /* or NULL */
    ngx_str_t                            schema;  /* of native output */
    ngx_uint_t                           caches;  /* written so far */

    unsigned                             is_claude:1;
    unsigned                             mistral:1;   /* its ids are short */
    unsigned                             no_tools:1;  /* none is offered */
    unsigned                             apart:1;     /* the choice is among
                                                         the model's fields */
} ngx_http_llmbroker_bedrock_build_t;


/* what is told at once need not live longer than the event */
#define ngx_http_llmbroker_bedrock_pool(ex)                                  \
    ((ex)->temp ? (ex)->temp : (ex)->pool)


/* ngx_http_llmbroker_dialect_t.configure and .sign */
ngx_int_t ngx_http_llmbroker_bedrock_address(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target);
ngx_int_t ngx_http_llmbroker_bedrock_sign(ngx_http_llmbroker_exchange_t *ex,
    ngx_str_t *path, ngx_chain_t *body, time_t now, ngx_str_t *lines);

/* ngx_http_llmbroker_dialect_t.header and .error */
ngx_int_t ngx_http_llmbroker_bedrock_header(ngx_http_llmbroker_exchange_t *ex,
    ngx_str_t *name, ngx_str_t *value);
void ngx_http_llmbroker_bedrock_error(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t status, ngx_http_llmbroker_json_t *root, ngx_str_t *text);

/*
 * Fills ex->fault as ngx_http_llmbroker_bedrock_error() does, for an exception
 * of this name; status is 0 where there is none.
 */
void ngx_http_llmbroker_bedrock_fault(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t status, ngx_str_t name, ngx_http_llmbroker_json_t *root,
    ngx_str_t *text);

/* ex->state, made when it is not there; NULL on a lack of memory */
ngx_http_llmbroker_bedrock_t *ngx_http_llmbroker_bedrock_state(
    ngx_http_llmbroker_exchange_t *ex);

/*
 * Content: a whole block; the events that open, fill and close number n; the
 * end of whatever is open.
 * Return: NGX_OK; NGX_DECLINED with ex->fault set; NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_bedrock_block(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_bedrock_t *b, ngx_http_llmbroker_json_t *block);
ngx_int_t ngx_http_llmbroker_bedrock_open(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_bedrock_t *b, ngx_uint_t n,
    ngx_http_llmbroker_json_t *start);
ngx_int_t ngx_http_llmbroker_bedrock_delta(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_bedrock_t *b, ngx_uint_t n,
    ngx_http_llmbroker_json_t *delta);
ngx_int_t ngx_http_llmbroker_bedrock_close(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_bedrock_t *b, ngx_uint_t n);
ngx_int_t ngx_http_llmbroker_bedrock_leave(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_bedrock_t *b);

/* ngx_http_llmbroker_dialect_t.build */
ngx_int_t ngx_http_llmbroker_bedrock_build(ngx_http_llmbroker_exchange_t *ex);

/* ngx_http_llmbroker_claude_media_pt: images and documents */
ngx_int_t ngx_http_llmbroker_bedrock_media(
    ngx_http_llmbroker_claude_build_t *claude, ngx_uint_t i,
    ngx_http_llmbroker_json_t *part);

/* the members system and messages */
void ngx_http_llmbroker_bedrock_write_messages(
    ngx_http_llmbroker_bedrock_build_t *b);

/* a cachePoint behind what asked for it, unless there are too many */
void ngx_http_llmbroker_bedrock_write_cache(
    ngx_http_llmbroker_bedrock_build_t *b, ngx_http_llmbroker_json_t *cache);

/*
 * Decides on how tools are offered and chosen; after
 * ngx_http_llmbroker_claude_tools() and ..._format().
 * Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_bedrock_tools(
    ngx_http_llmbroker_bedrock_build_t *b);

/* the members toolConfig and outputConfig; tool_choice of a model's fields */
void ngx_http_llmbroker_bedrock_write_tools(
    ngx_http_llmbroker_bedrock_build_t *b);
void ngx_http_llmbroker_bedrock_write_output(
    ngx_http_llmbroker_bedrock_build_t *b);
void ngx_http_llmbroker_bedrock_write_choice(
    ngx_http_llmbroker_bedrock_build_t *b);


#endif /* _NGX_HTTP_LLMBROKER_BEDROCK_H_INCLUDED_ */
