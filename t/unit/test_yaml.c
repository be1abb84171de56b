
/*
 * Copyright (C) LLMBroker contributors
 *
 * YAML values: their types, texts, lines and paths, what is refused and
 * where, documents cut anywhere, lack of memory.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "codec/ngx_http_llmbroker_yaml.h"
#include "unit.h"


typedef struct {
    const char  *text;
    const char  *error;
    ngx_uint_t   line;
} refused_t;


static void test_values(void);
static void test_lines(void);
static void test_path(void);
static void test_accepted(void);
static void test_refused(void);
static void test_duplicate(void);
static void test_depth(void);
static void test_many(void);
static void test_cut(void);
static void test_no_memory(void);

static ngx_int_t parse(const char *text, size_t len,
    ngx_http_llmbroker_yaml_t **root, ngx_http_llmbroker_yaml_error_t *error);
static ngx_http_llmbroker_yaml_t *get(ngx_http_llmbroker_yaml_t *root,
    const char *path);


static const char  document[] =
    "# comment\n"
    "models:\n"
    "  gpt-4.1:\n"
    "    provider: openai\n"
    "    deployments:\n"
    "      - {weight: 3, base_url: \"https://a/\"}\n"
    "      - weight: '4'\n"
    "        list: [a, [b, c], {d: e}]\n"
    "  empty: {}\n"
    "text: |\n"
    "  two\n"
    "  lines\n"
    "nothing:\n"
    "tilde: ~\n"
    "escaped: \"a\\0b\\u00e9\"\n"
    "folded: >-\n"
    "  one\n"
    "  line\n";

static ngx_pool_t  *pool;


int
main(void)
{
    pool = ngx_create_pool(4096, NULL);

    test_values();
    test_lines();
    test_path();
    test_accepted();
    test_refused();
    test_duplicate();
    test_depth();
    test_many();
    test_cut();
    test_no_memory();

    ngx_destroy_pool(pool);

    return done_testing();
}


static void
test_values(void)
{
    ngx_http_llmbroker_yaml_t        *root, *v;
    ngx_http_llmbroker_yaml_error_t   error;

    is(parse(document, sizeof(document) - 1, &root, &error), NGX_OK,
       "document");

    is(root->type, NGX_HTTP_LLMBROKER_YAML_MAPPING, "root: type");
    is(root->n, 6, "root: members");

    v = get(root, "models/gpt-4.1/provider");
    is(v->type, NGX_HTTP_LLMBROKER_YAML_SCALAR, "scalar: type");
    is_str(v->value.data, v->value.len, "openai", "scalar: value");
    is_str(v->key.data, v->key.len, "provider", "scalar: key");
    is(v->value.data[v->value.len], 0, "scalar: NUL after it");
    is(v->plain, 1, "scalar: plain");

    v = get(root, "models/gpt-4.1/deployments");
    is(v->type, NGX_HTTP_LLMBROKER_YAML_SEQUENCE, "sequence: type");
    is(v->n, 2, "sequence: elements");
    is(v->child->index, 0, "sequence: first");
    is(v->child->next->index, 1, "sequence: second");
    is(v->child->next->next == NULL, 1, "sequence: end");

    v = get(v->child->next, "weight");
    is_str(v->value.data, v->value.len, "4", "single quotes: value");
    is(v->plain, 0, "single quotes: not plain");

    v = get(root, "models/empty");
    is(v->n, 0, "empty mapping: members");
    is(v->child == NULL, 1, "empty mapping: child");

    v = get(root, "text");
    is_str(v->value.data, v->value.len, "two\nlines\n", "literal: value");
    is(v->plain, 0, "literal: not plain");

    v = get(root, "folded");
    is_str(v->value.data, v->value.len, "one line", "folded: value");

    v = get(root, "nothing");
    is(v->value.len, 0, "nothing: value");
    is(v->plain, 1, "nothing: plain");

    v = get(root, "escaped");
    is(v->value.len, 5, "escaped: length");
    is(ngx_memcmp(v->value.data, "a\0b\xc3\xa9", 5), 0, "escaped: value");

    is(ngx_http_llmbroker_yaml_get(NULL, "x") == NULL, 1, "get: of nothing");
    is(ngx_http_llmbroker_yaml_get(v, "x") == NULL, 1, "get: of a scalar");
    is(ngx_http_llmbroker_yaml_get(root, "model") == NULL, 1,
       "get: the beginning of a name");
}


static void
test_lines(void)
{
    ngx_http_llmbroker_yaml_t        *root, *v;
    ngx_http_llmbroker_yaml_error_t   error;

    (void) parse(document, sizeof(document) - 1, &root, &error);

    v = get(root, "models");
    is(v->key_line, 2, "mapping: line of the name");
    is(v->line, 3, "mapping: line of the value");

    v = get(root, "models/gpt-4.1/provider");
    is(v->key_line, 4, "scalar: line of the name");
    is(v->line, 4, "scalar: line of the value");

    v = get(root, "models/gpt-4.1/deployments")->child;
    is(v->line, 6, "element: line");
    is(v->key_line, 0, "element: no name");
    is(v->next->line, 7, "second element: line");

    v = get(root, "folded");
    is(v->line, 16, "folded: line");
}


static void
test_path(void)
{
    u_char                           *p;
    u_char                            buf[128];
    ngx_http_llmbroker_yaml_t        *root, *v;
    ngx_http_llmbroker_yaml_error_t   error;

    (void) parse(document, sizeof(document) - 1, &root, &error);

    p = ngx_http_llmbroker_yaml_path(buf, buf + sizeof(buf), root);
    is(p - buf, 0, "path of the root");

    v = get(root, "models");
    p = ngx_http_llmbroker_yaml_path(buf, buf + sizeof(buf), v);
    is_str(buf, p - buf, "models", "path of a member");

    v = get(root, "models/gpt-4.1/deployments")->child->next;
    v = get(v, "list")->child->next->child->next;
    p = ngx_http_llmbroker_yaml_path(buf, buf + sizeof(buf), v);
    is_str(buf, p - buf, "models.gpt-4.1.deployments[1].list[1][1]",
           "path through sequences");

    p = ngx_http_llmbroker_yaml_path(buf, buf + 10, v);
    is_str(buf, p - buf, "models.gpt", "path that is cut");
}


static void
test_accepted(void)
{
    ngx_uint_t                        i;
    ngx_http_llmbroker_yaml_t        *root;
    ngx_http_llmbroker_yaml_error_t   error;

    static const char  *accepted[] = {
        "a: 1", "--- \na: 1\n...\n", "\xef\xbb\xbf" "a: 1\n",
        "a: 1\r\nb: 2\r\n", "{a: 1, b: [2]}", "[]", "word", "'' ",
        "%YAML 1.1\n---\na: 1\n", "\"<<\": 1", "a: {b: 1}\nc: {b: 1}\n",
        "a: ${X:-y}\n", "? a\n: b\n", NULL
    };

    for (i = 0; accepted[i]; i++) {
        ok(parse(accepted[i], strlen(accepted[i]), &root, &error) == NGX_OK,
           "accepted %u", (unsigned) i);
    }
}


static void
test_refused(void)
{
    ngx_uint_t                        i;
    ngx_http_llmbroker_yaml_t        *root;
    ngx_http_llmbroker_yaml_error_t   error;

    static const refused_t  refused[] = {
        { "", "the file is empty", 1 },
        { "# a\n# b\n", "the file is empty", 3 },
        { "---\n...\n", "the file is empty", 3 },
        { "a: 1\n---\nb: 1\n", "several documents are not supported", 2 },
        { "a: 1\n...\n---\n", "several documents are not supported", 3 },
        { "a: &x 1\n", "anchors are not supported", 1 },
        { "a:\n  &x b: 1\n", "anchors are not supported", 2 },
        { "a: &x [1]\n", "anchors are not supported", 1 },
        { "a: &x {b: 1}\n", "anchors are not supported", 1 },
        { "a: 1\nb: *x\n", "aliases are not supported", 2 },
        { "*x : 1\n", "aliases are not supported", 1 },
        { "a: !!int 1\n", "tags are not supported", 1 },
        { "a: !x {}\n", "tags are not supported", 1 },
        { "a: ! []\n", "tags are not supported", 1 },
        { "a: {<<: {b: 1}}\n", "merge keys are not supported", 1 },
        { "? {a: 1}\n: 1\n", "a key must be a scalar", 1 },
        { "a:\n  ? - b\n  : 1\n", "a key must be a scalar", 2 },
        { "a: 1\nb:\t- 1\n", NULL, 2 },
        { "a: [1\n", NULL, 2 },
        { "a: 1\n b: 2\n", NULL, 2 },
        { "a: 1\nb: \"\\q\"\n", NULL, 2 },
        { "a: 1\n\nb: \xff\n", NULL, 3 },
        { "a: \xed\xa0\x80\n", NULL, 1 },
        { "a: \x01\n", NULL, 1 },
        { NULL, NULL, 0 }
    };

    for (i = 0; refused[i].text; i++) {
        ok(parse(refused[i].text, strlen(refused[i].text), &root, &error)
           == NGX_DECLINED, "refused %u", (unsigned) i);

        ok(error.text != NULL && strlen(error.text) > 0, "refused %u: text",
           (unsigned) i);

        if (refused[i].error) {
            is_str(error.text, strlen(error.text), refused[i].error,
                   "refused: why");
        }

        is(error.line, refused[i].line, "refused: line");
    }
}


static void
test_duplicate(void)
{
    u_char                           *p;
    u_char                            buf[64];
    ngx_http_llmbroker_yaml_t        *root;
    ngx_http_llmbroker_yaml_error_t   error;

    static const char  text[] = "a:\n- b: 1\n  c: 1\n  \"\\u0062\": 2\n";

    is(parse(text, sizeof(text) - 1, &root, &error), NGX_DECLINED,
       "duplicate");

    is_str(error.text, strlen(error.text), "duplicate key",
           "duplicate: text");
    is_str(error.name.data, error.name.len, "b", "duplicate: name");
    is(error.line, 4, "duplicate: line");

    p = ngx_http_llmbroker_yaml_path(buf, buf + sizeof(buf), error.parent);
    is_str(buf, p - buf, "a[0]", "duplicate: path of its mapping");
}


static void
test_depth(void)
{
    char                              text[256];
    size_t                            n;
    ngx_http_llmbroker_yaml_t        *root;
    ngx_http_llmbroker_yaml_error_t   error;

    for (n = 31; n < 35; n++) {
        memset(text, '[', n);
        memset(text + n, ']', n);

        is(parse(text, 2 * n, &root, &error),
           n <= NGX_HTTP_LLMBROKER_YAML_MAX_DEPTH ? NGX_OK : NGX_DECLINED,
           "depth");
    }
}


/* duplicates are found among many, and what is no duplicate is not */

