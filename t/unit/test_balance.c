
/*
 * Copyright (C) LLMBroker contributors
 *
 * Which of several deployments is chosen: the tiers and turns that a model's
 * deployments become, and each rule of choosing by itself.  Shares are counted
 * over the 2,000 picks for which they are promised.
 */


#include "unit.h"
#include "config/ngx_http_llmbroker_conf_tier.h"
#include "request/ngx_http_llmbroker_balance.h"


#define PICKS  2000
#define MAX    16


static void test_turns(ngx_pool_t *pool);
static void test_shares(ngx_pool_t *pool);
static void test_tiers(ngx_pool_t *pool);
static void test_ids(ngx_pool_t *pool);
static void test_divisor(ngx_pool_t *pool);
static void test_no_memory(ngx_pool_t *pool);
static void test_weighted(void);
static void test_independent(void);
static void test_busy(void);
static void test_pair(void);
static void test_faster(void);
static void test_affinity(void);
static void test_affinity_weights(void);

static void make(ngx_http_llmbroker_model_t *model,
    ngx_http_llmbroker_deployment_t *d, ngx_uint_t n,
    const ngx_uint_t *weights);
static void candidates(ngx_http_llmbroker_candidate_t *c, ngx_uint_t n);
static const char *turns(ngx_http_llmbroker_tier_t *tier);
static int near(ngx_uint_t got, double expected, double percent);


int
main(void)
{
    ngx_pool_t  *pool;

    pool = ngx_create_pool(4096, &ngx_shim_log);

    test_turns(pool);
    test_shares(pool);
    test_tiers(pool);
    test_ids(pool);
    test_divisor(pool);
    test_no_memory(pool);
    test_weighted();
    test_independent();
    test_busy();
    test_pair();
    test_faster();
    test_affinity();
    test_affinity_weights();

    ngx_destroy_pool(pool);

    return done_testing();
}


static void
test_turns(ngx_pool_t *pool)
{
    size_t                            i;
    ngx_http_llmbroker_model_t        model;
    ngx_http_llmbroker_deployment_t   d[MAX];

    static const struct {
        ngx_uint_t   n;
        ngx_uint_t   weights[3];
        const char  *turns;
    } rows[] = {
        { 2, { 1, 1 }, "a0 b0" },
        { 2, { 3, 1 }, "a0 a1 b0 a2" },
        { 2, { 1, 3 }, "b0 a0 b1 b2" },
        { 2, { 300, 100 }, "a0 a1 b0 a2" },
        { 3, { 1, 1, 1 }, "a0 b0 c0" },
        { 3, { 5, 1, 1 }, "a0 a1 b0 a2 c0 a3 a4" },
        { 3, { 2, 4, 6 }, "c0 b0 a0 c1 b1 c2" }
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        make(&model, d, rows[i].n, rows[i].weights);

        is(ngx_http_llmbroker_conf_tiers(pool, &model), NGX_OK, "tiers");
        is_str(turns(model.tiers), strlen(turns(model.tiers)), rows[i].turns,
               rows[i].turns);
    }
}


/* every 2,000 picks in a row, beginning anywhere */

