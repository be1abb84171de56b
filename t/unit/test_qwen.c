
/*
 * Copyright (C) LLMBroker contributors
 *
 * DashScope's native dialect: requests, streamed and buffered answers, tool
 * calls whose names come in pieces, usage, errors, cut and hostile streams,
 * lack of memory; and the compatible mode, which is OpenAI's dialect.
 */


#include "exchange.h"


static void test_configure(void);
static void test_messages(void);
static void test_parameters(void);
static void test_tools(void);
static void test_thinking(void);
static void test_refused(void);
static void test_prompt(void);

static void test_stream(void);
static void test_buffered(void);
static void test_calls(void);
static void test_reasoning(void);
static void test_reasons(void);
static void test_choices(void);
static void test_completion(void);
static void test_errors(void);
static void test_odd(void);
static void test_hostile(void);
static void test_no_memory(void);

static ngx_int_t build_once(void);
static ngx_int_t stream_once(void);
static ngx_int_t response_once(void);


#define ASK(more)                                                            \
    "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]" more "}"
#define ANSWER(more)                                                         \
    "{\"model\":\"qwen-max\",\"input\":{\"messages\":[{\"role\":\"user\","   \
    "\"content\":\"x\"}]},\"parameters\":{\"result_format\":\"message\""     \
    more "}}"
#define MESSAGES(list)                                                       \
    "{\"model\":\"qwen-max\",\"input\":{\"messages\":[" list "]},"           \
    "\"parameters\":{\"result_format\":\"message\"}}"

/* as they come: no space after the colons, the status is a comment */
#define FRAME(id, message, finish, out)                                      \
    "id:" id "\nevent:result\n:HTTP_STATUS/200\n"                            \
    "data:{\"output\":{\"choices\":[{\"message\":{\"role\":\"assistant\","   \
    message "},\"index\":0,\"finish_reason\":" finish "}]},"                 \
    "\"usage\":{\"total_tokens\":1" out ",\"output_tokens\":" out ","        \
    "\"input_tokens\":10,\"prompt_tokens_details\":{\"cached_tokens\":4},"   \
    "\"output_tokens_details\":{\"reasoning_tokens\":1}},"                   \
    "\"request_id\":\"r-1\"}\n\n"
#define CALL(index, id, more)                                                \
    "\"content\":\"\",\"tool_calls\":[{\"index\":" index ",\"id\":\"" id     \
    "\",\"type\":\"function\",\"function\":{" more "}}]"


static const char  stream[] =
    FRAME("1", "\"content\":\"\",\"reasoning_content\":\"hm\"", "\"null\"",
          "1")
    FRAME("2", "\"content\":\"Gr\\u00fc\"", "\"null\"", "2")
    FRAME("3", "\"content\":\"\xc3\x9f""e\\n\"", "\"null\"", "3")
    FRAME("4", CALL("0", "t0", "\"name\":\"f\",\"arguments\":\"{\\\"a\\\"\""),
          "\"null\"", "4")
    FRAME("5", CALL("0", "", "\"arguments\":\":1}\""), "\"null\"", "5")
    FRAME("6", CALL("1", "t1", "\"name\":\"g\",\"arguments\":\"\""),
          "\"tool_calls\"", "6");

static const char  answer[] =
    "{\"output\":{\"choices\":[{\"finish_reason\":\"tool_calls\","
    "\"index\":0,\"message\":{\"role\":\"assistant\","
    "\"content\":\"Gr\\u00fc\xc3\x9f""e\\n\",\"reasoning_content\":\"hm\","
    "\"tool_calls\":[{\"index\":0,\"id\":\"t0\",\"type\":\"function\","
    "\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}},"
    "{\"index\":1,\"id\":\"t1\",\"type\":\"function\","
    "\"function\":{\"name\":\"g\",\"arguments\":\"\"}}]}}]},"
    "\"usage\":{\"total_tokens\":16,\"output_tokens\":6,"
    "\"input_tokens\":10,\"prompt_tokens_details\":{\"cached_tokens\":4},"
    "\"output_tokens_details\":{\"reasoning_tokens\":1}},"
    "\"request_id\":\"r-1\"}";

