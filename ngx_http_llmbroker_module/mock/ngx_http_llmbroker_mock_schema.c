
/*
 * Copyright (C) LLMBroker contributors
 */


/*
 * Values that fit a JSON schema: all properties of an object, an array of
 * one, the first of an enum or of alternatives, and the user's text for a
 * string, so that whoever asked can tell it again.
 */


#include "mock/ngx_http_llmbroker_mock.h"


/*
 * A schema may refer to itself: below SHALLOW levels what may be missing is
 * missing, and nothing is deeper than DEEP.
 */
#define NGX_HTTP_LLMBROKER_MOCK_SHALLOW  6
#define NGX_HTTP_LLMBROKER_MOCK_DEEP     16

/* references and alternatives followed for one value */
#define NGX_HTTP_LLMBROKER_MOCK_HOPS     16

/* elements of an array, characters of a string, bytes in all */
#define NGX_HTTP_LLMBROKER_MOCK_ITEMS    8
#define NGX_HTTP_LLMBROKER_MOCK_CHARS    1024
#define NGX_HTTP_LLMBROKER_MOCK_VALUE    (1024 * 1024)


typedef struct {
    const char  *name;
    const char  *value;
} ngx_http_llmbroker_mock_format_t;


/* an object or array that is being written */
typedef struct {
    ngx_http_llmbroker_json_t         *required;  /* of an object, or NULL */
    ngx_http_llmbroker_json_t         *next;    /* schema of what follows */
    ngx_uint_t                         left;    /* times, in an array */
    ngx_uint_t                         n;       /* written so far */
    unsigned                           object:1;
} ngx_http_llmbroker_mock_level_t;


typedef struct {
    ngx_http_llmbroker_json_t         *root;
    ngx_str_t                         *text;
    ngx_http_llmbroker_mock_string_t  *out;
    ngx_uint_t                         depth;
    ngx_http_llmbroker_mock_level_t    levels[NGX_HTTP_LLMBROKER_MOCK_DEEP];
} ngx_http_llmbroker_mock_schema_t;


static void ngx_http_llmbroker_mock_schema_value(
    ngx_http_llmbroker_mock_schema_t *sc, ngx_http_llmbroker_json_t *schema);
static ngx_http_llmbroker_json_t *ngx_http_llmbroker_mock_schema_next(
    ngx_http_llmbroker_mock_schema_t *sc);
static ngx_http_llmbroker_json_t *ngx_http_llmbroker_mock_schema_resolve(
    ngx_http_llmbroker_mock_schema_t *sc, ngx_http_llmbroker_json_t *schema);
static ngx_http_llmbroker_json_t *ngx_http_llmbroker_mock_schema_pick(
    ngx_http_llmbroker_mock_schema_t *sc, ngx_http_llmbroker_json_t *list);
static ngx_http_llmbroker_json_t *ngx_http_llmbroker_mock_schema_find(
    ngx_http_llmbroker_json_t *root, ngx_http_llmbroker_json_t *ref);
static ngx_uint_t ngx_http_llmbroker_mock_schema_is(
    ngx_http_llmbroker_json_t *schema, const char *type);
static void ngx_http_llmbroker_mock_schema_object(
    ngx_http_llmbroker_mock_schema_t *sc, ngx_http_llmbroker_json_t *schema);
static ngx_uint_t ngx_http_llmbroker_mock_schema_full(
    ngx_http_llmbroker_mock_schema_t *sc);
static ngx_uint_t ngx_http_llmbroker_mock_schema_required(
    ngx_http_llmbroker_json_t *required, ngx_str_t *name);
static void ngx_http_llmbroker_mock_schema_array(
    ngx_http_llmbroker_mock_schema_t *sc, ngx_http_llmbroker_json_t *schema);
static void ngx_http_llmbroker_mock_schema_text(
    ngx_http_llmbroker_mock_schema_t *sc, ngx_http_llmbroker_json_t *schema);
static void ngx_http_llmbroker_mock_schema_number(
    ngx_http_llmbroker_mock_schema_t *sc, ngx_http_llmbroker_json_t *schema);
