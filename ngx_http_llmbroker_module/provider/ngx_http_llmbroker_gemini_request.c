
/*
 * Copyright (C) LLMBroker contributors
 *
 * From OpenAI's chat request to Gemini's: what is asked of the model goes
 * under "generationConfig" (wire format section 7.1).  The conversation is
 * ..._gemini_contents.c, the tools are ..._gemini_tools.c.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_gemini.h"
#include "provider/ngx_http_llmbroker_params.h"


static ngx_int_t ngx_http_llmbroker_gemini_prepare(
    ngx_http_llmbroker_gemini_build_t *b);
static ngx_int_t ngx_http_llmbroker_gemini_extra(
    ngx_http_llmbroker_gemini_build_t *b);
static ngx_int_t ngx_http_llmbroker_gemini_params(
    ngx_http_llmbroker_gemini_build_t *b);
static ngx_int_t ngx_http_llmbroker_gemini_modalities(
    ngx_http_llmbroker_gemini_build_t *b);
static ngx_int_t ngx_http_llmbroker_gemini_stop(
    ngx_http_llmbroker_gemini_build_t *b);
static ngx_int_t ngx_http_llmbroker_gemini_format(
    ngx_http_llmbroker_gemini_build_t *b);
static ngx_int_t ngx_http_llmbroker_gemini_thinking(
    ngx_http_llmbroker_gemini_build_t *b);
static void ngx_http_llmbroker_gemini_effort(
    ngx_http_llmbroker_gemini_build_t *b, ngx_http_llmbroker_json_t *effort,
    ngx_int_t budget);
static ngx_http_llmbroker_json_t *ngx_http_llmbroker_gemini_own(
    ngx_http_llmbroker_gemini_build_t *b, const char *name);
static void ngx_http_llmbroker_gemini_write(
    ngx_http_llmbroker_gemini_build_t *b);
static void ngx_http_llmbroker_gemini_write_config(
    ngx_http_llmbroker_gemini_build_t *b);
static void ngx_http_llmbroker_gemini_write_stops(
    ngx_http_llmbroker_gemini_build_t *b);
static void ngx_http_llmbroker_gemini_write_logprobs(
    ngx_http_llmbroker_gemini_build_t *b);
static void ngx_http_llmbroker_gemini_write_modalities(
    ngx_http_llmbroker_gemini_build_t *b);
static void ngx_http_llmbroker_gemini_write_format(
    ngx_http_llmbroker_gemini_build_t *b);
static void ngx_http_llmbroker_gemini_write_thinking(
    ngx_http_llmbroker_gemini_build_t *b);
static ngx_uint_t ngx_http_llmbroker_gemini_key(
    ngx_http_llmbroker_gemini_build_t *b, const char *name);


/* the last ones are Gemini's own, as clients write them in either spelling */

