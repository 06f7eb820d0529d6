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

#include "compiler/table/regex.h"
#include "compiler/table/stage.h"
#include "runtime/base/address.h"
#include "runtime/base/arena.h"
#include "runtime/base/check.h"
#include "runtime/base/slice.h"

/* The most changes a request may meet on its way through a route. */
#define TABLE_EFFECTS_MAX 64u
#define TABLE_WEIGHT_MAX  256u

/* The highest priority that is said; what a service lists is counted from it, in 16 bits. */
#define TABLE_PRIORITY_MAX 1000u

/* The most bytes that the values of templates may take in the headers of one request, together. */
#define TABLE_TEXT_BYTES_MAX ((size_t)8 * 1024)

/* The most bytes that path and query may have once a rule has changed them. */
#define TABLE_TARGET_BYTES_MAX ((size_t)8 * 1024)

/* What splits and maps go by is looked at this far. */
#define TABLE_KEY_BYTES_MAX ((size_t)1024)

/* The longest that a tarpit may hold a client. */
#define TABLE_TARPIT_NS_MAX (INT64_C(60) * 1000000000)

enum table_field {
#define FIELD(id, spelling, type, keyed, present, phase, served, help) FIELD_##id,
#include "compiler/table/fields.def"
#undef FIELD
    FIELD_COUNT
};

/* How a field is told which one of several is meant; the KEYED column of fields.def. */
enum table_keyed { FIELD_PLAIN, FIELD_KEYED, FIELD_ITEMS, FIELD_NAMED };

/* What happens one after the other to a connection; a field is known from its phase on. */
enum table_phase { PHASE_CONNECT, PHASE_REQUEST, PHASE_RESPONSE };

enum table_op {
#define OP(id, spelling, operand, meaning) OP_##id,
#include "compiler/table/ops.def"
#undef OP
    OP_COUNT
};

