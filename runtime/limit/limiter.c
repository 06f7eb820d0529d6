#include "runtime/limit/limiter.h"

#include <stdlib.h>

#include "runtime/base/check.h"
#include "runtime/base/hash.h"
#include "runtime/limit/throttle.h"

uint64_t limiter_shared_seed(const struct table_limit *spec, struct slice password)
{
    uint64_t seed = hash_slice(spec->name, hash_slice(password, 0));
    for (uint32_t i = 0; i < spec->n_rates; i++) {
        const int64_t shape[] = {spec->rate[i].period_ns, spec->rate[i].windows};
        seed = hash_bytes(shape, sizeof(shape), seed);
    }
    for (uint32_t i = 0; i < spec->n_keys; i++)
        seed = hash_slice(spec->key[i].key, seed + spec->key[i].field);
    return seed + spec->v4_bits + UINT64_C(64) * spec->v6_bits;
}

/* Whom it tells apart. What each request has for itself, it keeps itself. */
static uint32_t entries_of(const struct table_limit *spec)
{
    return spec->n_keys > 0 || spec->per == PER_CONNECTION ? spec->entries : 1;
}

/* Of bytes there is one for each way, so that a reload may give or take one. */
static uint32_t numbers_of(const struct table_limit *spec)
{
    return spec->bytes ? THROTTLE_WAYS : spec->n_rates;
}

static bool is_held(const struct table_limit *spec)
{
    return spec->bytes || spec->concurrent > 0;
}

uint64_t limiter_bytes(const struct table_limit *spec)
{
    return keys_bytes(entries_of(spec), numbers_of(spec), is_held(spec));
}

static struct keys *new_keys(const struct table_limit *spec)
{
    const uint32_t n = numbers_of(spec);
    int64_t *width_ns = MUST_ARRAY(int64_t, n + 1);
    for (uint32_t i = 0; i < spec->n_rates; i++)
        width_ns[i] = rate_width_ns(&spec->rate[i]);
    struct keys *keys = keys_new(entries_of(spec), width_ns, n, is_held(spec));
    free(width_ns);
    return keys;
}

struct limiter *limiter_new(const struct table_limit *spec, uint32_t n_workers, uint64_t seed,
                            int64_t utc_ns)
{
    ASSERT(n_workers > 0);
    struct keys *keys = new_keys(spec);
    if (!keys)
        return NULL;
    struct limiter *l = MUST_NEW(struct limiter);
    const size_t bytes = n_workers * sizeof(struct limiter_counts);
    l->seed = seed;
    l->utc_ns = utc_ns;
    l->n_workers = n_workers;
    l->counts = aligned_alloc(64, bytes);
    if (!l->counts)
        die_out_of_memory(n_workers, sizeof(struct limiter_counts));
    for (uint32_t i = 0; i < n_workers; i++)
        l->counts[i] = (struct limiter_counts){0};
    l->keys = keys;
    l->told = spec->shared != TABLE_NO_SHARED ? told_new(n_workers) : NULL;
    atomic_init(&l->mode, LIMITER_COUNTS);
    atomic_init(&l->pins, 1);
    return l;
}

/* What is kept is a moment: at another rate it would be as long until then, for other bytes. */
static bool is_no_other(const struct table_bandwidth *was, const struct table_bandwidth *is)
{
    return was->bytes_per_s == 0 || is->bytes_per_s == 0 ||
           (was->bytes_per_s == is->bytes_per_s && was->burst == is->burst);
}

