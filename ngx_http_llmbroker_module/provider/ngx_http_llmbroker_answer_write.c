
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_answer_write.h"
#include "provider/ngx_http_llmbroker_text.h"


static ngx_int_t ngx_http_llmbroker_answer_id(
    ngx_http_llmbroker_exchange_t *ex, ngx_str_t *id);
static void ngx_http_llmbroker_answer_message(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_answer_choice_t *c);


void
ngx_http_llmbroker_answer_str(ngx_http_llmbroker_answer_t *a, ngx_str_t *text)
{
    ngx_http_llmbroker_answer_put(a, text->data, text->len);
}


void
ngx_http_llmbroker_answer_raw(ngx_http_llmbroker_answer_t *a, ngx_str_t *raw)
{
    if (!a->failed && ngx_http_llmbroker_answer_line(a->out, raw) != NGX_OK) {
        a->failed = 1;
    }
}


ngx_int_t
ngx_http_llmbroker_answer_line(ngx_http_llmbroker_out_t *out, ngx_str_t *raw)
{
    u_char  *p, *start, *last;

    p = raw->data;
    last = p + raw->len;

    while (p < last) {
        start = p;

        while (p < last && *p != CR && *p != LF) {
            p++;
        }

        if (p > start
            && ngx_http_llmbroker_out_copy(out, start, p - start) != NGX_OK)
        {
            return NGX_ERROR;
        }

        while (p < last && (*p == CR || *p == LF)) {
            p++;
        }
    }

    return NGX_OK;
}


void
ngx_http_llmbroker_answer_number(ngx_http_llmbroker_answer_t *a, ngx_int_t n)
{
    u_char  *p, buf[NGX_INT64_LEN];

    p = ngx_http_llmbroker_json_digits(buf + sizeof(buf), n);

    ngx_http_llmbroker_answer_put(a, p, buf + sizeof(buf) - p);
}


/* P1-P3, P13 */

