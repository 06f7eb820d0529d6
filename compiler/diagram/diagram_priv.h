/* diagram_priv - what the files of this room share: the inside of a manager. */
#pragma once

#include "compiler/diagram/diagram.h"
#include "runtime/base/vec.h"

/* Of a leaf, `level` is DIAGRAM_LEAF and `first_edge` the value. */
struct diagram_inner {
    uint32_t level;
    uint32_t first_edge;
    uint32_t n_edges : 31;
    uint32_t falls : 1;
};

struct diagram_memo {
    uint32_t op; /* 1 + an index into diagrams.op; 0: free */
    uint32_t operand[3];
    diagram result;
};

/* One pair (or triple) that is being combined: see apply.c. */
struct diagram_frame {
    uint32_t operand[3];
    uint32_t level;
    uint32_t at;      /* the class that is being worked on */
    uint32_t edge[3]; /* of each operand, the edge that holds there */
    uint32_t made;    /* where its edges begin in diagrams.making */
};

/* Where a node stands in the walk of this stamp. */
struct diagram_seen {
    uint32_t stamp, position;
};

struct diagrams {
    uint32_t *classes;
    uint32_t n_levels;

    VEC(struct diagram_inner) node;
    VEC(struct diagram_edge) edge;
    uint32_t *slot; /* 1 + an index into node, 0 where free */
    uint32_t n_slots;

    uint64_t limit;      /* of nodes and edges together */
    uint64_t work;       /* done since the last allowance */
    uint64_t work_limit; /* see diagrams_allow() */
    bool over;

    VEC(struct diagram_op) op; /* those seen since the memory was last cleared */
    struct diagram_memo *memo;
    uint32_t n_memo, memo_room;

    uint32_t active; /* operations going on: one may ask for another */
    VEC(struct diagram_frame) frame;
    VEC(struct diagram_edge) making;

    struct diagram_seen *seen; /* of each node; walk.c */
    uint32_t n_seen, stamp;
};

/* Counts work; false, and over, when it was too much. */
bool diagrams_work(struct diagrams *m, uint64_t more);

/* Forgets all results of operations. */
void diagrams_forget(struct diagrams *m);

/* The node with the edges behind `from` in diagrams.making, which are taken out. Neighbours differ;
 * an only edge makes no node. */
diagram diagrams_made(struct diagrams *m, uint32_t level, uint32_t from);
