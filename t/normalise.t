# Servers of OpenAI's dialect that write it in their own way reach the client
# in OpenAI's, buffered and streamed, however their bytes are cut; what is
# well-formed passes byte for byte (wire format sections 6.2, 7.2 and 7.4).

use Test::Nginx::Socket 'no_plan';

our $yaml = <<'_EOC_';
>>> llmbroker.yaml
models:
  gpt:
    provider: openai
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    api_key: sk-test
    timeout: 2
_EOC_

add_block_preprocessor(sub {
    my $block = shift;

    my $options = $block->usage ? '"stream_options":{"include_usage":true},'
                                : '';

    $block->set_value('http_config', <<'_EOC_');
    llmbroker_config ../html/llmbroker.yaml;

    log_format tokens '$llmbroker_prompt_tokens|$llmbroker_completion_tokens'
                      '|$llmbroker_finish_reason|$llmbroker_error';
_EOC_

    $block->set_value('user_files', $yaml);
    $block->set_value('config', <<'_EOC_');
    location / {
        llmbroker;
        access_log logs/access.log tokens;
    }
_EOC_

    $block->set_value('tcp_listen', '$TEST_NGINX_RAND_PORT_1');
    $block->set_value('request', "POST /v1/chat/completions\n"
                      . '{"model":"gpt",' . $options
                      . ($block->stream ? '"stream":true,' : '')
                      . '"messages":[{"role":"user","content":"a"}]}');

    # what the provider says: JSON or events, whole or byte by byte

    my $says = $block->says;
    my $type = $block->type ? $block->type
               : $says =~ /^\s*[\[{<]/ ? 'application/json'
                                       : 'text/event-stream';

    my $answer = "HTTP/1.1 200 OK\r\nContent-Type: $type\r\n\r\n" . $says;

    $block->set_value('tcp_reply', $block->cut ? [split //, $answer]
                                               : $answer);
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: a well-formed answer with a call passes byte for byte
--- says eval
'{ "id":"i","object":"chat.completion","created":7,"model":"v","choices":[ {"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls","x":1.50} ] }'
--- response_body eval
'{ "id":"i","object":"chat.completion","created":7,"model":"v","choices":[ {"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls","x":1.50} ] }'
--- access_log
-|-|tool_calls|-



=== TEST 2: an answer in parts, with calls of null, is put right
--- says eval
'{"id":"i","object":"chat.completion","created":7,"model":"v","choices":[{"index":0,"message":{"role":"assistant","tool_calls":null,"content":[{"type":"thinking","thinking":[{"type":"text","text":"t"}]},{"type":"text","text":"x"}]},"finish_reason":"model_length"}],"usage":{"prompt_tokens":3,"completion_tokens":4,"n":1.50}}'
--- response_body eval
'{"id":"i","object":"chat.completion","created":7,"model":"v","choices":[{"index":0,"message":{"role":"assistant","content":"x","reasoning_content":"t"},"finish_reason":"length"}],"usage":{"prompt_tokens":3,"completion_tokens":4,"n":1.50}}'
--- access_log
3|4|length|-



=== TEST 3: the same, byte by byte
--- cut: 1
--- says eval
'{"id":"i","object":"chat.completion","created":7,"model":"v","choices":[{"index":0,"message":{"role":null,"content":"x"},"finish_reason":"stop"}]}'
--- response_body eval
'{"id":"i","object":"chat.completion","created":7,"model":"v","choices":[{"index":0,"message":{"role":"assistant","content":"x"},"finish_reason":"stop"}]}'



=== TEST 4: a stream of fragments with empty ids, usage with the last choice (C16, C17)
--- stream: 1
--- usage: 1
--- cut: 1
--- says eval
': PROCESSING

data: {"id":"i","object":"chat.completion.chunk","created":7,"model":"v","choices":[{"index":0,"delta":{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]}}]}

data: {"id":"i","object":"chat.completion.chunk","created":7,"model":"v","choices":[{"index":0,"delta":{"role":null,"tool_calls":[{"index":0,"id":"","type":"function","function":{"name":"","arguments":"{}"}}]}}]}

data: {"id":"i","object":"chat.completion.chunk","created":7,"model":"v","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":3,"completion_tokens":4}}

data: [DONE]

'
--- response_body eval
'data: {"id":"i","object":"chat.completion.chunk","created":7,"model":"v","choices":[{"index":0,"delta":{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]},"finish_reason":null}]}

data: {"id":"i","object":"chat.completion.chunk","created":7,"model":"v","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]},"finish_reason":null}]}

data: {"id":"i","object":"chat.completion.chunk","created":7,"model":"v","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}],"usage":null}

data: {"id":"i","object":"chat.completion.chunk","created":7,"model":"v","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}

data: [DONE]

'
--- access_log
3|4|tool_calls|-



=== TEST 5: usage that nobody asked for is learned, not told; no [DONE]
--- stream: 1
--- says eval
'data: {"id":"i","object":"chat.completion.chunk","created":7,"model":"v","choices":[{"index":0,"delta":{"role":"assistant","content":"x"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":4}}

'
--- response_body eval
'data: {"id":"i","object":"chat.completion.chunk","created":7,"model":"v","choices":[{"index":0,"delta":{"role":"assistant","content":"x"},"finish_reason":"stop"}]}

data: [DONE]

'
--- access_log
3|4|stop|-



=== TEST 6: an object where a stream was asked for, laid out in lines
--- stream: 1
--- says eval
'{
  "id": "i", "object": "chat.completion", "created": 7, "model": "v",
  "choices": [{"index": 0, "message": {"role": "assistant", "content": "x",
               "annotations": [{"a":
                 1}]}, "finish_reason": "stop"}]
}'
--- response_body eval
'data: {"id":"i","object":"chat.completion.chunk","created":7,"model":"v","choices":[{"index":0,"delta":{"role": "assistant", "content": "x",                "annotations": [{"a":                  1}]},"finish_reason":null}]}

data: {"id":"i","object":"chat.completion.chunk","created":7,"model":"v","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}

data: [DONE]

'



=== TEST 7: a stream where an object was asked for
--- cut: 1
--- says eval
'data: {"id":"i","object":"chat.completion.chunk","created":7,"model":"v","choices":[{"index":0,"delta":{"role":"assistant","content":"x","a":1.0},"finish_reason":null}]}

data: {"id":"i","object":"chat.completion.chunk","created":7,"model":"v","choices":[{"index":0,"delta":{"content":"y"},"finish_reason":"stop"}]}

data: [DONE]

'
--- response_body eval
'{"id":"i","object":"chat.completion","created":7,"model":"v","choices":[{"index":0,"message":{"role":"assistant","content":"xy","a":1.0},"finish_reason":"stop"}]}'



=== TEST 8: an error of FastAPI's shape in a 200
--- says: {"detail":[{"loc":["a"],"msg":"no such field"}]}
--- error_code: 502
--- response_body_like: "message":"no such field"



=== TEST 9: an error in a list in a stream, before anything was sent
--- stream: 1
--- says eval
'data: [{"error":{"code":429,"message":"slow down"}}]

'
--- error_code: 429
--- response_body_like: "message":"slow down"
--- access_log
rate_limit_exceeded



=== TEST 10: a model that fails on the way (OpenRouter)
--- stream: 1
--- says eval
'data: {"id":"i","object":"chat.completion.chunk","created":7,"model":"v","choices":[{"index":0,"delta":{"role":"assistant","content":"x"},"finish_reason":null}]}

data: {"id":"i","choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}],"error":{"code":"server_error","message":"gone"}}

'
--- error_code: 200
--- response_body_like chomp
^data: \{.*"content":"x".*\}

data: \{"error":\{"message":"gone".*\}\}

$



=== TEST 11: a stream of another dialect is no answer
--- stream: 1
--- says eval
'data: {"type":"message_start","message":{"content":[]}}

data: {"type":"message_stop"}

'
--- error_code: 502
--- response_body_like: "code":"provider_bad_response"



=== TEST 12: a stream that is called something else
--- stream: 1
--- type: text/plain
--- says eval
': x

data: {"id":"i","object":"chat.completion.chunk","created":7,"model":"v","choices":[{"index":0,"delta":{"role":"assistant","content":"x"},"finish_reason":"stop"}]}

data: [DONE]

'
--- response_headers
Content-Type: text/event-stream; charset=utf-8
--- response_body eval
'data: {"id":"i","object":"chat.completion.chunk","created":7,"model":"v","choices":[{"index":0,"delta":{"role":"assistant","content":"x"},"finish_reason":"stop"}]}

data: [DONE]

'
--- access_log
-|-|stop|-



=== TEST 13: the same, byte by byte, behind blank lines, called JSON
--- stream: 1
--- cut: 1
--- type: application/json
--- says eval
'

data: {"id":"i","object":"chat.completion.chunk","created":7,"model":"v","choices":[{"index":0,"delta":{"role":"assistant","content":"x"},"finish_reason":"stop"}]}

data: [DONE]

'
--- response_body eval
'data: {"id":"i","object":"chat.completion.chunk","created":7,"model":"v","choices":[{"index":0,"delta":{"role":"assistant","content":"x"},"finish_reason":"stop"}]}

data: [DONE]

'



=== TEST 14: an object behind blank lines where a stream was asked for
--- stream: 1
--- cut: 1
--- type: text/plain
--- says eval
'

{"id":"i","object":"chat.completion","created":7,"model":"v","choices":[{"index":0,"message":{"role":"assistant","content":"x"},"finish_reason":"stop"}]}'
--- response_body eval
'data: {"id":"i","object":"chat.completion.chunk","created":7,"model":"v","choices":[{"index":0,"delta":{"role":"assistant","content":"x"},"finish_reason":null}]}

data: {"id":"i","object":"chat.completion.chunk","created":7,"model":"v","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}

data: [DONE]

'
