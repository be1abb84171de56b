
/*
 * Copyright (C) LLMBroker contributors
 *
 * Requests of Gemini's native dialect: addresses, what models can do, the
 * conversation, media, calls and their results, signatures, tools, parameters,
 * what is refused, lack of memory.
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
static void test_no_memory(void);

static void path(const char *base, const char *model, const char *expected,
    const char *name);
static void refuses(const char *request, const char *expected);
static ngx_int_t build_once(void);


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

    builds(MESSAGES("{\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
                    "\"image_url\":{\"url\":\"https://a/b.png\",\"detail\":"
                    "\"high\"},\"cache_control\":{\"type\":\"ephemeral\"}}]}"),
           CONTENTS(USER("{\"fileData\":{\"mimeType\":\"image/png\","
                         "\"fileUri\":\"https://a/b.png\"}}")),
           "an image in detail, for the cache");
    drops("cache_control, image_url.detail", "is told");
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

    builds(MESSAGES("{\"role\":\"user\",\"content\":\"x\"},{\"role\":"
                    "\"assistant\",\"tool_calls\":[{\"id\":\"\",\"function\":{"
                    "\"name\":\"f\",\"arguments\":\"{}\"}},{\"function\":{"
                    "\"name\":\"g\",\"arguments\":\"{}\"}}]},"
                    "{\"role\":\"tool\",\"tool_call_id\":\"\",\"content\":"
                    "\"1\"},{\"role\":\"tool\",\"content\":\"2\"}"),
           CONTENTS(X "," MODEL("{\"functionCall\":{\"name\":\"f\","
                    "\"args\":{}}},{\"functionCall\":{\"name\":\"g\","
                    "\"args\":{}}}") ","
                    USER("{\"functionResponse\":{\"name\":\"f\","
                    "\"response\":{\"result\":\"1\"}}},"
                    "{\"functionResponse\":{\"name\":\"g\","
                    "\"response\":{\"result\":\"2\"}}}")),
           "calls without an id are answered in their order");

    builds(MESSAGES("{\"role\":\"assistant\",\"tool_calls\":[{\"function\":{"
                    "\"name\":\"f\",\"arguments\":\"{}\"}}]},"
                    "{\"role\":\"tool\",\"content\":\"1\"},"
                    "{\"role\":\"tool\",\"content\":\"2\"}"),
           "400 invalid_value messages[2].tool_call_id",
           "one result more than calls");
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
    refuses("{}", "400 empty_array messages");
    refuses(MESSAGES(""), "400 empty_array messages");
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

    got = ex_build(COMPLETIONS, 0, "{\"prompt\":\"a\",\"max_tokens\":3,"
                   "\"logprobs\":2}");
    is_str(got, strlen(got),
           "{\"contents\":[" USER("{\"text\":\"a\"}") "],"
           "\"generationConfig\":{\"maxOutputTokens\":3,"
           "\"responseLogprobs\":true,\"logprobs\":2}}",
           "log probabilities of a completion");
}


static void
test_no_memory(void)
{
    ex_model = "gemini-3-flash-preview";
    survives(build_once, "a request");
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
