
/*
 * Between the parts of the Claude dialect: ..._claude.c reads answers, the
 * others write requests.  Functions that return ngx_int_t return NGX_OK;
 * NGX_DECLINED with the exchange's fault set; NGX_ERROR on a lack of memory.
 */


#ifndef _NGX_HTTP_LLMBROKER_CLAUDE_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_CLAUDE_H_INCLUDED_


#include "provider/ngx_http_llmbroker_provider.h"


/* what a model can do, wire format section 10 */
#define NGX_HTTP_LLMBROKER_CLAUDE_ADAPTIVE  0x01  /* adaptive thinking */
#define NGX_HTTP_LLMBROKER_CLAUDE_BUDGET    0x02  /* thinking with a budget */
#define NGX_HTTP_LLMBROKER_CLAUDE_EFFORT    0x04
#define NGX_HTTP_LLMBROKER_CLAUDE_XHIGH     0x08  /* effort "xhigh" */
#define NGX_HTTP_LLMBROKER_CLAUDE_SAMPLING  0x10  /* temperature or top_p */
#define NGX_HTTP_LLMBROKER_CLAUDE_BOTH      0x20  /* and both at once */
#define NGX_HTTP_LLMBROKER_CLAUDE_FORCED    0x40  /* forced tool_choice */

#define NGX_HTTP_LLMBROKER_CLAUDE_OLD                                        \
    (NGX_HTTP_LLMBROKER_CLAUDE_SAMPLING|NGX_HTTP_LLMBROKER_CLAUDE_BOTH       \
     |NGX_HTTP_LLMBROKER_CLAUDE_FORCED)
#define NGX_HTTP_LLMBROKER_CLAUDE_4                                          \
    (NGX_HTTP_LLMBROKER_CLAUDE_BUDGET|NGX_HTTP_LLMBROKER_CLAUDE_SAMPLING     \
     |NGX_HTTP_LLMBROKER_CLAUDE_FORCED)
#define NGX_HTTP_LLMBROKER_CLAUDE_NEW                                        \
    (NGX_HTTP_LLMBROKER_CLAUDE_ADAPTIVE|NGX_HTTP_LLMBROKER_CLAUDE_EFFORT     \
     |NGX_HTTP_LLMBROKER_CLAUDE_XHIGH|NGX_HTTP_LLMBROKER_CLAUDE_FORCED)

#define NGX_HTTP_LLMBROKER_CLAUDE_CACHES      4     /* breakpoints */
#define NGX_HTTP_LLMBROKER_CLAUDE_TOOLS       512   /* OpenAI has 128 */
#define NGX_HTTP_LLMBROKER_CLAUDE_MIN_BUDGET  1024


typedef struct {
    ngx_str_t                        prefix;
    ngx_int_t                        max;         /* of output tokens */
    ngx_uint_t                       flags;
} ngx_http_llmbroker_claude_model_t;


typedef enum {
    NGX_HTTP_LLMBROKER_CLAUDE_TEXT = 0,  /* value */
    NGX_HTTP_LLMBROKER_CLAUDE_EMPTY,     /* a user's message of nothing */
    NGX_HTTP_LLMBROKER_CLAUDE_RAW,       /* value as it is */
    NGX_HTTP_LLMBROKER_CLAUDE_THINKING,  /* value, text in data (inner) */
    NGX_HTTP_LLMBROKER_CLAUDE_IMAGE,     /* media type in name, data */
    NGX_HTTP_LLMBROKER_CLAUDE_IMAGE_URL, /* data */
    NGX_HTTP_LLMBROKER_CLAUDE_PDF,       /* data, title in value or NULL */
    NGX_HTTP_LLMBROKER_CLAUDE_TOOL_USE,  /* id, name (inner), data (JSON) */
    NGX_HTTP_LLMBROKER_CLAUDE_TOOL_RESULT  /* id, the next n blocks */
} ngx_http_llmbroker_claude_kind_e;


typedef struct {
    ngx_http_llmbroker_claude_kind_e kind;
    ngx_http_llmbroker_json_t       *value;
    ngx_http_llmbroker_json_t       *cache;  /* asks for a cache breakpoint */
    ngx_str_t                        id;
    ngx_str_t                        name;
    ngx_str_t                        data;
    ngx_uint_t                       n;
    unsigned                         assistant:1;  /* else the user's */
    unsigned                         failed:1;     /* a tool's is_error */
} ngx_http_llmbroker_claude_block_t;


