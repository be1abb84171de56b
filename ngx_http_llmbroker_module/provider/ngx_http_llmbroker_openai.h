
/*
 * Between the parts of the OpenAI dialect.  ..._openai.c is the dialect;
 * ..._openai_scan.c reads an answer's bytes, learns from them and says what
 * is suspect; ..._openai_repeat.c knows a chunk that was seen before;
 * ..._openai_repair.c, ..._content.c and ..._tools.c put a suspect tree right;
 * ..._openai_form.c makes streams of objects and objects of streams.
 *
 * An object and a chunk of a stream are repaired alike: its choices hold
 * "message" or "delta".
 */


#ifndef _NGX_HTTP_LLMBROKER_OPENAI_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_OPENAI_H_INCLUDED_


#include "codec/ngx_http_llmbroker_scan.h"
#include "provider/ngx_http_llmbroker_answer.h"
#include "provider/ngx_http_llmbroker_embedding.h"
#include "provider/ngx_http_llmbroker_text.h"


/* what was seen of an answer or a chunk */

#define NGX_HTTP_LLMBROKER_OPENAI_ID         0x00000001 /* a word */
#define NGX_HTTP_LLMBROKER_OPENAI_OBJECT     0x00000002 /* the right one */
#define NGX_HTTP_LLMBROKER_OPENAI_CREATED    0x00000004 /* a number */
#define NGX_HTTP_LLMBROKER_OPENAI_MODEL      0x00000008 /* a word */
#define NGX_HTTP_LLMBROKER_OPENAI_ARRAY      0x00000010 /* choices or data */
#define NGX_HTTP_LLMBROKER_OPENAI_ERROR      0x00000020 /* a true "error" */
#define NGX_HTTP_LLMBROKER_OPENAI_USAGE      0x00000040 /* an object */
#define NGX_HTTP_LLMBROKER_OPENAI_USAGE_2    0x00000080 /* in x_groq */

/* of a choice */

#define NGX_HTTP_LLMBROKER_OPENAI_INDEX      0x00000100 /* a number */
#define NGX_HTTP_LLMBROKER_OPENAI_PIECE      0x00000200 /* message or delta */
#define NGX_HTTP_LLMBROKER_OPENAI_FINISH     0x00000400 /* null or a word */
#define NGX_HTTP_LLMBROKER_OPENAI_USAGE_3    0x00000800 /* an object */

/* of a message or delta */

#define NGX_HTTP_LLMBROKER_OPENAI_ROLE       0x00001000 /* a word */
#define NGX_HTTP_LLMBROKER_OPENAI_CONTENT    0x00002000 /* null or a string */
#define NGX_HTTP_LLMBROKER_OPENAI_THOUGHT    0x00004000 /* "reasoning" */
#define NGX_HTTP_LLMBROKER_OPENAI_REASONING  0x00008000 /* ..._content */
#define NGX_HTTP_LLMBROKER_OPENAI_TOOLS      0x00010000 /* with elements */

/* of a tool call */

#define NGX_HTTP_LLMBROKER_OPENAI_CALL_INDEX 0x00020000 /* a number */
#define NGX_HTTP_LLMBROKER_OPENAI_CALL_ID    0x00040000 /* a word */
#define NGX_HTTP_LLMBROKER_OPENAI_CALL_TYPE  0x00080000 /* a word */
#define NGX_HTTP_LLMBROKER_OPENAI_CALL_NAME  0x00100000 /* a word */
#define NGX_HTTP_LLMBROKER_OPENAI_CALL_TEXT  0x00200000 /* a string */

/* something that no well-formed answer has */

#define NGX_HTTP_LLMBROKER_OPENAI_ODD        0x00400000

/* of a choice of a chunk: a piece of the answer */

#define NGX_HTTP_LLMBROKER_OPENAI_SAID       0x00800000


/* of the chunk before: its bytes at most, and the texts in them */

#define NGX_HTTP_LLMBROKER_OPENAI_BEFORE     512
#define NGX_HTTP_LLMBROKER_OPENAI_TEXTS      4


#define NGX_HTTP_LLMBROKER_OPENAI_TOP        0x0000001f
#define NGX_HTTP_LLMBROKER_OPENAI_CHOICE     0x003fff00
#define NGX_HTTP_LLMBROKER_OPENAI_CALL       0x003e0000


/* the answer is a chat's: a completion may be told as one */
#define ngx_http_llmbroker_openai_chat(ex)                                   \
    ((ex)->call == NGX_HTTP_LLMBROKER_CHAT                                   \
     || ((ex)->call == NGX_HTTP_LLMBROKER_COMPLETIONS && !(ex)->splice))

