# The times a provider may take: to connect, to begin, between two pieces, and
# in all; each for one model.

use Test::Nginx::Socket 'no_plan';

add_block_preprocessor(sub {
    my $block = shift;

    my $keys = $block->keys;
    my $knobs = $block->knobs;

    $block->set_value('http_config', <<"_EOC_");
    llmbroker_config ../html/llmbroker.yaml;

    log_format time '\$request_time';

    server {
        listen 127.0.0.1:\$TEST_NGINX_RAND_PORT_1;
        location / { llmbroker_mock $knobs; }
    }
_EOC_

    $block->set_value('user_files', <<"_EOC_");
>>> llmbroker.yaml
models:
  gpt:
    provider: openai
    base_url: http://127.0.0.1:\$TEST_NGINX_RAND_PORT_1/v1
    api_key: sk-test
    $keys
_EOC_

    $block->set_value('config', <<'_EOC_');
    location / {
        llmbroker;
        access_log logs/access.log time;
    }
_EOC_

    return if defined $block->raw_request;

    my $stream = $block->stream ? 'true' : 'false';

    $block->set_value('request', "POST /v1/chat/completions\n"
        . qq({"model":"gpt","stream":$stream,)
        . '"messages":[{"role":"user","content":"a b c d e f g h"}]}');
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: the whole answer
--- keys: timeout: 400ms
--- knobs: delay=3s
--- error_code: 504
--- response_body_like: "code":"provider_timeout"
--- access_log eval
qr/^0\.(39|4)\d/



=== TEST 2: the first token
--- keys: first_token_timeout: 300ms
--- knobs: delay=3s
--- error_code: 504
--- response_body_like: "code":"provider_timeout"
--- access_log eval
qr/^0\.(29|3)\d/



=== TEST 3: the first token of a stream whose header is there
--- keys: first_token_timeout: 300ms
--- knobs: first_delay=3s
--- stream: 1
--- error_code: 504
--- response_body_like: "code":"provider_timeout"
--- access_log eval
qr/^0\.(29|3)\d/



=== TEST 4: when it has come, the answer has all its time
--- keys: first_token_timeout: 300ms
--- knobs: chunks=5 spacing=150ms
--- stream: 1
--- response_body_like: data: \[DONE\]



=== TEST 5: silence in the middle
--- keys: idle_timeout: 300ms
--- knobs: chunks=3 spacing=3s
--- stream: 1
--- response_body_like chomp
^data: (.|\n)*"code":"provider_timeout"\}\}

$
--- access_log eval
qr/^0\.(29|3)\d/



=== TEST 6: no silence: pieces come in time, and none is counted double
--- keys: idle_timeout: 300ms
--- knobs: chunks=9 spacing=160ms
--- stream: 1
--- response_body_like: data: \[DONE\]



=== TEST 7: ... silence begins with the last piece
--- keys: idle_timeout: 400ms
--- knobs: chunks=9 spacing=150ms stall=1200
--- stream: 1
--- response_body_like: "code":"provider_timeout"



=== TEST 8: ... also where the first token has more time
--- keys
first_token_timeout: 3s
    idle_timeout: 300ms
--- knobs: chunks=3 spacing=3s
--- stream: 1
--- response_body_like: "code":"provider_timeout"
--- access_log eval
qr/^0\.(29|3[0-4])/



=== TEST 9: pieces that come in time, and more than the whole may take
--- keys: timeout: 500ms
--- knobs: chunks=8 spacing=150ms
--- stream: 1
--- response_body_like chomp
^data: (.|\n)*"code":"provider_timeout"\}\}

$
--- access_log eval
qr/^0\.(49|5)\d/



=== TEST 10: the time that the client took for its body is not the provider's
--- keys
first_token_timeout: 400ms
    timeout: 600ms
--- knobs: chunks=3 spacing=100ms
--- raw_request eval
["POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
 . "Connection: close\r\nContent-Length: 74\r\n\r\n"
 . '{"model":"gpt","stream":true,',
 '"messages":[{"role":"user","content":"a b"}]}']
--- raw_request_middle_delay: 0.8
--- response_body_like: data: \[DONE\]
