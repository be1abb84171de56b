
/*
 * Copyright (C) LLMBroker contributors
 *
 * Embeddings: OpenAI's request and list, DashScope's texts and numbers.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_embedding.h"
#include "provider/ngx_http_llmbroker_params.h"
#include "provider/ngx_http_llmbroker_qwen.h"


static ngx_int_t ngx_http_llmbroker_qwen_input(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_t **input);
static ngx_int_t ngx_http_llmbroker_qwen_bad_input(
    ngx_http_llmbroker_exchange_t *ex);
static void ngx_http_llmbroker_qwen_write_embed(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_writer_t *w,
    ngx_http_llmbroker_json_t *input);
static ngx_int_t ngx_http_llmbroker_qwen_order(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_t *list,
    ngx_http_llmbroker_json_t **place, ngx_uint_t n);
static ngx_int_t ngx_http_llmbroker_qwen_bad_list(
    ngx_http_llmbroker_exchange_t *ex);
static ngx_int_t ngx_http_llmbroker_qwen_write_list(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_t **place,
    ngx_uint_t n);
static ngx_int_t ngx_http_llmbroker_qwen_write_element(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_writer_t *w,
    ngx_uint_t i, ngx_http_llmbroker_json_t *element);


static const ngx_http_llmbroker_rule_t
    ngx_http_llmbroker_qwen_embed_rules[] =
{
    { ngx_string("model"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("input"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("dimensions"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("encoding_format"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("text_type"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("output_type"), NGX_HTTP_LLMBROKER_USE },
    { ngx_string("instruct"), NGX_HTTP_LLMBROKER_USE },

    { ngx_null_string, NGX_HTTP_LLMBROKER_DROP }
};


ngx_int_t
ngx_http_llmbroker_qwen_embed(ngx_http_llmbroker_exchange_t *ex)
{
    ngx_int_t                         rc;
    ngx_http_llmbroker_json_t        *input, *v;
    ngx_http_llmbroker_json_writer_t  w;

    rc = ngx_http_llmbroker_params_check(ex, ex->request,
                                         ngx_http_llmbroker_qwen_embed_rules);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_qwen_input(ex, &input);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_params_get(ex, "dimensions",
                                       NGX_HTTP_LLMBROKER_JSON_NUMBER, &v);
    if (rc != NGX_OK) {
        return rc;
    }

    v = ngx_http_llmbroker_json_get(ex->request, "encoding_format");

    if (v && v->type != NGX_HTTP_LLMBROKER_JSON_NULL
        && !ngx_http_llmbroker_json_is(v, "float")
        && !ngx_http_llmbroker_json_is(v, "base64"))
    {
        return ngx_http_llmbroker_fault(ex, 400, "invalid_value",
                               "encoding_format",
                               "The value of the parameter is unknown.");
    }

    ngx_http_llmbroker_json_write_start(&w, ex->body);
    ngx_http_llmbroker_json_write_refer(&w);

    ngx_http_llmbroker_qwen_write_embed(ex, &w, input);

    return ngx_http_llmbroker_json_write_end(&w);
}


/* a text or several */

