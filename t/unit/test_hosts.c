
/*
 * Copyright (C) LLMBroker contributors
 *
 * hosts and resolv.conf: which names never reach DNS, and which servers are
 * asked for the others.
 */


#include "unit.h"
#include "codec/ngx_http_llmbroker_hosts.h"


static ngx_str_t
str(const char *s)
{
    ngx_str_t  v;

    v.data = (u_char *) s;
    v.len = strlen(s);

    return v;
}


static void
test_find(void)
{
    size_t     i;
    ngx_str_t  text, name;

    static const char  hosts[] =
        "127.0.0.1\tlocalhost localhost.localdomain\n"
        "  10.0.0.1  one.example  Alias   # comment.example\n"
        "#10.0.0.2 off.example\n"
        "10.0.0.3\n"
        "\n"
        "::1 six.example\r\n"
        "10.0.0.4 last.example";

    static const struct {
        const char  *name;
        ngx_uint_t   found;
    } cases[] = {
        { "one.example", 1 },
        { "alias", 1 },
        { "six.example", 1 },
        { "last.example", 1 },
        { "comment.example", 0 },
        { "off.example", 0 },
        { "10.0.0.1", 0 },
        { "one.exampl", 0 },
        { "ne.example", 0 },
        { "", 0 },

        /* RFC 6761, 6.3, whatever the file says */

        { "localhost", 1 },
        { "x.localhost", 1 },
        { "xlocalhost", 0 },
        { "localhost.example", 0 },
    };

    text = str(hosts);

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        name = str(cases[i].name);

        ok(ngx_http_llmbroker_hosts_find(&text, &name) == cases[i].found,
           "\"%s\" %s", cases[i].name,
           cases[i].found ? "is known" : "is not known");
    }

    text = str("");
    name = str("one.example");

    ok(ngx_http_llmbroker_hosts_find(&text, &name) == 0, "an empty file");

    /* a piece of the file, which ends where its length says */

    text = str(hosts);
    text.len = strlen(hosts) - 1;
    name = str("last.example");

    ok(ngx_http_llmbroker_hosts_find(&text, &name) == 0, "a cut file");
}


static void
test_servers(void)
{
    ngx_str_t   text, servers[2];
    ngx_uint_t  n;

    text = str("# nameserver 10.0.0.1\n"
               "; nameserver 10.0.0.2\n"
               "search a.example nameserver\n"
               "nameserver\n"
               "nameservers 10.0.0.3\n"
               " nameserver\t10.0.0.4 # the first\n"
               "options ndots:5\n"
               "nameserver 2001:db8::1\r\n"
               "nameserver 10.0.0.5\n");

    n = ngx_http_llmbroker_hosts_servers(&text, servers, 2);

    ok(n == 2, "no more servers than asked for");
    ok(servers[0].len == 8 && memcmp(servers[0].data, "10.0.0.4", 8) == 0,
       "the first");
    ok(servers[1].len == 11 && memcmp(servers[1].data, "2001:db8::1", 11) == 0,
       "the second");

    text = str("search example\n");

    ok(ngx_http_llmbroker_hosts_servers(&text, servers, 2) == 0, "no server");

    text = str("");

    ok(ngx_http_llmbroker_hosts_servers(&text, servers, 2) == 0,
       "an empty file");
}


int
main(void)
{
    test_find();
    test_servers();

    return done_testing();
}
