/*
 * histogram - how often times of each magnitude were seen: buckets that double.
 *
 * One worker writes, with relaxed loads and stores as for other metrics; anybody adds up. A bucket
 * is found by the position of the highest bit: a few instructions, and no memory but the two counts
 * that change.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

/* The first holds what takes less than 2^15 ns (32.8 us), each next one twice as long; the last one
 * all from 2^35 ns (34 s) on. */
#define HISTOGRAM_FIRST_BIT 15u
#define HISTOGRAM_BUCKETS   22u

struct histogram {
    _Atomic uint64_t bucket[HISTOGRAM_BUCKETS];
    _Atomic uint64_t sum_ns;
};

static inline uint32_t histogram_bucket(uint64_t ns)
{
    const uint64_t high = ns >> HISTOGRAM_FIRST_BIT;
    const uint32_t bits = high ? 64u - (uint32_t)__builtin_clzll(high) : 0;
    return bits < HISTOGRAM_BUCKETS ? bits : HISTOGRAM_BUCKETS - 1;
}

/* For the thread that owns it. A time that is negative was too short to be measured. */
static inline void histogram_add(struct histogram *h, int64_t took_ns)
{
    const uint64_t ns = took_ns > 0 ? (uint64_t)took_ns : 0;
    _Atomic uint64_t *bucket = &h->bucket[histogram_bucket(ns)];
    atomic_store_explicit(bucket, atomic_load_explicit(bucket, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    atomic_store_explicit(&h->sum_ns, atomic_load_explicit(&h->sum_ns, memory_order_relaxed) + ns,
                          memory_order_relaxed);
}

/* What several have seen together, or one since a moment. */
struct histogram_sum {
    uint64_t bucket[HISTOGRAM_BUCKETS];
    uint64_t sum_ns;
};

/* Adds `h`. Any thread. */
void histogram_read(const struct histogram *h, struct histogram_sum *to);

/* Adds `more`. */
void histogram_join(struct histogram_sum *to, const struct histogram_sum *more);

/* What came since `before`; all of it where it has begun anew meanwhile. */
struct histogram_sum histogram_since(const struct histogram_sum *now,
                                     const struct histogram_sum *before);

uint64_t histogram_count(const struct histogram_sum *h);

/* Where a bucket ends, in nanoseconds; of the last one UINT64_MAX. */
uint64_t histogram_end(uint32_t bucket);

/* About the time that this part (0..1) of them took at most, as if those of a bucket were spread
 * evenly in it; -1: there are none. */
double histogram_quantile(const struct histogram_sum *h, double part);
