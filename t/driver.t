# The test driver itself, on directives of nginx only.  Runs with the original
# Test::Nginx::Socket too: what passes here means the same there.

use Test::Nginx::Socket;

repeat_each(2);

plan tests => repeat_each() * 131;

env_to_nginx("DRIVER_TEST=value");

our $body_of_200_lines = join '', map { "line $_\n" } 1 .. 200;

run_tests();

__DATA__

=== TEST 1: a request without a method's URL goes to the root location
--- config
--- request
GET
--- response_headers
Content-Type: text/html
--- response_body_like: It works!



=== TEST 2: method, URL and headers that are added
--- config
    location /t {
        return 200 "$request|$http_host|$http_connection|$http_content_length";
    }
--- request
DELETE /t?a=b
--- response_body chomp
DELETE /t?a=b HTTP/1.1|localhost|close|



=== TEST 3: comments before the request line, HTTP/1.0
--- config
    location /t {
        return 200 $request;
    }
--- request

# a comment

GET /t HTTP/1.0
--- response_body: GET /t HTTP/1.0



=== TEST 4: Content-Length is that of the body without white space around it
--- config
    location /t {
        return 200 "$http_content_length\n";
    }
--- request

POST /t

    some text here    

--- response_body
14



=== TEST 5: a given Content-Length stays
--- config
    location /t {
        client_body_buffer_size 1k;
        proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    }
--- http_config
    server {
        listen $TEST_NGINX_RAND_PORT_1;
        return 200 "$http_content_length\n";
    }
--- more_headers
Content-Length: 3
--- request eval
"POST /t\nabc"
--- response_body
3



=== TEST 6: a chunked request body
--- config
    location /t {
        proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    }
--- http_config
    server {
        listen $TEST_NGINX_RAND_PORT_1;
        return 200 "$http_content_length\n";
    }
--- more_headers
Transfer-Encoding: chunked
--- request eval
"POST /t\r\n5\r\nhello\r\n0\r\n\r\n"
--- response_body
5



=== TEST 7: more_headers, with a comment; Host and Connection are replaced
--- config
    location /t {
        return 200 "$http_x_a|$http_x_b|$http_host|$http_connection\n";
    }
--- more_headers
X-A: one
# X-A: two
X-B:three
Host: example.org
Connection: Close
--- request
GET /t
--- response_body
one|three|example.org|Close



=== TEST 8: several requests
--- config
    location /a {
        return 200 "a $http_x\n";
    }
    location /b {
        add_header X-B yes;
        return 404 "b $http_x\n";
    }
--- request eval
["GET /a", "GET /b"]
--- more_headers eval
["X: 1", "X: 2"]
--- error_code eval
[200, 404]
--- response_body eval
["a 1\n", "b 2\n"]
--- access_log eval
qr{GET /a HTTP}
--- error_log
http request line: "GET



=== TEST 9: several requests, with patterns
--- config
    location /a {
        add_header X-A 12;
        return 200 "a\n";
    }
    location /b {
        add_header X-B 34 always;
        return 500 "b\n";
    }
--- request eval
["GET /a", "GET /b"]
--- error_code_like eval
["^20", "^5.."]
--- response_headers_like eval
["X-A: \\d+", "X-B: [34]+\nX-C: "]
--- response_body_like eval
["^a", "^b"]
--- raw_response_headers_like eval
["X-A: 12\r\n", "X-B: "]
--- raw_response_headers_unlike eval
["X-B", "X-A"]



=== TEST 10: a request in packets, with a delay
--- config
    location /t {
        return 200 "$request_method $request_uri $http_content_length\n";
    }
--- request eval
[["PO", "ST /t?", "x=y\nabc", "def"]]
--- raw_request_middle_delay: 0.02
--- response_body
POST /t?x=y 6



=== TEST 11: a configuration that nginx refuses
--- config
    location /t {
        not_a_directive_of_nginx "";
    }
--- must_die
--- error_log
unknown directive "not_a_directive_of_nginx"
--- no_error_log
unknown directive "location"
--- suppress_stderr



=== TEST 12: pipelined requests, of known length and chunked
--- config
    location /a {
        return 200 "a\n";
    }
    location /b {
        ssi on;
        ssi_types *;
        root html;
    }
--- user_files
>>> b/c.txt
text <!--#echo var="http_connection" --> $TEST_NGINX_SERVER_PORT
--- pipelined_requests eval
["GET /a", "GET /b/c.txt", "GET /a", "GET /b/c.txt"]
--- response_body eval
["a\n", "text keep-alive $ENV{TEST_NGINX_SERVER_PORT}\n",
 "a\n", "text close $ENV{TEST_NGINX_SERVER_PORT}\n"]



