
/*
 * Copyright (C) LLMBroker contributors
 *
 * The scanner but for the strings that it cannot go through at once, which
 * ..._scan_string.c reads.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "codec/ngx_http_llmbroker_scan.h"
#include "codec/ngx_http_llmbroker_scan_string.h"
#include "codec/ngx_http_llmbroker_token.h"
#include "codec/ngx_http_llmbroker_utf8.h"


/* the offset of the byte at p */
#define ngx_http_llmbroker_scan_at(s, p)                                      \
    ((s)->base + (off_t) (uintptr_t) (p))


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

    sw_failed
} ngx_http_llmbroker_scan_state_e;


static u_char *ngx_http_llmbroker_scan_structure(ngx_http_llmbroker_scan_t *s,
    u_char *p, u_char *last);
static ngx_inline ngx_int_t ngx_http_llmbroker_scan_blanks(u_char **p,
    u_char *last);
static ngx_inline u_char *ngx_http_llmbroker_scan_key(
    ngx_http_llmbroker_scan_t *s, u_char *p, u_char *last);
static ngx_inline u_char *ngx_http_llmbroker_scan_value(
    ngx_http_llmbroker_scan_t *s, u_char *p, u_char *last);
static ngx_inline u_char *ngx_http_llmbroker_scan_begin(
    ngx_http_llmbroker_scan_t *s, u_char *p, u_char *last,
    ngx_http_llmbroker_json_type_e *type);
static ngx_inline u_char *ngx_http_llmbroker_scan_word(
    ngx_http_llmbroker_scan_t *s, u_char *p, u_char *last, const char *word,
    size_t len);
static ngx_inline u_char *ngx_http_llmbroker_scan_after(
    ngx_http_llmbroker_scan_t *s, u_char *p);
static u_char *ngx_http_llmbroker_scan_open(ngx_http_llmbroker_scan_t *s,
    u_char *p);
static u_char *ngx_http_llmbroker_scan_close(ngx_http_llmbroker_scan_t *s,
    u_char *p);
static u_char *ngx_http_llmbroker_scan_literal(ngx_http_llmbroker_scan_t *s,
    u_char *p, u_char *last);
static u_char *ngx_http_llmbroker_scan_number(ngx_http_llmbroker_scan_t *s,
    u_char *p, u_char *last);
static u_char *ngx_http_llmbroker_scan_end_string(ngx_http_llmbroker_scan_t *s,
    u_char *p, u_char *last);
static u_char *ngx_http_llmbroker_scan_scalar(ngx_http_llmbroker_scan_t *s,
    u_char *p);
static u_char *ngx_http_llmbroker_scan_report(ngx_http_llmbroker_scan_t *s,
    u_char *p, ngx_str_t *text);
static void ngx_http_llmbroker_scan_carry(ngx_http_llmbroker_scan_t *s,
    u_char *last);


