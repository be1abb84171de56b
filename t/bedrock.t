# Bedrock through the gateway: keys and signatures, frames whole, cut and
# broken, exceptions, statuses (wire format section 7.3).

use Test::Nginx::Socket 'no_plan';

use Compress::Raw::Zlib qw(crc32);
use Digest::SHA qw(sha256_hex hmac_sha256 hmac_sha256_hex);

our $yaml = <<'_EOC_';
>>> llmbroker.yaml
models:
  haiku:
    provider: bedrock
    model_name: anthropic.claude-3-haiku-20240307-v1:0
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1
    region: eu-west-3
    access_key_id: AKIDTESTONLY
    secret_access_key: c2VjcmV0/a2V5+no+one+knows
    session_token: dG9rZW4/b2Y+YSBzZXNzaW9u==
    timeout: 2
  lasting:
    provider: bedrock
    model_name: amazon.nova-lite-v1:0
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/proxy//b
    region: us-east-1
    access_key_id: AKIDTESTONLY
    secret_access_key: c2VjcmV0/a2V5+no+one+knows
  bearer:
    provider: bedrock
    model_name: anthropic.claude-3-haiku-20240307-v1:0
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1
    api_key: bedrock-api-key-abc
proxy:
  allow_dry_run: true
_EOC_

our @secrets = ('AKIDTESTONLY', 'c2VjcmV0/a2V5+no+one+knows',
                'dG9rZW4/b2Y+YSBzZXNzaW9u==', 'bedrock-api-key-abc');

our $answer = '{"output":{"message":{"role":"assistant","content":'
    . '[{"text":"caf\u00e9"}]}},"stopReason":"end_turn","usage":'
    . '{"inputTokens":4,"outputTokens":2,"totalTokens":6},'
    . '"metrics":{"latencyMs":9}}';

add_block_preprocessor(sub {
    my $block = shift;

    my $stream = defined $block->frames ? '"stream":true,' : '';
    my $model = $block->model || 'haiku';

    $block->set_value('http_config', <<'_EOC_');
    llmbroker_config ../html/llmbroker.yaml;

    log_format tokens '$llmbroker_provider|$llmbroker_upstream_model'
                      '|$llmbroker_prompt_tokens|$llmbroker_completion_tokens'
                      '|$llmbroker_finish_reason|$llmbroker_error';
_EOC_

    $block->set_value('user_files', $yaml);
    $block->set_value('config', <<'_EOC_');
    location / {
        llmbroker;
        access_log logs/access.log tokens;
    }
_EOC_

    if (defined $block->frames) {
        $block->set_value('tcp_reply',
                          http(200, 'application/vnd.amazon.eventstream',
                               join('', @{$block->frames})));
    }

    if (defined $block->tcp_reply) {
        $block->set_value('tcp_listen', '$TEST_NGINX_RAND_PORT_1');
    }

    if (!defined $block->request) {
        $block->set_value('request', "POST /v1/chat/completions\n"
                          . "{\"model\":\"$model\",$stream"
                          . '"messages":[{"role":"user","content":"a"}]}');
    }
});


