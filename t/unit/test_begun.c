
/*
 * Copyright (C) LLMBroker contributors
 *
 * When an answer has begun: until a stream has told a piece of it, another
 * provider can be asked.  A role, usage, comments and chunks without choices
 * are no piece, in any dialect; text, reasoning, a refusal, a tool call and
 * the reason for an end are.
 */


#include "exchange.h"


typedef struct {
    const char                  *stream;
    ngx_uint_t                   begun;
    const char                  *name;
} case_t;


static void test_openai(void);
static void test_openai_repaired(void);
static void test_completions(void);
static void test_as_chat(void);
static void test_claude(void);
static void test_qwen(void);
static void test_gemini(void);
static void test_bedrock(void);
static void test_objects(void);
static void test_answer(void);
static void test_echo(void);

static void dialect(const char *provider, const char *base,
    const char *model);
static void cases(ngx_http_llmbroker_call_e call, const case_t *c);
static ngx_int_t feed(const char *text);
static void object(ngx_http_llmbroker_call_e call, const char *text,
    const char *name);


static ngx_uint_t  only_chats;


#define END  { NULL, 0, NULL }

#define TOP(more)                                                            \
    "data: {\"id\":\"i\",\"object\":\"chat.completion.chunk\","              \
    "\"created\":7,\"model\":\"v\"," more "}\n\n"
#define CHOICE(delta, finish)                                                \
    TOP("\"choices\":[{\"index\":0,\"delta\":{" delta "},"                   \
        "\"finish_reason\":" finish "}]")
#define FIRST  CHOICE("\"role\":\"assistant\",\"content\":\"\"", "null")
#define NEXT(delta)  FIRST CHOICE(delta, "null")


int
main(void)
{
    test_openai();
    test_openai_repaired();
    test_completions();
    test_as_chat();
    test_claude();
    test_qwen();
    test_gemini();
    test_bedrock();
    test_objects();
    test_answer();
    test_echo();

    return done_testing();
}


/* what passes as it is */

static void
test_openai(void)
{
    static const case_t  c[] = {
        { FIRST, 0, "a role with empty content" },
        { CHOICE("\"role\":\"assistant\",\"content\":null,\"refusal\":null",
                 "null"), 0, "a role with null" },
        { FIRST ": ping\n\n", 0, "a comment" },
        { FIRST "data:\n\n", 0, "a sign of life" },
        { TOP("\"choices\":[]"), 0, "no choices" },
        { FIRST TOP("\"choices\":[],\"usage\":{\"prompt_tokens\":1,"
                    "\"completion_tokens\":0,\"total_tokens\":1}"), 0,
          "usage only" },
        { NEXT("\"content\":\"\""), 0, "empty content" },
        { NEXT("\"content\":null"), 0, "null content" },
        { NEXT(""), 0, "an empty delta" },
        { NEXT("\"content\":\"\",\"reasoning_content\":\"\",\"refusal\":null,"
               "\"function_call\":null,\"annotations\":[],\"audio\":{},"
               "\"new\":false"), 0, "empty values of all kinds" },

        { CHOICE("\"role\":\"assistant\",\"content\":\"x\"", "null"), 1,
          "a role with text" },
        { NEXT("\"content\":\"x\""), 1, "text" },
        { NEXT("\"content\":\" \""), 1, "a space" },
        { NEXT("\"content\":\"\\n\""), 1, "an escape" },
        { NEXT("\"reasoning_content\":\"x\""), 1, "reasoning" },
        { NEXT("\"refusal\":\"x\""), 1, "a refusal" },
        { NEXT("\"content\":null,\"function_call\":{\"name\":\"f\","
               "\"arguments\":\"\"}"), 1, "a function call" },
        { NEXT("\"audio\":{\"id\":\"a\",\"data\":\"AA==\"}"), 1, "audio" },
        { NEXT("\"annotations\":[{\"type\":\"url_citation\"}]"), 1,
          "an annotation" },
        { NEXT("\"new\":\"x\""), 1, "an unknown text" },
        { NEXT("\"new\":0"), 1, "an unknown number" },
        { NEXT("\"new\":true"), 1, "an unknown truth" },
        { NEXT("\"new\":{\"a\":{\"b\":{\"c\":{\"d\":1}}}}"), 1,
          "an unknown object" },
        { FIRST CHOICE("", "\"stop\""), 1, "an end" },
        { FIRST CHOICE("", "\"content_filter\""), 1, "another end" },
        END
    };

    dialect("openai", "/v1", "m");
    cases(CHAT, c);
}


