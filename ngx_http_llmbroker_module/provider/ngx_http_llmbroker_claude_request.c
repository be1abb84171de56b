
/*
 * Copyright (C) LLMBroker contributors
 *
 * From OpenAI's chat request to the Messages API (version 2023-06-01, read in
 * 2026-08); wire format section 4.1, whose rule numbers are cited.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_claude.h"
#include "provider/ngx_http_llmbroker_params.h"


static ngx_int_t ngx_http_llmbroker_claude_modalities(
    ngx_http_llmbroker_claude_build_t *b);
static ngx_int_t ngx_http_llmbroker_claude_account(
    ngx_http_llmbroker_claude_build_t *b);
static ngx_uint_t ngx_http_llmbroker_claude_personal(ngx_str_t *id);
static ngx_int_t ngx_http_llmbroker_claude_search(
    ngx_http_llmbroker_claude_build_t *b);
static ngx_int_t ngx_http_llmbroker_claude_betas(
    ngx_http_llmbroker_claude_build_t *b);
static ngx_int_t ngx_http_llmbroker_claude_beta(
    ngx_http_llmbroker_claude_build_t *b, ngx_http_llmbroker_json_t *v);
static ngx_int_t ngx_http_llmbroker_claude_write(
    ngx_http_llmbroker_claude_build_t *b);
static void ngx_http_llmbroker_claude_write_options(
    ngx_http_llmbroker_claude_build_t *b);
static void ngx_http_llmbroker_claude_number(
    ngx_http_llmbroker_claude_build_t *b, ngx_int_t n);
static void ngx_http_llmbroker_claude_write_config(
    ngx_http_llmbroker_claude_build_t *b);


/* what is in no row is dropped and named (R11) */

