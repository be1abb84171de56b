
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <yajl/yajl_parse.h>

#include "codec/ngx_http_llmbroker_json.h"
#include "codec/ngx_http_llmbroker_utf8.h"


/* bytes for a yajl parser; yajl 2.1 takes 400 */
#define NGX_HTTP_LLMBROKER_JSON_PARSER    1024

/* the least size of the buffer for a token that is cut by the text's end */
#define NGX_HTTP_LLMBROKER_JSON_TOKEN     2048

/* texts of up to some 3.5 KB need no allocation for the parser */
#define NGX_HTTP_LLMBROKER_JSON_STACK     8192

/*
 * Values are allocated by the slab, which doubles: ngx_palloc() goes through
 * all full blocks of a pool that was reset, large allocations do not suffer
 */
#define NGX_HTTP_LLMBROKER_JSON_SLAB      16
#define NGX_HTTP_LLMBROKER_JSON_MAX_SLAB  1024

/* strings from this length on are not shown to yajl: bytes */
#define NGX_HTTP_LLMBROKER_JSON_LONG      64


typedef struct {
    u_char                      *pos;
    u_char                      *last;
    u_char                      *newest;
} ngx_http_llmbroker_json_memory_t;


typedef struct {
    ngx_http_llmbroker_json_t   *node;
    ngx_http_llmbroker_json_t  **last;
    ngx_str_t                    key;      /* of the member to come */
    unsigned                     have_key:1;
} ngx_http_llmbroker_json_level_t;


typedef struct {
    ngx_pool_t                  *pool;
    yajl_handle                  parser;
    u_char                      *text;
    u_char                      *last;
    u_char                      *piece;    /* of it, that yajl is at */
    u_char                      *pos;      /* what is before is in the tree */
    u_char                      *names;    /* room for decoded names */
    ngx_int_t                    rc;       /* why a callback has stopped */
    ngx_uint_t                   slab;
    ngx_uint_t                   free;     /* values left in the slab */
    ngx_uint_t                   values;   /* in all slabs */
    ngx_http_llmbroker_json_t   *value;    /* the next of them */
    ngx_uint_t                   depth;
    ngx_http_llmbroker_json_t   *root;

    /* level[0] is around the root */
    ngx_http_llmbroker_json_level_t
                              level[NGX_HTTP_LLMBROKER_SCAN_MAX_DEPTH + 1];
} ngx_http_llmbroker_json_ctx_t;


static ngx_int_t ngx_http_llmbroker_json_build(
    ngx_http_llmbroker_json_ctx_t *ctx, yajl_alloc_funcs *functions);
static yajl_status ngx_http_llmbroker_json_pieces(
    ngx_http_llmbroker_json_ctx_t *ctx);
static u_char *ngx_http_llmbroker_json_check(u_char *p, u_char *last);
static ngx_uint_t ngx_http_llmbroker_json_control(u_char *p, u_char *last);
static ngx_int_t ngx_http_llmbroker_json_build_scalar(
    ngx_http_llmbroker_json_ctx_t *ctx);

static int ngx_http_llmbroker_json_on_null(void *data);
static int ngx_http_llmbroker_json_on_bool(void *data, int v);
static int ngx_http_llmbroker_json_on_number(void *data, const char *p,
    size_t len);
static int ngx_http_llmbroker_json_on_object(void *data);
static int ngx_http_llmbroker_json_on_array(void *data);
static int ngx_http_llmbroker_json_on_end(void *data);
static int ngx_http_llmbroker_json_scalar(ngx_http_llmbroker_json_ctx_t *ctx,
    ngx_http_llmbroker_json_type_e type, size_t len);
static int ngx_http_llmbroker_json_container(
    ngx_http_llmbroker_json_ctx_t *ctx, ngx_http_llmbroker_json_type_e type);

static ngx_int_t ngx_http_llmbroker_json_trim(u_char **p, size_t *len);
static void ngx_http_llmbroker_json_init(ngx_http_llmbroker_json_ctx_t *ctx,
    ngx_pool_t *pool, u_char *p, size_t len);
