/* Round robin: each candidate in turn; weights are ignored. One that starts slowly sits out turns.
 */
#include "runtime/balance/balance_priv.h"

static void *lay_round_robin(const struct balance_plan *p, const struct balance_in *in)
{
    (void)in;
    return p->all_equal ? NULL : turns_new(p);
}

static uint32_t pick_next(struct balance_plan *p, const struct balance_in *in)
{
    if (p->laid)
        return turns_pick(p->laid, p, in);
    return p->n > 0 ? balance_from(p, in, (uint32_t)(in->tick % p->n)) : BALANCE_NONE;
}

const struct balance_policy balance_round_robin = {
    .reads_tick = true,
    .ignores_weight = true,
    .lay = lay_round_robin,
    .pick = pick_next,
};
