# DashScope through the gateway: its native dialect (wire format section 6.3)
# and its compatible mode (section 6.2).

use Test::Nginx::Socket 'no_plan';

our $yaml = <<'_EOC_';
>>> llmbroker.yaml
models:
  qwen:
    provider: qwen
    model_name: qwen-plus
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/api/v1
    api_key: d-key
  vl:
    provider: dashscope
    model_name: qwen3-vl-plus
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/api/v1
    api_key: d-key
  media:
    provider: qwen
    model_name: qwen-new
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/api/v1
    api_key: d-key
    capabilities: {multimodal: true}
  text:
    provider: qwen
    model_name: qwen-old
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/api/v1
    api_key: d-key
    capabilities: {multimodal: false}
  compat:
    provider: qwen
    model_name: qwen-plus
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/compatible-mode/v1
    api_key: d-key
proxy:
  allow_dry_run: true
_EOC_

add_block_preprocessor(sub {
    my $block = shift;

    my $knobs = $block->knobs // '';
    my $answer = $block->answer // "llmbroker_mock $knobs;";
    my $type = defined $block->stream ? 'text/event-stream'
                                      : 'application/json';

    if (!defined $block->user_files) {
        $block->set_value('user_files', $yaml);
    }

    $block->set_value('http_config', <<"_EOC_");
    llmbroker_config ../html/llmbroker.yaml;

    log_format tokens '\$llmbroker_upstream_model'
                      '|\$llmbroker_prompt_tokens|\$llmbroker_completion_tokens'
                      '|\$llmbroker_total_tokens|\$llmbroker_cached_tokens'
                      '|\$llmbroker_reasoning_tokens|\$llmbroker_finish_reason'
                      '|\$llmbroker_error';

    server {
        listen 127.0.0.1:\$TEST_NGINX_RAND_PORT_1;
        default_type $type;

        location / {
            if (\$http_authorization != "Bearer d-key") {
                return 401;
            }

            $answer
        }
    }
_EOC_

    if (!defined $block->config) {
        $block->set_value('config', <<'_EOC_');
    location / {
        llmbroker;
        access_log logs/access.log tokens;
    }
_EOC_
    }

    if (defined $block->ask) {
        my $ask = $block->ask;

        $ask = '"messages":[{"role":"user","content":"a b"}]'
               . ($ask ? ",$ask" : '')
            if $ask !~ /"messages"/;

        $ask = '"stream":true,' . $ask if defined $block->stream;

        $block->set_value('request', "POST /v1/chat/completions\n"
                          . '{"model":"' . ($block->model // 'qwen') . '",'
                          . "$ask}");
    }

    if (defined $block->dry) {
        $block->set_value('more_headers', 'x-llmbroker-dry-run: 1');
    }
});

# what the deltas of a stream say in one member

sub told {
    my ($body, $member) = @_;

    return join '', $body =~ /"$member":"((?:[^"\\]|\\.)*)"/g;
}

no_long_string();
no_root_location();

run_tests();

__DATA__

=== TEST 1: a picture takes the request to multimodal generation
--- dry
--- ask: "messages":[{"role":"user","content":[{"type":"text","text":"what?"},{"type":"image_url","image_url":{"url":"https://i.example/1.png"}}]}]
--- response_body_like chomp
"url":"http://127\.0\.0\.1:\d+/api/v1/services/aigc/multimodal-generation/generation".*"body":\{"model":"qwen-plus","input":\{"messages":\[\{"role":"user","content":\[\{"text":"what\?"\},\{"image":"https://i\.example/1\.png"\}\]\}\]\},"parameters":\{"result_format":"message"\}\}



=== TEST 2: text does not
--- dry
--- ask:
--- response_body_like: "url":"http://127\.0\.0\.1:\d+/api/v1/services/aigc/text-generation/generation"



