/* screen - a page of `lbc top` as text. */
#pragma once

#include "runtime/base/text.h"
#include "stats/top/rows.h"

struct screen {
    uint32_t lines, columns; /* of the terminal; lines 0: as many as it takes */
    bool colors;
    const char
        *said;  /* the answer to the last command, or why there are no new numbers; NULL: nothing */
    bool finds; /* what is looked for is being typed */
};

/* Appends whole lines, each with its end and none wider than there are columns. `now` may be empty:
 * nobody has answered yet. */
void screen_draw(const struct screen *s, const struct rows *rows, const struct snapshot *before,
                 const struct snapshot *now, struct text *out);
