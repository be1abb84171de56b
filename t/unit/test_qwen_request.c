
/*
 * Copyright (C) LLMBroker contributors
 *
 * Requests of DashScope's native dialect beyond plain text: pictures, sound
 * and video and the path for them, custom tools and legacy functions, the
 * choice among tools, choices, log probabilities, search, what models can do.
 */


#include "exchange.h"
#include "provider/ngx_http_llmbroker_params.h"
#include "provider/ngx_http_llmbroker_qwen.h"


static void test_plain(void);
static void test_long(void);
static void test_ranges(void);
static void test_decimals(void);
static void test_media(void);
static void test_parts(void);
static void test_path(void);
static void test_cached(void);
static void test_capabilities(void);
static void test_custom(void);
static void test_legacy(void);
static void test_choice(void);
static void test_forced(void);
static void test_allowed(void);
static void test_bad_tools(void);
static void test_n(void);
static void test_logprobs(void);
static void test_search(void);
static void test_quiet(void);
static void test_extensions(void);
static void test_header(void);
static void test_hostile(void);
static void test_no_memory(void);

static void paths(const char *model, const char *path);
static ngx_int_t configures(const char *capabilities);
static ngx_int_t build_once(void);


#define ASK(more)                                                            \
    "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]" more "}"
#define ANSWER(more)                                                         \
    "{\"model\":\"qwen-max\",\"input\":{\"messages\":[{\"role\":\"user\","   \
    "\"content\":\"x\"}]},\"parameters\":{\"result_format\":\"message\""     \
    more "}}"
#define USER(parts)                                                          \
    "{\"messages\":[{\"role\":\"user\",\"content\":[" parts "]}]}"
#define MESSAGES(list)                                                       \
    "{\"model\":\"qwen-max\",\"input\":{\"messages\":[" list "]},"           \
    "\"parameters\":{\"result_format\":\"message\"}}"
#define SENT(parts)  MESSAGES("{\"role\":\"user\",\"content\":[" parts "]}")

#define F(name)                                                              \
    "{\"type\":\"function\",\"function\":{\"name\":\"" name "\"}}"
#define C(name)                                                              \
    "{\"type\":\"custom\",\"custom\":{\"name\":\"" name "\"}}"
#define TOOLS(list)  ",\"tools\":[" list "]"
#define CHOICE(raw)  ",\"tool_choice\":" raw


int
main(void)
{
    ex_provider = "qwen";
    ex_model = "qwen-max";
    ex_base = "/api/v1";

    test_plain();
    test_long();
    test_ranges();
    test_decimals();
    test_media();
    test_parts();
    test_path();
    test_cached();
    test_capabilities();
    test_custom();
    test_legacy();
    test_choice();
    test_forced();
    test_allowed();
    test_bad_tools();
    test_n();
    test_logprobs();
    test_search();
    test_quiet();
    test_extensions();
    test_header();
    test_hostile();
    test_no_memory();

    return done_testing();
}


/* a role and a text are the same in both languages: their bytes stay */

static void
test_plain(void)
{
    builds("{\"messages\": [ {\"role\" : \"system\", \"content\":\"a\" }, "
           "{\"role\":\"user\",\"content\": \"\\u00e4\"}]}",
           "{\"model\":\"qwen-max\",\"input\":{\"messages\":"
           "[ {\"role\" : \"system\", \"content\":\"a\" }, "
           "{\"role\":\"user\",\"content\": \"\\u00e4\"}]},"
           "\"parameters\":{\"result_format\":\"message\"}}",
           "a plain conversation");

    builds("{\"messages\":[ {\"role\": \"user\",\"content\":\"a\"}, "
           "{\"role\": \"developer\",\"content\": \"b\"}, "
           "{\"content\": \"c\",\"role\": \"user\"}, "
           "{\"role\": \"us\\u0065r\",\"content\":\"d\"}, "
           "{\"role\": \"user\",\"content\": null}, "
           "{\"role\": \"user\",\"role\": \"user\"}, "
           "{\"role\": \"user\",\"content\":\"e\",\"x\":1}]}",
           MESSAGES("{\"role\": \"user\",\"content\":\"a\"},"
                    "{\"role\":\"system\",\"content\":\"b\"},"
                    "{\"role\":\"user\",\"content\":\"c\"},"
                    "{\"role\":\"user\",\"content\":\"d\"},"
                    "{\"role\":\"user\",\"content\":\"\"},"
                    "{\"role\":\"user\",\"content\":\"\"},"
                    "{\"role\":\"user\",\"content\":\"e\"}"),
           "a plain message among others");
    drops("x", "which are made anew");

    ex_model = "qwen-vl-max";
    builds("{\"messages\":[{\"role\": \"user\",\"content\":\"a\"}]}",
           "{\"model\":\"qwen-vl-max\",\"input\":{\"messages\":["
           "{\"role\":\"user\",\"content\":[{\"text\":\"a\"}]}]},"
           "\"parameters\":{\"result_format\":\"message\"}}",
           "but not for a model that wants parts");
    ex_model = "qwen-max";
}


