#!/usr/bin/perl

# What a request costs in instructions, above the same through proxy_pass, and
# whether that is more than what was committed in gate.json.
#
#   make gate             fails where a row is more than 3 % above its figure
#   make gate UPDATE=1    commits what is measured now as the figures
#
# The gateway is one nginx under callgrind, which counts the instructions of its
# process, libraries included and the kernel not.  Client and provider are this
# script (Wire.pm): each step waits until the gateway sleeps, so that its reads
# never depend on time.  Its clock stands still (timer_resolution), or it would
# write the time anew once a second, the more often the busier the machine is.
# A request for /mark makes callgrind write down its count and begin a new one,
# so that start and warming up are not in it; what a mark itself costs is known
# from two in a row.  The variants of libc's and OpenSSL's functions are those
# of a plain processor, and nginx's paths and variables are the same everywhere,
# as memory would lie elsewhere with longer ones.  Two runs are the same to the
# last digit, in another folder within some 0.5 %.
#
# The figures depend on the compiler and on the code of nginx and libc, all of
# which are part of the key under which gate.json has them.  With others the
# script says that there is nothing to compare with, shows what it has
# measured, and passes: a ratio to proxy_pass would differ from compiler to
# compiler by more than the 3 % that it has to find.  UPDATE=1 adds them to the
# file, beside those that are there.
#
# What callgrind_annotate reads is left in build/gate/, a file for each row.

use strict;
use warnings;

use File::Basename qw(dirname);
use File::Path qw(make_path remove_tree);
use File::Spec::Functions qw(rel2abs);
use FindBin qw($Bin);
use IO::Socket::INET;
use JSON::PP;
use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep);

use lib $Bin;

use Answers;
use Wire;


my $nginx = $ENV{NGINX_BINARY} || 'nginx';
my $objs = rel2abs($ENV{OBJS} || 'objs');
my $work = rel2abs($ENV{WORK} || 'build') . '/gate';
my $figures = $ENV{GATE_FIGURES} || "$Bin/gate.json";
my $port = $ENV{GATE_PORT} || 8060;
my ($json_port, $mock_port) = ($port + 1, $port + 2);

# where a buffer lies in memory costs or saves libc's memchr() some instructions

my $allowed = 0.03;
my $least = 64;

my ($pid, $wire, $mark);

# what is asked, the model, and proxy_pass's own row to subtract; "log" is
# written in JSON, "events" are counted one by one

my @rows;

for my $log ('', ', log in JSON') {
    for my $provider (qw(proxy_pass openai claude qwen gemini)) {
        push @rows, { name => "$provider, 1 KB$log", model => $provider,
                      base => "proxy_pass, 1 KB$log", json => $log ne '' };
    }
}

push @rows, { name => 'three deployments, 1 KB', model => 'three',
              base => 'proxy_pass, 1 KB' };

for my $size (['100 KB', 102_400, 20], ['1 MB', 1_048_576, 10]) {
    for my $provider (qw(proxy_pass openai claude)) {
        push @rows, { name => "$provider, $size->[0]", model => $provider,
                      base => "proxy_pass, $size->[0]", size => $size->[1],
                      times => $size->[2] };
    }
}

for my $flat (0, 1) {
    my $how = $flat ? 'event, without a pause' : 'event';

    for my $provider (qw(proxy_pass openai claude qwen)) {
        push @rows, { name => "$provider, $how", model => $provider,
                      base => "proxy_pass, $how", stream => 1, flat => $flat };
    }
}

my @keys = { name => 'openai, 1 KB, client keys', model => 'openai',
             base => 'proxy_pass, 1 KB' };

# whatever ends this script also ends nginx

$SIG{$_} = sub { exit 1 } for qw(INT TERM HUP);
END { my $rc = $?; stop(); $? = $rc }


