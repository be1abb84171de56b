
/*
 * Copyright (C) LLMBroker contributors
 *
 * Amazon Bedrock's Converse: addresses, keys and signatures; streamed and
 * buffered answers, which must say the same; tools whose pieces are mixed,
 * tools that Amazon runs, thoughts, citations, formats; reasons, usage,
 * errors and exceptions, cut and hostile streams, lack of memory.
 */


#include "exchange.h"


static void test_address(void);
static void test_keys(void);
static void test_regions(void);
static void test_openai(void);
static void test_sign(void);

static void test_stream(void);
static void test_buffered(void);
static void test_mixed(void);
static void test_empty_arguments(void);
static void test_server(void);
static void test_thoughts(void);
static void test_citations(void);
static void test_format(void);
static void test_forms(void);
static void test_others(void);
static void test_reasons(void);
static void test_fields(void);
static void test_usage(void);
static void test_completion(void);
static void test_headers(void);
static void test_errors(void);
static void test_exceptions(void);
static void test_odd(void);
static void test_hostile(void);
static void test_endless(void);
static void test_no_memory(void);

typedef struct {
    const char                  *type;
    const char                  *data;
    ngx_uint_t                   exception;
} frame_t;

static ngx_int_t events(const frame_t *frames);
static ngx_int_t event(const char *type, const char *data, size_t len,
    ngx_uint_t exception);
static void path(const char *base, const char *model, const char *expected,
    const char *name);
static ngx_int_t configures(const char *region, const char *id,
    const char *secret, const char *token, const char *key);
static void error(ngx_uint_t status, const char *type, const char *text);
static void changed(const frame_t *frames, size_t n, const char *text,
    ngx_http_llmbroker_json_t *v);
static ngx_int_t stream_once(void);
static ngx_int_t aggregate_once(void);
static ngx_int_t response_once(void);


#define START  { "messageStart", "{\"p\":\"abc\",\"role\":\"assistant\"}", 0 }
#define OPEN(n, start)                                                       \
    { "contentBlockStart", "{\"contentBlockIndex\":" n ",\"p\":\"ab\","      \
      "\"start\":" start "}", 0 }
#define USE(n, id, name)                                                     \
    OPEN(n, "{\"toolUse\":{\"name\":\"" name "\",\"toolUseId\":\"" id "\"}}")
#define DELTA(n, delta)                                                      \
    { "contentBlockDelta", "{\"contentBlockIndex\":" n ",\"delta\":" delta   \
      ",\"p\":\"abcdefgh\"}", 0 }
#define TEXT(n, text)  DELTA(n, "{\"text\":\"" text "\"}")
#define INPUT(n, text)  DELTA(n, "{\"toolUse\":{\"input\":\"" text "\"}}")
#define THINK(n, inside)  DELTA(n, "{\"reasoningContent\":{" inside "}}")
#define CLOSE(n)  { "contentBlockStop", "{\"contentBlockIndex\":" n "}", 0 }
#define STOP(reason)                                                         \
    { "messageStop", "{\"p\":\"a\",\"stopReason\":\"" reason "\"}", 0 }
#define META                                                                 \
    { "metadata", "{\"metrics\":{\"latencyMs\":1},\"p\":\"ab\",\"usage\":"   \
      "{\"inputTokens\":7,\"outputTokens\":20,\"totalTokens\":30,"           \
      "\"cacheReadInputTokens\":1,\"cacheWriteInputTokens\":2,"              \
      "\"serverToolUsage\":{}},\"trace\":{\"guardrail\":{}}}", 0 }
#define END  { NULL, NULL, 0 }

#define ANSWER(content, reason)                                              \
    "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":["         \
    content "]}},\"stopReason\":\"" reason "\"}"
#define SPECIFIC  "\"provider_specific_fields\":"


static const frame_t  stream[] = {
    START,
    THINK("0", "\"text\":\"h\\u006d\""),
    THINK("0", "\"text\":\"m\""),
    THINK("0", "\"signature\":\"s1g\""),
    CLOSE("0"),
    THINK("1", "\"redactedContent\":\"eHl6\""),
    CLOSE("1"),
    TEXT("2", "Gr\xc3\xbc"),
    TEXT("2", ""),
    TEXT("2", "\\u00dfe \\ud83d"),
    TEXT("2", "\\ude00\\n"),
    CLOSE("2"),
    OPEN("3", "{\"toolUse\":{\"name\":\"w\",\"toolUseId\":\"s\",\"type\":"
              "\"server_tool_use\"}}"),
    INPUT("3", "{\\\"a\\\":"),
    INPUT("3", " 1.0}"),
    CLOSE("3"),
    OPEN("4", "{\"toolResult\":{\"status\":\"success\",\"toolUseId\":\"s\"}}"),
    DELTA("4", "{\"toolResult\":[{\"json\":{\"b\":\"\\\"\"}},"
               "{\"text\":\"c\"}]}"),
    DELTA("4", "{\"toolResult\":[{\"text\":\"d\"}]}"),
    CLOSE("4"),
    USE("5", "t0", "f"),
    INPUT("5", ""),
    INPUT("5", "{\\\"a\\\":"),
    INPUT("5", "[1]}"),
    CLOSE("5"),
    USE("6", "t1", "g"),
    CLOSE("6"),
    { "contentBlockHologram", "{}", 0 },
    STOP("tool_use"),
    META,
    END
};

static const char  answer[] =
    "{\"metrics\":{\"latencyMs\":1},\"output\":{\"message\":{\"content\":["
    "{\"reasoningContent\":{\"reasoningText\":{\"text\":\"h\\u006dm\","
    "\"signature\":\"s1g\"}}},"
    "{\"reasoningContent\":{\"redactedContent\":\"eHl6\"}},"
    "{\"text\":\"Gr\xc3\xbc\\u00dfe \\ud83d\\ude00\\n\"},"
    "{\"toolUse\":{\"name\":\"w\",\"toolUseId\":\"s\",\"type\":"
    "\"server_tool_use\",\"input\":{\"a\": 1.0}}},"
    "{\"toolResult\":{\"status\":\"success\",\"toolUseId\":\"s\",\"content\":"
    "[{\"json\":{\"b\":\"\\\"\"}},{\"text\":\"c\"},{\"text\":\"d\"}]}},"
    "{\"toolUse\":{\"input\":{ \"a\" : [ 1 ] },\"name\":\"f\","
    "\"toolUseId\":\"t0\"}},"
    "{\"toolUse\":{\"input\":{},\"name\":\"g\",\"toolUseId\":\"t1\"}}],"
    "\"role\":\"assistant\"}},\"stopReason\":\"tool_use\",\"usage\":"
    "{\"inputTokens\":7,\"outputTokens\":20,\"totalTokens\":30,"
    "\"cacheReadInputTokens\":1,\"cacheWriteInputTokens\":2}}";

