
/*
 * Copyright (C) LLMBroker contributors
 *
 * What the Claude dialect says with other words: structured output, strict
 * and custom tools, legacy functions, system messages within a conversation,
 * the beginning of an answer, text files, search, beta features, capabilities
 * and headers.
 */


#include "exchange.h"


static void test_schema(void);
static void test_sanitized(void);
static void test_format_tool(void);
static void test_format_told(void);
static void test_wrapped(void);
static void test_strict(void);
static void test_custom(void);
static void test_legacy(void);
static void test_mid_system(void);
static void test_prefill(void);
static void test_effort(void);
static void test_files(void);
static void test_search(void);
static void test_betas(void);
static void test_servers(void);
static void test_headers(void);
static void test_no_memory(void);

static ngx_int_t capable(const char *capabilities);
static void becomes(const char *capabilities, const char *request,
    const char *expected, const char *name);
static ngx_int_t whole_once(void);


#define NEW  "claude-sonnet-4-5"
#define OLD  "claude-sonnet-4-0"

#define X  "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]"
#define ASK(more)  "{\"max_tokens\":9," X more "}"
#define SENT(model, more)                                                    \
    "{\"model\":\"" model "\",\"max_tokens\":9," more X "}"
#define FORMAT(schema)                                                       \
    ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"        \
    "{\"name\":\"n\",\"strict\":true,\"schema\":" schema "}}"
#define JSON  ",\"response_format\":{\"type\":\"json_object\"}"
#define NATIVE(schema)                                                       \
    "\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":"    \
    schema "}},"
#define ADAPTIVE                                                             \
    "\"thinking\":{\"type\":\"adaptive\",\"display\":\"summarized\"},"
#define TOOL(schema)                                                         \
    "{\"name\":\"json_response\",\"description\":\"Gives the answer.\","     \
    "\"input_schema\":" schema "}"
#define FORCED                                                               \
    "\"tool_choice\":{\"type\":\"tool\",\"name\":\"json_response\"},"
#define OBJECT                                                               \
    "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\","      \
    "\"minimum\":1.0}}}"
#define OPEN  "{\"type\":\"object\",\"additionalProperties\":true}"
#define F  "{\"type\":\"function\",\"function\":{\"name\":\"f\"}}"
#define F_SENT                                                               \
    "{\"name\":\"f\",\"input_schema\":{\"type\":\"object\",\"properties\":{}}}"

#define EVENT(type, more)                                                    \
    "event: " type "\ndata: {\"type\":\"" type "\"" more "}\n\n"
#define START                                                                \
    EVENT("message_start", ",\"message\":{\"id\":\"i\",\"model\":\"v\","     \
          "\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}")
#define BLOCK(block)                                                         \
    EVENT("content_block_start", ",\"index\":0,\"content_block\":" block)
#define DELTA(json)                                                          \
    EVENT("content_block_delta", ",\"index\":0,\"delta\":{\"type\":"         \
          "\"input_json_delta\",\"partial_json\":\"" json "\"}")
#define STOP  EVENT("content_block_stop", ",\"index\":0")
#define END(reason, more)                                                    \
    EVENT("message_delta", ",\"delta\":{\"stop_reason\":\"" reason "\"" more \
          "},\"usage\":{\"output_tokens\":5}") EVENT("message_stop", "")
#define ANSWER(blocks)                                                       \
    "{\"id\":\"i\",\"type\":\"message\",\"model\":\"v\",\"content\":["       \
    blocks "],\"stop_reason\":\"tool_use\",\"usage\":{\"input_tokens\":1,"   \
    "\"output_tokens\":5}}"
#define USE(name, input)                                                     \
    "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"" name "\",\"input\":"   \
    input "}"


int
main(void)
{
    ex_provider = "claude";
    ex_base = "/v1";

    test_schema();
    test_sanitized();
    test_format_tool();
    test_format_told();
    test_wrapped();
    test_strict();
    test_custom();
    test_legacy();
    test_mid_system();
    test_prefill();
    test_effort();
    test_files();
    test_search();
    test_betas();
    test_servers();
    test_headers();
    test_no_memory();

    return done_testing();
}


