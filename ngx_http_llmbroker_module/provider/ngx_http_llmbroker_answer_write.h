
/*
 * Between the parts of an answer: ..._answer.c, ..._answer_tools.c and
 * ..._answer_logprobs.c keep what was told, ..._answer_write.c writes OpenAI's
 * bytes.  A write that fails sets a->failed, and nothing more is written: a
 * function that tells returns NGX_ERROR then, else NGX_OK.
 */


#ifndef _NGX_HTTP_LLMBROKER_ANSWER_WRITE_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_ANSWER_WRITE_H_INCLUDED_


#include "provider/ngx_http_llmbroker_answer.h"


typedef struct {
    ngx_str_t                   id;          /* inner */
    ngx_str_t                   name;        /* inner */
    ngx_str_t                   extra;       /* raw; or empty */
    ngx_http_llmbroker_out_t    arguments;   /* inner */
    unsigned                    filled:1;    /* has arguments */
    unsigned                    custom:1;    /* its input is an argument */
} ngx_http_llmbroker_answer_tool_t;


/* elements with commas; of a chat "content" only, a completion has all */
typedef struct {
    ngx_http_llmbroker_out_t    content;     /* or tokens */
    ngx_http_llmbroker_out_t    refusal;     /* or token_logprobs */
    ngx_http_llmbroker_out_t    top;         /* top_logprobs */
    ngx_http_llmbroker_out_t    offset;      /* text_offset */
} ngx_http_llmbroker_answer_logprobs_t;


/* of the texts, only a buffered answer keeps any, and a custom tool's */
typedef struct {
    ngx_http_llmbroker_out_t    text;        /* inner */
    ngx_http_llmbroker_out_t    reasoning;   /* inner */
    ngx_http_llmbroker_out_t    refusal;     /* inner */
    ngx_http_llmbroker_out_t    blocks;      /* raw, with commas */
    ngx_http_llmbroker_out_t    annotations; /* raw, with commas */
    ngx_http_llmbroker_out_t    members;     /* ,"name":raw */
    ngx_array_t                 tools;       /* of answer_tool_t */
    ngx_http_llmbroker_answer_logprobs_t
                               *logprobs;    /* or NULL */
    ngx_uint_t                  points;      /* code points with logprobs */
    const char                 *finish;
    unsigned                    role:1;      /* was sent */
} ngx_http_llmbroker_answer_choice_t;


typedef struct {
    ngx_http_llmbroker_out_t   *out;         /* ex->out */
    ngx_array_t                 choices;     /* of answer_choice_t */
    ngx_str_t                   head;        /* to "choices":[ */
    ngx_str_t                   tail;        /* from ] of the choices */
    ngx_str_t                   tops;        /* ,"name":raw */
    ngx_http_llmbroker_usage_t *before;      /* of other parts, or NULL */
    ngx_str_t                   text_head;   /* around text of choice 0: */
    ngx_str_t                   text_tail;   /* the frequent event */
    unsigned                    begun:1;     /* an event was written */
    unsigned                    failed:1;    /* no memory; sticks */
} ngx_http_llmbroker_answer_t;


#define ngx_http_llmbroker_answer_lit(a, text)                               \
    ngx_http_llmbroker_answer_put(a, text, sizeof(text) - 1)


/* makes a->head, from which every chunk and the object begin */
ngx_int_t ngx_http_llmbroker_answer_head(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_answer_t *a, ngx_str_t *id, ngx_str_t *model,
    const char *tier);

/* makes what surrounds each piece of text of a stream */
ngx_int_t ngx_http_llmbroker_answer_frame(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_answer_t *a);

/* NGX_OK, or a fault when the choice has ended: nobody reads what follows */
ngx_int_t ngx_http_llmbroker_answer_open_still(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_answer_choice_t *c);

/* plain bytes */
static ngx_inline void ngx_http_llmbroker_answer_put(
    ngx_http_llmbroker_answer_t *a, const void *p, size_t len);
void ngx_http_llmbroker_answer_str(ngx_http_llmbroker_answer_t *a,
    ngx_str_t *text);
void ngx_http_llmbroker_answer_number(ngx_http_llmbroker_answer_t *a,
    ngx_int_t n);

/*
 * A whole JSON value without the ends of lines that may be between its tokens:
 * they would end an event of a stream.  _line returns NGX_OK, NGX_ERROR.
 */
void ngx_http_llmbroker_answer_raw(ngx_http_llmbroker_answer_t *a,
    ngx_str_t *raw);
ngx_int_t ngx_http_llmbroker_answer_line(ngx_http_llmbroker_out_t *out,
    ngx_str_t *raw);

/*
 * A chunk of choice n: open, the inside of the delta or, of a completions
 * call, of the text; close.
 */
void ngx_http_llmbroker_answer_open(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n);
ngx_int_t ngx_http_llmbroker_answer_close(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, const char *finish);
ngx_int_t ngx_http_llmbroker_answer_close_logprobs(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n, const char *finish,
    ngx_http_llmbroker_answer_logprobs_t *logprobs);

/* the chunk with the role, unless it was sent; content is raw */
ngx_int_t ngx_http_llmbroker_answer_role(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_answer_choice_t *c, const char *content);

/* a chunk with one string in its delta */
ngx_int_t ngx_http_llmbroker_answer_chunk(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, const char *member, ngx_str_t *inner);

/*
 * The choice *n of this exchange, made when it is new; *n becomes its number
 * in the answer.  Return: NGX_OK; NGX_DECLINED out of bounds, with ex->fault
 * set; NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_answer_choice(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t *n, ngx_http_llmbroker_answer_choice_t **choice);

/* adds a text to one that is kept */
ngx_int_t ngx_http_llmbroker_answer_keep(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_out_t *out, ngx_str_t *text);

/* writes what was kept, without copying it again */
void ngx_http_llmbroker_answer_kept(ngx_http_llmbroker_answer_t *a,
    ngx_http_llmbroker_out_t *kept);

/* what the tool calls of a choice still owe before it finishes */
ngx_int_t ngx_http_llmbroker_answer_close_tools(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_http_llmbroker_answer_choice_t *c);

/* the member tool_calls or function_call of a message, with a comma */
void ngx_http_llmbroker_answer_calls(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_answer_choice_t *c);

/* the member logprobs of a choice, with a comma before it */
void ngx_http_llmbroker_answer_write_logprobs(
    ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_answer_logprobs_t *logprobs);

/* the member usage, with a comma before it */
void ngx_http_llmbroker_answer_usage(ngx_http_llmbroker_exchange_t *ex);

/* a whole buffered answer */
void ngx_http_llmbroker_answer_object(ngx_http_llmbroker_exchange_t *ex);


static ngx_inline void
ngx_http_llmbroker_answer_put(ngx_http_llmbroker_answer_t *a, const void *p,
    size_t len)
{
    if (len == 0 || a->failed) {
        return;
    }

    if (ngx_http_llmbroker_out_put(a->out, p, len) != NGX_OK) {
        a->failed = 1;
    }
}


#endif /* _NGX_HTTP_LLMBROKER_ANSWER_WRITE_H_INCLUDED_ */
