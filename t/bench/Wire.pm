package Wire;

# The client and the provider of a gateway, in one process that makes one step
# after the other: bytes are sent in pieces that arrive whole, and nothing is
# sent before the gateway sleeps again.  How much one of its reads finds, and in
# which order it learns of things, never depends on time, however busy the
# machine is.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(sleep time);


# more than one segment may wake the gateway while the rest is on its way

my $piece = 16384;
my $patience = 60;


# pid: the gateway's one process, port: where the provider listens

sub new {
    my ($class, %self) = @_;

    $self{listen} = IO::Socket::INET->new(
        Listen => 16, LocalAddr => '127.0.0.1', LocalPort => $self{port},
        ReuseAddr => 1, Blocking => 0)
        or die "port $self{port}: $!\n";

    return bless { %self, clients => {}, calls => [], slept => 0 }, $class;
}


# one request on the kept connection to that port, whole bytes, and what the
# provider says, in pieces; returns the answer, and dies without a whole one

sub request {
    my ($self, $port, $bytes, @answer) = @_;

    my $c = $self->{clients}{$port} //= $self->client($port);

    $self->say($c, substr $bytes, 0, $piece, '') while $bytes ne '';

    if (@answer) {
        my $call = $self->call();

        for my $part (@answer) {
            $self->say($call, $part);
            $self->hear($c);
        }
    }

    $self->hear($c);

    my ($head, $body) = split /\r\n\r\n/, $c->{got}, 2;
    my ($length) = $head =~ /^content-length: (\d+)/im;

    die "not answered:\n$c->{got}\n"
        if defined $length ? length($body) != $length
           : $head =~ /^transfer-encoding: chunked/im
             ? $body !~ /(?:^|\r\n)0\r\n\r\n\z/ : $head !~ / 204 /;

    $c->{got} = '';

    return ($head, $body);
}


sub client {
    my ($self, $port) = @_;

    my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port")
        or die "port $port: $!\n";

    $self->rest();

    return wire($s);
}


sub wire {
    my ($s) = @_;

    setsockopt $s, IPPROTO_TCP, TCP_NODELAY, 1;
    $s->blocking(0);

    return { socket => $s, got => '' };
}


# the gateway has to wake up for it, and to sleep again

sub say {
    my ($self, $w, $bytes) = @_;

    $self->rest();

    my $n = syswrite $w->{socket}, $bytes;

    die 'a piece of ', length $bytes, " bytes was not taken whole\n"
        if !defined $n || $n != length $bytes;

    $self->rest($self->{slept} + 1);
}


# until the gateway has slept that often, and sleeps

sub rest {
    my ($self, $times) = @_;

    my $end = time() + $patience;

    $times //= 0;

    while (1) {
        open my $fh, '<', "/proc/$self->{pid}/status"
            or die "the gateway has died\n";
        sysread $fh, my $status, 8192;

        my ($state) = $status =~ /^State:\s+(\S)/m;
        my ($slept) = $status =~ /^voluntary_ctxt_switches:\s+(\d+)/m;

        if ($state eq 'S' && $slept >= $times) {
            $self->{slept} = $slept;
            return;
        }

        die "the gateway does not come to rest\n"
            if $state eq 'Z' || time() > $end;

        sleep 0.00005;
    }
}


# false at the end

sub hear {
    my ($self, $w) = @_;

    while (1) {
        my $n = sysread $w->{socket}, $w->{got}, 1 << 20, length $w->{got};

        return 1 if !defined $n;
        return 0 if $n == 0;
    }
}


# the connection on which the gateway has sent a whole request

sub call {
    my ($self) = @_;

    my $end = time() + $patience;

    while (time() < $end) {
        while (my $s = $self->{listen}->accept()) {
            push @{ $self->{calls} }, wire($s);
        }

        my @open;

        for my $w (@{ $self->{calls} }) {
            push @open, $w if $self->hear($w) || $w->{got} ne '';
        }

        $self->{calls} = \@open;

        for my $w (@open) {
            my ($length) = $w->{got} =~ /^content-length: (\d+)/im or next;
            my $head = 4 + index $w->{got}, "\r\n\r\n";

            next if $head < 4 || length $w->{got} < $head + $length;

            $self->{sent} = $w->{got};
            $w->{got} = '';
            return $w;
        }

        IO::Select->new($self->{listen}, map { $_->{socket} } @open)
            ->can_read(1);
        $self->rest();
    }

    die "the gateway calls nobody\n";
}


1;
