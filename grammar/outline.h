/*
 * outline - the statements of a text as they were written: which tokens belong together, what is
 * between them, and no meaning at all.
 *
 * What writes configurations again (format, edit, convert) works on this, and so needs to know no
 * keyword; where settings follow one another on a line, the schema says where each begins. A piece
 * is a token without the separators; the gap before it has the blanks, comments, line ends and
 * semicolons.
 */
#pragma once

#include "grammar/parse.h"

struct piece {
    int kind;
    bool starts; /* the first of a statement */
    struct span span;
    struct slice text;
    struct slice gap; /* what stands between it and the piece before it */
};

struct statement {
    uint32_t from, to;       /* pieces [from, to): without its block */
    uint32_t open, close;    /* the braces of its block; both 0 where it has none */
    struct statement *first; /* in the block */
    struct statement *next;
    struct statement *parent; /* NULL at the top */
};

struct outline {
    struct slice source; /* the whole text; empty for pieces that somebody made */
    struct piece *piece; /* n of them, and one more without text: the end of the file */
    uint32_t n;
    struct statement *first;
};

/* The outline of a tree that was parsed without errors from `text`. All memory is the arena's. */
struct outline outline(const struct tree *tree, struct slice text, struct arena *arena);

/* The same for pieces that somebody else made; the last one, not counted in n, is the end. */
struct outline outline_of(struct piece *piece, uint32_t n, struct arena *arena);

static inline bool statement_has_block(const struct statement *s)
{
    return s->open != 0;
}

/* The last of its pieces. */
static inline uint32_t statement_last(const struct statement *s)
{
    return statement_has_block(s) ? s->close : s->to - 1;
}

/* What a gap holds, piece by piece: a comment, with what came before it since the last one. */
struct gap_comment {
    struct slice text; /* from its # on, without blanks at its end */
    uint32_t newlines; /* line ends before it; 0: it ends a line that has something else */
};

/* Takes the next comment off *gap. False when there is none any more; then *newlines is the number
 * of line ends in what is left. */
bool gap_next(struct slice *gap, struct gap_comment *comment, uint32_t *newlines);

bool gap_has_newline(struct slice gap);
bool gap_has_comment(struct slice gap);

/* Was the writer generous: two blanks or more, or a tab, on one line? */
bool gap_is_wide(struct slice gap);

/* The number of characters. */
uint32_t text_columns(struct slice s);
