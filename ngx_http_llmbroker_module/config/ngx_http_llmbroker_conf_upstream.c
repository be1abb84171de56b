
/*
 * Copyright (C) LLMBroker contributors
 */


#include "config/ngx_http_llmbroker_conf_endpoint.h"
#include "config/ngx_http_llmbroker_conf_resolver.h"
#include "config/ngx_http_llmbroker_conf_upstream.h"
#include "config/ngx_http_llmbroker_peer.h"


#define NGX_HTTP_LLMBROKER_CONF_CA       "/etc/ssl/certs/ca-certificates.crt"
#define NGX_HTTP_LLMBROKER_CONF_DEPTH    10
#define NGX_HTTP_LLMBROKER_CONF_BUFFER   16384
#define NGX_HTTP_LLMBROKER_CONF_READ     1000

/*
 * Shorter than the providers' own timeouts (60 s and more), as a connection
 * that the other side closes while it is being reused costs a request.
 */
#define NGX_HTTP_LLMBROKER_CONF_KEEPALIVE                                     \
    "keepalive 64; keepalive_timeout 50s; keepalive_requests 10000; }"

/* asks at run time; before "keepalive", which puts itself around it */

#define NGX_HTTP_LLMBROKER_CONF_RESOLVE  "llmbroker_endpoint; "

/* a block is not without servers */

#define NGX_HTTP_LLMBROKER_CONF_NONE     "server 127.0.0.1:9 down; "


typedef struct {
    ngx_str_node_t                   sn;        /* all that follows to ca_file,
                                                   as one text */
    ngx_str_t                        host;
    in_port_t                        port;
    unsigned                         ssl:1;
    unsigned                         verify:1;
    unsigned                         warned:1;  /* a key in the clear */
    ngx_str_t                        ca_file;
    ngx_http_upstream_srv_conf_t    *uscf;
    ngx_http_llmbroker_resolve_t    *resolve;   /* NULL: addresses are fixed */
    ngx_ssl_t                       *tls;
    ngx_http_complex_value_t        *tls_name;
} ngx_http_llmbroker_conf_peer_t;


typedef struct {
    ngx_str_node_t                   sn;
    ngx_array_t                      addrs;     /* ngx_resolver_addr_t; empty:
                                                   none */
    unsigned                         fixed:1;
} ngx_http_llmbroker_conf_host_t;


typedef struct {
    ngx_str_t                        ca_file;
    ngx_uint_t                       verify;
    ngx_ssl_t                       *ssl;
} ngx_http_llmbroker_conf_tls_t;


static ngx_http_llmbroker_conf_peer_t *ngx_http_llmbroker_conf_peer(
    ngx_http_llmbroker_reader_t *rd, ngx_http_llmbroker_yaml_t *v,
    ngx_http_llmbroker_deployment_t *d,
    ngx_http_llmbroker_conf_transport_t *transport);
static ngx_int_t ngx_http_llmbroker_conf_peer_key(
    ngx_http_llmbroker_reader_t *rd, ngx_http_llmbroker_conf_peer_t *peer);
static ngx_int_t ngx_http_llmbroker_conf_block(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_http_llmbroker_conf_peer_t *peer,
    ngx_http_llmbroker_conf_host_t *host);
static ngx_int_t ngx_http_llmbroker_conf_resolve(
    ngx_http_llmbroker_reader_t *rd, ngx_http_llmbroker_conf_peer_t *peer,
    ngx_http_llmbroker_conf_host_t *host);
static ngx_http_upstream_srv_conf_t *ngx_http_llmbroker_conf_add(
    ngx_http_llmbroker_reader_t *rd, ngx_uint_t line, ngx_str_t *name,
    ngx_str_t *text);
static ngx_int_t ngx_http_llmbroker_conf_parse(ngx_http_llmbroker_reader_t *rd,
    ngx_uint_t line, ngx_str_t *name, ngx_str_t *text);
static ngx_http_llmbroker_conf_host_t *ngx_http_llmbroker_conf_lookup(
    ngx_http_llmbroker_reader_t *rd, ngx_http_llmbroker_yaml_t *v,
    ngx_str_t *name);
static ngx_int_t ngx_http_llmbroker_conf_tls(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_http_llmbroker_conf_peer_t *peer);
#if (NGX_HTTP_SSL)
static ngx_ssl_t *ngx_http_llmbroker_conf_tls_create(
    ngx_http_llmbroker_reader_t *rd, ngx_http_llmbroker_yaml_t *v,
    ngx_str_t *ca_file, ngx_uint_t verify);
