
/*
 * Copyright (C) LLMBroker contributors
 */


#include "codec/ngx_http_llmbroker_json.h"
#include "codec/ngx_http_llmbroker_json_write.h"
#include "codec/ngx_http_llmbroker_utf8.h"
#include "config/ngx_http_llmbroker_conf_env.h"
#include "config/ngx_http_llmbroker_conf_params.h"
#include "config/ngx_http_llmbroker_conf_value.h"


#define NGX_HTTP_LLMBROKER_CONF_JSON  1024


static ngx_int_t ngx_http_llmbroker_conf_kinds(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *map);
static ngx_int_t ngx_http_llmbroker_conf_json(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *top, ngx_str_t *json);
static ngx_int_t ngx_http_llmbroker_conf_written(
    ngx_http_llmbroker_reader_t *rd, ngx_http_llmbroker_out_t *out,
    ngx_str_t *json);
static ngx_int_t ngx_http_llmbroker_conf_write(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_json_writer_t *w, ngx_http_llmbroker_yaml_t *top);
static ngx_int_t ngx_http_llmbroker_conf_write_scalar(
    ngx_http_llmbroker_reader_t *rd, ngx_http_llmbroker_json_writer_t *w,
    ngx_http_llmbroker_yaml_t *v);
static ngx_int_t ngx_http_llmbroker_conf_number(ngx_pool_t *pool,
    ngx_str_t *text, ngx_str_t *number);
static u_char *ngx_http_llmbroker_conf_digits(u_char *p, u_char *last);


/* in the order of ngx_http_llmbroker_call_e */

static const char *ngx_http_llmbroker_conf_calls[] = {
    "chat",
    "completions",
    "embeddings"
};


ngx_int_t
ngx_http_llmbroker_conf_defaults(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *map, ngx_http_llmbroker_model_t *model)
{
    ngx_int_t                   rc;
    ngx_uint_t                  call;
    ngx_http_llmbroker_yaml_t  *v;

    rc = ngx_http_llmbroker_conf_kinds(rd, map);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED) {
        rc = ngx_http_llmbroker_conf_params(rd, map,
                              &model->defaults[NGX_HTTP_LLMBROKER_CHAT]);
        v = NULL;

    } else {
        for (call = 0; call < NGX_HTTP_LLMBROKER_CALLS; call++) {
            v = ngx_http_llmbroker_yaml_get(map,
                                         ngx_http_llmbroker_conf_calls[call]);
            if (v == NULL) {
                continue;
            }

            rc = ngx_http_llmbroker_conf_params(rd, v, &model->defaults[call]);
            if (rc != NGX_OK) {
                return rc;
            }
        }

        v = ngx_http_llmbroker_yaml_get(map, "completions");
    }

    if (v == NULL) {
        model->defaults[NGX_HTTP_LLMBROKER_COMPLETIONS] =
                                     model->defaults[NGX_HTTP_LLMBROKER_CHAT];
    }

    return rc;
}


/* NGX_OK: nested by the kind of call; NGX_DECLINED: plain */

