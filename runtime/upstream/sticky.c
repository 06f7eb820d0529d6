#include "runtime/upstream/sticky.h"

#include <stdlib.h>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/base/hash.h"

/* An entry says: the server's id in the upper bits, the second of its last use in the lower ones,
 * which go round after 194 days. 0: nobody was here yet. */
#define SECOND_BITS 24u
#define SECOND_MASK ((UINT64_C(1) << SECOND_BITS) - 1)

/* How many are looked at to count clients: half a million entries, about a millisecond. */
#define COUNTED_ROWS UINT64_C(65536)

struct entry {
    _Atomic uint64_t said;    /* the server and the second */
    _Atomic uint64_t checked; /* said ^ key */
};

struct sticky {
    struct entry *entry; /* owned */
    uint64_t seed;
    uint32_t entries, mask; /* asked for; rows - 1 */
    atomic_uint pins;
};

uint64_t sticky_server_id(struct slice cluster, struct slice name)
{
    const uint64_t id = hash_slice(name, hash_slice(cluster, 0)) >> SECOND_BITS;
    return id ? id : 1;
}

static uint32_t rows_for(uint32_t entries)
{
    uint32_t rows = 1;
    while ((uint64_t)rows * STICKY_ROW < entries)
        rows *= 2;
    return rows;
}

uint64_t sticky_bytes(uint32_t entries)
{
    return sizeof(struct sticky) + (uint64_t)rows_for(entries) * STICKY_ROW * sizeof(struct entry);
}

struct sticky *sticky_new(uint32_t entries, uint64_t seed)
{
    ASSERT(entries > 0);
    const uint32_t rows = rows_for(entries);
    struct entry *entry = calloc((size_t)rows * STICKY_ROW, sizeof(*entry));
    if (!entry)
        return NULL;
    struct sticky *s = must_calloc(1, sizeof(*s));
    *s = (struct sticky){.entry = entry, .seed = seed, .entries = entries, .mask = rows - 1};
    atomic_init(&s->pins, 1);
    return s;
}

struct sticky *sticky_pin(struct sticky *s)
{
    atomic_fetch_add_explicit(&s->pins, 1, memory_order_relaxed);
    return s;
}

void sticky_unpin(struct sticky *s)
{
    if (!s || atomic_fetch_sub_explicit(&s->pins, 1, memory_order_acq_rel) != 1)
        return;
    free(s->entry);
    free(s);
}

uint32_t sticky_entries(const struct sticky *s)
{
    return s->entries;
}

static uint64_t load(const _Atomic uint64_t *word)
{
    return atomic_load_explicit(word, memory_order_relaxed);
}

/* Whoever sees one word without the other sees nobody. */
static void store(struct entry *e, uint64_t key, uint64_t server, uint64_t second)
{
    const uint64_t said = server << SECOND_BITS | second;
    atomic_store_explicit(&e->checked, said ^ key, memory_order_relaxed);
    atomic_store_explicit(&e->said, said, memory_order_relaxed);
}

static uint64_t second_of(int64_t now_ns)
{
    return (uint64_t)(now_ns / NS_PER_S) & SECOND_MASK;
}

/* Seconds since its last use. A worker whose clock was read a moment earlier sees 0. */
static uint64_t age_of(uint64_t said, uint64_t now)
{
    const uint64_t age = (now - said) & SECOND_MASK;
    return age == SECOND_MASK ? 0 : age;
}

static bool is_over(uint64_t said, int64_t ttl_ns, uint64_t now)
{
    return age_of(said, now) >= (uint64_t)(ttl_ns / NS_PER_S);
}

static struct entry *row_of(const struct sticky *s, uint64_t key)
{
    return s->entry + (size_t)(key & s->mask) * STICKY_ROW;
}

uint64_t sticky_find(struct sticky *s, uint64_t key, int64_t ttl_ns, int64_t now_ns)
{
    key = hash_bytes(&key, sizeof(key), s->seed);
    const uint64_t now = second_of(now_ns);
    struct entry *e = row_of(s, key);
    for (uint32_t i = 0; i < STICKY_ROW; i++, e++) {
        const uint64_t said = load(&e->said);
        if (said == 0 || (load(&e->checked) ^ said) != key)
            continue;
        if (is_over(said, ttl_ns, now))
            return 0;
        if (age_of(said, now) > 0) /* not with each request: others read the line, too */
            store(e, key, said >> SECOND_BITS, now);
        return said >> SECOND_BITS;
    }
    return 0;
}

bool sticky_note(struct sticky *s, uint64_t key, uint64_t server, int64_t ttl_ns, int64_t now_ns)
{
    key = hash_bytes(&key, sizeof(key), s->seed);
    const uint64_t now = second_of(now_ns);
    struct entry *e = row_of(s, key), *best = NULL;
    uint64_t best_age = 0;
    for (uint32_t i = 0; i < STICKY_ROW; i++, e++) {
        const uint64_t said = load(&e->said);
        const uint64_t age = said == 0 ? UINT64_MAX : age_of(said, now);
        if (said != 0 && (load(&e->checked) ^ said) == key) {
            store(e, key, server, now);
            return false;
        }
        if (!best || age > best_age) {
            best = e;
            best_age = age;
        }
    }
    store(best, key, server, now);
    return best_age < (uint64_t)(ttl_ns / NS_PER_S);
}

/* Clients are spread over the rows by a hash, so that any of them tell of all. */
uint64_t sticky_clients(const struct sticky *s, int64_t ttl_ns, int64_t now_ns)
{
    const uint64_t now = second_of(now_ns), rows = (uint64_t)s->mask + 1;
    const uint64_t looked = rows < COUNTED_ROWS ? rows : COUNTED_ROWS;
    uint64_t n = 0;
    for (uint64_t i = 0; i < looked * STICKY_ROW; i++) {
        const uint64_t said = load(&s->entry[i].said);
        n += said != 0 && !is_over(said, ttl_ns, now);
    }
    return n * (rows / looked);
}
