# The configuration file of the first LLMBroker, in Python, loads as it is
# (design 2.4): what nginx decides itself gets one notice, what this version
# does not do a warning.

use Test::Nginx::Socket 'no_plan';

BEGIN {
    $ENV{OPENAI_API_KEY} = 'sk-openai';
    delete $ENV{ANTHROPIC_API_KEY};
}

our $yaml = <<'_EOC_';
>>> llmbroker.yaml
server:
  host: "0.0.0.0"
  port: 8000
  reload: true
  log_level: "info"

models:
  gpt-4:
    provider: "openai"
    model_name: "gpt-4"
    api_key: "${OPENAI_API_KEY}"  # 环境变量
    base_url: "http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1"
    default_params:
      temperature: 0.7
      max_tokens: 1000
      top_p: 1.0

  claude-3-opus:
    provider: "claude"
    model_name: "claude-3-opus-20240229"
    api_key: "${ANTHROPIC_API_KEY}"
    base_url: "https://api.anthropic.com/v1"
    default_params:
      temperature: 0.7
      max_tokens: 1000

proxy:
  default_model: "gpt-4"
  enable_parameter_injection: true
  enable_request_logging: true
  timeout: 60
  enable_response_cache: false
  cache_ttl: 300

logging:
  level: "INFO"
  format: "%(asctime)s - %(name)s - %(levelname)s - %(message)s"
  file: "logs/llmbroker.log"

security:
  allowed_origins:
    - "*"
  enable_api_key_auth: false
  api_keys: []

monitoring:
  enable_metrics: true
  metrics_port: 9090
  health_check_interval: 30
_EOC_

our $http = <<'_EOC_';
    llmbroker_config ../html/llmbroker.yaml;

    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
        location / { llmbroker_mock echo_request=1; }
    }
_EOC_

add_block_preprocessor(sub {
    my $block = shift;

    # the name, so that nginx starts for each block, and says it again
    $block->set_value('http_config', '# ' . $block->name . "\n$http");
    $block->set_value('config', "location / { llmbroker; }");

    if (!defined $block->user_files) {
        $block->set_value('user_files', $yaml);
    }
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: it loads
--- request
GET /v1/models
--- response_body_like: "models":\["gpt-4","claude-3-opus"\]
--- grep_error_log eval
qr/\[(?:notice|warn)\] \d+#\d+: (?:"server"|monitoring|proxy|variable).* in /
--- grep_error_log_out eval
[
    qr/\A\[warn\] \S+ monitoring\.enable_metrics has no effect in this version in 
\[notice\] \S+ "server" and "logging" are not used: nginx has "listen", "error_log" and "access_log" for them in 
\[warn\] \S+ variable "ANTHROPIC_API_KEY" is not set, models\.claude-3-opus is not available in 
\z/
]



=== TEST 2: and works
--- request
POST /v1/chat/completions
{"messages":[{"role":"user","content":"hi"}]}
--- response_headers
x-llmbroker-model: gpt-4
--- response_body_like: \\"temperature\\": ?0\.7,\\"max_tokens\\": ?1000,\\"top_p\\": ?1\.0



=== TEST 3: what is switched on but not there yet is told, by its name
--- user_files
>>> llmbroker.yaml
models:
  a:
    provider: openai
    base_url: http://127.0.0.1:1/v1
    fallbacks: [b]
    deployments:
      - {weight: 3}
      - {priority: 2}
  b:
    provider: openai
    base_url: http://127.0.0.1:1/v1
proxy:
  enable_response_cache: true
--- request
GET /v1/models
--- grep_error_log eval: qr/\[warn\] \S+ .* in this version/
--- grep_error_log_out eval
qr/\A\[warn\] \S+ proxy\.enable_response_cache has no effect in this version\n\z/



=== TEST 4: several deployments and fallbacks are nothing to warn about
--- user_files
>>> llmbroker.yaml
models:
  a:
    provider: openai
    base_url: http://127.0.0.1:1/v1
    fallbacks: [b]
    deployments:
      - {weight: 3}
      - {priority: 2}
  b: {provider: openai, base_url: "http://127.0.0.1:1/v1", fallbacks: [a]}
--- request
GET /v1/models
--- no_error_log
[warn]



=== TEST 5: what is switched off is not
--- user_files
>>> llmbroker.yaml
models:
  a: {provider: openai, base_url: "http://127.0.0.1:1/v1", fallbacks: []}
proxy: {enable_response_cache: false, cache_ttl: 300}
monitoring: {enable_metrics: off, metrics_port: 9090}
--- request
GET /v1/models
--- no_error_log
[warn]



=== TEST 6: a wrong type in a part that is not used is still wrong
--- user_files
>>> llmbroker.yaml
models:
  a: {provider: openai, base_url: "http://127.0.0.1:1/v1"}
server:
  port: eight thousand
--- must_die
--- error_log
invalid value "eight thousand" for server.port, expected a whole number from 1 to 65535 in
llmbroker.yaml:4
