# What YAML the configuration may be written in: one document, no aliases, no
# tags, each key once (design 2.4, 2.9).

use Test::Nginx::Socket 'no_plan';

add_block_preprocessor(sub {
    my $block = shift;

    if (!defined $block->http_config) {
        $block->set_value('http_config',
                          'llmbroker_config ../html/llmbroker.yaml;');
    }

    if (!defined $block->config) {
        $block->set_value('config', "location / { llmbroker; }");
    }
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: a key twice
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    provider: claude
--- must_die
--- error_log
duplicate key models.m.provider in
llmbroker.yaml:4



=== TEST 2: a key twice, once escaped
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai,
    "prov\u0069der": claude}
--- must_die
--- error_log
duplicate key models.m.provider in
llmbroker.yaml:3



=== TEST 3: a model twice
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, base_url: http://127.0.0.1:1/v1}
  m: {provider: openai, base_url: http://127.0.0.1:1/v1}
--- must_die
--- error_log
duplicate key models.m in
llmbroker.yaml:3



=== TEST 4: a section twice
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, base_url: http://127.0.0.1:1/v1}
proxy: {}
proxy: {}
--- must_die
--- error_log
duplicate key proxy in
llmbroker.yaml:4



=== TEST 5: a parameter twice
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    default_params:
      a: 1
      a: 2
--- must_die
--- error_log
duplicate key models.m.default_params.a in
llmbroker.yaml:6



=== TEST 6: an anchor
--- user_files
>>> llmbroker.yaml
models:
  m: &m
    provider: openai
--- must_die
--- error_log
anchors are not supported in
llmbroker.yaml:2



=== TEST 7: an alias
--- user_files
>>> llmbroker.yaml
models:
  m: *m
--- must_die
--- error_log
aliases are not supported in
llmbroker.yaml:2



=== TEST 8: a merge key
--- user_files
>>> llmbroker.yaml
models:
  m:
    <<: {provider: openai}
--- must_die
--- error_log
merge keys are not supported in
llmbroker.yaml:3



=== TEST 9: a tag
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: !!str openai}
--- must_die
--- error_log
tags are not supported in
llmbroker.yaml:2



=== TEST 10: two documents
--- user_files
>>> llmbroker.yaml
models:
  m: {provider: openai, base_url: http://127.0.0.1:1/v1}
---
proxy: {}
--- must_die
--- error_log
several documents are not supported in
llmbroker.yaml:3



=== TEST 11: a file of comments
--- user_files
>>> llmbroker.yaml
# nothing

# at all
--- must_die
--- error_log
the file is empty in



=== TEST 12: a document of nothing
--- user_files
>>> llmbroker.yaml
---
--- must_die
--- error_log
the file is empty in



=== TEST 13: a list
--- user_files
>>> llmbroker.yaml
- models
--- must_die
--- error_log
invalid value for the file, expected a mapping in
llmbroker.yaml:1



=== TEST 14: a secret alone is not told
--- user_files
>>> llmbroker.yaml
sk-very-secret
--- must_die
--- error_log
invalid value for the file, expected a mapping in
--- no_error_log
very-secret



=== TEST 15: a key that is a list
--- user_files
>>> llmbroker.yaml
? [models]
: {}
--- must_die
--- error_log
a key must be a scalar in
llmbroker.yaml:1



=== TEST 16: a tab
--- user_files
>>> llmbroker.yaml
models:
	m: {}
--- must_die
--- error_log
found character that cannot start any token in
llmbroker.yaml:2



=== TEST 17: an end that is missing
--- user_files
>>> llmbroker.yaml
models: {m: {provider: openai}
--- must_die
--- error_log
did not find expected
llmbroker.yaml:2



=== TEST 18: 33 levels
--- user_files
>>> llmbroker.yaml
models:
  m:
    provider: openai
    default_params:
      a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]
--- must_die
--- error_log
too many nested levels in
llmbroker.yaml:5



=== TEST 19: no file, and so nothing that can be read again
--- http_config
llmbroker_config /dev/null;
--- must_die
--- error_log
"/dev/null" is not a regular file in
