/*
 * prove - what is true of a configuration whatever the request: which clauses are never reached,
 * which routes leave requests undecided, which assertions do not hold.
 *
 * Asked of the very table that runs. Each answer is proven, or shown by a request that the
 * reference evaluator decides as said, or it is "unknown" and nothing is said: there are no false
 * alarms.
 */
#pragma once

#include "compiler/prove/search.h"
#include "compiler/sema/program.h"

struct diags;

struct prove_count {
    uint32_t clauses, reached, shadowed, unknown; /* of clauses; a route's end counts as one */
    uint64_t questions, requests;
    uint64_t unconfirmed; /* requests that were not decided as they should have been */
};

/* Reports what it finds. The table is that of the program. `count` may be NULL. */
void prove(const struct table *t, const struct program *p, struct diags *d,
           struct prove_count *count);

/* For those who want requests: `lbc test --generate`, coverage, diff. */
struct prover;
struct prover *prover_new(const struct table *t, const struct program *p);
void prover_free(struct prover *p);

/*
 * Is there a request that the clause acts on, reached by any listener? After FOUND, *witness is
 * one, confirmed by the reference evaluator, good until the next call; its listener is in its
 * facts, and *root the route that listener begins with. `witness` and `root` may be NULL.
 */
enum proof prover_clause(struct prover *p, uint32_t clause, const struct witness **witness,
                         uint32_t *root);
