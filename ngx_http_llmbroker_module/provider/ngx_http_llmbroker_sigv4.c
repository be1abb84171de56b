
/*
 * Copyright (C) LLMBroker contributors
 *
 * AWS Signature Version 4, as AWS's general reference, "Create a signed AWS
 * API request", has it: a canonical request is hashed, its hash, the time and
 * the scope are signed with a key derived from the secret one.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "provider/ngx_http_llmbroker_sigv4.h"


#define NGX_HTTP_LLMBROKER_SIGV4_HASH   32
#define NGX_HTTP_LLMBROKER_SIGV4_TIME   (sizeof("20060102T150405Z") - 1)
#define NGX_HTTP_LLMBROKER_SIGV4_DATE   (sizeof("20060102") - 1)

#define NGX_HTTP_LLMBROKER_SIGV4_NAME   "AWS4-HMAC-SHA256"
#define NGX_HTTP_LLMBROKER_SIGV4_END    "aws4_request"


typedef struct {
    ngx_str_t    path;
    ngx_str_t    query;
    ngx_str_t    names;      /* of the headers that are signed */
    ngx_str_t    scope;
    ngx_str_t    time;
    ngx_str_t    date;       /* within time */
    u_char       payload[NGX_HTTP_LLMBROKER_SIGV4_HASH * 2];    /* hex */
    u_char       signature[NGX_HTTP_LLMBROKER_SIGV4_HASH * 2];  /* hex */
} ngx_http_llmbroker_sigv4_ctx_t;


