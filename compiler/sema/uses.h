/*
 * uses - which names stand where, for those who ask a text questions (editors).
 *
 * Sema notes each definition's own name and each place that names it, as it comes by: in no order,
 * and after a mistake perhaps not all.
 */
#pragma once

#include "compiler/sema/scope.h"
#include "grammar/source.h"
#include "runtime/base/vec.h"

struct use {
    struct span span; /* of the name alone, without quotes */
    const struct definition *of;
};

struct uses {
    VEC(struct use) all;
};

/* `u` may be NULL: nobody asks. */
static inline void uses_add(struct uses *u, struct span where, const struct definition *d)
{
    if (u)
        VEC_ADD(&u->all, (struct use){where, d});
}

static inline void uses_done(struct uses *u)
{
    VEC_DONE(&u->all);
}
