
/*
 * Between the parts of the Claude dialect: ..._claude.c reads answers, the
 * others write requests.  Bedrock's Converse is made of the same blocks under
 * other names, so that its dialect gathers requests and tells answers with
 * them.  Functions that return ngx_int_t return NGX_OK; NGX_DECLINED with the
 * exchange's fault set; NGX_ERROR on a lack of memory.
 */


#ifndef _NGX_HTTP_LLMBROKER_CLAUDE_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_CLAUDE_H_INCLUDED_


#include "provider/ngx_http_llmbroker_provider.h"
#include "provider/ngx_http_llmbroker_text.h"


/* what a model can do, wire format section 10 */
#define NGX_HTTP_LLMBROKER_CLAUDE_ADAPTIVE    0x0001  /* adaptive thinking */
#define NGX_HTTP_LLMBROKER_CLAUDE_BUDGET      0x0002  /* with a budget */
#define NGX_HTTP_LLMBROKER_CLAUDE_EFFORT      0x0004
#define NGX_HTTP_LLMBROKER_CLAUDE_XHIGH       0x0008  /* effort "xhigh" */
#define NGX_HTTP_LLMBROKER_CLAUDE_STRUCTURED  0x0010  /* output, strict tools */
#define NGX_HTTP_LLMBROKER_CLAUDE_PREFILL     0x0020
#define NGX_HTTP_LLMBROKER_CLAUDE_SAMPLING    0x0040  /* temperature, top_p */
#define NGX_HTTP_LLMBROKER_CLAUDE_BOTH        0x0080  /* and both at once */
#define NGX_HTTP_LLMBROKER_CLAUDE_FORCED      0x0100  /* forced tool_choice */
#define NGX_HTTP_LLMBROKER_CLAUDE_MIDDLE      0x0200  /* system messages in the
                                                         conversation */

/* what a configuration wants of it */
#define NGX_HTTP_LLMBROKER_CLAUDE_FIXUP       0x0400  /* no refused prefill */
#define NGX_HTTP_LLMBROKER_CLAUDE_SEARCH      0x0800  /* web_search_options */

#define NGX_HTTP_LLMBROKER_CLAUDE_CACHES      4     /* breakpoints */
#define NGX_HTTP_LLMBROKER_CLAUDE_TOOLS       512   /* OpenAI has 128 */
#define NGX_HTTP_LLMBROKER_CLAUDE_MIN_BUDGET  1024
#define NGX_HTTP_LLMBROKER_CLAUDE_BETAS       512   /* bytes of a header */


/* of what is kept until a block of a stream ends, bytes */
#define NGX_HTTP_LLMBROKER_CLAUDE_KEPT  (1024 * 1024)


typedef enum {
    NGX_HTTP_LLMBROKER_CLAUDE_IN_NOTHING = 0,
    NGX_HTTP_LLMBROKER_CLAUDE_IN_TEXT,
    NGX_HTTP_LLMBROKER_CLAUDE_IN_THINKING,
    NGX_HTTP_LLMBROKER_CLAUDE_IN_TOOL,
    NGX_HTTP_LLMBROKER_CLAUDE_IN_JSON,    /* the tool of a format (P9) */
    NGX_HTTP_LLMBROKER_CLAUDE_IN_SERVER,  /* a tool that Anthropic runs */
    NGX_HTTP_LLMBROKER_CLAUDE_IN_OTHER
} ngx_http_llmbroker_claude_in_e;


/* a block of a stream that is open while another one is filled */
typedef struct {
    ngx_http_llmbroker_claude_in_e   in;         /* IN_NOTHING: of none */
    ngx_int_t                        index;
    ngx_uint_t                       tool;
    ngx_uint_t                       begin;
    ngx_http_llmbroker_text_t        thinking;
    ngx_http_llmbroker_text_t        signature;
    ngx_http_llmbroker_text_t        citations;
    ngx_http_llmbroker_text_t        json;
    ngx_str_t                        server;
    ngx_str_t                        server_tail;
    unsigned                         filled:1;
    unsigned                         whole:1;
} ngx_http_llmbroker_claude_waiting_t;


typedef struct ngx_http_llmbroker_claude_delta_s
    ngx_http_llmbroker_claude_delta_t;


/*
 * Of an answer; what is kept of a block is reused for the next one.  The first
 * three members are known when the request is built.
 */
