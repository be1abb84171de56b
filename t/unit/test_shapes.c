
/*
 * Copyright (C) LLMBroker contributors
 *
 * What a provider tells in another form than its own, or to no purpose, is a
 * bad answer and not a silent loss (design 2.6); null is nothing everywhere,
 * and a kind that is not known is none of this (S13).
 */


#include "exchange.h"


#define QWEN(message)                                                        \
    "{\"output\":{\"choices\":[{\"finish_reason\":\"stop\",\"message\":"     \
    message "}]}}"
#define CLAUDE(content)                                                      \
    "{\"type\":\"message\",\"stop_reason\":\"end_turn\",\"content\":"      \
    content "}"
#define GEMINI(parts)                                                        \
    "{\"candidates\":[{\"finishReason\":\"STOP\",\"content\":{\"parts\":"    \
    parts "}}]}"
#define BEDROCK(content)                                                     \
    "{\"output\":{\"message\":{\"content\":" content "}},"                   \
    "\"stopReason\":\"end_turn\"}"

typedef struct {
    const char  *provider;
    const char  *base;
    const char  *model;
    const char  *good;
    const char  *bad[17];
} shape_t;

static void test_shapes(void);
static void test_frames(void);
static void test_deltas(void);
static void test_behind(void);
static ngx_int_t event(const char *type, const char *data);


static const shape_t  shapes[] = {
    { "qwen", "/api/v1", "qwen-max",
      QWEN("{\"content\":\"x\",\"reasoning_content\":null,"
           "\"tool_calls\":null}"),
      { "{\"output\":7}",
        "{\"output\":{\"choices\":\"x\"}}",
        "{\"output\":{\"choices\":[7]}}",
        "{\"output\":{\"choices\":[{\"finish_reason\":\"stop\"}]}}",
        QWEN("7"),
        QWEN("[\"x\"]"),
        QWEN("{\"content\":7}"),
        QWEN("{\"content\":{\"text\":\"x\"}}"),
        QWEN("{\"content\":[{\"text\":7}]}"),
        QWEN("{\"content\":[7]}"),
        QWEN("{\"content\":\"x\",\"reasoning_content\":[7]}"),
        QWEN("{\"content\":\"x\",\"tool_calls\":\"x\"}"),
        QWEN("{\"content\":\"x\",\"tool_calls\":[7]}"),
        QWEN("{\"content\":\"x\",\"tool_calls\":[{\"function\":7}]}"),
        QWEN("{\"content\":\"x\",\"tool_calls\":[{\"id\":\"i\","
             "\"function\":{\"arguments\":\"{}\"}}]}"),
        QWEN("{\"content\":\"x\",\"tool_calls\":[{\"id\":\"i\","
             "\"function\":{\"name\":\"f\",\"arguments\":7}}]}"),
        NULL } },
    { "gemini", "/v1beta", "gemini-2.5-flash",
      GEMINI("[{\"text\":\"x\"},{\"text\":null},null]"),
      { "{\"candidates\":7}",
        "{\"candidates\":[7]}",
        "{\"candidates\":[{\"finishReason\":\"STOP\",\"content\":7}]}",
        GEMINI("7"),
        GEMINI("{\"text\":\"x\"}"),
        GEMINI("[7]"),
        GEMINI("[\"x\"]"),
        GEMINI("[{\"text\":7}]"),
        GEMINI("[{\"text\":7,\"thought\":true}]"),
        GEMINI("[{\"functionCall\":7}]"),
        GEMINI("[{\"functionCall\":{\"args\":{}}}]"),
        GEMINI("[{\"functionCall\":{\"name\":7,\"args\":{}}}]"),
        GEMINI("[{\"functionCall\":{\"name\":\"f\",\"args\":[1]}}]"),
        NULL } },
    { "claude", "/v1", "claude-sonnet-4-5",
      CLAUDE("[{\"type\":\"text\",\"text\":\"x\"},"
             "{\"type\":\"text\",\"text\":null},{\"type\":\"new\"}]"),
      { CLAUDE("7"),
        CLAUDE("[7]"),
        CLAUDE("[{\"text\":\"x\"}]"),
        CLAUDE("[{\"type\":\"text\",\"text\":7}]"),
        CLAUDE("[{\"type\":\"text\",\"text\":[\"x\"]}]"),
        CLAUDE("[{\"type\":\"thinking\",\"thinking\":7}]"),
        CLAUDE("[{\"type\":\"tool_use\",\"name\":\"f\",\"input\":{}}]"),
        CLAUDE("[{\"type\":\"tool_use\",\"id\":\"i\",\"input\":{}}]"),
        NULL } },
    { "bedrock", "", "amazon.nova-lite-v1:0",
      BEDROCK("[{\"text\":\"x\"},{\"text\":null},null]"),
      { BEDROCK("7"),
        BEDROCK("[7]"),
        BEDROCK("[\"x\"]"),
        BEDROCK("[{\"text\":7}]"),
        BEDROCK("[{\"text\":[\"x\"]}]"),
        BEDROCK("[{\"toolUse\":7}]"),
        BEDROCK("[{\"toolUse\":{\"name\":\"f\",\"input\":{}}}]"),
        BEDROCK("[{\"toolUse\":{\"toolUseId\":\"i\",\"input\":{}}}]"),
        BEDROCK("[{\"reasoningContent\":7}]"),
        BEDROCK("[{\"citationsContent\":7}]"),
        NULL } }
};


