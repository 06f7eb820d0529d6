/* replay - runs a fuzz target over a folder of saved inputs, so that a corpus is a test. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_BYTES_MAX ((size_t)1 << 20)

static void run_one(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    uint8_t *whole = malloc(INPUT_BYTES_MAX);
    ASSERT(whole != NULL);
    const size_t size = fread(whole, 1, INPUT_BYTES_MAX, f);
    fclose(f);

    /* A copy of exactly that size, so that reading one byte too far is seen. */
    uint8_t *exact = malloc(size ? size : 1);
    ASSERT(exact != NULL);
    memcpy(exact, whole, size);
    free(whole);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    DIR *dir = opendir(argv[1]);
    if (!dir) {
        perror(argv[1]);
        return EXIT_FAILURE;
    }
    unsigned n = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
        run_one(path);
        n++;
    }
    closedir(dir);
    printf("%u inputs\n", n);
    return n > 0 ? EXIT_SUCCESS : EXIT_FAILURE; /* an empty corpus is a mistake, not a success */
}
