
/*
 * Copyright (C) LLMBroker contributors
 */


/*
 * A simulator of model providers.  It speaks the dialects of OpenAI (and of
 * DashScope's compatible mode), of Anthropic, of DashScope's native interface,
 * of Gemini and of Bedrock's Converse, refuses what those refuse and answers by
 * echoing the conversation.  Knobs make it slow, wrong or broken on purpose.
 *
 * A request passes through:
 *
 *   _module.c   directive, path, headers, body, the decision what to answer
 *   _knob.c     the knobs
 *   _request.c  what the dialects' requests have in common, and the answer
 *   _text.c     pieces of JSON strings: words, chunks, filler
 *   _schema.c   values that fit a JSON schema
 *   _openai.c, _claude.c, _claude_read.c, _qwen.c, _gemini.c,
 *   _gemini_embed.c, _bedrock.c, _bedrock_read.c, _bedrock_messages.c,
 *   _embed.c    the dialects
 *   _write.c    bytes to the client: delays, cuts, back-pressure
 */


#ifndef _NGX_HTTP_LLMBROKER_MOCK_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_MOCK_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "codec/ngx_http_llmbroker_json.h"


/* a request's body, choices or tool calls of an answer, numbers of vectors */
#define NGX_HTTP_LLMBROKER_MOCK_BODY     (32 * 1024 * 1024)
#define NGX_HTTP_LLMBROKER_MOCK_TEXTS    8
#define NGX_HTTP_LLMBROKER_MOCK_NUMBERS  (1024 * 1024)

#define NGX_HTTP_LLMBROKER_MOCK_HEADERS  8

/* answers are the same each time, so that tests can compare them */
#define NGX_HTTP_LLMBROKER_MOCK_CREATED  "1700000000"


typedef enum {
    NGX_HTTP_LLMBROKER_MOCK_CHAT = 0,
    NGX_HTTP_LLMBROKER_MOCK_COMPLETIONS,
    NGX_HTTP_LLMBROKER_MOCK_EMBEDDINGS,
    NGX_HTTP_LLMBROKER_MOCK_COUNT,
    NGX_HTTP_LLMBROKER_MOCK_MODELS
} ngx_http_llmbroker_mock_call_e;


typedef enum {
    NGX_HTTP_LLMBROKER_MOCK_STOP = 0,
    NGX_HTTP_LLMBROKER_MOCK_SEQUENCE,
    NGX_HTTP_LLMBROKER_MOCK_LENGTH,
    NGX_HTTP_LLMBROKER_MOCK_TOOLS
} ngx_http_llmbroker_mock_finish_e;


typedef enum {
    NGX_HTTP_LLMBROKER_MOCK_AUTO = 0,
    NGX_HTTP_LLMBROKER_MOCK_NONE,
    NGX_HTTP_LLMBROKER_MOCK_ANY,
    NGX_HTTP_LLMBROKER_MOCK_NAMED
} ngx_http_llmbroker_mock_choice_e;


/* the stages of a stream; each dialect uses those that it has */
typedef enum {
    NGX_HTTP_LLMBROKER_MOCK_AT_START = 0,
    NGX_HTTP_LLMBROKER_MOCK_AT_PING,
    NGX_HTTP_LLMBROKER_MOCK_AT_OPEN,
    NGX_HTTP_LLMBROKER_MOCK_AT_TEXT,
    NGX_HTTP_LLMBROKER_MOCK_AT_CLOSE,
    NGX_HTTP_LLMBROKER_MOCK_AT_FINISH,
    NGX_HTTP_LLMBROKER_MOCK_AT_USAGE,
    NGX_HTTP_LLMBROKER_MOCK_AT_DONE,
    NGX_HTTP_LLMBROKER_MOCK_AT_END
} ngx_http_llmbroker_mock_stage_e;


/*
 * The knobs, by the names that directive, headers and scripts give them;
 * numbers are -1 and strings empty where nothing was asked.
 */
