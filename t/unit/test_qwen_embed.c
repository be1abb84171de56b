
/*
 * Copyright (C) LLMBroker contributors
 *
 * Embeddings by DashScope's native path: requests, answers in and out of
 * order, both forms of vectors, usage, errors, lack of memory.
 */


#include "exchange.h"


static void test_request(void);
static void test_answer(void);
static void test_base64(void);
static void test_order(void);
static void test_bad(void);
static void test_errors(void);
static void test_no_memory(void);

static const char *answers(const char *request, const char *text);
static ngx_int_t embed_once(void);


#define TWO  "{\"input\":[\"a\",\"b\"]}"
#define LIST(elements)                                                       \
    "{\"output\":{\"embeddings\":[" elements "]},\"usage\":{"                \
    "\"total_tokens\":7},\"request_id\":\"r\"}"
#define E(n, vector)  "{\"text_index\":" n ",\"embedding\":[" vector "]}"
#define DATA(n, vector)                                                      \
    "{\"object\":\"embedding\",\"index\":" n ",\"embedding\":" vector "}"


int
main(void)
{
    ex_provider = "qwen";
    ex_model = "text-embedding-v4";
    ex_base = "/api/v1";

    test_request();
    test_answer();
    test_base64();
    test_order();
    test_bad();
    test_errors();
    test_no_memory();

    return done_testing();
}


static void
test_request(void)
{
    char         expected[512];
    ngx_str_t   *s;
    ngx_uint_t   i;
    const char  *got;

    static const char  *requests[][3] = {
        { "{\"input\":\"a\\u00e4\"}",
          "{\"texts\":[\"a\\u00e4\"]},\"parameters\":{}", "a text" },
        { TWO, "{\"texts\":[\"a\",\"b\"]},\"parameters\":{}", "two texts" },
        { "{\"input\":\"a\",\"dimensions\":64,\"encoding_format\":\"float\","
          "\"text_type\":\"query\",\"output_type\":\"dense\",\"instruct\":"
          "\"i\",\"user\":\"u\"}",
          "{\"texts\":[\"a\"]},\"parameters\":{\"dimension\":64,"
          "\"text_type\":\"query\",\"output_type\":\"dense\","
          "\"instruct\":\"i\"}", "parameters" },
        { NULL, NULL, NULL }
    };

    static const char  *refused[][3] = {
        { "{}", "400 unsupported_value input", "no input" },
        { "{\"input\":[]}", "400 unsupported_value input", "no text" },
        { "{\"input\":[1,2]}", "400 unsupported_value input", "tokens" },
        { "{\"input\":[\"a\",[1]]}", "400 unsupported_value input",
          "a text and tokens" },
        { "{\"input\":7}", "400 unsupported_value input", "a number" },
        { "{\"input\":\"a\",\"dimensions\":\"8\"}",
          "400 invalid_type dimensions", "a text for a number" },
        { "{\"input\":\"a\",\"encoding_format\":\"hex\"}",
          "400 invalid_value encoding_format", "an unknown form" },
        { NULL, NULL, NULL }
    };

    for (i = 0; requests[i][0]; i++) {
        snprintf(expected, sizeof(expected),
                 "{\"model\":\"text-embedding-v4\",\"input\":%s}",
                 requests[i][1]);

        got = ex_build(EMBEDDINGS, 0, requests[i][0]);
        is_str(got, strlen(got), expected, requests[i][2]);
    }

    drops("user", "what DashScope does not have");

    for (i = 0; refused[i][0]; i++) {
        got = ex_build(EMBEDDINGS, 0, refused[i][0]);
        is_str(got, strlen(got), refused[i][1], refused[i][2]);
    }

    s = &ex_target.paths[EMBEDDINGS][0];
    is_str(s->data, s->len,
           "/api/v1/services/embeddings/text-embedding/text-embedding",
           "the path");
    ok(ex.path.len == 0, "and no other");
}


/* the answer to a request, or the fault */
static const char *
answers(const char *request, const char *text)
{
    ngx_int_t  rc;

    static char  fault[512];

    ex_build(EMBEDDINGS, 0, request);

    if (strstr(request, "base64")) {
        ex.encoding = NGX_HTTP_LLMBROKER_ENCODING_BASE64;

    } else {
        ex.encoding = NGX_HTTP_LLMBROKER_ENCODING_FLOAT;
    }

    rc = ex_json(text);

    if (rc == NGX_OK) {
        return ex_answer();
    }

    snprintf(fault, sizeof(fault), "%d %d %.*s", (int) rc,
             (int) ex.fault.status, (int) ex.fault.message.len,
             ex.fault.message.data);

    return fault;
}


