/*
 * search - looks for a request that gets somewhere, or for the proof that none does.
 *
 * By counterexamples: a request that meets the condition in question is made up and decided by the
 * table itself. Where another clause takes it, that clause is noted, and the next request must not
 * meet it. In the end one arrives, or no request is left, and then the clauses noted are the
 * reason. So only those clauses are ever looked at that stand in the way.
 */
#pragma once

#include "compiler/prove/question.h"
#include "compiler/prove/witness.h"
#include "compiler/table/verdict.h"

struct text;

enum proof { PROOF_NEVER, PROOF_FOUND, PROOF_UNKNOWN };

#define FALL_OUT UINT32_MAX

/* Where a request is to get: the clause acts, or (FALL_OUT) none of the walk's last route decides.
 */
struct target {
    uint32_t side;
    struct walk walk;
    uint32_t route;        /* the last route of the walk */
    uint32_t clause;       /* of that route, or FALL_OUT */
    struct slice listener; /* it comes by this one; .at is NULL: by any that begins with the root */
    /* And of the request as it came: the condition of this clause of this side holds, or does not.
     * UINT32_MAX: nothing more. With `given_walk` as that walk comes by it. */
    uint32_t given_side, given_clause;
    bool given_holds;
    const struct walk *given_walk;
    const struct target *also; /* and all conditions of this one hold, where it is not NULL */
};

struct search_count {
    uint64_t questions, requests;
    uint64_t unconfirmed; /* requests that did not behave as they should have */
};

/* One truth about a witness: of an atom. */
struct search_truth {
    struct question_variable about;
    enum table_field field;
    struct slice key;
    bool holds, needed;
};

typedef VEC(struct search_truth) search_truths;

struct search {
    struct subject *subject;
    struct question question;
    struct arena arena; /* of the last witness */
    struct witness witness;
    VEC(uint32_t) swallowing; /* after NEVER: the clauses that take all requests, fewest */
    VEC(uint32_t) other;      /* those of the second target, when there are two */
    struct verdict verdict;
    uint32_t *stamp[SIDES_MAX]; /* of each node: when it was seen last */
    bool *held[SIDES_MAX];
    uint32_t now;
    VEC(uint32_t) taken;     /* by search_follow() */
    sat_literals asked;      /* what must be so of a request that arrives */
    search_truths last;      /* what was described last */
    VEC(search_truths) told; /* descriptions that the next requests are not to have */
    uint32_t budget;         /* conflicts that one question may meet */
    struct search_count count;
};

/* The subject must be complete. Never on the stack: it holds a verdict. */
struct search *search_new(struct subject *s);
void search_free(struct search *s);

/*
 * FOUND: the request is s->witness, and the table decides it so. NEVER: s->swallowing has the
 * clauses that take what would get there, none of which can be spared; empty when the condition
 * contradicts itself. Both are good until the next search.
 */
enum proof search_for(struct search *s, const struct target *t);

/* The same of a request that gets to both, in two tables. After NEVER nothing is said of the
 * reason. */
enum proof search_for_both(struct search *s, const struct target *a, const struct target *b);

/* After FOUND: a clause in front of the target (0, or 1 of two) that the description is to leave
 * out. */
void search_leave_out(struct search *s, uint32_t target, uint32_t clause);

/* And one that need not be left out. */
void search_let_in(struct search *s, uint32_t target, uint32_t clause);

/* Would the clause of the target's side be asked on the way to it? */
bool search_stands_before(const struct search *s, const struct target *t, uint32_t clause);

/* Conditions in words of the language; all of them hold. */
typedef VEC(struct slice) search_words;

/*
 * After FOUND: what of the witness made it so, as little as can be: `path under "/api"`, `not
 * method == GET`, in `arena`. Nothing where every request would do. True: every request for which
 * they hold is one that was asked for. Where values that only a request knows are put into it that
 * can't be said, and it is false.
 */
bool search_describe(struct search *s, const struct target *target, uint32_t n, struct arena *arena,
                     search_words *out);

/* From now on: only requests that what search_describe() said last does not hold for. False where
 * it holds for all. */
bool search_avoid(struct search *s);
void search_avoid_none(struct search *s);

/* The clauses that act on the request, in order: into s->taken. The last one decides, or is
 * FALL_OUT. */
void search_follow(struct search *s, uint32_t side, uint32_t root, const struct facts *f);
