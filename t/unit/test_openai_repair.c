
/*
 * Copyright (C) LLMBroker contributors
 *
 * What servers of OpenAI's dialect write in their own way is put right, in a
 * stream however it is cut, in an object, and in both conversions; and what
 * is well-formed passes byte for byte (wire format sections 1.4, 1.5, 6.2, 7.2
 * and 7.4).  In the texts "'" stands for a quotation mark, and a random name
 * is told as "call_*" or "chatcmpl-*".
 */


#include "exchange.h"


typedef struct {
    const char  *name;
    const char  *in;
    const char  *out;      /* NULL: as it came */
} repair_t;


static void test_stream(const repair_t *r, ngx_uint_t usage_wanted);
static void test_object(const repair_t *r);
static void test_usage(void);
static void test_finish(void);
static void test_cut(void);
static void test_errors(void);
static void test_to_stream(void);
static void test_to_object(void);
static void test_completions(void);
static void test_chat_as_completion(void);
static void test_bounds(void);
static void test_utf8(void);
static void test_no_memory(void);

static char *json(const char *text);
static char *masked(void);
static ngx_int_t object(const char *text, size_t cut);
static ngx_int_t stream_once(void);
static ngx_int_t object_once(void);
static ngx_int_t gather_once(void);
static ngx_int_t spread_once(void);


/* a chunk, its only choice, its delta */

#define TOP  "'id':'i','object':'chat.completion.chunk','created':7,'model':'v'"
#define C(inside)  "data: {" TOP ",'choices':[" inside "]}\n\n"
#define CHOICE(delta, finish)                                                \
    "{'index':0,'delta':{" delta "},'finish_reason':" finish "}"
#define D(delta)  C(CHOICE(delta, "null"))
#define F(reason)  C(CHOICE("", "'" reason "'"))
#define END  "data: [DONE]\n\n"

#define FIRST  D("'role':'assistant','content':''")
#define CALL_F                                                               \
    D("'role':'assistant','content':null,'tool_calls':[{'index':0,'id':'a'," \
      "'type':'function','function':{'name':'f','arguments':''}}]")
#define MORE(n, arguments)                                                   \
    D("'tool_calls':[{'index':" n ",'function':{'arguments':'" arguments     \
      "'}}]")

#define CALL_F_AT_0                                                          \
    D("'role':'assistant','tool_calls':[{'index':0,'id':'a',"                \
      "'type':'function','function':{'name':'f','arguments':''}}]")
#define D_STOP  C(CHOICE("'role':'assistant'", "'stop'"))

/* an object, its only choice, its message */

#define OBJECT(choices)                                                      \
    "{'id':'i','object':'chat.completion','created':7,'model':'v',"          \
    "'choices':[" choices "]}"
#define M(message, finish)                                                   \
    OBJECT("{'index':0,'message':{" message "},'finish_reason':" finish "}")
#define SAYS  "'role':'assistant','content':'x'"


