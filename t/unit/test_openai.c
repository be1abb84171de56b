
/*
 * Copyright (C) LLMBroker contributors
 *
 * OpenAI's own dialect: what is approved of and what is not, what is learned
 * on the way, streams with and without "[DONE]", the two conversions between
 * streamed and buffered, and errors of every shape.
 */


#include "exchange.h"


typedef struct {
    const char  *text;
    ngx_int_t    rc;
    const char  *message;
} check_t;


typedef struct {
    ngx_uint_t   status;
    const char  *text;
    ngx_uint_t   fault;
    const char  *code;
    const char  *message;
} fault_case_t;


static void test_configure(void);
static void test_check(void);
static void test_learn(void);
static void test_pass(void);
static void test_swallow(void);
static void test_end(void);
static void test_event_errors(void);
static void test_aggregate(void);
static void test_response(void);
static void test_errors(void);
static void test_no_memory(void);

static ngx_int_t check(ngx_http_llmbroker_call_e call, const char *text,
    size_t cut);
static ngx_int_t check_once(void);
static ngx_int_t aggregate_once(void);
static ngx_int_t response_once(void);


#define PIECE(delta, finish)                                                 \
    "data: {\"id\":\"i\",\"object\":\"chat.completion.chunk\","              \
    "\"created\":7,\"model\":\"v\",\"choices\":[{\"index\":0,\"delta\":{"    \
    delta "},\"finish_reason\":" finish "}],\"usage\":null}\n\n"

/* the first and last chunk in one */
#define END  PIECE("\"role\":\"assistant\",\"content\":\"\"", "\"stop\"")

#define USAGE                                                                \
    "data: {\"id\":\"i\",\"object\":\"chat.completion.chunk\","              \
    "\"created\":7,\"model\":\"v\",\"choices\":[],\"usage\":{"               \
    "\"prompt_tokens\":9,\"completion_tokens\":2,\"total_tokens\":11,"       \
    "\"prompt_tokens_details\":{\"cached_tokens\":4},"                       \
    "\"completion_tokens_details\":{\"reasoning_tokens\":1}}}\n\n"

static const char  stream[] =
    PIECE("\"role\":\"assistant\",\"content\":\"\"", "null")
    PIECE("\"content\":\"Hel\"", "null")
    PIECE("\"content\":\"lo\"", "null")
    PIECE("", "\"stop\"")
    USAGE
    DONE;

static const char  tools[] =
    PIECE("\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{"
          "\"index\":0,\"id\":\"t0\",\"type\":\"function\",\"function\":"
          "{\"name\":\"f\",\"arguments\":\"\"}}]", "null")
    PIECE("\"tool_calls\":[{\"index\":0,\"function\":"
          "{\"arguments\":\"{\\\"a\\\":\"}}]", "null")
    PIECE("\"tool_calls\":[{\"index\":0,\"function\":"
          "{\"arguments\":\"1}\"}}]", "null")
    PIECE("\"tool_calls\":[{\"index\":1,\"id\":\"t1\",\"function\":"
          "{\"name\":\"g\"}}]", "null")
    PIECE("", "\"tool_calls\"")
    DONE;

static const char  answer[] =
    "{\"id\":\"i\",\"object\":\"chat.completion\",\"created\":7,"
    "\"model\":\"v\",\"choices\":[{\"index\":0,\"message\":{"
    "\"role\":\"assistant\",\"content\":\"Hello\",\"refusal\":null},"
    "\"logprobs\":null,\"finish_reason\":\"length\"}],"
    "\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2,"
    "\"total_tokens\":11,\"prompt_tokens_details\":{\"cached_tokens\":4,"
    "\"cache_write_tokens\":3},"
    "\"completion_tokens_details\":{\"reasoning_tokens\":1}}}";


int
main(void)
{
    test_configure();
    test_check();
    test_learn();
    test_pass();
    test_swallow();
    test_end();
    test_event_errors();
    test_aggregate();
    test_response();
    test_errors();
    test_no_memory();

    return done_testing();
}


