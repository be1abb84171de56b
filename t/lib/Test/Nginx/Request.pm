package Test::Nginx::Request;

# Turns the sections of a block into what is written to the socket: a list of
# requests, each a list of packets { value => $bytes, delay_before => $sec }.

use strict;
use warnings;


sub build {
    my ($block, $server_name, $vars) = @_;

    return _raw($block->raw_request) if defined $block->raw_request;

    if (defined $block->pipelined_requests) {
        return _pipelined($block, $server_name, $vars);
    }

    my $request = $block->request;

    die "no \"request\" section\n" if !defined $request;

    if (!ref $request) {
        $request =~ s/\A(?:\s+|#[^\n]*\n)+//;
        $request = [$request];
    }

    die "\"request\" is neither text nor an array\n"
        if ref $request ne 'ARRAY';

    my @requests;

    for my $i (0 .. $#$request) {
        my ($headers, $chunked) = _more_headers($block, $i);
        my $packets = $request->[$i];

        $packets = [$packets] if !ref $packets;
        $packets = [map { ref $_ ? { %$_ } : { value => $_ } } @$packets];

        push @requests, _complete($packets, $headers, $chunked,
                                  $server_name, 'close');
    }

    return @requests;
}


sub _raw {
    my ($raw) = @_;
    my @packets = ref $raw eq 'ARRAY' ? @$raw : ($raw);

    return [map { { value => $_ } } @packets];
}


sub _pipelined {
    my ($block, $server_name, $vars) = @_;
    my $list = $block->pipelined_requests;
    my $bytes = '';

    die "\"pipelined_requests\" is not an array\n" if ref $list ne 'ARRAY';

    for my $i (0 .. $#$list) {
        my ($headers, $chunked) = _more_headers($block, $i);
        my $packets = [{ value => $vars->expand($list->[$i]) }];

        _complete($packets, $headers, $chunked, $server_name,
                  $i == $#$list ? 'close' : 'keep-alive');

        $bytes .= $packets->[0]{value};
    }

    return [{ value => $bytes }];
}


sub _more_headers {
    my ($block, $i) = @_;
    my $text = $block->more_headers // '';
    my ($out, $chunked) = ('', 0);

    if (ref $text eq 'ARRAY') {
        $text = $text->[$i]
                // die "\"more_headers\" has no value for request $i\n";
    }

    for my $line (split /\n+/, $text) {
        next if $line =~ /^\s*#/;

        my ($name, $value) = split /:\s*/, $line, 2;
        $value //= '';

        $chunked = 1 if lc $name eq 'transfer-encoding'
                        && $value eq 'chunked';

        $out .= "$name: $value\r\n";
    }

    return ($out, $chunked);
}


# Puts the request line in full, the headers and Content-Length where they
# belong.  A request may be cut anywhere: the cuts stay at the same place.

sub _complete {
    my ($packets, $headers, $chunked, $server_name, $connection) = @_;
    my $text = join '', map { $_->{value} } @$packets;
    my ($line, $body) = $text =~ /\A([^\n]*\n?)(.*)\z/s;
    my $trimmed = 0;

    $line =~ /^\s*(\S+)(?: +(\S+))?(?: +(\S+))?\s*$/
        or die "bad request line, \"METHOD [url [version]]\" expected: "
               . "\"$line\"\n";

    my @words = ($1, $2 // '/', $3 // 'HTTP/1.1');
    my @from = ($-[1], $-[2] // $+[1], $-[3] // $+[2] // $+[1]);
    my @to = (0, 1 + length $words[0], 2 + length($words[0] . $words[1]));

    if (!$chunked && $body ne '' && $headers !~ /^Content-Length:/m) {
        $trimmed = length $1 if $body =~ s/\A(\s+)//;
        $body =~ s/\s+\z//;
        $headers .= 'Content-Length: ' . length($body) . "\r\n";
    }

    my $head = "@words\r\n";
    $head .= "Host: $server_name\r\n" if $headers !~ /^Host:/mi;
    $head .= "Connection: $connection\r\n" if $headers !~ /^Connection/mi;
    $head .= "$headers\r\n";

    my $move = sub {
        my ($at) = @_;

        if ($at >= length $line) {
            my $in_body = $at - length($line) - $trimmed;
            $in_body = 0 if $in_body < 0;
            $in_body = length $body if $in_body > length $body;
            return length($head) + $in_body;
        }

        my ($i) = grep { $at >= $from[$_] } 2, 1, 0;

        return 0 if !defined $i;

        my $in_word = $at - $from[$i];
        $in_word = length $words[$i] if $in_word > length $words[$i];

        return $to[$i] + $in_word;
    };

    my ($old, $cut) = (0, 0);
    my $new = $head . $body;

    for my $i (0 .. $#$packets) {
        $old += length $packets->[$i]{value};

        my $next = $i == $#$packets ? length $new : $move->($old);
        $packets->[$i]{value} = substr $new, $cut, $next - $cut;
        $cut = $next;
    }

    return $packets;
}


1;
