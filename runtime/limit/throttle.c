#include "runtime/limit/throttle.h"

#include "runtime/limit/bandwidth.h"

/* Its place among the keys; NULL where there is none, which is told as an eviction. */
static _Atomic int64_t *place(struct limiter *l, uint64_t hash, struct limiter_counts *counts,
                              int64_t now_ns)
{
    bool evicted;
    _Atomic int64_t *at = NULL;
    const bool held =
        keys_hold(l->keys, hash, UINT32_MAX, now_ns + l->utc_ns, &at, &evicted) == KEYS_HELD;
    limiter_count_up(&counts->evicted, evicted || !held);
    return held ? at : NULL;
}

void throttle_begin(struct throttle *t, struct limiter *l, const struct table_limit *spec,
                    uint64_t hash, uint32_t worker, int64_t now_ns)
{
    *t = (struct throttle){.limiter = limiter_pin(l), .counts = &l->counts[worker]};
    t->rate[THROTTLE_DOWN] = spec->download;
    t->rate[THROTTLE_UP] = spec->upload;
    if (spec->per != PER_REQUEST)
        t->held = place(l, hash, t->counts, now_ns);
    limiter_count_up(&t->counts->admitted, 1);
}

void throttle_end(struct throttle *t)
{
    if (t->held)
        keys_let_go(t->limiter->keys, t->held);
    limiter_unpin(t->limiter);
}

uint64_t throttle_piece(const struct throttle *t, enum throttle_way way)
{
    return t->rate[way].bytes_per_s > 0 ? bandwidth_piece(t->rate[way]) : UINT64_MAX;
}

static _Atomic int64_t *number_of(struct throttle *t, enum throttle_way way)
{
    return t->held ? &t->held[way * KEYS_WAYS] : &t->own[way];
}

int64_t throttle_take(struct throttle *t, enum throttle_way way, uint64_t bytes, int64_t now_ns)
{
    if (t->rate[way].bytes_per_s == 0)
        return now_ns;
    const int64_t utc_ns = now_ns + t->limiter->utc_ns;
    _Atomic int64_t *at = number_of(t, way);
    int64_t state = atomic_load_explicit(at, memory_order_relaxed), after, turn_ns;
    do
        turn_ns = bandwidth_take(t->rate[way], state, utc_ns, bytes, &after);
    while (!atomic_compare_exchange_weak_explicit(at, &state, after, memory_order_relaxed,
                                                  memory_order_relaxed));
    return turn_ns - t->limiter->utc_ns;
}

void throttle_give(struct throttle *t, enum throttle_way way, uint64_t bytes)
{
    if (t->rate[way].bytes_per_s == 0 || bytes == 0)
        return;
    _Atomic int64_t *at = number_of(t, way);
    int64_t state = atomic_load_explicit(at, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(at, &state,
                                                  bandwidth_give(t->rate[way], state, bytes),
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}
