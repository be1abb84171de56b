package Bench::Load;

# Runs t/bench/load.c against a server, and writes the requests that it sends.

use strict;
use warnings;

use Bench::Server;
use IPC::Open3;
use JSON::PP;

# A text like those that models get and write: words, punctuation, quotes, line
# feeds, code, a few that are not ASCII.  They are inside of a JSON string.

my @common = qw(the of and a to in is you that it he was for on are as with his
    they at be this have from or one had by word but not what all were we when
    your can said there use an each which she do how their if will up other
    about out many then them these so some her would make like him into time
    has look two more write go see number no way could people my than first
    water been call who oil its now find long down day did get come made may);

my @special = ('gateway,', 'throughput.', 'However,', 'response', 'latency;',
    'configuration', '\n\nThen', '\"quoted\"', '(see', 'below)', 'na\u00efve',
    'caf' . "\xc3\xa9", "\xe4\xb8\x96\xe7\x95\x8c", '`json_parse();`', '42',
    '3.14159', 'https://example.com/a?b=c&d=e', '-', 'item', '**bold**',
    'understanding', 'incomprehensible', '{\"key\":', '\"value\"}', '\nEnd.');

my $seed = 1;
my @words = map { pick() } 1 .. 30_000;
my $block = join ' ', @words, '';
my $dir;
my %child;

END { my $rc = $?; Bench::Server::end($_) for keys %child; $? = $rc }


sub init { ($dir) = @_ }


# the same words in each run of the bench

sub pick {
    $seed = ($seed * 1103515245 + 12345) % 2 ** 31;

    my $n = $seed >> 8;

    return $n % 4 ? $common[$n / 4 % @common] : $special[$n / 4 % @special];
}


# A file with the bodies of a row: of "size" bytes, or with the words that make
# so many "events" when they are echoed behind "echo:"; the simulator would echo
# a system message as well.

sub bodies {
    my ($row) = @_;

    my $words = $row->{words} // $row->{events};
    my $file = join '-', map { $_ // 0 } "$dir/bodies", $row->{model},
                                         $row->{size}, $words;

    return $file if -f $file;

    my $size = $row->{size} // 0;
    my $many = $size > 4e6 ? 2 : $size > 5e5 ? 4 : $size > 5e4 ? 8 : 64;

    my $stream = $words ? ', "stream": true' : '';
    my $system = $words ? '' : '{"role": "system", "content": '
                               . '"You are a helpful assistant."}, ';
    my $head = qq({"model": "$row->{model}", "messages": [$system)
               . '{"role": "user", "content": "';
    my $tail = qq("}], "top_p": 0.9, "user": "bench"$stream});

    open my $fh, '>', $file or die "$file: $!\n";

    for my $i (1 .. $many) {
        my $from = $i * 997;
        my $text = $words
            ? join(' ', map { word($from + $_) } 2 .. $words)
            : text($from, $size - length($head) - length($tail));

        print $fh $head, $text, $tail, "\n";
    }

    close $fh;

    return $file;
}


# Large texts are the same text again and again, from another word on.

sub text {
    my ($from, $size) = @_;

    my $text = '';

    while ((my $rest = $size - length $text) > 0) {
        if ($rest > 2 * length $block && length($text) > 1000) {
            $text .= $block x int($rest / length $block);
            next;
        }

        my $word = word($from++) . ' ';
        last if length $word > $rest;
        $text .= $word;
    }

    return $text . '.' x ($size - length $text);
}


sub word { $words[$_[0] % @words] }


# The result of one run.  Anything wrong is the end of the bench.

sub run {
    my ($row, @options) = @_;

    return finish(begin($row, @options));
}


sub begin {
    my ($row, @options) = @_;

    push @options, '-c', $row->{conns};
    push @options, '-s', $row->{events} if $row->{events};
    push @options, '-H', join "\r\n", 'Authorization: Bearer bench',
                                      @{ $row->{headers} // [] };

    my $bodies = bodies($row);

    open my $err, '>', "$dir/logs/load.log" or die "load.log: $!\n";

    my $pid = open3(my $in, my $out, '>&' . fileno($err), 'taskset', '-c',
                    $row->{cpus}, $row->{load}, @options, $row->{port},
                    $row->{path}, $bodies);

    $child{$pid} = 1;

    return { row => $row, pid => $pid, in => $in, out => $out };
}


# 1 when the result is there within so many seconds

sub ready {
    my ($run, $seconds) = @_;

    vec(my $bits = '', fileno $run->{out}, 1) = 1;

    return select($bits, undef, undef, $seconds) != 0;
}


sub finish {
    my ($run) = @_;

    close $run->{in};

    my $line = readline $run->{out};

    waitpid $run->{pid}, 0;
    delete $child{$run->{pid}};

    if ($? != 0) {
        my $why = $? & 127 ? 'it took too long' : '';

        if (open my $fh, '<', "$dir/logs/load.log") {
            $why .= join '', <$fh>;
        }

        die "$run->{row}{title}: $run->{row}{name}: $why\n";
    }

    return $line ? decode_json($line) : undef;
}

1;