enum table_balance {
#define BALANCE(id, spelling, function, takes, help) BALANCE_##id,
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

/* Inclusive. Sorted by `first`; ranges neither touch nor overlap. */
struct table_number_range {
    uint64_t first, last;
};

struct table_number_set {
    const struct table_number_range *range;
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
    bool all;            /* not any value, but each, and there is one */
    struct slice key;    /* of a keyed field, else empty; header names in lower case */
    struct slice string; /* host names in lower case without a final dot */
    uint32_t set;        /* the operand where it is not a string: see ops.def */
};

enum table_node_kind { NODE_TEST, NODE_EFFECT, NODE_END };

struct table_node {
    enum table_node_kind kind;
    uint32_t what;   /* index of the atom, the effect or the end */
    uint32_t yes;    /* TEST: when the atom holds; EFFECT: what comes next */
    uint32_t no;     /* TEST only */
    uint32_t clause; /* the clause this node belongs to */
};

/* A literal; or where `literal.at` is NULL the (first) value of a field, empty when absent; or a
 * group of the regular expression whose matches are replaced, where field is FIELD_COUNT. */
struct table_part {
    struct slice literal;
    enum table_field field;
    struct slice key;
    uint8_t group; /* 0 is the whole match */
};

struct table_template {
    const struct table_part *part;
    uint32_t n;
};

/*
 * A keyed hash from text to cluster: the key string_set[keys].string[i] leads to cluster[i].
 */
struct table_map {
    struct slice name;
    uint32_t keys; /* into table.string_set */
    const uint32_t *cluster;
};

/* A regular expression, as it was written and as it runs. */
struct table_regex {
    struct slice pattern, flags;
    struct regex_dfa dfa;
    bool finds; /* `program` is there: something is replaced by it */
    struct regex_program program;
};

/* EFFECT(id, spelling); the first three, and the three behind them, in the order set, add, remove
 */
#define TABLE_EFFECTS(EFFECT)                                                                      \
    EFFECT(SET_HEADER, "set header")                                                               \
    EFFECT(ADD_HEADER, "add header")                                                               \
    EFFECT(REMOVE_HEADER, "remove header")                                                         \
    EFFECT(SET_RESPONSE_HEADER, "set response header")                                             \
    EFFECT(ADD_RESPONSE_HEADER, "add response header")                                             \
    EFFECT(REMOVE_RESPONSE_HEADER, "remove response header")                                       \
    EFFECT(REWRITE_PATH, "rewrite path")     /* value */                                           \
    EFFECT(REPLACE_PREFIX, "replace prefix") /* name, a path, by value */                          \
    EFFECT(REPLACE_PATH, "replace path")     /* what `regex` finds, by value */                    \
    EFFECT(SET_QUERY, "set query")           /* name, value */                                     \
    EFFECT(REMOVE_QUERY, "remove query")     /* name */                                            \
    EFFECT(TAG, "tag")                       /* name */                                            \
    EFFECT(TIMEOUT_READ, "timeout read")     /* number, in ns */                                   \
    EFFECT(RETRY, "retry")                   /* number of tries more */                            \
    EFFECT(COMPRESS, "compress")             /* as the listener says, else as the table does */    \
    EFFECT(LIMIT, "limit")                   /* name; number, into table.limit */                  \
    EFFECT(CORS, "cors") /* name: all of it, as it was written; number, into table.cors_rule */    \
    EFFECT(REQUIRE_AUTH, "require auth")   /* name: all of it; number, into table.auth_rule */     \
    EFFECT(REQUIRE_BASIC, "require basic") /* name; number, into table.secret */                   \
    EFFECT(REQUIRE_JWT, "require jwt")     /* name: as of CORS; number, into table.jwt_rule */     \
    EFFECT(MIRROR, "mirror")               /* from here on: later; cluster; number, in percent */  \
    EFFECT(CACHE, "cache")                 /* number, in ns */

enum table_effect_kind {
#define EFFECT(id, spelling) EFFECT_##id,
    TABLE_EFFECTS(EFFECT)
#undef EFFECT
        EFFECT_COUNT
};

struct table_effect {
    enum table_effect_kind kind;
    struct slice name; /* of a header: lower case */
    struct table_template value;
    uint32_t regex, cluster;
    uint32_t clause; /* whose it is */
    uint64_t number;
};

/* END(id, spelling) */
#define TABLE_ENDS(END)                                                                            \
    END(FORWARD, "forward")                                                                        \
    END(DENY, "deny")                                                                              \
    END(RESPOND, "respond")                                                                        \
    END(REDIRECT, "redirect")                                                                      \
    END(SPLIT, "split")                                                                            \
    END(MAP, "forward map")                                                                        \
    END(DROP, "drop")                                                                              \
    END(TARPIT, "tarpit")                                                                          \
    END(PASS, "pass") /* of a connection, a response: nothing was decided */

enum table_end_kind {
#define END(id, spelling) END_##id,
    TABLE_ENDS(END)
#undef END
};

/* Of a hundred: those from the end of the one before to below this one's. */
struct table_choice {
    uint32_t below;
    uint32_t cluster;
};

struct table_end {
    enum table_end_kind kind;
    uint32_t cluster;               /* FORWARD; MAP: where the map says nothing */
    uint16_t status;                /* DENY, RESPOND, REDIRECT: 200..599 */
    struct slice type;              /* RESPOND: the Content-Type */
    struct slice body;              /* DENY, RESPOND; may be empty */
    struct table_template location; /* REDIRECT */
    enum table_field field;         /* MAP, SPLIT: what it goes by; SPLIT: FIELD_COUNT for chance */
    struct slice key;
    const struct table_choice *choice; /* SPLIT; the last one's `below` is 100 */
    uint32_t n_choices;
    uint32_t map;     /* MAP */
    int64_t delay_ns; /* TARPIT */
};

/* No node: where the last clause of a route leads when it does not hold, if it always does. In a
 * route without `otherwise` that is an END of its own, which is proven never to be reached; in
 * other phases it is a PASS. */
#define TABLE_NO_NODE   UINT32_MAX
#define TABLE_NO_CLAUSE UINT32_MAX

/* A clause is the nodes from `entry` on, each leading at last to `then` or to `next`. Where there
 * is no condition, `entry` is `then`; a clause without actions of its own goes straight on, so
 * `then` may be a node of another clause. */
struct table_clause {
    uint32_t route;
    uint32_t number; /* from 1 within the route */
    uint32_t entry;  /* the first node of its condition */
    uint32_t then;   /* the first node once the condition holds */
    uint32_t next;   /* where it leads when the condition does not hold; or TABLE_NO_NODE */
    struct table_place place;
    uint64_t
        text; /* a hash of how it is written, blanks aside: what is counted of it goes by that */
};

struct table_route {
    struct slice name;
    enum table_phase phase; /* what it decides about; the clauses of a request's decide always */
    uint32_t entry;         /* index of the first node */
    uint32_t stage;         /* the first stage of its diagram, or TABLE_NO_STAGE */
    uint32_t first_clause, n_clauses; /* into table.clause */
};

#define TABLE_NO_ROUTE UINT32_MAX

/* A Unix socket's file mode is what the umask leaves. */
#define TABLE_NO_MODE UINT32_MAX

enum table_client_verify { CLIENT_VERIFY_OFF, CLIENT_VERIFY_OPTIONAL, CLIENT_VERIFY_REQUIRED };

/* Paths, as the process opens them; the same one twice where one file has both. */
struct table_certificate {
    struct slice chain, key;
};

/* A `tls` block: what listeners show to clients and ask of them. */
struct table_tls {
    struct slice name;
    struct table_place place;
    const struct table_certificate *certificate;
    uint32_t n_certificates;          /* at least 1 */
    uint8_t min_version, max_version; /* 10 to 13 */
    const struct slice *alpn;         /* the preferred one first */
    const struct slice *client_ca;    /* paths */
    uint32_t n_alpn, n_client_ca;     /* the latter at least 1 where clients are verified */
    struct slice ciphers;             /* with colons between them; empty: those of tls/context.c */
    enum table_client_verify client_verify;
    bool tickets, stapling;
    int64_t session_ttl_ns; /* above 0 */
};

/* How a cluster's servers are spoken to in TLS. */
enum table_verify { VERIFY_FULL, VERIFY_CERTIFICATE, VERIFY_NONE };

struct table_upstream_tls {
    bool on;
    const struct slice *ca; /* paths; none: what the system trusts */
    uint32_t n_ca;
    enum table_verify verify;
    struct slice sni;                     /* empty: the request's host */
    struct table_certificate certificate; /* shown to servers that ask; .chain empty: none */
    uint8_t min_version;                  /* 10 to 13 */
    bool h2;                              /* HTTP/2 is to be agreed on by ALPN */
};

#define TABLE_NO_TLS UINT32_MAX

struct table_bind {
    struct endpoint endpoint;
    uint32_t tls;        /* into table.tls, or TABLE_NO_TLS */
    bool proxy_protocol; /* connections begin with a PROXY header; the listener has `trusted` */
    bool defer_accept;   /* connections are taken when their client has said something */
    uint32_t backlog;    /* 1..65535 */
    uint32_t mode;       /* of a Unix socket, 0..0777, or TABLE_NO_MODE */
};

/* What bodies may be coded in. CODING(id, name); in the order of the choices of settings.def. */
#define TABLE_CODINGS(CODING)                                                                      \
    CODING(GZIP, "gzip")                                                                           \
    CODING(BR, "br")                                                                               \
    CODING(ZSTD, "zstd")

enum table_coding {
#define CODING(id, name) TABLE_CODING_##id,
    TABLE_CODINGS(CODING)
#undef CODING
        TABLE_CODING_COUNT
};

/* Which responses are compressed, and how. */
struct table_compress {
    enum table_coding coding[TABLE_CODING_COUNT]; /* the preferred one first */
    uint32_t n_codings;                           /* 0: none is */
    uint32_t level;                               /* 1 to 9 */
    uint64_t min_bytes;
    const struct slice *type; /* "text/html", or "text/" with a star behind it; in lower case */
    uint32_t n_types;
};

/* What requests are counted by. */
struct table_limit_key {
    enum table_field field;
    struct slice key;
};

/* Long rates are counted in windows. */
#define TABLE_RATE_LONG_NS INT64_C(3600000000000)
#define TABLE_WINDOW_MAX   16777215u

/* `count` in `period_ns`: by windows of that width (runtime/limit/window.h), or `burst` at once and
 * what runtime/limit/gcra.h makes of that. */
struct table_rate {
    uint64_t count, burst;
    int64_t period_ns;
    int64_t step_ns, room_ns; /* above 0, and a step at least */
    bool windows;             /* then count is at most TABLE_WINDOW_MAX */
};

#define TABLE_NO_SHARED         UINT32_MAX
#define TABLE_SHARED_PREFIX_MAX 100u
#define TABLE_SHARED_RATES_MAX  16u /* of a limit that is counted together */

enum table_when_down { WHEN_DOWN_LOCAL, WHEN_DOWN_ALLOW, WHEN_DOWN_DENY };

/* A `shared` block: the Redis in which several processes count, and remember their clients. */
struct table_shared {
    struct slice name;
    struct table_place place;
    struct endpoint address;
    uint32_t password; /* into table.secret, or TABLE_NO_SECRET */
    uint32_t database;
    struct slice prefix; /* TABLE_SHARED_PREFIX_MAX at most */
    int64_t timeout_ns;  /* above 0 */
    enum table_when_down when_down;
};

/* Bytes in a second, `burst` of them at once: runtime/limit/bandwidth.h. */
struct table_bandwidth {
    uint64_t bytes_per_s; /* 0: as many as there are */
    uint64_t burst;       /* then 0, else above */
};

#define TABLE_BANDWIDTH_MAX (UINT64_C(1) << 40) /* of both */

/* Whom the bandwidth is for. */
enum table_limit_per { PER_KEY, PER_CONNECTION, PER_REQUEST };

/* A `limit` block: of requests, or of bytes. */
struct table_limit {
    struct slice name;
    struct table_place place;
    const struct table_limit_key *key; /* none: all requests are counted together */
    const struct table_rate *rate;     /* all of them hold */
    uint32_t n_keys, n_rates;
    uint32_t concurrent; /* requests in flight; 0: as many as there are */
    bool bytes;          /* a download or an upload, and none of the two before */
    struct table_bandwidth download, upload;
    enum table_limit_per per; /* of bytes; without keys unless it is by key */
    uint16_t status;          /* 400..599 */
    uint32_t entries;         /* keys that are remembered; at least 1 */
    uint8_t v4_bits, v6_bits; /* of addresses, those that count: 1..32, 1..128 */
    bool observe;             /* counted, and admitted all the same */
    uint32_t shared;          /* into table.shared, without `concurrent`; or TABLE_NO_SHARED */
};

/* `cors { ... }`: who may ask from other origins, and what browsers are told of it. */
struct table_cors {
    const struct slice *origin; /* a "*." in front of a name: all below it; none where any may */
    uint32_t n_origins;
    bool any;                              /* "*" */
    bool credentials;                      /* never with `any` */
    struct slice methods, headers, expose; /* as they are sent, with commas; may be empty */
    struct slice max_age_s;                /* digits */
};

/* `require jwt NAME { ... }`: which tokens let somebody in. */
struct table_jwt {
    struct slice name;                     /* of the secret */
    uint32_t secret;                       /* into table.secret */
    const struct slice *issuer, *audience; /* of which a token has any; none: whatever it has */
    uint32_t n_issuers, n_audiences;
    int64_t leeway_ns; /* what clocks may differ by */
};

/* `require auth CLUSTER { ... }`: a server of it is asked about the request. The clients' own
 * headers that `take` names are removed by changes of their own, which stand before this one. */
#define TABLE_AUTH_NAMES_MAX 16u
struct table_auth {
    uint32_t cluster;
    struct slice path; /* what is asked for; with a query, perhaps */
    struct slice host; /* of the question; empty: the request's */
    int64_t timeout_ns;
    const struct slice *send, *take; /* names of headers, in lower case */
    uint32_t n_send, n_take;
    bool sends_all;    /* there is no `send` */
    struct slice user; /* the header of the answer that says who it is; empty: none does */
};

/* What is said by no limit; and the most that a request head may have. */
#define TABLE_NO_MAX         UINT32_MAX
#define TABLE_NO_BODY_MAX    UINT64_MAX
#define TABLE_HEAD_BYTES_MAX 32768u

enum table_client_header {
    TABLE_BY_EITHER, /* X-Forwarded-For, and Forwarded where there is none of it */
    TABLE_BY_X_FORWARDED_FOR,
    TABLE_BY_FORWARDED,
};

struct table_listener {
    struct slice name;
    struct table_place place;
    const struct table_bind *bind;
    uint32_t n_binds; /* at least 1 */
    uint32_t route;
    uint32_t on_connect, on_response;          /* routes of these phases, or TABLE_NO_ROUTE */
    uint32_t max_connections;                  /* over all workers; at least 1 */
    uint32_t overload_saves, overload_refuses; /* percent; the first is not above the second */
    uint32_t max_per_source;                   /* of a client's address; TABLE_NO_MAX: any number */
    uint32_t max_handshakes;                   /* in a second; the same */
    uint32_t max_streams;                      /* of an HTTP/2 connection at a time; at least 1 */
    uint32_t max_glitches;                     /* of an HTTP/2 connection, by cost; at least 10 */
    uint32_t min_rate;                         /* bytes in a second; 0: any */
    int64_t min_rate_ns;                       /* over which time; above 0 */
    uint32_t max_requests;            /* of a connection; at least 1, TABLE_NO_MAX: any number */
    uint32_t max_head_bytes;          /* of a request; TABLE_HEAD_BYTES_MAX at most */
    uint64_t max_body_bytes;          /* of a request; TABLE_NO_BODY_MAX: any length */
    struct table_network_set trusted; /* whose word about clients is believed */
    enum table_client_header client_header; /* and in which header */
    const uint32_t *reach; /* the clusters that its requests may be sent to, each once */
    uint32_t n_reach;
    const uint32_t *limit; /* into table.limit; that every request meets first */
    uint32_t n_limits;
    struct table_compress compress;
    unsigned path_rules; /* how paths are normalised: bits of runtime/base/uri.h */
    bool tcp;            /* bytes are passed on; its route asks for nothing that a request has */
    bool peeks; /* with tcp: its route asks for tls or tls.sni, so the ClientHello is awaited */
    int64_t timeout_ns[TIMEOUT_COUNT]; /* those of the LISTENER scope; all above 0 */
};

enum table_health_kind { HEALTH_NONE, HEALTH_HTTP, HEALTH_TCP, HEALTH_TLS, HEALTH_GRPC };

struct table_health_header {
    struct slice name, value; /* the name in lower case */
};

/* Of a check that talks: the most steps, and bytes in one of them; and what may come before that
 * which is expected. */
#define TABLE_HEALTH_STEPS_MAX      16u
#define TABLE_HEALTH_STEP_BYTES_MAX 1024u
#define TABLE_HEALTH_HEARD_MAX      4096u

/* What is said to a server, or must come from it: anywhere in what came since the step before. */
struct table_health_step {
    bool expect;
    struct slice bytes; /* 1..TABLE_HEALTH_STEP_BYTES_MAX */
};

struct table_health {
    enum table_health_kind kind;
    struct slice method, path; /* HTTP */
    struct slice host;         /* HTTP: the Host header; empty: the server's endpoint */
    const struct table_health_header *header; /* HTTP: further ones */
    uint32_t n_headers;
    const struct table_health_step *step; /* TCP and TLS: one after the other, once connected */
    uint32_t n_steps;                     /* TABLE_HEALTH_STEPS_MAX at most */
    struct slice service;         /* gRPC: what is asked about; empty: the server as a whole */
    int64_t every_ns, timeout_ns; /* above 0 */
    uint8_t proxy_protocol;       /* as its cluster's */
    uint32_t rise, fall;          /* successes, failures in a row that change the state; >= 1 */
    uint16_t status_first, status_last; /* HTTP: what counts as success, inclusive */
    uint16_t port;                      /* 0: the server's own */
    bool h2;                            /* HTTP is asked in HTTP/2; gRPC always is */
    bool keep_alive;                    /* HTTP/1.1: the connection is kept for the next one */
    bool assume_up;                     /* before the first verdict */
    struct table_upstream_tls tls;      /* how it is spoken to; TCP only connects */
};

/* Inclusive. */
struct table_statuses {
    uint16_t first, last;
};

#define TABLE_RETRIES_MAX 10u

/* Percent, where nothing is said. */
#define TABLE_RETRY_BUDGET 20u

/* What is tried again, and how often. */
struct table_retry {
    bool given;                           /* else the rest is 0 */
    bool connect_failure, reset, timeout; /* on what */
    uint32_t more;                        /* tries after the first */
    uint32_t budget_percent;              /* of requests that may be retries: 1..100 */
    int64_t backoff_ns, timeout_ns;       /* 0: none */
    int64_t hedge_ns;                     /* when another server is asked too; 0: never */
    uint32_t buffer_bytes;                /* bodies up to this are kept; 0: none */
    const struct table_statuses *status;  /* on these too */
    const struct slice *method;           /* none: the idempotent ones */
    uint32_t n_statuses, n_methods;
};

/* At a time, over all servers and workers; 0: no limit. */
struct table_breaker {
    uint32_t connections, pending, retries;
};

/* When a server that answers badly is left out, and for how long. */
struct table_outlier {
    bool given;                   /* else the rest is 0 */
    uint32_t consecutive_errors;  /* at least 1 */
    uint32_t error_percent;       /* of a window's requests; 0: never for that */
    uint32_t latency_percent;     /* of the median of the servers; 0: never, else above 100 */
    int64_t window_ns;            /* above 0 */
    uint32_t min_requests;        /* at least 1 */
    int64_t eject_ns;             /* the first time; above 0 */
    uint32_t max_ejected_percent; /* of the servers: 1..100 */
};

#define TABLE_NO_SECRET         UINT32_MAX
#define TABLE_SECRET_SOURCE_MAX 4096u

/* Where the value of a secret is to be had; what it is, no table knows. */
struct table_secret {
    struct slice name;
    struct table_place place;
    bool from_env;       /* else from a file */
    struct slice source; /* the variable, or the path; 1..TABLE_SECRET_SOURCE_MAX */
};

/* COOKIE: one that we set. LEARN: one that servers set; its values are remembered. */
enum table_sticky_kind { STICKY_NONE, STICKY_SRC, STICKY_HEADER, STICKY_COOKIE, STICKY_LEARN };

#define TABLE_STICKY_TTL_MAX_NS  (INT64_C(30) * 24 * 3600 * 1000000000)
#define TABLE_STICKY_ENTRIES_MAX 100000000u

/* Of a cookie: its name, and what follows its value in Set-Cookie. */
#define TABLE_COOKIE_NAME_MAX       64u
#define TABLE_COOKIE_ATTRIBUTES_MAX 768u

/* By what a client keeps its server, beyond what the balance does. */
struct table_sticky {
    enum table_sticky_kind kind; /* NONE: the rest is 0 */
    struct slice name;           /* HEADER: in lower case; COOKIE, LEARN */
    int64_t ttl_ns;              /* after its last request: 1 s..TABLE_STICKY_TTL_MAX_NS; COOKIE: 0
                                  * where the browser's end is its own */
    uint32_t entries;            /* remembered at a time: 1..TABLE_STICKY_ENTRIES_MAX; COOKIE: 0 */
    bool returns;                /* it goes back to a server that could not be used for a while */
    uint32_t shared;             /* into table.shared, or TABLE_NO_SHARED; COOKIE: the latter */

