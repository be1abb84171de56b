
/*
 * Copyright (C) LLMBroker contributors
 *
 * The frame reader gives the same events however the stream was cut, refuses
 * what does not add up, and takes memory for one frame only (wire format
 * section 7.3).
 */


#include "unit.h"
#include "frame_check.h"


#define MAX    65536
#define START  "{\"role\":\"assistant\"}"
#define DELTA  "{\"contentBlockIndex\":0,\"delta\":{\"text\":\"\xe6\x97\xa5\"}}"


static void test_vector(void);
static void test_stream(void);
static void test_header_types(void);
static void test_exceptions(void);
static void test_odd_frames(void);
static void test_sums(void);
static void test_sizes(void);
static void test_bad_headers(void);
static void test_limits(void);
static void test_handler(void);
static void test_memory(void);
static void test_no_memory(void);

static void gives(const char *log, ngx_int_t rc, const char *name);
static void refused(const char *name);
static void bad_header(const void *bytes, size_t len, const char *name);


static frame_check_t   whole, cut;
static frame_stream_t  s;


int
main(void)
{
    whole.max = cut.max = MAX;

    test_vector();
    test_stream();
    test_header_types();
    test_exceptions();
    test_odd_frames();
    test_sums();
    test_sizes();
    test_bad_headers();
    test_limits();
    test_handler();
    test_memory();
    test_no_memory();

    return done_testing();
}


/* frames by their bytes: sums of another implementation, Python's zlib */

static void
test_vector(void)
{
    static const u_char  empty[] = {
        0x00, 0x00, 0x00, 0x10, 0x00, 0x00, 0x00, 0x00,
        0x05, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff
    };

    static const u_char  payload[] = {
        0x00, 0x00, 0x00, 0x1d, 0x00, 0x00, 0x00, 0x00, 0xfd, 0x52, 0x8c,
        0x5a, '{', '\'', 'f', 'o', 'o', '\'', ':', '\'', 'b', 'a', 'r', '\'',
        '}', 0xc3, 0x65, 0x39, 0x36
    };

    s.len = 0;
    frame_bytes(&s, empty, sizeof(empty));
    gives("|;", NGX_OK, "a frame of nothing");

    frame_bytes(&s, payload, sizeof(payload));
    gives("|;|{'foo':'bar'};", NGX_OK, "a frame without headers");
}


static void
test_stream(void)
{
    s.len = 0;
    gives("", NGX_OK, "no frames");

    frame_event(&s, "messageStart", START);
    frame_event(&s, "contentBlockDelta", DELTA);
    frame_event(&s, "contentBlockStop", "");

    gives("messageStart|" START ";contentBlockDelta|" DELTA ";"
          "contentBlockStop|;", NGX_OK, "three frames");

    is(whole.inside, 3, "whole frames are not copied");

    s.len--;
    gives("messageStart|" START ";contentBlockDelta|" DELTA ";", NGX_DECLINED,
          "the last frame lacks a byte");

    s.len = s.start + 5;
    gives("messageStart|" START ";contentBlockDelta|" DELTA ";", NGX_DECLINED,
          "the last frame's prelude is cut");
}


static void
test_header_types(void)
{
    static const u_char  value[] = {
        0, 4, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14
    };

    s.len = 0;

    frame_open(&s);
    frame_header(&s, "true", 0, value, 0);
    frame_header(&s, "false", 1, value, 0);
    frame_header(&s, "i8", 2, value, 1);
    frame_header(&s, "i16", 3, value, 2);
    frame_header(&s, "i32", 4, value, 4);
    frame_header(&s, "i64", 5, value, 8);
    frame_header(&s, "bytes", 6, value, 6);
    frame_header(&s, "text", 7, value, 6);
    frame_header(&s, "time", 8, value, 8);
    frame_header(&s, "uuid", 9, value, 16);
    frame_text(&s, ":event-type", "ping");
    frame_close(&s, "{}", 2);

    gives("ping|{};", NGX_OK, "headers of all types");

    s.len = 0;

    frame_open(&s);
    frame_text(&s, ":event-type", "ping");
    frame_header(&s, ":event-type", 6, value, 6);
    frame_header(&s, ":event-type", 4, value, 4);
    frame_text(&s, ":event-types", "pong");
    frame_text(&s, ":Event-Type", "pang");
    frame_close(&s, "{}", 2);

    gives("ping|{};", NGX_OK, "a type is a text, and of this name");
}