static ngx_uint_t ngx_http_llmbroker_mock_schema_count(
    ngx_http_llmbroker_json_t *schema, const char *name, ngx_uint_t missing);
static double ngx_http_llmbroker_mock_schema_double(
    ngx_http_llmbroker_json_t *schema, const char *name, double missing);


static const ngx_http_llmbroker_mock_format_t
    ngx_http_llmbroker_mock_formats[] =
{
    { "date-time", "2024-01-02T03:04:05Z" },
    { "date", "2024-01-02" },
    { "time", "03:04:05Z" },
    { "duration", "P1D" },
    { "email", "someone@example.com" },
    { "hostname", "example.com" },
    { "ipv4", "192.0.2.1" },
    { "ipv6", "2001:db8::1" },
    { "uri", "https://example.com/" },
    { "uuid", "123e4567-e89b-42d3-a456-426614174000" },
    { NULL, NULL }
};


void
ngx_http_llmbroker_mock_value(ngx_http_llmbroker_mock_string_t *s,
    ngx_http_llmbroker_json_t *schema, ngx_str_t *text)
{
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_mock_level_t   *level;
    ngx_http_llmbroker_mock_schema_t   sc;

    sc.root = schema;
    sc.text = text;
    sc.out = s;
    sc.depth = 0;

    ngx_http_llmbroker_mock_schema_value(&sc, schema);

    while (sc.depth && !s->failed) {

        level = &sc.levels[sc.depth - 1];
        v = ngx_http_llmbroker_mock_schema_next(&sc);

        if (v == NULL) {
            ngx_http_llmbroker_mock_append(s,
                                  (u_char *) (level->object ? "}" : "]"), 1);
            sc.depth--;
            continue;
        }

        if (level->n++) {
            ngx_http_llmbroker_mock_append(s, (u_char *) ",", 1);
        }

        if (level->object) {
            ngx_http_llmbroker_mock_append(s, (u_char *) "\"", 1);
            ngx_http_llmbroker_mock_escape(s, v->key.data, v->key.len);
            ngx_http_llmbroker_mock_append(s, (u_char *) "\":", 2);
        }

        ngx_http_llmbroker_mock_schema_value(&sc, v);
    }
}


/* Writes a value, or the beginning of one that has others in it. */

static void
ngx_http_llmbroker_mock_schema_value(ngx_http_llmbroker_mock_schema_t *sc,
    ngx_http_llmbroker_json_t *schema)
{
    ngx_http_llmbroker_json_t         *v;
    ngx_http_llmbroker_mock_string_t  *s;

    s = sc->out;

    schema = ngx_http_llmbroker_mock_schema_resolve(sc, schema);

    v = ngx_http_llmbroker_json_get_type(schema, "enum",
                                         NGX_HTTP_LLMBROKER_JSON_ARRAY);
    v = (v && v->child) ? v->child
                        : ngx_http_llmbroker_json_get(schema, "const");

    if (v) {
        ngx_http_llmbroker_mock_append(s, v->raw.data, v->raw.len);

    } else if (ngx_http_llmbroker_mock_schema_is(schema, "object")
               || ngx_http_llmbroker_json_get(schema, "properties"))
    {
        ngx_http_llmbroker_mock_schema_object(sc, schema);

    } else if (ngx_http_llmbroker_mock_schema_is(schema, "array")) {
        ngx_http_llmbroker_mock_schema_array(sc, schema);

    } else if (ngx_http_llmbroker_mock_schema_is(schema, "number")
               || ngx_http_llmbroker_mock_schema_is(schema, "integer"))
    {
        ngx_http_llmbroker_mock_schema_number(sc, schema);

    } else if (ngx_http_llmbroker_mock_schema_is(schema, "boolean")) {
        ngx_http_llmbroker_mock_append(s, (u_char *) "true", 4);

    } else if (ngx_http_llmbroker_mock_schema_is(schema, "null")) {
        ngx_http_llmbroker_mock_append(s, (u_char *) "null", 4);

    } else {
        ngx_http_llmbroker_mock_schema_text(sc, schema);
    }
}


