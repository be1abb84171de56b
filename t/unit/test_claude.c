
/*
 * Copyright (C) LLMBroker contributors
 *
 * The Claude dialect, rule by rule: what a request becomes, what is dropped,
 * what is refused; streamed and buffered answers, which must say the same;
 * usage, refusals, errors, cut and hostile streams, lack of memory.
 */


#include "exchange.h"


static void test_configure(void);
static void test_text(void);
static void test_system(void);
static void test_merge(void);
static void test_empty(void);
static void test_max_tokens(void);
static void test_sampling(void);
static void test_stop(void);
static void test_account(void);
static void test_dropped(void);
static void test_refused(void);
static void test_prompt(void);
static void test_exact(void);
static void test_tool_messages(void);
static void test_tools(void);
static void test_choice(void);
static void test_media(void);
static void test_thinking(void);
static void test_replay(void);
static void test_cache(void);

static void test_stream(void);
static void test_buffered(void);
static void test_same(void);
static void test_citations(void);
static void test_refusal(void);
static void test_reasons(void);
static void test_usage(void);
static void test_completion(void);
static void test_errors(void);
static void test_odd_streams(void);
static void test_hostile(void);
static void test_no_memory(void);

static ngx_int_t build_once(void);
static ngx_int_t stream_once(void);
static ngx_int_t aggregate_once(void);
static ngx_int_t response_once(void);


#define OLD  "claude-sonnet-4-0"
#define BODY(max, messages)                                                  \
    "{\"model\":\"" OLD "\",\"max_tokens\":" max ",\"messages\":" messages   \
    "}"
#define ASK(more)                                                            \
    "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":"        \
    "\"x\"}]" more "}"
#define ANSWER(more)                                                         \
    "{\"model\":\"" OLD "\",\"max_tokens\":9" more ",\"messages\":["         \
    "{\"role\":\"user\",\"content\":\"x\"}]}"

#define EVENT(type, more)                                                    \
    "event: " type "\ndata: {\"type\":\"" type "\"" more "   }\n\n"
#define START                                                                \
    EVENT("message_start", ",\"message\":{\"id\":\"i\",\"type\":\"message\"" \
          ",\"role\":\"assistant\",\"model\":\"v\",\"content\":[],"          \
          "\"stop_reason\":null,\"usage\":{\"input_tokens\":7,"              \
          "\"cache_creation_input_tokens\":2,"                               \
          "\"cache_read_input_tokens\":1,\"output_tokens\":1,"               \
          "\"service_tier\":\"standard\"}}")
#define BLOCK(n, block)                                                      \
    EVENT("content_block_start", ",\"index\":" n ",\"content_block\":" block)
#define DELTA(n, delta)                                                      \
    EVENT("content_block_delta", ",\"index\":" n ",\"delta\":" delta)
#define STOP(n)  EVENT("content_block_stop", ",\"index\":" n)
#define END(reason)                                                          \
    EVENT("message_delta", ",\"delta\":{\"stop_reason\":" reason             \
          ",\"stop_sequence\":null},\"usage\":{\"output_tokens\":20}")       \
    EVENT("message_stop", "")
#define PING  EVENT("ping", "")


static const char  stream[] =
    START
    BLOCK("0", "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}")
    PING
    DELTA("0", "{\"type\":\"thinking_delta\",\"thinking\":\"h\\u006d\"}")
    DELTA("0", "{\"type\":\"thinking_delta\",\"thinking\":\"m\"}")
    DELTA("0", "{\"type\":\"signature_delta\",\"signature\":\"s1g\"}")
    STOP("0")
    BLOCK("1", "{\"type\":\"redacted_thinking\",\"data\":\"xyz\"}")
    STOP("1")
    BLOCK("2", "{\"type\":\"text\",\"text\":\"\"}")
    DELTA("2", "{\"type\":\"text_delta\",\"text\":\"Gr\xc3\xbc\"}")
    DELTA("2", "{\"type\":\"text_delta\",\"text\":\"\"}")
    DELTA("2", "{\"type\":\"text_delta\",\"text\":\"\\u00dfe \\ud83d\"}")
    DELTA("2", "{\"type\":\"text_delta\",\"text\":\"\\ude00\\n\"}")
    STOP("2")
    BLOCK("3", "{\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"w\","
               "\"input\":{}}")
    DELTA("3", "{\"type\":\"input_json_delta\",\"partial_json\":\"{}\"}")
    STOP("3")
    BLOCK("4", "{\"type\":\"tool_use\",\"id\":\"t0\",\"name\":\"f\","
               "\"input\":{}}")
    DELTA("4", "{\"type\":\"input_json_delta\",\"partial_json\":\"\"}")
    DELTA("4", "{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\""
               ":\"}")
    DELTA("4", "{\"type\":\"input_json_delta\",\"partial_json\":\"[1]}\"}")
    STOP("4")
    BLOCK("5", "{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"g\","
               "\"input\":{}}")
    DELTA("5", "{\"type\":\"input_json_delta\",\"partial_json\":\"\"}")
    STOP("5")
    EVENT("content_block_hologram", "")
    END("\"tool_use\"");

static const char  answer[] =
    "{\"id\":\"i\",\"type\":\"message\",\"role\":\"assistant\","
    "\"model\":\"v\",\"content\":["
    "{\"type\":\"thinking\",\"thinking\":\"h\\u006dm\","
    "\"signature\":\"s1g\"},"
    "{\"type\":\"redacted_thinking\",\"data\":\"xyz\"},"
    "{\"type\":\"text\",\"text\":\"Gr\xc3\xbc\\u00dfe \"},"
    "{\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"w\","
    "\"input\":{}},"
    "{\"type\":\"text\",\"text\":\"\\ud83d\\ude00\\n\"},"
    "{\"type\":\"tool_use\",\"id\":\"t0\",\"name\":\"f\",\"input\":"
    "{ \"a\" : [ 1 ] }},"
    "{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"g\",\"input\":{}}],"
    "\"stop_reason\":\"tool_use\",\"stop_sequence\":null,"
    "\"usage\":{\"input_tokens\":7,\"cache_creation_input_tokens\":2,"
    "\"cache_read_input_tokens\":1,\"output_tokens\":20,"
    "\"service_tier\":\"standard\"}}";

/* the tool that Anthropic runs (P6) */
#define SERVER                                                               \
    "\"provider_specific_fields\":{\"server_blocks\":[{\"type\":"              \
    "\"server_tool_use\",\"id\":\"s\",\"name\":\"w\",\"input\":{}}]}"

/* what both of them say */
static const char  object[] =
    "{\"id\":\"i\",\"object\":\"chat.completion\",\"created\":1,"
    "\"model\":\"v\",\"service_tier\":\"default\",\"choices\":[{\"index\":0,"
    "\"message\":{\"role\":\"assistant\","
    "\"content\":\"Gr\xc3\xbc\\u00dfe \\ud83d\\ude00\\n\",\"refusal\":null,"
    "\"reasoning_content\":\"h\\u006dm\",\"thinking_blocks\":["
    "{\"type\":\"thinking\",\"thinking\":\"h\\u006dm\","
    "\"signature\":\"s1g\"},"
    "{\"type\":\"redacted_thinking\",\"data\":\"xyz\"}],"
    "\"tool_calls\":[{\"id\":\"t0\",\"type\":\"function\",\"function\":"
    "{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":[1]}\"}},"
    "{\"id\":\"t1\",\"type\":\"function\",\"function\":"
    "{\"name\":\"g\",\"arguments\":\"{}\"}}]," SERVER "},\"logprobs\":null,"
    "\"finish_reason\":\"tool_calls\"}],\"usage\":{\"prompt_tokens\":10,"
    "\"completion_tokens\":20,\"total_tokens\":30,"
    "\"prompt_tokens_details\":{\"cached_tokens\":1,"
    "\"cache_write_tokens\":2}}}";


