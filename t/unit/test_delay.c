
/*
 * Copyright (C) LLMBroker contributors
 *
 * How long a provider wants to be left alone: each form in which one says it,
 * and garbage, which says nothing.
 */


#include "exchange.h"
#include "provider/ngx_http_llmbroker_delay.h"


#define NOW   1700000000     /* Tue, 14 Nov 2023 22:13:20 GMT */
#define NONE  -1
#define HOUR  3600000


typedef struct {
    const char                  *text;
    long long                    msec;
} delay_t;


static void test_numbers(void);
static void test_durations(void);
static void test_dates(void);
static void test_times(void);
static void test_garbage(void);
static void test_cut(void);
static void test_members(void);
static void test_words(void);
static void test_dialects(void);

static void delays(const delay_t *d, ngx_msec_t unit, ngx_uint_t times);
static long long delay(const char *text, ngx_msec_t unit, ngx_uint_t times);
static void body(const char *text, ngx_uint_t status, ngx_uint_t seconds);


int
main(void)
{
    test_numbers();
    test_durations();
    test_dates();
    test_times();
    test_garbage();
    test_cut();
    test_members();
    test_words();
    test_dialects();

    return done_testing();
}


static void
test_numbers(void)
{
    static const delay_t  seconds[] = {
        { "0", 0 },
        { "1", 1000 },
        { "007", 7000 },
        { "0.5", 500 },
        { "1.2345", 1235 },
        { "0.0001", 1 },
        { "0.00000000001", 0 },
        { "11.382867097855", 11383 },
        { "3599.9", 3599900 },
        { "3600", HOUR },
        { "86400", HOUR },
        { "1700000001", HOUR },
        { "99999999999999999999999999", HOUR },
        { NULL, 0 }
    };

    static const delay_t  milliseconds[] = {
        { "0", 0 },
        { "341", 341 },
        { "340.2", 341 },
        { "3600001", HOUR },
        { "1700000001000", HOUR },
        { NULL, 0 }
    };

    delays(seconds, 1000, 0);
    delays(milliseconds, 1, 0);
}


static void
test_durations(void)
{
    static const delay_t  d[] = {
        { "1s", 1000 },
        { "8.64s", 8640 },
        { "120ms", 120 },
        { "6m0s", 360000 },
        { "1m13.588s", 73588 },
        { "1h", HOUR },
        { "24h0m0s", HOUR },
        { "59m59.999s", 3599999 },
        { "1d", HOUR },
        { "0s", 0 },
        { "90us", 1 },
        { "59.999\xc2\xb5s", 1 },
        { "7\xce\xbcs", 1 },
        { "12ns", 1 },
        { "5 seconds", 5000 },
        { "1 minute", 60000 },
        { "2minutes", 120000 },
        { "3S", 3000 },
        { "99999999999999999999h", HOUR },
        { "1000000s1000000s1000000s", HOUR },
        { NULL, 0 }
    };

    delays(d, 1000, 0);
    delays(d, 1, 1);
}


static void
test_dates(void)
{
    static const delay_t  d[] = {
        { "Tue, 14 Nov 2023 22:13:30 GMT", 10000 },
        { "Tuesday, 14-Nov-23 22:13:30 GMT", 10000 },
        { "Tue Nov 14 22:13:30 2023", 10000 },
        { "Tue, 14 Nov 2023 22:13:20 GMT", 0 },
        { "Sun, 06 Nov 1994 08:49:37 GMT", 0 },
        { "Fri, 31 Dec 2038 23:59:59 GMT", HOUR },
        { "Tue, 14 Nov 2023", NONE },

        { "2023-11-14T22:13:30Z", 10000 },
        { "2023-11-14t22:13:30.999999z", 10000 },
        { "2023-11-14 22:13:30Z", 10000 },
        { "2023-11-14T23:13:30+01:00", 10000 },
        { "2023-11-14T16:43:30-05:30", 10000 },
        { "2023-11-14T22:13:10Z", 0 },
        { "1969-12-31T23:59:58Z", 0 },
        { "2923-11-14T22:13:30Z", HOUR },
        { "2023-11-14T22:13:30", NONE },
        { "2023-11-14T22:13:30.", NONE },
        { "2023-11-14T22:13:30X", NONE },
        { "2023-11-14T22:13:30ZZ", NONE },
        { "2023-11-14T22:13:30+0100", NONE },
        { "2023-11-14T22:13:30+01:00Z", NONE },
        { "2023-11-14T22:13:30-1", NONE },
        { "2023-13-14T22:13:30Z", NONE },
        { "2023-00-14T22:13:30Z", NONE },
        { "2023-11-32T22:13:30Z", NONE },
        { "2023-11-14T24:13:30Z", NONE },
        { "2023-11-14T22:60:30Z", NONE },
        { "2023-11-14", NONE },
        { "2023-11-14T", NONE },
        { "23-11-14T22:13:30Z", NONE },
        { NULL, 0 }
    };

    delays(d, 1000, 0);
}


