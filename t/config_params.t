# default_params and override_params: YAML values become JSON, each of its
# type, numbers with their digits (design 2.4, 2.9; YAML 1.2.2, 10.3.2).

use Test::Nginx::Socket 'no_plan';

# the provider answers with the body that it was sent, and logs it

our $http = <<'_EOC_';
    llmbroker_config ../html/llmbroker.yaml;

    log_format body escape=none $request_body;

    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
        location / {
            llmbroker_mock echo_request=1;
            access_log logs/access.log body;
        }
    }
_EOC_

our $head = <<'_EOC_';
>>> llmbroker.yaml
models:
  m:
    provider: openai
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1/v1
    api_key: sk-test
_EOC_

add_block_preprocessor(sub {
    my $block = shift;

    $block->set_value('http_config', $http);
    $block->set_value('config', "location / { llmbroker; }");
    $block->set_value('user_files', $head . $block->user_files);

    if (!defined $block->request && !defined $block->must_die) {
        $block->set_value('request', "POST /v1/chat/completions\n"
            . '{"model":"m","messages":[{"role":"user","content":"hi"}]}');
    }
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: numbers keep their digits
--- user_files
    override_params: {a: 0.70, b: 12345678901234567890123, c: -1E+05, d: 1e5, e: 0}
--- response_body_like: \\"a\\": ?0\.70,\\"b\\": ?12345678901234567890123,\\"c\\": ?-1E\+05,\\"d\\": ?1e5,\\"e\\": ?0



=== TEST 2: numbers of YAML become numbers of JSON
--- user_files
    override_params: {a: .5, b: +1, c: 007, d: -.5e1, e: 2., f: -0}
--- response_body_like: \\"a\\": ?0\.5,\\"b\\": ?1,\\"c\\": ?7,\\"d\\": ?-0\.5e1,\\"e\\": ?2,\\"f\\": ?-0[,}]



=== TEST 3: what only looks like a number is a string
--- user_files
    override_params: {a: 1_000, b: 1.2.3, c: 2024-11-20, d: 1e, e: "-", f: ".", g: 0xyz}
--- response_body_like: \\"a\\": ?\\"1_000\\",\\"b\\": ?\\"1\.2\.3\\",\\"c\\": ?\\"2024-11-20\\",\\"d\\": ?\\"1e\\",\\"e\\": ?\\"-\\",\\"f\\": ?\\"\.\\",\\"g\\": ?\\"0xyz\\"



=== TEST 4: booleans, null and what is quoted
--- user_files
    override_params: {a: true, b: No, c: ON, d: "true", e: ~, f: Null, g: , h: "null", i: '1'}
--- response_body_like: \\"a\\": ?true,\\"b\\": ?false,\\"c\\": ?true,\\"d\\": ?\\"true\\",\\"e\\": ?null,\\"f\\": ?null,\\"g\\": ?null,\\"h\\": ?\\"null\\",\\"i\\": ?\\"1\\"



=== TEST 5: containers, empty ones too
--- user_files
    override_params:
      a: {b: [{c: []}, {}, [1, [2]]], d: {e: {f: x}}}
      g: [a, b]
--- response_body_like: \\"a\\": ?\{\\"b\\":\[\{\\"c\\":\[\]\},\{\},\[1,\[2\]\]\],\\"d\\":\{\\"e\\":\{\\"f\\":\\"x\\"\}\}\},\\"g\\": ?\[\\"a\\",\\"b\\"\]



=== TEST 6: text with quotes, line feeds and other characters
--- user_files
    override_params:
      a: "q\"b\\n\n\u0001é"
      b: |
        two
        lines
      "k\"ey": x
--- response_body_like: \\"a\\": ?\\"q\\\\\\"b\\\\\\\\n\\\\n\\\\u0001é\\",\\"b\\": ?\\"two\\\\nlines\\\\n\\",\\"k\\\\\\"ey\\": ?\\"x\\"



=== TEST 7: plain defaults are for chat
--- user_files
    default_params: {seed: 7}
--- response_body_like: \\"seed\\": ?7



=== TEST 8: and for completions
--- user_files
    default_params: {seed: 7}
--- request
POST /v1/completions
{"model":"m","prompt":"hi"}
--- response_body_like: \\"seed\\": ?7



=== TEST 9: not for embeddings
--- user_files
    default_params: {seed: 7}
--- request
POST /v1/embeddings
{"model":"m","input":"hi"}
--- access_log
"input":"hi"
--- no_access_log
seed



=== TEST 10: unless they are told so
--- user_files
    default_params: {chat: {seed: 7}, embeddings: {dimensions: 256}}
--- request
POST /v1/embeddings
{"model":"m","input":["hi"],"encoding_format":"float"}
--- access_log
"dimensions":
--- no_access_log
seed



=== TEST 11: nested ones for chat are for completions too
--- user_files
    default_params: {chat: {seed: 7}, embeddings: {dimensions: 256}}
--- request
POST /v1/completions
{"model":"m","prompt":"hi"}
--- response_body_like: \\"seed\\": ?7



=== TEST 12: unless these have their own
--- user_files
    default_params: {chat: {seed: 7}, completions: {echo: true}}
--- request
POST /v1/completions
{"model":"m","prompt":"hi"}
--- response_body_like: \\"echo\\": ?true
--- response_body_unlike: seed



=== TEST 13: nested and plain ones do not mix
--- user_files
    default_params: {chat: {seed: 7}, top_p: 1}
--- must_die
--- error_log
invalid value for models.m.default_params.chat, it cannot stand beside parameters themselves in



=== TEST 14: what JSON cannot hold
--- user_files
    default_params:
      a: [1, .inf]
--- must_die
--- error_log
invalid value ".inf" for models.m.default_params.a[1], it is a number that JSON cannot hold, quote a string in
llmbroker.yaml:7
