# The modes of the test driver that the environment chooses.

use strict;
use warnings;

use Cwd qw(getcwd);
use FindBin;
use Test::More;

require "$FindBin::Bin/lib/selftest.pl";

my $blocks = <<'END';
=== ONE
--- config
    location /t {
        return 200 "one\n";
    }
--- request
GET /t
--- response_body
one

=== TWO
--- config
    location /t {
        return a b c;
    }
--- must_die
--- error_log
invalid number of arguments
--- suppress_stderr

=== THREE
--- config
    location /t {
        return 200 "three\n";
    }
--- request
GET /t
--- response_body
three

=== FOUR
--- config
    location /t {
        return 200 "four\n";
    }
--- request
GET /t
--- response_body
four
END

my $pid_block = <<'END';

=== PID
--- config
    location = /pid {
        return 200 "$pid";
    }
--- request
GET /pid
--- response_body_filters eval
sub { print "# worker $_[0]\n"; return 'x' }
--- response_body: x
END

my @strict = (LLMBROKER_STRICT => 1);


sub is_success {
    my ($run, $count, $name) = @_;

    ok($run->{exit} == 0 && @{$run->{tests}} == $count, $name)
        or diag($run->{output});
}


is_success(selftest_run($blocks, @strict), 8, 'plain');

is_success(selftest_run($blocks, @strict, TEST_NGINX_MASTER_PROCESS => 'on'),
           8, 'with a master process');

is_success(selftest_run($blocks, @strict, TEST_NGINX_LOG_LEVEL => 'warn',
                        TEST_NGINX_FAST_SHUTDOWN => 1,
                        TEST_NGINX_POSTPONE_OUTPUT => 1,
                        TEST_NGINX_EVENT_TYPE => 'epoll'), 8, 'other settings');


# the configuration is reloaded, so the master stays and the workers change

my $run = selftest_run("$blocks$pid_block$pid_block", @strict,
                       TEST_NGINX_USE_HUP => 1);
my %workers = map { $_ => 1 } $run->{output} =~ /^# worker (\d+)$/mg;

is_success($run, 12, 'reloads');
is(scalar keys %workers, 2, 'each reload has a new worker');

$run = selftest_run($blocks =~ s/--- must_die\n/--- request\nGET \/t\n/r
                             =~ s/--- suppress_stderr\n/--- reload_fails\n/r,
                    @strict, TEST_NGINX_USE_HUP => 1);
is_success($run, 8, 'a reload that fails leaves the old configuration');

$run = selftest_run($blocks =~ s/three\n\n=== FOUR/threw\n\n=== FOUR/r,
                    TEST_NGINX_USE_HUP => 1);
isnt($run->{exit}, 0, 'a wrong expectation fails with reloads too');


# a port and a directory of its own

my $randomized = selftest_dir() . '/random';

$run = selftest_run($blocks, @strict, TEST_NGINX_RANDOMIZE => 1,
                    TEST_NGINX_SERVROOT => $randomized);
is_success($run, 8, 'random port');
is_deeply([glob "${randomized}_*"], [], 'its directory is removed');

my @runs = map { [selftest_start($blocks, @strict, TEST_NGINX_RANDOMIZE => 1,
                                 TEST_NGINX_SERVROOT => $randomized)] } 1 .. 3;

for my $i (0 .. $#runs) {
    my $out = $runs[$i][1];
    my $output = join '', <$out>;

    close $out;
    is($?, 0, "run $i of several at once") or diag($output);
}

$run = selftest_run($blocks =~ s/one\n\n/won\n\n/r, TEST_NGINX_RANDOMIZE => 1,
                    TEST_NGINX_SERVROOT => $randomized);
isnt($run->{exit}, 0, 'random port, a wrong expectation fails');
like($run->{output}, qr/The server root is kept: \Q$randomized\E_\d+$/m,
     'and its directory is kept');


# the logs of all blocks

my $logs = selftest_dir() . '/all.log';

selftest_run($blocks, TEST_NGINX_ERROR_LOG => $logs);
open my $in, '<', $logs or die;
is(scalar(grep { /^=== \S+ (?:ONE|TWO|THREE|FOUR)$/ } <$in>), 4,
   'the logs of all blocks are collected');


# memory

my $one = $blocks =~ s/=== TWO.*//sr;

$run = selftest_run($one, TEST_NGINX_CHECK_LEAK => 1,
                    TEST_NGINX_CHECK_LEAK_COUNT => 10);
like($run->{output}, qr/LeakTest: \[\d+(?: \d+){9}\]\n.*LeakTest: k=/,
     'memory is measured');
is($run->{exit}, 0, 'and nothing else');

SKIP: {
    skip 'valgrind is not installed', 1
        if system('valgrind --version >/dev/null 2>&1') != 0;

    skip 'valgrind cannot run with AddressSanitizer', 1
        if ($ENV{BUILD} // '') eq 'asan';

    my $cwd = getcwd();

    # t/valgrind.suppress is found from there
    chdir "$FindBin::Bin/..";
    $run = selftest_run($one, @strict, TEST_NGINX_USE_VALGRIND => 1);
    chdir $cwd;

    is_success($run, 2, 'valgrind');
}


done_testing();
