# A row for each provider that speaks OpenAI's dialect: where it is called, how
# the key is sent and what its servers do not take, by dry runs.

use Test::Nginx::Socket 'no_plan';

# The names of real providers are looked up when nginx starts, which must not
# wait for a name server that does not answer.

$ENV{RES_OPTIONS} = 'timeout:1 attempts:1';

our $models = <<'_EOC_';
  openai: {provider: openai, api_key: k3y}
  deepseek: {provider: deepseek, api_key: k3y}
  groq: {provider: groq, api_key: k3y}
  mistral: {provider: mistral, api_key: k3y}
  moonshot: {provider: moonshot, api_key: k3y}
  ollama: {provider: ollama}
  openrouter: {provider: openrouter, api_key: k3y}
  vllm: {provider: vllm, base_url: "http://127.0.0.1:8999/v1"}
  xai: {provider: xai, api_key: k3y}
  zhipu: {provider: zhipu, api_key: k3y}
  other: {provider: openai_compatible, base_url: "http://127.0.0.1:8999/x/v1"}
  compat:
    provider: qwen
    api_key: k3y
    base_url: https://dashscope.aliyuncs.com/compatible-mode/v1
  azure: {provider: azure, api_key: k3y, base_url: "https://r.openai.azure.com"}
  azure-version:
    provider: azure
    api_key: k3y
    model_name: my gpt
    base_url: https://r.openai.azure.com/
    api_version: 2024-10-21
  azure-openai:
    provider: azure
    api_key: k3y
    base_url: https://r.openai.azure.com/openai
  azure-v1:
    provider: azure
    api_key: k3y
    base_url: https://r.openai.azure.com/openai/v1
  azure-preview:
    provider: azure
    api_key: eyJk3y
    base_url: https://r.openai.azure.com/openai/v1
    api_version: a&b
  azure-old:
    provider: azure
    api_key: k3y
    base_url: https://r.openai.azure.com
    api_version: 2024-06-01
  azure-path:
    provider: azure
    api_key: k3y
    base_url: https://r.openai.azure.com/openai/deployments/mine
  foundry:
    provider: azure
    api_key: k3y
    base_url: https://r.services.ai.azure.com/models
_EOC_

add_block_preprocessor(sub {
    my $block = shift;

    my ($name) = $block->request =~ /"model":"([\w-]+)"/;
    my ($model) = $models =~ /^(  $name:.*\n(?:    .*\n)*)/m;

    $block->set_value('user_files', ">>> llmbroker.yaml\n"
                      . "proxy: {allow_dry_run: true}\nmodels:\n$model");

    $block->set_value('http_config',
                      "    llmbroker_config ../html/llmbroker.yaml;");
    $block->set_value('config', "location / { llmbroker; }");
    $block->set_value('more_headers', 'x-llmbroker-dry-run: 1');
});

no_long_string();
no_root_location();

run_tests();

__DATA__

=== TEST 1: openai
--- request
POST /v1/chat/completions
{"model":"openai","messages":[]}
--- response_body_like chomp
"url":"https://api\.openai\.com/v1/chat/completions","headers":\{.*"Authorization":"Bearer \*\*\*"\},"body":



=== TEST 2: deepseek
--- request
POST /v1/chat/completions
{"model":"deepseek","messages":[]}
--- response_body_like chomp
"url":"https://api\.deepseek\.com/chat/completions","headers":\{.*"Authorization":"Bearer \*\*\*"\},"body":



=== TEST 3: groq
--- request
POST /v1/chat/completions
{"model":"groq","messages":[]}
--- response_body_like chomp
"url":"https://api\.groq\.com/openai/v1/chat/completions","headers":\{.*"Authorization":"Bearer \*\*\*"\},"body":



=== TEST 4: mistral
--- request
POST /v1/chat/completions
{"model":"mistral","messages":[]}
--- response_body_like chomp
"url":"https://api\.mistral\.ai/v1/chat/completions","headers":\{.*"Authorization":"Bearer \*\*\*"\},"body":



=== TEST 5: moonshot
--- request
POST /v1/chat/completions
{"model":"moonshot","messages":[]}
--- response_body_like chomp
"url":"https://api\.moonshot\.ai/v1/chat/completions","headers":\{.*"Authorization":"Bearer \*\*\*"\},"body":



=== TEST 6: ollama
--- request
POST /v1/chat/completions
{"model":"ollama","messages":[]}
--- response_body_like chomp
"url":"http://127\.0\.0\.1:11434/v1/chat/completions","headers":\{.*"Accept-Encoding":"identity"\},"body":



=== TEST 7: openrouter
--- request
POST /v1/chat/completions
{"model":"openrouter","messages":[]}
--- response_body_like chomp
"url":"https://openrouter\.ai/api/v1/chat/completions","headers":\{.*"Authorization":"Bearer \*\*\*"\},"body":



