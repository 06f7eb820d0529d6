/*
 * brute - small random configurations, and what is true of them by trying every request.
 *
 * Each field has a handful of tests, written down in brute.c, and one value of each kind that these
 * tests can tell apart: found by going through all short values. Fields that may have several
 * values get all unions of up to three.
 */
#pragma once

#include "compiler/prove/prove.h"
#include "runtime/base/text.h"
#include "tests/agree/support/choice.h"

struct brute_count {
    uint64_t programs, clauses, never, requests, total, open;
    uint64_t unknown; /* programs with a clause nothing is known of: they come in clusters */
    uint64_t leading, rewriting,
        matching; /* programs with goto, changes of path and query, regexes */
    uint64_t pairs, equal, regions, exact, undecided;
};

/* One program: each clause, and each route's end, against brute force. False, and why, when they
 * differ. */
bool brute_proofs(struct choice *c, struct brute_count *count, struct text *why);

/* Two programs that differ in a clause or two: their diff against brute force. */
bool brute_diff(struct choice *c, struct brute_count *count, struct text *why);
