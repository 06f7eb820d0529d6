/* columns - a table of texts, every column as wide as its widest cell, for people to read. */
#pragma once

#include "runtime/base/text.h"
#include "runtime/base/vec.h"

#define COLUMNS_MAX 16u

struct columns {
    uint32_t n;             /* columns, at most COLUMNS_MAX */
    uint32_t to_the_right;  /* bit i: column i holds numbers */
    struct text text;       /* all cells, one after the other */
    VEC(uint32_t) cell_end; /* where each ends in it; row by row */
};

/* The next cell, from left to right, row by row. */
void columns_add(struct columns *c, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Adds the rows to `out`, a line each, and frees what they took. The last row must be whole. */
void columns_finish(struct columns *c, struct text *out);
