
/*
 * Copyright (C) LLMBroker contributors
 *
 * An exchange with a provider without a network: what the tests of provider/
 * have in common.
 */


#ifndef _EXCHANGE_H_INCLUDED_
#define _EXCHANGE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_answer.h"
#include "unit.h"


#define CHAT         NGX_HTTP_LLMBROKER_CHAT
#define COMPLETIONS  NGX_HTTP_LLMBROKER_COMPLETIONS
#define EMBEDDINGS   NGX_HTTP_LLMBROKER_EMBEDDINGS

#define HEAD(object, id, model)                                              \
    "{\"id\":\"" id "\",\"object\":\"" object "\",\"created\":1,"            \
    "\"model\":\"" model "\",\"choices\":["
#define CHUNK(id, model, delta, finish)                                      \
    "data: " HEAD("chat.completion.chunk", id, model)                        \
    "{\"index\":0,\"delta\":{" delta "},\"logprobs\":null,"                  \
    "\"finish_reason\":" finish "}]}\n\n"
#define ROLE  "\"role\":\"assistant\",\"content\":\"\",\"refusal\":null"
#define DONE  "data: [DONE]\n\n"


static ngx_pool_t                     *ex_pool;
static ngx_http_llmbroker_out_t        ex_out;
static ngx_http_llmbroker_out_t        ex_body;
static ngx_http_llmbroker_target_t     ex_target;
static ngx_http_llmbroker_exchange_t   ex;

/* the provider's word, the base path and the model of the next exchange */
static const char  *ex_provider = "openai";
static const char  *ex_base = "/v1";
static const char  *ex_model = "m";


static inline ngx_str_t
str(const char *text)
{
    ngx_str_t  s;

    s.len = strlen(text);
    s.data = (u_char *) text;

    return s;
}


/* begins an exchange; the one before is gone */
static inline ngx_int_t
ex_start(ngx_http_llmbroker_call_e call, ngx_uint_t stream,
    ngx_uint_t usage_wanted)
{
    ngx_str_t                             name;
    const ngx_http_llmbroker_provider_t  *provider;

    if (ex.temp) {
        ngx_destroy_pool(ex.temp);
    }

    if (ex_pool) {
        ngx_destroy_pool(ex_pool);
    }

    memset(&ex, 0, sizeof(ex));
    memset(&ex_target, 0, sizeof(ex_target));

    ex_pool = ngx_create_pool(4096, &ngx_shim_log);
    if (ex_pool == NULL) {
        return NGX_ERROR;
    }

    name = str(ex_provider);
    provider = ngx_http_llmbroker_provider_find(&name);

    ex_target.row = provider;
    ex_target.provider = provider->name;
    ex_target.model = str(ex_model);
    ex_target.api_key = str("KEY");
    ex_target.base_path = str(ex_base);
    ex_target.dialect = ngx_http_llmbroker_provider_dialect(provider,
                                                     &ex_target.base_path);
    ex_target.host = str("api.example.com");
    ex_target.calls = ex_target.dialect->calls;

    if (provider->calls) {
        ex_target.calls &= provider->calls;
    }

    ngx_http_llmbroker_out_init(&ex_out, ex_pool, NULL, NULL, 256);
    ngx_http_llmbroker_out_init(&ex_body, ex_pool, NULL, NULL, 256);

    ex.pool = ex_pool;
    ex.log = &ngx_shim_log;
    ex.target = &ex_target;
    ex.call = call;
    ex.splice = ex_target.dialect->splice && (ex_target.calls & (1 << call));
    ex.parts = 1;
    ex.created = 1;
    ex.stream = stream;
    ex.usage_wanted = usage_wanted;
    ex.body = &ex_body;
    ex.out = &ex_out;

    memset(&ex.usage, 0xff, sizeof(ex.usage));

    return ex_target.dialect->configure(ex_pool, &ex_target);
}


/* what was written to out, as text that lives until the next call */
static inline char *
ex_text(ngx_http_llmbroker_out_t *out)
{
    size_t        len;
    ngx_chain_t  *cl;

    static char  *text;

    free(text);

    len = 0;
    text = malloc(out->length + 1);

    for (cl = out->chain; cl; cl = cl->next) {
        memcpy(text + len, cl->buf->pos, cl->buf->last - cl->buf->pos);
        len += cl->buf->last - cl->buf->pos;
    }

    if ((off_t) len != out->length || memchr(text, '\0', len)) {
        abort();
    }

    text[len] = '\0';

    return text;
}


static inline char *
ex_answer(void)
{
    return ex_text(&ex_out);
}


