
/*
 * Copyright (C) LLMBroker contributors
 *
 * The out chain: what is written comes out, foreign memory is never written
 * to, and a stream that recycles its buffers needs no more memory.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "codec/ngx_http_llmbroker_out.h"
#include "unit.h"


#define TEST_SIZE    64
#define TEST_EVENTS  10000


static void test_copy(void);
static void test_refer(void);
static void test_refer_on(void);
static void test_own(void);
static void test_take(void);
static void test_recycle(void);
static void test_recycled_flags(void);
static void test_no_memory(void);

static size_t flat(ngx_chain_t *cl, u_char *p);
static ngx_uint_t sane(ngx_chain_t *cl);


static int          test_tag;
static u_char       foreign[4096];
static const char   letters[] = "abcdefghijklmnopqrstuvwxyz";


int
main(void)
{
    test_copy();
    test_refer();
    test_refer_on();
    test_own();
    test_take();
    test_recycle();
    test_recycled_flags();
    test_no_memory();

    return done_testing();
}


static void
test_copy(void)
{
    u_char                     text[4096], got[4096];
    size_t                     i, n, len;
    uint64_t                   seed;
    ngx_uint_t                 round, failed;
    ngx_pool_t                *pool;
    ngx_http_llmbroker_out_t   out;

    failed = 0;
    seed = 1;

    for (round = 0; round < 300; round++) {

        pool = ngx_create_pool(4096, NULL);
        ngx_http_llmbroker_out_init(&out, pool, NULL, &test_tag, TEST_SIZE);

        for (len = 0; len < 2000; len += n) {
            n = unit_random(&seed) % (round + 1);

            for (i = 0; i < n; i++) {
                text[len + i] = (u_char) unit_random(&seed);
            }

            if (ngx_http_llmbroker_out_copy(&out, text + len, n) != NGX_OK) {
                failed++;
            }

            if (round == 0) {
                break;
            }
        }

        if (out.length != (off_t) len
            || flat(out.chain, got) != len
            || ngx_memcmp(got, text, len) != 0
            || !sane(out.chain))
        {
            failed++;
        }

        ngx_destroy_pool(pool);
    }

    is(failed, 0, "pieces of any size come out as they went in");

    pool = ngx_create_pool(4096, NULL);
    ngx_http_llmbroker_out_init(&out, pool, NULL, &test_tag, TEST_SIZE);

    for (i = 0; i < TEST_SIZE; i++) {
        (void) ngx_http_llmbroker_out_copy(&out, "x", 1);
    }

    ok(out.chain->next == NULL && out.chain == out.last,
       "consecutive copies fill one buffer");

    (void) ngx_http_llmbroker_out_copy(&out, "y", 1);

    ok(out.chain->next == out.last && out.last->buf->last[-1] == 'y',
       "the next byte gets a buffer of its own");

    ok(out.last->buf->temporary && !out.last->buf->memory
       && !out.last->buf->flush && !out.last->buf->last_buf
       && out.last->buf->tag == &test_tag,
       "a copy's buffer: temporary, our tag, no flags");

    ngx_destroy_pool(pool);
}


static void
test_refer(void)
{
    u_char                     got[256];
    size_t                     len;
    ngx_pool_t                *pool;
    ngx_http_llmbroker_out_t   out;

    pool = ngx_create_pool(4096, NULL);
    ngx_http_llmbroker_out_init(&out, pool, NULL, &test_tag, TEST_SIZE);

    ngx_memset(foreign, '-', sizeof(foreign));

    (void) ngx_http_llmbroker_out_copy(&out, "one ", 4);
    (void) ngx_http_llmbroker_out_refer(&out, foreign, 3);
    (void) ngx_http_llmbroker_out_refer(&out, foreign, 0);
    (void) ngx_http_llmbroker_out_copy(&out, " two", 4);

    len = flat(out.chain, got);

    is_str(got, len, "one --- two", "copies and references keep their order");
    is(out.length, 11, "and their length");

    ok(out.chain->next->buf->pos == foreign, "a reference is no copy");

    ok(out.chain->next->buf->memory && !out.chain->next->buf->temporary
       && out.chain->next->buf->start == NULL
       && out.chain->next->buf->tag == &test_tag,
       "a reference's buffer: memory, our tag, owns nothing");

    ok(sane(out.chain), "an empty reference makes no buffer");

    ok(foreign[3] == '-', "a copy does not grow into foreign memory");

    ngx_destroy_pool(pool);
}


static void
test_refer_on(void)
{
    u_char                     got[256];
    size_t                     len;
    ngx_pool_t                *pool;
    ngx_http_llmbroker_out_t   out;

    pool = ngx_create_pool(4096, NULL);
    ngx_http_llmbroker_out_init(&out, pool, NULL, &test_tag, TEST_SIZE);

    ngx_memcpy(foreign, "abcdef", 6);

    (void) ngx_http_llmbroker_out_refer(&out, foreign, 2);
    (void) ngx_http_llmbroker_out_refer(&out, foreign + 2, 2);

    ok(out.chain == out.last && out.chain->buf->last == foreign + 4,
       "bytes that lie together share a buffer");

    (void) ngx_http_llmbroker_out_refer(&out, foreign + 5, 1);
    (void) ngx_http_llmbroker_out_refer(&out, foreign + 5, 1);
    (void) ngx_http_llmbroker_out_copy(&out, "-", 1);
    (void) ngx_http_llmbroker_out_refer(&out, foreign + 4, 1);

    len = flat(out.chain, got);

    is_str(got, len, "abcdff-e", "others keep their order");
    is(out.length, 8, "and their length");

    /* a copy's own memory may be recycled before it: never one buffer */

    (void) ngx_http_llmbroker_out_copy(&out, "x", 1);
    (void) ngx_http_llmbroker_out_refer(&out, out.last->buf->last, 1);

    ok(!out.last->buf->temporary, "nor do they share a buffer with a copy");

    ngx_destroy_pool(pool);
}


