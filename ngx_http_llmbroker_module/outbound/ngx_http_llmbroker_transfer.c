
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <curl/curl.h>

#include "outbound/ngx_http_llmbroker_transfer.h"


static ngx_int_t ngx_http_llmbroker_transfer_request(
    ngx_http_llmbroker_transfer_t *t);
static ngx_int_t ngx_http_llmbroker_transfer_hosts(
    ngx_http_llmbroker_transfer_t *t);
static int ngx_http_llmbroker_transfer_on_resolver(void *resolver,
    void *reserved, void *data);
static ngx_int_t ngx_http_llmbroker_transfer_tls(
    ngx_http_llmbroker_transfer_t *t);
static ngx_int_t ngx_http_llmbroker_transfer_headers(
    ngx_http_llmbroker_transfer_t *t);
static ngx_int_t ngx_http_llmbroker_transfer_add(
    ngx_http_llmbroker_transfer_t *t, const char *line);

static size_t ngx_http_llmbroker_transfer_on_header(char *p, size_t size,
    size_t n, void *data);
static size_t ngx_http_llmbroker_transfer_on_body(char *p, size_t size,
    size_t n, void *data);
static ngx_int_t ngx_http_llmbroker_transfer_keep(
    ngx_http_llmbroker_transfer_t *t, char *p, size_t len);


ngx_int_t
ngx_http_llmbroker_transfer_options(ngx_http_llmbroker_transfer_t *t)
{
    if (ngx_http_llmbroker_transfer_request(t) != NGX_OK
        || ngx_http_llmbroker_transfer_hosts(t) != NGX_OK
        || ngx_http_llmbroker_transfer_tls(t) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_transfer_headers(t);
}


static ngx_int_t
ngx_http_llmbroker_transfer_request(ngx_http_llmbroker_transfer_t *t)
{
    u_char    *url;
    CURL      *easy;
    CURLcode   rc;

    easy = t->easy;

    url = ngx_pnalloc(t->pool, t->url.len + 1);
    t->error = ngx_pcalloc(t->pool, CURL_ERROR_SIZE);

    if (url == NULL || t->error == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_cpystrn(url, t->url.data, t->url.len + 1);

    rc = curl_easy_setopt(easy, CURLOPT_URL, url);

    /* signals are nginx's, and the environment has no say */

    rc |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    rc |= curl_easy_setopt(easy, CURLOPT_PROXY, "");

#if (LIBCURL_VERSION_NUM >= 0x075500)
    rc |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    rc |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS,
                           CURLPROTO_HTTP|CURLPROTO_HTTPS);
#endif

    rc |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    rc |= curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    rc |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);

    /* a check that reused a connection would not tell whether one is made */

    rc |= curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    rc |= curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);

    rc |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long) t->timeout);
    rc |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long) t->timeout);

    rc |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION,
                           ngx_http_llmbroker_transfer_on_header);
    rc |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
    rc |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION,
                           ngx_http_llmbroker_transfer_on_body);
    rc |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
    rc |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->error);
    rc |= curl_easy_setopt(easy, CURLOPT_PRIVATE, t);

    if (t->post) {
        rc |= curl_easy_setopt(easy, CURLOPT_POST, 1L);
        rc |= curl_easy_setopt(easy, CURLOPT_POSTFIELDS, t->body.data);
        rc |= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                               (curl_off_t) t->body.len);
    }

    return (rc == CURLE_OK) ? NGX_OK : NGX_ERROR;
}


/*
 * The host's entry in libcurl's cache is the same for all transfers and never
 * ends: each sets it anew before it is used.
 */

static ngx_int_t
ngx_http_llmbroker_transfer_hosts(ngx_http_llmbroker_transfer_t *t)
{
    u_char  *line;

    if (t->resolve.len == 0) {
        return NGX_OK;
    }

    line = ngx_pnalloc(t->pool, t->resolve.len + 1);
    if (line == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_cpystrn(line, t->resolve.data, t->resolve.len + 1);

    t->hosts = curl_slist_append(NULL, (char *) line);
    if (t->hosts == NULL) {
        return NGX_ERROR;
    }

    if (curl_easy_setopt(t->easy, CURLOPT_RESOLVE, t->hosts) != CURLE_OK
        || curl_easy_setopt(t->easy, CURLOPT_RESOLVER_START_FUNCTION,
                            ngx_http_llmbroker_transfer_on_resolver)
           != CURLE_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* what the system knows of a name may be another thing than nginx does */

static int
ngx_http_llmbroker_transfer_on_resolver(void *resolver, void *reserved,
    void *data)
{
    return 1;
}


#if (NGX_SSL)

/*
 * The certificates were read when nginx started: a bundle of them takes
 * milliseconds, in which no request is served.
 */

static CURLcode
ngx_http_llmbroker_transfer_on_tls(CURL *easy, void *ssl_ctx, void *data)
{
    ngx_http_llmbroker_transfer_t *t = data;

    X509_STORE  *store;

    store = SSL_CTX_get_cert_store(t->trusted);

    if (X509_STORE_up_ref(store) == 0) {
        return CURLE_OUT_OF_MEMORY;
    }

    SSL_CTX_set_cert_store(ssl_ctx, store);

    return CURLE_OK;
}


static ngx_int_t
ngx_http_llmbroker_transfer_tls(ngx_http_llmbroker_transfer_t *t)
{
    CURL      *easy;
    CURLcode   rc;

    easy = t->easy;

    rc = curl_easy_setopt(easy, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
    rc |= curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
    rc |= curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);

    /* nginx's own store: nothing is added to it, nor is it kept for others */

    rc |= curl_easy_setopt(easy, CURLOPT_SSL_OPTIONS,
                           CURLSSLOPT_NO_PARTIALCHAIN);

#if (LIBCURL_VERSION_NUM >= 0x075700)
    rc |= curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
#endif

    if (t->trusted == NULL) {
        rc |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        rc |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);

    } else {
        rc |= curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION,
                               ngx_http_llmbroker_transfer_on_tls);
        rc |= curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, t);
    }

    return (rc == CURLE_OK) ? NGX_OK : NGX_ERROR;
}