static void
test_configure(void)
{
    ngx_str_t  *s;

    ex_start(CHAT, 0, 0);

    s = &ex_target.paths[CHAT][0];
    is_str(s->data, s->len, "/v1/chat/completions", "chat");
    s = &ex_target.paths[CHAT][1];
    is_str(s->data, s->len, "/v1/chat/completions", "chat, streamed");
    s = &ex_target.paths[COMPLETIONS][0];
    is_str(s->data, s->len, "/v1/completions", "completions");
    s = &ex_target.paths[EMBEDDINGS][0];
    is_str(s->data, s->len, "/v1/embeddings", "embeddings");
    s = &ex_target.headers[0];
    is_str(s->data, s->len, "Authorization: Bearer KEY\r\n", "headers");
    s = &ex_target.headers[1];
    is_str(s->data, s->len, "Authorization: Bearer KEY\r\n",
           "headers, streamed");

    ngx_str_null(&ex_target.api_key);
    ex_target.dialect->configure(ex_pool, &ex_target);
    s = &ex_target.headers[0];
    is_str(s->data, s->len, "", "no key, no header");
}


static void
test_check(void)
{
    size_t          cut;
    ngx_int_t       rc;
    const check_t  *c;

    static const check_t  checks[] = {
        { "{\"choices\":[]}", NGX_OK, "" },
        { " {\"a\":{\"choices\":1},\"choices\":[{}],\"error\":null} ",
          NGX_OK, "" },
        { "{\"choices\":[{}],\"error\":false}", NGX_OK, "" },
        { "{\"choices\":[{}],\"error\":\"\"}", NGX_OK, "" },
        { "{\"choices\":[1]}", NGX_DECLINED,
          "The provider's answer holds a choice that is no object." },
        { "{\"choices\":{}}", NGX_DECLINED,
          "The provider's answer has no \"choices\"." },
        { "{\"data\":[]}", NGX_DECLINED,
          "The provider's answer has no \"choices\"." },
        { "{}", NGX_DECLINED, "The provider's answer has no \"choices\"." },
        { "[]", NGX_DECLINED, "The provider's answer has no \"choices\"." },
        { "1", NGX_DECLINED, "The provider's answer has no \"choices\"." },
        { "", NGX_DECLINED, "The provider's answer is not valid JSON." },
        { "{\"choices\":[", NGX_DECLINED,
          "The provider's answer is not valid JSON." },
        { "{\"choices\":[]} x", NGX_DECLINED,
          "The provider's answer is not valid JSON." },
        { "<html>", NGX_DECLINED,
          "The provider's answer is not valid JSON." },
        { "{\"choices\":[],\"error\":{\"message\":\"a\\u00fc\\\"b\","
          "\"code\":429}}", NGX_DECLINED, "a\xc3\xbc\"b" },
        { "{\"error\":\"just text\"}", NGX_DECLINED, "just text" },
        { "{\"error\":{\"message\":null}}", NGX_DECLINED,
          "The provider answered with an error." },
        { "{\"errors\":[{\"message\":\"m\"}]}", NGX_DECLINED, "m" },
        { "{\"error\":[\"m\"]}", NGX_DECLINED, "m" },
        { "[{\"error\":{\"message\":\"m\"}}]", NGX_DECLINED, "m" },
        { "{\"detail\":\"m\"}", NGX_DECLINED, "m" },
        { "{\"detail\":{\"message\":\"m\"}}", NGX_DECLINED, "m" },
        { "{\"object\":\"error\",\"message\":\"m\"}", NGX_DECLINED, "m" },
        { "{\"code\":\"c\",\"message\":\"m\",\"request_id\":\"r\"}",
          NGX_DECLINED, "m" },
        { "{\"choices\":[{\"error\":{\"message\":\"m\"}}]}", NGX_DECLINED,
          "m" },
        { NULL, 0, NULL }
    };

    for (c = checks; c->text; c++) {

        for (cut = 1; cut < 4; cut++) {
            rc = check(CHAT, c->text, cut);

            ok(rc == c->rc
               && ex.fault.message.len == strlen(c->message)
               && (ex.fault.message.len == 0
                   || memcmp(ex.fault.message.data, c->message,
                             ex.fault.message.len) == 0),
               "%s in pieces of %d", c->text, (int) cut);
        }
    }

    check(CHAT, "{\"error\":{\"message\":\"m\",\"code\":429}}", 100);
    is(ex.fault.status, 429, "a code that is a status");

    check(CHAT, "{\"error\":{\"message\":\"m\",\"code\":\"503\"}}", 100);
    is(ex.fault.status, 503, "and one in a string");

    check(CHAT, "{\"error\":{\"type\":\"invalid_request_error\","
                "\"code\":\"bad_thing\",\"param\":\"p\"}}", 100);
    faults(400, "bad_thing", "The provider answered with an error.",
           "a client's error keeps its code");
    is_str(ex.fault.param.data, ex.fault.param.len, "p", "and its parameter");

    check(CHAT, "{\"error\":{\"message\":\"m\",\"type\":\"server_error\","
                "\"code\":\"x\"}}", 100);
    faults(500, "", "m", "a server's error does not");

    is(check(EMBEDDINGS, "{\"data\":[{\"embedding\":[1,2]}],\"usage\":"
                         "{\"prompt_tokens\":4,\"total_tokens\":4}}", 3),
       NGX_OK, "embeddings have data");
    counts("4 -1 4 -1 -1 -1", "and usage");
    is(check(EMBEDDINGS, "{\"choices\":[]}", 3), NGX_DECLINED,
       "not choices");
    is(check(COMPLETIONS, "{\"choices\":[{\"text\":\"x\"}]}", 3), NGX_OK,
       "completions have choices");
}


