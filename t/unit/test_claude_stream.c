
/*
 * Copyright (C) LLMBroker contributors
 *
 * Streams of Claude that are not as Anthropic sends them: blocks that are mixed
 * or never closed, each event malformed in turn, errors in other shapes, events
 * behind the end, a stream cut at every byte.
 */


#include "exchange.h"


static void test_mixed(void);
static void test_unclosed(void);
static void test_whole(void);
static void test_malformed(void);
static void test_tools(void);
static void test_errors(void);
static void test_ends(void);
static void test_json_tool(void);
static void test_again(void);
static void test_every_cut(void);
static void test_no_memory(void);

static void tells(const char *stream, const char *expected, const char *name);
static void refuses(const char *stream, const char *message,
    const char *name);
static ngx_int_t said_before(const char *first, const char *events);
static ngx_int_t mixed_once(void);


#define EVENT(type, more)                                                    \
    "event: " type "\ndata: {\"type\":\"" type "\"" more "}\n\n"
#define START                                                                \
    EVENT("message_start", ",\"message\":{\"id\":\"i\",\"model\":\"v\","     \
          "\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}")
#define BLOCK(n, block)                                                      \
    EVENT("content_block_start", ",\"index\":" n ",\"content_block\":" block)
#define DELTA(n, delta)                                                      \
    EVENT("content_block_delta", ",\"index\":" n ",\"delta\":{\"type\":"     \
          "\"" delta "}")
#define STOP(n)  EVENT("content_block_stop", ",\"index\":" n)
#define FINISH(reason)                                                       \
    EVENT("message_delta", ",\"delta\":{\"stop_reason\":\"" reason "\"},"    \
          "\"usage\":{\"output_tokens\":5}")
#define LAST  EVENT("message_stop", "")
#define END(reason)  FINISH(reason) LAST

#define TOOL(n, name)                                                        \
    BLOCK(n, "{\"type\":\"tool_use\",\"id\":\"" name "\",\"name\":\"" name   \
             "\",\"input\":{}}")
#define TEXT(n)  BLOCK(n, "{\"type\":\"text\",\"text\":\"\"}")
#define THINKING(n)  BLOCK(n, "{\"type\":\"thinking\",\"thinking\":\"\"}")
#define INPUT(n, json)                                                       \
    DELTA(n, "input_json_delta\",\"partial_json\":\"" json "\"")
#define SAY(n, text)  DELTA(n, "text_delta\",\"text\":\"" text "\"")

#define CALL(name, arguments)                                                \
    "{\"id\":\"" name "\",\"type\":\"function\",\"function\":{\"name\":\""   \
    name "\",\"arguments\":\"" arguments "\"}}"


int
main(void)
{
    ex_provider = "claude";
    ex_model = "claude-sonnet-4-0";

    test_mixed();
    test_unclosed();
    test_whole();
    test_malformed();
    test_tools();
    test_errors();
    test_ends();
    test_json_tool();
    test_again();
    test_every_cut();
    test_no_memory();

    return done_testing();
}


/* one test: what a stream tells, gathered in an object, has this in it */

static void
tells(const char *stream, const char *expected, const char *name)
{
    ngx_int_t    rc;
    const char  *got;

    ex_start(CHAT, 0, 0);

    rc = ex_events(stream, 7);
    got = ex_answer();

    ok(rc == NGX_OK && strstr(got, expected) != NULL, "%s", name);

    if (rc != NGX_OK || strstr(got, expected) == NULL) {
        printf("# %d %s\n", (int) rc, got);
    }
}


/* two tests: a stream is an error */

static void
refuses(const char *stream, const char *message, const char *name)
{
    ex_start(CHAT, 1, 0);

    is(ex_events(stream, 7), NGX_DECLINED, name);
    faults(0, "", message, message);
}


#define MIXED                                                                \
    START TOOL("0", "f") TOOL("1", "g") INPUT("0", "{\\\"a\\\":")            \
    INPUT("1", "{\\\"b\\\":") TEXT("2") SAY("2", "x") INPUT("0", "1}")       \
    STOP("0") INPUT("1", "2}") SAY("2", "y") STOP("1") STOP("2")             \
    END("tool_use")

