/*
 * Which truths about one field can go together. Where it has one value, that value passes the tests
 * that hold and fails the others. Where it may have several (headers, cookies, parameters), each
 * test that holds needs a value that passes it, and every value must fail those that don't hold.
 */
#include "compiler/prove/question_priv.h"

/* Notes what is known of a group: those that hold first; returns their number. */
static uint32_t read_demands(struct question *q, const struct sat *s,
                             const struct question_group *g)
{
    q->demand.n = q->demanded.n = 0;
    uint32_t holding = 0;
    for (int pass = 1; pass >= -1; pass -= 2) {
        for (uint32_t i = 0; i < g->variable.n; i++) {
            const uint32_t v = g->variable.at[i];
            if (s->value.at[v] != pass)
                continue;
            const struct question_variable *a = &q->variable.at[v];
            VEC_ADD(&q->demand, (struct demand){a->table, a->atom, (pass > 0) != a->negated});
            VEC_ADD(&q->demanded, v);
            holding += pass > 0;
        }
    }
    return holding;
}

static enum value_found find(struct question *q, const struct question_group *g,
                             struct found_value *value)
{
    return value_find(q->demand.at, q->demand.n, g->field, q->listeners, &q->arena, value);
}

static bool impossible(struct question *q, const struct question_group *g)
{
    bool wanted = g->made || !value_may_be_absent(g->field);
    for (uint32_t i = 0; i < q->demanded.n && !wanted; i++)
        wanted = q->sat.value.at[q->demanded.at[i]] > 0;
    if (!wanted)
        return false; /* without a value nothing holds, and nothing needs to */
    const struct arena_mark mark = arena_mark(&q->arena);
    struct found_value value = {0};
    const bool none = find(q, g, &value) == VALUE_NONE;
    arena_rewind(&q->arena, mark);
    return none;
}

static void take_out(struct question *q, uint32_t from, uint32_t n)
{
    const uint32_t behind = q->demand.n - from - n;
    memmove(q->demand.at + from, q->demand.at + from + n, behind * sizeof(struct demand));
    memmove(q->demanded.at + from, q->demanded.at + from + n, behind * sizeof(uint32_t));
    q->demand.n -= n;
    q->demanded.n -= n;
}

static void put_back(struct question *q, uint32_t from, uint32_t n, const struct demand *demand,
                     const uint32_t *variable)
{
    for (uint32_t i = 0; i < n; i++) {
        VEC_ADD(&q->demand, demand[i]);
        VEC_ADD(&q->demanded, variable[i]);
    }
    const uint32_t behind = q->demand.n - from - n;
    memmove(q->demand.at + from + n, q->demand.at + from, behind * sizeof(struct demand));
    memmove(q->demanded.at + from + n, q->demanded.at + from, behind * sizeof(uint32_t));
    memcpy(q->demand.at + from, demand, n * sizeof(struct demand));
    memcpy(q->demanded.at + from, variable, n * sizeof(uint32_t));
}

/* Leaves only demands of which none can be spared, in ever smaller lots. The first `kept` stay. */
static void minimise(struct question *q, const struct question_group *g, uint32_t kept)
{
    for (uint32_t lot = q->demand.n; lot > 0; lot /= 2) {
        for (uint32_t from = kept; from < q->demand.n;) {
            const uint32_t n = lot < q->demand.n - from ? lot : q->demand.n - from;
            const struct arena_mark mark = arena_mark(&q->arena);
            struct demand *demand = ARENA_ARRAY(&q->arena, struct demand, n);
            uint32_t *variable = ARENA_ARRAY(&q->arena, uint32_t, n);
            memcpy(demand, q->demand.at + from, n * sizeof(*demand));
            memcpy(variable, q->demanded.at + from, n * sizeof(*variable));
            take_out(q, from, n);
            if (!impossible(q, g)) {
                put_back(q, from, n, demand, variable);
                from += n;
            }
            arena_rewind(&q->arena, mark);
        }
    }
}

/* Of the first `holding` demands, only number `which` stays, in front. */
static void only_one_of(struct question *q, uint32_t holding, uint32_t which)
{
    q->demand.at[0] = q->demand.at[which];
    q->demanded.at[0] = q->demanded.at[which];
    take_out(q, 1, holding - 1);
}

static bool group_fits(struct question *q, const struct sat *s, const struct question_group *g)
{
    const uint32_t holding = read_demands(q, s, g);
    if (q->demand.n == 0 || !impossible(q, g))
        return true;
    if (g->made || !value_may_repeat(g->field)) {
        minimise(q, g, 0);
        return false;
    }
    for (uint32_t i = 0; holding > 1 && i < holding; i++) {
        only_one_of(q, holding, i);
        if (impossible(q, g)) {
            minimise(q, g, 1);
            return false;
        }
        read_demands(q, s, g);
    }
    if (holding == 1)
        minimise(q, g, 1);
    return holding > 1;
}

bool theory_fits(void *of, const struct sat *s, sat_literals *conflict)
{
    struct question *q = of;
    q->dirty.n = 0;
    for (uint32_t i = s->fresh; i < s->trail.n; i++) {
        const struct question_variable *v = &q->variable.at[sat_variable(s->trail.at[i])];
        if (!v->atom || q->group.at[v->group].dirty)
            continue;
        q->group.at[v->group].dirty = true;
        VEC_ADD(&q->dirty, v->group);
    }
    bool fits = true;
    for (uint32_t i = 0; i < q->dirty.n; i++) {
        struct question_group *g = &q->group.at[q->dirty.at[i]];
        g->dirty = false;
        if (!fits || group_fits(q, s, g))
            continue;
        fits = false;
        for (uint32_t k = 0; k < q->demanded.n; k++)
            VEC_ADD(conflict, sat_of(q->demanded.at[k], s->value.at[q->demanded.at[k]] > 0));
    }
    return fits;
}

bool theory_values(struct question *q, uint32_t group, struct arena *arena,
                   struct theory_values *out)
{
    const struct question_group *g = &q->group.at[group];
    *out = (struct theory_values){0};
    const uint32_t holding = read_demands(q, &q->sat, g);
    if (q->demand.n == 0 || (holding == 0 && value_may_be_absent(g->field)))
        return true;
    struct found_value one = {0};
    out->at = ARENA_ARRAY(arena, struct found_value, holding + 1);
    const struct demand *demand = q->demand.at;
    if (value_find(demand, q->demand.n, g->field, q->listeners, arena, &one) == VALUE_FOUND) {
        out->at[out->n++] = one;
        return true;
    }
    for (uint32_t i = 0; i < holding && value_may_repeat(g->field); i++) {
        only_one_of(q, holding, i);
        if (value_find(q->demand.at, q->demand.n, g->field, q->listeners, arena, &one) !=
            VALUE_FOUND)
            return false;
        out->at[out->n++] = one;
        read_demands(q, &q->sat, g);
    }
    return out->n > 0;
}