static const repair_t  chunks[] = {

    { "well-formed text, spacing and unknown members kept",
      "data: {" TOP ", 'choices':[ {'index':0,'delta':{'role':'assistant',"
      "'content':'','x':1e999},'logprobs':null,'finish_reason':null} ],"
      "'usage':null,'obfuscation':'zz'}\n\n"
      D("'content':'a'") D("'content':null,'reasoning_content':'r'")
      D("'reasoning':''") D("'refusal':'no'") F("stop") END, NULL },

    { "well-formed calls, one after the other",
      CALL_F MORE("0", "{") MORE("0", "}")
      D("'tool_calls':[{'index':1,'id':'b','type':'custom','custom':{"
        "'name':'g','input':'q'}}]")
      D("'tool_calls':[{'index':1,'custom':{'input':'r'}}]")
      F("tool_calls") END, NULL },

    { "well-formed choices, several in one chunk",
      C("{'index':0,'delta':{'role':'assistant','content':''},"
        "'finish_reason':null},{'index':1,'delta':{'role':'assistant',"
        "'content':''},'finish_reason':null}")
      C("{'index':1,'delta':{'content':'b'},'finish_reason':'length'}")
      F("stop") END, NULL },

    { "a whole call in one delta with its reason",
      C(CHOICE("'role':'assistant','tool_calls':[{'index':0,'id':'a','type':"
               "'function','function':{'name':'f','arguments':'{}'}}]",
               "'tool_calls'")) END, NULL },

    { "a role that is missing",
      D("'content':'a'") F("stop") END,
      D("'content':'a','role':'assistant'") F("stop") END },

    { "a role that is null or empty",
      D("'role':null,'content':'a'") D("'role':''") F("stop") END,
      D("'role':'assistant','content':'a'") D("") F("stop") END },

    { "a role in every delta (OpenRouter)",
      FIRST D("'role':'assistant','content':'a'") F("stop") END,
      FIRST D("'content':'a'") F("stop") END },

    { "content in parts (Mistral)",
      D("'role':'assistant','content':[{'type':'thinking','thinking':["
        "{'type':'text','text':'t\\u00e9'},{'type':'text','text':'u'}]}]")
      D("'content':[{'type':'text','text':'a'},'b',{'type':'text',"
        "'text':'c'}]")
      D("'content':[{'type':'reference','reference_ids':[1]}]")
      D("'content':7") F("stop") END,
      D("'role':'assistant','reasoning_content':'t\\u00e9u'")
      D("'content':'abc'")
      D("'content':'','provider_specific_fields':{'content':["
        "{'type':'reference','reference_ids':[1]}]}")
      D("'content':'7'") F("stop") END },

    { "reasoning under its other name",
      D("'role':'assistant','reasoning':'r'")
      D("'reasoning':'s','reasoning_content':'s'") F("stop") END,
      D("'role':'assistant','reasoning':'r','reasoning_content':'r'")
      D("'reasoning':'s','reasoning_content':'s'") F("stop") END },

    { "tool_calls of null and of nothing",
      D("'role':'assistant','content':'a','tool_calls':null")
      D("'tool_calls':[]") F("stop") END,
      D("'role':'assistant','content':'a'") D("") F("stop") END },

    { "ids, types and names told again (C17)",
      CALL_F
      D("'tool_calls':[{'index':0,'id':'a','type':'function','function':{"
        "'name':'','arguments':'{'}}]")
      D("'tool_calls':[{'index':0,'id':'','type':'function','function':{"
        "'name':'f','arguments':'}'}}]")
      D("'content':'','tool_calls':[{'index':0,'id':'','type':'function',"
        "'function':{'name':'','arguments':null}}]") F("tool_calls") END,
      CALL_F MORE("0", "{") MORE("0", "}") D("'content':''")
      F("tool_calls") END },

    { "a new id with every fragment",
      CALL_F
      D("'tool_calls':[{'index':0,'id':'x','function':{'arguments':'{}'}}]")
      F("tool_calls") END,
      CALL_F MORE("0", "{}") F("tool_calls") END },

    { "an id that is missing is invented once",
      D("'role':'assistant','tool_calls':[{'index':0,'id':null,"
        "'function':{'name':'f','arguments':''}}]")
      D("'tool_calls':[{'index':0,'id':'','function':{'arguments':'{}'}}]")
      F("tool_calls") END,
      D("'role':'assistant','tool_calls':[{'index':0,'id':'call_*',"
        "'function':{'name':'f','arguments':''},'type':'function'}]")
      MORE("0", "{}") F("tool_calls") END },

    { "an id that comes after an invented one",
      D("'role':'assistant','tool_calls':[{'index':0,'function':{"
        "'name':'f','arguments':''}}]")
      D("'tool_calls':[{'index':0,'id':'late','function':{'name':'f',"
        "'arguments':'{}'}}]") F("tool_calls") END,
      D("'role':'assistant','tool_calls':[{'index':0,'function':{"
        "'name':'f','arguments':''},'id':'call_*','type':'function'}]")
      MORE("0", "{}") F("tool_calls") END },

    { "two calls of index 0 in one delta",
      D("'role':'assistant','tool_calls':[{'index':0,'id':'a','type':"
        "'function','function':{'name':'f','arguments':'1'}},{'index':0,"
        "'id':'b','type':'function','function':{'name':'f',"
        "'arguments':'2'}}]") F("tool_calls") END,
      D("'role':'assistant','tool_calls':[{'index':0,'id':'a','type':"
        "'function','function':{'name':'f','arguments':'1'}},{'index':1,"
        "'id':'b','type':'function','function':{'name':'f',"
        "'arguments':'2'}}]") F("tool_calls") END },

    { "two calls of index 0 without an id",
      D("'role':'assistant','tool_calls':[{'index':0,'function':{'name':'f',"
        "'arguments':'1'}},{'index':0,'function':{'name':'f',"
        "'arguments':'2'}}]") F("tool_calls") END,
      D("'role':'assistant','tool_calls':[{'index':0,'function':{'name':'f',"
        "'arguments':'1'},'id':'call_*','type':'function'},{'index':1,"
        "'function':{'name':'f','arguments':'2'},'id':'call_*','type':"
        "'function'}]") F("tool_calls") END },

    { "calls of index 0 in two deltas",
      CALL_F MORE("0", "1")
      D("'tool_calls':[{'index':0,'id':'b','type':'function','function':{"
        "'name':'g','arguments':'2'}}]")
      MORE("0", "3") F("tool_calls") END,
      CALL_F MORE("0", "1")
      D("'tool_calls':[{'index':1,'id':'b','type':'function','function':{"
        "'name':'g','arguments':'2'}}]")
      MORE("1", "3") F("tool_calls") END },

    { "calls without an index",
      D("'role':'assistant','tool_calls':[{'id':'a','type':'function',"
        "'function':{'name':'f','arguments':'1'}},{'id':'b','type':"
        "'function','function':{'name':'g','arguments':''}}]")
      D("'tool_calls':[{'function':{'arguments':'2'}}]")
      D("'tool_calls':[{'id':'a','function':{'arguments':'3'}}]")
      F("tool_calls") END,
      D("'role':'assistant','tool_calls':[{'id':'a','type':'function',"
        "'function':{'name':'f','arguments':'1'},'index':0},{'id':'b','type':"
        "'function','function':{'name':'g','arguments':''},'index':1}]")
      D("'tool_calls':[{'function':{'arguments':'2'},'index':1}]")
      D("'tool_calls':[{'function':{'arguments':'3'},'index':0}]")
      F("tool_calls") END },

    { "whole calls of one function, without ids",
      D("'role':'assistant','tool_calls':[{'index':0,'id':'','function':{"
        "'name':'f','arguments':'{\\'a\\':{\\'}\\\\\\\\\\':1}}'}}]")
      D("'tool_calls':[{'index':0,'id':'','function':{'name':'f',"
        "'arguments':'{}'}}]")
      D("'tool_calls':[{'index':0,'id':'','function':{'name':'f',"
        "'arguments':''}}]") F("tool_calls") END,
      D("'role':'assistant','tool_calls':[{'index':0,'id':'call_*',"
        "'function':{'name':'f','arguments':"
        "'{\\'a\\':{\\'}\\\\\\\\\\':1}}'},'type':'function'}]")
      D("'tool_calls':[{'index':1,'id':'call_*','function':{'name':'f',"
        "'arguments':'{}'},'type':'function'}]")
      D("") F("tool_calls") END },

    { "a call whose name is told again with each fragment",
      D("'role':'assistant','tool_calls':[{'index':0,'id':'','function':{"
        "'name':'f','arguments':'{\\'a\\':{}'}}]")
      D("'tool_calls':[{'index':0,'id':'','function':{'name':'f',"
        "'arguments':'}'}}]") F("tool_calls") END,
      D("'role':'assistant','tool_calls':[{'index':0,'id':'call_*',"
        "'function':{'name':'f','arguments':'{\\'a\\':{}'},"
        "'type':'function'}]")
      MORE("0", "}") F("tool_calls") END },

    { "the same without an index",
      D("'role':'assistant','tool_calls':[{'function':{'name':'f',"
        "'arguments':''}}]")
      D("'tool_calls':[{'function':{'name':'f','arguments':'{}'}}]")
      D("'tool_calls':[{'function':{'name':'f','arguments':'{}'}}]")
      F("tool_calls") END,
      D("'role':'assistant','tool_calls':[{'function':{'name':'f',"
        "'arguments':''},'index':0,'id':'call_*','type':'function'}]")
      D("'tool_calls':[{'function':{'arguments':'{}'},'index':0}]")
      D("'tool_calls':[{'function':{'name':'f','arguments':'{}'},'index':1,"
        "'id':'call_*','type':'function'}]") F("tool_calls") END },

    { "fragments that are nothing",
      CALL_F MORE("0", "{}") D("'tool_calls':[null]")
      D("'tool_calls':[{'index':0,'function':null}]")
      D("'tool_calls':[{'index':0,'id':'','type':'function'}]")
      F("tool_calls") END,
      CALL_F MORE("0", "{}") D("") D("") D("") F("tool_calls") END },

    { "a call that begins without its function",
      D("'role':'assistant','tool_calls':[{'index':0,'id':'a'}]")
      D("'tool_calls':[{'index':0,'function':{'name':'f',"
        "'arguments':'{}'}}]") F("tool_calls") END,
      D("'role':'assistant','tool_calls':[{'index':0,'id':'a',"
        "'function':{'arguments':''},'type':'function'}]")
      D("'tool_calls':[{'index':0,'function':{'name':'f',"
        "'arguments':'{}'}}]") F("tool_calls") END },

    { "calls of a server's own kind (Zhipu)",
      D("'role':'assistant','tool_calls':[{'id':'a','type':'web_search',"
        "'web_search':{'n':1.0}}]")
      D("'tool_calls':[{'id':'b','type':'retrieval','x':1}]")
      D("'tool_calls':[{'index':0,'type':'web_search','web_search':{"
        "'n':2.0}}]") F("tool_calls") END,
      D("'role':'assistant','tool_calls':[{'id':'a','type':'web_search',"
        "'web_search':{'n':1.0},'index':0}]")
      D("'tool_calls':[{'id':'b','type':'retrieval','x':1,'index':1}]")
      D("'tool_calls':[{'index':0,'web_search':{'n':2.0}}]")
      F("tool_calls") END },

    { "indexes that begin at 1",
      D("'role':'assistant','tool_calls':[{'index':1,'id':'a','type':"
        "'function','function':{'name':'f','arguments':''}}]")
      MORE("1", "{}") F("tool_calls") END,
      CALL_F_AT_0 MORE("0", "{}") F("tool_calls") END },

    { "arguments that are an object",
      D("'role':'assistant','tool_calls':[{'index':0,'id':'a','type':"
        "'function','function':{'name':'f','arguments':{ 'a' : 1.50, "
        "'b' : '\\\\' }}}]") F("tool_calls") END,
      D("'role':'assistant','tool_calls':[{'index':0,'id':'a','type':"
        "'function','function':{'name':'f','arguments':'{\\'a\\':1.50,"
        "\\'b\\':\\'\\\\\\\\\\'}'}}]") F("tool_calls") END },

    { "no arguments at all",
      D("'role':'assistant','tool_calls':[{'index':0,'id':'a','type':"
        "'function','function':{'name':'f','arguments':null}},{'index':1,"
        "'id':'b','type':'function','function':{'name':'g'}}]")
      F("tool_calls") END,
      D("'role':'assistant','tool_calls':[{'index':0,'id':'a','type':"
        "'function','function':{'name':'f','arguments':''}},{'index':1,"
        "'id':'b','type':'function','function':{'name':'g',"
        "'arguments':''}}]")
      C(CHOICE("'tool_calls':[{'index':0,'function':{'arguments':'{}'}},"
               "{'index':1,'function':{'arguments':'{}'}}]", "'tool_calls'"))
      END },

    { "a reason that is missing, empty or the word null (C16)",
      C("{'index':0,'delta':{'role':'assistant','content':'a'}}")
      C(CHOICE("", "''")) C(CHOICE("", "'null'")) F("stop") END,
      C("{'index':0,'delta':{'role':'assistant','content':'a'},"
        "'finish_reason':null}") D("") D("") F("stop") END },

    { "reasons in other words",
      FIRST F("model_length") END, FIRST F("length") END },

    { "an unknown reason", FIRST F("eos_token") END, FIRST F("stop") END },

    { "an end that is told twice (OpenRouter)",
      FIRST C(CHOICE("'content':''", "'stop'"))
      C(CHOICE("'content':''", "'stop'")) END,
      FIRST C(CHOICE("'content':''", "'stop'")) END },

    { "the second end has findings",
      FIRST F("stop")
      C("{'index':0,'delta':{},'finish_reason':'stop','native':'s',"
        "'logprobs':{'content':[{'token':'t'}]}}") END,
      FIRST F("stop")
      C("{'index':0,'delta':{},'finish_reason':null,'native':'s',"
        "'logprobs':{'content':[{'token':'t'}]}}") END },

    { "the second end says more",
      FIRST F("stop") C(CHOICE("'content':'x'", "'stop'")) END,
      FIRST F("stop") D("'content':'x'") END },

    { "no reason before [DONE]",
      FIRST END,
      FIRST C("{'index':0,'delta':{},'logprobs':null,"
              "'finish_reason':'stop'}") END },

    { "no reason after a call",
      CALL_F END,
      CALL_F C("{'index':0,'delta':{'tool_calls':[{'index':0,'function':{"
               "'arguments':'{}'}}]},'logprobs':null,"
               "'finish_reason':'tool_calls'}") END },

    { "stop after a call stays",
      CALL_F MORE("0", "{}") F("stop") END, NULL },

    { "no [DONE]", FIRST F("stop"), FIRST F("stop") END },

    { "a chunk without its name",
      "data: {'choices':[" CHOICE("'role':'assistant','content':'a'",
      "null") "]}\n\n"
      "data: {'id':'','object':'','created':null,'model':null,'choices':["
      CHOICE("", "'stop'") "]}\n\n" END,
      "data: {'choices':[" CHOICE("'role':'assistant','content':'a'",
      "null") "],'id':'chatcmpl-*','model':'m',"
      "'object':'chat.completion.chunk','created':1}\n\n"
      "data: {'id':'chatcmpl-*','object':'chat.completion.chunk',"
      "'created':1,'model':'m','choices':[" CHOICE("", "'stop'") "]}\n\n"
      END },

    { "the name of the chunk before",
      FIRST "data: {'choices':[" CHOICE("", "'stop'") "]}\n\n" END,
      FIRST "data: {'choices':[" CHOICE("", "'stop'") "],'id':'i',"
      "'model':'v','object':'chat.completion.chunk','created':7}\n\n" END },

    { "choices without an index or a delta",
      C("{'delta':{'role':'assistant','content':'a'},'finish_reason':null}")
      C("{'finish_reason':'stop'}") END,
      C("{'delta':{'role':'assistant','content':'a'},'finish_reason':null,"
        "'index':0}")
      C("{'finish_reason':'stop','index':0,'delta':{}}") END },

    { "a delta that is called message",
      C("{'index':0,'message':{'role':'assistant','content':'a'},"
        "'delta':null,'finish_reason':'stop'}") END,
      C("{'index':0,'delta':{'role':'assistant','content':'a'},"
        "'finish_reason':'stop'}") END },

    { "Azure's first chunk: its findings move on",
      "data: {'choices':[],'created':0,'id':'','model':'','object':'',"
      "'prompt_filter_results':[{'a':1.0}]}\n\n"
      FIRST F("stop") END,
      "data: {" TOP ",'choices':[" CHOICE("'role':'assistant','content':''",
      "null") "],'prompt_filter_results':[{'a':1.0}]}\n\n" F("stop") END },

    { "Azure's first chunk in two parts",
      "data: {'choices':[],'id':'','a':1.0}\n\n"
      "data: {'choices':[],'id':'','a':2.0,'b':3,'x':4}\n\n"
      "data: {" TOP ",'choices':[" CHOICE("'role':'assistant'", "null")
      "],'x':5}\n\n" F("stop") END,
      "data: {" TOP ",'choices':[" CHOICE("'role':'assistant'", "null")
      "],'x':5,'a':1.0,'b':3}\n\n" F("stop") END },

    { "Azure's findings about an answer that has ended",
      FIRST F("stop")
      "data: {'id':'','object':'','created':0,'model':'','choices':[{"
      "'index':0,'finish_reason':null,'content_filter_results':{'a':1}}]}"
      "\n\n" END,
      FIRST F("stop")
      "data: {'id':'i','object':'chat.completion.chunk','created':7,"
      "'model':'v','choices':[{'index':0,'finish_reason':null,"
      "'content_filter_results':{'a':1},'delta':{}}]}\n\n" END },

    { "a chunk that has a name of its own keeps it",
      FIRST
      "data: {'id':'j','object':'chat.completion.chunk','created':8,"
      "'model':'w','choices':[" CHOICE("", "'stop'") "]}\n\n" END,
      FIRST
      "data: {'id':'j','object':'chat.completion.chunk','created':8,"
      "'model':'w','choices':[" CHOICE("", "'stop'") "]}\n\n" END },

    { "events that say nothing",
      "data:\n\ndata\n\n" FIRST "data: \ndata:\n\n" F("stop") END,
      FIRST F("stop") END },

    { "comments, events of other types, BOM, CRLF, no space",
      "\xef\xbb\xbf: PROCESSING\n\nevent: ping\ndata: {'type':'ping'}\n\n"
      "data:{" TOP ",'choices':[" CHOICE("'role':'assistant'", "'stop'")
      "]}\r\n\r\n: x\n\n" END,
      D_STOP END },

    { "an event of several lines",
      "data: {" TOP ",'choices':[\ndata: {'index':0,\ndata: 'delta':{\n"
      "data: 'role':null},'finish_reason':'stop','x':[1,\ndata: 2]}]}\n\n"
      END,
      C("{'index':0,'delta':{'role':'assistant'},'finish_reason':'stop',"
        "'x':[1, 2]}") END },

    { NULL, NULL, NULL }
};


