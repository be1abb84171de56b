package Test::Nginx::Leak;

# TEST_NGINX_CHECK_LEAK: repeats a request and prints how the memory of nginx
# grows.  A slope far above 1 tells of a leak.

use strict;
use warnings;

use POSIX ();
use Test::Builder;
use Time::HiRes qw(sleep);

use Test::Nginx::Client;


sub sample {
    my ($block, $server, $set, $packets) = @_;
    my $count = $ENV{TEST_NGINX_CHECK_LEAK_COUNT} || 100;
    my $pid = fork // die "cannot fork: $!\n";
    my @kb;

    if ($pid == 0) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
        _load($set, $packets);
        POSIX::_exit(0);
    }

    # the first requests fill nginx's caches
    sleep 1;

    for (1 .. $count) {
        my $now = $server->rss // last;

        push @kb, $now;
        sleep 0.02;
    }

    kill 'KILL', $pid;
    waitpid $pid, 0;

    my $tb = Test::Builder->new;

    $tb->diag($block->name);
    $tb->diag("LeakTest: [@kb]");
    $tb->diag(sprintf 'LeakTest: k=%.1f', slope(@kb));
}


sub _load {
    my ($set, $packets) = @_;
    my $parent = getppid;

    while (getppid == $parent) {
        Test::Nginx::Client::exchange($packets, addr => $set->{addr},
            port => $set->{client_port}, timeout => 3);
    }
}


# Least squares over samples at equal distances.

sub slope {
    my (@y) = @_;
    my $n = @y;

    return 0 if $n < 2;

    my ($sx, $sy, $sxy, $sxx) = (0, 0, 0, 0);

    for my $x (0 .. $n - 1) {
        $sx += $x;
        $sy += $y[$x];
        $sxy += $x * $y[$x];
        $sxx += $x * $x;
    }

    return ($n * $sxy - $sx * $sy) / ($n * $sxx - $sx * $sx);
}


1;