int
main(void)
{
    ex_provider = "anthropic";
    ex_model = OLD;

    test_configure();
    test_text();
    test_system();
    test_merge();
    test_empty();
    test_max_tokens();
    test_sampling();
    test_stop();
    test_account();
    test_dropped();
    test_refused();
    test_prompt();
    test_exact();
    test_tool_messages();
    test_tools();
    test_choice();
    test_media();
    test_thinking();
    test_replay();
    test_cache();

    test_stream();
    test_buffered();
    test_same();
    test_citations();
    test_refusal();
    test_reasons();
    test_usage();
    test_completion();
    test_errors();
    test_odd_streams();
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
    is_str(s->data, s->len, "/v1/messages", "chat");
    s = &ex_target.paths[COMPLETIONS][1];
    is_str(s->data, s->len, "/v1/messages", "completions, streamed");
    is(ex_target.paths[EMBEDDINGS][0].len, 0, "no embeddings");
    s = &ex_target.headers[0];
    is_str(s->data, s->len, "x-api-key: KEY\r\n"
           "anthropic-version: 2023-06-01\r\n", "headers");
    is(ex_target.dialect->calls, 1 << CHAT | 1 << COMPLETIONS, "calls");
}


static void
test_text(void)
{
    const char  *got;

    builds("{\"model\":\"alias\",\"max_tokens\":9,\"messages\":["
           "{\"role\":\"user\",\"content\":\"a\\u00e4\\\"\"}]}",
           BODY("9", "[{\"role\":\"user\",\"content\":\"a\\u00e4\\\"\"}]"),
           "a user's text keeps its escapes (R1, R30)");
    drops("", "nothing is lost");

    got = ex_build(CHAT, 1, ASK(""));
    is_str(got, strlen(got), ANSWER(",\"stream\":true"),
           "a streamed call (R3)");

    builds("{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":["
           "{\"type\":\"text\",\"text\":\"a\"},"
           "{\"type\":\"text\",\"text\":\" \\n\\u0020\"},"
           "{\"type\":\"text\",\"text\":\"b\"}]}]}",
           BODY("9", "[{\"role\":\"user\",\"content\":["
                "{\"type\":\"text\",\"text\":\"a\"},"
                "{\"type\":\"text\",\"text\":\"b\"}]}]"),
           "parts stay parts, blank ones vanish (R31, R38)");

    builds("{\"max_tokens\":9,\"messages\":["
           "{\"role\":\"user\",\"content\":\"a\",\"name\":\"bob\"},"
           "{\"role\":\"assistant\",\"content\":\"b\"},"
           "{\"role\":\"user\",\"content\":\"c\"}]}",
           BODY("9", "[{\"role\":\"user\",\"content\":\"a\"},"
                "{\"role\":\"assistant\",\"content\":\"b\"},"
                "{\"role\":\"user\",\"content\":\"c\"}]"),
           "a conversation");
    drops("name", "names are dropped (R23)");
}


static void
test_system(void)
{
    builds("{\"max_tokens\":9,\"messages\":["
           "{\"role\":\"system\",\"content\":\"be\\nkind\"},"
           "{\"role\":\"user\",\"content\":\"x\"}]}",
           ANSWER(",\"system\":\"be\\nkind\""), "one system text (R20)");

    builds("{\"max_tokens\":9,\"messages\":["
           "{\"role\":\"system\",\"content\":\"a\"},"
           "{\"role\":\"developer\",\"content\":["
           "{\"type\":\"text\",\"text\":\"b\"},"
           "{\"type\":\"text\",\"text\":\"\"}]},"
           "{\"role\":\"user\",\"content\":\"x\"},"
           "{\"role\":\"system\",\"content\":\"c\"}]}",
           ANSWER(",\"system\":[{\"type\":\"text\",\"text\":\"a\"},"
                  "{\"type\":\"text\",\"text\":\"b\"},"
                  "{\"type\":\"text\",\"text\":\"c\"}]"),
           "several are hoisted in order (R21)");

    builds("{\"max_tokens\":9,\"messages\":["
           "{\"role\":\"system\",\"content\":\"a\"},"
           "{\"role\":\"system\",\"content\":\"b\"}]}",
           "{\"model\":\"" OLD "\",\"max_tokens\":9,\"system\":\"a\","
           "\"messages\":[{\"role\":\"user\",\"content\":\"b\"}]}",
           "the last becomes the user's where there is none (R22)");

    builds("{\"max_tokens\":9,\"messages\":["
           "{\"role\":\"system\",\"content\":\"  \"},"
           "{\"role\":\"user\",\"content\":\"x\"}]}", ANSWER(""),
           "a blank one vanishes");
}


static void
test_merge(void)
{
    builds("{\"max_tokens\":9,\"messages\":["
           "{\"role\":\"user\",\"content\":\"a\"},"
           "{\"role\":\"user\",\"content\":\"b\"},"
           "{\"role\":\"system\",\"content\":\"s\"},"
           "{\"role\":\"user\",\"content\":\"c\"}]}",
           "{\"model\":\"" OLD "\",\"max_tokens\":9,\"system\":\"s\","
           "\"messages\":[{\"role\":\"user\",\"content\":["
           "{\"type\":\"text\",\"text\":\"a\"},"
           "{\"type\":\"text\",\"text\":\"b\"},"
           "{\"type\":\"text\",\"text\":\"c\"}]}]}",
           "turns of one role merge (R39)");

    builds("{\"max_tokens\":9,\"messages\":["
           "{\"role\":\"assistant\",\"content\":\"a\"}]}",
           BODY("9", "[{\"role\":\"user\",\"content\":\".\"},"
                "{\"role\":\"assistant\",\"content\":\"a\"}]"),
           "the user speaks first (R40); a prefill stays (R41)");
}


static void
test_empty(void)
{
    builds("{\"max_tokens\":9,\"messages\":["
           "{\"role\":\"user\",\"content\":\"\"}]}",
           BODY("9", "[{\"role\":\"user\",\"content\":\".\"}]"),
           "an empty user's message (R38)");

    builds("{\"max_tokens\":9,\"messages\":["
           "{\"role\":\"user\",\"content\":\"\"},"
           "{\"role\":\"user\",\"content\":\"x\"},"
           "{\"role\":\"user\",\"content\":[]}]}",
           BODY("9", "[{\"role\":\"user\",\"content\":["
                "{\"type\":\"text\",\"text\":\"x\"}]}]"),
           "and beside others");

    builds("{\"max_tokens\":9,\"messages\":["
           "{\"role\":\"user\",\"content\":\"a\"},"
           "{\"role\":\"assistant\",\"content\":\"\"},"
           "{\"role\":\"assistant\",\"content\":null},"
           "{\"role\":\"user\",\"content\":\"b\"}]}",
           BODY("9", "[{\"role\":\"user\",\"content\":["
                "{\"type\":\"text\",\"text\":\"a\"},"
                "{\"type\":\"text\",\"text\":\"b\"}]}]"),
           "an empty assistant's message");

    builds("{\"messages\":[]}", "400 empty_array messages",
           "an empty conversation");
    builds("{\"messages\":7}", "400 invalid_type messages",
           "messages of a wrong type");
    builds("{}", "400 empty_array messages", "no messages");
}


static void
test_max_tokens(void)
{
    const char  *got;

#define MESSAGES  "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]"
#define USER  "[{\"role\":\"user\",\"content\":\"x\"}]"

    builds("{" MESSAGES "}", BODY("64000", USER),
           "the model's limit (R2), no thinking (R51)");
    builds("{" MESSAGES ",\"max_tokens\":99999}", BODY("64000", USER),
           "no more than that");
    builds("{" MESSAGES ",\"max_tokens\":5,\"max_completion_tokens\":6}",
           BODY("6", USER), "max_completion_tokens wins");
    builds("{" MESSAGES ",\"max_tokens\":null,\"max_completion_tokens\":null}",
           BODY("64000", USER), "null is nothing");
    builds("{" MESSAGES ",\"max_tokens\":0}", "400 invalid_value max_tokens",
           "0");
    builds("{" MESSAGES ",\"max_completion_tokens\":\"7\"}",
           "400 invalid_type max_completion_tokens", "a string");

    ex_model = "eu.anthropic.claude-3-haiku-20240307-v1:0";
    got = ex_build(CHAT, 0, "{" MESSAGES "}");
    ok(strstr(got, "\"max_tokens\":4096,") != NULL, "another cloud's name");

    ex_model = "claude-next-9";
    got = ex_build(CHAT, 0, "{" MESSAGES "}");
    ok(strstr(got, "\"max_tokens\":128000,") != NULL, "a newer model");

    ex_model = "other";
    got = ex_build(CHAT, 0, "{" MESSAGES "}");
    ok(strstr(got, "\"max_tokens\":4096,") != NULL, "no Claude");
    got = ex_build(CHAT, 0, "{" MESSAGES ",\"max_tokens\":500000}");
    ok(strstr(got, "\"max_tokens\":500000,") != NULL, "has no known limit");

    ex_model = OLD;
}


static void
test_sampling(void)
{
    builds(ASK(",\"temperature\":0.70,\"top_p\":1e-1,\"top_k\":40"),
           ANSWER(",\"temperature\":0.70,\"top_p\":1e-1,\"top_k\":40"),
           "numbers keep their text (R5-R7)");
    builds(ASK(",\"temperature\":1.5"), ANSWER(",\"temperature\":1"),
           "a temperature above 1");
    builds(ASK(",\"temperature\":null"), ANSWER(""), "null is nothing");
    builds(ASK(",\"temperature\":\"1\""), "400 invalid_type temperature",
           "a string");

    ex_model = "claude-sonnet-4-5";
    ok(strstr(ex_build(CHAT, 0, ASK(",\"temperature\":1,\"top_p\":0.5")),
              "top_p") == NULL, "not both (R6)");
    drops("top_p", "top_p is dropped");
    ok(strstr(ex_build(CHAT, 0, ASK(",\"top_p\":0.5")), "\"top_p\":0.5")
       != NULL, "but either");

    ex_model = "claude-opus-4-8";
    ok(strstr(ex_build(CHAT, 0, ASK(",\"temperature\":1,\"top_p\":0.5,"
                                    "\"top_k\":1")), "\"top_") == NULL,
       "neither for new models");
    drops("temperature, top_p, top_k", "all are dropped");

    ex_model = OLD;
}


static void
test_stop(void)
{
    builds(ASK(",\"stop\":\"a\\n\""),
           ANSWER(",\"stop_sequences\":[\"a\\n\"]"), "one (R8)");
    builds(ASK(",\"stop\":[\"a\",\"\",\" \\n\",\"b\"]"),
           ANSWER(",\"stop_sequences\":[\"a\",\"b\"]"), "several");
    builds(ASK(",\"stop\":[\"\\t\"]"), ANSWER(""), "none left");
    builds(ASK(",\"stop\":null"), ANSWER(""), "null");
    builds(ASK(",\"stop\":[1]"), "400 invalid_type stop", "a number");
    builds(ASK(",\"stop\":{},\"user\":\"u\""), "400 invalid_type stop",
           "an object");
}


static void
test_account(void)
{
    builds(ASK(",\"user\":\"u1\""),
           ANSWER(",\"metadata\":{\"user_id\":\"u1\"}"), "user (R10)");
    builds(ASK(",\"user\":\"u1\",\"safety_identifier\":\"s\""),
           ANSWER(",\"metadata\":{\"user_id\":\"s\"}"), "safety_identifier");
    builds(ASK(",\"user\":\"me@example.com\""), ANSWER(""), "an address");
    drops("user", "is dropped");
    builds(ASK(",\"user\":\"+49 (30) 1234-56\""), ANSWER(""), "a number");
    builds(ASK(",\"user\":\"12345\""),
           ANSWER(",\"metadata\":{\"user_id\":\"12345\"}"), "a short one");

    builds(ASK(",\"service_tier\":\"auto\""),
           ANSWER(",\"service_tier\":\"auto\""), "service_tier (R13)");
    builds(ASK(",\"service_tier\":\"default\""),
           ANSWER(",\"service_tier\":\"standard_only\""), "the default one");
    builds(ASK(",\"service_tier\":\"flex\""),
           ANSWER(",\"service_tier\":\"auto\""), "another");
    drops("service_tier", "is dropped");
}


static void
test_dropped(void)
{
    builds(ASK(",\"seed\":1,\"logit_bias\":{},\"presence_penalty\":0,"
               "\"logprobs\":false,\"store\":false,\"metadata\":null,"
               "\"verbosity\":\"low\",\"x_\\u000d\\n\":1,\"seed2\":[],"
               "\"prompt\":\"p\",\"n\":1,\"modalities\":[\"text\"],"
               "\"stream_options\":{},\"response_format\":"
               "{\"type\":\"text\"}"), ANSWER(""), "dropped names (R11)");
    drops("seed, logit_bias, presence_penalty, logprobs, store, verbosity, "
          "x___, prompt, modalities",
          "are told, what asks for nothing is not");
}


static void
test_refused(void)
{
    builds(ASK(",\"n\":2"), "400 unsupported_value n", "n (R9)");
    builds(ASK(",\"modalities\":[\"text\",\"audio\"]"),
           "400 unsupported_value modalities", "audio (R12)");
    builds(ASK(",\"audio\":{}"), "400 unsupported_value audio", "its format");
    builds(ASK(",\"web_search_options\":{}"),
           "400 unsupported_value web_search_options", "search (R14)");
    builds(ASK(",\"functions\":[{}]"),
           "400 missing_required_parameter functions",
           "a function of no name");
    builds(ASK(",\"functions\":[]"), ANSWER(""), "none of them");
    builds(ASK(",\"response_format\":{\"type\":\"grammar\"}"),
           "400 unsupported_value response_format", "an unknown format");

#define MESSAGE(m)                                                           \
    "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}," m "]}"

    builds(MESSAGE("7"), "400 invalid_type messages[1]", "no object");
    builds(MESSAGE("{\"content\":\"x\"}"),
           "400 unsupported_value messages[1].role", "no role");
    builds(MESSAGE("{\"role\":\"critic\",\"content\":\"x\"}"),
           "400 unsupported_value messages[1].role", "an unknown role");
    builds(MESSAGE("{\"role\":\"user\",\"content\":{}}"),
           "400 invalid_type messages[1].content", "an object");
    builds(MESSAGE("{\"role\":\"user\",\"content\":[7]}"),
           "400 unsupported_value messages[1].content", "no part");
    builds(MESSAGE("{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}"),
           "400 invalid_type messages[1].content", "no text");
    builds(MESSAGE("{\"role\":\"user\",\"content\":[{\"type\":"
                   "\"input_audio\"}]}"),
           "400 unsupported_value messages[1].content", "audio");
    builds(MESSAGE("{\"role\":\"system\",\"content\":[{\"type\":"
                   "\"image_url\",\"image_url\":\"https://x.example/\"}]}"),
           "400 unsupported_value messages[1].content", "a system image");
    builds(MESSAGE("{\"role\":\"assistant\",\"audio\":{\"id\":\"a\"}}"),
           "400 unsupported_value messages[1].audio", "an audio answer");
    builds(MESSAGE("{\"role\":\"assistant\",\"function_call\":{}}"),
           "400 invalid_type messages[1].function_call",
           "a legacy call of no name");
}


static void
test_prompt(void)
{
    const char  *got;

    got = ex_build(COMPLETIONS, 0, "{\"prompt\":\"p\",\"max_tokens\":9,"
                   "\"echo\":false,\"best_of\":1,\"logprobs\":null,"
                   "\"messages\":[1]}");
    is_str(got, strlen(got), BODY("9", "[{\"role\":\"user\","
           "\"content\":\"p\"}]"), "a prompt is the user's text");
    drops("messages", "messages are not known there");

    got = ex_build(COMPLETIONS, 0, "{\"prompt\":[\"p\"],\"max_tokens\":9}");
    is_str(got, strlen(got), BODY("9", "[{\"role\":\"user\","
           "\"content\":\"p\"}]"), "one in an array");

    got = ex_build(COMPLETIONS, 0, "{\"prompt\":\"\",\"max_tokens\":9}");
    is_str(got, strlen(got), BODY("9", "[{\"role\":\"user\","
           "\"content\":\".\"}]"), "an empty one");

#define REFUSES(request, expected)                                           \
    got = ex_build(COMPLETIONS, 0, request);                                 \
    is_str(got, strlen(got), expected, request)

    REFUSES("{\"prompt\":[]}", "400 invalid_value prompt");
    REFUSES("{\"prompt\":[1,2]}", "400 unsupported_value prompt");
    REFUSES("{\"prompt\":[1]}", "400 unsupported_value prompt");
    REFUSES("{}", "400 invalid_value prompt");
    REFUSES("{\"prompt\":\"p\",\"suffix\":\"s\"}",
            "400 unsupported_value suffix");
    REFUSES("{\"prompt\":\"p\",\"logprobs\":1}",
            "400 unsupported_value logprobs");
    REFUSES("{\"prompt\":\"p\",\"best_of\":2}",
            "400 unsupported_value best_of");
    REFUSES("{\"prompt\":\"p\",\"n\":2}", "400 unsupported_value n");
}


static void
test_exact(void)
{
    const char  *got;

    ex_model = "a\"b";
    got = ex_build(CHAT, 0, ASK(""));
    ok(strncmp(got, "{\"model\":\"a\\\"b\",", 16) == 0,
       "the model is escaped");
    ex_model = OLD;

    builds(ASK(",\"cache_control\":{\"type\" : \"ephemeral\"},"
               "\"context_management\":{\"edits\":[]}"),
           ANSWER(",\"cache_control\":{\"type\" : \"ephemeral\"},"
                  "\"context_management\":{\"edits\":[]}"),
           "Claude's own parameters pass as they are (R15)");
}


#define CALL(id, name, arguments)                                            \
    "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\""     \
    name "\",\"arguments\":\"" arguments "\"}}"
#define INVENTED(name)                                                       \
    "{\"name\":\"" name "\",\"input_schema\":{\"type\":\"object\","          \
    "\"properties\":{}}}"

static void
test_tool_messages(void)
{
    char         expected[256];
    const char  *got;

    builds("{\"max_tokens\":9,\"messages\":["
           "{\"role\":\"user\",\"content\":\"a\"},"
           "{\"role\":\"assistant\",\"content\":\"b\",\"tool_calls\":["
           CALL("c.1", "f", "{\\\"x\\\": \\\"\\\\u00e4\\\"}") ","
           CALL("c2", "f", "") "]},"
           "{\"role\":\"tool\",\"tool_call_id\":\"c.1\",\"content\":\"r\"},"
           "{\"role\":\"tool\",\"tool_call_id\":\"c2\",\"content\":["
           "{\"type\":\"text\",\"text\":\"s\"},"
           "{\"type\":\"text\",\"text\":\"t\"}],\"is_error\":true},"
           "{\"role\":\"tool\",\"tool_call_id\":\"c3\",\"content\":\"\"},"
           "{\"role\":\"user\",\"content\":\"d\"}]}",
           "{\"model\":\"" OLD "\",\"max_tokens\":9,\"tools\":["
           INVENTED("f") "],\"tool_choice\":{\"type\":\"none\"},"
           "\"messages\":[{\"role\":\"user\",\"content\":\"a\"},"
           "{\"role\":\"assistant\",\"content\":["
           "{\"type\":\"text\",\"text\":\"b\"},"
           "{\"type\":\"tool_use\",\"id\":\"c_1\",\"name\":\"f\","
           "\"input\":{\"x\": \"\\u00e4\"}},"
           "{\"type\":\"tool_use\",\"id\":\"c2\",\"name\":\"f\","
           "\"input\":{}}]},"
           "{\"role\":\"user\",\"content\":["
           "{\"type\":\"tool_result\",\"tool_use_id\":\"c_1\","
           "\"content\":\"r\"},"
           "{\"type\":\"tool_result\",\"tool_use_id\":\"c2\","
           "\"is_error\":true,\"content\":["
           "{\"type\":\"text\",\"text\":\"s\"},"
           "{\"type\":\"text\",\"text\":\"t\"}]},"
           "{\"type\":\"tool_result\",\"tool_use_id\":\"c3\"},"
           "{\"type\":\"text\",\"text\":\"d\"}]}]}",
           "calls and results (R32, R33, R36, R37, R42, R44, R46, R47)");

#define ARGUMENTS(text, expected_input)                                      \
    got = ex_build(CHAT, 0, MESSAGE("{\"role\":\"assistant\","               \
                   "\"tool_calls\":[" CALL("c", "f", text) "]}"));           \
    snprintf(expected, sizeof(expected), "%s", expected_input);              \
    ok(strstr(got, expected) != NULL, "arguments: %s", text)

    ARGUMENTS(" ", "\"input\":{}");
    ARGUMENTS("null", "\"input\":{}");
    ARGUMENTS(" {} ", "\"input\":{}");
    ARGUMENTS("[1]", "400 invalid_value messages[1].tool_calls[0]");
    ARGUMENTS("{", "400 invalid_value messages[1].tool_calls[0]");
    ARGUMENTS("{}x", "400 invalid_value messages[1].tool_calls[0]");

    builds(MESSAGE("{\"role\":\"tool\",\"content\":\"x\"}"),
           "400 missing_required_parameter messages[1].tool_call_id",
           "a result of nothing");
    builds(MESSAGE("{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"\","
                   "\"function\":{\"name\":\"f\"}}]}"),
           "400 missing_required_parameter messages[1].tool_calls[0]",
           "a call without a name");
    builds(MESSAGE("{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c\","
                   "\"type\":\"custom\",\"custom\":{}}]}"),
           "400 unsupported_value messages[1].tool_calls[0]",
           "a call of no function");
    builds(MESSAGE("{\"role\":\"assistant\",\"tool_calls\":{}}"),
           "400 invalid_type messages[1].tool_calls", "no array");
}


#define TOOL(name, more)                                                     \
    "{\"type\":\"function\",\"function\":{\"name\":\"" name "\"" more "}}"

static void
test_tools(void)
{
    builds(ASK(",\"tools\":[" TOOL("f", ",\"description\":\"d\",\"strict\":"
               "true,\"parameters\":{\"type\":\"object\",\"$defs\":{\"a\":1}"
               "}") "," TOOL("g", "") ","
               TOOL("h", ",\"parameters\":{\"properties\":{\"a\":{}},"
                    "\"required\":[\"a\"]}") "]"),
           ANSWER(",\"tools\":[{\"name\":\"f\",\"description\":\"d\","
                  "\"input_schema\":{\"type\":\"object\",\"$defs\":"
                  "{\"a\":1}}}," INVENTED("g") ",{\"name\":\"h\","
                  "\"input_schema\":{\"type\":\"object\",\"properties\":"
                  "{\"a\":{}},\"required\":[\"a\"]}}]"),
           "schemas pass as they are (R60)");
    drops("tools.strict", "strict does not (R61)");

    builds(ASK(",\"tools\":[],\"tool_choice\":\"auto\""), ANSWER(""),
           "no tools, no choice (R69)");
    builds(ASK(",\"tools\":[{\"type\":\"retrieval\"}]"),
           "400 unsupported_value tools", "a tool of another type");
    builds(ASK(",\"tools\":[7]"), "400 unsupported_value tools", "no tool");
    builds(ASK(",\"tools\":[" TOOL("f", ",\"parameters\":7") "]"),
           "400 invalid_type tools", "no schema");
}


static void
test_choice(void)
{
    const char  *got;

#define FG  ",\"tools\":[" TOOL("f", "") "," TOOL("g", "") "]"
#define CHOICE(choice, expected)                                             \
    builds(ASK(FG choice), ANSWER(",\"tools\":[" INVENTED("f") ","           \
           INVENTED("g") "]" expected), "choice (R63, R64, R66): " choice)

    CHOICE("", "");
    CHOICE(",\"tool_choice\":\"auto\"", ",\"tool_choice\":{\"type\":\"auto\"}");
    CHOICE(",\"tool_choice\":\"none\",\"parallel_tool_calls\":false",
           ",\"tool_choice\":{\"type\":\"none\"}");
    CHOICE(",\"tool_choice\":\"required\"",
           ",\"tool_choice\":{\"type\":\"any\"}");
    CHOICE(",\"tool_choice\":{\"type\":\"function\",\"function\":"
           "{\"name\":\"g\"}}",
           ",\"tool_choice\":{\"type\":\"tool\",\"name\":\"g\"}");
    CHOICE(",\"parallel_tool_calls\":false",
           ",\"tool_choice\":{\"type\":\"auto\","
           "\"disable_parallel_tool_use\":true}");
    CHOICE(",\"parallel_tool_calls\":true", "");

    builds(ASK(FG ",\"tool_choice\":{\"type\":\"allowed_tools\","
               "\"allowed_tools\":{\"mode\":\"required\",\"tools\":["
               "{\"type\":\"function\",\"function\":{\"name\":\"g\"}}]}}"),
           ANSWER(",\"tools\":[" INVENTED("g") "],"
                  "\"tool_choice\":{\"type\":\"any\"}"),
           "allowed tools (R67)");

    builds(ASK(FG ",\"tool_choice\":{\"type\":\"function\",\"function\":"
               "{\"name\":\"h\"}}"), "400 invalid_value tool_choice",
           "an unknown tool (R65)");
    builds(ASK(FG ",\"tool_choice\":{\"type\":\"allowed_tools\","
               "\"allowed_tools\":{\"tools\":[]}}"),
           "400 invalid_value tool_choice", "none allowed");
    builds(ASK(FG ",\"tool_choice\":7"), "400 unsupported_value tool_choice",
           "no choice");

    /* R68 */

    ex_model = "claude-fable-5";
    got = ex_build(CHAT, 0, ASK(FG ",\"tool_choice\":{\"type\":\"function\","
                                "\"function\":{\"name\":\"g\"}}"));
    ok(strstr(got, "\"tools\":[" INVENTED("g") "],\"tool_choice\":"
                   "{\"type\":\"auto\"}") != NULL,
       "a model that cannot be forced");
    drops("tool_choice", "it is told");
    ex_model = OLD;
}


#define PART(part)                                                           \
    "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":["       \
    part "]}]}"
