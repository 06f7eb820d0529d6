/* Regular expressions and maps: what is compiled for the table. */
#include "compiler/lower/lower_priv.h"
#include "compiler/regex/regex.h"

/* Those that were made last are looked at, for the same one is mostly asked again at once. */
static uint32_t find(const struct lowering *l, struct slice pattern, struct slice flags)
{
    for (uint32_t i = l->regex.n; i-- > 0;)
        if (slice_eq(l->regex.at[i].pattern, pattern) && slice_eq(l->regex.at[i].flags, flags))
            return i;
    return UINT32_MAX;
}

/* Sema has compiled it once, so it compiles. */
uint32_t lower_regex(struct lowering *l, struct slice pattern, struct slice flags, bool finds)
{
    uint32_t at = find(l, pattern, flags);
    if (at != UINT32_MAX && (l->regex.at[at].finds || !finds))
        return at;
    struct arena scratch = {0};
    struct regex_error error;
    const struct regex *re = regex_parse(&scratch, pattern, flags, &error);
    ASSERT(re);
    struct table_regex made = {.pattern = lower_string(l, pattern),
                               .flags = lower_string(l, flags)};
    const bool compiled = regex_compile_dfa(re, NULL, l->arena, &made.dfa, &error);
    ASSERT(compiled);
    if (finds) {
        made.finds = regex_compile_program(re, l->arena, &made.program, &error);
        ASSERT(made.finds);
    }
    arena_free(&scratch);
    if (at == UINT32_MAX) {
        VEC_ADD(&l->regex, made);
        return l->regex.n - 1;
    }
    l->regex.at[at] = made;
    return at;
}

uint32_t lower_map(struct lowering *l, const struct program_map *map)
{
    for (uint32_t i = 0; i < l->map_source.n; i++)
        if (l->map_source.at[i] == map)
            return i;
    const struct program_set keys = {.string = map->key, .n_strings = map->n};
    struct table_map made = {.name = lower_string(l, map->name),
                             .keys = lower_string_set(l, &keys, STRINGS_ALL)};
    const uint32_t n = l->string_set.at[made.keys].n;
    ASSERT(n == map->n); /* sema refuses a key that is there twice */
    uint32_t *cluster = ARENA_ARRAY(l->arena, uint32_t, n + 1);
    memcpy(cluster, map->cluster, n * sizeof(*cluster));
    made.cluster = cluster;
    VEC_ADD(&l->map, made);
    VEC_ADD(&l->map_source, map);
    return l->map.n - 1;
}
