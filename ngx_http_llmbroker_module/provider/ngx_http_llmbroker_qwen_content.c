
/*
 * Copyright (C) LLMBroker contributors
 *
 * The content of a message.  A text model gets a string, in which text parts
 * are lines, unless a part is marked for the cache; a multimodal one gets
 * parts that are named by their kind: {"text"}, {"image"}, {"audio"},
 * {"video"}.  Parts that a client writes so already are left as they are.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_params.h"
#include "provider/ngx_http_llmbroker_qwen.h"


/* a type of OpenAI's or of the compatible mode, and where its value is */
typedef struct {
    const char                      *type;
    const char                      *member;
    const char                      *inside;  /* of an object, or NULL */
    const char                      *native;
} ngx_http_llmbroker_qwen_kind_t;


static const ngx_http_llmbroker_qwen_kind_t *ngx_http_llmbroker_qwen_kind(
    ngx_http_llmbroker_json_t *part, ngx_http_llmbroker_json_t **value);
static ngx_int_t ngx_http_llmbroker_qwen_check_part(
    ngx_http_llmbroker_qwen_build_t *b, ngx_uint_t i,
    ngx_http_llmbroker_json_t *part, ngx_uint_t *media);
static ngx_uint_t ngx_http_llmbroker_qwen_cached(
    ngx_http_llmbroker_json_t *content);
static void ngx_http_llmbroker_qwen_write_parts(
    ngx_http_llmbroker_qwen_build_t *b, ngx_http_llmbroker_json_t *content);
static void ngx_http_llmbroker_qwen_write_part(
    ngx_http_llmbroker_qwen_build_t *b, ngx_http_llmbroker_json_t *part);
static void ngx_http_llmbroker_qwen_write_audio(
    ngx_http_llmbroker_json_writer_t *w, ngx_http_llmbroker_json_t *part,
    ngx_http_llmbroker_json_t *data);
static void ngx_http_llmbroker_qwen_write_lines(
    ngx_http_llmbroker_qwen_build_t *b, ngx_http_llmbroker_json_t *content);


static const ngx_http_llmbroker_qwen_kind_t
    ngx_http_llmbroker_qwen_kinds[] =
{
    { "text", "text", NULL, "text" },
    { "refusal", "refusal", NULL, "text" },
    { "image_url", "image_url", "url", "image" },
    { "input_audio", "input_audio", "data", "audio" },
    { "video_url", "video_url", "url", "video" },
    { "video", "video", NULL, "video" },
    { NULL, "text", NULL, "text" },
    { NULL, "image", NULL, "image" },
    { NULL, "audio", NULL, "audio" },
    { NULL, "video", NULL, "video" },
    { NULL, NULL, NULL, NULL }
};