=== TEST 13: raw_request
--- config
    location /t {
        return 200 "$server_protocol $http_x\n";
    }
--- raw_request eval
"GET /t HTTP/1.1\r\nHost: a\r\nX: yes\r\nConnection: close\r\n\r\n"
--- response_body
HTTP/1.1 yes



=== TEST 14: raw_request in packets
--- config
    location /t {
        return 200 "$http_x\n";
    }
--- raw_request eval
["GET /t HT", "TP/1.1\r\nHost: a\r\nX: ye",
 "s\r\nConnection: close\r\n\r\n"]
--- raw_request_middle_delay: 0.02
--- response_body
yes



=== TEST 15: a bad raw_request
--- config
--- raw_request eval
"GET / HTTP/1.x\r\n\r\n"
--- error_code: 400
--- error_log
client sent invalid request



=== TEST 16: response headers, absent, joined and with ports
--- config
    location /t {
        add_header X-One 1;
        add_header X-Two a;
        add_header X-Two b;
        add_header X-Port $server_port;
        return 204;
    }
--- request
GET /t
--- error_code: 204
--- response_headers
X-One: 1
X-Two: a, b
X-Port: $ServerPort
! X-Three
!Content-Length



=== TEST 17: response_body with a variable of the environment, and unlike
--- config
    location /t {
        return 200 "port $server_port\n";
    }
--- request
GET /t
--- response_body
port $TEST_NGINX_SERVER_PORT



=== TEST 18: response_body_unlike
--- config
    location /t {
        return 200 "one\ntwo\n";
    }
--- request
GET /t
--- response_body_unlike: three



=== TEST 19: response_body as a regex
--- config
    location /t {
        return 200 "one\ntwo\n";
    }
--- request
GET /t
--- response_body eval
qr/^one\ntw/



=== TEST 20: response_body_filters, named
--- config
    location /t {
        return 200 "abc";
    }
--- request
GET /t
--- response_body_filters: uc md5_hex
--- response_body: 902fbdd2b1df0c4f70b4a5d23525e932



=== TEST 21: response_body_filters, a function
--- config
    location /t {
        return 200 "abc";
    }
--- request
GET /t
--- response_body_filters eval
sub { my $s = shift; $s =~ s/b/-/; $s }
--- response_body: a-c



=== TEST 22: the root location is there already
--- config
    location / {
        return 200 "abc";
    }
--- must_die
--- error_log
duplicate location "/"
--- suppress_stderr



=== TEST 23: response_body_filters for each request
--- config
    location /t {
        return 200 "abc";
    }
--- request eval
["GET /t", "GET /t"]
--- response_body_filters eval
[["uc"], [sub { "<$_[0]>" }, "length"]]
--- response_body eval
["ABC", 5]



=== TEST 24: a long body
--- config
    location /t {
        root html;
    }
--- user_files eval
[["t/long.txt" => $::body_of_200_lines x 500]]
--- request
GET /t/long.txt
--- response_body_filters: md5_hex
--- response_body eval
use Digest::MD5; Digest::MD5::md5_hex($::body_of_200_lines x 500)



=== TEST 25: user_files, with a date, absolute names and an empty file
--- config
--- user_files eval
[["a.txt" => "aaa\n", "199801171935.33"], ["b.txt"],
 ["$ENV{TEST_NGINX_SERVER_ROOT}/html/sub/c.txt" => "ccc\n"]]
--- request eval
["GET /a.txt", "GET /b.txt", "GET /sub/c.txt"]
--- response_headers eval
["Last-Modified: Sat, 17 Jan 1998 19:35:33 GMT", "Content-Length: 0",
 "Content-Length: 4"]
--- response_body eval
["aaa\n", "", "ccc\n"]



=== TEST 26: error_log and no_error_log, text and regex
--- config
    location /t {
        access_log off;
        root /nonexistent;
    }
--- request
GET /t
--- error_code: 404
--- error_log eval
["No such file", qr/open\(\) "\/nonex.*? failed/]
--- no_error_log
[alert]
[crit]



=== TEST 27: grep_error_log
--- config
    location /t {
        rewrite ^ /u;
    }
    location /u {
        return 200 u;
    }
--- request
GET /t
--- grep_error_log eval: qr/rewritten data: "[^"]*"/
--- grep_error_log_out
rewritten data: "/u"



=== TEST 28: grep_error_log, text, and for each repetition
--- config
    location /t {
        return 200 u;
    }
