
/*
 * Copyright (C) LLMBroker contributors
 */


#include "config/ngx_http_llmbroker_conf_check.h"
#include "config/ngx_http_llmbroker_conf_model.h"
#include "config/ngx_http_llmbroker_conf_policy.h"
#include "config/ngx_http_llmbroker_conf_security.h"
#include "config/ngx_http_llmbroker_conf_upstream.h"
#include "config/ngx_http_llmbroker_conf_value.h"


#define NGX_HTTP_LLMBROKER_CONF_MAX      (64 * 1024 * 1024)
#define NGX_HTTP_LLMBROKER_CONF_TIMEOUT  60000


typedef struct {
    ngx_http_llmbroker_yaml_t       *models;
    ngx_http_llmbroker_yaml_t       *proxy;
    ngx_http_llmbroker_yaml_t       *security;
    ngx_http_llmbroker_yaml_t       *server;
    ngx_http_llmbroker_yaml_t       *logging;
    ngx_http_llmbroker_yaml_t       *monitoring;
} ngx_http_llmbroker_sections_t;


/* all sections but models and security */
typedef struct {
    ngx_str_t                        default_model;
    ngx_uint_t                       injection;
    ngx_uint_t                       request_logging;
    ngx_uint_t                       dry_run;
    ngx_msec_t                       timeout;
    ngx_uint_t                       strict_env;
    ngx_uint_t                       response_cache;
    ngx_msec_t                       cache_ttl;
    ngx_msec_t                       drain_timeout;

    ngx_str_t                        host;
    ngx_uint_t                       port;
    ngx_uint_t                       reload;
    ngx_str_t                        log_level;
    ngx_str_t                        log_format;
    ngx_str_t                        log_file;

    ngx_uint_t                       metrics;
    ngx_uint_t                       metrics_port;
    ngx_msec_t                       health_check_interval;
} ngx_http_llmbroker_common_t;


static ngx_int_t ngx_http_llmbroker_conf_load(ngx_http_llmbroker_reader_t *rd,
    ngx_str_t *text);
static ngx_int_t ngx_http_llmbroker_conf_text(ngx_http_llmbroker_reader_t *rd,
    ngx_fd_t fd, ngx_str_t *text);
static ngx_int_t ngx_http_llmbroker_conf_sections(
    ngx_http_llmbroker_reader_t *rd, ngx_http_llmbroker_yaml_t *root);
static ngx_int_t ngx_http_llmbroker_conf_proxy(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *map, ngx_http_llmbroker_common_t *settings);
static ngx_int_t ngx_http_llmbroker_conf_foreign(
    ngx_http_llmbroker_reader_t *rd, ngx_http_llmbroker_sections_t *sections,
    ngx_http_llmbroker_common_t *settings);
static ngx_int_t ngx_http_llmbroker_conf_monitoring(
    ngx_http_llmbroker_reader_t *rd, ngx_http_llmbroker_yaml_t *map,
    ngx_http_llmbroker_common_t *settings);


#define ngx_http_llmbroker_conf_section(name, field)                          \
    { ngx_string(name),                                                       \
      NGX_HTTP_LLMBROKER_IN_SECTION,                                          \
      ngx_http_llmbroker_conf_set_mapping,                                    \
      offsetof(ngx_http_llmbroker_sections_t, field),                         \
      0, 0 }

#define ngx_http_llmbroker_conf_setting(name, set, field, min, max)           \
    { ngx_string(name),                                                       \
      NGX_HTTP_LLMBROKER_IN_SECTION,                                          \
      set,                                                                    \
      offsetof(ngx_http_llmbroker_common_t, field),                         \
      min, max }

#define ngx_http_llmbroker_conf_end                                           \
    { ngx_null_string, 0, NULL, 0, 0, 0 }


static const ngx_http_llmbroker_conf_key_t
    ngx_http_llmbroker_conf_root_keys[] =
{
    ngx_http_llmbroker_conf_section("models", models),
    ngx_http_llmbroker_conf_section("proxy", proxy),
    ngx_http_llmbroker_conf_section("security", security),
    ngx_http_llmbroker_conf_section("server", server),
    ngx_http_llmbroker_conf_section("logging", logging),
    ngx_http_llmbroker_conf_section("monitoring", monitoring),
    ngx_http_llmbroker_conf_end
};


