
/*
 * Copyright (C) LLMBroker contributors
 *
 * Where a request goes, over a faked shared memory: strategies, tiers, breakers
 * and probes, cooling, affinity, fallbacks, rounds, and how long to wait.
 */


#include "unit.h"

#include <sys/mman.h>
#include <sys/wait.h>


/* what the router asks of others is answered here */

#define ngx_http_llmbroker_breaker_wait     fake_breaker_wait
#define ngx_http_llmbroker_breaker_take     fake_breaker_take
#define ngx_http_llmbroker_state_cooling    fake_state_cooling
#define ngx_http_llmbroker_state_in_flight  fake_state_in_flight
#define ngx_http_llmbroker_state_ewma       fake_state_ewma
#define ngx_http_llmbroker_state_turn       fake_state_turn
#define ngx_http_llmbroker_body_find        fake_body_find
#define ngx_http_llmbroker_body_bytes       fake_body_bytes
#define ngx_http_get_indexed_variable       fake_get_indexed_variable

#include "request/ngx_http_llmbroker_router.c"


#define PICKS    2000
#define MODELS   6
#define ALL      128

#define SAME     NGX_HTTP_LLMBROKER_SAME_ALIAS


/* what the shared memory knows of a deployment */
typedef struct {
    ngx_msec_t   wait;       /* of its breaker */
    ngx_msec_t   cooling;
    ngx_msec_t   ewma;
    ngx_uint_t   in_flight;
    ngx_uint_t   half_open;  /* its probe is due */
    ngx_uint_t   raced;      /* somebody else takes it at that moment */
    ngx_uint_t   turn;
    ngx_uint_t   takes;
    ngx_uint_t   probes;
} fake_t;


static void test_lone(void);
static void test_weighted(void);
static void test_ejected(void);
static void test_retried(void);
static void test_tiers(void);
static void test_probe(void);
static void test_race(void);
static void test_cooling(void);
static void test_least_bad(void);
static void test_strategies(void);
static void test_affinity(void);
static void test_affinity_user(void);
static void test_affinity_fallback(void);
static void test_fallbacks(void);
static void test_fallback_turns(void);
static void test_leave(void);
static void test_rounds(void);
static void test_return(void);
static void test_same_alias(void);
static void test_wait(void);
static void test_many(void);
static void test_no_memory(void);
static void test_processes(void);
static void test_time(void);

static void reset(void);
static void model(ngx_uint_t m, ngx_uint_t n, const ngx_uint_t *weights);
static void tiers(ngx_uint_t m);
static void fallback(ngx_uint_t m, ngx_uint_t to);
static void start(ngx_uint_t m);
static int next(ngx_uint_t flags);
static int first(void);
static void walk(const char *expected, const char *name);
static int near(ngx_uint_t got, double expected, double percent);


static ngx_pool_t                       *pool;
static fake_t                            fakes[ALL];
static ngx_http_llmbroker_ctx_t          ctx;
static ngx_http_llmbroker_pick_t         pick;
static ngx_msec_t                        wait_msec;
static ngx_http_request_t                request;
static ngx_http_llmbroker_conf_t         conf;
static ngx_http_llmbroker_shared_t       shared;
static ngx_http_llmbroker_state_t       *states[ALL];
static ngx_http_llmbroker_model_t        models[MODELS];
static ngx_http_llmbroker_deployment_t   deployments[ALL];
static ngx_uint_t                        ndeployments;
static ngx_http_variable_value_t         variables[2];
static ngx_uint_t                        evaluated;
static ngx_http_llmbroker_member_t       user;
static ngx_str_t                         user_text;
static ngx_int_t                         body_rc;


int
main(void)
{
    test_lone();
    test_weighted();
    test_ejected();
    test_retried();
    test_tiers();
    test_probe();
    test_race();
    test_cooling();
    test_least_bad();
    test_strategies();
    test_affinity();
    test_affinity_user();
    test_affinity_fallback();
    test_fallbacks();
    test_fallback_turns();
    test_leave();
    test_rounds();
    test_return();
    test_same_alias();
    test_wait();
    test_many();
    test_no_memory();
    test_processes();
    test_time();

    ngx_destroy_pool(pool);

    return done_testing();
}


static void
test_lone(void)
{
    ngx_uint_t  allocs;

    static const ngx_uint_t  weights[] = { 5 };

    reset();
    model(0, 1, weights);

    allocs = ngx_shim_allocs;

    start(0);
    is(next(0), 0, "a lone deployment");
    ok(pick.model == &models[0] && pick.probe == 0, "... of its model");
    is(fakes[0].turn, 0, "... needs no ticket");
    is(next(0), NGX_DECLINED, "... is tried once");
    is(wait_msec, 0, "... nothing to wait for");
    is(ngx_shim_allocs, allocs, "... and takes no memory");

    fakes[0].wait = 700;

    start(0);
    is(next(0), NGX_DECLINED, "ejected: none");
    is(wait_msec, 700, "... until then");
}


