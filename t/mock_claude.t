# The mock provider speaks Anthropic's dialect and refuses what Anthropic does.

use Test::Nginx::Socket 'no_plan';

add_block_preprocessor(sub {
    my $block = shift;

    $block->set_value('config', 'location / { llmbroker_mock; }');
    $block->set_value('more_headers',
                      "x-api-key: k\nanthropic-version: 2023-06-01")
        if !defined $block->more_headers;

    if (defined $block->body) {
        $block->set_value('request', "POST /v1/messages\n" . $block->body);
    }

    # a conversation in which everything else is right

    if (defined $block->messages) {
        $block->set_value('request', "POST /v1/messages\n"
            . '{"model":"m","max_tokens":9,"tools":[{"name":"f",'
            . '"input_schema":{"type":"object"}}],"messages":['
            . $block->messages . ']}');
    }

    if (defined $block->refused) {
        $block->set_value('error_code', 400);
        $block->set_value('response_body', '{"type":"error","error":'
            . '{"type":"invalid_request_error","message":"' . $block->refused
            . '"},"request_id":"req_mock"}');
    }
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: a message
--- body
{"model":"m","max_tokens":9,"system":[{"type":"text","text":"be"},{"type":"text","text":"nice"}],"messages":[{"role":"user","content":"hi there"}]}
--- response_headers
request-id: req_mock
--- response_body chomp
{"id":"msg_mock","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"[system: be nice] echo: hi there"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":4,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":6}}



=== TEST 2: a stream, with a ping and spaces before the last brace
--- body
{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"a"}]}
--- response_headers
Content-Type: text/event-stream; charset=utf-8
--- response_body eval
join '', map { "$_\n\n" }
    qq(event: message_start\ndata: {"type":"message_start","message":{"id":"msg_mock","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":1,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":1}}}),
    qq(event: ping\ndata: {"type": "ping"}),
    qq(event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}     }),
    qq(event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"echo:"}   }),
    qq(event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" a"} }),
    qq(event: content_block_stop\ndata: {"type":"content_block_stop","index":0      }),
    qq(event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"input_tokens":1,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":2}    }),
    qq(event: message_stop\ndata: {"type":"message_stop"  })



=== TEST 3: max_tokens
--- body
{"model":"m","max_tokens":2,"messages":[{"role":"user","content":"a b"}]}
--- response_body_like: "text":"echo: a"\}\],"stop_reason":"max_tokens"



=== TEST 4: a stop sequence is named
--- body
{"model":"m","max_tokens":9,"stop_sequences":["x","b"],"messages":[{"role":"user","content":"a b"}]}
--- response_body_like: "text":"echo: a "\}\],"stop_reason":"stop_sequence","stop_sequence":"b"



=== TEST 5: an answer without text has no block
--- body
{"model":"m","max_tokens":0,"stream":true,"messages":[{"role":"user","content":"a"}]}
--- response_body_unlike: content_block
--- response_body_like: "stop_reason":"max_tokens"



=== TEST 6: counting tokens
--- request
POST /v1/messages/count_tokens
{"model":"m","messages":[{"role":"user","content":"a b c"}]}
--- response_body chomp
{"input_tokens":3}



=== TEST 7: a bearer token will do instead of x-api-key
--- more_headers
Authorization: Bearer k
anthropic-version: 2023-06-01
--- messages: {"role":"user","content":"a"}
--- response_body_like: "text":"echo: a"



=== TEST 8: no key
--- more_headers
anthropic-version: 2023-06-01
--- messages: {"role":"user","content":"a"}
--- error_code: 401
--- response_body chomp
{"type":"error","error":{"type":"authentication_error","message":"x-api-key header is required"},"request_id":"req_mock"}



=== TEST 9: no version
--- more_headers
x-api-key: k
--- messages: {"role":"user","content":"a"}
--- refused: anthropic-version: header is required



=== TEST 10: no max_tokens
--- body
{"model":"m","messages":[{"role":"user","content":"a"}]}
--- refused: max_tokens: Field required



=== TEST 11: fields of OpenAI are not permitted
--- body
{"model":"m","max_tokens":9,"frequency_penalty":1,"messages":[{"role":"user","content":"a"}]}
--- refused: frequency_penalty: Extra inputs are not permitted



=== TEST 12: bad JSON
--- body
{"model":"m",
--- refused: We could not parse the JSON body of your request.



=== TEST 13: the role "system"
--- messages: {"role":"user","content":"a"},{"role":"system","content":"b"}
--- refused: messages.1: role 'system' is not supported on this model



=== TEST 14: the first message must be the user's
--- messages: {"role":"assistant","content":"a"}
--- refused: messages: first message must use the \"user\" role



=== TEST 15: messages of one role in a row are merged
--- messages: {"role":"user","content":"a"},{"role":"user","content":"b"}
--- response_body_like: "text":"echo: b"



=== TEST 16: an empty text block
--- messages: {"role":"user","content":[{"type":"text","text":""}]}
--- refused: messages: text content blocks must be non-empty



=== TEST 17: a blank text
--- messages: {"role":"user","content":" \n"}
--- refused: messages: text content blocks must contain non-whitespace text



=== TEST 18: an assistant's blank text block is accepted
--- messages: {"role":"user","content":"a"},{"role":"assistant","content":[{"type":"text","text":" "}]},{"role":"user","content":"b"}
--- response_body_like: "text":"echo: b"



=== TEST 19: empty content
--- messages: {"role":"user","content":""}
--- refused: messages.0: all messages must have non-empty content except for the optional final assistant message



=== TEST 20: white space at the end of an assistant's last message
--- messages: {"role":"user","content":"a"},{"role":"assistant","content":"b "}
--- refused: messages: final assistant content cannot end with trailing whitespace



=== TEST 21: a call of a tool without its result
--- messages: {"role":"user","content":"a"},{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{}}]},{"role":"user","content":"b"}
--- refused: messages.1: `tool_use` ids were found without `tool_result` blocks immediately after



=== TEST 22: a result without its call
--- messages: {"role":"user","content":[{"type":"tool_result","tool_use_id":"t"}]}
--- refused: messages.0: unexpected `tool_use_id` found in `tool_result` blocks



=== TEST 23: results come before other blocks
--- messages: {"role":"user","content":"a"},{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{}}]},{"role":"user","content":[{"type":"text","text":"b"},{"type":"tool_result","tool_use_id":"t"}]}
--- refused: messages.2: `tool_result` blocks must come before other content



=== TEST 24: tool blocks in a request without tools
--- body
{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t"}]}]}
--- refused: Requests which have `tool_use` or `tool_result` blocks in `messages` must define tools



=== TEST 25: blank stop sequences
--- body
{"model":"m","max_tokens":9,"stop_sequences":[" "],"messages":[{"role":"user","content":"a"}]}
--- refused: stop_sequences: each stop sequence must contain non-whitespace



=== TEST 26: temperature is at most 1
--- body
{"model":"m","max_tokens":9,"temperature":1.5,"messages":[{"role":"user","content":"a"}]}
--- refused: temperature: range: 0..1



=== TEST 27: parts of OpenAI's form
--- messages: {"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}
--- refused: messages.0.content.0: Input tag found using 'type' does not match any of the expected tags



=== TEST 28: an unknown path of a client with this dialect
--- request
POST /v1/unknown
{}
--- error_code: 404
--- response_body chomp
{"type":"error","error":{"type":"not_found_error","message":"Invalid URL (POST /v1/unknown)"},"request_id":"req_mock"}
