# Streams of OpenAI's own dialect: events pass byte for byte, the usage is
# learned and shown to those who asked, errors end a stream in one way.

use Test::Nginx::Socket 'no_plan';

our $yaml = <<'_EOC_';
>>> llmbroker.yaml
models:
  gpt:
    provider: openai
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    api_key: sk-test
    timeout: 1
_EOC_

add_block_preprocessor(sub {
    my $block = shift;

    my $answer = $block->answer;

    $block->set_value('http_config', <<"_EOC_");
    llmbroker_config ../html/llmbroker.yaml;

    log_format tokens '\$llmbroker_model|\$llmbroker_provider'
                      '|\$llmbroker_stream|\$llmbroker_prompt_tokens'
                      '|\$llmbroker_completion_tokens'
                      '|\$llmbroker_total_tokens|\$llmbroker_finish_reason'
                      '|\$llmbroker_attempts|\$llmbroker_error';

    server {
        listen 127.0.0.1:\$TEST_NGINX_RAND_PORT_1;
        default_type text/event-stream;

        location / {
            $answer
        }
    }
_EOC_

    $block->set_value('user_files', $yaml);
    $block->set_value('config', <<'_EOC_');
    location / {
        llmbroker;
        access_log logs/access.log tokens;
    }
_EOC_

    if (!defined $block->request) {
        $block->set_value('request', "POST /v1/chat/completions\n"
            . '{"model":"gpt","stream":true,'
            . '"messages":[{"role":"user","content":"a b c"}]}');
    }
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: events as they came, unknown fields and spacing kept
--- answer: return 200 'data: {"id":"1", "object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"a"},"finish_reason":null}],"x":1.50}\n\ndata: {"id":"i","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n';
--- response_headers
Content-Type: text/event-stream; charset=utf-8
Cache-Control: no-cache
X-Accel-Buffering: no
! Content-Length
x-llmbroker-model: gpt
--- response_body eval
'data: {"id":"1", "object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"a"},"finish_reason":null}],"x":1.50}' . "\n\n"
. 'data: {"id":"i","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}' . "\n\n"
. 'data: [DONE]' . "\n\n"
--- access_log
gpt|openai|1|-|-|-|stop|1|-



=== TEST 2: the usage is asked for, learned and not shown
--- answer: llmbroker_mock;
--- response_body_unlike chomp
"usage":\{
--- access_log
gpt|openai|1|3|4|7|stop|1|-



=== TEST 3: the usage is shown to those who ask
--- answer: llmbroker_mock;
--- request
POST /v1/chat/completions
{"model":"gpt","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"a b c"}]}
--- response_body_like chomp
"choices":\[\],"usage":\{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7
--- access_log
gpt|openai|1|3|4|7|stop|1|-



=== TEST 4: include_usage false means no
--- answer: llmbroker_mock;
--- request
POST /v1/chat/completions
{"model":"gpt","stream":true,"stream_options":{"include_usage":false,"x":1},"messages":[{"role":"user","content":"a b c"}]}
--- response_body_unlike chomp
"usage":\{
--- access_log
gpt|openai|1|3|4|7|stop|1|-



=== TEST 5: a missing [DONE] is made good
--- answer: return 200 'data: {"id":"i","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant"},"finish_reason":"stop"}]}\n\n';
--- response_body eval
'data: {"id":"i","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant"},"finish_reason":"stop"}]}' . "\n\n"
. 'data: [DONE]' . "\n\n"


=== TEST 6: an error as the first event is a real status
--- answer: return 200 'data: {"error":{"message":"too busy","type":"x","code":429}}\n\n';
--- error_code: 429
--- response_headers
Content-Type: application/json
--- response_body_like: "message":"too busy"
--- access_log
|rate_limit_exceeded



=== TEST 7: an error later ends the stream in one event, without [DONE]
--- answer: return 200 'data: {"id":"i","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"a"},"finish_reason":null}]}\n\ndata: {"error":{"message":"too busy"}}\n\ndata: [DONE]\n\n';
--- response_body_like chomp
^data: \{"id":"i","object":"chat.completion.chunk","created":1,"model":"m","choices":\[\{"index":0,"delta":\{"role":"assistant","content":"a"\},"finish_reason":null\}\]\}

data: \{"error":\{"message":"too busy","type":"upstream_error","param":null,"code":"provider_bad_response"\}\}

$



=== TEST 8: a refusal before the stream
--- answer: return 429 '{"error":{"message":"slow"}}';
--- error_code: 429
--- response_headers
Content-Type: application/json



=== TEST 9: JSON in place of a stream becomes one
--- answer: llmbroker_mock json=1;
--- response_headers
Content-Type: text/event-stream; charset=utf-8
--- response_body_like chomp
^data: \{"id":"[^"]+","object":"chat\.completion\.chunk",(.|\n)*"delta":\{"role":"assistant",(.|\n)*echo: a b c(.|\n)*"finish_reason":"stop"(.|\n)*data: \[DONE\]

$
--- access_log
gpt|openai|1|3|4|7|stop|1|-



=== TEST 10: a stream in place of JSON becomes one object
--- answer: llmbroker_mock sse=1;
--- request
POST /v1/chat/completions
{"model":"gpt","messages":[{"role":"user","content":"a b c"}]}
--- response_headers
Content-Type: application/json
--- response_body_like chomp
^\{"id":"[^"]+","object":"chat\.completion",.*"content":"echo: a b c".*"finish_reason":"stop"
--- access_log
gpt|openai|0|



=== TEST 11: the total time is up in the middle
--- answer: llmbroker_mock chunks=3 spacing=700ms;
--- response_body_like chomp
^data: (.|\n)*data: \{"error":\{"message":"The provider did not answer in time\.","type":"upstream_error","param":null,"code":"provider_timeout"\}\}

$
--- access_log
|provider_timeout



=== TEST 12: a stall
--- answer: llmbroker_mock stall=700;
--- response_body_like chomp
^data: (.|\n)*"code":"provider_timeout"\}\}

$



=== TEST 13: cut
--- answer: llmbroker_mock cut=700;
--- response_body_like chomp
^data: (.|\n)*"code":"provider_bad_response"\}\}

$



=== TEST 14: one byte a write
--- answer: llmbroker_mock bytes=1;
--- response_body_like chomp
^data: (.|\n)*data: \[DONE\]

$
--- access_log
gpt|openai|1|3|4|7|stop|1|-



=== TEST 15: a malformed event in the middle
--- answer: llmbroker_mock malformed=1;
--- response_body_like chomp
^data: (.|\n)*"code":"provider_bad_response"\}\}

$



=== TEST 16: legacy completions
--- answer: llmbroker_mock;
--- request
POST /v1/completions
{"model":"gpt","stream":true,"prompt":"a b c"}
--- response_body_like chomp
^data: \{.*"object":"text_completion"(.|\n)*data: \[DONE\]

$
