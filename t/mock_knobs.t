# The knobs of the mock provider that change what it answers.

use Test::Nginx::Socket 'no_plan';

add_block_preprocessor(sub {
    my $block = shift;

    my $knobs = $block->knobs || '';
    my $stream = defined $block->stream ? '"stream":true,' : '';
    my $user = $block->user || 'hi there';

    $block->set_value('config', "location / { llmbroker_mock $knobs; }")
        if !defined $block->config;

    my $headers = "Authorization: Bearer k\nanthropic-version: 2023-06-01";
    $headers .= "\n" . $block->header if defined $block->header;
    $headers .= "\nX-DashScope-SSE: enable" if defined $block->stream;

    $block->set_value('more_headers', $headers);

    if (!defined $block->request) {
        my $dialect = $block->dialect || 'openai';
        my $messages = "\"messages\":[{\"role\":\"user\",\"content\":"
            . "\"$user\"}]";

        $block->set_value('request', $dialect eq 'openai'
            ? "POST /v1/chat/completions\n{\"model\":\"m\",$stream$messages}"
            : $dialect eq 'claude'
            ? "POST /v1/messages\n"
              . "{\"model\":\"m\",\"max_tokens\":99,$stream$messages}"
            : "POST /api/v1/services/aigc/text-generation/generation\n"
              . "{\"model\":\"m\",\"input\":{$messages},\"parameters\":"
              . '{"incremental_output":true,"result_format":"message"}}');
    }
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: status and Retry-After, OpenAI
--- knobs: status=429 retry_after=7
--- stream
--- error_code: 429
--- response_headers
Content-Type: application/json
Retry-After: 7
--- response_body chomp
{"error":{"message":"mock error 429","type":"requests","param":null,"code":"rate_limit_exceeded"}}



=== TEST 2: status, Anthropic
--- knobs: status=529
--- dialect: claude
--- error_code: 529
--- response_body chomp
{"type":"error","error":{"type":"overloaded_error","message":"mock error 529"},"request_id":"req_mock"}



=== TEST 3: status, DashScope
--- knobs: status=503
--- dialect: qwen
--- error_code: 503
--- response_body chomp
{"code":"ModelUnavailable","message":"mock error 503","request_id":"req-mock"}



=== TEST 4: what is wrong with a request is told rather
--- knobs: status=429
--- request
POST /v1/chat/completions
{}
--- error_code: 400
--- response_body_like: "param":"model"



=== TEST 5: a body as it is, with an error
--- knobs: status=502 'body=<html>oops</html>' 'header=Content-Type: text/html'
--- error_code: 502
--- response_headers
Content-Type: text/html
--- response_body chomp
<html>oops</html>



=== TEST 6: a body as it is, as a stream
--- knobs: "body=data: {}\n\n"
--- stream
--- response_headers
Content-Type: text/event-stream; charset=utf-8
! Content-Length
--- response_body eval
"data: {}\n\n"



=== TEST 7: headers
--- knobs: header=X-Accel-Redirect:/secret 'header=X-Two: a b' encoding=gzip
--- response_headers
X-Accel-Redirect: /secret
X-Two: a b
Content-Encoding: gzip
--- response_body_like: echo



=== TEST 8: no body
--- knobs: empty=1
--- stream
--- response_headers
Content-Length: 0
--- response_body:



=== TEST 9: JSON for a stream
--- knobs: json=1
--- stream
--- response_headers
Content-Type: application/json
--- response_body_like: "object":"chat.completion",.*"content":"echo: hi there"



=== TEST 10: a stream for JSON
--- knobs: sse=1
--- response_headers
Content-Type: text/event-stream; charset=utf-8
--- response_body_like: (?s)"content":"echo:".*"usage":\{.*\[DONE\]



=== TEST 11: the number of chunks
--- knobs: chunks=2
--- stream
--- response_body_like: (?s)"content":"echo: h"\}.*"content":"i there"\}
--- response_body_unlike: (?s)("content":".*){4}



=== TEST 12: chunks end at no escape and no character
--- knobs: chunks=99
--- stream
--- request eval
"POST /v1/chat/completions\n{\"model\":\"m\",\"stream\":true,\"messages\":[{"
. '"role":"user","content":"\u00e9\ud83d\ude00\n' . "\xe2\x82\xac\"}]}"
--- response_body_filters eval
[sub { join '|', grep { $_ ne '' } $_[0] =~ /"content":"((?:[^"\\]|\\.)*)"/g }]
--- response_body eval
join '|', split(//, 'echo: '), '\u00e9', '\ud83d\ude00', '\n', "\xe2\x82\xac"



=== TEST 13: filler text can be checked byte by byte
--- knobs: size=40
--- response_body_like: "content":"0000000 apricot 0000001 balloon 0000002 ",.*"completion_tokens":5,



=== TEST 14: streamed filler, in chunks of 64 to 256 bytes
--- knobs: size=100k
--- stream
--- response_body_filters eval
[sub {
    my @chunks = grep { $_ ne '' } $_[0] =~ /"content":"([^"]*)"/g;
    my $text = join '', @chunks;
    my $n = 0;
    my $wrong = grep { $_ ne sprintf '%07x', $n++ } $text =~ /(\w{7}) \w{7} /g;

    pop @chunks;

    my $odd = grep { length() < 64 || length() > 256 } @chunks;

    return length($text) . " $n $wrong $odd";
}]
--- response_body chomp
102400 6400 0 0



