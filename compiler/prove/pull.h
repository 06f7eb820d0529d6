/*
 * pull - what a test of the path asks of the path before a change of it.
 *
 * `strip prefix`, `replace prefix` and `rewrite path` with text that is known make the new path a
 * function of the old one: behind `strip prefix "/p"` the path is under "/x" where it was under
 * "/p/x" before, or not under "/p" and under "/x". So such a test is one of the old path again.
 */
#pragma once

#include "compiler/table/table.h"
#include "runtime/base/arena.h"
#include "runtime/base/vec.h"

/* Tests that a test comes to, at most. */
#define PULLED_MAX 64u

/* Tests of paths that nobody wrote; equal ones are one. */
struct pulls {
    struct arena arena, scratch; /* the latter of one pull_back() */
    VEC(const struct table_atom *) made;
    uint32_t *slot; /* 1 + index */
    uint32_t slots;
};

/*
 * What the test asks of the path before: where that is `same`, whether same_passes; where it
 * `begins` so, that `always`, or `any` of those hold, or `rest` holds and none of `none`; elsewhere
 * the test itself.
 */
struct pulled {
    const struct table_atom *same; /* NULL: no path is told apart */
    bool same_passes;
    const struct table_atom *begins;
    bool always;
    const struct table_atom *any[PULLED_MAX], *none[PULLED_MAX];
    uint32_t n_any, n_none;
    const struct table_atom *rest; /* or NULL */
};

void pulls_done(struct pulls *p);

/* "/": what every path but `*` begins with. */
const struct table_atom *pull_root(struct pulls *p);

/* False where the change does not tell, or the test can't be put so. The atom is of the table. */
bool pull_back(struct pulls *p, const struct table_effect *change, const struct table *t,
               const struct table_atom *atom, struct pulled *out);
