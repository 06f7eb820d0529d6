/*
 * stage - the decision of a route as decision diagrams: what eval() walks.
 *
 * A route is a sequence of stages, each for a run of its clauses. A stage is a diagram: a branch
 * asks one classifier and goes on by class, a leaf says which clauses hold, in order, and whether
 * the last of them decides or another stage follows. It says the same as the nodes of table.h,
 * whose TESTs and clauses it is made from, and which are walked where it has no answer.
 */
#pragma once

#include <stdint.h>

#define TABLE_NO_STAGE UINT32_MAX

/* Where to go on: a branch, or with this bit a leaf. */
#define TABLE_LEAF 0x80000000u

/* What has no answer here, and is left to the nodes. */
#define TABLE_ASK_NODES UINT32_MAX

/* Classes from `first` up to the next edge's. */
struct table_edge {
    uint32_t first, to;
};

/* Edges, or where `flat` a target for each answer: whatever is smaller or hardly larger. */
struct table_branch {
    uint32_t classifier;
    uint32_t flat : 1;
    uint32_t n : 31; /* edges; where flat, answers */
    uint32_t first;  /* into table.edge, first class 0; where flat, into table.target */
};

/* What holds, in order: the first nodes of what clauses do. One alone is in the leaf itself,
 * several are in table.act. */
struct table_leaf {
    uint32_t act, n_acts;
    uint32_t stage; /* where to go on, or TABLE_NO_STAGE: the last one decides */
};

/* Has its branches and leaves for itself. A branch leads to branches behind it. */
struct table_stage {
    uint32_t entry; /* a branch or a leaf */
    uint32_t test;  /* the node to go on from where it has no answer */
    uint32_t route;
    uint32_t first_branch, n_branches, first_leaf, n_leaves;
};
