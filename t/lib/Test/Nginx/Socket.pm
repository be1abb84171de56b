package Test::Nginx::Socket;

# A driver for declarative tests of nginx, compatible with the parts of
# openresty's Test::Nginx::Socket that the tests here use.  It needs nothing
# beyond perl itself.  `make test` prefers the original where it is installed.
#
# Its own environment variables, besides the TEST_NGINX_* of the original:
#
#   LLMBROKER_STRICT=1    an alert in the error log, a sanitizer's report or a
#                         bad end of nginx fails the block
#   LLMBROKER_PRELOAD     LD_PRELOAD of nginx, and of nothing else

use strict;
use warnings;

use Exporter ();
use File::Path qw(remove_tree);
use File::Spec;
use List::Util qw(shuffle);
use POSIX ();
use Scalar::Util qw(openhandle);
use Test::More;
use Time::HiRes qw(sleep);

use Test::Nginx::Checks;
use Test::Nginx::Client;
use Test::Nginx::Curl;
use Test::Nginx::Leak;
use Test::Nginx::Mock;
use Test::Nginx::Request;
use Test::Nginx::Response;
use Test::Nginx::Server;
use Test::Nginx::Spec;
use Test::Nginx::Vars;

our @ISA = qw(Exporter);
our @EXPORT = (
    @Test::More::EXPORT,
    qw(run_tests blocks repeat_each no_shuffle no_long_string no_diff
       no_root_location log_level workers worker_connections master_on
       master_off master_process_enabled use_hup env_to_nginx config_preamble
       add_block_preprocessor add_cleanup_handler add_test_cleanup_handler
       add_response_body_check check_accum_error_log bail_out is_str
       server_addr server_name server_port server_port_for_client server_root
       html_dir timeout),
);

my @sections = qw(
    config http_config main_config post_main_config user_files server_name init
    request pipelined_requests more_headers raw_request
    raw_request_middle_delay timeout abort shutdown ignore_response wait
    error_code error_code_like response_headers response_headers_like
    raw_response_headers_like raw_response_headers_unlike response_body
    response_body_like response_body_unlike response_body_filters
    error_log no_error_log grep_error_log grep_error_log_out access_log
    no_access_log log_level must_die suppress_stderr reload_fails
    tcp_listen tcp_reply tcp_reply_delay tcp_query tcp_query_len tcp_no_close
    tcp_shutdown
    ONLY SKIP LAST skip_nginx skip_eval no_check_leak http2
);

my %known = map { $_ => 1 } @sections;

my %set = _settings();
my $tb = Test::More->builder;
my $server = Test::Nginx::Server->new(\%set);

my ($spec, $mock, $prev_config, $finished, @preprocessors, @cleanups,
    @test_cleanups);
my ($repeat, $shuffle, $timeout) = (1, 1, $ENV{TEST_NGINX_TIMEOUT} || 3);

$shuffle = 0 if $ENV{TEST_NGINX_NO_SHUFFLE};


