# The mock provider refuses what OpenAI would, in OpenAI's form.

use Test::Nginx::Socket 'no_plan';

add_block_preprocessor(sub {
    my $block = shift;

    $block->set_value('config', 'location / { llmbroker_mock; }');
    $block->set_value('more_headers', 'Authorization: Bearer k')
        if !defined $block->more_headers;
    $block->set_value('request', "POST /v1/chat/completions\n" . $block->body)
        if defined $block->body;
    $block->set_value('request', "POST /v1/chat/completions\n"
            . '{"model":"m","messages":[{"role":"user","content":"a"}],'
            . $block->more . '}')
        if defined $block->more;
    $block->set_value('error_code', 400) if !defined $block->error_code;
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: no key
--- more_headers
X-Api-Key: k
--- body: {"model":"m"}
--- error_code: 401
--- response_headers
Content-Type: application/json
--- response_body chomp
{"error":{"message":"You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth.","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}



=== TEST 2: another scheme
--- more_headers
Authorization: Basic azpr
--- body: {"model":"m"}
--- error_code: 401
--- response_body_like: "invalid_api_key"



=== TEST 3: bad JSON
--- body: {"model":"m"
--- response_body chomp
{"error":{"message":"We could not parse the JSON body of your request.","type":"invalid_request_error","param":null,"code":null}}



=== TEST 4: no object
--- body: [1]
--- response_body_like: could not parse



=== TEST 5: invalid UTF-8
--- request eval
"POST /v1/chat/completions\n{\"model\":\"\xff\"}"
--- response_body_like: could not parse



=== TEST 6: no body
--- request
POST /v1/chat/completions
--- response_body_like: could not parse



=== TEST 7: no model
--- body: {"messages":[]}
--- response_body_like: "param":"model"



=== TEST 8: no messages
--- body: {"model":"m"}
--- response_body_like: "param":"messages","code":"missing_required_parameter"



=== TEST 9: an empty array
--- body: {"model":"m","messages":[]}
--- response_body_like: "param":"messages","code":"empty_array"



=== TEST 10: no array
--- body: {"model":"m","messages":"a"}
--- response_body_like: "param":"messages","code":"invalid_type"



=== TEST 11: an unknown role
--- body: {"model":"m","messages":[{"role":"user","content":"a"},{"role":"x","content":"a"}]}
--- response_body_like: messages\[1\]\.role.*"code":"invalid_value"



=== TEST 12: a user's content is null
--- body: {"model":"m","messages":[{"role":"user","content":null}]}
--- response_body_like: messages\[0\]: expected a string, got null



=== TEST 13: a content that is a number
--- body: {"model":"m","messages":[{"role":"user","content":1}]}
--- response_body_like: messages\[0\]\.content.*"code":"invalid_type"



=== TEST 14: a tool's result that nobody asked for
--- body: {"model":"m","messages":[{"role":"tool","tool_call_id":"a","content":"b"}]}
--- response_body_like: must be a response to a preceding



=== TEST 15: stream_options without a stream
--- more: "stream_options":{"include_usage":true}
--- response_body_like: "param":"stream_options"



=== TEST 16: a stream that is no boolean
--- more: "stream":1
--- response_body_like: "param":"stream","code":"invalid_type"



=== TEST 17: too warm
--- more: "temperature":2.1
--- response_body_like: "param":"temperature"



=== TEST 18: too many stop sequences
--- more: "stop":["a","b","c","d","e"]
--- response_body_like: "param":"stop"



=== TEST 19: a choice of tools, but no tools
--- more: "tool_choice":"auto"
--- response_body_like: "param":"tool_choice"



=== TEST 20: a prompt that is neither text nor token numbers
--- request
POST /v1/completions
{"model":"m","prompt":[{"a":1}]}
--- response_body_like: "param":"prompt"



=== TEST 21: an unknown path
--- request
POST /v1/"x"
{}
--- error_code: 404
--- response_body chomp
{"error":{"message":"Invalid URL (POST /v1/\"x\")","type":"invalid_request_error","param":null,"code":"unknown_url"}}



=== TEST 22: another method
--- request
GET /v1/chat/completions
--- error_code: 405
--- response_body_like: Not allowed to GET on /v1/chat/completions



=== TEST 23: a refused request keeps the connection
--- config
    location / {
        llmbroker_mock;
    }
--- pipelined_requests eval
["POST /v1/chat/completions\n{", "GET /v1/models"]
--- error_code eval
[400, 200]
