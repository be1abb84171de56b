# A test driver that passes everything would go unnoticed: each block here has
# a wrong expectation and must fail, by the tests that are named and no others.

use strict;
use warnings;

use FindBin;
use Test::More;
use Time::HiRes qw(sleep time);

require "$FindBin::Bin/lib/selftest.pl";

my $config = <<'END';
--- config
    location /t {
        add_header X-A 12;
        return 200 "some text\n";
    }
    location /u {
        return 404 "other text\n";
    }
    location /crit {
        proxy_pass http://unix:/nonexistent/socket;
    }
END

my $request = "--- request\nGET /t\n";

# sections of a block, then what its failing tests are called

my @wrong = (
    ["--- error_code: 201\n$request", 'status code ok'],
    ["--- request\nGET /u\n", 'status code ok'],
    ["--- error_code_like: ^3\n$request", 'status code ok'],
    ["$request--- response_headers\nX-A: 13\n", 'header X-A ok'],
    ["$request--- response_headers\nX-B: 12\n", 'header X-B ok'],
    ["$request--- response_headers\n!X-A\n", 'header X-A is absent'],
    ["$request--- response_headers\n!X-A\nX-A: 13\nX-B:1\n",
     'header X-A ok', 'header X-B ok'],
    ["$request--- response_headers_like\nX-A: 1\n", 'header X-A like ok'],
    ["$request--- response_headers_like\nX-B: .\n", 'header X-B like ok'],
    ["$request--- raw_response_headers_like: X-A: 13\n", 'raw headers like'],
    ["$request--- raw_response_headers_unlike: X-A: 12\n",
     'raw headers unlike'],
    ["$request--- response_body\nsome other text\n", 'response_body'],
    ["$request--- response_body\n", 'response_body'],
    ["$request--- response_body chop\nsome text\n", 'response_body'],
    ["$request--- response_body eval\nqr/^text/\n", 'response_body'],
    ["$request--- response_body eval\nundef\n"],
    ["$request--- response_body_like: ^text\n", 'response_body_like'],
    ["$request--- response_body_unlike: ^some\n", 'response_body_unlike'],
    ["$request--- response_body_filters: uc\n--- response_body\nsome text\n",
     'response_body'],
    ["$request--- response_body_filters: none\n--- response_body\nSOME TEXT\n",
     'unknown filter "none" in "response_body_filters"'],
    ["$request--- error_log\nno such line\n",
     'pattern "no such line" is in error.log'],
    ["$request--- error_log\nhttp process request line\nno such line\n",
     'pattern "no such line" is in error.log'],
    ["$request--- error_log eval\n[qr/no such line/, \"http process\"]\n",
     'is in error.log'],
    ["$request--- no_error_log\nno such line\nhttp process request line\n",
     'pattern "http process request line" is not in error.log'],
    ["$request--- grep_error_log: http process request line\n"
     . "--- grep_error_log_out\n", 'grep_error_log_out'],
    ["$request--- grep_error_log: http process request line\n"
     . "--- grep_error_log_out eval\nqr/other/\n", 'grep_error_log_out'],
    ["$request--- grep_error_log: http process\n",
     '"grep_error_log" without "grep_error_log_out"'],
    ["$request--- grep_error_log_out: http process\n",
     '"grep_error_log_out" without "grep_error_log"'],
    ["$request--- access_log\nGET /u\n", 'pattern "GET /u" is in access.log'],
    ["$request--- no_access_log\nGET /t\n",
     'pattern "GET /t" is not in access.log'],
    ["--- must_die\n", 'die as expected'],
    ["--- must_die: 1\n", 'die with the expected exit code'],
    ["--- main_config\nnot_a_directive;\n--- must_die: 2\n",
     'die with the expected exit code'],
    ["--- main_config\nnot_a_directive;\n--- must_die\n"
     . "--- error_log\nno such line\n",
     'pattern "no such line" is in error.log'],
    ["--- main_config\nnot_a_directive;\n$request",
     'nginx did not start: nginx ended with exit code 1'],
    ["--- request eval\n['GET /t', 'GET /u']\n", 'status code ok'],
    ["--- request eval\n['GET /t', 'GET /u']\n--- error_code: 200\n",
     'several requests are made, so "error_code" must be an array'],
    ["--- request eval\n['GET /t', 'GET /u']\n--- error_code eval\n"
     . "[404, 404]\n", 'status code ok'],
    ["--- pipelined_requests eval\n['GET /t', 'GET /u']\n--- response_body "
     . "eval\n[\"some text\\n\", \"some text\\n\"]\n--- error_code eval\n"
     . "[200, 404]\n", 'response_body'],
    ["--- raw_request eval\n\"GET /u HTTP/1.0\\r\\n\\r\\n\"\n",
     'status code ok'],
    ["--- raw_request eval\n\"GET /t HTTP/1.0\\r\\n\"\n--- timeout: 0.2\n",
     'the response did not end within 0.2 s of silence', 'status code ok'],
    ["--- raw_request eval\n\"GET /t HTTP/1.0\\r\\n\"\n--- timeout: 0.2\n"
     . "--- abort\n", 'status code ok'],
    ["--- request\n", 'bad request line'],
    ["--- request\nGET /t HTTP/1.1 and more\n", 'bad request line'],
    ["", 'no "request" section'],
    ["--- requests\nGET /t\n", 'unknown section "requests"'],
    ["--- request eval\n\"GET /t\n",
     'section "request", filter "eval": Can\'t find string terminator'],
    ["--- request base64\nGET /t\n",
     'section "request", filter "base64": no such filter'],
    ["--- init\ndie 'early';\n$request", 'init: early'],
    ["--- skip_nginx: 2: 1.0\n$request", 'bad "skip_nginx"'],
    ["--- skip_eval: 2\n$request", 'bad "skip_eval"'],
    ["$request--- http_config\n    # \$TEST_NGINX_NOT_SET_ANYWHERE\n",
     'environment variable TEST_NGINX_NOT_SET_ANYWHERE is not set'],
    ["$request--- tcp_listen: \$TEST_NGINX_RAND_PORT_1\n",
     '"tcp_listen" without "tcp_reply"'],
);

