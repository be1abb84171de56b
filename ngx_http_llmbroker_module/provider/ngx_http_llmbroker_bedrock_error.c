
/*
 * Copyright (C) LLMBroker contributors
 *
 * How Amazon Bedrock fails: an HTTP status, a name in a header and a message,
 * or the name and the message of an exception within a stream.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_bedrock.h"
#include "provider/ngx_http_llmbroker_fault.h"
#include "provider/ngx_http_llmbroker_meaning.h"


typedef struct {
    const char                      *name;
    ngx_uint_t                       status;
} ngx_http_llmbroker_bedrock_error_t;


static ngx_str_t ngx_http_llmbroker_bedrock_type(
    ngx_http_llmbroker_json_t *root);
static ngx_uint_t ngx_http_llmbroker_bedrock_status(ngx_str_t *name);
static ngx_uint_t ngx_http_llmbroker_bedrock_says(
    ngx_http_llmbroker_fault_t *fault, const char * const *texts);


/* names of exceptions without this word at their end; 401 is our key's */

static const ngx_http_llmbroker_bedrock_error_t
    ngx_http_llmbroker_bedrock_errors[] =
{
    { "Validation", 400 },
    { "UnrecognizedClient", 401 },
    { "ExpiredToken", 401 },
    { "InvalidSignature", 401 },
    { "IncompleteSignature", 401 },
    { "InvalidClientTokenId", 401 },
    { "MissingAuthenticationToken", 401 },
    { "SignatureDoesNotMatch", 401 },
    { "AccessDenied", 403 },
    { "ResourceNotFound", 404 },
    { "Conflict", 409 },
    { "Throttling", 429 },
    { "TooManyRequests", 429 },
    { "ServiceQuotaExceeded", 429 },
    { "ModelNotReady", 429 },
    { "InternalServer", 500 },
    { "InternalFailure", 500 },
    { "ModelError", 500 },
    { "ModelStreamError", 500 },
    { "ServiceUnavailable", 503 },
    { "ModelTimeout", 504 },
    { NULL, 0 }
};


/* of a 403 whose name says less: a key that is not, or no longer, good */

static const char * const  ngx_http_llmbroker_bedrock_rejected[] = {
    "security token included in the request",
    "signature we calculated does not match",
    "signature expired",
    "signature not yet current",
    "api key is valid",
    "authentication failed",
    "bearer token has expired",
    "missing authentication token",
    NULL
};


/* "NAME:http://..." is what an error is; the request's id has another name */

ngx_int_t
ngx_http_llmbroker_bedrock_header(ngx_http_llmbroker_exchange_t *ex,
    ngx_str_t *name, ngx_str_t *value)
{
    u_char                        *p;
    ngx_str_t                      error;
    ngx_http_llmbroker_bedrock_t  *b;

    static ngx_str_t  type = ngx_string("x-amzn-errortype");
    static ngx_str_t  id = ngx_string("x-amzn-requestid");

    if (name->len == id.len && ngx_memcmp(name->data, id.data, id.len) == 0) {
        ngx_str_set(name, "x-request-id");
        return NGX_OK;
    }

    if (name->len != type.len
        || ngx_memcmp(name->data, type.data, type.len) != 0)
    {
        return NGX_DECLINED;
    }

    b = ngx_http_llmbroker_bedrock_state(ex);
    if (b == NULL) {
        return NGX_ERROR;
    }

    error = *value;
    p = ngx_strlchr(error.data, error.data + error.len, ':');

    if (p) {
        error.len = p - error.data;
    }

    b->error.data = ngx_pstrdup(ex->pool, &error);
    if (b->error.data == NULL) {
        return NGX_ERROR;
    }

    b->error.len = error.len;

    return NGX_DECLINED;
}


void
ngx_http_llmbroker_bedrock_error(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t status, ngx_http_llmbroker_json_t *root, ngx_str_t *text)
{
    ngx_str_t                      name;
    ngx_http_llmbroker_bedrock_t  *b;

    b = ex->state;

    if (b && b->error.len) {
        name = b->error;

    } else {
        name = ngx_http_llmbroker_bedrock_type(root);
    }

    ngx_http_llmbroker_bedrock_fault(ex, status, name, root, text);
}


/*
 * An HTTP status is AWS's own word and holds, but it is 403 for keys that are
 * not good and 400 for a quota; an event's exception has its name only.
 */

void
ngx_http_llmbroker_bedrock_fault(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t status, ngx_str_t name, ngx_http_llmbroker_json_t *root,
    ngx_str_t *text)
{
    ngx_str_t                    message;
    ngx_uint_t                   named;
    ngx_http_llmbroker_json_t   *v;
    ngx_http_llmbroker_fault_t  *fault;

    ngx_http_llmbroker_fault_read(ex, status, root, text);

    fault = &ex->fault;

    ngx_str_null(&fault->type);
    ngx_str_null(&fault->code);
    ngx_str_null(&fault->param);

    v = ngx_http_llmbroker_json_get(root, "Message");

    if (ngx_http_llmbroker_json_string(ex->pool, v, &message) == NGX_OK) {
        (void) ngx_http_llmbroker_fault_copy(ex, &fault->message, &message);
    }

    named = ngx_http_llmbroker_bedrock_status(&name);

    if (status == 0) {
        fault->status = (named || name.len == 0) ? named : 500;

    } else if ((status == 403 && named == 401)
               || (status == 400 && named == 429))
    {
        fault->status = named;
    }

    if (fault->status == 403
        && ngx_http_llmbroker_bedrock_says(fault,
                                        ngx_http_llmbroker_bedrock_rejected))
    {
        fault->status = 401;
    }

    if (fault->status != 400) {
        return;
    }

    if (ngx_http_llmbroker_means_context(&fault->code, &fault->message)) {
        ngx_str_set(&fault->code, "context_length_exceeded");

    } else if (ngx_http_llmbroker_fault_says(fault,
                                             "model identifier is invalid"))
    {
        ngx_str_set(&fault->code, "model_not_found");
    }
}


/* "__type" of a body: "com.amazon.coral.service#NAME", or NAME */

static ngx_str_t
ngx_http_llmbroker_bedrock_type(ngx_http_llmbroker_json_t *root)
{
    u_char                     *p;
    ngx_str_t                   name;
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get(root, "__type");
    name = ngx_http_llmbroker_json_inner(v);

    p = ngx_strlchr(name.data, name.data + name.len, '#');

    if (p) {
        name.len -= p + 1 - name.data;
        name.data = p + 1;
    }

    return name;
}


/* 0 when the name is unknown; an event's begins with a small letter */

static ngx_uint_t
ngx_http_llmbroker_bedrock_status(ngx_str_t *name)
{
    size_t                                     len, end;
    const ngx_http_llmbroker_bedrock_error_t  *e;

    len = name->len;
    end = sizeof("Exception") - 1;

    if (len > end
        && ngx_strncasecmp(name->data + len - end, (u_char *) "Exception", end)
           == 0)
    {
        len -= end;
    }

    for (e = ngx_http_llmbroker_bedrock_errors; e->name; e++) {

        if (ngx_strlen(e->name) == len
            && ngx_strncasecmp(name->data, (u_char *) e->name, len) == 0)
        {
            return e->status;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_llmbroker_bedrock_says(ngx_http_llmbroker_fault_t *fault,
    const char * const *texts)
{
    for ( /* void */ ; *texts; texts++) {
        if (ngx_http_llmbroker_fault_says(fault, *texts)) {
            return 1;
        }
    }

    return 0;
}
