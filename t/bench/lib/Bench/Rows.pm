package Bench::Rows;

# What is measured: groups of rows.  The first row of a group, or the one that
# "base" names, is what the others are compared with; a row's "must" and "aim"
# are the ratio that it may have and the one that is wished for.
#
# A row is a name, the server, the path, the model and whatever differs from the
# group: size (bytes of the prompt), events (of a stream), conns (connections).

use strict;
use warnings;

my $chat = 'v1/chat/completions';


# Quick runs are shorter, and without some rows of other gateways.

sub groups {
    my ($quick, $streams, $mock) = @_;

    my @peers = $quick ? () : peers($mock, '');

    my @groups = (
        { id => 'small', size => 1024, conns => 64,
          title => 'prompt 1 KB, answer 1 KB, access log, injection',
          rows => [rows('', 'bench', '', 'openai', 'claude', 'qwen'),
                   ['openai, three deployments', 'gateway', "/$chat",
                    'bench-three'],
                   peers($mock, '')],
          limits => { openai => [1.25, 1.0], claude => [1.5, 1.2],
                      qwen => [1.5, 1.2] } },

        { id => 'quiet', size => 1024, conns => 64, title => 'no access log',
          rows => [rows('quiet/', 'bench', '', 'openai')] },

        { id => 'json', size => 1024, conns => 64,
          title => 'access log of llmbroker_log.conf',
          rows => [rows('json/', 'bench', '', 'openai')],
          limits => { openai => [1.25, 1.0] } },

        { id => 'keys', size => 1024, conns => 64, server => 'keys',
          title => 'limit_req, limit_conn; client keys, early read',
          rows => [rows('', 'bench', '', 'openai')] },

        { id => 'tls', size => 1024, conns => 64,
          title => 'upstream over TLS, connections kept',
          rows => [['proxy_pass', 'gateway', "/proxy/tls/openai/$chat",
                    'bench-openai'],
                   ['openai', 'gateway', "/$chat", 'tls-openai']] },

        { id => 'two', size => 1024, conns => 64, server => 'two',
          title => 'two workers',
          rows => [rows('', 'bench', '', 'openai'),
                   ['openai, three deployments', 'two', "/$chat",
                    'bench-three']] },

        { id => '100k', size => 100_000, conns => 16,
          title => 'prompt 100 KB, in memory',
          rows => [rows('', 'bench', '', 'openai', 'claude', 'qwen'), @peers],
          limits => { openai => [1.5, 1.1] } },

        { id => 'fresh', size => 100_000, conns => 16,
          title => 'prompt 100 KB, each worker has seen nothing else',
          own => 1,
          rows => [rows('', 'bench', '', 'openai', 'claude')] },

        { id => '1m', size => 1_000_000, conns => 4,
          title => 'prompt 1 MB, in memory',
          rows => [rows('', 'bench', '', 'openai', 'claude', 'qwen')],
          limits => { openai => [1.5, 1.1] } },

        { id => '8m', size => 8_000_000, conns => 2,
          title => 'prompt 8 MB, in memory',
          rows => [rows('', 'bench', '', 'openai', 'claude')] },

        { id => '8m-file', size => 8_000_000, conns => 2,
          title => 'prompt 8 MB, client_body_buffer_size 16k: temporary file',
          rows => [rows('file/', 'bench', '', 'openai', 'claude')] },

        { id => 'answer', size => 1024, conns => 16,
          title => 'answer 100 KB',
          rows => [rows('', 'answer', 'answer/', 'openai', 'claude')] },

        { id => 'one', size => 1024, conns => 1, kind => 'latency',
          title => 'one connection: time of a request',
          rows => [['direct', 'mock', "/openai/$chat", 'gpt-4o'],
                   rows('', 'bench', '', 'openai', 'claude', 'qwen'),
                   @peers] },

        { id => 'flat', kind => 'stream', conns => 1, events => 20_000,
          title => 'one stream without pauses, again and again',
          rows => [rows('stream/', 'flat', 'flat/', 'openai', 'claude',
                        'qwen')],
          limits => { openai => [1.3, 1.0], claude => [2.0, 1.4] } },

        { id => 'events', kind => 'paced', conns => 200,
          events => $quick ? 100 : 200,
          title => '200 streams, an event each 10 ms',
          rows => [['direct', 'mock', "/events/openai/$chat", 'gpt-4o'],
                   rows('stream/', 'events', 'events/', 'openai', 'claude',
                        'qwen'),
                   peers($mock, 'events/')],
          limits => { openai => [1.3, 1.0], claude => [2.0, 1.4] } },

        { id => 'idle', kind => 'memory', conns => $streams, events => 20,
          title => "$streams open streams that are quiet",
          rows => [rows('stream/', 'idle', 'idle/', 'openai', 'claude',
                        'qwen'),
                   peers($mock, 'idle/')],
          limits => { openai => [1.5, 1.1], claude => [1.5, 1.1],
                      qwen => [1.5, 1.1] } },
    );

    return [map { expand($_) } @groups];
}


# proxy_pass and LLMBroker's dialects in the same location and to the same place

sub rows {
    my ($location, $models, $place, @dialects) = @_;

    my $at = $location =~ /^stream/ ? '' : $location;

    return ['proxy_pass', 'gateway', "/proxy/$location${place}openai/$chat",
            "$models-openai"],
           map { [$_, 'gateway', "/$at$chat", "$models-$_"] } @dialects;
}


# Others as plain proxy, as a small gateway of Lua, and a gateway of Node's.
# They are asked as the simulator is, and told where it is.

sub peers {
    my ($mock, $place) = @_;

    my $host = "http://127.0.0.1:$mock/${place}openai/v1";

    return ['haproxy', 'haproxy', "/${place}openai/$chat", 'gpt-4o'],
           ['nginx and Lua', 'lua', "/${place}openai/$chat", 'gpt-4o'],
           ['Portkey', 'portkey', "/$chat", 'gpt-4o',
            headers => ['x-portkey-provider: openai',
                        "x-portkey-custom-host: $host"]];
}


# rows as hashes that know all of their group

sub expand {
    my ($group) = @_;

    my %limits = %{ delete $group->{limits} // {} };
    my ($base) = grep { $_->[0] eq 'proxy_pass' } @{ $group->{rows} };
    my %of;

    $group->{kind} //= 'buffered';

    for my $row (@{ $group->{rows} }) {
        my ($name, $server, $path, $model, %more) = @$row;
        my ($must, $aim) = @{ $limits{$name} // [] };

        $row = $of{$name} = {
            %$group, rows => undef, name => $name, path => $path,
            model => $model, must => $must, aim => $aim, %more,
            key => "$group->{id}/$name",
            server => $group->{own} ? "own-$name"
                      : $server eq 'gateway' && $group->{server} || $server,
        };
    }

    $_->{base} = $of{$base->[0]} for @{ $group->{rows} };

    return $group;
}

1;