static void
test_learn(void)
{
    size_t  cut;

    for (cut = 1; cut < sizeof(answer); cut += 7) {
        if (check(CHAT, answer, cut) != NGX_OK) {
            ok(0, "cut at %d", (int) cut);
        }
    }

    counts("9 2 11 4 3 1", "usage of a buffered answer");
    is_str(ex.finish_reason.data, ex.finish_reason.len, "length",
           "its finish reason");

    check(CHAT, "{\"usage\":{\"prompt_tokens\":-1,\"completion_tokens\":1.5,"
                "\"total_tokens\":99999999999999999999},\"choices\":[{"
                "\"finish_reason\":\"insufficient_system_resource\"}]}", 9);
    counts("-1 -1 -1 -1 -1 -1", "counts that are none");
    is_str(ex.finish_reason.data, ex.finish_reason.len, "length",
           "a reason that OpenAI does not have");

    check(CHAT, "{\"choices\":[{\"finish_reason\":\"stop\"},"
                "{\"finish_reason\":\"length\"}]}", 9);
    is_str(ex.finish_reason.data, ex.finish_reason.len, "stop",
           "the first reason counts");
}


static void
test_pass(void)
{
    char    *p;
    size_t   cut;

    for (cut = 1; cut <= sizeof(stream); cut++) {
        ex_start(CHAT, 1, 1);

        if (ex_events(stream, cut) != NGX_OK
            || strcmp(ex_answer(), stream) != 0)
        {
            ok(0, "cut at %d", (int) cut);
        }
    }

    p = ex_answer();
    is_str(p, strlen(p), stream, "a stream is passed on as it is");
    counts("9 2 11 4 -1 1", "its usage is learned");
    is_str(ex.finish_reason.data, ex.finish_reason.len, "stop",
           "so is the finish reason");
    is(ex.done, 1, "it is done");

    ex_start(CHAT, 1, 1);
    ex_events(END
              "data:   [DONE] \n\n"
              "data: not even JSON\n\n", 3);
    p = ex_answer();
    is_str(p, strlen(p), END DONE,
           "what follows [DONE] is noise");
}


static void
test_swallow(void)
{
    char  *p;

    ex_start(CHAT, 1, 0);
    is(ex_events(stream, 5), NGX_OK, "a stream with unwanted usage");
    counts("9 2 11 4 -1 1", "it is learned");
    p = ex_answer();
    ok(strstr(p, "prompt_tokens") == NULL && strstr(p, DONE) != NULL,
       "but not passed on");

    ex_start(CHAT, 1, 0);
    is(ex_events("data: {\"id\":\"i\",\"object\":\"chat.completion.chunk\","
                 "\"created\":7,\"model\":\"v\",\"choices\":[],"
                 "\"moderation\":{}}\n\n" END DONE, 9), NGX_OK,
       "a chunk without a choice");
    ok(strstr(ex_answer(), "\"choices\":[],\"moderation\":{}") != NULL,
       "no usage, nothing swallowed");
}


