/*
 * verdict - what was decided for one request: the changes in order, then the one terminal action.
 *
 * It holds the text of the header values it makes, about ten KiB in all: keep one per worker, and
 * copy what must outlive the next decision. It points into itself, so it can't be copied whole.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "compiler/table/table.h"

struct verdict {
    uint32_t end;    /* index into table.end */
    uint32_t clause; /* the deciding clause, index into table.clause */

    /* The values of templates took more than TABLE_TEXT_BYTES_MAX: refuse the request (431), for
     * nothing else in the verdict may be used. */
    bool overflow;

    uint32_t n_effects;
    uint32_t effect[TABLE_EFFECTS_MAX];    /* indices into table.effect, in order */
    struct slice value[TABLE_EFFECTS_MAX]; /* of SET and ADD: what the header is given */

    size_t text_bytes;
    char text[TABLE_TEXT_BYTES_MAX]; /* where `value` points, unless the value is the table's */
};
