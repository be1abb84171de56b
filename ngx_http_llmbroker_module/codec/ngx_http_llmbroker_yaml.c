
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <yaml.h>

#include "codec/ngx_http_llmbroker_yaml.h"


typedef struct ngx_http_llmbroker_yaml_member_s
    ngx_http_llmbroker_yaml_member_t;

struct ngx_http_llmbroker_yaml_member_s {
    ngx_http_llmbroker_yaml_t           value;
    ngx_http_llmbroker_yaml_member_t   *next;    /* in its bucket */
};


/* a mapping or sequence that has not ended yet */
typedef struct {
    ngx_http_llmbroker_yaml_t          *value;
    ngx_http_llmbroker_yaml_t         **last;
    ngx_http_llmbroker_yaml_member_t   *member;  /* its name has been read */
} ngx_http_llmbroker_yaml_level_t;


typedef struct {
    ngx_pool_t                         *pool;
    yaml_parser_t                       parser;
    ngx_uint_t                          documents;
    ngx_uint_t                          depth;
    ngx_http_llmbroker_yaml_t          *root;
    ngx_http_llmbroker_yaml_error_t    *error;

    /* the members of all mappings, by mapping and name */
    ngx_http_llmbroker_yaml_member_t  **buckets;
    ngx_uint_t                          nbuckets;

    /* level[1] is the outermost container */
    ngx_http_llmbroker_yaml_level_t
                               level[NGX_HTTP_LLMBROKER_YAML_MAX_DEPTH + 1];
} ngx_http_llmbroker_yaml_ctx_t;


static ngx_int_t ngx_http_llmbroker_yaml_event(
    ngx_http_llmbroker_yaml_ctx_t *ctx, yaml_event_t *event);
static ngx_int_t ngx_http_llmbroker_yaml_scalar(
    ngx_http_llmbroker_yaml_ctx_t *ctx, yaml_event_t *event);
static ngx_int_t ngx_http_llmbroker_yaml_name(
    ngx_http_llmbroker_yaml_ctx_t *ctx, yaml_event_t *event);
static ngx_int_t ngx_http_llmbroker_yaml_start(
    ngx_http_llmbroker_yaml_ctx_t *ctx, ngx_http_llmbroker_yaml_type_e type,
    yaml_event_t *event);
static ngx_http_llmbroker_yaml_t *ngx_http_llmbroker_yaml_add(
    ngx_http_llmbroker_yaml_ctx_t *ctx, ngx_http_llmbroker_yaml_type_e type,
    yaml_event_t *event);
static ngx_int_t ngx_http_llmbroker_yaml_copy(ngx_pool_t *pool,
    yaml_event_t *event, ngx_str_t *text);
static ngx_int_t ngx_http_llmbroker_yaml_properties(
    ngx_http_llmbroker_yaml_ctx_t *ctx, yaml_event_t *event,
    yaml_char_t *anchor, yaml_char_t *tag);
static ngx_int_t ngx_http_llmbroker_yaml_refuse(
    ngx_http_llmbroker_yaml_ctx_t *ctx, yaml_event_t *event, const char *text);
static void ngx_http_llmbroker_yaml_syntax(ngx_http_llmbroker_yaml_ctx_t *ctx,
    u_char *p, size_t len);


