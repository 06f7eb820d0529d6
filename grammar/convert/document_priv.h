/* Shared by the files that write documents; nobody else includes this. */
#pragma once

#include "grammar/convert/document.h"
#include "runtime/base/text.h"

/* A scalar in double quotes, with escapes that JSON and YAML have in common, for everything that
 * one of them would not take as it is. */
void write_quoted(struct slice s, struct text *out);

/* Is there nothing in it that needs an escape? */
bool is_clean(struct slice s);

/* What neither of them takes as it is, as \\u and four digits; a backslash before the `escaped`. */
void write_escaped(struct slice s, const char *escaped, struct text *out);

/* A whole number that every reader takes for the same one. */
bool is_number(struct slice s);
