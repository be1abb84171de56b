
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "codec/ngx_http_llmbroker_scan.h"
#include "codec/ngx_http_llmbroker_utf8.h"


#define ngx_http_llmbroker_scan_bytes(b)  (0x0101010101010101ULL * (b))

#define ngx_http_llmbroker_scan_space(ch)                                     \
    ((ch) == ' ' || (ch) == LF || (ch) == CR || (ch) == '\t')

#define ngx_http_llmbroker_scan_digit(ch)  ((ch) >= '0' && (ch) <= '9')

#define ngx_http_llmbroker_scan_high(code)  (((code) & 0xfc00) == 0xd800)
#define ngx_http_llmbroker_scan_low(code)   (((code) & 0xfc00) == 0xdc00)


/* the order matters: the classes of states are told apart by ranges */

typedef enum {
    sw_value = 0,
    sw_first_value,
    sw_first_key,
    sw_key,
    sw_colon,
    sw_next,

    sw_literal,

    sw_minus,
    sw_zero,
    sw_integer,
    sw_point,
    sw_fraction,
    sw_exponent,
    sw_exponent_sign,
    sw_exponent_digits,

    sw_string,
    sw_escape,
    sw_hex,

    sw_failed
} ngx_http_llmbroker_scan_state_e;


static u_char *ngx_http_llmbroker_scan_structure(ngx_http_llmbroker_scan_t *s,
    u_char *p, u_char *last);
static u_char *ngx_http_llmbroker_scan_value(ngx_http_llmbroker_scan_t *s,
    u_char *p, u_char *last);
static ngx_int_t ngx_http_llmbroker_scan_begin(ngx_http_llmbroker_scan_t *s,
    u_char ch, ngx_http_llmbroker_json_type_e *type);
static u_char *ngx_http_llmbroker_scan_open(ngx_http_llmbroker_scan_t *s,
    u_char *p, ngx_uint_t object);
static u_char *ngx_http_llmbroker_scan_close(ngx_http_llmbroker_scan_t *s,
    u_char *p);
static u_char *ngx_http_llmbroker_scan_key(ngx_http_llmbroker_scan_t *s,
    u_char *p, u_char *last);
static u_char *ngx_http_llmbroker_scan_colon(ngx_http_llmbroker_scan_t *s,
    u_char *p, u_char *last);
static u_char *ngx_http_llmbroker_scan_literal(ngx_http_llmbroker_scan_t *s,
    u_char *p, u_char *last);
static u_char *ngx_http_llmbroker_scan_number(ngx_http_llmbroker_scan_t *s,
    u_char *p, u_char *last);
static u_char *ngx_http_llmbroker_scan_string(ngx_http_llmbroker_scan_t *s,
    u_char *p, u_char *last);
static u_char *ngx_http_llmbroker_scan_plain(ngx_http_llmbroker_scan_t *s,
    u_char *p, u_char *last);
static u_char *ngx_http_llmbroker_scan_skip(u_char *p, u_char *last);
static u_char *ngx_http_llmbroker_scan_escape(ngx_http_llmbroker_scan_t *s,
    u_char *p);
static u_char ngx_http_llmbroker_scan_decode(u_char ch);
static u_char *ngx_http_llmbroker_scan_hex(ngx_http_llmbroker_scan_t *s,
    u_char *p, u_char *last);
static u_char *ngx_http_llmbroker_scan_unicode(ngx_http_llmbroker_scan_t *s,
    u_char *p);
static u_char *ngx_http_llmbroker_scan_lone(ngx_http_llmbroker_scan_t *s,
    u_char *p, off_t back);
static void ngx_http_llmbroker_scan_name(ngx_http_llmbroker_scan_t *s,
    u_char *p, u_char *last);
static void ngx_http_llmbroker_scan_name_code(ngx_http_llmbroker_scan_t *s,
    uint32_t code);
static void ngx_http_llmbroker_scan_cut(ngx_str_t *name);
static u_char *ngx_http_llmbroker_scan_scalar(ngx_http_llmbroker_scan_t *s,
    u_char *p);
static u_char *ngx_http_llmbroker_scan_report(ngx_http_llmbroker_scan_t *s,
    u_char *p, ngx_str_t *text);
