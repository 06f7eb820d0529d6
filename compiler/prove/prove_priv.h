/* Shared by the files of prove; nobody else includes this. */
#pragma once

#include "compiler/prove/prove.h"
#include "grammar/diag.h"

struct prover {
    struct subject subject;
    struct search *search;
    struct diags *diags; /* NULL: nothing is said */
    struct walk walk[WALKS_MAX];
    struct table *conditions; /* side 1: those of the assertions, a clause each; NULL: none */
    struct arena arena;
    struct prove_count count;
};

/* The clause as it was written. */
const struct clause *prover_written(const struct prover *p, uint32_t clause);

/* Does the reference evaluator decide the witness as the target says? */
bool prover_confirms(struct prover *p, const struct target *t);

/* Looks by all walks into the route; FOUND by one of them is enough. */
enum proof prover_look(struct prover *p, uint32_t route, uint32_t clause, struct target *t);

/* overwritten.c */
void prove_overwritten(struct prover *p);

/* loops.c */
void prove_loops(struct prover *p);

/* asserts.c */
void prove_assertions(struct prover *p);

/* reach.c: clauses and routes' ends. */
void prove_reach(struct prover *p);
