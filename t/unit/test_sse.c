
/*
 * Copyright (C) LLMBroker contributors
 *
 * The event reader does what WHATWG HTML 9.2.6 says, the same however the
 * stream was cut, in bounded memory (wire format section 8).
 */


#include "unit.h"
#include "sse_check.h"

#include <time.h>


#define MAX  65536


typedef struct {
    const char  *name;
    const char  *text;
    const char  *log;
} vector_t;


static const vector_t  vectors[] = {
    { "one event", "data: x\n\n", "|x;" },
    { "no space", "data:x\n\n", "|x;" },
    { "two spaces: one stays", "data:  x\n\n", "| x;" },
    { "a tab is no space", "data:\tx\n\n", "|\tx;" },
    { "CR", "data: x\r\rdata: y\r\r", "|x;|y;" },
    { "CRLF", "data: x\r\n\r\ndata: y\r\n\r\n", "|x;|y;" },
    { "CR LF CR: two line ends", "data: x\r\n\rdata: y\n\r\n", "|x;|y;" },
    { "LF CR: two line ends", "data: x\n\rdata: y\n\r", "|x;|y;" },
    { "byte order mark", "\xef\xbb\xbf""data: x\n\n", "|x;" },
    { "two marks", "\xef\xbb\xbf\xef\xbb\xbf""data: x\n\ndata: y\n\n",
      "|y;" },
    { "a mark's first bytes", "\xef\xbb""data: x\n\ndata: y\n\n", "|y;" },
    { "a mark's first byte", "\xef\ndata: x\n\n", "|x;" },
    { "a mark later", "data: x\n\n\xef\xbb\xbf""data: y\n\n", "|x;" },
    { "a mark and a blank line", "\xef\xbb\xbf\n\ndata: x\n\n", "|x;" },
    { "two data lines", "data: x\ndata: y\n\n", "|x\ny;" },
    { "three data lines", "data: x\r\ndata:\r\ndata:  z\r\n\r\n",
      "|x\n\n z;" },
    { "data without colon", "data\n\n", "|;" },
    { "two data without colon", "data\ndata\n\n", "|\n;" },
    { "data with nothing", "data:\n\n", "|;" },
    { "data with one space", "data: \n\n", "|;" },
    { "a colon in the data", "data: a:b: c\n\n", "|a:b: c;" },
    { "a type", "event: ping\ndata: x\n\n", "ping|x;" },
    { "a type behind the data", "data: x\nevent:ping\n\n", "ping|x;" },
    { "the last type wins", "event: a\nevent: b\ndata: x\n\n", "b|x;" },
    { "an empty type", "event: a\nevent\ndata: x\n\n", "|x;" },
    { "a type without data", "event: a\n\ndata: x\n\n", "|x;" },
    { "a type is for one event", "event: a\ndata: x\n\ndata: y\n\n",
      "a|x;|y;" },
    { "only blank lines", "\n\n\r\r\r\n\n", "" },
    { "comments", ": ping\n\n:\n\n:data: x\n\n", "" },
    { "a comment before", ": OPENROUTER PROCESSING\n\ndata: x\n\n", "|x;" },
    { "a comment between", "event: a\n: c\ndata: x\n:HTTP_STATUS/200\n\n",
      "a|x;" },
    { "a comment between two data lines", "data: x\n: c\ndata: y\n\n",
      "|x\ny;" },
    { "id and retry", "id: 1\nretry: 10\ndata: x\n\n", "|x;" },
    { "unknown fields", "foo: 1\nbar\ndata: x\nda\n\n", "|x;" },
    { "names are case-sensitive", "Data: x\nDATA: x\n\ndata: y\n\n", "|y;" },
    { "names have no spaces", " data: x\ndata : y\n\ndata: z\n\n", "|z;" },
    { "longer names", "datax: x\ndat: y\ndata: z\n\n", "|z;" },
    { "no blank line at the end", "data: x\n\ndata: y\n", "|x;|y;" },
    { "no line end at the end", "data: x\n\ndata: [DONE]", "|x;|[DONE];" },
    { "the end in a name", "data: x\ndat", "|x;" },
    { "the end in a type", "data: x\nevent: a", "a|x;" },
    { "trailing garbage", "data: [DONE]\n\ngarbage\n\n<html>", "|[DONE];" },
    { "CR at the end", "data: x\n\r", "|x;" },
    { "multi-byte text", "data: \xe6\x97\xa5\xf0\x9f\x98\x80\n\n",
      "|\xe6\x97\xa5\xf0\x9f\x98\x80;" },
    { "invalid UTF-8 passes", "data: \xff\xc0\xaf\n\n", "|\xff\xc0\xaf;" },
    { "line separators are text", "data: \xe2\x80\xa8\v\f\xc2\x85\n\n",
      "|\xe2\x80\xa8\v\f\xc2\x85;" },
    { "an escape", "data: {\"a\":\"\\uD83D\\uDE00\\n\"}\n\n",
      "|{\"a\":\"\\uD83D\\uDE00\\n\"};" },
    { "nothing", "", "" }
};