/* a long conversation is referred to */

static void
test_long(void)
{
    char         *text;
    size_t        len;
    ngx_uint_t    referred;
    const char   *got;
    ngx_chain_t  *cl;

    static const char  begin[] =
                         "{\"messages\":[{\"role\":\"user\",\"content\":\"";

    len = 100000;
    text = malloc(sizeof(begin) + len + sizeof("\"}]}"));

    memcpy(text, begin, sizeof(begin) - 1);
    memset(text + sizeof(begin) - 1, 'x', len);
    memcpy(text + sizeof(begin) - 1 + len, "\"}]}", sizeof("\"}]}"));

    got = ex_build(CHAT, 0, text);

    ok(got != NULL
       && strlen(got) == sizeof(ANSWER("")) - 1 + len - 1,
       "a long conversation");

    referred = 0;

    for (cl = ex_body.chain; cl; cl = cl->next) {

        if (cl->buf->memory
            && cl->buf->pos >= (u_char *) text
            && cl->buf->last > cl->buf->pos + len)
        {
            referred++;
        }
    }

    is(referred, 1, "is not copied");

    free(text);
}


static void
test_ranges(void)
{
    char    ask[128];
    size_t  i;

    static const char  *hot[] = { "2", "2.0", "2e0", "20e-1", "1e400",
                                  "1.9999999999999999999" };
    static const char  *cold[] = { "0", "0.0", "-0", "0e5", "1e-400",
                                   "0.00000000000000000000" };

    for (i = 0; i < sizeof(hot) / sizeof(hot[0]); i++) {
        snprintf(ask, sizeof(ask), ASK(",\"temperature\":%s"), hot[i]);
        builds(ask, ANSWER(",\"temperature\":1.99"), hot[i]);
    }

    for (i = 0; i < sizeof(cold) / sizeof(cold[0]); i++) {
        snprintf(ask, sizeof(ask), ASK(",\"top_p\":%s"), cold[i]);
        builds(ask, ANSWER(",\"top_p\":0.000001"), cold[i]);
    }

    builds(ASK(",\"temperature\":1.9999999999999,\"top_p\":1e-300"),
           ANSWER(",\"temperature\":1.9999999999999,\"top_p\":1e-300"),
           "just inside");
}


/* the quick way to read a number and strtod() agree to the last bit */

static void
test_decimals(void)
{
    int                         digits, point, bad;
    char                        text[32];
    double                      d;
    uint64_t                    n, state;
    ngx_uint_t                  i;
    ngx_http_llmbroker_json_t   v;

    ex_start(CHAT, 0, 0);

    memset(&v, 0, sizeof(v));

    v.raw.data = (u_char *) text;
    state = 1;
    bad = 0;

    for (i = 0; i < 100000; i++) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;

        digits = 1 + (int) (state >> 33) % 17;
        point = (int) (state >> 40) % (digits + 1);

        for (n = state >> 20, v.raw.len = 0; digits > 0; digits--) {

            if (point-- == 0 && v.raw.len) {
                text[v.raw.len++] = '.';
            }

            text[v.raw.len++] = '0' + n % 10;
            n = n / 10 + state % 7;
        }

        text[v.raw.len] = '\0';

        if (ngx_http_llmbroker_params_double(&ex, &v, &d) != NGX_OK
            || d != strtod(text, NULL))
        {
            bad++;
        }
    }

    is(bad, 0, "numbers are what they are");
}


