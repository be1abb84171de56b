#!/usr/bin/perl

# What LLMBroker costs: CPU per request beside proxy_pass with keep-alive to the
# same provider simulator, and memory.
#
# One nginx with one worker on a CPU of its own is the gateway; the simulator is
# another nginx.  wrk keeps 64 connections busy with chat requests of 1 KB.  CPU
# is what the kernel says of the gateway's worker, user and system, divided by
# the requests that were answered; so it does not matter who is waiting for
# whom, but "busy" tells: near 100 % the gateway was the bottleneck, far below
# it the generator or the simulator was, and rates are theirs.
#
# A second gateway has two workers and both CPUs: what deployments share must
# not cost more where it is shared.  "three" are three deployments of one model.
#
# The environment: NGINX_BINARY, OBJS, WORK and QUICK, as the Makefile sets it,
# and BENCH_PORT, the first of three ports.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(make_path remove_tree);
use IO::Socket::INET;
use JSON::PP;
use POSIX qw(sysconf _SC_CLK_TCK WNOHANG);
use Time::HiRes qw(time sleep);


my $here = abs_path(dirname($0));
my $nginx = $ENV{NGINX_BINARY} || 'nginx';
my $objs = abs_path($ENV{OBJS} || 'objs');
my $work = abs_path($ENV{WORK} || 'build') . '/bench';
my $port = $ENV{BENCH_PORT} || 8070;
my $mock_port = $port + 1;
my $pair_port = $port + 2;

my $rounds = $ENV{QUICK} ? 3 : 5;
my $seconds = $ENV{QUICK} ? 1 : 3;
my $soak = $ENV{QUICK} ? 20_000 : 100_000;
my $stream = $ENV{QUICK} ? 10_000_000 : 100_000_000;

my $connections = 64;
my $allowed = 1.6;
my $cpus = `nproc` + 0;
my @cpu = $cpus < 2 ? (0, 0, 0) : $cpus < 3 ? (0, 1, 1) : (0, 1, 2);

my @cases = (
    { name => 'proxy_pass', path => '/proxy/v1/chat/completions',
      model => 'bench-openai' },
    { name => 'openai', path => '/v1/chat/completions',
      model => 'bench-openai' },
    { name => 'three', path => '/v1/chat/completions',
      model => 'bench-three' },
    { name => 'claude', path => '/v1/chat/completions',
      model => 'bench-claude' },
    { name => 'qwen', path => '/v1/chat/completions',
      model => 'bench-qwen' },
);

# the same by two workers

my @pair = map { { name => "$_->[0], two workers", model => $_->[1],
                   path => '/v1/chat/completions', gateway => 'pair' } }
           ['openai', 'bench-openai'], ['three', 'bench-three'];

# streams without a pause: what an event costs beside one that is proxied

my $events = 500;

my @streams = (
    { name => 'proxy_pass', path => '/proxy/events/openai/v1/chat/completions',
      model => 'openai' },
    { name => 'openai', model => 'events-openai' },
    { name => 'claude', model => 'events-claude' },
    { name => 'qwen', model => 'events-qwen' },
);

for (@streams) {
    $_->{path} //= '/v1/chat/completions';
    $_->{stream} = 1;
    $_->{connections} = 4;
}

# the same translation at other sizes: it must grow with them and no faster

my @sizes = map { { name => "proxy_pass, $_->[0]", size => $_->[1],
                    path => $cases[0]{path}, model => 'bench-openai',
                    connections => 2 },
                  { name => "claude, $_->[0]", size => $_->[1],
                    path => '/v1/chat/completions', model => 'bench-claude',
                    connections => 2 } }
            ['100 KB', 100_000], ['1 MB', 1_000_000], ['8 MB', 8_000_000];

my %pid;

# whatever ends this script also ends the two nginx

$SIG{$_} = sub { exit 1 } for qw(INT TERM HUP);
END { my $rc = $?; stop($_) for keys %pid; $? = $rc }


remove_tree($work);
make_path("$work/logs", "$work/temp");

start('mock', $mock_port, $cpu[1], mock_conf());
start('gateway', $port, $cpu[0], gateway_conf('gateway', $port, 1));
start('pair', $pair_port, "0-" . ($cpus - 1),
      gateway_conf('pair', $pair_port, 2));

my %workers = map { $_ => [workers($_)] } qw(gateway pair);
my ($worker) = @{ $workers{gateway} };

wrk($_, 0.5) for @cases, @pair, @streams, @sizes;

for my $round (1 .. $rounds) {
    measure($_) for @cases, @pair, @streams, @sizes;
}

