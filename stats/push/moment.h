/*
 * moment - two samples as JSON: what is, and how fast it goes.
 *
 * Rates are differences of counters over the time between the samples; what was not there before
 * has none (null). Every cluster and server is a row, an array in the order of the lists of names
 * that stand beside them, so that a row that is as it was need not be told again. Pure.
 */
#pragma once

#include "runtime/base/vec.h"
#include "stats/push/sample.h"

struct moment {
    struct sample *now;         /* owned */
    struct text rows;           /* of all clusters, then of all servers; one after the other */
    VEC(size_t) row_end;        /* where each ends */
    struct text totals;         /* an object */
    struct histogram_sum times; /* of all clusters together, since the sample before */
};

/* Takes `now` over. `before` may be NULL. */
struct moment *moment_new(struct sample *now, const struct sample *before);

/* NULL is allowed. */
void moment_free(struct moment *s);

/* All of it. */
void moment_write(const struct moment *s, struct text *out);

/* What is not as it was; nothing is written where clusters or servers are others. */
void moment_write_changes(const struct moment *s, const struct moment *before, struct text *out);

/* By how much a counter grows in a second; negative: that can't be said, for it began anew. */
double moment_rate(uint64_t now, uint64_t before, int64_t between_ns);
