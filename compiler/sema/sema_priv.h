/* Shared by the files of this room; nobody else includes this. */
#pragma once

#include "compiler/sema/scope.h"
#include "compiler/sema/sema.h"
#include "compiler/sema/types.h"
#include "compiler/sema/uses.h"
#include "compiler/sema/values.h"
#include "grammar/ast.h"
#include "grammar/diag.h"
#include "runtime/base/arena.h"
#include "runtime/base/vec.h"

/* What a bind was seen at, to find the second one. */
struct bound {
    struct endpoint endpoint;
    struct span span;
};

struct bounds {
    VEC(struct bound) all;
    uint32_t *slot; /* a hash of them: 1 + the number of one */
    uint32_t mask;
};

/* A condition asks about a limit of that name. */
struct asked_limit {
    struct slice name;
    struct span span;
};

struct sema {
    const struct sema_input *in;
    struct arena *arena;
    struct diags *diags;
    struct scope *scope;
    uint32_t const_depth;   /* constants, the same */
    uint32_t acl_depth;     /* acls being worked out, one inside the other */
    uint32_t searches;      /* for near names */
    enum table_phase phase; /* of what is being read */
    bool responding;        /* and it stands in `on response`: headers are the response's */
    uint64_t tests;         /* of the whole program, acls counted where they are used */
    struct bounds bounds;
    unsigned path_rules; /* of all listeners together */
    VEC(struct span) unserved;
    VEC(struct asked_limit) exceeded;
};

#define SEARCHES_MAX 100u

/* How deep a condition may be with the acls it names, and how many tests it and all together may
 * make: what follows may walk it by recursion, and must end in a lifetime. */
#define COND_DEPTH_MAX    200u
#define CONST_DEPTH_MAX   32u
#define ACL_DEPTH_MAX     32u
#define GOTO_DEPTH_MAX    100u
#define COND_TESTS_MAX    (1u << 18)
#define PROGRAM_TESTS_MAX (1u << 22)

/* resolve.c: the definition of `name`, marked used, or NULL with a report. */
struct definition *resolve(struct sema *s, enum def_kind kind, struct slice name,
                           struct span where);

/* The type that the word is; false after a complaint. */
bool type_named(struct sema *s, const struct ast *word, enum type *out);

/* "did you mean …?", when there is something to mean. */
void suggest_fix(struct sema *s, struct span where, struct slice meant);

/* "write \"text\"", with its quotes. */
void fix_quoted(struct sema *s, struct span where, struct slice text);

/* definitions.c */
void define_all(struct sema *s);
/* Works out what a definition means when it is first asked for; a ring of them is said once, where
 * it was entered. */
bool worked_out(struct sema *s, struct definition *d,
                bool (*work)(struct sema *, struct definition *));
bool definition_value(struct sema *s, struct definition *d); /* false: FAILED */
bool definition_set(struct sema *s, struct definition *d);
/* Reports what is not spelt as names are. */
void name_check(struct sema *s, struct slice name, struct span where, bool constant);
bool set_read(struct sema *s, const struct ast *list, enum type type, struct program_set *out);

/* conditions.c: NULL after a report. */
struct built {
    const struct cond *cond;
    uint32_t depth, size;
    uint32_t acls; /* how deep acls are nested in it: 0 for none */
};
bool condition(struct sema *s, const struct ast *a, struct built *out);
bool test_read(struct sema *s, const struct ast *a, struct built *out);    /* tests.c */
bool boolean_read(struct sema *s, const struct ast *a, struct built *out); /* tests.c */
bool definition_acl(struct sema *s, struct definition *d);
bool is_condition(const struct ast *a);

/* expressions.c: /pattern/flags, and the text that stands for what it finds, with {1} for a group.
 */
bool regex_literal(struct sema *s, const struct ast *node, struct slice *pattern,
                   struct slice *flags, uint32_t *groups);
bool replacement_read(struct sema *s, const struct ast *node, uint32_t groups,
                      struct table_template *out);

/* jwt.c */
bool jwt_read(struct sema *s, const struct ast *a, struct action *out);

/* cors.c */
bool cors_read(struct sema *s, const struct ast *a, struct action *out);

/* auth.c: `require auth`; and the removals of headers that go with it, which are put before each
 * such one of the *n actions; there is room for TABLE_AUTH_NAMES_MAX more of each. */
bool auth_read(struct sema *s, const struct ast *a, struct action *out);
void auth_put_removals(struct action *action, uint32_t *n);

/* maps.c: what a map that leads to clusters has. */
bool definition_map(struct sema *s, struct definition *d);
bool map_of(struct sema *s, struct definition *d, const struct program_map **out);

/* gotos.c: no ring of them, and no more changes on the way than a request may meet. */
bool gotos_check(struct sema *s, const struct program *p);

/* protocols.c: what TCP listeners ask and do is what can be known and done of a connection; and no
 * request reaches a cluster that takes bytes only. Sets `peeks` of listeners. */
bool protocols_check(struct sema *s, struct program *p);

/* limits.c: can windows count as far? And who goes by a cluster is asked when there is one. */
bool limit_windows_fit(struct sema *s, const struct program_settings *given);
bool limits_check(struct sema *s, const struct program *p);

/* What makes it a limit that counts bytes, or NULL: it counts requests. */
const struct program_setting *limit_of_bytes(const struct program_settings *given);
bool limit_is_of_one_kind(struct sema *s, const struct program_object *o);
const struct program_object *limit_named(const struct program *p, struct slice name);

