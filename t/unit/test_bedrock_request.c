
/*
 * Copyright (C) LLMBroker contributors
 *
 * What a request becomes for Amazon Bedrock's Converse, rule by rule:
 * instructions, turns, images and documents, calls and results, thoughts,
 * tools and the choice among them, formats, parameters of Claude's models and
 * of others, what is dropped, what is refused; hostile requests, lack of
 * memory.
 */


#include "exchange.h"


static void test_text(void);
static void test_system(void);
static void test_turns(void);
static void test_images(void);
static void test_documents(void);
static void test_titles(void);
static void test_calls(void);
static void test_results(void);
static void test_ids(void);
static void test_thoughts(void);
static void test_cache(void);
static void test_config(void);
static void test_tier(void);
static void test_tools(void);
static void test_deep(void);
static void test_choice(void);
static void test_none(void);
static void test_parallel(void);
static void test_legacy(void);
static void test_format(void);
static void test_native(void);
static void test_effort(void);
static void test_thinking(void);
static void test_members(void);
static void test_capabilities(void);
static void test_dropped(void);
static void test_refused(void);
static void test_prompt(void);
static void test_hostile(void);
static void test_no_memory(void);

static void refuses(const char *request, const char *expected);
static void changed(const char *text, ngx_http_llmbroker_json_t *v);
static ngx_int_t build_once(void);


#define CLAUDE  "us.anthropic.claude-sonnet-4-0-v1:0"
#define NEWER  "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
#define NEWEST  "global.anthropic.claude-opus-4-7"
#define NOVA  "amazon.nova-pro-v1:0"

#define ASK(more)                                                            \
    "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]" more "}"
#define MESSAGES(list)  "{\"messages\":[" list "]}"
#define SAY(role, content)                                                   \
    "{\"role\":\"" role "\",\"content\":" content "}"
#define BODY(more, list)  "{" more "\"messages\":[" list "]}"
#define USER(content)  "{\"role\":\"user\",\"content\":[" content "]}"
#define MODEL(content)  "{\"role\":\"assistant\",\"content\":[" content "]}"
#define TEXT(text)  "{\"text\":\"" text "\"}"
#define X  USER(TEXT("x"))
#define ANSWER(more)  BODY(more ",", X)
#define CONFIG(inside)  ANSWER("\"inferenceConfig\":{" inside "}")
#define FIELDS(inside)                                                       \
    ANSWER("\"additionalModelRequestFields\":{" inside "}")

#define TOOL(name)                                                           \
    "{\"type\":\"function\",\"function\":{\"name\":\"" name "\"}}"
#define FG  "\"tools\":[" TOOL("f") "," TOOL("g") "]"
#define EMPTY_SCHEMA  "{\"type\":\"object\",\"properties\":{}}"
#define SPEC(name, schema)                                                   \
    "{\"toolSpec\":{\"name\":\"" name "\",\"inputSchema\":{\"json\":" schema \
    "}}}"
#define SPECS  SPEC("f", EMPTY_SCHEMA) "," SPEC("g", EMPTY_SCHEMA)
#define TOOLS(tools, more)                                                   \
    ANSWER("\"toolConfig\":{\"tools\":[" tools "]" more "}")

#define PART(type, inside)  "{\"type\":\"" type "\"," inside "}"
#define IMAGE(url)                                                           \
    PART("image_url", "\"image_url\":{\"url\":\"" url "\"}")
#define FILE_(name, data)                                                    \
    PART("file", "\"file\":{\"filename\":\"" name "\",\"file_data\":\""      \
         data "\"}")
#define PDF(name, title)                                                     \
    "{\"document\":{\"format\":\"pdf\",\"name\":\"" title "\","              \
    "\"source\":{\"bytes\":\"QQ==\"}}}"
#define CALL(id, name, arguments)                                            \
    "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\""     \
    name "\",\"arguments\":\"" arguments "\"}}"
#define CALLED(id, name)                                                     \
    SAY("assistant", "null,\"tool_calls\":[" CALL(id, name, "{}") "]") ","   \
    "{\"role\":\"tool\",\"tool_call_id\":\"" id "\",\"content\":\"r\"}"
#define USE(id, name, input)                                                 \
    "{\"toolUse\":{\"toolUseId\":\"" id "\",\"name\":\"" name                \
    "\",\"input\":" input "}}"
#define RESULT(id, content)                                                  \
    "{\"toolResult\":{\"toolUseId\":\"" id "\",\"content\":[" content "]}}"


int
main(void)
{
    ex_provider = "bedrock";
    ex_base = "";
    ex_model = CLAUDE;

    test_text();
    test_system();
    test_turns();
    test_images();
    test_documents();
    test_titles();
    test_calls();
    test_results();
    test_ids();
    test_thoughts();
    test_cache();
    test_config();
    test_tier();
    test_tools();
    test_deep();
    test_choice();
    test_none();
    test_parallel();
    test_legacy();
    test_format();
    test_native();
    test_effort();
    test_thinking();
    test_members();
    test_capabilities();
    test_dropped();
    test_refused();
    test_prompt();
    test_hostile();
    test_no_memory();

    return done_testing();
}


static void
test_text(void)
{
    const char  *got;

    builds("{\"model\":\"alias\",\"messages\":[{\"role\":\"user\","
           "\"content\":\"a\\u00e4\\\"\"}]}",
           BODY("", USER(TEXT("a\\u00e4\\\""))),
           "a user's text keeps its escapes");
    drops("", "nothing is lost");

    got = ex_build(CHAT, 1, ASK(",\"stream\":true,\"stream_options\":"
                                "{\"include_usage\":true}"));
    is_str(got, strlen(got), BODY("", X), "a stream has another path only");

    builds(MESSAGES(SAY("user", "[" PART("text", "\"text\":\"a\"") ","
                                    PART("text", "\"text\":\" \\n\"") ","
                                    PART("text", "\"text\":\"b\"") "]")),
           BODY("", USER(TEXT("a") "," TEXT("b"))),
           "parts stay parts, blank ones vanish (R31, R38)");
}


static void
test_system(void)
{
    builds(MESSAGES(SAY("system", "\"a\"") "," SAY("user", "\"x\"") ","
                    SAY("developer", "[" PART("text", "\"text\":\"b\"") "]")
                    "," SAY("assistant", "\"y\"") ","
                    SAY("system", "\"c\"") "," SAY("system", "\" \"")),
           BODY("\"system\":[" TEXT("a") "," TEXT("b") "," TEXT("c") "],",
                X "," MODEL(TEXT("y"))),
           "instructions go before all turns (R20, R21)");

    builds(MESSAGES(SAY("system", "\"a\"") "," SAY("system", "\"b\"")),
           BODY("\"system\":[" TEXT("a") "],", USER(TEXT("b"))),
           "instructions only (R22)");

    refuses(MESSAGES(SAY("system", "[" IMAGE("data:image/png;base64,QQ==")
                                   "]")),
            "400 unsupported_value messages[0].content");
}


