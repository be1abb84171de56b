
/*
 * Copyright (C) LLMBroker contributors
 *
 * A stream's chunk mostly repeats the chunk before it but for its text.  What
 * the scan of that one has found is true of it too, and to compare costs a
 * fraction of a scan.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "codec/ngx_http_llmbroker_token.h"
#include "provider/ngx_http_llmbroker_openai.h"


static ngx_uint_t ngx_http_llmbroker_openai_repeats(
    ngx_http_llmbroker_openai_t *o, ngx_str_t *chunk);


ngx_int_t
ngx_http_llmbroker_openai_scan_chunk(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_openai_t *o, ngx_str_t *chunk)
{
    ngx_int_t                  rc;
    ngx_http_llmbroker_scan_t  scan;

    if (ngx_http_llmbroker_openai_repeats(o, chunk)) {

        /* what was found is left as it was, but not what was done to it */

        o->changes = 0;
        o->counted = 0;
        o->carried = 0;

        return NGX_OK;
    }

    o->before_len = 0;
    o->texts = 0;

    ngx_http_llmbroker_openai_scan(ex, o, &scan);

    rc = ngx_http_llmbroker_scan(&scan, chunk->data,
                                 chunk->data + chunk->len);

    if (rc == NGX_OK) {
        rc = ngx_http_llmbroker_scan_end(&scan);
    }

    if (rc != NGX_OK
        || chunk->len > NGX_HTTP_LLMBROKER_OPENAI_BEFORE
        || o->texts > NGX_HTTP_LLMBROKER_OPENAI_TEXTS)
    {
        return rc;
    }

    if (o->before == NULL) {
        o->before = ngx_pnalloc(ex->pool, NGX_HTTP_LLMBROKER_OPENAI_BEFORE);
        if (o->before == NULL) {
            return NGX_ERROR;
        }
    }

    ngx_memcpy(o->before, chunk->data, chunk->len);
    o->before_len = chunk->len;

    return NGX_OK;
}


/*
 * 1 when a chunk is that before, byte for byte outside of its texts, and each
 * text is another text that is not empty: no finding depends on more.
 */

static ngx_uint_t
ngx_http_llmbroker_openai_repeats(ngx_http_llmbroker_openai_t *o,
    ngx_str_t *chunk)
{
    size_t       n;
    u_char      *p, *last, *end, *before;
    ngx_uint_t   i, escaped;

    if (o->before_len == 0) {
        return 0;
    }

    p = chunk->data;
    last = p + chunk->len;
    before = o->before;

    for (i = 0; i < o->texts; i++) {

        n = o->before + o->text[i].start - before;

        if ((size_t) (last - p) < n || ngx_memcmp(p, before, n) != 0) {
            return 0;
        }

        p += n;

        end = ngx_http_llmbroker_token_string(p, last, &escaped);

        if (end == NULL || end == p) {
            return 0;
        }

        p = end;
        before = o->before + o->text[i].end;
    }

    n = o->before + o->before_len - before;

    return (size_t) (last - p) == n && ngx_memcmp(p, before, n) == 0;
}


void
ngx_http_llmbroker_openai_text(ngx_http_llmbroker_openai_t *o,
    ngx_http_llmbroker_scan_level_t *level, ngx_uint_t depth, off_t end,
    ngx_str_t *text)
{
    level += depth;

    if (level->type != NGX_HTTP_LLMBROKER_JSON_STRING || text->len < 3) {
        return;
    }

    if (depth == 1) {

        /* before the choices all is the same, or most would be */

        if (!(o->seen & NGX_HTTP_LLMBROKER_OPENAI_ARRAY)
            || ngx_http_llmbroker_openai_key(level, "object"))
        {
            return;
        }

    } else if (depth == 3 && !ngx_http_llmbroker_openai_key(level, "text")) {
        return;
    }

    if (o->texts < NGX_HTTP_LLMBROKER_OPENAI_TEXTS) {
        o->text[o->texts].start = (size_t) level->start + 1;
        o->text[o->texts].end = (size_t) end - 1;
    }

    o->texts++;
}
