# The mock provider's embeddings follow from the text alone, as floats and in
# base64.

use Test::Nginx::Socket 'no_plan';

add_block_preprocessor(sub {
    my $block = shift;

    my $more = $block->more || '';

    $block->set_value('config', 'location / { llmbroker_mock; }');
    $block->set_value('more_headers', 'Authorization: Bearer k');
    $block->set_value('request', "POST /v1/embeddings\n"
        . '{"model":"m","input":' . $block->input . "$more}")
        if defined $block->input;

    if (defined $block->refused) {
        $block->set_value('error_code', 400);
        $block->set_value('response_body_like', $block->refused);
    }
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: eight numbers unless more are asked for
--- input: "hello you"
--- response_body_like: ^\{"object":"list","data":\[\{"object":"embedding","index":0,"embedding":\[(-?[01]\.\d{6},){7}-?[01]\.\d{6}\]\}\],"model":"m","usage":\{"prompt_tokens":2,"total_tokens":2\}\}$



=== TEST 2: as many as are asked for, one vector for each text
--- input: ["a","b"]
--- more: ,"dimensions":3
--- response_body_like: "index":0,"embedding":\[[^,]+,[^,]+,[^,]+\]\},\{"object":"embedding","index":1,"embedding":\[[^,]+,[^,]+,[^,]+\]\}\]



=== TEST 3: the same text, the same vector, escaped or not
--- input: ["\u0061","b","a"]
--- response_body_like: "index":0,"embedding":(\[[^]]+\])\},.*"index":1,"embedding":(?!\1).*"index":2,"embedding":\1\}



=== TEST 4: base64 is little-endian floats of the same values
--- input: ["a"]
--- more: ,"encoding_format":"base64"
--- response_body_filters eval
[sub {
    my ($text) = $_[0] =~ /"embedding":"([^"]+)"/ or return $_[0];

    require MIME::Base64;

    my @v = unpack 'f<*', MIME::Base64::decode_base64($text);
    my $whole = grep { $_ * 64 == int($_ * 64) && abs $_ <= 1 } @v;

    return scalar(@v) . " $whole";
}]
--- response_body chomp
8 8



=== TEST 5: token numbers are one text
--- input: [1,2,3]
--- response_body_like: "index":0,[^]]+\]\}\],"model":"m","usage":\{"prompt_tokens":3,



=== TEST 6: arrays of them are several
--- input: [[1],[2]]
--- response_body_like: "index":1,



=== TEST 7: an empty text
--- input: ""
--- refused: "param":"input"



=== TEST 8: no texts
--- input: []
--- refused: "param":"input"



=== TEST 9: an empty one among others
--- input: ["a",""]
--- refused: "param":"input"



=== TEST 10: something else
--- input: {}
--- refused: "param":"input"



=== TEST 11: no dimensions
--- input: "a"
--- more: ,"dimensions":0
--- refused: "param":"dimensions"



=== TEST 12: too many dimensions
--- input: "a"
--- more: ,"dimensions":1048577
--- refused: "param":"dimensions"



=== TEST 13: an unknown format
--- input: "a"
--- more: ,"encoding_format":"hex"
--- refused: "param":"encoding_format"



=== TEST 14: Gemini: a batch of texts
--- request
POST /v1beta/models/m:batchEmbedContents
{"requests":[{"model":"models/m","content":{"parts":[{"text":"a b"}]},"outputDimensionality":2},{"model":"models/m","content":{"parts":[{"text":"c"}]},"output_dimensionality":2}]}
--- response_body_like: ^\{"embeddings":\[\{"values":\[[-.0-9]+,[-.0-9]+\]\},\{"values":\[[-.0-9]+,[-.0-9]+\]\}\],"usageMetadata":\{"promptTokenCount":3\}\}$



=== TEST 15: Gemini: nothing to embed
--- request
POST /v1beta/models/m:batchEmbedContents
{"requests":[]}
--- error_code: 400
--- response_body_like: requests must not be empty



=== TEST 16: Gemini: a request without a text
--- request
POST /v1beta/models/m:batchEmbedContents
{"requests":[{"model":"models/m","content":{"parts":[]}}]}
--- error_code: 400
--- response_body_like: needs a model and one text
