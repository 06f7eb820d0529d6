#include "runtime/balance/balance.h"

const struct balance_policy *balance_policy(enum table_balance balance)
{
    static const struct balance_policy *const policy[BALANCE_COUNT] = {
#define BALANCE(id, spelling, function, help) [BALANCE_##id] = &balance_##function,
#include "compiler/table/balance.def"
#undef BALANCE
    };
    ASSERT(balance < BALANCE_COUNT);
    return policy[balance];
}

uint32_t balance_order_each(uint32_t *order, uint32_t room,
                            const struct balance_candidate *candidate, uint32_t n)
{
    (void)candidate;
    for (uint32_t i = 0; n <= room && i < n; i++)
        order[i] = i;
    return n;
}

uint32_t balance_pick_next(const struct balance_in *in)
{
    if (in->n_order == 0)
        return BALANCE_NONE;
    uint32_t at = (uint32_t)(in->tick % in->n_order);
    for (uint32_t looked = 0; looked < in->n_order; looked++) {
        if (!balance_avoids(in, in->order[at]))
            return in->order[at];
        at = at + 1 < in->n_order ? at + 1 : 0;
    }
    return BALANCE_NONE;
}
