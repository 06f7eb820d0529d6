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

#include "compiler/sema/settings.h"
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
    const struct slice *string;             /* for string-like fields; hosts may begin with "*." */
    const struct network *network;          /* for addresses; canonical */
    const struct table_number_range *range; /* for numbers */
    uint32_t n_strings, n_networks, n_ranges; /* two of the three are 0 */
};

/* How an atom compares; what was written `!=` is COMPARE_NOT_EQUAL: present, and no value equal. */
enum compare {
    COMPARE_EQUAL,
    COMPARE_NOT_EQUAL,
    COMPARE_IN,
    COMPARE_UNDER,
    COMPARE_STARTS_WITH,
    COMPARE_ENDS_WITH,
    COMPARE_CONTAINS,
    COMPARE_MATCHES,
    COMPARE_LESS,
    COMPARE_LESS_EQUAL,
    COMPARE_GREATER,
    COMPARE_GREATER_EQUAL,
    COMPARE_EXISTS,
};

struct cond {
    enum cond_kind kind;
    struct span span;

    const struct cond *left;  /* AND, OR, NOT, ACL (its body) */
    const struct cond *right; /* AND, OR */
    struct slice acl;         /* ACL: its name */

    /* ATOM. An address compared with == or != has a set of one network and is COMPARE_IN, below a
     * NOT where it was !=; so `string` is only used by string-like fields. A host may be "*.x": any
     * below x. A field that is true or false, alone, is COMPARE_EXISTS. */
    enum table_field field;
    struct slice key; /* of a keyed field; header names in lower case */
    enum compare compare;
    bool all; /* each value, and there is one; not with NOT_EQUAL, which asks that anyway */
    struct slice string;           /* MATCHES: the regular expression, without its slashes */
    struct slice flags;            /* MATCHES: what stands behind the last of them */
    uint64_t number;               /* of a field that is a number, but for COMPARE_IN */
    const struct program_set *set; /* COMPARE_IN */
};

enum action_kind {
    ACTION_SET_HEADER,
    ACTION_ADD_HEADER,
    ACTION_REMOVE_HEADER,
    ACTION_SET_RESPONSE_HEADER,
    ACTION_ADD_RESPONSE_HEADER,
    ACTION_REMOVE_RESPONSE_HEADER,
    ACTION_REWRITE_PATH,
    ACTION_REPLACE_PREFIX, /* `strip prefix` is that by "/" */
    ACTION_REPLACE_PATH,
    ACTION_SET_QUERY,
    ACTION_REMOVE_QUERY,
    ACTION_TAG,
    ACTION_TIMEOUT_READ,
    ACTION_RETRY,
    ACTION_COMPRESS,
    ACTION_LIMIT,
    ACTION_CORS,
    ACTION_REQUIRE_AUTH,
    ACTION_REQUIRE_BASIC,
    ACTION_REQUIRE_JWT,
    ACTION_MIRROR,
    ACTION_CACHE, /* the last of those that change something */
    ACTION_CONTINUE,
    ACTION_FORWARD, /* from here on they decide */
    ACTION_DENY,
    ACTION_RESPOND,
    ACTION_REDIRECT,
    ACTION_SPLIT,
    ACTION_FORWARD_MAP,
    ACTION_DROP,
    ACTION_TARPIT,
    ACTION_GOTO,
};

struct split_choice {
    uint32_t percent, cluster;
};

/* What a map leads to, by key. */
struct program_map {
    struct slice name;
    struct span span;
    const struct slice *key;
    const uint32_t *cluster;
    uint32_t n;
};

struct action {
    enum action_kind kind;
    struct span span;
    struct slice name; /* of the header, lower case; the parameter, tag, prefix, limit, … */
    struct table_template value; /* what it is set to; REDIRECT: the location */
    uint32_t cluster; /* FORWARD, MIRROR, REQUIRE_AUTH; FORWARD_MAP: otherwise; in the program */
    uint16_t status;  /* DENY, RESPOND, REDIRECT */
    struct slice type, body;     /* RESPOND; DENY: body */
    struct slice pattern, flags; /* REPLACE_PATH */
    uint64_t number; /* TIMEOUT_READ, TARPIT, CACHE: ns; MIRROR: percent; RETRY: tries more */
    enum table_field field; /* SPLIT, FORWARD_MAP: what it goes by; SPLIT: FIELD_COUNT for chance */
    struct slice key;
    const struct split_choice *choice; /* SPLIT: 100 in all */
    uint32_t n_choices;
    const struct program_map *map; /* FORWARD_MAP */
    const struct table_cors *cors; /* CORS */
    const struct table_jwt *jwt;   /* REQUIRE_JWT */
    const struct table_auth *auth; /* REQUIRE_AUTH */
    bool implied;                  /* by the `require auth` behind it: it is not written */
    uint32_t route;                /* GOTO: index into program.route */
};

