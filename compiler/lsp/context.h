/*
 * context - where in the shape of a text a place is: in which blocks, in which statement, behind
 * which words. Read off the tokens, so that it is there however broken the text is.
 */
#pragma once

#include "grammar/token.h"

#define CONTEXT_DEPTH_MAX 16u

struct context {
    const struct tokens *tokens;
    /* The number of the first token of the statement that opened each block, outermost first. */
    uint32_t block[CONTEXT_DEPTH_MAX];
    uint32_t depth;
    uint32_t begin; /* number of the first token of the statement at hand */
    uint32_t at;    /* number of the token at the place, or of the first one behind it */
    bool in_list;   /* inside the braces of a set */
};

/* `place` belongs to the token that ends or lies there; to the one that begins there where
 * `begins`. */
struct context context_at(const struct tokens *tokens, uint32_t place, bool begins);

/* The words of the block at `level` (0: the innermost): its first, or its name for number 1.
 * SLICE_NONE outside all blocks. */
struct slice context_block(const struct context *c, uint32_t level, uint32_t word);

/* The token `back` places before the one at hand, in the same statement: 1 is the last one before
 * it. SLICE_NONE where the statement begins. */
struct slice context_before(const struct context *c, uint32_t back);
/* The words from the beginning of the statement: 0 is the first. SLICE_NONE at and behind the
 * place. */
struct slice context_word(const struct context *c, uint32_t i);
