/* Least connections: the fewest requests in flight for its share. */
#include "runtime/balance/balance_priv.h"

/* Quotients of numbers below 2^32 and 2^15 are the same as doubles only if they are the same. */
static double cost(const struct balance_candidate *c, const struct balance_load *load)
{
    return (double)load->in_flight / c->share;
}

static void *lay_least(const struct balance_plan *p, const struct balance_in *in)
{
    return least_new(p, in, cost);
}

static uint32_t pick_least(struct balance_plan *p, const struct balance_in *in)
{
    return p->n > 0 ? least_pick(p->laid, p, in) : BALANCE_NONE;
}

static void note_load(struct balance_plan *p, uint32_t i, struct balance_load load)
{
    least_note(p->laid, p, i, load);
}

const struct balance_policy balance_least_connections = {
    .reads_tick = true,
    .reads_load = true,
    .lay = lay_least,
    .pick = pick_least,
    .note = note_load,
};
