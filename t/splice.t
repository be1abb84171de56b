# A request of OpenAI's own dialect reaches the provider with every byte that
# no rule changes, and the answer comes back byte for byte (design 2.5, 3.3).

use Test::Nginx::Socket 'no_plan';

our $yaml = <<'_EOC_';
>>> llmbroker.yaml
models:
  gpt:
    provider: openai
    model_name: gpt-real
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    api_key: sk-test
  gpt-real:
    provider: openai
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    api_key: sk-test
  tuned:
    provider: openai
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    api_key: sk-test
    default_params:
      temperature: 0.70
      metadata: {team: a, deep: {x: 1, y: [1, 2]}}
      stop: ["a", "b"]
    override_params:
      store: false
    drop_params: [logit_bias, user]
  short:
    provider: openai
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    api_key: sk-test
    default_params: {max_tokens: 1000}
  capped:
    provider: openai
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    api_key: sk-test
    override_params: {max_tokens: 50}
proxy:
  default_model: gpt
_EOC_

# the provider answers with the body that it was sent

our $http = <<'_EOC_';
    llmbroker_config ../html/llmbroker.yaml;

    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
        client_max_body_size 64m;

        location / {
            llmbroker_mock echo_request=1;
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

=== TEST 1: only the model is another
--- request
POST /v1/chat/completions
{ "model" : "gpt" ,"messages":[ {"role":"user","content":"\u00e9\/ \ud83d\ude00 x"} ],"x_unknown":{"a":[1, 2.50, 1e999, -0]}, "seed": 12345678901234567890123 }
--- response_body_like chomp
\\n\{ \\"model\\" : \\"gpt-real\\" ,\\"messages\\":\[ \{\\"role\\":\\"user\\",\\"content\\":\\"\\\\u00e9\\\\/ \\\\ud83d\\\\ude00 x\\"\} \],\\"x_unknown\\":\{\\"a\\":\[1, 2\.50, 1e999, -0\]\}, \\"seed\\": 12345678901234567890123 \}"



=== TEST 2: nothing changes when the alias is the model's name
--- request
POST /v1/chat/completions
{"messages":[{"role":"user","content":"hi"}],"model":"gpt-real"}
--- response_body_like chomp
\\n\{\\"messages\\":\[\{\\"role\\":\\"user\\",\\"content\\":\\"hi\\"\}\],\\"model\\":\\"gpt-real\\"\}"



=== TEST 3: the default model is named to the provider
--- request
POST /v1/chat/completions
{"messages":[{"role":"user","content":"hi"}]}
--- response_headers
x-llmbroker-model: gpt
--- response_body_like chomp
\\n\{\\"messages\\":\[\{\\"role\\":\\"user\\",\\"content\\":\\"hi\\"\}\],\\"model\\":\\"gpt-real\\"\}"



=== TEST 4: defaults fill, numbers keep their text
--- request
POST /v1/chat/completions
{"model":"tuned","messages":[{"role":"user","content":"hi"}]}
--- response_body_like chomp
\\n\{\\"model\\":\\"tuned\\",\\"messages\\":\[\{\\"role\\":\\"user\\",\\"content\\":\\"hi\\"\}\],\\"temperature\\":0\.70,\\"metadata\\":\{\\"team\\":\\"a\\",\\"deep\\":\{\\"x\\":1,\\"y\\":\[1,2\]\}\},\\"stop\\":\[\\"a\\",\\"b\\"\],\\"store\\":false\}"



=== TEST 5: the request wins over defaults, null counts as named, overrides win over the request
--- request
POST /v1/chat/completions
{"model":"tuned","temperature":null,"store":true,"stop":"z","messages":[{"role":"user","content":"hi"}],"metadata":1}
--- response_body_like chomp
\\n\{\\"model\\":\\"tuned\\",\\"temperature\\":null,\\"store\\":false,\\"stop\\":\\"z\\",\\"messages\\":\[\{\\"role\\":\\"user\\",\\"content\\":\\"hi\\"\}\],\\"metadata\\":1\}"



=== TEST 6: nested objects merge deeply, arrays replace
--- request
POST /v1/chat/completions
{"model":"tuned","temperature":1,"stop":[],"metadata":{"deep":{"y":[9],"z":1.0},"k":"v"},"messages":[{"role":"user","content":"hi"}],"store":null}
--- response_body_like chomp
\\"metadata\\":\{\\"deep\\":\{\\"y\\":\[9\],\\"z\\":1\.0,\\"x\\":1\},\\"k\\":\\"v\\",\\"team\\":\\"a\\"\},\\"messages\\":.*\\"store\\":false\}"



=== TEST 7: drops at the beginning, in a run and at the end leave valid JSON
--- request
POST /v1/chat/completions
{"user":"u","logit_bias":{"1":2},"model":"tuned","temperature":1,"stop":1,"metadata":1,"store":1,"messages":[{"role":"user","content":"hi"}]}
--- response_body_like chomp
\\n\{\\"model\\":\\"tuned\\",\\"temperature\\":1,\\"stop\\":1,\\"metadata\\":1,\\"store\\":false,\\"messages\\":\[\{\\"role\\":\\"user\\",\\"content\\":\\"hi\\"\}\]\}"



