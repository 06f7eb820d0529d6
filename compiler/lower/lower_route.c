/* Routes: the last clause first, each leading to what came behind it. */
#include "compiler/lower/lower_priv.h"

static uint32_t add_end(struct lowering *l, struct table_end end)
{
    VEC_ADD(&l->end, end);
    return l->end.n - 1;
}

/* All that forward to one cluster are one end. */
static uint32_t lower_forward(struct lowering *l, uint32_t cluster)
{
    if (l->forward_end[cluster] == UINT32_MAX)
        l->forward_end[cluster] =
            add_end(l, (struct table_end){.kind = END_FORWARD, .cluster = cluster});
    return l->forward_end[cluster];
}

static uint32_t lower_end(struct lowering *l, uint32_t clause, struct table_end end)
{
    return lower_node(
        l, (struct table_node){.kind = NODE_END, .what = add_end(l, end), .clause = clause});
}

static uint32_t lower_change(struct lowering *l, const struct action *a,
                             enum table_effect_kind kind, uint32_t clause, uint32_t next)
{
    struct table_effect effect = {.kind = kind, .name = lower_string(l, a->name)};
    if (kind != EFFECT_REMOVE_HEADER)
        effect.value = lower_template(l, &a->value);
    VEC_ADD(&l->effect, effect);
    return lower_node(
        l, (struct table_node){
               .kind = NODE_EFFECT, .what = l->effect.n - 1, .yes = next, .clause = clause});
}

/* `next` is where the action leads if it is not terminal: the action behind it, or for CONTINUE the
 * next clause. */
static uint32_t lower_action(struct lowering *l, const struct action *a, uint32_t clause,
                             uint32_t next)
{
    switch (a->kind) {
    case ACTION_CONTINUE: return next;
    case ACTION_SET_HEADER: return lower_change(l, a, EFFECT_SET_HEADER, clause, next);
    case ACTION_ADD_HEADER: return lower_change(l, a, EFFECT_ADD_HEADER, clause, next);
    case ACTION_REMOVE_HEADER: return lower_change(l, a, EFFECT_REMOVE_HEADER, clause, next);
    case ACTION_FORWARD:
        return lower_node(l, (struct table_node){.kind = NODE_END,
                                                 .what = lower_forward(l, a->cluster),
                                                 .clause = clause});
    case ACTION_DENY:
        return lower_end(l, clause,
                         (struct table_end){.kind = END_DENY,
                                            .status = a->status,
                                            .body = lower_string(l, a->body)});
    case ACTION_RESPOND:
        return lower_end(l, clause,
                         (struct table_end){.kind = END_RESPOND,
                                            .status = a->status,
                                            .type = lower_string(l, a->type),
                                            .body = lower_string(l, a->body)});
    case ACTION_REDIRECT:
        return lower_end(l, clause,
                         (struct table_end){.kind = END_REDIRECT,
                                            .status = a->status,
                                            .location = lower_template(l, &a->value)});
    }
    return next;
}

static uint32_t lower_clause(struct lowering *l, const struct clause *c, uint32_t clause,
                             uint32_t next)
{
    uint32_t then = next;
    for (uint32_t i = c->n_actions; i-- > 0;)
        then = lower_action(l, &c->action[i], clause, then);
    return lower_condition(l, c->when, clause, then, next);
}

/* Returns the node to begin with, by the order in which nodes are made. The last clause decides, so
 * what would lie behind it is never led to. */
static uint32_t lower_route(struct lowering *l, const struct route *r, uint32_t first_clause)
{
    uint32_t next = UINT32_MAX;
    for (uint32_t i = r->n_clauses; i-- > 0;)
        next = lower_clause(l, &r->clause[i], first_clause + i, next);
    return next;
}

static void lower_clauses(struct lowering *l, struct table_clause *clause, uint32_t route,
                          const struct route *r)
{
    for (uint32_t i = 0; i < r->n_clauses; i++)
        clause[i] = (struct table_clause){
            .route = route, .number = i + 1, .place = lower_place(l, r->clause[i].span)};
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

void lower_routes(struct lowering *l)
{
    const struct program *p = l->program;
    struct table *t = l->table;
    struct table_route *route = ARENA_ARRAY(l->arena, struct table_route, p->n_routes);
    for (uint32_t i = 0; i < p->n_routes; i++) {
        route[i] = (struct table_route){.name = lower_string(l, p->route[i].name),
                                        .first_clause = t->n_clauses,
                                        .n_clauses = p->route[i].n_clauses};
        t->n_clauses += p->route[i].n_clauses;
    }
    struct table_clause *clause = ARENA_ARRAY(l->arena, struct table_clause, t->n_clauses);
    for (uint32_t i = 0; i < p->n_routes; i++)
        lower_clauses(l, clause + route[i].first_clause, i, &p->route[i]);

    /* The last route first, so that its nodes come last once they are turned round. */
    for (uint32_t i = p->n_routes; i-- > 0;)
        route[i].entry = lower_route(l, &p->route[i], route[i].first_clause);
    for (uint32_t i = 0; i < p->n_routes; i++)
        route[i].entry = l->node.n - 1 - route[i].entry;

    t->route = route;
    t->n_routes = p->n_routes;
    t->clause = clause;
    t->node = turned_round(l);
    t->n_nodes = l->node.n;
}
