
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "request/ngx_http_llmbroker_adapt.h"


/* the text of a number that is looked into */
#define NGX_HTTP_LLMBROKER_ADAPT_NUMBER  64


static ngx_int_t ngx_http_llmbroker_adapt_rule(ngx_http_llmbroker_edit_t *edit,
    ngx_http_llmbroker_exchange_t *ex, const ngx_http_llmbroker_adapt_t *rule,
    ngx_str_t *value);
static ngx_uint_t ngx_http_llmbroker_adapt_less(const ngx_str_t *a,
    const ngx_str_t *b);
static ngx_uint_t ngx_http_llmbroker_adapt_number(const ngx_str_t *text,
    double *d);


ngx_int_t
ngx_http_llmbroker_adapt(ngx_http_llmbroker_edit_t *edit,
    ngx_http_llmbroker_exchange_t *ex)
{
    ngx_int_t                          rc;
    ngx_str_t                          value;
    const ngx_http_llmbroker_adapt_t  *rule;

    rule = ex->target->row->adapt;

    for ( /* void */ ; rule && rule->name.len; rule++) {

        rc = ngx_http_llmbroker_edit_get(edit, (char *) rule->name.data,
                                         &value);

        if (rc == NGX_DECLINED) {
            continue;
        }

        if (rc == NGX_OK) {
            rc = ngx_http_llmbroker_adapt_rule(edit, ex, rule, &value);
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_adapt_rule(ngx_http_llmbroker_edit_t *edit,
    ngx_http_llmbroker_exchange_t *ex, const ngx_http_llmbroker_adapt_t *rule,
    ngx_str_t *value)
{
    ngx_int_t   rc;
    ngx_str_t   name, other;
    ngx_uint_t  null;

    name = rule->name;
    null = (value->len == 4 && ngx_memcmp(value->data, "null", 4) == 0);

    switch (rule->action) {

    case NGX_HTTP_LLMBROKER_ADAPT_ONE:

        if (null || (value->len == 1 && value->data[0] == '1')) {
            return NGX_OK;
        }

        return ngx_http_llmbroker_fault(ex, NGX_HTTP_BAD_REQUEST,
                                        "unsupported_value",
                                        (char *) name.data,
                                        "The provider gives one choice only.");

    case NGX_HTTP_LLMBROKER_ADAPT_LEAST:

        if (ngx_http_llmbroker_adapt_less(value, &rule->to)) {
            return ngx_http_llmbroker_edit_set(edit, (char *) name.data,
                                               (ngx_str_t *) &rule->to);
        }

        return NGX_OK;

    case NGX_HTTP_LLMBROKER_ADAPT_MOST:

        if (ngx_http_llmbroker_adapt_less(&rule->to, value)) {
            return ngx_http_llmbroker_edit_set(edit, (char *) name.data,
                                               (ngx_str_t *) &rule->to);
        }

        return NGX_OK;

    case NGX_HTTP_LLMBROKER_ADAPT_RENAME:

        rc = ngx_http_llmbroker_edit_get(edit, (char *) rule->to.data, &other);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (null) {
            break;
        }

        rc = (rc == NGX_OK)
             ? ngx_http_llmbroker_dropped(ex, &name)
             : ngx_http_llmbroker_edit_set(edit, (char *) rule->to.data,
                                           value);
        if (rc != NGX_OK) {
            return NGX_ERROR;
        }

        break;

    case NGX_HTTP_LLMBROKER_ADAPT_DROP:

        if (!null && ngx_http_llmbroker_dropped(ex, &name) != NGX_OK) {
            return NGX_ERROR;
        }

        break;
    }

    ngx_http_llmbroker_edit_drop(edit, &name);

    return NGX_OK;
}


/* 1 when both are numbers and a is less than b, else 0 */

static ngx_uint_t
ngx_http_llmbroker_adapt_less(const ngx_str_t *a, const ngx_str_t *b)
{
    double  x, y;

    return ngx_http_llmbroker_adapt_number(a, &x)
           && ngx_http_llmbroker_adapt_number(b, &y)
           && x < y;
}


static ngx_uint_t
ngx_http_llmbroker_adapt_number(const ngx_str_t *text, double *d)
{
    char  *end;
    char   buf[NGX_HTTP_LLMBROKER_ADAPT_NUMBER];

    if (text->len == 0 || text->len >= sizeof(buf)) {
        return 0;
    }

    ngx_memcpy(buf, text->data, text->len);
    buf[text->len] = '\0';

    *d = strtod(buf, &end);

    return *end == '\0';
}
