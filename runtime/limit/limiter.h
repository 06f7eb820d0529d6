/*
 * limiter - the live side of a `limit`: what its keys have spent, over all workers, and its counts.
 *
 * Lives on as long as some generation has a limit of that name and shape. What it admits is said by
 * the table, so a changed rate holds at once, for what was spent before, too.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "compiler/table/table.h"
#include "runtime/limit/gcra.h"
#include "runtime/limit/keys.h"

/* A worker's own counts, which others read. */
struct limiter_counts {
    _Alignas(64) _Atomic uint64_t admitted, refused, observed, evicted;
};

struct limiter {
    atomic_uint pins;
    uint64_t seed; /* of the hashes of its keys, secret */
    struct keys *keys;
    uint32_t n_workers;
    struct limiter_counts *counts; /* of each worker; owned */
};

/* What became of a request. */
struct limiter_answer {
    bool admitted;
    uint32_t rate;   /* else: the number of the rate that was met */
    int64_t wait_ns; /* and when it will have room again */
};

/* `seed` is a secret of this process. NULL when there is not that much memory. Control thread. */
struct limiter *limiter_new(const struct table_limit *spec, uint32_t n_workers, uint64_t seed);

/* Does what was counted by the one mean the same to the other? The same keys, rates of the same
 * times, as many entries. */
bool limiter_fits(const struct table_limit *was, const struct table_limit *is);

/* Any thread. NULL is allowed for unpin. */
struct limiter *limiter_pin(struct limiter *l);
void limiter_unpin(struct limiter *l);

/* One more request of the key `hash`, which began with the limiter's seed. All rates hold it or
 * none counts it. With `mode observe` it is counted as observed where it would be refused, and
 * admitted. Any worker. */
struct limiter_answer limiter_ask(struct limiter *l, const struct table_limit *spec, uint64_t hash,
                                  uint32_t worker, int64_t now_ns);