/* what is written anew */

static void
test_openai_repaired(void)
{
    static const case_t  c[] = {
        { NEXT("\"role\":\"assistant\",\"content\":\"\""), 0,
          "a role again" },
        { TOP("\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]"), 0,
          "a choice without all that it needs" },
        { NEXT("\"tool_calls\":null,\"content\":\"\""), 0,
          "tool calls that are null" },
        { NEXT("\"tool_calls\":[],\"content\":\"\""), 0, "no tool calls" },
        { "data: {\"choices\":[],\"created\":0,\"id\":\"\",\"model\":\"\","
          "\"object\":\"\",\"prompt_filter_results\":[{\"a\":1}]}\n\n", 0,
          "what is kept for the next chunk" },
        { FIRST CHOICE("", "\"\""), 0, "an empty end" },
        { FIRST CHOICE("", "\"null\""), 0, "an end in words" },

        { NEXT("\"role\":\"assistant\",\"content\":\"x\""), 1,
          "a role again, with text" },
        { TOP("\"choices\":[{\"delta\":{\"content\":\"x\"}}]"), 1,
          "text at once" },
        { NEXT("\"content\":[{\"type\":\"text\",\"text\":\"x\"}]"), 1,
          "text in parts" },
        { NEXT("\"reasoning\":\"x\""), 1, "reasoning by another name" },
        { NEXT("\"tool_calls\":[{\"index\":0,\"id\":\"t\",\"type\":"
               "\"function\",\"function\":{\"name\":\"f\",\"arguments\":"
               "\"\"}}]"), 1, "the start of a tool call" },
        { FIRST CHOICE("", "\"eos\""), 1, "an unknown end" },
        { FIRST TOP("\"choices\":[{\"index\":0,\"delta\":{},"
                    "\"finish_reason\":null},{\"index\":1,\"delta\":{"
                    "\"content\":\"x\"},\"finish_reason\":null}]"), 1,
          "text of another choice" },
        END
    };

    dialect("openai", "/v1", "m");
    cases(CHAT, c);
}


static void
test_completions(void)
{
#define PIECE(text, finish)                                                  \
    "data: {\"id\":\"i\",\"object\":\"text_completion\",\"created\":7,"      \
    "\"model\":\"v\",\"choices\":[{\"index\":0,\"text\":\"" text "\","       \
    "\"logprobs\":null,\"finish_reason\":" finish "}]}\n\n"

    static const case_t  c[] = {
        { PIECE("", "null"), 0, "a completion without text" },
        { PIECE("x", "null"), 1, "text of a completion" },
        { PIECE("", "\"length\""), 1, "the end of one" },
        END
    };

    dialect("openai", "/v1", "m");
    cases(COMPLETIONS, c);
}


/* a completion of a provider that only chats */

static void
test_as_chat(void)
{
    static const case_t  c[] = {
        { FIRST, 0, "the role of a chat" },
        { NEXT("\"content\":\"\""), 0, "empty text of a chat" },
        { NEXT("\"reasoning_content\":\"x\""), 0,
          "reasoning, which a completion does not know" },
        { NEXT("\"content\":\"x\""), 1, "text of a chat" },
        { FIRST CHOICE("", "\"stop\""), 1, "the end of a chat" },
        END
    };

    dialect("openai", "/v1", "m");

    only_chats = 1;
    cases(COMPLETIONS, c);
    only_chats = 0;
}


