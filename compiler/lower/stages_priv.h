/* stages_priv - what the files that make diagrams share. */
#pragma once

#include "compiler/classify/classify.h"
#include "compiler/diagram/diagram.h"
#include "compiler/table/stage.h"
#include "compiler/table/table.h"
#include "runtime/base/arena.h"
#include "runtime/base/vec.h"

/* ---- what a leaf stands for (acts.c) ---- */

/* Clauses that hold, in order, as the value of a diagram's leaf: DIAGRAM_FALL is none of them, and
 * from DIAGRAM_OPEN on, others may follow. */
struct act {
    uint32_t clause;
    uint32_t rest; /* ACT_END, DIAGRAM_FALL, or another value */
};

#define ACT_END 0x7fffffffu

/* The value of a leaf that leaves everything to the nodes. */
#define ACT_ASK_NODES 0x7ffffffeu

struct acts {
    VEC(struct act) act;
    uint32_t *slot; /* 1 + an index into act */
    uint32_t n_slots;
    VEC(uint32_t) joining;
};

/* One clause alone: `open` when what follows may go on. */
uint32_t acts_one(struct acts *a, uint32_t clause, bool open);
struct act acts_at(const struct acts *a, uint32_t value);
void acts_done(struct acts *a);

/* First `x`, and where it falls through, `y`. */
diagram acts_merge(struct acts *a, struct diagrams *m, diagram x, diagram y);

/* ---- where a clause leads once it holds ---- */

enum outcome_kind { OUTCOME_DECIDES, OUTCOME_GOES_ON, OUTCOME_ROUTE, OUTCOME_UNKNOWN };

struct outcome {
    enum outcome_kind kind;
    bool changes;   /* something, on the way */
    uint32_t route; /* ROUTE: that one decides */
};

/* ---- one route (stages.c, clauses.c, emit.c) ---- */

/* A run of clauses whose decision is one diagram. */
struct piece {
    diagram is;
    uint32_t clause; /* the first */
    uint64_t edges;  /* of the diagram */
    uint64_t base;   /* the edges of its clauses by themselves */
};

/* One attempt at a route, or at a sample of its clauses, with its order of variables. */
struct attempt {
    struct diagrams *m;
    uint32_t *level;    /* of each facet */
    uint32_t *facet_at; /* of each level */
    struct acts acts;
    VEC(struct piece) piece;
    uint32_t step;     /* 1, or every how many-th clause is taken to try the order */
    uint32_t segments; /* pieces there must be at least */
    uint64_t edges;    /* of all pieces */
    bool failed;       /* something was not understood */
};

struct staging {
    struct table *table;
    uint32_t route;
    struct arena arena; /* for this route */
    VEC(uint32_t) atom; /* those that the route asks, by number */
    uint32_t *atom_at;  /* of each atom of the table: 1 + its place in `atom`; 0 */
    struct classified classified;
    struct outcome *outcome;   /* of each clause */
    bool *begins;              /* of each clause: a stage must begin with it */
    uint32_t *asked, *first;   /* of each facet: in how many clauses; the first of them */
    uint32_t segments;         /* stages there must be at least */
    uint32_t first_classifier; /* its facets, in the table */
};

/* clauses.c: the diagram of one clause, or DIAGRAM_OVER. */
diagram clause_diagram(const struct staging *s, struct attempt *a, uint32_t clause);

/* order.c: the facets by level, most promising first; `choice` is 0, 1, 2. */
void order_facets(const struct staging *s, uint32_t choice, uint32_t *facet_at);

/* emit.c: what goes into the table, stages last one first. */
struct emitting {
    struct table_route *route; /* the table's */
    VEC(const struct table_classifier *) classifier;
    VEC(struct table_stage) stage;
    VEC(struct table_branch) branch;
    VEC(struct table_edge) edge;
    VEC(uint32_t) target;
    VEC(struct table_leaf) leaf;
    VEC(uint32_t) act;
};

void emit_route(struct emitting *e, const struct staging *s, struct attempt *a);
void emit_keep(struct emitting *e, struct table *t);