typedef struct {
    ngx_msec_t                         delay;        /* before the header */
    ngx_msec_t                         first_delay;  /* header to body */
    ngx_msec_t                         spacing;      /* between chunks */
    ngx_int_t                          chunks;       /* of text */
    ngx_int_t                          size;         /* of filler text */
    ngx_int_t                          status;
    ngx_int_t                          cut;          /* close after N bytes */
    ngx_int_t                          stall;        /* hang after N bytes */
    ngx_int_t                          bytes;        /* in each write */
    ngx_int_t                          error_event;  /* after N chunks */
    ngx_int_t                          cached;       /* prompt tokens */
    ngx_int_t                          times;        /* requests to treat so,
                                                        in each worker */
    ngx_str_t                          body;
    ngx_str_t                          retry_after;
    ngx_str_t                          encoding;
    ngx_keyval_t               headers[NGX_HTTP_LLMBROKER_MOCK_HEADERS];
    ngx_uint_t                         nheaders;

    ngx_flag_t                         script;
    ngx_flag_t                         fixed;
    ngx_flag_t                         varied;
    ngx_flag_t                         malformed;
    ngx_flag_t                         no_done;
    ngx_flag_t                         no_usage;
    ngx_flag_t                         usage_in_finish;
    ngx_flag_t                         json;
    ngx_flag_t                         sse;
    ngx_flag_t                         quirks;
    ngx_flag_t                         growing;
    ngx_flag_t                         empty;
    ngx_flag_t                         echo_request;
} ngx_http_llmbroker_mock_knobs_t;


/* text that grows; a lack of memory sticks */
typedef struct {
    ngx_pool_t                        *pool;
    u_char                            *start;
    u_char                            *pos;
    u_char                            *end;
    unsigned                           failed:1;
} ngx_http_llmbroker_mock_string_t;


/* one choice's text, or the arguments of one tool call */
typedef struct {
    ngx_str_t                          data;    /* inside of a JSON string;
                                                   NULL: filler */
    off_t                              record;  /* its first, of a filler */
    off_t                              length;
    off_t                              sent;
    ngx_uint_t                         words;   /* in all */
    off_t                              counted; /* bytes in "told" */
    ngx_uint_t                         told;    /* words sent */
    ngx_uint_t                         chunk;   /* number of those sent */

    ngx_http_llmbroker_mock_finish_e   finish;
    ngx_str_t                          stop;    /* the sequence that cut it */

    ngx_str_t                          name;    /* of the tool, escaped */
    ngx_str_t                          arguments;  /* JSON object */

    unsigned                           in_word:1;
    unsigned                           opened:1;
    unsigned                           closed:1;
} ngx_http_llmbroker_mock_text_t;


/* what is sent next: before, a part of a text, after */
typedef struct {
    ngx_str_t                          before;
    ngx_http_llmbroker_mock_text_t    *text;
    off_t                              from;
    off_t                              to;
    ngx_str_t                          after;
    off_t                              pos;     /* bytes of it that are sent */
    unsigned                           paced:1; /* wait before it */
    unsigned                           last:1;  /* of its text */
} ngx_http_llmbroker_mock_frame_t;


typedef struct ngx_http_llmbroker_mock_ctx_s  ngx_http_llmbroker_mock_ctx_t;


typedef struct {
    ngx_str_t                          stream_type; /* Content-Type */
    ngx_str_t                          id_header;   /* or empty */
    ngx_str_t                          broken;      /* a malformed event */

    /*
     * Checks the request and reads what it asks for.  Return: NGX_OK,
     * NGX_DECLINED when it is refused, NGX_ERROR.
     */
    ngx_int_t  (*read)(ngx_http_llmbroker_mock_ctx_t *ctx);

    /* Makes the one frame of a buffered answer.  NGX_OK, NGX_ERROR. */
    ngx_int_t  (*answer)(ngx_http_llmbroker_mock_ctx_t *ctx);

    /*
     * Makes the next frame of a stream.  NGX_OK, NGX_ERROR, NGX_DONE at the
     * stream's end.
     */
    ngx_int_t  (*next)(ngx_http_llmbroker_mock_ctx_t *ctx);

    /*
     * Writes ctx->status and ctx->message to ctx->head: as a whole body, or
     * as an event of a stream that has begun.
     */
    void       (*error)(ngx_http_llmbroker_mock_ctx_t *ctx,
        ngx_uint_t event);
} ngx_http_llmbroker_mock_dialect_t;


struct ngx_http_llmbroker_mock_ctx_s {
    ngx_http_request_t                *request;
    ngx_pool_t                        *pool;
    ngx_http_llmbroker_mock_knobs_t   *knobs;

    const ngx_http_llmbroker_mock_dialect_t  *dialect;
    ngx_http_llmbroker_mock_call_e     call;
    ngx_str_t                          id;       /* .../models/{id} */

