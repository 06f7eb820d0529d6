/*
 * suggest - the nearest name: what was probably meant.
 *
 * Distance is the number of single-character insertions, deletions, changes and swaps of neighbours
 * (optimal string alignment; Damerau 1964). How many are allowed grows with the length of the word.
 */
#pragma once

#include "runtime/base/slice.h"

#define SUGGEST_BYTES_MAX 64u /* longer words are neither compared nor suggested */

/* The distance, or `limit` + 1 when it is more than that. */
unsigned suggest_distance(struct slice a, struct slice b, unsigned limit);

/* The best of many, one after the other. Begin with {.word = …}. */
struct suggest {
    struct slice word;
    struct slice best; /* .at is NULL while nothing is near enough */
    unsigned distance;
};

void suggest_try(struct suggest *s, struct slice candidate);

/* The nearest of a list, or SLICE_NONE. */
struct slice suggest_nearest(struct slice word, const struct slice *list, size_t n);