static const char  openai[] =
    "data: {\"id\":\"chatcmpl-1\",\"choices\":[{\"index\":0,\"delta\":{\"role\""
    ":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n"
    "data: {\"id\":\"chatcmpl-1\",\"choices\":[{\"index\":0,\"delta\":{"
    "\"content\":\"\xe6\x97\xa5 \\ud83d\\ude00\"},\"finish_reason\":null}]}"
    "\n\n"
    "data: {\"id\":\"chatcmpl-1\",\"choices\":[{\"index\":0,\"delta\":{},"
    "\"finish_reason\":\"stop\"}]}\n\n"
    "data: [DONE]\n\n";

static const char  anthropic[] =
    "event: message_start\n"
    "data: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\"}}\n\n"
    "event: ping\n"
    "data: {\"type\": \"ping\"}\n\n"
    "event: content_block_delta\n"
    "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
    "\"text_delta\",\"text\":\"Hi\"}             }\n\n"
    "event: message_stop\n"
    "data: {\"type\":\"message_stop\"}\n\n";

static const char  dashscope[] =
    "id:1\nevent:result\n:HTTP_STATUS/200\n"
    "data:{\"output\":{\"choices\":[{\"message\":{\"content\":\"Hi\","
    "\"role\":\"assistant\"},\"finish_reason\":\"null\"}]}}\n\n"
    "id:2\nevent:result\n:HTTP_STATUS/200\n"
    "data:{\"output\":{\"choices\":[{\"message\":{\"content\":\"\","
    "\"role\":\"assistant\"},\"finish_reason\":\"stop\"}]}}\n\n";


static sse_check_t  whole, cut, reference;


/* as the reference says, cut nowhere, everywhere, and to small pieces */

static ngx_uint_t
same_however_cut(const char *text, size_t len)
{
    size_t    i, n;
    uint64_t  seed;

    whole.max = MAX;
    cut.max = MAX;

    sse_check_reference(&reference, (const u_char *) text, len);
    sse_check_run(&whole, text, len, 0, 0);

    if (!sse_check_same(&whole, &reference)) {
        diag("reference: %d events: %.*s", (int) reference.events,
             (int) reference.len, reference.log);
        diag("reader:    %d events: %.*s", (int) whole.events,
             (int) whole.len, whole.log);
        return 0;
    }

    for (n = 1; n <= len; n++) {
        sse_check_run(&cut, text, len, n, 0);

        if (!sse_check_same(&cut, &reference)) {
            diag("cut at %u: %.*s", (unsigned) n, (int) cut.len, cut.log);
            return 0;
        }
    }

    for (n = 1; n <= 5; n++) {
        sse_check_run(&cut, text, len, n, n);

        if (!sse_check_same(&cut, &reference)) {
            diag("pieces of %u: %.*s", (unsigned) n, (int) cut.len, cut.log);
            return 0;
        }
    }

    seed = len + 1;

    for (i = 0; i < 50 && len != 0; i++) {
        n = 1 + unit_random(&seed) % len;
        sse_check_run(&cut, text, len, n, 1 + unit_random(&seed) % 40);

        if (!sse_check_same(&cut, &reference)) {
            diag("random cuts: %.*s", (int) cut.len, cut.log);
            return 0;
        }
    }

    return 1;
}


