# A provider whose HTTP is broken (P11): an error in our form, and no byte of
# the bad answer.

use Test::Nginx::Socket 'no_plan';

our $yaml = <<'_EOC_';
>>> llmbroker.yaml
models:
  gpt:
    provider: openai
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    api_key: sk-test
    timeout: 2
_EOC_

add_block_preprocessor(sub {
    my $block = shift;

    $block->set_value('http_config',
                      'llmbroker_config ../html/llmbroker.yaml;');
    $block->set_value('user_files', $yaml);
    $block->set_value('config', "location / { llmbroker; }");
    $block->set_value('tcp_listen', '$TEST_NGINX_RAND_PORT_1');
    $block->set_value('request', "POST /v1/chat/completions\n"
                      . ($block->stream
                         ? '{"model":"gpt","stream":true,"messages":[]}'
                         : '{"model":"gpt","messages":[]}'));

    if (!defined $block->error_code) {
        $block->set_value('error_code', 502);
    }

    if (!defined $block->response_body_like && !defined $block->response_body) {
        $block->set_value('response_body_like',
                          '"code":"provider_bad_response"');
    }
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: a good answer
--- tcp_reply eval
"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n"
. '{"choices":[]}'
--- error_code: 200
--- response_body chomp
{"choices":[]}



=== TEST 2: without a length, until the connection ends
--- tcp_reply eval
"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" . '{"choices":[]}'
--- error_code: 200
--- response_body chomp
{"choices":[]}



=== TEST 3: in chunks that cut everywhere
--- tcp_reply eval
"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
. join("", map { "1\r\n$_\r\n" } split //, '{"choices":[]}') . "0\r\n\r\n"
--- error_code: 200
--- response_body chomp
{"choices":[]}



=== TEST 4: a byte at a time
--- tcp_reply eval
[split //, "HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n" . '{"choices":[]}']
--- error_code: 200
--- response_body chomp
{"choices":[]}



=== TEST 5: 100 and 103 first (P18)
--- tcp_reply eval
"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"
. "HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n" . '{"choices":[]}'
--- error_code: 200
--- response_body chomp
{"choices":[]}



=== TEST 6: no HTTP at all
--- tcp_reply eval
"SSH-2.0-OpenSSH_9.2\r\n"



=== TEST 7: a length and chunks
--- tcp_reply eval
"HTTP/1.1 200 OK\r\nContent-Length: 14\r\nTransfer-Encoding: chunked\r\n\r\n"
. "e\r\n" . '{"choices":[]}' . "\r\n0\r\n\r\n"



=== TEST 8: two lengths
--- tcp_reply eval
"HTTP/1.1 200 OK\r\nContent-Length: 14\r\nContent-Length: 14\r\n\r\n"
. '{"choices":[]}'



=== TEST 9: a length that is none
--- tcp_reply eval
"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n" . '{"choices":[]}'



=== TEST 10: an unknown transfer coding
--- tcp_reply eval
"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
. "e\r\n" . '{"choices":[]}' . "\r\n0\r\n\r\n"



=== TEST 11: a chunk size that is none
--- tcp_reply eval
"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"



=== TEST 12: a chunk size that overflows
--- tcp_reply eval
"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
. "ffffffffffffffffff\r\n{}\r\n0\r\n\r\n"



=== TEST 13: shorter than it said
--- tcp_reply eval
"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" . '{"choices":[]}'



=== TEST 14: longer than it said: the rest is not ours
--- tcp_reply eval
"HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n" . '{"choices":[]}' . "garbage"
--- error_code: 200
--- response_body chomp
{"choices":[]}



=== TEST 15: a header larger than the buffer
--- tcp_reply eval
"HTTP/1.1 200 OK\r\nX-Large: " . ("x" x 40000) . "\r\n\r\n" . '{"choices":[]}'
--- response_body_like: "code":"provider_(bad_response|unavailable)"



=== TEST 16: closed without a word
--- tcp_reply:
--- response_body_like: "code":"provider_unavailable"



=== TEST 17: events split everywhere, with every line end (P9)
--- stream: 1
--- tcp_reply eval
[split //, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
. "\xef\xbb\xbf: hello\r\n\r\nevent: x\rid: 7\rdata: {\"id\":\"i\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[]}\r\r"
. "data:{\"id\":\"i\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":\ndata: [{\"index\":0,\"delta\":{\"role\":\"assistant\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]"]
--- error_code: 200
--- response_body eval
'data: {"id":"i","object":"chat.completion.chunk","created":1,"model":"m","choices":[]}' . "\n\n"
. 'data: {"id":"i","object":"chat.completion.chunk","created":1,"model":"m","choices": [{"index":0,"delta":{"role":"assistant"},"finish_reason":"stop"}]}' . "\n\n"
. 'data: [DONE]' . "\n\n"


=== TEST 18: an event that is no JSON, before anything was sent
--- stream: 1
--- tcp_reply eval
"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: oops\n\n"



=== TEST 19: an event that is no JSON, after others: they arrive first
--- stream: 1
--- tcp_reply eval
"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
. "data: {\"id\":\"i\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"a\"},\"finish_reason\":null}]}\n\ndata: oops\n\ndata: {\"id\":\"i\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[]}\n\n"
--- error_code: 200
--- response_body_like chomp
^data: \{"id":"i","object":"chat.completion.chunk","created":1,"model":"m","choices":\[\{"index":0,"delta":\{"role":"assistant","content":"a"\},"finish_reason":null\}\]\}

data: \{"error":\{"message":".*","type":"upstream_error","param":null,"code":"provider_bad_response"\}\}

$



=== TEST 20: cut after an event (P7)
--- stream: 1
--- tcp_reply eval
"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
. "Transfer-Encoding: chunked\r\n\r\n"
. "a3\r\ndata: {\"id\":\"i\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"a\"},\"finish_reason\":null}]}\n\n\r\n17\r\ndata: {\"cho"
--- error_code: 200
--- response_body_like chomp
^data: \{"id":"i","object":"chat.completion.chunk","created":1,"model":"m","choices":\[\{"index":0,"delta":\{"role":"assistant","content":"a"\},"finish_reason":null\}\]\}

data: \{"error":\{.*"code":"provider_bad_response"\}\}

$



=== TEST 21: ended without a finish and without [DONE]
--- stream: 1
--- tcp_reply eval
"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
. "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\n"
--- error_code: 200
--- response_body_like chomp
^data: \{"choices":.*\}

data: \{"error":\{.*"code":"provider_bad_response"\}\}

$



=== TEST 22: a NUL in an event
--- stream: 1
--- tcp_reply eval
"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: {\0}\n\n"



=== TEST 23: cut behind the finish: nothing is missing but [DONE] (S12)
--- stream: 1
--- tcp_reply eval
"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
. "Transfer-Encoding: chunked\r\n\r\n"
. "97\r\ndata: {\"id\":\"i\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"},\"finish_reason\":\"stop\"}]}\n\n"
--- error_code: 200
--- response_body_like chomp
^data: \{"id":"i","object":"chat.completion.chunk","created":1,"model":"m","choices":\[\{"index":0,"delta":\{"role":"assistant"\},"finish_reason":"stop"\}\]\}

data: \[DONE\]

$



=== TEST 24: cut within the header of a stream
--- stream: 1
--- tcp_reply eval
"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-More: "



=== TEST 25: a stream of no length
--- stream: 1
--- tcp_reply eval
"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
. "Content-Length: 0\r\n\r\n"