# a round's ratio is to proxy_pass in the same round, seconds apart

for my $case (@cases) {
    $case->{ratio} = [map { $case->{us}[$_] / $cases[0]{us}[$_] }
                      0 .. $rounds - 1];
}

printf "\n%-12s %10s %6s %11s %8s %10s %11s %5s\n", '', 'us CPU/req',
    'ratio', '(all)', 'user us', 'system us', 'requests/s', 'busy';

my %result = (rounds => $rounds, seconds => $seconds, cpus => $cpus,
              connections => $connections, nginx => version());

for my $case (@cases) {
    my %m = map { $_ => median($_, $case) }
            qw(us ratio user system rate busy);

    $m{rounds} = { map { $_ => $case->{$_} } qw(us ratio rate busy) };
    $result{cases}{$case->{name}} = \%m;

    my @all = sort { $a <=> $b } @{ $case->{ratio} };

    printf "%-12s %10.1f %6.2f %11s %8.1f %10.1f %11.0f %4.0f%%\n",
        $case->{name}, @m{qw(us ratio)},
        sprintf('%.2f-%.2f', @all[0, -1]), @m{qw(user system rate busy)};
}

my $ratio = $result{cases}{openai}{ratio};

printf "\nopenai costs %.2f times proxy_pass; allowed are %.1f times: %s\n",
    $ratio, $allowed, $ratio <= $allowed ? 'ok' : 'TOO MUCH';

my ($claude, $openai) = map { $result{cases}{$_}{us} } qw(claude openai);

printf "a translated answer costs %.1f us more than one that is passed on; "
    . "allowed are 25: %s\n", $claude - $openai,
    $claude - $openai <= 25 ? 'ok' : 'TOO MUCH';

my $slow = $claude - $openai > 25;

my $one = $result{cases}{openai}{us};
my $three = $result{cases}{three}{us};

$result{three_us} = $three - $one;

printf "three deployments cost %.1f us more than one; allowed is 1: %s\n",
    $three - $one, $three - $one <= 1 ? 'ok' : 'TOO MUCH';

$slow ||= $three - $one > 1;

for my $case (@pair) {
    my $us = median('us', $case);

    $result{pair}{$case->{name}} = $us;

    printf "%-21s %.1f us\n", $case->{name}, $us;
}

print "\n", pack('A16 A14', '', 'us CPU/event'), "more than openai's\n";

for my $case (@streams) {
    my $us = median('us', $case) / $events;
    my $more = $us - median('us', $streams[1]) / $events;

    $result{events}{$case->{name}} = $us;
    $slow ||= $more > 2.5;

    printf "%-16s %-13.2f%s\n", $case->{name}, $us,
        $case->{name} =~ /claude|qwen/
        ? sprintf('%.2f of 2.5 allowed', $more) : '';
}

print "\n", pack('A16 A14', '', 'us CPU/req'), "us/KB of prompt\n";

for my $case (@sizes) {
    my $us = median('us', $case);

    $result{sizes}{$case->{name}} = $us;
    $case->{per_kb} = 1e3 * $us / $case->{size};

    printf "%-16s %-13.0f %.2f\n", $case->{name}, $us, $case->{per_kb};
}

my $growth = $sizes[-1]{per_kb} / $sizes[1]{per_kb};

printf "from 100 KB to 8 MB a KB costs %.2f times as much: %s\n", $growth,
    $growth <= 2 ? 'linear' : 'NOT LINEAR';

$slow ||= $growth > 2;

my ($idle) = sort { $a <=> $b } map { $_->{busy} } values %{ $result{cases} };

printf "the gateway was %.0f %% busy at least: %s\n", $idle, $idle >= 80
    ? 'it was the bottleneck'
    : 'the generator and the simulator were too slow for it, and the ratio is '
      . 'not to be trusted';

$result{memory} = { soak(), stream() };

open my $fh, '>', dirname($work) . '/bench.json' or die "bench.json: $!\n";
print $fh JSON::PP->new->pretty->canonical->encode(\%result);
close $fh;

print "\nin numbers: ", dirname($work), "/bench.json\n";

exit($ratio <= $allowed && !$slow ? 0 : 1);


sub measure {
    my ($case) = @_;

    my $gateway = $case->{gateway} // 'gateway';

    my @before = (ticks($gateway), time());
    my $requests = wrk($case, $seconds);
    my @after = (ticks($gateway), time());

    my ($user, $system) = map { 1e6 * ($after[$_] - $before[$_]) / $requests }
                          0, 1;
    my $took = $after[2] - $before[2];

    push @{ $case->{user} }, $user;
    push @{ $case->{system} }, $system;
    push @{ $case->{us} }, $user + $system;
    push @{ $case->{rate} }, $requests / $took;
    push @{ $case->{busy} }, ($user + $system) * $requests / $took / 1e4;

    print STDERR '.';
}


