
/*
 * Copyright (C) LLMBroker contributors
 *
 * What Claude's models can do: wire format section 10, as data.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_capability.h"
#include "provider/ngx_http_llmbroker_claude.h"


#define NGX_HTTP_LLMBROKER_CLAUDE_OLD                                        \
    (NGX_HTTP_LLMBROKER_CLAUDE_PREFILL|NGX_HTTP_LLMBROKER_CLAUDE_SAMPLING    \
     |NGX_HTTP_LLMBROKER_CLAUDE_BOTH|NGX_HTTP_LLMBROKER_CLAUDE_FORCED)
#define NGX_HTTP_LLMBROKER_CLAUDE_4                                          \
    (NGX_HTTP_LLMBROKER_CLAUDE_BUDGET|NGX_HTTP_LLMBROKER_CLAUDE_STRUCTURED   \
     |NGX_HTTP_LLMBROKER_CLAUDE_SAMPLING|NGX_HTTP_LLMBROKER_CLAUDE_FORCED)
#define NGX_HTTP_LLMBROKER_CLAUDE_NEW                                        \
    (NGX_HTTP_LLMBROKER_CLAUDE_ADAPTIVE|NGX_HTTP_LLMBROKER_CLAUDE_EFFORT     \
     |NGX_HTTP_LLMBROKER_CLAUDE_XHIGH|NGX_HTTP_LLMBROKER_CLAUDE_STRUCTURED   \
     |NGX_HTTP_LLMBROKER_CLAUDE_FORCED)


#define ngx_http_llmbroker_claude_flag(name, bit)                            \
    { ngx_string(name),                                                      \
      offsetof(ngx_http_llmbroker_claude_model_t, flags),                    \
      NGX_HTTP_LLMBROKER_CLAUDE_ ## bit, NULL }


/* the first prefix that fits; the last row is for what is no Claude */

static const ngx_http_llmbroker_claude_model_t
    ngx_http_llmbroker_claude_models[] =
{
    { ngx_string("claude-2"), 4096, NGX_HTTP_LLMBROKER_CLAUDE_OLD, 0 },

    { ngx_string("claude-v"), 4096, NGX_HTTP_LLMBROKER_CLAUDE_OLD, 0 },

    { ngx_string("claude-instant"), 4096, NGX_HTTP_LLMBROKER_CLAUDE_OLD, 0 },

    { ngx_string("claude-3-7-"), 64000,
      NGX_HTTP_LLMBROKER_CLAUDE_OLD|NGX_HTTP_LLMBROKER_CLAUDE_BUDGET, 0 },

    { ngx_string("claude-3-5-"), 8192, NGX_HTTP_LLMBROKER_CLAUDE_OLD, 0 },

    { ngx_string("claude-3-"), 4096, NGX_HTTP_LLMBROKER_CLAUDE_OLD, 0 },

    { ngx_string("claude-opus-4-0"), 32000,
      NGX_HTTP_LLMBROKER_CLAUDE_OLD|NGX_HTTP_LLMBROKER_CLAUDE_BUDGET, 0 },

    { ngx_string("claude-opus-4-2025"), 32000,
      NGX_HTTP_LLMBROKER_CLAUDE_OLD|NGX_HTTP_LLMBROKER_CLAUDE_BUDGET, 0 },

    { ngx_string("claude-opus-4@"), 32000,
      NGX_HTTP_LLMBROKER_CLAUDE_OLD|NGX_HTTP_LLMBROKER_CLAUDE_BUDGET, 0 },

    { ngx_string("claude-opus-4-1"), 32000,
      NGX_HTTP_LLMBROKER_CLAUDE_4|NGX_HTTP_LLMBROKER_CLAUDE_PREFILL, 0 },

    { ngx_string("claude-sonnet-4-0"), 64000,
      NGX_HTTP_LLMBROKER_CLAUDE_OLD|NGX_HTTP_LLMBROKER_CLAUDE_BUDGET, 0 },

    { ngx_string("claude-sonnet-4-2025"), 64000,
      NGX_HTTP_LLMBROKER_CLAUDE_OLD|NGX_HTTP_LLMBROKER_CLAUDE_BUDGET, 0 },

    { ngx_string("claude-sonnet-4@"), 64000,
      NGX_HTTP_LLMBROKER_CLAUDE_OLD|NGX_HTTP_LLMBROKER_CLAUDE_BUDGET, 0 },

    { ngx_string("claude-sonnet-4-5"), 64000,
      NGX_HTTP_LLMBROKER_CLAUDE_4|NGX_HTTP_LLMBROKER_CLAUDE_PREFILL, 0 },

    { ngx_string("claude-haiku-4-5"), 64000,
      NGX_HTTP_LLMBROKER_CLAUDE_4|NGX_HTTP_LLMBROKER_CLAUDE_PREFILL, 0 },

    { ngx_string("claude-opus-4-5"), 64000,
      NGX_HTTP_LLMBROKER_CLAUDE_4|NGX_HTTP_LLMBROKER_CLAUDE_PREFILL
      |NGX_HTTP_LLMBROKER_CLAUDE_EFFORT, 0 },

    { ngx_string("claude-sonnet-4-6"), 128000,
      NGX_HTTP_LLMBROKER_CLAUDE_4|NGX_HTTP_LLMBROKER_CLAUDE_EFFORT
      |NGX_HTTP_LLMBROKER_CLAUDE_ADAPTIVE, 0 },

    { ngx_string("claude-opus-4-6"), 128000,
      NGX_HTTP_LLMBROKER_CLAUDE_4|NGX_HTTP_LLMBROKER_CLAUDE_EFFORT
      |NGX_HTTP_LLMBROKER_CLAUDE_ADAPTIVE, 0 },

    { ngx_string("claude-opus-4-8"), 128000,
      NGX_HTTP_LLMBROKER_CLAUDE_NEW|NGX_HTTP_LLMBROKER_CLAUDE_MIDDLE, 0 },

    { ngx_string("claude-opus-5"), 128000,
      NGX_HTTP_LLMBROKER_CLAUDE_NEW|NGX_HTTP_LLMBROKER_CLAUDE_MIDDLE, 0 },

    { ngx_string("claude-fable-5"), 128000,
      (NGX_HTTP_LLMBROKER_CLAUDE_NEW & ~NGX_HTTP_LLMBROKER_CLAUDE_FORCED)
      |NGX_HTTP_LLMBROKER_CLAUDE_MIDDLE, 0 },

    { ngx_string("claude-mythos-5"), 128000,
      (NGX_HTTP_LLMBROKER_CLAUDE_NEW & ~NGX_HTTP_LLMBROKER_CLAUDE_FORCED)
      |NGX_HTTP_LLMBROKER_CLAUDE_MIDDLE, 0 },

    { ngx_string("claude-"), 128000, NGX_HTTP_LLMBROKER_CLAUDE_NEW, 0 },

    { ngx_null_string, 0, NGX_HTTP_LLMBROKER_CLAUDE_OLD, 0 }
};


