
/*
 * Copyright (C) LLMBroker contributors
 */


#include "mock/ngx_http_llmbroker_mock.h"


/* where "fixed" looks for a streamed request */
#define NGX_HTTP_LLMBROKER_MOCK_HEAD  (16 * 1024)


typedef struct {
    ngx_http_llmbroker_mock_knobs_t   knobs;
    ngx_http_llmbroker_mock_knobs_t   plain;  /* after "times" requests */
    ngx_int_t                         seen;
    ngx_flag_t                        enable;
} ngx_http_llmbroker_mock_loc_conf_t;


typedef struct {
    ngx_str_t                         suffix;  /* of the path */
    ngx_uint_t                        method;
    ngx_http_llmbroker_mock_call_e    call;
    const ngx_http_llmbroker_mock_dialect_t  *dialect;
} ngx_http_llmbroker_mock_route_t;


typedef struct {
    ngx_str_t                         name;    /* lower case */
    size_t                            offset;
} ngx_http_llmbroker_mock_header_t;


static ngx_int_t ngx_http_llmbroker_mock_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_llmbroker_mock_route(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static void ngx_http_llmbroker_mock_route_models(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_read_headers(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_read_header(
    ngx_http_llmbroker_mock_ctx_t *ctx, ngx_table_elt_t *h);
static void ngx_http_llmbroker_mock_body_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_llmbroker_mock_read(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_read_body(
    ngx_http_llmbroker_mock_ctx_t *ctx, off_t max);
static void ngx_http_llmbroker_mock_read_fixed(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_decide(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static ngx_int_t ngx_http_llmbroker_mock_decide_error(
    ngx_http_llmbroker_mock_ctx_t *ctx);
static void ngx_http_llmbroker_mock_break(ngx_http_llmbroker_mock_ctx_t *ctx);

static void *ngx_http_llmbroker_mock_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_llmbroker_mock(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


static const ngx_http_llmbroker_mock_route_t
    ngx_http_llmbroker_mock_routes[] =
{
    { ngx_string("/chat/completions"), NGX_HTTP_POST,
      NGX_HTTP_LLMBROKER_MOCK_CHAT, &ngx_http_llmbroker_mock_openai },

    { ngx_string("/completions"), NGX_HTTP_POST,
      NGX_HTTP_LLMBROKER_MOCK_COMPLETIONS, &ngx_http_llmbroker_mock_openai },

    { ngx_string("/services/embeddings/text-embedding/text-embedding"),
      NGX_HTTP_POST,
      NGX_HTTP_LLMBROKER_MOCK_EMBEDDINGS, &ngx_http_llmbroker_mock_qwen },

    { ngx_string("/embeddings"), NGX_HTTP_POST,
      NGX_HTTP_LLMBROKER_MOCK_EMBEDDINGS, &ngx_http_llmbroker_mock_openai },

    { ngx_string("/models"), NGX_HTTP_GET,
      NGX_HTTP_LLMBROKER_MOCK_MODELS, &ngx_http_llmbroker_mock_openai },

    { ngx_string("/messages/count_tokens"), NGX_HTTP_POST,
      NGX_HTTP_LLMBROKER_MOCK_COUNT, &ngx_http_llmbroker_mock_claude },

    { ngx_string("/messages"), NGX_HTTP_POST,
      NGX_HTTP_LLMBROKER_MOCK_CHAT, &ngx_http_llmbroker_mock_claude },

    { ngx_string("/services/aigc/text-generation/generation"), NGX_HTTP_POST,
      NGX_HTTP_LLMBROKER_MOCK_CHAT, &ngx_http_llmbroker_mock_qwen },

    { ngx_string("/services/aigc/multimodal-generation/generation"),
      NGX_HTTP_POST,
      NGX_HTTP_LLMBROKER_MOCK_CHAT, &ngx_http_llmbroker_mock_qwen },

    { ngx_string(":generateContent"), NGX_HTTP_POST,
      NGX_HTTP_LLMBROKER_MOCK_CHAT, &ngx_http_llmbroker_mock_gemini },

    { ngx_string(":streamGenerateContent"), NGX_HTTP_POST,
      NGX_HTTP_LLMBROKER_MOCK_CHAT, &ngx_http_llmbroker_mock_gemini },

    { ngx_string(":batchEmbedContents"), NGX_HTTP_POST,
      NGX_HTTP_LLMBROKER_MOCK_EMBEDDINGS, &ngx_http_llmbroker_mock_gemini },

    { ngx_string("/converse"), NGX_HTTP_POST,
      NGX_HTTP_LLMBROKER_MOCK_CHAT, &ngx_http_llmbroker_mock_bedrock },

    { ngx_string("/converse-stream"), NGX_HTTP_POST,
      NGX_HTTP_LLMBROKER_MOCK_CHAT, &ngx_http_llmbroker_mock_bedrock },

    { ngx_null_string, 0, NGX_HTTP_LLMBROKER_MOCK_CHAT, NULL }
};


static const ngx_http_llmbroker_mock_header_t
    ngx_http_llmbroker_mock_headers[] =
{
    { ngx_string("accept"),
      offsetof(ngx_http_llmbroker_mock_ctx_t, accept) },

    { ngx_string("x-api-key"),
      offsetof(ngx_http_llmbroker_mock_ctx_t, api_key) },

    { ngx_string("x-goog-api-key"),
      offsetof(ngx_http_llmbroker_mock_ctx_t, goog_key) },

    { ngx_string("anthropic-version"),
      offsetof(ngx_http_llmbroker_mock_ctx_t, version) },

    { ngx_string("x-dashscope-sse"),
      offsetof(ngx_http_llmbroker_mock_ctx_t, sse) },

    { ngx_string("x-amz-date"),
      offsetof(ngx_http_llmbroker_mock_ctx_t, amz_date) },

    { ngx_null_string, 0 }
};


static ngx_command_t  ngx_http_llmbroker_mock_commands[] = {

    { ngx_string("llmbroker_mock"),
      NGX_HTTP_LOC_CONF|NGX_CONF_ANY,
      ngx_http_llmbroker_mock,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_llmbroker_mock_module_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_llmbroker_mock_create_loc_conf,  /* create location
                                                 configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_http_llmbroker_mock_module = {
    NGX_MODULE_V1,
    &ngx_http_llmbroker_mock_module_ctx,   /* module context */
    ngx_http_llmbroker_mock_commands,      /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_llmbroker_mock_handler(ngx_http_request_t *r)
{
    ngx_int_t                            rc;
    ngx_http_llmbroker_mock_ctx_t       *ctx;
    ngx_http_llmbroker_mock_loc_conf_t  *mlcf;

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_llmbroker_mock_ctx_t));
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_llmbroker_mock_module);

    ctx->request = r;
    ctx->pool = r->pool;
    ctx->knobs = &mlcf->knobs;
    ctx->max_tokens = -1;
    ctx->n = 1;
    ctx->system.pool = r->pool;
    ctx->head.pool = r->pool;
    ctx->tail.pool = r->pool;

    if (mlcf->knobs.times != -1 && mlcf->seen++ >= mlcf->knobs.times) {
        ctx->knobs = &mlcf->plain;
    }

    rc = ngx_http_llmbroker_mock_read_headers(ctx);

    if (rc == NGX_OK) {
        rc = ngx_http_llmbroker_mock_route(ctx);
    }

    if (rc == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* rc == NGX_OK or NGX_DECLINED: a refusal is sent behind the body */

    ngx_http_set_ctx(r, ctx, ngx_http_llmbroker_mock_module);

    r->request_body_in_single_buf = 1;

    rc = ngx_http_read_client_request_body(r,
                                         ngx_http_llmbroker_mock_body_handler);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    return NGX_DONE;
}


static ngx_int_t
ngx_http_llmbroker_mock_read_headers(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_int_t         rc;
    ngx_str_t        *value;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    static const u_char  bearer[] = "Bearer ";

    /* errors need a dialect */

    ctx->dialect = &ngx_http_llmbroker_mock_openai;

    if (ctx->request->headers_in.authorization) {
        value = &ctx->request->headers_in.authorization->value;

        if (value->len > sizeof(bearer) - 1
            && ngx_strncasecmp(value->data, (u_char *) bearer,
                               sizeof(bearer) - 1)
               == 0)
        {
            ctx->bearer.data = value->data + sizeof(bearer) - 1;
            ctx->bearer.len = value->len - (sizeof(bearer) - 1);
        }
    }

    part = &ctx->request->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        rc = ngx_http_llmbroker_mock_read_header(ctx, &h[i]);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_read_header(ngx_http_llmbroker_mock_ctx_t *ctx,
    ngx_table_elt_t *h)
{
    ngx_str_t                                name;
    const ngx_http_llmbroker_mock_header_t  *row;

    static const u_char  prefix[] = "x-mock-";

    for (row = ngx_http_llmbroker_mock_headers; row->name.len; row++) {

        if (row->name.len == h->key.len
            && ngx_memcmp(row->name.data, h->lowcase_key, h->key.len) == 0)
        {
            *(ngx_str_t *) ((u_char *) ctx + row->offset) = h->value;
            return NGX_OK;
        }
    }

    if (h->key.len <= sizeof(prefix) - 1
        || ngx_memcmp(h->lowcase_key, prefix, sizeof(prefix) - 1) != 0)
    {
        return NGX_OK;
    }

    name.data = h->lowcase_key + sizeof(prefix) - 1;
    name.len = h->key.len - (sizeof(prefix) - 1);

    return ngx_http_llmbroker_mock_request_knob(ctx, &name, &h->value);
}


static ngx_int_t
ngx_http_llmbroker_mock_route(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    u_char                                 *p;
    ngx_str_t                              *uri;
    ngx_http_request_t                     *r;
    const ngx_http_llmbroker_mock_route_t  *route;

    static const u_char  models[] = "/models/";
    static const u_char  services[] = "/services/";

    r = ctx->request;
    uri = &r->uri;

    for (route = ngx_http_llmbroker_mock_routes; route->suffix.len; route++) {

        if (uri->len >= route->suffix.len
            && ngx_memcmp(uri->data + uri->len - route->suffix.len,
                          route->suffix.data, route->suffix.len)
               == 0)
        {
            ctx->dialect = route->dialect;
            ctx->call = route->call;

            if (ctx->call == NGX_HTTP_LLMBROKER_MOCK_MODELS) {
                ngx_http_llmbroker_mock_route_models(ctx);
            }

            if (r->method == route->method) {
                return NGX_OK;
            }

            return ngx_http_llmbroker_mock_refuse(ctx, 405, NULL, NULL,
                                              "Not allowed to %V on %V.",
                                              &r->method_name, uri);
        }
    }

    p = ngx_strlcasestrn(uri->data, uri->data + uri->len, (u_char *) models,
                         sizeof(models) - 2);

    if (p && r->method == NGX_HTTP_GET) {
        ctx->call = NGX_HTTP_LLMBROKER_MOCK_MODELS;
        ctx->id.data = p + sizeof(models) - 1;
        ctx->id.len = uri->data + uri->len - ctx->id.data;

        return NGX_OK;
    }

    if (ctx->version.len) {
        ctx->dialect = &ngx_http_llmbroker_mock_claude;

    } else if (ngx_strlcasestrn(uri->data, uri->data + uri->len,
                                (u_char *) services, sizeof(services) - 2))
    {
        ctx->dialect = &ngx_http_llmbroker_mock_qwen;
    }

    return ngx_http_llmbroker_mock_refuse(ctx, 404, "unknown_url", NULL,
                                          "Invalid URL (%V %V)",
                                          &r->method_name, uri);
}


/* several dialects have a list there: the headers tell whose is wanted */

static void
ngx_http_llmbroker_mock_route_models(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    if (ctx->version.len) {
        ctx->dialect = &ngx_http_llmbroker_mock_claude;

    } else if (ctx->goog_key.len) {
        ctx->dialect = &ngx_http_llmbroker_mock_gemini;
    }
}


static void
ngx_http_llmbroker_mock_body_handler(ngx_http_request_t *r)
{
    ngx_int_t                       rc;
    ngx_http_llmbroker_mock_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_llmbroker_mock_module);

    rc = NGX_OK;

    if (ctx->status == 0) {
        rc = ngx_http_llmbroker_mock_read(ctx);
    }

    if (rc == NGX_ERROR || ngx_http_llmbroker_mock_decide(ctx) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_http_llmbroker_mock_send(ctx);
}


static ngx_int_t
ngx_http_llmbroker_mock_read(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_int_t   rc;
    ngx_uint_t  text;

    text = (ctx->call == NGX_HTTP_LLMBROKER_MOCK_CHAT
            || ctx->call == NGX_HTTP_LLMBROKER_MOCK_COMPLETIONS);

    if (text && ctx->knobs->fixed) {

        rc = ngx_http_llmbroker_mock_read_body(ctx,
                                       ctx->knobs->echo_request
                                           ? NGX_HTTP_LLMBROKER_MOCK_BODY
                                           : NGX_HTTP_LLMBROKER_MOCK_HEAD);
        if (rc != NGX_OK) {
            return rc;
        }

        ngx_http_llmbroker_mock_read_fixed(ctx);

        return ngx_http_llmbroker_mock_compose(ctx);
    }

    rc = ngx_http_llmbroker_mock_read_body(ctx, NGX_HTTP_LLMBROKER_MOCK_BODY);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ctx->dialect->read(ctx);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ctx->prompt_words == 0) {
        ctx->prompt_words = 1;
    }

    if (!text) {
        return NGX_OK;
    }

    return ngx_http_llmbroker_mock_compose(ctx);
}


/* The body, or its first "max" bytes, in one piece. */

static ngx_int_t
ngx_http_llmbroker_mock_read_body(ngx_http_llmbroker_mock_ctx_t *ctx,
    off_t max)
{
    u_char               *p;
    off_t                 size;
    size_t                n;
    ssize_t               got;
    ngx_buf_t            *b;
    ngx_chain_t          *cl, *bufs;
    ngx_http_request_t   *r;

    r = ctx->request;

    bufs = r->request_body ? r->request_body->bufs : NULL;

    if (bufs && bufs->next == NULL && ngx_buf_in_memory(bufs->buf)) {
        ctx->body.data = bufs->buf->pos;
        ctx->body.len = bufs->buf->last - bufs->buf->pos;
        return NGX_OK;
    }

    for (cl = bufs, size = 0; cl; cl = cl->next) {
        size += ngx_buf_size(cl->buf);
    }

    if (size > NGX_HTTP_LLMBROKER_MOCK_BODY) {
        return ngx_http_llmbroker_mock_refuse(ctx, 413, NULL, NULL,
                                              "Request too large.");
    }

    size = ngx_min(size, max);

    p = ngx_pnalloc(ctx->pool, size + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ctx->body.data = p;
    ctx->body.len = size;

    for (cl = bufs; cl && size; cl = cl->next) {
        b = cl->buf;
        n = (size_t) ngx_min(ngx_buf_size(b), size);

        if (ngx_buf_in_memory(b)) {
            p = ngx_cpymem(p, b->pos, n);

        } else {
            got = ngx_read_file(b->file, p, n, b->file_pos);

            if (got != (ssize_t) n) {
                return NGX_ERROR;
            }

            p += n;
        }

        size -= n;
    }

    return NGX_OK;
}


/* Looks for a streamed request without reading it. */

static void
ngx_http_llmbroker_mock_read_fixed(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    u_char  *p, *last;

    static u_char     stream[] = "\"stream\":";
    static ngx_str_t  model = ngx_string("\"mock\"");

    ctx->model = model;
    ctx->prompt_words = 10;
    ctx->usage = 1;

    if (ctx->dialect == &ngx_http_llmbroker_mock_qwen) {
        ctx->stream = (ctx->sse.len != 0);
        return;
    }

    if (ctx->dialect == &ngx_http_llmbroker_mock_gemini) {
        ctx->stream = ngx_http_llmbroker_mock_gemini_streams(ctx);
        return;
    }

    if (ctx->dialect == &ngx_http_llmbroker_mock_bedrock) {
        ctx->stream = ngx_http_llmbroker_mock_bedrock_streams(ctx);
        return;
    }

    last = ctx->body.data + ngx_min(ctx->body.len,
                                    NGX_HTTP_LLMBROKER_MOCK_HEAD);

    p = memmem(ctx->body.data, last - ctx->body.data, stream,
               sizeof(stream) - 1);

    if (p == NULL) {
        return;
    }

    p += sizeof(stream) - 1;

    while (p < last && *p == ' ') {
        p++;
    }

    ctx->stream = (last - p >= 4 && ngx_memcmp(p, "true", 4) == 0);
}


static ngx_int_t
ngx_http_llmbroker_mock_decide(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_http_llmbroker_mock_knobs_t  *k;

    k = ctx->knobs;

    if (k->json) {
        ctx->stream = 0;
    }

    if (k->sse && ctx->ntexts && !ctx->stream) {
        ctx->stream = 1;
        ctx->usage = 1;
    }

    /* what is wrong with a request must be seen, whatever is simulated */

    if (ctx->status == 0 && k->status >= NGX_HTTP_SPECIAL_RESPONSE) {
        return ngx_http_llmbroker_mock_decide_error(ctx);
    }

    if (ctx->status) {
        ctx->stream = 0;
        ctx->dialect->error(ctx, 0);
        ctx->frame.before = ngx_http_llmbroker_mock_str(&ctx->head);

        return ctx->head.failed ? NGX_ERROR : NGX_OK;
    }

    ctx->status = (k->status == -1) ? NGX_HTTP_OK : (ngx_uint_t) k->status;

    if (k->empty) {
        ctx->stream = 0;
        return NGX_OK;
    }

    if (k->body.len) {
        ctx->frame.before = k->body;
        ctx->stage = NGX_HTTP_LLMBROKER_MOCK_AT_END;
        return NGX_OK;
    }

    if (ctx->stream) {
        return NGX_OK;
    }

    if (ctx->dialect->answer(ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    if (k->malformed) {
        ngx_http_llmbroker_mock_break(ctx);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_mock_decide_error(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_http_llmbroker_mock_knobs_t   *k;
    ngx_http_llmbroker_mock_string_t   s;

    k = ctx->knobs;

    ctx->stream = 0;
    ctx->status = k->status;

    if (k->empty) {
        return NGX_OK;
    }

    if (k->body.len) {
        ctx->frame.before = k->body;
        return NGX_OK;
    }

    ngx_memzero(&s, sizeof(ngx_http_llmbroker_mock_string_t));
    s.pool = ctx->pool;

    if (k->echo_request) {
        ngx_http_llmbroker_mock_echo(ctx, &s);

    } else {
        ngx_http_llmbroker_mock_printf(&s, "mock error %ui", ctx->status);
    }

    ctx->message = ngx_http_llmbroker_mock_str(&s);

    ctx->dialect->error(ctx, 0);
    ctx->frame.before = ngx_http_llmbroker_mock_str(&ctx->head);

    return (s.failed || ctx->head.failed) ? NGX_ERROR : NGX_OK;
}


/* The last brace of a JSON answer becomes a bracket. */

static void
ngx_http_llmbroker_mock_break(ngx_http_llmbroker_mock_ctx_t *ctx)
{
    ngx_str_t  *part;

    part = ctx->frame.after.len ? &ctx->frame.after : &ctx->frame.before;

    part->data[part->len - 1] = ']';
}


static void *
ngx_http_llmbroker_mock_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_llmbroker_mock_loc_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_llmbroker_mock_loc_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     conf->seen = 0;
     *     conf->enable = 0;
     */

    ngx_http_llmbroker_mock_knobs_init(&conf->knobs);
    ngx_http_llmbroker_mock_knobs_init(&conf->plain);

    return conf;
}


static char *
ngx_http_llmbroker_mock(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llmbroker_mock_loc_conf_t *mlcf = conf;

    u_char                    *p, *last;
    ngx_str_t                 *value, name, arg;
    ngx_uint_t                 i;
    ngx_http_core_loc_conf_t  *clcf;

    if (mlcf->enable) {
        return "is duplicate";
    }

    mlcf->enable = 1;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        last = value[i].data + value[i].len;
        p = ngx_strlchr(value[i].data, last, '=');

        if (p == NULL) {
            goto invalid;
        }

        name.data = value[i].data;
        name.len = p - name.data;

        arg.data = p + 1;
        arg.len = last - arg.data;

        if (ngx_http_llmbroker_mock_knob(&mlcf->knobs, &name, &arg)
            != NGX_OK)
        {
            goto invalid;
        }
    }

    mlcf->plain.script = mlcf->knobs.script;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_llmbroker_mock_handler;

    return NGX_CONF_OK;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" of \"%V\"",
                       &value[i], &cmd->name);

    return NGX_CONF_ERROR;
}
