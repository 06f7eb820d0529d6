/*
 * scope - what every name means. One name has one definition of each kind.
 *
 * Kinds have name spaces of their own: a cluster and a route may both be called `shop`, since it is
 * always clear which of them is meant.
 */
#pragma once

#include <stdbool.h>

#include "compiler/sema/program.h"
#include "compiler/sema/values.h"
#include "grammar/ast.h"
#include "runtime/base/vec.h"

enum def_kind {
    DEF_CONST,
    DEF_ENV,
    DEF_SET,
    DEF_ACL,
    DEF_CLUSTER,
    DEF_ROUTE,
    DEF_LISTENER,
    DEF_MAP,
    DEF_SECRET,
    DEF_LIMIT,
    DEF_TLS,
    DEF_LOG,
    DEF_NOTIFY,
    DEF_ALERT,
    DEF_RESOLVER,
    DEF_SHARED,
    DEF_TEMPLATE,
    DEF_KIND_COUNT,
};

/* How far its meaning has been worked out. FAILED: a mistake in it was reported. */
enum def_state { DEF_UNTOUCHED, DEF_AT_WORK, DEF_READY, DEF_FAILED };

struct definition {
    enum def_kind kind;
    struct slice name;
    struct span span; /* of the name */
    const struct ast *node;
    enum def_state state;
    bool used;

    struct value value;            /* CONST, ENV */
    enum type type;                /* CONST, ENV, SET */
    struct program_set set;        /* SET */
    const struct program_map *map; /* MAP */
    const struct cond *body;       /* ACL */
    uint32_t acls;                 /* ACL: how deep they are nested in it, itself included */
    enum table_phase phase;        /* ACL: from when on what it asks for is known */
    uint32_t depth, size;          /* ACL: of its body with all acls in it */
    uint32_t index;                /* its number among those of its kind, in source order */
    struct definition *next_in_slot;
};

struct scope {
    VEC(struct definition *) all; /* in source order; they live in the arena */
    VEC(struct slice) broken;     /* what statements that could not be read would have defined */
    struct definition **slot;     /* a hash of them; n_slots is a power of two */
    uint32_t n_slots;
};

/* Room for `n` definitions. */
void scope_init(struct scope *s, uint32_t n, struct arena *arena);
void scope_done(struct scope *s);

/* Adds it, unless there is one of this kind and name: then returns that one. */
struct definition *scope_add(struct scope *s, struct definition *d);

/* A const and an env are one kind for those who look. NULL when there is none. */
struct definition *scope_find(const struct scope *s, enum def_kind kind, struct slice name);

/* Something of another kind with this name, or NULL. */
const struct definition *scope_find_other(const struct scope *s, enum def_kind kind,
                                          struct slice name);

/* The nearest name of this kind, or NULL. */
struct definition *scope_suggest(const struct scope *s, enum def_kind kind, struct slice name);

/* Would a statement that could not be read have defined this? */
bool scope_is_broken(const struct scope *s, struct slice name);

/* "cluster"; with its article: "a cluster". */
const char *def_kind_name(enum def_kind kind);
const char *def_kind_article(enum def_kind kind);