/* numbers that are times, where they may be */

static void
test_times(void)
{
    static const delay_t  d[] = {
        { "30", 30000 },
        { "0.5", 500 },
        { "999999999", HOUR },
        { "1700000030", 30000 },
        { "1700000030.7", 30000 },
        { "1699999999", 0 },
        { "1700000029001", 30000 },
        { "1700000030000", 30000 },
        { "1600000000000", 0 },
        { "1741305600000", HOUR },
        { "99999999999999999999999999", HOUR },
        { NULL, 0 }
    };

    delays(d, 1000, 1);
}


static void
test_garbage(void)
{
    static const delay_t  d[] = {
        { "", NONE },
        { " ", NONE },
        { "-1", NONE },
        { "-1s", NONE },
        { "+1", NONE },
        { ".5", NONE },
        { "5.", NONE },
        { "1.2.3", NONE },
        { "1,5", NONE },
        { "1, 2", NONE },
        { "1e3", NONE },
        { "0x10", NONE },
        { "nan", NONE },
        { "inf", NONE },
        { "soon", NONE },
        { "s", NONE },
        { "5x", NONE },
        { "5 parsecs", NONE },
        { "1h30", NONE },
        { "5s ", NONE },
        { "5  s", NONE },
        { "5;", NONE },
        { "\xff\xff\xff\xff", NONE },
        { "5\xff", NONE },
        { NULL, 0 }
    };

    delays(d, 1000, 0);
    delays(d, 1, 1);
}


/* what is behind a text is not read */

static void
test_cut(void)
{
    u_char      *p;
    size_t       n, len;
    ngx_str_t    text;
    ngx_uint_t   i;

    static const char  *texts[] = {
        "1m13.588s", "Tue, 14 Nov 2023 22:13:30 GMT",
        "2023-11-14T22:13:30.25+01:00", "12 minutes", NULL
    };

    for (i = 0; texts[i]; i++) {
        len = strlen(texts[i]);

        for (n = 0; n <= len; n++) {
            p = malloc(n ? n : 1);
            memcpy(p, texts[i], n);

            text.data = p;
            text.len = n;

            (void) ngx_http_llmbroker_delay(&text, 1000, 1, NOW);

            free(p);
        }

        ok(1, "%s, cut at every byte", texts[i]);
    }
}


static void
test_members(void)
{
    body("{\"error\":{\"code\":429,\"message\":\"m\",\"details\":["
         "{\"@type\":\"t\"},{\"retryDelay\":\"3s\"}]}}", 429, 3);
    body("[{\"error\":{\"code\":429,\"details\":[{\"retryDelay\":"
         "\"34.074824224s\"}]}}]", 429, 35);
    body("{\"error\":{\"message\":\"m\",\"retry_after\":7}}", 429, 7);
    body("{\"error\":{\"message\":\"m\",\"retry_after\":0.2}}", 503, 1);
    body("{\"message\":\"m\",\"retry_after\":\"9\"}", 429, 9);
    body("{\"error\":{\"message\":\"m\",\"metadata\":{"
         "\"retry_after_seconds\":4}}}", 429, 4);
    body("{\"error\":{\"message\":\"Rate limit exceeded\",\"code\":429,"
         "\"metadata\":{\"headers\":{\"X-RateLimit-Remaining\":\"0\","
         "\"X-RateLimit-Reset\":\"1700000060000\"}}}}", 429, 60);

    body("{\"error\":{\"message\":\"m\",\"details\":1,\"retry_after\":null,"
         "\"metadata\":[1]}}", 429, 0);
    body("{\"error\":{\"message\":\"m\",\"retry_after\":-5}}", 429, 0);
    body("{\"error\":{\"message\":\"m\",\"retry_after\":{\"a\":1}}}", 429, 0);
    body("{\"error\":\"m\"}", 429, 0);
    body("null", 429, 0);
    body("[]", 429, 0);
}


