/*
 * objects - what differs between two configurations beside their routes: clusters, servers,
 * timeouts, listeners and all the rest, setting by setting.
 *
 * Both are written out with every default (unparse.h), and compared line by line within each block:
 * whatever can be configured is compared, and what is spelt another way and means the same is not a
 * difference.
 */
#pragma once

#include "runtime/base/arena.h"
#include "runtime/base/slice.h"
#include "runtime/base/vec.h"

struct program;

/* One setting of one object. One of `before` and `after` may be empty: it was added or removed; the
 * object itself was, where the other one is empty too. */
struct objects_change {
    struct slice object;        /* "cluster api", "cluster api health" */
    struct slice before, after; /* "timeout connect 2s" */
    bool added, removed;        /* the object itself */
};

struct objects_diff {
    VEC(struct objects_change) change;
};

/* Text lives in `arena`. Routes and what they name are left out, and listeners' blocks of clauses.
 */
void objects_diff(const struct program *before, const struct program *after, struct arena *arena,
                  struct objects_diff *out);
void objects_diff_done(struct objects_diff *d);
