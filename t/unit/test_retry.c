
/*
 * Copyright (C) LLMBroker contributors
 *
 * What becomes of a failed attempt: the class of each status, of codes and
 * messages that say more, when to come back by what headers, and how long to
 * wait otherwise.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "request/ngx_http_llmbroker_retry.h"
#include "unit.h"


#define NOW   1700000000     /* Tue, 14 Nov 2023 22:13:20 GMT */
#define NONE  -1

#define CLIENT   NGX_HTTP_LLMBROKER_CLASS_CLIENT
#define CONTEXT  NGX_HTTP_LLMBROKER_CLASS_CONTEXT
#define LIMIT    NGX_HTTP_LLMBROKER_CLASS_LIMIT
#define KEY      NGX_HTTP_LLMBROKER_CLASS_KEY
#define TIMEOUT  NGX_HTTP_LLMBROKER_CLASS_TIMEOUT
#define FAILURE  NGX_HTTP_LLMBROKER_CLASS_FAILURE


typedef struct {
    ngx_uint_t                   status;
    const char                  *code;
    const char                  *message;
    ngx_uint_t                   class;
} refusal_t;


static void test_statuses(void);
static void test_refusals(void);
static void test_table(void);
static void test_retry_after(void);
static void test_resets(void);
static void test_order(void);
static void test_hostile(void);
static void test_backoff(void);

static ngx_uint_t classify(ngx_uint_t status, const char *code,
    const char *message);
static void after(const char *lines, ngx_uint_t body, long long msec);


int
main(void)
{
    test_statuses();
    test_refusals();
    test_table();
    test_retry_after();
    test_resets();
    test_order();
    test_hostile();
    test_backoff();

    return done_testing();
}


static void
test_statuses(void)
{
    ngx_uint_t  i, status, wrong;

    static const struct {
        ngx_uint_t   status;
        ngx_uint_t   class;
    } classes[] = {
        { 0, FAILURE },
        { 101, FAILURE },
        { 200, NGX_HTTP_LLMBROKER_CLASS_SUCCESS },
        { 302, FAILURE },
        { 400, CLIENT },
        { 401, KEY },
        { 402, KEY },
        { 403, KEY },
        { 404, CLIENT },
        { 405, CLIENT },
        { 408, TIMEOUT },
        { 409, CLIENT },
        { 413, CLIENT },
        { 415, CLIENT },
        { 418, CLIENT },
        { 421, FAILURE },
        { 422, CLIENT },
        { 424, FAILURE },
        { 425, FAILURE },
        { 429, LIMIT },
        { 431, CLIENT },
        { 451, CLIENT },
        { 499, FAILURE },
        { 500, FAILURE },
        { 501, FAILURE },
        { 502, FAILURE },
        { 503, FAILURE },
        { 504, TIMEOUT },
        { 505, FAILURE },
        { 520, FAILURE },
        { 524, TIMEOUT },
        { 529, FAILURE },
        { 599, FAILURE },
        { 999, FAILURE },
    };

    for (i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        status = classes[i].status;
        ok(classify(status, "", "") == classes[i].class, "status %d",
           (int) status);
    }

    wrong = 0;

    for (status = 0; status < 100000; status++) {
        wrong += classify(status, "", "") >= NGX_HTTP_LLMBROKER_CLASS_LOCAL;
    }

    is(wrong, 0, "every status has a class");
}


