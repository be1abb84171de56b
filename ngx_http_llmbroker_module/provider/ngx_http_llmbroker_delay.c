
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_delay.h"


/* usec */
#define NGX_HTTP_LLMBROKER_DELAY_LIMIT                                       \
    ((uint64_t) NGX_HTTP_LLMBROKER_DELAY_MAX * 1000)

/* what is more is no number of seconds, but a time in (milli)seconds */
#define NGX_HTTP_LLMBROKER_DELAY_EPOCH     1000000000ULL
#define NGX_HTTP_LLMBROKER_DELAY_EPOCH_MS  1000000000000ULL


typedef struct {
    ngx_str_t                        word;
    uint64_t                         usec;
} ngx_http_llmbroker_delay_unit_t;


typedef struct {
    uint64_t                         n;         /* before the point */
    uint64_t                         parts;     /* behind it */
    uint64_t                         of;        /* 10, 100, ... parts */
} ngx_http_llmbroker_delay_number_t;


static ngx_int_t ngx_http_llmbroker_delay_read(u_char **pos, u_char *last,
    uint64_t usec, uint64_t *sum, ngx_uint_t *bare);
static ngx_int_t ngx_http_llmbroker_delay_number(u_char **pos, u_char *last,
    ngx_http_llmbroker_delay_number_t *number);
static uint64_t ngx_http_llmbroker_delay_unit(u_char **pos, u_char *last);
static uint64_t ngx_http_llmbroker_delay_usec(
    ngx_http_llmbroker_delay_number_t *number, uint64_t usec);
static ngx_msec_t ngx_http_llmbroker_delay_msec(uint64_t usec);
static ngx_msec_t ngx_http_llmbroker_delay_epoch(ngx_str_t *text, time_t now);
static ngx_msec_t ngx_http_llmbroker_delay_until(time_t time, time_t now);
static ngx_int_t ngx_http_llmbroker_delay_fields(u_char **pos, u_char *last,
    const char *form, ngx_int_t *fields);
static ngx_uint_t ngx_http_llmbroker_delay_waits(
    ngx_http_llmbroker_fault_t *fault);
static ngx_msec_t ngx_http_llmbroker_delay_members(
    ngx_http_llmbroker_json_t *object);
static ngx_msec_t ngx_http_llmbroker_delay_words(ngx_str_t *message);


static const ngx_http_llmbroker_delay_unit_t
    ngx_http_llmbroker_delay_units[] =
{
    { ngx_string("s"), 1000000 },
    { ngx_string("ms"), 1000 },
    { ngx_string("m"), 60000000 },
    { ngx_string("h"), 3600000000ULL },
    { ngx_string("d"), 86400000000ULL },
    { ngx_string("us"), 1 },
    { ngx_string("\xc2\xb5s"), 1 },
    { ngx_string("\xce\xbcs"), 1 },

    /* less than is worth waiting for */
    { ngx_string("ns"), 1 },

    { ngx_string("sec"), 1000000 },
    { ngx_string("second"), 1000000 },
    { ngx_string("seconds"), 1000000 },
    { ngx_string("min"), 60000000 },
    { ngx_string("minute"), 60000000 },
    { ngx_string("minutes"), 60000000 },
    { ngx_string("hour"), 3600000000ULL },
    { ngx_string("hours"), 3600000000ULL },
    { ngx_string("day"), 86400000000ULL },
    { ngx_string("days"), 86400000000ULL },
    { ngx_string("millisecond"), 1000 },
    { ngx_string("milliseconds"), 1000 },

    { ngx_null_string, 0 }
};


/* OpenAI, Groq and Azure; "Please" comes before and what to do behind */

static ngx_str_t  ngx_http_llmbroker_delay_phrases[] = {
    ngx_string("try again in "),
    ngx_string("try again after "),
    ngx_string("retry after "),
    ngx_string("retry in "),
    ngx_null_string
};


/* in an error's body; OpenRouter repeats the headers that it was sent */

static const char * const  ngx_http_llmbroker_delay_names[] = {
    "retryDelay",
    "retry_after",
    "retry_after_seconds",
    "retryAfter",
    "Retry-After",
    "X-RateLimit-Reset",
    NULL
};


