/* Routes, clauses and nodes: every walk ends, and no walk makes more changes than a verdict holds.
 */
#include "compiler/table/verify_priv.h"

static const char *verify_route(const struct table *t, uint32_t route)
{
    const struct table_route *r = &t->route[route];
    REQUIRE(r->entry < t->n_nodes, "a route begins at a node that is not there");
    REQUIRE(r->n_clauses > 0, "a route has no clauses");
    REQUIRE(r->first_clause < t->n_clauses && r->n_clauses <= t->n_clauses - r->first_clause,
            "a route has clauses that are not there");
    for (uint32_t i = 0; i < r->n_clauses; i++) {
        const struct table_clause *c = &t->clause[r->first_clause + i];
        REQUIRE(c->route == route, "a clause belongs to another route than the one it is in");
        REQUIRE(c->number == i + 1, "the clauses of a route are not numbered from 1");
    }
    return NULL;
}

/* A connection is dropped or passes, a response passes; a request does not. */
static bool end_fits(enum table_phase phase, enum table_end_kind end)
{
    if (phase == PHASE_REQUEST)
        return end != END_PASS;
    return end == END_PASS || (phase == PHASE_CONNECT && end == END_DROP);
}

static const char *verify_clause(const struct table *t, uint32_t clause)
{
    const struct table_clause *c = &t->clause[clause];
    const struct table_route *r = &t->route[c->route];
    REQUIRE(c->entry < t->n_nodes, "a clause begins at a node that is not there");
    REQUIRE(c->number > 1 || c->entry == r->entry, "a route does not begin with its first clause");
    REQUIRE(c->then < t->n_nodes && c->then >= c->entry,
            "what a clause does is not behind its condition");
    if (c->number < r->n_clauses)
        REQUIRE(c->next == c[1].entry, "a clause does not lead to the one behind it");
    else if (c->next != TABLE_NO_NODE)
        REQUIRE(c->next < t->n_nodes && t->node[c->next].kind == NODE_END &&
                    t->node[c->next].clause == clause,
                "the last clause of a route leads to something that is no end of its own");
    /* `otherwise { continue }` has no node: it is the end itself. */
    REQUIRE(c->next == TABLE_NO_NODE || c->next > c->entry ||
                (c->next == c->entry && t->node[c->next].kind == NODE_END),
            "the clause behind another is not behind it");
    return NULL;
}

static bool points_forward(const struct table *t, uint32_t from, uint32_t to)
{
    return to > from && to < t->n_nodes;
}

static const char *verify_node(const struct table *t, uint32_t i)
{
    static const char *const BACKWARD = "a node points backward, to itself or past the last one";
    const struct table_node *node = &t->node[i];
    REQUIRE(node->kind <= NODE_END, "a node is of no known kind");
    REQUIRE(node->clause < t->n_clauses, "a node belongs to a clause that is not there");
    switch (node->kind) {
    case NODE_TEST:
        REQUIRE(node->what < t->n_atoms, "a node asks an atom that is not there");
        REQUIRE(points_forward(t, i, node->yes) && points_forward(t, i, node->no), BACKWARD);
        break;
    case NODE_EFFECT:
        REQUIRE(node->what < t->n_effects, "a node makes a change that is not there");
        REQUIRE(points_forward(t, i, node->yes), BACKWARD);
        break;
    case NODE_END:
        REQUIRE(node->what < t->n_ends, "a node ends in an end that is not there");
        REQUIRE(end_fits(t->route[t->clause[node->clause].route].phase, t->end[node->what].kind),
                "a route ends in what its phase does not have");
        break;
    }
    return NULL;
}

/* The most effects on any walk from each node, last node first: what a node points to is known. */
static const char *verify_walks(const struct table *t, uint8_t *longest)
{
    for (uint32_t i = t->n_nodes; i-- > 0;) {
        const struct table_node *node = &t->node[i];
        switch (node->kind) {
        case NODE_TEST:
            longest[i] =
                longest[node->yes] > longest[node->no] ? longest[node->yes] : longest[node->no];
            break;
        case NODE_EFFECT:
            REQUIRE(longest[node->yes] < TABLE_EFFECTS_MAX,
                    "a request may meet more changes than a verdict can hold");
            longest[i] = (uint8_t)(longest[node->yes] + 1);
            break;
        case NODE_END: longest[i] = 0; break;
        }
    }
    return NULL;
}

const char *verify_graph(const struct table *t)
{
    uint64_t clauses = 0;
    for (uint32_t i = 0; i < t->n_routes; i++) {
        const char *problem = verify_route(t, i);
        if (problem)
            return problem;
        clauses += t->route[i].n_clauses;
    }
    REQUIRE(clauses == t->n_clauses, "a clause is in no route");
    for (uint32_t i = 0; i < t->n_clauses; i++) {
        const char *problem = verify_clause(t, i);
        if (problem)
            return problem;
    }

    /* The last node can point nowhere, so once all nodes pass it is an END, and so ends every walk.
     */
    for (uint32_t i = 0; i < t->n_nodes; i++) {
        const char *problem = verify_node(t, i);
        if (problem)
            return problem;
    }

    uint8_t *longest = MUST_ARRAY(uint8_t, t->n_nodes);
    const char *problem = verify_walks(t, longest);
    if (!problem)
        problem = verify_stages(t, longest);
    free(longest);
    return problem;
}
