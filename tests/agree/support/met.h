/*
 * met - what generated programs have in them, counted, so that a word of the language that is never
 * drawn is noticed.
 */
#pragma once

#include "compiler/sema/program.h"

struct text;

#define MET_ACTIONS  (ACTION_GOTO + 1)
#define MET_COMPARES (COMPARE_EXISTS + 1)
#define MET_CONDS    (COND_ACL + 1)
#define MET_PHASES   (PHASE_RESPONSE + 1)

struct met {
    uint64_t programs;
    uint64_t action[MET_ACTIONS], compare[MET_COMPARES], field[FIELD_COUNT], cond[MET_CONDS];
    uint64_t clause[MET_PHASES]; /* by what they are asked about */
    uint64_t all;                /* tests of each value */
};

void met_add(struct met *m, const struct program *p);

/* Adds a line to `why` for each that this version serves and that was met less often than `least`;
 * of fields only those for which `asked` holds, and of phases those up to `last`. */
void met_missing(const struct met *m, uint64_t least, bool (*asked)(enum table_field field),
                 enum table_phase last, struct text *why);