static void
test_claude(void)
{
#define EVENT(type, more)                                                    \
    "event: " type "\ndata: {\"type\":\"" type "\"" more "}\n\n"
#define START                                                                \
    EVENT("message_start", ",\"message\":{\"id\":\"i\",\"model\":\"v\","     \
          "\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}")
#define BLOCK(block)                                                         \
    START EVENT("content_block_start", ",\"index\":0,\"content_block\":{"    \
                "\"type\":" block "}")
#define DELTA(delta)                                                         \
    EVENT("content_block_delta", ",\"index\":0,\"delta\":{\"type\":"         \
          delta "}")

    static const case_t  c[] = {
        { START, 0, "a message starts" },
        { START EVENT("ping", ""), 0, "a ping" },
        { BLOCK("\"text\",\"text\":\"\""), 0, "a block opens" },
        { BLOCK("\"text\",\"text\":\"\"")
          DELTA("\"text_delta\",\"text\":\"\""), 0, "empty text" },
        { BLOCK("\"thinking\",\"thinking\":\"\""), 0, "a thought opens" },
        { BLOCK("\"thinking\",\"thinking\":\"\"") EVENT("ping", ""), 0,
          "and waits" },

        { BLOCK("\"text\",\"text\":\"\"")
          DELTA("\"text_delta\",\"text\":\"x\""), 1, "text" },
        { BLOCK("\"thinking\",\"thinking\":\"\"")
          DELTA("\"thinking_delta\",\"thinking\":\"x\""), 1, "reasoning" },
        { BLOCK("\"redacted_thinking\",\"data\":\"x\"")
          EVENT("content_block_stop", ",\"index\":0"), 1,
          "a hidden thought" },
        { BLOCK("\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{}"), 1,
          "a tool call" },
        { START EVENT("message_delta", ",\"delta\":{\"stop_reason\":"
                      "\"end_turn\"},\"usage\":{\"output_tokens\":5}")
          EVENT("message_stop", ""), 1, "an end" },
        END
    };

    dialect("claude", "/v1", "claude-sonnet-4-0");
    cases(CHAT, c);
}


static void
test_qwen(void)
{
#define FRAME(message, finish)                                               \
    "id:1\nevent:result\n:HTTP_STATUS/200\ndata:{\"output\":{\"choices\":[{" \
    "\"message\":{\"role\":\"assistant\"" message "},\"index\":0,"           \
    "\"finish_reason\":" finish "}]},\"usage\":{\"total_tokens\":1,"         \
    "\"output_tokens\":0,\"input_tokens\":1},\"request_id\":\"r\"}\n\n"

    static const case_t  c[] = {
        { ":HTTP_STATUS/200\n\n", 0, "a status" },
        { FRAME(",\"content\":\"\"", "\"null\""), 0, "a role" },
        { FRAME(",\"content\":\"\",\"reasoning_content\":\"\"", "\"null\""),
          0, "empty reasoning" },

        { FRAME(",\"content\":\"x\"", "\"null\""), 1, "text" },
        { FRAME(",\"content\":\"\",\"reasoning_content\":\"x\"", "\"null\""),
          1, "reasoning" },
        { FRAME(",\"content\":\"\",\"tool_calls\":[{\"index\":0,\"id\":"
                "\"t\",\"type\":\"function\",\"function\":{\"name\":\"f\","
                "\"arguments\":\"{\"}}]", "\"null\""), 1, "a tool call" },
        { FRAME(",\"content\":\"\"", "\"stop\""), 1, "an end" },
        END
    };

    dialect("qwen", "/api/v1", "qwen-max");
    cases(CHAT, c);
}


