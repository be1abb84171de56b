
/*
 * Copyright (C) LLMBroker contributors
 *
 * What comes in frames of DashScope's native dialect: frames that hold what
 * is new and frames that hold all there is so far (N6), of text, reasoning,
 * arguments and log probabilities, and the members that OpenAI does not have.
 */


#include "exchange.h"


static void test_growing(void);
static void test_pieces(void);
static void test_doubt(void);
static void test_changed(void);
static void test_characters(void);
static void test_growing_calls(void);
static void test_same_index(void);
static void test_reasoning(void);
static void test_choices(void);
static void test_parts(void);
static void test_logprobs(void);
static void test_extras(void);
static void test_hostile(void);
static void test_no_memory(void);

static char *told(const char *name);
static char *answer(const char *stream);
static ngx_int_t grow_once(void);
static ngx_int_t extras_once(void);


#define USAGE(out)                                                           \
    "\"usage\":{\"input_tokens\":10,\"output_tokens\":" out                  \
    ",\"total_tokens\":1" out "},\"request_id\":\"r-1\"}\n\n"
#define MSG(message, finish, out)                                            \
    "data:{\"output\":{\"choices\":[{\"message\":{" message "},"             \
    "\"index\":0,\"finish_reason\":\"" finish "\"}]}," USAGE(out)
#define TXT(text, finish, out)  MSG("\"content\":\"" text "\"", finish, out)
#define OLD(text, finish, out)                                               \
    "data:{\"output\":{\"text\":\"" text "\",\"finish_reason\":\"" finish    \
    "\"}," USAGE(out)
#define CALL(index, id, more)                                                \
    "{\"index\":" index ",\"id\":\"" id "\",\"type\":\"function\","          \
    "\"function\":{" more "}}"
#define ARGS(id, name, text)                                                 \
    "\"name\":\"" name "\",\"arguments\":\"" text "\""


static const char  growing[] =
    TXT("O", "null", "1")
    TXT("On", "null", "2")
    TXT("One", "null", "3")
    TXT("One", "null", "4")
    TXT("One, \\u00e4", "null", "5")
    TXT("One, \\u00e4\\ud83d\\ude0a \xc3\x9f", "null", "6")
    TXT("One, \\u00e4\\ud83d\\ude0a \xc3\x9f""!", "stop", "7");

static const char  extras[] =
    "data:{\"output\":{\"search_info\":{\"search_results\":[{\"index\":1,"
    "\"title\":\"t\",\"url\":\"u\"}]},\"choices\":[{\"message\":{"
    "\"content\":[{\"text\":\"a\"}],\"new\":[]},\"finish_reason\":\"null\"}]"
    "}," USAGE("1")
    "data:{\"output\":{\"search_info\":{\"search_results\":[{\"index\":1,"
    "\"title\":\"t\",\"url\":\"u\"},{\"index\":2}]},\"choices\":[{"
    "\"message\":{\"content\":[{\"text\":\"b\"},{\"text\":\"c\",\"ocr\":{}},"
    "{\"image\":\"https://i.example/1\"}],\"phase\":7},"
    "\"finish_reason\":\"null\"}]}," USAGE("2")
    "data:{\"output\":{\"choices\":[{\"message\":{\"content\":["
    "{\"image\":\"https://i.example/1\"},{\"image\":\"x\"}],\"phase\":8},"
    "\"finish_reason\":\"stop\"}]},\"usage\":{\"input_tokens\":1,"
    "\"output_tokens\":2,\"total_tokens\":3,\"image_tokens\":9}}\n\n";


int
main(void)
{
    ex_provider = "qwen";
    ex_model = "qwen-max";
    ex_base = "/api/v1";

    test_growing();
    test_pieces();
    test_doubt();
    test_changed();
    test_characters();
    test_growing_calls();
    test_same_index();
    test_reasoning();
    test_choices();
    test_parts();
    test_logprobs();
    test_extras();
    test_hostile();
    test_no_memory();

    return done_testing();
}


/* what the deltas of the last streamed answer say in one member */