static const repair_t  objects[] = {

    { "a well-formed object", " " M(SAYS, "'stop'") "\n", NULL },

    { "well-formed calls",
      M("'role':'assistant','content':null,'tool_calls':[{'id':'a','type':"
        "'function','function':{'name':'f','arguments':'{}'}},{'id':'b',"
        "'type':'custom','custom':{'name':'g','input':''}}]",
        "'tool_calls'"), NULL },

    { "several choices",
      OBJECT("{'index':0,'message':{" SAYS "},'finish_reason':'stop'},"
             "{'index':1,'message':{" SAYS "},'finish_reason':'stop'}"),
      NULL },

    { "no choices at all", "{'choices':[]}", NULL },

    { "a role, content and reason that are missing",
      M("", "null"),
      M("'role':'assistant','content':null", "'stop'") },

    { "a reason that is missing after a call",
      M("'role':'','content':'','tool_calls':[{'id':'a','type':'function',"
        "'function':{'name':'f','arguments':'{}'}}]", "''"),
      M("'role':'assistant','content':'','tool_calls':[{'id':'a','type':"
        "'function','function':{'name':'f','arguments':'{}'}}]",
        "'tool_calls'") },

    { "reasons in other words", M(SAYS, "'end_turn'"), M(SAYS, "'stop'") },

    { "parts, with an unknown number kept",
      M("'role':'assistant','content':[{'type':'thinking','thinking':[{"
        "'type':'text','text':'t'}]},{'type':'text','text':'x'}],"
        "'n':1.230e+5", "'stop'"),
      M("'role':'assistant','content':'x','n':1.230e+5,"
        "'reasoning_content':'t'", "'stop'") },

    { "a thought with a signature",
      M("'role':'assistant','content':[{'type':'thinking','thinking':'t',"
        "'closed':true}]", "'stop'"),
      M("'role':'assistant','content':'','reasoning_content':'t',"
        "'provider_specific_fields':{'content':[{'type':'thinking',"
        "'thinking':'t','closed':true}]}", "'stop'") },

    { "thoughts that are not all text",
      M("'role':'assistant','content':[{'type':'thinking','thinking':["
        "{'type':'text','text':'t'},{'type':'reference','reference_ids':[1]}"
        "]}]", "'stop'"),
      M("'role':'assistant','content':'','reasoning_content':'t',"
        "'provider_specific_fields':{'content':[{'type':'thinking',"
        "'thinking':[{'type':'text','text':'t'},{'type':'reference',"
        "'reference_ids':[1]}]}]}", "'stop'") },

    { "thoughts that are strings, or beside others",
      M("'role':'assistant','content':[{'type':'thinking','thinking':['t',"
        "'u']},'x']", "'stop'"),
      M("'role':'assistant','content':'x','reasoning_content':'tu'",
        "'stop'") },

    { "thoughts in two places",
      M("'role':'assistant','content':[{'type':'thinking','thinking':'t'}],"
        "'reasoning_content':'r'", "'stop'"),
      M("'role':'assistant','content':'','reasoning_content':'r',"
        "'provider_specific_fields':{'content':[{'type':'thinking',"
        "'thinking':'t'}]}", "'stop'") },

    { "a call of a server's own kind (Zhipu)",
      M(SAYS ",'tool_calls':[{'id':'a','type':'web_search','web_search':{}}]",
        "'stop'"), NULL },

    { "a call that is null",
      M(SAYS ",'tool_calls':[null]", "'stop'"), M(SAYS, "'stop'") },

    { "reasoning under its other name",
      M(SAYS ",'reasoning':'r'", "'stop'"),
      M(SAYS ",'reasoning':'r','reasoning_content':'r'", "'stop'") },

    { "calls of null", M(SAYS ",'tool_calls':null", "'stop'"),
      M(SAYS, "'stop'") },

    { "calls without id and type, arguments of every kind",
      M(SAYS ",'tool_calls':[{'function':{'name':'f','arguments':{'a':1}}},"
        "{'id':'','type':null,'function':{'name':'g','arguments':null}},"
        "{'id':'c','function':{'name':'h'}}]", "'tool_calls'"),
      M(SAYS ",'tool_calls':[{'function':{'name':'f','arguments':"
        "'{\\'a\\':1}'},'id':'call_*','type':'function'},{'id':'call_*',"
        "'type':'function','function':{'name':'g','arguments':'{}'}},"
        "{'id':'c','function':{'name':'h','arguments':'{}'},"
        "'type':'function'}]", "'tool_calls'") },

    { "usage in another place",
      "{'id':'i','object':'chat.completion','created':7,'model':'v',"
      "'choices':[{'index':0,'message':{" SAYS "},'finish_reason':'stop'}],"
      "'x_groq':{'usage':{'prompt_tokens':3}}}",
      "{'id':'i','object':'chat.completion','created':7,'model':'v',"
      "'choices':[{'index':0,'message':{" SAYS "},'finish_reason':'stop'}],"
      "'x_groq':{'usage':{'prompt_tokens':3}},'usage':{'prompt_tokens':3}}" },

    { "an object without its name",
      "{'object':'x','choices':[{'message':{" SAYS "},"
      "'finish_reason':'stop'}]}",
      "{'object':'chat.completion','choices':[{'message':{" SAYS "},"
      "'finish_reason':'stop','index':0}],'id':'chatcmpl-*','model':'m',"
      "'created':1}" },

    { NULL, NULL, NULL }
};