# answered requests; anything but a 2xx is the end

sub wrk {
    my ($case, $duration) = @_;

    local $ENV{MODEL} = $case->{model};
    local $ENV{SIZE} = $case->{size} // 1024;
    local $ENV{STREAM};

    $ENV{STREAM} = 1 if $case->{stream};
    delete $ENV{STREAM} if !$case->{stream};

    my $n = $case->{connections} // $connections;

    # wrk knows no fractions

    my $d = $duration < 1 ? 1 : $duration;
    my $to = $case->{gateway} ? $pair_port : $port;
    my $out = `taskset -c $cpu[2] wrk -t1 -c$n -d${d}s \\
        -s $here/chat.lua http://127.0.0.1:$to$case->{path} 2>&1`;

    my ($requests) = $out =~ /(\d+) requests in/;

    if (!$requests || $out =~ /Non-2xx|Socket errors/) {
        print STDERR "\n$case->{name}:\n$out";
        print STDERR "see $work/logs/gateway.log\n";
        exit 1;
    }

    return $requests;
}


sub soak {
    my $case = $cases[1];
    my $done = 0;

    wrk($case, 1);

    my $before = rss($worker);

    $done += wrk($case, 2) while $done < $soak;

    my $after = rss($worker);

    printf "\nafter %d requests the worker's memory went from %d to %d KB\n",
        $done, $before, $after;

    return (requests => { n => $done, before_kb => $before,
                          after_kb => $after });
}


# one long stream; the client reads it as fast as it comes

sub stream {
    my $body = '{"model": "bench-stream", "stream": true, '
               . '"messages": [{"role": "user", "content": "Hi"}]}';
    my $before = rss($worker);
    my ($got, $peak, $last, $start) = (0, $before, '', time());

    my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port")
        or die "stream: $!\n";

    print $s "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n",
        "Content-Type: application/json\r\nConnection: close\r\n",
        'Content-Length: ', length($body), "\r\n\r\n$body";

    my $reads = 0;

    while (my $n = sysread $s, my $data, 65536) {
        $got += $n;
        $last = substr $last . $data, -64;

        if ($reads++ % 256 == 0) {
            my $now = rss($worker);
            $peak = $now if $now > $peak;
        }
    }

    my $after = rss($worker);

    printf "after a stream of %.0f MB (%.1f s) it went from %d to %d KB, "
        . "%d KB at most\n", $got / 1e6, time() - $start, $before, $after,
        $peak;

    if ($got < $stream || $last !~ /\[DONE\]/) {
        print STDERR "the stream was cut, see $work/logs/gateway.log\n";
        exit 1;
    }

    return (stream => { bytes => $got, before_kb => $before,
                        after_kb => $after, peak_kb => $peak });
}


sub start {
    my ($name, $listen, $cpu, $conf) = @_;

    IO::Socket::INET->new(Listen => 1, LocalPort => $listen, ReuseAddr => 1)
        or die "port $listen is taken: set BENCH_PORT\n";

    open my $fh, '>', "$work/$name.conf" or die "$name.conf: $!\n";
    print $fh $conf;
    close $fh;

    my $pid = fork // die "fork: $!\n";

    if ($pid == 0) {
        exec 'taskset', '-c', $cpu, $nginx, '-p', "$work/",
             '-c', "$work/$name.conf" or POSIX::_exit(127);
    }

    $pid{$name} = $pid;

    for (1 .. 100) {
        return if IO::Socket::INET->new(PeerAddr => "127.0.0.1:$listen");
        waitpid($pid, WNOHANG) == 0 or last;
        sleep 0.1;
    }

    delete $pid{$name};
    kill 'TERM', $pid;
    die "$name did not start\n";
}


sub stop {
    my ($name) = @_;

    my $pid = delete $pid{$name} or return;

    kill 'TERM', $pid;
    waitpid $pid, 0;
}


sub common {
    my ($name, $workers) = @_;

    my $main = $> == 0 ? "user  root;\n" : '';

    $main .= "load_module  $objs/$_;\n"
        for qw(ngx_http_llmbroker_module.so ngx_http_llmbroker_mock_module.so);

    my $temp = join '', map { "    ${_}_temp_path  temp/${name}_$_;\n" }
               qw(client_body proxy fastcgi uwsgi scgi);

    return $main . <<"END", $temp;
daemon  off;
worker_processes  $workers;
error_log  logs/$name.log error;
pid  logs/$name.pid;

events {
    worker_connections  1024;
}

END
}


