/*
 * nearest - which of some names is the closest to a misspelt one: "did you mean …?".
 *
 * Zero it, set `wanted`, offer every candidate, and look at `best`.
 */
#pragma once

#include "runtime/base/slice.h"

/* Longer ones are never near anything: the work stays bounded. */
#define NEAREST_LEN_MAX 64u

struct nearest {
    struct slice wanted;
    struct slice best; /* empty: none is near enough */
    size_t distance;   /* of `best` */
};

/* Near enough: at most a third of the longer one's letters differ, and always one. The first of
 * several that are equally near wins. */
void nearest_offer(struct nearest *n, struct slice candidate);

/*
 * How many letters must be inserted, removed, replaced or swapped with their neighbour to make `b`
 * of `a` (optimal string alignment); ASCII case does not count. SIZE_MAX when one is longer than
 * NEAREST_LEN_MAX.
 */
size_t nearest_distance(struct slice a, struct slice b);