if (!$ENV{GATE_MEASURED}) {
    remove_tree($work);
    make_path("$work/logs", "$work/temp");

    # not every valgrind knows what every compiler tells about lines

    system('strip', '-g', '-o', "$work/module.so",
           "$objs/ngx_http_llmbroker_module.so") == 0
        or die "no module, or no strip\n";

    symlink command($nginx), "$work/nginx";
    symlink dirname(dirname($Bin)) . '/conf', "$work/conf";

    my %cost;

    gateway('gateway', '');
    $cost{$_->{name}} = measure($_) for @rows;
    stop();

    gateway('keys', client_keys());
    $cost{$_->{name}} = measure($_) for @keys;
    stop();

    my %above = map { $_->{name} => $_->{name} eq $_->{base}
                      ? $cost{$_->{base}}
                      : $cost{$_->{name}} - $cost{$_->{base}} } @rows, @keys;

    save("$work/measured.json", { toolchain() => \%above });
}

my ($chain, $measured)
    = %{ load($ENV{GATE_MEASURED} || "$work/measured.json") };
my $all = -e $figures ? load($figures) : {};

my $bad = judge($all->{$chain});

if ($ENV{UPDATE}) {
    $all->{$chain} = $measured;
    save($figures, $all);
    exit 0;
}

exit($bad ? 1 : 0);


# how many rows are not as committed

