
/*
 * What dialects that translate have to ask of a request in OpenAI's form.
 * Every function that returns ngx_int_t returns NGX_OK; NGX_DECLINED with
 * ex->fault set (status 400) when the request cannot be translated; NGX_ERROR
 * on a lack of memory.
 */


#ifndef _NGX_HTTP_LLMBROKER_PARAMS_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_PARAMS_H_INCLUDED_


#include "provider/ngx_http_llmbroker_provider.h"


/* calls of the provider, one after the other, for one completion */
#define NGX_HTTP_LLMBROKER_PROMPTS        128

/* of a legacy completion, unless it says max_tokens (section 2.1) */
#define NGX_HTTP_LLMBROKER_PROMPT_TOKENS  16


/*
 * What becomes of a member of the request; one that has no row, or has one
 * for the other kind of call, is dropped.
 */
typedef enum {
    NGX_HTTP_LLMBROKER_DROP = 0,          /* and named in ex->dropped */
    NGX_HTTP_LLMBROKER_USE,               /* build() takes care of it */
    NGX_HTTP_LLMBROKER_USE_CHAT,
    NGX_HTTP_LLMBROKER_USE_COMPLETIONS,
    NGX_HTTP_LLMBROKER_REFUSE             /* 400: a chat would go wrong */
} ngx_http_llmbroker_action_e;


/* a table of them ends with an empty name */
typedef struct {
    ngx_str_t                             name;
    ngx_http_llmbroker_action_e           action;
} ngx_http_llmbroker_rule_t;


/*
 * Goes over the members of object, which is the request or, for a message, a
 * part of it.  null and [] ask for nothing and are neither dropped nor
 * refused; false is not refused, but named where it is dropped.
 */
ngx_int_t ngx_http_llmbroker_params_check(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *object, const ngx_http_llmbroker_rule_t *rules);

/*
 * The same, and the members by their rows, so that none has to be looked up:
 * found[i] is set to the one that rules[i] is about.  found has room for each
 * row, the last one too, and is all NULL before.
 */
ngx_int_t ngx_http_llmbroker_params_sort(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *object, const ngx_http_llmbroker_rule_t *rules,
    ngx_http_llmbroker_json_t **found);

/* A member of the request by its name, mostly a literal, or NULL. */
#define ngx_http_llmbroker_params_find(ex, name)                              \
    ngx_http_llmbroker_params_member(ex, name, ngx_strlen((name)))

/* the same by a name of len bytes */
ngx_http_llmbroker_json_t *ngx_http_llmbroker_params_member(
    ngx_http_llmbroker_exchange_t *ex, const char *name, size_t len);

/* A member of this type; NULL when it is absent or null, else invalid_type. */
#define ngx_http_llmbroker_params_get(ex, name, type, v)                      \
    ngx_http_llmbroker_params_typed(ex, name, ngx_strlen((name)), type, v)

/* the same by a name of len bytes */
ngx_int_t ngx_http_llmbroker_params_typed(ngx_http_llmbroker_exchange_t *ex,
    const char *name, size_t len, ngx_http_llmbroker_json_type_e type,
    ngx_http_llmbroker_json_t **v);

/*
 * max_completion_tokens, else max_tokens (R2); when there is neither -1, for a
 * completion NGX_HTTP_LLMBROKER_PROMPT_TOKENS.  Less than 1 is refused.
 */
ngx_int_t ngx_http_llmbroker_params_max_tokens(
    ngx_http_llmbroker_exchange_t *ex, ngx_int_t *max);

/* The value of a number. */
ngx_int_t ngx_http_llmbroker_params_double(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *v, double *d);

/*
 * The prompt of a completions call for a provider that only chats: one string,
 * number ex->part of ex->parts, which is set, like ex->echo.  What a chat
 * cannot express is refused: tokens, a suffix, best_of beyond n, logprobs, and
 * more than NGX_HTTP_LLMBROKER_PROMPTS prompts.
 */
ngx_int_t ngx_http_llmbroker_params_prompt(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t **prompt);

/*
 * The same for a provider that tells log probabilities.  logprobs: the number
 * of alternatives that are asked for, or -1; with echo they are refused, as a
 * chat has none of its prompt.
 */
ngx_int_t ngx_http_llmbroker_params_prompt_probs(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_t **prompt,
    ngx_int_t *logprobs);

/* The tokens of a reasoning_effort (R54), -1 for an unknown word. */
ngx_int_t ngx_http_llmbroker_params_budget(ngx_http_llmbroker_json_t *effort);

/* 1 when a string is empty or white space only, else 0 (R38) */
ngx_uint_t ngx_http_llmbroker_params_blank(ngx_http_llmbroker_json_t *v);

/* The inside of a string without the white space at its end (R41). */
ngx_str_t ngx_http_llmbroker_params_trimmed(ngx_http_llmbroker_json_t *v);

/*
 * The fault of a place in messages: "messages[i].member", or "messages[i]"
 * when member is NULL.  Never NGX_OK.
 */
ngx_int_t ngx_http_llmbroker_params_message(ngx_http_llmbroker_exchange_t *ex,
    const char *code, ngx_uint_t i, const char *member, const char *text);


#endif /* _NGX_HTTP_LLMBROKER_PARAMS_H_INCLUDED_ */
