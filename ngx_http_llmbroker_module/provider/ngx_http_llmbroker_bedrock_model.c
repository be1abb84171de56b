
/*
 * Copyright (C) LLMBroker contributors
 *
 * Where a model of Amazon Bedrock is called, with which key, and what it can
 * do.  A key of Bedrock is a bearer's, AWS's keys sign each request.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_bedrock.h"
#include "provider/ngx_http_llmbroker_capability.h"
#include "provider/ngx_http_llmbroker_sigv4.h"


static ngx_int_t ngx_http_llmbroker_bedrock_path(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target, ngx_str_t *path, const char *method);
static ngx_int_t ngx_http_llmbroker_bedrock_keys(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target);
static void ngx_http_llmbroker_bedrock_region(ngx_str_t *host,
    ngx_str_t *region);
static ngx_int_t ngx_http_llmbroker_bedrock_abilities(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target);


/* makers whose models refuse to be made to call a tool (R68) */

static const char * const  ngx_http_llmbroker_bedrock_unforced[] = {
    "meta.", "cohere.", "ai21.", NULL
};


#define ngx_http_llmbroker_bedrock_flag(name, bit)                           \
    { ngx_string(name),                                                      \
      offsetof(ngx_http_llmbroker_claude_model_t, flags),                    \
      NGX_HTTP_LLMBROKER_CLAUDE_ ## bit, NULL }


static const ngx_http_llmbroker_capability_t
    ngx_http_llmbroker_bedrock_capabilities[] =
{
    { ngx_string("max_tokens"),
      offsetof(ngx_http_llmbroker_claude_model_t, max), 0, NULL },

    ngx_http_llmbroker_bedrock_flag("adaptive_thinking", ADAPTIVE),
    ngx_http_llmbroker_bedrock_flag("budget_thinking", BUDGET),
    ngx_http_llmbroker_bedrock_flag("effort", EFFORT),
    ngx_http_llmbroker_bedrock_flag("effort_xhigh", XHIGH),
    ngx_http_llmbroker_bedrock_flag("structured_outputs", STRUCTURED),
    ngx_http_llmbroker_bedrock_flag("prefill", PREFILL),
    ngx_http_llmbroker_bedrock_flag("prefill_fixup", FIXUP),
    ngx_http_llmbroker_bedrock_flag("sampling", SAMPLING),
    ngx_http_llmbroker_bedrock_flag("temperature_with_top_p", BOTH),
    ngx_http_llmbroker_bedrock_flag("forced_tool_choice", FORCED),

    { ngx_null_string, 0, 0, NULL }
};


/* the OpenAI interfaces take Bedrock's own keys, and only chats */

ngx_int_t
ngx_http_llmbroker_bedrock_configure(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target)
{
    if (target->dialect != &ngx_http_llmbroker_bedrock) {

        target->calls &= 1 << NGX_HTTP_LLMBROKER_CHAT;

        if (target->api_key.len == 0 && target->access_key_id.len) {
            target->why = "an OpenAI interface of Bedrock takes an "
                          "\"api_key\" only";
            return NGX_DECLINED;
        }
    }

    return target->dialect->configure(pool, target);
}


ngx_int_t
ngx_http_llmbroker_bedrock_address(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target)
{
    ngx_int_t    rc;
    ngx_str_t   *path;
    ngx_uint_t   call;

    for (call = 0; call < NGX_HTTP_LLMBROKER_CALLS; call++) {

        if (!(ngx_http_llmbroker_bedrock.calls & (1 << call))) {
            continue;
        }

        path = target->paths[call];

        if (ngx_http_llmbroker_bedrock_path(pool, target, &path[0],
                                            "/converse")
            != NGX_OK
            || ngx_http_llmbroker_bedrock_path(pool, target, &path[1],
                                               "/converse-stream")
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    rc = ngx_http_llmbroker_bedrock_keys(pool, target);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_bedrock_abilities(pool, target);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llmbroker_target_model(pool, target);
}


/* a model's name may be an ARN: ":" and "/" in it are escaped */

static ngx_int_t
ngx_http_llmbroker_bedrock_path(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target, ngx_str_t *path, const char *method)
{
    u_char  *p;

    p = ngx_pnalloc(pool, target->base_path.len + sizeof("/model/") - 1
                          + target->model.len * 3 + ngx_strlen(method));
    if (p == NULL) {
        return NGX_ERROR;
    }

    path->data = p;

    p = ngx_cpymem(p, target->base_path.data, target->base_path.len);
    p = ngx_cpymem(p, "/model/", sizeof("/model/") - 1);
    p = ngx_http_llmbroker_text_escape(p, &target->model, "");
    p = ngx_cpymem(p, method, ngx_strlen(method));

    path->len = p - path->data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_bedrock_keys(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target)
{
    if ((target->access_key_id.len == 0)
        != (target->secret_access_key.len == 0))
    {
        target->why = "it has only one of \"access_key_id\" and "
                      "\"secret_access_key\"";
        return NGX_DECLINED;
    }

    if (target->session_token.len && target->access_key_id.len == 0) {
        target->why = "it has a \"session_token\" and no \"access_key_id\"";
        return NGX_DECLINED;
    }

    if (target->region.len == 0) {
        ngx_http_llmbroker_bedrock_region(&target->host, &target->region);
    }

    if (target->access_key_id.len && target->api_key.len == 0
        && target->region.len == 0)
    {
        target->why = "it has no \"region\", and none is in its \"base_url\"";
        return NGX_DECLINED;
    }

    return ngx_http_llmbroker_target_headers(pool, target,
                                             "Authorization: Bearer ", "");
}


/* [name.]bedrock-runtime[-fips].REGION.domain */

static void
ngx_http_llmbroker_bedrock_region(ngx_str_t *host, ngx_str_t *region)
{
    u_char  *p, *last, *end;

    last = host->data + host->len;

    p = ngx_strlcasestrn(host->data, last, (u_char *) "bedrock-runtime",
                         sizeof("bedrock-runtime") - 2);

    if (p == NULL || (p > host->data && p[-1] != '.')) {
        return;
    }

    p = ngx_strlchr(p, last, '.');

    if (p == NULL) {
        return;
    }

    p++;
    end = ngx_strlchr(p, last, '.');

    if (end) {
        region->data = p;
        region->len = end - p;
    }
}


/* of Claude's models as Anthropic has them; of others little is known */

static ngx_int_t
ngx_http_llmbroker_bedrock_abilities(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target)
{
    ngx_str_t                          *name;
    const char * const                 *maker;
    ngx_http_llmbroker_claude_model_t  *model;

    model = ngx_palloc(pool, sizeof(ngx_http_llmbroker_claude_model_t));
    if (model == NULL) {
        return NGX_ERROR;
    }

    name = &target->model;

    *model = *ngx_http_llmbroker_claude_find_model(name);

    for (maker = ngx_http_llmbroker_bedrock_unforced; *maker; maker++) {

        if (ngx_strlcasestrn(name->data, name->data + name->len,
                             (u_char *) *maker, ngx_strlen(*maker) - 1))
        {
            model->flags &= ~NGX_HTTP_LLMBROKER_CLAUDE_FORCED;
        }
    }

    target->abilities = model;

    return ngx_http_llmbroker_capabilities(pool, target,
                                      ngx_http_llmbroker_bedrock_capabilities,
                                      model);
}


ngx_int_t
ngx_http_llmbroker_bedrock_sign(ngx_http_llmbroker_exchange_t *ex,
    ngx_str_t *path, ngx_chain_t *body, time_t now, ngx_str_t *lines)
{
    ngx_http_llmbroker_sigv4_t          request;
    const ngx_http_llmbroker_target_t  *target;

    target = ex->target;

    if (target->api_key.len || target->access_key_id.len == 0) {
        ngx_str_set(lines, "");
        return NGX_OK;
    }

    ngx_str_set(&request.method, "POST");
    ngx_str_set(&request.content_type, "application/json");
    ngx_str_set(&request.service, "bedrock");

    request.host = target->host;
    request.path = *path;
    request.region = target->region;
    request.access_key_id = target->access_key_id;
    request.secret_access_key = target->secret_access_key;
    request.session_token = target->session_token;

    return ngx_http_llmbroker_sigv4(ex->pool, &request, body, now, lines);
}