static ngx_int_t
ngx_http_llmbroker_qwen_input(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t **input)
{
    ngx_http_llmbroker_json_t  *v;

    *input = ngx_http_llmbroker_json_get(ex->request, "input");

    if (*input == NULL) {
        return ngx_http_llmbroker_qwen_bad_input(ex);
    }

    if ((*input)->type == NGX_HTTP_LLMBROKER_JSON_STRING) {
        return NGX_OK;
    }

    if ((*input)->type != NGX_HTTP_LLMBROKER_JSON_ARRAY || (*input)->n == 0) {
        return ngx_http_llmbroker_qwen_bad_input(ex);
    }

    for (v = (*input)->child; v; v = v->next) {

        if (v->type != NGX_HTTP_LLMBROKER_JSON_STRING) {
            return ngx_http_llmbroker_qwen_bad_input(ex);
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_qwen_bad_input(ngx_http_llmbroker_exchange_t *ex)
{
    return ngx_http_llmbroker_fault(ex, 400, "unsupported_value", "input",
                           "This model takes a text or an array of texts.");
}


static void
ngx_http_llmbroker_qwen_write_embed(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_writer_t *w, ngx_http_llmbroker_json_t *input)
{
    ngx_str_t                   model;
    ngx_http_llmbroker_json_t  *v;

    model = ex->target->inner_model;

    ngx_http_llmbroker_json_open(w);

    ngx_http_llmbroker_json_key(w, "model");
    ngx_http_llmbroker_json_open_string(w);
    ngx_http_llmbroker_json_inner_piece(w, &model);
    ngx_http_llmbroker_json_close_string(w);

    ngx_http_llmbroker_json_key(w, "input");
    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "texts");

    if (input->type == NGX_HTTP_LLMBROKER_JSON_STRING) {
        ngx_http_llmbroker_json_open_array(w);
        ngx_http_llmbroker_json_raw(w, &input->raw);
        ngx_http_llmbroker_json_close_array(w);

    } else {
        ngx_http_llmbroker_json_raw(w, &input->raw);
    }

    ngx_http_llmbroker_json_close(w);

    ngx_http_llmbroker_json_key(w, "parameters");
    ngx_http_llmbroker_json_open(w);

    v = ngx_http_llmbroker_json_get(ex->request, "dimensions");

    if (v && v->type == NGX_HTTP_LLMBROKER_JSON_NUMBER) {
        ngx_http_llmbroker_json_key(w, "dimension");
        ngx_http_llmbroker_json_raw(w, &v->raw);
    }

    ngx_http_llmbroker_qwen_write_raw(w, ex->request, "text_type");
    ngx_http_llmbroker_qwen_write_raw(w, ex->request, "output_type");
    ngx_http_llmbroker_qwen_write_raw(w, ex->request, "instruct");

    ngx_http_llmbroker_json_close(w);
    ngx_http_llmbroker_json_close(w);
}


ngx_int_t
ngx_http_llmbroker_qwen_embedded(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *root)
{
    ngx_int_t                    rc;
    ngx_uint_t                   n;
    ngx_http_llmbroker_json_t   *v, *list, **place;
    ngx_http_llmbroker_usage_t  *u;

    v = ngx_http_llmbroker_json_get(root, "output");
    list = ngx_http_llmbroker_json_get_type(v, "embeddings",
                                            NGX_HTTP_LLMBROKER_JSON_ARRAY);
    if (list == NULL) {
        return ngx_http_llmbroker_qwen_failed(ex, root, 0);
    }

    v = ngx_http_llmbroker_json_get(ex->request, "input");
    n = (v && v->type == NGX_HTTP_LLMBROKER_JSON_ARRAY) ? v->n : 1;

    if (list->n != n) {
        return ngx_http_llmbroker_qwen_bad_list(ex);
    }

    place = ngx_pcalloc(ex->pool, n * sizeof(ngx_http_llmbroker_json_t *));
    if (place == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_llmbroker_qwen_order(ex, list, place, n);
    if (rc != NGX_OK) {
        return rc;
    }

    u = &ex->usage;

    v = ngx_http_llmbroker_json_get(root, "usage");
    v = ngx_http_llmbroker_json_get(v, "total_tokens");

    u->total = ngx_http_llmbroker_json_int(v, u->total);
    u->prompt = u->total;

    ex->done = 1;

    return ngx_http_llmbroker_qwen_write_list(ex, place, n);
}


/* each text has its vector, in whatever order they come */

static ngx_int_t
ngx_http_llmbroker_qwen_order(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *list, ngx_http_llmbroker_json_t **place,
    ngx_uint_t n)
{
    ngx_uint_t                  i, position;
    ngx_http_llmbroker_json_t  *element, *v;

    element = list->child;

    for (position = 0; element; element = element->next, position++) {

        v = ngx_http_llmbroker_json_get(element, "text_index");
        i = ngx_http_llmbroker_json_int(v, position);

        if (element->type != NGX_HTTP_LLMBROKER_JSON_OBJECT
            || i >= n || place[i] != NULL)
        {
            return ngx_http_llmbroker_qwen_bad_list(ex);
        }

        place[i] = element;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_qwen_bad_list(ngx_http_llmbroker_exchange_t *ex)
{
    return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                           "The provider did not answer with one embedding "
                           "for each text.");
}


static ngx_int_t
ngx_http_llmbroker_qwen_write_list(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t **place, ngx_uint_t n)
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

    for (i = 0; i < n && rc == NGX_OK; i++) {
        rc = ngx_http_llmbroker_qwen_write_element(ex, &w, i, place[i]);
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


/* other members, such as a sparse vector, are DashScope's by name */

static ngx_int_t
ngx_http_llmbroker_qwen_write_element(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_writer_t *w, ngx_uint_t i,
    ngx_http_llmbroker_json_t *element)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *v, *vector, *index;

    vector = ngx_http_llmbroker_json_get(element, "embedding");
    index = ngx_http_llmbroker_json_get(element, "text_index");

    ngx_http_llmbroker_json_open(w);
    ngx_http_llmbroker_json_key(w, "object");
    ngx_http_llmbroker_json_text(w, "embedding");
    ngx_http_llmbroker_json_key(w, "index");
    ngx_http_llmbroker_json_number(w, i);

    /* only who asks for a sparse vector may get no other */

    if (vector == NULL
        && ngx_http_llmbroker_json_get(ex->request, "output_type") == NULL)
    {
        return ngx_http_llmbroker_qwen_bad_list(ex);
    }

    if (vector) {
        ngx_http_llmbroker_json_key(w, "embedding");

        rc = ngx_http_llmbroker_embedding_vector(ex, w, vector);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    for (v = element->child; v; v = v->next) {

        if (v != vector && v != index) {
            ngx_http_llmbroker_json_key_str(w, &v->key);
            ngx_http_llmbroker_json_raw(w, &v->raw);
        }
    }

    ngx_http_llmbroker_json_close(w);

    return NGX_OK;
}
