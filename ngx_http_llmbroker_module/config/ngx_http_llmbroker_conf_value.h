
/*
 * Typed values: a mapping is read by a table of its keys, the way nginx reads
 * a block by its commands.
 */


#ifndef _NGX_HTTP_LLMBROKER_CONF_VALUE_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_CONF_VALUE_H_INCLUDED_


#include "config/ngx_http_llmbroker_conf_log.h"


/* where a key may stand; other tables use ..._IN_SECTION */
#define NGX_HTTP_LLMBROKER_IN_SECTION     0x01
#define NGX_HTTP_LLMBROKER_IN_MODEL       0x02
#define NGX_HTTP_LLMBROKER_IN_DEPLOYMENT  0x04


typedef struct ngx_http_llmbroker_conf_key_s  ngx_http_llmbroker_conf_key_t;

struct ngx_http_llmbroker_conf_key_s {
    ngx_str_t                        name;
    ngx_uint_t                       where;
    ngx_int_t                      (*set)(ngx_http_llmbroker_reader_t *rd,
                                         ngx_http_llmbroker_yaml_t *v,
                                         const ngx_http_llmbroker_conf_key_t *k,
                                         void *field);
    size_t                           offset;   /* of field */
    ngx_uint_t                       min;      /* of numbers and times */
    ngx_uint_t                       max;      /* of them; 0: none for times */
};


/* what was found for the key with the same index */
typedef struct {
    ngx_http_llmbroker_yaml_t       *value;    /* NULL: not given, or null */
    ngx_str_t                        unset;    /* variable that is not set */
} ngx_http_llmbroker_conf_seen_t;


/* keys, and where what is found for them goes */
typedef struct {
    const ngx_http_llmbroker_conf_key_t  *keys;
    void                                 *data;
    ngx_http_llmbroker_conf_seen_t       *seen;     /* or NULL */
} ngx_http_llmbroker_conf_table_t;


/*
 * Reads the mapping "map" by the table "keys", which ends with an empty name,
 * into the struct at "data".  A null leaves the default.
 *
 * where:  the keys that are allowed
 * seen:   an array parallel to keys, told what was found; with NULL an unset
 *         variable is an error
 *
 * Return: NGX_OK, NGX_ERROR (logged).
 */
ngx_int_t ngx_http_llmbroker_conf_map(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *map, const ngx_http_llmbroker_conf_key_t *keys,
    ngx_uint_t where, void *data, ngx_http_llmbroker_conf_seen_t *seen);

/* The same with several tables; the last one has no keys. */
ngx_int_t ngx_http_llmbroker_conf_tables(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *map, ngx_http_llmbroker_conf_table_t *tables,
    ngx_uint_t where);

/*
 * Setters for the tables.  The field is
 *
 *   set_str      ngx_str_t: one line of text, references replaced
 *   set_flag     ngx_uint_t: true, yes, on: 1; false, no, off: 0
 *   set_num      ngx_uint_t, from min to max
 *   set_msec     ngx_msec_t, from min to max: 60 or 1.5 (seconds), 500ms, 2m
 *   set_percent  ngx_uint_t, from min to max: 50 or 50%
 *   set_mapping  ngx_http_llmbroker_yaml_t *
 *   set_list     ngx_http_llmbroker_yaml_t *
 *
 * Return: NGX_OK; NGX_DECLINED with rd->unset set; NGX_ERROR (logged).
 */
ngx_int_t ngx_http_llmbroker_conf_set_str(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, const ngx_http_llmbroker_conf_key_t *k,
    void *field);
ngx_int_t ngx_http_llmbroker_conf_set_flag(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, const ngx_http_llmbroker_conf_key_t *k,
    void *field);
ngx_int_t ngx_http_llmbroker_conf_set_num(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, const ngx_http_llmbroker_conf_key_t *k,
    void *field);
ngx_int_t ngx_http_llmbroker_conf_set_msec(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, const ngx_http_llmbroker_conf_key_t *k,
    void *field);
ngx_int_t ngx_http_llmbroker_conf_set_percent(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, const ngx_http_llmbroker_conf_key_t *k,
    void *field);
ngx_int_t ngx_http_llmbroker_conf_set_mapping(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, const ngx_http_llmbroker_conf_key_t *k,
    void *field);
ngx_int_t ngx_http_llmbroker_conf_set_list(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, const ngx_http_llmbroker_conf_key_t *k,
    void *field);

/*
 * One of the words, which end with an empty one.  *n: its index.
 * what: what they are, for messages.  Return: as the setters.
 */
ngx_int_t ngx_http_llmbroker_conf_word(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, const char *what, ngx_str_t *words,
    ngx_uint_t *n);

/*
 * One line of text: a string or number in UTF-8 without control characters, as
 * it may become a header (J6).  Return: as the setters.
 */
ngx_int_t ngx_http_llmbroker_conf_str(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_str_t *text);

/* 1 for a scalar that YAML takes as null: plain and empty, ~ or null */
ngx_uint_t ngx_http_llmbroker_conf_null(ngx_http_llmbroker_yaml_t *v);

/* What a plain scalar's text says: 1, 0 or NGX_ERROR when it is no boolean. */
ngx_int_t ngx_http_llmbroker_conf_boolean(ngx_str_t *text);


#endif /* _NGX_HTTP_LLMBROKER_CONF_VALUE_H_INCLUDED_ */