static ngx_int_t ngx_http_llmbroker_sigv4_scope(ngx_pool_t *pool,
    ngx_http_llmbroker_sigv4_t *request, time_t now,
    ngx_http_llmbroker_sigv4_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_sigv4_payload(ngx_chain_t *body,
    u_char *hex);
static ngx_int_t ngx_http_llmbroker_sigv4_path(ngx_pool_t *pool,
    u_char *p, u_char *last, ngx_str_t *path);
static ngx_int_t ngx_http_llmbroker_sigv4_query(ngx_pool_t *pool,
    u_char *p, u_char *last, ngx_str_t *query);
static ngx_int_t ngx_http_llmbroker_sigv4_param(ngx_pool_t *pool,
    u_char *p, u_char *last, ngx_keyval_t *param);
static int ngx_libc_cdecl ngx_http_llmbroker_sigv4_cmp(const void *one,
    const void *two);
static u_char *ngx_http_llmbroker_sigv4_escape(u_char *dst, u_char *p,
    u_char *last, ngx_uint_t escaped);
static ngx_int_t ngx_http_llmbroker_sigv4_request(ngx_pool_t *pool,
    ngx_http_llmbroker_sigv4_t *request, ngx_http_llmbroker_sigv4_ctx_t *ctx,
    ngx_str_t *text);
static ngx_int_t ngx_http_llmbroker_sigv4_sign(ngx_pool_t *pool,
    ngx_http_llmbroker_sigv4_t *request, ngx_http_llmbroker_sigv4_ctx_t *ctx,
    ngx_str_t *text);
static ngx_int_t ngx_http_llmbroker_sigv4_key(ngx_pool_t *pool,
    ngx_http_llmbroker_sigv4_t *request, ngx_str_t *date, u_char *key);
static ngx_int_t ngx_http_llmbroker_sigv4_hmac(u_char *key, size_t len,
    ngx_str_t *text, u_char *hash);
static ngx_int_t ngx_http_llmbroker_sigv4_lines(ngx_pool_t *pool,
    ngx_http_llmbroker_sigv4_t *request, ngx_http_llmbroker_sigv4_ctx_t *ctx,
    ngx_str_t *lines);


ngx_int_t
ngx_http_llmbroker_sigv4(ngx_pool_t *pool,
    ngx_http_llmbroker_sigv4_t *request, ngx_chain_t *body, time_t now,
    ngx_str_t *lines)
{
    u_char                          *p, *last, *query;
    ngx_str_t                        text;
    ngx_http_llmbroker_sigv4_ctx_t   ctx;

    p = request->path.data;
    last = p + request->path.len;

    query = ngx_strlchr(p, last, '?');

    if (query == NULL) {
        query = last;
    }

    if (ngx_http_llmbroker_sigv4_scope(pool, request, now, &ctx) != NGX_OK
        || ngx_http_llmbroker_sigv4_payload(body, ctx.payload) != NGX_OK
        || ngx_http_llmbroker_sigv4_path(pool, p, query, &ctx.path) != NGX_OK
        || ngx_http_llmbroker_sigv4_query(pool, query, last, &ctx.query)
           != NGX_OK
        || ngx_http_llmbroker_sigv4_request(pool, request, &ctx, &text)
           != NGX_OK
        || ngx_http_llmbroker_sigv4_sign(pool, request, &ctx, &text) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_sigv4_lines(pool, request, &ctx, lines);
}


/* the time, what the signature is good for, and the headers it covers */

static ngx_int_t
ngx_http_llmbroker_sigv4_scope(ngx_pool_t *pool,
    ngx_http_llmbroker_sigv4_t *request, time_t now,
    ngx_http_llmbroker_sigv4_ctx_t *ctx)
{
    u_char    *p;
    size_t     len;
    ngx_tm_t   tm;

    len = NGX_HTTP_LLMBROKER_SIGV4_TIME
          + NGX_HTTP_LLMBROKER_SIGV4_DATE + request->region.len
          + request->service.len
          + sizeof("///" NGX_HTTP_LLMBROKER_SIGV4_END) - 1
          + sizeof("content-type;host;x-amz-date;x-amz-security-token") - 1;

    p = ngx_pnalloc(pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_gmtime(now, &tm);

    ctx->time.data = p;
    p = ngx_sprintf(p, "%04d%02d%02dT%02d%02d%02dZ",
                    tm.ngx_tm_year, tm.ngx_tm_mon, tm.ngx_tm_mday,
                    tm.ngx_tm_hour, tm.ngx_tm_min, tm.ngx_tm_sec);
    ctx->time.len = p - ctx->time.data;

    ctx->date.data = ctx->time.data;
    ctx->date.len = NGX_HTTP_LLMBROKER_SIGV4_DATE;

    ctx->scope.data = p;
    p = ngx_sprintf(p, "%V/%V/%V/" NGX_HTTP_LLMBROKER_SIGV4_END,
                    &ctx->date, &request->region, &request->service);
    ctx->scope.len = p - ctx->scope.data;

    ctx->names.data = p;
    p = ngx_sprintf(p, "%shost;x-amz-date%s",
                    request->content_type.len ? "content-type;" : "",
                    request->session_token.len ? ";x-amz-security-token" : "");
    ctx->names.len = p - ctx->names.data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_sigv4_payload(ngx_chain_t *body, u_char *hex)
{
    u_char       hash[NGX_HTTP_LLMBROKER_SIGV4_HASH];
    ngx_int_t    rc;
    EVP_MD_CTX  *md;

    md = EVP_MD_CTX_new();
    if (md == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_ERROR;

    if (EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1) {
        goto done;
    }

    for ( /* void */ ; body; body = body->next) {

        if (EVP_DigestUpdate(md, body->buf->pos,
                             body->buf->last - body->buf->pos)
            != 1)
        {
            goto done;
        }
    }

    if (EVP_DigestFinal_ex(md, hash, NULL) == 1) {
        (void) ngx_hex_dump(hex, hash, sizeof(hash));
        rc = NGX_OK;
    }

done:

    EVP_MD_CTX_free(md);

    return rc;
}


/* without empty, "." and ".." segments, each of the others escaped */

static ngx_int_t
ngx_http_llmbroker_sigv4_path(ngx_pool_t *pool, u_char *p, u_char *last,
    ngx_str_t *path)
{
    u_char  *dst, *start, *end;

    start = ngx_pnalloc(pool, (last - p) * 3 + 1);
    if (start == NULL) {
        return NGX_ERROR;
    }

    dst = start;

    for ( /* void */ ; p < last; p = end + 1) {

        end = ngx_strlchr(p, last, '/');
        end = (end != NULL) ? end : last;

        if (end == p || (end - p == 1 && p[0] == '.')) {
            continue;
        }

        if (end - p == 2 && p[0] == '.' && p[1] == '.') {
            while (dst > start && *--dst != '/') { /* void */ }
            continue;
        }

        *dst++ = '/';
        dst = ngx_http_llmbroker_sigv4_escape(dst, p, end, 0);
    }

    if (dst == start || last[-1] == '/') {
        *dst++ = '/';
    }

    path->data = start;
    path->len = dst - start;

    return NGX_OK;
}


/* [p, last): "?a=1&b", or nothing; sorted by name, then by value */

static ngx_int_t
ngx_http_llmbroker_sigv4_query(ngx_pool_t *pool, u_char *p, u_char *last,
    ngx_str_t *query)
{
    u_char        *dst, *end;
    ngx_uint_t     i;
    ngx_array_t    params;
    ngx_keyval_t  *param;

    ngx_str_set(query, "");

    if (p == last) {
        return NGX_OK;
    }

    if (ngx_array_init(&params, pool, 4, sizeof(ngx_keyval_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    /* an escape is three bytes long, and a "=" may be added to each */

    dst = ngx_pnalloc(pool, (last - p) * 4);
    if (dst == NULL) {
        return NGX_ERROR;
    }

    for (p++; p < last; p = end + 1) {

        end = ngx_strlchr(p, last, '&');
        end = (end != NULL) ? end : last;

        if (end == p) {
            continue;
        }

        param = ngx_array_push(&params);
        if (param == NULL) {
            return NGX_ERROR;
        }

        if (ngx_http_llmbroker_sigv4_param(pool, p, end, param) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    param = params.elts;
    ngx_qsort(param, params.nelts, sizeof(ngx_keyval_t),
              ngx_http_llmbroker_sigv4_cmp);

    query->data = dst;

    for (i = 0; i < params.nelts; i++) {
        dst = ngx_sprintf(dst, "%s%V=%V", i ? "&" : "",
                          &param[i].key, &param[i].value);
    }

    query->len = dst - query->data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_sigv4_param(ngx_pool_t *pool, u_char *p, u_char *last,
    ngx_keyval_t *param)
{
    u_char  *dst, *name;

    dst = ngx_pnalloc(pool, (last - p) * 3);
    if (dst == NULL) {
        return NGX_ERROR;
    }

    name = ngx_strlchr(p, last, '=');
    name = (name != NULL) ? name : last;

    param->key.data = dst;
    dst = ngx_http_llmbroker_sigv4_escape(dst, p, name, 1);
    param->key.len = dst - param->key.data;

    param->value.data = dst;

    if (name < last) {
        dst = ngx_http_llmbroker_sigv4_escape(dst, name + 1, last, 1);
    }

    param->value.len = dst - param->value.data;

    return NGX_OK;
}


static int ngx_libc_cdecl
ngx_http_llmbroker_sigv4_cmp(const void *one, const void *two)
{
    ngx_int_t            rc;
    const ngx_keyval_t  *a, *b;

    a = one;
    b = two;

    rc = ngx_memn2cmp(a->key.data, b->key.data, a->key.len, b->key.len);

    if (rc == 0) {
        rc = ngx_memn2cmp(a->value.data, b->value.data, a->value.len,
                          b->value.len);
    }

    return (int) rc;
}


/*
 * What RFC 3986 reserves, and with "escaped" not the "%" of an escape, as a
 * query is sent.
 */

static u_char *
ngx_http_llmbroker_sigv4_escape(u_char *dst, u_char *p, u_char *last,
    ngx_uint_t escaped)
{
    u_char  c;

    static const u_char  hex[] = "0123456789ABCDEF";

    for ( /* void */ ; p < last; p++) {
        c = *p;

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'
            || c == '~' || (c == '%' && escaped))
        {
            *dst++ = c;
            continue;
        }

        *dst++ = '%';
        *dst++ = hex[c >> 4];
        *dst++ = hex[c & 0xf];
    }

    return dst;
}


/* the canonical request */

static ngx_int_t
ngx_http_llmbroker_sigv4_request(ngx_pool_t *pool,
    ngx_http_llmbroker_sigv4_t *request, ngx_http_llmbroker_sigv4_ctx_t *ctx,
    ngx_str_t *text)
{
    u_char  *p;
    size_t   len;

    len = sizeof("\n\n\n" "content-type:\n" "host:\n" "x-amz-date:\n"
                 "x-amz-security-token:\n" "\n\n") - 1
          + request->method.len + ctx->path.len + ctx->query.len
          + request->content_type.len + request->host.len + ctx->time.len
          + request->session_token.len + ctx->names.len
          + sizeof(ctx->payload);

    p = ngx_pnalloc(pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text->data = p;

    p = ngx_sprintf(p, "%V\n%V\n%V\n", &request->method, &ctx->path,
                    &ctx->query);

    if (request->content_type.len) {
        p = ngx_sprintf(p, "content-type:%V\n", &request->content_type);
    }

    p = ngx_sprintf(p, "host:%V\nx-amz-date:%V\n", &request->host, &ctx->time);

    if (request->session_token.len) {
        p = ngx_sprintf(p, "x-amz-security-token:%V\n",
                        &request->session_token);
    }

    p = ngx_sprintf(p, "\n%V\n", &ctx->names);
    p = ngx_cpymem(p, ctx->payload, sizeof(ctx->payload));

    text->len = p - text->data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_sigv4_sign(ngx_pool_t *pool,
    ngx_http_llmbroker_sigv4_t *request, ngx_http_llmbroker_sigv4_ctx_t *ctx,
    ngx_str_t *text)
{
    u_char      hash[NGX_HTTP_LLMBROKER_SIGV4_HASH];
    u_char      key[NGX_HTTP_LLMBROKER_SIGV4_HASH];
    u_char     *p;
    ngx_int_t   rc;
    ngx_str_t   signed_text;

    if (EVP_Digest(text->data, text->len, hash, NULL, EVP_sha256(), NULL)
        != 1)
    {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(pool, sizeof(NGX_HTTP_LLMBROKER_SIGV4_NAME "\n\n\n") - 1
                          + ctx->time.len + ctx->scope.len + sizeof(hash) * 2);
    if (p == NULL) {
        return NGX_ERROR;
    }

    signed_text.data = p;
    p = ngx_sprintf(p, NGX_HTTP_LLMBROKER_SIGV4_NAME "\n%V\n%V\n",
                    &ctx->time, &ctx->scope);
    p = ngx_hex_dump(p, hash, sizeof(hash));
    signed_text.len = p - signed_text.data;

    rc = ngx_http_llmbroker_sigv4_key(pool, request, &ctx->date, key);

    if (rc == NGX_OK) {
        rc = ngx_http_llmbroker_sigv4_hmac(key, sizeof(key), &signed_text,
                                           hash);
    }

    OPENSSL_cleanse(key, sizeof(key));

    (void) ngx_hex_dump(ctx->signature, hash, sizeof(hash));

    return rc;
}


/* the key of a day, a region and a service */

static ngx_int_t
ngx_http_llmbroker_sigv4_key(ngx_pool_t *pool,
    ngx_http_llmbroker_sigv4_t *request, ngx_str_t *date, u_char *key)
{
    u_char     *p;
    size_t      size;
    ngx_int_t   rc;
    ngx_str_t   secret, end;

    size = NGX_HTTP_LLMBROKER_SIGV4_HASH;

    secret.len = sizeof("AWS4") - 1 + request->secret_access_key.len;
    secret.data = ngx_pnalloc(pool, secret.len);
    if (secret.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(secret.data, "AWS4", sizeof("AWS4") - 1);
    ngx_memcpy(p, request->secret_access_key.data,
               request->secret_access_key.len);

    ngx_str_set(&end, NGX_HTTP_LLMBROKER_SIGV4_END);

    rc = ngx_http_llmbroker_sigv4_hmac(secret.data, secret.len, date, key);

    OPENSSL_cleanse(secret.data, secret.len);

    if (rc != NGX_OK
        || ngx_http_llmbroker_sigv4_hmac(key, size, &request->region, key)
           != NGX_OK
        || ngx_http_llmbroker_sigv4_hmac(key, size, &request->service, key)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_sigv4_hmac(key, size, &end, key);
}


static ngx_int_t
ngx_http_llmbroker_sigv4_hmac(u_char *key, size_t len, ngx_str_t *text,
    u_char *hash)
{
    u_char  buf[EVP_MAX_MD_SIZE];

    if (HMAC(EVP_sha256(), key, (int) len, text->data, text->len, buf, NULL)
        == NULL)
    {
        return NGX_ERROR;
    }

    ngx_memcpy(hash, buf, NGX_HTTP_LLMBROKER_SIGV4_HASH);
    OPENSSL_cleanse(buf, NGX_HTTP_LLMBROKER_SIGV4_HASH);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_sigv4_lines(ngx_pool_t *pool,
    ngx_http_llmbroker_sigv4_t *request, ngx_http_llmbroker_sigv4_ctx_t *ctx,
    ngx_str_t *lines)
{
    u_char  *p;
    size_t   len;

    len = sizeof("X-Amz-Date: " CRLF
                 "X-Amz-Security-Token: " CRLF
                 "Authorization: " NGX_HTTP_LLMBROKER_SIGV4_NAME
                 " Credential=/, SignedHeaders=, Signature=" CRLF) - 1
          + ctx->time.len + request->session_token.len
          + request->access_key_id.len + ctx->scope.len + ctx->names.len
          + sizeof(ctx->signature);

    p = ngx_pnalloc(pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    lines->data = p;

    p = ngx_sprintf(p, "X-Amz-Date: %V" CRLF, &ctx->time);

    if (request->session_token.len) {
        p = ngx_sprintf(p, "X-Amz-Security-Token: %V" CRLF,
                        &request->session_token);
    }

    p = ngx_sprintf(p, "Authorization: " NGX_HTTP_LLMBROKER_SIGV4_NAME
                    " Credential=%V/%V, SignedHeaders=%V, Signature=",
                    &request->access_key_id, &ctx->scope, &ctx->names);
    p = ngx_cpymem(p, ctx->signature, sizeof(ctx->signature));
    *p++ = CR; *p++ = LF;

    lines->len = p - lines->data;

    return NGX_OK;
}