static void
test_refusals(void)
{
    size_t  i;

    static const refusal_t  refusals[] = {
        { 400, "context_length_exceeded", "m", CONTEXT },
        { 413, "context_length_exceeded", "m", CONTEXT },
        { 422, "", "`inputs` tokens + `max_new_tokens` must be <= 4096",
          CONTEXT },
        { 400, "invalid_request_error", "This model's maximum context length "
          "is 8 tokens.", CONTEXT },
        { 400, "", "prompt is too long: 9 tokens > 8 maximum", CONTEXT },
        { 400, "invalid_parameter_error", "<400> InternalError: Range of "
          "input length should be [1, 30720]", CONTEXT },
        { 400, "", "The input token count (9) exceeds the maximum number of "
          "tokens allowed (8).", CONTEXT },
        { 400, "", "Input is too long for requested model.", CONTEXT },
        { 400, "Client specified an invalid argument", "This model's maximum "
          "prompt length is 8 but the request contains 9 tokens.", CONTEXT },
        { 413, "rate_limit_exceeded", "Request too large for model `m` on "
          "tokens per minute (TPM): Limit 6000, Requested 9000", CONTEXT },
        { 413, "tokens_limit_reached", "Request body too large for m model.",
          CONTEXT },

        { 413, "request_too_large", "Request exceeds the maximum size",
          CLIENT },
        { 400, "invalid_value", "Range of max_tokens should be [1, 2000]",
          CLIENT },
        { 400, "content_filter", "m", CLIENT },
        { 404, "context_length_exceeded", "m", CLIENT },
        { 500, "", "maximum context length", FAILURE },
        { 0, "context_length_exceeded", "maximum context length", FAILURE },

        { 429, "rate_limit_exceeded", "Please try again in 20s", LIMIT },
        { 429, "", "You exceeded your current quota, please check your plan "
          "and billing details.", LIMIT },
        { 429, "insufficient_quota", "You exceeded your current quota", KEY },
        { 429, "billing_hard_limit_reached", "m", KEY },
        { 429, "", "Insufficient balance or no resource package.", KEY },
        { 400, "Arrearage", "Access denied", KEY },
        { 402, "", "Insufficient Balance", KEY },
        { 403, "insufficient_quota", "m", KEY },
        { 400, "invalid_value", "bad: 'Insufficient balance'", CLIENT },

        { 403, "", "Your chosen model requires moderation and your input was "
          "flagged for \"x\".", CLIENT },
        { 403, "", "Content violates usage guidelines.", CLIENT },
        { 403, "unsupported_country_region_territory", "m", KEY },
        { 401, "", "was flagged", KEY },
    };

    for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        ok(classify(refusals[i].status, refusals[i].code,
                    refusals[i].message)
           == refusals[i].class, "%d [%s] %s", (int) refusals[i].status,
           refusals[i].code, refusals[i].message);
    }
}


static void
test_table(void)
{
    ngx_uint_t                         i;
    char                               got[64];
    const ngx_http_llmbroker_class_t  *c;

    /* next, fallback, cools, note (success, failure, neutral) */

    static const char  *expected[] = {
        "0000", "0002", "1102", "1012", "1012", "1001", "1001", "0002"
    };

    is(NGX_HTTP_LLMBROKER_CLASSES, 8, "eight classes");

    for (i = 0; i < NGX_HTTP_LLMBROKER_CLASSES; i++) {
        c = ngx_http_llmbroker_class(i);

        snprintf(got, sizeof(got), "%d%d%d%d", c->next, c->fallback, c->cools,
                 (int) c->note);
        is_str(got, strlen(got), expected[i], "what follows");
    }
}


static void
test_retry_after(void)
{
    after(NULL, 0, NONE);
    after("", 0, NONE);
    after("x-request-id: 1\n", 0, NONE);

    after("retry-after: 0\n", 0, 0);
    after("retry-after: 1\n", 0, 1000);
    after("retry-after: 0.5\n", 0, 500);
    after("retry-after: 20\n", 0, 20000);
    after("retry-after: 5s\n", 0, 5000);
    after("retry-after: 86400\n", 0, 3600000);
    after("retry-after: 1700000030\n", 0, 3600000);
    after("retry-after: 999999999999999999999999999\n", 0, 3600000);
    after("retry-after: Tue, 14 Nov 2023 22:13:30 GMT\n", 0, 10000);
    after("retry-after: Tuesday, 14-Nov-23 22:13:30 GMT\n", 0, 10000);
    after("retry-after: Tue Nov 14 22:13:30 2023\n", 0, 10000);
    after("retry-after: Tue, 14 Nov 2023 22:13:19 GMT\n", 0, 0);
    after("retry-after: Sun, 06 Nov 1994 08:49:37 GMT\n", 0, 0);
    after("retry-after: Fri, 31 Dec 2038 23:59:59 GMT\n", 0, 3600000);
    after("retry-after: 2023-11-14T22:13:30Z\n", 0, 10000);

    after("retry-after-ms: 341\n", 0, 341);
    after("retry-after-ms: 0\n", 0, 0);
    after("retry-after-ms: 1.2\n", 0, 2);
    after("retry-after-ms: 99999999999\n", 0, 3600000);
}


