
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


static void ngx_http_llmbroker_qwen_write_embed(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_writer_t *w,
    ngx_http_llmbroker_json_t *input);
static ngx_int_t ngx_http_llmbroker_qwen_order(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_t *list,
    ngx_http_llmbroker_json_t **place, ngx_uint_t n);
static ngx_int_t ngx_http_llmbroker_qwen_write_element(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_writer_t *w,
    ngx_http_llmbroker_json_t *element);


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
    ngx_http_llmbroker_json_t        *input;
    ngx_http_llmbroker_json_writer_t  w;

    rc = ngx_http_llmbroker_embedding_check(ex,
                                          ngx_http_llmbroker_qwen_embed_rules,
                                          &input);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_llmbroker_json_write_start(&w, ex->body);
    ngx_http_llmbroker_json_write_refer(&w);

    ngx_http_llmbroker_qwen_write_embed(ex, &w, input);

    return ngx_http_llmbroker_json_write_end(&w);
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

    n = ngx_http_llmbroker_embedding_texts(ex);

    if (list->n != n) {
        return ngx_http_llmbroker_embedding_bad_list(ex);
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

    return ngx_http_llmbroker_embedding_list(ex, place, n,
                                       ngx_http_llmbroker_qwen_write_element);
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
            return ngx_http_llmbroker_embedding_bad_list(ex);
        }

        place[i] = element;
    }

    return NGX_OK;
}


/* other members, such as a sparse vector, are DashScope's by name */

static ngx_int_t
ngx_http_llmbroker_qwen_write_element(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_writer_t *w, ngx_http_llmbroker_json_t *element)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *v, *vector, *index;

    vector = ngx_http_llmbroker_json_get(element, "embedding");
    index = ngx_http_llmbroker_json_get(element, "text_index");

    /* only who asks for a sparse vector may get no other */

    if (vector == NULL
        && ngx_http_llmbroker_json_get(ex->request, "output_type") == NULL)
    {
        return ngx_http_llmbroker_embedding_bad_list(ex);
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

    return NGX_OK;
}