/* The schema of what follows in the innermost object or array, or NULL. */

static ngx_http_llmbroker_json_t *
ngx_http_llmbroker_mock_schema_next(ngx_http_llmbroker_mock_schema_t *sc)
{
    ngx_http_llmbroker_json_t        *v;
    ngx_http_llmbroker_mock_level_t  *level;

    level = &sc->levels[sc->depth - 1];

    if (!level->object) {

        if (level->left == 0) {
            return NULL;
        }

        level->left--;

        return level->next;
    }

    while (level->next) {
        v = level->next;
        level->next = v->next;

        if (sc->depth < NGX_HTTP_LLMBROKER_MOCK_SHALLOW
            || ngx_http_llmbroker_mock_schema_required(level->required,
                                                       &v->key))
        {
            return v;
        }
    }

    return NULL;
}


/* Follows references and takes the first of alternatives. */

static ngx_http_llmbroker_json_t *
ngx_http_llmbroker_mock_schema_resolve(ngx_http_llmbroker_mock_schema_t *sc,
    ngx_http_llmbroker_json_t *schema)
{
    ngx_uint_t                  i, k;
    ngx_http_llmbroker_json_t  *v;

    static const char  *lists[] = { "anyOf", "oneOf", "allOf", NULL };

    for (i = 0; i < NGX_HTTP_LLMBROKER_MOCK_HOPS; i++) {

        v = ngx_http_llmbroker_json_get_type(schema, "$ref",
                                             NGX_HTTP_LLMBROKER_JSON_STRING);

        if (v) {
            v = ngx_http_llmbroker_mock_schema_find(sc->root, v);

        } else if (ngx_http_llmbroker_json_get(schema, "properties") == NULL) {

            for (k = 0; lists[k] && v == NULL; k++) {
                v = ngx_http_llmbroker_mock_schema_pick(sc,
                                  ngx_http_llmbroker_json_get_type(schema,
                                         lists[k],
                                         NGX_HTTP_LLMBROKER_JSON_ARRAY));
            }
        }

        if (v == NULL) {
            break;
        }

        schema = v;
    }

    return schema;
}


/* The first that is not null; deep down it is null if that is possible. */

static ngx_http_llmbroker_json_t *
ngx_http_llmbroker_mock_schema_pick(ngx_http_llmbroker_mock_schema_t *sc,
    ngx_http_llmbroker_json_t *list)
{
    ngx_uint_t                  null;
    ngx_http_llmbroker_json_t  *v;

    if (list == NULL) {
        return NULL;
    }

    for (v = list->child; v; v = v->next) {

        null = ngx_http_llmbroker_json_is(
                   ngx_http_llmbroker_json_get(v, "type"), "null");

        if (sc->depth < NGX_HTTP_LLMBROKER_MOCK_SHALLOW ? !null : null) {
            return v;
        }
    }

    return list->child;
}


/* What "#/$defs/Name" and the like stand for, or NULL. */

static ngx_http_llmbroker_json_t *
ngx_http_llmbroker_mock_schema_find(ngx_http_llmbroker_json_t *root,
    ngx_http_llmbroker_json_t *ref)
{
    u_char                     *p, *last, *end;
    ngx_str_t                   path;
    ngx_http_llmbroker_json_t  *v;

    path = ngx_http_llmbroker_json_inner(ref);

    if (path.len == 0 || path.data[0] != '#') {
        return NULL;
    }

    p = path.data + 1;
    last = path.data + path.len;

    while (p < last) {

        p++;

        for (end = p; end < last && *end != '/'; end++) { /* void */ }

        for (v = root->child; v; v = v->next) {
            if (v->key.len == (size_t) (end - p)
                && ngx_memcmp(v->key.data, p, end - p) == 0)
            {
                break;
            }
        }

        if (v == NULL) {
            return NULL;
        }

        root = v;
        p = end;
    }

    return root;
}


