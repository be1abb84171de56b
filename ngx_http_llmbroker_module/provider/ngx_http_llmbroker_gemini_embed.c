
/*
 * Copyright (C) LLMBroker contributors
 *
 * Embeddings: OpenAI's request and list; batchEmbedContents of the Gemini API,
 * predict of Vertex AI, which has it instead.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_embedding.h"
#include "provider/ngx_http_llmbroker_gemini.h"
#include "provider/ngx_http_llmbroker_params.h"


static ngx_int_t ngx_http_llmbroker_gemini_input(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_t **input);
static ngx_int_t ngx_http_llmbroker_gemini_bad_input(
    ngx_http_llmbroker_exchange_t *ex);
static ngx_int_t ngx_http_llmbroker_gemini_check_embed(
    ngx_http_llmbroker_exchange_t *ex);
static void ngx_http_llmbroker_gemini_write_request(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_writer_t *w,
    ngx_http_llmbroker_json_t *text);
static void ngx_http_llmbroker_gemini_write_instance(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_writer_t *w,
    ngx_http_llmbroker_json_t *text);
static void ngx_http_llmbroker_gemini_write_dimensions(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_writer_t *w);
static void ngx_http_llmbroker_gemini_write_own(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_writer_t *w,
    const char *name, const char *native);
static void ngx_http_llmbroker_gemini_tokens(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_t *root,
    ngx_http_llmbroker_json_t *list);
static ngx_int_t ngx_http_llmbroker_gemini_write_list(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_t *list);
static ngx_int_t ngx_http_llmbroker_gemini_write_vector(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_writer_t *w,
    ngx_uint_t i, ngx_http_llmbroker_json_t *element);


/* the last ones are Gemini's own, in either spelling */

