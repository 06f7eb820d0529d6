/*
 * Least time: the shortest wait that is to be expected for its share: how long it takes to answer,
 * times the requests in flight and this one.
 *
 * One that has not answered yet is asked first, once: while its first answer is awaited it counts
 * as very slow. Costs are logarithms: see response_time.h.
 */
#include <math.h>

#include "runtime/balance/balance_priv.h"

#define UNKNOWN 1e300

static double cost(const struct balance_candidate *c, const struct balance_load *load)
{
    if (load->time.at_ns == 0)
        return load->in_flight == 0 ? -(double)INFINITY : UNKNOWN;
    return load->time.log + log(((double)load->in_flight + 1) / c->share);
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

const struct balance_policy balance_least_time = {
    .reads_tick = true,
    .reads_load = true,
    .reads_time = true,
    .lay = lay_least,
    .pick = pick_least,
    .note = note_load,
};
