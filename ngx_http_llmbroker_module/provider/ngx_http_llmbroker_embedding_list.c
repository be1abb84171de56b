
/*
 * Copyright (C) LLMBroker contributors
 *
 * Embeddings of dialects that are not OpenAI's: its request is read, its list
 * is written.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_embedding.h"


static ngx_uint_t ngx_http_llmbroker_embedding_is_text(
    ngx_http_llmbroker_json_t *input);
static void ngx_http_llmbroker_embedding_write_end(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_writer_t *w);


ngx_int_t
ngx_http_llmbroker_embedding_check(ngx_http_llmbroker_exchange_t *ex,
    const ngx_http_llmbroker_rule_t *rules, ngx_http_llmbroker_json_t **input)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *v;

    rc = ngx_http_llmbroker_params_check(ex, ex->request, rules);
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

    *input = ngx_http_llmbroker_json_get(ex->request, "input");

    if (!ngx_http_llmbroker_embedding_is_text(*input)) {
        return ngx_http_llmbroker_fault(ex, 400, "unsupported_value", "input",
                               "This model takes a text or an array of "
                               "texts.");
    }

    return NGX_OK;
}


/* tokens are OpenAI's */

static ngx_uint_t
ngx_http_llmbroker_embedding_is_text(ngx_http_llmbroker_json_t *input)
{
    ngx_http_llmbroker_json_t  *v;

    if (input == NULL) {
        return 0;
    }

    if (input->type == NGX_HTTP_LLMBROKER_JSON_STRING) {
        return 1;
    }

    if (input->type != NGX_HTTP_LLMBROKER_JSON_ARRAY) {
        return 0;
    }

    for (v = input->child; v; v = v->next) {

        if (v->type != NGX_HTTP_LLMBROKER_JSON_STRING) {
            return 0;
        }
    }

    return input->n != 0;
}


ngx_uint_t
ngx_http_llmbroker_embedding_texts(ngx_http_llmbroker_exchange_t *ex)
{
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get(ex->request, "input");

    return (v && v->type == NGX_HTTP_LLMBROKER_JSON_ARRAY) ? v->n : 1;
}


ngx_int_t
ngx_http_llmbroker_embedding_bad_list(ngx_http_llmbroker_exchange_t *ex)
{
    return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                           "The provider did not answer with one embedding "
                           "for each text.");
}


ngx_int_t
ngx_http_llmbroker_embedding_list(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t **place, ngx_uint_t n,
    ngx_http_llmbroker_embedding_pt handler)
{
    ngx_int_t                         rc;
    ngx_uint_t                        i;
    ngx_http_llmbroker_json_writer_t  w;

    ngx_http_llmbroker_json_write_start(&w, ex->out);
    ngx_http_llmbroker_json_write_refer(&w);

    ngx_http_llmbroker_json_open(&w);
    ngx_http_llmbroker_json_key(&w, "object");
    ngx_http_llmbroker_json_text(&w, "list");
    ngx_http_llmbroker_json_key(&w, "data");
    ngx_http_llmbroker_json_open_array(&w);

    rc = NGX_OK;

    for (i = 0; i < n && rc == NGX_OK; i++) {
        ngx_http_llmbroker_json_open(&w);
        ngx_http_llmbroker_json_key(&w, "object");
        ngx_http_llmbroker_json_text(&w, "embedding");
        ngx_http_llmbroker_json_key(&w, "index");
        ngx_http_llmbroker_json_number(&w, i);

        rc = handler(ex, &w, place[i]);

        ngx_http_llmbroker_json_close(&w);
    }

    ngx_http_llmbroker_embedding_write_end(ex, &w);

    if (rc != NGX_OK) {
        (void) ngx_http_llmbroker_json_write_end(&w);
        return rc;
    }

    ex->done = 1;

    return ngx_http_llmbroker_json_write_end(&w);
}


static void
ngx_http_llmbroker_embedding_write_end(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_writer_t *w)
{
    ngx_str_t  model;

    model = ex->target->inner_model;

    ngx_http_llmbroker_json_close_array(w);
    ngx_http_llmbroker_json_key(w, "model");
    ngx_http_llmbroker_json_open_string(w);
    ngx_http_llmbroker_json_inner_piece(w, &model);
    ngx_http_llmbroker_json_close_string(w);

    if (ex->usage.total != -1) {
        ngx_http_llmbroker_json_key(w, "usage");
        ngx_http_llmbroker_json_open(w);
        ngx_http_llmbroker_json_key(w, "prompt_tokens");
        ngx_http_llmbroker_json_number(w, ex->usage.prompt);
        ngx_http_llmbroker_json_key(w, "total_tokens");
        ngx_http_llmbroker_json_number(w, ex->usage.total);
        ngx_http_llmbroker_json_close(w);
    }

    ngx_http_llmbroker_json_close(w);
}
