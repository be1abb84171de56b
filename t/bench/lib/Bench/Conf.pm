package Bench::Conf;

# The configurations of everything that is measured, written into one folder.
#
# Gateways are configured as README says.  proxy_pass keeps its connections, as
# LLMBroker does, sends a key, and has the same buffers, log and limits as the
# location of LLMBroker that it is compared with.

use strict;
use warnings;

# what a client sees below /: the simulator's locations and their knobs

my %mock = (
    ''       => 'fixed=1 varied=1 size=1024',
    answer   => 'fixed=1 varied=1 size=102400',
    events   => 'spacing=10ms',
    flat     => '',
    idle     => 'spacing=10m',
);

# the dialects' paths and names

my %dialect = (
    openai => ['openai', 'openai/v1', 'gpt-4o'],
    claude => ['claude', 'anthropic', 'claude-sonnet-4-5'],
    qwen   => ['qwen', 'dashscope/api/v1', 'qwen-max'],
);

my $common = <<'END';
    client_max_body_size  16m;
    keepalive_requests  1000000;
    keepalive_timeout  1h;
END


# all of them; ports and the folder

sub new {
    my ($class, %self) = @_;

    return bless \%self, $class;
}


sub main {
    my ($self, $name, $workers, @modules) = @_;

    my $user = $> == 0 ? "user  root;\n" : '';
    my $load = join '', map { "load_module  $_;\n" } @modules;
    my $files = $self->files;
    my $temp = join '', map { "    ${_}_temp_path  temp/${name}_$_;\n" }
               qw(client_body proxy fastcgi uwsgi scgi);

    return <<"END", $temp . $common;
$user${load}daemon  off;
worker_processes  $workers;
worker_rlimit_nofile  $files;
error_log  logs/$name.log error;
pid  logs/$name.pid;

events {
    worker_connections  $files;
}

END
}


# A stream has two connections in a gateway.  nginx closes clients that have not
# asked yet when it has less than a sixteenth of its connections left.

sub files {
    my ($self) = @_;

    return 3 * $self->{streams} + 500;
}


sub mock {
    my ($self) = @_;

    my ($main, $http) = $self->main('mock', 1,
        "$self->{objs}/ngx_http_llmbroker_mock_module.so");

    my $locations = join '', map { <<"END" } sort keys %mock;
        location /$_ {
            llmbroker_mock  $mock{$_};
        }

END

    return $self->write('mock.conf', <<"END");
${main}http {
$http
    access_log  off;
    client_body_buffer_size  16m;

    ssl_certificate      mock.crt;
    ssl_certificate_key  mock.key;

    server {
        listen  127.0.0.1:$self->{mock} backlog=4096;
        listen  127.0.0.1:$self->{mock_tls} ssl backlog=4096;

$locations
        location /long {
            llmbroker_mock  size=$self->{long} chunks=100000;
        }
    }
}
END
}


# nginx with both: what LLMBroker is compared with runs in the same worker.  In
# one that asks clients for keys there are limits too, for each model and client

sub gateway {
    my ($self, $name, $port, %is) = @_;

    my ($main, $http) = $self->main($name, $is{workers} // 1,
        "$self->{objs}/ngx_http_llmbroker_module.so");

    my ($yaml, $locations) = $is{keys} ? $self->limited : $self->plain;

    return $self->write("$name.conf", <<"END");
${main}http {
$http
    client_body_buffer_size  16m;

    llmbroker_config  $yaml;

    include     $self->{conf}/llmbroker_log.conf;
    access_log  logs/access.log;

    limit_req_zone   \$llmbroker_model zone=models:1m rate=100000r/s;
    limit_req_zone   \$binary_remote_addr zone=clients:1m rate=100000r/s;
    limit_conn_zone  \$binary_remote_addr zone=connections:1m;

    upstream mock {
        server     127.0.0.1:$self->{mock};
        keepalive  64;
    }

    upstream mock_tls {
        server     127.0.0.1:$self->{mock_tls};
        keepalive  64;
    }

    proxy_http_version  1.1;
    proxy_read_timeout  10m;
    proxy_set_header    Connection "";
    proxy_set_header    Authorization "Bearer bench";

    server {
        listen  127.0.0.1:$port backlog=4096;

$locations
    }
}
END
}