#endif
static ngx_uint_t ngx_http_llmbroker_conf_same(ngx_str_t *a, ngx_str_t *b);


/* what would steer nginx; providers' headers pass by an allow-list anyway */

static ngx_str_t  ngx_http_llmbroker_conf_hidden[] = {
    ngx_string("X-Accel-Expires"),
    ngx_string("X-Accel-Redirect"),
    ngx_string("X-Accel-Limit-Rate"),
    ngx_string("X-Accel-Buffering"),
    ngx_string("X-Accel-Charset"),
    ngx_string("Set-Cookie"),
    ngx_null_string
};


ngx_int_t
ngx_http_llmbroker_conf_upstream_init(ngx_http_llmbroker_reader_t *rd)
{
    ngx_hash_init_t            hash;
    ngx_http_upstream_conf_t  *conf, prev;

    ngx_rbtree_init(&rd->upstreams, &rd->sentinel,
                    ngx_str_rbtree_insert_value);
    ngx_rbtree_init(&rd->hosts, &rd->sentinel, ngx_str_rbtree_insert_value);

    if (ngx_array_init(&rd->conf->names, rd->cf->pool, 16,
                       sizeof(ngx_http_llmbroker_resolve_t *))
        != NGX_OK
        || ngx_array_init(&rd->tls, rd->cf->temp_pool, 2,
                          sizeof(ngx_http_llmbroker_conf_tls_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    conf = &rd->upstream;

    /*
     * set by ngx_memzero():
     *
     *     conf->buffering = 0;
     *     conf->next_upstream_tries = 0;
     *     conf->next_upstream_timeout = 0;
     *     conf->ignore_client_abort = 0;
     *     conf->intercept_errors = 0;
     *     conf->intercept_404 = 0;
     *     conf->change_buffering = 0;
     *     conf->cyclic_temp_file = 0;
     *     conf->force_ranges = 0;
     *     conf->limit_rate = 0;
     *     conf->local = NULL;
     *     conf->store = 0;
     *     conf->cache = 0;
     *     conf->ssl_certificate = NULL;
     */

    ngx_memzero(conf, sizeof(ngx_http_upstream_conf_t));

    conf->buffer_size = NGX_HTTP_LLMBROKER_CONF_BUFFER;
    conf->request_buffering = 1;
    conf->pass_request_headers = 1;
    conf->pass_request_body = 1;
    conf->store_access = 0600;

    /*
     * Without NON_IDEMPOTENT nginx goes to another address of the same host
     * only while no byte of the request was sent.
     */

    conf->next_upstream = NGX_CONF_BITMASK_SET
                          |NGX_HTTP_UPSTREAM_FT_ERROR
                          |NGX_HTTP_UPSTREAM_FT_TIMEOUT;

    conf->ignore_headers = NGX_CONF_BITMASK_SET
                           |NGX_HTTP_UPSTREAM_IGN_XA_REDIRECT
                           |NGX_HTTP_UPSTREAM_IGN_XA_EXPIRES
                           |NGX_HTTP_UPSTREAM_IGN_EXPIRES
                           |NGX_HTTP_UPSTREAM_IGN_CACHE_CONTROL
                           |NGX_HTTP_UPSTREAM_IGN_SET_COOKIE
                           |NGX_HTTP_UPSTREAM_IGN_XA_LIMIT_RATE
                           |NGX_HTTP_UPSTREAM_IGN_XA_BUFFERING
                           |NGX_HTTP_UPSTREAM_IGN_XA_CHARSET
                           |NGX_HTTP_UPSTREAM_IGN_VARY;

    ngx_str_set(&conf->module, "llmbroker");

#if (NGX_HTTP_SSL)
    conf->ssl_session_reuse = 1;
    conf->ssl_server_name = 1;
#endif

    conf->hide_headers = NGX_CONF_UNSET_PTR;
    conf->pass_headers = NGX_CONF_UNSET_PTR;

    ngx_memzero(&prev, sizeof(ngx_http_upstream_conf_t));

    prev.hide_headers = NGX_CONF_UNSET_PTR;
    prev.pass_headers = NGX_CONF_UNSET_PTR;

    hash.max_size = 512;
    hash.bucket_size = ngx_align(64, ngx_cacheline_size);
    hash.name = "llmbroker_headers_hash";

    return ngx_http_upstream_hide_headers_hash(rd->cf, conf, &prev,
                                        ngx_http_llmbroker_conf_hidden, &hash);
}


ngx_int_t
ngx_http_llmbroker_conf_upstream(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_http_llmbroker_deployment_t *d,
    ngx_http_llmbroker_conf_transport_t *transport)
{
    ngx_http_llmbroker_conf_peer_t  *peer;

    peer = ngx_http_llmbroker_conf_peer(rd, v, d, transport);
    if (peer == NULL) {
        return NGX_ERROR;
    }

    d->resolve = peer->resolve;

    d->upstream = rd->upstream;
    d->upstream.upstream = peer->uscf;
    d->upstream.connect_timeout = transport->connect_timeout;
    d->upstream.send_timeout = d->idle_timeout;

    /* an attempt's own timer is exact, and never later than this one */

    d->upstream.read_timeout = d->timeout + NGX_HTTP_LLMBROKER_CONF_READ;

#if (NGX_HTTP_SSL)
    if (peer->ssl) {
        d->upstream.ssl = peer->tls;
        d->upstream.ssl_name = peer->tls_name;
        d->upstream.ssl_verify = peer->verify;
    }
#endif

    if (!d->ssl && !peer->warned
        && (d->target.api_key.len || d->target.session_token.len)
        && !ngx_http_llmbroker_conf_loopback(&d->host))
    {
        peer->warned = 1;

        ngx_http_llmbroker_conf_log(rd, NGX_LOG_WARN,
                                    ngx_http_llmbroker_conf_line(v),
                                    "%s goes to \"%V\" unencrypted",
                                    d->target.api_key.len ? "an api_key"
                                                          : "a session_token",
                                    &d->host_header);
    }

    return NGX_OK;
}


static ngx_http_llmbroker_conf_peer_t *
ngx_http_llmbroker_conf_peer(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_http_llmbroker_deployment_t *d,
    ngx_http_llmbroker_conf_transport_t *transport)
{
    ngx_str_node_t                  *sn;
    ngx_http_llmbroker_conf_host_t  *host;
    ngx_http_llmbroker_conf_peer_t  *peer;

    peer = ngx_pcalloc(rd->cf->temp_pool,
                       sizeof(ngx_http_llmbroker_conf_peer_t));
    if (peer == NULL) {
        return NULL;
    }

    peer->host = d->host;
    peer->port = d->port;
    peer->ssl = d->ssl;
    peer->verify = d->ssl && transport->verify;

    if (peer->verify) {
        peer->ca_file = transport->ca_file;
    }

    if (ngx_http_llmbroker_conf_peer_key(rd, peer) != NGX_OK) {
        return NULL;
    }

    sn = ngx_str_rbtree_lookup(&rd->upstreams, &peer->sn.str,
                               peer->sn.node.key);
    if (sn) {
        return (ngx_http_llmbroker_conf_peer_t *) sn;
    }

    ngx_rbtree_insert(&rd->upstreams, &peer->sn.node);
    rd->nupstreams++;

    if (peer->ssl
        && ngx_http_llmbroker_conf_tls(rd, peer->ca_file.len ? transport->ca
                                                             : v,
                                       peer)
           != NGX_OK)
    {
        return NULL;
    }

    host = ngx_http_llmbroker_conf_lookup(rd, v, &d->host);
    if (host == NULL) {
        return NULL;
    }

    if (ngx_http_llmbroker_conf_block(rd, v, peer, host) != NGX_OK) {
        return NULL;
    }

    if (!host->fixed
        && ngx_http_llmbroker_conf_resolve(rd, peer, host) != NGX_OK)
    {
        return NULL;
    }

    return peer;
}


static ngx_int_t
ngx_http_llmbroker_conf_peer_key(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_conf_peer_t *peer)
{
    ngx_str_t  *key;

    key = &peer->sn.str;

    key->data = ngx_pnalloc(rd->cf->temp_pool,
                            sizeof("65535:1:1::") - 1 + peer->host.len
                            + peer->ca_file.len);
    if (key->data == NULL) {
        return NGX_ERROR;
    }

    key->len = ngx_sprintf(key->data, "%ui:%d:%d:%V:%V",
                           (ngx_uint_t) peer->port, peer->ssl, peer->verify,
                           &peer->host, &peer->ca_file)
               - key->data;

    peer->sn.node.key = ngx_crc32_long(key->data, key->len);

    return NGX_OK;
}


/*
 * "upstream" is a command of nginx like any other: called with the text of a
 * block it makes what the file would have made, keepalive included, in every
 * version of nginx.
 */

static ngx_int_t
ngx_http_llmbroker_conf_block(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_http_llmbroker_conf_peer_t *peer,
    ngx_http_llmbroker_conf_host_t *host)
{
    u_char               *p, *last;
    size_t                len;
    ngx_str_t             addr, name, text;
    ngx_uint_t            i;
    ngx_resolver_addr_t  *addrs;
    u_char                buf[NGX_SOCKADDR_STRLEN];

    /* the number tells addresses apart that differ in TLS settings only */

    len = sizeof("llmbroker::https://:65535") - 1 + NGX_INT_T_LEN
          + peer->host.len;

    name.data = ngx_pnalloc(rd->cf->pool, len + 1);
    if (name.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(name.data, "%ui:llmbroker:%s://%V:%ui",
                    rd->nupstreams, peer->ssl ? "https" : "http",
                    &peer->host, (ngx_uint_t) peer->port);
    name.len = p - name.data;
    *p = '\0';

    len = sizeof(NGX_HTTP_LLMBROKER_CONF_NONE) - 1
          + sizeof(NGX_HTTP_LLMBROKER_CONF_RESOLVE) - 1
          + sizeof(NGX_HTTP_LLMBROKER_CONF_KEEPALIVE) - 1
          + host->addrs.nelts * (sizeof("server  max_fails=0; ") - 1
                                 + NGX_SOCKADDR_STRLEN);

    text.data = ngx_pnalloc(rd->cf->temp_pool, len);
    if (text.data == NULL) {
        return NGX_ERROR;
    }

    p = text.data;
    last = p + len;
    addrs = host->addrs.elts;

    for (i = 0; i < host->addrs.nelts; i++) {

        ngx_inet_set_port(addrs[i].sockaddr, peer->port);

        addr.data = buf;
        addr.len = ngx_sock_ntop(addrs[i].sockaddr, addrs[i].socklen, buf,
                                 NGX_SOCKADDR_STRLEN, 1);

        p = ngx_slprintf(p, last, "server %V max_fails=0; ", &addr);
    }

    if (host->addrs.nelts == 0) {
        p = ngx_slprintf(p, last, "%s", NGX_HTTP_LLMBROKER_CONF_NONE);
    }

    if (!host->fixed) {
        p = ngx_slprintf(p, last, "%s", NGX_HTTP_LLMBROKER_CONF_RESOLVE);
    }

    p = ngx_slprintf(p, last, "%s", NGX_HTTP_LLMBROKER_CONF_KEEPALIVE);
    text.len = p - text.data;

    peer->uscf = ngx_http_llmbroker_conf_add(rd,
                                             ngx_http_llmbroker_conf_line(v),
                                             &name, &text);

    return peer->uscf ? NGX_OK : NGX_ERROR;
}


/*
 * nginx compares the name of a new block with those of all others, which takes
 * seconds for 20,000.  The names made here are different: each block is added
 * to a list of its own, and then to nginx's.
 */

static ngx_http_upstream_srv_conf_t *
ngx_http_llmbroker_conf_add(ngx_http_llmbroker_reader_t *rd, ngx_uint_t line,
    ngx_str_t *name, ngx_str_t *text)
{
    ngx_int_t                        rc;
    ngx_array_t                      all, one;
    ngx_http_upstream_srv_conf_t   **uscfp;
    ngx_http_upstream_main_conf_t   *umcf;

    if (ngx_array_init(&one, rd->cf->temp_pool, 1,
                       sizeof(ngx_http_upstream_srv_conf_t *))
        != NGX_OK)
    {
        return NULL;
    }

    umcf = ngx_http_conf_get_module_main_conf(rd->cf,
                                              ngx_http_upstream_module);

    all = umcf->upstreams;
    umcf->upstreams = one;

    rc = ngx_http_llmbroker_conf_parse(rd, line, name, text);

    one = umcf->upstreams;
    umcf->upstreams = all;

    if (rc != NGX_OK) {
        return NULL;
    }

    uscfp = ngx_array_push(&umcf->upstreams);
    if (uscfp == NULL) {
        return NULL;
    }

    *uscfp = *(ngx_http_upstream_srv_conf_t **) one.elts;

    return *uscfp;
}


/* what the block asks for at run time */

static ngx_int_t
ngx_http_llmbroker_conf_resolve(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_conf_peer_t *peer, ngx_http_llmbroker_conf_host_t *host)
{
    ngx_http_llmbroker_resolve_t  **name;

    peer->resolve = ngx_http_llmbroker_resolve_create(rd->cf, &peer->host,
                                                      peer->port,
                                                      host->addrs.elts,
                                                      host->addrs.nelts);
    if (peer->resolve == NULL) {
        return NGX_ERROR;
    }

    name = ngx_array_push(&rd->conf->names);
    if (name == NULL) {
        return NGX_ERROR;
    }

    *name = peer->resolve;

    ngx_http_llmbroker_peer_bind(peer->uscf, peer->resolve);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_conf_parse(ngx_http_llmbroker_reader_t *rd,
    ngx_uint_t line, ngx_str_t *name, ngx_str_t *text)
{
    ngx_str_t        *arg;
    ngx_buf_t         buf;
    ngx_conf_t        cf;
    ngx_command_t    *cmd;
    ngx_conf_file_t   file;

    for (cmd = ngx_http_upstream_module.commands; cmd->name.len; cmd++) {
        if (ngx_strcmp(cmd->name.data, "upstream") == 0) {
            break;
        }
    }

    if (cmd->name.len == 0) {
        ngx_http_llmbroker_conf_log(rd, NGX_LOG_EMERG, line,
                                    "this nginx has no \"upstream\"");
        return NGX_ERROR;
    }

    cf = *rd->cf;

    cf.args = ngx_array_create(cf.pool, 10, sizeof(ngx_str_t));
    if (cf.args == NULL) {
        return NGX_ERROR;
    }

    arg = ngx_array_push_n(cf.args, 2);
    if (arg == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&arg[0], "upstream");
    arg[1] = *name;

    /*
     * A file of which nothing is left to read but the buffer, with the
     * position that nginx's own messages are to tell.  A valid descriptor
     * makes ngx_conf_parse() read a block; it is not read from.
     */

    ngx_memzero(&buf, sizeof(ngx_buf_t));

    buf.start = text->data;
    buf.pos = text->data;
    buf.last = text->data + text->len;
    buf.end = buf.last;
    buf.temporary = 1;

    ngx_memzero(&file, sizeof(ngx_conf_file_t));

    file.file.fd = rd->cf->conf_file->file.fd;
    file.file.name = rd->conf->file;
    file.file.log = cf.log;
    file.buffer = &buf;
    file.line = line;

    cf.conf_file = &file;

    if (cmd->set(&cf, cmd, NULL) != NGX_CONF_OK) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* the addresses of a host, which is asked for once */

static ngx_http_llmbroker_conf_host_t *
ngx_http_llmbroker_conf_lookup(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_str_t *name)
{
    uint32_t                         hash;
    ngx_int_t                        fixed;
    ngx_url_t                        u;
    ngx_uint_t                       i;
    ngx_str_node_t                  *sn;
    ngx_resolver_addr_t             *addr;
    ngx_http_llmbroker_conf_host_t  *host;

    hash = ngx_crc32_long(name->data, name->len);

    sn = ngx_str_rbtree_lookup(&rd->hosts, name, hash);
    if (sn) {
        return (ngx_http_llmbroker_conf_host_t *) sn;
    }

    host = ngx_palloc(rd->cf->temp_pool,
                      sizeof(ngx_http_llmbroker_conf_host_t));
    if (host == NULL) {
        return NULL;
    }

    host->sn.str = *name;
    host->sn.node.key = hash;

    ngx_rbtree_insert(&rd->hosts, &host->sn.node);

    fixed = ngx_http_llmbroker_conf_fixed(rd, name);
    if (fixed == NGX_ERROR) {
        return NULL;
    }

    host->fixed = fixed;

    if (ngx_array_init(&host->addrs, rd->cf->temp_pool, 4,
                       sizeof(ngx_resolver_addr_t))
        != NGX_OK)
    {
        return NULL;
    }

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = *name;
    u.default_port = 80;

    if (ngx_parse_url(rd->cf->temp_pool, &u) != NGX_OK) {

        if (u.err == NULL) {
            return NULL;
        }

        ngx_http_llmbroker_conf_log(rd, NGX_LOG_WARN,
                                    ngx_http_llmbroker_conf_line(v),
                                    "%s: \"%V\" has no address yet, it is "
                                    "looked for when nginx runs",
                                    u.err, name);

        /* localhost may be known to the C library only */

        host->fixed = 0;

        return host;
    }

    for (i = 0; i < u.naddrs; i++) {

        addr = ngx_array_push(&host->addrs);
        if (addr == NULL) {
            return NULL;
        }

        ngx_memzero(addr, sizeof(ngx_resolver_addr_t));

        addr->sockaddr = u.addrs[i].sockaddr;
        addr->socklen = u.addrs[i].socklen;
    }

    return host;
}


#if (NGX_HTTP_SSL)

static ngx_int_t
ngx_http_llmbroker_conf_tls(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_http_llmbroker_conf_peer_t *peer)
{
    ngx_uint_t                      i;
    ngx_ssl_t                      *ssl;
    ngx_http_llmbroker_conf_tls_t  *tls;

    peer->tls_name = ngx_pcalloc(rd->cf->pool,
                                 sizeof(ngx_http_complex_value_t));
    if (peer->tls_name == NULL) {
        return NGX_ERROR;
    }

    peer->tls_name->value = peer->host;

    if (!peer->verify) {
        ngx_http_llmbroker_conf_log(rd, NGX_LOG_WARN,
                                    ngx_http_llmbroker_conf_line(v),
                                    "the certificate of \"%V\" is not "
                                    "verified, \"tls_verify\" is off",
                                    &peer->host);
    }

    /*
     * Loading a CA bundle takes milliseconds, so contexts are shared; TLS
     * sessions are kept with the addresses.
     */

    tls = rd->tls.elts;

    for (i = 0; i < rd->tls.nelts; i++) {
        if (tls[i].verify == peer->verify
            && ngx_http_llmbroker_conf_same(&tls[i].ca_file, &peer->ca_file))
        {
            peer->tls = tls[i].ssl;
            return NGX_OK;
        }
    }

    ssl = ngx_http_llmbroker_conf_tls_create(rd, v, &peer->ca_file,
                                             peer->verify);
    if (ssl == NULL) {
        return NGX_ERROR;
    }

    tls = ngx_array_push(&rd->tls);
    if (tls == NULL) {
        return NGX_ERROR;
    }

    tls->ca_file = peer->ca_file;
    tls->verify = peer->verify;
    tls->ssl = ssl;

    peer->tls = ssl;

    return NGX_OK;
}


static ngx_ssl_t *
ngx_http_llmbroker_conf_tls_create(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_str_t *ca_file, ngx_uint_t verify)
{
    ngx_str_t            file, ciphers;
    ngx_ssl_t           *ssl;
    ngx_conf_t          *cf;
    ngx_file_info_t      fi;
    ngx_pool_cleanup_t  *cln;

    cf = rd->cf;

    ssl = ngx_pcalloc(cf->pool, sizeof(ngx_ssl_t));
    if (ssl == NULL) {
        return NULL;
    }

    ssl->log = cf->log;

    if (ngx_ssl_create(ssl, NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3, NULL) != NGX_OK) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        ngx_ssl_cleanup_ctx(ssl);
        return NULL;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = ssl;

    ngx_str_set(&ciphers, "DEFAULT");

    if (ngx_ssl_ciphers(cf, ssl, &ciphers, 0) != NGX_OK) {
        return NULL;
    }

    if (verify) {
        ngx_str_set(&file, NGX_HTTP_LLMBROKER_CONF_CA);

        if (ca_file->len) {
            file = *ca_file;
        }

        if (ngx_conf_full_name(cf->cycle, &file, 1) != NGX_OK) {
            return NULL;
        }

        if (ngx_file_info(file.data, &fi) == NGX_FILE_ERROR) {
            (void) ngx_http_llmbroker_conf_failed(rd, v, ngx_errno,
                                                  ngx_file_info_n, &file);
            return NULL;
        }

        if (ngx_ssl_trusted_certificate(cf, ssl, &file,
                                        NGX_HTTP_LLMBROKER_CONF_DEPTH)
            != NGX_OK)
        {
            (void) ngx_http_llmbroker_conf_invalid_hidden(rd, v,
                                         "its CA file holds no certificates");
            return NULL;
        }
    }

    if (ngx_ssl_client_session_cache(cf, ssl, 1) != NGX_OK) {
        return NULL;
    }

    return ssl;
}

#else

static ngx_int_t
ngx_http_llmbroker_conf_tls(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *v, ngx_http_llmbroker_conf_peer_t *peer)
{
    return ngx_http_llmbroker_conf_invalid(rd, v,
                                "this nginx was built without the SSL module");
}

#endif


static ngx_uint_t
ngx_http_llmbroker_conf_same(ngx_str_t *a, ngx_str_t *b)
{
    return a->len == b->len
           && (a->len == 0 || ngx_memcmp(a->data, b->data, a->len) == 0);
}