int
main(void)
{
    test_shapes();
    test_frames();
    test_deltas();
    test_behind();

    return done_testing();
}


/* whole, and as the only event of a stream where there are such */

static void
test_shapes(void)
{
    size_t       i, n;
    char         text[1024];
    const char  *bad;

    for (i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {

        ex_provider = shapes[i].provider;
        ex_base = shapes[i].base;
        ex_model = shapes[i].model;

        ex_start(CHAT, 0, 0);
        is(ex_json(shapes[i].good), NGX_OK, ex_provider);
        ok(strstr(ex_answer(), "\"content\":\"x\"") != NULL, "is told");

        for (n = 0; shapes[i].bad[n]; n++) {
            bad = shapes[i].bad[n];

            ex_start(CHAT, 0, 0);
            is(ex_json(bad), NGX_DECLINED, bad);
            ok(ex.fault.status == 0 && ex.fault.message.len, "is told of");

            /* frames, and events, differ from what is whole */

            if (ngx_strcmp(ex_provider, "bedrock") == 0
                || ngx_strcmp(ex_provider, "claude") == 0
                || strstr(bad, "[{\"finish_reason\":\"stop\"}]"))
            {
                continue;
            }

            snprintf(text, sizeof(text), "data: %s\n\n", bad);

            ex_start(CHAT, 1, 0);
            is(ex_events(text, 7), NGX_DECLINED, "in a stream");
        }
    }
}


static void
test_frames(void)
{
    size_t  i;

    static const char  *bad[][2] = {
        { "contentBlockStart", "7" },
        { "contentBlockStart", "{\"start\":7}" },
        { "contentBlockStart", "{\"start\":{\"toolUse\":7}}" },
        { "contentBlockStart", "{\"start\":{\"toolUse\":{\"name\":\"f\"}}}" },
        { "contentBlockStart",
          "{\"start\":{\"toolUse\":{\"toolUseId\":\"i\"}}}" },
        { "contentBlockDelta", "[7]" },
        { "contentBlockDelta", "{}" },
        { "contentBlockDelta", "{\"delta\":\"x\"}" },
        { "contentBlockDelta", "{\"delta\":{\"text\":7}}" },
        { "contentBlockDelta", "{\"delta\":{\"toolUse\":7}}" },
        { "contentBlockDelta", "{\"delta\":{\"toolUse\":{\"input\":7}}}" },
        { "contentBlockDelta",
          "{\"delta\":{\"toolUse\":{\"input\":\"{}\"}}}" },
        { "contentBlockDelta", "{\"delta\":{\"reasoningContent\":\"x\"}}" },
        { NULL, NULL }
    };

    for (i = 0; bad[i][0]; i++) {
        ex_start(CHAT, 1, 0);
        is(event(bad[i][0], bad[i][1]), NGX_DECLINED, bad[i][1]);
        ok(ex.fault.status == 0 && ex.fault.message.len, "is told of");
    }

    ex_start(CHAT, 1, 0);
    is(event("contentBlockStart", "{\"start\":{}}"), NGX_OK,
       "a start of nothing");
    is(event("contentBlockDelta", "{\"delta\":{}}"), NGX_OK,
       "a piece of nothing");
    is(event("contentBlockDelta", "{\"delta\":{\"toolUse\":{\"input\":\"\"}}}"),
       NGX_OK, "no input of no tool");
}


static ngx_int_t
event(const char *type, const char *data)
{
    ngx_http_llmbroker_sse_event_t  e;

    memset(&e, 0, sizeof(e));

    e.type = str(type);
    e.data = str(data);

    if (ex.temp == NULL) {
        ex.temp = ngx_create_pool(4096, &ngx_shim_log);
    }

    return ex_target.dialect->event(&ex, &e);
}


static void
test_deltas(void)
{
    size_t  i;
    char    text[512];

    static const char  *bad[] = {
        "7",
        "{\"text\":\"x\"}",
        "{\"type\":7,\"text\":\"x\"}",
        "{\"type\":\"text_delta\",\"text\":7}",
        NULL
    };

    ex_provider = "claude";
    ex_base = "/v1";
    ex_model = "claude-sonnet-4-5";

    for (i = 0; bad[i]; i++) {
        snprintf(text, sizeof(text),
                 "data: {\"type\":\"content_block_start\",\"index\":0,"
                 "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
                 "data: {\"type\":\"content_block_delta\",\"index\":0,"
                 "\"delta\":%s}\n\n", bad[i]);

        ex_start(CHAT, 1, 0);
        is(ex_events(text, 7), NGX_DECLINED, bad[i]);
        ok(ex.fault.message.len
           && strstr((char *) ex.fault.message.data, "ended") == NULL,
           "is told of, not that the stream was cut");
    }
}


/* a frame that says no more than the ones before may still follow */

static void
test_behind(void)
{
    size_t  i;
    char    text[1024];

    static const char  *behind[] = {
        "{\"content\":\"y\"}",
        "{\"content\":\"\",\"reasoning_content\":\"y\"}",
        "{\"content\":\"\",\"tool_calls\":[{\"id\":\"i\",\"function\":"
        "{\"name\":\"f\",\"arguments\":\"{}\"}}]}",
        NULL
    };

    ex_provider = "qwen";
    ex_base = "/api/v1";
    ex_model = "qwen-max";

    for (i = 0; behind[i]; i++) {
        snprintf(text, sizeof(text),
                 "data:" QWEN("{\"content\":\"x\"}") "\n\n"
                 "data:{\"output\":{\"choices\":[{\"message\":%s}]}}\n\n",
                 behind[i]);

        ex_start(CHAT, 1, 0);
        is(ex_events(text, 7), NGX_DECLINED, behind[i]);
        faults(0, "", "The provider went on after the end of the answer.",
               "is told of");
    }

    ex_start(CHAT, 1, 0);
    is(ex_events("data:" QWEN("{\"content\":\"x\"}") "\n\n"
                 "data:" QWEN("{\"content\":\"\"}") "\n\n", 7), NGX_OK,
       "an empty frame behind the end");
    ok(strstr(ex_answer(), DONE) != NULL, "is none");
}
