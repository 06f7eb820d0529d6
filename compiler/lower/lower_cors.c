/* `cors` of a clause. */
#include "compiler/lower/lower_priv.h"

uint32_t lower_cors(struct lowering *l, const struct table_cors *from)
{
    struct slice *origin = ARENA_ARRAY(l->arena, struct slice, from->n_origins);
    for (uint32_t i = 0; i < from->n_origins; i++)
        origin[i] = lower_string(l, from->origin[i]);
    VEC_ADD(&l->cors_rule, ((struct table_cors){.origin = origin,
                                                .n_origins = from->n_origins,
                                                .any = from->any,
                                                .credentials = from->credentials,
                                                .methods = lower_string(l, from->methods),
                                                .headers = lower_string(l, from->headers),
                                                .expose = lower_string(l, from->expose),
                                                .max_age_s = lower_string(l, from->max_age_s)}));
    return l->cors_rule.n - 1;
}
