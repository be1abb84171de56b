
/*
 * Words of shared memory: how they are read and changed without a lock, and
 * how a time is kept in a part of one.  nginx's own atomics are as wide as a
 * pointer and, for some compilers, of that one type only.
 */


#ifndef _NGX_HTTP_LLMBROKER_WORD_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_WORD_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef volatile uint64_t  ngx_http_llmbroker_word_t;


#define ngx_http_llmbroker_word_load(p)                                      \
    __atomic_load_n(p, __ATOMIC_ACQUIRE)

#define ngx_http_llmbroker_word_store(p, v)                                  \
    __atomic_store_n(p, v, __ATOMIC_RELEASE)

#define ngx_http_llmbroker_word_cas(p, old, new)                             \
    __sync_bool_compare_and_swap(p, old, new)

#define ngx_http_llmbroker_word_add(p, n)                                    \
    __sync_fetch_and_add(p, n)


/*
 * Bits of a time in msec that are kept: 8 years, half of which is the past.
 * ngx_current_msec is the same monotonic clock in all processes.
 */
#define NGX_HTTP_LLMBROKER_CLOCK  (NGX_PTR_SIZE == 4 ? 32 : 38)

/* nothing lasts longer: a time that is farther away has passed long ago */
#define NGX_HTTP_LLMBROKER_LONGEST  86400000


/* Msec from now until a time that was kept; 0: it has passed. */

static ngx_inline ngx_msec_t
ngx_http_llmbroker_word_left(uint64_t until, ngx_msec_t now)
{
    int64_t  left;

    left = (int64_t) ((until - now) << (64 - NGX_HTTP_LLMBROKER_CLOCK))
           >> (64 - NGX_HTTP_LLMBROKER_CLOCK);

    if (left <= 0 || left > NGX_HTTP_LLMBROKER_LONGEST) {
        return 0;
    }

    return (ngx_msec_t) left;
}


/* The time to keep for what lasts msec from now. */

static ngx_inline uint64_t
ngx_http_llmbroker_word_until(ngx_msec_t now, ngx_msec_t msec)
{
    return ((uint64_t) now + ngx_min(msec, NGX_HTTP_LLMBROKER_LONGEST))
           & (((uint64_t) 1 << NGX_HTTP_LLMBROKER_CLOCK) - 1);
}


#endif /* _NGX_HTTP_LLMBROKER_WORD_H_INCLUDED_ */
