/* Round robin: each candidate in turn; weights are ignored. */
#include "runtime/balance/balance.h"

const struct balance_policy balance_round_robin = {
    .order = balance_order_each,
    .pick = balance_pick_next,
};