static void ngx_http_llmbroker_scan_carry(ngx_http_llmbroker_scan_t *s,
    u_char *last);
static void ngx_http_llmbroker_scan_advance(ngx_http_llmbroker_scan_t *s,
    u_char *p);
static u_char *ngx_http_llmbroker_scan_fail(ngx_http_llmbroker_scan_t *s,
    u_char *p, off_t back, const char *error);


void
ngx_http_llmbroker_scan_init(ngx_http_llmbroker_scan_t *s, ngx_uint_t flags,
    ngx_uint_t report, ngx_http_llmbroker_scan_pt handler, void *data)
{
    ngx_uint_t  i;

    /*
     * A stream's event is shorter than this structure, so that what a level
     * says is set when it opens and its values begin, and not here.
     */

    s->flags = flags;
    s->report = (handler != NULL)
                ? ngx_min(report, NGX_HTTP_LLMBROKER_SCAN_MAX_REPORT) : 0;
    s->handler = handler;
    s->data = data;

    s->offset = 0;
    s->error = NULL;

    for (i = 0; i <= NGX_HTTP_LLMBROKER_SCAN_MAX_REPORT; i++) {
        s->level[i].key.len = 0;
        s->level[i].key.data = s->level[i].name;
    }

    s->state = sw_value;
    s->depth = 0;
    s->objects = 0;
    s->count = 0;
    s->utf8 = NGX_HTTP_LLMBROKER_UTF8_ACCEPT;
    s->code = 0;
    s->high = 0;
    s->in_key = 0;
    s->overflow = 0;
    s->no_memory = 0;
    s->len = 0;
}