sub plain {
    my ($self) = @_;

    return $self->yaml('bench', ''), join "\n",
        both('/'),
        both('/file/', 'client_body_buffer_size  16k;'),
        both('/quiet/', 'access_log  off;'),
        both('/json/', 'access_log  logs/json.log llmbroker;'),
        proxy('/stream/', 'http://mock/', 'proxy_buffering  off;'),
        proxy('/tls/', 'https://mock_tls/');
}


sub limited {
    my ($self) = @_;

    my $keys = "security:\n"
               . "  enable_api_key_auth: true\n"
               . "  api_keys: [bench, another, a-third]\n";

    my $both = 'limit_conn  connections 10000;';

    return $self->yaml('keys', $keys), join "\n",
        broker('/', $both, 'limit_req  zone=models burst=100000 nodelay;',
               'llmbroker_early_read  on;'),
        proxy('/', 'http://mock/', $both,
              'limit_req  zone=clients burst=100000 nodelay;');
}


sub both {
    my ($path, @directives) = @_;

    return broker($path, @directives), proxy($path, 'http://mock/',
                                             @directives);
}


sub broker {
    my ($path, @directives) = @_;

    return location($path, 'llmbroker;', @directives);
}


sub proxy {
    my ($path, $to, @directives) = @_;

    return location("/proxy$path", "proxy_pass  $to;", @directives);
}


sub location {
    my ($path, @directives) = @_;

    return join '', "        location $path {\n",
        map({ ' ' x 12 . "$_\n" } @directives), "        }\n";
}


# A model for each of the simulator's locations and each dialect: events-claude.
# bench-three has three deployments, tls-openai is called over TLS.

sub yaml {
    my ($self, $name, $more) = @_;

    my $http = "http://127.0.0.1:$self->{mock}";
    my $yaml = "models:\n";

    for my $place (sort keys %mock) {
        for my $dialect (sort keys %dialect) {
            my ($provider, $path, $model) = @{ $dialect{$dialect} };

            my $alias = ($place || 'bench') . "-$dialect";
            my $base = join '/', $http, $place || (), $path;

            $yaml .= model($alias, $provider, $model, "base_url: $base");
        }
    }

    my $base = "$http/openai";

    $yaml .= model('bench-three', 'openai', 'gpt-4o', 'deployments:',
                   "  - base_url: $base/v1", "  - base_url: $base/two/v1",
                   '    weight: 2', "  - base_url: $base/three/v1");

    $yaml .= model('tls-openai', 'openai', 'gpt-4o', 'tls_verify: false',
                   "base_url: https://127.0.0.1:$self->{mock_tls}/openai/v1");

    $yaml .= model('long-openai', 'openai', 'gpt-4o',
                   "base_url: $http/long/openai/v1");

    return $self->write("$name.yaml", $yaml . $more);
}


# what is injected is seldom the client's; a stream of any length may be told

sub model {
    my ($alias, $provider, $model, @lines) = @_;

    my $params = $alias =~ /^bench|^tls|^answer/
        ? '{temperature: 0.7, max_tokens: 1000}' : '{temperature: 0.7}';

    return join '', "  $alias:\n", map { "    $_\n" }
        "provider: $provider", "model_name: $model", 'api_key: bench',
        "default_params: $params", 'timeout: 10m', @lines;
}


sub write {
    my ($self, $name, $text) = @_;

    open my $fh, '>', "$self->{dir}/$name" or die "$name: $!\n";
    print $fh $text;
    close $fh;

    return $name;
}

1;
