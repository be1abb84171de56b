
/*
 * Copyright (C) LLMBroker contributors
 *
 * Gemini's native dialect: addresses, requests, streamed and buffered
 * answers, thoughts and signatures, tool calls, citations, images, log
 * probabilities, usage, errors, cut and hostile streams, lack of memory.
 */


#include "exchange.h"


static void test_configure(void);
static void test_capabilities(void);
static void test_messages(void);
static void test_media(void);
static void test_calls(void);
static void test_results(void);
static void test_signatures(void);
static void test_tools(void);
static void test_choice(void);
static void test_parameters(void);
static void test_thinking(void);
static void test_own(void);
static void test_refused(void);
static void test_prompt(void);

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

static void path(const char *base, const char *model, const char *expected,
    const char *name);
static void refuses(const char *request, const char *expected);
static void error(ngx_uint_t status, const char *text);
static ngx_int_t build_once(void);
static ngx_int_t stream_once(void);
static ngx_int_t response_once(void);


#define ASK(more)                                                            \
    "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]" more "}"
#define MESSAGES(list)  "{\"messages\":[" list "]}"
#define CONTENTS(list)                                                       \
    "{\"contents\":[" list "],\"generationConfig\":{}}"
#define USER(parts)  "{\"role\":\"user\",\"parts\":[" parts "]}"
#define MODEL(parts)  "{\"role\":\"model\",\"parts\":[" parts "]}"
#define X  USER("{\"text\":\"x\"}")
#define CONFIG(inside)                                                       \
    "{\"contents\":[" X "],\"generationConfig\":{" inside "}}"
#define TOOLS(tools)                                                         \
    "{\"contents\":[" X "],\"tools\":[" tools "],\"generationConfig\":{}}"
#define CHOICE(tools, choice)                                                \
    "{\"contents\":[" X "],\"tools\":[{\"functionDeclarations\":[" tools     \
    "]}],\"toolConfig\":{\"functionCallingConfig\":{" choice "}},"           \
    "\"generationConfig\":{}}"