ngx_msec_t
ngx_http_llmbroker_delay(ngx_str_t *text, ngx_msec_t unit, ngx_uint_t times,
    time_t now)
{
    time_t       time;
    u_char      *p, *last;
    uint64_t     usec;
    ngx_uint_t   bare;

    if (text->len == 0) {
        return NGX_HTTP_LLMBROKER_DELAY_NONE;
    }

    p = text->data;
    last = p + text->len;

    if (ngx_http_llmbroker_delay_read(&p, last, (uint64_t) unit * 1000, &usec,
                                      &bare)
        == NGX_OK && p == last)
    {
        if (bare && times) {
            return ngx_http_llmbroker_delay_epoch(text, now);
        }

        return ngx_http_llmbroker_delay_msec(usec);
    }

    time = ngx_http_llmbroker_delay_time(text);

    if (time == NGX_ERROR) {
        time = ngx_parse_http_time(text->data, text->len);
    }

    if (time == NGX_ERROR) {
        return NGX_HTTP_LLMBROKER_DELAY_NONE;
    }

    return ngx_http_llmbroker_delay_until(time, now);
}


/*
 * Numbers with their units, up to what is none; *bare: a number without one,
 * which is the last
 */

static ngx_int_t
ngx_http_llmbroker_delay_read(u_char **pos, u_char *last, uint64_t usec,
    uint64_t *sum, ngx_uint_t *bare)
{
    u_char                            *p;
    uint64_t                           unit;
    ngx_uint_t                         n;
    ngx_http_llmbroker_delay_number_t  number;

    *sum = 0;
    *bare = 0;

    for (n = 0; n < 8; n++) {
        p = *pos;

        if (ngx_http_llmbroker_delay_number(&p, last, &number) != NGX_OK) {
            break;
        }

        unit = ngx_http_llmbroker_delay_unit(&p, last);

        if (unit == 0) {

            if (n == 0) {
                *sum = ngx_http_llmbroker_delay_usec(&number, usec);
                *bare = 1;
                *pos = p;
                n++;
            }

            break;
        }

        *sum += ngx_http_llmbroker_delay_usec(&number, unit);
        *pos = p;
    }

    return n ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_http_llmbroker_delay_number(u_char **pos, u_char *last,
    ngx_http_llmbroker_delay_number_t *number)
{
    u_char  *p;

    p = *pos;

    number->n = 0;
    number->parts = 0;
    number->of = 1;

    for ( /* void */ ; p < last && *p >= '0' && *p <= '9'; p++) {

        /* 16 digits are more than any time has */

        if (number->n < 1000000000000000ULL) {
            number->n = number->n * 10 + (*p - '0');
        }
    }

    if (p == *pos) {
        return NGX_DECLINED;
    }

    if (last - p < 2 || p[0] != '.' || p[1] < '0' || p[1] > '9') {
        *pos = p;
        return NGX_OK;
    }

    for (p++; p < last && *p >= '0' && *p <= '9'; p++) {

        if (number->of < 1000000) {
            number->parts = number->parts * 10 + (*p - '0');
            number->of *= 10;
        }
    }

    *pos = p;

    return NGX_OK;
}


/* usec; 0 where no unit stands; a word may stand apart */

static uint64_t
ngx_http_llmbroker_delay_unit(u_char **pos, u_char *last)
{
    u_char                                 *p, *start;
    const ngx_http_llmbroker_delay_unit_t  *u;

    start = *pos;

    if (start < last && *start == ' ') {
        start++;
    }

    for (p = start; p < last; p++) {

        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')
              || *p >= 0x80))
        {
            break;
        }
    }

    for (u = ngx_http_llmbroker_delay_units; u->usec; u++) {

        if ((size_t) (p - start) == u->word.len
            && ngx_strncasecmp(start, u->word.data, u->word.len) == 0)
        {
            *pos = p;
            return u->usec;
        }
    }

    return 0;
}


static uint64_t
ngx_http_llmbroker_delay_usec(ngx_http_llmbroker_delay_number_t *number,
    uint64_t usec)
{
    if (number->n > NGX_HTTP_LLMBROKER_DELAY_LIMIT / usec) {
        return NGX_HTTP_LLMBROKER_DELAY_LIMIT;
    }

    return number->n * usec
           + (number->parts * usec + number->of - 1) / number->of;
}


