
/*
 * Copyright (C) LLMBroker contributors
 *
 * The few calls of nginx's core that the codecs and the dialects use, so that
 * unit tests and fuzzers need no nginx objects.  Every pool allocation is a
 * malloc() of its own: AddressSanitizer then sees each overrun and each use
 * after the pool is gone.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_md5.h>

#include <openssl/evp.h>

#include "ngx_shim.h"


typedef struct {
    ngx_uint_t   zero;
    ngx_uint_t   sign;
    ngx_uint_t   hex;
    ngx_uint_t   width;
    ngx_uint_t   fraction;
    size_t       len;
} ngx_shim_format_t;


static void *ngx_shim_malloc(size_t size);
static u_char *ngx_shim_copy(u_char *p, u_char *last, u_char *src, size_t len);
static u_char *ngx_shim_number(u_char *p, u_char *last, uint64_t n,
    ngx_shim_format_t *f);
static u_char *ngx_shim_hex(u_char *p, u_char *last, u_char *src, size_t len,
    ngx_uint_t hex);
static u_char *ngx_shim_double(u_char *p, u_char *last, double d,
    ngx_shim_format_t *f);
static const char *ngx_shim_parse_format(const char *fmt,
    ngx_shim_format_t *f, va_list *args);


static ngx_cycle_t  ngx_shim_cycle;
static ngx_time_t   ngx_shim_time = { 1700000000, 0, 0 };
static ngx_str_t    ngx_shim_http_time =
                                   ngx_string("Tue, 14 Nov 2023 22:13:20 GMT");

volatile ngx_cycle_t     *ngx_cycle = &ngx_shim_cycle;
volatile ngx_time_t      *ngx_cached_time = &ngx_shim_time;
volatile ngx_str_t        ngx_cached_http_time;
volatile ngx_msec_t       ngx_current_msec = 1000;
ngx_uint_t                ngx_pagesize = 4096;
ngx_uint_t                ngx_pagesize_shift = 12;
ngx_uint_t                ngx_cacheline_size = 64;
ngx_pid_t                 ngx_pid = 1;
ngx_int_t                 ngx_ncpu = 1;
ngx_int_t                 ngx_process_slot;
uint32_t                  ngx_crc32_table256[256];

ngx_log_t                 ngx_shim_log = { .log_level = NGX_LOG_ERR };
ngx_int_t                 ngx_shim_allocs_left = -1;
ngx_uint_t                ngx_shim_allocs;
size_t                    ngx_shim_bytes;
ngx_uint_t                ngx_shim_logged;


__attribute__((constructor)) static void
ngx_shim_init(void)
{
    uint32_t    c;
    ngx_uint_t  i, bit;

    for (i = 0; i < 256; i++) {
        c = i;

        for (bit = 0; bit < 8; bit++) {
            c = (c & 1) ? (c >> 1) ^ 0xedb88320 : c >> 1;
        }

        ngx_crc32_table256[i] = c;
    }

    ngx_shim_cycle.log = &ngx_shim_log;
    ngx_cached_http_time.len = ngx_shim_http_time.len;
    ngx_cached_http_time.data = ngx_shim_http_time.data;
}


static void *
ngx_shim_malloc(size_t size)
{
    if (ngx_shim_allocs_left == 0) {
        return NULL;
    }

    if (ngx_shim_allocs_left > 0) {
        ngx_shim_allocs_left--;
    }

    ngx_shim_allocs++;
    ngx_shim_bytes += size;

    return malloc(size);
}


/* memory */

void *
ngx_alloc(size_t size, ngx_log_t *log)
{
    (void) log;

    return ngx_shim_malloc(size);
}


void *
ngx_calloc(size_t size, ngx_log_t *log)
{
    void  *p;

    p = ngx_alloc(size, log);

    if (p != NULL) {
        ngx_memzero(p, size);
    }

    return p;
}


