
/*
 * A client's request body: where its top-level members stand, in memory or in
 * nginx's temporary file.
 */


#ifndef _NGX_HTTP_LLMBROKER_BODY_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_BODY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "request/ngx_http_llmbroker_error.h"


/* one top-level member; offsets are bytes from the body's start */
typedef struct {
    ngx_str_t                        name;       /* decoded */
    ngx_http_llmbroker_json_type_e   type;
    off_t                            key_start;
    off_t                            start;      /* of the value */
    off_t                            end;
    ngx_str_t                        text;       /* of a short scalar */
} ngx_http_llmbroker_member_t;


typedef struct ngx_http_llmbroker_body_scan_s  ngx_http_llmbroker_body_scan_t;

typedef struct {
    ngx_pool_t                      *pool;       /* of all but the bytes */
    ngx_http_llmbroker_body_scan_t  *scan;       /* of what has come, when it
                                                    is a long body, or NULL */
    ngx_chain_t                     *bufs;       /* over r->request_body's */
    off_t                            length;
    ngx_array_t                      members;    /* member_t, body's order */
    ngx_uint_t                      *index;      /* by hash, for many members;
                                                    place in members + 1 */
    ngx_uint_t                       nindex;
    ngx_uint_t                       parsed;
} ngx_http_llmbroker_body_t;


/*
 * The body of r is about to be read: when it may be long, body->scan is set
 * and ..._body_feed() gets what comes.  body->pool must be set.
 * Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_body_expect(ngx_http_request_t *r,
    ngx_http_llmbroker_body_t *body);

/*
 * Scans the next buffers of a body, so that no other request waits for a long
 * scan, and a file is not read again; what is wrong with it,
 * ..._body_scan() tells.
 */
void ngx_http_llmbroker_body_feed(ngx_http_llmbroker_body_t *body,
    ngx_chain_t *in);

/*
 * Checks the body of r, which must have been read: one JSON object, strict
 * UTF-8, no duplicate names, bounded depth (design 2.6, 2.9).
 *
 * Return: NGX_OK with *body filled; NGX_DECLINED with *error filled;
 * NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_body_scan(ngx_http_request_t *r,
    ngx_http_llmbroker_body_t *body, ngx_http_llmbroker_error_t *error);

/*
 * Makes a body that was scanned lie in one piece, where nginx has read its
 * beginning with the header and left room for that behind the rest (see
 * r->request_body_in_single_buf); otherwise it stays as it is.  The bytes
 * move, so that nothing may refer to them yet.
 */
void ngx_http_llmbroker_body_join(ngx_http_request_t *r,
    ngx_http_llmbroker_body_t *body);

/* A member by its name; NULL when the body has none. */
ngx_http_llmbroker_member_t *ngx_http_llmbroker_body_find(
    ngx_http_llmbroker_body_t *body, ngx_str_t *name);

/*
 * The bytes [start, end) of the body in one piece: where they stand when they
 * do so already, otherwise copied to memory from pool.
 * Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_body_bytes(ngx_pool_t *pool,
    ngx_http_llmbroker_body_t *body, off_t start, off_t end, ngx_str_t *text);

/*
 * Appends buffers for the bytes [start, end) of the body at *ll, without
 * copying them; parts in the temporary file become file buffers, unless they
 * are so short that to read them is cheaper.
 * Return: NGX_OK with *ll moved to the new end; NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_body_slice(ngx_pool_t *pool,
    ngx_http_llmbroker_body_t *body, off_t start, off_t end,
    ngx_chain_t ***ll);


#endif /* _NGX_HTTP_LLMBROKER_BODY_H_INCLUDED_ */
