/* What a limit lets through, as a timeline: of one key that asks again whenever it may. */
#pragma once

#include "compiler/table/table.h"

/* False when the table has no limit of that name. */
bool explain_limit(const struct table *t, struct slice name, struct text *out);
