/* Sets: networks become sorted ranges that neither touch nor overlap, strings become a hash. */
#include "compiler/lower/lower_priv.h"
#include "compiler/table/match.h"
#include "runtime/base/hash.h"

static bool same_source(const void *sources, uint32_t i, const void *wanted)
{
    const struct set_source *a = (const struct set_source *)sources + i, *b = wanted;
    return a->string == b->string && a->network == b->network && a->range == b->range &&
           a->n == b->n && a->which == b->which;
}

static uint64_t source_hash(const struct set_source *s)
{
    const uint64_t part[] = {(uintptr_t)s->string, (uintptr_t)s->network, (uintptr_t)s->range, s->n,
                             s->which};
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

struct table_network_set lower_networks(struct arena *arena, const struct network *network,
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
        VEC_ADD(&l->network_set, lower_networks(l->arena, set->network, set->n_networks));
    }
    return i;
}

static int by_number(const void *a, const void *b)
{
    const uint64_t x = ((const struct table_number_range *)a)->first,
                   y = ((const struct table_number_range *)b)->first;
    return x < y ? -1 : x > y;
}

static struct table_number_set merged_numbers(struct arena *arena,
                                              const struct table_number_range *from, uint32_t n)
{
    struct table_number_range *range = ARENA_ARRAY(arena, struct table_number_range, n);
    for (uint32_t i = 0; i < n; i++)
        range[i] = from[i];
    if (n > 0)
        qsort(range, n, sizeof(*range), by_number);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct table_number_range *before = kept > 0 ? &range[kept - 1] : NULL;
        if (!before || (before->last != UINT64_MAX && range[i].first > before->last + 1))
            range[kept++] = range[i];
        else if (before->last < range[i].last)
            before->last = range[i].last;
    }
    return (struct table_number_set){range, kept};
}

uint32_t lower_number_set(struct lowering *l, const struct program_set *set)
{
    const struct set_source source = {.range = set->range, .n = set->n_ranges};
    const uint64_t hash = source_hash(&source);
    uint32_t i = index_find(&l->number_index, hash, same_source, l->number_source.at, &source);
    if (i == UINT32_MAX) {
        i = l->number_set.n;
        index_add(&l->number_index, hash);
        VEC_ADD(&l->number_source, source);
        VEC_ADD(&l->number_set, merged_numbers(l->arena, set->range, set->n_ranges));
    }
    return i;
}

static bool same_range(const void *lowering, uint32_t i, const void *wanted)
{
    const struct lowering *l = lowering;
    const struct table_number_range *a = l->number_set.at[l->range_set.at[i]].range, *b = wanted;
    return a->first == b->first && a->last == b->last;
}

/* Of a comparison, which has no set that could be recognised by where it is. */
uint32_t lower_number_range(struct lowering *l, uint64_t first, uint64_t last)
{
    const struct table_number_range wanted = {first, last};
    const uint64_t hash = hash_bytes(&wanted, sizeof(wanted), 0);
    const uint32_t i = index_find(&l->range_index, hash, same_range, l, &wanted);
    if (i != UINT32_MAX)
        return l->range_set.at[i];
    struct table_number_range *range = ARENA_NEW(l->arena, struct table_number_range);
    *range = wanted;
    index_add(&l->range_index, hash);
    const uint32_t set = lower_number_set(l, &(struct program_set){.range = range, .n_ranges = 1});
    VEC_ADD(&l->range_set, set);
    return set;
}

bool lower_is_domain(struct slice s)
{
    return slice_starts(s, SLICE("*."));
}

/* At least twice as many slots as strings, so that a search is short, and always ends. */
static uint32_t slots_for(uint32_t n)
{
    uint32_t slots = 2;
    while (slots / 2 < n)
        slots *= 2;
    return slots;
}

static struct table_string_set hashed(struct lowering *l, const struct slice *from, uint32_t n,
                                      bool domains)
{
    ASSERT(n < UINT32_MAX / 4);
    const uint32_t slots = slots_for(n);
    struct slice *string = ARENA_ARRAY(l->arena, struct slice, n);
    uint32_t *slot = ARENA_ARRAY(l->arena, uint32_t, slots);
    size_t bytes = 0;
    for (uint32_t i = 0; i < n; i++)
        bytes += from[i].len;
    char *text = ARENA_ARRAY(l->arena, char, bytes); /* of all: nothing between them */
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct slice s = domains ? slice_from(from[i], 1) : from[i];
        uint64_t at = string_set_hash(s) & (slots - 1);
        while (slot[at] != 0 && !slice_eq(string[slot[at] - 1], s))
            at = (at + 1) & (slots - 1);
        if (slot[at] != 0)
            continue;
        if (s.len > 0)
            memcpy(text, s.at, s.len);
        string[kept++] = (struct slice){text, s.len};
        text += s.len;
        slot[at] = kept;
    }
    return (struct table_string_set){.string = string, .slot = slot, .n = kept, .mask = slots - 1};
}

/* The strings that are domains, or those that are not, as an array of their own; the whole as it is
 * where all are of one kind. */
static const struct slice *only(const struct program_set *set, bool domains, struct slice **own,
                                uint32_t *n)
{
    *own = NULL;
    *n = 0;
    for (uint32_t i = 0; i < set->n_strings; i++)
        *n += lower_is_domain(set->string[i]) == domains;
    if (*n == set->n_strings)
        return set->string;
    *own = MUST_ARRAY(struct slice, *n + 1);
    uint32_t k = 0;
    for (uint32_t i = 0; i < set->n_strings; i++)
        if (lower_is_domain(set->string[i]) == domains)
            (*own)[k++] = set->string[i];
    return *own;
}

uint32_t lower_string_set(struct lowering *l, const struct program_set *set,
                          enum lower_strings which)
{
    const struct set_source source = {.string = set->string, .n = set->n_strings, .which = which};
    const uint64_t hash = source_hash(&source);
    uint32_t i = index_find(&l->string_index, hash, same_source, l->string_source.at, &source);
    if (i != UINT32_MAX)
        return i;
    i = l->string_set.n;
    index_add(&l->string_index, hash);
    VEC_ADD(&l->string_source, source);
    const bool domains = which == STRINGS_DOMAINS;
    struct slice *own = NULL;
    uint32_t n = set->n_strings;
    const struct slice *string = which == STRINGS_ALL ? set->string : only(set, domains, &own, &n);
    VEC_ADD(&l->string_set, hashed(l, string, n, domains));
    free(own);
    return i;
}
