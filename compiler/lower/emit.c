/* Diagrams into the arrays of a table. Stages are made last one first, and turned round at the end.
 */
#include <string.h>

#include "compiler/lower/stages_priv.h"

struct emission {
    struct emitting *e;
    const struct staging *s;
    struct attempt *a;
    struct table_stage *stage;
    uint32_t next;     /* the stage behind this one, by the order of making */
    uint32_t *number;  /* of each diagram: what leads to it */
    VEC(diagram) node; /* those that the stage reaches, what is led to first */
};

/* Nothing falls out of a route; where a path that no request takes seems to, the nodes know. */
static bool asks_nodes(const struct emission *x, diagram leaf)
{
    const uint32_t value = diagram_value(x->a->m, leaf);
    return value == ACT_ASK_NODES || (x->next == TABLE_NO_STAGE && diagram_falls(x->a->m, leaf));
}

static void note(void *to, diagram at)
{
    struct emission *x = to;
    if (!diagram_is_leaf(x->a->m, at)) {
        x->stage->n_branches++;
    } else if (asks_nodes(x, at)) {
        x->number[at] = TABLE_ASK_NODES;
        return;
    } else {
        x->stage->n_leaves++;
    }
    VEC_ADD(&x->node, at);
}

static void emit_leaf(struct emission *x, diagram d)
{
    struct emitting *e = x->e;
    const struct table *t = x->s->table;
    const uint32_t first_clause = t->route[x->s->route].first_clause;
    struct table_leaf leaf = {.act = e->act.n, .stage = x->next};
    uint32_t at = diagram_value(x->a->m, d);
    while (at != DIAGRAM_FALL && at != ACT_END) {
        const struct act act = acts_at(&x->a->acts, at);
        const struct outcome *o = &x->s->outcome[act.clause - first_clause];
        if (o->changes || o->kind == OUTCOME_DECIDES) {
            VEC_ADD(&e->act, t->clause[act.clause].then);
            leaf.n_acts++;
        }
        at = act.rest;
        if (at == ACT_END)
            leaf.stage = o->kind == OUTCOME_ROUTE ? t->route[o->route].stage : TABLE_NO_STAGE;
    }
    if (leaf.n_acts == 1)
        leaf.act = e->act.at[--e->act.n];
    VEC_ADD(&e->leaf, leaf);
}

static void emit_flat(struct emission *x, const struct diagram_edge *edge, uint32_t n,
                      struct table_branch *b)
{
    b->first = x->e->target.n;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t end = i + 1 < n ? edge[i + 1].first : b->n;
        for (uint32_t class = edge[i].first; class < end; class ++)
            VEC_ADD(&x->e->target, x->number[edge[i].to]);
    }
}

static void emit_branch(struct emission *x, diagram d)
{
    uint32_t n;
    const struct diagram_edge *edge = diagram_edges(x->a->m, d, &n);
    const uint32_t level = diagram_level(x->a->m, d);
    const uint32_t classes = diagrams_classes(x->a->m, level);
    /* A target is half of an edge, and needs no search. */
    const bool flat = classes <= 4 * n;
    struct table_branch b = {.classifier = x->s->first_classifier + x->a->facet_at[level],
                             .flat = flat,
                             .n = (flat ? classes : n) & 0x7fffffffu,
                             .first = x->e->edge.n};
    if (flat)
        emit_flat(x, edge, n, &b);
    else
        for (uint32_t i = 0; i < n; i++)
            VEC_ADD(&x->e->edge, (struct table_edge){edge[i].first, x->number[edge[i].to]});
    VEC_ADD(&x->e->branch, b);
}

static void emit_piece(struct emission *x, const struct piece *p)
{
    struct table_stage stage = {.test = x->s->table->clause[p->clause].entry,
                                .route = x->s->route,
                                .first_branch = x->e->branch.n,
                                .first_leaf = x->e->leaf.n};
    x->stage = &stage;
    x->node.n = 0;
    diagram_each(x->a->m, p->is, note, x);
    uint32_t branches = stage.n_branches, leaves = 0;
    for (uint32_t i = 0; i < x->node.n; i++) {
        const diagram d = x->node.at[i];
        x->number[d] = diagram_is_leaf(x->a->m, d) ? (stage.first_leaf + leaves++) | TABLE_LEAF
                                                   : stage.first_branch + --branches;
    }
    for (uint32_t i = 0; i < x->node.n; i++)
        if (diagram_is_leaf(x->a->m, x->node.at[i]))
            emit_leaf(x, x->node.at[i]);
    for (uint32_t i = x->node.n; i-- > 0;)
        if (!diagram_is_leaf(x->a->m, x->node.at[i]))
            emit_branch(x, x->node.at[i]);
    stage.entry = x->number[p->is];
    x->next = x->e->stage.n;
    VEC_ADD(&x->e->stage, stage);
}

void emit_route(struct emitting *e, const struct staging *s, struct attempt *a)
{
    struct staging with = *s;
    with.first_classifier = e->classifier.n;
    for (uint32_t i = 0; i < s->classified.n_facets; i++)
        VEC_ADD(&e->classifier, s->classified.facet[i].classifier);
    struct emission x = {.e = e, .s = &with, .a = a, .next = TABLE_NO_STAGE};
    x.number = MUST_ARRAY(uint32_t, diagrams_mark(a->m).n_nodes);
    for (uint32_t i = a->piece.n; i-- > 0;)
        emit_piece(&x, &a->piece.at[i]);
    e->route[s->route].stage = x.next;
    free(x.number);
    VEC_DONE(&x.node);
}

#define KEEP(t, items, count, vec)                                                                 \
    do {                                                                                           \
        void *kept = arena_take(&(t)->arena, (vec)->n, sizeof(*(vec)->at));                        \
        if ((vec)->n > 0)                                                                          \
            memcpy(kept, (vec)->at, (vec)->n * sizeof(*(vec)->at));                                \
        (t)->items = kept;                                                                         \
        (t)->count = (vec)->n;                                                                     \
        VEC_DONE(vec);                                                                             \
    } while (0)

static uint32_t turned(const struct emitting *e, uint32_t stage)
{
    return stage == TABLE_NO_STAGE ? stage : e->stage.n - 1 - stage;
}

static void turn_round(struct emitting *e, struct table *t)
{
    for (uint32_t i = 0; i < e->leaf.n; i++)
        e->leaf.at[i].stage = turned(e, e->leaf.at[i].stage);
    for (uint32_t i = 0; i < t->n_routes; i++)
        e->route[i].stage = turned(e, e->route[i].stage);
    for (uint32_t i = 0; i < e->stage.n / 2; i++) {
        const struct table_stage other = e->stage.at[i];
        e->stage.at[i] = e->stage.at[e->stage.n - 1 - i];
        e->stage.at[e->stage.n - 1 - i] = other;
    }
}

void emit_keep(struct emitting *e, struct table *t)
{
    turn_round(e, t);
    KEEP(t, classifier, n_classifiers, &e->classifier);
    KEEP(t, stage, n_stages, &e->stage);
    KEEP(t, branch, n_branches, &e->branch);
    KEEP(t, edge, n_edges, &e->edge);
    KEEP(t, target, n_targets, &e->target);
    KEEP(t, leaf, n_leaves, &e->leaf);
    KEEP(t, act, n_acts, &e->act);
}