static void
test_turns(void)
{
    builds(MESSAGES(SAY("user", "\"a\"") "," SAY("user", "\"b\"") ","
                    SAY("assistant", "\"c\"") ","
                    SAY("assistant", "[" PART("refusal", "\"refusal\":\"d\"")
                                     "]") "," SAY("user", "\"x\"")),
           BODY("", USER(TEXT("a") "," TEXT("b")) ","
                    MODEL(TEXT("c") "," TEXT("d")) "," X),
           "turns of one role merge (R32, R39)");

    builds(MESSAGES(SAY("assistant", "\"c\"") "," SAY("user", "\"x\"")),
           BODY("", USER(TEXT(".")) "," MODEL(TEXT("c")) "," X),
           "the user begins (R40)");

    builds(MESSAGES(SAY("user", "\"\"") "," SAY("assistant", "\"c\"") ","
                    SAY("user", "\" \"") "," SAY("user", "\"x\"")),
           BODY("", USER(TEXT(".")) "," MODEL(TEXT("c")) "," X),
           "nothing said counts where nothing else is (R38)");

    builds(MESSAGES(SAY("user", "\"a\"") "," SAY("assistant", "\"\"") ","
                    SAY("user", "\"x\"")),
           BODY("", USER(TEXT("a") "," TEXT("x"))),
           "an answer of nothing is none (R38)");

    builds(MESSAGES(SAY("user", "\"x\"") "," SAY("assistant", "\"c \\n\"")),
           BODY("", X "," MODEL(TEXT("c"))),
           "the beginning of an answer has no space at its end (R41)");

    builds(MESSAGES("{\"role\":\"user\",\"content\":\"x\",\"name\":\"n\"}"),
           BODY("", X), "a name");
    drops("name", "is dropped (R23)");
}


static void
test_images(void)
{
    builds(MESSAGES(SAY("user", "[" PART("text", "\"text\":\"x\"") ","
                        IMAGE("DATA:image/JPG;a=b;base64,QQ==") ","
                        IMAGE("data:image/jpeg;base64,Qg==") ","
                        IMAGE("data:image/png;base64,Qw==") ","
                        IMAGE("data:image/gif;base64,RA==") ","
                        PART("image_url", "\"image_url\":"
                             "\"data:image/webp;base64,RQ==\"") "]")),
           BODY("", USER(TEXT("x") ","
                "{\"image\":{\"format\":\"jpeg\",\"source\":{\"bytes\":"
                "\"QQ==\"}}},{\"image\":{\"format\":\"jpeg\",\"source\":"
                "{\"bytes\":\"Qg==\"}}},{\"image\":{\"format\":\"png\","
                "\"source\":{\"bytes\":\"Qw==\"}}},{\"image\":{\"format\":"
                "\"gif\",\"source\":{\"bytes\":\"RA==\"}}},{\"image\":"
                "{\"format\":\"webp\",\"source\":{\"bytes\":\"RQ==\"}}}")),
           "images (R34)");

    refuses(MESSAGES(SAY("user", "\"x\"") ","
                     SAY("user", "[" IMAGE("https://a/b.png") "]")),
            "400 unsupported_value messages[1].content");
    faults(400, "unsupported_value", "An image must be a data URL with base64 "
           "of JPEG, PNG, GIF or WebP.", "an address that nobody fetches");

    refuses(MESSAGES(SAY("user", "[" IMAGE("data:image/bmp;base64,QQ==")
                                 "]")),
            "400 unsupported_value messages[0].content");
    refuses(MESSAGES(SAY("user", "[" IMAGE("data:;base64,QQ==") "]")),
            "400 unsupported_value messages[0].content");
    refuses(MESSAGES(SAY("user", "[" IMAGE("data:image/png,QQ==") "]")),
            "400 unsupported_value messages[0].content");
    refuses(MESSAGES(SAY("user", "[" PART("image_url", "\"image_url\":1")
                                 "]")),
            "400 invalid_type messages[0].content");
    refuses(MESSAGES(SAY("user", "[" PART("input_audio", "\"input_audio\":"
                                          "{\"data\":\"QQ==\"}") "]")),
            "400 unsupported_value messages[0].content");
}


static void
test_documents(void)
{
    size_t  i;
    char    request[512], body[512];

    static const char  *tests[][4] = {
        { "a", "data:application/pdf;base64,QQ==", "pdf", "a" },
        { "a", "data:text/plain;charset=x;base64,QQ==", "txt", "a" },
        { "a", "data:text/markdown;base64,QQ==", "md", "a" },
        { "a", "data:text/csv;base64,QQ==", "csv", "a" },
        { "a", "data:text/html;base64,QQ==", "html", "a" },
        { "a", "data:application/msword;base64,QQ==", "doc", "a" },
        { "a", "data:application/vnd.openxmlformats-officedocument."
          "wordprocessingml.document;base64,QQ==", "docx", "a" },
        { "a", "data:application/vnd.ms-excel;base64,QQ==", "xls", "a" },
        { "a", "data:application/vnd.openxmlformats-officedocument."
          "spreadsheetml.sheet;base64,QQ==", "xlsx", "a" },
        { "a", "data:text/x-c;base64,QQ==", "txt", "a" },
        { "a.csv", "data:text/plain;base64,QQ==", "txt", "a" },
        { "a.DOCX", "data:application/octet-stream;base64,QQ==", "docx",
          "a" },
        { "a.xls", "QQ==", "xls", "a" },
        { "a", "QQ==", "pdf", "a" },
        { "", "QQ==", "pdf", "document" },
        { NULL, NULL, NULL, NULL }
    };

    for (i = 0; tests[i][0]; i++) {
        snprintf(request, sizeof(request),
                 MESSAGES(SAY("user", "[" FILE_("%s", "%s") ","
                              PART("text", "\"text\":\"x\"") "]")),
                 tests[i][0], tests[i][1]);
        snprintf(body, sizeof(body),
                 BODY("", USER("{\"document\":{\"format\":\"%s\",\"name\":"
                               "\"%s\",\"source\":{\"bytes\":\"QQ==\"}}},"
                               TEXT("x"))), tests[i][2], tests[i][3]);

        builds(request, body, tests[i][1]);
    }

    builds(MESSAGES(SAY("user", "[" FILE_("a", "QQ==") "]")),
           BODY("", USER(PDF("a", "a") "," TEXT("."))),
           "a document comes with text");

    refuses(MESSAGES(SAY("user", "[" FILE_("a.zip",
                         "data:application/zip;base64,QQ==") "]")),
            "400 unsupported_value messages[0].content");
    refuses(MESSAGES(SAY("user", "[" FILE_("a", "https://a/b.pdf") "]")),
            "400 unsupported_value messages[0].content");
    refuses(MESSAGES(SAY("user", "[" PART("file", "\"file\":{\"file_id\":"
                                          "\"file-1\"}") "]")),
            "400 unsupported_value messages[0].content");
}


