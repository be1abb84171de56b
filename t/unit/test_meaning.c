
/*
 * Copyright (C) LLMBroker contributors
 *
 * What providers say when a request is too long for a model, an account is
 * empty or a key no good: the same code for a client, whoever says it.
 */


#include "exchange.h"
#include "provider/ngx_http_llmbroker_meaning.h"


typedef struct {
    ngx_uint_t                   status;
    const char                  *body;
    ngx_uint_t                   fault;
    const char                  *code;
} refusal_t;


static void test_openai(void);
static void test_claude(void);
static void test_qwen(void);
static void test_gemini(void);
static void test_inside(void);
static void test_content(void);

static void refusals(const char *provider, const char *base,
    const refusal_t *r);


#define CONTEXT  "context_length_exceeded"
#define QUOTA    "insufficient_quota"
#define ERROR(message, more)                                                 \
    "{\"error\":{\"message\":\"" message "\"" more "}}"


int
main(void)
{
    test_openai();
    test_claude();
    test_qwen();
    test_gemini();
    test_inside();
    test_content();

    return done_testing();
}


static void
test_openai(void)
{
    static const refusal_t  r[] = {

        /* OpenAI, Azure, Groq say the code themselves */

        { 400, ERROR("This model's maximum context length is 8192 tokens.",
                     ",\"type\":\"invalid_request_error\",\"param\":"
                     "\"messages\",\"code\":\"context_length_exceeded\""),
          400, CONTEXT },
        { 400, ERROR("Your input exceeds the context window of this model.",
                     ",\"code\":null"), 400, CONTEXT },
        { 400, ERROR("Please reduce the length of the messages or "
                     "completion.", ",\"code\":\"" CONTEXT "\""), 400,
          CONTEXT },

        /* DeepSeek */
        { 400, ERROR("This model's maximum context length is 65536 tokens. "
                     "However, you requested 70000 tokens", ",\"type\":"
                     "\"invalid_request_error\",\"param\":null,\"code\":"
                     "\"invalid_request_error\""), 400, CONTEXT },

        /* vLLM, of two generations */
        { 400, "{\"object\":\"error\",\"message\":\"This model's maximum "
               "context length is 4096 tokens.\",\"type\":"
               "\"BadRequestError\",\"param\":null,\"code\":400}", 400,
          CONTEXT },
        { 400, ERROR("The decoder prompt (length 9) is longer than the "
                     "maximum model length of 8.", ",\"type\":"
                     "\"BadRequestError\",\"code\":400"), 400, CONTEXT },

        /* Mistral */
        { 400, "{\"object\":\"error\",\"message\":\"Prompt contains 65673 "
               "tokens, too large for model with 32768 maximum context "
               "length\",\"type\":\"invalid_request_error\",\"code\":"
               "\"3051\"}", 400, CONTEXT },

        /* DashScope's compatible mode */
        { 400, ERROR("<400> InternalError.Algo.InvalidParameter: Range of "
                     "input length should be [1, 30720]", ",\"type\":"
                     "\"invalid_request_error\",\"code\":"
                     "\"invalid_parameter_error\""), 400, CONTEXT },

        /* TGI, xAI, Moonshot, llama.cpp */
        { 422, "{\"error\":\"Input validation error: `inputs` tokens + "
               "`max_new_tokens` must be <= 4096. Given: 5000\","
               "\"error_type\":\"validation\"}", 422, CONTEXT },
        { 400, "{\"code\":\"Client specified an invalid argument\","
               "\"error\":\"This model's maximum prompt length is 131072\"}",
          400, "Client specified an invalid argument" },
        { 400, ERROR("Invalid request: Your request exceeded model token "
                     "limit: 8192", ",\"type\":\"invalid_request_error\""),
          400, CONTEXT },
        { 400, ERROR("the request exceeds the available context size",
                     ",\"type\":\"exceed_context_size_error\",\"code\":400"),
          400, CONTEXT },

        /* a code that says something else stays */
        { 400, ERROR("context window", ",\"code\":\"unsupported_value\""),
          400, "unsupported_value" },
        { 413, ERROR("Request too large for model `m` on tokens per minute",
                     ",\"code\":\"rate_limit_exceeded\""), 413,
          "rate_limit_exceeded" },
        { 400, ERROR("Too many messages.", ""), 400, "" },
        { 500, ERROR("maximum context length", ""), 500, "" },

        /* accounts */
        { 429, ERROR("You exceeded your current quota, please check your plan "
                     "and billing details.", ",\"type\":\"" QUOTA "\","
                     "\"param\":null,\"code\":\"" QUOTA "\""), 429, QUOTA },
        { 429, ERROR("m", ",\"type\":\"exceeded_current_quota_error\""), 429,
          QUOTA },
        { 429, ERROR("Insufficient balance or no resource package.",
                     ",\"code\":\"1113\""), 429, QUOTA },
        { 402, ERROR("Insufficient Balance", ",\"type\":\"unknown_error\","
                     "\"code\":\"invalid_request_error\""), 402,
          "invalid_request_error" },
        { 429, "[{\"error\":{\"code\":429,\"message\":\"You exceeded your "
               "current quota, please check your plan and billing "
               "details.\",\"status\":\"RESOURCE_EXHAUSTED\"}}]", 429, "" },
        { 429, ERROR("Rate limit reached", ",\"type\":\"tokens\",\"code\":"
                     "\"rate_limit_exceeded\""), 429, "" },
        { 429, ERROR("Your account request reached max concurrency: 3",
                     ",\"type\":\"rate_limit_reached_error\""), 429, "" },

        /* keys */
        { 400, "[{\"error\":{\"code\":400,\"message\":\"API key not valid. "
               "Please pass a valid API key.\",\"status\":"
               "\"INVALID_ARGUMENT\"}}]", 401, "" },
        { 400, "{\"code\":\"Client specified an invalid argument\","
               "\"error\":\"Incorrect API key provided: xx***yy.\"}", 401,
          "" },
        { 400, ERROR("Invalid value: 'API key not valid'", ""), 400, "" },

        { 0, NULL, 0, NULL }
    };

    refusals("openai", "/v1", r);
}