static char *
told(const char *name)
{
    char   *p, *end, *dst, key[64];
    size_t  len;

    static char  text[4096];

    len = snprintf(key, sizeof(key), "\"%s\":\"", name);
    dst = text;

    for (p = strstr(ex_answer(), key); p; p = strstr(p, key)) {
        p += len;

        for (end = p; *end != '"'; end++) {
            if (*end == '\\') {
                end++;
            }
        }

        memcpy(dst, p, end - p);
        dst += end - p;
        p = end;
    }

    *dst = '\0';

    return text;
}


/* a stream cut everywhere; its answer is the same each time */

static char *
answer(const char *stream)
{
    char      *first, *p;
    size_t     cut;
    ngx_int_t  rc;

    first = NULL;

    for (cut = 1; cut <= strlen(stream); cut++) {
        ex_start(CHAT, 1, 1);
        rc = ex_events(stream, cut);

        if (rc != NGX_OK) {
            ok(0, "cut at %d: %d", (int) cut, (int) rc);
            break;
        }

        p = ex_answer();

        if (first == NULL) {
            first = strdup(p);

        } else if (strcmp(first, p) != 0) {
            ok(0, "cut at %d is another answer", (int) cut);
            break;
        }
    }

    free(first);

    return ex_answer();
}


static void
test_growing(void)
{
    char  *p;

    answer(growing);
    p = told("content");
    is_str(p, strlen(p), "One, \\u00e4\\ud83d\\ude0a \xc3\x9f""!",
           "a growing text is told once (N6)");
    counts("10 7 17 -1 -1 -1", "the last usage counts (N2)");

    ex_start(CHAT, 0, 0);
    is(ex_events(growing, 7), NGX_OK, "the same for a buffered call");
    ok(strstr(ex_answer(), "\"content\":\"One, \\u00e4\\ud83d\\ude0a "
                           "\xc3\x9f""!\"") != NULL, "is one text");

    answer(OLD("A long beginning", "null", "4")
           OLD("A long beginning, and", "null", "6")
           OLD("A long beginning, and more", "stop", "8"));
    p = told("content");
    is_str(p, strlen(p), "A long beginning, and more",
           "the older form grows, too");
    ok(strstr(ex_answer(), "\"content\":\", and\"") != NULL,
       "as soon as it shows");

    answer(TXT("Hi", "null", "1") TXT("Hi", "stop", "1"));
    p = told("content");
    is_str(p, strlen(p), "Hi", "all once more without a new token");

    answer(TXT("Hi", "null", "1") TXT("Hi you", "stop", "2"));
    p = told("content");
    is_str(p, strlen(p), "Hi you", "a short one");
}


static void
test_pieces(void)
{
    char  *p;

    answer(TXT("1", "null", "1") TXT(",", "null", "2") TXT(" 2", "null", "3")
           TXT("", "stop", "3"));
    p = told("content");
    is_str(p, strlen(p), "1, 2", "pieces");

    answer(OLD("1", "null", "1") OLD(", 2", "stop", "3"));
    p = told("content");
    is_str(p, strlen(p), "1, 2", "pieces of the older form");

    answer(TXT("ha", "null", "1") TXT("haha", "null", "3")
           TXT("!", "stop", "4"));
    p = told("content");
    is_str(p, strlen(p), "hahaha!", "a piece like the one before");

    answer(TXT("1", "null", "1") TXT("1", "null", "2") TXT("1", "null", "3")
           TXT("", "stop", "3"));
    p = told("content");
    is_str(p, strlen(p), "111", "equal pieces");

    answer(TXT("a", "null", "1") TXT("a", "null", "2") TXT("a", "null", "3")
           TXT("a", "null", "4") TXT("a", "null", "5") TXT("a", "null", "6")
           TXT("a", "null", "7") TXT("a", "null", "8") TXT("a", "null", "9")
           TXT("a", "stop", "9"));
    p = told("content");
    is_str(p, strlen(p), "aaaaaaaaaa", "very many");
}