/* what both of them say */
static const char  object[] =
    HEAD("chat.completion", "chatcmpl-r-1", "qwen-max")
    "{\"index\":0,\"message\":{\"role\":\"assistant\","
    "\"content\":\"Gr\\u00fc\xc3\x9f""e\\n\",\"refusal\":null,"
    "\"reasoning_content\":\"hm\",\"tool_calls\":["
    "{\"id\":\"t0\",\"type\":\"function\",\"function\":{\"name\":\"f\","
    "\"arguments\":\"{\\\"a\\\":1}\"}},"
    "{\"id\":\"t1\",\"type\":\"function\",\"function\":{\"name\":\"g\","
    "\"arguments\":\"{}\"}}]},\"logprobs\":null,"
    "\"finish_reason\":\"tool_calls\"}],\"usage\":{\"prompt_tokens\":10,"
    "\"completion_tokens\":6,\"total_tokens\":16,"
    "\"prompt_tokens_details\":{\"cached_tokens\":4},"
    "\"completion_tokens_details\":{\"reasoning_tokens\":1}}}";


int
main(void)
{
    ex_provider = "qwen";
    ex_model = "qwen-max";
    ex_base = "/api/v1";

    test_configure();
    test_messages();
    test_parameters();
    test_tools();
    test_thinking();
    test_refused();
    test_prompt();

    test_stream();
    test_buffered();
    test_calls();
    test_reasoning();
    test_reasons();
    test_choices();
    test_completion();
    test_errors();
    test_odd();
    test_hostile();
    test_no_memory();

    return done_testing();
}


static void
test_configure(void)
{
    ngx_str_t  *s;

    ex_start(CHAT, 0, 0);

    s = &ex_target.paths[CHAT][0];
    is_str(s->data, s->len,
           "/api/v1/services/aigc/text-generation/generation", "chat");
    s = &ex_target.paths[COMPLETIONS][1];
    is_str(s->data, s->len,
           "/api/v1/services/aigc/text-generation/generation",
           "completions, streamed");
    s = &ex_target.headers[0];
    is_str(s->data, s->len, "Authorization: Bearer KEY\r\n", "headers");
    s = &ex_target.headers[1];
    is_str(s->data, s->len, "Authorization: Bearer KEY\r\n"
           "X-DashScope-SSE: enable\r\n", "headers, streamed");

    ex_base = "/compatible-mode/v1";
    ex_start(CHAT, 0, 0);
    ok(ex_target.dialect == &ngx_http_llmbroker_openai,
       "the compatible mode is OpenAI's dialect");
    s = &ex_target.paths[CHAT][0];
    is_str(s->data, s->len, "/compatible-mode/v1/chat/completions",
           "its path");
    ex_base = "/api/v1";
}


static void
test_messages(void)
{
    const char  *got;

    builds(ASK(""), ANSWER(""), "a user's text");
    drops("", "nothing is lost");

    got = ex_build(CHAT, 1, ASK(""));
    is_str(got, strlen(got), ANSWER(",\"incremental_output\":true"),
           "a streamed call");

    builds("{\"messages\":[{\"role\":\"developer\",\"content\":\"a\\u00e4\"},"
           "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
           "\"b\"},{\"type\":\"text\",\"text\":\"c\"}],\"name\":\"bob\"},"
           "{\"role\":\"assistant\",\"content\":null,\"refusal\":\"no\","
           "\"annotations\":[]},"
           "{\"role\":\"user\",\"content\":[]},"
           "{\"role\":\"assistant\",\"content\":\"d\",\"partial\":true}]}",
           MESSAGES("{\"role\":\"system\",\"content\":\"a\\u00e4\"},"
           "{\"role\":\"user\",\"content\":\"b\\nc\",\"name\":\"bob\"},"
           "{\"role\":\"assistant\",\"content\":\"no\"},"
           "{\"role\":\"user\",\"content\":\"\"},"
           "{\"role\":\"assistant\",\"content\":\"d\",\"partial\":true}"),
           "roles and parts");

    builds("{\"messages\":[{\"role\":\"assistant\",\"reasoning_content\":"
           "\"hm\",\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\","
           "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},"
           "{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"r\"}]}",
           MESSAGES("{\"role\":\"assistant\",\"content\":\"\","
           "\"reasoning_content\":\"hm\","
           "\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\","
           "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},"
           "{\"role\":\"tool\",\"content\":\"r\",\"tool_call_id\":\"c\"}"),
           "calls and results");
    drops("", "reasoning is replayed");
}