=== TEST 8: vllm
--- request
POST /v1/chat/completions
{"model":"vllm","messages":[]}
--- response_body_like chomp
"url":"http://127\.0\.0\.1:8999/v1/chat/completions","headers":\{.*"Accept-Encoding":"identity"\},"body":



=== TEST 9: xai
--- request
POST /v1/chat/completions
{"model":"xai","messages":[]}
--- response_body_like chomp
"url":"https://api\.x\.ai/v1/chat/completions","headers":\{.*"Authorization":"Bearer \*\*\*"\},"body":



=== TEST 10: zhipu
--- request
POST /v1/chat/completions
{"model":"zhipu","messages":[]}
--- response_body_like chomp
"url":"https://open\.bigmodel\.cn/api/paas/v4/chat/completions","headers":\{.*"Authorization":"Bearer \*\*\*"\},"body":



=== TEST 11: other
--- request
POST /v1/chat/completions
{"model":"other","messages":[]}
--- response_body_like chomp
"url":"http://127\.0\.0\.1:8999/x/v1/chat/completions","headers":\{.*"Accept-Encoding":"identity"\},"body":



=== TEST 12: compat
--- request
POST /v1/chat/completions
{"model":"compat","messages":[]}
--- response_body_like chomp
"url":"https://dashscope\.aliyuncs\.com/compatible-mode/v1/chat/completions","headers":\{.*"Authorization":"Bearer \*\*\*"\},"body":



=== TEST 13: azure
--- request
POST /v1/chat/completions
{"model":"azure","messages":[]}
--- response_body_like chomp
"url":"https://r\.openai\.azure\.com/openai/v1/chat/completions","headers":\{.*"api-key":"\*\*\*"\},"body":



=== TEST 14: azure-version
--- request
POST /v1/chat/completions
{"model":"azure-version","messages":[]}
--- response_body_like chomp
"url":"https://r\.openai\.azure\.com/openai/deployments/my%20gpt/chat/completions\?api-version=2024-10-21","headers":\{.*"api-key":"\*\*\*"\},"body":



=== TEST 15: azure-openai
--- request
POST /v1/chat/completions
{"model":"azure-openai","messages":[]}
--- response_body_like chomp
"url":"https://r\.openai\.azure\.com/openai/v1/chat/completions","headers":\{.*"api-key":"\*\*\*"\},"body":



=== TEST 16: azure-v1
--- request
POST /v1/chat/completions
{"model":"azure-v1","messages":[]}
--- response_body_like chomp
"url":"https://r\.openai\.azure\.com/openai/v1/chat/completions","headers":\{.*"api-key":"\*\*\*"\},"body":



=== TEST 17: azure-preview
--- request
POST /v1/chat/completions
{"model":"azure-preview","messages":[]}
--- response_body_like chomp
"url":"https://r\.openai\.azure\.com/openai/v1/chat/completions\?api-version=a%26b","headers":\{.*"Authorization":"Bearer \*\*\*"\},"body":



=== TEST 18: azure-path
--- request
POST /v1/chat/completions
{"model":"azure-path","messages":[]}
--- response_body_like chomp
"url":"https://r\.openai\.azure\.com/openai/deployments/mine/chat/completions\?api-version=2024-10-21","headers":\{.*"api-key":"\*\*\*"\},"body":



=== TEST 19: foundry
--- request
POST /v1/chat/completions
{"model":"foundry","messages":[]}
--- response_body_like chomp
"url":"https://r\.services\.ai\.azure\.com/models/chat/completions\?api-version=2024-05-01-preview","headers":\{.*"api-key":"\*\*\*"\},"body":



=== TEST 20: azure-version embeddings
--- request
POST /v1/embeddings
{"model":"azure-version","input":"a"}
--- response_body_like chomp
"url":"https://r\.openai\.azure\.com/openai/deployments/my%20gpt/embeddings\?api-version=2024-10-21","headers":\{.*"api-key":"\*\*\*"\},"body":



=== TEST 21: azure-version completions
--- request
POST /v1/completions
{"model":"azure-version","prompt":"a"}
--- response_body_like chomp
"url":"https://r\.openai\.azure\.com/openai/deployments/my%20gpt/completions\?api-version=2024-10-21","headers":\{.*"api-key":"\*\*\*"\},"body":



=== TEST 22: mistral: members renamed and dropped
--- request
POST /v1/chat/completions
{"model":"mistral","messages":[],"seed":1,"max_completion_tokens":2,"user":"a","logit_bias":{"1":1},"logprobs":null,"store":true,"safe_prompt":true}
--- response_body_like chomp
"body":\{"model":"mistral","messages":\[\],"safe_prompt":true,"max_tokens":2,"random_seed":1\},"dropped_params":\["user","logit_bias","store"\],



