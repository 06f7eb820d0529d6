/* Shared by the files of diff; nobody else includes this. */
#pragma once

#include "compiler/prove/diff.h"
#include "compiler/prove/search.h"
#include "runtime/base/text.h"

/* More pairs of clauses than this are not looked at: the answer is unknown then. */
#define DIFF_PAIRS_MAX 1000000u

/* The routes that requests of one listener may come through, and how. */
struct ways {
    struct {
        uint32_t route;
        struct walk walk;
    } way[WALKS_MAX];
    uint32_t n;
    bool all;
};

struct differing {
    struct subject subject;
    struct search *search;
    struct diff *out;
    struct slice listener; /* the one that is looked at */
    uint32_t root[2];
    struct ways ways[2];
    bool *matched[2];     /* of each clause: it is on the other side too, in the same order */
    uint32_t *partner[2]; /* of each clause: the one it matches; or else, where it goes on, one that
                             makes the same changes and has no match; or UINT32_MAX */
    uint32_t *twin[2];    /* of each clause: the one as it is written, at the same place among the
                             others; or UINT32_MAX. It may be got to by other requests all the same */
    uint32_t *cause[2];   /* of each clause that is not matched: the change, or UINT32_MAX */
    uint32_t looked_side, looked_clause; /* what is held against the other side */
    uint64_t pairs;
    const struct diff_patience *patience; /* NULL: any */
    bool by_changes; /* what is looked at differs by what is changed before the decision */
};

/* diff_match.c */
void diff_read_ways(struct differing *x, uint32_t side);
void diff_match_clauses(struct differing *x);

/* Finds what was changed of a listener's `on connect`, `on response`: routes, or TABLE_NO_ROUTE. */
void diff_match_block(struct differing *x, uint32_t before, uint32_t after);

/* Do the two clauses decide alike, with the same changes? `clause` is of `side`, `other` not. */
bool diff_same_decision(const struct differing *x, uint32_t side, uint32_t clause, uint32_t other);

/* The same as it is written, but for the place; and the same tests in the same shape. */
bool diff_same_clause(const struct differing *x, uint32_t before, uint32_t after);
bool diff_same_tests(const struct differing *x, uint32_t before, uint32_t after);

/* diff_change.c: finds what was changed of the text of two routes. */
void diff_find_changes(struct differing *x, uint32_t route_before, uint32_t route_after);

/* The change that makes the clause differ from the other side's. */
uint32_t diff_cause(struct differing *x, uint32_t side, uint32_t clause);

/* diff_group.c: puts regions in order, one in another. */
void diff_group(struct diff *d);

/* diff_effects.c */
typedef VEC(const struct table_effect *) diff_effects;

/* The changes of the clause that show where `end` is reached (NULL: all). */
void diff_add_effects(const struct side *s, uint32_t clause, const struct table_end *end,
                      diff_effects *out);
void diff_sort_effects(const struct table *t, diff_effects *e);

/* Is their order nothing that anybody sees? */
bool diff_clauses_commute(const struct side *s, uint32_t a, uint32_t b);

/* Does anybody see the change where this is the end? What is answered by ourselves shows nothing of
 * a changed request, unless the answer is made of it. True where in doubt. */
bool diff_shows(const struct side *s, uint32_t effect, const struct table_end *end);

void diff_write_end(const struct table *t, const struct table_end *e, struct text *out);
