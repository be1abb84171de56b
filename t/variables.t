# Variables that are numbers (design 2.7): digits, of any size, and "-" for
# what nobody knows; times with three decimals.

use Test::Nginx::Socket 'no_plan';

add_block_preprocessor(sub {
    my $block = shift;

    my $usage = $block->usage;
    my $answer = defined $usage
        ? qq(return 200 '{"choices":[],"usage":$usage}';)
        : $block->answer;

    $block->set_value('http_config', <<"_EOC_");
    llmbroker_config ../html/llmbroker.yaml;

    log_format tokens '[\$llmbroker_stream|\$llmbroker_attempts'
                      '|\$llmbroker_prompt_tokens'
                      '|\$llmbroker_completion_tokens|\$llmbroker_total_tokens'
                      '|\$llmbroker_cached_tokens'
                      '|\$llmbroker_reasoning_tokens]';
    log_format ttft '[\$llmbroker_ttft]';

    server {
        listen 127.0.0.1:\$TEST_NGINX_RAND_PORT_1;
        default_type application/json;
        location / { $answer }
    }
_EOC_

    $block->set_value('user_files', <<'_EOC_');
>>> llmbroker.yaml
models:
  gpt:
    provider: openai
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    api_key: sk-test
_EOC_

    my $format = defined $usage ? 'tokens' : 'ttft';

    $block->set_value('config', <<"_EOC_");
    location / {
        llmbroker;
        access_log logs/access.log $format;
    }
_EOC_

    $block->set_value('request', "POST /v1/chat/completions\n"
                      . '{"model":"gpt",'
                      . '"messages":[{"role":"user","content":"a"}]}');
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: of one digit and of two
--- usage: {"prompt_tokens":9,"completion_tokens":10,"total_tokens":19,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":5}}
--- access_log
[0|1|9|10|19|0|5]



=== TEST 2: the total is the sum where it is not told
--- usage: {"prompt_tokens":1234567,"completion_tokens":100}
--- access_log
[0|1|1234567|100|1234667|-|-]



=== TEST 3: beyond 32 bits
--- usage: {"prompt_tokens":4294967296,"completion_tokens":0,"total_tokens":900719925474099}
--- access_log
[0|1|4294967296|0|900719925474099|-|-]



=== TEST 4: nothing is known
--- usage: {}
--- access_log
[0|1|-|-|-|-|-]



=== TEST 5: time below a second
--- answer: llmbroker_mock;
--- access_log eval
qr/^\[0\.\d\d\d\]$/m



=== TEST 6: and above
--- answer: llmbroker_mock delay=1060ms;
--- access_log eval
qr/^\[1\.(?:0[6-9]|[1-9]\d)\d\]$/m
