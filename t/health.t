# /health tells each deployment's breaker.  Deployments are told apart by all
# that makes them different: when one key of an endpoint fails, the other does
# not, and an alias beside it neither.

use Test::Nginx::Socket 'no_plan';

our $yaml = <<'_EOC_';
>>> llmbroker.yaml
proxy:
  backoff: 1ms
models:
  lone:
    provider: openai
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    api_key: sk-a
    breaker: {failures: 2, open: 60s}
  brief:
    provider: openai
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    model_name: lone
    api_key: sk-a
    breaker: {failures: 1, open: 1ms}
  keys:
    provider: openai
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    breaker: {failures: 1, open: 60s}
    deployments:
      - {api_key: sk-a}
      - {api_key: sk-b}
_EOC_

our $http = <<'_EOC_';
    llmbroker_config ../html/llmbroker.yaml;

    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
        default_type application/json;

        location / {
            if ($http_authorization = "Bearer sk-a") { return 500 '{}'; }
            return 200 '{"choices":[]}';
        }

        location /slow { limit_rate 1; return 200 slow; }
    }
_EOC_

our $call = "POST /v1/chat/completions\n";

add_block_preprocessor(sub {
    my $block = shift;

    $block->set_value('http_config', $http);
    $block->set_value('user_files', $yaml);
    $block->set_value('config', <<'_EOC_');
        location / { llmbroker; }

        location /wait {
            proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/slow;
            proxy_read_timeout 20ms;
        }
_EOC_
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: nothing has happened
--- request
GET /health
--- response_body_like chomp
"status":"healthy".*"name":"lone","status":"available","deployments":\[\{"provider":"openai","model":"lone","endpoint":"http://[0-9.:]+/v1","status":"up",[^}]*"breaker":"closed","failures":0,"in_flight":0\}\]



=== TEST 2: one failure of two
--- request eval
[$::call . '{"model":"lone","messages":[]}', "GET /health"]
--- error_code eval
[502, 200]
--- response_body_like eval
["provider_unavailable",
 qr/"name":"lone","status":"available".*?"status":"up",[^}]*"breaker":"closed","failures":1,"in_flight":0/]



=== TEST 3: the breaker opens, of this model only
--- request eval
[$::call . '{"model":"lone","messages":[]}',
 $::call . '{"model":"lone","messages":[]}', "GET /health"]
--- error_code eval
[502, 502, 200]
--- response_body_like eval
[".", ".",
 qr/"status":"degraded".*"name":"lone","status":"unavailable".*?"status":"down",[^}]*"breaker":"open","retry_in":60,"failures":2,"in_flight":0.*"name":"brief","status":"available".*"name":"keys","status":"available"/]



=== TEST 4: half open is no longer down
--- request eval
[$::call . '{"model":"brief","messages":[]}', "GET /wait", "GET /health"]
--- error_code eval
[502, 504, 200]
--- response_body_like eval
[".", ".",
 qr/"name":"brief","status":"available".*?"status":"up",[^}]*"breaker":"half_open","failures":1,"in_flight":0/]



=== TEST 5: two keys of one endpoint
--- request eval
[($::call . '{"model":"keys","messages":[]}') x 4, "GET /health"]
--- error_code_like eval
[("502|200") x 4, "200"]
--- response_body_like eval
[(".") x 4,
 qr/"name":"keys","status":"available".*?"status":"down",[^}]*"breaker":"open","retry_in":60,"failures":\d.*?"status":"up",[^}]*"breaker":"closed","failures":0/]
