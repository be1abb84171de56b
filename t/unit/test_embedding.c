
/*
 * Copyright (C) LLMBroker contributors
 *
 * Vectors of embeddings: numbers to base64 and back, answers with the other
 * form than the client's, and what is no vector.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_embedding.h"
#include "unit.h"


#define NUMBERS  NGX_HTTP_LLMBROKER_ENCODING_FLOAT
#define BASE64   NGX_HTTP_LLMBROKER_ENCODING_BASE64
#define ANY      NGX_HTTP_LLMBROKER_ENCODING_OTHER

#define BIG      20000


static void test_base64(void);
static void test_numbers(void);
static void test_as_it_is(void);
static void test_refused(void);
static void test_rounding(void);
static void test_round_trip(void);
static void test_lengths(void);
static void test_form(void);
static void test_answer(void);
static void test_no_memory(void);

static ngx_int_t convert(ngx_http_llmbroker_encoding_e wanted,
    const char *text);
static void gives(ngx_http_llmbroker_encoding_e wanted, const char *text,
    const char *expected);
static void refuses(ngx_http_llmbroker_encoding_e wanted, const char *text,
    const char *name);
static float one(const char *number);
static ngx_int_t answer(ngx_http_llmbroker_encoding_e wanted,
    const char *text);
static void flatten(ngx_http_llmbroker_out_t *out);


static ngx_http_llmbroker_exchange_t  ex;
static size_t                         got_len;
static char                           got[BIG * 32];


int
main(void)
{
    test_base64();
    test_numbers();
    test_as_it_is();
    test_refused();
    test_rounding();
    test_round_trip();
    test_lengths();
    test_form();
    test_answer();
    test_no_memory();

    return done_testing();
}


static void
test_base64(void)
{
    gives(BASE64, "[]", "\"\"");
    gives(BASE64, "[ ]", "\"\"");
    gives(BASE64, "[1]", "\"AACAPw==\"");
    gives(BASE64, "[1,2]", "\"AACAPwAAAEA=\"");
    gives(BASE64, "[1,2,-0.5]", "\"AACAPwAAAEAAAAC/\"");
    gives(BASE64, "[ 1.0 ,\n2e0\t,\r-5E-1 ]", "\"AACAPwAAAEAAAAC/\"");
    gives(BASE64, "[0,-0,-0.0]", "\"AAAAAAAAAIAAAACA\"");
    gives(BASE64, "[0.1]", "\"zczMPQ==\"");
}


static void
test_numbers(void)
{
    gives(NUMBERS, "\"\"", "[]");
    gives(NUMBERS, "\"AACAPw==\"", "[1.0]");
    gives(NUMBERS, "\"AACAPw\"", "[1.0]");
    gives(NUMBERS, "\"AACAPwAAAEA=\"", "[1.0,2.0]");
    gives(NUMBERS, "\"AACAPwAAAEAAAAC/\"", "[1.0,2.0,-0.5]");
    gives(NUMBERS, "\"AACAPwAAAEAAAAC\\/\"", "[1.0,2.0,-0.5]");
    gives(NUMBERS, "\"\\u0041ACAPw==\"", "[1.0]");
    gives(NUMBERS, "\"AAAAAAAAAIA=\"", "[0.0,-0.0]");
    gives(NUMBERS, "\"zczMPQ==\"", "[0.1]");
    gives(NUMBERS, "\"rMUnNw==\"", "[0.00001]");

    /* six digits before the point */

    gives(NUMBERS, "\"QCIqSQBQw0fwI3RJQCDxRw==\"",
          "[696868.0,100000.0,999999.0,123456.5]");

    /* the largest, the smallest normal and the smallest float32 */

    gives(NUMBERS, "\"//9/fw==\"", "[3.40282347e+38]");
    gives(NUMBERS, "\"AACAAA==\"", "[1.17549435e-38]");
    gives(NUMBERS, "\"AQAAAA==\"", "[1.40129846e-45]");
}


static void
test_as_it_is(void)
{
    gives(NUMBERS, "[1.0000000000000000001, 2]",
          "[1.0000000000000000001, 2]");
    gives(BASE64, "\"AACAPw==\"", "\"AACAPw==\"");
    gives(ANY, "[1]", "[1]");
    gives(ANY, "\"AA\"", "\"AA\"");
}


