
/*
 * Injection (design 2.5): a request's body with defaults, overrides and drops
 * applied, in which every byte that nothing changes is the client's own.
 */


#ifndef _NGX_HTTP_LLMBROKER_EDIT_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_EDIT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "config/ngx_http_llmbroker_conf.h"
#include "request/ngx_http_llmbroker_body.h"


/* a body of a dialect that translates is held in memory up to this size */
#define NGX_HTTP_LLMBROKER_MAX_TREE  (8 * 1024 * 1024)


/* what becomes of one member of the body */
typedef struct {
    ngx_str_t                        value;     /* JSON, when replaced */
    unsigned                         replaced:1;
    unsigned                         dropped:1;
} ngx_http_llmbroker_change_t;


typedef struct {
    ngx_pool_t                      *pool;
    ngx_http_llmbroker_body_t       *body;
    ngx_http_llmbroker_change_t     *changes;   /* one for each member */
    ngx_array_t                      added;     /* param_t */
} ngx_http_llmbroker_edit_t;


/*
 * Applies a model's defaults (unless "injection" is 0), overrides and drops.
 * Return: NGX_OK; NGX_DECLINED when an object has too many values to merge
 * defaults into it; NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_edit(ngx_http_llmbroker_edit_t *edit,
    ngx_pool_t *pool, ngx_http_llmbroker_body_t *body,
    ngx_http_llmbroker_model_t *model, ngx_http_llmbroker_call_e call,
    ngx_uint_t injection);

/*
 * The JSON text of a member as it stands after the edits so far.
 * Return: NGX_OK; NGX_DECLINED when there is none; NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_edit_get(ngx_http_llmbroker_edit_t *edit,
    const char *name, ngx_str_t *value);

/*
 * Sets a member to a JSON text, which must live as long as the request; adds
 * it when there is none.  Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_edit_set(ngx_http_llmbroker_edit_t *edit,
    const char *name, ngx_str_t *value);

/* Leaves a member out. */
void ngx_http_llmbroker_edit_drop(ngx_http_llmbroker_edit_t *edit,
    ngx_str_t *name);

/*
 * Makes "stream_options" ask for the usage, so that it is always learned
 * (design 2.9), unless the model drops that parameter.
 *
 * wanted:  1 when the request asked for it by itself
 *
 * Return: NGX_OK; NGX_DECLINED when it has too many values; NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_edit_usage(ngx_http_llmbroker_edit_t *edit,
    ngx_http_llmbroker_model_t *model, ngx_uint_t *wanted);

/*
 * The edited body as a chain of new buffers over the client's bytes and the
 * edits.  Return: NGX_OK with *chain and *length (bytes) set; NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_edit_chain(ngx_http_llmbroker_edit_t *edit,
    ngx_chain_t **chain, off_t *length);

/*
 * The edited body as a tree.  Return: NGX_OK; NGX_DECLINED when it is longer
 * than NGX_HTTP_LLMBROKER_MAX_TREE or has too many values; NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_edit_tree(ngx_http_llmbroker_edit_t *edit,
    ngx_http_llmbroker_json_t **root);


#endif /* _NGX_HTTP_LLMBROKER_EDIT_H_INCLUDED_ */