static void
test_parameters(void)
{
    builds(ASK(",\"max_tokens\":5,\"max_completion_tokens\":6,"
               "\"temperature\":0.70,\"top_p\":0.5,\"top_k\":3,\"n\":2,"
               "\"seed\":1,\"stop\":[\"a\"],\"presence_penalty\":1,"
               "\"frequency_penalty\":1.0,\"repetition_penalty\":1.1,"
               "\"enable_search\":true,\"search_options\":{},"
               "\"response_format\":{\"type\":\"json_object\"}"),
           ANSWER(",\"max_tokens\":6,\"temperature\":0.70,\"top_p\":0.5,"
                  "\"top_k\":3,\"n\":2,\"seed\":1,\"stop\":[\"a\"],"
                  "\"presence_penalty\":1,\"frequency_penalty\":1.0,"
                  "\"repetition_penalty\":1.1,"
                  "\"response_format\":{\"type\":\"json_object\"},"
                  "\"enable_search\":true,\"search_options\":{}"),
           "parameters by the same names");
    drops("", "nothing is lost");

    builds(ASK(",\"temperature\":2,\"top_p\":0"),
           ANSWER(",\"temperature\":1.99,\"top_p\":0.000001"),
           "the ends of the ranges (C7)");
    builds(ASK(",\"temperature\":null,\"top_p\":null,\"stop\":null,"
               "\"seed\":null"), ANSWER(""), "null is nothing");
    builds(ASK(",\"user\":\"u\",\"logit_bias\":{},\"metadata\":{},"
               "\"store\":false,\"x\":1,\"stream_options\":{}"), ANSWER(""),
           "what it does not have");
    drops("user, logit_bias, metadata, store, x", "is told");
}


static void
test_tools(void)
{
#define TOOLS  ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":"   \
    "\"f\"}}]"

    builds(ASK(TOOLS ",\"tool_choice\":\"auto\","
               "\"parallel_tool_calls\":true"),
           ANSWER(TOOLS ",\"tool_choice\":\"auto\","
                  "\"parallel_tool_calls\":true"), "tools");
    builds(ASK(",\"tools\":[],\"tool_choice\":\"auto\""), ANSWER(""),
           "no tools, no choice");
    builds(ASK(",\"tools\":[{\"type\":\"custom\",\"custom\":{}}]"),
           "400 invalid_value tools", "a custom tool without a name");
    builds(ASK(",\"tools\":7"), "400 invalid_type tools", "no array");
}


static void
test_thinking(void)
{
    builds(ASK(",\"reasoning_effort\":\"medium\""),
           ANSWER(",\"enable_thinking\":true,\"thinking_budget\":8192"),
           "an effort is a budget");
    builds(ASK(",\"reasoning_effort\":\"none\""),
           ANSWER(",\"enable_thinking\":false"), "none");
    builds(ASK(",\"reasoning_effort\":\"none\",\"thinking_budget\":7"),
           ANSWER(",\"enable_thinking\":false"), "a budget of nothing");
    drops("thinking_budget", "is told");
    builds(ASK(",\"reasoning_effort\":\"low\",\"thinking_budget\":7"),
           ANSWER(",\"enable_thinking\":true,\"thinking_budget\":7"),
           "its own budget");
    builds(ASK(",\"reasoning_effort\":\"low\",\"enable_thinking\":false"),
           ANSWER(",\"enable_thinking\":false"), "its own switch");
    drops("reasoning_effort", "wins, which is told");
    builds(ASK(",\"reasoning_effort\":\"much\""),
           "400 invalid_value reasoning_effort", "an unknown word");
}


