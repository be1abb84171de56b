# The mock provider speaks DashScope's native dialect.

use Test::Nginx::Socket 'no_plan';

add_block_preprocessor(sub {
    my $block = shift;

    my $knobs = $block->knobs || '';

    $block->set_value('config', "location / { llmbroker_mock $knobs; }");
    $block->set_value('more_headers', 'Authorization: Bearer k'
        . (defined $block->sse ? "\nX-DashScope-SSE: enable" : ''))
        if !defined $block->more_headers;

    if (!defined $block->request) {
        my $input = $block->input
            || '{"messages":[{"role":"user","content":"a b"}]}';
        my $parameters = $block->parameters || '{}';

        $block->set_value('request',
            "POST /api/v1/services/aigc/text-generation/generation\n"
            . "{\"model\":\"m\",\"input\":$input,"
            . "\"parameters\":$parameters}");
    }
});

our $usage = '"prompt_tokens_details":{"cached_tokens":0}},'
    . '"request_id":"req-mock"}';

sub frames {
    my $n = 0;

    return join '', map {
        $n++;
        "id:$n\nevent:result\n:HTTP_STATUS/200\ndata:$_$main::usage\n\n"
    } @_;
}

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: the old form is the default
--- response_body chomp
{"output":{"finish_reason":"stop","text":"echo: a b"},"usage":{"total_tokens":5,"output_tokens":3,"input_tokens":2,"prompt_tokens_details":{"cached_tokens":0}},"request_id":"req-mock"}



=== TEST 2: result_format message
--- parameters: {"result_format":"message"}
--- response_body chomp
{"output":{"choices":[{"message":{"content":"echo: a b","role":"assistant"},"index":0,"finish_reason":"stop"}]},"usage":{"total_tokens":5,"output_tokens":3,"input_tokens":2,"prompt_tokens_details":{"cached_tokens":0}},"request_id":"req-mock"}



=== TEST 3: a prompt instead of messages
--- input: {"prompt":"say it"}
--- response_body_like: "text":"echo: say it"



=== TEST 4: a stream grows (N6) and has the usage so far (N2)
--- sse
--- response_headers
Content-Type: text/event-stream;charset=UTF-8
--- response_body eval
main::frames(
    '{"output":{"finish_reason":"null","text":"echo:"},"usage":{"total_tokens":3,"output_tokens":1,"input_tokens":2,',
    '{"output":{"finish_reason":"null","text":"echo: a"},"usage":{"total_tokens":4,"output_tokens":2,"input_tokens":2,',
    '{"output":{"finish_reason":"null","text":"echo: a b"},"usage":{"total_tokens":5,"output_tokens":3,"input_tokens":2,',
    '{"output":{"finish_reason":"stop","text":"echo: a b"},"usage":{"total_tokens":5,"output_tokens":3,"input_tokens":2,')



=== TEST 5: incremental output
--- sse
--- parameters: {"result_format":"message","incremental_output":true}
--- response_body eval
main::frames(
    '{"output":{"choices":[{"message":{"content":"echo:","role":"assistant"},"index":0,"finish_reason":"null"}]},"usage":{"total_tokens":3,"output_tokens":1,"input_tokens":2,',
    '{"output":{"choices":[{"message":{"content":" a","role":"assistant"},"index":0,"finish_reason":"null"}]},"usage":{"total_tokens":4,"output_tokens":2,"input_tokens":2,',
    '{"output":{"choices":[{"message":{"content":" b","role":"assistant"},"index":0,"finish_reason":"null"}]},"usage":{"total_tokens":5,"output_tokens":3,"input_tokens":2,',
    '{"output":{"choices":[{"message":{"content":"","role":"assistant"},"index":0,"finish_reason":"stop"}]},"usage":{"total_tokens":5,"output_tokens":3,"input_tokens":2,')



