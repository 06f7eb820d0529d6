#include "runtime/limit/keys.h"

#include <sched.h>
#include <stdlib.h>

#include "runtime/base/check.h"

/* A set is a line of tags, and a line for each moment. */
#define LINE_BYTES ((uint64_t)64)

/* The keys that a set is made for. Chance sends twice as many to hardly any of them: of as many
 * keys as there is room for, 0.3 % find no place. */
#define KEYS_OF_A_SET 4u

/* Looks at the lock until its holder may be thought to have lost its processor. */
#define SPINS 200u

_Static_assert(KEYS_WAYS * sizeof(uint64_t) == LINE_BYTES, "a set's tags fill a line");

struct keys {
    uint32_t n_sets, n_moments;
    void *room; /* owned */
    _Atomic uint64_t *tag;
    _Atomic int64_t *moment;
    _Atomic uint8_t *lock; /* owned; of each set */
};

static uint32_t sets_of(uint32_t entries)
{
    return entries / KEYS_OF_A_SET + (entries % KEYS_OF_A_SET > 0);
}

uint64_t keys_bytes(uint32_t entries, uint32_t n_moments)
{
    return sets_of(entries) * ((1 + (uint64_t)n_moments) * LINE_BYTES + 1) + LINE_BYTES +
           sizeof(struct keys);
}

struct keys *keys_new(uint32_t entries, uint32_t n_moments)
{
    ASSERT(entries > 0 && n_moments > 0);
    struct keys *k = MUST_NEW(struct keys);
    k->n_sets = sets_of(entries);
    k->n_moments = n_moments;
    /* Pages that nobody has touched yet cost nothing: calloc leaves them so. */
    const size_t lines = (size_t)k->n_sets * (1 + n_moments);
    k->room = calloc(lines + 1, LINE_BYTES);
    k->lock = calloc(k->n_sets, sizeof(*k->lock));
    if (!k->room || !k->lock) {
        keys_free(k);
        return NULL;
    }
    const uintptr_t first = ((uintptr_t)k->room + LINE_BYTES - 1) & ~(uintptr_t)(LINE_BYTES - 1);
    char *at = (char *)k->room + (first - (uintptr_t)k->room);
    k->tag = (_Atomic uint64_t *)(void *)at;
    k->moment = (_Atomic int64_t *)(void *)(at + (size_t)k->n_sets * LINE_BYTES);
    return k;
}

void keys_free(struct keys *k)
{
    if (!k)
        return;
    free(k->room);
    free(k->lock);
    free(k);
}

static _Atomic int64_t *moments_of(const struct keys *k, uint32_t set, uint32_t way)
{
    return k->moment + (size_t)set * k->n_moments * KEYS_WAYS + way;
}

/* The way that has it, or KEYS_WAYS. */
static uint32_t find(const struct keys *k, uint32_t set, uint64_t tag)
{
    const _Atomic uint64_t *at = k->tag + (size_t)set * KEYS_WAYS;
    uint32_t way = 0;
    while (way < KEYS_WAYS && atomic_load_explicit(&at[way], memory_order_acquire) != tag)
        way++;
    return way;
}

/* Its last moment: from then on it has nothing to lose. */
static int64_t latest(const struct keys *k, uint32_t set, uint32_t way)
{
    const _Atomic int64_t *at = moments_of(k, set, way);
    int64_t last = 0;
    for (uint32_t i = 0; i < k->n_moments; i++) {
        const int64_t moment = atomic_load_explicit(&at[i * KEYS_WAYS], memory_order_relaxed);
        last = moment > last ? moment : last;
    }
    return last;
}

static uint32_t oldest(const struct keys *k, uint32_t set)
{
    uint32_t best = 0;
    int64_t best_ns = INT64_MAX;
    for (uint32_t way = 0; way < KEYS_WAYS; way++) {
        const int64_t last_ns = latest(k, set, way); /* 0 where there was never any */
        if (last_ns < best_ns) {
            best = way;
            best_ns = last_ns;
        }
    }
    return best;
}

static void lock(_Atomic uint8_t *l)
{
    for (uint32_t n = 1; atomic_exchange_explicit(l, 1, memory_order_acquire); n++)
        if (n % SPINS == 0)
            sched_yield();
}

/* Under the lock. The tag goes first, so that whoever looks for the old key finds it no more. */
static uint32_t give_place(struct keys *k, uint32_t set, uint64_t tag, int64_t now_ns,
                           bool *evicted)
{
    const uint32_t way = oldest(k, set);
    _Atomic uint64_t *at = &k->tag[(size_t)set * KEYS_WAYS + way];
    *evicted = latest(k, set, way) > now_ns;
    atomic_store_explicit(at, 0, memory_order_relaxed);
    _Atomic int64_t *moment = moments_of(k, set, way);
    for (uint32_t i = 0; i < k->n_moments; i++)
        atomic_store_explicit(&moment[i * KEYS_WAYS], 0, memory_order_relaxed);
    atomic_store_explicit(at, tag, memory_order_release);
    return way;
}

_Atomic int64_t *keys_find(struct keys *k, uint64_t hash, int64_t now_ns, bool *evicted)
{
    const uint32_t set = (uint32_t)((hash >> 32) * k->n_sets >> 32);
    const uint64_t tag = hash ? hash : 1; /* 0 is nobody's */
    *evicted = false;
    uint32_t way = find(k, set, tag);
    if (way < KEYS_WAYS)
        return moments_of(k, set, way);
    lock(&k->lock[set]);
    way = find(k, set, tag); /* another worker may have been here */
    if (way == KEYS_WAYS)
        way = give_place(k, set, tag, now_ns, evicted);
    atomic_store_explicit(&k->lock[set], 0, memory_order_release);
    return moments_of(k, set, way);
}

uint64_t keys_count(const struct keys *k, int64_t now_ns)
{
    uint64_t n = 0;
    for (uint32_t set = 0; set < k->n_sets; set++)
        for (uint32_t way = 0; way < KEYS_WAYS; way++)
            n += latest(k, set, way) > now_ns;
    return n;
}
