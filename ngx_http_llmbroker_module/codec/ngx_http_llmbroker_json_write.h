
/*
 * Writes JSON with yajl_gen to an out chain.  Errors stick: a caller writes
 * the whole document and asks once, at the end.
 */


#ifndef _NGX_HTTP_LLMBROKER_JSON_WRITE_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_JSON_WRITE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "codec/ngx_http_llmbroker_out.h"


#define NGX_HTTP_LLMBROKER_JSON_WRITE_DEPTH   64
#define NGX_HTTP_LLMBROKER_JSON_WRITE_MEMORY  1024

/* a text from this length on is not copied where it need not be: bytes */
#define NGX_HTTP_LLMBROKER_JSON_WRITE_REFER   16384


typedef struct {
    void                            *gen;    /* yajl_gen */
    ngx_http_llmbroker_out_t        *out;

    /* private */
    ngx_uint_t                       depth;
    uint64_t                         objects;  /* bit per depth: an object */
    size_t                           used;     /* of memory */
    unsigned                         failed:1;
    unsigned                         key:1;    /* its value is to come */
    unsigned                         string:1; /* between open and close */
    unsigned                         quiet:1;  /* yajl_gen only counts */
    unsigned                         name:1;   /* and of a name its quotes */
    unsigned                         refer:1;
    unsigned                         members:1;

    /* for yajl_gen: a writer costs no allocation */
    uint64_t           memory[NGX_HTTP_LLMBROKER_JSON_WRITE_MEMORY / 8];
} ngx_http_llmbroker_json_writer_t;


/*
 * Starts a document at the end of out.  Every start must be followed by
 * ngx_http_llmbroker_json_write_end(), whatever happens between, and *w must
 * not be moved until then.
 */
void ngx_http_llmbroker_json_write_start(ngx_http_llmbroker_json_writer_t *w,
    ngx_http_llmbroker_out_t *out);

/*
 * The same for more members of an object that has one and is not closed here:
 * each gets a comma before it.  Without any it costs nothing.
 */
void ngx_http_llmbroker_json_write_members(
    ngx_http_llmbroker_json_writer_t *w, ngx_http_llmbroker_out_t *out);

/*
 * From here on long texts are referred to instead of being copied: they must
 * live as long as what is written.
 */
void ngx_http_llmbroker_json_write_refer(ngx_http_llmbroker_json_writer_t *w);

/*
 * Ends the document and frees what the writer holds.
 * Return: NGX_OK; NGX_ERROR when any call since the start has failed or what
 * was written is not one whole value (nested deeper than WRITE_DEPTH, not
 * closed, a name without a value, ...): out's content is then of no use.
 */
ngx_int_t ngx_http_llmbroker_json_write_end(
    ngx_http_llmbroker_json_writer_t *w);

/* objects and arrays; each that is opened is closed */
void ngx_http_llmbroker_json_open(ngx_http_llmbroker_json_writer_t *w);
void ngx_http_llmbroker_json_close(ngx_http_llmbroker_json_writer_t *w);
void ngx_http_llmbroker_json_open_array(ngx_http_llmbroker_json_writer_t *w);
void ngx_http_llmbroker_json_close_array(ngx_http_llmbroker_json_writer_t *w);

/*
 * A member's name, whose value must be written next: one of an API, which is
 * ASCII that needs no escape, and mostly a literal
 */
#define ngx_http_llmbroker_json_key(w, api)                                   \
    ngx_http_llmbroker_json_key_name(w, api, ngx_strlen((api)))

/* the same with its length */
void ngx_http_llmbroker_json_key_name(ngx_http_llmbroker_json_writer_t *w,
    const char *name, size_t len);

/* any other name, which is escaped like text */
void ngx_http_llmbroker_json_key_str(ngx_http_llmbroker_json_writer_t *w,
    ngx_str_t *name);

/*
 * Values.  Text is escaped, and what is not UTF-8 in it becomes U+FFFD; raw is
 * a whole JSON value and is copied as it is.
 */
void ngx_http_llmbroker_json_text(ngx_http_llmbroker_json_writer_t *w,
    const char *text);
void ngx_http_llmbroker_json_str(ngx_http_llmbroker_json_writer_t *w,
    ngx_str_t *text);
void ngx_http_llmbroker_json_raw(ngx_http_llmbroker_json_writer_t *w,
    ngx_str_t *raw);
void ngx_http_llmbroker_json_number(ngx_http_llmbroker_json_writer_t *w,
    int64_t n);
void ngx_http_llmbroker_json_bool(ngx_http_llmbroker_json_writer_t *w,
    ngx_uint_t v);
void ngx_http_llmbroker_json_null(ngx_http_llmbroker_json_writer_t *w);

/*
 * The digits of a number, as JSON has them, for what is written without a
 * writer; ngx_sprintf() takes longer.
 *
 * last:  the end of NGX_INT64_LEN bytes, which the digits fill from behind
 *
 * Return: the first of them.
 */
u_char *ngx_http_llmbroker_json_digits(u_char *last, int64_t n);

/*
 * One string value put together from pieces: open, any number of pieces,
 * close.  "inner" is text that is already escaped, "piece" is plain text, of
 * whole characters.
 */
void ngx_http_llmbroker_json_open_string(ngx_http_llmbroker_json_writer_t *w);
void ngx_http_llmbroker_json_inner_piece(ngx_http_llmbroker_json_writer_t *w,
    ngx_str_t *inner);
void ngx_http_llmbroker_json_text_piece(ngx_http_llmbroker_json_writer_t *w,
    ngx_str_t *text);
void ngx_http_llmbroker_json_close_string(
    ngx_http_llmbroker_json_writer_t *w);


#endif /* _NGX_HTTP_LLMBROKER_JSON_WRITE_H_INCLUDED_ */
