#!/usr/bin/perl

# What LLMBroker costs beside proxy_pass of the same nginx, to the same provider
# simulator, in one run.
#
#   make bench            12 minutes: medians of 5 rounds
#   make bench QUICK=1    less than two: shorter measurements, medians of 3
#   make bench-peers      installs HAProxy, Lua and Portkey, to compare with
#
# The table is for the terminal, WORK/bench.json (build/bench.json) for later
# comparison; it has each round.  The exit status is 1 when a ratio that must be
# reached is not.
#
# How it is measured.  Each round measures every row once, one after the other.
# A ratio is that to the group's proxy_pass in the same round, seconds apart;
# the table has the median of the rounds' ratios and their range.  nginx's own
# spread is large on machines that are not quiet: see the range before a
# difference.
#
# CPU is what the kernel's scheduler says of the gateway's own processes, in ns,
# divided by the requests that were answered: the client stops to ask, waits for
# what is under way, and checks each answer.  It does not matter then who waits
# for whom, but columns tell: "busy" is the gateway's share of a processor, in
# rows without pauses near 100 %; "client" and "mock" are those of load.c and of
# the simulator, which share another processor on machines with two.  Where
# these two come near 100 %, rates and times are theirs.  In rows with pauses
# the gateway is not busy, and "direct" tells what client and simulator do by
# themselves.
#
# The gateway has one worker on a processor of its own; proxy_pass and LLMBroker
# are locations of the same worker, so that both find the same heap.  That
# matters: glibc gives memory back to the kernel at each end of a request, or
# never, by the largest piece that was freed before, and 100 KB then cost 100 us
# or 250 us.  All rows are warmed, the largest first and those of a group with
# as many requests.  "fresh" rows have workers of their own that have seen
# nothing but them.
#
# Requests differ from each other, as do answers and events.  Memory of streams
# is private memory of a gateway that was started for the row, with one stream
# and with all of them.
#
# A new row is a line in lib/Bench/Rows.pm; configurations are in Conf.pm, other
# gateways in Peers.pm.
#
# The environment: NGINX_BINARY, OBJS, WORK and QUICK, as the Makefile sets it,
# and BENCH_PORT, the first of twelve ports; ROWS=PATTERN measures only groups
# with such an id, as in ROWS='small|100k'.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(make_path remove_tree);
use Time::HiRes qw(sleep time);

use lib dirname(abs_path($0)) . '/lib';

use Bench::Conf;
use Bench::Load;
use Bench::Peers;
use Bench::Report;
use Bench::Rows;
use Bench::Server;


my $top = abs_path(dirname($0) . '/../..');
my $nginx = $ENV{NGINX_BINARY} || 'nginx';
my $objs = abs_path($ENV{OBJS} || 'objs');
my $work = abs_path($ENV{WORK} || 'build');
my $dir = "$work/bench";
my $quick = $ENV{QUICK};
my $only = $ENV{ROWS} || '.*';

my $rounds = $quick ? 3 : 5;
my $ms = $quick ? 200 : 1500;
my $streams = $quick ? 500 : 2000;
my $soak = $quick ? 20_000 : 100_000;
my $long = $quick ? 10_000_000 : 100_000_000;

my $port = $ENV{BENCH_PORT} || 8070;
my %port = map { $_ => $port++ }
           qw(gateway mock mock_tls keys two haproxy lua portkey memory
              own-proxy_pass own-openai own-claude);

# the gateway has the first processor, all others have the second and third