static void
test_titles(void)
{
    char         request[8192], body[2048], name[512], *p;
    size_t       i;
    const char  *got;

    static const char  *tests[][2] = {
        { "Annual  report (2) [v-1].pdf", "Annual report (2) [v-1]" },
        { "my_file.v2.pdf", "my-file-v2" },
        { "a _ b", "a-b" },
        { "\xc3\x9c""bung.pdf", "bung" },
        { "a\\n\\tb", "a-b" },
        { "...", "document" },
        { ".pdf", "document" },
        { "a.unknown", "a-unknown" },
        { "a_.pdf", "a" },
        { " a .pdf", "a" },
        { NULL, NULL }
    };

    for (i = 0; tests[i][0]; i++) {
        snprintf(request, sizeof(request),
                 MESSAGES(SAY("user", "[" PART("text", "\"text\":\"x\"") ","
                              FILE_("%s", "QQ==") "]")), tests[i][0]);
        snprintf(body, sizeof(body),
                 BODY("", USER(TEXT("x") "," PDF("", "%s"))), tests[i][1]);

        builds(request, body, tests[i][1]);
    }

    builds(MESSAGES(SAY("user", "[" FILE_("a", "QQ==") ","
                        FILE_("b", "QQ==") "," FILE_("a.pdf", "QQ==") ","
                        PART("text", "\"text\":\"x\"") "]")),
           BODY("", USER(PDF("", "a") "," PDF("", "b") "," PDF("", "a-3") ","
                         TEXT("x"))), "no name twice");

    p = request + sprintf(request, "{\"messages\":[{\"role\":\"user\","
                          "\"content\":[");

    for (i = 0; i < 66; i++) {
        p += sprintf(p, "%s" FILE_("n%d", "QQ=="), i ? "," : "",
                     (int) (i % 65));
    }

    sprintf(p, "]}]}");

    got = ex_build(CHAT, 0, request);
    ok(got && strstr(got, "\"n63\"") && strstr(got, "\"n64-65\"")
       && strstr(got, "\"n0-66\""), "many documents are numbered");

    memset(name, 'n', 300);
    name[300] = '\0';

    snprintf(request, sizeof(request),
             MESSAGES(SAY("user", "[" FILE_("%s", "QQ==") "]")), name);
    got = ex_build(CHAT, 0, request);
    name[201] = '\0';
    ok(got && strstr(got, name) == NULL, "a long name is cut");
    name[200] = '\0';
    ok(got && strstr(got, name) != NULL, "to what Converse takes");
}


static void
test_calls(void)
{
    builds(MESSAGES(SAY("user", "\"x\"") ","
                    SAY("assistant", "\"y\",\"tool_calls\":["
                        CALL("a", "f", " {\\\"n\\\": 1.0} ") ","
                        CALL("b", "g", "") ","
                        "{\"id\":\"c\",\"type\":\"custom\",\"custom\":"
                        "{\"name\":\"h\",\"input\":\"i \\\"j\\\"\"}}]")),
           BODY("\"toolConfig\":{\"tools\":[" SPEC("f", EMPTY_SCHEMA) ","
                SPEC("g", EMPTY_SCHEMA) "," SPEC("h", EMPTY_SCHEMA) "]},",
                X "," MODEL(TEXT("y") "," USE("a", "f", "{\"n\": 1.0}") ","
                            USE("b", "g", "{}") ","
                            USE("c", "h", "{\"input\":\"i \\\"j\\\"\"}"))),
           "calls, and tools where there are none (R42, R43, R46)");
    drops("", "nobody chose them");

    refuses(MESSAGES(SAY("user", "\"x\"") "," SAY("assistant", "null,"
                     "\"tool_calls\":[" CALL("a", "f", "[]") "]")),
            "400 invalid_value messages[1].tool_calls[0]");
    refuses(MESSAGES(SAY("user", "\"x\"") "," SAY("assistant", "null,"
                     "\"tool_calls\":[{\"function\":{\"name\":\"f\"}}]")),
            "400 missing_required_parameter messages[1].tool_calls[0]");
}


static void
test_results(void)
{
    builds("{" FG ",\"messages\":[" SAY("user", "\"x\"") ","
           SAY("assistant", "null,\"tool_calls\":[" CALL("a", "f", "{}") ","
               CALL("b", "g", "{}") "]") ","
           "{\"role\":\"tool\",\"tool_call_id\":\"b\",\"content\":\"{}\"},"
           "{\"role\":\"tool\",\"tool_call_id\":\"a\",\"is_error\":true,"
           "\"content\":[" PART("text", "\"text\":\"s\"") ","
           IMAGE("data:image/png;base64,QQ==") "," FILE_("n", "QQ==") "]},"
           SAY("user", "\"t\"") ","
           "{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"\"}]}",
           BODY("\"toolConfig\":{\"tools\":[" SPECS "]},",
                X "," MODEL(USE("a", "f", "{}") "," USE("b", "g", "{}")) ","
                USER(RESULT("b", TEXT("{}")) ","
                     "{\"toolResult\":{\"toolUseId\":\"a\",\"content\":["
                     TEXT("s") ",{\"image\":{\"format\":\"png\",\"source\":"
                     "{\"bytes\":\"QQ==\"}}}," PDF("", "n")
                     "],\"status\":\"error\"}},"
                     TEXT("t") "," RESULT("c", ""))),
           "results come together, with what is no text (R33, R36, R37)");

    refuses(MESSAGES(SAY("tool", "\"x\"")),
            "400 missing_required_parameter messages[0].tool_call_id");
}


static void
test_ids(void)
{
    const char  *got, *p;

#define LONG_ID  "call_0123456789012345678901234567890123456789"             \
                 "01234567890123456789x"
#define CONVERSATION(id)                                                     \
    "{" FG ",\"messages\":[" SAY("user", "\"x\"") "," CALLED(id, "f") "]}"

    builds(CONVERSATION("a.b c"),
           BODY("\"toolConfig\":{\"tools\":[" SPECS "]},",
                X "," MODEL(USE("a_b_c", "f", "{}")) ","
                USER(RESULT("a_b_c", TEXT("r")))),
           "what no id may have (R44)");

    got = ex_build(CHAT, 0, CONVERSATION(LONG_ID));
    p = got ? strstr(got, "\"toolUseId\":\"call_012") : NULL;
    ok(p && p[13 + 64] == '"' && strstr(p + 1, "\"toolUseId\":\"call_012")
       && strncmp(p, strstr(p + 1, "\"toolUseId\":\"call_012"), 13 + 65) == 0,
       "an id that is too long becomes another, the same in both places");

    ex_model = "mistral.mistral-large-2407-v1:0";

    got = ex_build(CHAT, 0, CONVERSATION("call_1"));
    p = got ? strstr(got, "\"toolUseId\":\"c") : NULL;
    ok(p && p[13 + 9] == '"' && strspn(p + 13, "0123456789abcdef") == 9
       && strstr(p + 1, "\"toolUseId\":\"c")
       && strncmp(p, strstr(p + 1, "\"toolUseId\":\"c"), 13 + 10) == 0,
       "nine letters and digits for Mistral's models");

    got = ex_build(CHAT, 0, CONVERSATION("abc-EF123"));
    ok(got && strstr(got, "\"toolUseId\":\"abc-") == NULL, "a hyphen");
    got = ex_build(CHAT, 0, CONVERSATION("abc_EF123"));
    ok(got && strstr(got, "\"toolUseId\":\"abc_") == NULL, "a low line");

    got = ex_build(CHAT, 0, CONVERSATION("abcDEF123"));
    ok(got && strstr(got, "\"toolUseId\":\"abcDEF123\""),
       "which stay where there are nine");

    ex_model = CLAUDE;
}