static ngx_int_t
capable(const char *capabilities)
{
    ngx_str_t  s;

    s = str(capabilities);

    if (ngx_http_llmbroker_json_parse(ex_pool, s.data, s.len,
                                      &ex_target.capabilities)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ex_target.dialect->configure(ex_pool, &ex_target);
}


/* one test: a request's form for a model of these capabilities */

static void
becomes(const char *capabilities, const char *request, const char *expected,
    const char *name)
{
    char       *got;
    ngx_int_t   rc;
    ngx_str_t   s;

    ex_start(CHAT, 0, 0);

    rc = capable(capabilities);
    s = str(request);

    if (rc == NGX_OK) {
        rc = ngx_http_llmbroker_json_parse(ex_pool, s.data, s.len,
                                           &ex.request);
    }

    if (rc == NGX_OK) {
        rc = ex_target.dialect->build(&ex);
    }

    got = ex_text(&ex_body);

    ok(rc == NGX_OK && strcmp(got, expected) == 0, "%s", name);

    if (rc != NGX_OK || strcmp(got, expected) != 0) {
        printf("# %d %s\n", (int) rc, got);
    }
}


static void
test_schema(void)
{
    ex_model = NEW;

    builds(ASK(FORMAT("{\"type\":\"object\",\"properties\":{}}")),
           SENT(NEW, NATIVE("{\"type\":\"object\",\"properties\":{},"
                            "\"additionalProperties\":false}")),
           "a schema where the model knows them (R70)");
    builds(ASK(",\"response_format\":{\"type\":\"text\"}"), SENT(NEW, ""),
           "text (R74)");
    builds(ASK(",\"response_format\":null"), SENT(NEW, ""), "nothing");
    builds(ASK(",\"response_format\":{\"type\":\"json_schema\"}"),
           "400 missing_required_parameter "
           "response_format.json_schema.schema", "no schema");
    builds(ASK(",\"response_format\":7"), "400 invalid_type response_format",
           "no format");

    ex_model = "claude-opus-4-5";

    builds(ASK(",\"reasoning_effort\":\"low\",\"output_config\":"
               "{\"x\":1.0}" FORMAT("{}")),
           "{\"model\":\"claude-opus-4-5\",\"max_tokens\":9,"
           "\"output_config\":{\"x\":1.0,\"effort\":\"low\",\"format\":"
           "{\"type\":\"json_schema\",\"schema\":{}}}," X "}",
           "with an effort, and what the client says itself");
    builds(ASK(",\"reasoning_effort\":\"low\",\"output_config\":"
               "{\"effort\":\"max\",\"format\":7}" FORMAT("{}")),
           "{\"model\":\"claude-opus-4-5\",\"max_tokens\":9,"
           "\"output_config\":{\"effort\":\"max\",\"format\":7}," X "}",
           "which wins (R15)");
}


static void
test_sanitized(void)
{
    ex_model = NEW;

    builds(ASK(FORMAT(
               "{\"$schema\":\"s\",\"title\":\"t\",\"type\":\"object\","
               "\"properties\":{"
               "\"a\":{\"type\":\"string\",\"format\":\"date\","
               "\"description\":\"d\"},"
               "\"b\":{\"type\":\"string\",\"format\":\"regex\","
               "\"description\":\"d\\n\",\"pattern\":\"\\\"\"},"
               "\"c\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":2,"
               "\"items\":{\"oneOf\":[{\"$ref\":\"#/$defs/e\"},"
               "{\"const\":null}]}},"
               "\"d\":{\"type\":\"array\",\"minItems\":3,\"items\":true},"
               "\"e\":{\"anyOf\":[{\"type\":\"object\","
               "\"additionalProperties\":{\"type\":\"integer\"}}],"
               "\"oneOf\":[]}},"
               "\"required\":[\"a\"],\"additionalProperties\":false,"
               "\"$defs\":{\"e\":{\"enum\":[1,2.50],"
               "\"properties\":{\"x\":{\"allOf\":[{}]}}}}}")),
           SENT(NEW, NATIVE(
               "{\"title\":\"t\",\"type\":\"object\","
               "\"properties\":{"
               "\"a\":{\"type\":\"string\",\"format\":\"date\","
               "\"description\":\"d\"},"
               "\"b\":{\"type\":\"string\","
               "\"description\":\"d\\n\\n\\n{format: \\\"regex\\\", "
               "pattern: \\\"\\\\\\\"\\\"}\"},"
               "\"c\":{\"type\":\"array\",\"minItems\":1,"
               "\"items\":{\"anyOf\":[{\"$ref\":\"#/$defs/e\"},"
               "{\"const\":null}]},\"description\":\"{maxItems: 2}\"},"
               "\"d\":{\"type\":\"array\",\"items\":true,"
               "\"description\":\"{minItems: 3}\"},"
               "\"e\":{\"anyOf\":[{\"type\":\"object\","
               "\"additionalProperties\":false,"
               "\"description\":\"{additionalProperties: "
               "{\\\"type\\\":\\\"integer\\\"}}\"}],"
               "\"description\":\"{oneOf: []}\"}},"
               "\"required\":[\"a\"],"
               "\"$defs\":{\"e\":{\"enum\":[1,2.50],"
               "\"properties\":{\"x\":{\"allOf\":[{}]}},"
               "\"additionalProperties\":false}},"
               "\"additionalProperties\":false,"
               "\"description\":\"{$schema: \\\"s\\\"}\"}")),
           "a schema as strict decoding takes it, nothing lost (R72)");
}


static void
test_format_tool(void)
{
    char  *p;

    ex_model = OLD;

    builds(ASK(FORMAT(OBJECT)),
           SENT(OLD, "\"tools\":[" TOOL(OBJECT) "]," FORCED),
           "a schema as a tool's (R71)");
    is(ex_json(ANSWER(USE("json_response", "{ \"a\" : [1.0] }"))), NGX_OK,
       "its call");
    p = ex_answer();
    ok(strstr(p, "\"content\":\"{\\\"a\\\":[1.0]}\"")
       && strstr(p, "\"finish_reason\":\"stop\"")
       && strstr(p, "tool_calls") == NULL, "is the answer's text (P9)");

    ex_build(CHAT, 1, ASK(FORMAT(OBJECT)));
    ex_events(START BLOCK(USE("json_response", "{}")) DELTA("")
              DELTA("{\\\"a\\\"") DELTA(":1}") STOP END("tool_use", ""), 3);
    p = ex_answer();
    ok(strstr(p, "\"content\":\"{\\\"a\\\"\"")
       && strstr(p, "\"content\":\":1}\"")
       && strstr(p, "\"finish_reason\":\"stop\"")
       && strstr(p, "tool_calls") == NULL, "in a stream as well (S14)");

    builds(ASK(JSON), SENT(OLD, "\"tools\":[" TOOL(OPEN) "]," FORCED),
           "any object (R73)");
    builds(ASK(",\"tools\":[" F "]" FORMAT(OBJECT)),
           SENT(OLD, "\"tools\":[" F_SENT "," TOOL(OBJECT) "],"
                     "\"tool_choice\":{\"type\":\"any\"},"),
           "beside the client's tools");
    is(ex_json(ANSWER(USE("f", "{}"))), NGX_OK, "of which one is called");
    p = ex_answer();
    ok(strstr(p, "\"name\":\"f\"")
       && strstr(p, "\"finish_reason\":\"tool_calls\""), "and told");

    builds(ASK(",\"tools\":[" F "],\"tool_choice\":\"none\"" FORMAT(OBJECT)),
           SENT(OLD, "\"tools\":[" F_SENT "," TOOL(OBJECT) "]," FORCED),
           "beside tools that may not be called");
    builds(ASK(",\"tools\":[" F "],\"tool_choice\":\"required\""
               FORMAT(OBJECT)),
           SENT(OLD, "\"tools\":[" F_SENT "],\"tool_choice\":"
                     "{\"type\":\"any\"},"),
           "not where one must be called");
    builds(ASK(",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":"
               "\"json_response\"}}],\"tool_choice\":\"none\""
               FORMAT("{\"type\":\"object\"}")),
           SENT(OLD, "\"tools\":[{\"name\":\"json_response\","
                     "\"input_schema\":{\"type\":\"object\","
                     "\"properties\":{}}},{\"name\":"
                     "\"json_response_of_llmbroker\",\"description\":"
                     "\"Gives the answer.\",\"input_schema\":{\"type\":"
                     "\"object\"}}],\"tool_choice\":{\"type\":\"tool\","
                     "\"name\":\"json_response_of_llmbroker\"},"),
           "a client's tool of that name");
}


static void
test_format_told(void)
{
    ex_model = OLD;

    builds(ASK(",\"tools\":[" F "]" JSON),
           "{\"model\":\"" OLD "\",\"max_tokens\":9,\"tools\":[" F_SENT "],"
           "\"system\":\"Answer with one JSON object only, without any text "
           "around it.\"," X "}", "JSON by words (R73)");
    drops("response_format", "which the model may not heed");

    becomes("{\"forced_tool_choice\":false}", ASK(FORMAT("{\"a\":\"\\n\"}")),
            "{\"model\":\"" OLD "\",\"max_tokens\":9,"
            "\"system\":\"Answer with one JSON value only, without any text "
            "around it, that is valid against this JSON Schema: "
            "{\\\"a\\\":\\\"\\\\n\\\"}\"," X "}",
            "a schema by words, to a model that cannot be forced (R68)");
    drops("response_format", "which is named");
}


static void
test_wrapped(void)
{
    char  *p;

#define LIST  "{\"type\":\"array\",\"items\":{}}"
#define WRAPPED                                                              \
    "{\"type\":\"object\",\"properties\":{\"value\":" LIST "},"              \
    "\"required\":[\"value\"]}"

    ex_model = OLD;

    builds(ASK(FORMAT(LIST)),
           SENT(OLD, "\"tools\":[" TOOL(WRAPPED) "]," FORCED),
           "a schema that is not of an object (R71)");
    is(ex_json(ANSWER(USE("json_response", "{\"value\":[ \"a\" ]}"))), NGX_OK,
       "its call");
    ok(strstr(ex_answer(), "\"content\":\"[\\\"a\\\"]\"") != NULL,
       "is unwrapped");

    ex_build(CHAT, 1, ASK(FORMAT(LIST)));
    ex_events(START BLOCK(USE("json_response", "{}")) DELTA("{\\\"val")
              DELTA("ue\\\":[\\\"\\\\n\\\"]}") STOP END("tool_use", ""), 5);
    p = ex_answer();
    ok(strstr(p, "\"content\":\"[\\\"\\\\n\\\"]\"") != NULL,
       "in a stream as well");

    ex_build(CHAT, 1, ASK(FORMAT(LIST)));
    ex_events(START BLOCK(USE("json_response", "{}")) DELTA("{\\\"value\\\":[")
              STOP END("max_tokens", ""), 5);
    p = ex_answer();
    ok(strstr(p, "\"content\":\"{\\\"value\\\":[\"")
       && strstr(p, "\"finish_reason\":\"length\""),
       "not when it is cut, but it is told");
}


static void
test_strict(void)
{
#define STRICT                                                               \
    ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","       \
    "\"strict\":true,\"parameters\":" OBJECT "}}]"

    ex_model = NEW;

    builds(ASK(STRICT),
           SENT(NEW, "\"tools\":[{\"name\":\"f\",\"strict\":true,"
                     "\"input_schema\":{\"type\":\"object\",\"properties\":"
                     "{\"a\":{\"type\":\"integer\",\"description\":"
                     "\"{minimum: 1.0}\"}},\"additionalProperties\":false}}"
                     "],"), "a strict tool (R61)");

    ex_model = OLD;

    builds(ASK(STRICT), SENT(OLD, "\"tools\":[{\"name\":\"f\","
                                  "\"input_schema\":" OBJECT "}],"),
           "of a model that knows none");
    drops("tools.strict", "which is named");
}


static void
test_custom(void)
{
#define CUSTOM(more)                                                         \
    "{\"type\":\"custom\",\"custom\":{\"name\":\"c\"" more "}}"
#define INPUT                                                                \
    "\"input_schema\":{\"type\":\"object\",\"properties\":{\"input\":"       \
    "{\"type\":\"string\"}},\"required\":[\"input\"]}"

    char  *p;

    ex_model = OLD;

    builds(ASK(",\"tools\":[" CUSTOM(",\"description\":\"d\",\"format\":"
               "{\"type\":\"text\"}") "],\"tool_choice\":{\"type\":"
               "\"custom\",\"custom\":{\"name\":\"c\"}}"),
           SENT(OLD, "\"tools\":[{\"name\":\"c\",\"description\":\"d\","
                     INPUT "}],\"tool_choice\":{\"type\":\"tool\","
                     "\"name\":\"c\"},"), "a custom tool (R62)");
    is(ex_json(ANSWER(USE("c", "{\"input\":\"a\\nb\"}"))), NGX_OK,
       "its call");
    p = ex_answer();
    ok(strstr(p, "\"type\":\"custom\",\"custom\":{\"name\":\"c\","
                 "\"input\":\"a\\nb\"}") != NULL, "is of text (R43)");

    builds(ASK(",\"tools\":[" CUSTOM(",\"format\":{\"type\":\"grammar\"}")
               "]"), "400 unsupported_value tools", "a grammar");
    builds("{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":"
           "\"x\"},{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"i\","
           "\"type\":\"custom\",\"custom\":{\"name\":\"c\",\"input\":"
           "\"a\\n\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"i\","
           "\"content\":\"r\"}],\"tools\":[" CUSTOM("") "]}",
           "{\"model\":\"" OLD "\",\"max_tokens\":9,\"tools\":[{\"name\":"
           "\"c\"," INPUT "}],\"messages\":[{\"role\":\"user\",\"content\":"
           "\"x\"},{\"role\":\"assistant\",\"content\":[{\"type\":"
           "\"tool_use\",\"id\":\"i\",\"name\":\"c\",\"input\":{\"input\":"
           "\"a\\n\"}}]},{\"role\":\"user\",\"content\":[{\"type\":"
           "\"tool_result\",\"tool_use_id\":\"i\",\"content\":\"r\"}]}]}",
           "a custom call and what it gave");
}


static void
test_legacy(void)
{
    char  *p;

    ex_model = OLD;

    builds("{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":"
           "\"x\"},{\"role\":\"assistant\",\"content\":null,"
           "\"function_call\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\""
           "}},{\"role\":\"function\",\"name\":\"f\",\"content\":\"r\"},"
           "{\"role\":\"assistant\",\"function_call\":{\"name\":\"f\"}},"
           "{\"role\":\"function\",\"name\":\"f\",\"content\":\"s\"}],"
           "\"functions\":[{\"name\":\"f\",\"parameters\":{}}],"
           "\"function_call\":{\"name\":\"f\"}}",
           "{\"model\":\"" OLD "\",\"max_tokens\":9,\"tools\":[" F_SENT "],"
           "\"tool_choice\":{\"type\":\"tool\",\"name\":\"f\","
           "\"disable_parallel_tool_use\":true},\"messages\":[{\"role\":"
           "\"user\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":"
           "[{\"type\":\"tool_use\",\"id\":\"call_1\",\"name\":\"f\","
           "\"input\":{\"a\":1}}]},{\"role\":\"user\",\"content\":[{\"type\":"
           "\"tool_result\",\"tool_use_id\":\"call_1\",\"content\":\"r\"}]},"
           "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\","
           "\"id\":\"call_2\",\"name\":\"f\",\"input\":{}}]},{\"role\":"
           "\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":"
           "\"call_2\",\"content\":\"s\"}]}]}", "legacy functions (R45)");
    is(ex_json(ANSWER(USE("f", "{\"b\":2}"))), NGX_OK, "an answer");
    p = ex_answer();
    ok(strstr(p, "\"function_call\":{\"name\":\"f\",\"arguments\":"
                 "\"{\\\"b\\\":2}\"}")
       && strstr(p, "\"finish_reason\":\"function_call\""),
       "of the same form");

    builds(ASK(",\"functions\":[{\"name\":\"f\"}],\"function_call\":{\"name\":"
               "\"g\"}"), "400 invalid_value function_call", "one unknown");
    builds(ASK(",\"functions\":[{\"name\":\"f\"}],\"function_call\":\"none\""),
           SENT(OLD, "\"tools\":[" F_SENT "],\"tool_choice\":{\"type\":"
                     "\"none\"},"), "none of them");
}


static void
test_mid_system(void)
{
#define TALK(end)                                                            \
    "{\"max_tokens\":9,\"messages\":[{\"role\":\"system\",\"content\":"      \
    "\"s\"},{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\","  \
    "\"tool_calls\":[{\"id\":\"i\",\"type\":\"function\",\"function\":"      \
    "{\"name\":\"f\"}}]},{\"role\":\"system\",\"content\":\"m\"},"           \
    "{\"role\":\"developer\",\"content\":[{\"type\":\"text\",\"text\":"      \
    "\"n\"}]},{\"role\":\"tool\",\"tool_call_id\":\"i\",\"content\":\"r\"}"  \
    end "],\"tools\":[" F "]}"
#define TALKED(model, system, end)                                           \
    "{\"model\":\"" model "\",\"max_tokens\":9,\"tools\":[" F_SENT "],"      \
    "\"system\":" system ",\"messages\":[{\"role\":\"user\",\"content\":"    \
    "\"x\"},{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\","    \
    "\"id\":\"i\",\"name\":\"f\",\"input\":{}}]},{\"role\":\"user\","        \
    "\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"i\","          \
    "\"content\":\"r\"}" end "]}"
#define PART(text)  "{\"type\":\"text\",\"text\":\"" text "\"}"
#define HOISTED  "[" PART("s") "," PART("m") "," PART("n") "]"
#define SAID  ",{\"role\":\"assistant\",\"content\":\"y\"}"

    ex_model = "claude-opus-5";

    becomes("{}", TALK(""), TALKED("claude-opus-5", HOISTED, "]}"),
            "system messages go before the conversation (R21)");
    becomes("{\"mid_system\":\"inline\"}", TALK(SAID),
            TALKED("claude-opus-5", "\"s\"", "]},{\"role\":\"system\","
                   "\"content\":[" PART("m") "," PART("n") "]}" SAID),
            "or stay behind the user's turn");
    becomes("{\"mid_system\":\"inline\"}", TALK(""),
            TALKED("claude-opus-5", "\"s\"", "]},{\"role\":\"system\","
                   "\"content\":[" PART("m") "," PART("n") "]}"),
            "also at the end");
    becomes("{\"mid_system\":\"user_tag\"}", TALK(""),
            TALKED("claude-opus-5", "\"s\"", "," PART("<system>m</system>")
                   "," PART("<system>n</system>") "]}"),
            "or become the user's");
    becomes("{\"mid_system\":\"inline\"}",
            "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":"
            "\"x\"}" SAID ",{\"role\":\"system\",\"content\":\"m\"}]}",
            "{\"model\":\"claude-opus-5\",\"max_tokens\":9,\"system\":\"m\","
            "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}" SAID "]}",
            "one that no turn of the user precedes");
    becomes("{\"mid_system\":\"user_tag\"}",
            "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":"
            "\"x\"}" SAID ",{\"role\":\"system\",\"content\":\"m\"}]}",
            "{\"model\":\"claude-opus-5\",\"max_tokens\":9,"
            "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}" SAID
            ",{\"role\":\"user\",\"content\":\"<system>m</system>\"}]}",
            "is one");

    ex_model = OLD;

    becomes("{\"mid_system\":\"inline\"}", TALK(""),
            TALKED(OLD, HOISTED, "]}"), "not of a model that knows none");
}


static void
test_prefill(void)
{
#define BEGIN(text)                                                          \
    "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}," \
    "{\"role\":\"assistant\",\"content\":\"" text "\"}]}"
#define BEGUN(model, text, more)                                             \
    "{\"model\":\"" model "\",\"max_tokens\":9,\"messages\":[{\"role\":"     \
    "\"user\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":\""     \
    text "\"}" more "]}"

    ex_model = OLD;

    builds(BEGIN("a \\n\\t "), BEGUN(OLD, "a", ""), "a prefill's end (R41)");
    builds(BEGIN("a\\\\n"), BEGUN(OLD, "a\\\\n", ""), "no escape");
    builds(BEGIN("a\\\\\\n"), BEGUN(OLD, "a\\\\", ""), "an escape behind one");
    builds(BEGIN("{"), BEGUN(OLD, "{", ""), "no blank");

    ex_model = "claude-opus-5";

    builds(BEGIN("a "), BEGUN("claude-opus-5", "a ", ""),
           "a model that refuses it itself");
    becomes("{\"prefill_fixup\":true}", BEGIN("a "),
            BEGUN("claude-opus-5", "a ",
                  ",{\"role\":\"user\",\"content\":\"Continue.\"}"),
            "or does not");
}


static void
test_effort(void)
{
    ex_model = "claude-opus-4-6";

    becomes("{}", ASK(",\"reasoning_effort\":\"low\""),
            SENT("claude-opus-4-6", ADAPTIVE
                 "\"output_config\":{\"effort\":\"low\"},"),
            "an effort (R53)");
    becomes("{\"effort\":false}", ASK(",\"reasoning_effort\":\"low\""),
            SENT("claude-opus-4-6", ADAPTIVE),
            "a model that thinks, but knows of no effort");
}


static void
test_files(void)
{
#define FILE_PART(data)                                                      \
    "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":["       \
    "{\"type\":\"file\",\"file\":{\"filename\":\"a.txt\",\"file_data\":\""   \
    data "\"}}]}]}"

    ex_model = OLD;

    builds(FILE_PART("data:text/markdown;base64,IyBh4oKsIgo="),
           "{\"model\":\"" OLD "\",\"max_tokens\":9,\"messages\":[{\"role\":"
           "\"user\",\"content\":[{\"type\":\"document\",\"title\":\"a.txt\","
           "\"source\":{\"type\":\"text\",\"media_type\":\"text/plain\","
           "\"data\":\"# a\xe2\x82\xac\\\"\\n\"}}]}]}", "a text file (R35)");
    builds(FILE_PART("data:text/plain;base64,%"),
           "400 unsupported_value messages[0].content", "that is none");
    builds("{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":["
           "{\"type\":\"image_url\",\"image_url\":"
           "\"data:text/plain;base64,YQ==\"}]}]}",
           "400 unsupported_value messages[0].content", "no image");
}


static void
test_search(void)
{
    ex_model = OLD;

    builds(ASK(",\"web_search_options\":{}"),
           "400 unsupported_value web_search_options",
           "a search that was not allowed (R14)");
    becomes("{\"web_search\":true}",
            ASK(",\"web_search_options\":{\"search_context_size\":\"low\","
                "\"user_location\":{\"type\":\"approximate\","
                "\"approximate\":{\"city\":\"B\"}}}"),
            SENT(OLD, "\"tools\":[{\"type\":\"web_search_20250305\","
                      "\"name\":\"web_search\",\"max_uses\":1,"
                      "\"user_location\":{\"type\":\"approximate\","
                      "\"city\":\"B\"}}],"), "one that was");
}


static void
test_betas(void)
{
    ngx_str_t  lines;

    ex_model = OLD;

    builds(ASK(",\"anthropic_beta\":[\"a-1\",\"b\"]"), SENT(OLD, ""),
           "beta features (R15)");
    is(ex_target.dialect->sign(&ex, NULL, NULL, 0, &lines), NGX_OK,
       "a header");
    is_str(lines.data, lines.len, "anthropic-beta: a-1,b\r\n", "names them");

    builds(ASK(",\"anthropic_beta\":\"a\\r\\nx: y\""),
           "400 invalid_value anthropic_beta", "no other header");
    builds(ASK(",\"anthropic_beta\":[7]"), "400 invalid_value anthropic_beta",
           "no name");
    builds(ASK(",\"anthropic_beta\":7"), "400 invalid_type anthropic_beta",
           "no names");

    builds(ASK(""), SENT(OLD, ""), "no feature");
    is(ex_target.dialect->sign(&ex, NULL, NULL, 0, &lines), NGX_OK,
       "no header");
    is(lines.len, 0, "is empty");
}


static void
test_servers(void)
{
    char  *p;

    ex_model = OLD;

    ex_start(CHAT, 1, 0);
    ex_events(START
              BLOCK("{\"type\":\"server_tool_use\",\"id\":\"s\",\"input\":{},"
                    "\"name\":\"w\"}")
              DELTA("") DELTA("{\\\"q\\\":") DELTA("\\\"\\\\n\\\"}") STOP
              BLOCK("{\"type\":\"web_search_tool_result\",\"content\":[1.0]}")
              STOP
              BLOCK("{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\","
                    "\"input\":{}}") DELTA("{}") STOP
              END("stop_sequence", ",\"stop_sequence\":\"\\n\""), 2);
    p = ex_answer();
    ok(strstr(p, "{\"provider_specific_fields\":{\"server_blocks\":["
                 "{\"type\":\"server_tool_use\",\"id\":\"s\",\"input\":"
                 "{\"q\":\"\\n\"},\"name\":\"w\"},"
                 "{\"type\":\"web_search_tool_result\",\"content\":[1.0]}],"
                 "\"stop_sequence\":\"\\n\"}}") != NULL,
       "tools that Anthropic runs, and a stop sequence (P6)");

    ex_start(CHAT, 0, 0);
    ex_json("{\"content\":[{\"type\":\"text\",\"text\":\"a\"}],"
            "\"stop_reason\":\"pause_turn\"}");
    p = ex_answer();
    ok(strstr(p, "\"provider_specific_fields\":{\"stop_reason\":"
                 "\"pause_turn\"}}")
       && strstr(p, "\"finish_reason\":\"stop\""), "a pause (P10)");
}


static void
test_headers(void)
{
    size_t     i;
    ngx_int_t  rc;
    ngx_str_t  name, value;

    /* the clock of the tests stands at 2023-11-14T22:13:20Z */

    static const char  *tests[][3] = {
        { "anthropic-ratelimit-requests-limit", "50",
          "x-ratelimit-limit-requests: 50" },
        { "anthropic-ratelimit-requests-remaining", "0",
          "x-ratelimit-remaining-requests: 0" },
        { "anthropic-ratelimit-requests-reset", "2023-11-14T22:14:00Z",
          "x-ratelimit-reset-requests: 40s" },
        { "anthropic-ratelimit-input-tokens-limit", "1",
          "x-ratelimit-limit-tokens: 1" },
        { "anthropic-ratelimit-tokens-limit", "2",
          "x-ratelimit-limit-tokens: 2" },
        { "anthropic-ratelimit-input-tokens-limit", "1", "" },
        { "anthropic-ratelimit-input-tokens-reset", "2023-11-14T22:13:30Z",
          "x-ratelimit-reset-tokens: 10s" },
        { "anthropic-ratelimit-tokens-reset", "2023-11-14T22:13:00Z",
          "x-ratelimit-reset-tokens: 0s" },
        { "anthropic-ratelimit-requests-reset", "2023-11-14T22:14:00.125z",
          "x-ratelimit-reset-requests: 40s" },
        { "anthropic-ratelimit-requests-reset", "2023-11-14t23:44:00+01:30",
          "x-ratelimit-reset-requests: 40s" },
        { "anthropic-ratelimit-requests-reset",
          "2023-11-14T14:14:00.000000-08:00",
          "x-ratelimit-reset-requests: 40s" },
        { "anthropic-ratelimit-requests-reset", "2023-11-14T22:14:00", "" },
        { "anthropic-ratelimit-requests-reset", "2023-11-14T22:14:00Zx", "" },
        { "anthropic-ratelimit-requests-reset", "2023-11-14T22:14:00+1", "" },
        { "anthropic-ratelimit-requests-reset", "40", "" },
        { "anthropic-ratelimit-requests-reset", "", "" },
        { "anthropic-ratelimit-tokens-reset", "tomorrow at some time", "" },
        { "anthropic-ratelimit-tokens-reset", "20xx-11-14T22:13:00Z", "" },
        { "anthropic-ratelimit-output-tokens-limit", "1", "" },
        { "anthropic-organization-id", "x", "" },
        { "cf-ray", "x", "" },
        { NULL, NULL, NULL }
    };
    char       got[256];

    ex_model = OLD;
    ex_start(CHAT, 0, 0);

    for (i = 0; tests[i][0]; i++) {
        name = str(tests[i][0]);
        value = str(tests[i][1]);

        rc = ex_target.dialect->header(&ex, &name, &value);

        got[0] = '\0';

        if (rc == NGX_OK) {
            snprintf(got, sizeof(got), "%.*s: %.*s", (int) name.len,
                     name.data, (int) value.len, value.data);
        }

        is_str(got, strlen(got), tests[i][2], tests[i][0]);
    }
}


static ngx_int_t
whole_once(void)
{
    if (ex_start(CHAT, 1, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ex_target.dialect->configure(ex_pool, &ex_target) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ex_build(CHAT, 1, ASK(",\"tools\":[" CUSTOM("") "],"
                              "\"anthropic_beta\":\"a\"" FORMAT(LIST)))
        == NULL)
    {
        return NGX_ERROR;
    }

    return ex_events(START BLOCK(USE("json_response", "{}"))
                     DELTA("{\\\"value\\\":[1]}") STOP
                     BLOCK("{\"type\":\"server_tool_use\",\"input\":{}}")
                     DELTA("{\\\"q\\\":1}") STOP END("tool_use", ""), 9);
}


static void
test_no_memory(void)
{
    ex_model = OLD;

    survives(whole_once, "a formatted answer");
}