static void
test_media(void)
{
    builds(USER("{\"type\":\"text\",\"text\":\"a\\u00e4\"},"
                "{\"type\":\"image_url\",\"image_url\":{\"url\":"
                "\"https://i.example/\",\"detail\":\"auto\"}}"),
           SENT("{\"text\":\"a\\u00e4\"},{\"image\":\"https://i.example/\"}"),
           "a picture");
    drops("", "nothing is lost");
    is_str(ex.path.data, ex.path.len,
           "/api/v1/services/aigc/multimodal-generation/generation",
           "multimodal generation");

    builds(USER("{\"type\":\"image_url\",\"min_pixels\":9,\"image_url\":"
                "{\"url\":\"data:image/png;base64,AA\",\"detail\":\"high\"}}"),
           SENT("{\"image\":\"data:image/png;base64,AA\",\"min_pixels\":9}"),
           "one in the request, with DashScope's own members");
    drops("image_url.detail", "which have no such detail");

    builds("{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},"
           "{\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
           "\"image_url\":{\"url\":\"u\"}}]},{\"role\":\"assistant\","
           "\"content\":null,\"tool_calls\":[{\"id\":\"t\",\"function\":"
           "{\"name\":\"f\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\","
           "\"tool_call_id\":\"t\",\"content\":\"r\"}]}",
           MESSAGES("{\"role\":\"system\",\"content\":[{\"text\":\"s\"}]},"
           "{\"role\":\"user\",\"content\":[{\"image\":\"u\"}]},"
           "{\"role\":\"assistant\",\"content\":[{\"text\":\"\"}],"
           "\"tool_calls\":[{\"id\":\"t\",\"function\":"
           "{\"name\":\"f\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\","
           "\"content\":[{\"text\":\"r\"}],\"tool_call_id\":\"t\"}"),
           "then all contents are parts");
}


static void
test_parts(void)
{
    builds(USER("{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"QUE=\","
                "\"format\":\"mp3\"}},{\"type\":\"input_audio\","
                "\"input_audio\":{\"data\":\"QUE=\"}},{\"type\":"
                "\"input_audio\",\"input_audio\":{\"data\":"
                "\"https://a.example/a.mp3\",\"format\":\"mp3\"}}"),
           SENT("{\"audio\":\"data:audio/mp3;base64,QUE=\"},"
                "{\"audio\":\"data:audio/wav;base64,QUE=\"},"
                "{\"audio\":\"https://a.example/a.mp3\"}"), "sound");

    builds(USER("{\"type\":\"video_url\",\"video_url\":{\"url\":\"v\"},"
                "\"fps\":2},{\"type\":\"video\",\"video\":[\"a\",\"b\"]}"),
           SENT("{\"video\":\"v\",\"fps\":2},{\"video\":[\"a\",\"b\"]}"),
           "video, also as pictures");

    builds(USER("{\"text\":\"t\"},{\"image\":\"i\",\"x\":1},"
                "{\"type\":\"refusal\",\"refusal\":\"no\"}"),
           SENT("{\"text\":\"t\"},{\"image\":\"i\",\"x\":1},{\"text\":\"no\"}"),
           "parts in DashScope's words");

    builds(USER("{\"text\":\"t\"}"), MESSAGES("{\"role\":\"user\","
                "\"content\":\"t\"}"), "text alone is a string");
    ok(ex.path.len == 0, "for the path of text");

    builds(USER("{\"type\":\"image_url\",\"image_url\":\"u\"}"),
           SENT("{\"image\":\"u\"}"), "an address by itself");
    builds(USER("{\"type\":\"image_url\",\"image_url\":7}"),
           "400 unsupported_value messages[0].content", "no address");
    builds(USER("{\"type\":\"image_url\",\"image_url\":{\"url\":[]}}"),
           "400 unsupported_value messages[0].content", "no text");
    builds(USER("{\"type\":\"input_audio\",\"input_audio\":{}}"),
           "400 unsupported_value messages[0].content", "no sound");
    builds(USER("{\"type\":\"file\",\"file\":{\"file_data\":\"x\"}}"),
           "400 unsupported_value messages[0].content", "a file");
    builds(USER("7"), "400 unsupported_value messages[0].content", "no part");
    builds(USER("{\"type\":\"text\",\"text\":\"t\","
                "\"prompt_cache_breakpoint\":{\"mode\":\"explicit\"}}"),
           MESSAGES("{\"role\":\"user\",\"content\":\"t\"}"),
           "a mark that DashScope does not have");
    drops("prompt_cache_breakpoint", "is told");
}