/* Does the limit of that name count requests, as it must here? `why` ends the message. */
bool limit_named_of_requests(struct sema *s, const struct program *p, struct slice name,
                             struct span where, const char *why);

/* actions.c: false after a report. */
bool action_changes(enum action_kind kind);
bool action_read(struct sema *s, const struct ast *a, struct action *out);
bool action_decides(enum action_kind kind);

/* headers.c */
bool header_change_read(struct sema *s, const struct ast *a, struct action *out);
bool set_host_read(struct sema *s, const struct ast *a, struct action *out);
/* No control characters in what is literal of it? */
bool template_clean(struct sema *s, const struct ast *at, const struct table_template *t,
                    const char *what);

/* strings.c */
bool string_read(struct sema *s, const struct ast *node, struct slice *out);
bool bytes_read(struct sema *s, const struct ast *node, struct slice *out); /* with \x.. */
bool string_value(struct sema *s, const struct ast *node, struct slice *out);
bool template_read(struct sema *s, const struct ast *node, struct table_template *out);
/* fields.c: a field as it was written, and which one that is in this phase; false after a report.
 */
enum side { SIDE_DEFAULT, SIDE_REQUEST, SIDE_RESPONSE };
struct field_name {
    struct slice name;
    struct span name_span; /* empty: all of it is the name */
    enum side side;        /* of a header */
    struct slice key;      /* .at is NULL where there is none */
    struct span key_span;
    bool items;
};
bool field_find_said(struct sema *s, const struct field_name *n, struct span where,
                     enum table_field *out, struct slice *key);
bool field_read(struct sema *s, const struct ast *a, enum table_field *out,
                struct slice *key); /* tests.c */
bool field_key(struct sema *s, enum table_field f, struct slice raw, struct span where,
               struct slice *out);

/* hosts.c, paths.c, tokens.c: the literals of one type, normalised; `partial`: a beginning or an
 * end. */
enum part { PART_WHOLE, PART_BEGIN, PART_END };
bool host_literal(struct sema *s, struct slice text, struct span where, enum part part,
                  struct slice *out);
bool host_value(struct sema *s, struct slice text, struct span where); /* of a Host header */
bool path_literal(struct sema *s, struct slice text, struct span where, enum part part,
                  struct slice *out);
bool method_literal(struct sema *s, struct slice text, struct span where, struct slice *out);
const char *header_is_ours(struct slice name); /* why nobody else may say it, or NULL */
bool header_name(struct sema *s, struct slice text, struct span where, struct slice *out);
bool is_token(struct slice s);
bool has_control(struct slice s, const char *except);

/* routes.c, clusters.c, health.c, listeners.c */
bool route_read(struct sema *s, const struct definition *d, struct route *out);
bool on_read(struct sema *s, const struct ast *a, struct slice name, struct route *out);
bool cluster_read(struct sema *s, const struct definition *d, struct program_cluster *out);
/* failover.c: retries, the queue, the circuit breaker, from the cluster's settings. False after a
 * report. */
bool failover_read(struct sema *s, struct program_cluster *out);
/* outlier.c: when servers are left out, from the cluster's settings. */
void outlier_read(const struct program_setting *given, struct table_outlier *out);

/* sticky.c: by what a cluster's clients keep their servers. False after a report. */
bool sticky_read(struct sema *s, const struct program_setting *a, struct program_cluster *out);

bool health_read(struct sema *s, const struct program_setting *given, struct table_health *out);
unsigned path_rules_of(const struct ast *file);

/* listeners.c: one `bind` among the settings of what binds it; and is it the first one there? False
 * after a report. */
bool bind_read(struct sema *s, const struct program_settings *given,
               const struct program_setting *a, struct table_bind *out);
bool bound_first(struct sema *s, const struct program_setting *a, const struct endpoint *e);

bool listener_read(struct sema *s, const struct definition *d, struct program_listener *out);

/* objects.c: blocks that are settings and nothing else. */
bool object_read(struct sema *s, const struct ast *a, enum setting_block block,
                 struct program_object *out);
/* admin.c: what `admin` is bound to, and whether it may be. False after a report. */
bool admin_read(struct sema *s, struct program *p);

/* Notes that something is checked and has no effect. */
void not_served(struct sema *s, struct span where);

bool uses_read(struct sema *s); /* template_uses.c */
bool secret_read(struct sema *s, const struct definition *d, struct program_secret *out);
bool object_kind_of(enum ast_kind node, enum object_kind *kind, enum setting_block *block);

/* testing.c: tests and asserts. */
bool test_block_read(struct sema *s, const struct ast *a, struct program_test *out);
bool assert_read(struct sema *s, const struct ast *a, struct program_assert *out);

/* outcomes.c: reads what stands from *at on; *at is what follows. */
bool outcome_read(struct sema *s, const struct ast *from, struct span where,
                  struct program_outcome *out);

/* timeouts.c: the defaults, and what `timeout NAME D` says among the settings. */
enum timeout_scope { SCOPE_LISTENER, SCOPE_CLUSTER };
void timeouts_default(int64_t timeout_ns[TIMEOUT_COUNT], enum timeout_scope scope);
bool timeouts_read(struct sema *s, const struct program_settings *given, enum setting_id id,
                   enum timeout_scope scope, int64_t timeout_ns[TIMEOUT_COUNT]);