static const ngx_http_llmbroker_conf_key_t
    ngx_http_llmbroker_conf_proxy_keys[] =
{
    ngx_http_llmbroker_conf_setting("default_model",
        ngx_http_llmbroker_conf_set_str, default_model, 0, 0),

    ngx_http_llmbroker_conf_setting("enable_parameter_injection",
        ngx_http_llmbroker_conf_set_flag, injection, 0, 0),

    ngx_http_llmbroker_conf_setting("enable_request_logging",
        ngx_http_llmbroker_conf_set_flag, request_logging, 0, 0),

    ngx_http_llmbroker_conf_setting("timeout",
        ngx_http_llmbroker_conf_set_msec, timeout, 1, 0),

    ngx_http_llmbroker_conf_setting("allow_dry_run",
        ngx_http_llmbroker_conf_set_flag, dry_run, 0, 0),

    ngx_http_llmbroker_conf_setting("strict_env",
        ngx_http_llmbroker_conf_set_flag, strict_env, 0, 0),

    ngx_http_llmbroker_conf_setting("enable_response_cache",
        ngx_http_llmbroker_conf_set_flag, response_cache, 0, 0),

    ngx_http_llmbroker_conf_setting("cache_ttl",
        ngx_http_llmbroker_conf_set_msec, cache_ttl, 0, 0),

    ngx_http_llmbroker_conf_setting("drain_timeout",
        ngx_http_llmbroker_conf_set_msec, drain_timeout,
        1, NGX_HTTP_LLMBROKER_DAY),

    ngx_http_llmbroker_conf_end
};


static const ngx_http_llmbroker_conf_key_t
    ngx_http_llmbroker_conf_server_keys[] =
{
    ngx_http_llmbroker_conf_setting("host",
        ngx_http_llmbroker_conf_set_str, host, 0, 0),

    ngx_http_llmbroker_conf_setting("port",
        ngx_http_llmbroker_conf_set_num, port, 1, 65535),

    ngx_http_llmbroker_conf_setting("reload",
        ngx_http_llmbroker_conf_set_flag, reload, 0, 0),

    ngx_http_llmbroker_conf_setting("log_level",
        ngx_http_llmbroker_conf_set_str, log_level, 0, 0),

    ngx_http_llmbroker_conf_end
};


static const ngx_http_llmbroker_conf_key_t
    ngx_http_llmbroker_conf_logging_keys[] =
{
    ngx_http_llmbroker_conf_setting("level",
        ngx_http_llmbroker_conf_set_str, log_level, 0, 0),

    ngx_http_llmbroker_conf_setting("format",
        ngx_http_llmbroker_conf_set_str, log_format, 0, 0),

    ngx_http_llmbroker_conf_setting("file",
        ngx_http_llmbroker_conf_set_str, log_file, 0, 0),

    ngx_http_llmbroker_conf_end
};


static const ngx_http_llmbroker_conf_key_t
    ngx_http_llmbroker_conf_monitoring_keys[] =
{
    ngx_http_llmbroker_conf_setting("enable_metrics",
        ngx_http_llmbroker_conf_set_flag, metrics, 0, 0),

    ngx_http_llmbroker_conf_setting("metrics_port",
        ngx_http_llmbroker_conf_set_num, metrics_port, 1, 65535),

    ngx_http_llmbroker_conf_setting("health_check_interval",
        ngx_http_llmbroker_conf_set_msec, health_check_interval,
        0, NGX_HTTP_LLMBROKER_DAY),

    ngx_http_llmbroker_conf_end
};


