/* First: the first that can be used, in the order of the file; the others stand by. */
#include "runtime/balance/balance_priv.h"

static uint32_t pick_first(struct balance_plan *p, const struct balance_in *in)
{
    return balance_from(p, in, 0);
}

const struct balance_policy balance_first = {.pick = pick_first};
