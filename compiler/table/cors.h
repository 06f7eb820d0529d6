/*
 * cors - whom `cors` allows to ask from other origins, and what a preflight is (Fetch, 3.2).
 *
 * Pure. Used by whoever serves and by whoever explains.
 */
#pragma once

#include "compiler/table/facts.h"
#include "compiler/table/table.h"
#include "compiler/table/verdict.h"

/* What the last `cors` of a decision says, or NULL. */
const struct table_cors *table_cors_of(const struct table *t, const struct verdict *v);

/* Does a browser ask on behalf of a page whether it may? Then it is answered, and not forwarded. */
bool table_cors_is_preflight(const struct facts *f);

/* The origin that asks, as browsers say it: .at is NULL where none is named, or more than one. */
struct slice table_cors_origin(const struct facts *f);

/* May a page of this origin read the answer? */
bool table_cors_allows(const struct table_cors *c, struct slice origin);
