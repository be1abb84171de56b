# What follows a failure: the next deployment, the next alias, the same ones
# again after a pause, or the error.

use Test::Nginx::Socket 'no_plan';

add_block_preprocessor(sub {
    my $block = shift;

    my $servers = '';
    my $deployments = '';
    my $n = 0;

    for my $name (qw(a b c)) {
        $n++;

        my $knobs = $block->$name;
        next if !defined $knobs;

        $deployments .= <<"_EOC_";
      - model_name: model-$name
        base_url: http://127.0.0.1:\$TEST_NGINX_RAND_PORT_$n/v1
_EOC_

        next if $knobs =~ /^closed/;

        my $does = $knobs =~ /^answer (.*)/s ? $1 : "llmbroker_mock $knobs;";

        $servers .= <<"_EOC_";
    server {
        listen 127.0.0.1:\$TEST_NGINX_RAND_PORT_$n;
        location / { $does }
    }
_EOC_
    }

    $servers .= <<"_EOC_" if defined $block->claude;
    server {
        listen 127.0.0.1:\$TEST_NGINX_RAND_PORT_4;
        location / { llmbroker_mock echo_request=on; }
    }
_EOC_

    (my $keys = $block->keys || '') =~ s/\n(?=.)/\n    /g;
    my $more = $block->more || '';

    $block->set_value('http_config', <<"_EOC_");
    llmbroker_config ../html/llmbroker.yaml;
    log_format fate '\$request_time \$upstream_status \$llmbroker_attempts '
                    'e:\$llmbroker_error';
$servers
_EOC_

    $block->set_value('user_files', <<"_EOC_");
>>> llmbroker.yaml
models:
  gpt:
    provider: openai
    api_key: sk-test
    strategy: priority
    $keys
    deployments:
$deployments
$more
_EOC_

    $block->set_value('config', <<'_EOC_');
    location / {
        llmbroker;
        access_log logs/access.log fate;
        add_header X-Upstream "$upstream_status" always;
    }
_EOC_

    my $stream = $block->stream ? 'true' : 'false';
    my $times = $block->times || 1;

    my $request = "POST /v1/chat/completions\n"
        . qq({"model":"gpt","stream":$stream,)
        . '"messages":[{"role":"user","content":"one two three"}]}';

    if ($times > 1) {
        $block->set_value('pipelined_requests', [($request) x $times]);

    } else {
        $block->set_value('request', $request);
    }
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: an endpoint that refuses (P1)
--- a: closed
--- b
--- response_headers
X-Upstream: 502, 200
x-llmbroker-attempts: 2
x-llmbroker-model: gpt
--- response_body_like: "model":"model-b"
--- access_log eval
qr/^0\.0\d\d 502, 200 2 e:-$/



=== TEST 2: 500, 529 and then an answer
--- a: status=500
--- b: status=529
--- c
--- response_headers
X-Upstream: 500, 529, 200
x-llmbroker-attempts: 3
--- response_body_like: "model":"model-c"
--- no_error_log
[alert]



=== TEST 3: a limit
--- a: status=429 retry_after=30
--- b
--- response_headers
X-Upstream: 429, 200
!Retry-After



=== TEST 4: a key that is refused
--- a: status=401
--- b: status=403
--- c
--- response_headers
X-Upstream: 401, 403, 200



=== TEST 5: what the client did wrong is not tried again
--- a: status=422
--- b
--- error_code: 422
--- response_headers
X-Upstream: 422
x-llmbroker-attempts: 1



=== TEST 6: an unknown model neither
--- a: status=404
--- b
--- error_code: 404
--- response_headers
X-Upstream: 404



=== TEST 7: no answer in time (P2)
--- keys: timeout: 300ms
--- a: delay=5s
--- b
--- response_headers
X-Upstream: 504, 200
--- access_log eval
qr/^0\.(29|3[0-4])\d 504, 200 2 e:-$/



=== TEST 8: ... but a failure that took too long is not followed by another
--- keys
timeout: 300ms
retry_on_failure_within: 200ms
--- a: delay=5s
--- b
--- error_code: 504
--- response_headers
X-Upstream: 504
--- response_body_like: "code":"provider_timeout"



=== TEST 9: an answer that is none
--- a: malformed=on
--- b: answer default_type text/html; return 200 '<html>busy</html>';
--- c
--- response_headers
x-llmbroker-attempts: 3
--- response_body_like: "model":"model-c"



=== TEST 10: an error inside of a 200 (P4)
--- a: answer return 200 '{"error":{"message":"overloaded","type":"server_error"}}';
--- b
--- response_headers
X-Upstream: 200, 200
x-llmbroker-attempts: 2
--- response_body_like: "model":"model-b"



=== TEST 11: all fail: the last one's error, and nothing of the others
--- a: status=500 body=first
--- b: status=503 body=second
--- error_code: 503
--- response_headers
X-Upstream: 500, 503
x-llmbroker-attempts: 2
Content-Type: application/json
--- response_body_like: "code":"provider_unavailable"
--- response_body_unlike: first



=== TEST 12: all limit: the soonest time to come back
--- a: status=429 retry_after=20
--- b: status=429 retry_after=40
--- error_code: 429
--- response_headers
X-Upstream: 429, 429
Retry-After: 20



=== TEST 13: one deployment's own Retry-After is passed on
--- a: status=429 retry_after=3600
--- error_code: 429
--- response_headers
Retry-After: 3600
x-llmbroker-attempts: 1



=== TEST 14: ... also after several attempts
--- keys
max_attempts: 2
backoff_max: 100ms
--- a: status=429 retry_after=3600
--- error_code: 429
--- response_headers
Retry-After: 3600
x-llmbroker-attempts: 2



=== TEST 15: one is ejected, the other has a limit: the sooner of the two
--- keys
breaker: {failures: 1, open: 20s}
--- a: status=500
--- b: status=429 retry_after=40
--- times: 2
--- error_code eval
[429, 429]
--- response_headers eval
["X-Upstream: 500, 429\nRetry-After: 20", "X-Upstream: 429\nRetry-After: 20"]



=== TEST 16: max_attempts
--- keys: max_attempts: 2
--- a: status=500
--- b: status=500
--- c
--- error_code: 502
--- response_headers
X-Upstream: 500, 500



=== TEST 17: more attempts than deployments: after a pause, again
--- keys
max_attempts: 3
backoff: 20ms
--- a: answer return 500;
--- error_code: 502
--- response_headers
X-Upstream: 500, 500, 500
x-llmbroker-attempts: 3



=== TEST 18: the deadline is for all of them
--- keys
max_attempts: 8
deadline: 400ms
timeout: 300ms
--- a: delay=5s
--- b: delay=5s
--- error_code: 504
--- response_headers
X-Upstream: 504, 504
--- access_log eval
qr/^0\.(39|4[0-4])\d 504, 504 2 e:provider_timeout$/



=== TEST 19: fallbacks: another alias in another dialect, with its parameters
--- keys
default_params: {temperature: 0.25}
fallbacks: [claude]
--- a: status=500
--- b: status=500
--- more
  claude:
    provider: claude
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_4/v1
    api_key: k
    model_name: mock-claude
    default_params: {max_tokens: 77}
    fallbacks: [gpt]
--- claude
--- response_headers
X-Upstream: 500, 500, 200
x-llmbroker-model: gpt
x-llmbroker-provider: claude
x-llmbroker-attempts: 3
--- response_body_like eval
qr/"object":"chat.completion".*max_tokens\\":77(?!.*temperature)/



=== TEST 20: a limit keeps later requests away
--- a: status=429 retry_after=30
--- b
--- times: 2
--- error_code eval
[200, 200]
--- response_headers eval
["X-Upstream: 429, 200", "X-Upstream: 200"]



=== TEST 21: so do three failures
--- a: status=500
--- b
--- times: 4
--- error_code eval
[200, 200, 200, 200]
--- response_headers eval
["X-Upstream: 500, 200", "X-Upstream: 500, 200", "X-Upstream: 500, 200",
 "X-Upstream: 200"]



=== TEST 22: a lone deployment fails fast
--- a: status=500
--- times: 4
--- error_code eval
[502, 502, 502, 503]
--- response_headers eval
["!Retry-After", "!Retry-After", "!Retry-After", "Retry-After: 10"]
--- response_body_like eval
["provider_unavailable", "provider_unavailable", "provider_unavailable",
 "no_healthy_deployment"]



=== TEST 23: ... unless a bad one is better than none
--- keys: when_all_ejected: least_bad
--- a: status=500
--- times: 4
--- error_code eval
[502, 502, 502, 502]



=== TEST 24: which is logged once
--- keys: breaker: {failures: 1}
--- a: status=500
--- b
--- grep_error_log eval
qr/\[warn\].*? is not asked for a while, it has failed too often/
--- grep_error_log_out eval
qr/^\[warn\] .* llmbroker deployment "http:[^"]+" of model "gpt" is not asked for a while, it has failed too often\n$/



=== TEST 25: it is asked again when its time is over
--- keys: breaker: {failures: 1, open: 100ms}
--- a: answer if ($connection_requests = 1) { return 500; } return 200 '{"choices":[]}';
--- times: 2
--- error_code eval
[502, 503]



=== TEST 26: a stream that fails before its first content
--- stream: 1
--- a: error_event=0
--- b
--- response_headers
x-llmbroker-attempts: 2
Content-Type: text/event-stream; charset=utf-8
--- response_body_like: "model":"model-b"(.|\n)*data: \[DONE\]



=== TEST 27: a stream that ends before its first content (P7)
--- stream: 1
--- a: answer default_type text/event-stream; return 200 'data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"model-a","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n';
--- b
--- response_headers
x-llmbroker-attempts: 2
--- response_body_like: data: \[DONE\]
--- response_body_unlike: model-a



=== TEST 28: one that is told at once: "stream_commit: header"
--- keys: stream_commit: header
--- stream: 1
--- a: answer default_type text/event-stream; return 200 'data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"model-a","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n';
--- b
--- response_headers
x-llmbroker-attempts: 1
--- response_body_like: model-a(.|\n)*"error"



=== TEST 29: after its first content there is no other one (P7)
--- stream: 1
--- a: cut=900 chunks=10
--- b
--- response_headers
x-llmbroker-attempts: 1
--- response_body_like: model-a(.|\n)*"code":"provider_bad_response"
--- response_body_unlike: DONE|model-b



=== TEST 30: a stalled beginning
--- keys: first_token_timeout: 300ms
--- stream: 1
--- a: first_delay=5s
--- b
--- response_headers
x-llmbroker-attempts: 2
--- response_body_like: data: \[DONE\]
--- access_log eval
qr/^0\.(29|3[0-4])\d /



=== TEST 31: a second one is asked when the first is slow
--- keys: hedge: {after: 200ms}
--- a: delay=5s
--- b
--- response_headers
x-llmbroker-attempts: 2
--- response_body_like: "model":"model-b"
--- access_log eval
qr/^0\.(19|2[0-4])\d -, 200 2 e:-$/



=== TEST 32: so of a stream
--- keys: hedge: {after: 200ms}
--- stream: 1
--- a: first_delay=5s
--- b
--- response_headers
x-llmbroker-attempts: 2
--- response_body_like: data: \[DONE\]
--- response_body_unlike: model-a



=== TEST 33: the first one may still win
--- keys: hedge: {after: 200ms}
--- stream: 1
--- a: delay=400ms chunks=5 spacing=50ms
--- b: delay=5s
--- response_headers
x-llmbroker-attempts: 2
--- response_body_like: data: \[DONE\]
--- response_body_unlike: model-b



=== TEST 34: the first one fails, the second goes on
--- keys: hedge: {after: 100ms}
--- a: delay=200ms status=500
--- b: delay=300ms
--- response_headers
x-llmbroker-attempts: 2
--- response_body_like: "model":"model-b"



=== TEST 35: both fail, and a third is asked
--- keys: hedge: {after: 100ms}
--- a: delay=300ms status=500
--- b: delay=100ms status=500
--- c
--- response_headers
x-llmbroker-attempts: 3
--- response_body_like: "model":"model-c"