/* what was referred to may change afterwards, and writing goes on */

static void
test_own(void)
{
    u_char                     got[4096];
    size_t                     len;
    ngx_str_t                  text;
    ngx_pool_t                *pool;
    ngx_chain_t               *free;
    ngx_http_llmbroker_out_t   out;

    pool = ngx_create_pool(4096, NULL);
    free = NULL;

    ngx_http_llmbroker_out_init(&out, pool, &free, &test_tag, TEST_SIZE);

    ngx_memset(foreign, 'f', sizeof(foreign));

    is(ngx_http_llmbroker_out_copy(&out, "<", 1), NGX_OK, "copied");
    is(ngx_http_llmbroker_out_refer(&out, foreign, 300), NGX_OK, "referred");
    is(ngx_http_llmbroker_out_own(&out), NGX_OK, "owned");

    ngx_memset(foreign, 'x', sizeof(foreign));

    is(ngx_http_llmbroker_out_own(&out), NGX_OK, "owned again");
    is(ngx_http_llmbroker_out_copy(&out, ">", 1), NGX_OK, "copied behind it");

    len = flat(out.chain, got);

    is(len, 302, "length of what is owned");
    is(out.length, 302, "length that is told");
    is(got[0] == '<' && got[1] == 'f' && got[300] == 'f' && got[301] == '>',
       1, "bytes of what is owned");
    is(foreign[300], 'x', "nothing is written behind what was referred to");

    is(ngx_http_llmbroker_out_text(&out, pool, &text), NGX_OK, "as a text");
    is(text.len == len && ngx_memcmp(text.data, got, len) == 0, 1,
       "which is what was written");
    is(out.length, 302, "and is there still");

    ngx_destroy_pool(pool);
}


