
/*
 * Copyright (C) LLMBroker contributors
 *
 * YAML values: any text is read or refused with a line; a tree that was read
 * is sound: parents, counts, indexes, lines, no name twice.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "codec/ngx_http_llmbroker_yaml.h"

#include "ngx_shim.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_tree(ngx_http_llmbroker_yaml_t *root, ngx_uint_t lines);
static void fuzz_value(ngx_http_llmbroker_yaml_t *v, ngx_uint_t lines);
static void fuzz_check(ngx_uint_t v);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char                           *p;
    size_t                            i;
    ngx_int_t                         rc;
    ngx_uint_t                        lines;
    ngx_pool_t                       *pool;
    ngx_http_llmbroker_yaml_t        *root;
    ngx_http_llmbroker_yaml_error_t   error;

    pool = ngx_create_pool(4096, NULL);

    /* memory of just this size, so that a byte too far is seen */

    p = ngx_palloc(pool, size);
    ngx_memcpy(p, data, size);

    /* libyaml ends a line at CR, LF, NEL, LS and PS: at most one a byte */

    lines = 2;

    for (i = 0; i < size; i++) {
        lines += (p[i] == LF || p[i] == CR || p[i] >= 0x80);
    }

    rc = ngx_http_llmbroker_yaml_parse(pool, p, size, &root, &error);

    if (rc == NGX_OK) {
        fuzz_tree(root, lines);

    } else {
        fuzz_check(rc == NGX_DECLINED);
        fuzz_check(error.text != NULL);
        fuzz_check(error.line > 0 && error.line <= lines);
    }

    ngx_destroy_pool(pool);

    return 0;
}


static void
fuzz_tree(ngx_http_llmbroker_yaml_t *root, ngx_uint_t lines)
{
    ngx_uint_t                  depth;
    ngx_http_llmbroker_yaml_t  *v;

    fuzz_check(root->parent == NULL && root->next == NULL);

    v = root;
    depth = 0;

    for ( ;; ) {
        fuzz_value(v, lines);

        if (v->child) {
            fuzz_check(++depth <= NGX_HTTP_LLMBROKER_YAML_MAX_DEPTH);
            v = v->child;
            continue;
        }

        while (v != root && v->next == NULL) {
            v = v->parent;
            depth--;
        }

        if (v == root) {
            break;
        }

        v = v->next;
    }
}


static void
fuzz_value(ngx_http_llmbroker_yaml_t *v, ngx_uint_t lines)
{
    u_char                      buf[64];
    ngx_uint_t                  n;
    ngx_http_llmbroker_yaml_t  *c, *d;

    fuzz_check(v->line > 0 && v->line <= lines);
    fuzz_check(v->key_line <= v->line);

    (void) ngx_http_llmbroker_yaml_path(buf, buf + sizeof(buf), v);

    if (v->type == NGX_HTTP_LLMBROKER_YAML_SCALAR) {
        fuzz_check(v->child == NULL);
        fuzz_check(v->value.data[v->value.len] == '\0');
        return;
    }

    for (n = 0, c = v->child; c; n++, c = c->next) {
        fuzz_check(c->parent == v && c->index == n);

        if (v->type == NGX_HTTP_LLMBROKER_YAML_SEQUENCE) {
            fuzz_check(c->key.data == NULL);
            continue;
        }

        fuzz_check(c->key.data[c->key.len] == '\0');

        for (d = v->child; n < 64 && d != c; d = d->next) {
            fuzz_check(d->key.len != c->key.len
                       || ngx_memcmp(d->key.data, c->key.data, c->key.len));
        }
    }

    fuzz_check(n == v->n);
}


static void
fuzz_check(ngx_uint_t v)
{
    if (!v) {
        abort();
    }
}