=== TEST 6: quirks: the last text comes with the finish reason (N3)
--- sse
--- knobs: quirks=1 chunks=1
--- parameters: {"result_format":"message","incremental_output":true}
--- response_body eval
main::frames(
    '{"output":{"choices":[{"message":{"content":"echo: a b","role":"assistant"},"index":0,"finish_reason":"stop"}]},"usage":{"total_tokens":5,"output_tokens":3,"input_tokens":2,')



=== TEST 7: Accept asks for a stream, too
--- more_headers
Authorization: Bearer k
Accept: text/event-stream
--- response_headers
Content-Type: text/event-stream;charset=UTF-8
--- response_body_like: ^id:1\n



=== TEST 8: max_tokens and stop
--- parameters: {"max_tokens":2,"stop":"zzz"}
--- response_body_like: "finish_reason":"length","text":"echo: a"



=== TEST 9: embeddings
--- request
POST /api/v1/services/embeddings/text-embedding/text-embedding
{"model":"m","input":{"texts":["a b","c"]},"parameters":{"dimension":2}}
--- response_body_like: ^\{"output":\{"embeddings":\[\{"text_index":0,"embedding":\[-?[01]\.\d{6},-?[01]\.\d{6}\]\},\{"text_index":1,"embedding":\[[^]]+\]\}\]\},"usage":\{"total_tokens":3\},"request_id":"req-mock"\}$



=== TEST 10: no key
--- more_headers
X-DashScope-SSE: enable
--- error_code: 401
--- response_headers
Content-Type: application/json
--- response_body chomp
{"code":"InvalidApiKey","message":"No API-key provided.","request_id":"req-mock"}



=== TEST 11: bad JSON
--- request
POST /api/v1/services/aigc/text-generation/generation
{"model":
--- error_code: 400
--- response_body_like: ^\{"code":"InvalidParameter"



=== TEST 12: a temperature of 2
--- parameters: {"temperature":2}
--- error_code: 400
--- response_body_like: ^\{"code":"InvalidParameter","message":"Temperature should be in \[0\.0, 2\.0\)"



=== TEST 13: no input
--- request
POST /api/v1/services/aigc/text-generation/generation
{"model":"m"}
--- error_code: 400
--- response_body_like: ^\{"code":"BadRequest.EmptyInput"



=== TEST 14: multimodal generation has parts
--- request
POST /api/v1/services/aigc/multimodal-generation/generation
{"model":"m","input":{"messages":[{"role":"user","content":[{"image":"u"},{"text":"a b"}]}]},"parameters":{}}
--- response_body_like: ^\{"output":\{"choices":\[\{"message":\{"content":\[\{"text":"echo: a b"\}\],"role":"assistant"\}



=== TEST 15: and takes nothing else
--- request
POST /api/v1/services/aigc/multimodal-generation/generation
{"model":"m","input":{"messages":[{"role":"user","content":"a b"}]},"parameters":{}}
--- error_code: 400
--- response_body_like: ^\{"code":"InvalidParameter","message":"Input should be a valid list



=== TEST 16: a text model has none
--- input: {"messages":[{"role":"user","content":[{"image":"u"}]}]}
--- error_code: 400
--- response_body_like: ^\{"code":"InvalidURL"



=== TEST 17: thinking
--- parameters: {"result_format":"message","enable_thinking":true}
--- response_body_like: "message":\{"reasoning_content":"hmm","content":"echo: a b",



=== TEST 18: thinking, streamed
--- sse
--- parameters: {"result_format":"message","incremental_output":true,"enable_thinking":true}
--- response_body_like: ^id:1\n(.*\n){2}.*"reasoning_content":"hmm","content":"".*\n\nid:2\n(.*\n){2}.*"message":\{"content":"echo:"



=== TEST 19: growing: incremental_output is ignored
--- sse
--- knobs: growing=1
--- parameters: {"result_format":"message","incremental_output":true}
--- response_body_like: "content":"echo: a",(.|\n)*"content":"echo: a b",(.|\n)*"content":"echo: a b",
