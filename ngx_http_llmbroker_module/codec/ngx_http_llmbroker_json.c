
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "codec/ngx_http_llmbroker_json.h"
#include "codec/ngx_http_llmbroker_token.h"


/*
 * Values are allocated by the slab, which doubles: ngx_palloc() goes through
 * all full blocks of a pool that was reset, large allocations do not suffer
 */
#define NGX_HTTP_LLMBROKER_JSON_SLAB      16
#define NGX_HTTP_LLMBROKER_JSON_MAX_SLAB  1024


typedef struct {
    ngx_http_llmbroker_json_t   *node;
    ngx_http_llmbroker_json_t  **last;
    u_char                       close;    /* the bracket that ends it */
} ngx_http_llmbroker_json_level_t;


typedef struct {
    ngx_pool_t                  *pool;
    u_char                      *last;     /* of the text */
    u_char                      *names;    /* room for decoded names */
    ngx_int_t                    rc;       /* why nothing was returned */
    ngx_uint_t                   slab;
    ngx_uint_t                   free;     /* values left in the slab */
    ngx_uint_t                   values;   /* in all slabs */
    ngx_http_llmbroker_json_t   *value;    /* the next of them */
    ngx_str_t                    key;      /* of the member to come */
    ngx_uint_t                   depth;
    ngx_http_llmbroker_json_t   *root;

    /* level[0] is around the root */
    ngx_http_llmbroker_json_level_t
                              level[NGX_HTTP_LLMBROKER_SCAN_MAX_DEPTH + 1];
} ngx_http_llmbroker_json_ctx_t;


static u_char *ngx_http_llmbroker_json_open_node(
    ngx_http_llmbroker_json_ctx_t *ctx, u_char *p);
static u_char *ngx_http_llmbroker_json_scalar(
    ngx_http_llmbroker_json_ctx_t *ctx, u_char *p);
static u_char *ngx_http_llmbroker_json_next(
    ngx_http_llmbroker_json_ctx_t *ctx, u_char *p);
static u_char *ngx_http_llmbroker_json_name(
    ngx_http_llmbroker_json_ctx_t *ctx, u_char *p);
static ngx_int_t ngx_http_llmbroker_json_decode_name(
    ngx_http_llmbroker_json_ctx_t *ctx);
static u_char *ngx_http_llmbroker_json_blanks(u_char *p, u_char *last);
static ngx_http_llmbroker_json_t *ngx_http_llmbroker_json_add(
    ngx_http_llmbroker_json_ctx_t *ctx, ngx_http_llmbroker_json_type_e type,
    u_char *p, u_char *last);
static ngx_int_t ngx_http_llmbroker_json_more(
    ngx_http_llmbroker_json_ctx_t *ctx);


