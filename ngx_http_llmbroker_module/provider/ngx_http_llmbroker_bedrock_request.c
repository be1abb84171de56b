
/*
 * Copyright (C) LLMBroker contributors
 *
 * From OpenAI's chat request to Converse (wire format sections 4.1 and 7.3).
 * What is asked for is gathered as for Claude; what only Claude's models know
 * goes among "additionalModelRequestFields", which Bedrock hands on to the
 * model.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_bedrock.h"
#include "provider/ngx_http_llmbroker_params.h"


static ngx_int_t ngx_http_llmbroker_bedrock_init(
    ngx_http_llmbroker_bedrock_build_t *b);
static ngx_int_t ngx_http_llmbroker_bedrock_gather(
    ngx_http_llmbroker_bedrock_build_t *b);
static ngx_int_t ngx_http_llmbroker_bedrock_own(
    ngx_http_llmbroker_bedrock_build_t *b);
static ngx_int_t ngx_http_llmbroker_bedrock_tier(
    ngx_http_llmbroker_bedrock_build_t *b);
static ngx_int_t ngx_http_llmbroker_bedrock_betas(
    ngx_http_llmbroker_bedrock_build_t *b);
static ngx_int_t ngx_http_llmbroker_bedrock_write(
    ngx_http_llmbroker_bedrock_build_t *b);
static void ngx_http_llmbroker_bedrock_write_config(
    ngx_http_llmbroker_bedrock_build_t *b);
static void ngx_http_llmbroker_bedrock_write_tier(
    ngx_http_llmbroker_bedrock_build_t *b);
static void ngx_http_llmbroker_bedrock_write_fields(
    ngx_http_llmbroker_bedrock_build_t *b);
static void ngx_http_llmbroker_bedrock_write_claude(
    ngx_http_llmbroker_bedrock_build_t *b);
static void ngx_http_llmbroker_bedrock_write_effort(
    ngx_http_llmbroker_bedrock_build_t *b);
static void ngx_http_llmbroker_bedrock_write_betas(
    ngx_http_llmbroker_bedrock_build_t *b);
static ngx_http_llmbroker_json_t *ngx_http_llmbroker_bedrock_asked(
    ngx_http_llmbroker_bedrock_build_t *b, const char *name);


/* what is in no row is dropped and named (R11) */

