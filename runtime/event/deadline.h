/*
 * deadline - very many timers of few durations, each costing two list operations to set.
 *
 * All deadlines of one duration stand in the order they were set, so the next to expire is always
 * the first: nothing is sorted. Pure: time comes in as an argument, and whoever owns the set asks
 * it what has expired. A zeroed struct deadline is one that is not set.
 */
#pragma once

#include <stdint.h>

#include "runtime/base/list.h"
#include "runtime/base/vec.h"

struct deadline {
    struct list link;
    int64_t at_ns;                    /* 0: not set */
    void (*call)(struct deadline *d); /* the owner's, for whoever runs what has expired */
};

struct deadline_queue {
    int64_t duration_ns;
    struct list waiting;
};

/* As many queues as durations are in use: the configuration bounds them. A zeroed set is empty. */
struct deadlines {
    VEC(struct deadline_queue *) queue; /* sorted by duration */
};

/* Expires at now_ns + duration_ns (> 0), in place of what was set before. */
void deadline_set(struct deadlines *all, struct deadline *d, int64_t duration_ns, int64_t now_ns);

void deadline_clear(struct deadline *d);

/* Takes one expired deadline out and returns it, or NULL. */
struct deadline *deadlines_expired(struct deadlines *all, int64_t now_ns);

/* Is anything set? */
bool deadlines_any(const struct deadlines *all);

/* Forgets all that is set. */
void deadlines_done(struct deadlines *all);
