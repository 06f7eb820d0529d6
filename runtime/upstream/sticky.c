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

/* And with one call of a walk. */
#define WALKED UINT64_C(65536)

/* In a ttl others hear so often that a client is still there. */
#define NEWS_IN_TTL 8

/* What is told of a client: the server's id in the upper bits, and in the lowest one of these. */
#define SAID_MOVED UINT64_C(1)

struct entry {
    _Atomic uint64_t said;    /* the server and the second */
    _Atomic uint64_t checked; /* said ^ key */
};

struct sticky {
    struct entry *entry; /* owned */
    uint64_t seed;
    uint32_t entries, mask; /* asked for; rows - 1 */
    atomic_uint pins;
    struct told *told; /* of each worker that tells others; owned, NULL: none does */
    uint32_t tellers, next;
    _Atomic uint64_t untold;
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

struct sticky *sticky_new(uint32_t entries, uint64_t seed, uint32_t tellers)
{
    ASSERT(entries > 0);
    const uint32_t rows = rows_for(entries);
    struct entry *entry = calloc((size_t)rows * STICKY_ROW, sizeof(*entry));
    if (!entry)
        return NULL;
    struct sticky *s = must_calloc(1, sizeof(*s));
    *s = (struct sticky){.entry = entry,
                         .seed = seed,
                         .entries = entries,
                         .mask = rows - 1,
                         .told = tellers > 0 ? told_new(tellers) : NULL,
                         .tellers = tellers};
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
    free(s->told);
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

/* --- the workers ------------------------------------------------------------------------------ */

static void tell(struct sticky *s, uint64_t key, uint64_t server, enum sticky_how how,
                 uint32_t worker)
{
    if (!s->told)
        return;
    ASSERT(worker < s->tellers);
    const uint64_t said = server << SECOND_BITS | (how == STICKY_MOVED ? SAID_MOVED : 0);
    if (!told_put(&s->told[worker], (struct told_one){.hash = key, .said = said}))
        atomic_fetch_add_explicit(&s->untold, 1, memory_order_relaxed);
}

int64_t sticky_news_ns(int64_t ttl_ns)
{
    const int64_t every_s = ttl_ns / NS_PER_S / NEWS_IN_TTL;
    return (every_s > 0 ? every_s : 1) * NS_PER_S;
}

/* Was its last use in an earlier part of the time than this one? */
static bool is_news(uint64_t said, const struct sticky_asker *by)
{
    const uint64_t every = (uint64_t)(sticky_news_ns(by->ttl_ns) / NS_PER_S);
    const uint64_t now = (uint64_t)(by->now_ns / NS_PER_S);
    return now / every != (now - age_of(said, now & SECOND_MASK)) / every;
}

uint64_t sticky_find(struct sticky *s, uint64_t key, const struct sticky_asker *by)
{
    key = hash_bytes(&key, sizeof(key), s->seed);
    const uint64_t now = second_of(by->now_ns);
    struct entry *e = row_of(s, key);
    for (uint32_t i = 0; i < STICKY_ROW; i++, e++) {
        const uint64_t said = load(&e->said);
        if (said == 0 || (load(&e->checked) ^ said) != key)
            continue;
        if (is_over(said, by->ttl_ns, now))
            return 0;
        if (age_of(said, now) > 0) /* not with each request: others read the line, too */
            store(e, key, said >> SECOND_BITS, now);
        if (is_news(said, by))
            tell(s, key, said >> SECOND_BITS, STICKY_CHOSEN, by->worker);
        return said >> SECOND_BITS;
    }
    return 0;
}

/* Its own entry, which says so in *is, or the one of its row that is to be given up first, and how
 * long ago that was used. */
static struct entry *place(const struct sticky *s, uint64_t key, uint64_t now, uint64_t *is,
                           uint64_t *age)
{
    struct entry *e = row_of(s, key), *best = NULL;
    *is = *age = 0;
    for (uint32_t i = 0; i < STICKY_ROW; i++, e++) {
        const uint64_t said = load(&e->said);
        const uint64_t its = said == 0 ? UINT64_MAX : age_of(said, now);
        if (said != 0 && (load(&e->checked) ^ said) == key) {
            *is = said;
            *age = its;
            return e;
        }
        if (!best || its > *age) {
            best = e;
            *age = its;
        }
    }
    return best;
}

bool sticky_note(struct sticky *s, uint64_t key, uint64_t server, enum sticky_how how,
                 const struct sticky_asker *by)
{
    key = hash_bytes(&key, sizeof(key), s->seed);
    uint64_t is, age;
    const uint64_t now = second_of(by->now_ns);
    struct entry *e = place(s, key, now, &is, &age);
    const bool known = is != 0 && !is_over(is, by->ttl_ns, now);
    store(e, key, server, now);
    if (!known || is >> SECOND_BITS != server)
        tell(s, key, server, known ? STICKY_MOVED : how, by->worker);
    else if (is_news(is, by))
        tell(s, key, server, STICKY_CHOSEN, by->worker);
    return is == 0 && age < (uint64_t)(by->ttl_ns / NS_PER_S);
}

/* --- the control thread ----------------------------------------------------------------------- */

uint64_t sticky_shared_seed(struct slice cluster, struct slice name, struct slice password)
{
    return hash_slice(name, hash_slice(cluster, hash_slice(password, 0)));
}

uint64_t sticky_seed(const struct sticky *s)
{
    return s->seed;
}

bool sticky_take_seed(struct sticky *s, uint64_t seed)
{
    if (s->tellers > 0 && s->seed != seed)
        return false;
    s->seed = seed;
    return true;
}

bool sticky_tell(struct sticky *s, struct sticky_client *out, int64_t now_ns)
{
    struct told_one one;
    for (uint32_t i = 0; i < s->tellers; i++, s->next = (s->next + 1) % s->tellers)
        if (told_take(&s->told[s->next], &one)) {
            *out = (struct sticky_client){.hash = one.hash,
                                          .server = one.said >> SECOND_BITS,
                                          .used_ns = now_ns,
                                          .moved = one.said & SAID_MOVED};
            return true;
        }
    return false;
}

uint64_t sticky_untold(struct sticky *s)
{
    return atomic_exchange_explicit(&s->untold, 0, memory_order_relaxed);
}

bool sticky_learn(struct sticky *s, const struct sticky_client *c, int64_t ttl_ns, int64_t now_ns)
{
    uint64_t is, age;
    const uint64_t now = second_of(now_ns), used = second_of(c->used_ns);
    struct entry *e = place(s, c->hash, now, &is, &age);
    const uint64_t its = age_of(used, now);
    if (is_over(used, ttl_ns, now) || (is == 0 && age < its))
        return false;
    const bool later_here = is != 0 && age < its;
    if (is >> SECOND_BITS == c->server && later_here)
        return false;
    store(e, c->hash, c->server, later_here ? is & SECOND_MASK : used);
    return is == 0 && age < (uint64_t)(ttl_ns / NS_PER_S);
}

uint32_t sticky_walk(const struct sticky *s, uint64_t *at, int64_t ttl_ns, int64_t now_ns,
                     struct sticky_client *out, uint32_t most)
{
    const uint64_t now = second_of(now_ns), all = ((uint64_t)s->mask + 1) * STICKY_ROW;
    uint64_t i = *at;
    uint32_t n = 0;
    for (uint64_t looked = 0; looked < WALKED && i < all && n < most; looked++, i++) {
        const uint64_t said = load(&s->entry[i].said);
        if (said == 0 || is_over(said, ttl_ns, now))
            continue;
        const int64_t age_ns = (int64_t)age_of(said, now) * NS_PER_S;
        out[n++] = (struct sticky_client){.hash = load(&s->entry[i].checked) ^ said,
                                          .server = said >> SECOND_BITS,
                                          .used_ns = now_ns - age_ns};
    }
    *at = i < all ? i : STICKY_WALK_END;
    return n;
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
