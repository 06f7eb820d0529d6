/* agree - does the evaluator decide as the reference does? */
#pragma once

#include "compiler/table/table.h"
#include "tests/agree/support/choice.h"
#include "tests/agree/support/met.h"

struct text;

/* What a run of agree_once() met, so that a test can tell whether it met enough. */
struct agree_count {
    uint64_t requests, changed, too_long;
    uint64_t compiled, refused; /* programs that were written down */
    uint64_t end[END_PASS + 1]; /* by enum table_end_kind */
    uint64_t effect[EFFECT_COUNT];
    uint64_t rewritten, bad_target;
    struct met met; /* of programs that were decided by */
};

/*
 * Makes one program and `requests` requests out of the choices, lowers the program, verifies the
 * table, and decides each request both ways: same clause, same changes in order with the same
 * values, same end, same location.
 *
 * Returns false at the first difference, with the program and the request in `why`.
 */
bool agree_once(struct choice *choice, uint32_t requests, struct agree_count *count,
                struct text *why);

/*
 * The same by way of text: the program is written in the language, compiled, and its table held
 * against what the reference makes of the program in memory. A program that the compiler has
 * something against (a condition that always holds, say) is counted as refused, and no difference.
 */
bool agree_written_once(struct choice *choice, uint32_t requests, struct agree_count *count,
                        struct text *why);