#else

static ngx_int_t
ngx_http_llmbroker_transfer_tls(ngx_http_llmbroker_transfer_t *t)
{
    return NGX_OK;
}

#endif


static ngx_int_t
ngx_http_llmbroker_transfer_headers(ngx_http_llmbroker_transfer_t *t)
{
    u_char  *p, *last, *end, *line;

    p = t->headers.data;
    last = p + t->headers.len;

    while (p < last) {
        end = ngx_strlchr(p, last, CR);

        if (end == NULL) {
            break;
        }

        line = ngx_pnalloc(t->pool, end - p + 1);
        if (line == NULL) {
            return NGX_ERROR;
        }

        (void) ngx_cpystrn(line, p, end - p + 1);

        if (ngx_http_llmbroker_transfer_add(t, (char *) line) != NGX_OK) {
            return NGX_ERROR;
        }

        p = end + 2;
    }

    /* no waiting for 100 (Continue) */

    if (ngx_http_llmbroker_transfer_add(t, "Expect:") != NGX_OK) {
        return NGX_ERROR;
    }

    return (curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->list) == CURLE_OK)
           ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_llmbroker_transfer_add(ngx_http_llmbroker_transfer_t *t,
    const char *line)
{
    struct curl_slist  *list;

    list = curl_slist_append(t->list, line);
    if (list == NULL) {
        return NGX_ERROR;
    }

    t->list = list;

    return NGX_OK;
}


static size_t
ngx_http_llmbroker_transfer_on_header(char *p, size_t size, size_t n,
    void *data)
{
    ngx_http_llmbroker_transfer_t *t = data;

    t->received += size * n;

    if (t->received > NGX_HTTP_LLMBROKER_ANSWER) {
        return 0;
    }

    return size * n;
}


static size_t
ngx_http_llmbroker_transfer_on_body(char *p, size_t size, size_t n, void *data)
{
    ngx_http_llmbroker_transfer_t *t = data;

    size_t  len;

    len = size * n;

    if (t->received + len > NGX_HTTP_LLMBROKER_ANSWER) {
        t->cut = 1;
        return 0;
    }

    t->received += len;

    if (t->keep && ngx_http_llmbroker_transfer_keep(t, p, len) != NGX_OK) {
        t->lacking = 1;
        return 0;
    }

    return len;
}


static ngx_int_t
ngx_http_llmbroker_transfer_keep(ngx_http_llmbroker_transfer_t *t, char *p,
    size_t len)
{
    u_char  *data;
    size_t   size;

    if (len > t->size - t->answer.len) {
        size = ngx_max(2 * t->size, t->answer.len + len);
        size = ngx_max(size, 2 * ngx_pagesize);

        data = ngx_pnalloc(t->pool, size);
        if (data == NULL) {
            return NGX_ERROR;
        }

        if (t->size) {
            ngx_memcpy(data, t->answer.data, t->answer.len);
            (void) ngx_pfree(t->pool, t->answer.data);
        }

        t->answer.data = data;
        t->size = size;
    }

    ngx_memcpy(t->answer.data + t->answer.len, p, len);
    t->answer.len += len;

    return NGX_OK;
}


void
ngx_http_llmbroker_transfer_result(ngx_http_llmbroker_transfer_t *t,
    ngx_uint_t code)
{
    long  status;

    status = 0;

    (void) curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);

    if ((code == CURLE_OK || t->cut) && status) {
        t->rc = NGX_OK;
        t->status = status;
        return;
    }

    /* addresses that this libcurl does not understand are not at fault */

    t->rc = (t->lacking || code == CURLE_OUT_OF_MEMORY
             || code == CURLE_COULDNT_RESOLVE_HOST
             || code == CURLE_SETOPT_OPTION_SYNTAX)
            ? NGX_DECLINED : NGX_ERROR;

    ngx_http_llmbroker_transfer_reason(t, t->error[0] ? t->error
                                                  : curl_easy_strerror(code));
}


void
ngx_http_llmbroker_transfer_reason(ngx_http_llmbroker_transfer_t *t,
    const char *text)
{
    u_char  *p;
    size_t   i;

    t->reason.len = ngx_strlen(text);
    t->reason.data = ngx_pnalloc(t->pool, t->reason.len);

    if (t->reason.data == NULL) {
        t->reason.len = 0;
        return;
    }

    p = t->reason.data;

    for (i = 0; i < t->reason.len; i++) {
        p[i] = (text[i] >= 0x20 && text[i] < 0x7f) ? text[i] : '?';
    }
}