/* Gemini writes types in capitals; of several, null is the last choice */

static ngx_uint_t
ngx_http_llmbroker_mock_schema_is(ngx_http_llmbroker_json_t *schema,
    const char *type)
{
    ngx_str_t                   name;
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get(schema, "type");

    if (v && v->type == NGX_HTTP_LLMBROKER_JSON_ARRAY) {

        for (v = v->child; v && v->next; v = v->next) {
            if (!ngx_http_llmbroker_json_is(v, "null")) {
                break;
            }
        }
    }

    name = ngx_http_llmbroker_json_inner(v);

    return name.len == ngx_strlen(type)
           && ngx_strncasecmp(name.data, (u_char *) type, name.len) == 0;
}


static void
ngx_http_llmbroker_mock_schema_object(ngx_http_llmbroker_mock_schema_t *sc,
    ngx_http_llmbroker_json_t *schema)
{
    ngx_http_llmbroker_json_t        *v;
    ngx_http_llmbroker_mock_level_t  *level;

    v = ngx_http_llmbroker_json_get_type(schema, "properties",
                                         NGX_HTTP_LLMBROKER_JSON_OBJECT);

    if (v == NULL || ngx_http_llmbroker_mock_schema_full(sc)) {
        ngx_http_llmbroker_mock_append(sc->out, (u_char *) "{}", 2);
        return;
    }

    level = &sc->levels[sc->depth++];

    ngx_memzero(level, sizeof(ngx_http_llmbroker_mock_level_t));

    level->object = 1;
    level->next = v->child;
    level->required = ngx_http_llmbroker_json_get_type(schema, "required",
                                               NGX_HTTP_LLMBROKER_JSON_ARRAY);

    ngx_http_llmbroker_mock_append(sc->out, (u_char *) "{", 1);
}


/*
 * 1 when there is no room for another level, else 0: a schema that refers to
 * itself in many places would make a value without end.
 */

static ngx_uint_t
ngx_http_llmbroker_mock_schema_full(ngx_http_llmbroker_mock_schema_t *sc)
{
    return sc->depth == NGX_HTTP_LLMBROKER_MOCK_DEEP
           || sc->out->pos - sc->out->start > NGX_HTTP_LLMBROKER_MOCK_VALUE;
}