static void
test_take(void)
{
    u_char                     got[64];
    size_t                     len;
    ngx_pool_t                *pool;
    ngx_chain_t               *cl;
    ngx_http_llmbroker_out_t   out;

    pool = ngx_create_pool(4096, NULL);
    ngx_http_llmbroker_out_init(&out, pool, NULL, &test_tag, TEST_SIZE);

    ok(ngx_http_llmbroker_out_take(&out) == NULL, "nothing to take at first");

    (void) ngx_http_llmbroker_out_copy(&out, "first", 5);
    cl = ngx_http_llmbroker_out_take(&out);

    ok(cl != NULL && out.chain == NULL && out.length == 0,
       "taken: it is empty");

    (void) ngx_http_llmbroker_out_copy(&out, "second", 6);

    len = flat(cl, got);
    is_str(got, len, "first", "what was taken does not change any more");

    len = flat(out.chain, got);
    is_str(got, len, "second", "what comes later is apart");

    ngx_destroy_pool(pool);
}


/*
 * Events of a stream to a client that reads in fits.  The first events are as
 * large as any that follows and are not read at once: these take all memory
 * that is ever needed.
 */

static void
test_recycle(void)
{
    u_char                     want[4096], got[4096];
    size_t                     n, len;
    uint64_t                   seed;
    ngx_uint_t                 i, piece, refer, allocs, bad;
    ngx_pool_t                *pool;
    ngx_chain_t               *spare, *busy, *cl;
    ngx_http_llmbroker_out_t   out;

    pool = ngx_create_pool(4096, NULL);

    spare = NULL;
    busy = NULL;
    allocs = 0;
    bad = 0;
    seed = 7;

    for (i = 0; i < sizeof(foreign); i++) {
        foreign[i] = (u_char) letters[i % 26];
    }

    for (i = 0; i < TEST_EVENTS; i++) {

        if (i == 10) {
            allocs = ngx_shim_allocs;
        }

        ngx_http_llmbroker_out_init(&out, pool, &spare, &test_tag, TEST_SIZE);

        len = 0;

        for (piece = 0; piece < 8; piece++) {

            n = (i < 10) ? 256 : 1 + unit_random(&seed) % 256;
            refer = (i < 10) ? 0 : unit_random(&seed) % 2;

            ngx_memcpy(want + len, foreign + piece, n);
            len += n;

            if (refer) {
                bad += ngx_http_llmbroker_out_refer(&out, foreign + piece, n)
                       != NGX_OK;

            } else {
                bad += ngx_http_llmbroker_out_copy(&out, foreign + piece, n)
                       != NGX_OK;
            }
        }

        bad += !sane(out.chain);

        cl = ngx_http_llmbroker_out_take(&out);

        if (flat(cl, got) != len || ngx_memcmp(got, want, len) != 0) {
            bad++;
        }

        ngx_chain_update_chains(pool, &spare, &busy, &cl, &test_tag);

        for (cl = (i < 3) ? NULL : busy; cl != NULL; cl = cl->next) {

            if (i >= 10 && unit_random(&seed) % 64 == 0) {
                cl->buf->pos++;
                break;
            }

            cl->buf->pos = cl->buf->last;
        }

        cl = NULL;
        ngx_chain_update_chains(pool, &spare, &busy, &cl, &test_tag);

        /* what is still to be sent of it comes first next time */

        for (cl = busy; cl != NULL && i >= 10; cl = cl->next) {
            cl->buf->pos = cl->buf->last;
        }
    }

    is(bad, 0, "recycled: every event comes out as it went in");
    is(ngx_shim_allocs, allocs, "recycled: no allocation after the first ten");

    for (i = 0; i < sizeof(foreign); i++) {
        bad += (foreign[i] != letters[i % 26]);
    }

    is(bad, 0, "recycled: foreign memory is as it was");

    ngx_destroy_pool(pool);
}


