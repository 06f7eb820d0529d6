/*
 * Consistent hashing with bounded loads: as `hash`, but a server that has more than its part of
 * the average load and the bound is passed over: the key goes to its next choice (Mirrokni, Thorup,
 * Zadimoghaddam 2016). Next choices are a key's own, not one neighbour's for all of a server's
 * keys, so what one cannot take is spread over all (Chen, Coleman, Shrivastava 2021).
 */
#include "runtime/balance/balance_priv.h"

/* May have ceil(bound * (all + 1) * its part): this one would be within. */
static bool has_room(const struct balance_plan *p, const struct balance_in *in, uint32_t i)
{
    return (double)in->load(in->of, i).in_flight * 100 * (double)p->share <
           ((double)in->in_flight + 1) * in->bounded_percent * p->candidate[i].share;
}

static void *lay_places(const struct balance_plan *p, const struct balance_in *in)
{
    (void)in;
    return places_new(p);
}

/* That nobody has room is seen when others count meanwhile: then the bound is theirs. */
static uint32_t pick_place(struct balance_plan *p, const struct balance_in *in)
{
    const uint32_t i =
        in->bounded_percent > 0 ? places_pick(p->laid, p, in, has_room) : BALANCE_NONE;
    return i != BALANCE_NONE ? i : places_pick(p->laid, p, in, NULL);
}

const struct balance_policy balance_consistent = {
    .reads_key = true,
    .reads_load = true,
    .reads_total = true,
    .reads_away = true,
    .lay = lay_places,
    .pick = pick_place,
};