static const ngx_http_llmbroker_rule_t  ngx_http_llmbroker_bedrock_rules[] = {
    { ngx_string("model"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("messages"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("max_tokens"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("max_completion_tokens"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("stream"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("stream_options"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("temperature"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("top_p"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("top_k"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("stop"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("n"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("service_tier"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("tools"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("tool_choice"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("parallel_tool_calls"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("functions"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("function_call"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("reasoning_effort"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("response_format"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("modalities"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("prompt"), NGX_HTTP_LLMBROKER_USE_COMPLETIONS },
    { ngx_string("suffix"), NGX_HTTP_LLMBROKER_USE_COMPLETIONS },
    { ngx_string("echo"), NGX_HTTP_LLMBROKER_USE_COMPLETIONS },
    { ngx_string("best_of"), NGX_HTTP_LLMBROKER_USE_COMPLETIONS },
    { ngx_string("logprobs"), NGX_HTTP_LLMBROKER_USE_COMPLETIONS },

    /* Claude's own (R15) */

    { ngx_string("thinking"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("output_config"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("anthropic_beta"), NGX_HTTP_LLMBROKER_USE },

    /* Converse's own */

    { ngx_string("additionalModelRequestFields"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("additionalModelResponseFieldPaths"),
      NGX_HTTP_LLMBROKER_USE },
    { ngx_string("guardrailConfig"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("performanceConfig"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("requestMetadata"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("promptVariables"), NGX_HTTP_LLMBROKER_USE },

    /* R12, R14 */

    { ngx_string("audio"), NGX_HTTP_LLMBROKER_REFUSE },
    { ngx_string("web_search_options"), NGX_HTTP_LLMBROKER_REFUSE },

    { ngx_null_string, NGX_HTTP_LLMBROKER_DROP }
};


/* members of a request that are passed on as they are */

static const char  *ngx_http_llmbroker_bedrock_members[] = {
    "additionalModelResponseFieldPaths",
    "guardrailConfig",
    "performanceConfig",
    "requestMetadata",
    "promptVariables",
    NULL
};


ngx_int_t
ngx_http_llmbroker_bedrock_build(ngx_http_llmbroker_exchange_t *ex)
{
    ngx_int_t                            rc;
    ngx_http_llmbroker_bedrock_build_t  *b;

    rc = ngx_http_llmbroker_params_check(ex, ex->request,
                                         ngx_http_llmbroker_bedrock_rules);
    if (rc != NGX_OK) {
        return rc;
    }

    b = ngx_pcalloc(ex->pool, sizeof(ngx_http_llmbroker_bedrock_build_t));
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->claude.ex = ex;

    if (ngx_http_llmbroker_bedrock_init(b) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_http_llmbroker_bedrock_gather(b);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llmbroker_bedrock_write(b);
}


static ngx_int_t
ngx_http_llmbroker_bedrock_init(ngx_http_llmbroker_bedrock_build_t *b)
{
    ngx_str_t                                model;
    ngx_http_llmbroker_exchange_t           *ex;
    const ngx_http_llmbroker_claude_model_t *abilities;

    ex = b->claude.ex;

    /* before the format's part makes a state that is Claude's only */

    if (ngx_http_llmbroker_bedrock_state(ex) == NULL
        || ngx_http_llmbroker_claude_init(&b->claude, ex,
                                          ngx_http_llmbroker_bedrock_media)
           != NGX_OK
        || ngx_array_init(&b->names, ex->pool, 1, sizeof(ngx_str_t))
           != NGX_OK
        || ngx_array_init(&b->schemas, ex->pool, 1, sizeof(ngx_str_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* an inference profile's name may not tell the model's */

    abilities = b->claude.model;

    b->is_claude = abilities->prefix.len
                   || (abilities->flags & (NGX_HTTP_LLMBROKER_CLAUDE_ADAPTIVE
                                           |NGX_HTTP_LLMBROKER_CLAUDE_BUDGET
                                           |NGX_HTTP_LLMBROKER_CLAUDE_EFFORT));

    model = ex->target->model;

    b->mistral = ngx_strlcasestrn(model.data, model.data + model.len,
                                  (u_char *) "mistral.",
                                  sizeof("mistral.") - 2)
                 != NULL;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_bedrock_gather(ngx_http_llmbroker_bedrock_build_t *b)
{
    ngx_int_t                           rc;
    ngx_uint_t                          i;
    ngx_http_llmbroker_claude_build_t  *claude;

    typedef ngx_int_t (*step_pt)(ngx_http_llmbroker_claude_build_t *b);

    static const step_pt  first[] = {
        ngx_http_llmbroker_claude_bounds,
        ngx_http_llmbroker_claude_conversation,
        ngx_http_llmbroker_claude_thinking,
        NULL
    };

    static const step_pt  second[] = {
        ngx_http_llmbroker_claude_sampling,
        ngx_http_llmbroker_claude_stop,
        ngx_http_llmbroker_claude_tools,
        ngx_http_llmbroker_claude_format,
        NULL
    };

    claude = &b->claude;

    for (i = 0; first[i]; i++) {
        rc = first[i](claude);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    rc = ngx_http_llmbroker_bedrock_own(b);
    if (rc != NGX_OK) {
        return rc;
    }

    for (i = 0; second[i]; i++) {
        rc = second[i](claude);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (claude->top_k && !b->is_claude) {
        claude->top_k = NULL;

        if (ngx_http_llmbroker_claude_drop(claude, "top_k") != NGX_OK) {
            return NGX_ERROR;
        }
    }

    rc = ngx_http_llmbroker_bedrock_tier(b);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_bedrock_betas(b);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llmbroker_bedrock_tools(b);
}


/* the client's own fields, and what of Claude's another model cannot have */

static ngx_int_t
ngx_http_llmbroker_bedrock_own(ngx_http_llmbroker_bedrock_build_t *b)
{
    ngx_int_t                           rc;
    ngx_http_llmbroker_json_t          *v;
    ngx_http_llmbroker_claude_build_t  *claude;

    claude = &b->claude;

    /* R2: Converse has a default of its own for each model */

    rc = ngx_http_llmbroker_params_max_tokens(claude->ex, &b->max_tokens);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_params_get(claude->ex,
                                       "additionalModelRequestFields",
                                       NGX_HTTP_LLMBROKER_JSON_OBJECT,
                                       &b->fields);
    if (rc != NGX_OK) {
        return rc;
    }

    /* R56: thinking is thinking, however it is asked for */

    v = ngx_http_llmbroker_json_get_type(b->fields, "thinking",
                                         NGX_HTTP_LLMBROKER_JSON_OBJECT);

    if (v && b->is_claude) {
        v = ngx_http_llmbroker_json_get(v, "type");
        claude->active = !ngx_http_llmbroker_json_is(v, "disabled");
    }

    if (b->is_claude) {
        return NGX_OK;
    }

    if (claude->thinking == NGX_HTTP_LLMBROKER_CLAUDE_VERBATIM) {
        claude->thinking = NGX_HTTP_LLMBROKER_CLAUDE_NO_THINKING;
        claude->active = 0;

        if (ngx_http_llmbroker_claude_drop(claude, "thinking") != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (ngx_http_llmbroker_bedrock_asked(b, "output_config")) {
        return ngx_http_llmbroker_claude_drop(claude, "output_config");
    }

    return NGX_OK;
}


/* R13; "auto" is the account's own default */

static ngx_int_t
ngx_http_llmbroker_bedrock_tier(ngx_http_llmbroker_bedrock_build_t *b)
{
    size_t                      i;
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *v;

    static const char  *tiers[][2] = {
        { "default", "default" },
        { "flex", "flex" },
        { "priority", "priority" },
        { "fast", "priority" },
        { NULL, NULL }
    };

    rc = ngx_http_llmbroker_params_get(b->claude.ex, "service_tier",
                                       NGX_HTTP_LLMBROKER_JSON_STRING, &v);

    if (rc != NGX_OK || v == NULL || ngx_http_llmbroker_json_is(v, "auto")) {
        return rc;
    }

    for (i = 0; tiers[i][0]; i++) {
        if (ngx_http_llmbroker_json_is(v, tiers[i][0])) {
            b->tier = tiers[i][1];
            return NGX_OK;
        }
    }

    return ngx_http_llmbroker_claude_drop(&b->claude, "service_tier");
}


/* R15 */

static ngx_int_t
ngx_http_llmbroker_bedrock_betas(ngx_http_llmbroker_bedrock_build_t *b)
{
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_bedrock_asked(b, "anthropic_beta");

    if (v == NULL) {
        return NGX_OK;
    }

    if (!b->is_claude) {
        return ngx_http_llmbroker_claude_drop(&b->claude, "anthropic_beta");
    }

    if (v->type == NGX_HTTP_LLMBROKER_JSON_STRING
        || v->type == NGX_HTTP_LLMBROKER_JSON_ARRAY)
    {
        return NGX_OK;
    }

    return ngx_http_llmbroker_fault(b->claude.ex, 400, "invalid_type",
                           "anthropic_beta",
                           "The parameter must be text or an array of texts.");
}


static ngx_int_t
ngx_http_llmbroker_bedrock_write(ngx_http_llmbroker_bedrock_build_t *b)
{
    ngx_uint_t                         i;
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->claude.w;

    ngx_http_llmbroker_json_write_start(w, b->claude.ex->body);
    ngx_http_llmbroker_json_write_refer(w);
    ngx_http_llmbroker_json_open(w);

    ngx_http_llmbroker_bedrock_write_config(b);
    ngx_http_llmbroker_bedrock_write_tools(b);
    ngx_http_llmbroker_bedrock_write_output(b);
    ngx_http_llmbroker_bedrock_write_tier(b);
    ngx_http_llmbroker_bedrock_write_fields(b);

    for (i = 0; ngx_http_llmbroker_bedrock_members[i]; i++) {
        v = ngx_http_llmbroker_json_get(b->claude.ex->request,
                                       ngx_http_llmbroker_bedrock_members[i]);
        ngx_http_llmbroker_claude_write_raw(&b->claude,
                                       ngx_http_llmbroker_bedrock_members[i],
                                       v);
    }

    ngx_http_llmbroker_bedrock_write_messages(b);

    ngx_http_llmbroker_json_close(w);

    return ngx_http_llmbroker_json_write_end(w);
}


static void
ngx_http_llmbroker_bedrock_write_config(ngx_http_llmbroker_bedrock_build_t *b)
{
    ngx_uint_t                           i;
    ngx_http_llmbroker_json_t          **stop;
    ngx_http_llmbroker_claude_build_t   *claude;
    ngx_http_llmbroker_json_writer_t    *w;

    claude = &b->claude;
    w = &claude->w;

    if (b->max_tokens == -1 && claude->temperature == NULL
        && claude->top_p == NULL && claude->stops.nelts == 0)
    {
        return;
    }

    ngx_http_llmbroker_json_key(w, "inferenceConfig");
    ngx_http_llmbroker_json_open(w);

    if (b->max_tokens != -1) {
        ngx_http_llmbroker_json_key(w, "maxTokens");
        ngx_http_llmbroker_json_number(w, claude->max_tokens);
    }

    /* R5: a temperature of Bedrock's ends at 1 */

    if (claude->temperature && (claude->degree > 1 || claude->degree < 0)) {
        ngx_http_llmbroker_json_key(w, "temperature");
        ngx_http_llmbroker_json_number(w, claude->degree > 1);

    } else {
        ngx_http_llmbroker_claude_write_raw(claude, "temperature",
                                            claude->temperature);
    }

    ngx_http_llmbroker_claude_write_raw(claude, "topP", claude->top_p);

    if (claude->stops.nelts) {
        stop = claude->stops.elts;

        ngx_http_llmbroker_json_key(w, "stopSequences");
        ngx_http_llmbroker_json_open_array(w);

        for (i = 0; i < claude->stops.nelts; i++) {
            ngx_http_llmbroker_json_raw(w, &stop[i]->raw);
        }

        ngx_http_llmbroker_json_close_array(w);
    }

    ngx_http_llmbroker_json_close(w);
}


static void
ngx_http_llmbroker_bedrock_write_tier(ngx_http_llmbroker_bedrock_build_t *b)
{
    ngx_http_llmbroker_json_writer_t  *w;

    if (b->tier == NULL) {
        return;
    }

    w = &b->claude.w;

    ngx_http_llmbroker_json_key(w, "serviceTier");
    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "type");
    ngx_http_llmbroker_json_text(w, b->tier);
    ngx_http_llmbroker_json_close(w);
}


/* what the client says itself wins (R15) */

static void
ngx_http_llmbroker_bedrock_write_fields(ngx_http_llmbroker_bedrock_build_t *b)
{
    ngx_http_llmbroker_json_t          *v;
    ngx_http_llmbroker_claude_build_t  *claude;
    ngx_http_llmbroker_json_writer_t   *w;

    claude = &b->claude;
    w = &claude->w;

    if (b->fields == NULL && !b->apart && claude->effort == NULL
        && claude->thinking == NGX_HTTP_LLMBROKER_CLAUDE_NO_THINKING
        && claude->top_k == NULL
        && (!b->is_claude
            || (ngx_http_llmbroker_bedrock_asked(b, "output_config") == NULL
                && ngx_http_llmbroker_bedrock_asked(b, "anthropic_beta")
                   == NULL)))
    {
        return;
    }

    ngx_http_llmbroker_json_key(w, "additionalModelRequestFields");
    ngx_http_llmbroker_json_open(w);

    for (v = b->fields ? b->fields->child : NULL; v; v = v->next) {
        ngx_http_llmbroker_json_key_str(w, &v->key);
        ngx_http_llmbroker_json_raw(w, &v->raw);
    }

    if (b->is_claude) {
        ngx_http_llmbroker_bedrock_write_claude(b);
    }

    ngx_http_llmbroker_json_close(w);
}


static void
ngx_http_llmbroker_bedrock_write_claude(ngx_http_llmbroker_bedrock_build_t *b)
{
    ngx_http_llmbroker_claude_build_t  *claude;

    claude = &b->claude;

    if (ngx_http_llmbroker_json_get(b->fields, "thinking") == NULL) {
        ngx_http_llmbroker_claude_write_thinking(claude);
    }

    if (ngx_http_llmbroker_json_get(b->fields, "output_config") == NULL) {
        ngx_http_llmbroker_bedrock_write_effort(b);
    }

    if (ngx_http_llmbroker_json_get(b->fields, "top_k") == NULL) {
        ngx_http_llmbroker_claude_write_raw(claude, "top_k", claude->top_k);
    }

    if (ngx_http_llmbroker_json_get(b->fields, "anthropic_beta") == NULL) {
        ngx_http_llmbroker_bedrock_write_betas(b);
    }

    if (b->apart
        && ngx_http_llmbroker_json_get(b->fields, "tool_choice") == NULL)
    {
        ngx_http_llmbroker_bedrock_write_choice(b);
    }
}


/* R53; the format is Converse's own matter */

static void
ngx_http_llmbroker_bedrock_write_effort(ngx_http_llmbroker_bedrock_build_t *b)
{
    ngx_uint_t                         effort;
    ngx_http_llmbroker_json_t         *config, *v;
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->claude.w;

    config = ngx_http_llmbroker_json_get_type(b->claude.ex->request,
                                              "output_config",
                                              NGX_HTTP_LLMBROKER_JSON_OBJECT);

    effort = b->claude.effort
             && ngx_http_llmbroker_json_get(config, "effort") == NULL;

    if (config == NULL && !effort) {
        return;
    }

    ngx_http_llmbroker_json_key(w, "output_config");
    ngx_http_llmbroker_json_open(w);

    for (v = config ? config->child : NULL; v; v = v->next) {
        ngx_http_llmbroker_json_key_str(w, &v->key);
        ngx_http_llmbroker_json_raw(w, &v->raw);
    }

    if (effort) {
        ngx_http_llmbroker_claude_write_effort(&b->claude);
    }

    ngx_http_llmbroker_json_close(w);
}


static void
ngx_http_llmbroker_bedrock_write_betas(ngx_http_llmbroker_bedrock_build_t *b)
{
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->claude.w;
    v = ngx_http_llmbroker_bedrock_asked(b, "anthropic_beta");

    if (v == NULL) {
        return;
    }

    ngx_http_llmbroker_json_key(w, "anthropic_beta");

    if (v->type == NGX_HTTP_LLMBROKER_JSON_ARRAY) {
        ngx_http_llmbroker_json_raw(w, &v->raw);
        return;
    }

    ngx_http_llmbroker_json_open_array(w);
    ngx_http_llmbroker_json_raw(w, &v->raw);
    ngx_http_llmbroker_json_close_array(w);
}


/* a member of the request; NULL when it is absent or null */

static ngx_http_llmbroker_json_t *
ngx_http_llmbroker_bedrock_asked(ngx_http_llmbroker_bedrock_build_t *b,
    const char *name)
{
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get(b->claude.ex->request, name);

    return (v && v->type == NGX_HTTP_LLMBROKER_JSON_NULL) ? NULL : v;
}