static void
test_refused(void)
{
#define MESSAGE(m)                                                           \
    "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}," m "]}"

    builds("{\"messages\":[]}", "400 empty_array messages",
           "an empty conversation");
    builds("{}", "400 empty_array messages", "none");
    builds("{\"messages\":{}}", "400 invalid_type messages", "no array");
    builds(MESSAGE("[]"), "400 invalid_type messages[1]", "no object");
    builds(MESSAGE("{\"role\":\"critic\"}"),
           "400 unsupported_value messages[1].role", "an unknown role");
    builds(MESSAGE("{\"role\":\"user\",\"content\":7}"),
           "400 invalid_type messages[1].content", "a number");
    builds(MESSAGE("{\"role\":\"user\",\"content\":[{\"type\":\"file\","
                   "\"file\":{\"file_id\":\"f\"}}]}"),
           "400 unsupported_value messages[1].content", "a file");
    builds(MESSAGE("{\"role\":\"user\",\"content\":[{\"type\":\"text\","
                   "\"text\":7}]}"),
           "400 unsupported_value messages[1].content", "no text");
    builds(MESSAGE("{\"role\":\"assistant\",\"audio\":{}}"),
           "400 unsupported_value messages[1].audio", "audio");
    builds(MESSAGE("{\"role\":\"assistant\",\"function_call\":{}}"),
           "400 invalid_value messages[1].function_call",
           "a legacy call without a name");
    builds(MESSAGE("{\"role\":\"assistant\",\"tool_calls\":[{\"type\":"
                   "\"custom\"}]}"),
           "400 unsupported_value messages[1].tool_calls", "no call at all");
    builds(ASK(",\"modalities\":[\"audio\"]"),
           "400 unsupported_value modalities", "audio answers");
    builds(ASK(",\"functions\":[{}]"), "400 invalid_value tools",
           "a legacy function without a name");
    builds(ASK(",\"max_tokens\":0"), "400 invalid_value max_tokens", "0");
}


static void
test_prompt(void)
{
    const char  *got;

    got = ex_build(COMPLETIONS, 1, "{\"prompt\":\"x\",\"max_tokens\":9}");
    is_str(got, strlen(got),
           ANSWER(",\"incremental_output\":true,\"max_tokens\":9"),
           "a prompt is the user's text");

    got = ex_build(COMPLETIONS, 0, "{\"prompt\":[[1]]}");
    is_str(got, strlen(got), "400 unsupported_value prompt", "tokens");

    got = ex_build(COMPLETIONS, 0, "{\"prompt\":\"x\",\"max_tokens\":9,"
                   "\"logprobs\":7}");
    is_str(got, strlen(got),
           ANSWER(",\"max_tokens\":9,\"logprobs\":true,\"top_logprobs\":5"),
           "log probabilities of a completion");
    drops("logprobs", "of which there are 5 at most");

    got = ex_build(COMPLETIONS, 0, "{\"prompt\":\"x\",\"max_tokens\":9,"
                   "\"logprobs\":0}");
    is_str(got, strlen(got), ANSWER(",\"max_tokens\":9,\"logprobs\":true"),
           "without others");
}


static void
test_stream(void)
{
    char    *p;
    size_t   cut;

#define OUT(delta, finish)                                                   \
    "data: " HEAD("chat.completion.chunk", "chatcmpl-r-1", "qwen-max")       \
    "{\"index\":0,\"delta\":{" delta "},\"logprobs\":null,"                  \
    "\"finish_reason\":" finish "}],\"usage\":null}\n\n"
#define TOOL_OUT(n, id, name)                                                \
    OUT("\"tool_calls\":[{\"index\":" n ",\"id\":\"" id "\","                \
        "\"type\":\"function\",\"function\":{\"name\":\"" name "\","         \
        "\"arguments\":\"\"}}]", "null")
#define ARGS(n, text)                                                        \
    OUT("\"tool_calls\":[{\"index\":" n ",\"function\":{\"arguments\":\""    \
        text "\"}}]", "null")

    for (cut = 1; cut < 20; cut++) {
        ex_start(CHAT, 1, 1);
        ok(ex_events(stream, cut) == NGX_OK, "a stream cut at %d", (int) cut);
    }

    p = ex_answer();
    is_str(p, strlen(p),
        OUT("\"role\":\"assistant\",\"content\":null,\"refusal\":null",
            "null")
        OUT("\"reasoning_content\":\"hm\"", "null")
        OUT("\"content\":\"Gr\\u00fc\"", "null")
        OUT("\"content\":\"\xc3\x9f""e\\n\"", "null")
        TOOL_OUT("0", "t0", "f")
        ARGS("0", "{\\\"a\\\"")
        ARGS("0", ":1}")
        TOOL_OUT("1", "t1", "g")
        ARGS("1", "{}")
        OUT("", "\"tool_calls\"")
        "data: " HEAD("chat.completion.chunk", "chatcmpl-r-1", "qwen-max")
        "],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":6,"
        "\"total_tokens\":16,\"prompt_tokens_details\":{\"cached_tokens\":4},"
        "\"completion_tokens_details\":{\"reasoning_tokens\":1}}}\n\n" DONE,
        "every frame of it (N1-N3)");
    counts("10 6 16 4 -1 1", "the last usage counts (N2)");

    ex_start(CHAT, 0, 0);
    is(ex_events(stream, 3), NGX_OK, "a stream for a buffered call");
    p = ex_answer();
    is_str(p, strlen(p), object, "says the same as a buffered answer");
}


