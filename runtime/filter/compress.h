/*
 * compress - a body in a content coding: gzip, br or zstd, piece by piece.
 *
 * The door to zlib, brotli and zstd. What a body costs in memory is bounded by the parameters in
 * the coders' files (README.md has the sum), and how many there are at a time by the worker whose
 * they are. Those that can be used again wait for the next body, so that most take no memory anew.
 * The owning worker only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "compiler/table/table.h"
#include "runtime/base/check.h"
#include "runtime/base/slice.h"

/* Bodies in the making, of one worker at a time. */
#define COMPRESSORS_MAX 256u

/* Of each coding so many wait for the next body. */
#define COMPRESSORS_KEPT 4u

struct compressor;

/* A worker's. Zero it. */
struct compressors {
    struct compressor *kept; /* a list */
    uint32_t in_use, n_kept[TABLE_CODING_COUNT];
};

/* Frees those that wait; all that were taken must have been given back. */
void compressors_done(struct compressors *all);

/* What a body in the making takes at most, whatever the level. Any thread. */
uint64_t compressor_most_bytes(enum table_coding coding);

/* For one body; NULL when there are too many, or memory is out. */
struct compressor *compressor_take(struct compressors *all, enum table_coding coding,
                                   uint32_t level);

/* NULL is allowed. */
void compressor_give(struct compressors *all, struct compressor *c);

enum compress_step {
    COMPRESS_MORE,  /* takes the input, and gives what there is anyway */
    COMPRESS_FLUSH, /* gives all that was taken: whoever reads it has all of it */
    COMPRESS_END,   /* and ends the body */
};

/*
 * Takes from the front of *in and writes at most `room` bytes, 64 or more. Until *done it must be
 * called again with the same step and what is left of *in. Returns how much was written, or
 * -ENOMEM.
 */
MUST_CHECK ssize_t compressor_run(struct compressor *c, struct slice *in, enum compress_step step,
                                  char *out, size_t room, bool *done);