int
main(void)
{
    test_stream(chunks, 0);
    test_object(objects);
    test_usage();
    test_finish();
    test_cut();
    test_errors();
    test_to_stream();
    test_to_object();
    test_completions();
    test_chat_as_completion();
    test_bounds();
    test_utf8();
    test_no_memory();

    return done_testing();
}


/* each row in pieces of every size, with and without usage */

static void
test_stream(const repair_t *r, ngx_uint_t usage_wanted)
{
    char       *in, *out, *got;
    size_t      cut;
    ngx_int_t   rc;

    rc = NGX_ERROR;

    for ( /* void */ ; r->name; r++) {
        in = strdup(json(r->in));
        out = strdup(json(r->out ? r->out : r->in));

        for (cut = strlen(in); cut > 0; cut = (cut > 70) ? 70 : cut - 1) {
            ex_start(CHAT, 1, usage_wanted);

            rc = ex_events(in, cut);
            got = masked();

            if (rc != NGX_OK || strcmp(got, out) != 0) {
                break;
            }
        }

        if (cut && rc == NGX_OK) {
            is_str(got, strlen(got), out, r->name);

        } else {
            ok(rc == NGX_OK && ex.done, "%s", r->name);
        }

        free(in);
        free(out);
    }
}


static void
test_object(const repair_t *r)
{
    char       *in, *out, *got;
    size_t      cut;
    ngx_int_t   rc;

    rc = NGX_ERROR;

    for ( /* void */ ; r->name; r++) {
        in = strdup(json(r->in));
        out = strdup(json(r->out ? r->out : ""));

        for (cut = strlen(in); cut > 0; cut = (cut > 70) ? 70 : cut - 1) {
            rc = object(in, cut);
            got = masked();

            if (rc != NGX_OK || strcmp(got, out) != 0) {
                break;
            }
        }

        if (cut && rc == NGX_OK) {
            is_str(got, strlen(got), out, r->name);

        } else {
            ok(rc == NGX_OK && ex.finish_reason.len + (r->out == NULL),
               "%s", r->name);
        }

        free(in);
        free(out);
    }
}