static ngx_int_t ngx_http_llmbroker_json_open_node(
    ngx_http_llmbroker_json_ctx_t *ctx, ngx_http_llmbroker_json_type_e type,
    u_char *p);
static void ngx_http_llmbroker_json_close_node(
    ngx_http_llmbroker_json_ctx_t *ctx, u_char *last);
static u_char *ngx_http_llmbroker_json_valid_scalar(
    ngx_http_llmbroker_json_ctx_t *ctx, u_char *p);
static ngx_int_t ngx_http_llmbroker_json_strings(
    ngx_http_llmbroker_json_ctx_t *ctx, u_char *last);
static u_char *ngx_http_llmbroker_json_string_node(
    ngx_http_llmbroker_json_ctx_t *ctx, u_char *p, u_char *last);
static u_char *ngx_http_llmbroker_json_quote(u_char *p, u_char *last,
    ngx_uint_t *escaped);
static ngx_int_t ngx_http_llmbroker_json_name(
    ngx_http_llmbroker_json_ctx_t *ctx, u_char *p, u_char *last,
    ngx_uint_t escaped);
static ngx_http_llmbroker_json_t *ngx_http_llmbroker_json_add(
    ngx_http_llmbroker_json_ctx_t *ctx, ngx_http_llmbroker_json_type_e type,
    u_char *p, u_char *last);

static void *ngx_http_llmbroker_json_malloc(void *data, size_t size);
static void *ngx_http_llmbroker_json_realloc(void *data, void *p,
    size_t size);
static void ngx_http_llmbroker_json_free(void *data, void *p);


/*
 * There are no callbacks for strings and names: with them yajl decodes each
 * escape into memory of its own, which is not wanted here, and 2.1 without
 * the distributions' patches aborts on some texts with a lone surrogate.
 * Strings are found between the tokens that are called back.
 */

static yajl_callbacks  ngx_http_llmbroker_json_callbacks = {
    ngx_http_llmbroker_json_on_null,
    ngx_http_llmbroker_json_on_bool,
    NULL,
    NULL,
    ngx_http_llmbroker_json_on_number,
    NULL,
    ngx_http_llmbroker_json_on_object,
    NULL,
    ngx_http_llmbroker_json_on_end,
    ngx_http_llmbroker_json_on_array,
    ngx_http_llmbroker_json_on_end
};


ngx_int_t
ngx_http_llmbroker_json_parse(ngx_pool_t *pool, u_char *p, size_t len,
    ngx_http_llmbroker_json_t **root)
{
    size_t                             size;
    u_char                            *large;
    ngx_int_t                          rc;
    uint64_t                           stack[NGX_HTTP_LLMBROKER_JSON_STACK / 8];
    yajl_alloc_funcs                   functions;
    ngx_http_llmbroker_json_ctx_t      ctx;
    ngx_http_llmbroker_json_memory_t   memory;

    if (ngx_http_llmbroker_json_trim(&p, &len) != NGX_OK
        || ngx_http_llmbroker_utf8(NGX_HTTP_LLMBROKER_UTF8_ACCEPT, p, p + len)
           != NGX_HTTP_LLMBROKER_UTF8_ACCEPT)
    {
        return NGX_DECLINED;
    }

    /*
     * yajl does not check its allocations, so it gets memory that is taken
     * beforehand: for the parser, and for the copy that it makes of a token
     * which the text's end cuts, in a buffer that doubles.  Most parsers fit
     * on the stack, which is faster than malloc(); the pool is no place for
     * them, as it may outlive many texts.
     */

    size = NGX_HTTP_LLMBROKER_JSON_PARSER
           + ngx_max(NGX_HTTP_LLMBROKER_JSON_TOKEN, 2 * (len + 2));

    memory.pos = (u_char *) stack;
    memory.newest = NULL;
    large = NULL;

    if (size > sizeof(stack)) {
        large = ngx_alloc(size, pool->log);
        if (large == NULL) {
            return NGX_ERROR;
        }

        memory.pos = large;
    }

    memory.last = memory.pos + size;

    functions.malloc = ngx_http_llmbroker_json_malloc;
    functions.realloc = ngx_http_llmbroker_json_realloc;
    functions.free = ngx_http_llmbroker_json_free;
    functions.ctx = &memory;

    ngx_http_llmbroker_json_init(&ctx, pool, p, len);

    rc = ngx_http_llmbroker_json_build(&ctx, &functions);

    if (large != NULL) {
        ngx_free(large);
    }

    if (rc == NGX_OK) {
        *root = ctx.root;
    }

    return rc;
}


