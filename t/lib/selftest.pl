# Runs a test file with the driver of t/lib in a perl of its own and tells how
# it went.  For tests of the driver: a wrong expectation has to fail.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use POSIX ();

my $lib = dirname(abs_path(__FILE__));
my $dir = tempdir(CLEANUP => 1);
my $count = 0;


sub selftest_dir {
    return $dir;
}


# A port that is free now.

sub selftest_port {
    my $sock = IO::Socket::INET->new(LocalAddr => '0.0.0.0', Listen => 1)
               // die "no port: $!\n";

    return $sock->sockport;
}


# spec: blocks, or a whole test file when it has __DATA__.
# env: variables for the driver; undef takes one away.
#
# Returns { exit, output, tests => [{ ok, name, diag }] }.

sub selftest_run {
    my ($spec, %env) = @_;
    my (undef, $out) = selftest_start($spec, %env);
    my $output = do { local $/; <$out> } // '';

    # waits for the process
    close $out;

    return { exit => $?, output => $output, tests => _tests($output) };
}


# Returns the process and its output.

sub selftest_start {
    my ($spec, %env) = @_;
    my $file = sprintf '%s/%d.t', $dir, ++$count;

    $spec = "use Test::Nginx::Socket 'no_plan';\nno_shuffle();\n"
            . "run_tests();\n__DATA__\n\n$spec" if $spec !~ /^__DATA__$/m;

    open my $test, '>:raw', $file or die "cannot write $file: $!\n";
    print $test $spec;
    close $test;

    my $pid = open(my $out, '-|') // die "cannot fork: $!\n";

    return ($pid, $out) if $pid;

    # a run in the background was told to ignore it
    $SIG{INT} = 'DEFAULT';

    for my $name (grep { /^(?:TEST_NGINX|LLMBROKER|HARNESS)_/ } keys %ENV) {
        delete $ENV{$name} if $name ne 'TEST_NGINX_BINARY';
    }

    $ENV{TEST_NGINX_SERVROOT} = "$dir/root";
    $ENV{TEST_NGINX_PORT} = selftest_port();

    for my $name (keys %env) {
        defined $env{$name} ? $ENV{$name} = $env{$name} : delete $ENV{$name};
    }

    open STDERR, '>&', \*STDOUT;
    exec $^X, "-I$lib", $file or POSIX::_exit(127);
}


sub _tests {
    my ($output) = @_;
    my @tests;

    for my $line (split /^/, $output) {
        if ($line =~ /^(not )?ok \d+(?: - (.*))?$/) {
            push @tests, { ok => !$1, name => $2 // '', diag => '' };

        } elsif ($line =~ /^# / && @tests) {
            $tests[-1]{diag} .= $line;
        }
    }

    return \@tests;
}


1;
