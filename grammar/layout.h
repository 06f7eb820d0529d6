/*
 * layout - pieces to the tokens the grammar sees: where lines end statements, where brackets match.
 *
 * A line end ends a statement unless it stands inside ( ) or a set's braces, behind an operator, a
 * comma or a colon, or before a line that begins with `{`, `and` or `or`. Every statement gets a
 * SEP, the last of a block too. Braces of a set become LSET and RSET. Brackets that are missing are
 * put in, and those too many taken out, with a message, so that the grammar always sees matching
 * ones.
 */
#pragma once

#include "grammar/token.h"

struct arena;
struct diags;

/* How deep brackets may nest. */
#define LAYOUT_DEPTH_MAX 64u

/* Lexes the whole source and returns its tokens, in the arena. The last one is the end, kind 0. */
struct tokens layout(struct slice text, uint32_t first, struct arena *arena, struct diags *d);

/* The same for the pieces of a text that was lexed before: `n` of them, trivia and the end
 * included. Their spans need not be where they stand in that text: reports follow the spans. */
struct tokens layout_pieces(const struct token *piece, uint32_t n, uint32_t first,
                            struct arena *arena, struct diags *d);
