/* The hash over what is made once. */
#include "compiler/lower/lower_priv.h"

uint32_t index_find(const struct index *x, uint64_t hash, index_eq *eq, const void *of,
                    const void *wanted)
{
    if (x->room == 0)
        return UINT32_MAX;
    for (uint64_t at = hash;; at++) {
        const uint32_t entry = x->slot[at & (x->room - 1)];
        if (entry == 0)
            return UINT32_MAX;
        if (x->hash.at[entry - 1] == hash && eq(of, entry - 1, wanted))
            return entry - 1;
    }
}

static void place(struct index *x, uint32_t i)
{
    uint64_t at = x->hash.at[i];
    while (x->slot[at & (x->room - 1)] != 0)
        at++;
    x->slot[at & (x->room - 1)] = i + 1;
}

void index_add(struct index *x, uint64_t hash)
{
    VEC_ADD(&x->hash, hash);
    x->n++;
    if (x->n <= x->room / 2) {
        place(x, x->n - 1);
        return;
    }
    free(x->slot);
    x->room = x->room ? x->room * 2 : 64;
    x->slot = MUST_ARRAY(uint32_t, x->room);
    for (uint32_t i = 0; i < x->n; i++)
        place(x, i);
}

void index_done(struct index *x)
{
    free(x->slot);
    VEC_DONE(&x->hash);
    *x = (struct index){0};
}
