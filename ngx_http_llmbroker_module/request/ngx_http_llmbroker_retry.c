
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_delay.h"
#include "provider/ngx_http_llmbroker_meaning.h"
#include "request/ngx_http_llmbroker_retry.h"


typedef struct {
    ngx_uint_t                       first;
    ngx_uint_t                       last;
    ngx_http_llmbroker_class_e       class;
} ngx_http_llmbroker_class_range_t;


static ngx_str_t *ngx_http_llmbroker_retry_header(ngx_array_t *headers,
    const char *name, ngx_str_t *more);
static ngx_msec_t ngx_http_llmbroker_retry_told(ngx_array_t *headers,
    const char *name, ngx_msec_t unit, time_t now);
static ngx_msec_t ngx_http_llmbroker_retry_resets(ngx_array_t *headers,
    time_t now);
static ngx_int_t ngx_http_llmbroker_retry_left(ngx_array_t *headers,
    ngx_str_t *what);


/* in the order of ngx_http_llmbroker_class_e */

static const ngx_http_llmbroker_class_t  ngx_http_llmbroker_classes[] = {

    /* next, fallback, cools, note */

    { 0, 0, 0, NGX_HTTP_LLMBROKER_NOTE_SUCCESS },

    /*
     * The same request would be refused again, and what a client can provoke
     * must not keep other clients away from a deployment.
     */
    { 0, 0, 0, NGX_HTTP_LLMBROKER_NOTE_NEUTRAL },

    /* the deployments of one alias have one window, another's may be larger */
    { 1, 1, 0, NGX_HTTP_LLMBROKER_NOTE_NEUTRAL },

    /* who says so is alive, and at work: to rest is enough */
    { 1, 0, 1, NGX_HTTP_LLMBROKER_NOTE_NEUTRAL },
    { 1, 0, 1, NGX_HTTP_LLMBROKER_NOTE_NEUTRAL },

    /* the caller has a limit for the time that may be spent before */
    { 1, 0, 0, NGX_HTTP_LLMBROKER_NOTE_FAILURE },

    { 1, 0, 0, NGX_HTTP_LLMBROKER_NOTE_FAILURE },

    /* no other deployment has more memory here */
    { 0, 0, 0, NGX_HTTP_LLMBROKER_NOTE_NEUTRAL }
};


/* the first range that has the status; the last one has all */

static const ngx_http_llmbroker_class_range_t
    ngx_http_llmbroker_class_ranges[] =
{
    { 200, 299, NGX_HTTP_LLMBROKER_CLASS_SUCCESS },

    { 401, 403, NGX_HTTP_LLMBROKER_CLASS_KEY },
    { 408, 408, NGX_HTTP_LLMBROKER_CLASS_TIMEOUT },
    { 429, 429, NGX_HTTP_LLMBROKER_CLASS_LIMIT },

    /*
     * Of 4xx that no client can be at fault for: a wrong server (421), a model
     * that failed (424), one that is not ready (425), a server that believes
     * that its client has left (499).
     */
    { 421, 421, NGX_HTTP_LLMBROKER_CLASS_FAILURE },
    { 424, 425, NGX_HTTP_LLMBROKER_CLASS_FAILURE },
    { 499, 499, NGX_HTTP_LLMBROKER_CLASS_FAILURE },

    /*
     * The others.  404 is a model that the file names wrongly, or the client
     * in a request's details: that shows at once and is not to be covered up.
     * 409 is a stored object that two requests change, which clients of OpenAI
     * try again themselves.
     */
    { 400, 498, NGX_HTTP_LLMBROKER_CLASS_CLIENT },

    { 504, 504, NGX_HTTP_LLMBROKER_CLASS_TIMEOUT },

    /* Cloudflare: the server was reached, and was silent for 100 s */
    { 524, 524, NGX_HTTP_LLMBROKER_CLASS_TIMEOUT },

    /*
     * All other 5xx, 501 and 505 too: what one server does not do another may;
     * a redirect, which is not followed; and what is no answer.
     */
    { 0, NGX_MAX_INT32_VALUE, NGX_HTTP_LLMBROKER_CLASS_FAILURE }
};


const ngx_http_llmbroker_class_t *
ngx_http_llmbroker_class(ngx_http_llmbroker_class_e class)
{
    return &ngx_http_llmbroker_classes[class];
}


ngx_http_llmbroker_class_e
ngx_http_llmbroker_classify(ngx_uint_t status, ngx_str_t *code,
    ngx_str_t *message)
{
    const ngx_http_llmbroker_class_range_t  *range;

    static ngx_str_t  too_large = ngx_string("request too large for model");

    switch (status) {

    case 413:

        /* a limit of tokens a minute that is smaller than the request */

        if (message->len >= too_large.len
            && ngx_strncasecmp(message->data, too_large.data, too_large.len)
               == 0)
        {
            return NGX_HTTP_LLMBROKER_CLASS_CONTEXT;
        }

        /* fall through */

    case 400:
    case 422:

        if (ngx_http_llmbroker_means_context(code, message)) {
            return NGX_HTTP_LLMBROKER_CLASS_CONTEXT;
        }

        if (ngx_http_llmbroker_means_account(code, message)) {
            return NGX_HTTP_LLMBROKER_CLASS_KEY;
        }

        break;

    case 403:

        /* one client's words must not take the key from the others */

        if (ngx_http_llmbroker_means_content(code, message)) {
            return NGX_HTTP_LLMBROKER_CLASS_CLIENT;
        }

        break;

    case 429:

        if (ngx_http_llmbroker_means_account(code, message)) {
            return NGX_HTTP_LLMBROKER_CLASS_KEY;
        }

        break;
    }

    range = ngx_http_llmbroker_class_ranges;

    while (status < range->first || status > range->last) {
        range++;
    }

    return range->class;
}


