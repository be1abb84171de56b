
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_meaning.h"


static ngx_uint_t ngx_http_llmbroker_meaning_has(ngx_str_t *text,
    const char * const *words);
static ngx_uint_t ngx_http_llmbroker_meaning_begins(ngx_str_t *text,
    const char * const *words);


static const char * const  ngx_http_llmbroker_context_codes[] = {

    /* OpenAI, Azure, Groq, Cerebras; LiteLLM; llama.cpp */
    "context_length",
    "context_window",
    "context_size",

    /* GitHub Models */
    "tokens_limit_reached",
    "max_prompt_tokens",
    NULL
};


static const char * const  ngx_http_llmbroker_context_messages[] = {

    /*
     * "This model's maximum context length is 8192 tokens" (OpenAI, Azure,
     * DeepSeek, Groq, vLLM, OpenRouter), "... too large for model with 32768
     * maximum context length" (Mistral), "longer than the model's context
     * length" (SGLang, Ollama), "exceeds the context window" (OpenAI,
     * MiniMax), "the available context size" (llama.cpp), "input length and
     * `max_tokens` exceed context limit" (Anthropic)
     */
    "context length",
    "context window",
    "context size",
    "context limit",

    /* Anthropic, Fireworks; Bedrock */
    "prompt is too long",
    "input is too long",
    "too many input tokens",
    "input tokens exceed",

    /* DashScope */
    "range of input length should be",
    "message token length exceed",

    /* Gemini */
    "exceeds the maximum number of tokens",

    /* newer vLLM; xAI */
    "maximum model length",
    "maximum prompt length",

    /* Cerebras, Groq; Moonshot; Zhipu; Cohere; TGI */
    "reduce the length of the messages",
    "exceeded model token limit",
    "prompt exceeds max length",
    "too many tokens: ",
    "tokens + `max_new_tokens` must be <=",
    NULL
};


static const char * const  ngx_http_llmbroker_account_codes[] = {
    "insufficient_quota",
    "exceeded_current_quota",
    "billing",
    "account_deactivated",
    "account_inactive",
    "account_suspended",
    "balance",
    "credit",
    "payment",
    "arrear",
    "overdue",
    NULL
};


static const char * const  ngx_http_llmbroker_account_messages[] = {
    "insufficient balance",
    "insufficient credits",
    "your credit balance is too low",
    NULL
};


static const char * const  ngx_http_llmbroker_key_codes[] = {
    "invalid_api_key",
    "invalidapikey",
    "authentication_error",
    NULL
};


/* xAI; Google, where OpenAI is spoken: a 400 of both */

static const char * const  ngx_http_llmbroker_key_messages[] = {
    "incorrect api key provided",
    "api key not valid",
    "api key expired",
    "invalid api key",
    NULL
};


static const char * const  ngx_http_llmbroker_content_codes[] = {
    "content_filter",
    "content_policy",
    "moderation",
    NULL
};


/* OpenRouter, xAI */

static const char * const  ngx_http_llmbroker_content_messages[] = {
    "moderation",
    "was flagged",
    "usage guidelines",
    "content policy",
    NULL
};


ngx_uint_t
ngx_http_llmbroker_means_context(ngx_str_t *code, ngx_str_t *message)
{
    return ngx_http_llmbroker_meaning_has(code,
                                          ngx_http_llmbroker_context_codes)
           || ngx_http_llmbroker_meaning_has(message,
                                         ngx_http_llmbroker_context_messages);
}


ngx_uint_t
ngx_http_llmbroker_means_account(ngx_str_t *code, ngx_str_t *message)
{
    return ngx_http_llmbroker_meaning_has(code,
                                          ngx_http_llmbroker_account_codes)
           || ngx_http_llmbroker_meaning_begins(message,
                                         ngx_http_llmbroker_account_messages);
}


ngx_uint_t
ngx_http_llmbroker_means_key(ngx_str_t *code, ngx_str_t *message)
{
    return ngx_http_llmbroker_meaning_has(code, ngx_http_llmbroker_key_codes)
           || ngx_http_llmbroker_meaning_begins(message,
                                             ngx_http_llmbroker_key_messages);
}


ngx_uint_t
ngx_http_llmbroker_means_content(ngx_str_t *code, ngx_str_t *message)
{
    return ngx_http_llmbroker_meaning_has(code,
                                          ngx_http_llmbroker_content_codes)
           || ngx_http_llmbroker_meaning_has(message,
                                         ngx_http_llmbroker_content_messages);
}


static ngx_uint_t
ngx_http_llmbroker_meaning_has(ngx_str_t *text, const char * const *words)
{
    u_char  *last;

    last = text->data + text->len;

    for ( /* void */ ; text->len && *words; words++) {

        if (ngx_strlcasestrn(text->data, last, (u_char *) *words,
                             ngx_strlen(*words) - 1)
            != NULL)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_llmbroker_meaning_begins(ngx_str_t *text, const char * const *words)
{
    size_t  len;

    for ( /* void */ ; *words; words++) {
        len = ngx_strlen(*words);

        if (text->len >= len
            && ngx_strncasecmp(text->data, (u_char *) *words, len) == 0)
        {
            return 1;
        }
    }

    return 0;
}
