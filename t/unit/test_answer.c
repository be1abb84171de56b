
/*
 * Copyright (C) LLMBroker contributors
 *
 * The OpenAI answer: the exact bytes of chunks and objects, chat and text
 * completions, roles, tools, usage, several choices, bounds, lack of memory.
 */


#include "exchange.h"


static void test_stream(void);
static void test_object(void);
static void test_completions(void);
static void test_tools(void);
static void test_reasoning(void);
static void test_refusal(void);
static void test_items(void);
static void test_usage(void);
static void test_choices(void);
static void test_names(void);
static void test_bounds(void);
static void test_ping(void);
static void test_copies(void);
static void test_provider(void);
static void test_no_memory(void);

static void start(ngx_uint_t stream);
static void text(ngx_uint_t choice, const char *inner);
static void tool(ngx_uint_t index, const char *id, const char *name);
static void arguments(ngx_uint_t index, const char *inner);
static void finish(ngx_uint_t choice, const char *reason);
static void end(void);
static void wrote(const char *expected, const char *name);
static ngx_int_t stream_once(void);
static ngx_int_t object_once(void);


int
main(void)
{
    test_stream();
    test_object();
    test_completions();
    test_tools();
    test_reasoning();
    test_refusal();
    test_items();
    test_usage();
    test_choices();
    test_names();
    test_bounds();
    test_ping();
    test_copies();
    test_provider();
    test_no_memory();

    return done_testing();
}


static void
test_stream(void)
{
    start(1);

    text(0, "Gr\\u00fc");
    text(0, "");
    text(0, "\\\"e\\n");
    finish(0, "stop");
    finish(0, "length");
    end();
    end();

    wrote(CHUNK("i", "v", ROLE, "null")
          CHUNK("i", "v", "\"content\":\"Gr\\u00fc\"", "null")
          CHUNK("i", "v", "\"content\":\"\\\"e\\n\"", "null")
          CHUNK("i", "v", "", "\"stop\"")
          DONE, "text in chunks, the role first, one finish, one end");

    is_str(ex.finish_reason.data, ex.finish_reason.len, "stop",
           "the finish reason is known");
    is(ex.done, 1, "the answer is done");

    start(1);
    finish(0, "stop");
    end();

    wrote(CHUNK("i", "v", ROLE, "null")
          CHUNK("i", "v", "", "\"stop\"")
          DONE, "an answer of nothing has a role all the same");
}


static void
test_object(void)
{
    start(0);
    text(0, "a\\n");
    text(0, "b");
    finish(0, "length");
    end();
    end();

    wrote(HEAD("chat.completion", "i", "v")
          "{\"index\":0,\"message\":{\"role\":\"assistant\","
          "\"content\":\"a\\nb\",\"refusal\":null},\"logprobs\":null,"
          "\"finish_reason\":\"length\"}]}", "a buffered answer");

    start(0);
    finish(0, "stop");
    end();

    wrote(HEAD("chat.completion", "i", "v")
          "{\"index\":0,\"message\":{\"role\":\"assistant\","
          "\"content\":\"\",\"refusal\":null},\"logprobs\":null,"
          "\"finish_reason\":\"stop\"}]}", "no text is an empty one");
}


