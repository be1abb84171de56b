
/*
 * Copyright (C) LLMBroker contributors
 *
 * Images, audio, videos and files of a Gemini request: inlineData where the
 * client sends them, fileData where it names them.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_gemini.h"
#include "provider/ngx_http_llmbroker_params.h"


typedef struct {
    ngx_str_t                        word;
    ngx_str_t                        mime;
} ngx_http_llmbroker_gemini_mime_t;


static ngx_int_t ngx_http_llmbroker_gemini_link(
    ngx_http_llmbroker_gemini_build_t *b, ngx_uint_t i,
    ngx_http_llmbroker_json_t *v);
static ngx_int_t ngx_http_llmbroker_gemini_audio(
    ngx_http_llmbroker_gemini_build_t *b, ngx_uint_t i,
    ngx_http_llmbroker_json_t *audio);
static ngx_int_t ngx_http_llmbroker_gemini_file(
    ngx_http_llmbroker_gemini_build_t *b, ngx_uint_t i,
    ngx_http_llmbroker_json_t *file);
static ngx_int_t ngx_http_llmbroker_gemini_url(
    ngx_http_llmbroker_gemini_build_t *b, ngx_str_t *url, ngx_uint_t bare);
static void ngx_http_llmbroker_gemini_extension(ngx_str_t *url,
    ngx_str_t *mime);
static ngx_uint_t ngx_http_llmbroker_gemini_mime(
    const ngx_http_llmbroker_gemini_mime_t *row, u_char *p, size_t len,
    ngx_str_t *mime);


/* what Gemini reads, by the end of a name */

static const ngx_http_llmbroker_gemini_mime_t
    ngx_http_llmbroker_gemini_extensions[] =
{
    { ngx_string("jpg"), ngx_string("image/jpeg") },
    { ngx_string("jpeg"), ngx_string("image/jpeg") },
    { ngx_string("png"), ngx_string("image/png") },
    { ngx_string("webp"), ngx_string("image/webp") },
    { ngx_string("gif"), ngx_string("image/gif") },
    { ngx_string("heic"), ngx_string("image/heic") },
    { ngx_string("heif"), ngx_string("image/heif") },
    { ngx_string("pdf"), ngx_string("application/pdf") },
    { ngx_string("txt"), ngx_string("text/plain") },
    { ngx_string("md"), ngx_string("text/markdown") },
    { ngx_string("html"), ngx_string("text/html") },
    { ngx_string("csv"), ngx_string("text/csv") },
    { ngx_string("xml"), ngx_string("text/xml") },
    { ngx_string("wav"), ngx_string("audio/wav") },
    { ngx_string("mp3"), ngx_string("audio/mp3") },
    { ngx_string("flac"), ngx_string("audio/flac") },
    { ngx_string("ogg"), ngx_string("audio/ogg") },
    { ngx_string("mp4"), ngx_string("video/mp4") },
    { ngx_string("mov"), ngx_string("video/mov") },
    { ngx_string("webm"), ngx_string("video/webm") },
    { ngx_string("mpeg"), ngx_string("video/mpeg") },
    { ngx_null_string, ngx_null_string }
};


/* formats of input_audio */

static const ngx_http_llmbroker_gemini_mime_t
    ngx_http_llmbroker_gemini_sounds[] =
{
    { ngx_string("wav"), ngx_string("audio/wav") },
    { ngx_string("mp3"), ngx_string("audio/mp3") },
    { ngx_string("aac"), ngx_string("audio/aac") },
    { ngx_string("flac"), ngx_string("audio/flac") },
    { ngx_string("ogg"), ngx_string("audio/ogg") },
    { ngx_string("aiff"), ngx_string("audio/aiff") },
    { ngx_null_string, ngx_null_string }
};


ngx_int_t
ngx_http_llmbroker_gemini_media(ngx_http_llmbroker_gemini_build_t *b,
    ngx_uint_t i, ngx_http_llmbroker_json_t *part)
{
    ngx_http_llmbroker_json_t  *type, *v;

    type = ngx_http_llmbroker_json_get(part, "type");

    if (ngx_http_llmbroker_json_is(type, "image_url")) {
        v = ngx_http_llmbroker_json_get(part, "image_url");
        return ngx_http_llmbroker_gemini_link(b, i, v);
    }

    if (ngx_http_llmbroker_json_is(type, "video_url")) {
        v = ngx_http_llmbroker_json_get(part, "video_url");
        return ngx_http_llmbroker_gemini_link(b, i, v);
    }

    if (ngx_http_llmbroker_json_is(type, "input_audio")) {
        v = ngx_http_llmbroker_json_get(part, "input_audio");
        return ngx_http_llmbroker_gemini_audio(b, i, v);
    }

    if (ngx_http_llmbroker_json_is(type, "file")) {
        v = ngx_http_llmbroker_json_get(part, "file");
        return ngx_http_llmbroker_gemini_file(b, i, v);
    }

    return ngx_http_llmbroker_params_message(b->ex, "unsupported_value", i,
                               "content",
                               "This model does not support a part of the "
                               "content.");
}


/* R34; v is {"url"} or a URL */

