/* What a coding's file provides; nobody else includes this. */
#pragma once

#include "runtime/filter/compress.h"

struct coder {
    uint32_t most_bytes; /* of a state, at whatever level */
    /* The state of one body, or NULL. */
    void *(*begin)(uint32_t level);
    /* Makes it ready for another body; NULL, or false: it cannot. */
    bool (*again)(void *state);
    /* As compressor_run(). */
    ssize_t (*run)(void *state, struct slice *in, enum compress_step step, char *out, size_t room,
                   bool *done);
    void (*end)(void *state);
};

extern const struct coder coder_gzip, coder_br, coder_zstd;