static ngx_msec_t
ngx_http_llmbroker_delay_msec(uint64_t usec)
{
    if (usec >= NGX_HTTP_LLMBROKER_DELAY_LIMIT) {
        return NGX_HTTP_LLMBROKER_DELAY_MAX;
    }

    return (ngx_msec_t) ((usec + 999) / 1000);
}


/* a number that may be a time */

static ngx_msec_t
ngx_http_llmbroker_delay_epoch(ngx_str_t *text, time_t now)
{
    u_char                             *p;
    ngx_http_llmbroker_delay_number_t   number;

    p = text->data;

    (void) ngx_http_llmbroker_delay_number(&p, p + text->len, &number);

    if (number.n >= NGX_HTTP_LLMBROKER_DELAY_EPOCH_MS) {
        return ngx_http_llmbroker_delay_until(number.n / 1000
                                              + (number.n % 1000 != 0), now);
    }

    if (number.n >= NGX_HTTP_LLMBROKER_DELAY_EPOCH) {
        return ngx_http_llmbroker_delay_until(number.n, now);
    }

    return ngx_http_llmbroker_delay_msec(
                             ngx_http_llmbroker_delay_usec(&number, 1000000));
}


static ngx_msec_t
ngx_http_llmbroker_delay_until(time_t time, time_t now)
{
    if (time <= now) {
        return 0;
    }

    if (time - now > NGX_HTTP_LLMBROKER_DELAY_MAX / 1000) {
        return NGX_HTTP_LLMBROKER_DELAY_MAX;
    }

    return (ngx_msec_t) (time - now) * 1000;
}


time_t
ngx_http_llmbroker_delay_time(ngx_str_t *text)
{
    time_t      time;
    u_char     *p, *last;
    ngx_int_t   date[3], clock[3], zone[2];
    struct tm   tm;

    p = text->data;
    last = p + text->len;

    if (ngx_http_llmbroker_delay_fields(&p, last, "4-2-2", date) != NGX_OK
        || last - p < 2
        || (*p != 'T' && *p != 't' && *p != ' '))
    {
        return NGX_ERROR;
    }

    p++;

    if (ngx_http_llmbroker_delay_fields(&p, last, "2:2:2", clock) != NGX_OK
        || date[1] < 1 || date[1] > 12
        || date[2] < 1 || date[2] > 31
        || clock[0] > 23 || clock[1] > 59 || clock[2] > 60)
    {
        return NGX_ERROR;
    }

    if (p < last && *p == '.') {
        do { p++; } while (p < last && *p >= '0' && *p <= '9');
    }

    if (p == last) {
        return NGX_ERROR;
    }

    ngx_memzero(&tm, sizeof(struct tm));

    tm.tm_year = date[0] - 1900;
    tm.tm_mon = date[1] - 1;
    tm.tm_mday = date[2];
    tm.tm_hour = clock[0];
    tm.tm_min = clock[1];
    tm.tm_sec = clock[2];

    time = timegm(&tm);

    if ((*p == 'Z' || *p == 'z') && p + 1 == last) {
        return time;
    }

    if (*p != '-' && *p != '+') {
        return NGX_ERROR;
    }

    if (*p++ == '-') {

        if (ngx_http_llmbroker_delay_fields(&p, last, "2:2", zone) != NGX_OK
            || p != last)
        {
            return NGX_ERROR;
        }

        return time + (zone[0] * 60 + zone[1]) * 60;
    }

    if (ngx_http_llmbroker_delay_fields(&p, last, "2:2", zone) != NGX_OK
        || p != last)
    {
        return NGX_ERROR;
    }

    return time - (zone[0] * 60 + zone[1]) * 60;
}


/* form: numbers of digits, and what stands between */

static ngx_int_t
ngx_http_llmbroker_delay_fields(u_char **pos, u_char *last, const char *form,
    ngx_int_t *fields)
{
    size_t   len;
    u_char  *p;

    p = *pos;

    for ( /* void */ ; *form; form++) {

        if (*form < '0' || *form > '9') {

            if (p == last || *p != (u_char) *form) {
                return NGX_DECLINED;
            }

            p++;
            continue;
        }

        len = *form - '0';

        if ((size_t) (last - p) < len) {
            return NGX_DECLINED;
        }

        *fields = ngx_atoi(p, len);

        if (*fields == NGX_ERROR) {
            return NGX_DECLINED;
        }

        fields++;
        p += len;
    }

    *pos = p;

    return NGX_OK;
}


