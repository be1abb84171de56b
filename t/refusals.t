# What nginx itself refuses in an llmbroker location comes in the error format
# too (design 2.9).

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

    my $http = $block->http_config;
    $http = '' unless defined $http;

    $block->set_value('http_config', $http . <<'_EOC_');

    llmbroker_config ../html/llmbroker.yaml;

    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
        default_type application/json;
        location / { return 200 '{"choices":[]}'; }
    }
_EOC_

    $block->set_value('user_files', $yaml);

    if (!defined $block->request && !defined $block->raw_request) {
        $block->set_value('request', "POST /v1/chat/completions\n"
                          . '{"model":"gpt","messages":[]}');
    }
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: too large, told by its length
--- config
    location / { llmbroker; client_max_body_size 10; }
--- error_code: 413
--- response_headers
Content-Type: application/json
--- response_body
{"error":{"message":"The request body is too large.","type":"invalid_request_error","param":null,"code":"request_too_large"}}



=== TEST 2: too large, found out while reading chunks
--- config
    location / { llmbroker; client_max_body_size 10; }
--- raw_request eval
"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
. "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
. "1b\r\n{\"model\":\"gpt\",\"messages\":[\r\n0\r\n\r\n"
--- error_code: 413
--- response_body_like: "code":"request_too_large"



=== TEST 3: limit_req
--- http_config
    limit_req_zone $server_name zone=one:1m rate=1r/m;
--- config
    location / { llmbroker; limit_req zone=one; limit_req_status 429; }
--- pipelined_requests eval
["GET /health", "GET /health"]
--- error_code eval
[200, 429]
--- response_headers eval
["Content-Type: application/json", "Content-Type: application/json"]
--- response_body_like eval
["status", '"type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"']



=== TEST 4: limit_req with its own default status
--- http_config
    limit_req_zone $server_name zone=one:1m rate=1r/m;
--- config
    location / { llmbroker; limit_req zone=one; }
--- pipelined_requests eval
["GET /health", "GET /health"]
--- error_code eval
[200, 503]
--- response_headers eval
["Content-Type: application/json", "Content-Type: application/json"]
--- response_body_like eval
["status", '"code":"rate_limit_exceeded"']



=== TEST 5: deny
--- config
    location / { llmbroker; deny all; }
--- error_code: 403
--- response_headers
Content-Type: application/json
--- response_body_like: "type":"permission_error","param":null,"code":"permission_denied"



=== TEST 6: auth_request
--- config
    location / { llmbroker; auth_request /auth; }
    location /auth { return 401; }
--- error_code: 401
--- response_headers
Content-Type: application/json
--- response_body_like: "type":"authentication_error","param":null,"code":"invalid_api_key"



=== TEST 7: auth_request that lets through
--- config
    location / { llmbroker; auth_request /auth; }
    location /auth { return 204; }
--- error_code: 200
--- response_body chomp
{"choices":[]}



=== TEST 8: limit_except
--- config
    location / { llmbroker; limit_except POST { deny all; } }
--- request
GET /v1/models
--- error_code: 403
--- response_body_like: "code":"permission_denied"



=== TEST 9: limit_except lets its method through
--- config
    location / { llmbroker; limit_except POST { deny all; } }
--- error_code: 200
--- response_body chomp
{"choices":[]}



=== TEST 10: return in the location
--- config
    location / { llmbroker; if ($request_method = POST) { return 418 "teapot"; } }
--- error_code: 418
--- response_headers
Content-Type: application/json
--- response_body_like: "type":"invalid_request_error"



=== TEST 11: other locations are left alone
--- config
    location / { llmbroker; }
    location /other { return 404 "nothing"; }
--- request
GET /other
--- error_code: 404
--- response_body chomp
nothing



=== TEST 12: a body that does not come (C5)
--- config
    location / { llmbroker; client_body_timeout 300ms; }
--- raw_request eval
"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
. "Content-Length: 100\r\n\r\n{\"model\":"
--- error_code: 408
--- response_headers
Content-Type: application/json
Connection: close
--- response_body_like: "code":"request_timeout"



=== TEST 13: an error page of the user's own
--- config
    error_page 413 /large;
    location / { llmbroker; client_max_body_size 10; }
    location /large { return 413 "own page"; }
--- error_code: 413
--- response_body chomp
own page



=== TEST 14: filters and limits around it (C4)
--- config
    location / {
        llmbroker;
        limit_rate 100k;
        gzip on;
        add_header X-Own yes always;
        sub_filter choices decisions;
        sub_filter_types *;
    }
--- error_code: 200
--- response_headers
X-Own: yes
--- response_body_like: "decisions":
