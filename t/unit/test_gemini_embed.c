
/*
 * Copyright (C) LLMBroker contributors
 *
 * Embeddings by Gemini's native path and by that of Vertex AI: requests, both
 * forms of vectors, usage, errors, lack of memory.
 */


#include "exchange.h"


static void test_request(void);
static void test_refused(void);
static void test_answer(void);
static void test_vertex(void);
static void test_bad(void);
static void test_no_memory(void);

static const char *answers(const char *request, const char *text);
static ngx_int_t embed_once(void);


#define BASE    "/v1beta"
#define VERTEX  "/v1/projects/p/locations/l/publishers/google"
#define TWO  "{\"input\":[\"a\",\"b\"]}"
#define R(text, more)                                                        \
    "{\"model\":\"models/gemini-embedding-001\",\"content\":{\"parts\":[{"   \
    "\"text\":\"" text "\"}]}" more "}"
#define V(vector)  "{\"values\":[" vector "]}"
#define LIST(list)  "{\"embeddings\":[" list "]}"
#define P(vector, tokens)                                                    \
    "{\"embeddings\":{\"statistics\":{\"token_count\":" tokens "},"          \
    "\"values\":[" vector "]}}"
#define DATA(n, vector)                                                      \
    "{\"object\":\"embedding\",\"index\":" n ",\"embedding\":" vector "}"
#define ALL(data)                                                            \
    "{\"object\":\"list\",\"data\":[" data "],"                              \
    "\"model\":\"gemini-embedding-001\""
#define BAD  "-5 0 The provider did not answer with one embedding for each "  \
    "text."


int
main(void)
{
    ex_provider = "gemini";
    ex_model = "gemini-embedding-001";
    ex_base = BASE;

    test_request();
    test_refused();
    test_answer();
    test_vertex();
    test_bad();
    test_no_memory();

    return done_testing();
}


static void
test_request(void)
{
    ngx_str_t   *s;
    ngx_uint_t   i;
    const char  *got;

    static const char  *requests[][3] = {
        { "{\"input\":\"a\\u00e4\"}",
          "{\"requests\":[" R("a\\u00e4", "") "]}", "a text" },
        { TWO, "{\"requests\":[" R("a", "") "," R("b", "") "]}",
          "two texts" },
        { "{\"input\":[\"a\",\"b\"],\"dimensions\":256,\"encoding_format\":"
          "\"base64\",\"task_type\":\"RETRIEVAL_QUERY\",\"title\":\"t\"}",
          "{\"requests\":["
          R("a", ",\"taskType\":\"RETRIEVAL_QUERY\",\"title\":\"t\","
                 "\"outputDimensionality\":256") ","
          R("b", ",\"taskType\":\"RETRIEVAL_QUERY\",\"title\":\"t\","
                 "\"outputDimensionality\":256") "]}", "parameters" },
        { "{\"input\":\"a\",\"dimensions\":null,\"user\":\"u\"}",
          "{\"requests\":[" R("a", "") "]}", "none" },
        { NULL, NULL, NULL }
    };

    for (i = 0; requests[i][0]; i++) {
        got = ex_build(EMBEDDINGS, 0, requests[i][0]);
        is_str(got, strlen(got), requests[i][1], requests[i][2]);
    }

    drops("user", "what Gemini does not have");

    s = &ex_target.paths[EMBEDDINGS][0];
    is_str(s->data, s->len,
           BASE "/models/gemini-embedding-001:batchEmbedContents", "the path");
    s = &ex_target.headers[0];
    is_str(s->data, s->len, "x-goog-api-key: KEY\r\n", "the key");

    ex_model = "models/e";
    got = ex_build(EMBEDDINGS, 0, "{\"input\":\"a\"}");
    ok(strstr(got, "{\"requests\":[{\"model\":\"models/e\",") == got,
       "a model with its folder");
    ex_model = "gemini-embedding-001";
}


