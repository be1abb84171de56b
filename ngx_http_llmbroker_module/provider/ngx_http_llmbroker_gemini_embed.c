
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
static ngx_int_t ngx_http_llmbroker_gemini_write_vector(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_writer_t *w,
    ngx_http_llmbroker_json_t *element);


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

    rc = ngx_http_llmbroker_embedding_check(ex,
                                        ngx_http_llmbroker_gemini_embed_rules,
                                        &input);
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
    ngx_uint_t                   i, n;
    ngx_http_llmbroker_json_t   *v, *list, **place;

    list = ngx_http_llmbroker_json_get_type(root,
                                ngx_http_llmbroker_gemini_project(ex->target)
                                ? "predictions" : "embeddings",
                                NGX_HTTP_LLMBROKER_JSON_ARRAY);

    n = ngx_http_llmbroker_embedding_texts(ex);

    if (list == NULL || list->n != n) {
        return ngx_http_llmbroker_embedding_bad_list(ex);
    }

    place = ngx_palloc(ex->pool, n * sizeof(ngx_http_llmbroker_json_t *));
    if (place == NULL) {
        return NGX_ERROR;
    }

    for (i = 0, v = list->child; v; v = v->next, i++) {
        place[i] = v;
    }

    ngx_http_llmbroker_gemini_tokens(ex, root, list);

    return ngx_http_llmbroker_embedding_list(ex, place, n,
                                       ngx_http_llmbroker_gemini_write_vector);
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


/* {"values"}, of Vertex AI {"embeddings":{"values"}} */

static ngx_int_t
ngx_http_llmbroker_gemini_write_vector(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_writer_t *w, ngx_http_llmbroker_json_t *element)
{
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get(element, "embeddings");
    v = ngx_http_llmbroker_json_get_type(v ? v : element, "values",
                                         NGX_HTTP_LLMBROKER_JSON_ARRAY);
    if (v == NULL) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider's answer has no vectors.");
    }

    ngx_http_llmbroker_json_key(w, "embedding");

    return ngx_http_llmbroker_embedding_vector(ex, w, v);
}
