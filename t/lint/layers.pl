#!/usr/bin/perl

# Who may know whom: the folders of the module are layers, and what a layer
# may include is written down here.

use strict;
use warnings;

my $top = 'ngx_http_llmbroker_module';

my %may = (
    ''       => [],
    module   => [qw(module request config provider state outbound codec)],
    request  => [qw(request config provider state outbound codec)],
    config   => [qw(config provider state codec)],
    provider => [qw(provider codec)],
    state    => [qw(state)],
    outbound => [qw(outbound config provider state codec)],
    codec    => [qw(codec)],
    mock     => [qw(mock codec)],
);

# "knows" nothing of a provider: adding one must not touch these folders

my %core = map { $_ => 1 } '', qw(module request config state outbound codec);

my $providers = qr/claude|anthropic|qwen|dashscope|gemini|mistral|bedrock
                   |deepseek|ollama/xi;

my @never = (
    [qr/\byajl_tree/,               'yajl_tree'],
    [qr/\bcurl_easy_perform\b/,     'blocks: curl_easy_perform'],
    [qr/\bget(?:addrinfo|hostbyname)\b/, 'blocks: a name is looked up'],
    [qr/\bu?sleep\(/,               'blocks: sleep'],
    [qr/\b(?:TODO|FIXME|XXX)\b/,    'unfinished'],
);

my $bad = 0;
my %header;                         # functions that a header tells about
my @files = glob "$top/*.[ch] $top/*/*.[ch]";

check($_) for @files;
check_functions($_) for grep { /\.c$/ } @files;

print @files . " files, layers: ", $bad ? "$bad complaints\n" : "ok\n";
exit($bad ? 1 : 0);


sub check {
    my ($file) = @_;

    my ($folder) = $file =~ m{^$top/(?:(\w+)/)?[\w.]+$};
    my $compat = $file =~ /_compat\.h$/;

    $folder //= '';

    open my $fh, '<', $file or die "$file: $!\n";
    my @lines = <$fh>;

    my ($first) = grep { /^#include/ } @lines;

    complain("$file:1", "ngx_config.h, or a header of ours, comes first")
        if $first && $first =~ /</ && $first !~ /<ngx_config\.h>|<nginx\.h>/;

    for my $i (0 .. $#lines) {
        local $_ = $lines[$i];
        my $at = "$file:" . ($i + 1);

        if (/^\s*#\s*include\s+"(?:(\w+)\/)?([\w.]+)"/) {
            my $to = $1 // '';

            complain($at, "no file \"$to/$2\"")
                if !-f "$top/" . ($to ne '' ? "$to/" : '') . $2;

            complain($at, ($folder || 'this header') . "/ may not know $to/")
                if $2 ne 'ngx_http_llmbroker_compat.h'
                   && !grep { $_ eq $to } @{ $may{$folder} };
        }

        complain($at, "a provider's name outside provider/")
            if $core{$folder} && /$providers/;

        complain($at, 'nginx_version outside compat.h')
            if /\bnginx_version\b/ && !$compat;

        complain($at, 'requests are not known in codec/')
            if $folder eq 'codec' && /\bngx_http_request_t\b|<ngx_http\.h>/;

        for my $rule (@never) {
            complain($at, $rule->[1]) if /$rule->[0]/;
        }
    }

    check_header($file, join '', @lines) if $file =~ /\.h$/;
}


# each paragraph with a prototype begins with a comment: the contract

sub check_header {
    my ($file, $text) = @_;

    $text =~ s{(/\*.*?\*/)}{ my $c = $1; $c =~ s/\n\s*\n/\n *\n/g; $c }gse;

    my $line = 1;

    for my $part (split /(\n\s*\n)/, $text) {

        if ($part =~ /^[a-z].*?\b(ngx_http_llmbroker_\w+)\s*\(/m
            && $part !~ /^\s*(?:typedef|struct|static|#)/m)
        {
            complain("$file:$line", "$1() has no contract comment")
                if $part !~ m{^\s*/\*};

            $header{$1} = 1
                while $part =~ /\b(ngx_http_llmbroker_\w+)\s*\(/g;

        } elsif ($part =~ /^[a-z]/m) {
            $header{$1} = 1
                while $part =~ /\b(ngx_http_llmbroker_\w+)\s*\(/g;
        }

        $line += $part =~ tr/\n//;
    }
}


# a function is static, or it has our prefix and a prototype in a header

sub check_functions {
    my ($file) = @_;

    open my $fh, '<', $file or die "$file: $!\n";
    my $text = do { local $/; <$fh> };

    while ($text =~ /^((?!static\b)[a-z][\w \*]*)\n(\w+)\([^;{]*\)\n\{/mg) {
        my $name = $2;
        my $at = "$file:" . (2 + (substr($text, 0, $-[0]) =~ tr/\n//));

        complain($at, "$name() is not static and has another prefix")
            if $name !~ /^ngx_http_llmbroker_/;

        complain($at, "$name() is not static and is in no header")
            if !$header{$name};
    }
}


sub complain {
    my ($at, $what) = @_;

    print "$at: $what\n";
    $bad++;
}