static void
test_end(void)
{
    char  *p;

    ex_start(CHAT, 1, 0);
    is(ex_events(END, 9), NGX_OK, "no [DONE]");
    p = ex_answer();
    is_str(p, strlen(p), END DONE, "it is written");

    ex_start(CHAT, 1, 0);
    is(ex_events(PIECE("\"content\":\"x\"", "null"), 9), NGX_DECLINED,
       "neither [DONE] nor a reason");
    faults(0, "", "The provider ended the stream before the answer was "
           "complete.", "the answer was cut");

    ex_start(CHAT, 1, 0);
    is(ex_events(PIECE("", "\"null\"") PIECE("", "\"\""), 9), NGX_DECLINED,
       "a reason of \"null\" is none");

    ex_start(CHAT, 1, 0);
    is(ex_events("", 9), NGX_DECLINED, "nothing at all");

    ex_start(CHAT, 1, 0);
    is(ex_events(END "data: [DONE]", 9), NGX_OK, "[DONE] without its line");

    ex_start(CHAT, 1, 0);
    is(ex_events(DONE, 9), NGX_DECLINED, "nothing but [DONE]");
    faults(0, "", "The provider's answer has no \"choices\".", "is told");
}


static void
test_event_errors(void)
{
    ex_start(CHAT, 1, 0);
    is(ex_events("data: {\"error\":{\"message\":\"slow\\u0020down\","
                 "\"type\":\"rate_limit_error\",\"code\":null}}\n\n", 2),
       NGX_DECLINED, "an error in a stream");
    faults(429, "", "slow down", "what it means");

    ex_start(CHAT, 1, 0);
    is(ex_events("event: error\ndata: {\"message\":\"oops\"}\n\n", 2),
       NGX_DECLINED, "an event of type error");
    faults(0, "", "oops", "its message");

    ex_start(CHAT, 1, 0);
    is(ex_events("data: {\"choices\":[{}],\"error\":null}\n\n" DONE, 2),
       NGX_OK, "an error of null is none");

    ex_start(CHAT, 1, 0);
    is(ex_events("data: {\"choices\":\n\n", 2), NGX_DECLINED, "no JSON");
    faults(0, "", "The provider sent an event that is not JSON.", "is told");

    ex_start(CHAT, 1, 0);
    is(ex_events("data: 1\n\n", 2), NGX_DECLINED, "no object");

    ex_start(CHAT, 1, 0);
    is(ex_events("data:\n\n", 2), NGX_DECLINED, "no data");
}


static void
test_aggregate(void)
{
    char    *p;
    size_t   cut;

    for (cut = 1; cut < 40; cut++) {
        ex_start(CHAT, 0, 0);

        if (ex_events(stream, cut) != NGX_OK) {
            ok(0, "cut at %d", (int) cut);
        }
    }

    p = ex_answer();
    is_str(p, strlen(p),
           "{\"id\":\"i\",\"object\":\"chat.completion\",\"created\":7,"
           "\"model\":\"v\",\"usage\":{\"prompt_tokens\":9,"
           "\"completion_tokens\":2,\"total_tokens\":11,"
           "\"prompt_tokens_details\":{\"cached_tokens\":4},"
           "\"completion_tokens_details\":{\"reasoning_tokens\":1}},"
           "\"choices\":[{\"index\":0,\"message\":{"
           "\"role\":\"assistant\",\"content\":\"Hello\"},"
           "\"finish_reason\":\"stop\"}]}",
           "a stream becomes an object");

    ex_start(CHAT, 0, 0);
    is(ex_events(tools, 3), NGX_OK, "a stream of tools");
    ok(strstr(ex_answer(), "\"content\":null,"
        "\"tool_calls\":[{\"id\":\"t0\",\"type\":\"function\",\"function\":"
        "{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}},{\"id\":\"t1\","
        "\"function\":{\"name\":\"g\",\"arguments\":\"{}\"},"
        "\"type\":\"function\"}]}") != NULL, "its calls are whole");

    ex_start(CHAT, 0, 0);
    is(ex_events("data: {\"choices\":[],\"id\":\"\"}\n\n" DONE, 3),
       NGX_DECLINED, "no choice, no answer");

    ex_start(CHAT, 0, 0);
    is(ex_events(PIECE("\"content\":\"x\"", "null") DONE, 3), NGX_OK,
       "[DONE] without a reason");
    ok(strstr(ex_answer(), "\"finish_reason\":\"stop\"") != NULL,
       "is a stop");

    ex_start(CHAT, 0, 0);
    is(ex_events(PIECE("\"content\":\"x\"", "null"), 3), NGX_DECLINED,
       "a cut stream is no object");

    ex_start(COMPLETIONS, 0, 0);
    is(ex_events("data: {\"id\":\"i\",\"model\":\"v\",\"choices\":[{"
                 "\"text\":\"a\",\"index\":0,\"finish_reason\":null}]}\n\n"
                 "data: {\"choices\":[{\"text\":\"b\",\"index\":0,"
                 "\"finish_reason\":\"length\"}]}\n\n", 3), NGX_OK,
       "a stream of a text completion");
    p = ex_answer();
    is_str(p, strlen(p),
           "{\"id\":\"i\",\"model\":\"v\",\"object\":\"text_completion\","
           "\"created\":1,\"choices\":[{\"text\":\"ab\",\"index\":0,"
           "\"finish_reason\":\"length\"}]}", "becomes an object");

    ex_start(EMBEDDINGS, 0, 0);
    is(ex_events(stream, 3), NGX_DECLINED, "embeddings do not stream");

    ex_start(CHAT, 0, 0);
    is(ex_events("data: {\"choices\":[{\"delta\":{\"content\":\"\xff\"}}]}"
                 "\n\n", 3), NGX_DECLINED, "invalid UTF-8 is not translated");
}