static void
test_doubt(void)
{
    char  *p;

    answer(TXT("1", "null", "1") TXT("1", "stop", "2"));
    p = told("content");
    is_str(p, strlen(p), "11", "a token more is a piece more");

    answer(TXT("a", "null", "1") TXT("ab", "null", "2")
           MSG("\"content\":\"ab\",\"tool_calls\":["
               CALL("0", "t", ARGS("t", "f", "{}")) "]", "tool_calls", "3"));
    p = told("content");
    is_str(p, strlen(p), "ab", "a call ends the doubt");

    ex_start(CHAT, 1, 0);
    is(ex_events(TXT("a", "null", "1") TXT("ab", "null", "2"), 9),
       NGX_DECLINED, "a stream that is cut in doubt");
}


static void
test_changed(void)
{
    char  *p;

    answer(TXT("abcd", "null", "1") TXT("abcdef", "null", "2")
           TXT("abcdefg", "null", "3") TXT("abcdefgh", "null", "4")
           TXT("xy", "null", "5") TXT("abcdefgh", "null", "6")
           TXT("ABCDEFGHij", "stop", "7"));
    p = told("content");
    is_str(p, strlen(p), "abcdefghij", "a text that is changed afterwards");
}


static void
test_characters(void)
{
    char   *p;
    size_t  i;

    static const char  *units[] = {
        "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x8a", "\\n", "\\u00e4",
        "\\ud83d\\ude0a", "\\ud83d", "\\\\", "\\\"", NULL
    };

    /* the place where it was cut is within the character now */

    for (i = 0; units[i]; i++) {
        ex_start(CHAT, 0, 0);

        p = malloc(4096);
        sprintf(p, TXT("ab", "null", "1") TXT("abc", "null", "2")
                TXT("abcd", "null", "3") TXT("abcde", "null", "4")
                TXT("abc1%sz", "stop", "5"), units[i]);

        is(ex_events(p, 64), NGX_OK, "a character in the way");
        ok(strstr(ex_answer(), "\"content\":\"abcdez\"") != NULL,
           "is not told in part: %s", units[i]);
        free(p);
    }
}


static void
test_growing_calls(void)
{
    char  *p;

#define GROW(calls, finish, out)                                             \
    MSG("\"content\":\"\",\"tool_calls\":[" calls "]", finish, out)

    p = answer(
        GROW(CALL("0", "t", ARGS("t", "f", "")), "null", "1")
        GROW(CALL("0", "t", ARGS("t", "f", "{")), "null", "2")
        GROW(CALL("0", "t", ARGS("t", "f", "{\\\"a\\\"")), "null", "3")
        GROW(CALL("0", "t", ARGS("t", "f", "{\\\"a\\\":")), "null", "4")
        GROW(CALL("0", "t", ARGS("t", "f", "{\\\"a\\\":1}")), "null", "5")
        GROW(CALL("0", "t", ARGS("t", "f", "{\\\"a\\\":1}")) ","
             CALL("1", "u", ARGS("u", "g", "[")), "null", "6")
        GROW(CALL("0", "t", ARGS("t", "f", "{\\\"a\\\":1}")) ","
             CALL("1", "u", ARGS("u", "g", "[]")), "tool_calls", "7"));

    ok(strstr(p, "\"id\":\"t\",\"type\":\"function\",\"function\":{"
                 "\"name\":\"f\",\"arguments\":\"\"}") != NULL,
       "a call is told once");
    p = told("arguments");
    is_str(p, strlen(p), "{\\\"a\\\":1}[]", "and its arguments");
    p = told("name");
    is_str(p, strlen(p), "fg", "and names");

    answer(GROW(CALL("0", "t", ARGS("t", "f", "{\\\"a\\\": ")), "null", "1")
           GROW(CALL("0", "", "\"arguments\":\"{\\\"a\\\": 1}}\""), "null",
                "9")
           GROW(CALL("0", "", "\"arguments\":\"\""), "tool_calls", "9"));
    p = told("arguments");
    is_str(p, strlen(p), "{\\\"a\\\": {\\\"a\\\": 1}}",
           "arguments that only look like growing");
}


static void
test_same_index(void)
{
    char  *p;

    p = answer(
        GROW(CALL("0", "t", ARGS("t", "f", "{")), "null", "1")
        GROW(CALL("0", "", "\"arguments\":\"}\""), "null", "2")
        GROW(CALL("0", "u", ARGS("u", "g", "[")), "null", "3")
        GROW(CALL("0", "", "\"arguments\":\"]\""), "tool_calls", "4"));
    ok(strstr(p, "{\"index\":1,\"id\":\"u\"") != NULL,
       "calls that are told apart by their ids");
    p = told("arguments");
    is_str(p, strlen(p), "{}[]", "have their arguments");
}