static void
test_exceptions(void)
{
    s.len = 0;

    frame_open(&s);
    frame_text(&s, ":message-type", "exception");
    frame_text(&s, ":exception-type", "throttlingException");
    frame_close(&s, "{\"message\":\"slow\"}", 18);

    frame_event(&s, "a", "b");

    gives("throttlingException!{\"message\":\"slow\"};a|b;", NGX_OK,
          "an exception");

    s.len = 0;

    frame_open(&s);
    frame_text(&s, ":message-type", "error");
    frame_text(&s, ":error-code", "InternalFailure");
    frame_text(&s, ":error-message", "a \"b\"\n\xff");
    frame_close(&s, "", 0);

    gives("InternalFailure!{\"message\":\"a \\\"b\\\"\\n\xef\xbf\xbd\"};",
          NGX_OK, "an error");

    frame_event(&s, "a", "b");

    gives("InternalFailure!{\"message\":\"a \\\"b\\\"\\n\xef\xbf\xbd\"};",
          NGX_DECLINED, "an error is the last frame");

    s.len = 0;

    frame_open(&s);
    frame_text(&s, ":message-type", "error");
    frame_close(&s, "x", 1);

    gives("!{\"message\":\"\"};", NGX_OK, "an error that tells nothing");

    s.len = 0;

    frame_open(&s);
    frame_text(&s, ":message-type", "exception");
    frame_text(&s, ":event-type", "a");
    frame_close(&s, "x", 1);

    gives("!x;", NGX_OK, "an exception without a type");
}


static void
test_odd_frames(void)
{
    s.len = 0;

    frame_open(&s);
    frame_text(&s, ":event-type", "a");
    frame_close(&s, "1", 1);

    gives("a|1;", NGX_OK, "no message type: an event");

    s.len = 0;

    frame_open(&s);
    frame_text(&s, ":message-type", "news");
    frame_text(&s, ":event-type", "");
    frame_close(&s, "1", 1);

    gives("|1;", NGX_OK, "an unknown message type: an event");
}


static void
test_sums(void)
{
    size_t  i, len;

    s.len = 0;
    frame_event(&s, "a", "b");
    len = s.len;
    frame_event(&s, "c", "d");

    for (i = 0; i < s.len - len; i++) {
        s.data[len + i] ^= 0x10;

        frame_check_run(&whole, s.data, s.len, 0, 0);
        frame_check_run(&cut, s.data, s.len, 1, 1);

        if ((whole.rc != NGX_DECLINED && whole.eof != NGX_DECLINED)
            || whole.events != 1 || !frame_check_same(&whole, &cut))
        {
            break;
        }

        s.data[len + i] ^= 0x10;
    }

    is(i, s.len - len, "each byte that is not as it was sent is noticed");
}


/* the sums are right here */

static void
test_sizes(void)
{
    ngx_uint_t  i;

    static const struct {
        const char  *name;
        uint32_t     total;
        uint32_t     headers;
    } sizes[] = {
        { "no length", 0, 0 },
        { "shorter than a prelude", 4, 0 },
        { "too short for the last sum", 15, 0 },
        { "headers longer than the frame", 64, 49 },
        { "headers much longer", 64, 0xffffffff },
        { "no room for headers", 16, 1 },
        { "longer than allowed", MAX + 1, 0 },
        { "a huge length", 0xffffffff, 0 },
        { "a huge length and huge headers", 0xffffffff, 0xffffffef }
    };

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        s.len = 0;
        frame_event(&s, "a", "b");

        s.start = s.len;
        s.len += 64;
        memset(s.data + s.start, 0, 64);
        frame_u32(s.data + s.start, sizes[i].total);
        frame_u32(s.data + s.start + 4, sizes[i].headers);
        frame_sum(s.data + s.start, 64);

        refused(sizes[i].name);
    }
}


static void
test_bad_headers(void)
{
    bad_header("\0\7", 2, "a name of no bytes");
    bad_header("\1", 1, "no name");
    bad_header("\2a", 2, "half a name");
    bad_header("\1a", 2, "no type");
    bad_header("\xff" "a\7\0\0", 5, "a name past the end");
    bad_header("\1a\2", 3, "no byte");
    bad_header("\1a\3x", 4, "half a number");
    bad_header("\1a\5xxxxxxx", 10, "seven bytes of eight");
    bad_header("\1a\6\0", 4, "half a length");
    bad_header("\1a\7\0\1", 5, "no text");
    bad_header("\1a\7\xff\xff" "a", 6, "a text past the end");
    bad_header("\1a\x9xxxxxxxxxxxxxxx", 18, "15 bytes of a UUID");
    bad_header("\1a\xa", 3, "an unknown type");
    bad_header("\1a\xff", 3, "another unknown type");
    bad_header("\1a\0\1", 4, "a header behind one without a value");
}


static void
test_limits(void)
{
    size_t         i;
    static u_char  text[MAX];

    memset(text, 'x', MAX);

    whole.max = cut.max = 2048;

    s.len = 0;
    frame_event(&s, "a", "b");
    frame_open(&s);
    frame_close(&s, text, 2048 - 16);

    frame_check_run(&whole, s.data, s.len, 0, 0);
    frame_check_run(&cut, s.data, s.len, 1, 1);

    ok(whole.eof == NGX_OK && whole.events == 2
       && frame_check_same(&whole, &cut), "as long as allowed");

    s.len = s.start;
    frame_open(&s);
    frame_close(&s, text, 2048 - 15);

    refused("one byte longer than allowed");

    /* 16 is the least that a limit can mean anything for */

    for (i = 0; i < 17; i++) {
        whole.max = cut.max = i;

        s.len = 0;
        frame_open(&s);
        frame_close(&s, "", 0);

        frame_check_run(&whole, s.data, s.len, 0, 0);
        frame_check_run(&cut, s.data, s.len, 1, 1);

        if (whole.rc != (i < 16 ? NGX_DECLINED : NGX_OK)
            || !frame_check_same(&whole, &cut))
        {
            break;
        }
    }

    is(i, 17, "small limits");

    whole.max = cut.max = MAX;
}