static void
test_mixed(void)
{
    tells(MIXED,
          "\"content\":\"xy\",\"refusal\":null,\"tool_calls\":["
          CALL("f", "{\\\"a\\\":1}") "," CALL("g", "{\\\"b\\\":2}") "]",
          "pieces go to the block of their index (S3, S4)");

    tells(START TOOL("0", "f") TOOL("1", "g") STOP("0") INPUT("1", "{}")
          STOP("1") TOOL("0", "h") INPUT("0", "[]") END("tool_use"),
          "[" CALL("f", "{}") "," CALL("g", "{}") "," CALL("h", "[]") "]",
          "an index may come again");

    tells(START THINKING("0") TEXT("1")
          DELTA("0", "thinking_delta\",\"thinking\":\"t\"")
          SAY("1", "x") DELTA("0", "signature_delta\",\"signature\":\"s\"")
          DELTA("1", "signature_delta\",\"signature\":\"none\"")
          STOP("1") STOP("0") END("end_turn"),
          "\"thinking_blocks\":[{\"type\":\"thinking\",\"thinking\":\"t\","
          "\"signature\":\"s\"}]", "a signature is its block's");
}


static void
test_unclosed(void)
{
    char     text[16384], *p;
    int      i;

    tells(START TOOL("0", "f") TOOL("1", "g") INPUT("1", "{}")
          END("tool_use"),
          "[" CALL("f", "{}") "," CALL("g", "{}") "]",
          "blocks that are never closed (S5)");

    p = text + sprintf(text, START);

    for (i = 0; i < 40; i++) {
        p += sprintf(p, "data: {\"type\":\"content_block_start\",\"index\":%d,"
                     "\"content_block\":{\"type\":\"tool_use\",\"id\":\"c%d\""
                     ",\"name\":\"f\",\"input\":{}}}\n\n", i, i);
    }

    sprintf(p, "%s", END("tool_use"));

    ex_start(CHAT, 1, 0);
    is(ex_events(text, 4096), NGX_OK, "many of them");

    for (i = 0, p = ex_answer(); (p = strstr(p, "\"{}\"")) != NULL; p++) {
        i++;
    }

    is(i, 40, "each has its arguments once");
}


static void
test_whole(void)
{
    tells(START BLOCK("0", "{\"type\":\"tool_use\",\"id\":\"f\",\"name\":"
                      "\"f\",\"input\":{\"a\":1}}") INPUT("0", "")
          INPUT("0", "{\\\"a\\\":1}") STOP("0") END("tool_use"),
          CALL("f", "{\\\"a\\\":1}"),
          "an input that was told at once is not told again (S3)");
}


static void
test_malformed(void)
{
#define NO_OBJECT  "The provider sent an event that is no object."
#define NO_CONTENT  "The provider sent an event without its content."
#define NO_TYPE  "The provider sent a part of the answer of no type."
#define NO_TEXT  "The provider sent a piece of the answer that is no text."
#define NO_JSON  "The provider sent an event that is not JSON."

    refuses(START "event: content_block_delta\ndata: []\n\n", NO_OBJECT,
            "an array for a piece");
    refuses(START "event: message_stop\ndata: null\n\n", NO_OBJECT,
            "null for the end");
    refuses(START EVENT("content_block_start", ",\"index\":0"), NO_TYPE,
            "a block of nothing");
    refuses(START BLOCK("0", "{\"text\":\"x\"}"), NO_TYPE, "one of no type");
    refuses(START BLOCK("0", "\"x\""), NO_TYPE, "one that is text");
    refuses(START TEXT("0") EVENT("content_block_delta", ",\"index\":0"),
            NO_CONTENT, "no piece");
    refuses(START TEXT("0") EVENT("content_block_delta", ",\"index\":0,"
                                  "\"delta\":\"x\""),
            NO_CONTENT, "a piece that is text itself");
    refuses(START TEXT("0") DELTA("0", "text_delta\",\"text\":7"), NO_TEXT,
            "a text that is a number");
    refuses(START TOOL("0", "f")
            DELTA("0", "input_json_delta\",\"partial_json\":{}"), NO_TEXT,
            "an input that is an object");
    refuses(START THINKING("0")
            DELTA("0", "thinking_delta\",\"thinking\":[]"), NO_TEXT,
            "a thought that is an array");
    refuses(START THINKING("0")
            DELTA("0", "signature_delta\",\"signature\":true"), NO_TEXT,
            "a signature that is a word");
    refuses(START TEXT("0") "data: {\"type\":\"content_block_delta\"\n\n",
            NO_JSON, "a piece that is cut");
    refuses(START "data: \n\n" "data: {}{}\n\n", NO_JSON,
            "two objects in one event");

    ex_start(CHAT, 0, 0);
    is(ex_json("{\"content\":[7]}"), NGX_DECLINED, "a block that is a number");
    ex_start(CHAT, 0, 0);
    is(ex_json("{\"content\":null}"), NGX_DECLINED, "no blocks");

    tells(EVENT("ping", "") START EVENT("ping", "") TEXT("0")
          EVENT("ping", "") SAY("0", "x")
          DELTA("0", "hologram_delta\",\"x\":1") STOP("0")
          EVENT("hologram", "") BLOCK("1", "{\"type\":\"hologram\"}")
          DELTA("1", "input_json_delta\",\"partial_json\":\"{}\"")
          STOP("1") END("end_turn"), "\"content\":\"x\"",
          "pings, and what is to come, anywhere (S10, S13)");
}


