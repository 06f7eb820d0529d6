/*
 * program - the checked tree: every name resolved, every constant folded, every type right.
 *
 * What the reference evaluator walks, and what lower/ turns into a table. Lives in the
 * compilation's arena; read-only once sema is done. Everything is as the person wrote it (order,
 * nesting, acl names), so that what is said about it later can quote the source.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "compiler/table/table.h"
#include "grammar/source.h"
#include "runtime/base/address.h"
#include "runtime/base/slice.h"

enum cond_kind { COND_TRUE, COND_ATOM, COND_AND, COND_OR, COND_NOT, COND_ACL };

/* A set literal, a named set, or a single value where a set may stand. Values are in source order,
 * normalised as their field wants it; duplicates may occur. */
struct program_set {
    struct slice name; /* empty for a literal */
    struct span span;
    const struct slice *string;     /* for string-like fields */
    const struct network *network;  /* for addresses; canonical */
    uint32_t n_strings, n_networks; /* one of the two is 0 */
};

/* How an atom compares; what was written `!=` is COMPARE_NOT_EQUAL: present, and no value equal. */
enum compare {
    COMPARE_EQUAL,
    COMPARE_NOT_EQUAL,
    COMPARE_IN,
    COMPARE_UNDER,
    COMPARE_STARTS_WITH,
    COMPARE_ENDS_WITH,
    COMPARE_EXISTS,
};

struct cond {
    enum cond_kind kind;
    struct span span;

    const struct cond *left;  /* AND, OR, NOT, ACL (its body) */
    const struct cond *right; /* AND, OR */
    struct slice acl;         /* ACL: its name */

    /* ATOM. An address compared with == or != has a set of one network and is COMPARE_IN, below a
     * NOT where it was !=; so `string` is only used by string-like fields. */
    enum table_field field;
    struct slice key; /* of a keyed field; header names in lower case */
    enum compare compare;
    struct slice string;
    const struct program_set *set; /* COMPARE_IN */
};

enum action_kind {
    ACTION_SET_HEADER,
    ACTION_ADD_HEADER,
    ACTION_REMOVE_HEADER,
    ACTION_CONTINUE,
    ACTION_FORWARD,
    ACTION_DENY,
    ACTION_RESPOND,
    ACTION_REDIRECT,
};

struct action {
    enum action_kind kind;
    struct span span;
    struct slice name;           /* of the header, lower case */
    struct table_template value; /* SET/ADD_HEADER: the value; REDIRECT: the location */
    uint32_t cluster;            /* FORWARD: index into program.cluster */
    uint16_t status;             /* DENY, RESPOND, REDIRECT */
    struct slice type, body;     /* RESPOND; DENY: body */
};

/* Any number of header changes, then one CONTINUE or terminal action. */
struct clause {
    struct span span;
    const struct cond *when; /* COND_TRUE for otherwise */
    bool otherwise;
    const struct action *action;
    uint32_t n_actions; /* at least 1 */
};

struct route {
    struct slice name;
    struct span span;
    const struct clause *clause;
    uint32_t n_clauses; /* at least 1; the last one is otherwise and terminal */
};

struct program_server {
    struct slice name;
    struct span span;
    struct endpoint endpoint;
    uint32_t weight;
    bool backup;
};

struct program_cluster {
    struct slice name;
    struct span span;
    enum table_balance balance;
    const struct program_server *server;
    uint32_t n_servers;
    struct table_health health;
    int64_t timeout_ns[TIMEOUT_COUNT];
};

struct program_listener {
    struct slice name;
    struct span span;
    const struct endpoint *bind;
    uint32_t n_binds;
    uint32_t route; /* index into program.route */
    uint32_t max_connections;
    int64_t timeout_ns[TIMEOUT_COUNT];
};

struct program {
    const struct sources *sources; /* for turning spans into places */
    const struct program_listener *listener;
    const struct program_cluster *cluster;
    const struct route *route;
    uint32_t n_listeners, n_clusters, n_routes;
};
