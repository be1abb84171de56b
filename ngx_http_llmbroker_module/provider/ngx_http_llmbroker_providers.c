
/*
 * Copyright (C) LLMBroker contributors
 *
 * The providers that a YAML file may name, and what is known of their servers.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_provider.h"


#define ngx_http_llmbroker_adapt_end                                          \
    { ngx_null_string, NGX_HTTP_LLMBROKER_ADAPT_DROP, ngx_null_string }


/*
 * What is not OpenAI's in requests, where a server refuses or
 * misunderstands it; what a server merely ignores is not listed.
 */

/* an unknown member is refused with 422 */

static const ngx_http_llmbroker_adapt_t  ngx_http_llmbroker_mistral_adapt[] = {
    { ngx_string("max_completion_tokens"),
      NGX_HTTP_LLMBROKER_ADAPT_RENAME,
      ngx_string("max_tokens") },

    { ngx_string("seed"),
      NGX_HTTP_LLMBROKER_ADAPT_RENAME,
      ngx_string("random_seed") },

    { ngx_string("dimensions"),
      NGX_HTTP_LLMBROKER_ADAPT_RENAME,
      ngx_string("output_dimension") },

    { ngx_string("user"),
      NGX_HTTP_LLMBROKER_ADAPT_DROP,
      ngx_null_string },

    { ngx_string("logprobs"),
      NGX_HTTP_LLMBROKER_ADAPT_DROP,
      ngx_null_string },

    { ngx_string("top_logprobs"),
      NGX_HTTP_LLMBROKER_ADAPT_DROP,
      ngx_null_string },

    { ngx_string("logit_bias"),
      NGX_HTTP_LLMBROKER_ADAPT_DROP,
      ngx_null_string },

    { ngx_string("store"),
      NGX_HTTP_LLMBROKER_ADAPT_DROP,
      ngx_null_string },

    { ngx_string("service_tier"),
      NGX_HTTP_LLMBROKER_ADAPT_DROP,
      ngx_null_string },

    { ngx_string("safety_identifier"),
      NGX_HTTP_LLMBROKER_ADAPT_DROP,
      ngx_null_string },

    { ngx_string("prompt_cache_options"),
      NGX_HTTP_LLMBROKER_ADAPT_DROP,
      ngx_null_string },

    { ngx_string("prompt_cache_retention"),
      NGX_HTTP_LLMBROKER_ADAPT_DROP,
      ngx_null_string },

    { ngx_string("verbosity"),
      NGX_HTTP_LLMBROKER_ADAPT_DROP,
      ngx_null_string },

    { ngx_string("web_search_options"),
      NGX_HTTP_LLMBROKER_ADAPT_DROP,
      ngx_null_string },

    { ngx_string("moderation"),
      NGX_HTTP_LLMBROKER_ADAPT_DROP,
      ngx_null_string },

    { ngx_string("modalities"),
      NGX_HTTP_LLMBROKER_ADAPT_DROP,
      ngx_null_string },

    { ngx_string("audio"),
      NGX_HTTP_LLMBROKER_ADAPT_DROP,
      ngx_null_string },

    ngx_http_llmbroker_adapt_end
};


static const ngx_http_llmbroker_adapt_t  ngx_http_llmbroker_deepseek_adapt[] = {
    { ngx_string("max_completion_tokens"),
      NGX_HTTP_LLMBROKER_ADAPT_RENAME,
      ngx_string("max_tokens") },

    { ngx_string("n"),
      NGX_HTTP_LLMBROKER_ADAPT_ONE,
      ngx_null_string },

    { ngx_string("seed"),
      NGX_HTTP_LLMBROKER_ADAPT_DROP,
      ngx_null_string },

    ngx_http_llmbroker_adapt_end
};