static void
test_completions(void)
{
    ngx_str_t  id, model, inner;

    id = str("i");
    model = str("v");
    inner = str("x");

    ex_start(COMPLETIONS, 1, 1);
    ngx_http_llmbroker_answer_start(&ex, &id, &model, NULL);
    ngx_http_llmbroker_answer_reasoning(&ex, 0, &inner);
    ngx_http_llmbroker_answer_refusal(&ex, 0, &inner);
    ngx_http_llmbroker_answer_tool(&ex, 0, 0, &id, &model);
    ngx_http_llmbroker_answer_arguments(&ex, 0, 0, &inner);
    ngx_http_llmbroker_answer_block(&ex, 0, &inner);
    text(0, "one");
    text(1, "two");
    finish(0, "stop");
    finish(1, "length");
    ex.usage.prompt = 2;
    ex.usage.completion = 3;
    end();

#define PIECE(text, n, finish)                                               \
    "data: " HEAD("text_completion", "i", "v") "{\"text\":\"" text           \
    "\",\"index\":" n ",\"logprobs\":null,\"finish_reason\":" finish "}],"   \
    "\"usage\":null}\n\n"

    wrote(PIECE("one", "0", "null")
          PIECE("two", "1", "null")
          PIECE("", "0", "\"stop\"")
          PIECE("", "1", "\"length\"")
          "data: " HEAD("text_completion", "i", "v") "],\"usage\":"
          "{\"prompt_tokens\":2,\"completion_tokens\":3,"
          "\"total_tokens\":5}}\n\n"
          DONE, "a streamed text completion");

    ex_start(COMPLETIONS, 0, 0);
    ngx_http_llmbroker_answer_start(&ex, &id, &model, NULL);
    text(0, "one");
    text(0, "!");
    finish(0, "stop");
    end();

    wrote(HEAD("text_completion", "i", "v")
          "{\"text\":\"one!\",\"index\":0,\"logprobs\":null,"
          "\"finish_reason\":\"stop\"}]}", "a buffered text completion");
}


static void
test_tools(void)
{
    start(1);
    tool(0, "t0", "f");
    arguments(0, "");
    arguments(0, "{\\\"a\\\":");
    tool(1, "t1", "g");
    arguments(0, "1}");
    finish(0, "tool_calls");
    end();

#define ARGUMENTS(index, text)                                               \
    CHUNK("i", "v", "\"tool_calls\":[{\"index\":" index ",\"function\":"     \
          "{\"arguments\":\"" text "\"}}]", "null")

    wrote(CHUNK("i", "v", "\"role\":\"assistant\",\"content\":null,"
                "\"tool_calls\":[{\"index\":0,\"id\":\"t0\","
                "\"type\":\"function\",\"function\":{\"name\":\"f\","
                "\"arguments\":\"\"}}],\"refusal\":null", "null")
          ARGUMENTS("0", "{\\\"a\\\":")
          CHUNK("i", "v", "\"tool_calls\":[{\"index\":1,\"id\":\"t1\","
                "\"type\":\"function\",\"function\":{\"name\":\"g\","
                "\"arguments\":\"\"}}]", "null")
          ARGUMENTS("0", "1}")
          ARGUMENTS("1", "{}")
          CHUNK("i", "v", "", "\"tool_calls\"")
          DONE, "tools in a stream; one without arguments gets {}");

    is(ngx_http_llmbroker_answer_tools(&ex, 0), 2, "the tools are counted");

    start(0);
    tool(0, "t0", "f");
    arguments(0, "{\\\"a\\\":");
    arguments(0, "1}");
    tool(1, "t1", "g");
    finish(0, "tool_calls");
    end();

    wrote(HEAD("chat.completion", "i", "v")
          "{\"index\":0,\"message\":{\"role\":\"assistant\","
          "\"content\":null,\"refusal\":null,\"tool_calls\":["
          "{\"id\":\"t0\",\"type\":\"function\",\"function\":{\"name\":\"f\","
          "\"arguments\":\"{\\\"a\\\":1}\"}},"
          "{\"id\":\"t1\",\"type\":\"function\",\"function\":{\"name\":\"g\","
          "\"arguments\":\"{}\"}}]},\"logprobs\":null,"
          "\"finish_reason\":\"tool_calls\"}]}", "tools in an object");

    start(1);
    text(0, "x");
    tool(0, "t0", "f");

    ok(strstr(ex_answer(), "\"delta\":{\"tool_calls\":[") != NULL,
       "the role is not told twice");
}


