/* A clause is the same where its route's name and its own text are; of several alike in a route
 * the first is the first. */
#include "runtime/base/hash.h"
#include "runtime/generation/carry.h"

struct known {
    struct tally **slot; /* NULL where free */
    uint64_t mask;
};

static uint64_t slots_for(uint32_t n)
{
    uint64_t slots = 8;
    while (slots < 2 * (uint64_t)n)
        slots *= 2;
    return slots;
}

static struct tally *known_find(const struct known *k, uint64_t key)
{
    for (uint64_t at = key; k->slot[at & k->mask]; at++)
        if (k->slot[at & k->mask]->key == key)
            return k->slot[at & k->mask];
    return NULL;
}

static void known_add(struct known *k, struct tally *t)
{
    uint64_t at = t->key;
    while (k->slot[at & k->mask])
        at++;
    k->slot[at & k->mask] = t;
}

static uint64_t key_of(const struct table *t, const struct table_clause *clause)
{
    return hash_bytes(&clause->text, sizeof(clause->text),
                      hash_slice(t->route[clause->route].name, 0));
}

/* How many there were of each key. */
struct met {
    struct {
        uint64_t key, n;
    } * slot; /* n is 0 where free */
    uint64_t mask;
};

/* This one's own among those alike. */
static uint64_t next_of(struct met *m, uint64_t key)
{
    uint64_t at = key & m->mask;
    while (m->slot[at].n > 0 && m->slot[at].key != key)
        at = (at + 1) & m->mask;
    m->slot[at].key = key;
    const uint64_t n = m->slot[at].n++;
    return n == 0 ? key : hash_bytes(&n, sizeof(n), key);
}

void carry_tallies(struct generation *g, const struct generation *before)
{
    const struct table *t = g->table;
    const uint32_t n_before = before ? before->table->n_clauses : 0;
    struct known old = {.mask = slots_for(n_before) - 1};
    struct met met = {.mask = slots_for(t->n_clauses) - 1};
    old.slot = must_calloc(old.mask + 1, sizeof(*old.slot));
    met.slot = must_calloc(met.mask + 1, sizeof(*met.slot));
    for (uint32_t i = 0; i < n_before; i++)
        known_add(&old, before->tally[i]);
    for (uint32_t i = 0; i < t->n_clauses; i++) {
        const uint64_t key = next_of(&met, key_of(t, &t->clause[i]));
        struct tally *was = known_find(&old, key);
        g->tally[i] = was ? tally_pin(was) : tally_new(key, g->n_workers);
    }
    free(old.slot);
    free(met.slot);
}
