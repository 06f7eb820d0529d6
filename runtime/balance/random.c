/* Random: by chance, in proportion to the shares. */
#include "runtime/balance/balance_priv.h"

#define DRAWS 16u

static void *lay_draw(const struct balance_plan *p, const struct balance_in *in)
{
    (void)in;
    return draw_new(p);
}

static uint32_t pick_random(struct balance_plan *p, const struct balance_in *in)
{
    if (p->n == 0)
        return BALANCE_NONE;
    uint32_t i = draw_pick(p->laid, p, in->random);
    for (uint32_t k = 0; k < DRAWS && balance_avoids(in, i); k++)
        i = draw_pick(p->laid, p, balance_mix(in->random, k + 1));
    return balance_from(p, in, i);
}

const struct balance_policy balance_random = {
    .reads_random = true,
    .lay = lay_draw,
    .pick = pick_random,
};
