
/*
 * Copyright (C) LLMBroker contributors
 *
 * A main() for a fuzzer without libFuzzer: runs it over the files named on
 * the command line, so that the corpora are replayed by any compiler.
 */


#include <ngx_config.h>
#include <ngx_core.h>


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
main(int argc, char *const *argv)
{
    int      i;
    long     size;
    FILE    *f;
    u_char  *data;

    for (i = 1; i < argc; i++) {
        f = fopen(argv[i], "rb");

        if (f == NULL || fseek(f, 0, SEEK_END) != 0) {
            perror(argv[i]);
            return 1;
        }

        size = ftell(f);
        rewind(f);

        /* exactly as long as the file, for AddressSanitizer */

        data = malloc(size > 0 ? size : 1);

        if (data == NULL || size < 0
            || fread(data, 1, size, f) != (size_t) size)
        {
            perror(argv[i]);
            return 1;
        }

        fclose(f);

        (void) LLVMFuzzerTestOneInput(data, size);

        free(data);
    }

    printf("%d files\n", argc - 1);

    return 0;
}
