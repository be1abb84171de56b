
/*
 * Copyright (C) LLMBroker contributors
 *
 * A chunk of a stream that repeats the one before it but for its text is not
 * scanned: which chunks that are, and that no more and no less is found in
 * them, whatever byte differs.
 */


#include "exchange.h"
#include "provider/ngx_http_llmbroker_openai.h"


#define BEFORE     NGX_HTTP_LLMBROKER_OPENAI_BEFORE

/* of no finding: a scan takes it away */
#define UNSCANNED  0x80000000

#define TOP  "{\"id\":\"i\",\"object\":\"chat.completion.chunk\","            \
             "\"created\":17,\"model\":\"m\","
#define DELTA(delta)                                                         \
    TOP "\"choices\":[{\"index\":0,\"delta\":{" delta "},"                   \
    "\"logprobs\":null,\"finish_reason\":null}],\"usage\":null"
#define SAYS(text)  DELTA("\"content\":\"" text "\"") "}"
#define BLUR(text, blur)                                                     \
    DELTA("\"content\":\"" text "\"") ",\"obfuscation\":\"" blur "\"}"
#define ARGS(text)                                                           \
    DELTA("\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\""      \
          text "\"}}]") "}"
#define ENDS(reason)                                                         \
    TOP "\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\""        \
    reason "\"}]}"
#define BEHIND(text, object)                                                 \
    "{\"choices\":[{\"delta\":{\"content\":\"" text "\"},"                   \
    "\"finish_reason\":null,\"index\":0}],\"object\":\"" object "\","        \
    "\"usage\":null,\"created\":17,\"model\":\"m\",\"id\":\"i\"}"
#define TEXT(text)                                                           \
    TOP "\"choices\":[{\"index\":0,\"text\":\"" text                         \
    "\",\"finish_reason\":null}]}"

#define S100  "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"             \
              "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"


typedef struct {
    const char  *name;
    const char  *before;
    const char  *chunk;
    ngx_uint_t   repeats;
} repeat_t;


static void test_repeats(void);
static void test_forgets(void);
static void test_all_changes(void);

static ngx_uint_t change(ngx_http_llmbroker_openai_t *base, ngx_str_t *chunk,
    ngx_uint_t *repeats);
static ngx_uint_t differ(ngx_http_llmbroker_openai_t *a,
    ngx_http_llmbroker_openai_t *b);
static void begin(ngx_http_llmbroker_call_e call);
static ngx_int_t scan(ngx_http_llmbroker_openai_t *o, const char *chunk);


