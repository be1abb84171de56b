
/*
 * The module's configuration and the parts that its nginx side is made of.
 */


#ifndef _NGX_HTTP_LLMBROKER_MODULE_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_MODULE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "request/ngx_http_llmbroker_request.h"


typedef struct {
    ngx_http_llmbroker_shared_t      shared;
    ngx_shm_zone_t                  *zone;
    ngx_cycle_t                     *cycle;        /* of the configuration */
    ngx_uint_t                       generation;   /* of it, in the zone */
    ngx_int_t                        request_id;   /* variable's index */
    time_t                           created;      /* of this configuration */
    ngx_str_t                        models;       /* the list, JSON */
    unsigned                         used:1;       /* some location serves */

    /* of the first location that serves; NULL: there is none */
    ngx_resolver_t                  *resolver;
    ngx_msec_t                       resolver_timeout;
} ngx_http_llmbroker_main_conf_t;


typedef struct {
    ngx_flag_t                       early_read;
    unsigned                         enable:1;     /* not inherited */
} ngx_http_llmbroker_loc_conf_t;


typedef enum {
    NGX_HTTP_LLMBROKER_PAGE_CALL = 0,     /* POST, of ..._call_e */
    NGX_HTTP_LLMBROKER_PAGE_MODELS,
    NGX_HTTP_LLMBROKER_PAGE_MODEL,
    NGX_HTTP_LLMBROKER_PAGE_HEALTH,
    NGX_HTTP_LLMBROKER_PAGE_DOCS,
    NGX_HTTP_LLMBROKER_PAGE_OPENAPI,
    NGX_HTTP_LLMBROKER_PAGE_ROOT,
    NGX_HTTP_LLMBROKER_PAGE_NONE
} ngx_http_llmbroker_page_e;


typedef struct {
    ngx_http_llmbroker_page_e        page;
    ngx_http_llmbroker_call_e        call;         /* of PAGE_CALL */
    ngx_str_t                        alias;        /* of PAGE_MODEL */
} ngx_http_llmbroker_endpoint_t;


/* The content handler of a location with "llmbroker". */
ngx_int_t ngx_http_llmbroker_handler(ngx_http_request_t *r);

/* The preaccess handler behind "llmbroker_early_read". */
ngx_int_t ngx_http_llmbroker_early_handler(ngx_http_request_t *r);

/* The log handler: one line of level info for each call. */
ngx_int_t ngx_http_llmbroker_log_handler(ngx_http_request_t *r);

/*
 * Writes the list of models, once, as it may be long.
 * Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_pages_init(ngx_conf_t *cf,
    ngx_http_llmbroker_main_conf_t *mcf);

/*
 * Answers a page that needs no provider.  Return: for
 * ngx_http_finalize_request().
 */
ngx_int_t ngx_http_llmbroker_page(ngx_http_request_t *r,
    ngx_http_llmbroker_endpoint_t *endpoint);

/*
 * Checks the client's key (design 2.4, 2.9).
 * Return: NGX_OK; NGX_DECLINED when there is none or a wrong one.
 */
ngx_int_t ngx_http_llmbroker_access(ngx_http_request_t *r,
    ngx_http_llmbroker_conf_t *conf);

/*
 * Adds the CORS headers for the request's Origin, if it is an allowed one.
 * Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_cors(ngx_http_request_t *r,
    ngx_http_llmbroker_conf_t *conf);

/* Adds what a preflight asks for.  Return: NGX_OK, NGX_ERROR. */
ngx_int_t ngx_http_llmbroker_cors_preflight(ngx_http_request_t *r);

/* Registers the variables; at preconfiguration.  Return: NGX_OK, NGX_ERROR. */
ngx_int_t ngx_http_llmbroker_add_variables(ngx_conf_t *cf);

/*
 * A number as text, the last digits of it behind a point; below ten and without
 * decimals nothing is allocated.  Return: NGX_OK, NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_number(ngx_pool_t *pool, ngx_uint_t n,
    ngx_uint_t decimals, ngx_str_t *text);

/* Puts the filters at the head of nginx's chains; at postconfiguration. */
void ngx_http_llmbroker_filter_install(void);


#endif /* _NGX_HTTP_LLMBROKER_MODULE_H_INCLUDED_ */
