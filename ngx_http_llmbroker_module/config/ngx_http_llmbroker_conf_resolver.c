
/*
 * Copyright (C) LLMBroker contributors
 */


#include "codec/ngx_http_llmbroker_hosts.h"
#include "config/ngx_http_llmbroker_conf_resolver.h"


#define NGX_HTTP_LLMBROKER_CONF_HOSTS        "/etc/hosts"
#define NGX_HTTP_LLMBROKER_CONF_RESOLV       "/etc/resolv.conf"

/* lists of names to be blocked make a large /etc/hosts */

#define NGX_HTTP_LLMBROKER_CONF_HOSTS_MAX    (16 * 1024 * 1024)

#define NGX_HTTP_LLMBROKER_CONF_SERVERS      3     /* as in the C library */

/* nginx's resolver asks the next server after 5 s */

#define NGX_HTTP_LLMBROKER_CONF_QUERY        15000


static ngx_int_t ngx_http_llmbroker_conf_text(ngx_conf_t *cf, char *name,
    ngx_str_t *text);
static ngx_int_t ngx_http_llmbroker_conf_system(ngx_conf_t *cf,
    ngx_resolver_t **resolver);
static ngx_int_t ngx_http_llmbroker_conf_server(ngx_conf_t *cf,
    ngx_str_t *server, ngx_str_t *name);
static ngx_uint_t ngx_http_llmbroker_conf_ipv4_only(void);


ngx_int_t
ngx_http_llmbroker_conf_fixed(ngx_http_llmbroker_reader_t *rd,
    ngx_str_t *host)
{
    if (ngx_inet_addr(host->data, host->len) != INADDR_NONE
        || ngx_strlchr(host->data, host->data + host->len, ':'))
    {
        return 1;
    }

    if (rd->etc_hosts.data == NULL
        && ngx_http_llmbroker_conf_text(rd->cf, NGX_HTTP_LLMBROKER_CONF_HOSTS,
                                        &rd->etc_hosts)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_hosts_find(&rd->etc_hosts, host);
}


ngx_int_t
ngx_http_llmbroker_conf_resolver(ngx_conf_t *cf,
    ngx_http_llmbroker_conf_t *conf, ngx_resolver_t *resolver,
    ngx_msec_t timeout)
{
    ngx_uint_t                      i;
    ngx_http_llmbroker_resolve_t  **name;

    if (conf->names.nelts == 0) {
        return NGX_OK;
    }

    if (resolver == NULL) {

        if (ngx_http_llmbroker_conf_system(cf, &resolver) != NGX_OK) {
            return NGX_ERROR;
        }

        timeout = NGX_HTTP_LLMBROKER_CONF_QUERY;
    }

    if (resolver == NULL) {
        ngx_log_error(NGX_LOG_NOTICE, cf->log, 0,
                      "no \"resolver\", and no nameserver in "
                      NGX_HTTP_LLMBROKER_CONF_RESOLV ": addresses of "
                      "providers stay as they are until nginx is reloaded");
        return NGX_OK;
    }

    name = conf->names.elts;

    for (i = 0; i < conf->names.nelts; i++) {
        name[i]->resolver = resolver;
        name[i]->timeout = timeout;
    }

    return NGX_OK;
}


/* a file of the system; one that cannot be read is empty */

static ngx_int_t
ngx_http_llmbroker_conf_text(ngx_conf_t *cf, char *name, ngx_str_t *text)
{
    off_t            size;
    ssize_t          n;
    ngx_fd_t         fd;
    ngx_file_info_t  fi;

    ngx_str_set(text, "");

    fd = ngx_open_file((u_char *) name, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_NOTICE, cf->log, ngx_errno,
                      ngx_open_file_n " \"%s\" failed", name);
        return NGX_OK;
    }

    size = 0;

    if (ngx_fd_info(fd, &fi) != NGX_FILE_ERROR && ngx_is_file(&fi)) {
        size = ngx_min(ngx_file_size(&fi), NGX_HTTP_LLMBROKER_CONF_HOSTS_MAX);
    }

    if (size > 0) {
        text->data = ngx_pnalloc(cf->temp_pool, size);

        n = text->data ? ngx_read_fd(fd, text->data, size) : -1;
        text->len = (n > 0) ? n : 0;
    }

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, cf->log, ngx_errno,
                      ngx_close_file_n " \"%s\" failed", name);
    }

    return text->data ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_llmbroker_conf_system(ngx_conf_t *cf, ngx_resolver_t **resolver)
{
    ngx_int_t   rc;
    ngx_str_t   text, found[NGX_HTTP_LLMBROKER_CONF_SERVERS];
    ngx_str_t   names[NGX_HTTP_LLMBROKER_CONF_SERVERS + 1];
    ngx_uint_t  i, n, servers;

    *resolver = NULL;

    if (ngx_http_llmbroker_conf_text(cf, NGX_HTTP_LLMBROKER_CONF_RESOLV, &text)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    servers = ngx_http_llmbroker_hosts_servers(&text, found,
                                              NGX_HTTP_LLMBROKER_CONF_SERVERS);
    n = 0;

    for (i = 0; i < servers; i++) {
        rc = ngx_http_llmbroker_conf_server(cf, &found[i], &names[n]);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_OK) {
            n++;
        }
    }

    if (n == 0) {
        return NGX_OK;
    }

    if (ngx_http_llmbroker_conf_ipv4_only()) {
        ngx_str_set(&names[n], "ipv6=off");
        n++;
    }

    *resolver = ngx_resolver_create(cf, names, n);

    return *resolver ? NGX_OK : NGX_ERROR;
}


/*
 * A server's address as "resolver" wants it.  NGX_DECLINED: it is none, or one
 * of a link, which nginx does not know.
 */

static ngx_int_t
ngx_http_llmbroker_conf_server(ngx_conf_t *cf, ngx_str_t *server,
    ngx_str_t *name)
{
    u_char      *p;
    ngx_int_t    rc;
    ngx_addr_t   addr;

    rc = ngx_parse_addr(cf->temp_pool, &addr, server->data, server->len);

    if (rc != NGX_OK) {
        return rc;
    }

    name->data = ngx_pnalloc(cf->pool, server->len + sizeof("[]"));
    if (name->data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(name->data, addr.sockaddr->sa_family == AF_INET ? "%V"
                                                                    : "[%V]",
                    server);
    *p = '\0';
    name->len = p - name->data;

    return NGX_OK;
}


/*
 * Whether there is no way to any address of IPv6, so that the C library would
 * not tell them either (AI_ADDRCONFIG).  Connecting sends nothing.
 */

static ngx_uint_t
ngx_http_llmbroker_conf_ipv4_only(void)
{
#if (NGX_HAVE_INET6)

    int                  rc;
    ngx_socket_t         s;
    struct sockaddr_in6  sin6;

    s = ngx_socket(AF_INET6, SOCK_DGRAM, 0);
    if (s == (ngx_socket_t) -1) {
        return 1;
    }

    ngx_memzero(&sin6, sizeof(struct sockaddr_in6));

    sin6.sin6_family = AF_INET6;
    sin6.sin6_port = htons(53);
    sin6.sin6_addr.s6_addr[0] = 0x20;
    sin6.sin6_addr.s6_addr[15] = 1;

    rc = connect(s, (struct sockaddr *) &sin6, sizeof(struct sockaddr_in6));

    (void) ngx_close_socket(s);

    return rc == -1;

#else

    return 0;

#endif
}