static void
test_buffered(void)
{
    char  *p;

    ex_start(CHAT, 0, 0);
    is(ex_json(answer), NGX_OK, "a buffered answer");
    p = ex_answer();
    is_str(p, strlen(p), object, "becomes OpenAI's");

    ex_start(CHAT, 1, 0);
    is(ex_json(answer), NGX_OK, "a buffered answer for a streamed call");
    p = ex_answer();
    ok(strstr(p, "\"reasoning_content\":\"hm\"")
       && strstr(p, "\"content\":\"Gr\\u00fc\xc3\x9f""e\\n\"")
       && strstr(p, "\"arguments\":\"{\\\"a\\\":1}\"")
       && strstr(p, "\"arguments\":\"{}\"")
       && strstr(p, "\"finish_reason\":\"tool_calls\"")
       && strstr(p, DONE), "says it in a stream");

    ex_start(CHAT, 0, 0);
    is(ex_json("{\"output\":{\"text\":\"hi\",\"finish_reason\":\"stop\"},"
               "\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}"),
       NGX_OK, "the older form");
    ok(strstr(ex_answer(), "\"content\":\"hi\"") != NULL, "has a text");
    ok(strncmp(ex_answer(), "{\"id\":\"chatcmpl-", 16) == 0, "and a name");
    counts("1 2 3 -1 -1 -1", "and a total");

    ex_start(CHAT, 0, 0);
    is(ex_json("{\"output\":{\"choices\":[{\"message\":{\"content\":["
               "{\"text\":\"a\"},{\"image\":\"u\"},{\"text\":\"b\"}]},"
               "\"finish_reason\":\"length\"}]}}"), NGX_OK,
       "a multimodal model's parts");
    ok(strstr(ex_answer(), "\"content\":\"ab\"") != NULL, "are one text");
}