static void
test_reasoning(void)
{
    char  *p;

#define THINK(reasoning, text, finish, out)                                  \
    MSG("\"reasoning_content\":\"" reasoning "\",\"content\":\"" text "\"",  \
        finish, out)

    answer(THINK("h", "", "null", "1") THINK("hm", "", "null", "2")
           THINK("hmm", "", "null", "3") THINK("hmm.", "", "null", "4")
           THINK("hmm.", "x", "null", "5") THINK("hmm.", "xy", "stop", "6"));
    p = told("reasoning_content");
    is_str(p, strlen(p), "hmm.", "growing reasoning");
    p = told("content");
    is_str(p, strlen(p), "xy", "and the text behind it");

    p = answer(THINK("h", "", "null", "1") THINK("hm", "", "null", "2")
               THINK("hm", "x", "null", "3") THINK("hm", "xy", "stop", "4"));
    ok(strstr(p, "\"reasoning_content\":\"m\"") < strstr(p, "\"content\":"
                                                        "\"x\""),
       "what is held of the reasoning comes before the text");
    p = told("reasoning_content");
    is_str(p, strlen(p), "hm", "it is whole");
    p = told("content");
    is_str(p, strlen(p), "xy", "as is the text");

    answer(THINK("h", "", "null", "1") THINK("m", "", "null", "2")
           THINK("", "x", "null", "3") THINK("", "xy", "stop", "4"));
    p = told("content");
    is_str(p, strlen(p), "xxy", "the reasoning has told that it is pieces");
}


static void
test_choices(void)
{
    char  *p;

#define ONE(n, text, finish, out)                                            \
    "data:{\"output\":{\"choices\":[{\"message\":{\"content\":\"" text       \
    "\"},\"index\":" n ",\"finish_reason\":\"" finish "\"}]}," USAGE(out)

    ex_start(CHAT, 0, 0);
    is(ex_events(ONE("0", "a", "null", "1") ONE("1", "x", "null", "1")
                 ONE("0", "ab", "null", "2") ONE("1", "xy", "null", "2")
                 ONE("0", "abc", "stop", "3") ONE("1", "xyz", "stop", "3"),
                 9),
       NGX_OK, "two choices that grow");
    p = ex_answer();
    ok(strstr(p, "\"content\":\"abc\"") && strstr(p, "\"content\":\"xyz\""),
       "are whole");
    counts("10 6 16 -1 -1 -1", "their usage is added up (N7)");

    ex_start(CHAT, 0, 0);
    ex_events(ONE("0", "a", "null", "1") ONE("1", "x", "null", "1")
              ONE("0", "ab", "null", "2") ONE("1", "y", "null", "2")
              ONE("0", "c", "stop", "3") ONE("1", "z", "stop", "3"), 9);
    p = ex_answer();
    ok(strstr(p, "\"content\":\"aabc\"") && strstr(p, "\"content\":\"xyz\""),
       "one tells that both are pieces");
}


static void
test_parts(void)
{
    char        *p, *text;
    ngx_uint_t   i;

#define PARTS(list, finish, out)  MSG("\"content\":[" list "]", finish, out)

    answer(PARTS("{\"text\":\"O\"}", "null", "1")
           PARTS("{\"text\":\"n\"},{\"text\":\"e\"}", "null", "2")
           PARTS("", "stop", "2"));
    p = told("content");
    is_str(p, strlen(p), "One", "parts in pieces");

    answer(PARTS("{\"text\":\"A long beginning\"}", "null", "4")
           PARTS("{\"text\":\"A long beginning\"},{\"text\":\", more\"}",
                 "stop", "6"));
    p = told("content");
    is_str(p, strlen(p), "A long beginning, more", "parts that grow");

    text = malloc(32 * 1024);
    p = text;

    for (i = 0; i < 100; i++) {
        p += sprintf(p, PARTS("{\"type\":\"text\",\"text\":\"%d,\","
                              "\"new\":%d}", "null", "1"), (int) i, (int) i);
    }

    strcpy(p, PARTS("", "stop", "2"));

    ex_start(CHAT, 1, 0);
    is(ex_events(text, 999), NGX_OK, "very many parts with members");
    ok(strstr(ex_answer(), "\"content\":\"99,\"")
       && strstr(ex_answer(), "\"new\":63}")
       && strstr(ex_answer(), "\"new\":64}") == NULL,
       "are text, whatever else they are");

    p = text;

    for (i = 0; i < 100; i++) {
        p += sprintf(p, PARTS("{\"type\":\"text\",\"text\":\"%d,\"}",
                              "null", "1"), (int) i);
    }

    strcpy(p, PARTS("", "stop", "2"));

    ex_start(CHAT, 1, 0);
    is(ex_events(text, 999), NGX_OK, "very many parts with a type");
    ok(strstr(ex_answer(), "provider_specific_fields") == NULL,
       "are text alone");

    free(text);
}