static void
test_tools(void)
{
#define NO_NAME  "The provider called a tool without an id or a name."
#define NO_CALL  "The provider sent the input of a tool that it has not called."

    refuses(START BLOCK("0", "{\"type\":\"tool_use\",\"id\":\"f\","
                        "\"input\":{}}"), NO_NAME, "a call of no tool");
    refuses(START BLOCK("0", "{\"type\":\"tool_use\",\"id\":null,\"name\":"
                        "\"f\"}"), NO_NAME, "a call of no id");
    refuses(START INPUT("0", "{}"), NO_CALL, "an input of no call");
    refuses(START TOOL("0", "f") INPUT("1", "{}"), NO_CALL,
            "one of another block");
    refuses(START TOOL("0", "f") STOP("0") INPUT("0", "{}"), NO_CALL,
            "one of a call that is closed");
    tells(START TEXT("0") INPUT("1", "") SAY("0", "x") END("end_turn"),
          "\"content\":\"x\"", "an input of nothing is no call's");
}


static void
test_errors(void)
{
    ex_start(CHAT, 1, 0);
    is(ex_events(START TEXT("0") SAY("0", "x")
                 "data: {\"error\":{\"type\":\"overloaded_error\","
                 "\"message\":\"m\"}}\n\n", 7), NGX_DECLINED,
       "an error without a type (S11)");
    faults(529, "", "m", "what it says");

    ex_start(CHAT, 1, 0);
    is(ex_events("data: {\"error\":\"m\"}\n\n", 7), NGX_DECLINED,
       "one that is text");
    faults(0, "", "m", "what that says");

    ex_start(CHAT, 1, 0);
    is(ex_events(EVENT("error", ""), 7), NGX_DECLINED, "one of nothing");

    ex_start(CHAT, 0, 0);
    is(ex_json("{\"error\":{\"type\":\"rate_limit_error\",\"message\":"
               "\"m\"}}"), NGX_DECLINED, "one in an answer");
    faults(429, "", "m", "what this says");

    tells(START TEXT("0") SAY("0", "x") EVENT("ping", ",\"error\":{}")
          EVENT("hologram", ",\"error\":null") END("end_turn"),
          "\"content\":\"x\"", "what is none");
}


static void
test_ends(void)
{
#define BEHIND  "The provider went on after the end of the answer."
#define CUT                                                                  \
    "The provider ended the stream before the answer was complete."

    refuses(START TEXT("0") SAY("0", "x") FINISH("end_turn") SAY("0", "y"),
            BEHIND, "a piece behind the finish");
    refuses(START TEXT("0") STOP("0") FINISH("end_turn") TOOL("1", "f"),
            BEHIND, "a block behind the finish");
    refuses(START TEXT("0") SAY("0", "x") "data: [DONE]\n\n", CUT,
            "an end of OpenAI's in the middle");
    refuses(START, CUT, "a start alone (S12)");
    refuses(START TEXT("0") SAY("0", "x") STOP("0"), CUT,
            "a closed block (S12)");
    refuses(START EVENT("message_delta", ",\"delta\":{\"stop_reason\":null}"),
            CUT, "no reason (S12)");

    tells(START TEXT("0") SAY("0", "x") FINISH("end_turn") "data: [DONE]\n\n"
          SAY("0", "y"), "\"content\":\"x\"", "an end of OpenAI's");
    tells(START TEXT("0") SAY("0", "x") END("end_turn") "data: [DONE]\n\n",
          "\"content\":\"x\"", "both ends");
    tells(START TEXT("0") SAY("0", "x") STOP("0") FINISH("max_tokens")
          STOP("0") EVENT("ping", "") FINISH("end_turn") LAST,
          "\"finish_reason\":\"length\"", "one finish, the first");
    tells(TEXT("0") SAY("0", "x") STOP("0") END("end_turn"),
          "\"content\":\"x\"", "no start");
    tells(EVENT("message_start", "") TEXT("0") SAY("0", "x") END("end_turn"),
          "\"content\":\"x\"", "a start of nothing");
}


