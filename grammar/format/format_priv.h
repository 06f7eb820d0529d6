/* Shared by the files of this folder; nobody else includes this. */
#pragma once

#include "grammar/format/format.h"
#include "runtime/base/text.h"
#include "runtime/base/vec.h"

/* Which lines can be aligned with which. */
enum shape {
    SHAPE_NONE,  /* none */
    SHAPE_BLOCK, /* what ends in a block on the same line: its brace */
    SHAPE_TYPED, /* NAME : TYPE = VALUE */
    SHAPE_NAMED, /* NAME = VALUE */
    SHAPE_PLAIN, /* other statements that begin with the same word: their next words */
};

#define STOPS_MAX 3

/* A place in a line where a column may begin: always behind a blank. */
struct stop {
    uint32_t at; /* bytes of the line's text before it */
    bool wide;   /* the writer left more room than one blank */
};

struct line {
    struct slice text; /* without indentation; empty for a comment alone */
    uint32_t indent;
    bool blank_before;
    enum shape shape;
    struct slice word; /* its first */
    struct stop stop[STOPS_MAX];
    uint32_t n_stops;
    struct slice comment;    /* at its end */
    uint32_t comment_column; /* where it stood, from 0 */
    bool comment_is_wide;    /* more than one blank stood before it */
};

typedef VEC(struct line) line_list;

/* Writes the lines, with their columns aligned where the writer had begun to. */
void lines_print(struct line *line, uint32_t n, struct arena *arena, struct text *out);
