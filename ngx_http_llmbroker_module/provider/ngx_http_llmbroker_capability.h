
/*
 * The "capabilities" of a YAML file: what a model can do, where a dialect's
 * own table does not know it or is wrong.
 */


#ifndef _NGX_HTTP_LLMBROKER_CAPABILITY_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_CAPABILITY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_provider.h"


/*
 * One of them; a table ends with an empty name.  By which member is set:
 *
 * bit:    true or false sets it in the ngx_uint_t at offset, or clears it
 * words:  one of them, up to a NULL; its number is stored in the ngx_uint_t
 *         at offset
 * none:   an integer above 0, stored in the ngx_int_t at offset
 */
typedef struct {
    ngx_str_t                            name;
    size_t                               offset;
    ngx_uint_t                           bit;
    const char * const                  *words;
} ngx_http_llmbroker_capability_t;


/*
 * Stores target->capabilities, if there are any, in a structure of a dialect;
 * for configure().
 *
 * known:      those that the dialect knows, or NULL for none
 * abilities:  the structure
 *
 * Return: NGX_OK; NGX_DECLINED when one is unknown or of another type, with
 * target->why set; NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_capabilities(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target,
    const ngx_http_llmbroker_capability_t *known, void *abilities);


#endif /* _NGX_HTTP_LLMBROKER_CAPABILITY_H_INCLUDED_ */
