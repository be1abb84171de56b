# The mock provider speaks Bedrock's Converse, in frames when it streams, and
# refuses what AWS does; and the gateway gets along with it.

use Test::Nginx::Socket 'no_plan';

use Compress::Raw::Zlib qw(crc32);

our $yaml = <<'_EOC_';
>>> llmbroker.yaml
models:
  haiku:
    provider: bedrock
    model_name: anthropic.claude-haiku-4-5-20251001-v1:0
    base_url: http://127.0.0.1:$TEST_NGINX_RAND_PORT_1
    region: us-east-1
    access_key_id: AKIDTESTONLY
    secret_access_key: no-one-knows
    timeout: 5
_EOC_

our $signed = 'Authorization: AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east'
    . '-1/bedrock/aws4_request, SignedHeaders=host;x-amz-date, Signature='
    . '0' x 64;

add_block_preprocessor(sub {
    my $block = shift;

    my $knobs = $block->knobs || '';

    if (defined $block->gateway) {
        $block->set_value('http_config', <<"_EOC_");
    llmbroker_config ../html/llmbroker.yaml;

    log_format tokens '\$llmbroker_prompt_tokens|\$llmbroker_completion_tokens'
                      '|\$llmbroker_finish_reason|\$llmbroker_error';

    server {
        listen 127.0.0.1:\$TEST_NGINX_RAND_PORT_1;
        location / { llmbroker_mock $knobs; }
    }
_EOC_

        $block->set_value('user_files', $yaml);
        $block->set_value('config', 'location / { llmbroker;'
                          . ' access_log logs/access.log tokens; }');
        $block->set_value('request', "POST /v1/chat/completions\n"
                          . '{"model":"haiku",' . $block->gateway . '}');
        return;
    }

    $block->set_value('config', "location / { llmbroker_mock $knobs; }");
    $block->set_value('more_headers', 'Authorization: Bearer k')
        if !defined $block->more_headers;

    if (defined $block->refused) {
        $block->set_value('error_code', 400);
        $block->set_value('response_headers',
                          'x-amzn-ErrorType: ValidationException');
        $block->set_value('response_body',
                          '{"message":"' . $block->refused . '"}');
    }

    return if defined $block->request;

    my $messages = $block->messages
        || '{"role":"user","content":[{"text":"a b"}]}';

    $block->set_value('request', 'POST /model/anthropic.claude-v1%3A0/'
                      . (defined $block->stream ? "converse-stream\n"
                                                : "converse\n")
                      . "{\"messages\":[$messages]"
                      . ($block->more || '') . '}');
});


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


# Frames of a stream: a type and a payload each, which gets its padding.

sub frames {
    my $letters = join '', 'a' .. 'z', 'A' .. 'Z', 0 .. 9;
    my $n = 0;
    my $frames = '';

    while (my ($type, $payload) = splice @_, 0, 2) {
        my $message = ($type =~ /Exception/) ? 'exception' : 'event';

        chop $payload;
        $payload .= ',"p":"' . substr($letters, 0, 1 + 23 * $n++ % 62) . '"}';

        $frames .= frame($payload, ":$message-type", $type,
                         ':content-type', 'application/json',
                         ':message-type', $message);
    }

    return $frames;
}


sub begin {
    return 'messageStart', '{"role":"assistant"}';
}


sub text {
    my ($i, $text) = @_;

    return 'contentBlockDelta',
           "{\"contentBlockIndex\":$i,\"delta\":{\"text\":\"$text\"}}";
}


sub finish {
    my ($i, $reason, $input, $output) = @_;

    my $total = $input + $output;

    return 'contentBlockStop', "{\"contentBlockIndex\":$i}",
           'messageStop', "{\"stopReason\":\"$reason\"}",
           'metadata', "{\"usage\":{\"inputTokens\":$input,"
           . "\"outputTokens\":$output,\"totalTokens\":$total,"
           . '"cacheReadInputTokens":0,"cacheWriteInputTokens":0},'
           . '"metrics":{"latencyMs":1}}';
}


our $tools = ',"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":'
    . '{"json":{"type":"object","properties":{"x":{"type":"string"}},'
    . '"required":["x"]}}}},{"toolSpec":{"name":"g","inputSchema":{"json":'
    . '{"type":"object"}}}}]';

