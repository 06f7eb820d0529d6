/*
 * sat - is there a choice of truths that meets all demands? A small solver (conflict-driven clause
 * learning) with a theory beside it: whoever asks knows which truths can't go together because of
 * what the variables mean.
 *
 * Clauses here are those of logic: lists of literals of which one must be true. Answers are exact;
 * the budget is what keeps a hard question from taking for ever.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/vec.h"

/* Twice the variable, plus one where it is negated. */
typedef uint32_t sat_literal;

static inline sat_literal sat_of(uint32_t variable, bool truth)
{
    return variable * 2 + (truth ? 0 : 1);
}

static inline sat_literal sat_not(sat_literal l)
{
    return l ^ 1u;
}

static inline uint32_t sat_variable(sat_literal l)
{
    return l / 2;
}

static inline bool sat_truth(sat_literal l)
{
    return (l & 1u) == 0;
}

enum sat_answer { SAT_NO, SAT_YES, SAT_UNKNOWN };

typedef VEC(sat_literal) sat_literals;

/*
 * Looks at the truths so far; those on the trail from `fresh` on are new. When some can't go
 * together it puts them into `conflict` (empty when called) and returns false.
 */
struct sat;
struct sat_theory {
    bool (*fits)(void *of, const struct sat *s, sat_literals *conflict);
    void *of;
};

struct sat_clause {
    uint32_t first, n; /* into sat.literal */
};

struct sat {
    sat_literals literal; /* of all clauses, one after the other */
    VEC(struct sat_clause) clause;
    VEC(int8_t) value;           /* of each variable: 1, -1, 0 while undecided */
    VEC(uint32_t) level, reason; /* of each variable that has a truth */
    VEC(uint32_t) seen;          /* scratch of analysis, a mark per variable */
    VEC(VEC(uint32_t)) watch;    /* of each literal: the clauses that watch it */
    sat_literals trail;
    VEC(uint32_t) level_at;       /* where on the trail each level begins */
    sat_literals learnt, scratch; /* of the analysis */
    uint32_t head;                /* of the trail: what is not propagated yet */
    uint32_t fresh;               /* of the trail: what the theory has not seen yet */
    bool impossible;
    struct sat_theory theory;
};

void sat_init(struct sat *s, struct sat_theory theory);
void sat_done(struct sat *s);

/* Empties it, and keeps the memory. */
void sat_clear(struct sat *s);

/* Variables are numbered from 0. Those made first are decided first, and tried as false. */
uint32_t sat_add_variable(struct sat *s);

/* One of these must be true. None at all: there is no answer. Not while sat_solve() runs. */
void sat_add(struct sat *s, const sat_literal *literal, uint32_t n);
void sat_add1(struct sat *s, sat_literal a);
void sat_add2(struct sat *s, sat_literal a, sat_literal b);
void sat_add3(struct sat *s, sat_literal a, sat_literal b, sat_literal c);

/*
 * Looks for truths; they are in value[] after SAT_YES, until something is added. UNKNOWN when there
 * were more conflicts than *budget, which is lowered by those there were.
 */
enum sat_answer sat_solve(struct sat *s, uint32_t *budget);

static inline bool sat_is(const struct sat *s, sat_literal l)
{
    return s->value.at[sat_variable(l)] == (sat_truth(l) ? 1 : -1);
}
