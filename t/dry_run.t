# x-llmbroker-dry-run: 1 answers with the request that the provider would be
# sent; nobody is called.

use Test::Nginx::Socket 'no_plan';

our $yaml = <<'_EOC_';
>>> llmbroker.yaml
models:
  gpt:
    provider: openai
    model_name: gpt-real
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    api_key: sk-test-0123456789
    default_params: {temperature: 0.70}
  claude:
    provider: claude
    model_name: claude-sonnet-4-5
    api_key: sk-ant with a space-0123456789
_EOC_

add_block_preprocessor(sub {
    my $block = shift;

    my $allow = $block->off ? '' : "proxy: {allow_dry_run: true}\n";

    $block->set_value('user_files', $yaml . $allow);
    $block->set_value('http_config', <<'_EOC_');
    llmbroker_config ../html/llmbroker.yaml;

    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;

        location / {
            llmbroker_mock;
        }
    }
_EOC_

    if (!defined $block->config) {
        $block->set_value('config', "location / { llmbroker; }");
    }

    if (!defined $block->more_headers) {
        $block->set_value('more_headers', 'x-llmbroker-dry-run: 1');
    }
});

no_long_string();
no_root_location();

run_tests();

__DATA__

=== TEST 1: the request that would be sent, spliced
--- request
POST /v1/chat/completions
{"model":"gpt", "x":1.00,"messages":[]}
--- response_headers
Content-Type: application/json
x-llmbroker-model: gpt
x-llmbroker-attempts: 0
--- response_body_like chomp
^\{"object":"llmbroker.dry_run","model":"gpt","provider":"openai","method":"POST","url":"http://127\.0\.0\.1:\d+/v1/chat/completions","headers":\{"Host":"127\.0\.0\.1:\d+","User-Agent":"llmbroker/[\d.]+","Content-Type":"application/json","Accept":"application/json","Accept-Encoding":"identity","Authorization":"Bearer \*\*\*"\},"body":\{"model":"gpt-real", "x":1\.00,"messages":\[\],"temperature":0\.70\},"dropped_params":\[\],"calls":1\}$
--- no_error_log
[error]



=== TEST 2: translated, with what is dropped; a stream is answered with JSON
--- request
POST /v1/chat/completions
{"model":"claude","stream":true,"seed":1,"logit_bias":{"1":1},"max_tokens":7,"messages":[{"role":"user","content":"a"}]}
--- response_headers
Content-Type: application/json
x-llmbroker-dropped-params: seed, logit_bias
--- response_body_like chomp
"url":"https://api\.anthropic\.com/v1/messages","headers":\{"Host":"api\.anthropic\.com",.*"Accept":"text/event-stream",.*"x-api-key":"\*\*\*","anthropic-version":"2023-06-01"\},"body":\{"model":"claude-sonnet-4-5",.*\},"dropped_params":\["seed","logit_bias"\],"calls":1\}$



=== TEST 3: no key is told
--- request
POST /v1/chat/completions
{"model":"claude","messages":[{"role":"user","content":"a"}]}
--- response_body_unlike: 0123456789|sk-ant



=== TEST 4: what cannot be sent is an error here too
--- request
POST /v1/chat/completions
{"model":"claude","n":2,"messages":[{"role":"user","content":"a"}]}
--- error_code: 400
--- response_body_like: "param":"n","code":"unsupported_value"



=== TEST 5: a body in a temporary file
--- config
    location / {
        client_body_in_file_only clean;
        llmbroker;
    }
--- request eval
"POST /v1/embeddings\n" . '{"model":"gpt","input":"' . 'x' x 60000 . '"}'
--- response_body_like chomp
"body":\{"model":"gpt-real","input":"x{60000}"\},



=== TEST 6: off by default: the provider is asked
--- off: 1
--- request
POST /v1/chat/completions
{"model":"gpt","messages":[{"role":"user","content":"a"}]}
--- response_headers
x-llmbroker-attempts: 1
--- response_body_like: "object":"chat.completion"



=== TEST 7: only 1 asks for it
--- more_headers
x-llmbroker-dry-run: 0
--- request
POST /v1/chat/completions
{"model":"gpt","messages":[{"role":"user","content":"a"}]}
--- response_headers
x-llmbroker-attempts: 1
--- response_body_like: "object":"chat.completion"
