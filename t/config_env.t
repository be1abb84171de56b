# ${NAME}, ${NAME:-default} and ${file:...}: what they become, what an unset
# variable does, and that no secret is told (design 2.4, 2.9).

use Test::Nginx::Socket 'no_plan';

BEGIN {
    $ENV{LLMBROKER_TEST_KEY} = 'sk-from-env';
    $ENV{LLMBROKER_TEST_EMPTY} = '';
    $ENV{LLMBROKER_TEST_LF} = "sk-hush\nX-Evil: 1";
    $ENV{LLMBROKER_TEST_BYTES} = "\xff\xfe";
    delete $ENV{LLMBROKER_TEST_UNSET};
}

# the provider tells what it was sent

our $http = <<'_EOC_';
    llmbroker_config ../html/llmbroker.yaml;

    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
        default_type application/json;

        location / {
            set $auth '"auth":"$http_authorization"';
            return 200 '{"choices":[],$auth,"uri":"$uri"}';
        }
    }
_EOC_

add_block_preprocessor(sub {
    my $block = shift;

    $block->set_value('http_config', $http);
    $block->set_value('config', "location / { llmbroker; }");

    if (!defined $block->request && !defined $block->must_die) {
        $block->set_value('request', "POST /v1/chat/completions\n"
            . '{"model":"m","messages":[{"role":"user","content":"hi"}]}');
    }
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: a variable
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    api_key: ${LLMBROKER_TEST_KEY}
--- response_body chomp
{"choices":[],"auth":"Bearer sk-from-env","uri":"/v1/chat/completions"}



=== TEST 2: several inside a string, with defaults
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    base_url: "${LLMBROKER_TEST_UNSET:-http}://127.0.0.1:$TEST_NGINX_RAND_PORT_1/${LLMBROKER_TEST_UNSET:-a/}b${LLMBROKER_TEST_EMPTY:-}"
    api_key: "<${LLMBROKER_TEST_KEY:-other}|${LLMBROKER_TEST_EMPTY:-:-}$>"
--- response_body chomp
{"choices":[],"auth":"Bearer <sk-from-env|:-$>","uri":"/a/b/chat/completions"}



=== TEST 3: a file, without its final newline
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    api_key: ${file:../html/key}
>>> key
sk-from-file
--- response_body chomp
{"choices":[],"auth":"Bearer sk-from-file","uri":"/v1/chat/completions"}



=== TEST 4: booleans, numbers and times from variables, quoted or not
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    tls_verify: "${LLMBROKER_TEST_UNSET:-yes}"
    timeout: ${LLMBROKER_TEST_UNSET:-1m}
    deployments:
      - weight: "${LLMBROKER_TEST_UNSET:-2}"
--- response_body chomp
{"choices":[],"auth":"","uri":"/v1/chat/completions"}



=== TEST 5: an unset variable makes the model unavailable, and is named
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    api_key: ${LLMBROKER_TEST_UNSET}
--- error_code: 503
--- response_body_like: LLMBROKER_TEST_UNSET.*"code":"model_not_available"
--- error_log eval
qr/\[warn\] .*variable "LLMBROKER_TEST_UNSET" is not set, models\.m is not available in \S+llmbroker\.yaml:4$/m



=== TEST 6: so does one that is set to nothing
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    api_key: ${LLMBROKER_TEST_EMPTY}
--- error_code: 503
--- response_body_like: LLMBROKER_TEST_EMPTY.*"code":"model_not_available"
--- error_log
variable "LLMBROKER_TEST_EMPTY" is not set, models.m is not available in



=== TEST 7: wherever it is needed
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    base_url: http://127.0.0.1:1/v1
    default_params:
      metadata: {team: ["${LLMBROKER_TEST_UNSET}"]}
--- error_code: 503
--- response_body_like: LLMBROKER_TEST_UNSET
--- error_log
variable "LLMBROKER_TEST_UNSET" is not set, models.m is not available in



=== TEST 8: in one deployment of two, the other is used
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    api_key: ${LLMBROKER_TEST_UNSET}
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    deployments:
      - {}
      - {api_key: own}
--- response_body chomp
{"choices":[],"auth":"Bearer own","uri":"/v1/chat/completions"}
--- error_log
variable "LLMBROKER_TEST_UNSET" is not set, models.m.deployments[0] is not available in



=== TEST 9: strict_env makes it an error
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    api_key: ${LLMBROKER_TEST_UNSET}
proxy:
  strict_env: true
--- must_die
--- error_log
variable "LLMBROKER_TEST_UNSET" for models.m.api_key is not set in
llmbroker.yaml:4



=== TEST 10: outside the models it is one anyway
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, base_url: "http://127.0.0.1:1/v1"}
proxy:
  timeout: ${LLMBROKER_TEST_UNSET}
--- must_die
--- error_log
variable "LLMBROKER_TEST_UNSET" for proxy.timeout is not set in
llmbroker.yaml:4



=== TEST 11: a line feed never gets into a header
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    api_key: ${LLMBROKER_TEST_LF}
--- must_die
--- error_log
invalid value for models.m.api_key, a control character is not allowed in it in
llmbroker.yaml:4
--- no_error_log
sk-hush
X-Evil



=== TEST 12: nor a carriage return of a file
--- user_files eval
">>> llmbroker.yaml\n"
. "models:\n"
. "  m:\n"
. "    provider: openai\n"
. "    api_key: \${file:../html/key}\n"
. ">>> key\n"
. "sk-hush\r\n"
--- must_die
--- error_log
invalid value for models.m.api_key, a control character is not allowed in it in
--- no_error_log
sk-hush



=== TEST 13: only one newline is taken off
--- user_files eval
">>> llmbroker.yaml\n"
. "models:\n"
. "  m:\n"
. "    provider: openai\n"
. "    api_key: \${file:../html/key}\n"
. ">>> key\n"
. "sk-hush\n\n"
--- must_die
--- error_log
invalid value for models.m.api_key, a control character is not allowed in it in
--- no_error_log
sk-hush



=== TEST 14: bytes that are no text
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    default_params:
      user: ${LLMBROKER_TEST_BYTES}
--- must_die
--- error_log
for models.m.default_params.user, it is no valid UTF-8 in



=== TEST 15: bytes that are no text in a name
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    model_name: ${LLMBROKER_TEST_BYTES}
--- must_die
--- error_log
for models.m.model_name, it is no valid UTF-8 in



=== TEST 16: a file that is not there
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    api_key: ${file:../html/nothing}
--- must_die
--- error_log
/nothing" for models.m.api_key failed (2: No such file or directory) in
llmbroker.yaml:4



=== TEST 17: a reference that does not end
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    model_name: gpt-${LLMBROKER_TEST_KEY
--- must_die
--- error_log
invalid value "gpt-${LLMBROKER_TEST_KEY" for models.m.model_name, "${" has no "}" in



=== TEST 18: a reference without a name
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    model_name: gpt-${}
--- must_die
--- error_log
for models.m.model_name, expected ${NAME}, ${NAME:-default} or ${file:/path} in



=== TEST 19: a reference in the shell's other forms
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    model_name: gpt-${LLMBROKER_TEST_KEY:?}
--- must_die
--- error_log
for models.m.model_name, expected ${NAME}, ${NAME:-default} or ${file:/path} in



=== TEST 20: a reference in a reference
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    model_name: ${LLMBROKER_TEST_UNSET:-${LLMBROKER_TEST_KEY}}
--- must_die
--- error_log
for models.m.model_name, expected ${NAME}, ${NAME:-default} or ${file:/path} in



=== TEST 21: what a broken key holds is not told
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    api_key: sk-hush-${
--- must_die
--- error_log
invalid value for models.m.api_key, "${" has no "}" in
--- no_error_log
sk-hush



=== TEST 22: half of a pair of keys from a variable that is not set
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: bedrock
    region: us-east-1
    access_key_id: ${LLMBROKER_TEST_KEY}
    secret_access_key: ${LLMBROKER_TEST_UNSET}
--- error_code: 503
--- response_body_like: LLMBROKER_TEST_UNSET.*"code":"model_not_available"
--- error_log
variable "LLMBROKER_TEST_UNSET" is not set, models.m is not available in



=== TEST 23: a region from a variable that is not set
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: bedrock
    region: ${LLMBROKER_TEST_UNSET}
    api_key: k
--- error_code: 503
--- response_body_like: LLMBROKER_TEST_UNSET.*"code":"model_not_available"
--- error_log
variable "LLMBROKER_TEST_UNSET" is not set, models.m is not available in



=== TEST 24: strict_env holds for what is not used as well
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, base_url: "http://127.0.0.1:1/v1"}
server:
  host: ${LLMBROKER_TEST_UNSET}
proxy:
  strict_env: true
--- must_die
--- error_log
variable "LLMBROKER_TEST_UNSET" for server.host is not set in
llmbroker.yaml:4



=== TEST 25: without it that is left out
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, base_url: "http://127.0.0.1:1/v1"}
server:
  host: ${LLMBROKER_TEST_UNSET}
--- request
GET /v1/models
--- no_error_log
LLMBROKER_TEST_UNSET
