
/*
 * Copyright (C) LLMBroker contributors
 *
 * What OpenAI has in another form, or not at all, of Gemini's answers: log
 * probabilities, citations, and the rest.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_answer.h"
#include "provider/ngx_http_llmbroker_gemini.h"


/* of an answer; each is looked up in the text */
#define NGX_HTTP_LLMBROKER_GEMINI_SUPPORTS  256

#define ngx_http_llmbroker_gemini_lit(text, literal)                         \
    ngx_http_llmbroker_gemini_add(text, literal, sizeof(literal) - 1)


/* JSON in the making; a lack of memory sticks */
typedef struct {
    ngx_pool_t                      *pool;
    ngx_http_llmbroker_text_t        text;
    unsigned                         failed:1;
} ngx_http_llmbroker_gemini_json_t;


static void ngx_http_llmbroker_gemini_add(ngx_http_llmbroker_gemini_json_t *j,
    const void *p, size_t len);
static void ngx_http_llmbroker_gemini_token(
    ngx_http_llmbroker_gemini_json_t *j, ngx_http_llmbroker_json_t *token);
static ngx_int_t ngx_http_llmbroker_gemini_cite(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_http_llmbroker_gemini_choice_t *c, ngx_array_t *chunks,
    ngx_http_llmbroker_json_t *support);
static ngx_int_t ngx_http_llmbroker_gemini_find(
    ngx_http_llmbroker_gemini_choice_t *c, ngx_http_llmbroker_json_t *segment,
    ngx_str_t *text, size_t *from);
static ngx_uint_t ngx_http_llmbroker_gemini_points(
    ngx_http_llmbroker_gemini_choice_t *c, size_t from, size_t to);
static ngx_int_t ngx_http_llmbroker_gemini_annotate(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n, ngx_uint_t start,
    ngx_uint_t end, ngx_http_llmbroker_json_t *chunk);
static ngx_uint_t ngx_http_llmbroker_gemini_keeps(ngx_str_t *name,
    ngx_http_llmbroker_json_t *v, ngx_uint_t last);


/* told in another way, or of no use to anybody */

static const char  *ngx_http_llmbroker_gemini_told[] = {
    "content",
    "index",
    "logprobsResult",
    "tokenCount",
    NULL
};