ngx_int_t
ngx_http_llmbroker_qwen_check_content(ngx_http_llmbroker_qwen_build_t *b,
    ngx_uint_t i, ngx_http_llmbroker_json_t *content, ngx_uint_t *media)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *part;

    *media = 0;

    if (content == NULL
        || content->type == NGX_HTTP_LLMBROKER_JSON_NULL
        || content->type == NGX_HTTP_LLMBROKER_JSON_STRING)
    {
        return NGX_OK;
    }

    if (content->type != NGX_HTTP_LLMBROKER_JSON_ARRAY) {
        return ngx_http_llmbroker_params_message(b->ex, "invalid_type", i,
                                   "content",
                                   "The content must be text or an array.");
    }

    for (part = content->child; part; part = part->next) {
        rc = ngx_http_llmbroker_qwen_check_part(b, i, part, media);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_qwen_check_part(ngx_http_llmbroker_qwen_build_t *b,
    ngx_uint_t i, ngx_http_llmbroker_json_t *part, ngx_uint_t *media)
{
    ngx_str_t                              name;
    ngx_http_llmbroker_json_t             *v;
    const ngx_http_llmbroker_qwen_kind_t  *kind;

    kind = ngx_http_llmbroker_qwen_kind(part, &v);

    /* several pictures are a video, too */

    if (v == NULL
        || (v->type != NGX_HTTP_LLMBROKER_JSON_STRING
            && (v->type != NGX_HTTP_LLMBROKER_JSON_ARRAY
                || ngx_strcmp(kind->native, "video") != 0)))
    {
        return ngx_http_llmbroker_params_message(b->ex, "unsupported_value",
                                   i, "content",
                                   "This model does not support a part of "
                                   "the content.");
    }

    if (ngx_strcmp(kind->native, "text") != 0) {
        *media = 1;
    }

    v = ngx_http_llmbroker_json_get(part, kind->member);
    v = ngx_http_llmbroker_json_get(v, "detail");

    if (v && !ngx_http_llmbroker_json_is(v, "auto")) {
        ngx_str_set(&name, "image_url.detail");

        if (ngx_http_llmbroker_dropped(b->ex, &name) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    v = ngx_http_llmbroker_json_get(part, "prompt_cache_breakpoint");

    if (v) {
        return ngx_http_llmbroker_dropped(b->ex, &v->key);
    }

    return NGX_OK;
}


/* the last row has no member: *value is NULL then */

static const ngx_http_llmbroker_qwen_kind_t *
ngx_http_llmbroker_qwen_kind(ngx_http_llmbroker_json_t *part,
    ngx_http_llmbroker_json_t **value)
{
    ngx_http_llmbroker_json_t             *type;
    const ngx_http_llmbroker_qwen_kind_t  *kind;

    *value = NULL;

    type = ngx_http_llmbroker_json_get(part, "type");

    for (kind = ngx_http_llmbroker_qwen_kinds; kind->member; kind++) {

        if (kind->type ? !ngx_http_llmbroker_json_is(type, kind->type)
                       : type != NULL)
        {
            continue;
        }

        *value = ngx_http_llmbroker_json_get(part, kind->member);

        /* some clients write the address itself */

        if (kind->inside && *value
            && (*value)->type != NGX_HTTP_LLMBROKER_JSON_STRING)
        {
            *value = ngx_http_llmbroker_json_get(*value, kind->inside);
        }

        if (*value) {
            break;
        }
    }

    return kind;
}


void
ngx_http_llmbroker_qwen_write_content(ngx_http_llmbroker_qwen_build_t *b,
    ngx_http_llmbroker_json_t *content)
{
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->w;

    ngx_http_llmbroker_json_key(w, "content");

    if (content && content->type == NGX_HTTP_LLMBROKER_JSON_NULL) {
        content = NULL;
    }

    if (content && content->type == NGX_HTTP_LLMBROKER_JSON_ARRAY) {

        if (b->media || ngx_http_llmbroker_qwen_cached(content)) {
            ngx_http_llmbroker_qwen_write_parts(b, content);

        } else {
            ngx_http_llmbroker_qwen_write_lines(b, content);
        }

        return;
    }

    if (b->media) {
        ngx_http_llmbroker_json_open_array(w);
        ngx_http_llmbroker_json_open(w);
        ngx_http_llmbroker_json_key(w, "text");
    }

    if (content) {
        ngx_http_llmbroker_json_raw(w, &content->raw);

    } else {
        ngx_http_llmbroker_json_text(w, "");
    }

    if (b->media) {
        ngx_http_llmbroker_json_close(w);
        ngx_http_llmbroker_json_close_array(w);
    }
}


/* C15 */

static ngx_uint_t
ngx_http_llmbroker_qwen_cached(ngx_http_llmbroker_json_t *content)
{
    ngx_http_llmbroker_json_t  *part;

    for (part = content->child; part; part = part->next) {

        if (ngx_http_llmbroker_json_get_type(part, "cache_control",
                                             NGX_HTTP_LLMBROKER_JSON_OBJECT))
        {
            return 1;
        }
    }

    return 0;
}


static void
ngx_http_llmbroker_qwen_write_parts(ngx_http_llmbroker_qwen_build_t *b,
    ngx_http_llmbroker_json_t *content)
{
    ngx_http_llmbroker_json_t  *part;

    ngx_http_llmbroker_json_open_array(&b->w);

    for (part = content->child; part; part = part->next) {

        if (ngx_http_llmbroker_json_get(part, "type")) {
            ngx_http_llmbroker_qwen_write_part(b, part);

        } else {
            ngx_http_llmbroker_json_raw(&b->w, &part->raw);
        }
    }

    ngx_http_llmbroker_json_close_array(&b->w);
}


/* other members, such as "min_pixels" or "fps", are DashScope's by name */

static void
ngx_http_llmbroker_qwen_write_part(ngx_http_llmbroker_qwen_build_t *b,
    ngx_http_llmbroker_json_t *part)
{
    ngx_str_t                             *key;
    ngx_http_llmbroker_json_t             *v, *member;
    ngx_http_llmbroker_json_writer_t      *w;
    const ngx_http_llmbroker_qwen_kind_t  *kind;

    w = &b->w;
    kind = ngx_http_llmbroker_qwen_kind(part, &v);
    member = ngx_http_llmbroker_json_get(part, kind->member);

    ngx_http_llmbroker_json_open(w);

    if (!b->media) {
        ngx_http_llmbroker_json_key(w, "type");
        ngx_http_llmbroker_json_text(w, "text");
    }

    ngx_http_llmbroker_json_key(w, kind->native);

    if (ngx_strcmp(kind->native, "audio") == 0) {
        ngx_http_llmbroker_qwen_write_audio(w, member, v);

    } else {
        ngx_http_llmbroker_json_raw(w, &v->raw);
    }

    for (v = part->child; v; v = v->next) {
        key = &v->key;

        if (v == member
            || (key->len == 4 && ngx_memcmp(key->data, "type", 4) == 0)
            || (key->len == sizeof("prompt_cache_breakpoint") - 1
                && ngx_memcmp(key->data, "prompt_cache_breakpoint", key->len)
                   == 0)
            || (key->len == ngx_strlen(kind->native)
                && ngx_memcmp(key->data, kind->native, key->len) == 0))
        {
            continue;
        }

        ngx_http_llmbroker_json_key_str(w, key);
        ngx_http_llmbroker_json_raw(w, &v->raw);
    }

    ngx_http_llmbroker_json_close(w);
}


/* base64 alone, or an address as in the compatible mode */

static void
ngx_http_llmbroker_qwen_write_audio(ngx_http_llmbroker_json_writer_t *w,
    ngx_http_llmbroker_json_t *audio, ngx_http_llmbroker_json_t *data)
{
    ngx_str_t                   inner, format, text;
    ngx_http_llmbroker_json_t  *v;

    inner = ngx_http_llmbroker_json_inner(data);

    if (ngx_strlchr(inner.data, inner.data + inner.len, ':')) {
        ngx_http_llmbroker_json_raw(w, &data->raw);
        return;
    }

    v = ngx_http_llmbroker_json_get(audio, "format");
    format = ngx_http_llmbroker_json_inner(v);

    if (format.len == 0) {
        ngx_str_set(&format, "wav");
    }

    ngx_http_llmbroker_json_open_string(w);
    ngx_str_set(&text, "data:audio/");
    ngx_http_llmbroker_json_inner_piece(w, &text);
    ngx_http_llmbroker_json_inner_piece(w, &format);
    ngx_str_set(&text, ";base64,");
    ngx_http_llmbroker_json_inner_piece(w, &text);
    ngx_http_llmbroker_json_inner_piece(w, &inner);
    ngx_http_llmbroker_json_close_string(w);
}


static void
ngx_http_llmbroker_qwen_write_lines(ngx_http_llmbroker_qwen_build_t *b,
    ngx_http_llmbroker_json_t *content)
{
    ngx_str_t                          inner, line;
    ngx_http_llmbroker_json_t         *part, *v;
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->w;
    ngx_str_set(&line, "\\n");

    ngx_http_llmbroker_json_open_string(w);

    for (part = content->child; part; part = part->next) {

        if (part != content->child) {
            ngx_http_llmbroker_json_inner_piece(w, &line);
        }

        (void) ngx_http_llmbroker_qwen_kind(part, &v);

        inner = ngx_http_llmbroker_json_inner(v);
        ngx_http_llmbroker_json_inner_piece(w, &inner);
    }

    ngx_http_llmbroker_json_close_string(w);
}
