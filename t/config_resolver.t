# A provider whose name had no address when nginx started comes alive as soon
# as nginx's resolver finds one, without a reload (design 2.4).

use IO::Socket::INET;
use Test::Nginx::Socket 'no_plan';

our ($dns, $pid) = name_server();

END {
    kill 'TERM', $pid if $pid && $$ != $pid;
}


# answers "name.invalid" with 127.0.0.1, and that there is no other name

sub name_server {
    my $socket = IO::Socket::INET->new(Proto => 'udp', LocalPort => 0,
                                       LocalAddr => '127.0.0.1')
        or die "no UDP socket: $!\n";

    my $parent = $$;
    my $pid = fork // die "cannot fork: $!\n";

    return ($socket->sockport, $pid) if $pid;

    $SIG{TERM} = 'DEFAULT';
    $SIG{ALRM} = sub { getppid == $parent ? alarm 5 : POSIX::_exit(0) };
    alarm 5;

    while (1) {
        defined $socket->recv(my $query, 512) or next;

        my ($id, $question) = (substr($query, 0, 2), substr($query, 12));
        my $known = $question =~ /^\x04name\x07invalid\0\0\x01\0\x01/;

        $question =~ s/^(.*?\0.{4}).*/$1/s;

        $socket->send($id . ($known ? "\x81\x80" : "\x81\x83") . "\0\1"
                      . ($known ? "\0\1" : "\0\0") . "\0\0\0\0$question"
                      . ($known ? "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1"
                                : ''));
    }
}


our $yaml = <<'_EOC_';
>>> llmbroker.yaml
models:
  m:
    provider: openai
    base_url: http://name.invalid:$TEST_NGINX_RAND_PORT_1/v1
    api_key: sk-test
  n:
    provider: openai
    base_url: http://other.invalid:$TEST_NGINX_RAND_PORT_1/v1
    api_key: sk-test
_EOC_

add_block_preprocessor(sub {
    my $block = shift;

    my $name = $block->name;

    # with the name nginx starts for each block, and says it again
    $block->set_value('http_config', <<"_EOC_");
    # $name
    resolver 127.0.0.1:$dns ipv6=off;
    resolver_timeout 2s;

    llmbroker_config ../html/llmbroker.yaml;

    server {
        listen 127.0.0.1:\$TEST_NGINX_RAND_PORT_1;
        default_type application/json;

        location / {
            return 200 '{"choices":[],"host":"\$http_host","uri":"\$uri"}';
        }
    }
_EOC_

    $block->set_value('config', "location / { llmbroker; }");
    $block->set_value('user_files', $yaml);
});

no_long_string();
no_root_location();
run_tests();

__DATA__

=== TEST 1: a name that has an address by now
--- request eval
["POST /v1/chat/completions\n"
 . '{"model":"m","messages":[{"role":"user","content":"hi"}]}',
 "POST /v1/chat/completions\n"
 . '{"model":"m","messages":[{"role":"user","content":"hi"}]}']
--- response_body_like eval
['"host":"name\.invalid:\d+","uri":"/v1/chat/completions"',
 '"host":"name\.invalid:\d+","uri":"/v1/chat/completions"']
--- no_error_log
[error]



=== TEST 2: and one that has none
--- request
POST /v1/chat/completions
{"model":"n","messages":[{"role":"user","content":"hi"}]}
--- error_code: 502
--- response_body_like: "code":"provider_unavailable"
--- error_log
host not found: "other.invalid" has no address yet
other.invalid could not be resolved (3: Host not found)
