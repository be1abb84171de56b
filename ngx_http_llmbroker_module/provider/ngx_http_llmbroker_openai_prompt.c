
/*
 * Copyright (C) LLMBroker contributors
 *
 * A legacy completion as a chat of OpenAI's dialect, for servers that only
 * chat.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_openai_prompt.h"
#include "provider/ngx_http_llmbroker_params.h"


static ngx_uint_t ngx_http_llmbroker_openai_legacy(ngx_str_t *key);

/* what a chat does not have, or has in another form */

static const ngx_str_t  ngx_http_llmbroker_openai_names[] = {
    ngx_string("messages"),
    ngx_string("prompt"),
    ngx_string("suffix"),
    ngx_string("echo"),
    ngx_string("best_of"),
    ngx_string("logprobs"),
    ngx_string("max_tokens"),
    ngx_null_string
};


ngx_int_t
ngx_http_llmbroker_openai_build(ngx_http_llmbroker_exchange_t *ex)
{
    ngx_int_t                         rc, logprobs, max;
    ngx_http_llmbroker_json_t        *v, *prompt;
    ngx_http_llmbroker_json_writer_t  w;

    rc = ngx_http_llmbroker_params_prompt_probs(ex, &prompt, &logprobs);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_params_max_tokens(ex, &max);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_llmbroker_json_write_start(&w, ex->body);
    ngx_http_llmbroker_json_write_refer(&w);

    ngx_http_llmbroker_json_open(&w);

    for (v = ex->request->child; v; v = v->next) {

        if (!ngx_http_llmbroker_openai_legacy(&v->key)) {
            ngx_http_llmbroker_json_key_str(&w, &v->key);
            ngx_http_llmbroker_json_raw(&w, &v->raw);
        }
    }

    ngx_http_llmbroker_json_key(&w, "messages");
    ngx_http_llmbroker_json_open_array(&w);
    ngx_http_llmbroker_json_open(&w);
    ngx_http_llmbroker_json_key(&w, "role");
    ngx_http_llmbroker_json_text(&w, "user");
    ngx_http_llmbroker_json_key(&w, "content");
    ngx_http_llmbroker_json_raw(&w, &prompt->raw);
    ngx_http_llmbroker_json_close(&w);
    ngx_http_llmbroker_json_close_array(&w);

    ngx_http_llmbroker_json_key(&w, "max_tokens");
    ngx_http_llmbroker_json_number(&w, max);

    if (logprobs != -1) {
        ngx_http_llmbroker_json_key(&w, "logprobs");
        ngx_http_llmbroker_json_bool(&w, 1);
    }

    if (logprobs > 0) {
        ngx_http_llmbroker_json_key(&w, "top_logprobs");
        ngx_http_llmbroker_json_number(&w, logprobs);
    }

    ngx_http_llmbroker_json_close(&w);

    return ngx_http_llmbroker_json_write_end(&w);
}


static ngx_uint_t
ngx_http_llmbroker_openai_legacy(ngx_str_t *key)
{
    const ngx_str_t  *name;

    for (name = ngx_http_llmbroker_openai_names; name->len; name++) {

        if (name->len == key->len
            && ngx_memcmp(name->data, key->data, key->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}
