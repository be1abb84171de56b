
/*
 * Copyright (C) LLMBroker contributors
 *
 * The forms of an answer that a request asks for: custom tools, legacy
 * functions, log probabilities, a prompt's echo, several prompts; and members
 * that OpenAI's clients do not know.
 */


#include "exchange.h"
#include "provider/ngx_http_llmbroker_answer.h"


#define PROBS                                                                \
    "{\"content\":[{\"token\":\"h\\u00e9\",\"logprob\":-0.10,"               \
    "\"bytes\":null,\"top_logprobs\":[{\"token\":\"a\",\"logprob\":-1e-3},"  \
    "{\"token\":\"b\",\"logprob\":-2}]},"                                    \
    "{\"token\":\"!\",\"logprob\":-3}],\"refusal\":null}"


static void test_custom(void);
static void test_custom_shapes(void);
static void test_custom_endless(void);
static void test_extra(void);
static void test_legacy(void);
static void test_members(void);
static void test_tops(void);
static void test_lines(void);
static void test_logprobs(void);
static void test_echo(void);
static void test_parts(void);
static void test_no_memory(void);

static void start(ngx_http_llmbroker_call_e call, ngx_uint_t stream);
static void custom(const char *name);
static void text(const char *inner);
static void tool(ngx_uint_t index, const char *name);
static void arguments(ngx_uint_t index, const char *inner);
static void logprobs(const char *raw);
static void finish(const char *reason);
static void end(void);
static void wrote(const char *expected, const char *name);
static void input(const char *json, const char *expected);
static ngx_int_t forms_once(void);
static ngx_int_t stream_once(void);


int
main(void)
{
    test_custom();
    test_custom_shapes();
    test_custom_endless();
    test_extra();
    test_legacy();
    test_members();
    test_tops();
    test_lines();
    test_logprobs();
    test_echo();
    test_parts();
    test_no_memory();

    return done_testing();
}


static void
test_custom(void)
{
    ngx_uint_t  stream;

    for (stream = 0; stream < 2; stream++) {

        start(CHAT, stream);
        custom("sql");
        tool(0, "f");
        arguments(0, "{}");
        tool(1, "sql");
        arguments(1, "{\\\"inp");
        arguments(1, "ut\\\":\\\"a\\\\n");
        arguments(1, "\\\\\\\"b\\\"}");
        finish("tool_calls");
        end();

        if (stream) {
            wrote(CHUNK("i", "v", "\"role\":\"assistant\",\"content\":null,"
                        "\"tool_calls\":[{\"index\":0,\"id\":\"t\",\"type\":"
                        "\"function\",\"function\":{\"name\":\"f\","
                        "\"arguments\":\"\"}}],\"refusal\":null", "null")
                  CHUNK("i", "v", "\"tool_calls\":[{\"index\":0,\"function\":"
                        "{\"arguments\":\"{}\"}}]", "null")
                  CHUNK("i", "v", "\"tool_calls\":[{\"index\":1,\"id\":\"t\","
                        "\"type\":\"custom\",\"custom\":{\"name\":\"sql\","
                        "\"input\":\"\"}}]", "null")
                  CHUNK("i", "v", "\"tool_calls\":[{\"index\":1,\"custom\":"
                        "{\"input\":\"a\\n\\\"b\"}}]", "null")
                  CHUNK("i", "v", "", "\"tool_calls\"") DONE,
                  "a custom tool's input in a stream (R62)");
            continue;
        }

        wrote(HEAD("chat.completion", "i", "v")
              "{\"index\":0,\"message\":{\"role\":\"assistant\","
              "\"content\":null,\"refusal\":null,\"tool_calls\":["
              "{\"id\":\"t\",\"type\":\"function\",\"function\":"
              "{\"name\":\"f\",\"arguments\":\"{}\"}},"
              "{\"id\":\"t\",\"type\":\"custom\",\"custom\":"
              "{\"name\":\"sql\",\"input\":\"a\\n\\\"b\"}}]},"
              "\"logprobs\":null,\"finish_reason\":\"tool_calls\"}]}",
              "a custom tool's input in an object (R62)");
    }
}


/* an input is kept until its end, but not without one */

