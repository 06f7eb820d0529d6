/* draw - chance by shares: a search in their running sums. */
#include "runtime/balance/balance_priv.h"

struct draw {
    uint32_t n;
    uint32_t below[]; /* of the shares up to and with this one's: the sum */
};

struct draw *draw_new(const struct balance_plan *p)
{
    struct draw *d = must_calloc(1, sizeof(*d) + (size_t)p->n * sizeof(d->below[0]));
    uint32_t sum = 0;
    for (uint32_t i = 0; i < p->n; i++)
        d->below[i] = sum += p->candidate[i].share;
    d->n = p->n;
    return d;
}

/* The search has no branch that depends on chance, for that would be guessed wrong half the time.
 */
uint32_t draw_pick(const struct draw *d, const struct balance_plan *p, uint64_t random)
{
    const uint32_t at = (uint32_t)((random >> 32) * p->share >> 32);
    const uint32_t *base = d->below;
    uint32_t n = d->n;
    while (n > 1) {
        const uint32_t half = n / 2;
        base += base[half - 1] <= at ? half : 0;
        n -= half;
    }
    return (uint32_t)(base - d->below);
}
