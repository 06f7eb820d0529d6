/*
 * ref - the reference evaluator: walks the checked tree, clause by clause, as the language
 * reference words it, with no cleverness at all.
 *
 * It shares no code with lower/ and table/eval, so that the two can be held against each other.
 */
#pragma once

#include "compiler/sema/program.h"
#include "compiler/table/facts.h"

#define REF_ACTIONS_MAX 64u

/* So many of the `goto`s that were taken are told. */
#define REF_LED_MAX 16u

/* The values of templates that name a field may take so much in a request's headers, together. */
#define REF_TEXT_BYTES_MAX ((size_t)8192)

/* Path and query, once changed, may have so many bytes. */
#define REF_TARGET_BYTES_MAX ((size_t)8192)

struct arena;

struct ref_verdict {
    uint32_t clause;          /* index within the route; n_clauses: none decided, and end is NULL */
    const struct action *end; /* the terminal action; NULL when `too_long` */
    uint32_t route;           /* that it is in: by `goto` it may be another */
    const struct action *led[REF_LED_MAX]; /* each of them, in order */
    uint32_t n_led;
    uint32_t cluster; /* where it is forwarded to */
    bool passed;      /* no clause decided: of a connection, a response; proofs ask it */
    bool too_long;    /* more than REF_TEXT_BYTES_MAX: nothing else may be used */
    bool bad_target;  /* a change made no path of the path: the same */
    bool rewritten;   /* path, uri and query are these, and not the request's */
    struct slice path, uri, query;
    uint32_t n_effects;
    const struct action *effect[REF_ACTIONS_MAX];
    struct slice value[REF_ACTIONS_MAX]; /* of SET and ADD_HEADER */
    struct slice location;               /* of a REDIRECT */
};

/*
 * Decides. Text that is made lives in `arena`. Recurses as deep as conditions are nested to the
 * right, below `not` and through acls; chains that lean to the left, as the parser makes them, may
 * be of any length. Slow, and meant to be.
 */
void ref_eval(const struct program *p, uint32_t route, const struct facts *f, struct arena *arena,
              struct ref_verdict *out);

/* Does the condition hold for the request, before any change? */
bool ref_holds(const struct cond *c, const struct facts *f, struct arena *arena);