static void
test_gemini(void)
{
#define PARTS(parts, more)                                                   \
    "data: {\"candidates\":[{\"content\":{\"parts\":[" parts "],\"role\":"   \
    "\"model\"},\"index\":0" more "}],\"modelVersion\":\"v\","               \
    "\"responseId\":\"r\"}\n\n"

    static const case_t  c[] = {
        { "data: {\"usageMetadata\":{\"promptTokenCount\":10,"
          "\"totalTokenCount\":10}}\n\n", 0, "usage only" },
        { PARTS("", ""), 0, "no parts" },
        { PARTS("{\"text\":\"\"}", ""), 0, "empty text" },

        { PARTS("{\"text\":\"x\"}", ""), 1, "text" },
        { PARTS("{\"text\":\"x\",\"thought\":true}", ""), 1, "reasoning" },
        { PARTS("{\"functionCall\":{\"name\":\"f\",\"args\":{}}}", ""), 1,
          "a tool call" },
        { "data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}\n\n", 1,
          "a refusal" },
        END
    };

    dialect("gemini", "/v1beta", "gemini-2.5-flash");
    cases(CHAT, c);

    ex_start(CHAT, 1, 0);
    ex_events(PARTS("{\"text\":\"\"}", ",\"finishReason\":\"STOP\""), 9);
    is(ex.begun, 1, "gemini: an end");
}


static void
test_bedrock(void)
{
#define PART(type, data)  "event: " type "\ndata: " data "\n\n"
#define OPENED  PART("messageStart", "{\"role\":\"assistant\"}")
#define BIT(delta)                                                           \
    PART("contentBlockDelta", "{\"contentBlockIndex\":0,\"delta\":" delta "}")

    static const case_t  c[] = {
        { OPENED, 0, "a message starts" },
        { OPENED BIT("{\"text\":\"\"}"), 0, "empty text" },
        { OPENED PART("metadata", "{\"usage\":{\"inputTokens\":7,"
                      "\"outputTokens\":0,\"totalTokens\":7}}"), 0,
          "usage only" },

        { OPENED BIT("{\"text\":\"x\"}"), 1, "text" },
        { OPENED BIT("{\"reasoningContent\":{\"text\":\"x\"}}"), 1,
          "reasoning" },
        { OPENED PART("contentBlockStart", "{\"contentBlockIndex\":0,"
                      "\"start\":{\"toolUse\":{\"name\":\"f\",\"toolUseId\":"
                      "\"t\"}}}"), 1, "a tool call" },
        { OPENED PART("messageStop", "{\"stopReason\":\"end_turn\"}"), 1,
          "an end" },
        END
    };

    dialect("bedrock", "", "anthropic.claude-sonnet-4-20250514-v1:0");
    cases(CHAT, c);
}


/* whole objects in answer to streamed calls */

static void
test_objects(void)
{
    dialect("openai", "/v1", "m");
    object(CHAT, "{\"id\":\"i\",\"object\":\"chat.completion\",\"created\":7,"
           "\"model\":\"v\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
           "\"assistant\",\"content\":\"x\"},\"finish_reason\":\"stop\"}]}",
           "openai");
    object(COMPLETIONS, "{\"id\":\"i\",\"object\":\"text_completion\","
           "\"created\":7,\"model\":\"v\",\"choices\":[{\"index\":0,"
           "\"text\":\"\",\"finish_reason\":\"stop\"}]}", "openai");

    dialect("claude", "/v1", "claude-sonnet-4-0");
    object(CHAT, "{\"content\":[],\"stop_reason\":\"end_turn\"}", "claude");

    dialect("qwen", "/api/v1", "qwen-max");
    object(CHAT, "{\"output\":{\"choices\":[{\"finish_reason\":\"stop\","
           "\"message\":{\"role\":\"assistant\",\"content\":\"x\"}}]},"
           "\"request_id\":\"r\"}", "qwen");

    dialect("gemini", "/v1beta", "gemini-2.5-flash");
    object(CHAT, "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"x\"}],"
           "\"role\":\"model\"},\"finishReason\":\"STOP\"}]}", "gemini");

    dialect("bedrock", "", "anthropic.claude-sonnet-4-20250514-v1:0");
    object(CHAT, "{\"output\":{\"message\":{\"role\":\"assistant\","
           "\"content\":[{\"text\":\"x\"}]}},\"stopReason\":\"end_turn\"}",
           "bedrock");
}