ngx_http_llmbroker_conf_t *
ngx_http_llmbroker_conf_read(ngx_conf_t *cf, ngx_str_t *name)
{
    u_char                          *p;
    u_char                           path[NGX_HTTP_LLMBROKER_CONF_PATH];
    ngx_int_t                        rc;
    ngx_str_t                        text;
    ngx_http_llmbroker_yaml_t       *root;
    ngx_http_llmbroker_conf_t       *conf;
    ngx_http_llmbroker_reader_t      rd;
    ngx_http_llmbroker_yaml_error_t  error;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_llmbroker_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    conf->file = *name;

    if (ngx_conf_full_name(cf->cycle, &conf->file, 1) != NGX_OK) {
        return NULL;
    }

    ngx_memzero(&rd, sizeof(ngx_http_llmbroker_reader_t));

    rd.cf = cf;
    rd.conf = conf;
    rd.timeout = NGX_HTTP_LLMBROKER_CONF_TIMEOUT;

    if (ngx_http_llmbroker_conf_load(&rd, &text) != NGX_OK) {
        return NULL;
    }

    rc = ngx_http_llmbroker_yaml_parse(cf->temp_pool, text.data, text.len,
                                       &root, &error);

    ngx_explicit_memzero(text.data, text.len);

    if (rc == NGX_DECLINED) {
        p = path;

        if (error.parent) {
            p = ngx_http_llmbroker_yaml_path(p, path + sizeof(path),
                                             error.parent);
        }

        ngx_http_llmbroker_conf_log(&rd, NGX_LOG_EMERG, error.line,
                                    "%s%s%*s%s%V", error.text,
                                    error.name.len ? " " : "",
                                    (size_t) (p - path), path,
                                    p == path ? "" : ".", &error.name);
        return NULL;
    }

    if (rc != NGX_OK
        || ngx_http_llmbroker_conf_upstream_init(&rd) != NGX_OK
        || ngx_http_llmbroker_conf_sections(&rd, root) != NGX_OK)
    {
        return NULL;
    }

    return conf;
}


static ngx_int_t
ngx_http_llmbroker_conf_load(ngx_http_llmbroker_reader_t *rd, ngx_str_t *text)
{
    ngx_fd_t   fd;
    ngx_int_t  rc;

    fd = ngx_open_file(rd->conf->file.data,
                       NGX_FILE_RDONLY|NGX_FILE_NONBLOCK, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, rd->cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed",
                           &rd->conf->file);
        return NGX_ERROR;
    }

    rc = ngx_http_llmbroker_conf_text(rd, fd, text);

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, rd->cf->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", &rd->conf->file);
    }

    return rc;
}