static void
test_thoughts(void)
{
    builds("{" FG ",\"messages\":[" SAY("user", "\"x\"") ","
           SAY("assistant", "\"y\",\"thinking_blocks\":["
               "{\"type\":\"thinking\",\"thinking\":\"h\\n\","
               "\"signature\":\"s=\"},"
               "{\"type\":\"redacted_thinking\",\"data\":\"ZQ==\"},"
               "{\"type\":\"other\"}],\"reasoning_content\":\"h\\n\"") "]}",
           BODY("\"toolConfig\":{\"tools\":[" SPECS "]},",
                X "," MODEL("{\"reasoningContent\":{\"reasoningText\":"
                "{\"text\":\"h\\n\",\"signature\":\"s=\"}}},"
                "{\"reasoningContent\":{\"redactedContent\":\"ZQ==\"}},"
                TEXT("y"))), "thoughts are replayed, first (R32, R50)");
    drops("thinking_blocks", "but for what is none");

    builds(MESSAGES(SAY("user", "\"x\"") "," SAY("assistant", "\"y\","
                    "\"reasoning_content\":\"h\",\"thinking_blocks\":["
                    "{\"type\":\"thinking\",\"thinking\":\"\","
                    "\"signature\":\"s\"}]")),
           BODY("", X "," MODEL("{\"reasoningContent\":{\"reasoningText\":"
                "{\"text\":\"h\",\"signature\":\"s\"}}}," TEXT("y"))),
           "the text of a streamed one is put back");

    builds(MESSAGES(SAY("user", "\"x\"") "," SAY("assistant", "\"y\","
                    "\"reasoning_content\":\"h\"")),
           BODY("", X "," MODEL(TEXT("y"))), "one without a signature");
    drops("reasoning_content", "is dropped");
}


static void
test_cache(void)
{
#define POINT  "{\"cachePoint\":{\"type\":\"default\"}}"
#define MARK  ",\"cache_control\":{\"type\":\"ephemeral\"}"

    builds("{\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}"
           MARK "}],\"messages\":["
           "{\"role\":\"system\",\"content\":\"s\"" MARK "},"
           SAY("user", "[" PART("text", "\"text\":\"a\",\"cache_control\":"
               "{\"type\":\"ephemeral\",\"ttl\":\"1h\"}") ","
               PART("text", "\"text\":\"b\"") "]") "," CALLED("i", "f") ","
           SAY("user", "[" PART("text", "\"text\":\"c\","
               "\"prompt_cache_breakpoint\":{\"mode\":\"explicit\"}") ","
               PART("text", "\"text\":\"d\"" MARK) "]") "]}",
           BODY("\"toolConfig\":{\"tools\":[" SPEC("f", EMPTY_SCHEMA) ","
                POINT "]},\"system\":[" TEXT("s") "," POINT "],",
                USER(TEXT("a") ",{\"cachePoint\":{\"type\":\"default\","
                     "\"ttl\":\"1h\"}}," TEXT("b")) ","
                MODEL(USE("i", "f", "{}")) ","
                USER(RESULT("i", TEXT("r")) "," TEXT("c") "," POINT ","
                     TEXT("d"))),
           "four breakpoints, and not one more (R31)");

    builds("{" FG ",\"messages\":[" SAY("user", "\"x\"") ","
           SAY("assistant", "null,\"tool_calls\":[" CALL("a", "f", "{}") "]")
           ",{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":\"r\""
           MARK "}]}",
           BODY("\"toolConfig\":{\"tools\":[" SPECS "]},",
                X "," MODEL(USE("a", "f", "{}")) ","
                USER(RESULT("a", TEXT("r")) "," POINT)),
           "that of a result stands behind it");

    builds(MESSAGES(SAY("user", "[" PART("text", "\"text\":\"x\"") ","
                        FILE_("a", "QQ==") ","
                        PART("file", "\"file\":{\"filename\":\"b\","
                             "\"file_data\":\"QQ==\"}" MARK) "]")),
           BODY("", USER(TEXT("x") "," PDF("", "a") "," PDF("", "b"))),
           "that of a document behind a document");
    drops("cache_control", "cannot be told");

    builds(MESSAGES(SAY("user", "[" PART("text", "\"text\":\"x\"") ","
                        PART("file", "\"file\":{\"filename\":\"b\","
                             "\"file_data\":\"QQ==\"}" MARK) "]")),
           BODY("", USER(TEXT("x") "," POINT "," PDF("", "b"))),
           "that of a document stands before it");
    drops("", "and is told");
}


static void
test_config(void)
{
    builds(ASK(",\"max_tokens\":7,\"max_completion_tokens\":9,"
               "\"temperature\":0.10,\"top_p\":0.5,"
               "\"stop\":[\"a\",\" \",\"\",\"b\\n\"]"),
           CONFIG("\"maxTokens\":9,\"temperature\":0.10,\"topP\":0.5,"
                  "\"stopSequences\":[\"a\",\"b\\n\"]"),
           "parameters (R2, R5, R6, R8)");
    drops("", "all of them");

    builds(ASK(",\"max_tokens\":999999,\"temperature\":1.5,\"stop\":\"c\""),
           CONFIG("\"maxTokens\":64000,\"temperature\":1,"
                  "\"stopSequences\":[\"c\"]"), "what is too much");

    builds(ASK(",\"temperature\":-1,\"stop\":[\" \"],\"top_p\":null"),
           CONFIG("\"temperature\":0"), "and too little");

    builds(ASK(",\"top_k\":5"), FIELDS("\"top_k\":5"),
           "top_k is Claude's (R7)");

    ex_model = NEWER;
    builds(ASK(",\"temperature\":0.5,\"top_p\":0.5"),
           CONFIG("\"temperature\":0.5"), "not both for a newer one (R6)");
    drops("top_p", "is told");

    ex_model = NEWEST;
    builds(ASK(",\"temperature\":0.5,\"top_k\":5"), BODY("", X),
           "none for the newest");
    drops("temperature, top_k", "is told");

    ex_model = NOVA;
    builds(ASK(",\"max_tokens\":999999,\"temperature\":0.5,\"top_p\":0.5,"
               "\"top_k\":5"),
           CONFIG("\"maxTokens\":999999,\"temperature\":0.5,\"topP\":0.5"),
           "another maker's model");
    drops("top_k", "has no top_k");

    ex_model = "anthropic.claude-v2:1";
    builds(ASK(",\"max_tokens\":9999,\"temperature\":0.5,\"top_p\":0.5,"
               "\"reasoning_effort\":\"low\""),
           CONFIG("\"maxTokens\":4096,\"temperature\":0.5,\"topP\":0.5"),
           "a Claude of before there were families");
    drops("reasoning_effort", "does not think");

    ex_model = CLAUDE;
}


static void
test_tier(void)
{
    size_t  i;
    char    request[256], body[256];

    static const char  *tiers[][2] = {
        { "default", "default" }, { "flex", "flex" },
        { "priority", "priority" }, { "fast", "priority" },
        { NULL, NULL }
    };

    for (i = 0; tiers[i][0]; i++) {
        snprintf(request, sizeof(request), ASK(",\"service_tier\":\"%s\""),
                 tiers[i][0]);
        snprintf(body, sizeof(body),
                 ANSWER("\"serviceTier\":{\"type\":\"%s\"}"), tiers[i][1]);
        builds(request, body, tiers[i][0]);
    }

    builds(ASK(",\"service_tier\":\"auto\""), BODY("", X), "the default");
    drops("", "is not told (R13)");

    builds(ASK(",\"service_tier\":\"scale\""), BODY("", X), "another one");
    drops("service_tier", "is dropped");
}