ngx_int_t
ngx_http_llmbroker_json_parse(ngx_pool_t *pool, u_char *p, size_t len,
    ngx_http_llmbroker_json_t **root)
{
    ngx_http_llmbroker_json_ctx_t  ctx;

    if (len == 0) {
        return NGX_DECLINED;
    }

    ctx.pool = pool;
    ctx.last = p + len;
    ctx.names = NULL;
    ctx.rc = NGX_DECLINED;
    ctx.slab = ngx_min(NGX_HTTP_LLMBROKER_JSON_SLAB, len / 2 + 1);
    ctx.free = 0;
    ctx.values = 0;
    ctx.depth = 0;
    ctx.level[0].node = NULL;
    ctx.level[0].last = &ctx.root;
    ngx_str_null(&ctx.key);

    p = ngx_http_llmbroker_json_blanks(p, ctx.last);

    while (p < ctx.last) {

        p = (*p == '{' || *p == '[')
            ? ngx_http_llmbroker_json_open_node(&ctx, p)
            : ngx_http_llmbroker_json_scalar(&ctx, p);

        if (p == NULL) {
            return ctx.rc;
        }

        if (ctx.depth == 0) {
            p = ngx_http_llmbroker_json_blanks(p, ctx.last);

            if (p != ctx.last) {
                break;
            }

            *root = ctx.root;

            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


/*
 * The object or array that begins at p, and if it is empty its end.
 * Return: where the next value is, or the byte behind the text's value;
 * NULL: ctx->rc says why.
 */

static u_char *
ngx_http_llmbroker_json_open_node(ngx_http_llmbroker_json_ctx_t *ctx,
    u_char *p)
{
    ngx_http_llmbroker_json_t        *v;
    ngx_http_llmbroker_json_type_e    type;
    ngx_http_llmbroker_json_level_t  *level;

    if (ctx->depth == NGX_HTTP_LLMBROKER_SCAN_MAX_DEPTH) {
        return NULL;
    }

    type = (*p == '{') ? NGX_HTTP_LLMBROKER_JSON_OBJECT
                       : NGX_HTTP_LLMBROKER_JSON_ARRAY;

    v = ngx_http_llmbroker_json_add(ctx, type, p, p + 1);
    if (v == NULL) {
        return NULL;
    }

    level = &ctx->level[++ctx->depth];

    level->node = v;
    level->last = &v->child;
    level->close = *p + 2;

    p = ngx_http_llmbroker_json_blanks(p + 1, ctx->last);

    if (p < ctx->last && *p == level->close) {
        return ngx_http_llmbroker_json_next(ctx, p);
    }

    return (level->close == '}') ? ngx_http_llmbroker_json_name(ctx, p) : p;
}


/* any other value; the return value is that of ..._open_node() */

static u_char *
ngx_http_llmbroker_json_scalar(ngx_http_llmbroker_json_ctx_t *ctx, u_char *p)
{
    u_char                          *end;
    ngx_uint_t                       escaped;
    ngx_http_llmbroker_json_t       *v;
    ngx_http_llmbroker_json_type_e   type;

    end = NULL;
    escaped = 0;

    switch (*p) {

    case '"':
        type = NGX_HTTP_LLMBROKER_JSON_STRING;
        end = ngx_http_llmbroker_token_string(p + 1, ctx->last, &escaped);

        if (end != NULL) {
            end++;
        }

        break;

    case 't':
        type = NGX_HTTP_LLMBROKER_JSON_BOOL;

        if (ctx->last - p >= 4 && ngx_memcmp(p, "true", 4) == 0) {
            end = p + 4;
        }

        break;

    case 'f':
        type = NGX_HTTP_LLMBROKER_JSON_BOOL;

        if (ctx->last - p >= 5 && ngx_memcmp(p, "false", 5) == 0) {
            end = p + 5;
        }

        break;

    case 'n':
        type = NGX_HTTP_LLMBROKER_JSON_NULL;

        if (ctx->last - p >= 4 && ngx_memcmp(p, "null", 4) == 0) {
            end = p + 4;
        }

        break;

    default:
        type = NGX_HTTP_LLMBROKER_JSON_NUMBER;
        end = ngx_http_llmbroker_token_number(p, ctx->last);
    }

    if (end == NULL) {
        return NULL;
    }

    v = ngx_http_llmbroker_json_add(ctx, type, p, end);
    if (v == NULL) {
        return NULL;
    }

    v->escaped = escaped;

    return ngx_http_llmbroker_json_next(ctx, end);
}


/* from the end of a value, over the brackets that close, to the next value */

static u_char *
ngx_http_llmbroker_json_next(ngx_http_llmbroker_json_ctx_t *ctx, u_char *p)
{
    ngx_http_llmbroker_json_t        *v;
    ngx_http_llmbroker_json_level_t  *level;

    while (ctx->depth > 0) {

        p = ngx_http_llmbroker_json_blanks(p, ctx->last);

        if (p == ctx->last) {
            return NULL;
        }

        level = &ctx->level[ctx->depth];

        if (*p == ',') {
            p = ngx_http_llmbroker_json_blanks(p + 1, ctx->last);

            return (level->close == '}')
                   ? ngx_http_llmbroker_json_name(ctx, p) : p;
        }

        if (*p != level->close) {
            return NULL;
        }

        p++;

        v = level->node;
        v->raw.len = p - v->raw.data;

        ctx->depth--;
    }

    return p;
}


/* the name at p, to the value behind it */

static u_char *
ngx_http_llmbroker_json_name(ngx_http_llmbroker_json_ctx_t *ctx, u_char *p)
{
    u_char      *end;
    ngx_uint_t   escaped;

    if (p == ctx->last || *p != '"') {
        return NULL;
    }

    p++;

    end = ngx_http_llmbroker_token_string(p, ctx->last, &escaped);
    if (end == NULL) {
        return NULL;
    }

    ctx->key.data = p;
    ctx->key.len = end - p;

    if (escaped && ngx_http_llmbroker_json_decode_name(ctx) != NGX_OK) {
        return NULL;
    }

    p = ngx_http_llmbroker_json_blanks(end + 1, ctx->last);

    if (p == ctx->last || *p != ':') {
        return NULL;
    }

    return ngx_http_llmbroker_json_blanks(p + 1, ctx->last);
}


static ngx_int_t
ngx_http_llmbroker_json_decode_name(ngx_http_llmbroker_json_ctx_t *ctx)
{
    u_char  *end;

    /* no name is longer decoded: the rest of the text is room for them all */

    if (ctx->names == NULL) {
        ctx->names = ngx_pnalloc(ctx->pool, ctx->last - ctx->key.data);
        if (ctx->names == NULL) {
            ctx->rc = NGX_ERROR;
            return NGX_ERROR;
        }
    }

    end = ngx_http_llmbroker_json_decode(ctx->names, ctx->key.data,
                                         ctx->key.len);
    if (end == NULL) {
        return NGX_DECLINED;
    }

    ctx->key.data = ctx->names;
    ctx->key.len = end - ctx->names;

    ctx->names = end;

    return NGX_OK;
}


static u_char *
ngx_http_llmbroker_json_blanks(u_char *p, u_char *last)
{
    while (p < last && *p <= ' ' && ngx_http_llmbroker_token_space(*p)) {
        p++;
    }

    return p;
}


/* NULL: ctx->rc says why */

static ngx_http_llmbroker_json_t *
ngx_http_llmbroker_json_add(ngx_http_llmbroker_json_ctx_t *ctx,
    ngx_http_llmbroker_json_type_e type, u_char *p, u_char *last)
{
    ngx_http_llmbroker_json_t        *v;
    ngx_http_llmbroker_json_level_t  *level;

    if (ctx->free == 0 && ngx_http_llmbroker_json_more(ctx) != NGX_OK) {
        return NULL;
    }

    ctx->free--;
    v = ctx->value++;

    v->type = type;
    v->escaped = 0;
    v->key = ctx->key;
    v->raw.data = p;
    v->raw.len = last - p;
    v->child = NULL;
    v->next = NULL;
    v->n = 0;

    ngx_str_null(&ctx->key);

    level = &ctx->level[ctx->depth];

    *level->last = v;
    level->last = &v->next;

    if (level->node != NULL) {
        level->node->n++;
    }

    return v;
}


static ngx_int_t
ngx_http_llmbroker_json_more(ngx_http_llmbroker_json_ctx_t *ctx)
{
    if (ctx->values >= NGX_HTTP_LLMBROKER_JSON_MAX_VALUES) {
        return NGX_DECLINED;
    }

    ctx->value = ngx_palloc(ctx->pool,
                            ctx->slab * sizeof(ngx_http_llmbroker_json_t));
    if (ctx->value == NULL) {
        ctx->rc = NGX_ERROR;
        return NGX_ERROR;
    }

    ctx->free = ctx->slab;
    ctx->values += ctx->slab;

    if (ctx->slab < NGX_HTTP_LLMBROKER_JSON_MAX_SLAB) {
        ctx->slab *= 2;
    }

    return NGX_OK;
}