sub judge {
    my ($committed) = @_;

    my $bad = 0;
    my %row = map { $_->{name} => $_ } @rows, @keys;
    my @names = map { $_->{name} } @rows, @keys;

    push @names, grep { !$row{$_} } sort keys %{ $committed // {} };

    print "instructions for a request or an event, above proxy_pass's\n"
        . "$chain\n\n";

    for my $name (@names) {
        my $is = $measured->{$name};
        my $was = $committed ? $committed->{$name} : undef;
        my $proxy = $name =~ /^proxy_pass/;
        my $verdict = '';

        if (!defined $is || $committed && !defined $was) {
            $verdict = defined $is ? 'NO FIGURE' : 'NOT MEASURED';
            $bad++;

        } elsif ($committed) {
            $verdict = sprintf '%+.2f %%', 100 * ($is - $was) / abs($was || 1);

            if (!$proxy && $is > $was
                           && $is - $was > max($allowed * abs $was, $least))
            {
                $verdict .= ' TOO MUCH';
                $bad++;
            }
        }

        printf "%-34s %10s %10s  %s\n", $name,
            map({ defined $_ ? sprintf '%.0f', $_ : '-' } $is, $was), $verdict;
    }

    if (!$committed) {
        print "\nno figures of these versions are committed: there is nothing "
            . "to compare with\n";
        return 0;
    }

    print $bad ? "\n$bad rows are not as committed\n" : "\nok\n";
    print "the rows of proxy_pass itself are not judged\n";

    return $bad;
}


sub max {
    return $_[0] > $_[1] ? $_[0] : $_[1];
}


sub load {
    my ($file) = @_;

    open my $fh, '<', $file or die "$file: $!\n";
    local $/;

    return decode_json(<$fh>);
}


sub save {
    my ($file, $what) = @_;

    open my $fh, '>', $file or die "$file: $!\n";
    print $fh JSON::PP->new->pretty->canonical->indent_length(1)->encode($what);
    close $fh or die "$file: $!\n";
}


# instructions of one request, or of one more event of a stream

sub measure {
    my ($row) = @_;

    print STDERR '.';

    return count($row, $row->{times} // 100, exchange($row))
        if !$row->{stream};

    my ($few, $many) = map { count($row, 2, exchange($row, $_)) } 20, 220;

    return int(($many - $few) / 200 + 0.5);
}


sub count {
    my ($row, $times, @exchange) = @_;

    my ($head, $body) = $wire->request(@exchange);

    die substr("not what was expected:\n$head\n\n$body", 0, 2000), "\n"
        if $head !~ / 200 / || $body !~ /naïve/;

    $wire->request(@exchange) for 1 .. 4;
    mark();
    $wire->request(@exchange) for 1 .. $times;

    my $all = mark($row->{name});

    return int(($all - $mark) / $times + 0.5);
}


# port, request and answer

sub exchange {
    my ($row, $events) = @_;

    my $proxied = $row->{model} eq 'proxy_pass';
    my %answers = (proxy_pass => 'openai', three => 'openai');
    my $answers = $answers{$row->{model}} // $row->{model};

    my $head = qq({"model": "$row->{model}", "messages": [{"role": "system", )
               . '"content": "You are a helpful assistant."}, {"role": "user", '
               . '"content": "';
    my $tail = '"}], "top_p": 0.9, "user": "gate"'
               . ($events ? ', "stream": true}' : '}');
    my $fox = 'The quick brown fox jumps over the lazy dog. ';
    my $length = ($row->{size} // 1024) - length($head) - length($tail);
    my $body = $head
               . substr($fox x ($length / length($fox) + 1), 0, $length)
               . $tail;
    my $path = '/v1/chat/completions';

    $path = ($events ? '/events' : '/proxy') . $path if $proxied;

    my @answer = $events ? Answers::stream($answers, $events)
                         : Answers::buffered($answers, 1024);

    @answer = join('', @answer) =~ /(.{1,4096})/gs if $row->{flat};

    return ($row->{json} ? $json_port : $port,
            "POST $path HTTP/1.1\r\nHost: 127.0.0.1:$port\r\n"
            . "User-Agent: gate/1.0\r\nContent-Type: application/json\r\n"
            . "Authorization: Bearer client-key-0050\r\nContent-Length: "
            . length($body) . "\r\n\r\n$body", @answer);
}


# instructions since the mark before; the file is kept under that name

sub mark {
    my ($name) = @_;

    $wire->request($port, "GET /mark HTTP/1.1\r\nHost: mark\r\n\r\n");

    my ($file) = glob "$work/callgrind.out.[0-9]*"
        or die "no count (has $nginx no symbol ngx_http_send_response?)\n";

    open my $fh, '<', $file or die "$file: $!\n";

    my ($count) = map { /^(?:summary|totals): (\d+)/ ? $1 : () } <$fh>;

    unlink $file if !defined $name;
    rename $file, "$work/" . $name =~ s/\W+/_/gr . '.callgrind'
        if defined $name;

    return $count;
}


sub gateway {
    my ($name, $security) = @_;

    $wire = undef;

    for my $listen ($port, $json_port) {
        IO::Socket::INET->new(Listen => 1, LocalPort => $listen, ReuseAddr => 1)
            or die "port $listen is taken: set GATE_PORT\n";
    }

    write_file("$work/gateway.yaml", yaml() . $security);
    write_file("$work/gateway.conf", conf());

    $pid = fork // die "fork: $!\n";

    if ($pid == 0) {
        my $valgrind = command('valgrind');

        chdir $work;
        open STDERR, '>', 'logs/valgrind.log';
        %ENV = environment();

        exec $valgrind, '--tool=callgrind',
             '--callgrind-out-file=callgrind.out',
             '--dump-before=ngx_http_send_response', './nginx',
             '-p', '.', '-c', 'gateway.conf'
            or POSIX::_exit(127);
    }

    for (1 .. 600) {
        last if IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port");
        waitpid($pid, WNOHANG) == 0
            or die "$name did not start, see $work/logs\n";
        sleep 0.1;
    }

    $wire = Wire->new(pid => $pid, port => $mock_port);

    mark() for 1 .. 3;
    $mark = mark();
}


sub stop {
    my $is = $pid or return;

    $pid = undef;
    kill 'TERM', $is;
    waitpid $is, 0;
}


# the same variants of functions on every processor

sub environment {
    my @not = qw(AVX512F AVX512VL AVX512BW AVX2 AVX2_Usable AVX AVX_Usable
                 AVX_Fast_Unaligned_Load SSE4_2 SSE4_1 SSSE3 BMI1 BMI2 LZCNT
                 MOVBE ERMS FSRM RTM Fast_Copy_Backward Fast_Unaligned_Copy
                 Slow_BSF);

    return (PATH => '/usr/bin:/bin', OPENSSL_ia32cap => '0:0',
            GLIBC_TUNABLES => 'glibc.cpu.hwcaps='
                              . join(',', map { "-$_" } @not)
                              . ':glibc.cpu.x86_non_temporal_threshold=16777216'
    );
}


sub command {
    my ($name) = @_;

    my ($path) = grep { -x } $name =~ m{/} ? rel2abs($name)
                             : map { "$_/$name" } split /:/, $ENV{PATH};

    return $path // die "there is no $name\n";
}


sub toolchain {
    my ($version) = `$nginx -v 2>&1` =~ m{nginx/(\S+)};
    my ($built) = `$nginx -V 2>&1` =~ /^built by (.*\S)/m;
    my ($cc) = `\${CC:-cc} --version` =~ /(.*)/;
    my ($libc) = `getconf GNU_LIBC_VERSION` =~ /(.*)/;
    my ($arch) = `uname -m` =~ /(.*)/;

    return join ', ', "nginx $version", $built ? "built by $built" : (), $cc,
                $libc || 'another libc', $arch;
}


sub write_file {
    my ($file, $text) = @_;

    open my $fh, '>', $file or die "$file: $!\n";
    print $fh $text;
    close $fh or die "$file: $!\n";
}


sub yaml {
    my $mock = "http://127.0.0.1:$mock_port";

    return <<"END";
models:
  openai:
    provider: openai
    model_name: gpt-4o
    api_key: gate
    base_url: $mock/openai/v1
    default_params: {temperature: 0.7, max_tokens: 1000}
  three:
    provider: openai
    model_name: gpt-4o
    api_key: gate
    default_params: {temperature: 0.7, max_tokens: 1000}
    deployments:
      - base_url: $mock/openai/v1
      - base_url: $mock/openai/two/v1
        weight: 2
      - base_url: $mock/openai/three/v1
  claude:
    provider: claude
    model_name: claude-sonnet-4-5
    api_key: gate
    base_url: $mock/anthropic
    default_params: {max_tokens: 1000}
  qwen:
    provider: qwen
    model_name: qwen-max
    api_key: gate
    base_url: $mock/dashscope/api/v1
    default_params: {temperature: 0.7, max_tokens: 1000}
  gemini:
    provider: gemini
    model_name: gemini-2.5-flash
    api_key: gate
    base_url: $mock/gemini/v1beta
    default_params: {temperature: 0.7, max_tokens: 1000}
END
}


sub client_keys {
    my $keys = join ', ', map { sprintf '"client-key-%04d"', $_ } 1 .. 100;

    return "security:\n  enable_api_key_auth: true\n  api_keys: [$keys]\n";
}


sub conf {
    my $temp = join '', map { "    ${_}_temp_path  temp/$_;\n" }
               qw(client_body proxy fastcgi uwsgi scgi);
    my $locations = <<"END";
        location = /mark {
            access_log  off;
            return 204;
        }

        location / {
            llmbroker;
        }

        location /events/ {
            proxy_pass          http://mock/openai/;
            proxy_buffering     off;
        }

        location /proxy/ {
            proxy_pass          http://mock/openai/;
        }
END

    return <<"END";
user  root;
load_module  module.so;
daemon  off;
master_process  off;
timer_resolution  1h;
error_log  logs/error.log error;
pid  logs/nginx.pid;

events {
    worker_connections  64;
}

http {
$temp
    include  conf/llmbroker_log.conf;

    llmbroker_config  gateway.yaml;

    client_body_buffer_size  16m;
    client_max_body_size  16m;
    keepalive_requests  1000000;

    proxy_http_version  1.1;
    proxy_set_header    Connection "";
    proxy_set_header    Authorization "Bearer gate";

    upstream mock {
        server     127.0.0.1:$mock_port;
        keepalive  64;
    }

    server {
        listen  127.0.0.1:$port;
        access_log  logs/access.log;

$locations    }

    server {
        listen  127.0.0.1:$json_port;
        access_log  logs/json.log llmbroker;

$locations    }
}
END
}
