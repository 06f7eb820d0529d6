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

/* Which strings of a set: hosts that begin with "*.", without their star, are a set of their own.
 * Of other fields a star is a character like any other. */
enum lower_strings { STRINGS_ALL, STRINGS_PLAIN, STRINGS_DOMAINS };

/* Where a set came from; the same source is the same set, however often it is asked for. */
struct set_source {
    const struct slice *string;
    const struct network *network;
    const struct table_number_range *range;
    uint32_t n;
    enum lower_strings which;
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
    VEC(struct table_number_set) number_set;
    VEC(struct set_source) number_source;
    struct index number_index;
    VEC(uint32_t) range_set; /* the sets that are the one range of a comparison */
    struct index range_index;
    VEC(struct table_string_set) string_set;
    VEC(struct set_source) string_source;
    struct index string_index;
    VEC(struct table_regex) regex;
    VEC(struct table_map) map;
    VEC(struct table_cors) cors_rule;
    VEC(struct table_jwt) jwt_rule;
    VEC(struct table_auth) auth_rule;
    VEC(const struct program_map *) map_source;
    uint32_t *route_begin; /* the first node of each route, once it is lowered */

    struct slice file, file_copy; /* the last place's file, and its copy in the arena */
};

/* lower.c */
struct slice lower_string(struct lowering *l, struct slice s);
struct table_place lower_place(struct lowering *l, struct span span);
struct table_template lower_template(struct lowering *l, const struct table_template *from);

/* lower_objects.c: clusters with their servers, listeners */
void lower_objects(struct lowering *l);
void lower_clauses_compress(struct lowering *l); /* once the effects are there */

/* lower_sources.c: where servers are found out, and who is asked for them */
void lower_sources(struct lowering *l, struct table_cluster *cluster);

/* lower_tls.c */

/* The setting `id` of a list, or NULL. */
const struct program_setting *lower_given(const struct program_setting *at, uint32_t n,
                                          enum setting_id id);

void lower_tls(struct lowering *l);
void lower_upstream_tls(struct lowering *l, const struct program_cluster *cluster,
                        struct table_upstream_tls *to);
void lower_health_tls(struct lowering *l, const struct program_cluster *cluster,
                      const struct table_upstream_tls *tls, struct table_health *to);

void lower_admin(struct lowering *l); /* lower_admin.c */

/* lower_limits.c; before whatever names one */
void lower_limits(struct lowering *l);
uint32_t lower_find_limit(const struct lowering *l, struct slice name);
uint32_t lower_find_shared(const struct lowering *l,
                           const struct program_setting *by); /* or NULL */
const uint32_t *lower_limits_named(struct lowering *l, const struct program_settings *by,
                                   enum setting_id id, uint32_t *n);

/* lower_set.c: index into table.network_set, table.number_set and table.string_set */
struct table_network_set lower_networks(struct arena *arena, const struct network *network,
                                        uint32_t n); /* one that is in no table */
uint32_t lower_network_set(struct lowering *l, const struct program_set *set);
uint32_t lower_number_set(struct lowering *l, const struct program_set *set);
uint32_t lower_number_range(struct lowering *l, uint64_t first, uint64_t last);
uint32_t lower_string_set(struct lowering *l, const struct program_set *set,
                          enum lower_strings which);
bool lower_is_domain(struct slice s);

/* lower_regex.c: index into table.regex; `finds`: where the matches are is wanted, too */
uint32_t lower_regex(struct lowering *l, struct slice pattern, struct slice flags, bool finds);
uint32_t lower_map(struct lowering *l, const struct program_map *map);
uint32_t lower_cors(struct lowering *l, const struct table_cors *from);
uint32_t lower_auth(struct lowering *l, const struct table_auth *from);

/* lower_jwt.c: the same, of table.jwt_rule. */
uint32_t lower_jwt(struct lowering *l, const struct action *a);

/* lower_action.c: the nodes of an action, which leads to `next` where it does not decide */
uint32_t lower_action(struct lowering *l, const struct action *a, uint32_t clause, uint32_t next);
uint32_t lower_end(struct lowering *l, uint32_t clause, struct table_end end);

/* lower_condition.c: adds a node, or the nodes of a condition; returns the one to begin with. Nodes
 * are named in the order they are added: `yes` and `no` were added before. */
uint32_t lower_node(struct lowering *l, struct table_node node);
uint32_t lower_condition(struct lowering *l, const struct cond *cond, uint32_t clause, uint32_t yes,
                         uint32_t no);

/* lower_route.c; returns the table's routes, to which stages are still to be given */
struct table_route *lower_routes(struct lowering *l);

/* stages.c: the diagrams of all routes, made from the finished nodes; `route` is the table's */
void lower_stages(struct table *t, struct table_route *route);