our $call = '{"role":"user","content":[{"text":"a"}]},{"role":"assistant",'
    . '"content":[{"toolUse":{"toolUseId":"t1","name":"f","input":{}}}]}';

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: a message
--- messages: {"role":"user","content":[{"text":"hi there"}]}
--- more: ,"system":[{"text":"be"},{"text":"nice"},{"cachePoint":{"type":"default"}}]
--- response_headers
Content-Type: application/json
x-amzn-RequestId: req_mock
--- response_body chomp
{"output":{"message":{"role":"assistant","content":[{"text":"[system: be nice] echo: hi there"}]}},"stopReason":"end_turn","usage":{"inputTokens":4,"outputTokens":6,"totalTokens":10,"cacheReadInputTokens":0,"cacheWriteInputTokens":0},"metrics":{"latencyMs":1}}



=== TEST 2: a stream
--- stream
--- response_headers
Content-Type: application/vnd.amazon.eventstream
--- response_body eval
main::frames(main::begin(), main::text(0, 'echo:'), main::text(0, ' a'),
             main::text(0, ' b'), main::finish(0, 'end_turn', 2, 3))



=== TEST 3: thinking
--- more: ,"additionalModelRequestFields":{"thinking":{"type":"enabled","budget_tokens":1024}}
--- response_body_like: "content":\[\{"reasoningContent":\{"reasoningText":\{"text":"hmm","signature":"c2lnbmF0dXJl"\}\}\},\{"text":"echo: a b"\}\]\}\},.*"outputTokens":4



=== TEST 4: thinking, streamed
--- knobs: chunks=1
--- stream
--- more: ,"additionalModelRequestFields":{"thinking":{"type":"adaptive","display":"summarized"}}
--- response_body eval
main::frames(main::begin(),
    'contentBlockDelta', '{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"hmm"}}}',
    'contentBlockDelta', '{"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"c2lnbmF0dXJl"}}}',
    'contentBlockStop', '{"contentBlockIndex":0}',
    main::text(1, 'echo: a b'), main::finish(1, 'end_turn', 2, 4))



=== TEST 5: thinking that is not shown
--- more: ,"additionalModelRequestFields":{"thinking":{"type":"adaptive"}}
--- response_body_like: "reasoningText":\{"text":"","signature":"c2lnbmF0dXJl"\}



=== TEST 6: a tool is called by its name
--- messages: {"role":"user","content":[{"text":"call f"}]}
--- more eval: $main::tools . '}'
--- response_body_like: "content":\[\{"toolUse":\{"toolUseId":"tooluse_mock_0","name":"f","input":\{"x":"call f"\}\}\}\]\}\},"stopReason":"tool_use"



=== TEST 7: two calls, streamed
--- knobs: chunks=1
--- stream
--- messages: {"role":"user","content":[{"text":"call f, call g"}]}
--- more eval: $main::tools . '}'
--- response_body eval
main::frames(main::begin(),
    'contentBlockStart', '{"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"tooluse_mock_0","name":"f"}}}',
    'contentBlockDelta', '{"contentBlockIndex":0,"delta":{"toolUse":{"input":"{\"x\":\"call f, call g\"}"}}}',
    'contentBlockStop', '{"contentBlockIndex":0}',
    'contentBlockStart', '{"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"tooluse_mock_1","name":"g"}}}',
    'contentBlockDelta', '{"contentBlockIndex":1,"delta":{"toolUse":{"input":"{\"text\":\"call f, call g\"}"}}}',
    main::finish(1, 'tool_use', 4, 8))



=== TEST 8: a tool that must be called
--- more eval: $main::tools . ',"toolChoice":{"any":{}}}'
--- response_body_like: "name":"f".*"stopReason":"tool_use"



=== TEST 9: a tool that is chosen
--- more eval: $main::tools . ',"toolChoice":{"tool":{"name":"g"}}}'
--- response_body_like: "name":"g".*"stopReason":"tool_use"



=== TEST 10: a result is echoed
--- messages eval: $main::call . ',{"role":"user","content":[{"toolResult":{"toolUseId":"t1","status":"success","content":[{"text":"r1"},{"json":{}}]}}]}'
--- more eval: $main::tools . '}'
--- response_body_like: "text":"echo: r1"



=== TEST 11: maxTokens
--- more: ,"inferenceConfig":{"maxTokens":2,"temperature":0.5,"topP":1}
--- response_body_like: "text":"echo: a"\}\]\}\},"stopReason":"max_tokens"



=== TEST 12: a stop sequence
--- more: ,"inferenceConfig":{"stopSequences":["x"," b"]}
--- response_body_like: "text":"echo: a"\}\]\}\},"stopReason":"stop_sequence"



=== TEST 13: JSON that fits a schema
--- more: ,"outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"name":"n","schema":"{\"type\":\"object\",\"properties\":{\"y\":{\"type\":\"boolean\"}},\"required\":[\"y\"]}"}}}}
--- response_body_like: "text":"\{\\"y\\":(?:true|false)\}"



