
/*
 * Copyright (C) LLMBroker contributors
 *
 * Writes the conversation of a Converse request.  A message is a run of blocks
 * of one role: so turns of one role merge (R39), tool results come together
 * (R33), and user and assistant alternate.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_bedrock.h"


static void ngx_http_llmbroker_bedrock_write_system(
    ngx_http_llmbroker_bedrock_build_t *b);
static void ngx_http_llmbroker_bedrock_write_run(
    ngx_http_llmbroker_bedrock_build_t *b,
    ngx_http_llmbroker_claude_block_t *block,
    ngx_http_llmbroker_claude_block_t *end);
static void ngx_http_llmbroker_bedrock_write_dot(
    ngx_http_llmbroker_bedrock_build_t *b);
static void ngx_http_llmbroker_bedrock_write_block(
    ngx_http_llmbroker_bedrock_build_t *b,
    ngx_http_llmbroker_claude_block_t *block);
static void ngx_http_llmbroker_bedrock_write_text(
    ngx_http_llmbroker_bedrock_build_t *b,
    ngx_http_llmbroker_claude_block_t *block);
static void ngx_http_llmbroker_bedrock_write_reasoning(
    ngx_http_llmbroker_bedrock_build_t *b,
    ngx_http_llmbroker_claude_block_t *block);
static void ngx_http_llmbroker_bedrock_write_source(
    ngx_http_llmbroker_bedrock_build_t *b,
    ngx_http_llmbroker_claude_block_t *block);
static void ngx_http_llmbroker_bedrock_write_use(
    ngx_http_llmbroker_bedrock_build_t *b,
    ngx_http_llmbroker_claude_block_t *block);
static void ngx_http_llmbroker_bedrock_write_result(
    ngx_http_llmbroker_bedrock_build_t *b,
    ngx_http_llmbroker_claude_block_t *block);
static void ngx_http_llmbroker_bedrock_write_id(
    ngx_http_llmbroker_bedrock_build_t *b, ngx_str_t *id);


static void
ngx_http_llmbroker_bedrock_write_system(ngx_http_llmbroker_bedrock_build_t *b)
{
    ngx_uint_t                          i;
    ngx_http_llmbroker_json_writer_t   *w;
    ngx_http_llmbroker_claude_block_t  *block;

    if (b->claude.system.nelts == 0) {
        return;
    }

    w = &b->claude.w;
    block = b->claude.system.elts;

    ngx_http_llmbroker_json_key(w, "system");
    ngx_http_llmbroker_json_open_array(w);

    for (i = 0; i < b->claude.system.nelts; i++) {
        ngx_http_llmbroker_bedrock_write_text(b, &block[i]);
        ngx_http_llmbroker_bedrock_write_cache(b, block[i].cache);
    }

    ngx_http_llmbroker_json_close_array(w);
}


void
ngx_http_llmbroker_bedrock_write_messages(
    ngx_http_llmbroker_bedrock_build_t *b)
{
    ngx_http_llmbroker_json_writer_t   *w;
    ngx_http_llmbroker_claude_block_t  *block, *last, *end;

    ngx_http_llmbroker_bedrock_write_system(b);

    w = &b->claude.w;

    block = b->claude.blocks.elts;
    last = block + b->claude.blocks.nelts;

    ngx_http_llmbroker_json_key(w, "messages");
    ngx_http_llmbroker_json_open_array(w);

    /* R40 */

    if (block->assistant) {
        ngx_http_llmbroker_json_open(w);
        ngx_http_llmbroker_json_key(w, "role");
        ngx_http_llmbroker_json_text(w, "user");
        ngx_http_llmbroker_json_key(w, "content");
        ngx_http_llmbroker_json_open_array(w);
        ngx_http_llmbroker_bedrock_write_dot(b);
        ngx_http_llmbroker_json_close_array(w);
        ngx_http_llmbroker_json_close(w);
    }

    while (block < last) {

        for (end = block + 1; end < last; end++) {
            if (end->assistant != block->assistant) {
                break;
            }
        }

        ngx_http_llmbroker_json_open(w);
        ngx_http_llmbroker_json_key(w, "role");
        ngx_http_llmbroker_json_text(w,
                                     block->assistant ? "assistant" : "user");
        ngx_http_llmbroker_json_key(w, "content");
        ngx_http_llmbroker_json_open_array(w);
        ngx_http_llmbroker_bedrock_write_run(b, block, end);
        ngx_http_llmbroker_json_close_array(w);
        ngx_http_llmbroker_json_close(w);

        block = end;
    }

    ngx_http_llmbroker_json_close_array(w);
}


/* the content of one message: the blocks from block to end */