static void
test_weighted(void)
{
    ngx_uint_t  i, allocs, count[3];

    static const ngx_uint_t  weights[] = { 3, 1 };

    reset();
    model(0, 2, weights);

    ngx_memzero(count, sizeof(count));
    allocs = ngx_shim_allocs;

    for (i = 0; i < PICKS; i++) {
        count[first()]++;
    }

    ok(count[0] == 1500 && count[1] == 500, "3:1 is 1500 and 500 of 2000");
    is(ngx_shim_allocs, allocs, "no memory is taken");
    is(fakes[0].turn, PICKS, "a ticket for each request");

    ok(first() == 0 && first() == 0 && first() == 1 && first() == 0,
       "in smooth order");
}


static void
test_ejected(void)
{
    size_t      i;
    ngx_uint_t  j, out, left[2], count[3];

    static const struct {
        ngx_uint_t  weights[3];
        ngx_uint_t  out;
    } rows[] = {
        { { 1, 1, 1 }, 0 }, { { 1, 1, 1 }, 1 }, { { 1, 1, 1 }, 2 },
        { { 3, 1, 1 }, 0 }, { { 3, 1, 1 }, 1 }, { { 3, 2, 1 }, 1 },
        { { 70, 20, 10 }, 0 }, { { 3333, 3334, 3333 }, 1 },
        { { 1009, 503, 251 }, 0 }
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        out = rows[i].out;

        reset();
        model(0, 3, rows[i].weights);

        fakes[out].wait = 1000;

        ngx_memzero(count, sizeof(count));

        for (j = 0; j < PICKS; j++) {
            count[first()]++;
        }

        left[0] = (out + 1) % 3;
        left[1] = (out + 2) % 3;

        is(count[out], 0, "the ejected one gets nothing");

        ok(near(count[left[0]], (double) PICKS * rows[i].weights[left[0]]
                                / (rows[i].weights[left[0]]
                                   + rows[i].weights[left[1]]), 1),
           "the others their shares: %u %u", (unsigned) count[left[0]],
           (unsigned) count[left[1]]);
    }
}


/* second and third choices are as fair */

static void
test_retried(void)
{
    int         a, b, c;
    ngx_uint_t  i, second[4], third[4], of[4];

    static const ngx_uint_t  weights[] = { 2, 1, 1, 1 };

    reset();
    model(0, 4, weights);

    ngx_memzero(second, sizeof(second));
    ngx_memzero(third, sizeof(third));
    ngx_memzero(of, sizeof(of));

    for (i = 0; i < 10 * PICKS; i++) {
        start(0);

        a = next(0);
        b = next(0);
        c = next(0);

        if (a < 0 || b < 0 || c < 0 || a == b || b == c || a == c) {
            break;
        }

        if (a == 1) {
            second[b]++;

            if (b == 0) {
                third[c]++;
            }
        }
    }

    is(i, 10 * PICKS, "three different ones for each request");

    ok(near(second[0], 2000, 1) && near(second[2], 1000, 1)
       && near(second[3], 1000, 1),
       "the second choice is by weight: %u %u %u", (unsigned) second[0],
       (unsigned) second[2], (unsigned) second[3]);

    ok(near(third[2], 1000, 2) && near(third[3], 1000, 2),
       "the third as well: %u %u", (unsigned) third[2], (unsigned) third[3]);
}


static void
test_tiers(void)
{
    ngx_uint_t  i, strategy;

    static const ngx_uint_t  weights[] = { 100, 1, 100, 1 };
    static const ngx_uint_t  priority[] = { 1, 0, 2, 0 };

    for (strategy = NGX_HTTP_LLMBROKER_WEIGHTED;
         strategy <= NGX_HTTP_LLMBROKER_PRIORITY;
         strategy++)
    {
        reset();
        model(0, 4, weights);

        models[0].policy.strategy = strategy;

        for (i = 0; i < 4; i++) {
            deployments[i].priority = priority[i];
            fakes[i].ewma = 10;
        }

        tiers(0);

        fakes[1].ewma = 1000;
        fakes[3].ewma = 1000;
        fakes[1].in_flight = 50;
        fakes[3].in_flight = 50;

        start(0);

        i = next(0);
        ok(i == 1 || i == 3, "tiers come before weights and load");
        ok(i + next(0) == 4, "... all of the first tier");
        is(next(0), 0, "... then the second");
        is(next(0), 2, "... then the third");
        is(next(0), NGX_DECLINED, "... then none");

        fakes[1].wait = 100;
        fakes[3].wait = 100;

        is(first(), 0, "an ejected tier gives way to the next");

        fakes[3].wait = 0;

        is(first(), 3, "... until one of it is back");
    }
}


