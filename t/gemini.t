# Gemini's native dialect through the gateway: paths, keys, answers, streams
# and errors (wire format section 7.1).

use Test::Nginx::Socket 'no_plan';

our $yaml = <<'_EOC_';
>>> llmbroker.yaml
models:
  gemini:
    provider: gemini
    model_name: gemini-2.5-flash
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1beta
    api_key: g-key
  vertex:
    provider: google
    model_name: models/gemini-3-pro-preview
    base_url: "http://127.0.0.1:$TEST_NGINX_RAND_PORT_1\
      /v1/projects/p/locations/l/publishers/google"
    api_key: ya29.token
  compat:
    provider: gemini
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1beta/openai
    api_key: g-key
proxy:
  allow_dry_run: true
_EOC_

add_block_preprocessor(sub {
    my $block = shift;

    my $answer = $block->answer || 'return 200;';
    my $path = $block->path || '/v1beta/models/gemini-2.5-flash';
    my $method = $block->method
                 || (defined $block->stream ? ':streamGenerateContent'
                                            : ':generateContent');
    my $type = defined $block->stream ? 'text/event-stream'
                                      : 'application/json';

    $block->set_value('http_config', <<"_EOC_");
    llmbroker_config ../html/llmbroker.yaml;

    log_format tokens '\$llmbroker_provider|\$llmbroker_upstream_model'
                      '|\$llmbroker_prompt_tokens|\$llmbroker_completion_tokens'
                      '|\$llmbroker_total_tokens|\$llmbroker_cached_tokens'
                      '|\$llmbroker_reasoning_tokens|\$llmbroker_finish_reason'
                      '|\$llmbroker_error';

    server {
        listen 127.0.0.1:\$TEST_NGINX_RAND_PORT_1;
        default_type $type;

        location = $path$method {
            $answer
        }

        location = /v1beta/openai/chat/completions {
            if (\$http_authorization != "Bearer g-key") {
                return 401;
            }

            return 200 '{"choices":[]}';
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
        my $stream = defined $block->stream ? '"stream":true,' : '';

        $block->set_value('request', "POST /v1/chat/completions\n"
                          . "{\"model\":\"gemini\",$stream"
                          . '"messages":[{"role":"user","content":"a"}]}');
    }
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: an answer
--- answer
if ($http_x_goog_api_key != "g-key") {
    return 401;
}

return 200 '{"candidates":[{"content":{"parts":[{"text":"hm","thought":true},{"text":"caf\\u00e9"},{"functionCall":{"name":"f","args":{"a": 1.0}},"thoughtSignature":"S="}],"role":"model"},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":2,"thoughtsTokenCount":3,"cachedContentTokenCount":1,"totalTokenCount":9},"modelVersion":"v","responseId":"r"}';
--- response_headers
Content-Type: application/json
x-llmbroker-model: gemini
x-llmbroker-provider: gemini
--- response_body_like chomp
^\{"id":"r","object":"chat\.completion","created":\d+,"model":"v","choices":\[\{"index":0,"message":\{"role":"assistant","content":"caf\\u00e9","refusal":null,"reasoning_content":"hm","tool_calls":\[\{"id":"call_r_0","type":"function","function":\{"name":"f","arguments":"\{\\"a\\":1\.0\}"\},"extra_content":\{"google":\{"thought_signature":"S="\}\}\}\]\},"logprobs":null,"finish_reason":"tool_calls"\}\],"usage":\{"prompt_tokens":4,"completion_tokens":5,"total_tokens":9,"prompt_tokens_details":\{"cached_tokens":1\},"completion_tokens_details":\{"reasoning_tokens":3\}\}\}$
--- access_log
gemini|gemini-2.5-flash|4|5|9|1|3|tool_calls|-



=== TEST 2: a stream
--- stream
--- answer
if ($arg_alt != "sse") {
    return 400;
}

return 200 'data: {"candidates":[{"content":{"parts":[{"text":"a"}]}}],"usageMetadata":{"promptTokenCount":4,"totalTokenCount":4},"modelVersion":"v","responseId":"r"}\r\n\r\ndata: {"candidates":[{"content":{"parts":[{"text":"b"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":2,"totalTokenCount":6}}\r\n\r\n';
--- response_headers
Content-Type: text/event-stream; charset=utf-8
--- response_body_like chomp
^data: \{"id":"r",.*"delta":\{"role":"assistant","content":"","refusal":null\}(.|\n)*\{"content":"a"\}(.|\n)*\{"content":"b"\}(.|\n)*"delta":\{\},"logprobs":null,"finish_reason":"stop"\}\]\}

data: \[DONE\]

$
--- access_log
gemini|gemini-2.5-flash|4|2|6|-|-|stop|-



=== TEST 3: a stream that is cut
--- stream
--- answer: return 200 'data: {"candidates":[{"content":{"parts":[{"text":"a"}]}}]}\n\n';
--- response_body_like chomp
^data: (.|\n)*data: \{"error":\{"message":"The provider ended the stream[^\n]*"code":"provider_bad_response"[^\n]*\}

$



=== TEST 4: an error in a stream
--- stream
--- answer: return 200 'data: {"error":{"code":429,"message":"slow","status":"RESOURCE_EXHAUSTED"}}\n\n';
--- error_code: 429
--- response_body_like: "message":"slow","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"



=== TEST 5: a bad key is a 400
--- answer: return 400 '{"error":{"code":400,"message":"API key not valid: g-key","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}';
--- error_code: 502
--- response_body_like: "code":"provider_authentication_failed"



=== TEST 6: a limit says in its body when to try again
--- answer: return 429 '[{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED","details":[{"@type":"t","retryDelay":"2.5s"}]}}]';
--- error_code: 429
--- response_headers
Retry-After: 3
--- response_body_like: "message":"quota","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"



=== TEST 7: no such model
--- answer: return 404 '{"error":{"code":404,"message":"models/x is not found","status":"NOT_FOUND"}}';
--- error_code: 404
--- response_body_like: "message":"models/x is not found","type":"invalid_request_error","param":null,"code":"model_not_found"



=== TEST 8: a prompt that is refused
--- answer: return 200 '{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":4,"totalTokenCount":4}}';
--- response_body_like: "refusal":"The provider refused the prompt\.","provider_specific_fields":\{"blockReason":"SAFETY"\}\},"logprobs":null,"finish_reason":"content_filter"



=== TEST 9: an answer that is none
--- answer: return 200 '{}';
--- error_code: 502
--- response_body_like: "code":"provider_bad_response"



=== TEST 10: Vertex AI
--- path: /v1/projects/p/locations/l/publishers/google/models/gemini-3-pro-preview
--- request
POST /v1/chat/completions
{"model":"vertex","messages":[{"role":"user","content":"a"}]}
--- answer
if ($http_authorization != "Bearer ya29.token") {
    return 401;
}

return 200 '{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}]}';
--- response_body_like: "model":"models/gemini-3-pro-preview".*"content":"a"



=== TEST 11: the OpenAI interface of Google
--- request
POST /v1/chat/completions
{"model":"compat","messages":[]}
--- response_body chomp
{"choices":[]}



=== TEST 12: what is dropped is named
--- request
POST /v1/chat/completions
{"model":"gemini","user":"u","logit_bias":{"1":1},"messages":[{"role":"user","content":"a","name":"n"}]}
--- answer: return 200 '{"candidates":[{"finishReason":"STOP"}]}';
--- response_headers
x-llmbroker-dropped-params: user, logit_bias, name
--- response_body_like: "content":""



=== TEST 13: what is refused
--- request
POST /v1/chat/completions
{"model":"gemini","modalities":["audio"],"messages":[{"role":"user","content":"a"}]}
--- error_code: 400
--- response_body_like: "param":"modalities","code":"unsupported_value"



=== TEST 14: a dry run shows the request
--- more_headers
x-llmbroker-dry-run: 1
--- request
POST /v1/chat/completions
{"model":"gemini","stream":true,"reasoning_effort":"low","messages":[{"role":"system","content":"s"},{"role":"user","content":"a"}],"max_tokens":5000}
--- response_body_like chomp
/v1beta/models/gemini-2\.5-flash:streamGenerateContent\?alt=sse(.|\n)*\{"systemInstruction":\{"parts":\[\{"text":"s"\}\]\},"contents":\[\{"role":"user","parts":\[\{"text":"a"\}\]\}\],"generationConfig":\{"maxOutputTokens":5000,"thinkingConfig":\{"thinkingBudget":2048,"includeThoughts":true\}\}\}



=== TEST 15: a legacy completion
--- request
POST /v1/completions
{"model":"gemini","prompt":"a"}
--- answer: return 200 '{"candidates":[{"content":{"parts":[{"text":"b"}]},"finishReason":"MAX_TOKENS"}]}';
--- response_body_like: "object":"text_completion".*"text":"b","index":0,"logprobs":null,"finish_reason":"length"



=== TEST 16: embeddings
--- method: :batchEmbedContents
--- request
POST /v1/embeddings
{"model":"gemini","input":["a","b"],"dimensions":2,"encoding_format":"base64"}
--- answer
if ($http_x_goog_api_key != "g-key") {
    return 401;
}

return 200 '{"embeddings":[{"values":[1,-2]},{"values":[0.5,0]}],"usageMetadata":{"promptTokenCount":3}}';
--- response_body_like chomp
^\{"object":"list","data":\[\{"object":"embedding","index":0,"embedding":"AACAPwAAAMA="\},\{"object":"embedding","index":1,"embedding":"AAAAPwAAAAA="\}\],"model":"gemini-2\.5-flash","usage":\{"prompt_tokens":3,"total_tokens":3\}\}$
--- access_log
gemini|gemini-2.5-flash|3|-|3|-|-|-|-
