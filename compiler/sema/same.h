/* same - clauses that an earlier one with the same condition makes unreachable. */
#pragma once

#include "compiler/sema/sema_priv.h"

/* Reports each; false when there is any. */
bool same_conditions(struct sema *s, const struct route *r);