static ngx_uint_t
ngx_http_llmbroker_mock_schema_required(ngx_http_llmbroker_json_t *required,
    ngx_str_t *name)
{
    ngx_str_t                   inner;
    ngx_http_llmbroker_json_t  *v;

    for (v = required ? required->child : NULL; v; v = v->next) {

        inner = ngx_http_llmbroker_json_inner(v);

        if (inner.len == name->len
            && ngx_memcmp(inner.data, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static void
ngx_http_llmbroker_mock_schema_array(ngx_http_llmbroker_mock_schema_t *sc,
    ngx_http_llmbroker_json_t *schema)
{
    ngx_uint_t                        n;
    ngx_http_llmbroker_json_t        *v;
    ngx_http_llmbroker_mock_level_t  *level;

    v = ngx_http_llmbroker_json_get_type(schema, "items",
                                         NGX_HTTP_LLMBROKER_JSON_OBJECT);

    n = ngx_http_llmbroker_mock_schema_count(schema, "minItems", 0);

    if (sc->depth < NGX_HTTP_LLMBROKER_MOCK_SHALLOW) {
        n = ngx_max(n, 1);
    }

    n = ngx_min(n, ngx_http_llmbroker_mock_schema_count(schema, "maxItems",
                                         NGX_HTTP_LLMBROKER_MOCK_ITEMS));
    n = ngx_min(n, NGX_HTTP_LLMBROKER_MOCK_ITEMS);

    if (v == NULL || n == 0 || ngx_http_llmbroker_mock_schema_full(sc)) {
        ngx_http_llmbroker_mock_append(sc->out, (u_char *) "[]", 2);
        return;
    }

    level = &sc->levels[sc->depth++];

    ngx_memzero(level, sizeof(ngx_http_llmbroker_mock_level_t));

    level->next = v;
    level->left = n;

    ngx_http_llmbroker_mock_append(sc->out, (u_char *) "[", 1);
}


/* A format's example, or the text as far as it may go, filled up with "x". */

static void
ngx_http_llmbroker_mock_schema_text(ngx_http_llmbroker_mock_schema_t *sc,
    ngx_http_llmbroker_json_t *schema)
{
    u_char                                  *p, *last;
    ngx_uint_t                               n, min, max;
    ngx_http_llmbroker_json_t               *format;
    ngx_http_llmbroker_mock_string_t        *s;
    const ngx_http_llmbroker_mock_format_t  *row;

    s = sc->out;
    format = ngx_http_llmbroker_json_get(schema, "format");

    for (row = ngx_http_llmbroker_mock_formats; row->name; row++) {
        if (ngx_http_llmbroker_json_is(format, row->name)) {
            ngx_http_llmbroker_mock_printf(s, "\"%s\"", row->value);
            return;
        }
    }

    min = ngx_http_llmbroker_mock_schema_count(schema, "minLength", 0);
    max = ngx_http_llmbroker_mock_schema_count(schema, "maxLength",
                                               NGX_HTTP_LLMBROKER_MOCK_VALUE);

    p = sc->text->data;
    last = p + sc->text->len;

    if (s->pos - s->start > NGX_HTTP_LLMBROKER_MOCK_VALUE) {
        last = p;
    }

    for (n = 0; p < last && n < max; n++) {
        p = ngx_http_llmbroker_mock_unit(p, last);
    }

    ngx_http_llmbroker_mock_append(s, (u_char *) "\"", 1);
    ngx_http_llmbroker_mock_append(s, sc->text->data, p - sc->text->data);

    for (min = ngx_min(min, NGX_HTTP_LLMBROKER_MOCK_CHARS); n < min; n++) {
        ngx_http_llmbroker_mock_append(s, (u_char *) "x", 1);
    }

    ngx_http_llmbroker_mock_append(s, (u_char *) "\"", 1);
}


/* 1, or the next integer that is within the bounds */

static void
ngx_http_llmbroker_mock_schema_number(ngx_http_llmbroker_mock_schema_t *sc,
    ngx_http_llmbroker_json_t *schema)
{
    double   n;
    int64_t  i;

    n = 1;
    n = ngx_min(n, ngx_http_llmbroker_mock_schema_double(schema, "maximum",
                                                         n));
    n = ngx_min(n, ngx_http_llmbroker_mock_schema_double(schema,
                                               "exclusiveMaximum", 2) - 1);
    n = ngx_max(n, ngx_http_llmbroker_mock_schema_double(schema, "minimum",
                                                         n));
    n = ngx_max(n, ngx_http_llmbroker_mock_schema_double(schema,
                                           "exclusiveMinimum", n - 1) + 1);

    i = (int64_t) n;

    ngx_http_llmbroker_mock_printf(sc->out, "%L", (i < n) ? i + 1 : i);
}


static ngx_uint_t
ngx_http_llmbroker_mock_schema_count(ngx_http_llmbroker_json_t *schema,
    const char *name, ngx_uint_t missing)
{
    return (ngx_uint_t) ngx_http_llmbroker_json_int(
                            ngx_http_llmbroker_json_get(schema, name),
                            missing);
}


static double
ngx_http_llmbroker_mock_schema_double(ngx_http_llmbroker_json_t *schema,
    const char *name, double missing)
{
    double                      n;
    u_char                      text[64];
    ngx_http_llmbroker_json_t  *v;

    v = ngx_http_llmbroker_json_get_type(schema, name,
                                         NGX_HTTP_LLMBROKER_JSON_NUMBER);

    if (v == NULL || v->raw.len >= sizeof(text)) {
        return missing;
    }

    ngx_cpystrn(text, v->raw.data, v->raw.len + 1);

    n = strtod((char *) text, NULL);

    /* what fits into an integer; also of what is not finite */

    return (n > -9e15 && n < 9e15) ? n : missing;
}
