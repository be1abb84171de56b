# Active health checks: a deployment that is down is ejected before a client
# finds out, and comes back by itself; what is asked, in each dialect, and what
# an answer means.

use IO::Socket::INET;
use Test::Nginx::Socket 'no_plan';

# a port that swallows attempts to connect: its queue is full

our $hole = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)
    or die "listen: $!\n";
our @fill = map {
    IO::Socket::INET->new(PeerAddr => '127.0.0.1', Blocking => 0,
                          PeerPort => $hole->sockport)
} 1 .. 4;

add_block_preprocessor(sub {
    my $block = shift;

    my $knobs = $block->knobs // '';
    my $server = $block->server // "location / { llmbroker_mock $knobs; }";
    my $wait = $block->pause // '600ms';
    my $yaml = $block->yaml;
    my $more = $block->more // '';
    my $locations = $block->locations // '';

    $yaml =~ s/\$hole/$hole->sockport/ge;

    $block->set_value('http_config', <<"_EOC_");
    llmbroker_config ../html/llmbroker.yaml;

    log_format asked '\$request_method \$request_uri '
                     'auth="\$http_authorization" key="\$http_x_api_key" '
                     'goog="\$http_x_goog_api_key" type="\$http_content_type" '
                     '\$request_body';
    log_format time 'took \$request_time';

    server {
        listen 127.0.0.1:\$TEST_NGINX_RAND_PORT_1;
        access_log logs/access.log asked;
        error_log logs/provider.log;
        $server
    }

    server {
        listen 127.0.0.1:\$TEST_NGINX_RAND_PORT_2;
        access_log off;
        error_log logs/provider.log;
        location / { llmbroker_mock; }
    }

    server {
        listen 127.0.0.1:\$TEST_NGINX_RAND_PORT_4;
        access_log off;
        location / { llmbroker_mock delay=$wait; }
    }
    $more
_EOC_

    $block->set_value('user_files', ">>> llmbroker.yaml\n$yaml"
                                    . ($block->user_files // ''));
    $block->set_value('config', <<"_EOC_");
    access_log off;

    location / {
        llmbroker;
    }

    location /later/ {
        auth_request /wait;
        llmbroker;
    }

    location = /wait {
        internal;
        proxy_pass http://127.0.0.1:\$TEST_NGINX_RAND_PORT_4/v1/models;
        proxy_pass_request_body off;
        proxy_set_header Content-Length "";
        proxy_set_header Authorization "Bearer sk-wait";
    }

    $locations
_EOC_

    # the page, after some checks

    $block->set_value('request', 'GET /later/health')
        if !defined $block->request;

    $block->set_value('no_error_log', "sk-secret\n"
                                      . ($block->no_error_log // "[alert]\n"));

    if (defined $block->page) {
        $block->set_value('response_body_like', $block->page);
    }
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: nobody listens
--- yaml
models:
  m:
    provider: openai
    api_key: sk-secret
    health_check: {interval: 200ms, timeout: 100ms}
    deployments:
      - base_url: http://127.0.0.1:1/v1
      - base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_2/v1
--- page eval
qr{"status":"available".*:1/v1","status":"down","checked":"down".*/v1","status":"up","checked":"up"}
--- error_log eval
qr{\[warn\].*health check: "http://127.0.0.1:1/v1" of "m" is down: .*[Cc]onnect}



=== TEST 2: down, and up again by itself
--- yaml
models:
  m:
    provider: openai
    api_key: sk-secret
    model_name: mock-model
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    health_check: {interval: 100ms, timeout: 100ms}
--- knobs: status=500 times=3
--- page eval
qr/"status":"healthy".*"checked":"up"/
--- grep_error_log eval
qr/\[(?:warn|notice)\] .*health check: .*/
--- grep_error_log_out eval
qr/\A\[warn\].* is down: HTTP status 500\n\[notice\].* is up\n\z/



=== TEST 3: one failure is none
--- yaml
models:
  m:
    provider: openai
    api_key: sk-secret
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    health_check: {interval: 100ms, timeout: 100ms}
--- knobs: status=500 times=1
--- page eval
qr/"status":"healthy".*"checked":"up"/
--- no_error_log
is down



=== TEST 4: all are down
--- yaml
models:
  m:
    provider: openai
    api_key: sk-secret
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    health_check: {interval: 100ms, timeout: 100ms}
--- knobs: status=503
--- page eval
qr/"status":"unhealthy".*"checked":"down"/
--- error_code: 503
--- error_log
is down: HTTP status 503



=== TEST 5: without checks nothing is known
--- yaml
models:
  m:
    provider: openai
    api_key: sk-secret
    base_url: http://127.0.0.1:1/v1
--- page eval
qr/"status":"healthy".*"checked":"unknown"/
--- pause: 100ms
--- no_error_log
health check



=== TEST 6: of the first LLMBroker's file
--- yaml
models:
  m:
    provider: openai
    api_key: sk-secret
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
monitoring:
  health_check_interval: 30
--- page eval
qr/"status":"healthy".*"checked":"up","listed":false/
--- error_log eval
qr{\[warn\].*/v1" of "m" does not list the model "m"}



=== TEST 7: a list names the model
--- yaml
models:
  m:
    provider: openai
    model_name: mock-model
    api_key: sk-secret
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    health_check: {interval: 100ms, timeout: 100ms}
--- page eval
qr/"checked":"up","listed":true/
--- no_error_log
[warn]
--- access_log
GET /v1/models auth="Bearer sk-secret" key="-" goog="-" type="-" -



=== TEST 8: Claude's list
--- yaml
models:
  m:
    provider: claude
    model_name: mock-model-latest
    api_key: sk-secret
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    health_check: {interval: 30s}
--- page eval
qr/"checked":"up","listed":false/
--- access_log
GET /v1/models?limit=1000 auth="-" key="sk-secret" goog="-" type="-" -



=== TEST 9: Gemini's list, whose names have a prefix
--- yaml
models:
  m:
    provider: gemini
    model_name: mock-model
    api_key: sk-secret
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1beta
    health_check: {interval: 30s}
--- page eval
qr/"checked":"up","listed":true/
--- access_log
GET /v1beta/models?pageSize=1000 auth="-" key="-" goog="sk-secret" type="-" -



=== TEST 10: Qwen's list is the compatible interface's
--- yaml
models:
  m:
    provider: qwen
    model_name: mock-model
    api_key: sk-secret
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/api/v1
    health_check: {interval: 30s}
--- page eval
qr/"checked":"up","listed":true/
--- access_log
GET /compatible-mode/v1/models auth="Bearer sk-secret" key="-" goog="-" type="-" -



=== TEST 11: Azure's list is not of deployments
--- yaml
models:
  m:
    provider: azure
    api_version: "2024-10-21"
    api_key: sk-secret
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1
    health_check: {interval: 30s}
--- server
location / { return 200 '{"data":[{"id":"gpt-4o"}]}'; }
--- page eval
qr/"checked":"up","breaker"/
--- access_log
GET /openai/models?api-version=2024-10-21 auth="-" key="-" goog="-" type="-" -
--- no_error_log
[warn]



=== TEST 12: a dialect without a list: any answer will do, and no key is shown
--- yaml
models:
  m:
    provider: bedrock
    region: eu-west-1
    api_key: sk-secret
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1
    health_check: {interval: 30s}
--- server
location / { return 403; }
--- page eval
qr/"checked":"up","breaker"/
--- access_log
GET / auth="-" key="-" goog="-" type="-" -



=== TEST 13: a key that is refused
--- yaml
models:
  m:
    provider: openai
    api_key: sk-secret
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    health_check: {interval: 100ms, timeout: 100ms}
--- knobs: status=401
--- page eval
qr/"checked":"down"/
--- error_code: 503
--- error_log
is down: HTTP status 401



=== TEST 14: a path that is not known, too many requests: somebody is there
--- yaml
models:
  m:
    provider: openai
    api_key: sk-secret
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    health_check: {interval: 30s}
  n:
    provider: openai
    api_key: sk-secret
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v2
    health_check: {interval: 30s}
--- server
location /v1/ { return 404; }
location /v2/ { return 429; }
--- page eval
qr/"checked":"up".*"checked":"up"/
--- pause: 800ms



=== TEST 15: a path, with the key, of the host and not of the base URL
--- yaml
models:
  m:
    provider: openai
    api_key: sk-secret
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    health_check: {interval: 30s, path: "/healthz?full=1"}
--- server
location = /healthz { return 204; }
--- page eval
qr/"checked":"up","breaker"/
--- access_log
GET /healthz?full=1 auth="Bearer sk-secret" key="-" goog="-" type="-" -



=== TEST 16: a redirect is an answer, and is not followed
--- yaml
models:
  m:
    provider: openai
    api_key: sk-secret
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    health_check: {interval: 30s, path: /healthz}
--- server
location = /healthz { return 302 /elsewhere; }
--- page eval
qr/"checked":"up"/
--- no_access_log
/elsewhere



=== TEST 17: a tiny chat
--- yaml
models:
  m:
    provider: openai
    model_name: large
    api_key: sk-secret
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    health_check: {interval: 30s, model: small}
--- server
location / { proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_2; }
--- page eval
qr/"checked":"up","breaker"/
--- access_log eval
qr{^POST /v1/chat/completions auth="Bearer sk-secret" .*type="application/json" \{\\x22model\\x22:\\x22small\\x22,.*\\x22max_completion_tokens\\x22:16\}$}



=== TEST 18: a tiny chat of a server that has another name for the limit
--- yaml
models:
  m:
    provider: mistral
    api_key: sk-secret
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    health_check: {interval: 30s, model: small}
--- server
location / { proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_2; }
--- page eval
qr/"checked":"up"/
--- access_log eval
qr{\\x22max_tokens\\x22:16\}$}



=== TEST 19: a server that refuses one name for the limit is asked by the other
--- yaml
models:
  m:
    provider: openai_compatible
    api_key: sk-secret
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    health_check: {interval: 100ms, timeout: 100ms, model: small}
--- server
location / {
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_3;
}
--- more
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_3;
    access_log off;
    error_log logs/provider.log;
    location / { llmbroker_mock status=400 times=1; }
}
--- page eval
qr/"checked":"up"/
--- access_log eval
[qr/max_completion_tokens/, qr{\\x22max_tokens\\x22:16\}$}]
--- no_error_log
is down



=== TEST 20: a tiny chat with Claude
--- yaml
models:
  m:
    provider: claude
    api_key: sk-secret
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    health_check: {interval: 30s, model: claude-small}
--- server
location / { proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_2; }
--- page eval
qr/"checked":"up"/
--- access_log eval
qr{^POST /v1/messages auth="-" key="sk-secret".*claude-small}



=== TEST 21: a tiny chat with Gemini, the model in the path
--- yaml
models:
  m:
    provider: gemini
    api_key: sk-secret
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1beta/
    health_check: {interval: 30s, model: gemini-small}
--- server
location / { proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_2; }
--- page eval
qr/"checked":"up"/
--- access_log eval
qr{^POST /v1beta/models/gemini-small:generateContent auth="-" key="-" goog="sk-secret"}



=== TEST 22: a tiny chat with Qwen
--- yaml
models:
  m:
    provider: qwen
    api_key: sk-secret
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/api/v1
    health_check: {interval: 30s, model: qwen-small}
--- server
location / { proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_2; }
--- page eval
qr/"checked":"up"/
--- access_log eval
qr{^POST /api/v1/services/aigc/text-generation/generation .*qwen-small}



=== TEST 23: a tiny chat with Bedrock, signed
--- yaml
models:
  m:
    provider: bedrock
    region: eu-west-1
    access_key_id: ID
    secret_access_key: sk-secret
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1
    health_check: {interval: 30s, model: small}
--- server
location / {
    proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_2;
    proxy_set_header Host $http_host;
}
--- page eval
qr/"checked":"up"/
--- access_log eval
qr{^POST /model/small/converse auth="AWS4-HMAC-SHA256 Credential=ID/}



=== TEST 24: a tiny chat with Azure, where the model is a deployment
--- yaml
models:
  m:
    provider: azure
    api_version: "2024-10-21"
    api_key: sk-secret
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1
    health_check: {interval: 30s, model: small}
--- server
location / { return 200; }
--- page eval
qr/"checked":"up"/
--- access_log
POST /openai/deployments/small/chat/completions?api-version=2024-10-21 



=== TEST 25: a chat that is refused is a failure
--- yaml
models:
  m:
    provider: claude
    api_key: sk-secret
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    health_check: {interval: 100ms, timeout: 100ms, model: gone}
--- knobs: status=404
--- page eval
qr/"checked":"down"/
--- error_code: 503
--- error_log
is down: HTTP status 404



=== TEST 26: a chat that must wait is none
--- yaml
models:
  m:
    provider: claude
    api_key: sk-secret
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    health_check: {interval: 100ms, timeout: 100ms, model: busy}
--- knobs: status=429
--- page eval
qr/"checked":"up"/



=== TEST 27: an answer that never comes
--- yaml
models:
  m:
    provider: openai
    api_key: sk-secret
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    health_check: {interval: 150ms, timeout: 150ms}
--- knobs: delay=3s
--- page eval
qr/"checked":"down"/
--- error_code: 503
--- error_log eval
qr/is down: .*timed out/



=== TEST 28: an answer that stops in the middle
--- yaml
models:
  m:
    provider: openai
    api_key: sk-secret
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    health_check: {interval: 150ms, timeout: 150ms, model: m}
--- knobs: stall=20
--- page eval
qr/"checked":"down"/
--- error_code: 503
--- error_log eval
qr/is down: .*timed out/



=== TEST 29: a certificate that nobody knows
--- yaml
models:
  m:
    provider: openai
    api_key: sk-secret
    base_url: https://localhost:$TEST_NGINX_RAND_PORT_3/v1
    health_check: {interval: 200ms, timeout: 200ms}
  n:
    provider: openai
    api_key: sk-secret
    base_url: https://localhost:$TEST_NGINX_RAND_PORT_3/v1
    ca_file: ../html/cert.pem
    health_check: {interval: 200ms, timeout: 200ms}
  o:
    provider: openai
    api_key: sk-secret
    base_url: https://127.0.0.1:$TEST_NGINX_RAND_PORT_3/v1
    ca_file: ../html/cert.pem
    health_check: {interval: 200ms, timeout: 200ms}
  p:
    provider: openai
    api_key: sk-secret
    base_url: https://127.0.0.1:$TEST_NGINX_RAND_PORT_3/v1
    tls_verify: false
    health_check: {interval: 200ms, timeout: 200ms}
--- more
server {
    listen 127.0.0.1:$TEST_NGINX_RAND_PORT_3 ssl;
    ssl_certificate ../html/cert.pem;
    ssl_certificate_key ../html/key.pem;
    access_log logs/access.log asked;
    error_log logs/provider.log;
    location / { return 200 '{"data":[{"id":"m-1"},{"id":"n:latest"}]}'; }
}
--- user_files eval
use File::Temp qw(tempdir);
my $dir = tempdir(CLEANUP => 1);
system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256"
       . " -nodes -days 3650 -subj /CN=localhost"
       . " -addext subjectAltName=DNS:localhost"
       . " -keyout $dir/key.pem -out $dir/cert.pem >$dir/log 2>&1") == 0
    or die "openssl failed, is it installed?\n";
join '', map { open my $in, '<', "$dir/$_.pem" or die; ">>> $_.pem\n", <$in> }
         qw(cert key)
--- pause: 900ms
--- page eval
qr/"m".*"checked":"down","breaker".*"n".*"checked":"up","listed":true.*"o".*"checked":"down".*"p".*"checked":"up","listed":false/
--- error_log eval
[qr{/v1" of "m" is down: .*certificate}, qr{/v1" of "o" is down: .*certificate}]



=== TEST 30: the same is asked once, for all who want to know
--- yaml
models:
  m:
    provider: openai
    model_name: x
    api_key: sk-secret
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    health_check: {interval: 30s, timeout: 1s, path: /once}
  n:
    provider: openai
    model_name: x
    api_key: sk-secret
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    health_check: {interval: 30s, timeout: 1s, path: /once}
--- server
limit_req zone=once;
location / { return 200; }
--- more
limit_req_zone $request_uri zone=once:1m rate=1r/m;
--- page eval
qr/"n".*"checked":"up"/
--- pause: 800ms
--- no_error_log
limiting requests



=== TEST 31: another key is another question
--- yaml
models:
  m:
    provider: openai
    model_name: x
    api_key: sk-secret1
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    health_check: {interval: 30s, path: /each}
  n:
    provider: openai
    model_name: x
    api_key: sk-secret2
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    health_check: {interval: 30s, path: /each}
--- page eval
qr/"n".*"checked":"up"/
--- pause: 800ms
--- access_log eval
[qr/Bearer sk-secret1/, qr/Bearer sk-secret2/]



=== TEST 32: endless answers are cut, and large ones read
--- yaml
models:
  m:
    provider: openai
    api_key: sk-secret
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    health_check: {interval: 30s, timeout: 5s}
  n:
    provider: openai
    model_name: last
    api_key: sk-secret
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v2
    health_check: {interval: 30s, timeout: 5s}
--- server
root html;
location = /v1/models { try_files /large.json =404; }
location = /v2/models { try_files /list.json =404; }
--- user_files eval
">>> large.json\n" . '{"data":[' . ' ' x 5_000_000 . "]}\n"
. ">>> list.json\n" . '{"data":[' . '{"id":"other"},' x 200_000
. '{"id":"last"}]}' . "\n"
--- page eval
qr/"m".*"checked":"up","breaker".*"n".*"checked":"up","listed":true/
--- pause: 1500ms



=== TEST 33: a server that does not even refuse costs others no time
--- yaml
models:
  m:
    provider: openai
    api_key: sk-secret
    base_url: http://127.0.0.1:$hole/v1
    health_check: {interval: 200ms, timeout: 200ms}
  n:
    provider: openai
    api_key: sk-secret
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_2/v1
--- request eval
['GET /later/health', map { qq(POST /timed/v1/chat/completions
{"model":"n","messages":[{"role":"user","content":"a"}]}) } 1 .. 40]
--- locations
location /timed/ {
    llmbroker;
    access_log logs/access.log time;
}
--- pause: 900ms
--- no_access_log eval
qr/took (?!0\.0)/
--- response_body_like eval
['"name":"m".*"checked":"down"', ('"choices"') x 40]



=== TEST 34: no client finds out that a deployment is down
--- yaml
models:
  m:
    api_key: sk-secret
    health_check: {interval: 100ms, timeout: 100ms}
    provider: openai
    deployments:
      - base_url: http://127.0.0.1:1/v1
      - base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_2/v1
--- request eval
[map { qq(POST /$_/v1/chat/completions
{"model":"m","messages":[{"role":"user","content":"a"}]}) } qw(later now now)]
--- locations
location /now/ {
    llmbroker;
}
--- response_body_like eval
['"choices"', '"choices"', '"choices"']
--- response_headers eval
["x-llmbroker-attempts: 1", "x-llmbroker-attempts: 1",
 "x-llmbroker-attempts: 1"]
--- error_code eval
[200, 200, 200]



=== TEST 35: a list tells nothing of chats: the next request is the probe
--- yaml
models:
  m:
    provider: openai
    api_key: sk-secret
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    health_check: {interval: 100ms, timeout: 100ms}
    breaker: {failures: 1, open: 1m}
--- server
location = /v1/models { return 200 '{"data":[{"id":"m"}]}'; }
location / { llmbroker_mock status=500 times=1; }
--- request eval
my $chat = qq(POST /now/v1/chat/completions
{"model":"m","messages":[{"role":"user","content":"a"}]});
[$chat, 'GET /later/health', $chat, 'GET /now/health']
--- locations
location /now/ {
    llmbroker;
}
--- response_body_like eval
['"provider_unavailable"', '"checked":"up","listed":true,"breaker":"half_open"',
 '"choices"', '"breaker":"closed"']
--- error_code eval
[502, 200, 200, 200]



=== TEST 36: nor does a page
--- yaml
models:
  m:
    provider: openai
    api_key: sk-secret
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    health_check: {interval: 100ms, timeout: 100ms, path: /healthz}
    breaker: {failures: 1, open: 1m}
--- server
location = /healthz { return 204; }
location / { return 500; }
--- request eval
[qq(POST /v1/chat/completions
{"model":"m","messages":[{"role":"user","content":"a"}]}), 'GET /later/health']
--- response_body_like eval
['"provider_unavailable"', '"checked":"up","breaker":"half_open"']
--- error_code eval
[502, 200]



=== TEST 37: a chat that is answered closes an open breaker
--- yaml
models:
  m:
    provider: azure
    api_version: "2024-10-21"
    model_name: large
    api_key: sk-secret
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1
    health_check: {interval: 100ms, timeout: 100ms, model: small}
    breaker: {failures: 1, open: 1m}
--- server
location /openai/deployments/small/ { return 200; }
location / { return 500; }
--- request eval
[qq(POST /v1/chat/completions
{"model":"m","messages":[{"role":"user","content":"a"}]}), 'GET /later/health']
--- response_body_like eval
['"provider_unavailable"', '"checked":"up","breaker":"closed"']
--- error_code eval
[502, 200]



=== TEST 38: one that must wait does not
--- yaml
models:
  m:
    provider: azure
    api_version: "2024-10-21"
    model_name: large
    api_key: sk-secret
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1
    health_check: {interval: 100ms, timeout: 100ms, model: small}
    breaker: {failures: 1, open: 1m}
--- server
location /openai/deployments/small/ { return 429; }
location / { return 500; }
--- request eval
[qq(POST /v1/chat/completions
{"model":"m","messages":[{"role":"user","content":"a"}]}), 'GET /later/health']
--- response_body_like eval
['"provider_unavailable"', '"checked":"up","breaker":"half_open"']
--- error_code eval
[502, 200]
