
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_params.h"


/* of which a double holds each number exactly */
#define NGX_HTTP_LLMBROKER_PARAMS_DIGITS  15

/* one of the bits of ex->names; a name has a byte at least */
#define ngx_http_llmbroker_params_bit(name, len)                             \
    ((uint64_t) 1 << (((name)[0] + 5 * (len)) & 63))


static void ngx_http_llmbroker_params_names(
    ngx_http_llmbroker_exchange_t *ex);
static ngx_uint_t ngx_http_llmbroker_params_row(ngx_str_t *name,
    const ngx_http_llmbroker_rule_t *rules);
static ngx_http_llmbroker_action_e ngx_http_llmbroker_params_action(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_action_e action);
static ngx_uint_t ngx_http_llmbroker_params_decimal(ngx_str_t *raw,
    double *d);
static ngx_uint_t ngx_http_llmbroker_params_nothing(
    ngx_http_llmbroker_json_t *v);
static ngx_uint_t ngx_http_llmbroker_params_false(
    ngx_http_llmbroker_json_t *v);
static u_char *ngx_http_llmbroker_params_space(u_char *p, u_char *last);


ngx_int_t
ngx_http_llmbroker_params_check(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *object, const ngx_http_llmbroker_rule_t *rules)
{
    return ngx_http_llmbroker_params_sort(ex, object, rules, NULL);
}


ngx_int_t
ngx_http_llmbroker_params_sort(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *object, const ngx_http_llmbroker_rule_t *rules,
    ngx_http_llmbroker_json_t **found)
{
    u_char                     *p;
    ngx_int_t                   rc;
    ngx_uint_t                  i;
    ngx_http_llmbroker_json_t  *v;
    u_char                      name[64];

    if (object == ex->request) {
        ngx_http_llmbroker_params_names(ex);
    }

    for (v = object->child; v; v = v->next) {

        i = ngx_http_llmbroker_params_row(&v->key, rules);

        if (found) {
            found[i] = v;
        }

        switch (ngx_http_llmbroker_params_action(ex, rules[i].action)) {

        case NGX_HTTP_LLMBROKER_USE:
            break;

        case NGX_HTTP_LLMBROKER_REFUSE:

            if (ngx_http_llmbroker_params_nothing(v)
                || ngx_http_llmbroker_params_false(v))
            {
                break;
            }

            p = ngx_snprintf(name, sizeof(name) - 1, "%V", &v->key);
            *p = '\0';

            return ngx_http_llmbroker_fault(ex, 400, "unsupported_value",
                                     (char *) name,
                                     "This model does not support the "
                                     "parameter.");

        default: /* NGX_HTTP_LLMBROKER_DROP */

            if (ngx_http_llmbroker_params_nothing(v)) {
                break;
            }

            rc = ngx_http_llmbroker_dropped(ex, &v->key);
            if (rc != NGX_OK) {
                return rc;
            }
        }
    }

    return NGX_OK;
}


/* most of what a request may say it does not say */

static void
ngx_http_llmbroker_params_names(ngx_http_llmbroker_exchange_t *ex)
{
    ngx_http_llmbroker_json_t  *v;

    ex->names = 0;

    for (v = ex->request->child; v; v = v->next) {

        if (v->key.len) {
            ex->names |= ngx_http_llmbroker_params_bit(v->key.data,
                                                       v->key.len);
        }
    }
}


ngx_http_llmbroker_json_t *
ngx_http_llmbroker_params_member(ngx_http_llmbroker_exchange_t *ex,
    const char *name, size_t len)
{
    if (ex->names
        && (ex->names & ngx_http_llmbroker_params_bit(name, len)) == 0)
    {
        return NULL;
    }

    return ngx_http_llmbroker_json_member(ex->request, name, len);
}


