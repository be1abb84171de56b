
/*
 * Copyright (C) LLMBroker contributors
 *
 * DashScope's native text generation (Alibaba Model Studio, read in 2026-07).
 * A request is {"model", "input", "parameters"}; an answer has OpenAI's
 * choices under "output".  A stream is asked for by a header, its frames are
 * increments with the usage so far, and it ends with the connection (N1-N9 of
 * the wire format, section 6.3).  The compatible mode is OpenAI's dialect.
 * Requests: ..._qwen_request.c.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_answer.h"
#include "provider/ngx_http_llmbroker_fault.h"
#include "provider/ngx_http_llmbroker_qwen.h"
#include "provider/ngx_http_llmbroker_text.h"


#define NGX_HTTP_LLMBROKER_QWEN_PATH                                         \
    "/services/aigc/text-generation/generation"

#define NGX_HTTP_LLMBROKER_QWEN_TOOLS  512
#define NGX_HTTP_LLMBROKER_QWEN_NAME   4096


/* a tool call of a stream; it is told when its name is whole (N5) */
typedef struct {
    ngx_int_t                        index;    /* the provider's */
    ngx_str_t                        id;       /* inner */
    ngx_http_llmbroker_text_t        name;     /* inner */
} ngx_http_llmbroker_qwen_tool_t;


typedef struct {
    ngx_array_t                      tools;    /* of qwen_tool_t */
    ngx_uint_t                       told;     /* of tools */
    ngx_int_t                        output;   /* tokens so far */
} ngx_http_llmbroker_qwen_choice_t;


typedef struct {
    ngx_array_t                      choices;  /* of qwen_choice_t */
} ngx_http_llmbroker_qwen_t;


typedef struct {
    const char                      *prefix;
    ngx_uint_t                       status;
    ngx_str_t                        type;
    ngx_str_t                        code;
} ngx_http_llmbroker_qwen_code_t;


static ngx_int_t ngx_http_llmbroker_qwen_configure(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target);

static ngx_int_t ngx_http_llmbroker_qwen_response(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_t *root);
static ngx_int_t ngx_http_llmbroker_qwen_event(
    ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_sse_event_t *event);
static ngx_int_t ngx_http_llmbroker_qwen_end(
    ngx_http_llmbroker_exchange_t *ex);
static void ngx_http_llmbroker_qwen_error(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t status, ngx_http_llmbroker_json_t *root, ngx_str_t *text);
static ngx_int_t ngx_http_llmbroker_qwen_frame(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_t *root,
    ngx_uint_t whole);
static ngx_int_t ngx_http_llmbroker_qwen_start(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_t *root);
static ngx_int_t ngx_http_llmbroker_qwen_choice(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_http_llmbroker_qwen_choice_t **choice);
static ngx_int_t ngx_http_llmbroker_qwen_piece(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_http_llmbroker_json_t *message);
static ngx_int_t ngx_http_llmbroker_qwen_content(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_http_llmbroker_json_t *content);
static ngx_int_t ngx_http_llmbroker_qwen_call(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n, ngx_int_t index,
    ngx_http_llmbroker_json_t *call);
static ngx_int_t ngx_http_llmbroker_qwen_tool(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_qwen_choice_t *c,
    ngx_int_t index, ngx_uint_t *i);
static ngx_int_t ngx_http_llmbroker_qwen_tell(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_http_llmbroker_qwen_choice_t *c, ngx_uint_t last);
static ngx_int_t ngx_http_llmbroker_qwen_finish(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_http_llmbroker_json_t *reason, ngx_uint_t whole);
static ngx_int_t ngx_http_llmbroker_qwen_usage(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_t *root,
    ngx_http_llmbroker_json_t *choices);
static void ngx_http_llmbroker_qwen_fault(ngx_http_llmbroker_fault_t *fault);