static const ngx_http_llmbroker_rule_t
    ngx_http_llmbroker_gemini_embed_rules[] =
{
    { ngx_string("model"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("input"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("dimensions"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("encoding_format"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("task_type"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("taskType"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("title"), NGX_HTTP_LLMBROKER_USE },

    { ngx_null_string, NGX_HTTP_LLMBROKER_DROP }
};


ngx_int_t
ngx_http_llmbroker_gemini_embed(ngx_http_llmbroker_exchange_t *ex)
{
    ngx_int_t                         rc;
    ngx_uint_t                        project;
    ngx_http_llmbroker_json_t        *input, *v;
    ngx_http_llmbroker_json_writer_t  w;

    rc = ngx_http_llmbroker_gemini_check_embed(ex);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_gemini_input(ex, &input);
    if (rc != NGX_OK) {
        return rc;
    }

    project = ngx_http_llmbroker_gemini_project(ex->target);

    ngx_http_llmbroker_json_write_start(&w, ex->body);

    ngx_http_llmbroker_json_open(&w);
    ngx_http_llmbroker_json_key(&w, project ? "instances" : "requests");
    ngx_http_llmbroker_json_open_array(&w);

    v = input;

    if (input->type == NGX_HTTP_LLMBROKER_JSON_ARRAY) {
        v = input->child;
    }

    for ( /* void */ ; v; v = (v == input) ? NULL : v->next) {

        if (project) {
            ngx_http_llmbroker_gemini_write_instance(ex, &w, v);

        } else {
            ngx_http_llmbroker_gemini_write_request(ex, &w, v);
        }
    }

    ngx_http_llmbroker_json_close_array(&w);

    if (project) {
        ngx_http_llmbroker_json_key(&w, "parameters");
        ngx_http_llmbroker_json_open(&w);
        ngx_http_llmbroker_gemini_write_dimensions(ex, &w);
        ngx_http_llmbroker_json_close(&w);
    }

    ngx_http_llmbroker_json_close(&w);

    return ngx_http_llmbroker_json_write_end(&w);
}


static ngx_int_t
ngx_http_llmbroker_gemini_check_embed(ngx_http_llmbroker_exchange_t *ex)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *v;

    rc = ngx_http_llmbroker_params_check(ex, ex->request,
                                       ngx_http_llmbroker_gemini_embed_rules);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_params_get(ex, "dimensions",
                                       NGX_HTTP_LLMBROKER_JSON_NUMBER, &v);
    if (rc != NGX_OK) {
        return rc;
    }

    v = ngx_http_llmbroker_json_get(ex->request, "encoding_format");

    if (v == NULL
        || v->type == NGX_HTTP_LLMBROKER_JSON_NULL
        || ngx_http_llmbroker_json_is(v, "float")
        || ngx_http_llmbroker_json_is(v, "base64"))
    {
        return NGX_OK;
    }

    return ngx_http_llmbroker_fault(ex, 400, "invalid_value",
                           "encoding_format",
                           "The value of the parameter is unknown.");
}


/* a text or several */

static ngx_int_t
ngx_http_llmbroker_gemini_input(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t **input)
{
    ngx_http_llmbroker_json_t  *v;

    *input = ngx_http_llmbroker_json_get(ex->request, "input");

    if (*input == NULL) {
        return ngx_http_llmbroker_gemini_bad_input(ex);
    }

    if ((*input)->type == NGX_HTTP_LLMBROKER_JSON_STRING) {
        return NGX_OK;
    }

    if ((*input)->type != NGX_HTTP_LLMBROKER_JSON_ARRAY || (*input)->n == 0) {
        return ngx_http_llmbroker_gemini_bad_input(ex);
    }

    for (v = (*input)->child; v; v = v->next) {

        if (v->type != NGX_HTTP_LLMBROKER_JSON_STRING) {
            return ngx_http_llmbroker_gemini_bad_input(ex);
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_gemini_bad_input(ngx_http_llmbroker_exchange_t *ex)
{
    return ngx_http_llmbroker_fault(ex, 400, "unsupported_value", "input",
                           "This model takes a text or an array of texts.");
}


/* the model is in the path, too, but must be told again */

static void
ngx_http_llmbroker_gemini_write_request(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_writer_t *w, ngx_http_llmbroker_json_t *text)
{
    ngx_str_t  model, folder;

    model = ex->target->inner_model;

    ngx_http_llmbroker_json_open(w);

    ngx_http_llmbroker_json_key(w, "model");
    ngx_http_llmbroker_json_open_string(w);

    if (!ngx_http_llmbroker_gemini_begins(&model, "models/")
        && !ngx_http_llmbroker_gemini_begins(&model, "tunedModels/"))
    {
        ngx_str_set(&folder, "models/");
        ngx_http_llmbroker_json_inner_piece(w, &folder);
    }

    ngx_http_llmbroker_json_inner_piece(w, &model);
    ngx_http_llmbroker_json_close_string(w);

    ngx_http_llmbroker_json_key(w, "content");
    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "parts");
    ngx_http_llmbroker_json_open_array(w);
    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "text");
    ngx_http_llmbroker_json_raw(w, &text->raw);
    ngx_http_llmbroker_json_close(w);
    ngx_http_llmbroker_json_close_array(w);
    ngx_http_llmbroker_json_close(w);

    ngx_http_llmbroker_gemini_write_own(ex, w, "taskType", "taskType");
    ngx_http_llmbroker_gemini_write_own(ex, w, "title", "title");
    ngx_http_llmbroker_gemini_write_dimensions(ex, w);

    ngx_http_llmbroker_json_close(w);
}


static void
ngx_http_llmbroker_gemini_write_instance(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_writer_t *w, ngx_http_llmbroker_json_t *text)
{
    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "content");
    ngx_http_llmbroker_json_raw(w, &text->raw);
    ngx_http_llmbroker_gemini_write_own(ex, w, "taskType", "task_type");
    ngx_http_llmbroker_gemini_write_own(ex, w, "title", "title");
    ngx_http_llmbroker_json_close(w);
}


static void
ngx_http_llmbroker_gemini_write_dimensions(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_writer_t *w)
{
    ngx_http_llmbroker_gemini_write_own(ex, w, "dimensions",
                                        "outputDimensionality");
}


static void
ngx_http_llmbroker_gemini_write_own(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_writer_t *w, const char *name, const char *native)
{
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_gemini_get(ex->request, name);

    if (v) {
        ngx_http_llmbroker_json_key(w, native);
        ngx_http_llmbroker_json_raw(w, &v->raw);
    }
}


ngx_int_t
ngx_http_llmbroker_gemini_embedded(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *root)
{
    ngx_uint_t                  n;
    ngx_http_llmbroker_json_t  *v, *list;

    list = ngx_http_llmbroker_json_get_type(root,
                                ngx_http_llmbroker_gemini_project(ex->target)
                                ? "predictions" : "embeddings",
                                NGX_HTTP_LLMBROKER_JSON_ARRAY);

    v = ngx_http_llmbroker_json_get(ex->request, "input");
    n = (v && v->type == NGX_HTTP_LLMBROKER_JSON_ARRAY) ? v->n : 1;

    if (list == NULL || list->n != n) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider did not answer with one "
                               "embedding for each text.");
    }

    ngx_http_llmbroker_gemini_tokens(ex, root, list);

    ex->done = 1;

    return ngx_http_llmbroker_gemini_write_list(ex, list);
}


/* of the whole, or of each text; older models tell none */

static void
ngx_http_llmbroker_gemini_tokens(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *root, ngx_http_llmbroker_json_t *list)
{
    ngx_int_t                    n;
    ngx_http_llmbroker_json_t   *v;
    ngx_http_llmbroker_usage_t  *u;

    u = &ex->usage;

    v = ngx_http_llmbroker_json_get(root, "usageMetadata");
    u->prompt = ngx_http_llmbroker_json_int(
                        ngx_http_llmbroker_json_get(v, "promptTokenCount"),
                        u->prompt);

    for (list = list->child; list; list = list->next) {
        v = ngx_http_llmbroker_json_get(list, "embeddings");
        v = ngx_http_llmbroker_json_get(v, "statistics");
        v = ngx_http_llmbroker_json_get(v, "token_count");

        n = ngx_http_llmbroker_json_int(v, -1);

        if (n != -1) {
            u->prompt = ngx_http_llmbroker_sum(u->prompt, n);
        }
    }

    u->total = u->prompt;
}


static ngx_int_t
ngx_http_llmbroker_gemini_write_list(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *list)
{
    ngx_int_t                         rc, done;
    ngx_str_t                         model;
    ngx_uint_t                        i;
    ngx_http_llmbroker_json_writer_t  w;

    model = ex->target->inner_model;

    ngx_http_llmbroker_json_write_start(&w, ex->out);
    ngx_http_llmbroker_json_write_refer(&w);

    ngx_http_llmbroker_json_open(&w);
    ngx_http_llmbroker_json_key(&w, "object");
    ngx_http_llmbroker_json_text(&w, "list");
    ngx_http_llmbroker_json_key(&w, "data");
    ngx_http_llmbroker_json_open_array(&w);

    rc = NGX_OK;
    list = list->child;

    for (i = 0; list && rc == NGX_OK; list = list->next, i++) {
        rc = ngx_http_llmbroker_gemini_write_vector(ex, &w, i, list);
    }

    ngx_http_llmbroker_json_close_array(&w);
    ngx_http_llmbroker_json_key(&w, "model");
    ngx_http_llmbroker_json_open_string(&w);
    ngx_http_llmbroker_json_inner_piece(&w, &model);
    ngx_http_llmbroker_json_close_string(&w);

    if (ex->usage.total != -1) {
        ngx_http_llmbroker_json_key(&w, "usage");
        ngx_http_llmbroker_json_open(&w);
        ngx_http_llmbroker_json_key(&w, "prompt_tokens");
        ngx_http_llmbroker_json_number(&w, ex->usage.prompt);
        ngx_http_llmbroker_json_key(&w, "total_tokens");
        ngx_http_llmbroker_json_number(&w, ex->usage.total);
        ngx_http_llmbroker_json_close(&w);
    }

    ngx_http_llmbroker_json_close(&w);

    done = ngx_http_llmbroker_json_write_end(&w);

    return rc != NGX_OK ? rc : done;
}


/* {"values"}, of Vertex AI {"embeddings":{"values"}} */

static ngx_int_t
ngx_http_llmbroker_gemini_write_vector(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_writer_t *w, ngx_uint_t i,
    ngx_http_llmbroker_json_t *element)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get(element, "embeddings");
    v = ngx_http_llmbroker_json_get_type(v ? v : element, "values",
                                         NGX_HTTP_LLMBROKER_JSON_ARRAY);
    if (v == NULL) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider's answer has no vectors.");
    }

    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "object");
    ngx_http_llmbroker_json_text(w, "embedding");
    ngx_http_llmbroker_json_key(w, "index");
    ngx_http_llmbroker_json_number(w, i);
    ngx_http_llmbroker_json_key(w, "embedding");

    rc = ngx_http_llmbroker_embedding_vector(ex, w, v);

    ngx_http_llmbroker_json_close(w);

    return rc;
}