static void
test_tools(void)
{
    size_t  i;

    static const char  custom[] =
        "{\"type\":\"object\",\"properties\":{\"input\":{\"type\":"
        "\"string\"}},\"required\":[\"input\"]}";

    char  body[512];

    builds(ASK(",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":"
               "\"f\",\"description\":\"d\\n\",\"parameters\":{\"type\":"
               "\"object\",\"$defs\":{\"a\": 1.0}},\"strict\":true}},"
               "{\"type\":\"function\",\"function\":{\"name\":\"g\","
               "\"description\":\"\",\"parameters\":{\"required\":[]}}}]"),
           TOOLS("{\"toolSpec\":{\"name\":\"f\",\"description\":\"d\\n\","
                 "\"inputSchema\":{\"json\":{\"type\":\"object\",\"$defs\":"
                 "{\"a\": 1.0}}}}},"
                 SPEC("g", "{\"type\":\"object\",\"properties\":{},"
                           "\"required\":[]}"), ""),
           "functions (R60)");
    drops("tools.strict", "an older model is not strict (R61)");

    ex_model = NEWER;
    builds(ASK(",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":"
               "\"f\",\"parameters\":{\"type\":\"object\",\"properties\":"
               "{\"a\":{\"type\":\"integer\",\"minimum\":1}}},"
               "\"strict\":true}}]"),
           TOOLS("{\"toolSpec\":{\"name\":\"f\",\"strict\":true,"
                 "\"inputSchema\":{\"json\":{\"type\":\"object\","
                 "\"properties\":{\"a\":{\"type\":\"integer\","
                 "\"description\":\"{minimum: 1}\"}},"
                 "\"additionalProperties\":false}}}}", ""),
           "a strict function (R61, R72)");
    builds(ASK(",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":"
               "\"f\",\"strict\":true}}]"),
           TOOLS("{\"toolSpec\":{\"name\":\"f\",\"strict\":true,"
                 "\"inputSchema\":{\"json\":{\"type\":\"object\","
                 "\"properties\":{},\"additionalProperties\":false}}}}", ""),
           "one without parameters");
    ex_model = CLAUDE;

    snprintf(body, sizeof(body), TOOLS(SPEC("f", "%s"), ""), custom);
    builds(ASK(",\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":"
               "\"f\"}}]"), body, "a custom tool (R62)");
    ok(ex.custom && ex.custom->nelts == 1, "is known to be one");

    builds(ASK(",\"tools\":[],\"tool_choice\":\"required\""), BODY("", X),
           "no tools (R69)");

    for (i = 0; i < 2; i++) {
        ex_model = i ? NOVA : CLAUDE;
        builds(ASK("," FG), TOOLS(SPECS, ""), "for every model");
    }

    ex_model = CLAUDE;
}


/* a schema as deep as a request may be, and deeper in what it becomes */

static void
test_deep(void)
{
    char        text[4096], *p;
    size_t      i, n;

    ex_model = NEWER;

    for (n = 50; n < 66; n++) {
        p = text + sprintf(text, "{\"messages\":[" SAY("user", "\"x\"") "],"
                           "\"tools\":[{\"type\":\"function\",\"function\":"
                           "{\"name\":\"f\",\"strict\":true,"
                           "\"parameters\":");

        for (i = 0; i < n; i++) {
            p += sprintf(p, "{\"items\":");
        }

        p += sprintf(p, "{}");

        for (i = 0; i < n; i++) {
            *p++ = '}';
        }

        sprintf(p, "}}]}");

        if (ex_build(CHAT, 0, text) == NULL) {
            break;
        }
    }

    is(n, 66, "a strict schema of any depth that can be asked for");
    ex_model = CLAUDE;
}


static void
test_choice(void)
{
    builds(ASK("," FG ",\"tool_choice\":\"auto\""), TOOLS(SPECS, ""),
           "auto (R64)");
    builds(ASK("," FG ",\"tool_choice\":\"required\""),
           TOOLS(SPECS, ",\"toolChoice\":{\"any\":{}}"), "required (R64)");
    builds(ASK("," FG ",\"tool_choice\":{\"type\":\"function\","
               "\"function\":{\"name\":\"g\"}}"),
           TOOLS(SPECS, ",\"toolChoice\":{\"tool\":{\"name\":\"g\"}}"),
           "named (R65)");
    builds(ASK("," FG ",\"tool_choice\":{\"type\":\"allowed_tools\","
               "\"allowed_tools\":{\"mode\":\"required\",\"tools\":["
               TOOL("g") "]}}"),
           TOOLS(SPEC("g", EMPTY_SCHEMA), ",\"toolChoice\":{\"any\":{}}"),
           "allowed (R67)");
    drops("", "nothing is lost");

    ex_model = "us.meta.llama3-3-70b-instruct-v1:0";
    builds(ASK("," FG ",\"tool_choice\":\"required\""), TOOLS(SPECS, ""),
           "a model that cannot be forced (R68)");
    drops("tool_choice", "is not");
    ex_model = CLAUDE;

    builds(ASK("," FG ",\"tool_choice\":\"required\",\"max_tokens\":4000,"
               "\"reasoning_effort\":\"low\""),
           "{\"inferenceConfig\":{\"maxTokens\":4000},"
           "\"toolConfig\":{\"tools\":[" SPECS "]},"
           "\"additionalModelRequestFields\":{\"thinking\":{\"type\":"
           "\"enabled\",\"budget_tokens\":2048}},\"messages\":[" X "]}",
           "nor one that thinks");
    drops("tool_choice", "is told");
}


static void
test_none(void)
{
    builds(ASK("," FG ",\"tool_choice\":\"none\",\"parallel_tool_calls\":"
               "false"), BODY("", X), "none: no tools (R64)");
    drops("", "which is what was asked");

    builds("{" FG ",\"tool_choice\":\"none\",\"messages\":["
           SAY("user", "\"x\"") "," CALLED("a", "f") "]}",
           BODY("\"toolConfig\":{\"tools\":[" SPECS "]},",
                X "," MODEL(USE("a", "f", "{}")) ","
                USER(RESULT("a", TEXT("r")))),
           "none in a conversation with calls: they cannot be left out");
    drops("tool_choice", "which is told");

    builds("{" FG ",\"tool_choice\":\"none\",\"messages\":["
           SAY("assistant", "null,\"tool_calls\":[" CALL("a", "f", "{}") "]")
           "," SAY("user", "\"x\"") "]}",
           BODY("\"toolConfig\":{\"tools\":[" SPECS "]},",
                USER(TEXT(".")) "," MODEL(USE("a", "f", "{}")) "," X),
           "one that begins with a call");

    builds("{\"functions\":[{\"name\":\"f\"}],\"function_call\":\"none\","
           "\"messages\":[" SAY("user", "\"x\"") "," CALLED("a", "f") "]}",
           BODY("\"toolConfig\":{\"tools\":[" SPEC("f", EMPTY_SCHEMA) "]},",
                X "," MODEL(USE("a", "f", "{}")) ","
                USER(RESULT("a", TEXT("r")))), "the legacy form");
    drops("function_call", "is told by its name");
}


