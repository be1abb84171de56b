# Deployments, the addresses behind them and the connections that they share
# (design 2.4, 3.1).

use Test::Nginx::Socket 'no_plan';

our $http = <<'_EOC_';
    llmbroker_config ../html/llmbroker.yaml;

    log_format sent '$uri|$http_authorization|$http_x_api_key|';

    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
        listen [::1]:$TEST_NGINX_RAND_PORT_1;
        access_log logs/access.log sent;
        default_type application/json;

        location / {
            set $to '"host":"$http_host","uri":"$uri"';
            return 200 '{"choices":[],$to,"n":$connection_requests}';
        }
    }
_EOC_

sub ask {
    return "POST /v1/chat/completions\n"
           . qq({"model":"$_[0]","messages":[{"role":"user","content":"hi"}]});
}

add_block_preprocessor(sub {
    my $block = shift;

    $block->set_value('http_config', $http);
    $block->set_value('config', "location / { llmbroker; access_log off; }");

    if (!defined $block->request) {
        $block->set_value('request', ask('m'));
    }
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: models of one address share its connections
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, base_url: "http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/a"}
  n: {provider: openai, base_url: "http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/b/"}
--- request eval
[main::ask('m'), main::ask('n'), main::ask('m')]
--- response_body_like eval
['"n":1', '"n":2', '"n":3']



=== TEST 2: those of another host do not, even at the same address
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, base_url: "http://127.0.0.1:$TEST_NGINX_RAND_PORT_1"}
  n: {provider: openai, base_url: "http://LOCALHOST:$TEST_NGINX_RAND_PORT_1"}
--- request eval
[main::ask('m'), main::ask('n'), main::ask('m')]
--- response_body_like eval
['"host":"127\.0\.0\.1:\d+","uri":"/chat/completions","n":1',
 '"host":"localhost:\d+","uri":"/chat/completions","n":1',
 '"host":"127\.0\.0\.1:\d+","uri":"/chat/completions","n":2']



=== TEST 3: an IPv6 address
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, base_url: "http://[::1]:$TEST_NGINX_RAND_PORT_1/v1"}
--- response_body_like: "host":"\[::1\]:\d+","uri":"/v1/chat/completions"



=== TEST 4: dots and slashes of a path
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, base_url: "http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/a/../b//"}
--- response_body_like: "uri":"/b/chat/completions"



=== TEST 5: a host that does not resolve is one warning, not a failure
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, base_url: "https://nothing.invalid/v1"}
  n: {provider: openai, base_url: "https://nothing.invalid:8443/v1"}
--- error_code: 502
--- response_body_like: "code":"provider_unavailable"
--- grep_error_log eval
qr/\[warn\].*has no address yet.*|no live upstreams/
--- grep_error_log_out eval
[qr/\A\[warn\] .*host not found: "nothing\.invalid" has no address yet, it is looked for when nginx runs in \S+llmbroker\.yaml:2
no live upstreams
\z/]



=== TEST 6: an endpoint without an address is told by /health
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, base_url: "https://nothing.invalid/v1"}
--- request
GET /health
--- error_code: 503
--- response_body_like: "status":"unresolved"



=== TEST 7: a deployment inherits the model's keys and has its own
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    model_name: x
    api_key: sk-model
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/model
    deployments:
      - {base_url: "http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/own"}
--- access_log
/own/chat/completions|Bearer sk-model|-|



=== TEST 8: the lowest priority first
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1
    deployments:
      - {api_key: two, priority: 2}
      - {api_key: one, priority: 1}
--- access_log
/chat/completions|Bearer one|-|



=== TEST 9: a key is not inherited by another provider
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    api_key: sk-openai
    base_url: https://127.0.0.1:1/v1
    deployments:
      - {provider: claude, base_url: "http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/c"}
--- ignore_response
--- access_log
/c/messages|-|-|



=== TEST 10: nor by another word for the same provider is it lost
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: claude
    api_key: sk-claude
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/c
    deployments:
      - {provider: anthropic}
--- ignore_response
--- access_log
/c/messages|-|sk-claude|



=== TEST 11: a model without a provider gives its key to all
--- user_files
>>> llmbroker.yaml
models:
  m:
    api_key: sk-model
    deployments:
      - {provider: openai, base_url: "http://127.0.0.1:$TEST_NGINX_RAND_PORT_1"}
--- access_log
/chat/completions|Bearer sk-model|-|



=== TEST 12: names of models differ by case
--- user_files
>>> llmbroker.yaml
models:
  GPT: {provider: openai, base_url: "http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/upper"}
  gpt: {provider: openai, base_url: "http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/lower"}
--- request eval
[main::ask('GPT'), main::ask('gpt'), main::ask('Gpt')]
--- error_code eval
[200, 200, 404]
--- response_body_like eval
['"uri":"/upper/', '"uri":"/lower/', 'model_not_found']