/* what both of them say */
static const char  message[] =
    "\"message\":{\"role\":\"assistant\","
    "\"content\":\"Gr\xc3\xbc\\u00dfe \\ud83d\\ude00\\n\",\"refusal\":null,"
    "\"reasoning_content\":\"h\\u006dm\",\"thinking_blocks\":["
    "{\"type\":\"thinking\",\"thinking\":\"h\\u006dm\","
    "\"signature\":\"s1g\"},"
    "{\"type\":\"redacted_thinking\",\"data\":\"eHl6\"}],"
    "\"tool_calls\":[{\"id\":\"t0\",\"type\":\"function\",\"function\":"
    "{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":[1]}\"}},"
    "{\"id\":\"t1\",\"type\":\"function\",\"function\":"
    "{\"name\":\"g\",\"arguments\":\"{}\"}}],"
    SPECIFIC "{\"server_blocks\":[{\"toolUse\":{\"name\":\"w\","
    "\"toolUseId\":\"s\",\"type\":\"server_tool_use\",\"input\":{\"a\": 1.0}"
    "}},{\"toolResult\":{\"status\":\"success\",\"toolUseId\":\"s\","
    "\"content\":[{\"json\":{\"b\":\"\\\"\"}},{\"text\":\"c\"},"
    "{\"text\":\"d\"}]}}]}},\"logprobs\":null,"
    "\"finish_reason\":\"tool_calls\"}],\"usage\":{\"prompt_tokens\":10,"
    "\"completion_tokens\":20,\"total_tokens\":30,"
    "\"prompt_tokens_details\":{\"cached_tokens\":1,"
    "\"cache_write_tokens\":2}}}";


int
main(void)
{
    ex_provider = "bedrock";
    ex_base = "";
    ex_model = "anthropic.claude-sonnet-4-0-v1:0";

    test_address();
    test_keys();
    test_regions();
    test_openai();
    test_sign();

    test_stream();
    test_buffered();
    test_mixed();
    test_empty_arguments();
    test_server();
    test_thoughts();
    test_citations();
    test_format();
    test_forms();
    test_others();
    test_reasons();
    test_fields();
    test_usage();
    test_completion();
    test_headers();
    test_errors();
    test_exceptions();
    test_odd();
    test_hostile();
    test_endless();
    test_no_memory();

    return done_testing();
}


static void
test_address(void)
{
    ngx_str_t  *s;

    path("", "amazon.nova-pro-v1:0", "/model/amazon.nova-pro-v1%3A0/converse",
         "a path");
    path("/vpc", "us.anthropic.claude-opus-4-7",
         "/vpc/model/us.anthropic.claude-opus-4-7/converse",
         "one behind a base");
    path("", "arn:aws:bedrock:us-east-1:123:inference-profile/us.x-y_z~v1:0",
         "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123%3Ainference-profile"
         "%2Fus.x-y_z~v1%3A0/converse", "the name of an inference profile");
    path("", "a b@\xc3\xbc", "/model/a%20b%40%C3%BC/converse",
         "whatever a name is");

    ex_start(CHAT, 1, 0);
    s = &ex_target.paths[COMPLETIONS][1];
    is_str(s->data, s->len,
           "/model/anthropic.claude-sonnet-4-0-v1%3A0/converse-stream",
           "a path of streams");
    is(ex_target.paths[EMBEDDINGS][0].len, 0, "no embeddings");
    is(ex_target.dialect->frames, 1, "a stream comes in frames");
    is_str(ex_target.row->base_url.data, ex_target.row->base_url.len,
           "https://bedrock-runtime.{region}.amazonaws.com", "where it is");
}


static void
test_keys(void)
{
    ngx_str_t  *s;

    s = &ex_target.headers[1];

    ok(configures("r", "", "", "", "KEY") == NGX_OK, "a key of Bedrock");
    is_str(s->data, s->len, "Authorization: Bearer KEY\r\n", "is a bearer's");

    ok(configures("r", "I", "S", "T", "KEY") == NGX_OK, "beside AWS's keys");
    is_str(s->data, s->len, "Authorization: Bearer KEY\r\n", "it is used");

    ok(configures("r", "I", "S", "", "") == NGX_OK, "AWS's keys");
    is(s->len, 0, "are told to nobody");

    ok(configures("", "", "", "", "") == NGX_OK, "no key at all");

    ok(configures("r", "I", "", "", "") == NGX_DECLINED, "half of a pair");
    ok(strstr(ex_target.why, "\"secret_access_key\"") != NULL, "is told");
    ok(configures("r", "", "S", "", "KEY") == NGX_DECLINED,
       "the other half, beside a key");
    ok(configures("r", "", "", "T", "KEY") == NGX_DECLINED
       && strstr(ex_target.why, "\"session_token\"") != NULL,
       "a token without a pair");
    ok(configures("", "I", "S", "", "") == NGX_DECLINED
       && strstr(ex_target.why, "\"region\"") != NULL,
       "a pair without a region");
}


static void
test_regions(void)
{
    size_t  i;

    static const char  *tests[][2] = {
        { "bedrock-runtime.eu-west-1.amazonaws.com", "eu-west-1" },
        { "bedrock-runtime.cn-north-1.amazonaws.com.cn", "cn-north-1" },
        { "bedrock-runtime-fips.us-east-1.amazonaws.com", "us-east-1" },
        { "vpce-1-2.bedrock-runtime.us-west-2.vpce.amazonaws.com",
          "us-west-2" },
        { "bedrock-runtime.amazonaws:8443", "" },
        { "bedrock-runtime", "" },
        { "my-bedrock-runtime.eu-west-1.example.com", "" },
        { "127.0.0.1:80", "" },
        { NULL, NULL }
    };

    for (i = 0; tests[i][0]; i++) {
        ex_start(CHAT, 0, 0);
        ex_target.host = str(tests[i][0]);
        ngx_str_null(&ex_target.region);
        ex_target.dialect->configure(ex_pool, &ex_target);

        is_str(ex_target.region.data, ex_target.region.len, tests[i][1],
               tests[i][0]);
    }

    ex_start(CHAT, 0, 0);
    ex_target.host = str(tests[0][0]);
    ex_target.region = str("us-gov-west-1");
    ex_target.dialect->configure(ex_pool, &ex_target);
    is_str(ex_target.region.data, ex_target.region.len, "us-gov-west-1",
           "what the file says wins");
}


static void
test_openai(void)
{
    size_t  i;

    static const char  *bases[] = { "/v1", "/openai/v1" };

    for (i = 0; i < 2; i++) {
        ex_base = bases[i];
        ex_start(CHAT, 0, 0);
        is_str(ex_target.dialect->name.data, ex_target.dialect->name.len,
               "openai", bases[i]);

        ok(ex_target.row->configure(ex_pool, &ex_target) == NGX_OK
           && ex_target.calls == 1 << CHAT, "an OpenAI interface has chats");

        ngx_str_null(&ex_target.api_key);
        ok(ex_target.row->configure(ex_pool, &ex_target) == NGX_OK,
           "takes no key");

        ex_target.access_key_id = str("I");
        ex_target.api_key = str("KEY");
        ok(ex_target.row->configure(ex_pool, &ex_target) == NGX_OK,
           "or one of Bedrock's");

        ngx_str_null(&ex_target.api_key);
        ok(ex_target.row->configure(ex_pool, &ex_target) == NGX_DECLINED
           && strstr(ex_target.why, "\"api_key\"") != NULL,
           "and signs nothing");
    }

    ex_base = "";
    ex_start(CHAT, 0, 0);
    ok(ex_target.row->configure(ex_pool, &ex_target) == NGX_OK
       && ex_target.paths[CHAT][0].len, "Converse is configured by the row");
}


