
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


static ngx_int_t ngx_http_llmbroker_qwen_check(
    ngx_http_llmbroker_qwen_build_t *b);
static ngx_int_t ngx_http_llmbroker_qwen_check_n(
    ngx_http_llmbroker_qwen_build_t *b);
static ngx_int_t ngx_http_llmbroker_qwen_write(
    ngx_http_llmbroker_qwen_build_t *b);
static ngx_int_t ngx_http_llmbroker_qwen_write_parameters(
    ngx_http_llmbroker_qwen_build_t *b);
static ngx_int_t ngx_http_llmbroker_qwen_write_sampling(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_writer_t *w);
static ngx_int_t ngx_http_llmbroker_qwen_write_logprobs(
    ngx_http_llmbroker_qwen_build_t *b);
static ngx_int_t ngx_http_llmbroker_qwen_write_probs(
    ngx_http_llmbroker_qwen_build_t *b, const char *param, ngx_int_t n);
static ngx_int_t ngx_http_llmbroker_qwen_write_search(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_writer_t *w);
static ngx_int_t ngx_http_llmbroker_qwen_write_thinking(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_writer_t *w);


static const ngx_http_llmbroker_rule_t  ngx_http_llmbroker_qwen_rules[] = {
    { ngx_string("model"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("messages"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("max_tokens"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("max_completion_tokens"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("stream"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("stream_options"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("temperature"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("top_p"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("top_k"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("n"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("seed"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("stop"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("presence_penalty"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("frequency_penalty"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("repetition_penalty"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("enable_search"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("search_options"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("enable_thinking"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("thinking_budget"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("tools"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("tool_choice"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("parallel_tool_calls"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("response_format"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("reasoning_effort"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("modalities"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("functions"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("function_call"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("top_logprobs"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("web_search_options"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("prompt"), NGX_HTTP_LLMBROKER_USE_COMPLETIONS },
    { ngx_string("suffix"), NGX_HTTP_LLMBROKER_USE_COMPLETIONS },
    { ngx_string("echo"), NGX_HTTP_LLMBROKER_USE_COMPLETIONS },
    { ngx_string("best_of"), NGX_HTTP_LLMBROKER_USE_COMPLETIONS },
    { ngx_string("logprobs"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("preserve_thinking"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("translation_options"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("vl_high_resolution_images"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("asr_options"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("ocr_options"), NGX_HTTP_LLMBROKER_USE },

    /* the gateway's own business */
    { ngx_string("result_format"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("incremental_output"), NGX_HTTP_LLMBROKER_USE },

    { ngx_string("audio"), NGX_HTTP_LLMBROKER_REFUSE },

    { ngx_null_string, NGX_HTTP_LLMBROKER_DROP }
};


/* parameters that are OpenAI's or the client already knows by their name */

static const char  *ngx_http_llmbroker_qwen_parameters[] = {
    "top_k",
    "n",
    "seed",
    "stop",
    "presence_penalty",
    "frequency_penalty",
    "repetition_penalty",
    "response_format",
    "preserve_thinking",
    "translation_options",
    "vl_high_resolution_images",
    "asr_options",
    "ocr_options",
    NULL
};


ngx_int_t
ngx_http_llmbroker_qwen_build(ngx_http_llmbroker_exchange_t *ex)
{
    ngx_int_t                               rc, done;
    ngx_http_llmbroker_qwen_build_t         b;
    const ngx_http_llmbroker_qwen_model_t  *model;

    if (ex->call == NGX_HTTP_LLMBROKER_EMBEDDINGS) {
        return ngx_http_llmbroker_qwen_embed(ex);
    }

    ngx_memzero(&b, sizeof(ngx_http_llmbroker_qwen_build_t));

    b.ex = ex;
    b.logprobs = -1;

    if (ngx_array_init(&b.functions, ex->pool, 4,
                       sizeof(ngx_http_llmbroker_qwen_function_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_http_llmbroker_qwen_check(&b);
    if (rc != NGX_OK) {
        return rc;
    }

    if (b.media) {
        model = ex->target->abilities;
        ex->path = model->media_path;
    }

    ngx_http_llmbroker_json_write_start(&b.w, ex->body);
    ngx_http_llmbroker_json_write_refer(&b.w);

    rc = ngx_http_llmbroker_qwen_write(&b);

    done = ngx_http_llmbroker_json_write_end(&b.w);

    return rc != NGX_OK ? rc : done;
}


static ngx_int_t
ngx_http_llmbroker_qwen_check(ngx_http_llmbroker_qwen_build_t *b)
{
    ngx_int_t                       rc;
    ngx_http_llmbroker_json_t      *v;
    ngx_http_llmbroker_exchange_t  *ex;

    ex = b->ex;

    rc = ngx_http_llmbroker_params_check(ex, ex->request,
                                         ngx_http_llmbroker_qwen_rules);
    if (rc != NGX_OK) {
        return rc;
    }

    v = ngx_http_llmbroker_json_get(ex->request, "modalities");

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

    rc = ngx_http_llmbroker_params_get(b->ex, "n",
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
    ngx_int_t                          rc;
    ngx_str_t                          model;
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->w;
    model = b->ex->target->inner_model;

    ngx_http_llmbroker_json_open(w);

    ngx_http_llmbroker_json_key(w, "model");
    ngx_http_llmbroker_json_open_string(w);
    ngx_http_llmbroker_json_inner_piece(w, &model);
    ngx_http_llmbroker_json_close_string(w);

    ngx_http_llmbroker_json_key(w, "input");
    ngx_http_llmbroker_json_open(w);

    rc = ngx_http_llmbroker_qwen_write_messages(b);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_llmbroker_json_close(w);

    ngx_http_llmbroker_json_key(w, "parameters");
    ngx_http_llmbroker_json_open(w);

    rc = ngx_http_llmbroker_qwen_write_parameters(b);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_llmbroker_json_close(w);
    ngx_http_llmbroker_json_close(w);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_qwen_write_parameters(ngx_http_llmbroker_qwen_build_t *b)
{
    ngx_int_t                          rc, max;
    const char                       **name;
    ngx_http_llmbroker_exchange_t     *ex;
    ngx_http_llmbroker_json_writer_t  *w;

    ex = b->ex;
    w = &b->w;

    ngx_http_llmbroker_json_key(w, "result_format");
    ngx_http_llmbroker_json_text(w, "message");

    /* N4 */

    if (ex->stream) {
        ngx_http_llmbroker_json_key(w, "incremental_output");
        ngx_http_llmbroker_json_bool(w, 1);
    }

    rc = ngx_http_llmbroker_params_max_tokens(ex, &max);
    if (rc != NGX_OK) {
        return rc;
    }

    if (max != -1) {
        ngx_http_llmbroker_json_key(w, "max_tokens");
        ngx_http_llmbroker_json_number(w, max);
    }

    rc = ngx_http_llmbroker_qwen_write_sampling(ex, w);
    if (rc != NGX_OK) {
        return rc;
    }

    for (name = ngx_http_llmbroker_qwen_parameters; *name; name++) {
        ngx_http_llmbroker_qwen_write_raw(w, ex->request, *name);
    }

    rc = ngx_http_llmbroker_qwen_write_logprobs(b);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_qwen_write_search(ex, w);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_qwen_write_thinking(ex, w);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_llmbroker_qwen_write_tools(b);

    return NGX_OK;
}


/* C7: the ends of OpenAI's ranges are outside of DashScope's */

static ngx_int_t
ngx_http_llmbroker_qwen_write_sampling(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_writer_t *w)
{
    double                      d;
    ngx_int_t                   rc;
    ngx_str_t                   edge;
    ngx_http_llmbroker_json_t  *v;

    rc = ngx_http_llmbroker_params_get(ex, "temperature",
                                       NGX_HTTP_LLMBROKER_JSON_NUMBER, &v);
    if (rc != NGX_OK) {
        return rc;
    }

    if (v) {
        rc = ngx_http_llmbroker_params_double(ex, v, &d);
        if (rc != NGX_OK) {
            return rc;
        }

        ngx_str_set(&edge, "1.99");

        ngx_http_llmbroker_json_key(w, "temperature");
        ngx_http_llmbroker_json_raw(w, d >= 2 ? &edge : &v->raw);
    }

    rc = ngx_http_llmbroker_params_get(ex, "top_p",
                                       NGX_HTTP_LLMBROKER_JSON_NUMBER, &v);
    if (rc != NGX_OK) {
        return rc;
    }

    if (v) {
        rc = ngx_http_llmbroker_params_double(ex, v, &d);
        if (rc != NGX_OK) {
            return rc;
        }

        ngx_str_set(&edge, "0.000001");

        ngx_http_llmbroker_json_key(w, "top_p");
        ngx_http_llmbroker_json_raw(w, d == 0 ? &edge : &v->raw);
    }

    return NGX_OK;
}


/* of a chat a switch and a number, of a completion the number alone */

static ngx_int_t
ngx_http_llmbroker_qwen_write_logprobs(ngx_http_llmbroker_qwen_build_t *b)
{
    ngx_int_t                       rc;
    ngx_http_llmbroker_json_t      *v;
    ngx_http_llmbroker_exchange_t  *ex;

    ex = b->ex;

    if (ex->call != NGX_HTTP_LLMBROKER_CHAT) {

        if (b->logprobs == -1) {
            return NGX_OK;
        }

        ngx_http_llmbroker_json_key(&b->w, "logprobs");
        ngx_http_llmbroker_json_bool(&b->w, 1);

        return b->logprobs ? ngx_http_llmbroker_qwen_write_probs(b, "logprobs",
                                                                 b->logprobs)
                           : NGX_OK;
    }

    rc = ngx_http_llmbroker_params_get(ex, "logprobs",
                                       NGX_HTTP_LLMBROKER_JSON_BOOL, &v);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_llmbroker_qwen_write_raw(&b->w, ex->request, "logprobs");

    rc = ngx_http_llmbroker_params_get(ex, "top_logprobs",
                                       NGX_HTTP_LLMBROKER_JSON_NUMBER, &v);
    if (rc != NGX_OK || v == NULL) {
        return rc;
    }

    return ngx_http_llmbroker_qwen_write_probs(b, "top_logprobs",
                                            ngx_http_llmbroker_json_int(v, 0));
}


static ngx_int_t
ngx_http_llmbroker_qwen_write_probs(ngx_http_llmbroker_qwen_build_t *b,
    const char *param, ngx_int_t n)
{
    ngx_str_t  name;

    ngx_http_llmbroker_json_key(&b->w, "top_logprobs");
    ngx_http_llmbroker_json_number(&b->w,
                                   ngx_min(n, NGX_HTTP_LLMBROKER_QWEN_PROBS));

    if (n <= NGX_HTTP_LLMBROKER_QWEN_PROBS) {
        return NGX_OK;
    }

    name.data = (u_char *) param;
    name.len = ngx_strlen(param);

    return ngx_http_llmbroker_dropped(b->ex, &name);
}


/* R14: the search is DashScope's, which does not ask where the user is */

static ngx_int_t
ngx_http_llmbroker_qwen_write_search(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_writer_t *w)
{
    ngx_int_t                   rc;
    ngx_str_t                   name;
    ngx_http_llmbroker_json_t  *options, *v;
    u_char                      buf[64];

    options = NULL;

    if (ex->call == NGX_HTTP_LLMBROKER_CHAT) {
        rc = ngx_http_llmbroker_params_get(ex, "web_search_options",
                                           NGX_HTTP_LLMBROKER_JSON_OBJECT,
                                           &options);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (options && ngx_http_llmbroker_json_get(ex->request, "enable_search")
                   == NULL)
    {
        ngx_http_llmbroker_json_key(w, "enable_search");
        ngx_http_llmbroker_json_bool(w, 1);
    }

    ngx_http_llmbroker_qwen_write_raw(w, ex->request, "enable_search");

    if (options && ngx_http_llmbroker_json_get(ex->request, "search_options")
                   == NULL)
    {
        ngx_http_llmbroker_json_key(w, "search_options");
        ngx_http_llmbroker_json_open(w);
        ngx_http_llmbroker_json_key(w, "enable_source");
        ngx_http_llmbroker_json_bool(w, 1);
        ngx_http_llmbroker_json_close(w);
    }

    ngx_http_llmbroker_qwen_write_raw(w, ex->request, "search_options");

    for (v = options ? options->child : NULL; v; v = v->next) {
        name.data = buf;
        name.len = ngx_snprintf(buf, sizeof(buf), "web_search_options.%V",
                                &v->key)
                   - buf;

        if (v->type != NGX_HTTP_LLMBROKER_JSON_NULL
            && ngx_http_llmbroker_dropped(ex, &name) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_qwen_write_thinking(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_writer_t *w)
{
    ngx_int_t                               rc, budget;
    ngx_str_t                               name;
    ngx_http_llmbroker_json_t              *effort, *enable, *own;
    const ngx_http_llmbroker_qwen_model_t  *model;

    effort = NULL;
    model = ex->target->abilities;

    if (ex->call == NGX_HTTP_LLMBROKER_CHAT) {
        rc = ngx_http_llmbroker_params_get(ex, "reasoning_effort",
                                           NGX_HTTP_LLMBROKER_JSON_STRING,
                                           &effort);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    enable = ngx_http_llmbroker_json_get_type(ex->request, "enable_thinking",
                                              NGX_HTTP_LLMBROKER_JSON_BOOL);

    if (enable || effort == NULL) {
        ngx_http_llmbroker_qwen_write_raw(w, ex->request, "enable_thinking");

        /* C1 */

        if (enable == NULL && model->quiet && !ex->stream) {
            ngx_http_llmbroker_json_key(w, "enable_thinking");
            ngx_http_llmbroker_json_bool(w, 0);
        }

        ngx_http_llmbroker_qwen_write_raw(w, ex->request, "thinking_budget");

        if (effort) {
            ngx_str_set(&name, "reasoning_effort");
            return ngx_http_llmbroker_dropped(ex, &name);
        }

        return NGX_OK;
    }

    ngx_http_llmbroker_json_key(w, "enable_thinking");

    own = ngx_http_llmbroker_json_get(ex->request, "thinking_budget");

    if (own && own->type == NGX_HTTP_LLMBROKER_JSON_NULL) {
        own = NULL;
    }

    if (ngx_http_llmbroker_json_is(effort, "none")) {
        ngx_http_llmbroker_json_bool(w, 0);
        return own ? ngx_http_llmbroker_dropped(ex, &own->key) : NGX_OK;
    }

    ngx_http_llmbroker_json_bool(w, 1);

    budget = ngx_http_llmbroker_params_budget(effort);

    if (budget == -1) {
        return ngx_http_llmbroker_fault(ex, 400, "invalid_value",
                               "reasoning_effort",
                               "The value of the parameter is unknown.");
    }

    ngx_http_llmbroker_json_key(w, "thinking_budget");

    if (own) {
        ngx_http_llmbroker_json_raw(w, &own->raw);

    } else {
        ngx_http_llmbroker_json_number(w, budget);
    }

    return NGX_OK;
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
