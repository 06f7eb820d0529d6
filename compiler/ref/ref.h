/*
 * ref - the reference evaluator: walks the checked tree, clause by clause, as the language reference
 * words it, with no cleverness at all.
 *
 * It shares no code with lower/ and table/eval, so that the two can be held against each other.
 */
#pragma once

#include "compiler/sema/program.h"
#include "compiler/table/facts.h"

#define REF_ACTIONS_MAX 64u

struct ref_verdict {
    uint32_t clause;             /* index within the route */
    const struct action *end;    /* the terminal action */
    const struct action *effect[REF_ACTIONS_MAX];
    uint32_t n_effects;
};

void ref_eval(const struct program *p, uint32_t route, const struct facts *f,
              struct ref_verdict *out);