static const ngx_http_llmbroker_rule_t  ngx_http_llmbroker_claude_rules[] = {
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
    { ngx_string("user"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("safety_identifier"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("service_tier"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("tools"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("tool_choice"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("parallel_tool_calls"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("functions"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("function_call"), NGX_HTTP_LLMBROKER_USE_CHAT },
    { ngx_string("web_search_options"), NGX_HTTP_LLMBROKER_USE_CHAT },
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
    { ngx_string("cache_control"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("context_management"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("anthropic_beta"), NGX_HTTP_LLMBROKER_USE },

    /* R12 */

    { ngx_string("audio"), NGX_HTTP_LLMBROKER_REFUSE },

    { ngx_null_string, NGX_HTTP_LLMBROKER_DROP }
};


ngx_int_t
ngx_http_llmbroker_claude_build(ngx_http_llmbroker_exchange_t *ex)
{
    ngx_int_t                          rc;
    ngx_uint_t                         i;
    ngx_http_llmbroker_claude_build_t  b;

    typedef ngx_int_t (*step_pt)(ngx_http_llmbroker_claude_build_t *b);

    /*
     * The conversation decides about thinking, thinking about sampling and
     * tools, and all of them about the format.
     */

    static const step_pt  steps[] = {
        ngx_http_llmbroker_claude_bounds,
        ngx_http_llmbroker_claude_conversation,
        ngx_http_llmbroker_claude_thinking,
        ngx_http_llmbroker_claude_sampling,
        ngx_http_llmbroker_claude_stop,
        ngx_http_llmbroker_claude_account,
        ngx_http_llmbroker_claude_tools,
        ngx_http_llmbroker_claude_search,
        ngx_http_llmbroker_claude_format,
        ngx_http_llmbroker_claude_betas,
        ngx_http_llmbroker_claude_write,
        NULL
    };

    rc = ngx_http_llmbroker_params_check(ex, ex->request,
                                         ngx_http_llmbroker_claude_rules);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_memzero(&b, offsetof(ngx_http_llmbroker_claude_build_t, w));

    if (ngx_http_llmbroker_claude_init(&b, ex, ngx_http_llmbroker_claude_media)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; steps[i]; i++) {
        rc = steps[i](&b);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_claude_init(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_claude_media_pt media)
{
    ngx_pool_t  *pool;

    pool = ex->pool;

    b->ex = ex;
    b->model = ex->target->abilities;
    b->media = media;

    if (ngx_array_init(&b->system, pool, 1,
                       sizeof(ngx_http_llmbroker_claude_block_t))
        != NGX_OK
        || ngx_array_init(&b->blocks, pool, 8,
                          sizeof(ngx_http_llmbroker_claude_block_t))
           != NGX_OK
        || ngx_array_init(&b->stops, pool, 1,
                          sizeof(ngx_http_llmbroker_json_t *))
           != NGX_OK
        || ngx_array_init(&b->tools, pool, 1,
                          sizeof(ngx_http_llmbroker_claude_tool_t))
           != NGX_OK
        || ngx_array_init(&b->pending, pool, 1,
                          sizeof(ngx_http_llmbroker_claude_block_t))
           != NGX_OK
        || ngx_array_init(&b->called, pool, 1, sizeof(ngx_str_t)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_claude_bounds(ngx_http_llmbroker_claude_build_t *b)
{
    ngx_int_t                       rc;
    ngx_http_llmbroker_json_t      *v;
    ngx_http_llmbroker_exchange_t  *ex;

    ex = b->ex;

    rc = ngx_http_llmbroker_params_get(ex, "n",
                                       NGX_HTTP_LLMBROKER_JSON_NUMBER, &v);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_llmbroker_json_int(v, 1) > 1) {
        return ngx_http_llmbroker_fault(ex, 400, "unsupported_value", "n",
                               "This model gives one answer a request.");
    }

    rc = ngx_http_llmbroker_claude_modalities(b);
    if (rc != NGX_OK) {
        return rc;
    }

    /* R2; a model that is not known gets what all of them take */

    rc = ngx_http_llmbroker_params_max_tokens(ex, &b->max_tokens);
    if (rc != NGX_OK) {
        return rc;
    }

    if (b->max_tokens == -1) {
        b->max_tokens = b->model->max ? b->model->max : 4096;

    } else if (b->model->max && b->max_tokens > b->model->max) {
        b->max_tokens = b->model->max;
    }

    return NGX_OK;
}


/* R11, R12 */

static ngx_int_t
ngx_http_llmbroker_claude_modalities(ngx_http_llmbroker_claude_build_t *b)
{
    ngx_int_t                       rc;
    ngx_http_llmbroker_json_t      *v;
    ngx_http_llmbroker_exchange_t  *ex;

    ex = b->ex;

    if (ex->call != NGX_HTTP_LLMBROKER_CHAT) {
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_params_get(ex, "modalities",
                                       NGX_HTTP_LLMBROKER_JSON_ARRAY, &v);

    if (rc != NGX_OK || v == NULL || v->n == 0) {
        return rc;
    }

    for (v = v->child; v; v = v->next) {

        if (!ngx_http_llmbroker_json_is(v, "text")) {
            return ngx_http_llmbroker_fault(ex, 400, "unsupported_value",
                                   "modalities",
                                   "This model answers with text only.");
        }
    }

    return ngx_http_llmbroker_claude_drop(b, "modalities");
}


/* R8 */

ngx_int_t
ngx_http_llmbroker_claude_stop(ngx_http_llmbroker_claude_build_t *b)
{
    ngx_http_llmbroker_json_t  *v, *last, **stop;

    v = ngx_http_llmbroker_params_find(b->ex, "stop");

    if (v == NULL || v->type == NGX_HTTP_LLMBROKER_JSON_NULL) {
        return NGX_OK;
    }

    last = v->next;

    if (v->type == NGX_HTTP_LLMBROKER_JSON_ARRAY) {
        v = v->child;
        last = NULL;
    }

    for ( /* void */ ; v != last; v = v->next) {

        if (v->type != NGX_HTTP_LLMBROKER_JSON_STRING) {
            return ngx_http_llmbroker_fault(b->ex, 400, "invalid_type", "stop",
                                   "The parameter must be text or an array "
                                   "of texts.");
        }

        if (ngx_http_llmbroker_params_blank(v)) {
            continue;
        }

        stop = ngx_array_push(&b->stops);
        if (stop == NULL) {
            return NGX_ERROR;
        }

        *stop = v;
    }

    return NGX_OK;
}


/* R10, R13 */

static ngx_int_t
ngx_http_llmbroker_claude_account(ngx_http_llmbroker_claude_build_t *b)
{
    ngx_int_t                   rc;
    const char                 *name;
    ngx_http_llmbroker_json_t  *v;

    rc = ngx_http_llmbroker_params_get(b->ex, "service_tier",
                                       NGX_HTTP_LLMBROKER_JSON_STRING, &v);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_llmbroker_json_is(v, "auto")) {
        b->tier = "auto";

    } else if (ngx_http_llmbroker_json_is(v, "default")) {
        b->tier = "standard_only";

    } else if (v) {

        if (ngx_http_llmbroker_claude_drop(b, "service_tier") != NGX_OK) {
            return NGX_ERROR;
        }

        b->tier = "auto";
    }

    name = "safety_identifier";

    rc = ngx_http_llmbroker_params_get(b->ex, name,
                                       NGX_HTTP_LLMBROKER_JSON_STRING, &v);

    if (rc == NGX_OK && (v == NULL || ngx_http_llmbroker_params_blank(v))) {
        name = "user";
        rc = ngx_http_llmbroker_params_get(b->ex, name,
                                           NGX_HTTP_LLMBROKER_JSON_STRING,
                                           &v);
    }

    if (rc != NGX_OK || v == NULL) {
        return rc;
    }

    rc = ngx_http_llmbroker_json_string(b->ex->pool, v, &b->user);
    if (rc != NGX_OK) {
        return rc;
    }

    if (!ngx_http_llmbroker_claude_personal(&b->user)) {
        b->user = ngx_http_llmbroker_json_inner(v);
        return NGX_OK;
    }

    b->user.len = 0;

    return ngx_http_llmbroker_claude_drop(b, name);
}


/* an e-mail address or a phone number, which Anthropic refuses */

static ngx_uint_t
ngx_http_llmbroker_claude_personal(ngx_str_t *id)
{
    u_char      *p, *last;
    ngx_uint_t   digits;

    last = id->data + id->len;

    p = ngx_strlchr(id->data, last, '@');

    if (p && ngx_strlchr(p, last, '.')) {
        return 1;
    }

    digits = 0;

    for (p = id->data; p < last; p++) {

        if (*p >= '0' && *p <= '9') {
            digits++;
            continue;
        }

        if (*p != ' ' && *p != '(' && *p != ')' && *p != '+' && *p != '-') {
            return 0;
        }
    }

    return digits >= 7;
}


/* R14: a model searches where the configuration lets it */

static ngx_int_t
ngx_http_llmbroker_claude_search(ngx_http_llmbroker_claude_build_t *b)
{
    ngx_int_t  rc;

    if (b->ex->call != NGX_HTTP_LLMBROKER_CHAT) {
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_params_get(b->ex, "web_search_options",
                                       NGX_HTTP_LLMBROKER_JSON_OBJECT,
                                       &b->search);

    if (rc != NGX_OK
        || b->search == NULL
        || (b->model->flags & NGX_HTTP_LLMBROKER_CLAUDE_SEARCH))
    {
        return rc;
    }

    return ngx_http_llmbroker_fault(b->ex, 400, "unsupported_value",
                           "web_search_options",
                           "This model does not search the web.");
}


/* R15: names of beta features, for the header */

static ngx_int_t
ngx_http_llmbroker_claude_betas(ngx_http_llmbroker_claude_build_t *b)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_params_find(b->ex, "anthropic_beta");

    if (v == NULL || v->type == NGX_HTTP_LLMBROKER_JSON_NULL) {
        return NGX_OK;
    }

    if (v->type == NGX_HTTP_LLMBROKER_JSON_STRING) {
        return ngx_http_llmbroker_claude_beta(b, v);
    }

    if (v->type != NGX_HTTP_LLMBROKER_JSON_ARRAY) {
        return ngx_http_llmbroker_fault(b->ex, 400, "invalid_type",
                               "anthropic_beta",
                               "The parameter must be text or an array of "
                               "texts.");
    }

    for (v = v->child; v; v = v->next) {
        rc = ngx_http_llmbroker_claude_beta(b, v);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/* it goes into a header: nothing but a name may */

static ngx_int_t
ngx_http_llmbroker_claude_beta(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_json_t *v)
{
    size_t                        i;
    u_char                        ch;
    ngx_str_t                     name;
    ngx_http_llmbroker_claude_t  *c;

    c = ngx_http_llmbroker_claude_state(b->ex);
    if (c == NULL) {
        return NGX_ERROR;
    }

    name = ngx_http_llmbroker_json_inner(v);

    for (i = 0; i < name.len; i++) {
        ch = name.data[i];

        if ((ch < 'a' || ch > 'z') && (ch < 'A' || ch > 'Z')
            && (ch < '0' || ch > '9') && ch != '-' && ch != '_' && ch != '.'
            && ch != ',')
        {
            break;
        }
    }

    if (name.len == 0
        || i < name.len
        || c->betas.len + name.len > NGX_HTTP_LLMBROKER_CLAUDE_BETAS)
    {
        return ngx_http_llmbroker_fault(b->ex, 400, "invalid_value",
                               "anthropic_beta",
                               "The name of a beta feature is not valid.");
    }

    if (ngx_http_llmbroker_text_append(b->ex->pool, &c->betas,
                                       c->betas.len ? "," : "",
                                       c->betas.len ? 1 : 0)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_text_append(b->ex->pool, &c->betas, name.data,
                                          name.len);
}


ngx_int_t
ngx_http_llmbroker_claude_drop(ngx_http_llmbroker_claude_build_t *b,
    const char *name)
{
    ngx_str_t  text;

    text.len = ngx_strlen(name);
    text.data = (u_char *) name;

    return ngx_http_llmbroker_dropped(b->ex, &text);
}


/*
 * Most requests are but a frame around what the client wrote: they are put
 * together here.  What has to be made goes through the writer.
 */

static ngx_int_t
ngx_http_llmbroker_claude_write(ngx_http_llmbroker_claude_build_t *b)
{
    ngx_http_llmbroker_json_t      *v;
    ngx_http_llmbroker_exchange_t  *ex;

    ex = b->ex;

    /* what goes out is about as long as what came in */

    ex->body->size = ngx_min(ex->body->size, ex->request->raw.len + 256);

    ngx_http_llmbroker_claude_lit(b, "{\"model\":\"");
    ngx_http_llmbroker_claude_str(b, &ex->target->inner_model);
    ngx_http_llmbroker_claude_lit(b, "\",\"max_tokens\":");
    ngx_http_llmbroker_claude_number(b, b->max_tokens);

    if (ex->stream) {
        ngx_http_llmbroker_claude_lit(b, ",\"stream\":true");
    }

    ngx_http_llmbroker_claude_write_options(b);

    ngx_http_llmbroker_json_write_members(&b->w, ex->body);
    ngx_http_llmbroker_json_write_refer(&b->w);

    ngx_http_llmbroker_claude_write_thinking(b);
    ngx_http_llmbroker_claude_write_config(b);
    ngx_http_llmbroker_claude_write_tools(b);

    v = ngx_http_llmbroker_params_find(ex, "cache_control");
    ngx_http_llmbroker_claude_write_raw(b, "cache_control", v);

    v = ngx_http_llmbroker_params_find(ex, "context_management");
    ngx_http_llmbroker_claude_write_raw(b, "context_management", v);

    if (ngx_http_llmbroker_json_write_end(&b->w) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_llmbroker_claude_write_messages(b);

    ngx_http_llmbroker_claude_lit(b, "}");

    return b->failed ? NGX_ERROR : NGX_OK;
}


static void
ngx_http_llmbroker_claude_write_options(ngx_http_llmbroker_claude_build_t *b)
{
    ngx_uint_t                   i;
    ngx_http_llmbroker_json_t  **stop;

    /* R5: Claude's temperature ends at 1 */

    if (b->temperature) {
        ngx_http_llmbroker_claude_lit(b, ",\"temperature\":");

        if (b->degree > 1) {
            ngx_http_llmbroker_claude_lit(b, "1");

        } else if (b->degree < 0) {
            ngx_http_llmbroker_claude_lit(b, "0");

        } else {
            ngx_http_llmbroker_claude_str(b, &b->temperature->raw);
        }
    }

    if (b->top_p) {
        ngx_http_llmbroker_claude_lit(b, ",\"top_p\":");
        ngx_http_llmbroker_claude_str(b, &b->top_p->raw);
    }

    if (b->top_k) {
        ngx_http_llmbroker_claude_lit(b, ",\"top_k\":");
        ngx_http_llmbroker_claude_str(b, &b->top_k->raw);
    }

    stop = b->stops.elts;

    for (i = 0; i < b->stops.nelts; i++) {

        if (i == 0) {
            ngx_http_llmbroker_claude_lit(b, ",\"stop_sequences\":[");

        } else {
            ngx_http_llmbroker_claude_lit(b, ",");
        }

        ngx_http_llmbroker_claude_str(b, &stop[i]->raw);
    }

    if (b->stops.nelts) {
        ngx_http_llmbroker_claude_lit(b, "]");
    }

    if (b->user.len) {
        ngx_http_llmbroker_claude_lit(b, ",\"metadata\":{\"user_id\":\"");
        ngx_http_llmbroker_claude_str(b, &b->user);
        ngx_http_llmbroker_claude_lit(b, "\"}");
    }

    if (b->tier) {
        ngx_http_llmbroker_claude_lit(b, ",\"service_tier\":\"");
        ngx_http_llmbroker_claude_put(b, b->tier, ngx_strlen(b->tier));
        ngx_http_llmbroker_claude_lit(b, "\"");
    }
}


void
ngx_http_llmbroker_claude_put(ngx_http_llmbroker_claude_build_t *b,
    const void *p, size_t len)
{
    ngx_int_t  rc;

    if (len < NGX_HTTP_LLMBROKER_JSON_WRITE_REFER) {
        rc = ngx_http_llmbroker_out_put(b->ex->body, p, len);

    } else {
        rc = ngx_http_llmbroker_out_refer(b->ex->body, (u_char *) p, len);
    }

    if (rc != NGX_OK) {
        b->failed = 1;
    }
}


static void
ngx_http_llmbroker_claude_number(ngx_http_llmbroker_claude_build_t *b,
    ngx_int_t n)
{
    u_char  *p, buf[NGX_INT64_LEN];

    p = ngx_http_llmbroker_json_digits(buf + sizeof(buf), n);

    ngx_http_llmbroker_claude_put(b, p, buf + sizeof(buf) - p);
}


/* R53, R70; what the client says itself wins (R15) */

static void
ngx_http_llmbroker_claude_write_config(ngx_http_llmbroker_claude_build_t *b)
{
    ngx_uint_t                         effort, format;
    ngx_http_llmbroker_json_t         *config, *v;
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->w;

    config = ngx_http_llmbroker_params_find(b->ex, "output_config");

    if (config && config->type != NGX_HTTP_LLMBROKER_JSON_OBJECT) {
        config = NULL;
    }

    effort = b->effort
             && ngx_http_llmbroker_json_get(config, "effort") == NULL;

    format = b->format == NGX_HTTP_LLMBROKER_CLAUDE_NATIVE
             && ngx_http_llmbroker_json_get(config, "format") == NULL;

    if (config == NULL && !effort && !format) {
        return;
    }

    ngx_http_llmbroker_json_key(w, "output_config");
    ngx_http_llmbroker_json_open(w);

    for (v = config ? config->child : NULL; v; v = v->next) {
        ngx_http_llmbroker_json_key_str(w, &v->key);
        ngx_http_llmbroker_json_raw(w, &v->raw);
    }

    if (effort) {
        ngx_http_llmbroker_claude_write_effort(b);
    }

    if (format) {
        ngx_http_llmbroker_claude_write_format(b);
    }

    ngx_http_llmbroker_json_close(w);
}


void
ngx_http_llmbroker_claude_write_inner(ngx_http_llmbroker_claude_build_t *b,
    const char *name, ngx_str_t inner)
{
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->w;

    ngx_http_llmbroker_json_key(w, name);
    ngx_http_llmbroker_json_open_string(w);
    ngx_http_llmbroker_json_inner_piece(w, &inner);
    ngx_http_llmbroker_json_close_string(w);
}


/* nothing for what is absent or null */

void
ngx_http_llmbroker_claude_write_raw(ngx_http_llmbroker_claude_build_t *b,
    const char *name, ngx_http_llmbroker_json_t *v)
{
    if (v == NULL || v->type == NGX_HTTP_LLMBROKER_JSON_NULL) {
        return;
    }

    ngx_http_llmbroker_json_key(&b->w, name);
    ngx_http_llmbroker_json_raw(&b->w, &v->raw);
}


/* OpenAI's own word for a breakpoint has no ttl (R31) */

void
ngx_http_llmbroker_claude_write_cache(ngx_http_llmbroker_claude_build_t *b,
    ngx_http_llmbroker_json_t *cache)
{
    ngx_http_llmbroker_json_writer_t  *w;

    w = &b->w;

    if (cache == NULL
        || cache->type != NGX_HTTP_LLMBROKER_JSON_OBJECT
        || b->caches++ >= NGX_HTTP_LLMBROKER_CLAUDE_CACHES)
    {
        return;
    }

    ngx_http_llmbroker_json_key(w, "cache_control");

    if (ngx_http_llmbroker_json_get(cache, "type")) {
        ngx_http_llmbroker_json_raw(w, &cache->raw);
        return;
    }

    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "type");
    ngx_http_llmbroker_json_text(w, "ephemeral");
    ngx_http_llmbroker_json_close(w);
}
