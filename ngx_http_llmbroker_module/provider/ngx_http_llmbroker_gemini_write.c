
/*
 * Copyright (C) LLMBroker contributors
 *
 * Writes the parts of a Gemini request.  A content is a run of parts of one
 * role: so turns of one role merge (R39) and the results of tools come
 * together (R33).
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_gemini.h"


/*
 * Gemini 3 refuses a turn whose first call has no signature.  This word, which
 * its documentation names, stands in for the signature of a call that another
 * model made or whose client did not keep it.
 */
#define NGX_HTTP_LLMBROKER_GEMINI_UNSIGNED  "skip_thought_signature_validator"


static void ngx_http_llmbroker_gemini_write_system(
    ngx_http_llmbroker_gemini_build_t *b);
static void ngx_http_llmbroker_gemini_write_run(
    ngx_http_llmbroker_gemini_build_t *b,
    ngx_http_llmbroker_gemini_part_t *part,
    ngx_http_llmbroker_gemini_part_t *end);
static void ngx_http_llmbroker_gemini_write_part(
    ngx_http_llmbroker_gemini_build_t *b,
    ngx_http_llmbroker_gemini_part_t *part);
static void ngx_http_llmbroker_gemini_write_call(
    ngx_http_llmbroker_gemini_build_t *b,
    ngx_http_llmbroker_gemini_part_t *part, ngx_uint_t sign);
static void ngx_http_llmbroker_gemini_write_result(
    ngx_http_llmbroker_gemini_build_t *b,
    ngx_http_llmbroker_gemini_part_t *part);
static void ngx_http_llmbroker_gemini_write_output(
    ngx_http_llmbroker_gemini_build_t *b,
    ngx_http_llmbroker_gemini_part_t *part);
static void ngx_http_llmbroker_gemini_write_inner(
    ngx_http_llmbroker_gemini_build_t *b, const char *name, ngx_str_t *inner);


void
ngx_http_llmbroker_gemini_write_contents(ngx_http_llmbroker_gemini_build_t *b)
{
    ngx_http_llmbroker_json_writer_t  *w;
    ngx_http_llmbroker_gemini_part_t  *part, *last, *end;

    ngx_http_llmbroker_gemini_write_system(b);

    w = &b->w;

    part = b->parts.elts;
    last = part + b->parts.nelts;

    ngx_http_llmbroker_json_key(w, "contents");
    ngx_http_llmbroker_json_open_array(w);

    while (part < last) {

        for (end = part + 1; end < last; end++) {
            if (end->model != part->model) {
                break;
            }
        }

        ngx_http_llmbroker_json_open(w);
        ngx_http_llmbroker_json_key(w, "role");
        ngx_http_llmbroker_json_text(w, part->model ? "model" : "user");
        ngx_http_llmbroker_json_key(w, "parts");
        ngx_http_llmbroker_json_open_array(w);
        ngx_http_llmbroker_gemini_write_run(b, part, end);
        ngx_http_llmbroker_json_close_array(w);
        ngx_http_llmbroker_json_close(w);

        part = end;
    }

    ngx_http_llmbroker_json_close_array(w);
}


static void
ngx_http_llmbroker_gemini_write_system(ngx_http_llmbroker_gemini_build_t *b)
{
    ngx_uint_t                         i;
    ngx_http_llmbroker_json_writer_t  *w;
    ngx_http_llmbroker_gemini_part_t  *part;

    if (b->system.nelts == 0) {
        return;
    }

    w = &b->w;
    part = b->system.elts;

    ngx_http_llmbroker_json_key(w, "systemInstruction");
    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "parts");
    ngx_http_llmbroker_json_open_array(w);

    for (i = 0; i < b->system.nelts; i++) {
        ngx_http_llmbroker_gemini_write_part(b, &part[i]);
    }

    ngx_http_llmbroker_json_close_array(w);
    ngx_http_llmbroker_json_close(w);
}


/* the parts of one content, from part to end */

static void
ngx_http_llmbroker_gemini_write_run(ngx_http_llmbroker_gemini_build_t *b,
    ngx_http_llmbroker_gemini_part_t *part,
    ngx_http_llmbroker_gemini_part_t *end)
{
    ngx_str_t                         dot;
    ngx_uint_t                        sign;
    ngx_http_llmbroker_gemini_part_t  *p;

    /* R38: what is empty counts only where nothing else is */

    for (p = part; p < end; p++) {
        if (p->kind != NGX_HTTP_LLMBROKER_GEMINI_EMPTY) {
            break;
        }
    }

    if (p == end) {
        ngx_str_set(&dot, ".");

        ngx_http_llmbroker_json_open(&b->w);
        ngx_http_llmbroker_gemini_write_inner(b, "text", &dot);
        ngx_http_llmbroker_json_close(&b->w);
        return;
    }

    sign = (b->model->thinking == NGX_HTTP_LLMBROKER_GEMINI_LEVEL);

    for (p = part; p < end; p += 1 + p->n) {

        switch (p->kind) {

        case NGX_HTTP_LLMBROKER_GEMINI_EMPTY:
            break;

        case NGX_HTTP_LLMBROKER_GEMINI_CALL:
            ngx_http_llmbroker_gemini_write_call(b, p, sign);
            sign = 0;
            break;

        case NGX_HTTP_LLMBROKER_GEMINI_RESULT:
            ngx_http_llmbroker_gemini_write_result(b, p);
            break;

        default:
            ngx_http_llmbroker_gemini_write_part(b, p);
        }
    }
}


