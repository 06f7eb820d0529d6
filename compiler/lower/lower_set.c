/* Sets: networks become sorted ranges that neither touch nor overlap, strings become a hash. */
#include "compiler/lower/lower_priv.h"
#include "compiler/table/match.h"
#include "runtime/base/hash.h"

static bool same_source(const void *sources, uint32_t i, const void *wanted)
{
    const struct set_source *a = (const struct set_source *)sources + i, *b = wanted;
    return a->string == b->string && a->network == b->network && a->n == b->n;
}

static uint64_t source_hash(const struct set_source *s)
{
    const uint64_t part[] = {(uintptr_t)s->string, (uintptr_t)s->network, s->n};
    return hash_bytes(part, sizeof(part), 0);
}

static int by_first(const void *a, const void *b)
{
    return address_compare(&((const struct table_range *)a)->first,
                           &((const struct table_range *)b)->first);
}

/* Does `next` begin inside `range` or right behind it? `next` does not begin before it. */
static bool joins(const struct table_range *range, const struct table_range *next)
{
    struct address behind;
    return !address_next(&range->last, &behind) || address_compare(&next->first, &behind) <= 0;
}

static struct table_network_set merged(struct arena *arena, const struct network *network,
                                       uint32_t n)
{
    struct table_range *range = ARENA_ARRAY(arena, struct table_range, n);
    for (uint32_t i = 0; i < n; i++)
        range[i] = (struct table_range){network[i].first, network_last(&network[i])};
    if (n > 0)
        qsort(range, n, sizeof(*range), by_first);

    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (kept == 0 || !joins(&range[kept - 1], &range[i]))
            range[kept++] = range[i];
        else if (address_compare(&range[kept - 1].last, &range[i].last) < 0)
            range[kept - 1].last = range[i].last;
    }
    return (struct table_network_set){range, kept};
}

uint32_t lower_network_set(struct lowering *l, const struct program_set *set)
{
    const struct set_source source = {.network = set->network, .n = set->n_networks};
    const uint64_t hash = source_hash(&source);
    uint32_t i = index_find(&l->network_index, hash, same_source, l->network_source.at, &source);
    if (i == UINT32_MAX) {
        i = l->network_set.n;
        index_add(&l->network_index, hash);
        VEC_ADD(&l->network_source, source);
        VEC_ADD(&l->network_set, merged(l->arena, set->network, set->n_networks));
    }
    return i;
}

/* At least twice as many slots as strings, so that a search is short, and always ends. */
static uint32_t slots_for(uint32_t n)
{
    uint32_t slots = 2;
    while (slots / 2 < n)
        slots *= 2;
    return slots;
}

static struct table_string_set hashed(struct lowering *l, const struct slice *from, uint32_t n)
{
    ASSERT(n < UINT32_MAX / 4);
    const uint32_t slots = slots_for(n);
    struct slice *string = ARENA_ARRAY(l->arena, struct slice, n);
    uint32_t *slot = ARENA_ARRAY(l->arena, uint32_t, slots);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t at = string_set_hash(from[i]) & (slots - 1);
        while (slot[at] != 0 && !slice_eq(string[slot[at] - 1], from[i]))
            at = (at + 1) & (slots - 1);
        if (slot[at] != 0)
            continue;
        string[kept++] = lower_string(l, from[i]);
        slot[at] = kept;
    }
    return (struct table_string_set){.string = string, .slot = slot, .n = kept, .mask = slots - 1};
}

uint32_t lower_string_set(struct lowering *l, const struct program_set *set)
{
    const struct set_source source = {.string = set->string, .n = set->n_strings};
    const uint64_t hash = source_hash(&source);
    uint32_t i = index_find(&l->string_index, hash, same_source, l->string_source.at, &source);
    if (i == UINT32_MAX) {
        i = l->string_set.n;
        index_add(&l->string_index, hash);
        VEC_ADD(&l->string_source, source);
        VEC_ADD(&l->string_set, hashed(l, set->string, set->n_strings));
    }
    return i;
}
