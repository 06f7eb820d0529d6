/* Weighted round robin: each candidate in turn, in exact proportion to its share, smoothly. */
#include "runtime/balance/balance_priv.h"

static void *lay_turns(const struct balance_plan *p, const struct balance_in *in)
{
    (void)in;
    return turns_new(p);
}

static uint32_t pick_turn(struct balance_plan *p, const struct balance_in *in)
{
    return p->n > 0 ? turns_pick(p->laid, p, in) : BALANCE_NONE;
}

const struct balance_policy balance_weighted_round_robin = {
    .reads_tick = true,
    .lay = lay_turns,
    .pick = pick_turn,
};
