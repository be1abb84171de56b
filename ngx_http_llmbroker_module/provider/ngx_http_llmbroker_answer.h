
/*
 * The OpenAI answer that a dialect tells piece by piece.  A buffered call
 * gets one JSON object at the end, a streamed call an event for each piece;
 * a chat call gets chat.completion(.chunk), a completions call
 * text_completion.  So a dialect is written once for all four.
 *
 * All functions return NGX_OK; NGX_ERROR on a lack of memory; NGX_DECLINED,
 * with ex->fault set, for a choice or tool call out of all bounds or a text or
 * a tool call behind the reason for which the choice ended.  Texts
 * named "inner" are the inside of a JSON string, escapes as they stand, and
 * "raw" is a whole JSON value; in a buffered answer they are kept by
 * reference and must live as long as ex->pool, unless the exchange reads
 * events (ex->temp is not NULL), from which they are copied.
 *
 * A completions call knows text, logprobs and finish reason only: what else is
 * told is left out.
 *
 * Tool calls are told as functions.  Those of a name in ex->custom reach the
 * client as custom tool calls whose input is the member "input" of the
 * arguments (R43, R62), and with ex->legacy the first one is a function_call
 * (R45).
 */


#ifndef _NGX_HTTP_LLMBROKER_ANSWER_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_ANSWER_H_INCLUDED_


#include "provider/ngx_http_llmbroker_provider.h"


/* of one answer; OpenAI's own limits */
#define NGX_HTTP_LLMBROKER_ANSWER_CHOICES  128
#define NGX_HTTP_LLMBROKER_ANSWER_TOOLS    1024

/* of a custom tool's arguments in a stream, bytes */
#define NGX_HTTP_LLMBROKER_ANSWER_KEPT     (4 * 1024 * 1024)


/*
 * What a dialect reads must have the type, or is missing or null: what came in
 * another form would be lost in silence.  Return: NGX_OK; otherwise as a fault
 * does, NGX_DECLINED or NGX_ERROR.
 */
ngx_int_t ngx_http_llmbroker_answer_typed(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_json_t *v, ngx_http_llmbroker_json_type_e type);

/* the same for the member of an object, which must be one too */
ngx_int_t ngx_http_llmbroker_answer_member_typed(
    ngx_http_llmbroker_exchange_t *ex, ngx_http_llmbroker_json_t *object,
    const char *name, ngx_http_llmbroker_json_type_e type);

/*
 * The answer's name and model, "inner"; NULL or empty: a random name, the
 * model that was asked.  tier is the service_tier or NULL.  A second call
 * changes nothing; a piece before the first call starts the answer without
 * them.
 */
ngx_int_t ngx_http_llmbroker_answer_start(ngx_http_llmbroker_exchange_t *ex,
    ngx_str_t *id, ngx_str_t *model, const char *tier);

/*
 * Visible text; "" is ignored.  The first piece of a choice, whatever it is,
 * sends the role before it (S2).
 */
ngx_int_t ngx_http_llmbroker_answer_text(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t choice, ngx_str_t *inner);

/* reasoning, as reasoning_content; "" only opens the choice */
ngx_int_t ngx_http_llmbroker_answer_reasoning(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t choice, ngx_str_t *inner);

/* why the model refused, as refusal; "" is ignored */
ngx_int_t ngx_http_llmbroker_answer_refusal(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t choice, ngx_str_t *inner);

/* one element of thinking_blocks, raw: what a client replays (P7, S7) */
ngx_int_t ngx_http_llmbroker_answer_block(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t choice, ngx_str_t *raw);

/* one element of annotations, raw (P8) */
ngx_int_t ngx_http_llmbroker_answer_annotation(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t choice, ngx_str_t *raw);

/*
 * Opens the tool call "index" (0, 1, ... in order of their start); one without
 * an id or a name, which no client could answer, is a fault.
 */
ngx_int_t ngx_http_llmbroker_answer_tool(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t choice, ngx_uint_t index, ngx_str_t *id, ngx_str_t *name);

/*
 * The same for a call that has extra_content, raw: what a client replays with
 * the call.  NULL: it has none.  The legacy form has no place for it.
 */
ngx_int_t ngx_http_llmbroker_answer_tool_extra(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t choice, ngx_uint_t index,
    ngx_str_t *id, ngx_str_t *name, ngx_str_t *extra);

/* a fragment of the arguments of an opened tool call; "" is ignored */
ngx_int_t ngx_http_llmbroker_answer_arguments(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t choice, ngx_uint_t index,
    ngx_str_t *inner);

/*
 * Any other member of a message, raw; in a stream a delta of its own holds
 * it.  What a client of OpenAI does not know stands in
 * "provider_specific_fields".
 */
ngx_int_t ngx_http_llmbroker_answer_member(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t choice, const char *name, ngx_str_t *raw);

/* any other member of the answer itself, raw */
ngx_int_t ngx_http_llmbroker_answer_top(ngx_http_llmbroker_exchange_t *ex,
    const char *name, ngx_str_t *raw);

/*
 * Log probabilities of the tokens that were told last, as a chat's "logprobs"
 * object or null; pieces are joined.  A completions call gets them in its own
 * form.
 */
ngx_int_t ngx_http_llmbroker_answer_logprobs(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t choice,
    ngx_http_llmbroker_json_t *logprobs);

/*
 * Why a choice ended: "stop", "length", "tool_calls", "content_filter",
 * "function_call" (static text).  Sent once; later calls are ignored.  A tool
 * call without arguments gets "{}" before (S5).
 */
ngx_int_t ngx_http_llmbroker_answer_finish(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t choice, const char *reason);

/* 1 when the choice has ended, else 0 */
ngx_uint_t ngx_http_llmbroker_answer_finished(
    ngx_http_llmbroker_exchange_t *ex, ngx_uint_t choice);

/* the number of choices that were told of */
ngx_uint_t ngx_http_llmbroker_answer_choices(
    ngx_http_llmbroker_exchange_t *ex);

/* 1 when at least one choice was told of and all have ended, else 0 */
ngx_uint_t ngx_http_llmbroker_answer_complete(
    ngx_http_llmbroker_exchange_t *ex);

/* the number of tool calls that a choice has opened */
ngx_uint_t ngx_http_llmbroker_answer_tools(ngx_http_llmbroker_exchange_t *ex,
    ngx_uint_t choice);

/*
 * A comment for a client that waits (S10); nothing before the first event, as
 * until then another provider can still be asked.
 */
ngx_int_t ngx_http_llmbroker_answer_ping(ngx_http_llmbroker_exchange_t *ex);

/*
 * The answer is whole, even where a choice has not said why it ended: writes
 * the object, or the usage chunk for a client that asked for it and "[DONE]",
 * from ex->usage; sets ex->done.  A second call does nothing.
 */
ngx_int_t ngx_http_llmbroker_answer_end(ngx_http_llmbroker_exchange_t *ex);

/*
 * Lets ex go on with the answer that "before" has told a part of; its usage
 * is added when ex ends.
 */
void ngx_http_llmbroker_answer_continue(ngx_http_llmbroker_exchange_t *ex,
    ngx_http_llmbroker_exchange_t *before);


#endif /* _NGX_HTTP_LLMBROKER_ANSWER_H_INCLUDED_ */
