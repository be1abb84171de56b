# Embeddings: a vector comes in the form that the client asked for, whatever
# the provider's server makes of "encoding_format" (section 2.2).

use Test::Nginx::Socket 'no_plan';

add_block_preprocessor(sub {
    my $block = shift;

    $block->set_value('user_files', <<'_EOC_');
>>> llmbroker.yaml
models:
  m:
    provider: openai
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    api_key: k
_EOC_

    $block->set_value('http_config',
                      "    llmbroker_config ../html/llmbroker.yaml;");
    $block->set_value('config', 'location / { llmbroker; }');
    $block->set_value('request', "POST /v1/embeddings\n"
        . '{"model":"m","input":["a","b"]' . ($block->more // '') . '}');

    $block->set_value('tcp_listen', '$TEST_NGINX_RAND_PORT_1');
    $block->set_value('tcp_reply', "HTTP/1.1 200 OK\r\n"
        . "Content-Type: application/json\r\nConnection: close\r\n\r\n"
        . $block->answer);
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: floats as they came, when nothing is said
--- answer: {"data": [{"embedding":[0.10, -1e0]}],"x":1.00}
--- response_body chomp
{"data": [{"embedding":[0.10, -1e0]}],"x":1.00}



=== TEST 2: base64 as it came, when it was asked for
--- more: ,"encoding_format":"base64"
--- answer: {"data": [{"embedding":"AACAPw=="}]}
--- response_body chomp
{"data": [{"embedding":"AACAPw=="}]}



=== TEST 3: base64 from floats; what is not a vector stays
--- more: ,"encoding_format":"base64"
--- answer: {"object":"list", "data":[{"index":0,"embedding":[1, -0.5,1e-3],"y":[2.0]},{"embedding" : []}],"model":"n\u00e9","usage":{"prompt_tokens":2,"total_tokens":2.0}}
--- response_body eval
use MIME::Base64;
'{"object":"list", "data":[{"index":0,"embedding":"' . encode_base64(pack('f<3', 1, -0.5, 1e-3), '') . '","y":[2.0]},{"embedding" : ""}],"model":"n\u00e9","usage":{"prompt_tokens":2,"total_tokens":2.0}}'
--- response_headers
Content-Type: application/json



=== TEST 4: floats from base64, exact
--- more: ,"encoding_format":"float"
--- answer eval
use MIME::Base64;
'{"data":[{"embedding":"' . encode_base64(pack('f<4', 0.1, -0.5, 1e-30, 16777217), '') =~ s#/#\\/#gr . '"}]}'
--- response_body chomp
{"data":[{"embedding":[0.1,-0.5,1e-30,16777216]}]}



=== TEST 5: a long vector, longer than what is encoded at once
--- more: ,"encoding_format":"base64"
--- answer eval
'{"data":[{"embedding":[' . join(',', map { $_ / 4 } 1 .. 1000) . ']}]}'
--- response_body eval
use MIME::Base64;
'{"data":[{"embedding":"' . encode_base64(pack('f<1000', map { $_ / 4 } 1 .. 1000), '') . '"}]}'



=== TEST 6: another encoding is the provider's matter
--- more: ,"encoding_format":"ubinary"
--- answer: {"data":[{"embedding":[1]},{"embedding":"AA"}]}
--- response_body chomp
{"data":[{"embedding":[1]},{"embedding":"AA"}]}



=== TEST 7: base64 that is none
--- answer: {"data":[{"embedding":"AACA?w=="}]}
--- error_code: 502
--- response_body_like: "code":"provider_bad_response"



=== TEST 8: base64 that is not of floats
--- answer: {"data":[{"embedding":"AAA="}]}
--- error_code: 502
--- response_body_like: "code":"provider_bad_response"



=== TEST 9: base64 of what is no number
--- answer: {"data":[{"embedding":"AADAfw=="}]}
--- error_code: 502
--- response_body_like: "code":"provider_bad_response"



=== TEST 10: a list of what is no number
--- more: ,"encoding_format":"base64"
--- answer: {"data":[{"embedding":[1,"2"]}]}
--- error_code: 502
--- response_body_like: "code":"provider_bad_response"



=== TEST 11: a number that is too large for a float
--- more: ,"encoding_format":"base64"
--- answer: {"data":[{"embedding":[1e99]}]}
--- error_code: 502
--- response_body_like: "code":"provider_bad_response"



=== TEST 12: an entry without a vector among others
--- more: ,"encoding_format":"base64"
--- answer: {"data":[{"embedding":[1]},{"object":"embedding"}]}
--- error_code: 502
--- response_body_like: "code":"provider_bad_response"
