package Test::Nginx::Mock;

# The TCP server of the tcp_* sections: a child process that accepts exactly
# one connection, reads, answers and closes.

use strict;
use warnings;

use IO::Handle;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Time::HiRes qw(sleep time);

# How long the closing side waits for the peer, so that unread bytes of the
# request do not turn the end of the reply into a reset.
my $linger = 0.3;


sub start {
    my ($class, $block, $vars) = @_;
    my $target = $vars->expand($block->tcp_listen);

    if (!defined $block->tcp_reply && !defined $block->tcp_shutdown) {
        die "\"tcp_listen\" without \"tcp_reply\"\n";
    }

    my $listen = _listen($target);
    my $length = $block->tcp_query_len;

    if (!defined $length && defined $block->tcp_query) {
        $length = length $block->tcp_query;
    }

    pipe my $reader, my $writer or die "pipe: $!\n";

    my $pid = fork // die "cannot fork: $!\n";

    if ($pid == 0) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
        $SIG{PIPE} = 'IGNORE';

        close $reader;
        eval { _serve($block, $listen, $writer, $length || 0); 1 }
            or print STDERR $block->name . " - tcp mock: $@";
        POSIX::_exit(0);
    }

    close $writer;
    $reader->blocking(0);

    # The listening socket stays open here: a second connection waits, it is
    # not refused.

    return bless {
        pid    => $pid,
        owner  => $$,
        listen => $listen,
        target => $target,
        reader => $reader,
        got    => '',
    }, $class;
}


sub _listen {
    my ($target) = @_;
    my $end = time + 5;

    if ($target !~ /^\d+$/) {
        die "bad \"tcp_listen\" value \"$target\"\n"
            if $target !~ /\S\.sock$/;

        unlink $target;

        return IO::Socket::UNIX->new(Local => $target, Listen => 5)
               // die "cannot listen on $target: $!\n";
    }

    while (1) {
        my $listen = IO::Socket::INET->new(
            LocalAddr => '127.0.0.1',
            LocalPort => $target,
            Proto     => 'tcp',
            ReuseAddr => 1,
            Listen    => 5,
        );

        return $listen if $listen;

        die "cannot listen on port $target: $!\n" if time > $end;

        sleep 0.05;
    }
}


# What the mock has received.  Waits until the expected length is there.

sub query {
    my ($self, $length) = @_;
    my $select = IO::Select->new($self->{reader});
    my $end = time + 0.5;

    while (length $self->{got} < $length && time < $end) {
        $select->can_read(0.05) or next;

        my $n = sysread $self->{reader}, $self->{got}, 65536,
                        length $self->{got};

        last if defined $n && $n == 0;
    }

    # bytes beyond the expected ones must not go unseen
    sysread $self->{reader}, $self->{got}, 65536, length $self->{got};

    return $self->{got};
}


sub stop {
    my ($self) = @_;

    return if $$ != $self->{owner} || !defined $self->{pid};

    kill 'KILL', $self->{pid};
    waitpid $self->{pid}, 0;
    undef $self->{pid};

    close $self->{listen};
    unlink $self->{target} if $self->{target} =~ /\.sock$/;
}


sub _serve {
    my ($block, $listen, $report, $length) = @_;
    my $client = $listen->accept or die "accept: $!\n";
    my $shutdown = $block->tcp_shutdown;
    my $query = '';

    if (defined $shutdown) {
        $client->shutdown($shutdown);
    }

    if (!defined $shutdown || $shutdown == 1) {
        $query = _read($client, $report, $length);
    }

    _sleep($block->tcp_reply_delay);

    if (!defined $shutdown || $shutdown == 0) {
        my $reply = $block->tcp_reply;

        $reply = $reply->($query) if ref $reply eq 'CODE';

        _write($client, $_) for ref $reply ? @$reply : ($reply);
    }

    if (defined $block->tcp_no_close) {
        sleep 1 while 1;
    }

    close $report;
    _close($client);
}


# Without an expected length, one piece is a request.

sub _read {
    my ($client, $report, $length) = @_;
    my $query = '';

    do {
        my $n = sysread $client, my $bytes, 65536;

        return $query if !$n;

        $query .= $bytes;
        _write($report, $bytes);

    } while (length $query < $length);

    return $query;
}


sub _write {
    my ($handle, $bytes) = @_;

    while (length $bytes) {
        my $n = syswrite $handle, $bytes;

        die "write: $!\n" if !defined $n;

        substr $bytes, 0, $n, '';
    }
}


sub _sleep {
    my ($text) = @_;

    return if !defined $text;

    my ($number, $unit) = $text =~ /^([\d.]+)\s*(ms|s)?$/
        or die "bad time \"$text\"\n";

    sleep(($unit // 's') eq 'ms' ? $number / 1000 : $number);
}


sub _close {
    my ($client) = @_;
    my $select = IO::Select->new($client);
    my $end = time + $linger;

    shutdown $client, 1;

    while ($select->can_read($end - time)) {
        last if !sysread $client, my $bytes, 65536;
        last if time > $end;
    }

    close $client;
}


1;