#define USAGE(n)  "'usage':{'prompt_tokens':" n ",'x':1.0}"
#define NAMED(choices, more)                                                 \
    "data: {" TOP ",'choices':[" choices "]," more "}\n\n"

static void
test_usage(void)
{
    static const repair_t  wanted[] = {

        { "usage: a chunk of its own passes",
          FIRST F("stop") NAMED("", USAGE("3") ",'service_tier':'x'") END,
          NULL },

        { "usage: what stands behind it stays there",
          FIRST F("stop") NAMED("", USAGE("3")) NAMED("", "'moderation':{}")
          END, NULL },

        { "usage: in the last chunk with a choice (Mistral, DeepSeek)",
          FIRST NAMED(CHOICE("", "'stop'"), USAGE("3")) END,
          FIRST NAMED(CHOICE("", "'stop'"), "'usage':null")
          NAMED("", USAGE("3")) END },

        { "usage: in every chunk (xAI), the last counts",
          NAMED(CHOICE("'role':'assistant'", "null"), USAGE("1"))
          NAMED(CHOICE("", "'stop'"), USAGE("2")) NAMED("", USAGE("3"))
          NAMED("", USAGE("4")) END,
          NAMED(CHOICE("'role':'assistant'", "null"), "'usage':null")
          NAMED(CHOICE("", "'stop'"), "'usage':null")
          NAMED("", USAGE("4")) END },

        { "usage: with the second end (OpenRouter)",
          FIRST F("stop")
          NAMED(CHOICE("'content':''", "'stop'"), USAGE("3")) END,
          FIRST F("stop") NAMED("", USAGE("3")) END },

        { "usage: in a choice (Moonshot)",
          FIRST C("{'index':0,'delta':{},'finish_reason':'stop',"
                  USAGE("3") "}") END,
          FIRST F("stop") NAMED("", USAGE("3")) END },

        { "usage: Groq's place, which stays",
          FIRST NAMED(CHOICE("", "'stop'"), "'x_groq':{" USAGE("3") "}") END,
          FIRST NAMED(CHOICE("", "'stop'"), "'x_groq':{" USAGE("3") "}")
          NAMED("", USAGE("3")) END },

        { "usage: a chunk without choices and name",
          FIRST F("stop") "data: {" USAGE("3") "}\n\n" END,
          FIRST F("stop") "data: {" USAGE("3") ",'choices':[],'id':'i',"
          "'model':'v','object':'chat.completion.chunk','created':7}\n\n"
          END },

        { "usage: so far, before a chunk without a choice",
          NAMED(CHOICE("'role':'assistant'", "null"), USAGE("1"))
          NAMED("", "'x':1")
          NAMED(CHOICE("", "'stop'"), USAGE("3")) END,
          NAMED(CHOICE("'role':'assistant'", "null"), "'usage':null")
          NAMED("", "'x':1")
          NAMED(CHOICE("", "'stop'"), "'usage':null")
          NAMED("", USAGE("3")) END },

        { "usage: no [DONE]",
          FIRST NAMED(CHOICE("", "'stop'"), USAGE("3")),
          FIRST NAMED(CHOICE("", "'stop'"), "'usage':null")
          NAMED("", USAGE("3")) END },

        { "usage: a reason is owed too",
          FIRST NAMED("", USAGE("3")) END,
          FIRST "data: {" TOP ",'choices':[{'index':0,'delta':{},"
          "'logprobs':null,'finish_reason':'stop'}],'usage':null}\n\n"
          NAMED("", USAGE("3")) END },

        { NULL, NULL, NULL }
    };

    static const repair_t  unwanted[] = {

        { "usage unwanted: no chunk",
          FIRST F("stop") NAMED("", USAGE("3")) END, FIRST F("stop") END },

        { "usage unwanted: nor a member",
          FIRST NAMED(CHOICE("", "'stop'"), USAGE("3")) END,
          FIRST F("stop") END },

        { "usage unwanted: null stays",
          FIRST NAMED(CHOICE("", "'stop'"), "'usage':null") END, NULL },

        { NULL, NULL, NULL }
    };

    const repair_t  *r;

    test_stream(wanted, 1);
    test_stream(unwanted, 0);

    for (r = wanted; r->name; r++) {
        ex_start(CHAT, 1, 0);
        ex_events(json(r->in), 9);

        ok(ex.usage.prompt == 3 || ex.usage.prompt == 4,
           "%s: learned", r->name);
        ok(strstr(ex_answer(), "\"usage\":{") == NULL
           || strstr(ex_answer(), "x_groq") != NULL, "%s: not told", r->name);
    }

    ex_start(CHAT, 1, 0);
    ex_events(json(FIRST NAMED("", "'usage':{'prompt_tokens':9,"
                   "'prompt_cache_hit_tokens':4,'completion_tokens_details':"
                   "{'reasoning_tokens':1},'prompt_tokens_details':{"
                   "'cache_creation_input_tokens':2}}") F("stop") END), 9);
    counts("9 -1 -1 4 2 1", "usage: the names of DeepSeek and DashScope");

    ex_start(CHAT, 1, 0);
    ex_events(json(FIRST NAMED("", "'usage':{'prompt_tokens':9.0,"
                   "'completion_tokens':-1,'total_tokens':1e3}")
                   F("stop") END), 9);
    counts("9 -1 -1 -1 -1 -1", "usage: numbers with a fraction");

    object(json("{'choices':[{'usage':{'prompt_tokens':9,'cached_tokens':4,"
                "'completion_tokens_details':{'reasoning_tokens':1}}}]}"), 9);
    counts("9 -1 -1 4 -1 1", "usage: in a tree");
}