#define PARTS(block)                                                         \
    BODY("9", "[{\"role\":\"user\",\"content\":[" block "]}]")

static void
test_media(void)
{
    builds(PART("{\"type\":\"image_url\",\"image_url\":{\"url\":"
                "\"https:\\/\\/x.example\\/a.png\",\"detail\":\"low\"}}"),
           PARTS("{\"type\":\"image\",\"source\":{\"type\":\"url\","
                 "\"url\":\"https://x.example/a.png\"}}"),
           "an image's address (R34)");
    builds(PART("{\"type\":\"image_url\",\"image_url\":{\"url\":"
                "\"data:image/JPG;x=y;base64,QUJD\"}},"
                "{\"type\":\"text\",\"text\":\"what?\"}"),
           PARTS("{\"type\":\"image\",\"source\":{\"type\":\"base64\","
                 "\"media_type\":\"image/jpeg\",\"data\":\"QUJD\"}},"
                 "{\"type\":\"text\",\"text\":\"what?\"}"),
           "an image's bytes");
    builds(PART("{\"type\":\"image_url\",\"image_url\":{\"url\":"
                "\"data:application/pdf;base64,QUJD\"}}"),
           PARTS("{\"type\":\"document\",\"source\":{\"type\":\"base64\","
                 "\"media_type\":\"application/pdf\",\"data\":\"QUJD\"}}"),
           "a document's bytes");
    builds(PART("{\"type\":\"file\",\"file\":{\"file_data\":"
                "\"data:application/pdf;base64,QUJD\",\"filename\":\"a\"}}"),
           PARTS("{\"type\":\"document\",\"title\":\"a\",\"source\":"
                 "{\"type\":\"base64\",\"media_type\":\"application/pdf\","
                 "\"data\":\"QUJD\"}}"), "a file (R35)");
    builds(PART("{\"type\":\"file\",\"file\":{\"file_data\":\"QUJD\"}}"),
           PARTS("{\"type\":\"document\",\"source\":"
                 "{\"type\":\"base64\",\"media_type\":\"application/pdf\","
                 "\"data\":\"QUJD\"}}"), "bare base64");

#define BAD  "400 unsupported_value messages[0].content"
#define IMAGE(url)                                                           \
    PART("{\"type\":\"image_url\",\"image_url\":{\"url\":\"" url "\"}}")

    builds(IMAGE("http://x.example/"), BAD, "http");
    builds(IMAGE("data:image/tiff;base64,QUJD"), BAD, "an unknown type");
    builds(IMAGE("data:image/png,QUJD"), BAD, "no base64");
    builds(IMAGE("data:;base64,"), BAD, "no type");
    builds(IMAGE("data:,"), BAD, "nothing");
    builds(IMAGE(""), BAD, "no address");
    builds(PART("{\"type\":\"image_url\"}"),
           "400 invalid_type messages[0].content", "no image");
    builds(PART("{\"type\":\"file\",\"file\":{\"file_id\":\"f\"}}"), BAD,
           "a file that lies at OpenAI");
    builds(PART("{\"type\":\"file\",\"file\":{\"file_data\":"
                "\"data:image/png;base64,QUJD\"}}"), BAD, "no document");
}


