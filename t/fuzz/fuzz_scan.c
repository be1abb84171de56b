
/*
 * Copyright (C) LLMBroker contributors
 *
 * Fuzzes the JSON scanner: a text must give the same events, error and offset
 * whole and in pieces, each flag may only refuse more, and yajl must agree
 * with what is accepted.
 */


#include "scan_check.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
fuzz_fail(const char *what)
{
    fprintf(stderr, "fuzz_scan: %s\n", what);
    abort();
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_uint_t           i, accepted;
    static scan_check_t  whole, cut;

    static const ngx_uint_t  flags[] = {
        0,
        SCAN_CHECK_ALL,
        SCAN_CHECK_ALL|NGX_HTTP_LLMBROKER_SCAN_OBJECT
    };

    accepted = 1;

    for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        whole.flags = cut.flags = flags[i];
        whole.report = cut.report = size % 5;

        scan_check_run(&whole, data, size, 0, 0);
        scan_check_run(&cut, data, size, 1, 1);

        if (!scan_check_same(&whole, &cut)) {
            fuzz_fail("byte by byte differs");
        }

        if (size > 1) {
            scan_check_run(&cut, data, size, 1 + data[size / 2] % (size - 1),
                           1 + data[0] % 31);

            if (!scan_check_same(&whole, &cut)) {
                fuzz_fail("in pieces differs");
            }
        }

        if (whole.rc == NGX_OK && !accepted) {
            fuzz_fail("a flag accepts more");
        }

        accepted = (whole.rc == NGX_OK);

        if (accepted
            && !scan_check_yajl(data, size,
                                flags[i] & NGX_HTTP_LLMBROKER_SCAN_UTF8))
        {
            fuzz_fail("yajl refuses what was accepted");
        }

        if (!accepted && flags[i] == 0
            && strcmp(whole.error, "nesting is too deep") != 0
            && scan_check_comparable(data, size)
            && scan_check_yajl(data, size, 0))
        {
            fuzz_fail("yajl accepts what was refused");
        }
    }

    return 0;
}
