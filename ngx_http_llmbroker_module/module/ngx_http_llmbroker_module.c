
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "config/ngx_http_llmbroker_conf_resolver.h"
#include "config/ngx_http_llmbroker_peer.h"
#include "module/ngx_http_llmbroker_module.h"
#include "outbound/ngx_http_llmbroker_health.h"
#include "request/ngx_http_llmbroker_quit.h"


/* how often a worker looks for others that have died, in msec */
#define NGX_HTTP_LLMBROKER_REAP       2000

/* of the shared memory: the default, and what a deployment takes at most */
#define NGX_HTTP_LLMBROKER_ZONE_SIZE  (4 * 1024 * 1024)
#define NGX_HTTP_LLMBROKER_ZONE_CELL  1024


static ngx_int_t ngx_http_llmbroker_init_process(ngx_cycle_t *cycle);
static void ngx_http_llmbroker_reap(ngx_event_t *ev);
static void ngx_http_llmbroker_exit_process(ngx_cycle_t *cycle);
static ngx_int_t ngx_http_llmbroker_postconfiguration(ngx_conf_t *cf);
static void *ngx_http_llmbroker_create_main_conf(ngx_conf_t *cf);
static char *ngx_http_llmbroker_init_main_conf(ngx_conf_t *cf, void *conf);
static void *ngx_http_llmbroker_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_llmbroker_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);