static void
test_reasoning(void)
{
    ngx_str_t  inner;

    inner = str("hm");

    start(1);
    ngx_http_llmbroker_answer_reasoning(&ex, 0, &inner);
    text(0, "x");

    wrote(CHUNK("i", "v", "\"role\":\"assistant\",\"content\":null,"
                "\"refusal\":null", "null")
          CHUNK("i", "v", "\"reasoning_content\":\"hm\"", "null")
          CHUNK("i", "v", "\"content\":\"x\"", "null"),
          "reasoning in a stream");

    start(0);
    ngx_http_llmbroker_answer_reasoning(&ex, 0, &inner);
    ngx_http_llmbroker_answer_reasoning(&ex, 0, &inner);
    text(0, "x");
    finish(0, "stop");
    end();

    ok(strstr(ex_answer(), "\"content\":\"x\",\"refusal\":null,"
                           "\"reasoning_content\":\"hmhm\"}") != NULL,
       "reasoning in an object");
}


static void
test_refusal(void)
{
    ngx_str_t  inner;

    inner = str("no");

    start(0);
    ngx_http_llmbroker_answer_refusal(&ex, 0, &inner);
    finish(0, "content_filter");
    end();

    ok(strstr(ex_answer(), "\"content\":null,\"refusal\":\"no\"}") != NULL,
       "a refusal in an object");

    start(1);
    ngx_http_llmbroker_answer_refusal(&ex, 0, &inner);

    ok(strstr(ex_answer(), "\"delta\":{\"refusal\":\"no\"}") != NULL,
       "a refusal in a stream");
}


static void
test_items(void)
{
    ngx_str_t  block, other;

    block = str("{\"type\":\"thinking\"}");
    other = str("{\"type\":\"url_citation\"}");

    start(0);
    ngx_http_llmbroker_answer_block(&ex, 0, &block);
    ngx_http_llmbroker_answer_block(&ex, 0, &block);
    ngx_http_llmbroker_answer_annotation(&ex, 0, &other);
    finish(0, "stop");
    end();

    ok(strstr(ex_answer(), "\"thinking_blocks\":[{\"type\":\"thinking\"},"
                           "{\"type\":\"thinking\"}],"
                           "\"annotations\":[{\"type\":\"url_citation\"}]}")
       != NULL, "blocks and annotations in an object");

    start(1);
    ngx_http_llmbroker_answer_annotation(&ex, 0, &other);
    ngx_http_llmbroker_answer_block(&ex, 0, &block);

    wrote(CHUNK("i", "v", "\"role\":\"assistant\",\"content\":null,"
                "\"refusal\":null", "null")
          CHUNK("i", "v", "\"annotations\":[{\"type\":\"url_citation\"}]",
                "null")
          CHUNK("i", "v", "\"thinking_blocks\":[{\"type\":\"thinking\"}]",
                "null"),
          "blocks and annotations in a stream");
}


static void
test_usage(void)
{
    ex_start(CHAT, 1, 1);
    end();

    ok(strstr(ex_answer(), "\"choices\":[],\"usage\":{\"prompt_tokens\":0,"
                           "\"completion_tokens\":0,\"total_tokens\":0}}")
       != NULL, "a client that asks for usage gets one");

    start(0);
    finish(0, "stop");
    ex.usage.prompt = 10;
    ex.usage.completion = 5;
    ex.usage.cached = 4;
    ex.usage.cache_write = 0;
    ex.usage.reasoning = 3;
    end();

    ok(strstr(ex_answer(), "],\"usage\":{\"prompt_tokens\":10,"
              "\"completion_tokens\":5,\"total_tokens\":15,"
              "\"prompt_tokens_details\":{\"cached_tokens\":4,"
              "\"cache_write_tokens\":0},\"completion_tokens_details\":"
              "{\"reasoning_tokens\":3}}}") != NULL, "usage with details");
    is(ex.usage.total, 15, "the total is known afterwards");

    start(0);
    finish(0, "stop");
    ex.usage.prompt = NGX_MAX_INT_T_VALUE;
    ex.usage.completion = 5;
    end();
    ok(ex.usage.total == NGX_MAX_INT_T_VALUE, "a total that does not fit");

    start(0);
    finish(0, "stop");
    ex.usage.prompt = 1;
    ex.usage.total = 7;
    end();
    ok(strstr(ex_answer(), "\"completion_tokens\":0,\"total_tokens\":7}}")
       != NULL, "a total that was told stays");
}