static ngx_int_t
ngx_http_llmbroker_conf_kinds(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *map)
{
    ngx_uint_t                  call, n;
    ngx_http_llmbroker_yaml_t  *v, *nested;

    n = 0;
    nested = NULL;

    for (call = 0; call < NGX_HTTP_LLMBROKER_CALLS; call++) {
        v = ngx_http_llmbroker_yaml_get(map,
                                        ngx_http_llmbroker_conf_calls[call]);

        if (v && v->type == NGX_HTTP_LLMBROKER_YAML_MAPPING) {
            nested = v;
            n++;
        }
    }

    if (n == 0) {
        return NGX_DECLINED;
    }

    if (n != map->n) {
        return ngx_http_llmbroker_conf_invalid(rd, nested,
                              "it cannot stand beside parameters themselves");
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_conf_params(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *map, ngx_array_t *params)
{
    ngx_int_t                    rc;
    ngx_pool_t                  *pool;
    ngx_http_llmbroker_yaml_t   *v;
    ngx_http_llmbroker_param_t  *param;

    pool = rd->cf->pool;

    if (ngx_array_init(params, pool, map->n ? map->n : 1,
                       sizeof(ngx_http_llmbroker_param_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (v = map->child; v; v = v->next) {

        param = ngx_array_push(params);
        if (param == NULL) {
            return NGX_ERROR;
        }

        param->name.len = v->key.len;
        param->name.data = ngx_pstrdup(pool, &v->key);
        if (param->name.data == NULL) {
            return NGX_ERROR;
        }

        if (ngx_http_llmbroker_conf_quote(rd, &v->key, &param->key)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        rc = ngx_http_llmbroker_conf_json(rd, v, &param->value);
        if (rc != NGX_OK) {
            return rc;
        }

        rc = ngx_http_llmbroker_json_parse(pool, param->value.data,
                                           param->value.len, &param->tree);
        if (rc == NGX_DECLINED) {
            return ngx_http_llmbroker_conf_invalid(rd, v,
                                                   "it has no JSON form");
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_conf_object(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *map, ngx_http_llmbroker_json_t **object)
{
    ngx_int_t  rc;
    ngx_str_t  json;

    rc = ngx_http_llmbroker_conf_json(rd, map, &json);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llmbroker_json_parse(rd->cf->pool, json.data, json.len,
                                         object);
}


ngx_int_t
ngx_http_llmbroker_conf_names(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *list, ngx_array_t *names)
{
    ngx_int_t                   rc;
    ngx_str_t                  *name;
    ngx_http_llmbroker_yaml_t  *v;

    if (ngx_array_init(names, rd->cf->pool, list->n ? list->n : 1,
                       sizeof(ngx_str_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (v = list->child; v; v = v->next) {

        name = ngx_array_push(names);
        if (name == NULL) {
            return NGX_ERROR;
        }

        rc = ngx_http_llmbroker_conf_str(rd, v, name);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_conf_quote(ngx_http_llmbroker_reader_t *rd, ngx_str_t *text,
    ngx_str_t *json)
{
    ngx_http_llmbroker_out_t          out;
    ngx_http_llmbroker_json_writer_t  w;

    ngx_http_llmbroker_out_init(&out, rd->cf->temp_pool, &rd->free, NULL,
                                NGX_HTTP_LLMBROKER_CONF_JSON);

    ngx_http_llmbroker_json_write_start(&w, &out);
    ngx_http_llmbroker_json_str(&w, text);

    if (ngx_http_llmbroker_json_write_end(&w) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_conf_written(rd, &out, json);
}


static ngx_int_t
ngx_http_llmbroker_conf_json(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *top, ngx_str_t *json)
{
    ngx_int_t                         rc;
    ngx_http_llmbroker_out_t          out;
    ngx_http_llmbroker_json_writer_t  w;

    ngx_http_llmbroker_out_init(&out, rd->cf->temp_pool, &rd->free, NULL,
                                NGX_HTTP_LLMBROKER_CONF_JSON);

    ngx_http_llmbroker_json_write_start(&w, &out);

    rc = ngx_http_llmbroker_conf_write(rd, &w, top);

    if (ngx_http_llmbroker_json_write_end(&w) != NGX_OK && rc == NGX_OK) {
        return NGX_ERROR;
    }

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llmbroker_conf_written(rd, &out, json);
}


/* the text, of which there are thousands; the next one gets the buffers */

static ngx_int_t
ngx_http_llmbroker_conf_written(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_out_t *out, ngx_str_t *json)
{
    ngx_chain_t  *cl, *next;

    if (ngx_http_llmbroker_out_text(out, rd->cf->pool, json) != NGX_OK) {
        return NGX_ERROR;
    }

    for (cl = ngx_http_llmbroker_out_take(out); cl; cl = next) {
        next = cl->next;
        cl->next = rd->free;
        rd->free = cl;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_conf_write(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_json_writer_t *w, ngx_http_llmbroker_yaml_t *top)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_yaml_t  *v;

    v = top;

    for ( ;; ) {

        if (v != top && v->parent->type == NGX_HTTP_LLMBROKER_YAML_MAPPING) {
            ngx_http_llmbroker_json_key_str(w, &v->key);
        }

        switch (v->type) {

        case NGX_HTTP_LLMBROKER_YAML_MAPPING:
            ngx_http_llmbroker_json_open(w);
            break;

        case NGX_HTTP_LLMBROKER_YAML_SEQUENCE:
            ngx_http_llmbroker_json_open_array(w);
            break;

        default: /* NGX_HTTP_LLMBROKER_YAML_SCALAR */
            rc = ngx_http_llmbroker_conf_write_scalar(rd, w, v);
            if (rc != NGX_OK) {
                return rc;
            }
        }

        if (v->child) {
            v = v->child;
            continue;
        }

        for ( ;; ) {

            if (v->type == NGX_HTTP_LLMBROKER_YAML_MAPPING) {
                ngx_http_llmbroker_json_close(w);

            } else if (v->type == NGX_HTTP_LLMBROKER_YAML_SEQUENCE) {
                ngx_http_llmbroker_json_close_array(w);
            }

            if (v == top) {
                return NGX_OK;
            }

            if (v->next) {
                v = v->next;
                break;
            }

            v = v->parent;
        }
    }
}


static ngx_int_t
ngx_http_llmbroker_conf_write_scalar(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_json_writer_t *w, ngx_http_llmbroker_yaml_t *v)
{
    ngx_int_t                  rc;
    ngx_str_t                  text, number;
    ngx_http_llmbroker_yaml_t  plain;

    rc = ngx_http_llmbroker_conf_expand(rd, v, &text);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_llmbroker_utf8(NGX_HTTP_LLMBROKER_UTF8_ACCEPT, text.data,
                                text.data + text.len)
        != NGX_HTTP_LLMBROKER_UTF8_ACCEPT)
    {
        return ngx_http_llmbroker_conf_invalid(rd, v, "it is no valid UTF-8");
    }

    if (!v->plain) {
        ngx_http_llmbroker_json_str(w, &text);
        return NGX_OK;
    }

    /* the same value with its references replaced */

    plain = *v;
    plain.value = text;

    if (ngx_http_llmbroker_conf_null(&plain)) {
        ngx_http_llmbroker_json_null(w);
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_conf_boolean(&text);

    if (rc != NGX_ERROR) {
        ngx_http_llmbroker_json_bool(w, rc);
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_conf_number(rd->cf->temp_pool, &text, &number);

    if (rc == NGX_ERROR) {
        return ngx_http_llmbroker_conf_invalid(rd, v,
                     "it is a number that JSON cannot hold, quote a string");
    }

    if (rc == NGX_OK) {
        ngx_http_llmbroker_json_raw(w, &number);

    } else {
        ngx_http_llmbroker_json_str(w, &text);
    }

    return NGX_OK;
}


/*
 * A number of YAML's core schema (1.2, 10.3.2) as JSON, digits as they stand.
 * Return: NGX_OK; NGX_DECLINED when it is none; NGX_ERROR when it is one that
 * has no JSON form: 0x1f, 0o17, .inf, .nan.
 */

static ngx_int_t
ngx_http_llmbroker_conf_number(ngx_pool_t *pool, ngx_str_t *text,
    ngx_str_t *number)
{
    u_char  *p, *dst, *last, *whole, *dot, *fraction, *exponent;

    last = text->data + text->len;
    p = text->data;

    if (p < last && (*p == '-' || *p == '+')) {
        p++;
    }

    if (last - p == 4
        && (ngx_strncasecmp(p, (u_char *) ".inf", 4) == 0
            || ngx_strncasecmp(p, (u_char *) ".nan", 4) == 0))
    {
        return NGX_ERROR;
    }

    if (last - p > 2 && p[0] == '0' && (p[1] == 'x' || p[1] == 'o')
        && ngx_hextoi(p + 2, last - p - 2) != NGX_ERROR)
    {
        return NGX_ERROR;
    }

    whole = p;
    dot = ngx_http_llmbroker_conf_digits(p, last);
    fraction = dot;
    p = dot;

    if (p < last && *p == '.') {
        fraction = p + 1;
        p = ngx_http_llmbroker_conf_digits(fraction, last);
    }

    if (whole == dot && p == fraction) {
        return NGX_DECLINED;
    }

    exponent = p;

    if (p < last && (*p == 'e' || *p == 'E')) {
        p++;

        if (p < last && (*p == '-' || *p == '+')) {
            p++;
        }

        if (p == ngx_http_llmbroker_conf_digits(p, last)) {
            return NGX_DECLINED;
        }

        p = ngx_http_llmbroker_conf_digits(p, last);
    }

    if (p != last) {
        return NGX_DECLINED;
    }

    while (dot - whole > 1 && *whole == '0') {
        whole++;
    }

    number->data = ngx_pnalloc(pool, text->len + 1);
    if (number->data == NULL) {
        return NGX_ERROR;
    }

    dst = number->data;

    if (*text->data == '-') {
        *dst++ = '-';
    }

    if (whole == dot) {
        *dst++ = '0';
    }

    dst = ngx_cpymem(dst, whole, dot - whole);

    if (exponent > fraction) {
        *dst++ = '.';
        dst = ngx_cpymem(dst, fraction, exponent - fraction);
    }

    dst = ngx_cpymem(dst, exponent, last - exponent);

    number->len = dst - number->data;

    return NGX_OK;
}


static u_char *
ngx_http_llmbroker_conf_digits(u_char *p, u_char *last)
{
    while (p < last && *p >= '0' && *p <= '9') {
        p++;
    }

    return p;
}