static char *ngx_http_llmbroker_config(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_llmbroker_zone(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_llmbroker(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_http_llmbroker_init_zone(ngx_shm_zone_t *zone,
    void *data);
static ngx_int_t ngx_http_llmbroker_init_state(ngx_shm_zone_t *zone,
    ngx_http_llmbroker_main_conf_t *mcf, ngx_http_llmbroker_model_t *model,
    ngx_http_llmbroker_deployment_t *d);


static ngx_command_t  ngx_http_llmbroker_commands[] = {

    { ngx_string("llmbroker_config"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_llmbroker_config,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llmbroker_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_llmbroker_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("llmbroker"),
      NGX_HTTP_LOC_CONF|NGX_HTTP_LIF_CONF|NGX_CONF_NOARGS,
      ngx_http_llmbroker,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    /* of the upstream{} blocks that are made from the YAML file only */

    { ngx_string("llmbroker_endpoint"),
      NGX_HTTP_UPS_CONF|NGX_CONF_NOARGS,
      ngx_http_llmbroker_peer_endpoint,
      0,
      0,
      NULL },

    { ngx_string("llmbroker_early_read"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_llmbroker_loc_conf_t, early_read),
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_llmbroker_module_ctx = {
    ngx_http_llmbroker_add_variables,      /* preconfiguration */
    ngx_http_llmbroker_postconfiguration,  /* postconfiguration */

    ngx_http_llmbroker_create_main_conf,   /* create main configuration */
    ngx_http_llmbroker_init_main_conf,     /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_llmbroker_create_loc_conf,    /* create location configuration */
    ngx_http_llmbroker_merge_loc_conf      /* merge location configuration */
};


ngx_module_t  ngx_http_llmbroker_module = {
    NGX_MODULE_V1,
    &ngx_http_llmbroker_module_ctx,        /* module context */
    ngx_http_llmbroker_commands,           /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_http_llmbroker_init_process,       /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_llmbroker_exit_process,       /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_llmbroker_init_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                       i;
    ngx_http_llmbroker_resolve_t   **name;
    ngx_http_llmbroker_main_conf_t  *mcf;

    static ngx_event_t       reaper;
    static ngx_connection_t  dumb;

    /* not those that only look after a cache */

    if (ngx_process != NGX_PROCESS_WORKER
        && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    mcf = ngx_http_cycle_get_module_main_conf(cycle,
                                              ngx_http_llmbroker_module);

    if (mcf == NULL || mcf->zone == NULL) {
        return NGX_OK;
    }

    ngx_http_llmbroker_state_process(mcf->zone, mcf->generation);

    dumb.fd = (ngx_socket_t) -1;

    reaper.handler = ngx_http_llmbroker_reap;
    reaper.log = cycle->log;
    reaper.data = &dumb;
    reaper.cancelable = 1;

    ngx_add_timer(&reaper, NGX_HTTP_LLMBROKER_REAP);

    if (mcf->shared.conf == NULL) {
        return NGX_OK;
    }

    ngx_http_llmbroker_health_init(cycle, mcf->shared.conf,
                                   mcf->shared.states);

    name = mcf->shared.conf->names.elts;

    for (i = 0; i < mcf->shared.conf->names.nelts; i++) {
        ngx_http_llmbroker_resolve_start(name[i]);
    }

    return ngx_http_llmbroker_quit_init(cycle,
                                        mcf->shared.conf->drain_timeout);
}


/* an old worker that is killed is followed by no other */

static void
ngx_http_llmbroker_reap(ngx_event_t *ev)
{
    ngx_http_llmbroker_main_conf_t  *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(ngx_cycle,
                                              ngx_http_llmbroker_module);

    if (mcf && mcf->zone) {
        ngx_http_llmbroker_state_reap(mcf->zone);
    }

    ev->log = ngx_cycle->log;

    ngx_add_timer(ev, NGX_HTTP_LLMBROKER_REAP);
}


static void
ngx_http_llmbroker_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_llmbroker_main_conf_t  *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(cycle,
                                              ngx_http_llmbroker_module);

    if (mcf && mcf->zone) {
        ngx_http_llmbroker_health_exit();
        ngx_http_llmbroker_state_process_exit(mcf->zone);
    }
}


static ngx_int_t
ngx_http_llmbroker_postconfiguration(ngx_conf_t *cf)
{
    ngx_http_handler_pt             *h;
    ngx_http_core_main_conf_t       *cmcf;
    ngx_http_llmbroker_main_conf_t  *mcf;

    static ngx_str_t  request_id = ngx_string("request_id");

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llmbroker_module);

    if (mcf->shared.conf == NULL) {

        if (mcf->used) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"llmbroker\" requires \"llmbroker_config\"");
            return NGX_ERROR;
        }

        return NGX_OK;
    }

    mcf->request_id = ngx_http_get_variable_index(cf, &request_id);
    if (mcf->request_id == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (ngx_http_llmbroker_conf_variables(cf, mcf->shared.conf) != NGX_OK) {
        return NGX_ERROR;
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PREACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_llmbroker_early_handler;

    if (mcf->shared.conf->request_logging) {
        h = ngx_array_push(&cmcf->phases[NGX_HTTP_LOG_PHASE].handlers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        *h = ngx_http_llmbroker_log_handler;
    }

    ngx_http_llmbroker_filter_install();

    return ngx_http_llmbroker_conf_resolver(cf, mcf->shared.conf,
                                            mcf->resolver,
                                            mcf->resolver_timeout);
}


static void *
ngx_http_llmbroker_create_main_conf(ngx_conf_t *cf)
{
    /*
     * set by ngx_pcalloc():
     *
     *     mcf->shared.conf = NULL;
     *     mcf->zone = NULL;
     *     mcf->used = 0;
     *     mcf->resolver = NULL;
     */

    return ngx_pcalloc(cf->pool, sizeof(ngx_http_llmbroker_main_conf_t));
}


static char *
ngx_http_llmbroker_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_llmbroker_main_conf_t *mcf = conf;

    size_t  size;

    static ngx_str_t  name = ngx_string("llmbroker");

    if (mcf->shared.conf == NULL) {
        return NGX_CONF_OK;
    }

    if (mcf->zone == NULL) {

        /* nginx makes a zone of another size anew: it is doubled, seldom */

        size = NGX_HTTP_LLMBROKER_ZONE_SIZE;

        while (size / NGX_HTTP_LLMBROKER_ZONE_CELL < mcf->shared.conf->slots) {
            size *= 2;
        }

        mcf->zone = ngx_shared_memory_add(cf, &name, size,
                                          &ngx_http_llmbroker_module);
        if (mcf->zone == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    mcf->zone->init = ngx_http_llmbroker_init_zone;
    mcf->zone->data = mcf;
    mcf->cycle = cf->cycle;
    mcf->created = ngx_time();

    mcf->shared.states = ngx_pcalloc(cf->pool,
                                     (mcf->shared.conf->slots + 1)
                                     * sizeof(ngx_http_llmbroker_state_t *));
    if (mcf->shared.states == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_llmbroker_pages_init(cf, mcf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_llmbroker_init_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_uint_t                       i, j;
    ngx_core_conf_t                 *ccf;
    ngx_http_llmbroker_model_t      *model;
    ngx_http_llmbroker_main_conf_t  *mcf;

    mcf = zone->data;

    ccf = (ngx_core_conf_t *) ngx_get_conf(mcf->cycle->conf_ctx,
                                           ngx_core_module);

    if (ngx_http_llmbroker_state_init(zone, data, ccf->worker_processes)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    mcf->generation = ngx_http_llmbroker_state_generation(zone);

    model = mcf->shared.conf->models.elts;

    for (i = 0; i < mcf->shared.conf->models.nelts; i++) {
        for (j = 0; j < model[i].ndeployments; j++) {

            if (ngx_http_llmbroker_init_state(zone, mcf, &model[i],
                                              &model[i].deployments[j])
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


/*
 * A deployment's state is found by all that makes it another one: two keys of
 * one endpoint fail by themselves.  Only a hash of that is kept.
 */

static ngx_int_t
ngx_http_llmbroker_init_state(ngx_shm_zone_t *zone,
    ngx_http_llmbroker_main_conf_t *mcf, ngx_http_llmbroker_model_t *model,
    ngx_http_llmbroker_deployment_t *d)
{
    size_t                       len;
    u_char                      *p;
    ngx_str_t                    name;
    ngx_uint_t                   i;
    ngx_http_llmbroker_state_t  *state;

    ngx_str_t  *parts[] = {
        &model->name, &d->base_url, &d->target.provider, &d->target.model,
        &d->target.region, &d->target.access_key_id, &d->target.api_key
    };

    len = 0;

    for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        len += parts[i]->len + 1;
    }

    name.len = len;
    name.data = ngx_alloc(len, zone->shm.log);
    if (name.data == NULL) {
        return NGX_ERROR;
    }

    p = name.data;

    for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (parts[i]->len) {
            p = ngx_cpymem(p, parts[i]->data, parts[i]->len);
        }

        *p++ = '\0';
    }

    state = ngx_http_llmbroker_state_get(zone, &name);

    ngx_explicit_memzero(name.data, name.len);
    ngx_free(name.data);

    if (state == NULL) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "zone \"%V\" is too small for the models, "
                      "see \"llmbroker_zone\"", &zone->shm.name);
        return NGX_ERROR;
    }

    mcf->shared.states[d->slot] = state;

    return NGX_OK;
}


static void *
ngx_http_llmbroker_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_llmbroker_loc_conf_t  *llcf;

    llcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_llmbroker_loc_conf_t));
    if (llcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     llcf->enable = 0;
     */

    llcf->early_read = NGX_CONF_UNSET;

    return llcf;
}


static char *
ngx_http_llmbroker_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_llmbroker_loc_conf_t *prev = parent;
    ngx_http_llmbroker_loc_conf_t *conf = child;

    ngx_http_core_loc_conf_t        *clcf;
    ngx_http_llmbroker_main_conf_t  *mcf;

    ngx_conf_merge_value(conf->early_read, prev->early_read, 0);

    /* "if" and "limit_except" blocks are the same location still */

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->noname && prev->enable && clcf->handler == NULL) {
        clcf->handler = ngx_http_llmbroker_handler;
        conf->enable = 1;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llmbroker_module);

    if (conf->enable && mcf->resolver == NULL
        && clcf->resolver->connections.nelts)
    {
        mcf->resolver = clcf->resolver;
        mcf->resolver_timeout = clcf->resolver_timeout;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_llmbroker_config(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llmbroker_main_conf_t *mcf = conf;

    ngx_str_t  *value;

    if (mcf->shared.conf) {
        return "is duplicate";
    }

    value = cf->args->elts;

    mcf->shared.conf = ngx_http_llmbroker_conf_read(cf, &value[1]);
    if (mcf->shared.conf == NULL) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_llmbroker_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llmbroker_main_conf_t *mcf = conf;

    u_char     *p;
    ssize_t     size;
    ngx_str_t  *value, name, s;

    if (mcf->zone) {
        return "is duplicate";
    }

    value = cf->args->elts;

    p = (u_char *) ngx_strchr(value[1].data, ':');

    if (p == NULL || p == value[1].data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone \"%V\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    name.data = value[1].data;
    name.len = p - value[1].data;

    s.data = p + 1;
    s.len = value[1].data + value[1].len - s.data;

    size = ngx_parse_size(&s);

    if (size == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone size \"%V\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (size < (ssize_t) (8 * ngx_pagesize)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone \"%V\" is too small", &value[1]);
        return NGX_CONF_ERROR;
    }

    mcf->zone = ngx_shared_memory_add(cf, &name, size,
                                      &ngx_http_llmbroker_module);
    if (mcf->zone == NULL) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_llmbroker(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llmbroker_loc_conf_t *llcf = conf;

    ngx_http_core_loc_conf_t        *clcf;
    ngx_http_llmbroker_main_conf_t  *mcf;

    if (llcf->enable) {
        return "is duplicate";
    }

    llcf->enable = 1;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llmbroker_module);
    mcf->used = 1;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_llmbroker_handler;

    return NGX_CONF_OK;
}
