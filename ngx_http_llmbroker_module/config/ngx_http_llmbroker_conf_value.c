
/*
 * Copyright (C) LLMBroker contributors
 */


#include "codec/ngx_http_llmbroker_utf8.h"
#include "config/ngx_http_llmbroker_conf_env.h"
#include "config/ngx_http_llmbroker_conf_value.h"


static ngx_int_t ngx_http_llmbroker_conf_unknown_key(
    ngx_http_llmbroker_reader_t *rd, ngx_http_llmbroker_yaml_t *v,
    const ngx_http_llmbroker_conf_key_t *keys, ngx_uint_t where);
static ngx_int_t ngx_http_llmbroker_conf_typed(
    ngx_http_llmbroker_reader_t *rd, ngx_http_llmbroker_yaml_t *v,
    ngx_str_t *text, const char *expected);


static ngx_str_t  ngx_http_llmbroker_conf_true[] = {
    ngx_string("true"),
    ngx_string("yes"),
    ngx_string("on"),
    ngx_null_string
};


static ngx_str_t  ngx_http_llmbroker_conf_false[] = {
    ngx_string("false"),
    ngx_string("no"),
    ngx_string("off"),
    ngx_null_string
};


ngx_int_t
ngx_http_llmbroker_conf_map(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *map, const ngx_http_llmbroker_conf_key_t *keys,
    ngx_uint_t where, void *data, ngx_http_llmbroker_conf_seen_t *seen)
{
    ngx_int_t                             rc;
    ngx_uint_t                            i;
    ngx_http_llmbroker_yaml_t            *v;
    const ngx_http_llmbroker_conf_key_t  *k;

    if (map->type != NGX_HTTP_LLMBROKER_YAML_MAPPING) {
        return ngx_http_llmbroker_conf_invalid(rd, map, "expected a mapping");
    }

    for (v = map->child; v; v = v->next) {

        for (k = keys; k->name.len; k++) {
            if (k->name.len == v->key.len
                && ngx_strncmp(k->name.data, v->key.data, v->key.len) == 0)
            {
                break;
            }
        }

        if (k->name.len == 0) {
            return ngx_http_llmbroker_conf_unknown_key(rd, v, keys, where);
        }

        if (!(k->where & where)) {
            return ngx_http_llmbroker_conf_invalid_hidden(rd, v,
                                      "the key is not allowed at this place");
        }

        if (ngx_http_llmbroker_conf_null(v)) {
            continue;
        }

        rc = k->set(rd, v, k, (u_char *) data + k->offset);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (seen == NULL) {
            if (rc == NGX_DECLINED) {
                return ngx_http_llmbroker_conf_unset(rd, v);
            }

            continue;
        }

        i = k - keys;

        seen[i].value = v;

        if (rc == NGX_DECLINED) {
            seen[i].unset = rd->unset;

        } else {
            ngx_str_null(&seen[i].unset);
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_conf_unknown_key(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, const ngx_http_llmbroker_conf_key_t *keys,
    ngx_uint_t where)
{
    ngx_http_llmbroker_conf_near_t        near;
    const ngx_http_llmbroker_conf_key_t  *k;

    ngx_http_llmbroker_conf_near(&near, &v->key);

    for (k = keys; k->name.len; k++) {
        if (k->where & where) {
            ngx_http_llmbroker_conf_offer(&near, (ngx_str_t *) &k->name);
        }
    }

    return ngx_http_llmbroker_conf_unknown(rd, v, NULL, &near);
}


ngx_int_t
ngx_http_llmbroker_conf_str(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_str_t *text)
{
    u_char      ch;
    size_t      i;
    ngx_int_t   rc;

    if (v->type != NGX_HTTP_LLMBROKER_YAML_SCALAR
        || (v->plain && !ngx_http_llmbroker_conf_reference(v)
            && (ngx_http_llmbroker_conf_null(v)
                || ngx_http_llmbroker_conf_boolean(&v->value) != NGX_ERROR)))
    {
        return ngx_http_llmbroker_conf_invalid(rd, v, "expected a string");
    }

    rc = ngx_http_llmbroker_conf_expand(rd, v, text);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_llmbroker_utf8(NGX_HTTP_LLMBROKER_UTF8_ACCEPT, text->data,
                                text->data + text->len)
        != NGX_HTTP_LLMBROKER_UTF8_ACCEPT)
    {
        return ngx_http_llmbroker_conf_invalid(rd, v, "it is no valid UTF-8");
    }

    for (i = 0; i < text->len; i++) {
        ch = text->data[i];

        if (ch < 0x20 || ch == 0x7f) {
            return ngx_http_llmbroker_conf_invalid(rd, v,
                                  "a control character is not allowed in it");
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_conf_set_str(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, const ngx_http_llmbroker_conf_key_t *k,
    void *field)
{
    return ngx_http_llmbroker_conf_str(rd, v, field);
}


ngx_int_t
ngx_http_llmbroker_conf_set_flag(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, const ngx_http_llmbroker_conf_key_t *k,
    void *field)
{
    ngx_uint_t  *np = field;

    ngx_int_t   rc;
    ngx_str_t   text;

    rc = ngx_http_llmbroker_conf_typed(rd, v, &text, "expected true or false");
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_conf_boolean(&text);
    if (rc == NGX_ERROR) {
        return ngx_http_llmbroker_conf_invalid(rd, v,
                                               "expected true or false");
    }

    *np = rc;

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_conf_set_num(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, const ngx_http_llmbroker_conf_key_t *k,
    void *field)
{
    ngx_uint_t  *np = field;

    u_char      why[NGX_HTTP_LLMBROKER_CONF_PATH];
    ngx_int_t   rc, n;
    ngx_str_t   text;

    (void) ngx_sprintf(why, "expected a whole number from %ui to %ui%Z",
                       k->min, k->max);

    rc = ngx_http_llmbroker_conf_typed(rd, v, &text, (char *) why);
    if (rc != NGX_OK) {
        return rc;
    }

    n = ngx_atoi(text.data, text.len);

    if (n == NGX_ERROR
        || (ngx_uint_t) n < k->min || (ngx_uint_t) n > k->max)
    {
        return ngx_http_llmbroker_conf_invalid(rd, v, (char *) why);
    }

    *np = n;

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_conf_set_msec(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, const ngx_http_llmbroker_conf_key_t *k,
    void *field)
{
    ngx_msec_t  *msp = field;

    ngx_int_t   rc, ms;
    ngx_str_t   text;

    if (v->type != NGX_HTTP_LLMBROKER_YAML_SCALAR) {
        return ngx_http_llmbroker_conf_invalid(rd, v,
                             "expected a time, such as 60, 1.5, 500ms or 2m");
    }

    rc = ngx_http_llmbroker_conf_expand(rd, v, &text);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_strlchr(text.data, text.data + text.len, '.')) {
        ms = ngx_atofp(text.data, text.len, 3);

    } else {
        ms = ngx_parse_time(&text, 0);
    }

    if (ms == NGX_ERROR || (ngx_uint_t) ms < k->min) {
        return ngx_http_llmbroker_conf_invalid(rd, v,
                             "expected a time, such as 60, 1.5, 500ms or 2m");
    }

    *msp = ms;

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_conf_set_mapping(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, const ngx_http_llmbroker_conf_key_t *k,
    void *field)
{
    ngx_http_llmbroker_yaml_t  **vp = field;

    if (v->type != NGX_HTTP_LLMBROKER_YAML_MAPPING) {
        return ngx_http_llmbroker_conf_invalid(rd, v, "expected a mapping");
    }

    *vp = v;

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_conf_set_list(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, const ngx_http_llmbroker_conf_key_t *k,
    void *field)
{
    ngx_http_llmbroker_yaml_t  **vp = field;

    if (v->type != NGX_HTTP_LLMBROKER_YAML_SEQUENCE) {
        return ngx_http_llmbroker_conf_invalid(rd, v, "expected a list");
    }

    *vp = v;

    return NGX_OK;
}


/*
 * The text of a value that is no string: quotes make it one, except around
 * a reference, which many people quote by habit.
 */

static ngx_int_t
ngx_http_llmbroker_conf_typed(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_str_t *text, const char *expected)
{
    if (v->type != NGX_HTTP_LLMBROKER_YAML_SCALAR
        || (!v->plain && !ngx_http_llmbroker_conf_reference(v)))
    {
        return ngx_http_llmbroker_conf_invalid(rd, v, expected);
    }

    return ngx_http_llmbroker_conf_expand(rd, v, text);
}


ngx_uint_t
ngx_http_llmbroker_conf_null(ngx_http_llmbroker_yaml_t *v)
{
    if (v->type != NGX_HTTP_LLMBROKER_YAML_SCALAR || !v->plain) {
        return 0;
    }

    return v->value.len == 0
           || (v->value.len == 1 && v->value.data[0] == '~')
           || (v->value.len == 4
               && ngx_strncasecmp(v->value.data, (u_char *) "null", 4) == 0);
}


ngx_int_t
ngx_http_llmbroker_conf_boolean(ngx_str_t *text)
{
    ngx_uint_t  i;

    for (i = 0; ngx_http_llmbroker_conf_true[i].len; i++) {

        if (text->len == ngx_http_llmbroker_conf_true[i].len
            && ngx_strncasecmp(text->data,
                               ngx_http_llmbroker_conf_true[i].data,
                               text->len)
               == 0)
        {
            return 1;
        }

        if (text->len == ngx_http_llmbroker_conf_false[i].len
            && ngx_strncasecmp(text->data,
                               ngx_http_llmbroker_conf_false[i].data,
                               text->len)
               == 0)
        {
            return 0;
        }
    }

    return NGX_ERROR;
}
