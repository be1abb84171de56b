
/*
 * Copyright (C) LLMBroker contributors
 *
 * Writes the conversation of a Claude request.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_claude.h"


static void ngx_http_llmbroker_claude_write_system(
    ngx_http_llmbroker_claude_build_t *b);
static void ngx_http_llmbroker_claude_write_content(
    ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_claude_block_t *block,
    ngx_http_llmbroker_claude_block_t *end);
static void ngx_http_llmbroker_claude_write_texts(
    ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_claude_block_t *block,
    ngx_http_llmbroker_claude_block_t *end);
static void ngx_http_llmbroker_claude_write_run(
    ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_claude_block_t *block,
    ngx_http_llmbroker_claude_block_t *end);
static void ngx_http_llmbroker_claude_write_block(
    ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_claude_block_t *block);
static void ngx_http_llmbroker_claude_write_result(
    ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_claude_block_t *block);
static ngx_uint_t ngx_http_llmbroker_claude_bare(
    ngx_http_llmbroker_claude_block_t *block);


static void
ngx_http_llmbroker_claude_write_system(ngx_http_llmbroker_claude_build_t *b)
{
    ngx_http_llmbroker_claude_block_t  *block;

    if (b->system.nelts == 0) {
        return;
    }

    block = b->system.elts;

    ngx_http_llmbroker_claude_lit(b, ",\"system\":");
    ngx_http_llmbroker_claude_write_content(b, block, block + b->system.nelts);
}


void
ngx_http_llmbroker_claude_write_messages(ngx_http_llmbroker_claude_build_t *b)
{
    ngx_http_llmbroker_claude_block_t  *block, *last, *end;

    ngx_http_llmbroker_claude_write_system(b);

    block = b->blocks.elts;
    last = block + b->blocks.nelts;

    ngx_http_llmbroker_claude_lit(b, ",\"messages\":[");

    /* R40 */

    if (block->assistant) {
        ngx_http_llmbroker_claude_lit(b, "{\"role\":\"user\","
                                      "\"content\":\".\"},");
    }

    while (block < last) {

        for (end = block + 1; end < last; end++) {
            if (end->assistant != block->assistant
                || end->system != block->system)
            {
                break;
            }
        }

        if (block->assistant) {
            ngx_http_llmbroker_claude_lit(b, "{\"role\":\"assistant\","
                                          "\"content\":");
        } else if (block->system) {
            ngx_http_llmbroker_claude_lit(b, "{\"role\":\"system\","
                                          "\"content\":");
        } else {
            ngx_http_llmbroker_claude_lit(b, "{\"role\":\"user\","
                                          "\"content\":");
        }

        ngx_http_llmbroker_claude_write_content(b, block, end);

        block = end;

        if (block < last) {
            ngx_http_llmbroker_claude_lit(b, "},");
        }
    }

    ngx_http_llmbroker_claude_lit(b, "}]");
}


/* the content of one message, or of all system messages */

static void
ngx_http_llmbroker_claude_write_content(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_claude_block_t *block,
    ngx_http_llmbroker_claude_block_t *end)
{
    ngx_http_llmbroker_claude_block_t  *p;

    for (p = block; p < end; p++) {
        if (p->kind != NGX_HTTP_LLMBROKER_CLAUDE_TEXT || p->cache) {
            break;
        }
    }

    if (p == end) {
        ngx_http_llmbroker_claude_write_texts(b, block, end);
        return;
    }

    ngx_http_llmbroker_json_write_start(&b->w, b->ex->body);
    ngx_http_llmbroker_json_write_refer(&b->w);

    ngx_http_llmbroker_claude_write_run(b, block, end);

    if (ngx_http_llmbroker_json_write_end(&b->w) != NGX_OK) {
        b->failed = 1;
    }
}


/* the same of texts alone */

static void
ngx_http_llmbroker_claude_write_texts(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_claude_block_t *block,
    ngx_http_llmbroker_claude_block_t *end)
{
    if (end - block == 1) {
        ngx_http_llmbroker_claude_str(b, &block->value->raw);
        return;
    }

    ngx_http_llmbroker_claude_lit(b, "[");

    for ( ;; ) {
        ngx_http_llmbroker_claude_lit(b, "{\"type\":\"text\",\"text\":");
        ngx_http_llmbroker_claude_str(b, &block->value->raw);

        if (++block == end) {
            break;
        }

        ngx_http_llmbroker_claude_lit(b, "},");
    }

    ngx_http_llmbroker_claude_lit(b, "}]");
}


/* the same of anything else */

static void
ngx_http_llmbroker_claude_write_run(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_claude_block_t *block,
    ngx_http_llmbroker_claude_block_t *end)
{
    ngx_uint_t  empty;

    /* R38: what is empty counts only where nothing else is */

    for (empty = 0; block < end; block++) {
        if (block->kind != NGX_HTTP_LLMBROKER_CLAUDE_EMPTY) {
            break;
        }

        empty = 1;
    }

    if (empty && block == end) {
        ngx_http_llmbroker_json_text(&b->w, ".");
        return;
    }

    if (end - block == 1 && ngx_http_llmbroker_claude_bare(block)) {
        ngx_http_llmbroker_claude_write_text(b, block);
        return;
    }

    ngx_http_llmbroker_json_open_array(&b->w);

    while (block < end) {
        ngx_http_llmbroker_claude_write_block(b, block);
        block += 1 + block->n;
    }

    ngx_http_llmbroker_json_close_array(&b->w);
}