static void
ngx_http_llmbroker_bedrock_write_run(ngx_http_llmbroker_bedrock_build_t *b,
    ngx_http_llmbroker_claude_block_t *block,
    ngx_http_llmbroker_claude_block_t *end)
{
    ngx_uint_t                          n, text, document, documents;
    ngx_http_llmbroker_json_t          *cache;
    ngx_http_llmbroker_claude_block_t  *part;

    n = 0;
    text = 0;
    document = 0;
    documents = 0;

    for ( /* void */ ; block < end; block += 1 + block->n) {

        if (block->kind == NGX_HTTP_LLMBROKER_CLAUDE_EMPTY) {
            continue;
        }

        cache = block->cache;

        for (part = block + 1; part <= block + block->n; part++) {
            cache = part->cache ? part->cache : cache;
        }

        /* no cachePoint may stand right behind a document */

        if (block->kind == NGX_HTTP_LLMBROKER_CLAUDE_DOCUMENT) {

            if (n && !document) {
                ngx_http_llmbroker_bedrock_write_cache(b, cache);

            } else if (cache) {
                (void) ngx_http_llmbroker_claude_drop(&b->claude,
                                                      "cache_control");
            }

            cache = NULL;
        }

        ngx_http_llmbroker_bedrock_write_block(b, block);
        ngx_http_llmbroker_bedrock_write_cache(b, cache);

        n++;
        document = (block->kind == NGX_HTTP_LLMBROKER_CLAUDE_DOCUMENT);
        text |= (block->kind < NGX_HTTP_LLMBROKER_CLAUDE_EMPTY);
        documents |= document;
    }

    /* R38; a document comes with text, Bedrock says */

    if (n == 0 || (documents && !text)) {
        ngx_http_llmbroker_bedrock_write_dot(b);
    }
}


static void
ngx_http_llmbroker_bedrock_write_dot(ngx_http_llmbroker_bedrock_build_t *b)
{
    ngx_http_llmbroker_json_open(&b->claude.w);
    ngx_http_llmbroker_json_key(&b->claude.w, "text");
    ngx_http_llmbroker_json_text(&b->claude.w, ".");
    ngx_http_llmbroker_json_close(&b->claude.w);
}


static void
ngx_http_llmbroker_bedrock_write_block(ngx_http_llmbroker_bedrock_build_t *b,
    ngx_http_llmbroker_claude_block_t *block)
{
    switch (block->kind) {

    case NGX_HTTP_LLMBROKER_CLAUDE_RAW:
    case NGX_HTTP_LLMBROKER_CLAUDE_THINKING:
        ngx_http_llmbroker_bedrock_write_reasoning(b, block);
        break;

    case NGX_HTTP_LLMBROKER_CLAUDE_IMAGE:
    case NGX_HTTP_LLMBROKER_CLAUDE_DOCUMENT:
        ngx_http_llmbroker_bedrock_write_source(b, block);
        break;

    case NGX_HTTP_LLMBROKER_CLAUDE_TOOL_USE:
        ngx_http_llmbroker_bedrock_write_use(b, block);
        break;

    case NGX_HTTP_LLMBROKER_CLAUDE_TOOL_RESULT:
        ngx_http_llmbroker_bedrock_write_result(b, block);
        break;

    default: /* text of any kind */
        ngx_http_llmbroker_bedrock_write_text(b, block);
        break;
    }
}


static void
ngx_http_llmbroker_bedrock_write_text(ngx_http_llmbroker_bedrock_build_t *b,
    ngx_http_llmbroker_claude_block_t *block)
{
    ngx_http_llmbroker_json_open(&b->claude.w);
    ngx_http_llmbroker_json_key(&b->claude.w, "text");
    ngx_http_llmbroker_claude_write_text(&b->claude, block);
    ngx_http_llmbroker_json_close(&b->claude.w);
}


/* R50; of what is redacted only the model knows what it says */

static void
ngx_http_llmbroker_bedrock_write_reasoning(
    ngx_http_llmbroker_bedrock_build_t *b,
    ngx_http_llmbroker_claude_block_t *block)
{
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->claude.w;

    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "reasoningContent");
    ngx_http_llmbroker_json_open(w);

    if (block->kind == NGX_HTTP_LLMBROKER_CLAUDE_RAW) {
        ngx_http_llmbroker_claude_write_inner(&b->claude, "redactedContent",
                     ngx_http_llmbroker_claude_inner(block->value, "data"));

    } else {
        ngx_http_llmbroker_json_key(w, "reasoningText");
        ngx_http_llmbroker_json_open(w);
        ngx_http_llmbroker_claude_write_inner(&b->claude, "text", block->data);

        v = ngx_http_llmbroker_json_get_type(block->value, "signature",
                                             NGX_HTTP_LLMBROKER_JSON_STRING);
        ngx_http_llmbroker_claude_write_raw(&b->claude, "signature", v);
        ngx_http_llmbroker_json_close(w);
    }

    ngx_http_llmbroker_json_close(w);
    ngx_http_llmbroker_json_close(w);
}