ngx_int_t
ngx_http_llmbroker_gemini_logprobs(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_json_t *result)
{
    ngx_uint_t                         i;
    ngx_http_llmbroker_json_t         *chosen, *top, *v, *root;
    ngx_http_llmbroker_gemini_json_t   j;

    chosen = ngx_http_llmbroker_json_get_type(result, "chosenCandidates",
                                              NGX_HTTP_LLMBROKER_JSON_ARRAY);
    top = ngx_http_llmbroker_json_get_type(result, "topCandidates",
                                           NGX_HTTP_LLMBROKER_JSON_ARRAY);

    if (chosen == NULL || chosen->n == 0) {
        return NGX_OK;
    }

    ngx_memzero(&j, sizeof(ngx_http_llmbroker_gemini_json_t));

    j.pool = ex->stream ? ngx_http_llmbroker_gemini_pool(ex) : ex->pool;

    ngx_http_llmbroker_gemini_lit(&j, "{\"content\":[");

    chosen = chosen->child;
    top = top ? top->child : NULL;

    for (i = 0; chosen; chosen = chosen->next, i++) {

        if (i > 0) {
            ngx_http_llmbroker_gemini_lit(&j, ",");
        }

        ngx_http_llmbroker_gemini_token(&j, chosen);
        ngx_http_llmbroker_gemini_lit(&j, ",\"top_logprobs\":[");

        v = ngx_http_llmbroker_json_get_type(top, "candidates",
                                             NGX_HTTP_LLMBROKER_JSON_ARRAY);

        for (v = v ? v->child : NULL; v; v = v->next) {
            ngx_http_llmbroker_gemini_token(&j, v);

            if (v->next) {
                ngx_http_llmbroker_gemini_lit(&j, "},");

            } else {
                ngx_http_llmbroker_gemini_lit(&j, "}");
            }
        }

        ngx_http_llmbroker_gemini_lit(&j, "]}");

        top = top ? top->next : NULL;
    }

    ngx_http_llmbroker_gemini_lit(&j, "],\"refusal\":null}");

    if (j.failed
        || ngx_http_llmbroker_json_parse(j.pool, j.text.data, j.text.len,
                                         &root)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_answer_logprobs(ex, n, root);
}


static void
ngx_http_llmbroker_gemini_add(ngx_http_llmbroker_gemini_json_t *j,
    const void *p, size_t len)
{
    if (!j->failed
        && ngx_http_llmbroker_text_append(j->pool, &j->text, p, len) != NGX_OK)
    {
        j->failed = 1;
    }
}


/* an object that is left open; what is absent is a zero */

static void
ngx_http_llmbroker_gemini_token(ngx_http_llmbroker_gemini_json_t *j,
    ngx_http_llmbroker_json_t *token)
{
    ngx_str_t                   inner;
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get(token, "token");
    inner = ngx_http_llmbroker_json_inner(v);

    ngx_http_llmbroker_gemini_lit(j, "{\"token\":\"");
    ngx_http_llmbroker_gemini_add(j, inner.data, inner.len);
    ngx_http_llmbroker_gemini_lit(j, "\",\"logprob\":");

    v = ngx_http_llmbroker_json_get_type(token, "logProbability",
                                         NGX_HTTP_LLMBROKER_JSON_NUMBER);

    if (v) {
        ngx_http_llmbroker_gemini_add(j, v->raw.data, v->raw.len);

    } else {
        ngx_http_llmbroker_gemini_lit(j, "0");
    }

    ngx_http_llmbroker_gemini_lit(j, ",\"bytes\":null");
}


/* P8 */

ngx_int_t
ngx_http_llmbroker_gemini_grounding(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_gemini_choice_t *c,
    ngx_http_llmbroker_json_t *grounding)
{
    ngx_int_t                    rc;
    ngx_array_t                  chunks;
    ngx_http_llmbroker_json_t   *v, **chunk, *support;

    v = ngx_http_llmbroker_json_get_type(grounding, "groundingChunks",
                                         NGX_HTTP_LLMBROKER_JSON_ARRAY);
    support = ngx_http_llmbroker_json_get_type(grounding, "groundingSupports",
                                              NGX_HTTP_LLMBROKER_JSON_ARRAY);

    if (v == NULL || support == NULL) {
        return NGX_OK;
    }

    if (ngx_array_init(&chunks, ngx_http_llmbroker_gemini_pool(ex), v->n + 1,
                       sizeof(ngx_http_llmbroker_json_t *))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (v = v->child; v; v = v->next) {
        chunk = ngx_array_push(&chunks);
        if (chunk == NULL) {
            return NGX_ERROR;
        }

        *chunk = v;
    }

    support = support->child;

    while (support && c->cited++ < NGX_HTTP_LLMBROKER_GEMINI_SUPPORTS) {
        rc = ngx_http_llmbroker_gemini_cite(ex, n, c, &chunks, support);
        if (rc != NGX_OK) {
            return rc;
        }

        support = support->next;
    }

    return NGX_OK;
}


/* one annotation for each source of a piece of the text */

static ngx_int_t
ngx_http_llmbroker_gemini_cite(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_gemini_choice_t *c, ngx_array_t *chunks,
    ngx_http_llmbroker_json_t *support)
{
    size_t                       from;
    ngx_int_t                    rc, index;
    ngx_str_t                    text;
    ngx_uint_t                   i, start, end;
    ngx_http_llmbroker_json_t   *v, **chunk;

    v = ngx_http_llmbroker_json_get_type(support, "segment",
                                         NGX_HTTP_LLMBROKER_JSON_OBJECT);

    rc = ngx_http_llmbroker_json_string(ngx_http_llmbroker_gemini_pool(ex),
                                        ngx_http_llmbroker_json_get(v, "text"),
                                        &text);
    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED
        || ngx_http_llmbroker_gemini_find(c, v, &text, &from) != NGX_OK)
    {
        return NGX_OK;
    }

    start = ngx_http_llmbroker_gemini_points(c, 0, from);
    end = start + ngx_http_llmbroker_gemini_points(c, from, from + text.len);

    chunk = chunks->elts;

    v = ngx_http_llmbroker_json_get_type(support, "groundingChunkIndices",
                                         NGX_HTTP_LLMBROKER_JSON_ARRAY);
    v = v ? v->child : NULL;

    for (i = 0; v && i < NGX_HTTP_LLMBROKER_GEMINI_SUPPORTS; i++) {
        index = ngx_http_llmbroker_json_int(v, -1);

        if (index >= 0 && (ngx_uint_t) index < chunks->nelts) {
            rc = ngx_http_llmbroker_gemini_annotate(ex, n, start, end,
                                                    chunk[index]);
            if (rc != NGX_OK) {
                return rc;
            }
        }

        v = v->next;
    }

    return NGX_OK;
}


/* bytes of the part that it is in; where that is not the first, by its text */

static ngx_int_t
ngx_http_llmbroker_gemini_find(ngx_http_llmbroker_gemini_choice_t *c,
    ngx_http_llmbroker_json_t *segment, ngx_str_t *text, size_t *from)
{
    u_char                     *p, *last;
    size_t                      start;
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get(segment, "startIndex");
    start = ngx_http_llmbroker_json_int(v, 0);

    if (text->len == 0 || text->len > c->text.len) {
        return NGX_DECLINED;
    }

    last = c->text.data + c->text.len - text->len;

    if (start <= c->text.len - text->len
        && ngx_memcmp(c->text.data + start, text->data, text->len) == 0)
    {
        *from = start;
        return NGX_OK;
    }

    for (p = c->text.data; p <= last; p++) {

        p = ngx_strlchr(p, last + 1, text->data[0]);

        if (p == NULL) {
            break;
        }

        if (ngx_memcmp(p, text->data, text->len) == 0) {
            *from = p - c->text.data;
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


static ngx_uint_t
ngx_http_llmbroker_gemini_points(ngx_http_llmbroker_gemini_choice_t *c,
    size_t from, size_t to)
{
    ngx_uint_t  points;

    for (points = 0; from < to; from++) {
        points += (c->text.data[from] & 0xc0) != 0x80;
    }

    return points;
}


static ngx_int_t
ngx_http_llmbroker_gemini_annotate(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_uint_t start, ngx_uint_t end,
    ngx_http_llmbroker_json_t *chunk)
{
    u_char                     *p;
    ngx_str_t                   raw, url, title;
    ngx_http_llmbroker_json_t  *v, *source;

    /* {"web":{}}, {"retrievedContext":{}}, {"maps":{}} */

    source = chunk->child;

    v = ngx_http_llmbroker_json_get(source, "uri");
    url = ngx_http_llmbroker_json_inner(v);

    v = ngx_http_llmbroker_json_get(source, "title");
    title = ngx_http_llmbroker_json_inner(v);

    if (url.len == 0) {
        return NGX_OK;
    }

    raw.data = ngx_pnalloc(ngx_http_llmbroker_gemini_pool(ex),
                           sizeof("{\"type\":\"url_citation\","
                                  "\"url_citation\":{\"start_index\":,"
                                  "\"end_index\":,\"url\":\"\","
                                  "\"title\":\"\"}}")
                           + 2 * NGX_INT_T_LEN + url.len + title.len);
    if (raw.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(raw.data,
                    "{\"type\":\"url_citation\",\"url_citation\":"
                    "{\"start_index\":%ui,\"end_index\":%ui,\"url\":\"%V\","
                    "\"title\":\"%V\"}}",
                    start, end, &url, &title);

    raw.len = p - raw.data;

    return ngx_http_llmbroker_answer_annotation(ex, n, &raw);
}


ngx_int_t
ngx_http_llmbroker_gemini_specific(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_json_t *candidate,
    ngx_http_llmbroker_text_t *parts)
{
    ngx_str_t                          raw;
    ngx_uint_t                         last;
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_gemini_json_t   j;

    ngx_memzero(&j, sizeof(ngx_http_llmbroker_gemini_json_t));

    j.pool = ngx_http_llmbroker_gemini_pool(ex);

    last = ngx_http_llmbroker_json_get(candidate, "finishReason")
           || ngx_http_llmbroker_json_get(candidate, "blockReason");

    for (v = candidate->child; v; v = v->next) {

        if (!ngx_http_llmbroker_gemini_keeps(&v->key, v, last)) {
            continue;
        }

        ngx_http_llmbroker_gemini_add(&j, j.text.len ? ",\"" : "{\"", 2);
        ngx_http_llmbroker_gemini_add(&j, v->key.data, v->key.len);
        ngx_http_llmbroker_gemini_lit(&j, "\":");
        ngx_http_llmbroker_gemini_add(&j, v->raw.data, v->raw.len);
    }

    if (parts && parts->len) {
        ngx_http_llmbroker_gemini_add(&j, j.text.len ? "," : "{", 1);
        ngx_http_llmbroker_gemini_lit(&j, "\"parts\":[");
        ngx_http_llmbroker_gemini_add(&j, parts->data, parts->len);
        ngx_http_llmbroker_gemini_lit(&j, "]");
    }

    if (j.failed) {
        return NGX_ERROR;
    }

    if (j.text.len == 0) {
        return NGX_OK;
    }

    ngx_http_llmbroker_gemini_lit(&j, "}");

    if (j.failed) {
        return NGX_ERROR;
    }

    raw.len = j.text.len;
    raw.data = j.text.data;

    return ngx_http_llmbroker_answer_member(ex, n, "provider_specific_fields",
                                            &raw);
}


/* ratings come with each event of some models: the last are enough */

static ngx_uint_t
ngx_http_llmbroker_gemini_keeps(ngx_str_t *name, ngx_http_llmbroker_json_t *v,
    ngx_uint_t last)
{
    size_t       i;
    const char **told;

    if (v->type == NGX_HTTP_LLMBROKER_JSON_NULL) {
        return 0;
    }

    for (told = ngx_http_llmbroker_gemini_told; *told; told++) {

        if (name->len == ngx_strlen(*told)
            && ngx_memcmp(name->data, *told, name->len) == 0)
        {
            return 0;
        }
    }

    if (ngx_http_llmbroker_gemini_begins(name, "finishReason")) {
        return !ngx_http_llmbroker_json_is(v, "")
               && !ngx_http_llmbroker_json_is(v, "STOP")
               && !ngx_http_llmbroker_json_is(v, "MAX_TOKENS")
               && !ngx_http_llmbroker_json_is(v, "FINISH_REASON_UNSPECIFIED");
    }

    if (!last
        && (ngx_http_llmbroker_gemini_begins(name, "safetyRatings")
            || ngx_http_llmbroker_gemini_begins(name, "avgLogprobs")))
    {
        return 0;
    }

    /* a name that would have to be escaped is none of Google's */

    for (i = 0; i < name->len; i++) {

        if (name->data[i] < ' '
            || name->data[i] == '"' || name->data[i] == '\\')
        {
            return 0;
        }
    }

    return 1;
}
