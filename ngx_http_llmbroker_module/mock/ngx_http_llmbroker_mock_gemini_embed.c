
/*
 * Copyright (C) LLMBroker contributors
 */


/*
 * Gemini's batchEmbedContents: one text a request, all of one model.
 */


#include "mock/ngx_http_llmbroker_mock.h"


static ngx_http_llmbroker_json_t *ngx_http_llmbroker_mock_gemini_embed_text(
    ngx_http_llmbroker_json_t *request);


ngx_int_t
ngx_http_llmbroker_mock_gemini_embed_read(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_http_llmbroker_json_t  *requests, *request, *text, *v, **last;

    requests = ngx_http_llmbroker_json_get_type(ctx->root, "requests",
                                               NGX_HTTP_LLMBROKER_JSON_ARRAY);

    if (requests == NULL || requests->n == 0) {
        return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                               "* BatchEmbedContentsRequest.requests: "
                               "requests must not be empty");
    }

    ctx->input = ngx_pcalloc(ctx->pool, sizeof(ngx_http_llmbroker_json_t));
    if (ctx->input == NULL) {
        return NGX_ERROR;
    }

    ctx->input->type = NGX_HTTP_LLMBROKER_JSON_ARRAY;
    last = &ctx->input->child;

    for (request = requests->child; request; request = request->next) {

        text = ngx_http_llmbroker_mock_gemini_embed_text(request);

        if (text == NULL
            || ngx_http_llmbroker_json_get(request, "model") == NULL)
        {
            return ngx_http_llmbroker_mock_refuse(ctx, 400, NULL, NULL,
                               "* BatchEmbedContentsRequest.requests: a "
                               "request needs a model and one text");
        }

        v = ngx_palloc(ctx->pool, sizeof(ngx_http_llmbroker_json_t));
        if (v == NULL) {
            return NGX_ERROR;
        }

        *v = *text;
        v->next = NULL;

        *last = v;
        last = &v->next;
    }

    v = ngx_http_llmbroker_mock_gemini_get(requests->child,
                                           "outputDimensionality");

    return ngx_http_llmbroker_mock_embed_read(ctx, ctx->input,
                                          ngx_http_llmbroker_json_int(v, 8));
}


static ngx_http_llmbroker_json_t *
ngx_http_llmbroker_mock_gemini_embed_text(ngx_http_llmbroker_json_t *request)
{
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get(request, "content");
    v = ngx_http_llmbroker_json_get_type(v, "parts",
                                         NGX_HTTP_LLMBROKER_JSON_ARRAY);

    if (v == NULL || v->n != 1) {
        return NULL;
    }

    return ngx_http_llmbroker_json_get_type(v->child, "text",
                                            NGX_HTTP_LLMBROKER_JSON_STRING);
}


ngx_int_t
ngx_http_llmbroker_mock_gemini_embed(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_int_t                          dimensions;
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_mock_string_t  *s;

    s = &ctx->head;

    v = ngx_http_llmbroker_json_get(ctx->root, "requests");
    v = ngx_http_llmbroker_mock_gemini_get(v->child, "outputDimensionality");

    dimensions = ngx_http_llmbroker_json_int(v, 8);

    ngx_http_llmbroker_mock_printf(s, "{\"embeddings\":[");

    if (ngx_http_llmbroker_mock_embed(ctx, ctx->input, dimensions, 0,
                                      "{\"values\":", NULL)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_llmbroker_mock_printf(s, "]");

    if (ctx->knobs->echo_request) {
        ngx_http_llmbroker_mock_printf(s, ",\"request\":\"");
        ngx_http_llmbroker_mock_echo(ctx, s);
        ngx_http_llmbroker_mock_printf(s, "\"");
    }

    if (!ctx->knobs->no_usage) {
        ngx_http_llmbroker_mock_printf(s,
                      ",\"usageMetadata\":{\"promptTokenCount\":%ui}",
                      ctx->prompt_words);
    }

    ngx_http_llmbroker_mock_printf(s, "}");

    if (s->failed) {
        return NGX_ERROR;
    }

    ctx->frame.before = ngx_http_llmbroker_mock_str(s);

    return NGX_OK;
}
