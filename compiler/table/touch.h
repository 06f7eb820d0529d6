/* touch - which fields a change of the request may give other values. */
#pragma once

#include "compiler/table/table.h"

/* Does a condition on this field see the change? True where in doubt. */
bool touches(const struct table_effect *e, enum table_field field, struct slice key);
