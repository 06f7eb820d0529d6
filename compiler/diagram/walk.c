/* Going through diagrams: each node once, or each path. */
#include "compiler/diagram/diagram_priv.h"

static bool was_seen(const struct diagrams *m, diagram d)
{
    return m->seen[d].stamp == m->stamp;
}

/* A new walk, which has seen nothing. */
static void forget_seen(struct diagrams *m)
{
    if (m->n_seen < m->node.n || m->stamp == UINT32_MAX) {
        free(m->seen);
        m->n_seen = m->node.n + m->node.n / 2;
        m->seen = MUST_ARRAY(struct diagram_seen, m->n_seen);
        m->stamp = 0;
    }
    m->stamp++;
}

struct visit {
    diagram at;
    uint32_t edge; /* the next one to follow */
};

void diagram_each(struct diagrams *m, diagram d, void (*seen)(void *to, diagram at), void *to)
{
    VEC(struct visit) stack = {0};
    uint32_t position = 0;
    forget_seen(m);
    VEC_ADD(&stack, (struct visit){d, 0});
    while (stack.n > 0) {
        struct visit *top = &stack.at[stack.n - 1];
        const struct diagram_inner *x = &m->node.at[top->at];
        if (x->level != DIAGRAM_LEAF && top->edge < x->n_edges) {
            const diagram child = m->edge.at[x->first_edge + top->edge++].to;
            if (!was_seen(m, child))
                VEC_ADD(&stack, (struct visit){child, 0});
            continue;
        }
        const diagram done = stack.at[--stack.n].at;
        if (was_seen(m, done)) /* it was on the stack twice */
            continue;
        m->seen[done] = (struct diagram_seen){m->stamp, position++};
        seen(to, done);
    }
    VEC_DONE(&stack);
}

struct sizing {
    const struct diagrams *m;
    struct diagram_size size;
    VEC(uint32_t) depth; /* by position */
};

static void size_one(void *to, diagram at)
{
    struct sizing *s = to;
    const struct diagram_inner *x = &s->m->node.at[at];
    uint32_t depth = 0;
    if (x->level == DIAGRAM_LEAF) {
        s->size.leaves++;
    } else {
        s->size.nodes++;
        s->size.edges += x->n_edges;
        for (uint32_t i = 0; i < x->n_edges; i++) {
            const diagram child = s->m->edge.at[x->first_edge + i].to;
            const uint32_t below = s->depth.at[s->m->seen[child].position];
            depth = below > depth ? below : depth;
        }
        depth++;
    }
    VEC_ADD(&s->depth, depth);
    s->size.depth = depth;
}

struct diagram_size diagram_size(struct diagrams *m, diagram d)
{
    struct sizing s = {.m = m};
    diagram_each(m, d, size_one, &s);
    VEC_DONE(&s.depth);
    return s.size;
}

/* The steps to the top of the stack: the edge that each node below it has followed. */
struct walk {
    const struct diagrams *m;
    VEC(struct visit) stack;
    VEC(struct diagram_step) step;
};

static bool step_on(struct walk *w)
{
    struct visit *top = &w->stack.at[w->stack.n - 1];
    const struct diagram_inner *x = &w->m->node.at[top->at];
    if (x->level == DIAGRAM_LEAF || top->edge == x->n_edges)
        return false;
    const struct diagram_edge *edge = w->m->edge.at + x->first_edge;
    const uint32_t i = top->edge++;
    const uint32_t last = diagram_edge_last(w->m, x->level, edge, i, x->n_edges);
    VEC_ADD(&w->step, (struct diagram_step){x->level, {edge[i].first, last}});
    VEC_ADD(&w->stack, (struct visit){edge[i].to, 0});
    return true;
}

static void step_back(struct walk *w)
{
    w->stack.n--;
    w->step.n -= w->stack.n > 0;
}

bool diagram_walk(const struct diagrams *m, diagram d, diagram_visit *visit, void *to)
{
    struct walk w = {.m = m};
    VEC_ADD(&w.stack, (struct visit){d, 0});
    enum diagram_go go = visit(to, NULL, 0, d);
    if (go == DIAGRAM_GO_PAST)
        step_back(&w);
    while (go != DIAGRAM_STOP && w.stack.n > 0) {
        if (!step_on(&w)) {
            step_back(&w);
            continue;
        }
        go = visit(to, w.step.at, w.step.n, w.stack.at[w.stack.n - 1].at);
        if (go == DIAGRAM_GO_PAST)
            step_back(&w);
    }
    VEC_DONE(&w.stack);
    VEC_DONE(&w.step);
    return go != DIAGRAM_STOP;
}