--- request
GET /t
--- grep_error_log: http process request line
--- grep_error_log_out eval
["http process request line\n", qr/\A(http process request line\n)\z/]



=== TEST 29: access_log and no_access_log
--- config
    location /t {
        return 200 u;
    }
--- request
GET /t?a+line
--- access_log
"GET /t?a+line HTTP/1.1" 200
--- no_access_log
HTTP/1.0
 500



=== TEST 30: log_level
--- config
    location /t {
        return 200 u;
    }
--- log_level: info
--- request
GET /t
--- no_error_log
http request line: "GET /t



=== TEST 31: main_config, post_main_config, server_name and env_to_nginx
--- main_config
    env DRIVER_MAIN;
--- post_main_config
    # after http
--- http_config
    map $host $x {
        default "$server_name";
    }
--- server_name: some.name
--- config
    location /t {
        return 200 "$x\n";
    }
--- request
GET /t
--- response_body
some.name



=== TEST 32: bad configuration with an exit code
--- config
    location /t {
        return a b c;
    }
--- must_die: 1
--- error_log
[emerg]
invalid number of arguments in "return" directive
--- suppress_stderr



=== TEST 33: init runs before the requests
--- config
    location /t {
        root html;
    }
--- init
open my $out, '>', html_dir() . '/init.txt' or die $!;
print $out "made by init\n";
close $out;
--- request
GET /init.txt
--- response_body
made by init



=== TEST 34: tcp mock, reply in pieces, query compared
--- config
    location /t {
        proxy_http_version 1.0;
        proxy_set_header Host mock;
        proxy_set_header Connection close;
        proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply eval
["HTTP/1.0 201 Created\r\n", "X-Mock: yes\r\n\r\nfrom ", "the mock\n"]
--- tcp_query eval
"GET /t HTTP/1.0\r\nHost: mock\r\nConnection: close\r\n\r\n"
--- tcp_query_len: 50
--- request
GET /t
--- error_code: 201
--- response_headers
X-Mock: yes
--- response_body
from the mock



=== TEST 35: tcp mock, reply made from the query, with a delay
--- config
    location /t {
        proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_reply_delay: 50ms
--- tcp_reply eval
sub {
    my ($query) = @_;
    my ($x) = $query =~ /X: (\w+)/;
    return ["HTTP/1.0 200 OK\r\n\r\n", "got $x\n"];
}
--- more_headers
X: abc
--- request
GET /t
--- response_body
got abc



=== TEST 36: tcp mock that closes at once
--- config
    location /t {
        proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_shutdown: 1
--- request
GET /t
--- error_code: 502
--- error_log
prematurely closed connection



=== TEST 37: tcp mock that stays open, the client gives up
--- config
    location /t {
        proxy_buffering off;
        proxy_pass http://127.0.0.1:$TEST_NGINX_RAND_PORT_1;
    }
--- tcp_listen: $TEST_NGINX_RAND_PORT_1
--- tcp_no_close
--- tcp_reply eval
"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin"
--- request
GET /t
--- timeout: 0.2
--- abort
--- ignore_response
--- wait: 0.05
--- error_log eval
qr/prematurely closed connection, so upstream connection is closed too/



=== TEST 38: a stopped client side
--- config
    location /t {
        return 200 "x\n";
    }
--- raw_request eval
"GET /t HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
--- shutdown
--- response_body
x



=== TEST 39: HEAD, and 304 with a length
--- config
    location /t {
        return 200 "not sent\n";
    }
--- request
HEAD /t
--- response_headers
Content-Length: 9
--- response_body



=== TEST 40: skip_nginx
--- config
    not_a_directive;
--- skip_nginx
2: > 1.0.0
--- request
GET /t
--- response_body
never



=== TEST 41: skip_eval
--- config
    not_a_directive;
--- skip_eval
2: 1 + 1 == 2
--- request
GET /t
--- response_body
never



=== TEST 42: http2, which the original cannot do with nginx before 1.25.1
--- config
    location /t {
        return 200 "$server_protocol $http_x|$http_user_agent\n";
    }
--- skip_eval
2: $INC{"Test/Nginx/Util.pm"} || system("curl -V >/dev/null 2>&1") != 0
--- http2
--- more_headers
X: 1
--- request
GET /t
--- response_body
HTTP/2.0 1|



=== TEST 43: no_check_leak
--- config
    location /t {
        return 200 "x\n";
    }
--- no_check_leak
--- request
GET /t
--- response_body
x



=== TEST 44: a skipped block
--- SKIP
--- config
    not_a_directive;