ngx_pool_t *
ngx_create_pool(size_t size, ngx_log_t *log)
{
    ngx_pool_t  *pool;

    (void) size;

    pool = calloc(1, sizeof(ngx_pool_t));
    if (pool == NULL) {
        return NULL;
    }

    pool->current = pool;
    pool->max = NGX_MAX_ALLOC_FROM_POOL;
    pool->log = log != NULL ? log : &ngx_shim_log;

    return pool;
}


void
ngx_reset_pool(ngx_pool_t *pool)
{
    ngx_pool_large_t  *l, *next;

    for (l = pool->large; l != NULL; l = next) {
        next = l->next;
        free(l->alloc);
        free(l);
    }

    pool->large = NULL;
    pool->chain = NULL;
}


void
ngx_destroy_pool(ngx_pool_t *pool)
{
    ngx_pool_cleanup_t  *c;

    for (c = pool->cleanup; c != NULL; c = c->next) {
        if (c->handler != NULL) {
            c->handler(c->data);
        }
    }

    ngx_reset_pool(pool);
    free(pool);
}


void *
ngx_palloc(ngx_pool_t *pool, size_t size)
{
    void              *p;
    ngx_pool_large_t  *l;

    p = ngx_shim_malloc(size);
    if (p == NULL) {
        return NULL;
    }

    l = malloc(sizeof(ngx_pool_large_t));
    if (l == NULL) {
        free(p);
        return NULL;
    }

    l->alloc = p;
    l->next = pool->large;
    pool->large = l;

    return p;
}


void *
ngx_pnalloc(ngx_pool_t *pool, size_t size)
{
    return ngx_palloc(pool, size);
}


void *
ngx_pcalloc(ngx_pool_t *pool, size_t size)
{
    void  *p;

    p = ngx_palloc(pool, size);

    if (p != NULL) {
        ngx_memzero(p, size);
    }

    return p;
}


void *
ngx_pmemalign(ngx_pool_t *pool, size_t size, size_t alignment)
{
    void              *p;
    ngx_pool_large_t  *l;

    if (ngx_shim_allocs_left == 0
        || posix_memalign(&p, alignment, size) != 0)
    {
        return NULL;
    }

    l = malloc(sizeof(ngx_pool_large_t));
    if (l == NULL) {
        free(p);
        return NULL;
    }

    ngx_shim_allocs++;
    ngx_shim_bytes += size;

    l->alloc = p;
    l->next = pool->large;
    pool->large = l;

    return p;
}