ngx_int_t
ngx_http_llmbroker_scan(ngx_http_llmbroker_scan_t *s, u_char *p, u_char *last)
{
    if (s->state == sw_failed) {
        return s->no_memory ? NGX_ERROR : NGX_DECLINED;
    }

    if (p == last) {
        return NGX_OK;
    }

    s->piece = p;
    s->token = p;

    while (p < last) {

        if (s->state <= sw_next) {
            p = ngx_http_llmbroker_scan_structure(s, p, last);

        } else if (s->state >= sw_string) {
            p = ngx_http_llmbroker_scan_string(s, p, last);

        } else if (s->state >= sw_minus) {
            p = ngx_http_llmbroker_scan_number(s, p, last);

        } else {
            p = ngx_http_llmbroker_scan_literal(s, p, last);
        }

        if (p == NULL) {
            return s->no_memory ? NGX_ERROR : NGX_DECLINED;
        }
    }

    ngx_http_llmbroker_scan_carry(s, last);
    ngx_http_llmbroker_scan_advance(s, last);

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_scan_end(ngx_http_llmbroker_scan_t *s)
{
    if (s->state == sw_failed) {
        return NGX_DECLINED;
    }

    if (s->depth == 0) {

        switch (s->state) {

        case sw_next:
        case sw_zero:
        case sw_integer:
        case sw_fraction:
        case sw_exponent_digits:
            return NGX_OK;

        default:
            break;
        }
    }

    s->state = sw_failed;
    s->error = "truncated";

    return NGX_DECLINED;
}


u_char *
ngx_http_llmbroker_scan_text(u_char *p, u_char *last)
{
    while (p < last) {
        p = ngx_http_llmbroker_scan_skip(p, last);

        if (p == last) {
            break;
        }

        if (*p == '"') {
            return p;
        }

        if (*p >= 0x80) {
            p++;

        } else if (*p == '\\' && last - p > 1
                   && ngx_http_llmbroker_scan_decode(p[1]) != 0)
        {
            p += 2;

        } else {
            break;
        }
    }

    return NULL;
}


static u_char *
ngx_http_llmbroker_scan_structure(ngx_http_llmbroker_scan_t *s, u_char *p,
    u_char *last)
{
    ngx_uint_t  object;

    while (*p <= ' ' && ngx_http_llmbroker_scan_space(*p)) {
        if (++p == last) {
            return p;
        }
    }

    switch (s->state) {

    case sw_first_value:
        if (*p == ']') {
            return ngx_http_llmbroker_scan_close(s, p);
        }

        /* fall through */

    case sw_value:
        return ngx_http_llmbroker_scan_value(s, p, last);

    case sw_first_key:
        if (*p == '}') {
            return ngx_http_llmbroker_scan_close(s, p);
        }

        /* fall through */

    case sw_key:
        if (*p == '"') {
            return ngx_http_llmbroker_scan_key(s, p, last);
        }

        break;

    case sw_colon:
        if (*p == ':') {
            s->state = sw_value;
            return p + 1;
        }

        break;

    default: /* sw_next */

        if (s->depth == 0) {
            break;
        }

        object = (s->objects >> (s->depth - 1)) & 1;

        if (*p == ',') {
            s->state = object ? sw_key : sw_value;

            if (s->depth <= s->report) {
                s->level[s->depth].index++;
            }

            return p + 1;
        }

        if (*p == (object ? '}' : ']')) {
            return ngx_http_llmbroker_scan_close(s, p);
        }

        break;
    }

    return ngx_http_llmbroker_scan_fail(s, p, 0, "unexpected character");
}


static u_char *
ngx_http_llmbroker_scan_value(ngx_http_llmbroker_scan_t *s, u_char *p,
    u_char *last)
{
    ngx_http_llmbroker_scan_level_t  *level;
    ngx_http_llmbroker_json_type_e    type;

    if (ngx_http_llmbroker_scan_begin(s, *p, &type) != NGX_OK) {
        return ngx_http_llmbroker_scan_fail(s, p, 0, "unexpected character");
    }

    if (s->depth == 0 && type != NGX_HTTP_LLMBROKER_JSON_OBJECT
        && (s->flags & NGX_HTTP_LLMBROKER_SCAN_OBJECT))
    {
        return ngx_http_llmbroker_scan_fail(s, p, 0, "not an object");
    }

    if (s->depth <= s->report) {
        level = &s->level[s->depth];
        level->type = type;
        level->start = s->offset + (p - s->piece);

        if (s->depth > 0 && ((s->objects >> (s->depth - 1)) & 1) == 0) {
            level->key_start = level->start;
        }
    }

    if (type >= NGX_HTTP_LLMBROKER_JSON_ARRAY) {
        return ngx_http_llmbroker_scan_open(s, p,
                                     type == NGX_HTTP_LLMBROKER_JSON_OBJECT);
    }

    s->token = p;
    s->len = 0;
    s->overflow = 0;

    if (type != NGX_HTTP_LLMBROKER_JSON_STRING) {
        return p + 1;
    }

    /* most strings are plain and lie in one piece */

    p = ngx_http_llmbroker_scan_skip(p + 1, last);

    return (p < last && *p == '"') ? ngx_http_llmbroker_scan_scalar(s, p + 1)
                                   : p;
}


static ngx_int_t
ngx_http_llmbroker_scan_begin(ngx_http_llmbroker_scan_t *s, u_char ch,
    ngx_http_llmbroker_json_type_e *type)
{
    switch (ch) {

    case '"':
        s->state = sw_string;
        *type = NGX_HTTP_LLMBROKER_JSON_STRING;
        return NGX_OK;

    case '{':
        *type = NGX_HTTP_LLMBROKER_JSON_OBJECT;
        return NGX_OK;

    case '[':
        *type = NGX_HTTP_LLMBROKER_JSON_ARRAY;
        return NGX_OK;

    case 't':
        s->state = sw_literal;
        s->literal = (u_char *) "rue";
        *type = NGX_HTTP_LLMBROKER_JSON_BOOL;
        return NGX_OK;

    case 'f':
        s->state = sw_literal;
        s->literal = (u_char *) "alse";
        *type = NGX_HTTP_LLMBROKER_JSON_BOOL;
        return NGX_OK;

    case 'n':
        s->state = sw_literal;
        s->literal = (u_char *) "ull";
        *type = NGX_HTTP_LLMBROKER_JSON_NULL;
        return NGX_OK;

    default:
        break;
    }

    *type = NGX_HTTP_LLMBROKER_JSON_NUMBER;

    if (ngx_http_llmbroker_scan_digit(ch)) {
        s->state = (ch == '0') ? sw_zero : sw_integer;
        return NGX_OK;
    }

    if (ch == '-') {
        s->state = sw_minus;
        return NGX_OK;
    }

    return NGX_DECLINED;
}


static u_char *
ngx_http_llmbroker_scan_open(ngx_http_llmbroker_scan_t *s, u_char *p,
    ngx_uint_t object)
{
    ngx_http_llmbroker_scan_level_t  *level;

    if (s->depth == NGX_HTTP_LLMBROKER_SCAN_MAX_DEPTH) {
        return ngx_http_llmbroker_scan_fail(s, p, 0, "nesting is too deep");
    }

    if (object) {
        s->objects |= (uint64_t) 1 << s->depth;
        s->state = sw_first_key;

    } else {
        s->objects &= ~((uint64_t) 1 << s->depth);
        s->state = sw_first_value;
    }

    s->depth++;

    if (s->depth <= s->report) {
        level = &s->level[s->depth];
        level->index = 0;
        level->key.len = 0;
        level->long_key = 0;
    }

    return p + 1;
}


static u_char *
ngx_http_llmbroker_scan_close(ngx_http_llmbroker_scan_t *s, u_char *p)
{
    ngx_str_t  text;

    s->depth--;

    ngx_str_null(&text);

    return ngx_http_llmbroker_scan_report(s, p + 1, &text);
}


static u_char *
ngx_http_llmbroker_scan_key(ngx_http_llmbroker_scan_t *s, u_char *p,
    u_char *last)
{
    u_char                           *start;
    ngx_http_llmbroker_scan_level_t  *level;

    s->in_key = 1;
    s->state = sw_string;

    if (s->depth <= s->report) {
        level = &s->level[s->depth];
        level->key.len = 0;
        level->long_key = 0;
        level->key_start = s->offset + (p - s->piece);
    }

    start = p + 1;
    p = ngx_http_llmbroker_scan_skip(start, last);

    ngx_http_llmbroker_scan_name(s, start, p);

    return (p < last && *p == '"') ? ngx_http_llmbroker_scan_colon(s, p, last)
                                   : p;
}


/* p is the quote behind a key */

static u_char *
ngx_http_llmbroker_scan_colon(ngx_http_llmbroker_scan_t *s, u_char *p,
    u_char *last)
{
    s->in_key = 0;
    s->state = sw_colon;

    if (++p < last && *p == ':') {
        s->state = sw_value;
        p++;
    }

    return p;
}


static u_char *
ngx_http_llmbroker_scan_literal(ngx_http_llmbroker_scan_t *s, u_char *p,
    u_char *last)
{
    for ( /* void */ ; p < last; p++) {

        if (*s->literal == '\0') {
            break;
        }

        if (*p != *s->literal) {
            return ngx_http_llmbroker_scan_fail(s, p, 0,
                                                "unexpected character");
        }

        s->literal++;
    }

    if (*s->literal != '\0') {
        return p;
    }

    return ngx_http_llmbroker_scan_scalar(s, p);
}


static u_char *
ngx_http_llmbroker_scan_number(ngx_http_llmbroker_scan_t *s, u_char *p,
    u_char *last)
{
    u_char      ch;
    ngx_uint_t  state;

    state = s->state;

    for ( /* void */ ; p < last; p++) {
        ch = *p;

        switch (state) {

        case sw_minus:
            if (!ngx_http_llmbroker_scan_digit(ch)) {
                goto failed;
            }

            state = (ch == '0') ? sw_zero : sw_integer;
            break;

        case sw_integer:
            if (ngx_http_llmbroker_scan_digit(ch)) {
                break;
            }

            /* fall through */

        case sw_zero:
            if (ch == '.') {
                state = sw_point;
                break;
            }

            if (ch == 'e' || ch == 'E') {
                state = sw_exponent;
                break;
            }

            return ngx_http_llmbroker_scan_scalar(s, p);

        case sw_point:
            if (!ngx_http_llmbroker_scan_digit(ch)) {
                goto failed;
            }

            state = sw_fraction;
            break;

        case sw_fraction:
            if (ngx_http_llmbroker_scan_digit(ch)) {
                break;
            }

            if (ch == 'e' || ch == 'E') {
                state = sw_exponent;
                break;
            }

            return ngx_http_llmbroker_scan_scalar(s, p);

        case sw_exponent:
            if (ch == '+' || ch == '-') {
                state = sw_exponent_sign;
                break;
            }

            /* fall through */

        case sw_exponent_sign:
            if (!ngx_http_llmbroker_scan_digit(ch)) {
                goto failed;
            }

            state = sw_exponent_digits;
            break;

        default: /* sw_exponent_digits */
            if (ngx_http_llmbroker_scan_digit(ch)) {
                break;
            }

            return ngx_http_llmbroker_scan_scalar(s, p);
        }
    }

    s->state = state;

    return p;

failed:

    return ngx_http_llmbroker_scan_fail(s, p, 0, "unexpected character");
}


static u_char *
ngx_http_llmbroker_scan_string(ngx_http_llmbroker_scan_t *s, u_char *p,
    u_char *last)
{
    while (p != NULL && p < last) {

        if (s->state == sw_escape) {
            p = ngx_http_llmbroker_scan_escape(s, p);
            continue;
        }

        if (s->state == sw_hex) {
            p = ngx_http_llmbroker_scan_hex(s, p, last);
            continue;
        }

        if (s->high == 0) {
            p = ngx_http_llmbroker_scan_plain(s, p, last);

            if (p == NULL || p == last) {
                break;
            }
        }

        if (*p == '\\') {
            s->state = sw_escape;
            p++;
            continue;
        }

        if (s->high != 0) {
            p = ngx_http_llmbroker_scan_lone(s, p, 6);
            continue;
        }

        /* *p == '"' */

        if (!s->in_key) {
            return ngx_http_llmbroker_scan_scalar(s, p + 1);
        }

        return ngx_http_llmbroker_scan_colon(s, p, last);
    }

    return p;
}


/* the return value points at a quote, at a backslash or is last */

static u_char *
ngx_http_llmbroker_scan_plain(ngx_http_llmbroker_scan_t *s, u_char *p,
    u_char *last)
{
    u_char  *start;

    for (start = p; p < last; /* void */ ) {

        if (s->utf8 == NGX_HTTP_LLMBROKER_UTF8_ACCEPT) {
            p = ngx_http_llmbroker_scan_skip(p, last);

            if (p == last || *p == '"') {
                break;
            }

            if (*p == '\\') {

                /* names are decoded, so that they need each escape alone */

                if (s->in_key || last - p == 1
                    || ngx_http_llmbroker_scan_decode(p[1]) == 0)
                {
                    break;
                }

                p += 2;
                continue;
            }

            if (*p < 0x20) {
                return ngx_http_llmbroker_scan_fail(s, p, 0,
                                              "control character in a string");
            }
        }

        if ((s->flags & NGX_HTTP_LLMBROKER_SCAN_UTF8) == 0) {
            p++;
            continue;
        }

        p = ngx_http_llmbroker_utf8_run(&s->utf8, p, last);

        if (s->utf8 == NGX_HTTP_LLMBROKER_UTF8_REJECT) {
            return ngx_http_llmbroker_scan_fail(s, p, 0, "invalid utf-8");
        }
    }

    ngx_http_llmbroker_scan_name(s, start, p);

    return p;
}


/*
 * The first quote, backslash, control byte or byte beyond ASCII, else last.
 * Prompts are long strings, so eight bytes are looked at together: the high
 * bit of a byte of "stop" is set for each such byte.  A borrow can raise a
 * false alarm, but only in a byte above a true one.
 */

static u_char *
ngx_http_llmbroker_scan_skip(u_char *p, u_char *last)
{
    uint64_t  w, stop;

    while (last - p >= (ssize_t) sizeof(uint64_t)) {
        ngx_memcpy(&w, p, sizeof(uint64_t));

        stop = (w ^ ngx_http_llmbroker_scan_bytes('"'))
               - ngx_http_llmbroker_scan_bytes(0x01);
        stop |= (w ^ ngx_http_llmbroker_scan_bytes('\\'))
                - ngx_http_llmbroker_scan_bytes(0x01);
        stop |= w - ngx_http_llmbroker_scan_bytes(0x20);
        stop |= w;
        stop &= ngx_http_llmbroker_scan_bytes(0x80);

        if (stop != 0) {
#if (NGX_HAVE_LITTLE_ENDIAN && defined __GNUC__)
            return p + __builtin_ctzll(stop) / 8;
#else
            break;
#endif
        }

        p += sizeof(uint64_t);
    }

    while (p < last && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\') {
        p++;
    }

    return p;
}


static u_char *
ngx_http_llmbroker_scan_escape(ngx_http_llmbroker_scan_t *s, u_char *p)
{
    u_char  ch;

    if (*p == 'u') {
        s->state = sw_hex;
        s->code = 0;
        s->count = 0;
        return p + 1;
    }

    if (s->high != 0) {
        return ngx_http_llmbroker_scan_lone(s, p, 7);
    }

    ch = ngx_http_llmbroker_scan_decode(*p);

    if (ch == 0) {
        return ngx_http_llmbroker_scan_fail(s, p, 0, "invalid escape");
    }

    s->state = sw_string;
    ngx_http_llmbroker_scan_name(s, &ch, &ch + 1);

    return p + 1;
}


/* the byte that a backslash and ch stand for, or 0 */

static u_char
ngx_http_llmbroker_scan_decode(u_char ch)
{
    switch (ch) {

    case '"':
    case '\\':
    case '/':
        return ch;

    case 'b':
        return '\b';

    case 'f':
        return '\f';

    case 'n':
        return LF;

    case 'r':
        return CR;

    case 't':
        return '\t';

    default:
        return 0;
    }
}


static u_char *
ngx_http_llmbroker_scan_hex(ngx_http_llmbroker_scan_t *s, u_char *p,
    u_char *last)
{
    u_char  ch;

    for ( /* void */ ; p < last; p++) {

        if (ngx_http_llmbroker_scan_digit(*p)) {
            ch = *p - '0';

        } else {
            ch = (u_char) (*p | 0x20);

            if (ch < 'a' || ch > 'f') {
                return ngx_http_llmbroker_scan_fail(s, p, 0, "invalid escape");
            }

            ch = ch - 'a' + 10;
        }

        s->code = (s->code << 4) | ch;

        if (++s->count == 4) {
            s->state = sw_string;
            return ngx_http_llmbroker_scan_unicode(s, p);
        }
    }

    return p;
}


/* p is the last digit of an escape; the errors are at its backslash */

static u_char *
ngx_http_llmbroker_scan_unicode(ngx_http_llmbroker_scan_t *s, u_char *p)
{
    uint32_t  code;

    code = s->code;

    if (s->high != 0 && !ngx_http_llmbroker_scan_low(code)) {

        if (ngx_http_llmbroker_scan_lone(s, p, 11) == NULL) {
            return NULL;
        }
    }

    if (ngx_http_llmbroker_scan_high(code)) {
        s->high = code;
        return p + 1;
    }

    if (ngx_http_llmbroker_scan_low(code)) {

        if (s->high == 0) {

            if (ngx_http_llmbroker_scan_lone(s, p, 5) == NULL) {
                return NULL;
            }

            return p + 1;
        }

        code = 0x10000 + ((s->high & 0x3ff) << 10) + (code & 0x3ff);
        s->high = 0;
    }

    if (code == 0 && (s->flags & NGX_HTTP_LLMBROKER_SCAN_ESCAPES)) {
        return ngx_http_llmbroker_scan_fail(s, p, 5, "zero character");
    }

    ngx_http_llmbroker_scan_name_code(s, code);

    return p + 1;
}


/* the surrogate's escape began "back" bytes before p, maybe in another piece */

static u_char *
ngx_http_llmbroker_scan_lone(ngx_http_llmbroker_scan_t *s, u_char *p,
    off_t back)
{
    if (s->flags & NGX_HTTP_LLMBROKER_SCAN_ESCAPES) {
        return ngx_http_llmbroker_scan_fail(s, p, back, "lone surrogate");
    }

    s->high = 0;
    ngx_http_llmbroker_scan_name_code(s, 0xfffd);

    return p;
}


static void
ngx_http_llmbroker_scan_name(ngx_http_llmbroker_scan_t *s, u_char *p,
    u_char *last)
{
    size_t                            room;
    ngx_http_llmbroker_scan_level_t  *level;

    if (!s->in_key || s->depth > s->report) {
        return;
    }

    level = &s->level[s->depth];

    if (level->long_key) {
        return;
    }

    room = NGX_HTTP_LLMBROKER_SCAN_TEXT - 1 - level->key.len;

    if ((size_t) (last - p) > room) {
        last = p + room;
        level->long_key = 1;
    }

    ngx_memcpy(level->name + level->key.len, p, last - p);
    level->key.len += last - p;

    if (level->long_key) {
        ngx_http_llmbroker_scan_cut(&level->key);
    }
}


static void
ngx_http_llmbroker_scan_name_code(ngx_http_llmbroker_scan_t *s, uint32_t code)
{
    u_char  *last, text[4];

    last = ngx_http_llmbroker_utf8_write(text, code);

    ngx_http_llmbroker_scan_name(s, text, last);
}


/* takes a character away that the cut went through */

static void
ngx_http_llmbroker_scan_cut(ngx_str_t *name)
{
    size_t   len;
    u_char  *p, *last;

    last = name->data + name->len;
    p = last;

    while (p > name->data && last - p < 4 && (p[-1] & 0xc0) == 0x80) {
        p--;
    }

    if (p == name->data || p[-1] < 0xc0) {
        return;
    }

    p--;
    len = (*p >= 0xf0) ? 4 : (*p >= 0xe0) ? 3 : 2;

    if ((size_t) (last - p) < len) {
        name->len = p - name->data;
    }
}


/* p is the byte after a scalar */

static u_char *
ngx_http_llmbroker_scan_scalar(ngx_http_llmbroker_scan_t *s, u_char *p)
{
    ngx_str_t  text;

    if (s->depth == 0 || s->depth > s->report) {
        s->state = sw_next;
        return p;
    }

    if (s->len == 0 && !s->overflow) {
        text.data = s->token;
        text.len = p - s->token;
        return ngx_http_llmbroker_scan_report(s, p, &text);
    }

    ngx_http_llmbroker_scan_carry(s, p);

    if (s->overflow) {
        ngx_str_null(&text);

    } else {
        text.data = s->text;
        text.len = s->len;
    }

    return ngx_http_llmbroker_scan_report(s, p, &text);
}


static u_char *
ngx_http_llmbroker_scan_report(ngx_http_llmbroker_scan_t *s, u_char *p,
    ngx_str_t *text)
{
    ngx_int_t  rc;

    s->state = sw_next;

    if (s->depth == 0 || s->depth > s->report) {
        return p;
    }

    ngx_http_llmbroker_scan_advance(s, p);

    rc = s->handler(s, s->depth, s->offset, text);

    if (rc == NGX_OK) {
        return p;
    }

    s->state = sw_failed;

    if (rc == NGX_ERROR) {
        s->no_memory = 1;
        s->error = "no memory";

    } else if (s->error == NULL) {
        s->error = "refused";
    }

    return NULL;
}


/* a piece ends: keeps what it holds of a scalar that is to be reported */

static void
ngx_http_llmbroker_scan_carry(ngx_http_llmbroker_scan_t *s, u_char *last)
{
    size_t  n;

    if (s->state <= sw_next || s->in_key
        || s->depth == 0 || s->depth > s->report || s->overflow)
    {
        return;
    }

    n = last - s->token;

    if (s->len + n > NGX_HTTP_LLMBROKER_SCAN_TEXT) {
        s->overflow = 1;
        return;
    }

    ngx_memcpy(s->text + s->len, s->token, n);
    s->len += n;
}


static void
ngx_http_llmbroker_scan_advance(ngx_http_llmbroker_scan_t *s, u_char *p)
{
    s->offset += p - s->piece;
    s->piece = p;
}


static u_char *
ngx_http_llmbroker_scan_fail(ngx_http_llmbroker_scan_t *s, u_char *p,
    off_t back, const char *error)
{
    ngx_http_llmbroker_scan_advance(s, p);

    s->offset -= back;
    s->error = error;
    s->state = sw_failed;

    return NULL;
}