static void
ngx_http_llmbroker_bedrock_write_source(ngx_http_llmbroker_bedrock_build_t *b,
    ngx_http_llmbroker_claude_block_t *block)
{
    ngx_uint_t                         image;
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->claude.w;
    image = (block->kind == NGX_HTTP_LLMBROKER_CLAUDE_IMAGE);

    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, image ? "image" : "document");
    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "format");
    ngx_http_llmbroker_json_str(w, &block->name);

    if (!image) {
        ngx_http_llmbroker_json_key(w, "name");
        ngx_http_llmbroker_json_str(w, &block->id);
    }

    ngx_http_llmbroker_json_key(w, "source");
    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "bytes");
    ngx_http_llmbroker_json_str(w, &block->data);
    ngx_http_llmbroker_json_close(w);

    ngx_http_llmbroker_json_close(w);
    ngx_http_llmbroker_json_close(w);
}


static void
ngx_http_llmbroker_bedrock_write_use(ngx_http_llmbroker_bedrock_build_t *b,
    ngx_http_llmbroker_claude_block_t *block)
{
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->claude.w;

    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "toolUse");
    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_bedrock_write_id(b, &block->id);
    ngx_http_llmbroker_claude_write_inner(&b->claude, "name", block->name);
    ngx_http_llmbroker_json_key(w, "input");
    ngx_http_llmbroker_json_raw(w, &block->data);
    ngx_http_llmbroker_json_close(w);
    ngx_http_llmbroker_json_close(w);
}


/* R36, R37; the blocks that follow are the result's content */

static void
ngx_http_llmbroker_bedrock_write_result(ngx_http_llmbroker_bedrock_build_t *b,
    ngx_http_llmbroker_claude_block_t *block)
{
    ngx_uint_t                         i;
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->claude.w;

    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "toolResult");
    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_bedrock_write_id(b, &block->id);
    ngx_http_llmbroker_json_key(w, "content");
    ngx_http_llmbroker_json_open_array(w);

    for (i = 1; i <= block->n; i++) {
        ngx_http_llmbroker_bedrock_write_block(b, &block[i]);
    }

    ngx_http_llmbroker_json_close_array(w);

    /* success is what is taken for granted, and some models refuse the word */

    if (block->failed) {
        ngx_http_llmbroker_json_key(w, "status");
        ngx_http_llmbroker_json_text(w, "error");
    }

    ngx_http_llmbroker_json_close(w);
    ngx_http_llmbroker_json_close(w);
}


/*
 * R44: the same for a call and its result.  Converse takes 64 bytes, Mistral's
 * models exactly nine letters and digits: what does not fit becomes a sum.
 */

static void
ngx_http_llmbroker_bedrock_write_id(ngx_http_llmbroker_bedrock_build_t *b,
    ngx_str_t *id)
{
    u_char                            *p;
    size_t                             len, i;
    uint64_t                           sum;
    ngx_str_t                          text;
    ngx_http_llmbroker_json_writer_t  *w;
    u_char                             buf[NGX_HTTP_LLMBROKER_BEDROCK_ID];

    w = &b->claude.w;

    text = *id;
    len = b->mistral ? 9 : NGX_HTTP_LLMBROKER_BEDROCK_ID;

    if (text.len > len
        || (b->mistral
            && (text.len < len
                || ngx_strlchr(text.data, text.data + len, '-')
                || ngx_strlchr(text.data, text.data + len, '_'))))
    {
        sum = 0;

        for (i = 0; i < text.len; i++) {
            sum = ngx_hash(sum, text.data[i]);
        }

        if (b->mistral) {
            p = ngx_sprintf(buf, "c%08xD", (uint32_t) (sum ^ (sum >> 32)));

        } else {
            p = ngx_cpymem(buf, text.data, len - 17);
            p = ngx_sprintf(p, "_%016xL", sum);
        }

        text.data = buf;
        text.len = p - buf;
    }

    ngx_http_llmbroker_json_key(w, "toolUseId");
    ngx_http_llmbroker_json_str(w, &text);
}


/* R31 */

void
ngx_http_llmbroker_bedrock_write_cache(ngx_http_llmbroker_bedrock_build_t *b,
    ngx_http_llmbroker_json_t *cache)
{
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_json_writer_t  *w;

    if (cache == NULL
        || cache->type != NGX_HTTP_LLMBROKER_JSON_OBJECT
        || b->caches++ >= NGX_HTTP_LLMBROKER_CLAUDE_CACHES)
    {
        return;
    }

    w = &b->claude.w;

    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "cachePoint");
    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "type");
    ngx_http_llmbroker_json_text(w, "default");

    v = ngx_http_llmbroker_json_get_type(cache, "ttl",
                                         NGX_HTTP_LLMBROKER_JSON_STRING);
    ngx_http_llmbroker_claude_write_raw(&b->claude, "ttl", v);

    ngx_http_llmbroker_json_close(w);
    ngx_http_llmbroker_json_close(w);
}
