
/*
 * Copyright (C) LLMBroker contributors
 *
 * Compares a tree with what yajl tells of the same text.
 */


#ifndef _JSON_CHECK_H_INCLUDED_
#define _JSON_CHECK_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <yajl/yajl_parse.h>

#include "codec/ngx_http_llmbroker_json.h"


typedef struct {
    ngx_http_llmbroker_json_t   *next;     /* the value to come */
    ngx_uint_t                   depth;
    ngx_http_llmbroker_json_t   *around[NGX_HTTP_LLMBROKER_SCAN_MAX_DEPTH];
    ngx_uint_t                   left[NGX_HTTP_LLMBROKER_SCAN_MAX_DEPTH];
    ngx_pool_t                  *pool;
} json_check_t;


static inline int
json_check_value(json_check_t *c, ngx_http_llmbroker_json_type_e type)
{
    ngx_http_llmbroker_json_t  *v;

    v = c->next;

    if (v == NULL || v->type != type) {
        return 0;
    }

    c->next = v->next;

    if (c->depth != 0 && c->left[c->depth - 1]-- == 0) {
        return 0;
    }

    return 1;
}


static inline int
json_check_null(void *data)
{
    return json_check_value(data, NGX_HTTP_LLMBROKER_JSON_NULL);
}


static inline int
json_check_bool(void *data, int value)
{
    json_check_t *c = data;

    ngx_http_llmbroker_json_t  *v;

    v = c->next;

    return json_check_value(c, NGX_HTTP_LLMBROKER_JSON_BOOL)
           && v->raw.len == (value ? 4 : 5)
           && memcmp(v->raw.data, value ? "true" : "false", v->raw.len)
              == 0;
}


static inline int
json_check_number(void *data, const char *text, size_t len)
{
    json_check_t *c = data;

    ngx_http_llmbroker_json_t  *v;

    v = c->next;

    return json_check_value(c, NGX_HTTP_LLMBROKER_JSON_NUMBER)
           && v->raw.len == len && ngx_memcmp(v->raw.data, text, len) == 0;
}


static inline int
json_check_string(void *data, const unsigned char *text, size_t len)
{
    json_check_t *c = data;

    ngx_str_t                   s;
    ngx_http_llmbroker_json_t  *v;

    v = c->next;

    return json_check_value(c, NGX_HTTP_LLMBROKER_JSON_STRING)
           && ngx_http_llmbroker_json_string(c->pool, v, &s) == NGX_OK
           && s.len == len && ngx_memcmp(s.data, text, len) == 0;
}


/* the name is that of the value to come */

static inline int
json_check_key(void *data, const unsigned char *text, size_t len)
{
    json_check_t *c = data;

    return c->next != NULL && c->next->key.len == len
           && ngx_memcmp(c->next->key.data, text, len) == 0;
}


static inline int
json_check_open(json_check_t *c, ngx_http_llmbroker_json_type_e type)
{
    ngx_http_llmbroker_json_t  *v;

    v = c->next;

    if (!json_check_value(c, type)) {
        return 0;
    }

    c->around[c->depth] = v;
    c->left[c->depth++] = v->n;
    c->next = v->child;

    return 1;
}


static inline int
json_check_object(void *data)
{
    return json_check_open(data, NGX_HTTP_LLMBROKER_JSON_OBJECT);
}


static inline int
json_check_array(void *data)
{
    return json_check_open(data, NGX_HTTP_LLMBROKER_JSON_ARRAY);
}


static inline int
json_check_end(void *data)
{
    json_check_t *c = data;

    ngx_http_llmbroker_json_t  *v;

    if (c->next != NULL || c->left[--c->depth] != 0) {
        return 0;
    }

    v = c->around[c->depth];
    c->next = v->next;

    return v->raw.data[v->raw.len - 1]
           == (v->type == NGX_HTTP_LLMBROKER_JSON_OBJECT ? '}' : ']');
}


/*
 * 1 when yajl tells the values of the tree of a text that was accepted, in
 * their order and with their names.  A text with a surrogate's escape is not
 * compared: yajl aborts on some lone ones, and knows no U+FFFD.
 */
static inline ngx_uint_t
json_check_yajl(ngx_pool_t *pool, const u_char *text, size_t len,
    ngx_http_llmbroker_json_t *root)
{
    size_t          i;
    yajl_handle     y;
    ngx_uint_t      same;
    json_check_t    c;
    yajl_callbacks  callbacks = {
        json_check_null, json_check_bool, NULL, NULL, json_check_number,
        json_check_string, json_check_object, json_check_key, json_check_end,
        json_check_array, json_check_end
    };

    for (i = 0; i + 2 < len; i++) {

        if (text[i] == '\\' && text[i + 1] == 'u'
            && (text[i + 2] == 'd' || text[i + 2] == 'D'))
        {
            return 1;
        }
    }

    ngx_memzero(&c, sizeof(c));
    c.pool = pool;
    c.next = root;

    y = yajl_alloc(&callbacks, NULL, &c);
    yajl_config(y, yajl_dont_validate_strings, 1);

    same = yajl_parse(y, text, len) == yajl_status_ok
           && yajl_complete_parse(y) == yajl_status_ok
           && c.next == NULL && c.depth == 0;

    yajl_free(y);

    return same;
}


#endif /* _JSON_CHECK_H_INCLUDED_ */