void
ngx_http_llmbroker_scan_init(ngx_http_llmbroker_scan_t *s, ngx_uint_t flags,
    ngx_uint_t report, ngx_http_llmbroker_scan_pt handler, void *data)
{
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

    s->state = sw_value;
    s->depth = 0;
    s->top = s->level;
    s->object = 0;
    s->objects = 0;
    s->escape = 0;
    s->utf8 = NGX_HTTP_LLMBROKER_UTF8_ACCEPT;
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

    s->base = s->offset - (off_t) (uintptr_t) p;
    s->token = p;

    while (p < last) {

        if (s->state <= sw_next) {
            p = ngx_http_llmbroker_scan_structure(s, p, last);

        } else if (s->state == sw_string) {
            p = ngx_http_llmbroker_scan_end_string(s, p, last);

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
    s->offset = ngx_http_llmbroker_scan_at(s, last);

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


/*
 * The tokens that lie in this piece as a whole, which are nearly all.  The
 * states follow one another, so that a member takes one turn.
 */

static u_char *
ngx_http_llmbroker_scan_structure(ngx_http_llmbroker_scan_t *s, u_char *p,
    u_char *last)
{
    while (s->state <= sw_next) {

        if (ngx_http_llmbroker_scan_blanks(&p, last) == NGX_DONE) {
            break;
        }

        switch (s->state) {

        case sw_first_key:
            if (*p == '}') {
                p = ngx_http_llmbroker_scan_close(s, p);
                break;
            }

            /* fall through */

        case sw_key:
            if (*p != '"') {
                return ngx_http_llmbroker_scan_fail(s, p, 0,
                                                "unexpected character");
            }

            p = ngx_http_llmbroker_scan_key(s, p, last);

            if (s->state != sw_colon
                || ngx_http_llmbroker_scan_blanks(&p, last) == NGX_DONE)
            {
                break;
            }

            /* fall through */

        case sw_colon:
            if (*p != ':') {
                return ngx_http_llmbroker_scan_fail(s, p, 0,
                                                "unexpected character");
            }

            s->state = sw_value;
            p++;

            if (ngx_http_llmbroker_scan_blanks(&p, last) == NGX_DONE) {
                break;
            }

            /* fall through */

        case sw_value:
        case sw_first_value:
            if (*p == ']' && s->state == sw_first_value) {
                p = ngx_http_llmbroker_scan_close(s, p);
                break;
            }

            p = ngx_http_llmbroker_scan_value(s, p, last);

            if (s->state != sw_next
                || ngx_http_llmbroker_scan_blanks(&p, last) == NGX_DONE)
            {
                break;
            }

            /* fall through */

        default: /* sw_next */
            p = ngx_http_llmbroker_scan_after(s, p);
        }

        if (p == NULL) {
            break;
        }
    }

    return p;
}


/* NGX_DONE: nothing is left */

static ngx_inline ngx_int_t
ngx_http_llmbroker_scan_blanks(u_char **p, u_char *last)
{
    while (*p < last) {

        if (**p > ' ' || !ngx_http_llmbroker_token_space(**p)) {
            return NGX_OK;
        }

        (*p)++;
    }

    return NGX_DONE;
}


/* the name at p, from its quote */

static ngx_inline u_char *
ngx_http_llmbroker_scan_key(ngx_http_llmbroker_scan_t *s, u_char *p,
    u_char *last)
{
    u_char                           *end;
    ngx_http_llmbroker_scan_level_t  *level;

    end = ngx_http_llmbroker_token_plain(p + 1, last);

    level = s->top;

    if (level != NULL) {
        level->key_start = ngx_http_llmbroker_scan_at(s, p);
        level->key.data = p + 1;
        level->key.len = end - (p + 1);
        level->long_key = 0;
    }

    if (end < last && *end == '"'
        && end - p <= NGX_HTTP_LLMBROKER_SCAN_TEXT)
    {
        s->state = sw_colon;
        return end + 1;
    }

    s->state = sw_string;
    s->in_key = 1;

    if (level != NULL) {
        level->key.data = level->name;
        level->key.len = 0;
    }

    return p + 1;
}


static ngx_inline u_char *
ngx_http_llmbroker_scan_value(ngx_http_llmbroker_scan_t *s, u_char *p,
    u_char *last)
{
    u_char                           *end;
    ngx_str_t                         text;
    ngx_http_llmbroker_scan_level_t  *level;
    ngx_http_llmbroker_json_type_e    type;

    end = ngx_http_llmbroker_scan_begin(s, p, last, &type);
    if (end == NULL) {
        return NULL;
    }

    level = s->top;

    if (level != NULL) {
        level->type = type;
        level->start = ngx_http_llmbroker_scan_at(s, p);

        if (!s->object) {
            level->key_start = level->start;
        }
    }

    if (type >= NGX_HTTP_LLMBROKER_JSON_ARRAY) {
        return ngx_http_llmbroker_scan_open(s, p);
    }

    if (s->state == sw_next) {
        text.data = p;
        text.len = end - p;

        return ngx_http_llmbroker_scan_report(s, end, &text);
    }

    s->token = p;
    s->len = 0;
    s->overflow = 0;

    return end;
}


/*
 * Tells the type of the value at p and goes through it, as long as it is plain
 * and lies in one piece; otherwise the state says how to go on.
 */

static ngx_inline u_char *
ngx_http_llmbroker_scan_begin(ngx_http_llmbroker_scan_t *s, u_char *p,
    u_char *last, ngx_http_llmbroker_json_type_e *type)
{
    u_char  *end;

    end = p + 1;

    switch (*p) {

    case '"':
        *type = NGX_HTTP_LLMBROKER_JSON_STRING;
        s->state = sw_string;

        end = ngx_http_llmbroker_token_plain(end, last);

        if (end < last && *end == '"') {
            s->state = sw_next;
            end++;
        }

        break;

    case '{':
        *type = NGX_HTTP_LLMBROKER_JSON_OBJECT;
        break;

    case '[':
        *type = NGX_HTTP_LLMBROKER_JSON_ARRAY;
        break;

    case 't':
        *type = NGX_HTTP_LLMBROKER_JSON_BOOL;
        end = ngx_http_llmbroker_scan_word(s, end, last, "rue", 3);
        break;

    case 'f':
        *type = NGX_HTTP_LLMBROKER_JSON_BOOL;
        end = ngx_http_llmbroker_scan_word(s, end, last, "alse", 4);
        break;

    case 'n':
        *type = NGX_HTTP_LLMBROKER_JSON_NULL;
        end = ngx_http_llmbroker_scan_word(s, end, last, "ull", 3);
        break;

    default:
        *type = NGX_HTTP_LLMBROKER_JSON_NUMBER;

        if (*p != '-' && !ngx_http_llmbroker_token_digit(*p)) {
            return ngx_http_llmbroker_scan_fail(s, p, 0,
                                                "unexpected character");
        }

        s->state = (*p == '-') ? sw_minus : (*p == '0') ? sw_zero : sw_integer;

        /* most are short integers */

        if (s->state == sw_integer) {

            while (end < last && ngx_http_llmbroker_token_digit(*end)) {
                end++;
            }

            if (end < last && *end != '.' && (*end | 0x20) != 'e') {
                s->state = sw_next;
            }
        }
    }

    if (s->depth == 0 && *type != NGX_HTTP_LLMBROKER_JSON_OBJECT
        && (s->flags & NGX_HTTP_LLMBROKER_SCAN_OBJECT))
    {
        return ngx_http_llmbroker_scan_fail(s, p, 0, "not an object");
    }

    return end;
}


static ngx_inline u_char *
ngx_http_llmbroker_scan_word(ngx_http_llmbroker_scan_t *s, u_char *p,
    u_char *last, const char *word, size_t len)
{
    if ((size_t) (last - p) >= len && ngx_memcmp(p, word, len) == 0) {
        s->state = sw_next;
        return p + len;
    }

    s->state = sw_literal;
    s->literal = (u_char *) word;

    return p;
}


static ngx_inline u_char *
ngx_http_llmbroker_scan_after(ngx_http_llmbroker_scan_t *s, u_char *p)
{
    if (s->depth > 0 && *p == ',') {
        s->state = s->object ? sw_key : sw_value;

        if (s->top != NULL) {
            s->top->index++;
        }

        return p + 1;
    }

    if (s->depth > 0 && *p == (s->object ? '}' : ']')) {
        return ngx_http_llmbroker_scan_close(s, p);
    }

    return ngx_http_llmbroker_scan_fail(s, p, 0, "unexpected character");
}


static u_char *
ngx_http_llmbroker_scan_open(ngx_http_llmbroker_scan_t *s, u_char *p)
{
    ngx_http_llmbroker_scan_level_t  *level;

    if (s->depth == NGX_HTTP_LLMBROKER_SCAN_MAX_DEPTH) {
        return ngx_http_llmbroker_scan_fail(s, p, 0, "nesting is too deep");
    }

    s->object = (*p == '{');
    s->objects = (s->objects << 1) | s->object;
    s->state = s->object ? sw_first_key : sw_first_value;

    s->depth++;
    s->top = NULL;

    if (s->depth <= s->report) {
        level = &s->level[s->depth];
        s->top = level;

        level->index = 0;
        level->key.len = 0;
        level->key.data = level->name;
        level->long_key = 0;
    }

    return p + 1;
}


static u_char *
ngx_http_llmbroker_scan_close(ngx_http_llmbroker_scan_t *s, u_char *p)
{
    ngx_str_t  text;

    s->depth--;
    s->objects >>= 1;
    s->object = s->objects & 1;

    if (s->depth <= s->report) {
        s->top = &s->level[s->depth];
    }

    ngx_str_null(&text);

    return ngx_http_llmbroker_scan_report(s, p + 1, &text);
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
            if (!ngx_http_llmbroker_token_digit(ch)) {
                goto failed;
            }

            state = (ch == '0') ? sw_zero : sw_integer;
            break;

        case sw_integer:
            if (ngx_http_llmbroker_token_digit(ch)) {
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
            if (!ngx_http_llmbroker_token_digit(ch)) {
                goto failed;
            }

            state = sw_fraction;
            break;

        case sw_fraction:
            if (ngx_http_llmbroker_token_digit(ch)) {
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
            if (!ngx_http_llmbroker_token_digit(ch)) {
                goto failed;
            }

            state = sw_exponent_digits;
            break;

        default: /* sw_exponent_digits */
            if (ngx_http_llmbroker_token_digit(ch)) {
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


/* a string that has an escape, is not ASCII, or began in another piece */

static u_char *
ngx_http_llmbroker_scan_end_string(ngx_http_llmbroker_scan_t *s, u_char *p,
    u_char *last)
{
    p = ngx_http_llmbroker_scan_string(s, p, last);

    if (p == NULL || p == last) {
        return p;
    }

    if (!s->in_key) {
        return ngx_http_llmbroker_scan_scalar(s, p + 1);
    }

    s->in_key = 0;
    s->state = sw_colon;

    return p + 1;
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

    if (s->top == NULL || s->depth == 0) {
        return p;
    }

    s->offset = ngx_http_llmbroker_scan_at(s, p);

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


/*
 * A piece ends: keeps what it holds of names, and of a scalar that is to be
 * reported.
 */

static void
ngx_http_llmbroker_scan_carry(ngx_http_llmbroker_scan_t *s, u_char *last)
{
    size_t                            n;
    ngx_uint_t                        i;
    ngx_http_llmbroker_scan_level_t  *level;

    for (i = 1; i <= s->depth && i <= s->report; i++) {
        level = &s->level[i];

        if (level->key.data != level->name) {
            ngx_memcpy(level->name, level->key.data, level->key.len);
            level->key.data = level->name;
        }
    }

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


u_char *
ngx_http_llmbroker_scan_fail(ngx_http_llmbroker_scan_t *s, u_char *p,
    off_t back, const char *error)
{
    s->offset = ngx_http_llmbroker_scan_at(s, p) - back;
    s->error = error;
    s->state = sw_failed;

    return NULL;
}
