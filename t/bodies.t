# Bodies of every size, in memory, in a file and in pieces: the same bytes reach
# the provider, and the same bytes come back (design 2.5, invariant 4).

use Test::Nginx::Socket 'no_plan';

# borders: short slices of a file are read, a file is scanned in pieces of
# 64 KB, an answer begins in a buffer of 16 KB that also has its header

our @short = (0, 1, 1000 .. 1030);
our @long = (65440 .. 65470, 130976 .. 131006);
our @answers = (1, 1000, map { ($_ * 97) } 150 .. 182, 1000, 10_000);

our $yaml = "models:\n" . join '', map {
    my ($alias, $provider, $path) = @$_;
    "  $alias:\n"
    . "    provider: $provider\n"
    . "    model_name: real\n"
    . "    api_key: sk-test\n"
    . "    base_url: http://127.0.0.1:\$TEST_NGINX_RAND_PORT_1/$path\n"
    . ($alias eq 'gpt' ? "    default_params: {temperature: 0.70}\n" : '')
} ['gpt', 'openai', 'echo/v1'],
  ['claude', 'claude', 'anthropic'],
  ['qwen', 'qwen', 'dashscope/api/v1'],
  map { my $n = $_;
        (["gpt-$n", 'openai', "sized/$n"],
         ["gpt-chunked-$n", 'openai', "chunked/$n"],
         ["claude-$n", 'claude', "sized/$n/v1"],
         ["claude-chunked-$n", 'claude', "chunked/$n/v1"]) } @answers;

our $http = <<'_EOC_';
    llmbroker_config ../html/llmbroker.yaml;
    log_format body escape=none '$request_body';

    server {
        listen 127.0.0.1:$TEST_NGINX_RAND_PORT_1;
        client_max_body_size 64m;

        location / { llmbroker_mock echo_request=1; }

        location /sized/ {
            default_type application/json;
            error_page 405 =200 $uri;
        }

        location /chunked/ {
            alias html/sized/;
            default_type application/json;
            error_page 405 =200 $uri;
            sub_filter_types *;
            sub_filter "@" "";
        }
    }
_EOC_

our $config = <<'_EOC_';
    location /memory/ { llmbroker; client_body_buffer_size 1m; }
    location /file/   { llmbroker; client_body_buffer_size 4k; }
    location /send/   { llmbroker; client_body_buffer_size 4k; sendfile on; }
    location /always/ { llmbroker; client_body_in_file_only clean; }
    location /read/   { mirror /nothing; llmbroker;
                        client_body_buffer_size 4k; }
    location /early/  { llmbroker; llmbroker_early_read on;
                        client_body_buffer_size 4k; }
    location /nothing { internal; return 204; }
    location /logged/ { llmbroker; client_body_buffer_size 1m;
                        access_log logs/access.log body; }
_EOC_

our @places = qw(memory file send always read early);

# text that tells where it was cut

our $text = join '', map { sprintf "%x.", $_ * 7919 } 0 .. 200_000;

sub fill { substr $text, 0, $_[0] }

# a member before the model, the prompt, a member behind it: their lengths

sub body {
    my ($model, $before, $prompt, $behind) = @_;

    return '{"a":"' . fill($before) . '","model":"' . $model
           . '","messages":[{"role":"user","content":"' . fill($prompt)
           . '"}],"c":"' . fill($behind) . '"}';
}

sub edited {
    my $body = body('real', @_);
    $body =~ s/\}\z/,"temperature":0.70}/;
    return $body;
}

sub post { my ($place, $body) = @_; "POST /$place/chat/completions\n$body" }

# what the provider says that it was sent

sub sent {
    my ($answer) = @_;
    my $i = index $answer, '\n{';
    my $n = rindex($answer, '}"') + 1;
    my $sent = substr $answer, $i + 2, $n - $i - 2;

    $sent =~ s/\\(.)/$1/g;

    return $sent;
}

# ... as the dialects tell it, without the members that they do not know

sub claude {
    return '{"model":"real","max_tokens":4096,"messages":[{"role":"user",'
           . '"content":"' . fill($_[0]) . '"}]}';
}