static void
test_finish(void)
{
    const char *const  *w;

    static const char *const  words[] = {
        "stop", "stop", "length", "length", "tool_calls", "tool_calls",
        "content_filter", "content_filter", "function_call", "function_call",
        "max_tokens", "length", "insufficient_system_resource", "length",
        "tool_use", "tool_calls", "sensitive", "content_filter",
        "end_turn", "stop", "error", "stop", NULL
    };

    for (w = words; *w; w += 2) {
        char  text[512];

        snprintf(text, sizeof(text), FIRST C(CHOICE("", "'%s'")) END, w[0]);

        ex_start(CHAT, 1, 0);
        ex_events(json(text), 1000);
        is_str(ex.finish_reason.data, ex.finish_reason.len, w[1], w[0]);

        snprintf(text, sizeof(text), "'finish_reason':'%s'", w[1]);
        ok(strstr(ex_answer(), json(text)) != NULL, "%s: told", w[0]);
    }
}


static void
test_cut(void)
{
    ex_start(CHAT, 1, 0);
    is(ex_events(json(FIRST D("'content':'a'")), 9), NGX_DECLINED,
       "cut: neither a reason nor [DONE]");
    faults(0, "", "The provider ended the stream before the answer was "
           "complete.", "cut: is told");

    ex_start(CHAT, 1, 0);
    is(ex_events(json(FIRST C("{'index':1,'delta':{'role':'assistant'},"
                              "'finish_reason':null}") F("stop")), 9),
       NGX_DECLINED, "cut: one of two choices has not ended");

    ex_start(CHAT, 1, 0);
    is(ex_events(json("data: {'type':'message_start','message':{}}\n\n"
                      "data: {}\n\n"), 9), NGX_DECLINED,
       "cut: events of another dialect");
    is(ex_out.length, 0, "cut: of which none is passed on");
}


static void
test_errors(void)
{
    size_t  i;

    static const char *const  errors[] = {
        "{'error':{'message':'m'}}", "{'error':'m'}", "{'error':['m']}",
        "{'error':[{'message':'m'}]}", "[{'error':{'message':'m'}}]",
        "{'detail':'m'}", "{'detail':[{'msg':'m'}]}", "{'detail':['m']}",
        "{'detail':{'message':'m'}}", "{'object':'error','message':'m'}",
        "{'errors':[{'message':'m'}]}", "{'errors':['m']}",
        "{'code':'c','message':'m','request_id':'r'}",
        "{'message':'m','type':'t','code':null}",
        "{'code':'c','error':'m'}",
        "{'object':'error','message':{'detail':[{'msg':'m'}]},'code':null}",
        "{'choices':[{'index':0,'delta':{},'finish_reason':'error',"
        "'error':{'message':'m'}}]}",
        "{'choices':[{'index':0,'delta':{},'finish_reason':'error'}],"
        "'error':{'message':'m'}}"
    };

    for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        char  text[512];

        is(object(json(errors[i]), 7), NGX_DECLINED, errors[i]);
        is_str(ex.fault.message.data, ex.fault.message.len, "m",
               "says m, in an object");

        snprintf(text, sizeof(text), FIRST "data: %s\n\n" END, errors[i]);

        ex_start(CHAT, 1, 0);
        is(ex_events(json(text), 7), NGX_DECLINED, errors[i]);
        is_str(ex.fault.message.data, ex.fault.message.len, "m",
               "says m, in a stream");

        ex_start(CHAT, 0, 0);
        is(ex_events(json(text), 7), NGX_DECLINED, errors[i]);
    }

    ex_start(CHAT, 1, 0);
    is(ex_events(json(FIRST "event: error\ndata: out of\ndata: it\n\n"), 7),
       NGX_DECLINED, "an error that is no JSON");
    is_str(ex.fault.message.data, ex.fault.message.len, "out of\nit",
           "is told");

    is(object(json("{'error':null,'errors':[],'detail':null,'choices':[]}"),
              7), NGX_OK, "errors that are none");
    is(object("<html>", 7), NGX_DECLINED, "a page");
    is(object("", 7), NGX_DECLINED, "nothing");
}


static void
test_to_stream(void)
{
    char  *p;

    ex_start(CHAT, 1, 1);
    is(ex_json(json(
        "{'id':'i','created':7,'model':'v',\n'system_fingerprint':'fp',"
        "'service_tier':'t','choices':[{'index':0,'message':{"
        "'role':'assistant','content':null,'audio':{'id':'u',\n'data':'d'},"
        "'function_call':{'name':'f','arguments':'{}'},'x':[1.0],"
        "'tool_calls':[{'id':'a','type':'custom','custom':{'name':'g',"
        "'input':'q'}}]},'logprobs':{'content':[{'token':'t'}]},"
        "'native_finish_reason':'n','finish_reason':'tool_calls'},"
        "{'index':1,'message':{'content':'b'},'finish_reason':'length'}],\n"
        "'usage':{'prompt_tokens':3,\n'x':1.0}}")), NGX_OK,
       "an object becomes a stream");

#define S(choices, usage)                                                    \
    "data: {'id':'i','created':7,'model':'v','system_fingerprint':'fp',"     \
    "'service_tier':'t','choices':[" choices "],"                            \
    "'object':'chat.completion.chunk'," usage "}\n\n"
#define L(choice, n, reason)                                                 \
    "data: {" TOP ",'choices':[{'index':" n ",'delta':{},'logprobs':null,"   \
    "'finish_reason':" reason "}],'usage':null}\n\n"

    p = masked();
    is_str(p, strlen(p), json(
        S("{'index':0,'delta':{'role':'assistant','content':null,"
          "'audio':{'id':'u', 'data':'d'},'function_call':{'name':'f',"
          "'arguments':'{}'},'x':[1.0],'tool_calls':[{'id':'a',"
          "'type':'custom','custom':{'name':'g','input':'q'},'index':0}]},"
          "'logprobs':{'content':[{'token':'t'}]},"
          "'native_finish_reason':'n','finish_reason':null}", "'usage':null")
        L("", "0", "'tool_calls'")
        S("{'index':1,'delta':{'content':'b','role':'assistant'},"
          "'finish_reason':null}", "'usage':null")
        L("", "1", "'length'")
        S("", "'usage':{'prompt_tokens':3, 'x':1.0}") END),
        "with everything, in lines of their own");
}