static void
test_custom_endless(void)
{
    size_t      n;
    ngx_int_t   rc;
    ngx_str_t   inner;

    inner.len = 65536;
    inner.data = malloc(inner.len);
    memset(inner.data, 'x', inner.len);

    start(CHAT, 1);
    custom("sql");
    tool(0, "sql");

    rc = NGX_OK;

    for (n = 0; n < 1024 && rc == NGX_OK; n++) {
        rc = ngx_http_llmbroker_answer_arguments(&ex, 0, 0, &inner);
    }

    is(rc, NGX_DECLINED, "an input without end");
    is(n, NGX_HTTP_LLMBROKER_ANSWER_KEPT / inner.len + 1, "is cut in time");
    faults(0, "", "The provider sent an endless input.", "is told of");

    free(inner.data);
}


static void
test_custom_shapes(void)
{
    input("{\\\"input\\\":\\\"\\\"}", "\"input\":\"\"}");
    input("", "\"input\":\"\"}");
    input("{}", "\"input\":\"\"}");
    input("plain", "\"input\":\"plain\"}");
    input("{\\\"input\\\":1}", "\"input\":\"{\\\"input\\\":1}\"}");
    input("{\\\"x\\\":\\\"y\\\"}", "\"input\":\"{\\\"x\\\":\\\"y\\\"}\"}");
    input("{\\\"inp", "\"input\":\"{\\\"inp\"}");
}


static void
test_extra(void)
{
    ngx_str_t   id, name, extra;
    ngx_uint_t  stream;

    id = str("t");
    name = str("f");

    for (stream = 0; stream < 2; stream++) {

        start(CHAT, stream);
        custom("sql");
        extra = str("{\"a\":1}");
        ngx_http_llmbroker_answer_tool_extra(&ex, 0, 0, &id, &name, &extra);
        arguments(0, "{}");
        name = str("sql");
        extra = str("{\"b\":2}");
        ngx_http_llmbroker_answer_tool_extra(&ex, 0, 1, &id, &name, &extra);
        finish("tool_calls");
        end();
        name = str("f");

        if (stream) {
            wrote(CHUNK("i", "v", "\"role\":\"assistant\",\"content\":null,"
                        "\"tool_calls\":[{\"index\":0,\"id\":\"t\",\"type\":"
                        "\"function\",\"function\":{\"name\":\"f\","
                        "\"arguments\":\"\"},\"extra_content\":{\"a\":1}}],"
                        "\"refusal\":null", "null")
                  CHUNK("i", "v", "\"tool_calls\":[{\"index\":0,\"function\":"
                        "{\"arguments\":\"{}\"}}]", "null")
                  CHUNK("i", "v", "\"tool_calls\":[{\"index\":1,\"id\":\"t\","
                        "\"type\":\"custom\",\"custom\":{\"name\":\"sql\","
                        "\"input\":\"\"},\"extra_content\":{\"b\":2}}]", "null")
                  CHUNK("i", "v", "", "\"tool_calls\"") DONE,
                  "extra_content opens a tool call in a stream");
            continue;
        }

        wrote(HEAD("chat.completion", "i", "v")
              "{\"index\":0,\"message\":{\"role\":\"assistant\","
              "\"content\":null,\"refusal\":null,\"tool_calls\":["
              "{\"id\":\"t\",\"type\":\"function\",\"function\":"
              "{\"name\":\"f\",\"arguments\":\"{}\"},"
              "\"extra_content\":{\"a\":1}},"
              "{\"id\":\"t\",\"type\":\"custom\",\"custom\":"
              "{\"name\":\"sql\",\"input\":\"\"},"
              "\"extra_content\":{\"b\":2}}]},"
              "\"logprobs\":null,\"finish_reason\":\"tool_calls\"}]}",
              "extra_content of tool calls in an object");
    }
}


static void
test_legacy(void)
{
    ngx_uint_t  stream;

    for (stream = 0; stream < 2; stream++) {

        start(CHAT, stream);
        ex.legacy = 1;
        tool(0, "f");
        arguments(0, "{\\\"a\\\":1}");
        tool(1, "g");
        arguments(1, "{}");
        finish("tool_calls");
        end();

        if (stream) {
            wrote(CHUNK("i", "v", "\"role\":\"assistant\",\"content\":null,"
                        "\"function_call\":{\"name\":\"f\","
                        "\"arguments\":\"\"},\"refusal\":null", "null")
                  CHUNK("i", "v", "\"function_call\":{\"arguments\":"
                        "\"{\\\"a\\\":1}\"}", "null")
                  CHUNK("i", "v", "", "\"function_call\"") DONE,
                  "a function_call in a stream (R45)");
            continue;
        }

        wrote(HEAD("chat.completion", "i", "v")
              "{\"index\":0,\"message\":{\"role\":\"assistant\","
              "\"content\":null,\"refusal\":null,\"function_call\":"
              "{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}},"
              "\"logprobs\":null,\"finish_reason\":\"function_call\"}]}",
              "a function_call in an object (R45)");
    }
}