static void
test_sign(void)
{
    char          text[2048];
    ngx_int_t     rc;
    ngx_str_t     lines;
    ngx_buf_t     buf;
    ngx_chain_t   body;

    memset(&buf, 0, sizeof(buf));
    buf.memory = 1;
    buf.pos = (u_char *) "{}";
    buf.last = buf.pos + 2;
    body.buf = &buf;
    body.next = NULL;

    configures("eu-west-1", "ID", "SECRET", "TOKEN", "");

    rc = ex_target.dialect->sign(&ex, &ex_target.paths[CHAT][0], &body,
                                 1700000000, &lines);

    snprintf(text, sizeof(text), "%.*s", (int) lines.len, lines.data);
    ok(rc == NGX_OK
       && strstr(text, "X-Amz-Date: 20231114T221320Z\r\n")
       && strstr(text, "X-Amz-Security-Token: TOKEN\r\n")
       && strstr(text, "Credential=ID/20231114/eu-west-1/bedrock/"
                       "aws4_request")
       && strstr(text, "SignedHeaders=content-type;host;x-amz-date;"
                       "x-amz-security-token")
       && strstr(text, "SECRET") == NULL, "a signature");

    configures("eu-west-1", "ID", "SECRET", "", "KEY");
    rc = ex_target.dialect->sign(&ex, &ex_target.paths[CHAT][0], &body,
                                 1700000000, &lines);
    ok(rc == NGX_OK && lines.len == 0, "none beside a key of Bedrock");

    configures("", "", "", "", "");
    rc = ex_target.dialect->sign(&ex, &ex_target.paths[CHAT][0], NULL,
                                 1700000000, &lines);
    ok(rc == NGX_OK && lines.len == 0, "none without a key");
}


static void
test_stream(void)
{
    char  *p, *q;

#define NEXT(text)                                                           \
    q = strstr(p, text);                                                     \
    ok(q != NULL, "%s", text);                                               \
    p = q ? q : p

    ex_start(CHAT, 1, 1);
    is(events(stream), NGX_OK, "a stream");
    p = ex_answer();

    ok(strstr(p, "\"p\":") == NULL, "padding stays out of it");

    NEXT("\"delta\":{\"role\":\"assistant\",\"content\":null,"
         "\"refusal\":null}");
    NEXT("\"delta\":{\"reasoning_content\":\"h\\u006d\"}");
    NEXT("\"delta\":{\"reasoning_content\":\"m\"}");
    NEXT("\"delta\":{\"thinking_blocks\":[{\"type\":\"thinking\","
         "\"thinking\":\"\",\"signature\":\"s1g\"}]}");
    NEXT("\"delta\":{\"thinking_blocks\":[{\"type\":\"redacted_thinking\","
         "\"data\":\"eHl6\"}]}");
    NEXT("\"delta\":{\"content\":\"Gr\xc3\xbc\"}");
    NEXT("\"delta\":{\"content\":\"\\u00dfe \\ud83d\"}");
    NEXT("\"delta\":{\"content\":\"\\ude00\\n\"}");
    NEXT("\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"t0\",\"type\":"
         "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}");
    NEXT("\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":"
         "{\"arguments\":\"{\\\"a\\\":\"}}]}");
    NEXT("\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":"
         "{\"arguments\":\"[1]}\"}}]}");
    NEXT("\"delta\":{\"tool_calls\":[{\"index\":1,\"id\":\"t1\"");
    NEXT("\"delta\":{\"tool_calls\":[{\"index\":1,\"function\":"
         "{\"arguments\":\"{}\"}}]}");
    NEXT("\"delta\":{" SPECIFIC "{\"server_blocks\":[{\"toolUse\":");
    NEXT("\"delta\":{},\"logprobs\":null,\"finish_reason\":\"tool_calls\"");
    NEXT("\"choices\":[],\"usage\":{\"prompt_tokens\":10,");

    q = strstr(p, DONE);
    is_str(q, q ? strlen(q) : 0, DONE, "and nothing behind the end");

    counts("10 20 30 1 2 -1", "its usage (P12)");
    is_str(ex.finish_reason.data, ex.finish_reason.len, "tool_calls",
           "its finish reason");
}


static void
test_buffered(void)
{
    char  *p, *streamed;

    ex_start(CHAT, 0, 0);
    is(ex_json(answer), NGX_OK, "an answer");
    p = strstr(ex_answer(), "\"message\":");
    is_str(p, p ? strlen(p) : 0, message, "which is an object");
    counts("10 20 30 1 2 -1", "its usage");
    ok(strstr(ex_answer(), "\"model\":\"anthropic.claude-sonnet-4-0-v1:0\"")
       != NULL, "the model that was asked, as the answer names none (P3)");

    ex_start(CHAT, 0, 0);
    is(events(stream), NGX_OK, "a stream for a buffered call");
    p = strstr(ex_answer(), "\"message\":");
    is_str(p, p ? strlen(p) : 0, message, "says the same");

    ex_start(CHAT, 1, 1);
    is(ex_json(answer), NGX_OK, "an answer for a streamed call");
    streamed = strdup(ex_answer());
    ok(strstr(streamed, "\"reasoning_content\":\"h\\u006dm\"")
       && strstr(streamed, "\"signature\":\"s1g\"}]")
       && strstr(streamed, "\"data\":\"eHl6\"}]")
       && strstr(streamed, "\"id\":\"t0\",\"type\":\"function\"")
       && strstr(streamed, "\"arguments\":\"{\\\"a\\\":[1]}\"")
       && strstr(streamed, "\"arguments\":\"{}\"")
       && strstr(streamed, "\"finish_reason\":\"tool_calls\"")
       && strstr(streamed, "\"usage\":{\"prompt_tokens\":10")
       && strstr(streamed, DONE), "says the same, too");
    free(streamed);

    ex_start(CHAT, 0, 0);
    ex_json("{\"output\":{\"message\":{\"content\":[{\"text\":\"x\"}]}},"
            "\"serviceTier\":{\"type\":\"default\"},\"message\":\"m\"}");
    ok(strstr(ex_answer(), "\"service_tier\":\"default\"") != NULL,
       "the tier (P13), and a member that is no error's");
}


/* two calls whose pieces come by turns, and text between them */

static void
test_mixed(void)
{
    static const frame_t  frames[] = {
        START,
        USE("0", "a", "f"),
        USE("1", "b", "g"),
        INPUT("0", "{\\\"x\\\":"),
        INPUT("1", "{\\\"y\\\":"),
        TEXT("2", "t"),
        INPUT("0", "1}"),
        CLOSE("0"),
        INPUT("1", "2}"),
        CLOSE("1"),
        USE("3", "c", "h"),
        TEXT("2", "u"),
        CLOSE("3"),
        STOP("tool_use"),
        META,
        END
    };

    ex_start(CHAT, 0, 0);
    is(events(frames), NGX_OK, "mixed pieces");
    ok(strstr(ex_answer(), "\"content\":\"tu\"")
       && strstr(ex_answer(), "\"arguments\":\"{\\\"x\\\":1}\"")
       && strstr(ex_answer(), "\"arguments\":\"{\\\"y\\\":2}\"")
       && strstr(ex_answer(), "\"name\":\"h\",\"arguments\":\"{}\""),
       "come together");

    ex_start(CHAT, 1, 0);
    is(events(frames), NGX_OK, "in a stream");
    ok(strstr(ex_answer(), "{\"index\":0,\"function\":{\"arguments\":\"1}\"}}")
       && strstr(ex_answer(),
                 "{\"index\":1,\"function\":{\"arguments\":\"2}\"}}")
       && strstr(ex_answer(),
                 "{\"index\":2,\"function\":{\"arguments\":\"{}\"}}"),
       "each is told of its call");
}


