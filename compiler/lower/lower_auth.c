/* `require auth` of a clause. */
#include "compiler/lower/lower_priv.h"

static const struct slice *names(struct lowering *l, const struct slice *from, uint32_t n)
{
    struct slice *to = ARENA_ARRAY(l->arena, struct slice, n);
    for (uint32_t i = 0; i < n; i++)
        to[i] = lower_string(l, from[i]);
    return to;
}

uint32_t lower_auth(struct lowering *l, const struct table_auth *from)
{
    struct table_auth to = *from;
    to.path = lower_string(l, from->path);
    to.host = lower_string(l, from->host);
    to.user = lower_string(l, from->user);
    to.send = names(l, from->send, from->n_send);
    to.take = names(l, from->take, from->n_take);
    VEC_ADD(&l->auth_rule, to);
    return l->auth_rule.n - 1;
}
