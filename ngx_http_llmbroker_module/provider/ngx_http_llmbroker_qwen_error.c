
/*
 * Copyright (C) LLMBroker contributors
 *
 * DashScope's error codes (wire format section 6.3).
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_fault.h"
#include "provider/ngx_http_llmbroker_meaning.h"
#include "provider/ngx_http_llmbroker_qwen.h"


typedef struct {
    const char                      *prefix;
    ngx_uint_t                       status;
    ngx_str_t                        type;
    ngx_str_t                        code;
} ngx_http_llmbroker_qwen_code_t;


static void ngx_http_llmbroker_qwen_read(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t status, ngx_http_llmbroker_json_t *root, ngx_str_t *text);
static const ngx_http_llmbroker_qwen_code_t *ngx_http_llmbroker_qwen_code(
    ngx_str_t *code);


#define NGX_HTTP_LLMBROKER_QWEN_QUOTA                                        \
    ngx_string("insufficient_quota"), ngx_string("insufficient_quota")


/* the first prefix that fits; what is in no row keeps its status */

static const ngx_http_llmbroker_qwen_code_t
    ngx_http_llmbroker_qwen_codes[] =
{
    { "DataInspectionFailed", 400,
      ngx_null_string, ngx_string("content_filter") },
    { "data_inspection_failed", 400,
      ngx_null_string, ngx_string("content_filter") },
    { "Arrearage", 429, NGX_HTTP_LLMBROKER_QWEN_QUOTA },
    { "PrepaidBillOverdue", 429, NGX_HTTP_LLMBROKER_QWEN_QUOTA },
    { "PostpaidBillOverdue", 429, NGX_HTTP_LLMBROKER_QWEN_QUOTA },
    { "CommodityNotPurchased", 429, NGX_HTTP_LLMBROKER_QWEN_QUOTA },
    { "insufficient_quota", 429, NGX_HTTP_LLMBROKER_QWEN_QUOTA },
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
    { "RequestTimeOut", 408, ngx_null_string, ngx_null_string },
    { "Conflict", 409, ngx_null_string, ngx_null_string },
    { "Throttling", 429, ngx_null_string, ngx_null_string },
    { "LimitRequests", 429, ngx_null_string, ngx_null_string },
    { "limit_requests", 429, ngx_null_string, ngx_null_string },
    { "InternalError", 500, ngx_null_string, ngx_null_string },
    { "internal_error", 500, ngx_null_string, ngx_null_string },
    { "SystemError", 500, ngx_null_string, ngx_null_string },
    { "ModelUnavailable", 503, ngx_null_string, ngx_null_string },
    { "ModelServingError", 503, ngx_null_string, ngx_null_string },
    { NULL, 0, ngx_null_string, ngx_null_string }
};


void
ngx_http_llmbroker_qwen_error(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t status, ngx_http_llmbroker_json_t *root, ngx_str_t *text)
{
    ngx_http_llmbroker_qwen_read(ex, status, root, text);
}


/* N8; what has no known code tells its status, or is the provider's fault */

ngx_int_t
ngx_http_llmbroker_qwen_failed(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *root, ngx_uint_t told)
{
    ngx_int_t                   status;
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get(root, "status_code");
    status = ngx_http_llmbroker_json_int(v, told);

    if (status < 400 || status > 599) {
        v = ngx_http_llmbroker_json_get(root, "code");
        status = ngx_http_llmbroker_json_inner(v).len ? 500 : 0;
    }

    ngx_http_llmbroker_qwen_read(ex, status, root, NULL);

    return NGX_DECLINED;
}


static void
ngx_http_llmbroker_qwen_read(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t status, ngx_http_llmbroker_json_t *root, ngx_str_t *text)
{
    ngx_http_llmbroker_fault_t            *fault;
    const ngx_http_llmbroker_qwen_code_t  *row;

    ngx_http_llmbroker_fault_read(ex, status, root, text);

    fault = &ex->fault;

    row = ngx_http_llmbroker_qwen_code(&fault->code);

    if (row->prefix == NULL && fault->status == 0) {
        fault->status = ngx_http_llmbroker_fault_status(fault);
    }

    if (row->prefix) {
        fault->status = row->status;
    }

    fault->type = row->type;
    fault->code = row->code;
    ngx_str_null(&fault->param);

    if (fault->status == 400
        && ngx_http_llmbroker_fault_says(fault, "model not exist"))
    {
        fault->status = 404;
    }

    if (fault->status == 400 && fault->code.len == 0
        && ngx_http_llmbroker_means_context(&fault->code, &fault->message))
    {
        ngx_str_set(&fault->code, "context_length_exceeded");
    }
}


/* the last row is empty */

static const ngx_http_llmbroker_qwen_code_t *
ngx_http_llmbroker_qwen_code(ngx_str_t *code)
{
    size_t                                 len;
    const ngx_http_llmbroker_qwen_code_t  *row;

    for (row = ngx_http_llmbroker_qwen_codes; row->prefix; row++) {
        len = ngx_strlen(row->prefix);

        if (code->len >= len
            && ngx_memcmp(code->data, row->prefix, len) == 0)
        {
            break;
        }
    }

    return row;
}