static void
test_words(void)
{
#define SAYS(text)  "{\"error\":{\"message\":\"" text "\"}}"

    body(SAYS("Rate limit reached for m on tokens per min. Please try again "
              "in 6m0s. Visit https://example.com to learn more."), 429, 360);
    body(SAYS("Please try again in 20ms."), 429, 1);
    body(SAYS("Please try again in 7.66s"), 429, 8);
    body(SAYS("Please retry after 55 seconds. More."), 429, 55);
    body(SAYS("please try again after 1 seconds"), 429, 1);
    body(SAYS("Please retry in 34.07s."), 429, 35);
    body(SAYS("Overloaded, retry after 10"), 503, 10);
    body(SAYS("Overloaded, retry after 10, or later"), 529, 10);

    body(SAYS("retry after 10 parsecs"), 429, 0);
    body(SAYS("retry after 2023-11-14"), 429, 0);
    body(SAYS("Please try again in a moment"), 429, 0);
    body(SAYS("retry after "), 429, 0);
    body(SAYS("A question: try again in 20s?"), 400, 0);
}


/* errors in answers of status 200, and of streams' first events */

static void
test_dialects(void)
{
    ex_provider = "openai";
    ex_base = "/v1";
    ex_model = "m";

    ex_start(CHAT, 0, 0);
    ex_json("{\"error\":{\"code\":429,\"message\":\"m\",\"details\":["
            "{\"retryDelay\":\"3s\"}]}}");
    ok(ex.fault.status == 429 && ex.fault.retry_after == 3,
       "openai: an object");

    ex_start(CHAT, 1, 0);
    ex_events("data: {\"error\":{\"type\":\"rate_limit_error\",\"message\":"
              "\"Please try again in 2s.\"}}\n\n", 9);
    ok(ex.fault.status == 429 && ex.fault.retry_after == 2,
       "openai: an event");

    ex_start(CHAT, 1, 0);
    ex_events("event: error\ndata: {\"message\":\"busy\",\"code\":503,"
              "\"retry_after\":4}\n\n", 9);
    ok(ex.fault.status == 503 && ex.fault.retry_after == 4,
       "openai: an event of another shape");

    ex_provider = "claude";
    ex_model = "claude-sonnet-4-0";

    ex_start(CHAT, 1, 0);
    ex_events("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
              "\"overloaded_error\",\"message\":\"Overloaded, retry after "
              "5s\"}}\n\n", 9);
    ok(ex.fault.status == 529 && ex.fault.retry_after == 5,
       "claude: an event");

    ex_provider = "qwen";
    ex_base = "/api/v1";
    ex_model = "qwen-max";

    ex_start(CHAT, 1, 0);
    ex_events("event:error\n:HTTP_STATUS/429\ndata:{\"code\":\"Throttling\","
              "\"message\":\"Please retry after 6 seconds.\"}\n\n", 9);
    ok(ex.fault.status == 429 && ex.fault.retry_after == 6,
       "qwen: an event");

    ex_provider = "gemini";
    ex_base = "/v1beta";
    ex_model = "gemini-2.5-flash";

    ex_start(CHAT, 1, 0);
    ex_events("data: {\"error\":{\"code\":429,\"status\":"
              "\"RESOURCE_EXHAUSTED\",\"message\":\"m\",\"details\":["
              "{\"retryDelay\":\"7s\"}]}}\n\n", 9);
    ok(ex.fault.status == 429 && ex.fault.retry_after == 7,
       "gemini: an event");
}


static void
delays(const delay_t *d, ngx_msec_t unit, ngx_uint_t times)
{
    for ( /* void */ ; d->text; d++) {
        is(delay(d->text, unit, times), d->msec, d->text);
    }
}


static long long
delay(const char *text, ngx_msec_t unit, ngx_uint_t times)
{
    u_char      *p;
    ngx_str_t    value;
    ngx_msec_t   msec;

    value.len = strlen(text);

    p = malloc(value.len ? value.len : 1);
    memcpy(p, text, value.len);
    value.data = p;

    msec = ngx_http_llmbroker_delay(&value, unit, times, NOW);

    free(p);

    return msec == NGX_HTTP_LLMBROKER_DELAY_NONE ? NONE : (long long) msec;
}


/* one test: what a refusal of OpenAI's dialect tells, seconds */

static void
body(const char *text, ngx_uint_t status, ngx_uint_t seconds)
{
    ngx_str_t                   s;
    ngx_http_llmbroker_json_t  *root;

    ex_provider = "openai";
    ex_base = "/v1";
    ex_model = "m";

    ex_start(CHAT, 0, 0);

    s = str(text);

    if (ngx_http_llmbroker_json_parse(ex_pool, s.data, s.len, &root)
        != NGX_OK)
    {
        ok(0, "%s is no JSON", text);
        return;
    }

    ex_target.dialect->error(&ex, status, root, &s);

    is(ex.fault.retry_after, seconds, text);
}
