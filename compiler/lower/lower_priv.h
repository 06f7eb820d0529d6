/* lower_priv - what the parts of lowering share: the table as it grows. */
#pragma once

#include "compiler/lower/lower.h"
#include "compiler/sema/program.h"
#include "runtime/base/vec.h"

/* From a hash to the indices of what has it, so that equal things are made once. */
struct index {
    uint32_t *slot; /* 1 + an index, 0 where free */
    uint32_t n, room;
    VEC(uint64_t) hash; /* of each index */
};

typedef bool index_eq(const void *of, uint32_t i, const void *wanted);

/* The index of what equals `wanted`, or UINT32_MAX. */
uint32_t index_find(const struct index *x, uint64_t hash, index_eq *eq, const void *of,
                    const void *wanted);

/* Adds the next index: 0 the first time, and so on. */
void index_add(struct index *x, uint64_t hash);
void index_done(struct index *x);

/* Where a set came from; the same source is the same set, however often it is asked for. */
struct set_source {
    const struct slice *string;
    const struct network *network;
    uint32_t n;
};

struct lowering {
    struct table *table;
    struct arena *arena; /* the table's */
    const struct program *program;

    VEC(struct table_node) node; /* last one first: see lower_condition.c */
    VEC(struct table_atom) atom;
    struct index atom_index;
    VEC(struct table_effect) effect;
    VEC(struct table_end) end;
    uint32_t *forward_end; /* the end that forwards to each cluster, or UINT32_MAX */

    VEC(struct table_network_set) network_set;
    VEC(struct set_source) network_source;
    struct index network_index;
    VEC(struct table_string_set) string_set;
    VEC(struct set_source) string_source;
    struct index string_index;

    struct slice file, file_copy; /* the last place's file, and its copy in the arena */
};

/* lower.c */
struct slice lower_string(struct lowering *l, struct slice s);
struct table_place lower_place(struct lowering *l, struct span span);
struct table_template lower_template(struct lowering *l, const struct table_template *from);

/* lower_objects.c: clusters with their servers, listeners */
void lower_objects(struct lowering *l);

/* lower_set.c: index into table.network_set and table.string_set */
uint32_t lower_network_set(struct lowering *l, const struct program_set *set);
uint32_t lower_string_set(struct lowering *l, const struct program_set *set);

/* lower_condition.c: adds a node, or the nodes of a condition; returns the one to begin with. Nodes
 * are named in the order they are added: `yes` and `no` were added before. */
uint32_t lower_node(struct lowering *l, struct table_node node);
uint32_t lower_condition(struct lowering *l, const struct cond *cond, uint32_t clause, uint32_t yes,
                         uint32_t no);

/* lower_route.c */
void lower_routes(struct lowering *l);
