
/*
 * Copyright (C) LLMBroker contributors
 *
 * AWS Signature Version 4 against the signatures that AWS has published in
 * its test suite: the same keys, time and host, another request each.
 */


#include "unit.h"

#include "provider/ngx_http_llmbroker_sigv4.h"


#define ALL                                                                   \
    "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

#define TOKEN                                                                 \
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLW"  \
    "sKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmG"  \
    "deehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlR"  \
    "d8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlz"  \
    "m8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="


typedef struct {
    const char  *name;
    const char  *method;
    const char  *path;
    const char  *content_type;
    const char  *token;
    const char  *body;
    const char  *signature;
} vector_t;


/* 2015-08-30 12:36:00 UTC */
static const time_t  vector_time = 1440938160;


static const vector_t  vectors[] = {
    { "get-vanilla", "GET", "/", "", "", "",
      "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },

    { "get-vanilla-query-order-key-case", "GET",
      "/?Param2=value2&Param1=value1", "", "", "",
      "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500" },

    { "get-vanilla-query-order-encoded", "GET",
      "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1", "", "", "",
      "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac" },

    { "get-vanilla-empty-query-key", "GET", "/?Param1=value1", "", "", "",
      "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb" },

    { "get-vanilla-query-unreserved", "GET", "/?" ALL "=" ALL, "", "", "",
      "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197" },

    { "get-vanilla-utf8-query", "GET", "/?\xe1\x88\xb4=bar", "", "", "",
      "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04" },

    { "get-unreserved", "GET", "/" ALL, "", "", "",
      "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f" },

    { "get-utf8", "GET", "/\xe1\x88\xb4", "", "", "",
      "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85" },

    { "get-space-normalized", "GET", "/example space/", "", "", "",
      "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741" },

    { "get-slash-normalized", "GET", "//", "", "", "",
      "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },

    { "get-slashes-normalized", "GET", "//example//", "", "", "",
      "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84" },

    { "get-slash-dot-slash-normalized", "GET", "/./", "", "", "",
      "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },

    { "get-slash-pointless-dot-normalized", "GET", "/./example", "", "", "",
      "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5" },

    { "get-relative-normalized", "GET", "/example/..", "", "", "",
      "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },

    { "get-relative-relative-normalized", "GET",
      "/example1/example2/../..", "", "", "",
      "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },

    { "get-vanilla-with-session-token", "GET", "/", "",
      "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267", "",
      "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8" },

    { "post-vanilla", "POST", "/", "", "", "",
      "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" },

    { "post-vanilla-query", "POST", "/?Param1=value1", "", "", "",
      "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11" },

    { "post-sts-header-before", "POST", "/", "", TOKEN, "",
      "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead" },

    /* of the suite's first edition, which signs no Content-Length */

    { "post-x-www-form-urlencoded", "POST", "/",
      "application/x-www-form-urlencoded", "", "Param1=value1",
      "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a" },
};


/* the signatures are of another implementation, Python's hmac */

static const vector_t  own[] = {
    { "an escape in a path is escaped again", "POST",
      "/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse", "", "",
      "{\"messages\":[]}",
      "8598cbfa67f9938202163d6e9cc2a16d6ab0077e370cb67cba7363ce8a6140d3" },

    { "a last segment that is a dot", "GET", "/a/.", "", "", "",
      "e7dfad111cdad6139e285ddec7592de69207ee936e9af6cffa906e281325f76a" },

    { "no way above the root, a final slash", "GET",
      "/x/../../a/b%2Fc/", "", "", "",
      "808f1acd8b300a5fcef4cde9d8858f77cb39b000e451ed86f63893c03325c7b6" },

    { "no path", "GET", "", "", "", "",
      "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },

    { "an empty query", "GET", "/?", "", "", "",
      "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },

    { "no parameters", "GET", "/?&&", "", "", "",
      "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },

    { "a name that begins another, without a value", "GET",
      "/?a-b=1&a", "", "", "",
      "e71f28b369985a59a705314ae77d5543e990e9034182000c0bc2da0e1542de5c" },

    { "a name with two values", "GET", "/?a=2&&b=&a=1", "", "", "",
      "f383c4671be74a01fb11ec1826e111c4906c4582552077e9d509b83b1131e459" },
};


static void test_vectors(const vector_t *v, size_t n);
static void test_lines(void);
static void test_body(void);
static void test_memory(void);
static ngx_int_t sign(ngx_pool_t *pool, const vector_t *v, size_t cut,
    ngx_str_t *lines);
static void text(ngx_str_t *s, const char *value);


int
main(void)
{
    test_vectors(vectors, sizeof(vectors) / sizeof(vectors[0]));
    test_vectors(own, sizeof(own) / sizeof(own[0]));
    test_lines();
    test_body();
    test_memory();

    return done_testing();
}


static void
test_vectors(const vector_t *v, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        ngx_str_t    lines;
        ngx_pool_t  *pool;

        pool = ngx_create_pool(4096, &ngx_shim_log);

        if (is(sign(pool, &v[i], 0, &lines), NGX_OK, v[i].name)) {
            is_str(lines.data + lines.len - 66, 64, v[i].signature, v[i].name);
        }

        ngx_destroy_pool(pool);
    }
}


static void
test_lines(void)
{
    ngx_str_t    lines;
    vector_t     v;
    ngx_pool_t  *pool;

    pool = ngx_create_pool(4096, &ngx_shim_log);

    sign(pool, &vectors[0], 0, &lines);

    is_str(lines.data, lines.len,
           "X-Amz-Date: 20150830T123600Z\r\n"
           "Authorization: AWS4-HMAC-SHA256 "
           "Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
           "SignedHeaders=host;x-amz-date, Signature="
           "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
           "\r\n", "lines without a token");

    v = vectors[0];
    v.token = "a/token+of==";
    v.content_type = "application/json";

    sign(pool, &v, 0, &lines);

    lines.len -= 66;

    is_str(lines.data, lines.len,
           "X-Amz-Date: 20150830T123600Z\r\n"
           "X-Amz-Security-Token: a/token+of==\r\n"
           "Authorization: AWS4-HMAC-SHA256 "
           "Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
           "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, "
           "Signature=", "lines with a token and a content type");

    ngx_destroy_pool(pool);
}


/* the body may lie in any number of buffers */

static void
test_body(void)
{
    size_t           i;
    ngx_str_t        lines;
    const vector_t  *v;
    ngx_pool_t      *pool;

    v = &vectors[sizeof(vectors) / sizeof(vectors[0]) - 1];

    for (i = 1; i <= strlen(v->body); i++) {

        pool = ngx_create_pool(4096, &ngx_shim_log);

        sign(pool, v, i, &lines);
        is_str(lines.data + lines.len - 66, 64, v->signature, "a cut body");

        ngx_destroy_pool(pool);
    }
}


static void
test_memory(void)
{
    ngx_int_t    rc, i;
    ngx_str_t    lines;
    vector_t     v;
    ngx_pool_t  *pool;

    v = vectors[1];
    v.path = "/a/b?a=1&b=2&c=3&d=4&e=5";
    v.token = "t";

    rc = NGX_ERROR;

    for (i = 0; rc != NGX_OK && i < 100; i++) {

        pool = ngx_create_pool(4096, &ngx_shim_log);

        ngx_shim_allocs_left = i;
        rc = sign(pool, &v, 0, &lines);
        ngx_shim_allocs_left = -1;

        if (rc != NGX_OK && rc != NGX_ERROR) {
            break;
        }

        ngx_destroy_pool(pool);
    }

    ok(i > 8 && rc == NGX_OK, "each lack of memory is an error");
}


/* cut: of the body's first buffer, 0: the body is in one */

static ngx_int_t
sign(ngx_pool_t *pool, const vector_t *v, size_t cut, ngx_str_t *lines)
{
    ngx_buf_t                    bufs[2];
    ngx_chain_t                  body[2];
    ngx_http_llmbroker_sigv4_t   request;

    text(&request.method, v->method);
    text(&request.host, "example.amazonaws.com");
    text(&request.path, v->path);
    text(&request.content_type, v->content_type);
    text(&request.region, "us-east-1");
    text(&request.service, "service");
    text(&request.access_key_id, "AKIDEXAMPLE");
    text(&request.secret_access_key,
         "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    text(&request.session_token, v->token);

    bufs[0].pos = (u_char *) v->body;
    bufs[0].last = bufs[0].pos + cut;
    bufs[1].pos = bufs[0].last;
    bufs[1].last = bufs[0].pos + strlen(v->body);

    body[0].buf = &bufs[0];
    body[0].next = &body[1];
    body[1].buf = &bufs[1];
    body[1].next = NULL;

    return ngx_http_llmbroker_sigv4(pool, &request,
                                    v->body[0] ? body : NULL,
                                    vector_time, lines);
}


static void
text(ngx_str_t *s, const char *value)
{
    s->data = (u_char *) value;
    s->len = strlen(value);
}