/* one test: the path of a request of text only */
static void
paths(const char *model, const char *path)
{
    ex_model = model;
    ex_build(CHAT, 0, ASK(""));
    is_str(ex.path.data, ex.path.len, path, model);
    ex_model = "qwen-max";
}


static void
test_path(void)
{
#define MEDIA  "/api/v1/services/aigc/multimodal-generation/generation"

    const char  *got;

    paths("qwen-vl-plus", MEDIA);
    paths("qwen3-vl-8b-instruct", MEDIA);
    paths("qvq-max", MEDIA);
    paths("qwen2-audio-instruct", MEDIA);
    paths("qwen3.5-plus", MEDIA);
    paths("qwen-plus", "");
    paths("qwen3-max", "");
    paths("deepseek-v3.2", "");
    paths("qwen", "");

    ex_model = "qwen-vl-plus";
    got = ex_build(COMPLETIONS, 0, "{\"prompt\":\"p\",\"max_tokens\":7}");
    is_str(got, strlen(got), "{\"model\":\"qwen-vl-plus\",\"input\":{"
           "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"p\"}]}]}"
           ",\"parameters\":{\"result_format\":\"message\",\"max_tokens\":7}}",
           "a completion of a multimodal model");
    is_str(ex.path.data, ex.path.len, MEDIA, "its path");
    ex_model = "qwen-max";
}


/* C15 */

static void
test_cached(void)
{
    builds(USER("{\"type\":\"text\",\"text\":\"a\",\"cache_control\":{"
                "\"type\":\"ephemeral\"}},{\"type\":\"text\",\"text\":"
                "\"b\"}"),
           SENT("{\"type\":\"text\",\"text\":\"a\",\"cache_control\":{"
                "\"type\":\"ephemeral\"}},{\"type\":\"text\",\"text\":"
                "\"b\"}"), "what is marked for the cache stays a part");
    ok(ex.path.len == 0, "for a text model");
}


static ngx_int_t
configures(const char *capabilities)
{
    ngx_int_t  rc;

    ex_start(CHAT, 0, 0);

    rc = ngx_http_llmbroker_json_parse(ex_pool, (u_char *) capabilities,
                                       strlen(capabilities),
                                       &ex_target.capabilities);

    return rc == NGX_OK ? ex_target.dialect->configure(ex_pool, &ex_target)
                        : rc;
}


static void
test_capabilities(void)
{
    ngx_http_llmbroker_qwen_model_t  *model;

    is(configures("{\"multimodal\":true}"), NGX_OK, "multimodal");
    model = ex_target.abilities;
    ok(model->media && !model->text_only, "is asked there");

    ex_model = "qwen-vl-plus";
    is(configures("{\"multimodal\":false}"), NGX_OK, "not multimodal");
    model = ex_target.abilities;
    ok(!model->media && model->text_only, "is never asked there");

    ngx_http_llmbroker_json_parse(ex_pool, (u_char *) USER("{\"image\":"
                                  "\"i\"}"), sizeof(USER("{\"image\":"
                                  "\"i\"}")) - 1, &ex.request);
    is(ex_target.dialect->build(&ex), NGX_DECLINED, "nor by a picture");
    faults(400, "unsupported_value", "This model reads text only.",
           "but refuses it");
    ex_model = "qwen-max";

    is(configures("{\"multimodal\":1}"), NGX_DECLINED, "no boolean");
    is(configures("{\"x\":1}"), NGX_DECLINED, "another one");
    is(configures("{\"multimodal\":true,\"x\":1}"), NGX_DECLINED, "one more");
    is(configures("[]"), NGX_DECLINED, "no object");
}