static void
test_probe(void)
{
    ngx_uint_t  i, count[3];

    static const ngx_uint_t  weights[] = { 1, 1, 1 };

    reset();
    model(0, 3, weights);

    fakes[1].half_open = 1;

    ngx_memzero(count, sizeof(count));

    for (i = 0; i < 30; i++) {
        count[first()] += 1 + 100 * pick.probe;
    }

    is(fakes[1].probes, 1, "one request is the probe");
    is(count[1], 101, "... and is sent there, and no other one");
    is(count[0] + count[2], 29, "... the others are sent to the others");

    fakes[1].wait = 0;
    fakes[1].half_open = 1;
    deployments[0].priority = 1;
    deployments[2].priority = 1;
    tiers(0);

    is(first(), 1, "the probe of a better tier");
    ok(pick.probe && first() != 1, "... one request");
}


/* another worker's request takes the probe between look and call */

static void
test_race(void)
{
    int         rc;
    ngx_uint_t  i, j, affinity, strategy, count[3];

    static const ngx_uint_t  weights[] = { 1, 1, 1 };

    for (affinity = 0; affinity < 2; affinity++) {

        for (strategy = NGX_HTTP_LLMBROKER_WEIGHTED;
             strategy <= NGX_HTTP_LLMBROKER_PRIORITY;
             strategy++)
        {
            reset();
            model(0, 3, weights);

            models[0].policy.strategy = strategy;

            if (affinity) {
                models[0].policy.affinity =
                                       NGX_HTTP_LLMBROKER_AFFINITY_VARIABLE;
            }

            variables[0].data = (u_char *) &i;
            variables[0].len = sizeof(i);
            variables[0].not_found = 0;

            fakes[0].raced = 1;

            ngx_memzero(count, sizeof(count));

            for (i = 0; i < 60; i++) {
                rc = first();
                count[rc < 0 ? 0 : rc]++;
            }

            ok(count[0] == 0 && count[1] + count[2] == 60,
               "a lost race sends the request elsewhere");

            for (j = 0; j < 3; j++) {
                fakes[j].raced = 1;
            }

            start(0);
            is(next(0), NGX_DECLINED, "all races are lost: none");
            is(ctx.route.ntried, 0, "... and none was tried");
        }
    }
}


static void
test_cooling(void)
{
    static const ngx_uint_t  weights[] = { 1, 1 };

    reset();
    model(0, 2, weights);
    model(1, 1, weights);
    fallback(0, 1);

    fakes[0].cooling = 5000;

    walk("1 2 0", "one that cools comes last, behind fallbacks");

    fakes[0].wait = 10;

    walk("1 2", "one that cools and is ejected is not asked");

    fakes[0].wait = 0;
    fakes[1].wait = 100;
    fakes[2].wait = 200;

    walk("0", "all others are ejected");
    is(wait_msec, 100, "the soonest to be back");

    reset();
    model(0, 1, weights);
    fakes[0].cooling = 5000;

    walk("0", "a lone one that cools is asked all the same");
    is(wait_msec, 5000, "... and then no sooner than it said");
}


static void
test_least_bad(void)
{
    static const ngx_uint_t  weights[] = { 1, 1, 1 };

    reset();
    model(0, 3, weights);

    fakes[0].wait = 300;
    fakes[1].wait = 200;
    fakes[2].wait = 100;

    walk("", "all are ejected: none");
    is(wait_msec, 100, "... until the soonest is back");

    models[0].policy.least_bad = 1;
    deployments[2].priority = 1;
    tiers(0);

    walk("2 1 0", "least_bad: the soonest to be back, whatever its tier");
    is(fakes[0].takes + fakes[1].takes + fakes[2].takes, 0,
       "... which is no probe");

    fakes[1].wait = 0;

    walk("1 2 0", "least_bad: a good one first");

    model(1, 1, weights);
    fallback(0, 1);

    fakes[1].wait = 200;
    fakes[3].cooling = 1;

    walk("3 2 1 0", "least_bad: any good one of a fallback first");

    reset();
    model(0, 1, weights);
    model(1, 1, weights);
    fallback(0, 1);

    models[1].policy.least_bad = 1;
    fakes[0].wait = 300;
    fakes[1].wait = 300;

    walk("1", "least_bad is of an alias");

    ngx_http_llmbroker_route_again(&ctx);

    is(ngx_http_llmbroker_route_leave(&ctx), NGX_OK, "... which is left");
    is(next(0), NGX_DECLINED, "... and then not asked");
}


