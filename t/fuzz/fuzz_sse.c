
/*
 * Copyright (C) LLMBroker contributors
 *
 * Fuzzes the event reader: a stream must give the events that the standard's
 * algorithm gives, whole, cut in two anywhere, and byte by byte, and a small
 * limit must work alike however the stream is cut.
 */


#include "sse_check.h"


#define FUZZ_MAX_CUTS  200
#define FUZZ_SMALL     24


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static sse_check_t  whole, cut, reference;


static void
fuzz_compare(sse_check_t *a, sse_check_t *b, const char *what)
{
    if (!sse_check_same(a, b)) {
        fprintf(stderr, "fuzz_sse: %s differs\n", what);
        abort();
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t  n;

    whole.max = cut.max = size + 1;

    sse_check_reference(&reference, data, size);

    sse_check_run(&whole, data, size, 0, 0);
    fuzz_compare(&whole, &reference, "the whole stream");

    sse_check_run(&cut, data, size, 1, 1);
    fuzz_compare(&cut, &reference, "byte by byte");

    for (n = 1; n < size && n < FUZZ_MAX_CUTS; n++) {
        sse_check_run(&cut, data, size, n, 0);
        fuzz_compare(&cut, &reference, "cut in two");
    }

    whole.max = cut.max = FUZZ_SMALL;

    sse_check_run(&whole, data, size, 0, 0);
    sse_check_run(&cut, data, size, 1, 1);
    fuzz_compare(&whole, &cut, "a small limit");

    return 0;
}