static void
test_thinking(void)
{
    builds("{\"max_tokens\":4000," MESSAGES ",\"reasoning_effort\":\"low\","
           "\"temperature\":0.5,\"top_p\":1,\"top_k\":1}",
           "{\"model\":\"" OLD "\",\"max_tokens\":4000,\"thinking\":"
           "{\"type\":\"enabled\",\"budget_tokens\":2048},\"messages\":"
           USER "}", "a budget (R54, R56)");
    drops("temperature, top_p, top_k", "and what it excludes");

    builds("{\"max_tokens\":1025," MESSAGES ",\"reasoning_effort\":\"max\"}",
           "{\"model\":\"" OLD "\",\"max_tokens\":1025,\"thinking\":"
           "{\"type\":\"enabled\",\"budget_tokens\":1024},\"messages\":"
           USER "}", "a budget is less than max_tokens");
    builds("{\"max_tokens\":1024," MESSAGES ",\"reasoning_effort\":\"max\"}",
           BODY("1024", USER), "or none");
    drops("reasoning_effort", "which is told");
    builds("{\"max_tokens\":4000," MESSAGES ",\"reasoning_effort\":\"none\"}",
           BODY("4000", USER), "no thinking (R52)");
    builds(ASK(",\"reasoning_effort\":\"much\""),
           "400 invalid_value reasoning_effort", "an unknown word");
    builds(ASK(",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1}"),
           ANSWER(",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1}"),
           "Claude's own word");

    ex_model = "claude-opus-4-7";
    builds("{\"max_tokens\":9," MESSAGES ",\"reasoning_effort\":\"xhigh\"}",
           "{\"model\":\"claude-opus-4-7\",\"max_tokens\":9,\"thinking\":"
           "{\"type\":\"adaptive\",\"display\":\"summarized\"},"
           "\"output_config\":{\"effort\":\"xhigh\"},\"messages\":" USER "}",
           "an adaptive model (R53)");
    builds("{\"max_tokens\":9," MESSAGES ",\"reasoning_effort\":\"none\"}",
           "{\"model\":\"claude-opus-4-7\",\"max_tokens\":9,\"thinking\":"
           "{\"type\":\"disabled\"},\"messages\":" USER "}", "none for it");

    ex_model = "claude-opus-4-6";
    ok(strstr(ex_build(CHAT, 0, "{" MESSAGES ",\"reasoning_effort\":"
                                "\"xhigh\"}"), "\"effort\":\"high\"") != NULL,
       "a model without xhigh");
    ok(strstr(ex_build(CHAT, 0, "{" MESSAGES ",\"reasoning_effort\":"
                                "\"minimal\"}"), "\"effort\":\"low\"")
       != NULL, "minimal");

    ex_model = "claude-3-5-haiku-latest";
    ok(strstr(ex_build(CHAT, 0, "{" MESSAGES ",\"reasoning_effort\":"
                                "\"high\"}"), "thinking") == NULL,
       "a model that cannot think");
    drops("reasoning_effort", "which is told too");
    ex_model = OLD;
}