static void
test_vectors(void)
{
    size_t           i;
    const vector_t  *v;

    for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        v = &vectors[i];

        whole.max = MAX;
        sse_check_run(&whole, v->text, strlen(v->text), 0, 0);

        is_str(whole.log, whole.len, v->log, v->name);
        ok(same_however_cut(v->text, strlen(v->text)),
           "%s, however it is cut", v->name);
    }
}


static char *
replace(const char *text, const char *from, const char *to)
{
    char        *out, *o;
    const char  *p;

    out = malloc(strlen(text) * (strlen(to) + 1) + 1);
    o = out;

    for (p = text; *p != '\0'; /* void */ ) {

        if (strncmp(p, from, strlen(from)) == 0) {
            o = stpcpy(o, to);
            p += strlen(from);
            continue;
        }

        *o++ = *p++;
    }

    *o = '\0';

    return out;
}


static void
check_changed(const char *name, const char *what, const char *text,
    const char *from, const char *to, ngx_int_t events)
{
    char  *changed;

    changed = replace(text, from, to);

    ok(same_however_cut(changed, strlen(changed))
       && whole.events == events,
       "%s, %s: %d events", name, what, (int) events);

    free(changed);
}


static void
test_provider(const char *name, const char *text, ngx_int_t n)
{
    size_t    len;
    char     *marked, with_mark[4096];
    uint64_t  hash;

    check_changed(name, "as it is", text, "\1", "", n);
    hash = whole.hash;

    check_changed(name, "LF to CR", text, "\n", "\r", n);
    is(whole.hash == hash, 1, "the same events");

    check_changed(name, "LF to CRLF", text, "\n", "\r\n", n);
    is(whole.hash == hash, 1, "the same events");

    check_changed(name, "data: without space", text, "data: ", "data:", n);
    is(whole.hash == hash, 1, "the same events");

    check_changed(name, "comments between", text, "data:", ": c\ndata:", n);
    is(whole.hash == hash, 1, "the same events");

    check_changed(name, "[DONE] removed", text, "data: [DONE]\n\n", "",
                  n - (strstr(text, "[DONE]") != NULL));

    check_changed(name, "blank lines removed", text, "\n\n", "\n", 1);
    check_changed(name, "two data lines", text, "data:", "data:{\ndata:", n);

    snprintf(with_mark, sizeof(with_mark), "\xef\xbb\xbf%s", text);
    ok(same_however_cut(with_mark, strlen(with_mark)), "%s, marked", name);
    is(whole.hash == hash, 1, "the same events");

    marked = strdup(text);
    len = strlen(text);
    ok(same_however_cut(marked, len - 1), "%s, no final blank line", name);
    is(whole.hash == hash, 1, "the same events");
    ok(same_however_cut(marked, len - 2), "%s, no final line end", name);
    is(whole.hash == hash, 1, "the same events");
    free(marked);

    snprintf(with_mark, sizeof(with_mark), "%s<html>\n\ngarbage", text);
    ok(same_however_cut(with_mark, strlen(with_mark)), "%s, garbage", name);
    is(whole.hash == hash, 1, "the same events");
}


