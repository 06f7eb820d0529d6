/*
 * least - who has the least of something, among many whose loads others change.
 *
 * A tournament: a binary tree over what was last seen of each candidate, where a node has the least
 * cost below it and the shares of all that have just this. Whoever is on top is looked at once more
 * before it is taken, so what is chosen on is never a load that has grown since. What has shrunk
 * is known at once where it is told (least_note()), and else when its turn comes to be looked
 * at: LOOKS a pick.
 *
 * So with one worker the choice is exact. With several, a request that another worker's server has
 * finished is known after n / LOOKS picks of ours at the latest; until then that server is thought
 * busier than it is, never freer.
 *
 * Equal ones take turns by their shares, by the tick: an idle group is balanced like weighted
 * round robin, and not always by its first server.
 */
#include <math.h>

#include "runtime/balance/balance_priv.h"

#define LOOKS       2u
#define SECOND_MOST 8u /* how often one that has grown is passed over */

struct node {
    double least;
    uint64_t share; /* of all that have just that */
};

struct least {
    least_cost *cost;
    uint32_t n, next;   /* who is looked at next */
    struct node node[]; /* 1 is the root, i has 2i and 2i + 1, n + i is candidate i */
};

/* Costs are copied and never computed from one another, so equal ones are just that. */
static bool is_same(double a, double b)
{
    return !(a < b) && !(b < a);
}

static struct node better(const struct node *a, const struct node *b)
{
    if (is_same(a->least, b->least))
        return (struct node){a->least, a->share + b->share};
    return a->least < b->least ? *a : *b;
}

static void set(struct least *l, uint32_t i, double cost)
{
    uint32_t at = l->n + i;
    if (is_same(l->node[at].least, cost))
        return;
    l->node[at].least = cost;
    for (at /= 2; at > 0; at /= 2) {
        const struct node *below = &l->node[(size_t)2 * at], node = better(below, below + 1);
        if (is_same(node.least, l->node[at].least) && node.share == l->node[at].share)
            return;
        l->node[at] = node;
    }
}

static double cost_now(const struct least *l, const struct balance_plan *p,
                       const struct balance_in *in, uint32_t i)
{
    const struct balance_load load = in->load(in->of, i);
    return l->cost(&p->candidate[i], &load);
}

struct least *least_new(const struct balance_plan *p, const struct balance_in *in, least_cost *cost)
{
    struct least *l = must_calloc(1, sizeof(*l) + 2 * (size_t)p->n * sizeof(l->node[0]));
    l->cost = cost;
    l->n = p->n;
    for (uint32_t i = 0; i < p->n; i++)
        l->node[p->n + i] = (struct node){cost_now(l, p, in, i), p->candidate[i].share / p->unit};
    for (size_t at = p->n - 1; at > 0; at--)
        l->node[at] = better(&l->node[2 * at], &l->node[2 * at + 1]);
    return l;
}

/* Whose turn it is of those that have least. */
static uint32_t top(const struct least *l, uint64_t tick)
{
    uint64_t turn = tick % l->node[1].share;
    uint32_t at = 1;
    while (at < l->n) {
        const struct node *left = &l->node[(size_t)2 * at], *right = left + 1;
        if (is_same(left->least, right->least))
            at = 2 * at + !balance_split(&turn, left->share, left->share + right->share);
        else
            at = 2 * at + (right->least < left->least);
    }
    return at - l->n;
}

static uint32_t pick_seen(struct least *l, const struct balance_plan *p,
                          const struct balance_in *in)
{
    uint32_t i = BALANCE_NONE;
    for (uint32_t looked = 0; looked < SECOND_MOST; looked++) {
        if (l->node[1].least == (double)INFINITY)
            return BALANCE_NONE; /* all are avoided */
        i = top(l, in->tick);
        const double seen = l->node[l->n + i].least, now = cost_now(l, p, in, i);
        set(l, i, now);
        if (now <= seen)
            break;
    }
    return i;
}

uint32_t least_pick(struct least *l, const struct balance_plan *p, const struct balance_in *in)
{
    for (uint32_t k = 0; k < LOOKS; k++) {
        set(l, l->next, cost_now(l, p, in, l->next));
        l->next = l->next + 1 < l->n ? l->next + 1 : 0;
    }
    for (uint32_t k = 0; k < in->n_avoid; k++)
        set(l, in->avoid[k], (double)INFINITY);
    const uint32_t i = pick_seen(l, p, in);
    for (uint32_t k = 0; k < in->n_avoid; k++)
        set(l, in->avoid[k], cost_now(l, p, in, in->avoid[k]));
    return i;
}

void least_note(struct least *l, const struct balance_plan *p, uint32_t i, struct balance_load load)
{
    set(l, i, l->cost(&p->candidate[i], &load));
}
