/*
 * From the nodes of a route to its stages: README.md tells how.
 *
 * Everything is made from the finished nodes, atoms and clauses of the table, and from nothing
 * else: what the diagram says is what they say.
 */
#include <string.h>

#include "compiler/lower/lower_priv.h"
#include "compiler/lower/stages_priv.h"
#include "compiler/table/touch.h"

/* Sets with more members are asked as they are. */
#define MEMBERS_MAX 1024u

/* Two pieces are not merged when that costs more than this. */
#define EDGES_PER_BASE 12u
#define EDGES_FREE     8192u

/* A first order that comes to no more than this is good enough. */
#define GOOD_PER_BASE 3u

#define ORDERS 3u

/* Of a route with more clauses than that, orders are tried with a sample of so many. */
#define SAMPLE 512u

/* ---- what is known before ---- */

/* The route that begins at this node, or UINT32_MAX. Several may, where they only lead to one: it
 * is the one whose node it is. */
static uint32_t route_at(const struct table *t, uint32_t node)
{
    const uint32_t route = t->clause[t->node[node].clause].route;
    return t->route[route].entry == node ? route : UINT32_MAX;
}

static struct outcome outcome_of(const struct table *t, uint32_t clause)
{
    const struct table_clause *c = &t->clause[clause];
    struct outcome o = {.kind = OUTCOME_GOES_ON, .route = UINT32_MAX};
    uint32_t at = c->then;
    while (at != c->next && t->node[at].clause == clause) {
        if (t->node[at].kind != NODE_EFFECT && t->node[at].kind != NODE_END)
            return (struct outcome){.kind = OUTCOME_UNKNOWN};
        if (t->node[at].kind == NODE_END) {
            o.kind = OUTCOME_DECIDES;
            return o;
        }
        o.changes = true;
        at = t->node[at].yes;
    }
    if (at == c->next)
        return o;
    o.route = route_at(t, at);
    o.kind = o.route == UINT32_MAX ? OUTCOME_UNKNOWN : OUTCOME_ROUTE;
    return o;
}

/* The TESTs of a clause, which are side by side. */
static uint32_t tests_of(const struct table *t, uint32_t clause, uint32_t *first)
{
    uint32_t n = 0;
    *first = t->clause[clause].entry;
    while (*first + n < t->n_nodes && t->node[*first + n].kind == NODE_TEST &&
           t->node[*first + n].clause == clause)
        n++;
    return n;
}

static void collect_atoms(struct staging *s, const struct table_route *r)
{
    for (uint32_t c = r->first_clause; c < r->first_clause + r->n_clauses; c++) {
        uint32_t first;
        const uint32_t n = tests_of(s->table, c, &first);
        for (uint32_t i = first; i < first + n; i++) {
            uint32_t *at = &s->atom_at[s->table->node[i].what];
            if (*at != 0)
                continue;
            VEC_ADD(&s->atom, s->table->node[i].what);
            *at = s->atom.n;
        }
    }
}

static void count_facets(struct staging *s, const struct table_route *r)
{
    s->asked = ARENA_ARRAY(&s->arena, uint32_t, s->classified.n_facets);
    s->first = ARENA_ARRAY(&s->arena, uint32_t, s->classified.n_facets);
    for (uint32_t c = r->first_clause; c < r->first_clause + r->n_clauses; c++) {
        uint32_t first;
        const uint32_t n = tests_of(s->table, c, &first);
        for (uint32_t i = first; i < first + n; i++) {
            const uint32_t atom = s->atom_at[s->table->node[i].what] - 1;
            const uint32_t facet = s->classified.atom[atom].facet;
            if (s->asked[facet]++ == 0)
                s->first[facet] = i; /* nodes are numbered as they were written */
        }
    }
}

/* The groups of fields that changes have touched since the stage began. */
struct touched {
    bool *group;
    VEC(uint32_t) effect; /* those that were looked at */
};

static bool same_change(const struct table_effect *a, const struct table_effect *b)
{
    return a->kind == b->kind && slice_eq(a->name, b->name);
}

static void touch(const struct staging *s, struct touched *x, uint32_t effect)
{
    const struct table *t = s->table;
    for (uint32_t i = x->effect.n; i-- > 0;)
        if (same_change(&t->effect[x->effect.at[i]], &t->effect[effect]))
            return;
    VEC_ADD(&x->effect, effect);
    for (uint32_t i = 0; i < s->classified.n_facets; i++) {
        const struct classified_facet *f = &s->classified.facet[i];
        x->group[f->group] |= touches(&t->effect[effect], f->classifier->field, f->classifier->key);
    }
}