bool limiter_fits(const struct table_limit *was, const struct table_limit *is)
{
    if (was->n_keys != is->n_keys || was->n_rates != is->n_rates || was->entries != is->entries ||
        was->v4_bits != is->v4_bits || was->v6_bits != is->v6_bits ||
        (was->concurrent > 0) != (is->concurrent > 0) || was->bytes != is->bytes ||
        was->per != is->per || !is_no_other(&was->download, &is->download) ||
        !is_no_other(&was->upload, &is->upload) ||
        (was->shared != TABLE_NO_SHARED) != (is->shared != TABLE_NO_SHARED))
        return false;
    for (uint32_t i = 0; i < is->n_keys; i++)
        if (was->key[i].field != is->key[i].field || !slice_eq(was->key[i].key, is->key[i].key))
            return false;
    for (uint32_t i = 0; i < is->n_rates; i++)
        if (was->rate[i].period_ns != is->rate[i].period_ns ||
            was->rate[i].windows != is->rate[i].windows)
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
    free(l->told);
    free(l);
}

/* Puts one into the count, or says how long it would have to wait. */
static bool take(_Atomic int64_t *at, const struct table_rate *r, int64_t now_ns, int64_t *wait_ns)
{
    int64_t state = atomic_load_explicit(at, memory_order_relaxed), after;
    do {
        if (!rate_take(r, state, now_ns, &after)) {
            *wait_ns = rate_wait_ns(r, state, now_ns);
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(at, &state, after, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

static void give(_Atomic int64_t *at, const struct table_rate *r, int64_t taken_ns)
{
    int64_t state = atomic_load_explicit(at, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(at, &state, rate_give(r, state, taken_ns),
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}

static void count(_Atomic uint64_t *n)
{
    limiter_count_up(n, 1);
}

/* All of them, or none, and then *out says which refuses. Those before it give back what they have
 * counted. */
static bool take_all(const struct table_limit *spec, _Atomic int64_t *at, int64_t now_ns,
                     struct limiter_answer *out)
{
    uint32_t i = 0;
    while (i < spec->n_rates && take(&at[i * KEYS_WAYS], &spec->rate[i], now_ns, &out->wait_ns))
        i++;
    if (i == spec->n_rates)
        return true;
    out->rate = i;
    while (i-- > 0)
        give(&at[i * KEYS_WAYS], &spec->rate[i], now_ns);
    return false;
}

/* Its place, held where there is a `concurrent`. False: too many do. */
static bool find(struct limiter *l, const struct table_limit *spec, uint64_t hash, int64_t now_ns,
                 _Atomic int64_t **at, bool *evicted)
{
    *at = NULL;
    if (spec->concurrent > 0)
        return keys_hold(l->keys, hash, spec->concurrent, now_ns, at, evicted) != KEYS_FULL;
    *at = keys_find(l->keys, hash, now_ns, evicted);
    return true;
}

/* Nobody asks what has been spent. */
static struct limiter_answer unasked(struct limiter_counts *counts, const struct table_limit *spec,
                                     enum limiter_mode mode)
{
    struct limiter_answer answer = {.wait_ns = LIMITER_WAIT_NS};
    answer.beyond = mode == LIMITER_DENIES;
    answer.admitted = !answer.beyond || spec->observe;
    count(!answer.beyond  ? &counts->admitted
          : spec->observe ? &counts->observed
                          : &counts->refused);
    return answer;
}

static enum limiter_mode mode_of(const struct limiter *l)
{
    return (enum limiter_mode)atomic_load_explicit(&l->mode, memory_order_relaxed);
}

struct limiter_answer limiter_ask(struct limiter *l, const struct table_limit *spec, uint64_t hash,
                                  uint32_t worker, int64_t now_ns)
{
    struct limiter_answer answer = {.rate = spec->n_rates, .wait_ns = LIMITER_WAIT_NS};
    struct limiter_counts *counts = &l->counts[worker];
    const int64_t utc_ns = now_ns + l->utc_ns;
    if (mode_of(l) != LIMITER_COUNTS)
        return unasked(counts, spec, mode_of(l));
    bool evicted;
    _Atomic int64_t *at;
    const bool found = find(l, spec, hash, utc_ns, &at, &evicted);
    if (evicted || (found && !at)) /* or there was no place for it */
        count(&counts->evicted);
    if (found && (!at || take_all(spec, at, utc_ns, &answer))) {
        answer.admitted = true;
        answer.held = spec->concurrent > 0 ? at : NULL;
        answer.untold = l->told && !told_put(&l->told[worker],
                                             (struct told_one){.hash = hash, .at_ns = utc_ns});
        count(&counts->admitted);
        return answer;
    }
    if (found && spec->concurrent > 0)
        keys_let_go(l->keys, at);
    answer.beyond = true;
    answer.admitted = spec->observe;
    count(spec->observe ? &counts->observed : &counts->refused);
    return answer;
}

bool limiter_is_exceeded(const struct limiter *l, const struct table_limit *spec, uint64_t hash,
                         int64_t now_ns)
{
    const _Atomic int64_t *at = keys_seek(l->keys, hash);
    const int64_t utc_ns = now_ns + l->utc_ns;
    if (mode_of(l) != LIMITER_COUNTS)
        return mode_of(l) == LIMITER_DENIES;
    if (!at)
        return false;
    for (uint32_t i = 0; i < spec->n_rates; i++) {
        const int64_t state = atomic_load_explicit(&at[i * KEYS_WAYS], memory_order_relaxed);
        if (rate_wait_ns(&spec->rate[i], state, utc_ns) > 0)
            return true;
    }
    return spec->concurrent > 0 && keys_holders(l->keys, at) >= spec->concurrent;
}

uint64_t limiter_count(const struct limiter *l, int64_t now_ns)
{
    return keys_count(l->keys, now_ns + l->utc_ns);
}

static void learn(_Atomic int64_t *number, const struct table_rate *r, const struct rate_view *v,
                  uint32_t more, int64_t utc_ns)
{
    int64_t state = atomic_load_explicit(number, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(number, &state,
                                                  rate_learn(r, state, v, more, utc_ns),
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}

void limiter_learn(struct limiter *l, const struct table_limit *spec, uint64_t hash,
                   const struct rate_view *of_each_rate, uint32_t more, int64_t now_ns)
{
    _Atomic int64_t *at = keys_lock(l->keys, hash);
    for (uint32_t i = 0; at && i < spec->n_rates; i++)
        learn(&at[i * KEYS_WAYS], &spec->rate[i], &of_each_rate[i], more, now_ns + l->utc_ns);
    keys_unlock(l->keys, hash);
}

uint32_t limiter_walk(const struct limiter *l, uint64_t *at, int64_t now_ns, uint64_t *out,
                      uint32_t most)
{
    return keys_walk(l->keys, at, now_ns + l->utc_ns, out, most);
}

bool limiter_recall(struct limiter *l, const struct table_limit *spec, const uint64_t *one,
                    int64_t ahead_ns, int64_t now_ns)
{
    bool evicted;
    const int64_t utc_ns = now_ns + l->utc_ns;
    _Atomic int64_t *at = keys_find(l->keys, one[0], utc_ns, &evicted);
    for (uint32_t i = 0; at && i < spec->n_rates; i++) {
        int64_t number = (int64_t)one[1 + i];
        /* Windows are the calendar's: there is nothing to move. */
        if (!spec->rate[i].windows && __builtin_sub_overflow(number, ahead_ns, &number))
            continue;
        const struct rate_view v = rate_view(&spec->rate[i], number, 0, utc_ns);
        learn(&at[i * KEYS_WAYS], &spec->rate[i], &v, 0, utc_ns);
    }
    return at != NULL;
}

void limiter_view(const struct limiter *l, const struct table_limit *spec, uint64_t hash,
                  uint32_t less, int64_t now_ns, struct rate_view *of_each_rate)
{
    const _Atomic int64_t *at = keys_seek(l->keys, hash);
    for (uint32_t i = 0; i < spec->n_rates; i++) {
        const int64_t state =
            at ? atomic_load_explicit(&at[i * KEYS_WAYS], memory_order_relaxed) : 0;
        of_each_rate[i] = rate_view(&spec->rate[i], state, less, now_ns + l->utc_ns);
    }
}

void limiter_let_go(struct limiter *l, _Atomic int64_t *held)
{
    keys_let_go(l->keys, held);
}
