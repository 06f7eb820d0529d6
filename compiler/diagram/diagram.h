/*
 * diagram - hash-consed decision diagrams over variables with many classes.
 *
 * A diagram maps an assignment of classes to variables to one value, its leaf. Variables are asked
 * in one fixed order, by level; a node asks one of them. Its edges are runs of classes: an edge
 * holds from its first class up to the next edge's. So whoever numbers classes such that what one
 * condition matches is a run (prefixes in lexical order, networks by address) pays for a condition
 * what it says, and not for how many classes it covers.
 *
 * Equal diagrams of one manager are the same number: neighbouring edges never lead to the same
 * place, a node always has two edges, and each node is there once. Nothing is freed before the
 * manager, except by diagrams_rewind().
 *
 * Every operation is bounded by the manager's budget. Past it, it answers DIAGRAM_OVER, and so does
 * all that follows, until diagrams_allow() or diagrams_rewind(): an honest "don't know", no
 * assertion. DIAGRAM_OVER may be handed to every operation.
 *
 * Any thread, one at a time. No function recurses.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/check.h"

/* A diagram: a leaf or a node of its manager. Numbers say nothing about order, except that what a
 * node leads to has a smaller number than the node. */
typedef uint32_t diagram;

#define DIAGRAM_OVER ((diagram)UINT32_MAX)

/* The value of the leaf that diagram_merge() replaces: nothing was decided. */
#define DIAGRAM_FALL (UINT32_MAX - 1)

/* Values from here on fall through in the sense of diagram_falls(): DIAGRAM_FALL, and such as only
 * an operation of the caller's understands. */
#define DIAGRAM_OPEN 0x80000000u

/* The level of a leaf. */
#define DIAGRAM_LEAF UINT32_MAX

struct diagrams;

/* From class `first` to the class before the next edge's first, or to the variable's last. */
struct diagram_edge {
    uint32_t first;
    diagram to;
};

/* Inclusive. */
struct diagram_run {
    uint32_t first, last;
};

/* ---- the manager ---- */

/* `classes[level]`: how many classes the variable has, at least 1. `budget` bounds the nodes and
 * edges that are kept; what is done on the way may be some times that. */
struct diagrams *diagrams_new(const uint32_t *classes, uint32_t n_levels, uint64_t budget);

/* NULL is allowed. */
void diagrams_free(struct diagrams *m);

bool diagrams_are_over(const struct diagrams *m);

/* From here on `more` nodes and edges may be made; forgets that the budget was exceeded. */
void diagrams_allow(struct diagrams *m, uint64_t more);

/* Nodes and edges that are kept now. */
uint64_t diagrams_used(const struct diagrams *m);

struct diagrams_mark {
    uint32_t n_nodes, n_edges;
};

/* Takes back all that was made since: those diagrams are no more. Forgets that the budget was
 * exceeded. */
struct diagrams_mark diagrams_mark(const struct diagrams *m);
void diagrams_rewind(struct diagrams *m, struct diagrams_mark mark);

uint32_t diagrams_classes(const struct diagrams *m, uint32_t level);

/* ---- making ---- */

/* `value` is anything; DIAGRAM_FALL is what merging replaces, 0 and 1 are false and true. */
diagram diagram_leaf(struct diagrams *m, uint32_t value);

static inline diagram diagram_fall(struct diagrams *m)
{
    return diagram_leaf(m, DIAGRAM_FALL);
}

static inline diagram diagram_bool(struct diagrams *m, bool value)
{
    return diagram_leaf(m, value);
}

/* Edges ascend strictly and begin at class 0; they lead to leaves and to higher levels. Neighbours
 * that lead to the same place are made one. */
diagram diagram_node(struct diagrams *m, uint32_t level, const struct diagram_edge *edge,
                     uint32_t n);

/* `yes` where the class is in one of the runs, which ascend and do not overlap, otherwise `no`. */
diagram diagram_choice(struct diagrams *m, uint32_t level, const struct diagram_run *run,
                       uint32_t n, diagram yes, diagram no);

/* ---- looking; not at DIAGRAM_OVER ---- */

uint32_t diagram_level(const struct diagrams *m, diagram d); /* DIAGRAM_LEAF for a leaf */
uint32_t diagram_value(const struct diagrams *m, diagram leaf);

/* The edges of a node, *n of them, good until the next diagram is made. */
const struct diagram_edge *diagram_edges(const struct diagrams *m, diagram node, uint32_t *n);

