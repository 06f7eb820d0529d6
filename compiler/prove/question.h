/*
 * question - is there a request for which these conditions hold and those don't?
 *
 * Conditions become logic clause by clause, read from the table that runs; what the fields mean is
 * theory.c's. Changes of headers are followed: after `set header "x" "1"` a test of "x" holds where
 * that clause was taken and the literal passes, or where it was not and the request's own value
 * does. A test of a path that a known change made is one of the path before (pull.h). A change to a
 * value that only the request knows is any value.
 *
 * So what is asked is never less than what can happen: NO is proven. YES comes with a request that
 * has to be tried before it is believed.
 */
#pragma once

#include "compiler/prove/pull.h"
#include "compiler/prove/sat.h"
#include "compiler/prove/subject.h"
#include "compiler/prove/value.h"

#define CONTEXTS_MAX 8u

struct witness;

/* Where conditions are evaluated: on a walk through a table, with the changes made on it. */
struct context {
    uint32_t side;
    const struct walk *walk; /* NULL: on the request as it came */
};

/* Atoms about one field in one state: the request's, or after a change. */
struct question_group {
    enum table_field field;
    struct slice key;
    bool made; /* by a change: one value, that nobody sends */
    bool dirty;
    sat_literal exists; /* 0: not asked yet */
    VEC(uint32_t) variable;
};

/* True: some value passes the atom's test; or fails it, where it is `negated`. */
struct question_variable {
    const struct table *table;
    const struct table_atom *atom; /* NULL: not about a value */
    uint32_t group;                /* of the question */
    bool negated;
};

struct question_made {
    uint32_t side, effect, group;
    uint32_t of; /* the group of the subject */
};

struct question_condition {
    uint32_t context, clause;
    sat_literal holds;
};

struct question {
    const struct subject *subject;
    struct sat sat;
    struct arena arena; /* of one question */
    struct context context[CONTEXTS_MAX];
    uint32_t n_contexts;
    struct value_names listeners;

    uint32_t *group_of;    /* of each group of the subject: 1 + the question's */
    VEC(uint32_t) grouped; /* the groups of the subject that have one */
    VEC(struct question_variable) variable;
    VEC(struct question_group) group;
    uint32_t n_groups; /* those in use; the others keep their memory */
    VEC(struct question_made) made;
    VEC(struct question_condition) condition;
    VEC(struct demand) demand; /* scratch of the theory */
    VEC(uint32_t) demanded;    /* the variables of `demand` */
    VEC(uint32_t) dirty;

    struct pulls pulls;
    uint32_t path;        /* the group of the subject, or UINT32_MAX */
    uint32_t pulled;      /* tests of paths that were put so */
    sat_literals guessed; /* each holds where a change was made to some value that nobody knows */
};

/* The subject must be complete. */
void question_init(struct question *q, const struct subject *s);
void question_done(struct question *q);

/* Begins a new one. */
void question_clear(struct question *q);

/* Returns its number. The walk must stay while the question is asked. */
uint32_t question_context(struct question *q, uint32_t side, const struct walk *walk);

/* Does the condition of the clause hold, where the walk comes by it? */
sat_literal question_condition(struct question *q, uint32_t context, uint32_t clause);

/* Is it so of the values that the request came with? `of` is a group of the subject; the atom may
 * be EXISTS of no table. */
sat_literal question_own(struct question *q, uint32_t of, const struct question_variable *v);

sat_literal question_and(struct question *q, sat_literal a, sat_literal b);
sat_literal question_or(struct question *q, sat_literal a, sat_literal b);

/* From now on: only requests for which this is so. */
void question_require(struct question *q, sat_literal l);

enum sat_answer question_ask(struct question *q, uint32_t *budget);

/* After YES: a request with all the truths found, made in `arena`; false where none was found. */
bool question_witness(struct question *q, struct arena *arena, struct witness *out);
