/*
 * subject - the tables that something is to be proven about, read once: which atoms ask the same,
 * what each clause does, and which walks lead to it.
 *
 * Several tables may be looked at together (the two of a diff; the conditions of assertions). An
 * atom is one atom wherever it stands.
 */
#pragma once

#include "compiler/sema/program.h"
#include "compiler/table/table.h"
#include "runtime/base/arena.h"
#include "runtime/base/vec.h"

#define SIDES_MAX 3u

/* A walk passes through at most so many routes, each entered by a `goto` of the one before. */
#define WALK_ROUTES_MAX 16u
#define WALKS_MAX       256u

/* An atom that is asked anywhere, once. */
struct subject_atom {
    const struct table *table;
    const struct table_atom *atom;
    uint32_t group;
};

/* All atoms about one field, or one header. */
struct subject_group {
    enum table_field field;
    struct slice key;
};

enum clause_does { CLAUSE_DECIDES, CLAUSE_GOES_ON, CLAUSE_LEADS };

struct subject_clause {
    enum clause_does does;
    uint32_t end;      /* DECIDES: index into table.end */
    uint32_t route;    /* LEADS: the route it goes to */
    uint32_t first, n; /* its effects: into side.effect */
};

/* A way into a route: the clauses with `goto` that were taken, in order; none for a route that a
 * listener begins with. */
struct walk {
    uint32_t root;
    uint32_t n;
    uint32_t taken[WALK_ROUTES_MAX];
};

struct side {
    const struct table *table;
    const struct program *program; /* NULL: of conditions, where nothing leads to another route */
    uint32_t *atom;                /* of each atom of the table: index into subject.atom */
    struct subject_clause *clause; /* of each clause of the table */
    uint32_t *effect;              /* indices into table.effect, by clause */
    VEC(uint32_t) changes; /* the clauses that go on or lead elsewhere and change something */
    bool leads;            /* some clause does */
};

struct subject {
    struct arena arena;
    struct side side[SIDES_MAX];
    uint32_t n_sides;
    VEC(struct subject_atom) atom;
    VEC(struct subject_group) group;
    uint32_t *slot; /* hash of atoms: 1 + index */
    uint32_t *group_slot;
    uint32_t slots, group_slots;
};

void subject_init(struct subject *s);
void subject_done(struct subject *s);

/* Returns the number of the side. The table must have passed table_verify(); table and program are
 * borrowed. */
uint32_t subject_add(struct subject *s, const struct table *t, const struct program *p);

/* The walks that lead to the route: from it alone where a listener begins there or nobody goes
 * there, and by each chain of `goto`s. At most WALKS_MAX, and *all says whether these are all.
 * Returns their number. */
uint32_t subject_walks(const struct subject *s, uint32_t side, uint32_t route, struct walk *out,
                       bool *all);

/* May the change change what is asked of the group? */
bool subject_touches(const struct table_effect *e, const struct subject_group *g);

bool subject_same_template(const struct table_template *a, const struct table_template *b);

/* Do two effects, of two tables, do the same to the same request? */
bool subject_same_effect(const struct table *t, const struct table_effect *e, const struct table *u,
                         const struct table_effect *f);

/* The names of the listeners that begin with the route, in `arena`. */
uint32_t subject_listeners(const struct side *side, uint32_t route, struct slice *out,
                           uint32_t room);