    /* COOKIE; else 0, and no key. */
    uint32_t key;            /* into table.secret, what it is signed by; TABLE_NO_SECRET: our own */
    struct slice attributes; /* "; Path=/; HttpOnly" */
    bool preserves;          /* one that the server sets is its client's */
    bool visible;            /* servers get it, too */
};

/* Is it remembered here? Else the cookie says all. */
static inline bool table_sticky_remembers(const struct table_sticky *s)
{
    return s->kind == STICKY_SRC || s->kind == STICKY_HEADER || s->kind == STICKY_LEARN;
}

static inline bool table_sticky_is_shared(const struct table_sticky *s)
{
    return table_sticky_remembers(s) && s->shared != TABLE_NO_SHARED;
}

/* How a server begins. */
enum table_state { STATE_READY, STATE_DRAIN, STATE_MAINTENANCE };

struct table_server {
    struct slice name;
    struct table_place place;
    struct endpoint endpoint;
    uint32_t cluster;
    uint32_t weight;          /* 1..TABLE_WEIGHT_MAX */
    uint32_t max_connections; /* requests at a time; 0: no limit */
    uint32_t priority;        /* 0 is the first; TABLE_PRIORITY_MAX at most, but of a service */
    bool backup;              /* behind all that are none; see table_server_group() */
    enum table_state state;
    int64_t slow_start_ns; /* how long its share grows after it came up; 0: not at all */
};

enum table_source_kind { SOURCE_DNS, SOURCE_SRV, SOURCE_FILE };

#define TABLE_NO_RESOLVER UINT32_MAX

/* Servers that are found out while we run. */
struct table_source {
    enum table_source_kind kind;
    struct table_place place;
    uint32_t cluster;
    struct slice name;  /* DNS: without the port; FILE: the path, as the process opens it */
    uint16_t port;      /* DNS */
    uint32_t resolver;  /* DNS, SRV: into table.resolver; FILE: TABLE_NO_RESOLVER */
    int64_t refresh_ns; /* 0: as long as answers live; FILE: above 0 */
    int64_t hold_ns;    /* above 0 */
    uint32_t minimum;
    uint32_t weight;          /* 1..TABLE_WEIGHT_MAX, where the source says nothing else */
    uint32_t max_connections; /* of each of them; 0: no limit */
    uint32_t priority;        /* TABLE_PRIORITY_MAX at most; counted from, where one is listed */
    bool backup;              /* all of them */
    int64_t slow_start_ns;    /* of each of them; 0: not at all */
};

/* Who is asked for names. */
struct table_resolver {
    struct slice name;                 /* empty: the one that nobody described */
    const struct endpoint *nameserver; /* none: those of the system */
    uint32_t n_nameservers;
    int64_t timeout_ns;                              /* of one try; above 0 */
    uint32_t tries;                                  /* at least 1 */
    int64_t min_ttl_ns, max_ttl_ns, negative_ttl_ns; /* above 0, the first at most the second */
};

struct table_cluster {
    struct slice name;
    struct table_place place;
    enum table_balance balance;
    enum table_field field; /* what it goes by; FIELD_COUNT where a balance takes none */
    struct slice key;
    uint32_t bounded_percent;         /* of the average load a server may have; 0: any */
    uint32_t first_server, n_servers; /* into table.server */
    uint32_t first_source, n_sources; /* into table.source; of both together at least 1 */
    struct table_health health;
    uint8_t
        proxy_protocol; /* connections begin with a PROXY header of this version; 0: with none */
    struct table_upstream_tls tls;
    bool h2;            /* servers speak HTTP/2; with TLS where `tls` is on */
    bool limited;       /* some server has a max_connections */
    uint32_t queue_max; /* requests that may wait for room */
    struct table_retry retry;
    struct table_breaker breaker;
    struct table_outlier outlier;
    struct table_sticky sticky;
    const uint32_t *limit; /* into table.limit; that every request to it meets */
    uint32_t n_limits;
    int64_t timeout_ns[TIMEOUT_COUNT]; /* those of the CLUSTER scope; all above 0 */
};

/* The `admin` block: where operators ask over HTTP, and who may. */
struct table_admin {
    struct table_place place;
    const struct table_bind *bind; /* without TLS and PROXY headers */
    uint32_t n_binds;              /* 0: there is no `admin`, and the rest is 0 */
    bool everybody;                /* may connect, else `allowed` */
    struct table_network_set allowed;
    uint32_t token; /* into table.secret, or TABLE_NO_SECRET: nothing has to be given */
    bool metrics, pages;
};

struct table_classifier; /* classifier.h */

struct table {
    struct arena arena; /* owns everything below */