/* as the gateway does it: what is approved of is passed on */
static ngx_int_t
ex_on_event(void *data, ngx_http_llmbroker_sse_event_t *event)
{
    ngx_int_t  rc;

    rc = ex_target.dialect->event(&ex, event);

    if (rc == NGX_DONE) {
        rc = ngx_http_llmbroker_out_copy(&ex_out, "data: ", 6);

        if (rc == NGX_OK) {
            rc = ngx_http_llmbroker_out_copy(&ex_out, event->data.data,
                                             event->data.len);
        }

        if (rc == NGX_OK) {
            rc = ngx_http_llmbroker_out_copy(&ex_out, "\n\n", 2);
        }
    }

    ngx_reset_pool(ex.temp);

    return rc;
}


/* a stream in pieces of "cut" bytes, each in memory of its own, and its end */
static inline ngx_int_t
ex_events(const char *text, size_t cut)
{
    u_char                   *p;
    size_t                    i, n, len;
    ngx_int_t                 rc;
    ngx_http_llmbroker_sse_t  sse;

    rc = NGX_OK;
    len = strlen(text);

    ex.temp = ngx_create_pool(4096, &ngx_shim_log);
    if (ex.temp == NULL) {
        return NGX_ERROR;
    }

    ngx_http_llmbroker_sse_init(&sse, ex_pool, 65536, ex_on_event, NULL);

    for (i = 0; i < len && rc == NGX_OK; i += cut) {
        n = ngx_min(cut, len - i);

        p = malloc(n);
        memcpy(p, text + i, n);
        rc = ngx_http_llmbroker_sse(&sse, p, p + n);
        free(p);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_llmbroker_sse_eof(&sse);
    }

    return rc == NGX_OK ? ex_target.dialect->end(&ex) : rc;
}


static inline ngx_int_t
ex_json(const char *text)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *root;

    rc = ngx_http_llmbroker_json_parse(ex_pool, (u_char *) text, strlen(text),
                                       &root);

    return rc == NGX_OK ? ex_target.dialect->response(&ex, root) : rc;
}


/* a request of one exchange; the provider's body or the fault */
static inline const char *
ex_build(ngx_http_llmbroker_call_e call, ngx_uint_t stream, const char *text)
{
    ngx_int_t  rc;

    static char  fault[512];

    rc = ex_start(call, stream, 0);

    if (rc == NGX_OK) {
        rc = ngx_http_llmbroker_json_parse(ex_pool, (u_char *) text,
                                           strlen(text), &ex.request);
    }

    if (rc == NGX_OK) {
        rc = ex_target.dialect->build(&ex);
    }

    if (rc == NGX_OK) {
        return ex_text(&ex_body);
    }

    if (rc != NGX_DECLINED) {
        return NULL;
    }

    snprintf(fault, sizeof(fault), "%d %.*s %.*s", (int) ex.fault.status,
             (int) ex.fault.code.len, ex.fault.code.data,
             (int) ex.fault.param.len, ex.fault.param.data);

    return fault;
}


/* one test: the request becomes this body, or this fault */
static inline void
builds(const char *request, const char *expected, const char *name)
{
    const char  *got;

    got = ex_build(CHAT, 0, request);

    if (got == NULL) {
        ok(0, "%s", name);
        return;
    }

    is_str(got, strlen(got), expected, name);
}


/* one test: the names that the last request lost */
static inline void
drops(const char *expected, const char *name)
{
    is_str(ex.dropped.data, ex.dropped.len, expected, name);
}


/* one test: status, code and message of the last fault */
static inline void
faults(ngx_uint_t status, const char *code, const char *message,
    const char *name)
{
    char  got[2048], expected[2048];

    snprintf(got, sizeof(got), "%d [%.*s] %.*s", (int) ex.fault.status,
             (int) ex.fault.code.len, ex.fault.code.data,
             (int) ex.fault.message.len, ex.fault.message.data);
    snprintf(expected, sizeof(expected), "%d [%s] %s", (int) status, code,
             message);

    is_str(got, strlen(got), expected, name);
}


/* one test: prompt, completion, total, cached, cache_write, reasoning */
static inline void
counts(const char *expected, const char *name)
{
    char  got[256];

    snprintf(got, sizeof(got), "%ld %ld %ld %ld %ld %ld",
             (long) ex.usage.prompt, (long) ex.usage.completion,
             (long) ex.usage.total, (long) ex.usage.cached,
             (long) ex.usage.cache_write, (long) ex.usage.reasoning);

    is_str(got, strlen(got), expected, name);
}


/* one test: no failed allocation is overlooked; run() is a whole exchange */
static inline void
survives(ngx_int_t (*run)(void), const char *name)
{
    ngx_int_t  n, rc;

    rc = NGX_ERROR;

    for (n = 0; n < 5000 && rc != NGX_OK; n++) {
        ngx_shim_allocs_left = n;
        rc = run();
        ngx_shim_allocs_left = -1;

        if (rc != NGX_OK && rc != NGX_ERROR) {
            break;
        }
    }

    ok(rc == NGX_OK && n > 2, "%s: %d allocations fail one after the other",
       name, (int) n);
}


#endif /* _EXCHANGE_H_INCLUDED_ */