static const repeat_t  cases[] = {
    { "the same", SAYS("a"), SAYS("a"), 1 },
    { "another text", SAYS("a"), SAYS("bcd"), 1 },
    { "a longer text before", SAYS("bcd"), SAYS("a"), 1 },
    { "an escape", SAYS("a"), SAYS("\\n\\\"\\\\"), 1 },
    { "beyond ASCII", SAYS("\\n"), SAYS("\xe6\x97\xa5\xe6\x9c\xac"), 1 },
    { "an escape with u", SAYS("a"), SAYS("\\u00e9\\ud800"), 1 },
    { "not UTF-8", SAYS("a"), SAYS("\xe6\x97"), 0 },
    { "no text", SAYS("a"), SAYS(""), 0 },
    { "no text before", SAYS(""), SAYS("a"), 0 },
    { "no text in both", SAYS(""), SAYS(""), 1 },
    { "obfuscation", BLUR("a", "xyz"), BLUR("bcd", "x"), 1 },
    { "no obfuscation", BLUR("a", "xyz"), BLUR("a", ""), 0 },
    { "arguments", ARGS("{"), ARGS("\\\"a\\\":1"), 1 },
    { "no arguments", ARGS("{"), ARGS(""), 0 },
    { "the end", ENDS("stop"), ENDS("stop"), 1 },
    { "another end", ENDS("stop"), ENDS("length"), 0 },
    { "a completion", TEXT("a"), TEXT("b c"), 1 },
    { "what comes behind the choices", BEHIND("a", "chat.completion.chunk"),
      BEHIND("b", "chat.completion.chunk"), 1 },
    { "another object behind the choices",
      BEHIND("a", "chat.completion.chunk"), BEHIND("a", "chunk"), 0 },
    { "another id", SAYS("a"), "{\"id\":\"j" "\"}", 0 },
    { "a longer number", "{\"usage\":null,\"created\":1}",
      "{\"usage\":null,\"created\":17}", 0 },
    { "the text's beginning", SAYS("abc"), TOP "\"choices\":[{\"index\":0,"
      "\"delta\":{\"content\":\"ab", 0 },
    { "a member more", SAYS("a"), DELTA("\"content\":\"a\"") ",\"n\":1}", 0 },
    { "a member less", DELTA("\"content\":\"a\"") ",\"n\":1}", SAYS("a"), 0 },
    { "something behind", SAYS("a"), SAYS("a") "x", 0 },
    { "four texts",
      DELTA("\"a\":\"1\",\"b\":\"2\",\"c\":\"3\",\"d\":\"4\"") "}",
      DELTA("\"a\":\"1\",\"b\":\"2\",\"c\":\"3\",\"d\":\"5\"") "}", 1 },
    { "five texts",
      DELTA("\"a\":\"1\",\"b\":\"2\",\"c\":\"3\",\"d\":\"4\",\"e\":\"5\"") "}",
      DELTA("\"a\":\"1\",\"b\":\"2\",\"c\":\"3\",\"d\":\"4\",\"e\":\"5\"") "}",
      0 },
    { "a long text", SAYS("a"), SAYS(S100 S100 S100 S100 S100 S100), 1 },
    { "a long text before", SAYS(S100 S100 S100 S100 S100 S100), SAYS("a"),
      0 },
    { "no JSON before", SAYS("a") "x", SAYS("a") "x", 0 },
    { NULL, NULL, NULL, 0 }
};


/* each is changed in each byte */

static const char  *bases[] = {
    SAYS("Hi, you"),
    BLUR("a\\n\\\"\xc3\xa9", "xYz"),
    ARGS("{\\\"a\\\""),
    ENDS("stop"),
    BEHIND("a", "chat.completion.chunk"),
    TEXT("a b"),
    DELTA("\"role\":\"assistant\",\"reasoning\":\"r\"") "}",
    TOP "\"choices\":[],\"usage\":{\"prompt_tokens\":12}}",
    "{\"id\":\"\",\"created\":0,\"error\":\"\",\"choices\":[{\"index\":1,"
    "\"delta\":{\"content\":[\"a\"]},\"usage\":{}}],\"x_groq\":{\"usage\":{}}}",
    "[\"a\",{\"choices\":[{\"delta\":{\"content\":\"a\"}}]},1.5]",
    NULL
};


int
main(void)
{
    test_repeats();
    test_forgets();
    test_all_changes();

    return done_testing();
}


static void
test_repeats(void)
{
    const repeat_t               *c;
    ngx_http_llmbroker_openai_t   o;

    for (c = cases; c->name; c++) {
        begin(CHAT);

        memset(&o, 0, sizeof(o));

        (void) scan(&o, c->before);
        o.seen |= UNSCANNED;
        (void) scan(&o, c->chunk);

        is((o.seen & UNSCANNED) != 0, c->repeats, c->name);
    }
}


/* what was done to the chunk before is not done to this one */

static void
test_forgets(void)
{
    ngx_http_llmbroker_openai_t  o;

    begin(CHAT);

    memset(&o, 0, sizeof(o));

    (void) scan(&o, SAYS("a"));

    o.changes = 3;
    o.counted = 1;
    o.carried = 1;

    is(scan(&o, SAYS("b")), NGX_OK, "a chunk that repeats another");
    ok(o.changes == 0 && !o.counted && !o.carried, "nothing was done to it");

    /* an error has no chunk after it, but must not pass for one */

    is(scan(&o, "{"), NGX_DECLINED, "no JSON");
    is(scan(&o, "{"), NGX_DECLINED, "nor when it is repeated");
}