sub qwen {
    return '{"model":"real","input":{"messages":[{"role":"user","content":"'
           . fill($_[0]) . '"}]},"parameters":{"result_format":"message"}}';
}

our @shapes = (
    (map { [$_, 3000, 0], [0, 3000, $_] } grep { $_ % 5 < 3 } @short),
    (map { [0, $_, 0] } grep { $_ % 3 == 0 } @long),
    [0, 900_000, 0], [2000, 300_000, 2000]
);

sub cut {
    my ($text, @at) = @_;
    my ($from, @pieces) = 0;

    for (@at, length $text) {
        push @pieces, substr $text, $from, $_ - $from;
        $from = $_;
    }

    return \@pieces;
}

# answers

sub openai_answer {
    return '{"id":"c","object":"chat.completion","created":1,"model":"real",'
           . '"choices":[{"index":0,"message":{"role":"assistant","content":"'
           . fill($_[0]) . '"},"finish_reason":"stop"}],'
           . '"usage":{"prompt_tokens":1,"completion_tokens":2,'
           . '"total_tokens":3}}';
}

sub claude_answer {
    return '{"id":"m","type":"message","role":"assistant","model":"real",'
           . '"content":[{"type":"text","text":"' . fill($_[0]) . '"}],'
           . '"stop_reason":"end_turn","stop_sequence":null,'
           . '"usage":{"input_tokens":1,"output_tokens":2}}';
}

our @files = (
    ['llmbroker.yaml' => $yaml],
    map { ["sized/$_/chat/completions" => openai_answer($_)],
          ["sized/$_/v1/messages" => claude_answer($_)] } @answers
);

