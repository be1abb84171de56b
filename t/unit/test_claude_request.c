
/*
 * Copyright (C) LLMBroker contributors
 *
 * The corners of a request to Claude: members that are null, thoughts that
 * cannot be replayed, schemas that do not say what they are of, choices that a
 * model that thinks takes or not, names of models, values of wrong types.
 */


#include "exchange.h"


static void test_arguments(void);
static void test_nulls(void);
static void test_thoughts(void);
static void test_prefill(void);
static void test_schemas(void);
static void test_strict(void);
static void test_sanitized(void);
static void test_wrapped(void);
static void test_forced(void);
static void test_effort(void);
static void test_models(void);
static void test_types(void);
static void test_account(void);

static void says(const char *request, const char *expected, const char *name);


#define OLD  "claude-sonnet-4-0"
#define NEW  "claude-sonnet-4-5"

#define USER  "{\"role\":\"user\",\"content\":\"x\"}"
#define ASK(more)  "{\"messages\":[" USER "]" more "}"
#define THEN(message)  "{\"messages\":[" USER "," message "]}"
#define FUNCTION(more)                                                       \
    "{\"type\":\"function\",\"function\":{\"name\":\"f\"" more "}}"
#define FORMAT(schema)                                                       \
    ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"        \
    "{\"name\":\"n\",\"description\":\"d\",\"schema\":" schema "}}"


int
main(void)
{
    ex_provider = "claude";
    ex_model = OLD;

    test_arguments();
    test_nulls();
    test_thoughts();
    test_prefill();
    test_schemas();
    test_strict();
    test_sanitized();
    test_wrapped();
    test_forced();
    test_effort();
    test_models();
    test_types();
    test_account();

    return done_testing();
}


/* one test: the request to the provider, or the fault, has this in it */

static void
says(const char *request, const char *expected, const char *name)
{
    const char  *got;

    got = ex_build(CHAT, 0, request);

    ok(got && strstr(got, expected) != NULL, "%s", name);

    if (got == NULL || strstr(got, expected) == NULL) {
        printf("# %s\n", got ? got : "no memory");
    }
}


static void
test_arguments(void)
{
#define CALL(arguments)                                                      \
    THEN("{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c\",\"type\":"   \
         "\"function\",\"function\":{\"name\":\"f\",\"arguments\":"          \
         arguments "}}]}")

    says(CALL("\" null\\n\""), "\"input\":{}", "null with blanks (R42)");
    says(CALL("\"\\t\\r\\n\""), "\"input\":{}", "blanks");
    says(CALL("null"), "\"input\":{}", "no arguments");
    says(CALL("\"{\\\"a\\\":1.00,\\\"a\\\":2}\""),
         "\"input\":{\"a\":1.00,\"a\":2}", "what is an object stays as it is");
    says(CALL("\"nullx\""), "400 invalid_value messages[1].tool_calls[0]",
         "a word that is none");
    says(CALL("{\"a\":1}"), "400 invalid_value messages[1].tool_calls[0]",
         "an object that is no text");
}


static void
test_nulls(void)
{
    says(THEN("{\"role\":\"assistant\",\"content\":null,\"refusal\":null,"
              "\"audio\":null,\"function_call\":null,\"name\":null,"
              "\"annotations\":null,\"thinking_blocks\":null,"
              "\"tool_calls\":[{\"id\":\"c\",\"type\":\"custom\","
              "\"function\":null,\"custom\":{\"name\":\"f\",\"input\":"
              "\"i\"}}]}"),
         "{\"type\":\"tool_use\",\"id\":\"c\",\"name\":\"f\",\"input\":"
         "{\"input\":\"i\"}}", "a call of a custom tool, and no function");
    drops("", "null is nothing that could be lost");

    says(ASK(",\"tools\":[" FUNCTION("") "],\"tool_choice\":{\"type\":"
             "\"function\",\"custom\":null,\"function\":{\"name\":\"f\"}}"),
         "\"tool_choice\":{\"type\":\"tool\",\"name\":\"f\"}",
         "a choice of a function, and no custom tool");
    says(ASK(",\"tools\":null,\"tool_choice\":null,\"functions\":null,"
             "\"function_call\":null,\"parallel_tool_calls\":null,\"n\":null,"
             "\"modalities\":null,\"response_format\":null,\"thinking\":null,"
             "\"reasoning_effort\":null,\"anthropic_beta\":null"),
         "\"max_tokens\":64000,\"messages\":[", "null asks for nothing");
    drops("", "nor could it be lost");

    says("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
         "\"text\":\"x\",\"cache_control\":null,\"prompt_cache_breakpoint\":"
         "{\"mode\":\"explicit\"}}]}]}",
         "\"cache_control\":{\"type\":\"ephemeral\"}",
         "a breakpoint beside a cache_control of null (R31)");
    says("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
         "\"text\":\"x\",\"cache_control\":null}]}]}",
         "\"content\":\"x\"", "null is no breakpoint");
}


static void
test_thoughts(void)
{
#define THOUGHT(text, more)                                                  \
    "{\"type\":\"thinking\",\"thinking\":\"" text "\"" more "}"
#define SAID(more)                                                           \
    THEN("{\"role\":\"assistant\",\"content\":\"b\"," more "}")

    says(SAID("\"thinking_blocks\":[" THOUGHT("t", "") ","
              THOUGHT("t", ",\"signature\":null") ","
              THOUGHT("t", ",\"signature\":\"\"")
              ",{\"type\":\"redacted_thinking\"},{\"type\":\"hologram\"}]"),
         "{\"role\":\"assistant\",\"content\":\"b\"}",
         "what has no signature cannot be replayed (R50)");
    drops("thinking_blocks", "which is told");

    says(SAID("\"reasoning_content\":\"r\",\"thinking_blocks\":["
              THOUGHT("", "") "]"),
         "{\"role\":\"assistant\",\"content\":\"b\"}",
         "nor can the reasoning of a stream then");
    drops("thinking_blocks, reasoning_content", "which is told as well");

    says(SAID("\"reasoning_content\":\"r\",\"thinking_blocks\":["
              "{\"type\":\"redacted_thinking\",\"data\":\"d\"},"
              THOUGHT("", ",\"signature\":\"s\"") "]"),
         "[{\"type\":\"redacted_thinking\",\"data\":\"d\"},"
         THOUGHT("r", ",\"signature\":\"s\"") ",",
         "the reasoning of a stream belongs to its one thinking block");
    drops("", "nothing is lost");

    says(SAID("\"reasoning_content\":\"r\",\"thinking_blocks\":["
              THOUGHT("", ",\"signature\":\"s\"") ","
              THOUGHT("", ",\"signature\":\"t\"") "]"),
         "[" THOUGHT("", ",\"signature\":\"s\"") ","
         THOUGHT("", ",\"signature\":\"t\"") ",", "not to one of several");
}


static void
test_prefill(void)
{
#define BEGIN(text, expected)                                                \
    says(THEN("{\"role\":\"assistant\",\"content\":\"" text "\"}"),          \
         "{\"role\":\"assistant\",\"content\":\"" expected "\"}]}",          \
         "a prefill: " text)

    /* R41 */

    BEGIN("a\\f\\u0020\\u000A", "a");
    BEGIN("a\\u0020b\\u000b", "a\\u0020b");
    BEGIN("a\\\\n", "a\\\\n");
    BEGIN("\\u00e4 ", "\\u00e4");
    BEGIN("\\\" ", "\\\"");
}


static void
test_schemas(void)
{
#define TOOL(parameters, expected, name)                                     \
    says(ASK(",\"tools\":[" FUNCTION(",\"parameters\":" parameters) "]"),    \
         "\"input_schema\":" expected "}]", name)

    TOOL("{}", "{\"type\":\"object\",\"properties\":{}}",
         "an empty schema (R60)");
    TOOL("null", "{\"type\":\"object\",\"properties\":{}}", "none");
    TOOL("{\"type\":null,\"required\":[]}",
         "{\"type\":\"object\",\"properties\":{},\"required\":[]}",
         "a type of nothing");
    TOOL("{\"type\":[\"object\",\"null\"],\"properties\":{\"a\":{}}}",
         "{\"type\":\"object\",\"properties\":{\"a\":{}}}",
         "one of several types");
    TOOL("{\"properties\":{},\"type\":\"object\",\"x-y\":1.0}",
         "{\"properties\":{},\"type\":\"object\",\"x-y\":1.0}",
         "an object's is left alone");
}


static void
test_strict(void)
{
#define STRICT(parameters, expected, name)                                   \
    says(ASK(",\"tools\":[" FUNCTION(",\"strict\":true" parameters) "]"),    \
         "\"strict\":true,\"input_schema\":" expected "}]", name)

    ex_model = NEW;

    STRICT("", "{\"type\":\"object\",\"properties\":{},"
               "\"additionalProperties\":false}",
           "a strict tool without parameters (R61)");
    STRICT(",\"parameters\":{}",
           "{\"type\":\"object\",\"properties\":{},"
           "\"additionalProperties\":false}", "with no schema");
    STRICT(",\"parameters\":{\"properties\":{\"a\":{\"type\":\"string\"}},"
           "\"required\":[\"a\"],\"maxProperties\":1}",
           "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":"
           "\"string\"}},\"required\":[\"a\"],"
           "\"additionalProperties\":false,"
           "\"description\":\"{maxProperties: 1}\"}",
           "with one that does not say that it is an object's");

    ex_model = OLD;
}


static void
test_sanitized(void)
{
#define SANE(schema, expected, name)                                         \
    says(ASK(FORMAT(schema)), "\"schema\":" expected "}}", name)

    ex_model = NEW;

    SANE("{\"$ref\":\"#/definitions/a\",\"definitions\":{\"a\":{\"type\":"
         "\"object\",\"properties\":{\"b\":{\"type\":\"string\","
         "\"minLength\":1}}}}}",
         "{\"$ref\":\"#/definitions/a\",\"definitions\":{\"a\":{\"type\":"
         "\"object\",\"properties\":{\"b\":{\"type\":\"string\","
         "\"description\":\"{minLength: 1}\"}},"
         "\"additionalProperties\":false}}}",
         "definitions by their older name (R72)");
    SANE("{\"type\":[\"null\",\"object\"]}",
         "{\"type\":[\"null\",\"object\"],\"additionalProperties\":false}",
         "one of several types is an object");
    SANE("{\"type\":\"object\",\"additionalProperties\":true}",
         "{\"type\":\"object\",\"additionalProperties\":false}",
         "no open objects");
    SANE("{\"type\":\"array\",\"items\":[{\"minimum\":1}]}",
         "{\"type\":\"array\",\"description\":"
         "\"{items: [{\\\"minimum\\\":1}]}\"}", "a tuple");
    SANE("{\"type\":\"object\",\"properties\":{\"type\":{\"type\":"
         "\"string\"},\"pattern\":{\"type\":\"string\",\"pattern\":\"a\"}}}",
         "{\"type\":\"object\",\"properties\":{\"type\":{\"type\":"
         "\"string\"},\"pattern\":{\"type\":\"string\",\"description\":"
         "\"{pattern: \\\"a\\\"}\"}},\"additionalProperties\":false}",
         "properties of a keyword's name");

    ex_model = OLD;
}


static void
test_wrapped(void)
{
#define BY_TOOL(schema, expected, name)                                      \
    says(ASK(FORMAT(schema)), "{\"name\":\"json_response\",\"description\":" \
         "\"d\",\"input_schema\":" expected "}]", name)

    BY_TOOL("{\"properties\":{\"a\":{}}}",
            "{\"type\":\"object\",\"properties\":{\"a\":{}}}",
            "a schema that does not say that it is an object's (R71)");
    BY_TOOL("{\"anyOf\":[{\"$ref\":\"#/$defs/a\"}],\"$defs\":{\"a\":{}}}",
            "{\"type\":\"object\",\"properties\":{\"value\":{\"anyOf\":["
            "{\"$ref\":\"#/$defs/a\"}]}},\"required\":[\"value\"],"
            "\"$defs\":{\"a\":{}}}",
            "one of anything is wrapped, its definitions are found");
    BY_TOOL("{\"type\":[\"object\",\"null\"]}",
            "{\"type\":\"object\",\"properties\":{\"value\":{\"type\":"
            "[\"object\",\"null\"]}},\"required\":[\"value\"]}",
            "so is one of several types");
}


static void
test_forced(void)
{
#define MUST                                                                 \
    ",\"tools\":[" FUNCTION("") "],\"tool_choice\":\"required\""

    ex_model = "claude-opus-4-6";

    says(ASK(MUST ",\"reasoning_effort\":\"high\""),
         "\"tool_choice\":{\"type\":\"any\"}",
         "a model that thinks adaptively can be forced (R68)");
    drops("", "nothing is lost");
    says(ASK(MUST ",\"thinking\":{\"type\":\"adaptive\"}"),
         "\"tool_choice\":{\"type\":\"any\"}", "by its own word as well");
    says(ASK(MUST ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":"
             "2000}"), "\"tool_choice\":{\"type\":\"auto\"}",
         "not one that thinks within a budget");
    drops("tool_choice", "which is told");

    ex_model = OLD;

    says(ASK(MUST ",\"reasoning_effort\":\"high\""),
         "\"tool_choice\":{\"type\":\"auto\"}", "as older ones do");
    drops("tool_choice", "which is told too");
}


static void
test_effort(void)
{
    ex_model = "claude-opus-4-5";

    says(ASK(",\"reasoning_effort\":\"max\""),
         "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":32768},"
         "\"output_config\":{\"effort\":\"high\"}",
         "the most that a model without adaptive thinking takes (R54)");

    ex_model = "claude-opus-4-6";

    says(ASK(",\"reasoning_effort\":\"max\""),
         "\"output_config\":{\"effort\":\"max\"}", "and one with it (R53)");

    ex_model = OLD;
}