my @cpus = cpus();
my %cpu = (gateway => $cpus[0], mock => $cpus[1] // $cpus[0],
           load => $cpus[2] // $cpus[1] // $cpus[0],
           two => join ',', @cpus[@cpus < 4 ? (0 .. $#cpus) : (0, 3)]);

# no bench is without an end

$SIG{ALRM} = sub { die "\nthe bench takes too long\n" };
$SIG{$_} = sub { exit 1 } for qw(INT TERM HUP);
alarm 1800;

my $began = time;
my ($load) = split ' ', Bench::Server::line('/proc/loadavg');

remove_tree($dir);
make_path("$dir/logs", "$dir/temp");
Bench::Load::init($dir);

my $conf = Bench::Conf->new(
    dir => $dir, objs => $objs, conf => "$top/conf", peers => "$work/peers",
    streams => $streams, long => $long, mock => $port{mock},
    mock_tls => $port{mock_tls});

my %peer = Bench::Peers::find($conf, $nginx, %port);
my @skipped = grep { !ref } @peer{qw(haproxy lua portkey)};
my @groups = grep { $_->{id} =~ /^(?:$only)$/ }
             @{ Bench::Rows::groups($quick, $streams, $port{mock}) };

for my $group (@groups) {
    @{ $group->{rows} } = grep { !exists $peer{$_->{server}}
                                 || ref $peer{$_->{server}} }
                          @{ $group->{rows} };
}

my %server = (mock => start('mock'));

for my $row (map { @{ $_->{rows} } } grep { $_->{kind} ne 'memory' } @groups) {
    $server{$row->{server}} //= start($row->{server});
}

my @rows = map { @{ $_->{rows} } } grep { $_->{kind} ne 'memory' } @groups;

progress('started');
warm($_) for sort { ($b->{size} // 0) <=> ($a->{size} // 0) } @rows;
progress('warm');

for my $round (1 .. $rounds) {
    measure($_) for @rows;
    progress("round $round of $rounds");
}

my $report = Bench::Report->new(
    nginx => $nginx, top => $top, rounds => $rounds, ms => $ms,
    load => $load, cpus => scalar @cpus, shared => $cpu{mock} == $cpu{load},
    groups => \@groups, skipped => \@skipped);

for my $group (grep { $_->{kind} eq 'memory' } @groups) {
    if (files_allow($streams)) {
        memory($_) for (@{ $group->{rows} }) x ($quick ? 1 : 3);
        progress('memory of streams');
    }
}

if ($only eq '.*') {
    $report->note(soak());
    $report->note(long_stream());
    progress('long runs');
}

$report->print;
$report->write("$work/bench.json");

printf "\n%.0f seconds; in numbers: %s/bench.json\n", time - $began, $work;

exit($report->missed ? 1 : 0);


# the processors that this process may use

sub cpus {
    open my $fh, '<', '/proc/self/status' or die "status: $!\n";

    my ($list) = map { /^Cpus_allowed_list:\s*(\S+)/ } <$fh>;

    return map { /(\d+)-(\d+)/ ? $1 .. $2 : $_ } split /,/, $list;
}


# A server by its name; $as is the name when it is another one of that kind.

sub start {
    my ($name, $as) = @_;

    my $port = $port{$as // $name};
    my ($command, $env);

    if ($peer{$name}) {
        ($command, $env) = @{ $peer{$name} }{qw(command env)};

    } else {
        certificate() if $name eq 'mock';

        my $file = $name eq 'mock' ? $conf->mock
            : $conf->gateway($as // $name, $port, keys => $name eq 'keys',
                             workers => $name eq 'two' ? 2 : 1);

        $command = [$nginx, '-p', "$dir/", '-c', "$dir/$file"];
    }

    return Bench::Server->start(
        name => $name, port => $port, command => $command, env => $env,
        cpus => $cpu{$name} // $cpu{gateway}, log => "$dir/logs/$name.log");
}


# the simulator's, signed by itself

sub certificate {
    system('openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 '
           . "-nodes -days 2 -subj /CN=mock -keyout $dir/mock.key "
           . "-out $dir/mock.crt >$dir/logs/openssl.log 2>&1") == 0
        or die "openssl failed, see $dir/logs/openssl.log\n";
}


# What a peer cannot do is not measured; of the others it is the end.

sub load {
    my ($row, @options) = @_;

    return if $row->{failed};

    my $got = eval { Bench::Load::run(where($row), @options) };

    give_up($row, $@) if !$got;

    return $got;
}


sub give_up {
    my ($row, $why) = @_;

    die "\n$why" if !$peer{$row->{server}};

    $row->{failed} = 1;
    delete $row->{rounds};

    my @lines = grep { length } split /[\r\n]+/, $why;

    push @skipped, join ' ', @lines[0 .. ($#lines > 1 ? 1 : $#lines)];
}


# a row with what its load needs to know

sub where {
    my ($row) = @_;

    return { %$row, port => $row->{port} // $port{$row->{server}},
             cpus => $cpu{load}, load => "$objs/bench/load" };
}


# as many requests for each row of a group

sub warm {
    my ($row) = @_;

    my $n = $row->{kind} eq 'paced' ? 0
            : $row->{kind} eq 'stream' ? 2
            : $row->{size} > 200_000 ? 16 : 200;

    load($row, '-n', $n) if $n;
}


sub measure {
    my ($row) = @_;

    # the first requests of streams: 2 ms apart, and at any time of their 10 ms

    my @options = $row->{kind} eq 'paced'
                  ? ('-n', $row->{conns}, '-g', $quick ? 1025 : 2050)
                  : ('-d', $ms);

    my ($gateway, $mock) = ($server{$row->{server}}, $server{mock});
    my @before = ($gateway->cpu, $mock->cpu);
    my $got = load($row, @options) or return;

    # what is under way still: the log, the end of a connection

    sleep 0.005;

    my @after = ($gateway->cpu, $mock->cpu);

    my $cpu = $after[0] - $before[0];
    my $per = $row->{events} ? $got->{events} : $got->{requests};

    my %m = (us => 1e6 * $cpu / $per, rate => $per / $got->{seconds},
             busy => 100 * $cpu / $got->{seconds},
             mock => 100 * ($after[1] - $before[1]) / $got->{seconds},
             client => 100 * $got->{cpu} / $got->{seconds});

    for my $what (qw(latency ttft jitter)) {
        $m{"${what}_$_"} = $got->{$what}{$_} for keys %{ $got->{$what} // {} };
    }

    push @{ $row->{rounds}{$_} }, $m{$_} for keys %m;
}


# What a gateway needs for one stream more: a fresh one with a stream, and with
# all of them.

sub memory {
    my ($row) = @_;

    return if $row->{failed};

    my $name = $row->{server};
    my $as = $peer{$name} ? $name : 'memory';

    $server{$as}->stop if $server{$as};
    $server{$as} = start($name, $as);

    my $of = { %$row, port => $port{$as} };
    my @kb = map { open_streams($as, { %$of, conns => $_ }) }
             1, $row->{conns};

    $server{$as}->stop;

    return give_up($row, $@) if @kb < 2;

    push @{ $row->{rounds}{kb} }, ($kb[1] - $kb[0]) / ($row->{conns} - 1);
}


# the memory of a server while the streams are open

sub open_streams {
    my ($name, $row) = @_;

    my $run = Bench::Load::begin(where($row), '-k', '-n', $row->{conns},
                                 '-g', 500);
    my $open = readline $run->{out};
    my $kb = $server{$name}->memory;

    return eval { Bench::Load::finish($run); 1 } ? $kb : ();
}


sub files_allow {
    my ($n) = @_;

    my ($files) = `sh -c 'ulimit -Hn'` =~ /(\d+)/;
    my $want = $conf->files;

    return 1 if !defined $files || $files >= $want;

    push @skipped, "$n open streams want $want open files, the limit is $files";

    return 0;
}


# memory over many requests

sub soak {
    my %row = (name => 'soak', kind => 'buffered', server => 'gateway',
               path => '/v1/chat/completions', model => 'bench-openai',
               size => 1024, conns => 64);

    load(\%row, '-n', 2000);

    my $before = $server{gateway}->memory;

    load(\%row, '-n', $soak);

    return (requests => { n => $soak, before_kb => $before,
                          after_kb => $server{gateway}->memory });
}


# memory over one stream that is long, while it runs

sub long_stream {
    my %row = (name => 'a long stream', kind => 'stream', server => 'gateway',
               path => '/v1/chat/completions', model => 'long-openai',
               words => 10, events => 100_000, conns => 1);

    my $before = $server{gateway}->memory;
    my $run = Bench::Load::begin(where(\%row), '-n', 1);
    my $peak = $before;

    until (Bench::Load::ready($run, 0.02)) {
        my $now = $server{gateway}->memory;
        $peak = $now if $now > $peak;
    }

    my $got = Bench::Load::finish($run);

    return (stream => { bytes => $got->{bytes}, before_kb => $before,
                        peak_kb => $peak,
                        after_kb => $server{gateway}->memory });
}


sub progress {
    my ($what) = @_;

    printf STDERR "%4.0f s: %s\n", time - $began, $what;
}
