
/*
 * What differs between the versions of nginx: 1.22 to the newest.  No other
 * file looks at nginx_version.
 */


#ifndef _NGX_HTTP_LLMBROKER_COMPAT_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_COMPAT_H_INCLUDED_


#include <nginx.h>
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* 1.27.2: trailers can be kept */

#if (nginx_version >= 1027002)
#define ngx_http_llmbroker_parse_chunked(r, b, ctx)                          \
    ngx_http_parse_chunked(r, b, ctx, 0)
#else
#define ngx_http_llmbroker_parse_chunked(r, b, ctx)                          \
    ngx_http_parse_chunked(r, b, ctx)
#endif


/*
 * Before 1.23.3 ngx_ssl_recv() left "ready" set on an error, and an unbuffered
 * response to a client that does not read looped (ticket 2418).
 */

#if (NGX_HTTP_SSL && nginx_version < 1023003)

static ngx_inline ssize_t
ngx_http_llmbroker_ssl_recv(ngx_connection_t *c, u_char *buf, size_t size)
{
    ssize_t  n;

    n = ngx_ssl_recv(c, buf, size);

    if (n == NGX_ERROR) {
        c->read->ready = 0;
    }

    return n;
}

#define ngx_http_llmbroker_fix_recv(c)                                       \
    if ((c)->recv == ngx_ssl_recv) {                                         \
        (c)->recv = ngx_http_llmbroker_ssl_recv;                             \
    }

#else

#define ngx_http_llmbroker_fix_recv(c)

#endif


#endif /* _NGX_HTTP_LLMBROKER_COMPAT_H_INCLUDED_ */