static void
test_empty_arguments(void)
{
    char  *p;

    static const frame_t  frames[] = {
        START, USE("0", "a", "f"), INPUT("0", ""), CLOSE("0"),
        STOP("tool_use"), META, END
    };
    static const frame_t  open[] = {
        START, USE("0", "a", "f"), STOP("tool_use"), END
    };

    ex_start(CHAT, 1, 0);
    events(frames);
    p = strstr(ex_answer(), "\"arguments\":\"{}\"");
    ok(p && strstr(p + 1, "\"arguments\":\"{}\"") == NULL,
       "a call without arguments has none, once (S5)");

    ex_start(CHAT, 1, 0);
    is(events(open), NGX_OK, "a call that is not closed");
    ok(strstr(ex_answer(), "\"arguments\":\"{}\"") != NULL,
       "has none, too");
}


/* P6: a client would try to run what Amazon has run */

static void
test_server(void)
{
    static const frame_t  frames[] = {
        START,
        OPEN("0", "{\"toolUse\":{\"type\":\"server_tool_use\"}}"),
        CLOSE("0"),
        OPEN("1", "{\"toolResult\":{}}"),
        CLOSE("1"),
        OPEN("2", "{\"toolUse\":{\"type\":\"server_tool_use\","
                  "\"input\":{}}}"),
        INPUT("2", "{\\\"a\\\":1}"),
        CLOSE("2"),
        TEXT("3", "x"),
        CLOSE("3"),
        STOP("end_turn"),
        END
    };

    ex_start(CHAT, 0, 0);
    is(events(frames), NGX_OK, "a tool of Amazon's");
    ok(strstr(ex_answer(), "tool_calls") == NULL
       && strstr(ex_answer(), "\"finish_reason\":\"stop\""),
       "is none of the client's");
    ok(strstr(ex_answer(), SPECIFIC "{\"server_blocks\":[{\"toolUse\":"
                           "{\"type\":\"server_tool_use\",\"input\":{}}},"
                           "{\"toolResult\":{\"content\":[]}},"
                           "{\"toolUse\":{\"input\":{\"a\":1}}}]}") != NULL,
       "is told, even where it says nothing");
}


static void
test_thoughts(void)
{
    static const frame_t  frames[] = {
        START, THINK("0", "\"text\":\"a\""), TEXT("1", "b"),
        THINK("2", "\"signature\":\"s\""), CLOSE("2"),
        STOP("end_turn"), META, END
    };

    ex_start(CHAT, 0, 0);
    ex_json(ANSWER("{\"reasoningContent\":{\"reasoningText\":{\"text\":"
                   "\"a\"}}},{\"text\":\"b\"}", "end_turn"));
    ok(strstr(ex_answer(), "\"reasoning_content\":\"a\"")
       && strstr(ex_answer(), "thinking_blocks") == NULL,
       "a thought without a signature cannot be replayed");

    ex_start(CHAT, 0, 0);
    is(events(frames), NGX_OK, "thoughts that are not closed");
    ok(strstr(ex_answer(), "\"content\":\"b\"")
       && strstr(ex_answer(), "\"reasoning_content\":\"a\"")
       && strstr(ex_answer(), "[{\"type\":\"thinking\",\"thinking\":\"\","
                              "\"signature\":\"s\"}]"),
       "end where another block begins");
}


static void
test_citations(void)
{
    char  *expected;

#define WEB(url, title)                                                      \
    "{\"title\":" title ",\"location\":{\"web\":{\"url\":\"" url "\","       \
    "\"domain\":\"d\"}},\"sourceContent\":[{\"text\":\"s\"}]}"
#define PAGE  "{\"title\":\"p\",\"location\":{\"documentPage\":{\"start\":1}}}"
#define ANNOTATION(end, start, title, url)                                   \
    "{\"type\":\"url_citation\",\"url_citation\":{\"end_index\":" end ","    \
    "\"start_index\":" start ",\"title\":\"" title "\",\"url\":\"" url       \
    "\"}}"

    static const frame_t  frames[] = {
        START,
        TEXT("0", "\xc3\xbc\\n"),
        CLOSE("0"),
        DELTA("1", "{\"citation\":" WEB("u", "\"a\\\"b\"") "}"),
        TEXT("1", "\\ud83d"),
        TEXT("1", "\\ude00."),
        DELTA("1", "{\"citation\":" PAGE "}"),
        DELTA("1", "{\"citation\":" WEB("w", "null") "}"),
        CLOSE("1"),
        TEXT("2", "!"),
        STOP("end_turn"),
        META,
        END
    };

    expected = "\"annotations\":[" ANNOTATION("4", "2", "a\\\"b", "u") ","
               ANNOTATION("4", "2", "", "w") "]," SPECIFIC
               "{\"server_blocks\":[{\"citation\":" PAGE "}]}";

    ex_start(CHAT, 0, 0);
    ex_json(ANSWER("{\"text\":\"\xc3\xbc\\n\"},{\"citationsContent\":"
                   "{\"content\":[{\"text\":\"\\ud83d\\ude00\"},"
                   "{\"text\":\".\"}],\"citations\":["
                   WEB("u", "\"a\\\"b\"") "," PAGE "," WEB("w", "null")
                   "]}},{\"text\":\"!\"}", "end_turn"));
    ok(strstr(ex_answer(), "\"content\":\"\xc3\xbc\\n\\ud83d\\ude00.!\"")
       && strstr(ex_answer(), expected),
       "sources that have an address, and others (P8)");

    ex_start(CHAT, 0, 0);
    is(events(frames), NGX_OK, "those of a stream");
    ok(strstr(ex_answer(), expected) != NULL, "are the same");

    ex_start(CHAT, 1, 0);
    events(frames);
    ok(strstr(ex_answer(), "\"delta\":{\"annotations\":["
              ANNOTATION("4", "2", "", "w") "]}") != NULL,
       "and told in a stream (S7)");
}