#define FG                                                                   \
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}},"      \
    "{\"type\":\"function\",\"function\":{\"name\":\"g\"}}]"

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

    test_configure();
    test_capabilities();
    test_messages();
    test_media();
    test_calls();
    test_results();
    test_signatures();
    test_tools();
    test_choice();
    test_parameters();
    test_thinking();
    test_own();
    test_refused();
    test_prompt();

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
test_configure(void)
{
    ngx_str_t  name;

    path("/v1beta", "gemini-2.5-flash",
         "/v1beta/models/gemini-2.5-flash:generateContent", "a path");
    path("/v1beta", "models/gemini-2.5-flash",
         "/v1beta/models/gemini-2.5-flash:generateContent",
         "a model with its folder");
    path("/v1beta", "tunedModels/a",
         "/v1beta/tunedModels/a:generateContent", "a tuned model");
    path("/v1", "a/b?c:d \xc3\xbc",
         "/v1/models/a%2Fb%3Fc%3Ad%20%C3%BC:generateContent",
         "a model's name is escaped");

    is_str(ex_target.headers[0].data, ex_target.headers[0].len,
           "x-goog-api-key: KEY\r\n", "a key");

    path("/v1/projects/p/locations/l/publishers/google", "gemini-2.5-pro",
         "/v1/projects/p/locations/l/publishers/google/models/"
         "gemini-2.5-pro:generateContent", "a path of Vertex AI");
    is_str(ex_target.headers[1].data, ex_target.headers[1].len,
           "Authorization: Bearer KEY\r\n", "a token of Vertex AI");

    ex_start(CHAT, 1, 0);
    is_str(ex_target.paths[CHAT][1].data, ex_target.paths[CHAT][1].len,
           "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
           "a path of streams");

    name = str("google");
    ok(ngx_http_llmbroker_provider_find(&name) == ex_target.row,
       "the provider's other name");

    ex_base = "/v1beta/openai";
    ex_start(CHAT, 0, 0);
    is_str(ex_target.dialect->name.data, ex_target.dialect->name.len,
           "openai", "the OpenAI interface of Google");
    ex_base = "/v1beta";
}


static void
test_capabilities(void)
{
    char       text[64];
    size_t     i;
    ngx_int_t  rc;
    ngx_str_t  s;

    static const char  *tests[][2] = {
        { "level", CONFIG("\"thinkingConfig\":{\"thinkingLevel\":\"low\","
                          "\"includeThoughts\":true}") },
        { "budget", CONFIG("\"thinkingConfig\":{\"thinkingBudget\":2048,"
                           "\"includeThoughts\":true}") },
        { "none", CONTENTS(X) },
        { NULL, NULL }
    };
    static const char  *refused[] = {
        "{\"thinking\":true}", "{\"thinking\":\"x\"}", "{\"thinkin\":1}",
        "{\"thinking\":\"level\",\"x\":1}", NULL
    };

    ex_model = "learnlm-2.0";

    for (i = 0; tests[i][0]; i++) {
        ex_start(CHAT, 0, 0);

        snprintf(text, sizeof(text), "{\"thinking\":\"%s\"}", tests[i][0]);
        s = str(text);
        ngx_http_llmbroker_json_parse(ex_pool, s.data, s.len,
                                      &ex_target.capabilities);

        rc = ex_target.dialect->configure(ex_pool, &ex_target);

        s = str(ASK(",\"reasoning_effort\":\"low\""));
        ngx_http_llmbroker_json_parse(ex_pool, s.data, s.len, &ex.request);

        ok(rc == NGX_OK && ex_target.dialect->build(&ex) == NGX_OK
           && strcmp(ex_text(&ex_body), tests[i][1]) == 0,
           "a model that is said to think by \"%s\"", tests[i][0]);
    }

    for (i = 0; refused[i]; i++) {
        ex_start(CHAT, 0, 0);

        s = str(refused[i]);
        ngx_http_llmbroker_json_parse(ex_pool, s.data, s.len,
                                      &ex_target.capabilities);

        ok(ex_target.dialect->configure(ex_pool, &ex_target) == NGX_DECLINED
           && ex_target.why != NULL, "capabilities that cannot be");
    }

    ex_model = "gemini-2.5-flash";
}


static void
test_messages(void)
{
    builds(MESSAGES("{\"role\":\"system\",\"content\":\"a\\n\"},"
                    "{\"role\":\"user\",\"content\":\"b\"},"
                    "{\"role\":\"developer\",\"content\":"
                    "[{\"type\":\"text\",\"text\":\"c\"}]},"
                    "{\"role\":\"user\",\"content\":"
                    "[{\"type\":\"text\",\"text\":\"d\"},"
                    "{\"type\":\"text\",\"text\":\"\"}]},"
                    "{\"role\":\"assistant\",\"content\":\"e\"},"
                    "{\"role\":\"assistant\",\"content\":null,"
                    "\"refusal\":\"f\"},"
                    "{\"role\":\"assistant\",\"content\":"
                    "[{\"type\":\"refusal\",\"refusal\":\"g\"}]},"
                    "{\"role\":\"user\",\"content\":\" \"}"),
           "{\"systemInstruction\":{\"parts\":[{\"text\":\"a\\n\"},"
           "{\"text\":\"c\"}]},\"contents\":["
           USER("{\"text\":\"b\"},{\"text\":\"d\"}") ","
           MODEL("{\"text\":\"e\"},{\"text\":\"f\"},{\"text\":\"g\"}") ","
           USER("{\"text\":\" \"}")
           "],\"generationConfig\":{}}",
           "instructions, merged turns (R20, R21, R39)");
    drops("", "nothing was dropped");

    builds(MESSAGES("{\"role\":\"system\",\"content\":\"a\"},"
                    "{\"role\":\"system\",\"content\":\"b\"}"),
           "{\"systemInstruction\":{\"parts\":[{\"text\":\"a\"}]},"
           "\"contents\":[" USER("{\"text\":\"b\"}")
           "],\"generationConfig\":{}}",
           "instructions only (R22)");

    builds(MESSAGES("{\"role\":\"user\",\"content\":\"\"}"),
           CONTENTS(USER("{\"text\":\".\"}")), "nothing said (R38)");

    builds(MESSAGES("{\"role\":\"user\",\"content\":\"\"},"
                    "{\"role\":\"user\",\"content\":\"x\"},"
                    "{\"role\":\"assistant\",\"content\":\"\"}"),
           CONTENTS(X), "nothing said beside something (R38)");

    builds(MESSAGES("{\"role\":\"user\",\"content\":\"x\",\"name\":\"n\","
                    "\"foo\":1},{\"role\":\"assistant\",\"content\":\"y\","
                    "\"reasoning_content\":\"z\",\"annotations\":[1],"
                    "\"provider_specific_fields\":{\"a\":1}}"),
           CONTENTS(X "," MODEL("{\"text\":\"y\"}")), "members of messages");
    drops("foo, name, reasoning_content", "what of messages is dropped");
}


static void
test_media(void)
{
    builds(MESSAGES("{\"role\":\"user\",\"content\":["
                    "{\"type\":\"image_url\",\"image_url\":"
                    "{\"url\":\"DATA:image/JPG;x=y;base64,QUI=\"}},"
                    "{\"type\":\"image_url\",\"image_url\":"
                    "{\"url\":\"https://a/b.PNG?c=d.gif#e\"}},"
                    "{\"type\":\"image_url\",\"image_url\":"
                    "\"https://a.gif/b\"},"
                    "{\"type\":\"video_url\",\"video_url\":"
                    "{\"url\":\"gs://a/b.mp4\"}}]}"),
           CONTENTS(USER("{\"inlineData\":{\"mimeType\":\"image/jpeg\","
                         "\"data\":\"QUI=\"}},"
                         "{\"fileData\":{\"mimeType\":\"image/png\","
                         "\"fileUri\":\"https://a/b.PNG?c=d.gif#e\"}},"
                         "{\"fileData\":{\"fileUri\":\"https://a.gif/b\"}},"
                         "{\"fileData\":{\"mimeType\":\"video/mp4\","
                         "\"fileUri\":\"gs://a/b.mp4\"}}")),
           "images and videos (R34)");

    builds(MESSAGES("{\"role\":\"user\",\"content\":["
                    "{\"type\":\"input_audio\",\"input_audio\":"
                    "{\"data\":\"QQ==\",\"format\":\"mp3\"}},"
                    "{\"type\":\"file\",\"file\":{\"filename\":\"a\","
                    "\"file_data\":\"data:text/csv;base64,QQ==\"}},"
                    "{\"type\":\"file\",\"file\":{\"file_data\":\"QUJD\"}},"
                    "{\"type\":\"file\",\"file\":{\"file_id\":"
                    "\"https://g/v1beta/files/1\"}}]}"),
           CONTENTS(USER("{\"inlineData\":{\"mimeType\":\"audio/mp3\","
                         "\"data\":\"QQ==\"}},"
                         "{\"inlineData\":{\"mimeType\":\"text/csv\","
                         "\"data\":\"QQ==\"}},"
                         "{\"inlineData\":{\"mimeType\":\"application/pdf\","
                         "\"data\":\"QUJD\"}},"
                         "{\"fileData\":{\"fileUri\":"
                         "\"https://g/v1beta/files/1\"}}")),
           "audio and files (R35)");
}


static void
test_calls(void)
{
    builds(MESSAGES("{\"role\":\"user\",\"content\":\"x\"},"
                    "{\"role\":\"assistant\",\"content\":\"y\","
                    "\"tool_calls\":["
                    "{\"id\":\"a\",\"type\":\"function\",\"function\":"
                    "{\"name\":\"f\",\"arguments\":\" {\\\"n\\\": 1.0} \"}},"
                    "{\"id\":\"b\",\"type\":\"function\",\"function\":"
                    "{\"name\":\"g\",\"arguments\":\"\"}},"
                    "{\"id\":\"c\",\"type\":\"custom\",\"custom\":"
                    "{\"name\":\"h\",\"input\":\"i \\\"j\\\"\"}},"
                    "{\"id\":\"d\",\"type\":\"custom\",\"custom\":"
                    "{\"name\":\"k\"}}]}"),
           CONTENTS(X "," MODEL("{\"text\":\"y\"},{\"functionCall\":"
                    "{\"id\":\"a\",\"name\":\"f\",\"args\":{\"n\": 1.0}}},"
                    "{\"functionCall\":{\"id\":\"b\",\"name\":\"g\","
                    "\"args\":{}}},{\"functionCall\":{\"id\":\"c\","
                    "\"name\":\"h\",\"args\":{\"input\":\"i \\\"j\\\"\"}}},"
                    "{\"functionCall\":{\"id\":\"d\",\"name\":\"k\","
                    "\"args\":{}}}")),
           "calls (R42, R43)");

    builds(MESSAGES("{\"role\":\"user\",\"content\":\"x\"},"
                    "{\"role\":\"assistant\",\"content\":null,"
                    "\"function_call\":{\"name\":\"f\","
                    "\"arguments\":\"{}\"}},"
                    "{\"role\":\"function\",\"name\":\"f\","
                    "\"content\":\"1\"}"),
           CONTENTS(X "," MODEL("{\"functionCall\":{\"name\":\"f\","
                                "\"args\":{}}}") ","
                    USER("{\"functionResponse\":{\"name\":\"f\","
                         "\"response\":{\"result\":\"1\"}}}")),
           "a legacy call and its result (R45)");
}


static void
test_results(void)
{
    static const char  messages[] =
        MESSAGES("{\"role\":\"user\",\"content\":\"x\"},"
                 "{\"role\":\"assistant\",\"tool_calls\":["
                 "{\"id\":\"a\",\"function\":{\"name\":\"f\"}},"
                 "{\"id\":\"b\",\"function\":{\"name\":\"g\"}}]},"
                 "{\"role\":\"tool\",\"tool_call_id\":\"b\","
                 "\"content\":\"{\\\"n\\\": 1.0}\"},"
                 "{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":"
                 "[{\"type\":\"text\",\"text\":\"[1]\"},"
                 "{\"type\":\"image_url\",\"image_url\":"
                 "{\"url\":\"data:image/png;base64,QQ==\"}},"
                 "{\"type\":\"text\",\"text\":\"z\"}]},"
                 "{\"role\":\"user\",\"content\":\"y\"},"
                 "{\"role\":\"tool\",\"tool_call_id\":\"n\",\"name\":\"m\"}");

    builds(messages,
           CONTENTS(X "," MODEL("{\"functionCall\":{\"id\":\"a\","
                    "\"name\":\"f\",\"args\":{}}},{\"functionCall\":"
                    "{\"id\":\"b\",\"name\":\"g\",\"args\":{}}}") ","
                    USER("{\"functionResponse\":{\"id\":\"b\","
                    "\"name\":\"g\",\"response\":{\"n\": 1.0}}},"
                    "{\"functionResponse\":{\"id\":\"a\",\"name\":\"f\","
                    "\"response\":{\"result\":\"[1]\\nz\"}}},"
                    "{\"inlineData\":{\"mimeType\":\"image/png\","
                    "\"data\":\"QQ==\"}},{\"text\":\"y\"},"
                    "{\"functionResponse\":{\"id\":\"n\",\"name\":\"m\","
                    "\"response\":{\"result\":\"\"}}}")),
           "results find their function (R33, R36)");

    ex_model = "gemini-3-flash-preview";
    builds(messages,
           CONTENTS(X "," MODEL("{\"functionCall\":{\"id\":\"a\","
                    "\"name\":\"f\",\"args\":{}},\"thoughtSignature\":"
                    "\"skip_thought_signature_validator\"},"
                    "{\"functionCall\":"
                    "{\"id\":\"b\",\"name\":\"g\",\"args\":{}}}") ","
                    USER("{\"functionResponse\":{\"id\":\"b\","
                    "\"name\":\"g\",\"response\":{\"n\": 1.0}}},"
                    "{\"functionResponse\":{\"id\":\"a\",\"name\":\"f\","
                    "\"response\":{\"result\":\"[1]\\nz\"},\"parts\":["
                    "{\"inlineData\":{\"mimeType\":\"image/png\","
                    "\"data\":\"QQ==\"}}]}},{\"text\":\"y\"},"
                    "{\"functionResponse\":{\"id\":\"n\",\"name\":\"m\","
                    "\"response\":{\"result\":\"\"}}}")),
           "an image lies within a result");
    ex_model = "gemini-2.5-flash";
}


static void
test_signatures(void)
{
    builds(MESSAGES("{\"role\":\"user\",\"content\":\"x\"},"
                    "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\","
                    "\"text\":\"y\"},{\"type\":\"text\",\"text\":\"z\"}],"
                    "\"extra_content\":{\"google\":{\"thought_signature\":"
                    "\"T\"}},\"tool_calls\":[{\"id\":\"a\",\"function\":"
                    "{\"name\":\"f\"},\"extra_content\":{\"google\":"
                    "{\"thought_signature\":\"S=\"}}}]}"),
           CONTENTS(X "," MODEL("{\"text\":\"y\"},{\"text\":\"z\","
                    "\"thoughtSignature\":\"T\"},{\"functionCall\":"
                    "{\"id\":\"a\",\"name\":\"f\",\"args\":{}},"
                    "\"thoughtSignature\":\"S=\"}")),
           "signatures are replayed");

    ex_model = "models/gemini-next";
    builds(MESSAGES("{\"role\":\"user\",\"content\":\"x\"},"
                    "{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\","
                    "\"function\":{\"name\":\"f\"},\"extra_content\":"
                    "{\"google\":{\"thought_signature\":\"S\"}}},"
                    "{\"id\":\"b\",\"function\":{\"name\":\"f\"}}]},"
                    "{\"role\":\"user\",\"content\":\"x\"},"
                    "{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\","
                    "\"function\":{\"name\":\"f\"},\"extra_content\":1}]}"),
           CONTENTS(X "," MODEL("{\"functionCall\":{\"id\":\"a\","
                    "\"name\":\"f\",\"args\":{}},\"thoughtSignature\":"
                    "\"S\"},{\"functionCall\":{\"id\":\"b\",\"name\":\"f\","
                    "\"args\":{}}}") "," X ","
                    MODEL("{\"functionCall\":{\"id\":\"a\",\"name\":\"f\","
                    "\"args\":{}},\"thoughtSignature\":"
                    "\"skip_thought_signature_validator\"}")),
           "the first call of a turn has a signature");
    ex_model = "gemini-2.5-flash";
}


static void
test_tools(void)
{
    builds(ASK(",\"tools\":[{\"type\":\"function\",\"function\":"
               "{\"name\":\"f\",\"description\":\"d\",\"strict\":true,"
               "\"parameters\":{\"type\":\"object\",\"$defs\":{\"a\":"
               "{\"const\":1}},\"x\":1.0}}},"
               "{\"type\":\"function\",\"function\":{\"name\":\"g\","
               "\"parameters\":{}}},"
               "{\"type\":\"custom\",\"custom\":{\"name\":\"h\","
               "\"description\":\"e\"}},"
               "{\"url_context\":{}}],\"parallel_tool_calls\":false"),
           TOOLS("{\"functionDeclarations\":[{\"name\":\"f\","
                 "\"description\":\"d\",\"parametersJsonSchema\":"
                 "{\"type\":\"object\",\"$defs\":{\"a\":{\"const\":1}},"
                 "\"x\":1.0}},{\"name\":\"g\"},{\"name\":\"h\","
                 "\"description\":\"e\",\"parametersJsonSchema\":"
                 "{\"type\":\"object\",\"properties\":{\"input\":"
                 "{\"type\":\"string\"}},\"required\":[\"input\"]}}]},"
                 "{\"url_context\":{}}"),
           "tools (R60, R62)");
    drops("tools.strict, parallel_tool_calls", "what of tools is dropped");
    ok(ex.custom && ex.custom->nelts == 1, "a custom tool is remembered");

    builds(ASK(",\"functions\":[{\"name\":\"f\",\"parameters\":"
               "{\"type\":\"object\"}}],\"function_call\":{\"name\":\"f\"}"),
           CHOICE("{\"name\":\"f\",\"parametersJsonSchema\":"
                  "{\"type\":\"object\"}}",
                  "\"mode\":\"ANY\",\"allowedFunctionNames\":[\"f\"]"),
           "legacy functions (R45)");
    ok(ex.legacy, "a legacy request is remembered");

    builds(ASK(",\"tools\":[],\"tool_choice\":\"auto\""), CONTENTS(X),
           "no tools (R69)");

    builds(ASK(",\"web_search_options\":{\"search_context_size\":\"low\","
               "\"user_location\":null}"),
           TOOLS("{\"googleSearch\":{}}"), "a search (R14)");
    drops("web_search_options.search_context_size", "its options");

    builds(ASK(",\"web_search_options\":{},\"tools\":"
               "[{\"google_search\":{\"a\":1}}]"),
           TOOLS("{\"google_search\":{\"a\":1}}"), "one search");
}


static void
test_choice(void)
{
    builds(ASK("," FG ",\"tool_choice\":\"auto\""),
           CHOICE("{\"name\":\"f\"},{\"name\":\"g\"}", "\"mode\":\"AUTO\""),
           "auto (R64)");
    builds(ASK("," FG ",\"tool_choice\":\"none\""),
           CHOICE("{\"name\":\"f\"},{\"name\":\"g\"}", "\"mode\":\"NONE\""),
           "none (R64)");
    builds(ASK("," FG ",\"tool_choice\":\"required\""),
           CHOICE("{\"name\":\"f\"},{\"name\":\"g\"}", "\"mode\":\"ANY\""),
           "required (R64)");
    builds(ASK("," FG ",\"tool_choice\":{\"type\":\"function\","
               "\"function\":{\"name\":\"g\"}}"),
           CHOICE("{\"name\":\"f\"},{\"name\":\"g\"}",
                  "\"mode\":\"ANY\",\"allowedFunctionNames\":[\"g\"]"),
           "a named tool (R65)");
    builds(ASK("," FG ",\"tool_choice\":{\"type\":\"allowed_tools\","
               "\"allowed_tools\":{\"mode\":\"required\",\"tools\":"
               "[{\"type\":\"function\",\"function\":{\"name\":\"\\u0067\"}},"
               "{\"type\":\"function\",\"name\":\"f\"},"
               "{\"type\":\"custom\",\"custom\":{\"name\":\"h\"}}]}}"),
           CHOICE("{\"name\":\"f\"},{\"name\":\"g\"}",
                  "\"mode\":\"ANY\","
                  "\"allowedFunctionNames\":[\"g\",\"f\"]"),
           "allowed tools of which one is called (R67)");
    builds(ASK("," FG ",\"tool_choice\":{\"type\":\"allowed_tools\","
               "\"allowed_tools\":{\"mode\":\"auto\",\"tools\":"
               "[{\"type\":\"function\",\"function\":{\"name\":\"g\"}}]}}"),
           CHOICE("{\"name\":\"g\"}", "\"mode\":\"AUTO\""),
           "allowed tools (R67)");
}


static void
test_parameters(void)
{
    builds(ASK(",\"max_tokens\":1,\"max_completion_tokens\":7,"
               "\"temperature\":0.70,\"top_p\":1e-1,\"top_k\":4,"
               "\"seed\":90071992547409931,\"presence_penalty\":-0.5,"
               "\"frequency_penalty\":0,\"n\":2,\"stop\":[\"a\",\"\",\"b\"],"
               "\"logprobs\":true,\"top_logprobs\":3"),
           CONFIG("\"maxOutputTokens\":7,\"temperature\":0.70,\"topP\":1e-1,"
                  "\"topK\":4,\"seed\":90071992547409931,"
                  "\"presencePenalty\":-0.5,\"frequencyPenalty\":0,"
                  "\"candidateCount\":2,\"stopSequences\":[\"a\",\"b\"],"
                  "\"responseLogprobs\":true,\"logprobs\":3"),
           "parameters keep their text");
    drops("", "nothing was dropped");

    builds(ASK(",\"n\":1,\"stop\":\"a\",\"logprobs\":false,\"user\":\"u\","
               "\"store\":true,\"logit_bias\":{\"1\":1},\"foo\":1,"
               "\"service_tier\":null,\"temperature\":null"),
           CONFIG("\"stopSequences\":[\"a\"]"), "one of each");
    drops("user, store, logit_bias, foo", "what is dropped (R11)");

    builds(ASK(",\"stop\":\"\",\"user\":\"u\""), CONTENTS(X),
           "an empty stop sequence (R8)");

    builds(ASK(",\"response_format\":{\"type\":\"json_object\"}"),
           CONFIG("\"responseMimeType\":\"application/json\""),
           "JSON");
    builds(ASK(",\"response_format\":{\"type\":\"text\"}"), CONTENTS(X),
           "plain text");
    builds(ASK(",\"response_format\":{\"type\":\"json_schema\","
               "\"json_schema\":{\"name\":\"n\",\"strict\":true,\"schema\":"
               "{\"type\":\"object\",\"additionalProperties\":false}}}"),
           CONFIG("\"responseMimeType\":\"application/json\","
                  "\"responseJsonSchema\":{\"type\":\"object\","
                  "\"additionalProperties\":false}"),
           "a schema");

    builds(ASK(",\"modalities\":[\"text\"]"), CONTENTS(X), "text");
    builds(ASK(",\"modalities\":[\"text\",\"image\"]"),
           CONFIG("\"responseModalities\":[\"TEXT\",\"IMAGE\"]"), "images");
}


static void
test_thinking(void)
{
    size_t      i;
    char        ask[256], expected[512];

    static const char  *tests[][3] = {
        { "gemini-2.5-flash", "none", "\"thinkingBudget\":0" },
        { "gemini-2.5-flash", "low",
          "\"thinkingBudget\":2048,\"includeThoughts\":true" },
        { "gemini-2.5-flash", "max",
          "\"thinkingBudget\":24576,\"includeThoughts\":true" },
        { "models/gemini-2.5-pro", "none", "\"thinkingBudget\":128" },
        { "gemini-2.5-pro", "xhigh",
          "\"thinkingBudget\":32768,\"includeThoughts\":true" },
        { "gemini-3-flash-preview", "none", "\"thinkingLevel\":\"minimal\"" },
        { "gemini-3-flash-preview", "minimal",
          "\"thinkingLevel\":\"minimal\",\"includeThoughts\":true" },
        { "gemini-3-flash-preview", "medium",
          "\"thinkingLevel\":\"medium\",\"includeThoughts\":true" },
        { "gemini-3-pro-preview", "medium",
          "\"thinkingLevel\":\"high\",\"includeThoughts\":true" },
        { "gemini-3.1-pro-preview", "minimal",
          "\"thinkingLevel\":\"low\",\"includeThoughts\":true" },
        { "gemini-4", "xhigh",
          "\"thinkingLevel\":\"high\",\"includeThoughts\":true" },
        { NULL, NULL, NULL }
    };

    for (i = 0; tests[i][0]; i++) {
        ex_model = tests[i][0];
        snprintf(ask, sizeof(ask), ASK(",\"reasoning_effort\":\"%s\""),
                 tests[i][1]);
        snprintf(expected, sizeof(expected),
                 CONFIG("\"thinkingConfig\":{%s}"), tests[i][2]);
        builds(ask, expected, ask + 47);
    }

    ex_model = "gemini-2.0-flash";
    builds(ASK(",\"reasoning_effort\":\"low\""), CONTENTS(X),
           "a model that does not think");
    drops("reasoning_effort", "so it is dropped");
    builds(ASK(",\"reasoning_effort\":\"none\""), CONTENTS(X),
           "and need not be told");
    drops("", "so nothing is dropped");

    ex_model = "gemini-2.5-flash";
    builds(ASK(",\"reasoning_effort\":\"high\",\"max_tokens\":100"),
           CONFIG("\"maxOutputTokens\":100,\"thinkingConfig\":"
                  "{\"thinkingBudget\":99,\"includeThoughts\":true}"),
           "a budget below the limit (R54)");
}


static void
test_own(void)
{
    builds(ASK(",\"safety_settings\":[{\"a\": 1}],"
               "\"cachedContent\":\"cachedContents/1\","
               "\"labels\":{\"b\":\"c\"},\"thinking_config\":"
               "{\"thinking_budget\": 5},\"reasoning_effort\":\"low\""),
           "{\"contents\":[" X "],\"generationConfig\":{\"thinkingConfig\":"
           "{\"thinking_budget\": 5}},\"safetySettings\":[{\"a\": 1}],"
           "\"cachedContent\":\"cachedContents/1\","
           "\"labels\":{\"b\":\"c\"}}",
           "members in Gemini's words");
    drops("reasoning_effort", "which win");

    builds(ASK(",\"extra_body\":{\"google\":{\"cached_content\":\"d\","
               "\"thinking_config\":{\"include_thoughts\":true},"
               "\"foo\":1}}"),
           "{\"contents\":[" X "],\"generationConfig\":{\"thinkingConfig\":"
           "{\"include_thoughts\":true}},\"cachedContent\":\"d\"}",
           "members in Google's way for OpenAI's clients");
    drops("foo", "what is unknown there");

    builds(ASK(",\"generation_config\":{\"top_k\":1,\"e\":{},"
               "\"maxOutputTokens\":null},\"top_k\":2,\"max_tokens\":3"),
           CONFIG("\"top_k\":1,\"e\":{},\"maxOutputTokens\":3"),
           "the rest of the configuration");

    builds(ASK(",\"extra_body\":{\"a\":1}"), CONTENTS(X),
           "another extra_body");
    drops("extra_body", "is dropped");
}


static void
test_refused(void)
{
    refuses("{}", "400 invalid_value messages");
    refuses(MESSAGES(""), "400 invalid_value messages");
    refuses("{\"messages\":1}", "400 invalid_type messages");
    refuses(MESSAGES("1"), "400 invalid_type messages[0]");
    refuses(MESSAGES("{\"role\":\"x\",\"content\":\"y\"}"),
            "400 unsupported_value messages[0].role");
    refuses(MESSAGES("{\"role\":\"user\",\"content\":1}"),
            "400 invalid_type messages[0].content");
    refuses(MESSAGES("{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}"),
            "400 invalid_type messages[0].content");
    refuses(MESSAGES("{\"role\":\"user\",\"content\":[{\"type\":\"x\"}]}"),
            "400 unsupported_value messages[0].content");
    refuses(MESSAGES("{\"role\":\"user\",\"content\":[1]}"),
            "400 unsupported_value messages[0].content");
    refuses(MESSAGES("{\"role\":\"system\",\"content\":[{\"type\":"
                     "\"image_url\",\"image_url\":{\"url\":\"https://a/b\"}"
                     "}]}"),
            "400 unsupported_value messages[0].content");
    refuses(MESSAGES("{\"role\":\"user\",\"content\":[{\"type\":"
                     "\"image_url\",\"image_url\":{\"url\":\"http://a/b\"}"
                     "}]}"),
            "400 unsupported_value messages[0].content");
    refuses(MESSAGES("{\"role\":\"user\",\"content\":[{\"type\":"
                     "\"image_url\",\"image_url\":{\"url\":"
                     "\"data:text/plain,x\"}}]}"),
            "400 unsupported_value messages[0].content");
    refuses(MESSAGES("{\"role\":\"user\",\"content\":[{\"type\":"
                     "\"image_url\",\"image_url\":{\"url\":"
                     "\"data:;base64,QQ==\"}}]}"),
            "400 unsupported_value messages[0].content");
    refuses(MESSAGES("{\"role\":\"user\",\"content\":[{\"type\":"
                     "\"input_audio\",\"input_audio\":{\"data\":\"QQ==\","
                     "\"format\":\"x\"}}]}"),
            "400 unsupported_value messages[0].content");
    refuses(MESSAGES("{\"role\":\"user\",\"content\":[{\"type\":\"file\","
                     "\"file\":{\"file_id\":\"file-1\"}}]}"),
            "400 unsupported_value messages[0].content");
    refuses(MESSAGES("{\"role\":\"assistant\",\"audio\":{\"id\":\"a\"}}"),
            "400 unsupported_value messages[0].audio");
    refuses(MESSAGES("{\"role\":\"assistant\",\"tool_calls\":1}"),
            "400 invalid_type messages[0].tool_calls");
    refuses(MESSAGES("{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\","
                     "\"function\":{}}]}"),
            "400 invalid_value messages[0].tool_calls[0]");
    refuses(MESSAGES("{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\","
                     "\"function\":{\"name\":\"f\",\"arguments\":\"[]\"}}]}"),
            "400 invalid_value messages[0].tool_calls[0]");
    refuses(MESSAGES("{\"role\":\"assistant\",\"function_call\":{\"name\":"
                     "\"f\",\"arguments\":\"{\"}}"),
            "400 invalid_value messages[0].function_call");
    refuses(MESSAGES("{\"role\":\"tool\",\"tool_call_id\":\"a\","
                     "\"content\":\"x\"}"),
            "400 invalid_value messages[0].tool_call_id");

    refuses(ASK(",\"tools\":1"), "400 invalid_type tools");
    refuses(ASK(",\"tools\":[1]"), "400 unsupported_value tools");
    refuses(ASK(",\"tools\":[{\"type\":\"x\"}]"),
            "400 unsupported_value tools");
    refuses(ASK(",\"tools\":[{\"type\":\"function\",\"function\":{}}]"),
            "400 invalid_value tools");
    refuses(ASK(",\"tools\":[{\"type\":\"function\",\"function\":"
                "{\"name\":\"f\",\"parameters\":1}}]"),
            "400 invalid_type tools");
    refuses(ASK(",\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":"
                "\"f\",\"format\":{\"type\":\"grammar\"}}}]"),
            "400 unsupported_value tools");
    refuses(ASK("," FG ",\"tool_choice\":\"x\""),
            "400 unsupported_value tool_choice");
    refuses(ASK("," FG ",\"tool_choice\":{\"type\":\"function\","
                "\"function\":{\"name\":\"h\"}}"),
            "400 invalid_value tool_choice");
    refuses(ASK("," FG ",\"tool_choice\":{\"type\":\"allowed_tools\"}"),
            "400 invalid_value tool_choice");

    refuses(ASK(",\"n\":0"), "400 invalid_value n");
    refuses(ASK(",\"n\":\"2\""), "400 invalid_type n");
    refuses(ASK(",\"max_tokens\":0"), "400 invalid_value max_tokens");
    refuses(ASK(",\"temperature\":\"1\""), "400 invalid_type temperature");
    refuses(ASK(",\"stop\":1"), "400 invalid_type stop");
    refuses(ASK(",\"stop\":[1]"), "400 invalid_type stop");
    refuses(ASK(",\"stop\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\"]"),
            "400 invalid_value stop");
    refuses(ASK(",\"reasoning_effort\":\"x\""),
            "400 invalid_value reasoning_effort");
    refuses(ASK(",\"response_format\":{\"type\":\"x\"}"),
            "400 unsupported_value response_format.type");
    refuses(ASK(",\"response_format\":{\"type\":\"json_schema\"}"),
            "400 missing_required_parameter "
            "response_format.json_schema.schema");
    refuses(ASK(",\"modalities\":[\"text\",\"audio\"]"),
            "400 unsupported_value modalities");
    refuses(ASK(",\"audio\":{\"voice\":\"v\"}"),
            "400 unsupported_value audio");
    refuses(ASK(",\"generation_config\":1"),
            "400 invalid_type generation_config");
    refuses(ASK(",\"web_search_options\":1"),
            "400 invalid_type web_search_options");
}


static void
test_prompt(void)
{
    const char  *got;

    got = ex_build(COMPLETIONS, 0, "{\"prompt\":\"a\\n\",\"max_tokens\":3,"
                   "\"tools\":[1]}");
    is_str(got, strlen(got),
           "{\"contents\":[" USER("{\"text\":\"a\\n\"}") "],"
           "\"generationConfig\":{\"maxOutputTokens\":3}}",
           "a completion's prompt");
    drops("tools", "what a completion does not have");

    got = ex_build(COMPLETIONS, 0, "{\"prompt\":\"\",\"max_tokens\":9}");
    ok(got && strstr(got, "\"contents\":[" USER("{\"text\":\".\"}") "]"),
       "an empty prompt");
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
               "\"id\":\"\",\"args\":[1]}}]}}]}") == NGX_OK,
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
    ok(ex.fault.retry_after == 0, "too long to be true");

    error(429, "{\"error\":{\"details\":[{\"retryDelay\":\"1\"},"
          "{\"retryDelay\":\"xs\"},{\"retryDelay\":\"s\"},"
          "{\"retryDelay\":1}]}}");
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
    ex_model = "gemini-3-flash-preview";
    survives(build_once, "a request");
    ex_model = "gemini-2.5-flash";
    survives(stream_once, "a stream");
    survives(response_once, "an answer");
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


static void
refuses(const char *request, const char *expected)
{
    builds(request, expected, expected);
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
build_once(void)
{
    return ex_build(CHAT, 0,
               "{\"messages\":[{\"role\":\"system\",\"content\":\"a\"},"
               "{\"role\":\"user\",\"content\":[{\"type\":\"text\","
               "\"text\":\"b\"},{\"type\":\"image_url\",\"image_url\":"
               "{\"url\":\"data:image\\/png;base64,QQ==\"}},"
               "{\"type\":\"input_audio\",\"input_audio\":{\"data\":"
               "\"\\u0041\",\"format\":\"wav\"}}]},"
               "{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c\","
               "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},"
               "{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":"
               "\"{\\\"d\\\":1}\"},{\"role\":\"user\",\"content\":\"\"}],"
               "\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"f\"}},"
               "{\"google_search\":{}}],\"tool_choice\":{\"type\":\"custom\","
               "\"custom\":{\"name\":\"\\u0066\"}},\"stop\":\"e\","
               "\"user\":\"u\",\"reasoning_effort\":\"low\"}")
           ? NGX_OK : NGX_ERROR;
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