ngx_int_t
ngx_http_llmbroker_json_tree(ngx_pool_t *pool, u_char *p, size_t len,
    ngx_http_llmbroker_json_t **root)
{
    ngx_http_llmbroker_json_ctx_t  ctx;

    if (ngx_http_llmbroker_json_trim(&p, &len) != NGX_OK) {
        return NGX_DECLINED;
    }

    ngx_http_llmbroker_json_init(&ctx, pool, p, len);

    while (p < ctx.last) {

        switch (*p) {

        case ' ':
        case '\t':
        case CR:
        case LF:
        case ',':
        case ':':
            p++;
            continue;

        case '"':
            p = ngx_http_llmbroker_json_string_node(&ctx, p, ctx.last);
            if (p == NULL) {
                return ctx.rc;
            }

            continue;

        case '{':
        case '[':
            ctx.rc = ngx_http_llmbroker_json_open_node(&ctx,
                                     (*p == '{')
                                         ? NGX_HTTP_LLMBROKER_JSON_OBJECT
                                         : NGX_HTTP_LLMBROKER_JSON_ARRAY, p);
            if (ctx.rc != NGX_OK) {
                return ctx.rc;
            }

            p++;
            continue;

        case '}':
        case ']':
            if (ctx.depth == 0) {
                return NGX_DECLINED;
            }

            ngx_http_llmbroker_json_close_node(&ctx, ++p);
            continue;
        }

        p = ngx_http_llmbroker_json_valid_scalar(&ctx, p);
        if (p == NULL) {
            return ctx.rc;
        }
    }

    if (ctx.depth != 0 || ctx.root == NULL) {
        return NGX_DECLINED;
    }

    *root = ctx.root;

    return NGX_OK;
}


/* a number or a literal: the byte behind it, NULL: ctx->rc says why */

static u_char *
ngx_http_llmbroker_json_valid_scalar(ngx_http_llmbroker_json_ctx_t *ctx,
    u_char *p)
{
    u_char                          *start;
    ngx_http_llmbroker_json_type_e   type;

    switch (*p) {

    case 't':
    case 'f':
        type = NGX_HTTP_LLMBROKER_JSON_BOOL;
        break;

    case 'n':
        type = NGX_HTTP_LLMBROKER_JSON_NULL;
        break;

    default:
        type = NGX_HTTP_LLMBROKER_JSON_NUMBER;
    }

    start = p++;

    while (p < ctx->last && *p > ' ' && *p != ',' && *p != '}' && *p != ']') {
        p++;
    }

    return ngx_http_llmbroker_json_add(ctx, type, start, p) ? p : NULL;
}


static ngx_int_t
ngx_http_llmbroker_json_trim(u_char **p, size_t *len)
{
    u_char  *start, *last;

    if (*len == 0) {
        return NGX_DECLINED;
    }

    start = *p;
    last = start + *len;

    while (start < last && (last[-1] == ' ' || last[-1] == '\t'
                            || last[-1] == CR || last[-1] == LF))
    {
        last--;
    }

    while (start < last && (*start == ' ' || *start == '\t'
                            || *start == CR || *start == LF))
    {
        start++;
    }

    *p = start;
    *len = last - start;

    return (start < last) ? NGX_OK : NGX_DECLINED;
}