static void
test_format(void)
{
#define ASK(schema)                                                          \
    "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"                 \
    "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"         \
    "{\"schema\":" schema "}}}"
#define JSON(input)                                                          \
    "{\"toolUse\":{\"toolUseId\":\"i\",\"name\":\"json_response\","          \
    "\"input\":" input "}}"

    static const frame_t  frames[] = {
        START, USE("0", "i", "json_response"),
        INPUT("0", "{\\\"value\\\":"), INPUT("0", "[1]}"), CLOSE("0"),
        STOP("tool_use"), META, END
    };
    static const frame_t  both[] = {
        START, USE("0", "i", "json_response"), INPUT("0", "{}"), CLOSE("0"),
        USE("1", "j", "f"), INPUT("1", "{\\\"b\\\":2}"), CLOSE("1"),
        STOP("tool_use"), META, END
    };

    ex_build(CHAT, 0, ASK("{\"type\":\"object\"}"));
    ex_json(ANSWER(JSON("{ \"a\" : 1.0 }"), "tool_use"));
    ok(strstr(ex_answer(), "\"content\":\"{\\\"a\\\":1.0}\"")
       && strstr(ex_answer(), "tool_calls") == NULL
       && strstr(ex_answer(), "\"finish_reason\":\"stop\""),
       "a format's tool is the content (P9)");

    ex_build(CHAT, 0, ASK("{\"type\":\"array\"}"));
    ex_json(ANSWER(JSON("{\"value\":[1]}"), "tool_use"));
    ok(strstr(ex_answer(), "\"content\":\"[1]\"") != NULL,
       "what was wrapped is taken out");

    ex_build(CHAT, 1, ASK("{\"type\":\"array\"}"));
    is(events(frames), NGX_OK, "in a stream");
    ok(strstr(ex_answer(), "\"delta\":{\"content\":\"[1]\"}")
       && strstr(ex_answer(), "\"finish_reason\":\"stop\""),
       "when it is whole (S14)");

    ex_build(CHAT, 1, ASK("{\"type\":\"object\"}"));
    events(frames);
    ok(strstr(ex_answer(), "\"delta\":{\"content\":\"{\\\"value\\\":\"}")
       && strstr(ex_answer(), "\"delta\":{\"content\":\"[1]}\"}"),
       "or piece by piece");

    ex_build(CHAT, 0, ASK("{\"type\":\"object\"}"));
    is(events(both), NGX_OK, "beside a call of the client's");
    ok(strstr(ex_answer(), "\"content\":\"{}\"")
       && strstr(ex_answer(), "\"tool_calls\":[{\"id\":\"j\","
                 "\"type\":\"function\",\"function\":{\"name\":\"f\","
                 "\"arguments\":\"{\\\"b\\\":2}\"}}]")
       && strstr(ex_answer(), "\"finish_reason\":\"tool_calls\""),
       "both are told");
}


/* the form that the request asked in */

static void
test_forms(void)
{
    ex_build(CHAT, 0, "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
             "\"functions\":[{\"name\":\"f\"}]}");
    ex_json(ANSWER("{\"toolUse\":{\"toolUseId\":\"i\",\"name\":\"f\","
                   "\"input\":{}}}", "tool_use"));
    ok(strstr(ex_answer(), "\"function_call\":{\"name\":\"f\","
              "\"arguments\":\"{}\"}")
       && strstr(ex_answer(), "\"finish_reason\":\"function_call\""),
       "a function_call (R45)");

    ex_build(CHAT, 0, "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
             "\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"f\"}}]}");
    ex_json(ANSWER("{\"toolUse\":{\"toolUseId\":\"i\",\"name\":\"f\","
                   "\"input\":{\"input\":\"a \\\"b\\\"\"}}}", "tool_use"));
    ok(strstr(ex_answer(), "\"custom\":{\"name\":\"f\","
              "\"input\":\"a \\\"b\\\"\"}") != NULL, "a custom tool (R62)");
}


static void
test_others(void)
{
    static const frame_t  frames[] = {
        START, OPEN("0", "{\"image\":{\"format\":\"png\"}}"),
        DELTA("0", "{\"image\":{\"source\":{\"bytes\":\"QQ==\"}}}"),
        CLOSE("0"), OPEN("1", "{}"), DELTA("1", "{}"), TEXT("1", "x"),
        STOP("end_turn"), END
    };

    ex_start(CHAT, 0, 0);
    ex_json(ANSWER("{\"image\":{\"format\":\"png\"}},{\"text\":\"x\"},"
                   "{\"new\":[1]},{},null", "end_turn"));
    ok(strstr(ex_answer(), "\"content\":\"x\"")
       && strstr(ex_answer(), SPECIFIC "{\"server_blocks\":[{\"image\":"
                 "{\"format\":\"png\"}},{\"new\":[1]}]}"),
       "blocks that nobody knows are kept");

    ex_start(CHAT, 0, 0);
    is(events(frames), NGX_OK, "in a stream");
    ok(strstr(ex_answer(), "\"content\":\"x\"")
       && strstr(ex_answer(), "{\"server_blocks\":[{\"image\":{\"format\":"
                 "\"png\"}},{\"image\":{\"source\":{\"bytes\":\"QQ==\"}}}]}"),
       "too, in pieces");
}


static void
test_reasons(void)
{
    char    text[256], told[128];
    size_t  i;

    static const struct {
        const char  *stop;
        const char  *finish;
        ngx_uint_t   told;
    } tests[] = {
        { "end_turn", "stop", 0 },
        { "stop_sequence", "stop", 0 },
        { "max_tokens", "length", 0 },
        { "tool_use", "stop", 0 },
        { "model_context_window_exceeded", "length", 1 },
        { "guardrail_intervened", "content_filter", 1 },
        { "content_filtered", "content_filter", 1 },
        { "malformed_model_output", "stop", 1 },
        { "malformed_tool_use", "stop", 1 },
        { "something_new", "stop", 1 },
        { NULL, NULL, 0 }
    };

    for (i = 0; tests[i].stop; i++) {
        snprintf(text, sizeof(text), ANSWER("{\"text\":\"x\"}", "%s"),
                 tests[i].stop);
        snprintf(told, sizeof(told), SPECIFIC "{\"stop_reason\":\"%s\"}",
                 tests[i].stop);

        ex_start(CHAT, 0, 0);
        ex_json(text);
        is_str(ex.finish_reason.data, ex.finish_reason.len, tests[i].finish,
               tests[i].stop);
        is(strstr(ex_answer(), told) != NULL, tests[i].told,
           "and what it was, where that is not the same (P10)");
        ok(strstr(ex_answer(), "\"refusal\":null") != NULL, "no refusal");
    }

#define CALL(reason)                                                         \
    ANSWER("{\"toolUse\":{\"toolUseId\":\"i\",\"name\":\"f\",\"input\":{}}}",\
           reason)

    ex_start(CHAT, 0, 0);
    ex_json(CALL("something_new"));
    is_str(ex.finish_reason.data, ex.finish_reason.len, "tool_calls",
           "an unknown reason and a call");

    ex_start(CHAT, 0, 0);
    ex_json(CALL("malformed_tool_use"));
    is_str(ex.finish_reason.data, ex.finish_reason.len, "stop",
           "a call that is malformed");

    ex_start(CHAT, 0, 0);
    is(ex_json("{\"output\":{\"message\":{\"content\":[]}},\"stopReason\":7}"),
       NGX_OK, "a reason that is none");
    is_str(ex.finish_reason.data, ex.finish_reason.len, "stop", "is a stop");
}


