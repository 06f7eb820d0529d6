#include "runtime/balance/balance.h"

const struct balance_policy *balance_policy(enum table_balance balance)
{
    static const struct balance_policy *const policy[BALANCE_COUNT] = {
#define BALANCE(id, spelling, function, takes, help) [BALANCE_##id] = &balance_##function,
#include "compiler/table/balance.def"
#undef BALANCE
    };
    ASSERT(balance < BALANCE_COUNT);
    return policy[balance];
}

static uint32_t greatest_common_divisor(uint32_t a, uint32_t b)
{
    while (b > 0) {
        const uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

void balance_lay(const struct balance_policy *policy, struct balance_plan *p,
                 const struct balance_in *in)
{
    ASSERT(p->n_all >= p->n && p->n_all <= UINT32_MAX / 2);
    free(p->laid);
    p->laid = NULL;
    p->share = p->unit = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        ASSERT(p->candidate[i].share >= 1 && p->candidate[i].share <= p->candidate[i].whole);
        p->share += p->candidate[i].share;
        p->unit = greatest_common_divisor(p->candidate[i].share, p->unit);
    }
    p->all_equal = p->unit * (uint64_t)p->n == p->share;
    ASSERT(p->share <= INT32_MAX); /* so that products of two shares fit */
    if (policy->lay && p->n > 0)
        p->laid = policy->lay(p, in);
}

void balance_plan_done(struct balance_plan *p)
{
    free(p->laid);
    *p = (struct balance_plan){0};
}
