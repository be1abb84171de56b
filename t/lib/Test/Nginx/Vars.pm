package Test::Nginx::Vars;

# $TEST_NGINX_NAME and $TEST_NGINX_RAND_PORT_N in a test block, and the search
# for free ports.

use strict;
use warnings;

use IO::Socket::INET;

# Below the range from which Linux takes the ports of outgoing connections.
# Each process starts in a part of its own, so that test files which run at
# the same time rarely ask for the same port.

my ($first_port, $part) = (10240, 64);
my $end_port = _end_port();

my $base;
my $next = 0;


sub _end_port {
    my $end = 32768;

    if (open my $in, '<', '/proc/sys/net/ipv4/ip_local_port_range') {
        my ($low) = (<$in> // '') =~ /^(\d+)/;

        $end = $low if defined $low && $low > $first_port + 16 * $part
                       && $low < $end;
    }

    return $end;
}


sub new {
    my ($class, $server_port) = @_;

    return bless {
        server_port => $server_port,
        ports       => {},
    }, $class;
}


sub expand {
    my ($self, $text) = @_;

    return $text if !defined $text || ref $text;

    $text =~ s/\$(TEST_NGINX_[_A-Z0-9]+)/$self->_value($1)/eg;

    return $text;
}


sub _value {
    my ($self, $name) = @_;

    if ($name =~ /^TEST_NGINX_RAND_PORT_[0-9]+$/) {
        return $self->{ports}{$name} //= $self->_new_port;
    }

    return $ENV{$name} // die "environment variable $name is not set\n";
}


sub _new_port {
    my ($self) = @_;
    my @used = grep { defined } $self->{server_port}, values %{$self->{ports}};
    my %used = map { $_ => 1 } @used;

    return free_port(\%used);
}


sub free_port {
    my ($used) = @_;
    my $parts = int(($end_port - $first_port) / $part);

    for my $try (1 .. 20) {
        $base //= $first_port + $part * ($try == 1 ? $$ % $parts
                                                   : int rand $parts);

        for (1 .. $part) {
            my $port = $base + $next++ % $part;

            return $port if !$used->{$port} && _is_free($port);
        }

        undef $base;
    }

    die "no free port found\n";
}


sub _is_free {
    my ($port) = @_;
    my $sock = IO::Socket::INET->new(
        LocalAddr => '0.0.0.0',
        LocalPort => $port,
        Proto     => 'tcp',
        Listen    => 1,
        ReuseAddr => 1,
    );

    return defined $sock;
}


1;
