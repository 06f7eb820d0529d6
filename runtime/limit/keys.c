#include "runtime/limit/keys.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/check.h"
#include "runtime/limit/rate.h"

/* A set is a line of tags, a line for each number, and one for who holds. */
#define LINE_BYTES ((uint64_t)64)

/* The keys that a set is made for. Chance sends twice as many to hardly any of them: of as many
 * keys as there is room for, 0.3 % find no place. */
#define KEYS_OF_A_SET 4u

/* Looks at the lock until its holder may be thought to have lost its processor. */
#define SPINS 200u

/* And with one call of a walk. */
#define WALKED_SETS 8192u

/* How many sets are looked at to count keys: a quarter of a million, some milliseconds. */
#define COUNTED_SETS 65536u

/* Of each part of the sets, so that workers seldom wait for one another. A line each. */
#define HELD_COUNTS 16u

struct held {
    _Atomic int64_t n;
    char rest[64 - sizeof(int64_t)];
};

_Static_assert(KEYS_WAYS * sizeof(uint64_t) == LINE_BYTES, "a set's tags fill a line");

struct keys {
    uint32_t n_sets;
    uint32_t n_rates;  /* numbers of theirs */
    uint32_t n_all;    /* with the holders */
    int64_t *width_ns; /* of each rate's windows; owned */
    void *room;        /* owned */
    _Atomic uint64_t *tag;
    _Atomic int64_t *number;
    _Atomic uint8_t *lock; /* owned; of each set */
    struct held held[HELD_COUNTS];
};

static uint32_t sets_of(uint32_t entries)
{
    return entries / KEYS_OF_A_SET + (entries % KEYS_OF_A_SET > 0);
}

uint64_t keys_bytes(uint32_t entries, uint32_t n_numbers, bool held)
{
    return sets_of(entries) * ((1 + (uint64_t)n_numbers + held) * LINE_BYTES + 1) + LINE_BYTES +
           sizeof(struct keys) + n_numbers * sizeof(int64_t);
}

struct keys *keys_new(uint32_t entries, const int64_t *width_ns, uint32_t n_numbers, bool held)
{
    ASSERT(entries > 0 && (n_numbers > 0 || held));
    struct keys *k = MUST_NEW(struct keys);
    k->n_sets = sets_of(entries);
    k->n_rates = n_numbers;
    k->n_all = n_numbers + held;
    k->width_ns = MUST_ARRAY(int64_t, n_numbers + 1);
    if (width_ns)
        memcpy(k->width_ns, width_ns, n_numbers * sizeof(*width_ns));
    /* Pages that nobody has touched yet cost nothing: calloc leaves them so. */
    const size_t lines = (size_t)k->n_sets * (1 + k->n_all);
    k->room = calloc(lines + 1, LINE_BYTES);
    k->lock = calloc(k->n_sets, sizeof(*k->lock));
    if (!k->room || !k->lock) {
        keys_free(k);
        return NULL;
    }
    const uintptr_t first = ((uintptr_t)k->room + LINE_BYTES - 1) & ~(uintptr_t)(LINE_BYTES - 1);
    char *at = (char *)k->room + (first - (uintptr_t)k->room);
    k->tag = (_Atomic uint64_t *)(void *)at;
    k->number = (_Atomic int64_t *)(void *)(at + (size_t)k->n_sets * LINE_BYTES);
    return k;
}

void keys_free(struct keys *k)
{
    if (!k)
        return;
    free(k->room);
    free(k->lock);
    free(k->width_ns);
    free(k);
}

static _Atomic int64_t *place_of(const struct keys *k, uint32_t set, uint32_t way)
{
    return k->number + (size_t)set * k->n_all * KEYS_WAYS + way;
}

/* Of that place. */
static _Atomic uint64_t *tag_of(const struct keys *k, const _Atomic int64_t *place)
{
    const size_t at = (size_t)(place - k->number), set = at / (k->n_all * KEYS_WAYS);
    return k->tag + set * KEYS_WAYS + at % KEYS_WAYS;
}

