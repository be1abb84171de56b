# Connections to providers are kept and reused; one that the provider has
# closed meanwhile is replaced once, at the same endpoint (P10).

use Test::Nginx::Socket 'no_plan';

our $yaml = <<'_EOC_';
>>> llmbroker.yaml
models:
  gpt:
    provider: openai
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    api_key: sk-test
_EOC_

add_block_preprocessor(sub {
    my $block = shift;

    my $answer = $block->answer;

    $block->set_value('http_config', <<"_EOC_");
    llmbroker_config ../html/llmbroker.yaml;

    server {
        listen 127.0.0.1:\$TEST_NGINX_RAND_PORT_1;
        default_type application/json;

        location / {
            $answer
        }
    }
_EOC_

    $block->set_value('user_files', $yaml);
    $block->set_value('config', <<'_EOC_');
    location / {
        llmbroker;
        add_header X-Upstream "$upstream_status" always;
    }
_EOC_

    my $chat = "POST /v1/chat/completions\n" . '{"model":"gpt","messages":[]}';
    my $second = $chat;

    if (defined $block->script) {
        my ($script) = $block->script =~ /(\S+)/;

        $chat = "POST /v1/chat/completions\n" . '{"model":"gpt","stream":true,'
                . '"messages":[{"role":"user","content":"one two three"}]}';
        ($second = $chat) =~ s/one/!mock $script ! one/;
    }

    $block->set_value('pipelined_requests', [$chat, $second]);
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: the second request goes over the first one's connection
--- answer
    return 200 '{"choices":[],"requests":$connection_requests}';
--- error_code eval
[200, 200]
--- response_body eval
['{"choices":[],"requests":1}', '{"choices":[],"requests":2}']



=== TEST 2: so it does after an error
--- answer
    return 429 '{"error":{"message":"n$connection_requests"}}';
--- error_code eval
[429, 429]
--- response_body_like eval
["n1", "n2"]



=== TEST 3: a connection that is dead is replaced, and the client sees nothing
--- answer
    if ($connection_requests = 2) { return 444; }
    return 200 '{"choices":[],"requests":$connection_requests}';
--- error_code eval
[200, 200]
--- response_headers eval
["X-Upstream: 200", "X-Upstream: 502, 200"]
--- response_body eval
['{"choices":[],"requests":1}', '{"choices":[],"requests":1}']



=== TEST 4: a fresh connection that is closed is a failure
--- answer
    return 444;
--- error_code eval
[502, 502]
--- response_headers eval
["X-Upstream: 502", "X-Upstream: 502"]
--- response_body_like eval
["provider_unavailable", "provider_unavailable"]



=== TEST 5: an answer that has begun is not asked for again
--- answer
    llmbroker_mock script=on;
--- script: cut=700
--- error_code eval
[200, 200]
--- response_headers eval
["X-Llmbroker-Attempts: 1", "X-Llmbroker-Attempts: 1"]
--- response_body_like eval
['(?s)"content":" three".*\[DONE\]\n\n$',
 '(?s)^(?!.*"role".*"role")data: .*data: \{"error":\{[^\n]*\n\n$']



=== TEST 6: nor one of which the header has come
--- answer
    llmbroker_mock script=on;
--- script: cut=0
--- error_code eval
[200, 502]
--- response_headers eval
["X-Llmbroker-Attempts: 1", "X-Llmbroker-Attempts: 1"]
--- response_body_like eval
["DONE", "provider_bad_response"]