static void
test_response(void)
{
    char  *p;

    ex_start(CHAT, 1, 1);
    is(ex_json(answer), NGX_OK, "an object for a streamed call");
    p = ex_answer();

#define HEAD_7                                                               \
    "data: {\"id\":\"i\",\"object\":\"chat.completion.chunk\","                \
    "\"created\":7,\"model\":\"v\",\"choices\":["
#define NULLS  "],\"usage\":null}\n\n"

    is_str(p, strlen(p),
           HEAD_7 "{\"index\":0,\"delta\":{\"role\":\"assistant\","
           "\"content\":\"Hello\",\"refusal\":null},\"logprobs\":null,"
           "\"finish_reason\":null}" NULLS
           HEAD_7 "{\"index\":0,\"delta\":{},\"logprobs\":null,"
           "\"finish_reason\":\"length\"}" NULLS
           HEAD_7 "],\"usage\":{"
           "\"prompt_tokens\":9,\"completion_tokens\":2,"
           "\"total_tokens\":11,\"prompt_tokens_details\":"
           "{\"cached_tokens\":4,\"cache_write_tokens\":3},"
           "\"completion_tokens_details\":{\"reasoning_tokens\":1}}}\n\n"
           DONE, "becomes a stream");

    ex_start(CHAT, 1, 0);
    is(ex_json("{\"choices\":[{\"message\":{\"content\":[{\"type\":\"text\","
               "\"text\":\"a\"}],\"reasoning\":\"r\",\"refusal\":\"no\","
               "\"annotations\":[{}],\"tool_calls\":[{\"id\":\"t\","
               "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}}]}"),
       NGX_OK, "an object with everything");
    p = ex_answer();
    ok(strstr(p, "\"delta\":{\"content\":\"a\",\"reasoning\":\"r\","
                 "\"refusal\":\"no\",\"annotations\":[{}],\"tool_calls\":[{"
                 "\"id\":\"t\",\"function\":{\"name\":\"f\","
                 "\"arguments\":\"{}\"},\"type\":\"function\",\"index\":0}],"
                 "\"role\":\"assistant\",\"reasoning_content\":\"r\"}")
       && strstr(p, "\"finish_reason\":\"tool_calls\""),
       "all of it is told");

    ex_start(CHAT, 1, 0);
    is(ex_json("{\"error\":{\"message\":\"m\"}}"), NGX_DECLINED,
       "an error in an object");

    ex_start(CHAT, 1, 0);
    is(ex_json("{\"choices\":[{\"message\":{\"tool_calls\":[{\"id\":\"t\","
               "\"type\":\"custom\"}]}}]}"), NGX_DECLINED,
       "a tool call without its name is none");

    ex_start(CHAT, 1, 0);
    is(ex_json("{\"choices\":[{\"message\":{\"function_call\":"
               "{\"a\":1}}}]}"),
       NGX_OK, "a legacy function_call");
    ok(strstr(ex_answer(), "\"function_call\":{\"a\":1}") != NULL,
       "is told");

    ex_start(CHAT, 1, 0);
    is(ex_json("{\"choices\":[1,null,{\"index\":1000}]}"), NGX_DECLINED,
       "choices out of bounds");
}