=== TEST 8: a drop in the middle and one at the end
--- request
POST /v1/chat/completions
{"model":"tuned","temperature":1, "user":"u", "stop":1,"metadata":1,"store":1,"messages":[{"role":"user","content":"hi"}],"logit_bias":{} }
--- response_body_like chomp
\\n\{\\"model\\":\\"tuned\\",\\"temperature\\":1,\\"stop\\":1,\\"metadata\\":1,\\"store\\":false,\\"messages\\":\[\{\\"role\\":\\"user\\",\\"content\\":\\"hi\\"\}\] \}"



=== TEST 9: the key is ours, the client's own headers stay here
--- request
POST /v1/chat/completions
{"model":"gpt","messages":[{"role":"user","content":"hi"}]}
--- more_headers
Authorization: Bearer client-secret
Cookie: session=1
X-Api-Key: client-key
X-Forwarded-For: 1.2.3.4
OpenAI-Organization: org
--- response_body_like chomp
(?i)authorization: Bearer sk-test
--- response_body_unlike chomp
(?i)client-secret|cookie|client-key|x-forwarded-for|openai-organization



=== TEST 10: a body that nginx keeps in a file
--- config
    location / { llmbroker; client_body_buffer_size 1k; }
--- request eval
"POST /v1/chat/completions\n"
. '{"messages":[{"role":"user","content":"' . ("0123456789" x 1000)
. '"}],"model":"tuned","user":"u"}'
--- response_body_like eval
'\\\\n\{\\\\"messages\\\\":\[\{\\\\"role\\\\":\\\\"user\\\\",\\\\"content\\\\":\\\\"'
. '(0123456789){1000}\\\\"\}\],\\\\"model\\\\":\\\\"tuned\\\\",\\\\"temperature\\\\":0.70,'



=== TEST 11: the model stands behind a long prompt in a file
--- config
    location / { llmbroker; client_body_in_file_only clean; }
--- request eval
"POST /v1/chat/completions\n"
. '{"messages":[{"role":"user","content":"' . ("x" x 70000)
. '"}],"model":"gpt"}'
--- response_body_like eval
'x{60000}x{10000}\\\\"\}\],\\\\"model\\\\":\\\\"gpt-real\\\\"\}'



=== TEST 12: a chunked request
--- request
POST /v1/chat/completions
{"model":"gpt","messages":[{"role":"user","content":"hi"}]}
--- more_headers
Transfer-Encoding: chunked
--- raw_request eval
"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
. "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
. "1b\r\n{\"model\":\"gpt\",\"messages\":[\r\n"
. "22\r\n{\"role\":\"user\",\"content\":\"hi\"}]}  \r\n0\r\n\r\n"
--- response_body_like chomp
\\n\{\\"model\\":\\"gpt-real\\",\\"messages\\":\[\{\\"role\\":\\"user\\",\\"content\\":\\"hi\\"\}\]\}  "



=== TEST 13: an object that lacks nothing stays as it is
--- request
POST /v1/chat/completions
{"model":"tuned","temperature":1,"stop":1,"metadata":{ "team" : 1, "deep": { "y":[ ], "x" : {} } },"store":1,"messages":[{"role":"user","content":"hi"}]}
--- response_body_like chomp
\\"metadata\\":\{ \\"team\\" : 1, \\"deep\\": \{ \\"y\\":\[ \], \\"x\\" : \{\} \} \},\\"store\\":false,\\"messages\\":\[\{\\"role\\":\\"user\\",\\"content\\":\\"hi\\"\}\]\}"



=== TEST 14: a limit under its other name is named by the request
--- request
POST /v1/chat/completions
{"model":"short","max_completion_tokens":5,"messages":[{"role":"user","content":"hi"}]}
--- response_body_like chomp
\\n\{\\"model\\":\\"short\\",\\"max_completion_tokens\\":5,\\"messages\\":\[\{\\"role\\":\\"user\\",\\"content\\":\\"hi\\"\}\]\}"



=== TEST 15: and is overridden
--- request
POST /v1/chat/completions
{"model":"capped","max_completion_tokens":9999,"messages":[{"role":"user","content":"hi"}]}
--- response_body_like chomp
\\n\{\\"model\\":\\"capped\\",\\"messages\\":\[\{\\"role\\":\\"user\\",\\"content\\":\\"hi\\"\}\],\\"max_tokens\\":50\}"



=== TEST 16: too many values to merge with
--- config
    location / { llmbroker; client_max_body_size 64m; }
--- request eval
"POST /v1/chat/completions\n"
. '{"model":"tuned","messages":[],"metadata":{"a":[' . "1," x 1100000
. '1]}}'
--- error_code: 413
--- response_body_like: "code":"request_too_large"



=== TEST 17: too many values beside the wish for usage
--- config
    location / { llmbroker; client_max_body_size 64m; }
--- request eval
"POST /v1/chat/completions\n"
. '{"model":"gpt","messages":[],"stream":true,"stream_options":{"a":['
. "1," x 1100000 . '1]}}'
--- error_code: 413
--- response_body_like: "code":"request_too_large"