typedef enum {
    NGX_HTTP_LLMBROKER_CLAUDE_NO_THINKING = 0,
    NGX_HTTP_LLMBROKER_CLAUDE_VERBATIM,      /* the client's own object */
    NGX_HTTP_LLMBROKER_CLAUDE_DISABLED,
    NGX_HTTP_LLMBROKER_CLAUDE_ADAPTIVELY,
    NGX_HTTP_LLMBROKER_CLAUDE_BUDGETED
} ngx_http_llmbroker_claude_thinking_e;


typedef struct {
    ngx_http_llmbroker_exchange_t           *ex;
    const ngx_http_llmbroker_claude_model_t *model;
    ngx_http_llmbroker_json_writer_t         w;

    ngx_array_t                              system;  /* of block_t */
    ngx_array_t                              blocks;  /* of block_t */
    ngx_array_t                              stops;   /* of json_t * */
    ngx_uint_t                               caches;  /* written so far */
    ngx_int_t                                max_tokens;

    ngx_http_llmbroker_claude_thinking_e     thinking;
    ngx_int_t                                budget;
    ngx_http_llmbroker_json_t               *effort;  /* or NULL */

    ngx_http_llmbroker_json_t               *temperature;  /* or NULL */
    ngx_http_llmbroker_json_t               *top_p;        /* or NULL */
    ngx_http_llmbroker_json_t               *top_k;        /* or NULL */
    double                                   degree;  /* the temperature */
    ngx_str_t                                user;    /* or empty */
    const char                              *tier;    /* or NULL */

    ngx_array_t                              tools;   /* of json_t * */
    ngx_array_t                              called;  /* of ngx_str_t (R46) */
    const char                              *choice;  /* its type or NULL */
    ngx_str_t                                chosen;  /* name for "tool" */

    unsigned                                 active:1;  /* it thinks */
    unsigned                                 single:1;  /* one tool a turn */
    unsigned                                 forced:1;  /* one it must */
} ngx_http_llmbroker_claude_build_t;


/* ngx_http_llmbroker_dialect_t.build of the Claude dialect */
ngx_int_t ngx_http_llmbroker_claude_build(ngx_http_llmbroker_exchange_t *ex);

/* gathers b->system and b->blocks; the latter is not empty afterwards */
ngx_int_t ngx_http_llmbroker_claude_conversation(
    ngx_http_llmbroker_claude_build_t *b);

/* the members system and messages */
void ngx_http_llmbroker_claude_write_messages(
    ngx_http_llmbroker_claude_build_t *b);

/* adds a block; NULL on a lack of memory */
ngx_http_llmbroker_claude_block_t *ngx_http_llmbroker_claude_push(
    ngx_array_t *blocks, ngx_http_llmbroker_claude_kind_e kind,
    ngx_http_llmbroker_json_t *value);

/* add an image_url or a file, a part of messages[i], to b->blocks */
ngx_int_t ngx_http_llmbroker_claude_image(
    ngx_http_llmbroker_claude_build_t *b, ngx_uint_t i,
    ngx_http_llmbroker_json_t *part);
ngx_int_t ngx_http_llmbroker_claude_file(ngx_http_llmbroker_claude_build_t *b,
    ngx_uint_t i, ngx_http_llmbroker_json_t *part);

/* the type of such a block, whose member's name is written, and its source */
void ngx_http_llmbroker_claude_write_source(
    ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_claude_block_t *block);

/* gathers b->tools and decides on the choice among them */
ngx_int_t ngx_http_llmbroker_claude_tools(
    ngx_http_llmbroker_claude_build_t *b);

/* the members tools and tool_choice */
void ngx_http_llmbroker_claude_write_tools(
    ngx_http_llmbroker_claude_build_t *b);

/* adds to the names of what was dropped */
ngx_int_t ngx_http_llmbroker_claude_drop(ngx_http_llmbroker_claude_build_t *b,
    const char *name);

/*
 * Members of an open object: a string; a value, unless it is absent or null;
 * cache_control for a client's wish of a cache breakpoint (R31).
 */
void ngx_http_llmbroker_claude_write_inner(
    ngx_http_llmbroker_claude_build_t *b, const char *name, ngx_str_t inner);
void ngx_http_llmbroker_claude_write_raw(
    ngx_http_llmbroker_claude_build_t *b, const char *name,
    ngx_http_llmbroker_json_t *v);
void ngx_http_llmbroker_claude_write_cache(
    ngx_http_llmbroker_claude_build_t *b, ngx_http_llmbroker_json_t *cache);


#endif /* _NGX_HTTP_LLMBROKER_CLAUDE_H_INCLUDED_ */