static void
test_recycled_flags(void)
{
    u_char                    *memory;
    ngx_buf_t                 *b;
    ngx_pool_t                *pool;
    ngx_chain_t               *spare, *busy, *cl;
    ngx_http_llmbroker_out_t   out;

    pool = ngx_create_pool(4096, NULL);

    spare = NULL;
    busy = NULL;

    ngx_http_llmbroker_out_init(&out, pool, &spare, &test_tag, TEST_SIZE);

    (void) ngx_http_llmbroker_out_copy(&out, "end", 3);

    cl = ngx_http_llmbroker_out_take(&out);
    b = cl->buf;
    memory = b->start;

    b->flush = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;
    b->pos = b->last;

    ngx_chain_update_chains(pool, &spare, &busy, &cl, &test_tag);

    (void) ngx_http_llmbroker_out_refer(&out, foreign, 10);

    ok(out.chain->buf == b && b->pos == foreign && b->start == memory,
       "a reference keeps the memory of its recycled buffer");

    ok(!b->flush && !b->last_buf && !b->last_in_chain && !b->temporary,
       "a recycled buffer has lost its flags");

    cl = ngx_http_llmbroker_out_take(&out);
    b->pos = b->last;
    ngx_chain_update_chains(pool, &spare, &busy, &cl, &test_tag);

    (void) ngx_http_llmbroker_out_copy(&out, "again", 5);

    ok(out.chain->buf == b && b->pos == memory && b->temporary && !b->memory,
       "and then copies to it again");

    /* a buffer that referred first owns nothing and gets memory to copy */

    ngx_http_llmbroker_out_init(&out, pool, &spare, &test_tag, TEST_SIZE);
    (void) ngx_http_llmbroker_out_refer(&out, foreign, 10);

    cl = ngx_http_llmbroker_out_take(&out);
    b = cl->buf;
    b->pos = b->last;
    ngx_chain_update_chains(pool, &spare, &busy, &cl, &test_tag);

    (void) ngx_http_llmbroker_out_copy(&out, "mine", 4);

    ok(out.chain->buf == b && b->end - b->start == TEST_SIZE
       && b->pos == b->start && ngx_memcmp(b->pos, "mine", 4) == 0,
       "a buffer without memory gets some");

    ngx_destroy_pool(pool);
}


static void
test_no_memory(void)
{
    u_char                     got[1024];
    size_t                     len;
    ngx_int_t                  n, rc;
    ngx_uint_t                 bad;
    ngx_pool_t                *pool;
    ngx_chain_t               *spare;
    ngx_http_llmbroker_out_t   out;

    bad = 0;

    for (n = 0; n < 20; n++) {

        pool = ngx_create_pool(4096, NULL);
        spare = NULL;

        ngx_http_llmbroker_out_init(&out, pool, (n % 2) ? &spare : NULL,
                                    &test_tag, TEST_SIZE);

        ngx_shim_allocs_left = n / 2;

        rc = ngx_http_llmbroker_out_copy(&out, foreign, 100);

        if (rc == NGX_OK) {
            rc = ngx_http_llmbroker_out_refer(&out, foreign, 100);
        }

        ngx_shim_allocs_left = -1;

        /* two buffers that copy take 3 allocations each, one to refer 2 */

        if (rc != ((n / 2 < 8) ? NGX_ERROR : NGX_OK)) {
            bad++;
        }

        len = flat(out.chain, got);

        if (out.length != (off_t) len || !sane(out.chain)) {
            bad++;
        }

        ngx_destroy_pool(pool);
    }

    is(bad, 0, "a lack of memory is told and leaves no empty buffer");
}


static size_t
flat(ngx_chain_t *cl, u_char *p)
{
    u_char  *last;

    last = p;

    for ( /* void */ ; cl != NULL; cl = cl->next) {
        last = ngx_cpymem(last, cl->buf->pos, cl->buf->last - cl->buf->pos);
    }

    return last - p;
}


/* no empty buffer: nginx alerts on these */

static ngx_uint_t
sane(ngx_chain_t *cl)
{
    for ( /* void */ ; cl != NULL; cl = cl->next) {

        if (!ngx_buf_in_memory(cl->buf) || ngx_buf_size(cl->buf) <= 0) {
            return 0;
        }
    }

    return 1;
}