static void
test_replay(void)
{
    const char  *got;

    got = ex_build(CHAT, 0,
        MESSAGE("{\"role\":\"assistant\",\"content\":\"b\","
                "\"reasoning_content\":\"h\\nm\",\"thinking_blocks\":["
                "{\"type\":\"thinking\",\"thinking\":\"\","
                "\"signature\":\"s\"}]}"));
    ok(strstr(got, "\"content\":[{\"type\":\"thinking\",\"thinking\":"
                   "\"h\\nm\",\"signature\":\"s\"},{\"type\":\"text\","
                   "\"text\":\"b\"}]") != NULL,
       "a streamed answer's thinking is put together again (R50)");
    drops("", "nothing is lost");

    got = ex_build(CHAT, 0,
        MESSAGE("{\"role\":\"assistant\",\"content\":\"b\","
                "\"thinking_blocks\":[{\"type\":\"redacted_thinking\","
                "\"data\":\"d\"},{\"type\":\"thinking\",\"thinking\":\"x\","
                "\"signature\":\"s\"}]}"));
    ok(strstr(got, "[{\"type\":\"redacted_thinking\",\"data\":\"d\"},"
                   "{\"type\":\"thinking\",\"thinking\":\"x\","
                   "\"signature\":\"s\"},{\"type\":\"text\"") != NULL,
       "blocks come first, in their order (R32)");

    builds("{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":"
           "\"x\"},{\"role\":\"assistant\",\"content\":\"b\","
           "\"reasoning_content\":\"hm\"}]}",
           BODY("9", "[{\"role\":\"user\",\"content\":\"x\"},"
                "{\"role\":\"assistant\",\"content\":\"b\"}]"),
           "reasoning without a signature is dropped");
    drops("reasoning_content", "which is told");

    got = ex_build(CHAT, 0, "{\"max_tokens\":9000,\"reasoning_effort\":"
                   "\"low\",\"messages\":[{\"role\":\"user\",\"content\":"
                   "\"x\"},{\"role\":\"assistant\",\"tool_calls\":["
                   CALL("c", "f", "{}") "]},{\"role\":\"tool\","
                   "\"tool_call_id\":\"c\",\"content\":\"r\"}]}");
    ok(strstr(got, "\"thinking\"") == NULL,
       "no thinking after a call that has lost its own (R55)");
    drops("reasoning_effort", "which is told");

    got = ex_build(CHAT, 0,
        MESSAGE("{\"role\":\"assistant\",\"content\":null,"
                "\"refusal\":\"no\",\"annotations\":[]}"));
    ok(strstr(got, "{\"role\":\"assistant\",\"content\":\"no\"}") != NULL,
       "a refusal is text");
}