static ngx_int_t
ngx_http_llmbroker_gemini_link(ngx_http_llmbroker_gemini_build_t *b,
    ngx_uint_t i, ngx_http_llmbroker_json_t *v)
{
    ngx_int_t                   rc;
    ngx_str_t                   url;
    ngx_http_llmbroker_json_t  *detail;

    detail = ngx_http_llmbroker_json_get(v, "detail");

    if (detail
        && detail->type != NGX_HTTP_LLMBROKER_JSON_NULL
        && !ngx_http_llmbroker_json_is(detail, "auto")
        && ngx_http_llmbroker_gemini_drop(b, "image_url.detail") != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (v && v->type == NGX_HTTP_LLMBROKER_JSON_OBJECT) {
        v = ngx_http_llmbroker_json_get(v, "url");
    }

    rc = ngx_http_llmbroker_json_string(b->ex->pool, v, &url);

    if (rc == NGX_OK) {
        rc = ngx_http_llmbroker_gemini_url(b, &url, 0);
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_llmbroker_params_message(b->ex, "unsupported_value", i,
                                   "content",
                                   "An image must be an https URL or a data "
                                   "URL of base64.");
    }

    return rc;
}


static ngx_int_t
ngx_http_llmbroker_gemini_audio(ngx_http_llmbroker_gemini_build_t *b,
    ngx_uint_t i, ngx_http_llmbroker_json_t *audio)
{
    ngx_int_t                          rc;
    ngx_str_t                          format, data, mime;
    ngx_http_llmbroker_gemini_part_t  *part;

    format = ngx_http_llmbroker_json_inner(
                                ngx_http_llmbroker_json_get(audio, "format"));

    rc = ngx_http_llmbroker_json_string(b->ex->pool,
                                ngx_http_llmbroker_json_get(audio, "data"),
                                &data);
    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED
        || !ngx_http_llmbroker_gemini_mime(ngx_http_llmbroker_gemini_sounds,
                                           format.data, format.len, &mime))
    {
        return ngx_http_llmbroker_params_message(b->ex, "unsupported_value", i,
                                   "content",
                                   "Audio must be base64 of WAV, MP3, AAC, "
                                   "FLAC, OGG or AIFF.");
    }

    part = ngx_http_llmbroker_gemini_push(&b->parts,
                                          NGX_HTTP_LLMBROKER_GEMINI_DATA,
                                          NULL);
    if (part == NULL) {
        return NGX_ERROR;
    }

    part->name = mime;
    part->data = data;

    return NGX_OK;
}


/* R35; a file_id may be the address that Google's Files API gave */

static ngx_int_t
ngx_http_llmbroker_gemini_file(ngx_http_llmbroker_gemini_build_t *b,
    ngx_uint_t i, ngx_http_llmbroker_json_t *file)
{
    ngx_int_t                   rc;
    ngx_str_t                   url;
    ngx_uint_t                  bare;
    ngx_http_llmbroker_json_t  *v;

    bare = 1;
    v = ngx_http_llmbroker_json_get_type(file, "file_data",
                                         NGX_HTTP_LLMBROKER_JSON_STRING);

    if (v == NULL) {
        bare = 0;
        v = ngx_http_llmbroker_json_get(file, "file_id");
    }

    rc = ngx_http_llmbroker_json_string(b->ex->pool, v, &url);

    if (rc == NGX_OK) {
        rc = ngx_http_llmbroker_gemini_url(b, &url, bare);
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_llmbroker_params_message(b->ex, "unsupported_value", i,
                                   "content",
                                   "A file must be base64, or the URL of a "
                                   "file that Google keeps.");
    }

    return rc;
}


/* "bare" base64 is a PDF */

static ngx_int_t
ngx_http_llmbroker_gemini_url(ngx_http_llmbroker_gemini_build_t *b,
    ngx_str_t *url, ngx_uint_t bare)
{
    ngx_int_t                          rc;
    ngx_http_llmbroker_gemini_part_t  *part;

    part = ngx_http_llmbroker_gemini_push(&b->parts,
                                          NGX_HTTP_LLMBROKER_GEMINI_DATA,
                                          NULL);
    if (part == NULL) {
        return NGX_ERROR;
    }

    if ((url->len > 8
         && ngx_strncasecmp(url->data, (u_char *) "https://", 8) == 0)
        || (url->len > 5
            && ngx_strncasecmp(url->data, (u_char *) "gs://", 5) == 0))
    {
        part->kind = NGX_HTTP_LLMBROKER_GEMINI_URI;
        part->data = *url;
        ngx_http_llmbroker_gemini_extension(url, &part->name);
        return NGX_OK;
    }

    if (bare && ngx_strlchr(url->data, url->data + url->len, ':') == NULL) {
        ngx_str_set(&part->name, "application/pdf");
        part->data = *url;
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_text_data_url(b->ex->pool, url, &part->name,
                                          &part->data);

    return (rc == NGX_OK && part->name.len == 0) ? NGX_DECLINED : rc;
}


/* nothing when the name does not tell: Google's own files need no type */

static void
ngx_http_llmbroker_gemini_extension(ngx_str_t *url, ngx_str_t *mime)
{
    u_char  *p, *end, *last;

    last = url->data + url->len;

    for (end = url->data; end < last; end++) {
        if (*end == '?' || *end == '#') {
            break;
        }
    }

    for (p = end; p > url->data; p--) {
        if (p[-1] == '.' || p[-1] == '/') {
            break;
        }
    }

    if (p == url->data || p[-1] == '/') {
        return;
    }

    (void) ngx_http_llmbroker_gemini_mime(ngx_http_llmbroker_gemini_extensions,
                                          p, end - p, mime);
}


static ngx_uint_t
ngx_http_llmbroker_gemini_mime(const ngx_http_llmbroker_gemini_mime_t *row,
    u_char *p, size_t len, ngx_str_t *mime)
{
    for ( /* void */ ; row->word.len; row++) {

        if (row->word.len == len
            && ngx_strncasecmp(row->word.data, p, len) == 0)
        {
            *mime = row->mime;
            return 1;
        }
    }

    return 0;
}