static void
test_to_object(void)
{
    char    *p;
    size_t   cut;

    static const char  in[] =
        "data: {" TOP ",'choices':[{'index':0,'delta':{'role':'assistant',"
        "'content':'a','audio':{'id':'u','data':'d'},'refusal':null},"
        "'logprobs':{'content':[{'token':'t'}],'refusal':null},"
        "'finish_reason':null,'cf':{'a':1}}],'service_tier':'t',"
        "'system_fingerprint':null}\n\n"
        C("{'index':1,'delta':{'content':'B'},'finish_reason':'length'}")
        C("{'index':0,'delta':{'content':'b','reasoning':'r','audio':{"
          "'data':'e','expires_at':5},'annotations':[{'n':1}],'channel':'c',"
          "'function_call':{'name':'f','arguments':'x'}},"
          "'logprobs':{'content':[{'token':'u'}]},'finish_reason':null}")
        C("{'index':0,'delta':{'reasoning':'s','annotations':[{'n':2}],"
          "'channel':'c','function_call':{'arguments':'y'},'refusal':'no',"
          "'tool_calls':[{'id':'a','function':{'name':'f','arguments':'{'}},"
          "{'id':'b','type':'custom','custom':{'name':'g','input':'p'}},"
          "{'id':'c','function':{'name':'h'}}]},'finish_reason':null}")
        C("{'index':0,'delta':{'tool_calls':[{'index':0,'function':{"
          "'arguments':'}'}},{'index':1,'custom':{'input':'q'}}]},"
          "'finish_reason':'tool_calls','cf':{'a':2}}")
        NAMED("", "'usage':{'prompt_tokens':3,'x':1.0}") END;

    for (cut = 1; cut < 90; cut++) {
        ex_start(CHAT, 0, 0);

        if (ex_events(json(in), cut) != NGX_OK) {
            ok(0, "cut at %d", (int) cut);
        }
    }

    p = masked();
    is_str(p, strlen(p), json(
        "{'id':'i','object':'chat.completion','created':7,'model':'v',"
        "'service_tier':'t','system_fingerprint':null,'choices':[{'index':0,"
        "'message':{'role':'assistant','content':'ab','audio':{'id':'u',"
        "'data':'de','expires_at':5},'refusal':'no','reasoning':'rs',"
        "'annotations':[{'n':1},{'n':2}],'channel':'c','function_call':{"
        "'name':'f','arguments':'xy'},'reasoning_content':'rs',"
        "'tool_calls':[{'id':'a','function':{'name':'f','arguments':'{}'},"
        "'type':'function'},{'id':'b','type':'custom','custom':{'name':'g',"
        "'input':'pq'}},{'id':'c','function':{'name':'h','arguments':'{}'},"
        "'type':'function'}]},'logprobs':{'content':[{'token':'t'},"
        "{'token':'u'}],'refusal':null},'finish_reason':'tool_calls',"
        "'cf':{'a':2}},{'index':1,'message':{'content':'B',"
        "'role':'assistant'},'finish_reason':'length'}],"
        "'usage':{'prompt_tokens':3,'x':1.0}}"),
        "a stream becomes an object with everything");

    ex_start(CHAT, 0, 0);
    is(ex_events(json(FIRST), 9), NGX_DECLINED, "but not when it is cut");
    is(ex_out.length, 0, "of which nothing is told");
}


static void
test_completions(void)
{
    char  *p;

    static const char  text[] =
        "data: {'id':'i','object':'text_completion','created':7,"
        "'model':'v','choices':[{'text':'a','index':0,'logprobs':null,"
        "'finish_reason':null}],'usage':null}\n\n"
        "data: {'id':'i','object':'text_completion','created':7,"
        "'model':'v','choices':[{'text':'','index':0,'logprobs':null,"
        "'finish_reason':'stop'}]}\n\n" END;

    ex_start(COMPLETIONS, 1, 0);
    is(ex_events(json(text), 9), NGX_OK, "a completion in a stream");
    p = ex_answer();
    is_str(p, strlen(p), json(text), "passes");

    ex_start(COMPLETIONS, 1, 0);
    ex_events(json("data: {'choices':[{'text':'a'}]}\n\n"
                   "data: {'id':'i','choices':[{'text':null,"
                   "'finish_reason':'eos'}]}\n\n" END), 9);
    p = masked();
    is_str(p, strlen(p), json(
        "data: {'choices':[{'text':'a','index':0,'finish_reason':null}],"
        "'id':'cmpl-*','model':'m','object':'text_completion','created':1}"
        "\n\n"
        "data: {'id':'i','choices':[{'text':'','finish_reason':'stop',"
        "'index':0}],'model':'m','object':'text_completion','created':1}\n\n"
        END), "or is put right");

    ex_start(COMPLETIONS, 1, 0);
    ex_json(json("{'id':'i','created':7,'model':'v','choices':[{'text':'a',"
                 "'logprobs':{'tokens':['a']},'finish_reason':'length'}]}"));
    p = ex_answer();
    is_str(p, strlen(p), json(
        "data: {'id':'i','created':7,'model':'v','choices':[{'text':'a',"
        "'logprobs':{'tokens':['a']},'finish_reason':null,'index':0}],"
        "'object':'text_completion'}\n\n"
        "data: {'id':'i','object':'text_completion','created':7,'model':'v',"
        "'choices':[{'index':0,'text':'','logprobs':null,"
        "'finish_reason':'length'}]}\n\n" END), "an object becomes a stream");

    ex_start(COMPLETIONS, 0, 0);
    ex_events(json(text), 9);
    p = ex_answer();
    is_str(p, strlen(p), json(
        "{'id':'i','object':'text_completion','created':7,'model':'v',"
        "'usage':null,'choices':[{'text':'a','index':0,'logprobs':null,"
        "'finish_reason':'stop'}]}"),
        "and a stream an object");
}


/* a completion that is asked of a server that only chats */

static void
test_chat_as_completion(void)
{
    char  *p;

    ex_start(COMPLETIONS, 0, 0);
    ex.splice = 0;
    is(ex_json(json(M("'role':null,'content':[{'text':'x'}]", "'length'"))),
       NGX_OK, "a chat as a completion");
    p = ex_answer();
    is_str(p, strlen(p), json(
        "{'id':'i','object':'text_completion','created':1,'model':'v',"
        "'choices':[{'text':'x','index':0,'logprobs':null,"
        "'finish_reason':'length'}]}"), "in its form");

    ex_start(COMPLETIONS, 1, 1);
    ex.splice = 0;
    is(ex_events(json(FIRST D("'content':'x'") F("stop")
                      NAMED("", USAGE("3")) END), 9), NGX_OK,
       "the same in a stream");
    p = ex_answer();
    ok(strstr(p, "\"text\":\"x\"") && strstr(p, "\"prompt_tokens\":3")
       && strstr(p, DONE) && !strstr(p, "delta"), "in its form");

    ex_start(COMPLETIONS, 0, 0);
    ex.splice = 0;
    is(ex_events(json(FIRST D("'content':'x'") F("stop")), 9), NGX_OK,
       "a stream where an object was asked for");
    ok(strstr(ex_answer(), "\"text\":\"x\"") != NULL, "in its form");
}