static void
ngx_http_llmbroker_json_init(ngx_http_llmbroker_json_ctx_t *ctx,
    ngx_pool_t *pool, u_char *p, size_t len)
{
    ctx->pool = pool;
    ctx->text = p;
    ctx->last = p + len;
    ctx->piece = p;
    ctx->pos = p;
    ctx->names = NULL;
    ctx->rc = NGX_DECLINED;
    ctx->slab = ngx_min(NGX_HTTP_LLMBROKER_JSON_SLAB, len / 2 + 1);
    ctx->free = 0;
    ctx->values = 0;
    ctx->value = NULL;
    ctx->depth = 0;
    ctx->root = NULL;
    ctx->level[0].node = NULL;
    ctx->level[0].last = &ctx->root;
    ctx->level[0].have_key = 0;
}


static ngx_int_t
ngx_http_llmbroker_json_build(ngx_http_llmbroker_json_ctx_t *ctx,
    yajl_alloc_funcs *functions)
{
    ngx_int_t        rc;
    yajl_status      status;
    yajl_callbacks  *callbacks;

    /* a scalar alone is only checked by yajl: it is the whole text */

    callbacks = (*ctx->text == '{' || *ctx->text == '[')
                ? &ngx_http_llmbroker_json_callbacks : NULL;

    ctx->parser = yajl_alloc(callbacks, functions, ctx);
    if (ctx->parser == NULL) {
        return NGX_ERROR;
    }

    /* it has been checked, and yajl lets overlong forms and surrogates pass */

    (void) yajl_config(ctx->parser, yajl_dont_validate_strings, 1);

    status = ngx_http_llmbroker_json_pieces(ctx);

    if (status == yajl_status_client_canceled) {
        rc = ctx->rc;

    } else if (status != yajl_status_ok) {
        rc = NGX_DECLINED;

    } else if (callbacks == NULL) {
        rc = ngx_http_llmbroker_json_build_scalar(ctx);

    } else if (ctx->depth != 0 || ctx->pos != ctx->last) {

        /* the text is cut, or something is behind the value */

        rc = NGX_DECLINED;

    } else {
        rc = NGX_OK;
    }

    yajl_free(ctx->parser);

    return rc;
}


/*
 * yajl goes through a string byte by byte, and prompts and answers are mostly
 * strings: a long one is checked here, and yajl sees its quotes only.
 */

static yajl_status
ngx_http_llmbroker_json_pieces(ngx_http_llmbroker_json_ctx_t *ctx)
{
    u_char       *p, *end, *quote;
    yajl_status   status;

    p = ctx->text;

    for ( ;; ) {

        /* between the strings are no quotes */

        quote = memchr(p, '"', ctx->last - p);
        if (quote == NULL) {
            break;
        }

        p = quote + 1;

        end = memchr(p, '"', ctx->last - p);
        if (end == NULL) {
            break;
        }

        if (end - p < NGX_HTTP_LLMBROKER_JSON_LONG && end[-1] != '\\') {
            p = end + 1;
            continue;
        }

        end = ngx_http_llmbroker_json_check(p, ctx->last);
        if (end == NULL) {
            return yajl_status_error;
        }

        if (end - p >= NGX_HTTP_LLMBROKER_JSON_LONG) {

            status = yajl_parse(ctx->parser, ctx->piece, p - ctx->piece);
            if (status != yajl_status_ok) {
                return status;
            }

            ctx->piece = end;
        }

        p = end + 1;
    }

    return yajl_parse(ctx->parser, ctx->piece, ctx->last - ctx->piece);
}


/*
 * The quote that ends a string; NULL when there is none, or when the string
 * is not one to RFC 8259, section 7, beside its UTF-8.
 */

static u_char *
ngx_http_llmbroker_json_check(u_char *p, u_char *last)
{
    u_char    *quote, *escape;
    uint32_t   code;

    quote = p;

    for ( ;; ) {

        if (quote <= p) {
            quote = memchr(p, '"', last - p);
            if (quote == NULL) {
                return NULL;
            }
        }

        escape = memchr(p, '\\', quote - p);

        if (escape == NULL) {
            return ngx_http_llmbroker_json_control(p, quote) ? NULL : quote;
        }

        if (ngx_http_llmbroker_json_control(p, escape)) {
            return NULL;
        }

        p = ngx_http_llmbroker_json_unescape(escape + 1, last, &code);
        if (p == NULL) {
            return NULL;
        }
    }
}


