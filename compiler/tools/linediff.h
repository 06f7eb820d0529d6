/* linediff - the difference of two texts, line by line, as `diff -u` writes it. */
#pragma once

#include <stdbool.h>

#include "runtime/base/slice.h"

struct text;

/* Appends the unified difference, three lines around each change. False, and nothing is added,
 * when there is none. Where very much differs it is not the shortest one. */
bool linediff(const char *name, struct slice before, struct slice after, struct text *out);
