
/*
 * Copyright (C) LLMBroker contributors
 *
 * From OpenAI's chat request to DashScope's: the messages go under "input",
 * what is asked of the model goes under "parameters", mostly by the same
 * names (wire format section 6.3).
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_params.h"
#include "provider/ngx_http_llmbroker_qwen.h"


/* of one request, and of the alternatives to a token: DashScope's limits */
#define NGX_HTTP_LLMBROKER_QWEN_CHOICES  4
#define NGX_HTTP_LLMBROKER_QWEN_PROBS    5

/* the longest name of a parameter, with what is around it: bytes */
#define NGX_HTTP_LLMBROKER_QWEN_MEMBER   32


static ngx_int_t ngx_http_llmbroker_qwen_check(
    ngx_http_llmbroker_qwen_build_t *b);
static ngx_int_t ngx_http_llmbroker_qwen_check_n(
    ngx_http_llmbroker_qwen_build_t *b);
static ngx_int_t ngx_http_llmbroker_qwen_write(
    ngx_http_llmbroker_qwen_build_t *b);
static ngx_int_t ngx_http_llmbroker_qwen_write_parameters(
    ngx_http_llmbroker_qwen_build_t *b);
static ngx_int_t ngx_http_llmbroker_qwen_write_sampling(
    ngx_http_llmbroker_qwen_build_t *b);
static ngx_int_t ngx_http_llmbroker_qwen_write_logprobs(
    ngx_http_llmbroker_qwen_build_t *b);
static ngx_int_t ngx_http_llmbroker_qwen_write_probs(
    ngx_http_llmbroker_qwen_build_t *b, ngx_int_t n);
static ngx_int_t ngx_http_llmbroker_qwen_write_search(
    ngx_http_llmbroker_qwen_build_t *b);
static ngx_int_t ngx_http_llmbroker_qwen_write_thinking(
    ngx_http_llmbroker_qwen_build_t *b);
static ngx_int_t ngx_http_llmbroker_qwen_write_effort(
    ngx_http_llmbroker_qwen_build_t *b, ngx_http_llmbroker_json_t *effort);
static void ngx_http_llmbroker_qwen_number(ngx_http_llmbroker_qwen_build_t *b,
    const char *name, ngx_int_t n);


