# Health checks and the lives of workers: one of them makes the checks, none is
# held up by them when it has to go, and what is known outlives it.

use IO::Socket::INET;
use Test::Nginx::Socket 'no_plan';
use Time::HiRes qw(sleep time);

# it accepts connections, by its queue, and says nothing

our $mute = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 100)
    or die "listen: $!\n";

master_on();

add_block_preprocessor(sub {
    my $block = shift;

    my $yaml = $block->yaml;
    my $mute = $mute->sockport;

    $yaml =~ s/\$mute/$mute/g;

    workers($block->count // 1);

    $block->set_value('http_config', <<'_EOC_');
    llmbroker_config ../html/llmbroker.yaml;
_EOC_

    $block->set_value('user_files', ">>> llmbroker.yaml\n$yaml");
    $block->set_value('config', <<'_EOC_');
    location / {
        llmbroker;
    }

    location = /pid {
        return 200 "$pid";
    }
_EOC_

    $block->set_value('request', "GET /pid") if !defined $block->request;
});


sub log_lines {
    open my $in, '<', server_root() . '/logs/error.log' or die "$!\n";

    return <$in>;
}


sub signal {
    my ($signal, $pid) = @_;

    if (!defined $pid) {
        open my $in, '<', server_root() . '/logs/nginx.pid' or die "$!\n";
        $pid = <$in>;
    }

    kill $signal, $pid;
}


# waits until some text is in the log, and returns the first line with it

sub wait_for {
    my ($re) = @_;
    my $until = time() + 3;

    while (time() < $until) {
        for my $line (log_lines()) {
            return $line if $line =~ $re;
        }

        sleep 0.02;
    }

    return '';
}


# the worker that makes the checks, once it does

sub checker {
    return wait_for(qr/llmbroker health check: "/) =~ /(\d+)#/ ? $1 : 0;
}


sub seconds_until_gone {
    my ($pid) = @_;
    my $start = time();

    sleep 0.01 while -d "/proc/$pid" && time() < $start + 3;

    return time() - $start;
}


sub goes {
    my ($signal, $whom) = @_;
    my $pid = checker();

    signal($signal, $whom ? undef : $pid);

    my $seconds = seconds_until_gone($pid);

    return $seconds < 1 ? 'in time' : "after $seconds s";
}


no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: one of the workers makes the checks
--- yaml
models:
  m:
    provider: openai
    base_url: http://127.0.0.1:1/v1
    health_check: {interval: 100ms, timeout: 100ms}
--- count: 2
--- response_body_filters eval
sub {
    ::wait_for(qr/is down/);
    Time::HiRes::sleep(0.3);
    my %pid = map { /(\d+)#/ ? ($1 => 1) : () }
              grep { /llmbroker health check/ } ::log_lines();
    return scalar keys %pid;
}
--- response_body: 1



=== TEST 2: a reload during a check
--- yaml
models:
  m:
    provider: openai
    base_url: http://127.0.0.1:$mute/v1
    health_check: {interval: 30s, timeout: 20s}
--- response_body_filters eval
sub { return ::goes('HUP', 1) }
--- response_body: in time
--- no_error_log
[alert]



=== TEST 3: a worker that is to quit during a check
--- yaml
models:
  m:
    provider: openai
    base_url: http://127.0.0.1:$mute/v1
    health_check: {interval: 30s, timeout: 20s}
--- response_body_filters eval
sub { return ::goes('QUIT') }
--- response_body: in time
--- no_error_log
[alert]



=== TEST 4: between two checks
--- yaml
models:
  m:
    provider: openai
    base_url: http://127.0.0.1:1/v1
    health_check: {interval: 30s, timeout: 20s}
--- response_body_filters eval
sub {
    ::wait_for(qr/is down/);
    return ::goes('QUIT');
}
--- response_body: in time
--- no_error_log
[alert]



=== TEST 5: at once
--- yaml
models:
  m:
    provider: openai
    base_url: http://127.0.0.1:$mute/v1
    health_check: {interval: 30s, timeout: 20s}
--- response_body_filters eval
sub { return ::goes('TERM') }
--- response_body: in time
--- no_error_log
[alert]



=== TEST 6: a worker that was killed is followed by another
--- yaml
models:
  m:
    provider: openai
    base_url: http://127.0.0.1:1/v1
    health_check: {interval: 100ms, timeout: 100ms}
--- response_body_filters eval
sub {
    my $pid = ::checker();
    kill 'KILL', $pid;
    return ::wait_for(qr/ (?!$pid#)\d+#.*llmbroker health check: ".* rc/)
           ? 'another' : 'none';
}
--- response_body: another
--- error_log
exited on signal 9



=== TEST 7: what is known outlives a reload, and is not told again
--- yaml
models:
  m:
    provider: openai
    base_url: http://127.0.0.1:1/v1
    health_check: {interval: 100ms, timeout: 100ms}
--- request eval
['GET /pid', 'GET /health', 'GET /']
--- response_body_filters eval
sub {
    if ($_[0] =~ /"checked":"(\w+)"/) {
        return $1;

    } elsif ($_[0] =~ /^\d/) {
        ::wait_for(qr/is down/);
        my $pid = ::checker();
        ::signal('HUP');
        ::seconds_until_gone($pid);
        return '';
    }

    Time::HiRes::sleep(0.5);
    return scalar grep { /is down/ } ::log_lines();
}
--- response_body eval
['', 'down', '1']
--- error_code eval
[200, 503, 200]



=== TEST 8: a worker that goes makes no more checks
--- yaml
models:
  m:
    provider: openai
    base_url: http://127.0.0.1:1/v1
    health_check: {interval: 100ms, timeout: 100ms}
--- response_body_filters eval
sub {
    my $pid = ::checker();
    my @clients = map {
        my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                      PeerPort => ::server_port())
            or die "connect: $!\n";
        print $s "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n"
                 . "Content-Length: 10\r\n\r\n{";
        $s;
    } 1 .. 8;

    Time::HiRes::sleep(0.3);
    ::signal('HUP');
    ::wait_for(qr/ $pid#.*gracefully shutting down/);
    Time::HiRes::sleep(0.5);

    return 'it did not wait' if !-d "/proc/$pid";

    my @after = ::log_lines();
    shift @after while @after && $after[0] !~ / $pid#.*gracefully shutting/;
    my ($old, $new) = (0, 0);
    / $pid#/ ? $old++ : $new++ for grep { /llmbroker health check: / } @after;

    close $_ for @clients;
    return ($new > 2 ? 'others' : $new) . " $old";
}
--- response_body: others 0