=== TEST 14: an ARN in the path
--- request
POST /model/arn%3Aaws%3Abedrock%3Aus-east-1%3A%3Afoundation-model%2Fm/converse
{"messages":[{"role":"user","content":[{"text":"a"}]}]}
--- response_body_like: "text":"echo: a"



=== TEST 15: a signature
--- more_headers eval
"$main::signed\nX-Amz-Date: 20260101T000000Z"
--- response_body_like: "text":"echo: a b"



=== TEST 16: a signature without a date
--- more_headers eval: $main::signed
--- error_code: 403
--- response_headers
x-amzn-ErrorType: IncompleteSignatureException



=== TEST 17: no key
--- more_headers
X-Amz-Date: 20260101T000000Z
--- error_code: 403
--- response_headers
x-amzn-ErrorType: MissingAuthenticationTokenException
--- response_body chomp
{"message":"Missing Authentication Token"}



=== TEST 18: bad JSON
--- request
POST /model/m/converse
{"messages":
--- error_code: 400
--- response_headers
x-amzn-ErrorType: SerializationException



=== TEST 19: no model
--- request
POST /models/converse
{}
--- error_code: 404
--- response_headers
x-amzn-ErrorType: UnknownOperationException



=== TEST 20: a member that Converse does not know
--- more: ,"max_tokens":1
--- refused: extraneous key [max_tokens] is not permitted



=== TEST 21: a setting that Converse does not know
--- more: ,"inferenceConfig":{"topK":1}
--- refused: extraneous key [topK] is not permitted



=== TEST 22: no messages
--- request
POST /model/m/converse
{"messages":[]}
--- refused: A conversation must start with a user message. Try again with a conversation that starts with a user message.



=== TEST 23: the assistant begins
--- messages: {"role":"assistant","content":[{"text":"a"}]}
--- refused: A conversation must start with a user message. Try again with a conversation that starts with a user message.



=== TEST 24: two messages of the user
--- messages: {"role":"user","content":[{"text":"a"}]},{"role":"user","content":[{"text":"a"}]}
--- refused: A conversation must alternate between user and assistant roles. Make sure the conversation alternates between user and assistant roles and try again.



=== TEST 25: another role
--- messages: {"role":"system","content":[{"text":"a"}]}
--- refused: Value at 'messages.0.member.role' failed to satisfy constraint: Member must satisfy enum value set: [user, assistant]



=== TEST 26: no content
--- messages: {"role":"user","content":[]}
--- refused: The content field in the Message object at messages.0 is empty. Add a ContentBlock object to the content field and try again.



=== TEST 27: a text in place of blocks
--- messages: {"role":"user","content":"a"}
--- refused: The content field in the Message object at messages.0 is empty. Add a ContentBlock object to the content field and try again.



=== TEST 28: a blank text
--- messages: {"role":"user","content":[{"text":"a"},{"text":" \n"}]}
--- refused: The text field in the ContentBlock object at messages.0.content.1 is blank. Add text to the text field, and try again.



=== TEST 29: a blank system text
--- more: ,"system":[{"text":""}]
--- refused: The text field in the SystemContentBlock object at system.0 is blank. Add text to the text field, and try again.



=== TEST 30: a block of no kind
--- messages: {"role":"user","content":[{"type":"text","text":"a"}]}
--- refused: The ContentBlock object at messages.0.content.0 must set one of the following keys: text, image, toolUse, toolResult, document, video, cachePoint, reasoningContent.



=== TEST 31: an image of the assistant
--- messages: {"role":"user","content":[{"text":"a"}]},{"role":"assistant","content":[{"image":{"format":"png","source":{"bytes":"AA=="}}}]}
--- refused: messages.1: `image` blocks can only be in `user` messages



=== TEST 32: a document without a text
--- messages: {"role":"user","content":[{"document":{"format":"pdf","name":"a b","source":{"bytes":"AA=="}}}]}
--- refused: Include a text ContentBlock with your document ContentBlock.



=== TEST 33: a document's name
--- messages: {"role":"user","content":[{"text":"a"},{"document":{"format":"pdf","name":"a.pdf","source":{"bytes":"AA=="}}}]}
--- refused: The document file name can only contain alphanumeric characters, whitespace characters, hyphens, parentheses, and square brackets. The name can't contain more than one consecutive whitespace character.



=== TEST 34: calls in the history, and no tools
--- messages eval: $main::call . ',{"role":"user","content":[{"toolResult":{"toolUseId":"t1","content":[]}}]}'
--- refused: The toolConfig field must be defined when using toolUse and toolResult content blocks.



=== TEST 35: a call without its result
--- messages eval: $main::call . ',{"role":"user","content":[{"text":"a"}]}'
--- more eval: $main::tools . '}'
--- refused: Expected toolResult blocks at messages.2.content for the following Ids: \"t1\"



=== TEST 36: a call at the end
--- messages eval: $main::call
--- more eval: $main::tools . '}'
--- refused: Expected toolResult blocks at messages.2.content



=== TEST 37: a result of no call
--- messages: {"role":"user","content":[{"toolResult":{"toolUseId":"t1","content":[]}}]}
--- more eval: $main::tools . '}'
--- refused: The number of toolResult blocks at messages.0.content exceeds the number of toolUse blocks of previous turn.



=== TEST 38: no tools in a toolConfig
--- more: ,"toolConfig":{"tools":[]}
--- refused: Value at 'toolConfig.tools' failed to satisfy constraint: Member must have length greater than or equal to 1



=== TEST 39: a schema that is no object's
--- more: ,"toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{}}}}]}
--- refused: The value at toolConfig.tools.0.toolSpec.inputSchema.json.type must be one of the following: object.



=== TEST 40: a choice that Converse does not know
--- more eval: $main::tools . ',"toolChoice":{"none":{}}}'
--- refused: toolConfig.toolChoice must have one of the members auto, any, tool.



=== TEST 41: a temperature that is too high
--- more: ,"inferenceConfig":{"temperature":1.5}
--- refused: Value at 'inferenceConfig.temperature' failed to satisfy constraint



=== TEST 42: thinking and a tool that must be called
--- more eval: $main::tools . ',"toolChoice":{"any":{}}},"additionalModelRequestFields":{"thinking":{"type":"enabled"}}'
--- refused: The model returned the following errors: Thinking may not be enabled when tool_choice forces tool use.



=== TEST 43: a status
--- knobs: status=429 retry_after=7
--- stream
--- error_code: 429
--- response_headers
Content-Type: application/json
x-amzn-ErrorType: ThrottlingException
Retry-After: 7
--- response_body chomp
{"message":"mock error 429"}



=== TEST 44: a status with a body
--- knobs: status=503 body=busy
--- error_code: 503
--- response_body chomp
busy



=== TEST 45: an exception in a stream
--- knobs: error_event=1
--- stream
--- response_body eval
main::frames(main::begin(), main::text(0, 'echo:'),
             'internalServerException', '{"message":"mock error in the stream"}')



=== TEST 46: no usage
--- knobs: no_usage=1
--- response_body_like: "stopReason":"end_turn","metrics":\{"latencyMs":1\}\}$