static void
test_fields(void)
{
    static const frame_t  frames[] = {
        START, TEXT("0", "x"),
        { "messageStop", "{\"stopReason\":\"stop_sequence\","
          "\"additionalModelResponseFields\":{\"stop_sequence\":\"s\"}}", 0 },
        META, END
    };
    static const char  expected[] =
        SPECIFIC "{\"additionalModelResponseFields\":"
        "{\"stop_sequence\":\"s\"}}";

    ex_start(CHAT, 0, 0);
    ex_json("{\"output\":{\"message\":{\"content\":[{\"text\":\"x\"}]}},"
            "\"stopReason\":\"stop_sequence\",\"trace\":{},"
            "\"additionalModelResponseFields\":{\"stop_sequence\":\"s\"}}");
    ok(strstr(ex_answer(), expected) != NULL, "fields that were asked for");

    ex_start(CHAT, 1, 0);
    events(frames);
    ok(strstr(ex_answer(), expected) != NULL, "in a stream");

    ex_start(CHAT, 0, 0);
    ex_json("{\"output\":{\"message\":{\"content\":[{\"text\":\"x\"}]}},"
            "\"additionalModelResponseFields\":null}");
    ok(strstr(ex_answer(), "specific") == NULL, "none");
}


static void
test_usage(void)
{
#define COUNTS(usage, expected)                                              \
    ex_start(CHAT, 0, 0);                                                    \
    ex_json("{\"output\":{\"message\":{\"content\":[]}},\"usage\":" usage    \
            "}");                                                            \
    counts(expected, usage)

    static const frame_t  before[] = {
        START, TEXT("0", "x"), META, STOP("end_turn"),
        { "contentBlockDelta", "{", 0 }, END
    };
    static const frame_t  never[] = {
        START, TEXT("0", "x"), STOP("end_turn"), END
    };
    static const frame_t  late[] = {
        START, TEXT("0", "x"), STOP("end_turn"), TEXT("0", "y"), CLOSE("0"),
        USE("1", "i", "f"), STOP("tool_use"), META, END
    };

    COUNTS("{\"inputTokens\":3,\"outputTokens\":4,\"totalTokens\":7}",
           "3 4 7 -1 -1 -1");
    COUNTS("{\"inputTokens\":3,\"outputTokens\":4,\"cacheReadInputTokens\":0,"
           "\"cacheWriteInputTokens\":null}", "3 4 7 0 -1 -1");
    COUNTS("{\"inputTokens\":9223372036854775807,\"outputTokens\":1,"
           "\"cacheReadInputTokens\":5}",
           "9223372036854775807 1 9223372036854775807 5 -1 -1");
    COUNTS("{\"outputTokens\":4}", "-1 4 4 -1 -1 -1");
    COUNTS("{\"inputTokens\":3}", "3 -1 3 -1 -1 -1");
    COUNTS("{\"inputTokens\":\"3\",\"outputTokens\":-1}",
           "-1 -1 -1 -1 -1 -1");
    COUNTS("null", "-1 -1 -1 -1 -1 -1");
    COUNTS("[]", "-1 -1 -1 -1 -1 -1");

    ex_start(CHAT, 1, 1);
    is(events(before), NGX_OK, "metadata before messageStop");
    ok(ex.done && strstr(ex_answer(), "\"usage\":{\"prompt_tokens\":10")
       && strstr(ex_answer(), DONE), "is told, and what follows is noise");

    ex_start(CHAT, 1, 1);
    is(events(never), NGX_OK, "no metadata");
    ok(strstr(ex_answer(), "\"finish_reason\":\"stop\"")
       && strstr(ex_answer(), DONE), "is still an answer");
    counts("-1 -1 -1 -1 -1 -1", "without usage");

    ex_start(CHAT, 1, 1);
    is(events(late), NGX_OK, "content behind messageStop");
    ok(strstr(ex_answer(), "\"y\"") == NULL
       && strstr(ex_answer(), "tool_calls") == NULL
       && strstr(ex_answer(), DONE), "is none");
}


static void
test_completion(void)
{
    ex_start(COMPLETIONS, 0, 0);
    ex_json(answer);
    ok(strstr(ex_answer(), "\"object\":\"text_completion\"")
       && strstr(ex_answer(), "\"choices\":[{\"text\":\"Gr\xc3\xbc\\u00dfe "
                 "\\ud83d\\ude00\\n\",\"index\":0,\"logprobs\":null,"),
       "a text completion");

    ex_start(COMPLETIONS, 1, 0);
    is(events(stream), NGX_OK, "a streamed one");
    ok(strstr(ex_answer(), "{\"text\":\"\\ude00\\n\",\"index\":0,"
              "\"logprobs\":null,\"finish_reason\":null}") != NULL,
       "its pieces");
}


static void
test_headers(void)
{
    ngx_str_t  name, value;

    ex_start(CHAT, 0, 0);

    name = str("x-amzn-requestid");
    value = str("r-1");
    ok(ex_target.dialect->header(&ex, &name, &value) == NGX_OK
       && name.len == 12 && memcmp(name.data, "x-request-id", 12) == 0,
       "the request's id (H)");

    name = str("x-amzn-errortype");
    value = str("ThrottlingException:http://internal.amazon.com/");
    is(ex_target.dialect->header(&ex, &name, &value), NGX_DECLINED,
       "the name of an error is not passed on");

    ex_start(CHAT, 0, 0);

    name = str("x-amzn-something");
    is(ex_target.dialect->header(&ex, &name, &value), NGX_DECLINED,
       "nor is one of the same length");
    ex_target.dialect->error(&ex, 400, NULL, &name);
    faults(400, "", "x-amzn-something", "which names no error");

    name = str("x-amzn-bedrock-invocation-latency");
    is(ex_target.dialect->header(&ex, &name, &value), NGX_DECLINED,
       "nor are others");
}


