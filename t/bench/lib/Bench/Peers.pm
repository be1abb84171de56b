package Bench::Peers;

# What others cost: HAProxy as a plain proxy, a small gateway of nginx and Lua
# that decodes, injects and encodes, and Portkey's gateway of Node.  Each is
# used when it is there ("make bench-peers" installs them).  All have one thread
# that works, as the gateway has one worker, and keep their connections.

use strict;
use warnings;

# Servers to start, by name; or why not, as a text.

sub find {
    my ($conf, $nginx, %port) = @_;

    return (haproxy => haproxy($conf, $port{haproxy}),
            lua => lua($conf, $port{lua}, $nginx),
            portkey => portkey($conf, $port{portkey}));
}


sub haproxy {
    my ($conf, $port) = @_;

    return 'HAProxy is not installed' if !has('haproxy -v');

    my $conns = $conf->{streams} + 100;

    $conf->write('haproxy.cfg', <<"END");
global
    nbthread  1
    maxconn   $conns

defaults
    mode  http
    timeout  connect 5s
    timeout  client 15m
    timeout  server 15m
    http-reuse  always
    option  http-no-delay

frontend clients
    bind  127.0.0.1:$port backlog 4096
    default_backend  mock

backend mock
    server  mock 127.0.0.1:$conf->{mock}
END

    return { command => ['haproxy', '-db', '-f', "$conf->{dir}/haproxy.cfg"] };
}


sub lua {
    my ($conf, $port, $nginx) = @_;

    my ($modules) = `$nginx -V 2>&1` =~ /--modules-path=(\S+)/;

    my ($main, $http) = $conf->main('lua', 1,
        map { "$modules/$_" } qw(ndk_http_module.so ngx_http_lua_module.so));

    $conf->write('lua.conf', <<"END");
${main}http {
$http
    client_body_buffer_size  16m;
    access_log  logs/lua-access.log;

    upstream mock {
        server     127.0.0.1:$conf->{mock};
        keepalive  64;
    }

    init_by_lua_block { json = require "cjson" }

    proxy_http_version  1.1;
    proxy_read_timeout  10m;
    proxy_set_header    Connection "";
    proxy_set_header    Authorization "Bearer bench";

    access_by_lua_block {
        ngx.req.read_body()

        local body = json.decode(ngx.req.get_body_data())

        if body.temperature == nil then
            body.temperature = 0.7
        end

        if body.max_tokens == nil then
            body.max_tokens = 1000
        end

        ngx.req.set_body_data(json.encode(body))
    }

    server {
        listen  127.0.0.1:$port backlog=4096;

        location / {
            proxy_pass  http://mock;
        }

        location ~ ^/(events|idle)/ {
            proxy_pass       http://mock;
            proxy_buffering  off;
        }
    }
}
END

    my @command = ($nginx, '-p', "$conf->{dir}/", '-c',
                   "$conf->{dir}/lua.conf");

    return 'this nginx has no Lua with cjson' if !has(join ' ', @command, '-t');

    return { command => \@command };
}


sub portkey {
    my ($conf, $port) = @_;

    my $server = "$conf->{peers}/node_modules/\@portkey-ai/gateway/build/"
                 . 'start-server.js';

    return '@portkey-ai/gateway is not installed' if !-f $server;

    return 'there is no node for @portkey-ai/gateway' if !has('node -v');

    return { command => ['node', $server, "--port=$port", '--headless'],
             env => { NODE_ENV => 'production' } };
}


sub has {
    my ($command) = @_;

    return system("$command >/dev/null 2>&1") == 0;
}

1;
