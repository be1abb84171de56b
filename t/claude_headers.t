# Headers of Anthropic's answers in OpenAI's words (rules H): rate limits, of
# all tokens before those of the input only, and what comes with errors alone.

use Test::Nginx::Socket 'no_plan';

add_block_preprocessor(sub {
    my $block = shift;

    $block->set_value('user_files', <<'_EOC_');
>>> llmbroker.yaml
models:
  claude:
    provider: claude
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    api_key: sk-ant-0123456789
_EOC_

    my $answer = $block->answer;

    $block->set_value('http_config', <<"_EOC_");
    llmbroker_config ../html/llmbroker.yaml;

    server {
        listen 127.0.0.1:\$TEST_NGINX_RAND_PORT_1;

        location / {
            $answer
        }
    }
_EOC_

    $block->set_value('config', "location / { llmbroker; }");

    if (!defined $block->request) {
        $block->set_value('request', <<'_EOC_');
POST /v1/chat/completions
{"model":"claude","messages":[{"role":"user","content":"hi"}]}
_EOC_
    }
});

no_long_string();
no_root_location();

run_tests();

__DATA__

=== TEST 1: limits, and nothing of Anthropic's own
--- answer
llmbroker_mock header=anthropic-ratelimit-requests-limit:50 header=anthropic-ratelimit-requests-remaining:49 header=anthropic-ratelimit-requests-reset:2001-01-01T00:00:00Z header=anthropic-organization-id:o header=cf-ray:r header=retry-after:7;
--- response_headers
x-request-id: req_mock
x-ratelimit-limit-requests: 50
x-ratelimit-remaining-requests: 49
x-ratelimit-reset-requests: 0s
! anthropic-ratelimit-requests-limit
! anthropic-organization-id
! cf-ray
! retry-after
--- no_error_log
[error]



=== TEST 2: those of the input, where there are no others
--- answer
llmbroker_mock header=anthropic-ratelimit-input-tokens-limit:1 header=anthropic-ratelimit-output-tokens-limit:2 header=anthropic-ratelimit-input-tokens-remaining:3;
--- response_headers
x-ratelimit-limit-tokens: 1
x-ratelimit-remaining-tokens: 3
--- no_error_log
[error]



=== TEST 3: those of all tokens win, behind the others
--- answer
llmbroker_mock header=anthropic-ratelimit-input-tokens-limit:1 header=anthropic-ratelimit-tokens-limit:2 header=anthropic-ratelimit-requests-limit:3;
--- response_headers
x-ratelimit-limit-tokens: 2
x-ratelimit-limit-requests: 3
--- no_error_log
[error]



=== TEST 4: and before them
--- answer
llmbroker_mock header=anthropic-ratelimit-tokens-limit:2 header=anthropic-ratelimit-input-tokens-limit:1;
--- response_headers
x-ratelimit-limit-tokens: 2
--- no_error_log
[error]



=== TEST 5: a stream has them as well
--- answer
llmbroker_mock header=anthropic-ratelimit-tokens-remaining:2;
--- request
POST /v1/chat/completions
{"model":"claude","stream":true,"messages":[{"role":"user","content":"hi"}]}
--- response_headers
Content-Type: text/event-stream; charset=utf-8
x-ratelimit-remaining-tokens: 2
--- response_body_like: \[DONE\]
--- no_error_log
[error]



=== TEST 6: an error says when to come again
--- answer
llmbroker_mock status=429 header=retry-after:7 header=x-should-retry:true;
--- error_code: 429
--- response_headers
retry-after: 7
x-should-retry: true
--- response_body_like: "code":"rate_limit_exceeded"