sub http {
    my ($status, $type, $body, $headers) = @_;

    return "HTTP/1.1 $status X\r\nContent-Type: $type\r\n" . ($headers // '')
           . 'Content-Length: ' . length($body) . "\r\n\r\n" . $body;
}


sub frame {
    my ($payload, @headers) = @_;

    my $headers = '';

    while (my ($name, $value) = splice @headers, 0, 2) {
        $headers .= pack 'C/a* C n/a*', $name, 7, $value;
    }

    my $prelude = pack 'N N', 16 + length($headers) + length($payload),
                       length $headers;
    my $frame = $prelude . pack('N', crc32($prelude)) . $headers . $payload;

    return $frame . pack 'N', crc32($frame);
}


sub event {
    my ($type, $payload) = @_;

    return frame($payload, ':event-type', $type,
                 ':content-type', 'application/json',
                 ':message-type', 'event');
}


sub exception {
    my ($type, $message) = @_;

    return frame("{\"message\":\"$message\"}", ':exception-type', $type,
                 ':content-type', 'application/json',
                 ':message-type', 'exception');
}


sub text {
    return event('contentBlockDelta', '{"contentBlockIndex":0,"delta":'
                 . "{\"text\":\"$_[0]\"},\"p\":\"abcdefgh\"}");
}


sub begin {
    return event('messageStart', '{"role":"assistant","p":"abc"}');
}


sub finish {
    return (event('contentBlockStop', '{"contentBlockIndex":0}'),
            event('messageStop', '{"stopReason":"end_turn"}'),
            event('metadata', '{"usage":{"inputTokens":4,"outputTokens":2,'
                  . '"totalTokens":6},"metrics":{"latencyMs":9}}'));
}


# What AWS does with a signed request: 403 unless the signature is right.

sub verify {
    my ($query, $region, $path) = @_;

    my ($head, $body) = split /\r\n\r\n/, $query, 2;
    my %headers = map { /^([^:]+): (.*)$/ ? (lc $1, $2) : () }
                  split /\r\n/, $head;

    my ($scope, $names, $signature)
        = ($headers{authorization} // '') =~ m{^AWS4-HMAC-SHA256\ Credential=
            AKIDTESTONLY/([^,]+),\ SignedHeaders=([^,]+),\ Signature=(\w+)$}x
        or return 'no signature';

    my $time = $headers{'x-amz-date'} // '';
    my ($date) = $time =~ /^(\d{8})T\d{6}Z$/ or return 'no date';

    return 'scope' if $scope ne "$date/$region/bedrock/aws4_request";
    return 'host' if $names !~ /(^|;)host(;|$)/;

    for (grep { /^x-amz-/ } keys %headers) {
        return $_ if $names !~ /(^|;)\Q$_\E(;|$)/;
    }

    my $request = join "\n", 'POST', $path, '',
        map({ "$_:$headers{$_}" } split /;/, $names), '', $names,
        sha256_hex($body);

    my $key = 'AWS4c2VjcmV0/a2V5+no+one+knows';

    $key = hmac_sha256($_, $key)
        for $date, $region, 'bedrock', 'aws4_request';

    my $text = join "\n", 'AWS4-HMAC-SHA256', $time, $scope,
                    sha256_hex($request);

    return $signature eq hmac_sha256_hex($text, $key) ? '' : 'signature';
}


sub signed {
    my ($region, $path, $also) = @_;

    return sub {
        my ($query) = @_;
        my $wrong = verify($query, $region, $path);

        $wrong ||= 'request' if $also && $query !~ $also;

        return http(403, 'application/json', "{\"message\":\"$wrong\"}")
            if $wrong;

        return http(200, 'application/json', $answer,
                    "x-amzn-requestid: 12-ab\r\n");
    };
}


no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: a signed request, answered
--- tcp_reply eval
main::signed('eu-west-3',
             '/model/anthropic.claude-3-haiku-20240307-v1%253A0/converse',
             qr{^POST\ /model/anthropic\.claude-3-haiku-20240307-v1%3A0/converse
                \ HTTP/1\.1\r\n
                (?=.*\r\nAccept:\ application/json\r\n)
                (?=.*\r\nX-Amz-Security-Token:\ dG9rZW4/b2Y\+YSBzZXNzaW9u==\r)
                .*"messages":\[\{"role":"user","content":\[\{"text":"a"\}\]
             }xs)
--- response_headers
Content-Type: application/json
x-request-id: 12-ab
x-llmbroker-model: haiku
x-llmbroker-provider: bedrock
--- response_body_like chomp
^\{"id":"[^"]+","object":"chat\.completion",.*"message":\{"role":"assistant","content":"caf\\u00e9",.*"finish_reason":"stop".*"usage":\{"prompt_tokens":4,"completion_tokens":2,"total_tokens":6
--- access_log
bedrock|anthropic.claude-3-haiku-20240307-v1:0|4|2|stop|-
--- no_error_log
[error]



=== TEST 2: keys that last have no token, a path is signed without its empty parts
--- model: lasting
--- tcp_reply eval
main::signed('us-east-1',
             '/proxy/b/model/amazon.nova-lite-v1%253A0/converse',
             qr{^POST /proxy//b/model/(?!.*X-Amz-Security-Token)}s)
--- response_body_like: "content":"caf\\u00e9"
--- no_error_log
[error]



=== TEST 3: a key of Bedrock's own is a bearer's
--- model: bearer
--- tcp_reply eval
sub {
    my ($query) = @_;

    return $query =~ /\r\nAuthorization: Bearer bedrock-api-key-abc\r\n/
           && $query !~ /X-Amz/
           ? main::http(200, 'application/json', $main::answer)
           : main::http(403, 'application/json', '{}');
}
--- response_body_like: "content":"caf\\u00e9"
--- no_error_log
[error]



=== TEST 4: a stream of frames
--- frames eval
[main::begin(), main::text('caf\u00e9'), main::text(' \"au lait\"'),
 main::finish()]
--- response_headers
Content-Type: text/event-stream; charset=utf-8
--- response_body_like chomp
^data: \{[^\n]*"delta":\{"role":"assistant"[^\n]*\}\n\n(?:data: [^\n]*\n\n)*?data: \{[^\n]*"delta":\{"content":"caf\\u00e9"\}[^\n]*\n\ndata: \{[^\n]*"delta":\{"content":" \\"au lait\\""\}[^\n]*\n\ndata: \{[^\n]*"delta":\{\},[^\n]*"finish_reason":"stop"[^\n]*\n\ndata: \[DONE\]\n\n$
--- access_log
bedrock|anthropic.claude-3-haiku-20240307-v1:0|4|2|stop|-
--- no_error_log
[error]



=== TEST 5: a stream is signed and asked for by its name
--- request
POST /v1/chat/completions
{"model":"haiku","stream":true,"messages":[{"role":"user","content":"a"}]}
--- tcp_reply eval
sub {
    my ($query) = @_;
    my $wrong = main::verify($query, 'eu-west-3',
        '/model/anthropic.claude-3-haiku-20240307-v1%253A0/converse-stream');

    $wrong ||= 'accept'
        if $query !~ m{\r\nAccept: application/vnd\.amazon\.eventstream\r\n};

    return $wrong ? main::http(400, 'application/json',
                               "{\"message\":\"$wrong\"}")
                  : main::http(200, 'application/vnd.amazon.eventstream',
                               join '', main::begin(), main::text('x'),
                               main::finish());
}
--- response_body_like: "content":"x".*\[DONE\]
--- no_error_log
[error]



=== TEST 6: a stream for a client that wants none
--- request
POST /v1/chat/completions
{"model":"haiku","messages":[{"role":"user","content":"a"}]}
--- tcp_reply eval
main::http(200, 'application/vnd.amazon.eventstream',
           join '', main::begin(), main::text('x'), main::text('y'),
           main::finish())
--- response_headers
Content-Type: application/json
--- response_body_like: "content":"xy".*"total_tokens":6



=== TEST 7: an answer for a client that wants a stream
--- request
POST /v1/chat/completions
{"model":"haiku","stream":true,"messages":[{"role":"user","content":"a"}]}
--- tcp_reply eval
main::http(200, 'application/json', $main::answer)
--- response_headers
Content-Type: text/event-stream; charset=utf-8
--- response_body_like: "content":"caf\\u00e9".*data: \[DONE\]



=== TEST 8: frames behind the answer's end
--- frames eval
[main::begin(), main::text('x'), main::finish(), 'not a frame']
--- response_body_like: "content":"x".*"finish_reason":"stop".*data: \[DONE\]\n\n$
--- access_log
bedrock|anthropic.claude-3-haiku-20240307-v1:0|4|2|stop|-



=== TEST 9: an exception amid a stream
--- frames eval
[main::begin(), main::text('x'),
 main::exception('throttlingException', 'Too fast.'), main::finish()]
--- response_body_like: "content":"x".*\n\ndata: \{"error":\{"message":"Too fast\.","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"\}\}\n\n$
--- access_log
bedrock|anthropic.claude-3-haiku-20240307-v1:0|-|-|-|rate_limit_exceeded



=== TEST 10: an exception as the first frame: 429
--- frames eval
[main::exception('throttlingException', 'Too fast.')]
--- error_code: 429
--- response_headers
Content-Type: application/json
--- response_body_like: ^\{"error":\{"message":"Too fast\.","type":"rate_limit_error"



=== TEST 11: an exception as the first frame: 400
--- frames eval
[main::exception('validationException', 'Odd.')]
--- error_code: 400
--- response_body_like: ^\{"error":\{"message":"Odd\.","type":"invalid_request_error"



=== TEST 12: an exception as the first frame: 503
--- frames eval
[main::exception('serviceUnavailableException', 'Later.')]
--- error_code: 503
--- response_body_like: "message":"Later\.","type":"upstream_error"



=== TEST 13: an error of the protocol itself
--- frames eval
[main::frame('', ':message-type', 'error', ':error-code', 'InternalFailure',
             ':error-message', 'a "b"')]
--- error_code: 502
--- response_body_like: "message":"a \\"b\\"","type":"upstream_error"



=== TEST 14: a stream that ends within a frame
--- frames eval
[main::begin(), main::text('x'), substr main::text('y'), 0, 40]
--- response_body_like: "content":"x".*\n\ndata: \{"error":\{"message":"The provider's stream ended within an event\.","type":"upstream_error","param":null,"code":"provider_bad_response"\}\}\n\n$
--- response_body_unlike: \[DONE\]



=== TEST 15: a stream that ends between frames
--- frames eval
[main::begin(), main::text('x')]
--- response_body_like: "content":"x".*\n\ndata: \{"error":.*"code":"provider_bad_response"\}\}\n\n$
--- response_body_unlike: \[DONE\]



=== TEST 16: a connection that is cut within a frame
--- request
POST /v1/chat/completions
{"model":"haiku","stream":true,"messages":[{"role":"user","content":"a"}]}
--- tcp_reply eval
substr main::http(200, 'application/vnd.amazon.eventstream',
                  join '', main::begin(), main::text('x'), main::text('y')),
       0, -30
--- response_body_like: "content":"x".*\n\ndata: \{"error":.*"code":"provider_\w+"\}\}\n\n$
--- response_body_unlike: \[DONE\]
--- error_log
upstream prematurely closed connection



=== TEST 17: a wrong sum amid a stream
--- frames eval
my $frame = main::text('y');

substr($frame, -10, 1) ^= "\1";

[main::begin(), main::text('x'), $frame, main::finish()]
--- response_body_like: "content":"x".*\n\ndata: \{"error":\{"message":"The provider sent an invalid event\.","type":"upstream_error","param":null,"code":"provider_bad_response"\}\}\n\n$
--- response_body_unlike: "stop"



=== TEST 18: a wrong sum in the first frame
--- frames eval
my $frame = main::begin();

substr($frame, 5, 1) ^= "\1";

[$frame, main::finish()]
--- error_code: 502
--- response_body_like: "message":"The provider sent an invalid event\."



=== TEST 19: a frame of 4 GB
--- frames eval
[pack('N N', 0xffffffff, 4) . pack('N', Compress::Raw::Zlib::crc32(
                                            pack('N N', 0xffffffff, 4))),
 'x' x 1000]
--- error_code: 502
--- response_body_like: "message":"The provider sent an invalid event\."



=== TEST 20: text in place of frames
--- frames eval
["data: {\"a\":1}\n\n"]
--- error_code: 502
--- response_body_like: "message":"The provider sent an invalid event\."



=== TEST 21: a payload that is no JSON
--- frames eval
[main::event('messageStart', '{"role":')]
--- error_code: 502
--- response_body_like: "code":"provider_bad_response"



=== TEST 22: a status: 400, named by a header
--- tcp_reply eval
main::http(400, 'application/json', '{"message":"Too odd."}',
           "x-amzn-ErrorType: ValidationException:http://aws/\r\n")
--- error_code: 400
--- response_headers
! x-amzn-errortype
--- response_body_like: "message":"Too odd\.","type":"invalid_request_error"



=== TEST 23: a status: 429, with a time to wait
--- tcp_reply eval
main::http(429, 'application/json', '{"message":"Too many requests."}',
           "x-amzn-ErrorType: ThrottlingException\r\nRetry-After: 7\r\n")
--- error_code: 429
--- response_headers
Retry-After: 7
--- response_body_like: "message":"Too many requests\.","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"



=== TEST 24: a status: 403, a model that is not allowed
--- tcp_reply eval
main::http(403, 'application/json', '{"message":"No access."}',
           "x-amzn-ErrorType: AccessDeniedException\r\n")
--- error_code: 403
--- response_body_like: "message":"No access\.","type":"permission_error"



=== TEST 25: a status: 403, a key that is not good
--- tcp_reply eval
main::http(403, 'application/json', '{"message":"The security token included'
           . ' in the request is invalid."}',
           "x-amzn-ErrorType: UnrecognizedClientException\r\n")
--- error_code: 502
--- response_body_like: "code":"provider_authentication_failed"
--- response_body_unlike: security token



=== TEST 26: a status: 503
--- tcp_reply eval
main::http(503, 'application/json', '{"message":"Later."}',
           "x-amzn-ErrorType: ServiceUnavailableException\r\n")
--- error_code: 503
--- response_body_like: "message":"Later\.","type":"upstream_error"



=== TEST 27: an error for a stream
--- request
POST /v1/chat/completions
{"model":"haiku","stream":true,"messages":[{"role":"user","content":"a"}]}
--- tcp_reply eval
main::http(404, 'application/json', '{"message":"No such model."}',
           "x-amzn-ErrorType: ResourceNotFoundException\r\n")
--- error_code: 404
--- response_body_like: "message":"No such model\.".*"code":"model_not_found"



=== TEST 28: keys that a message repeats are masked
--- tcp_reply eval
main::http(400, 'application/json', '{"message":"x '
           . join(' x ', @main::secrets) . ' x"}')
--- model: haiku
--- error_code: 400
--- response_body_like: "message":"x \* x \* x \* x bedrock-api-key-abc x"



=== TEST 29: and in a stream
--- frames eval
[main::begin(), main::text('x'),
 main::exception('validationException', "bad $main::secrets[2]")]
--- response_body_like: "message":"bad \*"



=== TEST 30: no key is in the log, whatever happens
--- log_level: debug
--- tcp_reply eval
main::signed('eu-west-3',
             '/model/anthropic.claude-3-haiku-20240307-v1%253A0/converse')
--- response_body_like: "content":"caf
--- no_error_log eval
[@main::secrets[1, 2], 'AWS4c2Vj', 'Signature=']



=== TEST 31: a dry run signs and tells no key
--- request
POST /v1/chat/completions
{"model":"haiku","stream":true,"messages":[{"role":"user","content":"a"}]}
--- more_headers
x-llmbroker-dry-run: 1
--- response_body_like chomp
"url":"http://127\.0\.0\.1:\d+/model/anthropic\.claude-3-haiku-20240307-v1%3A0/converse-stream","headers":\{.*"Accept":"application/vnd\.amazon\.eventstream",.*"X-Amz-Date":"\d{8}T\d{6}Z","X-Amz-Security-Token":"\*\*\*","Authorization":"AWS4-HMAC-SHA256 \*\*\*"\},"body":



=== TEST 32: a dry run tells no key of Bedrock's either
--- model: bearer
--- more_headers
x-llmbroker-dry-run: 1
--- response_body_like: "Authorization":"Bearer \*\*\*"\},"body":