static void
test_strategies(void)
{
    ngx_uint_t  i, count[3];

    static const ngx_uint_t  weights[] = { 1, 1, 1 };

    reset();
    model(0, 2, weights);
    models[0].policy.strategy = NGX_HTTP_LLMBROKER_LEAST_LATENCY;

    fakes[0].ewma = 200;
    fakes[1].ewma = 100;

    for (i = 0; i < 50 && first() == 1; i++) { /* void */ }

    is(i, 50, "least_latency: two are both compared");

    fakes[1].in_flight = 2;

    is(first(), 0, "least_latency: times those in flight");

    model(0, 3, weights);
    models[0].policy.strategy = NGX_HTTP_LLMBROKER_LEAST_LATENCY;

    fakes[2].ewma = 300;
    fakes[3].ewma = 100;
    fakes[4].ewma = 200;

    ngx_memzero(count, sizeof(count));

    for (i = 0; i < 300; i++) {
        count[first() - 2]++;
    }

    ok(count[0] == 0 && near(count[1], 200, 10) && near(count[2], 100, 20),
       "least_latency: the better one of any two");

    reset();
    model(0, 3, weights);
    models[0].policy.strategy = NGX_HTTP_LLMBROKER_LEAST_BUSY;

    fakes[0].in_flight = 2;
    fakes[1].in_flight = 1;
    fakes[2].in_flight = 3;

    walk("1 0 2", "least_busy");

    fakes[0].in_flight = 1;

    ngx_memzero(count, sizeof(count));

    for (i = 0; i < 100; i++) {
        count[first()]++;
    }

    ok(count[0] == 50 && count[1] == 50, "least_busy: ties take turns");

    models[0].policy.strategy = NGX_HTTP_LLMBROKER_PRIORITY;

    for (i = 0; i < 50 && first() == 0; i++) { /* void */ }

    is(i, 50, "priority: always the first");
    walk("0 1 2", "priority: the file's order");

    fakes[0].wait = 1;

    walk("1 2", "priority: without the ejected");
}


static void
test_affinity(void)
{
    int         home, other, moved;
    ngx_uint_t  i, turned, homes[100], count[5];

    static const ngx_uint_t  weights[] = { 1, 1, 1, 1, 1 };

    reset();
    model(0, 5, weights);
    models[0].policy.affinity = NGX_HTTP_LLMBROKER_AFFINITY_VARIABLE;

    variables[0].data = (u_char *) &i;
    variables[0].len = sizeof(i);
    variables[0].not_found = 0;

    ngx_memzero(count, sizeof(count));

    for (i = 0; i < 100; i++) {
        homes[i] = first();
        count[homes[i]]++;
    }

    ok(count[0] && count[1] && count[2] && count[3] && count[4],
       "sessions are spread");
    is(fakes[0].turn, 0, "a session needs no ticket");

    fakes[2].wait = 100;

    for (moved = 0, i = 0; i < 100; i++) {
        home = first();

        if (homes[i] == 2) {
            moved += (home == 2);

        } else {
            moved += ((ngx_uint_t) home != homes[i]);
        }
    }

    is(moved, 0, "only the sessions of the ejected one move");

    fakes[2].wait = 0;
    fakes[3].cooling = 100;

    for (moved = 0, i = 0; i < 100; i++) {
        moved += (homes[i] != 3 && (ngx_uint_t) first() != homes[i]);
    }

    is(moved, 0, "... come back, and a cooling one loses its own");

    fakes[3].cooling = 0;
    evaluated = 0;
    i = 7;

    start(0);
    home = next(0);
    other = next(0);
    (void) next(0);
    (void) next(0);

    is(evaluated, 1, "the key is evaluated once");

    fakes[home].wait = 100;

    is(first(), other, "the second choice of a session is always the same");

    fakes[home].wait = 0;
    variables[0].not_found = 1;
    turned = fakes[0].turn;

    for (i = 0; i < 10 && first() == (int) (i % 5); i++) { /* void */ }

    ok(i == 10 && fakes[0].turn == turned + 10, "no key: by strategy");

    variables[0].not_found = 0;
    variables[0].len = 0;

    for (i = 0; i < 10 && first() == (int) (i % 5); i++) { /* void */ }

    is(i, 10, "an empty key: by strategy");

    models[0].policy.affinity_index = 1;
    variables[1].not_found = 0;
    variables[1].len = sizeof(i);
    variables[1].data = (u_char *) &i;

    i = 7;
    is(first(), home, "the variable that the file names");
}


static void
test_affinity_user(void)
{
    int          home;
    ngx_uint_t   i;
    static char  text[3000];

    static const ngx_uint_t  weights[] = { 1, 1, 1, 1, 1, 1, 1, 1 };

    reset();
    model(0, 8, weights);
    models[0].policy.affinity = NGX_HTTP_LLMBROKER_AFFINITY_USER;

    for (i = 0; i < 10 && first() == (int) (i % 8); i++) { /* void */ }

    is(i, 10, "no user: by strategy");

    user.type = NGX_HTTP_LLMBROKER_JSON_STRING;
    user.start = 100;
    user.end = 110;
    ngx_str_set(&user.text, "\"somebody\"");

    home = first();

    for (i = 0; i < 20 && first() == home; i++) { /* void */ }

    is(i, 20, "a user stays");

    ngx_str_null(&user.text);
    ngx_str_set(&user_text, "\"somebody\"");

    is(first(), home, "... wherever the name stands");

    user.type = NGX_HTTP_LLMBROKER_JSON_NUMBER;

    for (i = 0; i < 8 && first() == home; i++) { /* void */ }

    ok(i < 8, "a number is no user");

    user.type = NGX_HTTP_LLMBROKER_JSON_STRING;
    user.end = 102;
    ngx_str_set(&user.text, "\"\"");

    for (i = 0; i < 8 && first() == home; i++) { /* void */ }

    ok(i < 8, "nor is an empty string");

    ngx_memset(text, 'x', sizeof(text));
    ngx_str_null(&user.text);

    user.end = user.start + sizeof(text);
    user_text.data = (u_char *) text;
    user_text.len = sizeof(text);

    home = first();
    text[2000] = 'y';

    is(first(), home, "of a very long name the beginning counts");

    user_text.len = 4000;
    body_rc = NGX_ERROR;

    start(0);
    is(next(0), NGX_ERROR, "a failed read is an error");
}