my $mock_config = <<'END';
--- config
    location /t {
        proxy_http_version 1.0;
        proxy_set_header Host mock;
        proxy_set_header Connection close;
        proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
END

my $reply = "--- tcp_reply eval\n\"HTTP/1.0 200 OK\\r\\n\\r\\nmock\\n\"\n";
my $query = 'GET /t HTTP/1.0\r\nHost: mock\r\nConnection: close\r\n\r\n';

my @wrong_mock = (
    ["$request$reply--- tcp_query_len: 49\n", 'tcp_query_len ok'],
    ["$request$reply--- tcp_query_len: 51\n", 'status code ok',
     'the response did not end', 'tcp_query_len ok'],
    ["$request$reply--- tcp_query eval\n\"" . $query =~ s/mock/mack/r . "\"\n",
     'tcp_query ok'],
    ["$request$reply--- tcp_query eval\n\"$query.\"\n", 'status code ok',
     'the response did not end', 'tcp_query ok'],
    ["$request$reply--- tcp_query eval\nqr/Host: mack/\n", 'tcp_query ok'],
    ["$request$reply--- response_body\nmack\n", 'response_body'],
    ["$request--- tcp_reply eval\nsub { \"HTTP/1.0 201 OK\\r\\n\\r\\n\" }\n",
     'status code ok'],
    ["$request--- tcp_reply eval\n\"HTTP/1.1 200 OK\\r\\nTransfer-Encoding: "
     . "chunked\\r\\n\\r\\n5\\r\\nhello\\r\\n\"\n",
     'chunked body without a last chunk', 'status code ok'],
    ["$request--- tcp_reply eval\n\"HTTP/1.1 200 OK\\r\\n"
     . "Content-Length: 10\\r\\n\\r\\nhello\"\n--- response_body: hello\n"],
    ["--- request\nGET /other\n--- error_code: 404\n$reply"
     . "--- tcp_query eval\n\"$query\"\n", 'tcp_query ok'],
);


sub check_blocks {
    my ($title, $config, @cases) = @_;
    my $spec = '';

    for my $i (0 .. $#cases) {
        $spec .= "=== CASE $i.\n$config$cases[$i][0]\n\n";
    }

    my $run = selftest_run($spec);

    isnt($run->{exit}, 0, "$title: the run fails");

    for my $i (0 .. $#cases) {
        my ($sections, @want) = @{$cases[$i]};
        my @got = grep { !$_->{ok} && $_->{name} =~ /CASE $i\. - / }
                       @{$run->{tests}};
        my $name = "$title: " . ($want[0] // 'nothing') . " fails, case $i";
        my @missing = grep { my $w = $_;
                             !grep { index($_->{name}, $w) >= 0 } @got } @want;

        ok(@got == @want && !@missing, $name)
            or diag($sections, 'failed were: ',
                    join '', map { "\n    $_->{name}" } @got);
    }

    return $run;
}


my $run = check_blocks('sections', $config, @wrong);

check_blocks('mock', "$mock_config--- timeout: 0.5\n", @wrong_mock);


# what a failure shows

my ($body) = grep { $_->{name} =~ /CASE 11\. - response_body/ }
                  @{$run->{tests}};

like($body->{diag}, qr/the block is at \S+ line \d+/, 'the place is shown');
like($body->{diag}, qr/expected: "some other text\\n"\n#\s+got: "some text\\n"/,
     'expected and got are shown');

my ($start) = grep { $_->{name} =~ /did not start/ } @{$run->{tests}};

like($start->{diag}, qr/error log:\n#.*\[emerg\].*"not_a_directive"/,
     'the error log is shown when nginx does not start');

like(selftest_run("=== A\n$config--- request\nGET /t\n--- response_body eval\n"
                  . "'x' x 100\n")->{output},
     qr/lengths 100 and 10, first difference at byte 0, line 1/,
     'the first difference is shown');


# controls: the same blocks with right expectations

$run = selftest_run("=== A\n$config$request--- response_body\nsome text\n");
is($run->{exit}, 0, 'a right expectation passes');
is(scalar @{$run->{tests}}, 2, 'and is counted');

$run = selftest_run("use Test::Nginx::Socket tests => 3;\nrun_tests();\n"
                    . "__DATA__\n=== A\n$config$request");
isnt($run->{exit}, 0, 'a wrong plan fails');

$run = selftest_run("=== A\n$config$request\n=== B\n--- ONLY\n$config"
                    . "$request--- response_body\nsome text\n\n"
                    . "=== C\n$config$request");
is(scalar @{$run->{tests}}, 2, 'ONLY runs one block');
like($run->{output}, qr/the file has "--- ONLY"/, 'and says so');

$run = selftest_run("=== A\n$config$request--- SKIP\n\n=== B\n$config$request"
                    . "--- LAST\n\n=== C\n$config$request--- error_code: 1\n");
is(scalar @{$run->{tests}}, 1, 'SKIP and LAST');

$run = selftest_run("=== A\n$config$request\n=== B\n$request"
                    . "--- response_body\nsome text\n");
is($run->{exit}, 0, 'a block without config takes that of the one before');

$run = selftest_run("=== A\n--- config: a;\n--- request: GET /\nmore\n");
isnt($run->{exit}, 0, 'a section with an inline value and lines fails');
like($run->{output}, qr/line \d+: section "request" has both/,
     'and is named');


# the logs must be clean when LLMBROKER_STRICT is set

my $crit = "=== A\n$config--- request\nGET /crit\n--- error_code: 502\n";

is(selftest_run($crit)->{exit}, 0, 'a [crit] line alone is no failure');

$run = selftest_run($crit, LLMBROKER_STRICT => 1);
isnt($run->{exit}, 0, 'strict: a [crit] line fails');
like($run->{tests}[-1]{name}, qr/A - the logs are clean$/, 'strict: name');
like($run->{tests}[-1]{diag}, qr{\[crit\].*unix:/nonexistent},
     'strict: the line is shown');

$run = selftest_run("$crit--- error_log\n[crit]\n", LLMBROKER_STRICT => 1);
is($run->{exit}, 0, 'strict: an expected level is no failure');

$run = selftest_run("$crit--- error_log\nconnect() to unix:\n",
                    LLMBROKER_STRICT => 1);
is($run->{exit}, 0, 'strict: an expected line is no failure');

$run = selftest_run("$crit--- error_log\nhttp process\n\n=== B\n$config"
                    . "$request--- error_log\n[crit]\n",
                    LLMBROKER_STRICT => 1);
is(scalar(grep { $_->{name} =~ / A - the logs are clean/ } @{$run->{tests}}),
   1, 'strict: another block\'s expectation does not count');

$run = selftest_run("=== A\n--- config\nnot_a_directive;\n--- must_die\n",
                    LLMBROKER_STRICT => 1);
is($run->{exit}, 0, 'strict: must_die expects [emerg]');


# sanitizers write to standard error, early or late

my $nginx = $ENV{TEST_NGINX_BINARY} || 'nginx';

for my $line ('==7==ERROR: AddressSanitizer: heap-use-after-free on address',
              '==7==ERROR: LeakSanitizer: detected memory leaks',
              'a.c:12:34: runtime error: shift exponent is negative')
{
    my $binary = selftest_dir() . '/binary';

    open my $out, '>', $binary or die;
    print $out "#!/bin/sh\n[ \"\$1\" = -V ] || echo '$line' >&2\n"
               . "exec $nginx \"\$@\"\n";
    close $out;
    chmod 0755, $binary;

    $run = selftest_run("=== A\n$config$request", TEST_NGINX_BINARY => $binary,
                        LLMBROKER_STRICT => 1);
    isnt($run->{exit}, 0, "strict: fails on \"$line\"");
    like($run->{output}, qr/\Q$line\E/, 'and shows it');
}


# a crash fails in any mode

my $kill = <<'END';
--- init
open my $in, '<', server_root() . '/logs/nginx.pid' or die $!;
my ($pid) = <$in> =~ /(\d+)/;
END

$run = selftest_run("=== A\n$config$request${kill}kill 'KILL', \$pid;\n"
                    . "--- ignore_response\n");
isnt($run->{exit}, 0, 'a crash of nginx fails');
like($run->{output}, qr/nginx was ended by signal 9/, 'and is named');

$run = selftest_run("=== A\n$config$request${kill}kill 'STOP', \$pid;\n"
                    . "--- timeout: 0.1\n--- abort\n--- ignore_response\n",
                    LLMBROKER_STRICT => 1);
isnt($run->{exit}, 0, 'strict: an nginx that does not end fails');
like($run->{output}, qr/nginx did not end and was killed/, 'and is named');


# LD_PRELOAD is for nginx only

my $preload = "=== A\n--- config\n    location /t { return 200 ok; }\n"
              . "--- request\nGET /t\n--- init\nopen my \$in, '<', "
              . "server_root() . '/logs/stderr.log' or die; "
              . "print \"# \$_\" while <\$in>;\n";

$run = selftest_run($preload, LLMBROKER_PRELOAD => '/nonexistent/preload.so');
like($run->{output}, qr{^# ERROR: ld.so: object '/nonexistent/preload.so'}m,
     'LLMBROKER_PRELOAD reaches nginx');
unlike($run->{output}, qr{^ERROR: ld.so}m, 'and not perl');


# an interrupted run leaves no process behind

for my $signal (qw(INT TERM)) {
    my $root = selftest_dir() . '/root';
    my ($pid, $out) = selftest_start("=== A\n$mock_config$reply--- tcp_no_close"
        . "\n--- timeout: 20\n--- init\nprint \"# ready\\n\";\n$request"
        . "--- tcp_query_len: 1000\n");
    my $line = <$out>;

    like($line, qr/ready/, "SIG$signal: the block runs");

    open my $in, '<', "$root/logs/nginx.pid" or die "no pid file: $!\n";
    my ($nginx_pid) = <$in> =~ /(\d+)/;

    ok(kill(0, $nginx_pid), "SIG$signal: nginx runs");

    sleep 0.2;
    kill $signal, $pid;

    # ends when no process holds the pipe any more, the mock included
    my $begin = time;
    my @rest = <$out>;

    close $out;
    isnt($?, 0, "SIG$signal: the run fails");
    cmp_ok(time - $begin, '<', 10, "SIG$signal: the mock is gone");
    ok(!kill(0, $nginx_pid), "SIG$signal: nginx is gone");
}


# a directory of others is not emptied

my $alien = selftest_dir() . '/alien';

mkdir $alien;
open my $file, '>', "$alien/precious" or die;
close $file;

$run = selftest_run("=== A\n$config$request", TEST_NGINX_SERVROOT => $alien);
isnt($run->{exit}, 0, 'a server root with files of others is refused');
ok(-e "$alien/precious", 'and left as it is');


done_testing();
