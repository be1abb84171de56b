# The mock's list of models, in the form of the dialect whose headers ask.

use Test::Nginx::Socket 'no_plan';

add_block_preprocessor(sub {
    my $block = shift;

    $block->set_value('config', 'location / { llmbroker_mock; }');
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: OpenAI
--- request
GET /v1/models
--- more_headers
Authorization: Bearer sk
--- response_body_like: ^\{"object":"list","data":\[\{"id":"mock-model",



=== TEST 2: Claude
--- request
GET /v1/models?limit=1000
--- more_headers
x-api-key: sk
anthropic-version: 2023-06-01
--- response_body_like: ^\{"data":\[\{"type":"model","id":"mock-model",.*"has_more":false



=== TEST 3: Claude, no key
--- request
GET /v1/models
--- more_headers
anthropic-version: 2023-06-01
--- error_code: 401
--- response_body_like: "type":"authentication_error"



=== TEST 4: Gemini
--- request
GET /v1beta/models?pageSize=1000
--- more_headers
x-goog-api-key: sk
--- response_body_like: ^\{"models":\[\{"name":"models/mock-model",
