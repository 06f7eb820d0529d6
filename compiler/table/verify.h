/* verify - is this table sound? What the evaluator and the runtime rely on, checked once, so that
 * neither has to check it per request. */
#pragma once

#include "compiler/table/table.h"

/*
 * Every index in range; every node points forward only; every walk ends at an END and meets at most
 * TABLE_EFFECTS_MAX effects; sets sorted and searchable; timeouts, weights, counts in their ranges.
 *
 * Returns NULL, or a sentence that says what is wrong (static memory). Any thread.
 */
MUST_CHECK const char *table_verify(const struct table *t);
