# The mock provider calls a tool when a message says "call NAME", and echoes
# the result of a call.

use Test::Nginx::Socket 'no_plan';

our $openai = '"tools":[{"type":"function","function":{"name":"f"}},'
    . '{"type":"function","function":{"name":"g"}}]';
our $claude = '"tools":[{"name":"f","input_schema":{"type":"object"}},'
    . '{"name":"g","input_schema":{"type":"object"}}]';

add_block_preprocessor(sub {
    my $block = shift;

    my $knobs = $block->knobs || '';
    my $more = $block->more || '';

    $block->set_value('config', "location / { llmbroker_mock $knobs; }");
    $block->set_value('more_headers', join "\n", 'Authorization: Bearer k',
        'anthropic-version: 2023-06-01',
        defined $block->sse ? 'X-DashScope-SSE: enable' : ());

    if (defined $block->openai) {
        $block->set_value('request', "POST /v1/chat/completions\n"
            . "{\"model\":\"m\",$openai$more,"
            . '"messages":[' . $block->openai . ']}');
    }

    if (defined $block->claude) {
        $block->set_value('request', "POST /v1/messages\n"
            . "{\"model\":\"m\",\"max_tokens\":99,$claude$more,"
            . '"messages":[' . $block->claude . ']}');
    }

    if (defined $block->qwen) {
        $block->set_value('request',
            "POST /api/v1/services/aigc/text-generation/generation\n"
            . '{"model":"m","input":{"messages":[' . $block->qwen
            . "]},\"parameters\":{$openai$more}}");
    }
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: OpenAI
--- openai: {"role":"user","content":"call f \"now\""}
--- response_body_like eval
qr/\Q"content":null,"tool_calls":[{"id":"call_mock_0","type":"function","function":{"name":"f","arguments":"{\"text\":\"call f \\\"now\\\"\"}"}}],"refusal":null},"logprobs":null,"finish_reason":"tool_calls"}]\E/



=== TEST 2: two calls
--- openai: {"role":"user","content":"call g, call f"}
--- response_body_like: "id":"call_mock_0".*"name":"f".*"id":"call_mock_1".*"name":"g"



=== TEST 3: a longer name is another name
--- openai: {"role":"user","content":"call f2 call fg"}
--- response_body_like: "content":"echo: call f2 call fg"



=== TEST 4: tool_choice none
--- openai: {"role":"user","content":"call f"}
--- more: ,"tool_choice":"none"
--- response_body_like: "content":"echo: call f"



=== TEST 5: tool_choice required
--- openai: {"role":"user","content":"hi"}
--- more: ,"tool_choice":"required"
--- response_body_like: "name":"f","arguments":"\{\\"text\\":\\"hi\\"\}"



=== TEST 6: a named tool
--- openai: {"role":"user","content":"hi"}
--- more: ,"tool_choice":{"type":"function","function":{"name":"g"}}
--- response_body_like: "tool_calls":\[\{"id":"call_mock_0","type":"function","function":\{"name":"g"



=== TEST 7: a stream of pieces
--- openai: {"role":"user","content":"call f"}
--- more: ,"stream":true
--- response_body eval
my $head = 'data: {"id":"chatcmpl-mock","object":"chat.completion.chunk",'
    . '"created":1700000000,"model":"m","system_fingerprint":"fp_mock",'
    . '"choices":[{"index":0,"delta":';
my $tail = ',"logprobs":null,"finish_reason":null}]}';

join '', map { "$_\n\n" }
    $head . '{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_mock_0","type":"function","function":{"name":"f","arguments":""}}],"refusal":null}' . $tail,
    $head . '{"tool_calls":[{"index":0,"function":{"arguments":"{\"text\":\"call"}}]}' . $tail,
    $head . '{"tool_calls":[{"index":0,"function":{"arguments":" f\"}"}}]}' . $tail,
    $head . '{},"logprobs":null,"finish_reason":"tool_calls"}]}',
    'data: [DONE]'



=== TEST 8: quirks: every piece has a type, and an empty id and name (C17)
--- knobs: quirks=1
--- openai: {"role":"user","content":"call f"}
--- more: ,"stream":true
--- response_body_like eval
qr/\Q{"role":null,"content":"","tool_calls":[{"index":0,"id":"","type":"function","function":{"name":"","arguments":" f\"}"}}]}}]\E/



=== TEST 9: OpenAI: the result of a call is echoed
--- openai: {"role":"user","content":"call f"},{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"a","content":"call f: 42"}
--- response_body_like: "content":"echo: call f: 42"



=== TEST 10: Anthropic: the input is an object
--- claude: {"role":"user","content":"call f"}
--- response_body_like: "content":\[\{"type":"tool_use","id":"toolu_mock_0","name":"f","input":\{"text":"call f"\}\}\],"stop_reason":"tool_use"



=== TEST 11: Anthropic: the first piece of a stream is empty
--- claude: {"role":"user","content":"call f"}
--- more: ,"stream":true
--- response_body_like eval
qr/"content_block":\{"type":"tool_use","id":"toolu_mock_0","name":"f","input":\{\}\} *\}\n\nevent: content_block_delta\n[^\n]+"delta":\{"type":"input_json_delta","partial_json":""\} *\}\n\nevent: content_block_delta\n[^\n]+"partial_json":"\{\\"text\\":\\"call"\} *\}\n\n/



=== TEST 12: Anthropic: the result of a call is echoed
--- claude: {"role":"user","content":"call f"},{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"42"}]}]}
--- response_body_like: "text":"echo: 42"



=== TEST 13: Anthropic: text beside a result is what is answered
--- claude: {"role":"user","content":"call f"},{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"42"},{"type":"text","text":"go on"}]}
--- response_body_like: "text":"echo: go on"



=== TEST 14: DashScope
--- qwen: {"role":"user","content":"call f"}
--- response_body_like eval
qr/\Q{"message":{"content":"","tool_calls":[{"index":0,"id":"call_mock_0","type":"function","function":{"name":"f","arguments":"{\"text\":\"call f\"}"}}],"role":"assistant"},"index":0,"finish_reason":"tool_calls"}\E/



=== TEST 15: DashScope: later pieces have neither id nor name (N5)
--- qwen: {"role":"user","content":"call f"}
--- sse
--- more: ,"incremental_output":true
--- response_body_like eval
qr/"id":"call_mock_0","type":"function","function":\{"name":"f","arguments":"\{\\"text\\":\\"call"\}\}\][^\n]+"finish_reason":"null"[^\n]+\n\nid:2\n[^\n]+\n[^\n]+\ndata:[^\n]+"id":"","type":"function","function":\{"arguments":" f\\"\}"\}\}\],"role":"assistant"\},"index":0,"finish_reason":"tool_calls"/



=== TEST 16: who must call one does not call the first beside another
--- openai: {"role":"user","content":"call g"}
--- more: ,"tool_choice":"required"
--- response_body_like: "tool_calls":\[\{"id":"call_mock_0","type":"function","function":\{"name":"g"[^]]+\]



=== TEST 17: who must call one and has a result takes the last
--- openai: {"role":"user","content":"hi"},{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"a","content":"call f"}
--- more: ,"tool_choice":"required"
--- response_body_like: "tool_calls":\[\{"id":"call_mock_0","type":"function","function":\{"name":"g","arguments":"\{\\"text\\":\\"call f\\"\}"
