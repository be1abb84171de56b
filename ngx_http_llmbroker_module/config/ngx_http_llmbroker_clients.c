
/*
 * Copyright (C) LLMBroker contributors
 *
 * Which bucket a key is looked for in, and how long that takes, depends on its
 * hash with a salt that nobody knows and that is another in each
 * configuration: whoever tries keys and measures learns nothing of the others.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "config/ngx_http_llmbroker_clients.h"


static void ngx_http_llmbroker_clients_cleanup(void *data);
static ngx_int_t ngx_http_llmbroker_clients_hash(
    ngx_http_llmbroker_clients_t *clients, ngx_str_t *key, u_char *hash);
static ngx_http_llmbroker_client_t **ngx_http_llmbroker_clients_bucket(
    ngx_http_llmbroker_clients_t *clients, u_char *hash);


ngx_http_llmbroker_clients_t *
ngx_http_llmbroker_clients_create(ngx_pool_t *pool, ngx_uint_t n)
{
    ngx_uint_t                     size;
    ngx_pool_cleanup_t            *cln;
    ngx_http_llmbroker_clients_t  *clients;

    clients = ngx_pcalloc(pool, sizeof(ngx_http_llmbroker_clients_t));
    if (clients == NULL) {
        return NULL;
    }

    for (size = 16; size < n; size *= 2) { /* void */ }

    clients->mask = size - 1;

    clients->buckets = ngx_pcalloc(pool,
                                 size * sizeof(ngx_http_llmbroker_client_t *));
    if (clients->buckets == NULL) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    /* finding the algorithm costs more than most hashes: it is found once */

    clients->digest = EVP_MD_CTX_new();
    if (clients->digest == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_llmbroker_clients_cleanup;
    cln->data = clients->digest;

    if (EVP_DigestInit_ex(clients->digest, EVP_sha256(), NULL) != 1
        || RAND_bytes(clients->salt, NGX_HTTP_LLMBROKER_CLIENT_SALT) != 1)
    {
        return NULL;
    }

    return clients;
}


static void
ngx_http_llmbroker_clients_cleanup(void *data)
{
    EVP_MD_CTX_free(data);
}


ngx_int_t
ngx_http_llmbroker_clients_add(ngx_http_llmbroker_clients_t *clients,
    ngx_pool_t *pool, ngx_str_t *key)
{
    ngx_http_llmbroker_client_t  *client, **bucket;

    client = ngx_palloc(pool, sizeof(ngx_http_llmbroker_client_t));
    if (client == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_llmbroker_clients_hash(clients, key, client->hash)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    bucket = ngx_http_llmbroker_clients_bucket(clients, client->hash);

    client->next = *bucket;
    *bucket = client;

    clients->n++;

    return NGX_OK;
}


ngx_uint_t
ngx_http_llmbroker_clients_find(ngx_http_llmbroker_clients_t *clients,
    ngx_str_t *key)
{
    u_char                        hash[NGX_HTTP_LLMBROKER_CLIENT_HASH];
    ngx_uint_t                    found;
    ngx_http_llmbroker_client_t  *client;

    if (ngx_http_llmbroker_clients_hash(clients, key, hash) != NGX_OK) {
        return 0;
    }

    found = 0;
    client = *ngx_http_llmbroker_clients_bucket(clients, hash);

    for ( /* void */ ; client; client = client->next) {
        found |= (CRYPTO_memcmp(client->hash, hash,
                                NGX_HTTP_LLMBROKER_CLIENT_HASH)
                  == 0);
    }

    return found;
}


static ngx_int_t
ngx_http_llmbroker_clients_hash(ngx_http_llmbroker_clients_t *clients,
    ngx_str_t *key, u_char *hash)
{
    EVP_MD_CTX  *digest;

    digest = clients->digest;

    if (EVP_DigestInit_ex(digest, NULL, NULL) != 1
        || EVP_DigestUpdate(digest, clients->salt,
                            NGX_HTTP_LLMBROKER_CLIENT_SALT)
           != 1
        || EVP_DigestUpdate(digest, key->data, key->len) != 1
        || EVP_DigestFinal_ex(digest, hash, NULL) != 1)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_http_llmbroker_client_t **
ngx_http_llmbroker_clients_bucket(ngx_http_llmbroker_clients_t *clients,
    u_char *hash)
{
    uint32_t  n;

    ngx_memcpy(&n, hash, sizeof(uint32_t));

    return &clients->buckets[n & clients->mask];
}
