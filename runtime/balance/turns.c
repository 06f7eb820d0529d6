/*
 * turns - a schedule by shares: turn t is whose?
 *
 * The schedule of nginx's smooth weighted round robin changes every server's counter at every pick.
 * Here nothing changes but the number of the turn, which all workers share, so that the group as a
 * whole is exact whoever picks.
 *
 * A tree has the candidates for leaves. Each node deals its turns out to its two sides in
 * proportion to their shares, as a line of pixels is drawn (Bresenham 1965): after t turns a side
 * has had its part of t, rounded. So turn t is found going down from the root, and after a cycle
 * everybody has had exactly what is due. The tree is Huffman's (1952): whoever has a large share is
 * near the root, and a turn takes no more steps than the entropy of the shares and one.
 *
 * How far from its exact part can a candidate be? Each node on its way adds half a turn at most,
 * and what it adds counts less the greater the node is beside the leaf; in a Huffman tree they grow
 * at least as Fibonacci's numbers do. In all 1/2 (1 + 1 + 1/2 + 1/3 + 1/5 + ...): less than two
 * turns.
 */
#include "runtime/balance/balance_priv.h"

#define LEAF (UINT32_C(1) << 31)

struct node {
    uint32_t left, right; /* of nodes; LEAF + i: candidate i */
    uint32_t of_left, all;
};

struct turns {
    uint32_t root;
    struct node node[];
};

struct ranked {
    uint32_t share, candidate;
};

static int by_share(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->share != y->share)
        return x->share < y->share ? -1 : 1;
    return (x->candidate > y->candidate) - (x->candidate < y->candidate);
}

/* The two queues of Huffman's algorithm: leaves by share, and nodes, which come to be in order. */
struct building {
    const struct ranked *leaf;
    uint32_t n, next_leaf, next_node, n_nodes;
    struct turns *turns;
};

static uint32_t smallest(struct building *b, uint32_t *share)
{
    const bool has_node = b->next_node < b->n_nodes;
    if (b->next_leaf < b->n &&
        (!has_node || b->leaf[b->next_leaf].share <= b->turns->node[b->next_node].all)) {
        const struct ranked *leaf = &b->leaf[b->next_leaf++];
        *share = leaf->share;
        return LEAF + leaf->candidate;
    }
    *share = b->turns->node[b->next_node].all;
    return b->next_node++;
}

struct turns *turns_new(const struct balance_plan *p)
{
    struct turns *t = must_calloc(1, sizeof(*t) + (size_t)p->n * sizeof(t->node[0]));
    struct ranked *ranked = MUST_ARRAY(struct ranked, p->n);
    for (uint32_t i = 0; i < p->n; i++)
        ranked[i] = (struct ranked){p->candidate[i].share / p->unit, i};
    qsort(ranked, p->n, sizeof(ranked[0]), by_share);

    struct building b = {.leaf = ranked, .n = p->n, .turns = t};
    while (b.n_nodes + 1 < p->n) {
        struct node node;
        uint32_t of_right;
        node.right = smallest(&b, &of_right);
        node.left = smallest(&b, &node.of_left);
        node.all = node.of_left + of_right;
        t->node[b.n_nodes++] = node;
    }
    t->root = b.n_nodes > 0 ? b.n_nodes - 1 : LEAF;
    free(ranked);
    return t;
}

static uint32_t whose(const struct turns *t, uint64_t turn)
{
    uint32_t at = t->root;
    while (!(at & LEAF)) {
        const struct node *node = &t->node[at];
        at = balance_split(&turn, node->of_left, node->all) ? node->left : node->right;
    }
    return at - LEAF;
}

/* Whoever is avoided leaves its turns to the others by their shares: chance deals them out. */
#define DRAWS 16u

uint32_t turns_pick(const struct turns *t, const struct balance_plan *p,
                    const struct balance_in *in)
{
    const uint64_t cycle = p->share / p->unit;
    uint32_t i = whose(t, in->tick % cycle);
    for (uint32_t k = 0; k < DRAWS && balance_avoids(in, i); k++)
        i = whose(t, balance_mix(in->tick, k + 1) % cycle);
    return balance_from(p, in, i);
}