static void
test_raw(void)
{
    size_t            i;
    static const struct {
        const char   *text;
        ngx_uint_t    raw;
    } t[] = {
        { "data: x\n\n", 1 },
        { "data: x\n\ndata: y\n\n", 2 },
        { "\xef\xbb\xbf""data: x\n\n", 1 },
        { "data:  x\n\n", 1 },
        { "data: \n\n", 1 },
        { ": c\n\ndata: x\n\n", 1 },
        { "\n\n\ndata: x\n\n", 1 },
        { "data: x\r\n\r\ndata: y\n\n", 1 },
        { "data: x\n\r\ndata: y\n\n", 1 },
        { "data:x\n\n", 0 },
        { "data:\tx\n\n", 0 },
        { "data:\n\n", 0 },
        { "data\n\n", 0 },
        { "data: x\r\r", 0 },
        { "data: x\r\n\n", 0 },
        { "data: x\n\r", 0 },
        { "data: x\n: c\n\n", 0 },
        { ": c\ndata: x\n\n", 0 },
        { "id: 1\ndata: x\n\n", 0 },
        { "event: a\ndata: x\n\n", 0 },
        { "data: x\nevent: a\n\n", 0 },
        { "data: x\ndata: y\n\n", 0 },
        { "data: x\n", 0 }
    };

    whole.max = MAX;
    cut.max = MAX;

    for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        sse_check_run(&whole, t[i].text, strlen(t[i].text), 0, 0);

        ok(whole.raw == t[i].raw && whole.bug == NULL,
           "%u events can be passed on as they are", (unsigned) t[i].raw);
    }

    for (i = 1; i < 9; i++) {
        sse_check_run(&cut, "data: x\n\ndata: y\n\n", 18, i, 0);
        is(cut.raw, 1, "a cut event cannot be passed on, the next can");
    }
}


static void
test_nul(void)
{
    static const char  text[] =
        "data: x\n\ndata: y\n\ndata: \0z\n\ndata: 1\n\n";
    static const char  first[] = "\0data: x\n\n";

    ok(same_however_cut(text, sizeof(text) - 1), "a NUL, however it is cut");
    is(whole.rc, NGX_DECLINED, "is an error");
    is_str(whole.log, whole.len, "|x;|y;", "after the events before it");

    ok(same_however_cut(first, sizeof(first) - 1), "a NUL at the start");
    is(whole.events, 0, "has no event before it");
}


static void
test_max(void)
{
    char    *text;
    size_t   i, n;

    text = malloc(4000);

    for (n = 1000; n < 1100; n += 24) {

        /* a line of n bytes, then data of n bytes in lines of 10 */

        memset(text, 'x', 4000);
        memcpy(text, "data: y\n\ndata: ", 15);
        memcpy(text + 9 + n, "\n\n", 2);

        whole.max = n;
        sse_check_run(&whole, text, 9 + n + 2, 0, 0);
        cut.max = n;
        sse_check_run(&cut, text, 9 + n + 2, 1, 1);
        ok(whole.rc == NGX_OK && whole.events == 2
           && sse_check_same(&whole, &cut), "a line of max");

        whole.max = n - 1;
        sse_check_run(&whole, text, 9 + n + 2, 0, 0);
        cut.max = n - 1;
        sse_check_run(&cut, text, 9 + n + 2, 1, 1);
        ok(whole.rc == NGX_DECLINED && whole.events == 1
           && sse_check_same(&whole, &cut), "a line longer than max");

        text[0] = '\0';

        for (i = 0; i < n / 10; i++) {
            strcat(text, "data: 123456789\n");
        }

        strcat(text, "\n");

        for (i = strlen(text); i > 0; i--) {
            whole.max = n / 10 * 10 - 1;
            sse_check_run(&whole, text, strlen(text), i, 0);
            cut.max = n / 10 * 10 - 2;
            sse_check_run(&cut, text, strlen(text), i, 0);

            if (whole.rc != NGX_OK || whole.events != 1
                || cut.rc != NGX_DECLINED || cut.events != 0)
            {
                break;
            }
        }

        is(i, 0, "joined data of max, and one byte more");
    }

    free(text);
}


