/* Lists of clauses, each there once, and how one is put behind another. */
#include "compiler/lower/stages_priv.h"
#include "runtime/base/hash.h"

static bool is_open(uint32_t value)
{
    return value >= DIAGRAM_OPEN;
}

struct act acts_at(const struct acts *a, uint32_t value)
{
    const uint32_t i = value & ~DIAGRAM_OPEN;
    ASSERT(i < a->act.n);
    return a->act.at[i];
}

static uint64_t act_hash(struct act x)
{
    return hash_bytes(&x, sizeof(x), 0);
}

static void more_slots(struct acts *a)
{
    free(a->slot);
    a->n_slots = a->n_slots ? a->n_slots * 2 : 64;
    a->slot = MUST_ARRAY(uint32_t, a->n_slots);
    for (uint32_t i = 0; i < a->act.n; i++) {
        uint64_t at = act_hash(a->act.at[i]);
        while (a->slot[at & (a->n_slots - 1)] != 0)
            at++;
        a->slot[at & (a->n_slots - 1)] = i + 1;
    }
}

static uint32_t value_of(struct acts *a, uint32_t clause, uint32_t rest)
{
    const struct act wanted = {clause, rest};
    const uint32_t open = is_open(rest) ? DIAGRAM_OPEN : 0;
    if (a->act.n >= a->n_slots / 2)
        more_slots(a);
    for (uint64_t at = act_hash(wanted);; at++) {
        uint32_t *slot = &a->slot[at & (a->n_slots - 1)];
        if (*slot == 0) {
            ASSERT(a->act.n < ACT_ASK_NODES);
            VEC_ADD(&a->act, wanted);
            *slot = a->act.n;
        }
        const struct act *x = &a->act.at[*slot - 1];
        if (x->clause == clause && x->rest == rest)
            return (*slot - 1) | open;
    }
}

uint32_t acts_one(struct acts *a, uint32_t clause, bool open)
{
    return value_of(a, clause, open ? DIAGRAM_FALL : ACT_END);
}

void acts_done(struct acts *a)
{
    VEC_DONE(&a->act);
    free(a->slot);
    VEC_DONE(&a->joining);
}

static bool merge_early(struct diagrams *m, void *with, const uint32_t of[3], diagram *out)
{
    (void)with;
    const bool all_falls = diagram_is_leaf(m, of[0]) && diagram_value(m, of[0]) == DIAGRAM_FALL;
    const bool nothing_new = !diagram_falls(m, of[0]) ||
                             (diagram_is_leaf(m, of[1]) && diagram_value(m, of[1]) == DIAGRAM_FALL);
    *out = all_falls ? of[1] : of[0];
    return all_falls || nothing_new;
}

/* The clauses of the first list, then those of the second. */
static uint32_t merge_leaves(void *with, const uint32_t value[3])
{
    struct acts *a = with;
    a->joining.n = 0;
    for (uint32_t at = value[0]; at != DIAGRAM_FALL; at = acts_at(a, at).rest)
        VEC_ADD(&a->joining, acts_at(a, at).clause);
    uint32_t all = value[1];
    if (all == ACT_ASK_NODES) /* they begin with the stage, and find what came before */
        return all;
    for (uint32_t i = a->joining.n; i-- > 0;)
        all = value_of(a, a->joining.at[i], all);
    return all;
}

diagram acts_merge(struct acts *a, struct diagrams *m, diagram x, diagram y)
{
    const struct diagram_op op = {
        .arity = 2, .early = merge_early, .leaf = merge_leaves, .with = a};
    return diagram_apply(m, &op, x, y, 0);
}