static void
test_many(void)
{
    char                             *text, *p;
    ngx_uint_t                        i;
    ngx_http_llmbroker_yaml_t        *root;
    ngx_http_llmbroker_yaml_error_t   error;

    text = malloc(20000 * 24 + 16);
    p = text;

    for (i = 0; i < 20000; i++) {
        p += sprintf(p, "key-%u: {a: 1}\n", (unsigned) i);
    }

    is(parse(text, p - text, &root, &error), NGX_OK, "many");
    is(root->n, 20000, "many: members");

    p += sprintf(p, "key-7: 1\n");

    is(parse(text, p - text, &root, &error), NGX_DECLINED,
       "many and a duplicate");
    is(error.line, 20001, "many and a duplicate: line");

    free(text);
}


/* a file that ends anywhere is read or refused, with a line of it */

static void
test_cut(void)
{
    char                             *copy;
    size_t                            len;
    ngx_int_t                         rc;
    ngx_uint_t                        wrong;
    ngx_http_llmbroker_yaml_t        *root;
    ngx_http_llmbroker_yaml_error_t   error;

    wrong = 0;

    for (len = 0; len < sizeof(document); len++) {

        /* memory of just this size, so that a byte too far is seen */

        copy = malloc(len ? len : 1);
        memcpy(copy, document, len);

        rc = parse(copy, len, &root, &error);

        if (rc != NGX_OK
            && (rc != NGX_DECLINED || error.line == 0 || error.line > 19))
        {
            wrong++;
        }

        free(copy);
    }

    is(wrong, 0, "cut");
}


