# The mock provider answers with JSON where JSON is asked for, calls tools with
# arguments that fit their schemas, and thinks when it is told to.

use Test::Nginx::Socket 'no_plan';

# what a schema makes of the text "a \"b\""

our $rich = '{"type":"object","required":["q"],"properties":{'
    . '"q":{"type":"string"},"n":{"type":"integer","minimum":3},'
    . '"x":{"type":"number","exclusiveMaximum":0},"b":{"type":"boolean"},'
    . '"z":{"type":"null"},"e":{"type":"string","enum":["one","two"]},'
    . '"c":{"const":7},"l":{"type":"array","minItems":2,"items":'
    . '{"$ref":"#/$defs/Item"}},"d":{"type":"string","format":"date"},'
    . '"s":{"type":"string","minLength":2,"maxLength":2},'
    . '"w":{"type":"string","minLength":9},"u":{"type":["null","string"]},'
    . '"o":{"anyOf":[{"type":"null"},{"type":"BOOLEAN"}]},'
    . '"k\"":{"type":"object"},"any":{}},'
    . '"$defs":{"Item":{"type":"object","properties":'
    . '{"i":{"type":"string"}}}}}';

our $value = '{"q":"a \"b\"","n":3,"x":-1,"b":true,"z":null,"e":"one","c":7,'
    . '"l":[{"i":"a \"b\""},{"i":"a \"b\""}],"d":"2024-01-02","s":"a ",'
    . '"w":"a \"b\"xxxx","u":"a \"b\"","o":true,"k\"":{},"any":"a \"b\""}';

our $user = '{"role":"user","content":"a \"b\""}';

sub quoted {
    my $text = shift;

    $text =~ s/(["\\])/\\$1/g;

    return qr/"\Q$text\E"/;
}

add_block_preprocessor(sub {
    my $block = shift;

    my $knobs = $block->knobs || '';
    my $messages = $block->messages || $user;
    my $more = $block->more || '';

    $block->set_value('config', "location / { llmbroker_mock $knobs; }");
    $block->set_value('more_headers', join "\n", 'Authorization: Bearer k',
        'anthropic-version: 2023-06-01',
        defined $block->sse ? 'X-DashScope-SSE: enable' : ());

    if (defined $block->openai) {
        $block->set_value('request', "POST /v1/chat/completions\n"
            . "{\"model\":\"m\",\"messages\":[$messages]," . $block->openai
            . '}');
    }

    if (defined $block->claude) {
        $block->set_value('request', "POST /v1/messages\n"
            . "{\"model\":\"m\",\"max_tokens\":99,\"messages\":[$messages],"
            . $block->claude . '}');
    }

    if (defined $block->qwen) {
        $block->set_value('request',
            "POST /api/v1/services/aigc/text-generation/generation\n"
            . "{\"model\":\"m\",\"input\":{\"messages\":[$messages]},"
            . '"parameters":{"result_format":"message",' . $block->qwen
            . '}}');
    }

    if (defined $block->gemini) {
        $block->set_value('request', "POST /v1beta/models/m:generateContent\n"
            . '{"contents":[{"role":"user","parts":[{"text":"a \"b\""}]}],'
            . $block->gemini . '}');
    }
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: OpenAI: a value of the schema
--- openai eval
'"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":'
. $::rich . '}}'
--- response_body_like eval
qr/"content":@{[ ::quoted($::value) ]}/



=== TEST 2: a schema that refers to itself ends
--- openai
"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object","required":["t"],"properties":{"t":{"$ref":"#"},"more":{"type":"integer"}}}}}
--- response_body_like eval
qr/"content":"(?:\{\\"t\\":){16}\{\}(?:,\\"more\\":1\}){0,6}/



=== TEST 3: an optional branch of it ends earlier
--- openai
"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"$ref":"#/$defs/n","$defs":{"n":{"type":"object","required":["l","r"],"properties":{"l":{"type":"array","items":{"$ref":"#/$defs/n"}},"r":{"anyOf":[{"$ref":"#/$defs/n"},{"type":"null"}]}}}}}}}
--- response_body_like eval
qr/\\"r\\":null\}/



=== TEST 4: references that lead nowhere or in circles
--- openai
"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object","properties":{"a":{"$ref":"#/$defs/a"},"b":{"$ref":"#/none"},"c":{"$ref":"http://x/"}},"$defs":{"a":{"$ref":"#/$defs/a"}}}}}
--- response_body_like eval
qr/"content":@{[ ::quoted('{"a":"a \"b\"","b":"a \"b\"","c":"a \"b\""}') ]}/



=== TEST 5: json_object: a text in an object
--- openai: "response_format":{"type":"json_object"}
--- messages: {"role":"user","content":"some JSON"}
--- response_body_like eval
qr/"content":@{[ ::quoted('{"text":"some JSON"}') ]}/



=== TEST 6: json_object: the messages have to speak of it (C11)
--- openai: "response_format":{"type":"json_object"}
--- error_code: 400
--- response_body_like: 'messages' must contain the word 'json'



=== TEST 7: a schema is required
--- openai: "response_format":{"type":"json_schema","json_schema":{"name":"n"}}
--- error_code: 400
--- response_body_like: "param":"response_format.json_schema"



=== TEST 8: response_format text
--- openai: "response_format":{"type":"text"}
--- response_body_like: "content":"echo: a