typedef struct {
    ngx_str_t                        json_tool;  /* of a format, or empty */
    ngx_uint_t                       wrapped;    /* it holds one "value" */
    ngx_http_llmbroker_text_t        betas;      /* "a,b" (R15) */

    ngx_str_t                        id;         /* inner */
    ngx_http_llmbroker_claude_in_e   in;         /* the block being filled */
    ngx_int_t                        index;      /* of it; or -1 */
    ngx_uint_t                       tool;       /* it is this one of */
    ngx_uint_t                       tools;      /* those opened so far */
    ngx_array_t                     *waiting;    /* of waiting_t, or NULL */
    ngx_uint_t                       oldest;     /* to be closed next */
    ngx_uint_t                       points;     /* of all text so far */
    ngx_uint_t                       begin;      /* of the block's text */

    ngx_http_llmbroker_text_t        thinking;   /* inner; not of a stream */
    ngx_http_llmbroker_text_t        signature;  /* inner */
    ngx_http_llmbroker_text_t        citations;  /* members, with NULs */

    ngx_http_llmbroker_text_t        json;       /* of a wrapped tool */
    ngx_http_llmbroker_text_t        servers;    /* "raw,raw" (P6) */
    ngx_str_t                        server;     /* a block until its input */
    ngx_str_t                        server_tail; /* and behind it */

    ngx_int_t                        input;      /* tokens; -1: not told */
    ngx_int_t                        read;
    ngx_int_t                        creation;
    ngx_int_t                        output;
    ngx_int_t                        thought;

    /* the last event with a piece of a text: its beginning, up to the piece,
       what the piece is of and the index of its block */
    ngx_http_llmbroker_text_t        like;       /* empty: there is none */
    const ngx_http_llmbroker_claude_delta_t
                                    *like_delta;
    ngx_int_t                        like_index;

    ngx_uint_t                       limits;     /* told of all tokens */

    unsigned                         started:1;
    unsigned                         uncited:1;  /* points are of no use */
    unsigned                         formatted:1; /* json_tool was called */
    unsigned                         filled:1;   /* the tool has arguments */
    unsigned                         whole:1;    /* and all of them */
} ngx_http_llmbroker_claude_t;


/* what becomes of a system message within the conversation (R21) */
typedef enum {
    NGX_HTTP_LLMBROKER_CLAUDE_HOIST = 0,  /* it goes before it */
    NGX_HTTP_LLMBROKER_CLAUDE_INLINE,     /* it stays, if the model can */
    NGX_HTTP_LLMBROKER_CLAUDE_USER_TAG    /* it becomes a user's text */
} ngx_http_llmbroker_claude_mid_system_e;


typedef struct {
    ngx_str_t                        prefix;
    ngx_int_t                        max;         /* of output tokens */
    ngx_uint_t                       flags;
    ngx_uint_t                       mid_system;
} ngx_http_llmbroker_claude_model_t;


typedef enum {
    NGX_HTTP_LLMBROKER_CLAUDE_TEXT = 0,  /* value */
    NGX_HTTP_LLMBROKER_CLAUDE_INNER,     /* text in data (inner) */
    NGX_HTTP_LLMBROKER_CLAUDE_PLAIN,     /* text in data, then in id */
    NGX_HTTP_LLMBROKER_CLAUDE_TAGGED,    /* value, of a system message */
    NGX_HTTP_LLMBROKER_CLAUDE_EMPTY,     /* a user's message of nothing */
    NGX_HTTP_LLMBROKER_CLAUDE_RAW,       /* value as it is */
    NGX_HTTP_LLMBROKER_CLAUDE_THINKING,  /* value, text in data (inner) */
    NGX_HTTP_LLMBROKER_CLAUDE_IMAGE,     /* media type in name, data */
    NGX_HTTP_LLMBROKER_CLAUDE_IMAGE_URL, /* data */
    NGX_HTTP_LLMBROKER_CLAUDE_PDF,       /* data, title in value or NULL */
    NGX_HTTP_LLMBROKER_CLAUDE_TEXT_FILE, /* the same, data is plain text */
    NGX_HTTP_LLMBROKER_CLAUDE_DOCUMENT,  /* of Bedrock: format in name, data,
                                            title in id */
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
    unsigned                         system:1;     /* or of neither (R21) */
    unsigned                         failed:1;     /* a tool's is_error */
} ngx_http_llmbroker_claude_block_t;