ngx_int_t
ngx_pfree(ngx_pool_t *pool, void *p)
{
    ngx_pool_large_t  *l, **ll;

    for (ll = &pool->large; *ll != NULL; ll = &(*ll)->next) {
        l = *ll;

        if (l->alloc == p) {
            *ll = l->next;
            free(l->alloc);
            free(l);
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


ngx_pool_cleanup_t *
ngx_pool_cleanup_add(ngx_pool_t *p, size_t size)
{
    ngx_pool_cleanup_t  *c;

    c = ngx_pcalloc(p, sizeof(ngx_pool_cleanup_t));
    if (c == NULL) {
        return NULL;
    }

    if (size != 0) {
        c->data = ngx_pcalloc(p, size);
        if (c->data == NULL) {
            return NULL;
        }
    }

    c->next = p->cleanup;
    p->cleanup = c;

    return c;
}


/* shared memory: a region that is only ever taken from */

void *
ngx_slab_alloc(ngx_slab_pool_t *pool, size_t size)
{
    u_char  *p;
    size_t   align;

    /* nginx gives whole pages, or a power of two */

    align = size > ngx_pagesize / 2 ? ngx_pagesize : 64;
    size = ngx_align(size, align);
    p = ngx_align_ptr(pool->start, align);

    if (p > pool->end || size > (size_t) (pool->end - p)) {
        return NULL;
    }

    pool->start = p + size;

    return p;
}


void *
ngx_slab_calloc(ngx_slab_pool_t *pool, size_t size)
{
    void  *p;

    p = ngx_slab_alloc(pool, size);

    if (p != NULL) {
        ngx_memzero(p, size);
    }

    return p;
}


/* a tree without a balance */

void
ngx_rbtree_insert_value(ngx_rbtree_node_t *temp, ngx_rbtree_node_t *node,
    ngx_rbtree_node_t *sentinel)
{
    ngx_rbtree_node_t  **p;

    for ( ;; ) {
        p = (node->key < temp->key) ? &temp->left : &temp->right;

        if (*p == sentinel) {
            break;
        }

        temp = *p;
    }

    *p = node;
    node->parent = temp;
    node->left = sentinel;
    node->right = sentinel;
}


void
ngx_rbtree_insert(ngx_rbtree_t *tree, ngx_rbtree_node_t *node)
{
    if (tree->root == tree->sentinel) {
        node->parent = NULL;
        node->left = tree->sentinel;
        node->right = tree->sentinel;
        tree->root = node;
        return;
    }

    tree->insert(tree->root, node, tree->sentinel);
}


/* OpenSSL's MD5, whose context is kept where nginx has a part of the text */

void
ngx_md5_init(ngx_md5_t *ctx)
{
    EVP_MD_CTX  *md;

    md = EVP_MD_CTX_new();
    (void) EVP_DigestInit_ex(md, EVP_md5(), NULL);

    ngx_memcpy(ctx->buffer, &md, sizeof(EVP_MD_CTX *));
}


void
ngx_md5_update(ngx_md5_t *ctx, const void *data, size_t size)
{
    EVP_MD_CTX  *md;

    ngx_memcpy(&md, ctx->buffer, sizeof(EVP_MD_CTX *));
    (void) EVP_DigestUpdate(md, data, size);
}


void
ngx_md5_final(u_char result[16], ngx_md5_t *ctx)
{
    EVP_MD_CTX  *md;

    ngx_memcpy(&md, ctx->buffer, sizeof(EVP_MD_CTX *));
    (void) EVP_DigestFinal_ex(md, result, NULL);
    EVP_MD_CTX_free(md);
}


/* arrays and lists */

ngx_array_t *
ngx_array_create(ngx_pool_t *p, ngx_uint_t n, size_t size)
{
    ngx_array_t  *a;

    a = ngx_palloc(p, sizeof(ngx_array_t));
    if (a == NULL || ngx_array_init(a, p, n, size) != NGX_OK) {
        return NULL;
    }

    return a;
}


void
ngx_array_destroy(ngx_array_t *a)
{
    (void) ngx_pfree(a->pool, a->elts);
    (void) ngx_pfree(a->pool, a);
}


void *
ngx_array_push_n(ngx_array_t *a, ngx_uint_t n)
{
    void        *p;
    ngx_uint_t   nalloc;

    if (a->nelts + n > a->nalloc) {
        nalloc = 2 * (n >= a->nalloc ? n : a->nalloc);

        p = ngx_palloc(a->pool, nalloc * a->size);
        if (p == NULL) {
            return NULL;
        }

        if (a->nelts != 0) {
            ngx_memcpy(p, a->elts, a->nelts * a->size);
        }

        a->elts = p;
        a->nalloc = nalloc;
    }

    p = (u_char *) a->elts + a->size * a->nelts;
    a->nelts += n;

    return p;
}


void *
ngx_array_push(ngx_array_t *a)
{
    return ngx_array_push_n(a, 1);
}


ngx_list_t *
ngx_list_create(ngx_pool_t *pool, ngx_uint_t n, size_t size)
{
    ngx_list_t  *list;

    list = ngx_palloc(pool, sizeof(ngx_list_t));
    if (list == NULL || ngx_list_init(list, pool, n, size) != NGX_OK) {
        return NULL;
    }

    return list;
}


void *
ngx_list_push(ngx_list_t *l)
{
    ngx_list_part_t  *part;

    part = l->last;

    if (part->nelts == l->nalloc) {
        part = ngx_pcalloc(l->pool, sizeof(ngx_list_part_t));
        if (part == NULL) {
            return NULL;
        }

        part->elts = ngx_palloc(l->pool, l->nalloc * l->size);
        if (part->elts == NULL) {
            return NULL;
        }

        l->last->next = part;
        l->last = part;
    }

    return (u_char *) part->elts + l->size * part->nelts++;
}


/* buffers and chains */

ngx_buf_t *
ngx_create_temp_buf(ngx_pool_t *pool, size_t size)
{
    ngx_buf_t  *b;

    b = ngx_calloc_buf(pool);
    if (b == NULL) {
        return NULL;
    }

    b->start = ngx_palloc(pool, size);
    if (b->start == NULL) {
        return NULL;
    }

    b->pos = b->start;
    b->last = b->start;
    b->end = b->start + size;
    b->temporary = 1;

    return b;
}


ngx_chain_t *
ngx_alloc_chain_link(ngx_pool_t *pool)
{
    ngx_chain_t  *cl;

    cl = pool->chain;

    if (cl != NULL) {
        pool->chain = cl->next;
        return cl;
    }

    return ngx_palloc(pool, sizeof(ngx_chain_t));
}


ngx_chain_t *
ngx_chain_get_free_buf(ngx_pool_t *p, ngx_chain_t **free)
{
    ngx_chain_t  *cl;

    cl = *free;

    if (cl != NULL) {
        *free = cl->next;
        cl->next = NULL;
        return cl;
    }

    cl = ngx_alloc_chain_link(p);
    if (cl == NULL) {
        return NULL;
    }

    cl->buf = ngx_calloc_buf(p);
    if (cl->buf == NULL) {
        return NULL;
    }

    cl->next = NULL;

    return cl;
}


ngx_int_t
ngx_chain_add_copy(ngx_pool_t *pool, ngx_chain_t **chain, ngx_chain_t *in)
{
    ngx_chain_t  *cl, **ll;

    for (ll = chain; *ll != NULL; ll = &(*ll)->next) { /* void */ }

    for ( /* void */ ; in != NULL; in = in->next) {
        cl = ngx_alloc_chain_link(pool);
        if (cl == NULL) {
            *ll = NULL;
            return NGX_ERROR;
        }

        cl->buf = in->buf;
        *ll = cl;
        ll = &cl->next;
    }

    *ll = NULL;

    return NGX_OK;
}


void
ngx_chain_update_chains(ngx_pool_t *p, ngx_chain_t **free, ngx_chain_t **busy,
    ngx_chain_t **out, ngx_buf_tag_t tag)
{
    ngx_chain_t  *cl, **ll;

    for (ll = busy; *ll != NULL; ll = &(*ll)->next) { /* void */ }

    *ll = *out;
    *out = NULL;

    while (*busy != NULL) {
        cl = *busy;

        if (cl->buf->tag != tag) {
            *busy = cl->next;
            ngx_free_chain(p, cl);
            continue;
        }

        if (ngx_buf_size(cl->buf) != 0) {
            break;
        }

        cl->buf->pos = cl->buf->start;
        cl->buf->last = cl->buf->start;

        *busy = cl->next;
        cl->next = *free;
        *free = cl;
    }
}


/* strings */

void
ngx_strlow(u_char *dst, u_char *src, size_t n)
{
    while (n-- != 0) {
        *dst++ = ngx_tolower(*src);
        src++;
    }
}


size_t
ngx_strnlen(u_char *p, size_t n)
{
    return strnlen((char *) p, n);
}


u_char *
ngx_cpystrn(u_char *dst, u_char *src, size_t n)
{
    if (n == 0) {
        return dst;
    }

    while (--n != 0) {
        *dst = *src;

        if (*dst == '\0') {
            return dst;
        }

        dst++;
        src++;
    }

    *dst = '\0';

    return dst;
}


u_char *
ngx_pstrdup(ngx_pool_t *pool, ngx_str_t *src)
{
    u_char  *dst;

    dst = ngx_pnalloc(pool, src->len);

    if (dst != NULL && src->len != 0) {
        ngx_memcpy(dst, src->data, src->len);
    }

    return dst;
}


ngx_int_t
ngx_strcasecmp(u_char *s1, u_char *s2)
{
    return strcasecmp((char *) s1, (char *) s2);
}


ngx_int_t
ngx_strncasecmp(u_char *s1, u_char *s2, size_t n)
{
    return strncasecmp((char *) s1, (char *) s2, n);
}


u_char *
ngx_strnstr(u_char *s1, char *s2, size_t len)
{
    len = strnlen((char *) s1, len);

    return memmem(s1, len, s2, strlen(s2));
}


u_char *
ngx_strlcasestrn(u_char *s1, u_char *last, u_char *s2, size_t n)
{
    /* as in nginx, n is the length of s2 less one */

    for ( /* void */ ; s1 + n < last; s1++) {
        if (ngx_strncasecmp(s1, s2, n + 1) == 0) {
            return s1;
        }
    }

    return NULL;
}


u_char *
ngx_strcasestrn(u_char *s1, char *s2, size_t n)
{
    return ngx_strlcasestrn(s1, s1 + ngx_strlen(s1), (u_char *) s2, n);
}


void
ngx_explicit_memzero(void *buf, size_t n)
{
    ngx_memzero(buf, n);
    ngx_memory_barrier();
}


u_char *
ngx_strerror(ngx_err_t err, u_char *errstr, size_t size)
{
    return ngx_cpystrn(errstr, (u_char *) strerror(err), size);
}


/* of nginx's units those of a day and less, each after a larger one */

ngx_int_t
ngx_parse_time(ngx_str_t *line, ngx_uint_t is_sec)
{
    u_char      *p, *last, *start;
    size_t       len;
    ngx_int_t    n, total;
    ngx_uint_t   i, next;

    static const struct {
        const char  *name;
        ngx_int_t    msec;
    } units[] = {
        { "d", 86400000 },
        { "h", 3600000 },
        { "m", 60000 },
        { "s", 1000 },
        { "ms", 1 },
        { "", 1000 }
    };

    p = line->data;
    last = p + line->len;
    total = 0;
    next = 0;

    do {
        for (start = p; p < last && *p >= '0' && *p <= '9'; p++) {
            /* void */
        }

        n = ngx_atoi(start, p - start);

        for (len = 0; p + len < last && p[len] >= 'a'; len++) { /* void */ }

        for (i = next; i < 6; i++) {
            if (ngx_strlen(units[i].name) == len
                && ngx_memcmp(p, units[i].name, len) == 0)
            {
                break;
            }
        }

        if (n == NGX_ERROR || i == 6 || n > 1000000000) {
            return NGX_ERROR;
        }

        p += len;
        total += n * units[i].msec;
        next = i + 1;

    } while (p < last && next < 6);

    if (p != last) {
        return NGX_ERROR;
    }

    return is_sec ? total / 1000 : total;
}


ngx_int_t
ngx_memn2cmp(u_char *s1, u_char *s2, size_t n1, size_t n2)
{
    int  rc;

    rc = memcmp(s1, s2, ngx_min(n1, n2));

    if (rc != 0 || n1 == n2) {
        return rc;
    }

    return n1 < n2 ? -1 : 1;
}


off_t
ngx_atoof(u_char *line, size_t n)
{
    off_t  value;

    if (n == 0) {
        return NGX_ERROR;
    }

    for (value = 0; n-- != 0; line++) {
        if (*line < '0' || *line > '9'
            || value > (NGX_MAX_OFF_T_VALUE - (*line - '0')) / 10)
        {
            return NGX_ERROR;
        }

        value = value * 10 + (*line - '0');
    }

    return value;
}


ngx_int_t
ngx_atoi(u_char *line, size_t n)
{
    return ngx_atoof(line, n);
}


ssize_t
ngx_atosz(u_char *line, size_t n)
{
    return ngx_atoof(line, n);
}


time_t
ngx_atotm(u_char *line, size_t n)
{
    return ngx_atoof(line, n);
}


ngx_int_t
ngx_atofp(u_char *line, size_t n, size_t point)
{
    ngx_int_t   value;
    ngx_uint_t  dot;

    if (n == 0) {
        return NGX_ERROR;
    }

    dot = 0;

    for (value = 0; n-- != 0; line++) {
        if (*line == '.' && !dot) {
            dot = 1;
            continue;
        }

        if (*line < '0' || *line > '9' || (dot && point-- == 0)
            || value > (NGX_MAX_INT_T_VALUE - (*line - '0')) / 10)
        {
            return NGX_ERROR;
        }

        value = value * 10 + (*line - '0');
    }

    while (point-- != 0) {
        if (value > NGX_MAX_INT_T_VALUE / 10) {
            return NGX_ERROR;
        }

        value *= 10;
    }

    return value;
}


ngx_int_t
ngx_hextoi(u_char *line, size_t n)
{
    u_char     ch;
    ngx_int_t  value;

    if (n == 0 || n > 2 * sizeof(ngx_int_t) - 1) {
        return NGX_ERROR;
    }

    for (value = 0; n-- != 0; line++) {
        ch = (u_char) (*line | 0x20);

        if (*line >= '0' && *line <= '9') {
            value = value * 16 + (*line - '0');

        } else if (ch >= 'a' && ch <= 'f') {
            value = value * 16 + (ch - 'a' + 10);

        } else {
            return NGX_ERROR;
        }
    }

    return value;
}


/* the three forms of RFC 9110, 5.6.7 */

time_t
ngx_parse_http_time(u_char *value, size_t len)
{
    char        *last;
    char         text[64];
    struct tm    tm;
    ngx_uint_t   i;

    static const char  *forms[] = {
        "%a, %d %b %Y %H:%M:%S GMT",
        "%A, %d-%b-%y %H:%M:%S GMT",
        "%a %b %e %H:%M:%S %Y"
    };

    if (len >= sizeof(text)) {
        return NGX_ERROR;
    }

    memcpy(text, value, len);
    text[len] = '\0';

    for (i = 0; i < 3; i++) {
        memset(&tm, 0, sizeof(tm));

        last = strptime(text, forms[i], &tm);

        if (last && *last == '\0') {
            return timegm(&tm);
        }
    }

    return NGX_ERROR;
}


void
ngx_gmtime(time_t t, ngx_tm_t *tp)
{
    (void) gmtime_r(&t, tp);

    tp->ngx_tm_mon++;
    tp->ngx_tm_year += 1900;
}


u_char *
ngx_hex_dump(u_char *dst, u_char *src, size_t len)
{
    return ngx_shim_hex(dst, dst + 2 * len, src, len, 1);
}


/* formatted output */

void
ngx_encode_base64(ngx_str_t *dst, ngx_str_t *src)
{
    u_char  *p;

    /* OpenSSL ends it with a null byte */

    p = malloc(ngx_base64_encoded_length(src->len) + 1);
    if (p == NULL) {
        abort();
    }

    dst->len = EVP_EncodeBlock(p, src->data, src->len);
    memcpy(dst->data, p, dst->len);

    free(p);
}


ngx_int_t
ngx_decode_base64(ngx_str_t *dst, ngx_str_t *src)
{
    size_t       i, len;
    uint32_t     bits;
    const char  *digit;

    static const char  digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz0123456789+/";

    for (len = 0; len < src->len && src->data[len] != '='; len++) { /* void */ }

    if (len % 4 == 1) {
        return NGX_ERROR;
    }

    dst->len = 0;
    bits = 0;

    for (i = 0; i < len; i++) {
        digit = src->data[i] ? strchr(digits, src->data[i]) : NULL;

        if (digit == NULL) {
            return NGX_ERROR;
        }

        bits = bits << 6 | (digit - digits);

        if (i % 4) {
            dst->data[dst->len++] = (u_char) (bits >> (6 - i % 4 * 2));
        }
    }

    return NGX_OK;
}


/* of NGX_ESCAPE_URI_COMPONENT only */

uintptr_t
ngx_escape_uri(u_char *dst, u_char *src, size_t size, ngx_uint_t type)
{
    size_t     i;
    uintptr_t  n;

    n = 0;

    for (i = 0; i < size; i++) {

        if (isalnum(src[i]) || (src[i] && strchr("-._~", src[i]))) {
            if (dst) {
                *dst++ = src[i];
            }

            continue;
        }

        n++;

        if (dst) {
            dst += sprintf((char *) dst, "%%%02X", src[i]);
        }
    }

    return dst ? (uintptr_t) dst : n;
}


u_char *
ngx_sprintf(u_char *buf, const char *fmt, ...)
{
    u_char   *p;
    va_list   args;

    va_start(args, fmt);
    p = ngx_vslprintf(buf, (u_char *) -1, fmt, args);
    va_end(args);

    return p;
}


u_char *
ngx_snprintf(u_char *buf, size_t max, const char *fmt, ...)
{
    u_char   *p;
    va_list   args;

    va_start(args, fmt);
    p = ngx_vslprintf(buf, buf + max, fmt, args);
    va_end(args);

    return p;
}


u_char *
ngx_slprintf(u_char *buf, u_char *last, const char *fmt, ...)
{
    u_char   *p;
    va_list   args;

    va_start(args, fmt);
    p = ngx_vslprintf(buf, last, fmt, args);
    va_end(args);

    return p;
}


u_char *
ngx_vslprintf(u_char *buf, u_char *last, const char *fmt, va_list va)
{
    u_char             *p, ch;
    va_list             args;
    int64_t             n;
    ngx_str_t          *v;
    ngx_shim_format_t   f;

    va_copy(args, va);

    while (*fmt != '\0' && buf < last) {

        if (*fmt != '%') {
            *buf++ = (u_char) *fmt++;
            continue;
        }

        fmt = ngx_shim_parse_format(fmt + 1, &f, &args);

        switch (*fmt++) {

        case 'V':
            v = va_arg(args, ngx_str_t *);
            buf = f.hex ? ngx_shim_hex(buf, last, v->data, v->len, f.hex)
                        : ngx_shim_copy(buf, last, v->data, v->len);
            continue;

        case 's':
            p = va_arg(args, u_char *);

            if (f.len == (size_t) -1) {
                f.len = ngx_strlen(p);
            }

            buf = f.hex ? ngx_shim_hex(buf, last, p, f.len, f.hex)
                        : ngx_shim_copy(buf, last, p, f.len);
            continue;

        case 'c':
            ch = (u_char) va_arg(args, int);
            buf = ngx_shim_copy(buf, last, &ch, 1);
            continue;

        case 'Z':
            *buf++ = '\0';
            continue;

        case 'N':
            *buf++ = LF;
            continue;

        case '%':
            *buf++ = '%';
            continue;

        case 'f':
            buf = ngx_shim_double(buf, last, va_arg(args, double), &f);
            continue;

        case 'p':
            f.hex = 2;
            f.sign = 0;
            f.zero = 1;
            f.width = 2 * sizeof(void *);
            n = (int64_t) (uintptr_t) va_arg(args, void *);
            break;

        case 'M':
            f.sign = 0;
            n = (int64_t) va_arg(args, ngx_msec_t);
            break;

        case 'D':
            n = f.sign ? (int64_t) va_arg(args, int32_t)
                       : (int64_t) va_arg(args, uint32_t);
            break;

        case 'd':
            n = f.sign ? (int64_t) va_arg(args, int)
                       : (int64_t) va_arg(args, u_int);
            break;

        case 'P':
            f.sign = 1;
            n = va_arg(args, ngx_pid_t);
            break;

        case 'O':
        case 'T':
            f.sign = 1;
            n = va_arg(args, int64_t);
            break;

        case 'z':
        case 'i':
        case 'l':
        case 'L':
        case 'A':
        case 'r':
            n = va_arg(args, int64_t);
            break;

        default:
            *buf++ = (u_char) fmt[-1];
            continue;
        }

        if (f.sign && n < 0) {
            *buf++ = '-';
            n = (int64_t) (0 - (uint64_t) n);
        }

        buf = ngx_shim_number(buf, last, (uint64_t) n, &f);
    }

    va_end(args);

    return buf;
}


static const char *
ngx_shim_parse_format(const char *fmt, ngx_shim_format_t *f, va_list *args)
{
    ngx_memzero(f, sizeof(ngx_shim_format_t));

    f->sign = 1;
    f->len = (size_t) -1;
    f->zero = (*fmt == '0');

    for ( ;; fmt++) {
        switch (*fmt) {

        case 'u':
            f->sign = 0;
            break;

        case 'x':
            f->hex = 1;
            f->sign = 0;
            break;

        case 'X':
            f->hex = 2;
            f->sign = 0;
            break;

        case 'm':
            f->width = NGX_INT_T_LEN;
            break;

        case '*':
            f->len = va_arg(*args, size_t);
            break;

        case '.':
            f->fraction = 0;

            while (fmt[1] >= '0' && fmt[1] <= '9') {
                f->fraction = f->fraction * 10 + (*++fmt - '0');
            }

            break;

        default:
            if (*fmt < '0' || *fmt > '9') {
                return fmt;
            }

            f->width = f->width * 10 + (*fmt - '0');
        }
    }
}


static u_char *
ngx_shim_copy(u_char *p, u_char *last, u_char *src, size_t len)
{
    if (len > (size_t) (last - p)) {
        len = last - p;
    }

    /* an empty ngx_str_t has no data, and memcpy() must not see NULL */

    return len != 0 ? ngx_cpymem(p, src, len) : p;
}


static u_char *
ngx_shim_number(u_char *p, u_char *last, uint64_t n, ngx_shim_format_t *f)
{
    size_t        len;
    u_char       *t, temp[32];
    const char   *digits;
    ngx_uint_t    base;

    base = f->hex ? 16 : 10;
    digits = f->hex == 2 ? "0123456789ABCDEF" : "0123456789abcdef";
    t = temp + sizeof(temp);

    do {
        *--t = (u_char) digits[n % base];
        n /= base;
    } while (n != 0);

    for (len = temp + sizeof(temp) - t; len < f->width && p < last; len++) {
        *p++ = f->zero ? '0' : ' ';
    }

    return ngx_shim_copy(p, last, t, temp + sizeof(temp) - t);
}


static u_char *
ngx_shim_hex(u_char *p, u_char *last, u_char *src, size_t len, ngx_uint_t hex)
{
    const char  *digits;

    digits = hex == 2 ? "0123456789ABCDEF" : "0123456789abcdef";

    while (len-- != 0 && (size_t) (last - p) >= 2) {
        *p++ = (u_char) digits[*src >> 4];
        *p++ = (u_char) digits[*src++ & 0xf];
    }

    return p;
}


static u_char *
ngx_shim_double(u_char *p, u_char *last, double d, ngx_shim_format_t *f)
{
    int   n;
    char  temp[64];

    n = snprintf(temp, sizeof(temp), f->zero ? "%0*.*f" : "%*.*f",
                 (int) f->width, (int) f->fraction, d);

    if (n < 0 || n >= (int) sizeof(temp)) {
        return p;
    }

    return ngx_shim_copy(p, last, (u_char *) temp, n);
}


/* the log */

void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
    u_char   *p, line[NGX_MAX_ERROR_STR];
    va_list   args;

    (void) log;

    ngx_shim_logged++;

    va_start(args, fmt);
    p = ngx_vslprintf(line, line + sizeof(line), fmt, args);
    va_end(args);

    fprintf(stderr, "# [%u] %.*s", (unsigned) level, (int) (p - line),
            (char *) line);

    if (err != 0) {
        fprintf(stderr, " (%d: %s)", err, strerror(err));
    }

    fprintf(stderr, "\n");
}


void
ngx_conf_log_error(ngx_uint_t level, ngx_conf_t *cf, ngx_err_t err,
    const char *fmt, ...)
{
    u_char   *p, line[NGX_MAX_CONF_ERRSTR];
    va_list   args;

    va_start(args, fmt);
    p = ngx_vslprintf(line, line + sizeof(line), fmt, args);
    va_end(args);

    ngx_log_error_core(level, cf->log, err, "%*s", (size_t) (p - line), line);
}
