#include "compiler/classify/classify.h"

#include <string.h>

#include "compiler/classify/classify_priv.h"
#include "runtime/base/hash.h"

enum classifier_kind classify_kind(const struct classifying *c, const struct table_atom *atom)
{
    const uint32_t most = c->options->members_max;
    if (atom->all)
        return CLASSIFIER_ATOM;
    switch (atom->op) {
    case OP_EQUAL:
    case OP_UNDER:
    case OP_STARTS_WITH:
    case OP_EXISTS: return CLASSIFIER_HEAD;
    case OP_IN_STRINGS:
        return c->table->string_set[atom->set].n <= most ? CLASSIFIER_HEAD : CLASSIFIER_ATOM;
    case OP_ENDS_WITH: return CLASSIFIER_TAIL;
    case OP_IN_NETWORKS:
        return c->table->network_set[atom->set].n <= most ? CLASSIFIER_NETWORKS : CLASSIFIER_ATOM;
    case OP_IN_DOMAINS:
        return c->table->string_set[atom->set].n <= most ? CLASSIFIER_TAIL : CLASSIFIER_ATOM;
    case OP_IN_NUMBERS:
        return c->table->number_set[atom->set].n <= most ? CLASSIFIER_NUMBERS : CLASSIFIER_ATOM;
    case OP_CONTAINS:
    case OP_MATCHES:
    case OP_COUNT: break;
    }
    return CLASSIFIER_ATOM;
}

static int by_first(const void *a, const void *b)
{
    const struct class_run *x = a, *y = b;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return (x->last < y->last) - (x->last > y->last); /* the wider one first */
}

void classify_hold(struct classifying *c, uint32_t i, struct class_run *run, uint32_t n)
{
    if (n > 0)
        qsort(run, n, sizeof(*run), by_first);
    uint32_t kept = 0;
    for (uint32_t k = 0; k < n; k++) {
        if (kept == 0 || run[k].first > run[kept - 1].last + 1)
            run[kept++] = run[k];
        else if (run[k].last > run[kept - 1].last)
            run[kept - 1].last = run[k].last;
    }
    struct class_run *copy = ARENA_ARRAY(c->arena, struct class_run, kept);
    if (kept > 0)
        memcpy(copy, run, kept * sizeof(*run));
    c->atom[i] = (struct classified_atom){.facet = c->facet.n - 1, .run = copy, .n = kept};
}

struct table_classifier *classify_facet(struct classifying *c, enum classifier_kind kind,
                                        uint32_t n_classes, const struct class_info *info)
{
    struct table_classifier *made = ARENA_NEW(c->keep, struct table_classifier);
    made->kind = kind;
    made->field = c->group->field;
    made->key = c->group->key;
    made->n_classes = n_classes;
    VEC_ADD(&c->facet,
            (struct classified_facet){.classifier = made, .class = info, .group = c->group_number});
    return made;
}

/* Each condition that is like no other. */
static void classify_alone(struct classifying *c)
{
    for (uint32_t i = 0; i < c->group->atom.n; i++) {
        const uint32_t at = c->group->atom.at[i];
        if (classify_kind(c, classifying_atom(c, at)) != CLASSIFIER_ATOM)
            continue;
        struct class_info *info = ARENA_ARRAY(c->arena, struct class_info, 2);
        info[0].kind = CLASS_KIND_FAILS;
        info[1].kind = CLASS_KIND_HOLDS;
        classify_facet(c, CLASSIFIER_ATOM, 2, info)->atom = c->asked[at];
        struct class_run holds = {1, 1};
        classify_hold(c, at, &holds, 1);
    }
}

static uint64_t group_hash(const struct table_atom *a)
{
    return hash_slice(a->key, a->field);
}

struct groups {
    VEC(struct group) group;
    uint32_t *slot; /* 1 + an index into group */
    uint32_t n_slots;
};

static struct group *group_of(struct groups *g, const struct table_atom *a)
{
    for (uint64_t at = group_hash(a);; at++) {
        uint32_t *slot = &g->slot[at & (g->n_slots - 1)];
        if (*slot == 0) {
            VEC_ADD(&g->group, (struct group){.field = a->field, .key = a->key});
            *slot = g->group.n;
        }
        struct group *group = &g->group.at[*slot - 1];
        if (group->field == a->field && slice_eq(group->key, a->key))
            return group;
    }
}

/* By field and key, in the order of their first atoms. */
static void sort_out(struct groups *g, const struct classifying *c, uint32_t n)
{
    g->n_slots = 4;
    while (g->n_slots / 2 < n)
        g->n_slots *= 2;
    g->slot = MUST_ARRAY(uint32_t, g->n_slots);
    for (uint32_t i = 0; i < n; i++) {
        struct group *group = group_of(g, classifying_atom(c, i));
        VEC_ADD(&group->atom, i);
    }
    free(g->slot);
}

struct classified classify(const struct table *t, const uint32_t *atom, uint32_t n,
                           const struct classify_options *options, struct arena *arena)
{
    struct classifying c = {.table = t, .asked = atom, .options = options, .arena = arena};
    c.keep = options->classifiers ? options->classifiers : arena;
    c.atom = ARENA_ARRAY(arena, struct classified_atom, n);
    struct groups g = {0};
    sort_out(&g, &c, n);
    for (uint32_t i = 0; i < g.group.n; i++) {
        c.group = &g.group.at[i];
        c.group_number = i;
        classify_texts(&c, CLASSIFIER_TAIL);
        classify_texts(&c, CLASSIFIER_HEAD);
        classify_ranges(&c, CLASSIFIER_NETWORKS);
        classify_ranges(&c, CLASSIFIER_NUMBERS);
        classify_alone(&c);
        VEC_DONE(&g.group.at[i].atom);
    }
    struct classified out = {.n_facets = c.facet.n,
                             .n_groups = g.group.n,
                             .atom = c.atom,
                             .n_atoms = n,
                             .facet = ARENA_ARRAY(arena, struct classified_facet, c.facet.n)};
    if (c.facet.n > 0)
        memcpy(out.facet, c.facet.at, c.facet.n * sizeof(*out.facet));
    VEC_DONE(&c.facet);
    VEC_DONE(&g.group);
    return out;
}
