
/*
 * The tokens of JSON (RFC 8259) that lie in memory as a whole.
 */


#ifndef _NGX_HTTP_LLMBROKER_TOKEN_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_TOKEN_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* 16 bytes are looked at together; elsewhere words are */

#if (defined __SSE2__ && !defined NGX_HTTP_LLMBROKER_NO_SSE2)

#include <emmintrin.h>

#define NGX_HTTP_LLMBROKER_SSE2  1

#endif


#define ngx_http_llmbroker_token_space(ch)                                    \
    ((ch) == ' ' || (ch) == LF || (ch) == CR || (ch) == '\t')

#define ngx_http_llmbroker_token_digit(ch)  ((ch) >= '0' && (ch) <= '9')


/*
 * Goes through the plain characters of a string.
 * Return: the first quote, backslash, control byte or byte beyond ASCII, else
 * last.
 */
static ngx_inline u_char *ngx_http_llmbroker_token_plain(u_char *p,
    u_char *last);

/* the same; most strings are short, and end before it is called */
u_char *ngx_http_llmbroker_token_long(u_char *p, u_char *last);

/*
 * Goes through all characters that lie there as a whole, in ASCII, UTF-8 or
 * escaped.
 * Return: the first quote, control byte, invalid or cut character, or backslash
 * of an escape that is invalid, cut, zero or a surrogate, else last.
 */
u_char *ngx_http_llmbroker_token_text(u_char *p, u_char *last);

/*
 * A string, from the byte behind the quote that begins it; it must be valid
 * UTF-8.
 *
 * escaped:  set to 1 when it has a backslash, otherwise to 0
 *
 * Return: the quote that ends it, NULL when the string is none or is cut.
 */
u_char *ngx_http_llmbroker_token_string(u_char *p, u_char *last,
    ngx_uint_t *escaped);

/* Return: the byte behind the number at p, NULL when there is none. */
u_char *ngx_http_llmbroker_token_number(u_char *p, u_char *last);


#if (NGX_HTTP_LLMBROKER_SSE2)

/*
 * A bit for each of the 16 bytes at p that token_plain() stops at.  With bit 1
 * turned over the quote is next to the control bytes, 0 .. 0x20, and what is
 * beyond ASCII is negative.
 */

static ngx_inline uint64_t
ngx_http_llmbroker_token_stops(u_char *p)
{
    __m128i  text, low, backslash;

    text = _mm_loadu_si128((const __m128i *) p);

    low = _mm_subs_epi8(_mm_xor_si128(text, _mm_set1_epi8(0x02)),
                        _mm_set1_epi8(0x21));
    backslash = _mm_cmpeq_epi8(text, _mm_set1_epi8('\\'));

    return (uint32_t) _mm_movemask_epi8(_mm_or_si128(low, backslash));
}

#endif


static ngx_inline u_char *
ngx_http_llmbroker_token_plain(u_char *p, u_char *last)
{
#if (NGX_HTTP_LLMBROKER_SSE2)

    uint64_t  stops;

    if (last - p >= 16) {
        stops = ngx_http_llmbroker_token_stops(p);

        if (stops != 0) {
            return p + __builtin_ctzll(stops);
        }

        p += 16;
    }

#endif

    return ngx_http_llmbroker_token_long(p, last);
}


#endif /* _NGX_HTTP_LLMBROKER_TOKEN_H_INCLUDED_ */
