# What a provider may do wrong, and what the client is told (design 2.6, 2.9):
# always JSON in one form, a provider's status class and message kept.

use Test::Nginx::Socket 'no_plan';

our $yaml = <<'_EOC_';
>>> llmbroker.yaml
models:
  gpt:
    provider: openai
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    api_key: sk-secret-of-ours
    timeout: 500ms
  patient:
    provider: openai
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    api_key: sk-test
  refused:
    provider: openai
    base_url: http://127.0.0.1:1/v1
    api_key: sk-test
  two:
    provider: openai
    api_key: sk-test
    deployments:
      - base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
      - base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v2
  unresolved:
    provider: openai
    base_url: https://no-such-host.invalid/v1
    api_key: sk-test
_EOC_

add_block_preprocessor(sub {
    my $block = shift;

    my $answer = $block->answer;
    $answer = 'return 200;' unless defined $answer;

    $block->set_value('http_config', <<"_EOC_");
    llmbroker_config ../html/llmbroker.yaml;

    server {
        listen 127.0.0.1:\$TEST_NGINX_RAND_PORT_1;
        default_type application/json;

        location / {
            $answer
        }
    }
_EOC_

    $block->set_value('user_files', $yaml);

    if (!defined $block->config) {
        $block->set_value('config', "location / { llmbroker; }");
    }

    if (!defined $block->request) {
        $block->set_value('request', "POST /v1/chat/completions\n"
                          . '{"model":"gpt",'
                          . '"messages":[{"role":"user","content":"a"}]}');
    }
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: 400 keeps status, message, code and parameter
--- answer: return 400 '{"error":{"message":"bad n","type":"invalid_request_error","param":"n","code":"integer_below_min_value"}}';
--- error_code: 400
--- response_headers
Content-Type: application/json
x-llmbroker-model: gpt
x-llmbroker-provider: openai
x-llmbroker-attempts: 1
--- response_body
{"error":{"message":"bad n","type":"invalid_request_error","param":"n","code":"integer_below_min_value"}}



=== TEST 2: 401 is about our key: 502, and nothing of it is told
--- answer: return 401 '{"error":{"message":"Incorrect API key provided: sk-secret-of-ours","type":"invalid_request_error","code":"invalid_api_key"}}';
--- error_code: 502
--- response_body
{"error":{"message":"The provider rejected the configured API key.","type":"upstream_error","param":null,"code":"provider_authentication_failed"}}



=== TEST 3: a message that repeats our key is scrubbed
--- answer: return 400 '{"error":{"message":"key sk-secret-of-ours has no access to sk-secret-of-ours"}}';
--- error_code: 400
--- response_body
{"error":{"message":"key * has no access to *","type":"invalid_request_error","param":null,"code":null}}



=== TEST 4: 403
--- answer: return 403 '{"error":{"message":"not in your country"}}';
--- error_code: 403
--- response_body
{"error":{"message":"not in your country","type":"permission_error","param":null,"code":"permission_denied"}}



=== TEST 5: 404
--- answer: return 404 '{"error":{"message":"no such model","type":"invalid_request_error","param":null,"code":"model_not_found"}}';
--- error_code: 404
--- response_body_like: "message":"no such model","type":"invalid_request_error","param":null,"code":"model_not_found"



=== TEST 6: 429 with Retry-After
--- answer
    add_header Retry-After 7 always;
    add_header Set-Cookie a=b always;
    return 429 '{"error":{"message":"slow down","type":"requests","param":null,"code":"rate_limit_exceeded"}}';
--- error_code: 429
--- response_headers
Retry-After: 7
! Set-Cookie
--- response_body_like: "message":"slow down",.*"code":"rate_limit_exceeded"



=== TEST 7: 500
--- answer: return 500 '{"error":{"message":"oops","type":"server_error","param":null,"code":null}}';
--- error_code: 502
--- response_body
{"error":{"message":"oops","type":"upstream_error","param":null,"code":"provider_unavailable"}}



=== TEST 8: 503 stays 503
--- answer: return 503 '{"error":{"message":"overloaded"}}';
--- error_code: 503
--- response_body_like: "message":"overloaded","type":"upstream_error","param":null,"code":"provider_unavailable"



=== TEST 9: an HTML page
--- answer: return 502 '<html><body>bad gateway</body></html>';
--- error_code: 502
--- response_headers
Content-Type: application/json
--- response_body_like: "code":"provider_unavailable"



=== TEST 10: an error as a string (xAI)
--- answer: return 422 '{"code":"invalid-argument","error":"no such thing"}';
--- error_code: 422
--- response_body_like: "message":"no such thing"



=== TEST 11: an error inside of a 200
--- answer: return 200 '{"error":{"message":"hidden","code":429}}';
--- error_code: 429
--- response_body_like: "message":"hidden"



=== TEST 12: 200 without choices
--- answer: return 200 '{"id":"x"}';
--- error_code: 502
--- response_body_like: "code":"provider_bad_response"



=== TEST 13: 200 with half a JSON
--- answer: return 200 '{"choices":[';
--- error_code: 502
--- response_body_like: "code":"provider_bad_response"



=== TEST 14: 200 with HTML
--- answer: return 200 '<html></html>';
--- error_code: 502
--- response_body_like: "code":"provider_bad_response"



=== TEST 15: an empty 200
--- answer: llmbroker_mock empty=1;
--- error_code: 502
--- response_body_like: "code":"provider_bad_response"



=== TEST 16: a redirect is not followed
--- answer: return 302 http://127.0.0.1:1/;
--- error_code: 502
--- response_headers
! Location
--- response_body_like: "code":"provider_bad_response"



=== TEST 17: an encoding that was not asked for (P16)
--- answer: llmbroker_mock encoding=gzip;
--- error_code: 502
--- response_body_like: "code":"provider_bad_response"



=== TEST 18: nobody listens
--- request
POST /v1/chat/completions
{"model":"refused","messages":[]}
--- error_code: 502
--- response_body
{"error":{"message":"The provider could not be reached.","type":"upstream_error","param":null,"code":"provider_unavailable"}}



=== TEST 19: a host without an address
--- request
POST /v1/chat/completions
{"model":"unresolved","messages":[]}
--- error_code: 502
--- response_body_like: "code":"provider_unavailable"



=== TEST 20: no answer in time
--- answer: llmbroker_mock delay=5s;
--- error_code: 504
--- response_body
{"error":{"message":"The provider did not answer in time.","type":"upstream_error","param":null,"code":"provider_timeout"}}



=== TEST 21: cut in the middle
--- answer: llmbroker_mock cut=20;
--- error_code: 502
--- response_body_like: "code":"provider_bad_response"



=== TEST 22: stalled in the middle
--- answer: llmbroker_mock stall=20;
--- error_code: 504
--- response_body_like: "code":"provider_timeout"



=== TEST 23: a provider's header steers nothing here (P12)
--- answer: llmbroker_mock header=X-Accel-Redirect:/secret header=X-Accel-Limit-Rate:1 header=Set-Cookie:a=b header=Location:/x header=x-ratelimit-remaining-requests:9;
--- config
    location / { llmbroker; }
    location /secret { return 200 "secret"; }
--- error_code: 200
--- response_headers
! Set-Cookie
! Location
! X-Accel-Redirect
x-ratelimit-remaining-requests: 9
--- response_body_unlike: secret



=== TEST 24: so are a type, a code and a parameter
--- answer: return 400 '{"error":{"message":"m","type":"t sk-secret-of-ours","code":"sk-secret-of-ours","param":"p.sk-secret-of-ours"}}';
--- error_code: 400
--- response_body
{"error":{"message":"m","type":"t *","param":"p.*","code":"*"}}



=== TEST 25: a stream without end is no answer to a buffered call (P15)
--- answer: llmbroker_mock sse=1 size=40m chunks=800;
--- request
POST /v1/chat/completions
{"model":"patient","messages":[{"role":"user","content":"a"}]}
--- error_code: 502
--- response_body_like: an answer that is too large.*"code":"provider_bad_response"



=== TEST 26: a request that is too long, in a server's own words
--- answer: return 400 '{"object":"error","message":"This model\'s maximum context length is 8 tokens.","type":"BadRequestError","param":null,"code":400}';
--- error_code: 400
--- response_body
{"error":{"message":"This model's maximum context length is 8 tokens.","type":"BadRequestError","param":null,"code":"context_length_exceeded"}}



=== TEST 27: an account that is empty is no rate limit
--- answer: return 429 '{"error":{"message":"You exceeded your current quota.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}';
--- error_code: 429
--- response_body
{"error":{"message":"You exceeded your current quota.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}



=== TEST 28: a 400 that means our key
--- answer: return 400 '[{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT"}}]';
--- error_code: 502
--- response_body
{"error":{"message":"The provider rejected the configured API key.","type":"upstream_error","param":null,"code":"provider_authentication_failed"}}



=== TEST 29: a time to come back that the body tells
--- answer: return 429 '{"error":{"message":"Slow down. Please try again in 2.5s.","type":"tokens","param":null,"code":"rate_limit_exceeded"}}';
--- error_code: 429
--- response_headers
Retry-After: 3
--- response_body
{"error":{"message":"Slow down. Please try again in 2.5s.","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}}



=== TEST 30: x-ms-retry-after-ms becomes what clients know
--- answer
    add_header x-ms-retry-after-ms 7250 always;
    return 429 '{"error":{"message":"slow down","type":"requests","param":null,"code":"429"}}';
--- error_code: 429
--- response_headers
retry-after-ms: 7250
! x-ms-retry-after-ms



=== TEST 31: and is understood
--- request
POST /v1/chat/completions
{"model":"two","messages":[{"role":"user","content":"a"}]}
--- answer
    add_header x-ms-retry-after-ms 7250 always;
    return 429 '{"error":{"message":"slow down","type":"requests","param":null,"code":"429"}}';
--- error_code: 429
--- response_headers
x-llmbroker-attempts: 2
Retry-After: 8
! retry-after-ms



=== TEST 32: where nothing failed it means nothing
--- answer
    add_header x-ms-retry-after-ms 7250;
    return 200 '{"choices":[]}';
--- response_headers
! retry-after-ms
! x-ms-retry-after-ms
