
/*
 * Copyright (C) LLMBroker contributors
 *
 * Answers of Gemini's native dialect, streamed and buffered: thoughts and
 * signatures, tool calls, citations, images, log probabilities, usage, errors,
 * cut and hostile streams, lack of memory.
 */


#include "exchange.h"


static void test_stream(void);
static void test_buffered(void);
static void test_ids(void);
static void test_reasons(void);
static void test_blocked(void);
static void test_choices(void);
static void test_extra(void);
static void test_logprobs(void);
static void test_citations(void);
static void test_usage(void);
static void test_completion(void);
static void test_errors(void);
static void test_odd(void);
static void test_hostile(void);
static void test_no_memory(void);

static void error(ngx_uint_t status, const char *text);
static ngx_int_t stream_once(void);
static ngx_int_t response_once(void);


#define ASK(more)                                                            \
    "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]" more "}"
#define EVENT(more)                                                          \
    "data: {\"candidates\": [{\"content\": {\"parts\": [" more "],"          \
    "\"role\": \"model\"},\"index\": 0}],\"usageMetadata\": "                \
    "{\"promptTokenCount\": 10,\"totalTokenCount\": 10},"                    \
    "\"modelVersion\": \"v\",\"responseId\": \"r\"}\r\n\r\n"

#define CALLED                                                               \
    "{\"functionCall\": {\"name\": \"f\",\"args\": {\"a\": [1, \"b \\\"\"]}" \
    "},\"thoughtSignature\": \"S=\"},{\"functionCall\": {\"id\": \"t1\","    \
    "\"name\": \"g\",\"args\": {}}}"

#define USAGE                                                                \
    "\"usageMetadata\": {\"promptTokenCount\": 10,"                          \
    "\"candidatesTokenCount\": 5,\"thoughtsTokenCount\": 2,"                 \
    "\"toolUsePromptTokenCount\": 3,\"cachedContentTokenCount\": 4,"         \
    "\"totalTokenCount\": 20}"


static const char  stream[] =
    EVENT("{\"text\": \"hm\",\"thought\": true}")
    EVENT("{\"text\": \"Gr\\u00fc\"}")
    EVENT("{\"text\": \"\xc3\x9f""e\\n\"}")
    EVENT(CALLED)
    "data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"\","
    "\"thoughtSignature\": \"T\"}],\"role\": \"model\"},"
    "\"finishReason\": \"STOP\",\"index\": 0}]," USAGE ","
    "\"modelVersion\": \"v\",\"responseId\": \"r\"}\r\n\r\n";

static const char  answer[] =
    "{\"candidates\": [{\"content\": {\"parts\": ["
    "{\"text\": \"hm\",\"thought\": true},"
    "{\"text\": \"Gr\\u00fc\xc3\x9f""e\\n\",\"thoughtSignature\": \"T\"},"
    CALLED "],\"role\": \"model\"},\"finishReason\": \"STOP\","
    "\"index\": 0}]," USAGE ",\"modelVersion\": \"v\","
    "\"responseId\": \"r\"}";

static const char  events[] =
    CHUNK("r", "v", "\"role\":\"assistant\",\"content\":null,"
          "\"refusal\":null", "null")
    CHUNK("r", "v", "\"reasoning_content\":\"hm\"", "null")
    CHUNK("r", "v", "\"content\":\"Gr\\u00fc\"", "null")
    CHUNK("r", "v", "\"content\":\"\xc3\x9f""e\\n\"", "null")
    CHUNK("r", "v", "\"tool_calls\":[{\"index\":0,\"id\":\"call_r_0\","
          "\"type\":\"function\",\"function\":{\"name\":\"f\","
          "\"arguments\":\"\"},\"extra_content\":{\"google\":"
          "{\"thought_signature\":\"S=\"}}}]", "null")
    CHUNK("r", "v", "\"tool_calls\":[{\"index\":0,\"function\":"
          "{\"arguments\":\"{\\\"a\\\":[1,\\\"b \\\\\\\"\\\"]}\"}}]", "null")
    CHUNK("r", "v", "\"tool_calls\":[{\"index\":1,\"id\":\"t1\","
          "\"type\":\"function\",\"function\":{\"name\":\"g\","
          "\"arguments\":\"\"}}]", "null")
    CHUNK("r", "v", "\"tool_calls\":[{\"index\":1,\"function\":"
          "{\"arguments\":\"{}\"}}]", "null")
    CHUNK("r", "v", "\"extra_content\":{\"google\":"
          "{\"thought_signature\":\"T\"}}", "null")
    CHUNK("r", "v", "", "\"tool_calls\"")
    DONE;