static void
ngx_http_llmbroker_claude_write_block(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_claude_block_t *block)
{
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->w;

    if (block->kind == NGX_HTTP_LLMBROKER_CLAUDE_EMPTY) {
        return;
    }

    if (block->kind == NGX_HTTP_LLMBROKER_CLAUDE_RAW) {
        ngx_http_llmbroker_json_raw(w, &block->value->raw);
        return;
    }

    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "type");

    switch (block->kind) {

    case NGX_HTTP_LLMBROKER_CLAUDE_THINKING:
        ngx_http_llmbroker_json_text(w, "thinking");
        ngx_http_llmbroker_claude_write_inner(b, "thinking", block->data);
        v = ngx_http_llmbroker_json_get(block->value, "signature");
        ngx_http_llmbroker_claude_write_raw(b, "signature", v);
        break;

    case NGX_HTTP_LLMBROKER_CLAUDE_IMAGE:
    case NGX_HTTP_LLMBROKER_CLAUDE_IMAGE_URL:
    case NGX_HTTP_LLMBROKER_CLAUDE_PDF:
    case NGX_HTTP_LLMBROKER_CLAUDE_TEXT_FILE:
        ngx_http_llmbroker_claude_write_source(b, block);
        break;

    case NGX_HTTP_LLMBROKER_CLAUDE_TOOL_USE:
        ngx_http_llmbroker_json_text(w, "tool_use");
        ngx_http_llmbroker_json_key(w, "id");
        ngx_http_llmbroker_json_str(w, &block->id);
        ngx_http_llmbroker_claude_write_inner(b, "name", block->name);
        ngx_http_llmbroker_json_key(w, "input");
        ngx_http_llmbroker_json_raw(w, &block->data);
        break;

    case NGX_HTTP_LLMBROKER_CLAUDE_TOOL_RESULT:
        ngx_http_llmbroker_claude_write_result(b, block);
        break;

    default: /* text of any kind */
        ngx_http_llmbroker_json_text(w, "text");
        ngx_http_llmbroker_json_key(w, "text");
        ngx_http_llmbroker_claude_write_text(b, block);
    }

    ngx_http_llmbroker_claude_write_cache(b, block->cache);
    ngx_http_llmbroker_json_close(w);
}


/* R36; the blocks that follow are the result's content */

static void
ngx_http_llmbroker_claude_write_result(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_claude_block_t *block)
{
    ngx_uint_t                          i;
    ngx_http_llmbroker_json_writer_t   *w;
    ngx_http_llmbroker_claude_block_t  *part;

    w = &b->w;
    part = block + 1;

    ngx_http_llmbroker_json_text(w, "tool_result");
    ngx_http_llmbroker_json_key(w, "tool_use_id");
    ngx_http_llmbroker_json_str(w, &block->id);

    if (block->failed) {
        ngx_http_llmbroker_json_key(w, "is_error");
        ngx_http_llmbroker_json_bool(w, 1);
    }

    if (block->n == 0) {
        return;
    }

    if (block->n == 1
        && part->kind == NGX_HTTP_LLMBROKER_CLAUDE_TEXT
        && part->cache == NULL)
    {
        ngx_http_llmbroker_claude_write_raw(b, "content", part->value);
        return;
    }

    ngx_http_llmbroker_json_key(w, "content");
    ngx_http_llmbroker_json_open_array(w);

    for (i = 0; i < block->n; i++) {

        ngx_http_llmbroker_json_open(w);
        ngx_http_llmbroker_json_key(w, "type");

        if (part[i].kind == NGX_HTTP_LLMBROKER_CLAUDE_TEXT) {
            ngx_http_llmbroker_json_text(w, "text");
            ngx_http_llmbroker_claude_write_raw(b, "text", part[i].value);

        } else {
            ngx_http_llmbroker_claude_write_source(b, &part[i]);
        }

        ngx_http_llmbroker_claude_write_cache(b, part[i].cache);
        ngx_http_llmbroker_json_close(w);
    }

    ngx_http_llmbroker_json_close_array(w);
}


/* whether a block can be told by its text alone */

static ngx_uint_t
ngx_http_llmbroker_claude_bare(ngx_http_llmbroker_claude_block_t *block)
{
    return block->kind <= NGX_HTTP_LLMBROKER_CLAUDE_TAGGED
           && block->cache == NULL;
}


void
ngx_http_llmbroker_claude_write_text(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_claude_block_t *block)
{
    ngx_str_t                          inner;
    ngx_http_llmbroker_json_writer_t  *w;

    static ngx_str_t  begin = ngx_string("<system>");
    static ngx_str_t  end = ngx_string("</system>");

    w = &b->w;

    if (block->kind == NGX_HTTP_LLMBROKER_CLAUDE_TEXT) {
        ngx_http_llmbroker_json_raw(w, &block->value->raw);
        return;
    }

    ngx_http_llmbroker_json_open_string(w);

    switch (block->kind) {

    case NGX_HTTP_LLMBROKER_CLAUDE_INNER:
        ngx_http_llmbroker_json_inner_piece(w, &block->data);
        break;

    case NGX_HTTP_LLMBROKER_CLAUDE_PLAIN:
        ngx_http_llmbroker_json_text_piece(w, &block->data);
        ngx_http_llmbroker_json_text_piece(w, &block->id);
        break;

    default: /* NGX_HTTP_LLMBROKER_CLAUDE_TAGGED */
        inner = ngx_http_llmbroker_json_inner(block->value);
        ngx_http_llmbroker_json_text_piece(w, &begin);
        ngx_http_llmbroker_json_inner_piece(w, &inner);
        ngx_http_llmbroker_json_text_piece(w, &end);
        break;
    }

    ngx_http_llmbroker_json_close_string(w);
}