static void
test_members(void)
{
    ngx_str_t   raw;
    ngx_uint_t  stream;

    for (stream = 0; stream < 2; stream++) {

        start(CHAT, stream);
        raw = str("{\"a\":1.00}");
        ngx_http_llmbroker_answer_member(&ex, 0, "extra", &raw);
        text("x");
        finish("stop");
        end();

        if (stream) {
            wrote(CHUNK("i", "v", "\"role\":\"assistant\",\"content\":null,"
                        "\"refusal\":null", "null")
                  CHUNK("i", "v", "\"extra\":{\"a\":1.00}", "null")
                  CHUNK("i", "v", "\"content\":\"x\"", "null")
                  CHUNK("i", "v", "", "\"stop\"") DONE, "a member in a stream");
            continue;
        }

        wrote(HEAD("chat.completion", "i", "v")
              "{\"index\":0,\"message\":{\"role\":\"assistant\","
              "\"content\":\"x\",\"refusal\":null,\"extra\":{\"a\":1.00}},"
              "\"logprobs\":null,\"finish_reason\":\"stop\"}]}",
              "a member in an object");
    }
}


static void
test_tops(void)
{
    ngx_str_t  raw;

    start(CHAT, 0);
    raw = str("\"fp\"");
    ngx_http_llmbroker_answer_top(&ex, "system_fingerprint", &raw);
    raw = str("[1]");
    ngx_http_llmbroker_answer_top(&ex, "citations", &raw);
    text("x");
    finish("stop");
    end();

    ok(strstr(ex_answer(), "}],\"system_fingerprint\":\"fp\","
                           "\"citations\":[1]}")
       != NULL, "members of the answer");

    start(CHAT, 1);
    ex.usage_wanted = 1;
    raw = str("\"fp\"");
    ngx_http_llmbroker_answer_top(&ex, "system_fingerprint", &raw);
    text("x");
    end();

    ok(strstr(ex_answer(), "{\"content\":\"x\"},\"logprobs\":null,"
                           "\"finish_reason\":null}],"
                           "\"system_fingerprint\":\"fp\",\"usage\":null}\n")
       != NULL, "members of every chunk");
    ok(strstr(ex_answer(), "[],\"system_fingerprint\":\"fp\",\"usage\":{")
       != NULL, "and of the usage chunk");
}


/* values that are written in several lines must not end an event */

static void
test_lines(void)
{
    char        *p;
    ngx_str_t    raw, id, name;
    ngx_uint_t   bad;

    start(CHAT, 1);
    ex.usage_wanted = 1;

    raw = str("{\n\"a\":\r\n[\n\n1.00,\r2\n]}");
    id = str("t");
    name = str("f");

    ngx_http_llmbroker_answer_top(&ex, "top", &raw);
    ngx_http_llmbroker_answer_member(&ex, 0, "extra", &raw);
    ngx_http_llmbroker_answer_block(&ex, 0, &raw);
    ngx_http_llmbroker_answer_annotation(&ex, 0, &raw);
    ngx_http_llmbroker_answer_tool_extra(&ex, 0, 0, &id, &name, &raw);
    logprobs("{\n\"content\":\n[\n{\n\"token\":\n\"x\"\n}\n]\n}");
    finish("stop");
    end();

    bad = 0;

    for (p = strpbrk(ex_answer(), "\r\n"); p; p = strpbrk(p, "\r\n")) {
        bad += (p[0] != '\n' || p[1] != '\n'
                || (p[2] && strncmp(&p[2], "data: ", 6) != 0));
        p += 2;
    }

    is(bad, 0, "each event is one line");
    ok(strstr(ex_answer(), "\"extra\":{\"a\":[1.00,2]}}") != NULL,
       "with the values in it");
    ok(strstr(ex_answer(), "{\"content\":[{\"token\":\"x\"}],") != NULL,
       "and log probabilities");
}