=== TEST 47: tokens of a cache
--- knobs: cached=1
--- response_body_like: "inputTokens":1,"outputTokens":3,"totalTokens":5,"cacheReadInputTokens":1



=== TEST 48: a stream without its messageStop
--- knobs: no_done=1
--- stream
--- response_body_unlike: messageStop
--- response_body_like: metadata



=== TEST 49: quirks: the metadata come first
--- knobs: quirks=1
--- stream
--- response_body_like: contentBlockStop.*metadata.*messageStop



=== TEST 50: an answer in place of a stream
--- knobs: json=1
--- stream
--- response_headers
Content-Type: application/json
--- response_body_like: ^\{"output":.*\}$



=== TEST 51: a stream in place of an answer
--- knobs: sse=1 chunks=1
--- response_headers
Content-Type: application/vnd.amazon.eventstream
--- response_body eval
main::frames(main::begin(), main::text(0, 'echo: a b'),
             main::finish(0, 'end_turn', 2, 3))



=== TEST 52: the gateway: a conversation
--- gateway: "messages":[{"role":"system","content":"be nice"},{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}]
--- response_body_like: "content":"\[system: be nice\] echo: c"
--- access_log
5|5|stop|-



=== TEST 53: the gateway: a stream that comes byte by byte
--- knobs: bytes=1
--- gateway: "stream":true,"messages":[{"role":"user","content":"a \u00e9\ud83d\ude00 \"b\""}]
--- response_body_like chomp
"content":" a".*"content":" \\u00e9\\ud83d\\ude00".*"content":" \\"b\\"".*"finish_reason":"stop".*data: \[DONE\]
--- access_log
3|4|stop|-
--- no_error_log
[error]