static const ngx_http_llmbroker_rule_t  ngx_http_llmbroker_qwen_rules[] = {

    /* ngx_http_llmbroker_qwen_param_e, the frequent ones first */

    { ngx_string("model"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("messages"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("stream"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("max_tokens"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("temperature"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("top_p"), NGX_HTTP_LLMBROKER_USE },

    /* OpenAI's, or the client already knows them by DashScope's name */

    { ngx_string("top_k"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("n"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("seed"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("stop"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("presence_penalty"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("frequency_penalty"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("repetition_penalty"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("response_format"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("preserve_thinking"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("translation_options"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("vl_high_resolution_images"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("asr_options"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("ocr_options"), NGX_HTTP_LLMBROKER_USE },

    { ngx_string("logprobs"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("top_logprobs"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("web_search_options"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("enable_search"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("search_options"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("reasoning_effort"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("enable_thinking"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("thinking_budget"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("modalities"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("tools"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("functions"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("parallel_tool_calls"), NGX_HTTP_LLMBROKER_USE_CHAT },

    /* looked up by their names */

    { ngx_string("max_completion_tokens"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("stream_options"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("tool_choice"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("function_call"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("prompt"), NGX_HTTP_LLMBROKER_USE_COMPLETIONS },
    { ngx_string("suffix"), NGX_HTTP_LLMBROKER_USE_COMPLETIONS },
    { ngx_string("echo"), NGX_HTTP_LLMBROKER_USE_COMPLETIONS },
    { ngx_string("best_of"), NGX_HTTP_LLMBROKER_USE_COMPLETIONS },

    /* the gateway's own business */

    { ngx_string("result_format"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("incremental_output"), NGX_HTTP_LLMBROKER_USE },

    { ngx_string("audio"), NGX_HTTP_LLMBROKER_REFUSE },

    { ngx_null_string, NGX_HTTP_LLMBROKER_DROP }
};


ngx_int_t
ngx_http_llmbroker_qwen_build(ngx_http_llmbroker_exchange_t *ex)
{
    ngx_int_t                               rc;
    ngx_http_llmbroker_json_t              *params[
                                       sizeof(ngx_http_llmbroker_qwen_rules)
                                       / sizeof(ngx_http_llmbroker_rule_t)];
    ngx_http_llmbroker_qwen_build_t         b;
    const ngx_http_llmbroker_qwen_model_t  *model;

    if (ex->call == NGX_HTTP_LLMBROKER_EMBEDDINGS) {
        return ngx_http_llmbroker_qwen_embed(ex);
    }

    ngx_memzero(params, sizeof(params));
    ngx_memzero(&b, offsetof(ngx_http_llmbroker_qwen_build_t, w));

    b.ex = ex;
    b.params = params;
    b.logprobs = -1;

    rc = ngx_http_llmbroker_qwen_check(&b);
    if (rc != NGX_OK) {
        return rc;
    }

    if (b.media) {
        model = ex->target->abilities;
        ex->path = model->media_path;
    }

    rc = ngx_http_llmbroker_qwen_write(&b);
    if (rc != NGX_OK) {
        return rc;
    }

    return b.failed ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_qwen_check(ngx_http_llmbroker_qwen_build_t *b)
{
    ngx_int_t                       rc;
    ngx_http_llmbroker_json_t      *v;
    ngx_http_llmbroker_exchange_t  *ex;

    ex = b->ex;

    rc = ngx_http_llmbroker_params_sort(ex, ex->request,
                                        ngx_http_llmbroker_qwen_rules,
                                        b->params);
    if (rc != NGX_OK) {
        return rc;
    }

    v = b->params[NGX_HTTP_LLMBROKER_QWEN_P_MODALITIES];

    for (v = v ? v->child : NULL; v; v = v->next) {

        if (!ngx_http_llmbroker_json_is(v, "text")) {
            return ngx_http_llmbroker_fault(ex, 400, "unsupported_value",
                                   "modalities",
                                   "This model answers with text only.");
        }
    }

    rc = ngx_http_llmbroker_qwen_tools(b);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_qwen_check_messages(b);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llmbroker_qwen_check_n(b);
}


/* C8: where DashScope would answer with one choice in silence */

static ngx_int_t
ngx_http_llmbroker_qwen_check_n(ngx_http_llmbroker_qwen_build_t *b)
{
    ngx_int_t                   rc, n;
    ngx_http_llmbroker_json_t  *v;

    rc = ngx_http_llmbroker_qwen_param(b, NGX_HTTP_LLMBROKER_QWEN_P_N,
                                       NGX_HTTP_LLMBROKER_JSON_NUMBER, &v);
    if (rc != NGX_OK || v == NULL) {
        return rc;
    }

    n = ngx_http_llmbroker_json_int(v, 0);

    if (n < 1) {
        return ngx_http_llmbroker_fault(b->ex, 400, "invalid_value", "n",
                               "The parameter must be at least 1.");
    }

    if (n > NGX_HTTP_LLMBROKER_QWEN_CHOICES
        || (n > 1 && (b->media || b->functions.nelts)))
    {
        return ngx_http_llmbroker_fault(b->ex, 400, "unsupported_value", "n",
                               "This model gives at most 4 choices, and one "
                               "where tools or media are used.");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_qwen_write(ngx_http_llmbroker_qwen_build_t *b)
{
    ngx_int_t                               rc;
    const ngx_http_llmbroker_qwen_model_t  *model;

    model = b->ex->target->abilities;

    ngx_http_llmbroker_qwen_put(b, model->head.data, model->head.len);

    rc = ngx_http_llmbroker_qwen_write_messages(b);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_llmbroker_qwen_put_lit(b, "},\"parameters\":{"
                                "\"result_format\":\"message\"");

    rc = ngx_http_llmbroker_qwen_write_parameters(b);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_llmbroker_qwen_put_lit(b, "}}");

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_qwen_write_parameters(ngx_http_llmbroker_qwen_build_t *b)
{
    ngx_int_t   rc, max;
    ngx_uint_t  i;

    /* N4 */

    if (b->ex->stream) {
        ngx_http_llmbroker_qwen_put_lit(b, ",\"incremental_output\":true");
    }

    rc = ngx_http_llmbroker_params_max_tokens(b->ex, &max);
    if (rc != NGX_OK) {
        return rc;
    }

    if (max != -1) {
        ngx_http_llmbroker_qwen_number(b, "max_tokens", max);
    }

    rc = ngx_http_llmbroker_qwen_write_sampling(b);
    if (rc != NGX_OK) {
        return rc;
    }

    for (i = NGX_HTTP_LLMBROKER_QWEN_P_TOP_K;
         i <= NGX_HTTP_LLMBROKER_QWEN_P_OCR;
         i++)
    {
        ngx_http_llmbroker_qwen_same(b, i);
    }

    rc = ngx_http_llmbroker_qwen_write_logprobs(b);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_qwen_write_search(b);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_qwen_write_thinking(b);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_llmbroker_qwen_write_tools(b);

    return NGX_OK;
}


/* C7: the ends of OpenAI's ranges are outside of DashScope's */

static ngx_int_t
ngx_http_llmbroker_qwen_write_sampling(ngx_http_llmbroker_qwen_build_t *b)
{
    double                      d;
    ngx_int_t                   rc;
    ngx_str_t                   edge;
    ngx_http_llmbroker_json_t  *v;

    rc = ngx_http_llmbroker_qwen_param(b,
                                       NGX_HTTP_LLMBROKER_QWEN_P_TEMPERATURE,
                                       NGX_HTTP_LLMBROKER_JSON_NUMBER, &v);
    if (rc != NGX_OK) {
        return rc;
    }

    if (v) {
        rc = ngx_http_llmbroker_params_double(b->ex, v, &d);
        if (rc != NGX_OK) {
            return rc;
        }

        ngx_str_set(&edge, "1.99");

        ngx_http_llmbroker_qwen_member(b, "temperature",
                                       d >= 2 ? &edge : &v->raw);
    }

    rc = ngx_http_llmbroker_qwen_param(b, NGX_HTTP_LLMBROKER_QWEN_P_TOP_P,
                                       NGX_HTTP_LLMBROKER_JSON_NUMBER, &v);
    if (rc != NGX_OK) {
        return rc;
    }

    if (v) {
        rc = ngx_http_llmbroker_params_double(b->ex, v, &d);
        if (rc != NGX_OK) {
            return rc;
        }

        ngx_str_set(&edge, "0.000001");

        ngx_http_llmbroker_qwen_member(b, "top_p", d == 0 ? &edge : &v->raw);
    }

    return NGX_OK;
}


/* of a chat a switch and a number, of a completion the number alone */

static ngx_int_t
ngx_http_llmbroker_qwen_write_logprobs(ngx_http_llmbroker_qwen_build_t *b)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *v;

    if (b->ex->call != NGX_HTTP_LLMBROKER_CHAT) {

        if (b->logprobs == -1) {
            return NGX_OK;
        }

        ngx_http_llmbroker_qwen_put_lit(b, ",\"logprobs\":true");

        return b->logprobs ? ngx_http_llmbroker_qwen_write_probs(b,
                                                                 b->logprobs)
                           : NGX_OK;
    }

    rc = ngx_http_llmbroker_qwen_param(b, NGX_HTTP_LLMBROKER_QWEN_P_LOGPROBS,
                                       NGX_HTTP_LLMBROKER_JSON_BOOL, &v);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_llmbroker_qwen_same(b, NGX_HTTP_LLMBROKER_QWEN_P_LOGPROBS);

    rc = ngx_http_llmbroker_qwen_param(b,
                                       NGX_HTTP_LLMBROKER_QWEN_P_TOP_LOGPROBS,
                                       NGX_HTTP_LLMBROKER_JSON_NUMBER, &v);
    if (rc != NGX_OK || v == NULL) {
        return rc;
    }

    return ngx_http_llmbroker_qwen_write_probs(b,
                                            ngx_http_llmbroker_json_int(v, 0));
}


static ngx_int_t
ngx_http_llmbroker_qwen_write_probs(ngx_http_llmbroker_qwen_build_t *b,
    ngx_int_t n)
{
    ngx_str_t  name;

    ngx_http_llmbroker_qwen_number(b, "top_logprobs",
                                   ngx_min(n, NGX_HTTP_LLMBROKER_QWEN_PROBS));

    if (n <= NGX_HTTP_LLMBROKER_QWEN_PROBS) {
        return NGX_OK;
    }

    if (b->ex->call == NGX_HTTP_LLMBROKER_CHAT) {
        ngx_str_set(&name, "top_logprobs");

    } else {
        ngx_str_set(&name, "logprobs");
    }

    return ngx_http_llmbroker_dropped(b->ex, &name);
}


/* R14: the search is DashScope's, which does not ask where the user is */

static ngx_int_t
ngx_http_llmbroker_qwen_write_search(ngx_http_llmbroker_qwen_build_t *b)
{
    ngx_int_t                   rc;
    ngx_str_t                   name;
    ngx_http_llmbroker_json_t  *options, *v;
    u_char                      buf[64];

    options = NULL;

    if (b->ex->call == NGX_HTTP_LLMBROKER_CHAT) {
        rc = ngx_http_llmbroker_qwen_param(b,
                                         NGX_HTTP_LLMBROKER_QWEN_P_WEB_SEARCH,
                                         NGX_HTTP_LLMBROKER_JSON_OBJECT,
                                         &options);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (options && b->params[NGX_HTTP_LLMBROKER_QWEN_P_SEARCH] == NULL) {
        ngx_http_llmbroker_qwen_put_lit(b, ",\"enable_search\":true");
    }

    ngx_http_llmbroker_qwen_same(b, NGX_HTTP_LLMBROKER_QWEN_P_SEARCH);

    if (options && b->params[NGX_HTTP_LLMBROKER_QWEN_P_SEARCH_OPTIONS] == NULL)
    {
        ngx_http_llmbroker_qwen_put_lit(b, ",\"search_options\":"
                                    "{\"enable_source\":true}");
    }

    ngx_http_llmbroker_qwen_same(b, NGX_HTTP_LLMBROKER_QWEN_P_SEARCH_OPTIONS);

    for (v = options ? options->child : NULL; v; v = v->next) {
        name.data = buf;
        name.len = ngx_snprintf(buf, sizeof(buf), "web_search_options.%V",
                                &v->key)
                   - buf;

        if (v->type != NGX_HTTP_LLMBROKER_JSON_NULL
            && ngx_http_llmbroker_dropped(b->ex, &name) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_qwen_write_thinking(ngx_http_llmbroker_qwen_build_t *b)
{
    ngx_int_t                               rc;
    ngx_str_t                               name;
    ngx_http_llmbroker_json_t              *effort, *enable;
    const ngx_http_llmbroker_qwen_model_t  *model;

    effort = NULL;
    model = b->ex->target->abilities;

    if (b->ex->call == NGX_HTTP_LLMBROKER_CHAT) {
        rc = ngx_http_llmbroker_qwen_param(b, NGX_HTTP_LLMBROKER_QWEN_P_EFFORT,
                                           NGX_HTTP_LLMBROKER_JSON_STRING,
                                           &effort);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    enable = b->params[NGX_HTTP_LLMBROKER_QWEN_P_THINKING];

    if (enable && enable->type != NGX_HTTP_LLMBROKER_JSON_BOOL) {
        enable = NULL;
    }

    if (effort && enable == NULL) {
        return ngx_http_llmbroker_qwen_write_effort(b, effort);
    }

    ngx_http_llmbroker_qwen_same(b, NGX_HTTP_LLMBROKER_QWEN_P_THINKING);

    /* C1 */

    if (enable == NULL && model->quiet && !b->ex->stream) {
        ngx_http_llmbroker_qwen_put_lit(b, ",\"enable_thinking\":false");
    }

    ngx_http_llmbroker_qwen_same(b, NGX_HTTP_LLMBROKER_QWEN_P_BUDGET);

    if (effort) {
        ngx_str_set(&name, "reasoning_effort");
        return ngx_http_llmbroker_dropped(b->ex, &name);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_qwen_write_effort(ngx_http_llmbroker_qwen_build_t *b,
    ngx_http_llmbroker_json_t *effort)
{
    ngx_int_t                   budget;
    ngx_http_llmbroker_json_t  *own;

    own = b->params[NGX_HTTP_LLMBROKER_QWEN_P_BUDGET];

    if (own && own->type == NGX_HTTP_LLMBROKER_JSON_NULL) {
        own = NULL;
    }

    if (ngx_http_llmbroker_json_is(effort, "none")) {
        ngx_http_llmbroker_qwen_put_lit(b, ",\"enable_thinking\":false");
        return own ? ngx_http_llmbroker_dropped(b->ex, &own->key) : NGX_OK;
    }

    ngx_http_llmbroker_qwen_put_lit(b, ",\"enable_thinking\":true");

    budget = ngx_http_llmbroker_params_budget(effort);

    if (budget == -1) {
        return ngx_http_llmbroker_fault(b->ex, 400, "invalid_value",
                               "reasoning_effort",
                               "The value of the parameter is unknown.");
    }

    if (own) {
        ngx_http_llmbroker_qwen_same(b, NGX_HTTP_LLMBROKER_QWEN_P_BUDGET);

    } else {
        ngx_http_llmbroker_qwen_number(b, "thinking_budget", budget);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_qwen_param(ngx_http_llmbroker_qwen_build_t *b,
    ngx_uint_t i, ngx_http_llmbroker_json_type_e type,
    ngx_http_llmbroker_json_t **v)
{
    *v = b->params[i];

    if (*v == NULL || (*v)->type == type) {
        return NGX_OK;
    }

    if ((*v)->type == NGX_HTTP_LLMBROKER_JSON_NULL) {
        *v = NULL;
        return NGX_OK;
    }

    return ngx_http_llmbroker_fault(b->ex, 400, "invalid_type",
                     (const char *) ngx_http_llmbroker_qwen_rules[i].name.data,
                     "The parameter has the wrong type.");
}


void
ngx_http_llmbroker_qwen_same(ngx_http_llmbroker_qwen_build_t *b, ngx_uint_t i)
{
    ngx_http_llmbroker_json_t  *v;

    v = b->params[i];

    if (v && v->type != NGX_HTTP_LLMBROKER_JSON_NULL) {
        ngx_http_llmbroker_qwen_member(b,
                     (const char *) ngx_http_llmbroker_qwen_rules[i].name.data,
                     &v->raw);
    }
}


static void
ngx_http_llmbroker_qwen_number(ngx_http_llmbroker_qwen_build_t *b,
    const char *name, ngx_int_t n)
{
    ngx_str_t  raw;
    u_char     buf[NGX_INT64_LEN];

    raw.data = ngx_http_llmbroker_json_digits(buf + sizeof(buf), n);
    raw.len = buf + sizeof(buf) - raw.data;

    ngx_http_llmbroker_qwen_member(b, name, &raw);
}


void
ngx_http_llmbroker_qwen_member(ngx_http_llmbroker_qwen_build_t *b,
    const char *name, ngx_str_t *raw)
{
    u_char  *p, buf[NGX_HTTP_LLMBROKER_QWEN_MEMBER];

    p = buf;

    *p++ = ','; *p++ = '"';
    p = ngx_cpymem(p, name, ngx_strlen(name));
    *p++ = '"'; *p++ = ':';

    ngx_http_llmbroker_qwen_put(b, buf, p - buf);
    ngx_http_llmbroker_qwen_put(b, raw->data, raw->len);
}


void
ngx_http_llmbroker_qwen_put(ngx_http_llmbroker_qwen_build_t *b, const void *p,
    size_t len)
{
    ngx_int_t  rc;

    if (b->failed) {
        return;
    }

    if (len >= NGX_HTTP_LLMBROKER_JSON_WRITE_REFER) {
        rc = ngx_http_llmbroker_out_refer(b->ex->body, (u_char *) p, len);

    } else {
        rc = ngx_http_llmbroker_out_copy(b->ex->body, p, len);
    }

    if (rc != NGX_OK) {
        b->failed = 1;
    }
}


/* nothing for what is absent or null */

void
ngx_http_llmbroker_qwen_write_raw(ngx_http_llmbroker_json_writer_t *w,
    ngx_http_llmbroker_json_t *object, const char *name)
{
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get(object, name);

    if (v && v->type != NGX_HTTP_LLMBROKER_JSON_NULL) {
        ngx_http_llmbroker_json_key(w, name);
        ngx_http_llmbroker_json_raw(w, &v->raw);
    }
}