/* Where a node leads for one class of its variable. */
diagram diagram_child(const struct diagrams *m, diagram node, uint32_t class);

/* Does any path end in a leaf of DIAGRAM_OPEN or more? */
bool diagram_falls(const struct diagrams *m, diagram d);

static inline bool diagram_is_leaf(const struct diagrams *m, diagram d)
{
    return diagram_level(m, d) == DIAGRAM_LEAF;
}

/* The last class of edge `i` of `n` at this level. */
static inline uint32_t diagram_edge_last(const struct diagrams *m, uint32_t level,
                                         const struct diagram_edge *edge, uint32_t i, uint32_t n)
{
    return (i + 1 < n ? edge[i + 1].first : diagrams_classes(m, level)) - 1;
}

/* ---- combining ---- */

/* What to do with up to three diagrams, point by point. Operations are told apart by what is in
 * here, and remembered: the same functions with the same `with` must always answer the same. */
struct diagram_op {
    uint32_t arity; /* 1..3: how many of the operands are diagrams; the rest are plain numbers */

    /* True, and *out, when the answer is known without looking deeper; it must be where all
     * operands are leaves and `leaf` is NULL. May be NULL itself. May make and combine diagrams. */
    bool (*early)(struct diagrams *m, void *with, const uint32_t operand[3], diagram *out);

    /* The value at a point where all operands are leaves, of these values. */
    uint32_t (*leaf)(void *with, const uint32_t value[3]);
    void *with;
};

diagram diagram_apply(struct diagrams *m, const struct diagram_op *op, uint32_t a, uint32_t b,
                      uint32_t c);

/* `a`, and where it falls through, `b`: the first match. */
diagram diagram_merge(struct diagrams *m, diagram a, diagram b);

/* All of them in this order, by divide and conquer; falls through where n is 0. */
diagram diagram_merge_all(struct diagrams *m, const diagram *d, uint32_t n);

/* The same with any operation of two that is associative. `n` is at least 1. */
diagram diagram_fold(struct diagrams *m, const struct diagram_op *op, const diagram *d, uint32_t n);

/* Of boolean diagrams: leaves 0 and 1. */
diagram diagram_not(struct diagrams *m, diagram a);
diagram diagram_and(struct diagrams *m, diagram a, diagram b);
diagram diagram_or(struct diagrams *m, diagram a, diagram b);
diagram diagram_minus(struct diagrams *m, diagram a, diagram b); /* a and not b */

/* `yes` where the boolean diagram `is` is true, otherwise `no`; these have any leaves. */
diagram diagram_ite(struct diagrams *m, diagram is, diagram yes, diagram no);

/* The boolean diagram: 1 where the leaf is `value`. */
diagram diagram_where(struct diagrams *m, diagram d, uint32_t value);

/* The cofactor: what is left once the variable of `level` is known to be of `class`. */
diagram diagram_assign(struct diagrams *m, diagram d, uint32_t level, uint32_t class);

/* The boolean diagram that does not ask `level`: true where some class of it makes `d` true. */
diagram diagram_some(struct diagrams *m, diagram d, uint32_t level);

/* ---- walking ---- */

struct diagram_size {
    uint32_t nodes, edges; /* leaves are not counted */
    uint32_t leaves;       /* different ones */
    uint32_t depth;        /* the most nodes on one path */
};

struct diagram_size diagram_size(struct diagrams *m, diagram d);

/* Calls `seen` once for each node and leaf that `d` reaches, what is led to first. */
void diagram_each(struct diagrams *m, diagram d, void (*seen)(void *to, diagram at), void *to);

/* A decision on the way: the variable of `level` was of a class in the run. */
struct diagram_step {
    uint32_t level;
    struct diagram_run run;
};

enum diagram_go { DIAGRAM_GO_ON, DIAGRAM_GO_PAST, DIAGRAM_STOP };

/* Called with each path from the top, prefixes first: `n` steps lead to `at`. GO_PAST leaves out
 * what is below. There can be exponentially many paths: it is the visitor's to stop. */
typedef enum diagram_go diagram_visit(void *to, const struct diagram_step *step, uint32_t n,
                                      diagram at);

/* False when the visitor stopped it. The visitor must not make diagrams of this manager. */
bool diagram_walk(const struct diagrams *m, diagram d, diagram_visit *visit, void *to);