static void
test_models(void)
{
    ngx_uint_t  i;

    /* section 10: whether a low effort is a budget, adaptive or nothing */

    static const char  *models[][3] = {
        { "claude-2.1", "4096", NULL },
        { "claude-instant-1.2", "4096", NULL },
        { "claude-3-haiku-20240307", "4096", NULL },
        { "claude-3-opus-latest", "4096", NULL },
        { "claude-3-5-sonnet@20240620", "8192", NULL },
        { "claude-3-7-sonnet-latest", "64000", "enabled" },
        { "claude-opus-4-20250514", "32000", "enabled" },
        { "claude-opus-4@20250514", "32000", "enabled" },
        { "claude-sonnet-4@20250514", "64000", "enabled" },
        { "us.anthropic.claude-opus-4-20250514-v1:0", "32000", "enabled" },
        { "claude-opus-4-1-20250805", "32000", "enabled" },
        { "claude-sonnet-4-20250514", "64000", "enabled" },
        { "claude-sonnet-4-5-20250929", "64000", "enabled" },
        { "claude-haiku-4-5", "64000", "enabled" },
        { "claude-opus-4-5", "64000", "enabled" },
        { "claude-sonnet-4-6", "128000", "adaptive" },
        { "claude-opus-4-6", "128000", "adaptive" },
        { "claude-opus-4-7", "128000", "adaptive" },
        { "claude-opus-4-8", "128000", "adaptive" },
        { "claude-sonnet-5", "128000", "adaptive" },
        { "claude-fable-5", "128000", "adaptive" },
        { "claude-mythos-5", "128000", "adaptive" },
        { "claude-opus-5", "128000", "adaptive" },
        { "claude-haiku-9", "128000", "adaptive" },
        { NULL, NULL, NULL }
    };
    char         expected[64];
    const char  *got;

    for (i = 0; models[i][0]; i++) {
        ex_model = models[i][0];
        got = ex_build(CHAT, 0, ASK(",\"reasoning_effort\":\"low\""));

        snprintf(expected, sizeof(expected), "\"max_tokens\":%s,",
                 models[i][1]);
        ok(strstr(got, expected) != NULL, "%s: %s", ex_model, expected);

        snprintf(expected, sizeof(expected), "\"thinking\":{\"type\":\"%s\"",
                 models[i][2] ? models[i][2] : "");
        ok((strstr(got, expected) != NULL) == (models[i][2] != NULL),
           "%s thinks", ex_model);
    }

    ex_model = OLD;
}


