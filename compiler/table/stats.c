#include "compiler/table/stats.h"

#include "compiler/table/classifier.h"
#include "runtime/base/hash.h"

static uint32_t lookups_at(const struct table *t, const uint32_t *branch, const uint32_t *stage,
                           uint32_t to)
{
    if (to == TABLE_ASK_NODES)
        return 0;
    if (!(to & TABLE_LEAF))
        return branch[to];
    const struct table_leaf *leaf = &t->leaf[to & ~TABLE_LEAF];
    return leaf->stage == TABLE_NO_STAGE ? 0 : stage[leaf->stage];
}

/* The most lookups from a route's first stage on. Branches and stages lead forward only: so, last
 * one first. */
static uint32_t most_lookups(const struct table *t, uint32_t first)
{
    uint32_t *branch = MUST_ARRAY(uint32_t, t->n_branches);
    uint32_t *stage = MUST_ARRAY(uint32_t, t->n_stages);
    for (uint32_t i = t->n_stages; i-- > first;) {
        const struct table_stage *s = &t->stage[i];
        for (uint32_t k = s->first_branch + s->n_branches; k-- > s->first_branch;) {
            const struct table_branch *b = &t->branch[k];
            for (uint32_t e = 0; e < b->n; e++) {
                const uint32_t to = b->flat ? t->target[b->first + e] : t->edge[b->first + e].to;
                const uint32_t below = lookups_at(t, branch, stage, to);
                branch[k] = below > branch[k] ? below : branch[k];
            }
            branch[k]++;
        }
        stage[i] = lookups_at(t, branch, stage, s->entry);
    }
    const uint32_t most = stage[first];
    free(branch);
    free(stage);
    return most;
}

/* An open-addressing hash of the atoms whose fields were met. */
struct fields {
    uint32_t *slot; /* 1 + an atom */
    uint32_t n_slots, n;
};

static void meet(const struct table *t, struct fields *f, uint32_t atom)
{
    const struct table_atom *a = &t->atom[atom];
    for (uint64_t at = hash_slice(a->key, a->field);; at++) {
        uint32_t *slot = &f->slot[at & (f->n_slots - 1)];
        if (*slot == 0) {
            *slot = atom + 1;
            f->n++;
            return;
        }
        const struct table_atom *other = &t->atom[*slot - 1];
        if (other->field == a->field && slice_eq(other->key, a->key))
            return;
    }
}

static uint32_t fields_asked(const struct table *t, uint32_t route)
{
    struct fields f = {.n_slots = 4};
    while (f.n_slots / 2 < t->n_atoms)
        f.n_slots *= 2;
    f.slot = MUST_ARRAY(uint32_t, f.n_slots);
    for (uint32_t i = 0; i < t->n_nodes; i++)
        if (t->node[i].kind == NODE_TEST && t->clause[t->node[i].clause].route == route)
            meet(t, &f, t->node[i].what);
    free(f.slot);
    return f.n;
}

void table_route_stats(const struct table *t, uint32_t route, struct route_stats *out)
{
    *out = (struct route_stats){.fields = fields_asked(t, route)};
    for (uint32_t i = 0; i < t->n_stages; i++) {
        const struct table_stage *s = &t->stage[i];
        if (s->route != route)
            continue;
        out->stages++;
        out->branches += s->n_branches;
        out->leaves += s->n_leaves;
        for (uint32_t k = 0; k < s->n_branches; k++)
            out->edges += t->branch[s->first_branch + k].n;
    }
    if (t->route[route].stage != TABLE_NO_STAGE)
        out->lookups = most_lookups(t, t->route[route].stage);
}