static void
test_json_tool(void)
{
    static const char  *asks[] = {
        "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
        "\"response_format\":{\"type\":\"json_object\"}}",
        "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
        "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"
        "{\"name\":\"n\",\"schema\":{\"type\":\"array\"}}}}"
    };
    ngx_uint_t  i;

    for (i = 0; i < 2; i++) {
        ex_build(CHAT, 1, asks[i]);
        ex_events(START TOOL("0", "json_response") INPUT("0", "") STOP("0")
                  END("tool_use"), 7);

        ok(strstr(ex_answer(), "\"content\":\"{}\"")
           && strstr(ex_answer(), "\"finish_reason\":\"stop\""),
           "a format's tool without an input (S5, S14)");
    }

    ex_build(CHAT, 0, asks[0]);
    ex_events(START TOOL("0", "json_response") INPUT("0", "{\\\"a\\\":1}")
              STOP("0") TOOL("1", "json_response") INPUT("1", "{}") STOP("1")
              END("tool_use"), 7);
    ok(strstr(ex_answer(), "\"content\":\"{\\\"a\\\":1}\"") != NULL,
       "called twice, it is one answer (P9)");
}


/* however it is cut, a stream is what it is, and ends once */

#define FIRST(space)                                                         \
    "data: {" space "\"type\":\"content_block_delta\",\"index\":0,"           \
    "\"delta\":{\"type\":\"text_delta\",\"text\":\""
#define PIECE  FIRST("")
#define BARE                                                                 \
    "data: {\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"b\""    \
    "}}\n\n"
#define SIGN  DELTA("1", "signature_delta\",\"signature\":\"s\"")

/* an event like the one before means what it means behind any other */