static void
test_claude(void)
{
#define ANTHROPIC(message)                                                   \
    "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\","     \
    "\"message\":\"" message "\"}}"

    static const refusal_t  r[] = {
        { 400, ANTHROPIC("prompt is too long: 9 tokens > 8 maximum"), 400,
          CONTEXT },
        { 400, ANTHROPIC("input length and `max_tokens` exceed context "
                         "limit: 1 + 2 > 2"), 400, CONTEXT },
        { 400, ANTHROPIC("messages: at least one message is required"), 400,
          "" },
        { 400, ANTHROPIC("Your credit balance is too low to access the API"),
          429, QUOTA },
        { 0, NULL, 0, NULL }
    };

    refusals("claude", "/v1", r);
}


static void
test_qwen(void)
{
#define DASHSCOPE(code, message)                                             \
    "{\"code\":\"" code "\",\"message\":\"" message "\",\"request_id\":"     \
    "\"r\"}"

    static const refusal_t  r[] = {
        { 400, DASHSCOPE("InvalidParameter",
                         "Range of input length should be [1, 30720]"), 400,
          CONTEXT },
        { 400, DASHSCOPE("InvalidParameter", "Range of max_tokens should be "
                         "[1, 2000]"), 400, "" },
        { 400, DASHSCOPE("DataInspectionFailed", "context length"), 400,
          "content_filter" },
        { 400, DASHSCOPE("Arrearage", "Access denied"), 429, QUOTA },
        { 0, NULL, 0, NULL }
    };

    refusals("qwen", "/api/v1", r);
}


static void
test_gemini(void)
{
    static const refusal_t  r[] = {
        { 400, "{\"error\":{\"code\":400,\"message\":\"The input token count "
               "(1200000) exceeds the maximum number of tokens allowed "
               "(1048576).\",\"status\":\"INVALID_ARGUMENT\"}}", 400,
          CONTEXT },
        { 400, "{\"error\":{\"code\":400,\"message\":\"Invalid value\","
               "\"status\":\"INVALID_ARGUMENT\"}}", 400, "" },
        { 429, "{\"error\":{\"code\":429,\"message\":\"You exceeded your "
               "current quota, please check your plan and billing "
               "details.\",\"status\":\"RESOURCE_EXHAUSTED\"}}", 429, "" },
        { 0, NULL, 0, NULL }
    };

    refusals("gemini", "/v1beta", r);
}


/* an error within a stream has no status but its words */

static void
test_inside(void)
{
    ex_provider = "openai";
    ex_base = "/v1";

    ex_start(CHAT, 1, 0);
    ex_events("data: {\"error\":{\"message\":\"m\",\"code\":\"" CONTEXT
              "\"}}\n\n", 7);
    faults(400, CONTEXT, "m", "a window in an event, by its code");

    ex_start(CHAT, 1, 0);
    ex_events("data: {\"error\":{\"message\":\"The maximum context length is "
              "8.\",\"type\":\"invalid_request_error\"}}\n\n", 7);
    faults(400, CONTEXT, "The maximum context length is 8.",
           "a window in an event, by its message");

    ex_start(CHAT, 0, 0);
    ex_json("{\"error\":{\"message\":\"m\",\"code\":\"" QUOTA "\"}}");
    faults(429, QUOTA, "m", "an account in an object");
}


static void
test_content(void)
{
    ngx_str_t  none, code, message;

    none = str("");
    code = str("content_policy_violation");
    message = str("Your chosen model requires moderation and your input was "
                  "flagged for \"x\".");

    is(ngx_http_llmbroker_means_content(&none, &message), 1,
       "content that is not wanted, by the message");
    is(ngx_http_llmbroker_means_content(&code, &none), 1, "by the code");
    is(ngx_http_llmbroker_means_content(&none, &none), 0, "by nothing");
    is(ngx_http_llmbroker_means_account(&none, &message), 0, "no account");
    is(ngx_http_llmbroker_means_context(&none, &message), 0, "no window");
    is(ngx_http_llmbroker_means_key(&none, &message), 0, "no key");
}


static void
refusals(const char *provider, const char *base, const refusal_t *r)
{
    char                        got[128], expected[128];
    ngx_str_t                   text;
    ngx_http_llmbroker_json_t  *root;

    ex_provider = provider;
    ex_base = base;
    ex_model = "m";

    for ( /* void */ ; r->body; r++) {
        ex_start(CHAT, 0, 0);

        text = str(r->body);

        if (ngx_http_llmbroker_json_parse(ex_pool, text.data, text.len,
                                          &root)
            != NGX_OK)
        {
            ok(0, "%s is no JSON", r->body);
            continue;
        }

        ex_target.dialect->error(&ex, r->status, root, &text);

        snprintf(got, sizeof(got), "%d %.*s", (int) ex.fault.status,
                 (int) ex.fault.code.len, ex.fault.code.data);
        snprintf(expected, sizeof(expected), "%d %s", (int) r->fault,
                 r->code);

        if (!ok(strcmp(got, expected) == 0, "%s: %s", provider, r->body)) {
            diag("got:      %s", got);
            diag("expected: %s", expected);
        }
    }
}
