#include "runtime/limit/callers.h"

#include <sched.h>
#include <stdlib.h>

#include "runtime/base/check.h"
#include "runtime/base/hash.h"

/* The places that a set is made for: of as many clients as there is room for, 0.3 % find none. */
#define USED_OF_A_SET 4u

/* The low bits count, the others are the tag. */
#define COUNT_BITS 20
#define COUNT_MASK ((UINT64_C(1) << COUNT_BITS) - 1)

#define LINE_BYTES 64u
#define SPINS      200u

_Static_assert(CALLERS_WAYS * sizeof(uint64_t) == LINE_BYTES, "a set fills a line");

struct callers {
    struct callers *before; /* owned; it was too small. They are smaller by half each */
    uint32_t n_sets;
    uint64_t seed;
    _Atomic uint64_t *place; /* owned */
    _Atomic uint8_t *lock;   /* owned; of each set */
};

static uint32_t sets_of(uint32_t connections)
{
    return connections / USED_OF_A_SET + (connections % USED_OF_A_SET > 0);
}

uint64_t callers_bytes(uint32_t connections)
{
    return sizeof(struct callers) + (uint64_t)sets_of(connections) * (LINE_BYTES + 1);
}

struct callers *callers_new(uint32_t connections, uint64_t seed)
{
    ASSERT(connections > 0);
    struct callers *s = MUST_NEW(struct callers);
    s->before = NULL;
    s->n_sets = sets_of(connections);
    s->seed = seed;
    s->place = aligned_alloc(LINE_BYTES, (size_t)s->n_sets * LINE_BYTES);
    if (!s->place)
        die_out_of_memory(s->n_sets, LINE_BYTES);
    for (size_t i = 0; i < (size_t)s->n_sets * CALLERS_WAYS; i++)
        atomic_init(&s->place[i], 0);
    s->lock = MUST_ARRAY(_Atomic uint8_t, s->n_sets);
    return s;
}

void callers_free(struct callers *s)
{
    while (s) {
        struct callers *before = s->before;
        free(s->place);
        free(s->lock);
        free(s);
        s = before;
    }
}

struct callers *callers_for(struct callers *s, uint32_t connections, uint64_t seed)
{
    if (s->n_sets >= sets_of(connections))
        return s;
    const uint64_t twice = UINT64_C(2) * s->n_sets * USED_OF_A_SET;
    const uint32_t room = twice < connections ? connections : (uint32_t)twice;
    struct callers *larger = callers_new(room, seed);
    larger->before = s;
    return larger;
}

static uint64_t hash_client(const struct callers *s, const struct address *a)
{
    return hash_bytes(a->byte, address_is_v4(a) ? sizeof(a->byte) : sizeof(a->byte) / 2, s->seed);
}

static _Atomic uint64_t *set_of(const struct callers *s, uint64_t hash, uint32_t *number)
{
    *number = (uint32_t)((hash >> 32) * s->n_sets >> 32);
    return s->place + (size_t)*number * CALLERS_WAYS;
}

/* 0 is nobody's. The bits that choose the set are among those of the tag. */
static uint64_t tag_of(uint64_t hash)
{
    return (hash & ~COUNT_MASK) ? hash & ~COUNT_MASK : UINT64_C(1) << COUNT_BITS;
}

/* The place that has the tag, whatever its count; or NULL. */
static _Atomic uint64_t *find(_Atomic uint64_t *set, uint64_t tag)
{
    for (uint32_t i = 0; i < CALLERS_WAYS; i++)
        if ((atomic_load_explicit(&set[i], memory_order_relaxed) & ~COUNT_MASK) == tag)
            return &set[i];
    return NULL;
}

/* How many the client has still from when there was less room. */
static uint64_t count_before(const struct callers *s, const struct address *client)
{
    uint64_t n = 0;
    for (s = s->before; s; s = s->before) {
        uint32_t set;
        const uint64_t hash = hash_client(s, client);
        _Atomic uint64_t *place = find(set_of(s, hash, &set), tag_of(hash));
        n += place ? atomic_load_explicit(place, memory_order_relaxed) & COUNT_MASK : 0;
    }
    return n;
}

/* False when the place has become another's. */
static bool count_one(_Atomic uint64_t *place, uint64_t tag, uint32_t most,
                      enum caller_answer *answer)
{
    uint64_t was = atomic_load_explicit(place, memory_order_relaxed);
    do {
        if ((was & ~COUNT_MASK) != tag)
            return false;
        *answer = (was & COUNT_MASK) < most ? CALLER_COUNTED : CALLER_REFUSED;
        if (*answer == CALLER_REFUSED)
            return true;
    } while (!atomic_compare_exchange_weak_explicit(place, &was, was + 1, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

static void lock(_Atomic uint8_t *l)
{
    for (uint32_t n = 1; atomic_exchange_explicit(l, 1, memory_order_acquire); n++)
        if (n % SPINS == 0)
            sched_yield();
}

/* Under the lock nobody but us gives tags; counts may change. */
static _Atomic uint64_t *begin(_Atomic uint64_t *set, uint64_t tag)
{
    _Atomic uint64_t *at = find(set, tag); /* another worker may have been here */
    for (uint32_t i = 0; i < CALLERS_WAYS && !at; i++) {
        uint64_t was = atomic_load_explicit(&set[i], memory_order_relaxed);
        if ((was & COUNT_MASK) == 0 &&
            atomic_compare_exchange_strong_explicit(&set[i], &was, tag, memory_order_relaxed,
                                                    memory_order_relaxed))
            at = &set[i];
    }
    return at;
}

enum caller_answer callers_take(struct callers *s, const struct address *client, uint32_t most,
                                _Atomic uint64_t **place)
{
    ASSERT(most > 0 && most < COUNT_MASK);
    const uint64_t before = count_before(s, client);
    if (before >= most)
        return CALLER_REFUSED;
    most -= (uint32_t)before;
    uint32_t set;
    const uint64_t hash = hash_client(s, client), tag = tag_of(hash);
    _Atomic uint64_t *at = set_of(s, hash, &set);
    enum caller_answer answer;
    _Atomic uint64_t *mine = find(at, tag);
    if (mine && count_one(mine, tag, most, &answer)) {
        *place = mine;
        return answer;
    }
    lock(&s->lock[set]);
    mine = begin(at, tag);
    answer = CALLER_NO_PLACE;
    if (mine && !count_one(mine, tag, most, &answer))
        ASSERT(!"a tag goes under the lock only");
    atomic_store_explicit(&s->lock[set], 0, memory_order_release);
    *place = mine;
    return answer;
}

void callers_give(_Atomic uint64_t *place)
{
    const uint64_t was = atomic_fetch_sub_explicit(place, 1, memory_order_relaxed);
    ASSERT((was & COUNT_MASK) > 0);
}
