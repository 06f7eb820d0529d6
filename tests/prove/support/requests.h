/* requests - every request that the tests of brute.c can tell apart. */
#pragma once

#include "compiler/prove/witness.h"
#include "runtime/base/arena.h"

#define KINDS_MAX  9u
#define VALUES_MAX 64u

enum kind {
    KIND_PATH,
    KIND_HOST,
    KIND_METHOD,
    KIND_SRC,
    KIND_SCHEME,
    KIND_PORT,
    KIND_X,
    KIND_Y,
    KIND_K,
};

/* The tests of one field, as they are written. */
struct tests {
    const char *const *test;
    uint32_t n;
};

struct tests tests_of_kind(enum kind kind);

/* All requests that differ in the fields of `kinds` (bits), one after the other; the others are as
 * usual. False when there is no more; *cursor is 0 at first. Lives in `arena`. */
bool next_request(uint32_t kinds, uint64_t *cursor, struct arena *arena, struct witness *out);
