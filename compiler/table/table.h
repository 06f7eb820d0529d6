/*
 * table - the contract between the compiler and the runtime: everything that runs, and nothing
 * else.
 *
 * A table is immutable once table_verify() has passed it. It may be read by any number of threads.
 * All memory is its arena's, strings included: nothing points back to the text or the tree.
 *
 * The decision of a route is a graph of nodes. A node only ever points to nodes with a higher
 * index, so every walk ends. TEST asks one atom and branches, EFFECT notes a change of the request,
 * END decides.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/address.h"
#include "runtime/base/arena.h"
#include "runtime/base/check.h"
#include "runtime/base/slice.h"

/* The most changes a request may meet on its way through a route. */
#define TABLE_EFFECTS_MAX 64u
#define TABLE_WEIGHT_MAX  256u

/* The most bytes that the values of templates may take in the headers of one request, together. */
#define TABLE_TEXT_BYTES_MAX ((size_t)8 * 1024)

enum table_field {
#define FIELD(id, spelling, type, keyed, present, help) FIELD_##id,
#include "compiler/table/fields.def"
#undef FIELD
    FIELD_COUNT
};

enum table_op {
#define OP(id, spelling, operand, meaning) OP_##id,
#include "compiler/table/ops.def"
#undef OP
    OP_COUNT
};

enum table_balance {
#define BALANCE(id, spelling, function, help) BALANCE_##id,
#include "compiler/table/balance.def"
#undef BALANCE
    BALANCE_COUNT
};

/* TIMEOUT_LISTENER_HEADER and so on; the two scopes share one numbering. */
enum table_timeout {
#define TIMEOUT(scope, id, spelling, default_ms, help) TIMEOUT_##scope##_##id,
#include "compiler/table/timeouts.def"
#undef TIMEOUT
    TIMEOUT_COUNT
};

/* Where something was written, for logs and explanations. */
struct table_place {
    struct slice file;
    uint32_t line, column; /* from 1 */
};

/* Sorted by `first`; ranges neither touch nor overlap. Both families: see address.h. */
struct table_range {
    struct address first, last;
};

struct table_network_set {
    const struct table_range *range;
    uint32_t n;
};

/* An open-addressing hash: slot[] holds 1 + an index into string[], 0 where it is free. */
struct table_string_set {
    const struct slice *string;
    const uint32_t *slot;
    uint32_t n;
    uint32_t mask; /* number of slots - 1; the number is a power of two, above n */
};

struct table_atom {
    enum table_field field;
    enum table_op op;
    struct slice key;    /* of a keyed field, else empty; header names in lower case */
    struct slice string; /* host names in lower case without a final dot */
    uint32_t set;
};

enum table_node_kind { NODE_TEST, NODE_EFFECT, NODE_END };

struct table_node {
    enum table_node_kind kind;
    uint32_t what;   /* index of the atom, the effect or the end */
    uint32_t yes;    /* TEST: when the atom holds; EFFECT: what comes next */
    uint32_t no;     /* TEST only */
    uint32_t clause; /* the clause this node belongs to */
};

/* A literal, or where `literal.at` is NULL the (first) value of a field, empty when absent. */
struct table_part {
    struct slice literal;
    enum table_field field;
    struct slice key;
};

struct table_template {
    const struct table_part *part;
    uint32_t n;
};

enum table_effect_kind { EFFECT_SET_HEADER, EFFECT_ADD_HEADER, EFFECT_REMOVE_HEADER };

struct table_effect {
    enum table_effect_kind kind;
    struct slice name; /* lower case */
    struct table_template value;
};

enum table_end_kind { END_FORWARD, END_DENY, END_RESPOND, END_REDIRECT };

struct table_end {
    enum table_end_kind kind;
    uint32_t cluster;               /* FORWARD */
    uint16_t status;                /* the others: 200..599 */
    struct slice type;              /* RESPOND: the Content-Type */
    struct slice body;              /* DENY, RESPOND; may be empty */
    struct table_template location; /* REDIRECT */
};

struct table_clause {
    uint32_t route;
    uint32_t number; /* from 1 within the route */
    struct table_place place;
};

struct table_route {
    struct slice name;
    uint32_t entry;                   /* index of the first node */
    uint32_t first_clause, n_clauses; /* into table.clause */
};

struct table_listener {
    struct slice name;
    struct table_place place;
    const struct endpoint *bind;
    uint32_t n_binds; /* at least 1 */
    uint32_t route;
    uint32_t max_connections;          /* over all workers; at least 1 */
    int64_t timeout_ns[TIMEOUT_COUNT]; /* those of the LISTENER scope; all above 0 */
};

enum table_health_kind { HEALTH_NONE, HEALTH_HTTP, HEALTH_TCP };

struct table_health {
    enum table_health_kind kind;
    struct slice method, path;    /* HTTP */
    struct slice host;            /* HTTP: the Host header; empty: the server's endpoint */
    int64_t every_ns, timeout_ns; /* above 0 */
    uint32_t rise, fall;          /* successes, failures in a row that change the state; >= 1 */
    uint16_t status_first, status_last; /* HTTP: what counts as success, inclusive */
};

struct table_server {
    struct slice name;
    struct table_place place;
    struct endpoint endpoint;
    uint32_t cluster;
    uint32_t weight; /* 1..TABLE_WEIGHT_MAX */
    bool backup;     /* used when no other server of the cluster can be */
};

struct table_cluster {
    struct slice name;
    struct table_place place;
    enum table_balance balance;
    uint32_t first_server, n_servers; /* into table.server; at least 1 */
    struct table_health health;
    int64_t timeout_ns[TIMEOUT_COUNT]; /* those of the CLUSTER scope; all above 0 */
};

struct table {
    struct arena arena; /* owns everything below */

    const struct table_listener *listener;
    const struct table_cluster *cluster;
    const struct table_server *server;
    const struct table_route *route;
    const struct table_clause *clause;
    const struct table_node *node;
    const struct table_atom *atom;
    const struct table_effect *effect;
    const struct table_end *end;
    const struct table_network_set *network_set;
    const struct table_string_set *string_set;

    uint32_t n_listeners, n_clusters, n_servers, n_routes, n_clauses, n_nodes, n_atoms, n_effects,
        n_ends, n_network_sets, n_string_sets;
};

/* Frees the table and all it points to. NULL is allowed. */
void table_free(struct table *t);

/* The spellings of the .def files; of an END, the word that writes it. Never NULL. */
const char *table_field_name(enum table_field field);
bool table_field_is_keyed(enum table_field field);
const char *table_op_name(enum table_op op);
const char *table_balance_name(enum table_balance balance);
const char *table_timeout_name(enum table_timeout timeout);
const char *table_effect_name(enum table_effect_kind kind);
const char *table_end_name(enum table_end_kind kind);

/* "header \"x\" == \"v\"", as it would be written; sets are shortened to their first members. */
struct text;
void table_atom_write(const struct table *t, const struct table_atom *atom, struct text *out);

/* "\"https://{host}/x\"", as it would be written; keys in single quotes, braces doubled. */
void table_template_write(const struct table_template *template, struct text *out);

/* Index of the named cluster or of the named server in it, or UINT32_MAX. */
uint32_t table_find_cluster(const struct table *t, struct slice name);
uint32_t table_find_server(const struct table *t, uint32_t cluster, struct slice name);