static void
test_types(void)
{
    says(ASK(",\"n\":\"2\""), "400 invalid_type n", "a number that is text");
    says(ASK(",\"modalities\":\"audio\""), "400 invalid_type modalities",
         "modalities that are no array (R12)");
    says(ASK(",\"tools\":[" FUNCTION("") "],\"parallel_tool_calls\":"
             "\"false\""), "400 invalid_type parallel_tool_calls",
         "false that is text (R66)");
    says(ASK(",\"max_tokens\":1e999"), "\"max_tokens\":64000,",
         "a huge number (R2)");
    says(ASK(",\"temperature\":1e999"), "\"temperature\":1,",
         "a huge temperature (R5)");
    says(ASK(",\"temperature\":-0.5"), "\"temperature\":0,", "one below 0");
    says(ASK(",\"reasoning_effort\":2"), "400 invalid_type reasoning_effort",
         "an effort that is no word");
}


static void
test_account(void)
{
    says(ASK(",\"safety_identifier\":\" \",\"user\":\"u\""),
         "\"metadata\":{\"user_id\":\"u\"}",
         "a blank safety_identifier is none (R10)");
    says(ASK(",\"user\":\"a\\u00e9\\\"b\""),
         "\"metadata\":{\"user_id\":\"a\\u00e9\\\"b\"}",
         "a user is told as he is written");
    drops("", "and not dropped");
    says(ASK(",\"user\":\"a\\u0040b.c\""), "\"messages\":",
         "an address with an escape");
    drops("user", "is found (R10)");
    says(ASK(",\"service_tier\":\"priority\""), "\"service_tier\":\"auto\"",
         "a tier that Anthropic does not sell (R13)");
    drops("service_tier", "which is told");
}
