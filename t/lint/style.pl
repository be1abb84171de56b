#!/usr/bin/perl

# nginx's style, as far as a script can see it.

use strict;
use warnings;

my $bad = 0;
my @files = grep { -f && !-B } glob join ' ', qw(
    config Makefile .ci/* conf/* t/*.t t/*.pl t/*/*.c t/*/*.h t/*/*.pl t/*/*.sh
    t/*/*.lua t/*/*.mjs t/*/lib/*.mjs t/lib/*/*/*.pm t/lib/*.pm
    t/*/lib/*/*.pm *.md
    ngx_http_llmbroker_module/*.h ngx_http_llmbroker_module/*/*);

for my $file (@files) {
    open my $fh, '<:encoding(UTF-8)', $file or die "$file: $!\n";
    my @lines = <$fh>;
    my $text = join '', @lines;

    for my $n (0 .. $#lines) {
        last if $lines[$n] =~ /^__(?:DATA|END)__$/;
        check_line($file, $n + 1, $lines[$n]);
    }

    complain($file, scalar @lines, 'no newline, or empty lines, at the end')
        if $text !~ /[^\n]\n\z/;

    check_c($file, $text) if $file =~ /\.[ch]$/;
}

print @files . " files, style: ", $bad ? "$bad complaints\n" : "ok\n";
exit($bad ? 1 : 0);


sub check_line {
    my ($file, $n, $line) = @_;

    chomp $line;

    complain($file, $n, 'tab') if $line =~ /\t/ && $file ne 'Makefile';
    complain($file, $n, 'CR') if $line =~ /\r/;

    return if $file =~ /\.(md|html|json)$/;

    complain($file, $n, 'blanks at the end') if $line =~ /\s$/;

    # the Makefile's help and what hello.pl prints are as long as they are

    return if $file eq 'Makefile' && $line =~ / ## /
              || $file eq 'conf/hello.pl' && $line =~ /^  /;

    complain($file, $n, length($line) . ' columns') if length $line > 80;
}


sub check_c {
    my ($file, $text) = @_;

    # empty what is in strings and comments, but keep the lines

    $text =~ s{(/\*.*?\*/)|("(?:\\.|[^"\\\n])*")|('(?:\\.|[^'\\\n])*')}
              { my $s = $1 // $2 // $3; my $nl = $s =~ tr/\n//;
                ($1 ? '/*' . "\n*" x $nl . '*/' : '""') }gse;

    my @rules = (
        [qr{//},                        'a // comment'],
        [qr{\b(?:if|for|while|switch)\(}, 'no blank before the parenthesis'],
        [qr{\)\{|\belse\{|\bdo\{},      'no blank before the brace'],
        [qr{^[a-z]\w[^=\n]*\) \{$}m, 'a function\'s brace on its own line'],
        [qr{\n\n\n\n},                  'three empty lines'],
        [qr{^\}\n(?!\n\n[^\n]|\n*\z|\n?#)}m, 'not two empty lines after this'],
        [qr{^(?: {4})* {1,3}(?:if|for|while|return)\b}m,
                                        'indented by no multiple of 4'],
        [qr{\bassert\(|\bstrcpy\(|\bsprintf\(|\bmalloc\(},
                                        'not in this module'],
    );

    for my $rule (@rules) {
        my ($re, $what) = @$rule;

        next if $what eq 'not in this module' && $file =~ /^t\//;

        while ($text =~ /$re/g) {
            complain($file, 1 + (substr($text, 0, $-[0]) =~ tr/\n//), $what);
        }
    }
}


sub complain {
    my ($file, $line, $what) = @_;

    print "$file:$line: $what\n";
    $bad++;
}
