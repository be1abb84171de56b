
/*
 * Copyright (C) LLMBroker contributors
 *
 * Arguments of Gemini's function calls that come in pieces: paths, values,
 * strings in parts, calls that do not end, what is out of bounds, hostile
 * streams, lack of memory.
 */


#include "exchange.h"


static void test_pieces(void);
static void test_paths(void);
static void test_calls(void);
static void test_bad(void);
static void test_hostile(void);
static void test_no_memory(void);

static void args(const char *list, const char *expected, const char *name);
static ngx_int_t args_once(void);


#define EVENT(call, more)                                                    \
    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{"    \
    call "}}]}" more "}],\"responseId\":\"r\"}\n\n"
#define GO    "\"willContinue\":true"
#define STOP  ",\"finishReason\":\"STOP\""
#define PART(path, more)  "{\"jsonPath\":\"" path "\"," more "}"
#define S(path, text)  PART(path, "\"stringValue\":\"" text "\"," GO)


static const char  stream[] =
    EVENT("\"name\":\"f\"," GO, "")
    EVENT("\"partialArgs\":[" S("$.place", "B\\\"o") "]," GO, "")
    EVENT("\"partialArgs\":[" S("$.place", "s t\\u00e4") "]," GO, "")
    EVENT("\"partialArgs\":[" PART("$.place", "\"stringValue\":\"\"") ","
          PART("$.a.n", "\"numberValue\":1.0") "]," GO, "")
    EVENT("\"partialArgs\":[" PART("$.a.list[0].b", "\"boolValue\":true") ","
          PART("$.a.list[1].b", "\"nullValue\":null") "]," GO, "")
    EVENT("", "")
    EVENT("\"id\":\"i\",\"name\":\"g\",\"args\":{\"x\": 2}", STOP);

static const char  told[] =
    "\"tool_calls\":[{\"id\":\"call_r_0\",\"type\":\"function\","
    "\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"place\\\":"
    "\\\"B\\\\\\\"os t\\\\u00e4\\\",\\\"a\\\":{\\\"n\\\":1.0,\\\"list\\\":"
    "[{\\\"b\\\":true},{\\\"b\\\":null}]}}\"}},{\"id\":\"i\",\"type\":"
    "\"function\",\"function\":{\"name\":\"g\",\"arguments\":"
    "\"{\\\"x\\\":2}\"}}]";


int
main(void)
{
    ex_provider = "gemini";
    ex_base = "/v1beta";
    ex_model = "gemini-3-flash-preview";

    test_pieces();
    test_paths();
    test_calls();
    test_bad();
    test_hostile();
    test_no_memory();

    return done_testing();
}


/* the arguments of a call whose pieces come in one event */

static void
args(const char *list, const char *expected, const char *name)
{
    char  text[8192], *p, *end;

    snprintf(text, sizeof(text),
             EVENT("\"name\":\"f\",\"partialArgs\":[%s]", STOP), list);

    ex_start(CHAT, 0, 0);

    if (ex_events(text, 64) != NGX_OK) {
        is_str(ex.fault.message.data, ex.fault.message.len, expected, name);
        return;
    }

    p = strstr(ex_answer(), "\"arguments\":\"");
    end = p ? strstr(p, "\"}}]") : NULL;

    if (end == NULL) {
        ok(0, "%s", name);
        return;
    }

    p += sizeof("\"arguments\":\"") - 1;

    is_str(p, end - p, expected, name);
}


static void
test_pieces(void)
{
    size_t  cut;

    for (cut = 1; cut < 9; cut++) {
        ex_start(CHAT, 0, 0);
        ok(ex_events(stream, cut) == NGX_OK
           && strstr(ex_answer(), told) != NULL, "pieces, cut at %d",
           (int) cut);
    }

    ex_start(CHAT, 1, 0);
    is(ex_events(stream, 100), NGX_OK, "the same for a stream");
    ok(strstr(ex_answer(), "{\"index\":0,\"function\":{\"arguments\":"
                           "\"{\\\"place\\\":\\\"B\\\\\\\"o\"}}") != NULL
       && strstr(ex_answer(), "{\"index\":0,\"function\":{\"arguments\":"
                              "\"s t\\\\u00e4\"}}") != NULL,
       "is told as it comes");
    ok(strstr(ex_answer(), "\"finish_reason\":\"tool_calls\"") != NULL,
       "and ends");
}


