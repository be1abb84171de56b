
/*
 * YAML values that know their position, built from libyaml's events.
 * Refused: several documents, anchors, aliases, tags, duplicate keys, keys
 * that are no scalar, more than 32 levels (libyaml's time is quadratic in the
 * depth), an empty file.
 */


#ifndef _NGX_HTTP_LLMBROKER_YAML_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_YAML_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_HTTP_LLMBROKER_YAML_MAX_DEPTH  32


typedef enum {
    NGX_HTTP_LLMBROKER_YAML_SCALAR = 0,
    NGX_HTTP_LLMBROKER_YAML_MAPPING,
    NGX_HTTP_LLMBROKER_YAML_SEQUENCE
} ngx_http_llmbroker_yaml_type_e;


typedef struct ngx_http_llmbroker_yaml_s  ngx_http_llmbroker_yaml_t;

struct ngx_http_llmbroker_yaml_s {
    ngx_http_llmbroker_yaml_type_e   type;
    ngx_uint_t                       line;     /* from 1, of the value */
    ngx_uint_t                       key_line; /* of the member's name */
    ngx_str_t                        key;      /* a mapping's member's name */
    ngx_str_t                        value;    /* scalar, NUL-terminated */
    ngx_http_llmbroker_yaml_t       *parent;
    ngx_http_llmbroker_yaml_t       *child;    /* first */
    ngx_http_llmbroker_yaml_t       *next;
    ngx_uint_t                       n;        /* children */
    ngx_uint_t                       index;    /* place in a sequence */
    unsigned                         plain:1;  /* scalar without quotes */
};


typedef struct {
    ngx_uint_t                       line;     /* 0 when there is none */
    const char                      *text;     /* lower case, static */
    ngx_str_t                        name;     /* what it is about, or empty */
    ngx_http_llmbroker_yaml_t       *parent;   /* where, for a path; or NULL */
} ngx_http_llmbroker_yaml_error_t;


/*
 * Parses the text [p, p + len) to values in pool.
 * Return: NGX_OK with *root set; NGX_DECLINED with *error set; NGX_ERROR on a
 * lack of memory.
 */
ngx_int_t ngx_http_llmbroker_yaml_parse(ngx_pool_t *pool, u_char *p,
    size_t len, ngx_http_llmbroker_yaml_t **root,
    ngx_http_llmbroker_yaml_error_t *error);

/* A mapping's member by its name; NULL when there is none. */
ngx_http_llmbroker_yaml_t *ngx_http_llmbroker_yaml_get(
    ngx_http_llmbroker_yaml_t *map, const char *name);

/*
 * Writes the path of v as users read it, "models.gpt-4o.deployments[0].weight"
 * (indexes from 0), to [p, last).  Return: the byte after it.
 */
u_char *ngx_http_llmbroker_yaml_path(u_char *p, u_char *last,
    ngx_http_llmbroker_yaml_t *v);


#endif /* _NGX_HTTP_LLMBROKER_YAML_H_INCLUDED_ */