static void
test_affinity_fallback(void)
{
    int         home;
    ngx_uint_t  i;

    static const ngx_uint_t  weights[] = { 1, 1, 1, 1 };

    reset();
    model(0, 2, weights);
    model(1, 4, weights);
    fallback(0, 1);

    models[0].policy.affinity = NGX_HTTP_LLMBROKER_AFFINITY_VARIABLE;
    models[1].policy.affinity = NGX_HTTP_LLMBROKER_AFFINITY_VARIABLE;
    models[1].policy.affinity_index = 1;

    variables[0].data = (u_char *) &i;
    variables[0].len = sizeof(i);
    variables[0].not_found = 0;
    variables[1].data = (u_char *) "session";
    variables[1].len = 7;
    variables[1].not_found = 0;

    fakes[0].wait = 100;
    fakes[1].wait = 100;

    home = first();

    for (i = 0; i < 20 && first() == home; i++) { /* void */ }

    ok(i == 20 && home > 1, "a fallback has an affinity of its own");
}


static void
test_fallbacks(void)
{
    ngx_uint_t  i;

    static const ngx_uint_t  weights[] = { 1 };

    reset();

    for (i = 0; i < MODELS; i++) {
        model(i, 1, weights);
    }

    fallback(0, 1);
    fallback(0, 2);
    fallback(1, 3);
    fallback(1, 0);
    fallback(2, 4);
    fallback(2, 1);
    fallback(3, 5);
    fallback(4, 5);
    fallback(5, 0);

    walk("0 1 2 3 4 5", "fallbacks come by distance, each once");

    start(1);
    is(next(0), 1, "another alias");
    is(next(0), 3, "... has its own");
    ok(pick.model == &models[3], "... whose model is told");
    is(next(0), 0, "... in its order");

    fakes[0].wait = 1;
    fakes[1].wait = 1;
    fakes[2].wait = 1;

    walk("3 4 5", "over ejected aliases");

    deployments[3].missing = models[3].name;
    tiers(3);

    walk("4 5", "over those that miss a variable, their fallbacks included");
}


/*
 * Every second request of one alias comes to another one: its deployments must
 * not share them out as evens and odds.
 */

static void
test_fallback_turns(void)
{
    int         d;
    ngx_uint_t  i, count[4];

    static const ngx_uint_t  weights[] = { 1, 1 };

    reset();
    model(0, 2, weights);
    model(1, 2, weights);
    fallback(0, 1);

    ngx_memzero(count, sizeof(count));

    for (i = 0; i < 100; i++) {
        start(0);

        d = next(0);
        count[d]++;

        if (d == 1 && ngx_http_llmbroker_route_leave(&ctx) == NGX_OK) {
            count[next(0)]++;
        }
    }

    ok(count[0] == 50 && count[1] == 50 && count[2] == 25 && count[3] == 25,
       "requests from elsewhere take turns of their own");
}


static void
test_leave(void)
{
    static const ngx_uint_t  weights[] = { 1, 1 };

    reset();
    model(0, 2, weights);
    model(1, 2, weights);
    model(2, 1, weights);
    fallback(0, 1);
    fallback(1, 2);

    start(0);

    is(next(0), 0, "the alias asked for");
    is(ngx_http_llmbroker_route_leave(&ctx), NGX_OK, "... is left");
    is(next(0), 2, "its fallback");
    is(ngx_http_llmbroker_route_leave(&ctx), NGX_OK, "... is left too");
    is(next(0), 4, "the fallback's fallback");

    fakes[4].wait = 50;

    is(next(0), NGX_DECLINED, "nothing left");
    is(wait_msec, 50, "only of the last is there something to wait for");

    ngx_http_llmbroker_route_again(&ctx);
    fakes[4].wait = 0;

    is(next(0), 4, "aliases that were left stay so in another round");
    is(ngx_http_llmbroker_route_leave(&ctx), NGX_DECLINED,
       "there is no other alias");

    start(2);
    is(next(0), 4, "an alias without fallbacks");
    is(ngx_http_llmbroker_route_leave(&ctx), NGX_DECLINED, "has none to go");

    reset();
    model(0, 1, weights);
    model(1, 1, weights);
    fallback(0, 1);

    fakes[1].wait = 90;

    start(0);
    is(next(0), 0, "first");
    is(ngx_http_llmbroker_route_leave(&ctx), NGX_OK, "there is a fallback");
    is(next(0), NGX_DECLINED, "... which is ejected");
    is(wait_msec, 90, "... until then");
}


