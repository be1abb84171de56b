#!/usr/bin/perl

# Runs tests and ends with a line that counts them all.
#
#   run.pl TEST ...
#
# TEST is a unit test's program, a fuzzer's program that is fed with its corpus,
# a .t file or a script that counts for itself, such as the client checks.  The
# environment says with what: NGINX_BINARY, OBJS, WORK and JOBS, as the Makefile
# sets them.

use strict;
use warnings;

use Cwd qw(abs_path);
use TAP::Harness;


my $objs = abs_path($ENV{OBJS} || 'objs');
my $module = "$objs/ngx_http_llmbroker_module.so";
my $mock = "$objs/ngx_http_llmbroker_mock_module.so";

$ENV{TEST_NGINX_BINARY} = $ENV{NGINX_BINARY};
$ENV{TEST_NGINX_LOAD_MODULES} = "$module $mock";
$ENV{TEST_NGINX_RANDOMIZE} = 1;
$ENV{LLMBROKER_STRICT} = 1;

# nginx frees little at exit, and every module brings its own ngx_modules[]

$ENV{ASAN_OPTIONS} //= 'detect_leaks=0:detect_odr_violation=0:'
                       . 'detect_stack_use_after_return=1';
$ENV{UBSAN_OPTIONS} //= 'print_stacktrace=1';

my ($passed, $failed) = (0, 0);

run_corpus($_) for grep { /\/fuzz_\w+$/ } @ARGV;
run_tap(grep { !/\.sh$|\/fuzz_\w+$/ } @ARGV);
run_script($_) for grep { /\.sh$/ } @ARGV;

print "$passed passed, $failed failed\n";

exit($failed || !$passed ? 1 : 0);


sub run_tap {
    my @tests = @_ or return;

    my $real = system('perl -MTest::Nginx::Socket -e1 2>/dev/null') == 0;

    my $harness = TAP::Harness->new({
        jobs => $ENV{JOBS} || 1,
        lib => $real ? [] : [abs_path('t/lib')],
        color => -t STDOUT ? 1 : 0,
        exec => sub {
            my ($h, $test) = @_;

            return $test =~ /\.t$/ ? undef : [$test];
        },
    });

    my $all = $harness->runtests(@tests);

    $passed += $all->passed - $all->skipped;
    $failed += $all->failed;

    # a file that died, or ran another number of tests than it planned

    for my $parser ($all->parsers) {
        $failed++ if $parser->has_problems && !$parser->failed;
    }

    print $all->skipped . " skipped\n" if $all->skipped;
}


# what was found once must not come back: each file is a test

sub run_corpus {
    my ($program) = @_;

    my ($name) = $program =~ /fuzz_(\w+)$/;
    my ($good, $bad) = (0, 0);

    for my $file (sort glob "t/fuzz/corpus/$name/*") {

        if (system("$program $file >/dev/null") == 0) {
            $good++;

        } else {
            print "$program $file failed\n";
            $bad++;
        }
    }

    printf "t/fuzz/corpus/%s: %d files ok\n", $name, $good;

    $passed += $good;
    $failed += $bad;
}


sub run_script {
    my ($script) = @_;

    open my $out, '-|', 'sh', $script or die "$script: $!\n";

    my ($good, $bad, $counted) = (0, 0, 0);

    while (my $line = <$out>) {
        if ($line =~ /^(\d+) passed, (\d+) failed$/) {
            ($good, $bad, $counted) = ($1, $2, 1);
            $line = "$script: $line";
        }

        print $line;
    }

    # a script that fails without a failed test is a failure by itself

    if (!close($out) && !$bad || !$counted) {
        print "$script failed\n";
        $bad++;
    }

    $passed += $good;
    $failed += $bad;
}