static void
test_bounds(void)
{
    char    *text, *p;
    size_t   i;

    ex_start(CHAT, 1, 0);
    is(ex_events(json(C("{'index':128,'delta':{}}")), 99), NGX_DECLINED,
       "too many choices");

    ex_start(CHAT, 1, 0);
    is(ex_events(json(C("7")), 99), NGX_DECLINED, "a choice that is none");

    ex_start(CHAT, 1, 0);
    is(ex_events(json(D("'tool_calls':[7]")), 99), NGX_DECLINED,
       "a call that is none");

    ex_start(CHAT, 1, 0);
    is(ex_events(json("data: 7\n\n"), 99), NGX_DECLINED, "no object");

    text = malloc(100000);

    p = text + sprintf(text, "data: {'choices':[{'delta':{'tool_calls':[");

    for (i = 0; i < 1100; i++) {
        p += sprintf(p, "%s{'function':{'name':'f'}}", i ? "," : "");
    }

    sprintf(p, "]}}]}\n\n");

    ex_start(CHAT, 1, 0);
    is(ex_events(json(text), 99), NGX_DECLINED, "too many calls");

    p = text + sprintf(text, "data: {'choices':[{'delta':{'x':1");

    for (i = 0; i < 300; i++) {
        p += sprintf(p, ",'m%d':1", (int) i);
    }

    sprintf(p, "}}]}\n\n");

    ex_start(CHAT, 0, 0);
    is(ex_events(json(text), 99), NGX_DECLINED, "too many members");
    faults(0, "", "The provider's answer has too many members.", "is told");

    free(text);
}


static void
test_utf8(void)
{
    char  *p;

    ex_start(CHAT, 1, 0);
    ex_events(json(FIRST D("'content':'\xff'") F("stop") END), 9);
    p = ex_answer();
    is_str(p, strlen(p), json(FIRST D("'content':'\xff'") F("stop") END),
           "no UTF-8 passes where nothing is put right");

    ex_start(CHAT, 1, 0);
    ex_events(json(D("'content':'\xc3\xa9\xff\xe2\x82'") F("stop") END), 9);
    p = ex_answer();
    is_str(p, strlen(p), json(
        D("'content':'\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd',"
          "'role':'assistant'") F("stop") END),
        "else it is replaced");
}


static void
test_no_memory(void)
{
    survives(stream_once, "a stream that is put right");
    survives(object_once, "an object that is put right");
    survives(gather_once, "a stream that becomes an object");
    survives(spread_once, "an object that becomes a stream");
}


static ngx_int_t
stream_once(void)
{
    if (ex_start(CHAT, 1, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    return ex_events(json(
        "data: {'choices':[],'prompt_filter_results':[]}\n\n"
        "data: {'choices':[{'delta':{'content':[{'text':'a','x':1},"
        "{'thinking':'t'}],'reasoning':'\xff','tool_calls':[{'function':{"
        "'name':'f','arguments':{}}},{'function':{'name':'g'}}]},\n"
        "data: " USAGE("1") "}]}\n\n"
        "data: {'choices':[{'delta':{},'finish_reason':'eos'}],"
        USAGE("2") "}\n\n"
        "data: {" USAGE("3") "}\n\n" END), 5000);
}


static ngx_int_t
object_once(void)
{
    return object(json("{'choices':[{'message':{'content':[{'text':'a',"
                       "'x':1},{'thinking':'t'}],'tool_calls':[{'function':{"
                       "'name':'f','arguments':{}}}]}," USAGE("1") "}]}"),
                  5000);
}


static ngx_int_t
gather_once(void)
{
    if (ex_start(CHAT, 0, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    return ex_events(json(
        C("{'delta':{'content':'a','tool_calls':[{'function':{'name':'f'}}],"
          "'annotations':[1],'audio':{'id':'u'}},'logprobs':{'content':[]}}")
        C("{'delta':{'content':'b','annotations':[2]}}")
        NAMED("", USAGE("3")) END), 5000);
}


static ngx_int_t
spread_once(void)
{
    if (ex_start(CHAT, 1, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    return ex_json(json("{'choices':[{'message':{'content':'a',"
                        "'tool_calls':[{'function':{'name':'f'}}]}}],"
                        USAGE("3") "}"));
}


/* the text with quotation marks; it lives until the tenth call after this */

static char *
json(const char *text)
{
    char  *p;

    static char        *kept[10];
    static ngx_uint_t   n;

    free(kept[n]);

    kept[n] = strdup(text);

    for (p = kept[n]; *p; p++) {
        if (*p == '\'') {
            *p = '"';
        }
    }

    p = kept[n];
    n = (n + 1) % 10;

    return p;
}


/* what was written, without the digits of random names */

static char *
masked(void)
{
    char        *p, *dst, *text;
    ngx_uint_t   i;

    static const char *const  prefixes[] = { "\"call_", "\"chatcmpl-",
                                             "\"cmpl-", NULL };

    text = ex_answer();
    dst = text;

    for (p = text; *p; /* void */ ) {

        for (i = 0; prefixes[i]; i++) {

            if (strncmp(p, prefixes[i], strlen(prefixes[i])) == 0
                && strlen(p) > strlen(prefixes[i]) + 24
                && p[strlen(prefixes[i]) + 24] == '"')
            {
                break;
            }
        }

        if (prefixes[i] == NULL) {
            *dst++ = *p++;
            continue;
        }

        memmove(dst, p, strlen(prefixes[i]));
        dst += strlen(prefixes[i]);
        *dst++ = '*';
        p += strlen(prefixes[i]) + 24;
    }

    *dst = '\0';

    return text;
}


static ngx_int_t
object(const char *text, size_t cut)
{
    u_char     *p;
    size_t      i, n, len;
    ngx_int_t   rc;

    len = strlen(text);
    rc = ex_start(CHAT, 0, 0);

    for (i = 0; i < len && rc == NGX_OK; i += cut) {
        n = ngx_min(cut, len - i);

        p = malloc(n);
        memcpy(p, text + i, n);
        rc = ex_target.dialect->check(&ex, p, p + n);
        free(p);
    }

    if (rc == NGX_OK) {
        rc = ex_target.dialect->check(&ex, NULL, NULL);
    }

    return rc == NGX_DONE ? ex_json(text) : rc;
}