static void
test_choices(void)
{
    is(ngx_http_llmbroker_answer_complete(&ex), 1, "complete before");

    start(0);
    is(ngx_http_llmbroker_answer_complete(&ex), 0, "nothing is not complete");
    text(1, "b");
    text(0, "a");
    finish(0, "stop");
    is(ngx_http_llmbroker_answer_finished(&ex, 0), 1, "one has ended");
    is(ngx_http_llmbroker_answer_finished(&ex, 1), 0, "the other has not");
    is(ngx_http_llmbroker_answer_finished(&ex, 2), 0, "nor a third");
    is(ngx_http_llmbroker_answer_complete(&ex), 0, "so it is not complete");
    finish(1, "length");
    is(ngx_http_llmbroker_answer_complete(&ex), 1, "both have ended");
    end();

    is_str(ex.finish_reason.data, ex.finish_reason.len, "stop",
           "the first choice's reason counts");

    wrote(HEAD("chat.completion", "i", "v")
          "{\"index\":0,\"message\":{\"role\":\"assistant\","
          "\"content\":\"a\",\"refusal\":null},\"logprobs\":null,"
          "\"finish_reason\":\"stop\"},"
          "{\"index\":1,\"message\":{\"role\":\"assistant\","
          "\"content\":\"b\",\"refusal\":null},\"logprobs\":null,"
          "\"finish_reason\":\"length\"}]}", "two choices in an object");

    start(1);
    text(1, "b");

    wrote("data: " HEAD("chat.completion.chunk", "i", "v")
          "{\"index\":1,\"delta\":{" ROLE "},\"logprobs\":null,"
          "\"finish_reason\":null}]}\n\n"
          "data: " HEAD("chat.completion.chunk", "i", "v")
          "{\"index\":1,\"delta\":{\"content\":\"b\"},\"logprobs\":null,"
          "\"finish_reason\":null}]}\n\n", "the second choice of a stream");
}


static void
test_names(void)
{
    char       *p;
    size_t      i;
    ngx_str_t   id, model, other;

    ex_model = "a\"b\\c";
    ex_start(CHAT, 0, 0);
    finish(0, "stop");
    end();
    ex_model = "m";

    p = ex_answer();

    ok(strncmp(p, "{\"id\":\"chatcmpl-", 16) == 0, "a name is made");

    p += 16;

    for (i = 0; strchr("0123456789abcdef", p[i]) && p[i]; i++) {
        /* void */
    }

    is(i, 24, "of 24 digits");
    ok(strstr(p, "\"model\":\"a\\\"b\\\\c\"") != NULL, "the model is escaped");

    ex_start(COMPLETIONS, 0, 0);
    end();
    ok(strncmp(ex_answer(), "{\"id\":\"cmpl-", 12) == 0,
       "a completion's name is another");

    id = str("i");
    model = str("v");
    other = str("other");

    ex_start(CHAT, 0, 0);
    ngx_http_llmbroker_answer_start(&ex, &id, &model, "priority");
    ngx_http_llmbroker_answer_start(&ex, &other, &other, NULL);
    end();

    wrote("{\"id\":\"i\",\"object\":\"chat.completion\",\"created\":1,"
          "\"model\":\"v\",\"service_tier\":\"priority\",\"choices\":[]}",
          "a tier; the first start counts");
}