=== TEST 9: Anthropic
--- claude eval
'"output_config":{"format":{"type":"json_schema","schema":' . $::rich . '}}'
--- response_body_like eval
qr/"type":"text","text":@{[ ::quoted($::value) ]}/



=== TEST 10: Anthropic: no other format
--- claude: "output_config":{"format":{"type":"json_object"}}
--- error_code: 400
--- response_body_like: output_config.format



=== TEST 11: DashScope
--- qwen eval
'"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":'
. $::rich . '}}'
--- response_body_like eval
qr/"content":@{[ ::quoted($::value) ]}/



=== TEST 12: Gemini
--- gemini eval
'"generationConfig":{"responseMimeType":"application/json",'
. '"responseJsonSchema":' . $::rich . '}'
--- response_body_like eval
qr/"text":@{[ ::quoted($::value) ]}/



=== TEST 13: Gemini: types in capitals
--- gemini
"generation_config":{"response_mime_type":"application/json","response_schema":{"type":"OBJECT","properties":{"a":{"type":"ARRAY","items":{"type":"INTEGER"}}}}}
--- response_body_like eval
qr/"text":"\{\\"a\\":\[1\]\}"/



=== TEST 14: Gemini: a schema without a type of media
--- gemini: "generationConfig":{"responseJsonSchema":{"type":"object"}}
--- error_code: 400
--- response_body_like: "status":"INVALID_ARGUMENT"



=== TEST 15: OpenAI: the arguments of a tool
--- openai eval
'"tool_choice":"required","tools":[{"type":"function","function":'
. '{"name":"f","parameters":' . $::rich . '}}]'
--- response_body_like eval
qr/"name":"f","arguments":@{[ ::quoted($::value) ]}/



=== TEST 16: Anthropic: the arguments of a tool
--- claude eval
'"tool_choice":{"type":"any"},"tools":[{"name":"f","input_schema":' . $::rich
. '}]'
--- response_body_like eval
qr/"name":"f","input":\Q$::value\E\}/



=== TEST 17: Gemini: the arguments of a tool
--- gemini eval
'"toolConfig":{"functionCallingConfig":{"mode":"ANY"}},"tools":['
. '{"functionDeclarations":[{"name":"f","parametersJsonSchema":' . $::rich
. '}]}]'
--- response_body_like eval
qr/"name":"f","args":\Q$::value\E/



=== TEST 18: Anthropic: a stream says nothing of no arguments
--- claude: "stream":true,"tool_choice":{"type":"any"},"tools":[{"name":"f","input_schema":{"type":"object","properties":{}}}]
--- response_body_like eval
qr/"partial_json":""\} *\}\n\nevent: content_block_stop\n[^\n]+\n\nevent: message_delta\n[^\n]+"tool_use"/



=== TEST 19: OpenAI: no arguments are an empty object
--- openai: "stream":true,"tool_choice":"required","tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{}}}}]
--- response_body_like: "function":\{"arguments":"\{\}"\}



=== TEST 20: Anthropic thinks, first and with a signature
--- claude: "thinking":{"type":"enabled","budget_tokens":1024}
--- response_body_like eval
qr/"content":\[\{"type":"thinking","thinking":"hmm","signature":"c2lnbmF0dXJl"\},\{"type":"text","text":"echo: a [^\n]+"output_tokens":4,"output_tokens_details":\{"thinking_tokens":1\}/



=== TEST 21: Anthropic: thoughts are shown if that is asked for
--- claude: "thinking":{"type":"adaptive"}
--- response_body_like: "thinking":"","signature":"c2ln



=== TEST 22: Anthropic: thoughts in a stream come before a call
--- claude: "stream":true,"thinking":{"type":"adaptive","display":"summarized"},"tools":[{"name":"a","input_schema":{"type":"object"}}]
--- messages: {"role":"user","content":"call a"}
--- response_body_like eval
qr/"index":0,"content_block":\{"type":"thinking"[^\n]+\n\n[^\n]+\n[^\n]+"index":0,"delta":\{"type":"thinking_delta","thinking":"hmm"\} *\}\n\n[^\n]+\n[^\n]+"signature_delta"[^\n]+\n\nevent: content_block_stop\n[^\n]+\n\nevent: content_block_start\n[^\n]+"index":1,"content_block":\{"type":"tool_use","id":"toolu_mock_0","name":"a"/



=== TEST 23: Anthropic: who thinks is not forced to call a tool
--- claude: "thinking":{"type":"adaptive"},"tool_choice":{"type":"any"},"tools":[{"name":"a","input_schema":{"type":"object"}}]
--- error_code: 400
--- response_body_like: Thinking may not be enabled when tool_choice forces



=== TEST 24: DashScope's compatible mode thinks, buffered
--- openai: "enable_thinking":true
--- response_body_like: "reasoning_content":"hmm","content":"echo: a



=== TEST 25: DashScope's compatible mode thinks, streamed
--- openai: "enable_thinking":true,"stream":true
--- response_body_like: \{"role":"assistant","reasoning_content":"hmm","content":""



=== TEST 26: a schema that refers to itself in many places ends, too
--- openai eval
my @names = ('a' .. 'j');

'"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":'
. '{"type":"object","required":[' . join(',', map { "\"$_\"" } @names)
. '],"properties":{' . join(',', map { "\"$_\":{\"\$ref\":\"#\"}" } @names)
. '}}}}'
--- response_body_filters eval
sub { length $_[0] > 1000000 && length $_[0] < 4000000 ? 'bounded' : 'not' }
--- response_body chomp
bounded
