
/*
 * Copyright (C) LLMBroker contributors
 *
 * Keys of clients: each is found among thousands and nothing else is, whatever
 * its bytes; no bucket is long; a table knows nothing of another's hashes.
 */


#include "unit.h"
#include "config/ngx_http_llmbroker_clients.h"


#define TEST_KEYS  10000


static ngx_pool_t  *pool;


static ngx_str_t
numbered(ngx_uint_t i)
{
    ngx_str_t      key;
    static u_char  text[64];

    key.data = text;
    key.len = ngx_sprintf(text, "sk-client-%08ui", i) - text;

    return key;
}


static ngx_uint_t
find(ngx_http_llmbroker_clients_t *clients, const char *p, size_t len)
{
    ngx_str_t  key;

    key.data = (u_char *) p;
    key.len = len;

    return ngx_http_llmbroker_clients_find(clients, &key);
}


static void
test_many(void)
{
    ngx_str_t                      key;
    ngx_uint_t                     i, n, found, wrong, longest;
    ngx_http_llmbroker_client_t   *client;
    ngx_http_llmbroker_clients_t  *clients;

    clients = ngx_http_llmbroker_clients_create(pool, TEST_KEYS);

    for (i = 0; i < TEST_KEYS; i++) {
        key = numbered(i);

        if (ngx_http_llmbroker_clients_add(clients, pool, &key) != NGX_OK) {
            break;
        }
    }

    is(clients->n, TEST_KEYS, "10,000 keys are added");

    for (i = 0, found = 0, wrong = 0; i < TEST_KEYS; i++) {
        key = numbered(i);
        found += ngx_http_llmbroker_clients_find(clients, &key);

        key = numbered(i + TEST_KEYS);
        wrong += ngx_http_llmbroker_clients_find(clients, &key);
    }

    is(found, TEST_KEYS, "all of them are found");
    is(wrong, 0, "others are not");

    for (i = 0, longest = 0; i <= clients->mask; i++) {

        client = clients->buckets[i];

        for (n = 0; client; client = client->next) {
            n++;
        }

        longest = ngx_max(longest, n);
    }

    ok(longest < 20, "the longest bucket has %u", (unsigned) longest);
}


static void
test_bytes(void)
{
    ngx_str_t                      key;
    ngx_http_llmbroker_clients_t  *clients;

    clients = ngx_http_llmbroker_clients_create(pool, 0);

    is(find(clients, "a", 1), 0, "no key is known");

    ngx_str_set(&key, "a\0b");
    ngx_http_llmbroker_clients_add(clients, pool, &key);

    ngx_str_set(&key, "again");
    ngx_http_llmbroker_clients_add(clients, pool, &key);
    ngx_http_llmbroker_clients_add(clients, pool, &key);

    is(find(clients, "a\0b", 3), 1, "a key with a NUL");
    is(find(clients, "a", 1), 0, "not what is before it");
    is(find(clients, "a\0c", 3), 0, "nor with something else behind it");
    is(find(clients, "again", 5), 1, "a key that was added twice");
    is(find(clients, "agai", 4), 0, "not a prefix");
    is(find(clients, "again ", 6), 0, "nor more than it");
    is(find(clients, "", 0), 0, "nor nothing");
}


static void
test_salt(void)
{
    ngx_str_t                      key;
    ngx_http_llmbroker_clients_t  *one, *two;

    one = ngx_http_llmbroker_clients_create(pool, 1);
    two = ngx_http_llmbroker_clients_create(pool, 1);

    ok(ngx_memcmp(one->salt, two->salt, sizeof(one->salt)) != 0,
       "each table has its salt");

    ngx_str_set(&key, "key");
    ngx_http_llmbroker_clients_add(one, pool, &key);

    is(ngx_http_llmbroker_clients_find(one, &key), 1, "a key of one table");
    is(ngx_http_llmbroker_clients_find(two, &key), 0, "is not another's");

    ngx_memcpy(one->salt, two->salt, sizeof(one->salt));

    is(ngx_http_llmbroker_clients_find(one, &key), 0,
       "it is not found without its salt");
}


int
main(void)
{
    pool = ngx_create_pool(4096, NULL);

    test_many();
    test_bytes();
    test_salt();

    ngx_destroy_pool(pool);

    return done_testing();
}
