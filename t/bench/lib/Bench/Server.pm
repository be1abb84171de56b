package Bench::Server;

# What the bench starts: nginx as gateway, the simulator, other proxies.  Each
# is a process with all its descendants, on processors of its own.

use strict;
use warnings;

use IO::Socket::INET;
use POSIX qw(sysconf WNOHANG _SC_CLK_TCK);
use Time::HiRes qw(sleep time);

my %running;

# whatever ends the bench also ends these

END { my $rc = $?; stop_all(); $? = $rc }


# name, port, cpus (as taskset wants them), command (a list), log (a file), env

sub start {
    my ($class, %self) = @_;

    my $self = bless \%self, $class;

    die "port $self->{port} is taken: set BENCH_PORT\n"
        if connects($self->{port});

    my $pid = fork // die "fork: $!\n";

    if ($pid == 0) {
        $ENV{$_} = $self->{env}{$_} for keys %{ $self->{env} };

        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', $self->{log};
        open STDERR, '>&', \*STDOUT;

        exec 'taskset', '-c', $self->{cpus}, @{ $self->{command} }
            or POSIX::_exit(127);
    }

    $self->{pid} = $pid;
    $running{$pid} = $self;

    for (1 .. 100) {
        return $self if connects($self->{port});
        last if waitpid($pid, WNOHANG) != 0;
        sleep 0.1;
    }

    $self->stop;
    die "$self->{name} did not start, see $self->{log}\n";
}


# CPU seconds so far, of all threads of all its processes: the scheduler's
# account in ns; "stat", where there is nothing else, has ticks of 10 ms

sub cpu {
    my ($self) = @_;

    my $sum = 0;

    for my $pid ($self->pids) {
        for my $file (glob "/proc/$pid/task/*/schedstat") {
            $sum += (split ' ', line($file))[0] / 1e9;
        }

        if (!-e "/proc/$pid/schedstat") {
            my @fields = split ' ', line("/proc/$pid/stat") =~ s/.*\)//r;
            $sum += ($fields[11] + $fields[12]) / sysconf(_SC_CLK_TCK);
        }
    }

    return $sum;
}


# the only line of a file; a thread may be gone

sub line {
    my ($file) = @_;

    open my $fh, '<', $file or return '0';

    return <$fh> // '0';
}


# KB of memory that are its own: not those of files, not shared with a master

sub memory {
    my ($self) = @_;

    my $sum = 0;

    for my $pid ($self->pids) {
        open my $fh, '<', "/proc/$pid/smaps_rollup" or next;

        while (my $line = <$fh>) {
            $sum += $1 if $line =~ /^Private_(?:Clean|Dirty):\s*(\d+) kB/;
        }
    }

    return $sum;
}


# It and its descendants, as they are when it has served something.  A process
# that is gone later is the end of the bench.

sub pids {
    my ($self) = @_;

    if (!$self->{pids}) {
        my %children;

        for my $file (glob '/proc/[0-9]*/stat') {
            line($file) =~ /^(\d+) \(.*\) \S (\d+)/ or next;
            push @{ $children{$2} }, $1;
        }

        my @pids = ($self->{pid});

        for (my $i = 0; $i < @pids; $i++) {
            push @pids, @{ $children{$pids[$i]} // [] };
        }

        $self->{pids} = \@pids;
    }

    for my $pid (@{ $self->{pids} }) {
        die "\na process of $self->{name} has died, see $self->{log}\n"
            if !-e "/proc/$pid";
    }

    return @{ $self->{pids} };
}


# TERM, and after 5 seconds KILL

sub stop {
    my ($self) = @_;

    my $pid = delete $self->{pid} or return;

    delete $running{$pid};
    end($pid);
}


sub stop_all {
    my @all = values %running;

    $_->stop for @all;
}


sub end {
    my ($pid) = @_;

    kill 'TERM', $pid;

    for (1 .. 100) {
        return if waitpid($pid, WNOHANG) != 0;
        sleep 0.05;
    }

    kill 'KILL', $pid;
    waitpid $pid, 0;
}


sub connects {
    my ($port) = @_;

    return IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port", Timeout => 1);
}

1;
