/*
 * edited - may a changed text take the place of the one before?
 *
 * Whoever changes a configuration by a sentence must not break it on the way; but a file that has
 * errors already may be mended step by step. So what counts is the errors that were not there.
 */
#pragma once

#include "compiler/compile.h"
#include "grammar/diag.h"

struct text;

/*
 * Checks `after` as `lbc check` does, its tests too, as the file `name` whose text is `before`.
 * Returns how many errors it has that `before` has not; they are written to `said`, their places
 * those of `after`. What could not be asked of `before` because of its errors is not asked of
 * `after`: a misspelt name hid which clauses are never reached. Any thread; reads what the files
 * include.
 */
unsigned edited_errors(struct slice name, struct slice before, struct slice after,
                       const struct compile_options *options, enum diag_format format,
                       struct text *said);