static const ngx_http_llmbroker_rule_t  ngx_http_llmbroker_gemini_rules[] = {
    { ngx_string("model"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("messages"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("stream"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("stream_options"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("max_tokens"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("max_completion_tokens"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("temperature"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("top_p"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("top_k"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("n"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("seed"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("stop"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("presence_penalty"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("frequency_penalty"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("logprobs"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("top_logprobs"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("tools"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("tool_choice"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("parallel_tool_calls"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("functions"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("function_call"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("web_search_options"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("response_format"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("reasoning_effort"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("modalities"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("prompt"), NGX_HTTP_LLMBROKER_USE_COMPLETIONS },
    { ngx_string("suffix"), NGX_HTTP_LLMBROKER_USE_COMPLETIONS },
    { ngx_string("echo"), NGX_HTTP_LLMBROKER_USE_COMPLETIONS },
    { ngx_string("best_of"), NGX_HTTP_LLMBROKER_USE_COMPLETIONS },

    { ngx_string("audio"), NGX_HTTP_LLMBROKER_REFUSE },

    { ngx_string("extra_body"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("generation_config"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("generationConfig"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("thinking_config"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("thinkingConfig"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("safety_settings"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("safetySettings"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("cached_content"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("cachedContent"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("labels"), NGX_HTTP_LLMBROKER_USE },

    { ngx_null_string, NGX_HTTP_LLMBROKER_DROP }
};


/* of extra_body.google, Google's own way for OpenAI's clients */

static const ngx_http_llmbroker_rule_t
    ngx_http_llmbroker_gemini_google_rules[] =
{
    { ngx_string("thinking_config"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("thinkingConfig"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("safety_settings"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("safetySettings"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("cached_content"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("cachedContent"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("labels"), NGX_HTTP_LLMBROKER_USE },

    { ngx_null_string, NGX_HTTP_LLMBROKER_DROP }
};


/* numbers that keep their text: OpenAI's name, Gemini's */

static const char  *ngx_http_llmbroker_gemini_numbers[][2] = {
    { "temperature", "temperature" },
    { "top_p", "topP" },
    { "top_k", "topK" },
    { "seed", "seed" },
    { "presence_penalty", "presencePenalty" },
    { "frequency_penalty", "frequencyPenalty" },
    { NULL, NULL }
};


/* members of the request itself that are passed on as they are */

static const char  *ngx_http_llmbroker_gemini_members[] = {
    "safetySettings",
    "cachedContent",
    "labels",
    NULL
};


ngx_int_t
ngx_http_llmbroker_gemini_build(ngx_http_llmbroker_exchange_t *ex)
{
    ngx_int_t                           rc;
    ngx_http_llmbroker_gemini_t        *state;
    ngx_http_llmbroker_gemini_build_t  *b;

    if (ex->call == NGX_HTTP_LLMBROKER_EMBEDDINGS) {
        return ngx_http_llmbroker_gemini_embed(ex);
    }

    b = ngx_pcalloc(ex->pool, sizeof(ngx_http_llmbroker_gemini_build_t));
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->ex = ex;
    b->model = ex->target->abilities;
    b->budget = -1;
    b->logprobs = -1;

    rc = ngx_http_llmbroker_gemini_prepare(b);
    if (rc != NGX_OK) {
        return rc;
    }

    /* the answer's side has to keep the text that citations refer to */

    if (b->search || b->native.nelts) {
        state = ngx_http_llmbroker_gemini_state(ex);
        if (state == NULL) {
            return NGX_ERROR;
        }

        state->search = 1;
    }

    ngx_http_llmbroker_json_write_start(&b->w, ex->body);

    ngx_http_llmbroker_gemini_write(b);

    return ngx_http_llmbroker_json_write_end(&b->w);
}


static ngx_int_t
ngx_http_llmbroker_gemini_prepare(ngx_http_llmbroker_gemini_build_t *b)
{
    size_t        i;
    ngx_int_t     rc;
    ngx_array_t  *arrays[] = { &b->system, &b->parts };

    for (i = 0; i < 2; i++) {
        if (ngx_array_init(arrays[i], b->ex->pool, 4,
                           sizeof(ngx_http_llmbroker_gemini_part_t))
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (ngx_array_init(&b->calls, b->ex->pool, 4, sizeof(ngx_uint_t))
        != NGX_OK
        || ngx_array_init(&b->stops, b->ex->pool,
                          NGX_HTTP_LLMBROKER_GEMINI_STOPS,
                          sizeof(ngx_http_llmbroker_json_t *))
           != NGX_OK
        || ngx_array_init(&b->tools, b->ex->pool, 4,
                          sizeof(ngx_http_llmbroker_gemini_tool_t))
           != NGX_OK
        || ngx_array_init(&b->native, b->ex->pool, 1,
                          sizeof(ngx_http_llmbroker_json_t *))
           != NGX_OK
        || ngx_array_init(&b->allowed, b->ex->pool, 1, sizeof(ngx_str_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_http_llmbroker_params_check(b->ex, b->ex->request,
                                         ngx_http_llmbroker_gemini_rules);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_gemini_extra(b);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_gemini_conversation(b);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_gemini_tools(b);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llmbroker_gemini_params(b);
}


static ngx_int_t
ngx_http_llmbroker_gemini_extra(ngx_http_llmbroker_gemini_build_t *b)
{
    ngx_http_llmbroker_json_t  *body;

    body = ngx_http_llmbroker_json_get(b->ex->request, "extra_body");

    b->google = ngx_http_llmbroker_json_get_type(body, "google",
                                              NGX_HTTP_LLMBROKER_JSON_OBJECT);

    b->config = ngx_http_llmbroker_gemini_get(b->ex->request,
                                              "generationConfig");

    if (b->config && b->config->type != NGX_HTTP_LLMBROKER_JSON_OBJECT) {
        return ngx_http_llmbroker_fault(b->ex, 400, "invalid_type",
                               "generation_config",
                               "The parameter has the wrong type.");
    }

    if (b->google) {
        return ngx_http_llmbroker_params_check(b->ex, b->google,
                                    ngx_http_llmbroker_gemini_google_rules);
    }

    return body && body->n ? ngx_http_llmbroker_gemini_drop(b, "extra_body")
                           : NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_gemini_params(ngx_http_llmbroker_gemini_build_t *b)
{
    ngx_int_t                    rc;
    ngx_uint_t                   i;
    ngx_http_llmbroker_json_t   *v;

    for (i = 0; ngx_http_llmbroker_gemini_numbers[i][0]; i++) {
        rc = ngx_http_llmbroker_params_get(b->ex,
                                     ngx_http_llmbroker_gemini_numbers[i][0],
                                     NGX_HTTP_LLMBROKER_JSON_NUMBER, &v);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    rc = ngx_http_llmbroker_params_get(b->ex, "n",
                                       NGX_HTTP_LLMBROKER_JSON_NUMBER, &v);
    if (rc != NGX_OK) {
        return rc;
    }

    if (v && ngx_http_llmbroker_json_int(v, 0) < 1) {
        return ngx_http_llmbroker_fault(b->ex, 400, "invalid_value", "n",
                               "The parameter must be at least 1.");
    }

    rc = ngx_http_llmbroker_params_max_tokens(b->ex, &b->max_tokens);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_gemini_modalities(b);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_gemini_stop(b);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_gemini_format(b);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llmbroker_gemini_thinking(b);
}


/* R12: sound would not arrive; images do */

static ngx_int_t
ngx_http_llmbroker_gemini_modalities(ngx_http_llmbroker_gemini_build_t *b)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *v;

    if (b->ex->call != NGX_HTTP_LLMBROKER_CHAT) {
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_params_get(b->ex, "modalities",
                                       NGX_HTTP_LLMBROKER_JSON_ARRAY, &v);
    if (rc != NGX_OK) {
        return rc;
    }

    for (v = v ? v->child : NULL; v; v = v->next) {

        if (!ngx_http_llmbroker_json_is(v, "text")
            && !ngx_http_llmbroker_json_is(v, "image"))
        {
            return ngx_http_llmbroker_fault(b->ex, 400, "unsupported_value",
                                   "modalities",
                                   "This model answers with text and images "
                                   "only.");
        }
    }

    return NGX_OK;
}


/* R8 */

static ngx_int_t
ngx_http_llmbroker_gemini_stop(ngx_http_llmbroker_gemini_build_t *b)
{
    ngx_http_llmbroker_json_t  *v, *list, **stop;

    v = ngx_http_llmbroker_json_get(b->ex->request, "stop");

    if (v == NULL || v->type == NGX_HTTP_LLMBROKER_JSON_NULL) {
        return NGX_OK;
    }

    list = v;

    if (list->type == NGX_HTTP_LLMBROKER_JSON_ARRAY) {
        v = list->child;

    } else if (v->type != NGX_HTTP_LLMBROKER_JSON_STRING) {
        return ngx_http_llmbroker_fault(b->ex, 400, "invalid_type", "stop",
                               "The parameter must be a string or an array.");
    }

    for ( /* void */ ; v; v = (v == list) ? NULL : v->next) {

        if (v->type != NGX_HTTP_LLMBROKER_JSON_STRING) {
            return ngx_http_llmbroker_fault(b->ex, 400, "invalid_type",
                                   "stop", "A stop sequence must be text.");
        }

        if (ngx_http_llmbroker_json_is(v, "")) {
            continue;
        }

        if (b->stops.nelts == NGX_HTTP_LLMBROKER_GEMINI_STOPS) {
            return ngx_http_llmbroker_fault(b->ex, 400, "invalid_value",
                                   "stop",
                                   "This model takes 5 stop sequences at "
                                   "most.");
        }

        stop = ngx_array_push(&b->stops);
        if (stop == NULL) {
            return NGX_ERROR;
        }

        *stop = v;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_gemini_format(ngx_http_llmbroker_gemini_build_t *b)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *format, *type, *schema;

    if (b->ex->call != NGX_HTTP_LLMBROKER_CHAT) {
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_params_get(b->ex, "response_format",
                                       NGX_HTTP_LLMBROKER_JSON_OBJECT,
                                       &format);
    if (rc != NGX_OK || format == NULL) {
        return rc;
    }

    type = ngx_http_llmbroker_json_get(format, "type");

    if (ngx_http_llmbroker_json_is(type, "text")
        || ngx_http_llmbroker_json_is(type, "json_object"))
    {
        return NGX_OK;
    }

    if (!ngx_http_llmbroker_json_is(type, "json_schema")) {
        return ngx_http_llmbroker_fault(b->ex, 400, "unsupported_value",
                               "response_format.type",
                               "This model does not support the format.");
    }

    schema = ngx_http_llmbroker_json_get(format, "json_schema");

    if (ngx_http_llmbroker_json_get_type(schema, "schema",
                                         NGX_HTTP_LLMBROKER_JSON_OBJECT))
    {
        return NGX_OK;
    }

    return ngx_http_llmbroker_fault(b->ex, 400, "missing_required_parameter",
                           "response_format.json_schema.schema",
                           "The format has no JSON Schema.");
}


/* R51-R54; what a client asks for in Gemini's own words wins */

static ngx_int_t
ngx_http_llmbroker_gemini_thinking(ngx_http_llmbroker_gemini_build_t *b)
{
    ngx_int_t                   rc, budget;
    ngx_http_llmbroker_json_t  *effort;

    if (b->ex->call != NGX_HTTP_LLMBROKER_CHAT) {
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_params_get(b->ex, "reasoning_effort",
                                       NGX_HTTP_LLMBROKER_JSON_STRING,
                                       &effort);
    if (rc != NGX_OK || effort == NULL) {
        return rc;
    }

    budget = ngx_http_llmbroker_params_budget(effort);

    if (ngx_http_llmbroker_json_is(effort, "none")) {
        budget = 0;

    } else if (budget == -1) {
        return ngx_http_llmbroker_fault(b->ex, 400, "invalid_value",
                               "reasoning_effort",
                               "The value of the parameter is unknown.");
    }

    if (ngx_http_llmbroker_gemini_own(b, "thinkingConfig")
        || ngx_http_llmbroker_gemini_get(b->config, "thinkingConfig"))
    {
        return ngx_http_llmbroker_gemini_drop(b, "reasoning_effort");
    }

    if (b->model->thinking != NGX_HTTP_LLMBROKER_GEMINI_NO_THINKING) {
        ngx_http_llmbroker_gemini_effort(b, effort, budget);
        return NGX_OK;
    }

    return budget ? ngx_http_llmbroker_gemini_drop(b, "reasoning_effort")
                  : NGX_OK;
}


static void
ngx_http_llmbroker_gemini_effort(ngx_http_llmbroker_gemini_build_t *b,
    ngx_http_llmbroker_json_t *effort, ngx_int_t budget)
{
    const ngx_http_llmbroker_gemini_model_t  *model;

    model = b->model;
    b->thoughts = (budget != 0);

    if (model->thinking == NGX_HTTP_LLMBROKER_GEMINI_BUDGET) {

        if (b->max_tokens != -1) {
            budget = ngx_min(budget, b->max_tokens - 1);
        }

        b->budget = ngx_min(ngx_max(budget, model->min), model->max);
        return;
    }

    if (budget == 0 || ngx_http_llmbroker_json_is(effort, "minimal")) {
        b->level = model->least;

    } else if (ngx_http_llmbroker_json_is(effort, "low")) {
        b->level = "low";

    } else if (ngx_http_llmbroker_json_is(effort, "medium")) {
        b->level = model->medium;

    } else {
        b->level = "high";
    }
}


ngx_http_llmbroker_json_t *
ngx_http_llmbroker_gemini_get(ngx_http_llmbroker_json_t *object,
    const char *name)
{
    size_t                      i, n;
    u_char                      c;
    ngx_http_llmbroker_json_t  *v, *found;

    if (object == NULL || object->type != NGX_HTTP_LLMBROKER_JSON_OBJECT) {
        return NULL;
    }

    found = NULL;

    for (v = object->child; v; v = v->next) {

        for (i = 0, n = 0; i < v->key.len; i++) {
            c = v->key.data[i];

            if (c == '_') {
                continue;
            }

            if (ngx_tolower(c) != ngx_tolower(name[n])) {
                break;
            }

            n++;
        }

        if (i == v->key.len && name[n] == '\0'
            && v->type != NGX_HTTP_LLMBROKER_JSON_NULL)
        {
            found = v;
        }
    }

    return found;
}


/* a member in Gemini's words of the request or of its extra_body.google */

static ngx_http_llmbroker_json_t *
ngx_http_llmbroker_gemini_own(ngx_http_llmbroker_gemini_build_t *b,
    const char *name)
{
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_gemini_get(b->ex->request, name);

    return v ? v : ngx_http_llmbroker_gemini_get(b->google, name);
}


ngx_int_t
ngx_http_llmbroker_gemini_drop(ngx_http_llmbroker_gemini_build_t *b,
    const char *name)
{
    ngx_str_t  s;

    s.len = ngx_strlen(name);
    s.data = (u_char *) name;

    return ngx_http_llmbroker_dropped(b->ex, &s);
}


static void
ngx_http_llmbroker_gemini_write(ngx_http_llmbroker_gemini_build_t *b)
{
    const char                       **name;
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->w;

    ngx_http_llmbroker_json_open(w);

    ngx_http_llmbroker_gemini_write_contents(b);
    ngx_http_llmbroker_gemini_write_tools(b);
    ngx_http_llmbroker_gemini_write_config(b);

    for (name = ngx_http_llmbroker_gemini_members; *name; name++) {
        v = ngx_http_llmbroker_gemini_own(b, *name);

        if (v) {
            ngx_http_llmbroker_json_key(w, *name);
            ngx_http_llmbroker_json_raw(w, &v->raw);
        }
    }

    ngx_http_llmbroker_json_close(w);
}


static void
ngx_http_llmbroker_gemini_write_config(ngx_http_llmbroker_gemini_build_t *b)
{
    ngx_uint_t                         i;
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->w;

    ngx_http_llmbroker_json_key(w, "generationConfig");
    ngx_http_llmbroker_json_open(w);

    for (v = b->config ? b->config->child : NULL; v; v = v->next) {

        if (v->type == NGX_HTTP_LLMBROKER_JSON_NULL) {
            continue;
        }

        ngx_http_llmbroker_json_key_str(w, &v->key);
        ngx_http_llmbroker_json_raw(w, &v->raw);
    }

    if (b->max_tokens != -1
        && ngx_http_llmbroker_gemini_key(b, "maxOutputTokens"))
    {
        ngx_http_llmbroker_json_number(w, b->max_tokens);
    }

    for (i = 0; ngx_http_llmbroker_gemini_numbers[i][0]; i++) {
        v = ngx_http_llmbroker_json_get_type(b->ex->request,
                                     ngx_http_llmbroker_gemini_numbers[i][0],
                                     NGX_HTTP_LLMBROKER_JSON_NUMBER);

        if (v && ngx_http_llmbroker_gemini_key(b,
                                     ngx_http_llmbroker_gemini_numbers[i][1]))
        {
            ngx_http_llmbroker_json_raw(w, &v->raw);
        }
    }

    v = ngx_http_llmbroker_json_get(b->ex->request, "n");

    if (ngx_http_llmbroker_json_int(v, 1) > 1
        && ngx_http_llmbroker_gemini_key(b, "candidateCount"))
    {
        ngx_http_llmbroker_json_raw(w, &v->raw);
    }

    ngx_http_llmbroker_gemini_write_stops(b);
    ngx_http_llmbroker_gemini_write_logprobs(b);

    if (b->ex->call == NGX_HTTP_LLMBROKER_CHAT) {
        ngx_http_llmbroker_gemini_write_modalities(b);
        ngx_http_llmbroker_gemini_write_format(b);
    }

    ngx_http_llmbroker_gemini_write_thinking(b);

    ngx_http_llmbroker_json_close(w);
}


static void
ngx_http_llmbroker_gemini_write_stops(ngx_http_llmbroker_gemini_build_t *b)
{
    ngx_uint_t                   i;
    ngx_http_llmbroker_json_t  **stop;

    if (b->stops.nelts == 0
        || !ngx_http_llmbroker_gemini_key(b, "stopSequences"))
    {
        return;
    }

    stop = b->stops.elts;

    ngx_http_llmbroker_json_open_array(&b->w);

    for (i = 0; i < b->stops.nelts; i++) {
        ngx_http_llmbroker_json_raw(&b->w, &stop[i]->raw);
    }

    ngx_http_llmbroker_json_close_array(&b->w);
}


/* of a chat a switch and a number, of a completion the number alone */

static void
ngx_http_llmbroker_gemini_write_logprobs(ngx_http_llmbroker_gemini_build_t *b)
{
    ngx_int_t                   n;
    ngx_http_llmbroker_json_t  *v;

    n = b->logprobs;

    if (b->ex->call == NGX_HTTP_LLMBROKER_CHAT) {
        v = ngx_http_llmbroker_json_get(b->ex->request, "logprobs");

        if (ngx_http_llmbroker_json_true(v)) {
            v = ngx_http_llmbroker_json_get(b->ex->request, "top_logprobs");
            n = ngx_http_llmbroker_json_int(v, 0);
        }
    }

    if (n == -1) {
        return;
    }

    if (ngx_http_llmbroker_gemini_key(b, "responseLogprobs")) {
        ngx_http_llmbroker_json_bool(&b->w, 1);
    }

    if (n > 0 && ngx_http_llmbroker_gemini_key(b, "logprobs")) {
        ngx_http_llmbroker_json_number(&b->w, n);
    }
}


static void
ngx_http_llmbroker_gemini_write_modalities(
    ngx_http_llmbroker_gemini_build_t *b)
{
    ngx_uint_t                  image;
    ngx_http_llmbroker_json_t  *list, *v;

    list = ngx_http_llmbroker_json_get(b->ex->request, "modalities");
    image = 0;

    for (v = list ? list->child : NULL; v; v = v->next) {
        image |= ngx_http_llmbroker_json_is(v, "image");
    }

    if (!image || !ngx_http_llmbroker_gemini_key(b, "responseModalities")) {
        return;
    }

    ngx_http_llmbroker_json_open_array(&b->w);

    for (v = list->child; v; v = v->next) {
        ngx_http_llmbroker_json_text(&b->w,
                                     ngx_http_llmbroker_json_is(v, "image")
                                     ? "IMAGE" : "TEXT");
    }

    ngx_http_llmbroker_json_close_array(&b->w);
}


/* responseJsonSchema has JSON Schema's keywords, responseSchema only some */

static void
ngx_http_llmbroker_gemini_write_format(ngx_http_llmbroker_gemini_build_t *b)
{
    ngx_http_llmbroker_json_t  *format, *type, *schema;

    format = ngx_http_llmbroker_json_get(b->ex->request, "response_format");
    type = ngx_http_llmbroker_json_get(format, "type");

    if (type == NULL || ngx_http_llmbroker_json_is(type, "text")) {
        return;
    }

    if (ngx_http_llmbroker_gemini_key(b, "responseMimeType")) {
        ngx_http_llmbroker_json_text(&b->w, "application/json");
    }

    if (!ngx_http_llmbroker_json_is(type, "json_schema")
        || ngx_http_llmbroker_gemini_get(b->config, "responseSchema"))
    {
        return;
    }

    schema = ngx_http_llmbroker_json_get(format, "json_schema");
    schema = ngx_http_llmbroker_json_get(schema, "schema");

    if (ngx_http_llmbroker_gemini_key(b, "responseJsonSchema")) {
        ngx_http_llmbroker_json_raw(&b->w, &schema->raw);
    }
}


static void
ngx_http_llmbroker_gemini_write_thinking(ngx_http_llmbroker_gemini_build_t *b)
{
    ngx_http_llmbroker_json_t         *own;
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->w;
    own = ngx_http_llmbroker_gemini_own(b, "thinkingConfig");

    if (own) {

        if (ngx_http_llmbroker_gemini_key(b, "thinkingConfig")) {
            ngx_http_llmbroker_json_raw(w, &own->raw);
        }

        return;
    }

    if (b->level == NULL && b->budget == -1) {
        return;
    }

    ngx_http_llmbroker_json_key(w, "thinkingConfig");
    ngx_http_llmbroker_json_open(w);

    if (b->level) {
        ngx_http_llmbroker_json_key(w, "thinkingLevel");
        ngx_http_llmbroker_json_text(w, b->level);

    } else {
        ngx_http_llmbroker_json_key(w, "thinkingBudget");
        ngx_http_llmbroker_json_number(w, b->budget);
    }

    if (b->thoughts) {
        ngx_http_llmbroker_json_key(w, "includeThoughts");
        ngx_http_llmbroker_json_bool(w, 1);
    }

    ngx_http_llmbroker_json_close(w);
}


/* a member of generationConfig, unless the client wrote it itself */

static ngx_uint_t
ngx_http_llmbroker_gemini_key(ngx_http_llmbroker_gemini_build_t *b,
    const char *name)
{
    if (ngx_http_llmbroker_gemini_get(b->config, name)) {
        return 0;
    }

    ngx_http_llmbroker_json_key(&b->w, name);

    return 1;
}