typedef enum {
    NGX_HTTP_LLMBROKER_CLAUDE_NO_THINKING = 0,
    NGX_HTTP_LLMBROKER_CLAUDE_VERBATIM,      /* the client's own object */
    NGX_HTTP_LLMBROKER_CLAUDE_DISABLED,
    NGX_HTTP_LLMBROKER_CLAUDE_ADAPTIVELY,
    NGX_HTTP_LLMBROKER_CLAUDE_BUDGETED
} ngx_http_llmbroker_claude_thinking_e;


/* how structured output is asked for */
typedef enum {
    NGX_HTTP_LLMBROKER_CLAUDE_NO_FORMAT = 0,
    NGX_HTTP_LLMBROKER_CLAUDE_NATIVE,        /* R70 */
    NGX_HTTP_LLMBROKER_CLAUDE_BY_TOOL        /* R71 */
} ngx_http_llmbroker_claude_format_e;


typedef struct {
    ngx_str_t                        name;         /* decoded */
    ngx_http_llmbroker_json_t       *tool;
    ngx_http_llmbroker_json_t       *function;     /* within, or the same */
    unsigned                         custom:1;     /* its input is text */
    unsigned                         strict:1;
} ngx_http_llmbroker_claude_tool_t;


typedef struct ngx_http_llmbroker_claude_build_s
    ngx_http_llmbroker_claude_build_t;

/* adds a part of messages[i] that is no text to b->blocks; NGX_DECLINED: 400 */
typedef ngx_int_t (*ngx_http_llmbroker_claude_media_pt)(
    ngx_http_llmbroker_claude_build_t *b, ngx_uint_t i,
    ngx_http_llmbroker_json_t *part);


struct ngx_http_llmbroker_claude_build_s {
    ngx_http_llmbroker_exchange_t           *ex;
    const ngx_http_llmbroker_claude_model_t *model;
    ngx_http_llmbroker_claude_media_pt       media;

    ngx_array_t                              system;  /* of block_t */
    ngx_array_t                              blocks;  /* of block_t */
    ngx_array_t                              pending; /* of block_t (R21) */
    ngx_uint_t                               calls;   /* function_calls */
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
    ngx_str_t                                user;    /* inner, or empty */
    const char                              *tier;    /* or NULL */

    ngx_array_t                              tools;   /* of tool_t */
    ngx_array_t                              called;  /* of ngx_str_t (R46) */
    const char                              *choice;  /* its type or NULL */
    ngx_str_t                                chosen;  /* name for "tool" */
    ngx_http_llmbroker_json_t               *search;  /* options, or NULL */

    ngx_http_llmbroker_claude_format_e       format;
    ngx_http_llmbroker_json_t               *schema;  /* of it, or NULL */
    ngx_http_llmbroker_json_t               *purpose; /* its description */

    unsigned                                 active:1;  /* it thinks, */
    unsigned                                 fixed:1;   /* within a budget */
    unsigned                                 single:1;  /* one tool a turn */
    unsigned                                 forced:1;  /* one it must */
    unsigned                                 failed:1;  /* no memory; sticks */

    /* for what is not written by ..._put(); the last: it need not be zero */
    ngx_http_llmbroker_json_writer_t         w;
};


/*
 * Sets target->abilities, a ngx_http_llmbroker_claude_model_t, by the model's
 * name and target->capabilities.
 * Return: as ngx_http_llmbroker_dialect_t.configure.
 */
ngx_int_t ngx_http_llmbroker_claude_abilities(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target);

/* the row of the models' table for a name; that of no Claude has no prefix */
const ngx_http_llmbroker_claude_model_t *ngx_http_llmbroker_claude_find_model(
    const ngx_str_t *name);

/* the answer's state, made when it is first asked for; NULL: no memory */
ngx_http_llmbroker_claude_t *ngx_http_llmbroker_claude_state(
    ngx_http_llmbroker_exchange_t *ex);

/* a string member as it stands between its quotes, "" where there is none */
ngx_str_t ngx_http_llmbroker_claude_inner(ngx_http_llmbroker_json_t *object,
    const char *name);

/* learns from an object "usage", or NULL, into ex->usage (P12) */
void ngx_http_llmbroker_claude_usage(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_http_llmbroker_json_t *usage);

/*
 * Most events of a long answer are the one before with another piece of text.
 * Sets *text to it and returns 1 when this is so: the event is then JSON and
 * for ..._again().  Otherwise 0: the event is still to be parsed.
 */
