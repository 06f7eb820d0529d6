/* Sets: a search must end, and find what is in them. */
#include "compiler/table/match.h"
#include "compiler/table/verify_priv.h"

const char *verify_networks(const struct table_network_set *set)
{
    REQUIRE(set->n == 0 || set->range, "a set of networks has no ranges where some are counted");
    for (uint32_t i = 0; i < set->n; i++) {
        REQUIRE(address_compare(&set->range[i].first, &set->range[i].last) <= 0,
                "a range of addresses ends before it begins");
        struct address next;
        REQUIRE(i == 0 || (address_next(&set->range[i - 1].last, &next) &&
                           address_compare(&next, &set->range[i].first) < 0),
                "ranges of addresses are not sorted, touch or overlap");
    }
    return NULL;
}

static const char *verify_numbers(const struct table_number_set *set)
{
    REQUIRE(set->n == 0 || set->range, "a set of numbers has no ranges where some are counted");
    for (uint32_t i = 0; i < set->n; i++) {
        REQUIRE(set->range[i].first <= set->range[i].last,
                "a range of numbers ends before it begins");
        REQUIRE(i == 0 || (set->range[i - 1].last != UINT64_MAX &&
                           set->range[i - 1].last + 1 < set->range[i].first),
                "ranges of numbers are not sorted, touch or overlap");
    }
    return NULL;
}

static const char *verify_strings(const struct table_string_set *set)
{
    const uint64_t slots = (uint64_t)set->mask + 1;
    REQUIRE(set->slot, "a set of strings has no slots");
    REQUIRE(set->n == 0 || set->string, "a set of strings has no strings where some are counted");
    REQUIRE((slots & set->mask) == 0, "the slots of a set of strings are not a power of two");
    REQUIRE(slots > set->n, "a set of strings has no free slot, so that a search would not end");

    uint32_t used = 0;
    for (uint64_t i = 0; i < slots; i++) {
        REQUIRE(set->slot[i] <= set->n, "a slot of a set of strings points past its strings");
        used += set->slot[i] != 0;
    }
    REQUIRE(used == set->n, "a set of strings has a string without a slot, or with two");
    for (uint32_t i = 0; i < set->n; i++)
        REQUIRE(string_set_has(set, set->string[i]), "a set of strings does not find its own");
    return NULL;
}

static const char *verify_map(const struct table *t, const struct table_map *map)
{
    REQUIRE(map->keys < t->n_string_sets, "a map has keys that are not there");
    REQUIRE(map->cluster, "a map leads to nothing");
    for (uint32_t i = 0; i < t->string_set[map->keys].n; i++)
        REQUIRE(map->cluster[i] < t->n_clusters, "a map leads to a cluster that is not there");
    return NULL;
}

static const char *verify_regex(const struct table_regex *r)
{
    const char *problem = regex_dfa_verify(&r->dfa);
    return problem || !r->finds ? problem : regex_program_verify(&r->program);
}

const char *verify_sets(const struct table *t)
{
    const char *problem = NULL;
    for (uint32_t i = 0; i < t->n_network_sets && !problem; i++)
        problem = verify_networks(&t->network_set[i]);
    for (uint32_t i = 0; i < t->n_number_sets && !problem; i++)
        problem = verify_numbers(&t->number_set[i]);
    for (uint32_t i = 0; i < t->n_string_sets && !problem; i++)
        problem = verify_strings(&t->string_set[i]);
    for (uint32_t i = 0; i < t->n_maps && !problem; i++)
        problem = verify_map(t, &t->map[i]);
    for (uint32_t i = 0; i < t->n_regexs && !problem; i++)
        problem = verify_regex(&t->regex[i]);
    return problem;
}