static void
test_shares(ngx_pool_t *pool)
{
    int                               bad;
    size_t                            i;
    ngx_uint_t                        j, k, sum, at, count[MAX];
    ngx_http_llmbroker_tier_t        *tier;
    ngx_http_llmbroker_model_t        model;
    ngx_http_llmbroker_candidate_t    c[MAX];
    ngx_http_llmbroker_deployment_t   d[MAX];

    static const struct {
        ngx_uint_t   n;
        ngx_uint_t   weights[10];
        ngx_uint_t   length;
    } rows[] = {
        { 2, { 1, 1 }, 2 },
        { 2, { 3, 1 }, 4 },
        { 3, { 5, 3, 2 }, 10 },
        { 3, { 70, 20, 10 }, 10 },
        { 3, { 7, 5, 3 }, 15 },
        { 4, { 100, 50, 25, 26 }, 201 },
        { 10, { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, 55 },
        { 3, { 500, 300, 224 }, 256 },
        { 3, { 3333, 3334, 3333 }, 0 },
        { 2, { 1000000, 999999 }, 0 },
        { 4, { 1009, 757, 503, 251 }, 0 },
        { 5, { 10007, 10009, 10037, 10039, 10061 }, 0 }
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {

        make(&model, d, rows[i].n, rows[i].weights);
        candidates(c, MAX);

        if (!is(ngx_http_llmbroker_conf_tiers(pool, &model), NGX_OK, "tiers"))
        {
            continue;
        }

        tier = model.tiers;

        is(tier->length, rows[i].length, "the length of a sequence");

        for (sum = 0, j = 0; j < rows[i].n; j++) {
            sum += rows[i].weights[j];
            c[j].weight = rows[i].weights[j];
        }

        for (bad = 0, at = 0; at < 100000; at += 997) {

            ngx_memzero(count, sizeof(count));

            for (k = at; k < at + PICKS; k++) {
                j = tier->length
                    ? tier->sequence[k % tier->length].index
                    : ngx_http_llmbroker_balance_weighted(c, tier->n, k, 0);

                count[j]++;
            }

            for (j = 0; j < rows[i].n; j++) {
                bad += !near(count[j], (double) PICKS * rows[i].weights[j]
                                       / sum, 1);
            }
        }

        is(bad, 0, "shares within 1 % of the picks");
    }
}


static void
test_tiers(ngx_pool_t *pool)
{
    ngx_uint_t                        i;
    ngx_http_llmbroker_model_t        model;
    ngx_http_llmbroker_deployment_t   d[MAX];

    static const ngx_uint_t  weights[] = { 1, 2, 1, 1, 1, 1 };
    static const ngx_uint_t  priority[] = { 5, 0, 5, 0, 0, 7 };

    make(&model, d, 6, weights);

    for (i = 0; i < 6; i++) {
        d[i].priority = priority[i];
    }

    ngx_str_set(&d[3].missing, "KEY");
    ngx_str_set(&d[5].missing, "KEY");

    is(ngx_http_llmbroker_conf_tiers(pool, &model), NGX_OK, "tiers");
    is(model.ntiers, 2, "a tier for each priority of a usable deployment");

    ok(model.tiers[0].n == 2
       && model.tiers[0].deployments[0] == &d[1]
       && model.tiers[0].deployments[1] == &d[4],
       "the lowest number first, without those that miss a variable");

    is_str(turns(&model.tiers[0]), strlen(turns(&model.tiers[0])),
           "a0 b0 a1", "turns are of a tier");

    ok(model.tiers[1].n == 2
       && model.tiers[1].deployments[0] == &d[0]
       && model.tiers[1].deployments[1] == &d[2],
       "the file's order in a tier");

    for (i = 0; i < 6; i++) {
        ngx_str_set(&d[i].missing, "KEY");
    }

    is(ngx_http_llmbroker_conf_tiers(pool, &model), NGX_OK, "none usable");
    is(model.ntiers, 0, "none usable: no tier");

    make(&model, d, 1, weights);

    is(ngx_http_llmbroker_conf_tiers(pool, &model), NGX_OK, "one");
    ok(model.ntiers == 1 && model.tiers[0].n == 1, "one deployment, one tier");
}


static void
test_ids(ngx_pool_t *pool)
{
    uint64_t                          before[4];
    ngx_str_t                         text;
    ngx_uint_t                        i;
    ngx_http_llmbroker_model_t        model;
    ngx_http_llmbroker_deployment_t   d[MAX];

    static const ngx_uint_t  weights[] = { 1, 1, 1, 1 };

    make(&model, d, 4, weights);

    (void) ngx_http_llmbroker_conf_tiers(pool, &model);

    ngx_memcpy(before, model.tiers->ids, sizeof(before));

    text = d[0].base_url;
    d[0].base_url = d[3].base_url;
    d[3].base_url = text;

    text = d[0].target.model;
    d[0].target.model = d[3].target.model;
    d[3].target.model = text;

    (void) ngx_http_llmbroker_conf_tiers(pool, &model);

    ok(model.tiers->ids[0] == before[3] && model.tiers->ids[3] == before[0]
       && model.tiers->ids[1] == before[1],
       "ids stay when the file is sorted otherwise");

    d[1].weight = 9;
    ngx_str_set(&d[0].missing, "KEY");

    (void) ngx_http_llmbroker_conf_tiers(pool, &model);

    ok(model.tiers->ids[0] == before[1] && model.tiers->ids[2] == before[0],
       "ids stay when another deployment goes, or a weight changes");

    ngx_str_null(&d[0].missing);

    for (i = 1; i < 3; i++) {
        d[i].base_url = d[0].base_url;
        d[i].target.model = d[0].target.model;
    }

    (void) ngx_http_llmbroker_conf_tiers(pool, &model);

    ok(model.tiers->ids[0] == before[3]
       && model.tiers->ids[1] != model.tiers->ids[0]
       && model.tiers->ids[2] != model.tiers->ids[0]
       && model.tiers->ids[2] != model.tiers->ids[1],
       "equal deployments with different keys have different ids");
}


/* what is kept of a file with more deployments than turns */

static void
test_divisor(ngx_pool_t *pool)
{
    ngx_uint_t                        i, n;
    ngx_http_llmbroker_model_t        model;
    ngx_http_llmbroker_deployment_t  *d;

    n = NGX_HTTP_LLMBROKER_TIER_TURNS + 1;

    d = calloc(n, sizeof(ngx_http_llmbroker_deployment_t));
    if (d == NULL) {
        exit(2);
    }

    for (i = 0; i < n; i++) {
        d[i].weight = 12;
    }

    ngx_memzero(&model, sizeof(model));

    model.deployments = d;
    model.ndeployments = n;

    is(ngx_http_llmbroker_conf_tiers(pool, &model), NGX_OK, "very many");
    is(model.tiers->divisor, 12, "the divisor of all weights");
    is(model.tiers->length, 0, "no sequence for more than 1024");

    model.ndeployments = n - 1;

    is(ngx_http_llmbroker_conf_tiers(pool, &model), NGX_OK, "many");
    is(model.tiers->length, n - 1, "a sequence of 1024 turns");

    free(d);
}


static void
test_no_memory(ngx_pool_t *pool)
{
    ngx_int_t                         i, rc;
    ngx_http_llmbroker_model_t        model;
    ngx_http_llmbroker_deployment_t   d[MAX];

    static const ngx_uint_t  weights[] = { 3, 1 };

    make(&model, d, 2, weights);

    for (i = 0; i < 10; i++) {
        ngx_shim_allocs_left = i;
        rc = ngx_http_llmbroker_conf_tiers(pool, &model);

        if (rc == NGX_OK) {
            break;
        }
    }

    ngx_shim_allocs_left = -1;

    ok(i > 2 && i < 10, "each allocation may fail");
}


/*
 * One of three is ejected: its turns, counted, go to the other two by weight,
 * and so evenly that each has its share of any hundred of them.
 */

static void
test_weighted(void)
{
    int                              bad;
    ngx_uint_t                       i, j, n, at, last, gap, count[2];
    ngx_http_llmbroker_candidate_t   c[MAX];

    static const ngx_uint_t  weights[][2] = {
        { 1, 1 }, { 3, 1 }, { 1, 3 }, { 2, 1 }, { 9, 1 }
    };

    for (i = 0; i < sizeof(weights) / sizeof(weights[0]); i++) {

        candidates(c, 2);

        c[0].weight = weights[i][0];
        c[1].weight = weights[i][1];

        for (n = 0; n < 8; n++) {
            bad = 0;
            gap = 0;

            for (at = 0; at < 50000; at += 997) {

                count[0] = 0;
                count[1] = 0;
                last = at;

                for (j = at; j < at + PICKS; j++) {

                    if (ngx_http_llmbroker_balance_weighted(c, 2, j, n) == 0) {
                        count[0]++;
                        gap = ngx_max(gap, j - last);
                        last = j;
                        continue;
                    }

                    count[1]++;
                }

                bad += !near(count[0], (double) PICKS * weights[i][0]
                                       / (weights[i][0] + weights[i][1]), 1);
            }

            is(bad, 0, "shares of the rest within 1 %");
            ok(gap <= 16, "none waits long for its turn: %u", (unsigned) gap);
        }
    }

    candidates(c, 1);

    is(ngx_http_llmbroker_balance_weighted(c, 1, 12345, 3), 0, "one of one");
}


/* the second choice of those whose first fell on one is as even as the first */

static void
test_independent(void)
{
    int                              bad;
    ngx_uint_t                       a, b, i, n, count[3][3], total[3];
    ngx_http_llmbroker_candidate_t   c[MAX];

    for (n = 0; n < 7; n++) {

        ngx_memzero(count, sizeof(count));
        ngx_memzero(total, sizeof(total));

        candidates(c, 3);

        for (i = 0; i < 6 * PICKS; i++) {
            a = ngx_http_llmbroker_balance_weighted(c, 3, i, n);
            b = ngx_http_llmbroker_balance_weighted(c, 3, i, n + 1);

            total[a]++;
            count[a][b]++;
        }

        for (bad = 0, i = 0; i < 9; i++) {
            bad += !near(count[i / 3][i % 3], total[i / 3] / 3.0, 2);
        }

        is(bad, 0, "choices by one ticket are independent");
    }
}


static void
test_busy(void)
{
    ngx_uint_t                       i, count[4];
    ngx_http_llmbroker_candidate_t   c[MAX];

    candidates(c, 4);

    c[0].in_flight = 3;
    c[1].in_flight = 1;
    c[2].in_flight = 2;
    c[3].in_flight = 4;

    is(ngx_http_llmbroker_balance_busy(c, 4, 7), 1, "the fewest in flight");

    c[3].weight = 5;

    is(ngx_http_llmbroker_balance_busy(c, 4, 7), 3, "... for its weight");

    c[1].in_flight = 0;
    c[2].in_flight = 0;
    c[3].in_flight = 0;

    ngx_memzero(count, sizeof(count));

    for (i = 0; i < 300; i++) {
        count[ngx_http_llmbroker_balance_busy(c, 4, i)]++;
    }

    ok(count[0] == 0 && count[1] == 100 && count[2] == 100 && count[3] == 100,
       "those that tie take turns");

    candidates(c, 3);

    c[0].in_flight = 2;
    c[1].in_flight = 4;
    c[1].weight = 2;
    c[2].in_flight = 3;

    ngx_memzero(count, sizeof(count));

    for (i = 0; i < 300; i++) {
        count[ngx_http_llmbroker_balance_busy(c, 3, i)]++;
    }

    ok(count[0] == 150 && count[1] == 150, "2 of 1 and 4 of 2 tie");

    is(ngx_http_llmbroker_balance_busy(c, 1, 5), 0, "one of one");
}


static void
test_pair(void)
{
    int         bad;
    ngx_uint_t  i, n, pair[2], count[MAX];

    for (n = 2; n <= 10; n += 4) {

        ngx_memzero(count, sizeof(count));

        for (bad = 0, i = 0; i < 100 * PICKS; i++) {
            ngx_http_llmbroker_balance_pair(n, i, pair);

            if (pair[0] >= n || pair[1] >= n || pair[0] == pair[1]) {
                bad++;
                continue;
            }

            count[pair[0]]++;
            count[pair[1]]++;
        }

        is(bad, 0, "two different places");

        for (bad = 0, i = 0; i < n; i++) {
            bad += !near(count[i], 200.0 * PICKS / n, 1);
        }

        is(bad, 0, "each is looked at as often");
    }
}


static void
test_faster(void)
{
    size_t                           i;
    ngx_http_llmbroker_candidate_t   c[2];

    static const struct {
        ngx_msec_t   latency[2];
        ngx_uint_t   in_flight[2];
        ngx_uint_t   weight[2];
        ngx_uint_t   two;
        const char  *name;
    } rows[] = {
        { { 100, 50 }, { 0, 0 }, { 1, 1 }, 1, "the faster" },
        { { 50, 100 }, { 0, 0 }, { 1, 1 }, 0, "... whichever it is" },
        { { 50, 100 }, { 1, 0 }, { 1, 1 }, 0, "one that ties stays" },
        { { 50, 100 }, { 2, 0 }, { 1, 1 }, 1, "calls in flight count" },
        { { 50, 100 }, { 0, 0 }, { 1, 9 }, 0, "weights do not" },
        { { 50, 0 }, { 0, 0 }, { 1, 1 }, 1, "an unknown one is tried" },
        { { 0, 50 }, { 0, 0 }, { 1, 1 }, 0, "... wherever it is" },
        { { 50, 0 }, { 0, 1 }, { 1, 1 }, 0, "... by a single call" },
        { { 50, 0 }, { 2, 1 }, { 1, 1 }, 1, "... or when others are busy" },
        { { 0, 50 }, { 1, 0 }, { 1, 1 }, 1, "... by a single call, first" },
        { { 0, 0 }, { 1, 0 }, { 1, 1 }, 1, "both unknown: the idle one" },
        { { 0, 0 }, { 0, 0 }, { 1, 1 }, 0, "both unknown and idle" }
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {

        candidates(c, 2);

        c[0].latency = rows[i].latency[0];
        c[1].latency = rows[i].latency[1];
        c[0].in_flight = rows[i].in_flight[0];
        c[1].in_flight = rows[i].in_flight[1];
        c[0].weight = rows[i].weight[0];
        c[1].weight = rows[i].weight[1];

        is(ngx_http_llmbroker_balance_faster(&c[0], &c[1]), rows[i].two,
           rows[i].name);
    }
}


/* one of five goes: its keys are dealt out, all others stay; it comes back */

static void
test_affinity(void)
{
    int                              moved;
    uint64_t                         key;
    ngx_uint_t                       i, n, home, count[5];
    ngx_http_llmbroker_candidate_t   c[MAX], rest[MAX];

    candidates(c, 5);

    ngx_memzero(count, sizeof(count));

    for (moved = 0, n = 0, i = 0; i < 50000; i++) {
        key = ngx_http_llmbroker_conf_hash(0, (u_char *) &i, sizeof(i));

        home = c[ngx_http_llmbroker_balance_affinity(c, 5, key)].index;

        rest[0] = c[4];
        rest[1] = c[1];
        rest[2] = c[0];
        rest[3] = c[3];

        n = rest[ngx_http_llmbroker_balance_affinity(rest, 4, key)].index;

        if (home == 2) {
            count[n]++;

        } else if (n != home) {
            moved++;
        }
    }

    is(moved, 0, "no key of the others moves, in whatever order they are");

    n = count[0] + count[1] + count[3] + count[4];

    ok(near(n, 10000, 5), "a fifth of the keys was there: %u", (unsigned) n);

    ok(near(count[0], n / 4.0, 5) && near(count[1], n / 4.0, 5)
       && near(count[3], n / 4.0, 5) && near(count[4], n / 4.0, 5),
       "they are dealt out to all others");

    is(ngx_http_llmbroker_balance_affinity(c, 1, 1), 0, "one of one");
}


static void
test_affinity_weights(void)
{
    int                              bad;
    uint64_t                         key;
    ngx_uint_t                       i, j, count[3];
    ngx_http_llmbroker_candidate_t   c[MAX];

    static const ngx_uint_t  weights[][3] = {
        { 1, 1, 1 }, { 3, 1, 1 }, { 1, 2, 7 }
    };

    for (i = 0; i < sizeof(weights) / sizeof(weights[0]); i++) {

        candidates(c, 3);
        ngx_memzero(count, sizeof(count));

        for (j = 0; j < 3; j++) {
            c[j].weight = weights[i][j];
        }

        for (j = 0; j < 100000; j++) {
            key = ngx_http_llmbroker_conf_hash(0, (u_char *) &j, sizeof(j));
            count[ngx_http_llmbroker_balance_affinity(c, 3, key)]++;
        }

        for (bad = 0, j = 0; j < 3; j++) {
            bad += !near(count[j], 100000.0 * weights[i][j]
                                   / (weights[i][0] + weights[i][1]
                                      + weights[i][2]), 5);
        }

        is(bad, 0, "the weights are the shares of the keys, within 5 %");
    }
}


static void
make(ngx_http_llmbroker_model_t *model, ngx_http_llmbroker_deployment_t *d,
    ngx_uint_t n, const ngx_uint_t *weights)
{
    ngx_uint_t  i;

    static ngx_str_t  urls[] = {
        ngx_string("http://a/v1"), ngx_string("http://b/v1"),
        ngx_string("http://c/v1"), ngx_string("http://d/v1")
    };

    ngx_memzero(model, sizeof(*model));
    ngx_memzero(d, MAX * sizeof(*d));

    model->deployments = d;
    model->ndeployments = n;

    for (i = 0; i < n; i++) {
        d[i].weight = weights[i];
        d[i].base_url = urls[i % 4];
        ngx_str_set(&d[i].target.model, "m");
    }
}


static void
candidates(ngx_http_llmbroker_candidate_t *c, ngx_uint_t n)
{
    u_char      name[2];
    ngx_uint_t  i;

    ngx_memzero(c, n * sizeof(*c));

    for (i = 0; i < n; i++) {
        name[0] = 'a' + i;

        c[i].index = i;
        c[i].weight = 1;
        c[i].id = ngx_http_llmbroker_conf_hash(0, name, 1);
    }
}


/* "a0 a1 b0": deployments, and which of its turns each turn is */

static const char *
turns(ngx_http_llmbroker_tier_t *tier)
{
    u_char      *p;
    ngx_uint_t   i;

    static u_char  text[512];

    p = text;

    for (i = 0; i < tier->length; i++) {
        p = ngx_slprintf(p, text + sizeof(text) - 1, "%s%c%ui", i ? " " : "",
                         'a' + tier->sequence[i].index,
                         (ngx_uint_t) tier->sequence[i].nth);
    }

    *p = '\0';

    return (char *) text;
}


/* within so many percent of the share, or by no more than two picks */

static int
near(ngx_uint_t got, double expected, double percent)
{
    double  off;

    off = (double) got - expected;
    off = (off < 0) ? -off : off;

    return off <= 2 || off * 100 <= expected * percent;
}
