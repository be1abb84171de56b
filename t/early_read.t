# llmbroker_early_read: the body is read before the access phases, so that
# $llmbroker_model can be used there (design 2.9).

use Test::Nginx::Socket 'no_plan';

our $yaml = <<'_EOC_';
>>> llmbroker.yaml
models:
  cheap:
    provider: openai
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    api_key: sk-test
  dear:
    provider: openai
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    api_key: sk-test
_EOC_

our $http = <<'_EOC_';
    llmbroker_config ../html/llmbroker.yaml;
    limit_req_zone $llmbroker_model zone=one:1m rate=1r/m;

    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
        default_type application/json;
        location / { llmbroker_mock; }
    }
_EOC_

add_block_preprocessor(sub {
    my $block = shift;

    $block->set_value('http_config', $http);
    $block->set_value('user_files', $yaml);
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: a limit for each model
--- config
    location / {
        llmbroker;
        llmbroker_early_read on;
        limit_req zone=one;
        limit_req_status 429;
    }
--- pipelined_requests eval
[
 "POST /v1/chat/completions\n"
 . '{"model":"dear","messages":[{"role":"user","content":"a"}]}',
 "POST /v1/chat/completions\n"
 . '{"model":"cheap","messages":[{"role":"user","content":"b"}]}',
 "POST /v1/chat/completions\n"
 . '{"model":"dear","messages":[{"role":"user","content":"c"}]}'
]
--- error_code eval
[200, 200, 429]
--- response_body_like eval
["echo: a", "echo: b", "rate_limit_exceeded"]



=== TEST 2: without it the model is not known yet: no key, no limit
--- config
    location / {
        llmbroker;
        limit_req zone=one;
        limit_req_status 429;
    }
--- pipelined_requests eval
[
 "POST /v1/chat/completions\n"
 . '{"model":"dear","messages":[{"role":"user","content":"a"}]}',
 "POST /v1/chat/completions\n"
 . '{"model":"dear","messages":[{"role":"user","content":"c"}]}'
]
--- error_code eval
[200, 200]
--- response_body_like eval
["echo: a", "echo: c"]



=== TEST 3: auth_request sees it
--- config
    location / {
        llmbroker;
        llmbroker_early_read on;
        auth_request /auth;
    }
    location /auth {
        if ($llmbroker_model = "dear") { return 403; }
        return 204;
    }
--- pipelined_requests eval
[
 "POST /v1/chat/completions\n"
 . '{"model":"dear","messages":[{"role":"user","content":"a"}]}',
 "POST /v1/chat/completions\n"
 . '{"model":"cheap","messages":[{"role":"user","content":"b"}]}',
]
--- error_code eval
[403, 200]
--- response_body_like eval
["permission_denied", "echo: b"]



=== TEST 4: a bad body is refused only when access is granted
--- config
    location / {
        llmbroker;
        llmbroker_early_read on;
        deny all;
    }
--- request
POST /v1/chat/completions
{"model":
--- error_code: 403
--- response_body_like: permission_denied



=== TEST 5: a bad body
--- config
    location / {
        llmbroker;
        llmbroker_early_read on;
    }
--- request
POST /v1/chat/completions
{"model":
--- error_code: 400
--- response_body_like: invalid_json



=== TEST 6: pages are served as ever
--- config
    location / {
        llmbroker;
        llmbroker_early_read on;
    }
--- request
GET /v1/models
--- response_body_like: "models":\["cheap","dear"\]