static void
test_errors(void)
{
    size_t  i;

    static const struct {
        ngx_uint_t   status;
        const char  *type;
        ngx_uint_t   fault;
        const char  *code;
        const char  *message;
    } errors[] = {
        { 400, "ValidationException", 400, "", "bad" },
        { 400, "ValidationException:http://internal.amazon.com/coral/", 400,
          "context_length_exceeded", "Input is too long for requested model."
        },
        { 400, "", 400, "context_length_exceeded",
          "prompt is too long: 9 tokens > 8 maximum" },
        { 400, "", 400, "context_length_exceeded",
          "Too many input tokens. Max input tokens: 8" },
        { 400, "", 400, "model_not_found",
          "The provided model identifier is invalid." },
        { 400, "ServiceQuotaExceededException", 429, "", "quota" },
        { 403, "AccessDeniedException", 403, "", "You don't have access" },
        { 403, "UnrecognizedClientException", 401, "", "m" },
        { 403, "ExpiredTokenException", 401, "", "m" },
        { 403, "InvalidSignatureException:", 401, "", "m" },
        { 403, "", 401, "",
          "The security token included in the request is expired" },
        { 403, "AccessDeniedException", 401, "", "Authentication failed: "
          "Please make sure your API Key is valid." },
        { 401, "", 401, "", "m" },
        { 404, "ResourceNotFoundException", 404, "", "m" },
        { 408, "ModelTimeoutException", 408, "", "m" },
        { 408, "", 408, "", "m" },
        { 424, "ModelErrorException", 424, "", "m" },
        { 429, "ThrottlingException", 429, "", "Too many requests" },
        { 429, "ModelNotReadyException", 429, "", "m" },
        { 500, "InternalServerException", 500, "", "m" },
        { 503, "ServiceUnavailableException", 503, "", "m" },
        { 418, "SomethingNewException", 418, "", "m" },
        { 0, NULL, 0, NULL, NULL }
    };

    char  text[256];

    for (i = 0; errors[i].type; i++) {
        snprintf(text, sizeof(text), "{\"%s\":\"%s\"}",
                 (i & 1) ? "Message" : "message", errors[i].message);

        error(errors[i].status, errors[i].type, text);
        faults(errors[i].fault, errors[i].code, errors[i].message,
               errors[i].message);
    }

    error(403, "", "{\"__type\":\"com.amazon.coral.service#"
                   "UnrecognizedClientException\",\"message\":\"m\"}");
    faults(401, "", "m", "a name in the body");

    error(403, "", "{\"__type\":\"ExpiredTokenException\",\"type\":\"t\","
                   "\"code\":\"c\",\"Message\":\"m\",\"message\":null}");
    faults(401, "", "m", "one without a prefix");

    error(502, "", "<html>");
    faults(502, "", "The provider answered with an error.", "a page");

    error(400, "ValidationException", "{}");
    faults(400, "", "The provider answered with an error.", "nothing said");

    ex_start(CHAT, 0, 0);
    is(ex_json("{\"__type\":\"ThrottlingException\",\"message\":\"m\"}"),
       NGX_DECLINED, "an error in a 200");
    faults(429, "", "m", "is told by its name");

    ex_start(CHAT, 0, 0);
    is(ex_json("{\"Message\":\"m\"}"), NGX_DECLINED, "one without a name");
    faults(0, "", "m", "is a bad answer");

    ex_start(CHAT, 0, 0);
    is(ex_json("{\"output\":{}}"), NGX_DECLINED, "no answer");
    faults(0, "", "The provider's answer has no \"content\".", "is told");
}


static void
test_exceptions(void)
{
    size_t     i;
    frame_t    frames[4];
    ngx_int_t  rc;

    static const struct {
        const char  *name;
        const char  *data;
        ngx_uint_t   status;
        const char  *code;
        const char  *message;
    } tests[] = {
        { "throttlingException", "{\"message\":\"m\"}", 429, "", "m" },
        { "internalServerException", "{\"message\":\"m\"}", 500, "", "m" },
        { "modelStreamErrorException", "{\"message\":\"m\","
          "\"originalStatusCode\":400}", 500, "", "m" },
        { "serviceUnavailableException", "{\"Message\":\"m\"}", 503, "", "m" },
        { "validationException", "{\"message\":\"Input is too long\"}", 400,
          "context_length_exceeded", "Input is too long" },
        { "modelTimeoutException", "{\"message\":\"m\"}", 504, "", "m" },
        { "accessDeniedException", "{\"message\":\"m\"}", 403, "", "m" },
        { "ThrottlingException", "{\"message\":\"m\"}", 429, "", "m" },
        { "somethingNewException", "{\"message\":\"m\"}", 500, "", "m" },
        { "Exception", "{\"message\":\"m\"}", 500, "", "m" },
        { "InternalFailure", "what happened", 500, "", "what happened" },
        { "throttlingException", "", 429, "",
          "The provider answered with an error." },
        { "", "{\"message\":\"m\"}", 0, "", "m" },
        { NULL, NULL, 0, NULL, NULL }
    };

    for (i = 0; tests[i].name; i++) {
        memset(frames, 0, sizeof(frames));
        frames[0].type = tests[i].name;
        frames[0].data = tests[i].data;
        frames[0].exception = 1;

        ex_start(CHAT, 1, 0);
        rc = events(frames);
        is(rc, NGX_DECLINED, "an exception before all");
        faults(tests[i].status, tests[i].code, tests[i].message,
               tests[i].name);
        is(ex_out.length, 0, "nothing was said");

        frames[2] = frames[0];
        frames[0] = stream[0];
        frames[1] = stream[7];

        ex_start(CHAT, 1, 0);
        rc = events(frames);
        is(rc, NGX_DECLINED, "an exception within a stream (S11)");
        faults(tests[i].status, tests[i].code, tests[i].message,
               tests[i].name);
        ok(strstr(ex_answer(), "\"content\":\"Gr") && !ex.done,
           "what was said stays");
    }
}


static void
test_odd(void)
{
    static const frame_t  cut[] = { START, TEXT("0", "x"), CLOSE("0"), END };
    static const frame_t  meta[] = { START, TEXT("0", "x"), META, END };
    static const frame_t  nothing[] = { END };
    static const frame_t  json[] = {
        START, { "contentBlockDelta", "{\"delta\":", 0 }, END
    };
    static const frame_t  bytes[] = {
        START, { "contentBlockDelta", "{\"delta\":{\"text\":\"\xff\"}}", 0 },
        END
    };
    static const frame_t  bare[] = {
        { "contentBlockDelta", "{\"delta\":{\"text\":\"x\"}}", 0 },
        { "contentBlockStart", "{\"start\":{\"toolUse\":{\"toolUseId\":"
          "\"i\",\"name\":\"f\"}}}", 0 },
        { "contentBlockDelta", "{\"delta\":{\"toolUse\":{\"input\":\"{}\"}}}",
          0 },
        { "contentBlockStop", "{}", 0 },
        STOP("tool_use"), END
    };
    static const frame_t  empty[] = { START, STOP("end_turn"), META, END };
    static const frame_t  unknown[] = {
        { "initial-response", "", 0 }, START, { "later", "\xff{", 0 },
        STOP("end_turn"), META, END
    };

    ex_start(CHAT, 1, 0);
    is(events(cut), NGX_DECLINED, "a stream that is cut (S12)");
    faults(0, "", "The provider ended the stream before the answer was "
           "complete.", "is told");

    ex_start(CHAT, 1, 0);
    is(events(meta), NGX_DECLINED, "one that has no messageStop");

    ex_start(CHAT, 1, 0);
    is(events(nothing), NGX_DECLINED, "nothing at all");

    ex_start(CHAT, 1, 0);
    is(events(json), NGX_DECLINED, "an event that is no JSON");
    faults(0, "", "The provider sent an event that is not JSON.", "is told");

    ex_start(CHAT, 1, 0);
    is(events(bytes), NGX_DECLINED, "one that is no UTF-8");

    ex_start(CHAT, 1, 0);
    is(events(unknown), NGX_OK, "unknown events, whatever they hold (S13)");

    ex_start(CHAT, 0, 0);
    is(events(bare), NGX_OK, "events without numbers, or a start");
    ok(strstr(ex_answer(), "\"content\":\"x\"")
       && strstr(ex_answer(), "\"arguments\":\"{}\""), "are understood");

    ex_start(CHAT, 1, 0);
    is(events(empty), NGX_OK, "an answer of nothing");
    ok(strstr(ex_answer(), "\"role\":\"assistant\",\"content\":\"\"")
       && strstr(ex_answer(), "\"finish_reason\":\"stop\""),
       "has a role and an end");
}


/* each value of a stream and of an answer becomes each other one */