static void touch_all(const struct staging *s, struct touched *x, uint32_t clause)
{
    const struct table *t = s->table;
    for (uint32_t at = t->clause[clause].then;
         at != t->clause[clause].next && t->node[at].clause == clause &&
         t->node[at].kind == NODE_EFFECT;
         at = t->node[at].yes)
        touch(s, x, t->node[at].what);
}

static bool asks_touched(const struct staging *s, const struct touched *x, uint32_t clause)
{
    uint32_t first;
    const uint32_t n = tests_of(s->table, clause, &first);
    for (uint32_t i = first; i < first + n; i++) {
        const uint32_t atom = s->atom_at[s->table->node[i].what] - 1;
        if (x->group[s->classified.facet[s->classified.atom[atom].facet].group])
            return true;
    }
    return false;
}

/* A stage ends before a clause that asks what a clause in it may have changed. */
static void find_segments(struct staging *s, const struct table_route *r)
{
    struct touched x = {.group = MUST_ARRAY(bool, s->classified.n_groups)};
    s->begins = ARENA_ARRAY(&s->arena, bool, r->n_clauses);
    s->begins[0] = true;
    s->segments = 1;
    for (uint32_t i = 0; i < r->n_clauses; i++) {
        const uint32_t clause = r->first_clause + i;
        if (x.effect.n > 0 && asks_touched(s, &x, clause)) {
            s->begins[i] = true;
            s->segments++;
            x.effect.n = 0;
            memset(x.group, 0, s->classified.n_groups * sizeof(*x.group));
        }
        if (s->outcome[i].kind == OUTCOME_GOES_ON)
            touch_all(s, &x, clause);
    }
    free(x.group);
    VEC_DONE(&x.effect);
}

/* ---- merging ---- */

/* Puts the second of two neighbours behind the first, where that is worth it. */
static bool merge_pieces(struct attempt *a, struct piece *left, const struct piece *right)
{
    const uint64_t most = EDGES_PER_BASE * (left->base + right->base) + EDGES_FREE;
    const struct diagrams_mark mark = diagrams_mark(a->m);
    diagrams_allow(a->m, 2 * most);
    const diagram both = acts_merge(&a->acts, a->m, left->is, right->is);
    const uint64_t edges = both == DIAGRAM_OVER ? most + 1 : diagram_size(a->m, both).edges;
    if (edges > most) {
        diagrams_rewind(a->m, mark);
        return false;
    }
    left->is = both;
    left->edges = edges;
    left->base += right->base;
    return true;
}

/* The clauses [from, to) of the attempt as pieces behind those that are there; halves first, so
 * that n clauses take n log n. Halving recurses no deeper than 32. */
static void build(const struct staging *s, struct attempt *a, uint32_t from, uint32_t to)
{
    if (to - from == 1) {
        const uint32_t clause = s->table->route[s->route].first_clause + from * a->step;
        diagrams_allow(a->m, UINT32_MAX / 8);
        struct piece p = {.is = clause_diagram(s, a, clause), .clause = clause};
        a->failed |= p.is == DIAGRAM_OVER;
        if (!a->failed)
            p.edges = p.base = diagram_size(a->m, p.is).edges;
        VEC_ADD(&a->piece, p);
        return;
    }
    const uint32_t middle = from + (to - from) / 2;
    build(s, a, from, middle);
    const uint32_t behind = a->piece.n;
    build(s, a, middle, to);
    if (a->failed || !merge_pieces(a, &a->piece.at[behind - 1], &a->piece.at[behind]))
        return;
    for (uint32_t i = behind; i + 1 < a->piece.n; i++)
        a->piece.at[i] = a->piece.at[i + 1];
    a->piece.n--;
}

static void attempt_done(struct attempt *a)
{
    diagrams_free(a->m);
    free(a->level);
    free(a->facet_at);
    acts_done(&a->acts);
    VEC_DONE(&a->piece);
    *a = (struct attempt){0};
}

static void begin_attempt(const struct staging *s, uint32_t choice, struct attempt *a)
{
    const uint32_t n = s->classified.n_facets;
    a->level = MUST_ARRAY(uint32_t, n);
    a->facet_at = MUST_ARRAY(uint32_t, n);
    uint32_t *classes = MUST_ARRAY(uint32_t, n);
    order_facets(s, choice, a->facet_at);
    for (uint32_t i = 0; i < n; i++) {
        a->level[a->facet_at[i]] = i;
        classes[i] = classifier_answers(s->classified.facet[a->facet_at[i]].classifier);
    }
    a->m = diagrams_new(classes, n, UINT32_MAX / 8);
    free(classes);
}

