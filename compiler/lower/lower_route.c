/* Routes: the last clause first, each leading to what came behind it. */
#include "compiler/lower/lower_priv.h"
#include "runtime/base/hash.h"

static void lower_clause(struct lowering *l, const struct clause *c, uint32_t clause,
                         struct table_clause *out)
{
    out->then = out->next;
    for (uint32_t i = c->n_actions; i-- > 0;)
        out->then = lower_action(l, &c->action[i], clause, out->then);
    out->entry = lower_condition(l, c->when, clause, out->then, out->next);
}

/* A route without `otherwise` is proven to need none. Were the proof wrong, requests would be
 * refused. Connections and responses pass. */
static uint32_t lower_fall_out(struct lowering *l, const struct route *r, enum table_phase phase,
                               uint32_t first_clause)
{
    const uint32_t last = first_clause + r->n_clauses - 1;
    if (phase != PHASE_REQUEST)
        return lower_end(l, last, (struct table_end){.kind = END_PASS});
    if (r->clause[r->n_clauses - 1].when->kind == COND_TRUE)
        return TABLE_NO_NODE;
    return lower_end(l, last,
                     (struct table_end){.kind = END_DENY, .status = 404, .body = SLICE("")});
}

/* Returns the node to begin with, by the order in which nodes are made. Behind `otherwise` lies
 * nothing. */
static uint32_t lower_route(struct lowering *l, const struct route *r, enum table_phase phase,
                            struct table_clause *clause, uint32_t first_clause)
{
    uint32_t next = lower_fall_out(l, r, phase, first_clause);
    for (uint32_t i = r->n_clauses; i-- > 0;) {
        clause[i].next = next;
        lower_clause(l, &r->clause[i], first_clause + i, &clause[i]);
        next = clause[i].entry;
    }
    return next;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Word by word, so that another indentation is no other clause. What a template gives it is not
 * part of it. */
static uint64_t text_of(const struct lowering *l, struct span span)
{
    const struct sources *sources = l->program->sources;
    struct span use;
    if (!sources)
        return 0;
    while (sources_origin(sources, &span, &use))
        ;
    const struct place at = sources_place(sources, span.from);
    const char *text = at.line_text.at + (span.from - at.line_from),
               *end = text + (span.to - span.from);
    uint64_t hash = 0;
    for (const char *word; text < end; hash = hash_bytes(word, (size_t)(text - word), hash)) {
        while (text < end && is_blank(*text))
            text++;
        word = text;
        while (text < end && !is_blank(*text))
            text++;
    }
    return hash;
}

static void lower_clauses(struct lowering *l, struct table_clause *clause, uint32_t route,
                          const struct route *r)
{
    for (uint32_t i = 0; i < r->n_clauses; i++)
        clause[i] = (struct table_clause){.route = route,
                                          .number = i + 1,
                                          .place = lower_place(l, r->clause[i].span),
                                          .text = text_of(l, r->clause[i].span)};
}

/* The first shall be last: from the order of making to one in which every edge points forward. */
static const struct table_node *turned_round(struct lowering *l)
{
    const uint32_t n = l->node.n;
    struct table_node *node = ARENA_ARRAY(l->arena, struct table_node, n);
    for (uint32_t i = 0; i < n; i++) {
        struct table_node *to = &node[n - 1 - i];
        *to = l->node.at[i];
        to->yes = to->kind == NODE_END ? 0 : n - 1 - to->yes;
        to->no = to->kind == NODE_TEST ? n - 1 - to->no : 0;
    }
    return node;
}

static uint32_t turned(const struct lowering *l, uint32_t node)
{
    return node == TABLE_NO_NODE ? node : l->node.n - 1 - node;
}

static void turn_clauses(const struct lowering *l, struct table_clause *clause, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        clause[i].entry = turned(l, clause[i].entry);
        clause[i].then = turned(l, clause[i].then);
        clause[i].next = turned(l, clause[i].next);
    }
}

/* Routes in an order in which each comes before those it goes to: nodes are made last one first, so
 * it is gone through from the end. Sema refuses rings. */
struct ordering {
    const struct lowering *l;
    bool *seen;
    uint32_t *order;
    uint32_t n;
};

static void add_route(struct ordering *o, uint32_t route)
{
    if (o->seen[route])
        return;
    o->seen[route] = true;
    const struct route *r = program_route(o->l->program, route);
    for (uint32_t i = 0; i < r->n_clauses; i++)
        for (uint32_t k = 0; k < r->clause[i].n_actions; k++)
            if (r->clause[i].action[k].kind == ACTION_GOTO)
                add_route(o, r->clause[i].action[k].route);
    o->order[o->n++] = route;
}

/* Each with its nodes in one piece; what it goes to first. */
static void lower_all(struct lowering *l, const struct table_route *route,
                      struct table_clause *clause, uint32_t n)
{
    struct ordering o = {
        .l = l, .seen = MUST_ARRAY(bool, n + 1), .order = MUST_ARRAY(uint32_t, n + 1)};
    for (uint32_t i = n; i-- > 0;)
        add_route(&o, i);
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t r = o.order[i];
        l->route_begin[r] = lower_route(l, program_route(l->program, r), route[r].phase,
                                        clause + route[r].first_clause, route[r].first_clause);
    }
    free(o.seen);
    free(o.order);
}

static void name_routes(struct lowering *l, struct table_route *route, uint32_t n)
{
    static const char *const WHEN[] = {" on connect", "", " on response"};
    for (uint32_t i = 0; i < n; i++) {
        const struct route *r = program_route(l->program, i);
        const enum table_phase phase = i < l->program->n_routes ? PHASE_REQUEST : r->phase;
        route[i] = (struct table_route){.phase = phase,
                                        .stage = TABLE_NO_STAGE,
                                        .first_clause = l->table->n_clauses,
                                        .n_clauses = r->n_clauses};
        const struct slice name =
            arena_format(l->arena, SLICE_FMT "%s", SLICE_ARG(r->name), WHEN[phase]);
        route[i].name = name;
        l->table->n_clauses += r->n_clauses;
    }
}

struct table_route *lower_routes(struct lowering *l)
{
    const uint32_t n = program_n_routes(l->program);
    struct table *t = l->table;
    struct table_route *route = ARENA_ARRAY(l->arena, struct table_route, n);
    name_routes(l, route, n);
    struct table_clause *clause = ARENA_ARRAY(l->arena, struct table_clause, t->n_clauses);
    for (uint32_t i = 0; i < n; i++)
        lower_clauses(l, clause + route[i].first_clause, i, program_route(l->program, i));

    l->route_begin = MUST_ARRAY(uint32_t, n + 1);
    lower_all(l, route, clause, n);
    for (uint32_t i = 0; i < n; i++)
        route[i].entry = turned(l, l->route_begin[i]);
    turn_clauses(l, clause, t->n_clauses);

    t->route = route;
    t->n_routes = n;
    t->clause = clause;
    t->node = turned_round(l);
    t->n_nodes = l->node.n;
    return route;
}
