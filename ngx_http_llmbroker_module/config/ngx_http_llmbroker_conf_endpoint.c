
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include <curl/curl.h>

#include "codec/ngx_http_llmbroker_frame.h"
#include "config/ngx_http_llmbroker_conf_endpoint.h"


static ngx_int_t ngx_http_llmbroker_conf_url(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_http_llmbroker_deployment_t *d,
    CURLU *url);
static ngx_int_t ngx_http_llmbroker_conf_part(ngx_pool_t *pool, CURLU *url,
    CURLUPart what, ngx_str_t *text);
static ngx_int_t ngx_http_llmbroker_conf_host(ngx_pool_t *pool,
    ngx_http_llmbroker_deployment_t *d);


/* parts that a base URL must not have; they may hold a password or a key */

static const struct {
    CURLUPart    part;
    const char  *why;
} ngx_http_llmbroker_conf_no_parts[] = {
    { CURLUPART_USER, "a user name is not allowed in it" },
    { CURLUPART_PASSWORD, "a password is not allowed in it" },
    { CURLUPART_QUERY, "a query is not allowed in it" },
    { CURLUPART_FRAGMENT, "a fragment is not allowed in it" },
    { CURLUPART_ZONEID, "a zone id is not allowed in it" }
};


ngx_int_t
ngx_http_llmbroker_conf_base_url(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_http_llmbroker_deployment_t *d)
{
    CURLU      *url;
    ngx_int_t   rc;

    url = curl_url();
    if (url == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_llmbroker_conf_url(rd, v, d, url);

    curl_url_cleanup(url);

    return rc;
}


static ngx_int_t
ngx_http_llmbroker_conf_url(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_http_llmbroker_deployment_t *d,
    CURLU *url)
{
    u_char      *p, *last;
    ngx_int_t    rc, port;
    ngx_str_t    text, *path;
    ngx_uint_t   i, n;
    ngx_pool_t  *pool;

    pool = rd->cf->pool;

    /* the value is not told before it is known to hold no password */

    if (curl_url_set(url, CURLUPART_URL, (char *) d->base_url.data,
                     CURLU_NON_SUPPORT_SCHEME)
        != CURLUE_OK)
    {
        return ngx_http_llmbroker_conf_invalid_hidden(rd, v,
                          "expected a URL such as https://api.example.com/v1");
    }

    n = sizeof(ngx_http_llmbroker_conf_no_parts)
        / sizeof(ngx_http_llmbroker_conf_no_parts[0]);

    for (i = 0; i < n; i++) {
        rc = ngx_http_llmbroker_conf_part(pool, url,
                                 ngx_http_llmbroker_conf_no_parts[i].part,
                                 &text);
        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_OK) {
            return ngx_http_llmbroker_conf_invalid_hidden(rd, v,
                                     ngx_http_llmbroker_conf_no_parts[i].why);
        }
    }

    if (ngx_http_llmbroker_conf_part(pool, url, CURLUPART_SCHEME, &text)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (text.len == 5 && ngx_strncmp(text.data, "https", 5) == 0) {
        d->ssl = 1;

    } else if (text.len != 4 || ngx_strncmp(text.data, "http", 4) != 0) {
        return ngx_http_llmbroker_conf_invalid(rd, v,
                                               "expected http or https");
    }

    if (ngx_http_llmbroker_conf_part(pool, url, CURLUPART_PORT, &text)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    port = ngx_atoi(text.data, text.len);

    if (port < 1 || port > 65535) {
        return ngx_http_llmbroker_conf_invalid(rd, v, "invalid port");
    }

    d->port = (in_port_t) port;

    if (ngx_http_llmbroker_conf_part(pool, url, CURLUPART_HOST, &d->host)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_http_llmbroker_conf_host(pool, d);

    if (rc == NGX_DECLINED) {
        return ngx_http_llmbroker_conf_invalid(rd, v, "invalid host");
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    path = &d->target.base_path;

    if (ngx_http_llmbroker_conf_part(pool, url, CURLUPART_PATH, path)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    while (path->len && path->data[path->len - 1] == '/') {
        path->len--;
    }

    last = path->data + path->len;

    for (p = path->data; p < last; p++) {
        if (*p <= 0x20 || *p >= 0x7f || *p == '"') {
            return ngx_http_llmbroker_conf_invalid(rd, v, "invalid path");
        }
    }

    return NGX_OK;
}


/* NGX_DECLINED: the URL has no such part */

static ngx_int_t
ngx_http_llmbroker_conf_part(ngx_pool_t *pool, CURLU *url, CURLUPart what,
    ngx_str_t *text)
{
    char       *part;
    ngx_str_t   s;
    CURLUcode   rc;

    rc = curl_url_get(url, what, &part, CURLU_DEFAULT_PORT);

    if (rc == CURLUE_OUT_OF_MEMORY) {
        return NGX_ERROR;
    }

    if (rc != CURLUE_OK) {
        ngx_str_null(text);
        return NGX_DECLINED;
    }

    s.data = (u_char *) part;
    s.len = ngx_strlen(part);

    text->len = s.len;
    text->data = ngx_pstrdup(pool, &s);

    curl_free(part);

    return (text->data == NULL) ? NGX_ERROR : NGX_OK;
}


/*
 * A name of letters, digits, "-", "_" and ".", or "[IPv6]": it goes into
 * header lines and into an upstream's name.
 */

static ngx_int_t
ngx_http_llmbroker_conf_host(ngx_pool_t *pool,
    ngx_http_llmbroker_deployment_t *d)
{
    u_char      *p, *last, ch;
    ngx_uint_t   literal;

    ngx_strlow(d->host.data, d->host.data, d->host.len);

    literal = (d->host.len > 2 && d->host.data[0] == '['
               && d->host.data[d->host.len - 1] == ']');

    p = d->host.data;
    last = p + d->host.len;

    if (literal) {
        p++;
        last--;
    }

    if (p == last) {
        return NGX_DECLINED;
    }

    for ( /* void */ ; p < last; p++) {
        ch = *p;

        if ((ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9')
            || ch == '-' || ch == '_' || ch == '.' || (literal && ch == ':'))
        {
            continue;
        }

        return NGX_DECLINED;
    }

    if (d->port == (d->ssl ? 443 : 80)) {
        d->host_header = d->host;
        return NGX_OK;
    }

    p = ngx_pnalloc(pool, d->host.len + sizeof(":65535") - 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    d->host_header.data = p;
    d->host_header.len = ngx_sprintf(p, "%V:%ui", &d->host,
                                     (ngx_uint_t) d->port)
                         - p;

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_conf_headers(ngx_pool_t *pool,
    ngx_http_llmbroker_deployment_t *d)
{
    u_char      *p;
    size_t       len;
    ngx_str_t    accept;
    ngx_uint_t   stream;

    for (stream = 0; stream < 2; stream++) {

        if (stream && d->target.dialect->frames) {
            ngx_str_set(&accept, NGX_HTTP_LLMBROKER_FRAME_TYPE);

        } else if (stream) {
            ngx_str_set(&accept, "text/event-stream");

        } else {
            ngx_str_set(&accept, "application/json");
        }

        len = sizeof("Host: " CRLF
                     "User-Agent: llmbroker/" NGX_HTTP_LLMBROKER_VERSION CRLF
                     "Content-Type: application/json" CRLF
                     "Accept: " CRLF
                     "Accept-Encoding: identity" CRLF) - 1
              + d->host_header.len
              + accept.len
              + d->target.headers[stream].len;

        p = ngx_pnalloc(pool, len);
        if (p == NULL) {
            return NGX_ERROR;
        }

        d->headers[stream].data = p;
        d->headers[stream].len = ngx_sprintf(p,
                     "Host: %V" CRLF
                     "User-Agent: llmbroker/" NGX_HTTP_LLMBROKER_VERSION CRLF
                     "Content-Type: application/json" CRLF
                     "Accept: %V" CRLF
                     "Accept-Encoding: identity" CRLF
                     "%V",
                     &d->host_header, &accept, &d->target.headers[stream])
                                 - p;
    }

    return NGX_OK;
}


ngx_uint_t
ngx_http_llmbroker_conf_loopback(ngx_str_t *host)
{
    in_addr_t  addr;

    if ((host->len == sizeof("localhost") - 1
         && ngx_strncmp(host->data, "localhost", host->len) == 0)
        || (host->len == sizeof("[::1]") - 1
            && ngx_strncmp(host->data, "[::1]", host->len) == 0))
    {
        return 1;
    }

    addr = ngx_inet_addr(host->data, host->len);

    return addr != INADDR_NONE && (ntohl(addr) >> 24) == 127;
}
