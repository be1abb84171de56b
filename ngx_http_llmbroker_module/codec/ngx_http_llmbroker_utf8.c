
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "codec/ngx_http_llmbroker_token.h"
#include "codec/ngx_http_llmbroker_utf8.h"


/* set in some byte of a word: the word is not all ASCII */
#define NGX_HTTP_LLMBROKER_UTF8_HIGH  0x8080808080808080ULL


/* what is still to come; E0, ED, F0 and F4 narrow the second byte's range */

typedef enum {
    sw_accept = NGX_HTTP_LLMBROKER_UTF8_ACCEPT,
    sw_reject = NGX_HTTP_LLMBROKER_UTF8_REJECT,
    sw_one,
    sw_two,
    sw_three,
    sw_e0,
    sw_ed,
    sw_f0,
    sw_f4
} ngx_http_llmbroker_utf8_state_e;


typedef struct {
    u_char  low;
    u_char  high;
    u_char  next;
} ngx_http_llmbroker_utf8_range_t;


/* RFC 3629, section 4: the state after each first byte, from 0x80 */

static const u_char  ngx_http_llmbroker_utf8_first[128] = {
    1, 1, 1, 1, 1, 1, 1, 1,  1, 1, 1, 1, 1, 1, 1, 1,    /* 80 */
    1, 1, 1, 1, 1, 1, 1, 1,  1, 1, 1, 1, 1, 1, 1, 1,    /* 90 */
    1, 1, 1, 1, 1, 1, 1, 1,  1, 1, 1, 1, 1, 1, 1, 1,    /* a0 */
    1, 1, 1, 1, 1, 1, 1, 1,  1, 1, 1, 1, 1, 1, 1, 1,    /* b0 */
    1, 1, 2, 2, 2, 2, 2, 2,  2, 2, 2, 2, 2, 2, 2, 2,    /* c0 */
    2, 2, 2, 2, 2, 2, 2, 2,  2, 2, 2, 2, 2, 2, 2, 2,    /* d0 */
    5, 3, 3, 3, 3, 3, 3, 3,  3, 3, 3, 3, 3, 6, 3, 3,    /* e0 */
    7, 4, 4, 4, 8, 1, 1, 1,  1, 1, 1, 1, 1, 1, 1, 1     /* f0 */
};


/* the byte that each state allows, and the state after it */

static const ngx_http_llmbroker_utf8_range_t
    ngx_http_llmbroker_utf8_ranges[] =
{
    { 0xff, 0x00, sw_reject },
    { 0xff, 0x00, sw_reject },
    { 0x80, 0xbf, sw_accept },
    { 0x80, 0xbf, sw_one },
    { 0x80, 0xbf, sw_two },
    { 0xa0, 0xbf, sw_one },
    { 0x80, 0x9f, sw_one },
    { 0x90, 0xbf, sw_two },
    { 0x80, 0x8f, sw_two }
};


/* of the characters that begin with each state */

static const u_char  ngx_http_llmbroker_utf8_lengths[] = {
    0, 0, 2, 3, 4, 3, 3, 4, 4
};


#if (NGX_HTTP_LLMBROKER_SSE2)
static ngx_inline ngx_uint_t ngx_http_llmbroker_utf8_threes(u_char *p);
#endif


uint32_t
ngx_http_llmbroker_utf8(uint32_t state, u_char *p, u_char *last)
{
    uint64_t  w;

    while (p < last && state != sw_reject) {

        if (state == sw_accept) {

            while (last - p >= (ssize_t) sizeof(uint64_t)) {
                ngx_memcpy(&w, p, sizeof(uint64_t));

                if ((w & NGX_HTTP_LLMBROKER_UTF8_HIGH) != 0) {
                    break;
                }

                p += sizeof(uint64_t);
            }

            while (p < last && *p < 0x80) {
                p++;
            }
        }

        p = ngx_http_llmbroker_utf8_run(&state, p, last);
    }

    return state;
}


