
/*
 * A resumable, strict JSON scanner (RFC 8259): it checks a text that arrives
 * in pieces and tells where its outer values begin and end, without copying
 * and without building anything.
 */


#ifndef _NGX_HTTP_LLMBROKER_SCAN_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_SCAN_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_HTTP_LLMBROKER_SCAN_MAX_DEPTH   64
#define NGX_HTTP_LLMBROKER_SCAN_MAX_REPORT  7
#define NGX_HTTP_LLMBROKER_SCAN_TEXT        128

/* strings must be valid UTF-8 (RFC 3629: no overlong form, no surrogate) */
#define NGX_HTTP_LLMBROKER_SCAN_UTF8        0x01
/* "\u0000" and lone surrogate escapes are errors */
#define NGX_HTTP_LLMBROKER_SCAN_ESCAPES     0x02
/* the text must be one object */
#define NGX_HTTP_LLMBROKER_SCAN_OBJECT      0x04


typedef enum {
    NGX_HTTP_LLMBROKER_JSON_NULL = 0,
    NGX_HTTP_LLMBROKER_JSON_BOOL,
    NGX_HTTP_LLMBROKER_JSON_NUMBER,
    NGX_HTTP_LLMBROKER_JSON_STRING,
    NGX_HTTP_LLMBROKER_JSON_ARRAY,
    NGX_HTTP_LLMBROKER_JSON_OBJECT
} ngx_http_llmbroker_json_type_e;


typedef struct ngx_http_llmbroker_scan_s  ngx_http_llmbroker_scan_t;


typedef struct {
    /*
     * decoded name, in the piece or in name, cut to at most SCAN_TEXT - 1
     * bytes of whole characters; valid during the call
     */
    ngx_str_t                        key;
    u_char                           name[NGX_HTTP_LLMBROKER_SCAN_TEXT];
    ngx_uint_t                       index;      /* place in its container */
    off_t                            key_start;  /* quote; start in arrays */
    off_t                            start;      /* first byte of the value */
    ngx_http_llmbroker_json_type_e   type;
    unsigned                         long_key:1; /* key was cut */
} ngx_http_llmbroker_scan_level_t;


/*
 * Called once for each value of depth 1 to "report" (1: members or elements
 * of the outermost container), when the value has ended.
 * s->level[depth] describes the value, s->level[1] .. s->level[depth - 1]
 * the values around it.
 *
 * end:   offset of the byte after the value
 * text:  a scalar's exact text, quotes and escapes included; data == NULL for
 *        containers and for scalars longer than SCAN_TEXT bytes that did not
 *        lie in one piece; valid during the call only
 *
 * Return: NGX_OK to go on, NGX_DECLINED to stop with an error (the handler
 * sets s->error and may set s->offset, which is end, back to the byte that it
 * means), NGX_ERROR on a lack of memory.
 */
typedef ngx_int_t (*ngx_http_llmbroker_scan_pt)(ngx_http_llmbroker_scan_t *s,
    ngx_uint_t depth, off_t end, ngx_str_t *text);


struct ngx_http_llmbroker_scan_s {
    ngx_uint_t                       flags;
    ngx_uint_t                       report;
    ngx_http_llmbroker_scan_pt       handler;
    void                            *data;

    off_t                            offset;   /* bytes consumed so far */
    const char                      *error;    /* static text, lower case */

    ngx_http_llmbroker_scan_level_t
                             level[NGX_HTTP_LLMBROKER_SCAN_MAX_REPORT + 1];

    /* private: the state of the machine */
    ngx_uint_t                       state;
    ngx_uint_t                       depth;
    ngx_http_llmbroker_scan_level_t *top;      /* NULL: none is reported */
    ngx_uint_t                       object;   /* is around what comes */
    uint64_t                         objects;  /* the same of all depths */
    ngx_uint_t                       escape;
    uint32_t                         utf8;
    uint32_t                         code;
    uint32_t                         high;
    unsigned                         in_key:1;
    unsigned                         overflow:1;
    unsigned                         no_memory:1;
    u_char                          *literal;
    off_t                            base;     /* from address to offset */
    u_char                          *token;    /* scalar's start, this piece */
    size_t                           len;
    u_char                           text[NGX_HTTP_LLMBROKER_SCAN_TEXT];
};


/*
 * Prepares *s for a new text.
 *
 * flags:    NGX_HTTP_LLMBROKER_SCAN_*
 * report:   values down to this depth are told to the handler, at most
 *           SCAN_MAX_REPORT; 0 for none
 * handler:  may be NULL when report is 0
 * data:     the handler's, as s->data
 */
void ngx_http_llmbroker_scan_init(ngx_http_llmbroker_scan_t *s,
    ngx_uint_t flags, ngx_uint_t report, ngx_http_llmbroker_scan_pt handler,
    void *data);

/*
 * Consumes the next piece [p, last) of the text.
 *
 * Return:
 *   NGX_OK        the piece is consumed, more may follow
 *   NGX_DECLINED  not JSON, or refused by the flags or the handler; s->error
 *                 says why and s->offset where (bytes from the text's start):
 *                 the first byte that cannot stand there, or the backslash of
 *                 an escape that SCAN_ESCAPES refuses
 *   NGX_ERROR     the handler ran out of memory
 *
 * After an error every further call fails alike.
 */
ngx_int_t ngx_http_llmbroker_scan(ngx_http_llmbroker_scan_t *s, u_char *p,
    u_char *last);

/*
 * The text has ended.  Return: NGX_OK when it was one complete value,
 * otherwise NGX_DECLINED with s->error set.
 */
ngx_int_t ngx_http_llmbroker_scan_end(ngx_http_llmbroker_scan_t *s);


#endif /* _NGX_HTTP_LLMBROKER_SCAN_H_INCLUDED_ */