static void
test_parallel(void)
{
    builds(ASK("," FG ",\"parallel_tool_calls\":false"),
           "{\"toolConfig\":{\"tools\":[" SPECS "]},"
           "\"additionalModelRequestFields\":{\"tool_choice\":{\"type\":"
           "\"auto\",\"disable_parallel_tool_use\":true}},"
           "\"messages\":[" X "]}", "one call at a time (R66)");
    drops("", "by a model of Claude's");

    builds(ASK("," FG ",\"parallel_tool_calls\":true"), TOOLS(SPECS, ""),
           "several");

    builds(ASK("," FG ",\"parallel_tool_calls\":false,\"tool_choice\":"
               "\"required\""),
           TOOLS(SPECS, ",\"toolChoice\":{\"any\":{}}"),
           "one, which must be: the choice comes first");
    drops("parallel_tool_calls", "and the number is dropped");

    ex_model = NOVA;
    builds(ASK("," FG ",\"parallel_tool_calls\":false"), TOOLS(SPECS, ""),
           "another maker's model");
    drops("parallel_tool_calls", "cannot be told");

    builds(ASK(",\"parallel_tool_calls\":false"), BODY("", X), "no tools");
    drops("", "need no number");
    ex_model = CLAUDE;
}


static void
test_legacy(void)
{
    builds("{\"functions\":[{\"name\":\"f\"}],\"function_call\":{\"name\":"
           "\"f\"},\"messages\":[" SAY("user", "\"x\"") ","
           SAY("assistant", "null,\"function_call\":{\"name\":\"f\","
               "\"arguments\":\"{}\"}") ","
           "{\"role\":\"function\",\"name\":\"f\",\"content\":\"r\"}]}",
           BODY("\"toolConfig\":{\"tools\":[" SPEC("f", EMPTY_SCHEMA)
                "],\"toolChoice\":{\"tool\":{\"name\":\"f\"}}},",
                X "," MODEL(USE("call_1", "f", "{}")) ","
                USER(RESULT("call_1", TEXT("r")))), "functions (R45)");
    ok(ex.legacy, "are answered in their form");
    drops("name", "a function's name stands at its call");
}


static void
test_format(void)
{
#define FORMAT(schema)                                                       \
    ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"        \
    "{\"name\":\"n\",\"description\":\"d\",\"schema\":" schema "}}"
#define GIVES(name, schema)                                                  \
    "{\"toolSpec\":{\"name\":\"" name "\",\"description\":"                  \
    "\"Gives the answer.\",\"inputSchema\":{\"json\":" schema "}}}"

    builds(ASK(FORMAT("{\"type\":\"object\",\"a\": 1.0}")),
           TOOLS(GIVES("json_response", "{\"type\":\"object\",\"a\": 1.0}"),
                 ",\"toolChoice\":{\"tool\":{\"name\":\"json_response\"}}"),
           "a schema becomes a tool (R71)");
    drops("", "nothing is lost");

    builds(ASK(FORMAT("{\"type\":\"array\"}")),
           TOOLS(GIVES("json_response", "{\"type\":\"object\","
                       "\"properties\":{\"value\":{\"type\":\"array\"}},"
                       "\"required\":[\"value\"]}"),
                 ",\"toolChoice\":{\"tool\":{\"name\":\"json_response\"}}"),
           "what is no object is wrapped");

    builds(ASK("," FG FORMAT("{\"type\":\"object\"}")),
           TOOLS(SPECS "," GIVES("json_response", "{\"type\":\"object\"}"),
                 ",\"toolChoice\":{\"any\":{}}"), "beside tools");

    builds(ASK(",\"response_format\":{\"type\":\"json_object\"}"),
           TOOLS(GIVES("json_response", "{\"type\":\"object\","
                       "\"additionalProperties\":true}"),
                 ",\"toolChoice\":{\"tool\":{\"name\":\"json_response\"}}"),
           "any object (R73)");

    builds(ASK(",\"response_format\":{\"type\":\"text\"}"), BODY("", X),
           "text (R74)");

    ex_model = "cohere.command-r-v1:0";
    builds(ASK(",\"response_format\":{\"type\":\"json_object\"}"),
           BODY("\"system\":[" TEXT("Answer with one JSON object only, "
                "without any text around it.") "],", X),
           "a model that cannot be forced is told");
    drops("response_format", "and may not heed it");

    ex_model = NOVA;
    builds(ASK(FORMAT("{\"type\":\"object\"}")),
           TOOLS(GIVES("json_response", "{\"type\":\"object\"}"),
                 ",\"toolChoice\":{\"tool\":{\"name\":\"json_response\"}}"),
           "another maker's model");
    ex_model = CLAUDE;
}


static void
test_native(void)
{
    ex_model = NEWER;

    builds(ASK(FORMAT("{\"type\":\"object\",\"properties\":{\"a\\\"\":"
                      "{\"type\":\"string\"}}}")),
           ANSWER("\"outputConfig\":{\"textFormat\":{\"type\":"
                  "\"json_schema\",\"structure\":{\"jsonSchema\":{\"name\":"
                  "\"n\",\"description\":\"d\",\"schema\":"
                  "\"{\\\"type\\\":\\\"object\\\",\\\"properties\\\":"
                  "{\\\"a\\\\\\\"\\\":{\\\"type\\\":\\\"string\\\"}},"
                  "\\\"additionalProperties\\\":false}\"}}}}"),
           "native output: a schema as text (R70, R72)");

    builds(ASK(",\"response_format\":{\"type\":\"json_schema\","
               "\"json_schema\":{\"name\":\"\",\"schema\":{}}}"),
           ANSWER("\"outputConfig\":{\"textFormat\":{\"type\":"
                  "\"json_schema\",\"structure\":{\"jsonSchema\":{"
                  "\"schema\":\"{}\"}}}}"), "one without a name");

    ex_model = CLAUDE;
}


static void
test_effort(void)
{
    builds(ASK(",\"reasoning_effort\":\"high\",\"max_tokens\":4000,"
               "\"temperature\":0.5"),
           "{\"inferenceConfig\":{\"maxTokens\":4000},"
           "\"additionalModelRequestFields\":{\"thinking\":{\"type\":"
           "\"enabled\",\"budget_tokens\":3999}},\"messages\":[" X "]}",
           "a budget within max_tokens (R54)");
    drops("temperature", "thinking leaves no choice (R56)");

    builds(ASK(",\"reasoning_effort\":\"low\""),
           FIELDS("\"thinking\":{\"type\":\"enabled\","
                  "\"budget_tokens\":2048}"), "no max_tokens");

    builds(ASK(",\"reasoning_effort\":\"low\",\"max_tokens\":1000"),
           CONFIG("\"maxTokens\":1000"), "too few for a thought");
    drops("reasoning_effort", "which is told");

    builds(ASK(",\"reasoning_effort\":\"none\""), BODY("", X), "none (R52)");
    drops("", "is nothing");

    builds("{" FG ",\"reasoning_effort\":\"low\",\"messages\":["
           SAY("user", "\"x\"") "," CALLED("a", "f") "]}",
           BODY("\"toolConfig\":{\"tools\":[" SPECS "]},",
                X "," MODEL(USE("a", "f", "{}")) ","
                USER(RESULT("a", TEXT("r")))),
           "a call that lost its thoughts (R55)");
    drops("reasoning_effort", "is told");

    ex_model = NEWEST;
    builds(ASK(",\"reasoning_effort\":\"minimal\""),
           FIELDS("\"thinking\":{\"type\":\"adaptive\",\"display\":"
                  "\"summarized\"},\"output_config\":{\"effort\":\"low\"}"),
           "an adaptive model (R53)");
    builds(ASK(",\"reasoning_effort\":\"none\""),
           FIELDS("\"thinking\":{\"type\":\"disabled\"}"),
           "which may think unasked (R52)");

    ex_model = NOVA;
    builds(ASK(",\"reasoning_effort\":\"low\""), BODY("", X),
           "another maker's model");
    drops("reasoning_effort", "has its own words for it");
    ex_model = CLAUDE;
}


static void
test_thinking(void)
{
    builds(ASK(",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":5},"
               "\"output_config\":{\"effort\":\"low\"},"
               "\"anthropic_beta\":\"b\",\"temperature\":0.5"),
           FIELDS("\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":5},"
                  "\"output_config\":{\"effort\":\"low\"},"
                  "\"anthropic_beta\":[\"b\"]"), "Claude's own (R15)");
    drops("temperature", "and what it means");

    builds(ASK(",\"anthropic_beta\":[\"b\",\"c\"]"),
           FIELDS("\"anthropic_beta\":[\"b\",\"c\"]"), "several betas");

    builds(ASK(",\"reasoning_effort\":\"high\",\"temperature\":0.5,"
               "\"top_k\":3,\"additionalModelRequestFields\":{\"thinking\":"
               "{\"type\":\"enabled\",\"budget_tokens\": 1.0}}"),
           FIELDS("\"thinking\":{\"type\":\"enabled\",\"budget_tokens\": "
                  "1.0}"), "the client's own fields win");
    drops("temperature, top_k", "and what they mean");

    builds(ASK(",\"top_k\":3,\"additionalModelRequestFields\":{\"a\":[1]}"),
           FIELDS("\"a\":[1],\"top_k\":3"), "and stand beside others");

    ex_model = NOVA;
    builds(ASK(",\"thinking\":{\"type\":\"enabled\"},\"output_config\":{},"
               "\"anthropic_beta\":[\"b\"],\"temperature\":0.5,"
               "\"additionalModelRequestFields\":{\"inferenceConfig\":"
               "{\"topK\": 5}}"),
           ANSWER("\"inferenceConfig\":{\"temperature\":0.5},"
                  "\"additionalModelRequestFields\":{\"inferenceConfig\":"
                  "{\"topK\": 5}}"), "another maker's model");
    drops("thinking, output_config, anthropic_beta", "knows none of them");
    ex_model = CLAUDE;
}


