
/*
 * Bytes on their way out: a chain of buffers that grows at its end, with
 * buffers recycled the way ngx_chain_update_chains() does it.
 */


#ifndef _NGX_HTTP_LLMBROKER_OUT_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_OUT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef struct {
    ngx_pool_t                      *pool;
    ngx_chain_t                    **free;   /* NULL: nothing is recycled */
    ngx_buf_tag_t                    tag;
    size_t                           size;   /* of a new buffer, bytes */

    ngx_chain_t                     *chain;  /* what was written */
    ngx_chain_t                     *last;
    off_t                            length; /* of chain, bytes */
} ngx_http_llmbroker_out_t;


/*
 * Prepares *out.
 *
 * pool:  new buffers come from it
 * free:  list of buffers to take first, see ngx_chain_get_free_buf(); NULL
 *        when the chain is used once
 * tag:   marks the buffers as ours in the busy list
 * size:  bytes of a new buffer
 */
void ngx_http_llmbroker_out_init(ngx_http_llmbroker_out_t *out,
    ngx_pool_t *pool, ngx_chain_t **free, ngx_buf_tag_t tag, size_t size);

/* Copies len bytes to the end.  Return: NGX_OK, NGX_ERROR. */
ngx_int_t ngx_http_llmbroker_out_copy(ngx_http_llmbroker_out_t *out,
    const void *p, size_t len);

/* The same, without a call where they fit: for short pieces. */
static ngx_inline ngx_int_t ngx_http_llmbroker_out_put(
    ngx_http_llmbroker_out_t *out, const void *p, size_t len);

/*
 * Appends len bytes without copying; the memory must stay until the chain
 * was sent.  Bytes that lie behind those before them share their buffer.
 * Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_out_refer(ngx_http_llmbroker_out_t *out,
    u_char *p, size_t len);

/*
 * Copies what *out only refers to, so that the memory may change.
 * Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_out_own(ngx_http_llmbroker_out_t *out);

/*
 * Copies what was written to memory of pool as one text; *out stays as it is.
 * Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_out_text(ngx_http_llmbroker_out_t *out,
    ngx_pool_t *pool, ngx_str_t *text);

/*
 * Takes the chain away: *out is empty afterwards.  NULL when nothing was
 * written.  The caller owns the links and buffers.
 */
ngx_chain_t *ngx_http_llmbroker_out_take(ngx_http_llmbroker_out_t *out);


static ngx_inline ngx_int_t
ngx_http_llmbroker_out_put(ngx_http_llmbroker_out_t *out, const void *p,
    size_t len)
{
    ngx_buf_t  *b;

    b = (out->last != NULL) ? out->last->buf : NULL;

    if (b == NULL || !b->temporary || (size_t) (b->end - b->last) < len) {
        return ngx_http_llmbroker_out_copy(out, p, len);
    }

    b->last = ngx_cpymem(b->last, p, len);
    out->length += len;

    return NGX_OK;
}


#endif /* _NGX_HTTP_LLMBROKER_OUT_H_INCLUDED_ */