/* Any number of changes, then one CONTINUE or terminal action. */
struct clause {
    struct span span;
    const struct cond *when; /* COND_TRUE for otherwise */
    bool otherwise;
    bool allow_shadowed; /* that it is never reached is meant so */
    const struct action *action;
    uint32_t n_actions; /* at least 1 */
};

struct route {
    struct slice name; /* of `on connect` and `on response`: the listener's */
    struct span span;
    enum table_phase phase;
    const struct clause *clause;
    uint32_t n_clauses; /* at least 1; if the last is not `otherwise`, proofs show that no request
                         * is left. In other phases any number */
    struct span end;    /* where `otherwise` would be put in */
};

/* What one operand of a setting is worth. */
struct program_value {
    struct span span;
    struct slice written;   /* with constants in place */
    bool comma;             /* another one of the same list follows */
    enum table_field field; /* of a request; else FIELD_COUNT */
    struct slice text;      /* string, path, host, method, name, word: as it is compared */
    struct slice key;       /* of the field */
    uint64_t number; /* integer, percent, size (bytes), duration (ns), port; a rate's count; the
                      * first status; the index of what a reference names among its kind */
    uint64_t last;   /* the last status; the time of a rate in ns */
    const struct endpoint *endpoint;
    const struct network *network; /* networks: `number` of them */
};

/* A setting as it was given, checked: what settings.def says of `id` holds for its values. */
struct program_setting {
    enum setting_id id;
    struct span span; /* of the whole of it */
    struct span word;
    const struct program_value *value;
    const struct program_setting *own; /* its own settings */
    uint32_t n_values, n_own;
    bool wrong; /* was reported; no program has such a one */
};

struct program_settings {
    const struct program_setting *at; /* in source order */
    uint32_t n;
};

/* The kinds of blocks that are settings and nothing else. */
enum object_kind {
    OBJECT_LIMIT,
    OBJECT_TLS,
    OBJECT_ADMIN,
    OBJECT_LOG,
    OBJECT_NOTIFY,
    OBJECT_ALERT,
    OBJECT_RESOLVER,
    OBJECT_SHARED,
    OBJECT_KIND_COUNT,
};

struct program_object {
    struct slice name; /* empty for admin */
    struct span span;
    struct program_settings settings;
};

/* Where a secret comes from; what it is, nothing here ever knows. */
struct program_secret {
    struct slice name;
    struct span span;
    bool from_env; /* else from a file */
    struct slice source;
};

struct program_server {
    struct slice name;
    struct span span;
    struct endpoint endpoint;
    uint32_t weight, max_connections, priority;
    bool backup;
    enum table_state state;
    int64_t slow_start_ns; /* 0: none */
};

struct program_cluster {
    struct slice name;
    struct span span;
    enum table_balance balance;
    enum table_field field; /* what it goes by, or FIELD_COUNT */
    struct slice key;
    uint32_t bounded_percent; /* 0: no bound */
    const struct program_server *server;
    uint32_t n_servers;
    struct table_health health;
    bool tcp;                 /* servers are sent bytes as they come: by TCP listeners only */
    uint8_t proxy_protocol;   /* 0: none */
    bool h2;                  /* servers speak HTTP/2 */
    uint32_t max_connections; /* of each server; 0: no limit */
    uint32_t queue_max;
    struct table_retry retry; /* what it points to is the program's */
    struct table_breaker breaker;
    struct table_outlier outlier;
    struct table_sticky sticky; /* the same */
    int64_t timeout_ns[TIMEOUT_COUNT];
    struct program_settings settings; /* all that was given, in source order */
};