=== TEST 54: the gateway: tools, streamed byte by byte
--- knobs: bytes=1
--- gateway: "stream":true,"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"x":{"type":"string"}}}}}],"messages":[{"role":"user","content":"call f"}]
--- response_body_like chomp
"tool_calls":\[\{"index":0,"id":"tooluse_mock_0","type":"function","function":\{"name":"f","arguments":"".*"finish_reason":"tool_calls"
--- access_log
2|2|tool_calls|-



=== TEST 55: the gateway: a call and its result
--- gateway: "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{}}}}],"messages":[{"role":"user","content":"a"},{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"call_1","content":"r"}]
--- response_body_like: "content":"echo: r"



=== TEST 56: the gateway: calls in the history, and no tools now
--- gateway: "messages":[{"role":"user","content":"a"},{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"call_1","content":"r"}]
--- response_body_like: "content":"echo: r"



=== TEST 57: the gateway: a tool that must be called
--- gateway: "tool_choice":"required","tools":[{"type":"function","function":{"name":"f"}}],"messages":[{"role":"user","content":"a"}]
--- response_body_like: "tool_calls":\[\{"id":"tooluse_mock_0","type":"function","function":\{"name":"f"



=== TEST 58: the gateway: thinking
--- gateway: "reasoning_effort":"low","messages":[{"role":"user","content":"a"}]
--- response_body_like: "reasoning_content":"hmm"



=== TEST 59: the gateway: thinking, streamed byte by byte
--- knobs: bytes=1
--- gateway: "stream":true,"reasoning_effort":"low","messages":[{"role":"user","content":"a"}]
--- response_body_like: "reasoning_content":"hmm".*"content":"echo:".*\[DONE\]



=== TEST 60: the gateway: a schema
--- gateway: "response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{"type":"object","properties":{"y":{"type":"string"}},"required":["y"],"additionalProperties":false}}},"messages":[{"role":"user","content":"a"}]
--- response_body_like: "content":"\{\\"y\\":\\"a\\"\}"



=== TEST 61: the gateway: large chunks
--- knobs: size=3000000 chunks=7
--- gateway: "stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"a"}]
--- response_body_like: "completion_tokens":375000\b.*\[DONE\]
--- no_error_log
[error]



=== TEST 62: the gateway: a malformed frame
--- knobs: malformed=1
--- gateway: "stream":true,"messages":[{"role":"user","content":"a b c"}]
--- response_body_like: "content":"echo:".*data: \{"error":\{"message":"The provider sent an invalid event\."
--- response_body_unlike: \[DONE\]



=== TEST 63: the gateway: an exception after a chunk
--- knobs: error_event=1
--- gateway: "stream":true,"messages":[{"role":"user","content":"a"}]
--- response_body_like: "content":"echo:".*data: \{"error":\{"message":"mock error in the stream","type":"upstream_error"



=== TEST 64: the gateway: an exception before any is a real status
--- knobs: error_event=0
--- gateway: "stream":true,"messages":[{"role":"user","content":"a"}]
--- error_code: 502
--- response_body_like: ^\{"error":\{"message":"mock error in the stream","type":"upstream_error"



=== TEST 65: the gateway: the usage comes first
--- knobs: quirks=1
--- gateway: "stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"a"}]
--- response_body_like: "finish_reason":"stop".*"choices":\[\],"usage":\{"prompt_tokens":1,"completion_tokens":2.*\[DONE\]
--- access_log
1|2|stop|-



=== TEST 66: the gateway: no usage
--- knobs: no_usage=1
--- gateway: "stream":true,"messages":[{"role":"user","content":"a"}]
--- response_body_like: "finish_reason":"stop".*\[DONE\]



=== TEST 67: the gateway: no messageStop
--- knobs: no_done=1
--- gateway: "stream":true,"messages":[{"role":"user","content":"a"}]
--- response_body_like: data: \{"error":.*"code":"provider_bad_response"
--- response_body_unlike: \[DONE\]



=== TEST 68: the gateway: a stream that is cut
--- knobs: cut=400
--- gateway: "stream":true,"messages":[{"role":"user","content":"a"}]
--- response_body_like: data: \{"error":
--- response_body_unlike: \[DONE\]
--- error_log
upstream prematurely closed connection



=== TEST 69: the gateway: the same stream for every request
--- knobs: fixed=1 chunks=3
--- gateway: "stream":true,"messages":[{"role":"user","content":"a"}]
--- response_body_like: "content":"The quick.*\[DONE\]
--- access_log
10|23|stop|-



=== TEST 70: the request is the answer
--- knobs: echo_request=1
--- response_body_like: "text":"POST /model/anthropic\.claude-v1%3A0/converse\\n.*\\n\\n\{\\"messages\\":