/* R43, R62 */

static void
test_custom(void)
{
    ngx_str_t  *name;

    builds(ASK(TOOLS("{\"type\":\"custom\",\"custom\":{\"name\":\"sql\","
                     "\"description\":\"d\",\"format\":{\"type\":\"text\"}}},"
                     F("f"))
               CHOICE(C("sql"))),
           ANSWER(TOOLS("{\"type\":\"function\",\"function\":{\"name\":"
                  "\"sql\",\"description\":\"d\",\"parameters\":{\"type\":"
                  "\"object\",\"properties\":{\"input\":{\"type\":\"string\""
                  "}},\"required\":[\"input\"]}}}," F("f")) CHOICE(F("sql"))),
           "a custom tool is a function");

    name = ex.custom->elts;
    ok(ex.custom->nelts == 1, "one");
    is_str(name->data, name->len, "sql", "whose name is kept");

    builds("{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":"
           "\"t\",\"type\":\"custom\",\"custom\":{\"name\":\"sql\",\"input\":"
           "\"a\\n\\\"b\\\"\"}},{\"id\":\"u\",\"type\":\"custom\","
           "\"custom\":{\"name\":\"sql\"}}]}]}",
           MESSAGES("{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":["
           "{\"id\":\"t\",\"type\":\"function\",\"function\":{\"name\":"
           "\"sql\",\"arguments\":\"{\\\"input\\\":\\\"a\\\\n\\\\\\\"b"
           "\\\\\\\"\\\"}\"}},{\"id\":\"u\",\"type\":\"function\","
           "\"function\":{\"name\":\"sql\",\"arguments\":\"{\\\"input\\\":"
           "\\\"\\\"}\"}}]}"), "a call of it");

    builds(ASK(TOOLS("{\"type\":\"custom\",\"custom\":{\"name\":\"x\","
                     "\"format\":{\"type\":\"grammar\"}}}")),
           "400 unsupported_value tools", "a grammar");
}


/* R45 */

static void
test_legacy(void)
{
    builds(ASK(",\"functions\":[{\"name\":\"f\",\"parameters\":{}}],"
               "\"function_call\":{\"name\":\"f\"}"),
           ANSWER(TOOLS("{\"type\":\"function\",\"function\":{\"name\":\"f\","
                        "\"parameters\":{}}}") CHOICE(F("f"))),
           "functions are tools");
    ok(ex.legacy, "but the answer is in the old form");

    builds(ASK(",\"functions\":[{\"name\":\"f\"}],\"function_call\":\"none\""),
           ANSWER(TOOLS(F("f")) CHOICE("\"none\"")), "none");
    builds(ASK(",\"functions\":[{\"name\":\"f\"}],"
               "\"function_call\":{\"name\":\"g\"}"),
           "400 invalid_value function_call", "an unknown one");
    builds(ASK(",\"functions\":[{\"name\":\"f\"}]" TOOLS(F("g"))),
           ANSWER(TOOLS(F("g"))), "tools win");
    ok(!ex.legacy, "in every respect");

    builds("{\"messages\":[{\"role\":\"user\",\"content\":\"x\"},"
           "{\"role\":\"assistant\",\"content\":null,\"function_call\":{"
           "\"name\":\"f\",\"arguments\":\"{}\"}},{\"role\":\"function\","
           "\"name\":\"f\",\"content\":\"r\"}]}",
           MESSAGES("{\"role\":\"user\",\"content\":\"x\"},{\"role\":"
           "\"assistant\",\"content\":\"\",\"tool_calls\":[{\"id\":\"call_1\","
           "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":"
           "\"{}\"}}]},{\"role\":\"tool\",\"content\":\"r\",\"name\":\"f\","
           "\"tool_call_id\":\"call_1\"}"), "calls and results");
}


/* R64, R65, C10 */

static void
test_choice(void)
{
    builds(ASK(TOOLS(F("f")) CHOICE("\"required\"")),
           ANSWER(TOOLS(F("f")) CHOICE("\"required\"")), "required");
    builds(ASK(TOOLS(F("f")) CHOICE("\"none\"")),
           ANSWER(TOOLS(F("f")) CHOICE("\"none\"")), "none");
    builds(ASK(TOOLS(F("f")) CHOICE("null")), ANSWER(TOOLS(F("f"))), "null");
    builds(ASK(TOOLS(F("f")) CHOICE(F("f"))),
           ANSWER(TOOLS(F("f")) CHOICE(F("f"))), "a named one");
    builds(ASK(TOOLS(F("f")) CHOICE(F("g"))), "400 invalid_value tool_choice",
           "one that is not there");
    builds(ASK(TOOLS(F("f")) CHOICE("\"any\"")),
           "400 unsupported_value tool_choice", "an unknown word");
    builds(ASK(TOOLS(F("f")) CHOICE("7")),
           "400 unsupported_value tool_choice", "a number");
    builds(ASK(TOOLS(F("f")) CHOICE("{\"type\":\"new\"}")),
           "400 unsupported_value tool_choice", "an unknown type");
    builds(ASK(CHOICE("\"auto\"")), ANSWER(""), "without tools (R69)");
    builds(ASK(TOOLS(F("f")) ",\"parallel_tool_calls\":false"),
           ANSWER(TOOLS(F("f")) ",\"parallel_tool_calls\":false"),
           "one at a time");
}


/* R68 */

static void
test_forced(void)
{
    builds(ASK(TOOLS(F("f")) CHOICE("\"required\"")
               ",\"enable_thinking\":true"),
           ANSWER(",\"enable_thinking\":true" TOOLS(F("f"))
                  CHOICE("\"auto\"")), "who thinks is not forced");
    drops("tool_choice", "which is told");

    builds(ASK(TOOLS(F("f") "," F("g")) CHOICE(F("g"))
               ",\"reasoning_effort\":\"low\""),
           ANSWER(",\"enable_thinking\":true,\"thinking_budget\":2048"
                  TOOLS(F("g")) CHOICE("\"auto\"")),
           "the named tool is the only one");
    drops("tool_choice", "which is told, too");

    builds(ASK(TOOLS(F("f")) CHOICE("\"required\"")
               ",\"reasoning_effort\":\"none\""),
           ANSWER(",\"enable_thinking\":false" TOOLS(F("f"))
                  CHOICE("\"required\"")), "who does not think is");
    builds(ASK(TOOLS(F("f")) CHOICE("\"auto\"") ",\"enable_thinking\":true"),
           ANSWER(",\"enable_thinking\":true" TOOLS(F("f"))
                  CHOICE("\"auto\"")), "no force, no loss");
    drops("", "nothing to tell");
}


/* R67 */

static void
test_allowed(void)
{
#define ALLOWED(mode, list)                                                  \
    CHOICE("{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"" mode \
           "\",\"tools\":[" list "]}}")

    builds(ASK(TOOLS(F("f") "," F("g")) ALLOWED("auto", F("g"))),
           ANSWER(TOOLS(F("g")) CHOICE("\"auto\"")), "allowed tools");
    builds(ASK(TOOLS(F("f") "," C("g")) ALLOWED("required",
                                                C("g") "," F("x"))),
           ANSWER(TOOLS("{\"type\":\"function\",\"function\":{\"name\":\"g\","
                  "\"parameters\":{\"type\":\"object\",\"properties\":{"
                  "\"input\":{\"type\":\"string\"}},\"required\":["
                  "\"input\"]}}}") CHOICE("\"required\"")), "required ones");
    builds(ASK(TOOLS(F("f")) ALLOWED("auto", F("x"))),
           "400 invalid_value tool_choice", "none of them");
    builds(ASK(TOOLS(F("f")) CHOICE("{\"type\":\"allowed_tools\"}")),
           "400 invalid_value tool_choice", "no list");
}


static void
test_bad_tools(void)
{
    char       *text, *p;
    ngx_uint_t  i;

    builds(ASK(TOOLS("{\"type\":\"web_search\"}")),
           "400 unsupported_value tools", "another type of tool");
    builds(ASK(TOOLS("7")), "400 unsupported_value tools", "no tool");
    builds(ASK(TOOLS(F(""))), "400 invalid_value tools", "an empty name");
    builds(ASK(",\"functions\":{}"), "400 invalid_type functions",
           "no array");

    text = malloc(64 * 1024);
    p = text + sprintf(text, "{\"messages\":[{\"role\":\"user\"}],\"tools\":["
                             F("f"));

    for (i = 0; i < NGX_HTTP_LLMBROKER_QWEN_TOOLS; i++) {
        p += sprintf(p, "," F("f"));
    }

    sprintf(p, "]}");
    builds(text, "400 invalid_value tools", "too many");
    free(text);
}


/* C8 */

static void
test_n(void)
{
    builds(ASK(",\"n\":4"), ANSWER(",\"n\":4"), "four choices");
    builds(ASK(",\"n\":5"), "400 unsupported_value n", "five");
    builds(ASK(",\"n\":0"), "400 invalid_value n", "none");
    builds(ASK(",\"n\":\"2\""), "400 invalid_type n", "a text");
    builds(ASK(",\"n\":2" TOOLS(F("f"))), "400 unsupported_value n",
           "with tools");
    builds(ASK(",\"n\":1" TOOLS(F("f"))), ANSWER(",\"n\":1" TOOLS(F("f"))),
           "one with tools");
    builds("{\"n\":2,\"messages\":[{\"role\":\"user\",\"content\":["
           "{\"image\":\"i\"}]}]}", "400 unsupported_value n",
           "with a picture");
}


static void
test_logprobs(void)
{
    builds(ASK(",\"logprobs\":true,\"top_logprobs\":5"),
           ANSWER(",\"logprobs\":true,\"top_logprobs\":5"),
           "log probabilities");
    drops("", "all of them");
    builds(ASK(",\"logprobs\":true,\"top_logprobs\":20"),
           ANSWER(",\"logprobs\":true,\"top_logprobs\":5"), "too many");
    drops("top_logprobs", "are fewer, which is told");
    builds(ASK(",\"logprobs\":5"), "400 invalid_type logprobs",
           "a completion's");
    builds(ASK(",\"top_logprobs\":true"), "400 invalid_type top_logprobs",
           "no number");
}


static void
test_search(void)
{
    builds(ASK(",\"web_search_options\":{}"),
           ANSWER(",\"enable_search\":true,"
                  "\"search_options\":{\"enable_source\":true}"),
           "a web search (R14)");
    drops("", "nothing is lost");

    builds(ASK(",\"web_search_options\":{\"search_context_size\":\"low\","
               "\"user_location\":null},\"search_options\":{\"a\":1},"
               "\"enable_search\":true"),
           ANSWER(",\"enable_search\":true,\"search_options\":{\"a\":1}"),
           "in DashScope's words");
    drops("web_search_options.search_context_size", "and what is lost");
    builds(ASK(",\"web_search_options\":7"),
           "400 invalid_type web_search_options", "a number");
}


/* C1 */

static void
test_quiet(void)
{
    const char   *got;
    ngx_uint_t    i;

    static const struct {
        const char   *model;
        ngx_uint_t    quiet;
    } models[] = {
        { "qwen3-32b", 1 },
        { "qwen3-235b-a22b", 1 },
        { "qwen3-30b-a3b-instruct-2507", 0 },
        { "qwen3-30b-a3b-thinking-2507", 0 },
        { "qwen3-max", 0 },
        { "qwen3-", 0 },
        { "qwen-plus", 0 },
        { NULL, 0 }
    };

    for (i = 0; models[i].model; i++) {
        ex_model = models[i].model;

        got = ex_build(CHAT, 0, ASK(""));
        is(strstr(got, "\"enable_thinking\":false") != NULL, models[i].quiet,
           models[i].model);
    }

    ex_model = "qwen3-32b";
    got = ex_build(CHAT, 1, ASK(""));
    ok(strstr(got, "enable_thinking") == NULL, "a stream may think");
    got = ex_build(CHAT, 0, ASK(",\"enable_thinking\":true"));
    ok(strstr(got, "\"enable_thinking\":true}") != NULL,
       "as may who says so");
    got = ex_build(CHAT, 0, ASK(",\"reasoning_effort\":\"low\""));
    ok(strstr(got, "\"enable_thinking\":true,") != NULL, "in OpenAI's way");
    ex_model = "qwen-max";
}


static void
test_extensions(void)
{
    builds(ASK(",\"preserve_thinking\":true,\"translation_options\":{},"
               "\"vl_high_resolution_images\":true,\"asr_options\":{},"
               "\"ocr_options\":{}"),
           ANSWER(",\"preserve_thinking\":true,\"translation_options\":{},"
                  "\"vl_high_resolution_images\":true,\"asr_options\":{},"
                  "\"ocr_options\":{}"), "DashScope's own parameters (C5)");
    builds(ASK(",\"result_format\":\"text\",\"incremental_output\":false"),
           ANSWER(""), "but the form is the gateway's business");
    drops("", "and nobody's loss");
}


/* C19 */

static void
test_header(void)
{
    ngx_str_t  name, value;

    ex_start(CHAT, 0, 0);

    name = str("req-cost-time");
    value = str("161");
    is(ex_target.dialect->header(&ex, &name, &value), NGX_OK,
       "the time that a request took");
    is_str(name.data, name.len, "openai-processing-ms", "by OpenAI's name");
    is_str(value.data, value.len, "161", "as it is");

    name = str("x-dashscope-call-gateway");
    is(ex_target.dialect->header(&ex, &name, &value), NGX_DECLINED,
       "another header");
}


static void
test_hostile(void)
{
    char                       *text, *p;
    size_t                      i;
    uint64_t                    seed;
    const char                 *got;
    ngx_http_llmbroker_json_t  *root;

    static const char  request[] =
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
        "\"image_url\",\"image_url\":{\"url\":\"u\"}},{\"type\":"
        "\"input_audio\",\"input_audio\":{\"data\":\"AA\"}}]},{\"role\":"
        "\"assistant\",\"tool_calls\":[{\"custom\":{\"name\":\"x\","
        "\"input\":\"y\"}}]},{\"role\":\"function\",\"function_call\":{"
        "\"name\":\"f\"}}],\"tools\":[{\"function\":{\"name\":\"f\"}},"
        "{\"custom\":{\"name\":\"c\"}}],\"tool_choice\":{\"type\":"
        "\"allowed_tools\",\"allowed_tools\":{\"tools\":[{\"name\":\"c\"}]}},"
        "\"n\":1,\"top_p\":0,\"web_search_options\":{\"a\":1}}";

    text = strdup(request);
    seed = 5;

    for (i = 0; i < 5000; i++) {
        p = text + unit_random(&seed) % (sizeof(request) - 1);
        *p = "{}[]\",:0nt\\ "[unit_random(&seed) % 12];

        got = ex_build(CHAT, 0, text);

        /* "0 " is what is no JSON: no dialect gets it */

        if (got == NULL
            || (strncmp(got, "400 ", 4) != 0 && strncmp(got, "0 ", 2) != 0
                && ngx_http_llmbroker_json_parse(ex_pool, (u_char *) got,
                                                 strlen(got), &root)
                   != NGX_OK))
        {
            ok(0, "changed byte %d: %s", (int) (p - text), got ? got : "");
        }

        *p = request[p - text];
    }

    free(text);
    ok(1, "changed bytes");
}


static void
test_no_memory(void)
{
    survives(build_once, "a request");
}


static ngx_int_t
build_once(void)
{
    return ex_build(CHAT, 0,
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"image\":\"i\"}]},"
        "{\"role\":\"assistant\",\"tool_calls\":[{\"custom\":{\"name\":\"c\","
        "\"input\":\"y\"}}]},{\"role\":\"assistant\",\"function_call\":{"
        "\"name\":\"f\"}}],\"tools\":[{\"function\":{\"name\":\"f\"}},"
        "{\"custom\":{\"name\":\"c\"}}],\"tool_choice\":\"required\","
        "\"enable_thinking\":true,\"web_search_options\":{\"a\":1},\"x\":1}")
        ? NGX_OK : NGX_ERROR;
}
