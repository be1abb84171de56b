# One client, four dialects behind it: the answer is OpenAI's, whoever gives
# it, buffered or streamed (wire format sections 4 and 6).

use Test::Nginx::Socket 'no_plan';

our $yaml = <<'_EOC_';
>>> llmbroker.yaml
models:
  claude:
    provider: claude
    model_name: claude-sonnet-4-5
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/anthropic/v1
    api_key: sk-test
  qwen:
    provider: qwen
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/dashscope/api/v1
    api_key: sk-test
  compat:
    provider: qwen
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/compatible-mode/v1
    api_key: sk-test
_EOC_

add_block_preprocessor(sub {
    my $block = shift;

    my $knobs = $block->knobs;
    $knobs = '' unless defined $knobs;

    $block->set_value('http_config', <<"_EOC_");
    llmbroker_config ../html/llmbroker.yaml;

    log_format tokens '\$llmbroker_model|\$llmbroker_provider'
                      '|\$llmbroker_upstream_model|\$llmbroker_stream'
                      '|\$llmbroker_prompt_tokens|\$llmbroker_completion_tokens'
                      '|\$llmbroker_total_tokens|\$llmbroker_finish_reason'
                      '|\$llmbroker_error';

    server {
        listen 127.0.0.1:\$TEST_NGINX_RAND_PORT_1;
        location / { llmbroker_mock $knobs; }
    }
_EOC_

    $block->set_value('user_files', $yaml);
    $block->set_value('config', <<'_EOC_');
    location / {
        llmbroker;
        access_log logs/access.log tokens;
    }
_EOC_
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: Claude, buffered
--- request
POST /v1/chat/completions
{"model":"claude","messages":[{"role":"system","content":"Be \"brief\"."},{"role":"user","content":"caf\u00e9 \ud83d\ude00 a\/b"}],"max_tokens":100}
--- response_headers
Content-Type: application/json
x-llmbroker-model: claude
x-llmbroker-provider: claude
--- response_body_like chomp
^\{"id":"[^"]+","object":"chat\.completion","created":\d+,"model":"[^"]+","choices":\[\{"index":0,"message":\{"role":"assistant","content":"\[system: Be \\"brief\\"\.\] echo: caf(\\u00e9|é) (\\ud83d\\ude00|😀) a\\?/b","refusal":null\},"logprobs":null,"finish_reason":"stop"\}\],"usage":\{"prompt_tokens":\d+,"completion_tokens":\d+,"total_tokens":\d+
--- access_log
claude|claude|claude-sonnet-4-5|0|5|7|12|stop|-



=== TEST 2: Claude, streamed
--- request
POST /v1/chat/completions
{"model":"claude","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"a b c"}]}
--- response_headers
Content-Type: text/event-stream; charset=utf-8
--- response_body_like chomp
^data: \{"id":"[^"]+","object":"chat\.completion\.chunk","created":\d+,"model":"[^"]+","choices":\[\{"index":0,"delta":\{"role":"assistant","content":""(.|\n)*"delta":\{\}(.|\n)*"finish_reason":"stop"(.|\n)*"choices":\[\],"usage":\{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7(.|\n)*data: \[DONE\]

$
--- access_log
claude|claude|claude-sonnet-4-5|1|3|4|7|stop|-



=== TEST 3: Qwen native, buffered
--- request
POST /v1/chat/completions
{"model":"qwen","messages":[{"role":"user","content":"a b c"}]}
--- response_headers
x-llmbroker-provider: qwen
--- response_body_like chomp
"message":\{"role":"assistant","content":"echo: a b c"
--- access_log
qwen|qwen|qwen|0|3|4|7|stop|-



=== TEST 4: Qwen native, streamed
--- request
POST /v1/chat/completions
{"model":"qwen","stream":true,"messages":[{"role":"user","content":"a b c"}]}
--- response_body_like chomp
^data: \{"id":"chatcmpl-(.|\n)*"finish_reason":"stop"(.|\n)*data: \[DONE\]

$
--- access_log
qwen|qwen|qwen|1|3|4|7|stop|-



=== TEST 5: Qwen compatible, streamed
--- request
POST /v1/chat/completions
{"model":"compat","stream":true,"messages":[{"role":"user","content":"a b c"}]}
--- response_body_like chomp
^data: (.|\n)*"finish_reason":"stop"(.|\n)*data: \[DONE\]

$
--- access_log
compat|qwen|compat|1|3|4|7|stop|-



=== TEST 6: what Claude has not is dropped and named
--- request
POST /v1/chat/completions
{"model":"claude","seed":1,"logit_bias":{},"messages":[{"role":"user","content":"a"}]}
--- response_headers
x-llmbroker-dropped-params: seed, logit_bias
--- response_body_like: echo: a



=== TEST 7: legacy completions over Claude
--- request
POST /v1/completions
{"model":"claude","prompt":"a b c"}
--- response_body_like chomp
^\{"id":"[^"]+","object":"text_completion","created":\d+,"model":"[^"]+","choices":\[\{"text":"echo: a b c","index":0,"logprobs":null,"finish_reason":"stop"\}\]



=== TEST 8: legacy completions over Qwen, streamed
--- request
POST /v1/completions
{"model":"qwen","prompt":["a b c"],"stream":true}
--- response_body_like chomp
^data: \{"id":"[^"]+","object":"text_completion"(.|\n)*"finish_reason":"stop"(.|\n)*data: \[DONE\]

$



=== TEST 9: length
--- request
POST /v1/chat/completions
{"model":"claude","max_tokens":2,"messages":[{"role":"user","content":"a b c"}]}
--- response_body_like: "finish_reason":"length"
--- access_log
|length|



=== TEST 10: Claude's errors (E)
--- knobs: status=529
--- request
POST /v1/chat/completions
{"model":"claude","messages":[{"role":"user","content":"a"}]}
--- error_code: 502
--- response_body_like: "message":"mock error 529","type":"upstream_error","param":null,"code":"provider_unavailable"



=== TEST 11: Claude's rate limit
--- knobs: status=429 retry_after=3
--- request
POST /v1/chat/completions
{"model":"claude","stream":true,"messages":[{"role":"user","content":"a"}]}
--- error_code: 429
--- response_headers
Retry-After: 3
--- response_body_like: "type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"



=== TEST 12: Qwen's errors (N)
--- knobs: status=400
--- request
POST /v1/chat/completions
{"model":"qwen","messages":[{"role":"user","content":"a"}]}
--- error_code: 400
--- response_body_like: "message":"mock error 400","type":"invalid_request_error"



=== TEST 13: an error in Claude's stream
--- knobs: error_event=1
--- request
POST /v1/chat/completions
{"model":"claude","stream":true,"messages":[{"role":"user","content":"a b c d e f"}]}
--- response_body_like chomp
^data: (.|\n)*data: \{"error":\{[^\n]*\}\}

$
--- response_body_unlike: DONE



=== TEST 14: an error in Qwen's stream
--- knobs: error_event=1
--- request
POST /v1/chat/completions
{"model":"qwen","stream":true,"messages":[{"role":"user","content":"a b c d e f"}]}
--- response_body_like chomp
^data: (.|\n)*data: \{"error":\{[^\n]*\}\}

$
--- response_body_unlike: DONE



=== TEST 15: Claude cut before message_stop
--- knobs: cut=600
--- request
POST /v1/chat/completions
{"model":"claude","stream":true,"messages":[{"role":"user","content":"a b c d e f"}]}
--- response_body_like chomp
^data: (.|\n)*"code":"provider_bad_response"\}\}

$



=== TEST 16: a byte at a time
--- knobs: bytes=1
--- request
POST /v1/chat/completions
{"model":"claude","stream":true,"messages":[{"role":"user","content":"a b c"}]}
--- response_body_like chomp
^data: (.|\n)*"finish_reason":"stop"(.|\n)*data: \[DONE\]

$



=== TEST 17: JSON for a stream
--- knobs: json=1
--- request
POST /v1/chat/completions
{"model":"claude","stream":true,"messages":[{"role":"user","content":"a b c"}]}
--- response_body_like chomp
^data: (.|\n)*echo: a b c(.|\n)*"finish_reason":"stop"(.|\n)*data: \[DONE\]

$



=== TEST 18: a stream for JSON
--- knobs: sse=1
--- request
POST /v1/chat/completions
{"model":"claude","messages":[{"role":"user","content":"a b c"}]}
--- response_headers
Content-Type: application/json
--- response_body_like chomp
"message":\{"role":"assistant","content":"echo: a b c"



=== TEST 19: half a JSON
--- knobs: cut=30
--- request
POST /v1/chat/completions
{"model":"qwen","messages":[{"role":"user","content":"a"}]}
--- error_code: 502
--- response_body_like: "code":"provider_bad_response"
