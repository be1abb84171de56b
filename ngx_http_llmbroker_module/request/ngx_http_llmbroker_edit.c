
/*
 * Copyright (C) LLMBroker contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "request/ngx_http_llmbroker_edit.h"


static ngx_str_t *ngx_http_llmbroker_edit_twin(ngx_str_t *name);
static ngx_uint_t ngx_http_llmbroker_edit_overrides(
    ngx_http_llmbroker_model_t *model, ngx_str_t *name);
static ngx_int_t ngx_http_llmbroker_edit_default(
    ngx_http_llmbroker_edit_t *edit, ngx_http_llmbroker_param_t *param);
static ngx_int_t ngx_http_llmbroker_edit_override(
    ngx_http_llmbroker_edit_t *edit, ngx_http_llmbroker_param_t *param);
static ngx_int_t ngx_http_llmbroker_edit_merge(ngx_pool_t *pool,
    ngx_http_llmbroker_json_t *object, ngx_http_llmbroker_json_t *defaults,
    ngx_str_t *text);
static ngx_uint_t ngx_http_llmbroker_edit_lacks(
    ngx_http_llmbroker_json_t *object, ngx_http_llmbroker_json_t *defaults);
static void ngx_http_llmbroker_edit_merge_write(
    ngx_http_llmbroker_json_writer_t *w, ngx_http_llmbroker_json_t *object,
    ngx_http_llmbroker_json_t *defaults);
static ngx_http_llmbroker_json_t *ngx_http_llmbroker_edit_member(
    ngx_http_llmbroker_json_t *object, ngx_str_t *name);
static ngx_int_t ngx_http_llmbroker_edit_flatten(ngx_pool_t *pool,
    ngx_chain_t *cl, off_t length, ngx_str_t *text);
static ngx_int_t ngx_http_llmbroker_edit_node(ngx_pool_t *pool,
    ngx_str_t *value, ngx_http_llmbroker_json_t *v);
static ngx_http_llmbroker_param_t *ngx_http_llmbroker_edit_added(
    ngx_http_llmbroker_edit_t *edit, ngx_str_t *name);
static ngx_int_t ngx_http_llmbroker_edit_members(
    ngx_http_llmbroker_edit_t *edit, ngx_uint_t first, ngx_str_t *text);
static ngx_int_t ngx_http_llmbroker_edit_memory(ngx_pool_t *pool,
    ngx_chain_t ***ll, ngx_str_t *text);


static ngx_str_t  ngx_http_llmbroker_stream_options =
    ngx_string("stream_options");
static ngx_str_t  ngx_http_llmbroker_include_usage =
    ngx_string("{\"include_usage\":true}");


ngx_int_t
ngx_http_llmbroker_edit(ngx_http_llmbroker_edit_t *edit, ngx_pool_t *pool,
    ngx_http_llmbroker_body_t *body, ngx_http_llmbroker_model_t *model,
    ngx_http_llmbroker_call_e call, ngx_uint_t injection)
{
    ngx_int_t                    rc;
    ngx_str_t                   *drop, *twin;
    ngx_uint_t                   i;
    ngx_http_llmbroker_param_t  *param;

    edit->pool = pool;
    edit->body = body;

    edit->changes = ngx_pcalloc(pool, ngx_max(body->members.nelts, 1)
                                      * sizeof(ngx_http_llmbroker_change_t));
    if (edit->changes == NULL) {
        return NGX_ERROR;
    }

    if (ngx_array_init(&edit->added, pool, 4,
                       sizeof(ngx_http_llmbroker_param_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (injection) {
        param = model->defaults[call].elts;

        for (i = 0; i < model->defaults[call].nelts; i++) {
            rc = ngx_http_llmbroker_edit_default(edit, &param[i]);
            if (rc != NGX_OK) {
                return rc;
            }
        }
    }

    param = model->overrides.elts;

    for (i = 0; i < model->overrides.nelts; i++) {
        twin = ngx_http_llmbroker_edit_twin(&param[i].name);

        if (twin && !ngx_http_llmbroker_edit_overrides(model, twin)) {
            ngx_http_llmbroker_edit_drop(edit, twin);
        }

        if (ngx_http_llmbroker_edit_override(edit, &param[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    drop = model->drop.elts;

    for (i = 0; i < model->drop.nelts; i++) {
        ngx_http_llmbroker_edit_drop(edit, &drop[i]);
    }

    return NGX_OK;
}


/* one limit has two names, of which OpenAI takes only one at a time */