static void
test_members(void)
{
    builds(ASK(",\"additionalModelResponseFieldPaths\":[\"/a\"],"
               "\"guardrailConfig\":{\"guardrailIdentifier\":\"g\"},"
               "\"performanceConfig\":{\"latency\":\"optimized\"},"
               "\"requestMetadata\":{\"k\":\"v\"},"
               "\"promptVariables\":{\"p\":{\"text\":\"t\"}}"),
           ANSWER("\"additionalModelResponseFieldPaths\":[\"/a\"],"
                  "\"guardrailConfig\":{\"guardrailIdentifier\":\"g\"},"
                  "\"performanceConfig\":{\"latency\":\"optimized\"},"
                  "\"requestMetadata\":{\"k\":\"v\"},"
                  "\"promptVariables\":{\"p\":{\"text\":\"t\"}}"),
           "Converse's own members");
    drops("", "none is lost");

    refuses(ASK(",\"additionalModelRequestFields\":[]"),
            "400 invalid_type additionalModelRequestFields");
}


static void
test_capabilities(void)
{
    size_t     i;
    ngx_int_t  rc;
    ngx_str_t  s;

    static const char  *tests[][3] = {
        { "{\"budget_thinking\":true}",
          ASK(",\"reasoning_effort\":\"low\",\"max_tokens\":4000"),
          "{\"inferenceConfig\":{\"maxTokens\":4000},"
          "\"additionalModelRequestFields\":{\"thinking\":{\"type\":"
          "\"enabled\",\"budget_tokens\":2048}},\"messages\":[" X "]}" },
        { "{\"effort\":true}", ASK(",\"reasoning_effort\":\"low\""),
          FIELDS("\"output_config\":{\"effort\":\"low\"}") },
        { "{\"structured_outputs\":true}",
          ASK(",\"response_format\":{\"type\":\"json_schema\","
              "\"json_schema\":{\"schema\":{}}}"),
          ANSWER("\"outputConfig\":{\"textFormat\":{\"type\":"
                 "\"json_schema\",\"structure\":{\"jsonSchema\":{"
                 "\"schema\":\"{}\"}}}}") },
        { "{\"forced_tool_choice\":false}",
          ASK("," FG ",\"tool_choice\":\"required\""), TOOLS(SPECS, "") },
        { "{\"max_tokens\":5}", ASK(",\"max_tokens\":9"),
          CONFIG("\"maxTokens\":5") },
        { NULL, NULL, NULL }
    };
    static const char  *refused[] = {
        "{\"effort\":1}", "{\"web_search\":true}", "{\"mid_system\":"
        "\"inline\"}", "{\"max_tokens\":0}", NULL
    };

    ex_model = "arn:aws:bedrock:us-east-1:1:application-inference-profile/a";

    for (i = 0; tests[i][0]; i++) {
        ex_start(CHAT, 0, 0);

        s = str(tests[i][0]);
        ngx_http_llmbroker_json_parse(ex_pool, s.data, s.len,
                                      &ex_target.capabilities);

        rc = ex_target.dialect->configure(ex_pool, &ex_target);

        s = str(tests[i][1]);
        ngx_http_llmbroker_json_parse(ex_pool, s.data, s.len, &ex.request);

        ok(rc == NGX_OK && ex_target.dialect->build(&ex) == NGX_OK,
           "%s", tests[i][0]);
        is_str(ex_text(&ex_body), strlen(ex_text(&ex_body)), tests[i][2],
               "is heeded");
    }

    for (i = 0; refused[i]; i++) {
        ex_start(CHAT, 0, 0);

        s = str(refused[i]);
        ngx_http_llmbroker_json_parse(ex_pool, s.data, s.len,
                                      &ex_target.capabilities);

        ok(ex_target.dialect->configure(ex_pool, &ex_target) == NGX_DECLINED
           && ex_target.why != NULL, "%s is no capability", refused[i]);
    }

    ex_model = CLAUDE;
}


static void
test_dropped(void)
{
    builds(ASK(",\"seed\":1,\"logit_bias\":{},\"user\":\"u\","
               "\"metadata\":{},\"presence_penalty\":1,\"store\":false,"
               "\"foo\":1,\"cache_control\":{\"type\":\"ephemeral\"},"
               "\"modalities\":[\"text\"],\"n\":1"), BODY("", X),
           "what Converse does not know");
    drops("seed, logit_bias, user, metadata, presence_penalty, store, foo, "
          "cache_control, modalities", "is dropped and named (R11)");
}


