package Test::Nginx::Checks;

# Compares what came back with the sections of a block.  Each function makes
# exactly as many tests as the original does, so that plans agree.

use strict;
use warnings;

use Digest::MD5 ();
use Digest::SHA ();
use Test::Builder;

my $tb = Test::Builder->new;

our $check_accumulated = 0;
our @body_checks;

my %body_filters = (
    md5_hex  => \&Digest::MD5::md5_hex,
    sha1_hex => \&Digest::SHA::sha1_hex,
    uc       => sub { uc $_[0] },
    lc       => sub { lc $_[0] },
    ucfirst  => sub { ucfirst $_[0] },
    lcfirst  => sub { lcfirst $_[0] },
    length   => sub { length $_[0] },
);


# run: { block, server, vars, repeat, skip, log }.  "skip" tells why
# nothing was sent: then the tests are counted and skipped.

sub response {
    my ($run, $response, $index, $many) = @_;

    _error_code($run, $response, $index, $many);
    _raw_headers($run, $response, $index, $many);
    _headers($run, $response, $index, $many);
    _filter_body($run, $response, $index);
    _body($run, $response, $index, $many);

    for my $check (@body_checks) {
        $check->($run->{block}, $response->content, $index, $run->{repeat},
                 $run->{skip});
    }
}


# A block of several requests expects an array, a value for each.

sub _pick {
    my ($run, $section, $index, $many) = @_;
    my $value = $run->{block}->$section;

    if (ref $value eq 'ARRAY') {
        return $value->[$index];
    }

    die "several requests are made, so \"$section\" must be an array\n"
        if $many;

    return $value;
}


sub _error_code {
    my ($run, $response, $index, $many) = @_;
    my $block = $run->{block};
    my $name = $block->name . ' - status code ok';
    my $got = $response->code;

    if (defined $block->error_code_like) {
        my $re = _pick($run, 'error_code_like', $index, $many) // '';
        return _like($run, $got, qr/$re/sm, $name);
    }

    if (defined $block->error_code) {
        return _is($run, $got, _pick($run, 'error_code', $index, $many),
                   $name);
    }

    _is($run, $got, 200, $name);
}


sub _raw_headers {
    my ($run, $response, $index, $many) = @_;
    my $block = $run->{block};
    my $got = $response->raw_headers;

    if (defined $block->raw_response_headers_like) {
        my $re = _pick($run, 'raw_response_headers_like', $index, $many);
        _like($run, $got, qr/$re/s, $block->name . ' - raw headers like');
    }

    if (defined $block->raw_response_headers_unlike) {
        my $re = _pick($run, 'raw_response_headers_unlike', $index, $many);
        _unlike($run, $got, qr/$re/s, $block->name . ' - raw headers unlike');
    }
}


sub _headers {
    my ($run, $response, $index, $many) = @_;
    my $block = $run->{block};

    if (defined $block->response_headers) {
        my $text = _pick($run, 'response_headers', $index, $many);

        for my $header (_parse_headers($text)) {
            my ($name, $value) = @$header;

            if (defined $value) {
                _is($run, $response->header($name) // '',
                    _ports($run, $value), $block->name . " - header $name ok");
                next;
            }

            _unlike($run, $response->raw_headers, qr/^\s*\Q$name\E\s*:/ms,
                    $block->name . " - header $name is absent");
        }

    } elsif (defined $block->response_headers_like) {
        my $text = _pick($run, 'response_headers_like', $index, $many);

        for my $header (_parse_headers($text)) {
            my ($name, $value) = @$header;
            $value //= '';

            _like($run, $response->header($name) // '', qr/^$value$/,
                  $block->name . " - header $name like ok");
        }
    }
}


# "! Name" is for a header that must be absent.  A name counts once.

sub _parse_headers {
    my ($text) = @_;
    my (@order, %value);

    for my $line (split /\n/, $text // '') {
        $line =~ s/^\s+|\s+$//g;

        my ($name, $value) = $line =~ s/^!\s*//
                             ? ($line, undef) : split /\s*:\s*/, $line, 2;

        $name //= '';
        push @order, $name if !exists $value{$name};
        $value{$name} = $value;
    }

    return map { [$_, $value{$_}] } @order;
}


sub _ports {
    my ($run, $text) = @_;

    $text =~ s/\$ServerPort\b/$run->{server_port}/g;
    $text =~ s/\$ServerPortForClient\b/$run->{client_port}/g;

    return $text;
}


sub _filter_body {
    my ($run, $response, $index) = @_;
    my $filters = $run->{block}->response_body_filters;
    my $body = $response->content;

    return if !defined $filters || !defined $body;

    $filters = [split ' ', $filters] if !ref $filters;
    $filters = [$filters] if ref $filters ne 'ARRAY';

    if (ref $filters->[0] eq 'ARRAY') {
        $filters = $filters->[$index]
                   // die "\"response_body_filters\" has no list for "
                          . "request $index\n";
    }

    for my $filter (@$filters) {
        my $code = ref $filter eq 'CODE' ? $filter : $body_filters{$filter};

        die "unknown filter \"$filter\" in \"response_body_filters\"\n"
            if !$code;

        $body = $code->($body);
    }

    $response->content($body);
}