struct program_listener {
    struct slice name;
    struct span span;
    const struct table_bind *bind;
    uint32_t n_binds;
    uint32_t route; /* index into program.route */
    uint32_t max_connections, max_streams, max_head_bytes, max_requests; /* as the table has them */
    uint32_t overload_saves, overload_refuses;                           /* percent */
    uint32_t max_glitches, min_rate, max_per_source, max_handshakes;
    int64_t min_rate_ns;
    uint64_t max_body_bytes;
    const struct network *trusted; /* canonical */
    uint32_t n_trusted;
    enum table_client_header client_header;
    bool tcp, peeks;     /* as the table has them */
    bool *reach;         /* for each cluster: may its requests be sent there? */
    unsigned path_rules; /* as the table has them */
    struct table_compress compress;
    int64_t timeout_ns[TIMEOUT_COUNT];
    struct program_settings settings; /* all that was given, in source order */
    /* `on connect` and `on response`: their clauses, which need not end in `otherwise` */
    struct route on_connect, on_response;
};

/* What is to become of a request, or must not: of an `expect` or an `assert`. */
enum program_outcome_kind {
    OUTCOME_FORWARD,
    OUTCOME_DENY,
    OUTCOME_RESPOND,
    OUTCOME_REDIRECT,
    OUTCOME_TARPIT,
    OUTCOME_DROP,
};

#define OUTCOME_ANY UINT32_MAX

struct program_outcome {
    enum program_outcome_kind kind;
    struct span span;
    uint32_t cluster; /* FORWARD: index into program.cluster, or OUTCOME_ANY */
    uint32_t status;  /* DENY, RESPOND, REDIRECT; OUTCOME_ANY: whatever it is */
    struct slice
        text; /* REDIRECT: the location; DENY, RESPOND: the body; .at is NULL: whatever it is */
};

/* One `expect`: an outcome, or a condition that holds for the request as the server gets it. */
struct program_expect {
    struct span span;
    const struct program_outcome *outcome; /* NULL: `request` */
    const struct cond *request;            /* NULL: `outcome` */
};

struct program_header {
    struct slice name, value; /* as written */
};

/* One `request` of a test, with the expectations that follow it. */
struct program_request {
    struct span span;
    struct slice method, url; /* as written; the url is absolute or a path */
    struct span url_span;
    struct address src;
    uint32_t listener; /* index into program.listener */
    const struct program_header *header, *claim;
    const struct slice *exceeded; /* limits */
    const struct program_expect *expect;
    uint32_t n_headers, n_claims, n_exceeded, n_expects;
};

struct program_test {
    struct slice name;
    struct span span;
    const struct program_request *request; /* at least one */
    uint32_t n_requests;
};

/* `assert never OUTCOME when C`: no request for which C holds ends so; `always`: each does. */
struct program_assert {
    struct span span;
    bool always;
    const struct program_outcome *outcome;
    const struct cond *when; /* COND_TRUE when not given */
};

struct program {
    const struct sources *sources;     /* for turning spans into places */
    struct program_listener *listener; /* not const: sema settles `peeks` last */
    const struct program_cluster *cluster;
    const struct route *route;
    uint32_t n_listeners, n_clusters, n_routes;
    const struct program_object *object[OBJECT_KIND_COUNT];
    uint32_t n_objects[OBJECT_KIND_COUNT];
    const struct table_bind *admin_bind; /* of object[OBJECT_ADMIN] */
    uint32_t n_admin_binds;
    const struct program_secret *secret;
    uint32_t n_secrets;
    const struct program_test *test;
    const struct program_assert *assertion;
    uint32_t n_tests, n_assertions;
    /* What is checked and without effect in this version: where each word of it stands. */
    const struct span *unserved;
    uint32_t n_unserved;
};

/* What `compress` in a clause means where its listener has no such setting. */
extern const struct table_compress COMPRESS_OF_CLAUSES;

/* "name:port" of `servers dns`, which sema has looked at. */
void program_dns_name(struct slice text, struct slice *name, uint16_t *port);

/* What a value names as a file: relative to the folder of the file that says so. In `arena`, with a
 * NUL behind it. */
struct slice program_path(const struct program *p, struct arena *arena,
                          const struct program_value *v);

/* The routes of the table: those of the program, with the same numbers, and behind them each
 * listener's `on connect` and `on response` where they have clauses. */
uint32_t program_n_routes(const struct program *p);
const struct route *program_route(const struct program *p, uint32_t route);

/* Of a limit: is the rate counted by windows of an hour or a day? Long ones are, unless there is a
 * `burst`, which is the short ones' where there are some. */
bool program_rate_by_windows(const struct program_settings *given,
                             const struct program_value *rate);

/* The table's route for a listener's `on connect` or `on response`, or TABLE_NO_ROUTE. */
uint32_t program_phase_route(const struct program *p, uint32_t listener, enum table_phase phase);