static const char  object[] =
    HEAD("chat.completion", "r", "v")
    "{\"index\":0,\"message\":{\"role\":\"assistant\","
    "\"content\":\"Gr\\u00fc\xc3\x9f""e\\n\",\"refusal\":null,"
    "\"reasoning_content\":\"hm\",\"tool_calls\":["
    "{\"id\":\"call_r_0\",\"type\":\"function\",\"function\":"
    "{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":[1,\\\"b \\\\\\\"\\\"]}\"},"
    "\"extra_content\":{\"google\":{\"thought_signature\":\"S=\"}}},"
    "{\"id\":\"t1\",\"type\":\"function\",\"function\":{\"name\":\"g\","
    "\"arguments\":\"{}\"}}],\"extra_content\":{\"google\":"
    "{\"thought_signature\":\"T\"}}},\"logprobs\":null,"
    "\"finish_reason\":\"tool_calls\"}],\"usage\":{\"prompt_tokens\":13,"
    "\"completion_tokens\":7,\"total_tokens\":20,"
    "\"prompt_tokens_details\":{\"cached_tokens\":4},"
    "\"completion_tokens_details\":{\"reasoning_tokens\":2}}}";


int
main(void)
{
    ex_provider = "gemini";
    ex_base = "/v1beta";
    ex_model = "gemini-2.5-flash";
    test_stream();
    test_buffered();
    test_ids();
    test_reasons();
    test_blocked();
    test_choices();
    test_extra();
    test_logprobs();
    test_citations();
    test_usage();
    test_completion();
    test_errors();
    test_odd();
    test_hostile();
    test_no_memory();

    return done_testing();
}


static void
test_stream(void)
{
    size_t     cut;
    ngx_int_t  rc;

    for (cut = 1; cut <= sizeof(stream); cut++) {
        ex_start(CHAT, 1, 0);
        rc = ex_events(stream, cut);

        if (rc != NGX_OK || strcmp(ex_answer(), events) != 0) {
            break;
        }
    }

    ok(cut > sizeof(stream), "a stream in pieces of 1 to %d bytes",
       (int) sizeof(stream));

    if (cut <= sizeof(stream)) {
        is_str(ex_answer(), strlen(ex_answer()), events, "what it is");
    }

    counts("13 7 20 4 -1 2", "its usage");
    is_str(ex.finish_reason.data, ex.finish_reason.len, "tool_calls",
           "its finish reason");

    ex_start(CHAT, 0, 0);
    rc = ex_events(stream, 1);
    ok(rc == NGX_OK && strcmp(ex_answer(), object) == 0,
       "a stream for a client that wants an object");
}


static void
test_buffered(void)
{
    size_t       i;
    char        *p, *text;
    const char  *got;

    ex_start(CHAT, 0, 0);
    ok(ex_json(answer) == NGX_OK, "an answer");
    is_str(ex_answer(), strlen(ex_answer()), object, "which is an object");
    counts("13 7 20 4 -1 2", "its usage");

    ex_start(CHAT, 1, 1);
    ok(ex_json(answer) == NGX_OK, "an answer for a client that streams");
    got = ex_answer();
    ok(strstr(got, "\"usage\":{\"prompt_tokens\":13,") != NULL
       && strstr(got, "\"finish_reason\":\"tool_calls\"") != NULL
       && strstr(got, DONE) != NULL, "which is events");

    /* a stream without "alt=sse" */

    text = malloc(sizeof(stream));
    p = text;
    *p++ = '[';

    for (i = 0; i < sizeof(stream) - 1; i++) {
        if (strncmp(stream + i, "data: ", 6) == 0) {
            i += 6;

            if (p != text + 1) {
                *p++ = ',';
            }
        }

        *p++ = stream[i];
    }

    *p++ = ']';
    *p = '\0';

    ex_start(CHAT, 0, 0);
    ok(ex_json(text) == NGX_OK, "an array of events");
    is_str(ex_answer(), strlen(ex_answer()), object, "is an object too");

    free(text);
}


static void
test_ids(void)
{
    ex_start(CHAT, 0, 0);
    ok(ex_json("{\"candidates\":[{\"content\":{\"parts\":["
               "{\"functionCall\":{\"name\":\"f\"}}]}},{\"index\":1,"
               "\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\","
               "\"id\":\"\",\"args\":null}}]}}]}") == NGX_OK,
       "calls without a name");
    ok(strstr(ex_answer(), "{\"id\":\"call_0\",\"type\":\"function\","
              "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}") != NULL
       && strstr(ex_answer(), "\"id\":\"call_1_0\"") != NULL, "get one");
}


static void
test_reasons(void)
{
    size_t  i;
    char    text[512], expected[64];

    static const char  *tests[][2] = {
        { "STOP", "stop" },
        { "MAX_TOKENS", "length" },
        { "SAFETY", "content_filter" },
        { "RECITATION", "content_filter" },
        { "BLOCKLIST", "content_filter" },
        { "PROHIBITED_CONTENT", "content_filter" },
        { "SPII", "content_filter" },
        { "IMAGE_SAFETY", "content_filter" },
        { "MODEL_ARMOR", "content_filter" },
        { "LANGUAGE", "content_filter" },
        { "MALFORMED_FUNCTION_CALL", "stop" },
        { "UNEXPECTED_TOOL_CALL", "stop" },
        { "OTHER", "stop" },
        { "SOMETHING_NEW", "stop" },
        { "", "stop" },
        { NULL, NULL }
    };

    for (i = 0; tests[i][0]; i++) {
        snprintf(text, sizeof(text), "{\"candidates\":[{\"content\":"
                 "{\"parts\":[{\"text\":\"x\"}]},\"finishReason\":\"%s\"}]}",
                 tests[i][0]);
        snprintf(expected, sizeof(expected), "\"finish_reason\":\"%s\"",
                 tests[i][1]);

        ex_start(CHAT, 0, 0);
        ok(ex_json(text) == NGX_OK && strstr(ex_answer(), expected) != NULL,
           "\"%s\" is \"%s\"", tests[i][0], tests[i][1]);
    }

    ok(strstr(ex_answer(), "provider_specific_fields") == NULL,
       "an ordinary reason is told once");

    ex_start(CHAT, 0, 0);
    ok(ex_json("{\"candidates\":[{\"finishReason\":\"SAFETY\","
               "\"finishMessage\":\"no\",\"safetyRatings\":[1]}]}") == NGX_OK
       && strstr(ex_answer(), "\"refusal\":\"no\",\"provider_specific_fields"
                 "\":{\"finishReason\":\"SAFETY\",\"finishMessage\":\"no\","
                 "\"safetyRatings\":[1]}") != NULL,
       "why it refused (P11)");
}


static void
test_blocked(void)
{
    static const char  text[] =
        "{\"promptFeedback\":{\"blockReason\":\"SAFETY\","
        "\"safetyRatings\":[]},\"usageMetadata\":{\"promptTokenCount\":4,"
        "\"totalTokenCount\":4},\"modelVersion\":\"v\",\"responseId\":\"r\"}";

    ex_start(CHAT, 0, 0);
    ok(ex_json(text) == NGX_OK, "a prompt that is refused");
    is_str(ex_answer(), strlen(ex_answer()),
           HEAD("chat.completion", "r", "v")
           "{\"index\":0,\"message\":{\"role\":\"assistant\","
           "\"content\":null,\"refusal\":\"The provider refused the "
           "prompt.\",\"provider_specific_fields\":{\"blockReason\":"
           "\"SAFETY\",\"safetyRatings\":[]}},\"logprobs\":null,"
           "\"finish_reason\":\"content_filter\"}],\"usage\":"
           "{\"prompt_tokens\":4,\"completion_tokens\":0,"
           "\"total_tokens\":4}}", "is an answer");

    ex_start(CHAT, 1, 0);
    ok(ex_events("data: {\"promptFeedback\":{\"blockReason\":\"OTHER\","
                 "\"blockReasonMessage\":\"why\"}}\n\n"
                 "data: {\"promptFeedback\":{\"blockReason\":\"OTHER\"}}\n\n",
                 3) == NGX_OK
       && strstr(ex_answer(), "\"refusal\":\"why\"") != NULL
       && strstr(ex_answer(), "\"content_filter\"}]}\n\n" DONE) != NULL
       && strstr(ex_answer(), "The provider") == NULL,
       "a prompt that is refused in a stream, twice");
}


static void
test_choices(void)
{
    ex_start(CHAT, 1, 0);
    ok(ex_events("data: {\"candidates\":[{\"index\":1,\"content\":{\"parts\":"
                 "[{\"text\":\"b\"}]},\"finishReason\":\"MAX_TOKENS\"},"
                 "{\"index\":0,\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}"
                 "\n\ndata: {\"candidates\":[{\"content\":{\"parts\":"
                 "[{\"text\":\"c\"}]},\"finishReason\":\"STOP\"}]}\n\n"
                 "data: {\"candidates\":[{\"content\":{\"parts\":"
                 "[{\"text\":\"d\"}]},\"finishReason\":\"STOP\"}]}\n\n", 5)
       == NGX_OK, "two choices, text behind a reason");
    ok(strstr(ex_answer(), "{\"index\":1,\"delta\":{\"content\":\"b\"}")
       && strstr(ex_answer(), "{\"index\":0,\"delta\":{\"content\":\"d\"}")
          < strstr(ex_answer(), "{\"index\":0,\"delta\":{},\"logprobs\":"
                   "null,\"finish_reason\":\"stop\"}")
       && strstr(ex_answer(), "{\"index\":1,\"delta\":{},\"logprobs\":null,"
                 "\"finish_reason\":\"length\"}") != NULL,
       "end behind all text");
}


static void
test_extra(void)
{
    static const char  text[] =
        "{\"candidates\":[{\"content\":{\"parts\":["
        "{\"executableCode\":{\"language\":\"PYTHON\",\"code\":\"1\"}},"
        "{\"text\":\"x\"},"
        "{\"codeExecutionResult\":{\"outcome\":\"OUTCOME_OK\"}},"
        "{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"QQ==\"}},"
        "{\"inlineData\":{\"mimeType\":\"audio/wav\",\"data\":\"Qg==\"}},"
        "{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"Qw==\"}}]},"
        "\"finishReason\":\"STOP\",\"avgLogprobs\":-0.10,"
        "\"citationMetadata\":{\"a\":1},\"new\":true,\"tokenCount\":1}]}";

    ex_start(CHAT, 0, 0);
    ok(ex_json(text) == NGX_OK, "parts of all kinds");
    ok(strstr(ex_answer(),
              "\"images\":[{\"index\":0,\"type\":\"image_url\",\"image_url\":"
              "{\"url\":\"data:image/png;base64,QQ==\"}},{\"index\":1,"
              "\"type\":\"image_url\",\"image_url\":{\"url\":"
              "\"data:image/png;base64,Qw==\"}}],"
              "\"provider_specific_fields\":{\"avgLogprobs\":-0.10,"
              "\"citationMetadata\":{\"a\":1},\"new\":true,\"parts\":["
              "{\"executableCode\":{\"language\":\"PYTHON\",\"code\":\"1\"}},"
              "{\"codeExecutionResult\":{\"outcome\":\"OUTCOME_OK\"}},"
              "{\"inlineData\":{\"mimeType\":\"audio/wav\",\"data\":"
              "\"Qg==\"}}]}}") != NULL, "are told");

    ex_start(CHAT, 1, 0);
    ok(ex_events("data: {\"candidates\":[{\"content\":{\"parts\":["
                 "{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":"
                 "\"QQ==\"}}]},\"safetyRatings\":[1]}]}\n\n"
                 "data: {\"candidates\":[{\"content\":{\"parts\":["
                 "{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":"
                 "\"QQ==\"}}]},\"finishReason\":\"STOP\","
                 "\"safetyRatings\":[2]}]}\n\n", 4) == NGX_OK
       && strstr(ex_answer(), "\"images\":[{\"index\":0,") != NULL
       && strstr(ex_answer(), "\"images\":[{\"index\":1,") != NULL
       && strstr(ex_answer(), "\"safetyRatings\":[1]") == NULL
       && strstr(ex_answer(), "\"safetyRatings\":[2]") != NULL,
       "images and ratings in a stream");
}


static void
test_logprobs(void)
{
    static const char  text[] =
        "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"ab\"}]},"
        "\"finishReason\":\"STOP\",\"logprobsResult\":{\"chosenCandidates\":["
        "{\"token\":\"a\\n\",\"tokenId\":1,\"logProbability\":-0.10},"
        "{\"token\":\"b\"}],\"topCandidates\":[{\"candidates\":["
        "{\"token\":\"a\\n\",\"logProbability\":-0.10},"
        "{\"token\":\"c\",\"logProbability\":-2e0}]}]}}]}";
    static const char  expected[] =
        "\"logprobs\":{\"content\":[{\"token\":\"a\\n\",\"logprob\":-0.10,"
        "\"bytes\":null,\"top_logprobs\":[{\"token\":\"a\\n\",\"logprob\":"
        "-0.10,\"bytes\":null},{\"token\":\"c\",\"logprob\":-2e0,"
        "\"bytes\":null}]},{\"token\":\"b\",\"logprob\":0,\"bytes\":null,"
        "\"top_logprobs\":[]}]";

    ex_start(CHAT, 0, 0);
    ok(ex_json(text) == NGX_OK && strstr(ex_answer(), expected) != NULL,
       "log probabilities");

    ex_start(CHAT, 1, 0);
    ok(ex_json(text) == NGX_OK && strstr(ex_answer(), expected) != NULL,
       "log probabilities in a stream");
}


static void
test_citations(void)
{
    static const char  meta[] =
        "\"groundingMetadata\":{\"groundingChunks\":["
        "{\"web\":{\"uri\":\"https://a\",\"title\":\"A\\\"\"}},"
        "{\"web\":{\"uri\":\"https://b\"}},{\"x\":1}],\"groundingSupports\":["
        "{\"segment\":{\"startIndex\":5,\"endIndex\":8,\"text\":\"\\u00e4b\""
        "},\"groundingChunkIndices\":[0,1,2,9,-1]},"
        "{\"segment\":{\"startIndex\":900,\"text\":\"c\"},"
        "\"groundingChunkIndices\":[1]},"
        "{\"segment\":{\"text\":\"nowhere\"},\"groundingChunkIndices\":[0]},"
        "{\"groundingChunkIndices\":[0]},1],\"webSearchQueries\":[\"q\"]}";
    static const char  first[] =
        "{\"type\":\"url_citation\",\"url_citation\":{\"start_index\":3,"
        "\"end_index\":5,\"url\":\"https://a\",\"title\":\"A\\\"\"}}";
    static const char  third[] =
        "{\"type\":\"url_citation\",\"url_citation\":{\"start_index\":5,"
        "\"end_index\":6,\"url\":\"https://b\",\"title\":\"\"}}";

    char  text[2048];

    snprintf(text, sizeof(text), "{\"candidates\":[{\"content\":{\"parts\":["
             "{\"text\":\"\xc3\xa4\xc3\xb6 \\u00e4bc\"}]},"
             "\"finishReason\":\"STOP\",%s}]}", meta);

    ex_start(CHAT, 0, 0);
    ok(ex_json(text) == NGX_OK
       && strstr(ex_answer(), first) != NULL
       && strstr(ex_answer(), third) != NULL, "citations (P8)");
    ok(strstr(ex_answer(), "\"webSearchQueries\":[\"q\"]") != NULL,
       "and what they come from");

    snprintf(text, sizeof(text), "data: {\"candidates\":[{\"content\":"
             "{\"parts\":[{\"text\":\"\xc3\xa4\xc3\xb6 \\u00e4\"}]}}]}\n\n"
             "data: {\"candidates\":[{\"content\":{\"parts\":["
             "{\"text\":\"bc\"}]},\"finishReason\":\"STOP\",%s}]}\n\n", meta);

    ex_build(CHAT, 1, ASK(",\"web_search_options\":{}"));
    ok(ex_events(text, 7) == NGX_OK
       && strstr(ex_answer(), first) != NULL
       && strstr(ex_answer(), third) != NULL, "citations in a stream");

    ex_build(CHAT, 1, ASK(",\"tools\":[{\"urlContext\":{}}]"));
    ok(ex_events(text, 7) == NGX_OK
       && strstr(ex_answer(), first) != NULL, "of what other tools found");
}


static void
test_usage(void)
{
    ex_start(CHAT, 0, 0);
    ex_json("{\"candidates\":[{}]}");
    counts("-1 -1 -1 -1 -1 -1", "no usage");

    ex_start(CHAT, 0, 0);
    ex_json("{\"candidates\":[{}],\"usageMetadata\":{\"promptTokenCount\":5,"
            "\"thoughtsTokenCount\":3}}");
    counts("5 3 8 -1 -1 3", "thoughts only");

    ex_start(CHAT, 0, 0);
    ex_json("{\"candidates\":[{}],\"usageMetadata\":{\"serviceTier\":"
            "\"standard\",\"promptTokenCount\":\"x\","
            "\"candidatesTokenCount\":99999999999999999999999,"
            "\"thoughtsTokenCount\":99999999999999999999999}}");
    ok(ex.usage.completion == NGX_MAX_INT_T_VALUE, "counts without end");
    ok(strstr(ex_answer(), "\"service_tier\":\"default\"") != NULL,
       "the tier (P13)");
}


static void
test_completion(void)
{
    ex_start(COMPLETIONS, 0, 0);
    ok(ex_json(answer) == NGX_OK, "a completion");
    ok(strstr(ex_answer(), "{\"text\":\"Gr\\u00fc\xc3\x9f""e\\n\","
              "\"index\":0") != NULL
       && strstr(ex_answer(), "extra_content") == NULL, "is text only");
}


static void
test_errors(void)
{
    error(400, "{\"error\":{\"code\":400,\"message\":\"API key not valid.\","
          "\"status\":\"INVALID_ARGUMENT\",\"details\":[{\"@type\":\"t\"},"
          "{\"reason\":\"API_KEY_INVALID\"}]}}");
    faults(401, "", "API key not valid.", "a bad key");

    error(400, "[{\"error\":{\"code\":429,\"message\":\"quota\","
          "\"status\":\"RESOURCE_EXHAUSTED\"}}]");
    faults(429, "", "quota", "a limit in an array");

    ok(ex.fault.retry_after == 0, "no time to wait");

    error(429, "{\"error\":{\"status\":\"RESOURCE_EXHAUSTED\",\"details\":["
          "{\"@type\":\"t\"},{\"retryDelay\":\"34.4s\"}]}}");
    ok(ex.fault.retry_after == 35, "34.4 seconds to wait");

    error(429, "{\"error\":{\"details\":[{\"retryDelay\":\"7s\"}]}}");
    ok(ex.fault.retry_after == 7, "7 seconds to wait");

    error(429, "{\"error\":{\"details\":[{\"retryDelay\":"
          "\"99999999999s\"}]}}");
    ok(ex.fault.retry_after == 3600, "an hour at most");

    error(429, "{\"error\":{\"details\":[{\"retryDelay\":\"-1s\"},"
          "{\"retryDelay\":\"xs\"},{\"retryDelay\":\"s\"},"
          "{\"retryDelay\":true}]}}");
    ok(ex.fault.retry_after == 0, "no time at all");

    error(403, "{\"error\":{\"message\":\"no\",\"status\":"
          "\"PERMISSION_DENIED\",\"details\":1}}");
    faults(403, "", "no", "no permission");

    error(404, "{\"error\":{\"code\":404,\"message\":\"m\","
          "\"status\":\"NOT_FOUND\"}}");
    faults(404, "", "m", "no model");

    error(503, "{\"error\":{\"code\":503,\"message\":\"busy\","
          "\"status\":\"UNAVAILABLE\"}}");
    faults(503, "", "busy", "overload");

    error(400, "{\"error\":{\"code\":400,\"message\":\"The input token count "
          "(9) exceeds the maximum number of tokens allowed (8).\","
          "\"status\":\"INVALID_ARGUMENT\"}}");
    faults(400, "context_length_exceeded",
           "The input token count (9) exceeds the maximum number of tokens "
           "allowed (8).", "a context that is too long");

    error(502, "<html>");
    faults(502, "", "The provider answered with an error.", "a page");

    ex_start(CHAT, 1, 0);
    ok(ex_events(EVENT("{\"text\":\"x\"}")
                 "data: {\"error\":{\"code\":503,\"message\":\"m\","
                 "\"status\":\"UNAVAILABLE\"}}\n\n", 2) == NGX_DECLINED,
       "an error in a stream");
    faults(503, "", "m", "is told");

    ex_start(CHAT, 1, 0);
    ok(ex_events("data: [{\"error\":{\"code\":429,\"message\":\"m\"}}]\n\n",
                 2) == NGX_DECLINED, "an array in a stream");
    faults(429, "", "m", "is told by its number");

    ex_start(CHAT, 0, 0);
    ok(ex_json("{\"error\":{\"message\":\"m\",\"status\":\"NEW\"}}")
       == NGX_DECLINED, "an error in a 200");
    faults(0, "", "m", "is told");
}


static void
test_odd(void)
{
    ex_start(CHAT, 1, 0);
    ok(ex_events(EVENT("{\"text\":\"x\"}"), 1) == NGX_DECLINED,
       "a stream that is cut");
    faults(0, "", "The provider ended the stream before the answer was "
           "complete.", "is no answer");

    ex_start(CHAT, 1, 0);
    ok(ex_events("", 1) == NGX_DECLINED, "an empty stream");

    ex_start(CHAT, 1, 0);
    ok(ex_events("data: {\"candidates\n\n", 3) == NGX_DECLINED,
       "an event that is no JSON");
    faults(0, "", "The provider sent an event that is not JSON.", "is told");

    ex_start(CHAT, 1, 0);
    ok(ex_events("data: {}\n\ndata: {\"candidates\":[{\"content\":{},"
                 "\"finishReason\":\"STOP\"}]}\n\n", 3) == NGX_OK,
       "events of nothing");

    ex_start(CHAT, 0, 0);
    ok(ex_json("{}") == NGX_DECLINED, "an answer of nothing");
    faults(0, "", "The provider's answer has no \"candidates\".", "is none");

    ex_start(CHAT, 0, 0);
    ok(ex_json("[]") == NGX_DECLINED, "an empty array");

    ex_start(CHAT, 0, 0);
    ok(ex_events("data: [{\"candidates\":[{\"content\":{\"parts\":[{\"text\":"
                 "\"a\"}]}}]},{\"candidates\":[{\"content\":{\"parts\":[{"
                 "\"text\":\"b\"}]},\"finishReason\":\"STOP\"}]}]\n\n", 7)
       == NGX_OK
       && strstr(ex_answer(), "\"content\":\"ab\"") != NULL,
       "several answers in one event");
}


static void
test_hostile(void)
{
    size_t  i;

    static const char  *texts[] = {
        "1", "\"x\"", "null", "[1]", "[[]]", "[[{}]]",
        "{\"candidates\":1}", "{\"candidates\":{}}", "{\"candidates\":[1]}",
        "{\"candidates\":[[]]}", "{\"candidates\":[{\"content\":1}]}",
        "{\"candidates\":[{\"content\":{\"parts\":{}}}]}",
        "{\"candidates\":[{\"content\":{\"parts\":[1,null,[],{},\"x\"]}}]}",
        "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":1},"
        "{\"functionCall\":1},{\"functionCall\":{\"name\":1,\"args\":1}},"
        "{\"inlineData\":1},{\"inlineData\":{\"mimeType\":\"image/\"}},"
        "{\"thought\":true},{\"thoughtSignature\":1}]}}]}",
        "{\"candidates\":[{\"index\":-1,\"finishReason\":1}]}",
        "{\"candidates\":[{\"index\":128}]}",
        "{\"candidates\":[{\"index\":1e99}]}",
        "{\"candidates\":[{\"logprobsResult\":{\"chosenCandidates\":[1],"
        "\"topCandidates\":[1,{\"candidates\":[1]}]}}]}",
        "{\"candidates\":[{\"groundingMetadata\":{\"groundingChunks\":[1],"
        "\"groundingSupports\":[{\"segment\":{\"text\":\"\"},"
        "\"groundingChunkIndices\":[0]}]}}]}",
        "{\"candidates\":[{\"a\\\"b\":1,\"c\\n\":2}]}",
        "{\"promptFeedback\":1}", "{\"promptFeedback\":{\"blockReason\":1}}",
        "{\"usageMetadata\":[]}", "{\"responseId\":1,\"modelVersion\":{}}",
        "{\"error\":1}", "{\"error\":[]}", "{\"error\":{\"details\":[1]}}",
        NULL
    };

    char       event[1024];
    ngx_int_t  rc;

    for (i = 0; texts[i]; i++) {
        ex_start(CHAT, 0, 0);
        rc = ex_json(texts[i]);

        if (rc != NGX_OK && rc != NGX_DECLINED) {
            break;
        }

        snprintf(event, sizeof(event), "data: %s\n\n", texts[i]);

        ex_start(CHAT, 1, 1);
        rc = ex_events(event, 2);

        if (rc != NGX_OK && rc != NGX_DECLINED) {
            break;
        }
    }

    ok(texts[i] == NULL, "hostile answers: %s", texts[i] ? texts[i] : "none");
}


static void
test_no_memory(void)
{
    survives(stream_once, "a stream");
    survives(response_once, "an answer");
}


static void
error(ngx_uint_t status, const char *text)
{
    ngx_str_t                   s;
    ngx_http_llmbroker_json_t  *root;

    ex_start(CHAT, 0, 0);

    s = str(text);
    root = NULL;

    (void) ngx_http_llmbroker_json_parse(ex_pool, s.data, s.len, &root);

    ex_target.dialect->error(&ex, status, root, &s);
}


static ngx_int_t
stream_once(void)
{
    ngx_int_t  rc;

    rc = ex_start(CHAT, 1, 1);

    return rc == NGX_OK ? ex_events(stream, sizeof(stream)) : rc;
}


static ngx_int_t
response_once(void)
{
    ngx_int_t  rc;

    rc = ex_start(CHAT, 0, 0);

    return rc == NGX_OK ? ex_json(answer) : rc;
}