    /* headers */
    ngx_str_t                          bearer;   /* Authorization */
    ngx_str_t                          api_key;  /* x-api-key */
    ngx_str_t                          goog_key; /* x-goog-api-key */
    ngx_str_t                          version;  /* anthropic-version */
    ngx_str_t                          sse;      /* X-DashScope-SSE */
    ngx_str_t                          amz_date; /* X-Amz-Date */
    ngx_str_t                          accept;

    ngx_str_t                          body;
    ngx_http_llmbroker_json_t         *root;     /* of body */

    /* what is asked for; set by the dialect's read() */
    ngx_str_t                          model;    /* quoted, escaped */
    ngx_http_llmbroker_json_t         *user;     /* last user's content, last
                                                    tool result or prompt */
    ngx_http_llmbroker_json_t         *input;    /* Gemini: to be embedded */
    ngx_http_llmbroker_json_t         *stop;     /* string or array */
    ngx_http_llmbroker_json_t         *tools;
    ngx_http_llmbroker_mock_choice_e   tool_choice;
    ngx_http_llmbroker_json_t         *tool_name;  /* when NAMED */
    ngx_http_llmbroker_json_t         *schema;   /* of the answer, or NULL */
    ngx_http_llmbroker_mock_string_t   system;
    ngx_int_t                          max_tokens; /* -1: no limit */
    ngx_uint_t                         n;
    ngx_uint_t                         prompt_words;
    unsigned                           stream:1;
    unsigned                           usage:1;  /* wanted in a stream */
    unsigned                           cumulative:1;
    unsigned                           plain:1;  /* result_format: text */
    unsigned                           tool_result:1;
    unsigned                           thoughts:1;  /* are wanted */
    unsigned                           thoughts_shown:1;
    unsigned                           json_answer:1;  /* is wanted */
    unsigned                           media:1;  /* multimodal generation */
    unsigned                           own_knobs:1;

    /* a refusal */
    ngx_uint_t                         status;
    ngx_str_t                          message;  /* escaped */
    const char                        *code;
    const char                        *param;
    ngx_keyval_t                       error_header;  /* or an empty key */

    /* the answer */
    ngx_http_llmbroker_mock_text_t
                                texts[NGX_HTTP_LLMBROKER_MOCK_TEXTS];
    ngx_uint_t                         ntexts;
    unsigned                           calls:1;  /* texts are tool calls */

    /* the frames */
    ngx_http_llmbroker_mock_stage_e    stage;
    ngx_uint_t                         index;    /* of a choice */
    ngx_uint_t                         chunk;    /* of text, in all */
    ngx_uint_t                         events;
    ngx_str_t                          chunk_head;
    ngx_http_llmbroker_mock_string_t   head;
    ngx_http_llmbroker_mock_string_t   tail;
    ngx_http_llmbroker_mock_frame_t    frame;
    unsigned                           broken:1;

    /* _write.c */
    ngx_event_t                        timer;
    ngx_buf_t                         *buf;
    ngx_chain_t                        out;
    off_t                              sent;     /* bytes of the body */
    off_t                              limit;    /* -1: none */
    unsigned                           clean:1;  /* the cleanup is there */
    unsigned                           done:1;
};


extern ngx_module_t  ngx_http_llmbroker_mock_module;

extern const ngx_http_llmbroker_mock_dialect_t  ngx_http_llmbroker_mock_openai;
extern const ngx_http_llmbroker_mock_dialect_t  ngx_http_llmbroker_mock_claude;
extern const ngx_http_llmbroker_mock_dialect_t  ngx_http_llmbroker_mock_qwen;
extern const ngx_http_llmbroker_mock_dialect_t  ngx_http_llmbroker_mock_gemini;
extern const ngx_http_llmbroker_mock_dialect_t
    ngx_http_llmbroker_mock_bedrock;


/* _knob.c */

/* Sets all knobs to "nothing asked". */
void ngx_http_llmbroker_mock_knobs_init(ngx_http_llmbroker_mock_knobs_t *k);

/*
 * Sets one knob; "-" in a name stands for "_".  name and value must live as
 * long as *k.
 * Return: NGX_OK; NGX_DECLINED when there is no such knob or the value is bad.
 */