static const ngx_http_llmbroker_adapt_t  ngx_http_llmbroker_groq_adapt[] = {
    { ngx_string("n"),
      NGX_HTTP_LLMBROKER_ADAPT_ONE,
      ngx_null_string },

    { ngx_string("logprobs"),
      NGX_HTTP_LLMBROKER_ADAPT_DROP,
      ngx_null_string },

    { ngx_string("top_logprobs"),
      NGX_HTTP_LLMBROKER_ADAPT_DROP,
      ngx_null_string },

    { ngx_string("logit_bias"),
      NGX_HTTP_LLMBROKER_ADAPT_DROP,
      ngx_null_string },

    ngx_http_llmbroker_adapt_end
};


static const ngx_http_llmbroker_adapt_t  ngx_http_llmbroker_zhipu_adapt[] = {
    { ngx_string("max_completion_tokens"),
      NGX_HTTP_LLMBROKER_ADAPT_RENAME,
      ngx_string("max_tokens") },

    { ngx_string("n"),
      NGX_HTTP_LLMBROKER_ADAPT_ONE,
      ngx_null_string },

    ngx_http_llmbroker_adapt_end
};


static const ngx_http_llmbroker_adapt_t  ngx_http_llmbroker_ollama_adapt[] = {
    { ngx_string("max_completion_tokens"),
      NGX_HTTP_LLMBROKER_ADAPT_RENAME,
      ngx_string("max_tokens") },

    { ngx_string("n"),
      NGX_HTTP_LLMBROKER_ADAPT_ONE,
      ngx_null_string },

    { ngx_string("logit_bias"),
      NGX_HTTP_LLMBROKER_ADAPT_DROP,
      ngx_null_string },

    { ngx_string("user"),
      NGX_HTTP_LLMBROKER_ADAPT_DROP,
      ngx_null_string },

    ngx_http_llmbroker_adapt_end
};


/* C6, C7: of the compatible mode */

static const ngx_http_llmbroker_adapt_t  ngx_http_llmbroker_qwen_adapt[] = {
    { ngx_string("max_completion_tokens"),
      NGX_HTTP_LLMBROKER_ADAPT_RENAME,
      ngx_string("max_tokens") },

    { ngx_string("temperature"),
      NGX_HTTP_LLMBROKER_ADAPT_MOST,
      ngx_string("1.99") },

    { ngx_string("top_p"),
      NGX_HTTP_LLMBROKER_ADAPT_LEAST,
      ngx_string("0.000001") },

    ngx_http_llmbroker_adapt_end
};


/*
 * name, alias, default base URL, dialect, a base path's end and the dialect
 * of it, calls, adapt, configure, usage_unasked
 */