static ngx_int_t
count_event(void *data, ngx_http_llmbroker_sse_event_t *event)
{
    *(ngx_uint_t *) data += event->data.len == 0 ? 0 : 1;

    return NGX_OK;
}


static void
test_memory(void)
{
    char                      *text;
    size_t                     n, len, bytes;
    u_char                    *p;
    ngx_uint_t                 i, count;
    ngx_pool_t                *pool;
    ngx_http_llmbroker_sse_t   sse;

    len = sizeof(openai) - 1;
    text = malloc(len * 8);

    for (n = 0; n < 8; n++) {
        memcpy(text + n * len, openai, len);
    }

    pool = ngx_create_pool(4096, NULL);
    ngx_http_llmbroker_sse_init(&sse, pool, MAX, count_event, &count);
    count = 0;
    bytes = ngx_shim_bytes;

    for (i = 0; i < 2000; i++) {
        p = (u_char *) text;
        n = 1 + i % 700;

        (void) ngx_http_llmbroker_sse(&sse, p, p + n);
        (void) ngx_http_llmbroker_sse(&sse, p + n, p + len * 8);
    }

    is(count, 2000 * 8 * 4, "a long stream");
    ok(ngx_shim_bytes - bytes <= 4096, "took %u bytes of memory",
       (unsigned) (ngx_shim_bytes - bytes));

    ngx_destroy_pool(pool);

    pool = ngx_create_pool(4096, NULL);
    ngx_http_llmbroker_sse_init(&sse, pool, MAX, count_event, &count);
    bytes = ngx_shim_bytes;

    (void) ngx_http_llmbroker_sse(&sse, (u_char *) text, (u_char *) text + len);
    is(ngx_shim_bytes - bytes, 0, "events in one piece take none");

    ngx_destroy_pool(pool);

    for (i = 0; i < 3; i++) {
        pool = ngx_create_pool(4096, NULL);
        ngx_http_llmbroker_sse_init(&sse, pool, MAX, count_event, &count);

        ngx_shim_allocs_left = i;
        p = (u_char *) "data: x\ndata: y\ndata: z\nda";
        is(ngx_http_llmbroker_sse(&sse, p, p + 26),
           i < 2 ? NGX_ERROR : NGX_OK, "a lack of memory");
        ngx_shim_allocs_left = -1;

        ngx_destroy_pool(pool);
    }

    free(text);
}


static void
test_growth(void)
{
    size_t                     bytes;
    u_char                    *p;
    ngx_uint_t                 i, count, blocks;
    ngx_pool_t                *pool;
    ngx_pool_large_t          *l;
    ngx_http_llmbroker_sse_t   sse;

    pool = ngx_create_pool(4096, NULL);
    ngx_http_llmbroker_sse_init(&sse, pool, MAX, count_event, &count);

    count = 0;
    bytes = ngx_shim_bytes;
    p = (u_char *) "data: x\n";

    for (i = 0; i < 60000; i++) {
        (void) ngx_http_llmbroker_sse(&sse, p + ngx_min(i, 6),
                                      p + ngx_min(i, 6) + 1);
    }

    (void) ngx_http_llmbroker_sse(&sse, p + 7, p + 8);
    (void) ngx_http_llmbroker_sse(&sse, p + 7, p + 8);

    is(count, 1, "an event of 60000 bytes, byte by byte");
    ok(ngx_shim_bytes - bytes < 4 * MAX, "took %u bytes in all",
       (unsigned) (ngx_shim_bytes - bytes));

    blocks = 0;

    for (l = pool->large; l != NULL; l = l->next) {
        blocks++;
    }

    is(blocks, 2, "and the smaller buffers are free again");

    ngx_destroy_pool(pool);
}


