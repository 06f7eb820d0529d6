/*
 * limiter - the live side of a `limit`: what its keys have spent, over all workers, and its counts.
 *
 * Lives on as long as some generation has a limit of that name and shape. What it admits is said by
 * the table, so a changed rate holds at once, for what was spent before, too; a changed bandwidth
 * begins anew.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "compiler/table/table.h"
#include "runtime/base/told.h"
#include "runtime/limit/keys.h"
#include "runtime/limit/rate.h"

/* A worker's own counts, which others read. */
struct limiter_counts {
    _Alignas(64) _Atomic uint64_t admitted, refused, observed, evicted;
    /* Of bytes: exchanges that had to wait, what has gone, and of it what had waited how long. */
    _Atomic uint64_t delayed, moved_bytes, delayed_bytes, delayed_ns;
};

/* What is done with requests. The last two: nobody answers who counts for all, and so it is to be.
 */
enum limiter_mode { LIMITER_COUNTS, LIMITER_ALLOWS, LIMITER_DENIES };

struct limiter {
    atomic_uint pins;
    atomic_int mode;   /* enum limiter_mode; the control thread's */
    uint64_t seed;     /* of the hashes of its keys, secret */
    struct told *told; /* of each worker, where it is `shared`; owned */
    int64_t utc_ns;    /* from the monotonic clock to UTC, when this began: days begin there */
    struct keys *keys;
    uint32_t n_workers;
    struct limiter_counts *counts; /* of each worker; owned */
};

/* What became of a request. */
struct limiter_answer {
    bool admitted;
    bool beyond;     /* it is, or would be, refused */
    uint32_t rate;   /* then: the number of the rate that was met; n_rates: too many in flight */
    int64_t wait_ns; /* and when it will have room again; LIMITER_WAIT_NS where nobody knows */
    bool untold;     /* it was counted here, and others will not hear of it */
    _Atomic int64_t *held; /* it is in flight here until limiter_let_go(); NULL: nowhere */
};

/* When one of those in flight is over is theirs to know: soon, mostly. */
#define LIMITER_WAIT_NS INT64_C(1000000000)

/* What the hashes of a limit begin with that is counted by several processes: for all the same
 * where its name, its key, the times of its rates and the password are. Without a password anybody
 * can know it. */
uint64_t limiter_shared_seed(const struct table_limit *spec, struct slice password);

/* `seed` is a secret of this process, or limiter_shared_seed(); `utc_ns` is how far UTC is ahead of
 * the clock that the functions below are called with. NULL when there is not that much memory.
 * Control thread. */
struct limiter *limiter_new(const struct table_limit *spec, uint32_t n_workers, uint64_t seed,
                            int64_t utc_ns);

/* What its keys take of memory. */
uint64_t limiter_bytes(const struct table_limit *spec);

/* Does what was counted by the one mean the same to the other? The same keys, rates of the same
 * times, counted alike, as many entries; the same bandwidths where both have some. */
bool limiter_fits(const struct table_limit *was, const struct table_limit *is);

/* Any thread. NULL is allowed for unpin. */
struct limiter *limiter_pin(struct limiter *l);
void limiter_unpin(struct limiter *l);

/* Of the worker who counts; others read. */
static inline void limiter_count_up(_Atomic uint64_t *n, uint64_t more)
{
    atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + more,
                          memory_order_relaxed);
}

/* One more request of the key `hash`, which began with the limiter's seed. All rates hold it, and
 * `concurrent`, or none counts it. With `mode observe` it is counted as observed where it would be
 * refused, and admitted. Any worker. */
struct limiter_answer limiter_ask(struct limiter *l, const struct table_limit *spec, uint64_t hash,
                                  uint32_t worker, int64_t now_ns);

/* Would it refuse one more request of that key? Counts nothing. Any thread. */
bool limiter_is_exceeded(const struct limiter *l, const struct table_limit *spec, uint64_t hash,
                         int64_t now_ns);

/* How many keys have something spent. Looks at every one: for people. */
uint64_t limiter_count(const struct limiter *l, int64_t now_ns);

/* What a rate of a key that others count, too, has come to with them: what is known here becomes at
 * least that, and `more` that were counted here since. In the limiter's time, see rate_learn(). A
 * key that is remembered no more learns nothing. Control thread. */
void limiter_learn(struct limiter *l, const struct table_limit *spec, uint64_t hash,
                   const struct rate_view *of_each_rate, uint32_t more, int64_t now_ns);

/* What the key's rates have come to here, without the last `less` requests; nothing spent where the
 * key is not there. */
void limiter_view(const struct limiter *l, const struct table_limit *spec, uint64_t hash,
                  uint32_t less, int64_t now_ns, struct rate_view *of_each_rate);

/*
 * For a process that takes our place: what a walk (keys_walk()) finds of rates, a hash and
 * spec->n_rates numbers each. limiter_recall() is that process's: it knows then what the other one
 * did, whose seed it has, and whose limit is of the same limiter_shared_seed() with SLICE("");
 * `ahead_ns` is how much further the other one's UTC was ahead of the clock. False where there is
 * no place for the key.
 */
uint32_t limiter_walk(const struct limiter *l, uint64_t *at, int64_t now_ns, uint64_t *out,
                      uint32_t most);
MUST_CHECK bool limiter_recall(struct limiter *l, const struct table_limit *spec,
                               const uint64_t *one, int64_t ahead_ns, int64_t now_ns);

/* A request that was admitted is over. `held` is its answer's; not NULL. Any thread. */
void limiter_let_go(struct limiter *l, _Atomic int64_t *held);