const ngx_http_llmbroker_dialect_t  ngx_http_llmbroker_qwen = {
    ngx_string("qwen"),
    0,
    1 << NGX_HTTP_LLMBROKER_CHAT | 1 << NGX_HTTP_LLMBROKER_COMPLETIONS,
    0,
    ngx_http_llmbroker_qwen_configure,
    ngx_http_llmbroker_qwen_build,
    NULL,
    ngx_http_llmbroker_qwen_response,
    ngx_http_llmbroker_qwen_event,
    ngx_http_llmbroker_qwen_end,
    ngx_http_llmbroker_qwen_error,
    NULL,
    NULL
};


/* the first prefix that fits; what is in no row keeps its status */

static const ngx_http_llmbroker_qwen_code_t
    ngx_http_llmbroker_qwen_codes[] =
{
    { "DataInspectionFailed", 400,
      ngx_null_string, ngx_string("content_filter") },
    { "data_inspection_failed", 400,
      ngx_null_string, ngx_string("content_filter") },
    { "Arrearage", 429,
      ngx_string("insufficient_quota"), ngx_string("insufficient_quota") },
    { "InvalidParameter", 400, ngx_null_string, ngx_null_string },
    { "invalid_parameter_error", 400, ngx_null_string, ngx_null_string },
    { "BadRequest.TooLarge", 413, ngx_null_string, ngx_null_string },
    { "BadRequest", 400, ngx_null_string, ngx_null_string },
    { "InvalidURL", 400, ngx_null_string, ngx_null_string },
    { "UnsupportedOperation", 400, ngx_null_string, ngx_null_string },
    { "ModelNotFound", 404, ngx_null_string, ngx_null_string },
    { "model_not_found", 404, ngx_null_string, ngx_null_string },
    { "WorkSpaceNotFound", 404, ngx_null_string, ngx_null_string },
    { "InvalidApiKey", 401, ngx_null_string, ngx_null_string },
    { "invalid_api_key", 401, ngx_null_string, ngx_null_string },
    { "AccessDenied", 403, ngx_null_string, ngx_null_string },
    { "Model.AccessDenied", 403, ngx_null_string, ngx_null_string },
    { "RequestTimeOut", 504, ngx_null_string, ngx_null_string },
    { "Conflict", 409, ngx_null_string, ngx_null_string },
    { "Throttling", 429, ngx_null_string, ngx_null_string },
    { "LimitRequests", 429, ngx_null_string, ngx_null_string },
    { "limit_requests", 429, ngx_null_string, ngx_null_string },
    { "InternalError", 500, ngx_null_string, ngx_null_string },
    { "SystemError", 500, ngx_null_string, ngx_null_string },
    { "ModelUnavailable", 503, ngx_null_string, ngx_null_string },
    { "ModelServingError", 503, ngx_null_string, ngx_null_string },
    { NULL, 0, ngx_null_string, ngx_null_string }
};


static ngx_int_t
ngx_http_llmbroker_qwen_configure(ngx_pool_t *pool,
    ngx_http_llmbroker_target_t *target)
{
    ngx_str_t  streamed;

    if (ngx_http_llmbroker_target_path(pool, target, NGX_HTTP_LLMBROKER_CHAT,
                                       NGX_HTTP_LLMBROKER_QWEN_PATH)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_llmbroker_target_path(pool, target,
                                       NGX_HTTP_LLMBROKER_COMPLETIONS,
                                       NGX_HTTP_LLMBROKER_QWEN_PATH)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_llmbroker_target_headers(pool, target,
                                          "Authorization: Bearer ",
                                          "X-DashScope-SSE: enable" CRLF)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    streamed = target->headers[1];

    if (ngx_http_llmbroker_target_headers(pool, target,
                                          "Authorization: Bearer ", "")
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    target->headers[1] = streamed;

    return ngx_http_llmbroker_target_model(pool, target);
}


static ngx_int_t
ngx_http_llmbroker_qwen_response(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *root)
{
    ngx_int_t  rc;

    rc = ngx_http_llmbroker_qwen_frame(ex, root, 1);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_llmbroker_answer_complete(ex)) {
        return ngx_http_llmbroker_answer_end(ex);
    }

    return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                           "The provider's answer has no \"choices\".");
}


