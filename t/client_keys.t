# Client keys (design 2.4, 2.9).

use Test::Nginx::Socket 'no_plan';

our $yaml = <<'_EOC_';
>>> llmbroker.yaml
models:
  gpt:
    provider: openai
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    api_key: sk-test
security:
  enable_api_key_auth: true
  api_keys: ["first-key", "second-key"]
  allowed_origins: ["https://app.example"]
_EOC_

our $http = <<'_EOC_';
    llmbroker_config ../html/llmbroker.yaml;

    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
        default_type application/json;
        location / { return 200 '{"choices":[]}'; }
    }
_EOC_

add_block_preprocessor(sub {
    my $block = shift;

    $block->set_value('http_config', $http);
    $block->set_value('user_files', $yaml);
    $block->set_value('config', "location / { llmbroker; }");

    if (!defined $block->request) {
        $block->set_value('request', "POST /v1/chat/completions\n"
                          . '{"model":"gpt","messages":[]}');
    }
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: none
--- error_code: 401
--- response_headers
Content-Type: application/json
WWW-Authenticate: Bearer
--- response_body
{"error":{"message":"A valid API key is required.","type":"authentication_error","param":null,"code":"invalid_api_key"}}



=== TEST 2: wrong
--- more_headers
Authorization: Bearer first-keyx
--- error_code: 401



=== TEST 3: a prefix
--- more_headers
Authorization: Bearer first-ke
--- error_code: 401



=== TEST 4: empty
--- more_headers
Authorization: Bearer
--- error_code: 401



=== TEST 5: Basic is no key
--- more_headers
Authorization: Basic first-key
--- error_code: 401



=== TEST 6: the first
--- more_headers
Authorization: Bearer first-key
--- error_code: 200



=== TEST 7: the second, scheme in lower case
--- more_headers
Authorization: bearer second-key
--- error_code: 200



=== TEST 8: as x-api-key
--- more_headers
x-api-key: second-key
--- error_code: 200



=== TEST 9: a wrong x-api-key
--- more_headers
x-api-key: second
--- error_code: 401



=== TEST 10: models need one
--- request
GET /v1/models
--- error_code: 401



=== TEST 11: the page needs one
--- request
GET /docs
--- error_code: 401



=== TEST 12: an unknown path does not tell itself
--- request
GET /v9
--- error_code: 401



=== TEST 13: health needs none
--- request
GET /health
--- error_code: 200



=== TEST 14: the root needs none
--- request
GET /
--- error_code: 200



=== TEST 15: CORS headers are on errors too
--- more_headers
Origin: https://app.example
--- error_code: 401
--- response_headers
Access-Control-Allow-Origin: https://app.example
Vary: Origin



=== TEST 16: another origin
--- more_headers
Origin: https://evil.example
Authorization: Bearer first-key
--- error_code: 200
--- response_headers
! Access-Control-Allow-Origin
Vary: Origin



=== TEST 17: a preflight needs no key
--- request
OPTIONS /v1/chat/completions
--- more_headers
Origin: https://app.example
Access-Control-Request-Method: POST
Access-Control-Request-Headers: authorization, content-type
--- error_code: 204
--- response_headers
Access-Control-Allow-Origin: https://app.example
Access-Control-Allow-Methods: GET, POST, OPTIONS
Access-Control-Allow-Headers: authorization, content-type
Access-Control-Max-Age: 86400



=== TEST 18: no key reaches a log
--- more_headers
Authorization: Bearer first-key-but-wrong
--- log_level: info
--- error_code: 401
--- no_error_log
first-key
