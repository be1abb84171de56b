# What a client may send wrong, and what it is told (design 2.6).

use Test::Nginx::Socket 'no_plan';

our $yaml = <<'_EOC_';
>>> llmbroker.yaml
models:
  gpt:
    provider: openai
    base_url: http://127.0.0.1:1/v1
    api_key: sk-test
  keyless:
    provider: openai
    base_url: http://127.0.0.1:1/v1
    api_key: ${LLMBROKER_TEST_NEVER_SET}
  claude:
    provider: claude
    base_url: http://127.0.0.1:1/v1
    api_key: sk-test
_EOC_

add_block_preprocessor(sub {
    my $block = shift;

    $block->set_value('http_config',
                      'llmbroker_config ../html/llmbroker.yaml;');
    $block->set_value('user_files', $yaml);

    if (!defined $block->config) {
        $block->set_value('config', "location / { llmbroker; }");
    }

    if (!defined $block->response_headers) {
        $block->set_value('response_headers',
                          "Content-Type: application/json");
    }
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: not JSON
--- request
POST /v1/chat/completions
{"model":"gpt",
--- error_code: 400
--- response_body_like chomp
^\{"error":\{"message":"The request body is not valid: .+ at byte 15\.","type":"invalid_request_error","param":null,"code":"invalid_json"\}\}$



=== TEST 2: empty
--- request
POST /v1/chat/completions
--- error_code: 400
--- response_body_like: "code":"invalid_json"



=== TEST 3: an array
--- request
POST /v1/chat/completions
[{"model":"gpt"}]
--- error_code: 400
--- response_body_like: "code":"invalid_json"



=== TEST 4: trailing garbage
--- request
POST /v1/chat/completions
{"model":"gpt","messages":[]} x
--- error_code: 400
--- response_body_like: "code":"invalid_json"



=== TEST 5: a duplicate member (J1)
--- request
POST /v1/chat/completions
{"model":"gpt","messages":[],"model":"other"}
--- error_code: 400
--- response_body_like: duplicate member.*"code":"invalid_json"



=== TEST 6: a duplicate in another spelling (J1)
--- request
POST /v1/chat/completions
{"model":"gpt","messages":[],"mod\u0065l":"other"}
--- error_code: 400
--- response_body_like: duplicate member



=== TEST 7: a duplicate among very many members
--- request eval
"POST /v1/chat/completions\n{"
. join(",", map { qq("k$_":$_) } (1 .. 5000)) . ',"k77":1}'
--- error_code: 400
--- response_body_like: duplicate member



=== TEST 8: very many members
--- request eval
"POST /v1/chat/completions\n{\"model\":\"none\","
. join(",", map { qq("k$_":$_) } (1 .. 5000)) . '}'
--- error_code: 404
--- response_body_like: "code":"model_not_found"



=== TEST 9: too deep (J2)
--- request eval
"POST /v1/chat/completions\n{\"model\":\"gpt\",\"messages\":"
. ("[" x 64) . ("]" x 64) . "}"
--- error_code: 400
--- response_body_like: "code":"invalid_json"



=== TEST 10: a million brackets (J2)
--- request eval
"POST /v1/chat/completions\n{\"messages\":" . ("[" x 1000000)
--- error_code: 400
--- response_body_like: "code":"invalid_json"



=== TEST 11: invalid UTF-8 (J3)
--- request eval
"POST /v1/chat/completions\n{\"model\":\"gpt\",\"messages\":[\"\xc0\xaf\"]}"
--- error_code: 400
--- response_body_like: "code":"invalid_json"



=== TEST 12: a lone surrogate (J3)
--- request
POST /v1/chat/completions
{"model":"gpt","messages":["\ud83d"]}
--- error_code: 400
--- response_body_like: "code":"invalid_json"



=== TEST 13: NUL (J3)
--- request
POST /v1/chat/completions
{"model":"gpt","messages":["a\u0000b"]}
--- error_code: 400
--- response_body_like: "code":"invalid_json"



=== TEST 14: a BOM (J3)
--- request eval
"POST /v1/chat/completions\n\xef\xbb\xbf{\"model\":\"gpt\",\"messages\":[]}"
--- error_code: 400
--- response_body_like: "code":"invalid_json"



=== TEST 15: no model and no default
--- request
POST /v1/chat/completions
{"messages":[]}
--- error_code: 400
--- response_body
{"error":{"message":"Missing required parameter: 'model'.","type":"invalid_request_error","param":"model","code":"missing_required_parameter"}}



=== TEST 16: no messages
--- request
POST /v1/chat/completions
{"model":"gpt"}
--- error_code: 400
--- response_body
{"error":{"message":"Missing required parameter: 'messages'.","type":"invalid_request_error","param":"messages","code":"missing_required_parameter"}}



=== TEST 17: no prompt
--- request
POST /v1/completions
{"model":"gpt","messages":[]}
--- error_code: 400
--- response_body_like: "param":"prompt","code":"missing_required_parameter"



=== TEST 18: no input
--- request
POST /v1/embeddings
{"model":"gpt"}
--- error_code: 400
--- response_body_like: "param":"input","code":"missing_required_parameter"



=== TEST 19: a model that is a number
--- request
POST /v1/chat/completions
{"model":4,"messages":[]}
--- error_code: 400
--- response_body_like: "param":"model","code":"invalid_type"



=== TEST 20: messages that are a string
--- request
POST /v1/chat/completions
{"model":"gpt","messages":"hi"}
--- error_code: 400
--- response_body_like: "param":"messages","code":"invalid_type"



=== TEST 21: stream that is a string
--- request
POST /v1/chat/completions
{"model":"gpt","messages":[],"stream":"yes"}
--- error_code: 400
--- response_body_like: "param":"stream","code":"invalid_type"



=== TEST 22: an unknown model, whose name is no header and no markup (J5)
--- request
POST /v1/chat/completions
{"model":"gpt\r\nX: \"<b>","messages":[]}
--- error_code: 404
--- response_headers
! X
--- response_body_like chomp
^\{"error":\{"message":"The model 'gpt\\r\\nX: \\"<b>' does not exist\."



=== TEST 23: a model's name of 64 KB (J5)
--- request eval
"POST /v1/chat/completions\n{\"model\":\"" . ("m" x 65536)
. "\",\"messages\":[]}"
--- error_code: 404
--- response_body_like: "code":"model_not_found"



=== TEST 24: a model whose key is not set
--- request
POST /v1/chat/completions
{"model":"keyless","messages":[]}
--- error_code: 503
--- response_body
{"error":{"message":"The model 'keyless' is not available: the environment variable LLMBROKER_TEST_NEVER_SET is not set.","type":"upstream_error","param":"model","code":"model_not_available"}}



=== TEST 25: an endpoint that the provider has not
--- request
POST /v1/embeddings
{"model":"claude","input":"x"}
--- error_code: 400
--- response_body_like: "code":"unsupported_value"



=== TEST 26: a parameter that the provider cannot honour
--- request
POST /v1/chat/completions
{"model":"claude","n":2,"messages":[{"role":"user","content":"x"}]}
--- error_code: 400
--- response_body_like: "param":"n","code":"unsupported_value"



=== TEST 27: the connection serves on after an error (C6)
--- pipelined_requests eval
["POST /v1/chat/completions\n{", "GET /health"]
--- error_code eval
[400, 200]
--- response_headers eval
["Content-Type: application/json", "Content-Type: application/json"]
--- response_body_like eval
["invalid_json", "healthy|degraded"]
