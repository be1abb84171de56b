# The mock provider speaks Gemini's native dialect, and refuses what Google's
# servers would; and the gateway gets along with it.

use Test::Nginx::Socket 'no_plan';

our $yaml = <<'_EOC_';
>>> llmbroker.yaml
models:
  gemini:
    provider: gemini
    model_name: gemini-3-flash-preview
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1beta
    api_key: k
_EOC_

add_block_preprocessor(sub {
    my $block = shift;

    my $knobs = $block->knobs || '';

    if (defined $block->gateway) {
        $block->set_value('http_config', <<"_EOC_");
    llmbroker_config ../html/llmbroker.yaml;

    server {
        listen 127.0.0.1:\$TEST_NGINX_RAND_PORT_1;
        location / { llmbroker_mock $knobs; }
    }
_EOC_

        $block->set_value('user_files', $yaml);
        $block->set_value('config', 'location / { llmbroker; }');
        $block->set_value('request', "POST /v1/chat/completions\n"
                          . '{"model":"gemini",' . $block->gateway . '}');
        return;
    }

    $block->set_value('config', "location / { llmbroker_mock $knobs; }");
    $block->set_value('more_headers', 'x-goog-api-key: k')
        if !defined $block->more_headers;

    return if defined $block->request;

    my $method = defined $block->stream ? 'streamGenerateContent?alt=sse'
                                        : 'generateContent';
    my $model = $block->model || 'gemini-2.5-flash';
    my $contents = $block->contents
        || '{"role":"user","parts":[{"text":"a b"}]}';
    my $more = $block->more || '';

    $block->set_value('request', "POST /v1beta/models/$model:$method\n"
                      . "{\"contents\":[$contents]$more}");
});