static void
test_again(void)
{
    char        *other;
    ngx_int_t    rc;
    ngx_uint_t   i;

    static const struct {
        ngx_int_t    rc;
        const char  *events;
    } tests[] = {
        { NGX_OK, PIECE "b\"}}\n\n" PIECE "c\"}}\n\n" },
        { NGX_OK, PIECE "b\" }\t} \n\n" },
        { NGX_OK, PIECE "b\"}\ndata: }\n\n" },
        { NGX_OK, PIECE "\"}}\n\n" },
        { NGX_OK, PIECE "\xc3\xbc\\\"\\u00fc\\\\\"}}\n\n" },
        { NGX_OK, PIECE "\\ud800\"}}\n\n" },
        { NGX_OK, PIECE "b\",\"text\":\"c\"}}\n\n" },
        { NGX_OK, PIECE "b\",\"type\":\"other\"}}\n\n" },
        { NGX_OK, PIECE "b\"},\"type\":\"other\"}\n\n" },
        { NGX_OK, PIECE "b\"},\"index\":7}\n\n" },
        { NGX_OK, STOP("0") PIECE "b\"}}\n\n" },
        { NGX_OK, TEXT("1") SAY("1", "x") PIECE "b\"}}\n\n" },
        { NGX_OK, "event: ping\n" PIECE "b\"}}\n\n" },
        { NGX_OK, "event: content_block_delta\n" BARE "event: ping\n" BARE },
        { NGX_OK, THINKING("1") SIGN SIGN STOP("1") SIGN TEXT("1") SIGN },
        { NGX_OK, INPUT("0", "") INPUT("0", "") PIECE "b\"}}\n\n" },
        { NGX_DECLINED, INPUT("0", "") STOP("0") INPUT("0", "b") },
        { NGX_DECLINED, FINISH("end_turn") PIECE "b\"}}\n\n" },
        { NGX_DECLINED, THINKING("1") SIGN FINISH("end_turn") SIGN },
        { NGX_DECLINED, PIECE "b\"}}}\n\n" },
        { NGX_DECLINED, PIECE "b\"}\n\n" },
        { NGX_DECLINED, PIECE "b\"}]\n\n" },
        { NGX_DECLINED, PIECE "b\"}}x\n\n" },
        { NGX_DECLINED, PIECE "b\"}}{}\n\n" },
        { NGX_DECLINED, PIECE "b\"\v}}\n\n" },
        { NGX_DECLINED, PIECE "b\x01\"}}\n\n" },
        { NGX_DECLINED, PIECE "b\xff\"}}\n\n" },
        { NGX_DECLINED, PIECE "b\xc3\"}}\n\n" },
        { NGX_DECLINED, PIECE "b\\x\"}}\n\n" },
        { NGX_DECLINED, PIECE "b\\u12\"}}\n\n" },
        { NGX_DECLINED, PIECE "b\\\"}}\n\n" },
        { NGX_DECLINED, PIECE "b\n\n" },
        { NGX_DECLINED, PIECE "\n\n" }
    };

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {

        rc = said_before(FIRST(" "), tests[i].events);
        other = strdup(ex_answer());

        is(rc, tests[i].rc, "an event behind another one");
        is(said_before(PIECE, tests[i].events), rc, "and behind its like");
        is_str(ex_answer(), strlen(ex_answer()), other, "tells the same");

        free(other);
    }

    tells(START TEXT("0") PIECE "a\"}}\n\n" PIECE "b\"}}\n\n"
          PIECE "\\n\"}}\n\n" STOP("0") END("end_turn"),
          "\"content\":\"ab\\n\"", "pieces in a row");

    tells(START TEXT("0") PIECE "a\"}}\n\n"
          "event: content_block_delta\n" BARE "event: ping\n" BARE
          END("end_turn"),
          "\"content\":\"ab\"", "the line before counts where it must");

    tells(START THINKING("1") SIGN STOP("1") SIGN THINKING("1") SIGN SIGN
          END("end_turn"),
          "\"signature\":\"s\"},{\"type\":\"thinking\",\"thinking\":\"\","
          "\"signature\":\"ss\"}", "a signature is of a thought");
}


static ngx_int_t
said_before(const char *first, const char *events)
{
    char       *stream;
    ngx_int_t   rc;

    stream = malloc(4096);

    snprintf(stream, 4096, "%s%sa\"}}\n\n%s%s", START TEXT("0"), first,
             events, END("end_turn"));

    ex_start(CHAT, 1, 0);
    rc = ex_events(stream, 4096);

    free(stream);

    return rc;
}


static void
test_every_cut(void)
{
    char    *whole, *got, *p;
    size_t   cut, n;

    ex_start(CHAT, 1, 1);
    ex_events(MIXED, sizeof(MIXED));
    whole = strdup(ex_answer());

    for (cut = 1, n = 0; cut < sizeof(MIXED); cut++) {
        ex_start(CHAT, 1, 1);

        if (ex_events(MIXED, cut) != NGX_OK || strcmp(ex_answer(), whole)) {
            n++;
        }
    }

    is(n, 0, "a stream in pieces of any length");

    p = strstr(whole, "\"finish_reason\":\"");
    ok(p && strstr(p + 1, "\"finish_reason\":\"") == NULL, "one finish");
    p = strstr(whole, "\"usage\":{");
    ok(p && strstr(p + 1, "\"usage\":{") == NULL, "one usage (S9)");

    free(whole);

    /* cut off anywhere, it is an error, but for what only the end lacks */

    for (cut = 0, n = 0; cut < sizeof(MIXED) - 1; cut++) {
        got = strndup(MIXED, cut);

        ex_start(CHAT, 1, 1);

        if (ex_events(got, cut + 1) == NGX_OK
            && strstr(ex_answer(), "\"finish_reason\":\"tool_calls\"") == NULL)
        {
            n++;
        }

        free(got);
    }

    is(n, 0, "a stream that ends anywhere");
}


static void
test_no_memory(void)
{
    survives(mixed_once, "blocks that are mixed");
}


static ngx_int_t
mixed_once(void)
{
    return ex_start(CHAT, 0, 0) == NGX_OK ? ex_events(MIXED, 100) : NGX_ERROR;
}
