
/*
 * The keys of clients, of which nothing is kept but hashes.
 */


#ifndef _NGX_HTTP_LLMBROKER_CLIENTS_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_CLIENTS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_HTTP_LLMBROKER_CLIENT_HASH  32
#define NGX_HTTP_LLMBROKER_CLIENT_SALT  16


typedef struct ngx_http_llmbroker_client_s  ngx_http_llmbroker_client_t;

struct ngx_http_llmbroker_client_s {
    u_char                           hash[NGX_HTTP_LLMBROKER_CLIENT_HASH];
    ngx_http_llmbroker_client_t     *next;      /* in its bucket */
};


typedef struct {
    void                            *digest;    /* EVP_MD_CTX */
    u_char                           salt[NGX_HTTP_LLMBROKER_CLIENT_SALT];
    ngx_uint_t                       n;
    ngx_uint_t                       mask;      /* number of buckets - 1 */
    ngx_http_llmbroker_client_t    **buckets;
} ngx_http_llmbroker_clients_t;


/*
 * An empty table for about n keys, which lives as long as pool.
 * Return: NULL on a lack of memory or of randomness.
 */
ngx_http_llmbroker_clients_t *ngx_http_llmbroker_clients_create(
    ngx_pool_t *pool, ngx_uint_t n);

/* Adds a key, which may go afterwards.  Return: NGX_OK, NGX_ERROR. */
ngx_int_t ngx_http_llmbroker_clients_add(
    ngx_http_llmbroker_clients_t *clients, ngx_pool_t *pool, ngx_str_t *key);

/*
 * Whether a key was added.  It takes as long for 10,000 as for one, allocates
 * nothing, and its time tells nothing about any of them.
 */
ngx_uint_t ngx_http_llmbroker_clients_find(
    ngx_http_llmbroker_clients_t *clients, ngx_str_t *key);


#endif /* _NGX_HTTP_LLMBROKER_CLIENTS_H_INCLUDED_ */
