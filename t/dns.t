# Addresses of providers follow DNS at run time, within its TTL and without a
# reload, in every version of nginx; what was known last stays in use when DNS
# fails, and a query without an answer holds up nobody (O8).
#
# The name server is a process of this file.  It reads what it is to say from a
# file for each query, so that the tests can change it; nginx is started here,
# since most of this happens between requests.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use POSIX ();
use Socket qw(AF_INET6 inet_aton inet_pton);
use Test::More;
use Time::HiRes qw(sleep time);

my $binary = $ENV{TEST_NGINX_BINARY} || 'nginx';
my $modules = join '', map { 'load_module ' . abs_path($_) . ";\n" }
                           split ' ', $ENV{TEST_NGINX_LOAD_MODULES} // '';

my $owner = $$;
my $dir = tempdir(CLEANUP => 1);
my (%pid, $conf);
my $checked = '';

chmod 0755, $dir;
mkdir "$dir/logs";

my ($front, $provider, $tls) = map { free_port() } 1 .. 3;
my $dns = name_server('127.0.0.1', 0);

END {
    local $?;

    if ($$ == $owner) {
        stop($_) for keys %pid;
    }
}

certificate();


# a TTL of one second is over when the next second but one begins; the last
# tenths are for a busy machine

my $ttl = 2.4;

say_dns('a 1 127.0.0.1', 'two 60 127.0.0.3 127.0.0.1', 'tls 1 127.0.0.1',
        'late 60+0.4 127.0.0.1', 'silent silent');
start();

my $begun = time;


# a request waits for a first answer, but not for long

my $left = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$front");

print $left request('silent');
sleep 0.1;
close $left;

ok(soon(0.5, sub { log_count(qr/client prematurely closed connection/) }),
   'a client that leaves meanwhile is noticed');
is(ask('silent')->{status}, 502, 'DNS says nothing');
cmp_ok(time - $begun, '<', 2.5, 'for two seconds at most');
is(ask('silent')->{status}, 502, 'and nothing again');
cmp_ok(time - $begun, '<', 2.6, 'at once');


# connections are kept, over refreshed addresses as well

my $first = ask('a');

is($first->{status}, 200, 'a name that only DNS knows is found');
is($first->{at}, '127.0.0.1', 'at its address');

my $queries = queries('a');

is(ask('a')->{n}, $first->{n} + 1, 'the second request reuses the connection');
ok(soon($ttl, sub { queries('a') > $queries }), 'DNS is asked again');
is(ask('a')->{n}, $first->{n} + 2, 'which changes nothing when it agrees');


# so are TLS sessions, address by address

$queries = queries('tls');

is(ask('tls')->{reused}, '.', 'TLS: the first handshake is a full one');
is(ask('tls')->{reused}, 'r', 'TLS: the second resumes its session');
ok(soon($ttl, sub { queries('tls') > $queries }), 'TLS: DNS is asked again');
is(ask('tls')->{reused}, 'r', 'TLS: and the session is still known');


# an address that refuses is not the end, and is not asked again at once

my @answers = map { ask('two') } 1 .. 6;

is(join(' ', map { $_->{status} } @answers), '200 200 200 200 200 200',
   'one of two addresses refuses: the other answers');
is(join(' ', map { $_->{attempts} } @answers), '1 1 1 1 1 1',
   'which is one attempt');
cmp_ok(scalar(grep { $_->{tried} =~ /127\.0\.0\.3/ } @answers), '<=', 1,
       'and costs no more than one connection');
cmp_ok(scalar(grep { $_->{tried} =~ /127\.0\.0\.1/ } @answers), '==', 6,
       'all got through to the address that works');


# the address changes

say_dns('a 1 127.0.0.2', 'tls 1 127.0.0.1');

my $bad = 0;

ok(soon($ttl, sub {
        my $answer = ask('a');

        $bad++ if $answer->{status} != 200;
        return $answer->{at} eq '127.0.0.2';
   }), 'an address changes within its TTL, without a reload');
is($bad, 0, 'and no request is lost');


# DNS knows the name no more

say_dns();

ok(soon($ttl, sub { log_count(qr/^.*\ba\.invalid could not be resolved/m) }),
   'a name is gone');