sub event {
    my ($part, $finish, $prompt, $words) = @_;

    my $total = $prompt + $words;

    $finish = $finish ? ",\"finishReason\":\"$finish\"" : '';

    return "data: {\"candidates\": [{\"content\": {\"parts\": [$part],"
        . "\"role\":\"model\"}$finish,\"index\":0}],\"usageMetadata\":"
        . "{\"promptTokenCount\":$prompt,\"candidatesTokenCount\":$words,"
        . "\"totalTokenCount\":$total},\"modelVersion\":\"gemini-2.5-flash\","
        . "\"responseId\":\"resp-mock\"}\r\n\r\n";
}

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: an answer
--- response_headers
Content-Type: application/json
--- response_body chomp
{"candidates":[{"content":{"parts":[{"text":"echo: a b"}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":2,"candidatesTokenCount":3,"totalTokenCount":5},"modelVersion":"gemini-2.5-flash","responseId":"resp-mock"}



=== TEST 2: a stream
--- stream
--- response_headers
Content-Type: text/event-stream
--- response_body eval
main::event('{"text": "echo:"}', '', 2, 1)
. main::event('{"text": " a"}', '', 2, 2)
. main::event('{"text": " b"}', 'STOP', 2, 3)



=== TEST 3: quirks: the finish reason has an event of its own
--- stream
--- knobs: quirks=1 chunks=1
--- response_body eval
main::event('{"text": "echo: a b"}', '', 2, 3)
. main::event('{"text": ""}', 'STOP', 2, 3)



=== TEST 4: instructions, thoughts, limits, choices
--- more: ,"system_instruction":{"parts":[{"text":"s"}]},"generationConfig":{"maxOutputTokens":3,"candidateCount":2,"thinking_config":{"includeThoughts":true}}
--- knobs: cached=1
--- response_body chomp
{"candidates":[{"content":{"parts":[{"text":"thinking","thought":true},{"text":"[system: s] echo:"}],"role":"model"},"finishReason":"MAX_TOKENS","index":0},{"content":{"parts":[{"text":"[system: s] echo:"}],"role":"model"},"finishReason":"MAX_TOKENS","index":1}],"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":6,"totalTokenCount":10,"thoughtsTokenCount":1,"cachedContentTokenCount":1},"modelVersion":"gemini-2.5-flash","responseId":"resp-mock"}



=== TEST 5: a call
--- contents: {"parts":[{"text":"call g"}]}
--- more: ,"tools":[{"googleSearch":{}},{"functionDeclarations":[{"name":"f"},{"name":"g"}]}]
--- response_body_like: "parts":\[\{"functionCall":\{"name":"g","args":\{"text":"call g"\},"id":"call_mock_0"\},"thoughtSignature":"c2lnbmF0dXJl"\}\],"role":"model"\},"finishReason":"STOP","index":0\}



=== TEST 6: calls in a stream, without names
--- stream
--- knobs: quirks=1
--- contents: {"parts":[{"text":"call f call g"}]}
--- more: ,"tools":[{"function_declarations":[{"name":"f"},{"name":"g"}]}]
--- response_body eval
main::event('{"functionCall":{"name":"f","args":{"text":"call f call g"}},"thoughtSignature":"c2lnbmF0dXJl"}', '', 4, 4)
. main::event('{"functionCall":{"name":"g","args":{"text":"call f call g"}}}', '', 4, 8)
. main::event('{"text": ""}', 'STOP', 4, 8)



=== TEST 7: a call that was asked for
--- more: ,"tools":[{"functionDeclarations":[{"name":"f"},{"name":"g"}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["g"]}}
--- response_body_like: \{"functionCall":\{"name":"g",



=== TEST 8: a result
--- contents: {"parts":[{"text":"a"}]},{"role":"model","parts":[{"functionCall":{"name":"f"}}]},{"parts":[{"functionResponse":{"name":"f","response":{"result":"x y"}}}]}
--- response_body_like: "text":"echo: x y"



=== TEST 9: a result that is an object
--- contents: {"parts":[{"text":"a"}]},{"role":"model","parts":[{"functionCall":{"name":"f"}}]},{"parts":[{"functionResponse":{"name":"f","response":{"x":1}}}]}
--- response_body_like: "text":"echo: \{\\"x\\":1\}"



=== TEST 10: no key
--- more_headers
--- error_code: 403
--- response_body chomp
{"error":{"code":403,"message":"Method doesn't allow unregistered callers.","status":"PERMISSION_DENIED"}}



=== TEST 11: an unknown name
--- more: ,"messages":[]
--- error_code: 400
--- response_body chomp
{"error":{"code":400,"message":"Invalid JSON payload received. Unknown name \"messages\": Cannot find field.","status":"INVALID_ARGUMENT"}}



=== TEST 12: an unknown setting
--- more: ,"generationConfig":{"max_tokens":1}
--- error_code: 400
--- response_body_like: Unknown name \\"max_tokens\\" at 'generation_config'



=== TEST 13: no contents
--- request
POST /v1beta/models/m:generateContent
{}
--- error_code: 400
--- response_body_like: contents is not specified



=== TEST 14: a role
--- contents: {"role":"assistant","parts":[{"text":"a"}]}
--- error_code: 400
--- response_body_like: Please use a valid role: user, model\.



=== TEST 15: no parts
--- contents: {"role":"user","parts":[]}
--- error_code: 400
--- response_body_like: contents\.parts must not be empty



=== TEST 16: a part of nothing
--- contents: {"role":"user","parts":[{}]}
--- error_code: 400
--- response_body_like: must have one initialized field



=== TEST 17: a result without a call
--- contents: {"parts":[{"functionResponse":{"name":"f","response":{}}}]}
--- error_code: 400
--- response_body_like: function response turn comes immediately after a function call turn



=== TEST 18: fewer results than calls
--- contents: {"parts":[{"text":"a"}]},{"role":"model","parts":[{"functionCall":{"name":"f"}},{"functionCall":{"name":"g"}}]},{"parts":[{"functionResponse":{"name":"f","response":{}}}]}
--- error_code: 400
--- response_body_like: number of function response parts is equal



=== TEST 19: a call at the beginning
--- contents: {"role":"model","parts":[{"functionCall":{"name":"f"}}]}
--- error_code: 400
--- response_body_like: function call turn comes immediately after a user turn



=== TEST 20: a call without a signature
--- model: gemini-3-flash-preview
--- contents: {"parts":[{"text":"a"}]},{"role":"model","parts":[{"functionCall":{"name":"f"}}]},{"parts":[{"functionResponse":{"name":"f","response":{}}}]}
--- error_code: 400
--- response_body_like: Function call is missing a thought_signature



=== TEST 21: too many stop sequences
--- more: ,"generationConfig":{"stopSequences":["1","2","3","4","5","6"]}
--- error_code: 400
--- response_body_like: number of stop sequences



=== TEST 22: a temperature
--- more: ,"generationConfig":{"temperature":2.5}
--- error_code: 400
--- response_body_like: supported range of temperature



=== TEST 23: a stream that is no events
--- request
POST /v1beta/models/m:streamGenerateContent
{"contents":[{"parts":[{"text":"a"}]}]}
--- error_code: 400
--- response_body_like: alt=sse



=== TEST 24: an error on demand
--- knobs: status=429
--- error_code: 429
--- response_body chomp
{"error":{"code":429,"message":"mock error 429","status":"RESOURCE_EXHAUSTED"}}



=== TEST 25: an error in the stream
--- stream
--- knobs: error_event=1
--- response_body eval
main::event('{"text": "echo:"}', '', 2, 1)
. 'data: {"error":{"code":500,"message":"mock error in the stream",'
. "\"status\":\"INTERNAL\"}}\r\n\r\n"



=== TEST 26: through the gateway
--- gateway: "messages":[{"role":"system","content":"s"},{"role":"user","content":"a"}],"reasoning_effort":"low"
--- response_body_like chomp
"content":"\[system: s\] echo: a","refusal":null,"reasoning_content":"thinking"\},"logprobs":null,"finish_reason":"stop"\}\],"usage":\{"prompt_tokens":2,"completion_tokens":5,"total_tokens":7,"completion_tokens_details":\{"reasoning_tokens":1\}\}\}$



=== TEST 27: a stream through the gateway
--- gateway: "stream":true,"messages":[{"role":"user","content":"a"}],"n":2
--- response_body_like chomp
^data: (.|\n)*"index":0,"delta":\{"content":" a"\}(.|\n)*"index":1,"delta":\{"content":" a"\}(.|\n)*"index":0,"delta":\{\},"logprobs":null,"finish_reason":"stop"(.|\n)*"index":1,"delta":\{\},"logprobs":null,"finish_reason":"stop"(.|\n)*data: \[DONE\]

$



=== TEST 28: a stream without an end, through the gateway
--- gateway: "stream":true,"messages":[{"role":"user","content":"a"}]
--- knobs: no_done=1
--- response_body_like: "code":"provider_bad_response"



=== TEST 29: a conversation with tools, whose client keeps signatures
--- gateway: "messages":[{"role":"user","content":"call f"},{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"S"}}}]},{"role":"tool","tool_call_id":"c","content":"done"}],"tools":[{"type":"function","function":{"name":"f"}}]
--- response_body_like: "content":"echo: done"



=== TEST 30: and one whose client does not
--- gateway: "messages":[{"role":"user","content":"call f"},{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":"done"}],"tools":[{"type":"function","function":{"name":"f"}}]
--- response_body_like: "content":"echo: done"



=== TEST 31: custom tools and legacy functions
--- gateway: "messages":[{"role":"user","content":"call f"}],"functions":[{"name":"f"}],"function_call":{"name":"f"}
--- response_body_like: "function_call":\{"name":"f","arguments":"\{\\"text\\":\\"call f\\"\}"\}.*"finish_reason":"function_call"