ngx_int_t
ngx_http_llmbroker_answer_head(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_answer_t *a, ngx_str_t *id, ngx_str_t *model,
    const char *tier)
{
    u_char     *p, *created, buf[NGX_INT64_LEN];
    size_t      len;
    ngx_str_t   name, version, object;

    ngx_str_null(&name);

    if (id && id->len) {
        name = *id;

    } else if (ngx_http_llmbroker_answer_id(ex, &name) != NGX_OK) {
        return NGX_ERROR;
    }

    version = (model && model->len) ? *model : ex->target->inner_model;

    if (ex->call == NGX_HTTP_LLMBROKER_COMPLETIONS) {
        ngx_str_set(&object, "text_completion");

    } else if (ex->stream) {
        ngx_str_set(&object, "chat.completion.chunk");

    } else {
        ngx_str_set(&object, "chat.completion");
    }

    len = sizeof("data: {\"id\":\"\",\"object\":\"chat.completion.chunk\","
                 "\"created\":,\"model\":\"\",\"service_tier\":\"\","
                 "\"choices\":[")
          + name.len + version.len + NGX_TIME_T_LEN
          + (tier ? ngx_strlen(tier) : 0);

    p = ngx_pnalloc(ex->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    a->head.data = p;

    if (ex->stream) {
        p = ngx_http_llmbroker_text_lit(p, "data: ");
    }

    p = ngx_http_llmbroker_text_lit(p, "{\"id\":\"");
    p = ngx_cpymem(p, name.data, name.len);
    p = ngx_http_llmbroker_text_lit(p, "\",\"object\":\"");
    p = ngx_cpymem(p, object.data, object.len);
    p = ngx_http_llmbroker_text_lit(p, "\",\"created\":");

    created = ngx_http_llmbroker_json_digits(buf + sizeof(buf), ex->created);

    p = ngx_cpymem(p, created, buf + sizeof(buf) - created);
    p = ngx_http_llmbroker_text_lit(p, ",\"model\":\"");
    p = ngx_cpymem(p, version.data, version.len);

    if (tier) {
        p = ngx_http_llmbroker_text_lit(p, "\",\"service_tier\":\"");
        p = ngx_cpymem(p, tier, ngx_strlen(tier));
    }

    p = ngx_http_llmbroker_text_lit(p, "\",\"choices\":[");

    a->head.len = p - a->head.data;

    return NGX_OK;
}


/* what surrounds each piece of text, made once */

ngx_int_t
ngx_http_llmbroker_answer_frame(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_answer_t *a)
{
    u_char     *p;
    ngx_str_t   open, close;

    if (!ex->stream) {
        return NGX_OK;
    }

    p = ngx_pnalloc(ex->pool, a->tops.len + sizeof("],\"usage\":null}\n\n"));
    if (p == NULL) {
        return NGX_ERROR;
    }

    /* with include_usage every chunk but the last one has "usage":null (S9) */

    a->tail.data = p;
    a->tail.len = ngx_sprintf(p, "]%V%s}\n\n", &a->tops,
                              ex->usage_wanted ? ",\"usage\":null" : "")
                  - p;

    if (ex->call == NGX_HTTP_LLMBROKER_COMPLETIONS) {
        ngx_str_set(&open, "{\"text\":\"");
        ngx_str_set(&close, "\",\"index\":0,\"logprobs\":null,"
                            "\"finish_reason\":null}");

    } else {
        ngx_str_set(&open, "{\"index\":0,\"delta\":{\"content\":\"");
        ngx_str_set(&close, "\"},\"logprobs\":null,\"finish_reason\":null}");
    }

    a->text_head.len = a->head.len + open.len;
    a->text_tail.len = close.len + a->tail.len;

    p = ngx_pnalloc(ex->pool, a->text_head.len + a->text_tail.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    a->text_head.data = p;
    p = ngx_cpymem(p, a->head.data, a->head.len);
    p = ngx_cpymem(p, open.data, open.len);

    a->text_tail.data = p;
    p = ngx_cpymem(p, close.data, close.len);
    ngx_memcpy(p, a->tail.data, a->tail.len);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_answer_id(ngx_http_llmbroker_exchange_t *ex, ngx_str_t *id)
{
    u_char    *p;
    uint32_t   n[3];

    p = ngx_pnalloc(ex->pool, sizeof("chatcmpl-") + 24);
    if (p == NULL) {
        return NGX_ERROR;
    }

    /* ngx_random() has 31 bits */

    n[0] = (uint32_t) ngx_random() ^ (uint32_t) ngx_random() << 1;
    n[1] = (uint32_t) ngx_random() ^ (uint32_t) ngx_random() << 1;
    n[2] = (uint32_t) ngx_random() ^ (uint32_t) ngx_random() << 1;

    id->data = p;

    p = ngx_sprintf(p, "%s%08xD%08xD%08xD",
                    ex->call == NGX_HTTP_LLMBROKER_COMPLETIONS
                    ? "cmpl-" : "chatcmpl-",
                    n[0], n[1], n[2]);

    id->len = p - id->data;

    return NGX_OK;
}


/* begins a chunk, up to where the delta's or the text's inside goes */

void
ngx_http_llmbroker_answer_open(ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n)
{
    ngx_http_llmbroker_answer_t  *a;

    a = ex->answer;
    a->begun = 1;
    ex->begun = 1;

    ngx_http_llmbroker_answer_str(a, &a->head);

    if (ex->call == NGX_HTTP_LLMBROKER_COMPLETIONS) {
        ngx_http_llmbroker_answer_lit(a, "{\"text\":\"");
        return;
    }

    ngx_http_llmbroker_answer_lit(a, "{\"index\":");
    ngx_http_llmbroker_answer_number(a, n);
    ngx_http_llmbroker_answer_lit(a, ",\"delta\":{");
}


ngx_int_t
ngx_http_llmbroker_answer_close(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, const char *finish)
{
    return ngx_http_llmbroker_answer_close_logprobs(ex, n, finish, NULL);
}


ngx_int_t
ngx_http_llmbroker_answer_close_logprobs(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, const char *finish,
    ngx_http_llmbroker_answer_logprobs_t *logprobs)
{
    ngx_http_llmbroker_answer_t  *a;

    a = ex->answer;

    if (ex->call == NGX_HTTP_LLMBROKER_COMPLETIONS) {
        ngx_http_llmbroker_answer_lit(a, "\",\"index\":");
        ngx_http_llmbroker_answer_number(a, n);

    } else {
        ngx_http_llmbroker_answer_lit(a, "}");
    }

    ngx_http_llmbroker_answer_write_logprobs(ex, logprobs);
    ngx_http_llmbroker_answer_lit(a, ",\"finish_reason\":");

    if (finish) {
        ngx_http_llmbroker_answer_lit(a, "\"");
        ngx_http_llmbroker_answer_put(a, finish, ngx_strlen(finish));
        ngx_http_llmbroker_answer_lit(a, "\"}");

    } else {
        ngx_http_llmbroker_answer_lit(a, "null}");
    }

    ngx_http_llmbroker_answer_str(a, &a->tail);

    return a->failed ? NGX_ERROR : NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_answer_role(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_answer_choice_t *c, const char *content)
{
    ngx_uint_t                    begun;
    ngx_http_llmbroker_answer_t  *a;

    if (c->role || ex->call != NGX_HTTP_LLMBROKER_CHAT) {
        return NGX_OK;
    }

    a = ex->answer;
    c->role = 1;

    /* a role alone tells the client nothing */

    begun = ex->begun;

    ngx_http_llmbroker_answer_open(ex, n);

    ex->begun = begun;

    ngx_http_llmbroker_answer_lit(a, "\"role\":\"assistant\",\"content\":");
    ngx_http_llmbroker_answer_put(a, content, ngx_strlen(content));
    ngx_http_llmbroker_answer_lit(a, ",\"refusal\":null");

    return ngx_http_llmbroker_answer_close(ex, n, NULL);
}


ngx_int_t
ngx_http_llmbroker_answer_chunk(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, const char *member, ngx_str_t *inner)
{
    ngx_http_llmbroker_answer_t  *a;

    a = ex->answer;

    ngx_http_llmbroker_answer_open(ex, n);
    ngx_http_llmbroker_answer_lit(a, "\"");
    ngx_http_llmbroker_answer_put(a, member, ngx_strlen(member));
    ngx_http_llmbroker_answer_lit(a, "\":\"");
    ngx_http_llmbroker_answer_str(a, inner);
    ngx_http_llmbroker_answer_lit(a, "\"");

    return ngx_http_llmbroker_answer_close(ex, n, NULL);
}


void
ngx_http_llmbroker_answer_usage(ngx_http_llmbroker_exchange_t *ex)
{
    ngx_http_llmbroker_usage_t   *u;
    ngx_http_llmbroker_answer_t  *a;

    a = ex->answer;
    u = &ex->usage;

    ngx_http_llmbroker_answer_lit(a, ",\"usage\":{\"prompt_tokens\":");
    ngx_http_llmbroker_answer_number(a, ngx_max(u->prompt, 0));
    ngx_http_llmbroker_answer_lit(a, ",\"completion_tokens\":");
    ngx_http_llmbroker_answer_number(a, ngx_max(u->completion, 0));
    ngx_http_llmbroker_answer_lit(a, ",\"total_tokens\":");
    ngx_http_llmbroker_answer_number(a, ngx_max(u->total, 0));

    if (u->cached != -1 || u->cache_write != -1) {
        ngx_http_llmbroker_answer_lit(a, ",\"prompt_tokens_details\":"
                                      "{\"cached_tokens\":");
        ngx_http_llmbroker_answer_number(a, ngx_max(u->cached, 0));

        if (u->cache_write != -1) {
            ngx_http_llmbroker_answer_lit(a, ",\"cache_write_tokens\":");
            ngx_http_llmbroker_answer_number(a, u->cache_write);
        }

        ngx_http_llmbroker_answer_lit(a, "}");
    }

    if (u->reasoning != -1) {
        ngx_http_llmbroker_answer_lit(a, ",\"completion_tokens_details\":"
                                      "{\"reasoning_tokens\":");
        ngx_http_llmbroker_answer_number(a, u->reasoning);
        ngx_http_llmbroker_answer_lit(a, "}");
    }

    ngx_http_llmbroker_answer_lit(a, "}");
}


void
ngx_http_llmbroker_answer_object(ngx_http_llmbroker_exchange_t *ex)
{
    ngx_uint_t                           i;
    const char                          *finish;
    ngx_http_llmbroker_answer_t         *a;
    ngx_http_llmbroker_answer_choice_t  *c;

    a = ex->answer;
    c = a->choices.elts;

    ngx_http_llmbroker_answer_str(a, &a->head);

    for (i = 0; i < a->choices.nelts; i++) {

        if (i > 0) {
            ngx_http_llmbroker_answer_lit(a, ",");
        }

        if (ex->call == NGX_HTTP_LLMBROKER_COMPLETIONS) {
            ngx_http_llmbroker_answer_lit(a, "{\"text\":\"");
            ngx_http_llmbroker_answer_kept(a, &c[i].text);
            ngx_http_llmbroker_answer_lit(a, "\",\"index\":");
            ngx_http_llmbroker_answer_number(a, i);

        } else {
            ngx_http_llmbroker_answer_lit(a, "{\"index\":");
            ngx_http_llmbroker_answer_number(a, i);
            ngx_http_llmbroker_answer_message(ex, &c[i]);
        }

        ngx_http_llmbroker_answer_write_logprobs(ex, c[i].logprobs);
        ngx_http_llmbroker_answer_lit(a, ",\"finish_reason\":\"");

        if (c[i].finish) {
            ngx_http_llmbroker_answer_put(a, c[i].finish,
                                          ngx_strlen(c[i].finish));

        } else if (c[i].tools.nelts) {
            finish = ex->legacy ? "function_call" : "tool_calls";
            ngx_http_llmbroker_answer_put(a, finish, ngx_strlen(finish));

        } else {
            ngx_http_llmbroker_answer_lit(a, "stop");
        }

        ngx_http_llmbroker_answer_lit(a, "\"}");
    }

    ngx_http_llmbroker_answer_lit(a, "]");
    ngx_http_llmbroker_answer_str(a, &a->tops);

    if (ex->usage.total != -1) {
        ngx_http_llmbroker_answer_usage(ex);
    }

    ngx_http_llmbroker_answer_lit(a, "}");
}


static void
ngx_http_llmbroker_answer_message(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_answer_choice_t *c)
{
    ngx_http_llmbroker_answer_t  *a;

    a = ex->answer;

    ngx_http_llmbroker_answer_lit(a, ",\"message\":{\"role\":\"assistant\","
                                  "\"content\":");

    /* no text: null beside tool calls or a refusal, else "" (P4) */

    if (c->text.length == 0 && (c->tools.nelts || c->refusal.length)) {
        ngx_http_llmbroker_answer_lit(a, "null");

    } else {
        ngx_http_llmbroker_answer_lit(a, "\"");
        ngx_http_llmbroker_answer_kept(a, &c->text);
        ngx_http_llmbroker_answer_lit(a, "\"");
    }

    if (c->refusal.length) {
        ngx_http_llmbroker_answer_lit(a, ",\"refusal\":\"");
        ngx_http_llmbroker_answer_kept(a, &c->refusal);
        ngx_http_llmbroker_answer_lit(a, "\"");

    } else {
        ngx_http_llmbroker_answer_lit(a, ",\"refusal\":null");
    }

    if (c->reasoning.length) {
        ngx_http_llmbroker_answer_lit(a, ",\"reasoning_content\":\"");
        ngx_http_llmbroker_answer_kept(a, &c->reasoning);
        ngx_http_llmbroker_answer_lit(a, "\"");
    }

    if (c->blocks.length) {
        ngx_http_llmbroker_answer_lit(a, ",\"thinking_blocks\":[");
        ngx_http_llmbroker_answer_kept(a, &c->blocks);
        ngx_http_llmbroker_answer_lit(a, "]");
    }

    if (c->annotations.length) {
        ngx_http_llmbroker_answer_lit(a, ",\"annotations\":[");
        ngx_http_llmbroker_answer_kept(a, &c->annotations);
        ngx_http_llmbroker_answer_lit(a, "]");
    }

    if (c->tools.nelts) {
        ngx_http_llmbroker_answer_calls(ex, c);
    }

    ngx_http_llmbroker_answer_kept(a, &c->members);
    ngx_http_llmbroker_answer_lit(a, "}");
}


/*
 * What was kept lives as long as the request: it is not copied again, unless
 * it is shorter than the buffer that would have to begin behind it.
 */

void
ngx_http_llmbroker_answer_kept(ngx_http_llmbroker_answer_t *a,
    ngx_http_llmbroker_out_t *kept)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    for (cl = kept->chain; cl && !a->failed; cl = cl->next) {
        b = cl->buf;

        if ((size_t) (b->last - b->pos) < a->out->size) {
            ngx_http_llmbroker_answer_put(a, b->pos, b->last - b->pos);
            continue;
        }

        if (ngx_http_llmbroker_out_refer(a->out, b->pos, b->last - b->pos)
            != NGX_OK)
        {
            a->failed = 1;
        }
    }
}
