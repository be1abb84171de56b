
/*
 * Copyright (C) LLMBroker contributors
 *
 * Where a model of Gemini is called, and what it can do.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_capability.h"
#include "provider/ngx_http_llmbroker_gemini.h"


static ngx_int_t ngx_http_llmbroker_gemini_abilities(
    ngx_http_llmbroker_target_t *target, ngx_pool_t *pool);
static ngx_int_t ngx_http_llmbroker_gemini_path(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target, ngx_str_t *path, const char *method);


/*
 * How a model thinks, by the longest prefix first; one that is not known is
 * treated as the newest.
 */

static const ngx_http_llmbroker_gemini_model_t
    ngx_http_llmbroker_gemini_models[] =
{
    { ngx_string("gemini-2.5-flash-image"),
      NGX_HTTP_LLMBROKER_GEMINI_NO_THINKING, 0, 0, NULL, NULL },
    { ngx_string("gemini-2.5-pro"),
      NGX_HTTP_LLMBROKER_GEMINI_BUDGET, 128, 32768, NULL, NULL },
    { ngx_string("gemini-2.5"),
      NGX_HTTP_LLMBROKER_GEMINI_BUDGET, 0, 24576, NULL, NULL },
    { ngx_string("gemini-2.0"),
      NGX_HTTP_LLMBROKER_GEMINI_NO_THINKING, 0, 0, NULL, NULL },
    { ngx_string("gemini-1"),
      NGX_HTTP_LLMBROKER_GEMINI_NO_THINKING, 0, 0, NULL, NULL },
    { ngx_string("gemma"),
      NGX_HTTP_LLMBROKER_GEMINI_NO_THINKING, 0, 0, NULL, NULL },
    { ngx_string("learnlm"),
      NGX_HTTP_LLMBROKER_GEMINI_NO_THINKING, 0, 0, NULL, NULL },
    { ngx_string("gemini-3-pro"),
      NGX_HTTP_LLMBROKER_GEMINI_LEVEL, 0, 0, "low", "high" },
    { ngx_string("gemini-3.1-pro"),
      NGX_HTTP_LLMBROKER_GEMINI_LEVEL, 0, 0, "low", "medium" },
    { ngx_string("gemini-pro"),
      NGX_HTTP_LLMBROKER_GEMINI_LEVEL, 0, 0, "low", "medium" },
    { ngx_null_string,
      NGX_HTTP_LLMBROKER_GEMINI_LEVEL, 0, 0, "minimal", "medium" }
};


/* by the numbers of ngx_http_llmbroker_gemini_thinking_e */

static const char * const  ngx_http_llmbroker_gemini_thinking[] = {
    "none", "budget", "level", NULL
};


static const ngx_http_llmbroker_capability_t
    ngx_http_llmbroker_gemini_capabilities[] =
{
    { ngx_string("thinking"),
      offsetof(ngx_http_llmbroker_gemini_model_t, thinking), 0,
      ngx_http_llmbroker_gemini_thinking },

    { ngx_null_string, 0, 0, NULL }
};


/* a project's path of Vertex AI takes tokens of OAuth, the others keys */

ngx_int_t
ngx_http_llmbroker_gemini_configure(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target)
{
    ngx_int_t    rc;
    ngx_str_t   *path;
    ngx_uint_t   call, project;
    const char  *auth, *method, *streamed;

    project = ngx_http_llmbroker_gemini_project(target);

    for (call = 0; call < NGX_HTTP_LLMBROKER_CALLS; call++) {

        method = ":generateContent";
        streamed = ":streamGenerateContent?alt=sse";

        if (call == NGX_HTTP_LLMBROKER_EMBEDDINGS) {
            method = project ? ":predict" : ":batchEmbedContents";
            streamed = method;
        }

        path = target->paths[call];

        if (ngx_http_llmbroker_gemini_path(pool, target, &path[0], method)
            != NGX_OK
            || ngx_http_llmbroker_gemini_path(pool, target, &path[1], streamed)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (!project
        && ngx_http_llmbroker_target_models(pool, target,
                                            target->base_path.len,
                                            "/models?pageSize=1000")
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    auth = project ? "Authorization: Bearer " : "x-goog-api-key: ";

    if (ngx_http_llmbroker_target_headers(pool, target, auth, "") != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_http_llmbroker_gemini_abilities(target, pool);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llmbroker_target_model(pool, target);
}


ngx_uint_t
ngx_http_llmbroker_gemini_project(const ngx_http_llmbroker_target_t *target)
{
    u_char  *p;

    p = target->base_path.data;

    return ngx_strlcasestrn(p, p + target->base_path.len,
                            (u_char *) "/projects/", sizeof("/projects/") - 2)
           != NULL;
}


/* a row of the table; "capabilities" may say {"thinking":"level"} */

static ngx_int_t
ngx_http_llmbroker_gemini_abilities(ngx_http_llmbroker_target_t *target,
    ngx_pool_t *pool)
{
    ngx_str_t                                 model;
    ngx_http_llmbroker_gemini_model_t        *own;
    const ngx_http_llmbroker_gemini_model_t  *row;

    model = target->model;

    if (ngx_http_llmbroker_gemini_begins(&model, "models/")) {
        model.data += 7;
        model.len -= 7;
    }

    for (row = ngx_http_llmbroker_gemini_models; row->prefix.len; row++) {
        if (ngx_http_llmbroker_gemini_begins(&model,
                                             (char *) row->prefix.data))
        {
            break;
        }
    }

    own = ngx_palloc(pool, sizeof(ngx_http_llmbroker_gemini_model_t));
    if (own == NULL) {
        return NGX_ERROR;
    }

    *own = *row;
    target->abilities = own;

    if (target->capabilities == NULL) {
        return NGX_OK;
    }

    own->max = own->max ? own->max : 24576;
    own->least = own->least ? own->least : "minimal";
    own->medium = own->medium ? own->medium : "medium";

    return ngx_http_llmbroker_capabilities(pool, target,
                                       ngx_http_llmbroker_gemini_capabilities,
                                       own);
}


static ngx_int_t
ngx_http_llmbroker_gemini_path(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target, ngx_str_t *path, const char *method)
{
    u_char      *p;
    ngx_str_t   *model;
    const char  *folder;

    model = &target->model;
    folder = "/models/";

    if (ngx_http_llmbroker_gemini_begins(model, "models/")
        || ngx_http_llmbroker_gemini_begins(model, "tunedModels/"))
    {
        folder = "/";
    }

    p = ngx_pnalloc(pool, target->base_path.len + ngx_strlen(folder)
                          + model->len * 3 + ngx_strlen(method));
    if (p == NULL) {
        return NGX_ERROR;
    }

    path->data = p;

    p = ngx_cpymem(p, target->base_path.data, target->base_path.len);
    p = ngx_cpymem(p, folder, ngx_strlen(folder));

    p = ngx_http_llmbroker_text_escape(p, model,
                                       folder[1] == '\0' ? "@/" : "@");
    p = ngx_cpymem(p, method, ngx_strlen(method));

    path->len = p - path->data;

    return NGX_OK;
}


ngx_uint_t
ngx_http_llmbroker_gemini_begins(ngx_str_t *text, const char *prefix)
{
    size_t  len;

    len = ngx_strlen(prefix);

    return text->len >= len && ngx_memcmp(text->data, prefix, len) == 0;
}