static void
test_resets(void)
{
    /* OpenAI, Groq: what is used up counts, the last of it */

    after("x-ratelimit-limit-requests: 60\n"
          "x-ratelimit-remaining-requests: 0\n"
          "x-ratelimit-remaining-tokens: 149\n"
          "x-ratelimit-reset-requests: 1s\n"
          "x-ratelimit-reset-tokens: 6m0s\n", 0, 1000);
    after("x-ratelimit-reset-requests: 20ms\n"
          "x-ratelimit-reset-tokens: 8.64s\n"
          "x-ratelimit-remaining-requests: 0\n"
          "x-ratelimit-remaining-tokens: 0\n", 0, 8640);
    after("x-ratelimit-reset-requests: 1m13.588s\n"
          "x-ratelimit-reset-tokens: 20ms\n"
          "x-ratelimit-remaining-requests: 7\n"
          "x-ratelimit-remaining-tokens: 9\n", 0, 20);
    after("x-ratelimit-reset-requests: 120ms\n"
          "x-ratelimit-reset-tokens: 0s\n"
          "x-ratelimit-remaining-requests: 7\n"
          "x-ratelimit-remaining-tokens: 9\n", 0, 120);
    after("x-ratelimit-reset-requests: 3s\n"
          "x-ratelimit-reset-tokens: 2s\n", 0, 2000);
    after("x-ratelimit-reset-tokens: 0s\n"
          "x-ratelimit-remaining-tokens: 9\n", 0, NONE);
    after("x-ratelimit-reset-tokens: 0s\n"
          "x-ratelimit-remaining-tokens: 0\n", 0, 0);

    /* Azure */

    after("x-ratelimit-reset-requests: 43\n"
          "x-ratelimit-remaining-requests: 0\n", 0, 43000);

    /* Anthropic's, as its dialect has renamed them */

    after("x-ratelimit-limit-tokens: 40000\n"
          "x-ratelimit-remaining-tokens: 0\n"
          "x-ratelimit-reset-tokens: 17s\n"
          "x-ratelimit-remaining-requests: 49\n"
          "x-ratelimit-reset-requests: 1s\n", 0, 17000);

    /* a gateway that leaves them as times */

    after("x-ratelimit-remaining-tokens: 0\n"
          "x-ratelimit-reset-tokens: 2023-11-14T22:13:37Z\n", 0, 17000);

    /* OpenRouter, GitHub: milliseconds and seconds since 1970 */

    after("x-ratelimit-limit: 20\n"
          "x-ratelimit-remaining: 0\n"
          "x-ratelimit-reset: 1700000060000\n", 0, 60000);
    after("x-ratelimit-remaining: 0\n"
          "x-ratelimit-reset: 1700000060\n", 0, 60000);
    after("x-ratelimit-reset: 2\n", 0, 2000);

    /* Cerebras */

    after("x-ratelimit-remaining-requests-day: 100\n"
          "x-ratelimit-remaining-tokens-minute: -5\n"
          "x-ratelimit-reset-requests-day: 33011.382867097855\n"
          "x-ratelimit-reset-tokens-minute: 11.382867097855\n", 0, 11383);

    after("x-ratelimit-resets: 5\n", 0, NONE);
    after("x-ratelimit-reset-tokens: soon\n"
          "x-ratelimit-remaining-tokens: 0\n", 0, NONE);
    after("x-ratelimit-reset-tokens: soon\n"
          "x-ratelimit-remaining-tokens: 0\n"
          "x-ratelimit-reset-requests: 3s\n", 0, 3000);
    after("x-ratelimit-reset-tokens: 4s\n"
          "x-ratelimit-remaining-tokens: 0.0\n", 0, 4000);
    after("x-ratelimit-reset-tokens: 24h0m0s\n"
          "x-ratelimit-remaining-tokens: 0\n", 0, 3600000);
}


/* whose word counts */

static void
test_order(void)
{
#define RESET  "x-ratelimit-reset: 9\n"

    after(RESET "retry-after: 2\nretry-after-ms: 1500\n", 7, 1500);
    after(RESET "retry-after: 2\n", 7, 2000);
    after(RESET, 7, 7000);
    after(RESET, 0, 9000);
    after(RESET "retry-after: soon\n", 0, 9000);
    after("retry-after-ms: -1\nretry-after: 2\n", 0, 2000);
    after("retry-after: -1\n", 7, 7000);
    after(NULL, 7, 7000);
    after(NULL, 4000, 3600000);
    after(NULL, NGX_MAX_UINT32_VALUE, 3600000);
}


