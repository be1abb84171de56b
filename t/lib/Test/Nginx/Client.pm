package Test::Nginx::Client;

# Writes one request to nginx and reads until the connection ends.

use strict;
use warnings;

use Errno qw(EAGAIN EINTR);
use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw(sleep time);


# Returns { raw, timed_out, error }.  The time limit is for silence, not for
# the whole exchange, as in the original.

sub exchange {
    my ($packets, %arg) = @_;
    my $sock = _connect(%arg) or return { raw => '', error => "connect: $!" };
    my @queue = @$packets;
    my $out = shift(@queue)->{value};
    my $select = IO::Select->new($sock);
    my $result = { raw => '' };
    my $write_at = 0;
    my $active = time;

    local $SIG{PIPE} = 'IGNORE';

    while (1) {
        my $now = time;
        my $writing = defined $out;
        my $ready = $writing && $now >= $write_at;
        my $wait = $active + $arg{timeout} - $now;

        if ($writing && !$ready) {
            $wait = $write_at - $now;
            $active = $write_at;

        } elsif ($wait <= 0) {
            $result->{timed_out} = 1;
            last;
        }

        my ($can_read, $can_write)
            = IO::Select->select($select, $ready ? $select : undef, undef,
                                 $wait);

        if ($can_read && @$can_read) {
            my $n = sysread $sock, $result->{raw}, 65536,
                            length $result->{raw};

            if (defined $n) {
                last if $n == 0;
                $active = time;

            } elsif ($! != EAGAIN && $! != EINTR) {
                $result->{error} = "read: $!";
                last;
            }
        }

        if ($can_write && @$can_write) {
            my $n = length $out ? syswrite $sock, $out : 0;

            if (!defined $n) {
                next if $! == EAGAIN || $! == EINTR;

                # the answer may be there although the request was refused
                $result->{write_error} = "write: $!";
                undef $out;
                next;
            }

            $active = time;
            substr $out, 0, $n, '';

            next if length $out;

            if (my $packet = shift @queue) {
                my $delay = $packet->{delay_before} // $arg{middle_delay} || 0;
                $out = $packet->{value};
                $write_at = time + $delay;
                next;
            }

            undef $out;
            shutdown $sock, $arg{shutdown} if defined $arg{shutdown};
        }
    }

    close $sock;

    return $result;
}


# nginx listens already; a proxy between may need a moment.

sub _connect {
    my (%arg) = @_;
    my $end = time + 0.3;

    while (1) {
        my $sock = IO::Socket::INET->new(
            PeerAddr => $arg{addr},
            PeerPort => $arg{port},
            Proto    => 'tcp',
            Timeout  => $arg{timeout},
        );

        if ($sock) {
            $sock->blocking(0);
            return $sock;
        }

        return undef if time > $end;

        sleep 0.02;
    }
}


1;