static void
test_all_changes(void)
{
    size_t                       i, len;
    u_char                       buf[1024];
    ngx_str_t                    chunk;
    ngx_uint_t                   k, n, differs, repeats;
    const char                 **base;
    ngx_http_llmbroker_openai_t  o;

    static const char  bytes[] = "\0\x01\x1f \t\n\"\\/un019aAeEtf-.,:{}[]x"
                                 "\x7f\x80\xbf\xc3\xe2\xff";

    n = 0;
    differs = 0;
    repeats = 0;

    for (base = bases; *base; base++) {
        begin(**base == '{' ? CHAT : COMPLETIONS);

        memset(&o, 0, sizeof(o));

        is(scan(&o, *base), NGX_OK, *base);

        len = strlen(*base);
        chunk.data = buf;

        for (i = 0; i < len; i++) {

            /* one byte less */

            memcpy(buf, *base, i);
            memcpy(buf + i, *base + i + 1, len - i - 1);
            chunk.len = len - 1;

            differs += change(&o, &chunk, &repeats);
            n++;

            for (k = 0; k < sizeof(bytes) - 1; k++) {

                /* another byte, and one byte more */

                memcpy(buf, *base, len);
                buf[i] = bytes[k];
                chunk.len = len;

                differs += change(&o, &chunk, &repeats);

                memcpy(buf + i + 1, *base + i, len - i);
                chunk.len = len + 1;

                differs += change(&o, &chunk, &repeats);
                n += 2;
            }
        }
    }

    ok(repeats > 1000 && repeats < n / 10, "%u changes, %u in a text",
       (unsigned) n, (unsigned) repeats);

    is(differs, 0, "a scan finds the same after each of them");
}


/* 1 when a chunk after *base is told differently than a scan would tell it */

static ngx_uint_t
change(ngx_http_llmbroker_openai_t *base, ngx_str_t *chunk,
    ngx_uint_t *repeats)
{
    ngx_int_t                           rc;
    ngx_str_t                           reason;
    ngx_http_llmbroker_usage_t          usage;
    static u_char                       before[2][BEFORE];
    static ngx_http_llmbroker_openai_t  o, scanned;

    usage = ex.usage;
    reason = ex.finish_reason;

    scanned = *base;
    scanned.before_len = 0;
    scanned.before = before[0];
    ex.state = &scanned;

    rc = ngx_http_llmbroker_openai_scan_chunk(&ex, &scanned, chunk);

    o = *base;
    o.seen |= UNSCANNED;
    o.before = before[1];

    if (base->before != NULL) {
        ngx_memcpy(o.before, base->before, BEFORE);
    }

    ex.state = &o;

    if (ngx_http_llmbroker_openai_scan_chunk(&ex, &o, chunk) != rc) {
        diag("another result: %.*s", (int) chunk->len, chunk->data);
        return 1;
    }

    if (o.seen & UNSCANNED) {
        o.seen &= ~UNSCANNED;
        (*repeats)++;

        if (differ(&o, &scanned)
            || memcmp(&usage, &ex.usage, sizeof(usage)) != 0
            || reason.data != ex.finish_reason.data)
        {
            diag("other findings: %.*s", (int) chunk->len, chunk->data);
            return 1;
        }
    }

    ex.usage = usage;
    ex.finish_reason = reason;

    return 0;
}


static ngx_uint_t
differ(ngx_http_llmbroker_openai_t *a, ngx_http_llmbroker_openai_t *b)
{
    return a->seen != b->seen
           || a->elements != b->elements
           || a->calls != b->calls
           || a->index != b->index
           || a->call != b->call
           || a->changes != b->changes
           || a->counted != b->counted
           || a->carried != b->carried
           || a->suspect != b->suspect
           || a->differs != b->differs
           || a->ended != b->ended
           || a->filled != b->filled
           || a->id.len != b->id.len
           || a->created.len != b->created.len
           || a->model.len != b->model.len;
}


/* a stream */

static void
begin(ngx_http_llmbroker_call_e call)
{
    (void) ex_start(call, 1, 1);

    ex.temp = ngx_create_pool(4096, &ngx_shim_log);
}


static ngx_int_t
scan(ngx_http_llmbroker_openai_t *o, const char *chunk)
{
    ngx_str_t  text;

    text = str(chunk);
    ex.state = o;

    return ngx_http_llmbroker_openai_scan_chunk(&ex, o, &text);
}
