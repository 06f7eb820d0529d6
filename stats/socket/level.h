/*
 * level - what whoever asks may do: each level may do all that those before it may.
 *
 * Zero is the least, so what is not told its level shows and changes nothing.
 */
#pragma once

#include <stdbool.h>

#include "runtime/base/check.h"
#include "runtime/base/slice.h"

#define STATS_LEVELS(L)                                                                            \
    L(OBSERVER, "observer") /* looks */                                                            \
    L(OPERATOR, "operator") /* acts on what is served: servers, and what is in no file */          \
    L(ADMIN, "admin")       /* decides what is served: files, configurations, the process */

enum stats_level {
#define L(id, name) STATS_##id,
    STATS_LEVELS(L)
#undef L
};

/* As it is written and said. Static memory. */
const char *stats_level_name(enum stats_level level);

/* False when none is called so. */
MUST_CHECK bool stats_level_parse(struct slice name, enum stats_level *out);
