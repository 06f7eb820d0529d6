/*
 * told - what a worker has counted, or remembers, and others are to hear of: a ring of a fixed
 * size.
 *
 * One worker puts, the control thread takes; neither waits for the other. What finds no room is
 * lost to the others, and its worker is told so.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Of one worker and one limit or cluster, between two looks of the control thread. A power of two.
 */
#define TOLD_ROOM 4096u

struct told_one {
    uint64_t hash; /* of the key */
    union {
        int64_t at_ns; /* of a limit: when it was counted, in the limiter's time */
        uint64_t said; /* of a cluster's client: which server, and why; see upstream/sticky.c */
    };
};

struct told {
    _Alignas(64) atomic_uint put; /* written by the worker */
    _Alignas(64) atomic_uint taken;
    struct told_one one[TOLD_ROOM];
};

/* An empty one for each of `n` workers, in one block that free() takes. */
struct told *told_new(uint32_t n);

/* The worker: false where the ring is full. */
static inline bool told_put(struct told *t, struct told_one one)
{
    const unsigned put = atomic_load_explicit(&t->put, memory_order_relaxed);
    if (put - atomic_load_explicit(&t->taken, memory_order_acquire) >= TOLD_ROOM)
        return false;
    t->one[put % TOLD_ROOM] = one;
    atomic_store_explicit(&t->put, put + 1, memory_order_release);
    return true;
}

/* The control thread: false where it is empty. */
static inline bool told_take(struct told *t, struct told_one *out)
{
    const unsigned taken = atomic_load_explicit(&t->taken, memory_order_relaxed);
    if (taken == atomic_load_explicit(&t->put, memory_order_acquire))
        return false;
    *out = t->one[taken % TOLD_ROOM];
    atomic_store_explicit(&t->taken, taken + 1, memory_order_release);
    return true;
}