    const struct table_listener *listener;
    const struct table_cluster *cluster;
    const struct table_server *server;
    const struct table_source *source; /* in the order of their clusters */
    const struct table_resolver *resolver;
    const struct table_route *route;
    const struct table_clause *clause;
    const struct table_node *node;
    const struct table_atom *atom;
    const struct table_effect *effect;
    const struct table_end *end;
    const struct table_network_set *network_set;
    const struct table_number_set *number_set;
    const struct table_string_set *string_set;
    const struct table_regex *regex;
    const struct table_map *map;
    const struct table_tls *tls;
    const struct table_limit *limit;
    const struct table_shared *shared;
    const struct table_secret *secret;
    const struct table_cors *cors_rule;
    const struct table_jwt *jwt_rule;
    const struct table_auth *auth_rule;

    /* The diagrams of the routes: see stage.h. */
    const struct table_classifier *const *classifier;
    const struct table_stage *stage;
    const struct table_branch *branch;
    const struct table_edge *edge;
    const uint32_t *target;
    const struct table_leaf *leaf;
    const uint32_t *act;
    uint32_t n_classifiers, n_stages, n_branches, n_edges, n_targets, n_leaves, n_acts;

    uint32_t n_listeners, n_clusters, n_servers, n_routes, n_clauses, n_nodes, n_atoms, n_effects,
        n_ends, n_network_sets, n_number_sets, n_string_sets, n_regexs, n_maps, n_tls, n_sources,
        n_resolvers, n_limits, n_shared, n_secrets, n_cors_rules, n_jwt_rules, n_auth_rules;
    struct table_admin admin;
    struct table_compress compress; /* what the effect means where a listener has none */
    unsigned path_rules;            /* of all listeners together */
    bool requires;                  /* some clause asks who the client is */
    bool requires_jwt;              /* some clause asks for a token */
    uint64_t asked; /* bit 1 << FIELD_x: some condition, template or split asks for it */
};

/* Frees the table and all it points to. NULL is allowed. */
void table_free(struct table *t);

/* Does it decide? Otherwise others do behind it: it ends in `continue`, or goes to a route. */
bool table_clause_decides(const struct table *t, uint32_t clause);

/* The spellings of the .def files; of an END, the word that writes it. Never NULL. */
const char *table_field_name(enum table_field field);
bool table_field_is_keyed(enum table_field field); /* in whatever way: its key is not empty */
enum table_keyed table_field_keyed(enum table_field field);
enum table_phase table_field_phase(enum table_field field);
bool table_field_is_number(enum table_field field);  /* compared by IN_NUMBERS alone */
bool table_field_is_boolean(enum table_field field); /* asked by EXISTS alone */
bool table_field_is_address(enum table_field field); /* compared by IN_NETWORKS alone */
const char *table_op_name(enum table_op op);
const char *table_balance_name(enum table_balance balance);
bool table_balance_takes_field(enum table_balance balance);
const char *table_state_name(enum table_state state);
const char *table_coding_name(enum table_coding coding);
const char *table_timeout_name(enum table_timeout timeout);
const char *table_effect_name(enum table_effect_kind kind);
const char *table_end_name(enum table_end_kind kind);

/* "header \"x\" items", as it would be written; the quotes are `quote`. */
struct text;
void table_field_write(enum table_field field, struct slice key, char quote, struct text *out);

/* A number of the field as it would be written: 404, 10%, 1048576B, 1.2. */
void table_number_write(enum table_field field, uint64_t number, struct text *out);

/* "header \"x\" == \"v\"", as it would be written; sets are shortened to their first members. */
void table_atom_write(const struct table *t, const struct table_atom *atom, struct text *out);

/* As it would be written, without the bodies of answers. */
void table_regex_write(const struct table_regex *regex, struct text *out);
void table_effect_write(const struct table *t, const struct table_effect *e, struct text *out);
void table_end_write(const struct table *t, const struct table_end *e, struct text *out);

/* "\"https://{host}/x\"", as it would be written; keys in single quotes, braces doubled. */
void table_template_write(const struct table_template *template, struct text *out);

/* Does the change belong to a header, be it the request's or the response's? To path and query? Is
 * it one that this version does not serve? */
bool table_effect_is_header(enum table_effect_kind kind, bool response);
bool table_effect_is_target(enum table_effect_kind kind);
bool table_effect_is_require(
    enum table_effect_kind kind); /* and says who the client claims to be */
bool table_effect_is_served(enum table_effect_kind kind);

/* May the change make a difference to what the field is afterwards? */
bool table_effect_changes(const struct table_effect *e, enum table_field field, struct slice key);

/* Those of the lowest group of which some server can be used get the requests. */
static inline uint32_t table_server_group(const struct table_server *s)
{
    return s->priority | (s->backup ? UINT32_C(1) << 31 : 0);
}

/* Index of the named cluster, or UINT32_MAX. */
uint32_t table_find_cluster(const struct table *t, struct slice name);
uint32_t table_find_limit(const struct table *t, struct slice name);