static void
test_errors(void)
{
    ngx_int_t                   rc;
    ngx_str_t                   text;
    const fault_case_t         *e;
    ngx_http_llmbroker_json_t  *root;

    static const fault_case_t  errors[] = {
        { 400, "{\"error\":{\"message\":\"m\",\"type\":\"t\",\"param\":"
               "\"p\",\"code\":\"c\"}}", 400, "c", "m" },
        { 400, "{\"error\":{\"message\":\"m\",\"code\":null}}", 400, "", "m" },
        { 422, "{\"detail\":[{\"loc\":[1],\"msg\":\"m\"}]}", 422, "", "m" },
        { 401, "{\"detail\":\"Invalid API Key\"}", 401, "",
          "Invalid API Key" },
        { 400, "{\"code\":\"invalid-argument\",\"error\":\"m\"}", 400,
          "invalid-argument", "m" },
        { 400, "{\"object\":\"error\",\"message\":\"m\",\"code\":400}", 400,
          "", "m" },
        { 429, "{\"error\":{\"message\":\"m\",\"code\":\"c\"}}", 429, "",
          "m" },
        { 404, "{\"error\":{\"message\":\"m\",\"code\":\"c\"}}", 404, "",
          "m" },
        { 500, "{\"error\":{\"message\":\"m\",\"code\":\"c\"}}", 500, "",
          "m" },
        { 400, "[{\"error\":{\"code\":400,\"message\":\"m\"}}]", 400, "",
          "m" },
        { 502, "<html><h1>Bad Gateway</h1></html>", 502, "",
          "The provider answered with an error." },
        { 503, "busy \xc3\xbc\xff rest", 503, "", "busy \xc3\xbc" },
        { 503, "", 503, "", "The provider answered with an error." },
        { 503, "[]", 503, "", "The provider answered with an error." },
        { 503, "null", 503, "", "The provider answered with an error." },
        { 500, "{\"error\":true}", 500, "",
          "The provider answered with an error." },
        { 0, NULL, 0, NULL, NULL }
    };

    for (e = errors; e->text; e++) {
        ex_start(CHAT, 0, 0);

        text = str(e->text);
        rc = ngx_http_llmbroker_json_parse(ex_pool, text.data, text.len,
                                           &root);

        ex_target.dialect->error(&ex, e->status, rc == NGX_OK ? root : NULL,
                                 &text);

        faults(e->fault, e->code, e->message, e->text);
    }

    text.len = 5000;
    text.data = malloc(text.len);
    memset(text.data, 'x', text.len);
    ex_start(CHAT, 0, 0);
    ex_target.dialect->error(&ex, 503, NULL, &text);
    free(text.data);
    is(ex.fault.message.len, 1024, "a long text is cut");
    is(ex.fault.message.data[1023], 'x', "and copied");
}


static void
test_no_memory(void)
{
    survives(check_once, "a check");
    survives(aggregate_once, "a stream that becomes an object");
    survives(response_once, "an object that becomes a stream");
}


static ngx_int_t
check(ngx_http_llmbroker_call_e call, const char *text, size_t cut)
{
    u_char     *p;
    size_t      i, n, len;
    ngx_int_t   rc;

    len = strlen(text);
    rc = ex_start(call, 0, 0);

    for (i = 0; i < len && rc == NGX_OK; i += cut) {
        n = ngx_min(cut, len - i);

        p = malloc(n);
        memcpy(p, text + i, n);
        rc = ex_target.dialect->check(&ex, p, p + n);
        free(p);
    }

    if (rc == NGX_OK) {
        rc = ex_target.dialect->check(&ex, NULL, NULL);
    }

    return rc == NGX_DONE ? ex_json(text) : rc;
}


static ngx_int_t
check_once(void)
{
    return check(CHAT, answer, 10);
}


static ngx_int_t
aggregate_once(void)
{
    if (ex_start(CHAT, 0, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    return ex_events(tools, 1000);
}


static ngx_int_t
response_once(void)
{
    if (ex_start(CHAT, 1, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    return ex_json(answer);
}
