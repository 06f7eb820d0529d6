/*
 * Two choices: of two by chance, the one with fewer requests in flight for its share.
 *
 * The busiest is then no more than about log log n above the average, where chance alone is log n
 * above it (Azar, Broder, Karlin, Upfal 1994; Mitzenmacher 1996), and only two servers are looked
 * at, whatever their number. Equally free ones are taken as they were drawn: an idle group is
 * balanced by shares.
 */
#include "runtime/balance/balance_priv.h"

#define DRAWS 16u

static void *lay_draw(const struct balance_plan *p, const struct balance_in *in)
{
    (void)in;
    return draw_new(p);
}

/* One that is neither to be avoided nor `other`; BALANCE_NONE when chance found none. */
static uint32_t draw_another(const struct balance_plan *p, const struct balance_in *in,
                             uint64_t salt, uint32_t other)
{
    for (uint64_t k = 0; k < DRAWS; k++) {
        const uint32_t i = draw_pick(p->laid, p, balance_mix(in->random, salt + k));
        if (i != other && !balance_avoids(in, i))
            return i;
    }
    return BALANCE_NONE;
}

static uint32_t pick_freer(struct balance_plan *p, const struct balance_in *in)
{
    if (p->n == 0)
        return BALANCE_NONE;
    uint32_t a = draw_another(p, in, 0, BALANCE_NONE);
    if (a == BALANCE_NONE)
        a = balance_from(p, in, (uint32_t)(in->random % p->n));
    const uint32_t b = a != BALANCE_NONE && p->n > 1 ? draw_another(p, in, DRAWS, a) : BALANCE_NONE;
    if (b == BALANCE_NONE)
        return a;
    const uint64_t at_a = in->load(in->of, a).in_flight, at_b = in->load(in->of, b).in_flight;
    return at_b * p->candidate[a].share < at_a * p->candidate[b].share ? b : a;
}

const struct balance_policy balance_two_choices = {
    .reads_random = true,
    .reads_load = true,
    .lay = lay_draw,
    .pick = pick_freer,
};