=== TEST 15: no [DONE]
--- knobs: no_done=1
--- stream
--- response_body_like: "finish_reason":"stop"\}\]\}\n\n$
--- response_body_unlike: DONE



=== TEST 16: no message_stop
--- knobs: no_done=1
--- stream
--- dialect: claude
--- response_body_like: message_delta
--- response_body_unlike: message_stop



=== TEST 17: no finish reason
--- knobs: no_done=1
--- stream
--- dialect: qwen
--- response_body_like: " there"
--- response_body_unlike: "stop"



=== TEST 18: no usage
--- knobs: no_usage=1
--- response_body_unlike: usage



=== TEST 19: no usage in a stream of Anthropic's
--- knobs: no_usage=1
--- stream
--- dialect: claude
--- response_body_unlike: usage



=== TEST 20: the usage comes with the finish reason
--- knobs: usage_in_finish=1
--- stream
--- response_body_like: "finish_reason":"stop"\}\],"usage":\{"prompt_tokens":2,.*\n\ndata: \[DONE\]



=== TEST 21: cached tokens are a part of the prompt's, OpenAI
--- knobs: cached=1
--- response_body_like: "prompt_tokens":2,.*"cached_tokens":1\}



=== TEST 22: and beside the input's, Anthropic
--- knobs: cached=1
--- dialect: claude
--- response_body_like: "input_tokens":1,"cache_creation_input_tokens":0,"cache_read_input_tokens":1,



=== TEST 23: the request as it came
--- knobs: echo_request=1
--- header: X-Seen: "a\b"
--- response_body_like eval
join '.*', map { quotemeta }
    '"content":"POST /v1/chat/completions\nHost: localhost\n',
    '\nX-Seen: \"a' . '\\' x 2 . 'b\"\n',
    '\n\n{\"model\":\"m\",',
    '\"hi there\"}]}"'



=== TEST 24: the request as it came, in an error
--- knobs: echo_request=1 status=400
--- error_code: 400
--- response_body_like: \{"error":\{"message":"POST /v1/chat/completions\\n



=== TEST 25: an answer without reading the request
--- knobs: fixed=1 chunks=2
--- request
POST /v1/chat/completions
not JSON, but "stream": true
--- response_body_like: (?s)"content":"The quick brown.*"content":" [a-z].*"usage":\{.*\[DONE\]



=== TEST 26: the same, buffered
--- knobs: fixed=1
--- response_headers
Content-Type: application/json
--- response_body_like: "content":"The quick brown fox .*"completion_tokens":23,



=== TEST 27: only the first requests
--- config
    location / {
        llmbroker_mock status=503 times=1;
    }
--- pipelined_requests eval
["GET /v1/models", "GET /v1/models"]
--- error_code eval
[503, 200]



=== TEST 28: headers win over the directive
--- knobs: status=429
--- header: X-Mock-Status: 502
--- error_code: 502
--- response_body_like: mock error 502



=== TEST 29: a header's "-" is a knob's "_"
--- header: X-Mock-Retry-After: Wed, 21 Oct 2026 07:28:00 GMT
--- response_headers
Retry-After: Wed, 21 Oct 2026 07:28:00 GMT



=== TEST 30: an unknown knob is no secret
--- header: X-Mock-Stattus: 1
--- error_code: 400
--- response_body_like: invalid mock knob \\"stattus=1\\"



=== TEST 31: a script
--- knobs: script=on
--- user: !mock status=500 retry_after=3 ! hello
--- error_code: 500
--- response_headers
Retry-After: 3



=== TEST 32: a script is not echoed
--- knobs: script=on
--- user: !mock header=X-Test:a\/b ! hello
--- response_headers
X-Test: a/b
--- response_body_like: "content":"echo: hello"



=== TEST 33: a script makes no header of its own
--- knobs: script=on
--- user: !mock header=X-Test:a\r\nX-Evil:b !
--- error_code: 400
--- response_headers
! X-Evil
--- response_body_like: invalid mock knob



=== TEST 34: a script without an end
--- knobs: script=on
--- user: !mock status=500
--- error_code: 400
--- response_body_like: mock script has no end



=== TEST 35: no scripts unless allowed
--- user: !mock status=500 ! hello
--- response_body_like: "content":"echo: !mock status=500 ! hello"



=== TEST 36: an unknown knob in the configuration
--- config
    location / {
        llmbroker_mock dealy=1s;
    }
--- must_die
--- error_log
invalid parameter "dealy=1s" of "llmbroker_mock"



=== TEST 37: a wrong value in the configuration
--- config
    location / {
        llmbroker_mock status=99;
    }
--- must_die
--- error_log
invalid parameter "status=99" of "llmbroker_mock"



=== TEST 38: the directive twice
--- config
    location / {
        llmbroker_mock;
        llmbroker_mock fixed=1;
    }
--- must_die
--- error_log
"llmbroker_mock" directive is duplicate



=== TEST 39: a filler that is another one in each answer
--- config
    location / {
        llmbroker_mock fixed=1 size=32 varied=1;
    }
--- pipelined_requests eval
["POST /v1/chat/completions\n{}", "POST /v1/chat/completions\n{}"]
--- response_body_like eval
['"content":"0000000 apricot 0000001 balloon "',
 '"content":"9e3779b lantern 9e3779c machine "']
