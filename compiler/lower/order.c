/*
 * The order in which a diagram asks. None is right for all; three are tried where need be.
 *
 * What many clauses ask goes to the top, for there it is asked once. Single conditions go to the
 * bottom whatever the order: an expression is only run where nothing cheaper decides.
 */
#include "compiler/lower/stages_priv.h"

struct ranked {
    uint32_t facet;
    bool alone;
    uint64_t key[2]; /* small ones first */
};

static int by_rank(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->alone != y->alone)
        return x->alone ? 1 : -1;
    for (int i = 0; i < 2; i++)
        if (x->key[i] != y->key[i])
            return x->key[i] < y->key[i] ? -1 : 1;
    return (x->facet > y->facet) - (x->facet < y->facet);
}

void order_facets(const struct staging *s, uint32_t choice, uint32_t *facet_at)
{
    const uint32_t n = s->classified.n_facets;
    struct ranked *ranked = MUST_ARRAY(struct ranked, n);
    for (uint32_t i = 0; i < n; i++) {
        const struct table_classifier *c = s->classified.facet[i].classifier;
        const uint64_t rare = UINT32_MAX - s->asked[i], small = UINT32_MAX - c->n_classes;
        ranked[i] = (struct ranked){.facet = i, .alone = c->kind == CLASSIFIER_ATOM};
        ranked[i].key[0] = choice == 0 ? rare : choice == 1 ? s->first[i] : small;
        ranked[i].key[1] = choice == 0 ? s->first[i] : rare;
    }
    if (n > 0)
        qsort(ranked, n, sizeof(*ranked), by_rank);
    for (uint32_t i = 0; i < n; i++)
        facet_at[i] = ranked[i].facet;
    free(ranked);
}
