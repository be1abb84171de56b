# A typo never passes in silence: nginx does not start and says what it is, at
# which line, and what may have been meant (design 2.4).

use Test::Nginx::Socket 'no_plan';

add_block_preprocessor(sub {
    my $block = shift;

    $block->set_value('http_config',
                      'llmbroker_config ../html/llmbroker.yaml;');

    if (!defined $block->config) {
        $block->set_value('config', "location / { llmbroker; }");
    }
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: a key that is nearly right
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    modle_name: x
--- must_die
--- error_log
unknown key models.m.modle_name, did you mean "model_name"? in
llmbroker.yaml:4



=== TEST 2: letters that changed places
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    tiemout: 3
--- must_die
--- error_log
unknown key models.m.tiemout, did you mean "timeout"? in
llmbroker.yaml:4



=== TEST 3: a key with another case
--- user_files
>>> llmbroker.yaml
models:
  m: {Provider: openai}
--- must_die
--- error_log
unknown key models.m.Provider, did you mean "provider"? in



=== TEST 4: a key that is near to nothing
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, whatever: some-value}
--- must_die
--- error_log
unknown key models.m.whatever in
llmbroker.yaml:2
--- no_error_log
did you mean
some-value



=== TEST 5: a section
--- user_files
>>> llmbroker.yaml
modles: {}
--- must_die
--- error_log
unknown key modles, did you mean "models"? in
llmbroker.yaml:1



=== TEST 6: a key of proxy
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, base_url: http://127.0.0.1:1/v1}
proxy:
  default_modle: m
--- must_die
--- error_log
unknown key proxy.default_modle, did you mean "default_model"? in
llmbroker.yaml:4



=== TEST 7: a key of security
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, base_url: http://127.0.0.1:1/v1}
security:
  enable_apikey_auth: true
--- must_die
--- error_log
unknown key security.enable_apikey_auth, did you mean "enable_api_key_auth"? in
llmbroker.yaml:4



=== TEST 8: a key of server
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, base_url: http://127.0.0.1:1/v1}
server: {prot: 1}
--- must_die
--- error_log
unknown key server.prot, did you mean "port"? in



=== TEST 9: a key of a deployment
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    deployments:
      - {weight: 1}
      - {wieght: 2}
--- must_die
--- error_log
unknown key models.m.deployments[1].wieght, did you mean "weight"? in
llmbroker.yaml:6



=== TEST 10: a key of a model in a deployment
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    deployments:
      - drop_params: [a]
--- must_die
--- error_log
invalid value for models.m.deployments[0].drop_params, the key is not allowed at this place in
llmbroker.yaml:5



=== TEST 11: a key of a deployment in a model
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, weight: 2}
--- must_die
--- error_log
invalid value for models.m.weight, the key is not allowed at this place in



=== TEST 12: no models
--- user_files
>>> llmbroker.yaml
proxy: {}
--- must_die
--- error_log
invalid value for the file, it has no "models" in



=== TEST 13: models without a model
--- user_files
>>> llmbroker.yaml
models: {}
--- must_die
--- error_log
invalid value for models, it has no models in



=== TEST 14: models as a list
--- user_files
>>> llmbroker.yaml
models: [m]
--- must_die
--- error_log
invalid value for models, expected a mapping in



=== TEST 15: a model that is a word
--- user_files
>>> llmbroker.yaml
models: {m: openai}
--- must_die
--- error_log
invalid value "openai" for models.m, expected a mapping in



=== TEST 16: a model with no name
--- user_files
>>> llmbroker.yaml
models: {"": {provider: openai}}
--- must_die
--- error_log
invalid value for models., a model's name must have 1 to 256 bytes in



=== TEST 17: a line feed in a model's name
--- user_files
>>> llmbroker.yaml
models: {"a\nb": {provider: openai}}
--- must_die
--- error_log
invalid value for models.a?b, a control character is not allowed in a model's name in



=== TEST 18: no provider
--- user_files
>>> llmbroker.yaml
models:
  m:
    model_name: x
--- must_die
--- error_log
invalid value for models.m, it has no "provider" in
llmbroker.yaml:2



=== TEST 19: a provider that is nearly right
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: opnai
--- must_die
--- error_log
unknown provider "opnai" for models.m.provider, did you mean "openai"? in
llmbroker.yaml:3



=== TEST 20: another name of a provider, nearly right
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: antropic
--- must_die
--- error_log
unknown provider "antropic" for models.m.provider, did you mean "anthropic"? in



=== TEST 21: a provider that is near to nothing
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: my-own-cluster
--- must_die
--- error_log
unknown provider "my-own-cluster" for models.m.provider in
--- no_error_log
did you mean



=== TEST 22: no list of deployments
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, deployments: []}
--- must_die
--- error_log
invalid value for models.m.deployments, it has no deployments in



=== TEST 23: a time that is none
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    timeout: soon
--- must_die
--- error_log
invalid value "soon" for models.m.timeout, expected a time, such as 60, 1.5, 500ms or 2m in
llmbroker.yaml:4



=== TEST 24: a time of nothing
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, timeout: 0}
--- must_die
--- error_log
invalid value "0" for models.m.timeout, expected a time



=== TEST 25: a time that is negative
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, connect_timeout: -1}
--- must_die
--- error_log
invalid value "-1" for models.m.connect_timeout, expected a time



=== TEST 26: a time that is a list
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, idle_timeout: [1]}
--- must_die
--- error_log
invalid value for models.m.idle_timeout, expected a time



=== TEST 27: a boolean that is none
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, base_url: http://127.0.0.1:1/v1}
proxy: {enable_parameter_injection: maybe}
--- must_die
--- error_log
invalid value "maybe" for proxy.enable_parameter_injection, expected true or false in
llmbroker.yaml:3