static void
test_bounds(void)
{
    ngx_str_t   inner;
    ngx_uint_t  i;

    inner = str("x");

    start(0);
    is(ngx_http_llmbroker_answer_text(&ex, 127, &inner), NGX_OK,
       "choice 127");
    is(ngx_http_llmbroker_answer_text(&ex, 128, &inner), NGX_DECLINED,
       "choice 128 is too much");
    faults(0, "", "The provider answered with too many choices.", "why");
    is(ngx_http_llmbroker_answer_text(&ex, (ngx_uint_t) -1, &inner),
       NGX_DECLINED, "so is the last one");

    start(0);
    is(ngx_http_llmbroker_answer_tool(&ex, 0, 1, &inner, &inner),
       NGX_DECLINED, "a tool out of order");
    is(ngx_http_llmbroker_answer_arguments(&ex, 0, 0, &inner), NGX_DECLINED,
       "arguments of no tool");

    for (i = 0; i < 1024; i++) {
        tool(i, "t", "f");
    }

    is(ngx_http_llmbroker_answer_tool(&ex, 0, 1024, &inner, &inner),
       NGX_DECLINED, "too many tools");
}


static void
test_ping(void)
{
    start(1);
    is(ngx_http_llmbroker_answer_ping(&ex), NGX_OK, "a ping");
    wrote("", "is nothing at first");
    text(0, "x");
    ngx_http_llmbroker_answer_ping(&ex);
    ok(strstr(ex_answer(), "}]}\n\n: ping\n\n") != NULL, "then a comment");
    end();
    ngx_http_llmbroker_answer_ping(&ex);
    ok(strstr(ex_answer(), DONE ": ping") == NULL, "and nothing at the end");

    start(0);
    text(0, "x");
    ngx_http_llmbroker_answer_ping(&ex);
    wrote("", "an object has no ping");
}


/* texts of events are gone with the event, those of an object stay */

static void
test_copies(void)
{
    char       *p;
    u_char      buf[8];
    ngx_str_t   inner;
    ngx_uint_t  i;

    inner.data = buf;
    inner.len = sizeof(buf);

    start(0);
    ex.temp = ngx_create_pool(4096, &ngx_shim_log);

    for (i = 0; i < 100000; i++) {
        memset(buf, 'a' + i % 26, sizeof(buf));
        ngx_http_llmbroker_answer_text(&ex, 0, &inner);
    }

    memset(buf, '?', sizeof(buf));
    finish(0, "stop");
    end();

    p = ex_answer();
    ok(strchr(p, '?') == NULL, "texts of events are copied");
    is(strlen(p), 800000 + strlen(HEAD("chat.completion", "i", "v")
       "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"\","
       "\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\"}]}"),
       "all of them");

    start(0);
    memcpy(buf, "before.", sizeof(buf));
    inner.len = 7;
    ngx_http_llmbroker_answer_text(&ex, 0, &inner);
    memcpy(buf, "changed", 7);
    finish(0, "stop");
    end();
    ok(strstr(ex_answer(), "changed") != NULL, "texts of an object are not");
}


static void
test_provider(void)
{
    char                                  name[32];
    ngx_str_t                             text;
    ngx_uint_t                            i;
    const ngx_http_llmbroker_provider_t  *p;

    text = str("qwen");
    p = ngx_http_llmbroker_provider_find(&text);
    ok(p && p->dialect == &ngx_http_llmbroker_qwen, "a provider");

    text = str("dashscope");
    ok(ngx_http_llmbroker_provider_find(&text) == p, "its other name");

    text = str("/api/v1");
    ok(ngx_http_llmbroker_provider_dialect(p, &text) == p->dialect,
       "its own dialect");

    text = str("/compatible-mode/v1");
    ok(ngx_http_llmbroker_provider_dialect(p, &text)
       == &ngx_http_llmbroker_openai, "OpenAI's at another path");

    text = str("/v1");
    ok(ngx_http_llmbroker_provider_dialect(p, &text) == p->dialect,
       "a short path");

    text = str("");
    ok(ngx_http_llmbroker_provider_find(&text) == NULL, "no provider");

    text = str("opena");
    ok(ngx_http_llmbroker_provider_find(&text) == NULL, "a part of one");

    ex_start(CHAT, 0, 0);

    text = str("b");
    ngx_http_llmbroker_dropped(&ex, &text);
    text = str("a");
    ngx_http_llmbroker_dropped(&ex, &text);
    text = str("ab\r\nX-Evil: 1,\xc3\xbc");
    ngx_http_llmbroker_dropped(&ex, &text);
    text = str("b");
    ngx_http_llmbroker_dropped(&ex, &text);
    drops("b, a, ab__X-Evil:_1___", "dropped names are fit for a header");

    for (i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "parameter-%u", (unsigned) i);
        text = str(name);
        ngx_http_llmbroker_dropped(&ex, &text);
    }

    ok(ex.dropped.len > 1000 && ex.dropped.len <= 1024,
       "dropped names end at 1 KB");

    ok(ngx_http_llmbroker_sum(-1, 5) == 5
       && ngx_http_llmbroker_sum(NGX_MAX_INT_T_VALUE, 1)
          == NGX_MAX_INT_T_VALUE, "sums of counts");
}