static void
test_cache(void)
{
    const char  *got;

    got = ex_build(CHAT, 0, "{\"messages\":["
        "{\"role\":\"system\",\"content\":[{\"type\":\"text\",\"text\":"
        "\"s\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}]},"
        "{\"role\":\"user\",\"content\":\"x\",\"cache_control\":"
        "{\"type\":\"ephemeral\"}},{\"role\":\"user\",\"content\":["
        "{\"type\":\"text\",\"text\":\"y\",\"prompt_cache_breakpoint\":"
        "{\"mode\":\"explicit\"}}]}]}");
    ok(strstr(got, "\"system\":[{\"type\":\"text\",\"text\":\"s\","
                   "\"cache_control\":{\"type\":\"ephemeral\","
                   "\"ttl\":\"1h\"}}]") != NULL, "of a system text");
    ok(strstr(got, "{\"type\":\"text\",\"text\":\"x\",\"cache_control\":"
                   "{\"type\":\"ephemeral\"}},{\"type\":\"text\","
                   "\"text\":\"y\",\"cache_control\":{\"type\":"
                   "\"ephemeral\"}}") != NULL, "of messages (R31)");
}


static void
test_stream(void)
{
    char  *p;

    ex_start(CHAT, 1, 1);
    is(ex_events(stream, 1), NGX_OK, "a stream, byte by byte");
    p = ex_answer();

#define HEAD_I                                                               \
    "data: {\"id\":\"i\",\"object\":\"chat.completion.chunk\","              \
    "\"created\":1,\"model\":\"v\",\"service_tier\":\"default\","            \
    "\"choices\":["
#define OUT(delta, finish)                                                   \
    HEAD_I "{\"index\":0,\"delta\":{" delta "},\"logprobs\":null,"           \
    "\"finish_reason\":" finish "}],\"usage\":null}\n\n"
#define TOOL_OUT(n, id, name)                                                \
    OUT("\"tool_calls\":[{\"index\":" n ",\"id\":\"" id "\","                \
        "\"type\":\"function\",\"function\":{\"name\":\"" name "\","         \
        "\"arguments\":\"\"}}]", "null")
#define ARGS(n, text)                                                        \
    OUT("\"tool_calls\":[{\"index\":" n ",\"function\":{\"arguments\":\""    \
        text "\"}}]", "null")

    is_str(p, strlen(p),
        OUT("\"role\":\"assistant\",\"content\":null,\"refusal\":null",
            "null")
        ": ping\n\n"
        OUT("\"reasoning_content\":\"h\\u006d\"", "null")
        OUT("\"reasoning_content\":\"m\"", "null")
        OUT("\"thinking_blocks\":[{\"type\":\"thinking\",\"thinking\":\"\","
            "\"signature\":\"s1g\"}]", "null")
        OUT("\"thinking_blocks\":[{\"type\":\"redacted_thinking\","
            "\"data\":\"xyz\"}]", "null")
        OUT("\"content\":\"Gr\xc3\xbc\"", "null")
        OUT("\"content\":\"\\u00dfe \\ud83d\"", "null")
        OUT("\"content\":\"\\ude00\\n\"", "null")
        TOOL_OUT("0", "t0", "f")
        ARGS("0", "{\\\"a\\\":")
        ARGS("0", "[1]}")
        TOOL_OUT("1", "t1", "g")
        ARGS("1", "{}")
        OUT(SERVER, "null")
        OUT("", "\"tool_calls\"")
        HEAD_I "],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":20,"
        "\"total_tokens\":30,\"prompt_tokens_details\":{\"cached_tokens\":1,"
        "\"cache_write_tokens\":2}}}\n\n" DONE,
        "every event of a stream (S1-S10)");

    counts("10 20 30 1 2 -1", "usage of a stream");
    is(ex.done, 1, "it is done");

    ex_start(CHAT, 1, 0);
    ex_events(START BLOCK("0", "{\"type\":\"tool_use\",\"id\":\"t\","
              "\"name\":\"f\",\"input\":{\"a\":\"\\\"\\\\\"}}") STOP("0")
              END("\"tool_use\""), 7);
    p = ex_answer();
    ok(strstr(p, "\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{"
                 "\"index\":0,\"id\":\"t\"") != NULL,
       "an answer that begins with a tool (S2)");
    ok(strstr(p, "\"arguments\":\"{\\\"a\\\":\\\"\\\\\\\"\\\\\\\\\\\"}\"")
       != NULL, "a tool with its input at once (S3)");
    ok(strstr(p, "\"{}\"") == NULL, "needs no other");
}


static void
test_buffered(void)
{
    char  *p;

    ex_start(CHAT, 0, 0);
    is(ex_json(answer), NGX_OK, "a buffered answer");
    p = ex_answer();
    is_str(p, strlen(p), object, "becomes OpenAI's (P1-P14)");
    is_str(ex.finish_reason.data, ex.finish_reason.len, "tool_calls",
           "its finish reason is known");
    counts("10 20 30 1 2 -1", "so is its usage");

    ex_start(CHAT, 0, 0);
    is(ex_json("{\"content\":[],\"stop_reason\":\"end_turn\"}"), NGX_OK,
       "an answer of nothing");
    ok(strstr(ex_answer(), "\"content\":\"\",\"refusal\":null") != NULL,
       "is an empty text (P4)");
    ok(strstr(ex_answer(), "usage") == NULL, "with unknown usage");

    ex_start(CHAT, 0, 0);
    is(ex_json("{}"), NGX_DECLINED, "no content, no answer");
    faults(0, "", "The provider's answer has no \"content\".", "why");
    ex_start(CHAT, 0, 0);
    is(ex_json("[]"), NGX_DECLINED, "an array");
    ex_start(CHAT, 0, 0);
    is(ex_json("{\"content\":[{\"type\":\"hologram\",\"x\":[]}]}"), NGX_OK,
       "a block of a type to come");
}


/* streamed or buffered, on either side: the same is said */

static void
test_same(void)
{
    char    *p, *streamed;
    size_t   cut;

    for (cut = 1; cut < 50; cut++) {
        ex_start(CHAT, 0, 0);

        if (ex_events(stream, cut) != NGX_OK
            || strcmp(ex_answer(), object) != 0)
        {
            ok(0, "cut at %d", (int) cut);
        }
    }

    p = ex_answer();
    is_str(p, strlen(p), object, "a stream for a buffered call");

    ex_start(CHAT, 1, 0);
    ex_json(answer);
    streamed = strdup(ex_answer());

    ok(strstr(streamed, "\"reasoning_content\":\"h\\u006dm\"")
       && strstr(streamed, "\"signature\":\"s1g\"}]")
       && strstr(streamed, "\"data\":\"xyz\"}]")
       && strstr(streamed, "\"content\":\"Gr\xc3\xbc\\u00dfe \"")
       && strstr(streamed, "\"content\":\"\\ud83d\\ude00\\n\"")
       && strstr(streamed, "\"id\":\"t0\",\"type\":\"function\"")
       && strstr(streamed, "\"arguments\":\"{\\\"a\\\":[1]}\"")
       && strstr(streamed, "\"arguments\":\"{}\"")
       && strstr(streamed, "\"finish_reason\":\"tool_calls\"")
       && strstr(streamed, DONE), "a buffered answer for a streamed call");

    free(streamed);
}


