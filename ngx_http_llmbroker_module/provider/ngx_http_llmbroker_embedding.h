
/*
 * Vectors of embeddings, as lists of numbers or as base64: OpenAI's libraries
 * ask for base64, which many servers of its dialect do not know.
 */


#ifndef _NGX_HTTP_LLMBROKER_EMBEDDING_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_EMBEDDING_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "provider/ngx_http_llmbroker_params.h"


/*
 * The meaning of a request's "encoding_format", a JSON text: data == NULL when
 * there is none.
 */
ngx_http_llmbroker_encoding_e ngx_http_llmbroker_embedding_encoding(
    ngx_str_t *format);

/* 1 when a vector of this JSON type is not what the client asked for, else 0 */
ngx_uint_t ngx_http_llmbroker_embedding_differs(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_type_e type);

/*
 * 1 when a value that a scanner tells at depth 3 is a vector by its place in
 * OpenAI's form, data[i].embedding; else 0.
 */
ngx_uint_t ngx_http_llmbroker_embedding_at(
    ngx_http_llmbroker_scan_level_t *level);

/*
 * Writes a vector, a list of numbers or a string of base64 (little-endian
 * floats of 32 bits, section 2.2), in the form that the client asked for: one
 * that has it as it stands.  A number becomes the nearest float, a float the
 * shortest number of 6 to 9 digits that is read as the same float.
 * Return: NGX_OK; NGX_DECLINED when it is no vector, or one of something else
 * than numbers, with ex->fault set; NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_embedding_vector(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_writer_t *w,
    ngx_http_llmbroker_json_t *vector);

/*
 * Writes an answer of OpenAI's form, valid JSON of which only the text is
 * read, to ex->out, with its vectors in the form that the client asked for and
 * the rest byte for byte, by reference; sets ex->done.
 * Return: as above.
 */
ngx_int_t ngx_http_llmbroker_embedding_answer(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_t *root);

/*
 * For the build() of a dialect that has its own form: checks the request by
 * "rules" (params.h), its dimensions and encoding_format, and that its input,
 * which is returned, is a string or an array of at least one.
 * Return: NGX_OK; NGX_DECLINED with ex->fault set; NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_embedding_check(
    ngx_http_llmbroker_exchange_t *ex, const ngx_http_llmbroker_rule_t *rules,
    ngx_http_llmbroker_json_t **input);

/* the number of texts in a request that was checked */
ngx_uint_t ngx_http_llmbroker_embedding_texts(
    ngx_http_llmbroker_exchange_t *ex);

/* the fault of another number of vectors; never NGX_OK */
ngx_int_t ngx_http_llmbroker_embedding_bad_list(
    ngx_http_llmbroker_exchange_t *ex);

/*
 * Writes the members of one element behind its index.
 * Return: NGX_OK; NGX_DECLINED with ex->fault set; NGX_ERROR.
 */
typedef ngx_int_t (*ngx_http_llmbroker_embedding_pt)(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_writer_t *w,
    ngx_http_llmbroker_json_t *element);

/*
 * Writes OpenAI's list of the n elements at place, with ex->usage where it is
 * known, to ex->out; sets ex->done.
 * Return: NGX_OK; NGX_ERROR; or what the handler returned.
 */
ngx_int_t ngx_http_llmbroker_embedding_list(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t **place, ngx_uint_t n,
    ngx_http_llmbroker_embedding_pt handler);


#endif /* _NGX_HTTP_LLMBROKER_EMBEDDING_H_INCLUDED_ */
