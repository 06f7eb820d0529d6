/* verdict - what was decided for one request: the changes in order, then the one terminal action. */
#pragma once

#include <stdint.h>

#include "compiler/table/table.h"

struct verdict {
    uint32_t end;    /* index into table.end */
    uint32_t clause; /* the deciding clause, index into table.clause */
    uint32_t n_effects;
    uint32_t effect[TABLE_EFFECTS_MAX]; /* indices into table.effect, in order */
};
