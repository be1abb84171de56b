# Browsers of any origin, when that is configured; and none when it is not.

use Test::Nginx::Socket 'no_plan';

add_block_preprocessor(sub {
    my $block = shift;

    my $security = $block->security;
    $security = '' unless defined $security;

    $block->set_value('http_config',
                      'llmbroker_config ../html/llmbroker.yaml;');
    $block->set_value('user_files', <<"_EOC_");
>>> llmbroker.yaml
models:
  gpt:
    provider: openai
    base_url: http://127.0.0.1:1/v1
    api_key: sk-test
$security
_EOC_
    $block->set_value('config', 'location / { llmbroker; }');
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: any origin
--- security
security:
  allowed_origins: ["*"]
--- request
GET /v1/models
--- more_headers
Origin: https://some.example
--- response_headers
Access-Control-Allow-Origin: *



=== TEST 2: no origin, no header
--- security
security:
  allowed_origins: ["*"]
--- request
GET /v1/models
--- response_headers
! Access-Control-Allow-Origin



=== TEST 3: a preflight
--- security
security:
  allowed_origins: ["*"]
--- request
OPTIONS /v1/chat/completions
--- more_headers
Origin: https://some.example
Access-Control-Request-Method: POST
Access-Control-Request-Headers: authorization,content-type,x-stainless-os
--- error_code: 204
--- response_headers
Access-Control-Allow-Origin: *
Access-Control-Allow-Headers: authorization,content-type,x-stainless-os
! Content-Type



=== TEST 4: an error has it, too
--- security
security:
  allowed_origins: ["*"]
--- request
POST /v1/chat/completions
{}
--- more_headers
Origin: https://some.example
--- error_code: 400
--- response_headers
Access-Control-Allow-Origin: *



=== TEST 5: not configured
--- request
GET /v1/models
--- more_headers
Origin: https://some.example
--- response_headers
! Access-Control-Allow-Origin
! Vary



=== TEST 6: a preflight without CORS is a wrong method
--- request
OPTIONS /v1/chat/completions
--- more_headers
Origin: https://some.example
Access-Control-Request-Method: POST
--- error_code: 405