static void
test_handler_stops(void)
{
    ngx_pool_t                *pool;
    ngx_http_llmbroker_sse_t   sse;

    whole.max = MAX;
    whole.stop = 2;
    sse_check_run(&whole, "data: 1\n\ndata: 2\n\ndata: 3\n\n", 27, 0, 0);
    is(whole.rc, NGX_DONE, "the handler's return code");
    is_str(whole.log, whole.len, "|1;|2;", "nothing is told afterwards");

    sse_check_run(&whole, "data: 1\n\ndata: 2\n", 17, 0, 0);
    is(whole.eof, NGX_DONE, "also at the end of the stream");
    whole.stop = 0;

    pool = ngx_create_pool(4096, NULL);
    sse_check_start(&whole);
    ngx_http_llmbroker_sse_init(&sse, pool, 4, sse_check_event, &whole);
    is(ngx_http_llmbroker_sse(&sse, NULL, NULL), NGX_OK, "an empty piece");
    is(ngx_http_llmbroker_sse_eof(&sse), NGX_OK, "an empty stream");
    ngx_destroy_pool(pool);
}


static void
test_errors_stick(void)
{
    u_char                    *p;
    ngx_pool_t                *pool;
    ngx_http_llmbroker_sse_t   sse;

    p = (u_char *) "data: 1\n\n";

    pool = ngx_create_pool(4096, NULL);
    sse_check_start(&whole);
    ngx_http_llmbroker_sse_init(&sse, pool, 6, sse_check_event, &whole);
    is(ngx_http_llmbroker_sse(&sse, p, p + 9), NGX_DECLINED, "too long");
    is(ngx_http_llmbroker_sse(&sse, p + 8, p + 9), NGX_DECLINED, "it sticks");
    is(ngx_http_llmbroker_sse_eof(&sse), NGX_DECLINED, "also at the end");
    is(whole.events, 0, "there is no event");
    ngx_destroy_pool(pool);

    pool = ngx_create_pool(4096, NULL);
    ngx_http_llmbroker_sse_init(&sse, pool, MAX, sse_check_event, &whole);
    p = (u_char *) "\0data: 1\n\n";
    is(ngx_http_llmbroker_sse(&sse, p, p + 1), NGX_DECLINED, "a NUL");
    p++;
    is(ngx_http_llmbroker_sse(&sse, p, p + 9), NGX_DECLINED, "it sticks");
    ngx_destroy_pool(pool);
}


static void
test_hostile(void)
{
    char     *text;
    size_t    i, n;
    clock_t   start;

    n = 2000000;
    text = malloc(n);
    whole.max = MAX;
    start = clock();

    memset(text, '\r', n);
    sse_check_run(&whole, text, n, 0, 0);
    is(whole.rc, NGX_OK, "two million CR");

    memset(text, '\n', n);
    sse_check_run(&whole, text, n, 0, 0);
    is(whole.rc, NGX_OK, "two million LF");

    memset(text, '\r', n);
    text[n - 1] = '\n';
    sse_check_run(&whole, text, n, 0, 0);
    is(whole.rc, NGX_OK, "two million CR and an LF");

    for (i = 0; i + 9 <= n; i += 9) {
        memcpy(text + i, "data: x\r\r", 9);
    }

    sse_check_run(&whole, text, i, 0, 0);
    is(whole.events, n / 9, "many events with CR");

    for (i = 0; i + 5 <= n; i += 5) {
        memcpy(text + i, "data\n", 5);
    }

    sse_check_run(&whole, text, i, 0, 0);
    is(whole.rc, NGX_DECLINED, "many lines of nothing are too long too");

    for (i = 0; i + 3 <= n; i += 3) {
        memcpy(text + i, ":c\n", 3);
    }

    sse_check_run(&whole, text, i, 0, 0);
    is(whole.rc, NGX_OK, "many comments are no event");

    memset(text, 'x', n);
    sse_check_run(&whole, text, n, 1, 1);
    is(whole.rc, NGX_DECLINED, "a line without end");

    ok(clock() - start < 5 * CLOCKS_PER_SEC, "time is linear");

    free(text);
}