ngx_uint_t ngx_http_llmbroker_claude_like(ngx_http_llmbroker_claude_t *c,
    ngx_str_t *data, ngx_str_t *text);

/*
 * Content blocks: the events that open, fill and close one, and a block itself
 * with all that it holds, which block_stop() ends.
 * Return: NGX_OK; NGX_DECLINED with ex->fault set; NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_claude_open(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_http_llmbroker_json_t *root);
ngx_int_t ngx_http_llmbroker_claude_delta(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_http_llmbroker_json_t *root);
ngx_int_t ngx_http_llmbroker_claude_again(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_str_t *text);
ngx_int_t ngx_http_llmbroker_claude_close(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_http_llmbroker_json_t *root);
ngx_int_t ngx_http_llmbroker_claude_close_all(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c);
ngx_int_t ngx_http_llmbroker_claude_block(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_http_llmbroker_json_t *block);
ngx_int_t ngx_http_llmbroker_claude_block_stop(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c);

/*
 * What blocks are made of; c->in says which is open.  A text, a thought and its
 * signature; a source of the text, told when its block ends (P8); the call of
 * a tool, whose id is the member "id_name" of the block (P5, P9, S3); a piece
 * of the input of any other block (P6, S14); a block that is kept whole (P6).
 */
ngx_int_t ngx_http_llmbroker_claude_text(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_str_t inner);
ngx_int_t ngx_http_llmbroker_claude_think(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_str_t inner);
ngx_int_t ngx_http_llmbroker_claude_signature(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c,
    ngx_str_t *inner);
ngx_int_t ngx_http_llmbroker_claude_citation(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c,
    ngx_http_llmbroker_json_t *citation);
ngx_int_t ngx_http_llmbroker_claude_cite(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_str_t *url, ngx_str_t *title);
ngx_int_t ngx_http_llmbroker_claude_tool_use(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_http_llmbroker_json_t *block,
    const char *id_name);
ngx_int_t ngx_http_llmbroker_claude_input(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_str_t *inner);
ngx_int_t ngx_http_llmbroker_claude_keep(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_t *c, ngx_str_t *raw);

/*
 * Tells what has no place in OpenAI's answer, as provider_specific_fields
 * (P6, P10); stop is what holds stop_reason and stop_sequence, or NULL.
 */
ngx_int_t ngx_http_llmbroker_claude_specific(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_t *c,
    ngx_http_llmbroker_json_t *stop);

/* ngx_http_llmbroker_dialect_t.build of the Claude dialect */
ngx_int_t ngx_http_llmbroker_claude_build(ngx_http_llmbroker_exchange_t *ex);

/* prepares *b, all of which but w is zero; media is for what is no text */
ngx_int_t ngx_http_llmbroker_claude_init(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_claude_media_pt media);

/*
 * Steps of build(), in this order with the conversation between the first two:
 * the number of answers and of tokens, thinking (R50-R56), sampling (R5-R7),
 * stop sequences (R8).
 */
ngx_int_t ngx_http_llmbroker_claude_bounds(
    ngx_http_llmbroker_claude_build_t *b);
ngx_int_t ngx_http_llmbroker_claude_thinking(
    ngx_http_llmbroker_claude_build_t *b);
ngx_int_t ngx_http_llmbroker_claude_sampling(
    ngx_http_llmbroker_claude_build_t *b);
ngx_int_t ngx_http_llmbroker_claude_stop(ngx_http_llmbroker_claude_build_t *b);

/* gathers b->system and b->blocks; the latter is not empty afterwards */
ngx_int_t ngx_http_llmbroker_claude_conversation(
    ngx_http_llmbroker_claude_build_t *b);

/* the thoughts of an assistant's message, whose blocks they become (R50) */
ngx_int_t ngx_http_llmbroker_claude_thoughts(
    ngx_http_llmbroker_claude_build_t *b, ngx_http_llmbroker_json_t *message);

/* its calls, and the one call of the legacy form; of messages[i] */
ngx_int_t ngx_http_llmbroker_claude_calls(
    ngx_http_llmbroker_claude_build_t *b, ngx_uint_t i,
    ngx_http_llmbroker_json_t *calls);
ngx_int_t ngx_http_llmbroker_claude_function_call(
    ngx_http_llmbroker_claude_build_t *b, ngx_uint_t i,
    ngx_http_llmbroker_json_t *call);

