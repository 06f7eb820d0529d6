/* rng - small, fast, seedable random numbers; for spreading load and for tests, never for secrets.
 */
#pragma once

#include <stdint.h>

struct rng {
    uint64_t state; /* any value is a seed */
};

/* splitmix64 (Steele, Lea, Flood 2014). */
static inline uint64_t rng_next(struct rng *r)
{
    uint64_t z = (r->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Uniform in [0, n), n >= 1, by multiply-shift; its bias is below 2^-32. */
static inline uint32_t rng_below(struct rng *r, uint32_t n)
{
    return (uint32_t)(((rng_next(r) >> 32) * n) >> 32);
}
