package Test::Nginx::Response;

# Parses the bytes that came back.

use strict;
use warnings;


# The rest of the bytes, of a pipelined response that follows, is in "left".
# A broken chunked body leaves no status: nothing of the response is believed.

sub parse {
    my ($class, $raw, $is_head) = @_;
    my $self = bless {
        code        => '',
        raw_headers => '',
        headers     => {},
        content     => $raw,
        left        => '',
    }, $class;

    return $self if $raw !~ m{\AHTTP/\d(?:\.\d)? +(\d+)[^\n]*\n};

    my $code = $1;

    $self->{raw_headers} = $1 if $raw =~ /\A(.*?\r\n)\r\n/s;
    $self->{content} = $self->_parse_headers($raw);
    $self->{code} = $code;

    my $encoding = $self->header('Transfer-Encoding');
    my $length = $self->header('Content-Length');

    if ($code == 304 || $code == 204 || $is_head) {
        $self->{left} = $self->{content};
        $self->{content} = '';

    } elsif ($code == 101) {
        # the connection now speaks something else

    } elsif (defined $encoding && $encoding eq 'chunked') {
        $self->_dechunk;

    } elsif (defined $length && $length =~ /^\d+$/) {
        $self->_cut($length);
    }

    return $self;
}


sub code        { return $_[0]{code} }
sub raw_headers { return $_[0]{raw_headers} }
sub left        { return $_[0]{left} }
sub error       { return $_[0]{error} }
sub warning     { return $_[0]{warning} }


sub content {
    my ($self, $new) = @_;

    $self->{content} = $new if @_ > 1;

    return $self->{content};
}


# Several fields of one name make one value, as in HTTP::Headers.

sub header {
    my ($self, $name) = @_;

    $name =~ tr/_/-/;

    my $values = $self->{headers}{lc $name} or return undef;

    return join ', ', @$values;
}


sub _parse_headers {
    my ($self, $raw) = @_;
    my ($head, $body) = split /\r?\n\r?\n/, $raw, 2;
    my ($status, @lines) = split /\r?\n/, $head;
    my $last;

    for my $line (@lines) {
        if ($line =~ /^([^\s:]+)[ \t]*:[ \t]*(.*?)[ \t]*$/) {
            $last = $self->{headers}{lc $1} //= [];
            push @$last, $2;

        } elsif ($last && $line =~ /^[ \t]+(.*)/) {
            $last->[-1] .= "\n$1";
        }
    }

    return $body // '';
}


sub _cut {
    my ($self, $length) = @_;
    my $got = length $self->{content};

    if ($got < $length) {
        $self->{warning} = "response body truncated: $got of $length bytes";
        return;
    }

    $self->{left} = substr $self->{content}, $length;
    $self->{content} = substr $self->{content}, 0, $length;
}


sub _dechunk {
    my ($self) = @_;
    my $raw = $self->{content};
    my $out = '';

    pos($raw) = 0;

    while ($raw =~ /\G[ \t]*([0-9A-Fa-f]+)[ \t]*\r\n/gc) {
        my $size = hex $1;

        if ($size == 0) {
            last if $raw !~ /\G(?:[^\r\n:]+:[^\r\n]*\r\n)*\r\n/gc;

            $self->{content} = $out;
            $self->{left} = substr $raw, pos $raw;
            return;
        }

        my $at = pos $raw;

        last if substr($raw, $at + $size, 2) ne "\r\n";

        $out .= substr $raw, $at, $size;
        pos($raw) = $at + $size + 2;
    }

    my $rest = substr $raw, pos($raw) // 0, 80;

    $self->{error} = length $rest ? "invalid chunked body at \"$rest\""
                                  : 'chunked body without a last chunk';
    $self->{code} = '';
    $self->{content} = undef;
    $self->{headers} = {};
    $self->{raw_headers} = '';
}


1;