static void
test_answer(void)
{
    const char  *p;

    p = answers("{\"input\":\"a\"}", LIST(E("0", "1.0e-3,-0.50, 2")));
    is_str(p, strlen(p), "{\"object\":\"list\",\"data\":["
           DATA("0", "[1.0e-3,-0.50, 2]") "],\"model\":\"text-embedding-v4\","
           "\"usage\":{\"prompt_tokens\":7,\"total_tokens\":7}}",
           "a vector, digit by digit");
    counts("7 -1 7 -1 -1 -1", "usage");
    ok(ex.done, "is all");

    p = answers("{\"input\":[\"a\"],\"output_type\":\"dense&sparse\"}",
                "{\"output\":{\"embeddings\":[{\"sparse_embedding\":[{"
                "\"index\":1}],\"embedding\":[1],\"text_index\":0}]}}");
    is_str(p, strlen(p), "{\"object\":\"list\",\"data\":[{\"object\":"
           "\"embedding\",\"index\":0,\"embedding\":[1],\"sparse_embedding\":"
           "[{\"index\":1}]}],\"model\":\"text-embedding-v4\"}",
           "a sparse vector, without usage");

    p = answers("{\"input\":\"a\",\"output_type\":\"sparse\"}",
                "{\"output\":{\"embeddings\":[{\"sparse_embedding\":[],"
                "\"text_index\":0}]}}");
    ok(strstr(p, "{\"object\":\"embedding\",\"index\":0,"
                 "\"sparse_embedding\":[]}") != NULL, "nothing else");
}


static void
test_base64(void)
{
    const char  *p;

    p = answers("{\"input\":[\"a\",\"b\"],\"encoding_format\":\"base64\"}",
                LIST(E("0", "1,-2") "," E("1", "0.5,0")));
    is_str(p, strlen(p), "{\"object\":\"list\",\"data\":["
           DATA("0", "\"AACAPwAAAMA=\"") "," DATA("1", "\"AAAAPwAAAAA=\"")
           "],\"model\":\"text-embedding-v4\",\"usage\":{\"prompt_tokens\":7,"
           "\"total_tokens\":7}}", "vectors in base64");
}


static void
test_order(void)
{
    const char  *p;

    p = answers(TWO, LIST(E("1", "1") "," E("0", "0")));
    ok(strstr(p, "[" DATA("0", "[0]") "," DATA("1", "[1]") "]") != NULL,
       "vectors in the order of the texts");
    p = answers(TWO, LIST("{\"embedding\":[0]},{\"embedding\":[1]}"));
    ok(strstr(p, "[" DATA("0", "[0]") "," DATA("1", "[1]") "]") != NULL,
       "which is theirs where they do not tell");
}


static void
test_bad(void)
{
    ngx_uint_t   i;
    const char  *p;

#define BAD  "The provider did not answer with one embedding for each text."

    static const char  *lists[][2] = {
        { LIST(E("0", "1")), "one is missing" },
        { LIST(E("0", "1") "," E("1", "1") "," E("2", "1")), "one more" },
        { LIST(E("0", "1") "," E("0", "1")), "one twice" },
        { LIST(E("0", "1") "," E("2", "1")), "another one" },
        { LIST("7,8"), "numbers" },
        { LIST("{\"text_index\":0},{\"text_index\":1}"), "no vectors" },
        { LIST(""), "none" },
        { NULL, NULL }
    };

    for (i = 0; lists[i][0]; i++) {
        p = answers(TWO, lists[i][0]);
        is_str(p, strlen(p), "-5 0 " BAD, lists[i][1]);
    }

    p = answers("{\"input\":\"a\",\"encoding_format\":\"base64\"}",
                LIST("{\"text_index\":0,\"embedding\":{}}"));
    ok(strncmp(p, "-5 0 ", 5) == 0, "an object for a vector");

    p = answers(TWO, LIST(E("0", "1,true") "," E("1", "1")));
    ok(strncmp(p, "-5 0 ", 5) == 0, "a vector of something else");
}


static void
test_errors(void)
{
    const char  *p;

    p = answers(TWO, "{\"code\":\"InvalidParameter\",\"message\":\"m\"}");
    is_str(p, strlen(p), "-5 400 m", "an error");
    p = answers(TWO, "{\"output\":{}}");
    ok(strncmp(p, "-5 0 ", 5) == 0, "an empty output");
    p = answers(TWO, "[]");
    ok(strncmp(p, "-5 0 ", 5) == 0, "no object");

    ex_start(EMBEDDINGS, 0, 0);
    is(ex_events("data:{\"output\":{\"embeddings\":[]}}\n\n", 9),
       NGX_DECLINED, "a stream");
}


static void
test_no_memory(void)
{
    survives(embed_once, "embeddings");
}


static ngx_int_t
embed_once(void)
{
    if (ex_build(EMBEDDINGS, 0, "{\"input\":[\"a\",\"b\"],\"x\":1}") == NULL) {
        return NGX_ERROR;
    }

    ex.encoding = NGX_HTTP_LLMBROKER_ENCODING_BASE64;

    return ex_json(LIST(E("0", "1,-2") "," E("1", "0.5,0")));
}
