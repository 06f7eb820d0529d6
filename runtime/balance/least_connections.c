/*
 * Least connections: the fewest requests in flight for its weight.
 *
 * Looks at every candidate, twice when several are equally free: about a nanosecond each. Equal
 * ones take turns in proportion to their weights by the tick: an idle group is balanced like
 * weighted round robin, and not always by its first server.
 */
#include "runtime/balance/balance.h"

/* in_flight / weight, compared without dividing. */
static bool is_freer(const struct balance_candidate *a, const struct balance_candidate *b)
{
    return (uint64_t)a->in_flight * b->weight < (uint64_t)b->in_flight * a->weight;
}

static uint32_t pick_least(const struct balance_in *in)
{
    uint32_t best = BALANCE_NONE;
    uint64_t tied_weight = 0; /* of all that are as free as the best */
    for (uint32_t i = 0; i < in->n; i++) {
        const struct balance_candidate *c = &in->candidate[i];
        if (balance_avoids(in, i))
            continue;
        if (best == BALANCE_NONE || is_freer(c, &in->candidate[best])) {
            best = i;
            tied_weight = c->weight;
        } else if (!is_freer(&in->candidate[best], c)) {
            tied_weight += c->weight;
        }
    }
    if (best == BALANCE_NONE || tied_weight == in->candidate[best].weight)
        return best;

    uint64_t turn = in->tick % tied_weight;
    for (uint32_t i = best;; i++) { /* the first of the tied ones is the best that was kept */
        const struct balance_candidate *c = &in->candidate[i];
        if (balance_avoids(in, i) || is_freer(&in->candidate[best], c))
            continue;
        if (turn < c->weight)
            return i;
        turn -= c->weight;
    }
}

const struct balance_policy balance_least_connections = {
    .reads_in_flight = true,
    .order = balance_order_each,
    .pick = pick_least,
};
