
/*
 * A compact JSON tree over a text in memory.  Every value keeps its exact
 * text, so that numbers keep their precision and strings their escapes when
 * they are copied into another document.
 */


#ifndef _NGX_HTTP_LLMBROKER_JSON_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_JSON_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "codec/ngx_http_llmbroker_scan.h"


/*
 * A value takes more memory than the two bytes it may have in the text: a
 * tree has some million of them at most, 64 MB.
 */
#define NGX_HTTP_LLMBROKER_JSON_MAX_VALUES  (1024 * 1024)


typedef struct ngx_http_llmbroker_json_s  ngx_http_llmbroker_json_t;

struct ngx_http_llmbroker_json_s {
    ngx_http_llmbroker_json_type_e   type;
    unsigned                         escaped:1;  /* string has a backslash */
    ngx_str_t                        key;    /* decoded; empty in arrays */
    ngx_str_t                        raw;    /* exact text of the value */
    ngx_http_llmbroker_json_t       *child;  /* first member or element */
    ngx_http_llmbroker_json_t       *next;   /* sibling */
    ngx_uint_t                       n;      /* number of children */
};


/*
 * Builds the tree of the text [p, p + len), which must be one JSON value.
 * The tree points into the text, which must live as long as the tree.
 *
 * pool:  holds the nodes and the names that had to be decoded
 * root:  set on success
 *
 * Return: NGX_OK; NGX_DECLINED when the text is not JSON, holds invalid UTF-8,
 * nests deeper than NGX_HTTP_LLMBROKER_SCAN_MAX_DEPTH or has more values than
 * NGX_HTTP_LLMBROKER_JSON_MAX_VALUES; NGX_ERROR on a lack of memory.  Time is
 * linear in len; nothing recurses.
 */
ngx_int_t ngx_http_llmbroker_json_parse(ngx_pool_t *pool, u_char *p,
    size_t len, ngx_http_llmbroker_json_t **root);

/*
 * The member of an object by its decoded name, mostly a literal, whose length
 * is then known; with several of one name the last, as OpenAI's and yajl's
 * users expect.  NULL when object is NULL, is no object or has no such member.
 */
#define ngx_http_llmbroker_json_get(object, name)                             \
    ngx_http_llmbroker_json_member(object, name, ngx_strlen((name)))

/* the same by a name of len bytes */
ngx_http_llmbroker_json_t *ngx_http_llmbroker_json_member(
    ngx_http_llmbroker_json_t *object, const char *name, size_t len);

/* json_get(), but NULL also for a member of another type */
#define ngx_http_llmbroker_json_get_type(object, name, type)                  \
    ngx_http_llmbroker_json_member_type(object, name, ngx_strlen((name)), type)

/* the same by a name of len bytes */
ngx_http_llmbroker_json_t *ngx_http_llmbroker_json_member_type(
    ngx_http_llmbroker_json_t *object, const char *name, size_t len,
    ngx_http_llmbroker_json_type_e type);

/*
 * A string's text without quotes, escapes decoded.  Without escapes it points
 * into the source; otherwise it is allocated from pool.  A lone surrogate
 * escape becomes U+FFFD.
 * Return: NGX_OK; NGX_DECLINED when v is NULL or no string; NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_json_string(ngx_pool_t *pool,
    ngx_http_llmbroker_json_t *v, ngx_str_t *out);

/*
 * A string's text between the quotes, escapes as they stand, for copying into
 * another JSON string.  Empty when v is NULL or no string.
 */
ngx_str_t ngx_http_llmbroker_json_inner(ngx_http_llmbroker_json_t *v);

/*
 * 1 when v is a string equal to the ASCII text, mostly a literal, escapes
 * considered, else 0
 */
#define ngx_http_llmbroker_json_is(v, text)                                   \
    ngx_http_llmbroker_json_equal(v, text, ngx_strlen((text)))

/* the same for a text of len bytes */
ngx_uint_t ngx_http_llmbroker_json_equal(ngx_http_llmbroker_json_t *v,
    const char *text, size_t len);

/*
 * A number as an integer; a fraction is cut off, and what does not fit is
 * clamped to NGX_MAX_INT_T_VALUE.  Return: "missing" when v is NULL, no
 * number or negative.
 */
ngx_int_t ngx_http_llmbroker_json_int(ngx_http_llmbroker_json_t *v,
    ngx_int_t missing);

/* 1 when v is the literal true, else 0 */
ngx_uint_t ngx_http_llmbroker_json_true(ngx_http_llmbroker_json_t *v);

/*
 * Decodes the inside of a JSON string (no quotes) of len bytes to dst, which
 * has room for len bytes.  A lone surrogate escape becomes U+FFFD.
 * Return: the byte after the last one written, NULL on a malformed escape.
 */
u_char *ngx_http_llmbroker_json_decode(u_char *dst, u_char *src, size_t len);

/*
 * One character of an escape, which begins behind the backslash at p; a lone
 * surrogate is U+FFFD.  Return: the byte behind it, NULL on a malformed one.
 */
u_char *ngx_http_llmbroker_json_unescape(u_char *p, u_char *last,
    uint32_t *code);


#endif /* _NGX_HTTP_LLMBROKER_JSON_H_INCLUDED_ */