=== TEST 3: a multimodal model, buffered
--- model: vl
--- ask:
--- response_body_like: "model":"qwen3-vl-plus","choices":\[\{"index":0,"message":\{"role":"assistant","content":"echo: a b","refusal":null\}
--- access_log
qwen3-vl-plus|2|3|5|0|-|stop|-



=== TEST 4: a multimodal model, streamed
--- model: vl
--- ask:
--- stream
--- response_body_filters eval
[sub { main::told($_[0], 'content') }]
--- response_body chomp
echo: a b



=== TEST 5: one by its capabilities
--- model: media
--- ask:
--- dry
--- response_body_like: multimodal-generation/generation.*"content":\[\{"text":"a b"\}\]



=== TEST 6: and one that is not
--- model: text
--- ask: "messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"u"}}]}]
--- error_code: 400
--- response_body_like: "param":"messages\[0\]\.content","code":"unsupported_value"



=== TEST 7: capabilities that nobody has
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: qwen, capabilities: {vision: true}}
--- must_die
--- error_log
the one capability of a Qwen model is "multimodal", true or false



=== TEST 8: a stream that repeats all so far (N6)
--- knobs: growing=1
--- ask: "messages":[{"role":"user","content":"a b c d e f g h i j"}]
--- stream
--- response_body_filters eval
[sub { main::told($_[0], 'content') }]
--- response_body chomp
echo: a b c d e f g h i j
--- access_log
qwen-plus|10|11|21|0|-|stop|-



=== TEST 9: tool calls that are repeated so
--- knobs: growing=1
--- ask: "messages":[{"role":"user","content":"call f {\"a\":[1,2,3]}"}],"tools":[{"type":"function","function":{"name":"f"}}]
--- stream
--- response_body_filters eval
[sub { main::told($_[0], 'name') . ' ' . main::told($_[0], 'arguments') . ' ' . main::told($_[0], 'finish_reason') }]
--- response_body_like: ^f \{.*\} tool_calls$



=== TEST 10: thinking
--- ask: "reasoning_effort":"low"
--- response_body_like: "content":"echo: a b","refusal":null,"reasoning_content":"hmm"



=== TEST 11: thinking, streamed
--- ask: "enable_thinking":true
--- stream
--- response_body_filters eval
[sub { main::told($_[0], 'reasoning_content') . '|' . main::told($_[0], 'content') }]
--- response_body chomp
hmm|echo: a b



=== TEST 12: an error within a stream (N8)
--- knobs: error_event=2
--- ask:
--- stream
--- response_body_like: "content":"echo:"(.|\n)*data: \{"error":\{"message":"[^"]+","type":"upstream_error","param":null,"code":"provider_unavailable"\}\}\n\n$
--- response_body_unlike: DONE



=== TEST 13: an error as the first event is a status
--- stream
--- answer: return 200 "id:1\nevent:error\n:HTTP_STATUS/429\ndata:{\"code\":\"Throttling.RateQuota\",\"message\":\"slow down\",\"request_id\":\"r\"}\n\n";
--- ask:
--- error_code: 429
--- response_body
{"error":{"message":"slow down","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}}



=== TEST 14: an error in a 200 answer
--- answer: return 200 '{"status_code":400,"code":"DataInspectionFailed","message":"no","output":null}';
--- ask:
--- error_code: 400
--- response_body
{"error":{"message":"no","type":"invalid_request_error","param":null,"code":"content_filter"}}



=== TEST 15: no money
--- answer: return 400 '{"code":"Arrearage","message":"pay","request_id":"r"}';
--- ask:
--- error_code: 429
--- response_body_like: "type":"insufficient_quota","param":null,"code":"insufficient_quota"



=== TEST 16: what OpenAI does not have
--- answer: return 200 '{"output":{"search_info":{"search_results":[{"url":"u"}]},"choices":[{"message":{"content":"x"},"finish_reason":"stop"}]},"usage":{"input_tokens":1,"output_tokens":1,"total_tokens":2},"request_id":"r"}';
--- ask: "web_search_options":{}
--- response_body_like: "content":"x","refusal":null,"provider_specific_fields":\{"search_info":\{"search_results":\[\{"url":"u"\}\]\}\}



=== TEST 17: the time that it took (C19)
--- answer: add_header req-cost-time 161; add_header x-dashscope-finished true; return 200 '{"output":{"text":"x"}}';
--- ask:
--- response_headers
openai-processing-ms: 161
req-cost-time:
x-dashscope-finished:
--- response_body_like: "content":"x"



=== TEST 18: several choices with tools are refused (C8)
--- ask: "n":2,"tools":[{"type":"function","function":{"name":"f"}}]
--- error_code: 400
--- response_body_like: "param":"n","code":"unsupported_value"



=== TEST 19: several choices are not
--- ask: "n":2
--- response_body_like: "index":0,.*"index":1,



=== TEST 20: a legacy function is called in the old form
--- ask: "messages":[{"role":"user","content":"call f"}],"functions":[{"name":"f"}]
--- response_body_like: "function_call":\{"name":"f","arguments":".*"finish_reason":"function_call"



=== TEST 21: a custom tool
--- ask: "messages":[{"role":"user","content":"call sql {\"input\":\"select 1\"}"}],"tools":[{"type":"custom","custom":{"name":"sql"}}]
--- response_body_like: "type":"custom","custom":\{"name":"sql","input":"



=== TEST 22: embeddings
--- request
POST /v1/embeddings
{"model":"qwen","input":["a b","c"],"dimensions":2}
--- response_body_like: ^\{"object":"list","data":\[\{"object":"embedding","index":0,"embedding":\[-?[01]\.\d{6},-?[01]\.\d{6}\]\},\{"object":"embedding","index":1,"embedding":\[[^]]+\]\}\],"model":"qwen-plus","usage":\{"prompt_tokens":3,"total_tokens":3\}\}$
--- access_log
qwen-plus|3|-|3|-|-|-|-



=== TEST 23: embeddings in base64, as OpenAI's libraries ask for them
--- request
POST /v1/embeddings
{"model":"qwen","input":"a","encoding_format":"base64"}
--- answer: return 200 '{"output":{"embeddings":[{"text_index":0,"embedding":[1,-2]}]},"usage":{"total_tokens":1}}';
--- response_body chomp
{"object":"list","data":[{"object":"embedding","index":0,"embedding":"AACAPwAAAMA="}],"model":"qwen-plus","usage":{"prompt_tokens":1,"total_tokens":1}}



=== TEST 24: an embedding too few
--- request
POST /v1/embeddings
{"model":"qwen","input":["a","b"]}
--- answer: return 200 '{"output":{"embeddings":[{"text_index":0,"embedding":[1,-2]}]},"usage":{"total_tokens":1}}';
--- error_code: 502
--- response_body_like: "code":"provider_bad_response"



=== TEST 25: the path of embeddings
--- request
POST /v1/embeddings
{"model":"qwen","input":"a","dimensions":64,"text_type":"query","user":"u"}
--- more_headers
x-llmbroker-dry-run: 1
--- response_body_like chomp
"url":"http://127\.0\.0\.1:\d+/api/v1/services/embeddings/text-embedding/text-embedding".*"body":\{"model":"qwen-plus","input":\{"texts":\["a"\]\},"parameters":\{"dimension":64,"text_type":"query"\}\},"dropped_params":\["user"\]



=== TEST 26: the compatible mode: the ends of ranges (C6, C7)
--- model: compat
--- dry
--- ask: "x":1.00, "temperature":2,"top_p":0.0,"max_completion_tokens":7
--- response_body_like chomp
"url":"http://127\.0\.0\.1:\d+/compatible-mode/v1/chat/completions".*"body":\{"model":"qwen-plus","messages":\[\{"role":"user","content":"a b"\}\],"x":1\.00, "temperature":1\.99,"top_p":0\.000001,"max_tokens":7\},"dropped_params":\[\]



=== TEST 27: what is within them stays as it is
--- model: compat
--- dry
--- ask: "temperature": 1.50e0 ,"top_p":1,"max_tokens":7,"max_completion_tokens":8
--- response_body_like chomp
"body":\{"model":"qwen-plus","messages":\[\{"role":"user","content":"a b"\}\],"temperature": 1\.50e0 ,"top_p":1,"max_tokens":7\},



=== TEST 28: as does what is no number
--- model: compat
--- dry
--- ask: "temperature":"2","top_p":null
--- response_body_like: "temperature":"2","top_p":null



=== TEST 29: the compatible mode works
--- model: compat
--- ask: "temperature":2,"top_p":0
--- response_body_like: "content":"echo: a b"



=== TEST 30: a value in several lines in an answer that becomes a stream
--- stream
--- answer: default_type application/json; return 200 "{\"output\":{\"search_info\":{\n\"a\":\n\n1},\"choices\":[{\"message\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]}}";
--- ask:
--- response_body_like: "provider_specific_fields":\{"search_info":\{"a":1\}\}\}