static void
test_citations(void)
{
    char  *p, *expected;

#define CITATION(url, title)                                                 \
    "{\"type\":\"web_search_result_location\",\"cited_text\":\"c\","         \
    "\"url\":\"" url "\",\"title\":" title "}"
#define ANNOTATION(end, start, title, url)                                   \
    "{\"type\":\"url_citation\",\"url_citation\":{\"end_index\":" end ","    \
    "\"start_index\":" start ",\"title\":\"" title "\",\"url\":\"" url       \
    "\"}}"

    ex_start(CHAT, 0, 0);
    ex_json("{\"content\":[{\"type\":\"text\",\"text\":\"\xc3\xbc\\n\"},"
            "{\"type\":\"text\",\"text\":\"\\ud83d\\ude00\\u00fc.\","
            "\"citations\":[" CITATION("u", "\"a\\\"b\"") ","
            "{\"type\":\"char_location\"}," CITATION("w", "null") "]},"
            "{\"type\":\"text\",\"text\":\"!\",\"citations\":null}],"
            "\"stop_reason\":\"end_turn\"}");

    expected = "\"annotations\":[" ANNOTATION("5", "2", "a\\\"b", "u") ","
               ANNOTATION("5", "2", "", "w") "]";

    ok(strstr(ex_answer(), expected) != NULL, "citations (P8)");

#define CITED                                                                \
    START BLOCK("0", "{\"type\":\"text\",\"text\":\"\",\"citations\":[]}")   \
    DELTA("0", "{\"type\":\"text_delta\",\"text\":\"\xc3\xbc\\n\"}")         \
    STOP("0") BLOCK("1", "{\"type\":\"text\",\"text\":\"\"}")                \
    DELTA("1", "{\"type\":\"citations_delta\",\"citation\":"                 \
               CITATION("u", "\"a\\\"b\"") "}")                              \
    DELTA("1", "{\"type\":\"text_delta\",\"text\":\"\\ud83d\"}")             \
    DELTA("1", "{\"type\":\"text_delta\",\"text\":\"\\ude00\\u00fc.\"}")     \
    DELTA("1", "{\"type\":\"citations_delta\",\"citation\":"                 \
               CITATION("w", "null") "}")                                    \
    STOP("1") BLOCK("2", "{\"type\":\"text\",\"text\":\"!\"}")               \
    END("\"end_turn\"")

    ex_start(CHAT, 0, 0);
    is(ex_events(CITED, 3), NGX_OK, "a stream with citations");
    ok(strstr(ex_answer(), expected) != NULL, "has the same in an object");

    ex_start(CHAT, 1, 0);
    ex_events(CITED, 3);
    p = ex_answer();
    ok(strstr(p, "\"delta\":{\"annotations\":["
                 ANNOTATION("5", "2", "a\\\"b", "u") "]}")
       && strstr(p, "\"delta\":{\"annotations\":["
                 ANNOTATION("5", "2", "", "w") "]}"),
       "and in a stream (S7)");
}


static void
test_refusal(void)
{
    char  *p;

    ex_start(CHAT, 0, 0);
    ex_json("{\"content\":[],\"stop_reason\":\"refusal\",\"stop_details\":"
            "{\"type\":\"refusal\",\"explanation\":\"too bad\"}}");
    ok(strstr(ex_answer(), "\"content\":null,\"refusal\":\"too bad\"},"
                           "\"logprobs\":null,\"finish_reason\":"
                           "\"content_filter\"") != NULL,
       "a refusal with its reason (P11)");

    ex_start(CHAT, 0, 0);
    ex_json("{\"content\":[{\"type\":\"text\",\"text\":\"We\"}],"
            "\"stop_reason\":\"refusal\",\"stop_details\":null}");
    ok(strstr(ex_answer(), "\"content\":\"We\",\"refusal\":"
                           "\"The model refused to answer.\"") != NULL,
       "one without, and partial text");

    ex_start(CHAT, 1, 0);
    is(ex_events(START PING END("\"refusal\""), 5), NGX_OK,
       "a stream of a refusal has no block");
    p = ex_answer();
    ok(strstr(p, "ping") == NULL
       && strstr(p, "\"role\":\"assistant\",\"content\":null,"
                    "\"refusal\":null")
       && strstr(p, "\"delta\":{\"refusal\":\"The model refused")
       && strstr(p, "\"finish_reason\":\"content_filter\""),
       "role, refusal, finish (S8)");
}


static void
test_reasons(void)
{
    char         text[256];
    ngx_uint_t   i;

    static const char  *reasons[][2] = {
        { "\"end_turn\"", "stop" },
        { "\"stop_sequence\"", "stop" },
        { "\"max_tokens\"", "length" },
        { "\"model_context_window_exceeded\"", "length" },
        { "\"pause_turn\"", "stop" },
        { "\"compaction\"", "stop" },
        { "\"something_new\"", "stop" },
        { "null", "stop" },
        { "7", "stop" },
        { NULL, NULL }
    };

    for (i = 0; reasons[i][0]; i++) {
        snprintf(text, sizeof(text), "{\"content\":[],\"stop_reason\":%s}",
                 reasons[i][0]);

        ex_start(CHAT, 0, 0);
        ex_json(text);
        is_str(ex.finish_reason.data, ex.finish_reason.len, reasons[i][1],
               reasons[i][0]);
    }

    ex_start(CHAT, 0, 0);
    ex_json("{\"content\":[{\"type\":\"tool_use\",\"id\":\"t\",\"name\":"
            "\"f\",\"input\":{}}],\"stop_reason\":null}");
    is_str(ex.finish_reason.data, ex.finish_reason.len, "tool_calls",
           "no reason, but a tool");
}


static void
test_usage(void)
{
#define COUNTS(usage, expected)                                              \
    ex_start(CHAT, 0, 0);                                                    \
    ex_json("{\"content\":[],\"usage\":" usage "}");                         \
    counts(expected, usage)

    COUNTS("{\"input_tokens\":3,\"output_tokens\":4}", "3 4 7 -1 -1 -1");
    COUNTS("{\"input_tokens\":3,\"cache_read_input_tokens\":null,"
           "\"output_tokens\":4,\"output_tokens_details\":"
           "{\"thinking_tokens\":2}}", "3 4 7 -1 -1 2");
    COUNTS("{\"input_tokens\":9,\"output_tokens\":9,\"iterations\":["
           "{\"type\":\"compaction\",\"input_tokens\":100,"
           "\"output_tokens\":10,\"cache_read_input_tokens\":1},"
           "{\"type\":\"advisor_message\",\"input_tokens\":1000,"
           "\"output_tokens\":1000},"
           "{\"type\":\"message\",\"input_tokens\":20,\"output_tokens\":5}]}",
           "121 15 136 1 0 -1");
    COUNTS("{\"input_tokens\":9,\"output_tokens\":8,\"iterations\":["
           "{\"type\":\"message\",\"input_tokens\":20,\"output_tokens\":5},"
           "{\"type\":\"fallback_message\",\"input_tokens\":1}]}",
           "9 8 17 -1 -1 -1");
    COUNTS("{\"input_tokens\":9223372036854775807,\"output_tokens\":"
           "9223372036854775807,\"cache_read_input_tokens\":5}",
           "9223372036854775807 9223372036854775807 9223372036854775807 5 "
           "-1 -1");
    COUNTS("null", "-1 -1 -1 -1 -1 -1");

    ex_start(CHAT, 1, 0);
    ex_events(START
              EVENT("message_delta", ",\"delta\":{\"stop_reason\":"
                    "\"end_turn\"},\"usage\":{\"input_tokens\":8,"
                    "\"cache_read_input_tokens\":null,"
                    "\"output_tokens\":30}")
              EVENT("message_stop", ""), 9);
    counts("11 30 41 1 2 -1", "a stream's counts are overwritten (S8)");
}