static ngx_int_t
ngx_http_llmbroker_qwen_event(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_sse_event_t *event)
{
    ngx_int_t                   rc;
    ngx_http_llmbroker_json_t  *root;

    if (ex->done) {
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_json_parse(ex->temp, event->data.data,
                                       event->data.len, &root);

    if (rc == NGX_DECLINED) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                          "The provider sent an event that is not JSON.");
    }

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llmbroker_qwen_frame(ex, root, 0);
}


/* N1 */

static ngx_int_t
ngx_http_llmbroker_qwen_end(ngx_http_llmbroker_exchange_t *ex)
{
    if (ngx_http_llmbroker_answer_complete(ex)) {
        return ngx_http_llmbroker_answer_end(ex);
    }

    return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                           "The provider ended the stream before the answer "
                           "was complete.");
}


static void
ngx_http_llmbroker_qwen_error(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t status, ngx_http_llmbroker_json_t *root, ngx_str_t *text)
{
    ngx_http_llmbroker_fault_read(ex, status, root, text);
    ngx_http_llmbroker_qwen_fault(&ex->fault);
}


/* an answer, or a part of it */

static ngx_int_t
ngx_http_llmbroker_qwen_frame(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *root, ngx_uint_t whole)
{
    ngx_int_t                   rc;
    ngx_uint_t                  n, position;
    ngx_http_llmbroker_json_t  *output, *choices, *choice, *v;

    output = ngx_http_llmbroker_json_get_type(root, "output",
                                              NGX_HTTP_LLMBROKER_JSON_OBJECT);

    /* N8; a code comes with 200 where the stream has begun */

    if (output == NULL) {

        ngx_http_llmbroker_fault_read(ex, 0, root, NULL);

        if (ex->fault.code.len) {
            ex->fault.status = 500;
        }

        ngx_http_llmbroker_qwen_fault(&ex->fault);

        return NGX_DECLINED;
    }

    if (ngx_http_llmbroker_qwen_start(ex, root) != NGX_OK) {
        return NGX_ERROR;
    }

    choices = ngx_http_llmbroker_json_get_type(output, "choices",
                                               NGX_HTTP_LLMBROKER_JSON_ARRAY);

    rc = ngx_http_llmbroker_qwen_usage(ex, root, choices);
    if (rc != NGX_OK) {
        return rc;
    }

    /* the older form: one text */

    if (choices == NULL) {
        v = ngx_http_llmbroker_json_get(output, "text");

        if (v == NULL) {
            return NGX_OK;
        }

        rc = ngx_http_llmbroker_qwen_content(ex, 0, v);
        if (rc != NGX_OK) {
            return rc;
        }

        v = ngx_http_llmbroker_json_get(output, "finish_reason");
        return ngx_http_llmbroker_qwen_finish(ex, 0, v, whole);
    }

    choice = choices->child;

    for (position = 0; choice; choice = choice->next, position++) {

        v = ngx_http_llmbroker_json_get(choice, "index");
        n = ngx_http_llmbroker_json_int(v, position);

        v = ngx_http_llmbroker_json_get(choice, "message");

        rc = ngx_http_llmbroker_qwen_piece(ex, n, v);
        if (rc != NGX_OK) {
            return rc;
        }

        v = ngx_http_llmbroker_json_get(choice, "finish_reason");

        rc = ngx_http_llmbroker_qwen_finish(ex, n, v, whole);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_qwen_start(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *root)
{
    u_char                     *p;
    ngx_str_t                   id, name;
    ngx_http_llmbroker_json_t  *v;
    ngx_http_llmbroker_qwen_t  *q;

    if (ex->state) {
        return NGX_OK;
    }

    q = ngx_pcalloc(ex->pool, sizeof(ngx_http_llmbroker_qwen_t));
    if (q == NULL) {
        return NGX_ERROR;
    }

    if (ngx_array_init(&q->choices, ex->pool, 1,
                       sizeof(ngx_http_llmbroker_qwen_choice_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ex->state = q;

    v = ngx_http_llmbroker_json_get(root, "request_id");
    id = ngx_http_llmbroker_json_inner(v);

    if (id.len == 0) {
        return ngx_http_llmbroker_answer_start(ex, NULL, NULL, NULL);
    }

    name.data = ngx_pnalloc(ex->pool, sizeof("chatcmpl-") + id.len);
    if (name.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(name.data, "%s%V",
                    ex->call == NGX_HTTP_LLMBROKER_COMPLETIONS
                    ? "cmpl-" : "chatcmpl-",
                    &id);

    name.len = p - name.data;

    return ngx_http_llmbroker_answer_start(ex, &name, NULL, NULL);
}


static ngx_int_t
ngx_http_llmbroker_qwen_choice(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_qwen_choice_t **choice)
{
    ngx_http_llmbroker_qwen_t         *q;
    ngx_http_llmbroker_qwen_choice_t  *c;

    q = ex->state;

    if (n >= NGX_HTTP_LLMBROKER_ANSWER_CHOICES) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider answered with too many "
                               "choices.");
    }

    while (n >= q->choices.nelts) {

        c = ngx_array_push(&q->choices);
        if (c == NULL) {
            return NGX_ERROR;
        }

        if (ngx_array_init(&c->tools, ex->pool, 1,
                           sizeof(ngx_http_llmbroker_qwen_tool_t))
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        c->told = 0;
        c->output = -1;
    }

    c = q->choices.elts;
    *choice = &c[n];

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_qwen_piece(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_json_t *message)
{
    ngx_int_t                   rc, index;
    ngx_str_t                   inner;
    ngx_uint_t                  position;
    ngx_http_llmbroker_json_t  *v, *call;

    v = ngx_http_llmbroker_json_get(message, "reasoning_content");
    inner = ngx_http_llmbroker_json_inner(v);

    if (inner.len) {
        rc = ngx_http_llmbroker_answer_reasoning(ex, n, &inner);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    v = ngx_http_llmbroker_json_get(message, "content");

    rc = ngx_http_llmbroker_qwen_content(ex, n, v);
    if (rc != NGX_OK) {
        return rc;
    }

    v = ngx_http_llmbroker_json_get(message, "tool_calls");
    call = v ? v->child : NULL;

    for (position = 0; call; call = call->next, position++) {

        v = ngx_http_llmbroker_json_get(call, "index");
        index = ngx_http_llmbroker_json_int(v, position);

        rc = ngx_http_llmbroker_qwen_call(ex, n, index, call);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/* a string; of multimodal models, parts of which those with text count */

static ngx_int_t
ngx_http_llmbroker_qwen_content(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_json_t *content)
{
    ngx_int_t                   rc;
    ngx_str_t                   inner;
    ngx_http_llmbroker_json_t  *part, *v;

    inner = ngx_http_llmbroker_json_inner(content);

    rc = ngx_http_llmbroker_answer_text(ex, n, &inner);
    if (rc != NGX_OK) {
        return rc;
    }

    for (part = content ? content->child : NULL; part; part = part->next) {
        v = ngx_http_llmbroker_json_get(part, "text");
        inner = ngx_http_llmbroker_json_inner(v);

        rc = ngx_http_llmbroker_answer_text(ex, n, &inner);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/* N5: id and name may come in pieces, and empty in what follows */

static ngx_int_t
ngx_http_llmbroker_qwen_call(ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_int_t index, ngx_http_llmbroker_json_t *call)
{
    ngx_int_t                          rc;
    ngx_str_t                          inner;
    ngx_uint_t                         i;
    ngx_http_llmbroker_json_t         *function, *v;
    ngx_http_llmbroker_qwen_tool_t    *tool;
    ngx_http_llmbroker_qwen_choice_t  *c;

    rc = ngx_http_llmbroker_qwen_choice(ex, n, &c);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llmbroker_qwen_tool(ex, c, index, &i);
    if (rc != NGX_OK) {
        return rc;
    }

    tool = c->tools.elts;
    tool += i;

    v = ngx_http_llmbroker_json_get(call, "id");
    inner = ngx_http_llmbroker_json_inner(v);

    if (tool->id.len == 0 && inner.len) {
        tool->id.data = ngx_pstrdup(ex->pool, &inner);
        if (tool->id.data == NULL) {
            return NGX_ERROR;
        }

        tool->id.len = inner.len;
    }

    function = ngx_http_llmbroker_json_get(call, "function");

    v = ngx_http_llmbroker_json_get(function, "name");
    inner = ngx_http_llmbroker_json_inner(v);

    if (i >= c->told
        && tool->name.len < NGX_HTTP_LLMBROKER_QWEN_NAME
        && ngx_http_llmbroker_text_append(ex->pool, &tool->name, inner.data,
                                          inner.len)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    v = ngx_http_llmbroker_json_get(function, "arguments");
    inner = ngx_http_llmbroker_json_inner(v);

    if (inner.len == 0) {
        return NGX_OK;
    }

    rc = ngx_http_llmbroker_qwen_tell(ex, n, c, i + 1);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llmbroker_answer_arguments(ex, n, i, &inner);
}


/* the place of the tool call that the provider counts as "index" */

static ngx_int_t
ngx_http_llmbroker_qwen_tool(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_qwen_choice_t *c, ngx_int_t index, ngx_uint_t *i)
{
    ngx_http_llmbroker_qwen_tool_t  *tool;

    tool = c->tools.elts;

    for (*i = 0; *i < c->tools.nelts; (*i)++) {

        if (tool[*i].index == index) {
            return NGX_OK;
        }
    }

    if (*i >= NGX_HTTP_LLMBROKER_QWEN_TOOLS) {
        return ngx_http_llmbroker_fault(ex, 0, NULL, NULL,
                               "The provider answered with too many tool "
                               "calls.");
    }

    tool = ngx_array_push(&c->tools);
    if (tool == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(tool, sizeof(ngx_http_llmbroker_qwen_tool_t));

    tool->index = index;

    return NGX_OK;
}


/* opens the tool calls before "last" that the client does not know yet */

static ngx_int_t
ngx_http_llmbroker_qwen_tell(ngx_http_llmbroker_exchange_t *ex, ngx_uint_t n,
    ngx_http_llmbroker_qwen_choice_t *c, ngx_uint_t last)
{
    ngx_int_t                        rc;
    ngx_str_t                        name;
    ngx_http_llmbroker_qwen_tool_t  *tool;

    tool = c->tools.elts;

    for ( /* void */ ; c->told < last; c->told++) {

        name.len = tool[c->told].name.len;
        name.data = tool[c->told].name.data;

        rc = ngx_http_llmbroker_answer_tool(ex, n, c->told,
                                            &tool[c->told].id, &name);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_qwen_finish(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t n, ngx_http_llmbroker_json_t *reason, ngx_uint_t whole)
{
    ngx_int_t                          rc;
    const char                        *finish;
    ngx_http_llmbroker_qwen_choice_t  *c;

    rc = ngx_http_llmbroker_qwen_choice(ex, n, &c);
    if (rc != NGX_OK) {
        return rc;
    }

    if (reason == NULL
        || reason->type != NGX_HTTP_LLMBROKER_JSON_STRING
        || ngx_http_llmbroker_json_is(reason, "null")
        || ngx_http_llmbroker_json_is(reason, ""))
    {
        if (!whole) {
            return NGX_OK;
        }

        finish = c->tools.nelts ? "tool_calls" : "stop";

    } else if (ngx_http_llmbroker_json_is(reason, "length")) {
        finish = "length";

    } else if (ngx_http_llmbroker_json_is(reason, "tool_calls")) {
        finish = "tool_calls";

    } else if (ngx_http_llmbroker_json_is(reason, "content_filter")) {
        finish = "content_filter";

    } else {
        finish = "stop";
    }

    rc = ngx_http_llmbroker_qwen_tell(ex, n, c, c->tools.nelts);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llmbroker_answer_finish(ex, n, finish);
}


/* N2, N7: counts so far, and of one choice where a frame has one of several */

static ngx_int_t
ngx_http_llmbroker_qwen_usage(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *root, ngx_http_llmbroker_json_t *choices)
{
    ngx_int_t                          rc, output;
    ngx_uint_t                         i;
    ngx_http_llmbroker_json_t         *usage, *v;
    ngx_http_llmbroker_qwen_t         *q;
    ngx_http_llmbroker_usage_t        *u;
    ngx_http_llmbroker_qwen_choice_t  *c;

    usage = ngx_http_llmbroker_json_get_type(root, "usage",
                                             NGX_HTTP_LLMBROKER_JSON_OBJECT);
    if (usage == NULL) {
        return NGX_OK;
    }

    u = &ex->usage;

    v = ngx_http_llmbroker_json_get(usage, "input_tokens");
    u->prompt = ngx_http_llmbroker_json_int(v, u->prompt);

    v = ngx_http_llmbroker_json_get(usage, "total_tokens");
    u->total = ngx_http_llmbroker_json_int(v, u->total);

    v = ngx_http_llmbroker_json_get(usage, "prompt_tokens_details");
    u->cached = ngx_http_llmbroker_json_int(
                               ngx_http_llmbroker_json_get(v, "cached_tokens"),
                               u->cached);
    u->cache_write = ngx_http_llmbroker_json_int(
                               ngx_http_llmbroker_json_get(v,
                                              "cache_creation_input_tokens"),
                               u->cache_write);

    v = ngx_http_llmbroker_json_get(usage, "output_tokens_details");
    u->reasoning = ngx_http_llmbroker_json_int(
                               ngx_http_llmbroker_json_get(v,
                                                        "reasoning_tokens"),
                               u->reasoning);

    v = ngx_http_llmbroker_json_get(usage, "output_tokens");
    output = ngx_http_llmbroker_json_int(v, u->completion);

    u->completion = output;

    if (choices == NULL || choices->n != 1) {
        return NGX_OK;
    }

    v = ngx_http_llmbroker_json_get(choices->child, "index");

    rc = ngx_http_llmbroker_qwen_choice(ex,
                                        ngx_http_llmbroker_json_int(v, 0), &c);
    if (rc != NGX_OK) {
        return rc;
    }

    c->output = output;

    q = ex->state;

    if (q->choices.nelts == 1) {
        return NGX_OK;
    }

    c = q->choices.elts;
    u->completion = 0;

    for (i = 0; i < q->choices.nelts; i++) {
        u->completion = ngx_http_llmbroker_sum(u->completion, c[i].output);
    }

    u->total = ngx_http_llmbroker_sum(u->prompt, u->completion);

    return NGX_OK;
}


static void
ngx_http_llmbroker_qwen_fault(ngx_http_llmbroker_fault_t *fault)
{
    size_t                                 len;
    ngx_str_t                              code;
    const ngx_http_llmbroker_qwen_code_t  *row;

    code = fault->code;

    ngx_str_null(&fault->type);
    ngx_str_null(&fault->code);
    ngx_str_null(&fault->param);

    for (row = ngx_http_llmbroker_qwen_codes; row->prefix; row++) {
        len = ngx_strlen(row->prefix);

        if (code.len >= len && ngx_memcmp(code.data, row->prefix, len) == 0) {
            fault->status = row->status;
            fault->type = row->type;
            fault->code = row->code;
            break;
        }
    }

    if (fault->status == 400
        && ngx_http_llmbroker_fault_says(fault, "model not exist"))
    {
        fault->status = 404;
    }
}
