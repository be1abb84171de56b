# The knobs of the mock provider that break an answer or make it slow.

use Test::Nginx::Socket 'no_plan';

add_block_preprocessor(sub {
    my $block = shift;

    my $knobs = $block->knobs || '';
    my $stream = defined $block->stream ? '"stream":true,' : '';

    $block->set_value('config', "location / { llmbroker_mock $knobs; }")
        if !defined $block->config;

    $block->set_value('more_headers', join "\n", 'Authorization: Bearer k',
        'anthropic-version: 2023-06-01',
        defined $block->stream ? 'X-DashScope-SSE: enable' : ());

    my $dialect = $block->dialect || 'openai';
    my $messages = '"messages":[{"role":"user","content":"hi there"}]';

    $block->set_value('request', $dialect eq 'openai'
        ? "POST /v1/chat/completions\n{\"model\":\"m\",$stream$messages}"
        : $dialect eq 'claude'
        ? "POST /v1/messages\n"
          . "{\"model\":\"m\",\"max_tokens\":99,$stream$messages}"
        : "POST /api/v1/services/aigc/text-generation/generation\n"
          . "{\"model\":\"m\",\"input\":{$messages},\"parameters\":"
          . '{"incremental_output":true,"result_format":"message"}}')
        if !defined $block->request;

    # nginx tells the time that the request took

    if (defined $block->takes) {
        $block->set_value('http_config',
            "map \$request_time \$in_time { default 0; "
            . '~' . $block->takes . " 1; }\n"
            . "log_format in_time 'in time: \$in_time';");
        $block->set_value('config', "location / { llmbroker_mock $knobs;"
            . ' access_log logs/access.log in_time; }');
        $block->set_value('access_log', 'in time: 1');
    }
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: a stream is cut: no last chunk follows
--- config
    location /v1/ {
        llmbroker_mock cut=10;
    }
    location /t {
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/v1/chat/completions;
        proxy_http_version 1.1;
        proxy_set_header Authorization "Bearer k";
        proxy_buffering off;
    }
--- request
POST /t
{"model":"m","stream":true,"messages":[{"role":"user","content":"a"}]}
--- ignore_response
--- error_log
upstream prematurely closed connection



=== TEST 2: a buffered answer is cut
--- config
    location /v1/ {
        llmbroker_mock cut=10;
    }
    location /t {
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/v1/models;
        proxy_set_header Authorization "Bearer k";
        proxy_buffering off;
    }
--- request
GET /t
--- ignore_response
--- error_log
upstream prematurely closed connection



=== TEST 3: a cut at the very end of a stream still shows
--- config
    location /v1/ {
        llmbroker_mock cut=8 body=12345678;
    }
    location /t {
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/v1/chat/completions;
        proxy_http_version 1.1;
        proxy_set_header Authorization "Bearer k";
        proxy_buffering off;
    }
--- request
POST /t
{"model":"m","stream":true,"messages":[{"role":"user","content":"a"}]}
--- ignore_response
--- error_log
upstream prematurely closed connection



=== TEST 4: a cut behind the end is none
--- knobs: cut=100000
--- response_body_like: "content":"echo: hi there"



=== TEST 5: a stall lasts until the client leaves
--- knobs: stall=10
--- stream
--- timeout: 0.3
--- abort
--- wait: 0.2
--- ignore_response
--- error_log
client prematurely closed connection



=== TEST 6: a delay, too
--- knobs: delay=10s
--- timeout: 0.3
--- abort
--- wait: 0.2
--- ignore_response
--- error_log
client prematurely closed connection



=== TEST 7: byte by byte
--- knobs: bytes=1
--- stream
--- response_body_like eval
qr/^(?:data: \{[^\n]+\}\n\n){5}data: \[DONE\]\n\n$/



=== TEST 8: byte by byte, buffered
--- knobs: bytes=1
--- dialect: qwen
--- response_body chomp
{"output":{"choices":[{"message":{"content":"echo: hi there","role":"assistant"},"index":0,"finish_reason":"stop"}]},"usage":{"total_tokens":5,"output_tokens":3,"input_tokens":2,"prompt_tokens_details":{"cached_tokens":0}},"request_id":"req-mock"}



=== TEST 9: a broken event in the middle
--- knobs: malformed=1
--- stream
--- response_body_like eval
qr/" hi"[^\n]+\n\n\Qdata: {"id":"chatcmpl-mock","choices":[{"index":0,"delta":{"content":"cut\E\n\n[^\n]+" there"/



=== TEST 10: a broken event of Anthropic's
--- knobs: malformed=1
--- stream
--- dialect: claude
--- response_body_like: "type":"text_del\n\n



=== TEST 11: a broken event of DashScope's
--- knobs: malformed=1
--- stream
--- dialect: qwen
--- response_body_like: data:\{"output":\{"choices":\[\{"message":\n\n



=== TEST 12: a broken answer
--- knobs: malformed=1
--- response_body_like: "system_fingerprint":"fp_mock"\]$



=== TEST 13: an error in the stream, and nothing behind it
--- knobs: error_event=1
--- stream
--- response_body_like eval
qr/"echo:"[^\n]+\n\n\Qdata: {"error":{"message":"mock error in the stream","type":"server_error","param":null,"code":null}}\E\n\n$/



=== TEST 14: an error in a stream of Anthropic's
--- knobs: error_event=1
--- stream
--- dialect: claude
--- response_body_like eval
qr/"echo:"[^\n]+\n\n\Qevent: error\E\n\Qdata: {"type":"error","error":{"type":"overloaded_error","message":"mock error in the stream"}}\E\n\n$/



=== TEST 15: an error in a stream of DashScope's
--- knobs: error_event=1
--- stream
--- dialect: qwen
--- response_body_like eval
qr/"echo:"[^\n]+\n\nid:2\nevent:error\n:HTTP_STATUS\/500\n\Qdata:{"code":"InternalError","message":"mock error in the stream","request_id":"req-mock"}\E\n\n$/



=== TEST 16: an error instead of the first text
--- knobs: error_event=0
--- stream
--- response_body_unlike: echo
--- response_body_like: mock error in the stream



=== TEST 17: delays add up: before the header, before the body, between chunks
--- knobs: delay=100ms first_delay=100ms spacing=50ms chunks=3
--- stream
--- takes: ^0\.[3-9]
--- response_body_like: DONE



=== TEST 18: no delay unless asked for
--- stream
--- takes: ^0\.[01]
--- response_body_like: DONE



=== TEST 19: a big body that waits in a file
--- config
    location / {
        client_body_buffer_size 1k;
        llmbroker_mock;
    }
--- request eval
"POST /v1/chat/completions\n"
. '{"model":"m","messages":[{"role":"user","content":"'
. 'word ' x 100_000 . '"}]}'
--- response_body_like: ^\{"id".{100,200}"content":"echo: word (word ){9}.*"prompt_tokens":100000,



=== TEST 20: a long stream through a slow proxy
--- config
    location /v1/ {
        llmbroker_mock size=2m;
    }
    location /t {
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/v1/chat/completions;
        proxy_http_version 1.1;
        proxy_set_header Authorization "Bearer k";
        proxy_buffering off;
        proxy_buffer_size 1k;
        limit_rate 6m;
    }
--- request
POST /t
{"model":"m","stream":true,"messages":[{"role":"user","content":"a"}]}
--- response_body_filters eval
[sub { length(join '', $_[0] =~ /"content":"([^"]*)"/g) . substr $_[0], -16 }]
--- response_body eval
"2097152\n\ndata: [DONE]\n\n"
