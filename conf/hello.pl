#!/usr/bin/perl

# Waits until LLMBroker answers and says what can be tried.
#
#   hello.pl PORT LOGS

use strict;
use warnings;

use HTTP::Tiny;
use JSON::PP;


my ($port, $logs) = @ARGV;
my $base = "http://localhost:$port";
my $http = HTTP::Tiny->new(timeout => 2, proxy => undef, http_proxy => undef,
                           all_proxy => undef);
my $health;

for (1 .. 300) {
    my $res = $http->get("http://127.0.0.1:$port/health");

    # 503 is an answer as well: nothing is available
    if ($res->{status} == 200 || $res->{status} == 503) {
        $health = eval { decode_json($res->{content}) } and last;
    }

    select undef, undef, undef, 0.1;
}

$health or die "no answer from $base/health, see $logs/error.log\n";

my @models = @{ $health->{models} || [] };
my @up = grep { $_->{status} ne 'unavailable' } @models;
my @down = grep { $_->{status} eq 'unavailable' } @models;
my ($try) = ((grep { $_->{name} =~ /^mock-/ } @up), @up);

$try = $try ? $try->{name} : 'mock-openai';

my $json = '-H "Content-Type: application/json"';

print <<"END";

LLMBroker is up: $base/v1 (and $base/docs in a browser)

Three lines to try:

  curl $base/v1/chat/completions $json \\
       -d '{"model": "$try", "messages": [{"role": "user", "content": "Hi"}]}'

  curl -N $base/v1/chat/completions $json \\
       -d '{"model": "$try", "messages": [{"role": "user", "content": "Hi"}], "stream": true}'

  curl $base/v1/models

END

print "Available: ", list(map { $_->{name} } @up), "\n";

my %missing;

for my $m (grep { $_->{missing} } @down) {
    push @{ $missing{$m->{missing}} }, $m->{name};
}

if (%missing) {
    print "Missing, in .env or the environment:\n";
    print "  $_ for ", list(@{ $missing{$_} }), "\n" for sort keys %missing;
}

if (my @unreachable = grep { !$_->{missing} } @down) {
    print "Not reachable: ", list(map { $_->{name} } @unreachable), "\n";
}

print "\nLogs: $logs.  Ctrl-C ends it.\n";


sub list {
    return @_ ? join(', ', @_) : 'nothing';
}