static ngx_str_t *
ngx_http_llmbroker_edit_twin(ngx_str_t *name)
{
    static ngx_str_t  old = ngx_string("max_tokens");
    static ngx_str_t  new = ngx_string("max_completion_tokens");

    if (name->len == old.len
        && ngx_memcmp(name->data, old.data, old.len) == 0)
    {
        return &new;
    }

    if (name->len == new.len
        && ngx_memcmp(name->data, new.data, new.len) == 0)
    {
        return &old;
    }

    return NULL;
}


static ngx_uint_t
ngx_http_llmbroker_edit_overrides(ngx_http_llmbroker_model_t *model,
    ngx_str_t *name)
{
    ngx_uint_t                   i;
    ngx_http_llmbroker_param_t  *param;

    param = model->overrides.elts;

    for (i = 0; i < model->overrides.nelts; i++) {

        if (param[i].name.len == name->len
            && ngx_memcmp(param[i].name.data, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_llmbroker_edit_default(ngx_http_llmbroker_edit_t *edit,
    ngx_http_llmbroker_param_t *param)
{
    ngx_int_t                     rc;
    ngx_str_t                     text, *twin;
    ngx_uint_t                    n;
    ngx_http_llmbroker_json_t    *object;
    ngx_http_llmbroker_param_t   *added;
    ngx_http_llmbroker_member_t  *m;

    m = ngx_http_llmbroker_body_find(edit->body, &param->name);

    if (m == NULL) {
        twin = ngx_http_llmbroker_edit_twin(&param->name);

        if (twin && ngx_http_llmbroker_body_find(edit->body, twin)) {
            return NGX_OK;
        }

        added = ngx_array_push(&edit->added);
        if (added == NULL) {
            return NGX_ERROR;
        }

        *added = *param;

        return NGX_OK;
    }

    if (m->type != NGX_HTTP_LLMBROKER_JSON_OBJECT
        || param->tree->type != NGX_HTTP_LLMBROKER_JSON_OBJECT)
    {
        return NGX_OK;
    }

    if (ngx_http_llmbroker_body_bytes(edit->pool, edit->body, m->start,
                                      m->end, &text)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_http_llmbroker_json_parse(edit->pool, text.data, text.len,
                                       &object);
    if (rc != NGX_OK) {
        return rc;
    }

    if (!ngx_http_llmbroker_edit_lacks(object, param->tree)) {
        return NGX_OK;
    }

    n = m - (ngx_http_llmbroker_member_t *) edit->body->members.elts;

    edit->changes[n].replaced = 1;

    return ngx_http_llmbroker_edit_merge(edit->pool, object, param->tree,
                                         &edit->changes[n].value);
}


static ngx_int_t
ngx_http_llmbroker_edit_merge(ngx_pool_t *pool,
    ngx_http_llmbroker_json_t *object, ngx_http_llmbroker_json_t *defaults,
    ngx_str_t *text)
{
    off_t                             length;
    ngx_int_t                         rc;
    ngx_chain_t                      *cl;
    ngx_http_llmbroker_out_t          out;
    ngx_http_llmbroker_json_writer_t  w;

    ngx_http_llmbroker_out_init(&out, pool, NULL, NULL, 512);

    ngx_http_llmbroker_json_write_start(&w, &out);
    ngx_http_llmbroker_edit_merge_write(&w, object, defaults);

    rc = ngx_http_llmbroker_json_write_end(&w);

    if (rc != NGX_OK) {
        return rc;
    }

    length = out.length;
    cl = ngx_http_llmbroker_out_take(&out);

    return ngx_http_llmbroker_edit_flatten(pool, cl, length, text);
}


/*
 * 1 when an object lacks one of the defaults.  Like the merge, it goes no
 * deeper than the configured defaults do, whatever the client sends.
 */

static ngx_uint_t
ngx_http_llmbroker_edit_lacks(ngx_http_llmbroker_json_t *object,
    ngx_http_llmbroker_json_t *defaults)
{
    ngx_http_llmbroker_json_t  *v, *d;

    for (d = defaults->child; d; d = d->next) {
        v = ngx_http_llmbroker_edit_member(object, &d->key);

        if (v == NULL
            || (d->type == NGX_HTTP_LLMBROKER_JSON_OBJECT
                && v->type == NGX_HTTP_LLMBROKER_JSON_OBJECT
                && ngx_http_llmbroker_edit_lacks(v, d)))
        {
            return 1;
        }
    }

    return 0;
}


static void
ngx_http_llmbroker_edit_merge_write(ngx_http_llmbroker_json_writer_t *w,
    ngx_http_llmbroker_json_t *object, ngx_http_llmbroker_json_t *defaults)
{
    ngx_http_llmbroker_json_t  *v, *d;

    ngx_http_llmbroker_json_open(w);

    for (v = object->child; v; v = v->next) {
        ngx_http_llmbroker_json_key_str(w, &v->key);

        d = ngx_http_llmbroker_edit_member(defaults, &v->key);

        if (d
            && d->type == NGX_HTTP_LLMBROKER_JSON_OBJECT
            && v->type == NGX_HTTP_LLMBROKER_JSON_OBJECT)
        {
            ngx_http_llmbroker_edit_merge_write(w, v, d);
            continue;
        }

        ngx_http_llmbroker_json_raw(w, &v->raw);
    }

    for (d = defaults->child; d; d = d->next) {
        if (ngx_http_llmbroker_edit_member(object, &d->key) == NULL) {
            ngx_http_llmbroker_json_key_str(w, &d->key);
            ngx_http_llmbroker_json_raw(w, &d->raw);
        }
    }

    ngx_http_llmbroker_json_close(w);
}


static ngx_http_llmbroker_json_t *
ngx_http_llmbroker_edit_member(ngx_http_llmbroker_json_t *object,
    ngx_str_t *name)
{
    ngx_http_llmbroker_json_t  *v;

    for (v = object->child; v; v = v->next) {
        if (v->key.len == name->len
            && ngx_memcmp(v->key.data, name->data, name->len) == 0)
        {
            return v;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_llmbroker_edit_override(ngx_http_llmbroker_edit_t *edit,
    ngx_http_llmbroker_param_t *param)
{
    ngx_uint_t                    n;
    ngx_http_llmbroker_param_t   *added;
    ngx_http_llmbroker_member_t  *m;

    m = ngx_http_llmbroker_body_find(edit->body, &param->name);

    if (m) {
        n = m - (ngx_http_llmbroker_member_t *) edit->body->members.elts;

        edit->changes[n].replaced = 1;
        edit->changes[n].value = param->value;

        return NGX_OK;
    }

    added = ngx_http_llmbroker_edit_added(edit, &param->name);

    if (added == NULL) {
        added = ngx_array_push(&edit->added);
        if (added == NULL) {
            return NGX_ERROR;
        }
    }

    *added = *param;

    return NGX_OK;
}


void
ngx_http_llmbroker_edit_drop(ngx_http_llmbroker_edit_t *edit, ngx_str_t *name)
{
    ngx_http_llmbroker_param_t   *added, *last;
    ngx_http_llmbroker_member_t  *m;

    m = ngx_http_llmbroker_body_find(edit->body, name);

    if (m) {
        edit->changes[m - (ngx_http_llmbroker_member_t *)
                          edit->body->members.elts].dropped = 1;
        return;
    }

    added = ngx_http_llmbroker_edit_added(edit, name);

    if (added) {
        last = (ngx_http_llmbroker_param_t *) edit->added.elts
               + edit->added.nelts - 1;
        *added = *last;
        edit->added.nelts--;
    }
}


static ngx_http_llmbroker_param_t *
ngx_http_llmbroker_edit_added(ngx_http_llmbroker_edit_t *edit, ngx_str_t *name)
{
    ngx_uint_t                   i;
    ngx_http_llmbroker_param_t  *added;

    added = edit->added.elts;

    for (i = 0; i < edit->added.nelts; i++) {
        if (added[i].name.len == name->len
            && ngx_memcmp(added[i].name.data, name->data, name->len) == 0)
        {
            return &added[i];
        }
    }

    return NULL;
}


ngx_int_t
ngx_http_llmbroker_edit_get(ngx_http_llmbroker_edit_t *edit, const char *name,
    ngx_str_t *value)
{
    ngx_str_t                     key;
    ngx_http_llmbroker_param_t   *added;
    ngx_http_llmbroker_change_t  *change;
    ngx_http_llmbroker_member_t  *m;

    key.data = (u_char *) name;
    key.len = ngx_strlen(name);

    m = ngx_http_llmbroker_body_find(edit->body, &key);

    if (m) {
        change = &edit->changes[m - (ngx_http_llmbroker_member_t *)
                                    edit->body->members.elts];

        if (change->dropped) {
            return NGX_DECLINED;
        }

        if (change->replaced) {
            *value = change->value;
            return NGX_OK;
        }

        if (m->text.data) {
            *value = m->text;
            return NGX_OK;
        }

        return ngx_http_llmbroker_body_bytes(edit->pool, edit->body, m->start,
                                             m->end, value);
    }

    added = ngx_http_llmbroker_edit_added(edit, &key);

    if (added == NULL) {
        return NGX_DECLINED;
    }

    *value = added->value;

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_edit_set(ngx_http_llmbroker_edit_t *edit, const char *name,
    ngx_str_t *value)
{
    u_char                       *p;
    ngx_http_llmbroker_param_t    param;
    ngx_http_llmbroker_change_t  *change;
    ngx_http_llmbroker_member_t  *m;

    param.name.data = (u_char *) name;
    param.name.len = ngx_strlen(name);

    m = ngx_http_llmbroker_body_find(edit->body, &param.name);

    if (m) {
        change = &edit->changes[m - (ngx_http_llmbroker_member_t *)
                                    edit->body->members.elts];
        change->dropped = 0;
        change->replaced = (m->text.len != value->len
                            || ngx_memcmp(m->text.data, value->data,
                                          value->len)
                               != 0);
        change->value = *value;

        return NGX_OK;
    }

    param.key.len = param.name.len + 2;
    param.key.data = ngx_pnalloc(edit->pool, param.key.len);
    if (param.key.data == NULL) {
        return NGX_ERROR;
    }

    p = param.key.data;
    *p++ = '"';
    p = ngx_cpymem(p, name, param.name.len);
    *p = '"';

    param.value = *value;
    param.tree = NULL;

    return ngx_http_llmbroker_edit_override(edit, &param);
}


ngx_int_t
ngx_http_llmbroker_edit_usage(ngx_http_llmbroker_edit_t *edit,
    ngx_http_llmbroker_model_t *model, ngx_uint_t *wanted)
{
    ngx_int_t                   rc;
    ngx_str_t                   text, *drop;
    ngx_uint_t                  i;
    ngx_http_llmbroker_json_t  *options, *usage, *forced;

    *wanted = 0;

    rc = ngx_http_llmbroker_edit_get(edit, "stream_options", &text);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED) {
        drop = model->drop.elts;

        for (i = 0; i < model->drop.nelts; i++) {
            if (drop[i].len == ngx_http_llmbroker_stream_options.len
                && ngx_strncmp(drop[i].data,
                               ngx_http_llmbroker_stream_options.data,
                               drop[i].len)
                   == 0)
            {
                return NGX_OK;
            }
        }

        return ngx_http_llmbroker_edit_set(edit, "stream_options",
                                           &ngx_http_llmbroker_include_usage);
    }

    rc = ngx_http_llmbroker_json_parse(edit->pool, text.data, text.len,
                                       &options);
    if (rc != NGX_OK) {
        return rc;
    }

    if (options->type != NGX_HTTP_LLMBROKER_JSON_OBJECT) {

        if (options->type != NGX_HTTP_LLMBROKER_JSON_NULL) {
            /* the provider tells what is wrong with it */
            return NGX_OK;
        }

        return ngx_http_llmbroker_edit_set(edit, "stream_options",
                                           &ngx_http_llmbroker_include_usage);
    }

    usage = ngx_http_llmbroker_json_get(options, "include_usage");

    if (ngx_http_llmbroker_json_true(usage)) {
        *wanted = 1;
        return NGX_OK;
    }

    if (ngx_http_llmbroker_json_parse(edit->pool,
                                      ngx_http_llmbroker_include_usage.data,
                                      ngx_http_llmbroker_include_usage.len,
                                      &forced)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* the merge keeps the first object's values: ours goes first */

    if (ngx_http_llmbroker_edit_merge(edit->pool, forced, options, &text)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llmbroker_edit_set(edit, "stream_options", &text);
}


ngx_int_t
ngx_http_llmbroker_edit_chain(ngx_http_llmbroker_edit_t *edit,
    ngx_chain_t **chain, off_t *length)
{
    off_t                         from, to;
    ngx_str_t                     text;
    ngx_uint_t                    i, n, first, kept;
    ngx_chain_t                 **ll, *cl;
    ngx_http_llmbroker_member_t  *m;

    m = edit->body->members.elts;
    n = edit->body->members.nelts;

    *chain = NULL;
    ll = chain;
    first = 1;
    kept = 1;

    /* [from, to) is a run of the client's bytes that is not written yet */

    from = 0;
    to = n ? m[0].key_start : edit->body->length;

    if (n == 0) {
        if (ngx_http_llmbroker_body_bytes(edit->pool, edit->body, 0, to, &text)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        for (to = 0; text.data[to] != '{'; to++) { /* void */ }

        to++;
    }

    for (i = 0; i < n; i++) {

        if (edit->changes[i].dropped) {
            kept = 0;
            continue;
        }

        if (!kept) {
            /* the run ended at a dropped member: start anew after it */

            if (ngx_http_llmbroker_body_slice(edit->pool, edit->body, from, to,
                                              &ll)
                != NGX_OK)
            {
                return NGX_ERROR;
            }

            if (!first) {
                ngx_str_set(&text, ",");
                if (ngx_http_llmbroker_edit_memory(edit->pool, &ll, &text)
                    != NGX_OK)
                {
                    return NGX_ERROR;
                }
            }

            from = m[i].key_start;
            kept = 1;
        }

        first = 0;
        to = m[i].end;

        if (!edit->changes[i].replaced) {
            continue;
        }

        if (ngx_http_llmbroker_body_slice(edit->pool, edit->body, from,
                                          m[i].start, &ll)
            != NGX_OK
            || ngx_http_llmbroker_edit_memory(edit->pool, &ll,
                                              &edit->changes[i].value)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        from = to;
    }

    if (edit->added.nelts || !kept || n == 0) {
        if (ngx_http_llmbroker_body_slice(edit->pool, edit->body, from, to,
                                          &ll)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        from = n ? m[n - 1].end : to;
    }

    if (edit->added.nelts
        && (ngx_http_llmbroker_edit_members(edit, first, &text) != NGX_OK
            || ngx_http_llmbroker_edit_memory(edit->pool, &ll, &text)
               != NGX_OK))
    {
        return NGX_ERROR;
    }

    if (ngx_http_llmbroker_body_slice(edit->pool, edit->body, from,
                                      edit->body->length, &ll)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    *ll = NULL;
    *length = 0;

    for (cl = *chain; cl; cl = cl->next) {
        *length += ngx_buf_size(cl->buf);
    }

    return NGX_OK;
}


/* the members that are added, as one text; first: no other is before them */

static ngx_int_t
ngx_http_llmbroker_edit_members(ngx_http_llmbroker_edit_t *edit,
    ngx_uint_t first, ngx_str_t *text)
{
    u_char                      *p;
    ngx_uint_t                   i;
    ngx_http_llmbroker_param_t  *added;

    added = edit->added.elts;
    text->len = 0;

    for (i = 0; i < edit->added.nelts; i++) {
        text->len += 1 + added[i].key.len + 1 + added[i].value.len;
    }

    text->data = ngx_pnalloc(edit->pool, text->len);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    p = text->data;

    for (i = 0; i < edit->added.nelts; i++) {

        if (i || !first) {
            *p++ = ',';
        }

        p = ngx_cpymem(p, added[i].key.data, added[i].key.len);
        *p++ = ':';
        p = ngx_cpymem(p, added[i].value.data, added[i].value.len);
    }

    text->len = p - text->data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_edit_memory(ngx_pool_t *pool, ngx_chain_t ***ll,
    ngx_str_t *text)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    cl = ngx_alloc_chain_link(pool);
    b = ngx_calloc_buf(pool);

    if (cl == NULL || b == NULL) {
        return NGX_ERROR;
    }

    b->memory = 1;
    b->start = text->data;
    b->pos = text->data;
    b->last = text->data + text->len;
    b->end = b->last;

    cl->buf = b;
    cl->next = NULL;

    **ll = cl;
    *ll = &cl->next;

    return NGX_OK;
}


ngx_int_t
ngx_http_llmbroker_edit_tree(ngx_http_llmbroker_edit_t *edit,
    ngx_http_llmbroker_json_t **root)
{
    ngx_int_t                     rc;
    ngx_str_t                     text;
    ngx_uint_t                    i;
    ngx_http_llmbroker_json_t    *v, **next;
    ngx_http_llmbroker_param_t   *added;
    ngx_http_llmbroker_change_t  *change;

    if (edit->body->length > NGX_HTTP_LLMBROKER_MAX_TREE) {
        return NGX_DECLINED;
    }

    if (ngx_http_llmbroker_body_bytes(edit->pool, edit->body, 0,
                                      edit->body->length, &text)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_http_llmbroker_json_parse(edit->pool, text.data, text.len, root);
    if (rc != NGX_OK) {
        return rc;
    }

    /* the tree has the body's members in their order, none of them twice */

    change = edit->changes;
    next = &(*root)->child;

    for (v = *next; v; v = v->next, change++) {

        if (change->dropped) {
            *next = v->next;
            (*root)->n--;
            continue;
        }

        if (change->replaced
            && ngx_http_llmbroker_edit_node(edit->pool, &change->value, v)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        next = &v->next;
    }

    added = edit->added.elts;

    for (i = 0; i < edit->added.nelts; i++) {

        v = ngx_pcalloc(edit->pool, sizeof(ngx_http_llmbroker_json_t));
        if (v == NULL) {
            return NGX_ERROR;
        }

        v->key = added[i].name;

        if (ngx_http_llmbroker_edit_node(edit->pool, &added[i].value, v)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        *next = v;
        next = &v->next;
        (*root)->n++;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llmbroker_edit_flatten(ngx_pool_t *pool, ngx_chain_t *cl,
    off_t length, ngx_str_t *text)
{
    ngx_http_llmbroker_body_t  body;

    ngx_memzero(&body, sizeof(ngx_http_llmbroker_body_t));

    body.bufs = cl;
    body.length = length;

    return ngx_http_llmbroker_body_bytes(pool, &body, 0, length, text);
}


/* gives a member of a tree another value */

static ngx_int_t
ngx_http_llmbroker_edit_node(ngx_pool_t *pool, ngx_str_t *value,
    ngx_http_llmbroker_json_t *v)
{
    ngx_str_t                   key;
    ngx_http_llmbroker_json_t  *root, *next;

    if (ngx_http_llmbroker_json_parse(pool, value->data, value->len, &root)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    key = v->key;
    next = v->next;

    *v = *root;

    v->key = key;
    v->next = next;

    return NGX_OK;
}