static void
test_refused(void)
{
    refuses(BASE64, "[\"1\"]", "a string in a vector");
    refuses(BASE64, "[null]", "null in a vector");
    refuses(BASE64, "[1,true]", "true in a vector");
    refuses(BASE64, "[[1]]", "a vector in a vector");
    refuses(BASE64, "[1,{\"a\":1}]", "an object in a vector");
    refuses(BASE64, "[1e39]", "a number beyond float32");
    refuses(BASE64, "[-3.5e38]", "a negative number beyond float32");
    refuses(BASE64, "[1e400]", "a number beyond double");
    refuses(BASE64, "[1e99999999999999999999]", "an enormous exponent");

    refuses(NUMBERS, "\"AAAAAAA=\"", "half a float");
    refuses(NUMBERS, "\"AACAP\"", "half a byte");
    refuses(NUMBERS, "\"AACAPw=A\"", "text behind the padding");
    refuses(NUMBERS, "\"AACAPw===\"", "too much padding");
    refuses(NUMBERS, "\"=\"", "padding alone");
    refuses(NUMBERS, "\"AA CAPw=\"", "a space");
    refuses(NUMBERS, "\"AACAP\\n\"", "a line feed");
    refuses(NUMBERS, "\"AACAP-==\"", "another alphabet");
    refuses(NUMBERS, "\"AACAP\303\244\"", "no ASCII");
    refuses(NUMBERS, "\"AACAfw==\"", "infinity");
    refuses(NUMBERS, "\"AACA/w==\"", "minus infinity");
    refuses(NUMBERS, "\"AADAfw==\"", "what is no number");

    refuses(NUMBERS, "null", "null");
    refuses(BASE64, "{}", "an object");
    refuses(ANY, "1", "a number");
}


/* read as strtof() reads, also where a double lies between two floats */

static void
test_rounding(void)
{
    char         text[64];
    ngx_uint_t   i, failed;
    const char **number;

    static const char  *numbers[] = {
        "0.1", "0.3", "16777217", "16777219", "16777217.0000000001",
        "16777216.9999999999", "1.00000005960464477539062",
        "1.000000059604644775390625", "1.00000005960464477539063",
        "1.0000001788139343", "0.000000000000000000000000000000001",
        "1e-46", "7.0064923e-46", "7.0064924e-46", "1.1754943e-38",
        "3.4028235e38", "123456789012345678901234567890",
        "0.12345678901234567890123456789", "-0.006929283495992422",
        "9007199254740993", "9.999999999999999e22", "1e22", "1e23", "1E+5",
        "1e-22", "1e-23", "0e99999", "0.00e-5", NULL
    };

    for (number = numbers; *number; number++) {
        ok(one(*number) == strtof(*number, NULL), "%s is read right", *number);
    }

    srandom(1);
    failed = 0;

    for (i = 0; i < 200000; i++) {
        (void) snprintf(text, sizeof(text), "%s%ld.%0*ld%se%ld",
                        random() % 2 ? "-" : "", random() % 3,
                        (int) (random() % 20 + 1), random(),
                        random() % 2 ? "5" : "", random() % 60 - 40);

        failed += (one(text) != strtof(text, NULL));
    }

    is(failed, 0, "random numbers are read right");
}


