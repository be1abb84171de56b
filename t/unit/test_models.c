
/*
 * Copyright (C) LLMBroker contributors
 *
 * Where each provider lists its models.
 */


#include "unit.h"
#include "exchange.h"


typedef struct {
    const char  *provider;
    const char  *base;
    const char  *version;
    const char  *path;         /* "": it has no list */
    unsigned     other;        /* of other names */
} row_t;


static const row_t  rows[] = {
    { "openai", "/v1", "", "/v1/models", 0 },
    { "groq", "/openai/v1", "", "/openai/v1/models", 0 },
    { "deepseek", "", "", "/models", 0 },
    { "claude", "/v1", "", "/v1/models?limit=1000", 0 },
    { "qwen", "/api/v1", "", "/compatible-mode/v1/models", 0 },
    { "qwen", "/x/api/v1", "", "/x/compatible-mode/v1/models", 0 },
    { "qwen", "/other", "", "", 0 },
    { "qwen", "/compatible-mode/v1", "", "/compatible-mode/v1/models", 0 },
    { "gemini", "/v1beta", "", "/v1beta/models?pageSize=1000", 0 },
    { "gemini", "/v1/projects/p/locations/l/publishers/google", "", "", 0 },
    { "gemini", "/v1beta/openai", "", "/v1beta/openai/models", 0 },
    { "bedrock", "", "", "", 0 },
    { "bedrock", "/v1", "", "/v1/models", 0 },
    { "azure", "", "", "/openai/v1/models", 1 },
    { "azure", "", "2024-10-21", "/openai/models?api-version=2024-10-21", 1 },
    { "azure", "/openai/deployments/d", "",
      "/openai/models?api-version=2024-10-21", 1 },
    { "azure", "/openai/v1", "preview",
      "/openai/v1/models?api-version=preview", 1 },
    { "azure", "/models", "", "", 1 },
};


int
main(void)
{
    size_t     i;
    ngx_int_t  rc;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ex_provider = rows[i].provider;
        ex_base = rows[i].base;

        rc = ex_start(CHAT, 0, 0);

        if (ex_target.row->configure) {
            ngx_str_null(&ex_target.models_path);
            ex_target.base_path = str(rows[i].base);
            ex_target.api_version = str(rows[i].version);

            rc = ex_target.row->configure(ex_pool, &ex_target);
        }

        ok(rc == NGX_OK, "%s at %s", rows[i].provider, rows[i].base);
        is_str(ex_target.models_path.data, ex_target.models_path.len,
               rows[i].path, "its list");
        is(ex_target.models_other, rows[i].other, "and whose names");
    }

    return done_testing();
}