static void
test_rounds(void)
{
    ngx_uint_t  i, weights[NGX_HTTP_LLMBROKER_MAX_TRIED + 2];

    for (i = 0; i < NGX_HTTP_LLMBROKER_MAX_TRIED + 2; i++) {
        weights[i] = 1;
    }

    reset();
    model(0, NGX_HTTP_LLMBROKER_MAX_TRIED + 2, weights);

    start(0);

    for (i = 0; i < NGX_HTTP_LLMBROKER_MAX_TRIED && next(0) >= 0; i++) {
        /* void */
    }

    is(i, NGX_HTTP_LLMBROKER_MAX_TRIED, "so many are tried in a round");
    is(next(0), NGX_DECLINED, "... and not one more");
    is(next(SAME), NGX_DECLINED, "... not as a hedge either");

    ngx_http_llmbroker_route_again(&ctx);

    is(fakes[0].turn, 1, "one ticket so far");
    ok(next(0) == 1 && fakes[0].turn == 2, "another round has a new one");
}


/* a hedge for which there is no budget must not cost the retry */

static void
test_return(void)
{
    ngx_http_llmbroker_pick_t  hedge;

    static const ngx_uint_t  weights[] = { 1, 1, 1 };

    reset();
    model(0, 3, weights);

    start(0);

    is(next(0), 0, "the first");
    is(next(SAME), 1, "a hedge");

    hedge = pick;

    is(next(0), 2, "the retry");

    ngx_http_llmbroker_route_return(&ctx, &hedge);

    is(next(0), 1, "what was returned may be picked");
    is(next(0), NGX_DECLINED, "... and nothing else");

    ngx_http_llmbroker_route_return(&ctx, &hedge);
    ngx_http_llmbroker_route_return(&ctx, &hedge);

    is(ctx.route.ntried, 2, "returning twice is as once");
}


static void
test_same_alias(void)
{
    ngx_uint_t  allocs;

    static const ngx_uint_t  weights[] = { 1, 1 };

    reset();
    model(0, 2, weights);
    model(1, 2, weights);
    fallback(0, 1);

    start(0);
    allocs = ngx_shim_allocs;

    is(next(0), 0, "the first");
    is(next(SAME), 1, "a hedge of the same alias");
    is(next(SAME), NGX_DECLINED, "no hedge of a fallback");
    is(wait_msec, 0, "... nor anything to wait for");
    is(ngx_shim_allocs, allocs, "... nor memory");

    is(next(0), 2, "the fallback");
    is(next(SAME), 3, "a hedge of the fallback");

    fakes[1].cooling = 10;

    start(0);
    is(next(0), 0, "the first");
    is(next(SAME), NGX_DECLINED, "no hedge of one that cools");
}


static void
test_wait(void)
{
    static const ngx_uint_t  weights[] = { 1, 1 };

    reset();
    model(0, 2, weights);
    model(1, 1, weights);
    fallback(0, 1);

    fakes[0].wait = 500;
    fakes[1].cooling = 400;
    fakes[2].wait = 300;
    fakes[2].cooling = 900;

    start(0);
    is(ngx_http_llmbroker_route_wait(&ctx), 400, "the soonest of the alias");

    (void) next(0);
    is(next(0), NGX_DECLINED, "nothing left");
    is(wait_msec, 400, "the soonest of all: both must let it through");

    fakes[2].cooling = 0;
    is(ngx_http_llmbroker_route_wait(&ctx), 300, "a fallback's");

    fakes[2].wait = 0;
    is(ngx_http_llmbroker_route_wait(&ctx), 0, "now");

    deployments[0].missing = models[0].name;
    deployments[1].missing = models[0].name;
    tiers(0);

    start(0);
    is(ngx_http_llmbroker_route_wait(&ctx), 0, "there is none");
}


/* more than are searched on the stack */

static void
test_many(void)
{
    ngx_uint_t  i, n, allocs, count[100], weights[100];

    for (i = 0; i < 100; i++) {
        weights[i] = 1 + i % 2;
    }

    reset();
    model(0, 100, weights);

    for (i = 0; i < 100; i++) {
        fakes[i].wait = (i < 90) ? 1 : 0;
    }

    ngx_memzero(count, sizeof(count));
    allocs = ngx_shim_allocs;

    for (i = 0; i < 15 * PICKS; i++) {
        n = first();

        if (n < 90 || n > 99) {
            break;
        }

        count[n]++;
    }

    is(i, 15 * PICKS, "ten of a hundred are left");
    ok(ngx_shim_allocs > allocs, "memory is taken to find them");

    for (n = 0, i = 90; i < 100; i++) {
        n += !near(count[i], 2000 * weights[i], 2);
    }

    is(n, 0, "... by weight");
}