ngx_int_t ngx_http_llmbroker_mock_knob(ngx_http_llmbroker_mock_knobs_t *k,
    ngx_str_t *name, ngx_str_t *value);

/*
 * Sets knobs of one request, which gets its own copy of them first.
 * Return: NGX_OK; NGX_DECLINED when the request is refused; NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_mock_request_knob(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_str_t *name, ngx_str_t *value);

/*
 * Obeys a script "!mock key=value ... !" at the beginning of text, the inside
 * of a JSON string, and takes it off.
 * Return: NGX_OK, also when there is none; NGX_DECLINED when the request is
 * refused; NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_mock_script(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_str_t *text);


/* _text.c */

/* Appends formatted text; see ngx_sprintf().  s->failed tells the failure. */
void ngx_cdecl ngx_http_llmbroker_mock_printf(
    ngx_http_llmbroker_mock_string_t *s, const char *fmt, ...);

/* Appends bytes. */
void ngx_http_llmbroker_mock_append(ngx_http_llmbroker_mock_string_t *s,
    u_char *p, size_t len);

/* Appends bytes escaped for a JSON string; invalid UTF-8 is taken for
   ISO 8859-1. */
void ngx_http_llmbroker_mock_escape(ngx_http_llmbroker_mock_string_t *s,
    u_char *p, size_t len);

/* What was appended; points into *s. */
ngx_str_t ngx_http_llmbroker_mock_str(ngx_http_llmbroker_mock_string_t *s);

/* Words in the inside of a JSON string. */
ngx_uint_t ngx_http_llmbroker_mock_words(ngx_str_t *text);

/* Words in a content: a string, or the "text" of the parts of an array. */
ngx_uint_t ngx_http_llmbroker_mock_content_words(
    ngx_http_llmbroker_json_t *content);

/* Appends a content's text, escapes as they stand; sep between the parts. */
void ngx_http_llmbroker_mock_content(ngx_http_llmbroker_mock_string_t *s,
    ngx_http_llmbroker_json_t *content, const char *sep);

/* Makes t a filler of "length" bytes; "varied": not the one of the last. */
void ngx_http_llmbroker_mock_filler(ngx_http_llmbroker_mock_text_t *t,
    off_t length, ngx_uint_t varied);

/* Cuts t behind "max" words; sets t->words and, when it cut, t->finish. */
void ngx_http_llmbroker_mock_cut(ngx_http_llmbroker_mock_text_t *t,
    ngx_int_t max);

/*
 * Cuts t before the first of the stop sequences that occurs in it.
 * Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_mock_stop(ngx_pool_t *pool,
    ngx_http_llmbroker_mock_text_t *t, ngx_http_llmbroker_json_t *stop);

/* Copies n bytes of a text from offset "from" to p, returns the end. */
u_char *ngx_http_llmbroker_mock_copy(u_char *p,
    ngx_http_llmbroker_mock_text_t *t, off_t from, size_t n);

/*
 * Makes the next chunk of the answer's texts the text of ctx->frame.
 * Choices take turns, tool calls follow each other.
 * Return: NGX_OK, NGX_DONE when there is nothing left.
 */
ngx_int_t ngx_http_llmbroker_mock_chunk(ngx_http_llmbroker_mock_ctx_t *ctx);

/*
 * The end of the unit at p, which is before last: a character or an escape of
 * a JSON string, with surrogates as one.
 */
u_char *ngx_http_llmbroker_mock_unit(u_char *p, u_char *last);

/* Words of t that were sent. */
ngx_uint_t ngx_http_llmbroker_mock_told(ngx_http_llmbroker_mock_text_t *t);


/* _schema.c */

/*
 * Appends a value that fits a JSON schema, with "text", the inside of a JSON
 * string, for its strings.  Patterns and multiples are not looked at.
 */
void ngx_http_llmbroker_mock_value(ngx_http_llmbroker_mock_string_t *s,
    ngx_http_llmbroker_json_t *schema, ngx_str_t *text);


/* _request.c */

/*
 * Refuses the request with a status, an error code and a parameter's name
 * (both may be NULL) and a formatted message.
 * Return: NGX_DECLINED, NGX_ERROR on a lack of memory.
 */
ngx_int_t ngx_cdecl ngx_http_llmbroker_mock_refuse(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_uint_t status, const char *code,
    const char *param, const char *fmt, ...);