sub _body {
    my ($run, $response, $index, $many) = @_;
    my $block = $run->{block};
    my $got = $response->content;
    my $which = "(repeated req $run->{repeat}, req $index)";

    if (defined $block->response_body) {
        my $want = _pick($run, 'response_body', $index, $many);
        my $name = $block->name . " - response_body $which";

        return _like($run, $got, $want, $name) if ref $want;

        $want = $run->{vars}->expand(_ports($run, $want)) if defined $want;

        return _is($run, $got, $want, $name);
    }

    if (defined $block->response_body_like) {
        my $re = _pick($run, 'response_body_like', $index, $many);
        $re = _ports($run, $re);
        return _like($run, $got, qr/$re/s,
                     $block->name . " - response_body_like $which");
    }

    if (defined $block->response_body_unlike) {
        my $re = _pick($run, 'response_body_unlike', $index, $many);
        $re = _ports($run, $re);
        return _unlike($run, $got, qr/$re/s,
                       $block->name . " - response_body_unlike $which");
    }
}


sub error_log {
    my ($run) = @_;
    my $block = $run->{block};
    my $log = $run->{server}->error_log;
    my @want = patterns($block->error_log);
    my @unwanted = patterns($block->no_error_log);
    my ($grep, $out) = _grep_sections($run);

    $log->rewind if $check_accumulated;

    my $lines = $run->{skip} ? [] : $log->lines(
        settle => @unwanted || defined $grep,
        found  => sub {
            my ($lines) = @_;

            return _all_match(\@want, $lines)
                   && (!defined $grep || _agree(_grep($grep, $lines), $out));
        },
    );

    _check_grep($run, $grep, $out, $lines) if defined $grep;
    _check_present($run, 'error.log', \@want, $lines);
    _check_absent($run, 'error.log', \@unwanted, $lines);
}


sub access_log {
    my ($run) = @_;
    my $block = $run->{block};
    my $log = $run->{server}->access_log;
    my @want = patterns($block->access_log);
    my @unwanted = patterns($block->no_access_log);

    return if !@want && !@unwanted;

    $log->rewind;

    my $lines = $run->{skip} ? [] : $log->lines(
        settle => scalar @unwanted,
        found  => sub { _all_match(\@want, $_[0]) },
    );

    _check_present($run, 'access.log', \@want, $lines);
    _check_absent($run, 'access.log', \@unwanted, $lines);
}


# Lines of text are patterns to be found as they are.

sub patterns {
    my ($value) = @_;

    return () if !defined $value;
    return @$value if ref $value eq 'ARRAY';
    return ($value) if ref $value;

    chomp $value;

    return split /\n+/, $value;
}


sub pattern_re {
    my ($pattern) = @_;

    return ref $pattern ? qr/$pattern/ : qr/\Q$pattern\E/;
}


sub _all_match {
    my ($patterns, $lines) = @_;

    for my $pattern (@$patterns) {
        my $re = pattern_re($pattern);

        return 0 if !grep { $_ =~ $re } @$lines;
    }

    return 1;
}


sub _check_present {
    my ($run, $file, $patterns, $lines) = @_;

    for my $pattern (@$patterns) {
        my $re = pattern_re($pattern);
        my $name = $run->{block}->name . " - pattern \"" . _short($pattern)
                   . "\" is in $file (req $run->{repeat})";

        next if _skipped($run, $name);

        _ok($run, scalar(grep { $_ =~ $re } @$lines), $name);
    }
}


sub _check_absent {
    my ($run, $file, $patterns, $lines) = @_;

    for my $pattern (@$patterns) {
        my $re = pattern_re($pattern);
        my $name = $run->{block}->name . " - pattern \"" . _short($pattern)
                   . "\" is not in $file (req $run->{repeat})";

        next if _skipped($run, $name);

        my @found = grep { $_ =~ $re } @$lines;

        next if _ok($run, !@found, $name);

        $tb->diag('  found ' . @found . ' times, first:');
        $tb->diag("  $found[0]");
    }
}


sub _grep_sections {
    my ($run) = @_;
    my $block = $run->{block};
    my $grep = $block->grep_error_log;
    my $out = $block->grep_error_log_out;

    if (!defined $grep) {
        die "\"grep_error_log_out\" without \"grep_error_log\"\n"
            if defined $out;
        return ();
    }

    die "\"grep_error_log\" without \"grep_error_log_out\"\n"
        if !defined $out;

    $grep = $grep->[$run->{repeat}] if ref $grep eq 'ARRAY';
    $out = $out->[$run->{repeat}] if ref $out eq 'ARRAY';

    return ($grep, $run->{vars}->expand($out));
}


# What the pattern matches in each line, a line for each match.

sub _grep {
    my ($pattern, $lines) = @_;
    my $re = pattern_re($pattern);
    my $out = '';

    for my $line (@$lines) {
        next if $line !~ /$re/;

        my $match = substr $line, $-[0], $+[0] - $-[0];

        $out .= "$match\n" if $match !~ /\n/;
    }

    return $out;
}


