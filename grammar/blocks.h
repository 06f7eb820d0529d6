/*
 * blocks - which words begin a setting in which block, from the schema.
 *
 * Several settings may follow one another on a line, and only the schema knows where each begins.
 * This is all that the texts' own tools need of it.
 */
#pragma once

#include <stdbool.h>

#include "runtime/base/slice.h"

struct block_word {
    int block;
    struct slice word;
    int own;       /* the block of its own settings; 0: none */
    bool is_alone; /* nothing is written behind it */
};

/* The block of a definition, `cluster` or so; 0: there is no schema for it. */
int block_of(struct slice word);

/* What this word begins in a block; NULL: nothing. */
const struct block_word *block_find(int block, struct slice word);
