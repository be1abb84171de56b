# The mock provider speaks OpenAI's dialect: chat, text completions, embeddings
# and models, buffered and streamed.

use Test::Nginx::Socket 'no_plan';

add_block_preprocessor(sub {
    my $block = shift;

    my $knobs = $block->knobs || '';

    $block->set_value('config', "location / { llmbroker_mock $knobs; }");
    $block->set_value('more_headers', 'Authorization: Bearer k')
        if !defined $block->more_headers;
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: a chat is echoed, the system prompt goes first, words are counted
--- request
POST /any/prefix/v1/chat/completions
{"model":"m","messages":[{"role":"system","content":"be nice"},{"role":"user","content":"first"},{"role":"assistant","content":"a"},{"role":"user","content":[{"type":"text","text":"hi "},{"type":"image_url","image_url":{"url":"data:"}},{"type":"text","text":"there"}]}]}
--- response_headers
Content-Type: application/json
x-request-id: req_mock
--- response_body chomp
{"id":"chatcmpl-mock","object":"chat.completion","created":1700000000,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"[system: be nice] echo: hi there","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":6,"completion_tokens":6,"total_tokens":12,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}},"system_fingerprint":"fp_mock"}



=== TEST 2: escapes and UTF-8 come back as they went
--- request eval
"POST /v1/chat/completions\n"
. '{"model":"m","messages":[{"role":"user","content":"\u00e9 \ud83d\ude00 \"q\" \/ \n'
. "\xc3\xa9" . '"}]}'
--- response_body_like eval
my $text = quotemeta '"echo: \u00e9 \ud83d\ude00 \"q\" \/ \n' . "\xc3\xa9" . '"';
qr/$text/



=== TEST 3: a stream: role, one chunk a word, finish, [DONE]; no usage unasked
--- request
POST /v1/chat/completions
{"model":"m","stream":true,"messages":[{"role":"user","content":"a b"}]}
--- response_headers
Content-Type: text/event-stream; charset=utf-8
! Content-Length
--- response_body eval
my $head = 'data: {"id":"chatcmpl-mock","object":"chat.completion.chunk",'
    . '"created":1700000000,"model":"m","system_fingerprint":"fp_mock",'
    . '"choices":[{"index":0,"delta":';

join '', map { "$_\n\n" }
    $head . '{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}]}',
    $head . '{"content":"echo:"},"logprobs":null,"finish_reason":null}]}',
    $head . '{"content":" a"},"logprobs":null,"finish_reason":null}]}',
    $head . '{"content":" b"},"logprobs":null,"finish_reason":null}]}',
    $head . '{},"logprobs":null,"finish_reason":"stop"}]}',
    'data: [DONE]'



=== TEST 4: the usage has its own chunk for those who ask, and is null before
--- request
POST /v1/chat/completions
{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"a"}]}
--- response_body_like eval
qr/^(?:data: [^\n]+"usage":null\}\n\n){4}data: [^\n]+"choices":\[\],"usage":\{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,[^\n]+\n\ndata: \[DONE\]\n\n$/



=== TEST 5: max_tokens cuts behind a word
--- request
POST /v1/chat/completions
{"model":"m","max_tokens":2,"messages":[{"role":"user","content":"one two three"}]}
--- response_body_like: "content":"echo: one",.*"finish_reason":"length".*"completion_tokens":2,



=== TEST 6: max_completion_tokens wins, and what fits is not cut
--- request
POST /v1/chat/completions
{"model":"m","max_tokens":1,"max_completion_tokens":3,"messages":[{"role":"user","content":"one two"}]}
--- response_body_like: "content":"echo: one two",.*"finish_reason":"stop"



=== TEST 7: the stop sequence that occurs first cuts, escapes considered
--- request
POST /v1/chat/completions
{"model":"m","stop":["three","tw\u006f"],"messages":[{"role":"user","content":"o\u006ee two three"}]}
--- response_body_like: "content":"echo: o\\u006ee ",.*"finish_reason":"stop"



=== TEST 8: several choices
--- request
POST /v1/chat/completions
{"model":"m","n":2,"messages":[{"role":"user","content":"q"}]}
--- response_body_like: "index":0,"message":\{"role":"assistant","content":"echo: q".*"index":1,"message":\{"role":"assistant","content":"echo: q".*"completion_tokens":4,



=== TEST 9: streamed choices take turns
--- request
POST /v1/chat/completions
{"model":"m","n":2,"stream":true,"messages":[{"role":"user","content":"q"}]}
--- response_body_like eval
my @order = map { qr/"index":$_,[^\n]+\n\n/ } 0, 1, 0, 1, 0, 1, 0, 1;
qr/^@{[ join 'data: [^\n]+', '', @order ]}data: \[DONE\]\n\n$/



=== TEST 10: a text completion
--- request
POST /v1/completions
{"model":"m","prompt":"say it"}
--- response_body chomp
{"id":"cmpl-mock","object":"text_completion","created":1700000000,"model":"m","choices":[{"index":0,"text":"echo: say it","logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":2,"completion_tokens":3,"total_tokens":5,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}},"system_fingerprint":"fp_mock"}



=== TEST 11: several prompts, one of them of token numbers
--- request
POST /v1/completions
{"model":"m","prompt":["a",[1,2]]}
--- response_body_like: "index":0,"text":"echo: a",.*"index":1,"text":"echo: \[1,2\]",.*"prompt_tokens":3,



=== TEST 12: a streamed text completion
--- request
POST /v1/completions
{"model":"m","stream":true,"prompt":"a"}
--- response_body_like eval
qr/^data: [^\n]+"object":"text_completion"[^\n]+\{"index":0,"text":"echo:","logprobs":null,"finish_reason":null\}\]\}\n\ndata: [^\n]+"text":" a"[^\n]+\n\ndata: [^\n]+"text":"","logprobs":null,"finish_reason":"stop"\}\]\}\n\ndata: \[DONE\]\n\n$/



=== TEST 13: the list of models
--- request
GET /v1/models
--- response_body chomp
{"object":"list","data":[{"id":"mock-model","object":"model","created":1700000000,"owned_by":"mock"}]}



=== TEST 14: any model, its name escaped
--- request
GET /v1/models/org/a%22b
--- response_body chomp
{"id":"org/a\"b","object":"model","created":1700000000,"owned_by":"mock"}



=== TEST 15: quirks: finish_reason is missing, role is null (C16)
--- knobs: quirks=1
--- request
POST /compatible-mode/v1/chat/completions
{"model":"m","stream":true,"messages":[{"role":"user","content":"a"}]}
--- response_body_like eval
qr/^data: [^\n]+\{"role":"assistant","content":""\}\}\],"usage":null\}\n\ndata: [^\n]+\{"role":null,"content":"echo:"\}\}\],"usage":null\}\n\n/
--- response_body_unlike: "finish_reason":null
