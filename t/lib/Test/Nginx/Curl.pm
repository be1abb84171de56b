package Test::Nginx::Curl;

# Sends a request over HTTP/2 with prior knowledge, by curl.

use strict;
use warnings;

use POSIX ();


sub exchange {
    my ($packets, %arg) = @_;
    my $request = join '', map { $_->{value} } @$packets;
    my ($line, $headers, $body)
        = $request =~ /\A([^\r\n]*)\r\n((?:[^\r\n]+\r\n)*)\r\n(.*)\z/s
        or die "this request cannot be sent by curl\n";
    my ($method, $url) = split / /, $line;

    my @headers = ('User-Agent:', 'Accept:',
                   grep { !/^Connection\s*:/i } split /\r\n/, $headers);

    # what curl would add on its own
    push @headers, 'Content-Type:' if !grep { /^Content-Type\s*:/i } @headers;

    my @command = ('curl', '-q', '-i', '-sS', '--http2-prior-knowledge',
                   '--max-time', $arg{timeout}, map { ('-H', $_) } @headers);

    push @command, '-X', $method if $method ne 'HEAD';
    push @command, '-I' if $method eq 'HEAD';

    if ($body ne '') {
        my $file = "$arg{dir}/curl.data.bin";

        open my $out, '>:raw', $file or die "cannot write $file: $!\n";
        print $out $body;
        close $out;

        push @command, '--data-binary', "\@$file";
    }

    push @command, "http://$arg{addr}:$arg{port}$url";

    my $pid = open(my $in, '-|') // die "cannot fork: $!\n";

    if ($pid == 0) {
        exec @command or POSIX::_exit(127);
    }

    my $raw = do { local $/; <$in> } // '';

    close $in;

    my $status = $? >> 8;

    return {
        raw       => $raw,
        timed_out => $status == 28,
        error     => $status && $status != 28 ? "curl exited with $status"
                                              : undef,
    };
}


1;
