
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "request/ngx_http_llmbroker_send.h"


ngx_int_t
ngx_http_llmbroker_send(ngx_http_request_t *r, ngx_uint_t status,
    const char *type, ngx_chain_t *cl, off_t length)
{
    ngx_int_t  rc;

    r->headers_out.status = status;
    r->headers_out.content_length_n = length;
    r->headers_out.content_type.data = (u_char *) type;
    r->headers_out.content_type.len = ngx_strlen(type);
    r->headers_out.content_type_len = strcspn(type, ";");
    r->headers_out.content_type_lowcase = NULL;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_llmbroker_send_last(r, cl);
}


ngx_int_t
ngx_http_llmbroker_send_json(ngx_http_request_t *r, ngx_uint_t status,
    ngx_chain_t *cl, off_t length)
{
    return ngx_http_llmbroker_send(r, status, "application/json", cl, length);
}


ngx_int_t
ngx_http_llmbroker_send_last(ngx_http_request_t *r, ngx_chain_t *cl)
{
    if (cl == NULL) {
        return ngx_http_send_special(r, NGX_HTTP_LAST);
    }

    ngx_http_llmbroker_mark_last(cl);

    return ngx_http_output_filter(r, cl);
}


void
ngx_http_llmbroker_mark_last(ngx_chain_t *cl)
{
    while (cl->next) {
        cl = cl->next;
    }

    cl->buf->last_buf = 1;
    cl->buf->last_in_chain = 1;
}
