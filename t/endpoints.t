# Every endpoint of the service, whatever prefix its location has; what is not
# there is told in the error format.

use Test::Nginx::Socket 'no_plan';

our $yaml = <<'_EOC_';
>>> llmbroker.yaml
models:
  gpt:
    provider: openai
    model_name: gpt-real
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    api_key: sk-test
  keyless:
    provider: openai
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    api_key: ${LLMBROKER_TEST_NEVER_SET}
_EOC_

our $http = <<'_EOC_';
    llmbroker_config ../html/llmbroker.yaml;

    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
        default_type application/json;

        location / {
            return 200 '{"uri":"$uri","choices":[],"data":[]}';
        }
    }
_EOC_

add_block_preprocessor(sub {
    my $block = shift;

    $block->set_value('http_config', $http);
    $block->set_value('user_files', $yaml);

    if (!defined $block->config) {
        $block->set_value('config', "location / { llmbroker; }");
    }
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: the root tells who is there
--- request
GET /
--- response_headers
Content-Type: application/json
--- response_body_like chomp
^\{"service":"LLMBroker","version":"[0-9.]+","status":"ok"\}$



=== TEST 2: models as OpenAI lists them, and as the first LLMBroker did
--- request
GET /v1/models
--- response_body_like chomp
^\{"object":"list","data":\[\{"id":"gpt","object":"model","created":\d+,"owned_by":"openai"\},\{"id":"keyless",.*"models":\["gpt","keyless"\]\}$



=== TEST 3: models without v1
--- request
GET /models
--- response_body_like chomp
"models":\["gpt","keyless"\]



=== TEST 4: one model
--- request
GET /v1/models/gpt
--- response_body_like chomp
^\{"id":"gpt","object":"model","created":\d+,"owned_by":"openai"\}$



=== TEST 5: no such model
--- request
GET /v1/models/gpt-5
--- error_code: 404
--- response_headers
Content-Type: application/json
--- response_body
{"error":{"message":"The model 'gpt-5' does not exist.","type":"invalid_request_error","param":"model","code":"model_not_found"}}



=== TEST 6: health names the variable that is missing
--- request
GET /health
--- response_body_like chomp
^\{"status":"degraded".*"name":"gpt","status":"available".*"name":"keyless","status":"unavailable","missing":"LLMBROKER_TEST_NEVER_SET"



=== TEST 7: a page to read
--- request
GET /docs
--- response_headers_like
Content-Type: text/html; charset=utf-8
--- response_body_like: <!doctype html>|<!DOCTYPE html>



=== TEST 8: its description
--- request
GET /openapi.json
--- response_headers
Content-Type: application/json
--- response_body_like: "openapi": ?"3\.1



=== TEST 9: chat without v1
--- request
POST /chat/completions
{"model":"gpt","messages":[]}
--- response_body chomp
{"uri":"/v1/chat/completions","choices":[],"data":[]}



=== TEST 10: completions
--- request
POST /v1/completions
{"model":"gpt","prompt":"x"}
--- response_body chomp
{"uri":"/v1/completions","choices":[],"data":[]}



=== TEST 11: embeddings
--- request
POST /v1/embeddings
{"model":"gpt","input":"x"}
--- response_body chomp
{"uri":"/v1/embeddings","choices":[],"data":[]}



=== TEST 12: unknown path
--- request
GET /v2/models
--- error_code: 404
--- response_body
{"error":{"message":"Unknown request URL.","type":"invalid_request_error","param":null,"code":"unknown_url"}}



=== TEST 13: a path that only begins like one
--- request
GET /v1/modelsx
--- error_code: 404
--- response_body_like: "code":"unknown_url"



=== TEST 14: wrong method
--- request
GET /v1/chat/completions
--- error_code: 405
--- response_headers
Allow: POST
Content-Type: application/json
--- response_body_like: "code":"method_not_allowed"



=== TEST 15: wrong method on a page, with a body
--- request
DELETE /v1/models
--- error_code: 405
--- response_headers
Allow: GET, HEAD



=== TEST 16: a location with a prefix
--- config
    location /llm/ { llmbroker; }
--- request
POST /llm/v1/chat/completions
{"model":"gpt","messages":[]}
--- response_body_like: "uri":"/v1/chat/completions"



=== TEST 17: a prefix without a final slash, and its root
--- config
    location /llm { llmbroker; }
--- request
GET /llm
--- response_body_like: "service":"LLMBroker"



=== TEST 18: the prefix is v1 itself
--- config
    location /v1/ { llmbroker; }
--- request
POST /v1/chat/completions
{"model":"gpt","messages":[]}
--- response_body_like: "uri":"/v1/chat/completions"



=== TEST 19: an exact location
--- config
    location = /api/v1/chat/completions { llmbroker; }
--- request
POST /api/v1/chat/completions
{"model":"gpt","messages":[]}
--- response_body_like: "uri":"/v1/chat/completions"



=== TEST 20: a location by regular expression
--- config
    location ~ ^/(team|club)/ { llmbroker; }
--- request
POST /club/v1/chat/completions
{"model":"gpt","messages":[]}
--- response_body_like: "uri":"/v1/chat/completions"



=== TEST 21: inside of if
--- config
    location / {
        llmbroker;
        if ($http_x_never) { set $x 1; }
        if ($request_method = POST) { set $x 2; }
    }
--- request
POST /v1/chat/completions
{"model":"gpt","messages":[]}
--- response_body_like: "uri":"/v1/chat/completions"



=== TEST 22: another module's subrequest is refused and nothing breaks
--- config
    location / { llmbroker; }
    location /t { ssi on; ssi_types text/plain; return 200 '<!--#include virtual="/v1/models" -->|'; }
--- request
GET /t
--- response_body chomp
|



=== TEST 23: HEAD
--- request
HEAD /v1/models
--- response_headers
Content-Type: application/json
--- response_body:



=== TEST 24: every answer has a request id
--- request
GET /health
--- response_headers_like
x-request-id: ^[0-9a-f]{32}$
