# Thousands of models in a file: the time of reading them grows with their
# number and no faster, wherever they are asked, they are all served, and a
# reload leaves nothing behind.
#
# A file of 10,000 models takes less than a second; what is tested is that it
# takes about four times as long as one of 2,500, which any machine can tell.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(sleep time);

my $binary = $ENV{TEST_NGINX_BINARY} || 'nginx';
my $modules = join '', map { 'load_module ' . abs_path($_) . ";\n" }
                           split ' ', $ENV{TEST_NGINX_LOAD_MODULES} // '';

# sanitizers make all of it slower, and keep memory that was freed

my $slow = ($ENV{BUILD} // '') eq 'asan' || $ENV{TEST_NGINX_USE_VALGRIND};
my $many = $slow ? 2000 : 10000;

my $owner = $$;
my $dir = tempdir(CLEANUP => 1);
my ($pid, $port);

chmod 0755, $dir;
mkdir "$dir/logs";

END {
    local $?;
    stop() if $$ == $owner && $pid;
}


# what the models of a file are like, and what else it has

my %kinds = (
    'one address' => sub {
        return one($_[0], 'base_url' => 'http://127.0.0.1:9/v1');
    },
    'an address each' => sub {
        return one($_[0], 'base_url' => 'http://' . address($_[0]) . '/v1');
    },
    'a port each' => sub {
        return one($_[0], 'base_url' => 'http://127.0.0.1:' . ($_[0] + 1));
    },
    'TLS to an address each' => sub {
        return one($_[0], 'base_url' => 'https://' . address($_[0]) . '/v1');
    },
    'a variable each that is not set' => sub {
        return one($_[0], 'api_key' => "\${LLMBROKER_TEST_UNSET_$_[0]}");
    },
    'all there is' => \&everything,
);

for my $kind (sort keys %kinds) {
    my ($few, $all);

    # the least of several, as the machine has other things to do

    for (1 .. 5) {
        $few = least($few, load($kind, $many / 4));
        $all = least($all, load($kind, $many));

        last if $all < 5 * $few + 0.05;
    }

    cmp_ok($all, '<', 6 * $few + 0.05, "$kind: $many models take "
           . sprintf("%.2f s, a quarter of them %.2f s", $all, $few));
    cmp_ok($all, '<', 2, "$kind: less than 2 s") if !$slow;
}


write_conf('all there is', $many);
start();

my ($status, $body) = get('/v1/models');

is($status, 200, 'the models are listed');
is(() = $body =~ /"id":"m\d+"/g, $many, 'all of them');

for my $name ('m0', 'm' . ($many - 1)) {
    is((get("/v1/models/$name"))[0], 200, "$name is found");
}

for my $name ("m$many", 'M0', 'm', 'x' x 256, 'm0' x 2000) {
    is((get("/v1/models/$name"))[0], 404, 'another is not');
}

SKIP: {
    skip 'memory that was freed is kept', 1 if $slow;

    reload() for 1 .. 3;

    my $before = resident();

    reload() for 1 .. 5;

    cmp_ok(resident(), '<', 1.05 * $before, 'reloads leave nothing behind');
}

reload();
is((get("/v1/models/m1"))[0], 200, 'it is served after a reload');

stop();

is(log_count(qr/\[(?:alert|crit|emerg)\]|Sanitizer/), 0, 'nothing alarming');

done_testing();


sub address {
    my $i = shift;

    return join '.', 10, $i >> 16 & 255, $i >> 8 & 255, $i & 255;
}


sub one {
    my ($i, %keys) = @_;

    my $text = "  m$i:\n    provider: openai\n";

    $text .= "    $_: \"$keys{$_}\"\n" for keys %keys;

    return $text;
}


sub everything {
    my ($i, $n) = @_;

    my ($next, $other) = (($i + 1) % $n, ($i + $n / 2) % $n);

    return <<"END" . join '', map { <<"END2" } 0 .. 2;
  m$i:
    provider: openai
    model_name: "model-$i"
    api_key: "\${LLMBROKER_TEST_UNSET:-key-$i}"
    timeout: 30
    connect_timeout: 2s
    default_params:
      {temperature: 0.7, max_tokens: $i, stop: [a, b], metadata: {team: x}}
    override_params: {store: false, user: "user-$i"}
    drop_params: [logit_bias, seed]
    fallbacks: [m$next, m$other]
    strategy: least_busy
    affinity: \$http_x_session_id
    breaker: {failures: 5, open: 5s}
    deployments:
END
      - base_url: "http://@{[address($i % 100 * 3 + $_)]}/v1"
        weight: @{[$_ + 1]}
END2
}


sub write_conf {
    my ($kind, $n) = @_;

    $port //= free_port();

    my $user = $> == 0 ? 'user root;' : '';
    my $temp = join '', map { "${_}_temp_path $dir/$_;\n" }
                            qw(client_body proxy fastcgi scgi uwsgi);

    write_file("$dir/nginx.conf", <<"END");
$modules
daemon off;
worker_processes 1;
$user
pid logs/nginx.pid;
error_log logs/error.log error;
events {}
http {
    $temp
    access_log off;
    llmbroker_config llmbroker.yaml;
    server {
        listen 127.0.0.1:$port;
        location / { llmbroker; }
        location = /pid { return 200 \$pid; }
    }
}
END

    my $models = join '', map { $kinds{$kind}->($_, $n) } 0 .. $n - 1;
    my $keys = join '', map { "    - \"client-$_\"\n" } 1 .. $n;

    write_file("$dir/llmbroker.yaml", <<"END");
models:
${models}security:
  api_keys:
$keys
END
}


# The processor's time of "nginx -t", in seconds.

sub load {
    my ($kind, $n) = @_;

    write_conf($kind, $n);

    my $before = (times)[2];

    system("$binary -t -q -p $dir/ -e logs/error.log -c $dir/nginx.conf"
           . " 2>$dir/logs/stderr") == 0
        or BAIL_OUT("$kind: " . read_file("$dir/logs/stderr"));

    return (times)[2] - $before;
}


sub least {
    my ($least, $time) = @_;

    return !defined $least || $time < $least ? $time : $least;
}


sub start {
    $pid = fork;

    if (!$pid) {
        open STDERR, '>', "$dir/logs/stderr";
        exec split(' ', $binary), '-p', "$dir/", '-e', 'logs/error.log',
             '-c', "$dir/nginx.conf" or POSIX::_exit(1);
    }

    wait_for(sub { worker() }) or BAIL_OUT('nginx does not start');
}


sub stop {
    kill 'TERM', $pid;
    waitpid $pid, 0;
    $pid = 0;
}


sub reload {
    my $old = worker();

    kill 'HUP', $pid;

    wait_for(sub { my $new = worker(); return $new && $new ne $old })
        or BAIL_OUT('nginx does not reload');
    wait_for(sub { !-e "/proc/$old" }) or BAIL_OUT('an old worker stays');
}


sub worker {
    my ($status, $body) = get('/pid');

    return $status == 200 ? $body : undef;
}


sub wait_for {
    my $test = shift;

    for (my $end = time + 60; time < $end; sleep 0.05) {
        return 1 if $test->();
    }

    return 0;
}


# Memory of the master, in KB; the system frees what its workers used.

sub resident {
    return read_file("/proc/$pid/status") =~ /^VmRSS:\s+(\d+)/m ? $1 : die;
}


sub get {
    my $path = shift;

    my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port") or return 0;

    local $/;
    local $SIG{PIPE} = 'IGNORE';

    print $s "GET $path HTTP/1.0\r\nHost: localhost\r\n\r\n";

    my ($head, $body) = split /\r\n\r\n/, <$s> // '', 2;

    return ($head && $head =~ m{^HTTP/1\.\d (\d+)} ? $1 : 0, $body);
}


sub free_port {
    return IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)
                           ->sockport;
}


sub write_file {
    my ($name, $text) = @_;

    open my $out, '>', $name or die "$name: $!\n";
    print $out $text;
    close $out or die "$name: $!\n";
}


sub read_file {
    my $name = shift;

    open my $in, '<', $name or die "$name: $!\n";
    local $/;

    return <$in>;
}


sub log_count {
    my $pattern = shift;

    return scalar(() = read_file("$dir/logs/error.log") =~ /$pattern/g);
}
