/*
 * IP hash: the same key goes to the same server for as long as that one is a candidate.
 *
 * Weighted rendezvous hashing (Thaler and Ravishankar 1998; weights by Schindelhauer and Schomaker
 * 2005): every candidate draws a number from the key and its own id, and the best one wins. When a
 * candidate goes only its keys move, spread over the others by weight; when one comes it takes its
 * share and nothing else moves. A ring would be faster to search and a Maglev table faster still,
 * but both approximate the weights and move keys of servers that stayed. The price is a look at
 * every candidate: about 3 ns each.
 */
#include "runtime/balance/balance.h"

#include <math.h>

/* The finaliser of splitmix64: every bit of the sum decides about every bit of the result. */
static uint64_t draw(uint64_t key, uint64_t id)
{
    uint64_t z = key + id * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/*
 * Every candidate waits for -log(u) / weight, u being its draw in (0, 1): an exponential variate,
 * and the shortest of several is candidate i's with probability weight[i] / sum. As log(u) <= u -
 * 1, nobody waits less than (1 - u) / weight: that alone sends most away, and logarithms are taken
 * of a handful.
 */
static uint32_t pick_hashed(const struct balance_in *in)
{
    uint32_t best = BALANCE_NONE;
    double shortest = INFINITY;
    for (uint32_t i = 0; i < in->n; i++) {
        const struct balance_candidate *c = &in->candidate[i];
        const double u = ((double)(draw(in->key, c->id) >> 11) + 0.5) * 0x1p-53;
        if (1 - u >= shortest * c->weight || balance_avoids(in, i))
            continue;
        const double wait = -log(u) / c->weight;
        if (wait >= shortest)
            continue;
        best = i;
        shortest = wait;
    }
    return best;
}

const struct balance_policy balance_ip_hash = {
    .reads_key = true,
    .order = balance_order_each,
    .pick = pick_hashed,
};