sub mock_conf {
    my ($main, $temp) = common('mock', 1);

    return $main . <<"END";
http {
$temp
    access_log  off;
    client_body_buffer_size  16m;
    client_max_body_size  16m;

    server {
        listen  127.0.0.1:$mock_port;

        location / {
            llmbroker_mock  fixed=1 size=1024;
        }

        location /events {
            llmbroker_mock  fixed=1 chunks=$events;
        }

        location /stream {
            llmbroker_mock  size=$stream chunks=100000;
        }
    }
}
END
}


sub gateway_conf {
    my ($name, $listen, $workers) = @_;

    my ($main, $temp) = common($name, $workers);
    my $mock = "127.0.0.1:$mock_port";

    open my $fh, '>', "$work/bench.yaml" or die "bench.yaml: $!\n";
    print $fh <<"END";
models:
  bench-openai:
    provider: openai
    model_name: gpt-4o
    api_key: bench
    base_url: http://$mock/openai/v1
    default_params: {temperature: 0.7, max_tokens: 1000}
  bench-three:
    provider: openai
    model_name: gpt-4o
    api_key: bench
    default_params: {temperature: 0.7, max_tokens: 1000}
    deployments:
      - base_url: http://$mock/openai/v1
      - base_url: http://$mock/openai/two/v1
        weight: 2
      - base_url: http://$mock/openai/three/v1
  bench-claude:
    provider: claude
    model_name: claude-sonnet-4-5
    api_key: bench
    base_url: http://$mock/anthropic
    default_params: {max_tokens: 1000}
  bench-qwen:
    provider: qwen
    model_name: qwen-max
    api_key: bench
    base_url: http://$mock/dashscope/api/v1
    default_params: {temperature: 0.7, max_tokens: 1000}
  events-openai:
    provider: openai
    base_url: http://$mock/events/openai/v1
  events-claude:
    provider: claude
    base_url: http://$mock/events/anthropic
  events-qwen:
    provider: qwen
    base_url: http://$mock/events/dashscope/api/v1
  bench-stream:
    provider: openai
    api_key: bench
    base_url: http://$mock/stream/openai/v1
    timeout: 10m
END
    close $fh;

    return $main . <<"END";
http {
$temp
    llmbroker_config  bench.yaml;

    access_log  logs/access.log;
    client_body_buffer_size  16m;
    client_max_body_size  16m;
    keepalive_requests  1000000;

    upstream mock {
        server     $mock;
        keepalive  64;
    }

    server {
        listen  127.0.0.1:$listen;

        location / {
            llmbroker;
        }

        location /proxy/events/ {
            proxy_pass          http://mock/events/;
            proxy_http_version  1.1;
            proxy_buffering     off;
            proxy_set_header    Connection "";
        }

        location /proxy/ {
            proxy_pass          http://mock/openai/;
            proxy_http_version  1.1;
            proxy_set_header    Connection "";
            proxy_set_header    Authorization "Bearer bench";
        }
    }
}
END
}


# the children of a gateway's master

sub workers {
    my ($name) = @_;

    my @found;

    for my $stat (glob '/proc/[0-9]*/stat') {
        open my $fh, '<', $stat or next;
        my ($pid, $parent) = (<$fh> // '') =~ /^(\d+) \(.*\) \S (\d+)/ or next;

        push @found, $pid if $parent == $pid{$name};
    }

    return @found ? @found : die "$name has no worker\n";
}


# seconds of CPU so far, user and system

sub ticks {
    my ($name) = @_;

    my @sum = (0, 0);

    for my $pid (@{ $workers{$name} }) {
        open my $fh, '<', "/proc/$pid/stat"
            or die "\na worker has died, see $work/logs/$name.log\n";

        my ($rest) = <$fh> =~ /\) (.*)/;
        my @f = split ' ', $rest;

        $sum[$_] += $f[11 + $_] / sysconf(_SC_CLK_TCK) for 0, 1;
    }

    return @sum;
}


sub rss {
    my ($pid) = @_;

    open my $fh, '<', "/proc/$pid/status"
        or die "\nthe worker has died, see $work/logs/gateway.log\n";

    while (<$fh>) {
        return $1 if /^VmRSS:\s*(\d+) kB/;
    }
}


sub median {
    my ($what, $case) = @_;

    my @sorted = sort { $a <=> $b } @{ $case->{$what} };

    return $sorted[@sorted / 2];
}


sub version {
    my ($v) = `$nginx -v 2>&1` =~ m{nginx/(\S+)};

    return $v;
}