static void
test_no_memory(void)
{
    ngx_int_t                         n, rc;
    ngx_uint_t                        wrong;
    ngx_http_llmbroker_yaml_t        *root;
    ngx_http_llmbroker_yaml_error_t   error;

    wrong = 0;
    rc = NGX_ERROR;

    for (n = 0; n < 1000 && rc != NGX_OK; n++) {
        ngx_shim_allocs_left = n;

        rc = ngx_http_llmbroker_yaml_parse(pool, (u_char *) document,
                                           sizeof(document) - 1, &root,
                                           &error);

        if (rc != NGX_OK && rc != NGX_ERROR) {
            wrong++;
        }
    }

    ngx_shim_allocs_left = -1;

    is(wrong, 0, "no memory");
    ok(rc == NGX_OK && n > 10, "no memory: %d allocations", (int) n);
}


static ngx_int_t
parse(const char *text, size_t len, ngx_http_llmbroker_yaml_t **root,
    ngx_http_llmbroker_yaml_error_t *error)
{
    return ngx_http_llmbroker_yaml_parse(pool, (u_char *) text, len, root,
                                         error);
}


/* the value at a path of names, with "/" between them */

static ngx_http_llmbroker_yaml_t *
get(ngx_http_llmbroker_yaml_t *root, const char *path)
{
    char    name[64];
    size_t  len;

    while (*path) {
        len = strcspn(path, "/");

        memcpy(name, path, len);
        name[len] = '\0';

        root = ngx_http_llmbroker_yaml_get(root, name);

        if (root == NULL) {
            printf("Bail out! no \"%s\"\n", name);
            exit(1);
        }

        path += len + (path[len] == '/');
    }

    return root;
}
