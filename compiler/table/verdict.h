/*
 * verdict - what was decided for one request: the changes in order, then the one terminal action.
 *
 * It holds the text of the header values it makes, about twenty KiB in all: keep one per worker,
 * and copy what must outlive the next decision. It points into itself, so it can't be copied whole.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "compiler/table/table.h"

/* Classes that were looked up and still hold; see eval.c. */
#define VERDICT_CLASSES 16u

struct verdict {
    uint32_t end;     /* index into table.end */
    uint32_t clause;  /* the deciding clause, index into table.clause */
    uint32_t cluster; /* of FORWARD, SPLIT, MAP: which one it came to */

    /* The values of templates took more than TABLE_TEXT_BYTES_MAX: refuse the request (431), for
     * nothing else in the verdict may be used. */
    bool overflow;

    /* A change of the path gave it bytes that no path may have: refuse the request (400). Nothing
     * else may be used, as above. */
    bool bad_target;

    uint32_t n_effects;
    uint32_t effect[TABLE_EFFECTS_MAX];    /* indices into table.effect, in order */
    struct slice value[TABLE_EFFECTS_MAX]; /* of SET and ADD: what the header is given */

    struct {
        uint32_t classifier, class; /* 1 + its index; 0: none */
    } known[VERDICT_CLASSES];

    bool required;  /* a `require` was met: `user` and `claim` are there, as they are claimed */
    bool rewritten; /* path and query are no more those of the request, but these */
    struct slice path, uri, query;

    size_t text_bytes;
    char text[TABLE_TEXT_BYTES_MAX];     /* where `value` points, unless the value is the table's */
    char target[TABLE_TARGET_BYTES_MAX]; /* where `uri` points, and the others into it */
};