static void
test_long_type(void)
{
    char  text[200];

    memset(text, 't', sizeof(text));
    memcpy(text, "event:", 6);
    memcpy(text + 100, "\ndata: x\n\n", 11);

    ok(same_however_cut(text, strlen(text)), "a type of 94 bytes");
    is(whole.len, 64 + 3, "is cut at 64");
}


static ngx_int_t
on_status(void *data, ngx_http_llmbroker_sse_event_t *event)
{
    ngx_uint_t *sum = data;

    *sum = *sum * 1000 + event->status;

    return event->exception ? NGX_ERROR : NGX_OK;
}


static void
test_status(void)
{
    size_t                     i, k;
    u_char                     text[256];
    ngx_uint_t                 sum;
    ngx_pool_t                *pool;
    ngx_http_llmbroker_sse_t   sse;

    static const char  *streams[][2] = {
        { ":HTTP_STATUS/400\ndata:x\n\ndata:y\n\n", "400000" },
        { "data:x\nstatus:429\n\nstatus: 503\ndata:y\n\n", "429503" },
        { ":HTTP_STATUS/99\ndata:x\n\nstatus\ndata:y\n\n", "0" },
        { "status:5000\ndata:x\n\n:HTTP_STATUS/\ndata:y\n\n", "0" },
        { ":HTTP_STATUS/4x0\ndata:x\n\nstatus:500\n\ndata:y\n\n", "0" }
    };

    for (i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
        strcpy((char *) text, streams[i][0]);

        pool = ngx_create_pool(4096, NULL);
        sum = 0;

        ngx_http_llmbroker_sse_init(&sse, pool, 64, on_status, &sum);

        for (k = 0; k < strlen(streams[i][0]); k++) {
            ngx_http_llmbroker_sse(&sse, text + k, text + k + 1);
        }

        is(sum, atoi(streams[i][1]), "the status of an event (N8)");
        ngx_destroy_pool(pool);
    }
}


static void
test_random(void)
{
    char        text[400];
    size_t      len, n;
    clock_t     end;
    uint64_t    seed;
    ngx_int_t   events;
    ngx_uint_t  i, failed;

    static const char  *parts[] = {
        "data: ", "data:", "data", "event: ", "event", ":", " ", "\n", "\n",
        "\n\n", "\r", "\r\r", "\r\n", "\r\n\r\n", "\xef\xbb\xbf", "\xef",
        "x", "{\"a\":1}", "id: 1\n", "data: x\n\n", "dat", "a:"
    };

    seed = 4711;
    failed = 0;
    events = 0;
    end = clock() + 2 * CLOCKS_PER_SEC;
    whole.max = cut.max = MAX;

    for (i = 0; i < 30000 && clock() < end; i++) {

        text[0] = '\0';

        for (n = unit_random(&seed) % 24; n != 0; n--) {
            strcat(text, parts[unit_random(&seed)
                               % (sizeof(parts) / sizeof(parts[0]))]);
        }

        len = strlen(text);

        sse_check_reference(&reference, (u_char *) text, len);
        sse_check_run(&whole, text, len, 0, 0);
        failed += !sse_check_same(&whole, &reference);

        sse_check_run(&cut, text, len, 1, 1);
        failed += !sse_check_same(&cut, &reference);

        sse_check_run(&cut, text, len, 1 + (seed >> 8) % (len + 1),
                      1 + (seed >> 24) % 9);
        failed += !sse_check_same(&cut, &reference);

        events += whole.events;
    }

    ok(events > (ngx_int_t) i / 2, "%u random streams, %u events", (unsigned) i,
       (unsigned) events);
    is(failed, 0, "all as the reference says");
}


int
main(void)
{
    test_vectors();
    test_provider("openai", openai, 4);
    test_provider("anthropic", anthropic, 4);
    test_provider("dashscope", dashscope, 2);
    test_raw();
    test_nul();
    test_max();
    test_memory();
    test_growth();
    test_handler_stops();
    test_errors_stick();
    test_hostile();
    test_long_type();
    test_status();
    test_random();

    return done_testing();
}
