
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>

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

    for ( /* void */ ; p < last; p++) {

        if (next == sw_accept) {

            if (*p < 0x80) {
                break;
            }

            next = ngx_http_llmbroker_utf8_first[*p - 0x80];

            if (next == sw_reject) {
                break;
            }

            /* most of the world's text beyond Latin: three bytes at a time */

            if (next == sw_two && last - p > 2
                && (p[1] & 0xc0) == 0x80 && (p[2] & 0xc0) == 0x80)
            {
                next = sw_accept;
                p += 2;
            }

            continue;
        }

        range = &ngx_http_llmbroker_utf8_ranges[next];

        if (*p < range->low || *p > range->high) {
            next = sw_reject;
            break;
        }

        next = range->next;
    }

    *state = next;

    return p;
}


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