static void
test_calls(void)
{
    char  *p;

    ex_start(CHAT, 1, 0);
    is(ex_events(
        FRAME("1", CALL("3", "t", "\"name\":\"get_\""), "\"null\"", "1")
        FRAME("2", CALL("3", "", "\"name\":\"weather\",\"arguments\":\"\""),
              "\"null\"", "2")
        FRAME("3", CALL("3", "t", "\"name\":\"\",\"arguments\":\"{\""),
              "\"null\"", "3")
        FRAME("4", CALL("3", "", "\"name\":\"late\",\"arguments\":\"}\""),
              "\"stop\"", "4"), 5), NGX_OK, "a name in pieces (N5)");
    p = ex_answer();
    ok(strstr(p, "{\"index\":0,\"id\":\"t\",\"type\":\"function\","
                 "\"function\":{\"name\":\"get_weather\",\"arguments\":\"\"}")
       != NULL, "is told when it is whole");
    ok(strstr(p, "late") == NULL, "and not later");
    ok(strstr(p, "\"finish_reason\":\"stop\"") != NULL,
       "a stop with calls stays one");

    ex_start(CHAT, 0, 0);
    ex_events(
        FRAME("1", CALL("0", "a", "\"name\":\"f\""), "\"null\"", "1")
        FRAME("2", CALL("1", "b", "\"name\":\"g\",\"arguments\":\"{}\""),
              "\"null\"", "2")
        FRAME("3", CALL("0", "", "\"arguments\":\"[]\""),
              "\"tool_calls\"", "3"), 5);
    ok(strstr(ex_answer(), "{\"id\":\"a\",\"type\":\"function\",\"function\":"
              "{\"name\":\"f\",\"arguments\":\"[]\"}},{\"id\":\"b\"") != NULL,
       "two calls at a time");

    ex_start(CHAT, 0, 0);
    ex_json("{\"output\":{\"choices\":[{\"message\":{\"tool_calls\":["
            "{\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":"
            "{\"a\": [1.0, \"b \\\"\"]}}}]}}]}}");
    ok(strstr(ex_answer(), "\"arguments\":\"{\\\"a\\\":[1.0,\\\"b \\\\"
              "\\\"\\\"]}\"") != NULL, "arguments that are no text");

    ex_start(CHAT, 0, 0);
    ex_events(
        FRAME("1", CALL("0", "", "\"name\":\"f\",\"arguments\":\"{}\""),
              "\"null\"", "1")
        FRAME("2", CALL("1", "", "\"name\":\"g\",\"arguments\":\"{}\""),
              "\"tool_calls\"", "2"), 5);
    ok(strstr(ex_answer(), "\"id\":\"call_r-1_0_0\"")
       && strstr(ex_answer(), "\"id\":\"call_r-1_0_1\""),
       "calls without an id get one");
}


static void
test_reasoning(void)
{
    ex_start(CHAT, 1, 0);
    ex_events(
        FRAME("1", "\"content\":\"\",\"reasoning_content\":\"\"", "\"null\"",
              "1")
        FRAME("2", "\"content\":\"x\",\"reasoning_content\":\"\"",
              "\"stop\"", "2"), 9);
    ok(strstr(ex_answer(), "reasoning_content") == NULL,
       "no reasoning, no word of it");
    ok(strstr(ex_answer(), ROLE) != NULL, "an ordinary role");
}


static void
test_reasons(void)
{
    char         text[256];
    ngx_uint_t   i;

    static const char  *reasons[][2] = {
        { "\"stop\"", "stop" },
        { "\"length\"", "length" },
        { "\"tool_calls\"", "tool_calls" },
        { "\"content_filter\"", "content_filter" },
        { "\"new\"", "stop" },
        { "\"null\"", "stop" },
        { "null", "stop" },
        { "\"\"", "stop" },
        { NULL, NULL }
    };

    for (i = 0; reasons[i][0]; i++) {
        snprintf(text, sizeof(text), "{\"output\":{\"choices\":[{\"message\":"
                 "{\"content\":\"x\"},\"finish_reason\":%s}]}}",
                 reasons[i][0]);

        ex_start(CHAT, 0, 0);
        ex_json(text);
        is_str(ex.finish_reason.data, ex.finish_reason.len, reasons[i][1],
               reasons[i][0]);
    }
}


static void
test_choices(void)
{
    char  *p;

#define ONE(n, text, finish, out)                                            \
    "data:{\"output\":{\"choices\":[{\"message\":{\"content\":\"" text       \
    "\"},\"index\":" n ",\"finish_reason\":\"" finish "\"}]},\"usage\":{"    \
    "\"input_tokens\":10,\"output_tokens\":" out ",\"total_tokens\":1" out   \
    "}}\n\n"

    ex_start(CHAT, 0, 0);
    is(ex_events(ONE("0", "a", "null", "1") ONE("1", "b", "null", "2")
                 ONE("0", "c", "stop", "3") ONE("1", "d", "length", "4"), 9),
       NGX_OK, "two choices");
    p = ex_answer();
    ok(strstr(p, "\"content\":\"ac\"") && strstr(p, "\"content\":\"bd\""),
       "are kept apart");
    counts("10 7 17 -1 -1 -1", "their usage is added up (N7)");

    ex_start(CHAT, 1, 0);
    is(ex_events(ONE("0", "a", "stop", "1") ONE("1", "b", "null", "2"), 9),
       NGX_DECLINED, "both must end");

    ex_start(CHAT, 1, 0);
    is(ex_events(ONE("500", "a", "stop", "1"), 9), NGX_DECLINED,
       "one out of bounds");
}


