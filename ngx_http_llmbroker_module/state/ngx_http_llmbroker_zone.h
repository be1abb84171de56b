
/*
 * How a zone's memory is laid out.  Of this folder only.
 */


#ifndef _NGX_HTTP_LLMBROKER_ZONE_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_ZONE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "state/ngx_http_llmbroker_state.h"


#define NGX_HTTP_LLMBROKER_LINE      64         /* of a cache, in bytes */
#define NGX_HTTP_LLMBROKER_MAX_ROWS  64


typedef struct ngx_http_llmbroker_block_s  ngx_http_llmbroker_block_t;

/*
 * Cells are allocated many at a time, so that their words in a process's row
 * are neighbours and share no cache line with those of another process: a line
 * with this, then the cells, then the rows.
 */
struct ngx_http_llmbroker_block_s {
    ngx_http_llmbroker_block_t      *next;
    ngx_uint_t                       used;       /* cells, from the first */
};


typedef struct {
    /* pid, slot in nginx's table of processes: 32 bits each; 0: free */
    ngx_http_llmbroker_word_t        owner;
    volatile uint32_t                generation; /* of its configuration */
} ngx_http_llmbroker_row_t;


typedef struct {
    uint64_t                         layout;
    ngx_rbtree_t                     rbtree;
    ngx_rbtree_node_t                sentinel;
    ngx_http_llmbroker_block_t      *blocks;
    ngx_rbtree_node_t               *free;       /* linked by parent */
    ngx_uint_t                       ncells;     /* of a block */
    ngx_uint_t                       nrows;
    uint32_t                         generation; /* newest configuration */
    volatile uint32_t                crowded;    /* somebody has no row */
    ngx_http_llmbroker_row_t         rows[NGX_HTTP_LLMBROKER_MAX_ROWS];
} ngx_http_llmbroker_states_t;


#define ngx_http_llmbroker_block_size(ncells, nrows)                         \
    (NGX_HTTP_LLMBROKER_LINE                                                 \
     + (ncells) * (sizeof(ngx_http_llmbroker_state_t)                        \
                   + (nrows) * sizeof(ngx_http_llmbroker_word_t)))

#define ngx_http_llmbroker_block_cells(block)                                \
    ((ngx_http_llmbroker_state_t *)                                          \
        ((u_char *) (block) + NGX_HTTP_LLMBROKER_LINE))


#endif /* _NGX_HTTP_LLMBROKER_ZONE_H_INCLUDED_ */
