# Legacy completions over providers that only chat: prompts in lists, echo,
# n, best_of, log probabilities, streams (wire format section 2.1).

use Test::Nginx::Socket 'no_plan';

our $yaml = <<'_EOC_';
>>> llmbroker.yaml
models:
  claude:
    provider: claude
    model_name: claude-sonnet-4-0
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    api_key: k
  qwen:
    provider: qwen
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/api/v1
    api_key: k
  gemini:
    provider: gemini
    model_name: gemini-2.5-flash
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1beta
    api_key: k
  groq:
    provider: groq
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    api_key: k
  moonshot:
    provider: moonshot
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    api_key: k
  slow:
    provider: claude
    model_name: claude-sonnet-4-0
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    api_key: k
    timeout: 500ms
proxy:
  allow_dry_run: true
_EOC_

add_block_preprocessor(sub {
    my $block = shift;

    my $knobs = $block->knobs // '';
    my $server = $block->server // "llmbroker_mock script=on $knobs;";

    $block->set_value('user_files', $yaml);
    $block->set_value('http_config', <<"_EOC_");
    llmbroker_config ../html/llmbroker.yaml;

    log_format tokens '\$llmbroker_prompt_tokens'
                      '|\$llmbroker_completion_tokens'
                      '|\$llmbroker_total_tokens|\$llmbroker_attempts'
                      '|\$llmbroker_finish_reason|\$llmbroker_error'
                      '|\$upstream_status';

    server {
        listen 127.0.0.1:\$TEST_NGINX_RAND_PORT_1;
        default_type application/json;

        location / {
            $server
        }
    }
_EOC_

    $block->set_value('config', <<'_EOC_');
    location / {
        llmbroker;
        access_log logs/access.log tokens;
    }
_EOC_

    $block->set_value('request', "POST /v1/completions\n"
        . '{"model":"' . ($block->model // 'claude') . '",'
        . $block->body . '}');

    if (defined $block->refused) {
        $block->set_value('error_code', 400);
        $block->set_value('response_body_like', $block->refused);
    }

    if (defined $block->dry) {
        $block->set_value('more_headers', 'x-llmbroker-dry-run: 1');
        $block->set_value('response_body_like', $block->dry);
    }
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: a prompt is a user's message; without max_tokens 16
--- body: "prompt":"Say hi","stop":["x"]
--- dry: "body":\{"model":"claude-sonnet-4-0","max_tokens":16,.*"messages":\[\{"role":"user","content":"Say hi"\}\]



=== TEST 2: and its answer a text
--- body: "prompt":"Say hi","max_tokens":100
--- response_body_like: ^\{"id":"[^"]+","object":"text_completion","created":\d+,"model":"[^"]+","choices":\[\{"text":"[^"]*Say hi[^"]*","index":0,"logprobs":null,"finish_reason":"stop"\}\],"usage":\{"prompt_tokens":\d+,
--- access_log_like: \|1\|stop\|\|200$



=== TEST 3: a server of OpenAI's dialect that only chats
--- model: groq
--- body: "prompt":"Say \u0068i","temperature":0.50,"extra":{"a":[1.0]},"max_tokens":100,"suffix":null,"best_of":1,"logprobs":null
--- dry: "url":"http://127\.0\.0\.1:\d+/v1/chat/completions".*"body":\{"model":"groq","temperature":0\.50,"extra":\{"a":\[1\.0\]\},"messages":\[\{"role":"user","content":"Say \\u0068i"\}\],"max_tokens":100\}



=== TEST 4: answers with a text
--- model: groq
--- body: "prompt":"Say hi","max_tokens":100
--- response_body_like: ^\{"id":"[^"]+","object":"text_completion","created":\d+,"model":"[^"]+","choices":\[\{"text":"[^"]*Say hi[^"]*","index":0,"logprobs":null,"finish_reason":"stop"\}\],"usage":\{"prompt_tokens":\d+,



=== TEST 5: or with its chunks, and usage for the log
--- model: groq
--- body: "prompt":"Say hi","max_tokens":100,"stream":true
--- response_body_like: ^(data: \{"id":"[^"]+","object":"text_completion","created":\d+,"model":"[^"]+","choices":\[\{"text":"[^"]*","index":0,"logprobs":null,"finish_reason":(null|"stop")\}\]\}\n\n)+data: \[DONE\]\n\n$
--- access_log_like: ^\d+\|\d+\|\d+\|1\|stop\|\|200$



=== TEST 6: usage for a client that asks
--- model: groq
--- body: "prompt":"Say hi","max_tokens":100,"stream":true,"stream_options":{"include_usage":true}
--- response_body_like: "choices":\[\],"usage":\{"prompt_tokens":\d+,[^\n]*\}\n\ndata: \[DONE\]\n\n$



=== TEST 7: two prompts are two calls and one answer
--- body: "prompt":["one one","two"],"max_tokens":100
--- response_body_like: ^\{"id":"[^"]+","object":"text_completion",[^[]*"choices":\[\{"text":"[^"]*one one[^"]*","index":0,"logprobs":null,"finish_reason":"stop"\},\{"text":"[^"]*two[^"]*","index":1,"logprobs":null,"finish_reason":"stop"\}\],"usage":\{"prompt_tokens":3,
--- access_log_like: ^3\|\d+\|\d+\|2\|stop\|\|200, 200$



=== TEST 8: of a server of OpenAI's dialect
--- model: groq
--- body: "prompt":["one one","two","three"],"max_tokens":100
--- response_body_like: ^\{"id":"[^"]+","object":"text_completion",[^[]*"choices":\[\{"text":"[^"]*one one[^"]*","index":0,[^{]*\},\{"text":"[^"]*two[^"]*","index":1,[^{]*\},\{"text":"[^"]*three[^"]*","index":2,[^{]*\}\],"usage":
--- access_log_like: \|3\|stop\|\|200, 200, 200$



=== TEST 9: of DashScope
--- model: qwen
--- body: "prompt":["one one","two"],"max_tokens":100
--- response_body_like: "choices":\[\{"text":"[^"]*one one[^"]*","index":0,[^{]*\},\{"text":"[^"]*two[^"]*","index":1,[^{]*\}\],"usage":



=== TEST 10: of Gemini
--- model: gemini
--- body: "prompt":["one one","two"],"max_tokens":100
--- response_body_like: "choices":\[\{"text":"[^"]*one one[^"]*","index":0,[^{]*\},\{"text":"[^"]*two[^"]*","index":1,[^{]*\}\],"usage":



=== TEST 11: streamed: one name, one usage, one end
--- body: "prompt":["one one","two"],"max_tokens":100,"stream":true,"stream_options":{"include_usage":true}
--- response_body_like: ^data: \{"id":"([^"]+)",(?:[^\n]*"choices":\[\{"text":"[^"]*","index":0,[^\n]*\n\ndata: \{"id":"\1",)+[^\n]*"index":0,[^\n]*"finish_reason":"stop"\}\],"usage":null\}\n\n(?:: ping\n\n)?(?:data: \{"id":"\1",[^\n]*"choices":\[\{"text":"[^"]*","index":1,[^\n]*\n\n)+data: \{"id":"\1",[^\n]*"choices":\[\],"usage":\{"prompt_tokens":3,[^\n]*\n\ndata: \[DONE\]\n\n$
--- access_log_like: ^3\|\d+\|\d+\|2\|stop\|\|200, 200$



=== TEST 12: streamed by a server of OpenAI's dialect
--- model: groq
--- body: "prompt":["one one","two"],"max_tokens":100,"stream":true,"stream_options":{"include_usage":true}
--- response_body_like: ^data: \{"id":"([^"]+)",[^\n]*"index":0,(?:(?!DONE).)*"index":0,[^\n]*"finish_reason":"stop"(?:(?!DONE|"index":0).)*"index":1,[^\n]*"finish_reason":"stop"\}\],"usage":null\}\n\ndata: \{"id":"\1",[^\n]*"choices":\[\],"usage":\{"prompt_tokens":3,[^\n]*\n\ndata: \[DONE\]\n\n$



=== TEST 13: a stream where an object was asked for, and the other way round
--- model: groq
--- knobs: sse=1
--- body: "prompt":["one one","two"],"max_tokens":100
--- response_body_like: ^\{[^\n]*"choices":\[\{"text":"[^"]*one one[^"]*","index":0,[^{]*\},\{"text":"[^"]*two[^"]*","index":1,



=== TEST 14: the other way round
--- model: groq
--- knobs: json=1
--- body: "prompt":["one one","two"],"max_tokens":100,"stream":true
--- response_body_like: ^(?:data: \{[^\n]*"index":0,[^\n]*\n\n)+(?:data: \{[^\n]*"index":1,[^\n]*\n\n)+data: \[DONE\]\n\n$



=== TEST 15: an error of the second call is the answer
--- body: "prompt":["one one","!mock status=429 retry_after=7 ! two"],"max_tokens":100
--- error_code: 429
--- response_headers
retry-after: 7
--- response_body_like: ^\{"error":\{"message":"[^"]+","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"\}\}$
--- access_log_like: \|2\|[a-z]*\|rate_limit_exceeded\|200, 429$



=== TEST 16: in a stream its last event
--- body: "prompt":["one one","!mock status=500 ! two"],"max_tokens":100,"stream":true
--- response_body_like: ^data: (?:(?!DONE|error).)*"index":0,[^\n]*"finish_reason":"stop"\}\]\}\n\ndata: \{"error":\{"message":"[^\n]*"code":"provider_unavailable"\}\}\n\n$



=== TEST 17: an error within the second stream
--- model: groq
--- body: "prompt":["one one","!mock error_event=1 ! two three four"],"max_tokens":100,"stream":true
--- response_body_like: "index":0,[^\n]*"finish_reason":"stop"\}\]\}\n\n(?:data: \{[^\n]*"index":1,[^\n]*\n\n)+data: \{"error":\{[^\n]*\}\}\n\n$



=== TEST 18: a second answer that is cut
--- body: "prompt":["one one","!mock cut=30 ! two"],"max_tokens":100
--- error_code: 502
--- response_body_like: "code":"provider_bad_response"



=== TEST 19: an answer that lasts longer than its connection's end
--- model: slow
--- body: "prompt":["!mock delay=300ms ! one","!mock delay=300ms ! two"],"max_tokens":100
--- error_code: 504
--- response_body_like: "code":"provider_timeout"



=== TEST 20: the time is for all calls, also behind a stream
--- model: slow
--- body: "prompt":["!mock delay=300ms ! one","!mock delay=300ms ! two"],"max_tokens":100,"stream":true
--- response_body_like: "index":0,[^\n]*"finish_reason":"stop"\}\]\}\n\ndata: \{"error":\{[^\n]*"code":"provider_timeout"\}\}\n\n$



=== TEST 21: and no less than that
--- body: "prompt":["one","!mock delay=700ms ! two"],"max_tokens":100,"stream":true
--- response_body_like: "index":1,[^\n]*"finish_reason":"stop"\}\]\}\n\ndata: \[DONE\]\n\n$



=== TEST 22: a client that leaves during the second call
--- body: "prompt":["one one","!mock delay=2s ! two"],"max_tokens":100,"stream":true
--- timeout: 0.4
--- abort
--- wait: 0.5
--- ignore_response
--- error_log
client prematurely closed connection, so upstream connection is closed too
--- no_error_log
[alert]



=== TEST 23: many prompts
--- body eval
'"prompt":[' . join(',', map { "\"w$_ \"" } 1 .. 128) . '],"max_tokens":100'
--- response_body_like: "text":"[^"]*w128 [^"]*","index":127,"logprobs":null,"finish_reason":"stop"\}\],"usage":\{"prompt_tokens":128,
--- access_log_like: ^128\|



=== TEST 24: too many
--- body eval
'"prompt":[' . join(',', ('"a"') x 129) . ']'
--- refused: "param":"prompt","code":"invalid_value"



=== TEST 25: none
--- body: "prompt":[]
--- refused: "param":"prompt","code":"invalid_value"



=== TEST 26: tokens
--- body: "prompt":[1,2,3]
--- refused: "param":"prompt","code":"unsupported_value"



=== TEST 27: lists of tokens
--- model: groq
--- body: "prompt":[[1,2],[3]]
--- refused: "param":"prompt","code":"unsupported_value"



=== TEST 28: text, then something else: nobody is called
--- body: "prompt":["a",{"b":1}]
--- refused: "param":"prompt","code":"unsupported_value"
--- access_log_like: \|0\|[^|]*\|unsupported_value\|-$



=== TEST 29: a suffix
--- model: groq
--- body: "prompt":"a","suffix":"b"
--- refused: "param":"suffix","code":"unsupported_value"



=== TEST 30: best_of
--- body: "prompt":"a","best_of":2
--- refused: "param":"best_of","code":"unsupported_value"



=== TEST 31: n where there is one answer
--- body: "prompt":"a","n":2,"best_of":2
--- refused: "param":"n","code":"unsupported_value"



=== TEST 32: n of a row that has one answer
--- model: groq
--- body: "prompt":"a","n":2
--- refused: "param":"n","code":"unsupported_value"



=== TEST 33: n where there are several, for each of two prompts
--- model: moonshot
--- body: "prompt":["one","two"],"n":2,"best_of":2,"max_tokens":100
--- response_body_like: "choices":\[\{"text":"[^"]*one[^"]*","index":0,[^{]*\},\{"text":"[^"]*one[^"]*","index":1,[^{]*\},\{"text":"[^"]*two[^"]*","index":2,[^{]*\},\{"text":"[^"]*two[^"]*","index":3,[^{]*\}\],"usage":



=== TEST 34: log probabilities that a provider does not tell
--- body: "prompt":"a","logprobs":0
--- refused: "param":"logprobs","code":"unsupported_value"



=== TEST 35: nor of a prompt
--- model: moonshot
--- body: "prompt":"a","logprobs":1,"echo":true
--- refused: "param":"logprobs","code":"unsupported_value"



=== TEST 36: a chat's switch
--- model: moonshot
--- body: "prompt":"a","logprobs":true
--- refused: "param":"logprobs","code":"invalid_type"



=== TEST 37: log probabilities are asked for in a chat's way
--- model: moonshot
--- body: "prompt":"a","logprobs":3
--- dry: "messages":\[\{"role":"user","content":"a"\}\],"max_tokens":16,"logprobs":true,"top_logprobs":3\}



=== TEST 38: and told in the legacy way
--- model: moonshot
--- body: "prompt":["a","b"],"logprobs":1
--- server
return 200 '{"id":"x","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"H\u00e9\ud83d\ude00i","reasoning_content":"why"},"logprobs":{"content":[{"token":"H\u00e9","logprob":-0.10,"bytes":null,"top_logprobs":[{"token":"H\u00e9","logprob":-0.10},{"token":"Ha","logprob":-2e0}]},{"token":"\ud83d\ude00","logprob":-1},{"token":"i","logprob":-9999.0,"top_logprobs":[]}]},"finish_reason":"length"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}';
--- response_body_like: "choices":\[\{"text":"H\\u00e9\\ud83d\\ude00i","index":0,"logprobs":\{"tokens":\["H\\u00e9","\\ud83d\\ude00","i"\],"token_logprobs":\[-0\.10,-1,-9999\.0\],"top_logprobs":\[\{"H\\u00e9":-0\.10,"Ha":-2e0\},\{\},\{\}\],"text_offset":\[0,2,3\]\},"finish_reason":"length"\},\{"text":"H\\u00e9\\ud83d\\ude00i","index":1,"logprobs":\{.*"text_offset":\[0,2,3\]\},"finish_reason":"length"\}\],"usage":\{"prompt_tokens":2,"completion_tokens":4,"total_tokens":6



=== TEST 39: echo puts the prompt in front
--- server
return 200 '{"id":"x","type":"message","role":"assistant","model":"m","content":[{"type":"thinking","thinking":"no","signature":"s"},{"type":"text","text":" you"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2}}';
--- body: "prompt":["Th\u0061nk","See"],"echo":true
--- response_body_like: "choices":\[\{"text":"Th\\u0061nk you","index":0,"logprobs":null,"finish_reason":"stop"\},\{"text":"See you","index":1,"logprobs":null,



=== TEST 40: once, also in a stream
--- model: groq
--- body: "prompt":["one one","two"],"echo":true,"max_tokens":100,"stream":true
--- response_body_like: ^data: \{[^\n]*"text":"one one","index":0[^\n]*\n\n(?:data: \{(?![^\n]*"text":"one one")[^\n]*"index":0,[^\n]*\n\n)+data: \{[^\n]*"text":"two","index":1,[^\n]*\n\n(?:data: \{(?![^\n]*"text":"two")[^\n]*"index":1,[^\n]*\n\n)+data: \[DONE\]\n\n$



=== TEST 41: echo of another type
--- body: "prompt":"a","echo":"yes"
--- refused: "param":"echo","code":"invalid_type"



=== TEST 42: no tokens at all
--- body: "prompt":"a","max_tokens":0
--- refused: "param":"max_tokens","code":"invalid_value"
