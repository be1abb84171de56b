
/*
 * Copyright (C) LLMBroker contributors
 */


#include "codec/ngx_http_llmbroker_hosts.h"


static ngx_int_t ngx_http_llmbroker_hosts_line(ngx_str_t *text,
    ngx_str_t *line);
static ngx_int_t ngx_http_llmbroker_hosts_word(ngx_str_t *line,
    ngx_str_t *word);


ngx_uint_t
ngx_http_llmbroker_hosts_find(ngx_str_t *text, ngx_str_t *name)
{
    ngx_str_t  rest, line, word;

    static ngx_str_t  local = ngx_string("localhost");

    if (name->len >= local.len
        && ngx_memcmp(name->data + name->len - local.len, local.data,
                      local.len)
           == 0
        && (name->len == local.len
            || name->data[name->len - local.len - 1] == '.'))
    {
        return 1;
    }

    rest = *text;

    while (ngx_http_llmbroker_hosts_line(&rest, &line) == NGX_OK) {

        if (ngx_http_llmbroker_hosts_word(&line, &word) != NGX_OK) {
            continue;
        }

        /* after the address */

        while (ngx_http_llmbroker_hosts_word(&line, &word) == NGX_OK) {
            if (word.len == name->len
                && ngx_strncasecmp(word.data, name->data, word.len) == 0)
            {
                return 1;
            }
        }
    }

    return 0;
}


ngx_uint_t
ngx_http_llmbroker_hosts_servers(ngx_str_t *text, ngx_str_t *servers,
    ngx_uint_t n)
{
    ngx_str_t   rest, line, word;
    ngx_uint_t  found;

    static ngx_str_t  key = ngx_string("nameserver");

    rest = *text;
    found = 0;

    while (found < n
           && ngx_http_llmbroker_hosts_line(&rest, &line) == NGX_OK)
    {
        if (ngx_http_llmbroker_hosts_word(&line, &word) != NGX_OK
            || word.len != key.len
            || ngx_memcmp(word.data, key.data, key.len) != 0)
        {
            continue;
        }

        if (ngx_http_llmbroker_hosts_word(&line, &word) == NGX_OK) {
            servers[found++] = word;
        }
    }

    return found;
}


/* takes a line off the text, without its comment */

static ngx_int_t
ngx_http_llmbroker_hosts_line(ngx_str_t *text, ngx_str_t *line)
{
    u_char  *p, *last;

    if (text->len == 0) {
        return NGX_DONE;
    }

    last = text->data + text->len;

    p = ngx_strlchr(text->data, last, '\n');

    if (p == NULL) {
        p = last;
    }

    line->data = text->data;
    line->len = p - text->data;

    text->data = (p == last) ? last : p + 1;
    text->len = last - text->data;

    for (p = line->data; p < line->data + line->len; p++) {
        if (*p == '#' || *p == ';') {
            line->len = p - line->data;
            break;
        }
    }

    return NGX_OK;
}


/* takes a word off the line */

static ngx_int_t
ngx_http_llmbroker_hosts_word(ngx_str_t *line, ngx_str_t *word)
{
    u_char  *p, *last;

    p = line->data;
    last = p + line->len;

    while (p < last && (*p == ' ' || *p == '\t' || *p == '\r')) {
        p++;
    }

    word->data = p;

    while (p < last && *p != ' ' && *p != '\t' && *p != '\r') {
        p++;
    }

    word->len = p - word->data;

    line->data = p;
    line->len = last - p;

    return word->len ? NGX_OK : NGX_DONE;
}