ngx_int_t
ngx_http_llmbroker_yaml_parse(ngx_pool_t *pool, u_char *p, size_t len,
    ngx_http_llmbroker_yaml_t **root, ngx_http_llmbroker_yaml_error_t *error)
{
    ngx_int_t                       rc;
    ngx_uint_t                      end;
    yaml_event_t                    event;
    ngx_http_llmbroker_yaml_ctx_t  *ctx;

    ngx_memzero(error, sizeof(ngx_http_llmbroker_yaml_error_t));

    ctx = ngx_pcalloc(pool, sizeof(ngx_http_llmbroker_yaml_ctx_t));
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    ctx->pool = pool;
    ctx->error = error;

    /* about as many as there are members; odd, as addresses are even */

    ctx->nbuckets = (len / 16) | 1;

    ctx->buckets = ngx_pcalloc(pool, ctx->nbuckets
                                 * sizeof(ngx_http_llmbroker_yaml_member_t *));
    if (ctx->buckets == NULL) {
        return NGX_ERROR;
    }

    if (yaml_parser_initialize(&ctx->parser) == 0) {
        return NGX_ERROR;
    }

    yaml_parser_set_encoding(&ctx->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&ctx->parser, p, len);

    for ( ;; ) {

        if (yaml_parser_parse(&ctx->parser, &event) == 0) {
            ngx_http_llmbroker_yaml_syntax(ctx, p, len);
            rc = (ctx->parser.error == YAML_MEMORY_ERROR) ? NGX_ERROR
                                                          : NGX_DECLINED;
            break;
        }

        rc = ngx_http_llmbroker_yaml_event(ctx, &event);
        end = (event.type == YAML_STREAM_END_EVENT);

        yaml_event_delete(&event);

        if (rc != NGX_OK || end) {
            break;
        }
    }

    yaml_parser_delete(&ctx->parser);

    *root = ctx->root;

    return rc;
}


static ngx_int_t
ngx_http_llmbroker_yaml_event(ngx_http_llmbroker_yaml_ctx_t *ctx,
    yaml_event_t *event)
{
    switch (event->type) {

    case YAML_DOCUMENT_START_EVENT:

        if (ctx->documents++) {
            return ngx_http_llmbroker_yaml_refuse(ctx, event,
                                        "several documents are not supported");
        }

        return NGX_OK;

    case YAML_ALIAS_EVENT:

        return ngx_http_llmbroker_yaml_refuse(ctx, event,
                                              "aliases are not supported");

    case YAML_SCALAR_EVENT:

        return ngx_http_llmbroker_yaml_scalar(ctx, event);

    case YAML_MAPPING_START_EVENT:

        return ngx_http_llmbroker_yaml_start(ctx,
                                      NGX_HTTP_LLMBROKER_YAML_MAPPING, event);

    case YAML_SEQUENCE_START_EVENT:

        return ngx_http_llmbroker_yaml_start(ctx,
                                     NGX_HTTP_LLMBROKER_YAML_SEQUENCE, event);

    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:

        ctx->depth--;

        return NGX_OK;

    case YAML_STREAM_END_EVENT:

        if (ctx->root == NULL
            || (ctx->root->type == NGX_HTTP_LLMBROKER_YAML_SCALAR
                && ctx->root->plain && ctx->root->value.len == 0))
        {
            return ngx_http_llmbroker_yaml_refuse(ctx, event,
                                                  "the file is empty");
        }

        return NGX_OK;

    default:

        return NGX_OK;
    }
}


static ngx_int_t
ngx_http_llmbroker_yaml_scalar(ngx_http_llmbroker_yaml_ctx_t *ctx,
    yaml_event_t *event)
{
    ngx_int_t                         rc;
    ngx_http_llmbroker_yaml_t        *v;
    ngx_http_llmbroker_yaml_level_t  *level;

    rc = ngx_http_llmbroker_yaml_properties(ctx, event,
                                            event->data.scalar.anchor,
                                            event->data.scalar.tag);
    if (rc != NGX_OK) {
        return rc;
    }

    level = &ctx->level[ctx->depth];

    if (ctx->depth
        && level->value->type == NGX_HTTP_LLMBROKER_YAML_MAPPING
        && level->member == NULL)
    {
        return ngx_http_llmbroker_yaml_name(ctx, event);
    }

    v = ngx_http_llmbroker_yaml_add(ctx, NGX_HTTP_LLMBROKER_YAML_SCALAR,
                                    event);
    if (v == NULL) {
        return NGX_ERROR;
    }

    v->plain = (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE);

    return ngx_http_llmbroker_yaml_copy(ctx->pool, event, &v->value);
}


