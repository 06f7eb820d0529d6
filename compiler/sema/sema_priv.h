/* Shared by the files of this room; nobody else includes this. */
#pragma once

#include "compiler/sema/scope.h"
#include "compiler/sema/sema.h"
#include "compiler/sema/types.h"
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

struct sema {
    const struct sema_input *in;
    struct arena *arena;
    struct diags *diags;
    struct scope *scope;
    uint32_t const_depth; /* constants, the same */
    uint32_t acl_depth;   /* acls being worked out, one inside the other */
    uint32_t searches;    /* for near names */
    uint64_t tests;       /* of the whole program, acls counted where they are used */
    VEC(struct bound) bound;
};

#define SEARCHES_MAX 100u

/* How deep a condition may be with the acls it names, and how many tests it and all together may
 * make: what follows may walk it by recursion, and must end in a lifetime. */
#define COND_DEPTH_MAX    200u
#define CONST_DEPTH_MAX   32u
#define ACL_DEPTH_MAX     32u
#define COND_TESTS_MAX    (1u << 18)
#define PROGRAM_TESTS_MAX (1u << 22)

/* resolve.c: the definition of `name`, marked used, or NULL with a report. */
struct definition *resolve(struct sema *s, enum def_kind kind, struct slice name,
                           struct span where);

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
bool test_read(struct sema *s, const struct ast *a, struct built *out); /* tests.c */
bool definition_acl(struct sema *s, struct definition *d);
bool is_condition(const struct ast *a);

/* actions.c: false after a report. */
bool action_read(struct sema *s, const struct ast *a, struct action *out);
bool action_decides(enum action_kind kind);

/* strings.c */
bool string_read(struct sema *s, const struct ast *node, struct slice *out);
bool string_value(struct sema *s, const struct ast *node, struct slice *out);
bool template_read(struct sema *s, const struct ast *node, struct table_template *out);
/* fields.c: the field called so, with or without a key; false after a report. */
bool field_find_said(struct sema *s, struct slice name, bool keyed, struct span where,
                     enum table_field *out);
bool field_key(struct sema *s, enum table_field f, struct slice raw, struct span where,
               struct slice *out);

/* hosts.c, paths.c, tokens.c: the literals of one type, normalised; `partial`: a beginning or an
 * end. */
enum part { PART_WHOLE, PART_BEGIN, PART_END };
bool host_literal(struct sema *s, struct slice text, struct span where, enum part part,
                  struct slice *out);
bool path_literal(struct sema *s, struct slice text, struct span where, enum part part,
                  struct slice *out);
bool method_literal(struct sema *s, struct slice text, struct span where, struct slice *out);
bool header_name(struct sema *s, struct slice text, struct span where, struct slice *out);
bool is_token(struct slice s);
bool has_control(struct slice s, const char *except);

/* routes.c, clusters.c, health.c, listeners.c */
bool route_read(struct sema *s, const struct definition *d, struct route *out);
bool cluster_read(struct sema *s, const struct definition *d, struct program_cluster *out);
bool health_read(struct sema *s, const struct ast *a, struct table_health *out);
bool listener_read(struct sema *s, const struct definition *d, struct program_listener *out);

/* settings.c */
enum timeout_scope { SCOPE_LISTENER, SCOPE_CLUSTER };
void timeouts_default(int64_t timeout_ns[TIMEOUT_COUNT], enum timeout_scope scope);
/* Reads one `timeout NAME D`; `given` has the earlier ones. */
bool timeout_read(struct sema *s, const struct ast *a, enum timeout_scope scope,
                  int64_t timeout_ns[TIMEOUT_COUNT], const struct ast *given[TIMEOUT_COUNT]);
/* Is this the first of its kind? Otherwise reports both places. */
bool first_given(struct sema *s, const struct ast *a, const struct ast **given, const char *what);
