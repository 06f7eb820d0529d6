/* `require jwt` of a clause. */
#include "compiler/lower/lower_priv.h"

static const struct slice *lower_strings(struct lowering *l, const struct slice *from, uint32_t n)
{
    struct slice *to = ARENA_ARRAY(l->arena, struct slice, n);
    for (uint32_t i = 0; i < n; i++)
        to[i] = lower_string(l, from[i]);
    return to;
}

uint32_t lower_jwt(struct lowering *l, const struct action *a)
{
    const struct table_jwt *from = a->jwt;
    VEC_ADD(&l->jwt_rule,
            ((struct table_jwt){.name = lower_string(l, from->name),
                                .secret = from->secret,
                                .issuer = lower_strings(l, from->issuer, from->n_issuers),
                                .n_issuers = from->n_issuers,
                                .audience = lower_strings(l, from->audience, from->n_audiences),
                                .n_audiences = from->n_audiences,
                                .leeway_ns = from->leeway_ns}));
    return l->jwt_rule.n - 1;
}