ngx_int_t
ngx_http_llmbroker_params_typed(ngx_http_llmbroker_exchange_t *ex,
    const char *name, size_t len, ngx_http_llmbroker_json_type_e type,
    ngx_http_llmbroker_json_t **v)
{
    *v = ngx_http_llmbroker_params_member(ex, name, len);

    if (*v && (*v)->type == NGX_HTTP_LLMBROKER_JSON_NULL) {
        *v = NULL;
    }

    if (*v == NULL || (*v)->type == type) {
        return NGX_OK;
    }

    return ngx_http_llmbroker_fault(ex, 400, "invalid_type", name,
                                    "The parameter has the wrong type.");
}


ngx_int_t
ngx_http_llmbroker_params_max_tokens(ngx_http_llmbroker_exchange_t *ex,
    ngx_int_t *max)
{
    ngx_int_t                   rc;
    const char                 *name;
    ngx_http_llmbroker_json_t  *v;

    *max = -1;
    name = "max_completion_tokens";
    v = NULL;

    if (ex->call == NGX_HTTP_LLMBROKER_CHAT) {
        rc = ngx_http_llmbroker_params_get(ex, name,
                                           NGX_HTTP_LLMBROKER_JSON_NUMBER,
                                           &v);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (v == NULL) {
        name = "max_tokens";

        rc = ngx_http_llmbroker_params_get(ex, name,
                                           NGX_HTTP_LLMBROKER_JSON_NUMBER,
                                           &v);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (v == NULL) {

        if (ex->call == NGX_HTTP_LLMBROKER_COMPLETIONS) {
            *max = NGX_HTTP_LLMBROKER_PROMPT_TOKENS;
        }

        return NGX_OK;
    }

    *max = ngx_http_llmbroker_json_int(v, 0);

    if (*max > 0) {
        return NGX_OK;
    }

    return ngx_http_llmbroker_fault(ex, 400, "invalid_value", name,
                                    "The parameter must be at least 1.");
}


ngx_int_t
ngx_http_llmbroker_params_double(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *v, double *d)
{
    u_char  *p;

    if (ngx_http_llmbroker_params_decimal(&v->raw, d)) {
        return NGX_OK;
    }

    p = ngx_pnalloc(ex->pool, v->raw.len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, v->raw.data, v->raw.len);
    p[v->raw.len] = '\0';

    *d = strtod((char *) p, NULL);

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_params_budget(ngx_http_llmbroker_json_t *effort)
{
    if (ngx_http_llmbroker_json_is(effort, "minimal")) {
        return 1024;
    }

    if (ngx_http_llmbroker_json_is(effort, "low")) {
        return 2048;
    }

    if (ngx_http_llmbroker_json_is(effort, "medium")) {
        return 8192;
    }

    if (ngx_http_llmbroker_json_is(effort, "high")) {
        return 16384;
    }

    if (ngx_http_llmbroker_json_is(effort, "xhigh")
        || ngx_http_llmbroker_json_is(effort, "max"))
    {
        return 32768;
    }

    return -1;
}


ngx_uint_t
ngx_http_llmbroker_params_blank(ngx_http_llmbroker_json_t *v)
{
    u_char     *p, *last, *next;
    ngx_str_t   inner;

    inner = ngx_http_llmbroker_json_inner(v);

    p = inner.data;
    last = p + inner.len;

    while (p < last) {
        next = ngx_http_llmbroker_params_space(p, last);

        if (next == p) {
            return 0;
        }

        p = next;
    }

    return 1;
}


ngx_str_t
ngx_http_llmbroker_params_trimmed(ngx_http_llmbroker_json_t *v)
{
    u_char     *p, *last, *next;
    ngx_str_t   inner;

    inner = ngx_http_llmbroker_json_inner(v);

    p = inner.data;
    last = p + inner.len;

    inner.len = 0;

    while (p < last) {
        next = ngx_http_llmbroker_params_space(p, last);

        if (next != p) {
            p = next;
            continue;
        }

        p += (*p == '\\') ? 2 : 1;
        inner.len = p - inner.data;
    }

    return inner;
}


ngx_int_t
ngx_http_llmbroker_params_message(ngx_http_llmbroker_exchange_t *ex,
    const char *code, ngx_uint_t i, const char *member, const char *text)
{
    u_char  *p;
    u_char   name[128];

    p = ngx_snprintf(name, sizeof(name) - 1, "messages[%ui]%s%s", i,
                     member ? "." : "", member ? member : "");
    *p = '\0';

    return ngx_http_llmbroker_fault(ex, 400, code, (char *) name, text);
}


/* the last row is empty and says drop */

static ngx_uint_t
ngx_http_llmbroker_params_row(ngx_str_t *name,
    const ngx_http_llmbroker_rule_t *rules)
{
    const ngx_http_llmbroker_rule_t  *rule;

    for (rule = rules; rule->name.len; rule++) {

        if (rule->name.len == name->len
            && rule->name.data[0] == name->data[0]
            && ngx_memcmp(rule->name.data, name->data, name->len) == 0)
        {
            break;
        }
    }

    return rule - rules;
}


static ngx_http_llmbroker_action_e
ngx_http_llmbroker_params_action(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_action_e action)
{
    switch (action) {

    case NGX_HTTP_LLMBROKER_USE_COMPLETIONS:
        return ex->call == NGX_HTTP_LLMBROKER_COMPLETIONS
               ? NGX_HTTP_LLMBROKER_USE : NGX_HTTP_LLMBROKER_DROP;

    case NGX_HTTP_LLMBROKER_USE_CHAT:
        return ex->call == NGX_HTTP_LLMBROKER_CHAT
               ? NGX_HTTP_LLMBROKER_USE : NGX_HTTP_LLMBROKER_DROP;

    case NGX_HTTP_LLMBROKER_REFUSE:
        return ex->call == NGX_HTTP_LLMBROKER_CHAT
               ? NGX_HTTP_LLMBROKER_REFUSE : NGX_HTTP_LLMBROKER_DROP;

    default:
        return action;
    }
}


/*
 * 1 for a number like "0.7".  Its digits and a power of ten that small are
 * exact in a double, so that the quotient is the nearest one, as strtod()'s.
 */

static ngx_uint_t
ngx_http_llmbroker_params_decimal(ngx_str_t *raw, double *d)
{
    double      scale;
    size_t      i;
    uint64_t    n;
    ngx_uint_t  fraction;

    if (raw->len > NGX_HTTP_LLMBROKER_PARAMS_DIGITS) {
        return 0;
    }

    n = 0;
    scale = 1;
    fraction = 0;

    for (i = 0; i < raw->len; i++) {

        if (raw->data[i] == '.') {
            fraction = 1;
            continue;
        }

        if (raw->data[i] < '0' || raw->data[i] > '9') {
            return 0;
        }

        n = n * 10 + (raw->data[i] - '0');

        if (fraction) {
            scale *= 10;
        }
    }

    *d = (double) n / scale;

    return 1;
}


static ngx_uint_t
ngx_http_llmbroker_params_nothing(ngx_http_llmbroker_json_t *v)
{
    switch (v->type) {

    case NGX_HTTP_LLMBROKER_JSON_NULL:
        return 1;

    case NGX_HTTP_LLMBROKER_JSON_ARRAY:
        return v->n == 0;

    default:
        return 0;
    }
}


static ngx_uint_t
ngx_http_llmbroker_params_false(ngx_http_llmbroker_json_t *v)
{
    return v->type == NGX_HTTP_LLMBROKER_JSON_BOOL
           && !ngx_http_llmbroker_json_true(v);
}


/* the end of one white space character, p when there is none */

static u_char *
ngx_http_llmbroker_params_space(u_char *p, u_char *last)
{
    ngx_int_t  c;

    switch (*p) {

    case ' ':
        return p + 1;

    case '\\':
        break;

    default:
        return p;
    }

    /* an escape: the text is JSON, so it is whole */

    switch (p[1]) {

    case 'n':
    case 't':
    case 'r':
    case 'f':
        return p + 2;

    case 'u':

        if (last - p < 6) {
            return p;
        }

        c = ngx_hextoi(p + 2, 4);

        return (c == ' ' || (c >= '\t' && c <= '\r')) ? p + 6 : p;

    default:
        return p;
    }
}