static void
test_completion(void)
{
    char  *p;

    ex_start(COMPLETIONS, 0, 0);
    ex_json(answer);
    p = ex_answer();
    ok(strstr(p, "\"object\":\"text_completion\"")
       && strstr(p, "\"choices\":[{\"text\":\"Gr\xc3\xbc\\u00dfe "
                    "\\ud83d\\ude00\\n\",\"index\":0,\"logprobs\":null,"),
       "a text completion");

    ex_start(COMPLETIONS, 1, 0);
    is(ex_events(stream, 11), NGX_OK, "a streamed one");
    ok(strstr(ex_answer(), "{\"text\":\"\\ude00\\n\",\"index\":0,"
                           "\"logprobs\":null,\"finish_reason\":null}")
       != NULL, "its pieces");
}


static void
test_errors(void)
{
    ngx_uint_t                  i;
    ngx_str_t                   text;
    ngx_http_llmbroker_json_t  *root;

    static const struct {
        ngx_uint_t    status;
        const char   *message;
        ngx_uint_t    fault;
        const char   *code;
    } errors[] = {
        { 400, "messages: bad", 400, "" },
        { 400, "prompt is too long: 1 tokens > 0 maximum", 400,
          "context_length_exceeded" },
        { 400, "Your credit balance is too low to go on", 429,
          "insufficient_quota" },
        { 401, "invalid x-api-key", 401, "" },
        { 402, "pay", 429, "insufficient_quota" },
        { 404, "model: x", 404, "" },
        { 409, "busy", 409, "conflict" },
        { 413, "prompt is too long", 413, "" },
        { 429, "slow down", 429, "" },
        { 529, "Overloaded", 529, "" },
        { 0, NULL, 0, NULL }
    };

    for (i = 0; errors[i].message; i++) {
        ex_start(CHAT, 0, 0);

        text.data = ngx_pnalloc(ex_pool, 256);
        text.len = ngx_sprintf(text.data, "{\"type\":\"error\",\"error\":"
                               "{\"type\":\"some_error\",\"message\":"
                               "\"%s\"}}", errors[i].message)
                   - text.data;

        ngx_http_llmbroker_json_parse(ex_pool, text.data, text.len, &root);
        ex_target.dialect->error(&ex, errors[i].status, root, &text);

        faults(errors[i].fault, errors[i].code, errors[i].message,
               errors[i].message);
    }

    ex_start(CHAT, 1, 0);
    is(ex_events(START EVENT("error", ",\"error\":{\"type\":"
                 "\"overloaded_error\",\"message\":\"Overloaded\"}"), 3),
       NGX_DECLINED, "an error in a stream (S11)");
    faults(529, "", "Overloaded", "what it means");
    is_str(ex_answer(), ex_out.length, "", "nothing was said before");

    ex_start(CHAT, 0, 0);
    is(ex_json("{\"type\":\"error\",\"error\":{\"type\":\"api_error\","
               "\"message\":\"m\"}}"), NGX_DECLINED, "an error with 200");
    faults(500, "", "m", "what it means");
}


static void
test_odd_streams(void)
{
    char  *p;

#define TEXT                                                                 \
    START BLOCK("0", "{\"type\":\"text\",\"text\":\"\"}")                    \
    DELTA("0", "{\"type\":\"text_delta\",\"text\":\"x\"}")
#define FINISH                                                               \
    EVENT("message_delta", ",\"delta\":{\"stop_reason\":\"end_turn\"}")

    ex_start(CHAT, 1, 0);
    is(ex_events(TEXT, 9), NGX_DECLINED, "a stream that is cut (S12)");
    faults(0, "", "The provider ended the stream before the answer was "
           "complete.", "is told");

    ex_start(CHAT, 1, 0);
    is(ex_events("", 9), NGX_DECLINED, "nothing at all");

    ex_start(CHAT, 1, 0);
    is(ex_events(TEXT FINISH, 9), NGX_OK, "no message_stop");
    p = ex_answer();
    ok(strcmp(p + strlen(p) - strlen(DONE), DONE) == 0, "is completed");

    ex_start(CHAT, 1, 0);
    is(ex_events(TEXT EVENT("message_stop", ""), 9), NGX_OK,
       "no message_delta");
    ok(strstr(ex_answer(), "\"finish_reason\":\"stop\"") != NULL,
       "is a stop");

    ex_start(CHAT, 1, 0);
    is(ex_events(TEXT "event: message_stop\ndata: {}\n\n", 9), NGX_OK,
       "a type that only the event has");

    ex_start(CHAT, 1, 0);
    is(ex_events(EVENT("message_stop", ""), 9), NGX_DECLINED,
       "a message that has not begun");

    ex_start(CHAT, 1, 0);
    is(ex_events(START TEXT STOP("0") END("\"end_turn\""), 9), NGX_OK,
       "the same message_start again (S1)");

    ex_start(CHAT, 1, 0);
    is(ex_events(TEXT EVENT("message_start", ",\"message\":{\"id\":\"j\"}"),
                 9), NGX_DECLINED, "that of another message");

    ex_start(CHAT, 1, 0);
    is(ex_events(TEXT STOP("0") END("\"end_turn\"") TEXT "data: {\n\n", 9),
       NGX_OK, "what follows the end is noise");

    ex_start(CHAT, 1, 0);
    is(ex_events(START "data: {\"type\":\n\n", 9), NGX_DECLINED,
       "an event that is no JSON");

    ex_start(CHAT, 1, 0);
    is(ex_events(START "data: {\"type\":\"ping\",\"x\":\"\xff\"}\n\n", 9),
       NGX_DECLINED, "invalid UTF-8");

    ex_start(CHAT, 1, 0);
    is(ex_events(START DELTA("9", "{\"type\":\"later\"}")
                 BLOCK("0", "{\"type\":\"hologram\"}")
                 "data: []\n\n" "data: null\n\n"
                 DELTA("0", "{\"type\":\"input_json_delta\","
                       "\"partial_json\":\"{}\"}")
                 DELTA("0", "{\"type\":\"text_delta\",\"text\":null}")
                 STOP("7") END("\"end_turn\""), 9), NGX_OK,
       "events, blocks and pieces to come (S13)");
}


static void
test_hostile(void)
{
    char       *text, *p;
    size_t      i;
    uint64_t    seed;
    ngx_int_t   rc;

    /* bytes of the stream changed at random: any answer, but no crash */

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

    /* a signature without an end */

    text = malloc(60000 * 40 + 4096);
    p = text + sprintf(text, START BLOCK("0", "{\"type\":\"thinking\"}"));

    for (i = 0; i < 40; i++) {
        p += sprintf(p, "data: {\"type\":\"content_block_delta\",\"delta\":"
                        "{\"type\":\"signature_delta\",\"signature\":\"");
        memset(p, 's', 55000);
        p += 55000;
        p += sprintf(p, "\"}}\n\n");
    }

    ex_start(CHAT, 1, 0);
    is(ex_events(text, 4096), NGX_DECLINED, "an endless signature");
    free(text);
}


static void
test_no_memory(void)
{
    survives(build_once, "a request");
    survives(stream_once, "a stream");
    survives(aggregate_once, "a stream for a buffered call");
    survives(response_once, "a buffered answer");
}


static ngx_int_t
build_once(void)
{
    return ex_build(CHAT, 0, "{\"seed\":1,\"max_tokens\":4000,"
           "\"stop\":[\"a\"],\"user\":\"\\u0041\",\"temperature\":0.5,"
           "\"reasoning_effort\":\"low\",\"tools\":[" TOOL("f", "") "],"
           "\"tool_choice\":\"required\",\"messages\":["
           "{\"role\":\"system\",\"content\":\"s\"},"
           "{\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
           "\"image_url\":{\"url\":\"data:image\\/png;base64,QUJD\"}}]},"
           "{\"role\":\"assistant\",\"tool_calls\":["
           CALL("c", "f", "{\\\"a\\\":1}") "],\"thinking_blocks\":["
           "{\"type\":\"thinking\",\"thinking\":\"x\",\"signature\":\"s\"}"
           "]},{\"role\":\"tool\",\"tool_call_id\":\"c\","
           "\"content\":\"r\"}]}")
           ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
stream_once(void)
{
    return ex_start(CHAT, 1, 1) == NGX_OK ? ex_events(CITED, 100) : NGX_ERROR;
}


static ngx_int_t
aggregate_once(void)
{
    return ex_start(CHAT, 0, 0) == NGX_OK ? ex_events(stream, 5000)
                                          : NGX_ERROR;
}


static ngx_int_t
response_once(void)
{
    return ex_start(CHAT, 0, 0) == NGX_OK ? ex_json(answer) : NGX_ERROR;
}