static void
test_refused(void)
{
    ngx_uint_t   i;
    const char  *got;

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

    for (i = 0; refused[i][0]; i++) {
        got = ex_build(EMBEDDINGS, 0, refused[i][0]);
        is_str(got, strlen(got), refused[i][1], refused[i][2]);
    }
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

    p = answers(TWO, LIST(V("1.0e-3,-0.50, 2") "," V("3")));
    is_str(p, strlen(p), ALL(DATA("0", "[1.0e-3,-0.50, 2]") ","
                             DATA("1", "[3]")) "}",
           "vectors, digit by digit");
    counts("-1 -1 -1 -1 -1 -1", "nobody counted");
    ok(ex.done, "is all");

    p = answers("{\"input\":\"a\"}", "{\"embeddings\":[" V("1") "],"
                "\"usageMetadata\":{\"promptTokenCount\":7}}");
    is_str(p, strlen(p), ALL(DATA("0", "[1]")) ",\"usage\":{"
           "\"prompt_tokens\":7,\"total_tokens\":7}}", "with usage");
    counts("7 -1 7 -1 -1 -1", "which counts");

    p = answers("{\"input\":\"a\",\"encoding_format\":\"base64\"}",
                LIST(V("1,-2")));
    is_str(p, strlen(p), ALL(DATA("0", "\"AACAPwAAAMA=\"")) "}", "base64");
}


static void
test_vertex(void)
{
    ngx_str_t   *s;
    const char  *p;

    ex_base = VERTEX;

    p = ex_build(EMBEDDINGS, 0, "{\"input\":[\"a\",\"b\"],\"dimensions\":8,"
                 "\"taskType\":\"CLUSTERING\"}");
    is_str(p, strlen(p), "{\"instances\":[{\"content\":\"a\",\"task_type\":"
           "\"CLUSTERING\"},{\"content\":\"b\",\"task_type\":\"CLUSTERING\"}"
           "],\"parameters\":{\"outputDimensionality\":8}}",
           "a request to Vertex AI");

    s = &ex_target.paths[EMBEDDINGS][0];
    is_str(s->data, s->len, VERTEX "/models/gemini-embedding-001:predict",
           "its path");
    s = &ex_target.headers[0];
    is_str(s->data, s->len, "Authorization: Bearer KEY\r\n", "its token");

    p = answers(TWO, "{\"predictions\":[" P("1", "2") "," P("0.5", "3") "]}");
    is_str(p, strlen(p), ALL(DATA("0", "[1]") "," DATA("1", "[0.5]"))
           ",\"usage\":{\"prompt_tokens\":5,\"total_tokens\":5}}",
           "its answer");

    p = answers(TWO, LIST(V("1") "," V("2")));
    is_str(p, strlen(p), BAD, "another server's answer");

    ex_base = BASE;
}


static void
test_bad(void)
{
    ngx_uint_t   i;
    const char  *p;

    static const char  *lists[][2] = {
        { LIST(V("1")), "one is missing" },
        { LIST(V("1") "," V("1") "," V("1")), "one more" },
        { LIST(""), "none" },
        { "{\"embeddings\":{}}", "no list" },
        { "{}", "nothing" },
        { "[]", "no object" },
        { NULL, NULL }
    };

    static const char  *vectors[][2] = {
        { LIST("7,8"), "numbers" },
        { LIST("{},{}"), "no vectors" },
        { LIST("{\"values\":\"AACAPw==\"},{\"values\":7}"), "texts" },
        { LIST("{\"embeddings\":7},{\"values\":[]}"), "an odd member" },
        { LIST(V("1,null") "," V("1")), "null among numbers" },
        { LIST(V("1") "," V("1,\"x\"")), "a text among numbers" },
        { LIST(V("1") "," V("[1]")), "a list of lists" },
        { NULL, NULL }
    };

    for (i = 0; lists[i][0]; i++) {
        p = answers(TWO, lists[i][0]);
        is_str(p, strlen(p), BAD, lists[i][1]);
    }

    for (i = 0; vectors[i][0]; i++) {
        p = answers(TWO, vectors[i][0]);
        is_str(p, strlen(p), "-5 0 The provider's answer has no vectors.",
               vectors[i][1]);
    }

    p = answers(TWO, "{\"error\":{\"code\":429,\"status\":"
                     "\"RESOURCE_EXHAUSTED\",\"message\":\"m\"}}");
    is_str(p, strlen(p), "-5 429 m", "an error");

    ex_start(EMBEDDINGS, 0, 0);
    is(ex_events("data:{\"embeddings\":[]}\n\n", 9), NGX_DECLINED,
       "a stream");
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

    return ex_json(LIST(V("1,-2") "," V("0.5,0")));
}