static void
ngx_http_llmbroker_gemini_write_part(ngx_http_llmbroker_gemini_build_t *b,
    ngx_http_llmbroker_gemini_part_t *part)
{
    ngx_uint_t                         uri;
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->w;

    ngx_http_llmbroker_json_open(w);

    if (part->kind == NGX_HTTP_LLMBROKER_GEMINI_TEXT_PART) {
        ngx_http_llmbroker_json_key(w, "text");
        ngx_http_llmbroker_json_raw(w, &part->value->raw);

    } else {
        uri = (part->kind == NGX_HTTP_LLMBROKER_GEMINI_URI);

        ngx_http_llmbroker_json_key(w, uri ? "fileData" : "inlineData");
        ngx_http_llmbroker_json_open(w);

        if (part->name.len) {
            ngx_http_llmbroker_json_key(w, "mimeType");
            ngx_http_llmbroker_json_str(w, &part->name);
        }

        ngx_http_llmbroker_json_key(w, uri ? "fileUri" : "data");
        ngx_http_llmbroker_json_str(w, &part->data);
        ngx_http_llmbroker_json_close(w);
    }

    if (part->signature) {
        ngx_http_llmbroker_json_key(w, "thoughtSignature");
        ngx_http_llmbroker_json_raw(w, &part->signature->raw);
    }

    ngx_http_llmbroker_json_close(w);
}


static void
ngx_http_llmbroker_gemini_write_call(ngx_http_llmbroker_gemini_build_t *b,
    ngx_http_llmbroker_gemini_part_t *part, ngx_uint_t sign)
{
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->w;

    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "functionCall");
    ngx_http_llmbroker_json_open(w);

    if (part->id.len) {
        ngx_http_llmbroker_gemini_write_inner(b, "id", &part->id);
    }

    ngx_http_llmbroker_gemini_write_inner(b, "name", &part->name);
    ngx_http_llmbroker_json_key(w, "args");

    if (part->data.len) {
        ngx_http_llmbroker_json_raw(w, &part->data);

    } else {

        /* R43 */

        ngx_http_llmbroker_json_open(w);

        if (part->value) {
            ngx_http_llmbroker_json_key(w, "input");
            ngx_http_llmbroker_json_raw(w, &part->value->raw);
        }

        ngx_http_llmbroker_json_close(w);
    }

    ngx_http_llmbroker_json_close(w);

    if (part->signature) {
        ngx_http_llmbroker_json_key(w, "thoughtSignature");
        ngx_http_llmbroker_json_raw(w, &part->signature->raw);

    } else if (sign) {
        ngx_http_llmbroker_json_key(w, "thoughtSignature");
        ngx_http_llmbroker_json_text(w, NGX_HTTP_LLMBROKER_GEMINI_UNSIGNED);
    }

    ngx_http_llmbroker_json_close(w);
}


/* what is no text lies within the result, or behind it for older models */

static void
ngx_http_llmbroker_gemini_write_result(ngx_http_llmbroker_gemini_build_t *b,
    ngx_http_llmbroker_gemini_part_t *part)
{
    ngx_uint_t                         i, media, within;
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->w;
    media = 0;
    within = (b->model->thinking == NGX_HTTP_LLMBROKER_GEMINI_LEVEL);

    for (i = 1; i <= part->n; i++) {
        media |= (part[i].kind != NGX_HTTP_LLMBROKER_GEMINI_TEXT_PART);
    }

    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "functionResponse");
    ngx_http_llmbroker_json_open(w);

    if (part->id.len) {
        ngx_http_llmbroker_gemini_write_inner(b, "id", &part->id);
    }

    ngx_http_llmbroker_gemini_write_inner(b, "name", &part->name);
    ngx_http_llmbroker_json_key(w, "response");
    ngx_http_llmbroker_gemini_write_output(b, part);

    if (media && within) {
        ngx_http_llmbroker_json_key(w, "parts");
        ngx_http_llmbroker_json_open_array(w);

    } else {
        ngx_http_llmbroker_json_close(w);
        ngx_http_llmbroker_json_close(w);
    }

    for (i = 1; media && i <= part->n; i++) {
        if (part[i].kind != NGX_HTTP_LLMBROKER_GEMINI_TEXT_PART) {
            ngx_http_llmbroker_gemini_write_part(b, &part[i]);
        }
    }

    if (media && within) {
        ngx_http_llmbroker_json_close_array(w);
        ngx_http_llmbroker_json_close(w);
        ngx_http_llmbroker_json_close(w);
    }
}


/* R36: an object; several texts become lines */

static void
ngx_http_llmbroker_gemini_write_output(ngx_http_llmbroker_gemini_build_t *b,
    ngx_http_llmbroker_gemini_part_t *part)
{
    ngx_str_t                          inner, line;
    ngx_uint_t                         i, n;
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->w;

    if (part->data.len) {
        ngx_http_llmbroker_json_raw(w, &part->data);
        return;
    }

    ngx_str_set(&line, "\\n");

    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "result");
    ngx_http_llmbroker_json_open_string(w);

    for (i = 1, n = 0; i <= part->n; i++) {

        if (part[i].kind != NGX_HTTP_LLMBROKER_GEMINI_TEXT_PART) {
            continue;
        }

        if (n++) {
            ngx_http_llmbroker_json_inner_piece(w, &line);
        }

        inner = ngx_http_llmbroker_json_inner(part[i].value);
        ngx_http_llmbroker_json_inner_piece(w, &inner);
    }

    ngx_http_llmbroker_json_close_string(w);
    ngx_http_llmbroker_json_close(w);
}


static void
ngx_http_llmbroker_gemini_write_inner(ngx_http_llmbroker_gemini_build_t *b,
    const char *name, ngx_str_t *inner)
{
    ngx_http_llmbroker_json_key(&b->w, name);
    ngx_http_llmbroker_json_open_string(&b->w);
    ngx_http_llmbroker_json_inner_piece(&b->w, inner);
    ngx_http_llmbroker_json_close_string(&b->w);
}