static void
test_paths(void)
{
    args("", "{}", "none");
    args(PART("$.a", "\"numberValue\":7"), "{\\\"a\\\":7}", "one");
    args(PART("$['a b'].c", "\"boolValue\":false") ","
         PART("$[\\\"d\\\"]", "\"stringValue\":\"\""),
         "{\\\"a b\\\":{\\\"c\\\":false},\\\"d\\\":\\\"\\\"}", "in brackets");
    args(PART("$.a[0][0]", "\"numberValue\":1") ","
         PART("$.a[0][1]", "\"numberValue\":2") ","
         PART("$.a[1][0]", "\"numberValue\":3"),
         "{\\\"a\\\":[[1,2],[3]]}", "arrays");
    args(PART("$.a.b.c", "\"numberValue\":1") ","
         PART("$.d", "\"numberValue\":2"),
         "{\\\"a\\\":{\\\"b\\\":{\\\"c\\\":1}},\\\"d\\\":2}", "up");
    args(PART("$.a[0]", "\"numberValue\":1") ","
         PART("$.a.b", "\"numberValue\":2"),
         "{\\\"a\\\":[1],\\\"a\\\":{\\\"b\\\":2}}", "another type");
    args(S("$.a", "x") "," PART("$.b", "\"numberValue\":1"),
         "{\\\"a\\\":\\\"x\\\",\\\"b\\\":1}", "a string that does not end");
    args(PART("$.a", "\"stringValue\":7") "," PART("$.b", "\"x\":1"),
         "{\\\"a\\\":null,\\\"b\\\":null}", "values of no type");
}


static void
test_calls(void)
{
    char  *p;

    ex_start(CHAT, 0, 0);
    is(ex_events(EVENT("\"name\":\"f\"," GO, "")
                 EVENT("\"name\":\"f\",\"partialArgs\":[" S("$.a", "x") "],"
                       GO, "")
                 EVENT("\"name\":\"g\"," GO, "")
                 EVENT("\"partialArgs\":[" S("$.b", "y") "]," GO, STOP), 64),
       NGX_OK, "calls that do not end");
    p = ex_answer();
    ok(strstr(p, "\"name\":\"f\",\"arguments\":\"{\\\"a\\\":\\\"x\\\"}\"")
       && strstr(p, "\"name\":\"g\",\"arguments\":\"{\\\"b\\\":\\\"y\\\"}\""),
       "end with the next one, or the answer");

    ex_start(CHAT, 0, 0);
    is(ex_events(EVENT("\"name\":\"f\"," GO, "") EVENT("", STOP), 64),
       NGX_OK, "no piece");
    ok(strstr(ex_answer(), "\"name\":\"f\",\"arguments\":\"{}\"") != NULL,
       "no arguments");

    ex_start(COMPLETIONS, 0, 0);
    is(ex_events(stream, 64), NGX_OK, "a completion has no calls");
}


static void
test_bad(void)
{
    char  path[2048], list[4096];

#define BAD  "The provider answered with arguments at an unknown place."

    args("7", BAD, "no object");
    args(PART("", "\"numberValue\":1"), BAD, "no path");
    args(PART("$", "\"numberValue\":1"), BAD, "the whole");
    args(PART("$[0]", "\"numberValue\":1"), BAD, "an array");
    args(PART("a", "\"numberValue\":1"), BAD, "no step");
    args(PART("$.", "\"numberValue\":1"), BAD, "an empty step");
    args(PART("$.a[", "\"numberValue\":1"), BAD, "an open step");
    args(PART("$.a['b", "\"numberValue\":1"), BAD, "an open name");

    memset(path, 0, sizeof(path));
    memset(path, '.', 66);

    for (char *p = path + 1; *p; p += 2) {
        *p = 'a';
    }

    snprintf(list, sizeof(list), PART("$%s", "\"numberValue\":1"), path);
    args(list, BAD, "too deep");

    memset(path, 'a', 1100);
    snprintf(list, sizeof(list), PART("$.%s", "\"numberValue\":1"), path);
    args(list, BAD, "too long");
}


static void
test_hostile(void)
{
    char       *text, *p;
    size_t      i;
    uint64_t    seed;
    ngx_int_t   rc;

    text = strdup(stream);
    seed = 5;

    for (i = 0; i < 3000; i++) {
        p = text + unit_random(&seed) % strlen(stream);
        *p = unit_random(&seed) % 255 + 1;

        ex_start(CHAT, i & 1, 0);
        rc = ex_events(text, 64);

        if (rc != NGX_OK && rc != NGX_DECLINED) {
            ok(0, "changed byte %d: %d", (int) (p - text), (int) rc);
        }

        *p = stream[p - text];
    }

    free(text);
    ok(1, "changed bytes");
}


static void
test_no_memory(void)
{
    survives(args_once, "arguments in pieces");
}


static ngx_int_t
args_once(void)
{
    return ex_start(CHAT, 0, 0) == NGX_OK ? ex_events(stream, 500)
                                          : NGX_ERROR;
}