static void
test_completion(void)
{
    char  *p;

    ex_start(COMPLETIONS, 0, 0);
    ex_json(answer);
    p = ex_answer();
    ok(strstr(p, "{\"id\":\"cmpl-r-1\",\"object\":\"text_completion\"") == p,
       "a text completion");

    ex_start(COMPLETIONS, 1, 0);
    is(ex_events(stream, 9), NGX_OK, "a streamed one");
    ok(strstr(ex_answer(), "{\"text\":\"Gr\\u00fc\",\"index\":0,") != NULL,
       "its pieces");
}


static void
test_errors(void)
{
    ngx_uint_t                  i;
    ngx_str_t                   text;
    ngx_http_llmbroker_json_t  *root;

    static const struct {
        ngx_uint_t    status;
        const char   *code;
        const char   *message;
        ngx_uint_t    fault;
        const char   *fault_code;
    } errors[] = {
        { 400, "InvalidParameter", "m", 400, "" },
        { 400, "InvalidParameter", "Model not exist.", 404, "" },
        { 400, "DataInspectionFailed", "m", 400, "content_filter" },
        { 400, "Arrearage", "m", 429, "insufficient_quota" },
        { 400, "BadRequest.TooLarge", "m", 413, "" },
        { 400, "ModelNotFound", "m", 404, "" },
        { 401, "InvalidApiKey", "m", 401, "" },
        { 403, "AccessDenied.Unpurchased", "m", 403, "" },
        { 408, "RequestTimeOut", "m", 408, "" },
        { 429, "Throttling.RateQuota", "m", 429, "" },
        { 500, "InternalError.Algo", "m", 500, "" },
        { 503, "ModelServingError", "m", 503, "" },
        { 418, "SomethingNew", "m", 418, "" },
        { 0, NULL, NULL, 0, NULL }
    };

    for (i = 0; errors[i].code; i++) {
        ex_start(CHAT, 0, 0);

        text.data = ngx_pnalloc(ex_pool, 256);
        text.len = ngx_sprintf(text.data, "{\"code\":\"%s\",\"message\":"
                               "\"%s\",\"request_id\":\"r\"}",
                               errors[i].code, errors[i].message)
                   - text.data;

        ngx_http_llmbroker_json_parse(ex_pool, text.data, text.len, &root);
        ex_target.dialect->error(&ex, errors[i].status, root, &text);

        faults(errors[i].fault, errors[i].fault_code, errors[i].message,
               errors[i].code);
    }

    ex_start(CHAT, 1, 0);
    is(ex_events(FRAME("1", "\"content\":\"x\"", "\"null\"", "1")
                 "id:2\nevent:error\n:HTTP_STATUS/429\ndata:{\"code\":"
                 "\"Throttling\",\"message\":\"slow\"}\n\n", 9),
       NGX_DECLINED, "an error in a stream (N8)");
    faults(429, "", "slow", "what it means");

    ex_start(CHAT, 1, 0);
    is(ex_events("event:error\ndata:{\"code\":\"New\",\"message\":\"m\"}\n\n",
                 9), NGX_DECLINED, "one that is not known");
    faults(500, "", "m", "is the provider's");

    ex_start(CHAT, 1, 0);
    is(ex_events("event:error\n:HTTP_STATUS/429\ndata:{\"code\":\"New\","
                 "\"message\":\"m\"}\n\n", 1), NGX_DECLINED,
       "one that tells its status");
    faults(429, "", "m", "has it");

    ex_start(CHAT, 1, 0);
    is(ex_events("id:1\nevent:result\nstatus: 400\ndata:{\"message\":\"m\"}"
                 "\n\n", 3), NGX_DECLINED, "one of the name of a result");
    faults(400, "", "m", "has it, too");

    ex_start(CHAT, 0, 0);
    is(ex_json("{\"message\":\"m\"}"), NGX_DECLINED, "no output, no answer");
    faults(0, "", "m", "what is known of it");
}