static void
test_round_trip(void)
{
    float        f;
    char        *p;
    uint32_t     bits;
    ngx_uint_t   i, n, failed, longest, digits;
    u_char       text[16];

    static const char  basis[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    srandom(2);
    failed = 0;
    longest = 0;

    for (i = 0; i < 300000; i++) {

        bits = (uint32_t) random() << 1 ^ (uint32_t) random();

        if (i % 3) {
            /* as embeddings have them */
            f = (float) (random() % 2000001 - 1000000) / 1000000;
            ngx_memcpy(&bits, &f, 4);
        }

        if ((bits & 0x7f800000) == 0x7f800000) {
            continue;
        }

        ngx_memcpy(&f, &bits, 4);

        text[0] = '"';
        text[1] = basis[(bits & 0xff) >> 2];
        text[2] = basis[(bits & 3) << 4 | (bits >> 12 & 15)];
        text[3] = basis[(bits >> 8 & 15) << 2 | (bits >> 22 & 3)];
        text[4] = basis[bits >> 16 & 63];
        text[5] = basis[bits >> 26];
        text[6] = basis[(bits >> 24 & 3) << 4];
        text[7] = '"';
        text[8] = '\0';

        if (convert(NUMBERS, (char *) text) != NGX_OK) {
            failed++;
            continue;
        }

        failed += (strtof(got + 1, &p) != f || *p != ']'
                   || (got[1] == '-') != (bits >> 31)
                   || strstr(got, ".]") != NULL);

        if (i % 3) {
            for (n = 0, digits = 0; got[n]; n++) {
                digits += (got[n] >= (digits ? '0' : '1') && got[n] <= '9');
            }

            longest = ngx_max(longest, digits);
        }
    }

    is(failed, 0, "each float32 is written so that it is read again");
    ok(longest <= 7, "short numbers stay short: %u digits",
       (unsigned) longest);
}


/* both ways, for all lengths around the size of the inner buffers */

static void
test_lengths(void)
{
    char        *p, *first;
    ngx_uint_t   n, i, failed;

    first = malloc(BIG * 32);
    failed = 0;

    for (n = 1; n < 1000; n += (n > 210 && n < 900) ? 37 : 1) {

        p = first;
        *p++ = '[';

        for (i = 0; i < n; i++) {
            p += sprintf(p, "%s-%u.125", i ? "," : "", (unsigned) i);
        }

        strcpy(p, "]");

        if (convert(BASE64, first) != NGX_OK) {
            failed++;
            continue;
        }

        p = malloc(got_len + 1);
        memcpy(p, got, got_len + 1);

        if (convert(NUMBERS, p) != NGX_OK || strcmp(got, first) != 0) {
            failed++;
        }

        free(p);
    }

    is(failed, 0, "vectors of all lengths arrive whole");

    p = first;
    *p++ = '[';

    for (i = 0; i < BIG; i++) {
        p += sprintf(p, "%s0.%u", i ? "," : "", (unsigned) i + 100000);
    }

    strcpy(p, "]");

    is(convert(BASE64, first), NGX_OK, "a long vector");
    is(got_len, (BIG * 4 + 2) / 3 * 4 + 2, "of as many floats");

    free(first);
}


static void
test_form(void)
{
    ngx_str_t  null = ngx_string("null");
    ngx_str_t  base64 = ngx_string("\"base64\"");
    ngx_str_t  escaped = ngx_string("\"b\\u0061se64\"");
    ngx_str_t  numbers = ngx_string("\"float\"");
    ngx_str_t  other = ngx_string("\"int8\"");
    ngx_str_t  number = ngx_string("1");

    is(ngx_http_llmbroker_embedding_encoding(&null), NUMBERS, "null");
    is(ngx_http_llmbroker_embedding_encoding(&base64), BASE64, "base64");
    is(ngx_http_llmbroker_embedding_encoding(&escaped), BASE64,
       "escaped base64");
    is(ngx_http_llmbroker_embedding_encoding(&numbers), NUMBERS, "float");
    is(ngx_http_llmbroker_embedding_encoding(&other), ANY, "a vendor's form");
    is(ngx_http_llmbroker_embedding_encoding(&number), ANY, "no form at all");
}


static void
test_answer(void)
{
    answer(BASE64, "{\"data\" : [ {\"embedding\":[1],\"index\": 0 },"
                   "{\"embedding\" : \"AACAPw==\"},{\"embedding\":[1,2]}],"
                   "\"usage\":{\"embedding\":[1]}, \"x\": 1.50}\n");
    is_str(got, got_len,
           "{\"data\" : [ {\"embedding\":\"AACAPw==\",\"index\": 0 },"
           "{\"embedding\" : \"AACAPw==\"},{\"embedding\":\"AACAPwAAAEA=\"}],"
           "\"usage\":{\"embedding\":[1]}, \"x\": 1.50}\n",
           "vectors only are converted");

    answer(NUMBERS, "{\"data\":[{\"embedding\":\"AACAPw==\","
                    "\"other\":\"AACAPw==\"}],\"x\":[{\"embedding\":\"A\"}]}");
    is_str(got, got_len,
           "{\"data\":[{\"embedding\":[1.0],\"other\":\"AACAPw==\"}],"
           "\"x\":[{\"embedding\":\"A\"}]}",
           "whatever stands around them");

    is(ex.done, 1, "the answer is complete");

    is(answer(BASE64, "{\"data\":[{\"embedding\":[1,null]}]}"), NGX_DECLINED,
       "a vector with null");
    ok(ex.fault.message.len > 0 && ex.fault.status == 0, "is told");
    is(answer(NUMBERS, "{\"data\":[{\"embedding\":\"A\"}]}"), NGX_DECLINED,
       "a vector that is no base64");
    is(answer(NUMBERS, "{\"data\":[{\"embedding\":\"AACAPw==\"},{}]}"),
       NGX_DECLINED, "an entry without a vector");
    is(answer(NUMBERS, "{\"data\":[null]}"), NGX_DECLINED, "no entry");
    is(answer(NUMBERS, "{\"data\":[{\"embedding\":null}]}"), NGX_DECLINED,
       "null as a vector");
    is(answer(NUMBERS, "{\"data\":[[\"AACAPw==\"]]}"), NGX_DECLINED,
       "a list as an entry");
}


static void
test_no_memory(void)
{
    ngx_int_t   rc;
    ngx_uint_t  n;

    for (n = 0; n < 100; n++) {
        ngx_shim_allocs_left = n;
        rc = answer(BASE64, "{\"data\":[{\"embedding\":[1,2,3]}]}");
        ngx_shim_allocs_left = -1;

        if (rc == NGX_OK) {
            break;
        }

        if (rc != NGX_ERROR) {
            break;
        }
    }

    is(rc, NGX_OK, "a lack of memory is an error");
    ok(n > 0, "which was tried");
}


static ngx_int_t
convert(ngx_http_llmbroker_encoding_e wanted, const char *text)
{
    u_char                            *p;
    size_t                             len;
    ngx_int_t                          rc, end;
    ngx_pool_t                        *temp;
    ngx_http_llmbroker_out_t           out;
    ngx_http_llmbroker_json_t         *vector;
    ngx_http_llmbroker_json_writer_t   w;

    temp = ngx_create_pool(1024, &ngx_shim_log);

    ngx_memzero(&ex, sizeof(ngx_http_llmbroker_exchange_t));

    ex.pool = temp;
    ex.encoding = wanted;

    len = strlen(text);
    p = ngx_pnalloc(temp, len + 1);
    memcpy(p, text, len);
    p[len] = ',';

    if (ngx_http_llmbroker_json_parse(temp, p, len, &vector) != NGX_OK) {
        ngx_destroy_pool(temp);
        return NGX_ABORT;
    }

    ngx_http_llmbroker_out_init(&out, temp, NULL, NULL, 512);
    ngx_http_llmbroker_json_write_start(&w, &out);

    rc = ngx_http_llmbroker_embedding_vector(&ex, &w, vector);
    end = ngx_http_llmbroker_json_write_end(&w);

    if (rc == NGX_OK) {
        rc = end;
    }

    flatten(&out);

    ngx_destroy_pool(temp);

    return rc;
}


static void
gives(ngx_http_llmbroker_encoding_e wanted, const char *text,
    const char *expected)
{
    if (convert(wanted, text) != NGX_OK) {
        ok(0, "%s was refused", text);
        return;
    }

    is_str(got, got_len, expected, text);
}


static void
refuses(ngx_http_llmbroker_encoding_e wanted, const char *text,
    const char *name)
{
    is(convert(wanted, text), NGX_DECLINED, name);
}


/* the float32 that a number becomes */

static float
one(const char *number)
{
    float        f;
    char         text[96];
    uint32_t     bits, v[6];
    ngx_uint_t   i;
    const char  *p;

    static const char  basis[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    (void) snprintf(text, sizeof(text), "[%s]", number);

    if (convert(BASE64, text) != NGX_OK || got_len != 10) {
        return strtof("inf", NULL);
    }

    for (i = 0; i < 6; i++) {
        p = strchr(basis, got[i + 1]);
        v[i] = p - basis;
    }

    bits = v[0] << 2 | v[1] >> 4;
    bits |= ((v[1] & 15) << 4 | v[2] >> 2) << 8;
    bits |= ((v[2] & 3) << 6 | v[3]) << 16;
    bits |= (v[4] << 2 | v[5] >> 4) << 24;

    ngx_memcpy(&f, &bits, 4);

    return f;
}


static ngx_int_t
answer(ngx_http_llmbroker_encoding_e wanted, const char *text)
{
    ngx_int_t                  rc;
    ngx_pool_t                *temp;
    ngx_http_llmbroker_out_t   out;
    ngx_http_llmbroker_json_t  root;

    temp = ngx_create_pool(1024, &ngx_shim_log);
    if (temp == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&ex, sizeof(ngx_http_llmbroker_exchange_t));
    ngx_http_llmbroker_out_init(&out, temp, NULL, NULL, 64);

    ex.pool = temp;
    ex.out = &out;
    ex.call = NGX_HTTP_LLMBROKER_EMBEDDINGS;
    ex.encoding = wanted;

    ngx_memzero(&root, sizeof(ngx_http_llmbroker_json_t));

    root.type = NGX_HTTP_LLMBROKER_JSON_OBJECT;
    root.raw.data = (u_char *) text;
    root.raw.len = strlen(text);

    rc = ngx_http_llmbroker_embedding_answer(&ex, &root);

    flatten(&out);

    ngx_destroy_pool(temp);

    return rc;
}


static void
flatten(ngx_http_llmbroker_out_t *out)
{
    ngx_chain_t  *cl;

    got_len = 0;

    for (cl = out->chain; cl; cl = cl->next) {
        memcpy(got + got_len, cl->buf->pos, cl->buf->last - cl->buf->pos);
        got_len += cl->buf->last - cl->buf->pos;
    }

    got[got_len] = '\0';
}