static ngx_uint_t
ngx_http_llmbroker_json_control(u_char *p, u_char *last)
{
    uint64_t  w;

    /* a byte that is less sets its high bit, unless it had it before */

    for ( /* void */ ; last - p >= (ssize_t) sizeof(w); p += sizeof(w)) {
        ngx_memcpy(&w, p, sizeof(w));

        if ((w - 0x2020202020202020ULL) & ~w & 0x8080808080808080ULL) {
            return 1;
        }
    }

    for ( /* void */ ; p < last; p++) {

        if (*p < ' ') {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_llmbroker_json_build_scalar(ngx_http_llmbroker_json_ctx_t *ctx)
{
    ngx_http_llmbroker_json_type_e  type;

    if (yajl_complete_parse(ctx->parser) != yajl_status_ok) {
        return NGX_DECLINED;
    }

    /*
     * yajl takes VT and FF for white space, RFC 8259 does not, and overlooks
     * a string without end that follows the value
     */

    if (ctx->last[-1] <= ' '
        || (*ctx->text != '"'
            && memchr(ctx->text, '"', ctx->last - ctx->text) != NULL))
    {
        return NGX_DECLINED;
    }

    switch (*ctx->text) {

    case '"':
        return ngx_http_llmbroker_json_strings(ctx, ctx->last);

    case 't':
    case 'f':
        type = NGX_HTTP_LLMBROKER_JSON_BOOL;
        break;

    case 'n':
        type = NGX_HTTP_LLMBROKER_JSON_NULL;
        break;

    default:

        if (*ctx->text != '-' && (*ctx->text < '0' || *ctx->text > '9')) {
            return NGX_DECLINED;
        }

        type = NGX_HTTP_LLMBROKER_JSON_NUMBER;
    }

    if (ngx_http_llmbroker_json_add(ctx, type, ctx->text, ctx->last)
        == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static int
ngx_http_llmbroker_json_on_null(void *data)
{
    return ngx_http_llmbroker_json_scalar(data, NGX_HTTP_LLMBROKER_JSON_NULL,
                                          4);
}


static int
ngx_http_llmbroker_json_on_bool(void *data, int v)
{
    return ngx_http_llmbroker_json_scalar(data, NGX_HTTP_LLMBROKER_JSON_BOOL,
                                          v ? 4 : 5);
}


static int
ngx_http_llmbroker_json_on_number(void *data, const char *p, size_t len)
{
    (void) p;

    return ngx_http_llmbroker_json_scalar(data, NGX_HTTP_LLMBROKER_JSON_NUMBER,
                                          len);
}


static int
ngx_http_llmbroker_json_on_object(void *data)
{
    return ngx_http_llmbroker_json_container(data,
                                             NGX_HTTP_LLMBROKER_JSON_OBJECT);
}


static int
ngx_http_llmbroker_json_on_array(void *data)
{
    return ngx_http_llmbroker_json_container(data,
                                             NGX_HTTP_LLMBROKER_JSON_ARRAY);
}


static int
ngx_http_llmbroker_json_on_end(void *data)
{
    ngx_http_llmbroker_json_ctx_t *ctx = data;

    u_char  *last;

    last = ctx->piece + yajl_get_bytes_consumed(ctx->parser);

    ctx->rc = ngx_http_llmbroker_json_strings(ctx, last - 1);
    if (ctx->rc != NGX_OK) {
        return 0;
    }

    ngx_http_llmbroker_json_close_node(ctx, last);

    return 1;
}


static int
ngx_http_llmbroker_json_scalar(ngx_http_llmbroker_json_ctx_t *ctx,
    ngx_http_llmbroker_json_type_e type, size_t len)
{
    u_char  *last;

    last = ctx->piece + yajl_get_bytes_consumed(ctx->parser);

    ctx->rc = ngx_http_llmbroker_json_strings(ctx, last - len);
    if (ctx->rc != NGX_OK) {
        return 0;
    }

    if (ngx_http_llmbroker_json_add(ctx, type, last - len, last) == NULL) {
        return 0;
    }

    return 1;
}


static int
ngx_http_llmbroker_json_container(ngx_http_llmbroker_json_ctx_t *ctx,
    ngx_http_llmbroker_json_type_e type)
{
    u_char  *last;

    last = ctx->piece + yajl_get_bytes_consumed(ctx->parser);

    ctx->rc = ngx_http_llmbroker_json_strings(ctx, last - 1);
    if (ctx->rc != NGX_OK) {
        return 0;
    }

    ctx->rc = ngx_http_llmbroker_json_open_node(ctx, type, last - 1);

    return ctx->rc == NGX_OK;
}


/* an object or array, which begins at p */

static ngx_int_t
ngx_http_llmbroker_json_open_node(ngx_http_llmbroker_json_ctx_t *ctx,
    ngx_http_llmbroker_json_type_e type, u_char *p)
{
    ngx_http_llmbroker_json_t        *v;
    ngx_http_llmbroker_json_level_t  *level;

    if (ctx->depth == NGX_HTTP_LLMBROKER_SCAN_MAX_DEPTH) {
        return NGX_DECLINED;
    }

    v = ngx_http_llmbroker_json_add(ctx, type, p, p + 1);
    if (v == NULL) {
        return ctx->rc;
    }

    level = &ctx->level[++ctx->depth];

    level->node = v;
    level->last = &v->child;
    level->have_key = 0;

    return NGX_OK;
}


static void
ngx_http_llmbroker_json_close_node(ngx_http_llmbroker_json_ctx_t *ctx,
    u_char *last)
{
    ngx_http_llmbroker_json_t  *v;

    v = ctx->level[ctx->depth].node;
    v->raw.len = last - v->raw.data;

    ctx->pos = last;
    ctx->depth--;
}


/*
 * Adds the strings before the token at "last".  yajl has checked by now that
 * only they, commas, colons and white space lie there.
 */

static ngx_int_t
ngx_http_llmbroker_json_strings(ngx_http_llmbroker_json_ctx_t *ctx,
    u_char *last)
{
    u_char  *p;

    p = ctx->pos;

    while (p < last) {

        if (*p != '"') {

            if (*p == '\v' || *p == '\f') {
                return NGX_DECLINED;
            }

            p++;
            continue;
        }

        p = ngx_http_llmbroker_json_string_node(ctx, p, last);
        if (p == NULL) {
            return ctx->rc;
        }
    }

    ctx->pos = last;

    return NGX_OK;
}


/* the string or name at p: the byte behind it, NULL: ctx->rc says why */

static u_char *
ngx_http_llmbroker_json_string_node(ngx_http_llmbroker_json_ctx_t *ctx,
    u_char *p, u_char *last)
{
    u_char                           *end;
    ngx_uint_t                        escaped;
    ngx_http_llmbroker_json_t        *v;
    ngx_http_llmbroker_json_level_t  *level;

    level = &ctx->level[ctx->depth];

    end = ngx_http_llmbroker_json_quote(p + 1, last, &escaped);
    if (end == NULL) {
        ctx->rc = NGX_DECLINED;
        return NULL;
    }

    if (level->node != NULL
        && level->node->type == NGX_HTTP_LLMBROKER_JSON_OBJECT
        && !level->have_key)
    {
        ctx->rc = ngx_http_llmbroker_json_name(ctx, p + 1, end, escaped);

        return (ctx->rc == NGX_OK) ? end + 1 : NULL;
    }

    v = ngx_http_llmbroker_json_add(ctx, NGX_HTTP_LLMBROKER_JSON_STRING, p,
                                    end + 1);
    if (v == NULL) {
        return NULL;
    }

    v->escaped = escaped;

    return end + 1;
}


/* the quote that ends a string: an even number of backslashes is before it */

static u_char *
ngx_http_llmbroker_json_quote(u_char *p, u_char *last, ngx_uint_t *escaped)
{
    u_char  *quote, *before;

    quote = p;

    for ( ;; ) {
        quote = memchr(quote, '"', last - quote);
        if (quote == NULL) {
            return NULL;
        }

        before = quote;

        while (before > p && before[-1] == '\\') {
            before--;
        }

        if ((quote - before) % 2 == 0) {
            *escaped = (memchr(p, '\\', quote - p) != NULL);
            return quote;
        }

        quote++;
    }
}


static ngx_int_t
ngx_http_llmbroker_json_name(ngx_http_llmbroker_json_ctx_t *ctx, u_char *p,
    u_char *last, ngx_uint_t escaped)
{
    u_char                           *end;
    ngx_http_llmbroker_json_level_t  *level;

    level = &ctx->level[ctx->depth];

    level->have_key = 1;
    level->key.data = p;
    level->key.len = last - p;

    if (!escaped) {
        return NGX_OK;
    }

    /* no name is longer decoded: the rest of the text is room for them all */

    if (ctx->names == NULL) {
        ctx->names = ngx_pnalloc(ctx->pool, ctx->last - p);
        if (ctx->names == NULL) {
            return NGX_ERROR;
        }
    }

    end = ngx_http_llmbroker_json_decode(ctx->names, p, last - p);
    if (end == NULL) {
        return NGX_DECLINED;
    }

    level->key.data = ctx->names;
    level->key.len = end - ctx->names;

    ctx->names = end;

    return NGX_OK;
}


/* NULL: ctx->rc says why */

static ngx_http_llmbroker_json_t *
ngx_http_llmbroker_json_add(ngx_http_llmbroker_json_ctx_t *ctx,
    ngx_http_llmbroker_json_type_e type, u_char *p, u_char *last)
{
    ngx_http_llmbroker_json_t        *v;
    ngx_http_llmbroker_json_level_t  *level;

    if (ctx->free == 0) {

        if (ctx->values >= NGX_HTTP_LLMBROKER_JSON_MAX_VALUES) {
            ctx->rc = NGX_DECLINED;
            return NULL;
        }

        ctx->value = ngx_palloc(ctx->pool,
                               ctx->slab * sizeof(ngx_http_llmbroker_json_t));
        if (ctx->value == NULL) {
            ctx->rc = NGX_ERROR;
            return NULL;
        }

        ctx->free = ctx->slab;
        ctx->values += ctx->slab;

        if (ctx->slab < NGX_HTTP_LLMBROKER_JSON_MAX_SLAB) {
            ctx->slab *= 2;
        }
    }

    ctx->free--;
    v = ctx->value++;

    level = &ctx->level[ctx->depth];

    v->type = type;

    if (level->have_key) {
        v->key = level->key;
        level->have_key = 0;

    } else {
        ngx_str_null(&v->key);
    }

    v->raw.data = p;
    v->raw.len = last - p;
    v->child = NULL;
    v->next = NULL;
    v->n = 0;
    v->escaped = 0;

    *level->last = v;
    level->last = &v->next;

    if (level->node != NULL) {
        level->node->n++;
    }

    ctx->pos = last;

    return v;
}


static void *
ngx_http_llmbroker_json_malloc(void *data, size_t size)
{
    ngx_http_llmbroker_json_memory_t *memory = data;

    u_char  *p;

    p = ngx_align_ptr(memory->pos, 16);

    if (p > memory->last || size > (size_t) (memory->last - p)) {
        return NULL;
    }

    memory->newest = p;
    memory->pos = p + size;

    return p;
}


static void *
ngx_http_llmbroker_json_realloc(void *data, void *p, size_t size)
{
    ngx_http_llmbroker_json_memory_t *memory = data;

    u_char  *old, *new;

    old = p;

    if (old != NULL && old == memory->newest) {
        memory->pos = old;
    }

    new = ngx_http_llmbroker_json_malloc(memory, size);

    if (old != NULL && new != NULL && new != old) {
        ngx_memcpy(new, old, ngx_min(size, (size_t) (new - old)));
    }

    return new;
}


static void
ngx_http_llmbroker_json_free(void *data, void *p)
{
    /* all of it goes at once */

    (void) data;
    (void) p;
}