void
ngx_http_llmbroker_delay_fault(ngx_http_llmbroker_fault_t *fault,
    ngx_http_llmbroker_json_t *root, ngx_http_llmbroker_json_t *error)
{
    ngx_msec_t                  delay;
    ngx_http_llmbroker_json_t  *v, *metadata;

    delay = NGX_HTTP_LLMBROKER_DELAY_NONE;

    /* Google's RetryInfo */

    v = ngx_http_llmbroker_json_get_type(error, "details",
                                         NGX_HTTP_LLMBROKER_JSON_ARRAY);

    for (v = v ? v->child : NULL; v; v = v->next) {
        delay = ngx_http_llmbroker_delay_members(v);

        if (delay != NGX_HTTP_LLMBROKER_DELAY_NONE) {
            break;
        }
    }

    if (delay == NGX_HTTP_LLMBROKER_DELAY_NONE) {
        delay = ngx_http_llmbroker_delay_members(error);
    }

    if (delay == NGX_HTTP_LLMBROKER_DELAY_NONE) {
        delay = ngx_http_llmbroker_delay_members(root);
    }

    metadata = ngx_http_llmbroker_json_get(error, "metadata");

    if (delay == NGX_HTTP_LLMBROKER_DELAY_NONE) {
        delay = ngx_http_llmbroker_delay_members(metadata);
    }

    if (delay == NGX_HTTP_LLMBROKER_DELAY_NONE) {
        v = ngx_http_llmbroker_json_get(metadata, "headers");
        delay = ngx_http_llmbroker_delay_members(v);
    }

    if (delay == NGX_HTTP_LLMBROKER_DELAY_NONE
        && ngx_http_llmbroker_delay_waits(fault))
    {
        delay = ngx_http_llmbroker_delay_words(&fault->message);
    }

    if (delay != NGX_HTTP_LLMBROKER_DELAY_NONE) {
        fault->retry_after = (delay + 999) / 1000;
    }
}


/* an error in a 200 answer has no status yet */

static ngx_uint_t
ngx_http_llmbroker_delay_waits(ngx_http_llmbroker_fault_t *fault)
{
    return fault->status == 0 || fault->status == 429 || fault->status >= 500;
}


static ngx_msec_t
ngx_http_llmbroker_delay_members(ngx_http_llmbroker_json_t *object)
{
    ngx_str_t                   text;
    ngx_msec_t                  delay;
    const char * const         *name;
    ngx_http_llmbroker_json_t  *v;

    if (object == NULL || object->type != NGX_HTTP_LLMBROKER_JSON_OBJECT) {
        return NGX_HTTP_LLMBROKER_DELAY_NONE;
    }

    for (name = ngx_http_llmbroker_delay_names; *name; name++) {
        v = ngx_http_llmbroker_json_get(object, *name);

        if (v == NULL) {
            continue;
        }

        if (v->type == NGX_HTTP_LLMBROKER_JSON_NUMBER) {
            text = v->raw;

        } else {
            text = ngx_http_llmbroker_json_inner(v);
        }

        delay = ngx_http_llmbroker_delay(&text, 1000, 1, ngx_time());

        if (delay != NGX_HTTP_LLMBROKER_DELAY_NONE) {
            return delay;
        }
    }

    return NGX_HTTP_LLMBROKER_DELAY_NONE;
}


static ngx_msec_t
ngx_http_llmbroker_delay_words(ngx_str_t *message)
{
    u_char      *p, *last;
    uint64_t     usec;
    ngx_str_t   *phrase;
    ngx_uint_t   bare;

    last = message->data + message->len;

    for (phrase = ngx_http_llmbroker_delay_phrases; phrase->len; phrase++) {
        p = ngx_strlcasestrn(message->data, last, phrase->data,
                             phrase->len - 1);
        if (p == NULL) {
            continue;
        }

        p += phrase->len;

        if (ngx_http_llmbroker_delay_read(&p, last, 1000000, &usec, &bare)
            == NGX_OK
            && (!bare || p == last || *p == '.' || *p == ','))
        {
            return ngx_http_llmbroker_delay_msec(usec);
        }
    }

    return NGX_HTTP_LLMBROKER_DELAY_NONE;
}
