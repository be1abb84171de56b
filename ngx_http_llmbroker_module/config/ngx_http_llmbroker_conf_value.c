
/*
 * Copyright (C) LLMBroker contributors
 */


#include "codec/ngx_http_llmbroker_utf8.h"
#include "config/ngx_http_llmbroker_conf_env.h"
#include "config/ngx_http_llmbroker_conf_value.h"


static const ngx_http_llmbroker_conf_key_t *ngx_http_llmbroker_conf_find(
    const ngx_http_llmbroker_conf_key_t *k, ngx_str_t *name);
static ngx_int_t ngx_http_llmbroker_conf_set(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, const ngx_http_llmbroker_conf_key_t *k,
    ngx_http_llmbroker_conf_table_t *table);
static ngx_int_t ngx_http_llmbroker_conf_unknown_key(
    ngx_http_llmbroker_reader_t *rd, ngx_http_llmbroker_yaml_t *v,
    ngx_http_llmbroker_conf_table_t *table, ngx_uint_t where);
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
    ngx_http_llmbroker_conf_table_t  tables[] = {
        { keys, data, seen },
        { NULL, NULL, NULL }
    };

    return ngx_http_llmbroker_conf_tables(rd, map, tables, where);
}


ngx_int_t
ngx_http_llmbroker_conf_tables(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *map, ngx_http_llmbroker_conf_table_t *tables,
    ngx_uint_t where)
{
    ngx_http_llmbroker_yaml_t            *v;
    ngx_http_llmbroker_conf_table_t      *table;
    const ngx_http_llmbroker_conf_key_t  *k;

    if (map->type != NGX_HTTP_LLMBROKER_YAML_MAPPING) {
        return ngx_http_llmbroker_conf_invalid(rd, map, "expected a mapping");
    }

    for (v = map->child; v; v = v->next) {

        k = NULL;

        for (table = tables; table->keys; table++) {
            k = ngx_http_llmbroker_conf_find(table->keys, &v->key);
            if (k) {
                break;
            }
        }

        if (k == NULL) {
            return ngx_http_llmbroker_conf_unknown_key(rd, v, tables, where);
        }

        if (!(k->where & where)) {
            return ngx_http_llmbroker_conf_invalid_hidden(rd, v,
                                      "the key is not allowed at this place");
        }

        if (ngx_http_llmbroker_conf_null(v)) {
            continue;
        }

        if (ngx_http_llmbroker_conf_set(rd, v, k, table) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static const ngx_http_llmbroker_conf_key_t *
ngx_http_llmbroker_conf_find(const ngx_http_llmbroker_conf_key_t *k,
    ngx_str_t *name)
{
    for ( /* void */ ; k->name.len; k++) {
        if (k->name.len == name->len
            && ngx_strncmp(k->name.data, name->data, name->len) == 0)
        {
            return k;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_llmbroker_conf_set(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, const ngx_http_llmbroker_conf_key_t *k,
    ngx_http_llmbroker_conf_table_t *table)
{
    ngx_int_t                        rc;
    ngx_http_llmbroker_conf_seen_t  *seen;

    rc = k->set(rd, v, k, (u_char *) table->data + k->offset);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (table->seen == NULL) {
        return (rc == NGX_DECLINED) ? ngx_http_llmbroker_conf_unset(rd, v)
                                    : NGX_OK;
    }

    seen = &table->seen[k - table->keys];

    seen->value = v;

    if (rc == NGX_DECLINED) {
        seen->unset = rd->unset;

    } else {
        ngx_str_null(&seen->unset);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_conf_unknown_key(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_http_llmbroker_conf_table_t *table,
    ngx_uint_t where)
{
    ngx_http_llmbroker_conf_near_t        near;
    const ngx_http_llmbroker_conf_key_t  *k;

    ngx_http_llmbroker_conf_near(&near, &v->key);

    for ( /* void */ ; table->keys; table++) {
        for (k = table->keys; k->name.len; k++) {
            if (k->where & where) {
                ngx_http_llmbroker_conf_offer(&near, (ngx_str_t *) &k->name);
            }
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

    u_char      why[NGX_HTTP_LLMBROKER_CONF_PATH];
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

    if (ms == NGX_ERROR || (k->max == 0 && (ngx_uint_t) ms < k->min)) {
        return ngx_http_llmbroker_conf_invalid(rd, v,
                             "expected a time, such as 60, 1.5, 500ms or 2m");
    }

    if (k->max
        && ((ngx_uint_t) ms < k->min || (ngx_uint_t) ms > k->max))
    {
        (void) ngx_sprintf(why, "expected a time from %uims to %uis%Z",
                           k->min, k->max / 1000);

        return ngx_http_llmbroker_conf_invalid(rd, v, (char *) why);
    }

    *msp = ms;

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_conf_set_percent(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, const ngx_http_llmbroker_conf_key_t *k,
    void *field)
{
    ngx_uint_t  *np = field;

    u_char      why[NGX_HTTP_LLMBROKER_CONF_PATH];
    ngx_int_t   rc, n;
    ngx_str_t   text;

    (void) ngx_sprintf(why, "expected a percentage from %ui to %ui, "
                       "such as 50 or 50%%%Z", k->min, k->max);

    if (v->type != NGX_HTTP_LLMBROKER_YAML_SCALAR) {
        return ngx_http_llmbroker_conf_invalid(rd, v, (char *) why);
    }

    rc = ngx_http_llmbroker_conf_expand(rd, v, &text);
    if (rc != NGX_OK) {
        return rc;
    }

    if (text.len && text.data[text.len - 1] == '%') {
        text.len--;
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


ngx_int_t
ngx_http_llmbroker_conf_word(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, const char *what, ngx_str_t *words,
    ngx_uint_t *n)
{
    u_char                          *p, *last;
    u_char                           why[NGX_HTTP_LLMBROKER_CONF_PATH];
    ngx_int_t                        rc;
    ngx_str_t                        text;
    ngx_uint_t                       i;
    ngx_http_llmbroker_conf_near_t   near;

    rc = ngx_http_llmbroker_conf_str(rd, v, &text);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_llmbroker_conf_near(&near, &text);

    for (i = 0; words[i].len; i++) {

        if (text.len == words[i].len
            && ngx_memcmp(text.data, words[i].data, text.len) == 0)
        {
            *n = i;
            return NGX_OK;
        }

        ngx_http_llmbroker_conf_offer(&near, &words[i]);
    }

    if (near.best) {
        return ngx_http_llmbroker_conf_unknown(rd, v, what, &near);
    }

    p = why;
    last = why + NGX_HTTP_LLMBROKER_CONF_PATH - 1;

    for (i = 0; words[i].len; i++) {
        p = ngx_slprintf(p, last, "%s%V",
                         i == 0 ? "expected "
                                : words[i + 1].len ? ", " : " or ",
                         &words[i]);
    }

    *p = '\0';

    return ngx_http_llmbroker_conf_invalid(rd, v, (char *) why);
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