static uint64_t tag_for(uint64_t hash)
{
    return hash ? hash : 1; /* 0 is nobody's */
}

static uint32_t set_for(const struct keys *k, uint64_t hash)
{
    return (uint32_t)((hash >> 32) * k->n_sets >> 32);
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

uint32_t keys_holders(const struct keys *k, const _Atomic int64_t *place)
{
    return k->n_all > k->n_rates ? (uint32_t)atomic_load(&place[k->n_rates * KEYS_WAYS]) : 0;
}

/* From when on it has nothing to lose. */
static int64_t until(const struct keys *k, const _Atomic int64_t *place, int64_t now_ns)
{
    int64_t last = 0;
    for (uint32_t i = 0; i < k->n_rates; i++) {
        const int64_t number = atomic_load_explicit(&place[i * KEYS_WAYS], memory_order_relaxed);
        const int64_t ns = rate_until_ns(k->width_ns[i], number, now_ns);
        last = ns > last ? ns : last;
    }
    return last;
}

/* Of those that nobody holds; KEYS_WAYS where there is none. */
static uint32_t oldest(const struct keys *k, uint32_t set, int64_t now_ns)
{
    uint32_t best = KEYS_WAYS;
    int64_t best_ns = INT64_MAX;
    for (uint32_t way = 0; way < KEYS_WAYS; way++) {
        const _Atomic int64_t *place = place_of(k, set, way);
        const int64_t last_ns = until(k, place, now_ns); /* 0 where there was never any */
        if (last_ns < best_ns && keys_holders(k, place) == 0) {
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

/* Takes the place from its key, unless somebody holds it. Who holds a place looks at its tag then,
 * and this the other way round, both in one order for all: one of the two sees the other. */
static bool vacate(const struct keys *k, _Atomic int64_t *place)
{
    _Atomic uint64_t *tag = tag_of(k, place);
    const uint64_t was = atomic_load_explicit(tag, memory_order_relaxed);
    atomic_store(tag, 0);
    if (keys_holders(k, place) == 0)
        return true;
    atomic_store_explicit(tag, was, memory_order_release);
    return false;
}

/* Under the lock. The tag goes first, so that whoever looks for the old key finds it no more. */
static _Atomic int64_t *give_place(struct keys *k, uint32_t set, uint64_t tag, int64_t now_ns,
                                   bool *evicted)
{
    _Atomic int64_t *place;
    do {
        const uint32_t way = oldest(k, set, now_ns);
        if (way == KEYS_WAYS)
            return NULL;
        place = place_of(k, set, way);
    } while (!vacate(k, place));
    *evicted = until(k, place, now_ns) > now_ns;
    for (uint32_t i = 0; i < k->n_rates; i++)
        atomic_store_explicit(&place[i * KEYS_WAYS], 0, memory_order_relaxed);
    atomic_store_explicit(tag_of(k, place), tag, memory_order_release);
    return place;
}

_Atomic int64_t *keys_seek(const struct keys *k, uint64_t hash)
{
    const uint32_t set = set_for(k, hash), way = find(k, set, tag_for(hash));
    return way < KEYS_WAYS ? place_of(k, set, way) : NULL;
}

_Atomic int64_t *keys_lock(struct keys *k, uint64_t hash)
{
    lock(&k->lock[set_for(k, hash)]);
    return keys_seek(k, hash);
}

void keys_unlock(struct keys *k, uint64_t hash)
{
    atomic_store_explicit(&k->lock[set_for(k, hash)], 0, memory_order_release);
}

_Atomic int64_t *keys_find(struct keys *k, uint64_t hash, int64_t now_ns, bool *evicted)
{
    *evicted = false;
    _Atomic int64_t *place = keys_seek(k, hash);
    if (place)
        return place;
    const uint32_t set = set_for(k, hash);
    lock(&k->lock[set]);
    place = keys_seek(k, hash); /* another worker may have been here */
    if (!place)
        place = give_place(k, set, tag_for(hash), now_ns, evicted);
    atomic_store_explicit(&k->lock[set], 0, memory_order_release);
    return place;
}

static void count_held(struct keys *k, const _Atomic int64_t *place, int64_t more)
{
    const size_t set = (size_t)(place - k->number) / (k->n_all * KEYS_WAYS);
    atomic_fetch_add_explicit(&k->held[set % HELD_COUNTS].n, more, memory_order_relaxed);
}

/* One more, unless there are as many. */
static bool hold(struct keys *k, _Atomic int64_t *place, uint32_t most)
{
    _Atomic int64_t *holders = &place[k->n_rates * KEYS_WAYS];
    int64_t n = atomic_load(holders);
    do
        if (n >= most)
            return false;
    while (!atomic_compare_exchange_weak(holders, &n, n + 1));
    count_held(k, place, 1);
    return true;
}

enum keys_held keys_hold(struct keys *k, uint64_t hash, uint32_t most, int64_t now_ns,
                         _Atomic int64_t **place, bool *evicted)
{
    ASSERT(k->n_all > k->n_rates);
    bool lost = false;
    for (;;) {
        _Atomic int64_t *at = keys_find(k, hash, now_ns, evicted);
        *evicted = lost |= *evicted;
        if (!at)
            return KEYS_NO_PLACE;
        const bool held = hold(k, at, most);
        if (atomic_load(tag_of(k, at)) == tag_for(hash)) {
            *place = at;
            return held ? KEYS_HELD : KEYS_FULL;
        }
        if (held) /* it was given away just before */
            keys_let_go(k, at);
    }
}

void keys_let_go(struct keys *k, _Atomic int64_t *place)
{
    const int64_t before = atomic_fetch_sub(&place[k->n_rates * KEYS_WAYS], 1);
    ASSERT(before > 0);
    count_held(k, place, -1);
}

/* Keys are spread over the sets by a hash, so that any of them tell of all. */
uint64_t keys_count(const struct keys *k, int64_t now_ns)
{
    const uint32_t looked = k->n_sets < COUNTED_SETS ? k->n_sets : COUNTED_SETS;
    uint64_t n = 0;
    ASSERT(looked > 0);
    for (uint32_t set = 0; set < looked; set++)
        for (uint32_t way = 0; way < KEYS_WAYS; way++) {
            const _Atomic int64_t *place = place_of(k, set, way);
            n += until(k, place, now_ns) > now_ns || keys_holders(k, place) > 0;
        }
    return n * k->n_sets / looked;
}

uint64_t keys_holds(const struct keys *k)
{
    int64_t n = 0;
    for (uint32_t i = 0; i < HELD_COUNTS; i++)
        n += atomic_load_explicit(&k->held[i].n, memory_order_relaxed);
    return n > 0 ? (uint64_t)n : 0; /* one may have gone while we looked */
}

/* Its hash and its numbers; false where it has nothing to lose, or has just gone. */
static bool write_key(const struct keys *k, const _Atomic int64_t *place, int64_t now_ns,
                      uint64_t *out)
{
    const _Atomic uint64_t *tag = tag_of(k, place);
    out[0] = atomic_load_explicit(tag, memory_order_acquire);
    if (out[0] == 0 || until(k, place, now_ns) <= now_ns)
        return false;
    for (uint32_t i = 0; i < k->n_rates; i++)
        out[1 + i] = (uint64_t)atomic_load_explicit(&place[i * KEYS_WAYS], memory_order_relaxed);
    return atomic_load_explicit(tag, memory_order_acquire) == out[0];
}

uint32_t keys_walk(const struct keys *k, uint64_t *at, int64_t now_ns, uint64_t *out, uint32_t most)
{
    const uint64_t all = (uint64_t)k->n_sets * KEYS_WAYS;
    uint64_t i = *at;
    uint32_t n = 0;
    for (uint32_t looked = 0; looked < WALKED_SETS * KEYS_WAYS && i < all && n < most;
         looked++, i++)
        n += write_key(k, place_of(k, (uint32_t)(i / KEYS_WAYS), i % KEYS_WAYS), now_ns,
                       out + (size_t)n * (1 + k->n_rates));
    *at = i < all ? i : KEYS_WALK_END;
    return n;
}
