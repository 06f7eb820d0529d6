/*
 * named - what a table names outside of itself: files of certificates, keys, authorities, secrets
 * and servers, and the variables that secrets are in.
 *
 * Whoever may change what is served, but not which files it is made of, names none that was not
 * named before: what is wrong with a file is told, and what is right is served. Pure.
 */
#pragma once

#include "compiler/table/table.h"
#include "runtime/base/check.h"

/* Does `table` name nothing that `before` does not? Else *more is the first such name, a slice of
 * the table. */
MUST_CHECK bool names_no_more(const struct table *table, const struct table *before,
                              struct slice *more);