static void
test_hostile(void)
{
    after("retry-after: \n", 0, NONE);
    after("retry-after: -1\n", 0, NONE);
    after("retry-after: +1\n", 0, NONE);
    after("retry-after: 1e3\n", 0, NONE);
    after("retry-after: 1, 2\n", 0, NONE);
    after("retry-after: 10 please\n", 0, NONE);
    after("retry-after: tomorrow\n", 0, NONE);
    after("retry-after: Tue, 14 Nov 2023\n", 0, NONE);
    after("retry-after: Tue, 99 Foo 2023 99:99:99 GMT\n", 0, NONE);
    after("retry-after: \xff\xfe\n", 0, NONE);
    after("retry-after-ms: Tue\n", 0, NONE);
    after("retry-after-ms: -341\n", 0, NONE);
    after("x-ratelimit-reset: -1\n", 0, NONE);
    after("x-ratelimit-reset-: 1\nx-ratelimit-remaining-: \n", 0, 1000);
    after("retry-after2: 5\nretry-afte: 5\nx-retry-after: 5\n", 0, NONE);
}


static void
test_backoff(void)
{
    ngx_msec_t  msec, low, high;
    ngx_uint_t  i, n, wrong;

    static const ngx_msec_t  limits[] = { 100, 200, 400, 800, 1000, 1000 };

    for (n = 0; n < 6; n++) {
        wrong = 0;
        low = NGX_MAX_INT32_VALUE;
        high = 0;

        for (i = 0; i < 10000; i++) {
            msec = ngx_http_llmbroker_backoff(100, 1000, n);

            wrong += msec > limits[n];
            low = ngx_min(low, msec);
            high = ngx_max(high, msec);
        }

        ok(wrong == 0 && low < limits[n] / 20
           && high > limits[n] - limits[n] / 20,
           "0 to %d msec before attempt %d", (int) limits[n], (int) n);
    }

    is(ngx_http_llmbroker_backoff(0, 1000, 7), 0, "no base");
    is(ngx_http_llmbroker_backoff(100, 0, 7), 0, "no maximum");
    ok(ngx_http_llmbroker_backoff(100, 50, 0) <= 50, "a small maximum");

    wrong = 0;

    for (i = 0; i < 1000; i++) {
        wrong += ngx_http_llmbroker_backoff(1, 5000, i) > 5000;
        wrong += ngx_http_llmbroker_backoff((ngx_msec_t) -1,
                                            (ngx_msec_t) -1, i)
                 > NGX_MAX_INT32_VALUE;
    }

    is(wrong, 0, "nothing overflows");
}


static ngx_uint_t
classify(ngx_uint_t status, const char *code, const char *message)
{
    ngx_str_t  c, m;

    c.len = strlen(code);
    c.data = c.len ? (u_char *) code : NULL;
    m.len = strlen(message);
    m.data = m.len ? (u_char *) message : NULL;

    return ngx_http_llmbroker_classify(status, &c, &m);
}


/* one test: headers as lines, each in memory of its own; NULL: no array */

static void
after(const char *lines, ngx_uint_t body, long long expected)
{
    char           name[512];
    u_char        *p;
    size_t         n;
    ngx_pool_t    *pool;
    const char    *line, *colon, *end;
    ngx_array_t   *headers;
    ngx_msec_t     msec;
    ngx_keyval_t  *h;

    pool = ngx_create_pool(4096, &ngx_shim_log);
    headers = lines ? ngx_array_create(pool, 4, sizeof(ngx_keyval_t)) : NULL;

    for (line = lines; line && *line; line = end + 1) {
        colon = strstr(line, ": ");
        end = strchr(line, '\n');

        h = ngx_array_push(headers);
        n = colon - line;
        p = ngx_pnalloc(pool, n);
        memcpy(p, line, n);
        h->key.len = n;
        h->key.data = p;

        n = end - colon - 2;
        p = ngx_pnalloc(pool, n ? n : 1);
        memcpy(p, colon + 2, n);
        h->value.len = n;
        h->value.data = p;
    }

    msec = ngx_http_llmbroker_retry_after(headers, body, NOW);

    snprintf(name, sizeof(name), "%s", lines ? lines : "no headers");

    for (n = 0; name[n]; n++) {
        name[n] = (name[n] == '\n') ? ' ' : name[n];
    }

    is(msec == (ngx_msec_t) -1 ? NONE : (long long) msec, expected, name);

    ngx_destroy_pool(pool);
}