is(ask('a')->{at}, '127.0.0.2', 'its last address stays in use');
is(log_count(qr/a\.invalid could not be .*its last addresses stay in use/), 1,
   'the log says so');

sleep 5.5;

is(log_count(qr/a\.invalid could not be resolved/), 1, 'once');
is(ask('a')->{at}, '127.0.0.2', 'and it works on');

say_dns('a 1 127.0.0.1');

ok(soon(5.5, sub { ask('a')->{at} eq '127.0.0.1' }),
   'it follows DNS when that is back');
is(log_count(qr/a\.invalid is resolved again/), 1, 'the log says so once');


# a name that DNS has not known yet

$begun = time;

my $answer = ask('later');

is($answer->{status}, 502, 'a name without an address');
like($answer->{body}, qr/"code":"provider_unavailable"/, 'has its error');
cmp_ok(time - $begun, '<', 0.5, 'at once');
like(health(), qr/"name":"later"[^\]]*"unresolved"/, '/health knows it');

say_dns('a 1 127.0.0.1', 'later 60 127.0.0.1');

ok(soon(1.5, sub { health() !~ qr/"name":"later"[^\]]*"unresolved"/ }),
   'it comes alive soon after DNS has it');
is(ask('later')->{status}, 200, 'and answers');


# /etc/hosts and addresses are not DNS's

is(ask('local')->{status}, 200, 'localhost');
is(queries('localhost'), 0, 'is not asked for');


# a reload while a query is not answered

say_dns('a 1 127.0.0.1', 'silent silent', 'late 60+0.4 127.0.0.1');

$queries = queries('silent');
ok(soon(2, sub { queries('silent') > $queries }),
   'a query that nobody answers runs');

my $worker = ask('pid')->{body};

reload();
ok(soon(1, sub { !kill 0, $worker }), 'a reload does not wait for it');


# names that the C library does not know, right after a reload

for (1 .. 3) {
    reload();
    is(ask('late')->{status}, 200, 'a first request waits for the answer');
}


# a reload while a request waits

reload();

my $waiting = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$front");

print $waiting request('late');
sleep 0.1;
reload();
like(read_answer($waiting), qr/^HTTP\S+ 200 /, 'it is answered');
close $waiting;


# DNS dies altogether

say_dns('a 1 127.0.0.1');
ok(soon(2, sub { ask('a')->{status} == 200 }), 'a name is known');
stop($dns);
sleep 2.5;
is(ask('a')->{status}, 200, 'and works without DNS');

is(log_count(qr/\[(?:alert|crit|emerg)\]/), 0, 'nothing alarming was logged');
is(log_count(qr/Sanitizer/), 0, 'and nothing of a sanitizer');
stop($front);


# without a master process

$dns = name_server('127.0.0.1', $dns);
say_dns('a 1 127.0.0.1');
start('master_process off;');
ok(soon(2, sub { ask('a')->{status} == 200 }), 'no master: it works');
say_dns('a 1 127.0.0.2');
ok(soon($ttl, sub { ask('a')->{at} eq '127.0.0.2' }),
   'no master: addresses are followed');
stop($front);


# health checks go where requests would

my %host = (dotted => 'dotted.invalid.');
my %interval = (gone => '30s');