static void
test_odd(void)
{
    ex_start(CHAT, 1, 0);
    is(ex_events(FRAME("1", "\"content\":\"x\"", "\"null\"", "1"), 9),
       NGX_DECLINED, "a stream that is cut");
    faults(0, "", "The provider ended the stream before the answer was "
           "complete.", "is told");

    ex_start(CHAT, 1, 0);
    is(ex_events("", 9), NGX_DECLINED, "nothing at all");

    ex_start(CHAT, 1, 0);
    is(ex_events("data:{\"output\":\n\n", 9), NGX_DECLINED, "no JSON");

    ex_start(CHAT, 1, 0);
    is(ex_events(FRAME("1", "\"content\":\"x\"", "\"stop\"", "1")
                 "data:{\"usage\":{\"input_tokens\":10,\"output_tokens\":7,"
                 "\"total_tokens\":17},\"request_id\":\"r-1\"}\n\n", 9),
       NGX_OK, "a frame of the usage alone");
    counts("10 7 17 4 -1 1", "its usage is the last (N2)");

    ex_start(CHAT, 1, 0);
    is(ex_events("data:{\"usage\":{},\"message\":\"m\"}\n\n", 9),
       NGX_DECLINED, "but not with an error's message");

    ex_start(CHAT, 1, 0);
    is(ex_events("data:{\"output\":{\"text\":\"x\",\"finish_reason\":"
                 "\"null\"}}\n\ndata:{\"output\":{\"finish_reason\":"
                 "\"length\"}}\n\n", 9),
       NGX_OK, "the older form ends without a text");
    ok(strstr(ex_answer(), "\"finish_reason\":\"length\"") != NULL,
       "with its reason");

    ex_start(CHAT, 0, 0);
    is(ex_json("{\"output\":{\"results\":[]}}"), NGX_DECLINED,
       "an answer to another question");
    faults(0, "", "The provider's answer has no \"choices\".", "why");

    ex_start(CHAT, 0, 0);
    is(ex_json("{\"output\":{\"choices\":[]}}"), NGX_DECLINED, "no choice");

    ex_start(CHAT, 0, 0);
    is(ex_json("{\"output\":{\"choices\":[{\"message\":{\"content\":{},"
               "\"tool_calls\":[7,{\"function\":8}]}}]}}"), NGX_DECLINED,
       "values of wrong types");
}


static void
test_hostile(void)
{
    char       *text, *p;
    size_t      i;
    uint64_t    seed;
    ngx_int_t   rc;

    text = strdup(stream);
    seed = 7;

    for (i = 0; i < 3000; i++) {
        p = text + unit_random(&seed) % strlen(stream);
        *p = unit_random(&seed) % 255 + 1;

        ex_start(CHAT, i & 1, 0);
        rc = ex_events(text, 64);

        if (rc != NGX_OK && rc != NGX_DECLINED) {
            ok(0, "changed byte %d: %d", (int) (p - text), (int) rc);
        }

        *p = stream[p - text];
    }

    free(text);
    ok(1, "changed bytes");

    text = malloc(100 * 1024);
    p = text + sprintf(text, "{\"output\":{\"choices\":[{\"message\":{"
                             "\"tool_calls\":[{}");

    for (i = 0; i < 600; i++) {
        p += sprintf(p, ",{\"index\":%d}", (int) i);
    }

    sprintf(p, "]}}]}}");

    ex_start(CHAT, 0, 0);
    is(ex_json(text), NGX_DECLINED, "too many calls");
    free(text);
}


static void
test_no_memory(void)
{
    survives(build_once, "a request");
    survives(stream_once, "a stream");
    survives(response_once, "a buffered answer");
}


static ngx_int_t
build_once(void)
{
    return ex_build(CHAT, 0, ASK(",\"seed\":1,\"x\":1,\"temperature\":1"))
           ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
stream_once(void)
{
    return ex_start(CHAT, 1, 1) == NGX_OK ? ex_events(stream, 500)
                                          : NGX_ERROR;
}


static ngx_int_t
response_once(void)
{
    return ex_start(CHAT, 0, 0) == NGX_OK ? ex_json(answer) : NGX_ERROR;
}
