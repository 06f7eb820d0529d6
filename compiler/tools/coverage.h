/*
 * coverage - which clauses acted, and which of their tests came out true and false.
 *
 * It watches decisions by the evaluator's own trace; what it counts are the nodes of the table. A
 * side that no request can take, for its field is always there, does not count.
 */
#pragma once

#include "compiler/table/eval.h"
#include "compiler/tools/explain.h"

struct coverage;

struct coverage_count {
    uint32_t clauses, clauses_covered;
    uint32_t sides, sides_covered; /* of each test: that it held, and that it did not */
};

struct coverage *coverage_new(const struct table *t);
void coverage_free(struct coverage *c);

/* What eval() is to be given; it lives as long as `c`. */
const struct eval_trace *coverage_trace(struct coverage *c);

struct coverage_count coverage_count(const struct coverage *c);

/* In percent, rounded down, so that 100 is all of it. */
uint32_t coverage_percent(uint32_t covered, uint32_t of);

/* The figures, and what was never exercised, with its place. */
void coverage_write(const struct coverage *c, bool color, struct text *out);

/* An object: "clauses", "sides" (covered, total, percent) and "missing". */
void coverage_json(const struct coverage *c, struct text *out);
