# Providers are verified: by the system's certificates or by ca_file, with the
# host's name, and nothing is shared with a model that does not verify
# (design 2.4, 3.3).

use File::Temp qw(tempdir);
use Test::Nginx::Socket 'no_plan';

our ($cert, $key) = certificate();

our $http = <<'_EOC_';
    llmbroker_config ../html/llmbroker.yaml;

    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1 ssl;
        default_type application/json;

        ssl_certificate ../html/cert.pem;
        ssl_certificate_key ../html/key.pem;

        location / {
            set $tls '"sni":"$ssl_server_name","host":"$host"';
            return 200 '{"choices":[],$tls,"n":$connection_requests}';
        }
    }
_EOC_

add_block_preprocessor(sub {
    my $block = shift;

    $block->set_value('http_config', $http);
    $block->set_value('config', "location / { llmbroker; }");
    $block->set_value('user_files', ">>> cert.pem\n$cert>>> key.pem\n$key"
                                    . $block->user_files);

    if (!defined $block->request && !defined $block->must_die) {
        $block->set_value('request', "POST /v1/chat/completions\n"
            . '{"model":"m","messages":[{"role":"user","content":"hi"}]}');
    }
});


# a certificate for "localhost" that is its own authority

sub certificate {
    my $dir = tempdir(CLEANUP => 1);

    system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256"
           . " -nodes -days 3650 -subj /CN=localhost"
           . " -addext subjectAltName=DNS:localhost"
           . " -keyout $dir/key.pem -out $dir/cert.pem >$dir/log 2>&1") == 0
        or die "openssl failed, is it installed?\n";

    return map {
        open my $in, '<', "$dir/$_.pem" or die "$dir/$_.pem: $!\n";
        join '', <$in>;
    } qw(cert key);
}


no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: ca_file, and the host's name in SNI
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    base_url: https://localhost:$TEST_NGINX_RAND_PORT_1/v1
    ca_file: ../html/cert.pem
--- response_body chomp
{"choices":[],"sni":"localhost","host":"localhost","n":1}
--- no_error_log
[warn]



=== TEST 2: the system does not know the certificate
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    base_url: https://localhost:$TEST_NGINX_RAND_PORT_1/v1
--- error_code: 502
--- response_body_like: "code":"provider_unavailable"
--- error_log
upstream SSL certificate verify error



=== TEST 3: a name that is not in the certificate
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    base_url: https://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    ca_file: ../html/cert.pem
--- error_code: 502
--- response_body_like: "code":"provider_unavailable"
--- error_log
upstream SSL certificate does not match "127.0.0.1"



=== TEST 4: tls_verify: false takes any, with a warning
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    base_url: https://localhost:$TEST_NGINX_RAND_PORT_1/v1
    tls_verify: false
--- response_body chomp
{"choices":[],"sni":"localhost","host":"localhost","n":1}
--- error_log eval
qr/\[warn\] .*the certificate of "localhost" is not verified, "tls_verify" is off in \S+llmbroker\.yaml:4$/m



=== TEST 5: a connection that was not verified is not used by those who verify
--- user_files
>>> llmbroker.yaml
models:
  careless:
    provider: openai
    base_url: https://localhost:$TEST_NGINX_RAND_PORT_1/v1
    tls_verify: false
  m:
    provider: openai
    base_url: https://localhost:$TEST_NGINX_RAND_PORT_1/v1
--- request eval
["POST /v1/chat/completions\n"
 . '{"model":"careless","messages":[{"role":"user","content":"hi"}]}',
 "POST /v1/chat/completions\n"
 . '{"model":"careless","messages":[{"role":"user","content":"hi"}]}',
 "POST /v1/chat/completions\n"
 . '{"model":"m","messages":[{"role":"user","content":"hi"}]}']
--- error_code eval
[200, 200, 502]
--- response_body_like eval
['"n":1', '"n":2', 'provider_unavailable']



=== TEST 6: a ca_file that is not there
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    base_url: https://localhost/v1
    ca_file: ../html/nothing.pem
--- must_die
--- error_log
/nothing.pem" for models.m.ca_file failed (2: No such file or directory) in
llmbroker.yaml:5



=== TEST 7: a ca_file without certificates
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    base_url: https://localhost/v1
    ca_file: ../html/llmbroker.yaml
--- must_die
--- error_log
invalid value for models.m.ca_file, its CA file holds no certificates in
llmbroker.yaml:5



=== TEST 8: a key that leaves the machine unencrypted
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    base_url: http://192.0.2.1/v1
    api_key: sk-hush
  n:
    provider: openai
    base_url: http://192.0.2.1/v1
    api_key: sk-hush
--- request
GET /v1/models
--- grep_error_log eval
qr/an api_key goes to "[^"]+" unencrypted/
--- grep_error_log_out
an api_key goes to "192.0.2.1" unencrypted
--- no_error_log
sk-hush



=== TEST 9: but not one that stays there
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    base_url: http://127.0.0.1/v1
    api_key: sk-hush
--- request
GET /v1/models
--- no_error_log
[warn]
sk-hush



=== TEST 10: a session_token that does
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: bedrock
    base_url: http://192.0.2.1
    region: us-east-1
    access_key_id: id
    secret_access_key: hush
    session_token: hush
--- request
GET /v1/models
--- grep_error_log eval
qr/\w+ \w+ goes to "[^"]+" unencrypted/
--- grep_error_log_out
a session_token goes to "192.0.2.1" unencrypted
