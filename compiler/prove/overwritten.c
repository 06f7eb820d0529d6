/*
 * Headers that are set, and set or removed again before anybody could see what they were given: on
 * every way through the nodes, no test and no template asks for them, and no decision comes first.
 */
#include "compiler/prove/prove_priv.h"

/* More places than these say nothing more. */
#define LOST_SHOWN_MAX 3u

static bool reads(const struct table_template *template, const struct table_effect *e)
{
    for (uint32_t i = 0; i < template->n; i++)
        if (!template->part[i].literal.at &&
            table_effect_changes(e, template->part[i].field, template->part[i].key))
            return true;
    return false;
}

enum fate { LOST, SEEN, GOES_FURTHER };

static enum fate fate_at(const struct table *t, const struct table_node *n,
                         const struct table_effect *change)
{
    switch (n->kind) {
    case NODE_END: return SEEN;
    case NODE_TEST: {
        const struct table_atom *a = &t->atom[n->what];
        return table_effect_changes(change, a->field, a->key) ? SEEN : GOES_FURTHER;
    }
    case NODE_EFFECT: break;
    }
    const struct table_effect *e = &t->effect[n->what];
    if (reads(&e->value, change) || e->kind == EFFECT_REQUIRE_AUTH)
        return SEEN; /* a question has the headers that are set before it */
    const bool replaces = e->kind == EFFECT_SET_HEADER || e->kind == EFFECT_REMOVE_HEADER;
    return replaces && slice_eq(e->name, change->name) ? LOST : GOES_FURTHER;
}

struct ways_on {
    VEC(uint32_t) open;
    VEC(uint32_t) lost; /* the nodes that overwrite it, one on each way */
    uint32_t *stamp;    /* of each node: 1 + the change that was followed to it last */
};

/* Is the change that the node makes lost, whichever way is taken? Most are seen on the first. */
static bool is_lost(const struct table *t, uint32_t node, struct ways_on *w)
{
    const struct table_effect *change = &t->effect[t->node[node].what];
    w->open.n = w->lost.n = 0;
    VEC_ADD(&w->open, t->node[node].yes);
    while (w->open.n > 0) {
        const uint32_t at = w->open.at[--w->open.n];
        if (w->stamp[at] == node + 1)
            continue;
        w->stamp[at] = node + 1;
        switch (fate_at(t, &t->node[at], change)) {
        case SEEN: return false;
        case LOST: VEC_ADD(&w->lost, at); continue;
        case GOES_FURTHER: break;
        }
        if (t->node[at].kind == NODE_TEST)
            VEC_ADD(&w->open, t->node[at].no);
        VEC_ADD(&w->open, t->node[at].yes);
    }
    return true;
}

/* The action that makes the change: the one of that name at its place. */
static struct span span_of(const struct clause *c, uint32_t number, struct slice name)
{
    return number < c->n_actions && slice_eq(c->action[number].name, name) ? c->action[number].span
                                                                           : c->span;
}

/* The action that node `at` is. */
static struct span action_of(const struct prover *p, uint32_t at)
{
    const struct table *t = p->subject.side[0].table;
    const struct table_node *n = &t->node[at];
    uint32_t number = 0;
    while (at > number && t->node[at - number - 1].clause == n->clause &&
           t->node[at - number - 1].kind == NODE_EFFECT)
        number++;
    return span_of(prover_written(p, n->clause), number, t->effect[n->what].name);
}

static void say_lost(const struct prover *p, uint32_t at, const struct ways_on *w)
{
    const struct table *t = p->subject.side[0].table;
    diag(p->diags, DIAG_OVERWRITTEN, action_of(p, at), SLICE_ARG(t->effect[t->node[at].what].name));
    for (uint32_t i = 0; i < w->lost.n && i < LOST_SHOWN_MAX; i++)
        diag_also(p->diags, action_of(p, w->lost.at[i]), "by this");
}

void prove_overwritten(struct prover *p)
{
    const struct side *side = &p->subject.side[0];
    const struct table *t = side->table;
    struct ways_on ways = {.stamp = MUST_ARRAY(uint32_t, t->n_nodes)};
    for (uint32_t i = 0; i < t->n_nodes; i++) {
        const struct table_node *n = &t->node[i];
        if (n->kind != NODE_EFFECT)
            continue;
        const struct table_effect *e = &t->effect[n->what];
        if ((e->kind == EFFECT_SET_HEADER || e->kind == EFFECT_ADD_HEADER) && is_lost(t, i, &ways))
            say_lost(p, i, &ways);
    }
    free(ways.stamp);
    VEC_DONE(&ways.open);
    VEC_DONE(&ways.lost);
}