sub _agree {
    my ($got, $want) = @_;

    return ref $want ? $got =~ $want : $got eq ($want // '');
}


sub _check_grep {
    my ($run, $grep, $out, $lines) = @_;
    my $name = $run->{block}->name
               . " - grep_error_log_out (req $run->{repeat})";
    my $got = _grep($grep, $lines);

    return _like($run, $got, $out, $name) if ref $out;

    _is($run, $got, $out, $name);
}


sub tcp_query {
    my ($run, $mock) = @_;
    my $block = $run->{block};
    my $want = $block->tcp_query;
    my $length = $block->tcp_query_len;

    return if !defined $want && !defined $length;

    my $got = $run->{skip} ? '' : $mock->query($length // length $want);

    if (defined $want) {
        my $name = $block->name . ' - tcp_query ok';

        ref $want ? _like($run, $got, $want, $name)
                  : _is($run, $got, $want, $name);
    }

    if (defined $length) {
        _is($run, length $got, $length,
            $block->name . ' - tcp_query_len ok');
    }
}


sub died {
    my ($run, $status) = @_;
    my $block = $run->{block};
    my $want = $block->must_die;
    my $signal = $status & 127;

    if ($signal) {
        _ok($run, 0, $block->name . ' - nginx crashed');
        $tb->diag("  signal $signal");

    } elsif ($want =~ /^\d+$/) {
        _is($run, $status >> 8, $want,
            $block->name . ' - die with the expected exit code');

    } else {
        _ok($run, $status != 0, $block->name . ' - die as expected');
    }
}


# An extra test, made only when it fails.

sub fail {
    my ($block, $what, @detail) = @_;

    _ok({ block => $block }, 0, $block->name . " - $what");

    $tb->diag(map { my $line = "  $_"; $line =~ s/\n?\z/\n/; $line } @detail)
        if @detail;
}


sub _skipped {
    my ($run, $name) = @_;

    return 0 if !$run->{skip};

    $tb->skip("$name - $run->{skip}");

    return 1;
}


sub _ok {
    my ($run, $ok, $name) = @_;
    my $depth = 0;

    # an empty list in the place of "false" would turn the name into "true"
    die "a check without a result\n" if @_ != 3;

    # the line of run_tests() in the test file is the one to be named
    $depth++ while caller $depth;
    local $Test::Builder::Level = $depth;

    $tb->ok($ok, $name);
    $tb->diag('  the block is at ' . $run->{block}->_where) if !$ok;

    return $ok;
}


sub _is {
    my ($run, $got, $want, $name) = @_;

    return if _skipped($run, $name);

    my $same = defined $got ? defined $want && $got eq $want : !defined $want;

    return if _ok($run, $same, $name);

    $tb->diag('  expected: ' . show($want));
    $tb->diag('       got: ' . show($got));

    _first_difference($got, $want) if defined $got && defined $want;
}


sub _like {
    my ($run, $got, $re, $name) = @_;

    return if _skipped($run, $name);

    my $match = defined $got && scalar($got =~ /$re/);

    return if _ok($run, $match, $name);

    $tb->diag("  expected: to match $re");
    $tb->diag('       got: ' . show($got));
}


sub _unlike {
    my ($run, $got, $re, $name) = @_;

    return if _skipped($run, $name);

    my $match = defined $got && scalar($got =~ /$re/);

    return if _ok($run, !$match, $name);

    $tb->diag("  expected: not to match $re");
    $tb->diag('       got: ' . show($got));
}


sub _first_difference {
    my ($got, $want) = @_;
    my $diff = "$got" ^ "$want";
    my ($same) = $diff =~ /\A(\0*)/;
    my $at = length $same;

    return if length $got < 60 && length $want < 60;

    my $line = 1 + (substr($want, 0, $at) =~ tr/\n//);
    my $from = $at > 30 ? $at - 30 : 0;

    $tb->diag('  lengths ' . length($want) . ' and ' . length($got)
              . ", first difference at byte $at, line $line:");
    $tb->diag('    expected ..' . show(substr $want, $from, 90) . '..');
    $tb->diag('         got ..' . show(substr $got, $from, 90) . '..');
}


sub show {
    my ($text) = @_;

    return 'undef' if !defined $text;

    my $cut = length $text > 2000 ? substr($text, 0, 2000) . '...' : $text;

    $cut =~ s/([\\"])/\\$1/g;
    $cut =~ s/\r/\\r/g;
    $cut =~ s/\t/\\t/g;
    $cut =~ s/\n(?=.)/\\n\n            /g;
    $cut =~ s/\n\z/\\n/;
    $cut =~ s/([^\n\x20-\x7e])/sprintf '\\x%02x', ord $1/ge;

    return "\"$cut\"";
}


sub _short {
    my ($text) = @_;

    $text =~ s/\n/\\n/g;
    $text =~ s/\r/\\r/g;
    $text = substr($text, 0, 100) . '...' if length $text > 100;

    return $text;
}


1;