=== TEST 28: a boolean in quotes is a string
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, base_url: http://127.0.0.1:1/v1}
proxy: {enable_parameter_injection: "true"}
--- must_die
--- error_log
invalid value "true" for proxy.enable_parameter_injection, expected true or false in



=== TEST 29: a number out of range
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    deployments: [{weight: 0}]
--- must_die
--- error_log
invalid value "0" for models.m.deployments[0].weight, expected a whole number from 1 to 1000000 in



=== TEST 30: a string that is a boolean
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, model_name: true}
--- must_die
--- error_log
invalid value "true" for models.m.model_name, expected a string in



=== TEST 31: a string that is a list
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, model_name: [a]}
--- must_die
--- error_log
invalid value for models.m.model_name, expected a string in



=== TEST 32: a list that is a string
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, drop_params: a}
--- must_die
--- error_log
invalid value "a" for models.m.drop_params, expected a list in



=== TEST 33: a mapping that is a list
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, default_params: [a]}
--- must_die
--- error_log
invalid value for models.m.default_params, expected a mapping in



=== TEST 34: capabilities of another shape
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, capabilities: {tools: {a: 1}}}
--- must_die
--- error_log
invalid value for models.m.capabilities.tools, expected a scalar or list in



=== TEST 35: a fallback that is nearly right
--- user_files
>>> llmbroker.yaml
models:
  gpt: {provider: openai, base_url: http://127.0.0.1:1/v1}
  m:
    provider: openai
    base_url: http://127.0.0.1:1/v1
    fallbacks: [gtp]
--- must_die
--- error_log
unknown model "gtp" for models.m.fallbacks[0], did you mean "gpt"? in
llmbroker.yaml:6



=== TEST 36: a fallback to itself
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, base_url: http://127.0.0.1:1/v1, fallbacks: [m]}
--- must_die
--- error_log
invalid value "m" for models.m.fallbacks[0], a model cannot be its own fallback in



=== TEST 37: a default model that is not there
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, base_url: http://127.0.0.1:1/v1}
proxy: {default_model: n}
--- must_die
--- error_log
unknown model "n" for proxy.default_model in
llmbroker.yaml:3



=== TEST 38: a default model with another case
--- user_files
>>> llmbroker.yaml
models: {GPT: {provider: openai, base_url: http://127.0.0.1:1/v1}}
proxy: {default_model: gpt}
--- must_die
--- error_log
unknown model "gpt" for proxy.default_model, did you mean "GPT"? in



=== TEST 39: a base URL without a scheme
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    base_url: api.example/v1
--- must_die
--- error_log
invalid value for models.m.base_url, expected a URL such as https://api.example.com/v1 in
llmbroker.yaml:4



=== TEST 40: a base URL with another scheme
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, base_url: "ftp://api.example/v1"}
--- must_die
--- error_log
invalid value "ftp://api.example/v1" for models.m.base_url, expected http or https in



=== TEST 41: a base URL with a password
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, base_url: "https://joe:hush@api.example/v1"}
--- must_die
--- error_log
invalid value for models.m.base_url, a user name is not allowed in it in
--- no_error_log
hush



=== TEST 42: a base URL with a query
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, base_url: "https://api.example/v1?code=hush"}
--- must_die
--- error_log
invalid value for models.m.base_url, a query is not allowed in it in
--- no_error_log
hush



=== TEST 43: a base URL with a port that is none
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, base_url: "https://api.example:0/v1"}
--- must_die
--- error_log
invalid value "https://api.example:0/v1" for models.m.base_url, invalid port in



=== TEST 44: an origin with a path
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, base_url: http://127.0.0.1:1/v1}
security: {allowed_origins: ["https://app.example/"]}
--- must_die
--- error_log
invalid value "https://app.example/" for security.allowed_origins[0], expected "*" or one such as https://example.com in



=== TEST 45: a line feed in a value does not start a line of the log
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, timeout: "1\n2"}
--- must_die
--- error_log
invalid value "1?2" for models.m.timeout



=== TEST 46: a capability that does not exist
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: claude
    capabilities: {prefil: true}
--- must_die
--- error_log
invalid value for models.m, "prefil" is none of its "capabilities": max_tokens, adaptive_thinking,



=== TEST 47: a capability of a wrong type
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: claude
    capabilities: {max_tokens: many}
--- must_die
--- error_log
invalid value for models.m, "max_tokens" in its "capabilities" is an integer above 0



=== TEST 48: a capability of another word
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: gemini
    capabilities: {thinking: true}
--- must_die
--- error_log
invalid value for models.m, "thinking" in its "capabilities" is none or budget or level



=== TEST 49: a capability of a dialect without any
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    capabilities: {tools: true}
--- must_die
--- error_log
invalid value for models.m, its provider has no "capabilities" to set



=== TEST 50: a provider that is somewhere else in every region
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: bedrock
    api_key: k
--- must_die
--- error_log
invalid value for models.m, it has neither "region" nor "base_url"



=== TEST 51: half of a pair of keys
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: bedrock
    region: us-east-1
    access_key_id: AKHUSH
--- must_die
--- error_log
invalid value for models.m, it has only one of "access_key_id" and "secret_access_key"
--- no_error_log
AKHUSH



=== TEST 52: a pair of keys for an interface that takes another
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: bedrock
    base_url: https://bedrock-mantle.us-east-1.api.aws/v1
    access_key_id: AKHUSH
    secret_access_key: SKHUSH
--- must_die
--- error_log
invalid value for models.m, an OpenAI interface of Bedrock takes an "api_key" only
--- no_error_log
HUSH