#define ngx_http_llmbroker_openai_key(level, text)                           \
    ((level)->key.len == sizeof(text) - 1                                    \
     && ngx_memcmp((level)->key.data, text, sizeof(text) - 1) == 0)

#define ngx_http_llmbroker_openai_string(v)                                  \
    ((v) && (v)->type == NGX_HTTP_LLMBROKER_JSON_STRING)

/* a string that says something */
#define ngx_http_llmbroker_openai_word(v)                                    \
    (ngx_http_llmbroker_openai_string(v) && (v)->raw.len > 2)


/* a tool call of a stream, at the place that the client knows it by */
typedef struct {
    ngx_int_t                        given;      /* its index; -1: none */
    ngx_str_t                        id;         /* raw, with its quotes */
    ngx_str_t                        name;       /* raw, or empty */
    unsigned                         invented:1; /* the id */
    unsigned                         filled:1;   /* has arguments */
    unsigned                         whole:1;    /* all of them at once */
    unsigned                         custom:1;
} ngx_http_llmbroker_openai_tool_t;


/* of a text, without its quotes */
typedef struct {
    size_t                           start;
    size_t                           end;
} ngx_http_llmbroker_openai_span_t;


/* a choice of a stream */
typedef struct {
    ngx_array_t                     *tools;      /* of openai_tool_t */
    ngx_uint_t                       empty;      /* of them, not filled */
    unsigned                         open:1;     /* was told of */
    unsigned                         role:1;     /* so was its role */
    unsigned                         finished:1;
} ngx_http_llmbroker_openai_choice_t;


typedef struct {
    ngx_http_llmbroker_scan_t       *scan;       /* of a whole answer */

    /* of this answer or chunk */
    ngx_uint_t                       seen;       /* bits, see above */
    ngx_uint_t                       elements;   /* of choices or data */
    ngx_uint_t                       calls;      /* of the choice */
    ngx_uint_t                       index;      /* of the choice */
    ngx_uint_t                       call;       /* index of the tool call */
    ngx_uint_t                       changes;    /* made by repairs */
    unsigned                         counted:1;  /* usage in any place */
    unsigned                         carried:1;  /* to the next chunk */
    unsigned                         suspect:1;
    unsigned                         differs:1;  /* vectors: in their form */
    unsigned                         ended:1;    /* the choice: a reason */
    unsigned                         filled:1;   /* the call: arguments */

    /* of the whole answer */
    unsigned                         told:1;     /* usage, to the client */
    ngx_str_t                        id;         /* raw, as first told */
    ngx_str_t                        created;
    ngx_str_t                        model;
    ngx_http_llmbroker_text_t        usage;      /* raw, as last told */
    ngx_http_llmbroker_text_t        chunk;      /* the chunk it stood in */
    ngx_http_llmbroker_json_t       *carry;      /* members of a chunk */
    ngx_array_t                      choices;    /* of openai_choice_t */
    void                            *whole;      /* an object in the making */
    unsigned                         overflow:1; /* it has too many members */

    /* the chunk before, when before_len is not 0, and its texts */
    size_t                           before_len;
    ngx_uint_t                       texts;
    ngx_http_llmbroker_openai_span_t
                                 text[NGX_HTTP_LLMBROKER_OPENAI_TEXTS];
    u_char                          *before;
} ngx_http_llmbroker_openai_t;


/*
 * Prepares for the next answer or chunk, whose bytes go to scan.
 */
void ngx_http_llmbroker_openai_scan(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o, ngx_http_llmbroker_scan_t *scan);

/*
 * The whole of that for a stream's chunk, which is scanned unless it repeats
 * the chunk before; *o says the same in both cases.
 * Return: as ngx_http_llmbroker_scan() and ..._scan_end().
 */
ngx_int_t ngx_http_llmbroker_openai_scan_chunk(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_openai_t *o,
    ngx_str_t *chunk);

/*
 * Of a value of a chunk at this depth, of those whose levels are given, which
 * ends at "end": notes where it is
 * when it is a text, that is a string that is not empty and of which nothing
 * is found but that.
 */
void ngx_http_llmbroker_openai_text(ngx_http_llmbroker_openai_t *o,
    ngx_http_llmbroker_scan_level_t *level, ngx_uint_t depth, off_t end,
    ngx_str_t *text);

/*
 * After the scan of a stream's chunk; of a well-formed one, what it tells is
 * noted.
 * Return: NGX_OK when it is well-formed; NGX_DONE when it is suspect;
 * NGX_DECLINED, with ex->fault set; NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_openai_judge(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o);

/* reads usage from a tree */
void ngx_http_llmbroker_openai_read_usage(ngx_http_llmbroker_usage_t *usage,
    ngx_http_llmbroker_json_t *v);

/*
 * The finish reason in OpenAI's words (wire format section 7), static text;
 * NULL where a choice has not ended, for which some servers say "" or "null".
 */