/* A sample is only to be measured: it is taken as one segment, wherever the clauses come from. */
static void attempt(const struct staging *s, uint32_t choice, uint32_t step, struct attempt *a)
{
    *a = (struct attempt){.step = step, .segments = step == 1 ? s->segments : 1};
    begin_attempt(s, choice, a);
    const uint32_t n = (s->table->route[s->route].n_clauses - 1) / step + 1;
    for (uint32_t from = 0; from < n && !a->failed;) {
        uint32_t to = from + 1;
        while (to < n && !(step == 1 && s->begins[to]))
            to++;
        build(s, a, from, to);
        from = to;
    }
    for (uint32_t i = 0; i < a->piece.n && !a->failed; i++)
        a->edges += a->piece.at[i].edges;
}

static bool is_good(const struct attempt *a)
{
    uint64_t base = 0;
    for (uint32_t i = 0; i < a->piece.n; i++)
        base += a->piece.at[i].base;
    return a->piece.n == a->segments && a->edges <= GOOD_PER_BASE * base + EDGES_FREE;
}

static bool is_better(const struct attempt *a, const struct attempt *than)
{
    return a->piece.n != than->piece.n ? a->piece.n < than->piece.n : a->edges < than->edges;
}

/* The best of some orders; returns which. */
static uint32_t best_order(const struct staging *s, uint32_t step, struct attempt *best)
{
    uint32_t order = 0;
    attempt(s, 0, step, best);
    for (uint32_t choice = 1; choice < ORDERS && !best->failed && !is_good(best); choice++) {
        struct attempt other;
        attempt(s, choice, step, &other);
        if (!other.failed && is_better(&other, best)) {
            attempt_done(best);
            *best = other;
            order = choice;
        } else {
            attempt_done(&other);
        }
    }
    return order;
}

/* False when the route is none for a diagram. */
static bool best_attempt(const struct staging *s, struct attempt *best)
{
    const uint32_t step = s->table->route[s->route].n_clauses / SAMPLE;
    const uint32_t order = best_order(s, step > 1 ? step : 1, best);
    if (step > 1 && !best->failed) {
        attempt_done(best);
        attempt(s, order, 1, best);
    }
    return !best->failed;
}

/* ---- routes ---- */

/* Does it lead to a route that has no diagram, or do something we know nothing of? */
static bool find_outcomes(struct staging *s, const struct table_route *r)
{
    s->outcome = ARENA_ARRAY(&s->arena, struct outcome, r->n_clauses);
    for (uint32_t i = 0; i < r->n_clauses; i++) {
        const struct outcome o = outcome_of(s->table, r->first_clause + i);
        if (o.kind == OUTCOME_UNKNOWN ||
            (o.kind == OUTCOME_ROUTE && s->table->route[o.route].stage == TABLE_NO_STAGE))
            return false;
        s->outcome[i] = o;
    }
    return true;
}

static void stage_route(struct staging *s, struct emitting *e)
{
    const struct table_route *r = &s->table->route[s->route];
    if (find_outcomes(s, r)) {
        collect_atoms(s, r);
        const struct classify_options options = {.members_max = MEMBERS_MAX,
                                                 .classifiers = &s->table->arena};
        s->classified = classify(s->table, s->atom.at, s->atom.n, &options, &s->arena);
        count_facets(s, r);
        find_segments(s, r);
        struct attempt a;
        if (best_attempt(s, &a))
            emit_route(e, s, &a);
        attempt_done(&a);
    }
    for (uint32_t i = 0; i < s->atom.n; i++)
        s->atom_at[s->atom.at[i]] = 0;
    s->atom.n = 0;
    arena_free(&s->arena);
}

struct by_entry {
    uint32_t entry, route;
    bool leads; /* to the route that begins with the same node */
};

static int last_first(const void *a, const void *b)
{
    const struct by_entry *x = a, *y = b;
    return x->entry == y->entry ? x->leads - y->leads
                                : (x->entry < y->entry) - (x->entry > y->entry);
}

void lower_stages(struct table *t, struct table_route *route)
{
    struct staging s = {.table = t, .atom_at = MUST_ARRAY(uint32_t, t->n_atoms)};
    struct emitting e = {.route = route};
    /* What a route leads to has a higher entry, or the same, and is done before. */
    struct by_entry *order = MUST_ARRAY(struct by_entry, t->n_routes);
    for (uint32_t i = 0; i < t->n_routes; i++)
        order[i] = (struct by_entry){t->route[i].entry, i, route_at(t, t->route[i].entry) != i};
    if (t->n_routes > 0)
        qsort(order, t->n_routes, sizeof(*order), last_first);
    for (uint32_t i = 0; i < t->n_routes; i++) {
        s.route = order[i].route;
        stage_route(&s, &e);
    }
    emit_keep(&e, t);
    free(order);
    free(s.atom_at);
    VEC_DONE(&s.atom);
}
