/*
 * outlier - which of a cluster's servers answer worse than they should, and how long each is left
 * out for it.
 *
 * Pure but for the counts, which workers write. An error is what a server failed to do: a
 * connection that could not be made, an answer that was late, broken off or malformed, a 5xx. A
 * server is ejected for errors in a row, for its rate of errors in a window, or for its mean time
 * to the first byte against the median of the servers (the lower one of two; those with too few
 * requests have none). Then it is left out for `eject`, and for each further time in a row for as
 * much longer, up to OUTLIER_TIMES_MAX times as long; for each `eject` that it then goes without it
 * is forgiven one time. When it returns, what was before is forgotten.
 *
 * Never are more ejected at a time than the rule's part of the servers, or one if that is less than
 * one; and never the last that can be used. Of several the worst goes first.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "compiler/table/table.h"
#include "runtime/base/text.h"

#define OUTLIER_TIMES_MAX 10u

/* A window is looked at so often; from the beginning of one of its slices to now. */
#define OUTLIER_SLICES 5u

/* What is less than this above the median is nothing to go by. */
#define OUTLIER_LATENCY_LEAST_NS INT64_C(1000000)

/* One worker's counts of one server; zeroed at first. Only it writes, with relaxed atomics. */
struct outlier_counts {
    _Atomic uint64_t requests, errors; /* that have ended, all of them; of these */
    _Atomic uint64_t timed, time_ns;   /* those that were answered well, and their sum */
};

/* One request has ended. `took_ns`: to the first byte; of an error it does not count. */
void outlier_note(struct outlier_counts *c, bool error, int64_t took_ns);

/* The sum over the workers. */
struct outlier_seen {
    uint64_t requests, errors, timed, time_ns;
    uint32_t in_a_row; /* errors since the last good answer */
};

void outlier_sum(struct outlier_seen *sum, const struct outlier_counts *c);

/* Is this response an error? What the request is to blame for is none: 501 and 505 are about its
 * method and version. */
bool outlier_is_error(uint16_t status);

enum outlier_reason { OUTLIER_IN_A_ROW, OUTLIER_ERROR_RATE, OUTLIER_LATENCY };

struct outlier_why {
    enum outlier_reason reason;
    uint64_t is, of; /* errors in a row; errors of requests; nanoseconds, and the median's */
};

/* "5 errors in a row" */
void outlier_write(const struct outlier_why *why, struct text *out);

/* One server's state; zeroed at first. One thread's. */
struct outlier {
    bool begun, ejected;
    int64_t until_ns;       /* while ejected */
    int64_t good_ns;        /* else: since when it has been without, or was forgiven last */
    uint32_t times;         /* in a row; at most OUTLIER_TIMES_MAX */
    uint64_t ejections;     /* in all */
    struct outlier_why why; /* the last time */
    struct outlier_seen mark[OUTLIER_SLICES]; /* at the ends of the last slices, oldest first */
    uint32_t n_marks;
};

/* A server, for outlier_look(). */
struct outlier_member {
    struct outlier *of;
    struct outlier_seen seen;
    bool usable;  /* up, and ready */
    bool changed; /* set by outlier_look(): it has been ejected, or has returned */
    /* outlier_look()'s own */
    double badness; /* at least 1: it is to go */
    struct outlier_why why;
};

/*
 * Looks at all servers of a cluster, and ejects and returns. Whoever has returned has no errors in
 * a row any more: the caller's to see to. `slice_ns` is the cluster's, 0 at first. Returns when to
 * look again if nothing calls for it before; INT64_MAX: never.
 */
int64_t outlier_look(const struct table_outlier *rule, struct outlier_member *m, uint32_t n,
                     int64_t *slice_ns, int64_t now_ns);

/* A server is in another process's place as it was there: ejected until then, at the longest as
 * long as the rule can eject; for the `times`th time in a row. Of one that was never looked at. */
void outlier_resume(struct outlier *o, const struct table_outlier *rule, const struct outlier *was,
                    int64_t now_ns);

/* Ends an ejection before its time, or does nothing. True when there was one. */
bool outlier_return(struct outlier *o, const struct outlier_seen *seen, int64_t now_ns);