$checked = join '', map { <<"END" } qw(gone probed pair six dotted nowhere);
  $_:
    provider: openai
    base_url: http://${\ ($host{$_} // "$_.invalid")}:$provider/v1
    health_check: {interval: ${\ ($interval{$_} // '200ms')}, timeout: 200ms}
END

$checked .= join '', map { <<"END" } qw(tls wrong);
  sure$_:
    provider: openai
    base_url: https://$_.invalid:$tls/v1
    ca_file: cert.pem
    health_check: {interval: 200ms, timeout: 200ms}
END

my @known = ('pair 60 127.0.0.3 127.0.0.1', 'six 60 ::1', 'tls 60 127.0.0.1',
             'dotted 60 127.0.0.1', 'wrong 60 127.0.0.1');

unlink "$dir/logs/tls.log";
say_dns(@known, 'probed 1 127.0.0.1', 'gone 60 127.0.0.3');
start('', "resolver 127.0.0.1:$dns;");

ok(soon(4, sub { checked('probed') eq 'up' }),
   'a check knows a name that only DNS knows');
ok(soon(4, sub { checked('pair') eq 'up' }),
   'one of two addresses refuses: the other is checked');
ok(soon(4, sub { checked('six') eq 'up' }), 'an address of IPv6');
is(ask('six')->{at}, '::1', 'as of requests');
ok(soon(4, sub { checked('dotted') eq 'up' }), 'a name that ends with a dot');
ok(soon(4, sub { checked('suretls') eq 'up' }), 'TLS: a certificate');
like(read_file("$dir/logs/tls.log"),
     qr{^tls\.invalid tls\.invalid:$tls /v1/models$}m,
     'is asked for by name');
ok(soon(4, sub { checked('surewrong') eq 'down' }), 'another is refused');
ok(log_count(qr/"surewrong" is down: .*certificate/), 'by its name');
ok(soon(6, sub { checked('gone') eq 'down' }), 'an address that refuses');

say_dns(@known, 'probed 1 127.0.0.3');
ok(soon($ttl + 1, sub { checked('probed') eq 'down' }),
   'a check follows DNS to a bad address');
say_dns(@known, 'probed 1 127.0.0.2', 'gone silent');
ok(soon($ttl + 1, sub { checked('probed') eq 'up' }), 'and to a good one');

is(checked('nowhere'), 'unknown', 'nothing is known of a name without address');
is(log_count(qr/"nowhere" is down/), 0, 'and nothing said');

reload();
sleep 0.3;
is(checked('gone'), 'down', 'what is down is so until DNS has answered');
ok(soon(5, sub { checked('gone') eq 'unknown' }),
   'without an answer nobody knows');
is(log_count(qr/"gone" has no address/), 1, 'as the log says once');
is(log_count(qr/\[(?:alert|crit|emerg)\]|Sanitizer/), 0, 'nothing alarming');

stop($front);

$checked = '';


# the directive is not for others

write_file("$dir/bad.conf", <<"END");
$modules
error_log logs/bad.log;
pid logs/bad.pid;
events {}
http {
    upstream other { server 127.0.0.1; llmbroker_endpoint; }
}
END

ok(system("$binary -t -q -p $dir/ -e logs/bad.log -c $dir/bad.conf"
          . " 2>/dev/null") != 0, 'llmbroker_endpoint is not for nginx.conf');
like(read_file("$dir/logs/bad.log"), qr/"llmbroker_endpoint" is not for/,
     'which is said');


# without "resolver" the system's name servers are asked; their port is 53

SKIP: {
    my $address = sprintf '127.%d.%d.53', 1 + ($$ >> 8) % 250, $$ % 250;

    write_file("$dir/resolv.conf", "search invalid\nnameserver $address\n");
    write_file("$dir/hosts", "127.0.0.2 hosts.invalid\n");

    my $mount = "mount --bind $dir/resolv.conf /etc/resolv.conf"
                . " && mount --bind $dir/hosts /etc/hosts";

    skip 'needs root and mounts of its own', 6
        if $> != 0
           || system("unshare -m sh -c '$mount' >/dev/null 2>&1") != 0;

    my $system = name_server($address, 53);

    say_dns('a 1 127.0.0.1', 'hosts 1 127.0.0.1');
    start('', '', "unshare -m sh -c '$mount && exec \"\$\@\"' sh");

    ok(soon(2, sub { ask('a')->{at} eq '127.0.0.1' }),
       'without "resolver" resolv.conf is used');

    say_dns('a 1 127.0.0.2');

    ok(soon($ttl, sub { ask('a')->{at} eq '127.0.0.2' }),
       'and addresses are followed');
    is(ask('hosts')->{at}, '127.0.0.2', '/etc/hosts goes before DNS');
    is(log_count(qr/no "resolver"/), 0, 'there is nothing to complain of');

    stop($front);

    write_file("$dir/resolv.conf", "nameserver nonsense\n");
    start('', '', "unshare -m sh -c '$mount && exec \"\$\@\"' sh");

    is(ask('a')->{status}, 502, 'nobody to ask');
    is(log_count(qr/no "resolver", and no nameserver in/), 1, 'is one notice');

    stop($front);
    stop($system);
}

done_testing();


# Starts nginx; "command" runs it.

sub start {
    my ($main, $resolver, $command) = @_;

    $main //= '';
    $resolver //= "resolver 127.0.0.1:$dns ipv6=off;";

    my $user = $> == 0 ? 'user root;' : '';
    my $temp = join '', map { "${_}_temp_path $dir/$_;\n" }
                            qw(client_body proxy fastcgi scgi uwsgi);

    write_file("$dir/nginx.conf", <<"END");
$modules
daemon off;
worker_processes 1;
$main
$user
pid logs/nginx.pid;
error_log logs/error.log info;
events {
    worker_connections 256;
}
http {
    $temp
    access_log off;
    log_format tls '\$ssl_server_name \$http_host \$request_uri';
    default_type application/json;
    $resolver

    llmbroker_config llmbroker.yaml;

    server {
        listen 127.0.0.1:$front;
        location / {
            llmbroker;
            add_header X-Tried \$upstream_addr always;
        }
        location = /pid {
            return 200 \$pid;
        }
    }
    server {
        listen 127.0.0.1:$provider;
        listen 127.0.0.2:$provider;
        listen [::1]:$provider;
        return 200
            '{"choices":[],"at":"\$server_addr","n":"\$connection_requests"}';
    }
    server {
        listen 127.0.0.1:$tls ssl;
        ssl_certificate cert.pem;
        ssl_certificate_key key.pem;
        keepalive_timeout 0;
        access_log logs/tls.log tls;
        return 200 '{"choices":[],"reused":"\$ssl_session_reused"}';
    }
}
END

    my $models = join '', map { <<"END" } qw(a two later late silent hosts);
  $_:
    provider: openai
    base_url: http://$_.invalid:$provider/v1
END

    write_file("$dir/llmbroker.yaml", <<"END");
models:
$models
  local:
    provider: openai
    base_url: http://localhost:$provider/v1
  tls:
    provider: openai
    base_url: https://tls.invalid:$tls/v1
    tls_verify: false
$checked
END

    unlink "$dir/logs/error.log";

    my $pid = fork // die "cannot fork: $!\n";

    if (!$pid) {
        open STDERR, '>', "$dir/logs/stderr";
        exec join(' ', 'exec', $command // '',
                  "$binary -p $dir/ -e logs/error.log -c $dir/nginx.conf")
            or POSIX::_exit(127);
    }

    $pid{$front} = $pid;

    soon(10, sub { ask('pid')->{status} == 200 })
        or die "nginx does not start: " . read_file("$dir/logs/stderr");
}


# Reloads nginx; returns when new requests reach the new worker only.

sub reload {
    my $old = ask('pid')->{body};

    kill 'HUP', $pid{$front};

    soon(5, sub { log_count(qr/ $old#\d+: gracefully shutting down/) })
        or die "no new worker\n";
}


sub stop {
    my ($name) = @_;

    my $pid = delete $pid{$name} or return;

    kill $name eq $front ? 'QUIT' : 'TERM', $pid;

    soon(5, sub { waitpid($pid, 1) == $pid }) or kill 'KILL', $pid;
}


# Asks a model, or for the page /pid.

sub ask {
    my ($model) = @_;

    return http($model eq 'pid' ? "GET /pid HTTP/1.0\r\n\r\n"
                                : request($model));
}


sub request {
    my ($model) = @_;

    my $body = qq({"model":"$model","messages":)
               . '[{"role":"user","content":"hi"}]}';

    return "POST /v1/chat/completions HTTP/1.0\r\nContent-Length: "
           . length($body) . "\r\n\r\n$body";
}


# What the health checks of a model have found.

sub checked {
    my ($model) = @_;

    return health() =~ /"name":"$model".*?"checked":"(\w+)"/ ? $1 : '';
}


sub health {
    return http("GET /health HTTP/1.0\r\n\r\n")->{body};
}


sub http {
    my ($request) = @_;

    my $answer = { status => 0, body => '', at => '', tried => '', n => 0 };
    my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$front",
                                       Timeout => 2)
        or return $answer;

    print $socket $request;

    my $text = read_answer($socket);

    if ($text =~ m{^HTTP/1\.\d (\d+) .*?\r\n\r\n(.*)}s) {
        ($answer->{status}, $answer->{body}) = ($1, $2);
    }

    $answer->{attempts} = $1 if $text =~ /^x-llmbroker-attempts: (\d+)/mi;
    $answer->{tried} = $1 if $text =~ /^X-Tried: ([^\r]*)/mi;
    $answer->{$1} = $2 while $text =~ /"(at|n|reused)":"([^"]*)"/g;

    return $answer;
}


sub read_answer {
    my ($socket) = @_;

    my $text = '';

    eval {
        local $SIG{ALRM} = sub { die "timeout\n" };
        alarm 4;
        1 while sysread $socket, $text, 65536, length $text;
        alarm 0;
    };

    alarm 0;

    return $text;
}


# Whether something comes true within so many seconds.

sub soon {
    my ($seconds, $check) = @_;

    my $end = time + $seconds;

    while (1) {
        my $late = time > $end;

        return 1 if $check->();
        return 0 if $late;

        sleep 0.02;
    }
}


sub log_count {
    my ($re) = @_;

    return scalar(() = read_file("$dir/logs/error.log") =~ /$re/g);
}


# "NAME TTL[+DELAY] ADDRESS ..." for NAME.invalid; "NAME silent": no answer;
# all the others do not exist

sub say_dns {
    write_file("$dir/dns.new", map { "$_\n" } @_);
    rename "$dir/dns.new", "$dir/dns" or die "cannot rename: $!\n";
}


sub queries {
    my ($name) = @_;

    return scalar(() = read_file("$dir/queries") =~ /^\Q$name\E$/mg);
}


# Returns the port, or the address when the port is told.

sub name_server {
    my ($address, $port) = @_;

    my $socket = IO::Socket::INET->new(Proto => 'udp', LocalPort => $port,
                                       LocalAddr => $address, ReuseAddr => 1)
        or die "no UDP socket: $!\n";

    my $name = $port == 53 ? $address : $socket->sockport;

    $pid{$name} = fork // die "cannot fork: $!\n";

    if (!$pid{$name}) {
        $SIG{TERM} = 'DEFAULT';
        $SIG{ALRM} = sub { getppid == $owner ? alarm 5 : POSIX::_exit(0) };
        alarm 5;

        while (1) {
            defined $socket->recv(my $query, 512) or next;

            my $answer = answer($query);

            $socket->send($answer) if defined $answer;
        }
    }

    return $name;
}


sub answer {
    my ($query) = @_;

    my ($question) = substr($query, 12) =~ /^(.*?\0.{4})/s or return undef;
    my ($label) = $question =~ /^.([a-z]*)/s;
    my $type = unpack 'n', substr $question, -4, 2;

    open my $out, '>>', "$dir/queries" or return undef;
    print $out "$label\n";
    close $out;

    my ($line) = grep { /^\Q$label\E / } split /^/, read_file("$dir/dns");
    my (undef, $ttl, @addresses) = split ' ', $line // '';

    return undef if ($ttl // '') eq 'silent';

    ($ttl, my $delay) = split /\+/, $ttl // 0;
    sleep $delay if $delay;

    my $head = substr($query, 0, 2) . ($line ? "\x81\x80" : "\x81\x83");

    @addresses = grep { $type == (/:/ ? 28 : 1) } @addresses;

    return $head . pack('n4', 1, scalar @addresses, 0, 0) . $question
           . join '', map { pack('n3Nn/a*', 0xc00c, $type, 1, $ttl,
                                 /:/ ? inet_pton(AF_INET6, $_)
                                     : inet_aton($_)) } @addresses;
}


sub free_port {
    my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)
        or die "no socket: $!\n";

    return $socket->sockport;
}


sub certificate {
    system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256"
           . " -nodes -days 3650 -subj /CN=tls.invalid"
           . " -keyout $dir/key.pem -out $dir/cert.pem >$dir/log 2>&1") == 0
        or die "openssl failed, is it installed?\n";
}


sub write_file {
    my ($name, @text) = @_;

    open my $out, '>', $name or die "cannot write $name: $!\n";
    print $out @text;
    close $out or die "cannot write $name: $!\n";
}


sub read_file {
    my ($name) = @_;

    open my $in, '<', $name or return '';
    local $/;

    return scalar(<$in>) // '';
}
