/*
 * Weighted round robin: each candidate in turn, in exact proportion to its weight, evenly
 * interleaved.
 *
 * The whole cycle is laid out when the candidates change, so that a pick is one array access and
 * exact however many workers share the tick. Weights are divided by their greatest common divisor;
 * a cycle has `total` places, the sum of what is left.
 *
 * Place t is given by "earliest eligible deadline first": the k-th turn of a candidate with weight
 * w may not come before place k * total / w and not after (k + 1) * total / w. One place per turn
 * and as many turns as places: then no deadline is ever missed (Liu and Layland 1973; the windows
 * are those of Baruah et al. 1996, "proportionate progress"). So after any number of places each
 * candidate is less than one turn away from its exact share. Deadlines alone, without the
 * earliest time, would lump the light candidates together.
 */
#include "runtime/balance/balance.h"

struct turn {
    uint32_t candidate;
    uint32_t weight; /* divided */
    uint64_t k;      /* which turn of the candidate, from 0 */
};

/* A binary heap of turns; the first by (k + ahead) / weight is on top, ties by candidate. */
struct heap {
    struct turn *at;
    uint32_t n;
    uint32_t ahead; /* 0: by when a turn may come; 1: by when it must have */
};

static bool comes_before(const struct heap *h, const struct turn *a, const struct turn *b)
{
    const uint64_t left = (a->k + h->ahead) * b->weight, right = (b->k + h->ahead) * a->weight;
    return left < right || (left == right && a->candidate < b->candidate);
}

static void heap_push(struct heap *h, struct turn turn)
{
    uint32_t i = h->n++;
    for (; i > 0 && comes_before(h, &turn, &h->at[(i - 1) / 2]); i = (i - 1) / 2)
        h->at[i] = h->at[(i - 1) / 2];
    h->at[i] = turn;
}

static struct turn heap_pop(struct heap *h)
{
    ASSERT(h->n > 0);
    const struct turn top = h->at[0], last = h->at[--h->n];
    uint32_t i = 0;
    for (uint32_t child; (child = 2 * i + 1) < h->n; i = child) {
        if (child + 1 < h->n && comes_before(h, &h->at[child + 1], &h->at[child]))
            child++;
        if (!comes_before(h, &h->at[child], &last))
            break;
        h->at[i] = h->at[child];
    }
    h->at[i] = last;
    return top;
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

static void lay_out(uint32_t *order, uint32_t total, struct heap *waiting, struct heap *ready)
{
    for (uint32_t place = 0; place < total; place++) {
        /* A turn may come once floor(k * total / weight) <= place. */
        while (waiting->n > 0 &&
               waiting->at[0].k * total < ((uint64_t)place + 1) * waiting->at[0].weight)
            heap_push(ready, heap_pop(waiting));
        struct turn turn = heap_pop(ready);
        order[place] = turn.candidate;
        if (++turn.k < turn.weight)
            heap_push(waiting, turn);
    }
}

static uint32_t order_weighted(uint32_t *order, uint32_t room,
                               const struct balance_candidate *candidate, uint32_t n)
{
    uint32_t divisor = 0;
    for (uint32_t i = 0; i < n; i++) {
        ASSERT(candidate[i].weight >= 1 && candidate[i].weight <= TABLE_WEIGHT_MAX);
        divisor = greatest_common_divisor(candidate[i].weight, divisor);
    }
    uint64_t total = 0;
    for (uint32_t i = 0; i < n; i++)
        total += candidate[i].weight / divisor;
    ASSERT(total < UINT32_MAX);
    if (total > room || n == 0)
        return (uint32_t)total;

    struct turn *turns = MUST_ARRAY(struct turn, 2 * (size_t)n);
    struct heap waiting = {.at = turns, .ahead = 0}, ready = {.at = turns + n, .ahead = 1};
    for (uint32_t i = 0; i < n; i++)
        heap_push(&waiting, (struct turn){.candidate = i, .weight = candidate[i].weight / divisor});
    lay_out(order, (uint32_t)total, &waiting, &ready);
    free(turns);
    return (uint32_t)total;
}

const struct balance_policy balance_weighted_round_robin = {
    .order = order_weighted,
    .pick = balance_pick_next,
};