u_char *
ngx_http_llmbroker_utf8_run(uint32_t *state, u_char *p, u_char *last)
{
    uint32_t                                next;
    const ngx_http_llmbroker_utf8_range_t  *range;

    next = *state;

    while (p < last) {

        if (next == sw_accept) {
            p = ngx_http_llmbroker_utf8_whole(p, last);

            if (p == last || *p < 0x80) {
                break;
            }

            next = ngx_http_llmbroker_utf8_first[*p - 0x80];

            if (next == sw_reject) {
                break;
            }

            p++;
            continue;
        }

        range = &ngx_http_llmbroker_utf8_ranges[next];

        if (*p < range->low || *p > range->high) {
            next = sw_reject;
            break;
        }

        next = range->next;
        p++;
    }

    *state = next;

    return p;
}


u_char *
ngx_http_llmbroker_utf8_whole(u_char *p, u_char *last)
{
    size_t                                  len;
    uint32_t                                text, state;
    const ngx_http_llmbroker_utf8_range_t  *range;

#if (NGX_HTTP_LLMBROKER_SSE2)

    while (last - p >= 16 && p[12] >= 0xe0
           && ngx_http_llmbroker_utf8_threes(p))
    {
        p += 15;
    }

#endif

    while (last - p >= 4 && *p >= 0x80) {

        /* three bytes, neither overlong nor a surrogate */

        text = p[0] | p[1] << 8 | p[2] << 16;

        if ((text & 0xc0c0f0) == 0x8080e0) {
            text &= 0x200f;

            if (text == 0x0000 || text == 0x200d) {
                break;
            }

            p += 3;
            continue;
        }

        state = ngx_http_llmbroker_utf8_first[*p - 0x80];

        range = &ngx_http_llmbroker_utf8_ranges[state];
        len = ngx_http_llmbroker_utf8_lengths[state];

        if (p[1] < range->low || p[1] > range->high
            || (len > 2 && (p[2] & 0xc0) != 0x80)
            || (len > 3 && (p[3] & 0xc0) != 0x80))
        {
            break;
        }

        p += len;
    }

    return p;
}


#if (NGX_HTTP_LLMBROKER_SSE2)

/* 1 when five characters of three bytes begin at p, of E0 and ED none */

static ngx_inline ngx_uint_t
ngx_http_llmbroker_utf8_threes(u_char *p)
{
    __m128i  text, bits, narrow;

    text = _mm_loadu_si128((const __m128i *) p);

    bits = _mm_and_si128(text,
                         _mm_setr_epi8(0xf0, 0xc0, 0xc0, 0xf0, 0xc0, 0xc0,
                                       0xf0, 0xc0, 0xc0, 0xf0, 0xc0, 0xc0,
                                       0xf0, 0xc0, 0xc0, 0));
    bits = _mm_cmpeq_epi8(bits,
                          _mm_setr_epi8(0xe0, 0x80, 0x80, 0xe0, 0x80, 0x80,
                                        0xe0, 0x80, 0x80, 0xe0, 0x80, 0x80,
                                        0xe0, 0x80, 0x80, 0));

    narrow = _mm_or_si128(_mm_cmpeq_epi8(text, _mm_set1_epi8(0xe0)),
                          _mm_cmpeq_epi8(text, _mm_set1_epi8(0xed)));

    return (_mm_movemask_epi8(_mm_andnot_si128(narrow, bits)) & 0x7fff)
           == 0x7fff;
}

#endif


u_char *
ngx_http_llmbroker_utf8_write(u_char *p, uint32_t code)
{
    if (code < 0x80) {
        *p++ = (u_char) code;
        return p;
    }

    if (code < 0x800) {
        *p++ = (u_char) (0xc0 | (code >> 6));
        *p++ = (u_char) (0x80 | (code & 0x3f));
        return p;
    }

    if (code < 0x10000) {
        *p++ = (u_char) (0xe0 | (code >> 12));
        *p++ = (u_char) (0x80 | ((code >> 6) & 0x3f));
        *p++ = (u_char) (0x80 | (code & 0x3f));
        return p;
    }

    *p++ = (u_char) (0xf0 | (code >> 18));
    *p++ = (u_char) (0x80 | ((code >> 12) & 0x3f));
    *p++ = (u_char) (0x80 | ((code >> 6) & 0x3f));
    *p++ = (u_char) (0x80 | (code & 0x3f));

    return p;
}