static void
test_logprobs(void)
{
    start(CHAT, 0);
    text("h\\u00e9!");
    logprobs(PROBS);
    logprobs("{\"content\":null,\"refusal\":[{\"token\":\"r\"}]}");
    logprobs("null");
    finish("stop");
    end();

    ok(strstr(ex_answer(),
              "\"logprobs\":{\"content\":[{\"token\":\"h\\u00e9\","
              "\"logprob\":-0.10,\"bytes\":null,\"top_logprobs\":"
              "[{\"token\":\"a\",\"logprob\":-1e-3},"
              "{\"token\":\"b\",\"logprob\":-2}]},{\"token\":\"!\","
              "\"logprob\":-3}],\"refusal\":[{\"token\":\"r\"}]},"
              "\"finish_reason\":\"stop\"")
       != NULL, "logprobs in an object");

    start(CHAT, 1);
    logprobs("{\"content\":[{\"token\":\"a\",\"logprob\":-1}]}");
    logprobs("{\"content\":[{\"token\":\"b\",\"logprob\":-2}]}");

    ok(strstr(ex_answer(),
              "\"delta\":{},\"logprobs\":{\"content\":[{\"token\":\"b\","
              "\"logprob\":-2}],\"refusal\":null},\"finish_reason\":null")
       != NULL, "logprobs in a stream come once");

    start(COMPLETIONS, 0);
    text("h\\u00e9!");
    logprobs(PROBS);
    finish("stop");
    end();

    ok(strstr(ex_answer(),
              "\"logprobs\":{\"tokens\":[\"h\\u00e9\",\"!\"],"
              "\"token_logprobs\":[-0.10,-3],\"top_logprobs\":"
              "[{\"a\":-1e-3,\"b\":-2},{}],\"text_offset\":[0,2]},"
              "\"finish_reason\":\"stop\"")
       != NULL, "logprobs of a completion");
}


static void
test_echo(void)
{
    ngx_uint_t  stream;

    for (stream = 0; stream < 2; stream++) {

        start(COMPLETIONS, stream);
        ex.echo = str("p\\n");
        text("x");
        logprobs("{\"content\":[{\"token\":\"x\",\"logprob\":-1}]}");
        finish("stop");
        end();

        if (stream) {
            ok(strstr(ex_answer(), "[{\"text\":\"p\\n\",\"index\":0,") != NULL
               && strstr(ex_answer(), "[{\"text\":\"x\",\"index\":0,") != NULL,
               "an echo in a stream");

        } else {
            ok(strstr(ex_answer(), "[{\"text\":\"p\\nx\",\"index\":0,")
               != NULL, "an echo in an object");
        }

        ok(strstr(ex_answer(), "\"text_offset\":[2]") != NULL,
           "offsets are behind the echo");
    }
}


static void
test_parts(void)
{
    ngx_uint_t                     stream;
    ngx_http_llmbroker_out_t       out;
    ngx_http_llmbroker_exchange_t  before;

    for (stream = 0; stream < 2; stream++) {

        start(COMPLETIONS, stream);
        ex.usage_wanted = stream;
        ex.parts = 2;
        ex.usage.prompt = 3;
        ex.usage.completion = 4;
        text("a");
        finish("length");
        end();

        ok(ex.done, "the first part is done");

        before = ex;

        ex.part = 1;
        ex.done = 0;
        ex.answer = NULL;
        memset(&ex.usage, 0xff, sizeof(ex.usage));
        ex.usage.prompt = 10;
        ex.usage.completion = 20;
        ex.usage.reasoning = 5;

        ngx_http_llmbroker_out_init(&out, ex_pool, NULL, NULL, 256);
        ex.out = &out;

        ngx_http_llmbroker_answer_continue(&ex, &before);

        is(ngx_http_llmbroker_answer_choices(&ex), 0,
           "the second part has no choice yet");

        text("b");
        finish("stop");

        ok(ngx_http_llmbroker_answer_complete(&ex), "and is complete then");

        end();

        is(ex.usage.total, 37, "the usage is of both parts");
        is(ex.usage.reasoning, 5, "of those that told");
        is_str((char *) ex.finish_reason.data, ex.finish_reason.len, "length",
               "the first choice's finish counts");

        if (stream) {
            ok(strstr(ex_text(&ex_out), "DONE") == NULL
               && strstr(ex_text(&out), "{\"text\":\"b\",\"index\":1,") != NULL
               && strstr(ex_text(&out), "\"prompt_tokens\":13") != NULL,
               "two parts in a stream");

        } else {
            ok(ex_out.length == 0
               && strstr(ex_text(&out), "{\"text\":\"a\",\"index\":0,") != NULL
               && strstr(ex_text(&out), "{\"text\":\"b\",\"index\":1,")
                  != NULL, "two parts in an object");
        }
    }
}