/* by the numbers of ngx_http_llmbroker_claude_mid_system_e */

static const char * const  ngx_http_llmbroker_claude_mid_system[] = {
    "hoist", "inline", "user_tag", NULL
};


static const ngx_http_llmbroker_capability_t
    ngx_http_llmbroker_claude_capabilities[] =
{
    { ngx_string("max_tokens"),
      offsetof(ngx_http_llmbroker_claude_model_t, max), 0, NULL },

    ngx_http_llmbroker_claude_flag("adaptive_thinking", ADAPTIVE),
    ngx_http_llmbroker_claude_flag("budget_thinking", BUDGET),
    ngx_http_llmbroker_claude_flag("effort", EFFORT),
    ngx_http_llmbroker_claude_flag("effort_xhigh", XHIGH),
    ngx_http_llmbroker_claude_flag("structured_outputs", STRUCTURED),
    ngx_http_llmbroker_claude_flag("prefill", PREFILL),
    ngx_http_llmbroker_claude_flag("prefill_fixup", FIXUP),
    ngx_http_llmbroker_claude_flag("sampling", SAMPLING),
    ngx_http_llmbroker_claude_flag("temperature_with_top_p", BOTH),
    ngx_http_llmbroker_claude_flag("forced_tool_choice", FORCED),
    ngx_http_llmbroker_claude_flag("web_search", SEARCH),

    { ngx_string("mid_system"),
      offsetof(ngx_http_llmbroker_claude_model_t, mid_system), 0,
      ngx_http_llmbroker_claude_mid_system },

    { ngx_null_string, 0, 0, NULL }
};


ngx_int_t
ngx_http_llmbroker_claude_abilities(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target)
{
    ngx_http_llmbroker_claude_model_t  *model;

    model = ngx_palloc(pool, sizeof(ngx_http_llmbroker_claude_model_t));
    if (model == NULL) {
        return NGX_ERROR;
    }

    *model = *ngx_http_llmbroker_claude_find_model(&target->model);

    target->abilities = model;

    return ngx_http_llmbroker_capabilities(pool, target,
                                       ngx_http_llmbroker_claude_capabilities,
                                       model);
}


/* other clouds put a vendor's or a region's name before the model's */

const ngx_http_llmbroker_claude_model_t *
ngx_http_llmbroker_claude_find_model(const ngx_str_t *name)
{
    size_t                                    len;
    u_char                                   *p;
    const ngx_http_llmbroker_claude_model_t  *model;

    len = 0;
    p = ngx_strlcasestrn(name->data, name->data + name->len,
                         (u_char *) "claude-", sizeof("claude-") - 2);

    if (p) {
        len = name->data + name->len - p;
    }

    for (model = ngx_http_llmbroker_claude_models; model->prefix.len; model++)
    {
        if (model->prefix.len <= len
            && ngx_strncasecmp(p, model->prefix.data, model->prefix.len) == 0)
        {
            break;
        }
    }

    return model;
}