static ngx_int_t
ngx_http_llmbroker_yaml_name(ngx_http_llmbroker_yaml_ctx_t *ctx,
    yaml_event_t *event)
{
    ngx_str_t                         *key;
    ngx_uint_t                         i, hash;
    ngx_http_llmbroker_yaml_level_t   *level;
    ngx_http_llmbroker_yaml_member_t  *member, *other, **bucket;

    level = &ctx->level[ctx->depth];

    member = ngx_pcalloc(ctx->pool, sizeof(ngx_http_llmbroker_yaml_member_t));
    if (member == NULL) {
        return NGX_ERROR;
    }

    key = &member->value.key;

    if (ngx_http_llmbroker_yaml_copy(ctx->pool, event, key) != NGX_OK) {
        return NGX_ERROR;
    }

    if (key->len == 2
        && ngx_strncmp(key->data, "<<", 2) == 0
        && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
    {
        return ngx_http_llmbroker_yaml_refuse(ctx, event,
                                              "merge keys are not supported");
    }

    hash = (uintptr_t) level->value / NGX_ALIGNMENT;

    for (i = 0; i < key->len; i++) {
        hash = ngx_hash(hash, key->data[i]);
    }

    bucket = &ctx->buckets[hash % ctx->nbuckets];

    for (other = *bucket; other; other = other->next) {

        if (other->value.parent == level->value
            && other->value.key.len == key->len
            && ngx_memcmp(other->value.key.data, key->data, key->len) == 0)
        {
            ctx->error->name = *key;
            ctx->error->parent = level->value;

            return ngx_http_llmbroker_yaml_refuse(ctx, event, "duplicate key");
        }
    }

    member->value.key_line = event->start_mark.line + 1;
    member->value.parent = level->value;

    member->next = *bucket;
    *bucket = member;

    level->member = member;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_yaml_start(ngx_http_llmbroker_yaml_ctx_t *ctx,
    ngx_http_llmbroker_yaml_type_e type, yaml_event_t *event)
{
    ngx_int_t                         rc;
    ngx_http_llmbroker_yaml_t        *v;
    ngx_http_llmbroker_yaml_level_t  *level;

    if (type == NGX_HTTP_LLMBROKER_YAML_MAPPING) {
        rc = ngx_http_llmbroker_yaml_properties(ctx, event,
                                            event->data.mapping_start.anchor,
                                            event->data.mapping_start.tag);
    } else {
        rc = ngx_http_llmbroker_yaml_properties(ctx, event,
                                            event->data.sequence_start.anchor,
                                            event->data.sequence_start.tag);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    level = &ctx->level[ctx->depth];

    if (ctx->depth
        && level->value->type == NGX_HTTP_LLMBROKER_YAML_MAPPING
        && level->member == NULL)
    {
        return ngx_http_llmbroker_yaml_refuse(ctx, event,
                                              "a key must be a scalar");
    }

    if (ctx->depth == NGX_HTTP_LLMBROKER_YAML_MAX_DEPTH) {
        return ngx_http_llmbroker_yaml_refuse(ctx, event,
                                              "too many nested levels");
    }

    v = ngx_http_llmbroker_yaml_add(ctx, type, event);
    if (v == NULL) {
        return NGX_ERROR;
    }

    level = &ctx->level[++ctx->depth];

    level->value = v;
    level->last = &v->child;
    level->member = NULL;

    return NGX_OK;
}


/* a new value where the events stand: root, member or element */

static ngx_http_llmbroker_yaml_t *
ngx_http_llmbroker_yaml_add(ngx_http_llmbroker_yaml_ctx_t *ctx,
    ngx_http_llmbroker_yaml_type_e type, yaml_event_t *event)
{
    ngx_http_llmbroker_yaml_t        *v;
    ngx_http_llmbroker_yaml_level_t  *level;

    level = &ctx->level[ctx->depth];

    if (ctx->depth && level->member) {
        v = &level->member->value;
        level->member = NULL;

    } else {
        v = ngx_pcalloc(ctx->pool, sizeof(ngx_http_llmbroker_yaml_t));
        if (v == NULL) {
            return NULL;
        }
    }

    v->type = type;
    v->line = event->start_mark.line + 1;

    if (ctx->depth == 0) {
        ctx->root = v;
        return v;
    }

    v->parent = level->value;
    v->index = level->value->n++;

    *level->last = v;
    level->last = &v->next;

    return v;
}


static ngx_int_t
ngx_http_llmbroker_yaml_copy(ngx_pool_t *pool, yaml_event_t *event,
    ngx_str_t *text)
{
    text->len = event->data.scalar.length;

    text->data = ngx_pnalloc(pool, text->len + 1);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(text->data, event->data.scalar.value, text->len);
    text->data[text->len] = '\0';

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_yaml_properties(ngx_http_llmbroker_yaml_ctx_t *ctx,
    yaml_event_t *event, yaml_char_t *anchor, yaml_char_t *tag)
{
    if (anchor) {
        return ngx_http_llmbroker_yaml_refuse(ctx, event,
                                              "anchors are not supported");
    }

    if (tag) {
        return ngx_http_llmbroker_yaml_refuse(ctx, event,
                                              "tags are not supported");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_yaml_refuse(ngx_http_llmbroker_yaml_ctx_t *ctx,
    yaml_event_t *event, const char *text)
{
    ctx->error->line = event->start_mark.line + 1;
    ctx->error->text = text;

    return NGX_DECLINED;
}


static void
ngx_http_llmbroker_yaml_syntax(ngx_http_llmbroker_yaml_ctx_t *ctx, u_char *p,
    size_t len)
{
    u_char  *last;

    /* libyaml's texts are literals: they outlive the parser */

    ctx->error->text = ctx->parser.problem ? ctx->parser.problem
                                           : "syntax error";

    if (ctx->parser.error != YAML_READER_ERROR) {
        ctx->error->line = ctx->parser.problem_mark.line + 1;
        return;
    }

    /* the reader runs ahead of the marks and tells an offset only */

    last = p + ngx_min(ctx->parser.problem_offset, len);

    for (ctx->error->line = 1; p < last; p++) {
        if (*p == LF) {
            ctx->error->line++;
        }
    }
}


ngx_http_llmbroker_yaml_t *
ngx_http_llmbroker_yaml_get(ngx_http_llmbroker_yaml_t *map, const char *name)
{
    size_t                      len;
    ngx_http_llmbroker_yaml_t  *v;

    if (map == NULL || map->type != NGX_HTTP_LLMBROKER_YAML_MAPPING) {
        return NULL;
    }

    len = ngx_strlen(name);

    for (v = map->child; v; v = v->next) {
        if (v->key.len == len && ngx_memcmp(v->key.data, name, len) == 0) {
            return v;
        }
    }

    return NULL;
}


u_char *
ngx_http_llmbroker_yaml_path(u_char *p, u_char *last,
    ngx_http_llmbroker_yaml_t *v)
{
    u_char                     *start;
    ngx_uint_t                  n;
    ngx_http_llmbroker_yaml_t  *way[NGX_HTTP_LLMBROKER_YAML_MAX_DEPTH];

    start = p;

    for (n = 0; v->parent && n < NGX_HTTP_LLMBROKER_YAML_MAX_DEPTH; n++) {
        way[n] = v;
        v = v->parent;
    }

    while (n--) {
        v = way[n];

        if (v->parent->type == NGX_HTTP_LLMBROKER_YAML_SEQUENCE) {
            p = ngx_slprintf(p, last, "[%ui]", v->index);

        } else if (p == start) {
            p = ngx_slprintf(p, last, "%V", &v->key);

        } else {
            p = ngx_slprintf(p, last, ".%V", &v->key);
        }
    }

    return p;
}