static void
test_no_memory(void)
{
    survives(forms_once, "an object of all forms");
    survives(stream_once, "a stream of all forms");
}


static void
start(ngx_http_llmbroker_call_e call, ngx_uint_t stream)
{
    ngx_str_t  id, model;

    id = str("i");
    model = str("v");

    ex_start(call, stream, 0);
    ngx_http_llmbroker_answer_start(&ex, &id, &model, NULL);
}


static void
custom(const char *name)
{
    ngx_str_t  *s;

    ex.custom = ngx_array_create(ex_pool, 1, sizeof(ngx_str_t));
    s = ngx_array_push(ex.custom);
    *s = str(name);
}


static void
text(const char *inner)
{
    ngx_str_t  s;

    s = str(inner);

    if (ngx_http_llmbroker_answer_text(&ex, 0, &s) != NGX_OK) {
        ok(0, "text");
    }
}


static void
tool(ngx_uint_t index, const char *name)
{
    ngx_str_t  i, n;

    i = str("t");
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
logprobs(const char *raw)
{
    ngx_http_llmbroker_json_t  *root;

    if (ngx_http_llmbroker_json_parse(ex_pool, (u_char *) raw, strlen(raw),
                                      &root)
        != NGX_OK
        || ngx_http_llmbroker_answer_logprobs(&ex, 0, root) != NGX_OK)
    {
        ok(0, "logprobs");
    }
}


static void
finish(const char *reason)
{
    if (ngx_http_llmbroker_answer_finish(&ex, 0, reason) != NGX_OK) {
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


/* a custom tool's arguments and what becomes of them */
static void
input(const char *json, const char *expected)
{
    start(CHAT, 0);
    custom("c");
    tool(0, "c");
    arguments(0, json);
    finish("tool_calls");
    end();

    ok(strstr(ex_answer(), expected) != NULL, "the input of odd arguments");
}


static ngx_int_t
forms_once(void)
{
    ngx_str_t                   s, *name;
    ngx_http_llmbroker_json_t  *root;

    s = str("{\"input\":1}");

    if (ex_start(CHAT, 0, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    ex.custom = ngx_array_create(ex_pool, 1, sizeof(ngx_str_t));
    if (ex.custom == NULL) {
        return NGX_ERROR;
    }

    name = ngx_array_push(ex.custom);
    *name = s;

    if (ngx_http_llmbroker_json_parse(ex_pool, (u_char *) PROBS,
                                      sizeof(PROBS) - 1, &root)
        != NGX_OK
        || ngx_http_llmbroker_answer_top(&ex, "a", &s) != NGX_OK
        || ngx_http_llmbroker_answer_member(&ex, 0, "b", &s) != NGX_OK
        || ngx_http_llmbroker_answer_logprobs(&ex, 0, root) != NGX_OK
        || ngx_http_llmbroker_answer_tool(&ex, 0, 0, &s, &s) != NGX_OK
        || ngx_http_llmbroker_answer_arguments(&ex, 0, 0, &s) != NGX_OK
        || ngx_http_llmbroker_answer_finish(&ex, 0, "stop") != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_answer_end(&ex);
}


static ngx_int_t
stream_once(void)
{
    ngx_str_t                   s;
    ngx_http_llmbroker_json_t  *root;

    s = str("x");

    if (ex_start(COMPLETIONS, 1, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    ex.echo = s;

    if (ngx_http_llmbroker_json_parse(ex_pool, (u_char *) PROBS,
                                      sizeof(PROBS) - 1, &root)
        != NGX_OK
        || ngx_http_llmbroker_answer_top(&ex, "a", &s) != NGX_OK
        || ngx_http_llmbroker_answer_text(&ex, 0, &s) != NGX_OK
        || ngx_http_llmbroker_answer_logprobs(&ex, 0, root) != NGX_OK
        || ngx_http_llmbroker_answer_finish(&ex, 0, "stop") != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_answer_end(&ex);
}