static void
test_handler(void)
{
    s.len = 0;
    frame_event(&s, "a", "1");
    frame_event(&s, "b", "2");
    frame_event(&s, "c", "3");

    whole.stop = cut.stop = 2;

    frame_check_run(&whole, s.data, s.len, 0, 0);
    frame_check_run(&cut, s.data, s.len, 1, 1);

    ok(whole.rc == NGX_DONE && whole.events == 2
       && frame_check_same(&whole, &cut), "the handler stops the reader");

    whole.stop = cut.stop = 0;
}


/* memory is for the largest frame, however many there are */

static void
test_memory(void)
{
    size_t                       i, n;
    ngx_int_t                    rc;
    ngx_uint_t                   allocs;
    ngx_pool_t                  *pool;
    static u_char                text[20000];
    ngx_http_llmbroker_frame_t   fr;

    memset(text, 'x', sizeof(text));

    s.len = 0;
    frame_open(&s);
    frame_close(&s, text, sizeof(text));

    pool = ngx_create_pool(4096, &ngx_shim_log);
    ngx_http_llmbroker_frame_init(&fr, pool, MAX, frame_check_event, &whole);

    allocs = 0;
    rc = NGX_OK;

    for (n = 0; rc == NGX_OK && n < 100; n++) {

        for (i = 0; rc == NGX_OK && i < s.len; i += 7) {
            rc = ngx_http_llmbroker_frame(&fr, s.data + i,
                                          s.data + ngx_min(i + 7, s.len));
        }

        if (n == 0) {
            allocs = ngx_shim_allocs;
        }
    }

    is(rc, NGX_OK, "a hundred frames in small pieces");
    is(ngx_shim_allocs - allocs, 0, "the carry buffer is used again");

    ngx_destroy_pool(pool);

    /* what a prelude promises is not believed */

    frame_u32(s.data, MAX);
    frame_sum(s.data, s.len);

    n = ngx_shim_bytes;

    frame_check_run(&whole, s.data, 100, 0, 0);

    ok(whole.rc == NGX_OK && whole.eof == NGX_DECLINED
       && ngx_shim_bytes - n < 8192, "memory grows with what has come");
}


static void
test_no_memory(void)
{
    ngx_int_t   i;

    s.len = 0;
    frame_event(&s, "a", DELTA);
    frame_open(&s);
    frame_text(&s, ":message-type", "error");
    frame_text(&s, ":error-message", "x");
    frame_close(&s, "", 0);

    for (i = 1; i < 20; i++) {
        ngx_shim_allocs_left = i;
        frame_check_run(&cut, s.data, s.len, 1, 1);
        ngx_shim_allocs_left = -1;

        if (cut.rc != NGX_ERROR) {
            break;
        }
    }

    ok(i > 2 && cut.rc == NGX_OK && cut.events == 2,
       "each lack of memory is an error");
}


/* rc: of the end, when all that was told is right */

static void
gives(const char *log, ngx_int_t rc, const char *name)
{
    size_t     n;
    ngx_int_t  got;

    frame_check_run(&whole, s.data, s.len, 0, 0);
    is_str(whole.log, whole.len, log, name);

    got = (whole.rc == NGX_OK) ? whole.eof : whole.rc;
    is(got, rc, name);

    for (n = 0; n < s.len; n++) {
        frame_check_run(&cut, s.data, s.len, n + 1, n == 0 ? 1 : 0);

        if (!frame_check_same(&whole, &cut)) {
            break;
        }
    }

    if (!ok(n == s.len && whole.bug == NULL, "%s, cut anywhere", name)) {
        diag("cut at %u, %s", (unsigned) n, cut.bug ? cut.bug : "no bug");
    }
}


/* one event, then a frame that is refused */

static void
refused(const char *name)
{
    frame_check_run(&whole, s.data, s.len, 0, 0);
    frame_check_run(&cut, s.data, s.len, 1, 1);

    is(whole.rc, NGX_DECLINED, name);
    ok(whole.events == 1 && frame_check_same(&whole, &cut), "%s, cut", name);
}


static void
bad_header(const void *bytes, size_t len, const char *name)
{
    s.len = 0;
    frame_event(&s, "a", "b");

    frame_open(&s);
    frame_text(&s, ":event-type", "c");
    frame_bytes(&s, bytes, len);
    frame_close(&s, "{}", 2);

    refused(name);
}