static void
test_no_memory(void)
{
    ngx_uint_t  i, weights[100];

    for (i = 0; i < 100; i++) {
        weights[i] = 1;
    }

    reset();
    model(0, 1, weights);
    model(1, 1, weights);
    model(2, 1, weights);
    fallback(0, 1);
    fallback(1, 2);

    fakes[0].wait = 1;

    for (i = 0; i < 2; i++) {
        start(0);
        ngx_shim_allocs_left = i;
        is(next(0), NGX_ERROR, "no memory for fallbacks");
        ngx_shim_allocs_left = -1;
    }

    fakes[0].wait = 0;

    start(0);
    is(next(0), 0, "the first needs none");
    ngx_shim_allocs_left = 0;
    is(ngx_http_llmbroker_route_leave(&ctx), NGX_ERROR, "leaving needs some");
    ngx_shim_allocs_left = -1;

    reset();
    model(0, 100, weights);

    fakes[0].wait = 1;

    start(0);
    ngx_shim_allocs_left = 0;
    is(next(0), NGX_ERROR, "no memory to search a large tier");
    ngx_shim_allocs_left = -1;
}


/* two processes share nothing but the ticket, and agree on the sequence */

static void
test_processes(void)
{
    int                bad;
    pid_t              pid[2];
    ngx_uint_t         i, j;
    struct shared_s {
        fake_t             fake;
        volatile int       pick[PICKS];
    }                 *mem;

    static const ngx_uint_t  weights[] = { 5, 3, 2 };
    static const char        order[] = "0120010210";

    mem = mmap(NULL, sizeof(*mem), PROT_READ|PROT_WRITE,
               MAP_ANON|MAP_SHARED, -1, 0);
    if (mem == MAP_FAILED) {
        exit(2);
    }

    reset();
    model(0, 3, weights);

    states[0] = (ngx_http_llmbroker_state_t *) &mem->fake;

    for (i = 0; i < 2; i++) {
        pid[i] = fork();

        if (pid[i] == -1) {
            exit(2);
        }

        if (pid[i] == 0) {

            for (j = 0; j < PICKS / 2; j++) {
                start(0);
                bad = next(0);
                mem->pick[ctx.route.first.ticket] = bad + 1;
            }

            _exit(0);
        }
    }

    for (i = 0; i < 2; i++) {
        while (waitpid(pid[i], NULL, 0) == -1 && errno == EINTR) {
            /* void */
        }
    }

    for (bad = 0, i = 0; i < PICKS; i++) {
        bad += (mem->pick[i] - 1 != order[i % 10] - '0');
    }

    is(mem->fake.turn, PICKS, "each pick of two processes has its ticket");
    is(bad, 0, "together they go through one sequence");

    munmap(mem, sizeof(*mem));
}


/* told, not tested: machines differ */

static void
test_time(void)
{
    ngx_uint_t       i, n, strategy;
    struct timespec  a, b;

    static const ngx_uint_t  weights[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };
    static const char       *names[] = {
        "weighted", "least_latency", "least_busy", "priority", "affinity",
        "weighted, one ejected"
    };

    for (strategy = 0; strategy < 6; strategy++) {

        reset();
        model(0, 10, weights);

        for (i = 0; i < 10; i++) {
            fakes[i].ewma = 100 + i;
        }

        models[0].policy.strategy = (strategy < 4) ? strategy : 0;

        if (strategy == 4) {
            models[0].policy.affinity = NGX_HTTP_LLMBROKER_AFFINITY_VARIABLE;
            variables[0].data = (u_char *) "0123456789abcdef0123456789abcdef";
            variables[0].len = 32;
            variables[0].not_found = 0;
        }

        if (strategy == 5) {
            fakes[9].wait = 1;
        }

        clock_gettime(CLOCK_MONOTONIC, &a);

        for (n = 0, i = 0; i < 100 * PICKS; i++) {
            n += (first() < 0);
        }

        clock_gettime(CLOCK_MONOTONIC, &b);

        is(n, 0, names[strategy]);
        diag("%s: %.0f ns a pick of ten", names[strategy],
             ((b.tv_sec - a.tv_sec) * 1e9 + b.tv_nsec - a.tv_nsec)
             / (100 * PICKS));
    }
}


static void
reset(void)
{
    ngx_uint_t  i;

    if (pool) {
        ngx_destroy_pool(pool);
    }

    pool = ngx_create_pool(4096, &ngx_shim_log);
    if (pool == NULL) {
        exit(2);
    }

    ngx_memzero(fakes, sizeof(fakes));
    ngx_memzero(models, sizeof(models));
    ngx_memzero(deployments, sizeof(deployments));
    ngx_memzero(variables, sizeof(variables));
    ngx_memzero(&user, sizeof(user));

    ndeployments = 0;
    evaluated = 0;
    body_rc = NGX_OK;

    request.pool = pool;
    shared.conf = &conf;
    shared.states = states;

    for (i = 0; i < ALL; i++) {
        states[i] = (ngx_http_llmbroker_state_t *) &fakes[i];
    }

    variables[0].not_found = 1;
    variables[1].not_found = 1;
}


/* the next n deployments become those of model m */

