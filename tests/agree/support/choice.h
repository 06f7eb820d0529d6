/* choice - decisions of a generator: from random numbers in a test, from the bytes of a fuzzer. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/rng.h"

struct choice {
    struct rng rng; /* used where `bytes` is NULL */
    const uint8_t *bytes;
    size_t n_bytes;
};

/* One of 0..n-1. Bytes that are used up choose 0, the simplest, so that what is made stays finite.
 */
static inline uint32_t choose(struct choice *c, uint32_t n)
{
    if (!c->bytes)
        return rng_below(&c->rng, n);
    if (c->n_bytes == 0)
        return 0;
    c->n_bytes--;
    return *c->bytes++ % n;
}

/* True once in `n` times; never when bytes are used up. */
static inline bool rarely(struct choice *c, uint32_t n)
{
    return choose(c, n) == n - 1;
}