=== TEST 23: mistral: a stream without stream_options
--- request
POST /v1/chat/completions
{"model":"mistral","messages":[],"stream":true,"stream_options":{"include_usage":true}}
--- response_body_like chomp
"body":\{"model":"mistral","messages":\[\],"stream":true\},"dropped_params":\[\],



=== TEST 24: deepseek: max_completion_tokens gives way
--- request
POST /v1/chat/completions
{"model":"deepseek","messages":[],"max_completion_tokens":2,"max_tokens":3,"seed":1,"n":1}
--- response_body_like chomp
"body":\{"model":"deepseek","messages":\[\],"max_tokens":3,"n":1\},"dropped_params":\["max_completion_tokens","seed"\],



=== TEST 25: groq: dropped
--- request
POST /v1/chat/completions
{"model":"groq","messages":[],"max_completion_tokens":2,"logprobs":true,"top_logprobs":3,"logit_bias":{}}
--- response_body_like chomp
"body":\{"model":"groq","messages":\[\],"max_completion_tokens":2\},"dropped_params":\["logprobs","top_logprobs","logit_bias"\],



=== TEST 26: ollama: dropped
--- request
POST /v1/chat/completions
{"model":"ollama","messages":[],"user":"a","max_completion_tokens":2}
--- response_body_like chomp
"body":\{"model":"ollama","messages":\[\],"max_tokens":2\},"dropped_params":\["user"\],



=== TEST 27: other: as it is
--- request
POST /v1/chat/completions
{"model":"other","messages":[],"user":"a","max_completion_tokens":2,"n":2,"seed":1}
--- response_body_like chomp
"body":\{"model":"other","messages":\[\],"user":"a","max_completion_tokens":2,"n":2,"seed":1\},"dropped_params":\[\],



=== TEST 28: deepseek gives one choice
--- request
POST /v1/chat/completions
{"model":"deepseek","messages":[],"n":2}
--- error_code: 400
--- response_body_like: "param":"n","code":"unsupported_value"



=== TEST 29: groq gives one choice
--- request
POST /v1/chat/completions
{"model":"groq","messages":[],"n":2}
--- error_code: 400
--- response_body_like: "param":"n","code":"unsupported_value"



=== TEST 30: zhipu gives one choice
--- request
POST /v1/chat/completions
{"model":"zhipu","messages":[],"n":2}
--- error_code: 400
--- response_body_like: "param":"n","code":"unsupported_value"



=== TEST 31: ollama gives one choice
--- request
POST /v1/chat/completions
{"model":"ollama","messages":[],"n":2}
--- error_code: 400
--- response_body_like: "param":"n","code":"unsupported_value"



=== TEST 32: no embeddings at a provider without them
--- request
POST /v1/embeddings
{"model":"groq","input":"a"}
--- error_code: 400
--- response_body_like: "param":"model","code":"unsupported_value"



=== TEST 33: an azure-old version that refuses stream_options
--- request
POST /v1/chat/completions
{"model":"azure-old","messages":[],"stream":true}
--- response_body_like chomp
"body":\{"model":"azure-old","messages":\[\],"stream":true\},"dropped_params":\[\],



=== TEST 34: azure-old when the client asks for them
--- request
POST /v1/chat/completions
{"model":"azure-old","messages":[],"stream":true,"stream_options":{"include_usage":true}}
--- response_body_like chomp
"body":\{"model":"azure-old","messages":\[\],"stream":true\},"dropped_params":\["stream_options"\],



=== TEST 35: azure-version knows stream_options
--- request
POST /v1/chat/completions
{"model":"azure-version","messages":[],"stream":true}
--- response_body_like chomp
"body":\{"model":"my gpt","messages":\[\],"stream":true,"stream_options":\{"include_usage":true\}\},"dropped_params":\[\],



=== TEST 36: mistral: the size of vectors
--- request
POST /v1/embeddings
{"model":"mistral","input":"a","dimensions":8}
--- response_body_like chomp
"body":\{"model":"mistral","input":"a","output_dimension":8\},"dropped_params":\[\],



=== TEST 37: mistral: what only OpenAI knows
--- request
POST /v1/chat/completions
{"model":"mistral","messages":[],"verbosity":"low","safety_identifier":"s","prompt_cache_key":"k","prompt_cache_retention":"24h","prompt_cache_options":{},"web_search_options":{},"modalities":["text"],"audio":null,"moderation":{}}
--- response_body_like chomp
"body":\{"model":"mistral","messages":\[\],"prompt_cache_key":"k"\},"dropped_params":\["safety_identifier","prompt_cache_options","prompt_cache_retention","verbosity","web_search_options","moderation","modalities"\],