static void
test_logprobs(void)
{
    char  *p;

#define P(t)  "{\"token\":\"" t "\",\"logprob\":-0.10,\"bytes\":[1],"         \
              "\"top_logprobs\":[]}"
#define PROBS(text, list, finish, out)                                       \
    "data:{\"output\":{\"choices\":[{\"message\":{\"content\":\"" text       \
    "\"},\"logprobs\":{\"content\":[" list "]},\"index\":0,"                 \
    "\"finish_reason\":\"" finish "\"}]}," USAGE(out)

    answer(PROBS("a", P("a"), "null", "1") PROBS("b", P("b"), "null", "2")
           PROBS("", "", "stop", "2"));
    p = told("token");
    is_str(p, strlen(p), "ab", "of pieces");
    ok(strstr(ex_answer(), "\"logprob\":-0.10,") != NULL, "digit by digit");

    answer(PROBS("a", P("a"), "null", "1") PROBS("ab", P("a") "," P("b"),
                                                 "null", "2")
           PROBS("abc", P("a") "," P("b") "," P("c"), "null", "3")
           PROBS("abcd", P("a") "," P("b") "," P("c") "," P("d"), "null", "4")
           PROBS("abcde", P("a") "," P("b") "," P("c") "," P("d") "," P("e"),
                 "stop", "5"));
    p = told("token");
    is_str(p, strlen(p), "abcde", "of a growing text");

    answer(PROBS("a", P("a"), "null", "1") PROBS("ab", P("a") "," P("b"),
                                                 "null", "3")
           PROBS("x", P("x"), "stop", "4"));
    p = told("token");
    is_str(p, strlen(p), "aabx", "of pieces that were held");

    answer(PROBS("a", P("a"), "null", "1") PROBS("ab", P("a") "," P("b"),
                                                 "stop", "2"));
    p = told("token");
    is_str(p, strlen(p), "ab", "of a short growing text");

    ex_start(CHAT, 0, 0);
    ex_json("{\"output\":{\"choices\":[{\"message\":{\"content\":\"ab\"},"
            "\"logprobs\":{\"content\":[" P("a") "," P("b") "]},"
            "\"finish_reason\":\"stop\"}]}}");
    ok(strstr(ex_answer(), "\"logprobs\":{\"content\":[" P("a") "," P("b") "]")
       != NULL, "of a buffered answer");
}