static void
test_hostile(void)
{
    size_t                      i;
    ngx_str_t                   s;
    ngx_pool_t                 *pool;
    ngx_http_llmbroker_json_t  *root;

    for (i = 0; stream[i].type; i++) {
        pool = ngx_create_pool(4096, &ngx_shim_log);
        s = str(stream[i].data);

        if (ngx_http_llmbroker_json_parse(pool, s.data, s.len, &root)
            != NGX_OK)
        {
            ok(0, "%s is JSON", stream[i].data);
            return;
        }

        changed(stream, i, stream[i].data, root);
        ngx_destroy_pool(pool);
    }

    ok(1, "events of other types");

    pool = ngx_create_pool(4096, &ngx_shim_log);
    s = str(answer);

    if (ngx_http_llmbroker_json_parse(pool, s.data, s.len, &root) != NGX_OK) {
        ok(0, "the answer is JSON");
        return;
    }

    changed(NULL, 0, answer, root);
    ngx_destroy_pool(pool);

    ok(1, "answers of other types");
}


static void
test_endless(void)
{
    char       *text;
    size_t      i, k, n;
    ngx_int_t   rc;

    static const char  *deltas[][2] = {
        { "{\"reasoningContent\":{\"signature\":\"", "\"}}" },
        { "{\"toolUse\":{\"input\":\"", "\"}}" },
        { "{\"toolResult\":[{\"text\":\"", "\"}]}" },
        { "{\"image\":{\"a\":\"", "\"}}" },
        { NULL, NULL }
    };
    static const frame_t  starts[] = {
        START,
        OPEN("0", "{\"toolUse\":{\"type\":\"server_tool_use\"}}"),
        OPEN("0", "{\"toolResult\":{}}"),
        START
    };
    static const ngx_int_t  expected[] = {
        NGX_DECLINED, NGX_DECLINED, NGX_DECLINED, NGX_OK
    };

    text = malloc(60000);

    for (k = 0; deltas[k][0]; k++) {
        ex_start(CHAT, 1, 0);
        ex.temp = ngx_create_pool(4096, &ngx_shim_log);

        rc = event(starts[k].type, starts[k].data, strlen(starts[k].data), 0);

        for (i = 0; i < 40 && rc == NGX_OK; i++) {
            n = sprintf(text, "{\"contentBlockIndex\":0,\"delta\":%s",
                        deltas[k][0]);
            memset(text + n, 's', 50000);
            n += 50000;
            n += sprintf(text + n, "%s}", deltas[k][1]);

            rc = event("contentBlockDelta", text, n, 0);
        }

        is(rc, expected[k], "what has no end is not kept");
    }

    free(text);
}


static void
test_no_memory(void)
{
    survives(stream_once, "a stream");
    survives(aggregate_once, "a stream for a buffered call");
    survives(response_once, "a buffered answer");
}


/* frames as the gateway hands them over, and the stream's end */

static ngx_int_t
events(const frame_t *frames)
{
    ngx_int_t  rc;

    ex.temp = ngx_create_pool(4096, &ngx_shim_log);
    if (ex.temp == NULL) {
        return NGX_ERROR;
    }

    for ( /* void */ ; frames->type; frames++) {
        rc = event(frames->type, frames->data, strlen(frames->data),
                   frames->exception);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ex_target.dialect->end(&ex);
}


/* one of them, in memory of its own */

static ngx_int_t
event(const char *type, const char *data, size_t len, ngx_uint_t exception)
{
    u_char                          *p;
    ngx_int_t                        rc;
    ngx_http_llmbroker_sse_event_t   e;

    memset(&e, 0, sizeof(e));

    p = malloc(len ? len : 1);
    memcpy(p, data, len);

    e.type = str(type);
    e.data.data = p;
    e.data.len = len;
    e.exception = exception;

    rc = ex_target.dialect->event(&ex, &e);

    ngx_reset_pool(ex.temp);
    free(p);

    return rc;
}


static void
path(const char *base, const char *model, const char *expected,
    const char *name)
{
    const char  *b, *m;

    b = ex_base;
    m = ex_model;

    ex_base = base;
    ex_model = model;

    ex_start(CHAT, 0, 0);
    is_str(ex_target.paths[CHAT][0].data, ex_target.paths[CHAT][0].len,
           expected, name);

    ex_base = b;
    ex_model = m;
}


static ngx_int_t
configures(const char *region, const char *id, const char *secret,
    const char *token, const char *key)
{
    ex_start(CHAT, 0, 0);

    ex_target.region = str(region);
    ex_target.access_key_id = str(id);
    ex_target.secret_access_key = str(secret);
    ex_target.session_token = str(token);
    ex_target.api_key = str(key);
    ex_target.why = NULL;

    return ex_target.dialect->configure(ex_pool, &ex_target);
}


static void
error(ngx_uint_t status, const char *type, const char *text)
{
    ngx_str_t                   s, name, value;
    ngx_http_llmbroker_json_t  *root;

    ex_start(CHAT, 0, 0);

    if (type[0]) {
        name = str("x-amzn-errortype");
        value = str(type);
        ex_target.dialect->header(&ex, &name, &value);
    }

    s = str(text);
    root = NULL;

    (void) ngx_http_llmbroker_json_parse(ex_pool, s.data, s.len, &root);

    ex_target.dialect->error(&ex, status, root, &s);
}


/*
 * The value v of the text, which is that of frame n or of an answer, becomes
 * others.  The tree is small and this a test: it may recurse.
 */

static void
changed(const frame_t *frames, size_t n, const char *text,
    ngx_http_llmbroker_json_t *v)
{
    size_t                      i, begin;
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *child;

    static const char  *values[] = {
        "null", "true", "0", "-1", "1e99", "\"\"", "\"x\"", "[]", "{}",
        "[null]", "[[{}]]", "{\"\":{}}", "{\"text\":{\"text\":1}}",
        "[{\"text\":1},1]", "{\"toolUse\":{\"input\":[]}}",
        "{\"reasoningContent\":{\"reasoningText\":{}}}",
        "{\"citationsContent\":{\"content\":[1],\"citations\":[1,{}]}}",
        "{\"citation\":{\"location\":{\"web\":{\"url\":\"\"}}}}", NULL
    };

    char     string[4096];
    frame_t  copy[64];

    begin = v->raw.data - (u_char *) text;

    for (i = 0; values[i]; i++) {
        snprintf(string, sizeof(string), "%.*s%s%s", (int) begin, text,
                 values[i], text + begin + v->raw.len);

        ex_start(CHAT, i & 1, 0);

        if (frames) {
            memcpy(copy, frames, sizeof(stream));
            copy[n].data = string;
            rc = events(copy);

        } else {
            rc = ex_json(string);
        }

        if (rc != NGX_OK && rc != NGX_DECLINED) {
            ok(0, "%s", string);
        }
    }

    for (child = v->child; child; child = child->next) {
        changed(frames, n, text, child);
    }
}


static ngx_int_t
stream_once(void)
{
    return ex_start(CHAT, 1, 1) == NGX_OK ? events(stream) : NGX_ERROR;
}


static ngx_int_t
aggregate_once(void)
{
    return ex_start(CHAT, 0, 0) == NGX_OK ? events(stream) : NGX_ERROR;
}


static ngx_int_t
response_once(void)
{
    return ex_start(CHAT, 0, 0) == NGX_OK ? ex_json(answer) : NGX_ERROR;
}
