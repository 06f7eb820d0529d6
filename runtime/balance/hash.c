/* Hash and IP hash: the same key goes to the same server for as long as that one can be used. */
#include "runtime/balance/balance_priv.h"

static void *lay_places(const struct balance_plan *p, const struct balance_in *in)
{
    (void)in;
    return places_new(p);
}

static uint32_t pick_place(struct balance_plan *p, const struct balance_in *in)
{
    return places_pick(p->laid, p, in, NULL);
}

const struct balance_policy balance_ip_hash = {
    .reads_key = true,
    .reads_away = true,
    .lay = lay_places,
    .pick = pick_place,
};

/* Hash: the same by any field; only the caller's key is another. */
const struct balance_policy balance_hash = {
    .reads_key = true,
    .reads_away = true,
    .lay = lay_places,
    .pick = pick_place,
};