const ngx_http_llmbroker_provider_t  ngx_http_llmbroker_providers[] = {

    { ngx_string("openai"),
      ngx_null_string,
      ngx_string("https://api.openai.com/v1"),
      &ngx_http_llmbroker_openai,
      ngx_null_string,
      NULL,
      0,
      NULL,
      NULL,
      0 },

    { ngx_string("claude"),
      ngx_string("anthropic"),
      ngx_string("https://api.anthropic.com/v1"),
      &ngx_http_llmbroker_claude,
      ngx_null_string,
      NULL,
      0,
      NULL,
      NULL,
      0 },

    { ngx_string("qwen"),
      ngx_string("dashscope"),
      ngx_string("https://dashscope.aliyuncs.com/api/v1"),
      &ngx_http_llmbroker_qwen,
      ngx_string("/compatible-mode/v1"),
      &ngx_http_llmbroker_openai,
      0,
      ngx_http_llmbroker_qwen_adapt,
      NULL,
      0 },

    { ngx_string("gemini"),
      ngx_string("google"),
      ngx_string("https://generativelanguage.googleapis.com/v1beta"),
      &ngx_http_llmbroker_gemini,
      ngx_string("/openai"),
      &ngx_http_llmbroker_openai,
      0,
      NULL,
      NULL,
      0 },

    { ngx_string("bedrock"),
      ngx_null_string,
      ngx_string("https://bedrock-runtime.{region}.amazonaws.com"),
      &ngx_http_llmbroker_bedrock,
      ngx_string("/v1"),
      &ngx_http_llmbroker_openai,
      0,
      NULL,
      ngx_http_llmbroker_bedrock_configure,
      0 },

    { ngx_string("azure"),
      ngx_null_string,
      ngx_null_string,
      &ngx_http_llmbroker_openai,
      ngx_null_string,
      NULL,
      0,
      NULL,
      ngx_http_llmbroker_azure_configure,
      0 },

    { ngx_string("deepseek"),
      ngx_null_string,
      ngx_string("https://api.deepseek.com"),
      &ngx_http_llmbroker_openai,
      ngx_null_string,
      NULL,
      1 << NGX_HTTP_LLMBROKER_CHAT,
      ngx_http_llmbroker_deepseek_adapt,
      NULL,
      0 },

    { ngx_string("groq"),
      ngx_null_string,
      ngx_string("https://api.groq.com/openai/v1"),
      &ngx_http_llmbroker_openai,
      ngx_null_string,
      NULL,
      1 << NGX_HTTP_LLMBROKER_CHAT,
      ngx_http_llmbroker_groq_adapt,
      NULL,
      0 },

    { ngx_string("mistral"),
      ngx_null_string,
      ngx_string("https://api.mistral.ai/v1"),
      &ngx_http_llmbroker_openai,
      ngx_null_string,
      NULL,
      1 << NGX_HTTP_LLMBROKER_CHAT
      |1 << NGX_HTTP_LLMBROKER_EMBEDDINGS,
      ngx_http_llmbroker_mistral_adapt,
      NULL,
      1 },

    { ngx_string("moonshot"),
      ngx_null_string,
      ngx_string("https://api.moonshot.ai/v1"),
      &ngx_http_llmbroker_openai,
      ngx_null_string,
      NULL,
      1 << NGX_HTTP_LLMBROKER_CHAT,
      NULL,
      NULL,
      0 },

    { ngx_string("ollama"),
      ngx_null_string,
      ngx_string("http://127.0.0.1:11434/v1"),
      &ngx_http_llmbroker_openai,
      ngx_null_string,
      NULL,
      0,
      ngx_http_llmbroker_ollama_adapt,
      NULL,
      0 },

    { ngx_string("openrouter"),
      ngx_null_string,
      ngx_string("https://openrouter.ai/api/v1"),
      &ngx_http_llmbroker_openai,
      ngx_null_string,
      NULL,
      0,
      NULL,
      NULL,
      0 },

    { ngx_string("vllm"),
      ngx_null_string,
      ngx_null_string,
      &ngx_http_llmbroker_openai,
      ngx_null_string,
      NULL,
      0,
      NULL,
      NULL,
      0 },

    { ngx_string("xai"),
      ngx_null_string,
      ngx_string("https://api.x.ai/v1"),
      &ngx_http_llmbroker_openai,
      ngx_null_string,
      NULL,
      0,
      NULL,
      NULL,
      0 },

    { ngx_string("zhipu"),
      ngx_null_string,
      ngx_string("https://open.bigmodel.cn/api/paas/v4"),
      &ngx_http_llmbroker_openai,
      ngx_null_string,
      NULL,
      1 << NGX_HTTP_LLMBROKER_CHAT
      |1 << NGX_HTTP_LLMBROKER_EMBEDDINGS,
      ngx_http_llmbroker_zhipu_adapt,
      NULL,
      0 },

    { ngx_string("openai_compatible"),
      ngx_null_string,
      ngx_null_string,
      &ngx_http_llmbroker_openai,
      ngx_null_string,
      NULL,
      0,
      NULL,
      NULL,
      0 },

    { ngx_null_string,
      ngx_null_string,
      ngx_null_string,
      NULL,
      ngx_null_string,
      NULL,
      0,
      NULL,
      NULL,
      0 }
};