static ngx_int_t
ngx_http_llmbroker_conf_text(ngx_http_llmbroker_reader_t *rd, ngx_fd_t fd,
    ngx_str_t *text)
{
    size_t            size;
    ssize_t           n;
    ngx_str_t        *name;
    ngx_file_info_t   fi;

    name = &rd->conf->file;

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, rd->cf, ngx_errno,
                           ngx_fd_info_n " \"%V\" failed", name);
        return NGX_ERROR;
    }

    if (!ngx_is_file(&fi)) {
        ngx_conf_log_error(NGX_LOG_EMERG, rd->cf, 0,
                           "\"%V\" is not a regular file", name);
        return NGX_ERROR;
    }

    if (ngx_file_size(&fi) > NGX_HTTP_LLMBROKER_CONF_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, rd->cf, 0,
                           "\"%V\" is larger than 64 MB", name);
        return NGX_ERROR;
    }

    size = (size_t) ngx_file_size(&fi);

    text->data = ngx_palloc(rd->cf->temp_pool, size + 1);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    n = ngx_read_fd(fd, text->data, size);

    if (n == -1) {
        ngx_conf_log_error(NGX_LOG_EMERG, rd->cf, ngx_errno,
                           ngx_read_fd_n " \"%V\" failed", name);
        return NGX_ERROR;
    }

    text->len = n;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_conf_sections(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *root)
{
    ngx_http_llmbroker_conf_t      *conf;
    ngx_http_llmbroker_common_t   settings;
    ngx_http_llmbroker_sections_t   sections;

    conf = rd->conf;

    ngx_memzero(&sections, sizeof(ngx_http_llmbroker_sections_t));
    ngx_memzero(&settings, sizeof(ngx_http_llmbroker_common_t));

    settings.injection = 1;
    settings.request_logging = 1;
    settings.timeout = rd->timeout;

    if (ngx_http_llmbroker_conf_map(rd, root,
                                    ngx_http_llmbroker_conf_root_keys,
                                    NGX_HTTP_LLMBROKER_IN_SECTION, &sections,
                                    NULL)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (sections.models == NULL) {
        return ngx_http_llmbroker_conf_invalid(rd, root,
                                               "it has no \"models\"");
    }

    /* monitoring first: its interval is the policy's default */

    if ((sections.monitoring
         && ngx_http_llmbroker_conf_monitoring(rd, sections.monitoring,
                                               &settings)
            != NGX_OK)
        || ngx_http_llmbroker_conf_policy_init(rd) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (sections.proxy
        && ngx_http_llmbroker_conf_proxy(rd, sections.proxy, &settings)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    conf->injection = settings.injection;
    conf->request_logging = settings.request_logging;
    conf->dry_run = settings.dry_run;
    conf->drain_timeout = settings.drain_timeout;
    rd->timeout = settings.timeout;

    if (ngx_http_llmbroker_conf_foreign(rd, &sections, &settings) != NGX_OK) {
        return NGX_ERROR;
    }

    if (sections.security
        && ngx_http_llmbroker_conf_security(rd, sections.security) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_llmbroker_conf_models(rd, sections.models) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_conf_check(rd, sections.models,
                    settings.default_model.data
                    ? ngx_http_llmbroker_yaml_get(sections.proxy,
                                                  "default_model")
                    : NULL,
                    &settings.default_model);
}


static ngx_int_t
ngx_http_llmbroker_conf_proxy(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *map, ngx_http_llmbroker_common_t *settings)
{
    ngx_http_llmbroker_policy_t      policy;
    ngx_http_llmbroker_conf_table_t  tables[] = {
        { ngx_http_llmbroker_conf_proxy_keys, settings, NULL },
        { ngx_http_llmbroker_conf_policy_keys, &rd->policy, NULL },
        { NULL, NULL, NULL }
    };

    if (ngx_http_llmbroker_conf_tables(rd, map, tables,
                                       NGX_HTTP_LLMBROKER_IN_SECTION)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    rd->strict_env = settings->strict_env;

    /* a contradiction is told here, not at the first model */

    policy = rd->policy;

    if (ngx_http_llmbroker_conf_policy(rd, map, &policy) != NGX_OK) {
        return NGX_ERROR;
    }

    if (settings->response_cache) {
        ngx_http_llmbroker_conf_later(rd,
               ngx_http_llmbroker_yaml_get(map, "enable_response_cache"));
    }

    return NGX_OK;
}


/* what the first LLMBroker's file says to a server of its own (2.4) */

static ngx_int_t
ngx_http_llmbroker_conf_foreign(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_sections_t *sections,
    ngx_http_llmbroker_common_t *settings)
{
    ngx_http_llmbroker_yaml_t       *v;
    ngx_http_llmbroker_conf_seen_t   seen[4];

    if (sections->server
        && ngx_http_llmbroker_conf_map(rd, sections->server,
                                       ngx_http_llmbroker_conf_server_keys,
                                       NGX_HTTP_LLMBROKER_IN_SECTION, settings,
                                       seen)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (sections->logging
        && ngx_http_llmbroker_conf_map(rd, sections->logging,
                                       ngx_http_llmbroker_conf_logging_keys,
                                       NGX_HTTP_LLMBROKER_IN_SECTION, settings,
                                       seen)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    v = sections->server ? sections->server : sections->logging;

    if (v) {
        ngx_http_llmbroker_conf_log(rd, NGX_LOG_NOTICE,
                                    ngx_http_llmbroker_conf_line(v),
                                    "\"server\" and \"logging\" are not used: "
                                    "nginx has \"listen\", \"error_log\" and "
                                    "\"access_log\" for them");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_conf_monitoring(ngx_http_llmbroker_reader_t *rd,
    ngx_http_llmbroker_yaml_t *map, ngx_http_llmbroker_common_t *settings)
{
    if (ngx_http_llmbroker_conf_map(rd, map,
                                    ngx_http_llmbroker_conf_monitoring_keys,
                                    NGX_HTTP_LLMBROKER_IN_SECTION, settings,
                                    NULL)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (settings->metrics) {
        ngx_http_llmbroker_conf_later(rd,
               ngx_http_llmbroker_yaml_get(map, "enable_metrics"));
    }

    rd->health_interval = settings->health_check_interval;

    if (rd->health_interval
        && rd->health_interval < NGX_HTTP_LLMBROKER_MIN_HEALTH_INTERVAL)
    {
        return ngx_http_llmbroker_conf_invalid(rd,
                     ngx_http_llmbroker_yaml_get(map, "health_check_interval"),
                     "expected 0 or a time from 100ms to 86400s");
    }

    return NGX_OK;
}