/* what dialects tell of beside the usual */

static void
test_answer(void)
{
    ngx_str_t  empty, text;

    dialect("claude", "/v1", "claude-sonnet-4-0");

    empty = str("");
    text = str("{\"a\":1}");

    ex_start(CHAT, 1, 1);
    ngx_http_llmbroker_answer_start(&ex, NULL, NULL, NULL);
    ngx_http_llmbroker_answer_top(&ex, "name", &text);
    ngx_http_llmbroker_answer_text(&ex, 0, &empty);
    ngx_http_llmbroker_answer_refusal(&ex, 0, &empty);
    ngx_http_llmbroker_answer_reasoning(&ex, 0, &empty);
    is(ex.begun, 0, "the beginnings of an answer");
    ok(ex_out.length > 0, "wrote a role");

    ngx_http_llmbroker_answer_ping(&ex);
    is(ex.begun, 0, "and a comment");

    ngx_http_llmbroker_answer_block(&ex, 0, &text);
    is(ex.begun, 1, "a block to replay");

    ex_start(CHAT, 1, 0);
    ngx_http_llmbroker_answer_annotation(&ex, 0, &text);
    is(ex.begun, 1, "an annotation");

    ex_start(CHAT, 1, 0);
    ngx_http_llmbroker_answer_member(&ex, 0, "audio", &text);
    is(ex.begun, 1, "another member");

    ex_start(CHAT, 1, 0);
    ngx_http_llmbroker_answer_text(&ex, 3, &text);
    is(ex.begun, 1, "text of another choice");

    ex_start(CHAT, 1, 0);
    ngx_http_llmbroker_answer_end(&ex);
    is(ex.begun, 1, "an answer without choices has ended");
}


static void
test_echo(void)
{
    ngx_str_t  empty, text;

    empty = str("");
    text = str("x");

    ex_start(COMPLETIONS, 1, 0);
    ex.echo = str("prompt");

    ngx_http_llmbroker_answer_reasoning(&ex, 0, &empty);
    is(ex.begun, 0, "the prompt is no answer");
    ok(strstr(ex_answer(), "prompt") != NULL, "but is told");

    ngx_http_llmbroker_answer_text(&ex, 0, &text);
    is(ex.begun, 1, "what follows is one");
}


static void
dialect(const char *provider, const char *base, const char *model)
{
    ex_provider = provider;
    ex_base = base;
    ex_model = model;
}


static void
cases(ngx_http_llmbroker_call_e call, const case_t *c)
{
    for ( /* void */ ; c->stream; c++) {
        ex_start(call, 1, 1);
        ex.splice &= !only_chats;

        ok(feed(c->stream) == NGX_OK && ex.begun == c->begun, "%s: %s",
           ex_provider, c->name);
    }
}


/* a stream that goes on */

static ngx_int_t
feed(const char *text)
{
    u_char                    *p;
    size_t                     len;
    ngx_int_t                  rc;
    ngx_http_llmbroker_sse_t   sse;

    ex.temp = ngx_create_pool(4096, &ngx_shim_log);
    if (ex.temp == NULL) {
        return NGX_ERROR;
    }

    ngx_http_llmbroker_sse_init(&sse, ex_pool, 65536, ex_on_event, NULL);

    len = strlen(text);
    p = malloc(len);
    memcpy(p, text, len);
    rc = ngx_http_llmbroker_sse(&sse, p, p + len);
    free(p);

    return rc;
}


static void
object(ngx_http_llmbroker_call_e call, const char *text, const char *name)
{
    ex_start(call, 1, 0);

    ok(ex_json(text) == NGX_OK && ex.begun, "%s: an object as a stream",
       name);
}