/*
 * A call's id as Claude takes it (R44), and the one of the last call of the
 * legacy form (R45).  Return: NGX_OK; NGX_DECLINED when v is no id; NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_claude_id(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_json_t *v, ngx_str_t *id);
ngx_int_t ngx_http_llmbroker_claude_function_id(
    ngx_http_llmbroker_claude_build_t *b, ngx_str_t *id);

/* the members system and messages; the text of a block of any kind of text */
void ngx_http_llmbroker_claude_write_messages(
    ngx_http_llmbroker_claude_build_t *b);
void ngx_http_llmbroker_claude_write_text(
    ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_claude_block_t *block);

/*
 * Adds to a request JSON that is known, a literal or a text of the client's,
 * which is not copied when it is long.
 */
void ngx_http_llmbroker_claude_put(ngx_http_llmbroker_claude_build_t *b,
    const void *p, size_t len);

#define ngx_http_llmbroker_claude_lit(b, text)                               \
    ngx_http_llmbroker_claude_put(b, text, sizeof(text) - 1)

#define ngx_http_llmbroker_claude_str(b, text)                               \
    ngx_http_llmbroker_claude_put(b, (text)->data, (text)->len)

/* adds a block; NULL on a lack of memory */
ngx_http_llmbroker_claude_block_t *ngx_http_llmbroker_claude_push(
    ngx_array_t *blocks, ngx_http_llmbroker_claude_kind_e kind,
    ngx_http_llmbroker_json_t *value);

/* ngx_http_llmbroker_claude_media_pt of the Claude dialect */
ngx_int_t ngx_http_llmbroker_claude_media(
    ngx_http_llmbroker_claude_build_t *b, ngx_uint_t i,
    ngx_http_llmbroker_json_t *part);

/* the type of such a block, whose member's name is written, and its source */
void ngx_http_llmbroker_claude_write_source(
    ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_claude_block_t *block);

/* gathers b->tools and decides on the choice among them */
ngx_int_t ngx_http_llmbroker_claude_tools(
    ngx_http_llmbroker_claude_build_t *b);

/* 1 when a tool has this name, else 0 */
ngx_uint_t ngx_http_llmbroker_claude_has_tool(
    ngx_http_llmbroker_claude_build_t *b, ngx_str_t *name);

/* 1 when a tool's input is to follow its schema strictly, else 0 (R61) */
ngx_uint_t ngx_http_llmbroker_claude_strict(
    ngx_http_llmbroker_claude_tool_t *tool);

/* the schema of a tool's input, and the one made of "parameters" or NULL */
void ngx_http_llmbroker_claude_write_parameters(
    ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_claude_tool_t *tool);
void ngx_http_llmbroker_claude_write_schema(
    ngx_http_llmbroker_claude_build_t *b, ngx_http_llmbroker_json_t *schema);

/* the members tools and tool_choice */
void ngx_http_llmbroker_claude_write_tools(
    ngx_http_llmbroker_claude_build_t *b);

/* decides on b->format; it may add to b->system and change the choice */
ngx_int_t ngx_http_llmbroker_claude_format(
    ngx_http_llmbroker_claude_build_t *b);

/*
 * The member format of output_config; the tool in place of it, if there is; the
 * schema of that tool's input.
 */
void ngx_http_llmbroker_claude_write_format(
    ngx_http_llmbroker_claude_build_t *b);
void ngx_http_llmbroker_claude_write_format_tool(
    ngx_http_llmbroker_claude_build_t *b);
void ngx_http_llmbroker_claude_write_format_schema(
    ngx_http_llmbroker_claude_build_t *b);

/*
 * A JSON Schema as Anthropic's strict decoding takes it (R72); with "input"
 * that of a tool's input, which is an object even where it does not say so,
 * and may be NULL.
 */
void ngx_http_llmbroker_claude_write_strict(
    ngx_http_llmbroker_claude_build_t *b, ngx_http_llmbroker_json_t *schema,
    ngx_uint_t input);

/* adds to the names of what was dropped */
ngx_int_t ngx_http_llmbroker_claude_drop(ngx_http_llmbroker_claude_build_t *b,
    const char *name);

/* the members thinking, if there is to be one, and effort */
void ngx_http_llmbroker_claude_write_thinking(
    ngx_http_llmbroker_claude_build_t *b);
void ngx_http_llmbroker_claude_write_effort(
    ngx_http_llmbroker_claude_build_t *b);

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