static void
test_refused(void)
{
    refuses("{}", "400 empty_array messages");
    refuses(MESSAGES(""), "400 empty_array messages");
    refuses("{\"messages\":1}", "400 invalid_type messages");
    refuses(MESSAGES("1"), "400 invalid_type messages[0]");
    refuses(MESSAGES(SAY("x", "\"y\"")),
            "400 unsupported_value messages[0].role");
    refuses(MESSAGES(SAY("user", "1")), "400 invalid_type messages[0].content");
    refuses(MESSAGES(SAY("user", "[1]")),
            "400 unsupported_value messages[0].content");
    refuses(ASK(",\"n\":2"), "400 unsupported_value n");
    refuses(ASK(",\"modalities\":[\"audio\"]"),
            "400 unsupported_value modalities");
    refuses(ASK(",\"audio\":{\"voice\":\"v\"}"),
            "400 unsupported_value audio");
    refuses(ASK(",\"web_search_options\":{}"),
            "400 unsupported_value web_search_options");
    refuses(ASK(",\"max_tokens\":0"), "400 invalid_value max_tokens");
    refuses(ASK(",\"temperature\":\"1\""), "400 invalid_type temperature");
    refuses(ASK(",\"stop\":1"), "400 invalid_type stop");
    refuses(ASK(",\"service_tier\":1"), "400 invalid_type service_tier");
    refuses(ASK(",\"anthropic_beta\":1"), "400 invalid_type anthropic_beta");
    refuses(ASK(",\"reasoning_effort\":\"x\""),
            "400 invalid_value reasoning_effort");
    refuses(ASK(",\"tools\":[{\"type\":\"x\"}]"),
            "400 unsupported_value tools");
    refuses(ASK(",\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":"
                "\"f\",\"format\":{\"type\":\"grammar\"}}}]"),
            "400 unsupported_value tools");
    refuses(ASK("," FG ",\"tool_choice\":{\"type\":\"function\","
                "\"function\":{\"name\":\"h\"}}"),
            "400 invalid_value tool_choice");
    refuses(ASK(",\"response_format\":{\"type\":\"x\"}"),
            "400 unsupported_value response_format");
    refuses(ASK(",\"response_format\":{\"type\":\"json_schema\"}"),
            "400 missing_required_parameter "
            "response_format.json_schema.schema");
}


static void
test_prompt(void)
{
    const char  *got;

    got = ex_build(COMPLETIONS, 0, "{\"prompt\":\"a\\n\",\"tools\":[1]}");
    is_str(got, strlen(got),
           BODY("\"inferenceConfig\":{\"maxTokens\":16},",
                USER(TEXT("a\\n"))), "a completion's prompt");
    drops("tools", "what a completion does not have");

    got = ex_build(COMPLETIONS, 0, "{\"prompt\":\"\",\"max_tokens\":9}");
    ok(got && strstr(got, "[" USER(TEXT(".")) "]"), "an empty prompt");
}


/* each value of a request becomes each other one: no crash, no nonsense */

static const char  whole[] =
    "{\"max_tokens\":4000,\"temperature\":0.5,\"stop\":[\"a\"],"
    "\"service_tier\":\"flex\",\"top_k\":2,\"n\":1,"
    "\"reasoning_effort\":\"low\",\"tools\":[{\"type\":\"function\","
    "\"function\":{\"name\":\"f\",\"description\":\"d\",\"parameters\":"
    "{\"type\":\"object\",\"properties\":{\"p\":{\"type\":\"string\"}}},"
    "\"strict\":true}},{\"type\":\"custom\",\"custom\":{\"name\":\"c\"}}],"
    "\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}},"
    "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":"
    "\"n\",\"schema\":{\"type\":\"array\"}}},"
    "\"parallel_tool_calls\":false,\"anthropic_beta\":[\"b\"],"
    "\"additionalModelRequestFields\":{\"a\":1},\"messages\":["
    "{\"role\":\"system\",\"content\":\"s\",\"cache_control\":{\"type\":"
    "\"ephemeral\",\"ttl\":\"1h\"}},"
    "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"t\"},"
    "{\"type\":\"image_url\",\"image_url\":{\"url\":"
    "\"data:image/png;base64,QQ==\"}},{\"type\":\"file\",\"file\":"
    "{\"filename\":\"f.pdf\",\"file_data\":\"QQ==\"}}]},"
    "{\"role\":\"assistant\",\"content\":\"u\",\"thinking_blocks\":["
    "{\"type\":\"thinking\",\"thinking\":\"v\",\"signature\":\"w\"},"
    "{\"type\":\"redacted_thinking\",\"data\":\"x\"}],\"tool_calls\":["
    "{\"id\":\"i\",\"type\":\"function\",\"function\":{\"name\":\"f\","
    "\"arguments\":\"{}\"}}]},"
    "{\"role\":\"tool\",\"tool_call_id\":\"i\",\"is_error\":true,"
    "\"content\":[{\"type\":\"text\",\"text\":\"y\"}]}]}";


static void
test_hostile(void)
{
    size_t                      i;
    ngx_str_t                   s;
    ngx_pool_t                 *pool;
    ngx_http_llmbroker_json_t  *root;

    static const char  *models[] = { CLAUDE, NEWER, NOVA, NULL };

    for (i = 0; models[i]; i++) {
        ex_model = models[i];

        pool = ngx_create_pool(4096, &ngx_shim_log);
        s = str(whole);

        if (ngx_http_llmbroker_json_parse(pool, s.data, s.len, &root)
            != NGX_OK)
        {
            ok(0, "the request is JSON");
            return;
        }

        changed(whole, root);
        ngx_destroy_pool(pool);

        ok(1, "values of other types for %s", models[i]);
    }

    ex_model = CLAUDE;
}


static void
test_no_memory(void)
{
    survives(build_once, "a request");

    ex_model = NEWER;
    survives(build_once, "a request of native output");
    ex_model = CLAUDE;
}


static void
refuses(const char *request, const char *expected)
{
    builds(request, expected, expected);
}


/* the tree is small and this a test: it may recurse */

static void
changed(const char *text, ngx_http_llmbroker_json_t *v)
{
    size_t                      i, begin;
    ngx_str_t                   s;
    const char                 *got;
    ngx_http_llmbroker_json_t  *child, *root;

    static const char  *values[] = {
        "null", "true", "false", "0", "-1", "1e99", "\"\"", "\" \"",
        "\"x\"", "[]", "{}", "[null]", "[[]]", "[{}]", "{\"\":{}}",
        "{\"type\":\"text\",\"text\":\"\"}", NULL
    };

    char  request[4096];

    begin = v->raw.data - (u_char *) text;

    for (i = 0; values[i]; i++) {
        snprintf(request, sizeof(request), "%.*s%s%s", (int) begin, text,
                 values[i], text + begin + v->raw.len);

        got = ex_build(CHAT, i & 1, request);

        if (got == NULL) {
            ok(0, "%s", request);
            continue;
        }

        s = str(got);

        if (strncmp(got, "400 ", 4) != 0
            && ngx_http_llmbroker_json_parse(ex_pool, s.data, s.len, &root)
               != NGX_OK)
        {
            ok(0, "%s becomes %s", request, got);
        }
    }

    for (child = v->child; child; child = child->next) {
        changed(text, child);
    }
}


static ngx_int_t
build_once(void)
{
    return ex_build(CHAT, 0, whole) ? NGX_OK : NGX_ERROR;
}
