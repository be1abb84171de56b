
/*
 * Copyright (C) LLMBroker contributors
 *
 * Fuzzes the frame reader: a stream must give the same events whole, cut in
 * two anywhere, and byte by byte, as it is and with its sums put right.
 */


#include "frame_check.h"


#define FUZZ_MAX_CUTS  200
#define FUZZ_SMALL     48


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static frame_check_t  whole, cut;


static void
fuzz_compare(const char *what)
{
    if (!frame_check_same(&whole, &cut)) {
        fprintf(stderr, "fuzz_frame: %s differs\n", what);
        abort();
    }
}


static void
fuzz_run(const uint8_t *data, size_t size)
{
    size_t  n;

    whole.max = cut.max = 65536;

    frame_check_run(&whole, data, size, 0, 0);
    frame_check_run(&cut, data, size, 1, 1);
    fuzz_compare("byte by byte");

    for (n = 1; n < size && n < FUZZ_MAX_CUTS; n++) {
        frame_check_run(&cut, data, size, n, 0);
        fuzz_compare("cut in two");
    }

    whole.max = cut.max = FUZZ_SMALL;

    frame_check_run(&whole, data, size, 0, 0);
    frame_check_run(&cut, data, size, 1, 1);
    fuzz_compare("a small limit");
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char  *copy, *p, *last;
    size_t   total;

    fuzz_run(data, size);

    copy = malloc(size + 1);
    memcpy(copy, data, size);

    p = copy;
    last = p + size;

    while (last - p >= 16) {
        total = (size_t) p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];

        if (total < 16 || total > (size_t) (last - p)) {
            frame_u32(p + 8, frame_crc(p, 8));
            break;
        }

        frame_sum(p, total);
        p += total;
    }

    fuzz_run(copy, size);

    free(copy);

    return 0;
}
