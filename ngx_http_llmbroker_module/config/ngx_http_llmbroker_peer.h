
/*
 * The balancer of an upstream{} whose addresses are resolved at run time.
 */


#ifndef _NGX_HTTP_LLMBROKER_PEER_H_INCLUDED_
#define _NGX_HTTP_LLMBROKER_PEER_H_INCLUDED_


#include "config/ngx_http_llmbroker_resolve.h"


/*
 * The directive "llmbroker_endpoint" of the upstream{} blocks that are made
 * from the YAML file.  It stands before "keepalive", which puts itself around
 * the balancer that it finds.
 */
char *ngx_http_llmbroker_peer_endpoint(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* Tells an upstream{} with that directive its name; as soon as it is parsed. */
void ngx_http_llmbroker_peer_bind(ngx_http_upstream_srv_conf_t *us,
    ngx_http_llmbroker_resolve_t *name);


#endif /* _NGX_HTTP_LLMBROKER_PEER_H_INCLUDED_ */
