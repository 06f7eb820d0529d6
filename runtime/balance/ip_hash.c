/*
 * IP hash: the same key goes to the same server for as long as that one is a candidate.
 *
 * Weighted rendezvous hashing (Thaler and Ravishankar 1998; weights by Schindelhauer and Schomaker
 * 2005): every candidate draws a number from the key and its own id, and the best one wins. When a
 * candidate goes only its keys move, spread over the others by weight; when one comes it takes its
 * share and nothing else moves. A ring would be faster to search and a Maglev table faster still,
 * but both approximate the weights and move keys of servers that stayed. The price is a look at
 * every candidate: about 2 ns each, and two logarithms more where weights differ.
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

/* An exponential variate with rate `weight`: the smallest of several is candidate i's with
 * probability weight[i] / sum. */
static double wait(uint64_t drawn, uint32_t weight)
{
    const double uniform = ((double)(drawn >> 11) + 0.5) * 0x1p-53; /* above 0 and below 1 */
    return -log(uniform) / weight;
}

static uint32_t pick_hashed(const struct balance_in *in)
{
    uint32_t best = BALANCE_NONE, best_weight = 0;
    uint64_t best_drawn = 0;
    for (uint32_t i = 0; i < in->n; i++) {
        if (balance_avoids(in, i))
            continue;
        const uint32_t weight = in->candidate[i].weight;
        const uint64_t drawn = draw(in->key, in->candidate[i].id);
        if (best != BALANCE_NONE &&
            (weight == best_weight ? drawn <= best_drawn
                                   : wait(drawn, weight) >= wait(best_drawn, best_weight)))
            continue;
        best = i;
        best_drawn = drawn;
        best_weight = weight;
    }
    return best;
}

const struct balance_policy balance_ip_hash = {
    .reads_key = true,
    .order = balance_order_each,
    .pick = pick_hashed,
};