static void
test_no_memory(void)
{
    survives(stream_once, "a stream");
    survives(object_once, "an object");
}


static void
start(ngx_uint_t stream)
{
    ngx_str_t  id, model;

    id = str("i");
    model = str("v");

    ex_start(CHAT, stream, 0);
    ngx_http_llmbroker_answer_start(&ex, &id, &model, NULL);
}


static void
text(ngx_uint_t choice, const char *inner)
{
    ngx_str_t  s;

    s = str(inner);

    if (ngx_http_llmbroker_answer_text(&ex, choice, &s) != NGX_OK) {
        ok(0, "text");
    }
}


static void
tool(ngx_uint_t index, const char *id, const char *name)
{
    ngx_str_t  i, n;

    i = str(id);
    n = str(name);

    if (ngx_http_llmbroker_answer_tool(&ex, 0, index, &i, &n) != NGX_OK) {
        ok(0, "tool");
    }
}


static void
arguments(ngx_uint_t index, const char *inner)
{
    ngx_str_t  s;

    s = str(inner);

    if (ngx_http_llmbroker_answer_arguments(&ex, 0, index, &s) != NGX_OK) {
        ok(0, "arguments");
    }
}


static void
finish(ngx_uint_t choice, const char *reason)
{
    if (ngx_http_llmbroker_answer_finish(&ex, choice, reason) != NGX_OK) {
        ok(0, "finish");
    }
}


static void
end(void)
{
    if (ngx_http_llmbroker_answer_end(&ex) != NGX_OK) {
        ok(0, "end");
    }
}


static void
wrote(const char *expected, const char *name)
{
    char  *p;

    p = ex_answer();
    is_str(p, strlen(p), expected, name);
}


static ngx_int_t
stream_once(void)
{
    ngx_str_t  s;

    s = str("x");

    if (ex_start(CHAT, 1, 1) != NGX_OK
        || ngx_http_llmbroker_answer_reasoning(&ex, 0, &s) != NGX_OK
        || ngx_http_llmbroker_answer_text(&ex, 0, &s) != NGX_OK
        || ngx_http_llmbroker_answer_tool(&ex, 0, 0, &s, &s) != NGX_OK
        || ngx_http_llmbroker_answer_finish(&ex, 0, "stop") != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_answer_end(&ex);
}


static ngx_int_t
object_once(void)
{
    ngx_str_t  s;

    s = str("x");

    if (ex_start(CHAT, 0, 0) != NGX_OK
        || ngx_http_llmbroker_answer_text(&ex, 1, &s) != NGX_OK
        || ngx_http_llmbroker_answer_block(&ex, 0, &s) != NGX_OK
        || ngx_http_llmbroker_answer_tool(&ex, 0, 0, &s, &s) != NGX_OK
        || ngx_http_llmbroker_answer_finish(&ex, 0, "stop") != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_answer_end(&ex);
}