sub ask {
    return map { qq({"model":"$_[0]-$_","messages":[{"role":"user",)
                 . '"content":"hi"}]}' } @answers;
}

sub content { $_[0] =~ /"content":"([^"]*)"/ ? $1 : $_[0] }

sub chunked {
    my ($place, $body) = @_;
    my @pieces = map { sprintf "%x\r\n%s\r\n", length, $_ }
                     @{cut($body, 20, 3000, 70_000)};

    $pieces[0] = "POST /$place/chat/completions HTTP/1.1\r\nHost: a\r\n"
                 . "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                 . $pieces[0];

    return [@pieces, "0\r\n\r\n"];
}

add_block_preprocessor(sub {
    my $block = shift;

    $block->set_value('http_config', $http);
    $block->set_value('user_files', \@files);
    $block->set_value('config', $config);
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: one dialect, in memory
--- request eval
[map { main::post('memory', main::body('gpt', @$_)) } @::shapes]
--- response_body_filters eval
\&main::sent
--- response_body eval
[map { main::edited(@$_) } @::shapes]



=== TEST 2: one dialect, in a file
--- request eval
[map { main::post('file', main::body('gpt', @$_)) } @::shapes]
--- response_body_filters eval
\&main::sent
--- response_body eval
[map { main::edited(@$_) } @::shapes]



=== TEST 3: one dialect, in a file that is sent by the kernel
--- request eval
[map { main::post('send', main::body('gpt', @$_)) } @::shapes]
--- response_body_filters eval
\&main::sent
--- response_body eval
[map { main::edited(@$_) } @::shapes]



=== TEST 4: one dialect, always in a file
--- request eval
[map { main::post('always', main::body('gpt', @$_)) } @::shapes]
--- response_body_filters eval
\&main::sent
--- response_body eval
[map { main::edited(@$_) } @::shapes]



=== TEST 5: one dialect, read by another module
--- request eval
[map { main::post('read', main::body('gpt', @$_)) } @::shapes]
--- response_body_filters eval
\&main::sent
--- response_body eval
[map { main::edited(@$_) } @::shapes]



=== TEST 6: one dialect, in pieces
--- request eval
[map { main::cut(main::post($_, main::body('gpt', 700, 90_000, 700)),
                 50, 500, 1000, 1500, 20_000, 66_000, 91_000) }
     @::places]
--- raw_request_middle_delay: 0.01
--- response_body_filters eval
\&main::sent
--- response_body eval
[map { main::edited(700, 90_000, 700) } @::places]



=== TEST 7: translated for Claude, however it comes
--- request eval
[map { my $p = main::post($_, main::body('claude', 0, 90_000, 0));
       ($p, main::cut($p, 36), main::cut($p, 37), main::cut($p, 38, 60_000),
        main::cut($p, 2000, 4000, 6000, 50_000), main::cut($p, length($p) - 1)) }
     @::places]
--- raw_request_middle_delay: 0.01
--- response_body_filters eval
\&main::sent
--- response_body eval
[(main::claude(90_000)) x (6 * @::places)]



=== TEST 8: translated for Qwen
--- request eval
[map { my $p = main::post($_, main::body('qwen', 100, 900_000, 100));
       ($p, main::cut($p, 38, 5000, 300_000)) } @::places]
--- raw_request_middle_delay: 0.01
--- response_body_filters eval
\&main::sent
--- response_body eval
[(main::qwen(900_000)) x (2 * @::places)]



=== TEST 9: in chunks, in memory
--- raw_request eval
main::chunked('memory', main::body('claude', 0, 90_000, 0))
--- raw_request_middle_delay: 0.01
--- response_body_filters eval
\&main::sent
--- response_body eval
main::claude(90_000)



=== TEST 10: in chunks, in a file
--- raw_request eval
main::chunked('always', main::body('claude', 0, 90_000, 0))
--- raw_request_middle_delay: 0.01
--- response_body_filters eval
\&main::sent
--- response_body eval
main::claude(90_000)



=== TEST 11: $request_body is the client's, also when it was joined
--- request eval
[main::cut(main::post('logged', main::body('claude', 0, 50_000, 0)), 2000)]
--- raw_request_middle_delay: 0.01
--- response_body_filters eval
\&main::sent
--- response_body eval
main::claude(50_000)
--- access_log eval
main::body('claude', 0, 50_000, 0)



=== TEST 12: a second request behind one that was joined
--- pipelined_requests eval
[(main::post('memory', main::body('claude', 0, 9_000, 0))) x 3]
--- response_body_filters eval
\&main::sent
--- response_body eval
[(main::claude(9_000)) x 3]



=== TEST 13: a long body is not valid
--- request eval
[map { my $p = main::post($_, main::body('gpt', 0, 90_000, 0));
       ($p . ' x', main::cut($p . ' x', 40_000, 80_000),
        main::cut(substr($p, 0, -1), 60_000)) } @::places]
--- raw_request_middle_delay: 0.01
--- error_code eval
[(400) x (3 * @::places)]
--- response_body_filters eval
sub { $_[0] =~ /at byte (\d+)/ ? $1 : $_[0] }
--- response_body eval
[map { my $n = length main::body('gpt', 0, 90_000, 0);
       ($n + 1, $n + 1, $n - 1) } @::places]



=== TEST 14: a long body has a member twice
--- request eval
[map { main::post($_, '{"seed":1,"model":"gpt","messages":[],"x":"'
                      . main::fill(90_000) . '","seed":2}') } @::places]
--- error_code eval
[(400) x @::places]
--- response_body_like eval
[('duplicate member at byte 90045.*"code":"invalid_json"') x @::places]



=== TEST 15: answers of one dialect
--- request eval
[map { main::post('memory', $_) } main::ask('gpt')]
--- response_body eval
[map { main::openai_answer($_) } @::answers]



=== TEST 16: ... in chunks
--- request eval
[map { main::post('memory', $_) } main::ask('gpt-chunked')]
--- response_body eval
[map { main::openai_answer($_) } @::answers]



=== TEST 17: answers that are translated
--- request eval
[map { main::post('memory', $_) } main::ask('claude')]
--- response_body_filters eval
\&main::content
--- response_body eval
[map { main::fill($_) } @::answers]



=== TEST 18: ... in chunks
--- request eval
[map { main::post('memory', $_) } main::ask('claude-chunked')]
--- response_body_filters eval
\&main::content
--- response_body eval
[map { main::fill($_) } @::answers]