sub _settings {
    my $valgrind = $ENV{TEST_NGINX_USE_VALGRIND};
    my $port = $ENV{TEST_NGINX_SERVER_PORT} || $ENV{TEST_NGINX_PORT} || 1984;
    my $client_port = $ENV{TEST_NGINX_CLIENT_PORT} || $port;
    my $root = $ENV{TEST_NGINX_SERVROOT} || 't/servroot';

    if ($ENV{TEST_NGINX_RANDOMIZE}) {
        $port = $client_port = Test::Nginx::Vars::free_port({});
        $root = "${root}_$port";
    }

    $root = $ENV{TEST_NGINX_SERVER_ROOT} = File::Spec->rel2abs($root);
    $ENV{TEST_NGINX_SERVER_PORT} = $port;

    my @preload = grep { defined && $_ ne '' }
        @ENV{qw(LLMBROKER_PRELOAD TEST_NGINX_LD_PRELOAD LD_PRELOAD)};

    return (
        root               => $root,
        addr               => '127.0.0.1',
        server_port        => $port,
        client_port        => $client_port,
        server_name        => 'localhost',
        binary             => $ENV{TEST_NGINX_BINARY} || 'nginx',
        modules            => [split ' ', $ENV{TEST_NGINX_LOAD_MODULES} // ''],
        preload            => @preload ? join(' ', @preload) : undef,
        env                => [],
        preamble           => '',
        workers            => 1,
        worker_connections => 64,
        master             => $ENV{TEST_NGINX_MASTER_PROCESS} || 'off',
        user               => $ENV{TEST_NGINX_WORKER_USER},
        log_level          => $ENV{TEST_NGINX_LOG_LEVEL} || 'debug',
        event_type         => $ENV{TEST_NGINX_EVENT_TYPE},
        postpone_output    => $ENV{TEST_NGINX_POSTPONE_OUTPUT},
        all_logs           => $ENV{TEST_NGINX_ERROR_LOG},
        use_hup            => $ENV{TEST_NGINX_USE_HUP},
        valgrind           => $valgrind,
        check_leak         => $ENV{TEST_NGINX_CHECK_LEAK},
        fast_shutdown      => $ENV{TEST_NGINX_FAST_SHUTDOWN},
        strict             => $ENV{LLMBROKER_STRICT},
        start_timeout      => $valgrind ? 90 : 30,
        stop_timeout       => $valgrind ? 30 : 3,
    );
}


sub import {
    my ($class, @plan) = @_;

    strict->import;
    warnings->import;

    Test::More::plan(@plan) if @plan;

    $class->export_to_level(1, $class);
}


# The functions that a test file calls before run_tests().

sub no_shuffle ()        { $shuffle = 0 }
sub no_long_string ()    { }
sub no_diff ()           { }
sub no_root_location ()  { $set{no_root_location} = 1 }
sub master_on ()         { $set{master} = 'on' }
sub master_off ()        { $set{master} = 'off' }
sub use_hup ()           { $set{use_hup} = 1 }
sub config_preamble ($)  { $set{preamble} = $_[0] }
sub server_root ()       { return $set{root} }
sub html_dir ()          { return "$set{root}/html" }

sub add_block_preprocessor (&)   { unshift @preprocessors, $_[0] }
sub add_cleanup_handler ($)      { unshift @cleanups, $_[0] }
sub add_test_cleanup_handler ($) { unshift @test_cleanups, $_[0] }
sub add_response_body_check ($)  { push @Test::Nginx::Checks::body_checks,
                                        $_[0] }
sub check_accum_error_log ()     { $Test::Nginx::Checks::check_accumulated
                                       = 1 }

sub repeat_each (@)            { return _get_set(\$repeat, @_) }
sub timeout (@)                { return _get_set(\$timeout, @_) }
sub log_level (@)              { return _get_set(\$set{log_level}, @_) }
sub workers (@)                { return _get_set(\$set{workers}, @_) }
sub server_addr (@)            { return _get_set(\$set{addr}, @_) }
sub server_name (@)            { return _get_set(\$set{server_name}, @_) }
sub server_port (@)            { return _get_set(\$set{server_port}, @_) }
sub server_port_for_client (@) { return _get_set(\$set{client_port}, @_) }
sub worker_connections (@)     { return _get_set(\$set{worker_connections},
                                                 @_) }


sub master_process_enabled (@) {
    my @on = map { $_ ? 'on' : 'off' } @_;

    return _get_set(\$set{master}, @on);
}


sub _get_set {
    my ($place, @value) = @_;

    $$place = $value[0] if @value;

    return $$place;
}


sub env_to_nginx (@) {
    my @list = @_;

    for my $value (@list) {
        die "env_to_nginx: bad value \"$value\"\n"
            if $value !~ /^[A-Za-z_]/ || $value =~ /\n/;
    }

    push @{$set{env}}, @list;
}


sub is_str (@) {
    my ($got, $want, $name) = @_;

    return ref $want eq 'Regexp' ? Test::More::like($got, $want, $name)
                                 : Test::More::is($got, $want, $name);
}


sub bail_out (@) {
    my (@why) = @_;

    _end();
    $tb->BAIL_OUT(join '', @why);
}


# In scalar context, the number of blocks, for the plan.

sub blocks () {
    my @blocks = @{_spec()->{blocks}};

    return wantarray ? @blocks : scalar @blocks;
}


sub _spec {
    if (!$spec) {
        my $handle = openhandle($main::{DATA});
        my $text = $handle ? do { local $/; <$handle> } : '';

        $spec = Test::Nginx::Spec->parse($text // '', file => $0,
                                         line => _data_line());
    }

    return $spec;
}


# Failures name the line where a block begins.

sub _data_line {
    open my $in, '<', $0 or return 1;

    while (my $line = <$in>) {
        return $. + 1 if $line =~ /^__(?:DATA|END)__\r?$/;
    }

    return 1;
}


sub run_tests () {
    my @blocks = blocks();

    $tb->diag('Only one block is run: the file has "--- ONLY".')
        if _spec()->{only};

    # an interrupted run goes through END, where nginx is ended
    for my $signal (qw(INT TERM HUP)) {
        $SIG{$signal} //= sub { exit 130 };
    }

    # nobody reads the results any more
    $SIG{PIPE} //= sub { _end(); POSIX::_exit(141) };

    $_->_run_filters for @blocks;

    for my $block ($shuffle ? shuffle(@blocks) : @blocks) {
        $_->($block) for @preprocessors;

        $block->set_value('name', "$0 " . $block->name);

        eval { _run_block($block); 1 } or _block_failed($block, $@);

        _end_mock();
        $_->($block) for @test_cleanups;
    }

    _stop_server() if !$ENV{TEST_NGINX_NO_CLEAN};
    $finished = 1;
}


sub _block_failed {
    my ($block, $why) = @_;

    my ($what, @detail) = split /\n/, $why;

    Test::Nginx::Checks::fail($block, $what, @detail);
}


sub _run_block {
    my ($block) = @_;

    die $block->_error . "\n" if defined $block->_error;

    _check_sections($block);

    my $skip = _skip_count($block);

    if (defined $skip) {
        $tb->skip($block->name . " - $skip->[1]")
            for 1 .. $skip->[0] * $repeat;
        return;
    }

    return if $set{check_leak} && _exempt_from_leak_check($block);

    my $vars = Test::Nginx::Vars->new($set{server_port});
    my $run = {
        block       => $block,
        server      => $server,
        vars        => $vars,
        server_port => $set{server_port},
        client_port => $set{client_port},
        repeat      => 0,
    };

    return _run_must_die($run) if defined $block->must_die;

    _bring_up($block, $vars);
    _run_init($block);

    $server->error_log->rewind;

    for my $i (0 .. $repeat - 1) {
        $run->{repeat} = $i;
        $server->write_user_files($block, $vars) if $i > 0;
        _run_once($run);
    }
}


# A misspelt section would make a test that checks nothing.

sub _check_sections {
    my ($block) = @_;

    return if @preprocessors;

    my @unknown = sort grep { !$known{$_} } $block->_sections;

    die "unknown section \"$unknown[0]\"\n" if @unknown;
}


sub _exempt_from_leak_check {
    my ($block) = @_;

    return defined $block->no_check_leak || defined $block->reload_fails
           || defined $block->http2 || defined $block->must_die;
}


# Returns [count, reason] when the block is to be skipped.

sub _skip_count {
    my ($block) = @_;
    my $eval = $block->skip_eval;
    my $nginx = $block->skip_nginx;

    if (defined $eval) {
        my ($count, $code) = $eval =~ /^\s*(\d+)\s*:\s*(.*)/s
            or die "bad \"skip_eval\"\n";
        my $skip = Test::Nginx::Spec::Scratch::evaluate($code);

        die "\"skip_eval\": $@" if $@;

        return [$count, 'skip_eval'] if $skip;
    }

    if (defined $nginx) {
        my ($count, $op, $version, $why)
            = $nginx =~ /^\s*(\d+)\s*:\s*([<>]=?)\s*(\d+\.\d+\.\d+)
                         (?:\s*:\s*(.*?))?\s*$/x
            or die "bad \"skip_nginx\"\n";

        return [$count, $why // "nginx version $op $version"]
            if _compare($server->nginx_version, $op,
                        Test::Nginx::Server::version_number($version));
    }

    return undef;
}


sub _compare {
    my ($left, $op, $right) = @_;

    return $op eq '<'  ? $left < $right
         : $op eq '<=' ? $left <= $right
         : $op eq '>'  ? $left > $right
         :               $left >= $right;
}


sub _prepare_root {
    my ($block, $vars, %clean) = @_;
    my $config = $vars->expand($block->config) // $prev_config
                 // die "no \"config\", in this block or an earlier one\n";

    $server->clean(%clean);
    $server->write_user_files($block, $vars);
    $server->write_conf($block, $config, $vars);
    $prev_config = $config;
}


# A block without "config" is served by the nginx of the block before.

sub _bring_up {
    my ($block, $vars) = @_;

    if (!defined $block->config && $server->running) {
        $server->used_by($block);
        return;
    }

    $server->new_generation;

    if ($set{use_hup} && $server->running) {
        _check_logs();
        _prepare_root($block, $vars, keep_pid => 1);
        $server->reload($block, \&_ask_version);
        $server->used_by($block);
        return;
    }

    _stop_server();
    _prepare_root($block, $vars);

    my $status = $server->start;

    $server->used_by($block);

    return if !defined $status;

    die join '', 'nginx did not start: ',
        Test::Nginx::Server::describe_status($status), "\n",
        "standard error:\n", $server->stderr_text,
        "last lines of the error log:\n", $server->error_log_tail;
}


sub _ask_version {
    my $packets = [{ value => "GET /ver HTTP/1.0\r\n"
                              . "Host: Test-Nginx\r\n\r\n" }];
    my $got = Test::Nginx::Client::exchange($packets, addr => $set{addr},
        port => $set{server_port}, timeout => 1);

    return Test::Nginx::Response->parse($got->{raw})->content;
}


sub _run_must_die {
    my ($run) = @_;
    my $block = $run->{block};

    local @set{qw(valgrind use_hup)};

    _stop_server();

    for my $i (0 .. $repeat - 1) {
        $run->{repeat} = $i;
        _prepare_root($block, $run->{vars});

        my $status = $server->start;

        $server->used_by($block);

        Test::Nginx::Checks::died($run, $status // 0);
        Test::Nginx::Checks::error_log($run);

        _show_stderr($block) if !defined $status;

        $server->running ? _stop_server() : _check_logs();
    }
}


sub _show_stderr {
    my ($block) = @_;

    return if defined $block->suppress_stderr;

    $tb->diag(map { "  $_" } $server->stderr_text);
}


sub _run_init {
    my ($block) = @_;
    my $code = $block->init;

    return if !defined $code;

    Test::Nginx::Spec::Scratch::evaluate("package main;\n$code");

    die "init: $@" if $@;
}


sub _run_once {
    my ($run) = @_;
    my $block = $run->{block};
    my @requests = Test::Nginx::Request::build($block, $set{server_name},
                                               $run->{vars});

    if ($set{check_leak}) {
        Test::Nginx::Leak::sample($block, $server, \%set, $requests[0]);
        $run->{skip} = 'memory is measured only';

    } elsif (defined $block->tcp_listen) {
        _start_mock($block, $run->{vars});
    }

    my $pipelined = defined $block->pipelined_requests
                    ? @{$block->pipelined_requests} : 0;
    my $many = $pipelined || @requests > 1;

    for my $i (0 .. $#requests) {
        my $raw = $run->{skip}
                  ? "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
                  : _exchange($block, $requests[$i]);
        my $is_head = $requests[$i][0]{value} =~ /^\s*HEAD\s/;
        my $responses = $pipelined || 1;

        for my $n (0 .. $responses - 1) {
            my $last = $i == $#requests && $n == $responses - 1;

            $raw = _check_response($run, $raw, $i + $n, $many,
                                   $is_head && !$pipelined, $last);
        }
    }

    if ($mock || $run->{skip} && defined $block->tcp_listen) {
        Test::Nginx::Checks::tcp_query($run, $mock);
        _end_mock();
    }
}


# Returns what follows the response.

sub _check_response {
    my ($run, $raw, $index, $many, $is_head, $last) = @_;
    my $block = $run->{block};
    my $left = '';

    if (!defined $block->ignore_response) {
        my $response = Test::Nginx::Response->parse($raw, $is_head);

        if (defined $response->error) {
            Test::Nginx::Checks::fail($block, $response->error);
        }

        for my $note ($response->warning // ()) {
            $tb->diag($block->name . " - $note");
        }

        $left = $response->left;

        if ($last && $left ne '') {
            $tb->diag($block->name . ' - bytes after the response: '
                      . Test::Nginx::Checks::show($left));
        }

        Test::Nginx::Checks::response($run, $response, $index, $many);
    }

    _wait_section($block);

    Test::Nginx::Checks::error_log($run);
    Test::Nginx::Checks::access_log($run)
        if !defined $block->ignore_response;

    return $left;
}


sub _wait_section {
    my ($block) = @_;
    my $seconds = _seconds($block->wait);

    sleep $seconds if $seconds;
}


sub _seconds {
    my ($text) = @_;

    return undef if !defined $text || $text eq '';

    my ($number, $unit) = $text =~ /^\s*([\d.]+)\s*(ms|s)?\s*$/
        or die "bad time \"$text\"\n";

    return ($unit // 's') eq 'ms' ? $number / 1000 : $number;
}


sub _exchange {
    my ($block, $packets) = @_;
    my $shutdown = $block->shutdown;
    my %arg = (
        addr         => $set{addr},
        port         => $set{client_port},
        timeout      => _seconds($block->timeout) // $timeout,
        middle_delay => _seconds($block->raw_request_middle_delay),
        shutdown     => defined $shutdown && $shutdown eq '' ? 1 : $shutdown,
    );

    my $got = defined $block->http2
              ? Test::Nginx::Curl::exchange($packets, %arg, dir => html_dir())
              : Test::Nginx::Client::exchange($packets, %arg);

    if ($got->{timed_out} && !defined $block->abort) {
        Test::Nginx::Checks::fail($block, 'the response did not end within '
            . "$arg{timeout} s of silence",
            'received: ' . Test::Nginx::Checks::show($got->{raw}));
    }

    for my $error ($got->{error} // ()) {
        $tb->diag($block->name . " - $error");
    }

    return $got->{raw};
}


# Ends nginx.  What its end and its logs have to complain about is charged to
# the last block that used it.

sub _stop_server {
    return if !$server->running;

    my @wrong = $server->stop;
    my ($block) = reverse $server->users;

    if (@wrong && $block && ($set{strict} || $wrong[0] =~ /signal/)) {
        Test::Nginx::Checks::fail($block, $wrong[0],
                                  'last lines of the error log:',
                                  $server->error_log_tail);
    }

    _check_logs();
}


sub _check_logs {
    my @users = $server->users;

    return if !@users;

    my $block = $users[-1];
    my @lines = $server->complaints(sub { _is_expected(\@users, @_) });

    if ($set{valgrind} && !$set{strict}) {
        $tb->diag(grep { /^==\d+==/ } $server->stderr_text);
    }

    $server->save_error_log($block->name);

    return if !@lines;

    if (!$set{strict}) {
        $tb->diag($block->name . " - $_") for @lines;
        return;
    }

    Test::Nginx::Checks::fail($block, 'the logs are clean', @lines);
}


# A block that looks for a line, or for a level, expects it.

sub _is_expected {
    my ($users, $level, $line) = @_;

    for my $block (@$users) {
        return 1 if $level eq 'emerg' && (defined $block->must_die
                                          || defined $block->reload_fails);

        for my $pattern (Test::Nginx::Checks::patterns($block->error_log)) {
            return 1 if index($pattern, "[$level") >= 0;
            return 1 if $line =~ Test::Nginx::Checks::pattern_re($pattern);
        }
    }

    return 0;
}


# a signal waits until the child is known, or nobody would end it

sub _start_mock {
    my ($block, $vars) = @_;
    my @signals = qw(INT TERM HUP);
    my $interrupted;

    {
        local @SIG{@signals} = (sub { $interrupted = 1 }) x @signals;

        $mock = Test::Nginx::Mock->start($block, $vars);
    }

    exit 130 if $interrupted;
}


sub _end_mock {
    $mock->stop if $mock;
    undef $mock;
}


sub _end {
    _end_mock();
    $server->stop if !$ENV{TEST_NGINX_NO_CLEAN};
    $_->() for splice @cleanups;
}


my $owner = $$;


END {
    if ($$ == $owner) {
        my $status = $?;

        _end();

        if ($ENV{TEST_NGINX_RANDOMIZE} && !$ENV{TEST_NGINX_NO_CLEAN}) {
            $finished && $tb->is_passing ? remove_tree($set{root})
                : $tb->diag("The server root is kept: $set{root}");
        }

        $? = $status;
    }
}


1;