const char *ngx_http_llmbroker_openai_reason(u_char *p, size_t len);

/*
 * The state of choice n of a stream.
 * Return: NGX_OK; NGX_DECLINED out of bounds, with ex->fault set; NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_openai_choice(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o, ngx_uint_t n,
    ngx_http_llmbroker_openai_choice_t **choice);


/*
 * Puts an answer (chunk: 0) or a chunk right and notes what a chunk tells.
 * o->changes counts what was changed; values whose inside was changed have
 * no raw text any more.  An answer or chunk that tells nothing has no choice
 * left.
 *
 * pool:  for new values
 *
 * Return: NGX_OK; NGX_DECLINED, with ex->fault set; NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_openai_repair(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o, ngx_pool_t *pool,
    ngx_http_llmbroker_json_t *root, ngx_uint_t chunk);

/*
 * The same of the content of a message (c is NULL) or delta of choice c, which
 * becomes text, and of its reasoning, which is told under OpenAI's clients'
 * name for it.  Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_openai_repair_content(
    ngx_http_llmbroker_openai_t *o, ngx_pool_t *pool,
    ngx_http_llmbroker_openai_choice_t *c, ngx_http_llmbroker_json_t *piece);
ngx_int_t ngx_http_llmbroker_openai_repair_reasoning(
    ngx_http_llmbroker_openai_t *o, ngx_pool_t *pool,
    ngx_http_llmbroker_json_t *piece);

/* the same of the tool calls in a message (c is NULL) or delta of choice c */
ngx_int_t ngx_http_llmbroker_openai_tools(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o, ngx_pool_t *pool,
    ngx_http_llmbroker_openai_choice_t *c, ngx_http_llmbroker_json_t *piece);

/*
 * Gives the calls that have no arguments "{}" (S5), as elements of raw, an
 * array; it is empty when there are none.  Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_openai_fill(ngx_pool_t *pool,
    ngx_http_llmbroker_openai_choice_t *c, ngx_str_t *raw);

/*
 * Changes a tree: gives an object's member a value, or takes the member out.
 * Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_openai_set(ngx_http_llmbroker_openai_t *o,
    ngx_pool_t *pool, ngx_http_llmbroker_json_t *object, const char *name,
    ngx_http_llmbroker_json_type_e type, ngx_str_t *raw);
void ngx_http_llmbroker_openai_drop(ngx_http_llmbroker_openai_t *o,
    ngx_http_llmbroker_json_t *object, const char *name);

/* the same with a literal value */
#define ngx_http_llmbroker_openai_set_word(o, pool, object, name, word)      \
    ngx_http_llmbroker_openai_set_text(o, pool, object, name,                \
                                 NGX_HTTP_LLMBROKER_JSON_STRING,             \
                                 "\"" word "\"")
ngx_int_t ngx_http_llmbroker_openai_set_text(ngx_http_llmbroker_openai_t *o,
    ngx_pool_t *pool, ngx_http_llmbroker_json_t *object, const char *name,
    ngx_http_llmbroker_json_type_e type, const char *raw);

/* raw: prefix and 24 random digits, in quotes.  Return: NGX_OK, NGX_ERROR. */
ngx_int_t ngx_http_llmbroker_openai_random(ngx_pool_t *pool,
    const char *prefix, ngx_str_t *raw);

/* Writes a tree that was changed.  Return: NGX_OK, NGX_ERROR. */
ngx_int_t ngx_http_llmbroker_openai_write(ngx_http_llmbroker_out_t *out,
    ngx_http_llmbroker_json_t *root);


/*
 * The following write to ex->out.
 * Return: NGX_OK; NGX_DECLINED, with ex->fault set; NGX_ERROR.
 */

/* What a stream owes before "[DONE]": reasons and usage; usage alone. */
ngx_int_t ngx_http_llmbroker_openai_owed(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o);
ngx_int_t ngx_http_llmbroker_openai_owed_usage(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_openai_t *o);

/* A repaired object as a stream, with "[DONE]". */
ngx_int_t ngx_http_llmbroker_openai_stream(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o, ngx_http_llmbroker_json_t *root);

/* Tells a repaired chat, or a chunk of it, as a completion. */
ngx_int_t ngx_http_llmbroker_openai_tell(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o, ngx_http_llmbroker_json_t *root);

/* Adds a repaired chunk to the object in the making; writes the object. */
ngx_int_t ngx_http_llmbroker_openai_gather(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o, ngx_http_llmbroker_json_t *root);
ngx_int_t ngx_http_llmbroker_openai_gathered(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_openai_t *o);


#endif /* _NGX_HTTP_LLMBROKER_OPENAI_H_INCLUDED_ */
