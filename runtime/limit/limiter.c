#include "runtime/limit/limiter.h"

#include <stdlib.h>

#include "runtime/base/check.h"

struct limiter *limiter_new(const struct table_limit *spec, uint32_t n_workers, uint64_t seed)
{
    ASSERT(spec->n_rates > 0 && n_workers > 0);
    struct keys *keys = keys_new(spec->n_keys > 0 ? spec->entries : 1, spec->n_rates);
    if (!keys)
        return NULL;
    struct limiter *l = MUST_NEW(struct limiter);
    const size_t bytes = n_workers * sizeof(struct limiter_counts);
    l->seed = seed;
    l->n_workers = n_workers;
    l->counts = aligned_alloc(64, bytes);
    if (!l->counts)
        die_out_of_memory(n_workers, sizeof(struct limiter_counts));
    for (uint32_t i = 0; i < n_workers; i++)
        l->counts[i] = (struct limiter_counts){0};
    l->keys = keys;
    atomic_init(&l->pins, 1);
    return l;
}

bool limiter_fits(const struct table_limit *was, const struct table_limit *is)
{
    if (was->n_keys != is->n_keys || was->n_rates != is->n_rates || was->entries != is->entries ||
        was->v4_bits != is->v4_bits || was->v6_bits != is->v6_bits)
        return false;
    for (uint32_t i = 0; i < is->n_keys; i++)
        if (was->key[i].field != is->key[i].field || !slice_eq(was->key[i].key, is->key[i].key))
            return false;
    for (uint32_t i = 0; i < is->n_rates; i++)
        if (was->rate[i].period_ns != is->rate[i].period_ns)
            return false;
    return true;
}

struct limiter *limiter_pin(struct limiter *l)
{
    atomic_fetch_add_explicit(&l->pins, 1, memory_order_relaxed);
    return l;
}

void limiter_unpin(struct limiter *l)
{
    if (!l || atomic_fetch_sub_explicit(&l->pins, 1, memory_order_acq_rel) != 1)
        return;
    keys_free(l->keys);
    free(l->counts);
    free(l);
}

static struct gcra rate_of(const struct table_rate *r)
{
    return (struct gcra){.step_ns = r->step_ns, .room_ns = r->room_ns};
}

/* Puts one into the count, or says how long it would have to wait. */
static bool take(_Atomic int64_t *at, struct gcra g, int64_t now_ns, int64_t *wait_ns)
{
    int64_t tat = atomic_load_explicit(at, memory_order_relaxed), after;
    do {
        if (!gcra_take(g, tat, now_ns, &after)) {
            *wait_ns = gcra_wait_ns(g, tat, now_ns);
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(at, &tat, after, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

static void count(_Atomic uint64_t *n)
{
    atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

struct limiter_answer limiter_ask(struct limiter *l, const struct table_limit *spec, uint64_t hash,
                                  uint32_t worker, int64_t now_ns)
{
    struct limiter_answer answer = {.admitted = true};
    struct limiter_counts *counts = &l->counts[worker];
    bool evicted;
    _Atomic int64_t *at = keys_find(l->keys, hash, now_ns, &evicted);
    if (evicted)
        count(&counts->evicted);
    uint32_t i = 0;
    while (i < spec->n_rates &&
           take(&at[i * KEYS_WAYS], rate_of(&spec->rate[i]), now_ns, &answer.wait_ns))
        i++;
    if (i == spec->n_rates) {
        count(&counts->admitted);
        return answer;
    }
    /* What the rates before it have counted, they give back. */
    for (uint32_t k = 0; k < i; k++)
        atomic_fetch_sub_explicit(&at[k * KEYS_WAYS], spec->rate[k].step_ns, memory_order_relaxed);
    answer.rate = i;
    answer.admitted = spec->observe;
    count(spec->observe ? &counts->observed : &counts->refused);
    return answer;
}