/*
 * Reads ctx->body to ctx->root, an object, and its "model".
 * Return: NGX_OK, NGX_DECLINED, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_mock_parse(ngx_http_llmbroker_mock_ctx_t *ctx);

/*
 * Reads messages, or tools and tool_choice, in OpenAI's form, which
 * DashScope shares.
 * Return: NGX_OK, NGX_DECLINED, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_mock_messages(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_json_t *messages);
ngx_int_t ngx_http_llmbroker_mock_tools(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_json_t *object);

/*
 * Reads a response_format in OpenAI's form, or none, after the messages.
 * Return: NGX_OK, NGX_DECLINED, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_mock_format(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_json_t *messages, ngx_http_llmbroker_json_t *format);

/* 1 when a number is missing or within [min, max], else 0 */
ngx_uint_t ngx_http_llmbroker_mock_range(ngx_http_llmbroker_json_t *v,
    double min, double max);

/*
 * Makes the texts of the answer from what read() found, after having obeyed
 * the script.
 * Return: NGX_OK, NGX_DECLINED, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_mock_compose(ngx_http_llmbroker_mock_ctx_t *ctx);

/* Words of all texts. */
ngx_uint_t ngx_http_llmbroker_mock_answer_words(
    ngx_http_llmbroker_mock_ctx_t *ctx);

/*
 * Appends the whole request, escaped: the first line, the headers, an empty
 * line and the body.
 */
void ngx_http_llmbroker_mock_echo(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_mock_string_t *s);


/* _claude_read.c */

/*
 * Checks a request and reads what it asks for.
 * Return: NGX_OK, NGX_DECLINED, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_mock_claude_read(
    ngx_http_llmbroker_mock_ctx_t *ctx);


/* _gemini.c */

/* 1 when the request's path asks for a stream, else 0 */
ngx_uint_t ngx_http_llmbroker_mock_gemini_streams(
    ngx_http_llmbroker_mock_ctx_t *ctx);

/* A member by its name in lowerCamelCase, in either spelling, or NULL. */
ngx_http_llmbroker_json_t *ngx_http_llmbroker_mock_gemini_get(
    ngx_http_llmbroker_json_t *object, const char *name);


/* _gemini_embed.c */

/*
 * Reads what batchEmbedContents is to embed.
 * Return: NGX_OK, NGX_DECLINED, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_mock_gemini_embed_read(
    ngx_http_llmbroker_mock_ctx_t *ctx);

/* Makes the frame of its answer.  NGX_OK, NGX_ERROR. */
ngx_int_t ngx_http_llmbroker_mock_gemini_embed(
    ngx_http_llmbroker_mock_ctx_t *ctx);


/* _bedrock_read.c */

/*
 * Checks a request and reads what it asks for.
 * Return: NGX_OK, NGX_DECLINED, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_mock_bedrock_read(
    ngx_http_llmbroker_mock_ctx_t *ctx);

/* 1 when the request's path asks for a stream, else 0 */
ngx_uint_t ngx_http_llmbroker_mock_bedrock_streams(
    ngx_http_llmbroker_mock_ctx_t *ctx);

/* 1 when v is a name that a tool, or an id that a call may have, else 0 */
ngx_uint_t ngx_http_llmbroker_mock_bedrock_name(ngx_http_llmbroker_json_t *v);


/* _bedrock_messages.c */

/*
 * Checks a request's messages and finds the last of the user, after the tools.
 * Return: NGX_OK, NGX_DECLINED, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_mock_bedrock_messages(
    ngx_http_llmbroker_mock_ctx_t *ctx);


/* _embed.c */

/*
 * Reads what is to be embedded.
 * Return: NGX_OK, NGX_DECLINED, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_mock_embed_read(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_http_llmbroker_json_t *input,
    ngx_int_t dimensions);

/*
 * Appends one vector for each input: "prefix", its number and "middle" unless
 * that is NULL, the vector, "}", with commas between them.
 */
ngx_int_t ngx_http_llmbroker_mock_embed(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_http_llmbroker_json_t *input, ngx_int_t dimensions,
    ngx_uint_t base64, const char *prefix, const char *middle);


/* _write.c */

/* Sends the answer that ctx holds and finalizes the request. */
void ngx_http_llmbroker_mock_send(ngx_http_llmbroker_mock_ctx_t *ctx);


#endif /* _NGX_HTTP_LLMBROKER_MOCK_H_INCLUDED_ */