static void
model(ngx_uint_t m, ngx_uint_t n, const ngx_uint_t *weights)
{
    u_char                           *p;
    ngx_uint_t                        i;
    ngx_http_llmbroker_deployment_t  *d;

    models[m].deployments = &deployments[ndeployments];
    models[m].ndeployments = n;

    ngx_str_set(&models[m].name, "model");

    if (models[m].fallbacks.elts == NULL
        && ngx_array_init(&models[m].fallbacks, pool, 4,
                          sizeof(ngx_http_llmbroker_model_t *))
           != NGX_OK)
    {
        exit(2);
    }

    for (i = 0; i < n; i++) {
        d = &deployments[ndeployments];

        d->slot = ndeployments++;
        d->weight = weights[i];
        d->timeout = 60000;

        p = ngx_pnalloc(pool, 32);
        if (p == NULL) {
            exit(2);
        }

        d->base_url.data = p;
        d->base_url.len = ngx_sprintf(p, "http://host%ui/v1", d->slot) - p;
    }

    tiers(m);
}


static void
tiers(ngx_uint_t m)
{
    if (ngx_http_llmbroker_conf_tiers(pool, &models[m]) != NGX_OK) {
        exit(2);
    }
}


static void
fallback(ngx_uint_t m, ngx_uint_t to)
{
    ngx_http_llmbroker_model_t  **p;

    p = ngx_array_push(&models[m].fallbacks);
    if (p == NULL) {
        exit(2);
    }

    *p = &models[to];
}


/* a request for model m */

static void
start(ngx_uint_t m)
{
    ngx_memzero(&ctx, sizeof(ctx));

    ctx.request = &request;
    ctx.shared = &shared;
    ctx.model = &models[m];
}


/* the number of the deployment that is picked next, or what went wrong */

static int
next(ngx_uint_t flags)
{
    ngx_int_t  rc;

    rc = ngx_http_llmbroker_route(&ctx, flags, &pick, &wait_msec);

    return (rc == NGX_OK) ? (int) pick.deployment->slot : (int) rc;
}


/* where a request for the first model goes */

static int
first(void)
{
    start(0);

    return next(0);
}


/* all that a request for the first model is sent to */

static void
walk(const char *expected, const char *name)
{
    int      d;
    u_char  *p;
    u_char   text[128];

    p = text;

    start(0);

    for (d = next(0); d >= 0; d = next(0)) {
        p = ngx_slprintf(p, text + sizeof(text), "%s%d", p == text ? "" : " ",
                         d);
    }

    is_str(text, p - text, expected, name);
    is(d, NGX_DECLINED, "... then none is left");
}


static int
near(ngx_uint_t got, double expected, double percent)
{
    double  off;

    off = (double) got - expected;
    off = (off < 0) ? -off : off;

    return off <= 2 || off * 100 <= expected * percent;
}


ngx_msec_t
ngx_http_llmbroker_breaker_wait(ngx_http_llmbroker_state_t *state,
    ngx_msec_t now)
{
    return ((fake_t *) state)->wait;
}


ngx_int_t
ngx_http_llmbroker_breaker_take(ngx_http_llmbroker_state_t *state,
    ngx_msec_t now, ngx_msec_t lease)
{
    fake_t  *f = (fake_t *) state;

    if (f->wait || f->raced || lease <= 60000) {
        return NGX_DECLINED;
    }

    f->takes++;

    if (f->half_open) {
        f->half_open = 0;
        f->wait = 1000;
        f->probes++;
        return NGX_DONE;
    }

    return NGX_OK;
}


ngx_msec_t
ngx_http_llmbroker_state_cooling(ngx_http_llmbroker_state_t *state,
    ngx_msec_t now)
{
    return ((fake_t *) state)->cooling;
}


ngx_uint_t
ngx_http_llmbroker_state_in_flight(ngx_http_llmbroker_state_t *state)
{
    return ((fake_t *) state)->in_flight;
}


ngx_msec_t
ngx_http_llmbroker_state_ewma(ngx_http_llmbroker_state_t *state,
    ngx_msec_t now)
{
    return ((fake_t *) state)->ewma;
}


ngx_uint_t
ngx_http_llmbroker_state_turn(ngx_http_llmbroker_state_t *state)
{
    return __sync_fetch_and_add(&((fake_t *) state)->turn, 1);
}


ngx_http_llmbroker_member_t *
ngx_http_llmbroker_body_find(ngx_http_llmbroker_body_t *body, ngx_str_t *name)
{
    return (user.end && name->len == 4) ? &user : NULL;
}


ngx_int_t
ngx_http_llmbroker_body_bytes(ngx_pool_t *p, ngx_http_llmbroker_body_t *body,
    off_t from, off_t to, ngx_str_t *text)
{
    *text = user_text;
    text->len = ngx_min((size_t) (to - from), text->len);

    return body_rc;
}


ngx_http_variable_value_t *
ngx_http_get_indexed_variable(ngx_http_request_t *r, ngx_uint_t index)
{
    evaluated++;

    return &variables[index];
}