ngx_msec_t
ngx_http_llmbroker_retry_after(ngx_array_t *headers, ngx_uint_t body_seconds,
    time_t now)
{
    ngx_msec_t  msec;

    msec = ngx_http_llmbroker_retry_told(headers, "retry-after-ms", 1, now);

    if (msec != NGX_HTTP_LLMBROKER_DELAY_NONE) {
        return msec;
    }

    msec = ngx_http_llmbroker_retry_told(headers, "retry-after", 1000, now);

    if (msec != NGX_HTTP_LLMBROKER_DELAY_NONE) {
        return msec;
    }

    if (body_seconds) {
        body_seconds = ngx_min(body_seconds,
                               NGX_HTTP_LLMBROKER_DELAY_MAX / 1000);

        return (ngx_msec_t) body_seconds * 1000;
    }

    return ngx_http_llmbroker_retry_resets(headers, now);
}


/* the value of the header whose name is the two texts */

static ngx_str_t *
ngx_http_llmbroker_retry_header(ngx_array_t *headers, const char *name,
    ngx_str_t *more)
{
    size_t         len;
    ngx_uint_t     i;
    ngx_keyval_t  *h;

    if (headers == NULL) {
        return NULL;
    }

    h = headers->elts;
    len = ngx_strlen(name);

    for (i = 0; i < headers->nelts; i++) {

        if (h[i].key.len == len + more->len
            && ngx_memcmp(h[i].key.data, name, len) == 0
            && ngx_memcmp(h[i].key.data + len, more->data, more->len) == 0)
        {
            return &h[i].value;
        }
    }

    return NULL;
}


static ngx_msec_t
ngx_http_llmbroker_retry_told(ngx_array_t *headers, const char *name,
    ngx_msec_t unit, time_t now)
{
    ngx_str_t  *value;

    static ngx_str_t  none = ngx_string("");

    value = ngx_http_llmbroker_retry_header(headers, name, &none);

    if (value == NULL) {
        return NGX_HTTP_LLMBROKER_DELAY_NONE;
    }

    return ngx_http_llmbroker_delay(value, unit, 0, now);
}


/* "x-ratelimit-reset" alone, of requests, of tokens, of a day, ... */

static ngx_msec_t
ngx_http_llmbroker_retry_resets(ngx_array_t *headers, time_t now)
{
    ngx_int_t      left;
    ngx_str_t      what;
    ngx_uint_t     i;
    ngx_msec_t     msec, used, first;
    ngx_keyval_t  *h;

    static ngx_str_t  reset = ngx_string("x-ratelimit-reset");

    if (headers == NULL) {
        return NGX_HTTP_LLMBROKER_DELAY_NONE;
    }

    used = NGX_HTTP_LLMBROKER_DELAY_NONE;
    first = NGX_HTTP_LLMBROKER_DELAY_NONE;

    h = headers->elts;

    for (i = 0; i < headers->nelts; i++) {

        if (h[i].key.len < reset.len
            || ngx_memcmp(h[i].key.data, reset.data, reset.len) != 0)
        {
            continue;
        }

        what.data = h[i].key.data + reset.len;
        what.len = h[i].key.len - reset.len;

        if (what.len && what.data[0] != '-') {
            continue;
        }

        msec = ngx_http_llmbroker_delay(&h[i].value, 1000, 1, now);

        if (msec == NGX_HTTP_LLMBROKER_DELAY_NONE) {
            continue;
        }

        left = ngx_http_llmbroker_retry_left(headers, &what);

        if (left == NGX_DECLINED) {

            if (used == NGX_HTTP_LLMBROKER_DELAY_NONE || msec > used) {
                used = msec;
            }

        } else if (msec < first && (msec > 0 || left == NGX_DONE)) {

            /* "0s" of what is there tells nothing; NONE is the largest */

            first = msec;
        }
    }

    return (used != NGX_HTTP_LLMBROKER_DELAY_NONE) ? used : first;
}


/* NGX_OK: there is some; NGX_DECLINED: all is used; NGX_DONE: not told */

static ngx_int_t
ngx_http_llmbroker_retry_left(ngx_array_t *headers, ngx_str_t *what)
{
    size_t      i;
    ngx_str_t  *value;

    value = ngx_http_llmbroker_retry_header(headers, "x-ratelimit-remaining",
                                            what);
    if (value == NULL || value->len == 0) {
        return NGX_DONE;
    }

    if (value->data[0] == '-') {
        return NGX_DECLINED;
    }

    for (i = 0; i < value->len; i++) {

        if (value->data[i] != '0' && value->data[i] != '.') {
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


ngx_msec_t
ngx_http_llmbroker_backoff(ngx_msec_t base, ngx_msec_t max, ngx_uint_t n)
{
    ngx_msec_t  limit;

    for (limit = ngx_min(base, max); n > 0 && limit > 0; n--) {

        if (limit > max / 2) {
            limit = max;
            break;
        }

        limit *= 2;
    }

    /* ngx_random() has 31 bits: 24 days */

    limit = ngx_min(limit, NGX_MAX_INT32_VALUE - 1);

    return (ngx_msec_t) ngx_random() % (limit + 1);
}
