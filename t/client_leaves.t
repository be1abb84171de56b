# A client that leaves takes the call of its provider with it (C1, C2).

use Test::Nginx::Socket 'no_plan';

our $yaml = <<'_EOC_';
>>> llmbroker.yaml
models:
  gpt:
    provider: openai
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    api_key: sk-test
  claude:
    provider: claude
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    api_key: sk-test
_EOC_

add_block_preprocessor(sub {
    my $block = shift;

    my $knobs = $block->knobs;

    $block->set_value('http_config', <<"_EOC_");
    llmbroker_config ../html/llmbroker.yaml;

    server {
        listen 127.0.0.1:\$TEST_NGINX_RAND_PORT_1;

        location / {
            llmbroker_mock $knobs;
        }
    }
_EOC_

    $block->set_value('user_files', $yaml);
    $block->set_value('config', <<'_EOC_');
    location / {
        llmbroker;
    }
_EOC_
    $block->set_value('timeout', 0.3);
    $block->set_value('abort', '');
    $block->set_value('wait', 0.4);
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: while the provider streams
--- knobs: stall=300
--- request
POST /v1/chat/completions
{"model":"gpt","stream":true,"messages":[{"role":"user","content":"a b c d e f g h i j k l m n o p q r s t u v w x y z"}]}
--- ignore_response
--- error_log
client prematurely closed connection, so upstream connection is closed too



=== TEST 2: while a dialect is translated
--- knobs: stall=300
--- request
POST /v1/chat/completions
{"model":"claude","stream":true,"messages":[{"role":"user","content":"a b c d e f g h i j k l m n o p q r s t u v w x y z"}]}
--- ignore_response
--- error_log
client prematurely closed connection, so upstream connection is closed too



=== TEST 3: before the provider has answered
--- knobs: delay=10s
--- request
POST /v1/chat/completions
{"model":"gpt","messages":[{"role":"user","content":"a"}]}
--- ignore_response
--- error_log
client prematurely closed connection, so upstream connection is closed too