static void
test_extras(void)
{
    char        *p, *text;
    ngx_uint_t   i;

    p = answer(extras);
    ok(strstr(p, "\"delta\":{\"images\":[{\"type\":\"image_url\","
                 "\"image_url\":{\"url\":\"https://i.example/1\"}},"
                 "{\"type\":\"image_url\",\"image_url\":{\"url\":\"x\"}}]}")
       != NULL, "images, each once");
    ok(strstr(p, "\"delta\":{\"provider_specific_fields\":{\"search_info\":"
                 "{\"search_results\":[{\"index\":1,\"title\":\"t\","
                 "\"url\":\"u\"},{\"index\":2}]},\"phase\":8,"
                 "\"usage\":{\"input_tokens\":1,\"output_tokens\":2,"
                 "\"total_tokens\":3,\"image_tokens\":9},"
                 "\"parts\":[{\"text\":\"c\",\"ocr\":{}}]}}") != NULL,
       "the rest, as it was last");
    p = told("content");
    is_str(p, strlen(p), "abc", "the text of the parts");

    text = malloc(16 * 1024);
    p = text + sprintf(text, "{\"output\":{\"choices\":[{\"message\":{"
                             "\"content\":[{\"image\":0}");

    for (i = 1; i < 100; i++) {
        p += sprintf(p, ",{\"image\":%d}", (int) i);
    }

    sprintf(p, "]},\"finish_reason\":\"stop\"}]}}");

    ex_start(CHAT, 0, 0);
    is(ex_json(text), NGX_OK, "very many parts");
    ok(strstr(ex_answer(), "{\"image\":98},{\"image\":99}]}") != NULL,
       "are all told");

    memmove(text + 5, text, strlen(text) + 1);
    memcpy(text, "data:", 5);
    strcat(text, "\n\n");

    ex_start(CHAT, 0, 0);
    is(ex_events(text, 500), NGX_DECLINED, "but not in a stream");
    free(text);

    ex_start(CHAT, 0, 0);
    is(ex_json("{\"status_code\":200,\"code\":\"\",\"message\":\"\","
               "\"output\":{\"text\":null,\"finish_reason\":null,\"choices\":"
               "[{\"finish_reason\":\"stop\",\"message\":{\"role\":"
               "\"assistant\",\"content\":\"x\",\"tool_calls\":null,"
               "\"reasoning_content\":null}}]},\"usage\":{\"input_tokens\":1,"
               "\"output_tokens\":1,\"image_tokens\":null}}"), NGX_OK,
       "an answer with members that are null");
    ok(strstr(ex_answer(), "provider_specific_fields") == NULL,
       "has nothing of its own");

    ex_start(CHAT, 0, 0);
    is(ex_json("{\"output\":{\"usage\":1,\"code\":2,\"text\":3,"
               "\"output\":4,\"choices\":5,\"choices\":[{\"role\":6,"
               "\"codex\":7,\"finish_reason\":8,\"finish_reason\":"
               "\"length\",\"message\":{\"content\":9,\"content\":"
               "\"x\",\"usages\":10,\"content_\":11}}]},\"usage\":12,"
               "\"usage\":{\"input_tokens\":13}}"), NGX_OK,
       "names in other places, and twice");
    p = ex_answer();
    ok(strstr(p, "\"content\":\"x\"") != NULL
       && strstr(p, "\"finish_reason\":\"length\"") != NULL,
       "the last of two is told");
    ok(strstr(p, "\"provider_specific_fields\":{\"usage\":1,\"code\":2,"
                 "\"output\":4,\"usages\":10,\"content_\":11,"
                 "\"codex\":7}") != NULL,
       "what has no place in OpenAI's, in its order");
    counts("13 -1 13 -1 -1 -1", "and the usage");
}


static void
test_hostile(void)
{
    char         *text, *p;
    size_t        i, k;
    uint64_t      seed;
    ngx_int_t     rc;

    static const char  *streams[] = { growing, extras, NULL };

    seed = 3;

    for (k = 0; streams[k]; k++) {
        text = strdup(streams[k]);

        for (i = 0; i < 3000; i++) {
            p = text + unit_random(&seed) % strlen(streams[k]);
            *p = unit_random(&seed) % 255 + 1;

            ex_start(CHAT, i & 1, 0);
            rc = ex_events(text, 64);

            if (rc != NGX_OK && rc != NGX_DECLINED) {
                ok(0, "changed byte %d: %d", (int) (p - text), (int) rc);
            }

            *p = streams[k][p - text];
        }

        free(text);
    }

    ok(1, "changed bytes");
}


static void
test_no_memory(void)
{
    survives(grow_once, "a growing text");
    survives(extras_once, "members of its own");
}


static ngx_int_t
grow_once(void)
{
    return ex_start(CHAT, 1, 1) == NGX_OK ? ex_events(growing, 500)
                                          : NGX_ERROR;
}


static ngx_int_t
extras_once(void)
{
    return ex_start(CHAT, 1, 1) == NGX_OK ? ex_events(extras, 500)
                                          : NGX_ERROR;
}
